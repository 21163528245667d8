#include "jobmanager/alignment.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/clock.h"
#include "graph/operator_options.h"
#include "graph/pb.h"

typedef struct member_subtask {
    int64_t watermark; /* INT64_MIN: said nothing, or has none */
    bool idle;
    int64_t told; /* the limit it was told; INT64_MAX: none */
} member_subtask;

/* One strategy. */
typedef struct member {
    uint32_t operator_id;
    uint32_t parallelism;
    const char *group;
    int64_t drift_ms;
    member_subtask *subtasks;
} member;

struct jm_alignment {
    jm_alignment_job job;
    int64_t interval_ns;
    int64_t due_ns;
    member *members;
    uint32_t n_members;
};

void jm_alignment_free(jm_alignment *a)
{
    if (a == NULL) {
        return;
    }
    for (uint32_t i = 0; i < a->n_members; i++) {
        free(a->members[i].subtasks);
    }
    free(a->members);
    free(a);
}

/* ---- making one ---- */

static bool is_chained_to_source(const wsl_job_plan *plan, const Wsl__Pb__Operator *op)
{
    const wsl_job_graph *graph = plan->graph;
    for (size_t e = 0; e < graph->n_edges; e++) {
        const Wsl__Pb__Edge *edge = graph->edges[e];
        if (edge->to == op->id) {
            return strcmp(graph->operators[edge->from]->kind, "source") == 0 &&
                   plan->vertex_of[edge->from] == plan->vertex_of[op->id];
        }
    }
    return false;
}

static wsl_status add_member(jm_alignment *a, const wsl_job_plan *plan, const Wsl__Pb__Operator *op, const char *group,
                             wsl_error *err)
{
    WSL_AUTO(wsl_config) config = NULL;
    if (!is_chained_to_source(plan, op)) {
        return wsl_fail(err, WSL_INVALID,
                        "'%s': alignment group '%s' needs a strategy right behind a source and chained to it "
                        "(pipeline.operator-chaining.enabled, equal parallelism)",
                        op->name, group);
    }
    WSL_TRY(wsl_operator_config_new(op, NULL, &config, err));
    a->members = wsl_realloc(a->members, (a->n_members + 1) * sizeof *a->members);
    member *m = &a->members[a->n_members++];
    *m = (member){
        .operator_id = op->id,
        .parallelism = op->parallelism,
        .group = group,
        .drift_ms = wsl_config_duration_ns(config, "max-drift") / WSL_NS_PER_MS,
        .subtasks = wsl_calloc(op->parallelism, sizeof *m->subtasks),
    };
    for (uint32_t i = 0; i < op->parallelism; i++) {
        m->subtasks[i] = (member_subtask){.watermark = INT64_MIN, .told = INT64_MAX};
    }
    return WSL_OK;
}

wsl_status jm_alignment_new(const wsl_job_plan *plan, const wsl_config *job_config, const jm_alignment_job *job,
                            jm_alignment **out_alignment, wsl_error *err)
{
    WSL_AUTO(jm_alignment) a = wsl_zalloc(sizeof *a);
    a->job = *job;
    a->interval_ns = wsl_config_duration_ns(job_config, "pipeline.watermark-alignment.update-interval");
    for (size_t i = 0; i < plan->graph->n_operators; i++) {
        const Wsl__Pb__Operator *op = plan->graph->operators[i];
        const char *group =
            strcmp(op->kind, "watermarks") == 0 ? wsl_pb_option(op->options, op->n_options, "alignment-group") : NULL;
        if (group != NULL && group[0] != '\0') {
            WSL_TRY(add_member(a, plan, op, group, err));
        }
    }
    if (a->n_members > 0) {
        *out_alignment = WSL_TAKE(a);
    }
    return WSL_OK;
}

/* ---- running ---- */

void jm_alignment_report(jm_alignment *a, uint32_t operator_id, uint32_t subtask, int64_t watermark, bool idle)
{
    for (uint32_t i = 0; i < a->n_members; i++) {
        const member *m = &a->members[i];
        if (m->operator_id == operator_id && subtask < m->parallelism) {
            m->subtasks[subtask].watermark = watermark;
            m->subtasks[subtask].idle = idle;
        }
    }
}

void jm_alignment_restart(jm_alignment *a, const wsl_job_plan *plan, uint32_t vertex, uint32_t subtask)
{
    for (uint32_t i = 0; i < a->n_members; i++) {
        const member *m = &a->members[i];
        if (plan->vertex_of[m->operator_id] == vertex) {
            m->subtasks[subtask] = (member_subtask){.watermark = INT64_MIN, .told = INT64_MAX};
        }
    }
}

/* INT64_MAX: nobody holds the group back. */
static int64_t minimum(const jm_alignment *a, const char *group)
{
    int64_t min = INT64_MAX;
    for (uint32_t i = 0; i < a->n_members; i++) {
        const member *m = &a->members[i];
        for (uint32_t k = 0; k < m->parallelism && strcmp(m->group, group) == 0; k++) {
            const member_subtask *t = &m->subtasks[k];
            if (!t->idle && t->watermark < min && a->job.runs(a->job.arg, m->operator_id, k)) {
                min = t->watermark;
            }
        }
    }
    return min;
}

static void tell(const jm_alignment *a, const member *m)
{
    const int64_t min = minimum(a, m->group);
    int64_t limit;
    if (min == INT64_MAX || __builtin_add_overflow(min, m->drift_ms, &limit)) {
        limit = INT64_MAX;
    }
    for (uint32_t k = 0; k < m->parallelism; k++) {
        member_subtask *t = &m->subtasks[k];
        if (t->told != limit && a->job.runs(a->job.arg, m->operator_id, k)) {
            t->told = limit;
            a->job.send_limit(a->job.arg, m->operator_id, k, limit);
        }
    }
}

int64_t jm_alignment_step(jm_alignment *a, int64_t now_ns)
{
    if (a->due_ns == 0) {
        a->due_ns = now_ns + a->interval_ns; /* the first reports are on their way */
    }
    if (now_ns >= a->due_ns) {
        a->due_ns = now_ns + a->interval_ns;
        for (uint32_t i = 0; i < a->n_members; i++) {
            tell(a, &a->members[i]);
        }
    }
    return a->due_ns;
}
