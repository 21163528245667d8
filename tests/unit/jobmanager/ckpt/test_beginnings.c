#include "coordinator_kit.h"

/* ---- what a job begins with ---- */

Test(beginnings, a_job_begins_with_a_checkpoint_of_another_and_leaves_it_alone)
{
    rig r;
    wsl_error err = {0};
    const char *base = NULL;
    rig_init(&r);
    rig_set(&r, "execution.checkpointing.externalized-checkpoint-retention", "RETAIN_ON_CANCELLATION");
    rig_run(&r);
    (void)complete_one(&r);
    const uint64_t id = complete_one(&r);
    jm_coordinator_on_job_ended(r.c, JM_END_CANCELED);
    jm_coordinator_free(r.c);

    for (uint32_t claim = 0; claim < 2; claim++) {
        r.job.bytes[0] = (uint8_t)(20 + claim);
        cr_assert_eq(rig_make(&r, &err), WSL_OK, "%s", err.text);
        char *path = wsl_asprintf("file://%s", rig_chk(id, "/_metadata"));
        cr_assert_eq(jm_coordinator_begin_with(r.c, path, claim == 1, false, &err), WSL_OK, "%s", err.text);
        free(path);
        cr_assert_eq(latest_id(&r), id);
        cr_assert_not_null(jm_coordinator_latest(r.c, &base));
        cr_assert_str_eq(base, RIG_DIR);
        jm_coordinator_note_restored(r.c, id);
        cr_assert_str_eq(jm_coordinator_restored(r.c).path, rig_chk(id, ""));
        jm_coordinator_on_running(r.c, wsl_now_ns(&r.clock.clock));
        const uint64_t next = rig_next(&r);
        cr_assert_eq(next, id + 1, "ids go on behind it");
        for (uint32_t v = 0; v < VERTICES; v++) {
            rig_ack_with(&r, next, v, 0, NULL);
            rig_ack_with(&r, next, v, 1, NULL);
        }
        cr_assert_eq(latest_id(&r), next);
        cr_assert_eq(rig_exists(&r, rig_chk(id, "")), claim == 0);
        jm_coordinator_free(r.c);
    }
    r.c = NULL;
    rig_fini(&r);
}

static bool lives(void *arg, const char *job) { return arg != NULL && strcmp(arg, job) == 0; }

Test(beginnings, the_latest_of_a_name_is_found_unless_that_job_still_runs)
{
    rig r;
    wsl_error err = {0};
    char *path = NULL;
    char job[] = "0a000000000000000000000000000000";
    rig_init(&r);
    rig_set(&r, "execution.checkpointing.externalized-checkpoint-retention", "RETAIN_ON_CANCELLATION");
    rig_run(&r);
    cr_assert_eq(jm_coordinator_find_latest(r.c, lives, NULL, &path, &err), WSL_NOT_FOUND);
    cr_assert(has_text(err.text, "counting"), "%s", err.text);
    const uint64_t id = complete_one(&r);
    jm_coordinator_free(r.c);
    r.job.bytes[0] = 11;
    cr_assert_eq(rig_make(&r, &err), WSL_OK, "%s", err.text);
    cr_assert_eq(jm_coordinator_find_latest(r.c, lives, job, &path, &err), WSL_NOT_FOUND);
    cr_assert(has_text(err.text, "still runs"), "%s", err.text);
    cr_assert_eq(jm_coordinator_find_latest(r.c, lives, NULL, &path, &err), WSL_OK, "%s", err.text);
    cr_assert_str_eq(path, rig_chk(id, ""));
    free(path);
    rig_fini(&r);
}

Test(beginnings, what_is_not_there_or_not_whole_is_no_beginning)
{
    rig r;
    wsl_error err = {0};
    rig_begin(&r);
    cr_assert_eq(jm_coordinator_begin_with(r.c, "/nowhere/chk-1", false, false, &err), WSL_NOT_FOUND);
    cr_assert(has_text(err.text, "/nowhere/chk-1"), "%s", err.text);
    const uint64_t id = complete_one(&r);
    rig_write(&r, rig_chk(id, "/_metadata"), "WIESELC? and then nothing that makes sense");
    cr_assert_eq(jm_coordinator_begin_with(r.c, rig_chk(id, ""), false, false, &err), WSL_CORRUPT, "%s", err.text);
    rig_fini(&r);
}

Test(beginnings, after_the_jobmanager_came_back_ids_and_checkpoints_go_on)
{
    rig r;
    wsl_error err = {0};
    rig_begin(&r);
    (void)complete_one(&r);
    const uint64_t id = complete_one(&r);
    const uint64_t pending = rig_next(&r);
    rig_ack(&r, pending, 0, 0);
    jm_coordinator_free(r.c);
    cr_assert_eq(rig_make(&r, &err), WSL_OK, "%s", err.text);
    cr_assert_eq(latest_id(&r), id);
    jm_coordinator_on_running(r.c, wsl_now_ns(&r.clock.clock));
    cr_assert_not(rig_exists(&r, rig_chk(pending, "")), "what was never completed is swept");
    cr_assert_eq(complete_one(&r), pending + 1);
    rig_fini(&r);
}

Test(beginnings, options_that_do_not_go_together_are_refused_with_words)
{
    rig r;
    wsl_error err = {0};
    rig_init(&r);
    rig_set(&r, "execution.checkpointing.unaligned.enabled", "true");
    cr_assert_eq(rig_make(&r, &err), WSL_UNSUPPORTED);
    cr_assert(has_text(err.text, "unaligned"), "%s", err.text);
    rig_set(&r, "execution.checkpointing.unaligned.enabled", "false");
    rig_set(&r, "execution.checkpointing.dir", "s3://bucket");
    cr_assert_eq(rig_make(&r, &err), WSL_INVALID);
    cr_assert(has_text(err.text, "execution.checkpointing.dir"), "%s", err.text);
    wsl_config_free(r.config);
    const wsl_option *const tables[] = {wsl_job_options};
    r.config = wsl_config_new(tables, 1);
    rig_set(&r, "execution.checkpointing.interval", "1 s");
    cr_assert_eq(rig_make(&r, &err), WSL_INVALID);
    cr_assert(has_text(err.text, "execution.checkpointing.dir"), "%s", err.text);
    r.c = NULL;
    rig_fini(&r);
}
