/*
 * pairs - windows of two inputs: rows of both lie in one list, in order of arrival, those of the second with a mark; when the
 * window fires they are parted again and given to the operator's function, as two groups (co-group) or pair by pair (join).
 *
 * A join of many rows gives more pairs than the output has room for, or than one turn should: the rest is kept as a job, with
 * copies of the rows, and goes on in resume. While there is a job nothing else of the operator does (op->busy).
 *
 * The mark is a bit of the row's op, which lists keep (TM_STATE_SECOND); users never see it.
 *
 * Threads: one slot loop. Embedded in its operator, zeroed.
 */
#pragma once
#include <wiesel/function.h>
#include <wiesel/status.h>

#include "taskmanager/window/row_list.h"

struct tm_general;

typedef struct tm_pair_job tm_pair_job;

typedef struct tm_pairs {
    tm_pair_job *first, *last;
    const wsl_row **split; /* of the firing: left rows, then right ones */
    uint32_t split_capacity;
    wsl_row *marked; /* a copy */
    uint32_t marked_capacity;
} tm_pairs;

void tm_pairs_fini(tm_pairs *p);

/* The row as it is to be kept: of the second input a marked copy, valid until the next call. */
const wsl_row *tm_pairs_keep(tm_pairs *p, uint32_t input, const wsl_row *row);
/* These rows of a window that fires, in order of arrival; they are ours to mark. */
WSL_MUST_CHECK wsl_status tm_pairs_fire(struct tm_general *g, const wsl_row *const *rows, uint32_t n);
static inline bool tm_pairs_wait(const tm_pairs *p) { return p->first != NULL; }
/* Goes on with the jobs for a turn, or until the output has no room. */
WSL_MUST_CHECK wsl_status tm_pairs_resume(struct tm_general *g);
