/* A late row that fires thousands of windows again does so in turns, between which a barrier or a cancel has its chance. */
#include "unit/taskmanager/ops/chain_kit.h"

#include "data/key.h"
#include "graph/pb.h"
#include "graph/window_options.h"

WSL_ROW(event, (string, key), (int64, v));
WSL_ROW(sum_acc, (int64, sum), (int64, n));
WSL_ROW(bounded, (int64, start), (int64, value));

static wsl_status add_one(wsl_ctx *ctx, wsl_row *acc, const wsl_row *in)
{
    (void)ctx;
    acc->slot[sum_acc_f_sum] += in->slot[event_f_v];
    acc->slot[sum_acc_f_n]++;
    return WSL_OK;
}
static wsl_status merge_two(wsl_ctx *ctx, wsl_row *acc, const wsl_row *other)
{
    (void)ctx;
    acc->slot[sum_acc_f_sum] += other->slot[sum_acc_f_sum];
    acc->slot[sum_acc_f_n] += other->slot[sum_acc_f_n];
    return WSL_OK;
}
WSL_AGGREGATE(sums, .in = &event_schema, .acc = &sum_acc_schema, .add = add_one, .merge = merge_two);
WSL_AGGREGATE(in_order, .in = &event_schema, .acc = &sum_acc_schema, .add = add_one);

static wsl_status give(wsl_window_ctx *w, int64_t value)
{
    wsl_row_writer out = wsl_begin(w, &bounded_schema, 0);
    bounded_set_start(&out, w->window.start);
    bounded_set_value(&out, value);
    return wsl_emit(w, &out);
}
static wsl_status give_sum(wsl_window_ctx *w, wsl_rows *rows) { return give(w, sum_acc_sum(wsl_rows_next(rows))); }
WSL_WINDOW(with_start, .in = &sum_acc_schema, .out = &bounded_schema, .window = give_sum);
static wsl_status give_count(wsl_window_ctx *w, wsl_rows *rows) { return give(w, wsl_rows_count(rows)); }
WSL_WINDOW(counted, .in = &event_schema, .out = &bounded_schema, .window = give_count);

static wsl_row *row_of(const char *key, int64_t ts)
{
    wsl_row_writer w;
    wsl_row *row = wsl_alloc(128);
    (void)wsl_row_writer_init(&w, row, 128, event_n_fields);
    event_set_key(&w, wsl_str_of(key));
    event_set_v(&w, 1);
    wsl_row_set_timestamp(row, ts);
    return row;
}

enum { WINDOWS = 3600 };

static void open_windows(kit *k, const wsl_windowing *windows, const wsl_window_functions *fn)
{
    wsl_error err = {0};
    wsl_windowing w = *windows;
    wsl_schema *out = NULL;
    static const char *const keys[] = {"key"};
    kit_init(k, &event_schema);
    cr_assert_eq(wsl_window_check_types(&w, NULL, fn, &event_schema, keys, 1, &out, &err), WSL_OK, "%s", err.text);
    (void)kit_add(k, "window", "windows", NULL, out);
    k->more[0] = fn->window;
    k->more[1] = fn->aggregate;
    wsl_schema_free(out);
    free(k->ops[0]->options);
    k->ops[0]->options = NULL;
    wsl_pb_set(&k->ops[0]->function, "");
    wsl_window_to_options(&w, NULL, k->ops[0]);
    wsl_window_name_functions(fn, k->ops[0]);
    kit_key(k, "key");
    kit_open(k);
}

/* A row of a key that belongs to the kit's subtask, 1 of 4. */
static wsl_row *row_of_subtask(kit *k, int64_t ts)
{
    for (int i = 0; i < 1000; i++) {
        char key[16];
        (void)snprintf(key, sizeof key, "k%d", i);
        wsl_row *row = row_of(key, ts);
        const uint32_t group = wsl_key_group(wsl_key_hash(kit_head(k)->env.key, row), 128);
        if (wsl_key_group_owner(group, 128, 4) == 1) {
            return row;
        }
        free(row);
    }
    cr_assert_fail("none of a thousand keys is ours");
    return NULL;
}

/* Every other turn does a part of it; none does more than its share. */
static void refires_in_turns(const wsl_windowing *windows, const wsl_window_functions *fn, uint32_t most_per_turn)
{
    kit k;
    open_windows(&k, windows, fn);
    wsl_row *row = row_of_subtask(&k, WINDOWS * 1000);
    cr_assert_eq(tm_op_deliver_watermark(kit_head(&k), WINDOWS * 3000), WSL_OK);
    tm_collector_clear(k.out);
    const wsl_row *rows[] = {row, row};
    cr_assert_eq(tm_op_deliver_rows(kit_head(&k), 0, rows, 2), WSL_OK, "%s", k.error.text);
    cr_assert_eq(tm_op_deliver_watermark(kit_head(&k), WINDOWS * 3000 + 1), WSL_OK);
    uint32_t turns = 1;
    uint32_t before = 0;
    while (tm_chain_has_pending(k.chain)) {
        const uint32_t n = tm_collector_count(k.out);
        cr_assert_leq(n - before, most_per_turn, "turn %u gave %u rows", turns, n - before);
        before = n;
        turns++;
        const wsl_status status = tm_chain_resume(k.chain);
        cr_assert(status == WSL_OK || status == WSL_AGAIN, "%s", k.error.text);
    }
    cr_assert_eq(tm_collector_count(k.out), 2 * WINDOWS + 1);
    for (uint32_t i = 0; i < 2 * WINDOWS; i++) { /* each window once per row, the newest first, and cumulative */
        const wsl_row *got = tm_collector_at(k.out, i)->row;
        const int64_t start = WINDOWS * 1000 - (int64_t)(i % WINDOWS) * 1000;
        cr_assert_eq(bounded_start(got), start, "row %u: %lld", i, (long long)bounded_start(got));
        cr_assert_eq(bounded_value(got), i < WINDOWS ? 1 : 2);
    }
    cr_assert_eq(tm_collector_at(k.out, 2 * WINDOWS)->row->kind, WSL_KIND_WATERMARK);
    cr_assert_gt(turns, 2, "all in %u turns", turns);
    free(row);
    kit_fini(&k);
}

static const wsl_windowing an_hour = {
    .assigner = {.kind = WSL_WINDOWS_SLIDING, .size_ms = WINDOWS * 1000, .slide_ms = 1000}, .lateness_ms = 10000000};

Test(window_turns, a_late_row_fires_thousands_of_shared_slices_in_turns)
{
    refires_in_turns(&an_hour, &(wsl_window_functions){.aggregate = &sums, .window = &with_start}, 4200);
}

Test(window_turns, a_late_row_fires_thousands_of_windows_without_merge_in_turns)
{
    refires_in_turns(&an_hour, &(wsl_window_functions){.aggregate = &in_order, .window = &with_start}, 4200);
}

Test(window_turns, a_late_row_fires_thousands_of_windows_with_rows_in_turns)
{
    refires_in_turns(&an_hour, &(wsl_window_functions){.window = &counted}, 4200);
}
