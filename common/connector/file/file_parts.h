/*
 * file_parts - the closed parts of one writer whose job takes checkpoints: which of them wait, for which checkpoint.
 *
 *     closed, synced --prepare(c)--> of checkpoint c --commit(c or later)--> renamed to its visible name
 *
 * A piece per file goes into a checkpoint: name = hidden name, bytes = u8 version, u8 kind, u64 size.
 *
 *     PENDING   whole; visible when the checkpoint is complete
 *     OPEN      still written to; what is behind `size` is not of the checkpoint
 *     NEXT      no file: size is the number of the next part
 *
 * RESTORE renames PENDING files (one that is not there was renamed before), and tells of OPEN ones, whose first `size` bytes the
 * writer copies into a new part. It does not cut the old file and go on in it: a writer of the attempt that failed may still be
 * at work (a stopped process that goes on), and would write into it. The old file stays until a checkpoint is complete that does not
 * need it; other files of earlier attempts are removed at once.
 *
 * Threads: the writer's slot loop.
 */
#pragma once
#include <wiesel/connector.h>

#include "base/fs.h"
#include "base/vec.h"
#include "connector/file/part_names.h"

typedef struct wsl_file_part {
    char *name;          /* hidden, in the directory */
    uint64_t size;
    uint64_t checkpoint; /* the first one that has it whole; 0: none yet */
    bool was_open;       /* a checkpoint has it as OPEN */
} wsl_file_part;

typedef WSL_VEC(wsl_file_part) wsl_file_part_list;

typedef struct wsl_file_parts {
    wsl_fs *fs;
    const char *dir; /* the writer's */
    wsl_part_owner owner;
    uint32_t parallelism;
    uint64_t next_number;
    wsl_file_part_list pending;
    wsl_file_part_list copied; /* OPEN in the checkpoint that was gone back to: to be removed, behind the first checkpoint */
    bool new_names;            /* since the directory was synced */
} wsl_file_parts;

void wsl_file_parts_init(wsl_file_parts *p, wsl_sink_ctx *ctx, const char *dir);
/* Removes parts that no checkpoint has. */
void wsl_file_parts_fini(wsl_file_parts *p);
/* A part was closed; it is whole and synced. Takes the name. was_open: it was saved as the open one. */
void wsl_file_parts_add(wsl_file_parts *p, WSL_TAKES char *name, uint64_t size, bool was_open);
/* Saves all that waits, and the open part if open is not NULL. Makes names durable. */
WSL_MUST_CHECK wsl_status wsl_file_parts_prepare(wsl_file_parts *p, uint64_t checkpoint, const char *open, uint64_t open_size,
                                                 wsl_saver *save, wsl_error *err);
/* checkpoint UINT64_MAX: all there are. */
WSL_MUST_CHECK wsl_status wsl_file_parts_commit(wsl_file_parts *p, uint64_t checkpoint, wsl_error *err);
/* Before the first part is made; n may be 0. copied has then what is to be copied. */
WSL_MUST_CHECK wsl_status wsl_file_parts_restore(wsl_file_parts *p, const wsl_split *pieces, uint32_t n, wsl_error *err);
/* Removes what earlier attempts left behind, but for `copied`. */
WSL_MUST_CHECK wsl_status wsl_file_parts_clean(wsl_file_parts *p, wsl_error *err);
