#include "taskmanager/time/timer_queue.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/assert.h"

enum {
    LEAF_MAX = 16 << 10,
    PIECE = 2 << 10, /* what a leaf is cut into */
    LEAF_MIN = 1 << 10, /* limit of a leaf of which most had no effect */
    DELETED_MIN = 128,
    NEAR_MIN = 1024,
};

void tm_timer_queue_init(tm_timer_queue *q, tm_region *region, tm_slab *slab)
{
    *q = (tm_timer_queue){.region = region, .slab = slab};
}

void tm_timer_queue_fini(tm_timer_queue *q)
{
    for (uint32_t i = 0; i < q->n_leaves; i++) {
        free(q->leaves[q->first_leaf + i].blocks.block);
    }
    free(q->leaves);
    free(q->times);
    free(q->front_blocks.block);
    free(q->front);
    free(q->near);
    free(q->items);
    free(q->scratch);
    *q = (tm_timer_queue){0};
}

static void release_key(tm_timer_queue *q, const tm_timer *timer)
{
    if (WSL_UNLIKELY(tm_timer_has_long_key(timer))) {
        tm_timer_key *key = tm_timer_long_key(timer);
        tm_slab_release(q->slab, key, (uint32_t)sizeof *key + key->size);
    }
}

/* An entry leaves the queue. */
static void discard(tm_timer_queue *q, const tm_timer *timer)
{
    release_key(q, timer);
    q->n--;
}

/* ---- blocks ---- */

static tm_timer *block_new(tm_timer_queue *q)
{
    void *block = q->free_blocks;
    if (block == NULL) {
        return tm_region_alloc(q->region, TM_TIMER_BLOCK * sizeof(tm_timer), 64);
    }
    memcpy(&q->free_blocks, block, sizeof(void *));
    return block;
}

static void blocks_release(tm_timer_queue *q, tm_timer_blocks *b)
{
    for (uint32_t i = 0; i < b->n; i++) {
        memcpy(b->block[i], &q->free_blocks, sizeof(void *));
        q->free_blocks = b->block[i];
    }
    free(b->block);
    *b = (tm_timer_blocks){0};
}

static __attribute__((noinline)) tm_timer *blocks_grow(tm_timer_queue *q, tm_timer_blocks *b)
{
    if (b->n == b->capacity) {
        b->capacity = b->capacity == 0 ? LEAF_MAX / TM_TIMER_BLOCK : b->capacity * 2;
        b->block = wsl_realloc(b->block, b->capacity * sizeof *b->block);
    }
    return b->block[b->n++] = block_new(q);
}

/* ---- leaves ---- */

static tm_timer_leaf *leaf_at(const tm_timer_queue *q, uint32_t i) { return &q->leaves[q->first_leaf + i]; }

static inline void leaf_append(tm_timer_queue *q, tm_timer_leaf *leaf, const tm_timer *timer)
{
    leaf->tip = leaf->n % TM_TIMER_BLOCK == 0 ? blocks_grow(q, &leaf->blocks) : leaf->tip + 1;
    *leaf->tip = *timer;
    __builtin_prefetch(leaf->tip + 2, 1); /* other leaves take their turns until it is needed */
    leaf->n++;
    leaf->n_deleted += tm_timer_is_deleted(timer);
}

/* Room for n leaves at place i, not filled. */
static void open_leaves(tm_timer_queue *q, uint32_t i, uint32_t n)
{
    if (i == 0 && q->first_leaf >= n) {
        q->first_leaf -= n;
        q->n_leaves += n;
        return;
    }
    if (q->first_leaf + q->n_leaves + n > q->leaves_capacity) {
        q->leaves_capacity = (q->n_leaves + n) * 2;
        tm_timer_leaf *leaves = wsl_alloc(q->leaves_capacity * sizeof *leaves);
        int64_t *times = wsl_alloc(q->leaves_capacity * sizeof *times);
        if (q->n_leaves > 0) {
            memcpy(leaves, leaf_at(q, 0), q->n_leaves * sizeof *leaves);
            memcpy(times, q->times + q->first_leaf, q->n_leaves * sizeof *times);
        }
        free(q->leaves);
        free(q->times);
        q->leaves = leaves;
        q->times = times;
        q->first_leaf = 0;
    }
    memmove(leaf_at(q, i + n), leaf_at(q, i), (q->n_leaves - i) * sizeof *q->leaves);
    memmove(q->times + q->first_leaf + i + n, q->times + q->first_leaf + i, (q->n_leaves - i) * sizeof *q->times);
    q->n_leaves += n;
}

/* Its entries are elsewhere, or there are none. */
static void close_leaf(tm_timer_queue *q, uint32_t i)
{
    if (i == 0) {
        q->first_leaf++;
    } else {
        memmove(leaf_at(q, i), leaf_at(q, i + 1), (q->n_leaves - i - 1) * sizeof *q->leaves);
        memmove(q->times + q->first_leaf + i, q->times + q->first_leaf + i + 1,
                (q->n_leaves - i - 1) * sizeof *q->times);
    }
    q->n_leaves--;
}

static tm_timer_leaf *set_leaf(tm_timer_queue *q, uint32_t i, const tm_timer_leaf *leaf)
{
    *leaf_at(q, i) = *leaf;
    q->times[q->first_leaf + i] = leaf->first.timestamp;
    return leaf_at(q, i);
}

/* How many leaves begin at `time` or before. Without branches that depend on what is compared. */
static uint32_t begun_at(const tm_timer_queue *q, int64_t time)
{
    const int64_t *base = q->times + q->first_leaf;
    uint32_t n = q->n_leaves;
    if (n == 0) {
        return 0;
    }
    while (n > 1) {
        const uint32_t half = n / 2;
        base += base[half - 1] <= time ? half : 0;
        n -= half;
    }
    return (uint32_t)(base - (q->times + q->first_leaf)) + (base[0] <= time);
}

/* The last leaf that does not begin behind the timer; UINT32_MAX: it is before all of them. */
static uint32_t leaf_for(const tm_timer_queue *q, const tm_timer *timer)
{
    uint32_t high = begun_at(q, timer->timestamp);
    if (high == 0 || !tm_timer_triple_before(timer, &leaf_at(q, high - 1)->first)) {
        return high - 1;
    }
    uint32_t low = 0; /* among those that begin at its time */
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (tm_timer_triple_before(timer, &leaf_at(q, middle)->first)) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low - 1;
}

/* ---- what entries come to ---- */

static void items_reserve(tm_timer_item **items, uint32_t *capacity, uint32_t n)
{
    if (*capacity < n) {
        free(*items);
        *capacity = n;
        *items = wsl_alloc(n * sizeof **items);
    }
}

/* The timers that are set once all n entries have had their effect: q->items, in order; how many. The others are discarded. */
static uint32_t sort_out(tm_timer_queue *q, tm_timer *const *blocks, uint32_t n, bool any_deleted)
{
    enum { AHEAD = 8 };
    items_reserve(&q->items, &q->items_capacity, n);
    items_reserve(&q->scratch, &q->scratch_capacity, n);
    tm_timer_sort(blocks, n, q->items, q->scratch);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < n; i++) {
        const tm_timer_item item = q->items[i];
        const bool twins = i + 1 < n && q->items[i + 1].key == item.key;
        if (any_deleted && i + AHEAD < n) {
            __builtin_prefetch(tm_timer_at(blocks, q->items[i + AHEAD].at));
        }
        if (WSL_UNLIKELY(twins || any_deleted)) {
            const tm_timer *timer = tm_timer_at(blocks, item.at);
            if (tm_timer_is_deleted(timer) ||
                (twins && tm_timer_same(timer, tm_timer_at(blocks, q->items[i + 1].at)))) {
                discard(q, timer);
                continue;
            }
        }
        q->items[kept++] = item;
    }
    return kept;
}

/* Where to cut sorted timers at about `at`: between timers of different triples, or n. */
static uint32_t cut_at(tm_timer *const *blocks, const tm_timer_item *items, uint32_t n, uint32_t at)
{
    while (at < n && tm_timer_same_triple(tm_timer_at(blocks, items[at].at), tm_timer_at(blocks, items[at - 1].at))) {
        at++;
    }
    return at;
}

static uint32_t next_cut(tm_timer *const *blocks, const tm_timer_item *items, uint32_t n, uint32_t from)
{
    return n - from <= PIECE || n <= LEAF_MAX / 2 ? n : cut_at(blocks, items, n, from + PIECE);
}

/* Leaf i is sorted, freed of what has no effect, and cut if it is large still. */
static __attribute__((noinline)) void settle(tm_timer_queue *q, uint32_t i)
{
    tm_timer_leaf old = *leaf_at(q, i);
    const uint32_t n = sort_out(q, old.blocks.block, old.n, old.n_deleted > 0);
    const uint32_t min = n < old.n / 2 ? LEAF_MIN : LEAF_MAX;
    uint32_t n_pieces = 0;
    for (uint32_t at = 0; at < n; n_pieces++) {
        at = next_cut(old.blocks.block, q->items, n, at);
    }
    if (n == 0) {
        close_leaf(q, i); /* the one before it takes what comes in its range */
    } else if (n_pieces > 1) {
        open_leaves(q, i + 1, n_pieces - 1);
    }
    for (uint32_t k = 0, at = 0; k < n_pieces; k++) {
        const uint32_t end = next_cut(old.blocks.block, q->items, n, at);
        const tm_timer *first = k == 0 ? &old.first : tm_timer_at(old.blocks.block, q->items[at].at);
        tm_timer_leaf *leaf = set_leaf(
            q, i + k, &(tm_timer_leaf){.first = *first, .limit = (end - at) * 2 < min ? min : (end - at) * 2});
        for (; at < end; at++) {
            leaf_append(q, leaf, tm_timer_at(old.blocks.block, q->items[at].at));
        }
    }
    blocks_release(q, &old.blocks);
}

static void settle_if_due(tm_timer_queue *q, uint32_t i)
{
    const tm_timer_leaf *leaf = leaf_at(q, i);
    const uint32_t deleted = leaf->n_deleted;
    if (WSL_UNLIKELY(leaf->n >= leaf->limit || (deleted >= DELETED_MIN && deleted >= leaf->n / 2))) {
        settle(q, i);
    }
}

/* ---- the near heap: 4-ary ---- */

static bool near_before(const tm_near_timer *a, const tm_near_timer *b)
{
    const int order = tm_timer_compare(&a->timer, &b->timer);
    return order != 0 ? order < 0 : a->number < b->number;
}

static void near_push(tm_timer_queue *q, const tm_near_timer *entry)
{
    if (q->near_n == q->near_capacity) {
        q->near_capacity = q->near_capacity == 0 ? 16 : q->near_capacity * 2;
        q->near = wsl_realloc(q->near, q->near_capacity * sizeof *q->near);
    }
    uint32_t i = q->near_n++;
    while (i > 0) {
        const uint32_t parent = (i - 1) / 4;
        if (!near_before(entry, &q->near[parent])) {
            break;
        }
        q->near[i] = q->near[parent];
        i = parent;
    }
    q->near[i] = *entry;
}

static tm_near_timer near_take(tm_timer_queue *q)
{
    const tm_near_timer least = q->near[0];
    const tm_near_timer last = q->near[--q->near_n];
    uint32_t i = 0;
    for (uint32_t first; (first = 4 * i + 1) < q->near_n;) {
        const uint32_t end = first + 4 < q->near_n ? first + 4 : q->near_n;
        uint32_t next = first;
        for (uint32_t c = first + 1; c < end; c++) {
            next = near_before(&q->near[c], &q->near[next]) ? c : next;
        }
        if (!near_before(&q->near[next], &last)) {
            break;
        }
        q->near[i] = q->near[next];
        i = next;
    }
    q->near[i] = last;
    return least;
}

static int by_number(const void *a, const void *b)
{
    const uint64_t x = ((const tm_near_timer *)a)->number, y = ((const tm_near_timer *)b)->number;
    return x < y ? -1 : x > y;
}

/* All before the first leaf becomes a leaf: so much came there that a heap is not the place for it. */
static void spill(tm_timer_queue *q)
{
    tm_timer_leaf leaf = {.first = q->near[0].timer};
    if (q->front_at < q->front_n) {
        const tm_timer *first = tm_timer_queue_ahead(q, 0);
        leaf.first = tm_timer_compare(first, &leaf.first) < 0 ? *first : leaf.first;
    }
    qsort(q->near, q->near_n, sizeof *q->near, by_number);
    for (uint32_t i = q->front_at; i < q->front_n; i++) {
        leaf_append(q, &leaf, tm_timer_at(q->front_blocks.block, q->front[i].at));
    }
    for (uint32_t i = 0; i < q->near_n; i++) {
        leaf_append(q, &leaf, &q->near[i].timer);
    }
    leaf.limit = leaf.n * 2 < LEAF_MAX ? LEAF_MAX : leaf.n * 2;
    blocks_release(q, &q->front_blocks);
    q->front_at = q->front_n = 0;
    q->near_n = 0;
    open_leaves(q, 0, 1);
    (void)set_leaf(q, 0, &leaf);
    settle_if_due(q, 0);
}

static __attribute__((noinline)) void push_near(tm_timer_queue *q, const tm_timer *timer)
{
    if (q->has_head) {
        q->has_head = false;
        near_push(q, &q->head);
    }
    near_push(q, &(tm_near_timer){.timer = *timer, .number = q->next_number++});
    if (q->near_n > NEAR_MIN && q->near_n > (q->front_n - q->front_at) / 4) {
        spill(q);
    }
}

/* The same timer twice in a row, as a window sets it for every row: the later entry counts anyway. */
static __attribute__((noinline)) void replace_tip(tm_timer_queue *q, tm_timer_leaf *leaf, const tm_timer *timer)
{
    leaf->n_deleted += tm_timer_is_deleted(timer);
    leaf->n_deleted -= tm_timer_is_deleted(leaf->tip);
    discard(q, leaf->tip);
    *leaf->tip = *timer;
}

void tm_timer_queue_push(tm_timer_queue *q, const tm_timer *timer)
{
    const uint32_t i = leaf_for(q, timer);
    q->n++;
    if (WSL_UNLIKELY(i == UINT32_MAX)) {
        push_near(q, timer);
        return;
    }
    tm_timer_leaf *leaf = leaf_at(q, i);
    if (WSL_UNLIKELY(tm_timer_same(leaf->tip, timer))) {
        replace_tip(q, leaf, timer);
        return;
    }
    leaf_append(q, leaf, timer);
    settle_if_due(q, i);
}

/* ---- taking ---- */

/* The first leaf becomes the front. */
static void next_front(tm_timer_queue *q)
{
    const tm_timer_leaf leaf = *leaf_at(q, 0);
    close_leaf(q, 0);
    blocks_release(q, &q->front_blocks);
    const uint32_t n = sort_out(q, leaf.blocks.block, leaf.n, leaf.n_deleted > 0);
    q->front_blocks = leaf.blocks;
    q->front_at = 0;
    q->front_n = n;
    tm_timer_item *items = q->front; /* the arrays change places */
    const uint32_t capacity = q->front_capacity;
    q->front = q->items;
    q->front_capacity = q->items_capacity;
    q->items = items;
    q->items_capacity = capacity;
}

static inline void drop_front(tm_timer_queue *q)
{
    discard(q, tm_timer_at(q->front_blocks.block, q->front[q->front_at++].at));
}

/* The near heap has what is before the front, or decides about the front's first. */
static __attribute__((noinline)) const tm_timer *first_near(tm_timer_queue *q)
{
    while (q->near_n > 0) {
        const tm_timer *front = tm_timer_queue_ahead(q, 0);
        const int order = front == NULL ? 1 : tm_timer_compare(front, &q->near[0].timer);
        if (order < 0) {
            return front;
        }
        if (order == 0) {
            drop_front(q);
        }
        q->head = near_take(q);
        while (q->near_n > 0 && tm_timer_same(&q->near[0].timer, &q->head.timer)) {
            discard(q, &q->head.timer);
            q->head = near_take(q);
        }
        if (!tm_timer_is_deleted(&q->head.timer)) {
            q->has_head = true;
            return &q->head.timer;
        }
        discard(q, &q->head.timer);
    }
    return tm_timer_queue_ahead(q, 0);
}

const tm_timer *tm_timer_queue_first(tm_timer_queue *q)
{
    if (WSL_UNLIKELY(q->has_head)) {
        return &q->head.timer;
    }
    for (;;) {
        const tm_timer *first = WSL_LIKELY(q->near_n == 0) ? tm_timer_queue_ahead(q, 0) : first_near(q);
        if (WSL_LIKELY(first != NULL) || q->n_leaves == 0) {
            return first;
        }
        next_front(q);
    }
}

void tm_timer_queue_drop_first(tm_timer_queue *q)
{
    if (WSL_UNLIKELY(q->has_head)) {
        q->has_head = false;
        discard(q, &q->head.timer);
        return;
    }
    drop_front(q);
}
