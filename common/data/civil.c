/*
 * civil.c - calendar arithmetic by eras of 400 years (146097 days), counted from 0000-03-01, so that the leap day is
 * the last day of its year and months have lengths that follow one formula: (153 m + 2) / 5 days before month m (0 =
 * March).
 */
#include "data/civil.h"

#include <string.h>

enum {
    ERA_DAYS = 146097,
    ERA_YEARS = 400,
    EPOCH_OFFSET = 719468, /* days from 0000-03-01 to 1970-01-01 */
    YEAR_DIGITS_MAX = 9,
};

/* ---- calendar ---- */

static int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b < 0); }

int64_t wsl_civil_to_days(wsl_civil c)
{
    const int64_t year = c.year - (c.month <= 2);
    const int64_t era = floor_div(year, ERA_YEARS);
    const int64_t year_of_era = year - era * ERA_YEARS;
    const int64_t month = c.month > 2 ? (int64_t)c.month - 3 : (int64_t)c.month + 9;
    const int64_t day_of_year = (153 * month + 2) / 5 + (int64_t)c.day - 1;
    const int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * ERA_DAYS + day_of_era - EPOCH_OFFSET;
}

wsl_civil wsl_civil_of_days(int64_t days)
{
    const int64_t z = days + EPOCH_OFFSET;
    const int64_t era = floor_div(z, ERA_DAYS);
    const int64_t doe = z - era * ERA_DAYS;
    const int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    const int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    const int64_t mp = (5 * doy + 2) / 153;
    const uint32_t month = (uint32_t)(mp < 10 ? mp + 3 : mp - 9);
    return (wsl_civil){
        .year = yoe + era * ERA_YEARS + (month <= 2),
        .month = month,
        .day = (uint32_t)(doy - (153 * mp + 2) / 5 + 1),
    };
}

uint32_t wsl_civil_month_days(int64_t year, uint32_t month)
{
    static const uint8_t days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return days[month - 1] + (uint32_t)(month == 2 && leap);
}

uint32_t wsl_civil_weekday(int64_t days)
{
    const int64_t r = (days + 3) % 7; /* 1970-01-01 was a Thursday */
    return (uint32_t)(r < 0 ? r + 7 : r) + 1;
}

uint32_t wsl_civil_day_of_year(int64_t days)
{
    const wsl_civil c = wsl_civil_of_days(days);
    return (uint32_t)(days - wsl_civil_to_days((wsl_civil){c.year, 1, 1})) + 1;
}

uint32_t wsl_civil_iso_week(int64_t days, int64_t *out_year)
{
    /* The week belongs to the year of its Thursday. */
    const int64_t thursday = days - (int64_t)wsl_civil_weekday(days) + 4;
    if (out_year != NULL) {
        *out_year = wsl_civil_of_days(thursday).year;
    }
    return (wsl_civil_day_of_year(thursday) - 1) / 7 + 1;
}

/* ---- reading ---- */

typedef struct reader {
    const char *at;
    const char *end;
} reader;

static reader trimmed(const char *text, size_t size)
{
    reader r = {text, text + size};
    while (r.at < r.end && (*r.at == ' ' || *r.at == '\t')) {
        r.at++;
    }
    while (r.end > r.at && (r.end[-1] == ' ' || r.end[-1] == '\t')) {
        r.end--;
    }
    return r;
}

static bool take(reader *r, char c)
{
    if (r->at < r->end && *r->at == c) {
        r->at++;
        return true;
    }
    return false;
}

/* min..max digits. */
static bool digits(reader *r, uint32_t min, uint32_t max, uint32_t *out)
{
    uint32_t n = 0;
    uint32_t v = 0;
    while (r->at < r->end && *r->at >= '0' && *r->at <= '9') {
        if (n++ == max) {
            return false;
        }
        v = v * 10 + (uint32_t)(*r->at++ - '0');
    }
    *out = v;
    return n >= min;
}

static bool read_date(reader *r, int64_t *out_days)
{
    const bool negative = take(r, '-');
    const bool plus = !negative && take(r, '+');
    uint32_t year;
    uint32_t month;
    uint32_t day;
    if (!digits(r, plus || negative ? 1 : 4, YEAR_DIGITS_MAX, &year) || !take(r, '-') || !digits(r, 1, 2, &month) ||
        !take(r, '-') || !digits(r, 1, 2, &day)) {
        return false;
    }
    const int64_t y = negative ? -(int64_t)year : (int64_t)year;
    if (month < 1 || month > 12 || day < 1 || day > wsl_civil_month_days(y, month)) {
        return false;
    }
    *out_days = wsl_civil_to_days((wsl_civil){y, month, day});
    return true;
}

/* hh:mm[:ss[.fff...]] */
static bool read_time(reader *r, int64_t *out_ms)
{
    uint32_t h;
    uint32_t m;
    uint32_t s = 0;
    uint32_t ms = 0;
    if (!digits(r, 1, 2, &h) || !take(r, ':') || !digits(r, 2, 2, &m)) {
        return false;
    }
    if (take(r, ':')) {
        if (!digits(r, 2, 2, &s)) {
            return false;
        }
        if (take(r, '.')) {
            uint32_t unit = 100;
            const char *start = r->at;
            for (; r->at < r->end && *r->at >= '0' && *r->at <= '9'; r->at++, unit /= 10) {
                ms += unit * (uint32_t)(*r->at - '0');
            }
            if (r->at == start || r->at - start > 9) {
                return false;
            }
        }
    }
    if (h > 23 || m > 59 || s > 59) {
        return false;
    }
    *out_ms = ((int64_t)h * 3600 + (int64_t)m * 60 + s) * 1000 + ms;
    return true;
}

/* Z, +hh, +hhmm or +hh:mm; nothing is UTC. */
static bool read_offset(reader *r, int64_t *out_ms)
{
    *out_ms = 0;
    if (r->at == r->end || take(r, 'Z') || take(r, 'z')) {
        return true;
    }
    const bool west = take(r, '-');
    uint32_t h;
    uint32_t m = 0;
    if (!west && !take(r, '+')) {
        return false;
    }
    reader two = {r->at, r->end - r->at > 2 ? r->at + 2 : r->end};
    if (!digits(&two, 2, 2, &h)) {
        return false;
    }
    r->at = two.at;
    if (r->at < r->end) {
        (void)take(r, ':');
        if (!digits(r, 2, 2, &m)) {
            return false;
        }
    }
    if (h > 18 || m > 59) {
        return false;
    }
    const int64_t ms = ((int64_t)h * 60 + m) * 60000;
    *out_ms = west ? -ms : ms;
    return true;
}

bool wsl_civil_parse_date(const char *text, size_t size, int32_t *out_days)
{
    reader r = trimmed(text, size);
    int64_t days;
    if (!read_date(&r, &days) || r.at != r.end || days < INT32_MIN || days > INT32_MAX) {
        return false;
    }
    *out_days = (int32_t)days;
    return true;
}

bool wsl_civil_parse_time(const char *text, size_t size, int32_t *out_ms)
{
    reader r = trimmed(text, size);
    int64_t ms;
    if (!read_time(&r, &ms) || r.at != r.end) {
        return false;
    }
    *out_ms = (int32_t)ms;
    return true;
}

bool wsl_civil_parse_timestamp(const char *text, size_t size, int64_t *out_ms)
{
    reader r = trimmed(text, size);
    int64_t days;
    int64_t ms = 0;
    int64_t offset = 0;
    if (!read_date(&r, &days)) {
        return false;
    }
    if (r.at < r.end) {
        if (!take(&r, 'T') && !take(&r, 't') && !take(&r, ' ')) {
            return false;
        }
        if (!read_time(&r, &ms)) {
            return false;
        }
        (void)take(&r, ' ');
        if (!read_offset(&r, &offset) || r.at != r.end) {
            return false;
        }
    }
    *out_ms = days * WSL_DAY_MS + ms - offset; /* nine digits of a year stay far inside 64 bits */
    return true;
}

/* ---- printing ---- */

static char *put_number(char *at, uint64_t v, uint32_t width)
{
    char rev[20];
    uint32_t n = 0;
    do {
        rev[n++] = (char)('0' + v % 10);
        v /= 10;
    } while (v > 0);
    while (n < width) {
        rev[n++] = '0';
    }
    while (n > 0) {
        *at++ = rev[--n];
    }
    return at;
}

static char *put_date(char *at, int64_t days)
{
    const wsl_civil c = wsl_civil_of_days(days);
    if (c.year < 0 || c.year > 9999) {
        *at++ = c.year < 0 ? '-' : '+';
    }
    at = put_number(at, (uint64_t)(c.year < 0 ? -c.year : c.year), 4);
    *at++ = '-';
    at = put_number(at, c.month, 2);
    *at++ = '-';
    return put_number(at, c.day, 2);
}

static char *put_time(char *at, int64_t ms_of_day)
{
    const uint64_t ms = (uint64_t)ms_of_day;
    at = put_number(at, ms / 3600000, 2);
    *at++ = ':';
    at = put_number(at, ms / 60000 % 60, 2);
    *at++ = ':';
    at = put_number(at, ms / 1000 % 60, 2);
    if (ms % 1000 != 0) {
        *at++ = '.';
        at = put_number(at, ms % 1000, 3);
    }
    return at;
}

static size_t done(const char *out, char *at)
{
    *at = '\0';
    return (size_t)(at - out);
}

size_t wsl_civil_print_date(int64_t days, char out[WSL_CIVIL_TEXT_MAX]) { return done(out, put_date(out, days)); }

size_t wsl_civil_print_time(int64_t ms_of_day, char out[WSL_CIVIL_TEXT_MAX])
{
    return done(out, put_time(out, ms_of_day));
}

size_t wsl_civil_print_timestamp(int64_t timestamp_ms, char separator, char out[WSL_CIVIL_TEXT_MAX])
{
    char *at = put_date(out, wsl_civil_day(timestamp_ms));
    *at++ = separator;
    return done(out, put_time(at, wsl_civil_ms_of_day(timestamp_ms)));
}
