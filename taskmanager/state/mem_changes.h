/*
 * mem_changes - what has changed in a memory backend since its last snapshot, so that a checkpoint can be a layer
 * (ckpt/layers.h).
 *
 *     entry   CLEAN: as the last snapshot has it. Whoever writes takes the mark away; the walk of a snapshot gives it.
 *     gone    keys that were removed since, and namespaces that were dropped; more of them than an eighth of the state: they are
 *             forgotten, and the next snapshot is whole
 *
 * All of this is about one checkpoint, `since`. If that is not what the task acknowledged last (it was given up, or failed, or
 * another attempt took it), the marks say nothing, and the next snapshot is whole.
 *
 * Invariant: an entry that is CLEAN is in the layers up to `since`, and is what a restore of them gives.
 *
 * Threads: one slot loop.
 */
#pragma once
#include "taskmanager/ckpt/layers.h"
#include "taskmanager/state/mem_internal.h"

/* An entry is about to be removed. */
void tm_mem_note_gone(tm_mem_state *m, const uint8_t *entry);
/* A space, with whatever is in it. */
void tm_mem_note_dropped(tm_mem_state *m, const tm_mem_space *space);
void tm_mem_changes_fini(tm_mem_state *m);

/* Is a layer on that base worth it? About as much as the entries that are not clean would be written. */
bool tm_mem_wants_layer(tm_mem_state *m, const tm_layer_base *base);
/* A snapshot begins whose marks count from now on: what was noted goes to the caller, who frees it. */
tm_mem_gone tm_mem_changes_begin(tm_mem_state *m, uint64_t checkpoint);
void tm_mem_gone_fini(tm_mem_gone *g);
