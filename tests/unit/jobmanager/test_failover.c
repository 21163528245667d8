/* Regions: what restarts when a part of a job fails, where, and what goes on meanwhile. */
#include "recovery_kit.h"

Test(failover, only_the_region_that_failed_restarts_and_checkpoints_go_on_when_it_runs)
{
    kit k;
    fake_tm t;
    kit_init(&k);
    tm_join(&t, &k, "h:1-a", 3);
    const wsl_id job = submit_apart(&k, 3, "");
    cr_assert_eq(run_all(&t, 1, 0), 3u);
    uint64_t id = next_trigger(&t);
    for (uint32_t i = 0; i < 3; i++) {
        ack(&t, &job, 1, id, 0, i);
    }
    cr_assert_eq(drop_all(&t, WSL__PB__ENVELOPE__BODY_CHECKPOINT_ENDED), 3u);
    const uint64_t given_up = next_trigger(&t);
    ack(&t, &job, 1, given_up, 0, 0);

    report_at(&t, &job, 1, 0, 1, FAILED, "the disk is on fire");
    kit_expect_state(&k, &job, "RESTARTING");
    cr_assert_eq(cancel_all(&t), 0u, "the others run on");
    wsl_envelope *e = tm_take(&t, WSL__PB__ENVELOPE__BODY_CHECKPOINT_ENDED);
    cr_assert(e->checkpoint_ended->checkpoint == given_up && !e->checkpoint_ended->complete);
    wsl_envelope_free(e);
    cr_assert_eq(drop_all(&t, WSL__PB__ENVELOPE__BODY_CHECKPOINT_ENDED), 1u);
    cr_assert_eq(kit_info(&k, &job).tasks_running, 2u);
    advance_to_restart(&t, 1000);
    kit_expect_state(&k, &job, "RUNNING");
    e = tm_take(&t, WSL__PB__ENVELOPE__BODY_DEPLOY);
    cr_assert_eq(e->deploy->task->subtask, 1u);
    cr_assert_eq(e->deploy->task->attempt, 2u);
    cr_assert_eq(e->deploy->restored_checkpoint, id);
    report(&t, e->deploy->task, RUNNING, "", false);
    wsl_envelope_free(e);
    cr_assert_eq(run_all(&t, 2, id), 0u);

    /* a checkpoint of tasks of both attempts */
    id = next_trigger(&t);
    ack(&t, &job, 1, id, 0, 1); /* a zombie */
    ack(&t, &job, 1, id, 0, 0);
    ack(&t, &job, 2, id, 0, 1);
    cr_assert_eq(drop_all(&t, WSL__PB__ENVELOPE__BODY_CHECKPOINT_ENDED), 0u);
    ack(&t, &job, 1, id, 0, 2);
    cr_assert_eq(drop_all(&t, WSL__PB__ENVELOPE__BODY_CHECKPOINT_ENDED), 3u);
    const jm_job *j = jm_find_job(k.jm, &job);
    cr_assert_eq(j->graph.vertices[0].subtasks[0].tries, 1u);
    cr_assert_eq(j->graph.vertices[0].subtasks[1].tries, 2u);
    report_at(&t, &job, 1, 0, 0, FINISHED, "");
    report_at(&t, &job, 2, 0, 1, FINISHED, "");
    report_at(&t, &job, 1, 0, 2, FINISHED, "");
    kit_expect_state(&k, &job, "FINISHED");
    cr_assert_eq(jm_slots_available(k.jm), 3u);
    tm_fini(&t);
    kit_fini(&k);
}

Test(failover, a_second_region_that_fails_meanwhile_joins_the_restart_and_the_last_one_may_finish)
{
    kit k;
    fake_tm t;
    kit_init(&k);
    tm_join(&t, &k, "h:1-a", 3);
    const wsl_id job = submit_apart(&k, 3, ",\"restart-strategy.type\":\"fixed-delay\"");
    cr_assert_eq(run_all(&t, 1, 0), 3u);
    report_at(&t, &job, 1, 0, 0, FAILED, "first");
    report_at(&t, &job, 1, 0, 2, FAILED, "second");
    report_at(&t, &job, 1, 0, 1, FINISHED, "");
    kit_expect_state(&k, &job, "RESTARTING");
    advance_to_restart(&t, 1000);
    cr_assert_eq(run_all(&t, 2, 0), 2u);
    kit_expect_state(&k, &job, "RUNNING");
    cr_assert_eq(kit_info(&k, &job).restarts, 1u);
    report_at(&t, &job, 2, 0, 0, FAILED, "third: the one attempt is used up");
    cr_assert_eq(cancel_all(&t), 1u);
    kit_expect_state(&k, &job, "FAILED");
    tm_fini(&t);
    kit_fini(&k);
}

Test(failover, what_belongs_to_no_task_restarts_all_regions_and_so_does_the_strategy_full)
{
    kit k;
    fake_tm t;
    kit_init(&k);
    tm_join(&t, &k, "h:1-a", 2);
    wsl_id job = submit_apart(&k, 2, "");
    (void)run_all(&t, 1, 0);
    const uint64_t id = next_trigger(&t);
    Wsl__Pb__TaskId task;
    Wsl__Pb__CheckpointDeclined d = WSL__PB__CHECKPOINT_DECLINED__INIT;
    wsl_pb_task_id_init(&task, &job, 0, 0, 1);
    d.task = &task;
    d.checkpoint = id;
    d.reason = wsl_pb_text("no space left");
    tm_send(&t, WSL__PB__ENVELOPE__BODY_CHECKPOINT_DECLINED, &d);
    kit_expect_state(&k, &job, "RESTARTING");
    cr_assert_eq(cancel_all(&t), 2u);
    advance_to_restart(&t, 1000);
    cr_assert_eq(run_all(&t, 2, 0), 2u);
    wsl_error err = {0};
    cr_assert_eq(jm_cancel(k.jm, &job, &err), WSL_OK);
    cr_assert_eq(cancel_all(&t), 2u);

    job = submit_apart(&k, 2, ",\"jobmanager.execution.failover-strategy\":\"full\"");
    (void)run_all(&t, 1, 0);
    report_at(&t, &job, 1, 0, 0, FAILED, "x");
    cr_assert_eq(cancel_all(&t), 1u);
    advance_to_restart(&t, 1000);
    cr_assert_eq(run_all(&t, 2, 0), 2u);
    tm_fini(&t);
    kit_fini(&k);
}

Test(failover, a_region_goes_back_to_its_own_slot_and_another_job_does_not_get_it_meanwhile)
{
    kit k;
    fake_tm t;
    kit_init(&k);
    tm_join(&t, &k, "h:1-a", 2);
    const wsl_id job = submit_apart(&k, 2, "");
    (void)run_all(&t, 1, 0);
    const wsl_id other = kit_submit_counting(&k, 1);
    report_at(&t, &job, 1, 0, 1, FAILED, "x");
    advance_to_restart(&t, 900);
    kit_expect_state(&k, &other, "CREATED");
    cr_assert(has_text(kit_info(&k, &other).waiting, "needs 1 slot, 0 free"), "%s", kit_info(&k, &other).waiting);
    advance_to_restart(&t, 100);
    wsl_envelope *e = tm_take(&t, WSL__PB__ENVELOPE__BODY_DEPLOY);
    cr_assert_eq(e->deploy->slot, 1u);
    wsl_envelope_free(e);
    tm_fini(&t);
    kit_fini(&k);
}

Test(failover, taskmanagers_that_die_again_and_again_without_a_checkpoint_are_told_of)
{
    kit k;
    fake_tm t;
    kit_init(&k);
    wsl_id job = {0};
    for (uint32_t i = 1; i <= 4; i++) {
        char id[16];
        (void)snprintf(id, sizeof id, "h:%u-a", i);
        tm_join(&t, &k, id, 1);
        if (i == 1) {
            job = submit(&k, 1, "");
        }
        advance_to_restart(&t, 3000);
        (void)run_all(&t, i, i == 4 ? 1 : 0);
        if (i == 3) {
            cr_assert_eq(complete_one(&t, &job, 3, 1), 1u);
        }
        tm_fini(&t);
        kit_step(&k);
        kit_expect_state(&k, &job, "RESTARTING");
        cr_assert_not(has_text(kit_info(&k, &job).failure, "in a row"), "%u: %s", i, kit_info(&k, &job).failure);
    }
    for (uint32_t i = 5; i <= 6; i++) {
        char id[16];
        (void)snprintf(id, sizeof id, "h:%u-a", i);
        tm_join(&t, &k, id, 1);
        advance_to_restart(&t, 20000);
        cr_assert_eq(run_all(&t, i, 1), 2u);
        tm_fini(&t);
        kit_step(&k);
    }
    cr_assert(has_text(kit_info(&k, &job).failure, "in a row without a checkpoint"), "%s", kit_info(&k, &job).failure);
    kit_fini(&k);
}

Test(failover, slots_are_held_only_for_a_while_if_others_are_missing)
{
    kit k;
    fake_tm a, b;
    kit_init(&k);
    tm_join(&a, &k, "h:1-a", 1);
    tm_join(&b, &k, "h:2-b", 1);
    const wsl_id job = submit(&k, 2, "");
    (void)run_all(&a, 1, 0);
    (void)run_all(&b, 1, 0);
    const wsl_id other = kit_submit_counting(&k, 1);
    tm_fini(&a);
    kit_step(&k);
    (void)cancel_all(&b);
    advance_to_restart(&b, 50000);
    kit_expect_state(&k, &other, "CREATED");
    advance_to_restart(&b, 2000);
    kit_expect_state(&k, &other, "RUNNING");
    kit_expect_state(&k, &job, "RESTARTING");
    cr_assert(has_text(kit_info(&k, &job).waiting, "needs 2 slots, 0 free"), "%s", kit_info(&k, &job).waiting);
    tm_fini(&b);
    kit_fini(&k);
}
