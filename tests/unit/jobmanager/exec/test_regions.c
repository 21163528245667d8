#include "jobmanager/exec/regions.h"

#include <stdio.h>

#include "base/strbuf.h"
#include "harness/wsl_test.h"

/* A plan of vertices with one operator each; edges are given by vertices. */
typedef struct shape {
    uint32_t parallelism[5], n;
    struct {
        uint32_t from, to;
        Wsl__Pb__Partition how;
    } edges[6];
    uint32_t n_edges;
} shape;

/* "0 1 | 0 1": regions of the subtasks, by vertex. */
static void expect(const shape *s, bool whole, const char *expected)
{
    wsl_vertex vertices[5] = {0};
    uint32_t vertex_of[5];
    Wsl__Pb__JobGraph graph = WSL__PB__JOB_GRAPH__INIT;
    Wsl__Pb__Edge edges[6], *list[6];
    for (uint32_t v = 0; v < s->n; v++) {
        vertices[v].parallelism = s->parallelism[v];
        vertex_of[v] = v;
    }
    for (uint32_t e = 0; e < s->n_edges; e++) {
        wsl__pb__edge__init(&edges[e]);
        edges[e].from = s->edges[e].from;
        edges[e].to = s->edges[e].to;
        edges[e].partition = s->edges[e].how;
        list[e] = &edges[e];
    }
    graph.edges = list;
    graph.n_edges = s->n_edges;
    const wsl_job_plan plan = {.graph = &graph, .vertices = vertices, .n_vertices = s->n, .vertex_of = vertex_of};
    jm_exec_graph g;
    jm_exec_graph_init(&g, &plan, 1);
    jm_regions_set(&g, whole);
    wsl_strbuf text;
    wsl_strbuf_init(&text);
    uint32_t most = 0;
    for (uint32_t v = 0; v < s->n; v++) {
        for (uint32_t i = 0; i < s->parallelism[v]; i++) {
            const uint32_t region = g.vertices[v].subtasks[i].region;
            most = region > most ? region : most;
            wsl_strbuf_printf(&text, "%s%u", i > 0 ? " " : v > 0 ? " | " : "", region);
        }
    }
    cr_assert_str_eq(text.data, expected, "'%s' is not '%s'", text.data, expected);
    cr_assert_eq(g.n_regions, most + 1);
    wsl_strbuf_fini(&text);
    jm_exec_graph_fini(&g);
}

#define FORWARD WSL__PB__PARTITION__FORWARD
#define RESCALE WSL__PB__PARTITION__RESCALE
#define HASH WSL__PB__PARTITION__HASH
#define BROADCAST WSL__PB__PARTITION__BROADCAST

Test(regions, a_chain_alone_has_a_region_per_subtask)
{
    expect(&(shape){.parallelism = {3}, .n = 1}, false, "0 1 2");
    expect(&(shape){.parallelism = {3}, .n = 1}, true, "0 0 0");
}

Test(regions, forward_edges_join_equal_numbers)
{
    expect(&(shape){.parallelism = {2, 2, 2}, .n = 3, .edges = {{0, 1, FORWARD}, {1, 2, FORWARD}}, .n_edges = 2}, false,
           "0 1 | 0 1 | 0 1");
}

Test(regions, a_key_joins_everybody)
{
    expect(&(shape){.parallelism = {2, 3}, .n = 2, .edges = {{0, 1, HASH}}, .n_edges = 1}, false, "0 0 | 0 0 0");
    expect(&(shape){.parallelism = {2, 3, 3}, .n = 3, .edges = {{0, 1, HASH}, {1, 2, FORWARD}}, .n_edges = 2}, false,
           "0 0 | 0 0 0 | 0 0 0");
}

Test(regions, rescale_joins_the_runs_it_connects)
{
    expect(&(shape){.parallelism = {2, 4, 2}, .n = 3, .edges = {{0, 1, RESCALE}, {1, 2, RESCALE}}, .n_edges = 2}, false,
           "0 1 | 0 0 1 1 | 0 1");
    expect(&(shape){.parallelism = {4, 1}, .n = 2, .edges = {{0, 1, RESCALE}}, .n_edges = 1}, false, "0 0 0 0 | 0");
}

Test(regions, pipelines_that_share_nothing_stay_apart_and_those_that_meet_are_one)
{
    expect(&(shape){.parallelism = {2, 2, 2, 2}, .n = 4, .edges = {{0, 2, HASH}, {1, 3, HASH}}, .n_edges = 2}, false,
           "0 0 | 1 1 | 0 0 | 1 1");
    expect(&(shape){.parallelism = {2, 1, 2}, .n = 3, .edges = {{0, 2, FORWARD}, {1, 2, BROADCAST}}, .n_edges = 2}, false,
           "0 0 | 0 | 0 0");
}
