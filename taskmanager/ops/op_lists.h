/*
 * op_lists - operator state of one operator, as its functions or its connector see it (<wiesel/state.h>).
 *
 *     .operator_states of the function, of further functions (windows), of the reader or writer
 *         `--> a list each (state/op_state.h) --> wsl_operator_states, the same for all contexts of the operator
 *
 * Made with the chain, before anything of the user's runs, so that what a checkpoint had can be put into the lists before open
 * (tm_op_lists_find, tm_op_list_add, tm_op_lists_set_restored). For a checkpoint a reader or writer is asked first, and
 * tm_op_lists_snapshot lets a function write down what it has elsewhere; then the lists are read.
 *
 * Threads: one slot loop; new may run elsewhere.
 */
#pragma once
#include <wiesel/state.h>

#include "taskmanager/ops/operator.h"
#include "taskmanager/state/op_state.h"

enum { TM_OP_LISTS_MAX = 64 };

typedef struct tm_op_lists tm_op_lists;

void tm_op_lists_free(tm_op_lists *lists);
/* Of what the operator's environment names. WSL_INVALID, WSL_EXISTS: a state is not whole, or there are two of a name. */
WSL_MUST_CHECK wsl_status tm_op_lists_new(tm_op *op, tm_op_lists **out_lists, wsl_error *err);
WSL_DEFINE_AUTO(tm_op_lists)

/* What users get; lives as long as the lists. */
wsl_operator_states *tm_op_lists_handle(tm_op_lists *lists);
/* The context of the operator's function, once it is open: misuse fails its call even if the function ignores that. */
struct tm_fn_ctx;
void tm_op_lists_attach(tm_op_lists *lists, struct tm_fn_ctx *f);

uint32_t tm_op_lists_count(const tm_op_lists *lists);
tm_op_list *tm_op_lists_at(tm_op_lists *lists, uint32_t i); /* in the order of declaration */
/* NULL: there is none of that name. */
tm_op_list *tm_op_lists_find(tm_op_lists *lists, const char *name);
/* The one that takes what was kept under that name: which has it, or had it. *out_desc: its declaration. NULL: there is none. */
tm_op_list *tm_op_lists_for(tm_op_lists *lists, const char *name, const wsl_operator_state **out_desc);
/* Before open: what is in the lists came out of a checkpoint. */
void tm_op_lists_set_restored(tm_op_lists *lists);

/* The function's .snapshot, if it has one; between batches. */
WSL_MUST_CHECK wsl_status tm_op_lists_snapshot(tm_op_lists *lists, uint64_t checkpoint_id);
