/*
 * blackhole.c - a sink that forgets; what it was given is counted by the task (numRecordsIn).
 */
#include "connector/connectors.h"

static const wsl_option options[] = {{0}};

static wsl_status writer_write(void *self, wsl_sink_ctx *ctx, const wsl_row *const *rows, uint32_t n,
                               uint32_t *out_taken, wsl_error *err)
{
    (void)self;
    (void)ctx;
    (void)rows;
    (void)err;
    *out_taken = n;
    return WSL_OK;
}

static const wsl_writer_class writer = {.write = writer_write};

const wsl_sink_class wsl_blackhole_sink = {
    .name = "blackhole",
    .help = "Counts rows and forgets them.",
    .options = options,
    .writer = &writer,
};
