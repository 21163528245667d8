#include "taskmanager/time/timer_service.h"

#include "base/alloc.h"
#include "base/assert.h"

enum {
    CHUNK_TIMERS = 1024,
    INLINE_KEY = 16,
    DEAD_MIN = 1024,
    AHEAD = 12, /* timers whose turn is that far away are prefetched, their cells of the set at half of it */
};

typedef struct tm_timer {
    int64_t timestamp;
    int64_t ns;
    uint32_t hash; /* of the key */
    uint32_t key_size;
    uint32_t key_nulls;
    uint32_t next_free; /* number + 1; IN_USE, DEAD: it is in the queue */
    uint64_t key[2];    /* the bytes, or a pointer to them */
} tm_timer;

enum { IN_USE = 0 };
#define DEAD UINT32_MAX

void tm_timers_init(tm_timers *t)
{
    *t = (tm_timers){0};
    tm_region_init(&t->region);
    tm_slab_init(&t->slab, &t->region);
    tm_timer_set_init(&t->set, &t->region);
}

void tm_timers_fini(tm_timers *t)
{
    free(t->chunks);
    tm_timer_queue_fini(&t->queue);
    tm_timer_set_fini(&t->set);
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
            t->chunks[t->n_chunks++] = tm_region_alloc(&t->region, CHUNK_TIMERS * sizeof(tm_timer), 64);
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

/* ---- what the queue asks ---- */

/* Keys, then namespaces. */
static int compare_timers(const void *arg, uint32_t a, uint32_t b)
{
    const tm_timer *x = timer_at(arg, a);
    const tm_timer *y = timer_at(arg, b);
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

static bool is_dead(const void *arg, uint32_t number) { return timer_at(arg, number)->next_free == DEAD; }
static void prefetch(const void *arg, uint32_t number) { __builtin_prefetch(timer_at(arg, number), 1); }
static void release(void *arg, uint32_t number) { timer_release(arg, number); }

static const tm_timer_queue_ops queue_ops = {
    .compare = compare_timers, .is_dead = is_dead, .prefetch = prefetch, .release = release};

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
    return timer->timestamp == timestamp && timer->ns == ns && timer->hash == kc->hash &&
           timer->key_size == tm_key_ctx_size(kc) && timer->key_nulls == kc->row->nulls &&
           memcmp(key_bytes(timer), tm_key_ctx_bytes(kc), timer->key_size) == 0;
}

/* False: there is no such timer. */
static bool find(const tm_timers *t, uint32_t hash, const tm_key_ctx *kc, int64_t ns, int64_t timestamp,
                 uint32_t *out_number)
{
    for (const tm_timer_cell *c = NULL; (c = tm_timer_set_find(&t->set, hash, c)) != NULL;) {
        if (is_same(t, c->timer - 1, kc, ns, timestamp)) {
            *out_number = c->timer - 1;
            return true;
        }
    }
    return false;
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
    const uint32_t hash = cell_hash(kc->hash, ns, timestamp);
    uint32_t number;
    if (find(t, hash, kc, ns, timestamp, &number)) {
        return false;
    }
    number = timer_new(t, kc, ns, timestamp);
    tm_timer_set_add(&t->set, hash, number);
    tm_timer_queue_push(&t->queue, &queue_ops, t,
                        &(tm_timer_node){.timestamp = timestamp,
                                         .prefix = prefix_of(kc),
                                         .group = tm_key_ctx_group(kc),
                                         .timer = number});
    return true;
}

bool tm_timers_delete(tm_timers *t, const tm_key_ctx *kc, int64_t ns, int64_t timestamp)
{
    const uint32_t hash = cell_hash(kc->hash, ns, timestamp);
    uint32_t number;
    if (!find(t, hash, kc, ns, timestamp, &number)) {
        return false;
    }
    tm_timer_set_remove(&t->set, hash, number);
    timer_at(t, number)->next_free = DEAD;
    t->n_dead++;
    if (t->n_dead > DEAD_MIN && t->n_dead > t->queue.n / 2) {
        t->n_dead -= tm_timer_queue_sweep(&t->queue, &queue_ops, t);
    }
    return true;
}

/* The first timer that lives; NULL: none does. */
static const tm_timer_node *first(tm_timers *t)
{
    for (;;) {
        const tm_timer_node *node = tm_timer_queue_first(&t->queue, &queue_ops, t);
        if (node == NULL || timer_at(t, node->timer)->next_free != DEAD) {
            return node;
        }
        const uint32_t number = node->timer;
        tm_timer_queue_drop_first(&t->queue, &queue_ops, t);
        timer_release(t, number);
        t->n_dead--;
    }
}

bool tm_timers_next(tm_timers *t, int64_t *out_timestamp)
{
    const tm_timer_node *node = first(t);
    if (node == NULL) {
        return false;
    }
    *out_timestamp = node->timestamp;
    return true;
}

static void look_ahead(const tm_timers *t)
{
    const uint32_t far = tm_timer_queue_ahead(&t->queue, AHEAD);
    const uint32_t near = tm_timer_queue_ahead(&t->queue, AHEAD / 2);
    if (far != UINT32_MAX) {
        prefetch(t, far);
    }
    if (near != UINT32_MAX) {
        const tm_timer *timer = timer_at(t, near);
        tm_timer_set_prefetch(&t->set, cell_hash(timer->hash, timer->ns, timer->timestamp));
    }
}

bool tm_timers_pop(tm_timers *t, int64_t up_to, tm_key_ctx *kc, int64_t *out_ns, int64_t *out_timestamp)
{
    const tm_timer_node *node = first(t);
    if (node == NULL || node->timestamp > up_to) {
        return false;
    }
    const uint32_t number = node->timer;
    const tm_timer *timer = timer_at(t, number);
    look_ahead(t);
    tm_key_ctx_restore(kc, key_bytes(timer), timer->key_size, timer->key_nulls, timer->hash);
    *out_ns = timer->ns;
    *out_timestamp = timer->timestamp;
    tm_timer_set_remove(&t->set, cell_hash(timer->hash, timer->ns, timer->timestamp), number);
    tm_timer_queue_drop_first(&t->queue, &queue_ops, t);
    timer_release(t, number);
    return true;
}
