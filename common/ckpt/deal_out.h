/*
 * deal_out - what a new subtask begins with: pieces of what old subtasks had, by the table in README.md.
 *
 *     metadata of the old run  x  plan of the new one  ->  TaskSnapshot per new task, enumerator bytes per source
 *
 * Operators are matched by uid. State of an operator that the new graph does not have is an error unless allow_non_restored; an
 * operator that the metadata does not have begins empty. More subtasks than key groups, another number of key groups, a
 * stateful operator whose key changed its type, rows in flight for another parallelism: errors that name operator and uid.
 *
 * The number of key groups is what the old run had, unless somebody chose another one (then it is an error): see adopt.
 *
 * The metadata is checked (metadata.h). Threads: any; no state.
 */
#pragma once
#include <wiesel/status.h>

#include "checkpoint.pb-c.h"
#include "graph/job_graph.h"

/* To be called on a plan before anybody else has it: where it has the default number of key groups for its parallelism and neither
 * graph nor operator nor option says otherwise, it takes over that of the metadata. */
void wsl_deal_out_adopt(const Wsl__Pb__CheckpointMeta *meta, wsl_job_plan *plan);
/* Checks once that the plan can begin with the metadata. WSL_INVALID, or WSL_TYPE for keys. */
WSL_MUST_CHECK wsl_status wsl_deal_out_check(const Wsl__Pb__CheckpointMeta *meta, const wsl_job_plan *plan,
                                             bool allow_non_restored, wsl_error *err);
/* Of one operator, which has state there: all but its states (compat.h). */
WSL_MUST_CHECK wsl_status wsl_deal_out_check_operator(const Wsl__Pb__CheckpointMeta *meta, const wsl_job_plan *plan,
                                                      const Wsl__Pb__OperatorMeta *old, const Wsl__Pb__Operator *op,
                                                      wsl_error *err);
/* What was dealt out may have states that its operator does not have: allow_non_restored. */
void wsl_deal_out_may_leave_out(Wsl__Pb__TaskSnapshot *snapshot);
/*
 * What subtask `subtask` of that vertex begins with: a message that shares nothing with meta (free_unpacked); file paths are
 * made absolute with job_dir. NULL: it begins empty. The plan was checked.
 *
 * Per operator an OperatorState for each old subtask that something comes from, in their order, with the new operator's number; at
 * least one, for the watermark: the subtask's own at the same parallelism, else the smallest of those that had not ended; the same
 * in all of them. finished: the subtask had ended; at another parallelism: all had. Sections without bytes are left out.
 */
Wsl__Pb__TaskSnapshot *wsl_deal_out(const Wsl__Pb__CheckpointMeta *meta, const char *job_dir, const wsl_job_plan *plan,
                                    uint32_t vertex, uint32_t subtask);
/* The source's enumerator bytes; NULL: it had none. */
const ProtobufCBinaryData *wsl_deal_out_enumerator(const Wsl__Pb__CheckpointMeta *meta, const char *uid);
/* The operator of that uid in the metadata, or NULL. */
const Wsl__Pb__OperatorMeta *wsl_deal_out_find(const Wsl__Pb__CheckpointMeta *meta, const char *uid);
