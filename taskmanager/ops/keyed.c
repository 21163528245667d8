#include "taskmanager/ops/keyed_internal.h"

#include <inttypes.h>

#include "taskmanager/ckpt/restore.h"
#include "taskmanager/ckpt/snapshot.h"
#include "taskmanager/ops/state_report.h"
#include "taskmanager/time/timer_snapshot.h"

enum {
    TIMERS_PER_STEP = 512,
    TIMERS_PER_LOOK = 16, /* at the clock */
    KEYS_PER_STEP = 4096,
    KEYS_PER_LOOK = 32,
    STEP_NS = 2000000,
    CLEAN_MS = 1000,
    CLEAN_ENTRIES = 1024,
};
_Static_assert((int)TM_KEY_BATCH >= (int)TM_BATCH_ROWS, "a batch fits into the key context");

static tm_keyed *self(wsl_keyed_ctx *k) { return (tm_keyed *)(void *)k; }

/* ---- timers, as functions see them ---- */

/* Asks to be woken for the first processing-time timer, or for cleaning up, if nobody has for that time or an earlier one. */
static void arm(tm_keyed *k)
{
    int64_t next;
    tm_op *op = k->f.op;
    if (!tm_timers_next(&k->processing, &next) || next > k->clean_at) {
        next = k->clean_at;
    }
    if (next >= k->armed) {
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
        return tm_keyed_fail(k, WSL_INVALID,
                             "its function '%s' sets a timer on the broadcast side, where there are none",
                             k->f.op->env.function->name);
    }
    if (k->f.op->env.function->on_timer == NULL) {
        return tm_keyed_fail(k, WSL_INVALID, "sets a timer, but its function '%s' has no .on_timer",
                             k->f.op->env.function->name);
    }
    if (event_time) {
        tm_timers_set(&k->event, &k->key, 0, timestamp_ms);
    } else {
        tm_timers_set(&k->processing, &k->key, 0, timestamp_ms);
        if (timestamp_ms < k->armed) {
            arm(k);
        }
    }
    return WSL_OK;
}

static void timer_delete(wsl_keyed_ctx *ctx, bool event_time, int64_t timestamp_ms)
{
    tm_keyed *k = self(ctx);
    tm_timers_delete(event_time ? &k->event : &k->processing, &k->key, 0, timestamp_ms);
}

static const wsl_keyed_ops keyed_ops = {
    .value_get = tm_keyed_value_get,
    .value_update = tm_keyed_value_update,
    .value_put = tm_keyed_value_put,
    .value_clear = tm_keyed_state_clear,
    .list_add = tm_keyed_list_add,
    .list_set = tm_keyed_list_set,
    .list_size = tm_keyed_list_size,
    .map_get = tm_keyed_map_get,
    .map_put = tm_keyed_map_put,
    .map_remove = tm_keyed_map_remove,
    .fold = tm_keyed_fold,
    .folded = tm_keyed_folded,
    .iterate = tm_keyed_iterate,
    .iter_next = tm_keyed_iter_next,
    .iter_remove = tm_keyed_iter_remove,
    .timer_set = timer_set,
    .timer_delete = timer_delete,
};

/* ---- life ---- */

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
    k->armed = k->clean_at = WSL_TIME_MAX;
    k->f.k.keyed_ops = &keyed_ops;
    k->f.k.key = k->key.row;
    if (value == NULL && op->env.function != NULL) {
        k->descs = op->env.function->states;
    }
    WSL_TRY(tm_keyed_states_open(k, op, value, err));
    k->has_ttl = k->state->ops->has_ttl(k->state);
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
    tm_state_report_add(k->f.op, *out_state, states, n_states);
    k->first = NULL; /* an entry may be of the other state from now on */
    k->first_place.bit = 0;
    return WSL_OK;
}

void tm_keyed_close(tm_keyed *k)
{
    if (k->f.op != NULL) {
        tm_state_report_fini(k->f.op);
    }
    tm_fn_ctx_close(&k->f);
    if (k->each.begun) {
        k->state->ops->walk_keys_end(k->state, &k->each.walk);
    }
    tm_keyed_states_close(k);
    tm_timers_fini(&k->event);
    tm_timers_fini(&k->processing);
    tm_key_ctx_fini(&k->key);
}

/* ---- checkpoints ---- */

void tm_keyed_snapshot_state(tm_keyed *k, tm_snapshot *out, const char *name)
{
    k->state->ops->snapshot(k->state, out, k->f.op, name);
}

void tm_keyed_snapshot(tm_keyed *k, tm_snapshot *out)
{
    tm_keyed_snapshot_state(k, out, "state");
    tm_timers_snapshot(&k->event, &k->key, true, out, k->f.op, "timers");
    tm_timers_snapshot(&k->processing, &k->key, false, out, k->f.op, "timers");
}

/* Entries that were changed while the snapshot was written are in a section of their own, with a plus behind its name. */
wsl_status tm_state_restore_piece(tm_state *s, const tm_restore_piece *piece, const char *name, bool *out_taken,
                                  wsl_error *err)
{
    const Wsl__Pb__Section *section = piece->section;
    const size_t n = strlen(name);
    *out_taken = section->kind == WSL__PB__SECTION_KIND__SECTION_KEYED && strncmp(section->name, name, n) == 0 &&
                 (section->name[n] == '\0' || strcmp(section->name + n, "+") == 0);
    return *out_taken ? s->ops->restore(s, piece, err) : WSL_OK;
}

/* Restored state expires, too, even if no row comes. */
static void clean_restored(tm_keyed *k)
{
    if (k->has_ttl && k->clean_at == WSL_TIME_MAX && k->state->ops->keys(k->state) > 0) {
        k->clean_at = wsl_wall_ms(k->f.op->env.clock) + CLEAN_MS;
        arm(k);
    }
}

wsl_status tm_keyed_restore_state(tm_keyed *k, const tm_restore_piece *piece, const char *name, bool *out_taken,
                                  wsl_error *err)
{
    const wsl_status status = tm_state_restore_piece(k->state, piece, name, out_taken, err);
    if (*out_taken) {
        k->f.k.key = k->key.row; /* it made others current */
        clean_restored(k);
    }
    return status;
}

wsl_status tm_keyed_restore_piece(tm_keyed *k, const tm_restore_piece *piece, bool *out_taken, wsl_error *err)
{
    const Wsl__Pb__Section *section = piece->section;
    const bool timers = strcmp(section->name, "timers") == 0;
    wsl_status status = WSL_OK;
    if (timers && section->kind == WSL__PB__SECTION_KIND__SECTION_EVENT_TIMERS) {
        status = tm_timers_restore(&k->event, &k->key, piece, err);
    } else if (timers && section->kind == WSL__PB__SECTION_KIND__SECTION_PROCESSING_TIMERS) {
        status = tm_timers_restore(&k->processing, &k->key, piece, err);
        arm(k);
    } else {
        return tm_keyed_restore_state(k, piece, "state", out_taken, err);
    }
    *out_taken = true;
    k->f.k.key = k->key.row; /* it made others current */
    return status;
}

static wsl_status take_piece(void *k, const tm_restore_piece *piece, bool *out_taken, wsl_error *err)
{
    return tm_keyed_restore_piece(k, piece, out_taken, err);
}

wsl_status tm_keyed_restore(tm_keyed *k, tm_restore *in) { return tm_restore_pieces(in, take_piece, k); }

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
    if (at == 0) {
        k->state->ops->tidy(k->state);
        if (WSL_UNLIKELY(k->has_ttl)) {
            tm_keyed_clean_up(k, 2 * n);
        }
    }
    if (WSL_UNLIKELY(!k->state->ops->load(k->state, rows, n, at, &bad))) {
        return not_our_key(k, rows[bad]);
    }
    *out_end = n - at < TM_KEY_BLOCK ? n : at + TM_KEY_BLOCK;
    return WSL_OK;
}

/* ---- expired state ---- */

void tm_keyed_clean_up(tm_keyed *k, uint32_t max_entries)
{
    const tm_op *op = k->f.op;
    const wsl_ctx *ctx = tm_fn_ctx_of(&k->f);
    const int64_t now_ms = wsl_wall_ms(op->env.clock);
    k->state->time =
        (tm_state_time){.processing_ms = now_ms, .watermark = ctx->watermark, .row_ms = ctx->watermark};
    k->state->ops->clean_up(k->state, max_entries);
    k->f.k.key = k->key.row; /* it made others current */
    if (k->clean_at == WSL_TIME_MAX) {
        k->clean_at = now_ms + CLEAN_MS;
        arm(k);
    }
}

/* Nothing came for a while. */
static void clean_in_peace(tm_keyed *k, int64_t now_ms)
{
    if (now_ms < k->clean_at) {
        return;
    }
    tm_keyed_clean_up(k, CLEAN_ENTRIES);
    k->clean_at = k->state->ops->keys(k->state) == 0 ? WSL_TIME_MAX : now_ms + CLEAN_MS;
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

/* Keys that were looked at count, too: most of them may have nothing in the state. *out_more: some are left. */
static wsl_status visit_some(tm_keyed *k, uint32_t i, wsl_state_kind kind, wsl_status (*visit)(wsl_keyed_ctx *, void *),
                             void *arg, bool *out_more)
{
    const tm_op *op = k->f.op;
    const int64_t begin_ns = wsl_now_ns(op->env.clock);
    wsl_status status = WSL_OK;
    k->visiting = true;
    for (uint32_t n = 0; status == WSL_OK && *out_more; n++) {
        const bool look = n % KEYS_PER_LOOK == KEYS_PER_LOOK - 1;
        if (look && (wsl_now_ns(op->env.clock) - begin_ns > STEP_NS || n >= KEYS_PER_STEP || tm_op_blocked(op))) {
            break;
        }
        *out_more = k->state->ops->walk_keys(k->state, &k->each.walk);
        k->f.k.key = k->key.row;
        if (*out_more && has_state(k, i, kind)) {
            status = visit(&k->f.k, arg);
        }
    }
    k->visiting = false;
    return status;
}

static void end_each(tm_keyed *k)
{
    k->state->ops->walk_keys_end(k->state, &k->each.walk);
    k->each.begun = false;
    k->armed = WSL_TIME_MAX; /* timers that were due meanwhile */
    arm(k);
}

wsl_status tm_keyed_each_key(tm_keyed *k, const wsl_state_desc *state,
                             wsl_status (*visit)(wsl_keyed_ctx *k, void *arg), void *arg)
{
    struct tm_keyed_each *each = &k->each;
    uint32_t i = 0;
    if (!tm_keyed_find(k, state, &i)) {
        return k->f.failed;
    }
    if (each->calls++ < each->done) {
        return WSL_OK;
    }
    if (!each->begun) {
        each->walk = (tm_state_walk){0};
        each->begun = true;
    }
    bool more = true;
    const wsl_status status = visit_some(k, i, state->kind, visit, arg, &more);
    if (status == WSL_OK && more) {
        return WSL_AGAIN;
    }
    end_each(k);
    each->done++;
    return status == WSL_AGAIN ? tm_keyed_fail(k, WSL_USER, "visits the keys of the state '%s' with a function that returns "
                                                            "WSL_AGAIN; a visit is made once", state->name)
                               : status;
}

wsl_status tm_keyed_each_end(tm_keyed *k, wsl_status status)
{
    struct tm_keyed_each *each = &k->each;
    if (status == WSL_AGAIN) {
        return WSL_AGAIN;
    }
    each->done = 0;
    if (!each->begun) {
        return status;
    }
    end_each(k);
    return status != WSL_OK ? status
                            : tm_keyed_fail(k, WSL_USER,
                                            "its function '%s' returned before wsl_apply_to_keyed_state was through: return "
                                            "the WSL_AGAIN that it gives",
                                            k->f.op->env.function->name);
}

/* ---- time ---- */

/* Fires timers up to `up_to`, a limited number. *out_done: none are left. */
static wsl_status fire(tm_keyed *k, bool event_time, int64_t up_to, bool *out_done)
{
    tm_op *op = k->f.op;
    tm_timers *timers = event_time ? &k->event : &k->processing;
    const int64_t begin_ns = wsl_now_ns(op->env.clock);
    *out_done = false;
    for (uint32_t i = 0; i < TIMERS_PER_STEP; i++) {
        int64_t ns = 0, timestamp = 0;
        if (i % TIMERS_PER_LOOK == TIMERS_PER_LOOK - 1 && wsl_now_ns(op->env.clock) - begin_ns > STEP_NS) {
            break;
        }
        if (!tm_timers_pop(timers, up_to, &k->key, &ns, &timestamp)) {
            *out_done = true;
            break;
        }
        k->state->ops->prefetch(k->state, tm_timers_ahead(timers, TM_TIMERS_AHEAD),
                                tm_timers_ahead(timers, TM_TIMERS_AHEAD / 2));
        k->f.k.key = k->key.row;
        tm_fn_ctx_no_row(&k->f, event_time, event_time ? timestamp : 0);
        op->current = k->key.row;
        op->current_is_key = true;
        wsl_status status = op->env.function->on_timer(&k->f.k, timestamp, event_time);
        if (WSL_UNLIKELY(status != WSL_OK || k->f.attention)) {
            status = tm_fn_ctx_after(&k->f, status);
            if (status == WSL_AGAIN) {
                tm_timers_set(timers, &k->key, 0, timestamp); /* it is called again */
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
    if (tm_timers_any(&k->event)) {
        WSL_TRY(fire(k, true, k->f.k.ctx.watermark, &done));
    }
    k->advancing = !done;
    k->f.op->busy = !done;
    return done ? tm_op_emit_watermark(k->f.op, k->f.k.ctx.watermark) : WSL_OK;
}

wsl_status tm_keyed_watermark(tm_keyed *k, int64_t watermark)
{
    k->f.k.ctx.watermark = watermark;
    if (WSL_UNLIKELY(k->f.op->shared->restoring)) {
        return tm_op_emit_watermark(k->f.op, watermark);
    }
    k->state->ops->tidy(k->state);
    if (WSL_UNLIKELY(k->has_ttl)) {
        tm_keyed_clean_up(k, CLEAN_ENTRIES / 16);
    }
    return advance(k);
}

static wsl_status fire_due(tm_keyed *k)
{
    tm_op *op = k->f.op;
    bool done = false;
    const int64_t now_ms = wsl_wall_ms(op->env.clock);
    WSL_TRY(fire(k, false, now_ms - 1, &done));
    op->busy = !done;
    if (!done) {
        return WSL_OK;
    }
    clean_in_peace(k, now_ms);
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
    if (k->each.begun) {
        k->f.op->busy = false;
        return WSL_AGAIN; /* timers would add keys under a walk */
    }
    if (!tm_timers_any(&k->processing) && k->clean_at == WSL_TIME_MAX) {
        k->f.op->busy = false;
        k->armed = WSL_TIME_MAX; /* what was asked for has been deleted since */
        return WSL_AGAIN;
    }
    return fire_due(k);
}
