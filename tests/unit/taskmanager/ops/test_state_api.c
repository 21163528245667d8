/* State as functions see it (state.h), through the harness: every kind, copies, walks, what is refused, examples 41 and 45. */
#include "harness/wsl_test.h"

#include <stdio.h>
#include <stdlib.h>

#include <wiesel/harness.h>

#include "base/rng.h"

WSL_ROW(command, (string, key), (string, what), (int64, a), (int64, b));
WSL_ROW(answer, (string, text));
WSL_ROW(number, (int64, n));
WSL_ROW(pair, (int64, n), (string, text));
WSL_ROW(average, (double, value));
WSL_ROW(sum_acc, (int64, count), (int64, sum));
WSL_ROW(words_acc, (string, text));

/* ---- states of every kind ---- */

static wsl_status add_numbers(wsl_ctx *ctx, const wsl_row *acc, const wsl_row *in)
{
    wsl_row_writer w = wsl_begin(ctx, &number_schema, 0);
    number_set_n(&w, number_n(acc) + number_n(in));
    return wsl_emit(ctx, &w);
}
WSL_REDUCE(state_sum, .in = &number_schema, .reduce = add_numbers);

static wsl_status begin_average(wsl_ctx *ctx, wsl_row *acc)
{
    (void)ctx;
    acc->slot[sum_acc_f_sum] = 1000; /* so that the test can tell whether this ran once per accumulator */
    return WSL_OK;
}
static wsl_status add_to_average(wsl_ctx *ctx, wsl_row *acc, const wsl_row *in)
{
    (void)ctx;
    acc->slot[sum_acc_f_count]++;
    acc->slot[sum_acc_f_sum] += (uint64_t)number_n(in);
    return WSL_OK;
}
static wsl_status average_of(wsl_ctx *ctx, const wsl_row *acc)
{
    wsl_row_writer w = wsl_begin(ctx, &average_schema, 0);
    average_set_value(&w, (double)sum_acc_sum(acc) / (double)sum_acc_count(acc));
    return wsl_emit(ctx, &w);
}
WSL_AGGREGATE(state_average, .in = &number_schema, .acc = &sum_acc_schema, .out = &average_schema,
              .create = begin_average, .add = add_to_average, .result = average_of);

static wsl_status append_word(wsl_ctx *ctx, const wsl_row *acc, const wsl_row *in)
{
    char text[400];
    const wsl_str old = acc != NULL ? words_acc_text(acc) : (wsl_str){"", 0};
    const int size = snprintf(text, sizeof text, "%.*s%lld,", (int)old.size, old.data, (long long)number_n(in));
    wsl_row_writer w = wsl_begin(ctx, &words_acc_schema, (uint32_t)size);
    words_acc_set_text(&w, (wsl_str){text, (uint32_t)size});
    return wsl_emit(ctx, &w);
}
WSL_AGGREGATE(state_words, .in = &number_schema, .acc = &words_acc_schema, .update = append_word);

WSL_VALUE_STATE_OF(text_of, "text-of", &pair_schema);
WSL_LIST_STATE(numbers, "numbers", &number_schema);
WSL_MAP_STATE(names, "names", &number_schema, &pair_schema);
WSL_REDUCING_STATE(sum, "sum", state_sum, &number_schema);
WSL_AGGREGATING_STATE(mean, "mean", state_average, &sum_acc_schema);
WSL_AGGREGATING_STATE(words, "words", state_words, &words_acc_schema);
WSL_VALUE_STATE(undeclared, "undeclared", (int64, n));

/* The same kinds, but they expire; in several ways. */
#define MORTAL(suffix, ...)                                                                                            \
    WSL_VALUE_STATE_OF(value_##suffix, "value", &number_schema, .ttl = {__VA_ARGS__});                                 \
    WSL_LIST_STATE(list_##suffix, "list", &number_schema, .ttl = {__VA_ARGS__});                                       \
    WSL_MAP_STATE(map_##suffix, "map", &number_schema, &number_schema, .ttl = {__VA_ARGS__});                          \
    WSL_AGGREGATING_STATE(words_##suffix, "words", state_words, &words_acc_schema, .ttl = {__VA_ARGS__})

MORTAL(plain, .ttl_ms = 100);
MORTAL(read, .ttl_ms = 100, .update = WSL_TTL_ON_READ_AND_WRITE);
MORTAL(shown, .ttl_ms = 100, .return_expired = true);
MORTAL(event, .ttl_ms = 100, .event_time = true);

typedef struct state_set {
    const wsl_state_desc *value, *list, *map, *words;
} state_set;

static const state_set immortal_set = {&text_of, &numbers, &names, &words};
static const state_set plain_set = {&value_plain, &list_plain, &map_plain, &words_plain};
static const state_set read_set = {&value_read, &list_read, &map_read, &words_read};
static const state_set shown_set = {&value_shown, &list_shown, &map_shown, &words_shown};
static const state_set event_set = {&value_event, &list_event, &map_event, &words_event};

/* ---- a function that does what rows say ---- */

typedef struct reply {
    char text[60000];
    int size;
} reply;

static void say(reply *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(reply *r, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    r->size += vsnprintf(r->text + r->size, sizeof r->text - (size_t)r->size, format, args);
    va_end(args);
}

static const wsl_row *number_row(uint64_t *memory, int64_t n)
{
    wsl_row_writer w;
    (void)wsl_row_writer_init(&w, memory, 64, number_n_fields);
    number_set_n(&w, n);
    return w.row;
}

static const wsl_row *pair_row(uint64_t *memory, size_t size, int64_t n)
{
    static const char letters[200] = {0};
    wsl_row_writer w;
    (void)wsl_row_writer_init(&w, memory, (uint32_t)size, pair_n_fields);
    pair_set_n(&w, n);
    pair_set_text(&w, (wsl_str){letters, (uint32_t)(n % 200)});
    return w.row;
}

static void say_elements(reply *r, wsl_keyed_ctx *k, const wsl_state_desc *state, int64_t remove_multiples_of)
{
    wsl_state_iter it;
    for (wsl_state_each(k, state, &it); wsl_state_next(&it);) {
        const int64_t n = it.key != NULL ? number_n(it.key) : number_n(it.value);
        if (it.key != NULL) {
            say(r, "%lld:", (long long)n);
        }
        say(r, "%lld ", (long long)wsl_row_int64(it.value, 0));
        if (remove_multiples_of != 0 && n % remove_multiples_of == 0) {
            wsl_state_remove(&it);
        }
    }
}

static wsl_status execute(wsl_keyed_ctx *k, const wsl_row *in, const state_set *set, reply *r)
{
    uint64_t memory[2][64];
    const wsl_str what = command_what(in);
    const int64_t a = command_a(in);
    const int64_t b = command_b(in);
    const bool large = set == &immortal_set; /* values of variable size */
#define IS(name) wsl_str_equal(what, wsl_str_of(name))
    if (IS("put-value")) {
        return wsl_value_put(k, set->value,
                             large ? pair_row(memory[0], sizeof memory[0], a) : number_row(memory[0], a));
    }
    if (IS("value")) {
        const wsl_row *row = wsl_value_get(k, set->value);
        say(r, row == NULL ? "null" : "%lld", row == NULL ? 0 : (long long)wsl_row_int64(row, 0));
    } else if (IS("update")) {
        wsl_row *row = wsl_value_update(k, set->value);
        row->slot[0] += (uint64_t)a;
        say(r, "%lld", (long long)wsl_row_int64(row, 0));
    } else if (IS("add")) {
        return wsl_list_add(k, set->list, number_row(memory[0], a));
    } else if (IS("set")) {
        const wsl_row *rows[] = {number_row(memory[0], a), number_row(memory[1], b)};
        return wsl_list_set(k, set->list, rows, a == 0 ? 0 : b == 0 ? 1 : 2);
    } else if (IS("list")) {
        say_elements(r, k, set->list, a);
    } else if (IS("size")) {
        say(r, "%u", wsl_list_size(k, set->list));
    } else if (IS("put")) {
        return wsl_map_put(k, set->map, number_row(memory[0], a),
                           large ? pair_row(memory[1], sizeof memory[1], b) : number_row(memory[1], b));
    } else if (IS("get")) {
        const wsl_row *row = wsl_map_get(k, set->map, number_row(memory[0], a));
        say(r, row == NULL ? "null" : "%lld", row == NULL ? 0 : (long long)wsl_row_int64(row, 0));
    } else if (IS("remove")) {
        wsl_map_remove(k, set->map, number_row(memory[0], a));
    } else if (IS("map")) {
        say_elements(r, k, set->map, a);
    } else if (IS("fold-words")) {
        return wsl_fold(k, set->words, number_row(memory[0], a));
    } else if (IS("words")) {
        const wsl_row *row = wsl_folded(k, set->words);
        const wsl_str text = row != NULL ? words_acc_text(row) : wsl_str_of("null");
        say(r, "%.*s", (int)text.size, text.data);
    } else if (IS("fold")) {
        WSL_TRY(wsl_fold(k, &sum, number_row(memory[0], a)));
        return wsl_fold(k, &mean, number_row(memory[0], a));
    } else if (IS("folded")) {
        const wsl_row *total = wsl_folded(k, &sum);
        say(r, total == NULL ? "null " : "%lld ", total == NULL ? 0 : (long long)number_n(total));
        const wsl_row *value = wsl_folded(k, &mean);
        wsl_row_writer w = wsl_begin(k, &answer_schema, 0); /* what was folded is not where rows are built */
        answer_set_text(&w, wsl_str_of("overwritten"));
        say(r, value == NULL ? "null" : "%g", value == NULL ? 0 : average_value(value));
    } else if (IS("clear-all")) {
        wsl_value_clear(k, set->value);
        wsl_state_clear(k, set->list);
        wsl_state_clear(k, set->map);
        wsl_state_clear(k, set->words);
        if (large) {
            wsl_state_clear(k, &sum);
            wsl_state_clear(k, &mean);
        }
    }
#undef IS
    return WSL_OK;
}

static wsl_status obey(wsl_keyed_ctx *k, const wsl_row *in, const state_set *set)
{
    static _Thread_local reply r;
    r.size = 0;
    r.text[0] = '\0';
    WSL_TRY(execute(k, in, set, &r));
    if (r.size == 0 && !wsl_str_equal(command_what(in), wsl_str_of("list")) &&
        !wsl_str_equal(command_what(in), wsl_str_of("map"))) {
        return WSL_OK;
    }
    wsl_row_writer w = wsl_begin(k, &answer_schema, (uint32_t)r.size);
    answer_set_text(&w, (wsl_str){r.text, (uint32_t)r.size});
    return wsl_emit(k, &w);
}

#define OBEDIENT(symbol, set_name, ...)                                                                                \
    static wsl_status symbol##_process(wsl_keyed_ctx *k, const wsl_row *in) { return obey(k, in, &set_name##_set); }   \
    WSL_KEYED_PROCESS(symbol, .in = &command_schema, .out = &answer_schema, .states = WSL_STATES(__VA_ARGS__),         \
                      .keyed_process = symbol##_process)

OBEDIENT(state_immortal, immortal, &text_of, &numbers, &names, &sum, &mean, &words);
OBEDIENT(state_plain, plain, &value_plain, &list_plain, &map_plain, &words_plain);
OBEDIENT(state_read, read, &value_read, &list_read, &map_read, &words_read);
OBEDIENT(state_shown, shown, &value_shown, &list_shown, &map_shown, &words_shown);
OBEDIENT(state_event, event, &value_event, &list_event, &map_event, &words_event);

static wsl_harness *h;

static void begin(const wsl_function *fn)
{
    wsl_error err = {0};
    cr_assert_eq(wsl_harness_new(&(wsl_harness_options){.function = fn, .keys = WSL_HARNESS_KEYS("key")}, &h, &err),
                 WSL_OK, "%s", err.text);
}

static wsl_status send(const char *key, const char *what, int64_t a, int64_t b)
{
    wsl_row_writer *w = wsl_harness_row(h, &command_schema);
    command_set_key(w, wsl_str_of(key));
    command_set_what(w, wsl_str_of(what));
    command_set_a(w, a);
    command_set_b(w, b);
    return wsl_harness_push(h, w);
}

static void tell(const char *key, const char *what, int64_t a, int64_t b)
{
    cr_assert_eq(send(key, what, a, b), WSL_OK, "%s", wsl_harness_error(h)->text);
}

/* What the function says now. */
static const char *ask_with(const char *key, const char *what, int64_t a)
{
    static char text[60000];
    wsl_harness_clear(h);
    tell(key, what, a, 0);
    cr_assert_eq(wsl_harness_count(h), 1);
    const wsl_str said = answer_text(wsl_harness_out(h, 0));
    (void)snprintf(text, sizeof text, "%.*s", (int)said.size, said.data);
    return text;
}
static const char *ask(const char *key, const char *what) { return ask_with(key, what, 0); }

#define EXPECT(what, expected) cr_assert_str_eq(what, expected)

/* ---- every kind ---- */

Test(state_api, lists_keep_the_order_of_arrival_by_key)
{
    begin(&state_immortal);
    EXPECT(ask("x", "list"), "");
    EXPECT(ask("x", "size"), "0");
    tell("x", "add", 5, 0);
    tell("x", "add", 3, 0);
    tell("y", "add", 9, 0);
    tell("x", "add", 5, 0);
    EXPECT(ask("x", "list"), "5 3 5 ");
    EXPECT(ask("x", "size"), "3");
    EXPECT(ask("y", "list"), "9 ");
    tell("x", "set", 7, 8);
    EXPECT(ask("x", "list"), "7 8 ");
    tell("x", "set", 0, 0);
    EXPECT(ask("x", "size"), "0");
    wsl_harness_free(h);
}

Test(state_api, elements_in_hand_may_be_removed)
{
    begin(&state_immortal);
    for (int64_t i = 1; i <= 6; i++) {
        tell("x", "add", i, 0);
    }
    EXPECT(ask_with("x", "list", 2), "1 2 3 4 5 6 ");
    EXPECT(ask("x", "list"), "1 3 5 ");
    EXPECT(ask_with("x", "list", 1), "1 3 5 ");
    EXPECT(ask("x", "list"), "");
    EXPECT(ask("x", "size"), "0");
    for (int64_t i = 0; i < 5; i++) {
        tell("x", "put", i, i * 10);
    }
    (void)ask_with("x", "map", 2);
    EXPECT(ask_with("x", "get", 2), "null");
    EXPECT(ask_with("x", "get", 3), "30");
    (void)ask_with("x", "map", 1);
    EXPECT(ask("x", "map"), "");
    wsl_harness_free(h);
}

Test(state_api, maps_go_by_their_keys)
{
    begin(&state_immortal);
    EXPECT(ask_with("x", "get", 1), "null");
    tell("x", "put", 1, 10);
    tell("x", "put", 2, 150);
    tell("y", "put", 1, 99);
    tell("x", "put", 1, 11);
    EXPECT(ask_with("x", "get", 1), "11");
    EXPECT(ask_with("x", "get", 2), "150");
    EXPECT(ask_with("y", "get", 1), "99");
    tell("x", "remove", 1, 0);
    tell("x", "remove", 7, 0);
    EXPECT(ask_with("x", "get", 1), "null");
    EXPECT(ask("x", "map"), "2:150 ");
    wsl_harness_free(h);
}

Test(state_api, maps_of_equal_contents_are_walked_in_equal_order)
{
    begin(&state_immortal);
    for (int64_t i = 0; i < 200; i++) {
        tell("x", "put", i, 1);
        tell("y", "put", 199 - i, 1);
    }
    for (int64_t i = 5; i < 200; i++) {
        tell("x", "remove", i, 0);
    }
    for (int64_t i = 199; i >= 5; i--) {
        tell("y", "remove", i, 0);
    }
    char in_x[200];
    (void)snprintf(in_x, sizeof in_x, "%s", ask("x", "map"));
    EXPECT(ask("y", "map"), in_x);
    cr_assert_eq(strlen(in_x), strlen("0:1 1:1 2:1 3:1 4:1 "));
    wsl_harness_free(h);
}

Test(state_api, reducing_and_aggregating_fold_what_is_added)
{
    begin(&state_immortal);
    EXPECT(ask("x", "folded"), "null null");
    tell("x", "fold", 5, 0);
    EXPECT(ask("x", "folded"), "5 1005");
    tell("x", "fold", 7, 0);
    tell("y", "fold", 100, 0);
    EXPECT(ask("x", "folded"), "12 506"); /* 1000 from .create, once */
    EXPECT(ask("y", "folded"), "100 1100");
    EXPECT(ask("x", "words"), "null");
    tell("x", "fold-words", 3, 0);
    tell("x", "fold-words", 14, 0);
    EXPECT(ask("x", "words"), "3,14,");
    wsl_harness_free(h);
}

Test(state_api, clear_forgets_all_of_the_key_and_of_no_other)
{
    begin(&state_immortal);
    static const char *const keys[] = {"x", "y"};
    for (int i = 0; i < 2; i++) {
        tell(keys[i], "put-value", 4, 0);
        tell(keys[i], "add", 4, 0);
        tell(keys[i], "put", 4, 4);
        tell(keys[i], "fold", 4, 0);
        tell(keys[i], "fold-words", 4, 0);
    }
    tell("x", "clear-all", 0, 0);
    tell("x", "clear-all", 0, 0);
    EXPECT(ask("x", "value"), "null");
    EXPECT(ask("x", "list"), "");
    EXPECT(ask("x", "map"), "");
    EXPECT(ask("x", "folded"), "null null");
    EXPECT(ask("x", "words"), "null");
    EXPECT(ask("y", "value"), "4");
    EXPECT(ask("y", "list"), "4 ");
    EXPECT(ask("y", "map"), "4:4 ");
    EXPECT(ask("y", "folded"), "4 1004");
    EXPECT(ask("y", "words"), "4,");
    tell("x", "add", 1, 0); /* and it can be used again */
    EXPECT(ask("x", "list"), "1 ");
    wsl_harness_free(h);
}

/* ---- copies ---- */

static wsl_status keep_and_change(wsl_keyed_ctx *k, const wsl_row *in)
{
    uint64_t memory[64];
    wsl_row *row = (wsl_row *)(uintptr_t)pair_row(memory, sizeof memory, command_a(in));
    WSL_TRY(wsl_value_put(k, &text_of, row));
    WSL_TRY(wsl_list_add(k, &numbers, number_row(memory, 1)));
    WSL_TRY(wsl_map_put(k, &names, number_row(memory, 2), wsl_value_get(k, &text_of)));
    memset(memory, 0xEE, sizeof memory); /* what was put is a copy */
    wsl_state_iter it;
    int n = 0;
    for (wsl_state_each(k, &numbers, &it); wsl_state_next(&it); n++) {
        WSL_TRY(wsl_list_add(k, &numbers, it.value)); /* another change of the state: the walk is over */
    }
    const int64_t changed = pair_n(wsl_value_get(k, &text_of)) * 100 + n * 10 + wsl_list_size(k, &numbers);
    wsl_row_writer w = wsl_begin(k, &answer_schema, 64);
    char text[32];
    (void)snprintf(text, sizeof text, "%lld", (long long)changed);
    answer_set_text(&w, wsl_str_of(text));
    return wsl_emit(k, &w);
}
WSL_KEYED_PROCESS(state_copies, .in = &command_schema, .out = &answer_schema,
                  .states = WSL_STATES(&text_of, &numbers, &names), .keyed_process = keep_and_change);

Test(state_api, keeps_copies_and_ends_a_walk_when_its_state_changes)
{
    begin(&state_copies);
    EXPECT(ask_with("x", "", 7), "712");
    EXPECT(ask_with("x", "", 9), "914");
    wsl_harness_free(h);
}

/* ---- keys of maps ---- */

WSL_ROW(two_texts, (string, first), (double, d), (string, second));
WSL_MAP_STATE(by_texts, "by-texts", &two_texts_schema, &number_schema);

static wsl_status equal_keys(wsl_keyed_ctx *k, const wsl_row *in)
{
    uint64_t memory[3][32];
    wsl_row_writer w;
    (void)wsl_row_writer_init(&w, memory[0], sizeof memory[0], two_texts_n_fields);
    two_texts_set_first(&w, wsl_str_of("one"));
    two_texts_set_d(&w, 0.0);
    two_texts_set_second(&w, wsl_str_of("and another one"));
    WSL_TRY(wsl_map_put(k, &by_texts, w.row, number_row(memory[2], command_a(in))));
    (void)wsl_row_writer_init(&w, memory[1], sizeof memory[1], two_texts_n_fields);
    two_texts_set_second(&w, wsl_str_of("and another one"));
    two_texts_set_first(&w, wsl_str_of("one"));
    two_texts_set_d(&w, -0.0);
    const wsl_row *value = wsl_map_get(k, &by_texts, w.row);
    const int64_t n = value != NULL ? number_n(value) : -1;
    wsl_map_remove(k, &by_texts, w.row);
    wsl_state_iter it;
    wsl_state_each(k, &by_texts, &it);
    wsl_row_writer out = wsl_begin(k, &answer_schema, 0);
    answer_set_text(&out, wsl_str_of(n == command_a(in) && !wsl_state_next(&it) ? "equal" : "different"));
    return wsl_emit(k, &out);
}
WSL_KEYED_PROCESS(state_equal_keys, .in = &command_schema, .out = &answer_schema, .states = WSL_STATES(&by_texts),
                  .keyed_process = equal_keys);

Test(state_api, keys_of_maps_are_equal_if_their_fields_are)
{
    begin(&state_equal_keys);
    EXPECT(ask_with("x", "", 5), "equal");
    wsl_harness_free(h);
}

/* ---- what is refused ---- */

static wsl_status misuse(wsl_keyed_ctx *k, const wsl_row *in)
{
    uint64_t memory[64];
    wsl_state_iter it;
    switch (command_a(in)) {
    case 0:
        (void)wsl_value_get(k, &undeclared);
        return WSL_OK; /* the status is lost, the failure is not */
    case 1:
        (void)wsl_value_get(k, &numbers);
        return WSL_OK;
    case 2:
        return wsl_list_add(k, &text_of, number_row(memory, 1));
    case 3:
        return wsl_list_add(k, &numbers, pair_row(memory, sizeof memory, 9));
    case 4:
        return wsl_map_put(k, &names, pair_row(memory, sizeof memory, 9), pair_row(memory + 32, 128, 9));
    case 5:
        wsl_state_each(k, &sum, &it);
        return wsl_state_next(&it) ? WSL_USER : WSL_OK;
    case 6:
        return wsl_fold(k, &numbers, number_row(memory, 1));
    default:
        (void)wsl_map_get(k, &sum, number_row(memory, 1));
        return WSL_OK;
    }
}
WSL_KEYED_PROCESS(state_misuse, .in = &command_schema, .out = &answer_schema,
                  .states = WSL_STATES(&text_of, &numbers, &names, &sum), .keyed_process = misuse);

Test(state_api, refuses_states_that_are_not_declared_or_of_another_kind)
{
    static const char *const said[] = {
        "'undeclared', which is not in its .states",
        "uses the list state 'numbers' as a value state",
        "uses the value state 'text-of' as a list state",
        "puts a row of another schema into the state 'numbers'",
        "puts a row of another schema into the state 'names'",
        "uses the reducing state 'sum' as a list state",
        "uses the list state 'numbers' as a reducing state",
        "uses the reducing state 'sum' as a map state",
    };
    for (int64_t i = 0; i < (int64_t)(sizeof said / sizeof said[0]); i++) {
        begin(&state_misuse);
        cr_assert_neq(send("x", "", i, 0), WSL_OK);
        cr_assert(has_text(wsl_harness_error(h)->text, said[i]), "%s", wsl_harness_error(h)->text);
        cr_assert(has_text(wsl_harness_error(h)->text, "key=x"), "%s", wsl_harness_error(h)->text);
        wsl_harness_free(h);
    }
}

WSL_LIST_STATE(same_name, "text-of", &number_schema);
WSL_REDUCING_STATE(wrong_fold, "wrong", state_average, &number_schema);
WSL_AGGREGATING_STATE(wrong_acc, "wrong", state_average, &number_schema);
WSL_VALUE_STATE_OF(dead, "dead", &number_schema, .ttl = {.ttl_ms = -1});
#define USES(symbol, ...)                                                                                              \
    WSL_KEYED_PROCESS(symbol, .in = &command_schema, .out = &answer_schema, .states = WSL_STATES(__VA_ARGS__),         \
                      .keyed_process = state_misuse_process_)
static wsl_status state_misuse_process_(wsl_keyed_ctx *k, const wsl_row *in)
{
    (void)k;
    (void)in;
    return WSL_OK;
}
USES(state_same_name, &text_of, &same_name);
USES(state_wrong_fold, &wrong_fold);
USES(state_wrong_acc, &wrong_acc);
USES(state_dead, &dead);

Test(state_api, refuses_declarations_that_contradict_themselves)
{
    static const struct {
        const wsl_function *fn;
        const char *said;
    } cases[] = {
        {&state_same_name, "two states 'text-of', of different kinds"},
        {&state_wrong_fold, "state 'wrong' needs a WSL_REDUCE function, but 'state_average' is none"},
        {&state_wrong_acc, "state 'wrong' is of 'number', but 'state_average' folds into 'sum_acc'"},
        {&state_dead, "state 'dead' has a time to live below 0"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        wsl_error err = {0};
        h = NULL;
        const wsl_harness_options options = {.function = cases[i].fn, .keys = WSL_HARNESS_KEYS("key")};
        cr_assert_neq(wsl_harness_new(&options, &h, &err), WSL_OK);
        cr_assert(has_text(err.text, cases[i].said), "%s", err.text);
    }
}

/* ---- states that expire ---- */

static void advance(int64_t ms) { cr_assert_eq(wsl_harness_advance(h, ms), WSL_OK); }

Test(state_api, ex41_ttl_on_create_and_write)
{
    begin(&state_plain);
    tell("x", "put-value", 7, 0);
    advance(99);
    EXPECT(ask("x", "value"), "7");
    advance(1);
    EXPECT(ask("x", "value"), "null");
    tell("x", "put-value", 8, 0);
    advance(60);
    tell("x", "put-value", 9, 0); /* writing is a use */
    advance(60);
    EXPECT(ask("x", "value"), "9");
    EXPECT(ask("y", "value"), "null");
    wsl_harness_free(h);
}

Test(state_api, ex41_ttl_on_read_and_write)
{
    begin(&state_read);
    tell("x", "put-value", 7, 0);
    advance(99);
    EXPECT(ask("x", "value"), "7");
    advance(99);
    EXPECT(ask("x", "value"), "7"); /* at 198: it was read at 99 */
    wsl_harness_free(h);
    begin(&state_read);
    tell("x", "put-value", 7, 0);
    advance(99);
    EXPECT(ask("x", "value"), "7");
    advance(100);
    EXPECT(ask("x", "value"), "null"); /* at 199 */
    wsl_harness_free(h);
}

Test(state_api, what_has_expired_may_be_seen_until_it_is_removed_and_reading_removes_it)
{
    begin(&state_shown);
    tell("x", "put-value", 7, 0);
    advance(100);
    const char *said = ask("x", "value"); /* the cleanup may have come by, that is not for us to say: test_ttl.c */
    cr_assert(strcmp(said, "7") == 0 || strcmp(said, "null") == 0);
    EXPECT(ask("x", "value"), "null");
    wsl_harness_free(h);
}

Test(state_api, updating_a_value_that_has_expired_begins_anew)
{
    begin(&state_plain);
    EXPECT(ask_with("x", "update", 5), "5");
    advance(50);
    EXPECT(ask_with("x", "update", 5), "10");
    advance(99);
    EXPECT(ask_with("x", "update", 1), "11");
    advance(100);
    EXPECT(ask_with("x", "update", 1), "1");
    wsl_harness_free(h);
}

Test(state_api, elements_and_entries_expire_one_by_one)
{
    begin(&state_plain);
    for (int64_t i = 0; i < 4; i++) { /* at 0, 40, 80, 120 */
        tell("x", "add", i, 0);
        tell("x", "put", i, i * 10);
        advance(40);
    }
    /* at 160: those of 0 and 40 are gone */
    EXPECT(ask("x", "list"), "2 3 ");
    EXPECT(ask("x", "size"), "2");
    EXPECT(ask_with("x", "get", 1), "null");
    EXPECT(ask_with("x", "get", 2), "20");
    tell("x", "put", 2, 21); /* lives on from now */
    advance(60);
    EXPECT(ask("x", "list"), "");
    EXPECT(ask("x", "map"), "2:21 ");
    advance(40);
    EXPECT(ask("x", "map"), "");
    wsl_harness_free(h);
}

Test(state_api, reading_a_list_or_a_map_keeps_it_alive_if_asked_to)
{
    begin(&state_read);
    tell("x", "add", 1, 0);
    tell("x", "put", 1, 10);
    tell("x", "put", 2, 20);
    advance(90);
    EXPECT(ask("x", "list"), "1 ");
    EXPECT(ask_with("x", "get", 1), "10");
    advance(90);
    EXPECT(ask("x", "list"), "1 ");
    EXPECT(ask("x", "map"), "1:10 ");
    advance(100);
    EXPECT(ask("x", "list"), "");
    EXPECT(ask("x", "map"), "");
    wsl_harness_free(h);
}

Test(state_api, folded_states_expire_too)
{
    begin(&state_plain);
    tell("x", "fold-words", 1, 0);
    advance(60);
    tell("x", "fold-words", 2, 0);
    advance(99);
    EXPECT(ask("x", "words"), "1,2,");
    advance(1);
    tell("x", "fold-words", 3, 0);
    EXPECT(ask("x", "words"), "3,");
    wsl_harness_free(h);
}

Test(state_api, timers_do_not_expire_and_clear_ends_a_life)
{
    begin(&state_plain);
    tell("x", "put-value", 7, 0);
    tell("x", "clear-all", 0, 0);
    EXPECT(ask("x", "value"), "null");
    tell("x", "put-value", 8, 0);
    EXPECT(ask("x", "value"), "8");
    wsl_harness_free(h);
}

/* ---- ... in event time ---- */

static wsl_status send_at(const char *key, const char *what, int64_t a, int64_t timestamp)
{
    wsl_row_writer *w = wsl_harness_row(h, &command_schema);
    command_set_key(w, wsl_str_of(key));
    command_set_what(w, wsl_str_of(what));
    command_set_a(w, a);
    command_set_b(w, 0);
    return wsl_harness_push_at(h, w, timestamp);
}

static const char *ask_at(const char *key, const char *what, int64_t timestamp)
{
    static char text[200];
    wsl_harness_clear(h);
    cr_assert_eq(send_at(key, what, 0, timestamp), WSL_OK, "%s", wsl_harness_error(h)->text);
    const wsl_str said = answer_text(wsl_harness_out(h, 0));
    (void)snprintf(text, sizeof text, "%.*s", (int)said.size, said.data);
    return text;
}

Test(state_api, event_time_ttl_goes_by_the_watermark_and_the_rows)
{
    begin(&state_event);
    cr_assert_eq(send_at("x", "put-value", 7, 1000), WSL_OK);
    advance(1000000);
    EXPECT(ask_at("x", "value", 5000), "7"); /* neither the clock nor a row ahead of the watermark counts */
    cr_assert_eq(wsl_harness_watermark(h, 1099), WSL_OK);
    EXPECT(ask_at("x", "value", 1099), "7");
    cr_assert_eq(send_at("x", "put-value", 8, 900), WSL_OK); /* a row out of order makes no life shorter */
    EXPECT(ask_at("x", "value", 1099), "8");
    cr_assert_eq(wsl_harness_watermark(h, 1100), WSL_OK);
    EXPECT(ask_at("x", "value", 1100), "null");
    wsl_harness_free(h);
}

Test(state_api, event_time_ttl_needs_timestamps)
{
    begin(&state_event);
    cr_assert_neq(send("x", "put-value", 7, 0), WSL_OK);
    cr_assert(has_text(wsl_harness_error(h)->text, "the state 'value' expires in event time, but a row without timestamp"),
              "%s", wsl_harness_error(h)->text);
    wsl_harness_free(h);
}

/* ---- example 45: more than five transactions within a minute ---- */

WSL_ROW(transaction, (string, user), (int64, ts));
WSL_LIST_STATE(recent, "recent", &transaction_schema);

static wsl_status watch(wsl_keyed_ctx *k, const wsl_row *in)
{
    wsl_state_iter it;
    for (wsl_state_each(k, &recent, &it); wsl_state_next(&it);) {
        if (transaction_ts(it.value) < transaction_ts(in) - 60000) {
            wsl_state_remove(&it);
        }
    }
    WSL_TRY(wsl_list_add(k, &recent, in));
    const uint32_t n = wsl_list_size(k, &recent);
    if (n <= 5) {
        return WSL_OK;
    }
    char text[64];
    (void)snprintf(text, sizeof text, "%u", n);
    wsl_row_writer w = wsl_begin(k, &answer_schema, 64);
    answer_set_text(&w, wsl_str_of(text));
    return wsl_emit(k, &w);
}
WSL_KEYED_PROCESS(state_fraud, .in = &transaction_schema, .out = &answer_schema, .states = WSL_STATES(&recent),
                  .keyed_process = watch);

static void run_fraud(bool in_one_batch)
{
    wsl_error err = {0};
    cr_assert_eq(
        wsl_harness_new(&(wsl_harness_options){.function = &state_fraud, .keys = WSL_HARNESS_KEYS("user")}, &h, &err),
        WSL_OK, "%s", err.text);
    static const int64_t times[] = {0, 10000, 20000, 30000, 40000, 60000, 60001, 100000};
    uint64_t memory[8][16];
    const wsl_row *rows[8];
    for (int i = 0; i < 8; i++) {
        wsl_row_writer w;
        (void)wsl_row_writer_init(&w, memory[i], sizeof memory[i], transaction_n_fields);
        transaction_set_user(&w, wsl_str_of("u1"));
        transaction_set_ts(&w, times[i]);
        rows[i] = w.row;
        cr_assert(in_one_batch || wsl_harness_push(h, rows[i]) == WSL_OK);
    }
    cr_assert(!in_one_batch || wsl_harness_push_batch(h, rows, 8) == WSL_OK);
    /* the 6th: the one at 0 is exactly a minute old and counts; 7th: it does not any more */
    cr_assert_str_eq(wsl_harness_text(h), "{text=6}, {text=6}");
    wsl_harness_free(h);
}

Test(state_api, ex45_fraud_list_alerts_on_the_sixth_record_by_record) { run_fraud(false); }
Test(state_api, ex45_fraud_list_alerts_on_the_sixth_in_a_batch) { run_fraud(true); }

/* ---- model: all kinds at random over a few keys ---- */

enum { KEYS = 5, ELEMENTS = 400, ENTRIES = 40 };

typedef struct model {
    int64_t list[ELEMENTS];
    uint32_t n;
    int64_t map[ENTRIES]; /* -1: not there */
    int64_t value;        /* -1: unset */
} model;

static void check_list(const char *key, const model *m)
{
    char expected[ELEMENTS * 8];
    int size = 0;
    expected[0] = '\0';
    for (uint32_t i = 0; i < m->n; i++) {
        size += snprintf(expected + size, sizeof expected - (size_t)size, "%lld ", (long long)m->list[i]);
    }
    EXPECT(ask(key, "list"), expected);
}

static void expect_number(const char *said, int64_t n)
{
    char expected[32];
    (void)snprintf(expected, sizeof expected, n < 0 ? "null" : "%lld", (long long)n);
    EXPECT(said, expected);
}

Test(state_api, agrees_with_arrays)
{
    static model models[KEYS];
    static const char *const keys[KEYS] = {"a", "b", "a key of more than sixteen bytes", "", "d"};
    wsl_rng rng;
    wsl_rng_seed(&rng, 3);
    for (int i = 0; i < KEYS; i++) {
        memset(models[i].map, -1, sizeof models[i].map);
        models[i].value = -1;
    }
    begin(&state_immortal);
    for (int step = 0; step < 20000; step++) {
        const uint32_t k = (uint32_t)wsl_rng_below(&rng, KEYS);
        model *m = &models[k];
        const int64_t n = (int64_t)wsl_rng_below(&rng, 900);
        const uint32_t entry = (uint32_t)wsl_rng_below(&rng, ENTRIES);
        switch (wsl_rng_below(&rng, 9)) {
        case 0:
        case 1:
            if (m->n < ELEMENTS) {
                tell(keys[k], "add", n, 0);
                m->list[m->n++] = n;
            }
            break;
        case 2: {
            check_list(keys[k], m);
            (void)ask_with(keys[k], "list", 4);
            uint32_t kept = 0;
            for (uint32_t i = 0; i < m->n; i++) {
                if (m->list[i] % 4 != 0) {
                    m->list[kept++] = m->list[i];
                }
            }
            m->n = kept;
            break;
        }
        case 3:
        case 4:
            tell(keys[k], "put", entry, n);
            m->map[entry] = n;
            break;
        case 5:
            tell(keys[k], "remove", entry, 0);
            m->map[entry] = -1;
            break;
        case 6:
            expect_number(ask_with(keys[k], "get", entry), m->map[entry]);
            break;
        case 7:
            tell(keys[k], "put-value", n, 0);
            m->value = n;
            break;
        default:
            expect_number(ask(keys[k], "value"), m->value);
            if (wsl_rng_below(&rng, 40) == 0) {
                tell(keys[k], "clear-all", 0, 0);
                m->n = 0;
                memset(m->map, -1, sizeof m->map);
                m->value = -1;
            }
            break;
        }
    }
    for (uint32_t k = 0; k < KEYS; k++) {
        check_list(keys[k], &models[k]);
        for (uint32_t entry = 0; entry < ENTRIES; entry++) {
            expect_number(ask_with(keys[k], "get", entry), models[k].map[entry]);
        }
    }
    wsl_harness_free(h);
}
