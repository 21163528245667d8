/* Random tumbling and sliding windows against the dullest oracle: every row is kept in a list per key and window. */
#include "harness/restore_mode.h"
#include "harness/wsl_test.h"

#include <stdio.h>
#include <stdlib.h>

#include <wiesel/harness.h>

#include "base/rng.h"
#include "base/strbuf.h"

WSL_ROW(event, (int64, key), (int64, value));
WSL_ROW(acc, (int64, key), (int64, n), (int64, sum));

static wsl_status add_one(wsl_ctx *ctx, wsl_row *a, const wsl_row *in)
{
    (void)ctx;
    a->slot[acc_f_key] = (uint64_t)event_key(in);
    a->slot[acc_f_n]++;
    a->slot[acc_f_sum] += (uint64_t)event_value(in);
    return WSL_OK;
}
static wsl_status merge_two(wsl_ctx *ctx, wsl_row *a, const wsl_row *other)
{
    (void)ctx;
    cr_assert_eq(a->slot[acc_f_key], other->slot[acc_f_key], "merged across keys");
    a->slot[acc_f_n] += other->slot[acc_f_n];
    a->slot[acc_f_sum] += other->slot[acc_f_sum];
    return WSL_OK;
}
WSL_AGGREGATE(merging, .in = &event_schema, .acc = &acc_schema, .out = &acc_schema, .add = add_one, .merge = merge_two);
WSL_AGGREGATE(separate, .in = &event_schema, .acc = &acc_schema, .out = &acc_schema, .add = add_one);

static wsl_status smallest(wsl_ctx *ctx, const wsl_row *a, const wsl_row *in)
{
    return wsl_emit(ctx, event_value(in) < event_value(a) ? in : a);
}
WSL_REDUCE(minimum, .in = &event_schema, .reduce = smallest);

static const char select_list[] =
    "key, CAST(WINDOW_START AS BIGINT) AS start, CAST(WINDOW_END AS BIGINT) AS \"end\", COUNT(*) "
    "AS n, SUM(value) AS sum, MIN(value) AS low, MAX(value) AS high";
static const char ordered_list[] = "key, FIRST_VALUE(value) AS f, LAST_VALUE(value) AS l";

typedef enum fold_kind { MERGING, SEPARATE, REDUCE, SELECT, ORDERED, FOLD_KINDS } fold_kind;

/* ---- the oracle ---- */

enum { KEYS = 5, ROWS_MAX = 600, CELLS_MAX = 60000 };

typedef struct cell { /* of one key and window */
    int64_t key, start;
    bool fired;
    uint32_t n;
    int64_t value[ROWS_MAX];
} cell;

typedef struct oracle {
    int64_t size, slide, offset, lateness;
    fold_kind fold;
    int64_t watermark;
    cell **cells;
    uint32_t n_cells;
    wsl_strbuf main, late;
    uint64_t dropped;
} oracle;

static int64_t mod(int64_t a, int64_t b) { return (a % b + b) % b; }
static int64_t last_of(const oracle *o, const cell *c) { return c->start + o->size - 1; }

static void tell(oracle *o, const cell *c)
{
    int64_t sum = 0, low = INT64_MAX, high = INT64_MIN;
    for (uint32_t i = 0; i < c->n; i++) {
        sum += c->value[i];
        low = c->value[i] < low ? c->value[i] : low;
        high = c->value[i] > high ? c->value[i] : high;
    }
    const long long key = c->key, end = c->start + o->size;
    switch (o->fold) {
    case MERGING:
    case SEPARATE:
        wsl_strbuf_printf(&o->main, "{key=%lld, n=%u, sum=%lld}", key, c->n, (long long)sum);
        break;
    case REDUCE:
        wsl_strbuf_printf(&o->main, "{key=%lld, value=%lld}", key, (long long)low);
        break;
    case SELECT:
        wsl_strbuf_printf(&o->main, "{key=%lld, start=%lld, end=%lld, n=%u, sum=%lld, low=%lld, high=%lld}", key,
                          (long long)c->start, end, c->n, (long long)sum, (long long)low, (long long)high);
        break;
    default:
        wsl_strbuf_printf(&o->main, "{key=%lld, f=%lld, l=%lld}", key, (long long)c->value[0],
                          (long long)c->value[c->n - 1]);
        break;
    }
    wsl_strbuf_printf(&o->main, "@%lld\n", end - 1);
}

static cell *cell_of(oracle *o, int64_t key, int64_t start)
{
    for (uint32_t i = 0; i < o->n_cells; i++) {
        if (o->cells[i]->key == key && o->cells[i]->start == start) {
            return o->cells[i];
        }
    }
    cr_assert_lt(o->n_cells, CELLS_MAX);
    cell *c = calloc(1, sizeof *c);
    c->key = key;
    c->start = start;
    return o->cells[o->n_cells++] = c;
}

static void oracle_row(oracle *o, int64_t key, int64_t ts, int64_t value)
{
    bool skipped = true;
    for (int64_t start = ts - mod(ts - o->offset, o->slide); start > ts - o->size; start -= o->slide) {
        if (start + o->size - 1 + o->lateness <= o->watermark) {
            continue;
        }
        skipped = false;
        cell *c = cell_of(o, key, start);
        c->value[c->n++] = value;
        if (last_of(o, c) <= o->watermark) {
            tell(o, c);
        }
    }
    if (skipped && ts + o->lateness <= o->watermark) {
        wsl_strbuf_printf(&o->late, "{key=%lld, value=%lld}@%lld\n", (long long)key, (long long)value, (long long)ts);
        o->dropped++;
    }
}

static int by_end_and_key(const void *a, const void *b)
{
    const cell *x = *(cell *const *)a, *y = *(cell *const *)b;
    return x->start != y->start ? (x->start > y->start) - (x->start < y->start) : (x->key > y->key) - (x->key < y->key);
}

static void oracle_watermark(oracle *o, int64_t watermark)
{
    uint32_t kept = 0;
    qsort(o->cells, o->n_cells, sizeof o->cells[0], by_end_and_key);
    for (uint32_t i = 0; i < o->n_cells; i++) {
        cell *c = o->cells[i];
        if (last_of(o, c) > o->watermark && last_of(o, c) <= watermark) {
            tell(o, c);
        }
        if (last_of(o, c) + o->lateness <= watermark) {
            free(c);
        } else {
            o->cells[kept++] = c;
        }
    }
    o->n_cells = kept;
    o->watermark = watermark;
}

/* ---- the harness beside it ---- */

static wsl_harness *open_harness(const oracle *o, bool with_tag, uint32_t max_keys_group)
{
    wsl_harness *h = NULL;
    wsl_error err = {0};
    const wsl_windowing w = {
        .assigner = o->slide == o->size ? wsl_with_offset(wsl_tumbling(o->size), o->offset)
                                        : wsl_with_offset(wsl_sliding(o->size, o->slide), o->offset),
        .lateness_ms = o->lateness,
        .late_tag = with_tag ? "late" : NULL,
    };
    const wsl_harness_options options = {
        .windows = &w,
        .aggregate = o->fold == MERGING    ? &merging
                     : o->fold == SEPARATE ? &separate
                                           : NULL,
        .reduce = o->fold == REDUCE ? &minimum : NULL,
        .select = o->fold == SELECT    ? select_list
                  : o->fold == ORDERED ? ordered_list
                                       : NULL,
        .in = &event_schema,
        .keys = WSL_HARNESS_KEYS("key"),
        .max_parallelism = max_keys_group,
    };
    cr_assert_eq(wsl_harness_new(&options, &h, &err), WSL_OK, "%s", err.text);
    return h;
}

/* Rows of the main output, or of the side output, a line each. */
static void split_output(wsl_harness *h, wsl_strbuf *main, wsl_strbuf *late)
{
    const char *text = wsl_harness_text(h);
    while (*text != '\0') {
        const char *end = strstr(text, ", {");
        const char *mark = strstr(text, ", watermark");
        const char *side = strstr(text, ", late: ");
        end = end == NULL || (mark != NULL && mark < end) ? mark : end;
        end = end == NULL || (side != NULL && side < end) ? side : end;
        const size_t n = end == NULL ? strlen(text) : (size_t)(end - text);
        if (strncmp(text, "late: ", 6) == 0) {
            wsl_strbuf_printf(late, "%.*s\n", (int)n - 6, text + 6);
        } else if (strncmp(text, "watermark", 9) != 0) {
            wsl_strbuf_printf(main, "%.*s\n", (int)n, text);
        }
        text += n + (end != NULL ? 2 : 0);
    }
    wsl_harness_clear(h);
}

static char memory[512][64] __attribute__((aligned(8)));

static const wsl_row *row_of(uint32_t at, int64_t key, int64_t ts, int64_t value)
{
    wsl_row_writer w;
    cr_assert(wsl_row_writer_init(&w, memory[at], sizeof memory[at], event_n_fields));
    event_set_key(&w, key);
    event_set_value(&w, value);
    wsl_row_set_timestamp(w.row, ts);
    return w.row;
}

static void run(uint64_t seed, bool batches)
{
    wsl_rng rng;
    wsl_rng_seed(&rng, seed);
    oracle o = {.watermark = WSL_TIME_MIN, .cells = calloc(CELLS_MAX, sizeof(cell *))};
    o.size = 1 + (int64_t)wsl_rng_below(&rng, 60);
    o.slide = wsl_rng_below(&rng, 4) == 0 ? o.size : 1 + (int64_t)wsl_rng_below(&rng, 40);
    o.offset = (int64_t)wsl_rng_below(&rng, (uint64_t)o.slide);
    o.lateness = wsl_rng_below(&rng, 3) == 0 ? 0 : (int64_t)wsl_rng_below(&rng, 80);
    o.fold = (fold_kind)wsl_rng_below(&rng, FOLD_KINDS);
    const bool with_tag = wsl_rng_below(&rng, 2) == 0;
    const int64_t spread = 1 + (int64_t)wsl_rng_below(&rng, 100);
    const int64_t step = 1 + (int64_t)wsl_rng_below(&rng, 6);
    int64_t now = (int64_t)wsl_rng_below(&rng, 2000) - 1000;
    int64_t max = WSL_TIME_MIN;
    const uint32_t n = 50 + (uint32_t)wsl_rng_below(&rng, ROWS_MAX - 50);
    const uint64_t watermarks = 1 + wsl_rng_below(&rng, 40);
    wsl_harness *h = open_harness(&o, with_tag, 1);
    wsl_strbuf main, late;
    wsl_strbuf_init(&main);
    wsl_strbuf_init(&late);
    wsl_strbuf_init(&o.main);
    wsl_strbuf_init(&o.late);
    const wsl_row *batch[512];
    uint32_t gathered = 0;
    for (uint32_t i = 0; i <= n; i++) {
        const bool mark = i == n || wsl_rng_below(&rng, watermarks) == 0;
        if (i < n) {
            now += (int64_t)wsl_rng_below(&rng, (uint64_t)step * 2) + (wsl_rng_below(&rng, 100) == 0 ? 500 : 0);
            const int64_t ts = now - (int64_t)wsl_rng_below(&rng, (uint64_t)spread);
            const int64_t key = (int64_t)wsl_rng_below(&rng, KEYS);
            const int64_t value = (int64_t)wsl_rng_below(&rng, 1000);
            max = ts > max ? ts : max;
            oracle_row(&o, key, ts, value);
            batch[gathered] = row_of(gathered, key, ts, value);
            gathered++;
        }
        if (gathered > 0 && (!batches || mark || gathered == 512)) {
            cr_assert_eq(wsl_harness_push_batch(h, batch, gathered), WSL_OK, "%s", wsl_harness_error(h)->text);
            gathered = 0;
        }
        if (mark) {
            const int64_t bound = (int64_t)wsl_rng_below(&rng, (uint64_t)spread);
            const int64_t wm = i == n ? WSL_TIME_MAX / 2 : max - bound - 1;
            if (wm > o.watermark) {
                cr_assert_eq(wsl_harness_watermark(h, wm), WSL_OK, "%s", wsl_harness_error(h)->text);
                oracle_watermark(&o, wm);
            }
        }
    }
    split_output(h, &main, &late);
    const char *what = batches ? "in batches" : "row by row";
    const char *got = main.data != NULL ? main.data : "", *want = o.main.data != NULL ? o.main.data : "";
    size_t same = 0;
    while (got[same] != '\0' && got[same] == want[same]) {
        same++;
    }
    cr_assert(
        strcmp(got, want) == 0,
        "seed %llu %s: size %lld slide %lld offset %lld lateness %lld fold %d differ at %zu:\ngot  %.200s\nwant %.200s",
        (unsigned long long)seed, what, (long long)o.size, (long long)o.slide, (long long)o.offset,
        (long long)o.lateness, o.fold, same, got + (same > 60 ? same - 60 : 0), want + (same > 60 ? same - 60 : 0));
    if (with_tag) {
        cr_assert_str_eq(late.data != NULL ? late.data : "", o.late.data != NULL ? o.late.data : "", "seed %llu %s",
                         (unsigned long long)seed, what);
    } else {
        cr_assert_eq((uint64_t)wsl_harness_metric(h, "numLateRecordsDropped"), o.dropped);
    }
    cr_assert_eq(o.n_cells, 0);
    wsl_harness_free(h);
    wsl_strbuf_fini(&main);
    wsl_strbuf_fini(&late);
    wsl_strbuf_fini(&o.main);
    wsl_strbuf_fini(&o.late);
    free(o.cells);
}

Test(slices_model, random_windows_row_by_row, .timeout = 120)
{
    for (uint64_t seed = 1; seed <= 60; seed++) {
        run(seed, false);
    }
}

Test(slices_model, random_windows_in_batches, .timeout = 120)
{
    for (uint64_t seed = 1001; seed <= 1080; seed++) {
        run(seed, true);
    }
}

/* ---- order within the bound does not matter ---- */

enum { PERMUTED = 120, BOUND = 25 };

typedef struct arrival {
    int64_t ts, key, value, place;
} arrival;

static int by_place(const void *a, const void *b)
{
    const arrival *x = a, *y = b;
    return (x->place > y->place) - (x->place < y->place);
}

static void permuted(wsl_strbuf *out, const oracle *o, arrival *rows, wsl_rng *rng)
{
    wsl_strbuf late;
    wsl_strbuf_init(&late);
    wsl_harness *h = open_harness(o, false, 0);
    int64_t max = WSL_TIME_MIN;
    for (uint32_t i = 0; i < PERMUTED; i++) {
        rows[i].place =
            (rows[i].ts + (int64_t)wsl_rng_below(rng, BOUND + 1)) * 1000 + (int64_t)wsl_rng_below(rng, 1000);
    }
    qsort(rows, PERMUTED, sizeof rows[0], by_place);
    for (uint32_t i = 0; i < PERMUTED; i++) {
        cr_assert_eq(wsl_harness_push(h, row_of(0, rows[i].key, rows[i].ts, rows[i].value)), WSL_OK);
        if (rows[i].ts > max) {
            max = rows[i].ts;
            cr_assert_eq(wsl_harness_watermark(h, max - BOUND - 1), WSL_OK);
        }
    }
    cr_assert_eq(wsl_harness_watermark(h, WSL_TIME_MAX), WSL_OK);
    split_output(h, out, &late);
    cr_assert_eq(wsl_harness_metric(h, "numLateRecordsDropped"), 0);
    wsl_harness_free(h);
    wsl_strbuf_fini(&late);
}

Test(slices_model, a_thousand_permutations_within_the_bound_give_the_same_output, .timeout = 120)
{
    wsl_rng rng;
    wsl_rng_seed(&rng, 77);
    for (uint32_t round = 0; round < 10; round++) {
        arrival rows[PERMUTED];
        wsl_strbuf want;
        wsl_strbuf_init(&want);
        oracle o = {.size = 1 + (int64_t)wsl_rng_below(&rng, 50), .fold = round % 2 == 0 ? MERGING : SELECT};
        o.slide = round < 3 ? o.size : 1 + (int64_t)wsl_rng_below(&rng, 20);
        for (uint32_t i = 0; i < PERMUTED; i++) {
            rows[i] = (arrival){
                .ts = i * 2, .key = (int64_t)wsl_rng_below(&rng, KEYS), .value = (int64_t)wsl_rng_below(&rng, 100)};
        }
        permuted(&want, &o, rows, &rng);
        cr_assert_gt(want.size, 0);
        for (uint32_t i = 0; i < (restores_each_step() ? 2 : 100); i++) {
            wsl_strbuf got;
            wsl_strbuf_init(&got);
            permuted(&got, &o, rows, &rng);
            cr_assert_str_eq(got.data, want.data);
            wsl_strbuf_fini(&got);
        }
        wsl_strbuf_fini(&want);
    }
}
