/*
 * harness_state - operator state that a test takes out of one harness and puts into others.
 *
 * Threads: one at a time.
 */
#pragma once
#include <wiesel/harness.h>

#include "taskmanager/ops/op_lists.h"

/* Copies of what is in the lists. */
wsl_harness_snapshot *tm_harness_snapshot_of(tm_op_lists *lists);
/* Before open: this subtask's part of options->restore. WSL_NOT_FOUND, WSL_TYPE: a snapshot has a state that the operator does
 * not have, or that is of another type or kind there. */
WSL_MUST_CHECK wsl_status tm_harness_restore(tm_op_lists *lists, const wsl_harness_options *options, wsl_error *err);
