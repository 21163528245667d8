/*
 * found_paths - what a file enumerator has found, as bytes for a checkpoint.
 *
 *     piece "floor"   u8 version, i64 floor (ns), u64 start within the file handed out in part, its path (empty: none)
 *     piece "paths"   per path: what it shares with the one before (varint), bytes of the rest (varint), the rest,
 *                     modification time as the difference to the one before (zigzag varint)
 *
 * Files of a directory share most of their path, and come in the order of their times: some 15 bytes per file are usual. Each
 * piece begins anew.
 *
 * Threads: any; no state.
 */
#pragma once
#include <stdint.h>

#include <wiesel/status.h>

#include "base/strbuf.h"

#define WSL_FOUND_FLOOR "floor"
#define WSL_FOUND_PATHS "paths"

typedef struct wsl_found_floor {
    int64_t floor_ns;
    uint64_t partial_start;
    char *partial; /* NULL: none; of decode: malloc'ed */
} wsl_found_floor;

typedef struct wsl_found_path {
    const char *path;
    int64_t mtime_ns;
} wsl_found_path;

void wsl_found_floor_encode(const wsl_found_floor *floor, wsl_strbuf *out);
WSL_MUST_CHECK wsl_status wsl_found_floor_decode(const void *bytes, uint32_t size, wsl_found_floor *out, wsl_error *err);
/* last: the path before in the same piece; NULL: it is the first. */
void wsl_found_path_encode(const wsl_found_path *path, const wsl_found_path *last, wsl_strbuf *out);
/* Each path is valid during its call. */
WSL_MUST_CHECK wsl_status wsl_found_paths_decode(const void *bytes, uint32_t size,
                                                 void (*each)(void *arg, const wsl_found_path *path), void *arg,
                                                 wsl_error *err);
