/*
 * metadata - the file _metadata: 32 bytes of header, then a CheckpointMeta.
 *
 *     | "WIESELCK" | u32 format version | u32 0 | u64 length | u64 XXH3 (64 bits) of the length bytes that follow |
 *
 * What is read is checked whole: header, checksum, then meaning (file indices, offsets within files, key groups in order and
 * below max_parallelism, names and sizes within limits). So whoever has a CheckpointMeta can use it without checking again.
 *
 * Threads: any; no state.
 */
#pragma once
#include <wiesel/status.h>

#include "checkpoint.pb-c.h"

enum { WSL_METADATA_VERSION = 1, WSL_METADATA_SIZE_MAX = 256 << 20 };

/* malloc'ed bytes. */
void wsl_metadata_encode(const Wsl__Pb__CheckpointMeta *meta, uint8_t **out_bytes, size_t *out_size);
/* WSL_CORRUPT: damaged, with words; WSL_UNSUPPORTED: of a later version. `origin` is for the sentence. */
WSL_MUST_CHECK wsl_status wsl_metadata_decode(const void *bytes, size_t size, const char *origin,
                                              Wsl__Pb__CheckpointMeta **out_meta, wsl_error *err);
/* The same rules for what a TaskManager says in an acknowledgement. */
WSL_MUST_CHECK wsl_status wsl_task_snapshot_check(const Wsl__Pb__TaskSnapshot *snapshot, wsl_error *err);
