/*
 * layer_filter - which records of layered KEYED sections count.
 *
 *     layers of one name of one subtask, from the highest down; within a layer in any order:
 *         for each record: is it hidden by a layer above?
 *
 * What it keeps grows with the keys in the upper layers.
 *
 * Threads: one.
 */
#pragma once
#include <wiesel/macros.h>

#include "ckpt/record.h"

typedef struct wsl_layer_filter wsl_layer_filter;

void wsl_layer_filter_free(wsl_layer_filter *f);
WSL_NEW_BY(wsl_layer_filter_free) wsl_layer_filter *wsl_layer_filter_new(void);

/* The records that follow are of a section of that layer, which is not above the last one. */
void wsl_layer_filter_section(wsl_layer_filter *f, uint32_t layer);
/* All records of the section in their order, with their key group. True: it counts. Those of KEY, SPACE, REPLACE and DROP do not
 * matter: they say what others are of. */
bool wsl_layer_filter_counts(wsl_layer_filter *f, uint32_t group, const wsl_record *record);
