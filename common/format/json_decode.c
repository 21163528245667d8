/*
 * json_decode.c - a recursive descent over one line that writes the row as it reads.
 *
 * The line ends with '\n', which no JSON token contains, so loops over the text stop by themselves and nobody looks for
 * the line end first; `limit` (the end of readable memory) only guards loads of 8 to 32 bytes. Parsers take the position
 * and return the one behind what they read, or NULL with the reason in format->reason (or in->no_room set: the memory
 * for the row was too small).
 *
 * object() is the loop that usual lines stay in: the key that was expected, a value of the usual kind, both with a few
 * wide loads, as long as WIDE bytes can be read. Everything else (other keys, null, quoted numbers, exact conversions,
 * escapes, shaped values, the last bytes of a block) goes to functions that take any text; they are also what decides
 * that something is wrong. Arrays and maps are counted first, because a row wants their length before
 * their elements; counting checks their syntax.
 */
#include "format/json_decode.h"

#include "format/put_string.h"
#include "format/text_number.h"
#include "format/text_scan.h"
#include "format/text_value.h"
#include "format/utf8.h"

enum { DEPTH_MAX = 64 }; /* nesting of a value that is skipped or kept as text */

typedef struct json_in {
    wsl_json_format *json;
    const char *line;
    const char *limit;
    bool no_room;
} json_in;

static const char *value(json_in *in, const wsl_json_type *t, const char *p, wsl_dest dest, const char *name);

static inline const char *blanks(const char *p)
{
    while (*p == ' ' || *p == '\t' || *p == '\r') {
        p++;
    }
    return p;
}

static const char *unexpected(json_in *in, const char *p, const char *wanted)
{
    char quote[64];
    wsl_format *f = &in->json->format;
    const size_t at = (size_t)(p - in->line);
    if (*p == '\n') {
        return wsl_format_reason(f, "expected %s at byte %zu, but the line ends", wanted, at);
    }
    size_t shown = 0;
    while (shown < 12 && p[shown] != '\n') {
        shown++;
    }
    return wsl_format_reason(f, "expected %s at byte %zu, found %s", wanted, at, wsl_format_quote(p, shown, quote));
}

static const char *full(json_in *in)
{
    in->no_room = true;
    return NULL;
}

/* ---- strings ---- */

static int hex4(const char *p)
{
    int v = 0;
    for (int i = 0; i < 4; i++) {
        const char c = p[i];
        int digit;
        if (wsl_is_digit(c)) {
            digit = c - '0';
        } else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f') {
            digit = (c | 0x20) - 'a' + 10;
        } else {
            return -1;
        }
        v = v << 4 | digit;
    }
    return v;
}

/* p is behind "\u". Appends the character; a surrogate must be followed by its other half. */
static const char *unicode_escape(json_in *in, const char *p)
{
    char text[4];
    int c = hex4(p);
    if (c < 0) {
        return unexpected(in, p, "four hex digits");
    }
    p += 4;
    if (c >= 0xD800 && c < 0xE000) {
        const int low = c < 0xDC00 && p[0] == '\\' && p[1] == 'u' ? hex4(p + 2) : -1;
        if (low < 0xDC00 || low > 0xDFFF) {
            return wsl_format_reason(&in->json->format, "half a surrogate pair at byte %zu",
                                     (size_t)(p - 6 - in->line));
        }
        c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
        p += 6;
    }
    wsl_strbuf_add(&in->json->format.unescaped, text, wsl_utf8_put(text, (uint32_t)c));
    return p;
}

/* p is at a backslash. */
static const char *escape(json_in *in, const char *p)
{
    static const char plain[128] = {
        ['"'] = '"', ['\\'] = '\\', ['/'] = '/', ['b'] = '\b', ['f'] = '\f', ['n'] = '\n', ['r'] = '\r', ['t'] = '\t'};
    const unsigned char c = (unsigned char)p[1];
    if (c == 'u') {
        return unicode_escape(in, p + 2);
    }
    if (c >= 128 || plain[c] == 0) {
        return unexpected(in, p + 1, "an escape character");
    }
    wsl_strbuf_putc(&in->json->format.unescaped, plain[c]);
    return p + 2;
}

static const char *not_utf8(json_in *in, const char *start)
{
    return wsl_format_reason(&in->json->format, "the string at byte %zu is not UTF-8", (size_t)(start - 1 - in->line));
}

/* A string whose first backslash is at p. */
static const char *string_with_escapes(json_in *in, const char *start, const char *p, wsl_str *out)
{
    wsl_strbuf *s = &in->json->format.unescaped;
    wsl_strbuf_clear(s);
    const char *from = start;
    for (;;) {
        wsl_strbuf_add(s, from, (size_t)(p - from));
        if (*p == '"') {
            break;
        }
        if (*p == '\\') {
            p = escape(in, p);
            if (p == NULL) {
                return NULL;
            }
        } else if ((signed char)*p >= 0) {
            return unexpected(in, p, "a character of a string (control characters are escaped)");
        }
        from = p;
        while ((signed char)*p < 0) {
            p++;
        }
        p = wsl_scan_string(p, in->limit);
    }
    if (!wsl_utf8_valid(s->data, s->size)) {
        return not_utf8(in, start);
    }
    *out = (wsl_str){s->data, (uint32_t)s->size};
    return p + 1;
}

/* p: the first byte of the string at `start` that is not a plain character. */
static const char *string_slow(json_in *in, const char *start, const char *p, wsl_str *out)
{
    while (*p != '"') {
        if (*p == '\\') {
            return string_with_escapes(in, start, p, out);
        }
        if ((signed char)*p >= 0) {
            return unexpected(in, p, "a character of a string (control characters are escaped)");
        }
        while ((signed char)*p < 0) {
            p++;
        }
        p = wsl_scan_string(p, in->limit);
    }
    if (!wsl_utf8_valid(start, (size_t)(p - start))) {
        return not_utf8(in, start);
    }
    *out = (wsl_str){start, (uint32_t)(p - start)};
    return p + 1;
}

/* `start` is behind the opening quote. The text is valid until the next string is read. */
static inline const char *string(json_in *in, const char *start, wsl_str *out)
{
    const char *p = wsl_scan_string(start, in->limit);
    if (WSL_LIKELY(*p == '"')) {
        *out = (wsl_str){start, (uint32_t)(p - start)};
        return p + 1;
    }
    return string_slow(in, start, p, out);
}

/* ---- values that are only passed over ---- */

static const char *skip(json_in *in, const char *p, int depth);

static const char *literal(json_in *in, const char *p, const char *word)
{
    const char *at = p;
    while (*word != '\0') {
        if (*p++ != *word++) {
            return unexpected(in, at, "a value");
        }
    }
    return p;
}

/* Array or object from its first bracket; *out_n counts elements or pairs. */
static const char *skip_many(json_in *in, const char *p, int depth, uint32_t *out_n)
{
    const char close = *p == '[' ? ']' : '}';
    *out_n = 0;
    if (depth > DEPTH_MAX) {
        return wsl_format_reason(&in->json->format, "nested deeper than %d at byte %zu", DEPTH_MAX,
                                 (size_t)(p - in->line));
    }
    p = blanks(p + 1);
    if (*p == close) {
        return p + 1;
    }
    for (;; p = blanks(p + 1)) {
        wsl_str key;
        if (close == '}') {
            if (*p != '"') {
                return unexpected(in, p, "a key in quotes");
            }
            p = string(in, p + 1, &key);
            if (p == NULL || *(p = blanks(p)) != ':') {
                return p == NULL ? NULL : unexpected(in, p, "':'");
            }
            p = blanks(p + 1);
        }
        p = skip(in, p, depth);
        if (p == NULL) {
            return NULL;
        }
        (*out_n)++;
        p = blanks(p);
        if (*p == close) {
            return p + 1;
        }
        if (*p != ',') {
            return unexpected(in, p, close == ']' ? "',' or ']'" : "',' or '}'");
        }
    }
}

static const char *skip(json_in *in, const char *p, int depth)
{
    wsl_str text;
    uint32_t n;
    switch (*p) {
    case '"':
        return string(in, p + 1, &text);
    case '{':
    case '[':
        return skip_many(in, p, depth + 1, &n);
    case 't':
        return literal(in, p, "true");
    case 'f':
        return literal(in, p, "false");
    case 'n':
        return literal(in, p, "null");
    default:
        break;
    }
    const char *end = wsl_json_number_end(p);
    return end != NULL ? end : unexpected(in, p, "a value");
}

/* ---- values of fields ---- */

static const char *mismatch(json_in *in, const wsl_type *type, const char *name, const char *text, size_t size)
{
    char quote[64], expected[96];
    (void)wsl_type_text(type, expected, sizeof expected);
    return wsl_format_reason(&in->json->format, "field '%s' expects %s, found %s", name, expected,
                             wsl_format_quote(text, size, quote));
}

/* A scalar, by its text; for a STRING also an array or object, kept as JSON. */
static const char *flat(json_in *in, const wsl_type *type, const char *p, wsl_dest dest, const char *name)
{
    const char *const start = p;
    wsl_str text;
    if (*p == '"') {
        p = string(in, p + 1, &text);
    } else {
        p = skip(in, p, 0);
        text = (wsl_str){start, (uint32_t)(p - start)};
    }
    if (p == NULL) {
        return NULL;
    }
    const bool shaped = *start == '{' || *start == '[';
    const bool wrong = *start != '"' && (type->id == WSL_T_BYTES || (shaped && type->id != WSL_T_STRING));
    const wsl_status s =
        wrong ? WSL_FORMAT : wsl_text_to_value(type, text.data, text.size, dest, &in->json->format.bytes);
    if (s == WSL_NO_RESOURCE) {
        return full(in);
    }
    return s == WSL_OK ? p : mismatch(in, type, name, start, (size_t)(p - start));
}

static const char *array(json_in *in, const wsl_json_type *t, const char *p, wsl_dest dest, const char *name)
{
    uint32_t n;
    const char *end = skip_many(in, p, 1, &n);
    if (end == NULL) {
        return NULL;
    }
    wsl_array_writer a = dest.row != NULL ? wsl_row_begin_array(dest.row, n) : wsl_array_begin_array(dest.array, n);
    if (a.overflow) {
        return full(in);
    }
    for (uint32_t i = 0; i < n; i++) {
        p = value(in, t->element, blanks(p + 1), (wsl_dest){NULL, &a, i}, name);
        if (p == NULL) {
            return NULL;
        }
        p = blanks(p); /* at the ',' or ']' that skip_many saw */
    }
    if (dest.row != NULL) {
        wsl_row_end_array(dest.row, dest.i, &a);
    } else {
        wsl_array_end_array(dest.array, dest.i, &a);
    }
    return end;
}

static bool same_key(wsl_array keys, const wsl_type *type, uint32_t i, uint32_t j)
{
    return wsl_type_is_fixed(type) ? wsl_array_slot(keys, i) == wsl_array_slot(keys, j)
                                   : wsl_str_equal(wsl_array_str(keys, i), wsl_array_str(keys, j));
}

static uint32_t hash_key(wsl_array keys, const wsl_type *type, uint32_t i)
{
    const uint64_t slot = wsl_array_slot(keys, i);
    const wsl_str text = wsl_type_is_fixed(type) ? (wsl_str){(const char *)&slot, sizeof slot} : wsl_array_str(keys, i);
    uint64_t h = 14695981039346656037u;
    for (uint32_t k = 0; k < text.size; k++) {
        h = (h ^ (unsigned char)text.data[k]) * 1099511628211u;
    }
    return (uint32_t)(h ^ h >> 32);
}

/* Is a key there twice? Through a table of key numbers in the scratch for bytes. */
static bool has_twins(wsl_array keys, const wsl_type *type, wsl_strbuf *scratch)
{
    uint32_t mask = 7;
    while (mask < 2 * (uint64_t)keys.n && mask < UINT32_MAX / 8) {
        mask = mask * 2 + 1;
    }
    wsl_strbuf_clear(scratch);
    wsl_strbuf_reserve(scratch, ((size_t)mask + 1) * sizeof(uint32_t));
    uint32_t *table = (uint32_t *)(void *)scratch->data;
    memset(table, 0xFF, ((size_t)mask + 1) * sizeof *table);
    bool twins = false;
    for (uint32_t i = 0; i < keys.n && !twins; i++) {
        uint32_t at = hash_key(keys, type, i) & mask;
        while (table[at] != UINT32_MAX && !twins) {
            twins = same_key(keys, type, table[at], i);
            at = (at + 1) & mask;
        }
        table[at] = i;
    }
    scratch->data[0] = '\0';
    return twins;
}

/* From the first key to the last, or from the first value to the last. */
static const char *map_side(json_in *in, const wsl_json_type *t, const char *p, uint32_t n, wsl_map_writer *m,
                            bool keys, const char *name)
{
    for (uint32_t i = 0; i < n; i++) {
        wsl_str text;
        p = blanks(p + 1);
        const char *start = p;
        p = string(in, p + 1, &text);
        if (keys) {
            const wsl_dest dest = {NULL, &m->keys, i};
            const wsl_status s = wsl_text_to_value(t->type->key, text.data, text.size, dest, &in->json->format.bytes);
            if (s != WSL_OK) {
                return s == WSL_NO_RESOURCE ? full(in) : mismatch(in, t->type->key, name, start, (size_t)(p - start));
            }
        }
        p = blanks(blanks(p) + 1);
        p = keys ? skip(in, p, 0) : value(in, t->element, p, (wsl_dest){NULL, &m->values, i}, name);
        if (p == NULL) {
            return NULL;
        }
        p = blanks(p);
    }
    return p;
}

static const char *map(json_in *in, const wsl_json_type *t, const char *p, wsl_dest dest, const char *name)
{
    uint32_t n;
    const char *end = skip_many(in, p, 1, &n);
    if (end == NULL) {
        return NULL;
    }
    wsl_map_writer m = dest.row != NULL ? wsl_row_begin_map(dest.row, n) : wsl_array_begin_map(dest.array, n);
    if (m.keys.overflow) {
        return full(in);
    }
    if (map_side(in, t, p, n, &m, true, name) == NULL) {
        return NULL;
    }
    if (has_twins((wsl_array){m.keys.base, n}, t->type->key, &in->json->format.bytes)) {
        return wsl_format_reason(&in->json->format, "the map in field '%s' has a key twice", name);
    }
    wsl_map_begin_values(&m);
    if (m.values.overflow) {
        return full(in);
    }
    if (map_side(in, t, p, n, &m, false, name) == NULL) {
        return NULL;
    }
    if (dest.row != NULL) {
        wsl_row_end_map(dest.row, dest.i, &m);
    } else {
        wsl_array_end_map(dest.array, dest.i, &m);
    }
    return end;
}

static const char *object(json_in *in, wsl_json_plan *plan, const char *p, wsl_row_writer *w);

static const char *nested(json_in *in, const wsl_json_type *t, const char *p, wsl_dest dest)
{
    const uint32_t n = t->row->schema->n_fields;
    wsl_row_writer w = dest.row != NULL ? wsl_row_begin_row(dest.row, n) : wsl_array_begin_row(dest.array, n);
    if (w.overflow) {
        return full(in);
    }
    p = object(in, t->row, p, &w);
    if (p != NULL && dest.row != NULL) {
        wsl_row_end_row(dest.row, dest.i, &w);
    } else if (p != NULL) {
        wsl_array_end_row(dest.array, dest.i, &w);
    }
    return p;
}

/* Any value of any type; p is at its first byte. */
static const char *value(json_in *in, const wsl_json_type *t, const char *p, wsl_dest dest, const char *name)
{
    const wsl_type *type = t->type;
    if (*p == 'n') {
        p = literal(in, p, "null");
        return p != NULL && type->not_null ? wsl_format_reason(&in->json->format, "field '%s' is NOT NULL", name) : p;
    }
    if (type->id == WSL_T_ARRAY && *p == '[') {
        return array(in, t, p, dest, name);
    }
    if (type->id == WSL_T_MAP && *p == '{') {
        return map(in, t, p, dest, name);
    }
    if (type->id == WSL_T_ROW && *p == '{') {
        return nested(in, t, p, dest);
    }
    return flat(in, type, p, dest, name);
}

/* The value of field i; p is at its first byte. */
static const char *field_value(json_in *in, const wsl_json_plan *plan, uint32_t i, const char *p, wsl_row_writer *w)
{
    const char *const limit = in->limit;
    const wsl_type *type = plan->types[i].type;
    const char *end;
    int64_t v;
    double d;
    switch (type->id) {
    case WSL_T_INT64:
    case WSL_T_TIMESTAMP:
        end = wsl_scan_int64(p, limit, &v);
        if (WSL_LIKELY(end != NULL)) {
            wsl_row_set_int64(w, i, v);
            return end;
        }
        break;
    case WSL_T_INT8:
    case WSL_T_INT16:
    case WSL_T_INT32:
        end = wsl_scan_int64(p, limit, &v);
        if (WSL_LIKELY(end != NULL && wsl_int_fits(type->id, v))) {
            wsl_row_set_int64(w, i, v);
            return end;
        }
        break;
    case WSL_T_DOUBLE:
        end = wsl_scan_double(p, limit, &d);
        if (WSL_LIKELY(end != NULL)) {
            wsl_row_set_double(w, i, d);
            return end;
        }
        break;
    case WSL_T_STRING:
        if (WSL_LIKELY(*p == '"')) {
            end = wsl_scan_string(p + 1, limit);
            if (WSL_LIKELY(*end == '"')) {
                wsl_put_string(limit, w, i, p + 1, (size_t)(end - p - 1));
                return WSL_LIKELY(!w->overflow) ? end + 1 : full(in);
            }
        }
        break;
    default:
        break;
    }
    return value(in, &plan->types[i], p, (wsl_dest){w, NULL, i}, plan->schema->fields[i].name);
}

/* ---- keys ---- */

/* What object() may load after one check: a token and the first bytes of a value. */
enum { VALUE_WIDE = WSL_NUMBER_WIDE, WIDE = WSL_JSON_TOKEN + VALUE_WIDE };

/* The last position with WIDE bytes behind it, in memory that is readable from p to limit; before p if there is none. */
static inline const char *last_wide(const char *p, const char *limit)
{
    return limit - p >= WIDE ? limit - WIDE : NULL;
}

/* p is at the byte before the key, with WSL_JSON_TOKEN bytes to read. */
static inline bool key_is_at(const wsl_json_key *key, const char *p)
{
#if defined(__AVX2__)
    const __m256i same = _mm256_cmpeq_epi8(_mm256_loadu_si256((const __m256i *)(const void *)p),
                                           _mm256_loadu_si256((const __m256i *)(const void *)key->token));
    return (~(uint32_t)_mm256_movemask_epi8(same) & key->mask) == 0;
#elif defined(__SSE2__)
    const __m128i *text = (const __m128i *)(const void *)p;
    const __m128i *token = (const __m128i *)(const void *)key->token;
    const __m128i low = _mm_cmpeq_epi8(_mm_loadu_si128(text), _mm_loadu_si128(token));
    const __m128i high = _mm_cmpeq_epi8(_mm_loadu_si128(text + 1), _mm_loadu_si128(token + 1));
    const uint32_t same = (uint32_t)_mm_movemask_epi8(low) | (uint32_t)_mm_movemask_epi8(high) << 16;
    return (~same & key->mask) == 0;
#else
    return key->mask != 1 && memcmp(p + 1, key->token + 1, key->size - 1) == 0;
#endif
}

/* A key by its name; q is where its quote should be, behind the byte at p and blanks. Returns where the value is. */
static const char *key_by_name(json_in *in, wsl_json_plan *plan, uint32_t position, const char *p, const char *q,
                               wsl_json_key *out)
{
    wsl_str name;
    if (*q != '"') {
        return unexpected(in, q, "a key in quotes");
    }
    q = string(in, q + 1, &name);
    if (q == NULL) {
        return NULL;
    }
    const int32_t field = wsl_json_plan_find(plan, name.data, name.size);
    if (field < 0 && !in->json->ignore_unknown) {
        char quote[64];
        return wsl_format_reason(&in->json->format, "there is no field %s",
                                 wsl_format_quote(name.data, name.size, quote));
    }
    q = blanks(q);
    if (*q != ':') {
        return unexpected(in, q, "':'");
    }
    q = blanks(q + 1);
    *out = wsl_json_plan_key(plan, field);
    wsl_json_plan_learn(plan, position, p, (size_t)(q - p), out);
    return q;
}

/* Another key than the expected one. */
static const char *other_key(json_in *in, wsl_json_plan *plan, const wsl_json_key **next, const char *p, const char *q,
                             wsl_json_key *out)
{
    const uint32_t at = (uint32_t)(*next - plan->order);
    const uint32_t n = in->limit - p >= WSL_JSON_TOKEN ? plan->n_order : 0;
    for (uint32_t i = at; i < n && i <= at + WSL_JSON_LOOK_AHEAD; i++) {
        if (key_is_at(&plan->order[i], p)) {
            *out = plan->order[i];
            *next = &plan->order[i + 1];
            return p + out->size;
        }
    }
    *next += at < plan->n_order;
    return key_by_name(in, plan, at, p, q, out);
}

/* ---- objects ---- */

static const char *twice(json_in *in, const wsl_json_plan *plan, int32_t field)
{
    return wsl_format_reason(&in->json->format, "field '%s' is there twice", plan->schema->fields[field].name);
}

/* Any value; p is at its first byte or at blanks before it. `late`: which fields behind the first 64 were there. */
static const char *any_value(json_in *in, const wsl_json_plan *plan, const wsl_json_key *key, const char *p,
                             wsl_row_writer *w, uint64_t *late)
{
    p = blanks(p);
    if (key->use == WSL_JSON_SKIP) {
        return skip(in, p, 0);
    }
    const uint32_t i = (uint32_t)key->field;
    if (key->use == WSL_JSON_LATE) {
        const uint64_t bit = (uint64_t)1 << (i % 64);
        if (late[i / 64] & bit) {
            return twice(in, plan, key->field);
        }
        late[i / 64] |= bit;
    }
    return field_value(in, plan, i, p, w);
}

/* A string of at most 15 plain bytes at the quote p, into the row at *at with 16 bytes of room. NULL: it is another. */
static inline const char *short_string(const char *p, wsl_row *row, uint32_t i, uint32_t *at)
{
#ifdef __SSE2__
    static const uint8_t keep[32] = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
                                     0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF};
    const __m128i v = _mm_loadu_si128((const __m128i *)(const void *)(p + 1));
    const uint32_t mask = wsl_string_stops(v);
    if (WSL_UNLIKELY(mask == 0)) {
        return NULL;
    }
    const uint32_t n = (uint32_t)__builtin_ctz(mask);
    if (WSL_UNLIKELY(p[1 + n] != '"')) {
        return NULL;
    }
    const __m128i kept = _mm_loadu_si128((const __m128i *)(const void *)(keep + 16 - n));
    _mm_storeu_si128((__m128i *)(void *)((uint8_t *)row + *at), _mm_and_si128(v, kept));
    row->slot[i] = (uint64_t)n << 32 | *at;
    *at += (n + 7) & ~7u;
    return p + n + 2;
#else
    (void)p;
    (void)row;
    (void)i;
    (void)at;
    return NULL;
#endif
}

static inline const char *truth(const char *p, uint64_t *out)
{
    if (memcmp(p, "true", 4) == 0) {
        *out = 1;
        return p + 4;
    }
    if (memcmp(p, "false", 5) == 0) {
        *out = 0;
        return p + 5;
    }
    return NULL;
}

/* A value of the usual kind for its field, VALUE_WIDE bytes to read. NULL: any_value knows. */
static inline const char *usual_value(const wsl_json_key *key, const char *p, const char *limit, wsl_row *row,
                                      uint32_t *at, uint32_t last_room)
{
    const uint32_t i = (uint32_t)key->field;
    const char *end = NULL;
    int64_t v;
    double d;
    switch (key->use) {
    case WSL_JSON_INT:
        end = wsl_scan_int64_wide(p, limit, &v);
        if (WSL_UNLIKELY(end == NULL || (int64_t)((uint64_t)v << key->spare_bits) >> key->spare_bits != v)) {
            return NULL;
        }
        row->slot[i] = (uint64_t)v;
        return end;
    case WSL_JSON_DOUBLE:
        end = wsl_scan_double_wide(p, limit, &d);
        if (WSL_UNLIKELY(end == NULL)) {
            return NULL;
        }
        memcpy(&row->slot[i], &d, sizeof d);
        return end;
    case WSL_JSON_STRING:
        return WSL_LIKELY(*p == '"' && *at <= last_room) ? short_string(p, row, i, at) : NULL;
    case WSL_JSON_BOOL:
        return truth(p, &row->slot[i]);
    case WSL_JSON_SKIP:
    case WSL_JSON_OTHER:
    case WSL_JSON_LATE:
        return NULL;
    }
    __builtin_unreachable();
}

static const char *missing(json_in *in, const wsl_json_plan *plan, const wsl_row_writer *w)
{
    for (uint32_t i = 0; i < plan->schema->n_fields; i++) {
        const wsl_field *field = &plan->schema->fields[i];
        if (field->type.not_null && wsl_row_is_null(w->row, i, plan->schema->n_fields)) {
            return wsl_format_reason(&in->json->format, "field '%s' is NOT NULL and missing", field->name);
        }
    }
    return "";
}

/* p is at '{'. */
static const char *object(json_in *in, wsl_json_plan *plan, const char *p, wsl_row_writer *w)
{
    uint64_t late[WSL_FIELDS_MAX / 64];
    if (WSL_UNLIKELY(plan->schema->n_fields > 64)) {
        memset(late, 0, sizeof late);
    }
    wsl_row *const row = w->row;
    const char *const limit = in->limit;
    const char *const wide = last_wide(p, limit);
    const uint32_t last_room = w->capacity - 16; /* the row has its header, so capacity is more than that */
    uint64_t seen = 0, odd = 0;                  /* fields 0..63: their key was there; any_value wrote them */
    uint32_t at = row->size;                     /* row->size is behind while we write ourselves */
    const wsl_json_key *next = plan->order;      /* the key that is expected */
    for (;;) {
        wsl_json_key other;
        const wsl_json_key *key = next;
        const char *end;
        if (WSL_LIKELY(p <= wide && key_is_at(key, p))) {
            p += key->size;
            next++;
            end = usual_value(key, p, limit, row, &at, last_room);
        } else {
            const char *q = blanks(p + 1);
            if (*q == '}' && *p == '{') {
                p = q;
                break;
            }
            p = other_key(in, plan, &next, p, q, &other);
            if (WSL_UNLIKELY(p == NULL)) {
                return NULL;
            }
            key = &other;
            end = NULL;
        }
        const uint64_t bit = key->bit;
        if (WSL_UNLIKELY((seen & bit) != 0)) {
            return twice(in, plan, key->field);
        }
        seen |= bit;
        if (WSL_LIKELY(end != NULL)) {
            p = end;
        } else {
            odd |= bit;
            row->size = at;
            p = any_value(in, plan, key, p, w, late);
            if (WSL_UNLIKELY(p == NULL)) {
                return NULL;
            }
            at = row->size;
        }
        if (WSL_LIKELY(*p == ',')) {
            continue;
        }
        p = *p == '}' ? p : blanks(p);
        if (*p == '}') {
            break;
        }
        if (WSL_UNLIKELY(*p != ',')) {
            return unexpected(in, p, "',' or '}'");
        }
    }
    const uint64_t given = seen & ~odd;
    row->size = at;
    row->nulls &= ~(uint32_t)given;
    if (WSL_UNLIKELY(plan->schema->n_fields > 32)) {
        row->slot[plan->schema->n_fields] &= ~(given >> 32);
    }
    if (WSL_UNLIKELY((row->nulls & plan->first_not_null) != 0 || plan->late_not_null)) {
        if (missing(in, plan, w) == NULL) {
            return NULL;
        }
    }
    return p + 1;
}

/* ---- lines ---- */

/* A row with all fields null. */
static inline bool begin_row(const wsl_json_plan *plan, wsl_row_writer *w, void *memory, uint32_t capacity)
{
    if (WSL_UNLIKELY(capacity < plan->blank_size)) {
        return wsl_row_writer_init(w, memory, capacity, plan->schema->n_fields);
    }
    *w = (wsl_row_writer){(wsl_row *)memory, plan->schema->n_fields, capacity, false};
    for (uint32_t i = 0; i < plan->blank_size; i += WSL_JSON_BLANK_STEP) {
        memcpy((uint8_t *)memory + i, (const uint8_t *)plan->blank + i, WSL_JSON_BLANK_STEP);
    }
    return true;
}

/* Where the line ends when it was not read to its end. `whole`: the size of a last line without line end, else 0. */
static size_t line_size(const char *line, const char *limit, size_t whole)
{
    const char *end = whole == 0 ? (const char *)memchr(line, '\n', (size_t)(limit - line)) : line + whole;
    return end != NULL ? (size_t)(end - line) : (size_t)(limit - line);
}

/* The line gave no row: it was too long, is bad, or needs more memory. */
static wsl_status no_row(json_in *in, size_t size, bool no_memory, uint32_t capacity, wsl_decoded *out)
{
    wsl_format *f = &in->json->format;
    if (size > f->max_line) {
        return wsl_format_too_long(f, out);
    }
    if (no_memory || in->no_room) {
        return wsl_format_no_room(f, size, capacity, in->json->plan->all_flat, out);
    }
    out->reason = f->reason;
    return WSL_OK;
}

wsl_status wsl_json_decode(wsl_format *f, const char *data, size_t size, bool last, void *memory, uint32_t capacity,
                           wsl_decoded *out)
{
    wsl_json_format *json = (wsl_json_format *)f;
    json_in in = {.json = json, .line = data, .limit = data + size};
    size_t whole = 0; /* the size of a last line without line end */
    if (WSL_UNLIKELY(f->seen != 0 || !wsl_format_has_line_end(f, data, size))) {
        const char *end = NULL;
        WSL_TRY(wsl_format_line(f, data, size, last, out, &in.line, &end, &in.limit));
        if (out->reason != NULL) {
            return WSL_OK;
        }
        whole = in.line != data ? size : 0;
    }
    const char *const line = in.line;
    const char *p = WSL_LIKELY(*line == '{') ? line : blanks(line);
    wsl_row_writer w = {.row = NULL};
    bool blank = false, no_memory = false;
    if (WSL_UNLIKELY(*p != '{')) {
        blank = *p == '\n';
        p = blank ? p : unexpected(&in, p, "an object");
    } else if (WSL_LIKELY(begin_row(json->plan, &w, memory, capacity))) {
        p = object(&in, json->plan, p, &w);
        if (WSL_LIKELY(p != NULL) && WSL_UNLIKELY(*p != '\n')) {
            p = blanks(p);
            p = *p == '\n' ? p : unexpected(&in, p, "nothing behind the object");
        }
    } else {
        no_memory = true;
        p = NULL;
    }
    const size_t n = WSL_LIKELY(p != NULL) ? (size_t)(p - line) : line_size(line, in.limit, whole);
    out->consumed = whole != 0 ? size : n + 1;
    if (WSL_UNLIKELY(p == NULL || n > f->max_line)) {
        return no_row(&in, n, no_memory, capacity, out);
    }
    out->row = blank ? NULL : w.row;
    return WSL_OK;
}
