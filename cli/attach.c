#include "cli/attach.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "cli/live.h"

enum { REDRAW_MS = 250, EARLY_LINES = 10, EARLY_LINE_MS = 1000, LATE_LINE_MS = 10000 };

typedef struct attached {
    cli *c;
    const cli_job_link *link;
    const char *id;
    cli_sinks *sinks;
    cli_sink *reading; /* the sink whose rows are being printed */
    wsl_strbuf text;
    bool terminal;
    int signal_fd;
    bool drawn; /* a live line stands on the terminal */
    int64_t away_ns; /* since when nobody answers; 0: somebody does */
    int64_t next_line_ns;
    uint32_t lines;
    cli_attach_result *result;
} attached;

static void interrupts(sigset_t *set)
{
    (void)sigemptyset(set);
    (void)sigaddset(set, SIGINT);
    (void)sigaddset(set, SIGTERM);
}

void cli_block_interrupts(void)
{
    sigset_t set;

    interrupts(&set);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
}

/* ---- showing ---- */

static void erase_line(attached *a)
{
    if (a->drawn) {
        (void)fputs("\r\033[K", a->c->err);
        (void)fflush(a->c->err);
        a->drawn = false;
    }
}

static uint32_t columns(const attached *a)
{
    struct winsize size = {0};

    return ioctl(fileno(a->c->err), TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col - 1u : 79;
}

static void show(attached *a)
{
    const int64_t now = wsl_now_ns(a->c->clock);
    wsl_strbuf line;

    if (now < a->next_line_ns || a->result->status.ended || a->c->args.json) {
        return;
    }
    const int64_t pause_ms = a->terminal ? REDRAW_MS : a->lines < EARLY_LINES ? EARLY_LINE_MS : LATE_LINE_MS;
    a->next_line_ns = now + pause_ms * WSL_NS_PER_MS;
    a->lines++;
    wsl_strbuf_init(&line);
    cli_live_line(&a->result->status, a->terminal ? columns(a) : 0, &line);
    (void)fprintf(a->c->err, a->terminal ? "\r\033[K%s" : "%s\n", line.data);
    (void)fflush(a->c->err);
    a->drawn = a->terminal;
    wsl_strbuf_fini(&line);
}

static void print_row(void *arg, const wsl_row *row)
{
    attached *a = arg;

    wsl_strbuf_clear(&a->text);
    cli_sinks_put_row(a->sinks, a->reading, row, &a->text);
    erase_line(a);
    (void)fwrite(a->text.data, 1, a->text.size, a->c->out);
    a->result->rows++;
}

/* ---- one round ---- */

/* All rows that are there; *out_any: there were some. A reader that went away ends us like Ctrl-C does. */
static wsl_status take_rows(attached *a, bool *out_any, wsl_error *err)
{
    const uint64_t before = a->result->rows;

    for (uint32_t i = 0; i < a->sinks->n; i++) {
        cli_sink *sink = &a->sinks->sinks[i];
        uint64_t from = sink->next;
        a->reading = sink;
        do {
            from = sink->next;
            if (!sink->ended) {
                WSL_TRY(a->link->collect(a->link->arg, sink, print_row, a, err));
            }
        } while (sink->next != from);
    }
    *out_any = a->result->rows != before;
    if (*out_any && fflush(a->c->out) != 0) {
        const int why = errno;
        wsl_error ignored = {0};
        (void)a->link->cancel(a->link->arg, &ignored);
        return wsl_fail(err, WSL_IO, "cannot write rows to the standard output (%s): the job is canceled",
                        strerror(why));
    }
    return WSL_OK;
}

static wsl_status interrupt(attached *a, wsl_error *err)
{
    erase_line(a);
    if (a->result->interrupted) {
        return wsl_fail(err, WSL_CANCELED, "not waiting for job %s, which is being canceled", a->id);
    }
    a->result->interrupted = true;
    (void)fprintf(a->c->err, "Cancelling job %s.\n", a->id);
    const wsl_status status = a->link->cancel(a->link->arg, err);
    return status == WSL_STATE ? WSL_OK : status; /* it ended by itself in this moment */
}

bool cli_wait_quietly(void *arg, int signal_fd, uint32_t pause_ms)
{
    struct pollfd p = {.fd = signal_fd, .events = POLLIN};

    (void)arg;
    return poll(&p, 1, (int)pause_ms) > 0;
}

static wsl_status wait_round(attached *a, uint32_t pause_ms, wsl_error *err)
{
    struct signalfd_siginfo info;

    if (a->link->wait(a->link->arg, a->signal_fd, pause_ms) &&
        read(a->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        return interrupt(a, err);
    }
    return WSL_OK;
}

static void say(attached *a, const char *text)
{
    erase_line(a);
    if (!a->c->args.json) {
        (void)fprintf(a->c->err, "%s\n", text);
        (void)fflush(a->c->err);
    }
}

/* why: what asking it ended with. WSL_OK: ask again. */
static wsl_status wait_for_jobmanager(attached *a, const wsl_error *why, wsl_error *err)
{
    const int64_t now = wsl_now_ns(a->c->clock);

    if (a->away_ns == 0) {
        a->away_ns = now;
        say(a, "The JobManager does not answer; reconnecting.");
    }
    if (now - a->away_ns > (int64_t)CLI_AWAY_MAX_MS * WSL_NS_PER_MS) {
        return wsl_fail(err, why->status, "%s; job %s may go on without this command", why->text, a->id);
    }
    return wait_round(a, CLI_POLL_MAX_MS, err);
}

/* One look at everything. */
static wsl_status look(attached *a, bool *out_any, wsl_error *err)
{
    const wsl_status status = a->link->poll(a->link->arg, &a->result->status, err);

    if (status == WSL_NOT_FOUND && a->away_ns != 0) {
        return wsl_fail(err, status, "the JobManager was started again and does not know job %s: it keeps no jobs "
                                     "(high-availability.type)", a->id);
    }
    WSL_TRY(status);
    WSL_TRY(take_rows(a, out_any, err));
    if (a->away_ns != 0) {
        a->away_ns = 0;
        say(a, "Reconnected.");
    }
    return WSL_OK;
}

static wsl_status stay(attached *a, wsl_error *err)
{
    uint32_t pause_ms = CLI_POLL_FIRST_MS;

    for (;;) {
        bool any = false;
        wsl_error why = {0};
        const wsl_status status = look(a, &any, &why);
        if (cli_is_away(status)) {
            WSL_TRY(wait_for_jobmanager(a, &why, err));
            continue;
        }
        if (status != WSL_OK) {
            *err = why;
            return status;
        }
        if (a->result->status.ended && (cli_sinks_ended(a->sinks) || !any)) {
            return WSL_OK;
        }
        show(a);
        pause_ms = any ? CLI_POLL_FIRST_MS : cli_next_pause_ms(pause_ms);
        WSL_TRY(wait_round(a, pause_ms, err));
    }
}

wsl_status cli_attach(cli *c, const cli_job_link *link, const char *id, cli_sinks *sinks, cli_attach_result *out_result,
                      wsl_error *err)
{
    sigset_t set;
    attached a = {.c = c, .link = link, .id = id, .sinks = sinks, .result = out_result};

    *out_result = (cli_attach_result){0};
    interrupts(&set);
    a.signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (a.signal_fd < 0) {
        return wsl_fail(err, WSL_IO, "signalfd: %s", strerror(errno));
    }
    a.terminal = isatty(fileno(c->err)) == 1;
    a.next_line_ns = wsl_now_ns(c->clock) + REDRAW_MS * WSL_NS_PER_MS;
    wsl_strbuf_init(&a.text);
    const wsl_status status = stay(&a, err);
    erase_line(&a);
    wsl_strbuf_fini(&a.text);
    (void)close(a.signal_fd);
    return status;
}
