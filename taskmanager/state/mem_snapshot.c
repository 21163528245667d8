/*
 * mem_snapshot - see mem_snapshot.h.
 */
#include "taskmanager/state/mem_snapshot.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "graph/job_graph.h"
#include "taskmanager/ckpt/snapshot.h"
#include "taskmanager/state/mem_changes.h"
#include "taskmanager/state/mem_internal.h"
#include "taskmanager/state/mem_records.h"
#include "taskmanager/state/mem_segment.h"

enum { PLACE_COST = 8 }; /* looking at a place takes about as long as writing so many bytes */

typedef struct tm_mem_snapshot {
    tm_mem_state *m;
    bool marks;  /* CLEAN is given to what was saved: later layers count from here */
    bool layer;  /* what is CLEAN is not written */
    tm_mem_watch *watches;
    uint32_t n_watches;
    uint32_t group, at; /* the walk: key group, watch */
    bool group_said;
    bool drops_said;
    bool space_said; /* said_ns is in force in the section */
    int64_t said_ns;
    tm_entry_records entry;
    tm_records scratch;
    tm_kept_records copies; /* of entries, by group */
    tm_mem_gone gone;
    uint32_t copied_group; /* whose copies are next */
    bool walked;
} tm_mem_snapshot;

/* ---- touching ---- */

static uint32_t *bits_of(const tm_mem_watch *w, uint8_t *entry) { return tm_mem_bits(w->snapshot->m, entry); }

static bool is_for_walk(const tm_mem_watch *w, uint8_t *entry)
{
    const tm_mem_table *t = &w->space->table;
    return (*bits_of(w, entry) & TM_ENTRY_TAKEN) == 0 && tm_position_of(t, tm_hash_of(t, entry)) >= w->boundary;
}

void tm_mem_watch_touch(tm_mem_watch *w, uint8_t *entry)
{
    if (!is_for_walk(w, entry)) {
        return;
    }
    tm_mem_snapshot *s = w->snapshot;
    uint32_t *bits = bits_of(w, entry);
    *bits |= TM_ENTRY_TAKEN;
    if ((*bits & ~TM_ENTRY_MARKS) == 0 || (s->layer && (*bits & TM_ENTRY_CLEAN) != 0)) {
        return; /* nothing is set in it yet, or lower layers have it */
    }
    const tm_mem_table *t = &w->space->table;
    const uint32_t group = wsl_key_group(tm_hash_of(t, entry), t->max_parallelism) - t->first_group;
    s->scratch.size = 0;
    s->scratch.n = 0;
    tm_entry_records_put(&s->entry, &s->scratch, entry, s->m->has_namespaces ? &w->space->ns : NULL, s->layer);
    tm_kept_add(&s->copies, group, s->scratch.data, s->scratch.size, (uint32_t)s->scratch.n);
    if (s->marks) {
        *bits |= TM_ENTRY_CLEAN; /* until somebody writes to it */
    }
}

void tm_mem_watch_added(tm_mem_watch *w, uint8_t *entry)
{
    if (is_for_walk(w, entry)) {
        *bits_of(w, entry) |= TM_ENTRY_TAKEN;
    }
}

/* ---- the walk ---- */

static uint64_t group_begin(const tm_mem_table *t, uint32_t group) { return ((uint64_t)group << 32) >> t->shift; }

static void put_entry(tm_mem_snapshot *s, tm_section *section, tm_mem_space *space, uint8_t *entry)
{
    const bool say = s->m->has_namespaces && !(s->space_said && s->said_ns == space->ns);
    s->space_said = true;
    s->said_ns = space->ns;
    tm_entry_records_put(&s->entry, tm_section_into(section), entry, say ? &space->ns : NULL, s->layer);
}

/* Goes through the segment that holds the boundary, as far as `end`; the boundary moves behind it. With a section what is found is
 * put there; without, marks are taken away only. Returns how many places it has looked at. */
static uint32_t walk_segment(tm_mem_watch *w, tm_section *section, uint64_t end)
{
    tm_mem_snapshot *s = w->snapshot;
    tm_mem_table *t = &w->space->table;
    const tm_mem_group *g = &t->groups[w->boundary >> 32];
    const uint32_t cell = (uint32_t)((uint64_t)(uint32_t)w->boundary >> g->shift);
    const tm_segment *seg = tm_segment_of(&g->directory[cell]);
    const uint32_t span = 1u << (g->depth - seg->depth);
    const uint64_t behind = (w->boundary >> 32 << 32) + ((uint64_t)((cell & ~(span - 1)) + span) << g->shift);
    const uint64_t to = behind < end ? behind : end;
    const uint32_t saved = s->layer ? TM_ENTRY_CLEAN : 0;
    TM_EACH_ENTRY(t, seg, i, entry)
    {
        uint32_t *bits = tm_mem_bits(s->m, entry);
        if ((*bits & (TM_ENTRY_TAKEN | saved)) == saved && saved != 0) {
            continue; /* lower layers have it */
        }
        const uint64_t p = tm_position_of(t, tm_hash_of(t, entry));
        if (p < w->boundary || p >= to) {
            continue;
        }
        if (*bits & TM_ENTRY_TAKEN) {
            *bits &= ~TM_ENTRY_TAKEN;
        } else if (section != NULL) {
            put_entry(s, section, w->space, entry);
            *bits |= s->marks ? TM_ENTRY_CLEAN : 0;
        }
    }
    w->boundary = to;
    return tm_places_of(seg->log_groups);
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

/* Namespaces and keys that lower layers have and that are gone. False: more than max_bytes. */
static bool put_gone(tm_mem_snapshot *s, tm_section *section, uint64_t until)
{
    const void *records;
    size_t size;
    uint32_t n;
    for (uint32_t i = 0; !s->drops_said && i < s->gone.n_dropped; i++) {
        (void)tm_records_put(tm_section_into(section), WSL_RECORD_DROP, 0, s->gone.dropped[i], 0);
    }
    s->drops_said = true;
    while (s->gone.keys.n_groups > 0) {
        if (tm_section_size(section) >= until) {
            return false;
        }
        if (!tm_kept_take(&s->gone.keys, s->group, &records, &size, &n)) {
            break;
        }
        tm_section_records(section, records, size, n);
        s->space_said = false; /* it says its own */
    }
    return true;
}

static bool walk_step(void *arg, tm_section *section, uint32_t max_bytes)
{
    tm_mem_snapshot *s = arg;
    uint64_t until = tm_section_size(section) + max_bytes;
    const uint32_t n_groups = s->m->state.key->n_groups;
    for (; s->group < n_groups; s->group++, s->at = 0, s->group_said = s->drops_said = false) {
        if (!s->group_said) {
            tm_section_group(section, s->m->state.key->first_group + s->group);
            s->group_said = s->space_said = true;
            s->said_ns = 0;
        }
        if (s->layer && !put_gone(s, section, until)) {
            return false;
        }
        for (; s->at < s->n_watches; s->at++) {
            tm_mem_watch *w = &s->watches[s->at];
            const uint64_t end = group_begin(&w->space->table, s->group + 1);
            while (w->boundary < end) {
                if (tm_section_size(section) >= until) {
                    return false;
                }
                const uint64_t cost = (uint64_t)PLACE_COST * walk_segment(w, section, end);
                until -= cost < until ? cost : until;
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

static void snapshot_free(tm_mem_snapshot *s)
{
    if (s->m->snapshot == s) {
        s->m->snapshot = NULL;
    }
    free(s->watches);
    tm_entry_records_fini(&s->entry);
    tm_records_fini(&s->scratch);
    tm_kept_fini(&s->copies);
    tm_mem_gone_fini(&s->gone);
    free(s);
}

static bool copies_step(void *arg, tm_section *section, uint32_t max_bytes)
{
    tm_mem_snapshot *s = arg;
    const void *records;
    size_t size;
    uint32_t n;
    const uint64_t until = tm_section_size(section) + max_bytes;
    for (; s->copied_group < s->copies.n_groups; s->copied_group++) {
        while (tm_kept_take(&s->copies, s->copied_group, &records, &size, &n)) {
            tm_section_group(section, s->m->state.key->first_group + s->copied_group);
            tm_section_records(section, records, size, n);
            if (tm_section_size(section) >= until) {
                return false;
            }
        }
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
            (void)walk_segment(w, NULL, end); /* marks go */
        }
        end_watch(w);
    }
    s->n_watches = 0;
}

/* The second of both walks frees what they share; cancelled walks are cancelled in order, the first one first. */
static void copies_cancel(void *arg) { snapshot_free(arg); }

/* ---- begin ---- */

/* Can it be a layer, and of which number? What was noted since the last snapshot goes with it. */
static uint32_t choose_layer(tm_mem_snapshot *s, const tm_snapshot *out, const tm_op *op, const char *name)
{
    tm_mem_state *m = s->m;
    tm_layer_base base = {0};
    s->marks = tm_snapshot_is_layered(out);
    if (!s->marks) {
        return 0;
    }
    s->layer = m->changes.since != 0 && tm_snapshot_base(out, op, name, &base) && base.checkpoint == m->changes.since &&
               tm_mem_wants_layer(m, &base);
    s->gone = tm_mem_changes_begin(m, tm_snapshot_checkpoint(out));
    if (!s->layer) {
        tm_mem_gone_fini(&s->gone);
    }
    return s->layer ? base.next : 0;
}

void tm_mem_snapshot_begin(tm_state *state, tm_snapshot *out, tm_op *op, const char *name)
{
    tm_mem_state *m = tm_mem_self(state);
    WSL_ASSERT(m->snapshot == NULL);
    tm_mem_snapshot *s = wsl_zalloc(sizeof *s);
    s->m = m;
    s->entry.m = m;
    m->snapshot = s;
    const uint32_t layer = choose_layer(s, out, op, name);
    tm_kept_init(&s->copies, state->key->n_groups);
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
    tm_section *walked = tm_mem_open_section(m, out, op, name, layer);
    tm_section *copied_section = tm_mem_open_section(m, out, op, copies, layer);
    tm_snapshot_add_walk(out, walked, &(tm_snapshot_walk){.arg = s, .step = walk_step, .cancel = walk_cancel});
    tm_snapshot_add_walk(out, copied_section, &(tm_snapshot_walk){.arg = s, .step = copies_step, .cancel = copies_cancel});
}
