/*
 * op_state - lists of an operator subtask that belong to no key and are dealt out anew when the parallelism changes (ckpt/parts.h):
 *
 *     old subtasks    [a b c]  [d e]
 *     SPLIT, 3 new    [a b] [c d] [e]
 *     UNION, 3 new    [a b c d e] three times, at the same parallelism, too
 *
 * Threads: one slot loop.
 */
#pragma once
#include <wiesel/row.h>
#include <wiesel/status.h>
#include <wiesel/type.h>

typedef enum tm_op_state_kind { TM_OP_STATE_SPLIT = 1, TM_OP_STATE_UNION = 2 } tm_op_state_kind;

typedef struct tm_op_list tm_op_list;

void tm_op_list_free(tm_op_list *l);
/* Name and schema outlive it. */
tm_op_list *tm_op_list_new(const char *name, const wsl_schema *schema, tm_op_state_kind kind);
WSL_DEFINE_AUTO(tm_op_list)

/* A copy, without what belongs to a stream. WSL_TYPE: not a row of the schema; *err says why. */
WSL_MUST_CHECK wsl_status tm_op_list_add(tm_op_list *l, const wsl_row *row, wsl_error *err);
/* Copies of these instead of all there are; rows of the list itself may be among them. WSL_TYPE: nothing has changed. */
WSL_MUST_CHECK wsl_status tm_op_list_set(tm_op_list *l, const wsl_row *const *rows, uint32_t n, wsl_error *err);
void tm_op_list_clear(tm_op_list *l);
uint32_t tm_op_list_size(const tm_op_list *l);
uint64_t tm_op_list_bytes(const tm_op_list *l); /* of its rows */
const char *tm_op_list_name(const tm_op_list *l);
const wsl_schema *tm_op_list_schema(const tm_op_list *l);
tm_op_state_kind tm_op_list_kind(const tm_op_list *l);

/* In the order in which they were added. Zeroed begins; NULL: no more. The list must not change meanwhile. */
typedef struct tm_op_list_walk {
    void *chunk;
    uint32_t offset;
    uint32_t begun;
} tm_op_list_walk;
const wsl_row *tm_op_list_next(const tm_op_list *l, tm_op_list_walk *walk);
