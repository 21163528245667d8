/*
 * From acknowledgements to metadata.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "graph/pb.h"
#include "jobmanager/ckpt/coordinator_core.h"

/* True: below `prefix`, and no step of the path leads up. */
static bool is_inside(const char *path, const char *prefix)
{
    const size_t n = strlen(prefix);
    return strncmp(path, prefix, n) == 0 && path[n] != '\0' && strstr(path, "..") == NULL && strstr(path, "//") == NULL;
}

bool jm_snapshot_paths_ok(const Wsl__Pb__TaskSnapshot *s, uint64_t checkpoint)
{
    char own[32];
    (void)snprintf(own, sizeof own, "chk-%" PRIu64 "/", checkpoint);
    for (size_t i = 0; i < s->n_files; i++) {
        const char *path = s->files[i]->path;
        if (path[0] != '\0' && !is_inside(path, own) && !is_inside(path, "shared/")) {
            return false;
        }
    }
    return true;
}

uint64_t jm_shared_checkpoint(const char *path)
{
    uint64_t id = 0;
    int end = 0;
    return sscanf(path, "shared/%" SCNu64 "-%n", &id, &end) == 1 && end > 0 && path[end] != '\0' && strchr(path + end, '/') == NULL
               ? id
               : 0;
}

static Wsl__Pb__OperatorMeta *operator_meta(const jm_coordinator *c, uint32_t op)
{
    const wsl_job_plan *plan = c->options.plan;
    const Wsl__Pb__Operator *desc = plan->graph->operators[op];
    Wsl__Pb__OperatorMeta *m = wsl_alloc(sizeof *m);
    wsl__pb__operator_meta__init(m);
    wsl_pb_set(&m->uid, desc->uid);
    wsl_pb_set(&m->name, desc->name);
    wsl_pb_set(&m->kind, desc->kind);
    m->parallelism = desc->parallelism;
    m->max_parallelism = plan->vertices[plan->vertex_of[op]].max_parallelism;
    return m;
}

/* A state without sections. */
static Wsl__Pb__OperatorState *empty_state(uint32_t op, uint32_t subtask, bool finished)
{
    Wsl__Pb__OperatorState *state = wsl_alloc(sizeof *state);
    wsl__pb__operator_state__init(state);
    state->operator_ = op;
    state->subtask = subtask;
    state->watermark = INT64_MIN;
    state->finished = finished;
    return state;
}

/* Takes the operator's state out of the snapshot; NULL: it has none there. */
static Wsl__Pb__OperatorState *take_state(Wsl__Pb__TaskSnapshot *snapshot, uint32_t op)
{
    for (size_t i = 0; i < snapshot->n_operators; i++) {
        if (snapshot->operators[i]->operator_ == op) {
            Wsl__Pb__OperatorState *state = snapshot->operators[i];
            snapshot->operators[i] = snapshot->operators[--snapshot->n_operators];
            return state;
        }
    }
    return NULL;
}

/* Every operator of the task gets a state, in order of subtasks. snapshot (taken) NULL: the task had finished. */
static void add_task(jm_coordinator *c, Wsl__Pb__CheckpointMeta *meta, uint32_t v, uint32_t subtask,
                     Wsl__Pb__TaskSnapshot *snapshot)
{
    const wsl_vertex *vertex = &c->options.plan->vertices[v];
    const uint32_t first_file = (uint32_t)meta->n_files;
    for (size_t i = 0; snapshot != NULL && i < snapshot->n_files; i++) {
        meta->state_bytes += snapshot->files[i]->size;
        *WSL_PB_APPEND(meta->files, meta->n_files) = snapshot->files[i];
    }
    for (uint32_t k = 0; k < vertex->n_operators; k++) {
        const uint32_t op = vertex->operators[k];
        Wsl__Pb__OperatorState *state = snapshot == NULL ? NULL : take_state(snapshot, op);
        if (state == NULL) {
            state = empty_state(op, subtask, snapshot == NULL);
        }
        wsl_pb_set(&state->uid, c->options.plan->graph->operators[op]->uid);
        for (size_t i = 0; i < state->n_sections; i++) {
            state->sections[i]->file += first_file;
        }
        Wsl__Pb__OperatorMeta *m = meta->operators[op];
        *WSL_PB_APPEND(m->subtasks, m->n_subtasks) = state;
    }
    if (snapshot != NULL) {
        snapshot->n_files = 0; /* they are the metadata's */
        wsl__pb__task_snapshot__free_unpacked(snapshot, NULL);
    }
}

/* Does anything of it have to be remembered? */
static bool has_something(const Wsl__Pb__OperatorMeta *m)
{
    for (size_t i = 0; i < m->n_subtasks; i++) {
        const Wsl__Pb__OperatorState *s = m->subtasks[i];
        if (s->n_sections > 0 || s->finished || s->watermark != INT64_MIN) {
            return true;
        }
    }
    return m->has_enumerator;
}

static void drop_empty(Wsl__Pb__CheckpointMeta *meta)
{
    size_t kept = 0;
    for (size_t i = 0; i < meta->n_operators; i++) {
        if (has_something(meta->operators[i])) {
            meta->operators[kept++] = meta->operators[i];
        } else {
            wsl__pb__operator_meta__free_unpacked(meta->operators[i], NULL);
        }
    }
    meta->n_operators = kept;
}

Wsl__Pb__CheckpointMeta *jm_assemble(jm_coordinator *c, jm_pending *p)
{
    const wsl_job_plan *plan = c->options.plan;
    Wsl__Pb__CheckpointMeta *meta = wsl_alloc(sizeof *meta);
    wsl__pb__checkpoint_meta__init(meta);
    meta->checkpoint = p->id;
    meta->job.data = wsl_alloc(sizeof c->options.job.bytes);
    meta->job.len = sizeof c->options.job.bytes;
    memcpy(meta->job.data, c->options.job.bytes, meta->job.len);
    wsl_pb_set(&meta->job_name, c->options.job_name);
    meta->trigger_ms = p->trigger_ms;
    meta->complete_ms = wsl_wall_ms(c->options.clock);
    meta->savepoint = p->kind != WSL__PB__CHECKPOINT_KIND__CHECKPOINT;
    for (uint32_t op = 0; op < plan->graph->n_operators; op++) {
        Wsl__Pb__OperatorMeta *m = operator_meta(c, op);
        if (p->enumerators[op].data != NULL) {
            m->enumerator = p->enumerators[op];
            m->has_enumerator = true;
            p->enumerators[op] = (ProtobufCBinaryData){0};
        }
        *WSL_PB_APPEND(meta->operators, meta->n_operators) = m;
    }
    for (uint32_t v = 0; v < plan->n_vertices; v++) {
        for (uint32_t i = 0; i < plan->vertices[v].parallelism; i++) {
            add_task(c, meta, v, i, WSL_TAKE(p->tasks[jm_task_index(c, v, i)].snapshot));
        }
    }
    drop_empty(meta);
    meta->graph = (Wsl__Pb__JobGraph *)wsl_pb_copy(&plan->graph->base);
    return meta;
}
