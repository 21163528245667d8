/*
 * mem_changes - see mem_changes.h.
 */
#include "taskmanager/state/mem_changes.h"

#include "base/alloc.h"
#include "taskmanager/state/mem_records.h"
#include "taskmanager/state/mem_segment.h"
#include "taskmanager/state/mem_snapshot.h"

enum {
    GONE_MIN = 1 << 20, /* bytes of records of what is gone that are always remembered */
    GONE_SHARE = 8,
    LAYERS_SHARE = 2,   /* layers above the lowest may have half of its bytes */
    SAMPLES = 64,       /* segments that are looked at ... */
    SAMPLE_PLACES = 16, /* ... so many places of each */
};

/* ---- what is gone ---- */

void tm_mem_gone_fini(tm_mem_gone *g)
{
    tm_kept_fini(&g->keys);
    free(g->dropped);
    *g = (tm_mem_gone){0};
}

void tm_mem_changes_fini(tm_mem_state *m) { tm_mem_gone_fini(&m->changes.gone); }

static void check_bound(tm_mem_state *m)
{
    struct tm_mem_changes *c = &m->changes;
    const uint64_t bytes = c->gone.keys.bytes + (uint64_t)c->gone.n_dropped * m->state.key->n_groups * sizeof(wsl_record);
    if (bytes > GONE_MIN && bytes / 2 > tm_mem_bytes(&m->state) / (2 * GONE_SHARE)) {
        tm_mem_gone_fini(&c->gone);
        c->since = 0;
    }
}

void tm_mem_note_gone(tm_mem_state *m, const uint8_t *entry)
{
    struct tm_mem_changes *c = &m->changes;
    const tm_mem_table *t = &m->now->table;
    if (!m->now->in_layer) {
        return; /* no snapshot knows of it */
    }
    if (c->gone.keys.n_groups == 0) {
        tm_kept_init(&c->gone.keys, t->n_groups);
    }
    tm_entry_records r = {.m = m, .key = m->scratch_key, .key_capacity = m->scratch_key_capacity};
    tm_records records = {.data = m->scratch, .capacity = m->scratch_capacity};
    tm_entry_records_gone(&r, &records, entry, m->has_namespaces ? &m->now->ns : NULL);
    const uint32_t group = wsl_key_group(tm_hash_of(t, entry), t->max_parallelism) - t->first_group;
    tm_kept_add(&c->gone.keys, group, records.data, records.size, (uint32_t)records.n);
    m->scratch = records.data;
    m->scratch_capacity = records.capacity;
    m->scratch_key = r.key;
    m->scratch_key_capacity = r.key_capacity;
    check_bound(m);
}

void tm_mem_note_dropped(tm_mem_state *m, const tm_mem_space *space)
{
    tm_mem_gone *g = &m->changes.gone;
    if (!space->in_layer) {
        return;
    }
    if ((g->n_dropped & (g->n_dropped - 1)) == 0) { /* grows when it is a power of two */
        g->dropped = wsl_realloc(g->dropped, (g->n_dropped == 0 ? 1 : 2 * (size_t)g->n_dropped) * sizeof *g->dropped);
    }
    g->dropped[g->n_dropped++] = space->ns;
    check_bound(m);
}

/* ---- is a layer worth it? ---- */

/* Looks at some places of a table; how many of the keys there have changed, of how many. */
static void sample(const tm_mem_state *m, tm_mem_table *t, uint32_t n, uint64_t *io_changed, uint64_t *io_seen)
{
    const uint64_t all = (uint64_t)tm_n_directories(t) << 32;
    for (uint32_t k = 0; k < n; k++) {
        const uint64_t p = all / n * k;
        const tm_mem_group *g = &t->groups[p >> 32];
        const tm_segment *s = tm_segment_of(&g->directory[(uint64_t)(uint32_t)p >> g->shift]);
        const uint32_t places = tm_places_of(s->log_groups);
        const uint32_t from = k * SAMPLE_PLACES % places;
        for (uint32_t i = from; i < from + SAMPLE_PLACES && i < places; i++) {
            if (s->used > 0 && s->tags[i] < TM_TAG_EMPTY) {
                *io_changed += (*tm_mem_bits(m, tm_entry_at(t, s, i)) & TM_ENTRY_CLEAN) == 0;
                *io_seen += 1;
            }
        }
    }
}

bool tm_mem_wants_layer(tm_mem_state *m, const tm_layer_base *base)
{
    const uint64_t keys = tm_mem_keys(&m->state);
    uint64_t estimate = m->changes.gone.keys.bytes;
    if (base->next > TM_LAYERS_MAX || base->lowest_bytes == 0) {
        return false;
    }
    for (uint32_t i = 0; i < m->n_spaces; i++) {
        tm_mem_space *space = m->spaces[m->first_space + i];
        const uint64_t n = space->table.n_keys;
        uint64_t changed = 0, seen = 0;
        if (n == 0) {
            continue;
        }
        sample(m, &space->table, 1 + (uint32_t)(SAMPLES * n / keys), &changed, &seen);
        estimate += seen == 0 ? 0 : base->lowest_bytes / keys * n / seen * changed;
    }
    return base->upper_bytes + estimate <= base->lowest_bytes / LAYERS_SHARE;
}

tm_mem_gone tm_mem_changes_begin(tm_mem_state *m, uint64_t checkpoint)
{
    const tm_mem_gone gone = m->changes.gone;
    m->changes = (struct tm_mem_changes){.since = checkpoint};
    for (uint32_t i = 0; i < m->n_spaces; i++) {
        m->spaces[m->first_space + i]->in_layer = true;
    }
    return gone;
}
