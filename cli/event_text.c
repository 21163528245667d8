#include "cli/event_text.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

const char *cli_event_time_text(const json_t *number, char out[CLI_TIME_TEXT])
{
    struct tm t;
    const int64_t ms = json_integer_value(number);
    const time_t seconds = (time_t)(ms >= 0 ? ms / 1000 : -((-(ms + 1)) / 1000) - 1);

    if (!json_is_integer(number)) {
        return "-";
    }
    if (ms == INT64_MAX) {
        return "the end";
    }
    if (ms < -62135596800000 || ms >= 253402300800000 || gmtime_r(&seconds, &t) == NULL) {
        (void)snprintf(out, CLI_TIME_TEXT, "%" PRId64, ms);
        return out;
    }
    const size_t n = strftime(out, CLI_TIME_TEXT, "%Y-%m-%d %H:%M:%S", &t);
    (void)snprintf(out + n, CLI_TIME_TEXT - n, ".%03d", (int)(ms - (int64_t)seconds * 1000));
    return out;
}
