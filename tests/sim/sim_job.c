/*
 * sim_job - see sim_job.h.
 */
#include "sim_job.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/job_build.h"
#include "base/clock.h"
#include "graph/graph_json.h"
#include "harness/wsl_test.h"
#include "plugin/plugin.h"

enum { LIBRARY_MAX = 64 << 20, ASK_EVERY = 16 };

void sim_job_init(sim_job *j, sim_cluster *c, uint64_t seed, void (*on_row)(void *arg, const wsl_row *row), void *arg)
{
    *j = (sim_job){.cluster = c, .seed = seed, .on_row = on_row, .arg = arg};
}

static void submit(sim_job *j, wsl_job_graph *graph)
{
    wsl_error err = {0};
    cr_assert_eq(jm_submit(sim_cluster_jm(j->cluster), graph, &j->id, &err), WSL_OK, "seed %" PRIu64 ": %s", j->seed, err.text);
    j->next = 0;
    j->ended = false;
    j->rows_ended = j->on_row == NULL;
}

void sim_job_submit_json(sim_job *j, const char *json)
{
    wsl_error err = {0};
    wsl_job_graph *graph = NULL;
    cr_assert_eq(wsl_job_graph_from_json(json, strlen(json), &graph, &err), WSL_OK, "%s", err.text);
    submit(j, graph);
}

static uint32_t count(const char *const *list)
{
    uint32_t n = 0;
    while (list != NULL && list[n] != NULL) {
        n++;
    }
    return n;
}

void sim_job_submit_library(sim_job *j, const sim_library_job *what)
{
    char *bytes = NULL;
    size_t size = 0;
    wsl_error err = {0};
    wsl_id hash;
    wsl_plugin *plugin = NULL;
    wsl_job_graph *graph = NULL;
    const wsl_job_build_options options = {
        .args = what->args,
        .n_args = count(what->args),
        .config = what->config,
        .n_config = count(what->config),
        .parallelism = what->parallelism,
    };
    wsl_fs *disk = wsl_fs_posix();
    cr_assert_eq(wsl_plugin_open(disk, what->library, &plugin, &err), WSL_OK, "%s", err.text);
    cr_assert_eq(wsl_fs_read_all(disk, what->library, LIBRARY_MAX, &bytes, &size, &err), WSL_OK, "%s", err.text);
    cr_assert_eq(jm_put_artifact(sim_cluster_jm(j->cluster), bytes, size, &hash, &err), WSL_OK, "%s", err.text);
    cr_assert_eq(wsl_job_build(plugin, &options, &graph, &err), WSL_OK, "%s", err.text);
    submit(j, graph);
    wsl_plugin_free(plugin);
    free(bytes);
}

/* ---- where TaskManagers keep libraries ---- */

static char temporary[128];

const char *sim_job_temporary(void)
{
    snprintf(temporary, sizeof temporary, "io.tmp.dirs=/tmp/wiesel-sim-%ld", (long)getpid());
    return temporary;
}

void sim_job_remove_temporary(void) { (void)rmdir(strchr(sim_job_temporary(), '=') + 1); }

/* ---- its end ---- */

bool sim_job_has_ended(void *job)
{
    sim_job *j = job;
    jm *manager = sim_cluster_jm(j->cluster);
    jm_job_info info;
    wsl_error err = {0};
    if (j->asked++ % ASK_EVERY != 0) {
        return false; /* asking costs more than many a step */
    }
    if (!j->rows_ended) {
        cr_assert_eq(jm_collect_rows(manager, &j->id, UINT32_MAX, j->next, 1 << 20, j->on_row, j->arg, &j->next, &j->rows_ended, &err),
                     WSL_OK, "%s", err.text);
    }
    cr_assert_eq(jm_job_info_get(manager, &j->id, &info, &err), WSL_OK, "%s", err.text);
    j->ended = info.ended;
    j->restarts = info.restarts;
    snprintf(j->state, sizeof j->state, "%s", info.state);
    snprintf(j->failure, sizeof j->failure, "%s", info.failure);
    return j->ended && j->rows_ended;
}

void sim_job_run(sim_job *j)
{
    j->asked = 0;
    cr_assert(sim_cluster_run(j->cluster, sim_job_has_ended, j, 600 * WSL_NS_PER_S),
              "seed %" PRIu64 ": the job hangs in %s (%s), rows %s", j->seed, j->state, j->failure,
              j->rows_ended ? "ended" : "not ended");
}

void sim_job_expect_finished(const sim_job *j)
{
    cr_assert_str_eq(j->state, "FINISHED", "seed %" PRIu64 ": %s: %s", j->seed, j->state, j->failure);
}
