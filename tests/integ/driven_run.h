/*
 * driven_run - one run of a job with driven sources, for tests: what it collected so far, and what its tasks say about time.
 *
 *     driven_begin(&r, 3, LIBRARY, args);  driven_post(&r.a, ...);  driven_await(&r, condition, arg, "what");  driven_end(&r);
 *
 * A run is static: after an assertion that failed tasks still look at its sources.
 *
 * Threads: the test's.
 */
#pragma once
#include "harness/mini_cluster.h"
#include "harness/wsl_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "integ/driven.h"
#include "jobmanager/jm_core.h"
#include "jobmanager/job.h"

enum { DRIVEN_WAIT_MS = 30000, DRIVEN_ARGS_MAX = 16 };

typedef struct driven_run {
    mini_cluster *c;
    wsl_id job;
    driven_source a, b;
    wsl_strbuf of[DRIVEN_KEYS]; /* "what value@watermark; ", key by key */
    uint32_t n_of[DRIVEN_KEYS];
    wsl_strbuf others; /* without a key */
    uint32_t n_others;
    bool all;
} driven_run;

#define DRIVEN __attribute__((unused)) static inline

DRIVEN void driven_add_time(wsl_strbuf *out, int64_t t)
{
    if (t == WSL_TIME_MIN || t == WSL_TIME_MAX) {
        wsl_strbuf_puts(out, t == WSL_TIME_MIN ? "MIN" : "MAX");
    } else {
        wsl_strbuf_printf(out, "%lld", (long long)t);
    }
}

DRIVEN void driven_take(void *arg, const wsl_row *row)
{
    driven_run *r = arg;
    const wsl_str key = seen_key(row), what = seen_what(row);
    const uint32_t k = key.size == 0 ? 0 : (uint32_t)(key.data[key.size - 1] - '0');
    cr_assert_lt(k, DRIVEN_KEYS);
    wsl_strbuf *out = key.size == 0 ? &r->others : &r->of[k];
    ++*(key.size == 0 ? &r->n_others : &r->n_of[k]);
    wsl_strbuf_printf(out, "%.*s %lld at %lld, ", (int)what.size, what.data, (long long)seen_value(row),
                      (long long)seen_timestamp(row));
    driven_add_time(out, seen_watermark(row));
    wsl_strbuf_puts(out, "; ");
}

DRIVEN void driven_collect(driven_run *r) { r->all = r->all || mini_cluster_collect(r->c, &r->job, driven_take, r); }

/* The cluster has one slot for each of `parallelism`; metrics come all the time. arguments: behind the addresses of a and b. */
DRIVEN void driven_begin(driven_run *r, uint32_t parallelism, const char *library, const char *const *arguments)
{
    static const char *const cluster[] = {"metrics.fetcher.update-interval=10 ms", NULL};
    static const char *const overrides[] = {"pipeline.watermark-alignment.update-interval=10 ms",
                                            "pipeline.auto-watermark-interval=10 ms", NULL};
    wsl_error err = {0};
    char addresses[2][32];
    const char *args[DRIVEN_ARGS_MAX] = {"--control-a", addresses[0], "--control-b", addresses[1]};
    *r = (driven_run){0};
    driven_init(&r->a);
    driven_init(&r->b);
    (void)snprintf(addresses[0], sizeof addresses[0], "%llu", (unsigned long long)(uintptr_t)&r->a);
    (void)snprintf(addresses[1], sizeof addresses[1], "%llu", (unsigned long long)(uintptr_t)&r->b);
    for (uint32_t i = 0; arguments[i] != NULL; i++) {
        cr_assert_lt(4 + i, DRIVEN_ARGS_MAX - 1);
        args[4 + i] = arguments[i];
    }
    wsl_strbuf_init(&r->others);
    for (uint32_t i = 0; i < DRIVEN_KEYS; i++) {
        wsl_strbuf_init(&r->of[i]);
    }
    r->c = mini_cluster_start(parallelism == 1 ? 1 : 2, parallelism == 1 ? 1 : 2, cluster);
    cr_assert_eq(mini_cluster_submit(r->c, library, parallelism, args, overrides, &r->job, &err), WSL_OK, "%s",
                 err.text);
}

typedef bool (*driven_condition)(driven_run *r, const void *arg);

typedef struct driven_waiting {
    driven_run *r;
    driven_condition is;
    const void *arg;
} driven_waiting;

DRIVEN bool driven_is(void *arg)
{
    driven_waiting *w = arg;
    driven_collect(w->r);
    return w->is(w->r, w->arg);
}

DRIVEN void driven_await(driven_run *r, driven_condition is, const void *arg, const char *what)
{
    driven_waiting w = {r, is, arg};
    cr_assert(mini_cluster_run(r->c, driven_is, &w, DRIVEN_WAIT_MS), "waited in vain for %s; %s; key 0 has '%s'", what,
              mini_cluster_failure(r->c, &r->job), r->of[0].data);
}

DRIVEN bool driven_has_all(driven_run *r, const void *arg)
{
    (void)arg;
    return r->all;
}

/* Sources that have not ended end; the job finishes. */
DRIVEN void driven_end(driven_run *r, bool b_too)
{
    driven_post(&r->a, DRIVEN_END, 0, 0);
    if (b_too) {
        driven_post(&r->b, DRIVEN_END, 0, 0);
    }
    driven_await(r, driven_has_all, NULL, "the end of the rows");
    cr_assert(mini_cluster_await(r->c, &r->job, "FINISHED", DRIVEN_WAIT_MS), "%s",
              mini_cluster_failure(r->c, &r->job));
}

DRIVEN void driven_stop(driven_run *r)
{
    mini_cluster_stop(r->c);
    driven_fini(&r->a);
    driven_fini(&r->b);
    wsl_strbuf_fini(&r->others);
    for (uint32_t i = 0; i < DRIVEN_KEYS; i++) {
        wsl_strbuf_fini(&r->of[i]);
    }
}

DRIVEN void driven_expect(const driven_run *r, const char *wanted)
{
    for (uint32_t i = 0; i < DRIVEN_KEYS; i++) {
        cr_assert_str_eq(r->of[i].data, wanted, "key %u: '%s', wanted '%s'", i, r->of[i].data, wanted);
    }
}

/* ---- conditions ---- */

/* Each key has at least *(uint32_t *)arg rows. */
DRIVEN bool driven_each_has(driven_run *r, const void *arg)
{
    bool all = true;
    for (uint32_t i = 0; i < DRIVEN_KEYS; i++) {
        all &= r->n_of[i] >= *(const uint32_t *)arg;
    }
    return all;
}
DRIVEN void driven_await_rows(driven_run *r, uint32_t n) { driven_await(r, driven_each_has, &n, "rows of each key"); }

/* All channels into operator `to` that come from operator `from` have that watermark and status. */
typedef struct driven_channels {
    const char *from, *to;
    int64_t watermark;
    bool idle;
} driven_channels;

DRIVEN bool driven_channels_are(driven_run *r, const void *arg)
{
    const driven_channels *want = arg;
    const jm_job *job = jm_find_job(mini_cluster_jm(r->c), &r->job);
    const wsl_job_graph *graph = job->plan->graph;
    uint32_t n = 0;
    for (size_t e = 0; e < graph->n_edges; e++) {
        const Wsl__Pb__Edge *edge = graph->edges[e];
        if (strcmp(graph->operators[edge->from]->name, want->from) != 0 ||
            strcmp(graph->operators[edge->to]->name, want->to) != 0) {
            continue;
        }
        const jm_vertex *v = &job->graph.vertices[job->plan->vertex_of[edge->to]];
        for (uint32_t i = 0; i < v->plan->parallelism; i++) {
            const Wsl__Pb__TaskMetrics *m = v->subtasks[i].metrics.last;
            bool found = false;
            for (size_t k = 0; m != NULL && k < m->n_inputs; k++) {
                const Wsl__Pb__ChannelMetrics *c = m->inputs[k];
                if (c->edge == e) {
                    found = true;
                    n++;
                    if (c->watermark != want->watermark || c->idle != want->idle) {
                        return false;
                    }
                }
            }
            if (!found) {
                return false;
            }
        }
    }
    return n > 0;
}
DRIVEN void driven_await_channels(driven_run *r, const char *from, const char *to, int64_t watermark, bool idle)
{
    char what[128];
    const driven_channels want = {from, to, watermark, idle};
    (void)snprintf(what, sizeof what, "%s -> %s at %lld%s", from, to, (long long)watermark, idle ? ", idle" : "");
    driven_await(r, driven_channels_are, &want, what);
}

/* What the watermark strategy of that name says, with one subtask; NULL: nothing yet. */
DRIVEN const Wsl__Pb__GeneratorMetrics *driven_generator(driven_run *r, const char *name)
{
    const jm_job *job = jm_find_job(mini_cluster_jm(r->c), &r->job);
    for (uint32_t v = 0; v < job->plan->n_vertices; v++) {
        const Wsl__Pb__TaskMetrics *m = job->graph.vertices[v].subtasks[0].metrics.last;
        for (size_t i = 0; m != NULL && i < m->n_generators; i++) {
            if (strcmp(job->plan->graph->operators[m->generators[i]->operator_]->name, name) == 0) {
                return m->generators[i];
            }
        }
    }
    return NULL;
}
