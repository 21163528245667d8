/*
 * found_paths.c - see the header.
 */
#include "connector/file/found_paths.h"

#include <string.h>

#include "base/alloc.h"
#include "connector/file/file_split.h"
#include "connector/file/little_endian.h"

enum { VERSION = 1, FLOOR_HEAD = 1 + 2 * 8 };

static void add_varint(wsl_strbuf *out, uint64_t v)
{
    for (; v >= 0x80; v >>= 7) {
        wsl_strbuf_putc(out, (char)(uint8_t)(v | 0x80));
    }
    wsl_strbuf_putc(out, (char)(uint8_t)v);
}

/* False: there is none. */
static bool take_varint(const uint8_t **at, const uint8_t *end, uint64_t *out)
{
    uint64_t v = 0;
    for (uint32_t shift = 0; shift < 64 && *at < end; shift += 7) {
        const uint8_t byte = *(*at)++;
        v |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *out = v;
            return true;
        }
    }
    return false;
}

static uint64_t zigzag(uint64_t difference) { return difference << 1 ^ (uint64_t)((int64_t)difference >> 63); }
static uint64_t unzigzag(uint64_t v) { return v >> 1 ^ (~(v & 1) + 1); }

void wsl_found_floor_encode(const wsl_found_floor *floor, wsl_strbuf *out)
{
    wsl_strbuf_putc(out, VERSION);
    wsl_add_u64(out, (uint64_t)floor->floor_ns);
    wsl_add_u64(out, floor->partial_start);
    wsl_strbuf_puts(out, floor->partial != NULL ? floor->partial : "");
}

wsl_status wsl_found_floor_decode(const void *data, uint32_t size, wsl_found_floor *out, wsl_error *err)
{
    const uint8_t *bytes = (const uint8_t *)data;
    const char *path = (const char *)bytes + FLOOR_HEAD;
    if (size < FLOOR_HEAD || size > FLOOR_HEAD + WSL_FILE_PATH_MAX || bytes[0] != VERSION ||
        memchr(path, '\0', size - FLOOR_HEAD) != NULL) {
        return wsl_fail(err, WSL_CORRUPT, "what a file source remembers of its directory cannot be read");
    }
    *out = (wsl_found_floor){
        .floor_ns = (int64_t)wsl_u64_at(bytes + 1),
        .partial_start = wsl_u64_at(bytes + 9),
        .partial = size > FLOOR_HEAD ? wsl_strndup(path, size - FLOOR_HEAD) : NULL,
    };
    return WSL_OK;
}

void wsl_found_path_encode(const wsl_found_path *path, const wsl_found_path *last, wsl_strbuf *out)
{
    size_t shared = 0;
    while (last != NULL && path->path[shared] != '\0' && path->path[shared] == last->path[shared]) {
        shared++;
    }
    const size_t rest = strlen(path->path + shared);
    add_varint(out, shared);
    add_varint(out, rest);
    wsl_strbuf_add(out, path->path + shared, rest);
    add_varint(out, zigzag((uint64_t)path->mtime_ns - (last != NULL ? (uint64_t)last->mtime_ns : 0)));
}

wsl_status wsl_found_paths_decode(const void *data, uint32_t size, void (*each)(void *arg, const wsl_found_path *path),
                                  void *arg, wsl_error *err)
{
    const uint8_t *at = (const uint8_t *)data, *const end = at + size;
    char path[WSL_FILE_PATH_MAX];
    uint64_t length = 0, mtime = 0;
    while (at < end) {
        uint64_t shared, rest, time;
        if (!take_varint(&at, end, &shared) || !take_varint(&at, end, &rest) || shared > length ||
            rest > (uint64_t)(end - at) || shared + rest == 0 || shared + rest >= sizeof path) {
            return wsl_fail(err, WSL_CORRUPT, "the paths that a file source has found cannot be read");
        }
        memcpy(path + shared, at, rest);
        at += rest;
        length = shared + rest;
        path[length] = '\0';
        if (memchr(path, '\0', length) != NULL || !take_varint(&at, end, &time)) {
            return wsl_fail(err, WSL_CORRUPT, "the paths that a file source has found cannot be read");
        }
        mtime += unzigzag(time);
        each(arg, &(wsl_found_path){path, (int64_t)mtime});
    }
    return WSL_OK;
}
