/*
 * accumulator - the schema of what window and aggregate operators keep by themselves, for a comparison with what was kept: it is in
 * the job's library, or follows from an expression.
 *
 * Threads: one.
 */
#pragma once
#include "graph/job_graph.h"
#include "plugin/plugin.h"

/* Of ckpt/compat.h; arg: the job's wsl_plugin, or NULL. */
wsl_schema *cli_accumulator(void *arg, const wsl_job_plan *plan, const Wsl__Pb__Operator *op);
