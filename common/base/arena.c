/*
 * arena - a chain of chunks; the newest is filled, older ones are full.
 *
 *     newest -> chunk -> ... -> first chunk (kept by reset)
 *
 * A request larger than half a chunk gets a chunk of its own behind the newest one, so that the rest of the newest is
 * not given up for it.
 */
#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"

enum { CHUNK_MIN = 256 };

typedef struct chunk {
    struct chunk *next;
    size_t size, used; /* of data */
    _Alignas(16) unsigned char data[];
} chunk;

struct wsl_arena {
    chunk *newest;
    chunk *first;
    size_t chunk_size;
    size_t used;
};

static chunk *chunk_new(size_t size)
{
    chunk *const c = wsl_alloc(sizeof *c + size);
    *c = (chunk){.size = size};
    return c;
}

wsl_arena *wsl_arena_new(size_t chunk_size)
{
    wsl_arena *const arena = wsl_zalloc(sizeof *arena);
    arena->chunk_size = chunk_size < CHUNK_MIN ? CHUNK_MIN : (chunk_size + 15) & ~(size_t)15;
    arena->first = arena->newest = chunk_new(arena->chunk_size);
    return arena;
}

static void free_but_first(wsl_arena *arena)
{
    chunk *c = arena->newest;
    while (c != NULL) {
        chunk *const next = c->next;
        if (c != arena->first) {
            free(c);
        }
        c = next;
    }
}

void wsl_arena_free(wsl_arena *arena)
{
    if (arena != NULL) {
        free_but_first(arena);
        free(arena->first);
        free(arena);
    }
}

void wsl_arena_reset(wsl_arena *arena)
{
    free_but_first(arena);
    arena->first->next = NULL;
    arena->first->used = 0;
    arena->newest = arena->first;
    arena->used = 0;
}

static void *alloc_in_new_chunk(wsl_arena *arena, size_t size)
{
    if (size > arena->chunk_size / 2) {
        chunk *const own = chunk_new(size);
        own->used = size;
        own->next = arena->newest->next;
        arena->newest->next = own;
        return own->data;
    }
    chunk *const c = chunk_new(arena->chunk_size);
    c->next = arena->newest;
    c->used = size;
    arena->newest = c;
    return c->data;
}

void *wsl_arena_alloc(wsl_arena *arena, size_t size)
{
    WSL_ASSERT(size <= SIZE_MAX / 2);
    /* Sizes that are multiples of 16 get 16-byte alignment, all others 8. */
    const size_t rounded = size == 0 ? 8 : (size + 7) & ~(size_t)7;
    chunk *const c = arena->newest;
    const size_t at = rounded % 16 == 0 ? (c->used + 15) & ~(size_t)15 : c->used;
    arena->used += rounded;
    if (WSL_LIKELY(at <= c->size && rounded <= c->size - at)) {
        c->used = at + rounded;
        return c->data + at;
    }
    return alloc_in_new_chunk(arena, rounded);
}

void *wsl_arena_zalloc(wsl_arena *arena, size_t size)
{
    void *const p = wsl_arena_alloc(arena, size);
    memset(p, 0, size);
    return p;
}

char *wsl_arena_strndup(wsl_arena *arena, const char *text, size_t size)
{
    const size_t n = strnlen(text, size);
    char *const p = wsl_arena_alloc(arena, n + 1);
    memcpy(p, text, n);
    p[n] = '\0';
    return p;
}

char *wsl_arena_strdup(wsl_arena *arena, const char *text) { return wsl_arena_strndup(arena, text, strlen(text)); }

char *wsl_arena_printf(wsl_arena *arena, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    const int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    WSL_ASSERT(n >= 0);
    char *const p = wsl_arena_alloc(arena, (size_t)n + 1);
    (void)vsnprintf(p, (size_t)n + 1, format, again);
    va_end(again);
    return p;
}

size_t wsl_arena_used(const wsl_arena *arena) { return arena->used; }
