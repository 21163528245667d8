/*
 * collection_source.c - rows that are written in the job: subtask 0 emits them in order and ends.
 *
 * Option rows is JSON: one array of objects, or objects one after the other. The objects are cut apart here (counting
 * brackets outside of strings), each becomes a line, and the json format decodes them. Option bytes is base64 of whole
 * rows in the binary form of row.h, checked one by one.
 *
 * A checkpoint gets the number of rows that were emitted; that many are passed over when it goes on.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/strbuf.h"
#include "connector/connectors.h"
#include "format/base64.h"
#include "format/format.h"

typedef struct collection_reader {
    wsl_config *config; /* of the json format */
    wsl_format *format;
    wsl_strbuf data; /* lines, or rows */
    bool binary;
    size_t at;
    uint32_t n; /* rows emitted */
} collection_reader;

/* clang-format off */
static const wsl_option options[] = {
    {.name = "rows", .type = WSL_OPT_STRING,
     .help = "The rows as JSON: [{\"word\": \"big\"}, {\"word\": \"data\"}], or objects one after the other."},
    {.name = "bytes", .type = WSL_OPT_STRING,
     .help = "The rows in binary form, in base64 (made by programs)."},
    {0},
};
/* clang-format on */

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

/* The end of the object at p, whose line ends outside of strings become blanks on the way to `out`. NULL: it does not
 * end. */
static const char *copy_object(const char *p, wsl_strbuf *out)
{
    int depth = 0;
    bool text = false;
    for (; *p != '\0'; p++) {
        if (text) {
            if (*p == '\\' && p[1] != '\0') {
                wsl_strbuf_putc(out, *p++);
            } else {
                text = *p != '"';
            }
        } else if (*p == '"') {
            text = true;
        } else if (*p == '{' || *p == '[') {
            depth++;
        } else if (*p == '}' || *p == ']') {
            depth--;
        }
        wsl_strbuf_putc(out, !text && *p == '\n' ? ' ' : *p);
        if (depth == 0) {
            return p + 1;
        }
    }
    return NULL;
}

/* One object per line. */
static wsl_status split_rows(const char *text, wsl_strbuf *out, wsl_error *err)
{
    const char *p = text;
    while (is_blank(*p)) {
        p++;
    }
    const bool array = *p == '[';
    p += array;
    for (uint32_t n = 1;; n++) {
        while (is_blank(*p) || (array && *p == ',' && n > 1)) {
            p++;
        }
        if (*p == '\0' || (array && *p == ']')) {
            break;
        }
        if (*p != '{') {
            return wsl_fail(err, WSL_FORMAT, "option rows: row %" PRIu32 " is not a JSON object", n);
        }
        p = copy_object(p, out);
        if (p == NULL) {
            return wsl_fail(err, WSL_FORMAT, "option rows: row %" PRIu32 " does not end", n);
        }
        wsl_strbuf_putc(out, '\n');
    }
    if (array) {
        if (*p != ']') {
            return wsl_fail(err, WSL_FORMAT, "option rows: the array has no ']'");
        }
        p++;
        while (is_blank(*p)) {
            p++;
        }
        if (*p != '\0') {
            return wsl_fail(err, WSL_FORMAT, "option rows: something follows the array");
        }
    }
    return WSL_OK;
}

static wsl_status decode_bytes(const char *text, const wsl_schema *schema, wsl_strbuf *out, wsl_error *err)
{
    const size_t n = strlen(text);
    wsl_strbuf_reserve(out, wsl_base64_decoded_max(n) + 1);
    size_t size;
    if (!wsl_base64_decode(text, n, (uint8_t *)out->data, &size)) {
        return wsl_fail(err, WSL_FORMAT, "option bytes is not base64");
    }
    out->size = size;
    for (size_t at = 0; at < size;) {
        wsl_status s = WSL_FORMAT;
        uint32_t row_size = 0;
        if (size - at >= sizeof(wsl_row)) {
            memcpy(&row_size, out->data + at, sizeof row_size);
            s = wsl_row_check(out->data + at, (uint32_t)(size - at), schema, err);
        }
        if (s != WSL_OK) {
            return wsl_fail(err, s, "option bytes: no row of the schema at byte %zu", at);
        }
        at += row_size;
    }
    return WSL_OK;
}

static wsl_status load(collection_reader *r, const wsl_config *config, const wsl_schema *schema, wsl_error *err)
{
    static const wsl_option *const tables[] = {wsl_format_options};
    const char *rows = wsl_config_str(config, "rows");
    const char *bytes = wsl_config_str(config, "bytes");
    wsl_strbuf_init(&r->data);
    if ((rows == NULL) == (bytes == NULL)) {
        return wsl_fail(err, WSL_INVALID,
                        "the collection source takes its rows from option rows or from option bytes; %s",
                        rows == NULL ? "neither is set" : "both are set");
    }
    r->binary = bytes != NULL;
    if (r->binary) {
        return decode_bytes(bytes, schema, &r->data, err);
    }
    r->config = wsl_config_new(tables, WSL_ARRAY_LEN(tables));
    WSL_TRY(wsl_format_new("json", schema, r->config, &r->format, err));
    return split_rows(rows, &r->data, err);
}

static void unload(collection_reader *r)
{
    wsl_format_free(r->format);
    wsl_config_free(r->config);
    wsl_strbuf_fini(&r->data);
}

static wsl_status reader_open(void *self, wsl_source_ctx *ctx, wsl_error *err)
{
    return load((collection_reader *)self, ctx->config, ctx->schema, err);
}

/* The next row at out_tip, *out_used bytes of data. WSL_NO_RESOURCE: *out_needed. */
static wsl_status next_row(collection_reader *r, void *memory, size_t capacity, wsl_row **out_row, size_t *out_used,
                           uint32_t *out_needed, wsl_error *err)
{
    const char *from = r->data.data + r->at;
    if (r->binary) {
        uint32_t size;
        memcpy(&size, from, sizeof size);
        *out_needed = size;
        if (size > capacity) {
            return WSL_NO_RESOURCE;
        }
        memcpy(memory, from, size);
        *out_row = (wsl_row *)memory;
        *out_used = size;
        return WSL_OK;
    }
    wsl_decoded d;
    const uint32_t room = capacity < UINT32_MAX ? (uint32_t)capacity : UINT32_MAX;
    const wsl_status s = wsl_format_decode(r->format, from, r->data.size - r->at, true, memory, room, &d);
    if (s == WSL_OK && d.row == NULL) {
        return wsl_fail(err, WSL_FORMAT, "option rows: row %" PRIu32 ": %s", r->n + 1,
                        d.reason != NULL ? d.reason : "is empty");
    }
    *out_row = d.row;
    *out_used = d.consumed;
    *out_needed = d.needed;
    return s;
}

static wsl_status poll(void *self, wsl_source_ctx *ctx, uint32_t max_rows, wsl_error *err)
{
    collection_reader *r = (collection_reader *)self;
    if (ctx->subtask != 0) {
        return WSL_END;
    }
    for (uint32_t i = 0; i < max_rows && r->at < r->data.size;) {
        wsl_row *row = NULL;
        size_t used = 0;
        uint32_t needed = 0;
        wsl_status s = next_row(r, ctx->out_tip, (size_t)(ctx->out_end - ctx->out_tip), &row, &used, &needed, err);
        if (s == WSL_NO_RESOURCE) {
            s = ctx->ops->make_room(ctx, needed);
        } else if (s == WSL_OK) {
            r->at += used;
            r->n++;
            i++;
            s = ctx->ops->emit(ctx, row);
        }
        WSL_TRY(s);
    }
    return r->at < r->data.size ? WSL_OK : WSL_END;
}

/* ---- checkpoints ---- */

static wsl_status snapshot(void *self, wsl_source_ctx *ctx, wsl_saver *save, wsl_error *err)
{
    (void)err;
    const collection_reader *r = (const collection_reader *)self;
    const uint64_t n = r->n;
    const wsl_split piece = {.name = "rows", .bytes = &n, .size = sizeof n};
    if (ctx->subtask == 0) {
        save->add(save, &piece);
    }
    return WSL_OK;
}

/* Behind the next row; there is one. */
static void pass_over(collection_reader *r)
{
    const char *from = r->data.data + r->at;
    const size_t left = r->data.size - r->at;
    if (r->binary) {
        uint32_t size;
        memcpy(&size, from, sizeof size);
        r->at += size;
    } else {
        const char *end = (const char *)memchr(from, '\n', left);
        r->at += end != NULL ? (size_t)(end - from) + 1 : left;
    }
    r->n++;
}

static wsl_status restore(void *self, wsl_source_ctx *ctx, const wsl_split *pieces, uint32_t n, wsl_error *err)
{
    (void)ctx;
    collection_reader *r = (collection_reader *)self;
    for (uint32_t i = 0; i < n; i++) {
        uint64_t rows;
        if (pieces[i].size != sizeof rows) {
            return wsl_fail(err, WSL_FORMAT, "where the collection source is to go on cannot be read");
        }
        memcpy(&rows, pieces[i].bytes, sizeof rows);
        while (r->n < rows && r->at < r->data.size) {
            pass_over(r);
        }
    }
    return WSL_OK;
}

static void reader_close(void *self, wsl_source_ctx *ctx)
{
    (void)ctx;
    unload((collection_reader *)self);
}

/* Decodes all rows once, so that a mistake shows before anything starts. */
static wsl_status check_rows(collection_reader *r, wsl_error *err)
{
    size_t capacity = 4096;
    void *memory = wsl_alloc(capacity);
    wsl_status s = WSL_OK;
    while (s == WSL_OK && r->at < r->data.size) {
        wsl_row *row = NULL;
        size_t used = 0;
        uint32_t needed = 0;
        s = next_row(r, memory, capacity, &row, &used, &needed, err);
        if (s == WSL_NO_RESOURCE && needed <= WSL_ROW_SIZE_MAX_DEFAULT) {
            capacity = needed;
            memory = wsl_realloc(memory, capacity);
            s = WSL_OK;
        } else if (s == WSL_NO_RESOURCE) {
            s = wsl_fail(err, WSL_TOO_LARGE, "option rows: row %" PRIu32 " is larger than a row may be (%d bytes)",
                         r->n + 1, WSL_ROW_SIZE_MAX_DEFAULT);
        } else {
            r->at += used;
            r->n++;
        }
    }
    free(memory);
    return s;
}

static wsl_status validate(struct wsl_fs *fs, const wsl_config *config, const wsl_schema *schema, wsl_error *err)
{
    (void)fs;
    collection_reader r = {0};
    wsl_status s = load(&r, config, schema, err);
    if (s == WSL_OK) {
        s = check_rows(&r, err);
    }
    unload(&r);
    return s;
}

static const wsl_reader_class reader = {
    .size = sizeof(collection_reader),
    .open = reader_open,
    .poll = poll,
    .close = reader_close,
    .snapshot = snapshot,
    .restore = restore,
};

const wsl_source_class wsl_collection_source = {
    .name = "collection",
    .single = true,
    .help = "Emits rows that are written in the job.",
    .options = options,
    .reader = &reader,
    .validate = validate,
};
