/*
 * job_watch - one job on a JobManager: submit it, see how it does, cancel it, wait for its end.
 *
 * Threads: one.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <wiesel/macros.h>
#include <wiesel/status.h>

#include "base/clock.h"
#include "base/id.h"
#include "cli/job_file.h"
#include "cli/rest_client.h"
#include "cli/sinks.h"

enum {
    CLI_STATE_TEXT_MAX = 32,
    CLI_JOB_NAME_MAX = 200,
    CLI_CANCEL_TIMEOUT_MS = 60000,
    CLI_POLL_FIRST_MS = 2,
    CLI_POLL_MAX_MS = 100,
    CLI_AWAY_MAX_MS = 60000, /* how long a JobManager that answered before may be away */
};

/* Nobody answers, or not in time: somebody may later. */
static inline bool cli_is_away(wsl_status status) { return status == WSL_UNREACHABLE || status == WSL_TIMEOUT; }

typedef struct cli_job_status {
    char state[CLI_STATE_TEXT_MAX];
    char waiting[CLI_JOB_NAME_MAX]; /* "needs 5 slots, 4 free"; "" */
    char busiest[CLI_JOB_NAME_MAX]; /* vertex with the highest share of busy time; "" */
    double busiest_ratio;           /* 0..1 */
    double records_in, records_out; /* per second: out of the sources, into the sinks */
    int64_t total_in, total_out;
    int64_t watermark_lag_ms; /* -1: there are no watermarks */
    int64_t duration_ms;
    bool ended;
    char failure[WSL_ERROR_TEXT_MAX]; /* the root cause, one sentence; "" */
} cli_job_status;

/* Ships the library, if there is one, then the graph. */
WSL_MUST_CHECK wsl_status cli_job_submit(cli *c, cli_job_file *job, char out_id[WSL_ID_TEXT_SIZE], wsl_error *err);

WSL_MUST_CHECK wsl_status cli_job_poll(cli_rest *rest, const char *id, cli_job_status *out_status, wsl_error *err);
/* attach.h's `collect`. Every row is checked before fn sees it. */
WSL_MUST_CHECK wsl_status cli_job_collect(cli_rest *rest, const char *id, cli_sink *sink,
                                          void (*fn)(void *fn_arg, const wsl_row *row), void *fn_arg, wsl_error *err);
WSL_MUST_CHECK wsl_status cli_job_cancel(cli_rest *rest, const char *id, wsl_error *err);

/* The time until the next look: short at first, so that short jobs are not held up, then longer. */
uint32_t cli_next_pause_ms(uint32_t pause_ms);

/* WSL_TIMEOUT if it takes longer. */
WSL_MUST_CHECK wsl_status cli_job_await_end(cli_rest *rest, wsl_clock *clock, const char *id, uint32_t timeout_ms,
                                            cli_job_status *out_status, wsl_error *err);
