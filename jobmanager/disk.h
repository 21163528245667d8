/*
 * disk - a thread for what may block on a disk: metadata of checkpoints, removed files.
 *
 *     jm_disk_run(job, done, what) --letter--> [ thread: job(what) ] --letter--> jm_disk_step: done(what)
 *
 * Order is kept. Without a thread (tests) run calls both at once; stepped (simulator) a job waits for jm_disk_work.
 *
 * Threads: new, run, step, work and free on the JobManager's loop; jobs on the thread inside.
 */
#pragma once
#include <stdbool.h>

#include <wiesel/macros.h>
#include <wiesel/status.h>

#include "base/clock.h"
#include "base/waker.h"

typedef struct jm_disk jm_disk;

/* Waits until all that was given has run, and calls what is left of `done`. */
void jm_disk_free(jm_disk *disk);
/* waker: of the JobManager's loop, which steps us then. */
WSL_MUST_CHECK wsl_status jm_disk_new(wsl_clock *clock, wsl_waker waker, bool thread, jm_disk **out_disk, wsl_error *err);
void jm_disk_run(jm_disk *disk, void (*job)(void *), void (*done)(void *), void *what);
void jm_disk_step(jm_disk *disk);

/* Without a thread; worker is woken when there is a job. */
WSL_NEW_BY(jm_disk_free) jm_disk *jm_disk_new_stepped(wsl_waker waker, wsl_waker worker);
/* Does one job; jm_disk_step tells of its end. False: there was none. */
bool jm_disk_work(jm_disk *disk);
