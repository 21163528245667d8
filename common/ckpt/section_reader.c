/*
 * section_reader - see section_reader.h.
 *
 *     section   0 ........ from ==== at =========== until ........ length
 *                            [   window in memory  ]
 *     record    checked against `limit`, the end of its key group or element
 *
 * Invariant: from <= at <= limit <= until <= length, and limit is where the part that `at` is in ends.
 */
#include "ckpt/section_reader.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <wiesel/state.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "ckpt/checksum.h"
#include "ckpt/section_kind.h"
#include "data/key.h"
#include "graph/job_graph.h"

enum { WINDOW = 1 << 20 };

typedef struct state_schemas {
    wsl_schema *value, *key; /* key: of a map's entries */
    uint32_t kind;
} state_schemas;

struct wsl_section_reader {
    wsl_fs *fs;
    const Wsl__Pb__StateFile *source;
    const Wsl__Pb__Section *section;
    char *path;     /* or words for what has none */
    wsl_file *file; /* NULL: content */
    uint64_t file_size;

    wsl_schema *key;
    bool has_hash; /* keys can be hashed */
    wsl_key_spec spec;
    state_schemas *states;

    uint8_t *window; /* 8-aligned */
    size_t capacity;
    uint64_t window_at; /* in the section */
    size_t window_size;

    uint64_t at, limit, until;
    uint64_t part;   /* key group (from the first) or element that `at` is in */
    uint64_t seen;   /* records given out */
    bool whole;      /* all of the section is for us */
    bool within_key; /* a KEY came since the group began */
};

/* What a key is where there is none. */
static const wsl_schema no_fields = {"", 0, NULL};

/* ---- files ---- */

char *wsl_state_file_path(const char *base, const Wsl__Pb__StateFile *file)
{
    return file->path[0] == '/' ? wsl_strdup(file->path) : wsl_asprintf("%s/%s", base, file->path);
}

static bool is_content(const Wsl__Pb__StateFile *file) { return file->path[0] == '\0'; }

/* Opens it and looks at its length. */
static wsl_status open_file(wsl_fs *fs, const char *path, const Wsl__Pb__StateFile *file, wsl_file **out_file,
                            wsl_error *err)
{
    WSL_AUTO(wsl_file) opened = NULL;
    uint64_t size = 0;
    const wsl_status status = fs->open(fs, path, WSL_OPEN_READ, &opened, err);
    if (status == WSL_NOT_FOUND) {
        return wsl_fail(err, WSL_CORRUPT, "%s is missing; %" PRIu64 " bytes of state were in it", path, file->size);
    }
    WSL_TRY(status);
    WSL_TRY(opened->size(opened, &size, err));
    if (size != file->size) {
        return wsl_fail(err, WSL_CORRUPT, "%s is damaged: it has %" PRIu64 " bytes and should have %" PRIu64, path, size,
                        file->size);
    }
    *out_file = WSL_TAKE(opened);
    return WSL_OK;
}

static wsl_status wrong_checksum(const char *path, wsl_error *err)
{
    return wsl_fail(err, WSL_CORRUPT, "%s is damaged: its checksum is wrong", path);
}

static wsl_status check_content(const Wsl__Pb__StateFile *file, wsl_error *err)
{
    static const char words[] = "state that travels with its handles";
    if (file->content.len != file->size) {
        return wsl_fail(err, WSL_CORRUPT, "%s is damaged: it has %zu bytes and should have %" PRIu64, words,
                        file->content.len, file->size);
    }
    return wsl_checksum_of(file->content.data, file->content.len) == file->checksum ? WSL_OK
                                                                                    : wrong_checksum(words, err);
}

static wsl_status sum_up(wsl_file *file, const char *path, uint64_t size, uint64_t *out_sum, wsl_error *err)
{
    uint8_t *piece = wsl_alloc(WINDOW);
    wsl_checksum *sum = wsl_checksum_new();
    wsl_status status = WSL_OK;
    for (uint64_t at = 0; status == WSL_OK && at < size;) {
        const size_t wanted = size - at < WINDOW ? (size_t)(size - at) : WINDOW;
        size_t got = 0;
        status = file->read_at(file, at, piece, wanted, &got, err);
        if (status == WSL_OK && got != wanted) {
            status = wsl_fail(err, WSL_CORRUPT, "%s is damaged: it ended at %" PRIu64 " while it was read", path,
                              at + got);
        }
        wsl_checksum_add(sum, piece, status == WSL_OK ? got : 0);
        at += got;
    }
    *out_sum = wsl_checksum_value(sum);
    wsl_checksum_free(sum);
    free(piece);
    return status;
}

wsl_status wsl_state_file_check(wsl_fs *fs, const char *base, const Wsl__Pb__StateFile *file, wsl_error *err)
{
    WSL_AUTO(wsl_file) opened = NULL;
    uint64_t sum = 0;
    if (is_content(file)) {
        return check_content(file, err);
    }
    char *path = wsl_state_file_path(base, file);
    wsl_status status = open_file(fs, path, file, &opened, err);
    if (status == WSL_OK && opened != NULL) {
        status = sum_up(opened, path, file->size, &sum, err);
    }
    if (status == WSL_OK && sum != file->checksum) {
        status = wrong_checksum(path, err);
    }
    free(path);
    return status;
}

/* ---- the window ---- */

static wsl_status damaged(const wsl_section_reader *r, wsl_error *err, const char *format, ...) WSL_PRINTF(3, 4);

static wsl_status damaged(const wsl_section_reader *r, wsl_error *err, const char *format, ...)
{
    char what[600];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(what, sizeof what, format, args);
    va_end(args);
    return wsl_fail(err, WSL_CORRUPT, "%s is damaged at offset %" PRIu64 " (section '%.100s'): %s", r->path,
                    r->section->offset + r->at, r->section->name, what);
}

static wsl_status read_source(wsl_section_reader *r, uint64_t at, uint8_t *to, size_t size, wsl_error *err)
{
    size_t got = 0;
    if (r->file == NULL) {
        memcpy(to, r->source->content.data + at, size);
        return WSL_OK;
    }
    WSL_TRY(r->file->read_at(r->file, at, to, size, &got, err));
    return got == size ? WSL_OK : damaged(r, err, "the file ended at %" PRIu64 " while it was read", at + got);
}

/* The window is as large as one record needs, and no larger for long. */
static void resize_window(wsl_section_reader *r, size_t size)
{
    const size_t wanted = size > WINDOW ? size : WINDOW;
    if (r->capacity != wanted) {
        free(r->window);
        r->window = wsl_alloc(wanted);
        r->capacity = wanted;
        r->window_size = 0;
    }
}

/* The section's bytes [at, at+size) as one piece of memory; they are within the section. */
static wsl_status see(wsl_section_reader *r, uint64_t at, size_t size, const uint8_t **out_bytes, wsl_error *err)
{
    WSL_ASSERT(size <= r->section->length && at <= r->section->length - size);
    if (at < r->window_at || at - r->window_at > r->window_size || size > r->window_size - (at - r->window_at)) {
        const uint64_t left = r->section->length - at;
        resize_window(r, size);
        r->window_size = 0;
        const size_t wanted = left < r->capacity ? (size_t)left : r->capacity;
        WSL_TRY(read_source(r, r->section->offset + at, r->window, wanted, err));
        r->window_at = at;
        r->window_size = wanted;
    }
    *out_bytes = r->window + (at - r->window_at);
    return WSL_OK;
}

static wsl_status check_sum(wsl_section_reader *r, wsl_error *err)
{
    wsl_checksum *sum = wsl_checksum_new();
    wsl_status status = WSL_OK;
    for (uint64_t at = 0; status == WSL_OK && at < r->section->length; at += WINDOW) {
        const uint64_t left = r->section->length - at;
        const size_t size = left < WINDOW ? (size_t)left : WINDOW;
        const uint8_t *bytes = NULL;
        status = see(r, at, size, &bytes, err);
        if (status == WSL_OK) {
            wsl_checksum_add(sum, bytes, size);
        }
    }
    if (status == WSL_OK && wsl_checksum_value(sum) != r->section->checksum) {
        status = damaged(r, err, "its checksum is wrong");
    }
    wsl_checksum_free(sum);
    return status;
}

/* ---- opening ---- */

static wsl_status make_schema(const wsl_section_reader *r, const Wsl__Pb__Schema *pb, wsl_schema **out_schema,
                              wsl_error *err)
{
    wsl_error why = {0};
    return wsl_schema_from_pb(pb, out_schema, &why) == WSL_OK ? WSL_OK : damaged(r, err, "a schema: %s", why.text);
}

static wsl_status make_schemas(wsl_section_reader *r, wsl_error *err)
{
    const Wsl__Pb__Section *s = r->section;
    r->states = wsl_calloc(s->n_states + 1, sizeof *r->states);
    for (size_t i = 0; i < s->n_states; i++) {
        const Wsl__Pb__StateDesc *state = s->states[i];
        r->states[i].kind = state->kind;
        if (state->value == NULL || (state->key != NULL) != (state->kind == WSL_STATE_MAP)) {
            return damaged(r, err, "state '%.100s' lacks a type", state->name);
        }
        WSL_TRY(make_schema(r, state->value, &r->states[i].value, err));
        if (state->key != NULL) {
            WSL_TRY(make_schema(r, state->key, &r->states[i].key, err));
        }
    }
    return s->key != NULL ? make_schema(r, s->key, &r->key, err) : WSL_OK;
}

/* The hash is over the key's fields in their order. */
static wsl_status make_spec(wsl_section_reader *r, wsl_error *err)
{
    const char *names[WSL_KEY_FIELDS_MAX];
    if (r->key == NULL) {
        return WSL_OK;
    }
    if (r->key->n_fields > WSL_KEY_FIELDS_MAX) {
        return damaged(r, err, "a key of %u fields is not possible", r->key->n_fields);
    }
    for (uint32_t i = 0; i < r->key->n_fields; i++) {
        names[i] = r->key->fields[i].name;
    }
    wsl_error why = {0};
    if (wsl_key_spec_init(&r->spec, r->key, names, r->key->n_fields, &why) != WSL_OK) {
        return damaged(r, err, "its key: %s", why.text);
    }
    r->has_hash = true;
    return WSL_OK;
}

/* What was checked with the metadata, as far as memory is at stake. */
static wsl_status check_section(wsl_section_reader *r, wsl_error *err)
{
    const Wsl__Pb__Section *s = r->section;
    const uint64_t size = r->source->size;
    const uint64_t *ends = wsl_section_has_groups(s) ? s->group_ends : s->element_ends;
    const size_t n = wsl_section_has_groups(s) ? s->n_group_ends : s->n_element_ends;
    uint64_t before = 0;
    if (s->length > 0 && (s->offset > size || s->length > size - s->offset || s->offset % 8 != 0 || s->length % 8 != 0)) {
        return damaged(r, err, "it is not within the file");
    }
    for (size_t i = 0; i < n; i++) {
        if (ends[i] < before || ends[i] % 8 != 0) {
            return damaged(r, err, "its parts are not in order");
        }
        before = ends[i];
    }
    const bool in_parts = n > 0 || wsl_section_has_groups(s);
    return in_parts && before != s->length ? damaged(r, err, "its parts do not add up to it") : WSL_OK;
}

static uint64_t part_end(const wsl_section_reader *r, uint64_t part)
{
    const Wsl__Pb__Section *s = r->section;
    return wsl_section_has_groups(s) ? s->group_ends[part] : s->element_ends[part];
}

static uint64_t n_parts(const wsl_section_reader *r)
{
    return wsl_section_has_groups(r->section) ? r->section->n_group_ends : r->section->n_element_ends;
}

/* From where to where we read. */
static wsl_status take(wsl_section_reader *r, wsl_error *err)
{
    const Wsl__Pb__Section *s = r->section;
    const bool by_group = wsl_section_has_groups(s);
    uint64_t first = 0;
    uint64_t n = n_parts(r);
    r->until = s->length;
    r->whole = true;
    if (by_group && s->take_groups > 0) {
        if (s->take_group < s->first_group) {
            return damaged(r, err, "key group %u is not in it", s->take_group);
        }
        first = s->take_group - s->first_group;
        n = s->take_groups;
    } else if (!by_group && s->take_elements > 0) {
        first = s->take_element;
        n = s->take_elements;
    }
    if (first > n_parts(r) || n > n_parts(r) - first) {
        return damaged(r, err, "parts %" PRIu64 " to %" PRIu64 " are not in it", first, first + n);
    }
    if (n < n_parts(r)) {
        r->whole = false;
        r->at = first > 0 ? part_end(r, first - 1) : 0;
        r->until = part_end(r, first + n - 1);
    }
    r->part = first;
    r->limit = n_parts(r) > 0 ? part_end(r, first) : s->length;
    return WSL_OK;
}

static wsl_status open_section(wsl_section_reader *r, wsl_error *err)
{
    WSL_TRY(make_schemas(r, err));
    WSL_TRY(make_spec(r, err));
    WSL_TRY(check_section(r, err));
    if (r->section->length > 0) {
        if (!is_content(r->source)) {
            WSL_TRY(open_file(r->fs, r->path, r->source, &r->file, err));
        } else if (r->source->content.len != r->source->size) {
            return damaged(r, err, "its bytes are not all there");
        }
        WSL_TRY(check_sum(r, err));
    }
    return take(r, err);
}

wsl_status wsl_section_reader_new(wsl_fs *fs, const char *base, const Wsl__Pb__StateFile *file,
                                  const Wsl__Pb__Section *section, wsl_section_reader **out_reader, wsl_error *err)
{
    WSL_AUTO(wsl_section_reader) r = wsl_zalloc(sizeof *r);
    r->fs = fs;
    r->source = file;
    r->section = section;
    r->path = is_content(file) ? wsl_strdup("state that travels with its handles") : wsl_state_file_path(base, file);
    WSL_TRY(open_section(r, err));
    *out_reader = WSL_TAKE(r);
    return WSL_OK;
}

void wsl_section_reader_free(wsl_section_reader *r)
{
    if (r == NULL) {
        return;
    }
    for (size_t i = 0; r->states != NULL && i < r->section->n_states; i++) {
        wsl_schema_free(r->states[i].value);
        wsl_schema_free(r->states[i].key);
    }
    free(r->states);
    wsl_schema_free(r->key);
    wsl_file_free(r->file);
    free(r->window);
    free(r->path);
    free(r);
}

const wsl_schema *wsl_section_key_schema(const wsl_section_reader *r) { return r->key; }

const wsl_schema *wsl_section_value_schema(const wsl_section_reader *r, uint32_t state)
{
    return state < r->section->n_states ? r->states[state].value : NULL;
}

const wsl_schema *wsl_section_map_key_schema(const wsl_section_reader *r, uint32_t state)
{
    return state < r->section->n_states ? r->states[state].key : NULL;
}

/* ---- records ---- */

/* One row at `bytes`; *out_size is how many of the `available` it has. */
static wsl_status check_row(const wsl_section_reader *r, const void *bytes, uint32_t available, const wsl_schema *schema,
                            uint32_t *out_size, wsl_error *err)
{
    const wsl_row *row = bytes;
    if (WSL_UNLIKELY(wsl_row_check(bytes, available, schema, NULL) != WSL_OK)) {
        wsl_error why = {0}; /* a kilobyte, which each row would have to clear */
        (void)wsl_row_check(bytes, available, schema, &why);
        return damaged(r, err, "%s", why.text);
    }
    if (row->kind != WSL_KIND_DATA) {
        return damaged(r, err, "a mark stands where a row should be");
    }
    *out_size = row->size;
    return WSL_OK;
}

/* The body is one row, no more. */
static wsl_status check_one_row(const wsl_section_reader *r, const void *bytes, uint32_t available,
                                const wsl_schema *schema, wsl_error *err)
{
    uint32_t size = 0;
    WSL_TRY(check_row(r, bytes, available, schema, &size, err));
    return size == available ? WSL_OK : damaged(r, err, "bytes follow a row");
}

static uint32_t group_at(const wsl_section_reader *r) { return r->section->first_group + (uint32_t)r->part; }

/* A key's hash must lie in the group that its records are in. */
static wsl_status check_group(const wsl_section_reader *r, uint32_t hash, wsl_error *err)
{
    const uint32_t max = r->section->max_parallelism;
    if (max != 0 && wsl_key_group(hash, max) != group_at(r)) {
        return damaged(r, err, "a key of key group %u is among those of group %u", wsl_key_group(hash, max), group_at(r));
    }
    return WSL_OK;
}

static wsl_status check_key(const wsl_section_reader *r, const wsl_record *record, wsl_error *err)
{
    const wsl_schema *schema = r->key != NULL ? r->key : &no_fields;
    const wsl_row *key = wsl_record_row(record);
    WSL_TRY(check_one_row(r, wsl_record_body(record), wsl_record_body_size(record), schema, err));
    if (record->number < 0 || record->number > UINT32_MAX ||
        (r->has_hash && wsl_key_hash(&r->spec, key) != (uint32_t)record->number)) {
        return damaged(r, err, "the hash of a key is wrong");
    }
    return r->has_hash ? check_group(r, (uint32_t)record->number, err) : WSL_OK;
}

static wsl_status check_timer(const wsl_section_reader *r, const wsl_record *record, wsl_error *err)
{
    const uint32_t size = wsl_record_body_size(record);
    const wsl_schema *schema = r->key != NULL ? r->key : &no_fields;
    if (size < sizeof(int64_t)) {
        return damaged(r, err, "a timer ends within its namespace");
    }
    const wsl_row *key = wsl_record_timer_key(record);
    WSL_TRY(check_one_row(r, key, size - (uint32_t)sizeof(int64_t), schema, err));
    return r->has_hash ? check_group(r, wsl_key_hash(&r->spec, key), err) : WSL_OK;
}

static wsl_status check_entry(const wsl_section_reader *r, const wsl_record *record, wsl_error *err)
{
    const state_schemas *state = &r->states[record->state];
    const uint8_t *body = wsl_record_body(record);
    const uint32_t size = wsl_record_body_size(record);
    uint32_t first = 0;
    WSL_TRY(check_row(r, body, size, state->key, &first, err));
    return check_one_row(r, body + first, size - first, state->value, err);
}

static wsl_status check_bytes(const wsl_section_reader *r, const wsl_record *record, wsl_error *err)
{
    const uint32_t size = wsl_record_body_size(record);
    uint64_t length = 0;
    if (size < sizeof length) {
        return damaged(r, err, "bytes without a length");
    }
    memcpy(&length, wsl_record_body(record), sizeof length);
    const uint32_t room = size - (uint32_t)sizeof length;
    if (length > room || room - length >= 8) {
        return damaged(r, err, "%" PRIu64 " bytes in a record with room for %u", length, room);
    }
    return WSL_OK;
}

/* VALUE, ELEMENT and ENTRY fit the kind of their state. */
static wsl_status check_state(const wsl_section_reader *r, const wsl_record *record, wsl_error *err)
{
    if (record->state >= r->section->n_states) {
        return damaged(r, err, "a record is of state %u of %zu", record->state, r->section->n_states);
    }
    const state_schemas *state = &r->states[record->state];
    const uint32_t tag = state->kind == WSL_STATE_MAP    ? WSL_RECORD_ENTRY
                         : state->kind == WSL_STATE_LIST ? WSL_RECORD_ELEMENT
                                                         : WSL_RECORD_VALUE;
    const bool keyed = r->section->kind == WSL__PB__SECTION_KIND__SECTION_KEYED;
    if (keyed && (record->tag != tag || !r->within_key)) {
        return damaged(r, err, "a record with tag %u of state '%.100s' does not belong there", record->tag,
                       r->section->states[record->state]->name);
    }
    if (record->tag == WSL_RECORD_ENTRY) {
        return check_entry(r, record, err);
    }
    return check_one_row(r, wsl_record_body(record), wsl_record_body_size(record), state->value, err);
}

static bool tag_fits(const Wsl__Pb__Section *section, uint8_t tag)
{
    switch (section->kind) {
    case WSL__PB__SECTION_KIND__SECTION_KEYED:
        return (tag >= WSL_RECORD_KEY && tag <= WSL_RECORD_ENTRY) ||
               (section->layer > 0 && (tag == WSL_RECORD_REPLACE || tag == WSL_RECORD_DROP));
    case WSL__PB__SECTION_KIND__SECTION_EVENT_TIMERS:
    case WSL__PB__SECTION_KIND__SECTION_PROCESSING_TIMERS:
        return tag == WSL_RECORD_TIMER;
    case WSL__PB__SECTION_KIND__SECTION_LIST:
    case WSL__PB__SECTION_KIND__SECTION_UNION:
        return tag == WSL_RECORD_ELEMENT || tag == WSL_RECORD_BYTES;
    case WSL__PB__SECTION_KIND__SECTION_BROADCAST:
        return tag == WSL_RECORD_ENTRY;
    default:
        return tag == WSL_RECORD_BYTES;
    }
}

static wsl_status check_record(wsl_section_reader *r, const wsl_record *record, wsl_error *err)
{
    if (!tag_fits(r->section, record->tag)) {
        return damaged(r, err, "a record with tag %u does not belong there", record->tag);
    }
    switch (record->tag) {
    case WSL_RECORD_KEY:
        WSL_TRY(check_key(r, record, err));
        r->within_key = true;
        return WSL_OK;
    case WSL_RECORD_SPACE:
        return wsl_record_body_size(record) == 0 ? WSL_OK : damaged(r, err, "bytes follow a namespace");
    case WSL_RECORD_REPLACE:
        return r->within_key && wsl_record_body_size(record) == 0 && record->number == 0
                   ? WSL_OK
                   : damaged(r, err, "a replacement stands before the key, or has bytes");
    case WSL_RECORD_DROP:
        return !r->within_key && wsl_record_body_size(record) == 0
                   ? WSL_OK
                   : damaged(r, err, "a namespace is dropped behind a key, or with bytes");
    case WSL_RECORD_TIMER:
        return check_timer(r, record, err);
    case WSL_RECORD_BYTES:
        return check_bytes(r, record, err);
    default:
        return check_state(r, record, err);
    }
}

/* Reads the head, then as much as it says: that is within the part. */
static wsl_status fetch(wsl_section_reader *r, const wsl_record **out_record, wsl_error *err)
{
    const uint8_t *bytes = NULL;
    const uint64_t left = r->limit - r->at;
    wsl_record head;
    if (left < sizeof head) {
        return damaged(r, err, "a record ends within its head");
    }
    WSL_TRY(see(r, r->at, sizeof head, &bytes, err));
    memcpy(&head, bytes, sizeof head);
    if (head.size < sizeof head || head.size % 8 != 0 || head.size > left || head.size > WSL_RECORD_SIZE_MAX ||
        head.reserved != 0) {
        return damaged(r, err, "a record of %u bytes is not possible there", head.size);
    }
    WSL_TRY(see(r, r->at, head.size, &bytes, err));
    *out_record = (const wsl_record *)(const void *)bytes;
    return WSL_OK;
}

/* To the part that `at` is in; key groups may be empty. */
static void find_part(wsl_section_reader *r)
{
    while (r->at == r->limit && r->at < r->until) {
        r->part++;
        r->limit = part_end(r, r->part);
        r->within_key = false;
    }
}

wsl_status wsl_section_reader_next(wsl_section_reader *r, const wsl_record **out_record, uint32_t *out_group,
                                   wsl_error *err)
{
    const wsl_record *record = NULL;
    find_part(r);
    if (r->at == r->until) {
        if (r->whole && r->seen != r->section->records) {
            return damaged(r, err, "it has %" PRIu64 " records and should have %" PRIu64, r->seen, r->section->records);
        }
        return WSL_END;
    }
    WSL_TRY(fetch(r, &record, err));
    WSL_ASSERT(record != NULL);
    WSL_TRY(check_record(r, record, err));
    if (r->section->n_element_ends > 0 && r->at + record->size != r->limit) {
        return damaged(r, err, "an element is more than one record");
    }
    r->at += record->size;
    r->seen++;
    *out_record = record;
    *out_group = wsl_section_has_groups(r->section) ? group_at(r) : 0;
    return WSL_OK;
}
