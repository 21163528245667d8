#include "taskmanager/ops/keyed.h"

#include <inttypes.h>

enum { TIMERS_PER_STEP = 512 };
_Static_assert((int)TM_KEY_BATCH >= (int)TM_BATCH_ROWS, "a batch fits into the key context");

static tm_keyed *self(wsl_keyed_ctx *k) { return (tm_keyed *)(void *)k; }

static wsl_status fail(tm_keyed *k, wsl_status status, const char *format, const char *name)
    __attribute__((format(printf, 3, 0)));
static wsl_status fail(tm_keyed *k, wsl_status status, const char *format, const char *name)
{
    tm_fn_ctx_name_row(&k->f);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    k->f.failed = tm_op_fail(k->f.op, status, format, name);
#pragma GCC diagnostic pop
    k->f.attention = true;
    return k->f.failed;
}

/* ---- state, as functions see it ---- */

/* Constants in a header may exist once per source file, so the name decides if the address does not. */
static bool find_by_name(tm_keyed *k, const wsl_state_desc *state, uint32_t *out_i)
{
    for (uint32_t i = 0; k->descs != NULL && k->descs[i] != NULL; i++) {
        if (strcmp(k->descs[i]->name, state->name) == 0) {
            *out_i = i;
            return true;
        }
    }
    (void)fail(k, WSL_INVALID, "uses the state '%s', which is not in its .states", state->name);
    return false;
}

static inline bool find_state(tm_keyed *k, const wsl_state_desc *state, uint32_t *out_i)
{
    for (uint32_t i = 0; k->descs != NULL && k->descs[i] != NULL; i++) {
        if (WSL_LIKELY(k->descs[i] == state)) {
            *out_i = i;
            return true;
        }
    }
    return find_by_name(k, state, out_i);
}

static __attribute__((noinline)) const wsl_row *get_long(tm_keyed *k, const wsl_state_desc *state)
{
    uint32_t i = 0;
    return find_state(k, state, &i) ? k->state->ops->value_get(k->state, i) : NULL;
}

static __attribute__((noinline)) wsl_row *update_long(tm_keyed *k, const wsl_state_desc *state)
{
    uint32_t i = 0;
    return find_state(k, state, &i) ? k->state->ops->value_update(k->state, i) : NULL;
}

static const wsl_row *value_get(wsl_keyed_ctx *ctx, const wsl_state_desc *state)
{
    tm_keyed *k = self(ctx);
    const wsl_row *row = WSL_LIKELY(state == k->first) ? tm_keyed_value_in_entry(k) : NULL;
    return WSL_LIKELY(row != NULL) ? row : get_long(k, state);
}

static wsl_row *value_update(wsl_keyed_ctx *ctx, const wsl_state_desc *state)
{
    tm_keyed *k = self(ctx);
    wsl_row *row = WSL_LIKELY(state == k->first) ? tm_keyed_value_in_entry(k) : NULL;
    return WSL_LIKELY(row != NULL) ? row : update_long(k, state);
}

static wsl_status value_put(wsl_keyed_ctx *ctx, const wsl_state_desc *state, const wsl_row *row)
{
    tm_keyed *k = self(ctx);
    uint32_t i = 0;
    if (!find_state(k, state, &i)) {
        return k->f.failed;
    }
    const wsl_status status = k->state->ops->value_put(k->state, i, row);
    return status == WSL_OK ? WSL_OK : fail(k, status, "puts a row of another schema into the state '%s'", state->name);
}

static void value_clear(wsl_keyed_ctx *ctx, const wsl_state_desc *state)
{
    tm_keyed *k = self(ctx);
    uint32_t i = 0;
    if (find_state(k, state, &i)) {
        k->state->ops->clear(k->state, i);
    }
}

/* ---- timers, as functions see them ---- */

/* Asks to be woken for the first processing-time timer, if nobody has for that time or an earlier one. */
static void arm(tm_keyed *k)
{
    int64_t next;
    tm_op *op = k->f.op;
    if (!tm_timers_next(&k->processing, &next) || next >= k->armed) {
        return;
    }
    k->armed = next;
    const int64_t now_ms = wsl_wall_ms(op->env.clock);
    const int64_t delay_ms = next < now_ms ? 0 : next - now_ms < INT32_MAX ? next - now_ms + 1 : INT32_MAX;
    op->env.host->wake_at(op->env.host, op, wsl_now_ns(op->env.clock) + delay_ms * WSL_NS_PER_MS);
}

static wsl_status timer_set(wsl_keyed_ctx *ctx, bool event_time, int64_t timestamp_ms)
{
    tm_keyed *k = self(ctx);
    if (k->visiting) {
        return fail(k, WSL_INVALID, "its function '%s' sets a timer on the broadcast side, where there are none",
                    k->f.op->env.function->name);
    }
    if (k->f.op->env.function->on_timer == NULL) {
        return fail(k, WSL_INVALID, "sets a timer, but its function '%s' has no .on_timer",
                    k->f.op->env.function->name);
    }
    if (event_time) {
        (void)tm_timers_set(&k->event, &k->key, 0, timestamp_ms);
    } else if (tm_timers_set(&k->processing, &k->key, 0, timestamp_ms)) {
        arm(k);
    }
    return WSL_OK;
}

static void timer_delete(wsl_keyed_ctx *ctx, bool event_time, int64_t timestamp_ms)
{
    tm_keyed *k = self(ctx);
    (void)tm_timers_delete(event_time ? &k->event : &k->processing, &k->key, 0, timestamp_ms);
}

static const wsl_keyed_ops keyed_ops = {
    .value_get = value_get,
    .value_update = value_update,
    .value_put = value_put,
    .value_clear = value_clear,
    .timer_set = timer_set,
    .timer_delete = timer_delete,
};

/* ---- life ---- */

static wsl_status open_state(tm_keyed *k, const wsl_schema *value, wsl_error *err)
{
    tm_state_spec states[TM_STATES_MAX + 1];
    uint32_t n = 0;
    if (value != NULL) {
        states[n++] = (tm_state_spec){.name = "value", .kind = WSL_STATE_VALUE, .schema = value};
    }
    for (uint32_t i = 0; k->descs != NULL && k->descs[i] != NULL; i++) {
        const wsl_state_desc *d = k->descs[i];
        if (d->kind != WSL_STATE_VALUE) {
            return wsl_fail(err, WSL_UNSUPPORTED, "state '%s' is not a value state; this version has no other kind",
                            d->name);
        }
        if (n > TM_STATES_MAX) {
            break; /* refused by the backend */
        }
        states[n++] = (tm_state_spec){.name = d->name, .kind = d->kind, .schema = d->value};
    }
    return tm_mem_state_new(&k->key, states, n, k->namespaces, &k->state, err);
}

wsl_status tm_keyed_open(tm_keyed *k, tm_op *op, const wsl_schema *value, wsl_error *err)
{
    if (op->env.key == NULL) {
        return wsl_fail(err, WSL_INVALID, "its input is not keyed: put a key_by before it");
    }
    tm_key_ctx_init(&k->key, op->env.key, op->env.subtask, op->env.parallelism, op->env.max_parallelism);
    if (op->env.key_1 != NULL) {
        tm_key_ctx_add_input(&k->key, op->env.key_1);
    }
    tm_timers_init(&k->event);
    tm_timers_init(&k->processing);
    k->armed = WSL_TIME_MAX;
    k->f.k.keyed_ops = &keyed_ops;
    k->f.k.key = k->key.row;
    if (value == NULL && op->env.function != NULL) {
        k->descs = op->env.function->states;
    }
    WSL_TRY(open_state(k, value, err));
    if (value != NULL || (k->descs != NULL && k->descs[0] != NULL)) {
        k->first_place = k->state->ops->value_place(k->state, 0);
        k->first = value == NULL && k->first_place.bit != 0 ? k->descs[0] : NULL;
    }
    return tm_fn_ctx_open(&k->f, op, err);
}

wsl_status tm_keyed_open_state(tm_keyed *k, const tm_state_spec *states, uint32_t n_states, bool namespaces,
                               tm_state **out_state, wsl_error *err)
{
    WSL_TRY(tm_mem_state_new(&k->key, states, n_states, namespaces, out_state, err));
    k->first = NULL; /* an entry may be of the other state from now on */
    k->first_place.bit = 0;
    return WSL_OK;
}

void tm_keyed_close(tm_keyed *k)
{
    tm_fn_ctx_close(&k->f);
    tm_state_free(k->state);
    k->state = NULL;
    tm_timers_fini(&k->event);
    tm_timers_fini(&k->processing);
    tm_key_ctx_fini(&k->key);
}

/* ---- rows ---- */

static wsl_status not_our_key(tm_keyed *k, const wsl_row *row)
{
    tm_op *op = k->f.op;
    op->current = row;
    return tm_op_fail(op, WSL_INTERNAL,
                      "got a row of another subtask's key group (ours are %" PRIu32 " to %" PRIu32 " of %" PRIu32 ")",
                      k->key.first_group, k->key.first_group + k->key.n_groups - 1, k->key.max_parallelism);
}

wsl_status tm_keyed_block(tm_keyed *k, const wsl_row *const *rows, uint32_t n, uint32_t at, uint32_t *out_end)
{
    uint32_t bad = 0;
    if (WSL_UNLIKELY(!k->state->ops->load(k->state, rows, n, at, &bad))) {
        return not_our_key(k, rows[bad]);
    }
    *out_end = n - at < TM_KEY_BLOCK ? n : at + TM_KEY_BLOCK;
    return WSL_OK;
}

/* ---- all keys ---- */

static bool has_state(tm_keyed *k, uint32_t i, wsl_state_kind kind)
{
    const tm_state_ops *ops = k->state->ops;
    tm_state_walk walk = {0};
    if (kind == WSL_STATE_LIST) {
        return ops->list_size(k->state, i) != 0;
    }
    if (kind == WSL_STATE_MAP) {
        ops->walk(k->state, i, &walk);
        return ops->walk_next(k->state, &walk);
    }
    return ops->value_get(k->state, i) != NULL;
}

wsl_status tm_keyed_each_key(tm_keyed *k, const wsl_state_desc *state,
                             wsl_status (*visit)(wsl_keyed_ctx *k, void *arg), void *arg)
{
    uint32_t i = 0;
    tm_state_walk walk = {0};
    wsl_status status = WSL_OK;
    if (!find_state(k, state, &i)) {
        return k->f.failed;
    }
    k->visiting = true;
    while (status == WSL_OK && k->state->ops->walk_keys(k->state, &walk)) {
        k->f.k.key = k->key.row;
        if (has_state(k, i, state->kind)) {
            status = visit(&k->f.k, arg);
        }
    }
    k->state->ops->walk_keys_end(k->state, &walk);
    k->visiting = false;
    return status;
}

/* ---- time ---- */

/* Fires timers up to `up_to`, a limited number. *out_done: none are left. */
static wsl_status fire(tm_keyed *k, bool event_time, int64_t up_to, bool *out_done)
{
    tm_op *op = k->f.op;
    tm_timers *timers = event_time ? &k->event : &k->processing;
    *out_done = false;
    for (uint32_t i = 0; i < TIMERS_PER_STEP; i++) {
        int64_t ns = 0, timestamp = 0;
        if (!tm_timers_pop(timers, up_to, &k->key, &ns, &timestamp)) {
            *out_done = true;
            break;
        }
        k->f.k.key = k->key.row;
        tm_fn_ctx_no_row(&k->f, event_time, event_time ? timestamp : 0);
        op->current = k->key.row;
        op->current_is_key = true;
        wsl_status status = op->env.function->on_timer(&k->f.k, timestamp, event_time);
        if (WSL_UNLIKELY(status != WSL_OK || k->f.attention)) {
            status = tm_fn_ctx_after(&k->f, status);
            if (status == WSL_AGAIN) {
                (void)tm_timers_set(timers, &k->key, 0, timestamp); /* it is called again */
                break;
            }
            WSL_TRY(status);
            if (tm_op_blocked(op)) {
                break;
            }
        }
    }
    op->current = NULL;
    op->current_is_key = false;
    return tm_fn_ctx_flush(&k->f);
}

static wsl_status advance(tm_keyed *k)
{
    bool done = true;
    if (tm_timers_count(&k->event) != 0) {
        WSL_TRY(fire(k, true, k->f.k.ctx.watermark, &done));
    }
    k->advancing = !done;
    k->f.op->busy = !done;
    return done ? tm_op_emit_watermark(k->f.op, k->f.k.ctx.watermark) : WSL_OK;
}

wsl_status tm_keyed_watermark(tm_keyed *k, int64_t watermark)
{
    k->f.k.ctx.watermark = watermark;
    return advance(k);
}

static wsl_status fire_due(tm_keyed *k)
{
    tm_op *op = k->f.op;
    bool done = false;
    WSL_TRY(fire(k, false, wsl_wall_ms(op->env.clock) - 1, &done));
    op->busy = !done;
    if (!done) {
        return WSL_OK;
    }
    k->armed = WSL_TIME_MAX;
    arm(k);
    return WSL_AGAIN;
}

wsl_status tm_keyed_resume(tm_keyed *k)
{
    if (tm_op_blocked(k->f.op)) {
        k->f.op->busy = true; /* a wake-up at a bad moment: remember it */
        return WSL_AGAIN;
    }
    if (k->advancing) {
        return advance(k);
    }
    if (tm_timers_count(&k->processing) == 0) {
        k->f.op->busy = false;
        return WSL_AGAIN;
    }
    return fire_due(k);
}
