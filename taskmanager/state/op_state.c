#include "taskmanager/state/op_state.h"

#include "base/alloc.h"
#include "taskmanager/state/mem_list.h"

struct tm_op_list {
    const char *name;
    const wsl_schema *schema;
    tm_op_state_kind kind;
    tm_mem_list list;
    tm_region region;
    tm_slab slab;
};

tm_op_list *tm_op_list_new(const char *name, const wsl_schema *schema, tm_op_state_kind kind)
{
    tm_op_list *l = wsl_zalloc(sizeof *l);
    *l = (tm_op_list){.name = name, .schema = schema, .kind = kind};
    tm_region_init(&l->region);
    tm_slab_init(&l->slab, &l->region);
    return l;
}

void tm_op_list_free(tm_op_list *l)
{
    if (l != NULL) {
        tm_slab_fini(&l->slab);
        tm_region_fini(&l->region);
        free(l);
    }
}

static wsl_status check_row(const tm_op_list *l, const wsl_row *row, wsl_error *err)
{
    wsl_error why = {0};
    if (row->kind != WSL_KIND_DATA || wsl_row_check(row, row->size, l->schema, &why) != WSL_OK) {
        return wsl_fail(err, WSL_TYPE, "an element of the operator state '%s' is not of its type: %s", l->name,
                        row->kind != WSL_KIND_DATA ? "it is no row of data" : why.text);
    }
    return WSL_OK;
}

wsl_status tm_op_list_add(tm_op_list *l, const wsl_row *row, wsl_error *err)
{
    WSL_TRY(check_row(l, row, err));
    tm_mem_list_add(&l->list, &l->slab, row, false, false, 0);
    return WSL_OK;
}

wsl_status tm_op_list_set(tm_op_list *l, const wsl_row *const *rows, uint32_t n, wsl_error *err)
{
    for (uint32_t i = 0; i < n; i++) {
        WSL_TRY(check_row(l, rows[i], err));
    }
    tm_mem_list old = l->list;
    l->list = (tm_mem_list){0};
    for (uint32_t i = 0; i < n; i++) {
        tm_mem_list_add(&l->list, &l->slab, rows[i], false, false, 0);
    }
    tm_mem_list_clear(&old, &l->slab);
    return WSL_OK;
}

void tm_op_list_clear(tm_op_list *l) { tm_mem_list_clear(&l->list, &l->slab); }
uint32_t tm_op_list_size(const tm_op_list *l) { return l->list.n; }
uint64_t tm_op_list_bytes(const tm_op_list *l) { return l->list.bytes; }
const char *tm_op_list_name(const tm_op_list *l) { return l->name; }
const wsl_schema *tm_op_list_schema(const tm_op_list *l) { return l->schema; }
tm_op_state_kind tm_op_list_kind(const tm_op_list *l) { return l->kind; }

const wsl_row *tm_op_list_next(const tm_op_list *l, tm_op_list_walk *walk)
{
    tm_list_at at = {.chunk = walk->chunk, .offset = walk->offset};
    if (!walk->begun) {
        tm_mem_list_walk(&l->list, &at);
        walk->begun = 1;
    }
    const wsl_row *row = tm_mem_list_next(&at, false);
    walk->chunk = at.chunk;
    walk->offset = at.offset;
    return row;
}
