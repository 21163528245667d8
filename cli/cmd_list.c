/*
 * cmd_list - `wiesel list [-r] [-s] [-a]`.
 */
#include "cli/cmd.h"
#include "cli/job_table.h"

static uint32_t groups_asked(const cli_args *args)
{
    const uint32_t running = 1u << CLI_JOB_RUNNING, scheduled = 1u << CLI_JOB_SCHEDULED;

    if (args->all) {
        return running | scheduled | 1u << CLI_JOB_TERMINATED;
    }
    if (!args->running && !args->scheduled) {
        return running | scheduled;
    }
    return (args->running ? running : 0) | (args->scheduled ? scheduled : 0);
}

/* The objects of /jobs/overview, those asked for, in the order of the list. */
static json_t *as_json(const cli_job_table *table, uint32_t which)
{
    const json_t *list = json_object_get(table->document, "jobs");
    json_t *jobs = json_array();

    for (uint32_t i = 0; i < table->n; i++) {
        if (!(which & 1u << table->jobs[i].group)) {
            continue;
        }
        for (size_t k = 0; k < json_array_size(list); k++) {
            json_t *job = json_array_get(list, k);
            if (json_string_value(json_object_get(job, "jid")) == table->jobs[i].id) {
                (void)json_array_append(jobs, job);
            }
        }
    }
    return json_pack("{s:o}", "jobs", jobs);
}

wsl_status cmd_list(cli *c, int *out_exit, wsl_error *err)
{
    const uint32_t which = groups_asked(&c->args);
    cli_job_table table;
    json_t *answer = NULL;
    wsl_strbuf text;

    (void)out_exit;
    WSL_TRY(cli_connect(c, err));
    WSL_TRY(cli_rest_call(c->rest, "GET", "/jobs/overview", NULL, &answer, err));
    WSL_TRY(cli_job_table_init(&table, answer, err));
    if (c->args.json) {
        cli_print_json(c, as_json(&table, which));
    } else {
        wsl_strbuf_init(&text);
        cli_job_table_print(&table, which, &text);
        (void)fputs(text.data, c->out);
        wsl_strbuf_fini(&text);
    }
    cli_job_table_fini(&table);
    return WSL_OK;
}
