/*
 * pieces - what readers and writers save (wsl_saver), as one SUBTASK section of their operator, and back.
 *
 *     BYTES record: number = what the operator knows of the piece; u32 length of its name, the name, its bytes
 *
 * Threads: one slot loop.
 */
#pragma once
#include <wiesel/connector.h>

#include "taskmanager/ckpt/restore.h"
#include "taskmanager/ckpt/snapshot.h"

/* Puts what is added into a section of the operator; embedded, until its snapshot returns. */
typedef struct tm_piece_saver {
    wsl_saver saver; /* first: connectors get &saver */
    tm_section *section;
    tm_op *op;
    int64_t (*number)(tm_op *op, const char *name); /* NULL: 0 */
} tm_piece_saver;

void tm_piece_saver_init(tm_piece_saver *s, tm_snapshot *out, tm_op *op, const char *section,
                         int64_t (*number)(tm_op *op, const char *name));

typedef struct tm_pieces {
    wsl_split *items;
    int64_t *numbers;
    uint32_t n;
} tm_pieces;

void tm_pieces_fini(tm_pieces *p);
/* All pieces of all sections of that name, which are all there is. *out zeroed; to be freed in any case. Errors are the task's. */
WSL_MUST_CHECK wsl_status tm_pieces_read(tm_pieces *out, tm_restore *in, const char *section);
