/*
 * repeating - sinks of a job that may write rows again after it went back to a checkpoint, because they do not take part in
 * checkpoints: print, and rows that come to the client. Whoever reads their output is told.
 *
 * Threads: the JobManager's loop.
 */
#pragma once
#include "jobmanager/job.h"

/* The next such sink from *io_at on, which begins at 0; NULL: no more, or the job takes no checkpoints. Of connectors in the job's
 * own library nothing is known here. */
const Wsl__Pb__Operator *jm_repeating_next(const jm_job *job, size_t *io_at);
/* A line in the log for each. */
void jm_repeating_log(const jm_job *job);
