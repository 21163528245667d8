/*
 * aggregate.c - a select list with aggregates in it is cut in three:
 *
 *   input row  --arguments-->  values  --fold-->  state row  --finish-->  [keys | aggregates]  --items-->  result row
 *              (one program)                                              (a middle row)       (one program, or none)
 *
 * In the items, each aggregate call is replaced by a column of the middle row. Usually every item is then just a
 * column, and the middle row is the result: only `SUM(a) / COUNT(*)` and the like need the second program.
 *
 * State fields of an aggregate lie side by side: SUM and AVG keep the sum and the number of values in it, COUNT a
 * number, the others the value.
 */
#include "expr/aggregate.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "data/decimal.h"
#include "data/row_nested.h"
#include "expr/columns.h"
#include "expr/kernels.h"
#include "expr/parser.h"
#include "expr/typer.h"

enum { ARENA_CHUNK = 4096, NO_ARGUMENT = UINT32_MAX };

typedef enum agg_kind { AGG_COUNT, AGG_SUM, AGG_AVG, AGG_MIN, AGG_MAX, AGG_FIRST, AGG_LAST } agg_kind;

/* clang-format off */
static const struct agg_name {
    const char *name;
    agg_kind kind;
} agg_names[] = {
    {"COUNT", AGG_COUNT}, {"SUM", AGG_SUM}, {"AVG", AGG_AVG}, {"MIN", AGG_MIN}, {"MAX", AGG_MAX},
    {"FIRST_VALUE", AGG_FIRST}, {"LAST_VALUE", AGG_LAST},
};
/* clang-format on */

typedef struct agg {
    agg_kind kind;
    const char *name;
    uint32_t argument; /* position among the arguments; NO_ARGUMENT: COUNT(*) */
    uint32_t state;    /* first state field */
    wsl_type sum;      /* SUM, AVG: type of the sum */
    wsl_type result;
    const wsl_node *node;
} agg;

struct wsl_aggregate {
    wsl_arena *arena;
    wsl_expr_source src;
    wsl_schema *input;
    uint32_t n_aggs;
    agg *aggs;
    wsl_columns arguments;
    bool has_arguments;
    wsl_schema *state;
    wsl_schema *middle; /* keys in use, then aggregates */
    uint32_t n_keys;
    uint32_t *key_field; /* of the input */
    wsl_columns items;   /* over the middle row */
    bool plain;          /* every item is a column of the middle row */
    uint32_t *order;     /* plain: which one */
    wsl_schema *output;
    wsl_arena *scratch; /* of one middle row */
    wsl_value *values;  /* room for the fields of any of the rows */
    /* the batch */
    const wsl_row *const *rows;
    uint32_t n;
    uint32_t from; /* registers hold the arguments of rows [from, to) */
    uint32_t to;
};

void wsl_aggregate_free(wsl_aggregate *a)
{
    if (a == NULL) {
        return;
    }
    wsl_columns_fini(&a->arguments);
    wsl_columns_fini(&a->items);
    wsl_schema_free(a->input);
    wsl_schema_free(a->state);
    wsl_schema_free(a->middle);
    wsl_schema_free(a->output);
    wsl_arena_free(a->arena);
    wsl_arena_free(a->scratch);
    free(a);
}

const wsl_schema *wsl_aggregate_schema(const wsl_aggregate *a) { return a->output; }
const wsl_schema *wsl_aggregate_state_schema(const wsl_aggregate *a) { return a->state; }

/* ---- compiling ---- */

typedef struct builder {
    wsl_aggregate *a;
    const char *const *keys;
    uint32_t n_keys;
    wsl_error *err;
    wsl_node **arguments; /* typed */
    uint32_t n_arguments;
} builder;

static const struct agg_name *find_agg(const wsl_node *n)
{
    for (size_t i = 0; n->kind == WSL_NODE_CALL && i < WSL_ARRAY_LEN(agg_names); i++) {
        if (wsl_word_is(n->name, agg_names[i].name)) {
            return &agg_names[i];
        }
    }
    return NULL;
}

static const wsl_node *nested_agg(const wsl_node *n)
{
    for (uint32_t i = 0; i < n->n; i++) {
        const wsl_node *found = find_agg(n->arg[i]) != NULL ? n->arg[i] : nested_agg(n->arg[i]);
        if (found != NULL) {
            return found;
        }
    }
    return NULL;
}

static wsl_status fail_argument(const builder *b, const wsl_node *n, const char *name, const char *wanted)
{
    char type[WSL_XT_TEXT_MAX];
    return wsl_expr_fail_at(&b->a->src, n->at, b->err, WSL_TYPE, "%s takes %s, but this is %s", name, wanted,
                            wsl_xt_text(&n->type, type));
}

/* Types of sum and result, after the argument has one. */
static wsl_status type_agg(const builder *b, agg *g, const wsl_node *argument)
{
    const wsl_type *type = &argument->type;
    switch (g->kind) {
    case AGG_COUNT:
        g->result = (wsl_type){.id = WSL_T_INT64, .not_null = true};
        return WSL_OK;
    case AGG_SUM:
    case AGG_AVG:
        if (!wsl_type_is_numeric(type)) {
            return fail_argument(b, argument, g->name, "a number");
        }
        g->sum = wsl_type_is_integer(type) ? (wsl_type){.id = WSL_T_INT64}
                 : wsl_type_is_approximate(type)
                     ? (wsl_type){.id = WSL_T_DOUBLE}
                     : (wsl_type){.id = WSL_T_DECIMAL, .precision = WSL_DECIMAL_PRECISION_MAX, .scale = type->scale};
        g->result = g->sum;
        if (g->kind == AGG_AVG && g->sum.id == WSL_T_DECIMAL) {
            g->result.scale = type->scale > 6 ? type->scale : 6;
        } else if (g->kind == AGG_AVG) {
            g->result.id = WSL_T_DOUBLE;
        }
        return WSL_OK;
    case AGG_MIN:
    case AGG_MAX:
        if (type->id >= WSL_T_ARRAY) {
            return fail_argument(b, argument, g->name, "a value with an order");
        }
        break;
    default:
        if ((int)type->id >= (int)WSL_XT_NULL) {
            return fail_argument(b, argument, g->name, "a value of a field's type");
        }
        break;
    }
    g->result = *type;
    g->result.not_null = false;
    return WSL_OK;
}

static const char *middle_name(wsl_arena *arena, uint32_t i) { return wsl_arena_printf(arena, "\x01%u", i); }

/* Takes an aggregate call out of an item: *node becomes a column of the middle row. */
static wsl_status take_agg(builder *b, const struct agg_name *name, wsl_node **node)
{
    wsl_aggregate *a = b->a;
    wsl_node *n = *node;
    const wsl_typer typer = {&a->src, a->arena, a->input, b->err};
    if (n->n != 1) {
        return wsl_expr_fail_at(&a->src, n->at, b->err, WSL_INVALID, "%s takes one argument%s, but there are %u",
                                name->name, name->kind == AGG_COUNT ? " or *" : "", n->n);
    }
    const wsl_node *inner = nested_agg(n);
    if (inner != NULL) {
        return wsl_expr_fail_at(&a->src, inner->at, b->err, WSL_INVALID, "an aggregate cannot be inside %s",
                                name->name);
    }
    if (a->n_aggs == WSL_FIELDS_MAX / 2) {
        return wsl_expr_fail_at(&a->src, n->at, b->err, WSL_TOO_LARGE, "more than %d aggregates", WSL_FIELDS_MAX / 2);
    }
    agg *g = &a->aggs[a->n_aggs];
    *g = (agg){.kind = name->kind, .name = name->name, .argument = NO_ARGUMENT, .node = n};
    if (n->arg[0]->kind == WSL_NODE_STAR && name->kind == AGG_COUNT) {
        g->result = (wsl_type){.id = WSL_T_INT64, .not_null = true};
    } else {
        WSL_TRY(wsl_typer_check(&typer, &n->arg[0]));
        WSL_TRY(type_agg(b, g, n->arg[0]));
        if (n->arg[0]->type.id == WSL_XT_NULL) { /* COUNT(NULL) */
            WSL_TRY(wsl_typer_coerce(&typer, &n->arg[0], &(wsl_type){.id = WSL_T_BOOL}));
        }
        g->argument = b->n_arguments;
        b->arguments[b->n_arguments++] = n->arg[0];
    }
    wsl_node *column = wsl_arena_zalloc(a->arena, sizeof *column);
    *column = (wsl_node){.kind = WSL_NODE_COLUMN, .at = n->at, .end = n->end, .depth = 1};
    const char *field = middle_name(a->arena, a->n_aggs++);
    column->name = wsl_str_of(field);
    column->unit = WSL_UNIT_NONE;
    *node = column;
    return WSL_OK;
}

static wsl_status check_key(const builder *b, const wsl_node *n)
{
    char keys[300] = "";
    size_t used = 0;
    for (uint32_t k = 0; k < b->n_keys; k++) {
        if (n->name.size == strlen(b->keys[k]) && memcmp(n->name.data, b->keys[k], n->name.size) == 0) {
            return WSL_OK;
        }
    }
    for (uint32_t k = 0; k < b->n_keys && used < sizeof keys; k++) {
        const int more = snprintf(keys + used, sizeof keys - used, "%s%s", k > 0 ? ", " : "", b->keys[k]);
        used += more > 0 ? (size_t)more : 0;
    }
    return wsl_expr_fail_at(
        &b->a->src, n->at, b->err, WSL_INVALID,
        "'%.*s' is neither a key (%s) nor inside an aggregate; MAX(...) or LAST_VALUE(...) could say "
        "which value is meant",
        (int)(n->name.size > 100 ? 100 : n->name.size), n->name.data, keys);
}

/* Replaces the aggregates of a tree and checks that other columns are keys. */
static wsl_status take_aggs(builder *b, wsl_node **node)
{
    wsl_node *n = *node;
    const struct agg_name *name = find_agg(n);
    if (name != NULL) {
        return take_agg(b, name, node);
    }
    if (n->kind == WSL_NODE_COLUMN && (n->name.size == 0 || n->name.data[0] != '\x01')) {
        return check_key(b, n);
    }
    for (uint32_t i = 0; i < n->n; i++) {
        WSL_TRY(take_aggs(b, &n->arg[i]));
    }
    return WSL_OK;
}

static wsl_status build_state(builder *b)
{
    wsl_aggregate *a = b->a;
    WSL_AUTO(wsl_schema_builder) s = wsl_schema_builder_new("state");
    const wsl_type count = {.id = WSL_T_INT64, .not_null = true};
    uint32_t field = 0;
    for (uint32_t i = 0; i < a->n_aggs; i++) {
        agg *g = &a->aggs[i];
        const char *name = wsl_arena_printf(a->arena, "%s_%u", g->name, i + 1);
        const bool sum = g->kind == AGG_SUM || g->kind == AGG_AVG;
        g->state = field;
        wsl_schema_builder_add(s, name, sum ? &g->sum : &g->result);
        field++;
        if (sum) {
            wsl_schema_builder_add(s, wsl_arena_printf(a->arena, "%s_%u_n", g->name, i + 1), &count);
            field++;
        }
    }
    if (a->n_aggs == 0) { /* keys only: nothing to remember but that the key was seen */
        wsl_schema_builder_add(s, "seen", &(wsl_type){.id = WSL_T_BOOL});
    }
    return wsl_schema_builder_finish(s, &a->state, b->err);
}

static wsl_status build_middle(builder *b)
{
    wsl_aggregate *a = b->a;
    WSL_AUTO(wsl_schema_builder) s = wsl_schema_builder_new("aggregates");
    a->key_field = wsl_arena_alloc(a->arena, (b->n_keys + 1) * sizeof *a->key_field);
    for (uint32_t k = 0; k < b->n_keys; k++) {
        const int f = wsl_schema_find(a->input, b->keys[k]);
        if (f < 0) {
            return wsl_fail(b->err, WSL_NOT_FOUND, "the key field '%s' is not in the input", b->keys[k]);
        }
        a->key_field[k] = (uint32_t)f;
        wsl_schema_builder_add(s, b->keys[k], &a->input->fields[f].type);
    }
    a->n_keys = b->n_keys;
    for (uint32_t i = 0; i < a->n_aggs; i++) {
        wsl_schema_builder_add(s, middle_name(a->arena, i), &a->aggs[i].result);
    }
    return wsl_schema_builder_finish(s, &a->middle, b->err);
}

static wsl_status build_output(builder *b, const wsl_select_item *items, wsl_node *const *nodes, uint32_t n)
{
    wsl_aggregate *a = b->a;
    WSL_AUTO(wsl_schema_builder) s = wsl_schema_builder_new(a->input->name);
    a->plain = true;
    a->order = wsl_arena_alloc(a->arena, n * sizeof *a->order);
    for (uint32_t i = 0; i < n; i++) {
        const bool column = nodes[i]->kind == WSL_NODE_COLUMN;
        const bool key = column && nodes[i]->column < a->n_keys;
        const char *name = items[i].name != NULL ? items[i].name
                           : key                 ? a->middle->fields[nodes[i]->column].name
                                                 : wsl_arena_printf(a->arena, "_%u", i + 1);
        if ((int)nodes[i]->type.id >= (int)WSL_XT_NULL) {
            return fail_argument(b, nodes[i], "a field", "a type that rows can hold");
        }
        wsl_schema_builder_add(s, name, &nodes[i]->type);
        a->plain = a->plain && column;
        a->order[i] = column ? nodes[i]->column : 0;
    }
    WSL_TRY(wsl_schema_builder_finish(s, &a->output, b->err));
    return a->plain ? WSL_OK : wsl_columns_init(&a->items, &a->src, a->arena, a->middle, nodes, n, b->err);
}

static wsl_status build(builder *b)
{
    wsl_aggregate *a = b->a;
    wsl_select_item *items;
    uint32_t n;
    WSL_TRY(wsl_parse_select(&a->src, a->arena, &items, &n, b->err));
    wsl_node **nodes = wsl_arena_alloc(a->arena, n * sizeof *nodes);
    a->aggs = wsl_arena_alloc(a->arena, WSL_FIELDS_MAX / 2 * sizeof *a->aggs);
    b->arguments = wsl_arena_alloc(a->arena, WSL_FIELDS_MAX / 2 * sizeof(wsl_node *));
    for (uint32_t i = 0; i < n; i++) {
        if (items[i].node->kind == WSL_NODE_STAR) {
            return wsl_expr_fail_at(&a->src, items[i].at, b->err, WSL_INVALID,
                                    "'*' cannot stand for all columns here; name the keys");
        }
        WSL_TRY(take_aggs(b, &items[i].node));
    }
    WSL_TRY(build_state(b));
    WSL_TRY(build_middle(b));
    const wsl_typer typer = {&a->src, a->arena, a->middle, b->err};
    for (uint32_t i = 0; i < n; i++) {
        nodes[i] = items[i].node;
        WSL_TRY(wsl_typer_check(&typer, &nodes[i]));
    }
    WSL_TRY(build_output(b, items, nodes, n));
    a->has_arguments = b->n_arguments > 0;
    const uint32_t widest = a->state->n_fields + a->middle->n_fields;
    a->values = wsl_arena_zalloc(a->arena, widest * sizeof *a->values);
    return a->has_arguments
               ? wsl_columns_init(&a->arguments, &a->src, a->arena, a->input, b->arguments, b->n_arguments, b->err)
               : WSL_OK;
}

wsl_status wsl_aggregate_new(const char *text, const wsl_schema *input, const char *const *keys, uint32_t n_keys,
                             wsl_aggregate **out_aggregate, wsl_error *err)
{
    WSL_AUTO(wsl_aggregate) a = wsl_zalloc(sizeof *a);
    a->arena = wsl_arena_new(ARENA_CHUNK);
    a->scratch = wsl_arena_new(ARENA_CHUNK);
    a->input = wsl_schema_copy(input);
    WSL_TRY(wsl_expr_source_init(&a->src, a->arena, text, err));
    builder b = {.a = a, .keys = keys, .n_keys = n_keys, .err = err};
    WSL_TRY(build(&b));
    *out_aggregate = WSL_TAKE(a);
    return WSL_OK;
}

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

static wsl_status fail_agg(const wsl_aggregate *a, const agg *g, wsl_error *err, const char *what)
{
    return wsl_expr_fail_at(&a->src, g->node->at, err, WSL_INVALID, "%s in \"%.*s\"", what,
                            (int)(g->node->end - g->node->at > 80 ? 80 : g->node->end - g->node->at),
                            a->src.text + g->node->at);
}

static bool add_to(const wsl_type *type, wsl_value *sum, const wsl_value *v, bool back)
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
        if (!add_to(&g->sum, &state[0], v, back)) {
            return fail_agg(a, g, err, "overflow");
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
        return fail_agg(a, g, err, "a row that is taken out again (op -U or -D) cannot be undone");
    }
    bool take = state[0].null || g->kind == AGG_LAST;
    if (!take && g->kind == AGG_MIN) {
        take = order_of(&g->result, v, &state[0]) < 0;
    } else if (!take && g->kind == AGG_MAX) {
        take = order_of(&g->result, v, &state[0]) > 0;
    }
    if (take) {
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

wsl_status wsl_aggregate_fold(wsl_aggregate *a, uint32_t i, const wsl_row *state, wsl_expr_alloc_fn alloc,
                              void *alloc_arg, const wsl_row **out_state, wsl_error *err)
{
    const bool back = a->rows[i]->op == WSL_OP_UPDATE_BEFORE || a->rows[i]->op == WSL_OP_DELETE;
    wsl_value *values = a->values;
    wsl_row *made = NULL;
    WSL_TRY(need_row(a, i, err));
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
        if (g->argument != NO_ARGUMENT) {
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
                   : fail_agg(a, g, err, "overflow");
    }
    out->d = (g->sum.id == WSL_T_INT64 ? (double)out->i : out->d) / (double)n;
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

wsl_status wsl_aggregate_result(wsl_aggregate *a, uint32_t i, const wsl_row *state, wsl_expr_alloc_fn alloc,
                                void *alloc_arg, const wsl_row **out_row, wsl_error *err)
{
    const wsl_row *in = a->rows[i];
    wsl_value *middle = a->values;
    wsl_row *made = NULL;
    for (uint32_t k = 0; k < a->n_keys; k++) {
        const uint32_t f = a->key_field[k];
        wsl_field_value(in, f, a->input->n_fields, &a->input->fields[f].type, &middle[k]);
    }
    for (uint32_t k = 0; k < a->n_aggs; k++) {
        WSL_TRY(finish_agg(a, &a->aggs[k], state, &middle[a->n_keys + k], err));
    }
    if (a->plain) {
        WSL_TRY(make_row(a->output, middle, a->order, alloc, alloc_arg, &made, err));
    } else {
        WSL_TRY(compute_items(a, middle, alloc, alloc_arg, &made, err));
    }
    made->op = in->op == WSL_OP_UPDATE_BEFORE || in->op == WSL_OP_DELETE ? WSL_OP_UPDATE_AFTER : in->op;
    made->timestamp = in->timestamp;
    made->flags = (uint16_t)(in->flags & WSL_ROW_HAS_TIMESTAMP);
    *out_row = made;
    return WSL_OK;
}
