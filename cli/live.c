#include "cli/live.h"

#include <inttypes.h>

void cli_put_count(double value, wsl_strbuf *out)
{
    static const char units[] = " kMG";
    uint32_t unit = 0;

    while (value >= 999.5 && unit < 3) {
        value /= 1000;
        unit++;
    }
    const int decimals = unit == 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
    wsl_strbuf_printf(out, "%.*f", decimals, value);
    if (unit > 0) {
        wsl_strbuf_putc(out, units[unit]);
    }
}

void cli_put_duration(int64_t ms, wsl_strbuf *out)
{
    if (ms < 1000) {
        wsl_strbuf_printf(out, "%" PRId64 " ms", ms);
    } else if (ms < 60000) {
        wsl_strbuf_printf(out, "%.1f s", (double)(ms / 100) / 10);
    } else {
        wsl_strbuf_printf(out, "%" PRId64 " min %" PRId64 " s", ms / 60000, ms / 1000 % 60);
    }
}

/* A character of several bytes is not cut in two. */
static void cut(wsl_strbuf *out, size_t from, uint32_t columns)
{
    uint32_t seen = 0;

    for (size_t i = from; i < out->size; i++) {
        if (((unsigned char)out->data[i] & 0xC0) == 0x80) {
            continue;
        }
        if (seen++ == columns) {
            out->size = i;
            out->data[i] = '\0';
            return;
        }
    }
}

void cli_live_line(const cli_job_status *s, uint32_t columns, wsl_strbuf *out)
{
    const size_t from = out->size;
    const int64_t seconds = s->duration_ms / 1000;

    wsl_strbuf_printf(out, "%-8s", s->state);
    if (s->waiting[0] != '\0') {
        wsl_strbuf_printf(out, "  waits: %s", s->waiting);
    } else {
        wsl_strbuf_puts(out, "  in ");
        cli_put_count(s->records_in, out);
        wsl_strbuf_puts(out, "/s  out ");
        cli_put_count(s->records_out, out);
        wsl_strbuf_puts(out, "/s");
        if (s->watermark_lag_ms >= 0) {
            wsl_strbuf_puts(out, "  lag ");
            cli_put_duration(s->watermark_lag_ms, out);
        }
        if (s->busiest[0] != '\0') {
            wsl_strbuf_printf(out, "  busiest %s %.0f %%", s->busiest, s->busiest_ratio * 100);
        }
    }
    wsl_strbuf_printf(out, "  %" PRId64 ":%02d:%02d", seconds / 3600, (int)(seconds / 60 % 60), (int)(seconds % 60));
    if (columns > 0) {
        cut(out, from, columns);
    }
}
