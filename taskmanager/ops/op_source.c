/*
 * op_source - runs a connector's reader. Rows are built in an arena of 64 KiB and sent on when it is full, when there
 * are TM_BATCH_ROWS of them, or when the reader has nothing more for now.
 *
 * A reader that is handed splits is idle (gives no watermarks) whenever it has none and the JobManager has said that
 * there is none for it, so that a subtask without splits holds nobody back. While its question is unanswered it may get
 * any split, so it is not idle yet.
 *
 * Which split rows are of goes to the operators right behind as events between the rows (tm_split_event), and further with
 * the rows, as a number in their flags that the JobManager gave with the split, or to the subtask for rows of no split. A split that
 * a watermark strategy pauses is the reader's to leave alone (pause_split); a reader that cannot is not polled while
 * all splits it reads are paused.
 *
 * A checkpoint gets what the reader saves, as section "splits"; each piece with its split's number. It is taken between two polls,
 * when all rows that the reader has built were sent on. Splits that come back are in the reader's hands before it asks for new
 * ones; questions under way at a failure are asked again.
 */
#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "base/vec.h"
#include "format/bad_record.h"
#include "format/format.h"
#include "graph/operator_options.h"
#include "taskmanager/ops/fn_ctx.h"
#include "taskmanager/ops/op_classes.h"
#include "taskmanager/ops/op_lists.h"
#include "taskmanager/ops/pieces.h"

/* Once a split had to wait for others the reader is asked for no more rows at once: none of them can be stopped. */
enum { ALIGNED_ROWS = 32 };

/* A split being read; its number is its place. */
typedef struct reading_split {
    char *name; /* NULL: the place is free */
    uint32_t pauses;
    uint32_t number; /* that its rows carry */
} reading_split;

/* A split in the reader's hands, begun or not. */
typedef struct given_split {
    char *name;
    uint32_t number;
} given_split;

typedef struct op_source {
    tm_op op;
    wsl_source_ctx ctx;
    void *reader;
    wsl_config *config;
    wsl_format *format;
    wsl_on_error on_error;
    uint32_t bad_side; /* the side output for bad records; n_sides if there is none */
    char *finished;    /* a split to be reported with the next request */
    uint32_t n_splits; /* in the reader's hands */
    uint32_t asked;    /* requests for splits that were not answered at all ... */
    uint32_t put_off;  /* ... and those answered with "none for the moment" */
    reading_split *reading;
    uint32_t reading_capacity, n_reading, n_paused;
    WSL_VEC(given_split) given;
    uint32_t current;  /* split of the rows emitted now; TM_NO_SPLIT */
    uint16_t row_split; /* ... as bits of their flags */
    uint32_t implicit; /* the one that stands for a reader that does not speak of splits; TM_NO_SPLIT */
    bool careful;      /* splits are told to wait now and then */
    bool reader_open;
    bool started;
    bool done; /* had ended before the checkpoint that is gone back to */
    wsl_status failed;
    tm_row_arena arena;
    uint32_t n_out;
    const wsl_row *out[TM_BATCH_ROWS];
} op_source;

static op_source *self(tm_op *op) { return (op_source *)(void *)op; }
static op_source *of_ctx(wsl_source_ctx *ctx) { return (op_source *)(void *)((char *)ctx - offsetof(op_source, ctx)); }

static bool has_enumerator(const op_source *s) { return s->op.env.source->enumerator != NULL; }

/* ---- splits being read ---- */

static wsl_status tell_targets(const tm_targets *targets, const tm_split_event *event)
{
    for (uint32_t i = 0; i < targets->n; i++) {
        tm_op *op = targets->target[i].op;
        if (op != NULL && op->cls->on_split_event != NULL) {
            WSL_TRY(op->cls->on_split_event(op, event));
        }
    }
    return WSL_OK;
}

static void tell_split(op_source *s, tm_split_news news, uint32_t split)
{
    const tm_split_event event = {news, split, s->reading[split].name, &s->op};
    wsl_status status = tell_targets(&s->op.main, &event);
    for (uint32_t i = 0; i < s->op.n_sides && status == WSL_OK; i++) {
        status = tell_targets(&s->op.sides[i], &event);
    }
    if (status != WSL_OK) {
        s->failed = status;
    }
}

/* Rows are this split's from now on. */
static void make_current(op_source *s, uint32_t split)
{
    s->current = split;
    s->row_split = (uint16_t)(s->reading[split].number << WSL_ROW_SPLIT_SHIFT);
}

/* The number of a split that was handed to the reader; a split of its own has the subtask's. */
static uint32_t number_of(const op_source *s, const char *name)
{
    for (uint32_t i = 0; i < s->given.n; i++) {
        if (strcmp(s->given.items[i].name, name) == 0) {
            return s->given.items[i].number;
        }
    }
    return s->op.env.split_number;
}

static void give(op_source *s, const char *name, uint32_t number)
{
    const given_split given = {wsl_strdup(name), number < WSL_ROW_SPLITS ? number : 0};
    wsl_vec_push(&s->given, given);
}

static void take_back(op_source *s, const char *name)
{
    for (uint32_t i = 0; i < s->given.n; i++) {
        if (strcmp(s->given.items[i].name, name) == 0) {
            free(s->given.items[i].name);
            s->given.items[i] = s->given.items[--s->given.n];
            return;
        }
    }
}

static uint32_t begin_split(op_source *s, const char *name)
{
    uint32_t i = 0;
    while (i < s->reading_capacity && s->reading[i].name != NULL) {
        i++;
    }
    if (i == s->reading_capacity) {
        s->reading_capacity = i == 0 ? 2 : 2 * i;
        s->reading = wsl_realloc(s->reading, s->reading_capacity * sizeof *s->reading);
        memset(s->reading + i, 0, (s->reading_capacity - i) * sizeof *s->reading);
    }
    s->reading[i] = (reading_split){.name = wsl_strdup(name), .number = number_of(s, name)};
    s->n_reading++;
    make_current(s, i);
    tell_split(s, TM_SPLIT_STARTED, i);
    return i;
}

static void begin_implicit(op_source *s) { s->implicit = begin_split(s, ""); }

static void finish_split(op_source *s, uint32_t split)
{
    tell_split(s, TM_SPLIT_FINISHED, split); /* who paused it takes that back, or forgets it */
    s->n_paused -= s->reading[split].pauses > 0;
    s->n_reading--;
    free(s->reading[split].name);
    s->reading[split] = (reading_split){0};
    s->current = s->current == split ? TM_NO_SPLIT : s->current;
    s->implicit = s->implicit == split ? TM_NO_SPLIT : s->implicit;
}

static void source_pause_split(tm_op *op, uint32_t split, bool pause)
{
    op_source *s = self(op);
    reading_split *of = split < s->reading_capacity ? &s->reading[split] : NULL;
    WSL_ASSERT(of != NULL && of->name != NULL && (pause || of->pauses > 0));
    const bool was = of->pauses > 0;
    of->pauses += pause ? 1u : UINT32_MAX;
    const bool is = of->pauses > 0;
    if (was == is) {
        return;
    }
    s->careful = true;
    s->n_paused += is ? 1u : UINT32_MAX;
    const wsl_reader_class *reader = op->env.source->reader;
    if (reader->pause_split != NULL) {
        reader->pause_split(s->reader, &s->ctx, split, is);
    }
    if (!is) {
        op->env.host->wake_at(op->env.host, op, wsl_now_ns(op->env.clock)); /* poll again */
    }
}

/* ---- sending on ---- */

static wsl_status flush_rows(op_source *s)
{
    const uint32_t n = s->n_out;
    s->n_out = 0;
    const wsl_status status = tm_op_emit_rows(&s->op, s->out, n);
    s->ctx.out_tip = s->arena.data;
    if (status != WSL_OK) {
        s->failed = status;
    }
    return status;
}

static wsl_status source_make_room(wsl_source_ctx *ctx, uint32_t bytes)
{
    op_source *s = of_ctx(ctx);
    if (bytes > WSL_ROW_SIZE_MAX_DEFAULT) {
        return s->failed =
                   tm_op_fail(&s->op, WSL_TOO_LARGE, "a row of %" PRIu32 " bytes is larger than the maximum of %d",
                              bytes, WSL_ROW_SIZE_MAX_DEFAULT);
    }
    WSL_TRY(flush_rows(s));
    if (bytes > s->arena.size) {
        free(s->arena.data);
        s->arena.data = wsl_alloc(bytes);
        s->arena.size = bytes;
    }
    ctx->out_tip = s->arena.data;
    ctx->out_end = s->arena.data + s->arena.size;
    return WSL_OK;
}

static wsl_status source_emit(wsl_source_ctx *ctx, wsl_row *row)
{
    op_source *s = of_ctx(ctx);
    if (WSL_UNLIKELY((uint8_t *)row != ctx->out_tip)) {
        return s->failed = tm_op_fail(&s->op, WSL_INTERNAL, "its reader emits a row that was not built at out_tip");
    }
    if (WSL_UNLIKELY(s->current == TM_NO_SPLIT)) {
        begin_implicit(s);
    }
    ctx->out_tip += row->size;
    row->flags = (uint16_t)(row->flags | s->row_split); /* a row just built has no number yet */
    s->out[s->n_out++] = row;
    return s->n_out == TM_BATCH_ROWS ? flush_rows(s) : WSL_OK;
}

static wsl_status send_bad_record(op_source *s, const char *reason, const char *where, uint64_t offset, wsl_str raw)
{
    if (s->bad_side == s->op.n_sides || s->op.sides[s->bad_side].n == 0) {
        return WSL_OK; /* nobody reads them */
    }
    const uint32_t room = wsl_bad_record_room(reason, where, raw);
    void *memory = wsl_alloc(room); /* bad records are rare */
    const wsl_row *row = wsl_bad_record_build(memory, room, reason, where, offset, raw);
    wsl_status status = flush_rows(s); /* in the order of the input */
    if (s->current == TM_NO_SPLIT) {
        begin_implicit(s);
    }
    if (status == WSL_OK && row != NULL) {
        status = tm_op_emit_side(&s->op, s->bad_side, &row, 1);
    }
    free(memory);
    return status;
}

static wsl_status source_bad_record(wsl_source_ctx *ctx, const char *reason, const char *where, uint64_t offset,
                                    wsl_str raw)
{
    op_source *s = of_ctx(ctx);
    if (s->on_error == WSL_ON_ERROR_FAIL) {
        wsl_error err = {0};
        const wsl_status status = wsl_bad_record_fail(&err, reason, where, offset, raw);
        return s->failed = tm_op_fail(&s->op, status, "%s", err.text);
    }
    tm_op_count_add(&s->op, "numRecordsInErrors", 1);
    return s->on_error == WSL_ON_ERROR_SIDE_OUTPUT ? send_bad_record(s, reason, where, offset, raw) : WSL_OK;
}

/* ---- what else a reader may ask ---- */

static void source_wake_on_fd(wsl_source_ctx *ctx, int fd)
{
    tm_op *op = &of_ctx(ctx)->op;
    op->env.host->wake_on_fd(op->env.host, op, fd);
}

static void source_wake_at(wsl_source_ctx *ctx, int64_t monotonic_ns)
{
    tm_op *op = &of_ctx(ctx)->op;
    op->env.host->wake_at(op->env.host, op, monotonic_ns);
}

static void source_request_split(wsl_source_ctx *ctx)
{
    op_source *s = of_ctx(ctx);
    char *finished = WSL_TAKE(s->finished);
    s->asked++;
    s->op.env.host->request_split(s->op.env.host, &s->op, finished != NULL ? finished : "");
    free(finished);
}

static void source_split_finished(wsl_source_ctx *ctx, const char *split_name)
{
    op_source *s = of_ctx(ctx);
    if (s->finished != NULL) {
        source_request_split(ctx); /* each one is reported; a split more in hand does no harm */
    }
    s->finished = wsl_strdup(split_name);
    s->n_splits -= s->n_splits > 0;
    take_back(s, split_name);
    for (uint32_t i = 0; i < s->reading_capacity; i++) {
        if (s->reading[i].name != NULL && strcmp(s->reading[i].name, split_name) == 0) {
            (void)flush_rows(s);
            finish_split(s, i);
            return;
        }
    }
}

static uint32_t source_split_started(wsl_source_ctx *ctx, const char *split_name)
{
    op_source *s = of_ctx(ctx);
    (void)flush_rows(s);
    if (s->implicit != TM_NO_SPLIT) {
        finish_split(s, s->implicit); /* it does speak of splits */
    }
    return begin_split(s, split_name);
}

static void source_from_split(wsl_source_ctx *ctx, uint32_t split)
{
    op_source *s = of_ctx(ctx);
    if (split == s->current) {
        return;
    }
    if (split >= s->reading_capacity || s->reading[split].name == NULL) {
        s->failed =
            tm_op_fail(&s->op, WSL_INTERNAL, "its reader reads from split %" PRIu32 ", which it did not start", split);
        return;
    }
    (void)flush_rows(s);
    make_current(s, split);
    tell_split(s, TM_SPLIT_CURRENT, split);
}

static void source_count(wsl_source_ctx *ctx, const char *metric, int64_t delta)
{
    tm_op_count_add(&of_ctx(ctx)->op, metric, delta);
}

static const wsl_source_ctx_ops source_ops = {
    .make_room = source_make_room,
    .emit = source_emit,
    .bad_record = source_bad_record,
    .wake_on_fd = source_wake_on_fd,
    .wake_at = source_wake_at,
    .request_split = source_request_split,
    .split_finished = source_split_finished,
    .count = source_count,
    .split_started = source_split_started,
    .from_split = source_from_split,
};

/* ---- life ---- */

static uint32_t find_bad_side(const tm_op *op)
{
    uint32_t i = 0;
    while (i < op->n_sides && strcmp(op->env.desc->sides[i]->tag, WSL_BAD_RECORDS) != 0) {
        i++;
    }
    return i;
}

static wsl_status source_open(tm_op *op, wsl_error *err)
{
    op_source *s = self(op);
    const wsl_source_class *cls = op->env.source;
    WSL_TRY(wsl_operator_config_new(op->env.desc, op->env.artifact, &s->config, err));
    if (cls->has_format) {
        WSL_TRY(wsl_format_new(wsl_config_str(s->config, "format"), op->env.output, s->config, &s->format, err));
        s->on_error = wsl_on_error_of(s->config);
    }
    s->bad_side = find_bad_side(op);
    s->current = s->implicit = TM_NO_SPLIT;
    s->arena = (tm_row_arena){.data = wsl_alloc(TM_ARENA_BYTES), .size = TM_ARENA_BYTES};
    s->ctx = (wsl_source_ctx){
        .ops = &source_ops,
        .fs = op->env.fs,
        .clock = op->env.clock,
        .config = s->config,
        .schema = op->env.output,
        .format = s->format,
        .operator_name = op->name,
        .subtask = op->env.subtask,
        .parallelism = op->env.parallelism,
        .out_tip = s->arena.data,
        .out_end = s->arena.data + s->arena.size,
        .operator_states = tm_op_lists_handle(op->lists),
    };
    s->reader = wsl_zalloc(cls->reader->size == 0 ? 1 : cls->reader->size);
    s->reader_open = true;
    return cls->reader->open != NULL ? cls->reader->open(s->reader, &s->ctx, err) : WSL_OK;
}

static void source_close(tm_op *op)
{
    op_source *s = self(op);
    if (s->reader_open && op->env.source->reader->close != NULL) {
        op->env.source->reader->close(s->reader, &s->ctx);
    }
    free(s->reader);
    free(s->finished);
    for (uint32_t i = 0; i < s->reading_capacity; i++) {
        free(s->reading[i].name);
    }
    free(s->reading);
    for (uint32_t i = 0; i < s->given.n; i++) {
        free(s->given.items[i].name);
    }
    wsl_vec_fini(&s->given);
    free(s->arena.data);
    wsl_format_free(s->format);
    wsl_config_free(s->config);
}

/* ---- running ---- */

/* Into the task's error, with the operator's name. A reader may say that trying again can help. */
static wsl_status reader_failed(op_source *s, wsl_status status, const wsl_error *err)
{
    if (s->failed != WSL_OK) {
        return s->failed; /* told already */
    }
    s->failed = tm_op_fail(&s->op, status, "%s", err->text[0] != '\0' ? err->text : wsl_status_text(status));
    s->op.env.host->error->retriable = err->retriable;
    return s->failed;
}

static wsl_status tell_idleness(op_source *s)
{
    return has_enumerator(s) ? tm_op_emit_idle(&s->op, s->n_splits == 0 && s->asked == 0) : WSL_OK;
}

/* Is all it could read told to wait? */
static bool waits_for_others(const op_source *s)
{
    return s->n_paused > 0 && s->n_paused == s->n_reading && s->op.env.source->reader->pause_split == NULL;
}

static wsl_status poll_reader(op_source *s, wsl_error *err)
{
    if (s->done) {
        return WSL_END;
    }
    if (!s->started) {
        s->started = true;
        if (!has_enumerator(s)) {
            begin_implicit(s);
        }
    }
    if (s->failed != WSL_OK) {
        return s->failed;
    }
    const uint32_t rows = s->op.shared->rows_per_step;
    return s->op.env.source->reader->poll(s->reader, &s->ctx, s->careful && rows > ALIGNED_ROWS ? ALIGNED_ROWS : rows,
                                          err);
}

static wsl_status source_resume(tm_op *op)
{
    op_source *s = self(op);
    if (waits_for_others(s)) {
        return WSL_AGAIN; /* source_pause_split wakes us */
    }
    wsl_error err;
    wsl_error_none(&err);
    const wsl_status status = poll_reader(s, &err);
    if (s->failed != WSL_OK || (status != WSL_OK && status != WSL_AGAIN && status != WSL_END)) {
        return reader_failed(s, status, &err);
    }
    WSL_TRY(flush_rows(s));
    if (s->arena.size > TM_ARENA_BYTES) { /* after a large row */
        free(s->arena.data);
        s->arena = (tm_row_arena){.data = wsl_alloc(TM_ARENA_BYTES), .size = TM_ARENA_BYTES};
        s->ctx.out_tip = s->arena.data;
        s->ctx.out_end = s->arena.data + s->arena.size;
    }
    if (status != WSL_END) {
        WSL_TRY(tell_idleness(s));
    }
    return status;
}

static void note_answer(op_source *s, bool none_yet)
{
    if (none_yet) {
        s->put_off += s->asked > 0;
        s->asked -= s->asked > 0;
    } else if (s->put_off > 0) {
        s->put_off--;
    } else {
        s->asked -= s->asked > 0;
    }
}

/* Into the reader's hands. */
static wsl_status hand_over(op_source *s, const wsl_split *split, uint32_t number)
{
    const wsl_reader_class *reader = s->op.env.source->reader;
    if (reader->add_split == NULL) {
        return tm_op_fail(&s->op, WSL_INTERNAL, "was given the split '%s', but its reader takes none", split->name);
    }
    s->n_splits++;
    give(s, split->name, number);
    WSL_TRY(tell_idleness(s));
    wsl_error err = {0};
    const wsl_status status = reader->add_split(s->reader, &s->ctx, split, &err);
    return status == WSL_OK ? WSL_OK : reader_failed(s, status, &err);
}

static wsl_status source_split(tm_op *op, const wsl_split *split, uint32_t number, bool no_more)
{
    op_source *s = self(op);
    const wsl_reader_class *reader = op->env.source->reader;
    note_answer(s, split == NULL && !no_more);
    if (no_more) {
        if (reader->no_more_splits != NULL) {
            reader->no_more_splits(s->reader, &s->ctx);
        }
        return WSL_OK;
    }
    if (split == NULL) {
        return tell_idleness(s);
    }
    return hand_over(s, split, number);
}

/* ---- checkpoints ---- */

static int64_t number_of_piece(tm_op *op, const char *name)
{
    const op_source *s = self(op);
    return has_enumerator(s) ? (int64_t)number_of(s, name) : 0;
}

static wsl_status source_snapshot(tm_op *op, tm_snapshot *out)
{
    op_source *s = self(op);
    const wsl_reader_class *reader = op->env.source->reader;
    WSL_ASSERT(s->n_out == 0); /* each poll ends with flush_rows */
    if (reader->snapshot == NULL) {
        return WSL_OK;
    }
    tm_piece_saver saver;
    wsl_error err = {0};
    tm_piece_saver_init(&saver, out, op, "splits", number_of_piece);
    const wsl_status status = reader->snapshot(s->reader, &s->ctx, &saver.saver, &err);
    return status == WSL_OK ? WSL_OK : reader_failed(s, status, &err);
}

static wsl_status give_back(op_source *s, const tm_pieces *pieces)
{
    const wsl_reader_class *reader = s->op.env.source->reader;
    if (!has_enumerator(s) && reader->restore != NULL) {
        wsl_error err = {0};
        const wsl_status status = reader->restore(s->reader, &s->ctx, pieces->items, pieces->n, &err);
        return status == WSL_OK ? WSL_OK : reader_failed(s, status, &err);
    }
    for (uint32_t i = 0; i < pieces->n; i++) {
        WSL_TRY(hand_over(s, &pieces->items[i], (uint32_t)pieces->numbers[i]));
    }
    return WSL_OK;
}

static wsl_status source_restore(tm_op *op, tm_restore *in)
{
    op_source *s = self(op);
    tm_pieces pieces = {0};
    if (!has_enumerator(s) && tm_restore_finished(in)) {
        s->done = true;
        return WSL_OK;
    }
    wsl_status status = tm_pieces_read(&pieces, in, "splits");
    status = status == WSL_OK ? give_back(s, &pieces) : status;
    tm_pieces_fini(&pieces);
    return status;
}

const tm_op_class tm_op_source_class = {
    .kind = "source",
    .size = sizeof(op_source),
    .open = source_open,
    .resume = source_resume,
    .on_split = source_split,
    .pause_split = source_pause_split,
    .snapshot = source_snapshot,
    .restore = source_restore,
    .close = source_close,
};
