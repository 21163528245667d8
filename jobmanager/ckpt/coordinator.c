/*
 * States and messages. Whatever calls the job's `fail` or `run_slow` may come back in here before it returns (a failing job
 * stops its coordinator; in the simulator slow work is done at once), so these calls stand last, and loops over pending
 * checkpoints begin again after them.
 */
#include "jobmanager/ckpt/coordinator.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/strbuf.h"
#include "ckpt/metadata.h"
#include "ckpt/storage.h"
#include "jobmanager/ckpt/coordinator_core.h"
#include "jobmanager/exec/peers.h"

enum { REASON_MAX = 512, NAMED_MISSING_MAX = 3 };

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
    free(c->savepoint_dir);
    free(c->dir);
    free(c->first);
    free(c->finished);
    free(c);
}

bool jm_coordinator_is_on(const jm_coordinator *c) { return c->policy.interval_ns > 0; }
const char *jm_coordinator_dir(const jm_coordinator *c) { return c->dir; }

/* ---- questions about tasks ---- */

static Wsl__Pb__TaskState state_of(const jm_coordinator *c, uint32_t v, uint32_t i)
{
    return c->job.task_state(c->job.arg, v, i);
}

static void task_name(const jm_coordinator *c, uint32_t index, char *out, size_t size)
{
    uint32_t v = c->options.plan->n_vertices - 1;
    while (c->first[v] > index) {
        v--;
    }
    const wsl_vertex *vertex = &c->options.plan->vertices[v];
    (void)snprintf(out, size, "%.200s (%u/%u)", vertex->name, index - c->first[v] + 1, vertex->parallelism);
}

/* Have all that feed this subtask ended? Sources have nobody. */
static bool is_first(const jm_coordinator *c, uint32_t v, uint32_t subtask)
{
    const wsl_job_plan *plan = c->options.plan;
    const wsl_vertex *vertex = &plan->vertices[v];
    for (uint32_t k = 0; k < vertex->n_inputs; k++) {
        const Wsl__Pb__Edge *edge = plan->graph->edges[vertex->inputs[k]];
        const uint32_t from = plan->vertex_of[edge->from];
        const uint32_t producers = plan->vertices[from].parallelism;
        if (c->finished[from] == producers) {
            continue;
        }
        const jm_run run = jm_producers_of(edge->partition, producers, vertex->parallelism, subtask);
        if (c->finished[from] < run.n) {
            return false;
        }
        for (uint32_t i = run.first; i < run.first + run.n; i++) {
            if (state_of(c, from, i) != WSL__PB__TASK_STATE__TASK_FINISHED) {
                return false;
            }
        }
    }
    return true;
}

/* WSL_STATE: a checkpoint cannot be taken now, and why. */
static wsl_status all_take_part(const jm_coordinator *c, wsl_error *err)
{
    const wsl_job_plan *plan = c->options.plan;
    uint32_t running = 0, finished = 0;
    for (uint32_t v = 0; v < plan->n_vertices; v++) {
        for (uint32_t i = 0; i < plan->vertices[v].parallelism; i++) {
            const Wsl__Pb__TaskState state = state_of(c, v, i);
            running += state == WSL__PB__TASK_STATE__TASK_RUNNING;
            finished += state == WSL__PB__TASK_STATE__TASK_FINISHED;
        }
    }
    if (!c->running || running + finished < c->n_tasks) {
        return wsl_fail(err, WSL_STATE, "not all tasks of the job run: %u of %u do; try again when they do", running,
                        c->n_tasks);
    }
    if (running == 0) {
        return wsl_fail(err, WSL_STATE, "all tasks of the job have finished");
    }
    if (finished > 0 && !c->policy.after_finish) {
        return wsl_fail(err, WSL_STATE,
                        "%u of the job's %u tasks have finished, and "
                        "execution.checkpointing.checkpoints-after-tasks-finish.enabled is false",
                        finished, c->n_tasks);
    }
    return WSL_OK;
}

/* ---- giving up ---- */

jm_pending *jm_pending_find(const jm_coordinator *c, uint64_t id)
{
    jm_pending *p = c->pending;
    while (p != NULL && p->id != id) {
        p = p->next;
    }
    return p;
}

static void unlink_pending(jm_coordinator *c, const jm_pending *p)
{
    jm_pending **at = &c->pending;
    while (*at != p) {
        at = &(*at)->next;
    }
    *at = p->next;
    c->counts.in_progress--;
}

void jm_tell_all(jm_coordinator *c, uint64_t checkpoint, bool complete)
{
    const wsl_job_plan *plan = c->options.plan;
    for (uint32_t v = 0; v < plan->n_vertices; v++) {
        for (uint32_t i = 0; i < plan->vertices[v].parallelism; i++) {
            if (state_of(c, v, i) == WSL__PB__TASK_STATE__TASK_RUNNING) {
                c->job.tell_ended(c->job.arg, v, i, checkpoint, complete);
            }
        }
    }
}

/* Out of the list and out of the world. */
static void bury(jm_coordinator *c, jm_pending *p, const char *reason)
{
    unlink_pending(c, p);
    c->counts.failed++;
    jm_history_end(c, p->stats, JM_CHECKPOINT_FAILED, reason);
    wsl_log(c->options.log, WSL_LOG_WARN, "checkpoint.failed", "id=%" PRIu64 " reason=%s", p->id, reason);
    const bool asked = p->asked, begun = p->begun;
    const uint64_t id = p->id;
    jm_pending_free(c, p);
    if (begun) {
        char *dir = jm_chk_dir(c, id);
        jm_slow_discard(c, dir);
        free(dir);
    }
    if (asked) {
        c->job.asked_ended(c->job.arg, id, NULL, reason);
    }
}

void jm_pending_fail(jm_coordinator *c, jm_pending *p, bool counts, const char *format, ...)
{
    char reason[REASON_MAX], text[REASON_MAX + 128] = "";
    va_list args;
    va_start(args, format);
    (void)vsnprintf(reason, sizeof reason, format, args);
    va_end(args);
    if (p->kind == WSL__PB__CHECKPOINT_KIND__STOP_SAVEPOINT && p->prepared) {
        (void)snprintf(text, sizeof text, "stopping with savepoint %" PRIu64 " failed: %s", p->id, reason);
    } else if (counts && p->kind == WSL__PB__CHECKPOINT_KIND__CHECKPOINT && jm_policy_on_failed(&c->policy)) {
        (void)snprintf(text, sizeof text,
                       "checkpoint %" PRIu64 " failed, the %u. in a row, and at most %u may "
                       "(execution.checkpointing.tolerable-failed-checkpoints): %s",
                       p->id, c->policy.failed_in_row, c->policy.tolerable, reason);
    }
    if (p->prepared) {
        jm_tell_all(c, p->id, false);
    }
    bury(c, p, reason);
    if (text[0] != '\0') {
        c->job.fail(c->job.arg, text);
    }
}

void jm_coordinator_stop(jm_coordinator *c, const char *reason)
{
    c->running = false;
    jm_policy_on_stopped(&c->policy);
    for (jm_pending *p = c->pending; p != NULL;) {
        if (p->state == JM_CHECKPOINT_PENDING) {
            if (p->prepared) {
                jm_tell_all(c, p->id, false); /* some of them may go on as if nothing had been */
            }
            bury(c, p, reason);
            p = c->pending; /* others may have gone as well */
        } else {
            p = p->next;
        }
    }
}

/* ---- beginning ---- */

static void send_trigger(jm_coordinator *c, jm_pending *p, uint32_t v, uint32_t i)
{
    Wsl__Pb__TriggerCheckpoint m = WSL__PB__TRIGGER_CHECKPOINT__INIT;
    m.checkpoint = p->id;
    m.trigger_ms = p->trigger_ms;
    m.kind = p->kind;
    m.drain = p->drain;
    p->tasks[jm_task_index(c, v, i)].triggered = true;
    c->job.trigger(c->job.arg, v, i, &m);
}

static void take_enumerators(jm_coordinator *c, jm_pending *p)
{
    const wsl_job_graph *graph = c->options.plan->graph;
    for (uint32_t op = 0; op < graph->n_operators; op++) {
        uint8_t *bytes = NULL;
        size_t size = 0;
        if (strcmp(graph->operators[op]->kind, "source") == 0 && c->job.enumerator(c->job.arg, p->id, op, &bytes, &size)) {
            p->enumerators[op] = (ProtobufCBinaryData){.data = bytes != NULL ? bytes : wsl_zalloc(1), .len = size};
        }
    }
}

void jm_pending_prepared(jm_coordinator *c, jm_pending *p)
{
    wsl_error err = {0};
    if (all_take_part(c, &err) != WSL_OK) {
        jm_pending_fail(c, p, false, "%s", err.text);
        return;
    }
    const wsl_job_plan *plan = c->options.plan;
    p->prepared = true;
    take_enumerators(c, p); /* before any source is told: what is assigned from now on is not in the readers' state */
    for (uint32_t v = 0; v < plan->n_vertices; v++) {
        for (uint32_t i = 0; i < plan->vertices[v].parallelism; i++) {
            jm_pending_task *t = &p->tasks[jm_task_index(c, v, i)];
            if (state_of(c, v, i) == WSL__PB__TASK_STATE__TASK_FINISHED) {
                t->done = true;
                p->n_missing--;
            } else if (is_first(c, v, i)) {
                send_trigger(c, p, v, i);
            }
        }
    }
    WSL_ASSERT(p->n_missing > 0);
}

static jm_pending *add_pending(jm_coordinator *c, Wsl__Pb__CheckpointKind kind)
{
    const wsl_job_plan *plan = c->options.plan;
    jm_pending *p = wsl_zalloc(sizeof *p);
    p->id = ++c->last_id;
    p->kind = kind;
    p->state = JM_CHECKPOINT_PENDING;
    p->tasks = wsl_calloc(c->n_tasks, sizeof *p->tasks);
    p->n_missing = c->n_tasks;
    p->enumerators = wsl_calloc(plan->graph->n_operators, sizeof *p->enumerators);
    p->trigger_ms = wsl_wall_ms(c->options.clock);
    p->deadline_ns = wsl_now_ns(c->options.clock) + c->policy.timeout_ns;
    jm_pending **at = &c->pending;
    while (*at != NULL) {
        at = &(*at)->next;
    }
    *at = p;
    c->counts.triggered++;
    c->counts.in_progress++;
    p->stats = jm_history_add(c, p);
    return p;
}

static void begin(jm_coordinator *c, jm_pending *p)
{
    p->begun = true;
    p->deadline_ns = wsl_now_ns(c->options.clock) + c->policy.timeout_ns;
    wsl_log(c->options.log, WSL_LOG_DEBUG, "checkpoint.triggered", "id=%" PRIu64 " kind=%d", p->id, (int)p->kind);
    jm_slow_prepare(c, p);
}

/* The first that waits, if it is its turn: nothing else is under way. */
static jm_pending *next_asked(const jm_coordinator *c)
{
    return c->pending != NULL && !c->pending->begun ? c->pending : NULL;
}

static bool somebody_asked(const jm_coordinator *c)
{
    for (const jm_pending *p = c->pending; p != NULL; p = p->next) {
        if (p->asked) {
            return true;
        }
    }
    return false;
}

wsl_status jm_coordinator_trigger(jm_coordinator *c, Wsl__Pb__CheckpointKind kind, const char *target, bool drain,
                                  uint64_t *out_id, wsl_error *err)
{
    uint32_t waiting = 0;
    for (const jm_pending *p = c->pending; p != NULL; p = p->next) {
        waiting += p->asked;
    }
    if (jm_coordinator_is_stopping(c)) {
        return wsl_fail(err, WSL_STATE, "the job is being stopped with a savepoint already");
    }
    if (waiting >= JM_ASKED_MAX) {
        return wsl_fail(err, WSL_NO_RESOURCE, "%u savepoints and checkpoints that were asked for are under way", waiting);
    }
    if (c->dir[0] == '\0') {
        return wsl_fail(err, WSL_INVALID,
                        "the job has no directory for state: set execution.checkpointing.dir or "
                        "execution.checkpointing.savepoint-dir, which JobManager and TaskManagers all see");
    }
    WSL_TRY(all_take_part(c, err));
    char *dir = NULL;
    if (kind != WSL__PB__CHECKPOINT_KIND__CHECKPOINT) {
        if (target == NULL && c->savepoint_dir == NULL) {
            return wsl_fail(err, WSL_INVALID,
                            "no directory for the savepoint: name one, or set execution.checkpointing.savepoint-dir");
        }
        char *base = NULL;
        WSL_TRY(wsl_ckpt_dir(target != NULL ? target : c->savepoint_dir, &base, err));
        char job[WSL_ID_TEXT_SIZE];
        dir = wsl_asprintf("%s/savepoint-%.6s-%012" PRIx64, base, wsl_id_text(&c->options.job, job),
                           wsl_rng_next(&c->rng) >> 16);
        free(base);
    }
    jm_pending *p = add_pending(c, kind);
    p->asked = true;
    p->drain = drain && kind == WSL__PB__CHECKPOINT_KIND__STOP_SAVEPOINT;
    p->target = dir;
    *out_id = p->id; /* it begins with the next step: whoever asked knows its id before it ends */
    return WSL_OK;
}

/* ---- messages ---- */

static bool checks_out(const jm_coordinator *c, uint32_t vertex, uint32_t subtask, const Wsl__Pb__CheckpointAck *ack,
                       wsl_error *err)
{
    const wsl_job_plan *plan = c->options.plan;
    if (wsl_task_snapshot_check(ack->snapshot, err) != WSL_OK) {
        return false;
    }
    if (!jm_snapshot_paths_ok(ack->snapshot, ack->checkpoint)) {
        (void)wsl_fail(err, WSL_INVALID, "it names files outside of the checkpoint's directory");
        return false;
    }
    for (size_t i = 0; i < ack->snapshot->n_operators; i++) {
        const Wsl__Pb__OperatorState *op = ack->snapshot->operators[i];
        for (size_t k = 0; k < i; k++) {
            if (ack->snapshot->operators[k]->operator_ == op->operator_) {
                (void)wsl_fail(err, WSL_INVALID, "it holds state of operator %u twice", op->operator_);
                return false;
            }
        }
        if (op->operator_ >= plan->graph->n_operators || plan->vertex_of[op->operator_] != vertex ||
            op->subtask != subtask) {
            (void)wsl_fail(err, WSL_INVALID, "it holds state of operator %u, subtask %u, which does not run there",
                           op->operator_, op->subtask);
            return false;
        }
    }
    return true;
}

static void note_ack(jm_coordinator *c, jm_pending *p, uint32_t index, const Wsl__Pb__CheckpointAck *ack)
{
    uint64_t state_bytes = 0;
    for (size_t i = 0; i < ack->snapshot->n_files; i++) {
        const Wsl__Pb__StateFile *f = ack->snapshot->files[i];
        state_bytes += f->size;
        if (strncmp(f->path, "shared/", 7) == 0) {
            jm_registry_use(c->registry, f->path, p->id);
        }
    }
    jm_checkpoint_task_stats *s = &p->stats->tasks[index];
    *s = (jm_checkpoint_task_stats){
        .acked = true,
        .ack_ms = wsl_wall_ms(c->options.clock),
        .bytes = ack->bytes,
        .state_bytes = state_bytes,
        .sync_ns = ack->sync_ns,
        .async_ns = ack->async_ns,
        .alignment_ns = ack->alignment_ns,
        .start_delay_ms = ack->start_delay_ms,
        .in_flight_bytes = ack->persisted_in_flight_bytes,
    };
    p->stats->n_acked++;
    p->stats->last_ack_ms = s->ack_ms;
    p->stats->state_bytes += state_bytes;
    p->stats->written_bytes += ack->bytes;
}

static void settle(jm_coordinator *c, jm_pending *p)
{
    if (p->n_missing == 0 && p->state == JM_CHECKPOINT_PENDING && p->prepared) {
        p->state = p->stats->state = JM_CHECKPOINT_PUBLISHING;
        jm_slow_publish(c, p);
    }
}

void jm_coordinator_on_ack(jm_coordinator *c, uint32_t vertex, uint32_t subtask, Wsl__Pb__CheckpointAck *ack)
{
    jm_pending *p = jm_pending_find(c, ack->checkpoint);
    if (p == NULL || !p->prepared) {
        jm_coordinator_on_stray_ack(c, ack->checkpoint);
        return;
    }
    const uint32_t index = jm_task_index(c, vertex, subtask);
    if (p->tasks[index].done) {
        return; /* once more; its files are those of the first time, or go with the directory */
    }
    wsl_error err = {0};
    if (!checks_out(c, vertex, subtask, ack, &err)) {
        char name[256];
        task_name(c, index, name, sizeof name);
        jm_pending_fail(c, p, true, "the acknowledgement of task '%s' is not usable: %s", name, err.text);
        return;
    }
    note_ack(c, p, index, ack);
    p->tasks[index].done = true;
    p->tasks[index].snapshot = WSL_TAKE(ack->snapshot);
    p->n_missing--;
    settle(c, p);
}

void jm_coordinator_on_stray_ack(jm_coordinator *c, uint64_t checkpoint)
{
    if (c->dir[0] == '\0' || checkpoint > c->last_id || jm_pending_find(c, checkpoint) != NULL) {
        return;
    }
    for (uint32_t i = 0; i < c->n_retained; i++) {
        if (c->retained[i].in_job && c->retained[i].id == checkpoint) {
            return;
        }
    }
    char *dir = jm_chk_dir(c, checkpoint);
    jm_slow_discard(c, dir); /* it was given up, and these files came after it was cleared */
    free(dir);
}

void jm_coordinator_on_declined(jm_coordinator *c, uint32_t vertex, uint32_t subtask, uint64_t checkpoint,
                                const char *reason)
{
    jm_pending *p = jm_pending_find(c, checkpoint);
    if (p == NULL || p->state != JM_CHECKPOINT_PENDING || !p->prepared) {
        return;
    }
    char name[256];
    task_name(c, jm_task_index(c, vertex, subtask), name, sizeof name);
    jm_pending_fail(c, p, true, "task '%s' declined: %s", name, reason[0] == '\0' ? "it gave no reason" : reason);
}

/* Consumers of this vertex that nobody will send a barrier any more. */
static void trigger_consumers(jm_coordinator *c, jm_pending *p, uint32_t vertex)
{
    const wsl_job_plan *plan = c->options.plan;
    const wsl_vertex *v = &plan->vertices[vertex];
    for (uint32_t k = 0; k < v->n_outputs; k++) {
        const uint32_t to = plan->vertex_of[plan->graph->edges[v->outputs[k]]->to];
        for (uint32_t i = 0; i < plan->vertices[to].parallelism; i++) {
            const jm_pending_task *t = &p->tasks[jm_task_index(c, to, i)];
            if (!t->done && !t->triggered && state_of(c, to, i) == WSL__PB__TASK_STATE__TASK_RUNNING &&
                is_first(c, to, i)) {
                send_trigger(c, p, to, i);
            }
        }
    }
}

/* All sources have ended: what waits for a last checkpoint need not wait for the interval. */
static void hurry(jm_coordinator *c)
{
    const wsl_job_plan *plan = c->options.plan;
    if (!c->running || !jm_coordinator_is_on(c) || !c->policy.after_finish || c->hurried) {
        return;
    }
    for (uint32_t v = 0; v < plan->n_vertices; v++) {
        if (plan->vertices[v].n_inputs == 0 && c->finished[v] < plan->vertices[v].parallelism) {
            return;
        }
    }
    c->hurried = true;
    c->policy.due_ns = wsl_now_ns(c->options.clock);
    c->policy.pause_until_ns = 0;
}

void jm_coordinator_on_task_finished(jm_coordinator *c, uint32_t vertex, uint32_t subtask)
{
    c->finished[vertex]++;
    hurry(c);
    uint64_t last = 0;
    for (jm_pending *p = c->pending; p != NULL;) {
        last = p->id;
        if (p->state == JM_CHECKPOINT_PENDING && p->prepared) {
            jm_pending_task *t = &p->tasks[jm_task_index(c, vertex, subtask)];
            if (!t->done) {
                t->done = true;
                p->n_missing--;
            }
            trigger_consumers(c, p, vertex);
            settle(c, p);
        }
        p = c->pending; /* settling may have changed the list */
        while (p != NULL && p->id <= last) {
            p = p->next;
        }
    }
}

/* ---- time ---- */

void jm_coordinator_on_running(jm_coordinator *c, int64_t now_ns)
{
    const wsl_job_plan *plan = c->options.plan;
    c->running = true;
    c->hurried = false;
    for (uint32_t v = 0; v < plan->n_vertices; v++) {
        c->finished[v] = 0;
        for (uint32_t i = 0; i < plan->vertices[v].parallelism; i++) {
            c->finished[v] += state_of(c, v, i) == WSL__PB__TASK_STATE__TASK_FINISHED;
        }
    }
    jm_policy_on_running(&c->policy, now_ns, &c->rng);
    hurry(c);
    if (c->last_id > 0 && c->dir[0] != '\0') {
        jm_slow_sweep(c, false); /* nobody of an earlier attempt writes any more */
    }
}

static void fail_late(jm_coordinator *c, jm_pending *p)
{
    wsl_strbuf who;
    uint32_t missing = 0;
    wsl_strbuf_init(&who);
    for (uint32_t i = 0; i < c->n_tasks; i++) {
        if (!p->tasks[i].done && missing++ < NAMED_MISSING_MAX) {
            char name[256];
            task_name(c, i, name, sizeof name);
            wsl_strbuf_printf(&who, "%s'%s'", missing == 1 ? "" : ", ", name);
        }
    }
    if (!p->begun) {
        jm_pending_fail(c, p, false, "its turn did not come within %" PRId64 " ms", c->policy.timeout_ns / WSL_NS_PER_MS);
    } else {
        jm_pending_fail(c, p, true,
                        "it took longer than %" PRId64 " ms (execution.checkpointing.timeout): %u of %u tasks have not "
                        "acknowledged, among them %s",
                        c->policy.timeout_ns / WSL_NS_PER_MS, missing, c->n_tasks, who.data);
    }
    wsl_strbuf_fini(&who);
}

static jm_pending *first_late(const jm_coordinator *c, int64_t now_ns)
{
    for (jm_pending *p = c->pending; p != NULL; p = p->next) {
        if (p->state == JM_CHECKPOINT_PENDING && now_ns >= p->deadline_ns) {
            return p;
        }
    }
    return NULL;
}

/* Triggers by the interval. */
static void step_periodic(jm_coordinator *c, int64_t now_ns)
{
    if (somebody_asked(c) || now_ns < jm_policy_next_ns(&c->policy, (uint32_t)c->counts.in_progress)) {
        return;
    }
    jm_policy_on_trigger(&c->policy, now_ns);
    if (all_take_part(c, NULL) == WSL_OK) {
        begin(c, add_pending(c, WSL__PB__CHECKPOINT_KIND__CHECKPOINT));
    }
}

int64_t jm_coordinator_step(jm_coordinator *c, int64_t now_ns)
{
    for (jm_pending *p = first_late(c, now_ns); p != NULL; p = first_late(c, now_ns)) {
        fail_late(c, p);
    }
    if (!c->running) {
        return WSL_NEVER;
    }
    for (jm_pending *p = next_asked(c); p != NULL; p = next_asked(c)) {
        begin(c, p); /* its beginning may have been its end as well */
    }
    step_periodic(c, now_ns);
    int64_t next = WSL_NEVER;
    for (const jm_pending *p = c->pending; p != NULL; p = p->next) {
        if (p->state == JM_CHECKPOINT_PENDING && p->deadline_ns < next) {
            next = p->deadline_ns;
        }
    }
    if (!somebody_asked(c)) {
        const int64_t due = jm_policy_next_ns(&c->policy, (uint32_t)c->counts.in_progress);
        next = due < next ? due : next;
    }
    return next;
}

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
    return c->n_retained > 0;
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
