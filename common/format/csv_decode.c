/*
 * csv_decode.c - RFC 4180: find where the record ends, then read its cells.
 *
 * A quote opens only at the start of a cell; inside, two quotes are one, and line ends are text. Finding the end keeps
 * its state in the format, so a long record that arrives in pieces is looked at once. A stray quote (inside an unquoted
 * cell, or text behind a closing one) makes the record bad; it is then as long as its first line, so that one forgotten
 * quote does not swallow what follows.
 */
#include "format/csv.h"

#include "base/alloc.h"
#include "format/put_string.h"
#include "format/text_number.h"
#include "format/text_scan.h"
#include "format/text_value.h"
#include "format/utf8.h"

typedef struct cell {
    const char *text;
    size_t size;
    bool quoted;
} cell;

/* ---- records ---- */

/* The '\n' that ends the record, or NULL with the state kept. */
static const char *record_end(wsl_csv_format *csv, const char *data, size_t size)
{
    const char *const end = data + size;
    const char *p = data + csv->format.seen;
    while (p < end) {
        if (csv->in_quotes) {
            p = (const char *)memchr(p, csv->quote, (size_t)(end - p));
            if (p == NULL) {
                break;
            }
            csv->in_quotes = false;
            csv->closed = (size_t)(++p - data);
            continue;
        }
        p = wsl_scan_two(p, end, '\n', csv->quote);
        if (p == end) {
            break;
        }
        if (*p == '\n') {
            csv->closed = 0;
            csv->format.seen = 0;
            return p;
        }
        const size_t at = (size_t)(p - data);
        csv->in_quotes = at == 0 || at == csv->closed || p[-1] == csv->delimiter; /* else it is a stray one */
        p++;
    }
    return NULL;
}

static void forget_record(wsl_csv_format *csv)
{
    csv->in_quotes = false;
    csv->closed = 0;
    csv->format.seen = 0;
}

static size_t first_line(const char *data, size_t size)
{
    const char *end = (const char *)memchr(data, '\n', size);
    return end != NULL ? (size_t)(end - data) + 1 : size;
}

/* Sets the record's borders, out->consumed, or out->reason. */
static wsl_status find_record(wsl_csv_format *csv, const char *data, size_t size, bool last, wsl_decoded *out,
                              const char **out_start, const char **out_end, const char **out_limit)
{
    wsl_format *f = &csv->format;
    const char *end = record_end(csv, data, size);
    if (end != NULL && (size_t)(end - data) <= f->max_line) {
        *out_start = data;
        *out_end = end;
        *out_limit = data + size;
        out->consumed = (size_t)(end - data) + 1;
        return WSL_OK;
    }
    if (end != NULL || size > f->max_line) {
        forget_record(csv);
        return wsl_format_unfinished(f, data, size, out);
    }
    if (!last) {
        f->seen = size;
        return WSL_AGAIN;
    }
    const bool open = csv->in_quotes;
    forget_record(csv);
    if (open) {
        return wsl_format_bad(f, out, first_line(data, size), "a quoted cell has no closing quote");
    }
    *out_start = wsl_format_tail(f, data, size);
    *out_end = *out_start + size;
    *out_limit = *out_end + 16;
    out->consumed = size;
    return WSL_OK;
}

/* ---- cells ---- */

/* p is at the opening quote. Returns the position behind the closing one. */
static const char *quoted_cell(wsl_csv_format *csv, const char *p, const char *end, cell *out)
{
    wsl_format *f = &csv->format;
    const char *from = p + 1;
    const char *q = (const char *)memchr(from, csv->quote, (size_t)(end - from));
    if (q != NULL && (q + 1 == end || q[1] != csv->quote)) {
        *out = (cell){from, (size_t)(q - from), true};
        return q + 1;
    }
    wsl_strbuf_clear(&f->unescaped);
    while (q != NULL) {
        wsl_strbuf_add(&f->unescaped, from, (size_t)(q - from));
        if (q + 1 == end || q[1] != csv->quote) {
            *out = (cell){f->unescaped.data, f->unescaped.size, true};
            return q + 1;
        }
        wsl_strbuf_putc(&f->unescaped, csv->quote);
        from = q + 2;
        q = (const char *)memchr(from, csv->quote, (size_t)(end - from));
    }
    return wsl_format_reason(f, "a quoted cell has no closing quote");
}

/* One cell at p; returns the delimiter behind it, or end. NULL: bad. The text is valid until the next cell. */
static const char *next_cell(wsl_csv_format *csv, const char *p, const char *end, uint32_t column, cell *out)
{
    if (p < end && *p == csv->quote) {
        const char *q = quoted_cell(csv, p, end, out);
        if (q != NULL && q != end && *q != csv->delimiter) {
            return wsl_format_reason(&csv->format, "text behind the closing quote of cell %u", column + 1);
        }
        return q;
    }
    const char *q = wsl_scan_two(p, end, csv->delimiter, csv->quote);
    if (WSL_UNLIKELY(q != end && *q == csv->quote)) {
        return wsl_format_reason(&csv->format, "a quote inside the unquoted cell %u", column + 1);
    }
    *out = (cell){p, (size_t)(q - p), false};
    return q;
}

/* ---- header ---- */

void wsl_csv_columns_by_position(wsl_csv_format *csv)
{
    const uint32_t n = csv->format.schema->n_fields;
    csv->fields = (int32_t *)wsl_realloc(csv->fields, n * sizeof *csv->fields);
    csv->n_columns = n;
    for (uint32_t i = 0; i < n; i++) {
        csv->fields[i] = (int32_t)i;
    }
}

static int32_t field_named(const wsl_schema *schema, const cell *name)
{
    for (uint32_t i = 0; i < schema->n_fields; i++) {
        if (strlen(schema->fields[i].name) == name->size &&
            memcmp(schema->fields[i].name, name->text, name->size) == 0) {
            return (int32_t)i;
        }
    }
    return WSL_CSV_NOT_A_FIELD;
}

static bool has_column(const wsl_csv_format *csv, int32_t field)
{
    for (uint32_t c = 0; c < csv->n_columns; c++) {
        if (csv->fields[c] == field) {
            return true;
        }
    }
    return false;
}

/* Does the header give every NOT NULL field, and any field at all? */
static const char *check_header(wsl_csv_format *csv)
{
    const wsl_schema *schema = csv->format.schema;
    uint32_t n_found = 0;
    for (uint32_t i = 0; i < schema->n_fields; i++) {
        const bool found = has_column(csv, (int32_t)i);
        n_found += found;
        if (!found && schema->fields[i].type.not_null) {
            return wsl_format_reason(&csv->format, "the header has no column '%s', which is NOT NULL",
                                     schema->fields[i].name);
        }
    }
    if (n_found == 0) {
        return wsl_format_reason(&csv->format, "the header names no field of the schema (first field: '%s')",
                                 schema->fields[0].name);
    }
    return "";
}

static const char *read_header(wsl_csv_format *csv, const char *p, const char *end)
{
    csv->n_columns = 0;
    for (;; p++) {
        cell name;
        p = next_cell(csv, p, end, csv->n_columns, &name);
        if (p == NULL) {
            return NULL;
        }
        if (csv->n_columns == WSL_CSV_COLUMNS_MAX) {
            return wsl_format_reason(&csv->format, "the header has more than %d columns", WSL_CSV_COLUMNS_MAX);
        }
        const int32_t field = field_named(csv->format.schema, &name);
        if (field >= 0 && has_column(csv, field)) {
            return wsl_format_reason(&csv->format, "the header names column '%s' twice",
                                     csv->format.schema->fields[field].name);
        }
        csv->fields = (int32_t *)wsl_realloc(csv->fields, (csv->n_columns + 1) * sizeof *csv->fields);
        csv->fields[csv->n_columns++] = field;
        if (p == end) {
            return check_header(csv);
        }
    }
}

static wsl_status header(wsl_csv_format *csv, const char *p, const char *end, wsl_decoded *out)
{
    csv->header_expected = false;
    if (csv->header == WSL_CSV_HEADER_NAMES && read_header(csv, p, end) == NULL) {
        csv->header_bad = true;
        memcpy(csv->header_reason, csv->format.reason, sizeof csv->header_reason);
        out->reason = csv->header_reason;
    }
    return WSL_OK;
}

/* ---- rows ---- */

/* The usual numbers, where they stand. Returns the end of the cell, NULL: take the long way. */
static inline const char *number_cell(const wsl_csv_format *csv, const wsl_type *type, uint32_t i, const char *p,
                                      const char *end, const char *limit, wsl_row_writer *w)
{
    const char *q = NULL;
    int64_t v;
    double d;
    if (type->id == WSL_T_DOUBLE) {
        q = wsl_scan_double(p, limit, &d);
        if (q != NULL && (q == end || *q == csv->delimiter)) {
            wsl_row_set_double(w, i, d);
            return q;
        }
    } else if ((type->id >= WSL_T_INT8 && type->id <= WSL_T_INT64) || type->id == WSL_T_TIMESTAMP) {
        q = wsl_scan_int64(p, limit, &v);
        if (q != NULL && (q == end || *q == csv->delimiter) && wsl_int_fits(type->id, v)) {
            wsl_row_set_int64(w, i, v);
            return q;
        }
    }
    return NULL;
}

static inline bool is_null(const wsl_csv_format *csv, const char *text, size_t size)
{
    return size == csv->null_size && memcmp(text, csv->null_text, size) == 0;
}

/* An unquoted string. Returns the end of the cell, NULL: take the long way. */
static inline const char *string_cell(const wsl_csv_format *csv, uint32_t i, const char *p, const char *end,
                                      const char *limit, wsl_row_writer *w)
{
    const char *q = wsl_scan_two(p, end, csv->delimiter, csv->quote);
    const size_t n = (size_t)(q - p);
    if ((q != end && *q == csv->quote) || is_null(csv, p, n) || !wsl_utf8_valid(p, n)) {
        return NULL;
    }
    wsl_put_string(limit, w, i, p, n);
    return w->overflow ? NULL : q;
}

static inline const char *usual_cell(const wsl_csv_format *csv, const wsl_type *type, uint32_t i, const char *p,
                                     const char *end, const char *limit, wsl_row_writer *w)
{
    return type->id == WSL_T_STRING ? string_cell(csv, i, p, end, limit, w)
                                    : number_cell(csv, type, i, p, end, limit, w);
}

static const char *mismatch(wsl_csv_format *csv, const wsl_field *field, const cell *c)
{
    char quote[64], expected[96];
    (void)wsl_type_text(&field->type, expected, sizeof expected);
    return wsl_format_reason(&csv->format, "field '%s' expects %s, found %s", field->name, expected,
                             wsl_format_quote(c->text, c->size, quote));
}

/* False with the reason written, or with w->overflow. */
static bool put_cell(wsl_csv_format *csv, uint32_t i, const cell *c, wsl_row_writer *w)
{
    const wsl_field *field = &csv->format.schema->fields[i];
    if (!c->quoted && is_null(csv, c->text, c->size)) {
        if (field->type.not_null) {
            (void)wsl_format_reason(&csv->format, "field '%s' is NOT NULL", field->name);
        }
        return !field->type.not_null;
    }
    if (field->type.id == WSL_T_STRING && !wsl_utf8_valid(c->text, c->size)) {
        (void)wsl_format_reason(&csv->format, "field '%s' is not UTF-8", field->name);
        return false;
    }
    const wsl_status s = wsl_text_to_value(&field->type, c->text, c->size, (wsl_dest){w, NULL, i}, &csv->format.bytes);
    if (s == WSL_FORMAT) {
        (void)mismatch(csv, field, c);
    }
    return s == WSL_OK;
}

/* All cells of [p, end). False with the reason written, or with w->overflow. */
static bool cells(wsl_csv_format *csv, const char *p, const char *end, const char *limit, wsl_row_writer *w)
{
    const wsl_schema *schema = csv->format.schema;
    for (uint32_t column = 0;; p++) {
        if (WSL_UNLIKELY(column == csv->n_columns)) {
            (void)wsl_format_reason(&csv->format, "the record has more than %u cells", csv->n_columns);
            return false;
        }
        const int32_t field = csv->fields[column];
        const char *q =
            field >= 0 ? usual_cell(csv, &schema->fields[field].type, (uint32_t)field, p, end, limit, w) : NULL;
        if (q == NULL) {
            cell c;
            q = next_cell(csv, p, end, column, &c);
            if (q == NULL || (field >= 0 && !put_cell(csv, (uint32_t)field, &c, w))) {
                return false;
            }
        }
        p = q;
        column++;
        if (p == end) {
            if (WSL_UNLIKELY(column != csv->n_columns)) {
                (void)wsl_format_reason(&csv->format, "the record has %u cells instead of %u", column, csv->n_columns);
                return false;
            }
            return true;
        }
    }
}

wsl_status wsl_csv_decode(wsl_format *f, const char *data, size_t size, bool last, void *memory, uint32_t capacity,
                          wsl_decoded *out)
{
    wsl_csv_format *csv = (wsl_csv_format *)f;
    const char *start = NULL, *end = NULL, *limit = NULL;
    WSL_TRY(find_record(csv, data, size, last, out, &start, &end, &limit));
    if (WSL_UNLIKELY(out->reason != NULL)) {
        return WSL_OK;
    }
    const char *const line_end = end;
    end -= end > start && end[-1] == '\r';
    if (WSL_UNLIKELY(end == start)) {
        return WSL_OK;
    }
    if (WSL_UNLIKELY(csv->header_expected)) {
        return header(csv, start, end, out);
    }
    if (WSL_UNLIKELY(csv->header_bad)) {
        out->reason = csv->header_reason;
        return WSL_OK;
    }
    wsl_row_writer w;
    if (WSL_UNLIKELY(!wsl_row_writer_init(&w, memory, capacity, f->schema->n_fields))) {
        return wsl_format_no_room(f, (size_t)(end - start), capacity, true, out);
    }
    if (WSL_LIKELY(cells(csv, start, end, limit, &w))) {
        out->row = w.row;
        return WSL_OK;
    }
    if (w.overflow) {
        return wsl_format_no_room(f, (size_t)(end - start), capacity, true, out);
    }
    const size_t line = first_line(start, (size_t)(line_end - start) + 1);
    out->consumed = line < out->consumed ? line : out->consumed;
    out->reason = f->reason;
    return WSL_OK;
}
