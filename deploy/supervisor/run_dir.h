/*
 * run_dir - the directory in which a cluster keeps its process ids, and whose lock says that it is alive.
 *
 *     supervisor.pid   locked by the supervisor as long as it lives; the lock names its owner, so a stale number in a
 * file is never taken for a process <child>.pid      one per child that runs failure          why the cluster could not
 * start, one sentence
 *
 * Threads: one.
 */
#pragma once
#include <stdbool.h>
#include <sys/types.h>

#include <wiesel/status.h>

#include "base/fs.h"

typedef struct sv_run_dir sv_run_dir;

/* Gives the lock back. */
void sv_run_dir_free(sv_run_dir *dir);
WSL_DEFINE_AUTO(sv_run_dir)
/* Makes the directory and takes its lock. WSL_EXISTS: another supervisor has it; the error names it. */
WSL_MUST_CHECK wsl_status sv_run_dir_take(wsl_fs *fs, const char *path, sv_run_dir **out_dir, wsl_error *err);

WSL_MUST_CHECK wsl_status sv_run_dir_put(sv_run_dir *dir, const char *name, const char *text, wsl_error *err);
void sv_run_dir_drop(sv_run_dir *dir, const char *name); /* missing is fine */
const char *sv_run_dir_path(const sv_run_dir *dir);

/* Asks the supervisor that holds `path` to stop, and returns when it is gone. WSL_NOT_FOUND: nobody holds it. */
WSL_MUST_CHECK wsl_status sv_run_dir_stop(const char *path, int timeout_ms, wsl_error *err);
