/*
 * log_sink - where finished log lines go. The sinks themselves are made by the functions in log.h; this is what log.c
 * and they share.
 *
 * Threads: any; a sink has a lock, so its lines never mix.
 */
#pragma once
#include <stddef.h>

#include "base/log.h"

/* Writes one line (without its line break). Never fails: a line that cannot be written is counted, and the count is
 * written as soon as the sink takes lines again. */
void wsl_log_sink_write(wsl_log_sink *sink, const char *line, size_t size);
