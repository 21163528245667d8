#include "bench/checkpoints.h"

#include <errno.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"

static unsigned long long number(const json_t *row, const char *name)
{
    return (unsigned long long)json_integer_value(json_object_get(row, name));
}

static bool is_completed(const json_t *checkpoint)
{
    const char *status = json_string_value(json_object_get(checkpoint, "status"));
    return status != NULL && strcmp(status, "COMPLETED") == 0;
}

/* Newest first. What counts begins when the state was all there. */
static void sum_up(const json_t *history, bench_checkpoints *out)
{
    const json_t *c;
    size_t i;
    unsigned long long state = 0;
    json_array_foreach(history, i, c) {
        state = is_completed(c) && number(c, "state_size") > state ? number(c, "state_size") : state;
    }
    json_array_foreach(history, i, c) {
        const double ms = (double)number(c, "end_to_end_duration");
        const double step_ms = (double)number(c, "longest_step_us") / 1000;
        if (is_completed(c)) {
            out->full_bytes = number(c, "checkpointed_size") > out->full_bytes ? number(c, "checkpointed_size") : out->full_bytes;
            out->longest_ms = ms > out->longest_ms ? ms : out->longest_ms;
        }
        out->busy_seconds += ms / 1000;
        if (number(c, "state_size") < state / 100 * 98) {
            continue;
        }
        out->longest_step_ms = step_ms > out->longest_step_ms ? step_ms : out->longest_step_ms;
    }
    json_array_foreach(history, i, c) {
        const unsigned long long bytes = number(c, "checkpointed_size");
        if (is_completed(c) && i < json_array_size(history) / 2 && bytes < out->full_bytes / 2 && bytes > out->delta_bytes) {
            out->delta_bytes = bytes;
        }
    }
}

void bench_read_checkpoints(const bench_cluster *c, bench_checkpoints *out)
{
    json_t *jobs = bench_get(c, "/jobs");
    const char *id = json_string_value(json_object_get(json_array_get(json_object_get(jobs, "jobs"), 0), "id"));
    *out = (bench_checkpoints){0};
    if (id != NULL) {
        char *path = wsl_asprintf("/jobs/%s/checkpoints", id);
        json_t *answer = bench_get(c, path);
        const json_t *counts = json_object_get(answer, "counts");
        out->completed = number(counts, "completed");
        out->failed = number(counts, "failed");
        sum_up(json_object_get(answer, "history"), out);
        json_decref(answer);
        free(path);
    }
    json_decref(jobs);
}

/* ---- directories ---- */

void bench_make_directory(char out[64])
{
    const char *base = getenv("TMPDIR");
    const int n = snprintf(out, 64, "%s/wiesel-bench-XXXXXX", base != NULL && base[0] != 0 ? base : "/tmp");
    if (n < 0 || n >= 64 || mkdtemp(out) == NULL) {
        bench_die("cannot make a directory '%s': %s", out, strerror(errno));
    }
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *at)
{
    (void)info;
    (void)kind;
    (void)at;
    (void)remove(path);
    return 0;
}

void bench_remove_tree(const char *dir) { (void)nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS); }
