#include "harness/wsl_test.h"
#include "api_fixture.h"

WSL_ROW(trade, (string, symbol), (int64, quantity));
WSL_ROW(price, (string, name), (double, value));
WSL_ROW(worth, (string, symbol), (double, value));
WSL_ROW(name_key, (string, name));
WSL_VALUE_STATE(held, "held", (int64, quantity));
WSL_MAP_STATE(prices_state, "prices", &name_key_schema, &price_schema);
WSL_LIST_STATE(recent, "recent", &trade_schema, .ttl = {.ttl_ms = 60000, .update = WSL_TTL_ON_READ_AND_WRITE});

static wsl_status co(wsl_ctx *ctx, uint32_t input, const wsl_row *in)
{
    (void)input;
    return wsl_emit(ctx, in);
}
static wsl_status keyed_co(wsl_keyed_ctx *k, uint32_t input, const wsl_row *in)
{
    (void)input;
    return wsl_emit(k, in);
}
static wsl_status on_element(wsl_broadcast_view *b, const wsl_row *in) { return wsl_emit(b, in); }
static wsl_status on_keyed_element(wsl_keyed_broadcast_view *b, const wsl_row *in) { return wsl_emit(b, in); }
static wsl_status on_broadcast(wsl_broadcast_ctx *b, const wsl_row *in) { return wsl_broadcast_put(b, &prices_state, in, in); }
static wsl_status on_pair(wsl_ctx *ctx, const wsl_row *left, const wsl_row *right)
{
    (void)right;
    return wsl_emit(ctx, left);
}

WSL_CO_PROCESS(both, .in = &trade_schema, .in2 = &price_schema, .out = &worth_schema, .co_process = co);
WSL_KEYED_CO_PROCESS(keyed_both, .in = &trade_schema, .in2 = &price_schema, .out = &worth_schema,
                     .states = WSL_STATES(&held, &recent), .keyed_co_process = keyed_co);
WSL_BROADCAST_PROCESS(value, .in = &trade_schema, .in2 = &price_schema, .out = &worth_schema,
                      .broadcast_states = WSL_STATES(&prices_state), .element = on_element, .broadcast = on_broadcast);
WSL_KEYED_BROADCAST_PROCESS(keyed_value, .in = &trade_schema, .in2 = &price_schema, .out = &worth_schema,
                            .states = WSL_STATES(&held), .broadcast_states = WSL_STATES(&prices_state),
                            .keyed_element = on_keyed_element, .broadcast = on_broadcast);
WSL_OPERATOR_UNION_STATE(seen, "seen", &trade_schema);
WSL_JOIN(pair, .operator_states = WSL_OPERATOR_STATES(&seen), .in = &trade_schema, .in2 = &price_schema, .out = &worth_schema, .join = on_pair);

static wsl_stream *trades(wsl_env *env) { return wsl_from_files(env, "trades", "trades", "json", &trade_schema); }
static wsl_stream *prices(wsl_env *env) { return wsl_from_files(env, "prices", "prices", "json", &price_schema); }

static wsl_status all_kinds(wsl_env *env, const wsl_args *args)
{
    (void)args;
    wsl_stream *t = trades(env);
    wsl_stream *p = prices(env);
    wsl_co_process(t, p, "co", &both);
    wsl_keyed_co_process(wsl_key_by(t, "symbol"), wsl_key_by(p, "name"), "keyed co", &keyed_both);
    wsl_broadcast_process(t, wsl_broadcast(p), "value", &value);
    wsl_keyed_broadcast_process(wsl_key_by(t, "symbol"), wsl_broadcast(p), "keyed value", &keyed_value);
    wsl_stream *joined = wsl_interval_join(wsl_key_by(t, "symbol"), wsl_key_by(p, "name"), "join", -2000, 1000,
                                           WSL_UPPER_EXCLUSIVE, &pair);
    wsl_interval_join_late(joined, "late-trades", "late-prices");
    wsl_print(wsl_side_output(joined, "late-prices"), "late");
    return WSL_OK;
}

static wsl_status group(wsl_window_ctx *w, wsl_rows *left, wsl_rows *right)
{
    (void)right;
    return wsl_emit(w, wsl_rows_next(left));
}
WSL_CO_GROUP(all_of_both, .in = &trade_schema, .in2 = &price_schema, .out = &worth_schema, .co_group = group);

static wsl_status windows(wsl_env *env, const wsl_args *args)
{
    (void)args;
    const wsl_windowing w = {.assigner = wsl_sliding(60000, 10000), .lateness_ms = 5000};
    wsl_window_join(wsl_key_by(trades(env), "symbol"), wsl_key_by(prices(env), "name"), "join", &w, &pair);
    wsl_stream *grouped =
        wsl_co_group(wsl_key_by(trades(env), "symbol"), wsl_key_by(prices(env), "name"), "group", &w, &all_of_both);
    wsl_window_join_late(grouped, NULL, "late-prices");
    wsl_print(wsl_side_output(grouped, "late-prices"), "late");
    return WSL_OK;
}

Test(connect, windows_of_both_say_which_windows_and_which_function)
{
    WSL_AUTO(wsl_job_graph) g = built(windows);
    cr_assert_str_eq(g->operators[2]->kind, "window_join");
    cr_assert_str_eq(g->operators[2]->function, "pair");
    cr_assert_str_eq(g->operators[5]->kind, "co_group");
    cr_assert_str_eq(g->operators[5]->function, "all_of_both");
    cr_assert_str_eq(option_of(g, 5, "assigner"), "sliding");
    cr_assert(g->operators[2]->keyed);
    cr_assert_eq(g->edges[1]->input, 1);
}

Test(connect, every_operator_has_an_edge_per_input)
{
    WSL_AUTO(wsl_job_graph) g = built(all_kinds);
    static const char *const kinds[] = {"co_process", "keyed_co_process", "broadcast_process",
                                        "keyed_broadcast_process", "interval_join"};
    for (uint32_t i = 0; i < 5; i++) {
        const Wsl__Pb__Operator *op = g->operators[2 + i];
        const Wsl__Pb__Edge *const edges[2] = {g->edges[2 * i], g->edges[2 * i + 1]};
        cr_assert_str_eq(op->kind, kinds[i]);
        for (uint32_t input = 0; input < 2; input++) {
            cr_assert_eq(edges[input]->to, op->id);
            cr_assert_eq(edges[input]->input, input);
            cr_assert_eq(edges[input]->from, input);
        }
        cr_assert_eq(op->keyed, i == 1 || i >= 3);
    }
    cr_assert_str_eq(g->edges[3]->keys[0], "name");
    cr_assert_eq(g->edges[5]->partition, WSL__PB__PARTITION__BROADCAST);
    cr_assert_eq(g->edges[6]->partition, WSL__PB__PARTITION__HASH);
}

Test(connect, states_go_into_the_graph_with_all_that_a_checkpoint_needs_to_know)
{
    WSL_AUTO(wsl_job_graph) g = built(all_kinds);
    const Wsl__Pb__StateDesc *list = g->operators[3]->states[1];
    cr_assert_str_eq(list->name, "recent");
    cr_assert_eq(list->kind, WSL_STATE_LIST);
    cr_assert_str_eq(list->ttl, "60000 ms");
    cr_assert(list->ttl_on_read);
    const Wsl__Pb__StateDesc *map = g->operators[5]->broadcast_states[0];
    cr_assert_str_eq(map->name, "prices");
    cr_assert_str_eq(map->key->fields[0]->name, "name");
    cr_assert_str_eq(map->value->fields[1]->name, "value");
    const Wsl__Pb__Operator *join = NULL;
    for (size_t i = 0; i < g->n_operators && join == NULL; i++) {
        join = strcmp(g->operators[i]->function, "pair") == 0 ? g->operators[i] : NULL;
    }
    cr_assert_not_null(join);
    cr_assert_eq(join->n_operator_states, 1);
    cr_assert_str_eq(join->operator_states[0]->name, "seen");
    cr_assert_eq(join->operator_states[0]->kind, WSL_STATE_OPERATOR_UNION);
}

Test(connect, an_interval_join_says_its_bounds_and_gives_late_rows_the_type_they_came_with)
{
    WSL_AUTO(wsl_job_graph) g = built(all_kinds);
    const Wsl__Pb__Operator *op = g->operators[6];
    cr_assert_str_eq(option_of(g, 6, "lower"), "-2000");
    cr_assert_str_eq(option_of(g, 6, "upper"), "1000");
    cr_assert_str_eq(option_of(g, 6, "bounds"), "upper-exclusive");
    cr_assert_str_eq(option_of(g, 6, "late-left"), "late-trades");
    cr_assert_eq(op->n_sides, 2);
    cr_assert_str_eq(op->sides[0]->schema->fields[1]->name, "quantity");
    cr_assert_str_eq(op->sides[1]->schema->fields[1]->name, "value");
}

#define MISTAKE(name, ...)                                                                                             \
    static wsl_status name(wsl_env *env, const wsl_args *args)                                                         \
    {                                                                                                                  \
        (void)args;                                                                                                    \
        __VA_ARGS__;                                                                                                   \
        return WSL_OK;                                                                                                 \
    }

MISTAKE(wrong_first, wsl_co_process(prices(env), prices(env), "co", &both))
MISTAKE(wrong_second, wsl_co_process(trades(env), trades(env), "co", &both))
MISTAKE(wrong_kind, wsl_co_process(trades(env), prices(env), "co", &pair))
MISTAKE(key_types, wsl_keyed_co_process(wsl_key_by(trades(env), "quantity"), wsl_key_by(prices(env), "name"), "co",
                                        &keyed_both))
MISTAKE(not_broadcast, wsl_broadcast_process(trades(env), prices(env), "value", &value))
MISTAKE(late_of_other, wsl_interval_join_late(trades(env), "late", NULL))
MISTAKE(late_of_windows,
        wsl_window_join_late(wsl_interval_join(wsl_key_by(trades(env), "symbol"), wsl_key_by(prices(env), "name"),
                                               "join", 0, 3, WSL_BOUNDS_INCLUSIVE, &pair),
                             "late", NULL))
MISTAKE(one_window_tag_two_types,
        wsl_window_join_late(wsl_window_join(wsl_key_by(trades(env), "symbol"), wsl_key_by(prices(env), "name"), "join",
                                             &(wsl_windowing){.assigner = wsl_tumbling(10)}, &pair),
                             "late", "late"))
MISTAKE(no_interval, wsl_interval_join(wsl_key_by(trades(env), "symbol"), wsl_key_by(prices(env), "name"), "join", 3, 3,
                                       WSL_LOWER_EXCLUSIVE, &pair))
MISTAKE(one_tag_two_types,
        wsl_interval_join_late(wsl_interval_join(wsl_key_by(trades(env), "symbol"), wsl_key_by(prices(env), "name"),
                                                 "join", 0, 3, WSL_BOUNDS_INCLUSIVE, &pair),
                               "late", "late"))

MISTAKE(windows_without_size,
        wsl_co_group(wsl_key_by(trades(env), "symbol"), wsl_key_by(prices(env), "name"), "group",
                     &(wsl_windowing){.assigner = wsl_tumbling(0)}, &all_of_both))
MISTAKE(late_tag_of_two_types,
        wsl_window_join(wsl_key_by(trades(env), "symbol"), wsl_key_by(prices(env), "name"), "join",
                        &(wsl_windowing){.assigner = wsl_tumbling(10), .late_tag = "late"}, &pair))

Test(connect, mistakes_are_refused_with_the_operators_name)
{
    static const struct {
        wsl_job_entry entry;
        const char *sentence;
    } table[] = {
        {wrong_first, "'prices' produces (name STRING, value DOUBLE) but 'co' expects (symbol STRING, quantity INT64): "
                      "field 1 is called 'name', but 'symbol' is expected"},
        {wrong_second, "'trades' produces (symbol STRING, quantity INT64) but 'co' expects (name STRING, value DOUBLE): "
                       "field 1 is called 'symbol', but 'name' is expected"},
        {wrong_kind, "'co': 'pair' is a WSL_JOIN, but a WSL_CO_PROCESS is needed here"},
        {key_types, "'co' compares the key 'quantity' of 'trades' (INT64) with 'name' of 'prices' (STRING); the types "
                    "must be the same"},
        {not_broadcast, "'value' (broadcast_process) reads 'prices' as its broadcast input, which must go to all "
                        "subtasks; say wsl_broadcast"},
        {late_of_other, "late rows: wsl_interval_join_late takes the stream that wsl_interval_join returned"},
        {late_of_windows,
         "late rows: wsl_window_join_late takes the stream that wsl_window_join or wsl_co_group returned"},
        {one_window_tag_two_types,
         "side output 'late' of 'join': 'prices' produces (name STRING, value DOUBLE) but 'join' expects (symbol STRING, "
         "quantity INT64): field 1 is called 'name', but 'symbol' is expected"},
        {no_interval, "'join': no time lies between 3 and 3 ms (lower-exclusive); set lower below upper"},
        {windows_without_size, "'group': a tumbling window needs a size above 0, not 0 ms"},
        {late_tag_of_two_types, "'join': a window of two inputs has late rows of two types: name a side output for each "
                                "with wsl_window_join_late, or they are counted"},
        {one_tag_two_types,
         "side output 'late' of 'join': 'prices' produces (name STRING, value DOUBLE) but 'join' expects (symbol STRING, "
         "quantity INT64): field 1 is called 'name', but 'symbol' is expected"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        wsl_error err;
        const char *got = not_built(table[i].entry, &err);
        cr_assert_str_eq(got, table[i].sentence, "%s", got);
    }
}
