/* Exact numbers, checked by examples and against long arithmetic done the dull way. */
#include "harness/wsl_test.h"

#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "data/decimal.h"

static const char *text_of(__int128 v, uint32_t scale)
{
    static char out[4][WSL_DECIMAL_TEXT_MAX];
    static int turn;
    turn = (turn + 1) % 4;
    (void)wsl_decimal_print(v, scale, out[turn]);
    return out[turn];
}

/* Parses with all 38 digits at `scale`. */
static __int128 dec(const char *text, uint32_t scale)
{
    __int128 v = 0;
    cr_assert(wsl_decimal_parse(text, strlen(text), 38, scale, &v), "%s", text);
    return v;
}

static void expect_parse(const char *text, uint32_t precision, uint32_t scale, const char *want)
{
    __int128 v = 42;
    const bool ok = wsl_decimal_parse(text, strlen(text), precision, scale, &v);
    cr_assert_eq(ok, want != NULL, "'%s'", text);
    if (want != NULL) {
        cr_assert_str_eq(text_of(v, scale), want);
    } else {
        cr_assert(v == 42, "a refused text leaves the result alone");
    }
}

Test(decimal, parses_and_prints_with_the_digits_of_its_scale)
{
    expect_parse("12.5", 10, 2, "12.50");
    expect_parse("-0.05", 10, 2, "-0.05");
    expect_parse(".5", 10, 1, "0.5");
    expect_parse("5.", 10, 1, "5.0");
    expect_parse("+7", 10, 0, "7");
    expect_parse("  1e3 ", 10, 0, "1000");
    expect_parse("12e-1", 10, 2, "1.20");
    expect_parse("0", 10, 3, "0.000");
    expect_parse("00000000000000000000000000000000000000000000000001", 3, 0, "1");
    expect_parse("99999999999999999999999999999999999999", 38, 0, "99999999999999999999999999999999999999");
    expect_parse("-0.99999999999999999999999999999999999999", 38, 38, "-0.99999999999999999999999999999999999999");
    expect_parse("0.00000000000000000000000000000000000000000000000000001e50", 10, 5, "0.00100");
}

Test(decimal, rounds_halves_away_from_zero)
{
    expect_parse("0.125", 10, 2, "0.13");
    expect_parse("-0.125", 10, 2, "-0.13");
    expect_parse("0.1249999999999999999999999999999999999999999999999", 10, 2, "0.12");
    expect_parse("1.5", 10, 0, "2");
    expect_parse("0.4", 10, 0, "0");
    expect_parse("12345678901234567890123456789012345678.5", 38, 0, "12345678901234567890123456789012345679");
    expect_parse("1e-40", 10, 2, "0.00");
}

Test(decimal, refuses_what_is_no_number_or_does_not_fit)
{
    expect_parse("", 10, 2, NULL);
    expect_parse("-", 10, 2, NULL);
    expect_parse(".", 10, 2, NULL);
    expect_parse("1.2.3", 10, 2, NULL);
    expect_parse("12a", 10, 2, NULL);
    expect_parse("1e", 10, 2, NULL);
    expect_parse("1e+", 10, 2, NULL);
    expect_parse("NaN", 10, 2, NULL);
    expect_parse("100000000", 10, 2, NULL);
    expect_parse("9.995", 3, 2, NULL);
    expect_parse("1e38", 38, 0, NULL);
    expect_parse("1e99999999999", 38, 0, NULL);
    expect_parse("999999999999999999999999999999999999999", 38, 0, NULL);
}

Test(decimal, adds_and_subtracts_across_scales)
{
    __int128 v;
    cr_assert(wsl_decimal_add(dec("1.5", 1), 1, dec("2.25", 2), 2, 2, &v));
    cr_assert_str_eq(text_of(v, 2), "3.75");
    cr_assert(wsl_decimal_sub(dec("1.5", 1), 1, dec("2.25", 2), 2, 1, &v));
    cr_assert_str_eq(text_of(v, 1), "-0.8");
    const __int128 max = wsl_decimal_pow10(38) - 1;
    cr_assert_not(wsl_decimal_add(max, 0, 1, 0, 0, &v));
    cr_assert(wsl_decimal_add(max, 0, -1, 0, 0, &v));
    cr_assert(wsl_decimal_add(max, 1, max, 1, 0, &v), "20 times the largest, with one digit less");
    cr_assert_str_eq(text_of(v, 0), "20000000000000000000000000000000000000");
    cr_assert(wsl_decimal_add(wsl_decimal_pow10(30), 0, dec("0.5", 10), 10, 6, &v));
    cr_assert_str_eq(text_of(v, 6), "1000000000000000000000000000000.500000");
}

Test(decimal, multiplies_and_divides_through_256_bits)
{
    __int128 v;
    cr_assert(wsl_decimal_mul(dec("1.5", 1), 1, dec("-2.5", 1), 1, 2, &v));
    cr_assert_str_eq(text_of(v, 2), "-3.75");
    cr_assert(wsl_decimal_mul(dec("1.5", 1), 1, dec("-2.5", 1), 1, 1, &v));
    cr_assert_str_eq(text_of(v, 1), "-3.8");
    cr_assert(wsl_decimal_mul(dec("0.99999999999999999999", 20), 20, dec("0.99999999999999999999", 20), 20, 38, &v));
    cr_assert_str_eq(text_of(v, 38), "0.99999999999999999998000000000000000000");
    cr_assert_not(wsl_decimal_mul(dec("10000000000000000000", 0), 0, dec("10000000000000000000", 0), 0, 0, &v));
    cr_assert(wsl_decimal_div(dec("1", 0), 0, dec("3", 0), 0, 38, &v));
    cr_assert_str_eq(text_of(v, 38), "0.33333333333333333333333333333333333333");
    cr_assert(wsl_decimal_div(dec("2", 0), 0, dec("-3", 0), 0, 6, &v));
    cr_assert_str_eq(text_of(v, 6), "-0.666667");
    cr_assert(wsl_decimal_div(dec("1.000000", 6), 6, dec("3", 0), 0, 2, &v));
    cr_assert_str_eq(text_of(v, 2), "0.33");
    cr_assert(wsl_decimal_div(wsl_decimal_pow10(38) - 1, 38, wsl_decimal_pow10(37), 0, 0, &v));
    cr_assert_str_eq(text_of(v, 0), "0");
    cr_assert_not(wsl_decimal_div(wsl_decimal_pow10(37), 0, 1, 38, 0, &v));
}

Test(decimal, remainder_has_the_sign_of_the_dividend)
{
    __int128 v;
    cr_assert(wsl_decimal_mod(dec("-7.5", 1), 1, dec("2", 0), 0, 1, &v));
    cr_assert_str_eq(text_of(v, 1), "-1.5");
    cr_assert(wsl_decimal_mod(dec("7.5", 1), 1, dec("-2", 0), 0, 1, &v));
    cr_assert_str_eq(text_of(v, 1), "1.5");
    cr_assert(wsl_decimal_mod(wsl_decimal_pow10(37), 0, dec("0.0000007", 7), 7, 7, &v));
    cr_assert_str_eq(text_of(v, 7), "0.0000002"); /* 10^44 mod 7 = 2 */
}

Test(decimal, compares_across_scales_without_losing_digits)
{
    cr_assert_eq(wsl_decimal_compare(dec("1.5", 1), 1, dec("1.50", 2), 2), 0);
    cr_assert_lt(wsl_decimal_compare(dec("1.5", 1), 1, dec("1.51", 2), 2), 0);
    cr_assert_gt(wsl_decimal_compare(dec("-1.5", 1), 1, dec("-1.51", 2), 2), 0);
    cr_assert_lt(wsl_decimal_compare(-1, 0, 1, 38), 0);
    const __int128 max = wsl_decimal_pow10(38) - 1;
    cr_assert_gt(wsl_decimal_compare(max, 0, max, 38), 0);
    cr_assert_lt(wsl_decimal_compare(-max, 0, -max, 38), 0);
}

Test(decimal, model_small_numbers_agree_with_machine_arithmetic)
{
    wsl_rng rng;
    wsl_rng_seed(&rng, 3);
    for (int i = 0; i < 50000; i++) {
        const int64_t a = (int64_t)wsl_rng_below(&rng, 2000001) - 1000000;
        const int64_t b = (int64_t)wsl_rng_below(&rng, 2000001) - 1000000;
        __int128 v;
        /* a and b in thousandths; sums and products in exact millionths */
        cr_assert(wsl_decimal_add(a, 3, b, 3, 3, &v) && v == a + b);
        cr_assert(wsl_decimal_mul(a, 3, b, 3, 6, &v) && v == (__int128)a * b);
        const __int128 m = (__int128)a * b;
        const __int128 half = m < 0 ? -500 : 500;
        cr_assert(wsl_decimal_mul(a, 3, b, 3, 3, &v) && v == (m + half) / 1000);
        if (b != 0) {
            cr_assert(wsl_decimal_mod(a, 3, b, 3, 3, &v) && v == a % b);
            const __int128 n = (__int128)(a < 0 ? -a : a) * 100000 * 2;
            const __int128 d = (__int128)(b < 0 ? -b : b);
            __int128 q = (n / d + 1) / 2; /* rounded half up */
            q = (a < 0) != (b < 0) ? -q : q;
            cr_assert(wsl_decimal_div(a, 3, b, 3, 5, &v) && v == q, "%ld / %ld", (long)a, (long)b);
        }
        cr_assert_eq(wsl_decimal_compare(a, 3, b, 3) < 0, a < b);
    }
}

Test(decimal, model_large_numbers_keep_the_laws_of_arithmetic)
{
    wsl_rng rng;
    wsl_rng_seed(&rng, 4);
    for (int i = 0; i < 20000; i++) {
        const __int128 limit = wsl_decimal_pow10(1 + (uint32_t)wsl_rng_below(&rng, 19));
        const __int128 a =
            (__int128)((unsigned __int128)wsl_rng_next(&rng) * wsl_rng_next(&rng) % (unsigned __int128)limit);
        const __int128 b = (__int128)(wsl_rng_next(&rng) % 1000000000000) + 1;
        __int128 product;
        __int128 back;
        cr_assert(wsl_decimal_mul(a, 4, b, 7, 11, &product));
        cr_assert(wsl_decimal_div(product, 11, b, 7, 4, &back));
        cr_assert(back == a);
        char text[WSL_DECIMAL_TEXT_MAX];
        const size_t n = wsl_decimal_print(-product, 11, text);
        cr_assert(wsl_decimal_parse(text, n, 38, 11, &back) && back == -product, "%s", text);
    }
}

Test(decimal, goes_to_double_and_back)
{
    __int128 v;
    cr_assert_eq(wsl_decimal_to_double(dec("0.1", 1), 1), 0.1);
    cr_assert_eq(wsl_decimal_to_double(dec("-123456789012345678901234.5", 1), 1), -123456789012345678901234.5);
    cr_assert(wsl_decimal_of_double(0.1, 38, 20, &v));
    cr_assert_str_eq(text_of(v, 20), "0.10000000000000000000");
    cr_assert(wsl_decimal_of_double(-2.675, 10, 2, &v));
    cr_assert_str_eq(text_of(v, 2), "-2.68");
    cr_assert_not(wsl_decimal_of_double(NAN, 10, 2, &v));
    cr_assert_not(wsl_decimal_of_double(INFINITY, 10, 2, &v));
    cr_assert_not(wsl_decimal_of_double(1e20, 10, 2, &v));
}
