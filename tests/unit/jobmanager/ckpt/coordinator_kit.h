/*
 * coordinator_kit - a coordinator on a manual clock, with a job that does only what a test says.
 */
#pragma once
#include <inttypes.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/cluster_options.h"
#include "base/fs_mem.h"
#include "base/log_sink.h"
#include "ckpt/storage.h"
#include "graph/graph_json.h"
#include "graph/job_options.h"
#include "graph/pb.h"
#include "harness/wsl_test.h"
#include "jobmanager/ckpt/coordinator.h"

enum { VERTICES = 2, PARALLELISM = 2, SLOW_MAX = 64 };

typedef struct slow_work {
    void (*job)(void *);
    void (*done)(void *);
    void *what;
} slow_work;

typedef struct rig {
    wsl_manual_clock clock;
    wsl_mem_fs *files;
    wsl_config *config;
    wsl_job_plan *plan;
    wsl_log_sink *sink;
    wsl_logger *log;
    jm_coordinator *c;
    Wsl__Pb__TaskState states[VERTICES][PARALLELISM];
    char said[16384]; /* what the coordinator asked of its job, in words */
    char failed[1024];
    char asked[1024];
    bool hold; /* slow work waits for rig_work */
    slow_work slow[SLOW_MAX];
    uint32_t n_slow;
    uint32_t published;
    wsl_id job;
} rig;

#define RIG __attribute__((unused)) static inline

#define RIG_DIR "/ckpt/0a000000000000000000000000000000"

RIG void rig_say(rig *r, const char *format, ...)
{
    va_list args;
    const size_t n = strlen(r->said);
    va_start(args, format);
    (void)vsnprintf(r->said + n, sizeof r->said - n, format, args);
    va_end(args);
}

RIG Wsl__Pb__TaskState rig_state(void *arg, uint32_t v, uint32_t i) { return ((rig *)arg)->states[v][i]; }

RIG void rig_trigger(void *arg, uint32_t v, uint32_t i, const Wsl__Pb__TriggerCheckpoint *m)
{
    rig_say(arg, "T%" PRIu64 ":%u.%u%s ", m->checkpoint, v, i, m->drain ? "!" : "");
}

RIG void rig_tell(void *arg, uint32_t v, uint32_t i, uint64_t id, bool complete)
{
    rig_say(arg, "%c%" PRIu64 ":%u.%u ", complete ? 'C' : 'A', id, v, i);
}

RIG bool rig_enumerator(void *arg, uint64_t checkpoint, uint32_t op, uint8_t **out_bytes, size_t *out_size)
{
    (void)checkpoint;
    (void)arg;
    *out_size = 4;
    *out_bytes = wsl_memdup("enum", 4);
    return op == 0;
}

RIG void rig_fail(void *arg, const char *reason)
{
    rig *r = arg;
    (void)snprintf(r->failed, sizeof r->failed, "%s", reason);
    jm_coordinator_stop(r->c, reason);
}

RIG void rig_asked(void *arg, uint64_t id, const char *directory, const char *reason)
{
    rig *r = arg;
    (void)snprintf(r->asked, sizeof r->asked, "%" PRIu64 " %s%s", id, directory != NULL ? directory : "failed: ",
                   reason != NULL ? reason : "");
}

RIG void rig_published(void *arg) { ((rig *)arg)->published++; }

RIG void rig_slow(void *arg, void (*job)(void *), void (*done)(void *), void *what)
{
    rig *r = arg;
    if (!r->hold) {
        job(what);
        done(what);
        return;
    }
    cr_assert_lt(r->n_slow, (uint32_t)SLOW_MAX);
    r->slow[r->n_slow++] = (slow_work){job, done, what};
}

/* What waits is done, in order. */
RIG void rig_work(rig *r)
{
    for (uint32_t i = 0; i < r->n_slow; i++) {
        r->slow[i].job(r->slow[i].what);
        r->slow[i].done(r->slow[i].what);
    }
    r->n_slow = 0;
}

RIG void rig_set(rig *r, const char *key, const char *value)
{
    wsl_error err = {0};
    cr_assert_eq(wsl_config_set(r->config, key, value, "test", &err), WSL_OK, "%s", err.text);
}

RIG void rig_states(rig *r, Wsl__Pb__TaskState state)
{
    for (uint32_t v = 0; v < VERTICES; v++) {
        for (uint32_t i = 0; i < PARALLELISM; i++) {
            r->states[v][i] = state;
        }
    }
}

RIG void rig_init(rig *r)
{
    static const char json[] =
        "{\"name\":\"counting\",\"parallelism\":2,\"schemas\":{\"s\":{\"k\":\"STRING\",\"v\":\"BIGINT\"}},\"operators\":["
        "{\"name\":\"in\",\"source\":\"datagen\",\"schema\":\"s\"},"
        "{\"name\":\"count\",\"key_by\":[\"k\"],\"split\":{\"field\":\"k\",\"as\":\"word\"}},"
        "{\"name\":\"out\",\"sink\":\"blackhole\"}]}";
    const wsl_option *const tables[] = {wsl_job_options};
    wsl_error err = {0};
    wsl_job_graph *graph = NULL;
    *r = (rig){.job = {.bytes = {10}}};
    wsl_manual_clock_init(&r->clock, 1700000000000);
    r->files = wsl_mem_fs_new(&r->clock.clock);
    r->sink = wsl_log_sink_memory(1000);
    r->log = wsl_logger_new(r->sink, &r->clock.clock, WSL_LOG_DEBUG);
    r->config = wsl_config_new(tables, 1);
    rig_set(r, "execution.checkpointing.interval", "10 s");
    rig_set(r, "execution.checkpointing.dir", "file:///ckpt");
    cr_assert_eq(wsl_job_graph_from_json(json, strlen(json), &graph, &err), WSL_OK, "%s", err.text);
    cr_assert_eq(wsl_job_plan_new(graph, 1, &r->plan, &err), WSL_OK, "%s", err.text);
    cr_assert_eq(r->plan->n_vertices, (uint32_t)VERTICES);
    rig_states(r, WSL__PB__TASK_STATE__TASK_RUNNING);
}

RIG wsl_status rig_make(rig *r, wsl_error *err)
{
    const jm_coordinator_options o = {.job = r->job,
                                      .job_name = "counting",
                                      .plan = r->plan,
                                      .config = r->config,
                                      .fs = wsl_mem_fs_seam(r->files),
                                      .clock = &r->clock.clock,
                                      .log = r->log};
    const jm_coordinator_job j = {.arg = r,
                                  .task_state = rig_state,
                                  .trigger = rig_trigger,
                                  .tell_ended = rig_tell,
                                  .enumerator = rig_enumerator,
                                  .fail = rig_fail,
                                  .asked_ended = rig_asked,
                                  .published = rig_published,
                                  .run_slow = rig_slow};
    return jm_coordinator_new(&o, &j, &r->c, err);
}

RIG void rig_step(rig *r) { (void)jm_coordinator_step(r->c, wsl_now_ns(&r->clock.clock)); }

RIG void rig_run(rig *r)
{
    wsl_error err = {0};
    cr_assert_eq(rig_make(r, &err), WSL_OK, "%s", err.text);
    jm_coordinator_on_running(r->c, wsl_now_ns(&r->clock.clock));
}

RIG void rig_begin(rig *r)
{
    rig_init(r);
    rig_run(r);
}

RIG void rig_fini(rig *r)
{
    jm_coordinator_free(r->c);
    rig_work(r);
    wsl_job_plan_free(r->plan);
    wsl_config_free(r->config);
    wsl_mem_fs_free(r->files);
    wsl_logger_free(r->log);
    wsl_log_sink_free(r->sink);
}

RIG void rig_advance(rig *r, int64_t ms)
{
    wsl_manual_clock_advance(&r->clock, ms * WSL_NS_PER_MS);
    rig_step(r);
}

/* Steps until a checkpoint begins; its id. */
RIG uint64_t rig_next(rig *r)
{
    const uint64_t before = jm_coordinator_counts(r->c).triggered;
    for (uint32_t i = 0; i < 1000 && jm_coordinator_counts(r->c).triggered == before; i++) {
        rig_advance(r, 100);
    }
    cr_assert_eq(jm_coordinator_counts(r->c).triggered, before + 1);
    return jm_coordinator_history(r->c, 0)->id;
}

RIG void rig_expect(rig *r, const char *said)
{
    cr_assert_str_eq(r->said, said, "'%s' is not '%s'", r->said, said);
    r->said[0] = '\0';
}

RIG bool rig_exists(rig *r, const char *path)
{
    wsl_file_info info;
    wsl_fs *fs = wsl_mem_fs_seam(r->files);
    return fs->stat(fs, path, &info, NULL) == WSL_OK;
}

RIG void rig_write(rig *r, const char *path, const char *text)
{
    wsl_fs *fs = wsl_mem_fs_seam(r->files);
    wsl_error err = {0};
    cr_assert_eq(wsl_fs_write_atomic(fs, path, text, strlen(text), &err), WSL_OK, "%s", err.text);
}

/* An acknowledgement that names state files of 8 bytes below the job's directory, which are written. */
RIG void rig_ack_files(rig *r, uint64_t id, uint32_t v, uint32_t i, char (*files)[64], uint32_t n)
{
    Wsl__Pb__CheckpointAck ack = WSL__PB__CHECKPOINT_ACK__INIT;
    Wsl__Pb__TaskSnapshot *s = wsl_alloc(sizeof *s);
    wsl__pb__task_snapshot__init(s);
    for (uint32_t k = 0; k < n; k++) {
        char path[2048];
        Wsl__Pb__StateFile *f = wsl_alloc(sizeof *f);
        wsl__pb__state_file__init(f);
        wsl_pb_set(&f->path, files[k]);
        f->size = 8;
        if (sscanf(files[k], "shared/%" SCNu64, &f->checkpoint) != 1) {
            f->checkpoint = 0;
        }
        *WSL_PB_APPEND(s->files, s->n_files) = f;
        (void)snprintf(path, sizeof path, RIG_DIR "/%s", files[k]);
        wsl_fs *fs = wsl_mem_fs_seam(r->files);
        (void)fs->make_dirs(fs, RIG_DIR "/shared", NULL);
        if (f->checkpoint == 0 || f->checkpoint == id) {
            rig_write(r, path, "statesta");
        }
    }
    ack.checkpoint = id;
    ack.snapshot = s;
    ack.bytes = 8;
    jm_coordinator_on_ack(r->c, v, i, &ack);
    if (ack.snapshot != NULL) {
        wsl__pb__task_snapshot__free_unpacked(ack.snapshot, NULL);
    }
}

/* file: NULL, or the only one. */
RIG void rig_ack_with(rig *r, uint64_t id, uint32_t v, uint32_t i, const char *file)
{
    char files[1][64];
    (void)snprintf(files[0], sizeof files[0], "%s", file != NULL ? file : "");
    rig_ack_files(r, id, v, i, files, file != NULL ? 1 : 0);
}

RIG void rig_ack(rig *r, uint64_t id, uint32_t v, uint32_t i)
{
    char file[64];
    (void)snprintf(file, sizeof file, "chk-%" PRIu64 "/%u-%u.state", id, v, i);
    rig_ack_with(r, id, v, i, file);
}

RIG void rig_ack_all(rig *r, uint64_t id)
{
    for (uint32_t v = 0; v < VERTICES; v++) {
        for (uint32_t i = 0; i < PARALLELISM; i++) {
            if (r->states[v][i] == WSL__PB__TASK_STATE__TASK_RUNNING) {
                rig_ack(r, id, v, i);
            }
        }
    }
}

RIG void rig_finish(rig *r, uint32_t v, uint32_t i)
{
    r->states[v][i] = WSL__PB__TASK_STATE__TASK_FINISHED;
    jm_coordinator_on_task_finished(r->c, v, i);
}

RIG const char *rig_chk(uint64_t id, const char *name)
{
    static char path[256];
    (void)snprintf(path, sizeof path, RIG_DIR "/chk-%" PRIu64 "%s", id, name);
    return path;
}

#define RUNNING WSL__PB__TASK_STATE__TASK_RUNNING
#define SAVEPOINT WSL__PB__CHECKPOINT_KIND__SAVEPOINT
#define STOP WSL__PB__CHECKPOINT_KIND__STOP_SAVEPOINT

static inline uint64_t latest_id(rig *r)
{
    const char *base = NULL;
    const Wsl__Pb__CheckpointMeta *meta = jm_coordinator_latest(r->c, &base);
    return meta == NULL ? 0 : meta->checkpoint;
}

static inline uint64_t complete_one(rig *r)
{
    const uint64_t id = rig_next(r);
    rig_ack_all(r, id);
    cr_assert_eq(latest_id(r), id, "%s", jm_coordinator_history(r->c, 0)->reason);
    return id;
}
