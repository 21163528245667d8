/*
 * format - decoding text into rows and rows into text: "json" (one object per line), "csv" (RFC 4180) and "raw" (the
 * line is the row's only field, a STRING).
 *
 * A decoder is handed a block of bytes that starts at a record and finds records by itself (a CSV record may span
 * lines). It writes rows straight into the memory it is given. json takes fields by name: what is missing is null, what
 * is there but unknown is skipped. csv takes them by column; every record has as many cells as the schema has fields
 * (or the header names). NOT NULL fields without a value make a bad record. README.md has all the rules.
 *
 * A bad record costs itself only: decoding goes on at the next line. A record of more than max-line bytes is one, too,
 * and is never held in memory whole.
 *
 * Threads: a wsl_format is used by one subtask.
 */
#pragma once
#include <wiesel/config.h>
#include <wiesel/row.h>
#include <wiesel/status.h>
#include <wiesel/type.h>

#include "base/strbuf.h"

typedef struct wsl_format wsl_format;

/* "format", "max-line", "timestamp-format" (epoch-ms|iso), "json.ignore-unknown", "csv.header", "csv.delimiter",
 * "csv.quote", "csv.null". */
extern const wsl_option wsl_format_options[];

void wsl_format_free(wsl_format *format);
/* name: "json", "csv", "raw", or "auto": raw for a schema of one STRING field, else json. The schema outlives the
 * format; the config (with wsl_format_options) need not. */
WSL_MUST_CHECK wsl_status wsl_format_new(const char *name, const wsl_schema *schema, const wsl_config *config,
                                         wsl_format **out_format, wsl_error *err);
WSL_DEFINE_AUTO(wsl_format)

/* Does the schema fit the format (csv holds flat types only...)? What wsl_format_new checks, without making one. */
WSL_MUST_CHECK wsl_status wsl_format_check(const char *name, const wsl_schema *schema, const wsl_config *config,
                                           wsl_error *err);
/* For sinks: the same, and nothing that only reading can do (csv without quotes). By option "format". */
WSL_MUST_CHECK wsl_status wsl_format_check_writing(const wsl_config *config, const wsl_schema *schema, wsl_error *err);
/* May a file be read from the middle, at any line end? */
bool wsl_format_splittable(const wsl_config *config);
size_t wsl_format_max_line(const wsl_format *format);

typedef struct wsl_decoded {
    size_t consumed;    /* bytes of input used up, including the line end */
    wsl_row *row;       /* == memory given; NULL: no row in these bytes (blank line, header, rest of a long line) */
    const char *reason; /* bad record: why, valid until the next call; row is NULL then */
    uint32_t needed;    /* WSL_NO_RESOURCE: the capacity to try next */
} wsl_decoded;

/* One record from [data, data+size). last: nothing follows, so a record without line end is whole.
 * WSL_OK: out filled (a row, nothing, or a bad record); at least one byte was consumed. WSL_AGAIN: the record is not
 * whole yet; call again with the same bytes and more behind (there are at most max-line of them). WSL_END: size is 0
 * and last. WSL_NO_RESOURCE: `capacity` is too small for the row; out->needed holds what to try next, always more
 * than capacity (with nested types it may take several rounds), out->consumed the record's bytes. Memory is 8-byte
 * aligned; what is in it behind the row is undefined. */
wsl_status wsl_format_decode(wsl_format *format, const char *data, size_t size, bool last, void *memory,
                             uint32_t capacity, wsl_decoded *out);
/* Start of a new file: csv expects its header again. */
void wsl_format_reset(wsl_format *format);
/* Is the next record one that says how to read the others (csv header)? */
bool wsl_format_wants_header(const wsl_format *format);

/* Appends the row as one record with its line end. */
void wsl_format_encode(wsl_format *format, const wsl_row *row, wsl_strbuf *out);
/* What belongs at the head of a new file (csv header); may append nothing. */
void wsl_format_encode_header(wsl_format *format, wsl_strbuf *out);
