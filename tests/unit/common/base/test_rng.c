#include "harness/wsl_test.h"

#include <string.h>

#include "base/id.h"
#include "base/rng.h"

Test(rng, the_first_numbers_of_a_seed_are_those_of_the_published_generator)
{
    /* xoshiro256** over splitmix64 of seed 0: computed with the authors' reference code. */
    wsl_rng rng;
    wsl_rng_seed(&rng, 0);
    cr_assert_eq(rng.s[0], UINT64_C(0xE220A8397B1DCDAF), "splitmix64's first number");
    cr_assert_eq(rng.s[1], UINT64_C(0x6E789E6AA1B965F4), "splitmix64's second number");
    cr_assert_eq(wsl_rng_next(&rng), UINT64_C(0x99EC5F36CB75F2B4));
}

Test(rng, the_same_seed_gives_the_same_numbers_and_another_seed_others)
{
    wsl_rng a, b, c;
    wsl_rng_seed(&a, 42);
    wsl_rng_seed(&b, 42);
    wsl_rng_seed(&c, 43);
    int equal = 0;
    for (int i = 0; i < 100; i++) {
        const uint64_t x = wsl_rng_next(&a);
        cr_assert_eq(x, wsl_rng_next(&b));
        equal += x == wsl_rng_next(&c);
    }
    cr_assert_eq(equal, 0);
}

Test(rng, below_is_in_range_and_even)
{
    wsl_rng rng;
    wsl_rng_seed(&rng, 1);
    int count[7] = {0};
    for (int i = 0; i < 70000; i++) {
        const uint64_t x = wsl_rng_below(&rng, 7);
        cr_assert_lt(x, 7);
        count[x]++;
    }
    for (int i = 0; i < 7; i++) {
        cr_assert(count[i] > 9500 && count[i] < 10500, "%d came %d times", i, count[i]);
    }
    cr_assert_eq(wsl_rng_below(&rng, 1), 0);
    /* A bound above 2^63 rejects often. */
    for (int i = 0; i < 1000; i++) {
        cr_assert_lt(wsl_rng_below(&rng, (UINT64_C(1) << 63) + 1), (UINT64_C(1) << 63) + 1);
    }
}

Test(rng, doubles_are_from_zero_to_below_one_with_the_mean_in_the_middle)
{
    wsl_rng rng;
    wsl_rng_seed(&rng, 1);
    double sum = 0;
    for (int i = 0; i < 100000; i++) {
        const double x = wsl_rng_double(&rng);
        cr_assert(x >= 0 && x < 1);
        sum += x;
    }
    cr_assert_float_eq(sum / 100000, 0.5, 0.01);
}

Test(rng, seeds_from_the_system_differ)
{
    wsl_rng a, b;
    wsl_rng_seed_from_os(&a);
    wsl_rng_seed_from_os(&b);
    cr_assert_neq(memcmp(&a, &b, sizeof a), 0);
}

Test(id, text_and_back)
{
    wsl_rng rng;
    wsl_rng_seed(&rng, 5);
    for (int i = 0; i < 1000; i++) {
        const wsl_id id = wsl_id_random(&rng);
        char text[WSL_ID_TEXT_SIZE];
        cr_assert_eq(wsl_id_text(&id, text), text);
        cr_assert_eq(strspn(text, "0123456789abcdef"), 32);
        cr_assert_eq(strlen(text), 32);
        wsl_id back;
        cr_assert(wsl_id_parse(text, &back));
        cr_assert(wsl_id_equal(&id, &back));
    }
}

Test(id, only_thirty_two_hex_digits_parse)
{
    wsl_id id, upper;
    cr_assert(wsl_id_parse("0123456789abcdef0123456789abcdef", &id));
    cr_assert(wsl_id_parse("0123456789ABCDEF0123456789ABCDEF", &upper));
    cr_assert(wsl_id_equal(&id, &upper));
    cr_assert_not(wsl_id_parse("", &id));
    cr_assert_not(wsl_id_parse("0123456789abcdef0123456789abcde", &id));
    cr_assert_not(wsl_id_parse("0123456789abcdef0123456789abcdef0", &id));
    cr_assert_not(wsl_id_parse("0123456789abcdef0123456789abcdeg", &id));
    cr_assert_not(wsl_id_parse(" 123456789abcdef0123456789abcdef", &id));
    cr_assert(wsl_id_equal(&id, &upper), "a failed parse leaves the result alone");
}

Test(id, content_ids_are_xxh3)
{
    char text[WSL_ID_TEXT_SIZE];
    const wsl_id empty = wsl_id_of_bytes("", 0);
    cr_assert_str_eq(wsl_id_text(&empty, text), "99aa06d3014798d86001c324468d497f",
                     "XXH3 128 of nothing, as published");
    const wsl_id a = wsl_id_of_bytes("abc", 3), b = wsl_id_of_bytes("abd", 3);
    cr_assert_not(wsl_id_equal(&a, &b));
}
