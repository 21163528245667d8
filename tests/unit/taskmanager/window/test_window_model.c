/*
 * Random windows against the oracle: assigner, trigger, evictor, lateness, function and input are drawn from a seed; after each
 * watermark, move of the clock or batch of rows both have given the same.
 */
#include "unit/taskmanager/window/window_oracle.h"

#include "base/rng.h"

enum { PROGRAMS = 400, STEPS_EACH = 120 };

static int64_t below(wsl_rng *rng, int64_t n) { return (int64_t)(wsl_rng_next(rng) % (uint64_t)n); }

static int by_text(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

typedef struct lines {
    WSL_VEC(char *) list;
} lines;

static void take_outputs(wsl_harness *h, lines *out)
{
    const wsl_row *row;
    for (uint32_t i = 0; (row = wsl_harness_out(h, i)) != NULL; i++) {
        wsl_strbuf s;
        wsl_strbuf_init(&s);
        wsl_strbuf_puts(&s, "[");
        kit_time(&s, bounded_start(row));
        wsl_strbuf_puts(&s, ",");
        kit_time(&s, bounded_end(row));
        wsl_strbuf_puts(&s, ")=");
        if (bounded_text_is_null(row)) {
            wsl_strbuf_printf(&s, "%" PRId64, bounded_value(row));
        } else {
            wsl_strbuf_add(&s, bounded_text(row).data, bounded_text(row).size);
        }
        char *line = wsl_strbuf_take(&s);
        wsl_vec_push(&out->list, line);
    }
    for (uint32_t i = 0; (row = wsl_harness_side(h, "late", i)) != NULL; i++) {
        char *line = wsl_asprintf("late:%" PRId64, event_v(row));
        wsl_vec_push(&out->list, line);
    }
    wsl_harness_clear(h);
}

static void compare(wsl_harness *h, oracle *o, uint64_t seed, int step)
{
    lines got = {0};
    take_outputs(h, &got);
    if (got.list.n > 0) {
        qsort(got.list.items, got.list.n, sizeof(char *), by_text);
    }
    if (o->out.n > 0) {
        qsort(o->out.items, o->out.n, sizeof(char *), by_text);
    }
    for (uint32_t i = 0; i < got.list.n || i < o->out.n; i++) {
        const char *a = i < got.list.n ? got.list.items[i] : "(nothing)";
        const char *b = i < o->out.n ? o->out.items[i] : "(nothing)";
        cr_assert_str_eq(a, b, "seed %" PRIu64 ", step %d: got %s, the oracle says %s", seed, step, a, b);
    }
    for (uint32_t i = 0; i < got.list.n; i++) {
        free(got.list.items[i]);
    }
    wsl_vec_fini(&got.list);
    for (uint32_t i = 0; i < o->out.n; i++) {
        free(o->out.items[i]);
    }
    wsl_vec_clear(&o->out);
}

/* ---- drawing ---- */

static wsl_assigner draw_assigner(wsl_rng *rng)
{
    const int64_t size = 1 + below(rng, 40);
    wsl_assigner a = wsl_global_window();
    switch (below(rng, 8)) {
    case 0:
    case 1:
        a = wsl_with_offset(wsl_tumbling(size), below(rng, 2 * size - 1) - (size - 1));
        break;
    case 2:
    case 3: {
        const int64_t slide = 1 + below(rng, 30);
        a = wsl_with_offset(wsl_sliding(size, slide), below(rng, 2 * slide - 1) - (slide - 1));
        break;
    }
    case 4:
    case 5:
        a = wsl_session(1 + below(rng, 12));
        break;
    case 6:
        a = below(rng, 2) == 0 ? wsl_count_window(1 + below(rng, 5)) : wsl_count_window_sliding(1 + below(rng, 5), 1 + below(rng, 5));
        break;
    default:
        break;
    }
    a.processing_time = a.kind != WSL_WINDOWS_GLOBAL && a.kind != WSL_WINDOWS_COUNT && below(rng, 4) == 0;
    return a;
}

static wsl_trigger draw_trigger(wsl_rng *rng, const wsl_assigner *a)
{
    wsl_trigger t = {0};
    switch (a->kind == WSL_WINDOWS_COUNT ? 0 : below(rng, 10)) {
    case 0:
    case 1:
    case 2:
        break;
    case 3:
        t = wsl_event_time_trigger();
        break;
    case 4:
        t = wsl_processing_time_trigger();
        break;
    case 5:
    case 6:
        t = wsl_continuous_event_time_trigger(1 + below(rng, 20));
        break;
    case 7:
        t = wsl_continuous_processing_time_trigger(1 + below(rng, 20));
        break;
    case 8:
        t = wsl_count_trigger(1 + below(rng, 5));
        break;
    default:
        t = a->kind == WSL_WINDOWS_SESSION ? wsl_count_trigger(2) : wsl_delta_trigger("v", (double)below(rng, 50));
        break;
    }
    t.purging = a->kind != WSL_WINDOWS_COUNT && below(rng, 4) == 0;
    return t;
}

static wsl_evictor draw_evictor(wsl_rng *rng, const wsl_assigner *a)
{
    wsl_evictor e = {0};
    if (a->kind == WSL_WINDOWS_COUNT || below(rng, 3) != 0) {
        return e;
    }
    switch (below(rng, 3)) {
    case 0:
        e = wsl_count_evictor(below(rng, 4));
        break;
    case 1:
        e = wsl_time_evictor(below(rng, 15));
        break;
    default:
        e = wsl_delta_evictor("v", (double)below(rng, 60));
        break;
    }
    e.after = below(rng, 2) == 0;
    return e;
}

/* ---- running ---- */

typedef struct play {
    wsl_harness *h;
    oracle o;
    wsl_rng rng;
    int64_t now, next_v;
    kit_batch batch;
} play;

static void play_rows(play *p)
{
    static const char *const keys[] = {"a", "b", "c"};
    const int64_t n = 1 + below(&p->rng, below(&p->rng, 8) == 0 ? 100 : 4);
    for (int64_t i = 0; i < n; i++) {
        const int64_t key = below(&p->rng, 3);
        const int64_t ts = p->now + below(&p->rng, 60) - 40;
        p->next_v += 1 + below(&p->rng, 40);
        const int64_t v = below(&p->rng, 2) == 0 ? p->next_v : -p->next_v;
        p->batch.rows[p->batch.n++] = kit_row(keys[key], ts, v);
        o_row_in(&p->o, (int)key, ts, v);
    }
    kit_flush(p->h, &p->batch);
}

static void play_step(play *p)
{
    switch (below(&p->rng, 6)) {
    case 0:
        p->now += below(&p->rng, 15);
        cr_assert_eq(wsl_harness_watermark(p->h, p->now - 10), WSL_OK);
        o_watermark(&p->o, p->now - 10);
        break;
    case 1: {
        const int64_t ms = below(&p->rng, 30);
        cr_assert_eq(wsl_harness_advance(p->h, ms), WSL_OK);
        o_clock(&p->o, p->o.clock + ms);
        break;
    }
    default:
        play_rows(p);
        break;
    }
}

static void play_program(uint64_t seed)
{
    play p = {.now = 0};
    wsl_error err = {0};
    wsl_rng_seed(&p.rng, seed);
    wsl_windowing w = {.assigner = draw_assigner(&p.rng), .late_tag = "late"};
    w.trigger = draw_trigger(&p.rng, &w.assigner);
    w.evictor = draw_evictor(&p.rng, &w.assigner);
    w.lateness_ms = below(&p.rng, 2) == 0 ? 0 : below(&p.rng, 30);
    const bool sums = below(&p.rng, 2) == 0;
    const wsl_harness_options options = {KEYED,
                                         .windows = &w,
                                         .aggregate = sums ? &kit_sum : NULL,
                                         .window = sums ? &kit_with_bounds : &kit_all_rows,
                                         .clock_ms = 1000};
    cr_assert_eq(wsl_harness_new(&options, &p.h, &err), WSL_OK, "seed %" PRIu64 ": %s", seed, err.text);
    o_init(&p.o, &w, sums, 1000);
    for (int i = 0; i < STEPS_EACH; i++) {
        play_step(&p);
        compare(p.h, &p.o, seed, i);
    }
    cr_assert_eq(wsl_harness_end(p.h), WSL_OK);
    o_watermark(&p.o, WSL_TIME_MAX);
    compare(p.h, &p.o, seed, STEPS_EACH);
    o_fini(&p.o);
    wsl_harness_free(p.h);
}

Test(window_model, random_programs_agree_with_the_oracle)
{
    for (uint64_t seed = 1; seed <= PROGRAMS; seed++) {
        play_program(seed);
    }
}

/* Sessions alone, many rows. */
Test(window_model, sessions_of_thousands_of_rows)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        play p = {.now = 0};
        wsl_error err = {0};
        wsl_rng_seed(&p.rng, seed * 7919);
        const wsl_windowing w = {.assigner = wsl_session(1 + below(&p.rng, 10)), .late_tag = "late",
                                 .lateness_ms = below(&p.rng, 40)};
        const bool sums = seed % 2 == 0;
        const wsl_harness_options options = {KEYED,
                                             .windows = &w,
                                             .aggregate = sums ? &kit_sum : NULL,
                                             .window = sums ? &kit_with_bounds : &kit_all_rows};
        cr_assert_eq(wsl_harness_new(&options, &p.h, &err), WSL_OK, "%s", err.text);
        o_init(&p.o, &w, sums, 0);
        for (int i = 0; i < 1500; i++) {
            play_step(&p);
            compare(p.h, &p.o, seed, i);
        }
        o_fini(&p.o);
        wsl_harness_free(p.h);
    }
}

/* ---- the two ways to run windows ---- */

static wsl_status at_end_row(wsl_window_ctx *w, const wsl_row *row, wsl_trigger_result *out)
{
    (void)row;
    const int64_t last = wsl_window_max_timestamp(&w->window);
    *out = last <= wsl_watermark(w) ? WSL_TRIGGER_FIRE : WSL_TRIGGER_CONTINUE;
    return *out == WSL_TRIGGER_FIRE ? WSL_OK : wsl_timer_event(w->state, last);
}
static wsl_status at_end_timer(wsl_window_ctx *w, int64_t timestamp_ms, wsl_trigger_result *out)
{
    *out = timestamp_ms == wsl_window_max_timestamp(&w->window) ? WSL_TRIGGER_FIRE : WSL_TRIGGER_CONTINUE;
    return WSL_OK;
}
WSL_TRIGGER(like_the_default, .in = &event_schema, .on_element = at_end_row, .on_event_time = at_end_timer);

static wsl_status by_clock_row(wsl_window_ctx *w, const wsl_row *row, wsl_trigger_result *out)
{
    (void)row, (void)out;
    return wsl_timer_processing(w->state, wsl_window_max_timestamp(&w->window));
}
WSL_TRIGGER(like_the_clocks, .in = &event_schema, .on_element = by_clock_row, .on_processing_time = at_end_timer);

/* Main output and side output, each in order; which of the two is first does not count. */
static void same_output(wsl_harness *a, wsl_harness *b, uint64_t seed)
{
    const uint32_t n = wsl_harness_count(a);
    const uint32_t n_late = wsl_harness_side_count(a, "late");
    const bool counts = n == wsl_harness_count(b) && n_late == wsl_harness_side_count(b, "late");
    bool same = counts && wsl_harness_out_watermark(a) == wsl_harness_out_watermark(b);
    for (uint32_t i = 0; i < n && same; i++) {
        const wsl_row *x = wsl_harness_out(a, i);
        const wsl_row *y = wsl_harness_out(b, i);
        same = x->size == y->size && memcmp(x, y, x->size) == 0;
    }
    for (uint32_t i = 0; i < n_late && same; i++) {
        same = event_v(wsl_harness_side(a, "late", i)) == event_v(wsl_harness_side(b, "late", i));
    }
    cr_assert(same, "seed %" PRIu64 ": slices gave\n%s\nthe general way\n%s", seed, wsl_harness_text(a),
              wsl_harness_text(b));
    wsl_harness_clear(a);
    wsl_harness_clear(b);
}

static void play_both_ways(uint64_t seed)
{
    play p = {.now = 0};
    wsl_harness *general = NULL;
    wsl_error err = {0};
    static const char *const keys[] = {"a", "b", "c", "d", "e"};
    wsl_rng_seed(&p.rng, seed * 104729);
    wsl_windowing w = {.late_tag = "late"};
    do {
        w.assigner = draw_assigner(&p.rng);
    } while (w.assigner.kind != WSL_WINDOWS_TUMBLING && w.assigner.kind != WSL_WINDOWS_SLIDING);
    w.lateness_ms = below(&p.rng, 2) == 0 ? 0 : below(&p.rng, 50);
    const bool select = below(&p.rng, 3) == 0;
    wsl_harness_options options = {KEYED,
                                   .windows = &w,
                                   .aggregate = select ? NULL : &kit_sum,
                                   .window = select ? NULL : &kit_with_bounds,
                                   .select = select ? "key, WINDOW_START AS s, WINDOW_END AS e, SUM(v) AS v, COUNT(*) AS n"
                                                    : NULL};
    cr_assert_eq(wsl_harness_new(&options, &p.h, &err), WSL_OK, "%s", err.text);
    wsl_windowing custom = w;
    custom.trigger = wsl_custom_trigger(w.assigner.processing_time ? &like_the_clocks : &like_the_default);
    options.windows = &custom;
    cr_assert_eq(wsl_harness_new(&options, &general, &err), WSL_OK, "%s", err.text);
    for (int i = 0; i < STEPS_EACH; i++) {
        wsl_harness *const both[] = {p.h, general};
        const int64_t what = below(&p.rng, 6);
        const int64_t ms = below(&p.rng, what == 0 ? 40 : 15);
        const int64_t n = 1 + below(&p.rng, 20);
        p.now += what == 1 ? ms : 0;
        for (int64_t r = 0; r < n && what > 1; r++) {
            p.batch.rows[p.batch.n++] = kit_row(keys[below(&p.rng, 5)], p.now + below(&p.rng, 100) - 60, below(&p.rng, 100));
        }
        for (size_t b = 0; b < 2; b++) {
            if (what == 0) {
                cr_assert_eq(wsl_harness_advance(both[b], ms), WSL_OK);
            } else if (what == 1) {
                cr_assert_eq(wsl_harness_watermark(both[b], p.now - 10), WSL_OK);
            } else {
                cr_assert_eq(wsl_harness_push_batch(both[b], (const wsl_row *const *)p.batch.rows, p.batch.n), WSL_OK, "%s",
                             wsl_harness_error(both[b])->text);
            }
        }
        for (uint32_t r = 0; r < p.batch.n; r++) {
            free(p.batch.rows[r]);
        }
        p.batch.n = 0;
        same_output(p.h, general, seed);
    }
    cr_assert_eq(wsl_harness_end(p.h), WSL_OK);
    cr_assert_eq(wsl_harness_end(general), WSL_OK);
    same_output(p.h, general, seed);
    wsl_harness_free(p.h);
    wsl_harness_free(general);
}

Test(window_model, slices_and_the_general_way_give_the_same)
{
    for (uint64_t seed = 1; seed <= 200; seed++) {
        play_both_ways(seed);
    }
}
