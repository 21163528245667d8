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

enum {
    CLI_STATE_TEXT_MAX = 32,
    CLI_JOB_NAME_MAX = 200,
    CLI_CANCEL_TIMEOUT_MS = 60000,
    CLI_POLL_FIRST_MS = 2,
    CLI_POLL_MAX_MS = 100,
};

typedef struct cli_job_status {
    char state[CLI_STATE_TEXT_MAX];
    char waiting[CLI_JOB_NAME_MAX]; /* "needs 5 slots, 4 free"; "" */
    char busiest[CLI_JOB_NAME_MAX]; /* vertex with the highest share of busy time; "" */
    double busiest_ms;              /* busy ms per second */
    double records_in, records_out; /* per second: out of the sources, into the sinks */
    int64_t total_in, total_out;
    int64_t watermark_lag_ms; /* -1: there are no watermarks */
    int64_t duration_ms;
    bool ended;
} cli_job_status;

/* Ships the library, if there is one, then the graph. */
WSL_MUST_CHECK wsl_status cli_job_submit(cli *c, cli_job_file *job, char out_id[WSL_ID_TEXT_SIZE], wsl_error *err);

WSL_MUST_CHECK wsl_status cli_job_poll(cli_rest *rest, const char *id, cli_job_status *out_status, wsl_error *err);
/* Rows of its collect sinks from number `from` on, as JSON; *out_next: where to go on; *out_end: no more will come. */
WSL_MUST_CHECK wsl_status cli_job_collect(cli_rest *rest, const char *id, uint64_t from,
                                          void (*print)(void *to, const char *json), void *to, uint64_t *out_next,
                                          bool *out_end, wsl_error *err);
WSL_MUST_CHECK wsl_status cli_job_cancel(cli_rest *rest, const char *id, wsl_error *err);

/* The time until the next look: short at first, so that short jobs are not held up, then longer. */
uint32_t cli_next_pause_ms(uint32_t pause_ms);

/* WSL_TIMEOUT if it takes longer. */
WSL_MUST_CHECK wsl_status cli_job_await_end(cli_rest *rest, wsl_clock *clock, const char *id, uint32_t timeout_ms,
                                            cli_job_status *out_status, wsl_error *err);

/* Why it failed, one sentence; malloc'ed, never NULL. */
char *cli_job_root_cause(cli_rest *rest, const char *id);
