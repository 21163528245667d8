#include "taskmanager/time/timer_queue.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"

enum {
    LEAF_MAX = 32 << 10,
    PIECE = 4 << 10, /* what a leaf is cut into */
    NEAR_MIN = 1024,
    SMALL_SORT = 24,
    DIGITS = 256,
};

/* ---- order ---- */

static inline bool triple_before(const tm_timer_node *a, const tm_timer_node *b)
{
    if (a->timestamp != b->timestamp) {
        return a->timestamp < b->timestamp;
    }
    return a->group != b->group ? a->group < b->group : a->prefix < b->prefix;
}

static inline bool same_triple(const tm_timer_node *a, const tm_timer_node *b)
{
    return a->timestamp == b->timestamp && a->group == b->group && a->prefix == b->prefix;
}

static inline bool before(const tm_timer_queue_ops *ops, const void *arg, const tm_timer_node *a,
                          const tm_timer_node *b)
{
    if (WSL_LIKELY(!same_triple(a, b))) {
        return triple_before(a, b);
    }
    return ops->compare(arg, a->timer, b->timer) < 0;
}

/* ---- arrays ---- */

static void reserve(tm_timer_nodes *l, uint32_t capacity)
{
    if (l->capacity < capacity) {
        l->capacity = l->capacity * 2 < capacity ? capacity : l->capacity * 2;
        l->node = wsl_realloc(l->node, l->capacity * sizeof *l->node);
    }
}

static void append(tm_timer_nodes *l, const tm_timer_node *nodes, uint32_t n)
{
    reserve(l, l->n + n);
    if (n > 0) {
        memcpy(l->node + l->n, nodes, n * sizeof *nodes);
    }
    l->n += n;
}

static void scratch_reserve(tm_timer_queue *q, uint32_t capacity)
{
    if (q->scratch_capacity < capacity) {
        free(q->scratch);
        q->scratch = wsl_alloc(capacity * sizeof *q->scratch);
        q->scratch_capacity = capacity;
    }
}

void tm_timer_queue_fini(tm_timer_queue *q)
{
    for (uint32_t i = 0; i < q->n_leaves; i++) {
        free(q->leaves[q->first_leaf + i].nodes.node);
    }
    free(q->leaves);
    free(q->times);
    free(q->front.node);
    free(q->near.node);
    free(q->scratch);
    *q = (tm_timer_queue){0};
}

/* ---- sorting ---- */

static uint64_t digit_source(const tm_timer_node *n, uint32_t part)
{
    switch (part) {
    case 0:
        return n->prefix;
    case 1:
        return n->group;
    default:
        return (uint64_t)n->timestamp ^ UINT64_C(1) << 63;
    }
}

/* Stable, by one byte of one part; false: all have the same one. */
static void by_digit(const tm_timer_node *from, tm_timer_node *to, uint32_t n, uint32_t part, uint32_t shift)
{
    uint32_t at[DIGITS] = {0};
    for (uint32_t i = 0; i < n; i++) {
        at[digit_source(&from[i], part) >> shift & (DIGITS - 1)]++;
    }
    uint32_t sum = 0;
    for (uint32_t d = 0; d < DIGITS; d++) {
        const uint32_t count = at[d];
        at[d] = sum;
        sum += count;
    }
    for (uint32_t i = 0; i < n; i++) {
        to[at[digit_source(&from[i], part) >> shift & (DIGITS - 1)]++] = from[i];
    }
}

/* By time, group and prefix: byte by byte from the last, those left out in which all agree. */
static void sort_triples(tm_timer_queue *q, tm_timer_nodes *l)
{
    uint64_t differ[3] = {0};
    for (uint32_t i = 1; i < l->n; i++) {
        for (uint32_t part = 0; part < 3; part++) {
            differ[part] |= digit_source(&l->node[i], part) ^ digit_source(&l->node[0], part);
        }
    }
    scratch_reserve(q, l->capacity);
    tm_timer_node *from = l->node;
    tm_timer_node *to = q->scratch;
    for (uint32_t part = 0; part < 3; part++) {
        for (uint32_t shift = 0; shift < 64 && differ[part] >> shift != 0; shift += 8) {
            if ((differ[part] >> shift & (DIGITS - 1)) != 0) {
                by_digit(from, to, l->n, part, shift);
                tm_timer_node *sorted = to;
                to = from;
                from = sorted;
            }
        }
    }
    if (from != l->node) { /* the arrays change places */
        const uint32_t capacity = q->scratch_capacity;
        q->scratch = l->node;
        q->scratch_capacity = l->capacity;
        l->node = from;
        l->capacity = capacity;
    }
}

static void insertion_sort(const tm_timer_queue_ops *ops, const void *arg, tm_timer_node *nodes, uint32_t n)
{
    for (uint32_t i = 1; i < n; i++) {
        const tm_timer_node node = nodes[i];
        uint32_t to = i;
        while (to > 0 && before(ops, arg, &node, &nodes[to - 1])) {
            nodes[to] = nodes[to - 1];
            to--;
        }
        nodes[to] = node;
    }
}

/* Nodes that agree in all they carry: by what their timers say. */
static void sort_ties(const tm_timer_queue_ops *ops, const void *arg, tm_timer_node *nodes, tm_timer_node *scratch,
                      uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        ops->prefetch(arg, nodes[i].timer);
    }
    for (uint32_t i = 0; i < n; i += SMALL_SORT) {
        insertion_sort(ops, arg, nodes + i, n - i < SMALL_SORT ? n - i : SMALL_SORT);
    }
    for (uint32_t width = SMALL_SORT; width < n; width *= 2) {
        for (uint32_t i = 0; i < n; i += 2 * width) {
            const uint32_t a_end = i + width < n ? i + width : n;
            const uint32_t b_end = i + 2 * width < n ? i + 2 * width : n;
            uint32_t a = i, b = a_end;
            for (uint32_t to = i; to < b_end; to++) {
                const bool take_b = a == a_end || (b < b_end && before(ops, arg, &nodes[b], &nodes[a]));
                scratch[to] = take_b ? nodes[b++] : nodes[a++];
            }
        }
        memcpy(nodes, scratch, n * sizeof *nodes);
    }
}

static void sort(tm_timer_queue *q, const tm_timer_queue_ops *ops, const void *arg, tm_timer_nodes *l)
{
    if (l->n <= SMALL_SORT) {
        insertion_sort(ops, arg, l->node, l->n);
        return;
    }
    sort_triples(q, l);
    for (uint32_t i = 0, end; i < l->n; i = end) {
        for (end = i + 1; end < l->n && same_triple(&l->node[end], &l->node[i]);) {
            end++;
        }
        if (end - i > 1) {
            scratch_reserve(q, l->n);
            sort_ties(ops, arg, l->node + i, q->scratch, end - i);
        }
    }
}

/* ---- the near heap: 4-ary ---- */

static void sift_down(const tm_timer_queue_ops *ops, const void *arg, tm_timer_nodes *h, uint32_t i)
{
    const tm_timer_node node = h->node[i];
    for (;;) {
        const uint32_t first = 4 * i + 1;
        if (first >= h->n) {
            break;
        }
        const uint32_t end = first + 4 < h->n ? first + 4 : h->n;
        uint32_t least = first;
        for (uint32_t c = first + 1; c < end; c++) {
            least = before(ops, arg, &h->node[c], &h->node[least]) ? c : least;
        }
        if (!before(ops, arg, &h->node[least], &node)) {
            break;
        }
        h->node[i] = h->node[least];
        i = least;
    }
    h->node[i] = node;
}

static void heap_push(const tm_timer_queue_ops *ops, const void *arg, tm_timer_nodes *h, const tm_timer_node *node)
{
    reserve(h, h->n + 1);
    uint32_t i = h->n++;
    while (i > 0) {
        const uint32_t parent = (i - 1) / 4;
        if (!before(ops, arg, node, &h->node[parent])) {
            break;
        }
        h->node[i] = h->node[parent];
        i = parent;
    }
    h->node[i] = *node;
}

static void heap_drop_first(const tm_timer_queue_ops *ops, const void *arg, tm_timer_nodes *h)
{
    h->node[0] = h->node[--h->n];
    if (h->n > 1) {
        sift_down(ops, arg, h, 0);
    }
}

static void heap_make(const tm_timer_queue_ops *ops, const void *arg, tm_timer_nodes *h)
{
    for (uint32_t i = h->n / 4 + 1; i-- > 0;) {
        if (i < h->n) {
            sift_down(ops, arg, h, i);
        }
    }
}

/* ---- leaves ---- */

static tm_timer_leaf *leaf_at(const tm_timer_queue *q, uint32_t i) { return &q->leaves[q->first_leaf + i]; }

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

static void set_leaf(tm_timer_queue *q, uint32_t i, const tm_timer_leaf *leaf)
{
    *leaf_at(q, i) = *leaf;
    q->times[q->first_leaf + i] = leaf->first.timestamp;
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

/* The last leaf that does not begin behind the node; UINT32_MAX: it is before all of them. */
static uint32_t leaf_for(const tm_timer_queue *q, const tm_timer_node *node)
{
    uint32_t high = begun_at(q, node->timestamp);
    if (high == 0 || !triple_before(node, &leaf_at(q, high - 1)->first)) {
        return high - 1;
    }
    uint32_t low = 0; /* among those that begin at its time */
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (triple_before(node, &leaf_at(q, middle)->first)) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low - 1;
}

/* Where to cut sorted nodes at about `at`: between nodes that differ, or n. */
static uint32_t cut_at(const tm_timer_nodes *l, uint32_t at)
{
    while (at < l->n && same_triple(&l->node[at], &l->node[at - 1])) {
        at++;
    }
    return at;
}

/* Sorts a leaf and cuts it into pieces. */
static void cut(tm_timer_queue *q, uint32_t i)
{
    tm_timer_nodes whole = leaf_at(q, i)->nodes;
    sort_triples(q, &whole);
    uint32_t n_pieces = 0;
    for (uint32_t at = 0; at < whole.n; n_pieces++) {
        at = whole.n - at <= PIECE ? whole.n : cut_at(&whole, at + PIECE);
    }
    open_leaves(q, i + 1, n_pieces - 1);
    uint32_t from = 0;
    for (uint32_t k = 0; k < n_pieces; k++) {
        const uint32_t to = whole.n - from <= PIECE ? whole.n : cut_at(&whole, from + PIECE);
        const uint32_t n = to - from;
        tm_timer_leaf leaf = {.first = k == 0 ? leaf_at(q, i)->first : whole.node[from],
                              .limit = n * 2 < LEAF_MAX ? LEAF_MAX : n * 2};
        append(&leaf.nodes, whole.node + from, n);
        set_leaf(q, i + k, &leaf);
        from = to;
    }
    free(whole.node);
}

/* All before the first leaf becomes a leaf: so much came there that a heap is not the place for it. */
static void spill(tm_timer_queue *q)
{
    tm_timer_nodes nodes = q->near;
    q->near = (tm_timer_nodes){0};
    append(&nodes, q->front.node + q->front_at, q->front.n - q->front_at);
    q->front.n = q->front_at = 0;
    tm_timer_node first = nodes.node[0];
    for (uint32_t i = 1; i < nodes.n; i++) {
        first = triple_before(&nodes.node[i], &first) ? nodes.node[i] : first;
    }
    open_leaves(q, 0, 1);
    set_leaf(q, 0,
             &(tm_timer_leaf){
                 .first = first, .nodes = nodes, .limit = nodes.n * 2 < LEAF_MAX ? LEAF_MAX : nodes.n * 2});
}

void tm_timer_queue_push(tm_timer_queue *q, const tm_timer_queue_ops *ops, void *arg, const tm_timer_node *node)
{
    const uint32_t i = leaf_for(q, node);
    q->n++;
    if (i == UINT32_MAX) {
        heap_push(ops, arg, &q->near, node);
        if (q->near.n > NEAR_MIN && q->near.n > (q->front.n - q->front_at) / 4) {
            spill(q);
        }
        return;
    }
    tm_timer_leaf *leaf = leaf_at(q, i);
    append(&leaf->nodes, node, 1);
    if (leaf->nodes.n >= leaf->limit) {
        cut(q, i);
    }
}

/* ---- taking ---- */

/* The first leaf becomes the front. */
static void next_front(tm_timer_queue *q, const tm_timer_queue_ops *ops, const void *arg)
{
    tm_timer_nodes nodes = leaf_at(q, 0)->nodes;
    close_leaf(q, 0);
    free(q->front.node);
    sort(q, ops, arg, &nodes);
    q->front = nodes;
    q->front_at = 0;
}

static const tm_timer_node *first_node(const tm_timer_queue *q, const tm_timer_queue_ops *ops, const void *arg,
                                       bool *out_near)
{
    const tm_timer_node *front = q->front_at < q->front.n ? &q->front.node[q->front_at] : NULL;
    const tm_timer_node *near = q->near.n > 0 ? &q->near.node[0] : NULL;
    *out_near = near != NULL && (front == NULL || before(ops, arg, near, front));
    return *out_near ? near : front;
}

const tm_timer_node *tm_timer_queue_first(tm_timer_queue *q, const tm_timer_queue_ops *ops, void *arg)
{
    bool near;
    while (q->front_at == q->front.n && q->near.n == 0 && q->n_leaves > 0) {
        next_front(q, ops, arg);
    }
    return first_node(q, ops, arg, &near);
}

void tm_timer_queue_drop_first(tm_timer_queue *q, const tm_timer_queue_ops *ops, void *arg)
{
    bool near;
    (void)first_node(q, ops, arg, &near);
    if (near) {
        heap_drop_first(ops, arg, &q->near);
    } else {
        q->front_at++;
    }
    q->n--;
}

/* ---- sweeping ---- */

static uint32_t sweep_nodes(tm_timer_nodes *l, uint32_t from, const tm_timer_queue_ops *ops, void *arg)
{
    enum { AHEAD = 16 };
    uint32_t n = from;
    for (uint32_t i = from; i < l->n; i++) {
        if (i + AHEAD < l->n) {
            ops->prefetch(arg, l->node[i + AHEAD].timer);
        }
        if (ops->is_dead(arg, l->node[i].timer)) {
            ops->release(arg, l->node[i].timer);
        } else {
            l->node[n++] = l->node[i];
        }
    }
    const uint32_t gone = l->n - n;
    l->n = n;
    return gone;
}

uint32_t tm_timer_queue_sweep(tm_timer_queue *q, const tm_timer_queue_ops *ops, void *arg)
{
    uint32_t gone = 0;
    if (q->sweep_at >= q->n_leaves) { /* the front and the near heap are the last part of a round */
        q->sweep_at = 0;
        gone = sweep_nodes(&q->front, q->front_at, ops, arg) + sweep_nodes(&q->near, 0, ops, arg);
        heap_make(ops, arg, &q->near);
    } else {
        tm_timer_leaf *leaf = leaf_at(q, q->sweep_at);
        gone = sweep_nodes(&leaf->nodes, 0, ops, arg);
        if (leaf->nodes.n == 0) {
            free(leaf->nodes.node);
            close_leaf(q, q->sweep_at);
        } else {
            q->sweep_at++;
        }
    }
    q->n -= gone;
    return gone;
}
