/*
 * socket_source.c - reads lines from a TCP connection it opens; `nc -lk 9999` is a peer for trying things out.
 *
 * One connection, made by subtask 0; the others end at once. As with Flink's socketTextStream the source ends when the
 * peer closes the connection, unless max-retries allows another attempt. Bytes behind the last line end are a record,
 * too. Connecting again starts with a new stream: the format expects its header again, offsets in bad records start at
 * 0.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/sock.h"
#include "connector/connectors.h"
#include "format/format.h"
#include "format/records.h"

enum { HOST_SIZE_MAX = 255 };
static const int64_t NO_FD_PAUSE_NS = 10 * INT64_C(1000000); /* between looks at a socket that has no descriptor */

typedef struct socket_reader {
    wsl_sock *sock; /* NULL: not connected */
    char *where;    /* "host:port" */
    const char *host;
    uint16_t port;
    int64_t retries_left; /* -1: for ever */
    int64_t retry_ns;
    int64_t retry_at_ns; /* WSL_NEVER: no attempt is waiting */
    bool reading;        /* bytes came on this connection */
    bool watched;
    wsl_records records;
} socket_reader;

/* clang-format off */
static const wsl_option options[] = {
    {.name = "host", .type = WSL_OPT_STRING, .default_value = "127.0.0.1",
     .help = "Where to connect to, seen from the TaskManager that runs the source."},
    {.name = "port", .type = WSL_OPT_INT, .required = true, .min = "1", .max = "65535",
     .help = "Its port."},
    {.name = "max-retries", .type = WSL_OPT_INT, .default_value = "0", .min = "-1", .max = "1000000",
     .help = "Attempts to connect again after the peer closed, broke off or was not there; they start anew once data came. -1: for ever."},
    {.name = "retry-interval", .type = WSL_OPT_DURATION, .default_value = "500ms", .min = "1ms", .max = "1d",
     .help = "Pause before such an attempt."},
    {0},
};
/* clang-format on */

static wsl_status reader_open(void *self, wsl_source_ctx *ctx, wsl_error *err)
{
    (void)err;
    socket_reader *r = (socket_reader *)self;
    r->host = wsl_config_str(ctx->config, "host");
    r->port = (uint16_t)wsl_config_int(ctx->config, "port");
    r->where = wsl_asprintf("%s:%" PRIu16, r->host, r->port);
    r->retries_left = wsl_config_int(ctx->config, "max-retries");
    r->retry_ns = wsl_config_duration_ns(ctx->config, "retry-interval");
    r->retry_at_ns = WSL_NEVER;
    return WSL_OK;
}

/* ---- the connection ---- */

static void hang_up(socket_reader *r, wsl_source_ctx *ctx)
{
    if (r->watched) {
        ctx->ops->wake_on_fd(ctx, -1);
        r->watched = false;
    }
    wsl_sock_free(WSL_TAKE(r->sock));
}

static wsl_status connect(socket_reader *r, wsl_source_ctx *ctx, wsl_error *err)
{
    wsl_dialer *dialer = ctx->dialer != NULL ? ctx->dialer : wsl_dialer_posix();
    WSL_TRY(dialer->connect(dialer, r->host, r->port, &r->sock, err));
    r->reading = false;
    wsl_records_start(&r->records, ctx, r->where, 0, UINT64_MAX, false);
    return WSL_OK;
}

/* The connection is gone or never came to be (`s`, with err filled), or the peer closed it (WSL_END). Another attempt,
 * or what the source ends with. */
static wsl_status lost(socket_reader *r, wsl_source_ctx *ctx, wsl_status s, wsl_error *err)
{
    hang_up(r, ctx);
    if (r->reading) {
        r->retries_left = wsl_config_int(ctx->config, "max-retries");
    }
    if (r->retries_left != 0) {
        r->retries_left -= r->retries_left > 0;
        r->retry_at_ns = wsl_now_ns(ctx->clock) + r->retry_ns;
        ctx->ops->wake_at(ctx, r->retry_at_ns);
        return WSL_AGAIN;
    }
    if (s == WSL_UNREACHABLE) {
        return wsl_fail(err, s,
                        "socket source: nobody listens on %s; start what sends the lines (for a try: nc -lk %" PRIu16
                        "), or set max-retries",
                        r->where, r->port);
    }
    return s == WSL_END ? s : wsl_fail_prefix(err, s, "socket source: %s", r->where);
}

static wsl_status read_more(socket_reader *r, wsl_source_ctx *ctx, wsl_error *err)
{
    size_t room, got = 0;
    char *to = wsl_records_space(&r->records, ctx, &room);
    const wsl_status s = r->sock->read(r->sock, to, room, &got, err);
    if (s == WSL_OK) {
        wsl_records_filled(&r->records, got);
        r->reading = true;
    } else if (s == WSL_AGAIN) {
        const int fd = r->sock->fd(r->sock);
        if (fd < 0) {
            ctx->ops->wake_at(ctx, wsl_now_ns(ctx->clock) + NO_FD_PAUSE_NS);
        } else if (!r->watched) {
            ctx->ops->wake_on_fd(ctx, fd);
            r->watched = true;
        }
    } else if (s == WSL_END) {
        wsl_records_ended(&r->records);
        return WSL_OK;
    } else {
        return lost(r, ctx, s, err);
    }
    return s;
}

/* ---- the reader ---- */

static wsl_status poll(void *self, wsl_source_ctx *ctx, uint32_t max_rows, wsl_error *err)
{
    socket_reader *r = (socket_reader *)self;
    if (ctx->subtask != 0) {
        return WSL_END;
    }
    if (r->sock == NULL) {
        if (r->retry_at_ns != WSL_NEVER && wsl_now_ns(ctx->clock) < r->retry_at_ns) {
            ctx->ops->wake_at(ctx, r->retry_at_ns);
            return WSL_AGAIN;
        }
        r->retry_at_ns = WSL_NEVER;
        const wsl_status s = connect(r, ctx, err);
        if (s != WSL_OK) {
            return lost(r, ctx, s, err);
        }
    }
    const wsl_status s = wsl_records_run(&r->records, ctx, max_rows, err);
    if (s == WSL_AGAIN) {
        return read_more(r, ctx, err);
    }
    return s == WSL_END ? lost(r, ctx, WSL_END, err) : s;
}

static void reader_close(void *self, wsl_source_ctx *ctx)
{
    socket_reader *r = (socket_reader *)self;
    hang_up(r, ctx);
    free(r->where);
    wsl_records_fini(&r->records);
}

static wsl_status validate(struct wsl_fs *fs, const wsl_config *config, const wsl_schema *schema, wsl_error *err)
{
    (void)fs;
    const char *host = wsl_config_str(config, "host");
    if (host == NULL || host[0] == '\0' || strlen(host) > HOST_SIZE_MAX) {
        return wsl_fail(err, WSL_INVALID, "option host is empty or longer than %d bytes", HOST_SIZE_MAX);
    }
    return wsl_format_check(wsl_config_str(config, "format"), schema, config, err);
}

static const wsl_reader_class reader = {
    .size = sizeof(socket_reader),
    .open = reader_open,
    .poll = poll,
    .close = reader_close,
};

const wsl_source_class wsl_socket_source = {
    .name = "socket",
    .single = true,
    .help = "Reads lines from a TCP connection.",
    .options = options,
    .has_format = true,
    .reader = &reader,
    .validate = validate,
};
