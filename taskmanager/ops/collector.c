#include "taskmanager/ops/collector.h"

#include "base/alloc.h"
#include "base/arena.h"
#include "base/assert.h"
#include "taskmanager/ops/pending.h"

enum { CHUNK_BYTES = 16 << 10 };

/* One per output it is hung behind. */
typedef struct tap {
    tm_op op; /* first */
    tm_collector *collector;
    uint32_t stream;
    bool marks;
    struct tap *next;
} tap;

struct tm_collector {
    wsl_arena *arena;
    tm_collected *items;
    uint32_t n, capacity;
    uint32_t limit;
    bool mute;
    tap *taps;
};

static tap *self(tm_op *op) { return (tap *)(void *)op; }

static void keep(tap *t, const wsl_row *row)
{
    tm_collector *c = t->collector;
    if (c->n == c->capacity) {
        c->capacity = c->capacity == 0 ? 64 : 2 * c->capacity;
        c->items = wsl_realloc(c->items, c->capacity * sizeof *c->items);
    }
    wsl_row *copy = wsl_arena_alloc(c->arena, row->size);
    memcpy(copy, row, row->size);
    c->items[c->n++] = (tm_collected){.stream = t->stream, .row = copy};
}

static wsl_status tap_rows(tm_op *op, uint32_t input, const wsl_row *const *rows, uint32_t n)
{
    tap *t = self(op);
    WSL_ASSERT(!t->collector->mute);
    for (uint32_t i = 0; i < n; i++) {
        if (t->collector->limit == 0) {
            op->waiting = true;
            return tm_op_suspend(op, input, rows + i, n - i);
        }
        t->collector->limit -= t->collector->limit != UINT32_MAX;
        keep(t, rows[i]);
    }
    return WSL_OK;
}

static void keep_mark(tap *t, wsl_row_kind kind, int64_t timestamp)
{
    const wsl_row mark = {.size = sizeof mark, .kind = (uint8_t)kind, .timestamp = timestamp};
    if (t->marks && !t->collector->mute) {
        keep(t, &mark);
    }
}

static wsl_status tap_watermark(tm_op *op, int64_t watermark)
{
    keep_mark(self(op), WSL_KIND_WATERMARK, watermark);
    return WSL_OK;
}

static wsl_status tap_idle(tm_op *op, bool idle)
{
    keep_mark(self(op), idle ? WSL_KIND_IDLE : WSL_KIND_ACTIVE, 0);
    return WSL_OK;
}

static wsl_status tap_end(tm_op *op)
{
    keep_mark(self(op), WSL_KIND_END, 0);
    return WSL_OK;
}

static const tm_op_class tap_class = {
    .kind = "collector",
    .size = sizeof(tap),
    .on_rows = tap_rows,
    .on_watermark = tap_watermark,
    .on_idle = tap_idle,
    .on_end = tap_end,
};

tm_collector *tm_collector_new(void)
{
    tm_collector *c = wsl_zalloc(sizeof *c);
    c->arena = wsl_arena_new(CHUNK_BYTES);
    c->limit = UINT32_MAX;
    return c;
}

void tm_collector_detach(tm_collector *c)
{
    while (c->taps != NULL) {
        tap *t = c->taps;
        c->taps = t->next;
        tm_pending_free(t->op.queue);
        free(t);
    }
}

void tm_collector_mute(tm_collector *c, bool mute) { c->mute = mute; }

void tm_collector_free(tm_collector *c)
{
    if (c == NULL) {
        return;
    }
    tm_collector_detach(c);
    wsl_arena_free(c->arena);
    free(c->items);
    free(c);
}

void tm_collector_add(tm_collector *c, tm_op *op, tm_targets *targets, uint32_t stream, bool marks)
{
    tap *t = wsl_zalloc(sizeof *t);
    t->op = (tm_op){
        .cls = &tap_class,
        .name = "collector",
        .shared = op->shared,
        .watermark = WSL_TIME_MIN,
        .out_watermark = WSL_TIME_MIN,
        .env = {.desc = op->env.desc, .input = {op->env.output}, .parallelism = 1, .host = op->env.host},
    };
    t->collector = c;
    t->stream = stream;
    t->marks = marks;
    t->next = c->taps;
    c->taps = t;
    targets->target = wsl_realloc(targets->target, (targets->n + 1) * sizeof *targets->target);
    targets->target[targets->n++] = (tm_target){.op = &t->op};
}

uint32_t tm_collector_count(const tm_collector *c) { return c->n; }
const tm_collected *tm_collector_at(const tm_collector *c, uint32_t i) { return i < c->n ? &c->items[i] : NULL; }

void tm_collector_clear(tm_collector *c)
{
    c->n = 0;
    wsl_arena_reset(c->arena);
}

void tm_collector_limit(tm_collector *c, uint32_t limit) { c->limit = limit; }

wsl_status tm_collector_resume(tm_collector *c)
{
    for (tap *t = c->taps; t != NULL; t = t->next) {
        if (t->op.pending) {
            const wsl_status status = tm_op_resume(&t->op);
            if (status != WSL_OK && status != WSL_AGAIN) {
                return status;
            }
        }
    }
    return WSL_OK;
}
