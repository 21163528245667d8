/*
 * raw.c - the raw codec: a line is the row's only field, a STRING. The line end ("\n" or "\r\n") is not part of it; an
 * empty line is an empty string. A line that is not UTF-8 is a bad record.
 */
#include "format/codec.h"
#include "format/utf8.h"

static wsl_status raw_check(const wsl_schema *schema, const wsl_config *config, wsl_error *err)
{
    (void)config;
    if (schema->n_fields != 1 || schema->fields[0].type.id != WSL_T_STRING) {
        char text[256];
        (void)wsl_schema_text(schema, text, sizeof text);
        return wsl_fail(err, WSL_TYPE, "format raw needs a schema of one STRING field, not %s", text);
    }
    return WSL_OK;
}

static void raw_nothing(wsl_format *f) { (void)f; }
static void raw_open(wsl_format *f, const wsl_config *config)
{
    (void)f;
    (void)config;
}

static wsl_status raw_decode(wsl_format *f, const char *data, size_t size, bool last, void *memory, uint32_t capacity,
                             wsl_decoded *out)
{
    const char *line = NULL, *end = NULL, *limit = NULL;
    WSL_TRY(wsl_format_line(f, data, size, last, out, &line, &end, &limit));
    if (out->reason != NULL) {
        return WSL_OK;
    }
    size_t n = (size_t)(end - line);
    n -= n > 0 && line[n - 1] == '\r';
    if (!wsl_utf8_valid(line, n)) {
        return wsl_format_bad(f, out, out->consumed, "the line is not UTF-8");
    }
    wsl_row_writer w;
    if (!wsl_row_writer_init(&w, memory, capacity, 1)) {
        return wsl_format_no_room(f, n, capacity, true, out);
    }
    wsl_row_set_bytes(&w, 0, line, (uint32_t)n);
    if (w.overflow) {
        return wsl_format_no_room(f, n, capacity, true, out);
    }
    out->row = w.row;
    return WSL_OK;
}

/* A null is an empty line. */
static void raw_encode(wsl_format *f, const wsl_row *row, wsl_strbuf *out)
{
    (void)f;
    if (!wsl_row_is_null(row, 0, 1)) {
        const wsl_str text = wsl_row_str(row, 0);
        wsl_strbuf_add(out, text.data, text.size);
    }
    wsl_strbuf_putc(out, '\n');
}

static void raw_encode_header(wsl_format *f, wsl_strbuf *out)
{
    (void)f;
    (void)out;
}

const wsl_codec wsl_raw_codec = {
    .name = "raw",
    .size = sizeof(wsl_format),
    .check = raw_check,
    .open = raw_open,
    .close = raw_nothing,
    .decode = raw_decode,
    .reset = raw_nothing,
    .encode = raw_encode,
    .encode_header = raw_encode_header,
};
