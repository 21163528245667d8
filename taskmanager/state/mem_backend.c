/*
 * One table for all states of an operator, so one lookup per record serves them all; see mem_internal.h for where values lie.
 */
#include "base/alloc.h"
#include "base/assert.h"
#include "taskmanager/state/mem_internal.h"

enum { INLINE_VALUE_MAX = 128, INLINE_VALUES_MAX = 512 };

uint8_t *tm_mem_entry_or_new(tm_mem_state *m)
{
    uint8_t *entry = tm_mem_entry(m);
    if (WSL_UNLIKELY(entry == NULL)) {
        tm_mem_space *space = WSL_LIKELY(m->now != NULL) ? m->now : tm_mem_space_make_now(m);
        tm_key_ctx *kc = m->state.key;
        entry = tm_mem_table_add(&space->table, kc);
        kc->entry = kc->owner == &space->table ? entry : kc->entry;
    }
    return entry;
}

void tm_mem_unset(tm_mem_state *m, uint8_t *entry, uint32_t state)
{
    uint32_t *bits = tm_mem_bits(m, entry);
    *bits &= ~(UINT32_C(1) << state);
    if ((*bits & ~TM_ENTRY_NULL_KEY) == 0) {
        tm_mem_table_remove(&m->now->table, m->state.key, entry);
    }
}

static inline wsl_row *outside(uint8_t *entry, const tm_mem_area *a)
{
    wsl_row *row;
    memcpy(&row, entry + a->offset, sizeof row);
    return row;
}

static inline void set_outside(uint8_t *entry, const tm_mem_area *a, wsl_row *row)
{
    memcpy(entry + a->offset, &row, sizeof row);
}

static inline wsl_row *row_in(uint8_t *entry, const tm_mem_area *a)
{
    return a->size != 0 ? (wsl_row *)(void *)(entry + a->offset) : outside(entry, a);
}

static const wsl_row *value_get(tm_state *s, uint32_t state)
{
    tm_mem_state *m = tm_mem_self(s);
    uint8_t *entry = tm_mem_entry(m);
    if (entry == NULL || !(*tm_mem_bits(m, entry) >> state & 1)) {
        return NULL;
    }
    return row_in(entry, &m->areas[state]);
}

static wsl_row *make_zero_row(tm_mem_state *m, uint8_t *entry, const tm_mem_area *a)
{
    wsl_row *row;
    if (a->size != 0) {
        row = (wsl_row *)(void *)(entry + a->offset);
    } else {
        row = tm_slab_alloc(&m->now->slab, a->fixed);
        set_outside(entry, a, row);
    }
    memset(row, 0, a->fixed);
    row->size = a->fixed;
    return row;
}

static wsl_row *value_update(tm_state *s, uint32_t state)
{
    tm_mem_state *m = tm_mem_self(s);
    const tm_mem_area *a = &m->areas[state];
    if (WSL_UNLIKELY(a->has_variable)) {
        return NULL;
    }
    uint8_t *entry = tm_mem_entry_or_new(m);
    uint32_t *bits = tm_mem_bits(m, entry);
    if (WSL_LIKELY(*bits >> state & 1)) {
        return row_in(entry, a);
    }
    *bits |= UINT32_C(1) << state;
    return make_zero_row(m, entry, a);
}

/* Room for a value of `size` bytes outside; keeps the block if it fits just as well. */
static wsl_row *room_outside(tm_mem_state *m, uint8_t *entry, const tm_mem_area *a, bool is_set, uint32_t size)
{
    wsl_row *old = is_set ? outside(entry, a) : NULL;
    if (old != NULL && tm_slab_capacity(old->size) == tm_slab_capacity(size)) {
        return old;
    }
    wsl_row *row = tm_slab_alloc(&m->now->slab, size);
    set_outside(entry, a, row);
    return row;
}

static void store(wsl_row *to, const wsl_row *row)
{
    memmove(to, row, row->size); /* a value may be put back in place */
    to->kind = WSL_KIND_DATA;
    to->flags = 0;
    to->key_hash = 0;
    to->timestamp = 0;
}

static wsl_status value_put(tm_state *s, uint32_t state, const wsl_row *row)
{
    tm_mem_state *m = tm_mem_self(s);
    const tm_mem_area *a = &m->areas[state];
    if (row->size < a->fixed || (!a->has_variable && row->size != a->fixed)) {
        return WSL_TYPE;
    }
    uint8_t *entry = tm_mem_entry_or_new(m);
    uint32_t *bits = tm_mem_bits(m, entry);
    if (a->size != 0) {
        store((wsl_row *)(void *)(entry + a->offset), row);
    } else {
        const bool is_set = *bits >> state & 1;
        wsl_row *old = is_set ? outside(entry, a) : NULL;
        const uint32_t old_size = is_set ? old->size : 0;
        wsl_row *to = room_outside(m, entry, a, is_set, row->size);
        store(to, row); /* `row` may be the old value itself */
        if (old != NULL && to != old) {
            tm_slab_release(&m->now->slab, old, old_size);
        }
    }
    *bits |= UINT32_C(1) << state;
    return WSL_OK;
}

static void value_clear(tm_state *s, uint32_t state)
{
    tm_mem_state *m = tm_mem_self(s);
    uint8_t *entry = tm_mem_entry(m);
    if (entry == NULL) {
        return;
    }
    uint32_t *bits = tm_mem_bits(m, entry);
    const uint32_t bit = UINT32_C(1) << state;
    if (!(*bits & bit)) {
        return;
    }
    const tm_mem_area *a = &m->areas[state];
    if (a->size == 0) {
        wsl_row *row = outside(entry, a);
        tm_slab_release(&m->now->slab, row, row->size);
    }
    tm_mem_unset(m, entry, state);
}

static tm_value_place value_place(const tm_state *s, uint32_t state)
{
    const tm_mem_state *m = tm_mem_self_const(s);
    const tm_mem_area *a = &m->areas[state];
    return (tm_value_place){
        .bits_offset = (uint32_t)offsetof(tm_entry_fast, bits),
        .bit = a->size != 0 && m->fast ? UINT32_C(1) << state : 0,
        .offset = a->offset,
        .owner = m->has_namespaces || m->now == NULL ? NULL : &m->now->table,
    };
}

static bool load(tm_state *s, const wsl_row *const *rows, uint32_t n, uint32_t at, uint32_t *out_bad)
{
    tm_mem_state *m = tm_mem_self(s);
    tm_mem_space *space = WSL_LIKELY(m->now != NULL) ? m->now : tm_mem_space_make_now(m);
    return tm_mem_table_load(&space->table, s->key, rows, n, at, out_bad);
}

static void mem_state_free(tm_state *s)
{
    tm_mem_state *m = tm_mem_self(s);
    tm_mem_spaces_free(m);
    tm_mem_walk_fini(&m->spare_walk);
    tm_mem_ahead_free(m->ahead);
    free(m);
}

static const tm_state_ops mem_state_ops = {
    .free = mem_state_free,
    .load = load,
    .value_get = value_get,
    .value_update = value_update,
    .value_put = value_put,
    .clear = value_clear,
    .value_place = value_place,
    .use = tm_mem_use,
    .next_namespace = tm_mem_next_namespace,
    .drop_namespace = tm_mem_drop_namespace,
    .walk_keys = tm_mem_walk_keys,
    .walk_keys_end = tm_mem_walk_keys_end,
    .keys = tm_mem_keys,
    .keys_here = tm_mem_keys_here,
    .bytes = tm_mem_bytes,
};

/* Offsets from the end of the entry's header; returns the payload's size. */
static uint32_t lay_out(tm_mem_state *m, const tm_state_spec *states, uint32_t header)
{
    uint32_t at = 0;
    for (uint32_t i = 0; i < m->n_states; i++) {
        const wsl_schema *schema = states[i].schema;
        tm_mem_area *a = &m->areas[i];
        a->fixed = wsl_row_fixed_size(schema->n_fields);
        for (uint32_t f = 0; f < schema->n_fields; f++) {
            a->has_variable = a->has_variable || !wsl_type_is_fixed(&schema->fields[f].type);
        }
        const bool is_inline = !a->has_variable && a->fixed <= INLINE_VALUE_MAX && at + a->fixed <= INLINE_VALUES_MAX;
        a->offset = header + at;
        a->size = is_inline ? a->fixed : 0;
        at += is_inline ? a->fixed : (uint32_t)sizeof(wsl_row *);
    }
    return at;
}

wsl_status tm_mem_state_new(tm_key_ctx *key, const tm_state_spec *states, uint32_t n_states, bool namespaces,
                            tm_state **out_state, wsl_error *err)
{
    if (n_states > TM_STATES_MAX) {
        return wsl_fail(err, WSL_UNSUPPORTED, "a function has %u states; at most %d are possible", n_states,
                        TM_STATES_MAX);
    }
    tm_mem_state *m = wsl_zalloc(sizeof *m);
    m->state = (tm_state){.ops = &mem_state_ops, .key = key};
    m->n_states = n_states;
    m->fast = key->fast;
    m->has_namespaces = namespaces;
    m->ahead = tm_mem_ahead_new();
    m->payload = lay_out(m, states, key->fast ? TM_ENTRY_FAST_HEADER : TM_ENTRY_GENERAL_HEADER);
    tm_chunk_pool_init(&m->pool);
    if (!namespaces) {
        (void)tm_mem_space_make_now(m);
    }
    key->two_lines = m->payload + (key->fast ? TM_ENTRY_FAST_HEADER : TM_ENTRY_GENERAL_HEADER) > 64;
    *out_state = &m->state;
    return WSL_OK;
}
