/*
 * op_watermarks - gives rows their timestamp and the stream its watermarks.
 *
 * Rows get the timestamp in a copy, because others may read the same row. Watermarks and idleness from upstream are not
 * passed on (but the final watermark, and, right behind a source, that it has nothing to read); strategy "none" passes
 * everything on and makes no watermarks.
 */
#include <string.h>

#include "base/arena.h"
#include "expr/expr.h"
#include "graph/operator_options.h"
#include "taskmanager/ops/op_classes.h"
#include "taskmanager/time/watermark_gen.h"

enum { CHUNK_BYTES = 128 << 10, INTERVAL_DEFAULT_MS = 200 };

typedef struct op_watermarks {
    tm_op op;
    tm_watermark_gen gen;
    wsl_expr *expr; /* of the timestamp; NULL: a field, or rows keep theirs */
    int field;      /* -1: none */
    uint32_t n_fields;
    wsl_arena *arena;
    bool generates;
    bool per_record;
    bool ticks;
    bool upstream_idle;
} op_watermarks;

static op_watermarks *self(tm_op *op) { return (op_watermarks *)(void *)op; }

static void arm(op_watermarks *w)
{
    tm_op *op = &w->op;
    op->env.host->wake_at(op->env.host, op, wsl_now_ns(op->env.clock) + w->gen.interval_ns);
}

/* ---- open ---- */

static wsl_status check_timestamp_type(const char *text, const wsl_type *type, wsl_error *err)
{
    if (type->id == WSL_T_TIMESTAMP || type->id == WSL_T_INT64) {
        return WSL_OK;
    }
    char name[64];
    (void)wsl_type_text(type, name, sizeof name);
    return wsl_fail(err, WSL_TYPE, "timestamp '%s' is of type %s; it must be TIMESTAMP or INT64 (milliseconds)", text,
                    name);
}

static wsl_status open_timestamp(op_watermarks *w, const char *text, wsl_error *err)
{
    const wsl_schema *in = w->op.env.input[0];
    w->field = -1;
    w->n_fields = in->n_fields;
    if (text == NULL || text[0] == '\0') {
        return WSL_OK;
    }
    w->field = wsl_schema_find(in, text);
    if (w->field >= 0) {
        return check_timestamp_type(text, &in->fields[w->field].type, err);
    }
    WSL_TRY(wsl_expr_projection(text, in, &w->expr, err));
    const wsl_schema *made = wsl_expr_schema(w->expr);
    if (made->n_fields != 1) {
        return wsl_fail(err, WSL_INVALID, "timestamp '%s' must be a single expression", text);
    }
    return check_timestamp_type(text, &made->fields[0].type, err);
}

static wsl_status watermarks_open(tm_op *op, wsl_error *err)
{
    op_watermarks *w = self(op);
    const wsl_config *job = op->env.job_config;
    WSL_AUTO(wsl_config) config = NULL;
    WSL_TRY(wsl_operator_config_new(op->env.desc, op->env.artifact, &config, err));
    WSL_TRY(open_timestamp(w, wsl_config_str(config, "timestamp"), err));
    const char *strategy = wsl_config_str(config, "strategy");
    const char *emit = wsl_config_str(config, "emit");
    if (emit == NULL) {
        emit = job != NULL ? wsl_config_str(job, "watermark.emit") : "periodic";
    }
    const int64_t interval_ns = job != NULL ? wsl_config_duration_ns(job, "pipeline.auto-watermark-interval")
                                            : (int64_t)INTERVAL_DEFAULT_MS * WSL_NS_PER_MS;
    const int64_t bound_ms =
        strcmp(strategy, "bounded") == 0 ? wsl_config_duration_ns(config, "bound") / WSL_NS_PER_MS : 0;
    const int64_t idleness_ns = wsl_config_duration_ns(config, "idleness");
    w->generates = strcmp(strategy, "none") != 0;
    w->per_record = strcmp(emit, "per-record") == 0;
    w->ticks = w->generates && (!w->per_record || idleness_ns != 0);
    w->arena = wsl_arena_new(CHUNK_BYTES);
    tm_watermark_gen_init(&w->gen, bound_ms, idleness_ns, interval_ns, wsl_now_ns(op->env.clock));
    if (w->ticks) {
        arm(w);
    }
    return WSL_OK;
}

/* ---- rows ---- */

static void *alloc_row(void *arena, uint32_t size) { return wsl_arena_alloc(arena, size); }

static const wsl_row *with_timestamp(op_watermarks *w, const wsl_row *row, bool is_null, int64_t timestamp)
{
    wsl_row *copy = wsl_arena_alloc(w->arena, row->size);
    memcpy(copy, row, row->size);
    copy->flags &= (uint16_t)~WSL_ROW_HAS_TIMESTAMP;
    copy->timestamp = 0;
    if (!is_null) {
        wsl_row_set_timestamp(copy, timestamp);
    }
    return copy;
}

/* The rows with their timestamps; `out` is `rows` itself if they keep theirs. */
static wsl_status stamp(op_watermarks *w, const wsl_row *const *rows, uint32_t n, const wsl_row **room,
                        const wsl_row *const **out)
{
    *out = rows;
    if (w->expr != NULL) {
        const wsl_row *made[TM_BATCH_ROWS];
        uint32_t bad = 0;
        wsl_error err = {0};
        const wsl_status status = wsl_expr_project(w->expr, rows, n, alloc_row, w->arena, made, &bad, &err);
        if (status != WSL_OK) {
            w->op.current = rows[bad];
            return tm_op_fail(&w->op, status, "%s", err.text);
        }
        for (uint32_t i = 0; i < n; i++) {
            room[i] = with_timestamp(w, rows[i], wsl_row_is_null(made[i], 0, 1), wsl_row_int64(made[i], 0));
        }
        *out = room;
    } else if (w->field >= 0) {
        const uint32_t f = (uint32_t)w->field;
        for (uint32_t i = 0; i < n; i++) {
            room[i] = with_timestamp(w, rows[i], wsl_row_is_null(rows[i], f, w->n_fields), wsl_row_int64(rows[i], f));
        }
        *out = room;
    }
    return WSL_OK;
}

static wsl_status emit_per_record(op_watermarks *w, const wsl_row *const *rows, uint32_t n)
{
    uint32_t sent = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (!wsl_row_has_timestamp(rows[i])) {
            continue;
        }
        tm_watermark_gen_timestamp(&w->gen, rows[i]->timestamp);
        if (tm_watermark_gen_current(&w->gen) > w->op.out_watermark) {
            WSL_TRY(tm_op_emit_rows(&w->op, rows + sent, i + 1 - sent));
            WSL_TRY(tm_op_emit_watermark(&w->op, tm_watermark_gen_current(&w->gen)));
            sent = i + 1;
        }
    }
    return tm_op_emit_rows(&w->op, rows + sent, n - sent);
}

static wsl_status watermarks_rows(tm_op *op, uint32_t input, const wsl_row *const *rows, uint32_t n)
{
    (void)input;
    op_watermarks *w = self(op);
    const wsl_row *room[TM_BATCH_ROWS];
    const wsl_row *const *stamped = rows;
    if (tm_watermark_gen_rows(&w->gen)) {
        WSL_TRY(tm_op_emit_idle(op, w->upstream_idle));
    }
    wsl_arena_reset(w->arena);
    WSL_TRY(stamp(w, rows, n, room, &stamped));
    if (w->generates && w->per_record) {
        return emit_per_record(w, stamped, n);
    }
    for (uint32_t i = 0; i < n; i++) {
        if (wsl_row_has_timestamp(stamped[i])) {
            tm_watermark_gen_timestamp(&w->gen, stamped[i]->timestamp);
        }
    }
    return tm_op_emit_rows(op, stamped, n);
}

/* ---- time ---- */

static wsl_status watermarks_resume(tm_op *op)
{
    op_watermarks *w = self(op);
    if (!w->ticks) {
        return WSL_AGAIN;
    }
    const int64_t now_ns = wsl_now_ns(op->env.clock);
    if (now_ns - w->gen.last_tick_ns < w->gen.interval_ns) {
        return WSL_AGAIN; /* resumed for something else */
    }
    const bool became_idle = tm_watermark_gen_tick(&w->gen, now_ns);
    arm(w);
    if (!w->per_record) {
        WSL_TRY(tm_op_emit_watermark(op, tm_watermark_gen_current(&w->gen)));
    }
    if (became_idle) {
        WSL_TRY(tm_op_emit_idle(op, true));
    }
    return WSL_AGAIN;
}

static wsl_status watermarks_watermark(tm_op *op, int64_t watermark)
{
    return watermark == WSL_TIME_MAX || !self(op)->generates ? tm_op_emit_watermark(op, watermark) : WSL_OK;
}

static wsl_status watermarks_idle(tm_op *op, bool idle)
{
    op_watermarks *w = self(op);
    if (w->generates && !op->env.after_source) {
        return WSL_OK;
    }
    w->upstream_idle = idle;
    if (idle && w->generates) {
        /* the next tick would find us idle, and an idle channel's watermarks do not count: say now how far we are */
        WSL_TRY(tm_op_emit_watermark(op, tm_watermark_gen_current(&w->gen)));
    }
    return tm_op_emit_idle(op, idle || w->gen.idle);
}

static void watermarks_close(tm_op *op)
{
    op_watermarks *w = self(op);
    wsl_expr_free(w->expr);
    wsl_arena_free(w->arena);
}

const tm_op_class tm_op_watermarks_class = {
    .kind = "watermarks",
    .size = sizeof(op_watermarks),
    .open = watermarks_open,
    .on_rows = watermarks_rows,
    .on_watermark = watermarks_watermark,
    .on_idle = watermarks_idle,
    .resume = watermarks_resume,
    .close = watermarks_close,
};
