/*
 * tm_run - a TaskManager on threads: one for control, one for the network, one per slot; helpers and lanes as they are needed.
 *
 * Threads: start and stop from one thread that is none of these.
 */
#pragma once
#include "base/loop.h"
#include "taskmanager/tm.h"

typedef struct tm_run tm_run;

/* options: the wakers are filled in here. */
WSL_MUST_CHECK wsl_status tm_run_start(const tm_options *options, tm_run **out_run, wsl_error *err);
/* Says goodbye, stops all loops, closes what runs, frees everything. NULL is fine. */
void tm_run_stop(tm_run *run);

tm *tm_run_tm(tm_run *run);
/* tm_fatal, safe from any thread: a sentence once the process should end, else NULL. `notify` wakes the caller then. */
const char *tm_run_fatal(tm_run *run);
void tm_run_on_fatal(tm_run *run, wsl_waker notify);
bool tm_run_is_registered(tm_run *run);
