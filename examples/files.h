/*
 * files - what the examples share: rows from files of JSON lines, results to the console or to files.
 *
 * Arguments of every example that uses it:
 *     --bounded               read what is there and end, instead of watching for new files (--once is the same)
 *     --source-parallelism N  readers of each source; 1 by default: files are read one after the other, oldest first
 *     --out-of-orderness D    how far behind the newest a row may be before it counts as late
 *     --out DIR               results to files DIR/<name>/part-*.jsonl; without it to the console
 *
 * With one reader and `-D watermark.emit=per-record` the results of a bounded run depend on nothing but the files.
 */
#pragma once
#include <stdio.h>

#include <wiesel/wiesel.h>

enum { OUT_PATH_SIZE = 5000 }; /* longer than any path may be: what is cut off here is refused there */

static inline bool is_bounded(const wsl_args *args)
{
    const bool once = wsl_arg_flag(args, "once");

    return wsl_arg_flag(args, "bounded") || once;
}

/* Also of what stands between a source and the first key_by: with one subtask rows and watermarks keep their order. */
static inline uint32_t source_parallelism(const wsl_args *args)
{
    return (uint32_t)wsl_arg_int(args, "source-parallelism", 1);
}

/* `on_error` says what becomes of a line that does not fit: "fail", "skip" or "side-output". */
static inline wsl_stream *read_files(wsl_env *env, const wsl_args *args, const char *name, const char *dir,
                                     const wsl_schema *schema, const char *on_error)
{
    const char *watch = is_bounded(args) ? NULL : "200 ms";
    wsl_stream *rows =
        wsl_from(env, name, "file", schema,
                 WSL_OPTIONS({"path", dir}, {"format", "json"}, {"watch", watch}, {"on-error", on_error}));

    return wsl_set_parallelism(rows, source_parallelism(args));
}

/* Rows get their timestamps, and the stream its watermarks, from the field `timestamp`. */
static inline wsl_stream *in_event_time(wsl_stream *rows, const wsl_args *args, const char *timestamp, int64_t bound_ms)
{
    const int64_t bound = wsl_arg_duration(args, "out-of-orderness", bound_ms);
    wsl_stream *timed = wsl_watermarks(rows, "event-time", wsl_bounded_out_of_orderness(timestamp, bound));

    return wsl_set_parallelism(timed, source_parallelism(args));
}

static inline wsl_sink *print_rows(wsl_stream *rows, const char *name)
{
    return wsl_to(rows, name, "print", WSL_OPTIONS({"prefix", name}));
}

/* To files OUT/<name>/part-*<suffix>. What is written becomes visible after 10 s, or when the job ends. */
static inline void write_files(wsl_stream *rows, const char *out, const char *name, const char *format,
                               const char *suffix)
{
    char path[OUT_PATH_SIZE];

    (void)snprintf(path, sizeof path, "%s/%s", out, name);
    wsl_to(rows, name, "file",
           WSL_OPTIONS({"path", path}, {"format", format}, {"suffix", suffix}, {"roll-interval", "10 s"},
                       {"csv.header", "true"}));
}

static inline void write_rows(wsl_stream *rows, const wsl_args *args, const char *name)
{
    const char *out = wsl_arg(args, "out", NULL);

    if (out != NULL) {
        write_files(rows, out, name, "json", ".jsonl");
    } else {
        print_rows(rows, name);
    }
}
