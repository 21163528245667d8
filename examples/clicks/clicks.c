/*
 * clicks - what users do on a web site: clicks per user and 5 minutes, twice; and sessions.
 *
 *     wiesel-gen clicks --live --rate 100 --out /tmp/clicks &
 *     wiesel run -d -p 2 clicks.c -- --in /tmp/clicks
 *
 *     clicks ──┬── window_end added ── by user and window_end: value state, timer ── clicks
 *              ├── by user: 5 min windows, counting ──────────────────────────────── clicks-window, the same rows
 *              └── by user: sessions, 10 min gap, first and last click ───────────── sessions
 *
 * The first shows what the second does: a window is one more part of the key, a value, and a timer at its end.
 *
 * A session ends 10 minutes after its last click: clicks at 0 s and 300 s are a session of 0 to 900 s, which is its
 * duration; the user was active for 300 s of it.
 *
 *     --in DIR  files of clicks     --window 5min  --gap 10min     and what files.h names
 */
#include "../files.h"

WSL_ROW(click, (string, user_id), (string, page), (timestamp, ts));
WSL_ROW(clicks, (string, user_id), (timestamp, window_end), (int64, count));

enum { OUT_OF_ORDERNESS_MS = 15000 };

typedef struct settings {
    int64_t window_ms;
} settings;

/* ---- by hand ---- */

WSL_ROW(user_window, (string, user_id), (timestamp, window_end)); /* a click by then, and the key of it */
WSL_VALUE_STATE(so_far, "so-far", (int64, count));

static wsl_status find_window(wsl_ctx *ctx, const wsl_row *click)
{
    const int64_t size = ((const settings *)ctx->config)->window_ms;
    const int64_t ts = click_ts(click);
    wsl_row_writer w = wsl_begin(ctx, &user_window_schema, click_user_id(click).size);

    user_window_set_user_id(&w, click_user_id(click));
    user_window_set_window_end(&w, ts - ((ts % size) + size) % size + size); /* also before 1970 */
    return wsl_emit(ctx, &w);
}
WSL_PROCESS(with_window_end, .in = &click_schema, .out = &user_window_schema, .process = find_window);

static wsl_status count_click(wsl_keyed_ctx *k, const wsl_row *click)
{
    const int64_t last = user_window_window_end(click) - 1;
    int64_t count = 0;

    if (last <= wsl_watermark(k)) {
        wsl_count(k, "lateClicks", 1);
        return WSL_OK;
    }
    (void)wsl_value_get_int64(k, &so_far, &count);
    WSL_TRY(wsl_value_set_int64(k, &so_far, count + 1));
    return wsl_timer_event(k, last);
}

static wsl_status emit_count(wsl_keyed_ctx *k, int64_t timestamp_ms, bool event_time)
{
    const wsl_str user = user_window_user_id(k->key);
    int64_t count = 0;

    (void)timestamp_ms;
    (void)event_time;
    (void)wsl_value_get_int64(k, &so_far, &count);
    wsl_row_writer w = wsl_begin(k, &clicks_schema, user.size);
    clicks_set_user_id(&w, user);
    clicks_set_window_end(&w, user_window_window_end(k->key));
    clicks_set_count(&w, count);
    wsl_value_clear(k, &so_far);
    return wsl_emit(k, &w);
}
WSL_KEYED_PROCESS(count_by_hand, .in = &user_window_schema, .out = &clicks_schema, .states = WSL_STATES(&so_far),
                  .keyed_process = count_click, .on_timer = emit_count);

/* ---- as a window ---- */

WSL_ROW(key, (string, user_id));
WSL_ROW(counted, (int64, count));

static wsl_status add_click(wsl_ctx *ctx, wsl_row *acc, const wsl_row *click)
{
    wsl_row_writer w = counted_edit(acc);

    (void)ctx;
    (void)click;
    counted_set_count(&w, counted_count(acc) + 1);
    return WSL_OK;
}
WSL_AGGREGATE(count_clicks, .in = &click_schema, .acc = &counted_schema, .out = &counted_schema, .add = add_click);

static wsl_status emit_window(wsl_window_ctx *w, wsl_rows *rows)
{
    const wsl_row *result = wsl_rows_next(rows);
    const wsl_str user = key_user_id(w->k.key);
    wsl_row_writer out = wsl_begin(w, &clicks_schema, user.size);

    clicks_set_user_id(&out, user);
    clicks_set_window_end(&out, w->window.end);
    clicks_set_count(&out, counted_count(result));
    return wsl_emit(w, &out);
}
WSL_WINDOW(with_user, .in = &counted_schema, .out = &clicks_schema, .window = emit_window);

/* ---- sessions ---- */

WSL_ROW(activity, (timestamp, first), (timestamp, last));
WSL_ROW(session, (string, user_id), (timestamp, start), (timestamp, end), (double, duration_s), (double, activity_s));

static wsl_status start_activity(wsl_ctx *ctx, wsl_row *acc)
{
    wsl_row_writer w = activity_edit(acc);

    (void)ctx;
    activity_set_first(&w, WSL_TIME_MAX);
    activity_set_last(&w, WSL_TIME_MIN);
    return WSL_OK;
}

static void widen(wsl_row *acc, int64_t first, int64_t last)
{
    wsl_row_writer w = activity_edit(acc);

    activity_set_first(&w, first < activity_first(acc) ? first : activity_first(acc));
    activity_set_last(&w, last > activity_last(acc) ? last : activity_last(acc));
}

static wsl_status add_to_activity(wsl_ctx *ctx, wsl_row *acc, const wsl_row *click)
{
    (void)ctx;
    widen(acc, click_ts(click), click_ts(click));
    return WSL_OK;
}

/* A click between two sessions makes one of them. */
static wsl_status merge_activities(wsl_ctx *ctx, wsl_row *acc, const wsl_row *other)
{
    (void)ctx;
    widen(acc, activity_first(other), activity_last(other));
    return WSL_OK;
}
WSL_AGGREGATE(first_and_last, .in = &click_schema, .acc = &activity_schema, .out = &activity_schema,
              .create = start_activity, .add = add_to_activity, .merge = merge_activities);

static wsl_status emit_session(wsl_window_ctx *w, wsl_rows *rows)
{
    const wsl_row *active = wsl_rows_next(rows);
    const wsl_str user = key_user_id(w->k.key);
    wsl_row_writer out = wsl_begin(w, &session_schema, user.size);

    session_set_user_id(&out, user);
    session_set_start(&out, w->window.start);
    session_set_end(&out, w->window.end);
    session_set_duration_s(&out, (double)(w->window.end - w->window.start) / 1000);
    session_set_activity_s(&out, (double)(activity_last(active) - activity_first(active)) / 1000);
    return wsl_emit(w, &out);
}
WSL_WINDOW(with_times, .in = &activity_schema, .out = &session_schema, .window = emit_session);

/* ---- the job ---- */

WSL_JOB(env, args)
{
    const settings config = {.window_ms = wsl_arg_duration(args, "window", 300000)};
    const wsl_windowing windows = {.assigner = wsl_tumbling(config.window_ms)};
    const wsl_windowing sessions = {.assigner = wsl_session(wsl_arg_duration(args, "gap", 600000))};

    wsl_env_set_name(env, "clicks");
    if (config.window_ms <= 0) {
        return wsl_env_fail(env, "argument --window: a window is longer than 0 ms");
    }
    wsl_stream *lines = read_files(env, args, "clicks", wsl_arg_required(args, "in"), &click_schema, "skip");
    wsl_stream *timed = in_event_time(lines, args, "ts", OUT_OF_ORDERNESS_MS);

    wsl_stream *in_window = wsl_map(timed, "window-end", &with_window_end);
    wsl_set_config(in_window, &config, sizeof config);
    wsl_set_parallelism(in_window, source_parallelism(args));
    wsl_stream *by_hand = wsl_keyed_process(wsl_key_by(in_window, "user_id", "window_end"), "count", &count_by_hand);
    write_rows(wsl_set_uid(by_hand, "count"), args, "clicks");

    wsl_stream *counted =
        wsl_window_aggregate(wsl_key_by(timed, "user_id"), "window", &windows, &count_clicks, &with_user);
    write_rows(wsl_set_uid(counted, "window"), args, "clicks-window");

    wsl_stream *found =
        wsl_window_aggregate(wsl_key_by(timed, "user_id"), "sessions", &sessions, &first_and_last, &with_times);
    write_rows(wsl_set_uid(found, "sessions"), args, "sessions");
    return WSL_OK;
}
