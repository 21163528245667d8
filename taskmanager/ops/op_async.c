/*
 * op_async - a user function that asks somebody else for each row, and goes on when the answer comes.
 *
 *     row --seat free?--> ASKING --answer--> ANSWERED --its turn--> results out, seat free
 *      |no                  | ^  \
 *      v             no good| |   `--time is up--> ENDING (the timeout callback) --> ANSWERED, or the job fails
 *     suspended             v |again
 *                         PAUSED
 *
 * A request has a seat from the row to its last result; there are `capacity` seats, and rows that find none wait in the
 * operator's queue (tm_op_suspend), which is what upstream feels.
 *
 * Order. The seats that are taken lie in segments, in order of arrival; marks (watermark, idle) stand at the end of a
 * segment. Within a segment results leave as they come; a segment begins only when the one before it is empty and its
 * marks have left. Ordered mode is the same with segments of one request. Segments behind the first are never empty (a
 * mark without rows before it joins the one that stands there), the first may be while its marks wait for room: at most
 * capacity + 2 in all.
 *
 * Time. One heap holds, for each request, the earlier of its timeout and its next attempt; times are monotonic. A
 * request whose answer is on its way when its time is up counts as answered.
 *
 * Handles. Each attempt, and the timeout callback, gets a new handle, so an answer to an earlier attempt is ignored
 * like one that comes twice or after the end: see api/async_desk.h.
 */
#include "taskmanager/ops/op_async.h"

#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "graph/operator_options.h"
#include "taskmanager/async/helpers.h"
#include "taskmanager/ops/op_async_internal.h"
#include "taskmanager/ops/op_classes.h"

enum { SEAT_KEEP_BYTES = 64 << 10 };

typedef tm_async op_async;
typedef tm_async_seat seat;
typedef tm_async_segment segment;
enum { NO_SEAT = TM_ASYNC_NO_SEAT };

static op_async *self(tm_op *op) { return (op_async *)(void *)op; }
static uint32_t ring_size(const op_async *a) { return a->capacity + 2; }
static segment *segment_at(const op_async *a, uint64_t number) { return &a->segments[number % ring_size(a)]; }
static uint32_t place_of(const op_async *a, const seat *s) { return (uint32_t)(s - a->seats); }

static bool alarm_less(const wsl_heap_node *a, const wsl_heap_node *b)
{
    const seat *x = (const seat *)(const void *)a, *y = (const seat *)(const void *)b;
    return x->alarm_ns != y->alarm_ns ? x->alarm_ns < y->alarm_ns : x < y;
}

uint32_t tm_op_async_asking(const tm_op *op)
{
    if (op->cls != &tm_op_async_class) {
        return 0;
    }
    const op_async *a = (const op_async *)(const void *)op;
    uint32_t n = 0;
    for (uint32_t i = 0; i < a->capacity && a->n_taken > 0; i++) {
        n += a->seats[i].state == SEAT_ASKING;
    }
    return n;
}

bool tm_op_async_holds(const tm_op *op)
{
    return op->cls == &tm_op_async_class && ((const op_async *)(const void *)op)->n_taken > 0;
}

/* ---- segments ---- */

static bool has_marks(const segment *g) { return g->has_watermark || g->has_status; }
static bool has_requests(const segment *g) { return g->n_open > 0 || g->first != NO_SEAT; }
static bool is_empty(const op_async *a) { return a->first == a->last && !has_requests(segment_at(a, a->last)); }

static void close_segment(op_async *a)
{
    a->last++;
    WSL_ASSERT(a->last - a->first < ring_size(a));
    *segment_at(a, a->last) = (segment){.first = NO_SEAT, .last = NO_SEAT};
}

/* Where a mark stands that comes now: behind all requests. NULL: there are none, it goes at once. */
static segment *segment_for_mark(op_async *a)
{
    if (is_empty(a)) {
        return NULL;
    }
    if (has_requests(segment_at(a, a->last))) {
        close_segment(a);
    }
    return segment_at(a, a->last - 1);
}

static void answered(op_async *a, seat *s, wsl_async_answer *answer)
{
    segment *g = segment_at(a, s->segment);
    s->state = SEAT_ANSWERED;
    s->answer = answer;
    s->emitted = 0;
    s->n_emitted = 0;
    s->next = NO_SEAT;
    if (g->first == NO_SEAT) {
        g->first = place_of(a, s);
    } else {
        a->seats[g->last].next = place_of(a, s);
    }
    g->last = place_of(a, s);
    g->n_open--;
}

/* ---- time ---- */

static void set_alarm(op_async *a, seat *s, int64_t at_ns)
{
    s->alarm_ns = at_ns;
    if (at_ns == WSL_NEVER) {
        if (wsl_heap_holds(&s->alarm)) {
            wsl_heap_remove(&a->alarms, &s->alarm);
        }
    } else if (wsl_heap_holds(&s->alarm)) {
        wsl_heap_update(&a->alarms, &s->alarm);
    } else {
        wsl_heap_push(&a->alarms, &s->alarm);
    }
}

/* A wake-up that comes too early does no harm, so it is only ever moved forward. */
static void arm(op_async *a, int64_t now_ns)
{
    const seat *s = (const seat *)(const void *)wsl_heap_top(&a->alarms);
    if (a->armed_ns <= now_ns) {
        a->armed_ns = WSL_NEVER;
    }
    if (s != NULL && s->alarm_ns < a->armed_ns) {
        a->armed_ns = s->alarm_ns;
        a->op.env.host->wake_at(a->op.env.host, &a->op, s->alarm_ns);
    }
}

static int64_t pause_of(const op_async *a, uint32_t attempts)
{
    double delay = (double)a->delay_ns;
    for (uint32_t i = 1; i < attempts && delay < (double)a->max_delay_ns; i++) {
        delay *= a->multiplier;
    }
    return delay < (double)a->max_delay_ns ? (int64_t)delay : a->max_delay_ns;
}

/* ---- asking ---- */

static wsl_status fail_row(op_async *a, const seat *s, wsl_status status, const char *format, ...) WSL_PRINTF(4, 5);
static wsl_status fail_row(op_async *a, const seat *s, wsl_status status, const char *format, ...)
{
    va_list args;
    a->op.current = s->row;
    va_start(args, format);
    status = tm_op_vfail(&a->op, status, format, args);
    va_end(args);
    a->op.current = NULL;
    return status;
}

/* Runs invoke or timeout with a new handle. */
static wsl_status call(op_async *a, seat *s, wsl_status (*fn)(wsl_ctx *, const wsl_row *, wsl_async *))
{
    tm_fn_ctx *f = &a->f;
    tm_fn_ctx_row(f, s->row);
    wsl_async *request = wsl_async_desk_issue(a->desk, place_of(a, s));
    wsl_status status = fn(tm_fn_ctx_of(f), s->row, request);
    if (status == WSL_AGAIN) {
        return fail_row(a, s, WSL_INVALID,
                        "an async function does not return WSL_AGAIN; it answers later, with wsl_async_complete");
    }
    if (WSL_UNLIKELY(status != WSL_OK || f->attention)) {
        status = tm_fn_ctx_after(f, status);
    }
    tm_fn_ctx_no_row(f, false, 0);
    return status;
}

static wsl_status ask(op_async *a, seat *s)
{
    s->state = SEAT_ASKING;
    s->attempts++;
    set_alarm(a, s, s->timeout_ns);
    return call(a, s, a->op.env.function->invoke);
}

static void copy_row(seat *s, const wsl_row *row)
{
    if (s->row_room < row->size) {
        free(s->row);
        s->row = wsl_alloc(row->size);
        s->row_room = row->size;
    }
    memcpy(s->row, row, row->size);
}

/* Asks for a new row. There is a free seat. */
static wsl_status begin(op_async *a, const wsl_row *row, int64_t now_ns)
{
    seat *s = &a->seats[a->free_seats];
    a->free_seats = s->next;
    a->n_taken++;
    copy_row(s, row);
    s->number = a->next_number++;
    s->skip = s->n_emitted = 0;
    if (WSL_UNLIKELY(a->n_skips > 0)) {
        s->skip = tm_async_skip_of(a);
    }
    s->attempts = 0;
    s->answer = NULL;
    s->timeout_ns = a->timeout_ns == WSL_NEVER ? WSL_NEVER : now_ns + a->timeout_ns;
    s->segment = a->last;
    segment_at(a, a->last)->n_open++;
    if (a->ordered) {
        close_segment(a);
    }
    return ask(a, s);
}

/* ---- answers ---- */

static wsl_status take_answer(op_async *a, seat *s, wsl_async_answer *answer, int64_t now_ns)
{
    const bool again = s->state == SEAT_ASKING && s->attempts < a->attempts;
    WSL_ASSERT(s->state == SEAT_ASKING || s->state == SEAT_ENDING);
    if (again && (answer->failed || (answer->n_rows == 0 && a->retry_empty))) {
        const int64_t next = now_ns + pause_of(a, s->attempts);
        free(answer);
        tm_op_count_add(&a->op, "asyncRetries", 1);
        s->state = SEAT_PAUSED;
        set_alarm(a, s, next < s->timeout_ns ? next : s->timeout_ns);
        return WSL_OK;
    }
    if (answer->failed) {
        const wsl_status status = fail_row(a, s, WSL_USER, "%s (attempt %" PRIu32 " of %" PRIu32 ")",
                                           (const char *)answer->data, s->attempts, a->attempts);
        free(answer);
        return status;
    }
    set_alarm(a, s, WSL_NEVER);
    answered(a, s, answer);
    return WSL_OK;
}

static wsl_status take_answers(op_async *a, int64_t now_ns)
{
    wsl_status status = WSL_OK;
    for (wsl_letter *l = wsl_async_desk_take(a->desk), *next; l != NULL; l = next) {
        next = l->next;
        wsl_async_answer *answer = (wsl_async_answer *)(void *)l;
        if (status != WSL_OK) {
            free(answer);
            continue;
        }
        status = take_answer(a, &a->seats[answer->place], answer, now_ns);
    }
    return status;
}

static wsl_status time_is_up(op_async *a, seat *s)
{
    const wsl_function *fn = a->op.env.function;
    if (s->state == SEAT_ASKING && !wsl_async_desk_revoke(a->desk, place_of(a, s))) {
        set_alarm(a, s, WSL_NEVER); /* the answer will be found at the desk */
        return WSL_OK;
    }
    tm_op_count_add(&a->op, "asyncTimeouts", 1);
    if (fn->timeout == NULL) {
        return fail_row(a, s, WSL_TIMEOUT,
                        "no answer within %" PRId64 " ms (attempt %" PRIu32 " of %" PRIu32
                        "); a .timeout callback could give one",
                        a->timeout_ns / WSL_NS_PER_MS, s->attempts, a->attempts);
    }
    s->state = SEAT_ENDING;
    set_alarm(a, s, WSL_NEVER);
    WSL_TRY(call(a, s, fn->timeout));
    if (wsl_async_desk_revoke(a->desk, place_of(a, s))) {
        return fail_row(a, s, WSL_INVALID, "its timeout callback returned without completing the request");
    }
    return WSL_OK;
}

static wsl_status fire_alarms(op_async *a, int64_t now_ns)
{
    for (wsl_heap_node *top; (top = wsl_heap_top(&a->alarms)) != NULL;) {
        seat *s = (seat *)(void *)top;
        if (s->alarm_ns > now_ns) {
            break;
        }
        WSL_TRY(s->alarm_ns >= s->timeout_ns ? time_is_up(a, s) : ask(a, s));
    }
    return WSL_OK;
}

/* ---- results ---- */

typedef struct batch {
    const wsl_row *rows[TM_BATCH_ROWS];
    uint32_t n;
    uint32_t done; /* list of seats all of whose rows are in the batch, or before */
} batch;

static void leave_seat(op_async *a, seat *s)
{
    free(s->answer);
    s->answer = NULL;
    if (s->row_room > SEAT_KEEP_BYTES) {
        free(s->row);
        s->row = NULL;
        s->row_room = 0;
    }
    s->state = SEAT_FREE;
    s->next = a->free_seats;
    a->free_seats = place_of(a, s);
    a->n_taken--;
}

static wsl_status send(op_async *a, batch *b)
{
    const wsl_status status = tm_op_emit_rows(&a->op, b->rows, b->n);
    b->n = 0;
    while (b->done != NO_SEAT) {
        seat *s = &a->seats[b->done];
        b->done = s->next;
        leave_seat(a, s);
    }
    return status;
}

/* As many rows of the answer as the batch can take. True: that were all. */
static bool add_rows(seat *s, batch *b)
{
    wsl_async_answer *answer = s->answer;
    while (s->emitted < answer->size && b->n < TM_BATCH_ROWS) {
        wsl_row *row = (wsl_row *)(void *)(answer->data + s->emitted);
        if (WSL_UNLIKELY(s->skip > s->n_emitted)) { /* it had left before the state was restored */
            s->n_emitted++;
            s->emitted += row->size;
            continue;
        }
        s->n_emitted++;
        if (wsl_row_has_timestamp(s->row)) {
            wsl_row_set_timestamp(row, s->row->timestamp);
        }
        b->rows[b->n++] = row;
        s->emitted += row->size;
    }
    return s->emitted == answer->size;
}

/* The answered requests of a segment. False: there is no room behind. */
static wsl_status emit_answered(op_async *a, segment *g, batch *b, bool *out_all)
{
    *out_all = true;
    while (g->first != NO_SEAT && *out_all) {
        seat *s = &a->seats[g->first];
        if (add_rows(s, b)) {
            g->first = s->next;
            g->last = g->first == NO_SEAT ? NO_SEAT : g->last;
            s->next = b->done;
            b->done = place_of(a, s);
        }
        if (b->n == TM_BATCH_ROWS) {
            WSL_TRY(send(a, b));
            *out_all = !tm_op_blocked(&a->op);
        }
    }
    return WSL_OK;
}

static wsl_status emit_marks(op_async *a, const segment *g)
{
    if (g->has_status && !g->idle) {
        WSL_TRY(tm_op_emit_idle(&a->op, false));
    }
    if (g->has_watermark) {
        WSL_TRY(tm_op_emit_watermark(&a->op, g->watermark));
    }
    return g->has_status && g->idle ? tm_op_emit_idle(&a->op, true) : WSL_OK;
}

/* All that may leave; sets op->busy if more may but has no room behind. */
static wsl_status emit_results(op_async *a)
{
    batch b;
    b.n = 0;
    b.done = NO_SEAT;
    a->op.busy = tm_op_blocked(&a->op);
    while (!a->op.busy) {
        segment *g = segment_at(a, a->first);
        bool all = false;
        WSL_TRY(emit_answered(a, g, &b, &all));
        if (!all) {
            a->op.busy = true;
            break;
        }
        if (g->n_open > 0 || a->first == a->last) {
            break;
        }
        if (has_marks(g)) {
            WSL_TRY(send(a, &b));
            WSL_TRY(emit_marks(a, g));
            a->op.busy = tm_op_blocked(&a->op);
        }
        a->first++;
    }
    WSL_TRY(send(a, &b));
    a->op.busy = a->op.busy && !is_empty(a);
    return WSL_OK;
}

/* Everything there is to do: answers, what is due, results. */
static wsl_status go_on(op_async *a)
{
    const int64_t now = wsl_now_ns(a->op.env.clock);
    WSL_TRY(take_answers(a, now));
    WSL_TRY(fire_alarms(a, now));
    WSL_TRY(take_answers(a, now)); /* that were given on the spot */
    WSL_TRY(emit_results(a));
    arm(a, now);
    return WSL_OK;
}

/* ---- the class ---- */

static wsl_status refuse_emit(wsl_ctx *ctx, const wsl_row *row)
{
    (void)row;
    return wsl_ctx_fail(ctx, "an async function gives its rows with wsl_async_complete, not with wsl_emit");
}

static wsl_status refuse_emit_at(wsl_ctx *ctx, const wsl_row *row, int64_t timestamp_ms)
{
    (void)timestamp_ms;
    return refuse_emit(ctx, row);
}

static wsl_status refuse_emit_side(wsl_ctx *ctx, const char *tag, const wsl_row *row)
{
    (void)row;
    return wsl_ctx_fail(ctx, "an async function has no side outputs ('%s')", tag);
}

typedef struct work_job {
    tm_helper_job job; /* first */
    wsl_async_work work;
    wsl_async *request;
    const void *config; /* of the deployment, which waits for us */
    uint32_t config_size;
    _Alignas(8) uint8_t row[];
} work_job;

static void run_job(tm_helper_job *job)
{
    work_job *w = (work_job *)(void *)job;
    w->work(w->request, (const wsl_row *)(const void *)w->row, w->config, w->config_size);
    free(w);
}

static void drop_job(tm_helper_job *job) { free(job); }

/* wsl_async_run. */
static wsl_status run_work(void *arg, uint32_t place, wsl_async *request, wsl_async_work work)
{
    op_async *a = arg;
    const wsl_row *row = a->seats[place].row;
    const wsl_ctx *ctx = tm_fn_ctx_of(&a->f);
    wsl_error err = {0};
    if (a->op.env.helpers == NULL) {
        work(request, row, ctx->config, ctx->config_size);
        return WSL_OK;
    }
    work_job *w = wsl_alloc(sizeof *w + row->size);
    *w = (work_job){.job = {.run = run_job, .drop = drop_job},
                    .work = work,
                    .request = request,
                    .config = ctx->config,
                    .config_size = ctx->config_size};
    memcpy(w->row, row, row->size);
    const wsl_status status = tm_helpers_submit(a->op.env.helpers, &w->job, &err);
    return status == WSL_OK ? WSL_OK : tm_op_fail(&a->op, status, "%s", err.text);
}

static void read_options(op_async *a, const wsl_config *c)
{
    const char *retry = wsl_config_str(c, "retry");
    const int64_t timeout = wsl_config_duration_ns(c, "timeout");
    const int64_t max_delay = wsl_config_duration_ns(c, "max-delay");
    a->ordered = strcmp(wsl_config_str(c, "mode"), "ordered") == 0;
    a->capacity = (uint32_t)wsl_config_int(c, "capacity");
    a->timeout_ns = timeout > 0 ? timeout : WSL_NEVER;
    a->attempts = strcmp(retry, "none") == 0 ? 1 : (uint32_t)wsl_config_int(c, "attempts");
    a->delay_ns = wsl_config_duration_ns(c, "delay");
    a->max_delay_ns = max_delay > 0 ? max_delay : WSL_NEVER;
    a->multiplier = strcmp(retry, "exponential") == 0 ? wsl_config_double(c, "multiplier") : 1.0;
    a->retry_empty = wsl_config_bool(c, "retry-empty");
}

static void make_seats(op_async *a)
{
    a->seats = wsl_calloc(a->capacity, sizeof *a->seats);
    for (uint32_t i = 0; i < a->capacity; i++) {
        a->seats[i].next = i + 1 < a->capacity ? i + 1 : NO_SEAT;
    }
    a->segments = wsl_calloc(ring_size(a), sizeof *a->segments);
    a->segments[0] = (segment){.first = NO_SEAT, .last = NO_SEAT};
    wsl_heap_init(&a->alarms, alarm_less);
    a->armed_ns = WSL_NEVER;
}

static wsl_status async_open(tm_op *op, wsl_error *err)
{
    op_async *a = self(op);
    wsl_config *config = NULL;
    WSL_TRY(wsl_operator_config_new(op->env.desc, NULL, &config, err));
    read_options(a, config);
    wsl_config_free(config);
    make_seats(a);
    tm_op_host *host = op->env.host;
    const wsl_async_desk_options options = {
        .places = a->capacity,
        .waker = host->waker != NULL ? host->waker(host, op) : (wsl_waker){0},
        .run = run_work,
        .arg = a,
    };
    WSL_TRY(wsl_async_desk_new(&options, &a->desk, err));
    WSL_TRY(tm_fn_ctx_open(&a->f, op, err));
    wsl_ctx *ctx = tm_fn_ctx_of(&a->f);
    a->emit_ops = ctx->ops;
    a->ctx_ops = *ctx->ops;
    a->ctx_ops.emit = refuse_emit;
    a->ctx_ops.emit_at = refuse_emit_at;
    a->ctx_ops.emit_side = refuse_emit_side;
    ctx->ops = &a->ctx_ops;
    tm_fn_ctx_emit_by_call(&a->f);
    return WSL_OK;
}

static wsl_status async_rows(tm_op *op, uint32_t input, const wsl_row *const *rows, uint32_t n)
{
    op_async *a = self(op);
    const int64_t now = wsl_now_ns(op->env.clock);
    uint32_t i = 0;
    for (; i < n; i++) {
        if (a->free_seats == NO_SEAT) {
            WSL_TRY(take_answers(a, now));
            WSL_TRY(emit_results(a));
        }
        if (a->free_seats == NO_SEAT) {
            break;
        }
        WSL_TRY(begin(a, rows[i], now));
    }
    WSL_TRY(take_answers(a, now));
    WSL_TRY(emit_results(a));
    arm(a, now);
    if (i == n) {
        return WSL_OK;
    }
    op->waiting = op->outside = true;
    return tm_op_suspend(op, input, rows + i, n - i);
}

static wsl_status async_watermark(tm_op *op, int64_t watermark)
{
    op_async *a = self(op);
    tm_fn_ctx_of(&a->f)->watermark = watermark;
    segment *g = segment_for_mark(a);
    if (g == NULL) {
        return tm_op_emit_watermark(op, watermark);
    }
    g->has_watermark = true;
    g->watermark = watermark;
    return WSL_OK;
}

static wsl_status async_idle(tm_op *op, bool idle)
{
    segment *g = segment_for_mark(self(op));
    if (g == NULL) {
        return tm_op_emit_idle(op, idle);
    }
    g->has_status = true;
    g->idle = idle;
    return WSL_OK;
}

static wsl_status async_resume(tm_op *op)
{
    WSL_TRY(go_on(self(op)));
    return WSL_AGAIN; /* what is left waits for an answer, a time, or room behind */
}

static wsl_status async_end(tm_op *op)
{
    op_async *a = self(op);
    WSL_TRY(go_on(a));
    if (!is_empty(a)) {
        op->waiting = true;
        op->outside = !op->busy;
        return WSL_AGAIN;
    }
    tm_fn_ctx_of(&a->f)->ops = a->emit_ops;
    return tm_fn_ctx_finish(&a->f);
}

static void async_close(tm_op *op)
{
    op_async *a = self(op);
    wsl_async_desk_free(a->desk); /* from here on nobody's answer reaches us */
    a->desk = NULL;
    if (op->env.helpers != NULL) {
        tm_helper_group_drop(op->env.helpers);
    }
    tm_fn_ctx_close(&a->f);
    for (uint32_t i = 0; i < a->capacity && a->seats != NULL; i++) {
        free(a->seats[i].answer);
        free(a->seats[i].row);
    }
    wsl_heap_fini(&a->alarms);
    free(a->seats);
    free(a->segments);
    free(a->skips);
}

const tm_op_class tm_op_async_class = {
    .kind = "async",
    .size = sizeof(op_async),
    .open = async_open,
    .on_rows = async_rows,
    .on_watermark = async_watermark,
    .on_idle = async_idle,
    .resume = async_resume,
    .on_end = async_end,
    .snapshot = tm_async_snapshot,
    .holds_rows = true,
    .restore = tm_async_restore,
    .close = async_close,
};
