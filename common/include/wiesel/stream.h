/*
 * stream - what a job does with its rows.
 *
 *     wsl_stream *lines  = wsl_from_socket(env, "lines", "127.0.0.1", 9999);
 *     wsl_stream *words  = wsl_flat_map(lines, "split", &split);          // split: WSL_PROCESS(split, ...)
 *     wsl_stream *counts = wsl_keyed_process(wsl_key_by(words, "word"), "count", &count);
 *     wsl_set_uid(counts, "count");
 *     wsl_print(counts, "out");
 *
 * Every operator has a name, shown in plans, metrics and errors. A stream may be used any number of times; each use gets
 * all its rows. A wsl_keyed_stream is a type of its own, so that functions with keyed state on a stream without a key do not
 * compile.
 *
 * Types are checked as the job is built: what a function says it takes (.in) against what the stream carries.
 *
 * Errors, ownership, threads: see env.h. Parallelism is a number of subtasks; times are milliseconds.
 */
#pragma once

/* A function with keyed state on a stream without a key must not compile, whatever the warning flags are. */
#ifndef __cplusplus
#pragma GCC diagnostic error "-Wincompatible-pointer-types"
#endif

#include <stdint.h>

#include <wiesel/env.h>
#include <wiesel/function.h>
#include <wiesel/row.h>
#include <wiesel/time.h>
#include <wiesel/type.h>

typedef struct wsl_stream wsl_stream;
typedef struct wsl_keyed_stream wsl_keyed_stream;
typedef struct wsl_sink wsl_sink;

/* Options of a connector: WSL_OPTIONS({"path", dir}, {"format", "json"}). A NULL value leaves the option at its default. */
typedef struct wsl_setting {
    const char *key;
    const char *value;
} wsl_setting;
#define WSL_OPTIONS(...) ((const wsl_setting[]){__VA_ARGS__, {NULL, NULL}})
#define WSL_NO_OPTIONS ((const wsl_setting *)NULL)

/* ---- sources ---- */

/* Any source by its connector's name: built in ("file", "socket", "datagen", "collection") or exported by this library with
 * WSL_SOURCE_CONNECTOR. */
wsl_stream *wsl_from(wsl_env *env, const char *name, const char *connector, const wsl_schema *schema,
                     const wsl_setting *options);

/* A bounded stream of rows that are part of the job. */
wsl_stream *wsl_from_rows(wsl_env *env, const char *name, const wsl_schema *schema, const wsl_row *const *rows, uint32_t n);
/* The same from JSON text: one array of objects, or objects one after the other. */
wsl_stream *wsl_from_json(wsl_env *env, const char *name, const wsl_schema *schema, const char *lines);
/* C arrays; the row's one field is called "value". */
wsl_stream *wsl_from_int64s(wsl_env *env, const char *name, const int64_t *values, uint32_t n);
wsl_stream *wsl_from_doubles(wsl_env *env, const char *name, const double *values, uint32_t n);
wsl_stream *wsl_from_strings(wsl_env *env, const char *name, const char *const *values, uint32_t n);

/* Files: one file, or a directory. format: "json" or "csv". More options ("watch", ...): wsl_from(..., "file", ...). */
wsl_stream *wsl_from_files(wsl_env *env, const char *name, const char *path, const char *format, const wsl_schema *schema);
/* Lines of text from a TCP connection; rows have one field "line". */
wsl_stream *wsl_from_socket(wsl_env *env, const char *name, const char *host, int64_t port);

/* ---- one row at a time ---- */

/* Three names for the same: a WSL_PROCESS function, any number of rows out for each row in. */
wsl_stream *wsl_map(wsl_stream *stream, const char *name, const wsl_function *function);
wsl_stream *wsl_flat_map(wsl_stream *stream, const char *name, const wsl_function *function);
wsl_stream *wsl_process(wsl_stream *stream, const char *name, const wsl_function *function);
/* A WSL_FILTER function. */
wsl_stream *wsl_filter(wsl_stream *stream, const char *name, const wsl_function *function);

/* Expressions in SQL's syntax. */
wsl_stream *wsl_where(wsl_stream *stream, const char *name, const char *predicate);
wsl_stream *wsl_select(wsl_stream *stream, const char *name, const char *projection);
/* The parts of a STRING field, each a row with one field `as`, at white space or at a separator (option "separator"; see
 * also "lower", "skip-empty"). */
wsl_stream *wsl_split_text(wsl_stream *stream, const char *name, const char *field, const char *as, const wsl_setting *options);

wsl_stream *wsl_watermarks(wsl_stream *stream, const char *name, wsl_watermark_strategy strategy);

/* Rows that the operator behind `stream` sent to one of its side outputs (a function's .sides; WSL_BAD_RECORDS of a source
 * with on-error=side-output). */
wsl_stream *wsl_side_output(wsl_stream *stream, const char *tag);

/* All rows of all streams, which have the same type: wsl_union(a, b, c). */
#define wsl_union(...) wsl_union_of((wsl_stream *const[]){__VA_ARGS__, NULL})
wsl_stream *wsl_union_of(wsl_stream *const *streams); /* ended by NULL */

/* ---- by key ---- */

/* wsl_key_by(stream, "symbol", "side"): rows with equal fields go to the same subtask and share state. */
#define wsl_key_by(stream, ...) wsl_key_by_fields(stream, (const char *const[]){__VA_ARGS__, NULL})
wsl_keyed_stream *wsl_key_by_fields(wsl_stream *stream, const char *const *fields); /* ended by NULL */

/* A WSL_KEYED_PROCESS function: state and timers. */
wsl_stream *wsl_keyed_process(wsl_keyed_stream *stream, const char *name, const wsl_function *function);
/* A WSL_REDUCE function: emits the new value of the key for each row. */
wsl_stream *wsl_reduce(wsl_keyed_stream *stream, const char *name, const wsl_function *function);
/* Rolling aggregates: "symbol, SUM(delta) AS net, COUNT(*) AS n"; emits the new values of the key for each row. */
wsl_stream *wsl_aggregate(wsl_keyed_stream *stream, const char *name, const char *aggregates);

/* ---- how rows are spread over the subtasks of what reads the stream; unstated: forward if both sides have equal
 * parallelism, else rebalance ---- */

wsl_stream *wsl_forward(wsl_stream *stream);   /* to the subtask of the same number; equal parallelism only */
wsl_stream *wsl_rebalance(wsl_stream *stream); /* in turn to all */
wsl_stream *wsl_rescale(wsl_stream *stream);   /* in turn to a share of them, without crossing */
wsl_stream *wsl_shuffle(wsl_stream *stream);   /* at random */
wsl_stream *wsl_broadcast(wsl_stream *stream); /* each row to all */
wsl_stream *wsl_global(wsl_stream *stream);    /* all rows to the first */
/* Equal fields to the same subtask, without keyed state. */
#define wsl_hash(stream, ...) wsl_hash_fields(stream, (const char *const[]){__VA_ARGS__, NULL})
wsl_stream *wsl_hash_fields(wsl_stream *stream, const char *const *fields);
wsl_stream *wsl_partition(wsl_stream *stream, const wsl_function *partitioner); /* WSL_PARTITION */

/* ---- sinks ---- */

/* Any sink by its connector's name: built in ("print", "file", "blackhole", "collect") or exported by this library with
 * WSL_SINK_CONNECTOR. */
wsl_sink *wsl_to(wsl_stream *stream, const char *name, const char *connector, const wsl_setting *options);
wsl_sink *wsl_print(wsl_stream *stream, const char *name);     /* to the TaskManagers' output files */
wsl_sink *wsl_to_files(wsl_stream *stream, const char *name, const char *path, const char *format);
wsl_sink *wsl_blackhole(wsl_stream *stream, const char *name); /* counts and forgets */
wsl_sink *wsl_collect(wsl_stream *stream, const char *name);   /* to the client that runs the job */

/* ---- settings of the operator that made a stream (or sink), which is returned again. A stream made by union, a partitioner
 * or side output has no operator of its own: setting one there refuses the job. ---- */

#define WSL_SETTER_(what, setter) _Generic((what), wsl_stream *: wsl_stream_##setter, wsl_sink *: wsl_sink_##setter)

#define wsl_set_parallelism(what, n) WSL_SETTER_(what, set_parallelism)(what, n)
#define wsl_set_max_parallelism(what, n) WSL_SETTER_(what, set_max_parallelism)(what, n)
#define wsl_set_uid(what, uid) WSL_SETTER_(what, set_uid)(what, uid)           /* its identity in savepoints */
#define wsl_set_name(what, name) WSL_SETTER_(what, set_name)(what, name)
#define wsl_set_slot_group(what, group) WSL_SETTER_(what, set_slot_group)(what, group)
#define wsl_start_new_chain(what) WSL_SETTER_(what, start_new_chain)(what)     /* not chained to what it reads from */
#define wsl_disable_chaining(what) WSL_SETTER_(what, disable_chaining)(what)   /* nor to what reads from it */

/* What to do with rows for which the function behind the stream returns an error: "fail", "skip" or "side-output" (poison_row.h). */
#define wsl_set_on_error(stream, policy) wsl_stream_set_on_error(stream, policy)

/* ctx->config and ctx->config_size of the function behind the stream: copied, at most WSL_FUNCTION_CONFIG_MAX bytes. */
#define wsl_set_config(stream, bytes, size) wsl_stream_set_config(stream, bytes, size)
enum { WSL_FUNCTION_CONFIG_MAX = 1 << 20 };

wsl_stream *wsl_stream_set_parallelism(wsl_stream *stream, uint32_t parallelism);
wsl_stream *wsl_stream_set_max_parallelism(wsl_stream *stream, uint32_t max_parallelism);
wsl_stream *wsl_stream_set_uid(wsl_stream *stream, const char *uid);
wsl_stream *wsl_stream_set_name(wsl_stream *stream, const char *name);
wsl_stream *wsl_stream_set_slot_group(wsl_stream *stream, const char *group);
wsl_stream *wsl_stream_start_new_chain(wsl_stream *stream);
wsl_stream *wsl_stream_disable_chaining(wsl_stream *stream);
wsl_stream *wsl_stream_set_config(wsl_stream *stream, const void *bytes, uint32_t size);
wsl_stream *wsl_stream_set_on_error(wsl_stream *stream, const char *policy);

wsl_sink *wsl_sink_set_parallelism(wsl_sink *sink, uint32_t parallelism);
wsl_sink *wsl_sink_set_max_parallelism(wsl_sink *sink, uint32_t max_parallelism);
wsl_sink *wsl_sink_set_uid(wsl_sink *sink, const char *uid);
wsl_sink *wsl_sink_set_name(wsl_sink *sink, const char *name);
wsl_sink *wsl_sink_set_slot_group(wsl_sink *sink, const char *group);
wsl_sink *wsl_sink_start_new_chain(wsl_sink *sink);
wsl_sink *wsl_sink_disable_chaining(wsl_sink *sink);

/* What the stream's rows look like. */
const wsl_schema *wsl_stream_schema(const wsl_stream *stream);
