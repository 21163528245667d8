/*
 * frame - what two network loops say to each other: one transport message, many sections.
 *
 *     0       4         6          8      12         16          24
 *     | magic | version | sections | size | reserved | checksum  | section | section | ...
 *
 *     section, each aligned to 8:
 *     0      2       4         8        12      16      20        24
 *     | kind | flags | channel | length | value | extra | attempt | `length` bytes, padded with zeros to 8 |
 *
 *     kind     value             extra    payload
 *     OPEN     0                 0        struct wsl_frame_open, then the producer's identity
 *     DATA     sequence number   backlog  whole rows
 *     CREDIT   number of credits 0        -
 *     CLOSE    wsl_frame_close   0        -
 *     FAIL     0                 0        the reason, in words
 *
 * A channel has a number that the producer's side gives it in OPEN, unique within the connection and never used again;
 * all other sections name it by that number. Everything is little-endian. `checksum` is XXH3 (64 bits) over everything
 * behind it, seeded with the 16 bytes before it, so no bit of a frame can change unnoticed.
 *
 * The writer fills memory of the caller and knows no channels; the reader believes nothing: every number is checked
 * against the bytes that are really there, whoever sent them. Both are plain functions over bytes.
 *
 * Threads: none of its own; a writer or reader belongs to its caller.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <wiesel/macros.h>
#include <wiesel/status.h>

#define WSL_FRAME_MAGIC UINT32_C(0x464C5357) /* "WSLF" */

enum {
    WSL_FRAME_VERSION = 1,
    WSL_FRAME_HEADER_SIZE = 24,
    WSL_FRAME_SECTION_SIZE = 24,
    WSL_FRAME_SECTIONS_MAX = UINT16_MAX,
    WSL_FRAME_IDENTITY_MAX = 128, /* bytes of the producer's identity in OPEN */
    WSL_FRAME_REASON_MAX = 512,   /* bytes of the reason in FAIL; longer ones are cut by the writer, refused by the reader */
};

typedef enum wsl_frame_kind {
    WSL_FRAME_OPEN = 1,
    WSL_FRAME_DATA = 2,
    WSL_FRAME_CREDIT = 3,
    WSL_FRAME_CLOSE = 4,
    WSL_FRAME_FAIL = 5,
} wsl_frame_kind;

typedef enum wsl_frame_close {
    WSL_FRAME_CLOSE_ABORTED = 1, /* this side's task is gone; nothing more comes */
    WSL_FRAME_CLOSE_ENDED = 2,   /* consumer: the end of input has arrived; producer: all is said */
} wsl_frame_close;

/* How a channel is named between processes. */
typedef struct wsl_frame_open {
    uint64_t job;
    uint32_t edge;
    uint32_t from;
    uint32_t to;
    uint32_t identity_size;
} wsl_frame_open;

_Static_assert(sizeof(wsl_frame_open) == 24, "part of the wire format");

/* One section as read; the pointers point into the frame. */
typedef struct wsl_frame_section {
    wsl_frame_kind kind;
    uint32_t channel;
    uint32_t attempt;
    uint32_t value;
    uint32_t extra;
    const uint8_t *payload; /* DATA: rows, FAIL: text, not terminated */
    uint32_t length;
    wsl_frame_open open;    /* OPEN */
    const char *identity;   /* OPEN: open.identity_size bytes, not terminated */
} wsl_frame_section;

/* ---- writing ---- */

typedef struct wsl_frame_writer {
    uint8_t *data; /* 8-byte aligned */
    uint32_t capacity;
    uint32_t size;
    uint32_t sections;
} wsl_frame_writer;

/* What a section with `length` bytes of payload takes. */
static inline uint32_t wsl_frame_section_bytes(uint32_t length) { return WSL_FRAME_SECTION_SIZE + ((length + 7) & ~7u); }

void wsl_frame_writer_init(wsl_frame_writer *w, void *memory, uint32_t capacity);
static inline bool wsl_frame_writer_is_empty(const wsl_frame_writer *w) { return w->sections == 0; }
bool wsl_frame_writer_has_room(const wsl_frame_writer *w, uint32_t length);

/* Each returns false, and leaves the frame as it was, when there is no room. */
WSL_MUST_CHECK bool wsl_frame_add_open(wsl_frame_writer *w, uint32_t channel, uint32_t attempt, const wsl_frame_open *open,
                                       const char *identity);
WSL_MUST_CHECK bool wsl_frame_add_data(wsl_frame_writer *w, uint32_t channel, uint32_t attempt, uint32_t sequence,
                                       uint32_t backlog, const void *rows, uint32_t length);
WSL_MUST_CHECK bool wsl_frame_add_credit(wsl_frame_writer *w, uint32_t channel, uint32_t attempt, uint32_t credits);
WSL_MUST_CHECK bool wsl_frame_add_close(wsl_frame_writer *w, uint32_t channel, uint32_t attempt, wsl_frame_close why);
WSL_MUST_CHECK bool wsl_frame_add_fail(wsl_frame_writer *w, uint32_t channel, uint32_t attempt, const char *reason);

uint32_t wsl_frame_finish(wsl_frame_writer *w); /* writes the header; returns the frame's size */

/* ---- reading ---- */

typedef struct wsl_frame_reader {
    const uint8_t *data;
    uint32_t size;
    uint32_t at;
    uint32_t left; /* sections */
} wsl_frame_reader;

/* Checks header and checksum. `data` may have any alignment; rows are aligned to 8 if `data` is. */
WSL_MUST_CHECK wsl_status wsl_frame_reader_init(wsl_frame_reader *r, const void *data, size_t size, wsl_error *err);
/* WSL_END: that was all. WSL_FORMAT: the frame is broken from here on. */
WSL_MUST_CHECK wsl_status wsl_frame_next(wsl_frame_reader *r, wsl_frame_section *out_section, wsl_error *err);

/* Are these whole rows, of known kinds, each with the slots its kind needs? A DATA payload from a peer passes this before
 * any task sees it. The fields of data rows are not checked against a schema: both TaskManagers run the same graph. */
bool wsl_frame_rows_ok(const uint8_t *rows, uint32_t length);
