/*
 * mem_snapshot - see mem_snapshot.h.
 */
#include "taskmanager/state/mem_snapshot.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "data/migrate.h"
#include "graph/job_graph.h"
#include "taskmanager/ckpt/records.h"
#include "taskmanager/ckpt/restore.h"
#include "taskmanager/ckpt/snapshot.h"
#include "taskmanager/state/mem_internal.h"
#include "taskmanager/state/mem_segment.h"

/* A copied entry: its records, in `copies`. */
typedef struct copied {
    uint32_t group; /* counted from our first */
    uint32_t n;
    uint64_t offset, size;
} copied;

typedef struct tm_mem_snapshot {
    tm_mem_state *m;
    tm_mem_watch *watches;
    uint32_t n_watches;
    uint32_t group, at; /* the walk: key group, watch */
    bool group_said;
    int64_t said_ns;    /* SPACE in force in the section */
    wsl_row *key;       /* scratch */
    uint32_t key_capacity;
    tm_records copies;
    copied *copied;
    uint32_t n_copied, copied_capacity;
    uint32_t *order;    /* of copied, by group; made when the walk is done */
    uint32_t next_copy;
    bool walked;
} tm_mem_snapshot;

/* ---- one entry as records ---- */

static const wsl_row *key_row(tm_mem_snapshot *s, const uint8_t *entry, uint32_t *out_hash)
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

static void put_entry(tm_mem_snapshot *s, tm_records *to, uint8_t *entry, int64_t ns, bool say_space)
{
    const tm_mem_state *m = s->m;
    uint32_t hash;
    const wsl_row *key = key_row(s, entry, &hash);
    tm_records_key(to, hash, key);
    if (say_space) {
        tm_records_space(to, ns);
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

/* ---- touching ---- */

static uint32_t *bits_of(const tm_mem_watch *w, uint8_t *entry) { return tm_mem_bits(w->snapshot->m, entry); }

static bool is_for_walk(const tm_mem_watch *w, uint8_t *entry)
{
    const tm_mem_table *t = &w->space->table;
    return tm_position_of(t, tm_hash_of(t, entry)) >= w->boundary && (*bits_of(w, entry) & TM_ENTRY_TAKEN) == 0;
}

void tm_mem_watch_touch(tm_mem_watch *w, uint8_t *entry)
{
    if (!is_for_walk(w, entry)) {
        return;
    }
    tm_mem_snapshot *s = w->snapshot;
    *bits_of(w, entry) |= TM_ENTRY_TAKEN;
    if ((*bits_of(w, entry) & ~(TM_ENTRY_NULL_KEY | TM_ENTRY_TAKEN)) == 0) {
        return; /* nothing is set in it yet */
    }
    if (s->n_copied == s->copied_capacity) {
        s->copied_capacity = s->copied_capacity == 0 ? 64 : 2 * s->copied_capacity;
        s->copied = wsl_realloc(s->copied, s->copied_capacity * sizeof *s->copied);
    }
    copied *c = &s->copied[s->n_copied++];
    const tm_mem_table *t = &w->space->table;
    const uint64_t records = s->copies.n;
    c->offset = s->copies.size;
    c->group = wsl_key_group(tm_hash_of(t, entry), t->max_parallelism) - t->first_group;
    put_entry(s, &s->copies, entry, w->space->ns, s->m->has_namespaces);
    c->size = s->copies.size - c->offset;
    c->n = (uint32_t)(s->copies.n - records);
}

void tm_mem_watch_added(tm_mem_watch *w, uint8_t *entry)
{
    if (is_for_walk(w, entry)) {
        *bits_of(w, entry) |= TM_ENTRY_TAKEN;
    }
}

/* ---- the walk ---- */

static uint64_t group_begin(const tm_mem_table *t, uint32_t group) { return ((uint64_t)group << 32) >> t->shift; }

/* Goes through the segment that holds the boundary, as far as `end`; the boundary moves behind it. With a section what is found is
 * put there; without, marks are taken away only. */
static void walk_segment(tm_mem_watch *w, tm_section *section, uint64_t end)
{
    tm_mem_snapshot *s = w->snapshot;
    tm_mem_table *t = &w->space->table;
    const tm_mem_group *g = &t->groups[w->boundary >> 32];
    const uint32_t cell = (uint32_t)((uint64_t)(uint32_t)w->boundary >> g->shift);
    const tm_segment *seg = tm_segment_of(&g->directory[cell]);
    const uint32_t span = 1u << (g->depth - seg->depth);
    const uint64_t behind = (w->boundary >> 32 << 32) + ((uint64_t)((cell & ~(span - 1)) + span) << g->shift);
    const uint64_t to = behind < end ? behind : end;
    TM_EACH_ENTRY(t, seg, i, entry)
    {
        const uint64_t p = tm_position_of(t, tm_hash_of(t, entry));
        if (p < w->boundary || p >= to) {
            continue;
        }
        uint32_t *bits = tm_mem_bits(s->m, entry);
        if (*bits & TM_ENTRY_TAKEN) {
            *bits &= ~TM_ENTRY_TAKEN;
        } else if (section != NULL) {
            const bool say = s->m->has_namespaces && s->said_ns != w->space->ns;
            s->said_ns = w->space->ns;
            put_entry(s, tm_section_into(section), entry, w->space->ns, say);
        }
    }
    w->boundary = to;
}

/* The watch has seen all of its table. */
static void end_watch(tm_mem_watch *w)
{
    if (w->space == NULL) {
        return;
    }
    w->space->table.watch = NULL;
    if (w->dropped) {
        tm_mem_space_free(w->snapshot->m, w->space);
    }
    w->space = NULL;
}

static bool walk_step(void *arg, tm_section *section, uint32_t max_bytes)
{
    tm_mem_snapshot *s = arg;
    const uint64_t before = tm_section_size(section);
    const uint32_t n_groups = s->m->state.key->n_groups;
    for (; s->group < n_groups; s->group++, s->at = 0, s->group_said = false) {
        if (!s->group_said) {
            tm_section_group(section, s->m->state.key->first_group + s->group);
            s->group_said = true;
            s->said_ns = 0;
        }
        for (; s->at < s->n_watches; s->at++) {
            tm_mem_watch *w = &s->watches[s->at];
            const uint64_t end = group_begin(&w->space->table, s->group + 1);
            while (w->boundary < end) {
                if (tm_section_size(section) - before >= max_bytes) {
                    return false;
                }
                walk_segment(w, section, end);
            }
        }
    }
    for (uint32_t i = 0; i < s->n_watches; i++) {
        end_watch(&s->watches[i]);
    }
    s->walked = true;
    return true;
}

/* ---- copies ---- */

/* Their order by key group: how many there are of each, then where each group's begin. */
static void sort_copies(tm_mem_snapshot *s)
{
    const uint32_t n_groups = s->m->state.key->n_groups;
    uint32_t *begin = wsl_calloc(n_groups + 1, sizeof *begin);
    for (uint32_t i = 0; i < s->n_copied; i++) {
        begin[s->copied[i].group + 1]++;
    }
    for (uint32_t g = 0; g < n_groups; g++) {
        begin[g + 1] += begin[g];
    }
    s->order = wsl_calloc(s->n_copied + 1, sizeof *s->order);
    for (uint32_t i = 0; i < s->n_copied; i++) {
        s->order[begin[s->copied[i].group]++] = i;
    }
    free(begin);
}

static void snapshot_free(tm_mem_snapshot *s)
{
    if (s->m->snapshot == s) {
        s->m->snapshot = NULL;
    }
    free(s->watches);
    free(s->key);
    tm_records_fini(&s->copies);
    free(s->copied);
    free(s->order);
    free(s);
}

static bool copies_step(void *arg, tm_section *section, uint32_t max_bytes)
{
    tm_mem_snapshot *s = arg;
    if (s->order == NULL) {
        sort_copies(s);
    }
    const uint64_t before = tm_section_size(section);
    for (; s->next_copy < s->n_copied; s->next_copy++) {
        if (tm_section_size(section) - before >= max_bytes) {
            return false;
        }
        const copied *c = &s->copied[s->order[s->next_copy]];
        tm_section_group(section, s->m->state.key->first_group + c->group);
        tm_section_records(section, s->copies.data + c->offset, c->size, c->n);
    }
    snapshot_free(s);
    return true;
}

/* ---- giving up ---- */

static void walk_cancel(void *arg)
{
    tm_mem_snapshot *s = arg;
    for (uint32_t i = 0; i < s->n_watches; i++) {
        tm_mem_watch *w = &s->watches[i];
        if (w->space == NULL) {
            continue;
        }
        const uint64_t end = group_begin(&w->space->table, s->m->state.key->n_groups);
        while (!w->dropped && w->boundary < end) {
            walk_segment(w, NULL, end); /* marks go */
        }
        end_watch(w);
    }
    s->n_watches = 0;
}

/* The second of both walks frees what they share; cancelled walks are cancelled in order, the first one first. */
static void copies_cancel(void *arg) { snapshot_free(arg); }

/* ---- begin ---- */

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

static const char *const second_suffix = " (second input)";

static Wsl__Pb__StateDesc *describe_second(const tm_mem_area *a)
{
    const size_t room = strlen(a->name) + strlen(second_suffix) + 1;
    Wsl__Pb__StateDesc *d = wsl_alloc(sizeof *d);
    wsl__pb__state_desc__init(d);
    d->name = wsl_alloc(room);
    (void)snprintf(d->name, room, "%s%s", a->name, second_suffix);
    d->kind = (uint32_t)a->kind;
    d->value = wsl_schema_to_pb(a->second_schema);
    return d;
}

static tm_section *open_section(const tm_mem_state *m, tm_snapshot *out, tm_op *op, const char *name)
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

void tm_mem_snapshot_begin(tm_state *state, tm_snapshot *out, tm_op *op, const char *name)
{
    tm_mem_state *m = tm_mem_self(state);
    WSL_ASSERT(m->snapshot == NULL);
    tm_mem_snapshot *s = wsl_zalloc(sizeof *s);
    s->m = m;
    m->snapshot = s;
    s->watches = wsl_calloc(m->n_spaces + 1, sizeof *s->watches);
    for (uint32_t i = 0; i < m->n_spaces; i++) {
        tm_mem_space *space = m->spaces[m->first_space + i];
        if (space->table.n_keys == 0) {
            continue; /* what comes is new */
        }
        tm_mem_watch *w = &s->watches[s->n_watches++];
        *w = (tm_mem_watch){.snapshot = s, .space = space};
        space->table.watch = w;
    }
    /* entries that somebody has found before must be asked for again, so that they are touched */
    tm_key_ctx_entries_moved(state->key);
    state->key->n_loaded = 0;

    char copies[WSL_GRAPH_NAME_MAX];
    (void)snprintf(copies, sizeof copies, "%s+", name);
    tm_section *walked = open_section(m, out, op, name);
    tm_section *copied_section = open_section(m, out, op, copies);
    tm_snapshot_add_walk(out, walked, &(tm_snapshot_walk){.arg = s, .step = walk_step, .cancel = walk_cancel});
    tm_snapshot_add_walk(out, copied_section, &(tm_snapshot_walk){.arg = s, .step = copies_step, .cancel = copies_cancel});
}

/* ---- restore ---- */

typedef struct old_state {
    uint32_t state;              /* today's */
    bool second;                 /* ... of which these are the rows of the second schema */
    wsl_migration *value, *key;  /* NULL: rows are as they were */
} old_state;

typedef struct restoring {
    tm_mem_state *m;
    const tm_restore_piece *piece;
    old_state *states;
    uint8_t *scratch[2];
    uint32_t capacity[2];
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

static wsl_status migration_to(const wsl_schema *from, const wsl_schema *to, const char *state, const char *what,
                               wsl_migration **out, wsl_error *err)
{
    if (from == NULL) {
        return wsl_fail(err, WSL_CORRUPT, "state '%s' was stored without the schema of its %s", state, what);
    }
    const wsl_status status = wsl_migration_new(from, to, out, err);
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
    return a->second_schema != NULL && strncmp(desc->name, a->name, n) == 0 && strcmp(desc->name + n, second_suffix) == 0;
}

static wsl_status match_state(restoring *r, uint32_t old, wsl_error *err)
{
    const Wsl__Pb__StateDesc *desc = r->piece->section->states[old];
    const tm_mem_state *m = r->m;
    uint32_t i = 0;
    bool second = false;
    while (i < m->n_states && strcmp(m->areas[i].name, desc->name) != 0 && !(second = is_second(&m->areas[i], desc))) {
        i++;
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
    WSL_TRY(migration_to(wsl_section_value_schema(r->piece->reader, old), second ? a->second_schema : a->schema, desc->name, "value",
                         &r->states[old].value, err));
    if (a->key_schema == NULL) {
        return WSL_OK;
    }
    return migration_to(wsl_section_map_key_schema(r->piece->reader, old), a->key_schema, desc->name, "key",
                        &r->states[old].key, err);
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

static wsl_status add_record(restoring *r, const wsl_record *record, wsl_error *err)
{
    tm_mem_state *m = r->m;
    const old_state *old = &r->states[record->state];
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
            has_key = tm_key_ctx_group(kc) == now && now - kc->first_group < kc->n_groups;
            if (!has_key) {
                return wsl_fail(err, WSL_CORRUPT, "a key of key group %u is stored in group %u", tm_key_ctx_group(kc), now);
            }
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
    restoring r = {.m = tm_mem_self(state), .piece = piece};
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
