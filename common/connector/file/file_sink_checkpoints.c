/*
 * file_sink_checkpoints.c - a file sink's part in checkpoints: see file_sink.c and file_parts.h.
 */
#include "connector/file/file_sink.h"

#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "connector/file/little_endian.h"

enum { COPY_SIZE = 256 << 10 };

wsl_status wsl_file_writer_begin(wsl_file_writer *w, wsl_sink_ctx *ctx, wsl_error *err)
{
    if (WSL_LIKELY(w->begun || !ctx->checkpoints)) {
        return WSL_OK;
    }
    w->begun = true;
    const wsl_status s = w->single ? wsl_file_writer_open_single(w, ctx, err) : wsl_file_parts_clean(&w->parts, err);
    return s == WSL_OK ? s : wsl_file_writer_fail(w, s, err);
}

static const char single_piece[] = "single-file";

/* u64 size of the file, job id. */
static void save_single(const wsl_file_writer *w, const wsl_sink_ctx *ctx, wsl_saver *save)
{
    wsl_strbuf bytes;
    wsl_strbuf_init(&bytes);
    wsl_add_u64(&bytes, w->written);
    wsl_strbuf_puts(&bytes, ctx->job_id);
    const wsl_split piece = {.name = single_piece, .bytes = bytes.data, .size = (uint32_t)bytes.size};
    save->add(save, &piece);
    wsl_strbuf_fini(&bytes);
}

static wsl_status sync_open(wsl_file_writer *w, wsl_error *err)
{
    WSL_TRY(w->synced < w->written ? w->file->sync(w->file, err) : WSL_OK);
    w->synced = w->written;
    return WSL_OK;
}

static wsl_status prepare_parts(wsl_file_writer *w, wsl_sink_ctx *ctx, uint64_t checkpoint, wsl_saver *save, wsl_error *err)
{
    if (w->file != NULL) {
        WSL_TRY(w->roll_always || wsl_file_writer_is_full(w, ctx) ? wsl_file_writer_set_aside(w, err) : sync_open(w, err));
    }
    WSL_TRY(wsl_file_parts_prepare(&w->parts, checkpoint, w->name, w->written, save, err));
    w->in_checkpoint = w->name != NULL;
    return WSL_OK;
}

wsl_status wsl_file_writer_prepare(void *self, wsl_sink_ctx *ctx, uint64_t checkpoint, wsl_saver *save, wsl_error *err)
{
    wsl_file_writer *w = (wsl_file_writer *)self;
    if (!ctx->checkpoints) {
        return WSL_OK; /* a savepoint of a job that takes none: what was written is visible, or will be */
    }
    WSL_TRY(wsl_file_writer_begin(w, ctx, err));
    WSL_TRY(wsl_file_writer_write_out(w, ctx, err));
    wsl_status s;
    if (w->single) {
        s = sync_open(w, err);
        save_single(w, ctx, save);
    } else {
        s = prepare_parts(w, ctx, checkpoint, save, err);
    }
    return s == WSL_OK ? s : wsl_file_writer_fail(w, s, err);
}

wsl_status wsl_file_writer_commit(void *self, wsl_sink_ctx *ctx, uint64_t checkpoint, wsl_error *err)
{
    (void)ctx;
    wsl_file_writer *w = (wsl_file_writer *)self;
    wsl_status s = wsl_file_parts_commit(&w->parts, checkpoint, err);
    if (s == WSL_OK && w->finished && w->parts.pending.n == 0 && w->parts.owner.attempt > 1) {
        s = wsl_file_parts_clean(&w->parts, err); /* a process that was taken for dead may have written since the restore */
    }
    return s == WSL_OK ? s : wsl_file_writer_fail(w, s, err);
}

/* A part that begins with the first bytes of one that a checkpoint found open. */
static wsl_status copy_part(wsl_file_writer *w, wsl_sink_ctx *ctx, const wsl_file_part *part, wsl_error *err)
{
    char *path = wsl_asprintf("%s/%s", w->dir, part->name);
    wsl_file *from = NULL;
    wsl_status s = ctx->fs->open(ctx->fs, path, WSL_OPEN_READ, &from, err);
    s = s == WSL_OK ? wsl_file_writer_open_part(w, ctx, err) : s;
    char *block = (char *)wsl_alloc(COPY_SIZE);
    while (s == WSL_OK && w->written < part->size) {
        const uint64_t left = part->size - w->written;
        size_t got = 0;
        s = from->read_at(from, w->written, block, left < COPY_SIZE ? (size_t)left : COPY_SIZE, &got, err);
        if (s == WSL_OK && got == 0) {
            s = wsl_fail(err, WSL_STATE, "'%s' ends at %" PRIu64 " of %" PRIu64 " bytes", path, w->written, part->size);
        }
        s = s == WSL_OK ? w->file->write(w->file, block, got, err) : s;
        w->written += s == WSL_OK ? got : 0;
    }
    free(block);
    wsl_file_free(from);
    free(path);
    return s;
}

static wsl_status restore_parts(wsl_file_writer *w, wsl_sink_ctx *ctx, const wsl_split *pieces, uint32_t n, wsl_error *err)
{
    WSL_TRY(wsl_file_parts_restore(&w->parts, pieces, n, err));
    for (uint32_t i = 0; i < w->parts.copied.n; i++) {
        WSL_TRY(w->file != NULL ? wsl_file_writer_close_part(w, ctx, err) : WSL_OK);
        WSL_TRY(copy_part(w, ctx, &w->parts.copied.items[i], err));
    }
    return WSL_OK;
}

static wsl_status restore_single(wsl_file_writer *w, wsl_sink_ctx *ctx, const wsl_split *pieces, uint32_t n, wsl_error *err)
{
    WSL_TRY(w->file == NULL ? wsl_file_writer_open_single(w, ctx, err) : WSL_OK);
    for (uint32_t i = 0; i < n; i++) {
        const uint8_t *bytes = (const uint8_t *)pieces[i].bytes;
        if (strcmp(pieces[i].name, single_piece) != 0 || pieces[i].size < 8) {
            return wsl_fail(err, WSL_INVALID,
                            "the checkpoint is of a sink that wrote part files (or another version); single-file cannot go on with it");
        }
        const bool ours = strlen(ctx->job_id) == pieces[i].size - 8 && memcmp(bytes + 8, ctx->job_id, pieces[i].size - 8) == 0;
        const uint64_t size = wsl_u64_at(bytes);
        if (ours && size > w->written) {
            return wsl_fail(err, WSL_STATE, "'%s' should have %" PRIu64 " bytes at least and has %" PRIu64 "; rows are lost",
                            w->path, size, w->written);
        }
        WSL_TRY(ours ? w->file->truncate(w->file, size, err) : WSL_OK);
    }
    return wsl_file_writer_begin_single(w, ctx, err);
}

wsl_status wsl_file_writer_restore(void *self, wsl_sink_ctx *ctx, const wsl_split *pieces, uint32_t n, wsl_error *err)
{
    wsl_file_writer *w = (wsl_file_writer *)self;
    w->begun = true;
    const wsl_status s = w->single ? restore_single(w, ctx, pieces, n, err) : restore_parts(w, ctx, pieces, n, err);
    return s == WSL_OK ? s : wsl_file_writer_fail(w, s, err);
}
