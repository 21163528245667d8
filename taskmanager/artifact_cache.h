/*
 * artifact_cache - job libraries by content hash: fetched from the JobManager in pieces, checked, kept as files, opened.
 *
 *     want(hash) --missing--> ArtifactRequest(offset) ... ArtifactChunk --whole and hash right--> file --> wsl_plugin
 *
 * A library stays open while tasks hold it and is closed with the last one.
 *
 * Threads: control loop. Plugins handed out may be used anywhere until released.
 */
#pragma once
#include <wiesel/status.h>

#include "base/fs.h"
#include "control.pb-c.h"
#include "plugin/plugin.h"

typedef struct tm_artifact_cache tm_artifact_cache;

void tm_artifact_cache_free(tm_artifact_cache *cache);
/* dir: made if missing. request: sends an ArtifactRequest. */
tm_artifact_cache *tm_artifact_cache_new(wsl_fs *fs, const char *dir,
                                         wsl_status (*request)(void *arg, const char *hash, uint64_t offset),
                                         void *arg);

/* WSL_OK: *out_plugin holds a reference; WSL_AGAIN: it is being fetched, ask again after the next chunk; else why it cannot
 * be had. */
WSL_MUST_CHECK wsl_status tm_artifact_cache_get(tm_artifact_cache *cache, const char *hash, wsl_plugin **out_plugin,
                                                wsl_error *err);
void tm_artifact_cache_release(tm_artifact_cache *cache, const wsl_plugin *plugin); /* NULL is fine */
void tm_artifact_cache_on_chunk(tm_artifact_cache *cache, const Wsl__Pb__ArtifactChunk *chunk);
/* The connection broke: pieces under way begin anew. */
void tm_artifact_cache_reset(tm_artifact_cache *cache);
