/*
 * What an async operator gives to a checkpoint: the rows whose results have not left, which are asked for again.
 *
 *     LIST "requests"         those rows in order of arrival, requests under way first, then what waits in the operator's queue;
 *                             number: how many rows of its answer have left already
 *     UNION "request-marks"   where watermarks and idleness stand between them, and how far the operator was
 *
 * Restored, all of that lies in the queue, and goes in like new. Where the parallelism is another one now the rows are dealt out
 * evenly and the marks between them are dropped: the watermark that the task restores comes behind the rows.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/vec.h"
#include "graph/job_graph.h"
#include "taskmanager/ckpt/restore.h"
#include "taskmanager/ckpt/row_migration.h"
#include "taskmanager/ckpt/snapshot.h"
#include "taskmanager/ops/op_async_internal.h"
#include "taskmanager/ops/pending.h"

static const char *const rows_name = "requests";
static const char *const marks_name = "request-marks";

/* Part of the format. */
typedef struct header {
    int64_t parallelism;
    int64_t in_watermark, out_watermark;
} header;

typedef struct mark {
    uint64_t before; /* so many rows come first */
    int64_t timestamp;
    uint32_t kind, input;
} mark;

typedef WSL_VEC(mark) mark_list;

static tm_async *self(tm_op *op) { return (tm_async *)(void *)op; }

/* ---- out ---- */

static int by_number(const void *x, const void *y)
{
    const tm_async_seat *a = *(tm_async_seat *const *)x, *b = *(tm_async_seat *const *)y;
    return a->number < b->number ? -1 : a->number > b->number;
}

static tm_async_seat **seats_in_order(const tm_async *a)
{
    tm_async_seat **seats = wsl_calloc(a->n_taken + 1, sizeof(tm_async_seat *));
    uint32_t n = 0;
    for (uint32_t i = 0; i < a->capacity && n < a->n_taken; i++) {
        if (a->seats[i].state != SEAT_FREE) {
            seats[n++] = &a->seats[i];
        }
    }
    WSL_ASSERT(n == a->n_taken);
    qsort(seats, n, sizeof(tm_async_seat *), by_number);
    return seats;
}

/* Numbers of splits are of this run; the row is one of ours. */
static void put_row(tm_section *section, wsl_row *row, uint32_t n_left)
{
    const uint16_t flags = row->flags;
    row->flags &= (uint16_t)~WSL_ROW_SPLIT_MASK;
    tm_section_row(section, WSL_RECORD_ELEMENT, 0, n_left, row);
    row->flags = flags;
}

static void add_mark(mark_list *marks, uint64_t before, uint32_t input, wsl_row_kind kind, int64_t timestamp)
{
    wsl_vec_push(marks, ((mark){.before = before, .timestamp = timestamp, .kind = (uint32_t)kind, .input = input}));
}

/* The marks behind a segment, in the order in which they would leave. */
static void add_marks_of(mark_list *marks, uint64_t before, const tm_async_segment *g)
{
    if (g->has_status && !g->idle) {
        add_mark(marks, before, 0, WSL_KIND_ACTIVE, 0);
    }
    if (g->has_watermark) {
        add_mark(marks, before, 0, WSL_KIND_WATERMARK, g->watermark);
    }
    if (g->has_status && g->idle) {
        add_mark(marks, before, 0, WSL_KIND_IDLE, 0);
    }
}

static uint64_t put_requests(const tm_async *a, tm_section *section, mark_list *marks)
{
    tm_async_seat **seats = seats_in_order(a);
    uint32_t n = 0;
    for (uint64_t number = a->first; number <= a->last; number++) {
        for (; n < a->n_taken && seats[n]->segment == number; n++) {
            put_row(section, seats[n]->row, seats[n]->n_emitted > seats[n]->skip ? seats[n]->n_emitted : seats[n]->skip);
        }
        add_marks_of(marks, n, &a->segments[number % (a->capacity + 2)]);
    }
    WSL_ASSERT(n == a->n_taken); /* segments follow each other in the order of arrival, too */
    free(seats);
    return n;
}

static void put_queue(const tm_async *a, tm_section *section, mark_list *marks, uint64_t n)
{
    tm_pending_walk walk = {0};
    uint32_t input = 0;
    uint32_t skip = a->first_skip;
    if (a->op.queue == NULL) {
        return;
    }
    for (const wsl_row *row; (row = tm_pending_next(a->op.queue, &walk, &input)) != NULL;) {
        if (row->kind != WSL_KIND_DATA) {
            if (row->kind != WSL_KIND_END) { /* an input that has ended says so again */
                add_mark(marks, n, input, (wsl_row_kind)row->kind, row->timestamp);
            }
            continue;
        }
        put_row(section, (wsl_row *)(uintptr_t)row, skip < a->n_skips ? a->skips[skip++] : 0);
        n++;
    }
}

static tm_section *rows_section(tm_snapshot *out, tm_op *op)
{
    Wsl__Pb__StateDesc state = WSL__PB__STATE_DESC__INIT;
    Wsl__Pb__StateDesc *const states[] = {&state};
    state.name = wsl_strdup(rows_name);
    state.kind = WSL_STATE_LIST;
    state.value = wsl_schema_to_pb(op->env.input[0]);
    const tm_section_spec spec = {
        .kind = WSL__PB__SECTION_KIND__SECTION_LIST, .name = rows_name, .version = 1, .states = states, .n_states = 1};
    tm_section *section = tm_snapshot_section(out, op, &spec);
    free(state.name);
    wsl__pb__schema__free_unpacked(state.value, NULL);
    return section;
}

wsl_status tm_async_snapshot(tm_op *op, tm_snapshot *out)
{
    const tm_async *a = self(op);
    const tm_section_spec spec = {.kind = WSL__PB__SECTION_KIND__SECTION_UNION, .name = marks_name, .version = 1};
    mark_list marks = {0};
    tm_section *rows = rows_section(out, op);
    put_queue(a, rows, &marks, put_requests(a, rows, &marks));
    tm_section *section = tm_snapshot_section(out, op, &spec);
    const header h = {
        .parallelism = op->env.parallelism, .in_watermark = op->watermark, .out_watermark = op->out_watermark};
    tm_section_bytes(section, 0, 0, &h, sizeof h);
    for (uint32_t i = 0; i < marks.n; i++) {
        tm_section_bytes(section, 0, 1, &marks.items[i], sizeof marks.items[i]);
    }
    wsl_vec_fini(&marks);
    return WSL_OK;
}

/* ---- in ---- */

typedef struct restoring {
    tm_async *a;
    tm_pending *rows; /* first as they come, then with the marks between them in the operator's queue */
    uint64_t n_rows;
    bool same; /* parallelism; what is ours was read */
    header head;
    mark_list marks;
} restoring;

static wsl_status read_rows(restoring *r, const tm_restore_piece *piece, tm_row_migration *m, wsl_error *err)
{
    tm_async *a = r->a;
    const wsl_record *record = NULL;
    uint32_t group = 0;
    wsl_status status;
    while ((status = wsl_section_reader_next(piece->reader, &record, &group, err)) == WSL_OK) {
        if (record->tag != WSL_RECORD_ELEMENT || record->number < 0 || record->number > UINT32_MAX) {
            return wsl_fail(err, WSL_CORRUPT, "a request that was under way is no row");
        }
        const wsl_row *row = tm_row_migration_run(m, wsl_record_row(record));
        tm_pending_push_rows(r->rows, 0, &row, 1);
        a->skips = wsl_realloc(a->skips, (r->n_rows + 1) * sizeof *a->skips);
        a->skips[r->n_rows++] = (uint32_t)record->number;
    }
    return status == WSL_END ? WSL_OK : status;
}

static wsl_status take_rows(restoring *r, const tm_restore_piece *piece, wsl_error *err)
{
    tm_row_migration m = {0};
    wsl_status status =
        tm_row_migration_init(&m, wsl_section_value_schema(piece->reader, 0), r->a->op.env.input[0], NULL, err);
    if (status == WSL_OK) {
        status = read_rows(r, piece, &m, err);
    }
    tm_row_migration_fini(&m);
    return status;
}

static wsl_status take_marks(restoring *r, const tm_restore_piece *piece, wsl_error *err)
{
    const tm_op *op = &r->a->op;
    const wsl_record *record = NULL;
    uint32_t group = 0;
    bool ours = false;
    wsl_status status;
    while ((status = wsl_section_reader_next(piece->reader, &record, &group, err)) == WSL_OK) {
        const wsl_str bytes = record->tag == WSL_RECORD_BYTES ? wsl_record_bytes(record) : (wsl_str){0};
        header h;
        mark m;
        if (record->number == 0 && bytes.size == sizeof h) {
            memcpy(&h, bytes.data, sizeof h);
            ours = h.parallelism == op->env.parallelism && piece->subtask == op->env.subtask;
            r->same = r->same || ours;
            r->head = ours ? h : r->head;
        } else if (record->number != 1 || bytes.size != sizeof m) {
            return wsl_fail(err, WSL_CORRUPT, "a mark among the requests is of %u bytes", bytes.size);
        } else if (ours) {
            memcpy(&m, bytes.data, sizeof m);
            wsl_vec_push(&r->marks, m);
        }
    }
    return status == WSL_END ? WSL_OK : status;
}

static wsl_status take_piece(void *arg, const tm_restore_piece *piece, bool *out_taken, wsl_error *err)
{
    restoring *r = arg;
    const Wsl__Pb__Section *s = piece->section;
    *out_taken = true;
    if (s->kind == WSL__PB__SECTION_KIND__SECTION_LIST && strcmp(s->name, rows_name) == 0) {
        return take_rows(r, piece, err);
    }
    if (s->kind == WSL__PB__SECTION_KIND__SECTION_UNION && strcmp(s->name, marks_name) == 0) {
        return take_marks(r, piece, err);
    }
    *out_taken = false;
    return WSL_OK;
}

/* Rows and marks in their order. */
static void fill_queue(const restoring *r)
{
    tm_pending_walk walk = {0};
    uint32_t input = 0;
    uint32_t next = 0;
    for (uint64_t n = 0;; n++) {
        for (; next < r->marks.n && r->marks.items[next].before <= n; next++) {
            const mark *m = &r->marks.items[next];
            tm_op_requeue_mark(&r->a->op, m->input, (wsl_row_kind)m->kind, m->timestamp);
        }
        const wsl_row *row = tm_pending_next(r->rows, &walk, &input);
        if (row == NULL) {
            return;
        }
        tm_op_requeue_rows(&r->a->op, 0, &row, 1);
    }
}

static wsl_status check_marks(const restoring *r, wsl_error *err)
{
    for (uint32_t i = 0; i < r->marks.n; i++) {
        const uint32_t kind = r->marks.items[i].kind;
        const bool known = kind == WSL_KIND_WATERMARK || kind == WSL_KIND_IDLE || kind == WSL_KIND_ACTIVE;
        if (!known || r->marks.items[i].input != 0) {
            return wsl_fail(err, WSL_CORRUPT, "a mark of kind %u stands among the requests", kind);
        }
    }
    return WSL_OK;
}

wsl_status tm_async_restore(tm_op *op, tm_restore *in)
{
    tm_async *a = self(op);
    restoring r = {.a = a, .rows = tm_pending_new()};
    wsl_status status = tm_restore_pieces(in, take_piece, &r);
    if (status == WSL_OK) {
        status = check_marks(&r, tm_restore_error(in));
        status = status == WSL_OK ? WSL_OK : tm_restore_failed(in, status);
    }
    if (status == WSL_OK) {
        a->n_skips = (uint32_t)r.n_rows;
        fill_queue(&r);
    }
    if (status == WSL_OK && r.same && op->pending) {
        op->watermark = r.head.in_watermark;
        tm_fn_ctx_of(&a->f)->watermark = r.head.out_watermark;
        status = tm_op_emit_watermark(op, r.head.out_watermark);
    }
    tm_pending_free(r.rows);
    wsl_vec_fini(&r.marks);
    return status;
}

uint32_t tm_async_skip_of(tm_async *a)
{
    const uint32_t skip = a->skips[a->first_skip++];
    if (a->first_skip == a->n_skips) {
        a->n_skips = a->first_skip = 0;
    }
    return skip;
}
