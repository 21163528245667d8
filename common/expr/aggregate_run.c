/*
 * aggregate_run.c - evaluating, folding, results.
 *
 * Two ways through. Where state and arguments are single slots of integers or doubles (nearly always), a state row is
 * copied and its slots changed in place, and the result is put together from slots. Strings, decimals and FLOAT take
 * the general way: fields become values, values are folded, and a row is built from them.
 */
#include <math.h>

#include "data/decimal.h"
#include "data/row_nested.h"
#include "expr/aggregate_internal.h"
#include "expr/kernels.h"

/* ---- rows of values ---- */

static uint64_t variable_size(const wsl_type *type, const wsl_value *v)
{
    if (v->null || wsl_type_is_fixed(type)) {
        return 0;
    }
    return type->id == WSL_T_DECIMAL ? 16 : ((uint64_t)v->s.size + 7) & ~(uint64_t)7;
}

static void set_value(wsl_row_writer *w, uint32_t i, const wsl_type *type, const wsl_value *v)
{
    switch (wsl_phys_of(type)) {
    case WSL_PHYS_DBL:
        if (type->id == WSL_T_FLOAT) {
            wsl_row_set_float(w, i, (float)v->d);
        } else {
            wsl_row_set_double(w, i, v->d);
        }
        break;
    case WSL_PHYS_DEC:
        wsl_row_set_decimal(w, i, type, v->dec);
        break;
    case WSL_PHYS_STR:
        wsl_row_set_str(w, i, v->s);
        break;
    default:
        wsl_row_set_int64(w, i, v->i);
        break;
    }
}

/* A row of `schema`; field i has the value values[order[i]], or values[i] without an order. */
static wsl_status make_row(const wsl_schema *schema, const wsl_value *values, const uint32_t *order,
                           wsl_expr_alloc_fn alloc, void *alloc_arg, wsl_row **out, wsl_error *err)
{
    uint64_t size = wsl_row_fixed_size(schema->n_fields);
    for (uint32_t i = 0; i < schema->n_fields; i++) {
        size += variable_size(&schema->fields[i].type, &values[order != NULL ? order[i] : i]);
    }
    if (size > WSL_ROW_SIZE_MAX_DEFAULT) {
        return wsl_fail(err, WSL_TOO_LARGE, "a row of %llu bytes, at most %d are allowed", (unsigned long long)size,
                        WSL_ROW_SIZE_MAX_DEFAULT);
    }
    void *memory = alloc(alloc_arg, (uint32_t)size);
    if (memory == NULL) {
        return wsl_fail(err, WSL_NO_RESOURCE, "there is no room for a row of %llu bytes", (unsigned long long)size);
    }
    wsl_row_writer w;
    (void)wsl_row_writer_init(&w, memory, (uint32_t)size, schema->n_fields);
    for (uint32_t i = 0; i < schema->n_fields; i++) {
        const wsl_value *v = &values[order != NULL ? order[i] : i];
        if (!v->null) {
            set_value(&w, i, &schema->fields[i].type, v);
        }
    }
    *out = w.row;
    return WSL_OK;
}

/* ---- the batch ---- */

static wsl_status load(wsl_aggregate *a, uint32_t i, uint32_t *out_error_row, wsl_error *err)
{
    uint32_t done = a->n - i;
    uint32_t fail_row = 0;
    a->from = a->to = i;
    if (a->has_arguments) {
        const wsl_status status = wsl_columns_run(&a->arguments, a->rows + i, a->n - i, &done, &fail_row, err);
        if (status != WSL_OK) {
            *out_error_row = i + fail_row;
            return status;
        }
    }
    a->to = i + done;
    return WSL_OK;
}

wsl_status wsl_aggregate_evaluate(wsl_aggregate *a, const wsl_row *const *rows, uint32_t n, uint32_t *out_error_row,
                                  wsl_error *err)
{
    a->rows = rows;
    a->n = n;
    a->from = a->to = 0;
    for (uint32_t i = 0; i < n; i = a->to) {
        WSL_TRY(load(a, i, out_error_row, err));
    }
    return WSL_OK;
}

/* A batch of several slices was checked whole; its registers hold the last one until another is asked for. */
static wsl_status need_row(wsl_aggregate *a, uint32_t i, wsl_error *err)
{
    uint32_t row;
    if (WSL_LIKELY(i >= a->from && i < a->to)) {
        return WSL_OK;
    }
    return load(a, i, &row, err);
}

/* ---- folding ---- */

wsl_status wsl_agg_fail(const wsl_aggregate *a, const agg *g, wsl_error *err, const char *what)
{
    return wsl_expr_fail_at(&a->src, g->node->at, err, WSL_INVALID, "%s in \"%.*s\"", what,
                            (int)(g->node->end - g->node->at > 80 ? 80 : g->node->end - g->node->at),
                            a->src.text + g->node->at);
}

bool wsl_agg_add_to(const wsl_type *type, wsl_value *sum, const wsl_value *v, bool back)
{
    if (sum->null) {
        *sum = (wsl_value){.dec = 0};
    }
    if (type->id == WSL_T_INT64) {
        return back ? !__builtin_sub_overflow(sum->i, v->i, &sum->i) : !__builtin_add_overflow(sum->i, v->i, &sum->i);
    }
    if (type->id == WSL_T_DOUBLE) {
        sum->d = back ? sum->d - v->d : sum->d + v->d;
        return true;
    }
    return wsl_decimal_add(sum->dec, type->scale, back ? -v->dec : v->dec, type->scale, type->scale, &sum->dec);
}

/* Below 0, 0, above 0; NaN is above all. */
static int order_of(const wsl_type *type, const wsl_value *a, const wsl_value *b)
{
    switch (wsl_phys_of(type)) {
    case WSL_PHYS_DBL:
        if (isnan(a->d) || isnan(b->d)) {
            return (isnan(a->d) != 0) - (isnan(b->d) != 0);
        }
        return (a->d > b->d) - (a->d < b->d);
    case WSL_PHYS_DEC:
        return (a->dec > b->dec) - (a->dec < b->dec);
    case WSL_PHYS_STR:
        return wsl_str_compare(a->s, b->s);
    default:
        return (a->i > b->i) - (a->i < b->i);
    }
}

bool wsl_agg_replaces(const agg *g, const wsl_value *kept, const wsl_value *v)
{
    if (g->kind == AGG_FIRST || g->kind == AGG_LAST) {
        return g->kind == AGG_LAST;
    }
    const int order = order_of(&g->result, v, kept);
    return g->kind == AGG_MIN ? order < 0 : order > 0;
}

/* One value into one aggregate's state. */
static wsl_status fold_value(const wsl_aggregate *a, const agg *g, wsl_value *state, const wsl_value *v, bool back,
                             wsl_error *err)
{
    switch (g->kind) {
    case AGG_COUNT:
        state[0].i += back ? -1 : 1;
        return WSL_OK;
    case AGG_SUM:
    case AGG_AVG:
        if (!wsl_agg_add_to(&g->sum, &state[0], v, back)) {
            return wsl_agg_fail(a, g, err, "overflow");
        }
        state[1].i += back ? -1 : 1;
        if (state[1].i == 0) {
            state[0] = (wsl_value){.null = true};
        }
        return WSL_OK;
    default:
        break;
    }
    if (back) {
        return wsl_agg_fail(a, g, err, "a row that is taken out again (op -U or -D) cannot be undone");
    }
    if (state[0].null || wsl_agg_replaces(g, &state[0], v)) {
        state[0] = *v;
    }
    return WSL_OK;
}

static void first_state(const wsl_aggregate *a, wsl_value *values)
{
    for (uint32_t f = 0; f < a->state->n_fields; f++) {
        values[f] = (wsl_value){.null = !a->state->fields[f].type.not_null};
    }
}

/* The argument of an aggregate for row i as the bits of an int64 or a double; false if it is null. */
static inline bool argument_bits(const wsl_aggregate *a, const agg *g, uint32_t i, uint64_t *out)
{
    const wsl_columns *c = &a->arguments;
    if (c->direct[g->argument] >= 0) {
        const wsl_row *in = a->rows[i];
        const uint32_t f = (uint32_t)c->direct[g->argument];
        *out = in->slot[f];
        if (c->type[g->argument].id == WSL_T_FLOAT) {
            const double d = (double)wsl_row_float(in, f);
            memcpy(out, &d, sizeof *out);
        }
        return !wsl_row_is_null(in, f, c->in_fields);
    }
    const wsl_reg *reg = wsl_program_reg(c->program, c->reg[g->argument]);
    const uint32_t at = i - a->from;
    memcpy(out, (const uint8_t *)reg->v + 8 * (size_t)at, sizeof *out);
    return !reg->has_null || reg->null[at] == 0;
}

static double double_of(uint64_t bits)
{
    double d;
    memcpy(&d, &bits, sizeof d);
    return d;
}

static uint64_t bits_of(double d)
{
    uint64_t bits;
    memcpy(&bits, &d, sizeof bits);
    return bits;
}

bool wsl_agg_replaces_bits(const agg *g, uint64_t kept, uint64_t bits)
{
    wsl_value x = {.i = (int64_t)bits};
    wsl_value y = {.i = (int64_t)kept};
    if (g->result.id == WSL_T_DOUBLE) {
        x.d = double_of(bits);
        y.d = double_of(kept);
    }
    return wsl_agg_replaces(g, &y, &x);
}

/* One value into the slots of one aggregate. */
static wsl_status fold_bits(const wsl_aggregate *a, const agg *g, wsl_row *state, uint64_t bits, bool back,
                            wsl_error *err)
{
    uint64_t *slot = &state->slot[g->state];
    const uint32_t null_bit = 1u << g->state;
    if (g->kind == AGG_COUNT) {
        slot[0] += back ? UINT64_MAX : 1;
        return WSL_OK;
    }
    if (g->kind == AGG_SUM || g->kind == AGG_AVG) {
        if (g->sum.id == WSL_T_DOUBLE) {
            slot[0] = bits_of(back ? double_of(slot[0]) - double_of(bits) : double_of(slot[0]) + double_of(bits));
        } else {
            int64_t sum;
            const bool over = back ? __builtin_sub_overflow((int64_t)slot[0], (int64_t)bits, &sum)
                                   : __builtin_add_overflow((int64_t)slot[0], (int64_t)bits, &sum);
            if (WSL_UNLIKELY(over)) {
                return wsl_agg_fail(a, g, err, "overflow");
            }
            slot[0] = (uint64_t)sum;
        }
        slot[1] += back ? UINT64_MAX : 1;
        slot[0] = slot[1] == 0 ? 0 : slot[0];
        state->nulls = slot[1] == 0 ? state->nulls | null_bit : state->nulls & ~null_bit;
        return WSL_OK;
    }
    if (back) {
        return wsl_agg_fail(a, g, err, "a row that is taken out again (op -U or -D) cannot be undone");
    }
    if ((state->nulls & null_bit) != 0 || wsl_agg_replaces_bits(g, slot[0], bits)) {
        slot[0] = bits;
        state->nulls &= ~null_bit;
    }
    return WSL_OK;
}

static wsl_status fold_slots(const wsl_aggregate *a, uint32_t i, wsl_row *state, wsl_error *err)
{
    const bool back = a->rows[i]->op == WSL_OP_UPDATE_BEFORE || a->rows[i]->op == WSL_OP_DELETE;
    for (uint32_t k = 0; k < a->n_aggs; k++) {
        const agg *g = &a->aggs[k];
        uint64_t bits = 0;
        if (g->argument == AGG_NO_ARGUMENT || argument_bits(a, g, i, &bits)) {
            WSL_TRY(fold_bits(a, g, state, bits, back, err));
        }
    }
    return WSL_OK;
}

void wsl_aggregate_first(const wsl_aggregate *a, wsl_row *state)
{
    for (uint32_t f = 0; f < a->state->n_fields; f++) {
        state->nulls |= a->state->fields[f].type.not_null ? 0 : 1u << f;
    }
}

wsl_status wsl_aggregate_fold_in_place(wsl_aggregate *a, uint32_t i, wsl_row *state, wsl_error *err)
{
    WSL_TRY(need_row(a, i, err));
    return fold_slots(a, i, state, err);
}

static wsl_status fold_fast(const wsl_aggregate *a, uint32_t i, const wsl_row *state, wsl_expr_alloc_fn alloc,
                            void *alloc_arg, const wsl_row **out_state, wsl_error *err)
{
    const uint32_t size = wsl_row_fixed_size(a->state->n_fields);
    wsl_row *made = alloc(alloc_arg, size);
    if (WSL_UNLIKELY(made == NULL)) {
        return wsl_fail(err, WSL_NO_RESOURCE, "there is no room for a row of %u bytes", size);
    }
    if (state != NULL) {
        memcpy(made, state, size);
    } else {
        memset(made, 0, size);
        made->size = size;
        wsl_aggregate_first(a, made);
    }
    WSL_TRY(fold_slots(a, i, made, err));
    *out_state = made;
    return WSL_OK;
}

wsl_status wsl_aggregate_fold(wsl_aggregate *a, uint32_t i, const wsl_row *state, wsl_expr_alloc_fn alloc,
                              void *alloc_arg, const wsl_row **out_state, wsl_error *err)
{
    const bool back = a->rows[i]->op == WSL_OP_UPDATE_BEFORE || a->rows[i]->op == WSL_OP_DELETE;
    wsl_value *values = a->values;
    wsl_row *made = NULL;
    WSL_TRY(need_row(a, i, err));
    if (a->fast_fold) {
        return fold_fast(a, i, state, alloc, alloc_arg, out_state, err);
    }
    if (state == NULL) {
        first_state(a, values);
    } else {
        for (uint32_t f = 0; f < a->state->n_fields; f++) {
            wsl_field_value(state, f, a->state->n_fields, &a->state->fields[f].type, &values[f]);
        }
    }
    for (uint32_t k = 0; k < a->n_aggs; k++) {
        const agg *g = &a->aggs[k];
        wsl_value v;
        v.null = false;
        if (g->argument != AGG_NO_ARGUMENT) {
            wsl_columns_value(&a->arguments, a->rows + a->from, g->argument, i - a->from, &v);
        }
        if (!v.null) {
            WSL_TRY(fold_value(a, g, &values[g->state], &v, back, err));
        }
    }
    WSL_TRY(make_row(a->state, values, NULL, alloc, alloc_arg, &made, err));
    *out_state = made;
    return WSL_OK;
}

wsl_status wsl_agg_make_state(const wsl_aggregate *a, const wsl_value *values, wsl_expr_alloc_fn alloc, void *alloc_arg,
                              wsl_row **out, wsl_error *err)
{
    return make_row(a->state, values, NULL, alloc, alloc_arg, out, err);
}

/* ---- results ---- */

static wsl_status finish_agg(const wsl_aggregate *a, const agg *g, const wsl_row *state, wsl_value *out, wsl_error *err)
{
    wsl_field_value(state, g->state, a->state->n_fields, &a->state->fields[g->state].type, out);
    if (g->kind != AGG_AVG || out->null) {
        return WSL_OK;
    }
    const int64_t n = wsl_row_int64(state, g->state + 1);
    if (g->sum.id == WSL_T_DECIMAL) {
        return wsl_decimal_div(out->dec, g->sum.scale, n, 0, g->result.scale, &out->dec)
                   ? WSL_OK
                   : wsl_agg_fail(a, g, err, "overflow");
    }
    out->d = (g->sum.id == WSL_T_INT64 ? (double)out->i : out->d) / (double)n;
    return WSL_OK;
}

/* The bytes of a wide key, whole words as they lie in a row. */
static void append_key(wsl_row *row, uint32_t f, wsl_str s)
{
    const uint32_t size = (s.size + 7) & ~7u;
    memcpy((uint8_t *)row + row->size, s.data, size);
    row->slot[f] = (uint64_t)s.size << 32 | row->size;
    row->size += size;
}

static wsl_status result_fast(const wsl_aggregate *a, const wsl_row *in, const int64_t *bounds, const wsl_row *state,
                              wsl_expr_alloc_fn alloc, void *alloc_arg, wsl_row **out, wsl_error *err)
{
    const uint32_t n = a->output->n_fields;
    const uint32_t fixed = wsl_row_fixed_size(n);
    uint64_t size = fixed;
    for (uint32_t f = 0; f < n; f++) {
        size +=
            a->outputs[f].kind == AGG_OUT_WIDE_KEY ? ((in->slot[a->outputs[f].source] >> 32) + 7) & ~(uint64_t)7 : 0;
    }
    wsl_row *made = size <= WSL_ROW_SIZE_MAX_DEFAULT ? alloc(alloc_arg, (uint32_t)size) : NULL;
    if (WSL_UNLIKELY(made == NULL)) {
        return wsl_fail(err, WSL_NO_RESOURCE, "there is no room for a row of %llu bytes", (unsigned long long)size);
    }
    *made = (wsl_row){.size = fixed};
    for (uint32_t f = 0; f < n; f++) {
        const agg_output *o = &a->outputs[f];
        if (o->kind == AGG_OUT_BOUND) {
            made->slot[f] = (uint64_t)bounds[o->source];
            continue;
        }
        const bool key = o->kind == AGG_OUT_KEY || o->kind == AGG_OUT_WIDE_KEY;
        const wsl_row *from = key ? in : state;
        made->slot[f] = from->slot[o->source];
        if (wsl_row_is_null(from, o->source, key ? a->key_fields : a->state->n_fields)) {
            made->nulls |= 1u << f;
        } else if (o->kind == AGG_OUT_WIDE_KEY) {
            append_key(made, f, wsl_row_str(in, o->source));
        } else if (o->kind == AGG_OUT_AVERAGE) {
            const double sum =
                o->agg->sum.id == WSL_T_INT64 ? (double)(int64_t)made->slot[f] : double_of(made->slot[f]);
            made->slot[f] = bits_of(sum / (double)wsl_row_int64(state, o->source + 1));
        }
    }
    *out = made;
    return WSL_OK;
}

static void *give_memory(void *arena, uint32_t size) { return wsl_arena_alloc(arena, size); }

/* The items are computed from a middle row of their own. */
static wsl_status compute_items(wsl_aggregate *a, const wsl_value *middle, wsl_expr_alloc_fn alloc, void *alloc_arg,
                                wsl_row **out, wsl_error *err)
{
    wsl_arena *scratch = a->scratch;
    wsl_arena_reset(scratch);
    wsl_row *row = NULL;
    const wsl_row *made = NULL;
    uint32_t done;
    uint32_t fail_row;
    WSL_TRY(make_row(a->middle, middle, NULL, give_memory, scratch, &row, err));
    const wsl_row *const rows[1] = {row};
    WSL_TRY(wsl_columns_run(&a->items, rows, 1, &done, &fail_row, err));
    WSL_TRY(wsl_columns_write(&a->items, rows, 1, alloc, alloc_arg, &made, &fail_row, err));
    *out = (wsl_row *)(uintptr_t)made; /* memory of alloc, ours until we return */
    return WSL_OK;
}

static wsl_status result_general(wsl_aggregate *a, const wsl_row *in, const int64_t *bounds, const wsl_row *state,
                                 wsl_expr_alloc_fn alloc, void *alloc_arg, wsl_row **out, wsl_error *err)
{
    wsl_value *middle = a->values;
    for (uint32_t k = 0; k < a->n_keys; k++) {
        wsl_field_value(in, a->key_field[k], a->key_fields, &a->middle->fields[k].type, &middle[k]);
    }
    for (uint32_t k = 0; k < a->n_bounds; k++) {
        middle[a->n_keys + k] = (wsl_value){.i = bounds[k]};
    }
    for (uint32_t k = 0; k < a->n_aggs; k++) {
        WSL_TRY(finish_agg(a, &a->aggs[k], state, &middle[a->n_keys + a->n_bounds + k], err));
    }
    if (a->plain) {
        WSL_TRY(make_row(a->output, middle, a->order, alloc, alloc_arg, out, err));
    } else {
        WSL_TRY(compute_items(a, middle, alloc, alloc_arg, out, err));
    }
    return WSL_OK;
}

wsl_status wsl_agg_make_result(wsl_aggregate *a, const wsl_row *in, const int64_t *bounds, const wsl_row *state,
                               wsl_expr_alloc_fn alloc, void *alloc_arg, wsl_row **out, wsl_error *err)
{
    return a->fast_result ? result_fast(a, in, bounds, state, alloc, alloc_arg, out, err)
                          : result_general(a, in, bounds, state, alloc, alloc_arg, out, err);
}

wsl_status wsl_aggregate_result(wsl_aggregate *a, uint32_t i, const wsl_row *state, wsl_expr_alloc_fn alloc,
                                void *alloc_arg, const wsl_row **out_row, wsl_error *err)
{
    const wsl_row *in = a->rows[i];
    wsl_row *made = NULL;
    WSL_TRY(wsl_agg_make_result(a, in, NULL, state, alloc, alloc_arg, &made, err));
    made->op = in->op == WSL_OP_UPDATE_BEFORE || in->op == WSL_OP_DELETE ? WSL_OP_UPDATE_AFTER : in->op;
    made->timestamp = in->timestamp;
    made->flags = (uint16_t)(in->flags & ~WSL_ROW_KEYED);
    *out_row = made;
    return WSL_OK;
}
