/*
 * file_split - a piece of a file that one reader reads: all records that begin in [start, end).
 *
 * A split that a checkpoint found partly read goes on at its position; start and end, and with them its name, stay.
 *
 * As bytes: u8 version 1, u64 start, u64 end, u64 size of the file when it was found (little-endian), path.
 * With a position: u8 version 2, the same three, u64 position, path.
 */
#pragma once
#include <stdbool.h>

#include <wiesel/connector.h>

#include "base/strbuf.h"

#define WSL_FILE_SPLIT_TO_END UINT64_MAX /* the end, wherever it is by then */

enum { WSL_FILE_PATH_MAX = 4096 };

typedef struct wsl_file_split {
    uint64_t start, end;
    uint64_t file_size;
    uint64_t position; /* the first byte that was not read yet; 0: from the start */
    char *path;
} wsl_file_split;

/* Appends the bytes. */
void wsl_file_split_encode(const wsl_file_split *split, wsl_strbuf *out);
/* path is malloc'ed. */
wsl_status wsl_file_split_decode(const void *bytes, uint32_t size, wsl_file_split *out_split, wsl_error *err);
/* "dir/a.json" or "dir/a.json[0..33554432)"; of long paths the end. */
void wsl_file_split_name(const wsl_file_split *split, char out[WSL_SPLIT_NAME_MAX]);
