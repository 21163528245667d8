/*
 * harness_internal - the harness: what its files share.
 *
 *     harness_desc.c   what the operator is          harness_out.c     what came out of it
 *     harness.c        life, rows and marks in       harness_state.c   snapshots, and harnesses that begin with them
 *                                                    harness_steps.c   a new operator after every step, for our own tests
 *
 * Threads: one at a time.
 */
#pragma once
#include <wiesel/harness.h>

#include "base/clock.h"
#include "base/rng.h"
#include "base/strbuf.h"
#include "checkpoint.pb-c.h"
#include "graph/window_options.h"
#include "taskmanager/ops/chain.h"
#include "taskmanager/ops/collector.h"
#include "taskmanager/time/input_valves.h"

/* Takes the operator away after a step and goes on with another one that was restored from its snapshot. */
typedef struct tm_harness_steps {
    bool on;
    uint64_t restores; /* so far */
    uint64_t skip;     /* steps to go before the next one */
} tm_harness_steps;

struct wsl_harness {
    tm_op_host host; /* first */
    wsl_manual_clock clock;
    wsl_rng rng;
    wsl_error error;
    wsl_config *job_config;
    const wsl_function *function;
    wsl_window_functions windows; /* by role */
    const wsl_schema *in[2]; /* [1]: NULL with one input */
    tm_input_valves valves;  /* with two: a channel each */
    Wsl__Pb__Operator *desc;
    char *keys[2][WSL_KEY_FIELDS_MAX + 1]; /* by input */
    size_t n_keys[2];
    uint32_t subtask, parallelism, max_parallelism;
    tm_chain *chain;
    bool head_idle; /* what the operator was told last */
    tm_collector *collector;
    tm_harness_steps steps;
    int64_t wake_ns;
    int answer_fd; /* readable: an async operator has an answer; made when there is one */
    wsl_row_writer writer;
    void *memory; /* of the writer and of pushed copies */
    wsl_strbuf text;
};

/* ---- harness.c ---- */
/* The operator, not open yet, with a collector behind each of its outputs. */
WSL_MUST_CHECK wsl_status tm_harness_make_chain(wsl_harness *h, wsl_error *err);

/* ---- harness_desc.c ---- */
WSL_MUST_CHECK wsl_status tm_harness_make_desc(wsl_harness *h, const wsl_harness_options *o, wsl_error *err);

/* ---- harness_state.c ---- */
/* A snapshot as a task would give it. The operator has nothing pending. */
WSL_MUST_CHECK wsl_status tm_harness_snapshot(wsl_harness *h, Wsl__Pb__TaskSnapshot **out_snapshot);
/* Opens the operator with that state (NULL: without), and lets it know the watermark it had; nothing of that is collected. */
WSL_MUST_CHECK wsl_status tm_harness_open(wsl_harness *h, const Wsl__Pb__TaskSnapshot *snapshot, wsl_error *err);
/* options->restore dealt out to this subtask; NULL: there is none. */
WSL_MUST_CHECK wsl_status tm_harness_deal_out(const wsl_harness *h, const wsl_harness_options *options,
                                              Wsl__Pb__TaskSnapshot **out_snapshot, wsl_error *err);

/* ---- harness_steps.c ---- */
void tm_harness_steps_init(tm_harness_steps *s);
/* At the end of each step; gives back `status`, or what went wrong. */
wsl_status tm_harness_stepped(wsl_harness *h, wsl_status status);
