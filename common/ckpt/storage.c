/*
 * storage - see storage.h.
 *
 *     prepare   make chk-N, sync its parent
 *     publish   sync chk-N (names of state files) | write .tmp, sync it | rename to _metadata | sync chk-N
 *     discard   remove _metadata | sync chk-N | remove the rest | remove chk-N
 *
 * Invariant: whenever the name _metadata is durable, so are the names and bytes of the files that it names.
 */
#include "ckpt/storage.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/vec.h"
#include "ckpt/metadata.h"
#include "ckpt/section_reader.h"

enum { TREE_DEPTH_MAX = 8 };

static const char metadata_name[] = "_metadata";

/* ---- names ---- */

/* What follows "file://" (or "file:", as Flink prints it). */
static const char *without_scheme(const char *value)
{
    if (strncmp(value, "file:///", 8) == 0) {
        return value + 7;
    }
    return strncmp(value, "file:/", 6) == 0 && value[6] != '/' ? value + 5 : value;
}

wsl_status wsl_ckpt_dir(const char *value, char **out_dir, wsl_error *err)
{
    const char *path = without_scheme(value);
    if (path[0] != '/') {
        return wsl_fail(err, WSL_INVALID, "'%.200s' is no directory of checkpoints: say file:///dir or /dir", value);
    }
    size_t size = strlen(path);
    if (size > WSL_STATE_PATH_MAX) {
        return wsl_fail(err, WSL_INVALID, "the directory '%.100s...' is longer than %d bytes", value, WSL_STATE_PATH_MAX);
    }
    while (size > 1 && path[size - 1] == '/') {
        size--;
    }
    *out_dir = wsl_strndup(path, size);
    return WSL_OK;
}

char *wsl_ckpt_job_dir(const char *dir, const wsl_id *job)
{
    char text[WSL_ID_TEXT_SIZE];
    return wsl_asprintf("%s/%s", strcmp(dir, "/") == 0 ? "" : dir, wsl_id_text(job, text));
}

char *wsl_ckpt_path(const char *job_dir, uint64_t checkpoint)
{
    return wsl_asprintf("%s/chk-%" PRIu64, job_dir, checkpoint);
}

/* The directory that holds dir. */
static char *parent_of(const char *dir)
{
    const char *slash = strrchr(dir, '/');
    if (slash == NULL) {
        return wsl_strdup(".");
    }
    return slash == dir ? wsl_strdup("/") : wsl_strndup(dir, (size_t)(slash - dir));
}

static wsl_status sync_parent(wsl_fs *fs, const char *dir, wsl_error *err)
{
    char *parent = parent_of(dir);
    const wsl_status status = fs->sync_dir(fs, parent, err);
    free(parent);
    return status;
}

/* The number of "chk-7"; 0: another name. */
static uint64_t checkpoint_of(const char *name)
{
    char text[32];
    if (strncmp(name, "chk-", 4) != 0 || strlen(name) >= sizeof text) {
        return 0;
    }
    const uint64_t id = strtoull(name + 4, NULL, 10);
    (void)snprintf(text, sizeof text, "chk-%" PRIu64, id);
    return strcmp(text, name) == 0 && id <= INT64_MAX ? id : 0;
}

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

/* ---- prepare and publish ---- */

/* Is there a file or directory of that name? */
static wsl_status look(wsl_fs *fs, const char *path, bool *out_there, wsl_error *err)
{
    wsl_file_info info;
    const wsl_status status = fs->stat(fs, path, &info, err);
    *out_there = status == WSL_OK;
    return status == WSL_NOT_FOUND ? WSL_OK : status;
}

static wsl_status has_metadata(wsl_fs *fs, const char *chk_dir, bool *out_there, wsl_error *err)
{
    char *path = wsl_asprintf("%s/%s", chk_dir, metadata_name);
    const wsl_status status = look(fs, path, out_there, err);
    free(path);
    return status;
}

wsl_status wsl_ckpt_prepare(wsl_fs *fs, const char *chk_dir, wsl_error *err)
{
    bool there = false;
    char *parent = parent_of(chk_dir);
    const wsl_status status = look(fs, parent, &there, err);
    free(parent);
    WSL_TRY(status);
    const bool new_parent = !there;

    WSL_TRY(fs->make_dirs(fs, chk_dir, err));
    WSL_TRY(has_metadata(fs, chk_dir, &there, err));
    if (there) {
        return wsl_fail(err, WSL_EXISTS, "%s holds a checkpoint already", chk_dir);
    }
    WSL_TRY(sync_parent(fs, chk_dir, err));
    if (new_parent) {
        parent = parent_of(chk_dir);
        const wsl_status synced = sync_parent(fs, parent, err);
        free(parent);
        return synced;
    }
    return WSL_OK;
}

static wsl_status write_metadata(wsl_fs *fs, const char *chk_dir, const Wsl__Pb__CheckpointMeta *meta, wsl_error *err)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    char *path = wsl_asprintf("%s/%s", chk_dir, metadata_name);
    wsl_metadata_encode(meta, &bytes, &size);
    const wsl_status status = wsl_fs_write_atomic(fs, path, bytes, size, err);
    if (status != WSL_OK) {
        (void)fs->remove(fs, path, NULL); /* it may have been renamed: what failed must not come to be */
    }
    free(bytes);
    free(path);
    return status;
}

wsl_status wsl_ckpt_publish(wsl_fs *fs, const char *chk_dir, const Wsl__Pb__CheckpointMeta *meta, wsl_error *err)
{
    bool there = false;
    wsl_error why = {0};
    if (wsl_metadata_check(meta, &why) != WSL_OK) {
        return wsl_fail(err, WSL_INTERNAL, "metadata for %s that could not be read back: %s", chk_dir, why.text);
    }
    const size_t size = wsl__pb__checkpoint_meta__get_packed_size(meta);
    if (size > WSL_METADATA_SIZE_MAX) {
        return wsl_fail(err, WSL_TOO_LARGE, "the metadata of %s would have %zu bytes; at most %d are possible", chk_dir,
                        size, WSL_METADATA_SIZE_MAX);
    }
    WSL_TRY(has_metadata(fs, chk_dir, &there, err));
    if (there) {
        return wsl_fail(err, WSL_EXISTS, "%s holds a checkpoint already", chk_dir);
    }
    WSL_TRY(fs->sync_dir(fs, chk_dir, err));
    return write_metadata(fs, chk_dir, meta, err);
}

/* ---- load ---- */

static wsl_status load_file(wsl_fs *fs, const char *path, Wsl__Pb__CheckpointMeta **out_meta, wsl_error *err)
{
    char *data = NULL;
    size_t size = 0;
    wsl_status status =
        wsl_fs_read_all(fs, path, (size_t)WSL_METADATA_SIZE_MAX + WSL_METADATA_HEADER_SIZE, &data, &size, err);
    if (status == WSL_TOO_LARGE) {
        return wsl_fail(err, WSL_CORRUPT, "%s is too large for metadata of a checkpoint", path);
    }
    if (status == WSL_NOT_FOUND) {
        return wsl_fail(err, WSL_NOT_FOUND, "there is no checkpoint: %s does not exist", path);
    }
    WSL_TRY(status);
    status = wsl_metadata_decode(data, size, path, out_meta, err);
    free(data);
    return status;
}

wsl_status wsl_ckpt_load(wsl_fs *fs, const char *path, Wsl__Pb__CheckpointMeta **out_meta, wsl_error *err)
{
    path = without_scheme(path);
    if (strcmp(last_part(path), metadata_name) == 0) {
        return load_file(fs, path, out_meta, err);
    }
    const size_t size = strlen(path);
    char *inner = wsl_asprintf("%s%s%s", path, size > 0 && path[size - 1] == '/' ? "" : "/", metadata_name);
    const wsl_status status = load_file(fs, inner, out_meta, err);
    free(inner);
    return status;
}

char *wsl_ckpt_base(const char *path, const Wsl__Pb__CheckpointMeta *meta)
{
    path = without_scheme(path);
    size_t size = strlen(path);
    while (size > 1 && path[size - 1] == '/') {
        size--;
    }
    char *dir = wsl_strndup(path, size);
    if (strcmp(last_part(dir), metadata_name) == 0) {
        char *holder = parent_of(dir);
        free(dir);
        dir = holder;
    }
    if (meta->savepoint) {
        return dir;
    }
    const char *last = last_part(dir);
    /* the parent of "." and ".." has no shorter name */
    char *base = strcmp(last, ".") == 0 || strcmp(last, "..") == 0 ? wsl_asprintf("%s/..", dir) : parent_of(dir);
    free(dir);
    return base;
}

/* ---- discard ---- */

typedef struct entry {
    char *path;
    bool is_dir;
} entry;

typedef struct entries {
    const char *dir;
    WSL_VEC(entry) list;
} entries;

static bool add_entry(void *arg, const char *name, const wsl_file_info *info)
{
    entries *all = arg;
    const entry e = {wsl_asprintf("%s/%s", all->dir, name), info->is_dir};
    wsl_vec_push(&all->list, e);
    return true;
}

static wsl_status gone_is_fine(wsl_status status) { return status == WSL_NOT_FOUND ? WSL_OK : status; }

static wsl_status remove_tree(wsl_fs *fs, const char *dir, uint32_t depth, wsl_error *err);

/* A link to a directory goes as it is, what it points at stays. */
static wsl_status remove_entry(wsl_fs *fs, const entry *e, uint32_t depth, wsl_error *err)
{
    const wsl_status status = gone_is_fine(fs->remove(fs, e->path, err));
    return status == WSL_OK || !e->is_dir ? status : remove_tree(fs, e->path, depth + 1, err);
}

static wsl_status remove_tree(wsl_fs *fs, const char *dir, uint32_t depth, wsl_error *err)
{
    entries all = {.dir = dir};
    if (depth > TREE_DEPTH_MAX) {
        return wsl_fail(err, WSL_IO, "%s is not removed: directories nest deeper than any checkpoint does", dir);
    }
    wsl_status status = gone_is_fine(fs->list(fs, dir, add_entry, &all, err));
    for (uint32_t i = 0; i < all.list.n; i++) {
        if (status == WSL_OK) {
            status = remove_entry(fs, &all.list.items[i], depth, err);
        }
        free(all.list.items[i].path);
    }
    wsl_vec_fini(&all.list);
    return status == WSL_OK ? gone_is_fine(fs->remove(fs, dir, err)) : status;
}

/* Nobody's home directory is removed because it was taken for a checkpoint. */
static wsl_status check_is_ours(wsl_fs *fs, const char *dir, wsl_error *err)
{
    Wsl__Pb__CheckpointMeta *meta = NULL;
    wsl_error why = {0};
    if (checkpoint_of(last_part(dir)) != 0) {
        return WSL_OK;
    }
    if (wsl_ckpt_load(fs, dir, &meta, &why) != WSL_OK) {
        return wsl_fail(err, WSL_INVALID, "%s is not removed, it may be something else than a checkpoint: %s", dir,
                        why.text);
    }
    wsl__pb__checkpoint_meta__free_unpacked(meta, NULL);
    return WSL_OK;
}

static wsl_status remove_metadata(wsl_fs *fs, const char *dir, wsl_error *err)
{
    char *path = wsl_asprintf("%s/%s", dir, metadata_name);
    wsl_status status = gone_is_fine(fs->remove(fs, path, err));
    free(path);
    return status == WSL_OK ? fs->sync_dir(fs, dir, err) : status;
}

wsl_status wsl_ckpt_discard(wsl_fs *fs, const char *chk_dir, wsl_error *err)
{
    bool there = false;
    WSL_TRY(look(fs, chk_dir, &there, err));
    if (!there) {
        return WSL_OK;
    }
    WSL_TRY(check_is_ours(fs, chk_dir, err));
    WSL_TRY(remove_metadata(fs, chk_dir, err));
    return remove_tree(fs, chk_dir, 1, err);
}

/* ---- list ---- */

typedef struct found {
    WSL_VEC(uint64_t) ids;
} found;

static bool add_id(void *arg, const char *name, const wsl_file_info *info)
{
    found *f = arg;
    const uint64_t id = checkpoint_of(name);
    if (info->is_dir && id != 0) {
        wsl_vec_push(&f->ids, id);
    }
    return true;
}

static int compare_ids(const void *a, const void *b)
{
    const uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return left < right ? -1 : left > right;
}

/* Those without metadata go from the list. */
static wsl_status keep_complete(wsl_fs *fs, const char *job_dir, found *f, wsl_error *err)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < f->ids.n; i++) {
        bool there = false;
        char *dir = wsl_ckpt_path(job_dir, f->ids.items[i]);
        const wsl_status status = has_metadata(fs, dir, &there, err);
        free(dir);
        WSL_TRY(status);
        if (there) {
            f->ids.items[kept++] = f->ids.items[i];
        }
    }
    f->ids.n = kept;
    return WSL_OK;
}

wsl_status wsl_ckpt_list(wsl_fs *fs, const char *job_dir, uint64_t **out_ids, uint32_t *out_n, wsl_error *err)
{
    found f = {.ids = {0}};
    wsl_status status = gone_is_fine(fs->list(fs, job_dir, add_id, &f, err));
    if (status == WSL_OK) {
        status = keep_complete(fs, job_dir, &f, err);
    }
    if (status != WSL_OK) {
        wsl_vec_fini(&f.ids);
        return status;
    }
    if (f.ids.n > 1) {
        qsort(f.ids.items, f.ids.n, sizeof *f.ids.items, compare_ids);
    }
    *out_n = f.ids.n;
    *out_ids = f.ids.items != NULL ? f.ids.items : wsl_zalloc(sizeof(uint64_t));
    return WSL_OK;
}

/* ---- verify ---- */

wsl_status wsl_ckpt_verify(wsl_fs *fs, const char *job_dir, const Wsl__Pb__CheckpointMeta *meta, wsl_error *err)
{
    for (size_t i = 0; i < meta->n_files; i++) {
        WSL_TRY(wsl_state_file_check(fs, job_dir, meta->files[i], err));
    }
    return WSL_OK;
}

static wsl_status verify_section(wsl_fs *fs, const char *job_dir, const Wsl__Pb__CheckpointMeta *meta,
                                 const Wsl__Pb__OperatorMeta *op, const Wsl__Pb__Section *section, wsl_error *err)
{
    static const Wsl__Pb__StateFile none = WSL__PB__STATE_FILE__INIT; /* of a section without bytes */
    WSL_AUTO(wsl_section_reader) reader = NULL;
    const Wsl__Pb__StateFile *file = section->length > 0 ? meta->files[section->file] : &none;
    Wsl__Pb__Section known = *section; /* a view: only the number is ours */
    const wsl_record *record = NULL;
    uint32_t group = 0;
    wsl_status status = WSL_OK;

    known.max_parallelism = op->max_parallelism;
    WSL_TRY(wsl_section_reader_new(fs, job_dir, file, &known, &reader, err));
    while (status == WSL_OK) {
        status = wsl_section_reader_next(reader, &record, &group, err);
    }
    return status == WSL_END ? WSL_OK : status;
}

static wsl_status verify_operator(wsl_fs *fs, const char *job_dir, const Wsl__Pb__CheckpointMeta *meta,
                                  const Wsl__Pb__OperatorMeta *op, wsl_error *err)
{
    for (size_t i = 0; i < op->n_subtasks; i++) {
        for (size_t k = 0; k < op->subtasks[i]->n_sections; k++) {
            const wsl_status status = verify_section(fs, job_dir, meta, op, op->subtasks[i]->sections[k], err);
            if (status != WSL_OK) {
                return wsl_fail_prefix(err, status, "state '%.100s' of operator '%.100s' (uid '%.100s'), subtask %zu",
                                       op->subtasks[i]->sections[k]->name, op->name, op->uid, i);
            }
        }
    }
    return WSL_OK;
}

wsl_status wsl_ckpt_verify_records(wsl_fs *fs, const char *job_dir, const Wsl__Pb__CheckpointMeta *meta, wsl_error *err)
{
    WSL_TRY(wsl_ckpt_verify(fs, job_dir, meta, err));
    for (size_t i = 0; i < meta->n_operators; i++) {
        WSL_TRY(verify_operator(fs, job_dir, meta, meta->operators[i], err));
    }
    return WSL_OK;
}
