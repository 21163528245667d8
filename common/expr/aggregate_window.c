/*
 * aggregate_window.c - what windows ask of aggregates besides folding rows: merging two states, and a result made of a
 * key, a window and a state.
 */
#include "data/row_nested.h"
#include "expr/aggregate_internal.h"

bool wsl_aggregate_in_place(const wsl_aggregate *a) { return a->fast_fold; }

bool wsl_aggregate_order_matters(const wsl_aggregate *a)
{
    for (uint32_t k = 0; k < a->n_aggs; k++) {
        if (a->aggs[k].kind == AGG_FIRST || a->aggs[k].kind == AGG_LAST) {
            return true;
        }
    }
    return false;
}

/* ---- merging ---- */

static double double_of(uint64_t bits)
{
    double d;
    memcpy(&d, &bits, sizeof d);
    return d;
}

/* Sum and number of values in it. */
static bool merge_sum_slots(const agg *g, uint64_t *slot, const uint64_t *other)
{
    slot[1] += other[1];
    if (g->sum.id == WSL_T_DOUBLE) {
        const double sum = double_of(slot[0]) + double_of(other[0]);
        memcpy(slot, &sum, sizeof sum);
        return true;
    }
    int64_t sum;
    if (__builtin_add_overflow((int64_t)slot[0], (int64_t)other[0], &sum)) {
        return false;
    }
    slot[0] = (uint64_t)sum;
    return true;
}

wsl_status wsl_aggregate_merge_in_place(const wsl_aggregate *a, wsl_row *state, const wsl_row *other, wsl_error *err)
{
    for (uint32_t k = 0; k < a->n_aggs; k++) {
        const agg *g = &a->aggs[k];
        uint64_t *slot = &state->slot[g->state];
        const uint64_t *from = &other->slot[g->state];
        const uint32_t null_bit = 1u << g->state;
        if (g->kind == AGG_COUNT) {
            slot[0] += from[0];
        } else if (g->kind == AGG_SUM || g->kind == AGG_AVG) {
            if (!merge_sum_slots(g, slot, from)) {
                return wsl_agg_fail(a, g, err, "overflow");
            }
            slot[0] = slot[1] == 0 ? 0 : slot[0];
            state->nulls = slot[1] == 0 ? state->nulls | null_bit : state->nulls & ~null_bit;
        } else if (!(other->nulls & null_bit) &&
                   ((state->nulls & null_bit) != 0 || wsl_agg_replaces_bits(g, slot[0], from[0]))) {
            slot[0] = from[0];
            state->nulls &= ~null_bit;
        }
    }
    return WSL_OK;
}

static wsl_status merge_values(const wsl_aggregate *a, const agg *g, wsl_value *state, const wsl_value *other,
                               wsl_error *err)
{
    if (g->kind == AGG_COUNT) {
        state[0].i += other[0].i;
    } else if (g->kind == AGG_SUM || g->kind == AGG_AVG) {
        if (!other[0].null && !wsl_agg_add_to(&g->sum, &state[0], &other[0], false)) {
            return wsl_agg_fail(a, g, err, "overflow");
        }
        state[1].i += other[1].i;
        if (state[1].i == 0) {
            state[0] = (wsl_value){.null = true};
        }
    } else if (!other[0].null && (state[0].null || wsl_agg_replaces(g, &state[0], &other[0]))) {
        state[0] = other[0];
    }
    return WSL_OK;
}

wsl_status wsl_aggregate_merge(wsl_aggregate *a, const wsl_row *state, const wsl_row *other, wsl_expr_alloc_fn alloc,
                               void *alloc_arg, const wsl_row **out_state, wsl_error *err)
{
    wsl_value *values = a->values;
    for (uint32_t f = 0; f < a->state->n_fields; f++) {
        wsl_field_value(state, f, a->state->n_fields, &a->state->fields[f].type, &values[f]);
    }
    for (uint32_t k = 0; k < a->n_aggs; k++) {
        const agg *g = &a->aggs[k];
        const uint32_t n = g->kind == AGG_SUM || g->kind == AGG_AVG ? 2 : 1;
        wsl_value from[2];
        for (uint32_t f = 0; f < n; f++) {
            wsl_field_value(other, g->state + f, a->state->n_fields, &a->state->fields[g->state + f].type, &from[f]);
        }
        WSL_TRY(merge_values(a, g, &values[g->state], from, err));
    }
    wsl_row *made = NULL;
    WSL_TRY(wsl_agg_make_state(a, values, alloc, alloc_arg, &made, err));
    *out_state = made;
    return WSL_OK;
}

/* ---- results ---- */

wsl_status wsl_aggregate_window_result(wsl_aggregate *a, const wsl_row *key, int64_t start, int64_t end,
                                       const wsl_row *state, wsl_expr_alloc_fn alloc, void *alloc_arg,
                                       const wsl_row **out_row, wsl_error *err)
{
    const int64_t bounds[2] = {start, end};
    wsl_row *made = NULL;
    WSL_TRY(wsl_agg_make_result(a, key, bounds, state, alloc, alloc_arg, &made, err));
    made->op = WSL_OP_INSERT;
    made->timestamp = 0;
    made->flags = 0;
    *out_row = made;
    return WSL_OK;
}
