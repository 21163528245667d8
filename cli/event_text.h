/*
 * event_text - event times for people.
 *
 * Threads: any.
 */
#pragma once
#include <jansson.h>

enum { CLI_TIME_TEXT = 32 };

/* "2026-11-21 09:01:00.000" in UTC of a JSON number of milliseconds; "-" for null, "the end" for the last of all times.
 * Numbers beyond the years 1 to 9999 as they are. */
const char *cli_event_time_text(const json_t *ms, char out[CLI_TIME_TEXT]);
