/* What sources put into a checkpoint, and how they go on from it: no row is missing, none comes twice. */
#include "connector_fixture.h"

#include "base/rng.h"
#include "connector/file/found_paths.h"

WSL_ROW(row, (int64, n), (string, s));

typedef struct saved {
    wsl_saver saver; /* first */
    WSL_VEC(wsl_split) pieces;
} saved;

static void save_piece(wsl_saver *saver, const wsl_split *piece)
{
    saved *s = (saved *)(void *)saver;
    const wsl_split copy = {wsl_strdup(piece->name), wsl_memdup(piece->bytes, piece->size), piece->size};
    wsl_vec_push(&s->pieces, copy);
}

static void saved_clear(saved *s)
{
    for (uint32_t i = 0; i < s->pieces.n; i++) {
        free((void *)(uintptr_t)s->pieces.items[i].name);
        free((void *)(uintptr_t)s->pieces.items[i].bytes);
    }
    wsl_vec_fini(&s->pieces);
    s->saver.add = save_piece;
}

static void take(source *s, saved *into)
{
    wsl_error err = {0};
    saved_clear(into);
    cr_assert_eq(s->cls->reader->snapshot(s->reader, &s->ctx, &into->saver, &err), WSL_OK, "%s", err.text);
}

/* ---- files ---- */

static void add_split(source *s, const wsl_split *split)
{
    wsl_error err = {0};
    cr_assert_eq(s->cls->reader->add_split(s->reader, &s->ctx, split, &err), WSL_OK, "%s", err.text);
}

static void run_to_end(source *s)
{
    wsl_error err = {0};
    s->cls->reader->no_more_splits(s->reader, &s->ctx);
    cr_assert_eq(source_run(s, &err), WSL_END, "%s", err.text);
}

static uint32_t n_lines(const char *text)
{
    uint32_t n = 0;
    for (; *text != '\0'; text++) {
        n += *text == '\n';
    }
    return n;
}

/* All splits in one reader, a new one every few polls: what all of them emitted. */
static char *read_with_failures(world *w, const wsl_source_class *cls, const char *const *options, splits *found, wsl_rng *rng)
{
    saved cp = {0};
    wsl_strbuf log;
    wsl_strbuf_init(&log);
    for (uint32_t i = 0; i < found->list.n; i++) {
        saved_clear(&cp);
    }
    saved_clear(&cp);
    for (uint32_t i = 0; i < found->list.n; i++) {
        save_piece(&cp.saver, &found->list.items[i]);
    }
    for (bool ended = false; !ended;) {
        source s;
        wsl_error err = {0};
        source_init(&s, w, cls, &row_schema, options);
        source_open(&s);
        for (uint32_t i = 0; i < cp.pieces.n; i++) {
            add_split(&s, &cp.pieces.items[i]);
        }
        s.cls->reader->no_more_splits(s.reader, &s.ctx);
        for (uint64_t polls = wsl_rng_below(rng, 12); polls > 0 && !ended; polls--) {
            const wsl_status status = source_poll(&s, 1 + (uint32_t)wsl_rng_below(rng, 3), &err);
            cr_assert(status == WSL_OK || status == WSL_END, "%s", err.text);
            ended = status == WSL_END;
        }
        take(&s, &cp);
        cr_assert(!ended || cp.pieces.n == 0, "a split that is finished does not come back");
        wsl_strbuf_add(&log, s.log.data, s.log.size);
        source_fini(&s);
    }
    saved_clear(&cp);
    return wsl_strbuf_take(&log);
}

static char *read_at_once(world *w, const wsl_source_class *cls, const char *const *options, splits *found)
{
    source s;
    source_init(&s, w, cls, &row_schema, options);
    source_open(&s);
    for (uint32_t i = 0; i < found->list.n; i++) {
        add_split(&s, &found->list.items[i]);
    }
    run_to_end(&s);
    char *log = wsl_strdup(s.log.data);
    source_fini(&s);
    return log;
}

static void files_model(const char *const *options, bool csv, bool header, bool quotes)
{
    for (uint64_t seed = 1; seed <= 40; seed++) {
        world w;
        wsl_rng rng;
        world_init(&w);
        wsl_rng_seed(&rng, seed);
        put_dir(&w, "/in");
        for (uint32_t f = 0; f < 3; f++) {
            wsl_strbuf text;
            wsl_strbuf_init(&text);
            const bool swap = wsl_rng_below(&rng, 2) == 0; /* the header of each file says which column is which */
            if (header) {
                wsl_strbuf_puts(&text, swap ? "s,n\n" : "n,s\r\n");
            }
            for (uint64_t n = wsl_rng_below(&rng, 30); n > 0; n--) {
                const char *s = wsl_rng_below(&rng, 4) == 0 && quotes ? "\"a\nb\"" : "x";
                if (csv) {
                    wsl_strbuf_printf(&text, header && swap ? "%2$s,%1$d" : "%1$d,%2$s", (int)(100 * f + n), s);
                } else {
                    wsl_strbuf_printf(&text, "{\"n\":%d}", (int)(100 * f + n));
                }
                wsl_strbuf_puts(&text, wsl_rng_below(&rng, 8) == 0 ? "\n\n" : n > 1 || wsl_rng_below(&rng, 2) == 0 ? "\n" : "");
            }
            char path[32];
            (void)snprintf(path, sizeof path, "/in/%u", f);
            put_file(&w, path, text.data, text.size);
            wsl_strbuf_fini(&text);
        }
        splits found;
        splits_init(&found, &w, &wsl_file_source, options);
        int64_t next_ms = 0;
        wsl_error err = {0};
        cr_assert_eq(discover(&found, &next_ms, &err), WSL_END, "%s", err.text);
        char *expected = read_at_once(&w, &wsl_file_source, options, &found);
        char *got = read_with_failures(&w, &wsl_file_source, options, &found, &rng);
        cr_assert_str_eq(got, expected, "seed %lu", (unsigned long)seed);
        cr_assert(seed > 1 || n_lines(expected) > 5);
        free(expected);
        free(got);
        splits_fini(&found);
        world_fini(&w);
    }
}

Test(source_checkpoints, json_files_are_gone_on_with_behind_the_last_row) { files_model(OPTIONS("path=/in", "format=json"), false, false, false); }
Test(source_checkpoints, csv_files_keep_their_header)
{
    files_model(OPTIONS("path=/in", "format=csv", "csv.header=true"), true, true, true);
    files_model(OPTIONS("path=/in", "format=csv"), true, false, true);
}

Test(source_checkpoints, a_range_of_a_file_is_gone_on_with_and_keeps_its_name)
{
    world w;
    wsl_rng rng;
    world_init(&w);
    wsl_rng_seed(&rng, 5);
    put_dir(&w, "/in");
    wsl_strbuf text;
    wsl_strbuf_init(&text);
    for (int i = 0; i < 24000; i++) {
        wsl_strbuf_printf(&text, "{\"n\":%d}\n", i);
    }
    put_file(&w, "/in/a", text.data, text.size);
    wsl_strbuf_fini(&text);
    splits found;
    int64_t next_ms = 0;
    wsl_error err = {0};
    splits_init(&found, &w, &wsl_file_source, OPTIONS("path=/in", "split-size=64kb"));
    cr_assert_eq(discover(&found, &next_ms, &err), WSL_END);
    cr_assert_gt(found.list.n, 2);
    int64_t expected = 0;
    for (uint32_t i = 0; i < found.list.n; i++) { /* one by one, a failure after each few hundred rows */
        saved cp = {0};
        saved_clear(&cp);
        save_piece(&cp.saver, &found.list.items[i]);
        while (cp.pieces.n > 0) {
            source s;
            source_init(&s, &w, &wsl_file_source, &row_schema, OPTIONS("path=/in", "split-size=64kb"));
            source_open(&s);
            cr_assert_str_eq(cp.pieces.items[0].name, found.list.items[i].name);
            add_split(&s, &cp.pieces.items[0]);
            s.cls->reader->no_more_splits(s.reader, &s.ctx);
            for (uint32_t polls = 1 + (uint32_t)wsl_rng_below(&rng, 3); polls > 0; polls--) {
                (void)source_poll(&s, 700, &err);
            }
            take(&s, &cp);
            char *line = s.log.data;
            for (char *end; *line != '\0'; line = end + 1) {
                end = strchr(line, '\n');
                int64_t n = -1;
                cr_assert_eq(sscanf(line, "{n=%ld", &n), 1);
                cr_assert_eq(n, expected);
                expected++;
            }
            source_fini(&s);
        }
        saved_clear(&cp);
    }
    cr_assert_eq(expected, 24000);
    splits_fini(&found);
    world_fini(&w);
}

/* ---- what was found ---- */

static void keep(wsl_saver *saver, const wsl_split *piece)
{
    cr_assert_leq(piece->size, (uint32_t)WSL_SPLIT_SIZE_MAX);
    save_piece(saver, piece);
}

Test(source_checkpoints, files_found_before_are_not_found_again)
{
    world w;
    world_init(&w);
    wsl_error err = {0};
    int64_t next_ms = 0;
    put_dir(&w, "/in");
    for (int i = 0; i < 5000; i++) {
        char path[64];
        (void)snprintf(path, sizeof path, "/in/trades-2025-01-01-%05d.json", i);
        put_text(&w, path, "{}\n");
    }
    const char *const *options = OPTIONS("path=/in", "watch=1s");
    splits found;
    splits_init(&found, &w, &wsl_file_source, options);
    cr_assert_eq(discover(&found, &next_ms, &err), WSL_OK);
    cr_assert_eq(found.list.n, 5000);
    saved cp = {.saver = {.add = keep}};
    found.cls->enumerator->snapshot(found.enumerator, &found.ctx, &cp.saver);
    uint32_t bytes = 0;
    for (uint32_t i = 0; i < cp.pieces.n; i++) {
        bytes += cp.pieces.items[i].size;
    }
    cr_assert_lt(bytes, 5000 * 15, "%u bytes for 5000 paths", bytes);
    splits_fini(&found);
    put_text(&w, "/in/new.json", "{}\n");
    splits_init(&found, &w, &wsl_file_source, options);
    cr_assert_eq(found.cls->enumerator->restore(found.enumerator, &found.ctx, cp.pieces.items, cp.pieces.n, &err), WSL_OK, "%s",
                 err.text);
    cr_assert_eq(discover(&found, &next_ms, &err), WSL_OK);
    EXPECT_TEXT(split_names(&found), "/in/new.json ");
    splits_fini(&found);
    saved_clear(&cp);
    world_fini(&w);
}

Test(source_checkpoints, the_floor_and_a_file_handed_out_in_part_are_remembered)
{
    world w;
    world_init(&w);
    wsl_error err = {0};
    int64_t next_ms = 0;
    put_dir(&w, "/in");
    char *big = wsl_alloc(300000);
    memset(big, '\n', 300000);
    put_text(&w, "/in/a", "{}\n");
    put_file(&w, "/in/b", big, 300000);
    free(big);
    const char *const *options = OPTIONS("path=/in", "watch=1s", "split-size=64kb", "format=json");
    splits found;
    splits_init(&found, &w, &wsl_file_source, options);
    found.limit = 3;
    cr_assert_eq(discover(&found, &next_ms, &err), WSL_OK);
    EXPECT_TEXT(split_names(&found), "/in/a /in/b[0..65536) /in/b[65536..131072) ");
    saved cp = {.saver = {.add = keep}};
    found.cls->enumerator->snapshot(found.enumerator, &found.ctx, &cp.saver);
    splits_fini(&found);
    splits_init(&found, &w, &wsl_file_source, options);
    cr_assert_eq(found.cls->enumerator->restore(found.enumerator, &found.ctx, cp.pieces.items, cp.pieces.n, &err), WSL_OK, "%s",
                 err.text);
    cr_assert_eq(discover(&found, &next_ms, &err), WSL_OK);
    EXPECT_TEXT(split_names(&found), "/in/b[131072..196608) /in/b[196608..262144) /in/b[262144..) ");
    splits_fini(&found);
    saved_clear(&cp);
    world_fini(&w);
}

static void count_path(void *arg, const wsl_found_path *path)
{
    (void)path;
    ++*(uint32_t *)arg;
}

Test(source_checkpoints, damaged_paths_are_refused_or_harmless)
{
    wsl_rng rng;
    wsl_rng_seed(&rng, 3);
    wsl_strbuf bytes;
    wsl_strbuf_init(&bytes);
    const wsl_found_path paths[] = {{"/in/a", INT64_MIN}, {"/in/ab", INT64_MAX}, {"/out", 0}};
    for (uint32_t i = 0; i < 3; i++) {
        wsl_found_path_encode(&paths[i], i > 0 ? &paths[i - 1] : NULL, &bytes);
    }
    uint32_t n = 0;
    wsl_error err = {0};
    cr_assert_eq(wsl_found_paths_decode(bytes.data, (uint32_t)bytes.size, count_path, &n, &err), WSL_OK);
    cr_assert_eq(n, 3);
    for (int i = 0; i < 20000; i++) {
        char *damaged = wsl_memdup(bytes.data, bytes.size);
        damaged[wsl_rng_below(&rng, bytes.size)] = (char)wsl_rng_below(&rng, 256);
        (void)wsl_found_paths_decode(damaged, (uint32_t)wsl_rng_below(&rng, bytes.size + 1), count_path, &n, &err);
        free(damaged);
    }
    wsl_strbuf_fini(&bytes);
}

/* ---- datagen, collection ---- */

static void give_back(source *s, const saved *cp, uint32_t from, uint32_t step)
{
    wsl_error err = {0};
    WSL_VEC(wsl_split) pieces = {0};
    for (uint32_t i = from; i < cp->pieces.n; i += step) {
        wsl_vec_push(&pieces, cp->pieces.items[i]);
    }
    cr_assert_eq(s->cls->reader->restore(s->reader, &s->ctx, pieces.items, pieces.n, &err), WSL_OK, "%s", err.text);
    wsl_vec_fini(&pieces);
}

static void begin_part(source *s, world *w, const wsl_source_class *cls, const char *const *options, uint32_t subtask, uint32_t n)
{
    source_init(s, w, cls, &row_schema, options);
    s->ctx.subtask = subtask;
    s->ctx.parallelism = n;
    source_open(s);
}

static void count_numbers(const char *log, uint32_t *times, uint32_t n)
{
    for (const char *line = log; *line != '\0'; line = strchr(line, '\n') + 1) {
        int64_t value = -1;
        cr_assert_eq(sscanf(line, "{n=%ld", &value), 1, "%s", line);
        cr_assert(value >= 0 && value < n);
        times[value]++;
    }
}

/* Three subtasks, then `to` of them; each number comes once. */
static void rescale_datagen(uint32_t to)
{
    world w;
    world_init(&w);
    wsl_error err = {0};
    uint32_t times[100] = {0};
    const char *const *options = OPTIONS("fields=n sequence 0; s constant x", "number-of-rows=100");
    saved all = {.saver = {.add = save_piece}};
    for (uint32_t i = 0; i < 3; i++) {
        source s;
        begin_part(&s, &w, &wsl_datagen_source, options, i, 3);
        cr_assert_eq(source_poll(&s, 5 + 3 * i, &err), WSL_OK);
        cr_assert_eq(s.cls->reader->snapshot(s.reader, &s.ctx, &all.saver, &err), WSL_OK);
        count_numbers(s.log.data, times, 100);
        source_fini(&s);
    }
    for (uint32_t i = 0; i < to; i++) {
        source s;
        begin_part(&s, &w, &wsl_datagen_source, options, i, to);
        give_back(&s, &all, i, to);
        cr_assert_eq(source_run(&s, &err), WSL_END);
        count_numbers(s.log.data, times, 100);
        source_fini(&s);
    }
    for (uint32_t i = 0; i < 100; i++) {
        cr_assert_eq(times[i], 1, "row %u came %u times", i, times[i]);
    }
    saved_clear(&all);
    world_fini(&w);
}

Test(source_checkpoints, datagen_goes_on_at_any_parallelism)
{
    for (uint32_t to = 1; to <= 5; to++) {
        rescale_datagen(to);
    }
}

Test(source_checkpoints, datagen_goes_on_at_its_rate)
{
    world w;
    world_init(&w);
    wsl_error err = {0};
    const char *const *options = OPTIONS("fields=n sequence 0; s constant x", "rows-per-second=10");
    saved cp = {0};
    source s;
    begin_part(&s, &w, &wsl_datagen_source, options, 0, 1);
    cr_assert_eq(source_run(&s, &err), WSL_AGAIN);
    wsl_manual_clock_advance(&w.clock, WSL_NS_PER_S);
    cr_assert_eq(source_run(&s, &err), WSL_AGAIN);
    cr_assert_eq(s.n_rows, 11);
    take(&s, &cp);
    source_fini(&s);
    wsl_manual_clock_advance(&w.clock, 60 * WSL_NS_PER_S);
    begin_part(&s, &w, &wsl_datagen_source, options, 0, 1);
    give_back(&s, &cp, 0, 1);
    cr_assert_eq(source_run(&s, &err), WSL_AGAIN);
    cr_assert_eq(s.n_rows, 0, "the minute without us is not made up for");
    wsl_manual_clock_advance(&w.clock, WSL_NS_PER_S);
    cr_assert_eq(source_run(&s, &err), WSL_AGAIN);
    cr_assert_eq(s.n_rows, 10);
    source_fini(&s);
    saved_clear(&cp);
    world_fini(&w);
}

Test(source_checkpoints, a_collection_goes_on_behind_the_last_row)
{
    for (uint32_t before = 0; before <= 3; before++) {
        world w;
        world_init(&w);
        wsl_error err = {0};
        saved cp = {0};
        source s;
        const char *const *options = OPTIONS("rows=[{\"n\":0,\"s\":\"a\\nb\"},\n{\"n\":1},{\"n\":2}]");
        uint32_t times[3] = {0};
        begin_part(&s, &w, &wsl_collection_source, options, 0, 1);
        (void)source_poll(&s, before, &err);
        cr_assert_eq(s.n_rows, before);
        take(&s, &cp);
        source_fini(&s);
        begin_part(&s, &w, &wsl_collection_source, options, 0, 1);
        give_back(&s, &cp, 0, 1);
        cr_assert_eq(source_run(&s, &err), WSL_END);
        cr_assert_eq(s.n_rows, 3 - before);
        if (before > 0) {
            count_numbers(s.log.data, times, 3);
            cr_assert_eq(times[0], 0);
        }
        source_fini(&s);
        saved_clear(&cp);
        world_fini(&w);
    }
}
