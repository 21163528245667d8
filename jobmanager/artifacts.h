/*
 * artifacts - libraries of jobs, kept by the hash of their content.
 *
 * Files in a directory of this JobManager's own; they go with it. Putting the same bytes twice keeps one file.
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

void jm_artifacts_free(jm_artifacts *artifacts); /* removes the files and the directory */
/* The directory is made when the first artifact comes. */
WSL_NEW_BY(jm_artifacts_free) jm_artifacts *jm_artifacts_new(wsl_fs *fs, const char *dir);

/* WSL_TOO_LARGE, WSL_INVALID (empty), WSL_NO_RESOURCE (too many) or what the file system says. */
WSL_MUST_CHECK wsl_status jm_artifacts_put(jm_artifacts *artifacts, const void *bytes, size_t size, wsl_id *out_hash,
                                           wsl_error *err);
bool jm_artifacts_has(const jm_artifacts *artifacts, const wsl_id *hash);
/* Up to `size` bytes from `offset`. WSL_NOT_FOUND: no such artifact. */
WSL_MUST_CHECK wsl_status jm_artifacts_read(jm_artifacts *artifacts, const wsl_id *hash, uint64_t offset, void *to,
                                            size_t size, size_t *out_got, uint64_t *out_total, wsl_error *err);
