/*
 * test_clicks - the operators of clicks.c by themselves: no cluster, no files, no clock.
 */
#include "../check.h"
#include "clicks.c"

static const settings five_minutes = {.window_ms = 300000};

static void windows_are_found(void)
{
    wsl_harness *h = harness_of(&(wsl_harness_options){
        .function = &with_window_end, .config = &five_minutes, .config_size = sizeof five_minutes});
    static const int64_t times[] = {0, 299999, 300000, -1};

    for (uint32_t i = 0; i < WSL_ARRAY_LEN(times); i++) {
        wsl_row_writer *w = wsl_harness_row(h, &click_schema);
        click_set_user_id(w, wsl_str_of("u1"));
        click_set_ts(w, times[i]);
        (void)wsl_harness_push(h, w);
    }
    came_out(h, "a window has its start and not its end",
             "{user_id=u1, window_end=1970-01-01 00:05:00}, {user_id=u1, window_end=1970-01-01 00:05:00}, "
             "{user_id=u1, window_end=1970-01-01 00:10:00}, {user_id=u1, window_end=1970-01-01 00:00:00}");
    wsl_harness_free(h);
}

static void click_by(wsl_harness *h, const char *user, int64_t window_end)
{
    wsl_row_writer *w = wsl_harness_row(h, &user_window_schema);

    user_window_set_user_id(w, wsl_str_of(user));
    user_window_set_window_end(w, window_end);
    (void)wsl_harness_push(h, w);
}

static void counts_by_hand(void)
{
    wsl_harness *h = harness_of(
        &(wsl_harness_options){.function = &count_by_hand, .keys = WSL_HARNESS_KEYS("user_id", "window_end")});

    click_by(h, "u1", 300000);
    click_by(h, "u1", 600000); /* the next window begins before this one is over */
    click_by(h, "u1", 300000);
    (void)wsl_harness_watermark(h, 299998);
    came_out(h, "the window is not over", "watermark 299998");
    (void)wsl_harness_watermark(h, 299999);
    came_out(h, "now it is", "{user_id=u1, window_end=1970-01-01 00:05:00, count=2}@299999, watermark 299999");
    click_by(h, "u1", 300000);
    if (wsl_harness_metric(h, "lateClicks") != 1) {
        (void)fprintf(stderr, "a click behind the watermark is late\n");
        exit(1);
    }
    (void)wsl_harness_end(h);
    came_out(h, "the end of input ends all windows",
             "{user_id=u1, window_end=1970-01-01 00:10:00, count=1}@599999, watermark MAX, end");
    wsl_harness_free(h);
}

static void click_at(wsl_harness *h, const char *user, int64_t ts)
{
    wsl_row_writer *w = wsl_harness_row(h, &click_schema);

    click_set_user_id(w, wsl_str_of(user));
    click_set_ts(w, ts);
    (void)wsl_harness_push_at(h, w, ts);
}

static void counts_in_windows(void)
{
    const wsl_windowing windows = {.assigner = wsl_tumbling(300000)};
    wsl_harness *h = harness_of(&(wsl_harness_options){.windows = &windows,
                                                       .aggregate = &count_clicks,
                                                       .window = &with_user,
                                                       .keys = WSL_HARNESS_KEYS("user_id"),
                                                       .in = &click_schema});

    click_at(h, "u1", 0);
    click_at(h, "u1", 300000); /* the next window begins before this one is over */
    click_at(h, "u1", 299999);
    (void)wsl_harness_watermark(h, 299999);
    came_out(h, "the same as by hand",
             "{user_id=u1, window_end=1970-01-01 00:05:00, count=2}@299999, watermark 299999");
    wsl_harness_free(h);
}

static void sessions_end_after_their_gap(void)
{
    const wsl_windowing sessions = {.assigner = wsl_session(600000)};
    wsl_harness *h = harness_of(&(wsl_harness_options){.windows = &sessions,
                                                       .aggregate = &first_and_last,
                                                       .window = &with_times,
                                                       .keys = WSL_HARNESS_KEYS("user_id"),
                                                       .in = &click_schema});

    click_at(h, "u1", 0);
    click_at(h, "u1", 300000);
    (void)wsl_harness_watermark(h, 899998);
    came_out(h, "10 minutes are not over", "watermark 899998");
    (void)wsl_harness_watermark(h, 899999);
    came_out(h, "they are: 900 s long, 300 s of them active",
             "{user_id=u1, start=1970-01-01 00:00:00, end=1970-01-01 00:15:00, duration_s=900, activity_s=300}@899999, "
             "watermark 899999");

    click_at(h, "u1", 3000000);
    click_at(h, "u1", 1000000);
    click_at(h, "u1", 1600000);
    (void)wsl_harness_end(h);
    came_out(
        h, "a gap is just not too long, or too long",
        "{user_id=u1, start=1970-01-01 00:16:40, end=1970-01-01 00:36:40, duration_s=1200, activity_s=600}@2199999, "
        "{user_id=u1, start=1970-01-01 00:50:00, end=1970-01-01 01:00:00, duration_s=600, activity_s=0}@3599999, "
        "watermark MAX, end");
    wsl_harness_free(h);
}

int main(void)
{
    windows_are_found();
    counts_by_hand();
    counts_in_windows();
    sessions_end_after_their_gap();
    return 0;
}
