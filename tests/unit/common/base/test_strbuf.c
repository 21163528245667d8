#include "harness/wsl_test.h"

#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "base/strbuf.h"

Test(strbuf, is_always_a_terminated_text)
{
    wsl_strbuf s;
    wsl_strbuf_init(&s);
    cr_assert_str_eq(s.data, "");
    wsl_strbuf_clear(&s);
    wsl_strbuf_add(&s, NULL, 0);
    cr_assert_str_eq(s.data, "");
    wsl_strbuf_puts(&s, "ab");
    wsl_strbuf_putc(&s, 'c');
    wsl_strbuf_printf(&s, "-%03d-", 7);
    cr_assert_str_eq(s.data, "abc-007-");
    cr_assert_eq(s.size, 8);
    wsl_strbuf_clear(&s);
    cr_assert_str_eq(s.data, "");
    wsl_strbuf_fini(&s);
    cr_assert_str_eq(s.data, "");
}

Test(strbuf, grows_like_a_plain_copy)
{
    enum { MAX = 50000 };
    static char model[MAX + 1];
    size_t n = 0;
    wsl_rng rng;
    wsl_rng_seed(&rng, 9);
    wsl_strbuf s;
    wsl_strbuf_init(&s);
    while (n < MAX - 600) {
        const size_t more = wsl_rng_below(&rng, 300);
        char piece[301];
        for (size_t i = 0; i < more; i++) {
            piece[i] = (char)('a' + wsl_rng_below(&rng, 26));
        }
        piece[more] = '\0';
        if (wsl_rng_below(&rng, 2) == 0) {
            wsl_strbuf_add(&s, piece, more);
        } else {
            wsl_strbuf_printf(&s, "%s", piece);
        }
        memcpy(model + n, piece, more + 1);
        n += more;
        cr_assert_eq(s.size, n);
        cr_assert_eq(s.data[n], '\0');
    }
    cr_assert_str_eq(s.data, model);
    wsl_strbuf_fini(&s);
}

Test(strbuf, take_hands_over_and_leaves_it_empty)
{
    wsl_strbuf s;
    wsl_strbuf_init(&s);
    char *text = wsl_strbuf_take(&s);
    cr_assert_str_eq(text, "");
    free(text);
    wsl_strbuf_puts(&s, "x");
    text = wsl_strbuf_take(&s);
    cr_assert_str_eq(text, "x");
    cr_assert_str_eq(s.data, "");
    free(text);
    wsl_strbuf_fini(&s);
}

static void check_json(const char *text, size_t size, const char *expected)
{
    wsl_strbuf s;
    wsl_strbuf_init(&s);
    wsl_strbuf_json(&s, text, size);
    cr_assert_str_eq(s.data, expected);
    wsl_strbuf_fini(&s);
}

Test(strbuf, json_escapes_what_must_be_and_nothing_else)
{
    check_json("", 0, "\"\"");
    check_json("plain / text", 12, "\"plain / text\"");
    check_json("a\"b\\c", 5, "\"a\\\"b\\\\c\"");
    check_json("\b\t\n\f\r", 5, "\"\\b\\t\\n\\f\\r\"");
    check_json("\0\x01\x1f", 3, "\"\\u0000\\u0001\\u001f\"");
    check_json("\xC3\xA4\xE2\x82\xAC\xF0\x9F\xA6\xA1", 9, "\"\xC3\xA4\xE2\x82\xAC\xF0\x9F\xA6\xA1\"");
}

Test(strbuf, json_replaces_each_bad_byte)
{
#define BAD "\xEF\xBF\xBD"
    check_json("a\xFFz", 3, "\"a" BAD "z\"");
    check_json("\xC0\xAF", 2, "\"" BAD BAD "\"");         /* overlong */
    check_json("\xED\xA0\x80", 3, "\"" BAD BAD BAD "\""); /* a surrogate */
    check_json("\xF4\x90\x80\x80", 4, "\"" BAD BAD BAD BAD "\"");
    check_json("\xE2\x82", 2, "\"" BAD BAD "\""); /* cut off */
    check_json("\xE2\x82"
               "A",
               3, "\"" BAD BAD "A\"");
    check_json("\x80", 1, "\"" BAD "\"");
#undef BAD
}
