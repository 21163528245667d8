/*
 * The heap is 4-ary: half as deep as a binary one, and four children lie within two cache lines. Its nodes carry what
 * nearly always decides the order, so sifting rarely looks at the timers themselves. The set is open addressing with
 * linear probing and deletion by shifting back, its cells carry the hash.
 */
#include "taskmanager/time/timer_service.h"

#include "base/alloc.h"
#include "base/assert.h"

enum { CHUNK_TIMERS = 1024, INLINE_KEY = 16, SET_MIN = 64, HEAP_MIN = 64, DEAD_MIN = 1024 };

typedef struct tm_timer {
    int64_t timestamp;
    int64_t ns;
    uint32_t hash; /* of the key */
    uint32_t key_size;
    uint32_t key_nulls;
    uint32_t next_free; /* number + 1; IN_USE, DEAD: it is in the heap */
    uint64_t key[2];    /* the bytes, or a pointer to them */
} tm_timer;

enum { IN_USE = 0 };
#define DEAD UINT32_MAX

void tm_timers_init(tm_timers *t)
{
    *t = (tm_timers){0};
    tm_region_init(&t->region);
    tm_slab_init(&t->slab, &t->region);
}

void tm_timers_fini(tm_timers *t)
{
    for (uint32_t i = 0; i < t->n_chunks; i++) {
        free(t->chunks[i]);
    }
    free(t->chunks);
    free(t->heap);
    free(t->set);
    tm_slab_fini(&t->slab);
    tm_region_fini(&t->region);
    *t = (tm_timers){0};
}

/* ---- timers by number ---- */

static inline tm_timer *timer_at(const tm_timers *t, uint32_t number)
{
    return &t->chunks[number / CHUNK_TIMERS][number % CHUNK_TIMERS];
}

static const void *key_bytes(const tm_timer *timer)
{
    return timer->key_size <= INLINE_KEY ? (const void *)timer->key : (const void *)(uintptr_t)timer->key[0];
}

static uint32_t timer_new(tm_timers *t, const tm_key_ctx *kc, int64_t ns, int64_t timestamp)
{
    uint32_t number;
    if (t->free != 0) {
        number = t->free - 1;
        t->free = timer_at(t, number)->next_free;
    } else {
        if (t->n_timers == t->n_chunks * CHUNK_TIMERS) {
            t->chunks = wsl_realloc(t->chunks, (t->n_chunks + 1) * sizeof(tm_timer *));
            t->chunks[t->n_chunks++] = wsl_calloc(CHUNK_TIMERS, sizeof(tm_timer));
        }
        number = t->n_timers++;
    }
    tm_timer *timer = timer_at(t, number);
    *timer = (tm_timer){.timestamp = timestamp,
                        .ns = ns,
                        .hash = kc->hash,
                        .key_size = tm_key_ctx_size(kc),
                        .key_nulls = kc->row->nulls,
                        .next_free = IN_USE};
    void *to = timer->key;
    if (timer->key_size > INLINE_KEY) {
        to = tm_slab_alloc(&t->slab, timer->key_size);
        timer->key[0] = (uint64_t)(uintptr_t)to;
    }
    memcpy(to, tm_key_ctx_bytes(kc), timer->key_size);
    return number;
}

static void timer_release(tm_timers *t, uint32_t number)
{
    tm_timer *timer = timer_at(t, number);
    if (timer->key_size > INLINE_KEY) {
        tm_slab_release(&t->slab, (void *)(uintptr_t)timer->key[0], timer->key_size);
    }
    timer->next_free = t->free;
    t->free = number + 1;
}

/* ---- heap ---- */

/* Keys, then namespaces. */
static int compare_timers(const tm_timers *t, uint32_t a, uint32_t b)
{
    const tm_timer *x = timer_at(t, a);
    const tm_timer *y = timer_at(t, b);
    const uint32_t size = x->key_size < y->key_size ? x->key_size : y->key_size;
    const int order = memcmp(key_bytes(x), key_bytes(y), size);
    if (order != 0) {
        return order;
    }
    if (x->key_size != y->key_size) {
        return x->key_size < y->key_size ? -1 : 1;
    }
    if (x->key_nulls != y->key_nulls) {
        return x->key_nulls < y->key_nulls ? -1 : 1;
    }
    return x->ns < y->ns ? -1 : x->ns > y->ns;
}

static inline bool before(const tm_timers *t, const tm_timer_node *a, const tm_timer_node *b)
{
    if (a->timestamp != b->timestamp) {
        return a->timestamp < b->timestamp;
    }
    if (a->group != b->group) {
        return a->group < b->group;
    }
    if (a->prefix != b->prefix) {
        return a->prefix < b->prefix;
    }
    return compare_timers(t, a->timer, b->timer) < 0;
}

static void sift_down(tm_timers *t, uint32_t i)
{
    const tm_timer_node node = t->heap[i];
    for (;;) {
        const uint32_t first = 4 * i + 1;
        if (first >= t->n_heap) {
            break;
        }
        const uint32_t end = first + 4 < t->n_heap ? first + 4 : t->n_heap;
        uint32_t least = first;
        for (uint32_t c = first + 1; c < end; c++) {
            least = before(t, &t->heap[c], &t->heap[least]) ? c : least;
        }
        if (!before(t, &t->heap[least], &node)) {
            break;
        }
        t->heap[i] = t->heap[least];
        i = least;
    }
    t->heap[i] = node;
}

static void heap_push(tm_timers *t, tm_timer_node node)
{
    if (t->n_heap == t->heap_capacity) {
        t->heap_capacity = t->heap_capacity == 0 ? HEAP_MIN : t->heap_capacity * 2;
        t->heap = wsl_realloc(t->heap, t->heap_capacity * sizeof *t->heap);
    }
    uint32_t i = t->n_heap++;
    while (i > 0) {
        const uint32_t parent = (i - 1) / 4;
        if (!before(t, &node, &t->heap[parent])) {
            break;
        }
        t->heap[i] = t->heap[parent];
        i = parent;
    }
    t->heap[i] = node;
}

static void heap_drop_first(tm_timers *t)
{
    t->heap[0] = t->heap[--t->n_heap];
    if (t->n_heap > 1) {
        sift_down(t, 0);
    }
}

static void drop_dead_at_top(tm_timers *t)
{
    while (t->n_heap > 0 && timer_at(t, t->heap[0].timer)->next_free == DEAD) {
        timer_release(t, t->heap[0].timer);
        heap_drop_first(t);
        t->n_dead--;
    }
}

static void sweep_dead(tm_timers *t)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < t->n_heap; i++) {
        if (timer_at(t, t->heap[i].timer)->next_free == DEAD) {
            timer_release(t, t->heap[i].timer);
        } else {
            t->heap[n++] = t->heap[i];
        }
    }
    t->n_heap = n;
    t->n_dead = 0;
    for (uint32_t i = n / 4 + 1; i-- > 0;) {
        if (i < n) {
            sift_down(t, i);
        }
    }
}

/* ---- set ---- */

static inline uint32_t cell_hash(uint32_t key_hash, int64_t ns, int64_t timestamp)
{
    const uint64_t when = (uint64_t)timestamp + (uint64_t)ns * UINT64_C(0xD6E8FEB86659FD93);
    const uint64_t x = (when ^ ((uint64_t)key_hash << 32 | key_hash)) * UINT64_C(0x9E3779B97F4A7C15);
    return (uint32_t)(x >> 32);
}

static inline bool is_same(const tm_timers *t, uint32_t number, const tm_key_ctx *kc, int64_t ns, int64_t timestamp)
{
    const tm_timer *timer = timer_at(t, number);
    return timer->timestamp == timestamp && timer->ns == ns && timer->hash == kc->hash && timer->key_size == tm_key_ctx_size(kc) &&
           timer->key_nulls == kc->row->nulls && memcmp(key_bytes(timer), tm_key_ctx_bytes(kc), timer->key_size) == 0;
}

/* The cell of this timer, or the empty one where it would go. */
static uint32_t find_cell(const tm_timers *t, uint32_t hash, const tm_key_ctx *kc, int64_t ns, int64_t timestamp)
{
    for (uint32_t i = hash & t->set_mask;; i = (i + 1) & t->set_mask) {
        const tm_timer_cell *c = &t->set[i];
        if (c->timer == 0 || (c->hash == hash && is_same(t, c->timer - 1, kc, ns, timestamp))) {
            return i;
        }
    }
}

static void grow_set(tm_timers *t)
{
    const uint32_t old_size = t->set == NULL ? 0 : t->set_mask + 1;
    tm_timer_cell *old = t->set;
    const uint32_t size = old_size == 0 ? SET_MIN : old_size * 2;
    t->set = wsl_calloc(size, sizeof *t->set);
    t->set_mask = size - 1;
    for (uint32_t k = 0; k < old_size; k++) {
        if (old[k].timer != 0) {
            uint32_t i = old[k].hash & t->set_mask;
            while (t->set[i].timer != 0) {
                i = (i + 1) & t->set_mask;
            }
            t->set[i] = old[k];
        }
    }
    free(old);
}

/* Empties a cell and moves back what had to probe past it. */
static void erase_cell(tm_timers *t, uint32_t hole)
{
    for (uint32_t i = (hole + 1) & t->set_mask; t->set[i].timer != 0; i = (i + 1) & t->set_mask) {
        const uint32_t home = t->set[i].hash & t->set_mask;
        if (((i - home) & t->set_mask) >= ((i - hole) & t->set_mask)) {
            t->set[hole] = t->set[i];
            hole = i;
        }
    }
    t->set[hole] = (tm_timer_cell){0};
    t->n_set--;
}

static void erase_number(tm_timers *t, uint32_t number)
{
    const tm_timer *timer = timer_at(t, number);
    uint32_t i = cell_hash(timer->hash, timer->ns, timer->timestamp) & t->set_mask;
    while (t->set[i].timer != number + 1) {
        WSL_DEBUG_ASSERT(t->set[i].timer != 0);
        i = (i + 1) & t->set_mask;
    }
    erase_cell(t, i);
}

/* ---- the rest ---- */

static uint64_t prefix_of(const tm_key_ctx *kc)
{
    uint64_t prefix;
    memcpy(&prefix, tm_key_ctx_bytes(kc), sizeof prefix); /* a key has a field, so 8 bytes at least */
    return __builtin_bswap64(prefix);
}

bool tm_timers_set(tm_timers *t, const tm_key_ctx *kc, int64_t ns, int64_t timestamp)
{
    if (t->set == NULL || t->n_set >= t->set_mask / 2) {
        grow_set(t);
    }
    const uint32_t hash = cell_hash(kc->hash, ns, timestamp);
    const uint32_t cell = find_cell(t, hash, kc, ns, timestamp);
    if (t->set[cell].timer != 0) {
        return false;
    }
    const uint32_t number = timer_new(t, kc, ns, timestamp);
    t->set[cell] = (tm_timer_cell){.hash = hash, .timer = number + 1};
    t->n_set++;
    heap_push(t, (tm_timer_node){
                     .timestamp = timestamp, .prefix = prefix_of(kc), .group = tm_key_ctx_group(kc), .timer = number});
    return true;
}

bool tm_timers_delete(tm_timers *t, const tm_key_ctx *kc, int64_t ns, int64_t timestamp)
{
    if (t->set == NULL) {
        return false;
    }
    const uint32_t cell = find_cell(t, cell_hash(kc->hash, ns, timestamp), kc, ns, timestamp);
    if (t->set[cell].timer == 0) {
        return false;
    }
    timer_at(t, t->set[cell].timer - 1)->next_free = DEAD;
    t->n_dead++;
    erase_cell(t, cell);
    if (t->n_dead > DEAD_MIN && t->n_dead > t->n_heap / 2) {
        sweep_dead(t);
    }
    return true;
}

bool tm_timers_next(tm_timers *t, int64_t *out_timestamp)
{
    drop_dead_at_top(t);
    if (t->n_heap == 0) {
        return false;
    }
    *out_timestamp = t->heap[0].timestamp;
    return true;
}

bool tm_timers_pop(tm_timers *t, int64_t up_to, tm_key_ctx *kc, int64_t *out_ns, int64_t *out_timestamp)
{
    drop_dead_at_top(t);
    if (t->n_heap == 0 || t->heap[0].timestamp > up_to) {
        return false;
    }
    const uint32_t number = t->heap[0].timer;
    const tm_timer *timer = timer_at(t, number);
    tm_key_ctx_restore(kc, key_bytes(timer), timer->key_size, timer->key_nulls, timer->hash);
    *out_ns = timer->ns;
    *out_timestamp = timer->timestamp;
    erase_number(t, number);
    heap_drop_first(t);
    timer_release(t, number);
    return true;
}
