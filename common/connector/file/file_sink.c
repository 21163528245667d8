/*
 * file_sink.c - writes rows to part files in a directory, or to one named file.
 *
 *   directory:       .part-<subtask>-<n>.inprogress-<job>  --rename-->  part-<subtask>-<n>
 *   ... checkpoints: hidden, in progress --closed--> hidden, pending --checkpoint complete, rename--> visible (part_names.h)
 *   single-file:     the file itself, appended to, visible while it grows
 *
 * Rows are encoded into a buffer of 64 KiB that holds whole records only. A part is closed (synced) when it is larger than
 * roll-size, older than roll-interval, was not written to for roll-inactivity, or at the end. Names that start with a dot are
 * passed over by the file source.
 *
 * WITHOUT CHECKPOINTS a closed part is renamed at once; n goes on behind the parts that are already there, so nothing is
 * ever written over. What ends without finish (cancel, failure) is kept: what was written goes up to the last whole record
 * and becomes visible. A write that fails (a full disk) leaves part of a record behind; the file is cut back to the last whole
 * one first.
 *
 * WITH CHECKPOINTS nothing becomes visible before a checkpoint is complete that has it as a whole part (file_parts.h). prepare
 * syncs the part in progress and saves its size; restore copies that much of it and goes on in the copy. The one file of
 * single-file is cut back to the saved size instead, if it is the same job: after a failure readers see it shrink.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/number.h"
#include "base/strbuf.h"
#include "connector/connectors.h"
#include "connector/file/file_sink.h"
#include "format/format.h"

enum { BUFFER_SIZE = 64 << 10, PATH_SIZE_MAX = 4096 };

/* clang-format off */
static const wsl_option options[] = {
    {.name = "path", .type = WSL_OPT_STRING, .required = true,
     .help = "A directory for the part files (made if missing), or with single-file = true the file."},
    {.name = "single-file", .type = WSL_OPT_BOOL, .default_value = "false",
     .help = "Append to one file, visible while it grows. The sink's parallelism must be 1."},
    {.name = "overwrite", .type = WSL_OPT_BOOL, .default_value = "false",
     .help = "With single-file: begin with an empty file instead of appending."},
    {.name = "suffix", .type = WSL_OPT_STRING, .default_value = "",
     .help = "Ends the names of part files, as in \".json\"."},
    {.name = "roll-size", .type = WSL_OPT_SIZE, .default_value = "128mb", .min = "1", .max = "1tb",
     .help = "A part file that has reached this size is closed and made visible (in a job with checkpoints: by the next one that is complete).", .also = "sink.rolling-policy.file-size"},
    {.name = "roll-interval", .type = WSL_OPT_DURATION, .default_value = "60s", .min = "0", .max = "365d",
     .help = "So is one that is older than this. 0: never by age.", .also = "sink.rolling-policy.rollover-interval"},
    {.name = "roll-inactivity", .type = WSL_OPT_DURATION, .default_value = "60s", .min = "0", .max = "365d",
     .help = "So is one to which nothing was written for this long. 0: never for that.", .also = "sink.rolling-policy.inactivity-interval"},
    {.name = "roll-on-checkpoint", .type = WSL_OPT_BOOL, .default_value = "false",
     .help = "So is each one at every checkpoint: what came before it is visible when it is complete."},
    {0},
};
/* clang-format on */

static const char *path_option(const wsl_config *config)
{
    const char *text = wsl_config_str(config, "path");
    return text != NULL && strncmp(text, "file://", 7) == 0 ? text + 7 : text;
}

wsl_status wsl_file_writer_fail(const wsl_file_writer *w, wsl_status status, wsl_error *err)
{
    if (status != WSL_NO_SPACE || err == NULL) {
        return wsl_fail_prefix(err, status, "file sink '%s'", w->dir);
    }
    const wsl_error why = *err;
    return wsl_fail(err, status, "file sink '%s': %s; make room there, or write elsewhere, and run the job again", w->dir,
                    why.text);
}

/* ---- part files ---- */

typedef struct numbers {
    const char *prefix;
    uint64_t next;
} numbers;

/* "part-<subtask>-<n>...", or the same in progress. */
static bool see_part(void *arg, const char *name, const wsl_file_info *info)
{
    (void)info;
    numbers *seen = (numbers *)arg;
    const char *visible = name + (name[0] == '.');
    const size_t prefix = strlen(seen->prefix);
    if (strncmp(visible, seen->prefix, prefix) != 0) {
        return true;
    }
    int64_t n;
    size_t used;
    const char *digits = visible + prefix;
    if (wsl_parse_int64(digits, strlen(digits), &n, &used) && n >= 0 && n < INT64_MAX && (uint64_t)n >= seen->next) {
        seen->next = (uint64_t)n + 1;
    }
    return true;
}

static wsl_status open_dir(wsl_file_writer *w, wsl_sink_ctx *ctx, wsl_error *err)
{
    wsl_file_info info;
    wsl_status s = ctx->fs->stat(ctx->fs, w->dir, &info, err);
    if (s == WSL_OK && !info.is_dir) {
        return wsl_fail(err, WSL_INVALID,
                        "file sink: '%s' is a file, not a directory; set single-file = true to append to it", w->dir);
    }
    if (s == WSL_NOT_FOUND) {
        s = ctx->fs->make_dirs(ctx->fs, w->dir, err);
    }
    if (s != WSL_OK) {
        return wsl_fail_prefix(err, s, "file sink");
    }
    char prefix[32];
    (void)snprintf(prefix, sizeof prefix, "part-%" PRIu32 "-", ctx->subtask);
    numbers seen = {.prefix = prefix};
    WSL_TRY(ctx->fs->list(ctx->fs, w->dir, see_part, &seen, err));
    w->next_number = seen.next;
    return WSL_OK;
}

/* Wakes for the next roll by time. */
static void arm(const wsl_file_writer *w, wsl_sink_ctx *ctx)
{
    int64_t at_ns = w->roll_ns > 0 ? w->opened_ns + w->roll_ns : WSL_NEVER;
    if (w->inactive_ns > 0 && w->last_row_ns + w->inactive_ns < at_ns) {
        at_ns = w->last_row_ns + w->inactive_ns;
    }
    if (at_ns != WSL_NEVER && ctx->wake_at != NULL) {
        ctx->wake_at(ctx, at_ns);
    }
}

/* A hidden name that nobody has. */
static wsl_status create_part(wsl_file_writer *w, wsl_sink_ctx *ctx, wsl_error *err)
{
    for (;;) {
        char name[WSL_PART_NAME_MAX];
        wsl_part_name_hidden(&w->parts.owner, w->parts.next_number++, w->suffix, name);
        char *path = wsl_asprintf("%s/%s", w->dir, name);
        const wsl_status s = ctx->fs->open(ctx->fs, path, WSL_OPEN_CREATE, &w->file, err);
        if (s == WSL_OK) {
            w->path = path;
            w->name = wsl_strdup(name);
            w->parts.new_names = true;
            return WSL_OK;
        }
        free(path);
        if (s != WSL_EXISTS) {
            return s;
        }
    }
}

static wsl_status open_plain_part(wsl_file_writer *w, wsl_sink_ctx *ctx, wsl_error *err)
{
    w->path = wsl_asprintf("%s/.part-%" PRIu32 "-%" PRIu64 "%s.inprogress-%.8s", w->dir, ctx->subtask, w->next_number,
                           w->suffix, ctx->job_id != NULL ? ctx->job_id : "");
    const wsl_status s = ctx->fs->open(ctx->fs, w->path, WSL_OPEN_TRUNCATE, &w->file, err);
    if (s != WSL_OK) {
        free(WSL_TAKE(w->path));
    }
    return s;
}

wsl_status wsl_file_writer_open_part(wsl_file_writer *w, wsl_sink_ctx *ctx, wsl_error *err)
{
    WSL_TRY(ctx->checkpoints ? create_part(w, ctx, err) : open_plain_part(w, ctx, err));
    w->written = w->synced = 0;
    w->in_checkpoint = false;
    w->opened_ns = w->last_row_ns = wsl_now_ns(ctx->clock);
    arm(w, ctx);
    return WSL_OK;
}

/* The first free visible name from next_number on. */
static wsl_status final_name(wsl_file_writer *w, wsl_sink_ctx *ctx, char **out_path, wsl_error *err)
{
    for (;;) {
        char *path =
            wsl_asprintf("%s/part-%" PRIu32 "-%" PRIu64 "%s", w->dir, ctx->subtask, w->next_number++, w->suffix);
        wsl_file_info info;
        const wsl_status s = ctx->fs->stat(ctx->fs, path, &info, err);
        if (s == WSL_NOT_FOUND) {
            *out_path = path;
            return WSL_OK;
        }
        free(path);
        WSL_TRY(s);
    }
}

/* Makes the open part visible: whole, on disk, under its name. An empty one goes away. */
static wsl_status publish(wsl_file_writer *w, wsl_sink_ctx *ctx, wsl_error *err)
{
    wsl_status s = w->written > 0 ? w->file->sync(w->file, err) : WSL_OK;
    wsl_file_free(WSL_TAKE(w->file));
    char *path = NULL;
    if (s == WSL_OK && w->written == 0) {
        s = ctx->fs->remove(ctx->fs, w->path, err);
    } else if (s == WSL_OK) {
        s = final_name(w, ctx, &path, err);
        s = s == WSL_OK ? ctx->fs->rename(ctx->fs, w->path, path, err) : s;
        s = s == WSL_OK ? ctx->fs->sync_dir(ctx->fs, w->dir, err) : s;
    }
    free(path);
    free(WSL_TAKE(w->path));
    w->written = 0;
    return s;
}

/* Closes the open part, which waits for a checkpoint then. */
wsl_status wsl_file_writer_set_aside(wsl_file_writer *w, wsl_error *err)
{
    const wsl_status s = w->synced < w->written ? w->file->sync(w->file, err) : WSL_OK;
    if (s != WSL_OK) {
        return s;
    }
    wsl_file_free(WSL_TAKE(w->file));
    free(WSL_TAKE(w->path));
    wsl_file_parts_add(&w->parts, WSL_TAKE(w->name), w->written, w->in_checkpoint);
    w->written = 0;
    return WSL_OK;
}

wsl_status wsl_file_writer_close_part(wsl_file_writer *w, wsl_sink_ctx *ctx, wsl_error *err)
{
    return ctx->checkpoints ? wsl_file_writer_set_aside(w, err) : publish(w, ctx, err);
}

/* ---- the one file ---- */

/* A file that does not end with a line end (somebody crashed) gets one, so that our first record is one. */
static wsl_status end_last_line(wsl_file_writer *w, wsl_sink_ctx *ctx, uint64_t size, wsl_error *err)
{
    char last = '\n';
    size_t got;
    wsl_file *file = NULL;
    WSL_TRY(ctx->fs->open(ctx->fs, w->path, WSL_OPEN_READ, &file, err));
    const wsl_status s = file->read_at(file, size - 1, &last, 1, &got, err);
    wsl_file_free(file);
    if (s == WSL_OK && last != '\n') {
        wsl_strbuf_putc(&w->buffer, '\n');
    }
    return s;
}

static wsl_status make_parent(wsl_sink_ctx *ctx, const char *path, wsl_error *err)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL || slash == path) {
        return WSL_OK;
    }
    char *dir = wsl_strndup(path, (size_t)(slash - path));
    const wsl_status s = ctx->fs->make_dirs(ctx->fs, dir, err);
    free(dir);
    return s;
}

static bool was_restored(const wsl_sink_ctx *ctx)
{
    return ctx->operator_states != NULL && ctx->operator_states->restored;
}

wsl_status wsl_file_writer_open_single(wsl_file_writer *w, wsl_sink_ctx *ctx, wsl_error *err)
{
    const bool overwrite = wsl_config_bool(ctx->config, "overwrite") && !was_restored(ctx);
    w->path = wsl_strdup(w->dir);
    WSL_TRY(make_parent(ctx, w->path, err));
    WSL_TRY(ctx->fs->open(ctx->fs, w->path, overwrite ? WSL_OPEN_TRUNCATE : WSL_OPEN_APPEND, &w->file, err));
    return wsl_file_writer_begin_single(w, ctx, err);
}

wsl_status wsl_file_writer_begin_single(wsl_file_writer *w, wsl_sink_ctx *ctx, wsl_error *err)
{
    wsl_strbuf_clear(&w->buffer);
    WSL_TRY(w->file->size(w->file, &w->written, err));
    if (w->written == 0) {
        wsl_format_encode_header(ctx->format, &w->buffer);
        return WSL_OK;
    }
    return end_last_line(w, ctx, w->written, err);
}

/* ---- writing ---- */

wsl_status wsl_file_writer_write_out(wsl_file_writer *w, wsl_sink_ctx *ctx, wsl_error *err)
{
    if (w->buffer.size == 0) {
        return WSL_OK;
    }
    wsl_status s = w->file == NULL ? wsl_file_writer_open_part(w, ctx, err) : WSL_OK;
    if (s == WSL_OK && !w->single && w->written == 0) {
        wsl_strbuf head;
        wsl_strbuf_init(&head);
        wsl_format_encode_header(ctx->format, &head);
        s = head.size > 0 ? w->file->write(w->file, head.data, head.size, err) : WSL_OK;
        wsl_strbuf_fini(&head);
    }
    s = s == WSL_OK ? w->file->write(w->file, w->buffer.data, w->buffer.size, err) : s;
    uint64_t size = 0;
    s = s == WSL_OK ? w->file->size(w->file, &size, err) : s;
    if (s != WSL_OK) {
        w->failed = true;
        return wsl_file_writer_fail(w, s, err);
    }
    w->written = size;
    wsl_strbuf_clear(&w->buffer);
    return WSL_OK;
}

bool wsl_file_writer_is_full(const wsl_file_writer *w, wsl_sink_ctx *ctx)
{
    if (w->single || w->file == NULL || w->written == 0) {
        return false;
    }
    const int64_t now_ns = wsl_now_ns(ctx->clock);
    return w->written >= w->roll_size || (w->roll_ns > 0 && now_ns - w->opened_ns >= w->roll_ns) ||
           (w->inactive_ns > 0 && now_ns - w->last_row_ns >= w->inactive_ns);
}

static wsl_status roll(wsl_file_writer *w, wsl_sink_ctx *ctx, wsl_error *err)
{
    WSL_TRY(wsl_file_writer_write_out(w, ctx, err));
    if (!wsl_file_writer_is_full(w, ctx)) {
        return WSL_OK;
    }
    const wsl_status s = wsl_file_writer_close_part(w, ctx, err);
    return s == WSL_OK ? s : wsl_file_writer_fail(w, s, err);
}

/* ---- the writer ---- */

static wsl_status writer_open(void *self, wsl_sink_ctx *ctx, wsl_error *err)
{
    wsl_file_writer *w = (wsl_file_writer *)self;
    wsl_strbuf_init(&w->buffer);
    const char *path = path_option(ctx->config);
    size_t size = strlen(path);
    while (size > 1 && path[size - 1] == '/') {
        size--;
    }
    w->dir = wsl_strndup(path, size);
    const char *suffix = wsl_config_str(ctx->config, "suffix");
    w->suffix = wsl_strdup(suffix != NULL ? suffix : "");
    w->roll_size = wsl_config_size(ctx->config, "roll-size");
    w->roll_ns = wsl_config_duration_ns(ctx->config, "roll-interval");
    w->inactive_ns = wsl_config_duration_ns(ctx->config, "roll-inactivity");
    w->roll_always = wsl_config_bool(ctx->config, "roll-on-checkpoint");
    w->single = wsl_config_bool(ctx->config, "single-file");
    wsl_file_parts_init(&w->parts, ctx, w->dir);
    if (!w->single) {
        return open_dir(w, ctx, err);
    }
    if (ctx->parallelism != 1) {
        return wsl_fail(err, WSL_INVALID,
                        "file sink: single-file needs parallelism 1, this sink has %" PRIu32
                        "; set its parallelism or write to a directory",
                        ctx->parallelism);
    }
    return ctx->checkpoints ? WSL_OK : wsl_file_writer_open_single(w, ctx, err);
}

static wsl_status writer_write(void *self, wsl_sink_ctx *ctx, const wsl_row *const *rows, uint32_t n,
                               uint32_t *out_taken, wsl_error *err)
{
    wsl_file_writer *w = (wsl_file_writer *)self;
    WSL_TRY(wsl_file_writer_begin(w, ctx, err));
    w->last_row_ns = wsl_now_ns(ctx->clock);
    for (uint32_t i = 0; i < n; i++) {
        wsl_format_encode(ctx->format, rows[i], &w->buffer);
        if (w->buffer.size >= BUFFER_SIZE || (!w->single && w->written + w->buffer.size >= w->roll_size)) {
            WSL_TRY(roll(w, ctx, err));
        }
    }
    *out_taken = n;
    return wsl_file_writer_is_full(w, ctx) ? roll(w, ctx, err) : WSL_OK;
}

static wsl_status writer_flush(void *self, wsl_sink_ctx *ctx, wsl_error *err)
{
    wsl_file_writer *w = (wsl_file_writer *)self;
    WSL_TRY(roll(w, ctx, err));
    if (w->file != NULL && !w->single) {
        arm(w, ctx);
    }
    return WSL_OK;
}

static wsl_status writer_finish(void *self, wsl_sink_ctx *ctx, wsl_error *err)
{
    wsl_file_writer *w = (wsl_file_writer *)self;
    WSL_TRY(wsl_file_writer_begin(w, ctx, err));
    WSL_TRY(wsl_file_writer_write_out(w, ctx, err));
    wsl_status s = WSL_OK;
    if (w->file != NULL) {
        s = w->single         ? w->file->sync(w->file, err)
            : w->name != NULL ? wsl_file_writer_set_aside(w, err)
                              : wsl_file_writer_close_part(w, ctx, err);
    }
    w->finished = true;
    if (s == WSL_OK && !ctx->checkpoints) {
        s = wsl_file_parts_commit(&w->parts, UINT64_MAX, err);
    }
    return s == WSL_OK ? s : wsl_file_writer_fail(w, s, err);
}

/* Nobody is left to tell of errors: what cannot be kept is not. */
static void keep_what_there_is(wsl_file_writer *w, wsl_sink_ctx *ctx)
{
    if (!w->failed) {
        (void)wsl_file_writer_write_out(w, ctx, NULL);
    }
    if (w->file != NULL && w->failed) {
        (void)w->file->truncate(w->file, w->written, NULL);
    }
    if (w->file != NULL && !w->single) {
        (void)publish(w, ctx, NULL);
    }
}

static void writer_close(void *self, wsl_sink_ctx *ctx)
{
    wsl_file_writer *w = (wsl_file_writer *)self;
    if (w->dir != NULL && !ctx->checkpoints) {
        keep_what_there_is(w, ctx);
    }
    wsl_file_free(WSL_TAKE(w->file));
    if (w->name != NULL && !w->in_checkpoint) { /* no checkpoint has it */
        (void)ctx->fs->remove(ctx->fs, w->path, NULL);
    }
    wsl_file_parts_fini(&w->parts);
    free(w->name);
    free(w->path);
    free(w->dir);
    free(w->suffix);
    wsl_strbuf_fini(&w->buffer);
}

static wsl_status validate(wsl_fs *fs, const wsl_config *config, const wsl_schema *schema, wsl_error *err)
{
    (void)fs;
    WSL_TRY(wsl_format_check_writing(config, schema, err));
    const char *path = path_option(config);
    if (path == NULL || path[0] == '\0' || strlen(path) >= PATH_SIZE_MAX) {
        return wsl_fail(err, WSL_INVALID, "option path is empty or longer than %d bytes", PATH_SIZE_MAX - 1);
    }
    const char *suffix = wsl_config_str(config, "suffix");
    if (suffix != NULL && (strchr(suffix, '/') != NULL || strlen(suffix) > 32)) {
        return wsl_fail(err, WSL_INVALID, "option suffix '%s' holds a '/' or has more than 32 bytes", suffix);
    }
    if (wsl_config_bool(config, "overwrite") && !wsl_config_bool(config, "single-file")) {
        return wsl_fail(err, WSL_INVALID,
                        "overwrite = true needs single-file = true; part files are never written over");
    }
    return WSL_OK;
}

static const wsl_writer_class writer = {
    .size = sizeof(wsl_file_writer),
    .open = writer_open,
    .write = writer_write,
    .flush = writer_flush,
    .finish = writer_finish,
    .close = writer_close,
    .prepare = wsl_file_writer_prepare,
    .commit = wsl_file_writer_commit,
    .restore = wsl_file_writer_restore,
};

const wsl_sink_class wsl_file_sink = {
    .name = "file",
    .help = "Writes part files to a directory, or appends to one file.",
    .options = options,
    .has_format = true,
    .writer = &writer,
    .validate = validate,
};
