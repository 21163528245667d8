/* Windows of jobs in JSON: the example of common/graph/README.md, run; what else may be written, and what is refused.
 */
#include "harness/wsl_test.h"

#include <stdio.h>
#include <stdlib.h>

#include <wiesel/harness.h>

#include "base/alloc.h"
#include "graph/graph_json.h"
#include "graph/job_graph.h"
#include "graph/operator_options.h"
#include "graph/window_options.h"

WSL_ROW(trade, (string, symbol), (int64, delta), (double, price), (timestamp, ts));

static wsl_status read_graph(const char *json, wsl_job_graph **out, wsl_error *err)
{
    *err = (wsl_error){0};
    return wsl_job_graph_from_json(json, strlen(json), out, err);
}

static const Wsl__Pb__Operator *find(const wsl_job_graph *graph, const char *name)
{
    for (size_t i = 0; i < graph->n_operators; i++) {
        if (strcmp(graph->operators[i]->name, name) == 0) {
            return graph->operators[i];
        }
    }
    cr_assert_fail("no operator '%s'", name);
    return NULL;
}

/* A harness with the operator's options. */
static wsl_harness *harness_of(const Wsl__Pb__Operator *op, const wsl_schema *in, bool keyed)
{
    wsl_error err = {0};
    wsl_harness *h = NULL;
    wsl_windowing windows;
    const char *select = NULL;
    WSL_AUTO(wsl_config) config = NULL;
    cr_assert_eq(wsl_operator_config_new(op, NULL, &config, &err), WSL_OK, "%s", err.text);
    cr_assert_eq(wsl_window_from_config(config, &windows, &select, &err), WSL_OK, "%s", err.text);
    const wsl_harness_options o = {
        .windows = &windows, .select = select, .in = in, .keys = keyed ? WSL_HARNESS_KEYS("symbol") : NULL};
    cr_assert_eq(wsl_harness_new(&o, &h, &err), WSL_OK, "%s", err.text);
    return h;
}

static void push(wsl_harness *h, const char *symbol, int64_t delta, double price, int64_t ts)
{
    wsl_row_writer *w = wsl_harness_row(h, &trade_schema);
    trade_set_symbol(w, wsl_str_of(symbol));
    trade_set_delta(w, delta);
    trade_set_price(w, price);
    trade_set_ts(w, ts);
    cr_assert_eq(wsl_harness_push_at(h, w, ts), WSL_OK, "%s", wsl_harness_error(h)->text);
}

/* The JSON block of the README that has this text in it. */
static char *readme_block(const char *about)
{
    char path[1024];
    char *text = wsl_zalloc(1 << 20);
    (void)snprintf(path, sizeof path, "%s/common/graph/README.md", getenv("WIESEL_SOURCE_DIR"));
    FILE *file = fopen(path, "r");
    cr_assert_not_null(file, "%s", path);
    text[fread(text, 1, (1 << 20) - 1, file)] = '\0';
    (void)fclose(file);
    for (char *at = strstr(text, "```json\n"); at != NULL; at = strstr(at, "```json\n")) {
        at += strlen("```json\n");
        char *block = wsl_strndup(at, (size_t)(strstr(at, "```") - at));
        if (strstr(block, about) != NULL) {
            free(text);
            return block;
        }
        free(block);
    }
    cr_assert_fail("no example with %s", about);
    return NULL;
}

Test(window_json, the_example_of_the_readme_runs)
{
    wsl_error err;
    WSL_AUTO(wsl_job_graph) graph = NULL;
    char *json = readme_block("\"window\"");
    cr_assert_eq(read_graph(json, &graph, &err), WSL_OK, "%s", err.text);
    free(json);
    const Wsl__Pb__Operator *op = find(graph, "notional");
    cr_assert_str_eq(op->kind, "window");
    cr_assert_eq(op->n_sides, 1);
    cr_assert_str_eq(op->sides[0]->tag, "late-trades");
    WSL_AUTO(wsl_harness) h = harness_of(op, &trade_schema, true);
    push(h, "ACME", 10, 2.5, 1000);
    push(h, "ACME", -4, 2.0, 29999);
    push(h, "ACME", 1, 1.0, 30000);
    cr_assert_eq(wsl_harness_watermark(h, 29999), WSL_OK);
    push(h, "ACME", 1, 3.0, 2000);
    cr_assert_eq(wsl_harness_watermark(h, 44999), WSL_OK);
    push(h, "ACME", 1, 3.0, 2000);
    const char *text = wsl_harness_text(h);
    cr_assert_str_eq(text,
                     "{symbol=ACME, window_start=1970-01-01 00:00:00, window_end=1970-01-01 00:00:30, net_qty=6, "
                     "notional=17}@29999, watermark 29999, "
                     "{symbol=ACME, window_start=1970-01-01 00:00:00, window_end=1970-01-01 00:00:30, net_qty=7, "
                     "notional=20}@29999, watermark 44999, "
                     "late-trades: {symbol=ACME, delta=1, price=3, ts=1970-01-01 00:00:02}@2000",
                     "%s", text);
}

static char *job_with(const char *key_by, const char *window)
{
    return wsl_asprintf(
        "{\"operators\": [{\"name\": \"in\", \"source\": \"file\", \"schema\": {\"symbol\": \"STRING\", "
        "\"delta\": \"BIGINT\", \"price\": \"DOUBLE\", \"ts\": \"TIMESTAMP\"}, \"options\": {\"path\": "
        "\"x\", \"format\": \"json\"}}, {\"name\": \"w\", %s \"window\": %s, \"aggregate\": \"COUNT(*) AS n, "
        "SUM(delta) AS d\"}, {\"name\": \"out\", \"sink\": \"print\"}]}",
        key_by, window);
}

static const char *run(const char *key_by, const char *window)
{
    static char text[4096];
    wsl_error err;
    WSL_AUTO(wsl_job_graph) graph = NULL;
    char *json = job_with(key_by, window);
    cr_assert_eq(read_graph(json, &graph, &err), WSL_OK, "%s: %s", window, err.text);
    free(json);
    WSL_AUTO(wsl_harness) h = harness_of(find(graph, "w"), &trade_schema, key_by[0] != '\0');
    push(h, "A", 1, 1.0, 1000);
    push(h, "B", 2, 1.0, 2000);
    push(h, "A", 4, 1.0, 3500);
    cr_assert_eq(wsl_harness_watermark(h, 100000), WSL_OK, "%s", wsl_harness_error(h)->text);
    (void)snprintf(text, sizeof text, "%s", wsl_harness_text(h));
    return text;
}

#define gives(key_by, window, want)                                                                                    \
    do {                                                                                                               \
        const char *got_ = run(key_by, window);                                                                        \
        cr_assert(strcmp(got_, want) == 0, "%s\ngot      %s\nexpected %s", window, got_, want);                        \
    } while (0)

Test(window_json, all_kinds_of_windows)
{
    gives("", "{\"tumbling\": \"2 s\"}", "{n=1, d=1}@1999, {n=2, d=6}@3999, watermark 100000");
    gives("", "{\"tumbling\": \"2 s\", \"offset\": \"1 s\"}", "{n=2, d=3}@2999, {n=1, d=4}@4999, watermark 100000");
    gives("", "{\"tumbling\": \"2 s\", \"offset\": \"-1 s\"}", "{n=2, d=3}@2999, {n=1, d=4}@4999, watermark 100000");
    gives("", "{\"sliding\": \"4 s\", \"slide\": \"2 s\"}",
          "{n=1, d=1}@1999, {n=3, d=7}@3999, {n=2, d=6}@5999, watermark 100000");
    gives("\"key_by\": [\"symbol\"],", "{\"session\": \"2 s\"}",
          "{n=1, d=1}@2999, {n=1, d=2}@3999, {n=1, d=4}@5499, "
          "watermark 100000");
    gives("", "{\"count\": 2}", "{n=2, d=3}@9223372036854775807, watermark 100000");
    gives("", "{\"count\": 2, \"slide\": 1}",
          "{n=1, d=1}@9223372036854775807, {n=2, d=3}@9223372036854775807, {n=2, d=6}@9223372036854775807, "
          "watermark 100000");
    gives("", "{\"global\": true, \"trigger\": \"count\", \"trigger-count\": 3}",
          "{n=3, d=7}@9223372036854775807, watermark 100000");
}

Test(window_json, what_is_wrong_is_named)
{
    static const char *const cases[][2] = {
        {"{}", "operators[1].window does not say which windows"},
        {"{\"tumbling\": \"2 s\", \"session\": \"2 s\"}",
         "operators[1].window: windows are either tumbling or session"},
        {"{\"tumbling\": \"2 s\", \"slide\": \"1 s\"}", "operators[1].window.slide: tumbling windows do not slide"},
        {"{\"tumbling\": \"2 s\", \"latenes\": \"1 s\"}",
         "operators[1].window.latenes: unknown key; did you mean 'lateness'"},
        {"{\"tumbling\": []}", "operators[1].window.tumbling: a text, a number"},
        {"{\"tumbling\": \"soon\"}", "soon"},
        {"{\"global\": 5}", "operators[1].window.global: true is expected"},
        {"7", "operators[1].window: an object is expected"},
    };
    for (size_t i = 0; i < WSL_ARRAY_LEN(cases); i++) {
        wsl_error err;
        WSL_AUTO(wsl_job_graph) graph = NULL;
        char *json = job_with("\"key_by\": [\"symbol\"],", cases[i][0]);
        cr_assert_neq(read_graph(json, &graph, &err), WSL_OK, "%s", cases[i][0]);
        cr_assert_neq(strstr(err.text, cases[i][1]), NULL, "%s: %s", cases[i][0], err.text);
        free(json);
    }
    wsl_error err;
    WSL_AUTO(wsl_job_graph) graph = NULL;
    const char *json = "{\"operators\": [{\"name\": \"a\", \"window\": {}, \"where\": \"true\"}]}";
    cr_assert_eq(read_graph(json, &graph, &err), WSL_INVALID);
    cr_assert_neq(strstr(err.text, "a \"window\" needs an \"aggregate\""), NULL, "%s", err.text);
}
