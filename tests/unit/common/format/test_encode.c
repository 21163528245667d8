#include "format_fixture.h"

#include <math.h>

#include "base/rng.h"
#include "data/row_nested.h"

WSL_ROW(all, (bool, yes), (int8, i8), (int64, i64), (float, f), (double, d), (string, s), (bytes, b), (date, day),
        (time, t), (timestamp, ts));
WSL_ROW(ss, (string, a), (string, b));
WSL_ROW(nums, (double, d), (float, f));
WSL_ROW(line, (string, text));
WSL_ROW(number, (int64, n));

static uint64_t memory[512];

static wsl_row_writer begin(const wsl_schema *schema)
{
    wsl_row_writer w;
    cr_assert(wsl_row_writer_init(&w, memory, sizeof memory, schema->n_fields));
    return w;
}

static const char *encoded(fx *x, const wsl_row *row)
{
    wsl_strbuf_clear(&x->log);
    wsl_format_encode(x->format, row, &x->log);
    return x->log.data;
}

static void fill(wsl_row_writer *w)
{
    all_set_yes(w, true);
    all_set_i8(w, -8);
    all_set_i64(w, INT64_MIN);
    all_set_f(w, 0.1f);
    all_set_d(w, 1e23);
    all_set_s(w, wsl_str_of("x,\"y\"\n"));
    all_set_b(w, wsl_str_of("bytes"));
    all_set_day(w, -1);
    all_set_t(w, 1);
    all_set_ts(w, 1700000000123);
}

Test(encode, json_has_all_fields_in_order_and_null_for_null)
{
    fx x;
    fx_init(&x, "json", &all_schema, NULL);
    wsl_row_writer w = begin(&all_schema);
    cr_assert_str_eq(encoded(&x, w.row),
                     "{\"yes\":null,\"i8\":null,\"i64\":null,\"f\":null,\"d\":null,\"s\":null,\"b\":null,\"day\":null,"
                     "\"t\":null,\"ts\":null}\n");
    fill(&w);
    cr_assert_str_eq(
        encoded(&x, w.row),
        "{\"yes\":true,\"i8\":-8,\"i64\":-9223372036854775808,\"f\":0.1,\"d\":1e+23,\"s\":\"x,\\\"y\\\"\\n\","
        "\"b\":\"Ynl0ZXM=\",\"day\":\"1969-12-31\",\"t\":\"00:00:00.001\",\"ts\":1700000000123}\n");
    fx_fini(&x);
    fx_init(&x, "json", &all_schema, FX_OPTIONS("timestamp-format=iso"));
    cr_assert(has_text(encoded(&x, w.row), "\"ts\":\"2023-11-14T22:13:20.123Z\"}"));
    fx_fini(&x);
}

Test(encode, csv_quotes_what_needs_it)
{
    fx x;
    fx_init(&x, "csv", &all_schema, NULL);
    wsl_row_writer w = begin(&all_schema);
    fill(&w);
    cr_assert_str_eq(encoded(&x, w.row),
                     "true,-8,-9223372036854775808,0.1,1e+23,\"x,\"\"y\"\"\n\",Ynl0ZXM=,1969-12-31,00:00:00.001,"
                     "1700000000123\n");
    fx_fini(&x);
    fx_init(&x, "csv", &ss_schema, FX_OPTIONS("csv.null=NULL", "csv.delimiter=;", "csv.header=true"));
    wsl_strbuf_clear(&x.log);
    wsl_format_encode_header(x.format, &x.log);
    w = begin(&ss_schema);
    ss_set_a(&w, wsl_str_of("NULL"));
    wsl_format_encode(x.format, w.row, &x.log);
    w = begin(&ss_schema);
    ss_set_a(&w, wsl_str_of(""));
    ss_set_b(&w, wsl_str_of("a;b"));
    wsl_format_encode(x.format, w.row, &x.log);
    cr_assert_str_eq(x.log.data, "a;b\n\"NULL\";NULL\n\"\";\"a;b\"\n");
    fx_fini(&x);
}

Test(encode, json_strings_are_always_json)
{
    fx x;
    fx_init(&x, "json", &ss_schema, NULL);
    wsl_row_writer w = begin(&ss_schema);
    wsl_row_set_bytes(&w, 0, "\x01 \0 \xFF \xC3\xA9 \\ /", 12);
    ss_set_b(&w, wsl_str_of("plain text that is longer than thirty-two bytes, all of it plain"));
    cr_assert_str_eq(encoded(&x, w.row),
                     "{\"a\":\"\\u0001 \\u0000 \xEF\xBF\xBD \xC3\xA9 \\\\ /\",\"b\":\"plain text that is longer than "
                     "thirty-two bytes, all of it plain\"}\n");
    fx_fini(&x);
}

Test(encode, raw_is_the_line)
{
    fx x;
    fx_init(&x, "raw", &line_schema, NULL);
    FX_EXPECT(&x, "one\r\n\n two \nthree\xFF\n{\"four\"",
              "{text=one}\n{text=}\n{text= two }\nBAD the line is not UTF-8\n{text={\"four\"}\n");
    wsl_row_writer w = begin(&line_schema);
    cr_assert_str_eq(encoded(&x, w.row), "\n");
    line_set_text(&w, wsl_str_of("a \"line\""));
    cr_assert_str_eq(encoded(&x, w.row), "a \"line\"\n");
    fx_fini(&x);
    wsl_config *config = fx_config(NULL);
    wsl_error err = {0};
    cr_assert_eq(wsl_format_check("raw", &ss_schema, config, &err), WSL_TYPE);
    cr_assert(has_text(err.text, "one STRING"), "%s", err.text);
    cr_assert_eq(wsl_format_check("xml", &ss_schema, config, &err), WSL_NOT_FOUND);
    wsl_config_free(config);
}

Test(encode, auto_is_raw_for_one_string_and_json_for_all_else)
{
    fx x;
    fx_init(&x, "auto", &line_schema, NULL);
    FX_EXPECT(&x, "{}\n", "{text={}}\n");
    fx_fini(&x);
    fx_init(&x, "auto", &number_schema, NULL);
    FX_EXPECT(&x, "{\"n\":1}\n", "{n=1}\n");
    fx_fini(&x);
}

/* Encodes, decodes, and compares the rows byte by byte. */
static void round_trip(fx *x, const wsl_row *row)
{
    wsl_strbuf_clear(&x->log);
    wsl_format_encode(x->format, row, &x->log);
    wsl_decoded d;
    wsl_row *back;
    wsl_format_reset(x->format);
    char *text = wsl_strdup(x->log.data);
    cr_assert_eq(fx_decode_one(x, text, x->log.size, false, 0, &d, &back), WSL_OK);
    cr_assert_not_null(back, "%s: %s", text, d.reason);
    cr_assert_eq(back->size, row->size, "%s", text);
    cr_assert_arr_eq(back, row, row->size, "%s", text);
    free(back);
    free(text);
}

Test(encode, numbers_round_trip_to_the_bit)
{
    fx json, csv;
    fx_init(&json, "json", &nums_schema, NULL);
    fx_init(&csv, "csv", &nums_schema, NULL);
    wsl_rng rng;
    wsl_rng_seed(&rng, 11);
    for (int i = 0; i < 50000; i++) {
        wsl_row_writer w = begin(&nums_schema);
        const uint64_t bits = wsl_rng_next(&rng);
        double d;
        float f;
        memcpy(&d, &bits, sizeof d);
        memcpy(&f, &bits, sizeof f);
        nums_set_d(&w, isfinite(d) ? d : i % 2 == 0 ? INFINITY : -INFINITY);
        nums_set_f(&w, isfinite(f) ? f : -INFINITY);
        round_trip(&json, w.row);
        round_trip(&csv, w.row);
    }
    wsl_row_writer w = begin(&nums_schema);
    nums_set_d(&w, NAN);
    nums_set_f(&w, -0.0f);
    cr_assert_str_eq(encoded(&json, w.row), "{\"d\":\"NaN\",\"f\":-0}\n");
    fx_fini(&json);
    fx_fini(&csv);
}

static void random_text(wsl_rng *rng, wsl_row_writer *w, uint32_t i)
{
    static const char *const parts[] = {"a",    "\"",   "\\", "\n", "\r", ",", "\xC3\xA9", "\xF0\x9F\x98\x80",
                                        "\x01", "word", " "};
    char text[256] = "";
    for (uint64_t n = wsl_rng_below(rng, 20); n > 0; n--) {
        strcat(text, parts[wsl_rng_below(rng, WSL_ARRAY_LEN(parts))]);
    }
    wsl_row_set_str(w, i, wsl_str_of(text));
}

Test(encode, all_flat_types_round_trip_in_both_formats)
{
    fx formats[4];
    fx_init(&formats[0], "json", &all_schema, NULL);
    fx_init(&formats[1], "json", &all_schema, FX_OPTIONS("timestamp-format=iso"));
    fx_init(&formats[2], "csv", &all_schema, NULL);
    fx_init(&formats[3], "csv", &all_schema,
            FX_OPTIONS("csv.delimiter=|", "csv.quote='", "csv.null=NULL", "timestamp-format=iso"));
    wsl_rng rng;
    wsl_rng_seed(&rng, 12);
    for (int round = 0; round < 5000; round++) {
        wsl_row_writer w = begin(&all_schema);
        const uint64_t present = wsl_rng_next(&rng) | wsl_rng_next(&rng);
#define MAYBE(bit, call)                                                                                               \
    if (present >> (bit)&1) {                                                                                          \
        call;                                                                                                          \
    }
        MAYBE(0, all_set_yes(&w, wsl_rng_below(&rng, 2)))
        MAYBE(1, all_set_i8(&w, (int8_t)wsl_rng_next(&rng)))
        MAYBE(2, all_set_i64(&w, (int64_t)wsl_rng_next(&rng) >> wsl_rng_below(&rng, 64)))
        MAYBE(3, all_set_f(&w, (float)wsl_rng_double(&rng)))
        MAYBE(4, all_set_d(&w, wsl_rng_double(&rng) * 1e6))
        MAYBE(5, random_text(&rng, &w, all_f_s))
        MAYBE(6, random_text(&rng, &w, all_f_b))
        MAYBE(7, all_set_day(&w, (int32_t)wsl_rng_below(&rng, 100000) - 20000))
        MAYBE(8, all_set_t(&w, (int32_t)wsl_rng_below(&rng, 86400000)))
        MAYBE(9, all_set_ts(&w, (int64_t)wsl_rng_below(&rng, 4000000000000) - 1000000000000))
        for (size_t i = 0; i < WSL_ARRAY_LEN(formats); i++) {
            round_trip(&formats[i], w.row);
        }
    }
    for (size_t i = 0; i < WSL_ARRAY_LEN(formats); i++) {
        fx_fini(&formats[i]);
    }
}

Test(encode, nested_values_round_trip)
{
    wsl_type type;
    wsl_error err = {0};
    cr_assert_eq(
        wsl_type_parse("ROW<a ARRAY<ARRAY<STRING>>, m MAP<INT32, ROW<x DECIMAL(20,2), y STRING>>, e ARRAY<INT64>>",
                       &type, &err),
        WSL_OK, "%s", err.text);
    fx x;
    fx_init(&x, "json", type.row, NULL);
    wsl_row_writer w = begin(type.row);
    wsl_array_writer a = wsl_row_begin_array(&w, 3);
    wsl_array_writer inner = wsl_array_begin_array(&a, 2);
    wsl_array_set_str(&inner, 0, wsl_str_of("a \"word\""));
    wsl_array_end_array(&a, 0, &inner);
    inner = wsl_array_begin_array(&a, 0);
    wsl_array_end_array(&a, 2, &inner);
    wsl_row_end_array(&w, 0, &a);
    wsl_map_writer m = wsl_row_begin_map(&w, 2);
    wsl_array_set_int64(&m.keys, 0, -1);
    wsl_array_set_int64(&m.keys, 1, 7);
    wsl_map_begin_values(&m);
    wsl_row_writer r = wsl_array_begin_row(&m.values, 2);
    wsl_row_set_decimal(&r, 0, &type.row->fields[1].type.element->row->fields[0].type, -12345);
    wsl_array_end_row(&m.values, 1, &r);
    wsl_row_end_map(&w, 1, &m);
    a = wsl_row_begin_array(&w, 0);
    wsl_row_end_array(&w, 2, &a);
    cr_assert_not(w.overflow);
    cr_assert_eq(wsl_row_check(w.row, w.row->size, type.row, &err), WSL_OK, "%s", err.text);
    cr_assert_str_eq(
        encoded(&x, w.row),
        "{\"a\":[[\"a \\\"word\\\"\",null],null,[]],\"m\":{\"-1\":null,\"7\":{\"x\":-123.45,\"y\":null}},\"e\":[]}\n");
    round_trip(&x, w.row);
    fx_fini(&x);
    wsl_type_clear(&type);
}

Test(encode, a_map_with_shaped_keys_is_refused)
{
    wsl_type type;
    wsl_error err = {0};
    cr_assert_eq(wsl_type_parse("ROW<m MAP<ARRAY<INT32>, INT32>>", &type, &err), WSL_OK, "%s", err.text);
    wsl_config *config = fx_config(NULL);
    cr_assert_eq(wsl_format_check("json", type.row, config, &err), WSL_TYPE);
    cr_assert(has_text(err.text, "'m'"), "%s", err.text);
    wsl_config_free(config);
    wsl_type_clear(&type);
}

Test(encode, a_csv_sink_without_quotes_is_refused)
{
    wsl_config *config = fx_config(FX_OPTIONS("format=csv", "csv.quote=none"));
    wsl_error err = {0};
    cr_assert_eq(wsl_format_check("csv", &ss_schema, config, &err), WSL_OK);
    cr_assert_eq(wsl_format_check_writing(config, &ss_schema, &err), WSL_INVALID);
    cr_assert(wsl_format_splittable(config));
    wsl_config_free(config);
    config = fx_config(FX_OPTIONS("format=csv"));
    cr_assert_not(wsl_format_splittable(config));
    wsl_config_free(config);
}
