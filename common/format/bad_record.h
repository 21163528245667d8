/*
 * bad_record - what is done with a record that could not be decoded: fail the job, skip it, or send it to a side
 * output. The source operator (not the connector) decides by these.
 *
 * Threads: any; no state.
 */
#pragma once
#include <wiesel/bad_record.h>
#include <wiesel/config.h>
#include <wiesel/row.h>
#include <wiesel/status.h>

typedef enum wsl_on_error {
    WSL_ON_ERROR_FAIL,        /* the default */
    WSL_ON_ERROR_SKIP,        /* counted as numRecordsInErrors */
    WSL_ON_ERROR_SIDE_OUTPUT, /* a wsl_bad_record row to side output WSL_BAD_RECORDS; counted, too */
} wsl_on_error;

/* Of a config with the option (wsl_source_options, graph/operator_options.h). */
wsl_on_error wsl_on_error_of(const wsl_config *config);

/* The sentence for on-error = fail: reason, file, offset and how the record begins (control characters escaped). */
wsl_status wsl_bad_record_fail(wsl_error *err, const char *reason, const char *where, uint64_t offset, wsl_str raw);

/* Memory that suffices for wsl_bad_record_build. */
uint32_t wsl_bad_record_room(const char *reason, const char *where, wsl_str raw);
/* Builds the row (wsl_bad_record_schema) in `memory` (8-byte aligned); raw is cut and made valid UTF-8. NULL if it does
 * not fit, which it does with `capacity` >= wsl_bad_record_room. */
wsl_row *wsl_bad_record_build(void *memory, uint32_t capacity, const char *reason, const char *where, uint64_t offset,
                              wsl_str raw);
