#include "coordinator_kit.h"

/* ---- savepoints ---- */

static uint64_t ask(rig *r, Wsl__Pb__CheckpointKind kind, const char *target, bool drain)
{
    uint64_t id = 0;
    wsl_error err = {0};
    cr_assert_eq(jm_coordinator_trigger(r->c, kind, target, drain, &id, &err), WSL_OK, "%s", err.text);
    return id;
}

Test(savepoints, a_savepoint_stands_in_a_directory_of_its_own)
{
    rig r;
    rig_begin(&r);
    const uint64_t id = ask(&r, SAVEPOINT, "file:///sp", false);
    rig_step(&r);
    rig_expect(&r, "T1:0.0 T1:0.1 ");
    rig_ack_all(&r, id);
    cr_assert(has_text(r.asked, "1 /sp/savepoint-0a0000-"), "%s", r.asked);
    const char *dir = strchr(r.asked, ' ') + 1;
    Wsl__Pb__CheckpointMeta *meta = NULL;
    wsl_error err = {0};
    cr_assert_eq(wsl_ckpt_load(wsl_mem_fs_seam(r.files), dir, &meta, &err), WSL_OK, "%s", err.text);
    cr_assert(meta->savepoint);
    for (size_t i = 0; i < meta->n_files; i++) {
        char path[256];
        (void)snprintf(path, sizeof path, "%s/%s", dir, meta->files[i]->path);
        cr_assert(rig_exists(&r, path), "%s", path);
        cr_assert_null(strchr(meta->files[i]->path, '/'), "%s", meta->files[i]->path);
    }
    wsl__pb__checkpoint_meta__free_unpacked(meta, NULL);
    cr_assert_not(rig_exists(&r, rig_chk(id, "")));
    cr_assert_eq(latest_id(&r), 0u, "it is not gone back to");
    rig_expect(&r, "A1:0.0 A1:0.1 A1:1.0 A1:1.1 "); /* commits nothing */
    jm_coordinator_on_job_ended(r.c, JM_END_CANCELED);
    cr_assert(rig_exists(&r, dir), "it belongs to who asked for it");
    rig_fini(&r);
}

Test(savepoints, a_savepoint_waits_for_the_checkpoint_before_it_and_keeps_later_ones_waiting)
{
    rig r;
    rig_begin(&r);
    const uint64_t id = rig_next(&r);
    const uint64_t sp = ask(&r, SAVEPOINT, "/sp", false);
    r.said[0] = '\0';
    for (uint32_t i = 0; i < 300; i++) {
        rig_advance(&r, 100);
    }
    rig_expect(&r, "");
    rig_ack_all(&r, id);
    r.said[0] = '\0';
    for (uint32_t i = 0; i < 300; i++) {
        rig_advance(&r, 100);
    }
    rig_expect(&r, "T2:0.0 T2:0.1 ");
    rig_ack_all(&r, sp);
    cr_assert(has_text(r.asked, "2 /sp/savepoint-"), "%s", r.asked);
    (void)complete_one(&r);
    rig_fini(&r);
}

Test(savepoints, a_savepoint_that_fails_is_told_and_does_not_count)
{
    rig r;
    rig_begin(&r); /* no failure is tolerated */
    const uint64_t id = ask(&r, SAVEPOINT, "/sp", false);
    rig_step(&r);
    rig_ack(&r, id, 0, 0);
    jm_coordinator_on_declined(r.c, 0, 1, id, "not now");
    cr_assert(has_text(r.asked, "1 failed: ") && has_text(r.asked, "not now"), "%s", r.asked);
    cr_assert_str_eq(r.failed, "");
    cr_assert_not(rig_exists(&r, rig_chk(id, "")));
    rig_fini(&r);
}

Test(savepoints, stopping_takes_a_last_savepoint_and_commits_it)
{
    rig r;
    uint64_t other;
    wsl_error err = {0};
    rig_begin(&r);
    const uint64_t id = ask(&r, STOP, "/sp", true);
    cr_assert(jm_coordinator_is_stopping(r.c));
    cr_assert_eq(jm_coordinator_trigger(r.c, SAVEPOINT, "/sp", false, &other, &err), WSL_STATE);
    rig_step(&r);
    rig_expect(&r, "T1:0.0! T1:0.1! ");
    rig_ack(&r, id, 0, 0);
    rig_finish(&r, 0, 0);
    rig_ack(&r, id, 0, 1);
    rig_ack(&r, id, 1, 0);
    rig_ack(&r, id, 1, 1);
    cr_assert_not(jm_coordinator_is_stopping(r.c));
    cr_assert(has_text(r.asked, "1 /sp/savepoint-"), "%s", r.asked);
    rig_expect(&r, "C1:0.1 C1:1.0 C1:1.1 ");
    cr_assert(has_text(jm_coordinator_stopped_with(r.c), "/sp/savepoint-"));
    cr_assert_eq(jm_coordinator_trigger(r.c, SAVEPOINT, "/sp", false, &other, &err), WSL_STATE, "there is nothing behind it");
    rig_fini(&r);
}

Test(savepoints, a_stop_that_fails_fails_the_job_because_its_sources_have_ended)
{
    rig r;
    rig_begin(&r);
    const uint64_t id = ask(&r, STOP, "/sp", false);
    rig_step(&r);
    jm_coordinator_on_declined(r.c, 0, 1, id, "disk full");
    cr_assert(has_text(r.failed, "stopping with savepoint 1 failed"), "%s", r.failed);
    cr_assert(has_text(r.asked, "1 failed: "), "%s", r.asked);
    rig_fini(&r);
}

Test(savepoints, a_savepoint_needs_a_directory_and_a_running_job)
{
    rig r;
    uint64_t id;
    wsl_error err = {0};
    rig_begin(&r);
    cr_assert_eq(jm_coordinator_trigger(r.c, SAVEPOINT, NULL, false, &id, &err), WSL_INVALID);
    cr_assert(has_text(err.text, "execution.checkpointing.savepoint-dir"), "%s", err.text);
    cr_assert_eq(jm_coordinator_trigger(r.c, SAVEPOINT, "hdfs://x", false, &id, &err), WSL_INVALID);
    r.states[1][0] = WSL__PB__TASK_STATE__TASK_INITIALIZING;
    cr_assert_eq(jm_coordinator_trigger(r.c, SAVEPOINT, "/sp", false, &id, &err), WSL_STATE);
    rig_fini(&r);
}
