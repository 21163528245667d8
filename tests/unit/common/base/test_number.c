#include "harness/wsl_test.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "base/rng.h"

/* ---- integers ---- */

static void check_int64(const char *text, int64_t expected, size_t expected_used)
{
    int64_t value = 0;
    size_t used = 0;
    cr_assert(wsl_parse_int64(text, strlen(text), &value, &used), "%s", text);
    cr_assert_eq(value, expected, "%s", text);
    cr_assert_eq(used, expected_used, "%s", text);
}

Test(number, integers_parse_up_to_their_limits_and_not_beyond)
{
    check_int64("0", 0, 1);
    check_int64("-0", 0, 2);
    check_int64("007x", 7, 3);
    check_int64("12.5", 12, 2);
    check_int64("9223372036854775807", INT64_MAX, 19);
    check_int64("-9223372036854775808", INT64_MIN, 20);
    check_int64("000000000000000000000000000000001", 1, 33);
    static const char *const bad[] = {"",
                                      "-",
                                      "+1",
                                      " 1",
                                      "x",
                                      "9223372036854775808",
                                      "-9223372036854775809",
                                      "18446744073709551616",
                                      "99999999999999999999999"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int64_t value = -7;
        size_t used = 77;
        cr_assert_not(wsl_parse_int64(bad[i], strlen(bad[i]), &value, &used), "%s", bad[i]);
        cr_assert(value == -7 && used == 77, "a failed parse leaves the results alone");
    }
    int64_t value;
    cr_assert_not(wsl_parse_whole_int64("12 ", 3, &value));
    cr_assert(wsl_parse_whole_int64("12 ", 2, &value));
}

Test(number, integers_print_as_printf_does_and_parse_back)
{
    wsl_rng rng;
    wsl_rng_seed(&rng, 11);
    for (int i = 0; i < 100000; i++) {
        int64_t value = (int64_t)(wsl_rng_next(&rng) >> wsl_rng_below(&rng, 64));
        value = i == 0 ? INT64_MIN : i == 1 ? INT64_MAX : i == 2 ? 0 : i % 2 == 0 ? value : (int64_t) - (uint64_t)value;
        char text[WSL_NUMBER_TEXT_MAX], expected[40];
        const size_t n = wsl_print_int64(value, text);
        cr_assert_eq((size_t)snprintf(expected, sizeof expected, "%" PRId64, value), n);
        cr_assert_eq(memcmp(text, expected, n), 0);
        int64_t back;
        cr_assert(wsl_parse_whole_int64(text, n, &back) && back == value);
    }
}

/* ---- doubles ---- */

static void check_double(const char *text, double expected, size_t expected_used)
{
    double value = 0;
    size_t used = 0;
    cr_assert(wsl_parse_double(text, strlen(text), &value, &used), "%s", text);
    cr_assert_eq(memcmp(&value, &expected, sizeof value), 0, "%s gave %.17g", text, value);
    cr_assert_eq(used, expected_used, "%s used %zu", text, used);
}

Test(number, doubles_in_all_notations)
{
    check_double("0", 0.0, 1);
    check_double("-0", -0.0, 2);
    check_double("12.50", 12.5, 5);
    check_double("-.5", -0.5, 3);
    check_double("5.", 5, 2);
    check_double("1e3", 1000, 3);
    check_double("1E+3,", 1000, 4);
    check_double("2.5e-3", 0.0025, 6);
    check_double("1e", 1, 1);
    check_double("1e+", 1, 1);
    check_double("1e-x", 1, 1);
    check_double("7.e2]", 700, 4);
    check_double("0.1", 0.1, 3);
    check_double("00012", 12, 5);
    check_double("123456789012345678901234567890", 123456789012345678901234567890.0, 30);
    check_double("9007199254740993", 9007199254740992.0, 16);       /* a tie goes to even */
    check_double("9007199254740993.00001", 9007199254740994.0, 22); /* just above it does not */
    check_double("1.7976931348623157e308", 1.7976931348623157e308, 22);
    check_double("5e-324", 5e-324, 6);
    check_double("2.2250738585072011e-308", 2.2250738585072011e-308, 23);
}

Test(number, too_small_is_zero_and_too_large_is_refused)
{
    check_double("1e-400", 0.0, 6);
    check_double("-1e-400", -0.0, 7);
    check_double("0e99999999999999999999", 0.0, 22);
    check_double("0.000e9999", 0.0, 10);
    check_double("1e-99999999999999999999", 0.0, 23);
    static const char *const bad[] = {"1e400",    "-1e400", "1e99999999999999999999",
                                      "1.8e308",  "",       "-",
                                      ".",        "-.",     "e5",
                                      "inf",      "nan",    "-inf",
                                      "infinity", "+1",     " 1",
                                      "x"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        double value = -7;
        float single = -7;
        size_t used = 77;
        cr_assert_not(wsl_parse_double(bad[i], strlen(bad[i]), &value, &used), "%s", bad[i]);
        cr_assert_not(wsl_parse_float(bad[i], strlen(bad[i]), &single, &used), "%s", bad[i]);
        cr_assert(value == -7 && single == -7 && used == 77, "a failed parse leaves the results alone");
    }
    /* Digits that only together are too many. */
    char digits[400];
    memset(digits, '9', sizeof digits);
    double value;
    size_t used;
    cr_assert_not(wsl_parse_double(digits, sizeof digits, &value, &used));
    cr_assert(wsl_parse_double(digits, 300, &value, &used) && used == 300 && value == 1e300);
    memset(digits, '0', sizeof digits);
    digits[1] = '.';
    digits[399] = '1';
    cr_assert(wsl_parse_double(digits, sizeof digits, &value, &used) && used == 400 && value == 0);
}

Test(number, any_double_prints_to_a_text_that_gives_the_same_bits)
{
    wsl_rng rng;
    wsl_rng_seed(&rng, 12);
    for (int i = 0; i < 100000; i++) {
        const uint64_t bits = wsl_rng_next(&rng);
        double value, back;
        memcpy(&value, &bits, sizeof value);
        if (!isfinite(value)) {
            continue;
        }
        char text[WSL_NUMBER_TEXT_MAX + 1];
        const size_t n = wsl_print_double(value, text);
        cr_assert_leq(n, 25);
        text[n] = '\0';
        size_t used;
        cr_assert(wsl_parse_double(text, n, &back, &used) && used == n, "%s", text);
        cr_assert_eq(memcmp(&back, &value, sizeof value), 0, "%s", text);
        back = strtod(text, NULL);
        cr_assert_eq(memcmp(&back, &value, sizeof value), 0, "%s by strtod", text);
    }
}

Test(number, any_float_prints_to_a_text_that_gives_the_same_bits)
{
    wsl_rng rng;
    wsl_rng_seed(&rng, 13);
    for (int i = 0; i < 100000; i++) {
        const uint32_t bits = (uint32_t)wsl_rng_next(&rng);
        float value, back;
        memcpy(&value, &bits, sizeof value);
        if (!isfinite(value)) {
            continue;
        }
        char text[WSL_NUMBER_TEXT_MAX + 1];
        const size_t n = wsl_print_float(value, text);
        text[n] = '\0';
        size_t used;
        cr_assert(wsl_parse_float(text, n, &back, &used) && used == n, "%s", text);
        cr_assert_eq(memcmp(&back, &value, sizeof value), 0, "%s", text);
        back = strtof(text, NULL);
        cr_assert_eq(memcmp(&back, &value, sizeof value), 0, "%s by strtof", text);
    }
}

Test(number, the_short_paths_agree_with_the_library)
{
    wsl_rng rng;
    wsl_rng_seed(&rng, 14);
    for (int i = 0; i < 100000; i++) {
        char text[64], other[WSL_NUMBER_TEXT_MAX], mine[WSL_NUMBER_TEXT_MAX];
        const int digits = 1 + (int)wsl_rng_below(&rng, 19), decimals = (int)wsl_rng_below(&rng, 8);
        uint64_t whole = wsl_rng_next(&rng);
        for (int d = 19; d > digits; d--) {
            whole /= 10;
        }
        int n = snprintf(text, sizeof text, "%s%" PRIu64 ".%0*" PRIu64, i % 2 == 0 ? "-" : "", whole, decimals + 1,
                         wsl_rng_below(&rng, 10));
        if (i % 3 == 0) {
            n += snprintf(text + n, sizeof text - (size_t)n, "e%d", (int)wsl_rng_below(&rng, 60) - 30);
        }
        double a, b;
        float c, d;
        size_t used_a, used_b;
        cr_assert(wsl_parse_double(text, (size_t)n, &a, &used_a) && wsl_parse_double_std(text, (size_t)n, &b, &used_b));
        cr_assert(memcmp(&a, &b, sizeof a) == 0 && used_a == used_b, "%s", text);
        const bool fits = wsl_parse_float(text, (size_t)n, &c, &used_a);
        cr_assert_eq(fits, wsl_parse_float_std(text, (size_t)n, &d, &used_b));
        cr_assert(!fits || (memcmp(&c, &d, sizeof c) == 0 && used_a == used_b), "%s", text);

        const double decimal = (double)(wsl_rng_next(&rng) >> (14 + wsl_rng_below(&rng, 40))) / pow(10, decimals);
        size_t n_mine = wsl_print_double(decimal, mine);
        cr_assert_eq(n_mine, wsl_print_double_std(decimal, other), "%.17g", decimal);
        cr_assert_eq(memcmp(mine, other, n_mine), 0, "%.17g: %.*s", decimal, (int)n_mine, mine);
    }
}

static void check_print(double value, const char *expected)
{
    char text[WSL_NUMBER_TEXT_MAX + 1];
    text[wsl_print_double(value, text)] = '\0';
    cr_assert_str_eq(text, expected);
}

Test(number, doubles_print_short_and_readable)
{
    check_print(0, "0");
    check_print(-0.0, "-0");
    check_print(1, "1");
    check_print(-2.5, "-2.5");
    check_print(0.1, "0.1");
    check_print(0.3, "0.3");
    check_print(0.1 + 0.2, "0.30000000000000004");
    check_print(100000, "100000");
    check_print(123456.789, "123456.789");
    check_print(1e15, "1000000000000000");
    check_print(9007199254740993.0, "9007199254740992");
    check_print(1e17, "1e+17");
    check_print(1e23, "1e+23");
    check_print(0.00001, "0.00001");
    check_print(0.000001, "1e-06");
    check_print(5e-324, "5e-324");
    check_print(-1.7976931348623157e308, "-1.7976931348623157e+308");
    check_print((double)INFINITY, "inf");
    check_print(-(double)INFINITY, "-inf");
    char text[WSL_NUMBER_TEXT_MAX + 1];
    text[wsl_print_float(16777216.0f, text)] = '\0';
    cr_assert_str_eq(text, "16777216");
    text[wsl_print_float(0.1f, text)] = '\0';
    cr_assert_str_eq(text, "0.1");
    text[wsl_print_float(-0.0f, text)] = '\0';
    cr_assert_str_eq(text, "-0");
    text[wsl_print_float(1e20f, text)] = '\0';
    cr_assert_str_eq(text, "1e+20");
}
