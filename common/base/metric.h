/*
 * metric - what is measured: tables of definitions with Flink's names, and rates from cumulative counts.
 *
 * A table row says what a number means; the numbers live where they are counted. REST, the page, Prometheus and the
 * documentation read the tables, so that names and units cannot drift.
 *
 *     wsl_task_metrics[WSL_TASK_NUM_RECORDS_IN].name  ->  "numRecordsIn"
 *
 * Threads: any, constants; a wsl_rate belongs to one.
 */
#pragma once
#include <stdint.h>

#include "base/strbuf.h"

typedef enum wsl_metric_kind {
    WSL_METRIC_COUNTER, /* only grows, from 0 at the start of its owner */
    WSL_METRIC_GAUGE,   /* goes up and down */
    WSL_METRIC_RATE,    /* of a counter, per second */
} wsl_metric_kind;

typedef enum wsl_metric_scope {
    WSL_SCOPE_TASK,        /* one subtask */
    WSL_SCOPE_TASKMANAGER, /* one worker process */
    WSL_SCOPE_JOBMANAGER,  /* the coordinator's process and the cluster */
    WSL_SCOPE_JOB,
} wsl_metric_scope;

typedef struct wsl_metric {
    const char *name; /* Flink's, in REST's spelling: "Status.JVM.CPU.Load" */
    const char *also; /* Flink's older spelling, which boards still use; NULL: none */
    wsl_metric_kind kind;
    wsl_metric_scope scope;
    const char *unit; /* "records", "bytes", "ms", "ns", "1/s", "ms/s", "" for plain numbers */
    const char *help;
} wsl_metric;

/* clang-format off */
/*    id                                name                                     also                         kind     unit         help */
#define WSL_TASK_METRIC_LIST(X)                                                                                        \
    X(NUM_RECORDS_IN,                   "numRecordsIn",                          NULL,                        COUNTER, "records",   "Records that came into the task since its attempt began.") \
    X(NUM_RECORDS_OUT,                  "numRecordsOut",                         NULL,                        COUNTER, "records",   "Records that left the task.") \
    X(NUM_RECORDS_IN_PER_SECOND,        "numRecordsInPerSecond",                 NULL,                        RATE,    "1/s",       "Records that came in per second, over the last samples.") \
    X(NUM_RECORDS_OUT_PER_SECOND,       "numRecordsOutPerSecond",                NULL,                        RATE,    "1/s",       "Records that left per second, over the last samples.") \
    X(NUM_BYTES_IN,                     "numBytesIn",                            NULL,                        COUNTER, "bytes",     "Bytes of the buffers that came in.") \
    X(NUM_BYTES_OUT,                    "numBytesOut",                           NULL,                        COUNTER, "bytes",     "Bytes of the buffers that left.") \
    X(NUM_BYTES_IN_PER_SECOND,          "numBytesInPerSecond",                   NULL,                        RATE,    "1/s",       "Bytes that came in per second.") \
    X(NUM_BYTES_OUT_PER_SECOND,         "numBytesOutPerSecond",                  NULL,                        RATE,    "1/s",       "Bytes that left per second.") \
    X(NUM_BUFFERS_IN,                   "numBuffersIn",                          NULL,                        COUNTER, "buffers",   "Buffers that came in.") \
    X(NUM_BUFFERS_OUT,                  "numBuffersOut",                         NULL,                        COUNTER, "buffers",   "Buffers that left.") \
    X(NUM_RECORDS_IN_ERRORS,            "numRecordsInErrors",                    NULL,                        COUNTER, "records",   "Records that could not be decoded.") \
    X(CURRENT_INPUT_WATERMARK,          "currentInputWatermark",                 NULL,                        GAUGE,   "ms",        "Event time the input has reached; -9223372036854775808 before the first watermark.") \
    X(CURRENT_OUTPUT_WATERMARK,         "currentOutputWatermark",                NULL,                        GAUGE,   "ms",        "Event time that was passed on.") \
    X(BUSY_TIME_MS_PER_SECOND,          "busyTimeMsPerSecond",                   NULL,                        GAUGE,   "ms/s",      "Share of time spent working; busy, backpressured and idle add up to 1000.") \
    X(BACK_PRESSURED_TIME_MS_PER_SECOND,"backPressuredTimeMsPerSecond",          NULL,                        GAUGE,   "ms/s",      "Share of time in which work waited for room downstream.") \
    X(IDLE_TIME_MS_PER_SECOND,          "idleTimeMsPerSecond",                   NULL,                        GAUGE,   "ms/s",      "Share of time without anything to do.") \
    X(ACCUMULATE_BUSY_TIME_MS,          "accumulateBusyTimeMs",                  NULL,                        COUNTER, "ms",        "Time spent working since the attempt began.") \
    X(ACCUMULATE_BACK_PRESSURED_TIME_MS,"accumulateBackPressuredTimeMs",         NULL,                        COUNTER, "ms",        "Time spent waiting for room downstream.") \
    X(ACCUMULATE_IDLE_TIME_MS,          "accumulateIdleTimeMs",                  NULL,                        COUNTER, "ms",        "Time without anything to do.") \
    X(IS_BACK_PRESSURED,                "isBackPressured",                       NULL,                        GAUGE,   "",          "1 while the task waits for room downstream.") \
    X(INPUT_QUEUE_LENGTH,               "Shuffle.Netty.Input.Buffers.inputQueueLength",   "buffers.inputQueueLength",  GAUGE, "buffers", "Buffers that wait at the input.") \
    X(OUTPUT_QUEUE_LENGTH,              "Shuffle.Netty.Output.Buffers.outputQueueLength", "buffers.outputQueueLength", GAUGE, "buffers", "Buffers that wait for credit.") \
    X(INPUT_CREDITS,                    "inputCredits",                          NULL,                        GAUGE,   "buffers",   "Room promised to the producers and not used yet.") \
    X(OUTPUT_CREDITS,                   "outputCredits",                         NULL,                        GAUGE,   "buffers",   "Room promised by the consumers and not used yet.")

/* Of each process, JobManager and TaskManagers. */
#define WSL_PROCESS_METRIC_LIST(X)                                                                                     \
    X(CPU_LOAD,                         "Status.JVM.CPU.Load",                   NULL,                        GAUGE,   "",          "Share of all cores in use by the process, 0 to 1.") \
    X(CPU_TIME,                         "Status.JVM.CPU.Time",                   NULL,                        COUNTER, "ns",        "CPU time used, user and system, all threads.") \
    X(THREADS,                          "Status.JVM.Threads.Count",              NULL,                        GAUGE,   "threads",   "Threads of the process.") \
    X(OPEN_FILES,                       "Status.JVM.FileDescriptor.Open",        NULL,                        GAUGE,   "files",     "Open file descriptors.") \
    X(MAX_FILES,                        "Status.JVM.FileDescriptor.Max",         NULL,                        GAUGE,   "files",     "File descriptors the process may open.") \
    X(HEAP_USED,                        "Status.JVM.Memory.Heap.Used",           NULL,                        GAUGE,   "bytes",     "Resident memory of the process without network buffers.") \
    X(HEAP_COMMITTED,                   "Status.JVM.Memory.Heap.Committed",      NULL,                        GAUGE,   "bytes",     "As Used: there is no heap that is held back.") \
    X(HEAP_MAX,                         "Status.JVM.Memory.Heap.Max",            NULL,                        GAUGE,   "bytes",     "Memory of the machine.") \
    X(DIRECT_USED,                      "Status.JVM.Memory.Direct.MemoryUsed",   NULL,                        GAUGE,   "bytes",     "Network buffers in use.") \
    X(DIRECT_CAPACITY,                  "Status.JVM.Memory.Direct.TotalCapacity",NULL,                        GAUGE,   "bytes",     "Memory reserved for network buffers.")

#define WSL_TASKMANAGER_METRIC_LIST(X)                                                                                 \
    X(NETWORK_TOTAL,                    "Status.Shuffle.Netty.TotalMemory",      NULL,                        GAUGE,   "bytes",     "Memory for buffers between tasks.") \
    X(NETWORK_USED,                     "Status.Shuffle.Netty.UsedMemory",       NULL,                        GAUGE,   "bytes",     "What of it is in use.") \
    X(NETWORK_AVAILABLE,                "Status.Shuffle.Netty.AvailableMemory",  NULL,                        GAUGE,   "bytes",     "What of it is free.")

#define WSL_JOBMANAGER_METRIC_LIST(X)                                                                                  \
    X(NUM_TASKMANAGERS,                 "numRegisteredTaskManagers",             NULL,                        GAUGE,   "",          "TaskManagers that are registered.") \
    X(SLOTS_TOTAL,                      "taskSlotsTotal",                        NULL,                        GAUGE,   "slots",     "Slots of all TaskManagers.") \
    X(SLOTS_AVAILABLE,                  "taskSlotsAvailable",                    NULL,                        GAUGE,   "slots",     "Slots that are free.") \
    X(NUM_RUNNING_JOBS,                 "numRunningJobs",                        NULL,                        GAUGE,   "jobs",      "Jobs that have not ended.")

#define WSL_JOB_METRIC_LIST(X)                                                                                         \
    X(UPTIME,                           "uptime",                                NULL,                        GAUGE,   "ms",        "How long the job has been running without interruption.") \
    X(NUM_RESTARTS,                     "numRestarts",                           "fullRestarts",              GAUGE,   "",          "How often the job was started again.")
/* clang-format on */

#define WSL_METRIC_ENUM_(prefix, id) WSL_##prefix##_##id,
#define WSL_METRIC_TASK_ENUM_(id, ...) WSL_METRIC_ENUM_(TASK, id)
#define WSL_METRIC_PROCESS_ENUM_(id, ...) WSL_METRIC_ENUM_(PROCESS, id)
#define WSL_METRIC_TASKMANAGER_ENUM_(id, ...) WSL_METRIC_ENUM_(TASKMANAGER, id)
#define WSL_METRIC_JOBMANAGER_ENUM_(id, ...) WSL_METRIC_ENUM_(JOBMANAGER, id)
#define WSL_METRIC_JOB_ENUM_(id, ...) WSL_METRIC_ENUM_(JOB, id)

typedef enum wsl_task_metric { WSL_TASK_METRIC_LIST(WSL_METRIC_TASK_ENUM_) WSL_N_TASK_METRICS } wsl_task_metric;
typedef enum wsl_process_metric {
    WSL_PROCESS_METRIC_LIST(WSL_METRIC_PROCESS_ENUM_) WSL_N_PROCESS_METRICS
} wsl_process_metric;
typedef enum wsl_taskmanager_metric {
    WSL_TASKMANAGER_METRIC_LIST(WSL_METRIC_TASKMANAGER_ENUM_) WSL_N_TASKMANAGER_METRICS
} wsl_taskmanager_metric;
typedef enum wsl_jobmanager_metric {
    WSL_JOBMANAGER_METRIC_LIST(WSL_METRIC_JOBMANAGER_ENUM_) WSL_N_JOBMANAGER_METRICS
} wsl_jobmanager_metric;
typedef enum wsl_job_metric { WSL_JOB_METRIC_LIST(WSL_METRIC_JOB_ENUM_) WSL_N_JOB_METRICS } wsl_job_metric;

/* Indexed by the enums above. Process metrics have the scope TASKMANAGER here; the JobManager gives the same. */
extern const wsl_metric wsl_task_metrics[WSL_N_TASK_METRICS];
extern const wsl_metric wsl_process_metrics[WSL_N_PROCESS_METRICS];
extern const wsl_metric wsl_taskmanager_metrics[WSL_N_TASKMANAGER_METRICS];
extern const wsl_metric wsl_jobmanager_metrics[WSL_N_JOBMANAGER_METRICS];
extern const wsl_metric wsl_job_metrics[WSL_N_JOB_METRICS];

/* By either spelling; the index, or -1. */
int wsl_metric_find(const wsl_metric *table, uint32_t n, const char *name);
/* A Markdown table: Metric, Kind, Unit, Meaning. */
void wsl_metrics_markdown(const wsl_metric *table, uint32_t n, wsl_strbuf *out);

/* ---- rates ---- */

enum { WSL_RATE_SAMPLES = 16 };

/* A counter's growth per second over the last window, from samples with their times. Zeroed memory is an empty rate. */
typedef struct wsl_rate {
    struct {
        int64_t at_ns;
        uint64_t value;
    } samples[WSL_RATE_SAMPLES]; /* ring, oldest at first */
    uint32_t first, n;
} wsl_rate;

/* Samples older than window_ns are forgotten, but for one, so that a rate has two ends; of samples that come faster than a
 * thirteenth of the window only some are kept, and always the newest. A value below the last one (a new attempt counts from 0) begins again. Times do not run backwards;
 * one that does is taken as equal to the last. */
void wsl_rate_add(wsl_rate *rate, int64_t at_ns, uint64_t value, int64_t window_ns);
/* 0 with fewer than two samples. */
double wsl_rate_per_second(const wsl_rate *rate);
