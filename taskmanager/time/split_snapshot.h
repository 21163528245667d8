/*
 * split_snapshot - what a watermark strategy remembers: how far its output was, and its generators, by the names of their splits.
 *
 *     each old subtask's --UNION section "generators"--> every new subtask, since any of them may read a split now
 *
 *     restored generators wait here --the reader says that it reads the split--> go on where they were
 *
 * At the same parallelism a subtask takes over what it had itself. At another one the watermark that was out is the smallest of
 * all, and the generators of all splits wait. One that nobody has asked for is in the next snapshot again, but not in the one after
 * that: its split is read by another subtask.
 *
 * Threads: one slot loop.
 */
#pragma once
#include "taskmanager/ckpt/restore.h"
#include "taskmanager/ckpt/snapshot.h"
#include "taskmanager/time/split_times.h"

typedef struct tm_split_past tm_split_past;

/* past: what is still waiting, or NULL. tick_in_ns: until the next tick; < 0: there is none. */
void tm_split_past_put(tm_snapshot *out, tm_op *op, const tm_split_times *times, const tm_split_past *past,
                       int64_t tick_in_ns);

void tm_split_past_free(tm_split_past *p);
WSL_MUST_CHECK wsl_status tm_split_past_read(tm_restore *in, const tm_op *op, tm_split_past **out_past);
int64_t tm_split_past_watermark(const tm_split_past *p); /* that was out; WSL_TIME_MIN: none */
int64_t tm_split_past_tick_in_ns(const tm_split_past *p); /* < 0: not known */
/* Puts what is known of its split into a generator that has just begun. Each is asked for once. */
void tm_split_past_take(tm_split_past *p, tm_split_time *s, size_t local_size);
/* How far those are that nobody has asked for yet: their rows are still to come, so they count like splits that are being read.
 * WSL_TIME_MAX: none counts. At another parallelism none does: who reads which split is not known. */
int64_t tm_split_past_min(const tm_split_past *p);
/* There is nothing left to read: none counts any more. */
void tm_split_past_release(tm_split_past *p);
/* The same for the one generator of a subtask that has no splits: at another parallelism it begins with the least advanced one. */
void tm_split_past_take_least(tm_split_past *p, tm_split_time *s, size_t local_size);
