#include "taskmanager/window/pairs.h"

#include "base/alloc.h"
#include "taskmanager/window/general.h"

enum { SECOND_INPUT = TM_STATE_SECOND, PAIRS_PER_TURN = 1 << 14 };

struct tm_pair_job {
    tm_pair_job *next;
    tm_row_list rows; /* left ones, then right ones */
    uint32_t n_left;
    uint32_t left, right; /* the next pair */
    int64_t timestamp;
};

static void free_first(tm_pairs *p)
{
    tm_pair_job *job = p->first;
    p->first = job->next;
    p->last = p->first != NULL ? p->last : NULL;
    tm_row_list_fini(&job->rows);
    free(job);
}

void tm_pairs_fini(tm_pairs *p)
{
    while (p->first != NULL) {
        free_first(p);
    }
    free(p->split);
    free(p->marked);
}

const wsl_row *tm_pairs_keep(tm_pairs *p, uint32_t input, const wsl_row *row)
{
    if (input == 0) {
        return row;
    }
    if (p->marked_capacity < row->size) {
        free(p->marked);
        p->marked = wsl_alloc(row->size);
        p->marked_capacity = row->size;
    }
    memcpy(p->marked, row, row->size);
    p->marked->op |= SECOND_INPUT;
    return p->marked;
}

/* ---- firing ---- */

/* Left rows first, each side in order; marks are taken off. Returns how many are left ones. */
static uint32_t part(tm_pairs *p, const wsl_row *const *rows, uint32_t n)
{
    uint32_t n_left = 0;
    if (p->split_capacity < n) {
        free(p->split);
        p->split_capacity = n;
        p->split = wsl_calloc(n, sizeof *p->split);
    }
    for (uint32_t i = 0; i < n; i++) {
        n_left += (rows[i]->op & SECOND_INPUT) == 0;
    }
    for (uint32_t i = 0, left = 0, right = n_left; i < n; i++) {
        wsl_row *row = (wsl_row *)(uintptr_t)rows[i]; /* a copy that was made for this firing */
        p->split[(row->op & SECOND_INPUT) == 0 ? left++ : right++] = row;
        row->op &= (uint8_t)~SECOND_INPUT;
    }
    return n_left;
}

/* For what may be done with the rows after the firing. */
static void mark_again(tm_pairs *p, uint32_t n_left, uint32_t n)
{
    for (uint32_t i = n_left; i < n; i++) {
        ((wsl_row *)(uintptr_t)p->split[i])->op |= SECOND_INPUT;
    }
}

static wsl_status co_group(tm_general *g, uint32_t n_left, uint32_t n)
{
    tm_rows_view left, right;
    tm_rows_view_init(&left, g->pairs.split, n_left);
    tm_rows_view_init(&right, g->pairs.split + n_left, n - n_left);
    wsl_window_ctx *w = tm_general_face(g);
    const wsl_status status = tm_general_called(g, g->out.function->co_group(w, &left.rows, &right.rows));
    if (WSL_LIKELY(status != WSL_AGAIN)) {
        return status;
    }
    tm_again_keep(g, g->pairs.split, n_left, n);
    return WSL_OK;
}

/* Pairs from (*io_left, *io_right) on. Stops at the end of the turn, or when the output has no room. */
static wsl_status give_pairs(tm_general *g, const wsl_row *const *rows, uint32_t n_left, uint32_t n, int64_t timestamp,
                             uint32_t *io_left, uint32_t *io_right)
{
    tm_fn_ctx *f = &g->out.k.f;
    uint32_t turn = 0;
    tm_fn_ctx_no_row(f, true, timestamp);
    for (; *io_left < n_left; ++*io_left, *io_right = n_left) {
        for (; *io_right < n; ++*io_right) {
            if (turn++ == PAIRS_PER_TURN || (f->attention && tm_op_blocked(g->op))) {
                return WSL_OK;
            }
            f->attention = false;
            g->op->current = rows[*io_left];
            wsl_status status = g->out.function->join(tm_fn_ctx_of(f), rows[*io_left], rows[*io_right]);
            if (WSL_UNLIKELY(status != WSL_OK || f->failed != WSL_OK)) {
                status = tm_general_called(g, status);
                return status != WSL_AGAIN
                           ? status
                           : tm_op_fail(g->op, WSL_USER, "a join gives what it has for a pair at once, '%s' cannot "
                                                         "return WSL_AGAIN", g->out.function->name);
            }
        }
    }
    return WSL_OK;
}

static wsl_status keep_job(tm_general *g, uint32_t n_left, uint32_t n, uint32_t left, uint32_t right)
{
    tm_pairs *p = &g->pairs;
    tm_pair_job *job = wsl_zalloc(sizeof *job);
    for (uint32_t i = 0; i < n; i++) {
        tm_row_list_add(&job->rows, p->split[i]);
    }
    tm_row_list_seal(&job->rows);
    job->n_left = n_left;
    job->left = left;
    job->right = right;
    job->timestamp = wsl_window_max_timestamp(&g->window);
    *(p->last != NULL ? &p->last->next : &p->first) = job;
    p->last = job;
    g->op->busy = true;
    return WSL_OK;
}

static wsl_status join(tm_general *g, uint32_t n_left, uint32_t n)
{
    uint32_t left = 0;
    uint32_t right = n_left;
    if (n_left == 0 || n_left == n) {
        return WSL_OK; /* no pairs */
    }
    if (!tm_pairs_wait(&g->pairs)) { /* those before it come first */
        (void)tm_general_face(g);
        WSL_TRY(give_pairs(g, g->pairs.split, n_left, n, wsl_window_max_timestamp(&g->window), &left, &right));
    }
    return left == n_left ? WSL_OK : keep_job(g, n_left, n, left, right);
}

wsl_status tm_pairs_fire(tm_general *g, const wsl_row *const *rows, uint32_t n)
{
    const uint32_t n_left = part(&g->pairs, rows, n);
    const wsl_status status =
        g->out.function->kind == WSL_FN_JOIN ? join(g, n_left, n) : co_group(g, n_left, n);
    mark_again(&g->pairs, n_left, n);
    return status;
}

wsl_status tm_pairs_resume(tm_general *g)
{
    tm_pair_job *job = g->pairs.first;
    WSL_TRY(give_pairs(g, job->rows.rows, job->n_left, job->rows.at.n, job->timestamp, &job->left, &job->right));
    if (job->left == job->n_left) {
        free_first(&g->pairs);
    }
    return tm_fn_ctx_flush(&g->out.k.f);
}
