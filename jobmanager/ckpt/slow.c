/*
 * Work on the disk that makes room or cleans up, in order: a directory that is made and one that is cleared do not meet.
 *
 *     jm_slow_prepare   make chk-N                          -> jm_pending_prepared, or it fails
 *     jm_slow_discard   remove a checkpoint's directory
 *     jm_slow_remove    remove files
 *     jm_slow_sweep     remove what attempts left behind; after the job, all of it
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/vec.h"
#include "ckpt/storage.h"
#include "jobmanager/ckpt/coordinator_core.h"

enum { TREE_DEPTH_MAX = 8 };

char *jm_chk_dir(const jm_coordinator *c, uint64_t id) { return wsl_ckpt_path(c->dir, id); }

/* ---- slow work ---- */

static void slow_free(jm_slow *s)
{
    if (s->meta != NULL) {
        wsl__pb__checkpoint_meta__free_unpacked(s->meta, NULL);
    }
    for (uint32_t i = 0; i < s->n_paths; i++) {
        free(s->paths[i]);
    }
    free(s->paths);
    free(s->keep);
    free(s->dir);
    free(s->target);
    free(s);
}

static void unlink_slow(jm_coordinator *c, const jm_slow *s)
{
    jm_slow **at = &c->slow;
    while (*at != s) {
        at = &(*at)->next;
    }
    *at = s->next;
}

static void on_done(void *what)
{
    jm_slow *s = what;
    if (s->c != NULL) {
        unlink_slow(s->c, s);
        if (s->done != NULL) {
            s->done(s);
        }
    }
    slow_free(s);
}

jm_slow *jm_slow_new(jm_coordinator *c, void (*done)(jm_slow *s))
{
    jm_slow *s = wsl_zalloc(sizeof *s);
    s->c = c;
    s->done = done;
    s->fs = c->options.fs;
    s->next = c->slow;
    c->slow = s;
    return s;
}

void jm_slow_run(jm_coordinator *c, void (*work)(void *), jm_slow *s)
{
    c->job.run_slow(c->job.arg, work, on_done, s);
}

/* Something that is only untidy when it fails. */
void jm_slow_say_untidy(jm_slow *s)
{
    if (s->status != WSL_OK) {
        wsl_log(s->c->options.log, WSL_LOG_WARN, "checkpoint.not_removed", "directory=%s reason=%s",
                s->dir != NULL ? s->dir : s->c->dir, s->error.text);
    }
}

/* ---- prepare ---- */

/* chk-N, and once shared/ beside it. */
static void work_prepare(void *what)
{
    jm_slow *s = what;
    s->status = wsl_ckpt_prepare(s->fs, s->dir, &s->error);
    if (s->status == WSL_OK && s->target != NULL) {
        char *shared = wsl_asprintf("%s/shared", s->target);
        wsl_file_info info;
        if (s->fs->stat(s->fs, shared, &info, NULL) != WSL_OK) {
            s->status = s->fs->make_dirs(s->fs, shared, &s->error);
            s->status = s->status == WSL_OK ? s->fs->sync_dir(s->fs, s->target, &s->error) : s->status;
        }
        free(shared);
    }
}

static void done_prepare(jm_slow *s)
{
    jm_pending *p = jm_pending_find(s->c, s->id);
    if (p == NULL) {
        return; /* given up; its directory is being removed */
    }
    if (s->status != WSL_OK) {
        jm_pending_fail(s->c, p, true, "its directory cannot be made: %s", s->error.text);
    } else {
        jm_pending_prepared(s->c, p);
    }
}

void jm_slow_prepare(jm_coordinator *c, const jm_pending *p)
{
    jm_slow *s = jm_slow_new(c, done_prepare);
    s->id = p->id;
    s->dir = jm_chk_dir(c, p->id);
    if (p->kind == WSL__PB__CHECKPOINT_KIND__CHECKPOINT &&
        wsl_config_bool(c->options.config, "execution.checkpointing.incremental")) {
        s->target = wsl_strdup(c->dir);
    }
    jm_slow_run(c, work_prepare, s);
}

/* ---- trees ---- */

typedef struct names {
    WSL_VEC(char *) list;
    WSL_VEC(bool) dirs;
} names;

static bool add_name(void *arg, const char *name, const wsl_file_info *info)
{
    names *n = arg;
    char *copy = wsl_strdup(name);
    const bool dir = info->is_dir;
    wsl_vec_push(&n->list, copy);
    wsl_vec_push(&n->dirs, dir);
    return true;
}

static void names_fini(names *n)
{
    for (uint32_t i = 0; i < n->list.n; i++) {
        free(n->list.items[i]);
    }
    wsl_vec_fini(&n->list);
    wsl_vec_fini(&n->dirs);
}

static wsl_status remove_tree(wsl_fs *fs, const char *dir, uint32_t depth, wsl_error *err)
{
    names n = {0};
    wsl_status status = fs->list(fs, dir, add_name, &n, err);
    for (uint32_t i = 0; i < n.list.n && status == WSL_OK && depth > 0; i++) {
        char *path = wsl_asprintf("%s/%s", dir, n.list.items[i]);
        status = n.dirs.items[i] ? remove_tree(fs, path, depth - 1, err) : fs->remove(fs, path, err);
        status = status == WSL_NOT_FOUND ? WSL_OK : status;
        free(path);
    }
    names_fini(&n);
    status = status == WSL_OK ? fs->remove(fs, dir, err) : status;
    return status == WSL_NOT_FOUND ? WSL_OK : status;
}

wsl_status jm_remove_tree(wsl_fs *fs, const char *dir, wsl_error *err)
{
    return remove_tree(fs, dir, TREE_DEPTH_MAX, err);
}

/* ---- remove ---- */

static void work_remove(void *what)
{
    jm_slow *s = what;
    if (s->dir != NULL) {
        s->status = wsl_ckpt_discard(s->fs, s->dir, &s->error);
    }
    for (uint32_t i = 0; i < s->n_paths; i++) {
        const wsl_status status = s->fs->remove(s->fs, s->paths[i], s->status == WSL_OK ? &s->error : NULL);
        s->status = status == WSL_OK || status == WSL_NOT_FOUND ? s->status : status;
    }
}

void jm_slow_discard(jm_coordinator *c, const char *dir)
{
    jm_slow *s = jm_slow_new(c, jm_slow_say_untidy);
    s->dir = wsl_strdup(dir);
    jm_slow_run(c, work_remove, s);
}

/* Shared files of a checkpoint that is gone, but for those that others beside it need; if what these need cannot be read, all stay. */
static void remove_its_shared(jm_slow *s)
{
    uint64_t *ids = NULL;
    uint32_t n = 0;
    WSL_AUTO(jm_registry) needed = jm_registry_new();
    s->status = wsl_ckpt_list(s->fs, s->target, &ids, &n, &s->error);
    for (uint32_t i = 0; i < n && s->status == WSL_OK; i++) {
        Wsl__Pb__CheckpointMeta *other = NULL;
        char *dir = wsl_ckpt_path(s->target, ids[i]);
        s->status = wsl_ckpt_load(s->fs, dir, &other, &s->error);
        for (size_t k = 0; other != NULL && k < other->n_files; k++) {
            jm_registry_use(needed, other->files[k]->path, 1);
        }
        if (other != NULL) {
            wsl__pb__checkpoint_meta__free_unpacked(other, NULL);
        }
        free(dir);
    }
    free(ids);
    for (size_t i = 0; i < s->meta->n_files && s->status == WSL_OK; i++) {
        const char *path = s->meta->files[i]->path;
        if (jm_shared_checkpoint(path) != 0 && !jm_registry_has(needed, path)) {
            char *full = wsl_asprintf("%s/%s", s->target, path);
            const wsl_status status = s->fs->remove(s->fs, full, &s->error);
            s->status = status == WSL_NOT_FOUND ? WSL_OK : status;
            free(full);
        }
    }
}

static void work_discard_claimed(void *what)
{
    jm_slow *s = what;
    s->status = wsl_ckpt_discard(s->fs, s->dir, &s->error);
    if (s->status == WSL_OK) {
        remove_its_shared(s);
    }
}

void jm_slow_discard_claimed(jm_coordinator *c, const char *dir, const char *base, Wsl__Pb__CheckpointMeta *meta)
{
    jm_slow *s = jm_slow_new(c, jm_slow_say_untidy);
    s->dir = wsl_strdup(dir);
    s->target = wsl_strdup(base);
    s->meta = meta;
    jm_slow_run(c, work_discard_claimed, s);
}

void jm_slow_remove(jm_coordinator *c, char **paths, uint32_t n)
{
    if (n == 0) {
        free(paths);
        return;
    }
    jm_slow *s = jm_slow_new(c, jm_slow_say_untidy);
    s->paths = paths;
    s->n_paths = n;
    for (uint32_t i = 0; i < n; i++) {
        char *path = wsl_asprintf("%s/%s", c->dir, paths[i]);
        free(paths[i]);
        paths[i] = path;
    }
    jm_slow_run(c, work_remove, s);
}

/* ---- sweep ---- */

static bool is_kept(const jm_slow *s, uint64_t id)
{
    for (uint32_t i = 0; i < s->n_keep; i++) {
        if (s->keep[i] == id) {
            return true;
        }
    }
    return false;
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Shared files that were written for checkpoints before s->before and are not among s->paths: nobody names them any more. Later
 * ones may belong to tasks that have not said so yet. */
static void sweep_shared(jm_slow *s)
{
    names n = {0};
    char *shared = wsl_asprintf("%s/shared", s->dir);
    const wsl_status listed = s->fs->list(s->fs, shared, add_name, &n, s->status == WSL_OK ? &s->error : NULL);
    s->status = s->status == WSL_OK && listed != WSL_NOT_FOUND ? listed : s->status;
    for (uint32_t i = 0; i < n.list.n; i++) {
        char *name = wsl_asprintf("shared/%s", n.list.items[i]);
        const uint64_t id = jm_shared_checkpoint(name);
        if (id != 0 && id < s->before &&
            (s->n_paths == 0 || bsearch(&name, s->paths, s->n_paths, sizeof *s->paths, compare_paths) == NULL)) {
            char *path = wsl_asprintf("%s/%s", s->dir, name);
            (void)s->fs->remove(s->fs, path, NULL);
            free(path);
        }
        free(name);
    }
    names_fini(&n);
    free(shared);
}

static void work_sweep(void *what)
{
    jm_slow *s = what;
    if (s->whole) {
        s->status = jm_remove_tree(s->fs, s->dir, &s->error);
        return;
    }
    names n = {0};
    const wsl_status listed = s->fs->list(s->fs, s->dir, add_name, &n, &s->error);
    s->status = listed == WSL_NOT_FOUND ? WSL_OK : listed;
    for (uint32_t i = 0; i < n.list.n; i++) {
        uint64_t id;
        int end = 0;
        if (sscanf(n.list.items[i], "chk-%" SCNu64 "%n", &id, &end) == 1 && n.list.items[i][end] == '\0' &&
            id <= s->id && !is_kept(s, id)) {
            char *dir = wsl_ckpt_path(s->dir, id);
            const wsl_status status = wsl_ckpt_discard(s->fs, dir, s->status == WSL_OK ? &s->error : NULL);
            s->status = s->status == WSL_OK ? status : s->status;
            free(dir);
        }
    }
    names_fini(&n);
    sweep_shared(s);
}

void jm_slow_sweep(jm_coordinator *c, bool whole)
{
    jm_slow *s = jm_slow_new(c, jm_slow_say_untidy);
    uint32_t n = c->n_retained;
    for (const jm_pending *p = c->pending; p != NULL; p = p->next) {
        n++;
    }
    s->dir = wsl_strdup(c->dir);
    s->id = c->last_id;
    s->whole = whole;
    s->keep = wsl_calloc(n + 1, sizeof *s->keep);
    for (uint32_t i = c->n_retained; i-- > 0;) {
        if (c->retained[i].in_job) {
            s->keep[s->n_keep++] = c->retained[i].id;
            s->before = c->retained[i].id; /* the oldest in the end */
        }
    }
    jm_registry_paths(c->registry, &s->paths, &s->n_paths);
    for (const jm_pending *p = c->pending; p != NULL; p = p->next) {
        s->keep[s->n_keep++] = p->id;
    }
    jm_slow_run(c, work_sweep, s);
}
