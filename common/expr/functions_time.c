/*
 * functions_time.c - dates, times and timestamps, all UTC: taking apart, cutting to a unit, adding, formatting.
 *
 * Formats are Java's letters as far as they are plain: y M d H h m s S a E, text in quotes.
 */
#include <stdio.h>

#include "data/civil.h"
#include "expr/functions.h"
#include "expr/text.h"

enum { MS_SECOND = 1000, MS_MINUTE = 60000, MS_HOUR = 3600000 };

/* Beyond this, adding and cutting could leave 64 bits; some 146 million years either way. */
static const int64_t TIME_LIMIT = INT64_MAX / 2;

static bool out_of_range(wsl_call *c) { return wsl_call_fail(c, WSL_INVALID, "a time out of range"); }

static int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b < 0); }

static bool in_limits(int64_t t) { return t > -TIME_LIMIT && t < TIME_LIMIT; }

/* ---- EXTRACT ---- */

static int64_t extract(wsl_time_unit unit, int64_t days, int64_t ms)
{
    switch (unit) {
    case WSL_UNIT_MILLISECOND:
        return ms % 1000;
    case WSL_UNIT_SECOND:
        return ms / MS_SECOND % 60;
    case WSL_UNIT_MINUTE:
        return ms / MS_MINUTE % 60;
    case WSL_UNIT_HOUR:
        return ms / MS_HOUR;
    case WSL_UNIT_DAY:
        return wsl_civil_of_days(days).day;
    case WSL_UNIT_WEEK:
        return wsl_civil_iso_week(days, NULL);
    case WSL_UNIT_MONTH:
        return wsl_civil_of_days(days).month;
    case WSL_UNIT_QUARTER:
        return (wsl_civil_of_days(days).month + 2) / 3;
    case WSL_UNIT_YEAR:
        return wsl_civil_of_days(days).year;
    case WSL_UNIT_DOW:
        return wsl_civil_weekday(days) % 7 + 1; /* Sunday is 1 */
    case WSL_UNIT_ISODOW:
        return wsl_civil_weekday(days);
    case WSL_UNIT_DOY:
        return wsl_civil_day_of_year(days);
    default:
        return floor_div(days * WSL_DAY_MS + ms, 1000); /* EPOCH */
    }
}

static bool fn_extract_timestamp(wsl_call *c, const wsl_value *a, wsl_value *out)
{
    out->i = extract((wsl_time_unit)c->node->unit, wsl_civil_day(a[0].i), wsl_civil_ms_of_day(a[0].i));
    return true;
}
static bool fn_extract_date(wsl_call *c, const wsl_value *a, wsl_value *out)
{
    out->i = extract((wsl_time_unit)c->node->unit, a[0].i, 0);
    return true;
}
static bool fn_extract_time(wsl_call *c, const wsl_value *a, wsl_value *out)
{
    if (c->node->unit >= WSL_UNIT_DAY && c->node->unit != WSL_UNIT_EPOCH) {
        return wsl_call_fail(c, WSL_INVALID, "a TIME has no date to take a part of");
    }
    out->i = extract((wsl_time_unit)c->node->unit, 0, a[0].i);
    return true;
}
/* Of an interval: whole days, then the parts of what is left. */
static bool fn_extract_interval(wsl_call *c, const wsl_value *a, wsl_value *out)
{
    const int64_t sign = a[0].i < 0 ? -1 : 1;
    const int64_t ms = sign * (a[0].i == INT64_MIN ? INT64_MAX : a[0].i);
    switch ((wsl_time_unit)c->node->unit) {
    case WSL_UNIT_DAY:
        out->i = sign * (ms / WSL_DAY_MS);
        return true;
    case WSL_UNIT_EPOCH:
        out->i = a[0].i / 1000;
        return true;
    case WSL_UNIT_MILLISECOND:
    case WSL_UNIT_SECOND:
    case WSL_UNIT_MINUTE:
    case WSL_UNIT_HOUR:
        out->i = sign * extract((wsl_time_unit)c->node->unit, 0, ms % WSL_DAY_MS);
        return true;
    default:
        return wsl_call_fail(c, WSL_INVALID, "an INTERVAL has days, hours, minutes, seconds and milliseconds only");
    }
}

/* ---- FLOOR(t TO unit), CEIL(t TO unit), DATE_TRUNC ---- */

static int64_t unit_ms(wsl_time_unit unit)
{
    switch (unit) {
    case WSL_UNIT_MILLISECOND:
        return 1;
    case WSL_UNIT_SECOND:
        return MS_SECOND;
    case WSL_UNIT_MINUTE:
        return MS_MINUTE;
    case WSL_UNIT_HOUR:
        return MS_HOUR;
    case WSL_UNIT_DAY:
        return WSL_DAY_MS;
    case WSL_UNIT_WEEK:
        return 7 * (int64_t)WSL_DAY_MS;
    default:
        return 0;
    }
}

static int64_t unit_months(wsl_time_unit unit)
{
    return unit == WSL_UNIT_MONTH ? 1 : unit == WSL_UNIT_QUARTER ? 3 : unit == WSL_UNIT_YEAR ? 12 : 0;
}

/* First day of the week (Monday), month, quarter or year; `next`: of the one behind it. */
static int64_t floor_days(wsl_time_unit unit, int64_t days, bool next)
{
    if (unit == WSL_UNIT_DAY) {
        return days + next;
    }
    if (unit == WSL_UNIT_WEEK) {
        return days - (int64_t)wsl_civil_weekday(days) + 1 + (next ? 7 : 0);
    }
    const wsl_civil date = wsl_civil_of_days(days);
    const int64_t step = unit_months(unit);
    int64_t month = date.year * 12 + date.month - 1;
    month = month - (month % step + step) % step + (next ? step : 0);
    return wsl_civil_to_days((wsl_civil){floor_div(month, 12), (uint32_t)((month % 12 + 12) % 12) + 1, 1});
}

static bool cut(wsl_call *c, int64_t t, bool up, int64_t *out)
{
    const wsl_time_unit unit = (wsl_time_unit)c->node->unit;
    if (!in_limits(t)) {
        return out_of_range(c);
    }
    if (unit > WSL_UNIT_YEAR) {
        return wsl_call_fail(c, WSL_INVALID, "times are cut to units from MILLISECOND to YEAR, not to this one");
    }
    if (unit < WSL_UNIT_DAY) {
        const int64_t ms = unit_ms(unit);
        const int64_t low = floor_div(t, ms) * ms;
        *out = up && low != t ? low + ms : low;
        return true;
    }
    const int64_t low = floor_days(unit, wsl_civil_day(t), false) * WSL_DAY_MS;
    *out = up && low != t ? floor_days(unit, wsl_civil_day(t), true) * WSL_DAY_MS : low;
    return true;
}

static bool fn_floor(wsl_call *c, const wsl_value *a, wsl_value *out) { return cut(c, a[0].i, false, &out->i); }
static bool fn_ceil(wsl_call *c, const wsl_value *a, wsl_value *out) { return cut(c, a[0].i, true, &out->i); }

static bool cut_date(wsl_call *c, int64_t days, bool up, wsl_value *out)
{
    int64_t t = 0;
    if (!cut(c, days * WSL_DAY_MS, up, &t)) {
        return false;
    }
    out->i = wsl_civil_day(t);
    return out->i >= INT32_MIN && out->i <= INT32_MAX ? true : out_of_range(c);
}

static bool fn_floor_date(wsl_call *c, const wsl_value *a, wsl_value *out) { return cut_date(c, a[0].i, false, out); }
static bool fn_ceil_date(wsl_call *c, const wsl_value *a, wsl_value *out) { return cut_date(c, a[0].i, true, out); }

/* ---- adding and subtracting ---- */

/* The same day of another month; the 31st becomes the month's last. */
static bool add_months(wsl_call *c, int64_t days, int64_t months, int64_t *out)
{
    const wsl_civil date = wsl_civil_of_days(days);
    if (months > 12 * 100000000LL || months < -12 * 100000000LL) {
        return out_of_range(c);
    }
    const int64_t month = date.year * 12 + date.month - 1 + months;
    wsl_civil moved = {floor_div(month, 12), (uint32_t)((month % 12 + 12) % 12) + 1, date.day};
    const uint32_t last = wsl_civil_month_days(moved.year, moved.month);
    moved.day = moved.day > last ? last : moved.day;
    *out = wsl_civil_to_days(moved);
    return true;
}

static bool plus_months(wsl_call *c, int64_t t, int64_t months, int64_t *out)
{
    int64_t days = 0;
    if (!in_limits(t)) {
        return out_of_range(c);
    }
    if (!add_months(c, wsl_civil_day(t), months, &days)) {
        return false;
    }
    *out = days * WSL_DAY_MS + wsl_civil_ms_of_day(t);
    return true;
}

static bool date_result(wsl_call *c, int64_t days, wsl_value *out)
{
    out->i = days;
    return days >= INT32_MIN && days <= INT32_MAX ? true : out_of_range(c);
}

/* + and - of a DATE, TIME or TIMESTAMP with an interval whose sign is already turned. */
static bool move_time(wsl_call *c, const wsl_type *type, int64_t t, const wsl_type *by, int64_t amount, wsl_value *out)
{
    int64_t days = 0;
    if (type->id == WSL_T_DATE) {
        if (by->id == WSL_XT_MONTHS) {
            return add_months(c, t, amount, &days) && date_result(c, days, out);
        }
        return date_result(c, t + amount / WSL_DAY_MS, out);
    }
    if (type->id == WSL_T_TIME) {
        out->i = ((t + amount % WSL_DAY_MS) % WSL_DAY_MS + WSL_DAY_MS) % WSL_DAY_MS;
        return true;
    }
    if (by->id == WSL_XT_MONTHS) {
        return plus_months(c, t, amount, &out->i);
    }
    return !__builtin_add_overflow(t, amount, &out->i) ? true : out_of_range(c);
}

bool wsl_call_time_arith(wsl_call *c, const wsl_value *a, wsl_value *out)
{
    const wsl_type *x = &c->node->arg[0]->type;
    const wsl_type *y = &c->node->arg[1]->type;
    const char op = (char)c->node->op;
    bool over;
    if (wsl_type_is_temporal(x) && !wsl_type_is_temporal(y)) {
        int64_t amount = a[1].i;
        if (op == '-' && __builtin_sub_overflow((int64_t)0, a[1].i, &amount)) {
            return out_of_range(c);
        }
        return move_time(c, x, a[0].i, y, amount, out);
    }
    if (op == '*') {
        over = __builtin_mul_overflow(a[0].i, a[1].i, &out->i);
    } else if (op == '+') {
        over = __builtin_add_overflow(a[0].i, a[1].i, &out->i);
    } else {
        over = __builtin_sub_overflow(a[0].i, a[1].i, &out->i);
        over = over || (x->id == WSL_T_DATE && __builtin_mul_overflow(out->i, (int64_t)WSL_DAY_MS, &out->i));
    }
    return over ? out_of_range(c) : true;
}

static bool fn_timestampadd(wsl_call *c, const wsl_value *a, wsl_value *out)
{
    const wsl_time_unit unit = (wsl_time_unit)c->node->unit;
    int64_t amount;
    const int64_t each = unit_months(unit) != 0 ? unit_months(unit) : unit_ms(unit);
    if (each == 0 || __builtin_mul_overflow(a[0].i, each, &amount)) {
        return out_of_range(c);
    }
    const wsl_type by = {.id = unit_months(unit) != 0 ? WSL_XT_MONTHS : WSL_XT_INTERVAL};
    return move_time(c, &c->node->type, a[1].i, &by, amount, out);
}

/* Whole months from a to b, counted toward zero. */
static int64_t months_between(int64_t a, int64_t b)
{
    const wsl_civil x = wsl_civil_of_days(wsl_civil_day(a));
    const wsl_civil y = wsl_civil_of_days(wsl_civil_day(b));
    int64_t n = (y.year - x.year) * 12 + (int64_t)y.month - (int64_t)x.month;
    const int64_t part_x = (int64_t)x.day * WSL_DAY_MS + wsl_civil_ms_of_day(a);
    const int64_t part_y = (int64_t)y.day * WSL_DAY_MS + wsl_civil_ms_of_day(b);
    n -= n > 0 && part_y < part_x;
    n += n < 0 && part_y > part_x;
    return n;
}

static bool fn_timestampdiff(wsl_call *c, const wsl_value *a, wsl_value *out)
{
    const wsl_time_unit unit = (wsl_time_unit)c->node->unit;
    if (unit_months(unit) != 0) {
        out->i = months_between(a[0].i, a[1].i) / unit_months(unit);
        return true;
    }
    int64_t ms = 0;
    if (unit_ms(unit) == 0 || __builtin_sub_overflow(a[1].i, a[0].i, &ms)) {
        return out_of_range(c);
    }
    out->i = ms / unit_ms(unit);
    return true;
}

/* ---- formats ---- */

static const char *const day_names[7] = {"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"};
static const char *const month_names[12] = {"January", "February", "March",     "April",   "May",      "June",
                                            "July",    "August",   "September", "October", "November", "December"};

/* One run of equal letters as text; the length, or 0 if the letter is unknown. */
static uint32_t format_field(char letter, uint32_t width, int64_t days, int64_t ms, char out[32])
{
    const wsl_civil date = wsl_civil_of_days(days);
    int64_t v;
    switch (letter) {
    case 'y':
    case 'u':
        v = width == 2 ? (date.year % 100 + 100) % 100 : date.year;
        break;
    case 'M':
        if (width >= 3) {
            return (uint32_t)snprintf(out, 32, "%.*s", width == 3 ? 3 : 20, month_names[date.month - 1]);
        }
        v = date.month;
        break;
    case 'd':
        v = date.day;
        break;
    case 'H':
        v = ms / MS_HOUR;
        break;
    case 'h':
        v = (ms / MS_HOUR + 11) % 12 + 1;
        break;
    case 'm':
        v = ms / MS_MINUTE % 60;
        break;
    case 's':
        v = ms / MS_SECOND % 60;
        break;
    case 'S':
        v = width == 1 ? ms % 1000 / 100 : width == 2 ? ms % 1000 / 10 : ms % 1000;
        break;
    case 'D':
        v = wsl_civil_day_of_year(days);
        break;
    case 'a':
        return (uint32_t)snprintf(out, 32, "%s", ms >= 12 * MS_HOUR ? "PM" : "AM");
    case 'E':
        return (uint32_t)snprintf(out, 32, "%.*s", width <= 3 ? 3 : 20, day_names[wsl_civil_weekday(days) - 1]);
    default:
        return 0;
    }
    return (uint32_t)snprintf(out, 32, "%s%0*lld", v < 0 ? "-" : "", (int)(width > 9 ? 9 : width),
                              (long long)(v < 0 ? -v : v));
}

static bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

static uint32_t run_length(wsl_str format, uint32_t at)
{
    uint32_t n = 1;
    while (at + n < format.size && format.data[at + n] == format.data[at]) {
        n++;
    }
    return n;
}

/* Text in quotes at `at`: [*from, *to) without them; '' is one quote. Returns where the format goes on. */
static uint32_t quoted_part(wsl_str format, uint32_t at, uint32_t *from, uint32_t *to)
{
    if (at + 1 < format.size && format.data[at + 1] == '\'') {
        *from = at;
        *to = at + 1;
        return at + 2;
    }
    uint32_t end = at + 1;
    while (end < format.size && format.data[end] != '\'') {
        end++;
    }
    *from = at + 1;
    *to = end;
    return end < format.size ? end + 1 : end;
}

static bool format_time(wsl_call *c, int64_t t, wsl_str format, wsl_value *out)
{
    const int64_t days = wsl_civil_day(t);
    const int64_t ms = wsl_civil_ms_of_day(t);
    char *made = wsl_call_alloc(c, (uint64_t)format.size * 32); /* each letter makes at most 31 bytes */
    uint32_t n = 0;
    if (made == NULL) {
        return false;
    }
    for (uint32_t at = 0; at < format.size;) {
        const char letter = format.data[at];
        if (letter == '\'') {
            uint32_t from;
            uint32_t to;
            at = quoted_part(format, at, &from, &to);
            memcpy(made + n, format.data + from, to - from);
            n += to - from;
        } else if (is_letter(letter)) {
            const uint32_t width = run_length(format, at);
            const uint32_t size = format_field(letter, width, days, ms, made + n);
            if (size == 0) {
                return wsl_call_fail(c, WSL_INVALID, "'%c' in a time format has no meaning; y M d H h m s S a E D do",
                                     letter);
            }
            n += size;
            at += width;
        } else {
            made[n++] = letter;
            at++;
        }
    }
    out->s = (wsl_str){made, n};
    return true;
}

/* Up to `max` digits; false if there is none. */
static bool read_digits(wsl_str s, uint32_t *at, uint32_t max, int64_t *out)
{
    const uint32_t start = *at;
    *out = 0;
    while (*at < s.size && *at - start < max && s.data[*at] >= '0' && s.data[*at] <= '9') {
        *out = *out * 10 + (s.data[*at] - '0');
        (*at)++;
    }
    return *at > start;
}

/* What a text says by a format; fields that are not in it are those of 1970-01-01 00:00. */
typedef struct parsed_time {
    int64_t year, month, day, hour, minute, second, ms;
    bool pm, half_day;
} parsed_time;

static bool parse_field(char letter, uint32_t width, wsl_str s, uint32_t *at, parsed_time *p)
{
    const uint32_t start = *at;
    const uint32_t max = letter == 'y' || letter == 'u' ? (width > 4 ? 9 : 4) : letter == 'S' ? width : 2;
    int64_t v = 0;
    if (letter == 'a') {
        if (s.size - *at < 2 || (s.data[*at + 1] | 32) != 'm') {
            return false;
        }
        p->half_day = true;
        p->pm = (s.data[*at] | 32) == 'p';
        *at += 2;
        return true;
    }
    if (!read_digits(s, at, max, &v)) {
        return false;
    }
    switch (letter) {
    case 'y':
    case 'u':
        p->year = v;
        return true;
    case 'M':
        p->month = v;
        return true;
    case 'd':
        p->day = v;
        return true;
    case 'h':
        p->half_day = true;
        p->hour = v;
        return true;
    case 'H':
        p->hour = v;
        return true;
    case 'm':
        p->minute = v;
        return true;
    case 's':
        p->second = v;
        return true;
    case 'S':
        for (uint32_t digits = *at - start; digits < 3; digits++) {
            v *= 10;
        }
        for (uint32_t digits = *at - start; digits > 3; digits--) {
            v /= 10;
        }
        p->ms = v;
        return true;
    default:
        return false;
    }
}

static bool parsed_to_ms(const parsed_time *p, int64_t *out)
{
    int64_t hour = p->hour;
    if (p->half_day) {
        if (hour < 1 || hour > 12) {
            return false;
        }
        hour = hour % 12 + (p->pm ? 12 : 0);
    }
    if (p->month < 1 || p->month > 12 || p->day < 1 || p->day > wsl_civil_month_days(p->year, (uint32_t)p->month) ||
        hour > 23 || p->minute > 59 || p->second > 59) {
        return false;
    }
    const int64_t days = wsl_civil_to_days((wsl_civil){p->year, (uint32_t)p->month, (uint32_t)p->day});
    *out = days * WSL_DAY_MS + hour * MS_HOUR + p->minute * MS_MINUTE + p->second * MS_SECOND + p->ms;
    return true;
}

static bool parse_time(wsl_str s, wsl_str format, int64_t *out)
{
    parsed_time p = {.year = 1970, .month = 1, .day = 1};
    uint32_t at = 0;
    for (uint32_t f = 0; f < format.size;) {
        const char letter = format.data[f];
        if (is_letter(letter)) {
            const uint32_t width = run_length(format, f);
            if (!parse_field(letter, width, s, &at, &p)) {
                return false;
            }
            f += width;
            continue;
        }
        uint32_t from = f;
        uint32_t to = f + 1;
        f = letter == '\'' ? quoted_part(format, f, &from, &to) : f + 1;
        if (s.size - at < to - from || memcmp(s.data + at, format.data + from, to - from) != 0) {
            return false;
        }
        at += to - from;
    }
    return at == s.size && parsed_to_ms(&p, out);
}

static const char standard_format[] = "yyyy-MM-dd HH:mm:ss";

static bool fn_date_format(wsl_call *c, const wsl_value *a, wsl_value *out)
{
    return format_time(c, a[0].i, a[1].s, out);
}

static bool fn_from_unixtime(wsl_call *c, const wsl_value *a, wsl_value *out)
{
    int64_t ms = 0;
    if (__builtin_mul_overflow(a[0].i, (int64_t)MS_SECOND, &ms)) {
        return out_of_range(c);
    }
    return format_time(c, ms, c->n > 1 ? a[1].s : wsl_str_of(standard_format), out);
}

static bool fail_time(wsl_call *c, wsl_str s)
{
    return wsl_call_fail(c, WSL_INVALID, "'%.*s' is not a time of the expected form", (int)(s.size > 60 ? 60 : s.size),
                         s.data);
}

static bool read_time(wsl_call *c, const wsl_value *a, int64_t *out)
{
    const bool ok =
        c->n > 1 ? parse_time(a[0].s, a[1].s, out) : wsl_civil_parse_timestamp(a[0].s.data, a[0].s.size, out);
    return ok ? true : fail_time(c, a[0].s);
}

static bool fn_to_timestamp(wsl_call *c, const wsl_value *a, wsl_value *out) { return read_time(c, a, &out->i); }

static bool fn_to_date(wsl_call *c, const wsl_value *a, wsl_value *out)
{
    int64_t ms = 0;
    return read_time(c, a, &ms) && date_result(c, wsl_civil_day(ms), out);
}

static bool fn_unix_timestamp_text(wsl_call *c, const wsl_value *a, wsl_value *out)
{
    int64_t ms = 0;
    if (!read_time(c, a, &ms)) {
        return false;
    }
    out->i = floor_div(ms, 1000);
    return true;
}

static bool fn_unix_timestamp(wsl_call *c, const wsl_value *a, wsl_value *out)
{
    (void)c;
    out->i = floor_div(a[0].i, 1000);
    return true;
}

/* TO_TIMESTAMP_LTZ(number, precision): seconds for 0, milliseconds for 3. */
static bool fn_to_timestamp_ltz(wsl_call *c, const wsl_value *a, wsl_value *out)
{
    const int64_t precision = c->n > 1 ? a[1].i : 3;
    if (precision != 0 && precision != 3) {
        return wsl_call_fail(c, WSL_INVALID, "the precision must be 0 (seconds) or 3 (milliseconds)");
    }
    return !__builtin_mul_overflow(a[0].i, precision == 0 ? (int64_t)1000 : 1, &out->i) ? true : out_of_range(c);
}

/* clang-format off */
const wsl_fn_def wsl_time_functions[] = {
    {"EXTRACT", "D>i", fn_extract_date, WSL_UNIT_NONE, false},
    {"EXTRACT", "t>i", fn_extract_timestamp, WSL_UNIT_NONE, false},
    {"EXTRACT", "T>i", fn_extract_time, WSL_UNIT_NONE, false},
    {"EXTRACT", "v>i", fn_extract_interval, WSL_UNIT_NONE, false},
    {"YEAR", "t>i", fn_extract_timestamp, WSL_UNIT_YEAR, false},
    {"QUARTER", "t>i", fn_extract_timestamp, WSL_UNIT_QUARTER, false},
    {"MONTH", "t>i", fn_extract_timestamp, WSL_UNIT_MONTH, false},
    {"WEEK", "t>i", fn_extract_timestamp, WSL_UNIT_WEEK, false},
    {"DAYOFYEAR", "t>i", fn_extract_timestamp, WSL_UNIT_DOY, false},
    {"DAYOFMONTH", "t>i", fn_extract_timestamp, WSL_UNIT_DAY, false},
    {"DAY", "t>i", fn_extract_timestamp, WSL_UNIT_DAY, false},
    {"DAYOFWEEK", "t>i", fn_extract_timestamp, WSL_UNIT_DOW, false},
    {"HOUR", "T>i", fn_extract_time, WSL_UNIT_HOUR, false},
    {"HOUR", "t>i", fn_extract_timestamp, WSL_UNIT_HOUR, false},
    {"MINUTE", "T>i", fn_extract_time, WSL_UNIT_MINUTE, false},
    {"MINUTE", "t>i", fn_extract_timestamp, WSL_UNIT_MINUTE, false},
    {"SECOND", "T>i", fn_extract_time, WSL_UNIT_SECOND, false},
    {"SECOND", "t>i", fn_extract_timestamp, WSL_UNIT_SECOND, false},
    {"FLOOR TO", "D>D", fn_floor_date, WSL_UNIT_NONE, false},
    {"FLOOR TO", "t>t", fn_floor, WSL_UNIT_NONE, false},
    {"CEIL TO", "D>D", fn_ceil_date, WSL_UNIT_NONE, false},
    {"CEIL TO", "t>t", fn_ceil, WSL_UNIT_NONE, false},
    {"DATE_TRUNC", "D>D", fn_floor_date, WSL_UNIT_NONE, false},
    {"DATE_TRUNC", "t>t", fn_floor, WSL_UNIT_NONE, false},
    {"TIMESTAMPADD", "iD>D", fn_timestampadd, WSL_UNIT_NONE, false},
    {"TIMESTAMPADD", "it>t", fn_timestampadd, WSL_UNIT_NONE, false},
    {"TIMESTAMPDIFF", "tt>i", fn_timestampdiff, WSL_UNIT_NONE, false},
    {"DATE_FORMAT", "ts>s", fn_date_format, WSL_UNIT_NONE, false},
    {"TO_TIMESTAMP", "s>t", fn_to_timestamp, WSL_UNIT_NONE, false},
    {"TO_TIMESTAMP", "ss>t", fn_to_timestamp, WSL_UNIT_NONE, false},
    {"TO_TIMESTAMP_LTZ", "i>t", fn_to_timestamp_ltz, WSL_UNIT_NONE, false},
    {"TO_TIMESTAMP_LTZ", "ii>t", fn_to_timestamp_ltz, WSL_UNIT_NONE, false},
    {"TO_DATE", "s>D", fn_to_date, WSL_UNIT_NONE, false},
    {"TO_DATE", "ss>D", fn_to_date, WSL_UNIT_NONE, false},
    {"FROM_UNIXTIME", "i>s", fn_from_unixtime, WSL_UNIT_NONE, false},
    {"FROM_UNIXTIME", "is>s", fn_from_unixtime, WSL_UNIT_NONE, false},
    {"UNIX_TIMESTAMP", "t>i", fn_unix_timestamp, WSL_UNIT_NONE, false},
    {"UNIX_TIMESTAMP", "s>i", fn_unix_timestamp_text, WSL_UNIT_NONE, false},
    {"UNIX_TIMESTAMP", "ss>i", fn_unix_timestamp_text, WSL_UNIT_NONE, false},
    {0},
};
/* clang-format on */
