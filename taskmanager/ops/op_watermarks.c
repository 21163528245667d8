/*
 * op_watermarks - gives rows their timestamp and the stream its watermarks.
 *
 *     rows --stamp--> current split's generator --> min over the splits being read --> watermark, if it grew
 *                               ^                                                        idle, if all of them are
 *               ticks ----------'
 *
 * Right behind a source there is a generator per split, and the source says which split rows are of; elsewhere there is
 * one for the subtask. Rows get the timestamp in a copy, because others may read the same row, unless they are a source's
 * and come to this operator only. Watermarks and idleness
 * from upstream are not passed on (but the final watermark, and, right behind a source, that it has nothing to read);
 * strategy "none" passes everything on and makes no watermarks.
 *
 * A strategy with an alignment group tells the group's min keeper (the JobManager) how far it is each
 * pipeline.watermark-alignment.update-interval, and lets the source pause splits that are beyond the limit it was told.
 */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <wiesel/time.h>

#include "base/assert.h"
#include "graph/operator_options.h"
#include "taskmanager/ops/op_classes.h"
#include "taskmanager/ops/row_time.h"
#include "taskmanager/time/split_snapshot.h"
#include "taskmanager/time/split_times.h"
#include "taskmanager/time/time_report.h"

enum { INTERVAL_DEFAULT_MS = 200, UPDATE_DEFAULT_MS = 1000 };

typedef struct op_watermarks {
    tm_op op;
    wsl_watermark_ctx ctx; /* of a custom generator: of the split it is called for */
    tm_split_times times;
    tm_split_past *past; /* restored: generators of splits that are not being read yet; NULL: none */
    uint32_t current; /* split of the rows that come; TM_NO_SPLIT */
    tm_op *source;    /* that tells us about splits; NULL */
    tm_row_time row_time;
    bool generates;
    bool per_record;
    bool eager; /* watermarks follow single rows: per record, or custom */
    bool ticks;
    bool upstream_idle;
    bool aligned;           /* in an alignment group */
    int64_t limit;          /* of the group */
    int64_t next_tick_ns;   /* WSL_NEVER: no ticks */
    int64_t next_update_ns; /* WSL_NEVER: no group */
    int64_t update_ns;
    int64_t seen, since_ms; /* output watermark when it was last looked at, and since when it is that */
} op_watermarks;

static op_watermarks *self(tm_op *op) { return (op_watermarks *)(void *)op; }
static tm_split_time *current(op_watermarks *w) { return tm_split_times_get(&w->times, w->current); }

static void arm(op_watermarks *w)
{
    tm_op *op = &w->op;
    const int64_t at = w->next_tick_ns < w->next_update_ns ? w->next_tick_ns : w->next_update_ns;
    if (at != WSL_NEVER) {
        op->env.host->wake_at(op->env.host, op, at);
    }
}

/* ---- open ---- */

static void custom_emit(wsl_watermark_ctx *ctx, int64_t watermark_ms)
{
    op_watermarks *w = (op_watermarks *)(void *)((char *)ctx - offsetof(op_watermarks, ctx));
    tm_split_time *s = tm_split_times_get(&w->times, w->current);
    WSL_ASSERT(s != NULL); /* generators are called for a split */
    tm_watermark_gen_timestamp(&s->gen, watermark_ms < WSL_TIME_MAX ? watermark_ms : WSL_TIME_MAX - 1);
    ctx->watermark = tm_split_time_watermark(s);
}

static wsl_status open_custom(op_watermarks *w, tm_split_rule *rule, wsl_error *err)
{
    const tm_op_env *env = &w->op.env;
    if (env->function == NULL || (env->function->on_event == NULL && env->function->on_periodic == NULL)) {
        return wsl_fail(err, WSL_INVALID,
                        "strategy custom needs a WSL_WATERMARKS function with on_event or on_periodic");
    }
    rule->bound_ms = TM_GIVEN;
    rule->local_size = env->function->local_size;
    w->ctx = (wsl_watermark_ctx){
        .config = env->desc->config.data, .config_size = (uint32_t)env->desc->config.len, .emit = custom_emit};
    w->eager = env->function->on_event != NULL || w->per_record;
    return WSL_OK;
}

static wsl_status open_alignment(op_watermarks *w, const wsl_config *config, wsl_error *err)
{
    const tm_op_env *env = &w->op.env;
    const char *group = wsl_config_str(config, "alignment-group");
    w->limit = WSL_TIME_MAX;
    w->next_update_ns = WSL_NEVER;
    w->aligned = group != NULL && group[0] != '\0';
    if (!w->aligned) {
        return WSL_OK;
    }
    if (!env->after_source || !w->generates) {
        return wsl_fail(err, WSL_INVALID,
                        "alignment group '%s': only a strategy right behind a source, and chained to it, can make the "
                        "source wait",
                        group);
    }
    w->update_ns = env->job_config != NULL
                       ? wsl_config_duration_ns(env->job_config, "pipeline.watermark-alignment.update-interval")
                       : (int64_t)UPDATE_DEFAULT_MS * WSL_NS_PER_MS;
    w->next_update_ns = wsl_now_ns(env->clock); /* say at once that we are there */
    return WSL_OK;
}

static wsl_status open_generators(op_watermarks *w, const wsl_config *config, wsl_error *err)
{
    const wsl_config *job = w->op.env.job_config;
    const char *strategy = wsl_config_str(config, "strategy");
    const char *emit = wsl_config_str(config, "emit");
    if (emit == NULL) {
        emit = job != NULL ? wsl_config_str(job, "watermark.emit") : "periodic";
    }
    const bool custom = strcmp(strategy, "custom") == 0;
    tm_split_rule rule = {
        .bound_ms = strcmp(strategy, "bounded") == 0 ? wsl_config_duration_ns(config, "bound") / WSL_NS_PER_MS : 0,
        .idleness_ns = wsl_config_duration_ns(config, "idleness"),
        .interval_ns = job != NULL ? wsl_config_duration_ns(job, "pipeline.auto-watermark-interval")
                                   : (int64_t)INTERVAL_DEFAULT_MS * WSL_NS_PER_MS,
    };
    w->generates = strcmp(strategy, "none") != 0;
    w->per_record = strcmp(emit, "per-record") == 0;
    w->eager = w->per_record;
    if (custom) {
        WSL_TRY(open_custom(w, &rule, err));
    }
    const bool polled = custom ? w->op.env.function->on_periodic != NULL : !w->per_record;
    w->ticks = w->generates && (polled || rule.idleness_ns != 0);
    tm_split_times_init(&w->times, &rule);
    return WSL_OK;
}

static wsl_status watermarks_open(tm_op *op, wsl_error *err)
{
    op_watermarks *w = self(op);
    const int64_t now_ns = wsl_now_ns(op->env.clock);
    WSL_AUTO(wsl_config) config = NULL;
    WSL_TRY(wsl_operator_config_new(op->env.desc, op->env.artifact, &config, err));
    WSL_TRY(tm_row_time_init(&w->row_time, wsl_config_str(config, "timestamp"), op->env.input[0], err));
    WSL_TRY(open_generators(w, config, err));
    WSL_TRY(open_alignment(w, config, err));
    w->seen = WSL_TIME_MIN;
    w->current = TM_NO_SPLIT;
    if (w->generates && !op->env.after_source) {
        (void)tm_split_times_start(&w->times, 0, "", now_ns);
        w->current = 0;
    }
    w->next_tick_ns = w->ticks ? now_ns + w->times.rule.interval_ns : WSL_NEVER;
    arm(w);
    return WSL_OK;
}

/* ---- out ---- */

static wsl_status settle_idleness(op_watermarks *w)
{
    const bool all_idle = w->times.n_used > 0 && !tm_split_times_any_active(&w->times);
    return tm_op_emit_idle(&w->op, w->upstream_idle || all_idle);
}

/* Restored splits that are not being read yet count as well. */
static int64_t min_of(const op_watermarks *w, const tm_split_time *except)
{
    const int64_t waiting = tm_split_past_min(w->past);
    const int64_t min = tm_split_times_min(&w->times, except);
    return waiting < min ? waiting : min;
}

/* The minimum over all splits, if any of them counts. */
static wsl_status emit_min(op_watermarks *w)
{
    return tm_split_times_any_active(&w->times) ? tm_op_emit_watermark(&w->op, min_of(w, NULL)) : WSL_OK;
}

/* ---- alignment ---- */

static void apply_limit(op_watermarks *w, uint32_t number)
{
    tm_split_time *s = tm_split_times_get(&w->times, number);
    const bool pause = s != NULL && tm_split_time_watermark(s) > w->limit;
    if (s != NULL && w->source != NULL && pause != s->paused) {
        s->paused = pause;
        w->source->cls->pause_split(w->source, number, pause);
    }
}

static wsl_status watermarks_limit(tm_op *op, int64_t limit)
{
    op_watermarks *w = self(op);
    w->limit = limit;
    for (uint32_t i = 0; i < w->times.capacity; i++) {
        apply_limit(w, i);
    }
    return WSL_OK;
}

static void report_to_group(op_watermarks *w)
{
    const tm_op *op = &w->op;
    const bool any = tm_split_times_any_active(&w->times);
    const int64_t min = any ? tm_split_times_min(&w->times, NULL) : WSL_TIME_MIN;
    const bool idle = w->upstream_idle || (w->times.n_used > 0 && !any);
    if (op->env.host->report_watermark != NULL) {
        op->env.host->report_watermark(op->env.host, &w->op, min > op->out_watermark ? min : op->out_watermark, idle);
    }
}

/* ---- rows ---- */

static void call_custom(op_watermarks *w, tm_split_time *s, const wsl_row *row, bool poll)
{
    const wsl_function *fn = w->op.env.function;
    w->ctx.local = s->local;
    w->ctx.watermark = tm_split_time_watermark(s);
    if (row != NULL && fn->on_event != NULL) {
        fn->on_event(&w->ctx, row, row->timestamp);
    }
    if (poll && fn->on_periodic != NULL) {
        fn->on_periodic(&w->ctx);
    }
}

/* A watermark right behind each row that raises it. The row goes first: it may be the one the watermark is for. */
static wsl_status emit_eagerly(op_watermarks *w, tm_split_time *s, const wsl_row *const *rows, uint32_t n)
{
    const int64_t others = min_of(w, s);
    const bool custom = w->times.rule.bound_ms == TM_GIVEN;
    uint32_t sent = 0;
    w->ctx.now_ms = custom ? wsl_wall_ms(w->op.env.clock) : 0;
    for (uint32_t i = 0; i < n; i++) {
        if (!wsl_row_has_timestamp(rows[i])) {
            continue;
        }
        if (custom) {
            call_custom(w, s, rows[i], w->per_record);
        } else {
            tm_watermark_gen_timestamp(&s->gen, rows[i]->timestamp);
        }
        const int64_t mine = tm_split_time_watermark(s);
        const int64_t min = mine < others ? mine : others;
        if (min > w->op.out_watermark) {
            WSL_TRY(tm_op_emit_rows(&w->op, rows + sent, i + 1 - sent));
            WSL_TRY(tm_op_emit_watermark(&w->op, min));
            sent = i + 1;
        }
    }
    return tm_op_emit_rows(&w->op, rows + sent, n - sent);
}

static wsl_status emit_lazily(op_watermarks *w, tm_split_time *s, const wsl_row *const *rows, uint32_t n)
{
    for (uint32_t i = 0; i < n && w->times.rule.bound_ms != TM_GIVEN; i++) {
        if (wsl_row_has_timestamp(rows[i])) {
            tm_watermark_gen_timestamp(&s->gen, rows[i]->timestamp);
        }
    }
    return tm_op_emit_rows(&w->op, rows, n);
}

static wsl_status watermarks_rows(tm_op *op, uint32_t input, const wsl_row *const *rows, uint32_t n)
{
    op_watermarks *w = self(op);
    const wsl_row *room[TM_BATCH_ROWS];
    const wsl_row *const *stamped = rows;
    (void)input;
    uint32_t bad = 0;
    wsl_error err = {0};
    const wsl_status status = tm_row_time_stamp(&w->row_time, rows, n, room, &stamped, &bad, &err);
    if (status != WSL_OK) {
        op->current = rows[bad];
        return tm_op_fail(op, status, "%s", err.text);
    }
    if (!w->generates) {
        return tm_op_emit_rows(op, stamped, n);
    }
    tm_split_time *s = current(w);
    WSL_ASSERT(s != NULL); /* the source says first which split rows are of */
    if (tm_watermark_gen_rows(&s->gen)) {
        WSL_TRY(settle_idleness(w));
    }
    WSL_TRY(w->eager ? emit_eagerly(w, s, stamped, n) : emit_lazily(w, s, stamped, n));
    if (w->aligned) {
        apply_limit(w, w->current);
    }
    return WSL_OK;
}

/* ---- splits ---- */

/* What a finished split was about to say still counts; it leaves the minimum afterwards. */
static wsl_status finish_split(op_watermarks *w, uint32_t number)
{
    WSL_TRY(emit_min(w));
    tm_split_times_finish(&w->times, number);
    w->current = w->current == number ? TM_NO_SPLIT : w->current;
    WSL_TRY(emit_min(w));
    return settle_idleness(w);
}

static wsl_status watermarks_split_event(tm_op *op, const tm_split_event *event)
{
    op_watermarks *w = self(op);
    w->source = event->source;
    const tm_targets *readers = &event->source->main;
    w->row_time.in_place = readers->n == 1 && readers->target[0].op == op; /* then they are built for us alone */
    if (!w->generates) {
        return WSL_OK;
    }
    if (event->news == TM_SPLIT_FINISHED) {
        return finish_split(w, event->split);
    }
    if (event->news == TM_SPLIT_STARTED) {
        tm_split_time *s = tm_split_times_start(&w->times, event->split, event->name, wsl_now_ns(op->env.clock));
        if (w->past != NULL) {
            tm_split_past_take(w->past, s, w->times.rule.local_size);
        }
    }
    w->current = event->split;
    return settle_idleness(w);
}

/* ---- time ---- */

/* Nothing is counted while rows cannot come: then it is not the source that is quiet. */
static void tick_splits(op_watermarks *w, int64_t now_ns)
{
    const bool blocked = tm_op_blocked(&w->op);
    const uint32_t now_current = w->current;
    const bool custom = w->times.rule.bound_ms == TM_GIVEN;
    w->ctx.now_ms = custom ? wsl_wall_ms(w->op.env.clock) : 0;
    for (uint32_t i = 0; i < w->times.capacity; i++) {
        tm_split_time *s = tm_split_times_get(&w->times, i);
        if (s == NULL) {
            continue;
        }
        if (blocked || s->paused) {
            tm_watermark_gen_skip(&s->gen, now_ns);
        } else {
            (void)tm_watermark_gen_tick(&s->gen, now_ns);
        }
        if (custom && !s->gen.idle && !w->per_record) {
            w->current = i; /* for custom_emit */
            call_custom(w, s, NULL, true);
        }
    }
    w->current = now_current;
}

static wsl_status tick(op_watermarks *w, int64_t now_ns)
{
    tick_splits(w, now_ns);
    WSL_TRY(emit_min(w)); /* per record, too: one that went idle may have held the others back */
    WSL_TRY(settle_idleness(w));
    for (uint32_t i = 0; w->aligned && i < w->times.capacity; i++) {
        apply_limit(w, i);
    }
    return WSL_OK;
}

static wsl_status watermarks_resume(tm_op *op)
{
    op_watermarks *w = self(op);
    const int64_t now_ns = wsl_now_ns(op->env.clock);
    const bool update = now_ns >= w->next_update_ns;
    if (now_ns >= w->next_tick_ns) {
        w->next_tick_ns = now_ns + w->times.rule.interval_ns;
        WSL_TRY(tick(w, now_ns));
    } else if (!update) {
        return WSL_AGAIN; /* resumed for something else */
    }
    if (update) {
        w->next_update_ns = now_ns + w->update_ns;
        report_to_group(w);
    }
    arm(w);
    return WSL_AGAIN;
}

static wsl_status watermarks_watermark(tm_op *op, int64_t watermark)
{
    return watermark == WSL_TIME_MAX || !self(op)->generates ? tm_op_emit_watermark(op, watermark) : WSL_OK;
}

static wsl_status watermarks_idle(tm_op *op, bool idle)
{
    op_watermarks *w = self(op);
    if (!w->generates) {
        return tm_op_emit_idle(op, idle);
    }
    if (!op->env.after_source) {
        return WSL_OK;
    }
    w->upstream_idle = idle;
    if (idle) {
        tm_split_past_release(w->past);
        /* the next tick would find us idle, and an idle channel's watermarks do not count: say now how far we are */
        WSL_TRY(emit_min(w));
    }
    return settle_idleness(w);
}

/* ---- for those who ask ---- */

static void look(int64_t watermark, int64_t now_ms, int64_t *seen, int64_t *since_ms)
{
    if (watermark != *seen) {
        *seen = watermark;
        *since_ms = now_ms;
    }
}

/* Keeps the splits that are furthest behind, idle ones last, in order. */
static void add_report(tm_generator_report *out, const tm_split_time *s)
{
    const int64_t watermark = tm_split_time_watermark(s);
    uint32_t at = out->n_splits < TM_REPORTED_SPLITS_MAX ? out->n_splits++ : TM_REPORTED_SPLITS_MAX;
    while (at > 0) {
        const tm_split_report *before = &out->splits[at - 1];
        const bool stays = before->idle == s->gen.idle ? before->watermark <= watermark : s->gen.idle;
        if (stays) {
            break;
        }
        if (at < TM_REPORTED_SPLITS_MAX) {
            out->splits[at] = *before;
        }
        at--;
    }
    if (at == TM_REPORTED_SPLITS_MAX) {
        return;
    }
    tm_split_report *r = &out->splits[at];
    *r = (tm_split_report){.watermark = watermark, .since_ms = s->since_ms, .idle = s->gen.idle, .paused = s->paused};
    (void)snprintf(r->name, sizeof r->name, "%s", s->name);
}

static void watermarks_report(tm_op *op, int64_t now_ms, struct tm_generator_report *out)
{
    op_watermarks *w = self(op);
    look(op->out_watermark, now_ms, &w->seen, &w->since_ms);
    *out = (tm_generator_report){.operator_id = op->env.desc->id,
                                 .watermark = op->out_watermark,
                                 .since_ms = w->since_ms,
                                 .limit = w->limit,
                                 .idle = op->out_idle,
                                 .at_source = op->env.after_source,
                                 .reading = w->times.n_used};
    for (uint32_t i = 0; i < w->times.capacity; i++) {
        tm_split_time *s = tm_split_times_get(&w->times, i);
        if (s != NULL) {
            look(tm_split_time_watermark(s), now_ms, &s->seen, &s->since_ms);
            add_report(out, s);
        }
    }
}

/* ---- checkpoints ---- */

static wsl_status watermarks_snapshot(tm_op *op, tm_snapshot *out)
{
    op_watermarks *w = self(op);
    if (!w->generates) {
        return WSL_OK;
    }
    const int64_t tick_in = w->next_tick_ns - wsl_now_ns(op->env.clock);
    tm_split_past_put(out, op, &w->times, w->past, w->next_tick_ns == WSL_NEVER ? -1 : tick_in > 0 ? tick_in : 0);
    return WSL_OK;
}

/* What was out goes out again: those behind begin with it as well. Rows that are late by it stay late. */
static wsl_status watermarks_restore(tm_op *op, tm_restore *in)
{
    op_watermarks *w = self(op);
    WSL_TRY(tm_split_past_read(in, op, &w->past));
    if (!w->generates) {
        return WSL_OK; /* the strategy makes none any more */
    }
    const int64_t tick_in = tm_split_past_tick_in_ns(w->past);
    if (w->next_tick_ns != WSL_NEVER && tick_in >= 0 && tick_in < w->times.rule.interval_ns) {
        w->next_tick_ns = wsl_now_ns(op->env.clock) + tick_in;
        arm(w);
    }
    if (!op->env.after_source) {
        tm_split_past_take_least(w->past, current(w), w->times.rule.local_size);
    }
    WSL_TRY(tm_op_emit_watermark(op, tm_split_past_watermark(w->past)));
    return settle_idleness(w);
}

static void watermarks_close(tm_op *op)
{
    op_watermarks *w = self(op);
    tm_split_past_free(w->past);
    tm_split_times_fini(&w->times);
    tm_row_time_fini(&w->row_time);
}

const tm_op_class tm_op_watermarks_class = {
    .kind = "watermarks",
    .size = sizeof(op_watermarks),
    .open = watermarks_open,
    .on_rows = watermarks_rows,
    .on_watermark = watermarks_watermark,
    .on_idle = watermarks_idle,
    .on_split_event = watermarks_split_event,
    .on_limit = watermarks_limit,
    .report_time = watermarks_report,
    .resume = watermarks_resume,
    .snapshot = watermarks_snapshot,
    .restore = watermarks_restore,
    .close = watermarks_close,
};
