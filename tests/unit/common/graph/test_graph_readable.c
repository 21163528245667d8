#include "harness/wsl_test.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "graph/graph_json.h"
#include "graph/graph_text.h"
#include "graph/pb.h"

/* JSON is written here with ' for ". */
static char *quoted(const char *text)
{
    char *copy = wsl_strdup(text);
    for (char *c = copy; *c != '\0'; c++) {
        *c = *c == '\'' ? '"' : *c;
    }
    return copy;
}

static wsl_job_graph *read_job(const char *text)
{
    wsl_error err = {0};
    wsl_job_graph *graph = NULL;
    char *json = quoted(text);
    cr_assert_eq(wsl_job_graph_from_json(json, strlen(json), &graph, &err), WSL_OK, "%s", err.text);
    free(json);
    return graph;
}

static void refused(const char *text, const char *sentence)
{
    wsl_error err = {0};
    wsl_job_graph *graph = NULL;
    char *json = quoted(text);
    cr_assert_neq(wsl_job_graph_from_json(json, strlen(json), &graph, &err), WSL_OK, "accepted: %s", text);
    cr_assert_str_eq(err.text, sentence, "%s", err.text);
    cr_assert_null(graph);
    free(json);
}

#define SOURCE "{'name': 'lines', 'source': 'socket', 'schema': {'line': 'STRING'}, 'options': {'port': 9999}}"
#define SINK "{'name': 'out', 'sink': 'print'}"
#define JOB(operators) "{'operators': [" operators "]}"

Test(graph_readable, a_line_of_operators_each_reads_the_one_before_it)
{
    WSL_AUTO(wsl_job_graph)
    g = read_job("{'name': 'n', 'parallelism': 3, 'max_parallelism': 64, 'chaining': false,"
             " 'comment': ['ignored'], 'operators': [" SOURCE ","
             "{'name': 'words', 'split': {'field': 'line', 'lower': true}, 'comment': 7}," SINK "]}");
    cr_assert_str_eq(g->name, "n");
    cr_assert_eq(g->parallelism, 3);
    cr_assert_eq(g->max_parallelism, 64);
    cr_assert_not(g->chaining);
    cr_assert_eq(g->n_operators, 3);
    cr_assert_eq(g->n_edges, 2);
    cr_assert_str_eq(g->operators[0]->kind, "source");
    cr_assert_str_eq(g->operators[0]->connector, "socket");
    cr_assert_str_eq(wsl_pb_option(g->operators[0]->options, g->operators[0]->n_options, "port"), "9999");
    cr_assert_str_eq(g->operators[1]->kind, "split");
    cr_assert_str_eq(wsl_pb_option(g->operators[1]->options, g->operators[1]->n_options, "lower"), "true");
    cr_assert_str_eq(g->operators[1]->output->fields[0]->name, "word");
    cr_assert_str_eq(g->operators[2]->connector, "print");
    cr_assert_eq(g->edges[1]->from, 1);
    cr_assert_eq(g->edges[1]->to, 2);
    cr_assert_eq(g->edges[1]->partition, WSL__PB__PARTITION__UNSTATED);
}

Test(graph_readable, settings_of_an_operator_are_taken_over)
{
    WSL_AUTO(wsl_job_graph)
    g = read_job(JOB(SOURCE ",{'name': 's', 'split': 'line', 'parallelism': 2, 'max_parallelism': 16,"
                        "'uid': 'u-1', 'slot_group': 'g', 'chain': 'head', 'partition': 'shuffle'}"));
    const Wsl__Pb__Operator *op = g->operators[1];
    cr_assert_eq(op->parallelism, 2);
    cr_assert_eq(op->max_parallelism, 16);
    cr_assert_str_eq(op->uid, "u-1");
    cr_assert_str_eq(op->slot_group, "g");
    cr_assert_eq(op->chain, WSL__PB__CHAIN_POLICY__CHAIN_HEAD);
    cr_assert_eq(g->edges[0]->partition, WSL__PB__PARTITION__SHUFFLE);
}

Test(graph_readable, from_names_operators_written_later_side_outputs_and_unions)
{
    WSL_AUTO(wsl_job_graph)
    g = read_job("{'schemas': {'l': {'line': 'STRING'}}, 'operators': ["
             "{'name': 'out', 'from': ['a', 'b'], 'sink': 'print'},"
             "{'name': 'a', 'source': 'socket', 'schema': 'l', 'options': {'port': 1, 'on-error': 'side-output'}},"
             "{'name': 'b', 'source': 'socket', 'schema': 'l', 'options': {'port': 2}},"
             "{'name': 'bad', 'from': 'a:bad-records', 'sink': 'print'}]}");
    cr_assert_eq(g->n_operators, 4);
    cr_assert_str_eq(g->operators[0]->name, "a");
    cr_assert_str_eq(g->operators[1]->name, "b");
    cr_assert_eq(g->n_edges, 3);
    for (size_t e = 0; e < 3; e++) {
        cr_assert_lt(g->edges[e]->from, g->edges[e]->to);
        const char *to = g->operators[g->edges[e]->to]->name;
        cr_assert_str_eq(g->edges[e]->side, strcmp(to, "bad") == 0 ? "bad-records" : "");
    }
}

Test(graph_readable, config_is_checked_and_fills_the_jobs_own_fields)
{
    WSL_AUTO(wsl_job_graph)
    g = read_job("{'config': {'pipeline.name': 'from config', 'parallelism.default': 4,"
             "'watermark.emit': 'per-record'}, 'operators': [" SOURCE "]}");
    cr_assert_str_eq(g->name, "from config");
    cr_assert_eq(g->parallelism, 4);
    cr_assert_str_eq(wsl_pb_option(g->config, g->n_config, "watermark.emit"), "per-record");
}

Test(graph_readable, text_that_is_no_json_is_refused_with_line_and_column)
{
    refused("{'operators': [}", "line 1, column 16: unexpected token near '}'");
    refused("{\n  'name': 'x',\n  'name': 'y'\n}", "line 3, column 8: duplicate object key near '\"name\"'");
    refused("", "line 1, column 0: '[' or '{' expected near end of file");
    refused("[]", "a job is a JSON object with \"operators\"");
}

Test(graph_readable, mistakes_at_the_top_are_refused_with_their_place)
{
    refused("{}", "operators: a list of 1 to 1000 operators is expected");
    refused("{'operators': []}", "operators: a list of 1 to 1000 operators is expected");
    refused("{'operater': []}", "operater: unknown key; did you mean 'operators'?");
    refused("{'paralellism': 2, 'operators': []}", "paralellism: unknown key; did you mean 'parallelism'?");
    refused("{'parallelism': 0}", "parallelism: a number from 1 to 4096 is expected");
    refused("{'parallelism': '2'}", "parallelism: a number from 1 to 4096 is expected");
    refused("{'max_parallelism': 40000}", "max_parallelism: a number from 1 to 32768 is expected");
    refused("{'name': ''}", "name: a text that is not empty is expected");
    refused("{'chaining': 1}", "chaining: true or false is expected");
    refused("{'schemas': []}", "schemas: an object is expected");
    refused("{'schemas': {'t': []}}", "schemas.t: an object of field names and types is expected");
    refused("{'schemas': {'t': {'a': 1}}}", "schemas.t.a: a type is expected, like \"BIGINT\" or \"STRING NOT NULL\"");
    refused("{'config': {'watermark.emit': []}}", "config.watermark.emit: a text, a number, true or false is expected");
}

Test(graph_readable, an_unknown_job_option_is_refused_with_the_nearest_one)
{
    wsl_error err;
    wsl_job_graph *g = NULL;
    static const char text[] = "{\"config\": {\"watermark.emmit\": \"per-record\"}}";
    cr_assert_eq(wsl_job_graph_from_json(text, sizeof text - 1, &g, &err), WSL_NOT_FOUND);
    cr_assert(has_text(err.text, "config: ") && has_text(err.text, "watermark.emit'"), "%s", err.text);
}

Test(graph_readable, a_type_with_a_typo_is_refused_with_the_fields_place)
{
    wsl_error err;
    wsl_job_graph *g = NULL;
    static const char text[] = "{\"schemas\": {\"trade\": {\"symbol\": \"STRNG\"}}}";
    cr_assert_neq(wsl_job_graph_from_json(text, sizeof text - 1, &g, &err), WSL_OK);
    cr_assert(has_text(err.text, "schemas.trade.symbol: ") && has_text(err.text, "STRNG"), "%s", err.text);
}

Test(graph_readable, mistakes_in_operators_are_refused_with_their_place)
{
    refused(JOB("7"), "operators[0]: an object is expected");
    refused(JOB("{'source': 'socket'}"), "operators[0]: a name is needed");
    refused(JOB("{'name': 'x'}"), "operators[0] ('x') does not say what it does: one of source, sink, where, select, "
                                  "aggregate, split, watermarks is needed");
    refused(JOB(SOURCE ",{'name': 'x', 'selct': 'a'}"), "operators[1].selct: unknown key; did you mean 'select'?");
    refused(JOB(SOURCE ",{'name': 'x', 'split': 'line', 'sink': 'print'}"),
            "operators[1] ('x') has both \"sink\" and \"split\"; make two operators of it");
    refused(JOB(SOURCE "," SOURCE), "operators[1]: operators[0] is called 'lines' as well");
    refused(JOB(SINK), "operators[0] ('out'): say \"from\" which operator it reads; there is none before it");
    refused(JOB(SOURCE "," SINK ",{'name': 'x', 'split': 'line'}"),
            "operators[2] ('x'): say \"from\" which operator it reads; the one before it is a sink");
    refused(JOB(SOURCE ",{'name': 'x', 'from': 'linse', 'split': 'line'}"),
            "operators[1].from: there is no operator 'linse'; did you mean 'lines'?");
    refused(JOB(SOURCE ",{'name': 'x', 'from': [], 'split': 'line'}"),
            "operators[1].from: 1 to 64 operators are possible");
    refused(JOB(SOURCE ",{'name': 'x', 'from': 7, 'split': 'line'}"),
            "operators[1].from: the name of an operator, or a list of names is expected");
    refused(JOB("{'name': 'x', 'source': 'socket', 'from': 'x', 'schema': {'a': 'STRING'}}"),
            "operators[0].from: 'x' is a source, it reads no operator");
    refused(JOB("{'name': 'x', 'source': 'socket'}"),
            "operators[0].schema: the name of one of the schemas, or a schema (a source needs one) is expected");
    refused(
        "{'schemas': {'trade': {'a': 'STRING'}}, 'operators': [{'name': 'x', 'source': 'socket', 'schema': 'trad'}]}",
        "operators[0].schema: there is no schema 'trad'; did you mean 'trade'?");
    refused(JOB(SOURCE ",{'name': 'x', 'split': 'line', 'schema': 'l'}"),
            "operators[1].schema: only sources have one, all others follow from their input");
    refused(JOB(SOURCE ",{'name': 'x', 'split': 'line', 'options': {}}"),
            "operators[1].options: only sources and sinks have options");
    refused(JOB(SOURCE ",{'name': 'x', 'split': 7}"),
            "operators[1].split: a text, or an object of options is expected");
    refused(JOB(SOURCE ",{'name': 'x', 'split': 'line', 'chain': 'sometimes'}"),
            "operators[1].chain: always, head or never is expected");
    refused(JOB(SOURCE ",{'name': 'x', 'split': 'line', 'parallelism': 5000}"),
            "operators[1].parallelism: a number from 1 to 4096 is expected");
    refused(JOB(SOURCE ",{'name': 'x', 'split': 'line', 'partition': 'hash'}"),
            "operators[1].partition: 'hash' is none of forward, rebalance, rescale, shuffle, broadcast, global (for "
            "hash, use "
            "key_by)");
    refused(JOB(SOURCE ",{'name': 'x', 'split': 'line', 'partition': 'global', 'key_by': 'line'}"),
            "operators[1] ('x') has both \"key_by\" and \"partition\"; rows go one way only");
    refused(JOB(SOURCE ",{'name': 'x', 'split': 'line', 'key_by': []}"),
            "operators[1].key_by: 1 to 16 fields are possible");
    refused(JOB(SOURCE ",{'name': 'x', 'split': 'line', 'key_by': [1]}"),
            "operators[1].key_by: a field or a list of fields is expected");
    refused(JOB("{'name': 'x', 'source': 'socket', 'schema': {'a': 'STRING'}, 'key_by': 'a'}"),
            "operators[0]: key_by and partition belong to the operator that reads 'x'");
    refused(JOB("{'name': 'x', 'source': 'socket', 'schema': {'a': 'STRING'}, 'options': {'port': null}}"),
            "operators[0].options.port: a text, a number, true or false is expected");
    refused(JOB(SOURCE ",{'name': 'x', 'sink': 'prnt'}"), "operators[1]: 'x': there is no sink connector 'prnt' (there "
                                                          "are print, file, blackhole, collect); did you mean "
                                                          "'print'?");
    refused(JOB(SOURCE ",{'name': 'x', 'from': 'lines:late', 'sink': 'print'}"),
            "'x' reads side output 'late' of 'lines', which does not have it");
}

Test(graph_readable, a_circle_is_refused)
{
    refused(JOB(SOURCE
                ",{'name': 'a', 'from': ['b', 'lines'], 'split': 'line'},{'name': 'b', 'from': 'a', 'split': 'word'}"),
            "operators[1] ('a') reads itself in a circle through 'b': a job graph has no cycles");
    refused(JOB(SOURCE ",{'name': 'a', 'from': 'a', 'split': 'line'}"),
            "operators[1] ('a') reads itself in a circle through 'a': a job graph has no cycles");
}

Test(graph_readable, options_and_expressions_are_checked_against_the_input_with_the_operators_place)
{
    static const struct {
        const char *json;
        const char *place;
        const char *what;
    } table[] = {
        {JOB(SOURCE ",{'name': 'w', 'split': 'lin'}"), "operators[1]: 'w': ", "'lin'"},
        {JOB(SOURCE ",{'name': 'w', 'split': {'feld': 'line'}}"), "operators[1]: 'w': ", "'field'"},
        {JOB(SOURCE ",{'name': 'w', 'split': {}}"), "operators[1]: 'w': ", "field"},
        {JOB("{'name': 's', 'source': 'socket', 'schema': {'a': 'STRING'}, 'options': {'prt': 1}}"),
         "operators[0]: 's': ", "prt"},
        {JOB("{'name': 's', 'source': 'socket', 'schema': {'a': 'STRING'}, 'options': {'port': 'x'}}"),
         "operators[0]: 's': ", "port"},
        {JOB(SOURCE ",{'name': 'f', 'where': 'lien IS NOT NULL'}"), "operators[1]: 'f': ", "lien"},
        {JOB(SOURCE ",{'name': 'f', 'where': 'line +'}"), "operators[1]: 'f': ", "column"},
        {JOB(SOURCE ",{'name': 'f', 'where': 'UPPER(line)'}"), "operators[1]: 'f': ", "STRING"},
        {JOB(SOURCE ",{'name': 'f', 'select': 'lnie AS x'}"), "operators[1]: 'f': ", "lnie"},
        {JOB(SOURCE ",{'name': 'f', 'key_by': 'line', 'aggregate': 'line, SUM(n) AS x'}"), "operators[1]: 'f': ", "n"},
        {JOB(SOURCE ",{'name': 'f', 'aggregate': 'line, COUNT(*) AS x'}"), "operators[1]: 'f' ", "key_by"},
        {JOB(SOURCE ",{'name': 'f', 'key_by': 'word', 'aggregate': 'line, COUNT(*) AS x'}"),
         "operators[1]: the key of 'f'", "word"},
        {JOB(SOURCE ",{'name': 'w', 'watermarks': 'line'}"), "operators[1]: 'w': option 'timestamp': ", "STRING"},
        {JOB(SOURCE ",{'name': 'w', 'watermarks': {'bond': '1 s'}}"), "operators[1]: 'w': ", "bound"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        wsl_error err;
        wsl_job_graph *g = NULL;
        char *json = quoted(table[i].json);
        cr_assert_neq(wsl_job_graph_from_json(json, strlen(json), &g, &err), WSL_OK, "accepted: %s", table[i].json);
        cr_assert(strncmp(err.text, table[i].place, strlen(table[i].place)) == 0, "%s: %s", table[i].json, err.text);
        cr_assert(has_text(err.text, table[i].what), "%s: %s", table[i].json, err.text);
        free(json);
    }
}

/* The n-th JSON block of the README of common/graph. */
static char *readme_block(uint32_t n)
{
    char path[1024];
    char *text = wsl_zalloc(1 << 20);
    (void)snprintf(path, sizeof path, "%s/common/graph/README.md", getenv("WIESEL_SOURCE_DIR"));
    FILE *file = fopen(path, "r");
    cr_assert_not_null(file, "%s", path);
    text[fread(text, 1, (1 << 20) - 1, file)] = '\0';
    (void)fclose(file);
    char *at = text;
    for (uint32_t i = 0; i <= n; i++) {
        at = strstr(at, "```json\n");
        cr_assert_not_null(at);
        at += strlen("```json\n");
    }
    char *block = wsl_strndup(at, (size_t)(strstr(at, "```") - at));
    free(text);
    return block;
}

static wsl_job_plan *readme_plan(uint32_t n)
{
    wsl_error err = {0};
    wsl_job_graph *graph = NULL;
    wsl_job_plan *plan = NULL;
    char *json = readme_block(n);
    cr_assert_eq(wsl_job_graph_from_json(json, strlen(json), &graph, &err), WSL_OK, "%s", err.text);
    cr_assert_eq(wsl_job_plan_new(graph, 2, &plan, &err), WSL_OK, "%s", err.text);
    free(json);
    return plan;
}

Test(graph_readable, the_word_count_of_the_readme_is_a_job)
{
    WSL_AUTO(wsl_job_plan) plan = readme_plan(0);
    static const char *const names[] = {"Source: lines", "words", "counts -> Sink: out"};
    cr_assert_eq(plan->n_vertices, 3);
    for (uint32_t i = 0; i < 3; i++) {
        cr_assert_str_eq(plan->vertices[i].name, names[i]);
    }
    char text[128];
    (void)wsl_schema_text(plan->schemas[2], text, sizeof text);
    cr_assert_str_eq(text, "word STRING, n INT64 NOT NULL");
}

Test(graph_readable, the_positions_of_the_readme_are_a_job)
{
    WSL_AUTO(wsl_job_plan) plan = readme_plan(1);
    cr_assert_eq(plan->n_vertices, 2);
    cr_assert_str_eq(plan->vertices[0].name, "Source: trades -> (on-time -> delta, Sink: rejects)");
    cr_assert_str_eq(plan->vertices[1].name, "positions -> Sink: out");
    cr_assert_str_eq(plan->graph->operators[3]->uid, "positions");
    char text[128];
    (void)wsl_schema_text(plan->schemas[2], text, sizeof text);
    cr_assert_str_eq(text, "symbol STRING NOT NULL, delta INT64");
}
