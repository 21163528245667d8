#include "taskmanager/state/op_state.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "data/key.h"
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

/* ---- dealing out ---- */

/* The elements [from, end) of all lists one behind the other. */
static uint32_t cut_out(const uint64_t *sizes, uint32_t n_old, uint64_t from, uint64_t end, tm_op_piece *out)
{
    uint32_t n = 0;
    uint64_t first = 0; /* of this old subtask, among all */
    for (uint32_t i = 0; i < n_old; first += sizes[i++]) {
        const uint64_t begin = from > first ? from : first;
        const uint64_t stop = end < first + sizes[i] ? end : first + sizes[i];
        if (begin < stop) {
            out[n++] = (tm_op_piece){.subtask = i, .from = begin - first, .n = stop - begin};
        }
    }
    return n;
}

uint32_t tm_deal_out_list(tm_op_state_kind kind, const uint64_t *sizes, uint32_t n_old, uint32_t subtask, uint32_t n_new,
                          tm_op_piece *out)
{
    uint64_t all = 0;
    uint64_t before = 0; /* elements of old subtasks with smaller numbers */
    WSL_ASSERT(subtask < n_new);
    for (uint32_t i = 0; i < n_old; i++) {
        before += i < subtask ? sizes[i] : 0;
        all += sizes[i];
    }
    if (kind == TM_OP_STATE_UNION) {
        return cut_out(sizes, n_old, 0, all, out);
    }
    if (n_old == n_new) {
        return cut_out(sizes, n_old, before, before + sizes[subtask], out);
    }
    const uint64_t part = all / n_new;
    const uint64_t more = all % n_new; /* so many get one more */
    const uint64_t from = subtask * part + (subtask < more ? subtask : more);
    return cut_out(sizes, n_old, from, from + part + (subtask < more), out);
}

uint32_t tm_deal_out_keyed(uint32_t max_parallelism, uint32_t n_old, uint32_t subtask, uint32_t n_new, tm_op_piece *out)
{
    const uint32_t from = wsl_key_group_first(subtask, max_parallelism, n_new);
    const uint32_t end = wsl_key_group_first(subtask + 1, max_parallelism, n_new);
    uint32_t n = 0;
    for (uint32_t i = 0; i < n_old; i++) {
        const uint32_t old_from = wsl_key_group_first(i, max_parallelism, n_old);
        const uint32_t old_end = wsl_key_group_first(i + 1, max_parallelism, n_old);
        const uint32_t begin = from > old_from ? from : old_from;
        const uint32_t stop = end < old_end ? end : old_end;
        if (begin < stop) {
            out[n++] = (tm_op_piece){.subtask = i, .from = begin, .n = stop - begin};
        }
    }
    return n;
}
