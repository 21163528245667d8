#include "harness/wsl_test.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "taskmanager/state/backend.h"

WSL_ROW(number, (int64, id));
WSL_ROW(text, (string, name), (int64, more));
WSL_ROW(total, (int64, count), (double, sum));
WSL_ROW(note, (string, text), (int64, n));
WSL_ROW(wide, (int64, a), (int64, b), (int64, c), (int64, d), (int64, e), (int64, f), (int64, g), (int64, h),
        (int64, i), (int64, j), (int64, k), (int64, l), (int64, m), (int64, n));

enum { TOTAL, NOTE, WIDE, N_STATES };

static const tm_state_spec states[N_STATES] = {
    {.name = "total", .kind = WSL_STATE_VALUE, .schema = &total_schema}, /* lies in the entry */
    {.name = "note", .kind = WSL_STATE_VALUE, .schema = &note_schema}, /* of variable size */
    {.name = "wide", .kind = WSL_STATE_VALUE, .schema = &wide_schema}, /* fixed, but too large for the entry */
};

static wsl_key_spec spec;
static tm_key_ctx kc;
static tm_state *state;

static void begin(const wsl_schema *schema, const char *const *names, uint32_t n_names)
{
    wsl_error err = {0};
    cr_assert_eq(wsl_key_spec_init(&spec, schema, names, n_names, &err), WSL_OK);
    tm_key_ctx_init(&kc, &spec, 0, 1, 128);
    cr_assert_eq(tm_mem_state_new(&kc, states, N_STATES, false, &state, &err), WSL_OK);
}

static void begin_numbers(void)
{
    static const char *const names[] = {"id"};
    begin(&number_schema, names, 1);
}

static void end(void)
{
    tm_state_free(state);
    tm_key_ctx_fini(&kc);
}

static void number_key(int64_t id)
{
    const uint64_t slot = (uint64_t)id;
    tm_key_ctx_restore(&kc, &slot, sizeof slot, 0, wsl_key_hash_slot(slot));
}

static uint64_t memory[32 << 10];

static const wsl_row *note_row(const char *text, int64_t n)
{
    wsl_row_writer w;
    (void)wsl_row_writer_init(&w, memory, sizeof memory, note_n_fields);
    note_set_text(&w, wsl_str_of(text));
    note_set_n(&w, n);
    cr_assert_not(w.overflow);
    return w.row;
}

static const wsl_row *get(uint32_t i) { return state->ops->value_get(state, i); }
static wsl_row *update(uint32_t i) { return state->ops->value_update(state, i); }
static wsl_status put(uint32_t i, const wsl_row *row) { return state->ops->value_put(state, i, row); }
static void clear(uint32_t i) { state->ops->clear(state, i); }

Test(mem_backend, has_no_value_until_one_is_set)
{
    begin_numbers();
    number_key(1);
    cr_assert_null(get(TOTAL));
    cr_assert_null(get(NOTE));
    clear(TOTAL);
    cr_assert_eq(state->ops->keys(state), 0);
    end();
}

Test(mem_backend, update_makes_a_row_of_zeros_that_is_not_null)
{
    begin_numbers();
    number_key(1);
    wsl_row *row = update(TOTAL);
    cr_assert_eq(row->size, wsl_row_fixed_size(2));
    cr_assert_eq(row->nulls, 0);
    cr_assert_eq(total_count(row), 0);
    row->slot[total_f_count] = 5;
    number_key(2);
    cr_assert_null(get(TOTAL), "another key, another value");
    number_key(1);
    cr_assert_eq(total_count(get(TOTAL)), 5);
    cr_assert_eq(total_count(update(TOTAL)), 5);
    end();
}

Test(mem_backend, update_of_a_large_fixed_row_works_and_of_a_variable_one_does_not)
{
    begin_numbers();
    number_key(1);
    update(WIDE)->slot[wide_f_n] = 14;
    cr_assert_eq(wide_n(get(WIDE)), 14);
    cr_assert_null(update(NOTE));
    cr_assert_null(get(NOTE));
    end();
}

Test(mem_backend, put_replaces_and_copies)
{
    begin_numbers();
    number_key(1);
    cr_assert_eq(put(NOTE, note_row("short", 1)), WSL_OK);
    cr_assert_eq(put(NOTE, note_row("a text that is a good deal longer than the one before", 2)), WSL_OK);
    memset(memory, 0xEE, 256);
    cr_assert_eq(note_n(get(NOTE)), 2);
    cr_assert(wsl_str_equal(note_text(get(NOTE)), wsl_str_of("a text that is a good deal longer than the one before")));
    cr_assert_eq(put(NOTE, get(NOTE)), WSL_OK, "a value may be put back");
    cr_assert_eq(note_n(get(NOTE)), 2);
    end();
}

Test(mem_backend, values_have_no_timestamp_or_key_of_a_stream)
{
    begin_numbers();
    number_key(1);
    wsl_row_writer w;
    (void)wsl_row_writer_init(&w, memory, sizeof memory, total_n_fields);
    wsl_row_set_timestamp(w.row, 17);
    w.row->flags |= WSL_ROW_KEYED;
    w.row->key_hash = 3;
    cr_assert_eq(put(TOTAL, w.row), WSL_OK);
    cr_assert_eq(get(TOTAL)->flags, 0);
    cr_assert_eq(get(TOTAL)->timestamp, 0);
    cr_assert(total_count_is_null(get(TOTAL)), "nulls stay");
    end();
}

Test(mem_backend, refuses_rows_of_another_size)
{
    begin_numbers();
    number_key(1);
    cr_assert_eq(put(TOTAL, note_row("x", 1)), WSL_TYPE);
    wsl_row_writer w;
    (void)wsl_row_writer_init(&w, memory, sizeof memory, 1);
    cr_assert_eq(put(NOTE, w.row), WSL_TYPE);
    cr_assert_null(get(TOTAL));
    end();
}

Test(mem_backend, clear_forgets_one_value_and_the_key_with_its_last)
{
    begin_numbers();
    number_key(1);
    (void)update(TOTAL);
    cr_assert_eq(put(NOTE, note_row("x", 1)), WSL_OK);
    clear(TOTAL);
    cr_assert_null(get(TOTAL));
    cr_assert_eq(note_n(get(NOTE)), 1);
    cr_assert_eq(state->ops->keys(state), 1);
    clear(NOTE);
    cr_assert_null(get(NOTE));
    cr_assert_eq(state->ops->keys(state), 0);
    cr_assert_eq(total_count(update(TOTAL)), 0, "clear, then use again");
    end();
}

Test(mem_backend, refuses_more_states_than_it_can_hold)
{
    wsl_error err = {0};
    static const char *const names[] = {"id"};
    tm_state_spec many[TM_STATES_MAX + 1];
    for (int i = 0; i <= TM_STATES_MAX; i++) {
        many[i] = states[TOTAL];
    }
    cr_assert_eq(wsl_key_spec_init(&spec, &number_schema, names, 1, &err), WSL_OK);
    tm_key_ctx_init(&kc, &spec, 0, 1, 128);
    cr_assert_eq(tm_mem_state_new(&kc, many, TM_STATES_MAX + 1, false, &state, &err), WSL_UNSUPPORTED);
    cr_assert(has_text(err.text, "at most 29"));
    cr_assert_eq(tm_mem_state_new(&kc, many, TM_STATES_MAX, false, &state, &err), WSL_OK);
    number_key(1);
    for (uint32_t i = 0; i < TM_STATES_MAX; i++) {
        update(i)->slot[0] = i;
    }
    for (uint32_t i = 0; i < TM_STATES_MAX; i++) {
        cr_assert_eq(get(i)->slot[0], i);
    }
    end();
}

/* ---- model: text keys of all lengths, two states, batches through load and select ---- */

enum { KEYS = 4000, BATCH = 100 };

typedef struct model_value {
    int64_t count; /* -1: unset */
    int64_t note;  /* likewise; its text has note % 200 bytes */
} model_value;

static uint64_t rows_memory[BATCH][64];

static const wsl_row *text_row(uint32_t slot, uint32_t id)
{
    char name[400];
    wsl_row_writer w;
    (void)wsl_row_writer_init(&w, rows_memory[slot], sizeof rows_memory[slot], text_n_fields);
    if (id != 0) { /* key 0 is NULL */
        const int size = snprintf(name, sizeof name, "%*u", (int)(id % 37), id);
        text_set_name(&w, (wsl_str){name, (uint32_t)size});
    }
    text_set_more(&w, (int64_t)id % 3);
    cr_assert_not(w.overflow);
    return w.row;
}

static void check_and_change(wsl_rng *rng, model_value *m)
{
    static char text[256];
    memset(text, 'x', sizeof text - 1);
    const wsl_row *t = get(TOTAL);
    const wsl_row *n = get(NOTE);
    cr_assert_eq(t == NULL ? -1 : total_count(t), m->count);
    cr_assert_eq(n == NULL ? -1 : note_n(n), m->note);
    cr_assert(n == NULL || note_text(n).size == (uint32_t)(m->note % 200));
    switch (wsl_rng_below(rng, 6)) {
    case 0:
        clear(TOTAL);
        m->count = -1;
        break;
    case 1:
        clear(NOTE);
        m->note = -1;
        break;
    case 2:
    case 3: {
        wsl_row *row = update(TOTAL);
        row->slot[total_f_count]++;
        m->count = m->count < 0 ? 1 : m->count + 1;
        break;
    }
    default:
        m->note = (int64_t)wsl_rng_below(rng, 100000);
        text[m->note % 200] = '\0';
        cr_assert_eq(put(NOTE, note_row(text, m->note)), WSL_OK);
        break;
    }
}

/* What an operator does that looks into the entry by itself. */
static void check_entry(const model_value *m)
{
    const tm_value_place place = state->ops->value_place(state, TOTAL);
    cr_assert_neq(place.bit, 0);
    if (kc.entry != NULL) {
        const uint8_t *entry = kc.entry;
        const bool is_set = (*(const uint32_t *)(const void *)(entry + place.bits_offset) & place.bit) != 0;
        cr_assert_eq(is_set, m->count >= 0);
        cr_assert(!is_set || total_count((const wsl_row *)(const void *)(entry + place.offset)) == m->count);
    }
}

/* The current key is the row that wsl_key_extract makes, whatever way it was made. */
static void check_key(const wsl_row *row)
{
    uint64_t key[64];
    const uint32_t size = wsl_key_extract(&spec, row, key, sizeof key);
    cr_assert_eq(kc.row->size, size);
    cr_assert_eq(memcmp(kc.row, key, size), 0);
}

static void run_text_keys(uint32_t n_names)
{
    static const char *const names[] = {"name", "more"};
    static model_value model[KEYS];
    const wsl_row *rows[BATCH];
    uint32_t ids[BATCH];
    wsl_rng rng;
    wsl_rng_seed(&rng, 8);
    begin(&text_schema, names, n_names);
    for (int i = 0; i < KEYS; i++) {
        model[i] = (model_value){-1, -1};
    }
    for (int batch = 0; batch < 20000; batch++) {
        const uint32_t n = 1 + (uint32_t)wsl_rng_below(&rng, BATCH);
        uint32_t bad = 0;
        for (uint32_t i = 0; i < n; i++) {
            /* often the same key several times in a batch */
            ids[i] = i > 0 && wsl_rng_below(&rng, 4) == 0 ? ids[i - 1] : (uint32_t)wsl_rng_below(&rng, KEYS);
            rows[i] = text_row(i, ids[i]);
        }
        for (uint32_t i = 0; i < n; i++) {
            cr_assert(i % TM_KEY_BLOCK != 0 || state->ops->load(state, rows, n, i, &bad));
            tm_key_ctx_select(&kc, i, rows[i]);
            check_key(rows[i]);
            check_entry(&model[ids[i]]);
            check_and_change(&rng, &model[ids[i]]);
        }
    }
    uint64_t present = 0;
    for (uint32_t id = 0; id < KEYS; id++) {
        present += model[id].count >= 0 || model[id].note >= 0;
    }
    cr_assert_eq(state->ops->keys(state), present);
    end();
}

Test(mem_backend, agrees_with_an_array_over_batches_of_text_keys) { run_text_keys(1); }
Test(mem_backend, agrees_with_an_array_over_batches_of_keys_of_two_fields) { run_text_keys(2); }

Test(mem_backend, agrees_with_an_array_over_batches_of_numbers)
{
    static model_value model[KEYS];
    const wsl_row *rows[BATCH];
    uint32_t ids[BATCH];
    wsl_rng rng;
    wsl_rng_seed(&rng, 9);
    begin_numbers();
    for (int i = 0; i < KEYS; i++) {
        model[i] = (model_value){-1, -1};
    }
    for (int batch = 0; batch < 20000; batch++) {
        uint32_t bad = 0;
        for (uint32_t i = 0; i < BATCH; i++) {
            ids[i] = i > 0 && wsl_rng_below(&rng, 4) == 0 ? ids[i - 1] : (uint32_t)wsl_rng_below(&rng, KEYS);
            wsl_row_writer w;
            (void)wsl_row_writer_init(&w, rows_memory[i], sizeof rows_memory[i], number_n_fields);
            if (ids[i] != 0) {
                number_set_id(&w, ids[i]);
            }
            rows[i] = w.row;
        }
        for (uint32_t i = 0; i < BATCH; i++) {
            cr_assert(i % TM_KEY_BLOCK != 0 || state->ops->load(state, rows, BATCH, i, &bad));
            tm_key_ctx_select(&kc, i, rows[i]);
            check_entry(&model[ids[i]]);
            check_and_change(&rng, &model[ids[i]]);
        }
    }
    end();
}

Test(mem_backend, keeps_keys_of_a_megabyte)
{
    static const char *const names[] = {"name"};
    enum { SIZE = 1 << 20 };
    wsl_error err = {0};
    begin(&text_schema, names, 1);
    (void)err;
    char *name = wsl_alloc(SIZE);
    wsl_row *row = wsl_alloc(SIZE + 1024);
    for (int i = 0; i < 3; i++) {
        memset(name, 'a' + i, SIZE);
        wsl_row_writer w;
        (void)wsl_row_writer_init(&w, row, SIZE + 1024, text_n_fields);
        text_set_name(&w, (wsl_str){name, SIZE});
        const wsl_row *rows[] = {w.row};
        uint32_t bad = 0;
        for (int round = 0; round < 2; round++) {
            cr_assert(state->ops->load(state, rows, 1, 0, &bad));
            tm_key_ctx_select(&kc, 0, w.row);
            update(TOTAL)->slot[0]++;
            cr_assert_eq(total_count(get(TOTAL)), round + 1);
        }
    }
    cr_assert_eq(state->ops->keys(state), 3);
    free(name);
    free(row);
    end();
}
