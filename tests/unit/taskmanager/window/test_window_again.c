/* Functions of windows that say WSL_AGAIN: what comes behind waits, and nothing is lost or done twice. */
#include "unit/taskmanager/window/window_kit.h"

#define OF(...) .windows = &(const wsl_windowing){__VA_ARGS__}

static wsl_harness *make(const wsl_harness_options *o)
{
    wsl_harness *h = NULL;
    wsl_error err = {0};
    cr_assert_eq(wsl_harness_new(o, &h, &err), WSL_OK, "%s", err.text);
    return h;
}

static void push(wsl_harness *h, const char *key, int64_t ts, int64_t v)
{
    wsl_row *row = kit_row(key, ts, v);
    cr_assert_eq(wsl_harness_push_row(h, row), WSL_OK, "%s", wsl_harness_error(h)->text);
    free(row);
}

/* ---- functions that go on ---- */

WSL_VALUE_STATE(given, "given", (int64, n));
WSL_VALUE_STATE(gone, "gone", (int64, n));
static int closed_early;

/* One row per call, with the sum of all rows, as often as the window has rows; then the window's state is back at 0. */
static wsl_status one_by_one(wsl_window_ctx *w, wsl_rows *rows)
{
    int64_t n = 0;
    int64_t sum = 0;
    const wsl_row *row;
    while ((row = wsl_rows_next(rows)) != NULL) {
        sum += event_v(row);
    }
    (void)wsl_value_get_int64(w->state, &given, &n);
    WSL_TRY(kit_emit(w, sum * 1000 + n, ""));
    n = n + 1 < wsl_rows_count(rows) ? n + 1 : 0;
    WSL_TRY(wsl_value_set_int64(w->state, &given, n));
    return n > 0 ? WSL_AGAIN : WSL_OK;
}
static wsl_status count_gone(wsl_window_ctx *w)
{
    int64_t n = 0;
    (void)wsl_value_get_int64(w->state, &given, &n);
    closed_early += n != 0;
    (void)wsl_value_get_int64(&w->k, &gone, &n);
    return wsl_value_set_int64(&w->k, &gone, n + 1);
}
WSL_WINDOW(piecemeal, .in = &event_schema, .out = &bounded_schema, .states = WSL_STATES(&given, &gone),
           .window = one_by_one, .window_clear = count_gone);

Test(again, a_window_function_is_called_again_with_the_same_rows_before_the_watermark_goes_on)
{
    closed_early = 0;
    wsl_harness_options o = {KEYED, .window = &piecemeal, OF(.assigner = wsl_tumbling(10))};
    run_both(&o, STEPS(E(1, 1), E(2, 2), K("x", 3, 5), E(4, 4), W(9),
                       X("[0,10)=5000 [0,10)=7000 [0,10)=7001 [0,10)=7002"), E(11, 1), W(19), X("[10,20)=1000")));
    cr_assert_eq(closed_early, 0, "a window was given up before its function had finished");
    WSL_AUTO(wsl_harness) h = make(&o);
    for (int64_t i = 0; i < 1000; i++) {
        push(h, "k", 1, 1);
    }
    cr_assert_eq(wsl_harness_watermark(h, 9), WSL_OK);
    cr_assert_eq(wsl_harness_count(h), 1000);
    const char *text = wsl_harness_text(h);
    cr_assert_str_eq(text + strlen(text) - strlen(", watermark 9"), ", watermark 9");
}

Test(again, late_rows_behind_it_wait_until_it_has_finished)
{
    wsl_harness_options o = {KEYED, .window = &piecemeal, OF(.assigner = wsl_sliding(10, 5), .lateness_ms = 100)};
    run_both(&o, STEPS(E(7, 1), W(14), X("[0,10)=1000 [5,15)=1000"), E(8, 1), E(9, 2),
                       X("[5,15)=2000 [5,15)=2001 [0,10)=2000 [0,10)=2001 [5,15)=4000 [5,15)=4001 [5,15)=4002 "
                         "[0,10)=4000 [0,10)=4001 [0,10)=4002")));
}

Test(again, purged_and_evicted_windows_still_show_their_rows)
{
    wsl_harness_options purged = {
        KEYED, .window = &piecemeal, OF(.assigner = wsl_tumbling(10), .trigger = wsl_purging(wsl_count_trigger(2)))};
    run_both(&purged, STEPS(E(1, 1), E(2, 2), X("[0,10)=3000 [0,10)=3001"), E(3, 4), E(4, 8), X("[0,10)=12000 [0,10)=12001")));
    wsl_harness_options evicted = {KEYED, .window = &piecemeal,
                                   OF(.assigner = wsl_tumbling(10), .lateness_ms = 10,
                                      .evictor = wsl_evict_after(wsl_count_evictor(1)))};
    run_both(&evicted, STEPS(E(1, 1), E(2, 2), W(9), X("[0,10)=3000 [0,10)=3001"), E(3, 4), X("[0,10)=6000 [0,10)=6001")));
}

/* Sessions: no state of the window, so how far it is lies with the key. */
static wsl_status session_piece(wsl_window_ctx *w, wsl_rows *rows)
{
    int64_t n = 0;
    (void)wsl_value_get_int64(&w->k, &given, &n);
    WSL_TRY(kit_emit(w, wsl_rows_count(rows) * 1000 + n, ""));
    n = n + 1 < wsl_rows_count(rows) ? n + 1 : 0;
    WSL_TRY(wsl_value_set_int64(&w->k, &given, n));
    return n > 0 ? WSL_AGAIN : WSL_OK;
}
WSL_WINDOW(session_pieces, .in = &event_schema, .out = &bounded_schema, .states = WSL_STATES(&given),
           .window = session_piece);

Test(again, sessions_and_windows_over_all_rows_too)
{
    wsl_harness_options s = {KEYED, .window = &session_pieces, OF(.assigner = wsl_session(10))};
    run_both(&s, STEPS(E(0, 1), E(5, 1), K("x", 5, 1), E(40, 1), W(30), X("[5,15)=1000 [0,15)=2000 [0,15)=2001"), W(100),
                       X("[40,50)=1000")));
    wsl_harness_options all = {.in = &event_schema, .window = &piecemeal, OF(.assigner = wsl_tumbling(10))};
    run_both(&all, STEPS(K("a", 0, 1), K("b", 5, 1), W(9), X("[0,10)=2000 [0,10)=2001")));
}

static wsl_status never_ends(wsl_window_ctx *w, wsl_rows *rows)
{
    (void)w, (void)rows;
    return WSL_AGAIN;
}
WSL_WINDOW(behind_fold, .in = &sum_acc_schema, .out = &bounded_schema, .window = never_ends);

Test(again, behind_a_fold_it_is_refused_in_words)
{
    const wsl_windowing ways[] = {{.assigner = wsl_tumbling(10)}, {.assigner = wsl_session(10)}};
    for (int i = 0; i < 2; i++) {
        const wsl_harness_options o = {KEYED, .aggregate = &kit_sum, .window = &behind_fold, .windows = &ways[i]};
        WSL_AUTO(wsl_harness) h = make(&o);
        push(h, "k", 1, 1);
        cr_assert_neq(wsl_harness_watermark(h, 100), WSL_OK);
        cr_assert_not_null(strstr(wsl_harness_error(h)->text,
                                  "a window function behind a reduce or aggregate function gives its output at once, "
                                  "'behind_fold' cannot return WSL_AGAIN; with wsl_window_process it can"),
                           "%s", wsl_harness_error(h)->text);
    }
}

/* ---- co-groups ---- */

/* All pairs, a hundred at a time. */
static wsl_status cross(wsl_window_ctx *w, wsl_rows *left, wsl_rows *right)
{
    int64_t at = 0;
    (void)wsl_value_get_int64(w->state, &given, &at);
    const int64_t n_right = wsl_rows_count(right);
    const int64_t all = (int64_t)wsl_rows_count(left) * n_right;
    const int64_t to = at + 100 < all ? at + 100 : all;
    for (; at < to; at++) {
        WSL_TRY(kit_emit(w, at, ""));
    }
    WSL_TRY(wsl_value_set_int64(w->state, &given, at < all ? at : 0));
    return at < all ? WSL_AGAIN : WSL_OK;
}
WSL_CO_GROUP(crossed, .in = &event_schema, .in2 = &event_schema, .out = &bounded_schema, .states = WSL_STATES(&given),
             .co_group = cross);

Test(again, a_co_group_gives_a_cross_product_in_pieces)
{
    const wsl_harness_options o = {
        .function = &crossed, .keys = WSL_HARNESS_KEYS("key"), OF(.assigner = wsl_tumbling(10))};
    WSL_AUTO(wsl_harness) h = make(&o);
    for (int64_t i = 0; i < 50; i++) {
        wsl_row *row = kit_row("k", i % 10, i);
        cr_assert_eq(wsl_harness_push_row_to(h, 0, row), WSL_OK);
        cr_assert_eq(wsl_harness_push_row_to(h, 1, row), WSL_OK);
        free(row);
    }
    cr_assert_eq(wsl_harness_watermark(h, 9), WSL_OK, "%s", wsl_harness_error(h)->text);
    cr_assert_eq(wsl_harness_count(h), 2500);
    for (uint32_t i = 0; i < 2500; i++) {
        cr_assert_eq(bounded_value(wsl_harness_out(h, i)), i);
    }
    const char *text = wsl_harness_text(h);
    cr_assert_str_eq(text + strlen(text) - strlen(", watermark 9"), ", watermark 9");
}
