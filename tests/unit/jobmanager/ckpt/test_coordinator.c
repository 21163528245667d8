#include "coordinator_kit.h"

/* ---- the way of one checkpoint ---- */

Test(coordinator, sources_are_triggered_and_all_tasks_told_when_it_is_complete)
{
    rig r;
    rig_begin(&r);
    const uint64_t id = rig_next(&r);
    cr_assert_eq(id, 1u);
    rig_expect(&r, "T1:0.0 T1:0.1 ");
    rig_ack(&r, id, 0, 0);
    rig_ack(&r, id, 1, 1);
    rig_ack(&r, id, 1, 0);
    rig_expect(&r, "");
    cr_assert_not(rig_exists(&r, rig_chk(1, "/_metadata")), "not before the last acknowledgement");
    rig_ack(&r, id, 0, 1);
    rig_expect(&r, "C1:0.0 C1:0.1 C1:1.0 C1:1.1 ");
    cr_assert(rig_exists(&r, rig_chk(1, "/_metadata")));

    Wsl__Pb__CheckpointMeta *meta = NULL;
    wsl_error err = {0};
    cr_assert_eq(wsl_ckpt_load(wsl_mem_fs_seam(r.files), rig_chk(1, ""), &meta, &err), WSL_OK, "%s", err.text);
    cr_assert_str_eq(meta->job_name, "counting");
    cr_assert_eq(meta->n_files, 4u);
    cr_assert_eq(meta->state_bytes, 32u);
    cr_assert_eq(meta->n_operators, 1u, "only the source has something to remember");
    cr_assert(meta->operators[0]->has_enumerator);
    cr_assert_eq(meta->operators[0]->enumerator.len, 4u);
    cr_assert_eq(meta->operators[0]->n_subtasks, 2u);
    wsl__pb__checkpoint_meta__free_unpacked(meta, NULL);

    const jm_checkpoint_stats *s = jm_coordinator_history(r.c, 0);
    cr_assert_eq(s->state, JM_CHECKPOINT_COMPLETED);
    cr_assert_eq(s->n_acked, 4u);
    cr_assert_eq(s->state_bytes, 32u);
    cr_assert_eq(jm_coordinator_counts(r.c).completed, 1u);
    cr_assert_eq(jm_coordinator_counts(r.c).in_progress, 0u);
    rig_fini(&r);
}

Test(coordinator, an_acknowledgement_counts_once)
{
    rig r;
    rig_begin(&r);
    const uint64_t id = rig_next(&r);
    rig_ack(&r, id, 0, 0);
    rig_ack(&r, id, 0, 0);
    rig_ack(&r, id, 0, 1);
    rig_ack(&r, id, 1, 0);
    cr_assert_eq(latest_id(&r), 0u);
    rig_ack(&r, id, 1, 1);
    cr_assert_eq(latest_id(&r), id);
    rig_ack(&r, id, 1, 1);
    cr_assert(rig_exists(&r, rig_chk(id, "/_metadata")), "a late one does not remove a complete checkpoint");
    rig_ack_with(&r, 99, 0, 0, NULL);
    rig_fini(&r);
}

Test(coordinator, nothing_is_told_before_the_metadata_is_durable)
{
    rig r;
    rig_init(&r);
    rig_run(&r);
    r.hold = true;
    const uint64_t id = rig_next(&r);
    rig_expect(&r, "");
    rig_work(&r); /* its directory */
    rig_expect(&r, "T1:0.0 T1:0.1 ");
    rig_ack_all(&r, id);
    rig_expect(&r, "");
    cr_assert(jm_coordinator_is_publishing(r.c));
    cr_assert_eq(jm_coordinator_history(r.c, 0)->state, JM_CHECKPOINT_PUBLISHING);
    cr_assert_eq(latest_id(&r), 0u);
    rig_work(&r);
    rig_expect(&r, "C1:0.0 C1:0.1 C1:1.0 C1:1.1 ");
    cr_assert_eq(r.published, 1u);
    rig_fini(&r);
}

Test(coordinator, a_checkpoint_waits_until_all_tasks_run)
{
    rig r;
    rig_begin(&r);
    r.states[1][1] = WSL__PB__TASK_STATE__TASK_INITIALIZING;
    for (uint32_t i = 0; i < 500; i++) {
        rig_advance(&r, 100);
    }
    cr_assert_eq(jm_coordinator_counts(r.c).triggered, 0u);
    r.states[1][1] = RUNNING;
    (void)rig_next(&r);
    rig_fini(&r);
}

Test(coordinator, one_that_completes_puts_an_end_to_older_ones)
{
    rig r;
    rig_init(&r);
    rig_set(&r, "execution.checkpointing.max-concurrent-checkpoints", "2");
    rig_set(&r, "execution.checkpointing.num-retained", "2");
    rig_run(&r);
    const uint64_t a = rig_next(&r), b = rig_next(&r);
    for (uint32_t i = 0; i < 300; i++) {
        rig_advance(&r, 100);
    }
    cr_assert_eq(jm_coordinator_counts(r.c).triggered, 2u, "a third waits");
    rig_ack_all(&r, b);
    cr_assert_eq(latest_id(&r), b);
    cr_assert_eq(jm_coordinator_find_stats(r.c, a)->state, JM_CHECKPOINT_FAILED);
    cr_assert_str_eq(r.failed, "", "that is no failure of checkpointing");
    cr_assert_not(rig_exists(&r, rig_chk(a, "")));
    rig_ack_with(&r, a, 0, 0, NULL);
    cr_assert_eq(latest_id(&r), b);
    rig_fini(&r);
}

/* ---- failures ---- */

Test(coordinator, a_time_out_removes_its_files_and_names_who_is_missing)
{
    rig r;
    rig_init(&r);
    rig_set(&r, "execution.checkpointing.timeout", "5 s");
    rig_set(&r, "execution.checkpointing.tolerable-failed-checkpoints", "10");
    rig_run(&r);
    const uint64_t id = rig_next(&r);
    rig_ack(&r, id, 0, 0);
    cr_assert(rig_exists(&r, rig_chk(id, "/0-0.state")));
    rig_expect(&r, "T1:0.0 T1:0.1 ");
    rig_advance(&r, 4900);
    rig_expect(&r, "");
    rig_advance(&r, 100);
    rig_expect(&r, "A1:0.0 A1:0.1 A1:1.0 A1:1.1 ");
    const jm_checkpoint_stats *s = jm_coordinator_history(r.c, 0);
    cr_assert_eq(s->state, JM_CHECKPOINT_FAILED);
    cr_assert(has_text(s->reason, "3 of 4 tasks"), "%s", s->reason);
    cr_assert(has_text(s->reason, "(2/2)"), "%s", s->reason);
    cr_assert_not(rig_exists(&r, rig_chk(id, "")));
    rig_ack_with(&r, id, 0, 1, NULL);
    cr_assert_not(rig_exists(&r, rig_chk(id, "")));
    rig_fini(&r);
}

Test(coordinator, example_51_failures_count_in_a_row)
{
    rig r;
    rig_init(&r);
    rig_set(&r, "execution.checkpointing.timeout", "1 s");
    rig_set(&r, "execution.checkpointing.tolerable-failed-checkpoints", "2");
    rig_run(&r);
    for (uint32_t i = 0; i < 2; i++) {
        (void)rig_next(&r);
        rig_advance(&r, 1000);
    }
    (void)complete_one(&r);
    for (uint32_t i = 0; i < 2; i++) {
        (void)rig_next(&r);
        rig_advance(&r, 1000);
        cr_assert_str_eq(r.failed, "");
    }
    (void)rig_next(&r);
    rig_advance(&r, 1000);
    cr_assert(has_text(r.failed, "the 3. in a row"), "%s", r.failed);
    rig_fini(&r);
}

Test(coordinator, a_refusal_races_with_acknowledgements)
{
    rig r;
    rig_init(&r);
    rig_set(&r, "execution.checkpointing.tolerable-failed-checkpoints", "5");
    rig_run(&r);
    const uint64_t id = rig_next(&r);
    rig_ack(&r, id, 0, 0);
    jm_coordinator_on_declined(r.c, 1, 0, id, "the disk is full");
    cr_assert_eq(jm_coordinator_history(r.c, 0)->state, JM_CHECKPOINT_FAILED);
    cr_assert(has_text(jm_coordinator_history(r.c, 0)->reason, "the disk is full"));
    wsl_fs *fs = wsl_mem_fs_seam(r.files);
    cr_assert_eq(fs->make_dirs(fs, rig_chk(id, ""), NULL), WSL_OK); /* written after it was cleared */
    rig_ack(&r, id, 0, 1);
    cr_assert_not(rig_exists(&r, rig_chk(id, "")), "its files go as well");
    jm_coordinator_on_declined(r.c, 1, 0, id, "again");
    cr_assert_eq(jm_coordinator_counts(r.c).failed, 1u);
    rig_fini(&r);
}

/* A task says no to it because it still writes the one before: at a disk that is slower than the interval that is no failure. */
Test(coordinator, a_refusal_beside_an_older_checkpoint_does_not_count)
{
    rig r;
    rig_init(&r);
    rig_set(&r, "execution.checkpointing.max-concurrent-checkpoints", "2");
    rig_run(&r);
    const uint64_t older = rig_next(&r);
    const uint64_t newer = rig_next(&r);
    cr_assert_gt(newer, older);
    jm_coordinator_on_declined(r.c, 0, 0, newer, "the one before it is still being written");
    cr_assert_eq(jm_coordinator_counts(r.c).failed, 1u);
    cr_assert_str_empty(r.failed, "%s", r.failed);
    jm_coordinator_on_declined(r.c, 0, 0, older, "the disk is full");
    cr_assert(has_text(r.failed, "the 1. in a row"), "%s", r.failed);
    rig_fini(&r);
}

Test(coordinator, a_full_disk_leaves_the_older_checkpoint_the_latest)
{
    rig r;
    rig_init(&r);
    rig_set(&r, "execution.checkpointing.tolerable-failed-checkpoints", "5");
    rig_run(&r);
    const uint64_t good = complete_one(&r);
    const uint64_t bad = rig_next(&r);
    rig_ack(&r, bad, 0, 0);
    rig_ack(&r, bad, 0, 1);
    rig_ack(&r, bad, 1, 0);
    r.said[0] = '\0';
    wsl_mem_fs_set_capacity(r.files, wsl_mem_fs_used(r.files) + 20);
    rig_ack_with(&r, bad, 1, 1, NULL);
    cr_assert_eq(jm_coordinator_history(r.c, 0)->state, JM_CHECKPOINT_FAILED);
    cr_assert_eq(latest_id(&r), good);
    cr_assert(rig_exists(&r, rig_chk(good, "/_metadata")));
    cr_assert_not(rig_exists(&r, rig_chk(bad, "")));
    rig_expect(&r, "A2:0.0 A2:0.1 A2:1.0 A2:1.1 ");
    wsl_mem_fs_set_capacity(r.files, UINT64_MAX);
    (void)complete_one(&r);
    rig_fini(&r);
}

Test(coordinator, whatever_operation_fails_a_complete_checkpoint_stays)
{
    for (uint64_t n = 1;; n++) {
        rig r;
        rig_init(&r);
        rig_set(&r, "execution.checkpointing.tolerable-failed-checkpoints", "5");
        rig_run(&r);
        const uint64_t good = complete_one(&r);
        const uint64_t id = rig_next(&r);
        rig_ack(&r, id, 0, 0);
        rig_ack(&r, id, 0, 1);
        rig_ack(&r, id, 1, 0);
        wsl_mem_fs_fail_at(r.files, n, WSL_IO, false);
        rig_ack_with(&r, id, 1, 1, NULL);
        const bool failed = wsl_mem_fs_failed(r.files);
        wsl_mem_fs_fail_at(r.files, 0, WSL_OK, false);
        const uint64_t latest = latest_id(&r);
        cr_assert(latest == good || latest == id);
        cr_assert(rig_exists(&r, rig_chk(latest, "/_metadata")), "n=%" PRIu64, n);
        cr_assert(rig_exists(&r, rig_chk(latest, "/0-0.state")));
        cr_assert_eq(latest == id, jm_coordinator_history(r.c, 0)->state == JM_CHECKPOINT_COMPLETED);
        rig_fini(&r);
        if (!failed) {
            cr_assert_gt(n, 5u);
            break;
        }
    }
}

Test(coordinator, files_outside_of_the_checkpoint_are_not_taken)
{
    static const char *const bad[] = {"chk-1/../../x", "chk-2/a", "/etc/passwd", "x", "shared/../x", "chk-1/"};
    for (size_t i = 0; i < WSL_ARRAY_LEN(bad); i++) {
        rig r;
        rig_init(&r);
        rig_set(&r, "execution.checkpointing.tolerable-failed-checkpoints", "5");
        rig_run(&r);
        const uint64_t id = rig_next(&r);
        Wsl__Pb__CheckpointAck ack = WSL__PB__CHECKPOINT_ACK__INIT;
        Wsl__Pb__TaskSnapshot s = WSL__PB__TASK_SNAPSHOT__INIT;
        Wsl__Pb__StateFile f = WSL__PB__STATE_FILE__INIT;
        Wsl__Pb__StateFile *files[] = {&f};
        f.path = (char *)(uintptr_t)bad[i];
        f.size = 8;
        s.files = files;
        s.n_files = 1;
        ack.checkpoint = id;
        ack.snapshot = &s;
        jm_coordinator_on_ack(r.c, 0, 0, &ack);
        cr_assert_eq(jm_coordinator_history(r.c, 0)->state, JM_CHECKPOINT_FAILED, "%s", bad[i]);
        rig_fini(&r);
    }
}

/* ---- tasks that finish ---- */

Test(coordinator, a_task_that_finishes_first_gives_nothing_and_its_consumers_are_triggered)
{
    rig r;
    rig_begin(&r);
    const uint64_t id = rig_next(&r);
    rig_expect(&r, "T1:0.0 T1:0.1 ");
    rig_ack(&r, id, 0, 0);
    rig_finish(&r, 0, 1);
    rig_expect(&r, "");
    rig_finish(&r, 0, 0); /* nobody sends barriers to the others any more */
    rig_expect(&r, "T1:1.0 T1:1.1 ");
    rig_ack(&r, id, 1, 0);
    rig_ack(&r, id, 1, 1);
    cr_assert_eq(latest_id(&r), id);
    const char *base = NULL;
    const Wsl__Pb__CheckpointMeta *meta = jm_coordinator_latest(r.c, &base);
    cr_assert_not(meta->operators[0]->subtasks[0]->finished);
    cr_assert(meta->operators[0]->subtasks[1]->finished);
    rig_fini(&r);
}

Test(coordinator, when_all_sources_have_ended_the_next_checkpoint_comes_at_once)
{
    rig r;
    rig_init(&r);
    rig_set(&r, "execution.checkpointing.interval", "1 h");
    rig_run(&r);
    rig_step(&r);
    rig_finish(&r, 0, 0);
    rig_finish(&r, 0, 1);
    rig_step(&r);
    rig_expect(&r, "T1:1.0 T1:1.1 ");
    rig_finish(&r, 1, 0);
    rig_ack(&r, 1, 1, 1);
    cr_assert_eq(latest_id(&r), 1u);
    rig_expect(&r, "C1:1.1 ");
    rig_fini(&r);
}

Test(coordinator, checkpoints_after_tasks_finish_can_be_switched_off)
{
    rig r;
    rig_init(&r);
    rig_set(&r, "execution.checkpointing.checkpoints-after-tasks-finish.enabled", "false");
    rig_run(&r);
    rig_finish(&r, 0, 0);
    rig_finish(&r, 0, 1);
    rig_advance(&r, 60000);
    cr_assert_eq(jm_coordinator_counts(r.c).triggered, 0u);
    rig_fini(&r);
}

/* ---- restarts ---- */

Test(coordinator, a_restart_gives_up_what_is_pending_and_ids_go_on)
{
    rig r;
    rig_begin(&r);
    const uint64_t id = rig_next(&r);
    rig_ack(&r, id, 0, 0);
    r.said[0] = '\0';
    jm_coordinator_stop(r.c, "task 'x' failed");
    rig_expect(&r, "A1:0.0 A1:0.1 A1:1.0 A1:1.1 "); /* some of them may run on */
    cr_assert_str_eq(jm_coordinator_history(r.c, 0)->reason, "task 'x' failed");
    cr_assert_not(rig_exists(&r, rig_chk(id, "")));
    wsl_fs *fs = wsl_mem_fs_seam(r.files);
    cr_assert_eq(fs->make_dirs(fs, rig_chk(id, ""), NULL), WSL_OK);
    rig_write(&r, rig_chk(id, "/1-1.state"), "a task that was canceled too late");
    jm_coordinator_on_stray_ack(r.c, id + 100);
    jm_coordinator_on_running(r.c, wsl_now_ns(&r.clock.clock));
    cr_assert_not(rig_exists(&r, rig_chk(id, "")), "what attempts leave behind is swept");
    cr_assert_eq(complete_one(&r), id + 1);
    rig_fini(&r);
}

Test(coordinator, a_stop_while_it_is_published_waits_for_what_comes_of_it)
{
    rig r;
    rig_begin(&r);
    const uint64_t first = complete_one(&r);
    const uint64_t id = rig_next(&r);
    r.hold = true;
    rig_ack_all(&r, id);
    jm_coordinator_stop(r.c, "a task failed");
    cr_assert(jm_coordinator_is_publishing(r.c));
    cr_assert_eq(latest_id(&r), first);
    r.said[0] = '\0';
    rig_work(&r);
    cr_assert_not(jm_coordinator_is_publishing(r.c));
    cr_assert_eq(latest_id(&r), id, "it is durable: going back further would repeat what it commits");
    rig_expect(&r, "C2:0.0 C2:0.1 C2:1.0 C2:1.1 "); /* those that run on: the others begin with it */
    rig_fini(&r);
}

Test(coordinator, a_coordinator_may_go_while_its_files_are_being_written)
{
    rig r;
    rig_begin(&r);
    const uint64_t id = rig_next(&r);
    r.hold = true;
    rig_ack_all(&r, id);
    jm_coordinator_free(r.c);
    r.c = NULL;
    rig_work(&r);
    rig_fini(&r);
}

/* ---- what is kept ---- */

static void end_with(const char *retention, jm_job_end how, bool kept)
{
    rig r;
    rig_init(&r);
    if (retention != NULL) {
        rig_set(&r, "execution.checkpointing.externalized-checkpoint-retention", retention);
    }
    rig_run(&r);
    (void)complete_one(&r);
    const uint64_t id = complete_one(&r);
    cr_assert_not(rig_exists(&r, rig_chk(1, "")), "one is retained");
    const uint64_t pending = rig_next(&r);
    rig_ack(&r, pending, 0, 0);
    jm_coordinator_on_job_ended(r.c, how);
    cr_assert_eq(rig_exists(&r, rig_chk(id, "/_metadata")), kept);
    cr_assert_not(rig_exists(&r, rig_chk(pending, "")));
    cr_assert_eq(rig_exists(&r, RIG_DIR), kept);
    rig_fini(&r);
}

Test(coordinator, retention_says_what_stays_when_the_job_has_ended)
{
    static const char delete[] = "DELETE_ON_CANCELLATION", retain[] = "retain_on_cancellation";
    end_with(NULL, JM_END_FAILED, false);
    end_with(NULL, JM_END_CANCELED, false);
    end_with(delete, JM_END_FAILED, true);
    end_with(delete, JM_END_CANCELED, false);
    end_with(delete, JM_END_FINISHED, false);
    end_with(retain, JM_END_FAILED, true);
    end_with(retain, JM_END_CANCELED, true);
    end_with(retain, JM_END_FINISHED, false);
}

Test(coordinator, what_is_being_written_when_the_job_is_canceled_goes_or_stays_as_retention_says)
{
    for (uint32_t keep = 0; keep < 2; keep++) {
        rig r;
        rig_init(&r);
        if (keep) {
            rig_set(&r, "execution.checkpointing.externalized-checkpoint-retention", "RETAIN_ON_CANCELLATION");
        }
        rig_run(&r);
        const uint64_t id = rig_next(&r);
        r.hold = true;
        rig_ack_all(&r, id);
        jm_coordinator_on_job_ended(r.c, JM_END_CANCELED);
        rig_work(&r);
        rig_work(&r);
        cr_assert_eq(rig_exists(&r, rig_chk(id, "/_metadata")), keep == 1);
        rig_fini(&r);
    }
}

Test(coordinator, as_many_are_retained_as_asked_for)
{
    rig r;
    rig_init(&r);
    rig_set(&r, "state.checkpoints.num-retained", "3");
    rig_run(&r);
    for (uint32_t i = 0; i < 5; i++) {
        (void)complete_one(&r);
    }
    for (uint64_t id = 1; id <= 5; id++) {
        cr_assert_eq(rig_exists(&r, rig_chk(id, "/_metadata")), id > 2);
        cr_assert_eq(jm_coordinator_find_stats(r.c, id)->discarded, id <= 2);
    }
    rig_fini(&r);
}

Test(coordinator, a_damaged_checkpoint_falls_back_to_an_older_one)
{
    rig r;
    rig_init(&r);
    rig_set(&r, "execution.checkpointing.num-retained", "2");
    rig_run(&r);
    const uint64_t a = complete_one(&r), b = complete_one(&r);
    jm_coordinator_damaged(r.c, b, "bits flipped");
    cr_assert_eq(latest_id(&r), a);
    cr_assert_not(jm_coordinator_all_damaged(r.c));
    const uint64_t c = complete_one(&r);
    cr_assert(rig_exists(&r, rig_chk(a, "")), "a damaged one does not take the place of a sound one");
    jm_coordinator_damaged(r.c, c, "x");
    jm_coordinator_damaged(r.c, a, "x");
    cr_assert_eq(latest_id(&r), 0u);
    cr_assert(jm_coordinator_all_damaged(r.c));
    rig_fini(&r);
}
