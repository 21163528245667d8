/*
 * deal_out - what a new subtask begins with: pieces of what old subtasks had, by the table in README.md.
 *
 *     metadata of the old run  x  plan of the new one  ->  TaskSnapshot per new task, enumerator bytes per source
 *
 * Operators are matched by uid. State of an operator that the new graph does not have is an error unless allow_non_restored; an
 * operator that the metadata does not have begins empty. More subtasks than key groups, another number of key groups, a
 * stateful operator whose key changed its type: errors that name the operator.
 *
 * Threads: any; no state.
 */
#pragma once
#include <wiesel/status.h>

#include "checkpoint.pb-c.h"
#include "graph/job_graph.h"

/* Checks once that the plan can begin with the metadata. */
WSL_MUST_CHECK wsl_status wsl_deal_out_check(const Wsl__Pb__CheckpointMeta *meta, const wsl_job_plan *plan,
                                             bool allow_non_restored, wsl_error *err);
/* What subtask `subtask` of that vertex begins with: a message that shares nothing with meta (free_unpacked); file paths are
 * made absolute with job_dir. NULL: it begins empty. */
Wsl__Pb__TaskSnapshot *wsl_deal_out(const Wsl__Pb__CheckpointMeta *meta, const char *job_dir, const wsl_job_plan *plan,
                                    uint32_t vertex, uint32_t subtask);
/* The source's enumerator bytes; NULL: it had none. */
const ProtobufCBinaryData *wsl_deal_out_enumerator(const Wsl__Pb__CheckpointMeta *meta, const char *uid);
