/* The key hash: its values are part of the checkpoint format, so they are pinned here for ever. */
#include "harness/wsl_test.h"

#include <math.h>
#include <string.h>
#include <xxhash.h>

#include <wiesel/row.h>

#include "base/rng.h"
#include "data/key.h"
#include "data/row_nested.h"
#include "data/row_text.h"

WSL_ROW(rec, (int64, n), (string, s), (double, d), (float, f), (bool, b));

static uint64_t memory[64];

static wsl_row_writer begin(void)
{
    wsl_row_writer w;
    cr_assert(wsl_row_writer_init(&w, memory, sizeof memory, rec_n_fields));
    return w;
}

static uint32_t hash(const wsl_row *row, const char *a, const char *b)
{
    wsl_key_spec spec;
    wsl_error err;
    const char *names[2] = {a, b};
    cr_assert_eq(wsl_key_spec_init(&spec, &rec_schema, names, b == NULL ? 1 : 2, &err), WSL_OK, "%s", err.text);
    return wsl_key_hash(&spec, row);
}

static uint32_t hash_n(int64_t v)
{
    wsl_row_writer w = begin();
    rec_set_n(&w, v);
    return hash(w.row, "n", NULL);
}

static uint32_t hash_s(const char *v)
{
    wsl_row_writer w = begin();
    rec_set_s(&w, wsl_str_of(v));
    return hash(w.row, "s", NULL);
}

static uint32_t hash_d(double v)
{
    wsl_row_writer w = begin();
    rec_set_d(&w, v);
    return hash(w.row, "d", NULL);
}

static uint32_t hash_f(float v)
{
    wsl_row_writer w = begin();
    rec_set_f(&w, v);
    return hash(w.row, "f", NULL);
}

Test(key, hashes_of_integers_are_pinned)
{
    cr_assert_eq(hash_n(0), 0xC9D874CA);
    cr_assert_eq(hash_n(1), 0xF2F37271);
    cr_assert_eq(hash_n(-1), 0x8E1A4ACD);
    cr_assert_eq(hash_n(INT64_MIN), 0xD457CBA6);
}

Test(key, hashes_of_strings_are_pinned)
{
    char long_text[301];
    memset(long_text, 'x', 300);
    long_text[300] = '\0';
    cr_assert_eq(hash_s(""), 0x9E9483F5);
    cr_assert_eq(hash_s("ACME"), 0x7740A80C);
    cr_assert_eq(hash_s(long_text), 0x63EDEC92);
}

Test(key, the_hash_of_a_string_is_made_of_xxh3_of_its_bytes_for_every_length)
{
    char text[300];
    for (uint32_t size = 0; size <= sizeof text; size++) {
        for (uint32_t i = 0; i < size; i++) {
            text[i] = (char)(i * 31 + size);
        }
        wsl_row_writer w = begin();
        rec_set_s(&w, (wsl_str){text, size});
        cr_assert_eq(hash(w.row, "s", NULL), wsl_key_hash_slot(XXH3_64bits(text, size)), "%u bytes", size);
    }
}

Test(key, hashes_of_floats_are_pinned_and_equal_numbers_hash_alike)
{
    cr_assert_eq(hash_d(1.5), 0x12849F79);
    cr_assert_eq(hash_d(0.0), 0xC9D874CA);
    cr_assert_eq(hash_d(-0.0), 0xC9D874CA);
    cr_assert_eq(hash_d(NAN), 0xE8C2DFCB);
    cr_assert_eq(hash_d(-NAN), 0xE8C2DFCB);
    cr_assert_eq(hash_f(1.5f), 0x1D21C3A2);
    cr_assert_eq(hash_f(-0.0f), 0xC9D874CA);
    cr_assert_eq(hash_f(-NAN), 0x048F4202);
    cr_assert_neq(hash_d(INFINITY), hash_d(NAN));
    cr_assert_neq(hash_d(INFINITY), hash_d(-INFINITY));
}

Test(key, hashes_of_null_and_of_two_fields_are_pinned)
{
    wsl_row_writer w = begin();
    cr_assert_eq(hash(w.row, "n", NULL), 0x426290B1);
    cr_assert_eq(hash(w.row, "s", NULL), 0x426290B1);
    cr_assert_eq(hash(w.row, "n", "s"), 0x0EEC4E0C);
    rec_set_n(&w, 7);
    rec_set_s(&w, wsl_str_of("ACME"));
    rec_set_b(&w, true);
    cr_assert_eq(hash(w.row, "s", "n"), 0xAF0E8E1B);
    cr_assert_eq(hash(w.row, "n", "s"), 0xB006333A, "the order of key_by counts");
    cr_assert_eq(hash(w.row, "b", NULL), 0xF2F37271);
}

Test(key, hash_of_a_wide_decimal_is_that_of_its_16_bytes)
{
    wsl_type type;
    wsl_key_spec spec;
    wsl_row_writer w;
    const char *name = "d";
    cr_assert_eq(wsl_type_parse("ROW<d DECIMAL(30,0)>", &type, NULL), WSL_OK);
    cr_assert_eq(wsl_key_spec_init(&spec, type.row, &name, 1, NULL), WSL_OK);
    cr_assert(wsl_row_writer_init(&w, memory, sizeof memory, 1));
    wsl_row_set_decimal(&w, 0, &type.row->fields[0].type, (__int128)10000000000 * 10000000000);
    cr_assert_eq(wsl_key_hash(&spec, w.row), 0x79E5381E);
    wsl_type_clear(&type);
}

Test(key, the_short_form_for_one_slot_gives_the_same_hash)
{
    wsl_rng rng;
    wsl_rng_seed(&rng, 1);
    for (int i = 0; i < 1000; i++) {
        const int64_t v = (int64_t)wsl_rng_next(&rng);
        cr_assert_eq(hash_n(v), wsl_key_hash_slot((uint64_t)v));
    }
}

Test(key, the_hash_depends_on_values_only_not_on_where_they_stand)
{
    uint64_t other[64];
    wsl_row_writer w;
    wsl_row_writer v = begin();
    rec_set_d(&v, 3.0);
    rec_set_s(&v, wsl_str_of("key"));
    cr_assert(wsl_row_writer_init(&w, other, sizeof other, rec_n_fields));
    rec_set_s(&w, wsl_str_of("key"));
    wsl_row_set_timestamp(w.row, 5);
    cr_assert_eq(hash(v.row, "s", NULL), hash(w.row, "s", NULL));
}

Test(key, a_bad_key_lists_the_fields)
{
    wsl_key_spec spec;
    wsl_error err = {0};
    const char *unknown[] = {"symbol"};
    const char *twice[] = {"n", "n"};
    const char *many[17] = {"n"};
    cr_assert_eq(wsl_key_spec_init(&spec, &rec_schema, unknown, 1, &err), WSL_NOT_FOUND);
    cr_assert_str_eq(err.text, "key field 'symbol' does not exist; there are: n, s, d, f, b");
    cr_assert_eq(wsl_key_spec_init(&spec, &rec_schema, twice, 2, &err), WSL_INVALID);
    cr_assert_str_eq(err.text, "key field 'n' is named twice");
    cr_assert_eq(wsl_key_spec_init(&spec, &rec_schema, twice, 0, &err), WSL_INVALID);
    cr_assert_eq(wsl_key_spec_init(&spec, &rec_schema, many, 17, &err), WSL_INVALID);

    wsl_type type;
    const char *map[] = {"m"};
    cr_assert_eq(wsl_type_parse("ROW<m MAP<STRING, INT64>>", &type, NULL), WSL_OK);
    cr_assert_eq(wsl_key_spec_init(&spec, type.row, map, 1, &err), WSL_TYPE);
    cr_assert(has_text(err.text, "'m' is a MAP"));
    wsl_type_clear(&type);
}

Test(key, groups_are_ranges_of_subtasks)
{
    /* parallelism 3: 0-42, 43-85, 86-127; parallelism 2: 0-63, 64-127 */
    static const uint32_t first3[] = {0, 43, 86, 128};
    static const uint32_t first2[] = {0, 64, 128};
    for (uint32_t i = 0; i < 4; i++) {
        cr_assert_eq(wsl_key_group_first(i, 128, 3), first3[i]);
    }
    for (uint32_t i = 0; i < 3; i++) {
        cr_assert_eq(wsl_key_group_first(i, 128, 2), first2[i]);
    }
    for (uint32_t p = 1; p <= 128; p++) {
        for (uint32_t group = 0; group < 128; group++) {
            const uint32_t owner = wsl_key_group_owner(group, 128, p);
            cr_assert(owner < p && group >= wsl_key_group_first(owner, 128, p) &&
                      group < wsl_key_group_first(owner + 1, 128, p));
        }
    }
    cr_assert_eq(wsl_key_group(UINT32_MAX, 128), 127);
    cr_assert_eq(wsl_key_group(0, 128), 0);
}

Test(key, default_max_parallelism_is_a_power_of_two_above_one_and_a_half_times_the_parallelism)
{
    cr_assert_eq(wsl_default_max_parallelism(1), 128);
    cr_assert_eq(wsl_default_max_parallelism(85), 128);
    cr_assert_eq(wsl_default_max_parallelism(86), 256);
    cr_assert_eq(wsl_default_max_parallelism(4096), 8192);
    cr_assert_eq(wsl_default_max_parallelism(32768), 32768);
}

Test(key, an_extracted_key_is_a_row_that_compares_with_memcmp)
{
    uint64_t a[16];
    uint64_t b[16];
    char text[64];
    wsl_error err;
    wsl_key_spec spec;
    const char *names[] = {"s", "d", "n"};
    cr_assert_eq(wsl_key_spec_init(&spec, &rec_schema, names, 3, NULL), WSL_OK);
    WSL_AUTO(wsl_schema) schema = wsl_key_schema_new(&spec, &rec_schema);

    wsl_row_writer w = begin();
    rec_set_s(&w, wsl_str_of("ACME"));
    rec_set_d(&w, -0.0);
    rec_set_b(&w, true);
    wsl_row_set_timestamp(w.row, 99);
    const uint32_t size_a = wsl_key_extract(&spec, w.row, a, sizeof a);
    cr_assert_eq(wsl_row_check(a, size_a, schema, &err), WSL_OK, "%s", err.text);
    wsl_row_text((const wsl_row *)a, schema, text, sizeof text);
    cr_assert_str_eq(text, "{s=ACME, d=0, n=NULL}");

    w = begin();
    rec_set_d(&w, 0.0);
    rec_set_s(&w, wsl_str_of("ACME"));
    rec_set_f(&w, 5);
    const uint32_t size_b = wsl_key_extract(&spec, w.row, b, sizeof b);
    cr_assert_eq(size_a, size_b);
    cr_assert_arr_eq(a, b, size_a);
    for (uint32_t bytes = 0; bytes < size_b; bytes++) {
        cr_assert_eq(wsl_key_extract(&spec, w.row, b, bytes), 0, "with %u bytes", bytes);
    }
}
