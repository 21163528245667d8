/* What a job begins with: its own directory after the JobManager came back, a path, or the newest one of that name. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "ckpt/deal_out.h"
#include "ckpt/metadata.h"
#include "ckpt/storage.h"
#include "jobmanager/ckpt/coordinator_core.h"

/* The directory that holds `path`; malloc'ed. */
static char *parent_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL || slash == path ? wsl_strdup("/") : wsl_strndup(path, (size_t)(slash - path));
}

/* ---- our own directory ---- */

static bool note_id(void *arg, const char *name, const wsl_file_info *info)
{
    uint64_t *last = arg, id;
    (void)info;
    if (sscanf(name, "chk-%" SCNu64, &id) == 1 && id > *last) {
        *last = id;
    }
    return true;
}

wsl_status jm_begin_scan(jm_coordinator *c, wsl_error *err)
{
    wsl_fs *fs = c->options.fs;
    wsl_file_info info;
    if (c->dir[0] == '\0' || fs->stat(fs, c->dir, &info, NULL) != WSL_OK) {
        return WSL_OK;
    }
    uint64_t *ids = NULL;
    uint32_t n = 0;
    WSL_TRY(fs->list(fs, c->dir, note_id, &c->last_id, err));
    WSL_TRY(wsl_ckpt_list(fs, c->dir, &ids, &n, err));
    /* The newest that are sound; damaged ones count for nothing, but whoever has nothing else must not begin empty. */
    for (uint32_t i = n, sound = 0; i-- > 0 && sound < c->num_retained;) {
        jm_retained r = {.id = ids[i], .dir = jm_chk_dir(c, ids[i]), .owned = true, .in_job = true};
        wsl_error why = {0};
        if (wsl_ckpt_load(fs, r.dir, &r.meta, &why) != WSL_OK) {
            wsl_log(c->options.log, WSL_LOG_ERROR, "checkpoint.damaged", "id=%" PRIu64 " directory=%s reason=%s", r.id,
                    r.dir, why.text);
            free(r.dir);
            c->unreadable++;
            continue;
        }
        sound++;
        r.base = wsl_strdup(c->dir);
        jm_retain(c, r);
    }
    free(ids);
    return WSL_OK;
}

/* ---- a path ---- */

wsl_status jm_coordinator_begin_with(jm_coordinator *c, const char *path, bool claim, bool allow_non_restored,
                                     wsl_error *err)
{
    char *dir = NULL;
    Wsl__Pb__CheckpointMeta *meta = NULL;
    WSL_TRY(wsl_ckpt_dir(path, &dir, err));
    const size_t size = strlen(dir);
    if (size > 10 && strcmp(dir + size - 10, "/_metadata") == 0) {
        dir[size - 10] = '\0';
    }
    wsl_status status = wsl_ckpt_load(c->options.fs, dir, &meta, err);
    if (status != WSL_OK) {
        status = wsl_fail_prefix(err, status, "cannot begin with '%s'", path);
    } else {
        wsl_deal_out_adopt(meta, c->options.plan);
        status = wsl_deal_out_check(meta, c->options.plan, allow_non_restored, err);
        if (status != WSL_OK) {
            status = wsl_fail_prefix(err, status, "the job cannot begin with '%s'", path);
        }
    }
    if (status != WSL_OK) {
        if (meta != NULL) {
            wsl__pb__checkpoint_meta__free_unpacked(meta, NULL);
        }
        free(dir);
        return status;
    }
    c->last_id = meta->checkpoint > c->last_id ? meta->checkpoint : c->last_id;
    jm_retain(c, (jm_retained){
                     .id = meta->checkpoint,
                     .meta = meta,
                     .base = meta->savepoint ? wsl_strdup(dir) : parent_of(dir),
                     .dir = dir,
                     .owned = claim,
                 });
    return WSL_OK;
}

bool jm_coordinator_began_with(const jm_coordinator *c, const char *dir)
{
    for (uint32_t i = 0; i < c->n_retained; i++) {
        if (!c->retained[i].in_job && strcmp(c->retained[i].dir, dir) == 0) {
            return !c->ended;
        }
    }
    return false;
}

/* ---- the newest of a name ---- */

typedef struct hunt {
    jm_coordinator *c;
    char *base;
    bool (*lives)(void *arg, const char *job);
    void *arg;
    char *best;
    int64_t best_ms;
    bool lives_one; /* one of that name still runs */
} hunt;

/* The newest complete checkpoint of that job's directory, if the job has our name. */
static void look_into(hunt *h, const char *job)
{
    wsl_fs *fs = h->c->options.fs;
    char *dir = wsl_asprintf("%s/%s", h->base, job);
    uint64_t *ids = NULL;
    uint32_t n = 0;
    bool found = false;
    if (wsl_ckpt_list(fs, dir, &ids, &n, NULL) == WSL_OK) {
        while (n > 0 && !found) {
            Wsl__Pb__CheckpointMeta *meta = NULL;
            wsl_error why = {0};
            char *path = wsl_ckpt_path(dir, ids[--n]);
            if (wsl_ckpt_load(fs, path, &meta, &why) != WSL_OK) {
                wsl_log(h->c->options.log, WSL_LOG_ERROR, "checkpoint.damaged", "directory=%s reason=%s", path, why.text);
                free(path);
                continue;
            }
            found = true;
            const bool ours = strcmp(meta->job_name, h->c->options.job_name) == 0;
            const bool lives = ours && h->lives(h->arg, job);
            h->lives_one |= lives;
            if (ours && !lives && (h->best == NULL || meta->complete_ms > h->best_ms)) {
                free(h->best);
                h->best = WSL_TAKE(path);
                h->best_ms = meta->complete_ms;
            }
            wsl__pb__checkpoint_meta__free_unpacked(meta, NULL);
            free(path);
        }
    }
    free(ids);
    free(dir);
}

static bool hunt_in(void *arg, const char *name, const wsl_file_info *info)
{
    wsl_id id;
    if (info->is_dir && wsl_id_parse(name, &id)) {
        look_into(arg, name);
    }
    return true;
}

wsl_status jm_coordinator_find_latest(jm_coordinator *c, bool (*lives)(void *arg, const char *job), void *arg,
                                      char **out_path, wsl_error *err)
{
    if (c->dir[0] == '\0') {
        return wsl_fail(err, WSL_INVALID, "there is no checkpoint directory to look for the latest checkpoint in: set "
                                          "execution.checkpointing.dir");
    }
    hunt h = {.c = c, .base = parent_of(c->dir), .lives = lives, .arg = arg};
    wsl_fs *fs = c->options.fs;
    const wsl_status status = fs->list(fs, h.base, hunt_in, &h, err);
    if (h.best == NULL && (status == WSL_OK || status == WSL_NOT_FOUND)) {
        (void)wsl_fail(err, WSL_NOT_FOUND, "there is no complete checkpoint of an ended job '%s' in '%s'%s",
                       c->options.job_name, h.base,
                       h.lives_one ? "; one of that name still runs" : "; run it without resuming to begin empty");
        free(h.base);
        return WSL_NOT_FOUND;
    }
    free(h.base);
    if (status != WSL_OK) {
        free(h.best);
        return status;
    }
    *out_path = h.best;
    return WSL_OK;
}
