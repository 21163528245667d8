/*
 * api_fixture - building a job from an entry point of the test itself.
 */
#pragma once
#include "harness/wsl_test.h"

#include <string.h>

#include <wiesel/wiesel.h>

#include "api/job_build.h"
#include "graph/pb.h"

static inline wsl_job_graph *built(wsl_job_entry entry)
{
    wsl_error err = {0};
    wsl_job_graph *graph = NULL;
    const wsl_job_build_options options = {0};
    cr_assert_eq(wsl_job_build_entry(entry, "feed", &options, &graph, &err), WSL_OK, "%s", err.text);
    return graph;
}

static inline wsl_job_plan *planned(wsl_job_entry entry, uint32_t parallelism)
{
    wsl_error err = {0};
    wsl_job_plan *plan = NULL;
    cr_assert_eq(wsl_job_plan_new(built(entry), parallelism, &plan, &err), WSL_OK, "%s", err.text);
    return plan;
}

/* Why the job is refused. */
static inline const char *not_built(wsl_job_entry entry, wsl_error *err)
{
    wsl_job_graph *graph = NULL;
    const wsl_job_build_options options = {0};
    *err = (wsl_error){0};
    const wsl_status status = wsl_job_build_entry(entry, "feed", &options, &graph, err);
    cr_assert_neq(status, WSL_OK, "the job was built");
    cr_assert_eq(status, err->status);
    cr_assert_null(graph);
    return err->text;
}

static inline const char *option_of(const wsl_job_graph *g, uint32_t op, const char *key)
{
    const char *value = wsl_pb_option(g->operators[op]->options, g->operators[op]->n_options, key);
    return value != NULL ? value : "(unset)";
}
