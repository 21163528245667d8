#include "harness/wsl_test.h"

#include "cli/live.h"

static const char *line(const cli_job_status *status, uint32_t columns)
{
    static wsl_strbuf out;

    if (out.data == NULL) {
        wsl_strbuf_init(&out);
    }
    wsl_strbuf_clear(&out);
    cli_live_line(status, columns, &out);
    return out.data;
}

Test(live, shows_rates_lag_and_the_busiest)
{
    const cli_job_status s = {.state = "RUNNING",
                              .busiest = "counts",
                              .busiest_ratio = 0.337,
                              .records_in = 12345,
                              .records_out = 4.4,
                              .watermark_lag_ms = 1250,
                              .duration_ms = 3723456};

    cr_assert_str_eq(line(&s, 0), "RUNNING   in 12.3k/s  out 4/s  lag 1.2 s  busiest counts 34 %  1:02:03");
}

Test(live, leaves_out_what_is_not_known)
{
    const cli_job_status s = {.state = "RUNNING", .watermark_lag_ms = -1};

    cr_assert_str_eq(line(&s, 0), "RUNNING   in 0/s  out 0/s  0:00:00");
}

Test(live, says_what_a_job_waits_for)
{
    const cli_job_status s = {
        .state = "CREATED", .waiting = "needs 5 slots, 4 free", .watermark_lag_ms = -1, .duration_ms = 5000};

    cr_assert_str_eq(line(&s, 0), "CREATED   waits: needs 5 slots, 4 free  0:00:05");
}

Test(live, is_cut_at_the_edge_of_the_terminal_and_never_inside_a_character)
{
    const cli_job_status s = {.state = "RUNNING", .busiest = "\xc3\xa4\xc3\xb6\xc3\xbc", .watermark_lag_ms = -1};

    cr_assert_str_eq(line(&s, 10), "RUNNING   ");
    cr_assert_str_eq(line(&s, 36), "RUNNING   in 0/s  out 0/s  busiest \xc3\xa4");
}

Test(live, counts_and_durations_stay_short)
{
    static const struct {
        double value;
        const char *text;
    } counts[] = {{0, "0"},         {9.6, "10"},      {999.4, "999"},    {999.5, "1.00k"},  {12345, "12.3k"},
                  {123456, "123k"}, {999499, "999k"}, {999600, "1.00M"}, {63.2e6, "63.2M"}, {5e12, "5000G"}};
    static const struct {
        int64_t ms;
        const char *text;
    } durations[] = {{0, "0 ms"}, {999, "999 ms"}, {1000, "1.0 s"}, {59999, "59.9 s"}, {125000, "2 min 5 s"}};
    wsl_strbuf out;

    wsl_strbuf_init(&out);
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        wsl_strbuf_clear(&out);
        cli_put_count(counts[i].value, &out);
        cr_assert_str_eq(out.data, counts[i].text);
    }
    for (size_t i = 0; i < sizeof durations / sizeof durations[0]; i++) {
        wsl_strbuf_clear(&out);
        cli_put_duration(durations[i].ms, &out);
        cr_assert_str_eq(out.data, durations[i].text);
    }
    wsl_strbuf_fini(&out);
}
