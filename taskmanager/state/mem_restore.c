/*
 * What a memory backend begins with: sections as mem_records made them, or another backend did, layer on layer.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "data/evolution.h"
#include "data/migrate.h"
#include "taskmanager/ckpt/restore.h"
#include "taskmanager/state/mem_changes.h"
#include "taskmanager/state/mem_internal.h"
#include "taskmanager/state/mem_records.h"
#include "taskmanager/state/mem_segment.h"

typedef struct old_state {
    uint32_t state;              /* today's */
    bool left_out;               /* there is none, and the job may begin without it */
    bool second;                 /* ... of which these are the rows of the second schema */
    wsl_migration *value, *key;  /* NULL: rows are as they were */
} old_state;

typedef struct restoring {
    tm_mem_state *m;
    const tm_restore_piece *piece;
    old_state *states;
    uint8_t *scratch[2];
    uint32_t capacity[2];
    bool fresh;   /* nothing was there when the section began, and it has each key once: keys need not be looked for */
    bool new_key; /* the key in hand has no entry yet */
} restoring;

static void restoring_fini(restoring *r)
{
    for (size_t i = 0; i < r->piece->section->n_states; i++) {
        wsl_migration_free(r->states[i].value);
        wsl_migration_free(r->states[i].key);
    }
    free(r->states);
    free(r->scratch[0]);
    free(r->scratch[1]);
}

static wsl_status migration_to(const wsl_schema *from, const wsl_schema *to, const wsl_field_past *pasts, const char *state,
                               const char *what, wsl_migration **out, wsl_error *err)
{
    if (from == NULL) {
        return wsl_fail(err, WSL_CORRUPT, "state '%s' was stored without the schema of its %s", state, what);
    }
    const wsl_status status = wsl_migration_new_with(from, to, pasts, out, err);
    if (status != WSL_OK) {
        return wsl_fail_prefix(err, status, "the %s of state '%s' cannot be read any more", what, state);
    }
    if (wsl_migration_is_identity(*out)) {
        wsl_migration_free(*out);
        *out = NULL;
    }
    return WSL_OK;
}

static bool is_second(const tm_mem_area *a, const Wsl__Pb__StateDesc *desc)
{
    const size_t n = strlen(a->name);
    return a->second_schema != NULL && strncmp(desc->name, a->name, n) == 0 && strcmp(desc->name + n, tm_second_suffix) == 0;
}

/* The state of that name, else the one that had it. */
static uint32_t find_state(const tm_mem_state *m, const Wsl__Pb__StateDesc *desc, bool *out_second)
{
    uint32_t i = 0;
    while (i < m->n_states && strcmp(m->areas[i].name, desc->name) != 0 && !(*out_second = is_second(&m->areas[i], desc))) {
        i++;
    }
    if (i < m->n_states) {
        return i;
    }
    i = 0;
    while (i < m->n_states && (m->areas[i].was == NULL || strcmp(m->areas[i].was, desc->name) != 0)) {
        i++;
    }
    return i;
}

static wsl_status match_key(restoring *r, uint32_t old, const tm_mem_area *a, const char *name, wsl_error *err)
{
    const wsl_schema *from = wsl_section_map_key_schema(r->piece->reader, old);
    bool same = false;
    if (from != NULL) {
        const wsl_status status = wsl_evolution_check_key(from, a->key_schema, &same, err);
        if (status != WSL_OK) {
            return wsl_fail_prefix(err, status, "the state '%s'", name);
        }
    }
    return same ? WSL_OK : migration_to(from, a->key_schema, NULL, name, "key", &r->states[old].key, err);
}

static wsl_status match_state(restoring *r, uint32_t old, wsl_error *err)
{
    const Wsl__Pb__StateDesc *desc = r->piece->section->states[old];
    const tm_mem_state *m = r->m;
    bool second = false;
    const uint32_t i = find_state(m, desc, &second);
    if (i == m->n_states && r->piece->section->may_leave_out) {
        r->states[old].left_out = true;
        return WSL_OK;
    }
    if (i == m->n_states) {
        return wsl_fail(err, WSL_INVALID, "the state '%s' is stored, but not declared any more", desc->name);
    }
    const tm_mem_area *a = &m->areas[i];
    if ((uint32_t)a->kind != desc->kind) {
        return wsl_fail(err, WSL_TYPE, "the state '%s' was of another kind when it was stored", desc->name);
    }
    r->states[old].state = i;
    r->states[old].second = second;
    WSL_TRY(migration_to(wsl_section_value_schema(r->piece->reader, old), second ? a->second_schema : a->schema,
                         second ? NULL : a->pasts, desc->name, "value", &r->states[old].value, err));
    return a->key_schema == NULL ? WSL_OK : match_key(r, old, a, desc->name, err);
}

static const wsl_row *migrated(restoring *r, const wsl_migration *m, const wsl_row *row, uint32_t place)
{
    if (m == NULL) {
        return row;
    }
    for (;;) {
        const uint32_t size = wsl_migration_run(m, row, r->scratch[place], r->capacity[place]);
        if (size != 0) {
            return (const wsl_row *)(const void *)r->scratch[place];
        }
        r->capacity[place] = r->capacity[place] == 0 ? 1024 : 2 * r->capacity[place];
        free(r->scratch[place]);
        r->scratch[place] = wsl_alloc(r->capacity[place]);
    }
}

static wsl_status add_value(tm_mem_state *m, uint32_t state, const wsl_row *row, int64_t used)
{
    WSL_TRY(tm_mem_value_put(&m->state, state, row));
    if (m->areas[state].stamped) {
        *tm_stamp_of(tm_mem_value_in(tm_mem_entry_or_new(m), &m->areas[state])) = used;
    }
    return WSL_OK;
}

/* A copy with the mark. */
static const wsl_row *marked(restoring *r, const wsl_row *row)
{
    if (r->capacity[1] < row->size) {
        free(r->scratch[1]);
        r->capacity[1] = row->size;
        r->scratch[1] = wsl_alloc(row->size);
    }
    wsl_row *copy = memcpy(r->scratch[1], row, row->size);
    copy->op |= TM_STATE_SECOND;
    return copy;
}

/* The key in hand gets its entry without a look for one, which in a table this size waits for memory. */
static void add_key(restoring *r)
{
    tm_mem_state *m = r->m;
    tm_key_ctx *kc = m->state.key;
    tm_mem_table *t = &(m->now != NULL ? m->now : tm_mem_space_make_now(m))->table;
    r->new_key = false;
    tm_key_ctx_take_over(kc, t);
    WSL_DEBUG_ASSERT(tm_mem_table_find(t, kc) == NULL);
    kc->entry = tm_mem_table_add(t, kc);
}

static wsl_status add_record(restoring *r, const wsl_record *record, wsl_error *err)
{
    tm_mem_state *m = r->m;
    if (r->fresh && r->new_key) {
        add_key(r);
    }
    const old_state *old = &r->states[record->state];
    if (old->left_out) {
        return WSL_OK;
    }
    const tm_mem_area *a = &m->areas[old->state];
    const wsl_row *row = wsl_record_row(record);
    wsl_status status = WSL_TYPE;
    if (record->tag == WSL_RECORD_VALUE && a->kind == WSL_STATE_VALUE) {
        status = add_value(m, old->state, migrated(r, old->value, row, 0), record->number);
    } else if (record->tag == WSL_RECORD_ELEMENT && a->kind == WSL_STATE_LIST) {
        row = migrated(r, old->value, row, 0);
        status = tm_mem_list_restore(m, old->state, old->second ? marked(r, row) : row, record->number);
    } else if (record->tag == WSL_RECORD_ENTRY && a->kind == WSL_STATE_MAP) {
        status = tm_mem_map_restore(m, old->state, migrated(r, old->key, row, 1),
                                    migrated(r, old->value, wsl_record_second_row(record), 0), record->number);
    }
    return status == WSL_OK ? WSL_OK
                            : wsl_fail(err, WSL_CORRUPT, "state '%s' has a record that does not fit it", a->name);
}

/* What earlier layers brought of the current key goes. */
static void replace_key(tm_mem_state *m)
{
    for (uint32_t i = 0; i < m->n_states; i++) {
        uint8_t *entry = tm_mem_entry(m);
        if (entry != NULL && tm_mem_is_set(m, entry, i)) {
            tm_mem_clear_in(m, entry, i);
        }
    }
}

/* ... and of all keys of that key group (counted from our first) in the current namespace. */
static void drop_group(tm_mem_state *m, uint32_t group)
{
    if (m->now == NULL) {
        return;
    }
    tm_mem_table *t = &m->now->table;
    const uint64_t begin = ((uint64_t)group << 32) >> t->shift, end = ((uint64_t)(group + 1) << 32) >> t->shift;
    for (uint64_t p = begin; p < end;) {
        const tm_mem_group *g = &t->groups[p >> 32];
        const tm_segment *s = tm_segment_of(&g->directory[(uint64_t)(uint32_t)p >> g->shift]);
        const uint64_t span = UINT64_C(1) << (32 - s->depth);
        TM_EACH_ENTRY(t, s, i, entry)
        {
            const uint64_t at = tm_position_of(t, tm_hash_of(t, entry));
            for (uint32_t k = 0; at >= begin && at < end && s->tags[i] < TM_TAG_EMPTY && k < m->n_states; k++) {
                if (tm_mem_is_set(m, entry, k)) {
                    tm_mem_clear_in(m, entry, k);
                }
            }
        }
        p = (p & ~(span - 1)) + span;
    }
}

static wsl_status add_records(restoring *r, wsl_error *err)
{
    tm_mem_state *m = r->m;
    tm_key_ctx *kc = m->state.key;
    const wsl_record *record;
    uint32_t group = UINT32_MAX;
    bool has_key = false;
    for (;;) {
        uint32_t now = 0;
        const wsl_status status = wsl_section_reader_next(r->piece->reader, &record, &now, err);
        if (status != WSL_OK) {
            return status == WSL_END ? WSL_OK : status;
        }
        if (now != group) {
            group = now;
            has_key = false;
            tm_mem_use(&m->state, 0);
        }
        if (record->tag == WSL_RECORD_KEY) {
            const wsl_row *key = wsl_record_row(record);
            tm_key_ctx_restore(kc, key->slot, key->size - (uint32_t)sizeof *key, key->nulls, (uint32_t)record->number);
            r->new_key = true;
            has_key = tm_key_ctx_group(kc) == now && now - kc->first_group < kc->n_groups;
            if (!has_key) {
                return wsl_fail(err, WSL_CORRUPT, "a key of key group %u is stored in group %u", tm_key_ctx_group(kc), now);
            }
        } else if (record->tag == WSL_RECORD_DROP && !has_key && now - kc->first_group < kc->n_groups &&
                   (m->has_namespaces || record->number == 0)) {
            tm_mem_use(&m->state, record->number);
            drop_group(m, now - kc->first_group);
            tm_mem_use(&m->state, 0);
        } else if (record->tag == WSL_RECORD_REPLACE && has_key) {
            replace_key(m);
        } else if (record->tag == WSL_RECORD_SPACE && (m->has_namespaces || record->number == 0)) {
            tm_mem_use(&m->state, record->number);
        } else if (!has_key || record->state >= r->piece->section->n_states) {
            return wsl_fail(err, WSL_CORRUPT, "a record of no key or of no state is stored");
        } else {
            WSL_TRY(add_record(r, record, err));
        }
    }
}

wsl_status tm_mem_restore(tm_state *state, const tm_restore_piece *piece, wsl_error *err)
{
    tm_mem_state *m = tm_mem_self(state);
    restoring r = {.m = m, .piece = piece, .fresh = piece->section->layer == 0 && !m->has_namespaces && (m->now == NULL || m->now->table.n_keys == 0)};
    r.states = wsl_calloc(piece->section->n_states + 1, sizeof *r.states);
    wsl_status status = WSL_OK;
    for (uint32_t i = 0; i < piece->section->n_states && status == WSL_OK; i++) {
        status = match_state(&r, i, err);
    }
    if (status == WSL_OK) {
        status = add_records(&r, err);
    }
    restoring_fini(&r);
    tm_key_ctx_entries_moved(state->key);
    return status;
}
