/*
 * bad_record.c - see the header.
 */
#include "format/bad_record.h"

#include <inttypes.h>
#include <string.h>

#include "format/utf8.h"

enum { RAW_IN_SENTENCE = 160 };

wsl_on_error wsl_on_error_of(const wsl_config *config)
{
    const char *text = wsl_config_str(config, "on-error");
    if (text == NULL || strcmp(text, "fail") == 0) {
        return WSL_ON_ERROR_FAIL;
    }
    return strcmp(text, "skip") == 0 ? WSL_ON_ERROR_SKIP : WSL_ON_ERROR_SIDE_OUTPUT;
}

/* The beginning of raw as one printable line: control characters and bad UTF-8 as \xHH. */
static void printable(wsl_str raw, char *out, size_t out_size)
{
    static const char hex[16] = "0123456789abcdef";
    const size_t shown = raw.size < RAW_IN_SENTENCE ? raw.size : RAW_IN_SENTENCE;
    size_t at = 0, n = 0;
    while (at < shown && n + 8 < out_size) {
        const size_t length = wsl_utf8_length(raw.data + at, raw.size - at);
        const unsigned char c = (unsigned char)raw.data[at];
        if (length == 0 || c < 0x20 || c == 0x7F) {
            const char escape[4] = {'\\', 'x', hex[c >> 4], hex[c & 15]};
            memcpy(out + n, escape, 4);
            n += 4;
            at++;
        } else {
            memcpy(out + n, raw.data + at, length);
            n += length;
            at += length;
        }
    }
    if (at < raw.size) {
        memcpy(out + n, "...", 3);
        n += 3;
    }
    out[n] = '\0';
}

wsl_status wsl_bad_record_fail(wsl_error *err, const char *reason, const char *where, uint64_t offset, wsl_str raw)
{
    char text[RAW_IN_SENTENCE * 4 + 16];
    printable(raw, text, sizeof text);
    return wsl_fail(err, WSL_FORMAT,
                    "bad record in '%s' at byte %" PRIu64
                    ": %s; it begins with: %s (on-error = skip or side-output goes "
                    "on without it)",
                    where, offset, reason, text);
}

static size_t padded(size_t size) { return (size + 7) & ~(size_t)7; }
static size_t raw_size(wsl_str raw) { return raw.size < WSL_BAD_RECORD_RAW_MAX ? raw.size : WSL_BAD_RECORD_RAW_MAX; }

uint32_t wsl_bad_record_room(const char *reason, const char *where, wsl_str raw)
{
    /* a byte that is not UTF-8 becomes three */
    const size_t room = wsl_row_fixed_size(wsl_bad_record_n_fields) + padded(strlen(reason)) + padded(strlen(where)) +
                        padded(3 * raw_size(raw));
    return (uint32_t)room;
}

/* Appends raw, cut at a character's border, bad bytes replaced; false if there is no room for the worst case. */
static bool set_raw(wsl_row_writer *w, wsl_str raw)
{
    const uint32_t at = w->row->size;
    const size_t shown = raw_size(raw);
    if (w->capacity - at < padded(3 * shown)) {
        return false;
    }
    char *to = (char *)w->row + at;
    size_t n = 0, i = 0;
    while (i < shown) {
        const size_t length = wsl_utf8_length(raw.data + i, raw.size - i);
        if (length > shown - i) {
            break;
        }
        if (length == 0) {
            memcpy(to + n, "\xEF\xBF\xBD", 3);
            n += 3;
            i++;
        } else {
            memcpy(to + n, raw.data + i, length);
            n += length;
            i += length;
        }
    }
    memset(to + n, 0, padded(n) - n);
    w->row->size = at + (uint32_t)padded(n);
    wsl_row_set_slot(w, wsl_bad_record_f_raw, (uint64_t)n << 32 | at);
    return true;
}

wsl_row *wsl_bad_record_build(void *memory, uint32_t capacity, const char *reason, const char *where, uint64_t offset,
                              wsl_str raw)
{
    wsl_row_writer w;
    if (!wsl_row_writer_init(&w, memory, capacity, wsl_bad_record_n_fields)) {
        return NULL;
    }
    wsl_bad_record_set_reason(&w, wsl_str_of(reason));
    wsl_bad_record_set_file(&w, wsl_str_of(where));
    wsl_bad_record_set_offset(&w, (int64_t)offset);
    return !w.overflow && set_raw(&w, raw) ? w.row : NULL;
}
