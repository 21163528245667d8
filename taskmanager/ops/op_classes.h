/*
 * op_classes - the operators there are; tm_op_class_find looks them up by kind.
 */
#pragma once
#include "taskmanager/ops/operator.h"

extern const tm_op_class tm_op_process_class;
extern const tm_op_class tm_op_filter_class;
extern const tm_op_class tm_op_keyed_process_class;
extern const tm_op_class tm_op_reduce_class;
extern const tm_op_class tm_op_where_class;
extern const tm_op_class tm_op_select_class;
extern const tm_op_class tm_op_aggregate_class;
extern const tm_op_class tm_op_split_class;
extern const tm_op_class tm_op_watermarks_class;
extern const tm_op_class tm_op_async_class;
extern const tm_op_class tm_op_source_class;
extern const tm_op_class tm_op_sink_class;
extern const tm_op_class tm_op_window_class;
extern const tm_op_class tm_op_window_all_class;
extern const tm_op_class tm_op_co_process_class;
extern const tm_op_class tm_op_keyed_co_process_class;
extern const tm_op_class tm_op_broadcast_process_class;
extern const tm_op_class tm_op_keyed_broadcast_process_class;
extern const tm_op_class tm_op_interval_join_class;
extern const tm_op_class tm_op_window_join_class;
extern const tm_op_class tm_op_co_group_class;
