#include "taskmanager/state/mem_map.h"

#include <xxhash.h>

#include "base/assert.h"
#include "taskmanager/state/mem_list.h"

enum {
    LOG_DENSE_MIN = 2,
    LOG_DENSE_MAX = 4, /* 16 cells side by side */
    LOG_HASHED_MIN = 5,
    LOG_TAIL_MIN = 4,
    LOG_MAX = 31,
};

/* ---- keys ---- */

static uint64_t hash_of(const wsl_row *key)
{
    return XXH3_64bits_withSeed(key->slot, key->size - sizeof *key, key->nulls);
}

static int compare(const wsl_row *a, const wsl_row *b)
{
    if (a->size != b->size) {
        return a->size < b->size ? -1 : 1;
    }
    if (a->nulls != b->nulls) {
        return a->nulls < b->nulls ? -1 : 1;
    }
    return memcmp(a->slot, b->slot, a->size - sizeof *a);
}

/* ---- items ---- */

static uint32_t item_size(uint32_t key_size, uint32_t value_size)
{
    return (uint32_t)offsetof(tm_map_item, key) + key_size + value_size;
}

static tm_map_item *item_new(tm_slab *slab, const wsl_row *key, const wsl_row *value, bool keeps)
{
    tm_map_item *item = tm_slab_alloc(slab, item_size(key->size, value->size));
    tm_keep_row(&item->key, key, false);
    item->key.op = 0;
    tm_keep_row(tm_map_value(item), value, keeps);
    return item;
}

static void item_free(tm_slab *slab, tm_map_item *item)
{
    tm_slab_release(slab, item, item_size(item->key.size, tm_map_value(item)->size));
}

/* ---- cells ---- */

static uint32_t n_places(const tm_mem_map *m)
{
    if (m->cells == NULL) {
        return 0;
    }
    return m->hashed ? (1u << m->log) + (1u << m->log_tail) : m->n;
}

static uint32_t cells_size(bool hashed, uint32_t log, uint32_t log_tail)
{
    return (uint32_t)sizeof(tm_map_cell) * ((1u << log) + (hashed ? 1u << log_tail : 0));
}

static uint32_t home_of(const tm_mem_map *m, uint64_t hash) { return m->hashed ? (uint32_t)(hash >> (64 - m->log)) : 0; }

/* The first place from the key's home on that is empty or not before the key. May be the end. */
static uint32_t place_of(const tm_mem_map *m, uint64_t hash, const wsl_row *key)
{
    const uint32_t end = n_places(m);
    uint32_t i = home_of(m, hash);
    while (i < end && m->cells[i].item != NULL &&
           (m->cells[i].hash < hash || (m->cells[i].hash == hash && compare(&m->cells[i].item->key, key) < 0))) {
        i++;
    }
    return i;
}

static bool is_at(const tm_mem_map *m, uint32_t i, uint64_t hash, const wsl_row *key)
{
    return i < n_places(m) && m->cells[i].item != NULL && m->cells[i].hash == hash &&
           compare(&m->cells[i].item->key, key) == 0;
}

/* All cells to an array of another size. False: the places at its end are too few. */
static bool move_cells(const tm_mem_map *from, tm_mem_map *to)
{
    const uint32_t end = n_places(from);
    const uint32_t to_end = (1u << to->log) + (to->hashed ? 1u << to->log_tail : 0);
    memset(to->cells, 0, to_end * sizeof(tm_map_cell));
    uint32_t next = 0;
    for (uint32_t i = 0; i < end; i++) {
        if (from->cells[i].item != NULL) {
            const uint32_t home = home_of(to, from->cells[i].hash);
            next = home > next ? home : next;
            if (next == to_end) {
                return false;
            }
            to->cells[next++] = from->cells[i];
        }
    }
    return true;
}

static void free_cells(tm_mem_map *m, tm_slab *slab)
{
    if (m->cells != NULL) {
        tm_slab_release(slab, m->cells, cells_size(m->hashed, m->log, m->log_tail));
    }
}

/* To 1 << log places; more at the end if hashes crowd there. */
static void resize(tm_mem_map *m, tm_slab *slab, bool hashed, uint32_t log, uint32_t log_tail)
{
    for (;; log_tail++) {
        WSL_ASSERT(log < LOG_MAX && log_tail < LOG_MAX);
        tm_mem_map to = {.n = m->n, .log = (uint8_t)log, .log_tail = (uint8_t)log_tail, .hashed = hashed};
        to.cells = tm_slab_alloc(slab, cells_size(hashed, log, log_tail));
        if (move_cells(m, &to)) {
            free_cells(m, slab);
            *m = to;
            return;
        }
        free_cells(&to, slab);
    }
}

static void grow(tm_mem_map *m, tm_slab *slab)
{
    if (m->cells == NULL) {
        resize(m, slab, false, LOG_DENSE_MIN, 0);
    } else if (!m->hashed && m->log < LOG_DENSE_MAX) {
        resize(m, slab, false, m->log + 1u, 0);
    } else if (!m->hashed) {
        resize(m, slab, true, LOG_HASHED_MIN, LOG_TAIL_MIN);
    } else if (m->n < 1u << m->log >> 3) { /* crowded, not full */
        resize(m, slab, true, m->log, m->log_tail + 1u);
    } else {
        resize(m, slab, true, m->log + 1u, m->log_tail);
    }
}

static bool is_full(const tm_mem_map *m)
{
    const uint32_t places = 1u << m->log;
    return m->cells == NULL || (m->hashed ? m->n >= places / 4 * 3 : m->n == places);
}

/* Moves cells from place i on up by one, as far as there is no empty one. False: they reach the end. */
static bool open_gap(tm_mem_map *m, uint32_t i)
{
    uint32_t end = i;
    if (!m->hashed) {
        end = m->n;
    } else {
        const uint32_t places = n_places(m);
        while (end < places && m->cells[end].item != NULL) {
            end++;
        }
        if (end == places) {
            return false;
        }
    }
    memmove(&m->cells[i + 1], &m->cells[i], (end - i) * sizeof(tm_map_cell));
    return true;
}

static void erase(tm_mem_map *m, uint32_t i)
{
    uint32_t end = i + 1;
    if (!m->hashed) {
        end = m->n;
    } else {
        const uint32_t places = n_places(m);
        while (end < places && m->cells[end].item != NULL && home_of(m, m->cells[end].hash) < end) {
            end++;
        }
    }
    memmove(&m->cells[i], &m->cells[i + 1], (end - i - 1) * sizeof(tm_map_cell));
    m->cells[end - 1].item = NULL;
    m->n--;
}

/* ---- the map ---- */

tm_map_item *tm_mem_map_find(const tm_mem_map *m, const wsl_row *key)
{
    if (m->n == 0) {
        return NULL;
    }
    const uint64_t hash = hash_of(key);
    const uint32_t i = place_of(m, hash, key);
    return is_at(m, i, hash, key) ? m->cells[i].item : NULL;
}

static tm_map_item *replace(tm_slab *slab, tm_map_cell *cell, const wsl_row *value, bool keeps)
{
    tm_map_item *old = cell->item;
    wsl_row *at = tm_map_value(old);
    if (tm_slab_capacity(item_size(old->key.size, at->size)) ==
        tm_slab_capacity(item_size(old->key.size, value->size))) {
        tm_keep_row(at, value, keeps);
        return old;
    }
    cell->item = item_new(slab, &old->key, value, keeps);
    item_free(slab, old);
    return cell->item;
}

tm_map_item *tm_mem_map_put(tm_mem_map *m, tm_slab *slab, const wsl_row *key, const wsl_row *value, bool keeps,
                            int64_t used)
{
    const uint64_t hash = hash_of(key);
    uint32_t i = place_of(m, hash, key);
    tm_map_item *item;
    if (is_at(m, i, hash, key)) {
        item = replace(slab, &m->cells[i], value, keeps);
    } else {
        while (is_full(m) || !open_gap(m, i)) {
            grow(m, slab);
            i = place_of(m, hash, key);
        }
        item = item_new(slab, key, value, keeps);
        m->cells[i] = (tm_map_cell){.hash = hash, .item = item};
        m->n++;
    }
    item->used = used;
    return item;
}

bool tm_mem_map_remove(tm_mem_map *m, tm_slab *slab, const wsl_row *key)
{
    if (m->n == 0) {
        return false;
    }
    const uint64_t hash = hash_of(key);
    const uint32_t i = place_of(m, hash, key);
    if (!is_at(m, i, hash, key)) {
        return false;
    }
    item_free(slab, m->cells[i].item); /* the key may be its own */
    erase(m, i);
    tm_mem_map_shrink(m, slab);
    return true;
}

void tm_mem_map_clear(tm_mem_map *m, tm_slab *slab)
{
    for (uint32_t i = 0; i < n_places(m); i++) {
        if (m->cells[i].item != NULL) {
            item_free(slab, m->cells[i].item);
        }
    }
    free_cells(m, slab);
    *m = (tm_mem_map){0};
}

tm_map_item *tm_mem_map_next(const tm_mem_map *m, uint32_t *io_at)
{
    const uint32_t end = n_places(m);
    for (uint32_t i = *io_at; i < end; i++) {
        if (m->cells[i].item != NULL) {
            *io_at = i + 1;
            return m->cells[i].item;
        }
    }
    *io_at = end;
    return NULL;
}

void tm_mem_map_remove_at(tm_mem_map *m, tm_slab *slab, uint32_t *io_at)
{
    const uint32_t i = *io_at - 1;
    WSL_ASSERT(i < n_places(m) && m->cells[i].item != NULL);
    item_free(slab, m->cells[i].item);
    erase(m, i);
    *io_at = i;
}

void tm_mem_map_shrink(tm_mem_map *m, tm_slab *slab)
{
    if (m->n == 0) {
        tm_mem_map_clear(m, slab);
    } else if (m->hashed && m->n <= 1u << LOG_DENSE_MAX >> 1) {
        resize(m, slab, false, LOG_DENSE_MAX, 0);
    } else if (m->hashed && m->log > LOG_HASHED_MIN && m->n < 1u << m->log >> 3) {
        resize(m, slab, true, m->log - 1u, LOG_TAIL_MIN);
    }
}
