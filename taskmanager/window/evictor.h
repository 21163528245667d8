/*
 * evictor - which rows leave a window: pure functions over its rows in order of arrival.
 *
 * Threads: any.
 */
#pragma once
#include <wiesel/row.h>

#include "taskmanager/window/window_spec.h"

/* Sets out_evict[i] for rows that leave (false before); not for custom evictors. input: the rows' schema. */
void tm_evict(const tm_window_spec *spec, const wsl_schema *input, const wsl_row *const *rows, uint32_t n,
              bool *out_evict);

/* A numeric field as a number; NULL counts as 0. */
double tm_field_as_double(const wsl_schema *schema, uint32_t field, const wsl_row *row);
