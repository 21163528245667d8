/*
 * supervisor - keeps the processes of one cluster alive.
 *
 * Starts its children in order, restarts those that die (policy.h), writes their process ids into the run directory,
 * and stops them all when it is told to. It signals only children that it has not yet waited for, so never a stranger.
 *
 * Threads: one, which must have SIGCHLD, SIGTERM, SIGINT, SIGHUP and SIGUSR1 blocked.
 */
#pragma once
#include <stdint.h>

#include <wiesel/status.h>

#include "base/clock.h"
#include "base/log.h"
#include "deploy/supervisor/run_dir.h"

enum { SV_CHILDREN_MAX = 256, SV_NAME_MAX = 64 };
#define SV_STOP_GRACE_NS INT64_C(5000000000) /* after this, SIGKILL */

typedef struct sv_supervisor sv_supervisor;

void sv_supervisor_free(sv_supervisor *sv);
/* dir, fs, clock, logger and log_dir outlive it. */
WSL_NEW_BY(sv_supervisor_free)
sv_supervisor *sv_supervisor_new(sv_run_dir *dir, wsl_fs *fs, wsl_clock *clock, const wsl_logger *logger,
                                 const char *log_dir);
WSL_DEFINE_AUTO(sv_supervisor)

/* argv is NULL-terminated and borrowed. Its output goes to <log_dir>/<name>.out. */
WSL_MUST_CHECK wsl_status sv_supervisor_add(sv_supervisor *sv, const char *name, char *const *argv, wsl_error *err);

/* Runs until all children ended by themselves or a signal asked for the end. SIGUSR1 says that the cluster is up.
 * WSL_REFUSED: a child could not start; the sentence is also in the run directory's file `failure`. No child is left
 * when this returns. */
WSL_MUST_CHECK wsl_status sv_supervisor_run(sv_supervisor *sv, wsl_error *err);
