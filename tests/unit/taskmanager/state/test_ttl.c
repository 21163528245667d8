/* States with a time to live, without an operator: exact times, what is shown, background cleanup. */
#include "harness/wsl_test.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "taskmanager/state/backend.h"

WSL_ROW(number, (int64, id));
WSL_ROW(note, (int64, n), (string, text));

enum { VALUE, NOTE, LIST, MAP, FOREVER, N_STATES };
enum { TTL = 100 };

static wsl_key_spec spec;
static tm_key_ctx kc;
static tm_state *state;

static void begin_with(wsl_ttl ttl, bool namespaces)
{
    static const char *const names[] = {"id"};
    wsl_error err = {0};
    const tm_state_spec states[N_STATES] = {
        {.name = "value", .kind = WSL_STATE_VALUE, .schema = &number_schema, .ttl = ttl},
        {.name = "note", .kind = WSL_STATE_VALUE, .schema = &note_schema, .ttl = ttl},
        {.name = "list", .kind = WSL_STATE_LIST, .schema = &note_schema, .ttl = ttl},
        {.name = "map", .kind = WSL_STATE_MAP, .schema = &note_schema, .key = &number_schema, .ttl = ttl},
        {.name = "forever", .kind = WSL_STATE_VALUE, .schema = &number_schema},
    };
    cr_assert_eq(wsl_key_spec_init(&spec, &number_schema, names, 1, &err), WSL_OK);
    tm_key_ctx_init(&kc, &spec, 0, 1, 128);
    cr_assert_eq(tm_mem_state_new(&kc, states, N_STATES, namespaces, &state, &err), WSL_OK);
    cr_assert(state->ops->has_ttl(state));
}

static void begin(wsl_ttl ttl) { begin_with(ttl, false); }

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

static void at(int64_t ms) { state->time = (tm_state_time){.processing_ms = ms}; }

static const wsl_row *number_of(int64_t n)
{
    static uint64_t memory[8];
    wsl_row_writer w;
    (void)wsl_row_writer_init(&w, memory, sizeof memory, number_n_fields);
    number_set_id(&w, n);
    return w.row;
}

static const wsl_row *note_of(int64_t n)
{
    static uint64_t memory[64];
    static char text[400];
    wsl_row_writer w;
    (void)wsl_row_writer_init(&w, memory, sizeof memory, note_n_fields);
    note_set_n(&w, n);
    note_set_text(&w, (wsl_str){text, (uint32_t)(n % 300)});
    return w.row;
}

static void put(uint32_t i, int64_t n)
{
    cr_assert_eq(state->ops->value_put(state, i, i == NOTE ? note_of(n) : number_of(n)), WSL_OK);
}
static int64_t get(uint32_t i)
{
    const wsl_row *row = state->ops->value_get(state, i);
    return row == NULL ? -1 : wsl_row_int64(row, 0);
}
static void add(int64_t n) { cr_assert_eq(state->ops->list_add(state, LIST, note_of(n)), WSL_OK); }
static void map_put(int64_t k, int64_t n)
{
    cr_assert_eq(state->ops->map_put(state, MAP, number_of(k), note_of(n)), WSL_OK);
}
static int64_t map_get(int64_t k)
{
    const wsl_row *row = state->ops->map_get(state, MAP, number_of(k));
    return row == NULL ? -1 : note_n(row);
}
static uint32_t count(uint32_t i)
{
    tm_state_walk walk;
    uint32_t n = 0;
    for (state->ops->walk(state, i, &walk); state->ops->walk_next(state, &walk);) {
        n++;
    }
    return n;
}

Test(ttl, ex41_to_the_millisecond)
{
    begin((wsl_ttl){.ttl_ms = TTL});
    key(1);
    at(0);
    put(VALUE, 7);
    put(NOTE, 299);
    add(1);
    map_put(1, 1);
    at(99);
    cr_assert_eq(get(VALUE), 7);
    cr_assert_eq(get(NOTE), 299);
    cr_assert_eq(count(LIST), 1);
    cr_assert_eq(map_get(1), 1);
    at(100);
    cr_assert_eq(get(VALUE), -1);
    cr_assert_eq(get(NOTE), -1);
    cr_assert_eq(state->ops->list_size(state, LIST), 0);
    cr_assert_eq(count(LIST), 0);
    cr_assert_eq(map_get(1), -1);
    cr_assert_eq(state->ops->keys(state), 0, "read and gone");
    end();
    begin((wsl_ttl){.ttl_ms = TTL, .update = WSL_TTL_ON_READ_AND_WRITE});
    key(1);
    at(0);
    put(VALUE, 7);
    at(99);
    cr_assert_eq(get(VALUE), 7);
    at(198);
    cr_assert_eq(get(VALUE), 7);
    end();
    begin((wsl_ttl){.ttl_ms = TTL, .update = WSL_TTL_ON_READ_AND_WRITE});
    key(1);
    at(0);
    put(VALUE, 7);
    at(99);
    cr_assert_eq(get(VALUE), 7);
    at(199);
    cr_assert_eq(get(VALUE), -1);
    end();
}

Test(ttl, shows_what_has_expired_once_if_asked_to)
{
    begin((wsl_ttl){.ttl_ms = TTL, .return_expired = true});
    key(1);
    at(0);
    put(VALUE, 7);
    put(NOTE, 250);
    add(1);
    add(2);
    map_put(1, 10);
    map_put(2, 20);
    at(500);
    cr_assert_eq(get(VALUE), 7);
    cr_assert_eq(get(VALUE), -1);
    const wsl_row *note = state->ops->value_get(state, NOTE);
    cr_assert_eq(note_n(note), 250);
    cr_assert_eq(note_text(note).size, 250, "a whole copy");
    cr_assert_eq(get(NOTE), -1);
    cr_assert_eq(map_get(1), 10);
    cr_assert_eq(map_get(1), -1);
    cr_assert_eq(state->ops->list_size(state, LIST), 2);
    cr_assert_eq(count(LIST), 2);
    cr_assert_eq(count(LIST), 0);
    cr_assert_eq(count(MAP), 1);
    cr_assert_eq(count(MAP), 0);
    cr_assert_eq(state->ops->keys(state), 0);
    end();
}

Test(ttl, a_walk_may_remove_what_it_is_shown_for_the_last_time)
{
    begin((wsl_ttl){.ttl_ms = TTL, .return_expired = true});
    key(1);
    at(0);
    add(1);
    add(2);
    at(100);
    add(3);
    tm_state_walk walk;
    state->ops->walk(state, LIST, &walk);
    int64_t expected = 1;
    while (state->ops->walk_next(state, &walk)) {
        cr_assert_eq(note_n(walk.value), expected++);
        state->ops->walk_remove(state, &walk);
    }
    cr_assert_eq(expected, 4);
    cr_assert_eq(state->ops->keys(state), 0);
    end();
}

Test(ttl, event_time_goes_by_watermark_and_rows)
{
    begin((wsl_ttl){.ttl_ms = TTL, .event_time = true});
    key(1);
    state->time = (tm_state_time){.processing_ms = 1, .watermark = INT64_MIN, .row_ms = 1000};
    put(VALUE, 7);
    cr_assert_eq(get(VALUE), 7);
    state->time = (tm_state_time){.processing_ms = 1000000, .watermark = 1099, .row_ms = 900};
    put(VALUE, 8); /* does not make it older */
    cr_assert_eq(get(VALUE), 8);
    state->time.watermark = 1100;
    cr_assert_eq(get(VALUE), -1);
    end();
}

Test(ttl, takes_the_ends_of_time)
{
    begin((wsl_ttl){.ttl_ms = INT64_MAX, .event_time = true});
    key(1);
    state->time = (tm_state_time){.watermark = INT64_MIN, .row_ms = INT64_MAX};
    put(VALUE, 7);
    state->time.watermark = INT64_MAX;
    cr_assert_eq(get(VALUE), 7);
    state->time = (tm_state_time){.watermark = INT64_MIN, .row_ms = INT64_MIN};
    key(2);
    put(VALUE, 8);
    state->time.watermark = -2;
    cr_assert_eq(get(VALUE), 8);
    state->time.watermark = -1;
    cr_assert_eq(get(VALUE), -1);
    end();
}

/* ---- cleanup ---- */

Test(ttl, cleanup_removes_all_that_has_expired_a_bit_at_a_time_and_nothing_else)
{
    enum { KEYS = 5000 };
    begin((wsl_ttl){.ttl_ms = TTL});
    for (int64_t id = 0; id < KEYS; id++) {
        at(id % 2 == 0 ? 0 : 50);
        key(id);
        put(VALUE, id);
        put(NOTE, id);
        add(id);
        add(id + 1);
        map_put(1, id);
        map_put(2, id);
        if (id % 10 == 0) {
            put(FOREVER, id);
        }
    }
    at(120); /* the even ones have expired */
    uint64_t before = state->ops->keys(state);
    cr_assert_eq(before, KEYS);
    uint32_t calls = 0;
    for (; state->ops->keys(state) > KEYS / 2 + KEYS / 10; calls++) {
        cr_assert_lt(calls, 2000);
        state->ops->clean_up(state, 64);
        const uint64_t now = state->ops->keys(state);
        cr_assert_leq(before - now, 64, "no more than was asked for");
        before = now;
    }
    cr_assert_gt(calls, KEYS * 6 / 2 / 64);
    for (int round = 0; round < 2000; round++) {
        state->ops->clean_up(state, 64); /* the rest of the round, and more rounds: the odd ones stay */
    }
    for (int64_t id = 0; id < KEYS; id++) {
        key(id);
        cr_assert_eq(get(VALUE), id % 2 == 0 ? -1 : id);
        cr_assert_eq(get(FOREVER), id % 10 == 0 ? id : -1);
        cr_assert_eq(count(LIST), id % 2 == 0 ? 0 : 2);
        cr_assert_eq(count(MAP), id % 2 == 0 ? 0 : 2);
    }
    at(1000);
    for (int round = 0; round < 2000; round++) {
        state->ops->clean_up(state, 64);
    }
    cr_assert_eq(state->ops->keys(state), KEYS / 10, "only what does not expire is left");
    end();
}

Test(ttl, cleanup_goes_on_within_a_large_list_and_a_large_map)
{
    begin((wsl_ttl){.ttl_ms = TTL});
    key(1);
    at(0);
    for (int64_t i = 0; i < 3000; i++) {
        add(i);
        map_put(i, i);
    }
    at(60);
    add(5);
    map_put(5000, 1);
    at(110);
    for (int round = 0; round < 400; round++) {
        state->ops->clean_up(state, 50);
    }
    const uint64_t bytes = state->ops->bytes(state);
    key(1);
    cr_assert_eq(state->ops->list_size(state, LIST), 1);
    cr_assert_eq(count(MAP), 1);
    at(0);
    for (int64_t i = 0; i < 2000; i++) {
        add(i);
        map_put(i, i);
    }
    cr_assert_eq(state->ops->bytes(state), bytes, "what was cleaned up is used again");
    end();
}

/* Rows out of order: what expires lies behind what lives. In steps that are no longer for a long list, and that go on where the
 * last one stopped though the list and its neighbours change meanwhile. */
Test(ttl, cleanup_walks_on_behind_elements_that_live)
{
    enum { ELEMENTS = 4000, STEP = 50 };
    begin((wsl_ttl){.ttl_ms = TTL, .event_time = true, .return_expired = true});
    key(1);
    for (int64_t i = 0; i < ELEMENTS; i++) {
        state->time = (tm_state_time){.watermark = 0, .row_ms = i % 4 == 0 ? 1000 : i % 50};
        add(i);
    }
    const uint32_t live = ELEMENTS / 4;
    state->time = (tm_state_time){.watermark = 500, .row_ms = 1000};
    uint32_t steps = 0;
    for (; state->ops->list_size(state, LIST) > live + steps; steps++) { /* a row is added after each step */
        cr_assert_lt(steps, ELEMENTS / STEP + 10);
        const uint32_t before = state->ops->list_size(state, LIST);
        state->ops->clean_up(state, STEP);
        key(1);
        cr_assert_leq(before - state->ops->list_size(state, LIST), STEP);
        add(4);
        key(2);
        add(8);
        state->ops->clear(state, LIST);
        key(1);
    }
    cr_assert_gt(steps, ELEMENTS / STEP - 2, "each step is bounded");
    tm_state_walk walk;
    int64_t next = 0;
    state->ops->walk(state, LIST, &walk);
    for (; state->ops->walk_next(state, &walk) && next < ELEMENTS; next += 4) {
        cr_assert_eq(wsl_row_int64(walk.value, 0), next, "those that live are still there, in their order");
    }
    end();
}

/* Between the steps the list is walked, packed, replaced and cleared: cleanup never follows a chunk that is gone. */
Test(ttl, cleanup_of_a_list_survives_everything_done_to_it)
{
    begin((wsl_ttl){.ttl_ms = TTL, .event_time = true, .return_expired = true});
    wsl_rng rng;
    wsl_rng_seed(&rng, 5);
    for (uint32_t round = 0; round < 20000; round++) {
        key((int64_t)wsl_rng_below(&rng, 3));
        state->time = (tm_state_time){.watermark = round, .row_ms = (int64_t)round + (int64_t)wsl_rng_below(&rng, 400) - 200};
        const uint64_t what = wsl_rng_below(&rng, 100);
        if (what < 70) {
            add((int64_t)wsl_rng_below(&rng, 300));
        } else if (what < 80) {
            tm_state_walk walk;
            state->ops->walk(state, LIST, &walk);
            while (state->ops->walk_next(state, &walk)) {
                if (wsl_rng_below(&rng, 3) == 0) {
                    state->ops->walk_remove(state, &walk);
                }
            }
        } else if (what == 80) {
            const wsl_row *rows[] = {note_of(3)};
            cr_assert_eq(state->ops->list_set(state, LIST, rows, 1), WSL_OK);
        } else if (what == 81) {
            state->ops->clear(state, LIST);
        } else {
            state->ops->clean_up(state, 1 + (uint32_t)wsl_rng_below(&rng, 10));
        }
    }
    state->time.watermark = 1000000;
    for (int round = 0; round < 20000 && state->ops->keys(state) > 0; round++) {
        state->ops->clean_up(state, 10);
    }
    cr_assert_eq(state->ops->keys(state), 0);
    end();
}

Test(ttl, cleanup_takes_namespaces_in_turn_and_drops_those_it_empties)
{
    begin_with((wsl_ttl){.ttl_ms = TTL}, true);
    for (int64_t ns = -3; ns < 30; ns++) {
        at(ns % 2 == 0 ? 0 : 50);
        state->ops->use(state, ns);
        for (int64_t id = 0; id < 20; id++) {
            key(id);
            put(VALUE, id);
        }
    }
    state->ops->use(state, 1);
    at(100);
    for (int round = 0; round < 400; round++) {
        state->ops->clean_up(state, 30);
    }
    key(3);
    cr_assert_eq(get(VALUE), 3, "the namespace in use is in use again");
    int64_t from = INT64_MIN, ns = 0;
    uint32_t n = 0;
    for (; state->ops->next_namespace(state, from, &ns); n++) {
        cr_assert(ns % 2 != 0);
        from = ns + 1;
    }
    cr_assert_eq(n, 17);
    cr_assert_eq(state->ops->keys(state), 17 * 20);
    end();
}

Test(ttl, agrees_with_an_array_while_cleaning_up_at_random)
{
    enum { KEYS = 400 };
    static int64_t value[KEYS], used[KEYS]; /* -1: unset */
    wsl_rng rng;
    wsl_rng_seed(&rng, 21);
    memset(value, -1, sizeof value);
    begin((wsl_ttl){.ttl_ms = TTL, .update = WSL_TTL_ON_READ_AND_WRITE});
    int64_t now = 0;
    for (int step = 0; step < 200000; step++) {
        const uint32_t id = (uint32_t)wsl_rng_below(&rng, KEYS);
        now += wsl_rng_below(&rng, 3) == 0;
        at(now);
        key(id);
        value[id] = value[id] >= 0 && used[id] + TTL <= now ? -1 : value[id];
        switch (wsl_rng_below(&rng, 5)) {
        case 0:
        case 1:
            value[id] = (int64_t)wsl_rng_below(&rng, 300);
            put(NOTE, value[id]);
            used[id] = now;
            break;
        case 2:
            state->ops->clear(state, NOTE);
            value[id] = -1;
            break;
        case 3:
            state->ops->clean_up(state, (uint32_t)wsl_rng_below(&rng, 20));
            break;
        default:
            cr_assert_eq(get(NOTE), value[id]);
            used[id] = now;
            break;
        }
    }
    end();
}
