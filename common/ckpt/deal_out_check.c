/*
 * Can a plan begin with what another run left? One function per reason why not.
 */
#include <stdio.h>
#include <string.h>

#include "ckpt/compat.h"
#include "ckpt/deal_out.h"
#include "ckpt/section_kind.h"
#include "data/evolution.h"
#include "data/key.h"
#include "graph/pb.h"

enum { KEY_SHOWN = 300 };

const Wsl__Pb__OperatorMeta *wsl_deal_out_find(const Wsl__Pb__CheckpointMeta *meta, const char *uid)
{
    for (size_t i = 0; i < meta->n_operators; i++) {
        if (strcmp(meta->operators[i]->uid, uid) == 0) {
            return meta->operators[i];
        }
    }
    return NULL;
}

const ProtobufCBinaryData *wsl_deal_out_enumerator(const Wsl__Pb__CheckpointMeta *meta, const char *uid)
{
    const Wsl__Pb__OperatorMeta *op = wsl_deal_out_find(meta, uid);
    return op != NULL && op->has_enumerator ? &op->enumerator : NULL;
}

/* The first section with bytes that `fits`; NULL: none. */
static const Wsl__Pb__Section *find_section(const Wsl__Pb__OperatorMeta *op, bool (*fits)(const Wsl__Pb__Section *s))
{
    for (size_t i = 0; i < op->n_subtasks; i++) {
        for (size_t k = 0; k < op->subtasks[i]->n_sections; k++) {
            const Wsl__Pb__Section *s = op->subtasks[i]->sections[k];
            if (s->length > 0 && fits(s)) {
                return s;
            }
        }
    }
    return NULL;
}

static bool any(const Wsl__Pb__Section *s)
{
    (void)s;
    return true;
}

static bool is_channel(const Wsl__Pb__Section *s) { return s->kind == WSL__PB__SECTION_KIND__SECTION_CHANNEL; }

static const Wsl__Pb__Operator *operator_of(const wsl_job_plan *plan, const char *uid)
{
    for (size_t i = 0; i < plan->graph->n_operators; i++) {
        if (strcmp(plan->graph->operators[i]->uid, uid) == 0) {
            return plan->graph->operators[i];
        }
    }
    return NULL;
}

/* ---- keys ---- */

/* The edge by whose keys the operator reads; NULL: it has none. */
static const Wsl__Pb__Edge *keyed_edge(const wsl_job_graph *graph, const Wsl__Pb__Operator *op)
{
    for (size_t e = 0; e < graph->n_edges; e++) {
        if (graph->edges[e]->to == op->id && graph->edges[e]->n_keys > 0) {
            return graph->edges[e];
        }
    }
    return NULL;
}

static const Wsl__Pb__Schema *side_schema(const Wsl__Pb__Operator *from, const char *tag)
{
    for (size_t i = 0; i < from->n_sides; i++) {
        if (strcmp(from->sides[i]->tag, tag) == 0) {
            return from->sides[i]->schema;
        }
    }
    return NULL;
}

/* The schema of the keys that the operator reads by now, on the heap; NULL: it reads without. */
static wsl_status new_key(const wsl_job_plan *plan, const Wsl__Pb__Operator *op, wsl_schema **out_key, wsl_error *err)
{
    const Wsl__Pb__Edge *edge = keyed_edge(plan->graph, op);
    WSL_AUTO(wsl_schema) side = NULL;
    wsl_key_spec spec;
    *out_key = NULL;
    if (edge == NULL) {
        return WSL_OK;
    }
    const Wsl__Pb__Schema *pb =
        wsl_pb_is_set(edge->side) ? side_schema(plan->graph->operators[edge->from], edge->side) : NULL;
    if (pb != NULL) {
        WSL_TRY(wsl_schema_from_pb(pb, &side, err));
    }
    const wsl_schema *schema = side != NULL ? side : plan->schemas[edge->from];
    if (schema == NULL) {
        return wsl_fail(err, WSL_INTERNAL, "'%.100s' reads what has no schema", op->name);
    }
    WSL_TRY(wsl_key_spec_init(&spec, schema, (const char *const *)edge->keys, (uint32_t)edge->n_keys, err));
    *out_key = wsl_key_schema_new(&spec, schema);
    return WSL_OK;
}

static const char *key_text(const wsl_schema *key, char out[KEY_SHOWN])
{
    if (key->n_fields == 0) {
        (void)snprintf(out, KEY_SHOWN, "no key");
    } else {
        (void)wsl_schema_text(key, out, KEY_SHOWN);
    }
    return out;
}

static wsl_status check_key(const wsl_job_plan *plan, const Wsl__Pb__OperatorMeta *old, const Wsl__Pb__Operator *op,
                            const Wsl__Pb__Section *section, wsl_error *err)
{
    static const wsl_schema none = {"", 0, NULL};
    WSL_AUTO(wsl_schema) had = NULL;
    WSL_AUTO(wsl_schema) has = NULL;
    if (section->key != NULL) {
        WSL_TRY(wsl_schema_from_pb(section->key, &had, err));
    }
    WSL_TRY(new_key(plan, op, &has, err));
    const wsl_schema *from = had != NULL ? had : &none, *to = has != NULL ? has : &none;
    char from_text[KEY_SHOWN], to_text[KEY_SHOWN];
    return wsl_evolution_same_key(from, to)
               ? WSL_OK
               : wsl_fail(err, WSL_TYPE,
                          "operator '%.100s' (uid '%.100s') has state by %s and now reads by %s: what was kept could not be "
                          "found again; key it as before, or give it another uid to begin empty",
                          op->name, old->uid, key_text(from, from_text), key_text(to, to_text));
}

/* ---- operators ---- */

static wsl_status check_groups(const Wsl__Pb__OperatorMeta *old, const Wsl__Pb__Operator *op, const wsl_vertex *v,
                               wsl_error *err)
{
    if (v->parallelism > old->max_parallelism) {
        return wsl_fail(err, WSL_INVALID,
                        "operator '%.100s' (uid '%.100s') cannot have parallelism %u: its state is in %u key groups, and no "
                        "more subtasks than that can have a part of it",
                        op->name, old->uid, v->parallelism, old->max_parallelism);
    }
    if (v->max_parallelism != old->max_parallelism) {
        return wsl_fail(err, WSL_INVALID,
                        "operator '%.100s' (uid '%.100s') cannot have a maximum parallelism of %u: its state was written with "
                        "%u, which is fixed once there is state",
                        op->name, old->uid, v->max_parallelism, old->max_parallelism);
    }
    return WSL_OK;
}

wsl_status wsl_deal_out_check_operator(const Wsl__Pb__CheckpointMeta *meta, const wsl_job_plan *plan,
                                       const Wsl__Pb__OperatorMeta *old, const Wsl__Pb__Operator *op, wsl_error *err)
{
    const wsl_vertex *v = &plan->vertices[plan->vertex_of[op->id]];
    const Wsl__Pb__Section *by_key = find_section(old, wsl_section_has_groups);
    if (by_key != NULL) {
        WSL_TRY(check_groups(old, op, v, err));
        WSL_TRY(check_key(plan, old, op, by_key, err));
    }
    if (v->parallelism != old->parallelism && find_section(old, is_channel) != NULL) {
        return wsl_fail(err, WSL_INVALID,
                        "operator '%.100s' (uid '%.100s') cannot go from parallelism %u to %u with this checkpoint: it holds rows "
                        "that were on their way to its subtasks; begin with a savepoint or an aligned checkpoint",
                        op->name, old->uid, old->parallelism, v->parallelism);
    }
    const wsl_status status = wsl_compat_operator(meta, old, op, err);
    return status == WSL_OK ? WSL_OK : wsl_fail_prefix(err, status, "operator '%.100s' (uid '%.100s')", op->name, old->uid);
}

/* ---- states ---- */

typedef struct state_check {
    const Wsl__Pb__OperatorMeta *old;
    const Wsl__Pb__Operator *op;
    bool may_leave_out;
    wsl_status status;
    wsl_error *err;
} state_check;

static void check_state(void *arg, const wsl_compat_state *state)
{
    state_check *c = arg;
    if (c->status != WSL_OK) {
        return;
    }
    if (state->verdict == WSL_COMPAT_INCOMPATIBLE) {
        c->status = wsl_fail(c->err, WSL_TYPE, "operator '%.100s' (uid '%.100s') cannot take over its state '%.100s': %s",
                             c->op->name, c->old->uid, state->name, state->text);
    } else if (state->verdict == WSL_COMPAT_ORPHANED && !c->may_leave_out) {
        c->status = wsl_fail(c->err, WSL_INVALID,
                             "there is a state '%.100s' of operator '%.100s' (uid '%.100s'), which it does not declare any more; say "
                             "what it is called now (.was), or allow state that is not restored to lose it",
                             state->name, c->op->name, c->old->uid);
    }
}

static wsl_status check_states(const wsl_job_plan *plan, const Wsl__Pb__OperatorMeta *old, const Wsl__Pb__Operator *op,
                               bool may_leave_out, wsl_error *err)
{
    state_check c = {.old = old, .op = op, .may_leave_out = may_leave_out, .status = WSL_OK, .err = err};
    wsl_compat_states(old, plan, op, NULL, check_state, &c);
    return c.status;
}

wsl_status wsl_deal_out_check(const Wsl__Pb__CheckpointMeta *meta, const wsl_job_plan *plan, bool allow_non_restored,
                              wsl_error *err)
{
    for (size_t i = 0; i < meta->n_operators; i++) {
        const Wsl__Pb__OperatorMeta *old = meta->operators[i];
        const Wsl__Pb__Operator *op = operator_of(plan, old->uid);
        const bool has_state = find_section(old, any) != NULL || old->enumerator.len > 0;
        if (op != NULL) {
            WSL_TRY(wsl_deal_out_check_operator(meta, plan, old, op, err));
            WSL_TRY(check_states(plan, old, op, allow_non_restored, err));
        } else if (has_state && !allow_non_restored) {
            return wsl_fail(err, WSL_INVALID,
                            "checkpoint %llu has state of operator '%.100s' (uid '%.100s'), which the job does not have; give "
                            "its successor that uid, or allow state that is not restored to lose it",
                            (unsigned long long)meta->checkpoint, old->name, old->uid);
        }
    }
    return WSL_OK;
}

void wsl_deal_out_adopt(const Wsl__Pb__CheckpointMeta *meta, wsl_job_plan *plan)
{
    if (plan->graph->max_parallelism != 0) {
        return;
    }
    for (uint32_t i = 0; i < plan->n_vertices; i++) {
        wsl_vertex *v = &plan->vertices[i];
        Wsl__Pb__Operator *head = plan->graph->operators[v->operators[0]];
        const Wsl__Pb__OperatorMeta *old = wsl_deal_out_find(meta, head->uid);
        const bool chosen = v->max_parallelism != wsl_default_max_parallelism(v->parallelism);
        if (old != NULL && !chosen && v->parallelism <= old->max_parallelism) {
            v->max_parallelism = head->max_parallelism = old->max_parallelism;
        }
    }
}
