/*
 * Snapshots of a harness's operator, and harnesses that begin with what old subtasks had: dealt out, checked and restored by what
 * does so in a cluster (common/ckpt, taskmanager/ckpt).
 */
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/fs.h"
#include "ckpt/deal_out.h"
#include "data/row_text.h"
#include "graph/pb.h"
#include "taskmanager/ckpt/restore.h"
#include "taskmanager/ckpt/snapshot.h"
#include "taskmanager/ops/harness_internal.h"
#include "taskmanager/ops/op_lists.h"

struct wsl_harness_snapshot {
    Wsl__Pb__TaskSnapshot *task;
    uint8_t *bytes; /* packed; made when asked for */
    size_t size;
};

/* ---- out ---- */

wsl_status tm_harness_snapshot(wsl_harness *h, Wsl__Pb__TaskSnapshot **out_snapshot)
{
    tm_memory_sink memory = {0};
    const tm_snapshot_sink sink = tm_memory_sink_of(&memory);
    tm_snapshot *s = tm_snapshot_new(1, &sink);
    const wsl_status status = tm_snapshot_ask(s, tm_chain_head(h->chain));
    if (status != WSL_OK) {
        tm_snapshot_free(s);
        free(memory.data);
        return status;
    }
    *out_snapshot = tm_snapshot_finish_in_memory(s, &memory);
    return WSL_OK;
}

wsl_status wsl_harness_take(wsl_harness *h, wsl_harness_snapshot **out_snapshot)
{
    Wsl__Pb__TaskSnapshot *task = NULL;
    WSL_TRY(h->error.status);
    if (tm_chain_head(h->chain)->ended || !tm_chain_can_snapshot(h->chain)) {
        return wsl_fail(&h->error, WSL_STATE, "the input has ended, or the operator has unfinished work: there is no "
                                              "snapshot of that");
    }
    WSL_TRY(tm_harness_snapshot(h, &task));
    wsl_harness_snapshot *s = wsl_zalloc(sizeof *s);
    s->task = task;
    *out_snapshot = s;
    return WSL_OK;
}

void wsl_harness_snapshot_free(wsl_harness_snapshot *s)
{
    if (s != NULL) {
        wsl__pb__task_snapshot__free_unpacked(s->task, NULL);
        free(s->bytes);
        free(s);
    }
}

const void *wsl_harness_snapshot_bytes(wsl_harness_snapshot *s, size_t *out_size)
{
    if (s->bytes == NULL) {
        s->size = wsl__pb__task_snapshot__get_packed_size(s->task);
        s->bytes = wsl_alloc(s->size + 1);
        (void)wsl__pb__task_snapshot__pack(s->task, s->bytes);
    }
    *out_size = s->size;
    return s->bytes;
}

/* What a harness writes: one operator, at most one file, which is in the snapshot itself. */
static bool is_ours(const Wsl__Pb__TaskSnapshot *task)
{
    bool ours = task->n_operators == 1 && task->n_files <= 1;
    for (size_t i = 0; ours && i < task->n_files; i++) {
        ours = !wsl_pb_is_set(task->files[i]->path);
    }
    for (size_t i = 0; ours && i < task->operators[0]->n_sections; i++) {
        ours = task->operators[0]->sections[i]->file < task->n_files || task->operators[0]->sections[i]->length == 0;
    }
    return ours;
}

wsl_status wsl_harness_snapshot_read(const void *bytes, size_t size, wsl_harness_snapshot **out_snapshot, wsl_error *err)
{
    Wsl__Pb__TaskSnapshot *task = wsl__pb__task_snapshot__unpack(NULL, size, bytes);
    if (task == NULL || !is_ours(task)) {
        if (task != NULL) {
            wsl__pb__task_snapshot__free_unpacked(task, NULL);
        }
        return wsl_fail(err, WSL_CORRUPT, "these %zu bytes are not what wsl_harness_snapshot_bytes gave", size);
    }
    wsl_harness_snapshot *s = wsl_zalloc(sizeof *s);
    s->task = task;
    *out_snapshot = s;
    return WSL_OK;
}

const char *wsl_harness_operator_state(wsl_harness *h, const char *name)
{
    const tm_op_list *list = tm_op_lists_find(tm_chain_head(h->chain)->lists, name);
    wsl_strbuf_clear(&h->text);
    if (list == NULL) {
        return NULL;
    }
    wsl_strbuf_puts(&h->text, "[");
    tm_op_list_walk walk = {0};
    for (const wsl_row *row; (row = tm_op_list_next(list, &walk)) != NULL;) {
        wsl_strbuf_puts(&h->text, h->text.size > 1 ? ", " : "");
        wsl_row_print(row, tm_op_list_schema(list), &h->text);
    }
    wsl_strbuf_puts(&h->text, "]");
    return h->text.data;
}

/* ---- dealing out ---- */

/* Old subtask i as part of the metadata: the state of file 0 of its snapshot is in the file that is appended. */
static void add_subtask(Wsl__Pb__CheckpointMeta *meta, Wsl__Pb__OperatorMeta *op, const wsl_harness_snapshot *s, uint32_t i)
{
    Wsl__Pb__OperatorState *state = (Wsl__Pb__OperatorState *)(void *)wsl_pb_copy(&s->task->operators[0]->base);
    state->subtask = i;
    for (size_t k = 0; k < state->n_sections; k++) {
        state->sections[k]->file = state->sections[k]->length > 0 ? (uint32_t)meta->n_files : 0;
    }
    *WSL_PB_APPEND(op->subtasks, op->n_subtasks) = state;
    for (size_t k = 0; k < s->task->n_files; k++) {
        *WSL_PB_APPEND(meta->files, meta->n_files) =
            (Wsl__Pb__StateFile *)(void *)wsl_pb_copy(&s->task->files[k]->base);
    }
}

static Wsl__Pb__CheckpointMeta *make_meta(const wsl_harness *h, const wsl_harness_options *o)
{
    Wsl__Pb__CheckpointMeta *meta = wsl_alloc(sizeof *meta);
    wsl__pb__checkpoint_meta__init(meta);
    Wsl__Pb__OperatorMeta *op = wsl_alloc(sizeof *op);
    wsl__pb__operator_meta__init(op);
    op->uid = wsl_strdup(h->desc->uid);
    op->parallelism = o->n_restore;
    op->max_parallelism = h->max_parallelism;
    *WSL_PB_APPEND(meta->operators, meta->n_operators) = op;
    for (uint32_t i = 0; i < o->n_restore; i++) {
        add_subtask(meta, op, o->restore[i], i);
    }
    return meta;
}

wsl_status tm_harness_deal_out(const wsl_harness *h, const wsl_harness_options *o, Wsl__Pb__TaskSnapshot **out_snapshot,
                               wsl_error *err)
{
    uint32_t number = 0;
    wsl_vertex vertex = {
        .n_operators = 1, .operators = &number, .parallelism = h->parallelism, .max_parallelism = h->max_parallelism};
    Wsl__Pb__Operator *operators[] = {h->desc};
    wsl_job_graph graph = WSL__PB__JOB_GRAPH__INIT;
    graph.n_operators = 1;
    graph.operators = operators;
    const wsl_job_plan plan = {.graph = &graph, .n_vertices = 1, .vertices = &vertex};
    *out_snapshot = NULL;
    if (o->n_restore == 0) {
        return WSL_OK;
    }
    if (o->n_restore > h->max_parallelism || h->subtask >= h->parallelism) {
        return wsl_fail(err, WSL_INVALID, "%u old subtasks and subtask %u of %u do not fit %u key groups", o->n_restore,
                        h->subtask, h->parallelism, h->max_parallelism);
    }
    Wsl__Pb__CheckpointMeta *meta = make_meta(h, o);
    *out_snapshot = wsl_deal_out(meta, "", &plan, 0, h->subtask);
    wsl__pb__checkpoint_meta__free_unpacked(meta, NULL);
    return WSL_OK;
}

/* ---- in ---- */

static void restore_valves(wsl_harness *h, int64_t watermark)
{
    tm_valve_out out;
    for (uint32_t input = 0; h->in[1] != NULL && input < 2; input++) {
        tm_input_valves_watermark(&h->valves, input, watermark, &out);
    }
}

static wsl_status restore_chain(wsl_harness *h, tm_restore *r)
{
    WSL_TRY(tm_restore_chain(r, h->chain));
    const int64_t watermark = tm_restore_watermark(r, tm_chain_head(h->chain));
    if (watermark == WSL_TIME_MIN) {
        return WSL_OK;
    }
    restore_valves(h, watermark);
    return tm_chain_restore_watermark(h->chain, watermark);
}

static wsl_status open_with(wsl_harness *h, const Wsl__Pb__TaskSnapshot *snapshot, wsl_error *err)
{
    tm_restore *r = NULL;
    WSL_TRY(tm_restore_new(wsl_fs_posix(), snapshot, &r, err));
    wsl_status status = tm_restore_lists(r, h->chain);
    if (status == WSL_OK) {
        status = tm_chain_open(h->chain, err);
    }
    if (status == WSL_OK) {
        status = restore_chain(h, r);
    }
    tm_restore_free(r);
    /* what went wrong in an operator is in the harness's error */
    return status == WSL_OK || err->status != WSL_OK ? status : wsl_fail(err, status, "%s", h->error.text);
}

wsl_status tm_harness_open(wsl_harness *h, const Wsl__Pb__TaskSnapshot *snapshot, wsl_error *err)
{
    if (snapshot == NULL) {
        return tm_chain_open(h->chain, err);
    }
    tm_collector_mute(h->collector, true);
    const wsl_status status = open_with(h, snapshot, err);
    tm_collector_mute(h->collector, false);
    return status;
}
