/*
 * late_samples - the last late rows of one operator subtask, where other threads can read them.
 *
 * One writer, any number of readers, no lock: each sample lies in a slot with a sequence number that is odd while it is
 * written; a reader that met a change skips that sample.
 *
 * Threads: add on the slot's loop; total and read on any thread, as long as the operator lives.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <wiesel/macros.h>

enum { TM_LATE_SAMPLES = 100, TM_LATE_KEY_TEXT = 160 };

typedef struct tm_late_sample {
    uint64_t number;     /* 1, 2, ... in order of arrival, of this subtask */
    int64_t timestamp;   /* of the row, ms */
    int64_t watermark;   /* when it came, ms */
    int64_t lateness_ms; /* how long before the watermark its timestamp was */
    uint64_t split;      /* number of the split it was read from, of which the JobManager knows the name; 0: not known */
    char key[TM_LATE_KEY_TEXT]; /* "{symbol=ACME}", cut off if longer; "" for windows over all rows */
} tm_late_sample;

typedef struct tm_late_samples tm_late_samples;

void tm_late_samples_free(tm_late_samples *s);
WSL_NEW_BY(tm_late_samples_free) tm_late_samples *tm_late_samples_new(void);
WSL_DEFINE_AUTO(tm_late_samples)

/* sample->number is given here. */
void tm_late_samples_add(tm_late_samples *s, const tm_late_sample *sample);
/* Late rows so far, dropped or sent to a side output. */
uint64_t tm_late_samples_total(const tm_late_samples *s);
/* Copies the latest, newest first; returns how many (at most max and TM_LATE_SAMPLES). */
uint32_t tm_late_samples_read(const tm_late_samples *s, tm_late_sample *out, uint32_t max);
