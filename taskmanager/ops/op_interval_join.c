/*
 * op_interval_join - pairs of rows of two inputs with equal keys and right.timestamp in [left.timestamp + lower, left.timestamp +
 * upper], as soon as both are there.
 *
 *     row --late?--> own list += row, timer at its last chance --> the other list: those in the interval --> .join(left, right)
 *
 * A row's last chance to find a partner is when the watermark reaches ts + upper (left) or ts - lower (right), its own timestamp
 * at the earliest: then it leaves its list. A key has one timer, at the earliest of these times (state `armed`); when it fires,
 * what is due is taken out of both lists and the timer set for the rest. Rows stay in order of arrival, so pairs come in that order.
 *
 * A row that pairs with very many others is suspended in between (in_row, n_paired): nothing else happens to its key meanwhile,
 * so its place in the other list is a count.
 */
#include "base/assert.h"
#include "graph/operator_options.h"
#include "taskmanager/ops/keyed.h"
#include "taskmanager/ops/op_classes.h"
#include "taskmanager/window/late.h"

enum { STATE_ARMED = 2, TIMERS_PER_TURN = 512 }; /* the lists are states 0 and 1, by input */

WSL_ROW(armed, (int64, timestamp));

typedef struct op_interval_join {
    tm_op op;
    tm_keyed k;
    tm_state *state;
    wsl_interval interval;
    tm_late late[2];
    bool advancing;  /* the watermark waits for timers */
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
    j->k.f.stamps_all = true;
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
        if (armed_timestamp(set) <= at) {
            return;
        }
        tm_timers_delete(&j->k.event, &j->k.key, 0, armed_timestamp(set));
    }
    wsl_row *row = j->state->ops->value_update(j->state, STATE_ARMED);
    row->slot[0] = (uint64_t)at;
    tm_timers_set(&j->k.event, &j->k.key, 0, at);
}

/* Takes rows out of a list whose last chance is over; *io_next: the earliest one of the rest. */
static void clean(op_interval_join *j, uint32_t input, int64_t watermark, int64_t *io_next)
{
    tm_state_walk walk = {0};
    j->state->ops->walk(j->state, input, &walk);
    while (j->state->ops->walk_next(j->state, &walk)) {
        const int64_t until = last_chance(j, input, walk.value->timestamp);
        if (until <= watermark) {
            j->state->ops->walk_remove(j->state, &walk);
        } else if (until < *io_next) {
            *io_next = until;
        }
    }
}

static wsl_status advance(op_interval_join *j)
{
    tm_op *op = &j->op;
    const int64_t watermark = j->k.f.k.ctx.watermark;
    int64_t ns, timestamp;
    uint32_t n = 0;
    while (n < TIMERS_PER_TURN && tm_timers_pop(&j->k.event, watermark, &j->k.key, &ns, &timestamp)) {
        int64_t next = WSL_TIME_MAX;
        j->state->ops->clear(j->state, STATE_ARMED);
        clean(j, 0, watermark, &next);
        clean(j, 1, watermark, &next);
        if (j->state->ops->list_size(j->state, 0) + j->state->ops->list_size(j->state, 1) > 0) {
            arm(j, next);
        }
        n++;
    }
    j->advancing = n == TIMERS_PER_TURN;
    op->busy = j->advancing;
    return j->advancing ? WSL_OK : tm_op_emit_watermark(op, watermark);
}

static wsl_status join_watermark(tm_op *op, int64_t watermark)
{
    self(op)->k.f.k.ctx.watermark = watermark;
    return advance(self(op));
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
    const wsl_status status = j->state->ops->list_add(j->state, input, row);
    if (WSL_UNLIKELY(status != WSL_OK)) {
        op->current = row;
        return tm_op_fail(op, status, "its %s row is not of the type it should be", input == 0 ? "left" : "right");
    }
    arm(j, last_chance(j, input, row->timestamp));
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
        if (!match(j, input == 0 ? row->timestamp : theirs, input == 0 ? theirs : row->timestamp)) {
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

const tm_op_class tm_op_interval_join_class = {
    .kind = "interval_join",
    .size = sizeof(op_interval_join),
    .open = join_open,
    .on_rows = join_rows,
    .on_watermark = join_watermark,
    .resume = join_resume,
    .on_end = join_end,
    .close = join_close,
};
