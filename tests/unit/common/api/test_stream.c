#include "harness/wsl_test.h"
#include "api_fixture.h"

#include "format/base64.h"

WSL_ROW(word, (string, word));
WSL_ROW(counted, (string, word), (int64, n));
WSL_ROW(trade, (string, symbol), (int64, quantity), (timestamp, ts), (string, note));
WSL_ROW(late, (string, word), (timestamp, at));
WSL_VALUE_STATE(seen, "seen", (int64, n));
WSL_VALUE_STATE(last, "last", (string, word));

static wsl_status pass(wsl_ctx *ctx, const wsl_row *in) { return wsl_emit(ctx, in); }
static wsl_status keep(wsl_ctx *ctx, const wsl_row *in, bool *out_keep)
{
    (void)ctx;
    (void)in;
    *out_keep = true;
    return WSL_OK;
}
static wsl_status each(wsl_keyed_ctx *k, const wsl_row *in) { return wsl_emit(k, in); }
static wsl_status fold(wsl_ctx *ctx, const wsl_row *acc, const wsl_row *in)
{
    (void)acc;
    return wsl_emit(ctx, in);
}
static uint32_t first(const wsl_row *in, uint32_t n)
{
    (void)in;
    return n - 1;
}

WSL_PROCESS(same, .process = pass, .sides = WSL_SIDES({"late", &late_schema}, {"odd", &word_schema}));
WSL_PROCESS(to_word, .in = &word_schema, .out = &word_schema, .process = pass, .blocking = true);
WSL_FILTER(some, .in = &word_schema, .filter = keep);
static void on_word(wsl_watermark_ctx *w, const wsl_row *row, int64_t timestamp_ms)
{
    (void)row;
    wsl_emit_watermark(w, timestamp_ms);
}
WSL_WATERMARKS(by_word, .in = &word_schema, .on_event = on_word);
WSL_WATERMARKS(by_nothing, .in = &word_schema);
WSL_KEYED_PROCESS(count, .in = &word_schema, .out = &counted_schema, .states = WSL_STATES(&seen, &last),
                  .keyed_process = each);
WSL_REDUCE(sum, .in = &counted_schema, .reduce = fold);
WSL_REDUCE(wrong_sum, .out = &word_schema, .reduce = fold);
WSL_PARTITION(to_last, .partition = first);

static wsl_stream *words(wsl_env *env) { return wsl_from_files(env, "words", "data/words", "json", &word_schema); }

/* ---- a whole job ---- */

static wsl_status whole(wsl_env *env, const wsl_args *args)
{
    (void)args;
    wsl_env_set_name(env, "whole");
    wsl_env_set_parallelism(env, 3);
    wsl_env_set_max_parallelism(env, 99);
    wsl_env_set(env, "watermark.emit", "per-record");
    wsl_stream *in = wsl_set_uid(words(env), "in");
    wsl_stream *tidy = wsl_filter(wsl_map(in, "map", &to_word), "tidy", &some);
    wsl_stream *counts = wsl_keyed_process(wsl_key_by(tidy, "word"), "count", &count);
    wsl_stream *sums = wsl_reduce(wsl_key_by(counts, "word", "n"), "sum", &sum);
    wsl_set_slot_group(wsl_set_parallelism(wsl_print(sums, "out"), 1), "sinks");
    return WSL_OK;
}

Test(stream, a_job_becomes_operators_and_edges_in_the_order_written)
{
    WSL_AUTO(wsl_job_graph) g = built(whole);
    static const char *const kinds[] = {"source", "process", "filter", "keyed_process", "reduce", "sink"};
    static const char *const names[] = {"words", "map", "tidy", "count", "sum", "out"};
    static const char *const functions[] = {"", "to_word", "some", "count", "sum", ""};
    cr_assert_str_eq(g->name, "whole");
    cr_assert_eq(g->parallelism, 3);
    cr_assert_eq(g->max_parallelism, 99);
    cr_assert(g->chaining);
    cr_assert_str_eq(g->artifact, "feed");
    cr_assert_str_eq(wsl_pb_option(g->config, g->n_config, "watermark.emit"), "per-record");
    cr_assert_eq(g->n_operators, 6);
    cr_assert_eq(g->n_edges, 5);
    for (uint32_t i = 0; i < 6; i++) {
        cr_assert_str_eq(g->operators[i]->kind, kinds[i]);
        cr_assert_str_eq(g->operators[i]->name, names[i]);
        cr_assert_str_eq(g->operators[i]->function, functions[i]);
    }
    cr_assert_str_eq(g->operators[0]->uid, "in");
    cr_assert(g->operators[1]->blocking);
    cr_assert_not(g->operators[2]->blocking);
    cr_assert(g->operators[3]->keyed && g->operators[4]->keyed);
    cr_assert_eq(g->operators[3]->n_states, 2);
    cr_assert_str_eq(g->operators[3]->states[1]->name, "last");
    cr_assert_str_eq(g->operators[3]->states[1]->value->fields[0]->name, "word");
    cr_assert_eq(g->operators[3]->output->n_fields, 2);
    cr_assert_eq(g->operators[5]->parallelism, 1);
    cr_assert_str_eq(g->operators[5]->slot_group, "sinks");
    cr_assert_eq(g->edges[2]->partition, WSL__PB__PARTITION__HASH);
    cr_assert_eq(g->edges[3]->n_keys, 2);
    cr_assert_str_eq(g->edges[3]->keys[1], "n");
}

/* ---- partitioners, unions, side outputs ---- */

static wsl_status spread(wsl_env *env, const wsl_args *args)
{
    (void)args;
    wsl_stream *in = words(env);
    wsl_map(wsl_forward(in), "f", &same);
    wsl_map(wsl_rebalance(in), "r", &same);
    wsl_map(wsl_rescale(in), "s", &same);
    wsl_map(wsl_shuffle(in), "h", &same);
    wsl_map(wsl_broadcast(in), "b", &same);
    wsl_map(wsl_global(in), "g", &same);
    wsl_map(wsl_hash(in, "word"), "k", &same);
    wsl_map(wsl_partition(in, &to_last), "c", &same);
    wsl_map(in, "u", &same);
    wsl_map(wsl_global(wsl_rebalance(in)), "last one counts", &same);
    return WSL_OK;
}

Test(stream, every_partitioner_is_on_the_edge_of_the_operator_behind_it)
{
    static const Wsl__Pb__Partition expected[] = {
        WSL__PB__PARTITION__FORWARD, WSL__PB__PARTITION__REBALANCE, WSL__PB__PARTITION__RESCALE,
        WSL__PB__PARTITION__SHUFFLE, WSL__PB__PARTITION__BROADCAST, WSL__PB__PARTITION__GLOBAL,
        WSL__PB__PARTITION__HASH,    WSL__PB__PARTITION__CUSTOM,    WSL__PB__PARTITION__UNSTATED,
        WSL__PB__PARTITION__GLOBAL,
    };
    WSL_AUTO(wsl_job_graph) g = built(spread);
    cr_assert_eq(g->n_edges, 10);
    for (uint32_t i = 0; i < 10; i++) {
        cr_assert_eq(g->edges[i]->partition, expected[i], "%s", g->operators[i + 1]->name);
        cr_assert_eq(g->edges[i]->from, 0);
        cr_assert_str_eq(g->edges[i]->function, i == 7 ? "to_last" : "");
        cr_assert_eq(g->edges[i]->n_keys, i == 6 ? 1 : 0);
    }
}

static wsl_status several(wsl_env *env, const wsl_args *args)
{
    (void)args;
    wsl_stream *a = words(env);
    wsl_stream *b = wsl_process(wsl_from_strings(env, "b", (const char *const[]){"x"}, 0), "b2", &same);
    wsl_stream *strings = wsl_select(b, "rename", "value AS word");
    wsl_stream *p = wsl_process(a, "p", &same);
    wsl_print(wsl_union(a, wsl_rebalance(p), strings, wsl_side_output(p, "odd")), "all");
    wsl_print(wsl_side_output(p, "late"), "late");
    return WSL_OK;
}

Test(stream, a_union_has_an_edge_from_each_stream_and_a_side_output_names_its_tag)
{
    WSL_AUTO(wsl_job_graph) g = built(several);
    static const char *const from[] = {"words", "p", "rename", "p"};
    static const char *const side[] = {"", "", "", "odd"};
    uint32_t n = 0;
    for (size_t e = 0; e < g->n_edges; e++) {
        const Wsl__Pb__Edge *edge = g->edges[e];
        const char *to = g->operators[edge->to]->name;
        if (strcmp(to, "all") == 0) {
            cr_assert_str_eq(g->operators[edge->from]->name, from[n]);
            cr_assert_str_eq(edge->side, side[n]);
            cr_assert_eq(edge->partition, n == 1 ? WSL__PB__PARTITION__REBALANCE : WSL__PB__PARTITION__UNSTATED);
            n++;
        } else if (strcmp(to, "late") == 0) {
            cr_assert_str_eq(edge->side, "late");
        }
    }
    cr_assert_eq(n, 4);
}

static wsl_status bad_lines(wsl_env *env, const wsl_args *args)
{
    (void)args;
    wsl_stream *in =
        wsl_from(env, "in", "file", &word_schema,
                 WSL_OPTIONS({"path", "x"}, {"format", "csv"}, {"on-error", "side-output"}, {"watch", NULL}));
    wsl_stream *bad = wsl_side_output(in, WSL_BAD_RECORDS);
    cr_assert(wsl_schema_equal(wsl_stream_schema(bad), &wsl_bad_record_schema));
    wsl_print(bad, "bad");
    return WSL_OK;
}

Test(stream, bad_records_are_a_side_output_of_a_source_that_is_told_so)
{
    WSL_AUTO(wsl_job_graph) g = built(bad_lines);
    cr_assert_eq(g->operators[0]->n_sides, 1);
    cr_assert_str_eq(g->edges[0]->side, "bad-records");
    cr_assert_str_eq(option_of(g, 0, "watch"), "(unset)", "NULL leaves an option at its default");
}

static wsl_status poison(wsl_env *env, const wsl_args *args)
{
    (void)args;
    wsl_stream *mapped = wsl_map(words(env), "m", &same);
    cr_assert_eq(wsl_set_on_error(mapped, "side-output"), mapped);
    wsl_stream *dead = wsl_side_output(mapped, WSL_POISON_ROWS);
    cr_assert(wsl_schema_equal(wsl_stream_schema(dead), &wsl_poison_row_schema));
    wsl_print(mapped, "out");
    wsl_print(dead, "dead");
    return WSL_OK;
}

Test(stream, poison_rows_are_a_side_output_of_a_function_that_is_told_so)
{
    WSL_AUTO(wsl_job_graph) g = built(poison);
    uint32_t op = 0;
    while (strcmp(g->operators[op]->name, "m") != 0) {
        op++;
    }
    cr_assert_str_eq(option_of(g, op, "on-error"), "side-output");
    bool found = false;
    for (size_t i = 0; i < g->operators[op]->n_sides; i++) {
        found |= strcmp(g->operators[op]->sides[i]->tag, WSL_POISON_ROWS) == 0;
    }
    cr_assert(found);
}

/* ---- operators with expressions ---- */

static wsl_status expressions(wsl_env *env, const wsl_args *args)
{
    (void)args;
    wsl_stream *in = wsl_from_files(env, "in", "trades", "json", &trade_schema);
    wsl_stream *timed =
        wsl_watermarks(in, "timed", wsl_per_record(wsl_with_idleness(wsl_bounded_out_of_orderness("ts", 15000), 2000)));
    wsl_stream *some_ = wsl_where(timed, "some", "quantity > 0");
    wsl_stream *delta = wsl_select(some_, "delta", "symbol, quantity * 2 AS q2");
    wsl_aggregate(wsl_key_by(delta, "symbol"), "net", "symbol, SUM(q2) AS net");
    wsl_stream *parts =
        wsl_split_text(timed, "parts", "note", "part", WSL_OPTIONS({"separator", ","}, {"lower", "true"}));
    cr_assert_str_eq(wsl_stream_schema(parts)->fields[0].name, "part");
    wsl_watermarks(in, "mono", wsl_monotonous_timestamps(NULL));
    wsl_watermarks(in, "only", wsl_timestamps_only("ts"));
    wsl_watermarks(in, "aligned", wsl_with_alignment(wsl_monotonous_timestamps("ts"), "group", 3000));
    wsl_stream *custom =
        wsl_watermarks(wsl_select(in, "words", "symbol AS word"), "custom", wsl_custom_watermarks(NULL, &by_word));
    wsl_set_config(custom, "cfg", 3);
    return WSL_OK;
}

Test(stream, expression_operators_carry_their_text_and_derive_their_type)
{
    WSL_AUTO(wsl_job_graph) g = built(expressions);
    cr_assert_str_eq(option_of(g, 1, "timestamp"), "ts");
    cr_assert_str_eq(option_of(g, 1, "strategy"), "bounded");
    cr_assert_str_eq(option_of(g, 1, "bound"), "15000 ms");
    cr_assert_str_eq(option_of(g, 1, "idleness"), "2000 ms");
    cr_assert_str_eq(option_of(g, 1, "emit"), "per-record");
    cr_assert_str_eq(option_of(g, 1, "alignment-group"), "(unset)");
    cr_assert_str_eq(option_of(g, 8, "alignment-group"), "group");
    cr_assert_str_eq(option_of(g, 8, "max-drift"), "3000 ms");
    cr_assert_str_eq(option_of(g, 10, "strategy"), "custom");
    cr_assert_str_eq(g->operators[10]->function, "by_word");
    cr_assert_eq(g->operators[10]->config.len, 3u);
    cr_assert_str_eq(option_of(g, 2, "expr"), "quantity > 0");
    cr_assert_eq(g->operators[3]->output->n_fields, 2);
    cr_assert_str_eq(g->operators[3]->output->fields[1]->name, "q2");
    cr_assert_str_eq(g->operators[4]->output->fields[1]->name, "net");
    cr_assert_str_eq(option_of(g, 5, "separator"), ",");
    cr_assert_str_eq(option_of(g, 5, "as"), "part");
    cr_assert_str_eq(option_of(g, 6, "strategy"), "monotonous");
    cr_assert_str_eq(option_of(g, 6, "timestamp"), "(unset)");
    cr_assert_str_eq(option_of(g, 6, "emit"), "(unset)");
    cr_assert_str_eq(option_of(g, 7, "strategy"), "none");
}

/* ---- rows that are part of the job ---- */

static wsl_status collections(wsl_env *env, const wsl_args *args)
{
    (void)args;
    uint64_t memory[16];
    wsl_row_writer w;
    (void)wsl_row_writer_init(&w, memory, sizeof memory, counted_n_fields);
    counted_set_word(&w, wsl_str_of("big"));
    counted_set_n(&w, 7);
    wsl_row_set_timestamp(w.row, 123);
    wsl_from_rows(env, "rows", &counted_schema, (const wsl_row *const[]){w.row, w.row}, 2);
    wsl_from_int64s(env, "ints", (const int64_t[]){-1, INT64_MAX}, 2);
    wsl_from_doubles(env, "doubles", (const double[]){0.1}, 1);
    wsl_from_strings(env, "strings", (const char *const[]){"", "ab", "12345678"}, 3);
    wsl_from_json(env, "json", &word_schema, "{\"word\": \"a\"}");
    return WSL_OK;
}

static size_t bytes_of(const wsl_job_graph *g, uint32_t op, uint64_t *memory)
{
    const char *text = option_of(g, op, "bytes");
    size_t size = 0;
    cr_assert(wsl_base64_decode(text, strlen(text), (uint8_t *)memory, &size), "%s", text);
    return size;
}

Test(stream, rows_of_the_job_are_whole_rows_with_timestamp)
{
    uint64_t memory[64];
    wsl_error err = {0};
    WSL_AUTO(wsl_job_graph) g = built(collections);
    const wsl_row *row = (const wsl_row *)(const void *)memory;
    size_t size = bytes_of(g, 0, memory);
    cr_assert_eq(size, 2 * row->size);
    cr_assert_eq(wsl_row_check(row, row->size, &counted_schema, &err), WSL_OK, "%s", err.text);
    cr_assert_eq(counted_n(row), 7);
    cr_assert(wsl_row_has_timestamp(row));
    cr_assert_eq(row->timestamp, 123);
    size = bytes_of(g, 1, memory);
    cr_assert_eq(size, 2 * row->size);
    cr_assert_eq(wsl_row_int64(row, 0), -1);
    cr_assert_eq(wsl_row_int64((const wsl_row *)(const void *)((const char *)row + row->size), 0), INT64_MAX);
    cr_assert_eq(bytes_of(g, 2, memory), row->size);
    cr_assert_eq(wsl_row_double(row, 0), 0.1);
    cr_assert_gt(bytes_of(g, 3, memory), 0);
    cr_assert(wsl_str_equal(wsl_row_str(row, 0), wsl_str_of("")));
    const wsl_row *second = (const wsl_row *)(const void *)((const char *)row + row->size);
    const wsl_row *third = (const wsl_row *)(const void *)((const char *)second + second->size);
    cr_assert(wsl_str_equal(wsl_row_str(second, 0), wsl_str_of("ab")));
    cr_assert(wsl_str_equal(wsl_row_str(third, 0), wsl_str_of("12345678")));
    cr_assert_str_eq(option_of(g, 4, "rows"), "{\"word\": \"a\"}");
    for (size_t i = 0; i < 4; i++) {
        cr_assert_eq(g->operators[i]->parallelism, 1, "one reader only");
    }
}

/* ---- settings ---- */

static wsl_status settings(wsl_env *env, const wsl_args *args)
{
    (void)args;
    static const char bytes[] = "configuration";
    wsl_stream *s = wsl_process(words(env), "p", &same);
    wsl_set_name(s, "renamed");
    wsl_set_parallelism(s, 5);
    wsl_set_max_parallelism(s, 50);
    wsl_set_uid(s, "uid-1");
    wsl_set_slot_group(s, "group");
    wsl_set_config(s, bytes, sizeof bytes);
    wsl_start_new_chain(s);
    wsl_disable_chaining(wsl_print(s, "out"));
    wsl_env_disable_chaining(env);
    return WSL_OK;
}

Test(stream, settings_go_to_the_operator_that_made_the_stream)
{
    WSL_AUTO(wsl_job_graph) g = built(settings);
    const Wsl__Pb__Operator *op = g->operators[1];
    cr_assert_str_eq(op->name, "renamed");
    cr_assert_eq(op->parallelism, 5);
    cr_assert_eq(op->max_parallelism, 50);
    cr_assert_str_eq(op->uid, "uid-1");
    cr_assert_str_eq(op->slot_group, "group");
    cr_assert_eq(op->config.len, sizeof "configuration");
    cr_assert_arr_eq(op->config.data, "configuration", sizeof "configuration");
    cr_assert_eq(op->chain, WSL__PB__CHAIN_POLICY__CHAIN_HEAD);
    cr_assert_eq(g->operators[2]->chain, WSL__PB__CHAIN_POLICY__CHAIN_NEVER);
    cr_assert_not(g->chaining);
}

Test(stream, the_plan_of_a_job_is_chained_as_its_edges_and_functions_allow)
{
    WSL_AUTO(wsl_job_plan) plan = planned(whole, 1);
    static const char *const names[] = {"Source: words", "map -> tidy", "count", "sum", "Sink: out"};
    cr_assert_eq(plan->n_vertices, 5);
    for (uint32_t i = 0; i < 5; i++) {
        cr_assert_str_eq(plan->vertices[i].name, names[i]);
    }
    cr_assert_eq(plan->slots_needed, 3 + 1);
    cr_assert_eq(plan->vertices[2].max_parallelism, 99);
}

/* ---- mistakes ---- */

#define MISTAKE(name, ...)                                                                                             \
    static wsl_status name(wsl_env *env, const wsl_args *args)                                                         \
    {                                                                                                                  \
        (void)args;                                                                                                    \
        __VA_ARGS__;                                                                                                   \
        return WSL_OK;                                                                                                 \
    }

MISTAKE(type_mismatch,
        wsl_keyed_process(wsl_key_by(wsl_keyed_process(wsl_key_by(words(env), "word"), "delta", &count), "word"),
                          "positions", &count))
MISTAKE(keyed_through_generic_path, wsl_process(words(env), "p", &count))
MISTAKE(filter_as_map, wsl_map(words(env), "m", &some))
MISTAKE(no_function, wsl_map(words(env), "m", NULL))
MISTAKE(reduce_changes_type,
        wsl_reduce(wsl_key_by(wsl_keyed_process(wsl_key_by(words(env), "word"), "c", &count), "word"), "r", &wrong_sum))
MISTAKE(key_unknown, wsl_keyed_process(wsl_key_by(words(env), "wrod"), "c", &count))
MISTAKE(no_side, wsl_side_output(wsl_map(words(env), "m", &same), "early"))
MISTAKE(no_bad_records, wsl_side_output(words(env), WSL_BAD_RECORDS))
MISTAKE(policy_unknown, wsl_set_on_error(wsl_map(words(env), "m", &same), "ignore"))
MISTAKE(policy_twice, wsl_set_on_error(wsl_set_on_error(wsl_map(words(env), "m", &same), "skip"), "fail"))
MISTAKE(side_of_view, wsl_side_output(wsl_rebalance(wsl_map(words(env), "m", &same)), "late"))
MISTAKE(setting_of_view, wsl_set_parallelism(wsl_rebalance(words(env)), 2))
MISTAKE(parallelism_0, wsl_set_parallelism(words(env), 0))
MISTAKE(max_parallelism_huge, wsl_set_max_parallelism(words(env), 40000))
MISTAKE(job_parallelism_0, wsl_env_set_parallelism(env, 0))
MISTAKE(empty_uid, wsl_set_uid(words(env), ""))
MISTAKE(config_without_function, wsl_set_config(words(env), "x", 1))
MISTAKE(no_schema, wsl_from(env, "in", "file", NULL, WSL_NO_OPTIONS))
MISTAKE(union_mismatch, wsl_print(wsl_union(words(env), wsl_from_int64s(env, "numbers", NULL, 0)), "out"))
MISTAKE(same_uid, wsl_set_uid(words(env), "u"); wsl_set_uid(wsl_from_int64s(env, "n", NULL, 0), "u"))
MISTAKE(negative_bound, wsl_watermarks(words(env), "w", wsl_bounded_out_of_orderness(NULL, -1)))
MISTAKE(no_generator, wsl_watermarks(words(env), "w", wsl_custom_watermarks(NULL, NULL)))
MISTAKE(filter_as_generator, wsl_watermarks(words(env), "w", wsl_custom_watermarks(NULL, &some)))
MISTAKE(silent_generator, wsl_watermarks(words(env), "w", wsl_custom_watermarks(NULL, &by_nothing)))
MISTAKE(aligned_later, wsl_watermarks(wsl_filter(words(env), "f", &some), "w",
                                      wsl_with_alignment(wsl_monotonous_timestamps(NULL), "g", 1)))
MISTAKE(partitioner_kind, wsl_partition(words(env), &some))
MISTAKE(words_of_its_own, wsl_env_fail(env, "today is %s", "Sunday"); words(env))
MISTAKE(two_mistakes, wsl_map(words(env), "first", &some); wsl_map(words(env), "second", NULL))

Test(stream, mistakes_are_refused_with_the_operators_name)
{
    static const struct {
        wsl_job_entry entry;
        const char *sentence;
    } table[] = {
        {type_mismatch,
         "'delta' produces (word STRING, n INT64) but 'positions' expects (word STRING): field 'n' is not "
         "expected, only 1 fields are"},
        {keyed_through_generic_path, "'p': 'count' is a WSL_KEYED_PROCESS, but a WSL_PROCESS is needed here; use "
                                     "wsl_keyed_process on a stream with wsl_key_by"},
        {filter_as_map, "'m': 'some' is a WSL_FILTER, but a WSL_PROCESS is needed here"},
        {no_function, "'m': its function was not declared with WSL_PROCESS"},
        {no_side, "'m' has no side output 'early'; it has 'late', 'odd'"},
        {no_bad_records,
         "'words' has no side output 'bad-records'; set its option on-error to side-output for bad-records"},
        {policy_twice, "'m': what to do with rows that fail is set already"},
        {side_of_view, "side output 'late': take it from the stream that the operator itself returned"},
        {setting_of_view,
         "set_parallelism: a stream that comes from a partitioner, union or side output has no operator of "
         "its own; set it on the operator before or after"},
        {parallelism_0, "'words': parallelism 0 is not possible; it is 1 to 4096"},
        {max_parallelism_huge, "'words': maximum parallelism 40000 is not possible; it is 1 to 32768"},
        {job_parallelism_0, "the job's parallelism is 0; it must be 1 to 4096"},
        {empty_uid, "'words': set_uid needs a text that is not empty"},
        {config_without_function, "'words' has no function that could use 1 bytes of configuration"},
        {no_schema, "'in' has no schema; say what rows it produces"},
        {union_mismatch,
         "'out' unites streams of different types: 'numbers' produces (value INT64) but 'words' expects (word "
         "STRING): field 1 is called 'value', but 'word' is expected"},
        {same_uid, "'words' and 'n' have the same uid 'u'; a uid names one operator"},
        {negative_bound, "'w': a watermark strategy with bound -1 ms and idleness 0 ms is not possible"},
        {no_generator, "'w': its function was not declared with WSL_WATERMARKS"},
        {filter_as_generator, "'w': 'some' is a WSL_FILTER, but a WSL_WATERMARKS is needed here"},
        {silent_generator, "'w': 'by_nothing' has neither on_event nor on_periodic"},
        {aligned_later, "'w': alignment needs a strategy that makes watermarks right behind a source, the name of a group and "
                        "a drift that is not negative"},
        {partitioner_kind, "'partitioner': 'some' is a WSL_FILTER, but a WSL_PARTITION is needed here"},
        {words_of_its_own, "today is Sunday"},
        {two_mistakes, "'first': 'some' is a WSL_FILTER, but a WSL_PROCESS is needed here"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        wsl_error err;
        cr_assert_str_eq(not_built(table[i].entry, &err), table[i].sentence, "%s", err.text);
    }
}

Test(stream, a_key_or_type_that_does_not_fit_names_both_sides)
{
    wsl_error err;
    cr_assert(has_text(not_built(policy_unknown, &err), "on-error"), "%s", err.text);
    cr_assert(has_text(err.text, "side-output") && has_text(err.text, "'m'"), "%s", err.text);
    cr_assert(has_text(not_built(key_unknown, &err), "the key of 'c' over 'words': "), "%s", err.text);
    cr_assert(has_text(err.text, "wrod"), "%s", err.text);
    cr_assert(has_text(not_built(reduce_changes_type, &err),
                       "'r' produces (word STRING) but 'r' expects (word STRING, n INT64)"),
              "%s", err.text);
}

static wsl_status too_many_rows(wsl_env *env, const wsl_args *args)
{
    (void)args;
    static int64_t values[100000]; /* 32 bytes each as rows */
    wsl_from_int64s(env, "numbers", values, 100000);
    return WSL_OK;
}

Test(stream, rows_too_many_for_a_job_are_refused)
{
    wsl_error err;
    cr_assert_str_eq(
        not_built(too_many_rows, &err),
        "'numbers': rows that are part of the job may take 2097152 bytes; put them into a file and read that");
}

static wsl_status foreign_rows(wsl_env *env, const wsl_args *args)
{
    (void)args;
    uint64_t memory[16];
    wsl_row_writer w;
    (void)wsl_row_writer_init(&w, memory, sizeof memory, 1);
    w.row->slot[0] = UINT64_C(99) << 32 | 4000; /* a text outside of the row */
    w.row->nulls = 0;
    wsl_from_rows(env, "rows", &word_schema, (const wsl_row *const[]){w.row}, 1);
    return WSL_OK;
}

Test(stream, rows_that_are_not_of_their_type_are_refused)
{
    wsl_error err;
    cr_assert(has_text(not_built(foreign_rows, &err), "'rows': row 0 is not of its type: "), "%s", err.text);
}

static wsl_status endless(wsl_env *env, const wsl_args *args)
{
    (void)args;
    wsl_stream *s = words(env);
    for (int i = 0; i < 100000; i++) {
        s = wsl_map(s, "again", &same);
    }
    return WSL_OK;
}

Test(stream, a_loop_that_makes_operators_without_end_is_stopped)
{
    wsl_error err;
    cr_assert_str_eq(not_built(endless, &err), "the job has more than 1000 operators");
}
