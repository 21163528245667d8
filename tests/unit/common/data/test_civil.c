/* Dates and times, checked day by day against a calendar that only counts. */
#include "harness/wsl_test.h"

#include <string.h>

#include "data/civil.h"

Test(civil, every_day_of_a_thousand_years_follows_the_one_before)
{
    wsl_civil c = {1599, 12, 31};
    uint32_t weekday = 5; /* 1599-12-31 was a Friday */
    uint32_t of_year = 365;
    for (int64_t day = wsl_civil_to_days(c); c.year < 2600; day++) {
        const wsl_civil got = wsl_civil_of_days(day);
        cr_assert(got.year == c.year && got.month == c.month && got.day == c.day, "%ld", (long)day);
        cr_assert_eq(wsl_civil_to_days(c), day);
        cr_assert_eq(wsl_civil_weekday(day), weekday);
        cr_assert_eq(wsl_civil_day_of_year(day), of_year);
        weekday = weekday % 7 + 1;
        of_year++;
        if (++c.day > wsl_civil_month_days(c.year, c.month)) {
            c.day = 1;
            if (++c.month > 12) {
                c.month = 1;
                c.year++;
                of_year = 1;
            }
        }
    }
}

Test(civil, known_days)
{
    cr_assert_eq(wsl_civil_to_days((wsl_civil){1970, 1, 1}), 0);
    cr_assert_eq(wsl_civil_to_days((wsl_civil){2000, 2, 29}), 11016);
    cr_assert_eq(wsl_civil_to_days((wsl_civil){1969, 12, 31}), -1);
    cr_assert_eq(wsl_civil_to_days((wsl_civil){0, 3, 1}), -719468);
    cr_assert_eq(wsl_civil_month_days(1900, 2), 28);
    cr_assert_eq(wsl_civil_month_days(2000, 2), 29);
    int64_t year;
    cr_assert_eq(wsl_civil_iso_week(wsl_civil_to_days((wsl_civil){2021, 1, 3}), &year), 53);
    cr_assert_eq(year, 2020);
    cr_assert_eq(wsl_civil_iso_week(wsl_civil_to_days((wsl_civil){2018, 12, 31}), &year), 1);
    cr_assert_eq(year, 2019);
}

static void expect_timestamp(const char *text, int64_t want)
{
    int64_t got = 42;
    cr_assert(wsl_civil_parse_timestamp(text, strlen(text), &got), "%s", text);
    cr_assert_eq(got, want, "%s gave %ld", text, (long)got);
}

static void refuse_timestamp(const char *text)
{
    int64_t got = 42;
    cr_assert_not(wsl_civil_parse_timestamp(text, strlen(text), &got), "%s", text);
    cr_assert_eq(got, 42);
}

Test(civil, timestamps_parse_with_space_or_t_and_an_offset)
{
    expect_timestamp("1970-01-01 00:00:00", 0);
    expect_timestamp("1970-01-01", 0);
    expect_timestamp(" 2023-11-14T22:13:20.123Z ", 1700000000123);
    expect_timestamp("2023-11-14T22:13:20.1239999+00:00", 1700000000123);
    expect_timestamp("2023-11-15 00:13:20.123 +0200", 1700000000123);
    expect_timestamp("2023-11-14 17:13:20.123-05", 1700000000123);
    expect_timestamp("1969-12-31 23:59:59.999", -1);
    expect_timestamp("2023-11-14 22:13", 1699999980000);
    expect_timestamp("-0001-01-01", -62198755200000);
}

Test(civil, what_is_no_time_is_refused)
{
    refuse_timestamp("");
    refuse_timestamp("2023");
    refuse_timestamp("2023-02-29");
    refuse_timestamp("2023-13-01");
    refuse_timestamp("2023-00-10");
    refuse_timestamp("23-01-01");
    refuse_timestamp("2023-01-01 24:00:00");
    refuse_timestamp("2023-01-01 10:60:00");
    refuse_timestamp("2023-01-01 10:00:00.");
    refuse_timestamp("2023-01-01 10:00:00 x");
    refuse_timestamp("2023-01-01 10:00:00+99:00");
    refuse_timestamp("2023-01-01x");
    refuse_timestamp("12345678901-01-01");
    int32_t v = 42;
    cr_assert_not(wsl_civil_parse_date("2023-01-01 10:00", 16, &v));
    cr_assert_not(wsl_civil_parse_date("+99999999-01-01", 15, &v), "beyond 32 bits of days");
    cr_assert_not(wsl_civil_parse_time("10", 2, &v));
    cr_assert_not(wsl_civil_parse_time("10:00:00Z", 9, &v));
    cr_assert_eq(v, 42);
}

Test(civil, prints_what_it_parses)
{
    static const int64_t times[] = {0, -1, 1700000000123, 1700000000000, -62198755200000, 253402300800000, -86400000};
    static const char *const texts[] = {"1970-01-01 00:00:00", "1969-12-31 23:59:59.999", "2023-11-14 22:13:20.123",
                                        "2023-11-14 22:13:20", "-0001-01-01 00:00:00",    "+10000-01-01 00:00:00",
                                        "1969-12-31 00:00:00"};
    char out[WSL_CIVIL_TEXT_MAX];
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        cr_assert_eq(wsl_civil_print_timestamp(times[i], ' ', out), strlen(texts[i]));
        cr_assert_str_eq(out, texts[i]);
        expect_timestamp(out, times[i]);
    }
    (void)wsl_civil_print_timestamp(INT64_MIN, 'T', out);
    cr_assert_str_eq(out, "-292275055-05-16T16:47:04.192");
    (void)wsl_civil_print_timestamp(INT64_MAX, 'T', out);
    cr_assert_str_eq(out, "+292278994-08-17T07:12:55.807");
}
