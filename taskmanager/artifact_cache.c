/*
 * artifact_cache - see artifact_cache.h.
 *
 * Invariant: a file <dir>/<hash>.so has exactly the content with that hash (it is written under another name and renamed).
 */
#include "taskmanager/artifact_cache.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/id.h"
#include "net/control.h"

typedef struct artifact {
    struct artifact *next;
    char hash[WSL_ID_TEXT_SIZE];
    wsl_plugin *plugin;
    uint32_t references;
    bool fetching;
    uint8_t *bytes; /* what has come so far */
    uint64_t have, total;
    wsl_error error; /* status != OK: cannot be had */
} artifact;

struct tm_artifact_cache {
    wsl_fs *fs;
    char *dir;
    wsl_status (*request)(void *arg, const char *hash, uint64_t offset);
    void *arg;
    artifact *first;
};

tm_artifact_cache *tm_artifact_cache_new(wsl_fs *fs, const char *dir,
                                         wsl_status (*request)(void *arg, const char *hash, uint64_t offset),
                                         void *arg)
{
    tm_artifact_cache *c = wsl_zalloc(sizeof *c);
    c->fs = fs;
    c->dir = wsl_strdup(dir);
    c->request = request;
    c->arg = arg;
    return c;
}

static char *path_of(const tm_artifact_cache *c, const char *hash)
{
    return wsl_asprintf("%s/%s.so", c->dir, hash);
}

/* Unlinks and frees the artifact at *at; its file goes with it. */
static void drop(tm_artifact_cache *c, artifact **at)
{
    artifact *a = *at;
    *at = a->next;
    wsl_plugin_free(a->plugin);
    free(a->bytes);
    char *path = path_of(c, a->hash);
    (void)c->fs->remove(c->fs, path, NULL);
    free(path);
    free(a);
}

void tm_artifact_cache_free(tm_artifact_cache *c)
{
    if (c == NULL) {
        return;
    }
    while (c->first != NULL) {
        drop(c, &c->first);
    }
    (void)c->fs->remove(c->fs, c->dir, NULL);
    free(c->dir);
    free(c);
}

static artifact **find(tm_artifact_cache *c, const char *hash)
{
    artifact **at = &c->first;
    while (*at != NULL && strcmp((*at)->hash, hash) != 0) {
        at = &(*at)->next;
    }
    return at;
}

static void ask(tm_artifact_cache *c, artifact *a)
{
    a->fetching = c->request(c->arg, a->hash, a->have) == WSL_OK;
}

wsl_status tm_artifact_cache_get(tm_artifact_cache *c, const char *hash, wsl_plugin **out_plugin, wsl_error *err)
{
    wsl_id id;
    if (!wsl_id_parse(hash, &id)) {
        return wsl_fail(err, WSL_FORMAT, "'%s' is not the hash of an artifact", hash);
    }
    artifact **at = find(c, hash);
    artifact *a = *at;
    if (a == NULL) {
        a = wsl_zalloc(sizeof *a);
        (void)wsl_id_text(&id, a->hash);
        a->next = c->first;
        c->first = a;
        at = &c->first;
    }
    if (a->error.status != WSL_OK) {
        *err = a->error;
        drop(c, at); /* the next job may try again */
        return err->status;
    }
    if (a->plugin == NULL) {
        if (!a->fetching) {
            ask(c, a);
        }
        return WSL_AGAIN;
    }
    a->references++;
    *out_plugin = a->plugin;
    return WSL_OK;
}

void tm_artifact_cache_release(tm_artifact_cache *c, const wsl_plugin *plugin)
{
    for (artifact **at = &c->first; plugin != NULL && *at != NULL; at = &(*at)->next) {
        if ((*at)->plugin == plugin) {
            if (--(*at)->references == 0) {
                drop(c, at);
            }
            return;
        }
    }
}

static wsl_status store_and_open(tm_artifact_cache *c, artifact *a, wsl_error *err)
{
    const wsl_id id = wsl_id_of_bytes(a->bytes, a->total);
    char text[WSL_ID_TEXT_SIZE];
    if (strcmp(wsl_id_text(&id, text), a->hash) != 0) {
        return wsl_fail(err, WSL_FORMAT, "the artifact arrived damaged: its hash is %s, not %s", text, a->hash);
    }
    char *path = path_of(c, a->hash);
    wsl_status status = c->fs->make_dirs(c->fs, c->dir, err);
    if (status == WSL_OK) {
        status = wsl_fs_write_atomic(c->fs, path, a->bytes, a->total, err);
    }
    if (status == WSL_OK) {
        status = wsl_plugin_open(c->fs, path, &a->plugin, err);
    }
    free(path);
    return status;
}

void tm_artifact_cache_on_chunk(tm_artifact_cache *c, const Wsl__Pb__ArtifactChunk *chunk)
{
    artifact *a = *find(c, chunk->hash);
    if (a == NULL || a->plugin != NULL || a->error.status != WSL_OK || chunk->offset != a->have) {
        return; /* not asked for, or asked for twice */
    }
    if (chunk->missing) {
        (void)wsl_fail(&a->error, WSL_NOT_FOUND, "the JobManager has no artifact %s", a->hash);
        return;
    }
    if (a->bytes == NULL) {
        if (chunk->total == 0 || chunk->total > WSL_PLUGIN_SIZE_MAX) {
            (void)wsl_fail(&a->error, WSL_TOO_LARGE, "artifact %s has %llu bytes; at most %d are allowed", a->hash,
                           (unsigned long long)chunk->total, WSL_PLUGIN_SIZE_MAX);
            return;
        }
        a->total = chunk->total;
        a->bytes = wsl_alloc(a->total);
    }
    if (chunk->total != a->total || chunk->data.len == 0 || chunk->data.len > a->total - a->have) {
        (void)wsl_fail(&a->error, WSL_FORMAT, "artifact %s arrived in pieces that do not fit", a->hash);
        return;
    }
    memcpy(a->bytes + a->have, chunk->data.data, chunk->data.len);
    a->have += chunk->data.len;
    if (a->have < a->total) {
        ask(c, a);
        return;
    }
    wsl_error error = {0};
    if (store_and_open(c, a, &error) != WSL_OK) {
        a->error = error;
    }
    free(a->bytes);
    a->bytes = NULL;
    a->fetching = false;
}

void tm_artifact_cache_reset(tm_artifact_cache *c)
{
    for (artifact *a = c->first; a != NULL; a = a->next) {
        free(a->bytes);
        a->bytes = NULL;
        a->have = a->total = 0;
        a->fetching = false;
    }
}
