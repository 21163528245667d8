/* print, blackhole, collect. */
#include "connector_fixture.h"

#include "data/row_nested.h"

WSL_ROW(row, (string, word), (int64, n), (double, d), (timestamp, ts));

static uint64_t memory[64];

static wsl_row *sample(void)
{
    wsl_row_writer w;
    (void)wsl_row_writer_init(&w, memory, sizeof memory, row_n_fields);
    row_set_word(&w, wsl_str_of("big"));
    row_set_n(&w, 5);
    row_set_ts(&w, 0);
    return w.row;
}

static void expect_line(uint32_t parallelism, const char *const *options, const char *expected)
{
    world w;
    world_init(&w);
    wsl_error err = {0};
    sink s;
    sink_init(&s, &w, &wsl_print_sink, &row_schema, options);
    s.ctx.parallelism = parallelism;
    s.ctx.subtask = parallelism - 1;
    cr_assert_eq(sink_open(&s, &err), WSL_OK);
    cr_assert_eq(sink_write(&s, sample(), &err), WSL_OK);
    cr_assert_str_eq(s.out.data, expected);
    sink_fini(&s);
    world_fini(&w);
}

Test(print_sink, lines_begin_as_flinks_do)
{
    expect_line(1, OPTIONS("format=json"), "{\"word\":\"big\",\"n\":5,\"d\":null,\"ts\":0}\n");
    expect_line(2, OPTIONS("format=json"), "2> {\"word\":\"big\",\"n\":5,\"d\":null,\"ts\":0}\n");
    expect_line(1, OPTIONS("format=csv", "prefix=out"), "out> big,5,,0\n");
    expect_line(3, OPTIONS("format=csv", "prefix=out"), "out:3> big,5,,0\n");
    expect_line(1, OPTIONS("style=flink"), "+I[big, 5, null, 1970-01-01T00:00:00Z]\n");
}

Test(print_sink, flink_style_shows_the_operation_and_shaped_values)
{
    wsl_type type;
    wsl_error err = {0};
    cr_assert_eq(wsl_type_parse("ROW<a ARRAY<INT32>, m MAP<STRING, DOUBLE>, r ROW<x BOOL>>", &type, &err), WSL_OK);
    wsl_row_writer w;
    (void)wsl_row_writer_init(&w, memory, sizeof memory, 3);
    wsl_array_writer a = wsl_row_begin_array(&w, 2);
    wsl_array_set_int64(&a, 0, 1);
    wsl_row_end_array(&w, 0, &a);
    wsl_map_writer m = wsl_row_begin_map(&w, 1);
    wsl_array_set_str(&m.keys, 0, wsl_str_of("k"));
    wsl_map_begin_values(&m);
    wsl_array_set_double(&m.values, 0, 0.5);
    wsl_row_end_map(&w, 1, &m);
    wsl_row_writer r = wsl_row_begin_row(&w, 1);
    wsl_row_set_bool(&r, 0, true);
    wsl_row_end_row(&w, 2, &r);
    static const char *const ops[] = {"+I", "-U", "+U", "-D"};
    for (uint8_t op = 0; op < 4; op++) {
        world world;
        world_init(&world);
        sink s;
        sink_init(&s, &world, &wsl_print_sink, type.row, OPTIONS("style=flink"));
        cr_assert_eq(sink_open(&s, &err), WSL_OK);
        w.row->op = op;
        cr_assert_eq(sink_write(&s, w.row, &err), WSL_OK);
        char expected[128];
        (void)snprintf(expected, sizeof expected, "%s[[1, null], {k=0.5}, +I[true]]\n", ops[op]);
        cr_assert_str_eq(s.out.data, expected);
        sink_fini(&s);
        world_fini(&world);
    }
    wsl_type_clear(&type);
}

Test(blackhole_sink, takes_everything)
{
    world w;
    world_init(&w);
    wsl_error err = {0};
    sink s;
    sink_init(&s, &w, &wsl_blackhole_sink, &row_schema, OPTIONS(NULL));
    const wsl_row *rows[3] = {sample(), sample(), sample()};
    uint32_t taken = 0;
    cr_assert_eq(s.cls->writer->write(s.writer, &s.ctx, rows, 3, &taken, &err), WSL_OK);
    cr_assert_eq(taken, 3);
    sink_fini(&s);
    world_fini(&w);
}

Test(collect_sink, rows_wait_for_a_client_that_is_behind)
{
    world w;
    world_init(&w);
    wsl_error err = {0};
    sink s;
    sink_init(&s, &w, &wsl_collect_sink, &row_schema, OPTIONS(NULL));
    const wsl_row *rows[3] = {sample(), sample(), sample()};
    uint32_t taken = 77;
    s.client_room = 2;
    cr_assert_eq(s.cls->writer->write(s.writer, &s.ctx, rows, 3, &taken, &err), WSL_AGAIN);
    cr_assert_eq(taken, 0);
    cr_assert_eq(s.n_sent, 0);
    s.client_room = 3;
    cr_assert_eq(s.cls->writer->write(s.writer, &s.ctx, rows, 3, &taken, &err), WSL_OK);
    cr_assert_eq(taken, 3);
    cr_assert_eq(s.n_sent, 3);
    sink_fini(&s);
    world_fini(&w);
}
