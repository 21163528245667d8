/* utf8, base64 and the numbers of text_number. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/wsl_test.h"

#include "base/rng.h"
#include "format/base64.h"
#include "format/text_number.h"
#include "format/text_scan.h"
#include "format/utf8.h"

Test(utf8, accepts_every_code_point_and_nothing_else)
{
    char text[4];
    for (uint32_t c = 0; c < 0x110000; c++) {
        if (c >= 0xD800 && c < 0xE000) {
            continue;
        }
        const size_t n = wsl_utf8_put(text, c);
        cr_assert(wsl_utf8_valid(text, n), "U+%X", c);
        cr_assert_eq(wsl_utf8_length(text, n), n);
        if (n > 1) {
            cr_assert_not(wsl_utf8_valid(text, n - 1), "U+%X cut", c);
        }
    }
    /* all pairs and a good part of the triples of bytes: valid exactly if some code point gives them */
    static const char *const bad[] = {"\x80",
                                      "\xBF",
                                      "\xC0\x80",
                                      "\xC1\xBF",
                                      "\xE0\x80\x80",
                                      "\xE0\x9F\xBF",
                                      "\xED\xA0\x80",
                                      "\xED\xBF\xBF",
                                      "\xF0\x80\x80\x80",
                                      "\xF0\x8F\xBF\xBF",
                                      "\xF4\x90\x80\x80",
                                      "\xF5\x80\x80\x80",
                                      "\xFE",
                                      "\xFF",
                                      "\xC3(",
                                      "\xE2\x82(",
                                      "\xF0\x9F\x98("};
    for (size_t i = 0; i < WSL_ARRAY_LEN(bad); i++) {
        cr_assert_not(wsl_utf8_valid(bad[i], strlen(bad[i])), "%zu", i);
        char behind_text[32] = "sixteen letters.";
        strcat(behind_text, bad[i]);
        cr_assert_not(wsl_utf8_valid(behind_text, strlen(behind_text)), "%zu behind text", i);
    }
}

Test(base64, round_trips_bytes_of_every_length)
{
    wsl_rng rng;
    wsl_rng_seed(&rng, 5);
    wsl_strbuf text;
    wsl_strbuf_init(&text);
    for (size_t n = 0; n < 200; n++) {
        uint8_t bytes[200], back[200];
        for (size_t i = 0; i < n; i++) {
            bytes[i] = (uint8_t)wsl_rng_next(&rng);
        }
        wsl_strbuf_clear(&text);
        wsl_base64_encode(bytes, n, &text);
        cr_assert_eq(text.size, (n + 2) / 3 * 4);
        size_t size = 0;
        cr_assert(wsl_base64_decode(text.data, text.size, back, &size));
        cr_assert_eq(size, n);
        cr_assert(n == 0 || memcmp(bytes, back, n) == 0);
    }
    wsl_strbuf_clear(&text);
    wsl_base64_encode("any carnal pleas", 16, &text);
    cr_assert_str_eq(text.data, "YW55IGNhcm5hbCBwbGVhcw==");
    wsl_strbuf_fini(&text);
}

Test(base64, refuses_all_that_is_not_canonical)
{
    static const char *const bad[] = {
        "A", "AA", "AAA", "AA=A", "====", "A===", "AB==", "AAB=", "AA\n=", "AA-_", "AAAA=", "=AAA", "AA==AAAA"};
    for (size_t i = 0; i < WSL_ARRAY_LEN(bad); i++) {
        uint8_t to[16];
        size_t n;
        cr_assert_not(wsl_base64_decode(bad[i], strlen(bad[i]), to, &n), "%s", bad[i]);
    }
}

/* The text with a sentinel behind, at the very end of its memory or with room for wide loads. */
static char *sentineled(const char *text, size_t room, const char **out_limit)
{
    const size_t n = strlen(text);
    char *copy = (char *)malloc(n + 1 + room);
    memcpy(copy, text, n);
    copy[n] = '\n';
    memset(copy + n + 1, '7', room);
    *out_limit = copy + n + 1 + room;
    return copy;
}

Test(text_number, fast_integers_are_what_strtoll_says)
{
    wsl_rng rng;
    wsl_rng_seed(&rng, 1);
    for (int round = 0; round < 200000; round++) {
        char text[40];
        const int64_t v = (int64_t)wsl_rng_next(&rng) >> wsl_rng_below(&rng, 64);
        (void)snprintf(text, sizeof text, "%lld%s", (long long)v, round % 3 == 0 ? "" : round % 3 == 1 ? ",9" : "}");
        const char *limit;
        char *copy = sentineled(text, round % 2 * 24, &limit);
        int64_t got;
        const char *end = wsl_scan_int64(copy, limit, &got);
        if (end == NULL) {
            cr_assert(v >= INT64_C(1000000000000000000) || v <= -INT64_C(1000000000000000000), "%s", text);
        } else {
            char *e;
            cr_assert_eq(got, strtoll(copy, &e, 10), "%s", text);
            cr_assert_eq((const char *)e, end, "%s", text);
        }
        free(copy);
    }
}

Test(text_number, fast_doubles_are_what_strtod_says_to_the_bit)
{
    wsl_rng rng;
    wsl_rng_seed(&rng, 2);
    uint32_t fast = 0;
    for (int round = 0; round < 300000; round++) {
        char text[64], fraction[24];
        const size_t digits = wsl_rng_below(&rng, 18) + 1;
        for (size_t i = 0; i < digits; i++) {
            fraction[i] = (char)('0' + wsl_rng_below(&rng, 10));
        }
        fraction[digits] = '\0';
        (void)snprintf(text, sizeof text, "%s%llu.%s%s", wsl_rng_below(&rng, 2) ? "-" : "",
                       (unsigned long long)(wsl_rng_next(&rng) >> (20 + wsl_rng_below(&rng, 44))), fraction,
                       round % 2 == 0 ? "" : ",1");
        const char *limit;
        char *copy = sentineled(text, round % 3 * 12, &limit);
        double got;
        const char *end = wsl_scan_double(copy, limit, &got);
        if (end != NULL) {
            char *e;
            const double expected = strtod(copy, &e);
            cr_assert_arr_eq(&got, &expected, sizeof got, "%s", text);
            cr_assert_eq((const char *)e, end, "%s", text);
            fast++;
        }
        free(copy);
    }
    cr_assert_gt(fast, 100000, "only %u took the fast path", fast);
}

Test(text_number, the_fast_paths_leave_alone_what_is_no_plain_number)
{
    static const char *const texts[] = {"",   "-",   "+1",  "01",    "-00", ".5",
                                        "1.", "1e5", "1E5", "1.5e3", "x",   "1234567890123456789012"};
    for (size_t i = 0; i < WSL_ARRAY_LEN(texts); i++) {
        const char *limit;
        for (size_t room = 0; room <= 24; room += 8) {
            char *copy = sentineled(texts[i], room, &limit);
            int64_t v;
            double d;
            cr_assert_null(wsl_scan_int64(copy, limit, &v), "%s", texts[i]);
            cr_assert_null(wsl_scan_double(copy, limit, &d), "%s", texts[i]);
            free(copy);
        }
    }
}

Test(text_number, exact_integers_of_any_notation)
{
    static const struct {
        const char *text;
        bool ok;
        int64_t v;
    } cases[] = {{"7", true, 7},
                 {"+7", true, 7},
                 {"007", true, 7},
                 {"-7.000", true, -7},
                 {"70e-1", true, 7},
                 {"0.7e1", true, 7},
                 {"7e0", true, 7},
                 {"9223372036854775807", true, INT64_MAX},
                 {"-9223372036854775808", true, INT64_MIN},
                 {"92233720368547758070e-1", true, INT64_MAX},
                 {"0e999999999", true, 0},
                 {"9223372036854775808", false, 0},
                 {"", false, 0},
                 {"-", false, 0},
                 {"7.5", false, 0},
                 {"7e", false, 0},
                 {"7e+", false, 0},
                 {"1e19", false, 0},
                 {"1e-1", false, 0},
                 {"7 ", false, 0},
                 {"0x7", false, 0},
                 {"7.0.0", false, 0},
                 {".", false, 0}};
    for (size_t i = 0; i < WSL_ARRAY_LEN(cases); i++) {
        int64_t v = 0;
        cr_assert_eq(wsl_text_to_int64(cases[i].text, strlen(cases[i].text), &v), cases[i].ok, "%s", cases[i].text);
        cr_assert(!cases[i].ok || v == cases[i].v, "%s", cases[i].text);
    }
}

Test(text_scan, finds_the_first_byte_that_matters_wherever_it_is)
{
    static const char odd[] = {'"', '\\', '\n', '\0', 0x1F, (char)0x80, (char)0xFF};
    for (size_t at = 0; at < 70; at++) {
        for (size_t i = 0; i < sizeof odd; i++) {
            char *text = (char *)malloc(at + 1);
            memset(text, 0x7F, at);
            text[at] = odd[i];
            cr_assert_eq((size_t)(wsl_scan_string(text, text + at + 1) - text), at);
            memset(text, 'x', at);
            text[at] = ',';
            cr_assert_eq((size_t)(wsl_scan_two(text, text + at + 1, ',', ';') - text), at);
            cr_assert_eq((size_t)(wsl_scan_two(text, text + at, ',', ';') - text), at, "the end itself");
            free(text);
        }
    }
}
