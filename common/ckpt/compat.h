/*
 * compat - what becomes of the state of one operator when a new version of its job takes over: state by state, from the schemas
 * that state was written with and those the new graph declares. Nothing is read but metadata, so it can be said while the old job
 * still runs.
 *
 *     kept         as it is
 *     changed      kept, and its rows are brought to today's schema (data/evolution.h)
 *     new          begins empty
 *     orphaned     was kept, and nothing of the operator takes it: refused, unless state may be left out
 *     incompatible refused
 *
 * States are matched by name, or by the name they had. What an operator keeps by itself (accumulators, rows in windows) is compared
 * where its schema is known from the graph or from wsl_compat_internals; else a restore finds out.
 *
 * Threads: any; no state.
 */
#pragma once
#include <wiesel/status.h>

#include "checkpoint.pb-c.h"
#include "graph/job_graph.h"

typedef enum wsl_compat {
    WSL_COMPAT_KEPT,
    WSL_COMPAT_CHANGED,
    WSL_COMPAT_NEW,
    WSL_COMPAT_ORPHANED,
    WSL_COMPAT_INCOMPATIBLE,
} wsl_compat;

const char *wsl_compat_name(wsl_compat verdict); /* "KEPT" */

typedef struct wsl_compat_state {
    const char *name;
    Wsl__Pb__SectionKind kind;
    wsl_compat verdict;
    const char *text; /* what is different, in sentences; "" */
} wsl_compat_state;

typedef void (*wsl_compat_fn)(void *arg, const wsl_compat_state *state);

/* Schemas that are in the job's library or come out of expressions. */
typedef struct wsl_compat_internals {
    void *arg;
    /* Of the accumulator of a window or aggregate operator, on the heap; NULL: not known. */
    wsl_schema *(*accumulator)(void *arg, const wsl_job_plan *plan, const Wsl__Pb__Operator *op);
} wsl_compat_internals;

/* Calls fn for each state, those that were kept first. internals may be NULL. */
void wsl_compat_states(const Wsl__Pb__OperatorMeta *old, const wsl_job_plan *plan, const Wsl__Pb__Operator *op,
                       const wsl_compat_internals *internals, wsl_compat_fn fn, void *arg);
/* Is the operator of a kind that can take the old one's state at all: same kind, same connector, windows that lie as they did?
 * WSL_INVALID, without the operator's name. */
WSL_MUST_CHECK wsl_status wsl_compat_operator(const Wsl__Pb__CheckpointMeta *meta, const Wsl__Pb__OperatorMeta *old,
                                              const Wsl__Pb__Operator *op, wsl_error *err);
/* The schema of an operator's rows of that input, on the heap; NULL: it has none. */
wsl_schema *wsl_compat_input(const wsl_job_plan *plan, const Wsl__Pb__Operator *op, uint32_t input);
