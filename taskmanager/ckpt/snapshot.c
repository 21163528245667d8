/*
 * snapshot - see snapshot.h.
 *
 *     section:  [ buffer ] --at its turn, in pieces--> sink      offset, length, checksum are counted as they go
 *
 * Invariant: bytes of section i go to the sink only after all of section i-1 have, so the offset of each is known when its
 * turn comes.
 */
#include "taskmanager/ckpt/snapshot.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "ckpt/checksum.h"
#include "graph/job_graph.h"
#include "graph/pb.h"
#include "taskmanager/ckpt/records.h"
#include "taskmanager/ops/lists_snapshot.h"

enum { PIECE = 256 << 10 };

struct tm_section {
    tm_snapshot *snapshot;
    Wsl__Pb__Section *handle; /* being filled in */
    tm_snapshot_walk walk;
    bool has_walk, walking, sealed;
    bool by_group, by_element;
    int64_t group; /* the last one; -1: none yet */
    tm_records records;
    uint64_t left; /* bytes of records that were written out */
    wsl_checksum *checksum;
};

struct tm_snapshot {
    uint64_t checkpoint;
    tm_snapshot_sink sink;
    Wsl__Pb__OperatorState **operators;
    size_t n_operators;
    tm_section **sections;
    uint32_t n_sections;
    uint32_t turn; /* section whose bytes go to the sink */
    const tm_layers *layers; /* NULL: it is not layered */
    bool shared; /* there are keyed sections in a layered one */
    uint64_t written;
};

tm_snapshot *tm_snapshot_new(uint64_t checkpoint, const tm_snapshot_sink *sink)
{
    tm_snapshot *s = wsl_zalloc(sizeof *s);
    s->checkpoint = checkpoint;
    s->sink = *sink;
    return s;
}

static void section_free(tm_section *section)
{
    if (section->has_walk && !section->sealed) {
        section->walk.cancel(section->walk.arg);
    }
    wsl_checksum_free(section->checksum);
    tm_records_fini(&section->records);
    free(section);
}

void tm_snapshot_free(tm_snapshot *s)
{
    if (s == NULL) {
        return;
    }
    for (uint32_t i = 0; i < s->n_sections; i++) {
        section_free(s->sections[i]);
    }
    for (size_t i = 0; i < s->n_operators; i++) {
        wsl__pb__operator_state__free_unpacked(s->operators[i], NULL);
    }
    free(s->operators);
    free(s->sections);
    free(s);
}

uint64_t tm_snapshot_checkpoint(const tm_snapshot *s) { return s->checkpoint; }
void tm_snapshot_build_on(tm_snapshot *s, const tm_layers *layers) { s->layers = layers; }
bool tm_snapshot_is_layered(const tm_snapshot *s) { return s->layers != NULL; }
bool tm_snapshot_wants_shared(const tm_snapshot *s) { return s->shared; }
void tm_snapshot_set_sink(tm_snapshot *s, const tm_snapshot_sink *sink) { s->sink = *sink; }

bool tm_snapshot_base(const tm_snapshot *s, const tm_op *op, const char *name, tm_layer_base *out_base)
{
    return s->layers != NULL && tm_layers_find(s->layers, op->env.desc->id, name, out_base);
}

uint64_t tm_snapshot_bytes(const tm_snapshot *s) { return s->written; }
bool tm_snapshot_done(const tm_snapshot *s) { return s->turn == s->n_sections; }

/* ---- sections ---- */

void tm_snapshot_operator(tm_snapshot *s, tm_op *op)
{
    Wsl__Pb__OperatorState *o = wsl_alloc(sizeof *o);
    wsl__pb__operator_state__init(o);
    o->operator_ = op->env.desc->id;
    o->uid = wsl_strdup(op->env.desc->uid);
    o->subtask = op->env.subtask;
    o->watermark = op->watermark;
    *WSL_PB_APPEND(s->operators, s->n_operators) = o;
}

wsl_status tm_snapshot_ask(tm_snapshot *s, tm_op *op)
{
    tm_snapshot_operator(s, op);
    WSL_TRY(tm_op_lists_snapshot(op->lists, s->checkpoint)); /* before what it may change */
    if (op->cls->snapshot != NULL) {
        WSL_TRY(op->cls->snapshot(op, s));
    }
    tm_op_lists_put(op->lists, s, op); /* behind the class: connectors write them in its snapshot */
    return WSL_OK;
}

static Wsl__Pb__StateDesc **copy_states(const tm_section_spec *spec)
{
    Wsl__Pb__StateDesc **states = wsl_calloc(spec->n_states + 1, sizeof *states);
    for (uint32_t i = 0; i < spec->n_states; i++) {
        states[i] = (Wsl__Pb__StateDesc *)(void *)wsl_pb_copy(&spec->states[i]->base);
    }
    return states;
}

tm_section *tm_snapshot_section(tm_snapshot *s, tm_op *op, const tm_section_spec *spec)
{
    WSL_ASSERT(s->n_operators > 0 && s->operators[s->n_operators - 1]->operator_ == op->env.desc->id);
    Wsl__Pb__OperatorState *o = s->operators[s->n_operators - 1];
    for (size_t i = 0; i < o->n_sections; i++) {
        WSL_ASSERT(o->sections[i]->kind != spec->kind || strcmp(o->sections[i]->name, spec->name) != 0);
    }
    Wsl__Pb__Section *handle = wsl_alloc(sizeof *handle);
    wsl__pb__section__init(handle);
    handle->kind = spec->kind;
    handle->name = wsl_strdup(spec->name);
    handle->version = spec->version;
    handle->layer = spec->layer;
    s->shared = s->shared || (s->layers != NULL && spec->kind == WSL__PB__SECTION_KIND__SECTION_KEYED);
    handle->n_states = spec->n_states;
    handle->states = copy_states(spec);
    handle->key = spec->key != NULL ? wsl_schema_to_pb(spec->key) : NULL;
    *WSL_PB_APPEND(o->sections, o->n_sections) = handle;

    tm_section *section = wsl_zalloc(sizeof *section);
    section->snapshot = s;
    section->handle = handle;
    section->group = -1;
    section->by_group = spec->kind == WSL__PB__SECTION_KIND__SECTION_KEYED ||
                        spec->kind == WSL__PB__SECTION_KIND__SECTION_EVENT_TIMERS ||
                        spec->kind == WSL__PB__SECTION_KIND__SECTION_PROCESSING_TIMERS;
    section->by_element =
        spec->kind == WSL__PB__SECTION_KIND__SECTION_LIST || spec->kind == WSL__PB__SECTION_KIND__SECTION_UNION;
    section->checksum = wsl_checksum_new();
    s->sections = wsl_realloc(s->sections, (s->n_sections + 1) * sizeof(tm_section *));
    s->sections[s->n_sections++] = section;
    return section;
}

void tm_snapshot_add_walk(tm_snapshot *s, tm_section *section, const tm_snapshot_walk *walk)
{
    WSL_ASSERT(section->snapshot == s && !section->has_walk && s->turn == 0);
    section->walk = *walk;
    section->has_walk = true;
}

/* ---- records ---- */

/* Bytes that were put, all in all. */
static uint64_t put_of(const tm_section *section) { return section->left + section->records.size; }

static void write_out(tm_section *section)
{
    tm_snapshot *s = section->snapshot;
    wsl_checksum_add(section->checksum, section->records.data, section->records.size);
    s->sink.write(s->sink.arg, section->records.data, section->records.size);
    s->written += section->records.size;
    section->left += section->records.size;
    section->records.size = 0;
}

/* Before a record is put: what there is goes, if it is this section's turn and a piece is full. */
static tm_records *records_of(tm_section *section)
{
    WSL_ASSERT(!section->sealed && (!section->by_group || section->group >= 0));
    if (section->walking && section->records.size >= PIECE) {
        write_out(section);
    }
    return &section->records;
}

/* Groups up to and without `group` end here. */
static void end_groups(tm_section *section, uint32_t group)
{
    Wsl__Pb__Section *h = section->handle;
    if (section->group < 0) {
        h->first_group = group;
    }
    const uint32_t n = group - h->first_group;
    if (n > h->n_group_ends) {
        h->group_ends = wsl_realloc(h->group_ends, n * sizeof *h->group_ends);
        while (h->n_group_ends < n) {
            h->group_ends[h->n_group_ends++] = put_of(section);
        }
    }
}

void tm_section_group(tm_section *section, uint32_t group)
{
    WSL_ASSERT(section->by_group && (int64_t)group >= section->group);
    if ((int64_t)group == section->group) {
        return;
    }
    end_groups(section, group);
    section->group = group;
}

void tm_section_key(tm_section *section, uint32_t hash, const wsl_row *key)
{
    tm_records_key(records_of(section), hash, key);
}

void tm_section_space(tm_section *section, int64_t ns) { tm_records_space(records_of(section), ns); }

static void end_element(tm_section *section)
{
    Wsl__Pb__Section *h = section->handle;
    if (section->by_element) {
        if ((h->n_element_ends & (h->n_element_ends - 1)) == 0) { /* grows when it is a power of two */
            const size_t capacity = h->n_element_ends == 0 ? 1 : 2 * h->n_element_ends;
            h->element_ends = wsl_realloc(h->element_ends, capacity * sizeof *h->element_ends);
        }
        h->element_ends[h->n_element_ends++] = put_of(section);
    }
}

void tm_section_row(tm_section *section, wsl_record_tag tag, uint32_t state, int64_t number, const wsl_row *row)
{
    tm_records_row(records_of(section), tag, state, number, row);
    end_element(section);
}

void tm_section_entry(tm_section *section, uint32_t state, int64_t number, const wsl_row *key, const wsl_row *value)
{
    tm_records_entry(records_of(section), state, number, key, value);
}

void tm_section_timer(tm_section *section, int64_t timestamp, int64_t ns, const wsl_row *key)
{
    tm_records_timer(records_of(section), timestamp, ns, key);
}

void tm_section_bytes(tm_section *section, uint32_t state, int64_t number, const void *bytes, size_t size)
{
    tm_records_bytes(records_of(section), state, number, bytes, size);
    end_element(section);
}

tm_records *tm_section_into(tm_section *section) { return records_of(section); }
uint64_t tm_section_size(const tm_section *section) { return put_of(section); }

void tm_section_records(tm_section *section, const void *records, size_t size, uint64_t n)
{
    tm_records *to = records_of(section);
    if (to->size + size > to->capacity) {
        to->capacity = to->size + size < 2 * to->capacity ? 2 * to->capacity : to->size + size;
        to->data = wsl_realloc(to->data, to->capacity);
    }
    memcpy(to->data + to->size, records, size);
    to->size += size;
    to->n += n;
}

/* ---- stepping ---- */

static void seal(tm_section *section)
{
    Wsl__Pb__Section *h = section->handle;
    h->records = section->records.n;
    if (section->records.size > 0) {
        write_out(section);
    }
    if (section->by_group && section->group >= 0) {
        end_groups(section, (uint32_t)section->group + 1);
    }
    section->sealed = true;
    h->length = put_of(section);
    h->checksum = wsl_checksum_value(section->checksum);
    tm_records_fini(&section->records);
}

bool tm_snapshot_rests(const tm_snapshot *s)
{
    return s->turn < s->n_sections && s->sink.full != NULL && s->sink.full(s->sink.arg);
}

bool tm_snapshot_step(tm_snapshot *s, uint32_t max_bytes)
{
    const uint64_t until = s->written + max_bytes;
    while (s->turn < s->n_sections && s->written < until) {
        if (s->sink.full != NULL && s->sink.full(s->sink.arg)) {
            return false;
        }
        tm_section *section = s->sections[s->turn];
        if (!section->walking) {
            section->walking = true;
            section->handle->offset = s->written;
        }
        if (section->has_walk && !section->walk.step(section->walk.arg, section, max_bytes)) {
            return false; /* its share; or it had to look at much to find little */
        }
        seal(section);
        s->turn++;
    }
    return s->turn == s->n_sections;
}

/* ---- handles ---- */

Wsl__Pb__TaskSnapshot *tm_snapshot_handles(const tm_snapshot *s, Wsl__Pb__StateFile *file)
{
    WSL_ASSERT(tm_snapshot_done(s));
    Wsl__Pb__TaskSnapshot *t = wsl_alloc(sizeof *t);
    wsl__pb__task_snapshot__init(t);
    if (s->written > 0) {
        Wsl__Pb__StateFile *copy = wsl_alloc(sizeof *copy);
        *copy = *file;
        *WSL_PB_APPEND(t->files, t->n_files) = copy;
    } else {
        /* no byte was written: nothing to point to, and the file (if any) is empty */
        if (file->path != NULL && file->path != (const char *)protobuf_c_empty_string) {
            free(file->path);
        }
        free(file->content.data);
    }
    for (size_t i = 0; i < s->n_operators; i++) {
        *WSL_PB_APPEND(t->operators, t->n_operators) =
            (Wsl__Pb__OperatorState *)(void *)wsl_pb_copy(&s->operators[i]->base);
    }
    return t;
}

/* ---- in memory ---- */

static void memory_write(void *arg, const void *bytes, size_t size)
{
    tm_memory_sink *m = arg;
    if (m->size + size > m->capacity) {
        m->capacity = m->size + size < 2 * m->capacity ? 2 * m->capacity : m->size + size;
        m->data = wsl_realloc(m->data, m->capacity);
    }
    memcpy(m->data + m->size, bytes, size);
    m->size += size;
}

tm_snapshot_sink tm_memory_sink_of(tm_memory_sink *m) { return (tm_snapshot_sink){.arg = m, .write = memory_write}; }

Wsl__Pb__TaskSnapshot *tm_snapshot_finish_in_memory(tm_snapshot *s, tm_memory_sink *m)
{
    while (!tm_snapshot_step(s, UINT32_MAX)) {
    }
    Wsl__Pb__StateFile file = WSL__PB__STATE_FILE__INIT;
    file.size = m->size;
    file.checksum = wsl_checksum_of(m->data, m->size);
    file.content = (ProtobufCBinaryData){.len = m->size, .data = m->data};
    *m = (tm_memory_sink){0};
    Wsl__Pb__TaskSnapshot *t = tm_snapshot_handles(s, &file);
    tm_snapshot_free(s);
    return t;
}
