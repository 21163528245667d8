/*
 * collect.c - a sink that sends its rows to the client of the job. A client that does not keep up stops the pipeline:
 * the rows stay where they are and are offered again.
 */
#include "connector/connectors.h"

static const wsl_option options[] = {{0}};

static wsl_status writer_write(void *self, wsl_sink_ctx *ctx, const wsl_row *const *rows, uint32_t n,
                               uint32_t *out_taken, wsl_error *err)
{
    (void)self;
    const wsl_status s = ctx->send_to_client(ctx, rows, n);
    *out_taken = s == WSL_OK ? n : 0;
    if (s != WSL_OK && s != WSL_AGAIN) {
        return wsl_fail(err, s, "collect sink: rows could not be sent to the client: %s", wsl_status_text(s));
    }
    return s;
}

static const wsl_writer_class writer = {.write = writer_write};

const wsl_sink_class wsl_collect_sink = {
    .name = "collect",
    .help = "Sends rows to the client that submitted the job.",
    .options = options,
    .writer = &writer,
};
