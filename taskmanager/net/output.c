/*
 * output - see output.h.
 *
 * The hot path is append(): bounds check, copy of a row whose size is a multiple of 8, advance. Everything else happens
 * once per buffer. A buffer that is being filled is known by two addresses only, which lie in one cache line with all else
 * of its channel; its header learns how much is in it when it goes on its way.
 *
 * Invariant: a filling buffer holds at least one row, and tip == end without one.
 */
#include "taskmanager/net/output.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"

typedef struct out_channel {
    uint8_t *tip;        /* where the next row goes in the filling buffer ... */
    const uint8_t *end;  /* ... and where that ends */
    wsl_buffer *filling; /* its `used` is not kept */
    tm_channel *channel;
    wsl_buffer *queue_head;
    wsl_buffer *queue_tail;
    uint32_t queued;
    uint32_t peer;
    uint64_t padding;
} out_channel;

_Static_assert(sizeof(out_channel) == 64, "a cache line");

struct tm_output {
    uint32_t edge;
    Wsl__Pb__Partition partition;
    uint32_t n;
    out_channel *channels;
    wsl_key_spec key;
    bool key_is_slot;         /* one fixed-size key that is hashed as its slot */
    uint32_t max_parallelism;
    uint16_t *channel_of_group;
    const wsl_function *custom;
    wsl_rng rng;
    uint32_t next;            /* round robin */
    wsl_buffer_pool *pool;
    uint32_t buffer_size;
    uint32_t queue_max;
    uint32_t n_blocked;       /* channels with queued >= queue_max */
    uint32_t n_filling;       /* channels that have a filling buffer */
    uint32_t n_waiting;       /* buffers in all queues */
    uint64_t overdraft;       /* bytes in heap buffers that wait here */
    uint64_t overdraft_max;
    uint64_t row_size_max;
    tm_output_stats stats;
};

/* Multiples of 8; what most rows have behind their first 16 bytes is moved without a loop. */
static inline void copy_words(uint8_t *restrict to, const uint8_t *restrict from, uint32_t size)
{
    switch (size / 8) {
    case 1:
        memcpy(to, from, 8);
        return;
    case 2:
        memcpy(to, from, 16);
        return;
    case 3:
        memcpy(to, from, 24);
        return;
    case 4:
        memcpy(to, from, 32);
        return;
    case 5:
        memcpy(to, from, 40);
        return;
    case 6:
        memcpy(to, from, 48);
        return;
    default:
        break;
    }
    uint32_t i = 0;
    for (; i + 16 <= size; i += 16) {
        memcpy(to + i, from + i, 16);
    }
    if (i < size) {
        memcpy(to + i, from + i, 8);
    }
}

static bool is_key_slot(const wsl_key_spec *key)
{
    return key->n_fields == 1 && !key->wide[0] && key->field[0] < 32 && key->type[0] != WSL_T_FLOAT &&
           key->type[0] != WSL_T_DOUBLE;
}

wsl_status tm_output_new(const tm_output_spec *spec, tm_output **out_output, wsl_error *err)
{
    WSL_ASSERT(spec->n_channels > 0 && spec->partition != WSL__PB__PARTITION__UNSTATED);
    /* filling + queue + what the consumer may hold of ours in its queue */
    const uint64_t buffers =
        (uint64_t)spec->n_channels * (1 + spec->queue_max + spec->buffers_per_channel) + spec->floating_buffers;
    if (buffers > UINT32_MAX / 2) {
        return wsl_fail(err, WSL_NO_RESOURCE, "an edge to %u subtasks needs %llu network buffers", spec->n_channels,
                        (unsigned long long)buffers);
    }
    wsl_buffer_pool *pool = NULL;
    WSL_TRY(wsl_buffer_pool_new(spec->region, (uint32_t)buffers, &pool, err));

    tm_output *o = wsl_zalloc(sizeof *o);
    o->edge = spec->edge;
    o->partition = spec->partition;
    o->n = spec->n_channels;
    o->pool = pool;
    o->buffer_size = wsl_buffer_region_buffer_size(spec->region);
    o->queue_max = spec->queue_max;
    o->overdraft_max = spec->overdraft_max;
    o->row_size_max = spec->row_size_max;
    o->custom = spec->custom;
    wsl_rng_seed(&o->rng, wsl_rng_next(spec->rng));
    o->next = (uint32_t)wsl_rng_below(&o->rng, o->n);
    o->channels = aligned_alloc(sizeof *o->channels, o->n * sizeof *o->channels);
    WSL_ASSERT(o->channels != NULL);
    memset(o->channels, 0, o->n * sizeof *o->channels);
    for (uint32_t i = 0; i < o->n; i++) {
        o->channels[i].channel = spec->channels[i];
        o->channels[i].peer = spec->peers != NULL ? spec->peers[i] : i;
        spec->channels[i]->producer.owner = spec->owner;
        spec->channels[i]->producer.index = spec->index;
    }
    if (o->partition == WSL__PB__PARTITION__HASH) {
        o->key = *spec->key;
        o->key_is_slot = is_key_slot(&o->key);
        o->max_parallelism = spec->max_parallelism;
        o->channel_of_group = wsl_calloc(o->max_parallelism, sizeof *o->channel_of_group);
        for (uint32_t g = 0; g < o->max_parallelism; g++) {
            o->channel_of_group[g] = (uint16_t)wsl_key_group_owner(g, o->max_parallelism, o->n);
        }
    }
    *out_output = o;
    return WSL_OK;
}

void tm_output_free(tm_output *o)
{
    if (o == NULL) {
        return;
    }
    for (uint32_t i = 0; i < o->n; i++) {
        out_channel *c = &o->channels[i];
        wsl_buffer_release(c->filling);
        while (c->queue_head != NULL) {
            wsl_buffer *b = c->queue_head;
            c->queue_head = b->next;
            wsl_buffer_release(b);
        }
        c->channel->producer.owner = NULL;
        tm_channel_unref(c->channel);
    }
    wsl_buffer_pool_free(o->pool);
    free(o->channels);
    free(o->channel_of_group);
    free(o);
}

static void send(tm_output *o, out_channel *c, wsl_buffer *b)
{
    b->backlog = c->queued;
    if (b->home == NULL) {
        o->overdraft -= b->capacity;
    }
    o->stats.buffers++;
    o->stats.bytes += b->used;
    tm_channel_send(c->channel, b);
}

static void enqueue(tm_output *o, out_channel *c, wsl_buffer *b)
{
    b->next = NULL;
    if (c->queue_tail != NULL) {
        c->queue_tail->next = b;
    } else {
        c->queue_head = b;
    }
    c->queue_tail = b;
    c->queued++;
    o->n_waiting++;
    if (c->queued == o->queue_max) {
        o->n_blocked++;
    }
    atomic_store_explicit(&c->channel->backlog, c->queued, memory_order_relaxed);
}

static void drain(tm_output *o, out_channel *c)
{
    while (c->queue_head != NULL && tm_channel_credits(c->channel) > 0) {
        wsl_buffer *b = c->queue_head;
        c->queue_head = b->next;
        if (c->queue_head == NULL) {
            c->queue_tail = NULL;
        }
        b->next = NULL;
        if (c->queued == o->queue_max) {
            o->n_blocked--;
        }
        c->queued--;
        o->n_waiting--;
        send(o, c, b);
    }
    atomic_store_explicit(&c->channel->backlog, c->queued, memory_order_relaxed);
}

/* Puts the filling buffer on its way. */
static void ship(tm_output *o, out_channel *c)
{
    wsl_buffer *b = c->filling;
    if (b == NULL) {
        return;
    }
    b->used = (uint32_t)(c->tip - b->data);
    WSL_ASSERT(b->used > 0 && b->used <= b->capacity);
    c->filling = NULL;
    c->tip = NULL;
    c->end = NULL;
    o->n_filling--;
    drain(o, c);
    if (c->queue_head == NULL && tm_channel_credits(c->channel) > 0) {
        send(o, c, b);
    } else {
        enqueue(o, c, b);
    }
}

/* After this the filling buffer has room for `size` bytes, which the caller puts there. */
__attribute__((noinline)) static wsl_status make_room(tm_output *o, out_channel *c, uint32_t size)
{
    if (size > o->row_size_max) {
        return WSL_TOO_LARGE;
    }
    ship(o, c);
    wsl_buffer *b = size <= o->buffer_size ? wsl_buffer_pool_take(o->pool) : NULL;
    if (b == NULL) {
        const uint32_t capacity = size > o->buffer_size ? size : o->buffer_size;
        if (o->overdraft + capacity > o->overdraft_max) {
            return WSL_NO_RESOURCE;
        }
        b = wsl_buffer_new_large(capacity);
        o->overdraft += b->capacity;
    }
    c->filling = b;
    c->tip = b->data;
    c->end = b->data + b->capacity;
    o->n_filling++;
    return WSL_OK;
}

/* The first 16 bytes of a row (row.h), which are rewritten on the way: size, kind, op, flags | hash, nulls. */
typedef struct row_words {
    uint64_t first, second;
} row_words;

static inline row_words words_of(const wsl_row *row)
{
    row_words w;
    memcpy(&w, row, sizeof w);
    return w;
}

static inline row_words with_hash(row_words w, uint32_t hash)
{
    return (row_words){w.first | (uint64_t)WSL_ROW_KEYED << 48, (w.second & ~(uint64_t)UINT32_MAX) | hash};
}

_Static_assert(offsetof(wsl_row, size) == 0 && offsetof(wsl_row, flags) == 6 && offsetof(wsl_row, key_hash) == 8 &&
                   offsetof(wsl_row, nulls) == 12 && sizeof(row_words) == 16,
               "where with_hash puts things");

static inline wsl_status append(tm_output *o, out_channel *c, const wsl_row *row, row_words w)
{
    const uint32_t size = (uint32_t)w.first;
    if (WSL_UNLIKELY(size > (uintptr_t)c->end - (uintptr_t)c->tip)) {
        WSL_TRY(make_room(o, c, size));
    }
    uint8_t *to = c->tip;
    c->tip = to + size;
    memcpy(to, &w, sizeof w);
    copy_words(to + sizeof w, (const uint8_t *)row + sizeof w, size - (uint32_t)sizeof w);
    return WSL_OK;
}

static inline wsl_status append_as_is(tm_output *o, out_channel *c, const wsl_row *row)
{
    return append(o, c, row, words_of(row));
}

/*
 * Rows from *i on, as long as they have this size: a constant, so that they are copied without asking how. One with a key
 * that is null is left to the caller.
 */
static inline __attribute__((always_inline)) wsl_status rows_of_size(tm_output *o, const wsl_row *const *rows,
                                                                     uint32_t n, uint32_t size, uint32_t *i)
{
    const uint32_t field = o->key.field[0];
    const uint64_t is_null = UINT64_C(1) << 32 << field;
    const uint64_t groups = o->max_parallelism;
    const uint16_t *channel_of_group = o->channel_of_group;
    out_channel *channels = o->channels;
    uint32_t k = *i;
    for (; k < n; k++) {
        const wsl_row *row = rows[k];
        row_words w = words_of(row);
        if (WSL_UNLIKELY((uint32_t)w.first != size || (w.second & is_null) != 0)) {
            break;
        }
        const uint32_t hash = wsl_key_hash_slot(row->slot[field]);
        out_channel *c = &channels[channel_of_group[hash * groups >> 32]];
        if (WSL_UNLIKELY(size > (uintptr_t)c->end - (uintptr_t)c->tip)) {
            WSL_TRY(make_room(o, c, size));
        }
        uint8_t *to = c->tip;
        c->tip = to + size;
        w = with_hash(w, hash);
        memcpy(to, &w, sizeof w);
        memcpy(to + sizeof w, (const uint8_t *)row + sizeof w, size - sizeof w);
    }
    *i = k;
    return WSL_OK;
}

static inline wsl_status append_keyed(tm_output *o, const wsl_row *row, uint32_t hash)
{
    const uint32_t to = o->channel_of_group[wsl_key_group(hash, o->max_parallelism)];
    return append(o, &o->channels[to], row, with_hash(words_of(row), hash));
}

static wsl_status rows_hash_slot(tm_output *o, const wsl_row *const *rows, uint32_t n)
{
    const uint32_t field = o->key.field[0];
    uint32_t i = 0;
    while (i < n) {
        switch (rows[i]->size) {
        case 32:
            WSL_TRY(rows_of_size(o, rows, n, 32, &i));
            break;
        case 40:
            WSL_TRY(rows_of_size(o, rows, n, 40, &i));
            break;
        case 48:
            WSL_TRY(rows_of_size(o, rows, n, 48, &i));
            break;
        case 56:
            WSL_TRY(rows_of_size(o, rows, n, 56, &i));
            break;
        case 64:
            WSL_TRY(rows_of_size(o, rows, n, 64, &i));
            break;
        default:
            break;
        }
        if (i < n) { /* another size, or no key */
            const wsl_row *row = rows[i++];
            const bool is_null = row->nulls >> field & 1;
            WSL_TRY(append_keyed(o, row, WSL_UNLIKELY(is_null) ? wsl_key_hash(&o->key, row)
                                                               : wsl_key_hash_slot(row->slot[field])));
        }
    }
    return WSL_OK;
}

static wsl_status rows_hash(tm_output *o, const wsl_row *const *rows, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        WSL_TRY(append_keyed(o, rows[i], wsl_key_hash(&o->key, rows[i])));
    }
    return WSL_OK;
}

/* Not inlined: a compiler that sees which row it is complains of the copies for larger ones. */
__attribute__((noinline)) static wsl_status append_to_all(tm_output *o, const wsl_row *row)
{
    for (uint32_t i = 0; i < o->n; i++) {
        WSL_TRY(append_as_is(o, &o->channels[i], row));
    }
    return WSL_OK;
}

wsl_status tm_output_rows(tm_output *o, const wsl_row *const *rows, uint32_t n)
{
    o->stats.rows += n;
    switch (o->partition) {
    case WSL__PB__PARTITION__HASH:
        return o->key_is_slot ? rows_hash_slot(o, rows, n) : rows_hash(o, rows, n);
    case WSL__PB__PARTITION__REBALANCE:
    case WSL__PB__PARTITION__RESCALE:
        for (uint32_t i = 0; i < n; i++) {
            WSL_TRY(append_as_is(o, &o->channels[o->next], rows[i]));
            o->next = o->next + 1 == o->n ? 0 : o->next + 1;
        }
        return WSL_OK;
    case WSL__PB__PARTITION__SHUFFLE:
        for (uint32_t i = 0; i < n; i++) {
            WSL_TRY(append_as_is(o, &o->channels[wsl_rng_below(&o->rng, o->n)], rows[i]));
        }
        return WSL_OK;
    case WSL__PB__PARTITION__BROADCAST:
        for (uint32_t i = 0; i < n; i++) {
            WSL_TRY(append_to_all(o, rows[i]));
        }
        return WSL_OK;
    case WSL__PB__PARTITION__CUSTOM:
        for (uint32_t i = 0; i < n; i++) {
            const uint32_t to = o->custom->partition(rows[i], o->n);
            if (WSL_UNLIKELY(to >= o->n)) {
                return WSL_INVALID;
            }
            WSL_TRY(append_as_is(o, &o->channels[to], rows[i]));
        }
        return WSL_OK;
    default: /* forward, global: the first channel */
        for (uint32_t i = 0; i < n; i++) {
            WSL_TRY(append_as_is(o, &o->channels[0], rows[i]));
        }
        return WSL_OK;
    }
}

wsl_status tm_output_mark(tm_output *o, wsl_row_kind kind, int64_t timestamp)
{
    const wsl_row mark = {.size = sizeof mark, .kind = (uint8_t)kind, .timestamp = timestamp};
    return append_to_all(o, &mark);
}

wsl_status tm_output_barrier(tm_output *o, const wsl_row *barrier)
{
    for (uint32_t i = 0; i < o->n; i++) {
        WSL_TRY(append_as_is(o, &o->channels[i], barrier));
        ship(o, &o->channels[i]); /* nothing follows it in its buffer */
    }
    return WSL_OK;
}

bool tm_output_has_room(const tm_output *o) { return o->n_blocked == 0 && o->overdraft == 0; }

bool tm_output_has_unsent(const tm_output *o) { return o->n_filling + o->n_waiting > 0; }

void tm_output_send_queued(tm_output *o)
{
    if (o->n_waiting == 0) {
        return;
    }
    for (uint32_t i = 0; i < o->n; i++) {
        if (o->channels[i].queue_head != NULL) {
            drain(o, &o->channels[i]);
        }
    }
}

bool tm_output_flush(tm_output *o)
{
    tm_output_send_queued(o);
    if (o->n_filling > 0) {
        for (uint32_t i = 0; i < o->n; i++) {
            out_channel *c = &o->channels[i];
            /* without credit it may as well go on filling */
            if (c->filling != NULL && c->queue_head == NULL && tm_channel_credits(c->channel) > 0) {
                ship(o, c);
            }
        }
    }
    return !tm_output_has_unsent(o);
}

tm_output_stats tm_output_get_stats(const tm_output *o) { return o->stats; }
uint32_t tm_output_channels(const tm_output *o) { return o->n; }
uint32_t tm_output_edge(const tm_output *o) { return o->edge; }

void tm_output_channel_state(const tm_output *o, uint32_t i, uint32_t *out_peer, uint32_t *out_credits,
                             uint32_t *out_queue)
{
    const out_channel *c = &o->channels[i];
    *out_peer = c->peer;
    *out_credits = tm_channel_credits(c->channel);
    *out_queue = c->queued + (c->filling != NULL);
}
