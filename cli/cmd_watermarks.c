/*
 * cmd_watermarks - `wiesel watermarks JOB`: where each vertex's watermark stands and what holds it there.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "cli/cmd.h"
#include "cli/event_text.h"

static void print_vertex(cli *c, const json_t *vertex, json_int_t now_ms)
{
    char when[CLI_TIME_TEXT], since[32] = "";
    const json_t *since_ms = json_object_get(vertex, "since");

    if (json_is_integer(since_ms)) {
        (void)snprintf(since, sizeof since, "%.1f s", (double)(now_ms - json_integer_value(since_ms)) / 1000);
    }
    (void)fprintf(c->out, "%-23s  %10s  %s\n    %s\n", cli_event_time_text(json_object_get(vertex, "watermark"), when),
                  since, json_string_value(json_object_get(vertex, "name")),
                  json_string_value(json_object_get(vertex, "reason")));
}

static wsl_status print_answer(cli *c, const json_t *answer, wsl_error *err)
{
    const json_t *vertices = json_object_get(answer, "vertices");
    const json_t *now = json_object_get(answer, "now");

    if (!json_is_array(vertices) || !json_is_integer(now)) {
        return wsl_fail(err, WSL_FORMAT, "the answer is not what /wiesel/v1/jobs/:id/watermarks gives");
    }
    for (size_t i = 0; i < json_array_size(vertices); i++) {
        const json_t *vertex = json_array_get(vertices, i);
        if (!json_is_string(json_object_get(vertex, "name")) || !json_is_string(json_object_get(vertex, "reason"))) {
            return wsl_fail(err, WSL_FORMAT, "the answer has a vertex without name or reason");
        }
    }
    (void)fprintf(c->out, "%-23s  %10s  VERTEX\n", "WATERMARK (UTC)", "FOR");
    for (size_t i = 0; i < json_array_size(vertices); i++) {
        print_vertex(c, json_array_get(vertices, i), json_integer_value(now));
    }
    return WSL_OK;
}

wsl_status cmd_watermarks(cli *c, int *out_exit, wsl_error *err)
{
    const char *prefix = NULL;
    char id[WSL_ID_TEXT_SIZE], path[128];
    json_t *answer = NULL;

    (void)out_exit;
    WSL_TRY(cli_one_argument(c, "the id of the job", &prefix, err));
    WSL_TRY(cli_connect(c, err));
    WSL_TRY(cli_find_job(c, prefix, id, err));
    (void)snprintf(path, sizeof path, "/wiesel/v1/jobs/%s/watermarks", id);
    WSL_TRY(cli_rest_call(c->rest, "GET", path, NULL, &answer, err));
    if (c->args.json) {
        cli_print_json(c, answer);
        return WSL_OK;
    }
    const wsl_status status = print_answer(c, answer, err);
    json_decref(answer);
    return status;
}
