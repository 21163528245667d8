/* Staying with a job, over a link that plays a script. */
#include "harness/wsl_test.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/attach.h"
#include "graph/graph_json.h"

enum { LOOKS_MAX = 8 };

typedef struct script {
    const char *states[LOOKS_MAX]; /* what each look sees; the last one stays */
    uint32_t looks;
    uint32_t rows;         /* there are so many, one more with each look */
    uint32_t interrupt_at; /* look at which Ctrl-C is pressed; 0: never */
    uint32_t cancels;
    wsl_status cancel_status;
    uint32_t away_from, away_to; /* looks that nobody answers */
    wsl_status away_status;
    uint64_t memory[16];
} script;

static wsl_status play_poll(void *arg, cli_job_status *out, wsl_error *err)
{
    script *s = arg;

    const char *state = s->states[0];
    for (uint32_t i = 0; i <= s->looks && i < LOOKS_MAX && s->states[i] != NULL; i++) {
        state = s->states[i];
    }
    s->looks++;
    if (s->looks >= s->away_from && s->looks < s->away_to) {
        return wsl_fail(err, WSL_UNREACHABLE, "nobody answers");
    }
    if (s->away_status != WSL_OK && s->looks >= s->away_to) {
        return wsl_fail(err, s->away_status, "no");
    }
    *out = (cli_job_status){.watermark_lag_ms = -1, .duration_ms = 7};
    (void)snprintf(out->state, sizeof out->state, "%s", s->cancels > 0 ? "CANCELED" : state);
    out->ended = strcmp(out->state, "RUNNING") != 0;
    return WSL_OK;
}

static wsl_status play_collect(void *arg, cli_sink *sink, void (*fn)(void *fn_arg, const wsl_row *row), void *fn_arg,
                               wsl_error *err)
{
    script *s = arg;

    (void)err;
    if (sink->next < s->rows && sink->next < s->looks) {
        wsl_row_writer w;
        cr_assert(wsl_row_writer_init(&w, s->memory, sizeof s->memory, 1));
        wsl_row_set_int64(&w, 0, (int64_t)sink->next * 10);
        fn(fn_arg, w.row);
        sink->next++;
    }
    sink->ended = sink->next == s->rows;
    return WSL_OK;
}

static wsl_status play_cancel(void *arg, wsl_error *err)
{
    script *s = arg;

    s->cancels++;
    return s->cancel_status == WSL_OK ? WSL_OK : wsl_fail(err, s->cancel_status, "no");
}

static bool play_wait(void *arg, int signal_fd, uint32_t pause_ms)
{
    script *s = arg;

    (void)pause_ms;
    if (s->interrupt_at != 0 && s->looks == s->interrupt_at) {
        (void)raise(SIGINT);
    }
    return cli_wait_quietly(NULL, signal_fd, 0);
}

static const char collecting[] =
    "{\"name\":\"c\",\"operators\":[{\"name\":\"in\",\"source\":\"socket\",\"schema\":{\"v\":\"BIGINT\"},\"options\":"
    "{\"host\":\"127.0.0.1\",\"port\":1,\"format\":\"json\"}},{\"name\":\"out\",\"sink\":\"collect\"}]}";

static cli_sinks sinks_of(const char *json)
{
    WSL_AUTO(wsl_job_graph) graph = NULL;
    cli_sinks sinks;
    wsl_error err = {0};

    cr_assert_eq(wsl_job_graph_from_json(json, strlen(json), &graph, &err), WSL_OK, "%s", err.text);
    cr_assert_eq(cli_sinks_init(&sinks, graph, 1, &err), WSL_OK, "%s", err.text);
    return sinks;
}

typedef struct seen {
    char *out, *err;
    cli_attach_result result;
    wsl_status status;
    wsl_error error;
} seen;

static seen attach(script *s, cli_sinks *sinks, bool out_closed)
{
    seen r = {0};
    size_t out_size = 0, err_size = 0;
    FILE *full = out_closed ? fopen("/dev/full", "w") : NULL;
    FILE *out = open_memstream(&r.out, &out_size), *err = open_memstream(&r.err, &err_size);
    cli c = {.fs = wsl_fs_posix(), .clock = wsl_clock_real(), .out = full != NULL ? full : out, .err = err};
    const cli_job_link link = {s, play_poll, play_collect, play_cancel, play_wait};

    cli_block_interrupts();
    r.status = cli_attach(&c, &link, "abc", sinks, &r.result, &r.error);
    (void)fclose(out);
    (void)fclose(err);
    if (full != NULL) {
        (void)fclose(full);
    }
    return r;
}

static void drop(seen *r)
{
    free(r->out);
    free(r->err);
}

Test(attach, ends_with_the_job)
{
    script s = {.states = {"RUNNING", "RUNNING", "FINISHED"}};
    cli_sinks none = {0};
    seen r = attach(&s, &none, false);

    cr_assert_eq(r.status, WSL_OK);
    cr_assert_str_eq(r.result.status.state, "FINISHED");
    cr_assert_eq(s.looks, 3);
    cr_assert_not(r.result.interrupted);
    drop(&r);
}

Test(attach, prints_all_rows_also_those_that_come_with_the_end)
{
    script s = {.states = {"RUNNING", "FINISHED"}, .rows = 4};
    cli_sinks sinks = sinks_of(collecting);
    seen r = attach(&s, &sinks, false);

    cr_assert_eq(r.status, WSL_OK);
    cr_assert_str_eq(r.out, "{\"v\":0}\n{\"v\":10}\n{\"v\":20}\n{\"v\":30}\n");
    cr_assert_eq(r.result.rows, 4);
    cli_sinks_fini(&sinks);
    drop(&r);
}

Test(attach, ctrl_c_cancels_once_and_waits_for_the_end)
{
    script s = {.states = {"RUNNING"}, .interrupt_at = 2};
    cli_sinks none = {0};
    seen r = attach(&s, &none, false);

    cr_assert_eq(r.status, WSL_OK);
    cr_assert(r.result.interrupted);
    cr_assert_eq(s.cancels, 1);
    cr_assert_str_eq(r.result.status.state, "CANCELED");
    cr_assert_str_eq(r.err, "Cancelling job abc.\n");
    drop(&r);
}

Test(attach, a_cancel_that_comes_too_late_is_no_error)
{
    script s = {.states = {"RUNNING"}, .interrupt_at = 2, .cancel_status = WSL_STATE};
    cli_sinks none = {0};
    seen r = attach(&s, &none, false);

    cr_assert_eq(r.status, WSL_OK);
    cr_assert(r.result.interrupted);
    drop(&r);
}

Test(attach, a_reader_that_is_gone_cancels_the_job)
{
    script s = {.states = {"RUNNING"}, .rows = 100};
    cli_sinks sinks = sinks_of(collecting);
    seen r = attach(&s, &sinks, true);

    cr_assert_eq(r.status, WSL_IO);
    cr_assert(has_text(r.error.text, "cannot write rows to the standard output"), "%s", r.error.text);
    cr_assert_eq(s.cancels, 1);
    cli_sinks_fini(&sinks);
    drop(&r);
}

Test(attach, goes_on_when_the_jobmanager_is_back)
{
    script s = {.states = {"RUNNING", "RUNNING", "RUNNING", "RUNNING", "RUNNING", "FINISHED"}, .rows = 4, .away_from = 2, .away_to = 5};
    cli_sinks sinks = sinks_of(collecting);
    seen r = attach(&s, &sinks, false);

    cr_assert_eq(r.status, WSL_OK, "%s", r.error.text);
    cr_assert_str_eq(r.result.status.state, "FINISHED");
    cr_assert_str_eq(r.out, "{\"v\":0}\n{\"v\":10}\n{\"v\":20}\n{\"v\":30}\n");
    cr_assert_str_eq(r.err, "The JobManager does not answer; reconnecting.\nReconnected.\n");
    cli_sinks_fini(&sinks);
    drop(&r);
}

Test(attach, a_jobmanager_that_keeps_no_jobs_is_named)
{
    script s = {.states = {"RUNNING"}, .away_from = 2, .away_to = 4, .away_status = WSL_NOT_FOUND};
    cli_sinks none = {0};
    seen r = attach(&s, &none, false);

    cr_assert_eq(r.status, WSL_NOT_FOUND);
    cr_assert(has_text(r.error.text, "does not know job abc"), "%s", r.error.text);
    drop(&r);
}

Test(attach, ctrl_c_ends_waiting_for_the_jobmanager)
{
    script s = {.states = {"RUNNING"}, .away_from = 2, .away_to = 1000, .interrupt_at = 3, .cancel_status = WSL_UNREACHABLE};
    cli_sinks none = {0};
    seen r = attach(&s, &none, false);

    cr_assert_eq(r.status, WSL_UNREACHABLE);
    drop(&r);
}
