/*
 * format.c - options, construction, and what happens before a codec sees a record: byte order marks and lines beyond
 * the maximum.
 */
#include "format/format.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "format/codec.h"
#include "format/text_value.h"
#include "format/utf8.h"

/* clang-format off */
const wsl_option wsl_format_options[] = {
    {.name = "format", .type = WSL_OPT_ENUM, .default_value = "auto", .choices = "auto|json|csv|raw",
     .help = "How rows are written as text: json (one object per line), csv (RFC 4180), raw (the line is the row's only field, a STRING). auto is raw if the schema is one STRING field, else json."},
    {.name = "max-line", .type = WSL_OPT_SIZE, .default_value = "16mb", .min = "16", .max = "1gb",
     .help = "A record with more bytes is a bad record; its rest is skipped without being kept."},
    {.name = "timestamp-format", .type = WSL_OPT_ENUM, .default_value = "epoch-ms", .choices = "epoch-ms|iso",
     .help = "How TIMESTAMP is written: milliseconds since 1970, or 2024-02-29T23:59:59.999Z. Both are read."},
    {.name = "json.ignore-unknown", .type = WSL_OPT_BOOL, .default_value = "true",
     .help = "Skip keys that are no field of the schema; false makes them a bad record."},
    {.name = "csv.header", .type = WSL_OPT_ENUM, .default_value = "false", .choices = "false|true|skip",
     .help = "true: the first record names the columns, in any order. false: columns in the schema's order. skip: the same behind a first record that is ignored. Sinks write a header with true and skip."},
    {.name = "csv.delimiter", .type = WSL_OPT_STRING, .default_value = ",",
     .help = "One character between cells; \\t is a tabulator."},
    {.name = "csv.quote", .type = WSL_OPT_STRING, .default_value = "\"",
     .help = "One character around cells that need it; none: there is no quoting, and large files can be split."},
    {.name = "csv.null", .type = WSL_OPT_STRING, .default_value = "",
     .help = "An unquoted cell with this text is NULL."},
    {0},
};
/* clang-format on */

static const char byte_order_mark[3] = "\xEF\xBB\xBF";

static const wsl_codec *codec_find(const char *name, const wsl_schema *schema)
{
    if (strcmp(name, "auto") == 0) {
        const bool one_string = schema->n_fields == 1 && schema->fields[0].type.id == WSL_T_STRING;
        return one_string ? &wsl_raw_codec : &wsl_json_codec;
    }
    static const wsl_codec *const codecs[] = {&wsl_json_codec, &wsl_csv_codec, &wsl_raw_codec};
    for (size_t i = 0; i < WSL_ARRAY_LEN(codecs); i++) {
        if (strcmp(codecs[i]->name, name) == 0) {
            return codecs[i];
        }
    }
    return NULL;
}

void wsl_format_free(wsl_format *f)
{
    if (f != NULL) {
        f->codec->close(f);
        wsl_strbuf_fini(&f->tail);
        wsl_strbuf_fini(&f->unescaped);
        wsl_strbuf_fini(&f->bytes);
        free(f);
    }
}

wsl_status wsl_format_check(const char *name, const wsl_schema *schema, const wsl_config *config, wsl_error *err)
{
    const wsl_codec *codec = codec_find(name, schema);
    if (codec == NULL) {
        return wsl_fail(err, WSL_NOT_FOUND, "there is no format '%s'; json, csv, raw and auto exist", name);
    }
    if (schema->n_fields == 0) {
        return wsl_fail(err, WSL_TYPE, "format %s needs a schema with at least one field", name);
    }
    return codec->check(schema, config, err);
}

wsl_status wsl_format_check_writing(const wsl_config *config, const wsl_schema *schema, wsl_error *err)
{
    const char *name = wsl_config_str(config, "format");
    WSL_TRY(wsl_format_check(name, schema, config, err));
    if (strcmp(name, "csv") == 0 && strcmp(wsl_config_str(config, "csv.quote"), "none") == 0) {
        return wsl_fail(err, WSL_INVALID,
                        "csv.quote = none is for reading only: a sink needs a character to quote cells with");
    }
    return WSL_OK;
}

/* A row without its variable part, plus the padding of each variable value and the bytes of wide decimals. */
static uint32_t fixed_room(const wsl_schema *schema)
{
    uint32_t room = wsl_row_fixed_size(schema->n_fields);
    for (uint32_t i = 0; i < schema->n_fields; i++) {
        const wsl_type *type = &schema->fields[i].type;
        room += wsl_type_is_fixed(type) ? 0 : type->id == WSL_T_DECIMAL ? 16 : 7;
    }
    return room;
}

wsl_status wsl_format_new(const char *name, const wsl_schema *schema, const wsl_config *config, wsl_format **out_format,
                          wsl_error *err)
{
    WSL_TRY(wsl_format_check(name, schema, config, err));
    const wsl_codec *codec = codec_find(name, schema);
    WSL_ASSERT(codec != NULL);
    wsl_format *f = (wsl_format *)wsl_zalloc(codec->size);
    f->codec = codec;
    f->schema = schema;
    f->max_line = wsl_config_size(config, "max-line");
    f->iso = strcmp(wsl_config_str(config, "timestamp-format"), "iso") == 0;
    f->fixed_room = fixed_room(schema);
    f->at_start = true;
    wsl_strbuf_init(&f->tail);
    wsl_strbuf_init(&f->unescaped);
    wsl_strbuf_init(&f->bytes);
    codec->open(f, config);
    *out_format = f;
    return WSL_OK;
}

bool wsl_format_splittable(const wsl_config *config)
{
    /* all codecs but csv take any line end as the end of a record */
    return strcmp(wsl_config_str(config, "format"), "csv") != 0 || wsl_csv_codec.splittable(config);
}

size_t wsl_format_max_line(const wsl_format *f) { return f->max_line; }

/* ---- decoding ---- */

/* Drops bytes up to and with the next line end. */
static wsl_status skip_rest(wsl_format *f, const char *data, size_t size, bool last, wsl_decoded *out)
{
    const char *end = (const char *)memchr(data, '\n', size);
    f->skipping = end == NULL && !last;
    out->consumed = end != NULL ? (size_t)(end - data) + 1 : size;
    return WSL_OK;
}

/* WSL_AGAIN: might become a byte order mark. WSL_OK: out->consumed says whether there was one. */
static wsl_status start_of_file(wsl_format *f, const char *data, size_t size, bool last, wsl_decoded *out)
{
    const size_t have = size < sizeof byte_order_mark ? size : sizeof byte_order_mark;
    const bool same = memcmp(data, byte_order_mark, have) == 0;
    if (same && have < sizeof byte_order_mark && !last) {
        return WSL_AGAIN;
    }
    f->at_start = false;
    out->consumed = same && have == sizeof byte_order_mark ? have : 0;
    return WSL_OK;
}

wsl_status wsl_format_decode(wsl_format *f, const char *data, size_t size, bool last, void *memory, uint32_t capacity,
                             wsl_decoded *out)
{
    *out = (wsl_decoded){0};
    if (WSL_UNLIKELY(size == 0)) {
        return last ? WSL_END : WSL_AGAIN;
    }
    if (WSL_UNLIKELY(f->skipping)) {
        return skip_rest(f, data, size, last, out);
    }
    if (WSL_UNLIKELY(f->at_start)) {
        const wsl_status s = start_of_file(f, data, size, last, out);
        if (s != WSL_OK || out->consumed != 0) {
            return s;
        }
    }
    return f->codec->decode(f, data, size, last, memory, capacity, out);
}

void wsl_format_reset(wsl_format *f)
{
    f->at_start = true;
    f->skipping = false;
    f->seen = 0;
    f->codec->reset(f);
}

bool wsl_format_wants_header(const wsl_format *f) { return f->codec->wants_header != NULL && f->codec->wants_header(f); }

void wsl_format_encode(wsl_format *f, const wsl_row *row, wsl_strbuf *out) { f->codec->encode(f, row, out); }

void wsl_format_encode_header(wsl_format *f, wsl_strbuf *out) { f->codec->encode_header(f, out); }

/* ---- for codecs ---- */

const char *wsl_format_reason(wsl_format *f, const char *text, ...)
{
    va_list args;
    va_start(args, text);
    (void)vsnprintf(f->reason, sizeof f->reason, text, args);
    va_end(args);
    return NULL;
}

wsl_status wsl_format_bad(wsl_format *f, wsl_decoded *out, size_t consumed, const char *text, ...)
{
    va_list args;
    va_start(args, text);
    (void)vsnprintf(f->reason, sizeof f->reason, text, args);
    va_end(args);
    *out = (wsl_decoded){.consumed = consumed, .reason = f->reason};
    return WSL_OK;
}

wsl_status wsl_format_unfinished(wsl_format *f, const char *data, size_t size, wsl_decoded *out)
{
    if (size <= f->max_line) {
        f->seen = size;
        return WSL_AGAIN;
    }
    f->seen = 0;
    /* a quoted csv record may hold line ends: go on behind its first line, most likely its quote was never closed */
    const char *end = (const char *)memchr(data, '\n', size);
    f->skipping = end == NULL;
    return wsl_format_bad(f, out, end != NULL ? (size_t)(end - data) + 1 : size,
                          "the record is longer than max-line (%zu bytes)", f->max_line);
}

const char *wsl_format_tail(wsl_format *f, const char *data, size_t size)
{
    static const char line_end[16] = {'\n'};
    wsl_strbuf_clear(&f->tail);
    wsl_strbuf_add(&f->tail, data, size);
    wsl_strbuf_add(&f->tail, line_end, sizeof line_end);
    return f->tail.data;
}

const char *wsl_format_quote(const char *text, size_t size, char out[64])
{
    size_t n = 0, at = 0;
    out[n++] = '"';
    while (at < size && n < 44) {
        const size_t length = wsl_utf8_length(text + at, size - at);
        if (length == 0 || (unsigned char)text[at] < 0x20 || text[at] == 0x7F) {
            out[n++] = '?';
            at++;
        } else {
            memcpy(out + n, text + at, length);
            n += length;
            at += length;
        }
    }
    memcpy(out + n, at < size ? "...\"" : "\"", at < size ? 5 : 2);
    return out;
}
