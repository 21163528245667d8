/*
 * print.c - a sink that writes rows as lines to the TaskManager's standard output file.
 *
 * As in Flink, a line begins with "prefix:2> ", "2> " or "prefix> " (subtask from 1, when there are several). With
 * style = flink rows look like +I[ACME, 5, null] (+I, -U, +U, -D: the row's operation), else as option format says.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/strbuf.h"
#include "connector/connectors.h"
#include "connector/print/flink_style.h"
#include "format/format.h"

enum { BUFFER_SIZE = 32 << 10 };

typedef struct print_writer {
    wsl_strbuf lines;
    char *prefix; /* with "> ", or "" */
    bool flink;
} print_writer;

/* clang-format off */
static const wsl_option options[] = {
    {.name = "prefix", .type = WSL_OPT_STRING,
     .help = "Begins each line."},
    {.name = "style", .type = WSL_OPT_ENUM, .default_value = "format", .choices = "format|flink",
     .help = "format: rows as option format says. flink: as +I[ACME, 5, null]."},
    {0},
};
/* clang-format on */

static wsl_status writer_open(void *self, wsl_sink_ctx *ctx, wsl_error *err)
{
    (void)err;
    print_writer *w = (print_writer *)self;
    wsl_strbuf_init(&w->lines);
    const char *prefix = wsl_config_str(ctx->config, "prefix");
    if (prefix == NULL) {
        prefix = "";
    }
    if (ctx->parallelism > 1) {
        w->prefix = wsl_asprintf("%s%s%" PRIu32 "> ", prefix, *prefix != '\0' ? ":" : "", ctx->subtask + 1);
    } else {
        w->prefix = wsl_asprintf("%s%s", prefix, *prefix != '\0' ? "> " : "");
    }
    w->flink = strcmp(wsl_config_str(ctx->config, "style"), "flink") == 0;
    return WSL_OK;
}

static wsl_status write_out(print_writer *w, wsl_sink_ctx *ctx, wsl_error *err)
{
    const wsl_status s = w->lines.size > 0 ? ctx->write_stdout(ctx, w->lines.data, w->lines.size) : WSL_OK;
    wsl_strbuf_clear(&w->lines);
    if (s != WSL_OK) {
        return wsl_fail(err, s, "print sink: the TaskManager's standard output file cannot be written: %s",
                        wsl_status_text(s));
    }
    return WSL_OK;
}

static wsl_status writer_write(void *self, wsl_sink_ctx *ctx, const wsl_row *const *rows, uint32_t n,
                               uint32_t *out_taken, wsl_error *err)
{
    print_writer *w = (print_writer *)self;
    for (uint32_t i = 0; i < n; i++) {
        wsl_strbuf_puts(&w->lines, w->prefix);
        if (w->flink) {
            wsl_flink_style_row(rows[i], ctx->schema, &w->lines);
            wsl_strbuf_putc(&w->lines, '\n');
        } else {
            wsl_format_encode(ctx->format, rows[i], &w->lines);
        }
        if (w->lines.size >= BUFFER_SIZE) {
            WSL_TRY(write_out(w, ctx, err));
        }
    }
    *out_taken = n;
    return write_out(w, ctx, err);
}

static void writer_close(void *self, wsl_sink_ctx *ctx)
{
    (void)ctx;
    print_writer *w = (print_writer *)self;
    wsl_strbuf_fini(&w->lines);
    free(w->prefix);
}

static wsl_status validate(struct wsl_fs *fs, const wsl_config *config, const wsl_schema *schema, wsl_error *err)
{
    (void)fs;
    return wsl_format_check_writing(config, schema, err);
}

static const wsl_writer_class writer = {
    .size = sizeof(print_writer),
    .open = writer_open,
    .write = writer_write,
    .close = writer_close,
};

const wsl_sink_class wsl_print_sink = {
    .name = "print",
    .help = "Writes rows as lines to the TaskManager's standard output file.",
    .options = options,
    .has_format = true,
    .writer = &writer,
    .validate = validate,
};
