/*
 * connector - what a source or sink implements. Built-in and user connectors look alike: one const descriptor with
 * name, option table and functions.
 *
 * A SOURCE has two halves. The enumerator runs on the JobManager and finds splits; readers run in slots and are handed splits. A
 * source without splits (socket, datagen) has no enumerator: every reader begins by itself and takes its share by subtask and
 * parallelism. No code of jobs runs on the JobManager: a source of a job's own library is refused if it has an enumerator.
 *
 * A SINK has writers in slots. One that makes its output visible in two steps (prepare at a checkpoint's barrier, commit when it
 * is complete) is exactly-once; one without these may repeat output after a failure.
 *
 * CHECKPOINTS. At a barrier a reader saves the splits in its hands with the position behind the last row it has emitted, an
 * enumerator what it has discovered. What they saved comes back before anything else after a failure, in as many pieces as
 * there were old subtasks to take over from (none, one, several if the parallelism changed).
 *
 * Threads: enumerators on the JobManager's loop, readers and writers on their slot's loop. No callback blocks longer than
 * one read or write of a local file takes.
 */
#pragma once
#include <wiesel/bad_record.h>
#include <wiesel/config.h>
#include <wiesel/row.h>
#include <wiesel/state.h>
#include <wiesel/status.h>
#include <wiesel/type.h>
#include <wiesel/version.h>

/* The seams, handed in; see base/clock.h, base/fs.h. */
struct wsl_clock;
struct wsl_fs;
struct wsl_format;
struct wsl_dialer;

/* A split is opaque bytes to everyone but its connector, with a name for people ("trades/0007.json[0..33554432)"). */
typedef struct wsl_split {
    const char *name;
    const void *bytes;
    uint32_t size;
} wsl_split;

enum { WSL_SPLIT_SIZE_MAX = 64 << 10, WSL_SPLIT_NAME_MAX = 512 };

/* Where something is saved to; add copies. */
typedef struct wsl_saver wsl_saver;
struct wsl_saver {
    void (*add)(wsl_saver *saver, const wsl_split *piece);
};

/* ---- enumerator ---- */

typedef struct wsl_enum_ctx wsl_enum_ctx;
struct wsl_enum_ctx {
    struct wsl_fs *fs;
    struct wsl_clock *clock;
    const wsl_config *config; /* checked against the descriptor's options */
    uint32_t parallelism;
    /* Adds a split at the end of the list from which readers are served; copies it. */
    wsl_status (*add_split)(wsl_enum_ctx *ctx, const wsl_split *split);
};

typedef struct wsl_enumerator_class {
    size_t size;
    wsl_status (*open)(void *self, wsl_enum_ctx *ctx, wsl_error *err);
    /* Looks for new splits. WSL_OK: call again at *out_next_ms (wall clock); WSL_END: there will never be more. An error
     * with err->retriable set is logged and tried again, any other fails the job. */
    wsl_status (*discover)(void *self, wsl_enum_ctx *ctx, int64_t *out_next_ms, wsl_error *err);
    void (*close)(void *self);
    /* What it needs so as not to find again what it has found (splits themselves are kept by the JobManager). NULL: nothing. */
    void (*snapshot)(void *self, wsl_enum_ctx *ctx, wsl_saver *save);
    /* After open, before the first discover. */
    wsl_status (*restore)(void *self, wsl_enum_ctx *ctx, const wsl_split *pieces, uint32_t n, wsl_error *err);
} wsl_enumerator_class;

/* ---- reader ---- */

typedef struct wsl_source_ctx wsl_source_ctx;
struct wsl_source_ctx {
    const struct wsl_source_ctx_ops *ops;
    struct wsl_fs *fs;
    struct wsl_clock *clock;
    const wsl_config *config;
    const wsl_schema *schema;        /* of the rows to emit */
    struct wsl_format *format;       /* decoder for the option "format"; NULL if the connector has none */
    const char *operator_name;
    uint32_t subtask;
    uint32_t parallelism;
    uint8_t *out_tip; /* free memory for the next row: [out_tip, out_end) */
    uint8_t *out_end;
    struct wsl_dialer *dialer; /* base/sock.h; NULL: the real network */
    wsl_operator_states *operator_states; /* of the reader's class: state.h */
};

typedef struct wsl_source_ctx_ops {
    /* Room for a row of at least `bytes`; sets out_tip and out_end. */
    wsl_status (*make_room)(wsl_source_ctx *ctx, uint32_t bytes);
    /* Commits the row built at out_tip. */
    wsl_status (*emit)(wsl_source_ctx *ctx, wsl_row *row);
    /* Rows that could not be decoded, by the policy of option "on-error"; see format.h. */
    wsl_status (*bad_record)(wsl_source_ctx *ctx, const char *reason, const char *where, uint64_t offset, wsl_str raw);
    /* Poll me again when this descriptor is readable / at this monotonic time, though I said WSL_AGAIN. fd -1 clears. */
    void (*wake_on_fd)(wsl_source_ctx *ctx, int fd);
    void (*wake_at)(wsl_source_ctx *ctx, int64_t monotonic_ns);
    /* Ask the enumerator for one more split; it arrives by add_split, or no_more_splits is called. */
    void (*request_split)(wsl_source_ctx *ctx);
    void (*split_finished)(wsl_source_ctx *ctx, const char *split_name);
    void (*count)(wsl_source_ctx *ctx, const char *metric, int64_t delta);
    /* Reading of a split begins. Until split_finished it takes part in the source's watermark, which is the minimum over
     * the splits being read (splits that only wait inside the reader hold nobody back), and rows emitted next are its
     * rows. Gives a number for from_split and pause_split. A reader that never calls this is one split. */
    uint32_t (*split_started)(wsl_source_ctx *ctx, const char *split_name);
    /* Rows emitted from now on are of that split: for readers that read several by turns. */
    void (*from_split)(wsl_source_ctx *ctx, uint32_t split);
} wsl_source_ctx_ops;

typedef struct wsl_reader_class {
    size_t size;
    wsl_status (*open)(void *self, wsl_source_ctx *ctx, wsl_error *err);
    wsl_status (*add_split)(void *self, wsl_source_ctx *ctx, const wsl_split *split, wsl_error *err);
    void (*no_more_splits)(void *self, wsl_source_ctx *ctx);
    /* Emits at most max_rows rows. WSL_OK: call again soon; WSL_AGAIN: nothing now, wake me; WSL_END: finished. */
    wsl_status (*poll)(void *self, wsl_source_ctx *ctx, uint32_t max_rows, wsl_error *err);
    void (*close)(void *self, wsl_source_ctx *ctx);
    /* Watermark alignment: that split (a number of split_started) is too far ahead of others; emit nothing of it until told
     * to go on. NULL: the reader is not polled while all splits it reads are too far ahead. */
    void (*pause_split)(void *self, wsl_source_ctx *ctx, uint32_t split, bool pause);
    /* Between two polls: each split in its hands that is not finished, as add_split will take it again, with the position behind
     * the last row emitted. A reader without an enumerator saves whatever tells it where to go on. NULL: it cannot, and begins
     * anew after a failure. */
    wsl_status (*snapshot)(void *self, wsl_source_ctx *ctx, wsl_saver *save, wsl_error *err);
    /* After open, of a reader without an enumerator: what such readers saved; n may be 0: there is nothing left to do for this
     * subtask. NULL: pieces go to add_split. */
    wsl_status (*restore)(void *self, wsl_source_ctx *ctx, const wsl_split *pieces, uint32_t n, wsl_error *err);
    /* Operator state, NULL-terminated: WSL_OPERATOR_STATES(&seen); may be NULL. open finds what a checkpoint had of it. */
    const wsl_operator_state *const *operator_states;
} wsl_reader_class;

typedef struct wsl_source_class {
    const char *name; /* "file", "socket", "datagen", "collection" */
    const char *help;
    const wsl_option *options;              /* ended by a NULL name */
    bool has_format;                        /* takes "format", "on-error" and the format's options */
    bool single;                            /* has one reader only (a socket): parallelism 1 whatever the job's is */
    const wsl_enumerator_class *enumerator; /* NULL: no splits */
    const wsl_reader_class *reader;
    /* Checks that need no cluster (a path that must exist...), before anything starts. May be NULL. */
    wsl_status (*validate)(struct wsl_fs *fs, const wsl_config *config, const wsl_schema *schema, wsl_error *err);
} wsl_source_class;

/* ---- sink ---- */

typedef struct wsl_sink_ctx wsl_sink_ctx;
struct wsl_sink_ctx {
    struct wsl_fs *fs;
    struct wsl_clock *clock;
    const wsl_config *config;
    const wsl_schema *schema;
    struct wsl_format *format; /* encoder */
    const char *operator_name;
    const char *job_id;              /* 32 hex digits */
    bool checkpoints;                /* the job takes them: prepare and commit will be called */
    uint32_t subtask;
    uint32_t parallelism;
    void *host;                      /* the task's, for the two functions below */
    /* Appends to the TaskManager's standard output file (print sink). */
    wsl_status (*write_stdout)(wsl_sink_ctx *ctx, const char *data, size_t size);
    /* Sends encoded rows to the client (collect sink). WSL_AGAIN: the client is behind, keep them and try again. */
    wsl_status (*send_to_client)(wsl_sink_ctx *ctx, const wsl_row *const *rows, uint32_t n);
    /* Call flush at this monotonic time, though no rows came; the last call counts. NULL: this host cannot. */
    void (*wake_at)(wsl_sink_ctx *ctx, int64_t monotonic_ns);
    wsl_operator_states *operator_states; /* of the writer's class: state.h */
    const char *operator_uid; /* of the operator, the same in all runs of the job */
    uint32_t attempt;         /* of the job: greater after each failure. A writer of an earlier one may still be at work somewhere */
};

typedef struct wsl_writer_class {
    size_t size;
    wsl_status (*open)(void *self, wsl_sink_ctx *ctx, wsl_error *err);
    /* WSL_OK: all n rows taken. WSL_AGAIN: *out_taken rows taken, call again later with the rest. */
    wsl_status (*write)(void *self, wsl_sink_ctx *ctx, const wsl_row *const *rows, uint32_t n, uint32_t *out_taken,
                        wsl_error *err);
    /* Nothing more to write for the moment: hand what is buffered to the operating system. */
    wsl_status (*flush)(void *self, wsl_sink_ctx *ctx, wsl_error *err);
    /* The input ended: make everything durable and visible. */
    wsl_status (*finish)(void *self, wsl_sink_ctx *ctx, wsl_error *err);
    void (*close)(void *self, wsl_sink_ctx *ctx); /* after finish, cancel or failure */
    /* A barrier: what was written up to here becomes visible when that checkpoint is complete. Saves what restore needs for that.
     * All of it is durable, though not visible, when this returns. NULL: rows are visible at once, and come again after a
     * failure. */
    wsl_status (*prepare)(void *self, wsl_sink_ctx *ctx, uint64_t checkpoint, wsl_saver *save, wsl_error *err);
    /* That checkpoint is complete: all that was prepared for it or an earlier one becomes visible. Doing so twice is doing it
     * once. */
    wsl_status (*commit)(void *self, wsl_sink_ctx *ctx, uint64_t checkpoint, wsl_error *err);
    /* After open, before the first row: what was saved for the checkpoint that is gone back to, maybe by several subtasks or (n
     * is 0) by none. Commits what was pending then and drops what came later. */
    wsl_status (*restore)(void *self, wsl_sink_ctx *ctx, const wsl_split *pieces, uint32_t n, wsl_error *err);
    const wsl_operator_state *const *operator_states; /* as a reader's */
} wsl_writer_class;

typedef struct wsl_sink_class {
    const char *name; /* "print", "file", "blackhole", "collect" */
    const char *help;
    const wsl_option *options;
    bool has_format;
    const wsl_writer_class *writer;
    wsl_status (*validate)(struct wsl_fs *fs, const wsl_config *config, const wsl_schema *schema, wsl_error *err);
} wsl_sink_class;

/* ---- connectors of a job library ----
 *
 *     WSL_SOURCE_CONNECTOR(ticker, .help = "...", .options = ticker_options, .reader = &ticker_reader);
 *
 * at file scope exports a source that the same library's jobs use by the name "ticker". Built-in names win. */
#define WSL_SOURCE_CONNECTOR(token, ...)                                                           \
    extern const wsl_source_class wiesel_source_##token;                                           \
    WSL_EXPORT const wsl_source_class wiesel_source_##token = {.name = #token, __VA_ARGS__}
#define WSL_SINK_CONNECTOR(token, ...)                                                             \
    extern const wsl_sink_class wiesel_sink_##token;                                               \
    WSL_EXPORT const wsl_sink_class wiesel_sink_##token = {.name = #token, __VA_ARGS__}
