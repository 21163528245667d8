/*
 * civil - dates and times of day as people write them, in the proleptic Gregorian calendar and UTC. No time zones, no
 * leap seconds, nothing of the C library's calendar.
 *
 *   DATE       days since 1970-01-01                 "2024-02-29"
 *   TIME       milliseconds since midnight           "23:59:59.999"
 *   TIMESTAMP  milliseconds since 1970-01-01 00:00   "2024-02-29 23:59:59.999", also with T between and Z or +hh:mm
 * behind
 *
 * Years may have a sign and more than four digits ("-0044-03-15", "+12345-01-01"). Threads: any.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WSL_DAY_MS = 86400000, WSL_CIVIL_TEXT_MAX = 48 }; /* the longest text and its end */

typedef struct wsl_civil {
    int64_t year;
    uint32_t month; /* 1..12 */
    uint32_t day;   /* 1..31 */
} wsl_civil;

int64_t wsl_civil_to_days(wsl_civil c); /* month and day are trusted; years within +-100 million are exact */
wsl_civil wsl_civil_of_days(int64_t days);
uint32_t wsl_civil_month_days(int64_t year, uint32_t month);
uint32_t wsl_civil_weekday(int64_t days);     /* ISO: Monday 1 ... Sunday 7 */
uint32_t wsl_civil_day_of_year(int64_t days); /* 1..366 */
uint32_t wsl_civil_iso_week(int64_t days,
                            int64_t *out_year); /* 1..53 and the year it belongs to; out_year may be NULL */

/* A timestamp's day and the milliseconds within it, rounding down before 1970. */
static inline int64_t wsl_civil_day(int64_t timestamp_ms)
{
    const int64_t d = timestamp_ms / WSL_DAY_MS;
    return timestamp_ms % WSL_DAY_MS < 0 ? d - 1 : d;
}
static inline int64_t wsl_civil_ms_of_day(int64_t timestamp_ms)
{
    const int64_t ms = timestamp_ms % WSL_DAY_MS;
    return ms < 0 ? ms + WSL_DAY_MS : ms;
}

/* The whole text must be one value, blanks around it are skipped. Out of range or not a date: false. Fractions of a
 * second beyond milliseconds are cut off. */
bool wsl_civil_parse_date(const char *text, size_t size, int32_t *out_days);
bool wsl_civil_parse_time(const char *text, size_t size, int32_t *out_ms);
bool wsl_civil_parse_timestamp(const char *text, size_t size, int64_t *out_ms); /* a date alone is its midnight */

/* Terminated; returns the length. Milliseconds are printed when there are any, then with three digits: "12:00:00",
 * "12:00:00.500". */
size_t wsl_civil_print_date(int64_t days, char out[WSL_CIVIL_TEXT_MAX]);
size_t wsl_civil_print_time(int64_t ms_of_day, char out[WSL_CIVIL_TEXT_MAX]);
size_t wsl_civil_print_timestamp(int64_t timestamp_ms, char separator, char out[WSL_CIVIL_TEXT_MAX]);
