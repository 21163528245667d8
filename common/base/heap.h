/*
 * heap - intrusive binary heap: the least item first. Items know their place, so that one can be removed or moved when
 * its key changed.
 *
 *     typedef struct timer { int64_t at_ns; uint64_t order; wsl_heap_node node; } timer;
 *
 * Items that compare equal come in no defined order: compare by a second key where order matters (the simulator's runs
 * must repeat).
 *
 * Threads: one owner. Ownership: the heap never frees items.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

typedef struct wsl_heap_node {
    uint32_t place; /* 1 + index; 0: in no heap. Zeroed memory is a node in no heap */
} wsl_heap_node;

typedef bool (*wsl_heap_less)(const wsl_heap_node *a, const wsl_heap_node *b);

typedef struct wsl_heap {
    wsl_heap_node **nodes;
    uint32_t n, capacity;
    wsl_heap_less less;
} wsl_heap;

void wsl_heap_init(wsl_heap *heap, wsl_heap_less less);
void wsl_heap_fini(wsl_heap *heap); /* the nodes are forgotten, not freed */

static inline bool wsl_heap_is_empty(const wsl_heap *heap) { return heap->n == 0; }
static inline bool wsl_heap_holds(const wsl_heap_node *node) { return node->place != 0; }
static inline wsl_heap_node *wsl_heap_top(const wsl_heap *heap) { return heap->n == 0 ? 0 : heap->nodes[0]; }

void wsl_heap_push(wsl_heap *heap, wsl_heap_node *node);
wsl_heap_node *wsl_heap_pop(wsl_heap *heap); /* NULL if empty */
void wsl_heap_remove(wsl_heap *heap, wsl_heap_node *node);
void wsl_heap_update(wsl_heap *heap, wsl_heap_node *node); /* its key changed, either way */
