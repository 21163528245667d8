#include "connector_fixture.h"

WSL_ROW(row, (int64, n), (string, s));

static uint64_t memory[64];

static const wsl_row *number(int64_t n)
{
    wsl_row_writer w;
    (void)wsl_row_writer_init(&w, memory, sizeof memory, row_n_fields);
    row_set_n(&w, n);
    return w.row;
}

static void write_all(sink *s, int64_t from, int64_t to)
{
    wsl_error err = {0};
    for (int64_t n = from; n < to; n++) {
        cr_assert_eq(sink_write(s, number(n), &err), WSL_OK, "%s", err.text);
    }
}

static wsl_status flush(sink *s, wsl_error *err) { return s->cls->writer->flush(s->writer, &s->ctx, err); }
static wsl_status finish(sink *s, wsl_error *err) { return s->cls->writer->finish(s->writer, &s->ctx, err); }

static void open_ok(sink *s)
{
    wsl_error err = {0};
    cr_assert_eq(sink_open(s, &err), WSL_OK, "%s", err.text);
}

Test(file_sink, a_part_is_hidden_until_it_is_finished)
{
    world w;
    world_init(&w);
    sink s;
    wsl_error err = {0};
    sink_init(&s, &w, &wsl_file_sink, &row_schema, OPTIONS("path=/out/here", "suffix=.json"));
    open_ok(&s);
    write_all(&s, 1, 3);
    cr_assert_eq(flush(&s, &err), WSL_OK);
    EXPECT_TEXT(dir_text(&w, "/out/here"), ".part-0-0.json.inprogress-01234567:34 ");
    cr_assert_eq(finish(&s, &err), WSL_OK, "%s", err.text);
    EXPECT_TEXT(dir_text(&w, "/out/here"), "part-0-0.json:34 ");
    EXPECT_TEXT(file_text(&w, "/out/here/part-0-0.json"), "{\"n\":1,\"s\":null}\n{\"n\":2,\"s\":null}\n");
    sink_fini(&s);
    wsl_mem_fs_crash(w.mem);
    EXPECT_TEXT(dir_text(&w, "/out/here"), "part-0-0.json:34 ");
    world_fini(&w);
}

Test(file_sink, numbers_go_on_behind_what_is_there)
{
    world w;
    world_init(&w);
    wsl_error err = {0};
    put_dir(&w, "/out");
    put_text(&w, "/out/part-0-7", "old\n");
    put_text(&w, "/out/.part-0-9.inprogress-ffff", "left behind");
    put_text(&w, "/out/part-1-20", "of another subtask");
    put_text(&w, "/out/part-0-x", "no number");
    sink s;
    sink_init(&s, &w, &wsl_file_sink, &row_schema, OPTIONS("path=/out"));
    open_ok(&s);
    write_all(&s, 1, 2);
    cr_assert_eq(finish(&s, &err), WSL_OK);
    sink_fini(&s);
    EXPECT_TEXT(dir_text(&w, "/out"), ".part-0-9.inprogress-ffff:11 part-0-10:17 part-0-7:4 part-0-x:9 part-1-20:18 ");
    world_fini(&w);
}

Test(file_sink, rolls_by_size_and_by_age_and_each_csv_part_has_its_header)
{
    world w;
    world_init(&w);
    wsl_error err = {0};
    sink s;
    sink_init(&s, &w, &wsl_file_sink, &row_schema,
              OPTIONS("path=/out", "format=csv", "csv.header=true", "roll-size=23", "roll-interval=10s"));
    open_ok(&s);
    write_all(&s, 1000, 1007); /* 6 bytes each */
    EXPECT_TEXT(dir_text(&w, "/out"), "part-0-0:28 ");
    cr_assert_eq(flush(&s, &err), WSL_OK);
    cr_assert_eq(s.wake_at_ns, wsl_now_ns(&w.clock.clock) + 10 * WSL_NS_PER_S, "a flush is asked for when it is old");
    wsl_manual_clock_advance(&w.clock, 9 * WSL_NS_PER_S);
    cr_assert_eq(flush(&s, &err), WSL_OK);
    EXPECT_TEXT(dir_text(&w, "/out"), ".part-0-1.inprogress-01234567:22 part-0-0:28 ");
    wsl_manual_clock_advance(&w.clock, WSL_NS_PER_S);
    cr_assert_eq(flush(&s, &err), WSL_OK);
    EXPECT_TEXT(dir_text(&w, "/out"), "part-0-0:28 part-0-1:22 ");
    cr_assert_eq(finish(&s, &err), WSL_OK);
    sink_fini(&s);
    EXPECT_TEXT(file_text(&w, "/out/part-0-0"), "n,s\n1000,\n1001,\n1002,\n1003,\n");
    EXPECT_TEXT(file_text(&w, "/out/part-0-1"), "n,s\n1004,\n1005,\n1006,\n");
    world_fini(&w);
}

Test(file_sink, what_was_written_before_a_cancel_stays)
{
    world w;
    world_init(&w);
    sink s;
    sink_init(&s, &w, &wsl_file_sink, &row_schema, OPTIONS("path=/out"));
    open_ok(&s);
    write_all(&s, 1, 3);
    sink_fini(&s); /* close without finish */
    EXPECT_TEXT(file_text(&w, "/out/part-0-0"), "{\"n\":1,\"s\":null}\n{\"n\":2,\"s\":null}\n");
    EXPECT_TEXT(dir_text(&w, "/out"), "part-0-0:34 ");
    sink_init(&s, &w, &wsl_file_sink, &row_schema, OPTIONS("path=/out"));
    open_ok(&s);
    sink_fini(&s);
    EXPECT_TEXT(dir_text(&w, "/out"), "part-0-0:34 "); /* no row, no file */
    world_fini(&w);
}

Test(file_sink, a_full_disk_is_a_clear_error_and_leaves_whole_records)
{
    for (uint64_t capacity = 0; capacity < 90; capacity++) {
        world w;
        world_init(&w);
        wsl_error err = {0};
        sink s;
        sink_init(&s, &w, &wsl_file_sink, &row_schema, OPTIONS("path=/out"));
        open_ok(&s);
        wsl_mem_fs_set_capacity(w.mem, capacity);
        wsl_status status = WSL_OK;
        for (int64_t n = 1; n < 9 && status == WSL_OK; n++) {
            status = sink_write(&s, number(n), &err);
            status = status == WSL_OK ? flush(&s, &err) : status;
        }
        cr_assert_eq(status, WSL_NO_SPACE);
        cr_assert(has_text(err.text, "/out"), "%s", err.text);
        sink_fini(&s);
        wsl_strbuf expected;
        wsl_strbuf_init(&expected);
        if (capacity >= 17) {
            wsl_strbuf_printf(&expected, "part-0-0:%d ", (int)(capacity / 17 * 17));
        }
        EXPECT_TEXT(dir_text(&w, "/out"), expected.data);
        wsl_strbuf_fini(&expected);
        world_fini(&w);
    }
}

Test(file_sink, an_operation_that_fails_never_leaves_a_visible_half)
{
    uint64_t failed = 0;
    for (uint64_t n = 1;; n++) {
        world w;
        world_init(&w);
        put_dir(&w, "/out");
        wsl_error err = {0};
        sink s;
        sink_init(&s, &w, &wsl_file_sink, &row_schema, OPTIONS("path=/out", "roll-size=40"));
        wsl_mem_fs_fail_at(w.mem, n, WSL_IO, false);
        wsl_status status = sink_open(&s, &err);
        for (int64_t i = 1; i < 8 && status == WSL_OK; i++) {
            status = sink_write(&s, number(i), &err);
            status = status == WSL_OK ? flush(&s, &err) : status;
        }
        status = status == WSL_OK ? finish(&s, &err) : status;
        const bool hit = wsl_mem_fs_failed(w.mem);
        wsl_mem_fs_fail_at(w.mem, 0, WSL_OK, false);
        sink_fini(&s);
        cr_assert(status == WSL_OK || err.text[0] != '\0');
        failed += status != WSL_OK;
        int64_t last = 0;
        for (int part = 0; part < 9; part++) {
            char path[64];
            wsl_file_info info;
            (void)snprintf(path, sizeof path, "/out/part-0-%d", part);
            if (w.fs->stat(w.fs, path, &info, NULL) != WSL_OK) {
                continue;
            }
            char *text = file_text(&w, path);
            for (char *p = text; *p != '\0'; p = strchr(p, '\n') + 1) {
                cr_assert_eq(strncmp(p, "{\"n\":", 5), 0, "%s", p);
                cr_assert_not_null(strchr(p, '\n'));
                cr_assert_gt(atoll(p + 5), last, "in order, nothing twice");
                last = atoll(p + 5);
            }
            free(text);
        }
        cr_assert(status != WSL_OK || last == 7);
        world_fini(&w);
        if (!hit) {
            break;
        }
    }
    cr_assert_gt(failed, 10);
}

Test(file_sink, one_file_is_appended_to_and_visible_at_once)
{
    world w;
    world_init(&w);
    wsl_error err = {0};
    put_dir(&w, "/out");
    put_text(&w, "/out/all.json", "{\"n\":0}\n{\"half");
    sink s;
    sink_init(&s, &w, &wsl_file_sink, &row_schema, OPTIONS("path=/out/all.json", "single-file=true", "roll-size=1"));
    open_ok(&s);
    write_all(&s, 1, 2);
    cr_assert_eq(flush(&s, &err), WSL_OK);
    EXPECT_TEXT(file_text(&w, "/out/all.json"), "{\"n\":0}\n{\"half\n{\"n\":1,\"s\":null}\n");
    write_all(&s, 2, 3);
    sink_fini(&s);
    EXPECT_TEXT(file_text(&w, "/out/all.json"), "{\"n\":0}\n{\"half\n{\"n\":1,\"s\":null}\n{\"n\":2,\"s\":null}\n");
    sink_init(&s, &w, &wsl_file_sink, &row_schema,
              OPTIONS("path=/new/dir/all.csv", "single-file=true", "format=csv", "csv.header=true"));
    open_ok(&s);
    write_all(&s, 3, 4);
    cr_assert_eq(finish(&s, &err), WSL_OK);
    sink_fini(&s);
    EXPECT_TEXT(file_text(&w, "/new/dir/all.csv"), "n,s\n3,\n");
    sink_init(&s, &w, &wsl_file_sink, &row_schema,
              OPTIONS("path=/new/dir/all.csv", "single-file=true", "overwrite=true"));
    open_ok(&s);
    sink_fini(&s);
    EXPECT_TEXT(file_text(&w, "/new/dir/all.csv"), "");
    world_fini(&w);
}

Test(file_sink, a_full_disk_leaves_whole_records_in_the_one_file_too)
{
    world w;
    world_init(&w);
    wsl_error err = {0};
    sink s;
    sink_init(&s, &w, &wsl_file_sink, &row_schema, OPTIONS("path=/all.json", "single-file=true"));
    open_ok(&s);
    wsl_mem_fs_set_capacity(w.mem, 40);
    wsl_status status = WSL_OK;
    for (int64_t n = 1; n < 9 && status == WSL_OK; n++) {
        write_all(&s, n, n + 1);
        status = flush(&s, &err);
    }
    cr_assert_eq(status, WSL_NO_SPACE);
    sink_fini(&s);
    EXPECT_TEXT(file_text(&w, "/all.json"), "{\"n\":1,\"s\":null}\n{\"n\":2,\"s\":null}\n");
    world_fini(&w);
}

Test(file_sink, mistakes_are_told)
{
    world w;
    world_init(&w);
    wsl_error err = {0};
    put_text(&w, "/file", "x");
    sink s;
    sink_init(&s, &w, &wsl_file_sink, &row_schema, OPTIONS("path=/file"));
    cr_assert_eq(sink_open(&s, &err), WSL_INVALID);
    cr_assert(has_text(err.text, "'/file'") && has_text(err.text, "single-file"), "%s", err.text);
    sink_fini(&s);
    sink_init(&s, &w, &wsl_file_sink, &row_schema, OPTIONS("path=/one", "single-file=true"));
    s.ctx.parallelism = 4;
    cr_assert_eq(sink_open(&s, &err), WSL_INVALID);
    cr_assert(has_text(err.text, "parallelism 1, this sink has 4"), "%s", err.text);
    sink_fini(&s);
    const char *const *const bad[] = {OPTIONS("path="), OPTIONS("path=/x", "suffix=a/b"),
                                      OPTIONS("path=/x", "overwrite=true"),
                                      OPTIONS("path=/x", "format=csv", "csv.quote=none")};
    for (size_t i = 0; i < WSL_ARRAY_LEN(bad); i++) {
        wsl_config *config = fx_options(wsl_file_sink.options, true, bad[i]);
        cr_assert_eq(wsl_file_sink.validate(w.fs, config, &row_schema, &err), WSL_INVALID, "%zu", i);
        wsl_config_free(config);
    }
    world_fini(&w);
}
