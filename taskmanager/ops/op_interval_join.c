/*
 * op_interval_join - pairs of rows of two inputs with equal keys and right.timestamp in [left.timestamp + lower, left.timestamp +
 * upper], as soon as both are there.
 *
 *     row --late?--> own list += row, timer at its last chance --> the other list: those in the interval --> .join(left, right)
 *
 * A row's last chance to find a partner is when the watermark reaches ts + upper (left) or ts - lower (right), its own timestamp
 * at the earliest: from then on it pairs with nobody, and leaves its list soon after. A key has one timer (state `armed`): at the
 * earliest of these times, but not before the key's `rest` is over. When it fires, what is due is taken out of both lists and the
 * timer set for the rest. That is a walk over the lists, whose rows stay in order of arrival, so that pairs come in that order;
 * what a walk costs is paid by what it removes: one that removed less than a quarter of the rows makes the next one wait twice as
 * long (REST_MIN at first, the length of the interval or REST_MAX at most), others half as long. So rows that are over are
 * a part of the list at most, and one far ahead of its time is in nobody's way. A walk pauses after ROWS_PER_TURN rows.
 *
 * A row that pairs with very many others is suspended in between (in_row, n_paired): nothing else happens to its key meanwhile,
 * so its place in the other list is a count.
 */
#include "base/assert.h"
#include "graph/operator_options.h"
#include "taskmanager/ckpt/restore.h"
#include "taskmanager/ckpt/snapshot.h"
#include "taskmanager/ops/keyed.h"
#include "taskmanager/ops/op_classes.h"
#include "taskmanager/window/late.h"

enum {
    STATE_ARMED = 2, /* the lists are states 0 and 1, by input */
    TIMERS_PER_TURN = 512,
    ROWS_PER_TURN = 8192,
    REST_MIN = 1,
    REST_MAX = 1000,
};

/* The timer that is set; the watermark before which none is set, and how much later than the last walk that is; per list the
 * watermark at which it was walked last: what is in it was there then and stayed, or came later. */
WSL_ROW(armed, (int64, timestamp), (int64, not_before), (int64, rest), (int64, swept_left), (int64, swept_right));

typedef struct op_interval_join {
    tm_op op;
    tm_keyed k;
    tm_state *state;
    wsl_interval interval;
    tm_late late[2];
    bool advancing;  /* the watermark waits for timers */
    struct cleaning {
        bool begun; /* a timer fired, and its key's lists are walked: that key is the current one until the walk is over */
        uint32_t input;
        tm_state_walk walk; /* of that list; state UINT32_MAX: begins */
        int64_t next;       /* earliest last chance of what stays */
        int64_t rest;
        uint64_t removed, kept;
    } cleaning;
    bool in_row;     /* the first row of the next batch was begun: it is in its list */
    uint64_t n_paired; /* ... and paired with so many */
} op_interval_join;

static op_interval_join *self(tm_op *op) { return (op_interval_join *)(void *)op; }

/* ---- times ---- */

static int64_t plus(int64_t a, int64_t b)
{
    int64_t sum = 0;
    return __builtin_add_overflow(a, b, &sum) ? (b < 0 ? WSL_TIME_MIN : WSL_TIME_MAX) : sum;
}

static int64_t minus(int64_t a, int64_t b)
{
    int64_t difference = 0;
    return __builtin_sub_overflow(a, b, &difference) ? (b > 0 ? WSL_TIME_MIN : WSL_TIME_MAX) : difference;
}

/* The watermark at which a row of that input leaves its list. */
static int64_t last_chance(const op_interval_join *j, uint32_t input, int64_t ts)
{
    const int64_t until = input == 0 ? plus(ts, j->interval.upper) : minus(ts, j->interval.lower);
    return until > ts ? until : ts;
}

static bool match(const op_interval_join *j, int64_t left, int64_t right)
{
    return right >= plus(left, j->interval.lower) && right <= plus(left, j->interval.upper);
}

/* ---- life ---- */

static uint32_t side_of(const tm_op *op, const wsl_config *config, const char *option)
{
    const char *tag = wsl_config_str(config, option);
    for (uint32_t i = 0; i < op->n_sides && tag != NULL; i++) {
        if (strcmp(op->env.desc->sides[i]->tag, tag) == 0) {
            return i;
        }
    }
    return UINT32_MAX;
}

static wsl_status join_open(tm_op *op, wsl_error *err)
{
    op_interval_join *j = self(op);
    WSL_AUTO(wsl_config) config = NULL;
    WSL_TRY(wsl_operator_config_new(op->env.desc, op->env.artifact, &config, err));
    WSL_TRY(wsl_interval_of(config, &j->interval, err));
    tm_late_init(&j->late[0], op, side_of(op, config, "late-left"));
    tm_late_init(&j->late[1], op, side_of(op, config, "late-right"));
    WSL_TRY(tm_keyed_open(&j->k, op, NULL, err));
    tm_fn_ctx_stamp_all(&j->k.f);
    const tm_state_spec states[] = {
        {.name = "left", .kind = WSL_STATE_LIST, .schema = op->env.input[0], .keeps_timestamps = true},
        {.name = "right", .kind = WSL_STATE_LIST, .schema = op->env.input[1], .keeps_timestamps = true},
        {.name = "armed", .kind = WSL_STATE_VALUE, .schema = &armed_schema},
    };
    return tm_keyed_open_state(&j->k, states, WSL_ARRAY_LEN(states), false, &j->state, err);
}

static void join_close(tm_op *op)
{
    tm_state_free(self(op)->state);
    self(op)->state = NULL;
    tm_keyed_close(&self(op)->k);
}

/* ---- the timer of the key in hand ---- */

static void arm(op_interval_join *j, int64_t at)
{
    const wsl_row *set = j->state->ops->value_get(j->state, STATE_ARMED);
    if (set != NULL) {
        at = at > armed_not_before(set) ? at : armed_not_before(set);
        if (armed_timestamp(set) <= at) {
            return;
        }
        tm_timers_delete(&j->k.event, &j->k.key, 0, armed_timestamp(set));
    }
    wsl_row *row = j->state->ops->value_update(j->state, STATE_ARMED);
    if (set == NULL) {
        row->slot[armed_f_not_before] = (uint64_t)WSL_TIME_MIN;
        row->slot[armed_f_rest] = REST_MIN;
        row->slot[armed_f_swept_left] = row->slot[armed_f_swept_right] = (uint64_t)j->op.watermark; /* both were empty */
    }
    row->slot[armed_f_timestamp] = (uint64_t)at;
    tm_timers_set(&j->k.event, &j->k.key, 0, at);
}

static int64_t longest_rest(const op_interval_join *j)
{
    const int64_t length = minus(j->interval.upper, j->interval.lower);
    return length > REST_MAX ? length : REST_MAX;
}

/* Takes rows out of the lists whose last chance is over. False: a turn's work is done, but more of it is left. */
static bool clean(op_interval_join *j, int64_t watermark, uint32_t *io_left)
{
    struct cleaning *c = &j->cleaning;
    const tm_state_ops *ops = j->state->ops;
    for (; c->input < 2; c->input++) {
        if (c->walk.state == UINT32_MAX) {
            ops->walk(j->state, c->input, &c->walk);
        }
        for (; *io_left > 0 && ops->walk_next(j->state, &c->walk); *io_left -= 1) {
            const int64_t until = last_chance(j, c->input, c->walk.value->timestamp);
            if (until <= watermark) {
                ops->walk_remove(j->state, &c->walk);
                c->removed++;
            } else {
                c->next = until < c->next ? until : c->next;
                c->kept++;
            }
        }
        if (*io_left == 0) {
            return false;
        }
        c->walk.state = UINT32_MAX;
    }
    return true;
}

static void begin_cleaning(op_interval_join *j)
{
    const wsl_row *set = j->state->ops->value_get(j->state, STATE_ARMED);
    j->cleaning = (struct cleaning){
        .begun = true,
        .walk = {.state = UINT32_MAX},
        .next = WSL_TIME_MAX,
        .rest = set != NULL ? armed_rest(set) : REST_MIN,
    };
}

/* The next timer of a key whose lists were walked; the key is gone if nothing is left of it. */
static void end_cleaning(op_interval_join *j, int64_t watermark)
{
    struct cleaning *c = &j->cleaning;
    c->begun = false;
    if (c->kept == 0) {
        j->state->ops->clear(j->state, STATE_ARMED);
        return;
    }
    const int64_t longest = longest_rest(j);
    c->rest = c->removed < c->kept / 4 ? 2 * c->rest : c->rest / 2;
    c->rest = c->rest < REST_MIN ? REST_MIN : c->rest < longest ? c->rest : longest;
    wsl_row *row = j->state->ops->value_update(j->state, STATE_ARMED);
    const int64_t not_before = plus(watermark, c->rest);
    const int64_t at = c->next > not_before ? c->next : not_before;
    row->slot[armed_f_timestamp] = (uint64_t)at;
    row->slot[armed_f_not_before] = (uint64_t)not_before;
    row->slot[armed_f_rest] = (uint64_t)c->rest;
    row->slot[armed_f_swept_left] = row->slot[armed_f_swept_right] = (uint64_t)watermark;
    tm_timers_set(&j->k.event, &j->k.key, 0, at);
}

/* ---- rows whose last chance is the watermark itself ----
 *
 * Those that were there when it came are over. One that comes now, with a timestamp equal to it, is not late and has its chance
 * until the next: so that the two can be told apart, what is over leaves the list before such a row enters it. */

static bool was_swept(op_interval_join *j, uint32_t input)
{
    const wsl_row *set = j->state->ops->value_get(j->state, STATE_ARMED);
    return set == NULL || (input == 0 ? armed_swept_left(set) : armed_swept_right(set)) == j->op.watermark;
}

static bool is_over(op_interval_join *j, uint32_t input, int64_t ts)
{
    const int64_t until = last_chance(j, input, ts);
    return until <= j->op.watermark && (until < j->op.watermark || !was_swept(j, input));
}

static void sweep(op_interval_join *j, uint32_t input)
{
    tm_state_walk walk = {0};
    if (was_swept(j, input)) {
        return;
    }
    j->state->ops->walk(j->state, input, &walk);
    while (j->state->ops->walk_next(j->state, &walk)) {
        if (last_chance(j, input, walk.value->timestamp) <= j->op.watermark) {
            j->state->ops->walk_remove(j->state, &walk);
        }
    }
    wsl_row *row = j->state->ops->value_update(j->state, STATE_ARMED); /* it is set, or the list would be empty */
    row->slot[input == 0 ? armed_f_swept_left : armed_f_swept_right] = (uint64_t)j->op.watermark;
}

static wsl_status advance(op_interval_join *j)
{
    tm_op *op = &j->op;
    const int64_t watermark = j->k.f.k.ctx.watermark;
    int64_t ns, timestamp;
    uint32_t left = ROWS_PER_TURN;
    bool done = false;
    for (uint32_t n = 0; n < TIMERS_PER_TURN; n++) {
        if (!j->cleaning.begun) {
            if (!tm_timers_pop(&j->k.event, watermark, &j->k.key, &ns, &timestamp)) {
                done = true;
                break;
            }
            begin_cleaning(j);
        }
        if (!clean(j, watermark, &left)) {
            break;
        }
        end_cleaning(j, watermark);
    }
    j->advancing = !done;
    op->busy = j->advancing;
    return j->advancing ? WSL_OK : tm_op_emit_watermark(op, watermark);
}

static wsl_status join_watermark(tm_op *op, int64_t watermark)
{
    op_interval_join *j = self(op);
    j->k.f.k.ctx.watermark = watermark;
    if (WSL_UNLIKELY(op->shared->restoring)) {
        return tm_op_emit_watermark(op, watermark);
    }
    j->state->ops->tidy(j->state);
    return advance(j);
}

static wsl_status join_resume(tm_op *op)
{
    if (!self(op)->advancing) {
        return WSL_AGAIN;
    }
    return tm_op_blocked(op) ? WSL_AGAIN : advance(self(op));
}

/* ---- rows ---- */

/* The row into its list. *out_late: it was not. */
static wsl_status take_in(op_interval_join *j, uint32_t input, const wsl_row *row, bool *out_late)
{
    tm_op *op = &j->op;
    *out_late = false;
    if (WSL_UNLIKELY(!wsl_row_has_timestamp(row))) {
        op->current = row;
        return tm_op_fail(op, WSL_INVALID,
                          "a row without timestamp reached the %s input of an interval join: give rows timestamps "
                          "(wsl_watermarks) before it",
                          input == 0 ? "first" : "second");
    }
    if (WSL_UNLIKELY(row->timestamp < op->watermark)) {
        *out_late = true;
        tm_late_add(&j->late[input], &j->k.key, row, minus(op->watermark, row->timestamp));
        return WSL_OK;
    }
    if (op->input_ended[1 - input]) {
        return WSL_OK; /* no partner will come */
    }
    const int64_t until = last_chance(j, input, row->timestamp);
    if (WSL_UNLIKELY(until <= op->watermark)) {
        sweep(j, input);
    }
    const wsl_status status = j->state->ops->list_add(j->state, input, row);
    if (WSL_UNLIKELY(status != WSL_OK)) {
        op->current = row;
        return tm_op_fail(op, status, "its %s row is not of the type it should be", input == 0 ? "left" : "right");
    }
    arm(j, until);
    return WSL_OK;
}

/* Calls the function for a pair. WSL_AGAIN: it wants to be called again, or those behind need a pause. */
static wsl_status give_pair(op_interval_join *j, uint32_t input, const wsl_row *row, const wsl_row *other)
{
    tm_fn_ctx *f = &j->k.f;
    const wsl_row *left = input == 0 ? row : other;
    const wsl_row *right = input == 0 ? other : row;
    tm_fn_ctx_no_row(f, true, left->timestamp > right->timestamp ? left->timestamp : right->timestamp);
    j->op.current = row;
    wsl_status status = j->op.env.function->join(tm_fn_ctx_of(f), left, right);
    if (WSL_LIKELY(status == WSL_OK && !f->attention)) {
        j->n_paired++;
        return WSL_OK;
    }
    status = tm_fn_ctx_after(f, status);
    j->n_paired += status == WSL_OK;
    return status == WSL_OK && tm_op_blocked(&j->op) ? WSL_AGAIN : status;
}

/* The row in hand, whose key is the current one. WSL_AGAIN: it is not done with. */
static wsl_status join_row(op_interval_join *j, uint32_t input, const wsl_row *row)
{
    bool late = false;
    if (!j->in_row) {
        j->n_paired = 0;
        WSL_TRY(take_in(j, input, row, &late));
    }
    j->in_row = false;
    if (late) {
        return WSL_OK;
    }
    tm_state_walk walk = {0};
    uint64_t skip = j->n_paired;
    j->state->ops->walk(j->state, 1 - input, &walk);
    while (j->state->ops->walk_next(j->state, &walk)) {
        const int64_t theirs = walk.value->timestamp;
        if (!match(j, input == 0 ? row->timestamp : theirs, input == 0 ? theirs : row->timestamp) ||
            is_over(j, 1 - input, theirs)) {
            continue;
        }
        if (skip > 0) {
            skip--;
            continue;
        }
        const wsl_status status = give_pair(j, input, row, walk.value);
        if (WSL_UNLIKELY(status != WSL_OK)) {
            j->in_row = status == WSL_AGAIN;
            return status;
        }
    }
    return WSL_OK;
}

static wsl_status not_our_key(op_interval_join *j, const wsl_row *row)
{
    j->op.current = row;
    return tm_op_fail(&j->op, WSL_INTERNAL, "got a row of another subtask's key group");
}

static wsl_status join_rows(tm_op *op, uint32_t input, const wsl_row *const *rows, uint32_t n)
{
    op_interval_join *j = self(op);
    uint32_t bad = 0;
    uint32_t i = 0;
    wsl_status status = WSL_OK;
    tm_keyed_input(&j->k, input);
    for (; i < n && status == WSL_OK; i++) {
        if (i % TM_KEY_BLOCK == 0 && WSL_UNLIKELY(!j->state->ops->load(j->state, rows, n, i, &bad))) {
            return not_our_key(j, rows[bad]);
        }
        tm_keyed_select(&j->k, i, rows[i]);
        status = join_row(j, input, rows[i]);
    }
    if (status != WSL_OK && status != WSL_AGAIN) {
        return status;
    }
    i -= status == WSL_AGAIN;
    WSL_TRY(tm_fn_ctx_flush(&j->k.f));
    WSL_TRY(tm_late_flush(&j->late[input]));
    return i == n ? WSL_OK : tm_op_suspend(op, input, rows + i, n - i);
}

static wsl_status join_end(tm_op *op) { return tm_fn_ctx_finish(&self(op)->k.f); }

/* ---- checkpoints ---- */

static const char *const rows_name = "rows"; /* section of both lists and the keys' timers */

static wsl_status join_snapshot(tm_op *op, tm_snapshot *out)
{
    op_interval_join *j = self(op);
    WSL_ASSERT(!j->advancing && !j->cleaning.begun && !j->in_row);
    tm_keyed_snapshot(&j->k, out);
    j->state->ops->snapshot(j->state, out, op, rows_name);
    return WSL_OK;
}

static wsl_status take_piece(void *arg, const tm_restore_piece *piece, bool *out_taken, wsl_error *err)
{
    op_interval_join *j = arg;
    WSL_TRY(tm_keyed_restore_piece(&j->k, piece, out_taken, err));
    return *out_taken ? WSL_OK : tm_state_restore_piece(j->state, piece, rows_name, out_taken, err);
}

static wsl_status join_restore(tm_op *op, tm_restore *in) { return tm_restore_pieces(in, take_piece, self(op)); }

const tm_op_class tm_op_interval_join_class = {
    .kind = "interval_join",
    .size = sizeof(op_interval_join),
    .open = join_open,
    .on_rows = join_rows,
    .on_watermark = join_watermark,
    .resume = join_resume,
    .on_end = join_end,
    .snapshot = join_snapshot,
    .restore = join_restore,
    .close = join_close,
};
