/*
 * restore - see restore.h.
 */
#include "taskmanager/ckpt/restore.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "taskmanager/ops/chain.h"

struct tm_restore {
    wsl_fs *fs;
    const Wsl__Pb__TaskSnapshot *snapshot;
    tm_op *op;         /* whose sections are being given out */
    size_t state, section; /* the next one */
    wsl_section_reader *reader;
    wsl_error error;
};

wsl_status tm_restore_new(wsl_fs *fs, const Wsl__Pb__TaskSnapshot *snapshot, tm_restore **out_restore, wsl_error *err)
{
    for (size_t i = 0; i < snapshot->n_files; i++) {
        WSL_TRY(wsl_state_file_check(fs, "", snapshot->files[i], err));
    }
    tm_restore *r = wsl_zalloc(sizeof *r);
    r->fs = fs;
    r->snapshot = snapshot;
    *out_restore = r;
    return WSL_OK;
}

void tm_restore_free(tm_restore *r)
{
    if (r != NULL) {
        wsl_section_reader_free(r->reader);
        free(r);
    }
}

wsl_error *tm_restore_error(tm_restore *r) { return &r->error; }

wsl_status tm_restore_failed(tm_restore *r, wsl_status status)
{
    return tm_op_fail(r->op, status, "its state cannot be restored: %s",
                      r->error.text[0] != '\0' ? r->error.text : wsl_status_text(status));
}

static bool is_of(const Wsl__Pb__OperatorState *state, const tm_op *op)
{
    return strcmp(state->uid, op->env.desc->uid) == 0;
}

wsl_status tm_restore_next(tm_restore *r, tm_restore_piece *out_piece)
{
    wsl_section_reader_free(r->reader);
    r->reader = NULL;
    for (; r->state < r->snapshot->n_operators; r->state++, r->section = 0) {
        const Wsl__Pb__OperatorState *state = r->snapshot->operators[r->state];
        if (!is_of(state, r->op) || r->section == state->n_sections) {
            continue;
        }
        const Wsl__Pb__Section *section = state->sections[r->section++];
        static const Wsl__Pb__StateFile nothing = WSL__PB__STATE_FILE__INIT;
        const Wsl__Pb__StateFile *file =
            section->file < r->snapshot->n_files ? r->snapshot->files[section->file] : &nothing;
        const wsl_status status = wsl_section_reader_new(r->fs, "", file, section, &r->reader, &r->error);
        if (status != WSL_OK) {
            return tm_restore_failed(r, status);
        }
        *out_piece = (tm_restore_piece){section, state->subtask, r->reader};
        return WSL_OK;
    }
    return WSL_END;
}

static bool has_sections(const tm_restore *r, const tm_op *op)
{
    for (size_t i = 0; i < r->snapshot->n_operators; i++) {
        if (is_of(r->snapshot->operators[i], op) && r->snapshot->operators[i]->n_sections > 0) {
            return true;
        }
    }
    return false;
}

int64_t tm_restore_watermark(const tm_restore *r, const tm_op *op)
{
    int64_t watermark = WSL_TIME_MAX;
    for (size_t i = 0; i < r->snapshot->n_operators; i++) {
        const Wsl__Pb__OperatorState *state = r->snapshot->operators[i];
        if (is_of(state, op) && !state->finished && state->watermark < watermark) {
            watermark = state->watermark;
        }
    }
    return watermark == WSL_TIME_MAX ? WSL_TIME_MIN : watermark;
}

static wsl_status restore_op(tm_restore *r, tm_op *op)
{
    r->op = op;
    r->state = r->section = 0;
    if (!has_sections(r, op)) {
        return WSL_OK;
    }
    if (op->cls->restore == NULL) {
        return tm_op_fail(op, WSL_INVALID, "there is state of it, but an operator of kind '%s' keeps none", op->cls->kind);
    }
    WSL_TRY(op->cls->restore(op, r));
    tm_restore_piece left;
    const wsl_status status = tm_restore_next(r, &left);
    if (status == WSL_OK) {
        return tm_op_fail(op, WSL_INVALID, "there is state '%s' of it that it does not know", left.section->name);
    }
    return status == WSL_END ? WSL_OK : status;
}

wsl_status tm_restore_chain(tm_restore *r, tm_chain *chain)
{
    for (uint32_t i = tm_chain_size(chain); i-- > 0;) {
        WSL_TRY(restore_op(r, tm_chain_op(chain, i)));
    }
    return WSL_OK;
}
