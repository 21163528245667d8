/*
 * layers - what a task's last acknowledgement named, for the next checkpoint to build on.
 *
 *     checkpoint 7    shared/7-3-0-5f2a.state     layer 0 of "state": all of it
 *     checkpoint 8    ... and shared/8-3-0-91c0.state     layer 1: what has changed since 7
 *     checkpoint 9    ... and shared/9-3-0-77e1.state     layer 2: since 8
 *     checkpoint 10   shared/10-3-0-c2d4.state    layer 0 again, when the layers have become too many or too large
 *
 * A backend that has a section's last layer as its own last snapshot (the numbers agree) may write the next layer; else it writes
 * everything. So a snapshot that was given up before it was acknowledged costs a full one, and nothing has to be taken back. One
 * that was acknowledged counts even if its checkpoint came to nothing: the JobManager keeps shared files that were named until a later
 * checkpoint is kept without them.
 *
 * Threads: one slot loop.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <wiesel/macros.h>

#include "checkpoint.pb-c.h"

enum { TM_LAYERS_MAX = 16 }; /* above the lowest */

typedef struct tm_layers tm_layers;

void tm_layers_free(tm_layers *l);
WSL_NEW_BY(tm_layers_free) tm_layers *tm_layers_new(void);

/* What there is of a section. */
typedef struct tm_layer_base {
    uint64_t checkpoint;  /* that was acknowledged last */
    uint32_t next;        /* layer */
    uint64_t lowest_bytes; /* of layer 0 ... */
    uint64_t upper_bytes;  /* ... and of those above it */
} tm_layer_base;

/* False: there is nothing to build on: no such section, or it travels with its handles because it is small. */
bool tm_layers_find(const tm_layers *l, uint32_t op, const char *name, tm_layer_base *out_base);
/* Before an acknowledgement: puts the lower layers before those of the snapshot that build on them, and leaves out layers without
 * bytes. */
void tm_layers_complete(const tm_layers *l, Wsl__Pb__TaskSnapshot *snapshot);
/* It is on its way. */
void tm_layers_acknowledged(tm_layers *l, uint64_t checkpoint, const Wsl__Pb__TaskSnapshot *snapshot);
