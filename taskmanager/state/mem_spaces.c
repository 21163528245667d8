#include "base/alloc.h"
#include "base/assert.h"
#include "taskmanager/state/mem_changes.h"
#include "taskmanager/state/mem_internal.h"
#include "taskmanager/state/mem_snapshot.h"

/* ---- the sorted array: windows come at its end and go at its beginning ---- */

/* Index of the first space that is not below ns. */
static uint32_t lower_bound(const tm_mem_state *m, int64_t ns)
{
    uint32_t low = m->first_space;
    uint32_t high = m->first_space + m->n_spaces;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (m->spaces[middle]->ns < ns) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static tm_mem_space *find(const tm_mem_state *m, int64_t ns)
{
    const uint32_t i = lower_bound(m, ns);
    return i < m->first_space + m->n_spaces && m->spaces[i]->ns == ns ? m->spaces[i] : NULL;
}

static void insert(tm_mem_state *m, tm_mem_space *space)
{
    if (m->first_space + m->n_spaces == m->spaces_capacity) {
        if (m->first_space > m->n_spaces) {
            memcpy(m->spaces, m->spaces + m->first_space, m->n_spaces * sizeof(m->spaces[0]));
            m->first_space = 0;
        } else {
            m->spaces_capacity = m->spaces_capacity == 0 ? 16 : m->spaces_capacity * 2;
            m->spaces = wsl_realloc(m->spaces, m->spaces_capacity * sizeof(m->spaces[0]));
        }
    }
    const uint32_t i = lower_bound(m, space->ns);
    memmove(m->spaces + i + 1, m->spaces + i, (m->first_space + m->n_spaces - i) * sizeof(m->spaces[0]));
    m->spaces[i] = space;
    m->n_spaces++;
}

static void erase(tm_mem_state *m, const tm_mem_space *space)
{
    const uint32_t i = lower_bound(m, space->ns);
    WSL_ASSERT(m->spaces[i] == space);
    m->n_spaces--;
    if (i == m->first_space) {
        m->first_space++;
    } else {
        memmove(m->spaces + i, m->spaces + i + 1, (m->first_space + m->n_spaces - i) * sizeof(m->spaces[0]));
    }
}

/* ---- spaces ---- */

void tm_mem_space_free(tm_mem_state *m, tm_mem_space *space)
{
    tm_key_ctx *kc = m->state.key;
    if (kc->owner == &space->table) {
        tm_key_ctx_take_over(kc, NULL);
    }
    tm_mem_table_fini(&space->table);
    tm_slab_fini(&space->slab);
    tm_region_fini(&space->region);
    free(space);
}

tm_mem_space *tm_mem_space_make_now(tm_mem_state *m)
{
    tm_mem_space *space = wsl_zalloc(sizeof *space + m->n_states * sizeof space->n_set[0]);
    space->ns = m->ns;
    if (m->has_namespaces) {
        tm_region_init_pooled(&space->region, &m->pool, TM_SMALL_REGION);
    } else {
        tm_region_init(&space->region);
    }
    tm_slab_init(&space->slab, &space->region);
    tm_mem_table_init(&space->table, &space->region, &space->slab, m->ahead, m->state.key, m->payload,
                      m->has_namespaces);
    insert(m, space);
    m->now = space;
    if (m->state.key->owner == NULL) {
        tm_key_ctx_take_over(m->state.key, &space->table);
    }
    return space;
}

void tm_mem_spaces_free(tm_mem_state *m)
{
    for (uint32_t i = 0; i < m->n_spaces; i++) {
        tm_mem_space_free(m, m->spaces[m->first_space + i]);
    }
    free(m->spaces);
    tm_chunk_pool_fini(&m->pool);
}

void tm_mem_drop_namespace(tm_state *s, int64_t ns)
{
    tm_mem_state *m = tm_mem_self(s);
    tm_mem_space *space = find(m, ns);
    if (space == NULL) {
        return;
    }
    WSL_ASSERT(m->has_namespaces && space->n_walks == 0);
    if (m->changes.since != 0) {
        tm_mem_note_dropped(m, space);
    }
    erase(m, space);
    m->now = m->now == space ? NULL : m->now;
    m->before = m->before == space ? NULL : m->before;
    if (space->table.watch != NULL) {
        space->table.watch->dropped = true; /* a snapshot still wants what it holds */
        if (m->state.key->owner == &space->table) {
            tm_key_ctx_take_over(m->state.key, NULL);
        }
        return;
    }
    tm_mem_space_free(m, space);
}

void tm_mem_use(tm_state *s, int64_t ns)
{
    tm_mem_state *m = tm_mem_self(s);
    if (m->ns == ns) {
        return;
    }
    WSL_ASSERT(m->has_namespaces);
    if (m->now != NULL && m->now->table.n_keys == 0 && m->now->n_walks == 0) {
        tm_mem_drop_namespace(s, m->ns);
    }
    const void *old = m->now != NULL ? &m->now->table : NULL;
    tm_mem_space *before = m->before;
    m->before = m->now;
    m->ns = ns;
    m->now = before != NULL && before->ns == ns ? before : find(m, ns);
    if (s->key->owner == old) { /* not if it belongs to another tm_state */
        tm_key_ctx_take_over(s->key, m->now != NULL ? &m->now->table : NULL);
    }
}

bool tm_mem_next_namespace(tm_state *s, int64_t from, int64_t *out_ns)
{
    const tm_mem_state *m = tm_mem_self(s);
    const uint32_t end = m->first_space + m->n_spaces;
    for (uint32_t i = lower_bound(m, from); i < end; i++) {
        if (m->spaces[i]->table.n_keys != 0) {
            *out_ns = m->spaces[i]->ns;
            return true;
        }
    }
    return false;
}

uint64_t tm_mem_keys(const tm_state *s)
{
    const tm_mem_state *m = tm_mem_self_const(s);
    uint64_t n = 0;
    for (uint32_t i = 0; i < m->n_spaces; i++) {
        n += m->spaces[m->first_space + i]->table.n_keys;
    }
    return n;
}

uint64_t tm_mem_keys_of(const tm_state *s, uint32_t state)
{
    const tm_mem_state *m = tm_mem_self_const(s);
    uint64_t n = 0;
    for (uint32_t i = 0; i < m->n_spaces; i++) {
        n += m->spaces[m->first_space + i]->n_set[state];
    }
    return n;
}

uint64_t tm_mem_keys_here(const tm_state *s)
{
    const tm_mem_state *m = tm_mem_self_const(s);
    return m->now == NULL ? 0 : m->now->table.n_keys;
}

uint64_t tm_mem_bytes(const tm_state *s)
{
    const tm_mem_state *m = tm_mem_self_const(s);
    if (m->has_namespaces) {
        return m->pool.used_bytes + m->pool.free_bytes;
    }
    return m->now == NULL ? 0 : m->now->region.bytes + m->now->table.tag_region.bytes - m->now->table.returned;
}

void tm_mem_tidy(tm_state *s)
{
    tm_mem_state *m = tm_mem_self(s);
    tm_mem_space *now = m->now;
    if (m->has_namespaces || now == NULL || now->n_walks != 0 || now->table.watch != NULL) {
        return; /* a walk or a snapshot keeps its place by where entries are */
    }
    if (tm_mem_table_is_sparse(&now->table)) {
        tm_mem_table_shrink(&now->table, s->key);
    }
}

/* ---- walks over the keys of a namespace: at[0] is the walk, at[1] its space ---- */

typedef struct key_walk {
    tm_mem_walk walk;
    tm_mem_space *space; /* NULL: the namespace has no keys */
} key_walk;

static key_walk *walk_of(const tm_state_walk *walk) { return (key_walk *)(uintptr_t)walk->at[0]; }

static void begin(tm_mem_state *m, tm_state_walk *walk)
{
    key_walk *w = wsl_zalloc(sizeof *w);
    w->space = m->now;
    if (w->space != NULL) {
        tm_mem_walk_init(&w->walk, &w->space->table);
        w->space->n_walks++;
        w->walk.items = m->spare_walk.items;
        w->walk.scratch = m->spare_walk.scratch;
        w->walk.capacity = m->spare_walk.capacity;
        m->spare_walk = (tm_mem_walk){0};
    }
    walk->at[0] = (uint64_t)(uintptr_t)w;
}

bool tm_mem_walk_keys(tm_state *s, tm_state_walk *walk)
{
    tm_mem_state *m = tm_mem_self(s);
    if (walk->at[0] == 0) {
        begin(m, walk);
    }
    key_walk *w = walk_of(walk);
    if (w->space == NULL) {
        return false;
    }
    tm_mem_use(s, w->space->ns);
    return tm_mem_walk_next(&w->walk, s->key) != NULL;
}

void tm_mem_walk_keys_end(tm_state *s, tm_state_walk *walk)
{
    tm_mem_state *m = tm_mem_self(s);
    key_walk *w = walk_of(walk);
    if (w == NULL) {
        return;
    }
    if (w->space != NULL) {
        w->space->n_walks--;
        tm_mem_walk_fini(&m->spare_walk);
        m->spare_walk = w->walk;
    }
    free(w);
    walk->at[0] = 0;
}
