/*
 * csv.c - the csv codec: options, schema, and rows to records.
 *
 * A cell is quoted when it holds a delimiter, a quote or a line end, when it is empty, and when it would read as NULL.
 * Records end with "\n".
 */
#include "format/csv.h"

#include "base/alloc.h"
#include "format/text_scan.h"
#include "format/text_value.h"

/* The one character of an option; 0 if it is not one that can stand between or around cells. */
static char one_character(const char *text)
{
    if (text != NULL && strcmp(text, "\\t") == 0) {
        return '\t';
    }
    if (text == NULL || text[0] == '\0' || text[1] != '\0') {
        return 0;
    }
    const char c = *text;
    const bool of_values = wsl_is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || strchr("+-.\r\n", c) != NULL;
    return of_values || (signed char)c < 0 ? 0 : c;
}

static bool is_unquoted(const wsl_config *config) { return strcmp(wsl_config_str(config, "csv.quote"), "none") == 0; }

static wsl_status csv_check(const wsl_schema *schema, const wsl_config *config, wsl_error *err)
{
    for (uint32_t i = 0; i < schema->n_fields; i++) {
        if (!wsl_type_is_flat(&schema->fields[i].type)) {
            char text[96];
            (void)wsl_type_text(&schema->fields[i].type, text, sizeof text);
            return wsl_fail(err, WSL_TYPE, "field '%s' is %s, which format csv cannot hold; use format json",
                            schema->fields[i].name, text);
        }
    }
    const char delimiter = one_character(wsl_config_str(config, "csv.delimiter"));
    if (delimiter == 0) {
        return wsl_fail(err, WSL_INVALID,
                        "csv.delimiter '%s' is not one ASCII character that is no letter, digit, sign or "
                        "line end",
                        wsl_config_str(config, "csv.delimiter"));
    }
    const char quote = one_character(wsl_config_str(config, "csv.quote"));
    if (!is_unquoted(config) && (quote == 0 || quote == delimiter)) {
        return wsl_fail(err, WSL_INVALID,
                        "csv.quote '%s' is neither 'none' nor one ASCII character other than the delimiter",
                        wsl_config_str(config, "csv.quote"));
    }
    return WSL_OK;
}

static wsl_csv_header header_of(const wsl_config *config)
{
    const char *text = wsl_config_str(config, "csv.header");
    return strcmp(text, "true") == 0   ? WSL_CSV_HEADER_NAMES
           : strcmp(text, "skip") == 0 ? WSL_CSV_HEADER_SKIP
                                       : WSL_CSV_NO_HEADER;
}

static void csv_open(wsl_format *f, const wsl_config *config)
{
    wsl_csv_format *csv = (wsl_csv_format *)f;
    const char *null_text = wsl_config_str(config, "csv.null");
    csv->delimiter = one_character(wsl_config_str(config, "csv.delimiter"));
    csv->quote = is_unquoted(config) ? '\n' : one_character(wsl_config_str(config, "csv.quote"));
    csv->null_text = wsl_strdup(null_text != NULL ? null_text : "");
    csv->null_size = strlen(csv->null_text);
    csv->header = header_of(config);
    csv->header_expected = csv->header != WSL_CSV_NO_HEADER;
    wsl_csv_columns_by_position(csv);
}

static void csv_close(wsl_format *f)
{
    wsl_csv_format *csv = (wsl_csv_format *)f;
    free(csv->null_text);
    free(csv->fields);
}

static void csv_reset(wsl_format *f)
{
    wsl_csv_format *csv = (wsl_csv_format *)f;
    csv->header_expected = csv->header != WSL_CSV_NO_HEADER;
    csv->header_bad = false;
    csv->in_quotes = false;
    csv->closed = 0;
}

static bool csv_wants_header(const wsl_format *f) { return ((const wsl_csv_format *)f)->header_expected; }

static bool csv_splittable(const wsl_config *config)
{
    return is_unquoted(config) && header_of(config) == WSL_CSV_NO_HEADER;
}

/* ---- encoding ---- */

/* Quotes what stands in out from `start` on, if it needs it. */
static void quote_from(const wsl_csv_format *csv, size_t start, wsl_strbuf *out)
{
    const char *text = out->data + start;
    const size_t n = out->size - start;
    const char *const end = text + n;
    const bool plain = n != 0 && wsl_scan_two(text, end, csv->delimiter, csv->quote) == end &&
                       wsl_scan_two(text, end, '\n', '\r') == end &&
                       (n != csv->null_size || memcmp(text, csv->null_text, n) != 0);
    if (plain || csv->quote == '\n') {
        return;
    }
    size_t quotes = 0;
    for (const char *p = text; p < end; p++) {
        quotes += *p == csv->quote;
    }
    wsl_strbuf_reserve(out, quotes + 2);
    char *to = out->data + out->size + quotes + 2;
    out->size += quotes + 2;
    *to = '\0';
    *--to = csv->quote;
    for (size_t i = n; i-- > 0;) { /* from behind, in place */
        const char c = out->data[start + i];
        *--to = c;
        if (c == csv->quote) {
            *--to = c;
        }
    }
    *--to = csv->quote;
}

static void csv_encode(wsl_format *f, const wsl_row *row, wsl_strbuf *out)
{
    const wsl_csv_format *csv = (const wsl_csv_format *)f;
    const wsl_schema *schema = f->schema;
    for (uint32_t i = 0; i < schema->n_fields; i++) {
        if (i != 0) {
            wsl_strbuf_putc(out, csv->delimiter);
        }
        if (wsl_row_is_null(row, i, schema->n_fields)) {
            wsl_strbuf_add(out, csv->null_text, csv->null_size);
            continue;
        }
        const size_t start = out->size;
        wsl_value_to_text(&schema->fields[i].type, row, row->slot[i], f->iso, out);
        quote_from(csv, start, out);
    }
    wsl_strbuf_putc(out, '\n');
}

static void csv_encode_header(wsl_format *f, wsl_strbuf *out)
{
    const wsl_csv_format *csv = (const wsl_csv_format *)f;
    if (csv->header == WSL_CSV_NO_HEADER) {
        return;
    }
    for (uint32_t i = 0; i < f->schema->n_fields; i++) {
        if (i != 0) {
            wsl_strbuf_putc(out, csv->delimiter);
        }
        const size_t start = out->size;
        wsl_strbuf_puts(out, f->schema->fields[i].name);
        quote_from(csv, start, out);
    }
    wsl_strbuf_putc(out, '\n');
}

const wsl_codec wsl_csv_codec = {
    .name = "csv",
    .size = sizeof(wsl_csv_format),
    .check = csv_check,
    .open = csv_open,
    .close = csv_close,
    .decode = wsl_csv_decode,
    .reset = csv_reset,
    .wants_header = csv_wants_header,
    .encode = csv_encode,
    .encode_header = csv_encode_header,
    .splittable = csv_splittable,
};
