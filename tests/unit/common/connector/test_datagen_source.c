#include "connector_fixture.h"

#include "connector/datagen/rules.h"

WSL_ROW(row, (int64, id), (string, symbol), (int32, quantity), (double, price), (bool, flag), (timestamp, ts),
        (string, name), (date, day), (float, f), (bytes, b));

#define RULES                                                                                                          \
    "fields=id sequence 10 step 5; symbol list ACME,WIDGET INC,GEAR; quantity random -3 3; price random 10.5 11;"      \
    " ts sequence 2024-01-01T00:00:00Z step 1000; name string 20 ; day random 2024-01-01 2024-01-02; f random 1 2; b " \
    "string 3"

/* Rows of subtask `subtask` of `parallelism`; the log. */
static char *rows_of(uint32_t subtask, uint32_t parallelism, const char *const *options, uint32_t *out_n)
{
    world w;
    world_init(&w);
    source s;
    source_init(&s, &w, &wsl_datagen_source, &row_schema, options);
    s.ctx.subtask = subtask;
    s.ctx.parallelism = parallelism;
    source_open(&s);
    wsl_error err = {0};
    cr_assert_eq(source_run(&s, &err), WSL_END);
    *out_n = s.n_rows;
    char *log = wsl_strbuf_take(&s.log);
    source_fini(&s);
    world_fini(&w);
    return log;
}

static char *next_line(char **at)
{
    char *line = *at;
    char *end = strchr(line, '\n');
    if (end == NULL) {
        return NULL;
    }
    *end = '\0';
    *at = end + 1;
    return line;
}

Test(datagen_source, the_union_of_all_subtasks_does_not_depend_on_their_number)
{
    uint32_t n;
    char *all = rows_of(0, 1, OPTIONS("number-of-rows=100", "seed=7", RULES), &n);
    cr_assert_eq(n, 100);
    for (uint32_t p = 2; p < 8; p++) {
        char *parts[8], *at[8];
        uint32_t total = 0;
        for (uint32_t i = 0; i < p; i++) {
            parts[i] = at[i] = rows_of(i, p, OPTIONS("number-of-rows=100", "seed=7", RULES), &n);
            total += n;
        }
        cr_assert_eq(total, 100);
        char *copy = wsl_strdup(all), *rest = copy;
        for (uint32_t row = 0; row < 100; row++) {
            cr_assert_str_eq(next_line(&at[row % p]), next_line(&rest), "row %u of %u subtasks", row, p);
        }
        free(copy);
        for (uint32_t i = 0; i < p; i++) {
            free(parts[i]);
        }
    }
    free(all);
}

Test(datagen_source, values_are_those_of_their_rules)
{
    world w;
    world_init(&w);
    wsl_error err = {0};
    wsl_rules *rules = NULL;
    cr_assert_eq(wsl_rules_new(&row_schema, strchr(RULES, '=') + 1, &rules, &err), WSL_OK, "%s", err.text);
    uint32_t seen_quantity[7] = {0}, seen_symbol[3] = {0}, seen_day[2] = {0}, flags = 0;
    for (uint64_t i = 0; i < 2000; i++) {
        uint64_t memory[64];
        wsl_row_writer out;
        cr_assert_leq(rules->row_room, sizeof memory);
        (void)wsl_row_writer_init(&out, memory, rules->row_room, row_n_fields);
        wsl_rules_row(rules, 1, i, 0, &out);
        cr_assert_not(out.overflow);
        cr_assert_eq(wsl_row_check(out.row, out.row->size, &row_schema, &err), WSL_OK, "%s", err.text);
        const wsl_row *r = out.row;
        cr_assert_eq(row_id(r), 10 + 5 * (int64_t)i);
        cr_assert_eq(row_ts(r), 1704067200000 + 1000 * (int64_t)i);
        cr_assert(row_quantity(r) >= -3 && row_quantity(r) <= 3);
        seen_quantity[row_quantity(r) + 3]++;
        const wsl_str symbol = row_symbol(r);
        static const char *const symbols[] = {"ACME", "WIDGET INC", "GEAR"};
        uint32_t k = 0;
        while (k < 3 && !wsl_str_equal(symbol, wsl_str_of(symbols[k]))) {
            k++;
        }
        cr_assert_lt(k, 3);
        seen_symbol[k]++;
        cr_assert(row_price(r) >= 10.5 && row_price(r) < 11);
        cr_assert(row_f(r) >= 1 && row_f(r) <= 2);
        cr_assert(row_day(r) == 19723 || row_day(r) == 19724);
        seen_day[row_day(r) - 19723]++;
        cr_assert_eq(row_name(r).size, 20);
        for (uint32_t j = 0; j < 20; j++) {
            cr_assert(row_name(r).data[j] >= 'a' && row_name(r).data[j] <= 'z');
        }
        cr_assert_eq(row_b(r).size, 3);
        flags += row_flag(r);
    }
    for (int i = 0; i < 7; i++) {
        cr_assert(seen_quantity[i] > 200 && seen_quantity[i] < 380, "%d: %u", i - 3, seen_quantity[i]);
    }
    for (int i = 0; i < 3; i++) {
        cr_assert(seen_symbol[i] > 500 && seen_symbol[i] < 850);
    }
    cr_assert(seen_day[0] > 800 && seen_day[1] > 800 && flags > 800 && flags < 1200);
    wsl_rules_free(rules);
    world_fini(&w);
}

Test(datagen_source, ends_with_its_number_of_rows_or_its_shortest_sequence)
{
    uint32_t n;
    free(rows_of(0, 1, OPTIONS("fields=id sequence 1 10"), &n));
    cr_assert_eq(n, 10);
    free(rows_of(0, 1, OPTIONS("fields=id sequence 1 10 step 4; quantity sequence 0 100"), &n));
    cr_assert_eq(n, 3);
    free(rows_of(0, 1, OPTIONS("fields=id sequence 1 10", "number-of-rows=4"), &n));
    cr_assert_eq(n, 4);
    free(rows_of(3, 4, OPTIONS("number-of-rows=2"), &n));
    cr_assert_eq(n, 0);
    free(rows_of(0, 1, OPTIONS("number-of-rows=0"), &n));
    cr_assert_eq(n, 0);
}

Test(datagen_source, seeds_differ)
{
    uint32_t n;
    char *a = rows_of(0, 1, OPTIONS("fields=ts constant 0", "number-of-rows=5", "seed=1"), &n);
    char *b = rows_of(0, 1, OPTIONS("fields=ts constant 0", "number-of-rows=5", "seed=2"), &n);
    cr_assert_str_neq(a, b);
    free(a);
    free(b);
}

Test(datagen_source, a_rate_is_kept_by_the_clock_whatever_was_missed)
{
    world w;
    world_init(&w);
    source s;
    wsl_error err = {0};
    source_init(&s, &w, &wsl_datagen_source, &row_schema, OPTIONS("rows-per-second=1000", "number-of-rows=2500"));
    s.ctx.subtask = 1;
    s.ctx.parallelism = 2;
    source_open(&s);
    cr_assert_eq(source_run(&s, &err), WSL_AGAIN);
    cr_assert_eq(s.n_rows, 0, "row 1 is due after a millisecond");
    cr_assert_eq(s.wake_at_ns, WSL_NS_PER_MS + 1);
    uint32_t polls = 0;
    while (s.n_rows < 10) {
        wsl_manual_clock_advance(&w.clock, s.wake_at_ns - wsl_now_ns(&w.clock.clock));
        cr_assert_eq(source_run(&s, &err), WSL_AGAIN);
        cr_assert_eq(s.n_rows, ++polls, "one row each time it wakes");
    }
    cr_assert(wsl_now_ns(&w.clock.clock) >= 19 * WSL_NS_PER_MS && wsl_now_ns(&w.clock.clock) < 20 * WSL_NS_PER_MS);
    wsl_manual_clock_advance(&w.clock, WSL_NS_PER_S);
    cr_assert_eq(source_run(&s, &err), WSL_AGAIN);
    cr_assert_eq(s.n_rows, 510, "what was due meanwhile comes at once");
    wsl_manual_clock_advance(&w.clock, 10 * WSL_NS_PER_S);
    cr_assert_eq(source_run(&s, &err), WSL_END);
    cr_assert_eq(s.n_rows, 1250);
    source_fini(&s);
    world_fini(&w);
}

Test(datagen_source, mistakes_in_rules_name_the_field)
{
    static const char *const bad[][2] = {
        {"fields=nothing random 1 2", "'nothing'"},
        {"fields=id", "'id' has no rule"},
        {"fields=id jump 1", "'id'"},
        {"fields=id random 5", "'random'"},
        {"fields=id random 5 1", "'random'"},
        {"fields=id random 1 2.5", "'random'"},
        {"fields=symbol random 1 2", "'symbol'"},
        {"fields=id sequence", "'sequence'"},
        {"fields=id sequence 5 1", "'sequence'"},
        {"fields=id sequence 1 step 0", "'sequence'"},
        {"fields=price sequence 1", "'price'"},
        {"fields=id string 5", "'string'"},
        {"fields=symbol string -1", "'string'"},
        {"fields=symbol string 99999999", "'string'"},
        {"fields=quantity list 1,two", "'two'"},
        {"fields=quantity list 1,99999999999", "'99999999999'"},
        {"fields=symbol now", "'now'"},
        {"fields=quantity constant x", "'x'"},
        {"fields=id list 1,2; id list 3", "two"},
    };
    world w;
    world_init(&w);
    for (size_t i = 0; i < WSL_ARRAY_LEN(bad); i++) {
        wsl_error err = {0};
        const wsl_status s = source_validate(&w, &wsl_datagen_source, &row_schema, OPTIONS(bad[i][0]), &err);
        cr_assert(s == WSL_INVALID || s == WSL_NOT_FOUND, "%s", bad[i][0]);
        cr_assert(has_text(err.text, bad[i][1]), "%s: %s", bad[i][0], err.text);
    }
    wsl_type type;
    wsl_error err = {0};
    cr_assert_eq(wsl_type_parse("ROW<a ARRAY<INT32>>", &type, &err), WSL_OK);
    cr_assert_eq(source_validate(&w, &wsl_datagen_source, type.row, OPTIONS(NULL), &err), WSL_INVALID);
    cr_assert(has_text(err.text, "flat"), "%s", err.text);
    wsl_type_clear(&type);
    world_fini(&w);
}
