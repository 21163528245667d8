/*
 * One table for all value states of an operator, so one lookup per record serves them all. An entry's payload has an
 * area per state: the value's row itself if its size is fixed and small, else a pointer to a block of the slab. Bit i
 * of the entry's `bits` says whether state i is set; an entry without any bit is removed.
 */
#include "taskmanager/state/backend.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "taskmanager/state/mem_table.h"

enum { INLINE_VALUE_MAX = 128, INLINE_VALUES_MAX = 512 };

typedef struct area {
    uint32_t offset; /* in the entry */
    uint32_t size;   /* of an inline row; 0: a pointer to it */
    uint32_t fixed;  /* the smallest size of a row of the schema */
    bool has_variable;
} area;

typedef struct mem_state {
    tm_state state;
    tm_region region;
    tm_slab slab;
    tm_mem_table table;
    uint32_t n_states;
    area areas[TM_STATES_MAX];
} mem_state;

static mem_state *self(tm_state *s) { return (mem_state *)(void *)s; }

static inline uint32_t *bits_of(const mem_state *m, uint8_t *entry)
{
    return m->table.fast ? &((tm_entry_fast *)(void *)entry)->bits : &((tm_entry_general *)(void *)entry)->bits;
}

/* The current key's entry, or NULL. What load left for a general key has the right tag, but may be another key's. */
static inline uint8_t *entry_of(mem_state *m)
{
    tm_key_ctx *kc = m->state.key;
    uint8_t *entry = kc->entry;
    if (entry == NULL || (!kc->fast && !tm_mem_key_equal(&m->table, entry, kc))) {
        entry = tm_mem_table_find(&m->table, kc);
        kc->entry = entry;
    }
    return entry;
}

static inline uint8_t *entry_or_new(mem_state *m)
{
    uint8_t *entry = entry_of(m);
    if (WSL_UNLIKELY(entry == NULL)) {
        entry = tm_mem_table_add(&m->table, m->state.key);
        m->state.key->entry = entry;
    }
    return entry;
}

static inline wsl_row *outside(uint8_t *entry, const area *a)
{
    wsl_row *row;
    memcpy(&row, entry + a->offset, sizeof row);
    return row;
}

static inline void set_outside(uint8_t *entry, const area *a, wsl_row *row)
{
    memcpy(entry + a->offset, &row, sizeof row);
}

static inline wsl_row *row_in(uint8_t *entry, const area *a)
{
    return a->size != 0 ? (wsl_row *)(void *)(entry + a->offset) : outside(entry, a);
}

static const wsl_row *value_get(tm_state *s, uint32_t state)
{
    mem_state *m = self(s);
    uint8_t *entry = entry_of(m);
    if (entry == NULL || !(*bits_of(m, entry) >> state & 1)) {
        return NULL;
    }
    return row_in(entry, &m->areas[state]);
}

static wsl_row *make_zero_row(mem_state *m, uint8_t *entry, const area *a)
{
    wsl_row *row;
    if (a->size != 0) {
        row = (wsl_row *)(void *)(entry + a->offset);
    } else {
        row = tm_slab_alloc(&m->slab, a->fixed);
        set_outside(entry, a, row);
    }
    memset(row, 0, a->fixed);
    row->size = a->fixed;
    return row;
}

static wsl_row *value_update(tm_state *s, uint32_t state)
{
    mem_state *m = self(s);
    const area *a = &m->areas[state];
    if (WSL_UNLIKELY(a->has_variable)) {
        return NULL;
    }
    uint8_t *entry = entry_or_new(m);
    uint32_t *bits = bits_of(m, entry);
    if (WSL_LIKELY(*bits >> state & 1)) {
        return row_in(entry, a);
    }
    *bits |= UINT32_C(1) << state;
    return make_zero_row(m, entry, a);
}

/* Room for a value of `size` bytes outside; keeps the block if it fits just as well. */
static wsl_row *room_outside(mem_state *m, uint8_t *entry, const area *a, bool is_set, uint32_t size)
{
    wsl_row *old = is_set ? outside(entry, a) : NULL;
    if (old != NULL && tm_slab_capacity(old->size) == tm_slab_capacity(size)) {
        return old;
    }
    wsl_row *row = tm_slab_alloc(&m->slab, size);
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
    mem_state *m = self(s);
    const area *a = &m->areas[state];
    if (row->size < a->fixed || (!a->has_variable && row->size != a->fixed)) {
        return WSL_TYPE;
    }
    uint8_t *entry = entry_or_new(m);
    uint32_t *bits = bits_of(m, entry);
    if (a->size != 0) {
        store((wsl_row *)(void *)(entry + a->offset), row);
    } else {
        const bool is_set = *bits >> state & 1;
        wsl_row *old = is_set ? outside(entry, a) : NULL;
        const uint32_t old_size = is_set ? old->size : 0;
        wsl_row *to = room_outside(m, entry, a, is_set, row->size);
        store(to, row); /* `row` may be the old value itself */
        if (old != NULL && to != old) {
            tm_slab_release(&m->slab, old, old_size);
        }
    }
    *bits |= UINT32_C(1) << state;
    return WSL_OK;
}

static void value_clear(tm_state *s, uint32_t state)
{
    mem_state *m = self(s);
    uint8_t *entry = entry_of(m);
    if (entry == NULL) {
        return;
    }
    uint32_t *bits = bits_of(m, entry);
    const uint32_t bit = UINT32_C(1) << state;
    if (!(*bits & bit)) {
        return;
    }
    const area *a = &m->areas[state];
    if (a->size == 0) {
        wsl_row *row = outside(entry, a);
        tm_slab_release(&m->slab, row, row->size);
    }
    *bits &= ~bit;
    if ((*bits & ~TM_ENTRY_NULL_KEY) == 0) {
        tm_mem_table_remove(&m->table, m->state.key, entry);
    }
}

static tm_value_place value_place(const tm_state *s, uint32_t state)
{
    const mem_state *m = (const mem_state *)(const void *)s;
    const area *a = &m->areas[state];
    return (tm_value_place){
        .bits_offset = (uint32_t)offsetof(tm_entry_fast, bits),
        .bit = a->size != 0 && m->table.fast ? UINT32_C(1) << state : 0,
        .offset = a->offset,
    };
}

static bool load(tm_state *s, const wsl_row *const *rows, uint32_t n, uint32_t at, uint32_t *out_bad)
{
    return tm_mem_table_load(&self(s)->table, s->key, rows, n, at, out_bad);
}

static uint64_t keys(const tm_state *s) { return ((const mem_state *)(const void *)s)->table.n_keys; }
static uint64_t bytes(const tm_state *s)
{
    return ((const mem_state *)(const void *)s)->region.bytes +
           ((const mem_state *)(const void *)s)->table.tag_region.bytes;
}

static void mem_state_free(tm_state *s)
{
    mem_state *m = self(s);
    tm_mem_table_fini(&m->table);
    tm_slab_fini(&m->slab);
    tm_region_fini(&m->region);
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
    .keys = keys,
    .bytes = bytes,
};

/* Offsets from the end of the entry's header; returns the payload's size. */
static uint32_t lay_out(mem_state *m, const tm_state_spec *states, uint32_t header)
{
    uint32_t at = 0;
    for (uint32_t i = 0; i < m->n_states; i++) {
        const wsl_schema *schema = states[i].schema;
        area *a = &m->areas[i];
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
    (void)namespaces;
    if (n_states > TM_STATES_MAX) {
        return wsl_fail(err, WSL_UNSUPPORTED, "a function has %u states; at most %d are possible", n_states,
                        TM_STATES_MAX);
    }
    mem_state *m = wsl_zalloc(sizeof *m);
    m->state = (tm_state){.ops = &mem_state_ops, .key = key};
    m->n_states = n_states;
    tm_region_init(&m->region);
    tm_slab_init(&m->slab, &m->region);
    const uint32_t payload = lay_out(m, states, key->fast ? TM_ENTRY_FAST_HEADER : TM_ENTRY_GENERAL_HEADER);
    tm_mem_table_init(&m->table, &m->region, &m->slab, key, payload);
    key->two_lines = m->table.stride > 64;
    *out_state = &m->state;
    return WSL_OK;
}
