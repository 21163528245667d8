#include "taskmanager/time/timer_set.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"

enum {
    LOG_CELLS = 9, /* of a page that splits rather than doubles */
    DEPTH_MAX = 22,
    PROBES_MAX = 24, /* a cell that far from its home: is the page full? */
};

/* No call reads the header in passing, which lies in a cache line of its own: whether a page is full shows in how far from home
 * a cell lies, and is counted only then. */
typedef struct tm_timer_page {
    uint32_t mask; /* cells - 1 */
    uint32_t depth; /* bits of the hash that all its cells share */
    bool on_heap;   /* larger than usual */
    _Alignas(64) tm_timer_cell cells[];
} tm_timer_page;

static tm_timer_page *page_of(uintptr_t cell) { return (tm_timer_page *)(cell & ~(uintptr_t)1); }
static uintptr_t cell_for(const tm_timer_page *p) { return (uintptr_t)p | p->on_heap; }
static uint32_t mask_of(uintptr_t cell) { return WSL_LIKELY((cell & 1) == 0) ? (1u << LOG_CELLS) - 1 : page_of(cell)->mask; }

static size_t page_size(uint32_t cells) { return sizeof(tm_timer_page) + cells * sizeof(tm_timer_cell); }

static tm_timer_page *page_new(tm_timer_set *s, uint32_t depth, uint32_t cells)
{
    tm_timer_page *p;
    if (cells > 1u << LOG_CELLS) {
        p = aligned_alloc(64, page_size(cells));
        WSL_ASSERT(p != NULL);
    } else if (s->free_pages != NULL) {
        p = s->free_pages;
        memcpy(&s->free_pages, p->cells, sizeof(void *));
    } else {
        p = tm_region_alloc(s->region, page_size(cells), 64);
    }
    *p = (tm_timer_page){.mask = cells - 1, .depth = depth, .on_heap = cells > 1u << LOG_CELLS};
    memset(p->cells, 0, cells * sizeof(tm_timer_cell));
    return p;
}

static void page_release(tm_timer_set *s, tm_timer_page *p)
{
    if (p->on_heap) {
        free(p);
        return;
    }
    memcpy(p->cells, &s->free_pages, sizeof(void *));
    s->free_pages = p;
}

void tm_timer_set_init(tm_timer_set *s, tm_region *region) { *s = (tm_timer_set){.region = region}; }

void tm_timer_set_fini(tm_timer_set *s)
{
    const tm_timer_page *last = NULL;
    for (uint32_t i = 0; s->directory != NULL && i < 1u << s->depth; i++) {
        tm_timer_page *p = page_of(s->directory[i]);
        if (p != last && p->on_heap) {
            last = p;
            i += (1u << (s->depth - p->depth)) - 1;
            free(p);
        }
    }
    free(s->directory);
    *s = (tm_timer_set){0};
}

static inline uintptr_t place_of(const tm_timer_set *s, uint32_t hash)
{
    return s->directory[(uint64_t)hash >> (32 - s->depth)];
}

const tm_timer_cell *tm_timer_set_find(const tm_timer_set *s, uint32_t hash, const tm_timer_cell *after)
{
    if (s->directory == NULL) {
        return NULL;
    }
    const uintptr_t place = place_of(s, hash);
    const tm_timer_cell *cells = page_of(place)->cells;
    const uint32_t mask = mask_of(place);
    uint32_t i = after == NULL ? hash & mask : ((uint32_t)(after - cells) + 1) & mask;
    while (cells[i].timer != 0) {
        if (cells[i].hash == hash) {
            return &cells[i];
        }
        i = (i + 1) & mask;
    }
    return NULL;
}

void tm_timer_set_prefetch(const tm_timer_set *s, uint32_t hash)
{
    const uintptr_t place = place_of(s, hash);
    __builtin_prefetch(&page_of(place)->cells[hash & mask_of(place)], 1);
}

static void put(tm_timer_page *p, tm_timer_cell cell)
{
    uint32_t i = cell.hash & p->mask;
    while (p->cells[i].timer != 0) {
        i = (i + 1) & p->mask;
    }
    p->cells[i] = cell;
}

/* So full that it should be split. */
static bool is_full(const tm_timer_page *p)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i <= p->mask; i++) {
        n += p->cells[i].timer != 0;
    }
    return n > p->mask / 8 * 5;
}

static void double_directory(tm_timer_set *s)
{
    const uint32_t size = 1u << s->depth;
    uintptr_t *wider = wsl_calloc((size_t)size * 2, sizeof *wider);
    for (uint32_t i = 0; i < size; i++) {
        wider[2 * i] = wider[2 * i + 1] = s->directory[i];
    }
    free(s->directory);
    s->directory = wider;
    s->depth++;
}

/* All directory places that lead to the page of `hash` with its `depth` bits get `to`. */
static void redirect(tm_timer_set *s, uint32_t hash, uint32_t depth, tm_timer_page *to)
{
    const uint32_t places = 1u << (s->depth - depth);
    const uint32_t first = (uint32_t)((uint64_t)hash >> (32 - s->depth)) & ~(places - 1);
    for (uint32_t i = 0; i < places; i++) {
        s->directory[first + i] = cell_for(to);
    }
}

static void split(tm_timer_set *s, uint32_t hash, tm_timer_page *old)
{
    if (old->depth == s->depth) {
        double_directory(s);
    }
    const uint32_t bit = UINT32_C(1) << (31 - old->depth);
    tm_timer_page *half[2] = {page_new(s, old->depth + 1, old->mask + 1), page_new(s, old->depth + 1, old->mask + 1)};
    for (uint32_t i = 0; i <= old->mask; i++) {
        if (old->cells[i].timer != 0) {
            put(half[(old->cells[i].hash & bit) != 0], old->cells[i]);
        }
    }
    redirect(s, hash & ~bit, old->depth + 1, half[0]);
    redirect(s, hash | bit, old->depth + 1, half[1]);
    page_release(s, old);
}

/* Hashes that crowd: no bit is left to tell them apart. */
static void double_page(tm_timer_set *s, uint32_t hash, tm_timer_page *old)
{
    tm_timer_page *p = page_new(s, old->depth, (old->mask + 1) * 2);
    for (uint32_t i = 0; i <= old->mask; i++) {
        if (old->cells[i].timer != 0) {
            put(p, old->cells[i]);
        }
    }
    redirect(s, hash, old->depth, p);
    page_release(s, old);
}

void tm_timer_set_add(tm_timer_set *s, uint32_t hash, uint32_t timer)
{
    if (s->directory == NULL) {
        s->directory = wsl_calloc(1, sizeof(uintptr_t));
        s->directory[0] = cell_for(page_new(s, 0, 1u << LOG_CELLS));
    }
    const tm_timer_cell cell = {.hash = hash, .timer = timer + 1};
    for (;;) {
        const uintptr_t place = place_of(s, hash);
        tm_timer_page *p = page_of(place);
        const uint32_t mask = mask_of(place);
        uint32_t probes = 0;
        while (p->cells[(hash + probes) & mask].timer != 0) {
            probes++;
        }
        if (WSL_LIKELY(probes < PROBES_MAX) || !is_full(p)) {
            p->cells[(hash + probes) & mask] = cell;
            s->n++;
            return;
        }
        if (p->depth < DEPTH_MAX && !p->on_heap) {
            split(s, hash, p);
        } else {
            double_page(s, hash, p);
        }
    }
}

/* Empties a cell and moves back what had to probe past it. */
static void erase(tm_timer_cell *cells, uint32_t mask, uint32_t hole)
{
    for (uint32_t i = (hole + 1) & mask; cells[i].timer != 0; i = (i + 1) & mask) {
        const uint32_t home = cells[i].hash & mask;
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            cells[hole] = cells[i];
            hole = i;
        }
    }
    cells[hole] = (tm_timer_cell){0};
}

void tm_timer_set_remove(tm_timer_set *s, uint32_t hash, uint32_t timer)
{
    const uintptr_t place = place_of(s, hash);
    tm_timer_cell *cells = page_of(place)->cells;
    const uint32_t mask = mask_of(place);
    uint32_t i = hash & mask;
    while (cells[i].timer != timer + 1) {
        WSL_DEBUG_ASSERT(cells[i].timer != 0);
        i = (i + 1) & mask;
    }
    erase(cells, mask, i);
    s->n--;
}
