/*
 * file_reader.c - reads the splits it is given, one after the other, in blocks.
 *
 * A record belongs to the split in which it begins: a split that starts inside the file begins one byte earlier and
 * passes over everything up to the first line end; the last record is read to its end even beyond the split's.
 *
 * A checkpoint gets the splits in our hands, that in work with the offset behind the last record that was given out. A split that
 * is gone on with is entered there like a range is: one byte earlier, which is the line end of the record before. If the format
 * has a header (csv), that is read first, from the beginning of the file.
 *
 * The next split is asked for as soon as all bytes of the current one are in memory, so that many small files do not
 * each wait for the JobManager.
 *
 * A file that is gone or shorter than it was when it was found fails the job with a sentence that says so. One that is
 * removed or renamed while it is open is read to its end: the system keeps it for us.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/fs.h"
#include "base/vec.h"
#include "connector/file/file_source.h"
#include "connector/file/file_split.h"
#include "format/format.h"
#include "format/records.h"

typedef struct file_reader {
    WSL_VEC(wsl_file_split) queue; /* [0] is next */
    bool no_more;
    bool requested;
    wsl_file *file; /* NULL: no split in work */
    wsl_file_split split;
    bool for_header; /* only the header is read; then it goes on at split.position */
    wsl_records records;
} file_reader;

static wsl_status reader_open(void *self, wsl_source_ctx *ctx, wsl_error *err)
{
    (void)self;
    (void)ctx;
    (void)err;
    return WSL_OK;
}

static wsl_status add_split(void *self, wsl_source_ctx *ctx, const wsl_split *split, wsl_error *err)
{
    (void)ctx;
    file_reader *r = (file_reader *)self;
    wsl_file_split s;
    WSL_TRY(wsl_file_split_decode(split->bytes, split->size, &s, err));
    wsl_vec_push(&r->queue, s);
    r->requested = false;
    return WSL_OK;
}

static void no_more_splits(void *self, wsl_source_ctx *ctx)
{
    (void)ctx;
    ((file_reader *)self)->no_more = true;
}

static void request_split(file_reader *r, wsl_source_ctx *ctx)
{
    if (!r->requested && !r->no_more && r->queue.n == 0) {
        r->requested = true;
        ctx->ops->request_split(ctx);
    }
}

/* ---- one split ---- */

static wsl_status open_file(file_reader *r, wsl_source_ctx *ctx, wsl_error *err)
{
    wsl_file_split *split = &r->split;
    const wsl_status s = ctx->fs->open(ctx->fs, split->path, WSL_OPEN_READ, &r->file, err);
    if (s == WSL_NOT_FOUND) {
        return wsl_fail(err, s,
                        "'%s' was there when it was found, and is gone now that it is to be read; do not remove or "
                        "rename files that are being read",
                        split->path);
    }
    WSL_TRY(s);
    uint64_t size;
    WSL_TRY(r->file->size(r->file, &size, err));
    if (size < split->file_size) {
        return wsl_fail(err, WSL_IO,
                        "'%s' had %" PRIu64 " bytes when it was found and has %" PRIu64 " now; files must not "
                        "shrink while they are read",
                        split->path, split->file_size, size);
    }
    return WSL_OK;
}

static wsl_status begin_split(file_reader *r, wsl_source_ctx *ctx, wsl_error *err)
{
    r->split = r->queue.items[0];
    wsl_vec_remove(&r->queue, 0);
    WSL_TRY(open_file(r, ctx, err));
    char name[WSL_SPLIT_NAME_MAX];
    wsl_file_split_name(&r->split, name);
    (void)ctx->ops->split_started(ctx, name);
    const uint64_t from = r->split.position != 0 ? r->split.position : r->split.start;
    const bool inside = from > 0;
    wsl_records_start(&r->records, ctx, r->split.path, from - inside, r->split.end, inside);
    r->for_header = r->split.position != 0 && wsl_format_wants_header(ctx->format);
    if (r->for_header) {
        wsl_records_jump(&r->records, 0, false);
    }
    return WSL_OK;
}

/* One record of those before the rows. */
static wsl_status read_header(file_reader *r, wsl_source_ctx *ctx, wsl_error *err)
{
    const wsl_status s = wsl_records_run(&r->records, ctx, 1, err);
    if (s == WSL_OK && !wsl_format_wants_header(ctx->format)) {
        r->for_header = false;
        wsl_records_jump(&r->records, r->split.position - 1, true);
    }
    return s;
}

static void end_split(file_reader *r, wsl_source_ctx *ctx)
{
    char name[WSL_SPLIT_NAME_MAX];
    wsl_file_split_name(&r->split, name);
    wsl_file_free(WSL_TAKE(r->file));
    free(WSL_TAKE(r->split.path));
    ctx->ops->split_finished(ctx, name);
}

static wsl_status read_block(file_reader *r, wsl_source_ctx *ctx, wsl_error *err)
{
    size_t room, got = 0;
    char *to = wsl_records_space(&r->records, ctx, &room);
    WSL_TRY(r->file->read_at(r->file, wsl_records_tip(&r->records), to, room, &got, err));
    wsl_records_filled(&r->records, got);
    if (got < room) {
        wsl_records_ended(&r->records);
    }
    if (r->records.ended || wsl_records_tip(&r->records) >= r->split.end) {
        request_split(r, ctx);
    }
    return WSL_OK;
}

/* ---- the reader ---- */

static wsl_status poll(void *self, wsl_source_ctx *ctx, uint32_t max_rows, wsl_error *err)
{
    file_reader *r = (file_reader *)self;
    if (r->file == NULL) {
        if (r->queue.n == 0) {
            request_split(r, ctx);
            return r->no_more ? WSL_END : WSL_AGAIN;
        }
        WSL_TRY(begin_split(r, ctx, err));
    }
    wsl_status s = WSL_UNLIKELY(r->for_header) ? read_header(r, ctx, err) : wsl_records_run(&r->records, ctx, max_rows, err);
    if (s == WSL_AGAIN) {
        s = read_block(r, ctx, err);
    } else if (s == WSL_END) {
        end_split(r, ctx);
        s = WSL_OK;
    }
    return s;
}

/* ---- checkpoints ---- */

static void save_split(const wsl_file_split *split, wsl_saver *save)
{
    char name[WSL_SPLIT_NAME_MAX];
    wsl_strbuf bytes;
    wsl_strbuf_init(&bytes);
    wsl_file_split_name(split, name);
    wsl_file_split_encode(split, &bytes);
    const wsl_split out = {.name = name, .bytes = bytes.data, .size = (uint32_t)bytes.size};
    save->add(save, &out);
    wsl_strbuf_fini(&bytes);
}

static wsl_status snapshot(void *self, wsl_source_ctx *ctx, wsl_saver *save, wsl_error *err)
{
    (void)ctx;
    (void)err;
    const file_reader *r = (const file_reader *)self;
    if (r->file != NULL) {
        wsl_file_split split = r->split;
        const uint64_t entered = split.position != 0 ? split.position : split.start;
        if (!r->for_header && r->records.offset > entered) { /* not still one byte before it */
            split.position = r->records.offset;
        }
        if (split.position < split.end) { /* else all its records were given out */
            save_split(&split, save);
        }
    }
    for (uint32_t i = 0; i < r->queue.n; i++) {
        save_split(&r->queue.items[i], save);
    }
    return WSL_OK;
}

static void reader_close(void *self, wsl_source_ctx *ctx)
{
    (void)ctx;
    file_reader *r = (file_reader *)self;
    wsl_file_free(WSL_TAKE(r->file));
    free(WSL_TAKE(r->split.path));
    for (uint32_t i = 0; i < r->queue.n; i++) {
        free(r->queue.items[i].path);
    }
    wsl_vec_fini(&r->queue);
    wsl_records_fini(&r->records);
}

const wsl_reader_class wsl_file_reader = {
    .size = sizeof(file_reader),
    .open = reader_open,
    .add_split = add_split,
    .no_more_splits = no_more_splits,
    .poll = poll,
    .close = reader_close,
    .snapshot = snapshot,
};
