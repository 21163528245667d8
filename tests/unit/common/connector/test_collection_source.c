#include "connector_fixture.h"

#include "format/base64.h"

WSL_ROW(row, (string, word), (int64, n));

static char *rows_from(const char *const *options, uint32_t subtask, wsl_status expected)
{
    world w;
    world_init(&w);
    source s;
    wsl_error err = {0};
    source_init(&s, &w, &wsl_collection_source, &row_schema, options);
    s.ctx.subtask = subtask;
    s.ctx.parallelism = 2;
    source_open(&s);
    cr_assert_eq(source_run(&s, &err), expected, "%s", err.text);
    char *log = wsl_strbuf_take(&s.log);
    source_fini(&s);
    world_fini(&w);
    return log;
}

Test(collection_source, subtask_0_emits_the_rows_in_order)
{
    static const char *const same[] = {
        "rows=[{\"word\":\"big\",\"n\":1},{\"word\":\"data\"},{\"n\":3}]",
        "rows= [\n  {\"word\": \"big\",\n   \"n\": 1},\n  {\"word\": \"data\"},\n  {\"n\": 3}\n]\n",
        "rows={\"word\":\"big\",\"n\":1}\n{\"word\":\"data\"}\n{\"n\":3}\n",
    };
    for (size_t i = 0; i < WSL_ARRAY_LEN(same); i++) {
        EXPECT_TEXT(rows_from(OPTIONS(same[i]), 0, WSL_END),
                    "{word=big, n=1}\n{word=data, n=NULL}\n{word=NULL, n=3}\n");
        free(rows_from(OPTIONS(same[i]), 1, WSL_END));
    }
    EXPECT_TEXT(rows_from(OPTIONS("rows=[{\"word\":\"br]ack{et\\\"s,\"}]"), 0, WSL_END),
                "{word=br]ack{et\"s,, n=NULL}\n");
    source s;
    world w;
    world_init(&w);
    source_init(&s, &w, &wsl_collection_source, &row_schema, OPTIONS("rows=[]"));
    source_open(&s);
    wsl_error err = {0};
    cr_assert_eq(source_run(&s, &err), WSL_END);
    cr_assert_eq(s.n_rows, 0);
    source_fini(&s);
    world_fini(&w);
}

Test(collection_source, rows_in_binary_form_are_checked)
{
    uint64_t memory[64];
    uint8_t bytes[512];
    size_t n = 0;
    for (int64_t i = 0; i < 2; i++) {
        wsl_row_writer w;
        (void)wsl_row_writer_init(&w, memory, sizeof memory, row_n_fields);
        row_set_word(&w, wsl_str_of(i == 0 ? "zero" : "a longer word"));
        row_set_n(&w, i);
        memcpy(bytes + n, w.row, w.row->size);
        n += w.row->size;
    }
    wsl_strbuf option;
    wsl_strbuf_init(&option);
    wsl_strbuf_puts(&option, "bytes=");
    wsl_base64_encode(bytes, n, &option);
    EXPECT_TEXT(rows_from(OPTIONS(option.data), 0, WSL_END), "{word=zero, n=0}\n{word=a longer word, n=1}\n");
    world w;
    world_init(&w);
    wsl_error err = {0};
    cr_assert_eq(source_validate(&w, &wsl_collection_source, &row_schema, OPTIONS(option.data), &err), WSL_OK);
    wsl_strbuf_clear(&option);
    wsl_strbuf_puts(&option, "bytes=");
    wsl_base64_encode(bytes, n - 8, &option);
    cr_assert_eq(source_validate(&w, &wsl_collection_source, &row_schema, OPTIONS(option.data), &err), WSL_FORMAT);
    cr_assert_eq(source_validate(&w, &wsl_collection_source, &row_schema, OPTIONS("bytes=no base64!"), &err),
                 WSL_FORMAT);
    wsl_strbuf_fini(&option);
    world_fini(&w);
}

Test(collection_source, mistakes_show_before_anything_starts)
{
    static const char *const bad[][2] = {
        {"rows=[{\"n\":1},{\"n\":\"x\"}]", "row 2"},
        {"rows=[1,2]", "row 1"},
        {"rows=[{\"n\":1}", "']'"},
        {"rows=[{\"n\":1}] x", "follows"},
        {"rows={\"n\":1", "end"},
        {"rows=nonsense", "row 1"},
        {"rows=[{\"word\":\"two\nlines\"}]", "row 1"},
    };
    world w;
    world_init(&w);
    for (size_t i = 0; i < WSL_ARRAY_LEN(bad); i++) {
        wsl_error err = {0};
        cr_assert_eq(source_validate(&w, &wsl_collection_source, &row_schema, OPTIONS(bad[i][0]), &err), WSL_FORMAT,
                     "%s", bad[i][0]);
        cr_assert(has_text(err.text, bad[i][1]), "%s: %s", bad[i][0], err.text);
    }
    wsl_error err = {0};
    cr_assert_eq(source_validate(&w, &wsl_collection_source, &row_schema, OPTIONS(NULL), &err), WSL_INVALID);
    cr_assert_eq(source_validate(&w, &wsl_collection_source, &row_schema, OPTIONS("rows=[]", "bytes=AAAA"), &err),
                 WSL_INVALID);
    world_fini(&w);
}

Test(collection_source, large_rows_get_the_room_they_need)
{
    wsl_strbuf option;
    wsl_strbuf_init(&option);
    wsl_strbuf_puts(&option, "rows=[{\"word\":\"");
    for (int i = 0; i < 100000; i++) {
        wsl_strbuf_putc(&option, 'x');
    }
    wsl_strbuf_puts(&option, "\"}]");
    char *log = rows_from(OPTIONS(option.data), 0, WSL_END);
    cr_assert_eq(strlen(log), strlen("{word=, n=NULL}\n") + 100000);
    free(log);
    world w;
    world_init(&w);
    wsl_error err = {0};
    cr_assert_eq(source_validate(&w, &wsl_collection_source, &row_schema, OPTIONS(option.data), &err), WSL_OK, "%s",
                 err.text);
    wsl_strbuf_fini(&option);
    world_fini(&w);
}
