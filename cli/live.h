/*
 * live - how a running job looks in one line.
 *
 *     RUNNING  in 12.3k/s  out 4.1k/s  lag 1.2 s  busiest counts 34 %  0:00:12
 *
 * Threads: any.
 */
#pragma once
#include <stdint.h>

#include "base/strbuf.h"
#include "cli/job_watch.h"

/* Appends the line, cut to `columns` characters (0: not cut), without a line break. */
void cli_live_line(const cli_job_status *status, uint32_t columns, wsl_strbuf *out);
/* "950", "12.3k", "4.56M" */
void cli_put_count(double value, wsl_strbuf *out);
/* "350 ms", "1.2 s", "2 min 5 s" */
void cli_put_duration(int64_t ms, wsl_strbuf *out);
