/*
 * dir_lock - one JobManager's process per store.
 *
 * A lock on the file <dir>/lock, which ends with its process however that dies. For processes only: JobManagers that share one (tests, the
 * simulator) do not take it.
 *
 * Threads: one.
 */
#pragma once
#include <wiesel/status.h>

typedef struct jm_dir_lock jm_dir_lock;

void jm_dir_lock_free(jm_dir_lock *lock); /* lets go of it */
/* The directory is there. WSL_EXISTS: another process has it; the sentence names it. */
WSL_MUST_CHECK wsl_status jm_dir_lock_take(const char *dir, jm_dir_lock **out_lock, wsl_error *err);
