/*
 * codec - what json, csv and raw have in common inside: the base of a wsl_format and the finding of lines.
 *
 * Threads: as wsl_format.
 */
#pragma once
#include "format/format.h"

#include <string.h>

typedef struct wsl_codec {
    const char *name;
    size_t size; /* of the struct that begins with wsl_format; zeroed */
    /* Does the schema fit? */
    wsl_status (*check)(const wsl_schema *schema, const wsl_config *config, wsl_error *err);
    void (*open)(wsl_format *format, const wsl_config *config);
    void (*close)(wsl_format *format);
    wsl_status (*decode)(wsl_format *format, const char *data, size_t size, bool last, void *memory, uint32_t capacity,
                         wsl_decoded *out);
    void (*reset)(wsl_format *format);
    bool (*wants_header)(const wsl_format *format); /* NULL: never */
    void (*encode)(wsl_format *format, const wsl_row *row, wsl_strbuf *out);
    void (*encode_header)(wsl_format *format, wsl_strbuf *out);
    bool (*splittable)(const wsl_config *config); /* csv only */
} wsl_codec;

extern const wsl_codec wsl_json_codec, wsl_csv_codec, wsl_raw_codec;

enum { WSL_REASON_MAX = 512 };

struct wsl_format {
    const wsl_codec *codec;
    const wsl_schema *schema;
    size_t max_line;
    bool iso;             /* timestamps are written as ISO text */
    bool at_start;        /* of a file: a byte order mark may follow */
    bool skipping;        /* the rest of a record that was too long */
    size_t seen;          /* bytes of the unfinished record that hold no end of it; 0 after every record */
    uintptr_t line_end;   /* address of a line end that was far behind in the block; only a hint */
    uint32_t fixed_room;  /* bytes of a row whatever is in it, padding included */
    wsl_strbuf tail;      /* copy of a last line that has no line end, with one */
    wsl_strbuf unescaped; /* a string value whose text is not its value */
    wsl_strbuf bytes;     /* base64 */
    char reason[WSL_REASON_MAX];
};

/* Bad record that ends at `consumed`. The sentence goes to format->reason. */
wsl_status wsl_format_bad(wsl_format *format, wsl_decoded *out, size_t consumed, const char *text, ...)
    WSL_PRINTF(4, 5);

/* The record of out->consumed bytes is longer than max-line. */
static inline wsl_status wsl_format_too_long(wsl_format *f, wsl_decoded *out)
{
    return wsl_format_bad(f, out, out->consumed, "the record is longer than max-line (%zu bytes)", f->max_line);
}

/* Writes the reason; returns NULL, for parsers that return the position they got to. */
const char *wsl_format_reason(wsl_format *format, const char *text, ...) WSL_PRINTF(2, 3);

/* The record's text as a short quotation for a reason: `"abc..."`, at most 40 bytes of it, harmless to print. */
const char *wsl_format_quote(const char *text, size_t size, char out[64]);

/* A record without end in `size` bytes: WSL_AGAIN, or with more than max_line bytes the bad record and skipping. */
wsl_status wsl_format_unfinished(wsl_format *format, const char *data, size_t size, wsl_decoded *out);

/* Copies [data, data+size) to format->tail, puts a line end and readable zeros behind; returns the copy. */
const char *wsl_format_tail(wsl_format *format, const char *data, size_t size);

/* The next line: *out_line up to *out_end, where the '\n' is; *out_limit is the end of readable memory behind it.
 * out->consumed is set. WSL_OK also with out->reason set (too long). */
static inline wsl_status wsl_format_line(wsl_format *f, const char *data, size_t size, bool last, wsl_decoded *out,
                                         const char **out_line, const char **out_end, const char **out_limit)
{
    const char *end = size > f->seen ? (const char *)memchr(data + f->seen, '\n', size - f->seen) : NULL;
    if (WSL_LIKELY(end != NULL)) {
        f->seen = 0;
        out->consumed = (size_t)(end - data) + 1;
        *out_line = data;
        *out_end = end;
        *out_limit = data + size;
        if (WSL_UNLIKELY((size_t)(end - data) > f->max_line)) {
            return wsl_format_too_long(f, out);
        }
        return WSL_OK;
    }
    if (!last || size > f->max_line) {
        return wsl_format_unfinished(f, data, size, out);
    }
    f->seen = 0;
    out->consumed = size;
    *out_line = wsl_format_tail(f, data, size);
    *out_end = *out_line + size;
    *out_limit = *out_end + 16;
    return WSL_OK;
}

/* Is there a line end in [data, data+size) for sure? Then a parser that stops at one can go ahead without knowing where
 * the line ends. Looks for the last one of the block once, not once per line. */
static inline bool wsl_format_has_line_end(wsl_format *f, const char *data, size_t size)
{
    const uintptr_t ahead = f->line_end - (uintptr_t)data;
    if (WSL_LIKELY(ahead < size && data[ahead] == '\n')) {
        return true;
    }
    const char *end = (const char *)memrchr(data, '\n', size);
    f->line_end = (uintptr_t)end;
    return end != NULL;
}

/* wsl_format_decode without a call on the way in the usual case. */
static inline wsl_status wsl_format_decode_next(wsl_format *f, const char *data, size_t size, bool last, void *memory,
                                                uint32_t capacity, wsl_decoded *out)
{
    if (WSL_UNLIKELY(size == 0 || f->skipping || f->at_start)) {
        return wsl_format_decode(f, data, size, last, memory, capacity, out);
    }
    *out = (wsl_decoded){0};
    return f->codec->decode(f, data, size, last, memory, capacity, out);
}

/* The row did not fit: what to ask for next. `text` bytes of input make the row, `capacity` was too little. */
static inline wsl_status wsl_format_no_room(const wsl_format *f, size_t text, uint32_t capacity, bool flat,
                                            wsl_decoded *out)
{
    const uint64_t bound = ((uint64_t)f->fixed_room + text + 7) & ~(uint64_t)7;
    const uint64_t twice = 2 * (uint64_t)capacity;
    const uint64_t need = !flat && twice > bound ? twice : bound;
    out->needed = need < UINT32_MAX - 7 ? (uint32_t)need : UINT32_MAX - 7;
    out->row = NULL;
    return WSL_NO_RESOURCE;
}
