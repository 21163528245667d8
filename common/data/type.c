/*
 * type.c - types as text and back.
 *
 * The printer is a small bounded appender, so wsl_type_text can be asked for the length first. The parser is recursive
 * descent over
 *
 *     type   := name [ '(' number [ ',' number ] ')' ] [ NOT NULL | NULL ]
 *             | ARRAY '<' type '>' | MAP '<' type ',' type '>' | ROW '<' field { ',' field } '>'
 *     field  := name type
 *
 * and stops at WSL_TYPE_DEPTH_MAX, so a hostile text cannot use up the stack. Nested parts are heap copies that belong
 * to the type they hang on; constants of WSL_ROW are never cleared.
 */
#include <wiesel/type.h>

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "data/type_internal.h"

/* ---- printing ---- */

typedef struct text_out {
    char *out;
    size_t size; /* bytes at out */
    size_t at;   /* length so far, may exceed size */
} text_out;

static void put(text_out *t, const char *text)
{
    for (; *text != '\0'; text++, t->at++) {
        if (t->at + 1 < t->size) {
            t->out[t->at] = *text;
        }
    }
}

static size_t finish(text_out *t)
{
    if (t->size > 0) {
        t->out[t->at < t->size ? t->at : t->size - 1] = '\0';
    }
    return t->at;
}

static const char *const type_names[] = {
    [WSL_T_BOOL] = "BOOL",           [WSL_T_INT8] = "INT8",   [WSL_T_INT16] = "INT16",   [WSL_T_INT32] = "INT32",
    [WSL_T_INT64] = "INT64",         [WSL_T_FLOAT] = "FLOAT", [WSL_T_DOUBLE] = "DOUBLE", [WSL_T_DECIMAL] = "DECIMAL",
    [WSL_T_STRING] = "STRING",       [WSL_T_BYTES] = "BYTES", [WSL_T_DATE] = "DATE",     [WSL_T_TIME] = "TIME",
    [WSL_T_TIMESTAMP] = "TIMESTAMP", [WSL_T_ARRAY] = "ARRAY", [WSL_T_MAP] = "MAP",       [WSL_T_ROW] = "ROW",
};

const char *wsl_type_name(wsl_type_id id)
{
    const size_t i = (size_t)id;
    return i < WSL_ARRAY_LEN(type_names) && type_names[i] != NULL ? type_names[i] : "UNKNOWN";
}

static bool is_plain_name(const char *name)
{
    if (!isalpha((unsigned char)name[0]) && name[0] != '_') {
        return false;
    }
    for (const char *p = name; *p != '\0'; p++) {
        if (!isalnum((unsigned char)*p) && *p != '_') {
            return false;
        }
    }
    return true;
}

static void put_name(text_out *t, const char *name)
{
    if (is_plain_name(name)) {
        put(t, name);
        return;
    }
    put(t, "`");
    for (const char *p = name; *p != '\0'; p++) {
        const char one[2] = {*p, '\0'};
        put(t, *p == '`' ? "``" : one);
    }
    put(t, "`");
}

static void put_type(text_out *t, const wsl_type *type);

static void put_fields(text_out *t, const wsl_schema *schema)
{
    for (uint32_t i = 0; i < schema->n_fields; i++) {
        put(t, i > 0 ? ", " : "");
        put_name(t, schema->fields[i].name);
        put(t, " ");
        put_type(t, &schema->fields[i].type);
    }
}

static void put_type(text_out *t, const wsl_type *type)
{
    put(t, wsl_type_name(type->id));
    switch (type->id) {
    case WSL_T_DECIMAL: {
        char digits[24];
        (void)snprintf(digits, sizeof digits, "(%u,%u)", type->precision, type->scale);
        put(t, digits);
        break;
    }
    case WSL_T_ARRAY:
        put(t, "<");
        put_type(t, type->element);
        put(t, ">");
        break;
    case WSL_T_MAP:
        put(t, "<");
        put_type(t, type->key);
        put(t, ", ");
        put_type(t, type->element);
        put(t, ">");
        break;
    case WSL_T_ROW:
        put(t, "<");
        put_fields(t, type->row);
        put(t, ">");
        break;
    default:
        break;
    }
    if (type->not_null) {
        put(t, " NOT NULL");
    }
}

size_t wsl_type_text(const wsl_type *type, char *out, size_t out_size)
{
    text_out t = {out, out_size, 0};
    put_type(&t, type);
    return finish(&t);
}

size_t wsl_schema_text(const wsl_schema *schema, char *out, size_t out_size)
{
    text_out t = {out, out_size, 0};
    put_fields(&t, schema);
    return finish(&t);
}

/* ---- copying, clearing, comparing ---- */

wsl_type wsl_type_copy(const wsl_type *type)
{
    wsl_type copy = *type;
    if (type->element != NULL) {
        const wsl_type element = wsl_type_copy(type->element);
        copy.element = wsl_memdup(&element, sizeof element);
    }
    if (type->key != NULL) {
        const wsl_type key = wsl_type_copy(type->key);
        copy.key = wsl_memdup(&key, sizeof key);
    }
    if (type->row != NULL) {
        copy.row = wsl_schema_copy(type->row);
    }
    return copy;
}

static void clear_part(const wsl_type *part)
{
    wsl_type *mine = (wsl_type *)(uintptr_t)part; /* made by us, on the heap */
    if (mine != NULL) {
        wsl_type_clear(mine);
        free(mine);
    }
}

void wsl_type_clear(wsl_type *type)
{
    clear_part(type->element);
    clear_part(type->key);
    wsl_schema_free((wsl_schema *)(uintptr_t)type->row);
    *type = (wsl_type){0};
}

bool wsl_type_equal(const wsl_type *a, const wsl_type *b)
{
    if (a->id != b->id || a->not_null != b->not_null) {
        return false;
    }
    switch (a->id) {
    case WSL_T_DECIMAL:
        return a->precision == b->precision && a->scale == b->scale;
    case WSL_T_ARRAY:
        return wsl_type_equal(a->element, b->element);
    case WSL_T_MAP:
        return wsl_type_equal(a->key, b->key) && wsl_type_equal(a->element, b->element);
    case WSL_T_ROW:
        return wsl_schema_equal(a->row, b->row);
    default:
        return true;
    }
}

bool wsl_type_is_fixed(const wsl_type *type)
{
    switch (type->id) {
    case WSL_T_STRING:
    case WSL_T_BYTES:
    case WSL_T_ARRAY:
    case WSL_T_MAP:
    case WSL_T_ROW:
        return false;
    case WSL_T_DECIMAL:
        return type->precision <= WSL_DECIMAL_SLOT_PRECISION_MAX;
    default:
        return true;
    }
}

/* ---- parsing ---- */

typedef struct type_parser {
    const char *text;
    const char *at;
    wsl_error *err;
} type_parser;

static void skip_space(type_parser *p)
{
    while (isspace((unsigned char)*p->at)) {
        p->at++;
    }
}

static wsl_status fail_at(const type_parser *p, const char *at, const char *what)
{
    return wsl_fail(p->err, WSL_FORMAT, "type \"%.200s\": %s at column %zu", p->text, what, (size_t)(at - p->text) + 1);
}

static bool take_char(type_parser *p, char c)
{
    skip_space(p);
    if (*p->at != c) {
        return false;
    }
    p->at++;
    return true;
}

static size_t word_size(const char *at)
{
    size_t n = 0;
    while (isalnum((unsigned char)at[n]) || at[n] == '_') {
        n++;
    }
    return n;
}

static bool take_word(type_parser *p, const char *word)
{
    skip_space(p);
    const size_t n = word_size(p->at);
    if (n != strlen(word) || strncasecmp(p->at, word, n) != 0) {
        return false;
    }
    p->at += n;
    return true;
}

static wsl_status take_name(type_parser *p, char *out)
{
    skip_space(p);
    size_t n = 0;
    const char *start = p->at;
    if (*p->at == '`' || *p->at == '"') {
        const char quote = *p->at++;
        for (;; p->at++) {
            if (*p->at == '\0') {
                return fail_at(p, start, "a quoted name does not end");
            }
            if (*p->at == quote) {
                p->at++;
                if (*p->at != quote) {
                    break;
                }
            }
            if (n >= WSL_FIELD_NAME_MAX) {
                return fail_at(p, start, "the name is longer than 255 bytes");
            }
            out[n++] = *p->at;
        }
    } else {
        n = word_size(p->at);
        if (n > WSL_FIELD_NAME_MAX) {
            return fail_at(p, start, "the name is longer than 255 bytes");
        }
        memcpy(out, p->at, n);
        p->at += n;
    }
    out[n] = '\0';
    return n > 0 ? WSL_OK : fail_at(p, start, "a field name is expected");
}

static wsl_status take_number(type_parser *p, uint32_t max, uint32_t *out)
{
    skip_space(p);
    const char *start = p->at;
    uint32_t v = 0;
    while (isdigit((unsigned char)*p->at)) {
        v = v * 10 + (uint32_t)(*p->at++ - '0');
        if (v > max) {
            return fail_at(p, start, "the number is too large");
        }
    }
    *out = v;
    return p->at > start ? WSL_OK : fail_at(p, start, "a number is expected");
}

/* clang-format off */
static const struct known_type {
    const char *word;
    wsl_type_id id;
} known_types[] = {
    {"BOOL", WSL_T_BOOL},     {"BOOLEAN", WSL_T_BOOL},
    {"INT8", WSL_T_INT8},     {"TINYINT", WSL_T_INT8},
    {"INT16", WSL_T_INT16},   {"SMALLINT", WSL_T_INT16},
    {"INT32", WSL_T_INT32},   {"INT", WSL_T_INT32},         {"INTEGER", WSL_T_INT32},
    {"INT64", WSL_T_INT64},   {"BIGINT", WSL_T_INT64},
    {"FLOAT", WSL_T_FLOAT},   {"REAL", WSL_T_FLOAT},
    {"DOUBLE", WSL_T_DOUBLE},
    {"DECIMAL", WSL_T_DECIMAL}, {"DEC", WSL_T_DECIMAL},     {"NUMERIC", WSL_T_DECIMAL},
    {"STRING", WSL_T_STRING}, {"VARCHAR", WSL_T_STRING},    {"CHAR", WSL_T_STRING},
    {"BYTES", WSL_T_BYTES},   {"VARBINARY", WSL_T_BYTES},   {"BINARY", WSL_T_BYTES},
    {"DATE", WSL_T_DATE},     {"TIME", WSL_T_TIME},
    {"TIMESTAMP", WSL_T_TIMESTAMP}, {"TIMESTAMP_LTZ", WSL_T_TIMESTAMP},
    {"ARRAY", WSL_T_ARRAY},   {"MAP", WSL_T_MAP},           {"ROW", WSL_T_ROW},
};
/* clang-format on */

static wsl_status parse_type(type_parser *p, uint32_t depth, wsl_type *out);

static wsl_status take_known_type(type_parser *p, wsl_type_id *out_id)
{
    skip_space(p);
    const size_t n = word_size(p->at);
    for (size_t i = 0; n > 0 && i < WSL_ARRAY_LEN(known_types); i++) {
        if (strlen(known_types[i].word) == n && strncasecmp(known_types[i].word, p->at, n) == 0) {
            p->at += n;
            *out_id = known_types[i].id;
            return WSL_OK;
        }
    }
    return wsl_fail(
        p->err, WSL_FORMAT,
        "type \"%.200s\": \"%.*s\" at column %zu is not a type; known are BOOL, INT8, INT16, INT32, INT64, FLOAT, "
        "DOUBLE, DECIMAL(p,s), STRING, BYTES, DATE, TIME, TIMESTAMP, ARRAY<t>, MAP<k, v>, ROW<name t, ...>",
        p->text, (int)(n < 40 ? n : 40), p->at, (size_t)(p->at - p->text) + 1);
}

static wsl_status parse_part(type_parser *p, uint32_t depth, const wsl_type **out_part)
{
    wsl_type part = {0};
    WSL_TRY(parse_type(p, depth + 1, &part));
    *out_part = wsl_memdup(&part, sizeof part);
    return WSL_OK;
}

static wsl_status parse_row(type_parser *p, uint32_t depth, char close, wsl_type *out)
{
    WSL_AUTO(wsl_schema_builder) b = wsl_schema_builder_new("");
    const char *start = p->at;
    do {
        char name[WSL_FIELD_NAME_MAX + 1];
        wsl_type field = {0};
        WSL_TRY(take_name(p, name));
        WSL_TRY(parse_type(p, depth + 1, &field));
        wsl_schema_builder_add(b, name, &field);
        wsl_type_clear(&field);
    } while (take_char(p, ','));
    if (!take_char(p, close)) {
        return fail_at(p, p->at, close == '>' ? "',' or '>' is expected" : "',' or ')' is expected");
    }
    wsl_schema *row = NULL;
    const wsl_status status = wsl_schema_builder_finish(b, &row, p->err);
    if (status != WSL_OK) {
        return wsl_fail_prefix(p->err, status, "ROW type at column %zu", (size_t)(start - p->text));
    }
    out->row = row;
    return WSL_OK;
}

static wsl_status parse_decimal(type_parser *p, wsl_type *out)
{
    uint32_t precision = 10;
    uint32_t scale = 0;
    const char *start = p->at;
    if (take_char(p, '(')) {
        WSL_TRY(take_number(p, 1000, &precision));
        if (take_char(p, ',')) {
            WSL_TRY(take_number(p, 1000, &scale));
        }
        if (!take_char(p, ')')) {
            return fail_at(p, p->at, "')' is expected");
        }
    }
    if (precision < 1 || precision > WSL_DECIMAL_PRECISION_MAX || scale > precision) {
        return fail_at(p, start, "a DECIMAL has 1 to 38 digits, at most all of them behind the point");
    }
    out->precision = (uint8_t)precision;
    out->scale = (uint8_t)scale;
    return WSL_OK;
}

/* (n) behind types for which only the form is SQL's: lengths of strings are not limited, times are milliseconds. */
static wsl_status parse_length(type_parser *p, wsl_type_id id)
{
    const char *start = p->at;
    uint32_t n = 0;
    if (take_char(p, '(')) {
        WSL_TRY(take_number(p, INT32_MAX / 10, &n));
        if (!take_char(p, ')')) {
            return fail_at(p, p->at, "')' is expected");
        }
        if ((id == WSL_T_TIME || id == WSL_T_TIMESTAMP) && n > 3) {
            return fail_at(p, start, "times are kept in milliseconds, at most 3 digits behind the second");
        }
    }
    if (id == WSL_T_DOUBLE) {
        (void)take_word(p, "PRECISION");
    }
    if (id == WSL_T_TIMESTAMP || id == WSL_T_TIME) {
        const char *before = p->at;
        const bool with = take_word(p, "WITH") && take_word(p, "LOCAL") && take_word(p, "TIME") && take_word(p, "ZONE");
        if (!with) {
            p->at = before;
            if (!(take_word(p, "WITHOUT") && take_word(p, "TIME") && take_word(p, "ZONE"))) {
                p->at = before;
            }
        }
    }
    return WSL_OK;
}

static wsl_status parse_nested(type_parser *p, uint32_t depth, wsl_type *out)
{
    if (depth >= WSL_TYPE_DEPTH_MAX) {
        return fail_at(p, p->at, "types are nested more than 16 deep");
    }
    if (out->id == WSL_T_ROW && take_char(p, '(')) {
        return parse_row(p, depth, ')', out);
    }
    if (!take_char(p, '<')) {
        return fail_at(p, p->at, "'<' is expected");
    }
    if (out->id == WSL_T_ROW) {
        return parse_row(p, depth, '>', out);
    }
    if (out->id == WSL_T_MAP) {
        WSL_TRY(parse_part(p, depth, &out->key));
        if (!take_char(p, ',')) {
            return fail_at(p, p->at, "',' is expected");
        }
    }
    WSL_TRY(parse_part(p, depth, &out->element));
    return take_char(p, '>') ? WSL_OK : fail_at(p, p->at, "'>' is expected");
}

static wsl_status parse_type_body(type_parser *p, uint32_t depth, wsl_type *out)
{
    WSL_TRY(take_known_type(p, &out->id));
    switch (out->id) {
    case WSL_T_DECIMAL:
        WSL_TRY(parse_decimal(p, out));
        break;
    case WSL_T_ARRAY:
    case WSL_T_MAP:
    case WSL_T_ROW:
        WSL_TRY(parse_nested(p, depth, out));
        break;
    case WSL_T_STRING:
    case WSL_T_BYTES:
    case WSL_T_DOUBLE:
    case WSL_T_TIME:
    case WSL_T_TIMESTAMP:
        WSL_TRY(parse_length(p, out->id));
        break;
    default:
        break;
    }
    if (take_word(p, "NOT")) {
        if (!take_word(p, "NULL")) {
            return fail_at(p, p->at, "NULL is expected behind NOT");
        }
        out->not_null = true;
    } else {
        (void)take_word(p, "NULL");
    }
    return WSL_OK;
}

static wsl_status parse_type(type_parser *p, uint32_t depth, wsl_type *out)
{
    wsl_type type = {0};
    const wsl_status status = parse_type_body(p, depth, &type);
    if (status != WSL_OK) {
        wsl_type_clear(&type);
        return status;
    }
    *out = type;
    return WSL_OK;
}

wsl_status wsl_type_parse(const char *text, wsl_type *out_type, wsl_error *err)
{
    type_parser p = {text, text, err};
    wsl_type type = {0};
    if (strlen(text) > WSL_TYPE_TEXT_MAX) {
        return wsl_fail(err, WSL_TOO_LARGE, "the text of a type has more than %d bytes", WSL_TYPE_TEXT_MAX);
    }
    WSL_TRY(parse_type(&p, 0, &type));
    skip_space(&p);
    if (*p.at != '\0') {
        wsl_type_clear(&type);
        return fail_at(&p, p.at, "there is something behind the type");
    }
    *out_type = type;
    return WSL_OK;
}
