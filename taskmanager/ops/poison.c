#include "taskmanager/ops/poison.h"

#include <stdio.h>
#include <string.h>

#include <wiesel/poison_row.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "data/row_text.h"
#include "graph/operator_options.h"
#include "graph/pb.h"

enum {
    LOGGED_MAX = 10, /* rows of one operator that are logged */
    NAME_MAX_BYTES = 1000,
    ROOM = WSL_POISON_ROW_TEXT_MAX + WSL_ERROR_TEXT_MAX + NAME_MAX_BYTES + 256,
};

typedef struct tm_poison {
    bool tells;   /* to the side output */
    bool in_call; /* for a row */
    bool said;    /* the function said why */
    uint32_t n_out, n_side, sent; /* before the call */
    uint64_t logged;
    char reason[WSL_ERROR_TEXT_MAX];
    char text[WSL_POISON_ROW_TEXT_MAX];
    _Alignas(8) uint8_t row[ROOM];
} tm_poison;

void tm_poison_free(tm_poison *p) { free(p); }

wsl_status tm_poison_new(tm_op *op, tm_poison **out_poison, wsl_error *err)
{
    const wsl_config *job = op->env.job_config;
    const char *policy = job == NULL ? NULL : wsl_config_str(job, "pipeline.on-error");
    WSL_AUTO(wsl_config) config = NULL;
    if (wsl_pb_option(op->env.desc->options, op->env.desc->n_options, "on-error") != NULL) {
        WSL_TRY(wsl_operator_config_new(op->env.desc, NULL, &config, err));
        policy = wsl_config_str(config, "on-error");
    }
    *out_poison = NULL;
    if (policy != NULL && strcmp(policy, "fail") != 0) {
        *out_poison = wsl_zalloc(sizeof **out_poison);
        (*out_poison)->tells = strcmp(policy, "side-output") == 0;
    }
    return WSL_OK;
}

void tm_poison_before(tm_fn_ctx *f)
{
    tm_poison *p = f->poison;
    p->in_call = true;
    p->said = false;
    p->n_out = f->k.ctx.n_out;
    p->n_side = f->n_side;
    p->sent = f->sent;
}

bool tm_poison_reason(tm_fn_ctx *f, const char *format, va_list args)
{
    tm_poison *p = f->poison;
    if (p == NULL || !p->in_call || f->failed != WSL_OK) {
        return false; /* what failed before is no row's fault */
    }
    (void)vsnprintf(p->reason, sizeof p->reason, format, args);
    p->said = true;
    return true;
}

/* Strings of the row end at their room; names and reasons are short by far. */
static wsl_status tell(tm_fn_ctx *f, const wsl_row *row)
{
    tm_poison *p = f->poison;
    const tm_op *op = f->op;
    wsl_row_writer w;
    const bool fits = wsl_row_writer_init(&w, p->row, sizeof p->row, wsl_poison_row_n_fields);
    WSL_ASSERT(fits);
    wsl_poison_row_set_name(&w, (wsl_str){.data = op->name, .size = (uint32_t)strnlen(op->name, NAME_MAX_BYTES)});
    wsl_poison_row_set_subtask(&w, op->env.subtask);
    wsl_poison_row_set_split(&w, row->flags & WSL_ROW_SPLIT_MASK);
    wsl_poison_row_set_ts(&w, (row->flags & WSL_ROW_HAS_TIMESTAMP) != 0 ? row->timestamp : 0);
    wsl_poison_row_set_reason(&w, wsl_str_of(p->reason));
    wsl_poison_row_set_row(&w, wsl_str_of(p->text));
    WSL_ASSERT(!w.overflow);
    return tm_fn_ctx_emit_side(tm_fn_ctx_of(f), WSL_POISON_ROWS, w.row);
}

static wsl_status skip(tm_fn_ctx *f, const wsl_row *row)
{
    tm_poison *p = f->poison;
    tm_op *op = f->op;
    const bool logs = p->logged < LOGGED_MAX;
    tm_op_count_add(op, "poisonRows", 1);
    if (logs || p->tells) {
        (void)wsl_row_text(row, op->env.input[op->current_input], p->text, sizeof p->text);
    }
    if (logs) {
        p->logged++;
        wsl_log(op->env.log, WSL_LOG_WARN, "poison.row", "operator=%s subtask=%u reason=%s row=%.300s%s", op->name, op->env.subtask,
                p->reason, p->text, p->logged == LOGGED_MAX ? " what=\"the last one that is logged\"" : "");
    }
    return p->tells ? tell(f, row) : WSL_OK;
}

wsl_status tm_poison_after(tm_fn_ctx *f, const wsl_row *row, wsl_status said, bool *out_skipped)
{
    tm_poison *p = f->poison;
    p->in_call = false;
    *out_skipped = false;
    if (f->failed != WSL_OK || (!p->said && (said == WSL_OK || said == WSL_AGAIN))) {
        return said;
    }
    if (!p->said) {
        (void)snprintf(p->reason, sizeof p->reason, "its function returned %s (%s)", wsl_status_name(said), wsl_status_text(said));
    }
    if (f->sent == p->sent) {
        f->k.ctx.n_out = p->n_out;
        f->n_side = p->n_side;
    }
    *out_skipped = true;
    return skip(f, row);
}
