/*
 * log - event name plus key=value, one line each:
 *
 *     2026-11-21T09:04:10.123Z INFO  job.state job=bb88b0 from=CREATED to=RUNNING
 *
 * A logger is handed to the object that uses it and may carry fields (job, task, attempt) that every line of it repeats.
 * Sinks: stderr, a file with rotation (size, number kept), memory for tests and the page. Values with blanks or quotes
 * are quoted, line breaks escaped. Per-record code counts; it does not log.
 *
 * Threads: any; lines of one sink never mix.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <wiesel/macros.h>
#include <wiesel/status.h>

#include "base/clock.h"
#include "base/fs.h"

typedef enum wsl_log_level { WSL_LOG_DEBUG, WSL_LOG_INFO, WSL_LOG_WARN, WSL_LOG_ERROR } wsl_log_level;

typedef struct wsl_log_sink wsl_log_sink;
typedef struct wsl_logger wsl_logger;

void wsl_log_sink_free(wsl_log_sink *sink);
WSL_NEW_BY(wsl_log_sink_free) wsl_log_sink *wsl_log_sink_stderr(void);
WSL_NEW_BY(wsl_log_sink_free) wsl_log_sink *wsl_log_sink_memory(uint32_t max_lines);
/* path, path.1, ... path.<keep>. */
WSL_MUST_CHECK wsl_status wsl_log_sink_file(wsl_fs *fs, const char *path, uint64_t rotate_bytes, uint32_t keep,
                                            wsl_log_sink **out_sink, wsl_error *err);
/* Writes to both and owns both (frees them with itself). */
WSL_NEW_BY(wsl_log_sink_free) wsl_log_sink *wsl_log_sink_pair(wsl_log_sink *a, wsl_log_sink *b);
/* Memory sink: calls fn for each kept line, oldest first. */
void wsl_log_sink_each(wsl_log_sink *sink, void (*fn)(void *arg, const char *line), void *arg);

void wsl_logger_free(wsl_logger *logger);
/* The sink outlives the logger. */
WSL_NEW_BY(wsl_logger_free) wsl_logger *wsl_logger_new(wsl_log_sink *sink, wsl_clock *clock, wsl_log_level level);
/* A logger on the same sink whose lines carry more fields: "job=%s task=%s". NULL for a NULL parent. */
WSL_NEW_BY(wsl_logger_free) wsl_logger *wsl_logger_with(const wsl_logger *parent, const char *format, ...) WSL_PRINTF(2, 3);
WSL_DEFINE_AUTO(wsl_logger)

/* logger may be NULL: says nothing. Tokens are separated by the blanks of `format`; a blank or quote that comes out of an
 * argument belongs to its value, which is then quoted: "why=%s" is all there is to write. A value of literal words is put
 * in quotes: "why=\"no slots\" n=%d". All of printf but %n, %a, %m and wide characters; one %s gives at most 4 KiB. */
void wsl_log(const wsl_logger *logger, wsl_log_level level, const char *event, const char *format, ...)
    WSL_PRINTF(4, 5);

/* "debug", "INFO"...: either case. */
bool wsl_log_level_parse(const char *text, wsl_log_level *out_level);
