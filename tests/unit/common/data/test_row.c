/* Rows written and read back for every type, and what wsl_row_check lets in. */
#include "harness/wsl_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <wiesel/row.h>

#include "base/rng.h"
#include "data/migrate.h"
#include "data/row_nested.h"
#include "data/row_text.h"

WSL_ROW(all, (bool, b), (int8, i8), (int16, i16), (int32, i32), (int64, i64), (float, f), (double, d), (string, s),
        (bytes, raw), (date, day), (time, clock), (timestamp, ts));

static wsl_schema *schema_of(const char *row_type)
{
    wsl_type type;
    wsl_error err;
    cr_assert_eq(wsl_type_parse(row_type, &type, &err), WSL_OK, "%s", err.text);
    wsl_schema *copy = wsl_schema_copy(type.row);
    wsl_type_clear(&type);
    return copy;
}

static wsl_row *make_all(uint64_t *memory, uint32_t bytes)
{
    wsl_row_writer w;
    cr_assert(wsl_row_writer_init(&w, memory, bytes, all_n_fields));
    all_set_b(&w, true);
    all_set_i8(&w, -128);
    all_set_i16(&w, -5);
    all_set_i32(&w, INT32_MIN);
    all_set_i64(&w, INT64_MIN);
    all_set_f(&w, 1.5f);
    all_set_d(&w, -0.25);
    all_set_s(&w, wsl_str_of("ACME"));
    all_set_raw(&w, (wsl_str){"\0\xff", 2});
    all_set_day(&w, -1);
    all_set_clock(&w, 86399999);
    all_set_ts(&w, 1700000000123);
    cr_assert_not(w.overflow);
    return w.row;
}

static wsl_status check(const void *row, uint32_t available, const wsl_schema *schema, wsl_error *err)
{
    *err = (wsl_error){0};
    return wsl_row_check(row, available, schema, err);
}

Test(row, every_type_reads_back_and_passes_the_check)
{
    uint64_t memory[64];
    wsl_error err;
    const wsl_row *row = make_all(memory, sizeof memory);
    cr_assert_eq(check(row, row->size, &all_schema, &err), WSL_OK, "%s", err.text);
    cr_assert(all_b(row));
    cr_assert_eq(all_i8(row), -128);
    cr_assert_eq(all_i32(row), INT32_MIN);
    cr_assert_eq(all_f(row), 1.5f);
    cr_assert(wsl_str_equal(all_s(row), wsl_str_of("ACME")));
    cr_assert_eq(all_raw(row).size, 2);
    cr_assert_eq(all_ts(row), 1700000000123);
}

Test(row, a_string_of_any_length_is_copied_whole_and_followed_by_zeros)
{
    enum { LONGEST = 70, BEFORE = 4 };
    for (uint32_t size = 0; size <= LONGEST; size++) {
        uint64_t memory[16];
        memset(memory, 0xEE, sizeof memory);
        char *text = malloc(size + 1); /* nothing behind the last byte may be read: ASan sees to that */
        char *copy = malloc(size == 0 ? 1 : size);
        for (uint32_t i = 0; i < size; i++) {
            text[i] = (char)('A' + (i * 7 + size) % 50);
        }
        memcpy(copy, text, size);
        wsl_row_put_bytes((uint8_t *)(memory + BEFORE), copy, size);
        const uint32_t padded = (size + 7) & ~UINT32_C(7);
        const uint8_t *got = (const uint8_t *)(memory + BEFORE);
        cr_assert_eq(memcmp(got, text, size), 0, "%u bytes", size);
        for (uint32_t i = size; i < padded; i++) {
            cr_assert_eq(got[i], 0, "%u bytes, at %u", size, i);
        }
        cr_assert_eq(got[-1], 0xEE);
        cr_assert_eq(got[padded], 0xEE, "%u bytes", size);
        free(copy);
        free(text);
    }
}

Test(row, a_row_that_is_there_can_be_edited)
{
    uint64_t memory[64];
    wsl_row *row = make_all(memory, sizeof memory);
    const uint32_t size = row->size;
    row->nulls |= 1u << all_f_d;
    wsl_row_writer w = all_edit(row);
    all_set_d(&w, 2.5);
    all_set_i64(&w, 7);
    cr_assert(all_d(row) == 2.5 && !all_d_is_null(row));
    cr_assert_eq(all_i64(row), 7);
    cr_assert_not(w.overflow);
    all_set_s(&w, wsl_str_of("longer"));
    cr_assert(w.overflow, "there is no room behind it");
    cr_assert_eq(row->size, size);
    cr_assert(wsl_str_equal(all_s(row), wsl_str_of("ACME")));

    w = all_edit(NULL);
    all_set_i64(&w, 7);
    cr_assert(w.overflow);
}

Test(row, prints_as_people_read_it)
{
    uint64_t memory[64];
    char text[512];
    const wsl_row *row = make_all(memory, sizeof memory);
    const size_t size = wsl_row_text(row, &all_schema, text, sizeof text);
    cr_assert_str_eq(text,
                     "{b=true, i8=-128, i16=-5, i32=-2147483648, i64=-9223372036854775808, f=1.5, d=-0.25, s=ACME, "
                     "raw=x'00ff', day=1969-12-31, clock=23:59:59.999, ts=2023-11-14 22:13:20.123}");
    cr_assert_eq(size, strlen(text));
    char cut[16];
    cr_assert_eq(wsl_row_text(row, &all_schema, cut, sizeof cut), size);
    cr_assert_str_eq(cut, "{b=true, i8=...");
}

/* One change to a good row, and what the check must say about it. */
static void expect_bad(void (*spoil)(wsl_row *row), const char *needle)
{
    uint64_t memory[64];
    wsl_error err;
    wsl_row *row = make_all(memory, sizeof memory);
    const uint32_t available = row->size;
    spoil(row);
    cr_assert_eq(check(row, available, &all_schema, &err), WSL_FORMAT, "%s was let in", needle);
    cr_assert(has_text(err.text, needle), "%s", err.text);
}

static void too_large(wsl_row *row) { row->size += 8; }
static void too_small(wsl_row *row) { row->size = 24; }
static void uneven(wsl_row *row) { row->size -= 4; }
static void odd_op(wsl_row *row) { row->op = 4; }
static void odd_kind(wsl_row *row) { row->kind = 7; }
static void odd_bool(wsl_row *row) { row->slot[all_f_b] = 2; }
static void odd_int8(wsl_row *row) { row->slot[all_f_i8] = 128; }
static void odd_int16(wsl_row *row) { row->slot[all_f_i16] = 0xffff; }
static void odd_int32(wsl_row *row) { row->slot[all_f_i32] = (uint64_t)1 << 31; }
static void odd_float(wsl_row *row) { row->slot[all_f_f] |= (uint64_t)1 << 32; }
static void odd_date(wsl_row *row) { row->slot[all_f_day] = (uint64_t)1 << 40; }
static void odd_time(wsl_row *row) { row->slot[all_f_clock] = 86400000; }
static void extra_null(wsl_row *row) { row->nulls |= 1u << all_n_fields; }
static void null_with_value(wsl_row *row) { row->nulls |= 1u << all_f_i64; }
static void string_far(wsl_row *row) { row->slot[all_f_s] = (uint64_t)4 << 32 | 4096; }
static void string_long(wsl_row *row) { row->slot[all_f_s] |= (uint64_t)UINT32_MAX << 32; }
static void string_in_slots(wsl_row *row) { row->slot[all_f_s] = (uint64_t)4 << 32 | 24; }
static void string_uneven(wsl_row *row) { row->slot[all_f_s] += 4; }
static void dirty_padding(wsl_row *row) { ((uint8_t *)row)[(uint32_t)row->slot[all_f_s] + 5] = 1; }

Test(row, check_refuses_everything_that_would_mislead_a_reader)
{
    expect_bad(too_large, "size does not fit");
    expect_bad(too_small, "fewer fields");
    expect_bad(uneven, "size does not fit");
    expect_bad(odd_op, "unknown");
    expect_bad(odd_kind, "unknown");
    expect_bad(odd_bool, "field 'b'");
    expect_bad(odd_int8, "field 'i8'");
    expect_bad(odd_int16, "field 'i16'");
    expect_bad(odd_int32, "field 'i32'");
    expect_bad(odd_float, "field 'f'");
    expect_bad(odd_date, "field 'day'");
    expect_bad(odd_time, "field 'clock'");
    expect_bad(extra_null, "null bits beyond");
    expect_bad(null_with_value, "field 'i64' is null but has a value");
    expect_bad(string_far, "points outside");
    expect_bad(string_long, "points outside");
    expect_bad(string_in_slots, "points outside");
    expect_bad(string_uneven, "points outside");
    expect_bad(dirty_padding, "not 0");
}

Test(row, check_wants_an_aligned_whole_header)
{
    uint64_t memory[64];
    wsl_error err;
    const wsl_row *row = make_all(memory, sizeof memory);
    cr_assert_eq(check((const uint8_t *)row + 4, 100, &all_schema, &err), WSL_FORMAT);
    cr_assert_eq(check(row, 23, &all_schema, &err), WSL_FORMAT);
    cr_assert_eq(check(row, row->size - 8, &all_schema, &err), WSL_FORMAT);
    cr_assert_eq(check(row, 0, &all_schema, &err), WSL_FORMAT);
}

Test(row, marks_have_at_most_two_slots)
{
    uint64_t memory[8] = {0};
    wsl_error err;
    wsl_row *mark = (wsl_row *)memory;
    mark->size = 24;
    mark->kind = WSL_KIND_WATERMARK;
    cr_assert_eq(check(mark, sizeof memory, &all_schema, &err), WSL_OK);
    mark->size = 40;
    mark->kind = WSL_KIND_BARRIER;
    cr_assert_eq(check(mark, sizeof memory, &all_schema, &err), WSL_OK);
    mark->size = 48;
    cr_assert_eq(check(mark, sizeof memory, &all_schema, &err), WSL_FORMAT);
}

Test(row, not_null_fields_must_be_there)
{
    uint64_t memory[8];
    wsl_error err;
    wsl_row_writer w;
    WSL_AUTO(wsl_schema) schema = schema_of("ROW<a INT64 NOT NULL, b INT64>");
    cr_assert(wsl_row_writer_init(&w, memory, sizeof memory, 2));
    cr_assert_eq(check(w.row, sizeof memory, schema, &err), WSL_FORMAT);
    cr_assert(has_text(err.text, "field 'a' is null but NOT NULL"));
    wsl_row_set_int64(&w, 0, 1);
    cr_assert_eq(check(w.row, sizeof memory, schema, &err), WSL_OK);
}

Test(row, fields_beyond_the_32nd_keep_their_null_bits_behind_the_slots)
{
    uint64_t memory[256];
    wsl_error err;
    wsl_row_writer w;
    WSL_AUTO(wsl_schema_builder) b = wsl_schema_builder_new("wide");
    wsl_schema *made = NULL;
    for (int i = 0; i < 100; i++) {
        char name[16];
        snprintf(name, sizeof name, "f%d", i);
        wsl_schema_builder_add(b, name, &(wsl_type){.id = WSL_T_INT64});
    }
    cr_assert_eq(wsl_schema_builder_finish(b, &made, NULL), WSL_OK);
    WSL_AUTO(wsl_schema) schema = made;
    cr_assert(wsl_row_writer_init(&w, memory, sizeof memory, 100));
    wsl_row_set_int64(&w, 31, 31);
    wsl_row_set_int64(&w, 32, 32);
    wsl_row_set_int64(&w, 96, 96);
    cr_assert_eq(check(w.row, sizeof memory, schema, &err), WSL_OK, "%s", err.text);
    for (uint32_t i = 0; i < 100; i++) {
        cr_assert_eq(wsl_row_is_null(w.row, i, 100), !(i == 31 || i == 32 || i == 96));
    }
    w.row->slot[101] |= (uint64_t)1 << 5; /* field 101 does not exist */
    cr_assert_eq(check(w.row, sizeof memory, schema, &err), WSL_FORMAT);
}

static const char nested_type[] =
    "ROW<tags ARRAY<STRING>, counts MAP<STRING, INT64>, at ROW<x DOUBLE, y DOUBLE>, big DECIMAL(30,2), "
    "grid ARRAY<ARRAY<INT32>>, people ARRAY<ROW<name STRING, age INT8>>, small DECIMAL(10,2), "
    "maps ARRAY<MAP<INT64, STRING>>>";

static wsl_row *make_nested(uint64_t *memory, uint32_t bytes, const wsl_schema *schema, bool *out_overflow)
{
    wsl_row_writer w;
    cr_assert(wsl_row_writer_init(&w, memory, bytes, schema->n_fields));
    wsl_array_writer tags = wsl_row_begin_array(&w, 3);
    wsl_array_set_str(&tags, 0, wsl_str_of("red"));
    wsl_array_set_str(&tags, 2, wsl_str_of("a longer one"));
    wsl_row_end_array(&w, 0, &tags);

    wsl_map_writer counts = wsl_row_begin_map(&w, 2);
    wsl_array_set_str(&counts.keys, 0, wsl_str_of("one"));
    wsl_array_set_str(&counts.keys, 1, wsl_str_of("none"));
    wsl_map_begin_values(&counts);
    wsl_array_set_int64(&counts.values, 0, 1);
    wsl_row_end_map(&w, 1, &counts);

    wsl_row_writer at = wsl_row_begin_row(&w, 2);
    if (!at.overflow) {
        wsl_row_set_double(&at, 0, 1.5);
    }
    wsl_row_end_row(&w, 2, &at);
    wsl_row_set_decimal(&w, 3, &schema->fields[3].type, -(__int128)1000000000000000000 * 10000000 - 5);

    wsl_array_writer grid = wsl_row_begin_array(&w, 2);
    wsl_array_writer line = wsl_array_begin_array(&grid, 2);
    wsl_array_set_int64(&line, 1, -7);
    wsl_array_end_array(&grid, 0, &line);
    line = wsl_array_begin_array(&grid, 0);
    wsl_array_end_array(&grid, 1, &line);
    wsl_row_end_array(&w, 4, &grid);

    wsl_array_writer people = wsl_row_begin_array(&w, 1);
    wsl_row_writer one = wsl_array_begin_row(&people, 2);
    if (!one.overflow) {
        wsl_row_set_str(&one, 0, wsl_str_of("Ada"));
        wsl_row_set_int64(&one, 1, 36);
    }
    wsl_array_end_row(&people, 0, &one);
    wsl_row_end_array(&w, 5, &people);
    wsl_row_set_decimal(&w, 6, &schema->fields[6].type, 1250);

    wsl_array_writer maps = wsl_row_begin_array(&w, 1);
    wsl_map_writer m = wsl_array_begin_map(&maps, 1);
    wsl_array_set_int64(&m.keys, 0, 5);
    wsl_map_begin_values(&m);
    wsl_array_set_str(&m.values, 0, wsl_str_of("five"));
    wsl_array_end_map(&maps, 0, &m);
    wsl_row_end_array(&w, 7, &maps);
    *out_overflow = w.overflow;
    return w.row;
}

static const char nested_text[] =
    "{tags=[red, NULL, a longer one], counts={one: 1, none: NULL}, at={x=1.5, y=NULL}, "
    "big=-100000000000000000000000.05, grid=[[NULL, -7], []], people=[{name=Ada, age=36}], "
    "small=12.50, maps=[{5: five}]}";

Test(row, nested_values_read_back_and_pass_the_check)
{
    uint64_t memory[200];
    char text[512];
    wsl_error err;
    bool overflow;
    WSL_AUTO(wsl_schema) schema = schema_of(nested_type);
    const wsl_row *row = make_nested(memory, sizeof memory, schema, &overflow);
    cr_assert_not(overflow);
    cr_assert_eq(check(row, row->size, schema, &err), WSL_OK, "%s", err.text);
    wsl_row_text(row, schema, text, sizeof text);
    cr_assert_str_eq(text, nested_text);
    const wsl_array tags = wsl_row_array(row, 0);
    cr_assert_eq(tags.n, 3);
    cr_assert(wsl_array_is_null(tags, 1));
    cr_assert(wsl_str_equal(wsl_array_str(tags, 2), wsl_str_of("a longer one")));
    cr_assert_eq(wsl_array_int64(wsl_row_map(row, 1).values, 0), 1);
    cr_assert_eq(wsl_row_double(wsl_row_row(row, 2), 0), 1.5);
    cr_assert_eq(wsl_array_int64(wsl_array_array(wsl_row_array(row, 4), 0), 1), -7);
    cr_assert_eq(wsl_row_int64(wsl_array_row(wsl_row_array(row, 5), 0), 1), 36);
    cr_assert(wsl_array_map(wsl_row_array(row, 7), 0).keys.n == 1);
}

Test(row, a_nested_value_that_does_not_fit_overflows_the_outer_row_for_every_capacity)
{
    uint64_t memory[200];
    uint64_t whole[200];
    bool overflow;
    WSL_AUTO(wsl_schema) schema = schema_of(nested_type);
    const uint32_t size = make_nested(whole, sizeof whole, schema, &overflow)->size;
    for (uint32_t bytes = wsl_row_fixed_size(schema->n_fields); bytes <= size; bytes += 8) {
        memset(memory, 0x5a, sizeof memory);
        (void)make_nested(memory, bytes, schema, &overflow);
        cr_assert_eq(overflow, bytes < size, "with %u of %u bytes", bytes, size);
        cr_assert_eq(memory[bytes / 8], UINT64_C(0x5a5a5a5a5a5a5a5a), "nothing is written past the end");
    }
}

/* A random word of the row is replaced: either the check refuses it, or every value can be read (the sanitizers see).
 */
Test(row, no_damage_gets_past_the_check_and_harms_a_reader)
{
    uint64_t good[200];
    bool overflow;
    wsl_rng rng;
    wsl_rng_seed(&rng, 7);
    WSL_AUTO(wsl_schema) schema = schema_of(nested_type);
    const uint32_t size = make_nested(good, sizeof good, schema, &overflow)->size;
    int refused = 0;
    for (int round = 0; round < 20000; round++) {
        /* exactly sized, so that a read past the end is seen */
        uint64_t *memory = malloc(size);
        memcpy(memory, good, size);
        const uint32_t n = 1 + (uint32_t)wsl_rng_below(&rng, 2);
        for (uint32_t k = 0; k < n; k++) {
            uint64_t *word = &memory[wsl_rng_below(&rng, size / 8)];
            switch (wsl_rng_below(&rng, 4)) {
            case 0:
                *word ^= (uint64_t)1 << wsl_rng_below(&rng, 64);
                break;
            case 1:
                *word = wsl_rng_below(&rng, 2048);
                break;
            case 2:
                *word = wsl_rng_below(&rng, 64) << 32 | wsl_rng_below(&rng, 256) * 8;
                break;
            default:
                *word = wsl_rng_next(&rng);
                break;
            }
        }
        wsl_error err;
        if (wsl_row_check(memory, size, schema, &err) == WSL_OK) {
            char text[4096];
            (void)wsl_row_text((const wsl_row *)memory, schema, text, sizeof text);
        } else {
            refused++;
        }
        free(memory);
    }
    cr_assert_gt(refused, 8000);
}

/* ---- migration ---- */

Test(migrate, a_row_of_the_same_shape_is_left_alone)
{
    WSL_AUTO(wsl_schema) a = schema_of("ROW<a INT8, b STRING>");
    WSL_AUTO(wsl_schema) b = schema_of("ROW<a INT64, b STRING>");
    WSL_AUTO(wsl_migration) m = NULL;
    cr_assert_eq(wsl_migration_new(a, b, &m, NULL), WSL_OK);
    cr_assert(wsl_migration_is_identity(m), "a widened integer has the same bits");
}

Test(migrate, fields_are_added_removed_reordered_and_widened_at_every_depth)
{
    uint64_t memory[200];
    uint64_t out[200];
    char text[512];
    wsl_error err;
    bool overflow;
    WSL_AUTO(wsl_schema) from = schema_of(nested_type);
    WSL_AUTO(wsl_schema)
    to = schema_of(
        "ROW<fresh STRING, people ARRAY<ROW<age INT64, city STRING, name STRING>>, small DECIMAL(20,2), "
        "at ROW<y DOUBLE, x DOUBLE>, grid ARRAY<ARRAY<INT64>>, tags ARRAY<STRING>, counts MAP<STRING, INT64>, "
        "maps ARRAY<MAP<INT64, STRING>>>");
    WSL_AUTO(wsl_migration) m = NULL;
    cr_assert_eq(wsl_migration_new(from, to, &m, &err), WSL_OK, "%s", err.text);
    cr_assert_not(wsl_migration_is_identity(m));
    wsl_row *row = make_nested(memory, sizeof memory, from, &overflow);
    wsl_row_set_timestamp(row, 77);
    row->op = WSL_OP_DELETE;
    const uint32_t size = wsl_migration_run(m, row, out, sizeof out);
    cr_assert_gt(size, 0);
    const wsl_row *moved = (const wsl_row *)out;
    cr_assert_eq(check(moved, size, to, &err), WSL_OK, "%s", err.text);
    wsl_row_text(moved, to, text, sizeof text);
    cr_assert_str_eq(text, "{fresh=NULL, people=[{age=36, city=NULL, name=Ada}], small=12.50, at={y=NULL, x=1.5}, "
                           "grid=[[NULL, -7], []], tags=[red, NULL, a longer one], counts={one: 1, none: NULL}, "
                           "maps=[{5: five}]}");
    cr_assert_eq(moved->timestamp, 77);
    cr_assert_eq(moved->op, WSL_OP_DELETE);
    for (uint32_t bytes = 0; bytes < size; bytes += 8) {
        cr_assert_eq(wsl_migration_run(m, row, out, bytes), 0, "%u of %u bytes", bytes, size);
    }
}

Test(migrate, floats_and_decimals_are_widened)
{
    uint64_t memory[64];
    uint64_t out[64];
    char text[256];
    wsl_row_writer w;
    WSL_AUTO(wsl_schema) from = schema_of("ROW<f FLOAT, fs ARRAY<FLOAT>, ds ARRAY<DECIMAL(4,1)>, gone INT64>");
    WSL_AUTO(wsl_schema) to = schema_of("ROW<f DOUBLE, fs ARRAY<DOUBLE>, ds ARRAY<DECIMAL(30,1)>>");
    WSL_AUTO(wsl_migration) m = NULL;
    cr_assert_eq(wsl_migration_new(from, to, &m, NULL), WSL_OK);
    cr_assert(wsl_row_writer_init(&w, memory, sizeof memory, 4));
    wsl_row_set_float(&w, 0, 2.5f);
    wsl_array_writer fs = wsl_row_begin_array(&w, 2);
    const float half = 0.5f;
    uint32_t bits;
    memcpy(&bits, &half, sizeof bits);
    wsl_array_set_slot(&fs, 1, bits);
    wsl_row_end_array(&w, 1, &fs);
    wsl_array_writer ds = wsl_row_begin_array(&w, 1);
    wsl_array_set_decimal(&ds, 0, from->fields[2].type.element, -15);
    wsl_row_end_array(&w, 2, &ds);
    cr_assert_gt(wsl_migration_run(m, w.row, out, sizeof out), 0);
    wsl_row_text((const wsl_row *)out, to, text, sizeof text);
    cr_assert_str_eq(text, "{f=2.5, fs=[NULL, 0.5], ds=[-1.5]}");
}

Test(migrate, schemas_that_cannot_be_read_are_refused)
{
    wsl_error err = {0};
    WSL_AUTO(wsl_schema) a = schema_of("ROW<a INT64>");
    WSL_AUTO(wsl_schema) b = schema_of("ROW<a STRING>");
    WSL_AUTO(wsl_migration) m = NULL;
    cr_assert_eq(wsl_migration_new(a, b, &m, &err), WSL_TYPE);
    cr_assert_null(m);
}
