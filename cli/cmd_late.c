/*
 * cmd_late - `wiesel late JOB [--operator NAME]`: rows that came too late.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/strbuf.h"
#include "cli/cmd.h"
#include "cli/event_text.h"

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "";
}

static void print_sample(cli *c, const json_t *sample)
{
    char at[CLI_TIME_TEXT], watermark[CLI_TIME_TEXT];
    const char *split = text_of(sample, "split");

    (void)fprintf(c->out, "    %-23s  %8lld ms late, watermark %s, subtask %lld%s%s%s%s\n",
                  cli_event_time_text(json_object_get(sample, "timestamp"), at),
                  (long long)json_integer_value(json_object_get(sample, "lateness")),
                  cli_event_time_text(json_object_get(sample, "watermark"), watermark),
                  (long long)json_integer_value(json_object_get(sample, "subtask")),
                  text_of(sample, "key")[0] != '\0' ? ", " : "", text_of(sample, "key"), split[0] != '\0' ? ", " : "",
                  split);
}

static wsl_status print_answer(cli *c, const json_t *answer, wsl_error *err)
{
    const json_t *operators = json_object_get(answer, "operators");

    if (!json_is_array(operators)) {
        return wsl_fail(err, WSL_FORMAT, "the answer is not what /wiesel/v1/jobs/:id/late gives");
    }
    if (json_array_size(operators) == 0) {
        (void)fputs("No late rows.\n", c->out);
    }
    for (size_t i = 0; i < json_array_size(operators); i++) {
        const json_t *op = json_array_get(operators, i);
        const json_t *samples = json_object_get(op, "samples");
        (void)fprintf(c->out, "%s: %lld late rows%s\n", text_of(op, "operator-name"),
                      (long long)json_integer_value(json_object_get(op, "count")),
                      json_array_size(samples) > 0 ? ", the last:" : "");
        for (size_t k = 0; k < json_array_size(samples); k++) {
            print_sample(c, json_array_get(samples, k));
        }
    }
    return WSL_OK;
}

static void add_encoded(wsl_strbuf *out, const char *text)
{
    for (const unsigned char *p = (const unsigned char *)text; *p != '\0'; p++) {
        if (isalnum(*p)) {
            wsl_strbuf_putc(out, (char)*p);
        } else {
            wsl_strbuf_printf(out, "%%%02X", *p);
        }
    }
}

wsl_status cmd_late(cli *c, int *out_exit, wsl_error *err)
{
    const char *prefix = NULL;
    char id[WSL_ID_TEXT_SIZE];
    json_t *answer = NULL;
    wsl_strbuf path;

    (void)out_exit;
    WSL_TRY(cli_one_argument(c, "the id of the job", &prefix, err));
    WSL_TRY(cli_connect(c, err));
    WSL_TRY(cli_find_job(c, prefix, id, err));
    wsl_strbuf_init(&path);
    wsl_strbuf_printf(&path, "/wiesel/v1/jobs/%s/late", id);
    if (c->args.operator_name != NULL) {
        wsl_strbuf_puts(&path, "?operator=");
        add_encoded(&path, c->args.operator_name);
    }
    wsl_status status = cli_rest_call(c->rest, "GET", path.data, NULL, &answer, err);
    wsl_strbuf_fini(&path);
    WSL_TRY(status);
    if (c->args.json) {
        cli_print_json(c, answer);
        return WSL_OK;
    }
    status = print_answer(c, answer, err);
    json_decref(answer);
    return status;
}
