/*
 * aggregate.c - a select list with aggregates in it is cut in three:
 *
 *   input row  --arguments-->  values  --fold-->  state row  --finish-->  [keys | aggregates]  --items-->  result row
 *              (one program)                                              (a middle row)       (one program, or none)
 *
 * In the items, each aggregate call is replaced by a column of the middle row. Usually every item is then just a
 * column, and the middle row is the result: only `SUM(a) / COUNT(*)` and the like need the second program.
 *
 * For windows the middle row also has the window's bounds, and the keys come from a row of the keys alone.
 *
 * State fields of an aggregate lie side by side: SUM and AVG keep the sum and the number of values in it, COUNT a
 * number, the others the value.
 */
#include "expr/aggregate.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "expr/aggregate_internal.h"
#include "expr/parser.h"
#include "expr/typer.h"

/* clang-format off */
static const struct agg_name {
    const char *name;
    agg_kind kind;
} agg_names[] = {
    {"COUNT", AGG_COUNT}, {"SUM", AGG_SUM}, {"AVG", AGG_AVG}, {"MIN", AGG_MIN}, {"MAX", AGG_MAX},
    {"FIRST_VALUE", AGG_FIRST}, {"LAST_VALUE", AGG_LAST},
};
/* clang-format on */

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
    *g = (agg){.kind = name->kind, .name = name->name, .argument = AGG_NO_ARGUMENT, .node = n};
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

static bool is_key(const builder *b, wsl_str name)
{
    for (uint32_t k = 0; k < b->n_keys; k++) {
        if (wsl_str_equal(name, wsl_str_of(b->keys[k]))) {
            return true;
        }
    }
    return false;
}

static wsl_status check_key(const builder *b, const wsl_node *n)
{
    char keys[300] = "";
    size_t used = 0;
    if (is_key(b, n->name)) {
        return WSL_OK;
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

static const char *const bounds[2] = {"WINDOW_START", "WINDOW_END"};
static const char *const bound_names[2] = {"window_start", "window_end"};
static const char *const bound_fields[2] = {"\x01start", "\x01"
                                                         "end"};

/* WINDOW_START and WINDOW_END become columns of the middle row. */
static bool take_bound(const builder *b, wsl_node *n)
{
    for (uint32_t i = 0; i < b->a->n_bounds && !is_key(b, n->name); i++) {
        if (wsl_word_is(n->name, bounds[i])) {
            n->name = wsl_str_of(bound_fields[i]);
            return true;
        }
    }
    return false;
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
        return take_bound(b, n) ? WSL_OK : check_key(b, n);
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
        a->key_field[k] = a->windowed ? k : (uint32_t)f;
        wsl_schema_builder_add(s, b->keys[k], &a->input->fields[f].type);
    }
    a->n_keys = b->n_keys;
    a->key_fields = a->windowed ? b->n_keys : a->input->n_fields;
    for (uint32_t i = 0; i < a->n_bounds; i++) {
        wsl_schema_builder_add(s, bound_fields[i], &(wsl_type){.id = WSL_T_TIMESTAMP, .not_null = true});
    }
    for (uint32_t i = 0; i < a->n_aggs; i++) {
        wsl_schema_builder_add(s, middle_name(a->arena, i), &a->aggs[i].result);
    }
    return wsl_schema_builder_finish(s, &a->middle, b->err);
}

/* The middle row's first aggregate. */
static uint32_t first_agg(const wsl_aggregate *a) { return a->n_keys + a->n_bounds; }

static wsl_status build_output(builder *b, const wsl_select_item *items, wsl_node *const *nodes, uint32_t n)
{
    wsl_aggregate *a = b->a;
    WSL_AUTO(wsl_schema_builder) s = wsl_schema_builder_new(a->input->name);
    a->plain = true;
    a->order = wsl_arena_alloc(a->arena, n * sizeof *a->order);
    for (uint32_t i = 0; i < n; i++) {
        const bool column = nodes[i]->kind == WSL_NODE_COLUMN;
        const char *name = items[i].name != NULL                       ? items[i].name
                           : column && nodes[i]->column < a->n_keys    ? a->middle->fields[nodes[i]->column].name
                           : column && nodes[i]->column < first_agg(a) ? bound_names[nodes[i]->column - a->n_keys]
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

/* Single slots of integers or doubles can be folded in place, without looking at types row by row. */
static bool is_fast(const agg *g, const wsl_columns *arguments)
{
    if (g->argument == AGG_NO_ARGUMENT) {
        return true;
    }
    const wsl_type *type = &arguments->type[g->argument];
    const wsl_phys phys = wsl_phys_of(type);
    switch (g->kind) {
    case AGG_COUNT:
        return phys == WSL_PHYS_INT || phys == WSL_PHYS_DBL ||
               (phys == WSL_PHYS_STR && arguments->direct[g->argument] >= 0);
    case AGG_SUM:
    case AGG_AVG:
        return phys == WSL_PHYS_INT || phys == WSL_PHYS_DBL;
    default:
        return phys == WSL_PHYS_INT || type->id == WSL_T_DOUBLE;
    }
}

static void plan_fast(wsl_aggregate *a)
{
    a->fast_fold = a->state->n_fields <= 32 && a->n_aggs > 0;
    for (uint32_t i = 0; i < a->n_aggs; i++) {
        a->aggs[i].fast = is_fast(&a->aggs[i], &a->arguments);
        a->fast_fold = a->fast_fold && a->aggs[i].fast;
    }
    a->fast_result = a->fast_fold && a->plain && a->output->n_fields <= 32;
    a->outputs = wsl_arena_zalloc(a->arena, a->output->n_fields * sizeof *a->outputs);
    for (uint32_t f = 0; f < a->output->n_fields && a->fast_result; f++) {
        agg_output *o = &a->outputs[f];
        const uint32_t from = a->order[f];
        if (from < a->n_keys) {
            o->source = a->key_field[from];
            o->kind = wsl_type_is_fixed(&a->middle->fields[from].type) ? AGG_OUT_KEY : AGG_OUT_WIDE_KEY;
        } else if (from < first_agg(a)) {
            o->source = from - a->n_keys;
            o->kind = AGG_OUT_BOUND;
        } else {
            o->agg = &a->aggs[from - first_agg(a)];
            o->source = o->agg->state;
            o->kind = o->agg->kind == AGG_AVG ? AGG_OUT_AVERAGE : AGG_OUT_STATE;
        }
    }
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
    if (a->has_arguments) {
        WSL_TRY(wsl_columns_init(&a->arguments, &a->src, a->arena, a->input, b->arguments, b->n_arguments, b->err));
    }
    plan_fast(a);
    return WSL_OK;
}

static wsl_status aggregate_new(bool windowed, const char *text, const wsl_schema *input, const char *const *keys,
                                uint32_t n_keys, wsl_aggregate **out_aggregate, wsl_error *err)
{
    WSL_AUTO(wsl_aggregate) a = wsl_zalloc(sizeof *a);
    a->arena = wsl_arena_new(AGG_ARENA_CHUNK);
    a->scratch = wsl_arena_new(AGG_ARENA_CHUNK);
    a->input = wsl_schema_copy(input);
    a->windowed = windowed;
    a->n_bounds = windowed ? 2 : 0;
    WSL_TRY(wsl_expr_source_init(&a->src, a->arena, text, err));
    builder b = {.a = a, .keys = keys, .n_keys = n_keys, .err = err};
    WSL_TRY(build(&b));
    *out_aggregate = WSL_TAKE(a);
    return WSL_OK;
}

wsl_status wsl_aggregate_new(const char *text, const wsl_schema *input, const char *const *keys, uint32_t n_keys,
                             wsl_aggregate **out_aggregate, wsl_error *err)
{
    return aggregate_new(false, text, input, keys, n_keys, out_aggregate, err);
}

wsl_status wsl_aggregate_new_windowed(const char *text, const wsl_schema *input, const char *const *keys,
                                      uint32_t n_keys, wsl_aggregate **out_aggregate, wsl_error *err)
{
    return aggregate_new(true, text, input, keys, n_keys, out_aggregate, err);
}
