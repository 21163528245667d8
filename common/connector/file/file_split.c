/*
 * file_split.c - see the header.
 */
#include "connector/file/file_split.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/alloc.h"

enum { VERSION = 1, HEAD_SIZE = 1 + 3 * 8 };

static void add_u64(wsl_strbuf *out, uint64_t v)
{
    uint8_t bytes[8];
    for (int i = 0; i < 8; i++) {
        bytes[i] = (uint8_t)(v >> (8 * i));
    }
    wsl_strbuf_add(out, bytes, sizeof bytes);
}

static uint64_t u64_at(const uint8_t *bytes)
{
    uint64_t v = 0;
    for (int i = 7; i >= 0; i--) {
        v = v << 8 | bytes[i];
    }
    return v;
}

void wsl_file_split_encode(const wsl_file_split *split, wsl_strbuf *out)
{
    wsl_strbuf_putc(out, VERSION);
    add_u64(out, split->start);
    add_u64(out, split->end);
    add_u64(out, split->file_size);
    wsl_strbuf_puts(out, split->path);
}

wsl_status wsl_file_split_decode(const void *data, uint32_t size, wsl_file_split *out, wsl_error *err)
{
    const uint8_t *bytes = (const uint8_t *)data;
    if (size <= HEAD_SIZE || size > HEAD_SIZE + WSL_FILE_PATH_MAX || bytes[0] != VERSION) {
        return wsl_fail(err, WSL_FORMAT, "the bytes of a split are not those of a file split");
    }
    const wsl_file_split split = {
        .start = u64_at(bytes + 1),
        .end = u64_at(bytes + 9),
        .file_size = u64_at(bytes + 17),
    };
    if (split.start >= split.end || memchr(bytes + HEAD_SIZE, '\0', size - HEAD_SIZE) != NULL) {
        return wsl_fail(err, WSL_FORMAT, "a file split has an empty range or a bad path");
    }
    *out = split;
    out->path = wsl_strndup((const char *)bytes + HEAD_SIZE, size - HEAD_SIZE);
    return WSL_OK;
}

void wsl_file_split_name(const wsl_file_split *split, char out[WSL_SPLIT_NAME_MAX])
{
    enum { RANGE_MAX = 64 };
    const size_t size = strlen(split->path);
    const size_t most = WSL_SPLIT_NAME_MAX - RANGE_MAX;
    const bool cut = size > most;
    const char *path = cut ? split->path + (size - most) : split->path;
    if (split->start == 0 && split->end == WSL_FILE_SPLIT_TO_END) {
        (void)snprintf(out, WSL_SPLIT_NAME_MAX, "%s%s", cut ? "..." : "", path);
    } else if (split->end == WSL_FILE_SPLIT_TO_END) {
        (void)snprintf(out, WSL_SPLIT_NAME_MAX, "%s%s[%" PRIu64 "..)", cut ? "..." : "", path, split->start);
    } else {
        (void)snprintf(out, WSL_SPLIT_NAME_MAX, "%s%s[%" PRIu64 "..%" PRIu64 ")", cut ? "..." : "", path, split->start,
                       split->end);
    }
}
