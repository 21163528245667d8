/*
 * state_report - how much state an operator keeps, as metrics of its own:
 *
 *     stateKeys            keys that have anything; of windows: in each window or slice, and sum of slices, one
 *     stateBytes           memory held for that, operator state included
 *     state.<name>.keys    keys that have something in that state
 *     state.<name>.elements    of an operator list
 *
 * They travel like user metrics (task/task_counts): by vertex and subtask in REST.
 *
 * Threads: one slot loop.
 */
#pragma once
#include "taskmanager/ops/operator.h"
#include "taskmanager/state/backend.h"

/* From now on the operator's numbers are those of this state, too. Names are copied. */
void tm_state_report_add(tm_op *op, tm_state *state, const tm_state_spec *specs, uint32_t n);
/* Before its states are freed. */
void tm_state_report_fini(tm_op *op);
/* Brings the operator's metrics up to date. */
void tm_state_report_update(tm_op *op);
