#include "harness/wsl_test.h"

#include <stdint.h>

#include "cli/event_text.h"

static void expect(json_t *ms, const char *text)
{
    char out[CLI_TIME_TEXT];

    cr_assert_str_eq(cli_event_time_text(ms, out), text);
    json_decref(ms);
}

Test(event_text, is_utc_with_milliseconds)
{
    expect(json_integer(0), "1970-01-01 00:00:00.000");
    expect(json_integer(1763715660007), "2025-11-21 09:01:00.007");
    expect(json_integer(-1), "1969-12-31 23:59:59.999");
    expect(json_integer(-86400000), "1969-12-31 00:00:00.000");
}

Test(event_text, says_what_is_no_time)
{
    expect(json_null(), "-");
    expect(json_string("x"), "-");
    expect(json_integer(INT64_MAX), "the end");
    expect(json_integer(INT64_MAX - 1), "9223372036854775806");
    expect(json_integer(INT64_MIN), "-9223372036854775808");
    expect(json_integer(253402300799999), "9999-12-31 23:59:59.999");
    expect(json_integer(253402300800000), "253402300800000");
}
