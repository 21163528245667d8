/* A snapshot holds what was there when it began, whatever happens while it is walked. */
#include "mem_world.h"

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
