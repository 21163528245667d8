/*
 * artifacts - libraries of jobs, kept by the hash of their content.
 *
 * Files in a directory of this JobManager's own. They go with it, or, with a store, stay for the next one, which takes over those that
 * its jobs need and removes the others. Putting the same bytes twice keeps one file.
 *
 * Threads: the JobManager's loop.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <wiesel/status.h>

#include "base/fs.h"
#include "base/id.h"

typedef struct jm_artifacts jm_artifacts;

enum { JM_ARTIFACT_SIZE_MAX = 64 << 20, JM_ARTIFACTS_MAX = 1000 };

void jm_artifacts_free(jm_artifacts *artifacts); /* removes the files and the directory unless they stay */
/* The directory is made when the first artifact comes. stays: the files outlive us. */
WSL_NEW_BY(jm_artifacts_free) jm_artifacts *jm_artifacts_new(wsl_fs *fs, const char *dir, bool stays);

/* WSL_TOO_LARGE, WSL_INVALID (empty), WSL_NO_RESOURCE (too many) or what the file system says. */
WSL_MUST_CHECK wsl_status jm_artifacts_put(jm_artifacts *artifacts, const void *bytes, size_t size, wsl_id *out_hash,
                                           wsl_error *err);
bool jm_artifacts_has(const jm_artifacts *artifacts, const wsl_id *hash);
/* One that an earlier JobManager put. Its content is checked by who loads it. False: its file is gone. */
bool jm_artifacts_take_over(jm_artifacts *artifacts, const wsl_id *hash);
/* Removes what is in the directory and nobody took over. */
void jm_artifacts_sweep(jm_artifacts *artifacts);
/* Up to `size` bytes from `offset`. WSL_NOT_FOUND: no such artifact. */
WSL_MUST_CHECK wsl_status jm_artifacts_read(jm_artifacts *artifacts, const wsl_id *hash, uint64_t offset, void *to,
                                            size_t size, size_t *out_got, uint64_t *out_total, wsl_error *err);
