/* jobmanager.scheduler: adaptive. Jobs shrink to the slots there are, and grow back. */
#include "recovery_kit.h"

static const char adaptive[] = ",\"jobmanager.scheduler\":\"adaptive\"";

/* Deployments are RUNNING, all with these numbers; how many there were. */
static uint32_t run_with(fake_tm *t, uint32_t parallelism, uint32_t attempt, uint64_t restored)
{
    uint32_t n = 0;
    for (wsl_envelope *e = tm_take(t, WSL__PB__ENVELOPE__BODY_DEPLOY); e != NULL;
         e = tm_take(t, WSL__PB__ENVELOPE__BODY_DEPLOY), n++) {
        cr_assert_eq(e->deploy->parallelism, parallelism, "%u", e->deploy->parallelism);
        cr_assert_eq(e->deploy->task->attempt, attempt, "%u", e->deploy->task->attempt);
        cr_assert_eq(e->deploy->restored_checkpoint, restored);
        report(t, e->deploy->task, RUNNING, "", false);
        wsl_envelope_free(e);
    }
    return n;
}

static fake_tm *runner(fake_tm *a, fake_tm *b, const wsl_id *job, uint32_t v, uint32_t i)
{
    const jm_subtask *t = &jm_find_job(a->kit->jm, job)->graph.vertices[v].subtasks[i];
    return strcmp(t->tm_id, a->id) == 0 ? a : b;
}

/* The next one, of tasks on both. */
static uint64_t complete_both(fake_tm *a, fake_tm *b, const wsl_id *job, uint32_t attempt, uint32_t parallelism)
{
    fake_tm *first = runner(a, b, job, 0, 0);
    const uint64_t id = next_trigger(first);
    for (uint32_t v = 0; v < 2; v++) {
        for (uint32_t i = 0; i < parallelism; i++) {
            ack(runner(a, b, job, v, i), job, attempt, id, v, i);
        }
    }
    (void)drop_all(a, WSL__PB__ENVELOPE__BODY_TRIGGER_CHECKPOINT);
    (void)drop_all(b, WSL__PB__ENVELOPE__BODY_TRIGGER_CHECKPOINT);
    (void)drop_all(a, WSL__PB__ENVELOPE__BODY_CHECKPOINT_ENDED);
    (void)drop_all(b, WSL__PB__ENVELOPE__BODY_CHECKPOINT_ENDED);
    return id;
}

Test(adaptive, a_job_goes_on_with_the_slots_that_are_left_and_grows_back_from_a_new_checkpoint)
{
    kit k;
    fake_tm a, b, c;
    kit_init(&k);
    tm_join(&a, &k, "h:1-a", 1);
    tm_join(&b, &k, "h:2-b", 1);
    const wsl_id job = submit(&k, 2, adaptive);
    cr_assert_eq(run_with(&a, 2, 1, 0) + run_with(&b, 2, 1, 0), 4u);
    const uint64_t id = complete_both(&a, &b, &job, 1, 2);

    tm_fini(&a);
    kit_step(&k);
    kit_expect_state(&k, &job, "RESTARTING");
    (void)cancel_all(&b);
    advance_to_restart(&b, 1000);
    cr_assert(has_text(kit_info(&k, &job).waiting, "needs 2 slots, 1 free"), "%s", kit_info(&k, &job).waiting);
    advance_to_restart(&b, 1500);
    kit_expect_state(&k, &job, "RESTARTING");
    advance_to_restart(&b, 1000);
    kit_expect_state(&k, &job, "RUNNING");
    wsl_envelope *e = tm_take(&b, WSL__PB__ENVELOPE__BODY_DEPLOY);
    cr_assert_eq(e->deploy->parallelism, 1u);
    cr_assert_eq(e->deploy->restored_checkpoint, id);
    cr_assert_eq(e->deploy->restore->operators[0]->watermark, 100 + (int64_t)id);
    report(&b, e->deploy->task, RUNNING, "", false);
    wsl_envelope_free(e);
    cr_assert_eq(run_with(&b, 1, 2, id), 1u);
    cr_assert_eq(kit_info(&k, &job).tasks, 2u);
    cr_assert(has_text(kit_info(&k, &job).waiting, "needs 2 slots, has 1: runs at parallelism 1 of 2"), "%s", kit_info(&k, &job).waiting);
    const uint64_t shrunk = complete_one(&b, &job, 2, 1);
    cr_assert_eq(shrunk, id + 1);

    tm_join(&c, &k, "h:3-c", 1);
    uint64_t last = 0;
    for (uint32_t i = 0; i < 30 && strcmp(kit_info(&k, &job).state, "RUNNING") == 0; i++) {
        last = next_trigger(&b);
        ack(&b, &job, 2, last, 0, 0);
        ack(&b, &job, 2, last, 1, 0);
        tm_heartbeat(&c);
    }
    kit_expect_state(&k, &job, "RESTARTING");
    cr_assert_gt(last, shrunk);
    cr_assert_eq(cancel_all(&b), 2u);
    kit_expect_state(&k, &job, "RUNNING");
    cr_assert_eq(run_with(&b, 2, 3, last) + run_with(&c, 2, 3, last), 4u);
    cr_assert_str_eq(kit_info(&k, &job).waiting, "");
    cr_assert_eq(complete_both(&b, &c, &job, 3, 2), last + 1);
    tm_fini(&b);
    tm_fini(&c);
    kit_fini(&k);
}

Test(adaptive, a_new_job_begins_with_what_there_is_when_it_has_waited)
{
    kit k;
    fake_tm t;
    kit_init(&k);
    tm_join(&t, &k, "h:1-a", 3);
    const wsl_id job = submit(&k, 8, ",\"scheduler-mode\":\"adaptive\""); /* its other name */
    kit_expect_state(&k, &job, "CREATED");
    advance_to_restart(&t, 1500);
    kit_expect_state(&k, &job, "CREATED");
    advance_to_restart(&t, 1000);
    kit_expect_state(&k, &job, "RUNNING");
    cr_assert_eq(run_with(&t, 3, 1, 0), 6u);
    for (uint32_t v = 0; v < 2; v++) {
        for (uint32_t i = 0; i < 3; i++) {
            report_at(&t, &job, 1, v, i, FINISHED, "");
        }
    }
    kit_expect_state(&k, &job, "FINISHED");
    tm_fini(&t);
    kit_fini(&k);
}

Test(adaptive, slots_that_come_in_time_are_all_taken)
{
    kit k;
    fake_tm a, b;
    kit_init(&k);
    tm_join(&a, &k, "h:1-a", 1);
    const wsl_id job = submit(&k, 2, adaptive);
    advance_to_restart(&a, 1000);
    tm_join(&b, &k, "h:2-b", 1);
    kit_step(&k);
    cr_assert_eq(run_with(&a, 2, 1, 0) + run_with(&b, 2, 1, 0), 4u);
    kit_expect_state(&k, &job, "RUNNING");
    tm_fini(&a);
    tm_fini(&b);
    kit_fini(&k);
}

Test(adaptive, a_region_that_gets_no_slot_takes_the_others_with_it)
{
    kit k;
    fake_tm a, b;
    kit_init(&k);
    tm_join(&a, &k, "h:1-a", 1);
    tm_join(&b, &k, "h:2-b", 1);
    const wsl_id job = submit_apart(&k, 2, adaptive);
    cr_assert_eq(run_with(&a, 2, 1, 0) + run_with(&b, 2, 1, 0), 2u);
    tm_fini(&a);
    kit_step(&k);
    kit_expect_state(&k, &job, "RESTARTING");
    advance_to_restart(&b, 2500);
    cr_assert_eq(tm_count(&b, WSL__PB__ENVELOPE__BODY_CANCEL), 0u, "it has not waited long enough");
    advance_to_restart(&b, 1000);
    cr_assert_eq(cancel_all(&b), 1u);
    advance_to_restart(&b, 500);
    kit_expect_state(&k, &job, "RUNNING");
    cr_assert_eq(run_with(&b, 1, 2, 0), 1u);
    tm_fini(&b);
    kit_fini(&k);
}

Test(adaptive, a_shrunk_job_that_fails_takes_what_slots_there_are_by_then)
{
    kit k;
    fake_tm a, b;
    kit_init(&k);
    tm_join(&a, &k, "h:1-a", 1);
    const wsl_id job = submit(&k, 2, adaptive);
    advance_to_restart(&a, 2500);
    cr_assert_eq(run_with(&a, 1, 1, 0), 2u);
    tm_join(&b, &k, "h:2-b", 1);
    report_at(&a, &job, 1, 0, 0, FAILED, "x");
    cr_assert_eq(cancel_all(&a), 1u);
    advance_to_restart(&a, 1000);
    cr_assert_eq(run_with(&a, 2, 2, 0) + run_with(&b, 2, 2, 0), 4u);
    kit_expect_state(&k, &job, "RUNNING");
    tm_fini(&a);
    tm_fini(&b);
    kit_fini(&k);
}
