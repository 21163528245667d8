#include "taskmanager/window/evictor.h"

#include <math.h>

double tm_field_as_double(const wsl_schema *schema, uint32_t field, const wsl_row *row)
{
    switch (schema->fields[field].type.id) {
    case WSL_T_FLOAT:
        return (double)wsl_row_float(row, field);
    case WSL_T_DOUBLE:
        return wsl_row_double(row, field);
    default: /* whole numbers; their slots are sign-extended */
        return (double)wsl_row_int64(row, field);
    }
}

static void keep_last(int64_t count, uint32_t n, bool *out_evict)
{
    for (uint32_t i = 0; i < n; i++) {
        out_evict[i] = (int64_t)(n - i) > count;
    }
}

static void keep_young(int64_t duration_ms, const wsl_row *const *rows, uint32_t n, bool *out_evict)
{
    int64_t youngest = WSL_TIME_MIN;
    int64_t cutoff;
    if (n == 0 || !wsl_row_has_timestamp(rows[0])) {
        return; /* rows without timestamps have no age */
    }
    for (uint32_t i = 0; i < n; i++) {
        youngest = rows[i]->timestamp > youngest ? rows[i]->timestamp : youngest;
    }
    if (__builtin_sub_overflow(youngest, duration_ms, &cutoff)) {
        return; /* nothing is that old */
    }
    for (uint32_t i = 0; i < n; i++) {
        out_evict[i] = rows[i]->timestamp <= cutoff;
    }
}

static void keep_near(const tm_window_spec *spec, const wsl_schema *input, const wsl_row *const *rows, uint32_t n,
                      bool *out_evict)
{
    for (uint32_t i = 0; i < n; i++) {
        const double last = tm_field_as_double(input, spec->evictor_field, rows[n - 1]);
        out_evict[i] = fabs(tm_field_as_double(input, spec->evictor_field, rows[i]) - last) >= spec->evictor_threshold;
    }
}

void tm_evict(const tm_window_spec *spec, const wsl_schema *input, const wsl_row *const *rows, uint32_t n,
              bool *out_evict)
{
    switch (spec->evictor) {
    case WSL_EVICTOR_COUNT:
        keep_last(spec->evictor_count, n, out_evict);
        break;
    case WSL_EVICTOR_TIME:
        keep_young(spec->evictor_duration_ms, rows, n, out_evict);
        break;
    case WSL_EVICTOR_DELTA:
        keep_near(spec, input, rows, n, out_evict);
        break;
    case WSL_EVICTOR_NONE:
    case WSL_EVICTOR_CUSTOM:
        break;
    }
}
