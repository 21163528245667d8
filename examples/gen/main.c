/*
 * wiesel-gen - seeded example data; see gen_options_help.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/strbuf.h"
#include "examples/gen/kind.h"
#include "examples/gen/run.h"

enum { EXIT_FAILED = 1, EXIT_USAGE = 2 };

typedef struct waiter {
    wsl_clock *clock;
    sigset_t stop;
} waiter;

/* Sleeps on the signals that end the run, which are blocked otherwise. */
static bool wait_until(void *arg, int64_t until_ns)
{
    waiter *w = arg;

    for (;;) {
        int64_t left = until_ns - wsl_now_ns(w->clock);
        left = left > 0 ? left : 0;
        const struct timespec timeout = {.tv_sec = left / WSL_NS_PER_S, .tv_nsec = left % WSL_NS_PER_S};
        if (sigtimedwait(&w->stop, NULL, &timeout) > 0) {
            return false;
        }
        if (errno == EAGAIN && left == 0) {
            return true;
        }
    }
}

static wsl_status write_stdout(void *arg, const char *data, size_t size, wsl_error *err)
{
    (void)arg;
    if (fwrite(data, 1, size, stdout) != size || fflush(stdout) != 0) {
        return wsl_fail(err, WSL_IO, "cannot write to the standard output: %s", strerror(errno));
    }
    return WSL_OK;
}

static void print_json(const gen_options *o, const gen_summary *s, FILE *to)
{
    wsl_strbuf text;

    wsl_strbuf_init(&text);
    wsl_strbuf_printf(&text, "{\"kind\":\"%s\",\"seed\":%llu,\"records\":%llu,\"files\":%llu,\"bytes\":%llu,\"out\":",
                      o->kind->name, (unsigned long long)o->seed, (unsigned long long)s->records,
                      (unsigned long long)s->files, (unsigned long long)s->bytes);
    wsl_strbuf_json(&text, o->out, strlen(o->out));
    wsl_strbuf_printf(&text,
                      ",\"first_ts\":%lld,\"last_ts\":%lld,\"backdated\":%llu,\"malformed\":%llu,\"stopped\":%s,"
                      "\"seconds\":%.3f}\n",
                      (long long)s->first_ts, (long long)s->last_ts, (unsigned long long)s->backdated,
                      (unsigned long long)s->malformed, s->stopped ? "true" : "false", (double)s->took_ns / 1e9);
    (void)fputs(text.data, to);
    wsl_strbuf_fini(&text);
}

static void print_summary(const gen_options *o, const gen_summary *s)
{
    const bool to_stdout = strcmp(o->out, "-") == 0;
    FILE *to = to_stdout ? stderr : stdout;

    if (o->json) {
        print_json(o, s, to);
        return;
    }
    (void)fprintf(to, "%llu %s in %llu file%s (%llu bytes) under %s, %.3f s\n", (unsigned long long)s->records,
                  o->kind->name, (unsigned long long)s->files, s->files == 1 ? "" : "s", (unsigned long long)s->bytes,
                  to_stdout ? "the standard output" : o->out, (double)s->took_ns / 1e9);
}

int main(int argc, char **argv)
{
    gen_options o;
    wsl_error err = {0};

    if (gen_options_parse(argc, argv, &o, &err) != WSL_OK) {
        (void)fprintf(stderr, "wiesel-gen: %s\n", err.text);
        return EXIT_USAGE;
    }
    if (o.help) {
        (void)fputs(gen_options_help(), stdout);
        return 0;
    }
    waiter w = {.clock = wsl_clock_real()};
    (void)sigemptyset(&w.stop);
    (void)sigaddset(&w.stop, SIGINT);
    (void)sigaddset(&w.stop, SIGTERM);
    if (o.live) {
        (void)sigprocmask(SIG_BLOCK, &w.stop, NULL);
    }
    const gen_seams seams = {
        .fs = wsl_fs_posix(), .clock = w.clock, .wait = wait_until, .write_stdout = write_stdout, .arg = &w};
    gen_summary summary;
    if (gen_run(&o, &seams, &summary, &err) != WSL_OK) {
        (void)fprintf(stderr, "wiesel-gen: %s\n", err.text);
        return EXIT_FAILED;
    }
    print_summary(&o, &summary);
    return 0;
}
