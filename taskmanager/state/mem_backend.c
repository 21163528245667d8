/*
 * One table for all states of an operator, so one lookup per record serves them all; see mem_internal.h for where values lie.
 */
#include "base/alloc.h"
#include "base/assert.h"
#include "taskmanager/state/mem_changes.h"
#include "taskmanager/state/mem_internal.h"
#include "taskmanager/state/mem_snapshot.h"

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
    m->now->n_set[state] -= *bits >> state & 1;
    *bits &= ~(UINT32_C(1) << state | TM_ENTRY_CLEAN);
    if ((*bits & ~TM_ENTRY_MARKS) == 0) {
        if (m->changes.since != 0) {
            tm_mem_note_gone(m, entry);
        }
        tm_mem_table_remove(&m->now->table, m->state.key, entry);
    }
}

void tm_mem_clear_in(tm_mem_state *m, uint8_t *entry, uint32_t state)
{
    tm_mem_area *a = &m->areas[state];
    switch (a->kind) {
    case WSL_STATE_LIST:
        tm_mem_list_clear(tm_mem_list_in(entry, a), &m->now->slab);
        break;
    case WSL_STATE_MAP:
        tm_mem_map_clear(tm_mem_map_in(entry, a), &m->now->slab);
        break;
    default:
        tm_mem_value_release(m, entry, a);
    }
    a->changes++;
    tm_mem_unset(m, entry, state);
}

static void clear(tm_state *s, uint32_t state)
{
    tm_mem_state *m = tm_mem_self(s);
    uint8_t *entry = tm_mem_entry(m);
    if (entry != NULL && tm_mem_is_set(m, entry, state)) {
        tm_mem_clear_in(m, entry, state);
    }
}

static tm_value_place value_place(const tm_state *s, uint32_t state)
{
    const tm_mem_state *m = tm_mem_self_const(s);
    const tm_mem_area *a = &m->areas[state];
    return (tm_value_place){
        .bits_offset = (uint32_t)(m->fast ? offsetof(tm_entry_fast, bits) : offsetof(tm_entry_general, bits)),
        .bit = a->size != 0 && !a->stamped ? UINT32_C(1) << state : 0,
        .writable = UINT32_C(1) << state | TM_ENTRY_CLEAN,
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

static bool has_ttl(const tm_state *s) { return tm_mem_self_const(s)->has_ttl; }

static void mem_state_free(tm_state *s)
{
    tm_mem_state *m = tm_mem_self(s);
    WSL_ASSERT(m->snapshot == NULL); /* cancelled before */
    tm_mem_spaces_free(m);
    tm_mem_walk_fini(&m->spare_walk);
    tm_mem_ahead_free(m->ahead);
    for (uint32_t i = 0; i < m->n_states; i++) {
        free(m->areas[i].canonical);
        free(m->areas[i].name);
    }
    tm_mem_changes_fini(m);
    free(m->scratch);
    free(m->scratch_key);
    free(m->map_key);
    free(m->expired);
    free(m);
}

static void prefetch(const tm_state *s, const uint32_t *far, const uint32_t *near)
{
    const tm_mem_state *m = tm_mem_self_const(s);
    if (m->now == NULL) {
        return;
    }
    if (far != NULL) {
        tm_mem_table_prefetch_tags(&m->now->table, *far);
    }
    if (near != NULL) {
        tm_mem_table_prefetch_entry(&m->now->table, *near);
    }
}

static const tm_state_ops mem_state_ops = {
    .free = mem_state_free,
    .load = load,
    .prefetch = prefetch,
    .value_get = tm_mem_value_get,
    .value_update = tm_mem_value_update,
    .value_put = tm_mem_value_put,
    .clear = clear,
    .value_place = value_place,
    .list_add = tm_mem_list_state_add,
    .list_set = tm_mem_list_state_set,
    .list_size = tm_mem_list_state_size,
    .map_get = tm_mem_map_state_get,
    .map_put = tm_mem_map_state_put,
    .map_remove = tm_mem_map_state_remove,
    .walk = tm_mem_walk_begin,
    .walk_next = tm_mem_walk_step,
    .walk_remove = tm_mem_walk_remove,
    .use = tm_mem_use,
    .next_namespace = tm_mem_next_namespace,
    .drop_namespace = tm_mem_drop_namespace,
    .walk_keys = tm_mem_walk_keys,
    .walk_keys_end = tm_mem_walk_keys_end,
    .has_ttl = has_ttl,
    .snapshot = tm_mem_snapshot_begin,
    .restore = tm_mem_restore,
    .clean_up = tm_mem_clean_up,
    .tidy = tm_mem_tidy,
    .keys = tm_mem_keys,
    .keys_of = tm_mem_keys_of,
    .keys_here = tm_mem_keys_here,
    .bytes = tm_mem_bytes,
};

static tm_mem_shape shape_of(const wsl_schema *schema)
{
    tm_mem_shape shape = {.fixed = wsl_row_fixed_size(schema->n_fields)};
    for (uint32_t f = 0; f < schema->n_fields; f++) {
        shape.has_variable = shape.has_variable || !wsl_type_is_fixed(&schema->fields[f].type);
    }
    return shape;
}

/* What the state takes in an entry; a value that lies there gets its size. */
static uint32_t room_of(tm_mem_area *a, uint32_t used)
{
    if (a->kind != WSL_STATE_VALUE) {
        return a->kind == WSL_STATE_LIST ? (uint32_t)sizeof(tm_mem_list) : (uint32_t)sizeof(tm_mem_map);
    }
    const uint32_t stamp = a->stamped ? (uint32_t)sizeof(int64_t) : 0;
    const uint32_t room = a->value.fixed + stamp;
    if (a->value.has_variable || a->value.fixed > INLINE_VALUE_MAX || used + room > INLINE_VALUES_MAX) {
        return (uint32_t)sizeof(wsl_row *);
    }
    a->size = a->value.fixed;
    a->offset += stamp;
    return room;
}

/* Offsets from the end of the entry's header; returns the payload's size. */
static uint32_t lay_out(tm_mem_state *m, const tm_state_spec *states, uint32_t header)
{
    uint32_t at = 0;
    for (uint32_t i = 0; i < m->n_states; i++) {
        tm_mem_area *a = &m->areas[i];
        const bool is_collection = states[i].kind == WSL_STATE_LIST || states[i].kind == WSL_STATE_MAP;
        *a = (tm_mem_area){
            .name = wsl_strdup(states[i].name != NULL ? states[i].name : ""),
            .schema = states[i].schema,
            .key_schema = states[i].kind == WSL_STATE_MAP ? states[i].key : NULL,
            .second_schema = states[i].kind == WSL_STATE_LIST ? states[i].second : NULL,
            .was = states[i].was,
            .pasts = states[i].pasts,
            .kind = is_collection ? states[i].kind : WSL_STATE_VALUE,
            .offset = header + at,
            .value = states[i].second != NULL ? (tm_mem_shape){sizeof(wsl_row), true} : shape_of(states[i].schema),
            .keeps = is_collection && states[i].keeps_timestamps,
            .stamped = states[i].ttl.ttl_ms > 0,
            .ttl = states[i].ttl,
        };
        if (a->kind == WSL_STATE_MAP) {
            a->key = shape_of(states[i].key);
        }
        m->has_ttl = m->has_ttl || a->stamped;
        at += room_of(a, at);
    }
    return at;
}

/* How keys of a map are brought into canonical form, if they have to be. */
static wsl_status describe_map_key(tm_mem_area *a, const tm_state_spec *state, wsl_error *err)
{
    const wsl_schema *key = state->key;
    const char *fields[WSL_KEY_FIELDS_MAX];
    wsl_key_spec spec;
    bool has_float = false;
    for (uint32_t i = 0; i < key->n_fields && i < WSL_KEY_FIELDS_MAX; i++) {
        fields[i] = key->fields[i].name;
        has_float = has_float || key->fields[i].type.id == WSL_T_FLOAT || key->fields[i].type.id == WSL_T_DOUBLE;
    }
    const wsl_status status = wsl_key_spec_init(&spec, key, fields, key->n_fields, err);
    if (status != WSL_OK) {
        return wsl_fail_prefix(err, status, "the key of the map state '%s'", state->name);
    }
    a->canonical = a->key.has_variable || has_float ? wsl_memdup(&spec, sizeof spec) : NULL;
    return WSL_OK;
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
    for (uint32_t i = 0; i < n_states; i++) {
        wsl_status status = WSL_OK;
        if (m->areas[i].kind == WSL_STATE_MAP) {
            status = describe_map_key(&m->areas[i], &states[i], err);
        }
        if (status != WSL_OK) {
            mem_state_free(&m->state);
            return status;
        }
    }
    if (!namespaces) {
        (void)tm_mem_space_make_now(m);
    }
    key->two_lines = m->payload + (key->fast ? TM_ENTRY_FAST_HEADER : TM_ENTRY_GENERAL_HEADER) > 64;
    *out_state = &m->state;
    return WSL_OK;
}
