/*
 * When a checkpoint begins, and who is told: the interval, who asks, tasks that end.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/strbuf.h"
#include "ckpt/storage.h"
#include "jobmanager/ckpt/coordinator_core.h"
#include "jobmanager/exec/peers.h"

enum { NAMED_MISSING_MAX = 3 };

/* ---- questions about tasks ---- */

Wsl__Pb__TaskState jm_state_of(const jm_coordinator *c, uint32_t v, uint32_t i)
{
    return c->job.task_state(c->job.arg, v, i);
}

void jm_checkpoint_task_name(const jm_coordinator *c, uint32_t index, char *out, size_t size)
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
            if (jm_state_of(c, from, i) != WSL__PB__TASK_STATE__TASK_FINISHED) {
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
            const Wsl__Pb__TaskState state = jm_state_of(c, v, i);
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

/* ---- beginning ---- */

static void send_trigger(jm_coordinator *c, jm_pending *p, uint32_t v, uint32_t i)
{
    Wsl__Pb__TriggerCheckpoint m = WSL__PB__TRIGGER_CHECKPOINT__INIT;
    m.checkpoint = p->id;
    m.trigger_ms = p->trigger_ms;
    m.kind = p->kind;
    m.drain = p->drain;
    m.alone = !jm_pending_has_older(c, p);
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
            if (jm_state_of(c, v, i) == WSL__PB__TASK_STATE__TASK_FINISHED) {
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

/* ---- tasks that end ---- */

/* Consumers of this vertex that nobody will send a barrier any more. */
static void trigger_consumers(jm_coordinator *c, jm_pending *p, uint32_t vertex)
{
    const wsl_job_plan *plan = c->options.plan;
    const wsl_vertex *v = &plan->vertices[vertex];
    for (uint32_t k = 0; k < v->n_outputs; k++) {
        const uint32_t to = plan->vertex_of[plan->graph->edges[v->outputs[k]]->to];
        for (uint32_t i = 0; i < plan->vertices[to].parallelism; i++) {
            const jm_pending_task *t = &p->tasks[jm_task_index(c, to, i)];
            if (!t->done && !t->triggered && jm_state_of(c, to, i) == WSL__PB__TASK_STATE__TASK_RUNNING &&
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
            jm_settle(c, p);
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
            c->finished[v] += jm_state_of(c, v, i) == WSL__PB__TASK_STATE__TASK_FINISHED;
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
            jm_checkpoint_task_name(c, i, name, sizeof name);
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
