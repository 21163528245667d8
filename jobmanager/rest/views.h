/*
 * views - the pieces of JSON that several answers share (IO, TASKS, TIMES, DIST... of Flink's REST).
 *
 * Threads: the JobManager's loop.
 */
#pragma once
#include "jobmanager/jm_core.h"
#include "jobmanager/rest/json.h"

/* Sums over subtasks, in the units of the answers (bytes, records, ms). */
typedef struct jm_io {
    int64_t read_bytes, write_bytes;
    int64_t read_records, write_records;
    int64_t backpressured_ms, idle_ms, busy_ms;
} jm_io;

enum { JM_IO_NUMBERS = 7 };

void jm_io_add(jm_io *io, const jm_subtask *t);
const char *jm_io_key(uint32_t number); /* "read-bytes"... */
int64_t jm_io_number(const jm_io *io, uint32_t number);
void jm_json_io(jm_json *j, const char *key, const jm_io *io);

typedef struct jm_dist {
    int64_t *values;
    uint32_t n;
} jm_dist;

/* {min, avg, max, sum, median, p25, p75, p95}; sorts the values. */
void jm_json_dist(jm_json *j, const char *key, jm_dist *dist);

/* Counts by state, upper or lower case. */
void jm_json_task_counts(jm_json *j, const char *key, const uint32_t counts[JM_TASK_STATE_COUNT], bool lower,
                         int64_t total);
void jm_json_job_times(jm_json *j, const char *key, const jm_job *job);

typedef struct jm_span {
    int64_t start_ms; /* -1: not begun */
    int64_t end_ms;   /* -1: goes on */
} jm_span;

/* start-time, end-time, duration. */
void jm_json_span(jm_json *j, jm_span span, int64_t now_ms);
jm_span jm_job_span(const jm_job *job);
jm_span jm_vertex_span(const jm_vertex *v);
jm_span jm_subtask_span(const jm_subtask *t);

/* "ok", "low", "high" */
const char *jm_backpressure_level(double ratio);
