/*
 * From all acknowledgements to a complete checkpoint, and how long it stays.
 *
 *     jm_slow_publish   savepoints: move the files; write _metadata -> COMPLETED, or it fails (disk full)
 *     jm_retain         what is kept; older ones and files that nobody needs any more go
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "ckpt/storage.h"
#include "graph/pb.h"
#include "jobmanager/ckpt/coordinator_core.h"

enum { COPY_BYTES = 1 << 20 };

/* ---- publish ---- */

static wsl_status copy_file(wsl_fs *fs, const char *from, const char *to, wsl_error *err)
{
    WSL_AUTO(wsl_file) in = NULL;
    WSL_AUTO(wsl_file) out = NULL;
    WSL_TRY(fs->open(fs, from, WSL_OPEN_READ, &in, err));
    WSL_TRY(fs->open(fs, to, WSL_OPEN_TRUNCATE, &out, err));
    uint8_t *block = wsl_alloc(COPY_BYTES);
    wsl_status status = WSL_OK;
    size_t got = 1;
    for (uint64_t at = 0; status == WSL_OK && got > 0; at += got) {
        status = in->read_at(in, at, block, COPY_BYTES, &got, err);
        if (status == WSL_OK && got > 0) {
            status = out->write(out, block, got, err);
        }
    }
    free(block);
    return status == WSL_OK ? out->sync(out, err) : status;
}

/* Files of a savepoint lie in its own directory: they are moved there, or copied to another disk. */
static wsl_status move_files(jm_slow *s, wsl_error *err)
{
    for (size_t i = 0; i < s->meta->n_files; i++) {
        Wsl__Pb__StateFile *f = s->meta->files[i];
        if (f->path[0] == '\0') {
            continue;
        }
        if (strncmp(f->path, "shared/", 7) == 0) {
            return wsl_fail(err, WSL_INTERNAL, "state file '%s' is shared with checkpoints, but a savepoint stands alone",
                            f->path);
        }
        const char *name = strchr(f->path, '/') + 1;
        char *from = wsl_asprintf("%s/%s", s->dir, name);
        char *to = wsl_asprintf("%s/%s", s->target, name);
        wsl_status status = s->fs->rename(s->fs, from, to, NULL);
        if (status != WSL_OK) {
            status = copy_file(s->fs, from, to, err);
        }
        free(from);
        free(to);
        WSL_TRY(status);
        char *own = wsl_strdup(name);
        wsl_pb_set(&f->path, own);
        free(own);
    }
    return s->fs->sync_dir(s->fs, s->target, err);
}

static wsl_status publish_savepoint(jm_slow *s, wsl_error *err)
{
    WSL_TRY(wsl_ckpt_prepare(s->fs, s->target, err));
    WSL_TRY(move_files(s, err));
    WSL_TRY(wsl_ckpt_publish(s->fs, s->target, s->meta, err));
    return WSL_OK;
}

static void work_publish(void *what)
{
    jm_slow *s = what;
    if (s->target == NULL) {
        s->status = wsl_ckpt_publish(s->fs, s->dir, s->meta, &s->error);
        return;
    }
    s->status = publish_savepoint(s, &s->error);
    if (s->status != WSL_OK) {
        (void)jm_remove_tree(s->fs, s->target, NULL); /* a name of our own: nobody else's files are there */
    } else {
        (void)wsl_ckpt_discard(s->fs, s->dir, NULL); /* empty now */
    }
}

static void complete_savepoint(jm_coordinator *c, const jm_pending *p)
{
    if (p->kind == WSL__PB__CHECKPOINT_KIND__STOP_SAVEPOINT && c->stopped_with == NULL) {
        c->stopped_with = wsl_strdup(p->target);
        c->stopped_id = p->id;
        c->running = false;
    }
    if (p->asked) {
        c->job.asked_ended(c->job.arg, p->id, p->target, NULL);
    }
}

/* Older ones that still wait for acknowledgements are of no use any more. */
static void give_up_older(jm_coordinator *c, uint64_t id)
{
    for (jm_pending *p = c->pending; p != NULL && p->id < id;) {
        if (p->state == JM_CHECKPOINT_PENDING && !p->asked) {
            jm_pending_fail(c, p, false, "checkpoint %" PRIu64 " was complete before it", id);
            p = c->pending;
        } else {
            p = p->next;
        }
    }
}

static void complete_checkpoint(jm_coordinator *c, jm_slow *s, bool asked)
{
    char *dir = wsl_strdup(s->dir);
    jm_retain(c, (jm_retained){
                     .id = s->id,
                     .meta = WSL_TAKE(s->meta),
                     .base = wsl_strdup(c->dir),
                     .dir = wsl_strdup(s->dir),
                     .owned = true,
                     .in_job = true,
                 });
    if (asked) {
        c->job.asked_ended(c->job.arg, s->id, dir, NULL);
    }
    free(dir);
}

static void done_publish(jm_slow *s)
{
    jm_coordinator *c = s->c;
    jm_pending *p = jm_pending_find(c, s->id);
    WSL_ASSERT(p != NULL && p->state == JM_CHECKPOINT_PUBLISHING); /* these are not given up */
    if (s->status != WSL_OK) {
        jm_pending_fail(c, p, !c->ended, "its metadata cannot be written: %s", s->error.text);
        c->job.published(c->job.arg);
        return;
    }
    wsl_log(c->options.log, WSL_LOG_INFO, "checkpoint.completed",
            "id=%" PRIu64 " kind=%d bytes=%" PRIu64 " written=%" PRIu64 " ms=%" PRId64 " directory=%s", p->id,
            (int)p->kind, p->stats->state_bytes, p->stats->written_bytes,
            wsl_wall_ms(c->options.clock) - p->trigger_ms, s->target != NULL ? s->target : s->dir);
    jm_history_end(c, p->stats, JM_CHECKPOINT_COMPLETED, s->target != NULL ? s->target : s->dir);
    jm_pending **at = &c->pending;
    while (*at != p) {
        at = &(*at)->next;
    }
    *at = p->next;
    c->counts.in_progress--;
    c->counts.completed++;
    jm_policy_on_completed(&c->policy, wsl_now_ns(c->options.clock));
    if (!c->ended) { /* those that run; of the others nobody knows it any more. A savepoint commits nothing: whoever restores it commits */
        jm_tell_all(c, p->id, p->kind != WSL__PB__CHECKPOINT_KIND__SAVEPOINT);
    }
    if (p->kind == WSL__PB__CHECKPOINT_KIND__CHECKPOINT) {
        give_up_older(c, p->id);
        complete_checkpoint(c, s, p->asked);
    } else {
        complete_savepoint(c, p);
    }
    jm_pending_free(c, p);
    c->job.published(c->job.arg);
}

void jm_slow_publish(jm_coordinator *c, jm_pending *p)
{
    jm_slow *s = jm_slow_new(c, done_publish);
    s->id = p->id;
    s->dir = jm_chk_dir(c, p->id);
    s->target = p->target == NULL ? NULL : wsl_strdup(p->target);
    s->meta = jm_assemble(c, p);
    wsl_pb_set(&s->meta->external_pointer, s->target != NULL ? s->target : s->dir);
    jm_slow_run(c, work_publish, s);
}

/* ---- what is kept ---- */

void jm_retained_fini(jm_retained *r)
{
    if (r->meta != NULL) {
        wsl__pb__checkpoint_meta__free_unpacked(r->meta, NULL);
    }
    free(r->base);
    free(r->dir);
}

/* Shared files whose last use is before the oldest one retained. */
static void release_shared(jm_coordinator *c)
{
    uint64_t oldest = UINT64_MAX;
    for (uint32_t i = 0; i < c->n_retained; i++) {
        if (c->retained[i].in_job && c->retained[i].id < oldest) {
            oldest = c->retained[i].id;
        }
    }
    if (oldest == UINT64_MAX) {
        return;
    }
    char **paths = NULL;
    uint32_t n = 0;
    jm_registry_release(c->registry, oldest, &paths, &n);
    jm_slow_remove(c, paths, n);
}

void jm_retained_drop(jm_coordinator *c, uint32_t i)
{
    jm_retained gone = c->retained[i];
    c->n_retained--;
    memmove(&c->retained[i], &c->retained[i + 1], (c->n_retained - i) * sizeof gone);
    if (gone.owned) {
        jm_history_discarded(c, gone.id);
    }
    if (gone.owned && !gone.in_job && !gone.meta->savepoint) {
        jm_slow_discard_claimed(c, gone.dir, gone.base, WSL_TAKE(gone.meta));
    } else if (gone.owned) {
        jm_slow_discard(c, gone.dir);
    }
    jm_retained_fini(&gone);
}

void jm_retain(jm_coordinator *c, jm_retained entry)
{
    c->retained = wsl_realloc(c->retained, (c->n_retained + 1) * sizeof *c->retained);
    uint32_t at = c->n_retained++;
    for (; at > 0 && c->retained[at - 1].id > entry.id; at--) {
        c->retained[at] = c->retained[at - 1];
    }
    c->retained[at] = entry;
    if (!entry.in_job) {
        return; /* what the job begins with drops nothing */
    }
    for (size_t i = 0; i < entry.meta->n_files; i++) {
        if (jm_shared_checkpoint(entry.meta->files[i]->path) != 0) {
            jm_registry_use(c->registry, entry.meta->files[i]->path, entry.id); /* known already, but for those that were found on disk */
        }
    }
    uint32_t sound = 0;
    for (uint32_t i = c->n_retained; i-- > 0;) { /* damaged ones count for nothing, and go when they are old */
        if (sound >= c->num_retained) {
            jm_retained_drop(c, i);
        } else {
            sound += !c->retained[i].damaged;
        }
    }
    release_shared(c);
}
