/*
 * heap - children of i at 2i + 1 and 2i + 2; no node is less than its parent.
 */
#include "base/heap.h"

#include "base/alloc.h"
#include "base/assert.h"

void wsl_heap_init(wsl_heap *heap, wsl_heap_less less) { *heap = (wsl_heap){.less = less}; }

void wsl_heap_fini(wsl_heap *heap)
{
    for (uint32_t i = 0; i < heap->n; i++) {
        heap->nodes[i]->place = 0;
    }
    free(heap->nodes);
    *heap = (wsl_heap){.less = heap->less};
}

static void put(wsl_heap *heap, uint32_t i, wsl_heap_node *node)
{
    heap->nodes[i] = node;
    node->place = i + 1;
}

static void sift_up(wsl_heap *heap, uint32_t i, wsl_heap_node *node)
{
    while (i > 0) {
        const uint32_t parent = (i - 1) / 2;
        if (!heap->less(node, heap->nodes[parent])) {
            break;
        }
        put(heap, i, heap->nodes[parent]);
        i = parent;
    }
    put(heap, i, node);
}

static void sift_down(wsl_heap *heap, uint32_t i, wsl_heap_node *node)
{
    for (;;) {
        uint32_t child = 2 * i + 1;
        if (child >= heap->n) {
            break;
        }
        if (child + 1 < heap->n && heap->less(heap->nodes[child + 1], heap->nodes[child])) {
            child++;
        }
        if (!heap->less(heap->nodes[child], node)) {
            break;
        }
        put(heap, i, heap->nodes[child]);
        i = child;
    }
    put(heap, i, node);
}

void wsl_heap_push(wsl_heap *heap, wsl_heap_node *node)
{
    WSL_ASSERT(!wsl_heap_holds(node));
    WSL_ASSERT(heap->n < UINT32_MAX / 2 - 1);
    if (heap->n == heap->capacity) {
        heap->capacity = heap->capacity < 16 ? 16 : heap->capacity * 2;
        heap->nodes = wsl_realloc(heap->nodes, heap->capacity * sizeof(wsl_heap_node *));
    }
    sift_up(heap, heap->n++, node);
}

void wsl_heap_update(wsl_heap *heap, wsl_heap_node *node)
{
    WSL_ASSERT(wsl_heap_holds(node) && heap->nodes[node->place - 1] == node);
    sift_up(heap, node->place - 1, node);
    sift_down(heap, node->place - 1, node);
}

void wsl_heap_remove(wsl_heap *heap, wsl_heap_node *node)
{
    WSL_ASSERT(wsl_heap_holds(node) && heap->nodes[node->place - 1] == node);
    const uint32_t i = node->place - 1;
    wsl_heap_node *const last = heap->nodes[--heap->n];
    node->place = 0;
    if (last != node) {
        put(heap, i, last);
        wsl_heap_update(heap, last);
    }
}

wsl_heap_node *wsl_heap_pop(wsl_heap *heap)
{
    wsl_heap_node *const top = wsl_heap_top(heap);
    if (top != NULL) {
        wsl_heap_remove(heap, top);
    }
    return top;
}
