#include "taskmanager/ops/op_classes.h"

#include <string.h>

static const tm_op_class *const classes[] = {
    &tm_op_async_class,
    &tm_op_process_class,    &tm_op_filter_class, &tm_op_keyed_process_class, &tm_op_reduce_class,
    &tm_op_where_class,      &tm_op_select_class, &tm_op_aggregate_class,     &tm_op_split_class,
    &tm_op_watermarks_class, &tm_op_source_class, &tm_op_sink_class,          &tm_op_window_class,
    &tm_op_window_all_class,
    &tm_op_co_process_class, &tm_op_keyed_co_process_class,
    &tm_op_broadcast_process_class, &tm_op_keyed_broadcast_process_class, &tm_op_interval_join_class,
    &tm_op_window_join_class, &tm_op_co_group_class,
};

const tm_op_class *tm_op_class_find(const char *kind)
{
    for (size_t i = 0; i < WSL_ARRAY_LEN(classes); i++) {
        if (strcmp(classes[i]->kind, kind) == 0) {
            return classes[i];
        }
    }
    return NULL;
}
