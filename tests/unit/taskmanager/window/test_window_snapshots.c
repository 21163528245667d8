/*
 * Windows out of snapshots: at the same and at another parallelism, taken at once and while rows go on.
 */
#include "harness/wsl_test.h"

#include <stdio.h>

#include "data/key.h"
#include "taskmanager/ckpt/snapshot.h"
#include "taskmanager/ops/harness_internal.h"
#include "window_kit.h"

enum { KEYS = 60, GROUPS = 128 };

static const char *const key_fields[] = {"key", NULL};

static wsl_harness_options options_of(const wsl_windowing *windows, uint32_t subtask, uint32_t parallelism)
{
    return (wsl_harness_options){.windows = windows,
                                 .aggregate = &kit_sum,
                                 .window = &kit_with_bounds,
                                 .keys = key_fields,
                                 .in = &event_schema,
                                 .subtask = subtask,
                                 .parallelism = parallelism,
                                 .max_parallelism = GROUPS};
}

static wsl_harness *make(const wsl_windowing *windows, uint32_t subtask, uint32_t parallelism,
                         const wsl_harness_snapshot *const *parts, uint32_t n)
{
    wsl_harness_options o = options_of(windows, subtask, parallelism);
    wsl_harness *h = NULL;
    wsl_error err = {0};
    o.restore = parts;
    o.n_restore = n;
    cr_assert_eq(wsl_harness_new(&o, &h, &err), WSL_OK, "%s", err.text);
    return h;
}

/* The row of key number `key`; whose key group it is of. */
static wsl_row_writer *row_of(wsl_harness *h, uint32_t key, int64_t v, uint32_t *out_group)
{
    char name[16];
    wsl_key_spec spec;
    wsl_error err = {0};
    wsl_row_writer *w = wsl_harness_row(h, &event_schema);
    (void)snprintf(name, sizeof name, "k%u", key);
    event_set_key(w, wsl_str_of(name));
    event_set_v(w, v);
    cr_assert_eq(wsl_key_spec_init(&spec, &event_schema, key_fields, 1, &err), WSL_OK, "%s", err.text);
    *out_group = wsl_key_group(wsl_key_hash(&spec, w->row), GROUPS);
    return w;
}

/* A row of each key of that subtask, for these times. */
static void push_all(wsl_harness *h, uint32_t subtask, uint32_t parallelism, int64_t timestamp)
{
    for (uint32_t key = 0; key < KEYS; key++) {
        uint32_t group = 0;
        wsl_row_writer *w = row_of(h, key, key + 1, &group);
        if (wsl_key_group_owner(group, GROUPS, parallelism) == subtask) {
            cr_assert_eq(wsl_harness_push_at(h, w, timestamp), WSL_OK, "%s", wsl_harness_error(h)->text);
        }
    }
}

static int64_t sum_of(const wsl_harness *h)
{
    int64_t sum = 0;
    for (uint32_t i = 0; i < wsl_harness_count(h); i++) {
        sum += bounded_value(wsl_harness_out(h, i));
    }
    return sum;
}

enum { SUM_OF_KEYS = KEYS * (KEYS + 1) / 2 };

static const wsl_windowing tumbling = {.assigner = {.kind = WSL_WINDOWS_TUMBLING, .size_ms = 10}};
static const wsl_windowing tumbling_late = {.assigner = {.kind = WSL_WINDOWS_TUMBLING, .size_ms = 10}, .lateness_ms = 100};
static const wsl_windowing sliding = {.assigner = {.kind = WSL_WINDOWS_SLIDING, .size_ms = 10, .slide_ms = 5}};
static const wsl_windowing sessions = {.assigner = {.kind = WSL_WINDOWS_SESSION, .size_ms = 10}};
static const wsl_windowing counted_end = {.assigner = {.kind = WSL_WINDOWS_TUMBLING, .size_ms = 10},
                                          .evictor = {.kind = WSL_EVICTOR_COUNT, .count = 100}};

/* Two subtasks become `n`: each key's window fires once, with the rows of before and after. */
static void rescale(const wsl_windowing *windows, uint32_t n)
{
    wsl_harness_snapshot *parts[2];
    uint32_t count = 0;
    int64_t sum = 0;
    for (uint32_t i = 0; i < 2; i++) {
        WSL_AUTO(wsl_harness) h = make(windows, i, 2, NULL, 0);
        push_all(h, i, 2, 101);
        cr_assert_eq(wsl_harness_watermark(h, 100), WSL_OK);
        cr_assert_eq(wsl_harness_take(h, &parts[i]), WSL_OK, "%s", wsl_harness_error(h)->text);
    }
    for (uint32_t i = 0; i < n; i++) {
        WSL_AUTO(wsl_harness) h = make(windows, i, n, (const wsl_harness_snapshot *const *)parts, 2);
        cr_assert_eq(wsl_harness_out_watermark(h), 100);
        cr_assert_str_eq(wsl_harness_text(h), "", "nothing comes out again");
        push_all(h, i, n, 103);
        cr_assert_eq(wsl_harness_watermark(h, 112), WSL_OK, "%s", wsl_harness_error(h)->text);
        count += wsl_harness_count(h);
        sum += sum_of(h);
    }
    cr_assert_eq(sum % (2 * SUM_OF_KEYS), 0, "%lld", (long long)sum);
    cr_assert_eq(count % KEYS, 0);
    cr_assert(count > 0 && sum / (2 * SUM_OF_KEYS) == count / KEYS);
    wsl_harness_snapshot_free(parts[0]);
    wsl_harness_snapshot_free(parts[1]);
}

Test(window_snapshots, slices_of_two_subtasks_go_to_three_and_to_one)
{
    rescale(&tumbling, 3);
    rescale(&tumbling, 1);
    rescale(&sliding, 3);
}
Test(window_snapshots, sessions_of_two_subtasks_go_to_three_and_to_one)
{
    rescale(&sessions, 3);
    rescale(&sessions, 1);
}
Test(window_snapshots, rows_of_general_windows_go_to_three_and_to_one)
{
    rescale(&counted_end, 3);
    rescale(&counted_end, 1);
}

static void push_one(wsl_harness *h, int64_t timestamp)
{
    uint32_t group = 0;
    cr_assert_eq(wsl_harness_push_at(h, row_of(h, 1, 1, &group), timestamp), WSL_OK, "%s", wsl_harness_error(h)->text);
}

/* Fires up to watermark 45, is restored, gets a row for a window that has fired. */
static const char *after_kill(const wsl_windowing *windows, wsl_harness **out_h)
{
    WSL_AUTO(wsl_harness_snapshot) s = NULL;
    WSL_AUTO(wsl_harness) h = make(windows, 0, 1, NULL, 0);
    push_one(h, 10);
    cr_assert_eq(wsl_harness_watermark(h, 45), WSL_OK);
    cr_assert_eq(wsl_harness_count(h), 1);
    cr_assert_eq(wsl_harness_take(h, &s), WSL_OK);
    const wsl_harness_snapshot *const parts[] = {s};
    *out_h = make(windows, 0, 1, parts, 1);
    push_one(*out_h, 10);
    cr_assert_eq(wsl_harness_watermark(*out_h, 60), WSL_OK);
    return wsl_harness_text(*out_h);
}

Test(window_snapshots, ex43_what_is_late_before_is_late_after)
{
    wsl_harness *h = NULL;
    cr_assert_str_eq(after_kill(&tumbling, &h), "watermark 60");
    cr_assert_eq(wsl_harness_metric(h, "numLateRecordsDropped"), 1);
    wsl_harness_free(h);
    cr_assert_str_eq(after_kill(&sessions, &h), "watermark 60");
    wsl_harness_free(h);
}

Test(window_snapshots, a_window_that_is_kept_fires_again_only_for_a_late_row)
{
    wsl_harness *h = NULL;
    cr_assert_str_eq(after_kill(&tumbling_late, &h), "{start=10, end=20, value=2, text=NULL}@19, watermark 60");
    wsl_harness_free(h);
}

Test(window_snapshots, other_windows_are_refused)
{
    static const wsl_windowing longer = {.assigner = {.kind = WSL_WINDOWS_TUMBLING, .size_ms = 20}};
    const wsl_windowing *const others[] = {&longer, &sessions, &counted_end};
    WSL_AUTO(wsl_harness_snapshot) s = NULL;
    WSL_AUTO(wsl_harness) h = make(&tumbling, 0, 1, NULL, 0);
    push_one(h, 10);
    cr_assert_eq(wsl_harness_take(h, &s), WSL_OK);
    const wsl_harness_snapshot *const parts[] = {s};
    for (uint32_t i = 0; i < WSL_ARRAY_LEN(others); i++) {
        wsl_harness_options o = options_of(others[i], 0, 1);
        wsl_harness *none = NULL;
        wsl_error err = {0};
        o.restore = parts;
        o.n_restore = 1;
        cr_assert_eq(wsl_harness_new(&o, &none, &err), WSL_INVALID);
        cr_assert(strstr(err.text, "its windows") != NULL, "%s", err.text);
    }
}

/* ---- while rows go on ---- */

static wsl_harness_snapshot *through_bytes(Wsl__Pb__TaskSnapshot *task)
{
    wsl_harness_snapshot *s = NULL;
    wsl_error err = {0};
    const size_t size = wsl__pb__task_snapshot__get_packed_size(task);
    uint8_t *bytes = malloc(size + 1);
    (void)wsl__pb__task_snapshot__pack(task, bytes);
    wsl__pb__task_snapshot__free_unpacked(task, NULL);
    cr_assert_eq(wsl_harness_snapshot_read(bytes, size, &s, &err), WSL_OK, "%s", err.text);
    free(bytes);
    return s;
}

/* Half of the rows, then the snapshot is begun and stepped between the others; what is restored fires the half. */
static void walk_beside_rows(const wsl_windowing *windows)
{
    tm_memory_sink memory = {0};
    const tm_snapshot_sink sink = tm_memory_sink_of(&memory);
    WSL_AUTO(wsl_harness) still = make(windows, 0, 1, NULL, 0);
    WSL_AUTO(wsl_harness) h = make(windows, 0, 1, NULL, 0);
    h->steps.on = false; /* the operator stays while it is walked */
    for (int64_t ts = 0; ts < 60; ts += 7) {
        push_all(h, 0, 1, ts);
        push_all(still, 0, 1, ts);
    }
    tm_snapshot *s = tm_snapshot_new(1, &sink);
    cr_assert_eq(tm_snapshot_ask(s, tm_chain_head(h->chain)), WSL_OK);
    for (int64_t ts = 1; ts < 60; ts += 9) {
        push_all(h, 0, 1, ts);
        (void)tm_snapshot_step(s, 256);
        cr_assert_eq(wsl_harness_watermark(h, ts - 1), WSL_OK); /* windows fire and go */
        (void)tm_snapshot_step(s, 256);
    }
    WSL_AUTO(wsl_harness_snapshot) taken = through_bytes(tm_snapshot_finish_in_memory(s, &memory));
    const wsl_harness_snapshot *const parts[] = {taken};
    WSL_AUTO(wsl_harness) restored = make(windows, 0, 1, parts, 1);
    cr_assert_eq(wsl_harness_watermark(still, 1000), WSL_OK);
    cr_assert_eq(wsl_harness_watermark(restored, 1000), WSL_OK);
    cr_assert_geq(wsl_harness_count(still), KEYS);
    char *expected = strdup(wsl_harness_text(still));
    cr_assert_str_eq(wsl_harness_text(restored), expected);
    free(expected);
}

Test(window_snapshots, a_walk_beside_rows_sees_slices_as_they_were) { walk_beside_rows(&sliding); }
Test(window_snapshots, a_walk_beside_rows_sees_single_windows_as_they_were) { walk_beside_rows(&tumbling); }
Test(window_snapshots, a_walk_beside_rows_sees_sessions_as_they_were) { walk_beside_rows(&sessions); }
Test(window_snapshots, a_walk_beside_rows_sees_lists_as_they_were) { walk_beside_rows(&counted_end); }

/* ---- bytes ---- */

Test(window_snapshots, damaged_bytes_are_found)
{
    WSL_AUTO(wsl_harness_snapshot) s = NULL;
    WSL_AUTO(wsl_harness) h = make(&tumbling, 0, 1, NULL, 0);
    push_all(h, 0, 1, 10);
    cr_assert_eq(wsl_harness_take(h, &s), WSL_OK);
    size_t size = 0;
    const uint8_t *bytes = wsl_harness_snapshot_bytes(s, &size);
    uint32_t found = 0;
    for (size_t i = 0; i < size; i += 97) {
        wsl_harness_snapshot *bad = NULL;
        wsl_error err = {0};
        uint8_t *copy = malloc(size);
        memcpy(copy, bytes, size);
        copy[i] ^= 0x10;
        if (wsl_harness_snapshot_read(copy, size, &bad, &err) == WSL_OK) {
            const wsl_harness_snapshot *const parts[] = {bad};
            wsl_harness_options o = options_of(&tumbling, 0, 1);
            wsl_harness *other = NULL;
            o.restore = parts;
            o.n_restore = 1;
            found += wsl_harness_new(&o, &other, &err) != WSL_OK;
            wsl_harness_free(other);
            wsl_harness_snapshot_free(bad);
        } else {
            found++;
        }
        free(copy);
    }
    cr_assert_gt(found, size / 97 * 8 / 10, "%u", found); /* what is left are numbers that nobody needs */
}
