/*
 * paced - rows that come as slowly as a test wants, until it lets them go.
 *
 *     --pause-us N     between two rows of a subtask; 0, the default: none
 *     --go FILE        once this file is there, no pause at all: the rest comes as fast as it can
 *     --fast-until V   rows whose pacing field (an INT64 or TIMESTAMP) is below V are not paced
 *     --slow-from V    those at which it is V or more come much slower, so that a job whose input must not end before the test lets it
 *                      go never gets there
 *
 * So a job with bounded input lasts as long as a test needs, and ends soon after.
 *
 * Threads: the slot's; it sleeps there, as slow user code would.
 */
#pragma once
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <wiesel/wiesel.h>

enum { PACE_SLOW_US = 20000, PACE_PATH_SIZE = 512 };

typedef struct pace {
    char go[PACE_PATH_SIZE];
    int64_t pause_us, fast_until, slow_from;
    uint32_t field;
} pace;

typedef struct pace_local {
    bool gone;
} pace_local;

static wsl_status pause_a_little(wsl_ctx *ctx, const wsl_row *row)
{
    const pace *p = ctx->config;
    pace_local *local = ctx->local;

    const int64_t at = wsl_row_int64(row, p->field);

    if (at >= p->fast_until && !local->gone) {
        local->gone = p->pause_us == 0 || (p->go[0] != '\0' && access(p->go, F_OK) == 0);
        usleep(local->gone ? 0 : (useconds_t)(at >= p->slow_from ? PACE_SLOW_US : p->pause_us));
    }
    return wsl_emit(ctx, row);
}
WSL_PROCESS(paced_rows, .local_size = sizeof(pace_local), .process = pause_a_little);

/* The same rows, paced; `field` is the pacing field. */
static inline wsl_stream *paced(wsl_stream *rows, const wsl_args *args, const char *field)
{
    const wsl_schema *schema = wsl_stream_schema(rows);
    pace p = {.pause_us = wsl_arg_int(args, "pause-us", 0),
              .fast_until = wsl_arg_int(args, "fast-until", INT64_MIN),
              .slow_from = wsl_arg_int(args, "slow-from", INT64_MAX)};

    for (uint32_t i = 0; i < schema->n_fields; i++) {
        p.field = strcmp(schema->fields[i].name, field) == 0 ? i : p.field;
    }
    (void)snprintf(p.go, sizeof p.go, "%s", wsl_arg(args, "go", ""));
    return wsl_set_config(wsl_process(rows, "paced", &paced_rows), &p, sizeof p);
}
