/* Operator state as functions see it (the end of state.h), dealt out over another parallelism by the harness: examples 37 and 46. */
#include "harness/restore_mode.h"
#include "harness/wsl_test.h"

#include <stdio.h>

#include <wiesel/connector.h>
#include <wiesel/harness.h>

#include "chain_kit.h"
#include "taskmanager/ops/op_lists.h"

WSL_ROW(item, (string, name));

WSL_OPERATOR_LIST_STATE(held, "held", &item_schema);
WSL_OPERATOR_UNION_STATE(known, "known", &item_schema);
WSL_OPERATOR_LIST_STATE(undeclared, "undeclared", &item_schema);
WSL_ROW(other_row, (int64, a), (int64, b), (int64, c));

/* Every row goes into both lists; some names are orders. */
static wsl_status keep(wsl_ctx *ctx, const wsl_row *in)
{
    const wsl_str name = item_name(in);
    if (wsl_str_equal(name, wsl_str_of("clear"))) {
        wsl_operator_list_clear(ctx, &held);
        return WSL_OK;
    }
    if (wsl_str_equal(name, wsl_str_of("last"))) { /* keeps the last element only: a row of the list itself */
        wsl_operator_iter it;
        const wsl_row *last = NULL;
        for (wsl_operator_list_each(ctx, &held, &it); wsl_operator_list_next(&it);) {
            last = it.row;
        }
        return wsl_operator_list_set(ctx, &held, &last, 1);
    }
    if (wsl_str_equal(name, wsl_str_of("wrong"))) {
        (void)wsl_operator_list_add(ctx, &undeclared, in);
        return WSL_OK;
    }
    if (wsl_str_equal(name, wsl_str_of("type"))) {
        wsl_row_writer w = wsl_begin(ctx, &other_row_schema, 0);
        (void)wsl_operator_list_add(ctx, &held, w.row);
        return WSL_OK;
    }
    if (wsl_str_equal(name, wsl_str_of("while walking"))) {
        wsl_operator_iter it;
        uint32_t steps = 0;
        for (wsl_operator_list_each(ctx, &held, &it); wsl_operator_list_next(&it); steps++) {
            const wsl_status status = wsl_operator_list_add(ctx, &held, in);
            if (status != WSL_OK) {
                return status;
            }
        }
        wsl_count(ctx, "steps", steps);
        return WSL_OK;
    }
    const wsl_status status = wsl_operator_list_add(ctx, &held, in);
    return status == WSL_OK ? wsl_operator_list_add(ctx, &known, in) : status;
}

static wsl_status begin(wsl_ctx *ctx, wsl_error *err)
{
    (void)err;
    wsl_count(ctx, "at-open", wsl_operator_list_size(ctx, &held));
    wsl_count(ctx, "restored", wsl_is_restored(ctx));
    return WSL_OK;
}
WSL_PROCESS(keeper, .in = &item_schema, .out = &item_schema, .open = begin, .process = keep,
            .operator_states = WSL_OPERATOR_STATES(&held, &known));

static wsl_status keep_keyed(wsl_keyed_ctx *k, const wsl_row *in) { return wsl_operator_list_add(k, &held, in); }
WSL_KEYED_PROCESS(keyed_keeper, .in = &item_schema, .out = &item_schema, .keyed_process = keep_keyed,
                  .operator_states = WSL_OPERATOR_STATES(&held));

static wsl_harness *make(const wsl_function *fn, uint32_t subtask, uint32_t parallelism,
                         const wsl_harness_snapshot *const *parts, uint32_t n)
{
    wsl_harness *h = NULL;
    wsl_error err = {0};
    const bool keyed = fn->kind == WSL_FN_KEYED_PROCESS;
    const wsl_harness_options o = {.function = fn,
                                   .keys = keyed ? WSL_HARNESS_KEYS("name") : NULL,
                                   .subtask = subtask,
                                   .parallelism = parallelism,
                                   .restore = parts,
                                   .n_restore = n};
    cr_assert_eq(wsl_harness_new(&o, &h, &err), WSL_OK, "%s", err.text);
    return h;
}

static wsl_status push(wsl_harness *h, const char *name)
{
    wsl_row_writer *w = wsl_harness_row(h, &item_schema);
    item_set_name(w, wsl_str_of(name));
    return wsl_harness_push(h, w);
}

static void expect(wsl_harness *h, const char *state, const char *text)
{
    const char *is = wsl_harness_operator_state(h, state);
    cr_assert_str_eq(is, text, "'%s' is %s, not %s", state, is, text);
}

/* A subtask of two with these items in its lists, as a snapshot. */
static wsl_harness_snapshot *part(uint32_t subtask, const char *items)
{
    WSL_AUTO(wsl_harness) h = make(&keeper, subtask, 2, NULL, 0);
    wsl_harness_snapshot *s = NULL;
    for (; *items != '\0'; items++) {
        const char name[2] = {*items, '\0'};
        cr_assert_eq(push(h, name), WSL_OK);
    }
    cr_assert_eq(wsl_harness_take(h, &s), WSL_OK);
    return s;
}

Test(operator_state, example_37_lists_are_cut_and_unions_copied)
{
    static const char *const cut[] = {"[{name=a}, {name=b}]", "[{name=c}, {name=d}]", "[{name=e}]"};
    WSL_AUTO(wsl_harness_snapshot) first = part(0, "abc");
    WSL_AUTO(wsl_harness_snapshot) second = part(1, "de");
    const wsl_harness_snapshot *const parts[] = {first, second};
    for (uint32_t i = 0; i < 3; i++) {
        WSL_AUTO(wsl_harness) h = make(&keeper, i, 3, parts, 2);
        expect(h, "held", cut[i]);
        expect(h, "known", "[{name=a}, {name=b}, {name=c}, {name=d}, {name=e}]");
        cr_assert_eq(wsl_harness_metric(h, "at-open"), i == 2 ? 1 : 2, "open finds the elements");
        cr_assert_eq(wsl_harness_metric(h, "restored"), 1);
    }
}

Test(operator_state, example_46_one_subtask_gets_all)
{
    WSL_AUTO(wsl_harness_snapshot) first = part(0, "abc");
    WSL_AUTO(wsl_harness_snapshot) second = part(1, "de");
    const wsl_harness_snapshot *const parts[] = {first, second};
    WSL_AUTO(wsl_harness) h = make(&keeper, 0, 1, parts, 2);
    expect(h, "held", "[{name=a}, {name=b}, {name=c}, {name=d}, {name=e}]");
}

Test(operator_state, at_the_same_parallelism_lists_stay_and_unions_are_copied)
{
    WSL_AUTO(wsl_harness_snapshot) first = part(0, "abc");
    WSL_AUTO(wsl_harness_snapshot) second = part(1, "");
    const wsl_harness_snapshot *const parts[] = {first, second};
    WSL_AUTO(wsl_harness) h = make(&keeper, 1, 2, parts, 2);
    expect(h, "held", "[]");
    expect(h, "known", "[{name=a}, {name=b}, {name=c}]");
    cr_assert_eq(wsl_harness_metric(h, "restored"), 1, "an empty list was restored, too");
}

Test(operator_state, a_new_subtask_begins_empty)
{
    WSL_AUTO(wsl_harness) h = make(&keeper, 0, 1, NULL, 0);
    expect(h, "held", "[]");
    cr_assert_eq(wsl_harness_metric(h, "restored"), 0);
    cr_assert_null(wsl_harness_operator_state(h, "undeclared"));
}

Test(operator_state, clear_set_and_walks)
{
    WSL_AUTO(wsl_harness) h = make(&keeper, 0, 1, NULL, 0);
    cr_assert_eq(push(h, "a"), WSL_OK);
    cr_assert_eq(push(h, "b"), WSL_OK);
    cr_assert_eq(push(h, "last"), WSL_OK);
    expect(h, "held", "[{name=b}]");
    cr_assert_eq(push(h, "while walking"), WSL_OK);
    expect(h, "held", "[{name=b}, {name=while walking}]");
    cr_assert_eq(wsl_harness_metric(h, "steps"), 1, "a change ends the walk");
    cr_assert_eq(push(h, "clear"), WSL_OK);
    expect(h, "held", "[]");
    expect(h, "known", "[{name=a}, {name=b}]");
}

Test(operator_state, misuse_fails_the_job_though_the_function_ignores_it)
{
    WSL_AUTO(wsl_harness) h = make(&keeper, 0, 1, NULL, 0);
    cr_assert_eq(push(h, "wrong"), WSL_INVALID);
    cr_assert(strstr(wsl_harness_error(h)->text, "'undeclared', which is not in its .operator_states") != NULL, "%s",
              wsl_harness_error(h)->text);
    WSL_AUTO(wsl_harness) h2 = make(&keeper, 0, 1, NULL, 0);
    cr_assert_eq(push(h2, "type"), WSL_TYPE);
    cr_assert(strstr(wsl_harness_error(h2)->text, "operator state 'held' is not of its type") != NULL, "%s",
              wsl_harness_error(h2)->text);
}

Test(operator_state, keyed_functions_have_it_too)
{
    WSL_AUTO(wsl_harness) h = make(&keyed_keeper, 0, 1, NULL, 0);
    cr_assert_eq(push(h, "a"), WSL_OK);
    cr_assert_eq(push(h, "b"), WSL_OK);
    expect(h, "held", "[{name=a}, {name=b}]");
}

/* ---- how much there is ---- */

WSL_VALUE_STATE(sum_state, "sum", (int64, n));
WSL_LIST_STATE(list_state, "rows", &item_schema);
WSL_MAP_STATE(map_state, "names", &item_schema, &item_schema);

static wsl_status keep_some(wsl_keyed_ctx *k, const wsl_row *in)
{
    const wsl_str name = item_name(in);
    if (name.data[0] == '-') {
        wsl_state_clear(k, &list_state);
        wsl_state_clear(k, &map_state);
        return WSL_OK;
    }
    wsl_status status = wsl_value_set_int64(k, &sum_state, 1);
    if (status == WSL_OK && name.data[0] >= 'm') {
        status = wsl_list_add(k, &list_state, in);
        status = status == WSL_OK ? wsl_map_put(k, &map_state, in, in) : status;
    }
    return status == WSL_OK ? wsl_operator_list_add(k, &held, in) : status;
}
static wsl_status forget_some(wsl_keyed_ctx *k, int64_t timestamp_ms, bool event_time)
{
    (void)timestamp_ms, (void)event_time;
    wsl_state_clear(k, &sum_state);
    wsl_state_clear(k, &list_state);
    wsl_state_clear(k, &map_state);
    return WSL_OK;
}
static wsl_status keep_a_while(wsl_keyed_ctx *k, const wsl_row *in)
{
    const wsl_status status = wsl_timer_event(k, 100);
    return status == WSL_OK ? keep_some(k, in) : status;
}
WSL_KEYED_PROCESS(measured, .in = &item_schema, .out = &item_schema, .keyed_process = keep_a_while,
                  .on_timer = forget_some, .states = WSL_STATES(&sum_state, &list_state, &map_state),
                  .operator_states = WSL_OPERATOR_STATES(&held));

Test(operator_state, metrics_say_how_many_keys_and_elements_there_are)
{
    WSL_AUTO(wsl_harness) h = make(&measured, 0, 1, NULL, 0);
    for (char c = 'a'; c <= 'z'; c++) {
        const char name[2] = {c, '\0'};
        cr_assert_eq(push(h, name), WSL_OK);
        cr_assert_eq(push(h, name), WSL_OK);
    }
    cr_assert_eq(wsl_harness_metric(h, "stateKeys"), 26);
    cr_assert_gt(wsl_harness_metric(h, "stateBytes"), 26 * 40);
    cr_assert_eq(wsl_harness_metric(h, "state.sum.keys"), 26);
    cr_assert_eq(wsl_harness_metric(h, "state.rows.keys"), 14);
    cr_assert_eq(wsl_harness_metric(h, "state.names.keys"), 14);
    cr_assert_eq(wsl_harness_metric(h, "state.held.elements"), 52);
    cr_assert_eq(wsl_harness_watermark(h, 100), WSL_OK);
    cr_assert_eq(wsl_harness_metric(h, "stateKeys"), 0);
    cr_assert_eq(wsl_harness_metric(h, "state.sum.keys"), 0);
    cr_assert_eq(wsl_harness_metric(h, "state.rows.keys"), 0);
    cr_assert_eq(wsl_harness_metric(h, "state.names.keys"), 0);
}

/* ---- snapshots ---- */

typedef struct counter {
    int64_t n;
    bool emits;
} counter;
WSL_ROW(count_row, (int64, n));
WSL_OPERATOR_LIST_STATE(count_state, "count", &count_row_schema);

static wsl_status count_open(wsl_ctx *ctx, wsl_error *err)
{
    (void)err;
    counter *c = ctx->local;
    wsl_operator_iter it;
    for (wsl_operator_list_each(ctx, &count_state, &it); wsl_operator_list_next(&it);) {
        c->n += count_row_n(it.row);
    }
    return WSL_OK;
}
static wsl_status count_one(wsl_ctx *ctx, const wsl_row *in)
{
    counter *c = ctx->local;
    c->n++;
    c->emits = wsl_str_equal(item_name(in), wsl_str_of("emit"));
    return WSL_OK;
}
static wsl_status count_snapshot(wsl_ctx *ctx, uint64_t checkpoint_id)
{
    (void)checkpoint_id;
    const counter *c = ctx->local;
    wsl_row_writer w = wsl_begin(ctx, &count_row_schema, 0);
    count_row_set_n(&w, c->n);
    if (c->emits) {
        return wsl_emit(ctx, &w);
    }
    const wsl_row *const rows[] = {w.row};
    return wsl_operator_list_set(ctx, &count_state, rows, 1);
}
WSL_PROCESS(counting, .in = &item_schema, .out = &count_row_schema, .local_size = sizeof(counter), .open = count_open,
            .process = count_one, .snapshot = count_snapshot, .operator_states = WSL_OPERATOR_STATES(&count_state));

Test(operator_state, what_is_in_local_is_written_down_by_snapshot)
{
    if (restores_each_step()) {
        return; /* .snapshot is called by the test */
    }
    WSL_AUTO(wsl_harness) h = make(&counting, 0, 1, NULL, 0);
    WSL_AUTO(wsl_harness_snapshot) s = NULL;
    cr_assert_eq(push(h, "a"), WSL_OK);
    cr_assert_eq(push(h, "b"), WSL_OK);
    expect(h, "count", "[]");
    cr_assert_eq(wsl_harness_take(h, &s), WSL_OK);
    const wsl_harness_snapshot *const parts[] = {s};
    WSL_AUTO(wsl_harness) next = make(&counting, 0, 1, parts, 1);
    WSL_AUTO(wsl_harness_snapshot) s2 = NULL;
    cr_assert_eq(push(next, "c"), WSL_OK);
    cr_assert_eq(wsl_harness_take(next, &s2), WSL_OK);
    expect(next, "count", "[{n=3}]");
}

Test(operator_state, a_snapshot_must_not_emit)
{
    if (restores_each_step()) {
        return; /* .snapshot is called by the test */
    }
    WSL_AUTO(wsl_harness) h = make(&counting, 0, 1, NULL, 0);
    wsl_harness_snapshot *s = NULL;
    cr_assert_eq(push(h, "emit"), WSL_OK);
    cr_assert_eq(wsl_harness_take(h, &s), WSL_USER);
    cr_assert(strstr(wsl_harness_error(h)->text, "must not emit rows") != NULL, "%s", wsl_harness_error(h)->text);
}

Test(operator_state, a_snapshot_of_another_operator_is_refused)
{
    WSL_AUTO(wsl_harness_snapshot) s = part(0, "a");
    const wsl_harness_snapshot *const parts[] = {s};
    wsl_harness *h = NULL;
    wsl_error err = {0};
    cr_assert_eq(wsl_harness_new(
                     &(wsl_harness_options){.function = &counting, .restore = parts, .n_restore = 1}, &h, &err),
                 WSL_INVALID);
    cr_assert(strstr(err.text, "'held', which is not declared any more") != NULL, "%s", err.text);
}

/* ---- declarations ---- */

static const wsl_operator_state half = {.name = "half", .kind = WSL_STATE_OPERATOR_LIST};
WSL_PROCESS(half_keeper, .in = &item_schema, .out = &item_schema, .process = keep,
            .operator_states = WSL_OPERATOR_STATES(&half));
WSL_PROCESS(double_keeper, .in = &item_schema, .out = &item_schema, .process = keep,
            .operator_states = WSL_OPERATOR_STATES(&held, &known, &held));

Test(operator_state, declarations_are_checked)
{
    wsl_harness *h = NULL;
    wsl_error err = {0};
    cr_assert_eq(wsl_harness_new(&(wsl_harness_options){.function = &half_keeper}, &h, &err), WSL_INVALID);
    cr_assert(strstr(err.text, "'half' is not whole") != NULL, "%s", err.text);
    err = (wsl_error){0};
    cr_assert_eq(wsl_harness_new(&(wsl_harness_options){.function = &double_keeper}, &h, &err), WSL_EXISTS);
    cr_assert(strstr(err.text, "two operator states 'held'") != NULL, "%s", err.text);
}

/* ---- connectors ---- */

WSL_OPERATOR_UNION_STATE(positions, "positions", &count_row_schema);

static struct {
    uint32_t at_open;
    bool restored;
} seen;

static wsl_status put_number(wsl_operator_states *states, int64_t n)
{
    uint8_t memory[64] __attribute__((aligned(8)));
    wsl_row_writer w;
    (void)wsl_row_writer_init(&w, memory, sizeof memory, count_row_n_fields);
    count_row_set_n(&w, n);
    return wsl_operator_list_add(states, &positions, w.row);
}

static wsl_status look_and_add(wsl_operator_states *states)
{
    seen.at_open = wsl_operator_list_size(states, &positions);
    seen.restored = wsl_is_restored(states);
    return put_number(states, 42);
}
static wsl_status reader_open(void *self, wsl_source_ctx *ctx, wsl_error *err)
{
    (void)self, (void)err;
    return look_and_add(ctx->operator_states);
}
static wsl_status writer_open(void *self, wsl_sink_ctx *ctx, wsl_error *err)
{
    (void)self, (void)err;
    return look_and_add(ctx->operator_states);
}
static const wsl_reader_class reader = {
    .size = 1, .open = reader_open, .operator_states = WSL_OPERATOR_STATES(&positions)};
static const wsl_source_class source = {.name = "test", .reader = &reader};
static const wsl_writer_class writer = {
    .size = 1, .open = writer_open, .operator_states = WSL_OPERATOR_STATES(&positions)};
static const wsl_sink_class sink = {.name = "test", .writer = &writer};

/* Our connector in the place of the built-in one, before anything of it was opened; as if one element had been restored. */
static void open_connector(const char *kind, const char *name)
{
    kit k;
    wsl_error err = {0};
    const bool is_source = strcmp(kind, "source") == 0;
    kit_init(&k, is_source ? NULL : &item_schema);
    kit_connector(&k, kit_add(&k, kind, name, NULL, is_source ? &item_schema : NULL), name);
    if (is_source) {
        kit_option(&k, 0, "path", "/nowhere");
        kit_option(&k, 0, "format", "json");
    }
    cr_assert_eq(kit_make(&k, &err), WSL_OK, "%s", err.text);
    tm_op *op = kit_head(&k);
    op->env.source = is_source ? &source : NULL;
    op->env.sink = is_source ? NULL : &sink;
    tm_op_lists_free(op->lists);
    cr_assert_eq(tm_op_lists_new(op, &op->lists, &err), WSL_OK, "%s", err.text);
    cr_assert_eq(put_number(tm_op_lists_handle(op->lists), 7), WSL_OK);
    tm_op_lists_set_restored(op->lists);
    cr_assert_eq(tm_chain_open(k.chain, &err), WSL_OK, "%s", err.text);
    cr_assert_eq(seen.at_open, 1);
    cr_assert(seen.restored);
    const tm_op_list *list = tm_op_lists_find(op->lists, "positions");
    cr_assert_not_null(list);
    cr_assert_eq(tm_op_list_size(list), 2);
    cr_assert_eq(tm_op_list_kind(list), TM_OP_STATE_UNION);
    kit_fini(&k);
}

Test(operator_state, sources_have_it) { open_connector("source", "file"); }
Test(operator_state, sinks_have_it) { open_connector("sink", "blackhole"); }
