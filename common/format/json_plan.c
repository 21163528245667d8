/*
 * json_plan.c - see the header.
 */
#include "format/json_plan.h"

#include <string.h>

#include "base/alloc.h"

static void type_fini(wsl_json_type *t)
{
    if (t->element != NULL) {
        type_fini(t->element);
        free(t->element);
    }
    wsl_json_plan_free(t->row);
}

static void type_init(wsl_json_type *t, const wsl_type *type)
{
    *t = (wsl_json_type){.type = type};
    if (type->id == WSL_T_ARRAY || type->id == WSL_T_MAP) {
        t->element = (wsl_json_type *)wsl_zalloc(sizeof *t->element);
        type_init(t->element, type->element);
    } else if (type->id == WSL_T_ROW) {
        t->row = wsl_json_plan_new(type->row);
    }
}

static uint32_t hash_name(const char *name, uint32_t size)
{
    uint32_t h = 2166136261u;
    for (uint32_t i = 0; i < size; i++) {
        h = (h ^ (unsigned char)name[i]) * 16777619u;
    }
    return h ^ h >> 15;
}

void wsl_json_plan_free(wsl_json_plan *plan)
{
    if (plan == NULL) {
        return;
    }
    for (uint32_t i = 0; i < plan->schema->n_fields; i++) {
        type_fini(&plan->types[i]);
    }
    free(plan->types);
    for (uint32_t i = 0; i < plan->schema->n_fields; i++) {
        wsl_strbuf_fini(&plan->labels[i]);
    }
    free(plan->labels);
    free(plan->name_size);
    free(plan->order);
    free(plan->blank);
    free(plan->table);
    free(plan);
}

int32_t wsl_json_plan_find(const wsl_json_plan *plan, const char *name, uint32_t size)
{
    for (uint32_t at = hash_name(name, size) & plan->table_mask;; at = (at + 1) & plan->table_mask) {
        const int32_t field = plan->table[at];
        if (field < 0) {
            return WSL_JSON_UNKNOWN;
        }
        if (plan->name_size[field] == size && memcmp(plan->schema->fields[field].name, name, size) == 0) {
            return field;
        }
    }
}

/* Matches nothing: the byte before a key is never 0. */
static const wsl_json_key nothing_learned = {.mask = 1};

static wsl_json_use use_of(const wsl_type *type)
{
    switch (type->id) {
    case WSL_T_TIMESTAMP:
    case WSL_T_INT64:
    case WSL_T_INT8:
    case WSL_T_INT16:
    case WSL_T_INT32:
        return WSL_JSON_INT;
    case WSL_T_DOUBLE:
        return WSL_JSON_DOUBLE;
    case WSL_T_STRING:
        return WSL_JSON_STRING;
    case WSL_T_BOOL:
        return WSL_JSON_BOOL;
    default:
        return WSL_JSON_OTHER;
    }
}

static uint32_t spare_bits(wsl_type_id id)
{
    switch (id) {
    case WSL_T_INT8:
        return 56;
    case WSL_T_INT16:
        return 48;
    case WSL_T_INT32:
        return 32;
    default:
        return 0;
    }
}

wsl_json_key wsl_json_plan_key(const wsl_json_plan *plan, int32_t field)
{
    wsl_json_key key = {.field = field, .use = WSL_JSON_SKIP};
    if (field >= 64) {
        key.use = WSL_JSON_LATE;
    } else if (field >= 0) {
        key.use = use_of(plan->types[field].type);
        key.spare_bits = spare_bits(plan->types[field].type->id);
        key.bit = (uint64_t)1 << field;
    }
    return key;
}

void wsl_json_plan_learn(wsl_json_plan *plan, uint32_t position, const char *text, size_t size, const wsl_json_key *key)
{
    if (position >= plan->n_order) {
        return;
    }
    wsl_json_key *learned = &plan->order[position];
    *learned = nothing_learned;
    if (size <= WSL_JSON_TOKEN) {
        *learned = *key;
        memset(learned->token, 0, sizeof learned->token);
        memcpy(learned->token, text, size);
        learned->size = (uint32_t)size;
        learned->mask = (uint32_t)(((uint64_t)1 << size) - 2);
    }
}

/* Lines are expected to look as ours would. */
static void expect_as_written(wsl_json_plan *plan)
{
    for (uint32_t i = 0; i < plan->schema->n_fields; i++) {
        const wsl_json_key key = wsl_json_plan_key(plan, (int32_t)i);
        wsl_json_plan_learn(plan, i, plan->labels[i].data, plan->labels[i].size, &key);
    }
}

static void make_blank(wsl_json_plan *plan)
{
    const uint32_t n = plan->schema->n_fields;
    plan->blank_size = (wsl_row_fixed_size(n) + WSL_JSON_BLANK_STEP - 1) & ~(uint32_t)(WSL_JSON_BLANK_STEP - 1);
    plan->blank = (wsl_row *)wsl_zalloc(plan->blank_size);
    wsl_row_writer w;
    (void)wsl_row_writer_init(&w, plan->blank, plan->blank_size, n);
}

wsl_json_plan *wsl_json_plan_new(const wsl_schema *schema)
{
    const uint32_t n = schema->n_fields;
    wsl_json_plan *plan = (wsl_json_plan *)wsl_zalloc(sizeof *plan);
    plan->schema = schema;
    plan->types = (wsl_json_type *)wsl_calloc(n, sizeof *plan->types);
    plan->name_size = (uint32_t *)wsl_calloc(n, sizeof *plan->name_size);
    plan->labels = (wsl_strbuf *)wsl_calloc(n, sizeof *plan->labels);
    plan->n_order = n + WSL_JSON_EXTRA_KEYS;
    plan->order = (wsl_json_key *)wsl_calloc(plan->n_order + 1, sizeof *plan->order);
    for (uint32_t i = 0; i <= plan->n_order; i++) {
        plan->order[i] = nothing_learned;
    }
    plan->table_mask = 7;
    while (plan->table_mask < 2 * n) {
        plan->table_mask = plan->table_mask * 2 + 1;
    }
    plan->table = (int32_t *)wsl_calloc(plan->table_mask + 1, sizeof *plan->table);
    memset(plan->table, 0xFF, (plan->table_mask + 1) * sizeof *plan->table);
    plan->all_flat = true;
    for (uint32_t i = 0; i < n; i++) {
        const wsl_field *field = &schema->fields[i];
        type_init(&plan->types[i], &field->type);
        plan->all_flat &= plan->types[i].element == NULL && plan->types[i].row == NULL;
        plan->first_not_null |= field->type.not_null && i < 32 ? 1u << i : 0;
        plan->late_not_null |= field->type.not_null && i >= 32;
        plan->name_size[i] = (uint32_t)strlen(field->name);
        wsl_strbuf_init(&plan->labels[i]);
        wsl_strbuf_putc(&plan->labels[i], i == 0 ? '{' : ',');
        wsl_strbuf_json(&plan->labels[i], field->name, plan->name_size[i]);
        wsl_strbuf_putc(&plan->labels[i], ':');
        uint32_t at = hash_name(field->name, plan->name_size[i]) & plan->table_mask;
        while (plan->table[at] >= 0) {
            at = (at + 1) & plan->table_mask;
        }
        plan->table[at] = (int32_t)i;
    }
    expect_as_written(plan);
    make_blank(plan);
    return plan;
}
