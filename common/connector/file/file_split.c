/*
 * file_split.c - see the header.
 */
#include "connector/file/file_split.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/alloc.h"
#include "connector/file/little_endian.h"

enum { WHOLE = 1, PARTLY_READ = 2, WHOLE_HEAD = 1 + 3 * 8, PARTLY_READ_HEAD = WHOLE_HEAD + 8 };

void wsl_file_split_encode(const wsl_file_split *split, wsl_strbuf *out)
{
    wsl_strbuf_putc(out, split->position != 0 ? PARTLY_READ : WHOLE);
    wsl_add_u64(out, split->start);
    wsl_add_u64(out, split->end);
    wsl_add_u64(out, split->file_size);
    if (split->position != 0) {
        wsl_add_u64(out, split->position);
    }
    wsl_strbuf_puts(out, split->path);
}

wsl_status wsl_file_split_decode(const void *data, uint32_t size, wsl_file_split *out, wsl_error *err)
{
    const uint8_t *bytes = (const uint8_t *)data;
    const bool partly = size > 0 && bytes[0] == PARTLY_READ;
    const uint32_t head = partly ? PARTLY_READ_HEAD : WHOLE_HEAD;
    if (size <= head || size > head + WSL_FILE_PATH_MAX || (!partly && bytes[0] != WHOLE)) {
        return wsl_fail(err, WSL_FORMAT, "the bytes of a split are not those of a file split");
    }
    const wsl_file_split split = {
        .start = wsl_u64_at(bytes + 1),
        .end = wsl_u64_at(bytes + 9),
        .file_size = wsl_u64_at(bytes + 17),
        .position = partly ? wsl_u64_at(bytes + WHOLE_HEAD) : 0,
    };
    if (split.start >= split.end || memchr(bytes + head, '\0', size - head) != NULL) {
        return wsl_fail(err, WSL_FORMAT, "a file split has an empty range or a bad path");
    }
    if (partly && (split.position < split.start || split.position >= split.end)) {
        return wsl_fail(err, WSL_FORMAT, "a file split goes on outside of its range");
    }
    *out = split;
    out->path = wsl_strndup((const char *)bytes + head, size - head);
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
