/*
 * mem_world - a memory backend with every kind of state, random changes to it, and all there is in it as bytes.
 */
#pragma once
#include "harness/wsl_test.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/fs.h"
#include "base/rng.h"
#include "base/strbuf.h"
#include "taskmanager/ckpt/restore.h"
#include "taskmanager/ckpt/snapshot.h"
#include "taskmanager/state/backend.h"

WSL_ROW(number, (int64, id));
WSL_ROW(text, (string, name));
WSL_ROW(total, (int64, count), (int64, sum));
WSL_ROW(note, (string, text));

enum { TOTAL, NOTE, NOTES, BY_NAME, N_STATES };

static const tm_state_spec states[N_STATES] = {
    {.name = "total", .kind = WSL_STATE_VALUE, .schema = &total_schema},
    {.name = "note", .kind = WSL_STATE_VALUE, .schema = &note_schema},
    {.name = "notes", .kind = WSL_STATE_LIST, .schema = &note_schema, .keeps_timestamps = true},
    {.name = "by-name", .kind = WSL_STATE_MAP, .schema = &total_schema, .key = &text_schema},
};

#define WORLD __attribute__((unused)) static

typedef struct world {
    bool texts, spaces;
    wsl_key_spec spec;
    tm_key_ctx kc;
    tm_state *state;
    Wsl__Pb__Operator desc;
    tm_op op;
    wsl_rng rng;
    uint32_t n_keys;
} world;

static const char *const fields[2] = {"id", "name"};

WORLD world *world_with(const tm_state_spec *specs, bool texts, bool spaces, uint32_t n_keys,
                         uint32_t subtask, uint32_t parallelism)
{
    world *w = wsl_zalloc(sizeof *w);
    wsl_error err = {0};
    w->texts = texts;
    w->spaces = spaces;
    w->n_keys = n_keys;
    cr_assert_eq(wsl_key_spec_init(&w->spec, texts ? &text_schema : &number_schema, &fields[texts], 1, &err), WSL_OK);
    tm_key_ctx_init(&w->kc, &w->spec, subtask, parallelism, 128);
    cr_assert_eq(tm_mem_state_new(&w->kc, specs, N_STATES, spaces, &w->state, &err), WSL_OK);
    w->desc = (Wsl__Pb__Operator)WSL__PB__OPERATOR__INIT;
    w->desc.uid = (char *)"op";
    w->op.env.subtask = subtask;
    w->op.env.desc = &w->desc;
    w->op.env.key_schema = texts ? &text_schema : &number_schema;
    return w;
}

WORLD world *world_new(bool texts, bool spaces, uint32_t n_keys, uint32_t parallelism)
{
    return world_with(states, texts, spaces, n_keys, 0, parallelism);
}

WORLD void world_free(world *w)
{
    tm_state_free(w->state);
    tm_key_ctx_fini(&w->kc);
    free(w);
}

static uint64_t memory[2][1024];

WORLD const wsl_row *text_row(uint32_t place, const char *prefix, uint64_t n)
{
    char text[200];
    const int size = snprintf(text, sizeof text, "%s%lu", prefix, (unsigned long)n);
    if (n % 3 == 0) { /* beyond what lies inside an entry */
        memset(text + size, 'x', 60);
        text[size + 60] = '\0';
    }
    wsl_row_writer writer;
    (void)wsl_row_writer_init(&writer, memory[place], sizeof memory[place], 1);
    note_set_text(&writer, wsl_str_of(text));
    return writer.row;
}

WORLD bool choose_key(world *w, uint64_t id)
{
    const wsl_row *row;
    if (w->texts) {
        row = text_row(0, "key", id);
    } else {
        wsl_row_writer writer;
        (void)wsl_row_writer_init(&writer, memory[0], sizeof memory[0], 1);
        number_set_id(&writer, (int64_t)id);
        row = writer.row;
    }
    return tm_key_ctx_make(&w->kc, row);
}

WORLD void put_total(world *w, uint32_t state, uint64_t n)
{
    wsl_row_writer writer;
    (void)wsl_row_writer_init(&writer, memory[1], sizeof memory[1], 2);
    total_set_count(&writer, (int64_t)n);
    total_set_sum(&writer, (int64_t)(n * n));
    const tm_state_ops *ops = w->state->ops;
    if (state == BY_NAME) {
        cr_assert_eq(ops->map_put(w->state, state, text_row(0, "name", n % 7), writer.row), WSL_OK);
    } else {
        cr_assert_eq(ops->value_put(w->state, state, writer.row), WSL_OK);
    }
}

/* One change, as any operator could make it. */
WORLD void change(world *w)
{
    const tm_state_ops *ops = w->state->ops;
    const uint64_t what = wsl_rng_below(&w->rng, 20);
    const uint64_t n = wsl_rng_below(&w->rng, 1000);
    if (!choose_key(w, wsl_rng_below(&w->rng, w->n_keys))) {
        return;
    }
    if (w->spaces) {
        ops->use(w->state, (int64_t)wsl_rng_below(&w->rng, 6));
    }
    if (what < 5) {
        put_total(w, TOTAL, n);
    } else if (what < 8) {
        ops->value_update(w->state, TOTAL)->slot[total_f_count] += n;
    } else if (what < 10) {
        cr_assert_eq(ops->value_put(w->state, NOTE, text_row(1, "note", n)), WSL_OK);
    } else if (what < 12) {
        cr_assert_eq(ops->list_add(w->state, NOTES, text_row(1, "list", n)), WSL_OK);
    } else if (what < 15) {
        put_total(w, BY_NAME, n);
    } else if (what < 16) {
        ops->map_remove(w->state, BY_NAME, text_row(1, "name", n % 7));
    } else if (what < 19) {
        ops->clear(w->state, (uint32_t)wsl_rng_below(&w->rng, N_STATES));
    } else if (w->spaces && n < 100) {
        ops->drop_namespace(w->state, (int64_t)wsl_rng_below(&w->rng, 6));
    }
}

/* ---- all there is, as bytes ---- */

WORLD void dump_row(wsl_strbuf *to, const wsl_row *row)
{
    if (row == NULL) {
        wsl_strbuf_add(to, "-", 1);
    } else {
        wsl_strbuf_add(to, (const char *)row, row->size);
    }
}

WORLD void dump_key(world *w, wsl_strbuf *to)
{
    const tm_state_ops *ops = w->state->ops;
    dump_row(to, w->kc.row);
    dump_row(to, ops->value_get(w->state, TOTAL));
    dump_row(to, ops->value_get(w->state, NOTE));
    for (uint32_t state = NOTES; state <= BY_NAME; state++) {
        tm_state_walk walk;
        ops->walk(w->state, state, &walk);
        while (ops->walk_next(w->state, &walk)) {
            if (state == BY_NAME) {
                dump_row(to, walk.key);
            }
            dump_row(to, walk.value);
        }
        wsl_strbuf_add(to, "|", 1);
    }
}

WORLD wsl_strbuf dump(world *w)
{
    wsl_strbuf text;
    wsl_strbuf_init(&text);
    const tm_state_ops *ops = w->state->ops;
    int64_t ns = 0;
    for (int64_t from = 0; w->spaces ? ops->next_namespace(w->state, from, &ns) : from == 0; from = ns + 1) {
        ops->use(w->state, ns);
        wsl_strbuf_printf(&text, "[%ld]", (long)ns);
        tm_state_walk walk = {0};
        while (ops->walk_keys(w->state, &walk)) {
            dump_key(w, &text);
        }
        ops->walk_keys_end(w->state, &walk);
    }
    return text;
}

WORLD void assert_same(world *a, world *b)
{
    wsl_strbuf x = dump(a);
    wsl_strbuf y = dump(b);
    cr_assert_eq(x.size, y.size, "%zu and %zu bytes", x.size, y.size);
    cr_assert(memcmp(x.data, y.data, x.size) == 0);
    wsl_strbuf_fini(&x);
    wsl_strbuf_fini(&y);
}

WORLD void restore_from(world *w, wsl_fs *fs, const Wsl__Pb__TaskSnapshot *t)
{
    const Wsl__Pb__OperatorState *o = t->operators[0];
    for (size_t i = 0; i < o->n_sections; i++) {
        wsl_error err = {0};
        wsl_section_reader *reader = NULL;
        static const Wsl__Pb__StateFile nothing = WSL__PB__STATE_FILE__INIT;
        const Wsl__Pb__Section *section = o->sections[i];
        cr_assert_eq(wsl_section_reader_new(fs, "", section->length > 0 ? t->files[section->file] : &nothing, section, &reader, &err),
                     WSL_OK, "%s", err.text);
        const tm_restore_piece piece = {section, 0, reader};
        cr_assert_eq(w->state->ops->restore(w->state, &piece, &err), WSL_OK, "%s", err.text);
        wsl_section_reader_free(reader);
    }
}

WORLD void restore_into(world *w, const Wsl__Pb__TaskSnapshot *t) { restore_from(w, wsl_fs_posix(), t); }
