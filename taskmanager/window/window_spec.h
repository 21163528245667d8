/*
 * window_spec - what a window operator is to do: its options read and checked, its functions found.
 *
 * Count windows are gone here: they are global windows with a count trigger (purging, or with a count evictor). A default
 * trigger has become the assigner's own.
 *
 * Threads: one slot loop. Embedded in its owner.
 */
#pragma once
#include <wiesel/window.h>

#include "graph/window_options.h"
#include "taskmanager/ops/operator.h"

typedef enum tm_window_trigger {
    TM_TRIGGER_NEVER,
    TM_TRIGGER_EVENT_TIME,
    TM_TRIGGER_PROCESSING_TIME,
    TM_TRIGGER_CONTINUOUS_EVENT_TIME,
    TM_TRIGGER_CONTINUOUS_PROCESSING_TIME,
    TM_TRIGGER_COUNT,
    TM_TRIGGER_DELTA,
    TM_TRIGGER_CUSTOM,
} tm_window_trigger;

typedef struct tm_window_spec {
    wsl_config *config;        /* owns the texts */
    wsl_assigner_kind assigner; /* never WSL_WINDOWS_COUNT */
    bool event_time;           /* of the assigner: rows are placed by their timestamps; late rows exist */
    int64_t size_ms;           /* session: the gap, unless fn.gap is set */
    int64_t slide_ms;          /* tumbling: the size */
    int64_t offset_ms;
    int64_t lateness_ms;       /* 0 without event_time */
    tm_window_trigger trigger;
    int64_t trigger_interval_ms;
    int64_t trigger_count;
    uint32_t trigger_field;    /* of the input */
    double trigger_threshold;
    bool purging;
    wsl_evictor_kind evictor;
    int64_t evictor_count;
    int64_t evictor_duration_ms;
    uint32_t evictor_field;
    double evictor_threshold;
    bool evict_after;
    bool keeps_rows;           /* contents are rows, not one folded value */
    bool all;                  /* one key: windows over the whole stream */
    uint32_t late_side[2];     /* by input: side output of late rows, or UINT32_MAX: they are dropped */
    const char *select;        /* aggregate list in place of functions; NULL: none */
    wsl_window_functions fn;
} tm_window_spec;

/* Reads the options of `op` (kind "window" or "window_all"). */
WSL_MUST_CHECK wsl_status tm_window_spec_init(tm_window_spec *spec, tm_op *op, wsl_error *err);
void tm_window_spec_fini(tm_window_spec *spec);

/* Windows that begin and end together for all keys, fire at their end and at late rows only, and fold each row as it
 * comes: what the slice operator runs. */
bool tm_window_spec_is_sliced(const tm_window_spec *spec);
