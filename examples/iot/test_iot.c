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

int main(void)
{
    what_cannot_be_is_set_aside();
    return 0;
}
