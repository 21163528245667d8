/*
 * The way back is a walk over the graph from consumers to producers, which has no cycles, so it ends.
 */
#include "jobmanager/watermarks.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/strbuf.h"

static const Wsl__Pb__TaskMetrics *metrics_of(const jm_vertex *v, uint32_t subtask)
{
    return v->subtasks[subtask].metrics.last;
}

int64_t jm_subtask_watermark(const jm_vertex *v, uint32_t subtask)
{
    const Wsl__Pb__TaskMetrics *m = metrics_of(v, subtask);
    return m == NULL ? INT64_MIN : jm_vertex_is_source(v) ? m->output_watermark : m->input_watermark;
}

int64_t jm_subtask_watermark_since(const jm_vertex *v, uint32_t subtask)
{
    const Wsl__Pb__TaskMetrics *m = metrics_of(v, subtask);
    return m == NULL ? 0 : jm_vertex_is_source(v) ? m->output_since_ms : m->input_since_ms;
}

/* ---- words ---- */

/* "2026-11-21 09:01:00.000" of a watermark in UTC. */
static const char *time_text(int64_t ms, char out[64])
{
    struct tm t;
    const time_t seconds = (time_t)(ms >= 0 ? ms / 1000 : -((-(ms + 1)) / 1000) - 1);
    char text[32];
    if (ms == INT64_MAX) {
        return "the end of time";
    }
    if (ms <= -62135596800000 || ms >= 253402300800000 || gmtime_r(&seconds, &t) == NULL ||
        strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &t) == 0) {
        (void)snprintf(out, 64, "%" PRId64 " ms", ms);
        return out;
    }
    (void)snprintf(out, 64, "%s.%03d", text, (int)(ms - (int64_t)seconds * 1000));
    return out;
}

static void add_since(wsl_strbuf *s, int64_t since_ms, int64_t now_ms)
{
    if (since_ms > 0) {
        wsl_strbuf_printf(s, " for %.1f s", (double)(now_ms > since_ms ? now_ms - since_ms : 0) / 1000);
    }
}

static void add_task(wsl_strbuf *s, const jm_job *job, uint32_t vertex, uint32_t subtask)
{
    wsl_strbuf_printf(s, "subtask %u of '%s'", subtask, job->plan->vertices[vertex].name);
}

/* ---- at a strategy ---- */

static void say_split(const jm_hold *h, int64_t now_ms, wsl_strbuf *s)
{
    const Wsl__Pb__SplitMetrics *split = h->split;
    char text[64];
    if (split->name[0] != '\0') {
        wsl_strbuf_printf(s, "its split '%s' ", split->name);
    } else {
        wsl_strbuf_puts(s, "it ");
    }
    if (split->watermark == INT64_MIN) {
        wsl_strbuf_puts(s, "has given no row with a timestamp yet");
        return;
    }
    wsl_strbuf_printf(s, "stands at %s", time_text(split->watermark, text));
    add_since(s, split->since_ms, now_ms);
    if (split->idle) {
        wsl_strbuf_puts(s, ", and is idle");
    }
    if (split->paused) {
        wsl_strbuf_printf(s, ", told to wait because its alignment group allows no more than %s",
                          time_text(h->generator->limit, text));
    }
}

/* The strategy that is furthest behind, those that are not idle first; NULL: there is none. */
static const Wsl__Pb__GeneratorMetrics *slowest_generator(const Wsl__Pb__TaskMetrics *m)
{
    const Wsl__Pb__GeneratorMetrics *slowest = m->n_generators > 0 ? m->generators[0] : NULL;
    for (size_t i = 1; i < m->n_generators; i++) {
        const Wsl__Pb__GeneratorMetrics *g = m->generators[i];
        if ((slowest->idle && !g->idle) ||
            (slowest->idle == g->idle && g->watermark < slowest->watermark)) {
            slowest = g;
        }
    }
    return slowest;
}

/* What of that strategy, one of the last hop's, holds the others back. */
static void say_generator(const jm_job *job, jm_hold *h, const Wsl__Pb__GeneratorMetrics *g, int64_t now_ms,
                          wsl_strbuf *s)
{
    const jm_hop *last = &h->hops[h->n_hops - 1];
    h->generator = g;
    if (g->operator_ < job->plan->graph->n_operators) {
        wsl_strbuf_printf(s, "strategy '%s' of ", job->plan->graph->operators[g->operator_]->name);
    }
    add_task(s, job, last->vertex, last->subtask);
    wsl_strbuf_puts(s, ": ");
    if (g->n_splits > 0) {
        h->split = g->splits[0];
        say_split(h, now_ms, s);
        if (g->reading > 1) {
            wsl_strbuf_printf(s, " (of %u being read)", g->reading);
        }
    } else {
        wsl_strbuf_printf(s, "it reads no split at the moment%s", g->idle ? " and is idle" : "");
    }
}

/* The name of a strategy that the task runs whether it has told of it yet or not; NULL: it runs none. */
static const char *strategy_in(const jm_job *job, uint32_t vertex)
{
    const wsl_job_graph *graph = job->plan->graph;
    for (size_t i = 0; i < graph->n_operators; i++) {
        if (job->plan->vertex_of[i] == vertex && strcmp(graph->operators[i]->kind, "watermarks") == 0) {
            return graph->operators[i]->name;
        }
    }
    return NULL;
}

static void say_source(const jm_job *job, const jm_hop *at, wsl_strbuf *s)
{
    const char *strategy = strategy_in(job, at->vertex);
    if (strategy != NULL) {
        wsl_strbuf_printf(s, "strategy '%s' of ", strategy);
    }
    add_task(s, job, at->vertex, at->subtask);
    wsl_strbuf_puts(s, strategy != NULL ? ", whose numbers have not come yet" : ", a source without watermark strategy");
}

/* ---- the way back ---- */

/* NULL: no channel holds it back. */
static const Wsl__Pb__ChannelMetrics *slowest_input(const Wsl__Pb__TaskMetrics *m)
{
    const Wsl__Pb__ChannelMetrics *slowest = NULL;
    for (size_t i = 0; i < m->n_inputs; i++) {
        const Wsl__Pb__ChannelMetrics *c = m->inputs[i];
        if (!c->idle && !c->ended && !c->catching_up && (slowest == NULL || c->watermark < slowest->watermark)) {
            slowest = c;
        }
    }
    return slowest;
}

static bool is_live(const jm_vertex *v, uint32_t subtask)
{
    return !jm_task_state_is_final(v->subtasks[subtask].state) && metrics_of(v, subtask) != NULL;
}

/* Does the subtask hold back what is behind it? */
static bool counts(const jm_vertex *v, uint32_t subtask)
{
    const Wsl__Pb__TaskMetrics *m = metrics_of(v, subtask);
    if (!jm_vertex_is_source(v)) {
        return slowest_input(m) != NULL;
    }
    const Wsl__Pb__GeneratorMetrics *g = slowest_generator(m);
    return g == NULL || !g->idle;
}

/* UINT32_MAX: none runs. */
static uint32_t slowest_subtask(const jm_vertex *v)
{
    uint32_t slowest = UINT32_MAX;
    bool slowest_counts = false;
    for (uint32_t i = 0; i < v->plan->parallelism; i++) {
        if (!is_live(v, i)) {
            continue;
        }
        const bool c = counts(v, i);
        if (slowest == UINT32_MAX || (c && !slowest_counts) ||
            (c == slowest_counts && jm_subtask_watermark(v, i) < jm_subtask_watermark(v, slowest))) {
            slowest = i;
            slowest_counts = c;
        }
    }
    return slowest;
}

static void add_hop(const jm_job *job, jm_hold *h, uint32_t vertex, uint32_t subtask)
{
    const jm_vertex *v = &job->graph.vertices[vertex];
    h->hops[h->n_hops++] =
        (jm_hop){vertex, subtask, jm_subtask_watermark(v, subtask), jm_subtask_watermark_since(v, subtask)};
}

/* Where a channel comes from. False: the report names what is not in this job. */
static bool producer_of(const jm_job *job, const Wsl__Pb__ChannelMetrics *c, uint32_t *out_vertex)
{
    const wsl_job_graph *graph = job->plan->graph;
    if (c->edge >= graph->n_edges) {
        return false;
    }
    *out_vertex = job->plan->vertex_of[graph->edges[c->edge]->from];
    return c->peer_subtask < job->plan->vertices[*out_vertex].parallelism;
}

static void say_why_it_works(const jm_job *job, const jm_hop *at, const jm_task_metrics *m, wsl_strbuf *s)
{
    char text[64];
    add_task(s, job, at->vertex, at->subtask);
    wsl_strbuf_printf(s, ", which has %s in work (%.0f %% busy, %.0f %% backpressured)",
                      time_text(m->last->input_watermark, text), m->rates.busy_ms / 10, m->rates.backpressured_ms / 10);
}

/* One step back. False: the cause is found and said. */
static bool go_back(const jm_job *job, jm_hold *h, int64_t now_ms, wsl_strbuf *s)
{
    const jm_hop *at = &h->hops[h->n_hops - 1];
    const jm_vertex *v = &job->graph.vertices[at->vertex];
    const jm_task_metrics *m = &v->subtasks[at->subtask].metrics;
    const bool first = h->n_hops == 1;
    const Wsl__Pb__GeneratorMetrics *g = slowest_generator(m->last);
    if (jm_vertex_is_source(v)) {
        if (g != NULL) {
            say_generator(job, h, g, now_ms, s);
        } else {
            say_source(job, at, s);
        }
        return false;
    }
    if (!first && g != NULL) {
        say_generator(job, h, g, now_ms, s);
        return false;
    }
    if (!first && m->last->input_watermark > m->last->output_watermark) {
        say_why_it_works(job, at, m, s);
        return false;
    }
    const Wsl__Pb__ChannelMetrics *c = slowest_input(m->last);
    uint32_t from = 0;
    if (c == NULL || !producer_of(job, c, &from)) {
        add_task(s, job, at->vertex, at->subtask);
        wsl_strbuf_puts(s, m->last->n_inputs == 0 ? ", whose numbers have not come yet"
                                                  : ": all its inputs are idle or have ended");
        return false;
    }
    const jm_vertex *producer = &job->graph.vertices[from];
    if (!is_live(producer, c->peer_subtask)) {
        add_task(s, job, from, c->peer_subtask);
        wsl_strbuf_puts(s, ", which does not run any more; its last rows are on their way");
        return false;
    }
    if (c->queue > 0 && metrics_of(producer, c->peer_subtask)->output_watermark > c->watermark) {
        wsl_strbuf_printf(s, "%u buffers that wait at input %u of ", c->queue, job->plan->graph->edges[c->edge]->input);
        add_task(s, job, at->vertex, at->subtask);
        wsl_strbuf_puts(s, ", from ");
        add_task(s, job, from, c->peer_subtask);
        return false;
    }
    add_hop(job, h, from, c->peer_subtask);
    return h->n_hops < JM_HOPS_MAX;
}

static void say_where_it_stands(const jm_job *job, const jm_hold *h, int64_t now_ms, wsl_strbuf *s)
{
    char text[64];
    const jm_hop *first = &h->hops[0];
    add_task(s, job, first->vertex, first->subtask);
    if (first->watermark == INT64_MIN) {
        wsl_strbuf_puts(s, " has no watermark yet");
    } else {
        wsl_strbuf_printf(s, " stands at %s", time_text(first->watermark, text));
        add_since(s, first->since_ms, now_ms);
    }
}

void jm_watermark_hold(const jm_job *job, uint32_t vertex, int64_t now_ms, jm_hold *out)
{
    const jm_vertex *v = &job->graph.vertices[vertex];
    const uint32_t subtask = slowest_subtask(v);
    *out = (jm_hold){0};
    if (subtask == UINT32_MAX) {
        (void)snprintf(out->sentence, sizeof out->sentence, "'%s' does not run", v->plan->name);
        return;
    }
    wsl_strbuf s;
    wsl_strbuf_init(&s);
    add_hop(job, out, vertex, subtask);
    say_where_it_stands(job, out, now_ms, &s);
    if (out->hops[0].watermark != INT64_MAX) {
        wsl_strbuf_puts(&s, ", held back by ");
        while (go_back(job, out, now_ms, &s)) {
        }
    }
    (void)snprintf(out->sentence, sizeof out->sentence, "%s", s.data);
    wsl_strbuf_fini(&s);
}
