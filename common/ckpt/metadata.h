/*
 * metadata - the file _metadata: 32 bytes of header, then a CheckpointMeta.
 *
 *     | "WIESELCK" | u32 format version | u32 0 | u64 length | u64 XXH3 (64 bits) of the length bytes that follow |
 *
 * What is read is checked whole: header, checksum, then meaning (file indices, offsets within files, key groups in order and
 * below max_parallelism, names and sizes within limits). So whoever has a CheckpointMeta can use it without checking again.
 *
 *     operator      uid, unique; subtasks: none at all, or each of 0 .. parallelism-1 once, in order (finished ones are there too)
 *     file          either a path (relative without "..", or absolute) or its bytes; state_bytes is the sum of all sizes
 *                   what lies in shared/ says which checkpoint it was written for, no other file does
 *     section       within its file, multiples of 8; kind, name and layer once per subtask. Without bytes (length 0) it needs no file
 *     layers        KEYED only; those of a name ("state" and "state+" count as one) from 0 up, none missing, in that order
 *     key groups    those of its subtask: group_ends ascend to the length
 *     takes         none: they are for deployments
 *
 * Threads: any; no state.
 */
#pragma once
#include <wiesel/status.h>

#include "checkpoint.pb-c.h"

enum {
    WSL_METADATA_VERSION = 1,
    WSL_METADATA_SIZE_MAX = 256 << 20,
    WSL_METADATA_HEADER_SIZE = 32,
    WSL_STATE_PATH_MAX = 4000,    /* bytes of a file's path */
    WSL_STATE_NAME_MAX = 1000,    /* of names and uids */
    WSL_SECTION_STATES_MAX = 256, /* records name them with one byte */
    WSL_SECTION_LAYERS_MAX = 63,  /* above the lowest */
};

/* malloc'ed bytes. meta is as wsl_metadata_check wants it, else it will not be read back. */
void wsl_metadata_encode(const Wsl__Pb__CheckpointMeta *meta, uint8_t **out_bytes, size_t *out_size);
/* WSL_CORRUPT: damaged, with words; WSL_UNSUPPORTED: of a later version. `origin` is for the sentence. */
WSL_MUST_CHECK wsl_status wsl_metadata_decode(const void *bytes, size_t size, const char *origin,
                                              Wsl__Pb__CheckpointMeta **out_meta, wsl_error *err);

/* Only the meaning; WSL_CORRUPT. What was decoded was checked; this is for who is about to write. */
WSL_MUST_CHECK wsl_status wsl_metadata_check(const Wsl__Pb__CheckpointMeta *meta, wsl_error *err);
/* The same rules for what a TaskManager says in an acknowledgement: paths are relative. WSL_FORMAT. */
WSL_MUST_CHECK wsl_status wsl_task_snapshot_check(const Wsl__Pb__TaskSnapshot *snapshot, wsl_error *err);
/* ... and for what a deployment brings: an operator has the states of several old subtasks, takes are within their section,
 * paths absolute. WSL_FORMAT. */
WSL_MUST_CHECK wsl_status wsl_task_snapshot_check_dealt(const Wsl__Pb__TaskSnapshot *snapshot, wsl_error *err);
