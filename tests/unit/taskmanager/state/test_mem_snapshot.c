/* A snapshot holds what was there when it began, whatever happens while it is walked. */
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

static world *world_new(bool texts, bool spaces, uint32_t n_keys, uint32_t parallelism)
{
    world *w = wsl_zalloc(sizeof *w);
    wsl_error err = {0};
    w->texts = texts;
    w->spaces = spaces;
    w->n_keys = n_keys;
    cr_assert_eq(wsl_key_spec_init(&w->spec, texts ? &text_schema : &number_schema, &fields[texts], 1, &err), WSL_OK);
    tm_key_ctx_init(&w->kc, &w->spec, 0, parallelism, 128);
    cr_assert_eq(tm_mem_state_new(&w->kc, states, N_STATES, spaces, &w->state, &err), WSL_OK);
    w->desc = (Wsl__Pb__Operator)WSL__PB__OPERATOR__INIT;
    w->desc.uid = (char *)"op";
    w->op.env.desc = &w->desc;
    w->op.env.key_schema = texts ? &text_schema : &number_schema;
    return w;
}

static void world_free(world *w)
{
    tm_state_free(w->state);
    tm_key_ctx_fini(&w->kc);
    free(w);
}

static uint64_t memory[2][1024];

static const wsl_row *text_row(uint32_t place, const char *prefix, uint64_t n)
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

static bool choose_key(world *w, uint64_t id)
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

static void put_total(world *w, uint32_t state, uint64_t n)
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
static void change(world *w)
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

static void dump_row(wsl_strbuf *to, const wsl_row *row)
{
    if (row == NULL) {
        wsl_strbuf_add(to, "-", 1);
    } else {
        wsl_strbuf_add(to, (const char *)row, row->size);
    }
}

static void dump_key(world *w, wsl_strbuf *to)
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

static wsl_strbuf dump(world *w)
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

static void assert_same(world *a, world *b)
{
    wsl_strbuf x = dump(a);
    wsl_strbuf y = dump(b);
    cr_assert_eq(x.size, y.size, "%zu and %zu bytes", x.size, y.size);
    cr_assert(memcmp(x.data, y.data, x.size) == 0);
    wsl_strbuf_fini(&x);
    wsl_strbuf_fini(&y);
}

static void restore_into(world *w, const Wsl__Pb__TaskSnapshot *t)
{
    const Wsl__Pb__OperatorState *o = t->operators[0];
    for (size_t i = 0; i < o->n_sections; i++) {
        wsl_error err = {0};
        wsl_section_reader *reader = NULL;
        static const Wsl__Pb__StateFile nothing = WSL__PB__STATE_FILE__INIT;
        cr_assert_eq(wsl_section_reader_new(wsl_fs_posix(), "", t->n_files > 0 ? t->files[0] : &nothing, o->sections[i], &reader,
                                            &err),
                     WSL_OK, "%s", err.text);
        const tm_restore_piece piece = {o->sections[i], 0, reader};
        cr_assert_eq(w->state->ops->restore(w->state, &piece, &err), WSL_OK, "%s", err.text);
        wsl_section_reader_free(reader);
    }
}

/* Two worlds that go through the same until the snapshot; one stands still then. */
static void one_round(uint64_t seed, bool texts, bool spaces, uint32_t n_keys, uint32_t before, uint32_t during,
                      uint32_t step_bytes)
{
    world *runs = world_new(texts, spaces, n_keys, 1);
    world *stands = world_new(texts, spaces, n_keys, 1);
    wsl_rng_seed(&runs->rng, seed);
    wsl_rng_seed(&stands->rng, seed);
    for (uint32_t i = 0; i < before; i++) {
        change(runs);
        change(stands);
    }
    tm_memory_sink memory_sink = {0};
    const tm_snapshot_sink sink = tm_memory_sink_of(&memory_sink);
    tm_snapshot *s = tm_snapshot_new(1, &sink);
    tm_snapshot_operator(s, &runs->op);
    runs->state->ops->snapshot(runs->state, s, &runs->op, "state");
    for (bool done = false; !done;) {
        for (uint32_t i = 0; i < during; i++) {
            change(runs);
        }
        done = tm_snapshot_step(s, step_bytes);
    }
    Wsl__Pb__TaskSnapshot *t = tm_snapshot_finish_in_memory(s, &memory_sink);

    world *again = world_new(texts, spaces, n_keys, 1);
    restore_into(again, t);
    assert_same(stands, again);
    cr_assert_eq(stands->state->ops->keys(stands->state), again->state->ops->keys(again->state));

    /* the next snapshot, of what it is now */
    memory_sink = (tm_memory_sink){0};
    s = tm_snapshot_new(2, &sink);
    tm_snapshot_operator(s, &runs->op);
    runs->state->ops->snapshot(runs->state, s, &runs->op, "state");
    Wsl__Pb__TaskSnapshot *next = tm_snapshot_finish_in_memory(s, &memory_sink);
    world *now = world_new(texts, spaces, n_keys, 1);
    restore_into(now, next);
    assert_same(runs, now);

    wsl__pb__task_snapshot__free_unpacked(t, NULL);
    wsl__pb__task_snapshot__free_unpacked(next, NULL);
    world_free(runs);
    world_free(stands);
    world_free(again);
    world_free(now);
}

Test(mem_snapshot, numbers_as_keys)
{
    for (uint64_t seed = 1; seed <= 60; seed++) {
        one_round(seed, false, false, 1 + (uint32_t)(seed * 37 % 3000), 4000, 5 + (uint32_t)(seed % 40), 600);
    }
}

Test(mem_snapshot, texts_as_keys)
{
    for (uint64_t seed = 1; seed <= 60; seed++) {
        one_round(seed, true, false, 1 + (uint32_t)(seed * 37 % 3000), 4000, 5 + (uint32_t)(seed % 40), 600);
    }
}

Test(mem_snapshot, namespaces)
{
    for (uint64_t seed = 1; seed <= 60; seed++) {
        one_round(seed, seed % 2 == 0, true, 1 + (uint32_t)(seed * 37 % 2000), 6000, 3 + (uint32_t)(seed % 30), 600);
    }
}

Test(mem_snapshot, one_that_is_given_up_leaves_nothing_behind)
{
    for (uint64_t seed = 1; seed <= 30; seed++) {
        world *w = world_new(seed % 2 == 0, seed % 3 == 0, 1500, 1);
        wsl_rng_seed(&w->rng, seed);
        for (uint32_t i = 0; i < 4000; i++) {
            change(w);
        }
        tm_memory_sink memory_sink = {0};
        const tm_snapshot_sink sink = tm_memory_sink_of(&memory_sink);
        tm_snapshot *s = tm_snapshot_new(1, &sink);
        tm_snapshot_operator(s, &w->op);
        w->state->ops->snapshot(w->state, s, &w->op, "state");
        for (uint32_t k = 0; k < seed; k++) {
            change(w);
            (void)tm_snapshot_step(s, 500);
        }
        tm_snapshot_free(s);
        free(memory_sink.data);

        memory_sink = (tm_memory_sink){0};
        s = tm_snapshot_new(2, &sink);
        tm_snapshot_operator(s, &w->op);
        w->state->ops->snapshot(w->state, s, &w->op, "state");
        Wsl__Pb__TaskSnapshot *t = tm_snapshot_finish_in_memory(s, &memory_sink);
        world *again = world_new(w->texts, w->spaces, 1500, 1);
        restore_into(again, t);
        assert_same(w, again);
        wsl__pb__task_snapshot__free_unpacked(t, NULL);
        world_free(w);
        world_free(again);
    }
}
