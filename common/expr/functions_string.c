/*
 * functions_string.c - strings. Results that are part of an argument point into it; others are made in the slice's
 * scratch memory. Positions count characters from 1, as SQL does.
 */
#include "expr/functions.h"
#include "expr/text.h"

static bool give(wsl_value *out, const char *data, uint32_t size)
{
    out->s = (wsl_str){data, size};
    return true;
}

static wsl_str part(wsl_str s, uint32_t from, uint32_t to) { return (wsl_str){s.data + from, to - from}; }

/* ---- case, length ---- */

static bool change_case(wsl_call *c, wsl_str s, wsl_case how, wsl_value *out)
{
    char *made = wsl_call_alloc(c, s.size);
    if (made == NULL) {
        return false;
    }
    wsl_change_case(s, how, made);
    return give(out, made, s.size);
}

static bool fn_upper(wsl_call *c, const wsl_value *a, wsl_value *out)
{
    return change_case(c, a[0].s, WSL_CASE_UPPER, out);
}
static bool fn_lower(wsl_call *c, const wsl_value *a, wsl_value *out)
{
    return change_case(c, a[0].s, WSL_CASE_LOWER, out);
}
static bool fn_initcap(wsl_call *c, const wsl_value *a, wsl_value *out)
{
    return change_case(c, a[0].s, WSL_CASE_WORDS, out);
}

static bool fn_char_length(wsl_call *c, const wsl_value *a, wsl_value *out)
{
    (void)c;
    out->i = wsl_char_count(a[0].s);
    return true;
}

static bool fn_octet_length(wsl_call *c, const wsl_value *a, wsl_value *out)
{
    (void)c;
    out->i = a[0].s.size;
    return true;
}

/* ---- parts ---- */

/* Characters [from, from + count) counted from 1; what lies outside the string is left out. */
static bool substring(wsl_call *c, wsl_str s, int64_t from, int64_t count, wsl_value *out)
{
    if (count < 0) {
        return wsl_call_fail(c, WSL_INVALID, "a negative length (%lld)", (long long)count);
    }
    int64_t end;
    if (from < 0) { /* from the end, as Flink counts */
        const int64_t n = wsl_char_count(s);
        from = from + n + 1;
        if (from < 1) {
            return give(out, s.data, 0);
        }
    }
    if (__builtin_add_overflow(from, count, &end)) {
        end = INT64_MAX;
    }
    const uint32_t first = wsl_char_offset(s, from > 1 ? (uint64_t)from - 1 : 0);
    const uint32_t last = end > 1 ? wsl_char_offset(s, (uint64_t)end - 1) : 0;
    out->s = part(s, first, last > first ? last : first);
    return true;
}

static bool fn_substring(wsl_call *c, const wsl_value *a, wsl_value *out)
{
    return substring(c, a[0].s, a[1].i, c->n > 2 ? a[2].i : INT64_MAX, out);
}

static bool fn_left(wsl_call *c, const wsl_value *a, wsl_value *out)
{
    (void)c;
    out->s = part(a[0].s, 0, a[1].i > 0 ? wsl_char_offset(a[0].s, (uint64_t)a[1].i) : 0);
    return true;
}

static bool fn_right(wsl_call *c, const wsl_value *a, wsl_value *out)
{
    (void)c;
    const int64_t n = wsl_char_count(a[0].s);
    const int64_t skip = a[1].i <= 0 ? n : n > a[1].i ? n - a[1].i : 0;
    out->s = part(a[0].s, wsl_char_offset(a[0].s, (uint64_t)skip), a[0].s.size);
    return true;
}

/* Is the character at `at` one of `set`? */
static bool in_set(wsl_str s, uint32_t at, wsl_str set)
{
    const wsl_str one = part(s, at, at + wsl_char_size(s, at));
    for (uint32_t k = 0; k < set.size; k += wsl_char_size(set, k)) {
        if (wsl_str_equal(one, part(set, k, k + wsl_char_size(set, k)))) {
            return true;
        }
    }
    return false;
}

static wsl_str trim(wsl_str s, wsl_str set, bool left, bool right)
{
    uint32_t first = 0;
    uint32_t end = s.size;
    while (left && first < end && in_set(s, first, set)) {
        first += wsl_char_size(s, first);
    }
    while (right && end > first) {
        uint32_t last = end - 1;
        while (last > first && ((unsigned char)s.data[last] & 0xC0) == 0x80) {
            last--;
        }
        if (last + wsl_char_size(s, last) != end || !in_set(s, last, set)) {
            break;
        }
        end = last;
    }
    return part(s, first, end);
}

static bool trim_call(const wsl_call *c, const wsl_value *a, bool left, bool right, wsl_value *out)
{
    out->s = trim(a[0].s, c->n > 1 ? a[1].s : wsl_str_of(" "), left, right);
    return true;
}

static bool fn_trim(wsl_call *c, const wsl_value *a, wsl_value *out) { return trim_call(c, a, true, true, out); }
static bool fn_ltrim(wsl_call *c, const wsl_value *a, wsl_value *out) { return trim_call(c, a, true, false, out); }
static bool fn_rtrim(wsl_call *c, const wsl_value *a, wsl_value *out) { return trim_call(c, a, false, true, out); }

static bool fn_split_index(wsl_call *c, const wsl_value *a, wsl_value *out)
{
    const wsl_str s = a[0].s;
    const wsl_str by = a[1].s;
    uint32_t from = 0;
    (void)c;
    if (a[2].i < 0 || by.size == 0) {
        out->null = true;
        return true;
    }
    for (int64_t k = 0;; k++) {
        const uint32_t at = wsl_str_find(s, by, from);
        const uint32_t end = at == UINT32_MAX ? s.size : at;
        if (k == a[2].i) {
            out->s = part(s, from, end);
            return true;
        }
        if (at == UINT32_MAX) {
            out->null = true;
            return true;
        }
        from = at + by.size;
    }
}

/* ---- searching ---- */

/* Character number of a byte position. */
static int64_t position(wsl_str s, uint32_t at)
{
    return at == UINT32_MAX ? 0 : (int64_t)wsl_char_count(part(s, 0, at)) + 1;
}

static bool fn_position(wsl_call *c, const wsl_value *a, wsl_value *out)
{
    (void)c;
    out->i = position(a[1].s, wsl_str_find(a[1].s, a[0].s, 0));
    return true;
}

static bool fn_locate_from(wsl_call *c, const wsl_value *a, wsl_value *out)
{
    (void)c;
    const uint32_t from = a[2].i > 0 ? wsl_char_offset(a[1].s, (uint64_t)a[2].i - 1) : UINT32_MAX;
    out->i = from == UINT32_MAX ? 0 : position(a[1].s, wsl_str_find(a[1].s, a[0].s, from));
    return true;
}

static bool fn_instr(wsl_call *c, const wsl_value *a, wsl_value *out)
{
    (void)c;
    out->i = position(a[0].s, wsl_str_find(a[0].s, a[1].s, 0));
    return true;
}

static bool fn_starts_with(wsl_call *c, const wsl_value *a, wsl_value *out)
{
    (void)c;
    out->i = a[1].s.size <= a[0].s.size && wsl_str_equal(part(a[0].s, 0, a[1].s.size), a[1].s);
    return true;
}

static bool fn_ends_with(wsl_call *c, const wsl_value *a, wsl_value *out)
{
    (void)c;
    out->i = a[1].s.size <= a[0].s.size && wsl_str_equal(part(a[0].s, a[0].s.size - a[1].s.size, a[0].s.size), a[1].s);
    return true;
}

static bool fn_contains(wsl_call *c, const wsl_value *a, wsl_value *out)
{
    (void)c;
    out->i = wsl_str_find(a[0].s, a[1].s, 0) != UINT32_MAX;
    return true;
}

/* ---- making new ones ---- */

bool wsl_call_concat(wsl_call *c, const wsl_value *a, wsl_value *out)
{
    uint64_t size = 0;
    for (uint32_t i = 0; i < c->n; i++) {
        size += a[i].s.size;
    }
    char *made = wsl_call_alloc(c, size);
    if (made == NULL) {
        return false;
    }
    uint32_t at = 0;
    for (uint32_t i = 0; i < c->n; i++) {
        memcpy(made + at, a[i].s.data, a[i].s.size);
        at += a[i].s.size;
    }
    return give(out, made, at);
}

/* CONCAT_WS(separator, a, b, ...): NULLs are left out. */
static bool fn_concat_ws(wsl_call *c, const wsl_value *a, wsl_value *out)
{
    uint64_t size = 0;
    if (a[0].null) {
        out->null = true;
        return true;
    }
    for (uint32_t i = 1; i < c->n; i++) {
        size += a[i].null ? 0 : (uint64_t)a[i].s.size + a[0].s.size;
    }
    char *made = wsl_call_alloc(c, size);
    if (made == NULL) {
        return false;
    }
    uint32_t at = 0;
    bool first = true;
    for (uint32_t i = 1; i < c->n; i++) {
        if (a[i].null) {
            continue;
        }
        if (!first) {
            memcpy(made + at, a[0].s.data, a[0].s.size);
            at += a[0].s.size;
        }
        memcpy(made + at, a[i].s.data, a[i].s.size);
        at += a[i].s.size;
        first = false;
    }
    return give(out, made, at);
}

static bool fn_replace(wsl_call *c, const wsl_value *a, wsl_value *out)
{
    const wsl_str s = a[0].s;
    const wsl_str what = a[1].s;
    const wsl_str with = a[2].s;
    uint64_t found = 0;
    if (what.size == 0) {
        out->s = s;
        return true;
    }
    for (uint32_t at = 0; (at = wsl_str_find(s, what, at)) != UINT32_MAX; at += what.size) {
        found++;
    }
    char *made = wsl_call_alloc(c, s.size + found * with.size);
    if (made == NULL) {
        return false;
    }
    uint32_t from = 0;
    uint32_t n = 0;
    for (uint32_t at = 0; (at = wsl_str_find(s, what, at)) != UINT32_MAX; at += what.size) {
        memcpy(made + n, s.data + from, at - from);
        n += at - from;
        memcpy(made + n, with.data, with.size);
        n += with.size;
        from = at + what.size;
    }
    memcpy(made + n, s.data + from, s.size - from);
    return give(out, made, n + s.size - from);
}

static bool fn_reverse(wsl_call *c, const wsl_value *a, wsl_value *out)
{
    const wsl_str s = a[0].s;
    char *made = wsl_call_alloc(c, s.size);
    if (made == NULL) {
        return false;
    }
    for (uint32_t at = 0; at < s.size;) {
        const uint32_t size = wsl_char_size(s, at);
        memcpy(made + s.size - at - size, s.data + at, size);
        at += size;
    }
    return give(out, made, s.size);
}

static bool fn_repeat(wsl_call *c, const wsl_value *a, wsl_value *out)
{
    const uint64_t times = a[1].i > 0 ? (uint64_t)a[1].i : 0;
    uint64_t size;
    if (__builtin_mul_overflow(times, (uint64_t)a[0].s.size, &size)) {
        size = UINT64_MAX / 2;
    }
    char *made = wsl_call_alloc(c, size);
    if (made == NULL) {
        return false;
    }
    for (uint64_t at = 0; at < size; at += a[0].s.size) {
        memcpy(made + at, a[0].s.data, a[0].s.size);
    }
    return give(out, made, (uint32_t)size);
}

/* To exactly n characters: cut, or filled with the characters of `with` again and again. NULL as in Flink when n is
 * negative or there is nothing to fill with. */
static bool pad(wsl_call *c, const wsl_value *a, bool left, wsl_value *out)
{
    const wsl_str s = a[0].s;
    const wsl_str with = a[2].s;
    const int64_t have = wsl_char_count(s);
    if (a[1].i < 0 || (with.size == 0 && a[1].i > have)) {
        out->null = true;
        return true;
    }
    if (a[1].i <= have) {
        out->s = part(s, 0, wsl_char_offset(s, (uint64_t)a[1].i));
        return true;
    }
    const uint64_t missing = (uint64_t)(a[1].i - have);
    const uint64_t per = wsl_char_count(with);
    if (missing / per > WSL_EXPR_SCRATCH_MAX) {
        return wsl_call_alloc(c, UINT64_MAX / 2) != NULL;
    }
    const uint32_t tail = wsl_char_offset(with, missing % per);
    const uint64_t fill = missing / per * with.size + tail;
    char *made = wsl_call_alloc(c, fill + s.size);
    if (made == NULL) {
        return false;
    }
    char *at = left ? made : made + s.size;
    for (uint64_t k = 0; k < missing / per; k++, at += with.size) {
        memcpy(at, with.data, with.size);
    }
    memcpy(at, with.data, tail);
    memcpy(left ? made + fill : made, s.data, s.size);
    return give(out, made, (uint32_t)(fill + s.size));
}

static bool fn_lpad(wsl_call *c, const wsl_value *a, wsl_value *out) { return pad(c, a, true, out); }
static bool fn_rpad(wsl_call *c, const wsl_value *a, wsl_value *out) { return pad(c, a, false, out); }

static bool fn_ascii(wsl_call *c, const wsl_value *a, wsl_value *out)
{
    (void)c;
    out->i = a[0].s.size > 0 ? (unsigned char)a[0].s.data[0] : 0;
    return true;
}

/* ---- LIKE ---- */

/* A pattern taken apart: literal characters, '_' and '%'. Patterns without wildcards but at their ends have short ways.
 */
typedef enum like_form { LIKE_EXACT, LIKE_PREFIX, LIKE_SUFFIX, LIKE_CONTAINS, LIKE_ANY_FORM } like_form;
typedef struct like_pattern {
    like_form form;
    uint32_t n;
    struct like_item {
        enum { LIKE_CHAR, LIKE_ONE, LIKE_MANY } kind;
        wsl_str text; /* one character */
    } * items;
    wsl_str literal; /* of the short forms */
} like_pattern;

/* Room for pattern.size items and bytes. NULL: fine, else what is wrong. */
static const char *like_parse(wsl_str pattern, wsl_str escape, like_pattern *p, char *literal)
{
    uint32_t literal_size = 0;
    uint32_t n_many = 0;
    uint32_t n_one = 0;
    p->n = 0;
    if (escape.size > 0 && wsl_char_size(escape, 0) != escape.size) {
        return "the ESCAPE of LIKE must be one character";
    }
    for (uint32_t at = 0; at < pattern.size;) {
        uint32_t size = wsl_char_size(pattern, at);
        wsl_str one = part(pattern, at, at + size);
        const bool escaped = escape.size > 0 && wsl_str_equal(one, escape);
        if (escaped) {
            at += size;
            if (at >= pattern.size) {
                return "the pattern of LIKE ends with its escape character";
            }
            size = wsl_char_size(pattern, at);
            one = part(pattern, at, at + size);
            const bool special = one.size == 1 && (*one.data == '%' || *one.data == '_');
            if (!special && !wsl_str_equal(one, escape)) {
                return "the escape character of LIKE may stand before %, _ and itself only";
            }
        }
        const bool many = !escaped && one.size == 1 && *one.data == '%';
        const bool single = !escaped && one.size == 1 && *one.data == '_';
        n_many += many;
        n_one += single;
        p->items[p->n].kind = many ? LIKE_MANY : single ? LIKE_ONE : LIKE_CHAR;
        p->items[p->n++].text = one;
        if (!many && !single) {
            memcpy(literal + literal_size, one.data, one.size);
            literal_size += one.size;
        }
        at += size;
    }
    const bool first = p->n > 0 && p->items[0].kind == LIKE_MANY;
    const bool last = p->n > 0 && p->items[p->n - 1].kind == LIKE_MANY;
    p->literal = (wsl_str){literal, literal_size};
    p->form = n_one > 0                                  ? LIKE_ANY_FORM
              : n_many == 0                              ? LIKE_EXACT
              : n_many == 1 && last                      ? LIKE_PREFIX
              : n_many == 1 && first                     ? LIKE_SUFFIX
              : n_many == 2 && first && last && p->n > 1 ? LIKE_CONTAINS
                                                         : LIKE_ANY_FORM;
    return NULL;
}

/* The usual walk: on a mismatch go back to the last '%' and let it take one character more. */
static bool like_match(wsl_str s, const like_pattern *p)
{
    uint32_t at = 0;
    uint32_t k = 0;
    uint32_t back_k = UINT32_MAX;
    uint32_t back_at = 0;
    while (at < s.size) {
        const uint32_t size = wsl_char_size(s, at);
        if (k < p->n && p->items[k].kind == LIKE_MANY) {
            back_k = ++k;
            back_at = at;
        } else if (k < p->n &&
                   (p->items[k].kind == LIKE_ONE || wsl_str_equal(p->items[k].text, part(s, at, at + size)))) {
            at += size;
            k++;
        } else if (back_k != UINT32_MAX) {
            back_at += wsl_char_size(s, back_at);
            at = back_at;
            k = back_k;
        } else {
            return false;
        }
    }
    while (k < p->n && p->items[k].kind == LIKE_MANY) {
        k++;
    }
    return k == p->n;
}

static bool like_test(wsl_str s, const like_pattern *p)
{
    const wsl_str want = p->literal;
    switch (p->form) {
    case LIKE_EXACT:
        return wsl_str_equal(s, want);
    case LIKE_PREFIX:
        return want.size <= s.size && wsl_str_equal(part(s, 0, want.size), want);
    case LIKE_SUFFIX:
        return want.size <= s.size && wsl_str_equal(part(s, s.size - want.size, s.size), want);
    case LIKE_CONTAINS:
        return wsl_str_find(s, want, 0) != UINT32_MAX;
    default:
        return like_match(s, p);
    }
}

wsl_status wsl_like_prepare(const wsl_expr_source *src, wsl_arena *arena, const wsl_node *like, const void **out,
                            wsl_error *err)
{
    const wsl_node *pattern = like->arg[1];
    const wsl_node *escape = like->n > 2 ? like->arg[2] : NULL;
    *out = NULL;
    if (pattern->kind != WSL_NODE_LITERAL || pattern->value.null ||
        (escape != NULL && (escape->kind != WSL_NODE_LITERAL || escape->value.null))) {
        return WSL_OK; /* taken apart row by row */
    }
    like_pattern *p = wsl_arena_zalloc(arena, sizeof *p);
    p->items = wsl_arena_zalloc(arena, (pattern->value.s.size + 1) * sizeof *p->items);
    char *literal = wsl_arena_zalloc(arena, pattern->value.s.size + 1);
    const wsl_str esc = escape != NULL ? escape->value.s : (wsl_str){"", 0};
    const char *wrong = escape != NULL && esc.size == 0 ? "the ESCAPE of LIKE must be one character"
                                                        : like_parse(pattern->value.s, esc, p, literal);
    if (wrong != NULL) {
        return wsl_expr_fail_at(src, pattern->at, err, WSL_INVALID, "%s", wrong);
    }
    *out = p;
    return WSL_OK;
}

bool wsl_call_like(wsl_call *c, const wsl_value *a, wsl_value *out)
{
    const like_pattern *prepared = c->ins->k.p;
    if (prepared != NULL) {
        out->i = like_test(a[0].s, prepared);
        return true;
    }
    like_pattern p = {0};
    char *memory = wsl_call_alloc(c, (a[1].s.size + 1) * (sizeof *p.items + 1) + 16);
    if (memory == NULL) {
        return false;
    }
    p.items = (struct like_item *)(void *)memory;
    const char *wrong =
        like_parse(a[1].s, c->n > 2 ? a[2].s : (wsl_str){"", 0}, &p, memory + (a[1].s.size + 1) * sizeof *p.items);
    if (wrong != NULL) {
        return wsl_call_fail(c, WSL_INVALID, "%s", wrong);
    }
    out->i = like_test(a[0].s, &p);
    return true;
}

/* clang-format off */
const wsl_fn_def wsl_string_functions[] = {
    {"UPPER", "s>s", fn_upper, WSL_UNIT_NONE, false},
    {"UCASE", "s>s", fn_upper, WSL_UNIT_NONE, false},
    {"LOWER", "s>s", fn_lower, WSL_UNIT_NONE, false},
    {"LCASE", "s>s", fn_lower, WSL_UNIT_NONE, false},
    {"INITCAP", "s>s", fn_initcap, WSL_UNIT_NONE, false},
    {"CHAR_LENGTH", "s>j", fn_char_length, WSL_UNIT_NONE, false},
    {"CHARACTER_LENGTH", "s>j", fn_char_length, WSL_UNIT_NONE, false},
    {"LENGTH", "s>j", fn_char_length, WSL_UNIT_NONE, false},
    {"OCTET_LENGTH", "s>j", fn_octet_length, WSL_UNIT_NONE, false},
    {"SUBSTRING", "si>s", fn_substring, WSL_UNIT_NONE, false},
    {"SUBSTRING", "sii>s", fn_substring, WSL_UNIT_NONE, false},
    {"SUBSTR", "si>s", fn_substring, WSL_UNIT_NONE, false},
    {"SUBSTR", "sii>s", fn_substring, WSL_UNIT_NONE, false},
    {"LEFT", "si>s", fn_left, WSL_UNIT_NONE, false},
    {"RIGHT", "si>s", fn_right, WSL_UNIT_NONE, false},
    {"BTRIM", "s>s", fn_trim, WSL_UNIT_NONE, false},
    {"BTRIM", "ss>s", fn_trim, WSL_UNIT_NONE, false},
    {"LTRIM", "s>s", fn_ltrim, WSL_UNIT_NONE, false},
    {"LTRIM", "ss>s", fn_ltrim, WSL_UNIT_NONE, false},
    {"RTRIM", "s>s", fn_rtrim, WSL_UNIT_NONE, false},
    {"RTRIM", "ss>s", fn_rtrim, WSL_UNIT_NONE, false},
    {"POSITION", "ss>j", fn_position, WSL_UNIT_NONE, false},
    {"LOCATE", "ss>j", fn_position, WSL_UNIT_NONE, false},
    {"LOCATE", "ssi>j", fn_locate_from, WSL_UNIT_NONE, false},
    {"INSTR", "ss>j", fn_instr, WSL_UNIT_NONE, false},
    {"STARTS_WITH", "ss>b", fn_starts_with, WSL_UNIT_NONE, false},
    {"STARTSWITH", "ss>b", fn_starts_with, WSL_UNIT_NONE, false},
    {"ENDS_WITH", "ss>b", fn_ends_with, WSL_UNIT_NONE, false},
    {"ENDSWITH", "ss>b", fn_ends_with, WSL_UNIT_NONE, false},
    {"CONTAINS", "ss>b", fn_contains, WSL_UNIT_NONE, false},
    {"REPLACE", "sss>s", fn_replace, WSL_UNIT_NONE, false},
    {"REVERSE", "s>s", fn_reverse, WSL_UNIT_NONE, false},
    {"REPEAT", "si>s", fn_repeat, WSL_UNIT_NONE, false},
    {"LPAD", "sis>s", fn_lpad, WSL_UNIT_NONE, false},
    {"RPAD", "sis>s", fn_rpad, WSL_UNIT_NONE, false},
    {"CONCAT", "x*>s", wsl_call_concat, WSL_UNIT_NONE, false},
    {"CONCAT_WS", "sx*>s", fn_concat_ws, WSL_UNIT_NONE, true},
    {"SPLIT_INDEX", "ssi>s", fn_split_index, WSL_UNIT_NONE, false},
    {"ASCII", "s>j", fn_ascii, WSL_UNIT_NONE, false},
    {0},
};
/* clang-format on */
