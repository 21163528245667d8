/*
 * sessions - the open session windows of one key: they neither overlap nor touch.
 *
 *     |--a--|    |--b--|      |--c--|
 *          |--new--|                       a, b and new become one
 *
 * Each window has a number of its own (`serial`), which changes when the window does, and the slots in which its contents
 * and its trigger's state lie.
 *
 * Threads: one owner. Plain data.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/vec.h"

typedef struct tm_session {
    int64_t start, end;
    int64_t timer;         /* one it waits for, where the operator keeps one only */
    int64_t serial;
    uint32_t slot;         /* of its contents */
    uint32_t trigger_slot;
} tm_session;

typedef struct tm_sessions {
    WSL_VEC(tm_session) list; /* in no order */
} tm_sessions;

/* Moves those that overlap or touch [start, end) to the front; returns how many. */
uint32_t tm_sessions_touching(tm_sessions *s, int64_t start, int64_t end);
/* The smallest slot number that none of them uses. */
uint32_t tm_sessions_free_slot(const tm_sessions *s);
uint32_t tm_sessions_free_trigger_slot(const tm_sessions *s);
/* NULL: there is none of that number (any more). */
tm_session *tm_sessions_find(const tm_sessions *s, int64_t serial);
