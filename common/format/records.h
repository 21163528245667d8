/*
 * records - the buffer between a stream of bytes (file, socket) and the rows of a source.
 *
 *     bytes --space/filled--> [ ....|record|record|rec ] --run: decode, emit--> rows, bad records
 *
 * The owner puts bytes in where wsl_records_space says and calls wsl_records_run, which emits rows until its budget is
 * used up or only an unfinished record is left. The buffer starts with one block and grows up to max-line and a block
 * for a record that needs it; what is longer is skipped without being kept. It shrinks back when it has run empty.
 *
 * Threads: as the reader that embeds it. ctx->format is used and reset, so a reader has one wsl_records in use at a
 * time.
 */
#pragma once
#include <wiesel/connector.h>

enum { WSL_RECORDS_BLOCK = 256 << 10 };

typedef struct wsl_records {
    char *data;
    size_t capacity;
    size_t begin, end;  /* what is not decoded yet */
    uint64_t offset;    /* of data[begin] in the stream */
    uint64_t stop;      /* records that begin here or later are not ours */
    const char *where;  /* for bad records: path, or host:port; outlives the records */
    bool ended;         /* no bytes will follow */
    bool in_the_middle; /* the first bytes belong to a record that began before */
} wsl_records;

void wsl_records_fini(wsl_records *r); /* zeroed memory is fine, too */

/* A new stream (or split of one): bytes follow from `offset` on. in_the_middle: pass over everything up to the first
 * line end (a split of [a, b) with a > 0 begins at a - 1 and so sees whether a record begins at a). */
void wsl_records_start(wsl_records *r, wsl_source_ctx *ctx, const char *where, uint64_t offset, uint64_t stop,
                       bool in_the_middle);

/* Goes on at another place of the same stream: what is in the buffer is dropped, what the format has learned (a csv header) stays.
 * Between two records. */
void wsl_records_jump(wsl_records *r, uint64_t offset, bool in_the_middle);

/* Where the next bytes go and how many there may be, at least one. */
char *wsl_records_space(wsl_records *r, wsl_source_ctx *ctx, size_t *out_size);
void wsl_records_filled(wsl_records *r, size_t size);
/* The stream's end: an unfinished record is whole now. */
void wsl_records_ended(wsl_records *r);
/* The offset behind all bytes that came in. */
static inline uint64_t wsl_records_tip(const wsl_records *r) { return r->offset + (r->end - r->begin); }

/* WSL_OK: max_rows records (rows or not) were worked off. WSL_AGAIN: more bytes, please. WSL_END: `stop` was reached,
 * or the stream has ended and everything is decoded. Else the status of what failed; err is filled, or the ctx knows.
 */
wsl_status wsl_records_run(wsl_records *r, wsl_source_ctx *ctx, uint32_t max_rows, wsl_error *err);
