#include "jobmanager/job.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/strbuf.h"
#include "graph/operator_options.h"
#include "jobmanager/exec/deploy.h"
#include "jobmanager/exec/regions.h"
#include "jobmanager/jm_core.h"
#include "plugin/registry.h"

enum { LOST_SUSPECT = 3 }; /* TaskManagers lost in a row */

/* ---- making one ---- */

static wsl_status add_source(jm_job *job, const Wsl__Pb__Operator *op, wsl_error *err)
{
    const wsl_source_class *cls = wsl_source_class_find(op->connector);
    if (cls == NULL || cls->enumerator == NULL) {
        return WSL_OK; /* the job's own connector, or one whose readers begin by themselves */
    }
    WSL_AUTO(wsl_config) config = NULL;
    WSL_TRY(wsl_operator_config_new(op, NULL, &config, err));
    if (cls->validate != NULL) {
        const wsl_status status = cls->validate(job->jm->seams.fs, config, job->plan->schemas[op->id], err);
        if (status != WSL_OK) {
            return wsl_fail_prefix(err, status, "operator '%s'", op->name);
        }
    }
    const jm_source_options options = {
        .operator_id = op->id,
        .operator_name = op->name,
        .cls = cls,
        .config = WSL_TAKE(config),
        .parallelism = op->parallelism,
        .remember_finished = job->graph.n_regions > 1,
        .answer = jm_job_answer_split,
        .answer_arg = job,
    };
    wsl_seams seams = job->jm->seams;
    seams.log = job->log;
    job->sources = wsl_realloc(job->sources, (job->n_sources + 1) * sizeof(jm_source *));
    job->sources[job->n_sources++] = jm_source_new(&options, &seams);
    return WSL_OK;
}

static wsl_status add_collect(jm_job *job, const Wsl__Pb__Operator *op, wsl_error *err)
{
    const wsl_job_graph *graph = job->plan->graph;
    for (size_t i = 0; i < graph->n_edges; i++) {
        if (graph->edges[i]->to != op->id) {
            continue;
        }
        wsl_schema *schema = NULL;
        const Wsl__Pb__Schema *pb = jm_edge_schema(job->plan, graph->edges[i]);
        if (pb == NULL) {
            break;
        }
        WSL_TRY(wsl_schema_from_pb(pb, &schema, err));
        job->collects = wsl_realloc(job->collects, (job->n_collects + 1) * sizeof(jm_collect *));
        job->collects[job->n_collects++] = jm_collect_new(op->id, schema, op->parallelism, jm_job_ack_collect, job);
        return WSL_OK;
    }
    return wsl_fail(err, WSL_INVALID, "collect sink '%s' has no input with a schema", op->name);
}

static bool is_sink_of(const Wsl__Pb__Operator *op, const char *connector)
{
    return strcmp(op->kind, "sink") == 0 && strcmp(op->connector, connector) == 0;
}

wsl_status jm_job_add_sources(jm_job *job, wsl_error *err)
{
    const wsl_job_graph *graph = job->plan->graph;
    for (size_t i = 0; i < graph->n_operators; i++) {
        if (strcmp(graph->operators[i]->kind, "source") == 0) {
            WSL_TRY(add_source(job, graph->operators[i], err));
        }
    }
    return WSL_OK;
}

wsl_status jm_job_add_collects(jm_job *job, wsl_error *err)
{
    const wsl_job_graph *graph = job->plan->graph;
    for (size_t i = 0; i < graph->n_operators; i++) {
        if (is_sink_of(graph->operators[i], "collect")) {
            WSL_TRY(add_collect(job, graph->operators[i], err));
        }
    }
    return WSL_OK;
}

wsl_status jm_job_new_alignment(jm_job *job, wsl_error *err)
{
    const jm_alignment_job asks = {.arg = job, .runs = jm_job_operator_runs, .send_limit = jm_job_send_limit};
    return jm_alignment_new(job->plan, job->config, &asks, &job->alignment, err);
}

/* What can be wrong with it. */
static wsl_status add_parts(jm_job *job, wsl_error *err)
{
    WSL_TRY(jm_job_add_sources(job, err));
    WSL_TRY(jm_job_add_collects(job, err));
    WSL_TRY(jm_job_new_alignment(job, err));
    WSL_TRY(jm_job_make_coordinator(job, err));
    return jm_job_begin(job, err);
}

/* Without checkpoints nobody can go back alone: who has read what since the beginning is not kept. */
static bool restarts_whole(const wsl_config *config)
{
    return strcmp(wsl_config_str(config, "jobmanager.execution.failover-strategy"), "full") == 0 ||
           wsl_config_duration_ns(config, "execution.checkpointing.interval") == 0;
}

void jm_job_set_regions(jm_job *job) { jm_regions_set(&job->graph, restarts_whole(job->config)); }

static void enter(jm_job *job, jm_job_state state)
{
    const bool kept = job->keep.end == state && job->keep.end_kept;
    job->state = state;
    job->entered_ms[state] = kept ? job->keep.end_ms : wsl_wall_ms(job->jm->seams.clock);
    if (!jm_job_state_is_final(state)) {
        job->keep.end = JM_JOB_STATE_COUNT; /* whatever was about to be: it is not */
        jm_job_keep(job);
    }
}

jm_job *jm_job_make(struct jm *self, const wsl_id *id, wsl_job_plan *plan, wsl_config *config)
{
    jm_job *job = wsl_zalloc(sizeof *job);
    job->jm = self;
    job->id = *id;
    (void)wsl_id_text(id, job->id_text);
    job->number = ++self->last_job_number;
    job->plan = plan;
    job->config = config;
    job->log = self->seams.log == NULL ? NULL : wsl_logger_with(self->seams.log, "job=%s", job->id_text);
    enter(job, JM_JOB_INITIALIZING);
    job->attempt = 1;
    jm_exec_graph_init(&job->graph, plan, job->entered_ms[JM_JOB_INITIALIZING]);
    jm_sharing_init(&job->sharing, plan);
    jm_job_set_regions(job);
    jm_job_rescale_init(job);
    job->slots = wsl_calloc(job->sharing.n_slots, sizeof *job->slots);
    job->slot_live = wsl_calloc(job->sharing.n_slots, sizeof *job->slot_live);
    jm_split_names_init(&job->split_names, plan);
    return job;
}

void jm_job_unmake(jm_job *job)
{
    jm_coordinator_free(job->coordinator); /* before the plan is somebody else's */
    job->coordinator = NULL;
    job->plan = NULL; /* still the caller's */
    job->config = NULL;
    jm_job_free(job);
}

wsl_status jm_job_new(struct jm *self, const wsl_id *id, wsl_job_plan *plan, wsl_config *config, jm_job **out_job,
                      wsl_error *err)
{
    jm_job *job = jm_job_make(self, id, plan, config);
    const wsl_status status = add_parts(job, err);
    if (status != WSL_OK) {
        jm_job_unmake(job);
        return status;
    }
    jm_job_move(job, JM_JOB_ACCEPT);
    job->waits_until_ns = wsl_now_ns(self->seams.clock) + self->options.slot_timeout_ns;
    jm_job_wait_to_fit(job, wsl_now_ns(self->seams.clock));
    *out_job = job;
    return WSL_OK;
}

static void failure_fini(jm_failure *failure)
{
    free(failure->text);
    free(failure->task_name);
    free(failure->tm_id);
    free(failure->endpoint);
}

void jm_job_free_sources(jm_job *job)
{
    for (uint32_t i = 0; i < job->n_sources; i++) {
        jm_source_free(job->sources[i]);
    }
    free(job->sources);
    job->sources = NULL;
    job->n_sources = 0;
}

void jm_job_free(jm_job *job)
{
    if (job == NULL) {
        return;
    }
    jm_coordinator_free(job->coordinator);
    jm_restart_fini(&job->restart);
    jm_job_free_sources(job);
    for (uint32_t i = 0; i < job->n_collects; i++) {
        jm_collect_free(job->collects[i]);
    }
    free(job->collects);
    for (uint32_t i = 0; i < job->n_failures; i++) {
        failure_fini(&job->failures[i]);
    }
    free(job->failures);
    jm_alignment_free(job->alignment);
    jm_late_fini(&job->late);
    jm_split_names_fini(&job->split_names);
    jm_exec_graph_fini(&job->graph);
    jm_sharing_fini(&job->sharing);
    free(job->slots);
    free(job->slot_live);
    free(job->rescale.made_with);
    free(job->begins_with);
    free(job->keep.trouble);
    wsl_job_plan_free(job->plan);
    wsl_config_free(job->config);
    wsl_logger_free(job->log);
    free(job);
}

/* ---- moves ---- */

void jm_job_on_ended(jm_job *job)
{
    jm_job_free_sources(job);
    for (uint32_t i = 0; i < job->n_collects; i++) {
        jm_collect_close(job->collects[i]);
    }
    jm_coordinator_on_job_ended(job->coordinator, job->state == JM_JOB_FINISHED ? JM_END_FINISHED
                                                  : job->state == JM_JOB_FAILED ? JM_END_FAILED
                                                                                : JM_END_CANCELED);
}

void jm_job_move(jm_job *job, jm_job_event event)
{
    jm_job_state next;
    const bool move = jm_job_next(job->state, event, &next);
    WSL_ASSERT(move);
    if (next == job->state) {
        return;
    }
    const jm_job_state from = job->state;
    enter(job, next);
    job->slots_idle |= from == JM_JOB_RESTARTING; /* it may have held some */
    wsl_log(job->log, WSL_LOG_INFO, "job.state", "from=%s to=%s name=%s", jm_job_state_name(from),
            jm_job_state_name(next), jm_job_name(job));
    if (jm_job_state_is_final(next)) {
        jm_job_on_ended(job);
    }
}

static void leave_slot(jm_job *job, uint32_t slot)
{
    WSL_ASSERT(job->slot_live[slot] > 0);
    job->slots_idle |= --job->slot_live[slot] == 0;
}

void jm_job_move_task(jm_job *job, uint32_t vertex, uint32_t subtask, jm_task_event event)
{
    const jm_subtask *t = &job->graph.vertices[vertex].subtasks[subtask];
    const jm_task_state from = t->state;
    const bool move = jm_exec_graph_move(&job->graph, vertex, subtask, event, wsl_wall_ms(job->jm->seams.clock));
    WSL_ASSERT(move);
    if (t->state == from) {
        return;
    }
    wsl_log(job->log, WSL_LOG_DEBUG, "task.state", "vertex=%u subtask=%u attempt=%u from=%s to=%s", vertex, subtask,
            t->attempt, jm_task_state_name(from), jm_task_state_name(t->state));
    if (jm_task_state_is_final(t->state) && from != JM_TASK_CREATED) {
        leave_slot(job, t->slot);
    }
}

void jm_job_settle(jm_job *job)
{
    if (job->graph.n_live > 0 || jm_job_state_is_final(job->state)) {
        return;
    }
    if (job->state == JM_JOB_RUNNING && jm_coordinator_is_stopping(job->coordinator)) {
        return; /* its savepoint decides whether this is the end */
    }
    jm_job_state end;
    const bool move = jm_job_next(job->state, JM_JOB_TASKS_DONE, &end);
    WSL_ASSERT(move);
    if (jm_job_state_is_final(end) && !jm_job_keep_end(job, end)) {
        return; /* what has ended stays so, whoever dies: its checkpoints are removed next */
    }
    jm_job_move(job, JM_JOB_TASKS_DONE);
}

/* ---- ending early ---- */

static void cancel_task(jm_job *job, uint32_t vertex, uint32_t subtask)
{
    const jm_subtask *t = &job->graph.vertices[vertex].subtasks[subtask];
    if (jm_task_state_is_final(t->state) || t->state == JM_TASK_CANCELING) {
        return;
    }
    jm_job_move_task(job, vertex, subtask, JM_TASK_CANCEL);
    jm_worker *worker = jm_workers_by_number(&job->jm->workers, t->worker);
    if (t->state != JM_TASK_CANCELING || worker == NULL) {
        return; /* nobody knows of it yet, or it goes with its TaskManager */
    }
    Wsl__Pb__TaskId id;
    Wsl__Pb__CancelTask cancel = WSL__PB__CANCEL_TASK__INIT;
    wsl_pb_task_id_init(&id, &job->id, vertex, subtask, t->attempt);
    cancel.task = &id;
    (void)jm_send(job->jm, worker, WSL__PB__ENVELOPE__BODY_CANCEL, &cancel);
}

void jm_job_cancel_tasks(jm_job *job)
{
    for (uint32_t v = 0; v < job->plan->n_vertices; v++) {
        for (uint32_t i = 0; i < job->plan->vertices[v].parallelism; i++) {
            if (job->state != JM_JOB_RESTARTING || job->graph.vertices[v].subtasks[i].restarting) {
                cancel_task(job, v, i);
            }
        }
    }
}

bool jm_job_cancel(jm_job *job)
{
    if (job->state == JM_JOB_FINISHED || job->state == JM_JOB_FAILED || job->state == JM_JOB_SUSPENDED) {
        return false;
    }
    jm_job_move(job, JM_JOB_CANCEL);
    if (job->state == JM_JOB_CANCELLING) {
        jm_coordinator_stop(job->coordinator, "the job is being canceled");
    }
    jm_job_cancel_tasks(job);
    jm_job_settle(job);
    return true;
}

/* The first failure of the last attempt that has one. */
static uint32_t root_index(const jm_job *job)
{
    uint32_t i = job->n_failures - 1;
    while (i > 0 && job->failures[i - 1].attempt == job->failures[i].attempt) {
        i--;
    }
    return i;
}

const jm_failure *jm_job_root_failure(const jm_job *job)
{
    return job->n_failures == 0 ? NULL : &job->failures[root_index(job)];
}

void jm_job_remember(jm_job *job, jm_failure *failure)
{
    if (job->n_failures == JM_FAILURES_MAX) {
        if (job->failures[0].attempt == failure->attempt) {
            failure_fini(failure);
            return;
        }
        failure_fini(&job->failures[0]); /* of the oldest attempt */
        job->n_failures--;
        memmove(&job->failures[0], &job->failures[1], job->n_failures * sizeof *job->failures);
    }
    job->failures = wsl_realloc(job->failures, (job->n_failures + 1) * sizeof *job->failures);
    job->failures[job->n_failures++] = *failure;
    jm_failure *root = &job->failures[root_index(job)];
    const bool explains = failure->kind == JM_FAILURE_WORKER && root->kind == JM_FAILURE_TASK && root->retriable;
    if (explains || (failure->kind == JM_FAILURE_FINAL && root->kind != JM_FAILURE_FINAL)) {
        jm_failure *last = &job->failures[job->n_failures - 1];
        const jm_failure consequence = *root;
        *root = *last;
        *last = consequence;
    }
    jm_job_keep(job);
}

/* Can tasks that did not fail not go on either? What is wrong belongs to no single task, or there is no telling what else is; or
 * sources of other regions have ended for a stop that will not be; or what to go back to is older than what the attempt began
 * with (that is damaged), so enumerators do not remember who had which split then. */
static bool concerns_all(const jm_job *job, jm_failure_kind kind, uint32_t vertex)
{
    const char *base = NULL;
    const Wsl__Pb__CheckpointMeta *meta = jm_coordinator_latest(job->coordinator, &base);
    return vertex == UINT32_MAX || (kind != JM_FAILURE_TASK && kind != JM_FAILURE_WORKER) ||
           jm_coordinator_is_stopping(job->coordinator) || (meta == NULL ? 0 : meta->checkpoint) < job->restored;
}

/* What becomes of the job: it restarts, or a part of it does, or this was the end. */
static void decide(jm_job *job, jm_failure_kind kind, uint32_t vertex, uint32_t subtask, const char *text)
{
    char strategy[128];
    const bool final = kind == JM_FAILURE_FINAL;
    const bool all = concerns_all(job, kind, vertex);
    if (job->state == JM_JOB_RESTARTING && !final) {
        if (jm_job_mark_restart(job, all, vertex, subtask)) {
            job->restart_due = false; /* another region: it joins. Otherwise this is a consequence */
        }
        return;
    }
    const bool stopped = jm_coordinator_stopped_with(job->coordinator) != NULL;
    const bool again = job->state == JM_JOB_RUNNING && !final && !stopped &&
                       jm_restart_on_failure(&job->restart, wsl_now_ns(job->jm->seams.clock), &job->restart_at_ns);
    if (job->state == JM_JOB_RUNNING) {
        jm_restart_describe(&job->restart, strategy, sizeof strategy);
        wsl_log(job->log, again ? WSL_LOG_WARN : WSL_LOG_ERROR, again ? "job.restarts" : "job.gives_up",
                "attempt=%u strategy=%s", job->attempt, strategy);
    }
    if (again) {
        (void)jm_job_mark_restart(job, all, vertex, subtask);
        job->waits_until_ns = WSL_NEVER;
    }
    jm_job_move(job, again ? JM_JOB_RESTART : JM_JOB_FAIL);
    jm_coordinator_stop(job->coordinator, text);
}

void jm_job_fail(jm_job *job, jm_failure_kind kind, uint32_t vertex, uint32_t subtask, const char *tm_id,
                 bool retriable, const char *format, ...)
{
    if (jm_job_state_is_final(job->state)) {
        return;
    }
    char text[2 * WSL_ERROR_TEXT_MAX];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    const char *saved = jm_coordinator_stopped_with(job->coordinator);
    if (saved != NULL) {
        const size_t n = strlen(text);
        (void)snprintf(text + n, sizeof text - n, "; the job was being stopped, and all of it is in savepoint %s: go on with that",
                       saved);
    }
    wsl_log(job->log, job->state == JM_JOB_RUNNING || job->state == JM_JOB_CREATED ? WSL_LOG_ERROR : WSL_LOG_INFO,
            "job.failure", "state=%s reason=%s", jm_job_state_name(job->state), text);
    if (job->state != JM_JOB_CANCELLING) {
        char name[WSL_GRAPH_NAME_MAX + 32] = "";
        if (vertex != UINT32_MAX) {
            jm_task_name(&job->graph.vertices[vertex], subtask, name, sizeof name);
        }
        const jm_worker *worker = tm_id == NULL ? NULL : jm_workers_by_id(&job->jm->workers, tm_id);
        jm_failure failure = {
            .kind = kind,
            .at_ms = wsl_wall_ms(job->jm->seams.clock),
            .text = wsl_strdup(text),
            .task_name = name[0] == '\0' ? NULL : wsl_strdup(name),
            .tm_id = tm_id == NULL ? NULL : wsl_strdup(tm_id),
            .endpoint = worker == NULL ? NULL : jm_worker_endpoint(worker),
            .retriable = retriable,
            .attempt = job->attempt,
        };
        jm_job_remember(job, &failure);
    }
    decide(job, kind, vertex, subtask, text);
    jm_job_cancel_tasks(job);
    jm_job_settle(job);
}

/* A process that dies again and again in the same stretch of the input: maybe a row kills it, and nobody can skip that. */
static void suspect_row(jm_job *job, char *to, size_t size)
{
    const char *base = NULL;
    const Wsl__Pb__CheckpointMeta *meta = jm_coordinator_latest(job->coordinator, &base);
    const uint64_t latest = meta == NULL ? 0 : meta->checkpoint;
    job->n_lost = job->n_lost > 0 && job->lost_after == latest ? job->n_lost + 1 : 1;
    job->lost_after = latest;
    to[0] = '\0';
    if (job->n_lost >= LOST_SUSPECT) {
        (void)snprintf(to, size,
                       "; it is the %u. in a row without a checkpoint in between: if each time the same task runs there, a row may crash the "
                       "process (its log has the last words), which on-error cannot skip",
                       job->n_lost);
    }
}

void jm_job_on_worker_lost(jm_job *job, uint64_t worker, const char *tm_id, const char *reason)
{
    if (jm_job_state_is_final(job->state)) {
        return;
    }
    uint32_t lost = 0;
    uint32_t vertex = UINT32_MAX;
    uint32_t subtask = UINT32_MAX;
    for (uint32_t v = 0; v < job->plan->n_vertices; v++) {
        for (uint32_t i = 0; i < job->plan->vertices[v].parallelism; i++) {
            const jm_subtask *t = &job->graph.vertices[v].subtasks[i];
            if (t->worker != worker || jm_task_state_is_final(t->state)) {
                continue;
            }
            lost++;
            vertex = vertex == UINT32_MAX ? v : vertex;
            subtask = subtask == UINT32_MAX ? i : subtask;
            jm_job_move_task(job, v, i, JM_TASK_LOSE);
        }
    }
    if (lost == 0) {
        return;
    }
    if (job->state == JM_JOB_CANCELLING) {
        jm_job_settle(job);
        return;
    }
    char suspicion[256];
    suspect_row(job, suspicion, sizeof suspicion);
    jm_job_fail(job, JM_FAILURE_WORKER, vertex, subtask, tm_id, true,
                "TaskManager %s was lost: %s; %u of the job's %u tasks ran there%s", tm_id, reason, lost,
                job->graph.n_tasks, suspicion);
}

/* ---- timers ---- */

static int64_t step_sources(jm_job *job, int64_t now_ns)
{
    int64_t deadline = WSL_NEVER;
    const int64_t now_ms = wsl_wall_ms(job->jm->seams.clock);
    for (uint32_t i = 0; i < job->n_sources; i++) {
        wsl_error err = {0};
        if (jm_source_step(job->sources[i], &err) != WSL_OK) {
            jm_job_fail(job, JM_FAILURE_SOURCE, UINT32_MAX, 0, NULL, err.retriable, "%s", err.text);
            return WSL_NEVER; /* its sources may be gone */
        }
        const int64_t due_ms = jm_source_due_ms(job->sources[i]);
        if (due_ms != INT64_MAX) {
            const int64_t wait_ms = due_ms > now_ms ? due_ms - now_ms : 0;
            const int64_t at = wait_ms > INT64_MAX / (2 * WSL_NS_PER_MS) ? WSL_NEVER : now_ns + wait_ms * WSL_NS_PER_MS;
            deadline = at < deadline ? at : deadline;
        }
    }
    return deadline;
}

static int64_t earlier(int64_t a, int64_t b) { return a < b ? a : b; }

/* What goes on as long as some tasks do. */
static int64_t step_running(jm_job *job, int64_t now_ns)
{
    int64_t next_ns = step_sources(job, now_ns);
    if (job->alignment != NULL && jm_job_is_served(job)) {
        next_ns = earlier(next_ns, jm_alignment_step(job->alignment, now_ns));
    }
    if (job->state == JM_JOB_RUNNING) {
        next_ns = earlier(next_ns, jm_job_step_grow(job, now_ns));
        next_ns = earlier(next_ns, jm_coordinator_step(job->coordinator, now_ns));
    }
    return next_ns;
}

static int64_t step_state(jm_job *job, int64_t now_ns)
{
    int64_t next_ns = WSL_NEVER;
    if (jm_job_is_served(job)) {
        next_ns = step_running(job, now_ns);
    }
    if (job->state == JM_JOB_RESTARTING) {
        next_ns = earlier(next_ns, jm_job_step_restart(job, now_ns));
    }
    jm_job_release_slots(job);
    if (job->state == JM_JOB_RUNNING || job->state == JM_JOB_RESTARTING) {
        return next_ns;
    }
    if (job->state != JM_JOB_CREATED) {
        return WSL_NEVER;
    }
    if (now_ns < job->waits_until_ns) {
        return earlier(jm_job_step_fit(job, now_ns), job->waits_until_ns);
    }
    jm_job_fail(job, JM_FAILURE_SLOTS, UINT32_MAX, 0, NULL, true,
                "the job %s, and that did not change for %" PRId64
                " s (slot.request.timeout); start more TaskManagers, free slots, or lower the parallelism",
                jm_job_waiting(job), job->jm->options.slot_timeout_ns / WSL_NS_PER_S);
    return WSL_NEVER;
}

int64_t jm_job_step(jm_job *job, int64_t now_ns)
{
    const int64_t state_ns = step_state(job, now_ns);
    const int64_t keep_ns = jm_job_step_keep(job, now_ns); /* with what the state step changed */
    return keep_ns < state_ns ? keep_ns : state_ns;
}
