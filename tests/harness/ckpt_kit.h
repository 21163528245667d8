/*
 * ckpt_kit - checkpoints made by hand, for tests of what reads them.
 *
 *     kit_init(&k, fs, "/ckpt/<job>", 7);
 *     Wsl__Pb__Section *s = kit_section(&k, "uid", 2, 128, subtask, KIND, "state");    operator is made at the first mention
 *     kit_state(s, "sum", WSL_STATE_VALUE, &value_schema, NULL);
 *     kit_group(&k, 3); kit_key(&k, hash, row); kit_row(&k, WSL_RECORD_VALUE, 0, 0, row);
 *     ... more sections ...
 *     kit_file(&k, "chk-7/a.state");           all sections since the last file are in it; NULL: its bytes are content
 *     kit_publish(&k);                          k.meta is whole, and on disk
 *
 * Threads: one.
 */
#pragma once
#include "harness/wsl_test.h"

#include <stdlib.h>
#include <string.h>

#include <wiesel/state.h>

#include "base/alloc.h"
#include "base/vec.h"
#include "ckpt/checksum.h"
#include "ckpt/record.h"
#include "ckpt/section_kind.h"
#include "ckpt/storage.h"
#include "data/key.h"
#include "graph/job_graph.h"
#include "graph/pb.h"

typedef struct ckpt_kit {
    wsl_fs *fs;
    char *job_dir;
    Wsl__Pb__CheckpointMeta *meta;
    Wsl__Pb__Section *section; /* open */
    WSL_VEC(uint8_t) bytes;    /* of the file in hand */
    uint64_t section_at;
} ckpt_kit;

#define KIT __attribute__((unused)) static inline

#define KIT_KIND(name) WSL__PB__SECTION_KIND__SECTION_##name

KIT void kit_init(ckpt_kit *k, wsl_fs *fs, const char *job_dir, uint64_t checkpoint)
{
    *k = (ckpt_kit){.fs = fs, .job_dir = wsl_strdup(job_dir), .meta = wsl_alloc(sizeof *k->meta)};
    wsl__pb__checkpoint_meta__init(k->meta);
    k->meta->checkpoint = checkpoint;
    k->meta->job.data = wsl_zalloc(16);
    k->meta->job.len = 16;
    wsl_pb_set(&k->meta->job_name, "test");
    wsl_pb_set(&k->meta->external_pointer, "");
    char *dir = wsl_ckpt_path(job_dir, checkpoint);
    wsl_error err = {0};
    cr_assert_eq(wsl_ckpt_prepare(fs, dir, &err), WSL_OK, "%s", err.text);
    free(dir);
}

KIT void kit_fini(ckpt_kit *k)
{
    wsl__pb__checkpoint_meta__free_unpacked(k->meta, NULL);
    wsl_vec_fini(&k->bytes);
    free(k->job_dir);
}

KIT Wsl__Pb__OperatorMeta *kit_operator(ckpt_kit *k, const char *uid, uint32_t parallelism, uint32_t max_parallelism)
{
    for (size_t i = 0; i < k->meta->n_operators; i++) {
        if (strcmp(k->meta->operators[i]->uid, uid) == 0) {
            return k->meta->operators[i];
        }
    }
    Wsl__Pb__OperatorMeta *op = wsl_alloc(sizeof *op);
    wsl__pb__operator_meta__init(op);
    wsl_pb_set(&op->uid, uid);
    char *name = wsl_asprintf("the %s", uid);
    wsl_pb_set(&op->name, name);
    free(name);
    wsl_pb_set(&op->kind, "test");
    op->parallelism = parallelism;
    op->max_parallelism = max_parallelism;
    for (uint32_t i = 0; i < parallelism; i++) {
        Wsl__Pb__OperatorState *state = wsl_alloc(sizeof *state);
        wsl__pb__operator_state__init(state);
        wsl_pb_set(&state->uid, uid);
        state->subtask = i;
        state->operator_ = (uint32_t)k->meta->n_operators;
        state->watermark = WSL_TIME_MIN;
        *WSL_PB_APPEND(op->subtasks, op->n_subtasks) = state;
    }
    *WSL_PB_APPEND(k->meta->operators, k->meta->n_operators) = op;
    return op;
}

/* Ends the section in hand. */
KIT void kit_end(ckpt_kit *k)
{
    Wsl__Pb__Section *s = k->section;
    if (s != NULL) {
        s->length = k->bytes.n - k->section_at;
        s->checksum = wsl_checksum_of(k->bytes.items + k->section_at, s->length);
        if (s->n_group_ends > 0) {
            s->group_ends[s->n_group_ends - 1] = s->length;
        }
        k->section = NULL;
    }
}

KIT Wsl__Pb__Section *kit_section(ckpt_kit *k, const char *uid, uint32_t parallelism, uint32_t max_parallelism,
                                  uint32_t subtask, Wsl__Pb__SectionKind kind, const char *name)
{
    kit_end(k);
    Wsl__Pb__OperatorState *state = kit_operator(k, uid, parallelism, max_parallelism)->subtasks[subtask];
    Wsl__Pb__Section *s = wsl_alloc(sizeof *s);
    wsl__pb__section__init(s);
    s->kind = kind;
    s->version = 1;
    wsl_pb_set(&s->name, name);
    s->file = (uint32_t)k->meta->n_files;
    s->offset = k->section_at = k->bytes.n;
    *WSL_PB_APPEND(state->sections, state->n_sections) = s;
    k->section = s;
    return s;
}

KIT void kit_state(Wsl__Pb__Section *s, const char *name, uint32_t kind, const wsl_schema *value, const wsl_schema *key)
{
    Wsl__Pb__StateDesc *state = wsl_alloc(sizeof *state);
    wsl__pb__state_desc__init(state);
    wsl_pb_set(&state->name, name);
    state->kind = kind;
    state->value = wsl_schema_to_pb(value);
    state->key = key != NULL ? wsl_schema_to_pb(key) : NULL;
    *WSL_PB_APPEND(s->states, s->n_states) = state;
}

/* What follows is of that key group. */
KIT void kit_group(ckpt_kit *k, uint32_t group)
{
    Wsl__Pb__Section *s = k->section;
    const uint64_t at = k->bytes.n - k->section_at;
    if (s->n_group_ends == 0) {
        s->first_group = group;
    } else {
        s->group_ends[s->n_group_ends - 1] = at;
    }
    while (s->first_group + s->n_group_ends <= group) {
        s->group_ends = wsl_realloc(s->group_ends, (s->n_group_ends + 1) * sizeof *s->group_ends);
        s->group_ends[s->n_group_ends++] = at;
    }
}

KIT void kit_record(ckpt_kit *k, uint8_t tag, uint32_t state, int64_t number, const void *a, size_t a_size, const void *b,
                    size_t b_size)
{
    const size_t size = sizeof(wsl_record) + ((a_size + b_size + 7) & ~(size_t)7);
    const wsl_record head = {.size = (uint32_t)size, .tag = tag, .state = (uint8_t)state, .number = number};
    wsl_vec_reserve(&k->bytes, size);
    uint8_t *at = k->bytes.items + k->bytes.n;
    memset(at, 0, size);
    memcpy(at, &head, sizeof head);
    if (a_size > 0) {
        memcpy(at + sizeof head, a, a_size);
    }
    if (b_size > 0) {
        memcpy(at + sizeof head + a_size, b, b_size);
    }
    k->bytes.n += (uint32_t)size;
    k->section->records++;
    if (wsl_section_has_elements(k->section)) {
        Wsl__Pb__Section *s = k->section;
        s->element_ends = wsl_realloc(s->element_ends, (s->n_element_ends + 1) * sizeof *s->element_ends);
        s->element_ends[s->n_element_ends++] = k->bytes.n - k->section_at;
    }
}

KIT void kit_key(ckpt_kit *k, uint32_t hash, const wsl_row *key)
{
    kit_record(k, WSL_RECORD_KEY, 0, hash, key, key->size, NULL, 0);
}
KIT void kit_space(ckpt_kit *k, int64_t ns) { kit_record(k, WSL_RECORD_SPACE, 0, ns, NULL, 0, NULL, 0); }
KIT void kit_row(ckpt_kit *k, wsl_record_tag tag, uint32_t state, int64_t number, const wsl_row *row)
{
    kit_record(k, (uint8_t)tag, state, number, row, row->size, NULL, 0);
}
KIT void kit_entry(ckpt_kit *k, uint32_t state, int64_t number, const wsl_row *key, const wsl_row *value)
{
    kit_record(k, WSL_RECORD_ENTRY, state, number, key, key->size, value, value->size);
}
KIT void kit_timer(ckpt_kit *k, int64_t timestamp, int64_t ns, const wsl_row *key)
{
    kit_record(k, WSL_RECORD_TIMER, 0, timestamp, &ns, sizeof ns, key, key->size);
}
KIT void kit_bytes(ckpt_kit *k, uint32_t state, int64_t number, const void *bytes, size_t size)
{
    const uint64_t length = size;
    kit_record(k, WSL_RECORD_BYTES, state, number, &length, sizeof length, bytes, size);
}

KIT void kit_write(wsl_fs *fs, const char *path, const void *bytes, size_t size)
{
    wsl_error err = {0};
    wsl_file *file = NULL;
    cr_assert_eq(fs->open(fs, path, WSL_OPEN_TRUNCATE, &file, &err), WSL_OK, "%s", err.text);
    cr_assert_eq(file->write(file, bytes, size, &err), WSL_OK, "%s", err.text);
    cr_assert_eq(file->sync(file, &err), WSL_OK, "%s", err.text);
    wsl_file_free(file);
}

KIT void kit_file(ckpt_kit *k, const char *path)
{
    kit_end(k);
    Wsl__Pb__StateFile *file = wsl_alloc(sizeof *file);
    wsl__pb__state_file__init(file);
    file->size = k->bytes.n;
    file->checksum = wsl_checksum_of(k->bytes.items, k->bytes.n);
    file->checkpoint = path != NULL && strncmp(path, "shared/", 7) == 0 ? strtoull(path + 7, NULL, 10) : 0;
    if (path != NULL) {
        char *full = wsl_asprintf("%s/%s", k->job_dir, path);
        wsl_pb_set(&file->path, path);
        kit_write(k->fs, full, k->bytes.items, k->bytes.n);
        free(full);
    } else if (k->bytes.n > 0) {
        file->content.data = wsl_memdup(k->bytes.items, k->bytes.n);
        file->content.len = k->bytes.n;
    }
    *WSL_PB_APPEND(k->meta->files, k->meta->n_files) = file;
    k->meta->state_bytes += file->size;
    wsl_vec_clear(&k->bytes);
}

KIT void kit_publish(ckpt_kit *k)
{
    wsl_error err = {0};
    char *dir = wsl_ckpt_path(k->job_dir, k->meta->checkpoint);
    cr_assert_eq(wsl_ckpt_publish(k->fs, dir, k->meta, &err), WSL_OK, "%s", err.text);
    free(dir);
}

/* ---- rows ---- */

WSL_ROW(kit_long, (int64, id));
WSL_ROW(kit_text, (string, text), (int64, n));

enum { KIT_ROW_MAX = 4096 };

typedef struct kit_room {
    _Alignas(8) uint8_t bytes[KIT_ROW_MAX];
} kit_room;

KIT const wsl_row *kit_long_row(kit_room *room, int64_t id)
{
    wsl_row_writer w;
    wsl_row_writer_init(&w, room->bytes, sizeof room->bytes, 1);
    kit_long_set_id(&w, id);
    return w.row;
}
KIT const wsl_row *kit_text_row(kit_room *room, const char *text, int64_t n)
{
    wsl_row_writer w;
    wsl_row_writer_init(&w, room->bytes, sizeof room->bytes, 2);
    kit_text_set_text(&w, wsl_str_of(text));
    kit_text_set_n(&w, n);
    return w.row;
}
KIT uint32_t kit_long_hash(int64_t id) { return wsl_key_hash_slot((uint64_t)id); }

/* Keyed value state "sum" of `n_keys` keys 0, 1, ... : those of the subtask, by key group; value = 10 * key. */
KIT void kit_sums(ckpt_kit *k, const char *uid, uint32_t parallelism, uint32_t max_parallelism, uint32_t subtask,
                  uint32_t n_keys)
{
    kit_room key, value;
    Wsl__Pb__Section *s =
        kit_section(k, uid, parallelism, max_parallelism, subtask, KIT_KIND(KEYED), "state");
    kit_state(s, "sum", WSL_STATE_VALUE, &kit_long_schema, NULL);
    s->key = wsl_schema_to_pb(&kit_long_schema);
    const uint32_t end = wsl_key_group_first(subtask + 1, max_parallelism, parallelism);
    for (uint32_t group = wsl_key_group_first(subtask, max_parallelism, parallelism); group < end; group++) {
        kit_group(k, group);
        for (uint32_t id = 0; id < n_keys; id++) {
            if (wsl_key_group(kit_long_hash(id), max_parallelism) == group) {
                kit_key(k, kit_long_hash(id), kit_long_row(&key, id));
                kit_row(k, WSL_RECORD_VALUE, 0, 0, kit_long_row(&value, 10 * id));
            }
        }
    }
}

/* A layer above: keys with id % 3 == 1 have 1000 + key now, those with id % 3 == 2 are gone; of group 0 nothing below counts. */
KIT void kit_sums_layer(ckpt_kit *k, const char *uid, uint32_t parallelism, uint32_t max_parallelism, uint32_t subtask,
                        uint32_t n_keys, uint32_t layer)
{
    kit_room key, value;
    Wsl__Pb__Section *s = kit_section(k, uid, parallelism, max_parallelism, subtask, KIT_KIND(KEYED), "state");
    kit_state(s, "sum", WSL_STATE_VALUE, &kit_long_schema, NULL);
    s->key = wsl_schema_to_pb(&kit_long_schema);
    s->layer = layer;
    const uint32_t end = wsl_key_group_first(subtask + 1, max_parallelism, parallelism);
    for (uint32_t group = wsl_key_group_first(subtask, max_parallelism, parallelism); group < end; group++) {
        kit_group(k, group);
        if (group == 0) {
            kit_record(k, WSL_RECORD_DROP, 0, 0, NULL, 0, NULL, 0);
        }
        for (uint32_t id = 0; id < n_keys; id++) {
            if (id % 3 != 0 && wsl_key_group(kit_long_hash(id), max_parallelism) == group) {
                kit_key(k, kit_long_hash(id), kit_long_row(&key, id));
                kit_record(k, WSL_RECORD_REPLACE, 0, 0, NULL, 0, NULL, 0);
                if (id % 3 == 1) {
                    kit_row(k, WSL_RECORD_VALUE, 0, 0, kit_long_row(&value, 1000 + id));
                }
            }
        }
    }
}
