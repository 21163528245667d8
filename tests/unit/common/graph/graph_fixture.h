/*
 * graph_fixture - small job graphs for tests, written as protobuf by hand.
 */
#pragma once
#include "harness/wsl_test.h"

#include "harness/wsl_test.h"

#include <string.h>

#include <wiesel/row.h>

#include "base/alloc.h"
#include "graph/job_graph.h"
#include "graph/pb.h"

WSL_ROW(gf_word, (string, word), (int64, n));

static inline wsl_job_graph *gf_graph(const char *name)
{
    wsl_job_graph *g = wsl_alloc(sizeof *g);
    wsl__pb__job_graph__init(g);
    wsl_pb_set(&g->name, name);
    wsl_pb_set(&g->artifact, "0123456789abcdef0123456789abcdef");
    g->chaining = true;
    return g;
}

/* Sources give gf_word; functions are called like the operator. */
static inline Wsl__Pb__Operator *gf_op(wsl_job_graph *g, const char *kind, const char *name)
{
    Wsl__Pb__Operator *op = wsl_alloc(sizeof *op);
    wsl__pb__operator__init(op);
    op->id = (uint32_t)g->n_operators;
    wsl_pb_set(&op->kind, kind);
    wsl_pb_set(&op->name, name);
    if (strcmp(kind, "source") == 0) {
        wsl_pb_set(&op->connector, "file");
        wsl_pb_add_option(&op->options, &op->n_options, "path", "data/words");
        op->output = wsl_schema_to_pb(&gf_word_schema);
    } else if (strcmp(kind, "sink") == 0) {
        wsl_pb_set(&op->connector, "blackhole");
    } else if (strcmp(kind, "watermarks") != 0) {
        wsl_pb_set(&op->function, name);
        op->output = wsl_schema_to_pb(&gf_word_schema);
    }
    *WSL_PB_APPEND(g->operators, g->n_operators) = op;
    return op;
}

static inline Wsl__Pb__Edge *gf_edge(wsl_job_graph *g, uint32_t from, uint32_t to, Wsl__Pb__Partition partition)
{
    Wsl__Pb__Edge *edge = wsl_alloc(sizeof *edge);
    wsl__pb__edge__init(edge);
    edge->id = (uint32_t)g->n_edges;
    edge->from = from;
    edge->to = to;
    edge->partition = partition;
    if (partition == WSL__PB__PARTITION__HASH) {
        wsl_pb_add_string(&edge->keys, &edge->n_keys, "word");
    }
    *WSL_PB_APPEND(g->edges, g->n_edges) = edge;
    return edge;
}

/* words -> tidy -> out, unstated partitioners. */
static inline wsl_job_graph *gf_line(void)
{
    wsl_job_graph *g = gf_graph("line");
    (void)gf_op(g, "source", "words");
    (void)gf_op(g, "filter", "tidy");
    (void)gf_op(g, "sink", "out");
    (void)gf_edge(g, 0, 1, WSL__PB__PARTITION__UNSTATED);
    (void)gf_edge(g, 1, 2, WSL__PB__PARTITION__UNSTATED);
    return g;
}

/* words -> tidy =hash=> count -> out. */
static inline wsl_job_graph *gf_keyed(void)
{
    wsl_job_graph *g = gf_graph("keyed");
    (void)gf_op(g, "source", "words");
    (void)gf_op(g, "filter", "tidy");
    (void)gf_op(g, "keyed_process", "count");
    (void)gf_op(g, "sink", "out");
    (void)gf_edge(g, 0, 1, WSL__PB__PARTITION__UNSTATED);
    (void)gf_edge(g, 1, 2, WSL__PB__PARTITION__HASH);
    (void)gf_edge(g, 2, 3, WSL__PB__PARTITION__UNSTATED);
    return g;
}

/* The plan, which must be possible. */
static inline wsl_job_plan *gf_plan(wsl_job_graph *g, uint32_t parallelism)
{
    wsl_error err = {0};
    wsl_job_plan *plan = NULL;
    cr_assert_eq(wsl_job_plan_new(g, parallelism, &plan, &err), WSL_OK, "%s", err.text);
    return plan;
}

/* Why the graph is refused; frees it. */
static inline const char *gf_refused(wsl_job_graph *g, uint32_t parallelism, wsl_error *err)
{
    wsl_job_plan *plan = NULL;
    *err = (wsl_error){0};
    const wsl_status status = wsl_job_plan_new(g, parallelism, &plan, err);
    if (status == WSL_OK) {
        wsl_job_plan_free(plan);
        return "(accepted)";
    }
    cr_assert_eq(status, err->status);
    wsl_job_graph_free(g);
    return err->text;
}
