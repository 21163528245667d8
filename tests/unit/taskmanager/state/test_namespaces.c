#include "harness/wsl_test.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "taskmanager/state/backend.h"

WSL_ROW(number, (int64, id));
WSL_ROW(total, (int64, count), (double, sum));
WSL_ROW(note, (string, text), (int64, n));

enum { TOTAL, NOTE, N_STATES };

static const tm_state_spec states[N_STATES] = {
    {.name = "total", .kind = WSL_STATE_VALUE, .schema = &total_schema},
    {.name = "note", .kind = WSL_STATE_VALUE, .schema = &note_schema},
};

static wsl_key_spec spec;
static tm_key_ctx kc;
static tm_state *state;

static void begin(void)
{
    static const char *const names[] = {"id"};
    wsl_error err = {0};
    cr_assert_eq(wsl_key_spec_init(&spec, &number_schema, names, 1, &err), WSL_OK);
    tm_key_ctx_init(&kc, &spec, 0, 1, 128);
    cr_assert_eq(tm_mem_state_new(&kc, states, N_STATES, true, &state, &err), WSL_OK);
}

static void end(void)
{
    tm_state_free(state);
    tm_key_ctx_fini(&kc);
}

static void key(int64_t id)
{
    const uint64_t slot = (uint64_t)id;
    tm_key_ctx_restore(&kc, &slot, sizeof slot, 0, wsl_key_hash_slot(slot));
}

static void use(int64_t ns) { state->ops->use(state, ns); }
static const wsl_row *get(void) { return state->ops->value_get(state, TOTAL); }
static wsl_row *update(void) { return state->ops->value_update(state, TOTAL); }
static void clear(uint32_t i) { state->ops->clear(state, i); }

Test(namespaces, keep_values_of_the_same_key_apart)
{
    begin();
    key(1);
    use(10);
    cr_assert_null(get());
    update()->slot[0] = 100;
    use(20);
    cr_assert_null(get(), "what was found in another namespace does not count here");
    update()->slot[0] = 200;
    use(10);
    cr_assert_eq(total_count(get()), 100);
    use(-5);
    cr_assert_null(get());
    use(20);
    cr_assert_eq(total_count(get()), 200);
    cr_assert_eq(state->ops->keys(state), 2);
    end();
}

Test(namespaces, come_in_order_and_exist_only_with_keys)
{
    begin();
    int64_t ns = 0;
    cr_assert_not(state->ops->next_namespace(state, INT64_MIN, &ns));
    static const int64_t all[] = {30, -7, INT64_MAX, 10, INT64_MIN, 0};
    key(1);
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        use(all[i]);
        (void)update();
    }
    static const int64_t sorted[] = {INT64_MIN, -7, 0, 10, 30, INT64_MAX};
    int64_t from = INT64_MIN;
    for (size_t i = 0; i < sizeof sorted / sizeof sorted[0]; i++) {
        cr_assert(state->ops->next_namespace(state, from, &ns));
        cr_assert_eq(ns, sorted[i]);
        from = ns == INT64_MAX ? ns : ns + 1;
    }
    use(10);
    clear(TOTAL);
    cr_assert(state->ops->next_namespace(state, 1, &ns));
    cr_assert_eq(ns, 30, "one without keys is none");
    state->ops->drop_namespace(state, 30);
    state->ops->drop_namespace(state, 31);
    cr_assert(state->ops->next_namespace(state, 1, &ns));
    cr_assert_eq(ns, INT64_MAX);
    use(30);
    cr_assert_null(get());
    end();
}

Test(namespaces, can_be_dropped_while_current_and_used_again)
{
    begin();
    key(1);
    use(10);
    update()->slot[0] = 1;
    state->ops->drop_namespace(state, 10);
    cr_assert_null(get());
    clear(TOTAL);
    cr_assert_eq(total_count(update()), 0);
    cr_assert_eq(state->ops->keys(state), 1);
    end();
}

/* What a tumbling window of many keys does, over and over. */
static void one_window(int64_t ns, uint32_t n_keys)
{
    static char text[300];
    uint64_t memory[64];
    use(ns);
    for (uint32_t id = 0; id < n_keys; id++) {
        key(id);
        update()->slot[0]++;
        wsl_row_writer w;
        (void)wsl_row_writer_init(&w, memory, sizeof memory, note_n_fields);
        note_set_text(&w, (wsl_str){text, id % 300});
        cr_assert_eq(state->ops->value_put(state, NOTE, w.row), WSL_OK);
    }
    state->ops->drop_namespace(state, ns);
}

Test(namespaces, memory_of_repeated_windows_is_flat_and_shrinks_with_them)
{
    begin();
    one_window(0, 20000);
    const uint64_t bytes = state->ops->bytes(state);
    for (int64_t ns = 1; ns < 50; ns++) {
        one_window(ns, 20000);
        cr_assert_eq(state->ops->bytes(state), bytes);
    }
    for (int64_t ns = 50; ns < 55; ns++) {
        one_window(ns, 10);
    }
    cr_assert_lt(state->ops->bytes(state), 64 << 10, "small windows give back what large ones needed");
    end();
}

Test(namespaces, few_keys_need_little_memory)
{
    begin();
    for (int64_t ns = 0; ns < 1000; ns++) {
        use(ns);
        key(ns % 3);
        (void)update();
    }
    cr_assert_leq(state->ops->bytes(state), 1000 * (4 << 10));
    end();
}

Test(namespaces, walk_keys_in_order_pausing_and_taking_turns)
{
    begin();
    for (int64_t ns = 0; ns < 3; ns++) {
        use(ns);
        for (int64_t id = ns; id < 5000; id += ns + 1) {
            key(id);
            update()->slot[0] = (uint64_t)(ns * 10000 + id);
        }
    }
    /* a merge of the three by key, as sliding windows do it */
    tm_state_walk walks[3];
    int64_t current[3];
    bool more[3];
    memset(walks, 0, sizeof walks);
    for (int i = 0; i < 3; i++) {
        use(i);
        more[i] = state->ops->walk_keys(state, &walks[i]);
        current[i] = (int64_t)kc.row->slot[0];
    }
    uint32_t n = 0;
    uint32_t last_group = 0;
    while (more[0]) {
        cr_assert_eq(current[0] % 2 == 1, more[1] && current[1] == current[0]);
        cr_assert_eq(current[0] % 3 == 2, more[2] && current[2] == current[0]);
        const uint32_t group = wsl_key_group(wsl_key_hash_slot((uint64_t)current[0]), 128);
        cr_assert_geq(group, last_group);
        last_group = group;
        for (int i = 2; i >= 0; i--) {
            if (more[i] && current[i] == current[0]) {
                use(i);
                key(current[i]);
                cr_assert_eq(total_count(get()), i * 10000 + current[i]);
                more[i] = state->ops->walk_keys(state, &walks[i]);
                current[i] = i == 0 || more[i] ? (int64_t)kc.row->slot[0] : -1;
            }
        }
        n++;
    }
    cr_assert_eq(n, 5000);
    for (int i = 0; i < 3; i++) {
        cr_assert_not(more[i]);
        state->ops->walk_keys_end(state, &walks[i]);
        state->ops->drop_namespace(state, i);
    }
    cr_assert_eq(state->ops->keys(state), 0);
    end();
}

Test(namespaces, the_key_in_hand_of_a_walk_may_be_cleared)
{
    begin();
    use(7);
    for (int64_t id = 0; id < 1000; id++) {
        key(id);
        (void)update();
    }
    tm_state_walk walk = {0};
    uint32_t n = 0;
    while (state->ops->walk_keys(state, &walk)) {
        cr_assert_not_null(get());
        clear(TOTAL);
        cr_assert_null(get());
        n++;
        if (n == 500) {
            break;
        }
    }
    state->ops->walk_keys_end(state, &walk);
    cr_assert_eq(state->ops->keys(state), 500);
    walk = (tm_state_walk){0};
    use(8);
    cr_assert_not(state->ops->walk_keys(state, &walk), "nothing was written to it");
    state->ops->walk_keys_end(state, &walk);
    end();
}

Test(namespaces, two_states_of_one_key_context_do_not_see_each_other)
{
    begin();
    tm_state *plain = NULL;
    wsl_error err = {0};
    cr_assert_eq(tm_mem_state_new(&kc, states, N_STATES, false, &plain, &err), WSL_OK);
    uint64_t memory[64][4];
    const wsl_row *rows[64];
    for (uint32_t i = 0; i < 64; i++) {
        wsl_row_writer w;
        (void)wsl_row_writer_init(&w, memory[i], sizeof memory[i], number_n_fields);
        number_set_id(&w, i % 16);
        rows[i] = w.row;
    }
    uint32_t bad = 0;
    for (int64_t round = 0; round < 4; round++) {
        for (uint32_t i = 0; i < 64; i++) {
            cr_assert(i % TM_KEY_BLOCK != 0 || plain->ops->load(plain, rows, 64, i, &bad));
            tm_key_ctx_select(&kc, i, rows[i]);
            plain->ops->value_update(plain, TOTAL)->slot[0]++;
            use(i / 16);
            update()->slot[0] += 100;
            cr_assert_eq(total_count(plain->ops->value_get(plain, TOTAL)), round * 4 + i / 16 + 1);
            cr_assert_eq(total_count(get()), 100 * (round + 1));
        }
    }
    tm_state_free(plain);
    end();
}

/* ---- model: batches of mixed namespaces, drops, clears ---- */

enum { KEYS = 300, SPACES = 12, BATCH = 64 };

Test(namespaces, agree_with_an_array)
{
    static int64_t model[SPACES][KEYS]; /* -1: unset */
    uint64_t memory[BATCH][4];
    const wsl_row *rows[BATCH];
    wsl_rng rng;
    wsl_rng_seed(&rng, 5);
    memset(model, -1, sizeof model);
    begin();
    for (int batch = 0; batch < 20000; batch++) {
        const uint32_t ns = (uint32_t)wsl_rng_below(&rng, SPACES);
        const uint32_t n = 1 + (uint32_t)wsl_rng_below(&rng, BATCH);
        uint32_t bad = 0;
        for (uint32_t i = 0; i < n; i++) {
            wsl_row_writer w;
            (void)wsl_row_writer_init(&w, memory[i], sizeof memory[i], number_n_fields);
            number_set_id(&w, (int64_t)wsl_rng_below(&rng, KEYS));
            rows[i] = w.row;
        }
        use(ns);
        const bool loads = wsl_rng_below(&rng, 4) != 0;
        for (uint32_t i = 0; i < n; i++) {
            const uint32_t id = (uint32_t)number_id(rows[i]);
            uint32_t at = ns;
            if (loads) {
                cr_assert(i % TM_KEY_BLOCK != 0 || state->ops->load(state, rows, n, i, &bad));
                tm_key_ctx_select(&kc, i, rows[i]);
                if (wsl_rng_below(&rng, 10) == 0) { /* a row of another window in between */
                    at = (uint32_t)wsl_rng_below(&rng, SPACES);
                }
            } else {
                cr_assert(tm_key_ctx_make(&kc, rows[i]));
                at = (uint32_t)wsl_rng_below(&rng, SPACES);
            }
            use(at);
            const wsl_row *v = get();
            cr_assert_eq(v == NULL ? -1 : total_count(v), model[at][id]);
            if (wsl_rng_below(&rng, 3) == 0) {
                clear(TOTAL);
                model[at][id] = -1;
            } else {
                update()->slot[0] += 2;
                model[at][id] = model[at][id] < 0 ? 2 : model[at][id] + 2;
            }
        }
        if (wsl_rng_below(&rng, 50) == 0) {
            const uint32_t gone = (uint32_t)wsl_rng_below(&rng, SPACES);
            state->ops->drop_namespace(state, gone);
            memset(model[gone], -1, sizeof model[gone]);
        }
    }
    for (uint32_t ns = 0; ns < SPACES; ns++) {
        tm_state_walk walk = {0};
        use(ns);
        while (state->ops->walk_keys(state, &walk)) {
            const uint64_t id = kc.row->slot[0];
            cr_assert_eq(total_count(get()), model[ns][id]);
            model[ns][id] = -1;
        }
        state->ops->walk_keys_end(state, &walk);
        for (uint32_t id = 0; id < KEYS; id++) {
            cr_assert_eq(model[ns][id], -1, "the walk has seen all");
        }
    }
    end();
}
