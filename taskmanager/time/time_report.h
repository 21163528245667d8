/*
 * time_report - what the watermark strategies of a task say about themselves, for those who ask why time stands still.
 *
 *     slot loop: publish --> [ one report, or none ] --> take: control loop, which keeps the last it got
 *
 * A report is made whole and then only read. Publishing puts it into the box and frees one that nobody took, so neither
 * side waits for the other.
 *
 * Threads: publish on the slot's loop, fill on the control loop, fini when neither runs any more.
 */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "control.pb-c.h"
#include "taskmanager/ops/chain.h"

enum {
    TM_REPORTED_SPLITS_MAX = 16, /* of each strategy: those that are furthest behind */
    TM_REPORTED_NAME_MAX = 512,  /* bytes with the final 0: as long as names of splits get (WSL_SPLIT_NAME_MAX) */
};

typedef struct tm_split_report {
    char name[TM_REPORTED_NAME_MAX];
    int64_t watermark;
    int64_t since_ms;
    bool idle;
    bool paused;
} tm_split_report;

typedef struct tm_generator_report {
    uint32_t operator_id;
    int64_t watermark;
    int64_t since_ms;
    int64_t limit;
    bool idle;
    bool at_source;
    uint32_t reading;
    uint32_t n_splits;
    tm_split_report splits[TM_REPORTED_SPLITS_MAX];
} tm_generator_report;

typedef struct tm_time_report {
    uint32_t n;
    tm_generator_report generators[];
} tm_time_report;

typedef struct tm_time_box {
    tm_time_report *_Atomic box; /* published and not taken */
    tm_time_report *taken;       /* control loop */
} tm_time_box;

void tm_time_box_fini(tm_time_box *b);
/* now_ms: wall clock. */
void tm_time_box_publish(tm_time_box *b, tm_chain *chain, int64_t now_ms);
/* Sets the generators of the message; malloc'ed. */
void tm_time_box_fill(tm_time_box *b, Wsl__Pb__TaskMetrics *m);
