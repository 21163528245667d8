/*
 * chain - the operators of one task: a tree that begins at the head, made from the descriptors of a deployment.
 *
 *     gate --deliver--> head --emit--> op --emit--> output (edge 3)
 *                         |             `-- side "late" --> output (edge 4)
 *                         `--emit--> op (a sink)
 *
 * The task delivers rows and marks to the head with tm_op_deliver_*, but only while nothing is pending; while something
 * is it calls tm_chain_resume (and nothing else) until it is not. A chain whose head is a source is polled with
 * tm_op_resume(tm_chain_head(c)) instead.
 *
 * Threads: one slot loop; new may run elsewhere.
 */
#pragma once
#include "taskmanager/ops/operator.h"

typedef struct tm_chain tm_chain;

/* Everything is borrowed and outlives the chain, but for the arrays themselves. */
typedef struct tm_chain_spec {
    Wsl__Pb__Operator *const *operators; /* producers before consumers; [0] is the head */
    size_t n_operators;
    Wsl__Pb__Edge *const *edges; /* between them */
    size_t n_edges;
    Wsl__Pb__Edge *const *out_edges; /* that leave the chain ... */
    tm_output *const *outputs;       /* ... and where each leads, in the same order */
    size_t n_outputs;
    const wsl_schema *input[2]; /* of the head; NULL for a source */
    char *const *keys;          /* key fields of the head's input 0 */
    size_t n_keys;
    char *const *keys_1;        /* ... and of its input 1, if both are keyed */
    size_t n_keys_1;
    uint32_t subtask;
    uint32_t parallelism;
    uint32_t max_parallelism;
    uint32_t split_number; /* of rows that a source at the head reads without a split; 0: none */
    uint32_t attempt;
    const char *job_id; /* 32 hex digits */
    const char *job_name;
    const void *artifact; /* wsl_plugin *, or NULL */
    /* Finds user functions instead of the artifact (harness, tests); NULL: the artifact is asked. NULL answer: unknown.
     */
    const wsl_function *(*find_function)(void *arg, const char *symbol);
    void *find_function_arg;
    const wsl_config *job_config; /* may be NULL: all defaults */
    wsl_clock *clock;
    wsl_fs *fs;
    wsl_rng *rng;
    const wsl_logger *log;
    tm_op_host *host;
    struct tm_helper_group *helpers; /* may be NULL */
} tm_chain_spec;

void tm_chain_free(tm_chain *chain); /* closes first, if need be */
/* Instantiates the operators, wires their targets, resolves functions and connectors. Nothing of the user's runs yet.
 */
WSL_MUST_CHECK wsl_status tm_chain_new(const tm_chain_spec *spec, tm_chain **out_chain, wsl_error *err);
WSL_DEFINE_AUTO(tm_chain)

/* Opens the operators, consumers first. After a failure only close and free may be called. */
WSL_MUST_CHECK wsl_status tm_chain_open(tm_chain *chain, wsl_error *err);
void tm_chain_close(tm_chain *chain);

tm_op *tm_chain_head(tm_chain *chain);
uint32_t tm_chain_size(const tm_chain *chain);
tm_op *tm_chain_op(tm_chain *chain, uint32_t i); /* in the order of the descriptors */
/* The operator of that graph id; NULL if it is not in this chain. */
tm_op *tm_chain_find(tm_chain *chain, uint32_t operator_id);
bool tm_chain_is_source(const tm_chain *chain);

/* How many rows a source may emit at once; TM_BATCH_ROWS at first, and at most. */
void tm_chain_set_rows_per_step(tm_chain *chain, uint32_t rows);

bool tm_chain_has_pending(const tm_chain *chain);
/* Is what is pending held up by somebody outside the job? */
bool tm_chain_waits_outside(const tm_chain *chain);
/* Works off what is pending, consumers first. WSL_OK: something was done, look again (has_pending says whether more
 * is); WSL_AGAIN: what is pending cannot go on before a wake-up or before the outputs have drained. */
wsl_status tm_chain_resume(tm_chain *chain);
/* While state is put into the operators, and watermarks that were there before (operator.h). */
void tm_chain_set_restoring(tm_chain *chain, bool restoring);
/* How far the head's input was: all operators learn of it, nothing fires. After the operators' state was restored. */
WSL_MUST_CHECK wsl_status tm_chain_restore_watermark(tm_chain *chain, int64_t watermark);
/* Can a snapshot be taken? Nothing is pending, but for operators that put rows in hand into it. */
bool tm_chain_can_snapshot(const tm_chain *chain);
/* Does what an operator has written still wait for a checkpoint? */
bool tm_chain_uncommitted(const tm_chain *chain);
/* The task has nothing else to do: sinks write out what they buffer. */
wsl_status tm_chain_flush(tm_chain *chain);
