/*
 * test_iot - the operators of iot.c by themselves: no cluster, no files, no clock.
 */
#include <math.h>

#include "../check.h"
#include "iot.c"

static wsl_row_writer *reading_of(wsl_harness *h, double temperature)
{
    wsl_row_writer *w = wsl_harness_row(h, &reading_schema);

    reading_set_device_id(w, wsl_str_of("d1"));
    reading_set_temperature(w, temperature);
    reading_set_humidity(w, 50);
    reading_set_pressure(w, 1000);
    reading_set_event_timestamp(w, 0);
    return w;
}

static void what_cannot_be_is_set_aside(void)
{
    wsl_harness *h = harness_of(&(wsl_harness_options){.function = &validate});

    (void)wsl_harness_push(h, reading_of(h, -50));
    (void)wsl_harness_push(h, reading_of(h, 60));
    if (wsl_harness_count(h) != 2 || wsl_harness_side_count(h, "errors") != 0) {
        (void)fprintf(stderr, "the bounds are possible: %s\n", wsl_harness_text(h));
        exit(1);
    }
    wsl_harness_clear(h);

    (void)wsl_harness_push(h, reading_of(h, 60.5));
    (void)wsl_harness_push(h, reading_of(h, (double)NAN));
    wsl_row_writer *w = wsl_harness_row(h, &reading_schema);
    reading_set_device_id(w, wsl_str_of("d2"));
    reading_set_temperature(w, 20);
    reading_set_event_timestamp(w, 0);
    (void)wsl_harness_push(h, w);
    (void)wsl_harness_push(h, wsl_harness_row(h, &reading_schema));
    came_out(h, "too hot, no number, not all there, nothing there",
             "errors: {reason=temperature 60.5 is not between -50 and 60, record=d1}, "
             "errors: {reason=temperature nan is not between -50 and 60, record=d1}, "
             "errors: {reason=humidity is missing, record=d2}, "
             "errors: {reason=device_id or event_timestamp is missing, record=}");
    wsl_harness_free(h);
}

static void a_window_of_the_clock_is_summed_up(void)
{
    const wsl_windowing windows = {.assigner = wsl_in_processing_time(wsl_tumbling(5000))};
    wsl_harness *h = harness_of(&(wsl_harness_options){.windows = &windows,
                                                       .aggregate = &sum_up,
                                                       .window = &with_device,
                                                       .keys = WSL_HARNESS_KEYS("device_id"),
                                                       .in = &reading_schema});

    (void)wsl_harness_push(h, reading_of(h, -3));
    (void)wsl_harness_advance(h, 4999);
    (void)wsl_harness_push(h, reading_of(h, 9));
    came_out(h, "5 s are not over", "");
    (void)wsl_harness_advance(h, 1);
    if (wsl_harness_count(h) != 1) {
        (void)fprintf(stderr, "5 s are over: %s\n", wsl_harness_text(h));
        exit(1);
    }
    const wsl_row *row = wsl_harness_out(h, 0);
    if (stats_window_start(row) != 0 || stats_window_end(row) != 5000 || stats_count(row) != 2 ||
        stats_temperature_min(row) != -3 || stats_temperature_max(row) != 9 || stats_temperature_avg(row) != 3 ||
        stats_humidity_avg(row) != 50 || stats_pressure_min(row) != 1000) {
        (void)fprintf(stderr, "not what was measured: %s\n", wsl_harness_text(h));
        exit(1);
    }
    wsl_harness_free(h);
}

int main(void)
{
    what_cannot_be_is_set_aside();
    a_window_of_the_clock_is_summed_up();
    return 0;
}
