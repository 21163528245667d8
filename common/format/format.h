/*
 * format - decoding text into rows and rows into text: "json" (one object per line) and "csv" (RFC 4180).
 *
 * A decoder is handed a block of bytes that starts at a record and finds records by itself (a CSV record may span lines).
 * It writes rows straight into the memory it is given, fields by name (json) or by column (csv, optional header). What is
 * missing is null; what is there but unknown is skipped. NOT NULL fields that are missing make a bad record.
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

/* "format" plus what json and csv take: "csv.header", "csv.delimiter", "csv.quote", "csv.null", "json.ignore-unknown",
 * "timestamp-format" (epoch-ms|iso)... */
extern const wsl_option wsl_format_options[];

void wsl_format_free(wsl_format *format);
/* name: "json" or "csv". The schema outlives the format. */
WSL_MUST_CHECK wsl_status wsl_format_new(const char *name, const wsl_schema *schema, const wsl_config *config,
                                         wsl_format **out_format, wsl_error *err);
WSL_DEFINE_AUTO(wsl_format)

typedef struct wsl_decoded {
    size_t consumed;    /* bytes of input used up, including the line end */
    wsl_row *row;       /* == memory given; NULL: no row in these bytes (blank line, header) */
    const char *reason; /* bad record: why, valid until the next call; row is NULL then */
} wsl_decoded;

/* One record from [data, data+size). last: nothing follows, so a record without line end is whole.
 * WSL_OK: out filled (a row, nothing, or a bad record). WSL_AGAIN: the record is not whole yet, give more bytes.
 * WSL_NO_RESOURCE: `capacity` is too small for the row; out->consumed holds the bytes it needs. */
wsl_status wsl_format_decode(wsl_format *format, const char *data, size_t size, bool last, void *memory,
                             uint32_t capacity, wsl_decoded *out);
/* Start of a new file: csv expects its header again. */
void wsl_format_reset(wsl_format *format);

/* Appends the row as one record with its line end. */
void wsl_format_encode(wsl_format *format, const wsl_row *row, wsl_strbuf *out);
/* What belongs at the head of a new file (csv header); may append nothing. */
void wsl_format_encode_header(wsl_format *format, wsl_strbuf *out);
