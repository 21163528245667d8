/*
 * file_sink - inside of the file sink: the writer, shared by file_sink.c (rows into files) and file_sink_checkpoints.c.
 *
 * Threads: the writer's slot loop.
 */
#pragma once
#include <wiesel/connector.h>

#include "base/fs.h"
#include "base/strbuf.h"
#include "connector/file/file_parts.h"

typedef struct wsl_file_writer {
    bool single;
    char *dir;
    char *suffix;
    uint64_t roll_size;
    int64_t roll_ns;     /* 0: never by age */
    int64_t inactive_ns; /* 0: never because nothing comes */
    bool roll_always;    /* at each checkpoint */
    wsl_file *file;   /* NULL: no part is open */
    char *path;       /* of the open file */
    char *name;       /* ... in the directory; with checkpoints */
    uint64_t written; /* whole records in it; where it is cut back to */
    uint64_t synced;  /* of them, on disk */
    int64_t opened_ns, last_row_ns;
    uint64_t next_number; /* of the next part */
    wsl_strbuf buffer;
    bool failed;
    bool begun;         /* what was there before was looked at */
    bool in_checkpoint; /* a checkpoint has the open part */
    bool finished;      /* no more rows come */
    wsl_file_parts parts; /* with checkpoints, or restored */
} wsl_file_writer;

/* ---- file_sink.c ---- */
/* Rows in the buffer go into the file, which is opened if need be. */
WSL_MUST_CHECK wsl_status wsl_file_writer_write_out(wsl_file_writer *w, wsl_sink_ctx *ctx, wsl_error *err);
bool wsl_file_writer_is_full(const wsl_file_writer *w, wsl_sink_ctx *ctx); /* the open part is to be closed */
WSL_MUST_CHECK wsl_status wsl_file_writer_open_part(wsl_file_writer *w, wsl_sink_ctx *ctx, wsl_error *err);
/* It becomes visible, or with checkpoints waits for one. */
WSL_MUST_CHECK wsl_status wsl_file_writer_close_part(wsl_file_writer *w, wsl_sink_ctx *ctx, wsl_error *err);
WSL_MUST_CHECK wsl_status wsl_file_writer_set_aside(wsl_file_writer *w, wsl_error *err); /* the latter */
WSL_MUST_CHECK wsl_status wsl_file_writer_open_single(wsl_file_writer *w, wsl_sink_ctx *ctx, wsl_error *err);
/* Behind what the one file has. */
WSL_MUST_CHECK wsl_status wsl_file_writer_begin_single(wsl_file_writer *w, wsl_sink_ctx *ctx, wsl_error *err);
/* What went wrong with the file or directory, and what to do about it where that is known. */
wsl_status wsl_file_writer_fail(const wsl_file_writer *w, wsl_status status, wsl_error *err);

/* ---- file_sink_checkpoints.c ---- */
/* In a job with checkpoints, before anything is written: what earlier attempts left behind and no checkpoint has goes away. */
WSL_MUST_CHECK wsl_status wsl_file_writer_begin(wsl_file_writer *w, wsl_sink_ctx *ctx, wsl_error *err);
/* Of wsl_writer_class. */
wsl_status wsl_file_writer_prepare(void *self, wsl_sink_ctx *ctx, uint64_t checkpoint, wsl_saver *save, wsl_error *err);
wsl_status wsl_file_writer_commit(void *self, wsl_sink_ctx *ctx, uint64_t checkpoint, wsl_error *err);
wsl_status wsl_file_writer_restore(void *self, wsl_sink_ctx *ctx, const wsl_split *pieces, uint32_t n, wsl_error *err);
