/*
 * local_cluster - `wiesel run --local`: JobManager and one TaskManager in this process, over inproc.
 *
 *     this thread:   cli -> jm_* functions, and jm_step while it waits
 *     TaskManager:   its own threads (control, network, one per slot)
 *
 * The TaskManager has as many slots as the job needs, unless taskmanager.numberOfTaskSlots is set. Print sinks write to
 * the standard output. Logs go to env.log.dir, if that is set.
 *
 * Threads: the one that made it.
 */
#pragma once
#include <wiesel/macros.h>
#include <wiesel/status.h>

#include "cli/attach.h"
#include "cli/cmd.h"
#include "cli/job_file.h"

typedef struct cli_local_cluster cli_local_cluster;

/* Ends everything that runs in it. */
void cli_local_cluster_free(cli_local_cluster *local);
/* `c` outlives it. */
WSL_MUST_CHECK wsl_status cli_local_cluster_start(cli *c, const wsl_job_graph *graph, cli_local_cluster **out_local,
                                                  wsl_error *err);
WSL_DEFINE_AUTO(cli_local_cluster)

WSL_MUST_CHECK wsl_status cli_local_cluster_submit(cli_local_cluster *local, cli_job_file *job,
                                                   char out_id[WSL_ID_TEXT_SIZE], wsl_error *err);
/* To the job submitted last. */
cli_job_link cli_local_cluster_link(cli_local_cluster *local);
