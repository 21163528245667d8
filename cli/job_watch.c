#include "cli/job_watch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "cli/job_table.h"
#include "graph/graph_json.h"

enum { LIBRARY_SIZE_MAX = 256 << 20, PATH_TEXT_MAX = 256 };

/* ---- submitting ---- */

static wsl_status ship_library(cli *c, const char *path, char **out_hash, wsl_error *err)
{
    char *bytes = NULL;
    size_t size = 0;
    json_t *answer = NULL;

    WSL_TRY(wsl_fs_read_all(c->fs, path, LIBRARY_SIZE_MAX, &bytes, &size, err));
    const cli_body body = {.type = "application/octet-stream", .data = bytes, .size = size};
    const wsl_status status = cli_rest_call(c->rest, "POST", "/wiesel/v1/artifacts", &body, &answer, err);
    free(bytes);
    WSL_TRY(status);
    const char *hash = json_string_value(json_object_get(answer, "hash"));
    *out_hash = hash != NULL ? wsl_strdup(hash) : NULL;
    json_decref(answer);
    return *out_hash != NULL ? WSL_OK : wsl_fail(err, WSL_INTERNAL, "the JobManager took the library but gave no hash");
}

static wsl_status ship_graph(cli *c, const wsl_job_graph *graph, char out_id[WSL_ID_TEXT_SIZE], wsl_error *err)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    json_t *answer = NULL;
    wsl_id id;

    wsl_job_graph_encode(graph, &bytes, &size);
    const cli_body body = {.type = "application/x-protobuf", .data = bytes, .size = size};
    const wsl_status status = cli_rest_call(c->rest, "POST", "/wiesel/v1/jobs", &body, &answer, err);
    free(bytes);
    WSL_TRY(status);
    const char *text = json_string_value(json_object_get(answer, "jobid"));
    const bool good = text != NULL && wsl_id_parse(text, &id);
    json_decref(answer);
    if (!good) {
        return wsl_fail(err, WSL_INTERNAL, "the JobManager took the job but gave no id");
    }
    (void)wsl_id_text(&id, out_id);
    return WSL_OK;
}

wsl_status cli_job_submit(cli *c, cli_job_file *job, char out_id[WSL_ID_TEXT_SIZE], wsl_error *err)
{
    char *hash = NULL;

    if (job->library != NULL) {
        WSL_TRY(ship_library(c, job->library, &hash, err));
        if (strcmp(hash, job->graph->artifact) != 0) {
            const wsl_status changed =
                wsl_fail(err, WSL_STATE, "'%s' changed while it was read: run it again", job->library);
            free(hash);
            return changed;
        }
        free(hash);
    }
    return ship_graph(c, job->graph, out_id, err);
}

/* ---- looking ---- */

static double number(const json_t *from, const char *key) { return json_number_value(json_object_get(from, key)); }

static void copy_text(const json_t *from, const char *key, char *out, size_t size)
{
    const char *text = json_string_value(json_object_get(from, key));

    (void)snprintf(out, size, "%s", text != NULL ? text : "");
}

static void read_status(const json_t *from, cli_job_status *out)
{
    const json_t *busiest = json_object_get(from, "busiest");
    const json_t *lag = json_object_get(from, "watermark-lag");

    *out = (cli_job_status){.records_in = number(from, "records-in-per-second"),
                            .records_out = number(from, "records-out-per-second"),
                            .total_in = json_integer_value(json_object_get(from, "records-in")),
                            .total_out = json_integer_value(json_object_get(from, "records-out")),
                            .watermark_lag_ms = json_is_number(lag) ? (int64_t)json_number_value(lag) : -1,
                            .duration_ms = json_integer_value(json_object_get(from, "duration")),
                            .busiest_ratio = number(busiest, "ratio")};
    copy_text(from, "state", out->state, sizeof out->state);
    copy_text(from, "waiting", out->waiting, sizeof out->waiting);
    copy_text(busiest, "name", out->busiest, sizeof out->busiest);
    copy_text(from, "failure", out->failure, sizeof out->failure);
    out->ended = cli_is_terminal(out->state);
}

wsl_status cli_job_poll(cli_rest *rest, const char *id, cli_job_status *out_status, wsl_error *err)
{
    char path[PATH_TEXT_MAX];
    json_t *answer = NULL;

    (void)snprintf(path, sizeof path, "/wiesel/v1/jobs/%s", id);
    WSL_TRY(cli_rest_call(rest, "GET", path, NULL, &answer, err));
    read_status(answer, out_status);
    json_decref(answer);
    return WSL_OK;
}

wsl_status cli_job_collect(cli_rest *rest, const char *id, cli_sink *sink, void (*fn)(void *fn_arg, const wsl_row *row),
                           void *fn_arg, wsl_error *err)
{
    char path[PATH_TEXT_MAX];
    const uint8_t *bytes = NULL;
    size_t size = 0;

    (void)snprintf(path, sizeof path, "/wiesel/v1/jobs/%s/collect?operator=%u&from=%llu", id, sink->operator_id,
                   (unsigned long long)sink->next);
    WSL_TRY(cli_rest_get_bytes(rest, path, &bytes, &size, err));
    uint64_t next = 0;
    const bool numbered = cli_rest_header_number(rest, "Wiesel-Next", &next);
    for (size_t at = 0; at < size;) {
        const wsl_row *row = (const wsl_row *)(const void *)(bytes + at);
        WSL_TRY(wsl_row_check(row, (uint32_t)(size - at), sink->schema, err));
        fn(fn_arg, row);
        sink->next++;
        at += row->size;
    }
    sink->next = numbered ? next : sink->next; /* a JobManager that was started again counts on elsewhere */
    return WSL_OK;
}

/* ---- ending ---- */

wsl_status cli_job_cancel(cli_rest *rest, const char *id, wsl_error *err)
{
    char path[PATH_TEXT_MAX];
    json_t *answer = NULL;

    (void)snprintf(path, sizeof path, "/jobs/%s?mode=cancel", id);
    WSL_TRY(cli_rest_call(rest, "PATCH", path, NULL, &answer, err));
    json_decref(answer);
    return WSL_OK;
}

uint32_t cli_next_pause_ms(uint32_t pause_ms)
{
    const uint32_t next = pause_ms + pause_ms / 2;

    return next < CLI_POLL_MAX_MS ? next : CLI_POLL_MAX_MS;
}

wsl_status cli_job_await_end(cli_rest *rest, wsl_clock *clock, const char *id, uint32_t timeout_ms,
                             cli_job_status *out_status, wsl_error *err)
{
    const int64_t until = wsl_now_ns(clock) + (int64_t)timeout_ms * WSL_NS_PER_MS;
    uint32_t pause_ms = CLI_POLL_FIRST_MS;

    for (;;) {
        const wsl_status status = cli_job_poll(rest, id, out_status, err);
        const bool late = wsl_now_ns(clock) >= until;
        if (status == WSL_OK ? out_status->ended : late || !cli_is_away(status)) {
            return status;
        }
        if (late) {
            return wsl_fail(err, WSL_TIMEOUT, "job %s is still %s after %u ms: see the JobManager's log", id,
                            out_status->state, timeout_ms);
        }
        const struct timespec pause = {.tv_nsec = (long)pause_ms * WSL_NS_PER_MS};
        (void)nanosleep(&pause, NULL);
        pause_ms = cli_next_pause_ms(pause_ms);
    }
}
