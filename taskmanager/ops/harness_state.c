#include "taskmanager/ops/harness_state.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "ckpt/parts.h"

struct wsl_harness_snapshot {
    uint32_t n;
    tm_op_list **lists;
};

void wsl_harness_snapshot_free(wsl_harness_snapshot *s)
{
    if (s == NULL) {
        return;
    }
    for (uint32_t i = 0; i < s->n; i++) {
        tm_op_list_free(s->lists[i]);
    }
    free(s->lists);
    free(s);
}

/* Elements [from, from + n) of one list to the end of another of the same type. */
static wsl_status copy_part(tm_op_list *to, const tm_op_list *list, uint64_t from, uint64_t n, wsl_error *err)
{
    tm_op_list_walk walk = {0};
    uint64_t i = 0;
    for (const wsl_row *row; i < from + n && (row = tm_op_list_next(list, &walk)) != NULL; i++) {
        if (i >= from) {
            WSL_TRY(tm_op_list_add(to, row, err));
        }
    }
    return WSL_OK;
}

wsl_harness_snapshot *tm_harness_snapshot_of(tm_op_lists *lists)
{
    wsl_harness_snapshot *s = wsl_zalloc(sizeof *s);
    wsl_error err = {0};
    s->n = tm_op_lists_count(lists);
    s->lists = wsl_calloc(s->n + 1, sizeof(tm_op_list *));
    for (uint32_t i = 0; i < s->n; i++) {
        const tm_op_list *l = tm_op_lists_at(lists, i);
        s->lists[i] = tm_op_list_new(tm_op_list_name(l), tm_op_list_schema(l), tm_op_list_kind(l));
        const wsl_status status = copy_part(s->lists[i], l, 0, tm_op_list_size(l), &err);
        WSL_ASSERT(status == WSL_OK); /* they were checked when they were added */
    }
    return s;
}

/* NULL: it had no such list. */
static const tm_op_list *list_of(const wsl_harness_snapshot *s, const char *name)
{
    for (uint32_t i = 0; i < s->n; i++) {
        if (strcmp(tm_op_list_name(s->lists[i]), name) == 0) {
            return s->lists[i];
        }
    }
    return NULL;
}

static wsl_status check_snapshot(tm_op_lists *lists, const wsl_harness_snapshot *s, wsl_error *err)
{
    for (uint32_t i = 0; i < s->n; i++) {
        const tm_op_list *old = s->lists[i];
        const tm_op_list *now = tm_op_lists_find(lists, tm_op_list_name(old));
        if (now == NULL) {
            return wsl_fail(err, WSL_NOT_FOUND, "the snapshot has the operator state '%s', which is not declared any more",
                            tm_op_list_name(old));
        }
        if (tm_op_list_kind(now) != tm_op_list_kind(old) ||
            !wsl_schema_equal(tm_op_list_schema(now), tm_op_list_schema(old))) {
            return wsl_fail(err, WSL_TYPE, "the operator state '%s' is of another type or kind than in the snapshot",
                            tm_op_list_name(old));
        }
    }
    return WSL_OK;
}

/* All elements of all old subtasks. */
static wsl_status restore_union(tm_op_list *list, const wsl_harness_options *o, wsl_error *err)
{
    for (uint32_t i = 0; i < o->n_restore; i++) {
        const tm_op_list *old = list_of(o->restore[i], tm_op_list_name(list));
        if (old != NULL) {
            WSL_TRY(copy_part(list, old, 0, tm_op_list_size(old), err));
        }
    }
    return WSL_OK;
}

static wsl_status restore_list(tm_op_list *list, const wsl_harness_options *o, wsl_error *err)
{
    const uint32_t n_old = o->n_restore;
    uint64_t *sizes = wsl_calloc(n_old, sizeof *sizes);
    wsl_part *parts = wsl_calloc(n_old, sizeof *parts);
    for (uint32_t i = 0; i < n_old; i++) {
        const tm_op_list *old = list_of(o->restore[i], tm_op_list_name(list));
        sizes[i] = old != NULL ? tm_op_list_size(old) : 0;
    }
    const uint32_t n = wsl_parts_of_list(sizes, n_old, o->subtask, o->parallelism == 0 ? 1 : o->parallelism, parts);
    wsl_status status = WSL_OK;
    for (uint32_t i = 0; i < n && status == WSL_OK; i++) {
        const tm_op_list *old = list_of(o->restore[parts[i].subtask], tm_op_list_name(list));
        status = copy_part(list, old, parts[i].from, parts[i].n, err);
    }
    free(sizes);
    free(parts);
    return status;
}

wsl_status tm_harness_restore(tm_op_lists *lists, const wsl_harness_options *o, wsl_error *err)
{
    if (o->n_restore == 0) {
        return WSL_OK;
    }
    for (uint32_t i = 0; i < o->n_restore; i++) {
        WSL_TRY(check_snapshot(lists, o->restore[i], err));
    }
    for (uint32_t i = 0; i < tm_op_lists_count(lists); i++) {
        tm_op_list *list = tm_op_lists_at(lists, i);
        WSL_TRY(tm_op_list_kind(list) == TM_OP_STATE_UNION ? restore_union(list, o, err) : restore_list(list, o, err));
    }
    tm_op_lists_set_restored(lists);
    return WSL_OK;
}
