/*
 * fs_mem - the seam `fs` in memory, with faults on demand: for tests and the simulator.
 *
 * Paths are absolute or relative texts as on a real system; "a//b" and "a/b/" mean "a/b", "." and ".." are not
 * followed. The directories "/" and "." exist from the start. Entries are listed in order of their names. An open file
 * goes on after its name is removed or renamed, as on a real system.
 *
 * Faults: every operation of the fs and its files that could fail counts; the fail_at-th (from 1) and, if fail_for_ever
 * is set, all later ones give fail_status. To test recovery, run once for each n until a run does not reach n.
 *
 * Losing power: wsl_mem_fs_crash forgets what was not synced (content beyond the last sync, names whose directory was
 * not synced since), which is what a real disk may do.
 *
 * Threads: any (a lock), so that loops of a test cluster can share one.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/fs.h"

typedef struct wsl_mem_fs wsl_mem_fs;

void wsl_mem_fs_free(wsl_mem_fs *m);                                      /* all its files are closed (asserted) */
WSL_NEW_BY(wsl_mem_fs_free) wsl_mem_fs *wsl_mem_fs_new(wsl_clock *clock); /* clock gives mtimes; outlives it */
WSL_DEFINE_AUTO(wsl_mem_fs)

wsl_fs *wsl_mem_fs_seam(wsl_mem_fs *m);

/* Fault: the n-th operation from now (n >= 1; 0: none). */
void wsl_mem_fs_fail_at(wsl_mem_fs *m, uint64_t n, wsl_status status, bool for_ever);
uint64_t wsl_mem_fs_operations(wsl_mem_fs *m); /* counted since the last fail_at or the start */
bool wsl_mem_fs_failed(wsl_mem_fs *m);         /* a fault was given since then */

/* Bytes of content that all files together may have; a write beyond writes what fits and says WSL_NO_SPACE. */
void wsl_mem_fs_set_capacity(wsl_mem_fs *m, uint64_t bytes);
uint64_t wsl_mem_fs_used(wsl_mem_fs *m);

/* No file is open (asserted). */
void wsl_mem_fs_crash(wsl_mem_fs *m);
