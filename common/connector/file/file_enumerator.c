/*
 * file_enumerator.c - finds files and cuts them into splits.
 *
 * A look lists the directory, sorts what is new by (mtime, path) and hands it out in that order, so that a backlog
 * comes roughly as it was written. A file is known by its path: what is appended to it or written over it later is not
 * read. Empty files are left for a later look, in case somebody is about to write them.
 *
 * Paths already found are kept in a set. When it outgrows option remember-paths, the older half (by mtime) goes, and
 * the newest mtime among those becomes the floor: whatever is not newer counts as found. So memory is bounded, and the
 * price is that a file with an old mtime which appears very late is not seen.
 *
 * A checkpoint gets the floor and the set (found_paths.h), as pieces of at most PIECE_SIZE bytes.
 *
 * When the coordinator takes no more splits for now, the look ends early and goes on a little later.
 */
#include <stdlib.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/map.h"
#include "base/vec.h"
#include "connector/file/file_source.h"
#include "connector/file/file_split.h"
#include "connector/file/found_paths.h"
#include "format/format.h"

enum { DEPTH_MAX = 32, CONTINUE_MS = 100, LATECOMER_MS = 60000, CROWD = 10 };

typedef struct found {
    char *path;
    int64_t mtime_ns;
    uint64_t size;
} found;

typedef WSL_VEC(found) found_list;

typedef struct file_enumerator {
    char *root;
    int64_t watch_ms; /* 0: one look */
    bool create;
    bool recursive;
    uint64_t split_size; /* 0: files are not split */
    uint32_t remember;
    wsl_str_map seen; /* path -> known */
    int64_t floor_ns; /* files that are not newer were found */
    char *partial;    /* of this file the splits before partial_start were handed out; NULL: of none */
    uint64_t partial_start;
} file_enumerator;

/* What the set holds of a path. */
typedef struct known {
    int64_t mtime_ns;
} known;

static wsl_status enumerator_open(void *self, wsl_enum_ctx *ctx, wsl_error *err)
{
    (void)err;
    file_enumerator *e = (file_enumerator *)self;
    const wsl_file_path path = wsl_file_path_of(ctx->config);
    e->root = wsl_strndup(path.text, path.size);
    const int64_t watch_ns = wsl_config_duration_ns(ctx->config, "watch");
    e->watch_ms = watch_ns > 0 && watch_ns < WSL_NS_PER_MS ? 1 : watch_ns / WSL_NS_PER_MS;
    e->create = wsl_config_bool(ctx->config, "create");
    e->recursive = wsl_config_bool(ctx->config, "recursive");
    e->split_size = wsl_format_splittable(ctx->config) ? wsl_config_size(ctx->config, "split-size") : 0;
    e->remember = (uint32_t)wsl_config_int(ctx->config, "remember-paths");
    e->floor_ns = INT64_MIN;
    return WSL_OK;
}

/* ---- a look ---- */

typedef struct look {
    file_enumerator *e;
    found_list *files;
    const char *dir;
    WSL_VEC(char *) dirs; /* nested ones, to be listed next */
    bool too_long;
} look;

static bool is_new(const file_enumerator *e, const char *path, const wsl_file_info *info)
{
    return info->mtime_ns > e->floor_ns && wsl_str_map_get(&e->seen, path) == NULL;
}

static bool look_at(void *arg, const char *name, const wsl_file_info *info)
{
    look *l = (look *)arg;
    if (name[0] == '.' || name[0] == '_') {
        return true;
    }
    const bool file = info->is_regular && info->size > 0;
    const bool dir = info->is_dir && l->e->recursive;
    if (!file && !dir) {
        return true;
    }
    char *path = wsl_asprintf("%s%s%s", l->dir, l->dir[strlen(l->dir) - 1] == '/' ? "" : "/", name);
    if (strlen(path) >= WSL_FILE_PATH_MAX) {
        l->too_long = true;
        free(path);
        return false;
    }
    if (dir) {
        wsl_vec_push(&l->dirs, path);
    } else if (is_new(l->e, path, info)) {
        const found f = {path, info->mtime_ns, info->size};
        wsl_vec_push(l->files, f);
    } else {
        free(path);
    }
    return true;
}

static wsl_status list_dir(file_enumerator *e, wsl_fs *fs, const char *dir, int depth, found_list *files,
                           wsl_error *err)
{
    look l = {.e = e, .files = files, .dir = dir};
    wsl_status s = fs->list(fs, dir, look_at, &l, err);
    if (s == WSL_OK && l.too_long) {
        s = wsl_fail(err, WSL_INVALID, "a path in directory '%s' has more than %d bytes", dir, WSL_FILE_PATH_MAX - 1);
    }
    if (s == WSL_OK && l.dirs.n > 0 && depth == DEPTH_MAX) {
        s = wsl_fail(err, WSL_INVALID, "directories below '%s' are nested deeper than %d", e->root, DEPTH_MAX);
    }
    for (uint32_t i = 0; i < l.dirs.n; i++) {
        if (s == WSL_OK) {
            s = list_dir(e, fs, l.dirs.items[i], depth + 1, files, err);
            s = s == WSL_NOT_FOUND ? WSL_OK : s; /* removed meanwhile */
        }
        free(l.dirs.items[i]);
    }
    wsl_vec_fini(&l.dirs);
    return s;
}

static wsl_status find_files(file_enumerator *e, wsl_fs *fs, found_list *files, wsl_error *err)
{
    wsl_file_info info;
    WSL_TRY(fs->stat(fs, e->root, &info, err));
    if (info.is_dir) {
        return list_dir(e, fs, e->root, 0, files, err);
    }
    if (info.size > 0 && is_new(e, e->root, &info)) {
        const found f = {wsl_strdup(e->root), info.mtime_ns, info.size};
        wsl_vec_push(files, f);
    }
    return WSL_OK;
}

static int by_age(const void *a, const void *b)
{
    const found *x = (const found *)a, *y = (const found *)b;
    return x->mtime_ns != y->mtime_ns ? (x->mtime_ns < y->mtime_ns ? -1 : 1) : strcmp(x->path, y->path);
}

/* ---- splits ---- */

static wsl_status add_range(wsl_enum_ctx *ctx, const found *f, uint64_t start, uint64_t end)
{
    const wsl_file_split split = {.start = start, .end = end, .file_size = f->size, .path = f->path};
    char name[WSL_SPLIT_NAME_MAX];
    wsl_strbuf bytes;
    wsl_strbuf_init(&bytes);
    wsl_file_split_encode(&split, &bytes);
    wsl_file_split_name(&split, name);
    const wsl_split out = {.name = name, .bytes = bytes.data, .size = (uint32_t)bytes.size};
    const wsl_status s = ctx->add_split(ctx, &out);
    wsl_strbuf_fini(&bytes);
    return s;
}

/* The last range goes to the end of the file as it is then; a remainder of up to a tenth is not worth a split. */
static wsl_status add_file(file_enumerator *e, wsl_enum_ctx *ctx, const found *f)
{
    const bool again = e->partial != NULL && strcmp(e->partial, f->path) == 0 && e->partial_start < f->size;
    uint64_t start = again ? e->partial_start : 0;
    wsl_status s = WSL_OK;
    while (s == WSL_OK && e->split_size != 0 && f->size - start > e->split_size + e->split_size / 10) {
        s = add_range(ctx, f, start, start + e->split_size);
        start += s == WSL_OK ? e->split_size : 0;
    }
    s = s == WSL_OK ? add_range(ctx, f, start, WSL_FILE_SPLIT_TO_END) : s;
    free(e->partial);
    e->partial = s == WSL_OK ? NULL : wsl_strdup(f->path);
    e->partial_start = start;
    return s;
}

/* ---- the set of paths ---- */

static int by_mtime(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

/* Drops the older half and raises the floor to it. */
static void forget_old(file_enumerator *e, int64_t now_ms)
{
    const uint32_t n = wsl_str_map_size(&e->seen);
    int64_t *times = (int64_t *)wsl_calloc(n, sizeof *times);
    uint32_t at = 0, i = 0;
    while (wsl_str_map_next(&e->seen, &at)) {
        times[i++] = ((known *)wsl_str_map_value(&e->seen, at))->mtime_ns;
    }
    qsort(times, n, sizeof *times, by_mtime);
    const int64_t lately_ns = (now_ms - LATECOMER_MS) * WSL_NS_PER_MS;
    const bool crowd = n / CROWD >= e->remember;
    const int64_t floor_ns = times[n / 2] < lately_ns || crowd ? times[n / 2] : lately_ns;
    e->floor_ns = floor_ns > e->floor_ns ? floor_ns : e->floor_ns;
    free(times);
    at = 0;
    while (wsl_str_map_next(&e->seen, &at)) {
        known *k = (known *)wsl_str_map_value(&e->seen, at);
        if (k->mtime_ns <= e->floor_ns) {
            (void)wsl_str_map_remove(&e->seen, wsl_str_map_key(&e->seen, at));
            free(k);
        }
    }
}

static void remember(file_enumerator *e, const char *path, int64_t mtime_ns)
{
    known *k = (known *)wsl_alloc(sizeof *k);
    *k = (known){mtime_ns};
    free(wsl_str_map_put(&e->seen, path, k));
}

/* ---- the enumerator ---- */

static void free_files(found_list *files)
{
    for (uint32_t i = 0; i < files->n; i++) {
        free(files->items[i].path);
    }
    wsl_vec_fini(files);
}

/* WSL_AGAIN: not all could be handed over. */
static wsl_status hand_out(file_enumerator *e, wsl_enum_ctx *ctx, const found_list *files, wsl_error *err)
{
    for (uint32_t i = 0; i < files->n; i++) {
        const wsl_status s = add_file(e, ctx, &files->items[i]);
        if (s == WSL_TOO_LARGE) {
            return WSL_AGAIN;
        }
        if (s != WSL_OK) {
            return wsl_fail(err, s, "the splits of '%s' could not be handed out: %s", files->items[i].path,
                            wsl_status_text(s));
        }
        remember(e, files->items[i].path, files->items[i].mtime_ns);
    }
    return WSL_OK;
}

static wsl_status discover(void *self, wsl_enum_ctx *ctx, int64_t *out_next_ms, wsl_error *err)
{
    file_enumerator *e = (file_enumerator *)self;
    found_list files = {0};
    wsl_status s = find_files(e, ctx->fs, &files, err);
    if (s == WSL_OK) {
        if (files.n > 1) {
            qsort(files.items, files.n, sizeof *files.items, by_age);
        }
        s = hand_out(e, ctx, &files, err);
    } else if (s == WSL_NOT_FOUND && e->watch_ms > 0 && e->create) {
        s = WSL_OK;
    } else if (e->watch_ms > 0 && err != NULL) {
        err->retriable = true; /* a watched directory may come back */
    }
    free_files(&files);
    const bool all = s == WSL_OK;
    if (s == WSL_OK || s == WSL_AGAIN) {
        if (e->watch_ms > 0 && all && wsl_str_map_size(&e->seen) > e->remember) {
            forget_old(e, wsl_wall_ms(ctx->clock));
        }
        *out_next_ms = wsl_wall_ms(ctx->clock) + (all ? e->watch_ms : CONTINUE_MS);
        return all && e->watch_ms == 0 ? WSL_END : WSL_OK;
    }
    return s;
}

/* ---- checkpoints ---- */

enum { PIECE_SIZE = 48 << 10 }; /* what one path adds behind it leaves it below WSL_SPLIT_SIZE_MAX */

_Static_assert(PIECE_SIZE + WSL_FILE_PATH_MAX + 64 < WSL_SPLIT_SIZE_MAX, "a piece is a split to those who carry it");

static void save_piece(wsl_saver *save, const char *name, wsl_strbuf *bytes)
{
    const wsl_split piece = {.name = name, .bytes = bytes->data, .size = (uint32_t)bytes->size};
    save->add(save, &piece);
    wsl_strbuf_clear(bytes);
}

static void snapshot(void *self, wsl_enum_ctx *ctx, wsl_saver *save)
{
    (void)ctx;
    const file_enumerator *e = (const file_enumerator *)self;
    wsl_strbuf bytes;
    wsl_strbuf_init(&bytes);
    wsl_found_floor_encode(&(wsl_found_floor){e->floor_ns, e->partial_start, e->partial}, &bytes);
    save_piece(save, WSL_FOUND_FLOOR, &bytes);
    wsl_found_path last = {0};
    uint32_t at = 0;
    while (wsl_str_map_next(&e->seen, &at)) {
        const known *k = (const known *)wsl_str_map_value(&e->seen, at);
        const wsl_found_path path = {wsl_str_map_key(&e->seen, at), k->mtime_ns};
        wsl_found_path_encode(&path, bytes.size == 0 ? NULL : &last, &bytes);
        last = path;
        if (bytes.size >= PIECE_SIZE) {
            save_piece(save, WSL_FOUND_PATHS, &bytes);
        }
    }
    if (bytes.size > 0) {
        save_piece(save, WSL_FOUND_PATHS, &bytes);
    }
    wsl_strbuf_fini(&bytes);
}

static void restore_path(void *arg, const wsl_found_path *path)
{
    remember((file_enumerator *)arg, path->path, path->mtime_ns);
}

static wsl_status restore(void *self, wsl_enum_ctx *ctx, const wsl_split *pieces, uint32_t n, wsl_error *err)
{
    (void)ctx;
    file_enumerator *e = (file_enumerator *)self;
    for (uint32_t i = 0; i < n; i++) {
        if (strcmp(pieces[i].name, WSL_FOUND_PATHS) == 0) {
            WSL_TRY(wsl_found_paths_decode(pieces[i].bytes, pieces[i].size, restore_path, e, err));
            continue;
        }
        if (strcmp(pieces[i].name, WSL_FOUND_FLOOR) != 0) {
            return wsl_fail(err, WSL_FORMAT, "the file source knows no piece '%s' of its state", pieces[i].name);
        }
        wsl_found_floor floor;
        WSL_TRY(wsl_found_floor_decode(pieces[i].bytes, pieces[i].size, &floor, err));
        e->floor_ns = floor.floor_ns;
        e->partial_start = floor.partial_start;
        free(e->partial);
        e->partial = floor.partial;
    }
    return WSL_OK;
}

static void enumerator_close(void *self)
{
    file_enumerator *e = (file_enumerator *)self;
    uint32_t at = 0;
    while (wsl_str_map_next(&e->seen, &at)) {
        free(wsl_str_map_value(&e->seen, at));
    }
    wsl_str_map_fini(&e->seen);
    free(e->root);
    free(e->partial);
}

const wsl_enumerator_class wsl_file_enumerator = {
    .size = sizeof(file_enumerator),
    .open = enumerator_open,
    .discover = discover,
    .close = enumerator_close,
    .snapshot = snapshot,
    .restore = restore,
};
