#include "format_fixture.h"

#include "data/row_nested.h"

WSL_ROW(trade, (string, symbol), (string, side), (int64, quantity), (double, price), (timestamp, ts));
WSL_ROW(num, (int8, a), (int16, b), (int32, c), (int64, d), (float, f), (double, g), (bool, h));
WSL_ROW(str, (string, s), (int64, n));

static fx json(const wsl_schema *schema)
{
    fx x;
    fx_init(&x, "json", schema, NULL);
    return x;
}

#define ONE(schema, text, expected)                                                                                    \
    do {                                                                                                               \
        fx one_ = json(schema);                                                                                        \
        FX_EXPECT(&one_, text, expected);                                                                              \
        fx_fini(&one_);                                                                                                \
    } while (0)

Test(json_decode, takes_fields_by_name_in_any_order)
{
    fx x = json(&trade_schema);
    FX_EXPECT(
        &x,
        "{\"symbol\":\"ACME\",\"side\":\"buy\",\"quantity\":5,\"price\":12.5,\"ts\":1700000000000}\n"
        "{\"ts\":1,\"price\":-0.25,\"quantity\":-7,\"side\":\"sell\",\"symbol\":\"A very long symbol, longer than "
        "16\"}\n"
        "{\"symbol\":\"ACME\",\"side\":\"buy\",\"quantity\":5,\"price\":12.5,\"ts\":1700000000000}\n",
        "{symbol=ACME, side=buy, quantity=5, price=12.5, ts=2023-11-14 22:13:20}\n"
        "{symbol=A very long symbol, longer than 16, side=sell, quantity=-7, price=-0.25, ts=1970-01-01 00:00:00.001}\n"
        "{symbol=ACME, side=buy, quantity=5, price=12.5, ts=2023-11-14 22:13:20}\n");
    fx_fini(&x);
}

Test(json_decode, passes_blanks_crlf_blank_lines_a_byte_order_mark_and_a_missing_last_line_end)
{
    ONE(&str_schema, "\xEF\xBB\xBF \t{ \"s\" : \"x\" , \"n\"\t:\t1 } \r\n\r\n   \n\n{}\r\n{\"n\":2}",
        "{s=x, n=1}\n{s=NULL, n=NULL}\n{s=NULL, n=2}\n");
    ONE(&str_schema, "", "");
    ONE(&str_schema, "\n", "");
    ONE(&str_schema, "\xEF\xBB\xBF", "");
    ONE(&str_schema, "{\"n\":1}\n\xEF\xBB\xBF{\"n\":2}\n",
        "{s=NULL, n=1}\nBAD expected an object at byte 0, found \"\xEF\xBB\xBF{\"n\":2}\"\n");
}

Test(json_decode, skips_unknown_keys_whatever_they_hold)
{
    ONE(&str_schema,
        "{\"q\":[1,{\"a\":[]},\"x]}\"],\"s\":\"1\",\"z\":{\"s\":5,\"n\":[{}]},\"t\":true,\"f\":false,\"o\":null,\"e\":-"
        "1.5e+3,\"n\":2}\n"
        "{\"q\":[1,{\"a\":[]},\"x]}\"],\"s\":\"1\",\"z\":{\"s\":5,\"n\":[{}]},\"t\":true,\"f\":false,\"o\":null,\"e\":-"
        "1.5e+3,\"n\":3}\n"
        "{\"a_key_that_is_longer_than_sixteen_bytes\":1,\"n\":4}\n",
        "{s=1, n=2}\n{s=1, n=3}\n{s=NULL, n=4}\n");
    fx x;
    fx_init(&x, "json", &str_schema, FX_OPTIONS("json.ignore-unknown=false"));
    FX_EXPECT(&x, "{\"n\":1}\n{\"m\":1}\n", "{s=NULL, n=1}\nBAD there is no field \"m\"\n");
    fx_fini(&x);
}

Test(json_decode, an_unknown_key_is_checked_as_strictly_as_a_known_one)
{
    ONE(&str_schema,
        "{\"q\":[1,]}\n{\"q\":tru}\n{\"q\":01}\n{\"q\":\"\\x\"}\n{\"q\":\"\xFF\"}\n{\"q\":1.}\n{\"q\":-}\n{\"q\":1e}\n",
        "BAD expected a value at byte 8, found \"]}\"\n"
        "BAD expected a value at byte 5, found \"tru}\"\n"
        "BAD expected a value at byte 5, found \"01}\"\n"
        "BAD expected an escape character at byte 7, found \"x\"}\"\n"
        "BAD the string at byte 5 is not UTF-8\n"
        "BAD expected a value at byte 5, found \"1.}\"\n"
        "BAD expected a value at byte 5, found \"-}\"\n"
        "BAD expected a value at byte 5, found \"1e}\"\n");
}

Test(json_decode, a_known_key_twice_is_a_bad_record)
{
    ONE(&str_schema, "{\"n\":1,\"n\":2}\n{\"s\":null,\"n\":1,\"s\":\"x\"}\n{\"q\":1,\"q\":2}\n",
        "BAD field 'n' is there twice\nBAD field 's' is there twice\n{s=NULL, n=NULL}\n");
}

Test(json_decode, keys_may_be_written_with_escapes)
{
    ONE(&str_schema, "{\"\\u006e\":1,\"\\u0073\":\"x\"}\n{\"n\":3,\"s\":\"y\"}\n", "{s=x, n=1}\n{s=y, n=3}\n");
}

Test(json_decode, says_where_and_why_a_line_is_bad_and_goes_on_behind_it)
{
    ONE(&str_schema,
        "nonsense\n{\"n\":1\n{\"n\" 1}\n{n:1}\n{\"n\":1,}\n{\"n\":1}x\n[1]\n{\"n\":}\n{\"n\":1 "
        "\"s\":2}\n\"x\"\nnull\n{\"n\":7}\n{\"s\":\"abc\n",
        "BAD expected an object at byte 0, found \"nonsense\"\n"
        "BAD expected ',' or '}' at byte 6, but the line ends\n"
        "BAD expected ':' at byte 5, found \"1}\"\n"
        "BAD expected a key in quotes at byte 1, found \"n:1}\"\n"
        "BAD expected a key in quotes at byte 7, found \"}\"\n"
        "BAD expected nothing behind the object at byte 7, found \"x\"\n"
        "BAD expected an object at byte 0, found \"[1]\"\n"
        "BAD expected a value at byte 5, found \"}\"\n"
        "BAD expected ',' or '}' at byte 7, found \"\"s\":2}\"\n"
        "BAD expected an object at byte 0, found \"\"x\"\"\n"
        "BAD expected an object at byte 0, found \"null\"\n"
        "{s=NULL, n=7}\n"
        "BAD expected a character of a string (control characters are escaped) at byte 9, but the line ends\n");
}

Test(json_decode, reads_every_escape_and_joins_surrogates)
{
    ONE(&str_schema, "{\"s\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u00e9\\u20AC\\uD83D\\uDE00.\"}\n",
        "{s=\"\\/\b\f\n\r\tA\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80., n=NULL}\n");
    ONE(&str_schema,
        "{\"s\":\"\\ud83d\"}\n{\"s\":\"\\ude00\"}\n{\"s\":\"\\ud83dx\"}\n{\"s\":\"\\ud83d\\u0041\"}\n{\"s\":"
        "\"\\u12g4\"}\n",
        "BAD half a surrogate pair at byte 6\n"
        "BAD half a surrogate pair at byte 6\n"
        "BAD half a surrogate pair at byte 6\n"
        "BAD half a surrogate pair at byte 6\n"
        "BAD expected four hex digits at byte 8, found \"12g4\"}\"\n");
}

Test(json_decode, a_zero_character_is_a_character)
{
    fx x = json(&str_schema);
    wsl_decoded d;
    wsl_row *row;
    const char *text = "{\"s\":\"a\\u0000b\"}\n";
    cr_assert_eq(fx_decode_one(&x, text, strlen(text), false, 256, &d, &row), WSL_OK);
    const wsl_str s = str_s(row);
    cr_assert_eq(s.size, 3);
    cr_assert_arr_eq(s.data, "a\0b", 3);
    free(row);
    fx_fini(&x);
}

Test(json_decode, text_that_is_not_utf8_is_bad)
{
    ONE(&str_schema,
        "{\"s\":\"\xC3\xA9 is "
        "fine\"}\n{\"s\":\"\xC3\"}\n{\"s\":\"\xC0\xAF\"}\n{\"s\":\"\xED\xA0\x80\"}\n{\"s\":\"\xF4\x90\x80\x80\"}\n"
        "{\"s\":\"\\n\xE2\x82\"}\n{\"s\":\"a \x01 b\"}\n",
        "{s=\xC3\xA9 is fine, n=NULL}\nBAD the string at byte 5 is not UTF-8\nBAD the string at byte 5 is not UTF-8\n"
        "BAD the string at byte 5 is not UTF-8\nBAD the string at byte 5 is not UTF-8\n"
        "BAD the string at byte 5 is not UTF-8\n"
        "BAD expected a character of a string (control characters are escaped) at byte 8, found \"? b\"}\"\n");
}

Test(json_decode, integers_are_exact_and_checked_against_their_range)
{
    ONE(&num_schema,
        "{\"a\":127,\"b\":-32768,\"c\":2147483647,\"d\":9223372036854775807}\n{\"a\":-128,\"d\":-9223372036854775808}"
        "\n",
        "{a=127, b=-32768, c=2147483647, d=9223372036854775807, f=NULL, g=NULL, h=NULL}\n"
        "{a=-128, b=NULL, c=NULL, d=-9223372036854775808, f=NULL, g=NULL, h=NULL}\n");
    ONE(&num_schema,
        "{\"a\":128}\n{\"b\":32768}\n{\"c\":-2147483649}\n{\"d\":9223372036854775808}\n{\"d\":12345678901234567890}\n{"
        "\"d\":-9223372036854775809}\n",
        "BAD field 'a' expects INT8, found \"128\"\n"
        "BAD field 'b' expects INT16, found \"32768\"\n"
        "BAD field 'c' expects INT32, found \"-2147483649\"\n"
        "BAD field 'd' expects INT64, found \"9223372036854775808\"\n"
        "BAD field 'd' expects INT64, found \"12345678901234567890\"\n"
        "BAD field 'd' expects INT64, found \"-9223372036854775809\"\n");
    ONE(&num_schema, "{\"d\":1.0}\n{\"d\":12e3}\n{\"d\":1500e-2}\n{\"d\":-0}\n{\"d\":0.000e99999999999}\n",
        "{a=NULL, b=NULL, c=NULL, d=1, f=NULL, g=NULL, h=NULL}\n{a=NULL, b=NULL, c=NULL, d=12000, f=NULL, g=NULL, "
        "h=NULL}\n"
        "{a=NULL, b=NULL, c=NULL, d=15, f=NULL, g=NULL, h=NULL}\n{a=NULL, b=NULL, c=NULL, d=0, f=NULL, g=NULL, "
        "h=NULL}\n"
        "{a=NULL, b=NULL, c=NULL, d=0, f=NULL, g=NULL, h=NULL}\n");
    ONE(&num_schema, "{\"d\":1.5}\n{\"d\":1e-1}\n{\"d\":1e19}\n{\"d\":1e99999999999}\n{\"d\":true}\n{\"d\":[1]}\n",
        "BAD field 'd' expects INT64, found \"1.5\"\nBAD field 'd' expects INT64, found \"1e-1\"\n"
        "BAD field 'd' expects INT64, found \"1e19\"\nBAD field 'd' expects INT64, found \"1e99999999999\"\n"
        "BAD field 'd' expects INT64, found \"true\"\nBAD field 'd' expects INT64, found \"[1]\"\n");
}

Test(json_decode, floats_are_rounded_correctly_and_overflow_is_bad)
{
    fx x = json(&num_schema);
    static const char *const texts[] = {"0.1",
                                        "123456789.123456789",
                                        "9007199254740993",
                                        "1e22",
                                        "1e23",
                                        "5e-324",
                                        "1.7976931348623157e308",
                                        "-0.0",
                                        "4.35",
                                        "0.3000000000000000444",
                                        "1e-400",
                                        "179769313486231570000000000000",
                                        "2.2250738585072011e-308",
                                        "0.000001",
                                        "-123.456e-7"};
    for (size_t i = 0; i < WSL_ARRAY_LEN(texts); i++) {
        char line[128];
        (void)snprintf(line, sizeof line, "{\"g\":%s,\"f\":%s}\n", texts[i],
                       strtod(texts[i], NULL) > 1e38 ? "0" : texts[i]);
        wsl_decoded d;
        wsl_row *row;
        cr_assert_eq(fx_decode_one(&x, line, strlen(line), false, 256, &d, &row), WSL_OK);
        cr_assert_not_null(row, "%s: %s", line, d.reason);
        const double got = num_g(row), expected = strtod(texts[i], NULL);
        cr_assert_arr_eq(&got, &expected, sizeof got, "%s", texts[i]);
        if (expected <= 1e38) {
            const float f = num_f(row), e = strtof(texts[i], NULL);
            cr_assert_arr_eq(&f, &e, sizeof f, "%s as float", texts[i]);
        }
        free(row);
    }
    FX_EXPECT(&x, "{\"g\":1e400}\n{\"g\":-1e309}\n{\"f\":1e39}\n{\"g\":\"NaN\"}\n{\"f\":\"-Infinity\"}\n{\"g\":NaN}\n",
              "BAD field 'g' expects DOUBLE, found \"1e400\"\nBAD field 'g' expects DOUBLE, found \"-1e309\"\n"
              "BAD field 'f' expects FLOAT, found \"1e39\"\n"
              "{a=NULL, b=NULL, c=NULL, d=NULL, f=NULL, g=NaN, h=NULL}\n"
              "{a=NULL, b=NULL, c=NULL, d=NULL, f=-Infinity, g=NULL, h=NULL}\n"
              "BAD expected a value at byte 5, found \"NaN}\"\n");
    fx_fini(&x);
}

Test(json_decode, quoted_numbers_and_literals_for_strings_are_taken_as_flink_does)
{
    ONE(&str_schema,
        "{\"n\":\" 12 \"}\n{\"n\":\"x\"}\n{\"n\":\"\"}\n{\"s\":12.50}\n{\"s\":true}\n{\"s\":{\"a\": [1, 2]}}\n",
        "{s=NULL, n=12}\nBAD field 'n' expects INT64, found \"\"x\"\"\nBAD field 'n' expects INT64, found \"\"\"\"\n"
        "{s=12.50, n=NULL}\n{s=true, n=NULL}\n{s={\"a\": [1, 2]}, n=NULL}\n");
    ONE(&num_schema, "{\"h\":true}\n{\"h\":false}\n{\"h\":\"TRUE\"}\n{\"h\":0}\n{\"h\":2}\n{\"h\":\"yes\"}\n",
        "{a=NULL, b=NULL, c=NULL, d=NULL, f=NULL, g=NULL, h=true}\n{a=NULL, b=NULL, c=NULL, d=NULL, f=NULL, g=NULL, "
        "h=false}\n"
        "{a=NULL, b=NULL, c=NULL, d=NULL, f=NULL, g=NULL, h=true}\n{a=NULL, b=NULL, c=NULL, d=NULL, f=NULL, g=NULL, "
        "h=false}\n"
        "BAD field 'h' expects BOOL, found \"2\"\nBAD field 'h' expects BOOL, found \"\"yes\"\"\n");
}

static wsl_schema *parsed(const char *text)
{
    wsl_type type;
    wsl_error err = {0};
    cr_assert_eq(wsl_type_parse(text, &type, &err), WSL_OK, "%s", err.text);
    wsl_schema *schema = wsl_schema_copy(type.row);
    wsl_type_clear(&type);
    return schema;
}

#define PARSED(schema_text, text, expected)                                                                            \
    do {                                                                                                               \
        wsl_schema *schema_ = parsed(schema_text);                                                                     \
        ONE(schema_, text, expected);                                                                                  \
        wsl_schema_free(schema_);                                                                                      \
    } while (0)

Test(json_decode, dates_times_decimals_and_bytes)
{
    PARSED("ROW<d DATE, t TIME, ts TIMESTAMP, x DECIMAL(10,2), y DECIMAL(38,3), b BYTES>",
           "{\"d\":\"2024-02-29\",\"t\":\"23:59:59.999\",\"ts\":\"2024-02-29T12:00:00Z\",\"x\":12.5,\"y\":"
           "12345678901234567890123456789012345.678,\"b\":\"AAEC/w==\"}\n"
           "{\"d\":0,\"t\":1,\"ts\":1700000000000,\"x\":\"-3\",\"y\":-0.001}\n"
           "{\"d\":\"2024-02-30\"}\n{\"t\":86400000}\n{\"ts\":\"yesterday\"}\n{\"x\":123456789.5}\n{\"b\":\"a\"}\n{"
           "\"b\":1234}\n{\"b\":true}\n",
           "{d=2024-02-29, t=23:59:59.999, ts=2024-02-29 12:00:00, x=12.50, y=12345678901234567890123456789012345.678, "
           "b=x'000102ff'}\n"
           "{d=1970-01-01, t=00:00:00.001, ts=2023-11-14 22:13:20, x=-3.00, y=-0.001, b=NULL}\n"
           "BAD field 'd' expects DATE, found \"\"2024-02-30\"\"\n"
           "BAD field 't' expects TIME, found \"86400000\"\n"
           "BAD field 'ts' expects TIMESTAMP, found \"\"yesterday\"\"\n"
           "BAD field 'x' expects DECIMAL(10,2), found \"123456789.5\"\n"
           "BAD field 'b' expects BYTES, found \"\"a\"\"\n"
           "BAD field 'b' expects BYTES, found \"1234\"\n"
           "BAD field 'b' expects BYTES, found \"true\"\n");
}

Test(json_decode, arrays_maps_and_nested_rows)
{
    PARSED("ROW<a ARRAY<INT64>, m MAP<STRING, DOUBLE>, r ROW<x INT32, y STRING>, aa ARRAY<ROW<k STRING, v "
           "ARRAY<STRING>>>, mi MAP<INT32, ARRAY<INT8>>>",
           "{\"a\":[1, null "
           ",-3],\"m\":{\"p\":1.5,\"q\":null},\"r\":{\"y\":\"why\",\"z\":1,\"x\":5},\"aa\":[{\"k\":\"one\",\"v\":["
           "\"a\",\"\"]},null,{}],\"mi\":{\"1\":[1,2],\"-2\":[]}}\n"
           "{\"a\":[],\"m\":{},\"r\":{},\"aa\":[[]]}\n"
           "{\"a\":{}}\n{\"m\":[]}\n{\"r\":5}\n{\"a\":[1,\"x\"]}\n{\"mi\":{\"x\":[]}}\n{\"mi\":{\"1\":[300]}}\n{\"m\":{"
           "\"a\":1,\"b\":2,\"a\":3}}\n{\"mi\":{\"1\":[],\"01\":[]}}\n"
           "{\"r\":{\"x\":1,\"x\":2}}\n{\"a\":null,\"m\":null,\"r\":null}\n",
           "{a=[1, NULL, -3], m={p: 1.5, q: NULL}, r={x=5, y=why}, aa=[{k=one, v=[a, ]}, NULL, {k=NULL, v=NULL}], "
           "mi={1: [1, 2], -2: []}}\n"
           "BAD field 'aa' expects ROW<k STRING, v ARRAY<STRING>>, found \"[]\"\n"
           "BAD field 'a' expects ARRAY<INT64>, found \"{}\"\n"
           "BAD field 'm' expects MAP<STRING, DOUBLE>, found \"[]\"\n"
           "BAD field 'r' expects ROW<x INT32, y STRING>, found \"5\"\n"
           "BAD field 'a' expects INT64, found \"\"x\"\"\n"
           "BAD field 'mi' expects INT32, found \"\"x\"\"\n"
           "BAD field 'mi' expects INT8, found \"300\"\n"
           "BAD the map in field 'm' has a key twice\n"
           "BAD the map in field 'mi' has a key twice\n"
           "BAD field 'x' is there twice\n"
           "{a=NULL, m=NULL, r=NULL, aa=NULL, mi=NULL}\n");
}

Test(json_decode, a_large_map_finds_a_key_that_is_there_twice)
{
    wsl_schema *schema = parsed("ROW<m MAP<STRING, INT64>>");
    fx x = json(schema);
    wsl_strbuf text;
    wsl_strbuf_init(&text);
    for (int twin = 0; twin < 2; twin++) {
        wsl_strbuf_puts(&text, "{\"m\":{");
        for (int i = 0; i < 3000; i++) {
            wsl_strbuf_printf(&text, "%s\"key-%d\":%d", i == 0 ? "" : ",", i == 2999 && twin ? 17 : i, i);
        }
        wsl_strbuf_puts(&text, "}}\n");
    }
    (void)fx_decode(&x, text.data);
    cr_assert_eq(x.n_rows, 1);
    cr_assert_eq(x.n_bad, 1);
    wsl_strbuf_fini(&text);
    fx_fini(&x);
    wsl_schema_free(schema);
}

Test(json_decode, fields_that_are_not_null_need_a_value)
{
    PARSED(
        "ROW<a INT64 NOT NULL, b STRING, c ARRAY<INT64 NOT NULL>, d ROW<e INT64 NOT NULL>>",
        "{\"a\":1}\n{\"b\":\"x\"}\n{\"a\":null}\n{\"a\":1,\"c\":[1,null]}\n{\"a\":1,\"d\":{}}\n{\"a\":1,\"d\":null}\n",
        "{a=1, b=NULL, c=NULL, d=NULL}\nBAD field 'a' is NOT NULL and missing\nBAD field 'a' is NOT NULL\n"
        "BAD field 'c' is NOT NULL\nBAD field 'e' is NOT NULL and missing\n{a=1, b=NULL, c=NULL, d=NULL}\n");
}

Test(json_decode, more_than_64_fields_keep_their_nulls_and_twins_apart)
{
    wsl_strbuf schema_text, line;
    wsl_strbuf_init(&schema_text);
    wsl_strbuf_init(&line);
    wsl_strbuf_puts(&schema_text, "ROW<");
    wsl_strbuf_putc(&line, '{');
    for (int i = 0; i < 200; i++) {
        wsl_strbuf_printf(&schema_text, "%sf%d INT64%s", i == 0 ? "" : ", ", i, i == 150 ? " NOT NULL" : "");
        if (i % 3 == 0) {
            wsl_strbuf_printf(&line, "%s\"f%d\":%d", i == 0 ? "" : ",", i, i);
        }
    }
    wsl_strbuf_puts(&schema_text, ">");
    wsl_schema *schema = parsed(schema_text.data);
    fx x = json(schema);
    wsl_decoded d;
    wsl_row *row;
    const size_t n = line.size;
    wsl_strbuf_puts(&line, "}\n");
    cr_assert_eq(fx_decode_one(&x, line.data, line.size, false, 0, &d, &row), WSL_OK);
    cr_assert_not_null(row, "%s", d.reason);
    for (uint32_t i = 0; i < 200; i++) {
        cr_assert_eq(wsl_row_is_null(row, i, 200), i % 3 != 0);
        cr_assert_eq(wsl_row_int64(row, i), i % 3 == 0 ? (int64_t)i : 0);
    }
    free(row);
    line.size = n;
    wsl_strbuf_puts(&line, ",\"f150\":1}\n{\"f1\":1}\n");
    cr_assert_str_eq(fx_decode(&x, line.data),
                     "BAD field 'f150' is there twice\nBAD field 'f150' is NOT NULL and missing\n");
    fx_fini(&x);
    wsl_schema_free(schema);
    wsl_strbuf_fini(&schema_text);
    wsl_strbuf_fini(&line);
}

Test(json_decode, depth_is_limited)
{
    wsl_strbuf text;
    wsl_strbuf_init(&text);
    for (int depth = 64; depth <= 65; depth++) {
        wsl_strbuf_puts(&text, "{\"n\":1,\"q\":");
        for (int i = 0; i < depth; i++) {
            wsl_strbuf_putc(&text, '[');
        }
        for (int i = 0; i < depth; i++) {
            wsl_strbuf_putc(&text, ']');
        }
        wsl_strbuf_puts(&text, "}\n");
    }
    fx x = json(&str_schema);
    cr_assert_str_eq(fx_decode(&x, text.data), "{s=NULL, n=1}\nBAD nested deeper than 64 at byte 75\n");
    fx_fini(&x);
    wsl_strbuf_fini(&text);
}

Test(json_decode, a_line_beyond_the_maximum_is_bad_and_never_waited_for)
{
    fx x;
    fx_init(&x, "json", &str_schema, FX_OPTIONS("max-line=100"));
    wsl_strbuf text;
    wsl_strbuf_init(&text);
    wsl_strbuf_puts(&text, "{\"n\":1}\n{\"s\":\"");
    for (int i = 0; i < 5000; i++) {
        wsl_strbuf_putc(&text, 'x');
    }
    wsl_strbuf_puts(&text, "\"}\n{\"n\":2}\n");
    fx_expect(&x, text.data, text.size,
              "{s=NULL, n=1}\nBAD the record is longer than max-line (100 bytes)\n{s=NULL, n=2}\n");
    fx_fini(&x);
    wsl_strbuf_fini(&text);
}

Test(json_decode, decoding_the_usual_lines_allocates_nothing_and_fits_the_room_it_asks_for)
{
    fx x = json(&trade_schema);
    const char *line = "{\"symbol\":\"ACME\",\"side\":\"buy\",\"quantity\":5,\"price\":12.5,\"ts\":1700000000000}\n";
    uint64_t memory[64];
    wsl_decoded d;
    cr_assert_eq(wsl_format_decode(x.format, line, strlen(line), false, memory, 8, &d), WSL_NO_RESOURCE);
    cr_assert_leq(d.needed, sizeof memory);
    cr_assert_eq(d.consumed, strlen(line));
    cr_assert_eq(wsl_format_decode(x.format, line, strlen(line), false, memory, d.needed, &d), WSL_OK);
    cr_assert_not_null(d.row);
    cr_assert_eq(d.row->size, 24 + 5 * 8 + 16);
    fx_fini(&x);
}
