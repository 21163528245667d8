/*
 * csv - inside of the csv codec: csv_decode.c reads, csv.c constructs and writes.
 */
#pragma once
#include "format/codec.h"

typedef enum wsl_csv_header {
    WSL_CSV_NO_HEADER,
    WSL_CSV_HEADER_NAMES, /* the first record names the columns */
    WSL_CSV_HEADER_SKIP,  /* the first record is passed over */
} wsl_csv_header;

enum { WSL_CSV_COLUMNS_MAX = 4096, WSL_CSV_NOT_A_FIELD = -1 };

typedef struct wsl_csv_format {
    wsl_format format;
    char delimiter;
    char quote; /* '\n' if there is no quoting: no cell starts with it */
    char *null_text;
    size_t null_size;
    wsl_csv_header header;
    bool header_expected;
    bool header_bad; /* every record of this file is bad, for header_reason */
    char header_reason[WSL_REASON_MAX];
    uint32_t n_columns; /* cells of a record */
    int32_t *fields;    /* by column */
    bool in_quotes;     /* of the unfinished record, at format.seen */
    size_t closed;      /* its last closing quote is right before this offset */
} wsl_csv_format;

wsl_status wsl_csv_decode(wsl_format *format, const char *data, size_t size, bool last, void *memory, uint32_t capacity,
                          wsl_decoded *out);
/* Columns in the schema's order. */
void wsl_csv_columns_by_position(wsl_csv_format *csv);
