/*
 * suggest - "did you mean ...?": the known word nearest to a mistyped one.
 *
 * Threads: any.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

typedef struct wsl_suggest {
    const char *word; /* what was typed */
    const char *best; /* NULL as long as nothing is near enough */
    uint32_t distance;
} wsl_suggest;

/* Distance: characters inserted, removed, replaced, or swapped with their neighbour; letters' case costs nothing. A
 * word is near enough if at most a third of its characters (at least one) differ, or if it is the end of a dotted name
 * ("segment-size" for "taskmanager.memory.segment-size"). */
void wsl_suggest_init(wsl_suggest *s, const char *word);
void wsl_suggest_offer(wsl_suggest *s, const char *candidate); /* kept by pointer */

enum { WSL_SUGGEST_TEXT_MAX = 128 };
/* "; did you mean 'x'?", or "" if there is nothing near. Returns out. */
const char *wsl_suggest_text(const wsl_suggest *s, char out[WSL_SUGGEST_TEXT_MAX]);
