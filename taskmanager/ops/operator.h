/*
 * operator - what runs inside a task: a chain (a tree, really) of operators, each a const class over batches of rows.
 *
 * A batch is an array of pointers to rows of kind DATA, valid during the call only. An operator takes all rows it is
 * given (it never says "again"): rows it cannot finish now (a resumable flat_map, a sink that is behind) it puts aside
 * with tm_op_suspend, other unfinished work (a long burst of timers) it notes with op->busy. Either way op->pending is
 * set; the task then steps nothing else of the chain until tm_op_resume has worked that off. Rows and marks that arrive
 * meanwhile queue up behind, so order is kept.
 *
 * Output goes through tm_op_emit_*: to chained operators by direct call, to channels by the task's outputs. emit never
 * blocks.
 *
 * A failure is a status other than WSL_OK; its sentence was put into the task's error by tm_op_fail, which adds the
 * operator's name. The first failure wins.
 *
 * Threads: one slot loop.
 */
#pragma once
#include <wiesel/connector.h>
#include <wiesel/context.h>
#include <wiesel/function.h>
#include <wiesel/row.h>
#include <wiesel/status.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/rng.h"
#include "base/waker.h"
#include "control.pb-c.h"
#include "data/key.h"

typedef struct tm_op tm_op;
typedef struct tm_op_class tm_op_class;
typedef struct tm_op_host tm_op_host;
typedef struct tm_op_env tm_op_env;
struct tm_late_samples;           /* window/late_samples.h */
typedef struct tm_output tm_output; /* net/output.h: partitioner and channels of one outgoing edge */
struct tm_generator_report;         /* time/time_report.h */
struct tm_snapshot;                 /* ckpt/snapshot.h */
struct tm_restore;                  /* ckpt/restore.h */

enum { TM_BATCH_ROWS = 512 }; /* rows of one batch at most */
#define TM_NO_SPLIT UINT32_MAX

/* What an operator may ask of the task that runs it. */
struct tm_op_host {
    void (*wake_at)(tm_op_host *host, tm_op *op, int64_t monotonic_ns); /* tm_op_resume at that time at the latest */
    void (*wake_on_fd)(tm_op_host *host, tm_op *op, int fd);            /* -1 clears */
    void (*request_split)(tm_op_host *host, tm_op *op, const char *finished);
    wsl_status (*write_stdout)(tm_op_host *host, const char *data, size_t size);
    wsl_status (*send_to_client)(tm_op_host *host, tm_op *op, const wsl_row *const *rows, uint32_t n);
    void (*end_of_client_data)(tm_op_host *host, tm_op *op);
    /* Any thread may call it until the operator is closed: tm_op_resume soon. May be NULL: resume is called anyway. */
    wsl_waker (*waker)(tm_op_host *host, tm_op *op);
    /* How far a watermark strategy has come, to its alignment group. NULL: this host cannot. */
    void (*report_watermark)(tm_op_host *host, tm_op *op, int64_t watermark, bool idle);
    wsl_error *error; /* of the task */
};

/* What a source tells the operators right behind it about its splits, between the rows it concerns. */
typedef enum tm_split_news {
    TM_SPLIT_STARTED,  /* is being read, and rows are its rows from now on */
    TM_SPLIT_CURRENT,  /* rows are its rows from now on */
    TM_SPLIT_FINISHED, /* gives no more rows; its number is free */
} tm_split_news;

typedef struct tm_split_event {
    tm_split_news news;
    uint32_t split; /* number */
    const char *name;
    tm_op *source;
} tm_split_event;

struct tm_op_env {
    const Wsl__Pb__Operator *desc;
    const wsl_schema *input[2];   /* NULL for sources */
    const wsl_schema *output;     /* NULL for sinks */
    const wsl_key_spec *key;      /* of input 0, for keyed operators; else NULL */
    const wsl_key_spec *key_1;    /* of input 1, if that is keyed too: fields of the same types */
    const wsl_schema *key_schema; /* row of the key fields */
    uint32_t subtask;
    uint32_t parallelism;
    uint32_t max_parallelism;
    uint32_t split_number; /* sources: of rows that are of no split that has a number; 0: none */
    uint32_t attempt;      /* of the task; later ones have greater numbers */
    const char *job_id; /* 32 hex digits */
    const char *job_name;
    const void *artifact;           /* wsl_plugin *, NULL for jobs of built-in operators; see plugin/plugin.h */
    const wsl_function *function;   /* desc->function, resolved; NULL if it names none */
    const wsl_function *const *functions; /* desc->functions, resolved, in their order; see tm_op_function */
    const wsl_source_class *source; /* desc->connector of a source */
    const wsl_sink_class *sink;     /* ... of a sink */
    const wsl_schema *const *sides; /* schemas of desc->sides */
    bool after_source;              /* chained right behind a source */
    const wsl_config *job_config;   /* option table wsl_job_options; NULL: all defaults */
    wsl_clock *clock;
    wsl_fs *fs;
    wsl_rng *rng;
    const wsl_logger *log;
    tm_op_host *host;
    struct tm_helper_group *helpers; /* async/helpers.h; NULL: none, what they would do is done on the spot */
};

struct tm_op_class {
    const char *kind;
    size_t size; /* of the struct that begins with tm_op; zeroed */
    wsl_status (*open)(tm_op *op, wsl_error *err);
    wsl_status (*on_rows)(tm_op *op, uint32_t input, const wsl_row *const *rows, uint32_t n);
    /* With two inputs: what both together say. */
    wsl_status (*on_watermark)(tm_op *op, int64_t watermark); /* NULL: forward */
    wsl_status (*on_idle)(tm_op *op, bool idle);              /* NULL: forward */
    /* Goes on with the work that set op->busy, or polls the source, or fires processing-time timers. Clears busy when
     * none of it is left. WSL_OK: more to do at once (if busy or it is a source); WSL_AGAIN: nothing until woken;
     * WSL_END: the source has ended. May be NULL. */
    wsl_status (*resume)(tm_op *op);
    /* All input ended, after watermark MAX; NULL: nothing. WSL_AGAIN: not finished, call again. */
    wsl_status (*on_end)(tm_op *op);
    /* Sources: a split and the number for its rows (0: none), or that there are no more, or (neither) that there is none for
     * the moment. */
    wsl_status (*on_split)(tm_op *op, const wsl_split *split, uint32_t number, bool no_more);
    void (*pause_split)(tm_op *op, uint32_t split, bool pause); /* sources; every pause is taken back once */
    wsl_status (*on_split_event)(tm_op *op, const tm_split_event *event); /* right behind a source; NULL: nothing */
    wsl_status (*on_limit)(tm_op *op, int64_t limit); /* of its alignment group: splits above it wait */
    void (*report_time)(tm_op *op, int64_t now_ms, struct tm_generator_report *out); /* watermark strategies */
    wsl_status (*flush)(tm_op *op); /* the task has nothing else to do (sinks write out) */
    /* What it remembers, at a barrier: everything before it was worked on, nothing of it is pending. NULL: it remembers nothing.
     * An operator with `holds_rows` is asked with rows in hand or queued, too, and puts them in. */
    wsl_status (*snapshot)(tm_op *op, struct tm_snapshot *out);
    bool holds_rows;
    /* After open, before the first row: what it remembered. It takes every section it is given; there may be none. NULL like
     * snapshot. */
    wsl_status (*restore)(tm_op *op, struct tm_restore *in);
    /* The checkpoint is durable: what waited for it may be seen by others. May come late, twice, or (after a failure) not at
     * all: then restore brings what was pending. NULL: nothing waits. */
    wsl_status (*checkpoint_complete)(tm_op *op, uint64_t checkpoint);
    void (*checkpoint_aborted)(tm_op *op, uint64_t checkpoint); /* NULL: nothing to take back */
    void (*close)(tm_op *op);       /* always called once if open was */
};

typedef struct tm_target {
    tm_op *op; /* chained: direct call ... */
    uint32_t input;
    tm_output *output; /* ... or an outgoing edge */
} tm_target;

typedef struct tm_targets {
    tm_target *target;
    uint32_t n;
} tm_targets;

/* A user metric, made at its first use. */
typedef struct tm_op_count {
    char *name;
    int64_t value;
} tm_op_count;

/* What the operators of one chain share. */
typedef struct tm_op_shared {
    uint32_t rows_per_step;   /* that a source may emit at once */
    uint32_t n_pending;       /* operators with pending set, collectors behind them too */
    uint64_t overdraft_bytes; /* that one operator may put aside: task.overdraft.max */
    /* State is being restored: watermarks that come say how far the input was, and are passed on, but nothing fires. */
    bool restoring;
} tm_op_shared;

struct tm_op {
    const tm_op_class *cls;
    tm_op_env env;
    const char *name;
    tm_targets main;
    tm_targets *sides; /* in the order of desc->sides */
    uint32_t n_sides;
    bool pending;          /* has unfinished work; kept by operator.c: busy, or end_again, or something is queued */
    bool busy;             /* set and cleared by the class: unfinished work of its own, which resume goes on with */
    bool waiting;          /* set by the class when it suspends because it needs a wake-up, not just another turn */
    bool outside;          /* ... from somebody outside the job, not from what is behind it: the task counts as busy */
    bool end_again;        /* on_end said WSL_AGAIN */
    bool ended;            /* its end was passed on */
    bool uncommitted;      /* set and cleared by the class: what it has written waits for a checkpoint to be complete; a task whose
                            * input has ended does not end before that */
    bool input_ended[2];   /* no more rows come by it */
    bool out_idle;         /* last emitted status */
    int64_t watermark;     /* of its input; WSL_TIME_MIN before the first */
    int64_t out_watermark; /* last emitted */
    uint64_t rows_in, rows_out;
    const wsl_row *current; /* the row in hand, for error messages; may be NULL */
    bool current_is_key;    /* ... is a key (a timer fires): of env.key_schema, not env.input[current_input] */
    uint32_t current_input; /* that the running batch came by */
    tm_op_count *counts;
    uint32_t n_counts;
    struct tm_state_report *state_report; /* what it keeps by key; NULL: nothing. state_report.h */
    struct tm_op_lists *lists;    /* operator state, never NULL; op_lists.h */
    struct tm_late_samples *late; /* of an operator that judges rows as late, set by its open; freed with the chain */
    tm_op_shared *shared;
    struct tm_pending *queue; /* rows and marks that wait until nothing is pending; see pending.h */
    uint32_t left;            /* rows of the running batch that tm_op_suspend put off, while resuming */
    bool resuming;            /* the running batch comes from the queue */
    bool opened;              /* open was called */
};

/* The further function of that role ("window", "trigger"...); NULL if the operator has none. */
const wsl_function *tm_op_function(const tm_op *op, const char *role);

/* By kind; NULL if unknown. */
const tm_op_class *tm_op_class_find(const char *kind);

/* ---- for operators ---- */
wsl_status tm_op_emit_rows(tm_op *op, const wsl_row *const *rows, uint32_t n);
wsl_status tm_op_emit_side(tm_op *op, uint32_t side, const wsl_row *const *rows, uint32_t n);
wsl_status tm_op_emit_watermark(tm_op *op, int64_t watermark); /* to main and side outputs */
wsl_status tm_op_emit_idle(tm_op *op, bool idle);
wsl_status tm_op_emit_end(tm_op *op);
wsl_status tm_op_fail(tm_op *op, wsl_status status, const char *format, ...) WSL_PRINTF(3, 4);
wsl_status tm_op_vfail(tm_op *op, wsl_status status, const char *format, va_list args) WSL_PRINTF(3, 0);
/* Adds to a user metric. Names are copied; at most TM_OP_COUNTS_MAX per operator, later ones are not counted. */
void tm_op_count_add(tm_op *op, const char *metric, int64_t delta);
/* The same for a metric that is not a sum over time. */
void tm_op_count_set(tm_op *op, const char *metric, int64_t value);
enum { TM_OP_COUNTS_MAX = 256 };
/* From inside on_rows: these last n rows of the batch are to be done later, by another on_rows. */
wsl_status tm_op_suspend(tm_op *op, uint32_t input, const wsl_row *const *rows, uint32_t n);
/* While state is restored: rows and marks that were in hand or queued, in their order; they go in before anything that comes. */
void tm_op_requeue_rows(tm_op *op, uint32_t input, const wsl_row *const *rows, uint32_t n);
void tm_op_requeue_mark(tm_op *op, uint32_t input, wsl_row_kind kind, int64_t timestamp);
/* Should an operator that has more to emit wait? Something behind it is pending, or an output it leads to has no room.
 * Operators that multiply rows ask after each batch they sent on from within one. */
bool tm_op_blocked(const tm_op *op);

/* ---- for the task and for emit: deliver to an operator, through its pending queue if it has one ---- */
wsl_status tm_op_deliver_rows(tm_op *op, uint32_t input, const wsl_row *const *rows, uint32_t n);
wsl_status tm_op_deliver_watermark(tm_op *op, int64_t watermark);
wsl_status tm_op_deliver_idle(tm_op *op, bool idle);
/* That input has ended. Once all have, so has the operator. */
wsl_status tm_op_deliver_end(tm_op *op, uint32_t input);
/* Goes on with what is pending, in order: the class's own work, then what waits behind it; polls a source. The task
 * calls this, never cls->resume. WSL_OK: more to do at once; WSL_AGAIN: nothing to do until woken (wake_at, wake_on_fd,
 * drained outputs); WSL_END: the source has ended, and its end was passed on. */
wsl_status tm_op_resume(tm_op *op);

/* ---- implemented by net/output.c ---- */
wsl_status tm_output_rows(tm_output *output, const wsl_row *const *rows, uint32_t n);
wsl_status tm_output_mark(tm_output *output, wsl_row_kind kind, int64_t timestamp); /* to every channel */
/* To every channel, as the last row of its buffer, which is on its way or waits for credit afterwards. */
wsl_status tm_output_barrier(tm_output *output, const wsl_row *barrier);
