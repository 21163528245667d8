/*
 * arena - bump allocation in chunks, all freed or reset at once. 8-byte aligned (16 on request by size).
 *
 * Threads: one owner.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include <wiesel/macros.h>

typedef struct wsl_arena wsl_arena;

void wsl_arena_free(wsl_arena *arena);
WSL_NEW_BY(wsl_arena_free) wsl_arena *wsl_arena_new(size_t chunk_size);
WSL_DEFINE_AUTO(wsl_arena)

void *wsl_arena_alloc(wsl_arena *arena, size_t size); /* never NULL; not zeroed */
void *wsl_arena_zalloc(wsl_arena *arena, size_t size);
char *wsl_arena_strdup(wsl_arena *arena, const char *text);
char *wsl_arena_strndup(wsl_arena *arena, const char *text, size_t size);
char *wsl_arena_printf(wsl_arena *arena, const char *format, ...) WSL_PRINTF(2, 3);
void wsl_arena_reset(wsl_arena *arena); /* keeps the first chunk */
size_t wsl_arena_used(const wsl_arena *arena);
