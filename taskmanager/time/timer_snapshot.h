/*
 * timer_snapshot - timers into a snapshot and out of it.
 *
 * At the barrier the log's entries are copied as they are (40 bytes each, no sorting); what is left of them is sorted out key
 * group by key group while rows go on.
 *
 * Threads: one slot loop.
 */
#pragma once
#include "taskmanager/ckpt/restore.h"
#include "taskmanager/ckpt/snapshot.h"
#include "taskmanager/time/timer_service.h"

/* A section of event or processing timers. kc is the operator's. */
void tm_timers_snapshot(const tm_timers *t, const tm_key_ctx *kc, bool event_time, tm_snapshot *out, tm_op *op,
                        const char *name);
/* Sets the timers of the section; it makes other keys current. */
WSL_MUST_CHECK wsl_status tm_timers_restore(tm_timers *t, tm_key_ctx *kc, const tm_restore_piece *piece, wsl_error *err);
