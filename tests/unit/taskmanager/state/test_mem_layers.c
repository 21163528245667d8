/* Layers: each snapshot holds what has changed since the last one that was acknowledged, and all of them together what there was. */
#include "mem_world.h"

#include "base/fs_mem.h"
#include "ckpt/checksum.h"
#include "graph/pb.h"
#include "taskmanager/ckpt/layers.h"

static const tm_state_spec mortal_states[N_STATES] = {
    {.name = "total", .kind = WSL_STATE_VALUE, .schema = &total_schema, .ttl = {.ttl_ms = 400}},
    {.name = "note", .kind = WSL_STATE_VALUE, .schema = &note_schema, .ttl = {.ttl_ms = 900, .update = WSL_TTL_ON_READ_AND_WRITE}},
    {.name = "notes", .kind = WSL_STATE_LIST, .schema = &note_schema, .keeps_timestamps = true, .ttl = {.ttl_ms = 300}},
    {.name = "by-name", .kind = WSL_STATE_MAP, .schema = &total_schema, .key = &text_schema,
     .ttl = {.ttl_ms = 700, .update = WSL_TTL_ON_READ_AND_WRITE}},
};

static wsl_manual_clock manual;

typedef struct chain {
    world *w;
    wsl_mem_fs *files;
    tm_layers *layers;
    uint64_t checkpoint;
    uint32_t n_layers; /* snapshots that were layers */
    uint64_t lowest_bytes, written;
    tm_memory_sink memory;
    tm_snapshot *s;
} chain;

static chain chain_new(const tm_state_spec *specs, bool texts, bool spaces, uint32_t n_keys, uint64_t seed)
{
    chain c = {.w = world_with(specs, texts, spaces, n_keys, 0, 1), .layers = tm_layers_new()};
    wsl_manual_clock_init(&manual, 0);
    c.files = wsl_mem_fs_new(&manual.clock);
    wsl_rng_seed(&c.w->rng, seed);
    return c;
}

static void chain_free(chain *c)
{
    world_free(c->w);
    tm_layers_free(c->layers);
    wsl_mem_fs_free(c->files);
}

static void begin(chain *c, bool layered)
{
    c->memory = (tm_memory_sink){0};
    const tm_snapshot_sink sink = tm_memory_sink_of(&c->memory);
    c->s = tm_snapshot_new(++c->checkpoint, &sink);
    if (layered) {
        tm_snapshot_build_on(c->s, c->layers);
    }
    tm_snapshot_operator(c->s, &c->w->op);
    c->w->state->ops->snapshot(c->w->state, c->s, &c->w->op, "state");
}

static void give_up(chain *c)
{
    tm_snapshot_free(c->s);
    free(c->memory.data);
}

/* The rest of it, its bytes in a file. */
static Wsl__Pb__TaskSnapshot *finish(chain *c, bool acknowledged)
{
    const bool layered = tm_snapshot_is_layered(c->s);
    Wsl__Pb__TaskSnapshot *t = tm_snapshot_finish_in_memory(c->s, &c->memory);
    c->written = 0;
    if (t->n_files > 0) {
        wsl_fs *fs = wsl_mem_fs_seam(c->files);
        Wsl__Pb__StateFile *f = t->files[0];
        char path[64];
        wsl_error err = {0};
        (void)snprintf(path, sizeof path, "/shared-%lu", (unsigned long)c->checkpoint);
        cr_assert_eq(wsl_fs_write_atomic(fs, path, f->content.data, f->content.len, &err), WSL_OK, "%s", err.text);
        c->written = f->content.len;
        free(f->content.data);
        f->content = (ProtobufCBinaryData){0};
        wsl_pb_set(&f->path, path);
    }
    const bool is_layer = t->operators[0]->sections[0]->layer > 0;
    c->n_layers += is_layer;
    c->lowest_bytes = layered && !is_layer ? c->written : c->lowest_bytes;
    if (layered && acknowledged) {
        tm_layers_complete(c->layers, t);
        tm_layers_acknowledged(c->layers, c->checkpoint, t);
    }
    return t;
}

/* What has expired goes when it is looked at. */
static wsl_strbuf settled(world *w)
{
    wsl_strbuf first = dump(w);
    wsl_strbuf_fini(&first);
    return dump(w);
}

static void check_holds(chain *c, const tm_state_spec *specs, const Wsl__Pb__TaskSnapshot *t, const wsl_strbuf *expected)
{
    world *again = world_with(specs, c->w->texts, c->w->spaces, c->w->n_keys, 0, 1);
    again->state->time = c->w->state->time;
    restore_from(again, wsl_mem_fs_seam(c->files), t);
    wsl_strbuf got = settled(again);
    cr_assert_eq(got.size, expected->size, "checkpoint %lu: %zu bytes, not %zu", (unsigned long)c->checkpoint, got.size,
                 expected->size);
    cr_assert(memcmp(got.data, expected->data, got.size) == 0, "checkpoint %lu", (unsigned long)c->checkpoint);
    wsl_strbuf_fini(&got);
    world_free(again);
}

static void some_changes(chain *c, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        change(c->w);
    }
    c->w->state->ops->tidy(c->w->state);
    c->w->state->ops->clean_up(c->w->state, (uint32_t)wsl_rng_below(&c->w->rng, 100));
}

/* Checkpoints in a row, some of which come to nothing, some savepoints among them. */
static void one_chain(uint64_t seed, const tm_state_spec *specs, bool texts, bool spaces, uint32_t n_keys, uint32_t per_checkpoint,
                      uint32_t *io_layers)
{
    chain c = chain_new(specs, texts, spaces, n_keys, seed);
    some_changes(&c, 2 * n_keys);
    for (uint32_t k = 0; k < 40; k++) {
        some_changes(&c, per_checkpoint);
        c.w->state->time.processing_ms += 10;
        wsl_strbuf expected = settled(c.w);
        const uint64_t fate = wsl_rng_below(&c.w->rng, 8);
        begin(&c, fate != 0);
        bool done = false;
        for (uint32_t i = 0; i < 4 && !done; i++) {
            some_changes(&c, 1 + per_checkpoint / 20);
            done = tm_snapshot_step(c.s, 500);
        }
        if (fate == 1) {
            give_up(&c);
        } else {
            Wsl__Pb__TaskSnapshot *t = finish(&c, fate != 2);
            if (fate != 2) {
                check_holds(&c, specs, t, &expected);
            }
            wsl__pb__task_snapshot__free_unpacked(t, NULL);
        }
        wsl_strbuf_fini(&expected);
    }
    *io_layers += c.n_layers;
    chain_free(&c);
}

Test(mem_layers, layers_together_are_what_there_was)
{
    uint32_t layers = 0;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        one_chain(seed, states, seed % 2 == 0, false, 300 + (uint32_t)(seed * 37 % 3000), 40, &layers);
    }
    cr_assert_gt(layers, 150u, "most are layers: %u", layers);
}

Test(mem_layers, with_namespaces)
{
    uint32_t layers = 0;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        one_chain(seed, states, seed % 2 == 0, true, 300 + (uint32_t)(seed * 37 % 1500), 60, &layers);
    }
    cr_assert_gt(layers, 100u, "most are layers: %u", layers);
}

Test(mem_layers, with_state_that_expires)
{
    uint32_t layers = 0;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        one_chain(seed, mortal_states, seed % 2 == 0, seed % 3 == 0, 300 + (uint32_t)(seed * 37 % 1500), 30, &layers);
    }
    cr_assert_gt(layers, 20u, "many are layers: %u", layers);
}

/* Adds a value for each key of [from, to). */
static void fill(chain *c, uint64_t from, uint64_t to)
{
    for (uint64_t id = from; id < to; id++) {
        cr_assert(choose_key(c->w, id));
        put_total(c->w, TOTAL, id);
    }
}

static void acknowledge(chain *c)
{
    begin(c, true);
    wsl__pb__task_snapshot__free_unpacked(finish(c, true), NULL);
}

Test(mem_layers, one_percent_changed_writes_less_than_five)
{
    chain c = chain_new(states, false, false, 1, 1);
    fill(&c, 0, 50000);
    acknowledge(&c);
    cr_assert_eq(c.n_layers, 0u);
    fill(&c, 20000, 20500);
    acknowledge(&c);
    cr_assert_eq(c.n_layers, 1u);
    cr_assert_gt(c.written, 0u);
    cr_assert_lt(c.written, c.lowest_bytes / 50, "%lu of %lu", (unsigned long)c.written, (unsigned long)c.lowest_bytes);
    acknowledge(&c);
    cr_assert_eq(c.written, 0u, "nothing has changed");
    for (uint64_t id = 0; id < 50000; id++) {
        cr_assert(choose_key(c.w, id));
        cr_assert_not_null(c.w->state->ops->value_get(c.w->state, TOTAL));
    }
    acknowledge(&c);
    cr_assert_eq(c.written, 0u, "reading is no change");
    chain_free(&c);
}

Test(mem_layers, when_most_has_changed_everything_is_written_again)
{
    chain c = chain_new(states, false, false, 1, 1);
    fill(&c, 0, 20000);
    acknowledge(&c);
    fill(&c, 0, 15000);
    acknowledge(&c);
    cr_assert_eq(c.n_layers, 0u);
    uint32_t lowest = 0;
    uint64_t most = 0;
    for (uint32_t i = 0; i < 60; i++) {
        const uint32_t before = c.n_layers;
        fill(&c, 0, 1000);
        acknowledge(&c);
        lowest += c.n_layers == before;
        most = c.n_layers != before && c.written > most ? c.written : most;
    }
    cr_assert(lowest > 3 && lowest < 12, "%u of 60", lowest);
    cr_assert_lt(most, c.lowest_bytes / 10);
    chain_free(&c);
}

Test(mem_layers, many_keys_that_go_are_not_remembered_one_by_one)
{
    chain c = chain_new(states, false, false, 1, 1);
    fill(&c, 0, 100000);
    acknowledge(&c);
    for (uint64_t id = 0; id < 99000; id++) {
        cr_assert(choose_key(c.w, id));
        c.w->state->ops->clear(c.w->state, TOTAL);
    }
    wsl_strbuf expected = dump(c.w);
    begin(&c, true);
    Wsl__Pb__TaskSnapshot *t = finish(&c, true);
    cr_assert_eq(c.n_layers, 0u);
    check_holds(&c, states, t, &expected);
    wsl__pb__task_snapshot__free_unpacked(t, NULL);
    wsl_strbuf_fini(&expected);
    chain_free(&c);
}

/* The layers of one subtask, restored by two: each takes its key groups of every layer. */
Test(mem_layers, each_of_two_takes_its_part)
{
    for (uint64_t seed = 1; seed <= 6; seed++) {
        chain c = chain_new(states, seed % 2 == 0, seed % 3 != 0, 800, seed);
        Wsl__Pb__TaskSnapshot *t = NULL;
        some_changes(&c, 3000);
        for (uint32_t k = 0; k < 6; k++) {
            some_changes(&c, 40);
            begin(&c, true);
            if (t != NULL) {
                wsl__pb__task_snapshot__free_unpacked(t, NULL);
            }
            t = finish(&c, true);
        }
        cr_assert_gt(c.n_layers, 0u);
        uint64_t keys = 0;
        for (uint32_t half = 0; half < 2; half++) {
            world *part = world_with(states, c.w->texts, c.w->spaces, c.w->n_keys, half, 2);
            for (size_t i = 0; i < t->operators[0]->n_sections; i++) {
                t->operators[0]->sections[i]->take_group = part->kc.first_group;
                t->operators[0]->sections[i]->take_groups = t->operators[0]->sections[i]->n_group_ends > 0 ? part->kc.n_groups : 0;
            }
            restore_from(part, wsl_mem_fs_seam(c.files), t);
            keys += part->state->ops->keys(part->state);
            world_free(part);
        }
        cr_assert_eq(keys, c.w->state->ops->keys(c.w->state));
        wsl__pb__task_snapshot__free_unpacked(t, NULL);
        chain_free(&c);
    }
}
