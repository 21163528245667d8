#include "coordinator_kit.h"

static bool count_name(void *arg, const char *name, const wsl_file_info *info)
{
    (void)name;
    (void)info;
    *(uint32_t *)arg += 1;
    return true;
}

Test(shared_files, example_49_shared_files)
{
    rig r;
    rig_init(&r);
    rig_set(&r, "execution.checkpointing.tolerable-failed-checkpoints", "5");
    rig_run(&r);
    static const char *const used[4][2] = {{"1-a", "1-b"}, {"1-b", "2-c"}, {"2-c", "3-d"}, {"2-c", "4-e"}};
    static const uint32_t written[5] = {1, 1, 2, 3, 4};
    static const char *const there[4] = {"ab", "bc", "bcd", "ce"};
    for (uint32_t i = 0; i < 4; i++) {
        char path[2][32];
        const uint64_t id = rig_next(&r);
        for (uint32_t k = 0; k < 2; k++) {
            (void)snprintf(path[k], sizeof path[k], "shared/%s", used[i][k]);
            rig_ack_with(&r, id, 0, k, path[k]);
        }
        rig_ack_with(&r, id, 1, 0, NULL);
        if (i == 2) {
            jm_coordinator_on_declined(r.c, 1, 1, id, "no");
        } else {
            rig_ack_with(&r, id, 1, 1, NULL);
        }
        for (const char *name = "abcde"; *name != '\0'; name++) {
            char file[128];
            (void)snprintf(file, sizeof file, RIG_DIR "/shared/%u-%c", written[*name - 'a'], *name);
            cr_assert_eq(rig_exists(&r, file), strchr(there[i], *name) != NULL, "after %u: %c", i + 1, *name);
        }
    }
    rig_fini(&r);
}

static bool shared_exists(rig *r, const char *name)
{
    char file[128];
    (void)snprintf(file, sizeof file, RIG_DIR "/shared/%s", name);
    return rig_exists(r, file);
}

/* Each of the four tasks names a file, or none. */
static void ack_four(rig *r, uint64_t id, const char *const *files)
{
    for (uint32_t k = 0; k < 4; k++) {
        rig_ack_with(r, id, k / 2, k % 2, files[k]);
    }
}

Test(shared_files, a_shared_file_that_was_released_cannot_be_named_again)
{
    rig r;
    rig_init(&r);
    rig_set(&r, "execution.checkpointing.tolerable-failed-checkpoints", "5");
    rig_run(&r);
    ack_four(&r, rig_next(&r), (const char *const[]){"shared/1-a", NULL, NULL, NULL});
    ack_four(&r, rig_next(&r), (const char *const[]){"shared/2-a", NULL, NULL, NULL});
    cr_assert_not(shared_exists(&r, "1-a"));
    cr_assert(shared_exists(&r, "2-a"));
    const uint64_t id = rig_next(&r);
    rig_ack_with(&r, id, 0, 0, "shared/1-a");
    const jm_checkpoint_stats *s = jm_coordinator_history(r.c, 0);
    cr_assert_eq(s->state, JM_CHECKPOINT_FAILED);
    cr_assert_not_null(strstr(s->reason, "'shared/1-a' of an earlier checkpoint is not there any more"), "%s", s->reason);
    cr_assert_eq(latest_id(&r), 2u);
    cr_assert(shared_exists(&r, "2-a"), "a failed one releases nothing");
    rig_fini(&r);
}

Test(shared_files, shared_files_of_a_late_acknowledgement_may_be_counted_on)
{
    rig r;
    rig_init(&r);
    rig_set(&r, "execution.checkpointing.tolerable-failed-checkpoints", "5");
    rig_run(&r);
    const uint64_t a = rig_next(&r);
    jm_coordinator_on_declined(r.c, 1, 1, a, "no");
    rig_ack_with(&r, a, 0, 0, "shared/1-a");
    cr_assert(shared_exists(&r, "1-a"), "it stays though its checkpoint was given up");
    ack_four(&r, rig_next(&r), (const char *const[]){"shared/1-a", NULL, NULL, NULL});
    cr_assert_eq(latest_id(&r), 2u);
    cr_assert(shared_exists(&r, "1-a"));
    ack_four(&r, rig_next(&r), (const char *const[]){"shared/3-b", NULL, NULL, NULL});
    cr_assert_not(shared_exists(&r, "1-a"));
    rig_fini(&r);
}

Test(shared_files, shared_files_are_counted_again_after_the_jobmanager_came_back)
{
    rig r;
    rig_init(&r);
    rig_set(&r, "execution.checkpointing.num-retained", "2");
    rig_run(&r);
    ack_four(&r, rig_next(&r), (const char *const[]){"shared/1-a", "shared/1-b", NULL, NULL});
    ack_four(&r, rig_next(&r), (const char *const[]){"shared/1-a", "shared/2-b", NULL, NULL});
    rig_write(&r, RIG_DIR "/shared/1-left", "x");
    rig_write(&r, RIG_DIR "/shared/2-young", "x");
    rig_write(&r, RIG_DIR "/shared/note", "x");
    jm_coordinator_free(r.c);
    rig_run(&r); /* reads the directory, and sweeps it */
    cr_assert_eq(latest_id(&r), 2u);
    cr_assert(shared_exists(&r, "1-a") && shared_exists(&r, "1-b") && shared_exists(&r, "2-b"));
    cr_assert(shared_exists(&r, "1-left"), "of the oldest that is retained: a task may still say so");
    cr_assert(shared_exists(&r, "note"), "that is not ours");
    ack_four(&r, rig_next(&r), (const char *const[]){"shared/3-a", "shared/3-b", NULL, NULL});
    cr_assert_not(shared_exists(&r, "1-b"), "2 is the oldest now");
    cr_assert(shared_exists(&r, "1-a") && shared_exists(&r, "2-b"));
    jm_coordinator_on_running(r.c, wsl_now_ns(&r.clock.clock)); /* again */
    cr_assert_not(shared_exists(&r, "1-left"));
    cr_assert(shared_exists(&r, "2-young"));
    cr_assert(shared_exists(&r, "1-a") && shared_exists(&r, "2-b") && shared_exists(&r, "3-a") && shared_exists(&r, "3-b"));
    ack_four(&r, rig_next(&r), (const char *const[]){"shared/4-a", "shared/4-b", NULL, NULL});
    cr_assert_not(shared_exists(&r, "1-a") || shared_exists(&r, "2-b"));
    rig_fini(&r);
}

Test(shared_files, what_a_claimed_checkpoint_shares_goes_with_it_but_for_what_others_need)
{
    rig r;
    rig_init(&r);
    rig_set(&r, "execution.checkpointing.num-retained", "2");
    rig_set(&r, "execution.checkpointing.externalized-checkpoint-retention", "RETAIN_ON_CANCELLATION");
    rig_run(&r);
    ack_four(&r, rig_next(&r), (const char *const[]){"shared/1-a", "shared/1-b", NULL, NULL});
    ack_four(&r, rig_next(&r), (const char *const[]){"shared/1-a", "shared/2-b", NULL, NULL});
    jm_coordinator_on_job_ended(r.c, JM_END_CANCELED);
    jm_coordinator_free(r.c);
    r.job.bytes[0] = 11; /* another job */
    wsl_error err = {0};
    cr_assert_eq(rig_make(&r, &err), WSL_OK, "%s", err.text);
    cr_assert_eq(jm_coordinator_begin_with(r.c, RIG_DIR "/chk-2", true, false, &err), WSL_OK, "%s", err.text);
    jm_coordinator_on_running(r.c, wsl_now_ns(&r.clock.clock));
    for (uint32_t i = 0; i < 2; i++) {
        cr_assert(shared_exists(&r, "1-a") && shared_exists(&r, "2-b"));
        ack_four(&r, rig_next(&r), (const char *const[]){NULL, NULL, NULL, NULL});
    }
    cr_assert_not(rig_exists(&r, rig_chk(2, "")));
    cr_assert_not(shared_exists(&r, "2-b"));
    cr_assert(shared_exists(&r, "1-a") && shared_exists(&r, "1-b"), "chk-1 is still there and needs them");
    rig_fini(&r);
}

/* Tasks that write layers and begin anew at random, checkpoints that fail at random: whatever a retained checkpoint names is there,
 * and in the end nothing else is. */
Test(shared_files, a_thousand_checkpoints_with_shared_files)
{
    rig r;
    rig_init(&r);
    rig_set(&r, "execution.checkpointing.num-retained", "3");
    rig_set(&r, "execution.checkpointing.tolerable-failed-checkpoints", "1000000");
    rig_run(&r);
    enum { NAMED = 4 };
    struct {
        char names[NAMED][64];
        uint32_t n;
    } task[4] = {0};
    wsl_rng rng;
    wsl_rng_seed(&rng, 7);
    for (uint32_t i = 0; i < 1000; i++) {
        const uint64_t id = rig_next(&r);
        const uint64_t dice = wsl_rng_next(&rng);
        const uint32_t decliner = dice % 5 == 0 ? (uint32_t)(dice >> 8) % 4 : 4;
        for (uint32_t k = 0; k < 4; k++) {
            if (k == decliner) {
                jm_coordinator_on_declined(r.c, k / 2, k % 2, id, "no");
                task[k].n = 0; /* it begins anew */
                continue;
            }
            if (task[k].n == NAMED || wsl_rng_next(&rng) % 4 == 0) {
                task[k].n = 0;
            }
            (void)snprintf(task[k].names[task[k].n++], sizeof task[k].names[0], "shared/%" PRIu64 "-%u", id, k);
            rig_ack_files(&r, id, k / 2, k % 2, task[k].names, task[k].n);
        }
        for (uint32_t k = 0; decliner == 4 && k < 4; k++) {
            for (uint32_t f = 0; f < task[k].n; f++) {
                cr_assert(shared_exists(&r, task[k].names[f] + 7), "checkpoint %" PRIu64 " needs %s", id, task[k].names[f]);
            }
        }
        if (dice >> 32 & 1) {
            char base[4096];
            const char *at = NULL;
            const Wsl__Pb__CheckpointMeta *meta = jm_coordinator_latest(r.c, &at);
            for (size_t f = 0; meta != NULL && f < meta->n_files; f++) {
                (void)snprintf(base, sizeof base, "%s/%s", at, meta->files[f]->path);
                cr_assert(rig_exists(&r, base), "%s", base);
            }
        }
    }
    for (uint32_t i = 0; i < 3; i++) {
        ack_four(&r, rig_next(&r), (const char *const[]){NULL, NULL, NULL, NULL});
    }
    uint32_t left = 0;
    wsl_fs *fs = wsl_mem_fs_seam(r.files);
    cr_assert_eq(fs->list(fs, RIG_DIR "/shared", count_name, &left, NULL), WSL_OK);
    cr_assert_eq(left, 0u, "%u shared files are left that nobody needs", left);
    rig_fini(&r);
}
