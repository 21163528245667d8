/*
 * storage - checkpoints in directories. See README.md for the layout.
 *
 *     prepare  -> chk-N/ exists and is empty of metadata
 *     publish  -> chk-N/_metadata is durable: the one step at which a checkpoint comes to be
 *     discard  -> metadata goes first, then the files: what is found half removed is no checkpoint
 *
 * Whatever step a crash or an error comes after, a directory holds a whole checkpoint or none. An error of publish leaves none
 * (unless even taking it back fails: discard it), an error of discard is repaired by discarding again.
 *
 * Paths: "file:///dir" or "/dir".
 *
 * Threads: any; calls block on disk.
 */
#pragma once
#include <wiesel/status.h>

#include "base/fs.h"
#include "base/id.h"
#include "checkpoint.pb-c.h"

/* The directory behind an option's value: malloc'ed, absolute, without "file://" and without '/' at its end. WSL_INVALID: another
 * scheme, or a relative path. */
WSL_MUST_CHECK wsl_status wsl_ckpt_dir(const char *value, char **out_dir, wsl_error *err);
/* "<dir>/<job>", "<dir>/<job>/chk-<id>": malloc'ed. */
char *wsl_ckpt_job_dir(const char *dir, const wsl_id *job);
char *wsl_ckpt_path(const char *job_dir, uint64_t checkpoint);

/* WSL_EXISTS: it holds a checkpoint already. */
WSL_MUST_CHECK wsl_status wsl_ckpt_prepare(wsl_fs *fs, const char *chk_dir, wsl_error *err);
/* meta is checked (metadata.h) and the names of files in chk_dir are made durable first. */
WSL_MUST_CHECK wsl_status wsl_ckpt_publish(wsl_fs *fs, const char *chk_dir, const Wsl__Pb__CheckpointMeta *meta,
                                           wsl_error *err);
/* From a checkpoint's directory, or the path of its _metadata; "file://" may stand before it. WSL_NOT_FOUND: nothing was ever
 * published there. WSL_CORRUPT, WSL_UNSUPPORTED: metadata.h. */
WSL_MUST_CHECK wsl_status wsl_ckpt_load(wsl_fs *fs, const char *path, Wsl__Pb__CheckpointMeta **out_meta, wsl_error *err);
/* The directory that relative paths in it begin at, of what was loaded from `path`: of a savepoint its own, else the job's. malloc'ed. */
char *wsl_ckpt_base(const char *path, const Wsl__Pb__CheckpointMeta *meta);
/* Removes chk-N/ with all that is in it; files elsewhere (shared/) are the registry's. Nothing there: WSL_OK. A directory of
 * another name (a savepoint that was moved) must hold a checkpoint, else WSL_INVALID and nothing is removed. */
WSL_MUST_CHECK wsl_status wsl_ckpt_discard(wsl_fs *fs, const char *chk_dir, wsl_error *err);

/* Ids of the directories chk-N below a job's directory that have a _metadata, ascending; malloc'ed. No such directory: none. */
WSL_MUST_CHECK wsl_status wsl_ckpt_list(wsl_fs *fs, const char *job_dir, uint64_t **out_ids, uint32_t *out_n,
                                        wsl_error *err);
/* Reads and checks every file that the metadata names; the first damage is told, with the path. What is to be done before a
 * restore. */
WSL_MUST_CHECK wsl_status wsl_ckpt_verify(wsl_fs *fs, const char *job_dir, const Wsl__Pb__CheckpointMeta *meta,
                                          wsl_error *err);
/* The same, then every section and every record in it: also what was written wrong is found. */
WSL_MUST_CHECK wsl_status wsl_ckpt_verify_records(wsl_fs *fs, const char *job_dir, const Wsl__Pb__CheckpointMeta *meta,
                                                  wsl_error *err);
