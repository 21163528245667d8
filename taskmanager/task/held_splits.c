/*
 * held_splits - see the header.
 */
#include "taskmanager/task/held_splits.h"

#include "base/alloc.h"

void tm_held_split_fini(tm_held_split *held)
{
    free((void *)(uintptr_t)held->split.name);
    free((void *)(uintptr_t)held->split.bytes);
    held->split = (wsl_split){0};
}

void tm_held_splits_fini(tm_held_splits *h)
{
    for (uint32_t i = 0; i < h->n; i++) {
        tm_held_split_fini(&h->items[i]);
    }
    wsl_vec_fini(h);
}

void tm_held_splits_add(tm_held_splits *h, uint64_t behind, uint32_t operator_id, const wsl_split *split, uint32_t number,
                        bool no_more)
{
    tm_held_split held = {
        .behind = behind, .operator_id = operator_id, .number = number, .is_split = split != NULL, .no_more = no_more};
    if (split != NULL) {
        held.split = (wsl_split){wsl_strdup(split->name), wsl_memdup(split->bytes, split->size), split->size};
    }
    wsl_vec_push(h, held);
}

bool tm_held_splits_take(tm_held_splits *h, uint64_t not_behind, tm_held_split *out)
{
    if (h->n == 0 || (not_behind != 0 && h->items[0].behind == not_behind)) {
        return false;
    }
    *out = h->items[0];
    wsl_vec_remove(h, 0);
    return true;
}
