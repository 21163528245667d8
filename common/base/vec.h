/*
 * vec - a growable array of one type, embedded in its owner.
 *
 *     WSL_VEC(wsl_id) ids = {0};
 *     wsl_vec_push(&ids, id);
 *     for (uint32_t i = 0; i < ids.n; i++) { use(ids.items[i]); }
 *     wsl_vec_fini(&ids);
 *
 * Zeroed memory is an empty vec. Items move when it grows: keep indexes, not pointers. Items are freed by their owner.
 */
#pragma once
#include <stdint.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"

#define WSL_VEC(type)                                                                                                  \
    struct {                                                                                                           \
        type *items;                                                                                                   \
        uint32_t n, capacity;                                                                                          \
    }

static inline void *wsl_vec_grow_(void *items, uint32_t *capacity, uint64_t need, size_t item_size)
{
    uint64_t c = *capacity < 8 ? 8 : *capacity;
    while (c < need) {
        c *= 2;
    }
    WSL_ASSERT(c <= UINT32_MAX);
    *capacity = (uint32_t)c;
    return wsl_realloc(items, (size_t)c * item_size);
}

/* Room for `more` items beyond n. */
#define wsl_vec_reserve(v, more)                                                                                       \
    do {                                                                                                               \
        const uint64_t need_ = (uint64_t)(v)->n + (more);                                                              \
        if (need_ > (v)->capacity) {                                                                                   \
            (v)->items = wsl_vec_grow_((v)->items, &(v)->capacity, need_, sizeof *(v)->items);                         \
        }                                                                                                              \
    } while (0)

#define wsl_vec_push(v, item)                                                                                          \
    do {                                                                                                               \
        __typeof__(*(v)->items) pushed_ = (item); /* first: it may be one of ours */                                   \
        wsl_vec_reserve(v, 1);                                                                                         \
        (v)->items[(v)->n++] = pushed_;                                                                                \
    } while (0)

/* Not empty (asserted). */
#define wsl_vec_last(v) (*(WSL_ASSERT((v)->n > 0), &(v)->items[(v)->n - 1]))
#define wsl_vec_pop(v) (*(WSL_ASSERT((v)->n > 0), &(v)->items[--(v)->n]))

/* Keeps the order. */
#define wsl_vec_remove(v, at)                                                                                          \
    do {                                                                                                               \
        const uint32_t at_ = (at);                                                                                     \
        WSL_ASSERT(at_ < (v)->n);                                                                                      \
        (v)->n--;                                                                                                      \
        memmove(&(v)->items[at_], &(v)->items[at_ + 1], ((v)->n - at_) * sizeof *(v)->items);                          \
    } while (0)

/* The last item takes its place. */
#define wsl_vec_remove_swap(v, at)                                                                                     \
    do {                                                                                                               \
        const uint32_t at_ = (at);                                                                                     \
        WSL_ASSERT(at_ < (v)->n);                                                                                      \
        (v)->items[at_] = (v)->items[--(v)->n];                                                                        \
    } while (0)

#define wsl_vec_clear(v) ((void)((v)->n = 0))

#define wsl_vec_fini(v)                                                                                                \
    do {                                                                                                               \
        free((v)->items);                                                                                              \
        (v)->items = NULL;                                                                                             \
        (v)->n = (v)->capacity = 0;                                                                                    \
    } while (0)
