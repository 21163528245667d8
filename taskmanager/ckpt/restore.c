/*
 * restore - see restore.h.
 */
#include "taskmanager/ckpt/restore.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "taskmanager/ops/chain.h"
#include "taskmanager/ops/lists_snapshot.h"

struct tm_restore {
    wsl_fs *fs;
    const Wsl__Pb__TaskSnapshot *snapshot;
    tm_op *op;         /* whose sections are being given out */
    size_t state, section; /* the next one */
    bool lists;        /* sections of operator lists are given out; else all others */
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

/* The next section of the operator in hand that is to be given out now; NULL: there are no more. */
static const Wsl__Pb__Section *next_section(tm_restore *r, uint32_t *out_subtask)
{
    for (; r->state < r->snapshot->n_operators; r->state++, r->section = 0) {
        const Wsl__Pb__OperatorState *state = r->snapshot->operators[r->state];
        while (is_of(state, r->op) && r->section < state->n_sections) {
            const Wsl__Pb__Section *section = state->sections[r->section++];
            if (tm_op_lists_know(r->op->lists, section) == r->lists) {
                *out_subtask = state->subtask;
                return section;
            }
        }
    }
    return NULL;
}

wsl_status tm_restore_next(tm_restore *r, tm_restore_piece *out_piece)
{
    static const Wsl__Pb__StateFile nothing = WSL__PB__STATE_FILE__INIT;
    uint32_t subtask = 0;
    wsl_section_reader_free(r->reader);
    r->reader = NULL;
    const Wsl__Pb__Section *section = next_section(r, &subtask);
    if (section == NULL) {
        return WSL_END;
    }
    const Wsl__Pb__StateFile *file = section->file < r->snapshot->n_files ? r->snapshot->files[section->file] : &nothing;
    const wsl_status status = wsl_section_reader_new(r->fs, "", file, section, &r->reader, &r->error);
    if (status != WSL_OK) {
        return tm_restore_failed(r, status);
    }
    *out_piece = (tm_restore_piece){section, subtask, r->reader};
    return WSL_OK;
}

/* A section that nobody takes: WSL_OK if the job was told to begin without it. */
static wsl_status not_known(tm_restore *r, const Wsl__Pb__Section *section)
{
    if (section->may_leave_out) {
        return WSL_OK;
    }
    const bool list = section->kind == WSL__PB__SECTION_KIND__SECTION_LIST ||
                      section->kind == WSL__PB__SECTION_KIND__SECTION_UNION;
    return list ? tm_op_fail(r->op, WSL_INVALID,
                             "its state cannot be restored: there is the operator state '%s', which is not declared any more",
                             section->name)
                : tm_op_fail(r->op, WSL_INVALID,
                             "its state cannot be restored: there is state '%s' of it that an operator of kind '%s' does not "
                             "know",
                             section->name, r->op->cls->kind);
}

wsl_status tm_restore_pieces(tm_restore *r, tm_restore_take take, void *arg)
{
    tm_restore_piece piece;
    wsl_status status;
    while ((status = tm_restore_next(r, &piece)) == WSL_OK) {
        bool taken = false;
        status = take(arg, &piece, &taken, &r->error);
        if (status != WSL_OK) {
            return tm_restore_failed(r, status);
        }
        if (!taken) {
            WSL_TRY(not_known(r, piece.section));
        }
    }
    return status == WSL_END ? WSL_OK : status;
}

static void begin(tm_restore *r, tm_op *op, bool lists)
{
    r->op = op;
    r->lists = lists;
    r->state = r->section = 0;
}

/* Does the class have something to take? */
static const Wsl__Pb__Section *first_section(tm_restore *r, tm_op *op)
{
    uint32_t subtask = 0;
    begin(r, op, false);
    const Wsl__Pb__Section *section = next_section(r, &subtask);
    begin(r, op, false);
    return section;
}

static bool is_known(const tm_restore *r, const tm_op *op)
{
    bool known = false;
    for (size_t i = 0; i < r->snapshot->n_operators && !known; i++) {
        known = is_of(r->snapshot->operators[i], op);
    }
    return known;
}

bool tm_restore_finished(const tm_restore *r)
{
    bool finished = false;
    for (size_t i = 0; i < r->snapshot->n_operators; i++) {
        if (is_of(r->snapshot->operators[i], r->op)) {
            if (!r->snapshot->operators[i]->finished) {
                return false;
            }
            finished = true;
        }
    }
    return finished;
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
    const Wsl__Pb__Section *first = first_section(r, op);
    if (first == NULL && (op->cls->restore == NULL || !is_known(r, op))) {
        return WSL_OK;
    }
    if (op->cls->restore == NULL) {
        return not_known(r, first);
    }
    WSL_TRY(op->cls->restore(op, r));
    tm_restore_piece left;
    wsl_status status;
    while ((status = tm_restore_next(r, &left)) == WSL_OK) {
        WSL_TRY(not_known(r, left.section));
    }
    return status == WSL_END ? WSL_OK : status;
}

wsl_status tm_restore_chain(tm_restore *r, tm_chain *chain)
{
    wsl_status status = WSL_OK;
    tm_chain_set_restoring(chain, true);
    for (uint32_t i = tm_chain_size(chain); i-- > 0 && status == WSL_OK;) {
        status = restore_op(r, tm_chain_op(chain, i));
    }
    tm_chain_set_restoring(chain, false);
    return status;
}

static wsl_status restore_lists(tm_restore *r, tm_op *op)
{
    tm_restore_piece piece;
    wsl_status status;
    begin(r, op, true);
    while ((status = tm_restore_next(r, &piece)) == WSL_OK) {
        status = tm_op_lists_take(op->lists, &piece, &r->error);
        if (status != WSL_OK) {
            return tm_restore_failed(r, status);
        }
    }
    if (is_known(r, op)) {
        tm_op_lists_set_restored(op->lists);
    }
    return status == WSL_END ? WSL_OK : status;
}

wsl_status tm_restore_lists(tm_restore *r, tm_chain *chain)
{
    for (uint32_t i = 0; i < tm_chain_size(chain); i++) {
        WSL_TRY(restore_lists(r, tm_chain_op(chain, i)));
    }
    return WSL_OK;
}
