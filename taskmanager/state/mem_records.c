/*
 * mem_records - see mem_records.h.
 */
#include "taskmanager/state/mem_records.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "graph/job_graph.h"

const char *const tm_second_suffix = " (second input)";

/* ---- one entry as records ---- */

static const wsl_row *key_row(tm_entry_records *s, const uint8_t *entry, uint32_t *out_hash)
{
    const bool fast = s->m->fast;
    const bool bytes = s->m->state.key->bytes;
    const tm_entry_fast *f = (const tm_entry_fast *)(const void *)entry;
    const tm_entry_general *g = (const tm_entry_general *)(const void *)entry;
    const uint32_t size = fast ? (uint32_t)(sizeof(wsl_row) + sizeof f->slot) : tm_entry_row_size(bytes, g);
    if (s->key_capacity < size) {
        free(s->key);
        s->key_capacity = size + 64;
        s->key = wsl_alloc(s->key_capacity);
    }
    if (fast) {
        *s->key = (wsl_row){.size = size, .nulls = f->bits >> 31};
        s->key->slot[0] = f->slot;
    } else {
        tm_entry_row(bytes, g, s->key);
    }
    *out_hash = fast ? f->hash : g->hash;
    return s->key;
}

/* Rows of the second schema (backend.h) are of a state of their own, behind all others. */
static uint32_t second_of(const tm_mem_state *m, uint32_t state)
{
    uint32_t number = m->n_states;
    for (uint32_t i = 0; i < state; i++) {
        number += m->areas[i].second_schema != NULL;
    }
    return number;
}

static void put_second(tm_records *to, const tm_mem_state *m, uint32_t state, const wsl_row *row)
{
    tm_records_row(to, WSL_RECORD_ELEMENT, second_of(m, state), 0, row);
    wsl_row *copy = (wsl_row *)(void *)(to->data + to->size - row->size);
    copy->op &= (uint8_t)~TM_STATE_SECOND;
}

static void put_list(tm_records *to, const tm_mem_state *m, uint8_t *entry, uint32_t state)
{
    const tm_mem_area *a = &m->areas[state];
    tm_list_at at;
    tm_mem_list_walk(tm_mem_list_in(entry, a), &at);
    for (const wsl_row *row; (row = tm_mem_list_next(&at, a->stamped)) != NULL;) {
        if (WSL_UNLIKELY(a->second_schema != NULL && (row->op & TM_STATE_SECOND) != 0)) {
            put_second(to, m, state, row);
        } else {
            tm_records_row(to, WSL_RECORD_ELEMENT, state, a->stamped ? *tm_stamp_of(row) : 0, row);
        }
    }
}

static void put_map(tm_records *to, uint8_t *entry, uint32_t state, const tm_mem_area *a)
{
    uint32_t at = 0;
    for (const tm_map_item *item; (item = tm_mem_map_next(tm_mem_map_in(entry, a), &at)) != NULL;) {
        tm_records_entry(to, state, a->stamped ? item->used : 0, tm_map_key(item), tm_map_value(item));
    }
}

void tm_entry_records_put(tm_entry_records *s, tm_records *to, uint8_t *entry, const int64_t *ns, bool replace)
{
    const tm_mem_state *m = s->m;
    uint32_t hash;
    const wsl_row *key = key_row(s, entry, &hash);
    tm_records_key(to, hash, key);
    if (ns != NULL) {
        tm_records_space(to, *ns);
    }
    if (replace) {
        (void)tm_records_put(to, WSL_RECORD_REPLACE, 0, 0, 0);
    }
    for (uint32_t i = 0; i < m->n_states; i++) {
        const tm_mem_area *a = &m->areas[i];
        if (!tm_mem_is_set(m, entry, i)) {
            continue;
        }
        if (a->kind == WSL_STATE_LIST) {
            put_list(to, m, entry, i);
        } else if (a->kind == WSL_STATE_MAP) {
            put_map(to, entry, i, a);
        } else {
            const wsl_row *row = tm_mem_value_in(entry, a);
            tm_records_row(to, WSL_RECORD_VALUE, i, a->stamped ? *tm_stamp_of(row) : 0, row);
        }
    }
}

void tm_entry_records_gone(tm_entry_records *s, tm_records *to, const uint8_t *entry, const int64_t *ns)
{
    uint32_t hash;
    const wsl_row *key = key_row(s, entry, &hash);
    tm_records_key(to, hash, key);
    if (ns != NULL) {
        tm_records_space(to, *ns);
    }
    (void)tm_records_put(to, WSL_RECORD_REPLACE, 0, 0, 0);
}

void tm_entry_records_fini(tm_entry_records *s)
{
    free(s->key);
    *s = (tm_entry_records){0};
}

/* ---- sections ---- */

static Wsl__Pb__StateDesc *describe(const tm_mem_area *a)
{
    Wsl__Pb__StateDesc *d = wsl_alloc(sizeof *d);
    wsl__pb__state_desc__init(d);
    d->name = wsl_strdup(a->name);
    d->kind = (uint32_t)a->kind;
    d->value = wsl_schema_to_pb(a->schema);
    d->key = a->key_schema != NULL ? wsl_schema_to_pb(a->key_schema) : NULL;
    return d;
}

static Wsl__Pb__StateDesc *describe_second(const tm_mem_area *a)
{
    const size_t room = strlen(a->name) + strlen(tm_second_suffix) + 1;
    Wsl__Pb__StateDesc *d = wsl_alloc(sizeof *d);
    wsl__pb__state_desc__init(d);
    d->name = wsl_alloc(room);
    (void)snprintf(d->name, room, "%s%s", a->name, tm_second_suffix);
    d->kind = (uint32_t)a->kind;
    d->value = wsl_schema_to_pb(a->second_schema);
    return d;
}

tm_section *tm_mem_open_section(const tm_mem_state *m, tm_snapshot *out, tm_op *op, const char *name, uint32_t layer)
{
    Wsl__Pb__StateDesc **states = wsl_calloc(2 * m->n_states + 1, sizeof *states);
    uint32_t n = m->n_states;
    for (uint32_t i = 0; i < m->n_states; i++) {
        states[i] = describe(&m->areas[i]);
        if (m->areas[i].second_schema != NULL) {
            states[n++] = describe_second(&m->areas[i]);
        }
    }
    const tm_section_spec spec = {
        .kind = WSL__PB__SECTION_KIND__SECTION_KEYED,
        .name = name,
        .version = 1,
        .layer = layer,
        .states = states,
        .n_states = n,
        .key = op->env.key_schema->n_fields > 0 ? op->env.key_schema : NULL, /* windows over all rows: one key */
    };
    tm_section *section = tm_snapshot_section(out, op, &spec);
    for (uint32_t i = 0; i < n; i++) {
        wsl__pb__state_desc__free_unpacked(states[i], NULL);
    }
    free(states);
    return section;
}
