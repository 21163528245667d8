/*
 * cmd_info - `wiesel info`: the plan of a job. Nothing is executed but the job's own entry point.
 */
#include <stdlib.h>

#include "cli/cmd.h"
#include "cli/job_file.h"
#include "graph/graph_text.h"

static wsl_status print_plan(cli *c, cli_job_file *job, wsl_error *err)
{
    WSL_AUTO(wsl_job_plan) plan = NULL;
    const int64_t parallelism = wsl_config_int(c->config, "parallelism.default");

    WSL_TRY(wsl_job_plan_new(job->graph, (uint32_t)parallelism, &plan, err));
    job->graph = NULL;
    if (c->args.json) {
        cli_print_json(
            c, json_pack("{s:o, s:I}", "plan", wsl_job_plan_json(plan, ""), "slots", (json_int_t)plan->slots_needed));
        return WSL_OK;
    }
    char *text = wsl_job_plan_text(plan);
    (void)fputs(text, c->out);
    free(text);
    return WSL_OK;
}

wsl_status cmd_info(cli *c, int *out_exit, wsl_error *err)
{
    const char *path = NULL;
    cli_job_file job;

    (void)out_exit;
    WSL_TRY(cli_one_argument(c, "a job (.so, .c or .json)", &path, err));
    WSL_TRY(cli_load_config(c, err));
    wsl_status status = cli_job_file_load(c, path, &job, err);
    if (status == WSL_OK) {
        status = print_plan(c, &job, err);
    }
    cli_job_file_fini(&job);
    return status;
}
