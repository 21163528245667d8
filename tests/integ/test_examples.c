/*
 * test_examples - the numbered examples of the semantics about windows as jobs on clusters, at parallelism one and three: each
 * key has exactly the results of the example, in order, each at the watermark at which it is due, and the same late rows.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "harness/mini_cluster.h"
#include "harness/wsl_test.h"
#include "integ/example_script.h"

enum { SECONDS = 1000 };

typedef struct gathering {
    mini_cluster *c;
    wsl_id job;
    wsl_strbuf results[EXAMPLE_COPIES], late[EXAMPLE_COPIES];
} gathering;

static void add_time(wsl_strbuf *out, int64_t t)
{
    if (t == WSL_TIME_MIN || t == WSL_TIME_MAX) {
        wsl_strbuf_puts(out, t == WSL_TIME_MIN ? "MIN" : "MAX");
    } else {
        wsl_strbuf_printf(out, "%lld", (long long)t);
    }
}

/* "[0,10)=3 at 9; "; what the end of the input fires is not the example's. */
static void take(void *arg, const wsl_row *row)
{
    gathering *g = arg;
    const wsl_str key = result_key(row);
    const uint32_t copy = (uint32_t)(key.data[key.size - 1] - '0');
    cr_assert_lt(copy, EXAMPLE_COPIES);
    if (result_late(row)) {
        wsl_strbuf_printf(&g->late[copy], "%.*s; ", (int)result_value(row).size, result_value(row).data);
        return;
    }
    if (result_watermark(row) == WSL_TIME_MAX) {
        return;
    }
    wsl_strbuf *out = &g->results[copy];
    wsl_strbuf_puts(out, "[");
    add_time(out, result_start(row));
    wsl_strbuf_puts(out, ",");
    add_time(out, result_end(row));
    wsl_strbuf_printf(out, ")=%.*s at ", (int)result_value(row).size, result_value(row).data);
    add_time(out, result_watermark(row));
    wsl_strbuf_puts(out, "; ");
}

static bool gathered(void *arg)
{
    gathering *g = arg;
    return mini_cluster_collect(g->c, &g->job, take, g);
}

/* The same texts from the script. */
static void wanted(const example_script *script, wsl_strbuf *results, wsl_strbuf *late)
{
    int64_t watermark = WSL_TIME_MIN;
    for (uint32_t i = 0; i < script->n; i++) {
        const example_step *s = &script->steps[i];
        watermark = s->kind == EXAMPLE_WATERMARK ? s->at : watermark;
        for (const char *at = s->kind == EXAMPLE_EXPECT ? s->text : ""; *at != '\0'; at += *at == ' ') {
            const int size = (int)strcspn(at, " ");
            if (strncmp(at, "late:", 5) == 0) {
                wsl_strbuf_printf(late, "%.*s; ", size - 5, at + 5);
            } else {
                wsl_strbuf_printf(results, "%.*s at ", size, at);
                add_time(results, watermark);
                wsl_strbuf_puts(results, "; ");
            }
            at += size;
        }
    }
}

static void run(mini_cluster *c, uint32_t parallelism, uint32_t number)
{
    char text[16];
    const char *const args[] = {"--example", text, NULL};
    wsl_error err = {0};
    gathering g = {.c = c};
    wsl_strbuf results, late;
    const example_script *script = &examples[number];
    (void)snprintf(text, sizeof text, "%u", number);
    wsl_strbuf_init(&results);
    wsl_strbuf_init(&late);
    for (uint32_t i = 0; i < EXAMPLE_COPIES; i++) {
        wsl_strbuf_init(&g.results[i]);
        wsl_strbuf_init(&g.late[i]);
    }
    wanted(script, &results, &late);
    cr_assert_eq(mini_cluster_submit(c, INTEG_EXAMPLE_JOBS, parallelism, args, NULL, &g.job, &err), WSL_OK, "%s: %s",
                 script->name, err.text);
    cr_assert(mini_cluster_run(c, gathered, &g, 100 * SECONDS), "%s: rows did not end: %s", script->name,
              mini_cluster_failure(c, &g.job));
    cr_assert(mini_cluster_await(c, &g.job, "FINISHED", 30 * SECONDS), "%s: %s", script->name,
              mini_cluster_failure(c, &g.job));
    for (uint32_t i = 0; i < EXAMPLE_COPIES; i++) {
        cr_assert_str_eq(g.results[i].data, results.data, "%s, key %u: got '%s', wanted '%s'", script->name, i,
                         g.results[i].data, results.data);
        cr_assert_str_eq(g.late[i].data, late.data, "%s, key %u: late '%s', wanted '%s'", script->name, i,
                         g.late[i].data, late.data);
        wsl_strbuf_fini(&g.results[i]);
        wsl_strbuf_fini(&g.late[i]);
    }
    wsl_strbuf_fini(&results);
    wsl_strbuf_fini(&late);
}

/* Some at a time: a cluster keeps the libraries it was given. */
static void run_all(uint32_t task_managers, uint32_t slots)
{
    for (uint32_t first = 0; first < EXAMPLES_COUNT; first += 8) {
        mini_cluster *c = mini_cluster_start(task_managers, slots, NULL);
        for (uint32_t i = first; i < EXAMPLES_COUNT && i < first + 8; i++) {
            run(c, task_managers * slots, i);
        }
        mini_cluster_stop(c);
    }
}

Test(examples, ex06_to_ex48_at_parallelism_one) { run_all(1, 1); }
Test(examples, ex06_to_ex48_at_parallelism_three) { run_all(3, 1); }
