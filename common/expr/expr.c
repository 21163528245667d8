/*
 * expr.c - the two things people write: a predicate and a list of expressions.
 *
 * text -> lexer, parser -> tree -> typer -> typed tree -> program -> slices of rows
 *
 * Everything that lives as long as the expression (text, tree, constants) is in its arena.
 */
#include "expr/expr.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "expr/columns.h"
#include "expr/parser.h"
#include "expr/typer.h"

enum { ARENA_CHUNK = 4096 };

struct wsl_expr {
    wsl_arena *arena;
    wsl_expr_source src;
    wsl_schema *input;
    wsl_schema *output;  /* of a projection */
    wsl_columns columns; /* of a predicate: one, the condition */
};

void wsl_expr_free(wsl_expr *e)
{
    if (e == NULL) {
        return;
    }
    wsl_columns_fini(&e->columns);
    wsl_schema_free(e->input);
    wsl_schema_free(e->output);
    wsl_arena_free(e->arena);
    free(e);
}

static wsl_status expr_new(const char *text, const wsl_schema *input, wsl_expr **out, wsl_error *err)
{
    WSL_AUTO(wsl_expr) e = wsl_zalloc(sizeof *e);
    e->arena = wsl_arena_new(ARENA_CHUNK);
    e->input = wsl_schema_copy(input);
    WSL_TRY(wsl_expr_source_init(&e->src, e->arena, text, err));
    *out = WSL_TAKE(e);
    return WSL_OK;
}

/* ---- predicates ---- */

wsl_status wsl_expr_predicate(const char *text, const wsl_schema *input, wsl_expr **out_expr, wsl_error *err)
{
    WSL_AUTO(wsl_expr) e = NULL;
    wsl_node *node;
    WSL_TRY(expr_new(text, input, &e, err));
    WSL_TRY(wsl_parse_expr(&e->src, e->arena, &node, err));
    const wsl_typer typer = {&e->src, e->arena, e->input, err};
    WSL_TRY(wsl_typer_check(&typer, &node));
    if (node->type.id == WSL_XT_NULL) {
        WSL_TRY(wsl_typer_coerce(&typer, &node, &(wsl_type){.id = WSL_T_BOOL}));
    }
    if (node->type.id != WSL_T_BOOL) {
        char type[WSL_XT_TEXT_MAX];
        return wsl_expr_fail_at(&e->src, node->at, err, WSL_TYPE, "a condition must be BOOL, but this is %s",
                                wsl_xt_text(&node->type, type));
    }
    /* A column alone is computed too, so that the filter always finds a register. */
    wsl_node *condition = wsl_arena_zalloc(e->arena, sizeof *condition);
    *condition =
        (wsl_node){.kind = WSL_NODE_IS, .op = WSL_IS_TRUE, .typed = true, .at = node->at, .end = node->end, .n = 1};
    condition->type = node->type;
    condition->arg = wsl_arena_alloc(e->arena, sizeof *condition->arg);
    condition->arg[0] = node;
    WSL_TRY(wsl_columns_init(&e->columns, &e->src, e->arena, e->input, &condition, 1, err));
    *out_expr = WSL_TAKE(e);
    return WSL_OK;
}

wsl_status wsl_expr_filter(wsl_expr *e, const wsl_row *const *rows, uint32_t n, const wsl_row **out_rows,
                           uint32_t *out_n, uint32_t *out_error_row, wsl_error *err)
{
    uint32_t kept = 0;
    uint32_t done = 0;
    for (uint32_t from = 0; from < n; from += done) {
        uint32_t fail_row;
        const wsl_status status = wsl_columns_run(&e->columns, rows + from, n - from, &done, &fail_row, err);
        if (WSL_UNLIKELY(status != WSL_OK)) {
            *out_error_row = from + fail_row;
            return status;
        }
        const uint8_t *keep = wsl_program_reg(e->columns.program, e->columns.reg[0])->v;
        for (uint32_t i = 0; i < done; i++) {
            out_rows[kept] = rows[from + i];
            kept += keep[i];
        }
    }
    *out_n = kept;
    return WSL_OK;
}

/* ---- projections ---- */

/* The name of a field: as given, the column's, or "_1", "_2" by position. */
static const char *field_name(wsl_expr *e, const wsl_select_item *item, const wsl_node *node, uint32_t position)
{
    if (item->name != NULL) {
        return item->name;
    }
    if (node->kind == WSL_NODE_COLUMN) {
        return e->input->fields[node->column].name;
    }
    return wsl_arena_printf(e->arena, "_%u", position + 1);
}

typedef struct field_list {
    uint32_t n;
    wsl_node **nodes;
    const char **names;
    uint32_t *at;
} field_list;

static wsl_status add_field(wsl_expr *e, field_list *list, wsl_node *node, const char *name, uint32_t at,
                            wsl_error *err)
{
    if (list->n == WSL_FIELDS_MAX) {
        return wsl_expr_fail_at(&e->src, at, err, WSL_TOO_LARGE, "more than %d fields", WSL_FIELDS_MAX);
    }
    for (uint32_t i = 0; i < list->n; i++) {
        if (strcmp(list->names[i], name) == 0) {
            return wsl_expr_fail_at(
                &e->src, at, err, WSL_INVALID,
                "two fields would be called '%s', number %u and number %u; give one another name with AS", name, i + 1,
                list->n + 1);
        }
    }
    list->nodes[list->n] = node;
    list->names[list->n] = name;
    list->at[list->n++] = at;
    return WSL_OK;
}

static wsl_status add_all_columns(wsl_expr *e, field_list *list, uint32_t at, wsl_error *err)
{
    for (uint32_t f = 0; f < e->input->n_fields; f++) {
        wsl_node *node = wsl_arena_zalloc(e->arena, sizeof *node);
        *node = (wsl_node){.kind = WSL_NODE_COLUMN, .typed = true, .at = at, .end = at + 1, .column = f};
        node->type = e->input->fields[f].type;
        WSL_TRY(add_field(e, list, node, e->input->fields[f].name, at, err));
    }
    return WSL_OK;
}

static wsl_status check_result_type(wsl_expr *e, const wsl_node *node, wsl_error *err)
{
    char type[WSL_XT_TEXT_MAX];
    if ((int)node->type.id < (int)WSL_XT_NULL) {
        return WSL_OK;
    }
    return wsl_expr_fail_at(&e->src, node->at, err, WSL_TYPE, "a field cannot be %s; %s",
                            wsl_xt_text(&node->type, type),
                            node->type.id == WSL_XT_NULL ? "CAST(NULL AS type) gives it one"
                                                         : "CAST it to INT64 for milliseconds, or use TIMESTAMPDIFF");
}

static wsl_status collect_fields(wsl_expr *e, field_list *list, wsl_error *err)
{
    wsl_select_item *items;
    uint32_t n;
    const wsl_typer typer = {&e->src, e->arena, e->input, err};
    WSL_TRY(wsl_parse_select(&e->src, e->arena, &items, &n, err));
    for (uint32_t i = 0; i < n; i++) {
        if (items[i].node->kind == WSL_NODE_STAR) {
            WSL_TRY(add_all_columns(e, list, items[i].at, err));
            continue;
        }
        wsl_node *node = items[i].node;
        WSL_TRY(wsl_typer_check(&typer, &node));
        WSL_TRY(check_result_type(e, node, err));
        WSL_TRY(add_field(e, list, node, field_name(e, &items[i], node, list->n), items[i].at, err));
    }
    return WSL_OK;
}

wsl_status wsl_expr_projection(const char *text, const wsl_schema *input, wsl_expr **out_expr, wsl_error *err)
{
    WSL_AUTO(wsl_expr) e = NULL;
    WSL_AUTO(wsl_schema_builder) b = wsl_schema_builder_new(input->name);
    WSL_TRY(expr_new(text, input, &e, err));
    field_list list = {0};
    list.nodes = wsl_arena_alloc(e->arena, WSL_FIELDS_MAX * sizeof *list.nodes);
    list.names = wsl_arena_alloc(e->arena, WSL_FIELDS_MAX * sizeof *list.names);
    list.at = wsl_arena_alloc(e->arena, WSL_FIELDS_MAX * sizeof *list.at);
    WSL_TRY(collect_fields(e, &list, err));
    for (uint32_t i = 0; i < list.n; i++) {
        wsl_schema_builder_add(b, list.names[i], &list.nodes[i]->type);
    }
    WSL_TRY(wsl_schema_builder_finish(b, &e->output, err));
    WSL_TRY(wsl_columns_init(&e->columns, &e->src, e->arena, e->input, list.nodes, list.n, err));
    *out_expr = WSL_TAKE(e);
    return WSL_OK;
}

const wsl_schema *wsl_expr_schema(const wsl_expr *e) { return e->output; }

wsl_status wsl_expr_project(wsl_expr *e, const wsl_row *const *rows, uint32_t n, wsl_expr_alloc_fn alloc,
                            void *alloc_arg, const wsl_row **out_rows, uint32_t *out_error_row, wsl_error *err)
{
    uint32_t done = 0;
    for (uint32_t from = 0; from < n; from += done) {
        uint32_t fail_row = 0;
        wsl_status status = wsl_columns_run(&e->columns, rows + from, n - from, &done, &fail_row, err);
        if (WSL_LIKELY(status == WSL_OK)) {
            status =
                wsl_columns_write(&e->columns, rows + from, done, alloc, alloc_arg, out_rows + from, &fail_row, err);
        }
        if (WSL_UNLIKELY(status != WSL_OK)) {
            *out_error_row = from + fail_row;
            return status;
        }
    }
    return WSL_OK;
}
