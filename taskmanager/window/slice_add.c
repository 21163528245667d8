/*
 * Rows of one piece into accumulators. Rows that are on time go block by block, like everywhere with keyed state: the
 * entries of a block's keys are on their way before they are needed, and an accumulator of fixed size is changed where
 * it lies. Nothing is allocated, and nothing branches on what a row holds.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "taskmanager/window/slice_internal.h"

/* ---- one table ---- */

/* The accumulator that lies in the entry of the key in hand; NULL: ask the state. What load found is of this table. */
static inline wsl_row *in_entry(const tm_slice_op *o)
{
    uint8_t *entry = o->key.entry;
    if (WSL_LIKELY(entry != NULL)) {
        const uint32_t bits = *(const uint32_t *)(const void *)(entry + o->place.bits_offset);
        return WSL_LIKELY(tm_value_may_write(&o->place, bits)) ? (wsl_row *)(void *)(entry + o->place.offset) : NULL;
    }
    return NULL;
}

/* With one lookup: a key that is new makes the table larger. */
static __attribute__((noinline)) wsl_status find_or_make(tm_slice_op *o, tm_state *s, wsl_row **out_acc)
{
    const uint64_t keys = s->ops->keys_here(s);
    *out_acc = s->ops->value_update(s, 0);
    return s->ops->keys_here(s) != keys ? tm_fold_first(&o->fold, *out_acc) : WSL_OK;
}

static inline wsl_status accumulator(tm_slice_op *o, tm_state *s, wsl_row **out_acc)
{
    *out_acc = in_entry(o);
    return WSL_LIKELY(*out_acc != NULL) ? WSL_OK : find_or_make(o, s, out_acc);
}

/* Keys that are a slot, accumulators that lie in entries, a function that adds in place: the usual case, kept tight. A
 * row whose entry is where load expected it does without making its key the current one. */
static wsl_status add_block_by_function(tm_slice_op *o, tm_state *s, const wsl_row *const *rows, uint32_t from,
                                        uint32_t to)
{
    tm_fold *const f = &o->fold;
    tm_key_ctx *const kc = &o->key;
    wsl_status (*const add)(wsl_ctx *, wsl_row *, const wsl_row *) = f->function->add;
    const uint32_t field = kc->fast_field;
    const uint32_t offset = o->place.offset;
    const uint32_t bit = o->place.bit;
    const uint32_t mask = o->place.writable | TM_ENTRY_NULL_KEY;
    for (uint32_t i = from; i < to; i++) {
        const wsl_row *row = rows[i];
        const uint32_t is_null = row->nulls >> field & 1;
        uint8_t *entry = kc->row_entry[i];
        const tm_entry_fast *e = (const tm_entry_fast *)(const void *)entry;
        wsl_row *acc = NULL;
        tm_key_ctx_prefetch(kc, i + TM_KEY_PREFETCH);
        if (WSL_LIKELY(e != NULL && e->slot == row->slot[field] &&
                       (e->bits & mask) == (bit | is_null << 31))) {
            acc = (wsl_row *)(void *)(entry + offset);
        } else {
            tm_key_ctx_select(kc, i, row);
            WSL_TRY(find_or_make(o, s, &acc));
        }
        f->row = row;
        f->ctx.timestamp = row->timestamp;
        const wsl_status status = add(&f->ctx, acc, row);
        if (WSL_UNLIKELY(status != WSL_OK || f->failed != WSL_OK)) {
            return tm_fold_said(f, status, row);
        }
    }
    return WSL_OK;
}

/*
 * Few keys are found without the backend: their entries are remembered by a few bits of the key, one each. Whether it
 * is the key's is seen from the entry itself. Entries stay where they are until key_ctx counts a move. Where too many
 * keys share a place, the next groups go the usual way.
 */
enum { FEW_KEYS = TM_SLICE_CACHE / 4, SMALL_GROUP = 32, REST = 64 };

static void forget_cached(tm_slice_cache *c, const tm_key_ctx *kc, int64_t ns)
{
    memset(c->entry, 0, sizeof c->entry);
    c->ns = ns;
    c->owner = kc->owner;
    c->moves = kc->moves;
}

static inline uint8_t **cached_at(tm_slice_cache *c, uint64_t slot)
{
    return &c->entry[slot * UINT64_C(0x9E3779B97F4A7C15) >> (64 - TM_SLICE_CACHE_BITS)];
}

static __attribute__((noinline)) wsl_status fill_cache(tm_slice_op *o, tm_state *s, const wsl_row *row, uint8_t **at,
                                                       wsl_row **out_acc)
{
    tm_slice_cache *c = o->cache;
    if (WSL_UNLIKELY(!tm_key_ctx_make(&o->key, row))) {
        return tm_slice_not_our_key(o, row);
    }
    WSL_TRY(find_or_make(o, s, out_acc));
    if (o->key.moves != c->moves) {
        forget_cached(c, &o->key, c->ns);
    }
    *at = (uint8_t *)*out_acc - o->place.offset;
    return WSL_OK;
}

static wsl_status add_cached(tm_slice_op *o, tm_state *s, int64_t ns, const wsl_row *const *rows, uint32_t n)
{
    tm_fold *const f = &o->fold;
    tm_key_ctx *const kc = &o->key;
    tm_slice_cache *const c = o->cache;
    wsl_status (*const add)(wsl_ctx *, wsl_row *, const wsl_row *) = f->function->add;
    const uint32_t field = kc->fast_field;
    const uint32_t offset = o->place.offset;
    const uint32_t bit = o->place.bit;
    const uint32_t mask = o->place.writable | TM_ENTRY_NULL_KEY;
    uint32_t misses = 0;
    uint32_t bad = 0;
    if (WSL_UNLIKELY(!s->ops->load(s, rows, 1, 0, &bad))) { /* key_ctx is told of this table's moves from now on */
        return tm_slice_not_our_key(o, rows[bad]);
    }
    if (c->ns != ns || c->owner != kc->owner || c->moves != kc->moves) {
        forget_cached(c, kc, ns);
    }
    for (uint32_t i = 0; i < n; i++) {
        const wsl_row *row = rows[i];
        const uint64_t slot = row->slot[field];
        uint8_t **at = cached_at(c, slot);
        const tm_entry_fast *e = (const tm_entry_fast *)(const void *)*at;
        wsl_row *acc = NULL;
        if (WSL_LIKELY(e != NULL && e->slot == slot &&
                       (e->bits & mask) == (bit | (row->nulls >> field & 1) << 31))) {
            acc = (wsl_row *)(void *)(*at + offset);
        } else {
            misses++;
            WSL_TRY(fill_cache(o, s, row, at, &acc));
        }
        f->row = row;
        f->ctx.timestamp = row->timestamp;
        const wsl_status status = add(&f->ctx, acc, row);
        if (WSL_UNLIKELY(status != WSL_OK || f->failed != WSL_OK)) {
            return tm_fold_said(f, status, row);
        }
    }
    c->rest = misses > n / 4 ? REST : 0;
    return WSL_OK;
}

static bool is_worth_caching(tm_slice_op *o, const tm_state *s, uint32_t n)
{
    if (o->cache->rest > 0) {
        o->cache->rest--;
        return false;
    }
    return n >= SMALL_GROUP && s->ops->keys_here(s) <= FEW_KEYS;
}

static wsl_status add_block(tm_slice_op *o, tm_state *s, const wsl_row *const *rows, uint32_t from, uint32_t to,
                            uint32_t base)
{
    for (uint32_t i = from; i < to; i++) {
        tm_key_ctx_select(&o->key, i, rows[i]);
        if (o->fold.in_place) {
            wsl_row *acc = NULL;
            WSL_TRY(accumulator(o, s, &acc));
            WSL_TRY(tm_fold_add_in_place(&o->fold, acc, base + i));
        } else {
            WSL_TRY(tm_fold_into(&o->fold, s, 0, base + i));
        }
    }
    return WSL_OK;
}

/* All rows have the same key. */
static wsl_status add_to_one_key(tm_slice_op *o, tm_state *s, uint32_t n, uint32_t base)
{
    wsl_row *acc = NULL;
    if (o->fold.in_place) {
        WSL_TRY(find_or_make(o, s, &acc));
    }
    for (uint32_t i = 0; i < n; i++) {
        WSL_TRY(acc != NULL ? tm_fold_add_in_place(&o->fold, acc, base + i) : tm_fold_into(&o->fold, s, 0, base + i));
    }
    return WSL_OK;
}

/* rows[0 .. n), which are rows base ... of the fold's batch, into the table ns. */
static wsl_status add_to(tm_slice_op *o, tm_state *s, int64_t ns, const wsl_row *const *rows, uint32_t n, uint32_t base)
{
    s->ops->use(s, ns);
    o->changes++;
    if (o->all) {
        return add_to_one_key(o, s, n, base);
    }
    const bool by_function =
        o->key.fast && o->place.bit != 0 && o->fold.in_place && o->fold.kind == TM_FOLD_AGGREGATE && o->event_time;
    o->fold.ctx.has_timestamp = o->event_time;
    if (by_function && s == o->state && is_worth_caching(o, s, n)) {
        return add_cached(o, s, ns, rows, n);
    }
    for (uint32_t at = 0; at < n; at += TM_KEY_BLOCK) {
        uint32_t bad = 0;
        if (WSL_UNLIKELY(!s->ops->load(s, rows, n, at, &bad))) {
            return tm_slice_not_our_key(o, rows[bad]);
        }
        const uint32_t end = n - at < TM_KEY_BLOCK ? n : at + TM_KEY_BLOCK;
        WSL_TRY(by_function ? add_block_by_function(o, s, rows, at, end) : add_block(o, s, rows, at, end, base));
    }
    return WSL_OK;
}

/* ---- a piece ---- */

/* Into the nodes that were built over a slice. */
static wsl_status add_to_nodes(tm_slice_op *o, int64_t slice, const wsl_row *const *rows, uint32_t n, uint32_t base)
{
    for (uint32_t level = 1; level <= o->levels; level++) {
        const int64_t node = tm_slice_node(level, slice);
        if (tm_slice_node_exists(o, node)) {
            WSL_TRY(add_to(o, o->tree, node, rows, n, base));
        }
    }
    return WSL_OK;
}

static wsl_status add_rows(tm_slice_op *o, const tm_piece *p, const wsl_row *const *rows, uint32_t n, uint32_t base)
{
    switch (o->mode) {
    case TM_SLICE_ALONE:
        return add_to(o, o->state, p->newest, rows, n, base);
    case TM_SLICE_SHARED:
        WSL_TRY(add_to(o, o->state, p->slice, rows, n, base));
        return p->class == TM_PIECE_OPEN ? add_to_nodes(o, p->slice, rows, n, base) : WSL_OK;
    case TM_SLICE_EACH:
        break;
    }
    for (int64_t window = p->newest;; window -= o->slices.slide) {
        WSL_TRY(add_to(o, o->state, window, rows, n, base));
        if (window <= p->oldest) { /* below: the oldest has wrapped into the limit */
            return WSL_OK;
        }
    }
}

/* The windows from `window` down to `oldest` that have fired, for the key in hand. A row can lie in thousands of them: what is
 * not done in this turn, or has no room in the output, is left to refire. */
static wsl_status fire_from(tm_slice_op *o, int64_t window, int64_t oldest)
{
    tm_fn_ctx *f = &o->out.f;
    o->refiring = false;
    for (;; window -= o->slices.slide) {
        if (window < o->next) {
            WSL_TRY(tm_slice_fire_key(o, window));
            o->work -= 1 + (o->mode == TM_SLICE_SHARED ? (int64_t)o->plan.n_parts : 0);
        }
        if (window <= oldest) { /* below: the oldest has wrapped into the limit */
            return WSL_OK;
        }
        if (WSL_UNLIKELY(o->work <= 0 || (f->attention && tm_op_blocked(o->op)))) {
            o->refiring = true;
            o->refire_next = window - o->slices.slide;
            o->refire_oldest = oldest;
            return WSL_OK;
        }
    }
}

static void keep_key(tm_slice_op *o)
{
    const uint32_t size = tm_key_ctx_size(&o->key);
    if (o->refire_key_capacity < size) {
        free(o->refire_key);
        o->refire_key = wsl_alloc(size);
        o->refire_key_capacity = size;
    }
    if (size > 0) {
        memcpy(o->refire_key, tm_key_ctx_bytes(&o->key), size);
    }
    o->refire_key_size = size;
    o->refire_key_nulls = o->key.row->nulls;
    o->refire_key_hash = o->key.hash;
    o->op->busy = true;
}

wsl_status tm_slice_refire(tm_slice_op *o)
{
    WSL_ASSERT(o->refiring);
    const void *key = o->refire_key_size > 0 ? (const void *)o->refire_key : "";
    tm_key_ctx_restore(&o->key, key, o->refire_key_size, o->refire_key_nulls, o->refire_key_hash);
    o->work = TM_SLICE_WORK_PER_TURN;
    o->op->current = o->key.row;
    o->op->current_is_key = true;
    WSL_TRY(fire_from(o, o->refire_next, o->refire_oldest));
    WSL_TRY(o->out.f.attention ? tm_fn_ctx_after(&o->out.f, WSL_OK) : WSL_OK);
    o->op->current = NULL;
    o->op->current_is_key = false;
    return tm_fn_ctx_flush(&o->out.f);
}

wsl_status tm_slice_add_group(tm_slice_op *o, const tm_slice_group *g, const wsl_row *const *rows)
{
    const tm_piece *p = &g->piece;
    if (WSL_LIKELY(p->class == TM_PIECE_ON_TIME) || p->oldest >= o->next) {
        return add_rows(o, p, rows + g->from, g->n, g->from);
    }
    /* a late firing, with all that came before */
    WSL_ASSERT(g->n == 1 && !o->refiring);
    WSL_TRY(add_rows(o, p, rows + g->from, 1, g->from));
    if (!o->all && !tm_key_ctx_make(&o->key, rows[g->from])) { /* adding need not have done that */
        return tm_slice_not_our_key(o, rows[g->from]);
    }
    WSL_TRY(fire_from(o, p->newest, p->oldest));
    if (WSL_UNLIKELY(o->refiring)) {
        keep_key(o);
    }
    return WSL_OK;
}
