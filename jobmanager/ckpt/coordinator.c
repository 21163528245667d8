/*
 * One coordinator's life, and what others ask of it. See coordinator_core.h for the other files.
 */
#include "jobmanager/ckpt/coordinator.h"

#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "ckpt/storage.h"
#include "jobmanager/ckpt/coordinator_core.h"

/* ---- making one ---- */

static wsl_status set_dirs(jm_coordinator *c, wsl_error *err)
{
    const char *dir = wsl_config_str(c->options.config, "execution.checkpointing.dir");
    const char *savepoints = wsl_config_str(c->options.config, "execution.checkpointing.savepoint-dir");
    if (savepoints != NULL) {
        const wsl_status status = wsl_ckpt_dir(savepoints, &c->savepoint_dir, err);
        if (status != WSL_OK) {
            return wsl_fail_prefix(err, status, "execution.checkpointing.savepoint-dir");
        }
    }
    if (dir == NULL && c->policy.interval_ns > 0) {
        return wsl_fail(err, WSL_INVALID,
                        "execution.checkpointing.interval is set, but not where checkpoints go: set "
                        "execution.checkpointing.dir to a directory that JobManager and TaskManagers all see");
    }
    if (dir == NULL && savepoints == NULL) {
        c->dir = wsl_strdup("");
        return WSL_OK;
    }
    char *base = NULL;
    const wsl_status status = wsl_ckpt_dir(dir != NULL ? dir : savepoints, &base, err);
    if (status != WSL_OK) {
        return wsl_fail_prefix(err, status, "execution.checkpointing.dir");
    }
    c->dir = wsl_ckpt_job_dir(base, &c->options.job);
    free(base);
    return WSL_OK;
}

static void read_config(jm_coordinator *c)
{
    const wsl_config *config = c->options.config;
    const char *retention = wsl_config_str(config, "execution.checkpointing.externalized-checkpoint-retention");
    jm_policy_init(&c->policy, config);
    c->num_retained = (uint32_t)wsl_config_int(config, "execution.checkpointing.num-retained");
    c->history_max = (uint32_t)wsl_config_int(config, "web.checkpoints.history");
    c->keep_failed = strcmp(retention, "NO_EXTERNALIZED_CHECKPOINTS") != 0;
    c->keep_canceled = strcmp(retention, "RETAIN_ON_CANCELLATION") == 0;
}

wsl_status jm_coordinator_new(const jm_coordinator_options *options, const jm_coordinator_job *job,
                              jm_coordinator **out_coordinator, wsl_error *err)
{
    if (wsl_config_bool(options->config, "execution.checkpointing.unaligned.enabled")) {
        return wsl_fail(err, WSL_UNSUPPORTED,
                        "unaligned checkpoints are not built yet: leave execution.checkpointing.unaligned.enabled out");
    }
    WSL_AUTO(jm_coordinator) c = wsl_zalloc(sizeof *c);
    c->options = *options;
    c->job = *job;
    c->registry = jm_registry_new();
    c->first = wsl_calloc(options->plan->n_vertices, sizeof *c->first);
    c->finished = wsl_calloc(options->plan->n_vertices, sizeof *c->finished);
    for (uint32_t v = 0; v < options->plan->n_vertices; v++) {
        c->first[v] = c->n_tasks;
        c->n_tasks += options->plan->vertices[v].parallelism;
    }
    uint64_t seed;
    memcpy(&seed, options->job.bytes, sizeof seed);
    wsl_rng_seed(&c->rng, seed);
    read_config(c);
    WSL_TRY(set_dirs(c, err));
    WSL_TRY(jm_begin_scan(c, err));
    *out_coordinator = WSL_TAKE(c);
    return WSL_OK;
}

void jm_pending_free(jm_coordinator *c, jm_pending *p)
{
    for (uint32_t i = 0; i < c->n_tasks; i++) {
        if (p->tasks[i].snapshot != NULL) {
            wsl__pb__task_snapshot__free_unpacked(p->tasks[i].snapshot, NULL);
        }
    }
    for (size_t i = 0; i < c->options.plan->graph->n_operators; i++) {
        free(p->enumerators[i].data);
    }
    free(p->enumerators);
    free(p->tasks);
    free(p->target);
    free(p);
}

void jm_coordinator_free(jm_coordinator *c)
{
    if (c == NULL) {
        return;
    }
    for (jm_slow *s = c->slow; s != NULL; s = s->next) {
        s->c = NULL;
    }
    while (c->pending != NULL) {
        jm_pending *p = c->pending;
        c->pending = p->next;
        jm_pending_free(c, p);
    }
    for (uint32_t i = 0; i < c->n_retained; i++) {
        jm_retained_fini(&c->retained[i]);
    }
    free(c->retained);
    jm_history_fini(c);
    jm_registry_free(c->registry);
    free(c->restored_path);
    free(c->stopped_with);
    free(c->savepoint_dir);
    free(c->dir);
    free(c->first);
    free(c->finished);
    free(c);
}

bool jm_coordinator_is_on(const jm_coordinator *c) { return c->policy.interval_ns > 0; }
const char *jm_coordinator_dir(const jm_coordinator *c) { return c->dir; }

/* ---- questions ---- */

bool jm_coordinator_is_publishing(const jm_coordinator *c)
{
    for (const jm_pending *p = c->pending; p != NULL; p = p->next) {
        if (p->state == JM_CHECKPOINT_PUBLISHING) {
            return true;
        }
    }
    return false;
}

bool jm_coordinator_is_stopping(const jm_coordinator *c)
{
    for (const jm_pending *p = c->pending; p != NULL; p = p->next) {
        if (p->kind == WSL__PB__CHECKPOINT_KIND__STOP_SAVEPOINT) {
            return true;
        }
    }
    return false;
}

const char *jm_coordinator_stopped_with(const jm_coordinator *c) { return c->stopped_with; }

const Wsl__Pb__CheckpointMeta *jm_coordinator_latest(jm_coordinator *c, const char **out_base)
{
    for (uint32_t i = c->n_retained; i-- > 0;) {
        if (!c->retained[i].damaged) {
            *out_base = c->retained[i].base;
            return c->retained[i].meta;
        }
    }
    return NULL;
}

void jm_coordinator_damaged(jm_coordinator *c, uint64_t checkpoint, const char *reason)
{
    for (uint32_t i = c->n_retained; i-- > 0;) {
        jm_retained *r = &c->retained[i];
        if (r->id == checkpoint && !r->damaged) {
            r->damaged = true;
            wsl_log(c->options.log, WSL_LOG_ERROR, "checkpoint.damaged",
                    "id=%" PRIu64 " directory=%s older=%u reason=%s what=\"it is left out from now on; its files stay for a look\"",
                    checkpoint, r->dir, i, reason);
            return;
        }
    }
}

bool jm_coordinator_all_damaged(const jm_coordinator *c)
{
    for (uint32_t i = 0; i < c->n_retained; i++) {
        if (!c->retained[i].damaged) {
            return false;
        }
    }
    return c->n_retained > 0 || c->unreadable > 0;
}

void jm_coordinator_on_job_ended(jm_coordinator *c, jm_job_end how)
{
    jm_coordinator_stop(c, "the job has ended");
    c->ended = true;
    c->keep = (how == JM_END_FAILED && c->keep_failed) || (how == JM_END_CANCELED && c->keep_canceled);
    if (c->dir[0] == '\0') {
        return;
    }
    if (!c->keep) {
        while (c->n_retained > 0) {
            jm_retained_drop(c, c->n_retained - 1);
        }
    }
    if (c->last_id > 0) {
        jm_slow_sweep(c, !c->keep);
    }
}
