/*
 * test_recovery - a task fails, the job goes on from its last checkpoint: the files are those of a run without failure.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fs.h"
#include "base/strbuf.h"
#include "harness/mini_cluster.h"
#include "harness/wsl_test.h"
#include "jobmanager/jm_core.h"

#define JOBS INTEG_RECOVERY_JOBS /* path of the job library, from CMake */

enum { SECONDS = 1000, FILES = 6, ROWS_PER_FILE = 2000, KEYS = 7, ROWS = FILES * ROWS_PER_FILE, PER_KEY_MAX = ROWS };

typedef struct place {
    char dir[64], in[96], out[96], marker[96], checkpoints[96];
} place;

static void make_place(place *p)
{
    (void)snprintf(p->dir, sizeof p->dir, "/tmp/wiesel-recovery-XXXXXX");
    cr_assert_not_null(mkdtemp(p->dir));
    (void)snprintf(p->in, sizeof p->in, "%s/in", p->dir);
    (void)snprintf(p->out, sizeof p->out, "%s/out", p->dir);
    (void)snprintf(p->marker, sizeof p->marker, "%s/marker", p->dir);
    (void)snprintf(p->checkpoints, sizeof p->checkpoints, "%s/checkpoints", p->dir);
    cr_assert_eq(wsl_fs_posix()->make_dirs(wsl_fs_posix(), p->in, NULL), WSL_OK);
    for (int f = 0, id = 0; f < FILES; f++) {
        char path[128];
        (void)snprintf(path, sizeof path, "%s/%d.json", p->in, f);
        FILE *file = fopen(path, "w");
        cr_assert_not_null(file);
        for (int i = 0; i < ROWS_PER_FILE; i++, id++) {
            fprintf(file, "{\"id\":%d,\"key\":%d}\n", id, id % KEYS);
        }
        fclose(file);
    }
}

static void remove_place(const place *p)
{
    char command[128];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", p->dir);
    cr_assert_eq(system(command), 0);
}

typedef struct results {
    const place *p;
    uint8_t times[KEYS][PER_KEY_MAX + 1];
    uint32_t n, hidden;
} results;

static bool read_part(void *arg, const char *name, const wsl_file_info *info)
{
    results *r = arg;
    (void)info;
    if (name[0] == '.') {
        r->hidden++;
        return true;
    }
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%s", r->p->out, name);
    char *text = NULL;
    size_t size;
    wsl_error err = {0};
    cr_assert_eq(wsl_fs_read_all(wsl_fs_posix(), path, 1 << 30, &text, &size, &err), WSL_OK, "%s", err.text);
    for (char *line = text, *end; *line != '\0'; line = end + 1) {
        long key, n;
        end = strchr(line, '\n');
        cr_assert_not_null(end, "a torn line in %s", name);
        cr_assert(sscanf(line, "{\"key\":%ld,\"n\":%ld}\n", &key, &n) == 2 && key >= 0 && key < KEYS && n > 0 && n <= PER_KEY_MAX,
                  "%.60s", line);
        r->times[key][n]++;
        r->n++;
    }
    free(text);
    return true;
}

/* Each count of each key is there once. */
static void check_results(const place *p)
{
    results *r = wsl_zalloc(sizeof *r);
    r->p = p;
    cr_assert_eq(wsl_fs_posix()->list(wsl_fs_posix(), p->out, read_part, r, NULL), WSL_OK);
    for (int key = 0; key < KEYS; key++) {
        const int rows = ROWS / KEYS + (key < ROWS % KEYS);
        for (int n = 1; n <= rows; n++) {
            cr_assert_eq(r->times[key][n], 1, "count %d of key %d is there %d times", n, key, r->times[key][n]);
        }
    }
    cr_assert_eq(r->n, ROWS, "%u rows of %d", r->n, ROWS);
    cr_assert_eq(r->hidden, 0, "%u hidden files are left", r->hidden);
    free(r);
}

/* Tasks that were deployed more than once. */
static uint32_t again(mini_cluster *c, const wsl_id *id)
{
    const jm_job *job = jm_find_job(mini_cluster_jm(c), id);
    uint32_t n = 0;
    for (uint32_t v = 0; v < job->plan->n_vertices; v++) {
        for (uint32_t i = 0; i < job->plan->vertices[v].parallelism; i++) {
            n += job->graph.vertices[v].subtasks[i].tries > 1;
        }
    }
    return n;
}

/* apart: the subtasks are not connected, so only the one that fails starts again. more: an option, or NULL. */
static void check_recovery_with(const char *roll, uint32_t parallelism, bool apart, const char *more)
{
    place p;
    make_place(&p);
    char dir[160];
    (void)snprintf(dir, sizeof dir, "execution.checkpointing.dir=%s", p.checkpoints);
    mini_cluster *c = mini_cluster_start(2, 2, NULL);
    const char *const args[] = {"--in", p.in, "--out", p.out, "--marker", p.marker, "--roll", roll, apart ? "--apart" : NULL, NULL};
    const char *const overrides[] = {"execution.checkpointing.interval=50ms", dir, "restart-strategy.type=fixed-delay",
                                     "restart-strategy.fixed-delay.delay=0s", "restart-strategy.fixed-delay.attempts=5", more, NULL};
    wsl_id job;
    wsl_error err = {0};
    cr_assert_eq(mini_cluster_submit(c, JOBS, parallelism, args, overrides, &job, &err), WSL_OK, "%s", err.text);
    cr_assert(mini_cluster_await(c, &job, "FINISHED", 60 * SECONDS), "%s", mini_cluster_failure(c, &job));
    jm_job_info info; /* RESTARTING itself may be over before anybody looks */
    cr_assert_eq(jm_job_info_get(mini_cluster_jm(c), &job, &info, &err), WSL_OK);
    cr_assert_eq(info.restarts, 1);
    cr_assert_eq(again(c, &job), apart ? 1 : info.tasks);
    cr_assert_eq(access(p.marker, F_OK), 0);
    check_results(&p);
    mini_cluster_stop(c);
    remove_place(&p);
}

static void check_recovery(const char *roll, uint32_t parallelism, bool apart)
{
    check_recovery_with(roll, parallelism, apart, NULL);
}

Test(recovery, files_are_exact_after_a_failure_with_state_in_shared_files)
{
    check_recovery_with("true", 2, false, "execution.checkpointing.data-inline-threshold=0");
}

Test(recovery, files_are_exact_after_a_failure_with_checkpoints_that_hold_everything)
{
    check_recovery_with("true", 2, false, "execution.checkpointing.incremental=false");
}

Test(recovery, files_are_exact_after_a_failure_rolled_at_each_checkpoint) { check_recovery("true", 1, false); }
Test(recovery, files_are_exact_after_a_failure_at_parallelism_3) { check_recovery("true", 3, false); }
Test(recovery, files_are_exact_after_a_failure_rolled_by_size) { check_recovery("false", 2, false); }
Test(recovery, only_the_subtask_that_failed_starts_again_when_they_are_not_connected) { check_recovery("true", 3, true); }
Test(recovery, files_are_exact_when_one_of_many_regions_fails_rolled_by_size) { check_recovery("false", 3, true); }

/* ---- the JobManager ---- */

typedef struct progress {
    mini_cluster *c;
    wsl_id job;
} progress;

static bool has_checkpoint(void *arg)
{
    const progress *p = arg;
    const jm_job *job = jm_find_job(mini_cluster_jm(p->c), &p->job);
    return jm_coordinator_counts(job->coordinator).completed > 0;
}

Test(recovery, files_are_exact_when_another_jobmanager_takes_over_and_a_task_fails)
{
    place p;
    make_place(&p);
    char dir[160], store[160];
    (void)snprintf(dir, sizeof dir, "execution.checkpointing.dir=%s", p.checkpoints);
    (void)snprintf(store, sizeof store, "high-availability.storageDir=%s/jobmanager", p.dir);
    const char *const cluster[] = {store, NULL};
    mini_cluster *c = mini_cluster_start(2, 2, cluster);
    const char *const args[] = {"--in", p.in, "--out", p.out, "--marker", p.marker, "--roll", "true", NULL};
    const char *const overrides[] = {"execution.checkpointing.interval=50ms", dir, NULL};
    progress so_far = {.c = c};
    wsl_error err = {0};
    cr_assert_eq(mini_cluster_submit(c, JOBS, 4, args, overrides, &so_far.job, &err), WSL_OK, "%s", err.text);
    cr_assert(mini_cluster_run(c, has_checkpoint, &so_far, 150 * SECONDS));
    mini_cluster_new_jm(c); /* its TaskManagers stay */
    const jm_job *job = jm_find_job(mini_cluster_jm(c), &so_far.job);
    cr_assert_not_null(job);
    cr_assert_eq(job->state, JM_JOB_RESTARTING);
    cr_assert(mini_cluster_await(c, &so_far.job, "FINISHED", 150 * SECONDS), "%s", mini_cluster_failure(c, &so_far.job));
    cr_assert_eq(access(p.marker, F_OK), 0);
    cr_assert_eq(job->failures[0].kind, JM_FAILURE_JOBMANAGER);
    check_results(&p);
    mini_cluster_new_jm(c);
    cr_assert(mini_cluster_await(c, &so_far.job, "FINISHED", SECONDS), "it has ended for good");
    mini_cluster_stop(c);
    remove_place(&p);
}

/* ---- poison rows ---- */

typedef struct dead_letters {
    const char *dir;
    uint8_t times[ROWS];
    uint32_t n;
} dead_letters;

static bool read_dead(void *arg, const char *name, const wsl_file_info *info)
{
    dead_letters *d = arg;
    (void)info;
    char path[512], *text = NULL;
    size_t size;
    wsl_error err = {0};
    cr_assert_neq(name[0], '.', "'%s' is left", name);
    (void)snprintf(path, sizeof path, "%s/%s", d->dir, name);
    cr_assert_eq(wsl_fs_read_all(wsl_fs_posix(), path, 1 << 30, &text, &size, &err), WSL_OK, "%s", err.text);
    for (char *line = text, *end; *line != '\0'; line = end + 1) {
        end = strchr(line, '\n');
        cr_assert_not_null(end, "a torn line in %s", name);
        const char *reason = strstr(line, "\"reason\":\"row ");
        long id = -1;
        cr_assert(reason != NULL && sscanf(reason, "\"reason\":\"row %ld is refused\"", &id) == 1 && id >= 0 && id < ROWS, "%.200s", line);
        cr_assert(has_text(line, "\"name\":\"number\""), "%.200s", line);
        d->times[id]++;
        d->n++;
    }
    free(text);
    return true;
}

Test(recovery, each_poison_row_is_told_of_once_whatever_fails)
{
    place p;
    char dead[96], dir[160];
    make_place(&p);
    (void)snprintf(dead, sizeof dead, "%s/dead", p.dir);
    (void)snprintf(dir, sizeof dir, "execution.checkpointing.dir=%s", p.checkpoints);
    mini_cluster *c = mini_cluster_start(2, 2, NULL);
    const char *const args[] = {"--in", p.in, "--out", p.out, "--marker", p.marker, "--apart", "--roll", "true", "--dead", dead, NULL};
    const char *const overrides[] = {"execution.checkpointing.interval=50ms", dir, NULL};
    wsl_id job;
    wsl_error err = {0};
    cr_assert_eq(mini_cluster_submit(c, JOBS, 2, args, overrides, &job, &err), WSL_OK, "%s", err.text);
    cr_assert(mini_cluster_await(c, &job, "FINISHED", 60 * SECONDS), "%s", mini_cluster_failure(c, &job));
    cr_assert_eq(access(p.marker, F_OK), 0, "it failed once");
    dead_letters *d = wsl_zalloc(sizeof *d);
    d->dir = dead;
    cr_assert_eq(wsl_fs_posix()->list(wsl_fs_posix(), dead, read_dead, d, NULL), WSL_OK);
    for (int id = 0; id < ROWS; id++) {
        cr_assert_eq(d->times[id], id % 100 == 99, "row %d is there %d times", id, d->times[id]);
    }
    results *r = wsl_zalloc(sizeof *r);
    r->p = &p;
    cr_assert_eq(wsl_fs_posix()->list(wsl_fs_posix(), p.out, read_part, r, NULL), WSL_OK);
    cr_assert_eq(r->n + d->n, ROWS, "each row is in one of the two");
    free(r);
    free(d);
    mini_cluster_stop(c);
    remove_place(&p);
}
