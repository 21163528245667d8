#include "jobmanager/collect.h"

#include <stdio.h>

#include <wiesel/type.h>

#include "graph/job_graph.h"
#include "harness/wsl_test.h"
#include "net/control.h"

typedef struct seen {
    char acks[1024];
    char rows[2048];
} seen;

static void on_ack(void *arg, uint32_t op, uint32_t subtask, uint64_t sequence)
{
    seen *s = arg;
    char text[32];
    cr_assert_eq(op, 7u);
    (void)snprintf(text, sizeof text, "%u/%llu ", subtask, (unsigned long long)sequence);
    strcat(s->acks, text);
}

static void on_row(void *arg, const wsl_row *row)
{
    seen *s = arg;
    char text[32];
    (void)snprintf(text, sizeof text, "%lld ", (long long)wsl_row_int64(row, 0));
    strcat(s->rows, text);
}

/* Rows of one BIGINT field, values from, from+1... */
static size_t make_rows(uint64_t *memory, int64_t from, uint32_t n)
{
    size_t at = 0;
    for (uint32_t i = 0; i < n; i++) {
        wsl_row_writer w;
        cr_assert(wsl_row_writer_init(&w, memory + at / 8, 64, 1));
        wsl_row_set_int64(&w, 0, from + i);
        at += w.row->size;
    }
    return at;
}

static wsl_schema *schema(void)
{
    wsl_schema *s = NULL;
    wsl_error err = {0};
    Wsl__Pb__Schema pb = WSL__PB__SCHEMA__INIT;
    Wsl__Pb__Field field = WSL__PB__FIELD__INIT;
    Wsl__Pb__Type type = WSL__PB__TYPE__INIT;
    Wsl__Pb__Field *fields[] = {&field};
    type.id = WSL_T_INT64;
    field.name = wsl_pb_text("v");
    field.type = &type;
    pb.fields = fields;
    pb.n_fields = 1;
    cr_assert_eq(wsl_schema_from_pb(&pb, &s, &err), WSL_OK, "%s", err.text);
    return s;
}

static void add(jm_collect *c, uint32_t subtask, uint64_t sequence, int64_t from, uint32_t n, bool end)
{
    uint64_t memory[1024];
    wsl_error err = {0};
    cr_assert_eq(jm_collect_add(c, subtask, sequence, memory, make_rows(memory, from, n), end, &err), WSL_OK, "%s",
                 err.text);
}

static void expect(jm_collect *c, seen *s, uint64_t from, uint64_t max_bytes, const char *rows, uint64_t next, bool end)
{
    uint64_t got_next = 0;
    bool got_end = false;
    wsl_error err = {0};
    s->rows[0] = '\0';
    cr_assert_eq(jm_collect_read(c, from, max_bytes, on_row, s, &got_next, &got_end, &err), WSL_OK, "%s", err.text);
    cr_assert_str_eq(s->rows, rows, "'%s' is not '%s'", s->rows, rows);
    cr_assert_eq(got_next, next);
    cr_assert_eq(got_end, end);
}

Test(collect, rows_are_numbered_by_arrival_and_acknowledged_when_the_reader_is_past_them)
{
    seen s = {0};
    jm_collect *c = jm_collect_new(7, schema(), 2, on_ack, &s);
    add(c, 0, 1, 10, 2, false);
    add(c, 1, 1, 20, 1, false);
    expect(c, &s, 0, 1 << 20, "10 11 20 ", 3, false);
    cr_assert_str_eq(s.acks, "");
    expect(c, &s, 0, 1 << 20, "10 11 20 ", 3, false);
    expect(c, &s, 1, 1 << 20, "11 20 ", 3, false);
    cr_assert_str_eq(s.acks, "", "half of a message is not acknowledged");
    expect(c, &s, 3, 1 << 20, "", 3, false);
    cr_assert_str_eq(s.acks, "0/1 1/1 ");
    cr_assert_eq(jm_collect_kept_bytes(c), 0u);
    jm_collect_free(c);
}

Test(collect, a_read_stops_at_its_size_and_goes_on_there)
{
    seen s = {0};
    jm_collect *c = jm_collect_new(7, schema(), 1, on_ack, &s);
    add(c, 0, 1, 0, 5, false);
    expect(c, &s, 0, 33, "0 1 ", 2, false);
    expect(c, &s, 2, 1, "2 ", 3, false);
    expect(c, &s, 3, 1 << 20, "3 4 ", 5, false);
    jm_collect_free(c);
}

Test(collect, the_end_is_there_when_all_subtasks_ended_and_all_rows_were_read)
{
    seen s = {0};
    jm_collect *c = jm_collect_new(7, schema(), 2, on_ack, &s);
    add(c, 0, 1, 1, 1, true);
    expect(c, &s, 0, 1 << 20, "1 ", 1, false);
    add(c, 1, 1, 0, 0, true);
    expect(c, &s, 1, 1 << 20, "", 1, true);
    cr_assert_str_eq(s.acks, "1/1 0/1 ", "an end without rows needs nobody to read it");
    jm_collect_free(c);
}

Test(collect, rows_can_be_read_after_the_job_ended)
{
    seen s = {0};
    jm_collect *c = jm_collect_new(7, schema(), 1, on_ack, &s);
    add(c, 0, 1, 1, 2, false);
    jm_collect_close(c);
    expect(c, &s, 0, 1, "1 ", 1, false);
    expect(c, &s, 1, 1 << 20, "2 ", 2, true);
    expect(c, &s, 2, 1 << 20, "", 2, true);
    cr_assert_str_eq(s.acks, "", "nobody is left to hear it");
    jm_collect_free(c);
}

Test(collect, rows_that_were_taken_or_have_not_come_cannot_be_read)
{
    seen s = {0};
    uint64_t next = 0;
    bool end = false;
    wsl_error err = {0};
    jm_collect *c = jm_collect_new(7, schema(), 1, on_ack, &s);
    add(c, 0, 1, 1, 2, false);
    expect(c, &s, 2, 1 << 20, "", 2, false);
    cr_assert_eq(jm_collect_read(c, 1, 10, on_row, &s, &next, &end, &err), WSL_INVALID);
    cr_assert(has_text(err.text, "from number 2 to 2, not from 1"), "%s", err.text);
    cr_assert_eq(jm_collect_read(c, 3, 10, on_row, &s, &next, &end, &err), WSL_INVALID);
    jm_collect_free(c);
}

Test(collect, sequences_must_grow_and_nothing_follows_the_end)
{
    seen s = {0};
    uint64_t memory[64];
    const size_t size = make_rows(memory, 1, 1);
    jm_collect *c = jm_collect_new(7, schema(), 1, on_ack, &s);
    add(c, 0, 5, 1, 1, false);
    cr_assert_eq(jm_collect_add(c, 0, 5, memory, size, false, NULL), WSL_INVALID);
    add(c, 0, 6, 1, 1, true);
    cr_assert_eq(jm_collect_add(c, 0, 7, memory, size, false, NULL), WSL_INVALID);
    jm_collect_free(c);
}

Test(collect, bytes_that_are_no_rows_of_the_schema_are_refused)
{
    seen s = {0};
    uint64_t memory[64];
    wsl_error err = {0};
    const size_t size = make_rows(memory, 1, 2);
    jm_collect *c = jm_collect_new(7, schema(), 1, on_ack, &s);
    cr_assert_neq(jm_collect_add(c, 0, 1, memory, size - 8, false, &err), WSL_OK);
    cr_assert(has_text(err.text, "subtask 0"), "%s", err.text);
    cr_assert_neq(jm_collect_add(c, 0, 1, "12345678", 8, false, &err), WSL_OK);
    cr_assert_eq(jm_collect_kept_bytes(c), 0u);
    jm_collect_free(c);
}

Test(collect, a_subtask_that_does_not_wait_for_the_client_is_refused)
{
    seen s = {0};
    uint64_t memory[4096];
    const size_t size = make_rows(memory, 1, 1000);
    jm_collect *c = jm_collect_new(7, schema(), 1, on_ack, &s);
    wsl_error err = {0};
    uint64_t sequence = 0;
    while (jm_collect_add(c, 0, ++sequence, memory, size, false, &err) == WSL_OK) {
        cr_assert_lt(jm_collect_kept_bytes(c), 3u * WSL_COLLECT_WINDOW);
    }
    cr_assert(has_text(err.text, "yet to take"), "%s", err.text);
    cr_assert_geq(jm_collect_kept_bytes(c), 2u * WSL_COLLECT_WINDOW);
    jm_collect_free(c);
}

Test(collect, a_subtask_that_starts_again_counts_from_the_beginning_while_others_go_on)
{
    seen s = {0};
    jm_collect *c = jm_collect_new(7, schema(), 2, on_ack, &s);
    add(c, 0, 1, 10, 1, false);
    add(c, 1, 5, 20, 1, true);
    jm_collect_restart(c, 0);
    add(c, 0, 1, 10, 2, true); /* once more, and on */
    expect(c, &s, 0, 1 << 20, "10 20 10 11 ", 4, true);
    expect(c, &s, 4, 1 << 20, "", 4, true);
    cr_assert_str_eq(s.acks, "1/5 0/1 ", "nobody waits for the acknowledgement of the first attempt");
    jm_collect_free(c);
}

Test(collect, with_fewer_subtasks_the_end_is_theirs_and_rows_of_the_others_stay)
{
    seen s = {0};
    jm_collect *c = jm_collect_new(7, schema(), 3, on_ack, &s);
    add(c, 2, 1, 30, 1, false);
    jm_collect_set_parallelism(c, 1);
    add(c, 0, 1, 10, 1, true);
    expect(c, &s, 0, 1 << 20, "30 10 ", 2, true);
    expect(c, &s, 2, 1 << 20, "", 2, true);
    cr_assert_str_eq(s.acks, "0/1 ");
    jm_collect_set_parallelism(c, 3);
    add(c, 2, 1, 31, 1, false);
    expect(c, &s, 2, 1 << 20, "31 ", 3, false);
    jm_collect_free(c);
}
