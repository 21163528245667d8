#include "format_fixture.h"

#include "format/bad_record.h"

Test(bad_record, the_sentence_has_reason_place_and_beginning)
{
    wsl_error err = {0};
    cr_assert_eq(wsl_bad_record_fail(&err, "expected ':'", "/in/f", 42, wsl_str_of("{\"a\" 1}\t\x01\xFFz")),
                 WSL_FORMAT);
    cr_assert(has_text(err.text, "'/in/f'") && has_text(err.text, "byte 42") && has_text(err.text, "expected ':'"),
              "%s", err.text);
    cr_assert(has_text(err.text, "{\"a\" 1}\\x09\\x01\\xffz"), "%s", err.text);
    char large[5000];
    memset(large, 'x', sizeof large);
    wsl_bad_record_fail(&err, "long", "/in/f", 0, (wsl_str){large, sizeof large});
    cr_assert(has_text(err.text, "xxx...") && strlen(err.text) < 500, "%s", err.text);
}

Test(bad_record, the_row_holds_everything_as_utf8)
{
    const wsl_str raws[] = {
        wsl_str_of(""), wsl_str_of("plain"), wsl_str_of("\xFF\xFE bad \xC3\xA9 good \xC3"), {"\xE2\x82\xAC\0x", 5}};
    static const char *const shown[] = {"", "plain", "\xEF\xBF\xBD\xEF\xBF\xBD bad \xC3\xA9 good \xEF\xBF\xBD",
                                        "\xE2\x82\xAC"};
    for (size_t i = 0; i < WSL_ARRAY_LEN(raws); i++) {
        const uint32_t room = wsl_bad_record_room("why", "/in/f", raws[i]);
        void *memory = malloc(room);
        cr_assert_null(wsl_bad_record_build(memory, 16, "why", "/in/f", 7, raws[i]));
        wsl_row *row = wsl_bad_record_build(memory, room, "why", "/in/f", 7, raws[i]);
        cr_assert_not_null(row);
        wsl_error err = {0};
        cr_assert_eq(wsl_row_check(row, row->size, &wsl_bad_record_schema, &err), WSL_OK, "%s", err.text);
        cr_assert(wsl_str_equal(wsl_bad_record_reason(row), wsl_str_of("why")));
        cr_assert(wsl_str_equal(wsl_bad_record_file(row), wsl_str_of("/in/f")));
        cr_assert_eq(wsl_bad_record_offset(row), 7);
        const wsl_str raw = wsl_bad_record_raw(row);
        cr_assert_eq(strncmp(raw.data, shown[i], strlen(shown[i])), 0);
        cr_assert_eq(raw.size, i == 3 ? 5 : strlen(shown[i]));
        free(memory);
    }
}

Test(bad_record, a_long_text_is_cut_between_characters)
{
    char *large = (char *)malloc(100000);
    for (int i = 0; i < 33333; i++) {
        memcpy(large + 3 * i, "\xE2\x82\xAC", 3);
    }
    const wsl_str raw = {large, 99999};
    const uint32_t room = wsl_bad_record_room("why", "f", raw);
    void *memory = malloc(room);
    wsl_row *row = wsl_bad_record_build(memory, room, "why", "f", 0, raw);
    cr_assert_not_null(row);
    cr_assert_eq(wsl_bad_record_raw(row).size, WSL_BAD_RECORD_RAW_MAX / 3 * 3);
    wsl_error err = {0};
    cr_assert_eq(wsl_row_check(row, row->size, &wsl_bad_record_schema, &err), WSL_OK, "%s", err.text);
    free(memory);
    free(large);
}
