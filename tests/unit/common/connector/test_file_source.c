#include "connector_fixture.h"

#include "base/rng.h"

WSL_ROW(row, (int64, n), (string, s));
WSL_ROW(line, (string, text));

/* Reads all splits with one reader, in order; the log stays in s. */
static wsl_status read_all(source *s, splits *found, wsl_error *err)
{
    for (uint32_t i = 0; i <= found->list.n; i++) {
        wsl_status status = source_run(s, err);
        if (status != WSL_AGAIN) {
            return status;
        }
        cr_assert_eq(s->n_requests, i + 1, "one request at a time, before it waits");
        if (i < found->list.n) {
            cr_assert_eq(s->cls->reader->add_split(s->reader, &s->ctx, &found->list.items[i], err), WSL_OK, "%s",
                         err->text);
        }
    }
    s->cls->reader->no_more_splits(s->reader, &s->ctx);
    return source_run(s, err);
}

static void look(splits *found, wsl_status expected)
{
    wsl_error err = {0};
    int64_t next_ms = 0;
    cr_assert_eq(discover(found, &next_ms, &err), expected, "%s", err.text);
    cr_assert(expected != WSL_OK || next_ms > wsl_wall_ms(found->ctx.clock));
}

Test(file_source, reads_a_directory_in_order_of_time_and_name_and_ends)
{
    world w;
    world_init(&w);
    put_dir(&w, "/in/nested");
    put_text(&w, "/in/b.json", "{\"n\":1,\"s\":\"b\"}\n{\"n\":2}\r\n");
    put_text(&w, "/in/a.json", "{\"n\":3}");
    put_text(&w, "/in/.hidden", "no");
    put_text(&w, "/in/_temporary", "no");
    put_text(&w, "/in/empty", "");
    put_text(&w, "/in/nested/c.json", "{\"n\":4}\n");
    splits found;
    splits_init(&found, &w, &wsl_file_source, OPTIONS("path=file:///in/"));
    look(&found, WSL_END);
    EXPECT_TEXT(split_names(&found), "/in/b.json /in/a.json ");
    source s;
    source_init(&s, &w, &wsl_file_source, &row_schema, OPTIONS("path=/in"));
    source_open(&s);
    wsl_error err = {0};
    cr_assert_eq(read_all(&s, &found, &err), WSL_END, "%s", err.text);
    cr_assert_str_eq(s.log.data, "{n=1, s=b}\n{n=2, s=NULL}\n{n=3, s=NULL}\n");
    cr_assert_eq(s.n_finished, 2);
    cr_assert_eq(s.n_started, 2, "each split takes part in watermarks while it is read");
    cr_assert_str_eq(s.started, "/in/a.json");
    source_fini(&s);
    splits_fini(&found);
    splits_init(&found, &w, &wsl_file_source, OPTIONS("path=/in", "recursive=true"));
    look(&found, WSL_END);
    EXPECT_TEXT(split_names(&found), "/in/b.json /in/a.json /in/nested/c.json ");
    splits_fini(&found);
    splits_init(&found, &w, &wsl_file_source, OPTIONS("path=/in/a.json"));
    look(&found, WSL_END);
    EXPECT_TEXT(split_names(&found), "/in/a.json ");
    splits_fini(&found);
    world_fini(&w);
}

Test(file_source, a_watched_directory_gives_each_path_once)
{
    world w;
    world_init(&w);
    put_dir(&w, "/in");
    put_text(&w, "/in/1", "x");
    put_text(&w, "/in/later", "");
    splits found;
    splits_init(&found, &w, &wsl_file_source, OPTIONS("path=/in", "watch=1s"));
    wsl_error err = {0};
    int64_t next_ms;
    cr_assert_eq(discover(&found, &next_ms, &err), WSL_OK);
    cr_assert_eq(next_ms, wsl_wall_ms(&w.clock.clock) + 1000);
    look(&found, WSL_OK);
    EXPECT_TEXT(split_names(&found), "/in/1 ");
    put_text(&w, "/in/1", "more in the same file is not read");
    put_text(&w, "/in/later", "an empty file waits until it is written");
    put_text(&w, "/in/0", "new");
    look(&found, WSL_OK);
    EXPECT_TEXT(split_names(&found), "/in/1 /in/later /in/0 ");
    cr_assert_eq(w.fs->remove(w.fs, "/in/0", &err), WSL_OK);
    put_text(&w, "/in/0", "the same path again");
    look(&found, WSL_OK);
    cr_assert_eq(found.list.n, 3);
    splits_fini(&found);
    world_fini(&w);
}

typedef struct kept {
    wsl_saver saver; /* first */
    WSL_VEC(wsl_split) list;
} kept;

static void keep(wsl_saver *saver, const wsl_split *piece)
{
    kept *k = (kept *)(void *)saver;
    const wsl_split copy = {wsl_strdup(piece->name), wsl_memdup(piece->bytes, piece->size), piece->size};
    wsl_vec_push(&k->list, copy);
}

static void kept_fini(kept *k)
{
    for (uint32_t i = 0; i < k->list.n; i++) {
        free((void *)(uintptr_t)k->list.items[i].name);
        free((void *)(uintptr_t)k->list.items[i].bytes);
    }
    wsl_vec_fini(&k->list);
}

Test(file_source, a_restored_enumerator_does_not_find_again_what_it_had_found)
{
    world w;
    world_init(&w);
    put_dir(&w, "/in");
    put_text(&w, "/in/1", "x");
    put_text(&w, "/in/2", "x");
    splits found, again;
    splits_init(&found, &w, &wsl_file_source, OPTIONS("path=/in", "watch=1s"));
    look(&found, WSL_OK);
    kept k = {.saver = {.add = keep}};
    found.cls->enumerator->snapshot(found.enumerator, &found.ctx, &k.saver);
    put_text(&w, "/in/3", "after the snapshot");
    look(&found, WSL_OK);
    splits_fini(&found);

    wsl_error err = {0};
    splits_init(&again, &w, &wsl_file_source, OPTIONS("path=/in", "watch=1s"));
    cr_assert_eq(again.cls->enumerator->restore(again.enumerator, &again.ctx, k.list.items, k.list.n, &err), WSL_OK, "%s",
                 err.text);
    look(&again, WSL_OK);
    EXPECT_TEXT(split_names(&again), "/in/3 ");
    splits_fini(&again);

    for (uint32_t size = 1; size < 8; size++) { /* damaged ones are refused */
        wsl_split cut = k.list.items[1];
        cut.size = size;
        const wsl_split pieces[] = {k.list.items[0], cut};
        splits_init(&again, &w, &wsl_file_source, OPTIONS("path=/in", "watch=1s"));
        cr_assert_eq(again.cls->enumerator->restore(again.enumerator, &again.ctx, pieces, 2, &err), WSL_CORRUPT);
        splits_fini(&again);
    }
    kept_fini(&k);
    world_fini(&w);
}

Test(file_source, the_set_of_paths_is_bounded_by_a_floor_of_time)
{
    world w;
    world_init(&w);
    put_dir(&w, "/in");
    splits found;
    splits_init(&found, &w, &wsl_file_source, OPTIONS("path=/in", "watch=1s", "remember-paths=10"));
    uint32_t given = 0;
    for (int round = 0; round < 60; round++) {
        for (int i = 0; i < 3; i++) {
            char path[32];
            (void)snprintf(path, sizeof path, "/in/%03d", round * 3 + i);
            put_text(&w, path, "x");
            given++;
        }
        wsl_manual_clock_advance(&w.clock, 10 * WSL_NS_PER_S);
        look(&found, WSL_OK);
        cr_assert_eq(found.list.n, given, "each file once, in round %d", round);
    }
    /* what is new is found; what is older than the floor is not, by design */
    put_text(&w, "/in/new", "x");
    look(&found, WSL_OK);
    cr_assert_eq(found.list.n, given + 1);
    splits_fini(&found);
    world_fini(&w);
}

Test(file_source, splits_that_are_not_taken_now_are_offered_again)
{
    world w;
    world_init(&w);
    put_dir(&w, "/in");
    char *large = (char *)wsl_alloc(300 << 10);
    memset(large, 'x', 300 << 10);
    put_text(&w, "/in/a", "x");
    put_file(&w, "/in/b", large, 300 << 10);
    put_text(&w, "/in/c", "x");
    free(large);
    splits found;
    splits_init(&found, &w, &wsl_file_source, OPTIONS("path=/in", "split-size=64kb"));
    found.limit = 3;
    look(&found, WSL_OK);
    cr_assert_eq(found.list.n, 3);
    found.limit = 100;
    look(&found, WSL_END);
    EXPECT_TEXT(split_names(&found),
                "/in/a /in/b[0..65536) /in/b[65536..131072) /in/b[131072..196608) /in/b[196608..262144) "
                "/in/b[262144..) /in/c ");
    splits_fini(&found);
    world_fini(&w);
}

/* Any cut of any text gives every record once, in order. */
Test(file_source, a_record_belongs_to_the_split_in_which_it_begins)
{
    wsl_rng rng;
    wsl_rng_seed(&rng, 3);
    for (int round = 0; round < 12; round++) {
        world w;
        world_init(&w);
        wsl_strbuf text, expected;
        wsl_strbuf_init(&text);
        wsl_strbuf_init(&expected);
        while (text.size < 200000) {
            const int n = (int)wsl_rng_below(&rng, round % 2 == 0 ? 30 : 30000);
            char *word = (char *)wsl_alloc((size_t)n + 1);
            memset(word, 'a' + n % 26, (size_t)n);
            word[n] = '\0';
            wsl_strbuf_printf(&text, "%s%s", word, wsl_rng_below(&rng, 3) ? "\n" : "\r\n");
            wsl_strbuf_printf(&expected, "{text=%s}\n", word);
            free(word);
        }
        put_dir(&w, "/in");
        put_file(&w, "/in/f", text.data, text.size);
        splits found;
        splits_init(&found, &w, &wsl_file_source, OPTIONS("path=/in", "split-size=65536", "format=raw"));
        look(&found, WSL_END);
        cr_assert_geq(found.list.n, 3);
        source s;
        source_init(&s, &w, &wsl_file_source, &line_schema, OPTIONS("path=/in", "format=raw"));
        source_open(&s);
        wsl_error err = {0};
        cr_assert_eq(read_all(&s, &found, &err), WSL_END, "%s", err.text);
        cr_assert_str_eq(s.log.data, expected.data);
        source_fini(&s);
        splits_fini(&found);
        wsl_strbuf_fini(&text);
        wsl_strbuf_fini(&expected);
        world_fini(&w);
    }
}

Test(file_source, csv_files_are_split_only_without_quotes_and_header)
{
    world w;
    world_init(&w);
    put_dir(&w, "/in");
    char *large = (char *)wsl_alloc(200 << 10);
    memset(large, 'x', 200 << 10);
    put_file(&w, "/in/f", large, 200 << 10);
    free(large);
    splits found;
    splits_init(&found, &w, &wsl_file_source, OPTIONS("path=/in", "split-size=64kb", "format=csv"));
    look(&found, WSL_END);
    cr_assert_eq(found.list.n, 1);
    splits_fini(&found);
    splits_init(&found, &w, &wsl_file_source, OPTIONS("path=/in", "split-size=64kb", "format=csv", "csv.quote=none"));
    look(&found, WSL_END);
    cr_assert_eq(found.list.n, 4);
    splits_fini(&found);
    world_fini(&w);
}

Test(file_source, bad_lines_are_reported_with_file_and_offset_and_reading_goes_on)
{
    world w;
    world_init(&w);
    put_dir(&w, "/in");
    put_text(&w, "/in/f", "{\"n\":1}\nnonsense\r\n\n{\"n\":\"x\"}\n{\"n\":2}\n{\"n\":");
    splits found;
    splits_init(&found, &w, &wsl_file_source, OPTIONS("path=/in"));
    look(&found, WSL_END);
    source s;
    source_init(&s, &w, &wsl_file_source, &row_schema, OPTIONS("path=/in"));
    source_open(&s);
    wsl_error err = {0};
    cr_assert_eq(read_all(&s, &found, &err), WSL_END);
    cr_assert_str_eq(s.log.data, "{n=1, s=NULL}\n"
                                 "BAD /in/f@8 expected an object at byte 0, found \"nonsense?\": nonsense\n"
                                 "BAD /in/f@19 field 'n' expects INT64, found \"\"x\"\": {\"n\":\"x\"}\n"
                                 "{n=2, s=NULL}\n"
                                 "BAD /in/f@37 expected a value at byte 5, but the line ends: {\"n\":\n");
    source_fini(&s);
    splits_fini(&found);
    world_fini(&w);
}

Test(file_source, a_file_that_is_gone_or_shorter_fails_with_a_sentence)
{
    world w;
    world_init(&w);
    put_dir(&w, "/in");
    put_text(&w, "/in/a", "{\"n\":1}\n");
    splits found;
    splits_init(&found, &w, &wsl_file_source, OPTIONS("path=/in"));
    look(&found, WSL_END);
    source s;
    wsl_error err = {0};
    cr_assert_eq(w.fs->rename(w.fs, "/in/a", "/in/b", &err), WSL_OK);
    source_init(&s, &w, &wsl_file_source, &row_schema, OPTIONS("path=/in"));
    source_open(&s);
    cr_assert_eq(read_all(&s, &found, &err), WSL_NOT_FOUND);
    cr_assert(has_text(err.text, "'/in/a'") && has_text(err.text, "gone"), "%s", err.text);
    source_fini(&s);
    put_text(&w, "/in/a", "{}\n");
    source_init(&s, &w, &wsl_file_source, &row_schema, OPTIONS("path=/in"));
    source_open(&s);
    cr_assert_eq(read_all(&s, &found, &err), WSL_IO);
    cr_assert(has_text(err.text, "8 bytes") && has_text(err.text, "has 3 now"), "%s", err.text);
    source_fini(&s);
    splits_fini(&found);
    world_fini(&w);
}

Test(file_source, rows_larger_than_the_room_at_hand_get_more_of_it)
{
    world w;
    world_init(&w);
    put_dir(&w, "/in");
    wsl_strbuf text;
    wsl_strbuf_init(&text);
    for (int i = 0; i < 20; i++) {
        wsl_strbuf_printf(&text, "{\"n\":%d,\"s\":\"", i);
        for (int j = 0; j < i * 1000; j++) {
            wsl_strbuf_putc(&text, 'y');
        }
        wsl_strbuf_puts(&text, "\"}\n");
    }
    put_file(&w, "/in/f", text.data, text.size);
    splits found;
    splits_init(&found, &w, &wsl_file_source, OPTIONS("path=/in"));
    look(&found, WSL_END);
    source s;
    source_init(&s, &w, &wsl_file_source, &row_schema, OPTIONS("path=/in"));
    source_open(&s);
    wsl_error err = {0};
    cr_assert_eq(read_all(&s, &found, &err), WSL_END);
    cr_assert_eq(s.n_rows, 20);
    source_fini(&s);
    splits_fini(&found);
    wsl_strbuf_fini(&text);
    world_fini(&w);
}

Test(file_source, a_line_of_many_megabytes_is_one_bad_record_and_takes_no_memory)
{
    enum { LINE = 40 << 20, MAX = 1 << 20 };
    world w;
    world_init(&w);
    put_dir(&w, "/in");
    char *text = (char *)wsl_alloc(LINE + 32);
    memset(text, 'z', LINE);
    memcpy(text, "{\"n\":1}\n", 8);
    memcpy(text + LINE, "\n{\"n\":2}\n", 9);
    put_file(&w, "/in/f", text, LINE + 9);
    free(text);
    splits found;
    splits_init(&found, &w, &wsl_file_source, OPTIONS("path=/in"));
    look(&found, WSL_END);
    source s;
    source_init(&s, &w, &wsl_file_source, &row_schema, OPTIONS("path=/in", "max-line=1mb"));
    source_open(&s);
    wsl_error err = {0};
    cr_assert_eq(read_all(&s, &found, &err), WSL_END);
    cr_assert_eq(s.n_rows, 2, "%s", s.log.data);
    cr_assert_eq(s.n_bad, 1, "%s", s.log.data);
    cr_assert(has_text(s.log.data, "BAD /in/f@8 the record is longer than max-line (1048576 bytes): zzz"), "%s",
              s.log.data);
    source_fini(&s);
    splits_fini(&found);
    world_fini(&w);
}

Test(file_source, is_checked_before_anything_starts)
{
    world w;
    world_init(&w);
    put_dir(&w, "/in");
    put_text(&w, "/in/f", "x");
    wsl_error err = {0};
    cr_assert_eq(source_validate(&w, &wsl_file_source, &row_schema, OPTIONS("path=/in"), &err), WSL_OK);
    cr_assert_eq(source_validate(&w, &wsl_file_source, &row_schema, OPTIONS("path=/in/f"), &err), WSL_OK);
    cr_assert_eq(source_validate(&w, &wsl_file_source, &row_schema, OPTIONS("path=/out"), &err), WSL_NOT_FOUND);
    cr_assert(has_text(err.text, "'/out'") && has_text(err.text, "path"), "%s", err.text);
    cr_assert_eq(source_validate(&w, &wsl_file_source, &row_schema, OPTIONS("path=/out", "watch=1s"), &err),
                 WSL_NOT_FOUND);
    cr_assert(has_text(err.text, "create = true"), "%s", err.text);
    cr_assert_eq(
        source_validate(&w, &wsl_file_source, &row_schema, OPTIONS("path=/out", "watch=1s", "create=true"), &err),
        WSL_OK);
    cr_assert_eq(source_validate(&w, &wsl_file_source, &row_schema, OPTIONS("path=/in/f", "watch=1s"), &err),
                 WSL_INVALID);
    cr_assert_eq(source_validate(&w, &wsl_file_source, &row_schema, OPTIONS("path=/in", "create=true"), &err),
                 WSL_INVALID);
    cr_assert_eq(source_validate(&w, &wsl_file_source, &row_schema, OPTIONS("path=/in", "format=raw"), &err), WSL_TYPE);
    cr_assert_eq(source_validate(&w, &wsl_file_source, &row_schema, OPTIONS("path="), &err), WSL_INVALID);
    world_fini(&w);
}

Test(file_source, a_watched_directory_may_come_late_and_go_for_a_while)
{
    world w;
    world_init(&w);
    splits found;
    splits_init(&found, &w, &wsl_file_source, OPTIONS("path=/in", "watch=1s", "create=true"));
    look(&found, WSL_OK);
    put_dir(&w, "/in");
    put_text(&w, "/in/a", "x");
    look(&found, WSL_OK);
    cr_assert_eq(found.list.n, 1);
    splits_fini(&found);
    splits_init(&found, &w, &wsl_file_source, OPTIONS("path=/gone", "watch=1s"));
    wsl_error err = {0};
    int64_t next_ms;
    cr_assert_eq(discover(&found, &next_ms, &err), WSL_NOT_FOUND);
    cr_assert(err.retriable);
    splits_fini(&found);
    splits_init(&found, &w, &wsl_file_source, OPTIONS("path=/gone"));
    err = (wsl_error){0};
    cr_assert_eq(discover(&found, &next_ms, &err), WSL_NOT_FOUND);
    cr_assert_not(err.retriable);
    splits_fini(&found);
    world_fini(&w);
}

Test(file_source, splits_from_a_stranger_are_checked)
{
    world w;
    world_init(&w);
    source s;
    source_init(&s, &w, &wsl_file_source, &row_schema, OPTIONS("path=/in"));
    source_open(&s);
    static const char *const bad[] = {"", "x",
                                      "\x02"
                                      "123456781234567812345678/path",
                                      "\x01"
                                      "aaaaaaaaaaaaaaaabbbbbbbb/path",
                                      "\x01"
                                      "\0\0\0\0\0\0\0\0bbbbbbbbcccccccc"};
    static const uint32_t sizes[] = {0, 1, 30, 30, 25};
    for (size_t i = 0; i < WSL_ARRAY_LEN(bad); i++) {
        wsl_error err = {0};
        const wsl_split split = {"bad", bad[i], sizes[i]};
        cr_assert_eq(s.cls->reader->add_split(s.reader, &s.ctx, &split, &err), WSL_FORMAT, "%zu", i);
    }
    source_fini(&s);
    world_fini(&w);
}
