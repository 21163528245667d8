#include "harness/wsl_test.h"
#include "graph_fixture.h"
#include "base/rng.h"

#include <stdio.h>

Test(job_graph, encode_and_decode_give_the_same_graph)
{
    wsl_error err;
    uint8_t *a = NULL;
    uint8_t *b = NULL;
    size_t n_a = 0;
    size_t n_b = 0;
    WSL_AUTO(wsl_job_graph) g = gf_keyed();
    WSL_AUTO(wsl_job_graph) back = NULL;
    wsl_job_graph_encode(g, &a, &n_a);
    cr_assert_eq(wsl_job_graph_decode(a, n_a, &back, &err), WSL_OK, "%s", err.text);
    wsl_job_graph_encode(back, &b, &n_b);
    cr_assert_eq(n_a, n_b);
    cr_assert_arr_eq(a, b, n_a);
    free(a);
    free(b);
}

Test(job_graph, bytes_beyond_the_maximum_are_refused_before_they_are_looked_at)
{
    wsl_error err;
    wsl_job_graph *g = NULL;
    cr_assert_eq(wsl_job_graph_decode("", WSL_GRAPH_BYTES_MAX + 1, &g, &err), WSL_TOO_LARGE);
    cr_assert_str_eq(err.text, "a job graph of 4194305 bytes is larger than the 4194304 allowed");
    cr_assert_null(g);
}

/* Puts a tag and the length of all that follows before it. */
static void wrap(uint8_t tag, const uint8_t *end, uint8_t **at)
{
    uint8_t varint[10];
    size_t n = 0;
    for (size_t size = (size_t)(end - *at); n == 0 || size > 0; size >>= 7) {
        varint[n++] = (uint8_t)((size & 0x7f) | (size > 0x7f ? 0x80 : 0));
    }
    *at -= n;
    memcpy(*at, varint, n);
    *--*at = tag;
}

Test(job_graph, messages_nested_without_end_are_refused)
{
    enum { SIZE = 400000, LEVELS = 90000 };
    enum { SCHEMA_FIELDS = 0x12, FIELD_TYPE = 0x12, TYPE_ROW = 0x3a, OPERATOR_OUTPUT = 0x4a, GRAPH_OPERATORS = 0x12 };
    static const uint8_t tags[] = {TYPE_ROW, FIELD_TYPE, SCHEMA_FIELDS};
    static uint8_t bytes[SIZE];
    wsl_error err;
    wsl_job_graph *g = NULL;
    uint8_t *at = bytes + SIZE;
    for (size_t level = 0; level < LEVELS; level++) {
        wrap(tags[level % 3], bytes + SIZE, &at);
    }
    wrap(OPERATOR_OUTPUT, bytes + SIZE, &at);
    wrap(GRAPH_OPERATORS, bytes + SIZE, &at);
    cr_assert_eq(wsl_job_graph_decode(at, (size_t)(bytes + SIZE - at), &g, &err), WSL_TOO_LARGE, "%s", err.text);
    cr_assert_null(g);
}

Test(job_graph, a_few_bytes_do_not_become_much_memory)
{
    enum { N = 2000000 };
    uint8_t *bytes = wsl_alloc(N);
    for (size_t i = 0; i < N; i += 2) {
        bytes[i] = 0x12; /* an empty operator of 2 bytes, a million times */
        bytes[i + 1] = 0;
    }
    wsl_error err;
    wsl_job_graph *g = NULL;
    wsl_job_plan *plan = NULL;
    const wsl_status status = wsl_job_graph_decode(bytes, N, &g, &err);
    if (status == WSL_OK) {
        cr_assert_eq(wsl_job_plan_new(g, 1, &plan, &err), WSL_TOO_LARGE);
        cr_assert_str_eq(err.text, "the job has 1000000 operators and 0 edges; at most 1000 and 4000 are possible");
        wsl_job_graph_free(g);
    } else {
        cr_assert_eq(status, WSL_TOO_LARGE);
    }
    free(bytes);
}

Test(job_graph, no_damaged_graph_crashes_decoding_or_planning)
{
    wsl_rng rng;
    uint8_t *good = NULL;
    size_t size = 0;
    WSL_AUTO(wsl_job_graph) g = gf_keyed();
    wsl_job_graph_encode(g, &good, &size);
    wsl_rng_seed(&rng, 7);
    uint32_t planned = 0;
    for (int round = 0; round < 20000; round++) {
        wsl_error err;
        wsl_job_graph *back = NULL;
        wsl_job_plan *plan = NULL;
        uint8_t *bytes = wsl_memdup(good, size);
        for (uint64_t flips = 1 + wsl_rng_below(&rng, 3); flips > 0; flips--) {
            bytes[wsl_rng_below(&rng, size)] = (uint8_t)wsl_rng_next(&rng);
        }
        const size_t n = wsl_rng_below(&rng, 4) == 0 ? wsl_rng_below(&rng, size + 1) : size;
        if (wsl_job_graph_decode(bytes, n, &back, &err) == WSL_OK) {
            if (wsl_job_plan_new(back, 2, &plan, &err) == WSL_OK) {
                planned++;
                wsl_job_plan_free(plan);
            } else {
                cr_assert_gt(strlen(err.text), 0);
                wsl_job_graph_free(back);
            }
        }
        free(bytes);
    }
    cr_assert_gt(planned, 100, "some damage does not matter, so the damaged ones were really tried");
    free(good);
}

Test(job_graph, the_default_parallelism_must_be_possible)
{
    wsl_error err;
    cr_assert_str_eq(gf_refused(gf_line(), 0, &err), "the default parallelism is 0; it must be 1 to 4096");
    cr_assert_str_eq(gf_refused(gf_line(), 4097, &err), "the default parallelism is 4097; it must be 1 to 4096");
}

Test(job_graph, a_graph_at_the_limit_of_operators_is_planned)
{
    wsl_job_graph *g = gf_graph("long");
    (void)gf_op(g, "source", "s");
    for (uint32_t i = 1; i < WSL_GRAPH_OPERATORS_MAX; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "f%u", i);
        (void)gf_op(g, "filter", name);
        (void)gf_edge(g, i - 1, i, WSL__PB__PARTITION__UNSTATED);
    }
    WSL_AUTO(wsl_job_plan) plan = gf_plan(g, 1);
    cr_assert_eq(plan->n_vertices, 1);
    cr_assert_eq(plan->vertices[0].n_operators, WSL_GRAPH_OPERATORS_MAX);
}
