/*
 * From all acknowledgements to a complete checkpoint, and from there to the bin: metadata, retention, files.
 *
 *     jm_slow_prepare   make chk-N                          -> jm_pending_prepared, or it fails
 *     jm_slow_publish   savepoints: move the files; write _metadata -> COMPLETED, or it fails (disk full)
 *     jm_slow_discard   remove a checkpoint's directory
 *     jm_slow_sweep     remove what attempts left behind; after the job, all of it
 *
 * The order of slow work is kept, so a directory that is made and one that is cleared do not meet.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/vec.h"
#include "ckpt/storage.h"
#include "graph/pb.h"
#include "jobmanager/ckpt/coordinator_core.h"

enum { TREE_DEPTH_MAX = 8, COPY_BYTES = 1 << 20 };

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

static jm_slow *slow_new(jm_coordinator *c, void (*done)(jm_slow *s))
{
    jm_slow *s = wsl_zalloc(sizeof *s);
    s->c = c;
    s->done = done;
    s->fs = c->options.fs;
    s->next = c->slow;
    c->slow = s;
    return s;
}

static void run(jm_coordinator *c, void (*work)(void *), jm_slow *s)
{
    c->job.run_slow(c->job.arg, work, on_done, s);
}

/* Something that is only untidy when it fails. */
static void say_untidy(jm_slow *s)
{
    if (s->status != WSL_OK) {
        wsl_log(s->c->options.log, WSL_LOG_WARN, "checkpoint.not_removed", "directory=%s reason=%s", s->dir, s->error.text);
    }
}

/* ---- prepare ---- */

static void work_prepare(void *what)
{
    jm_slow *s = what;
    s->status = wsl_ckpt_prepare(s->fs, s->dir, &s->error);
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
    jm_slow *s = slow_new(c, done_prepare);
    s->id = p->id;
    s->dir = jm_chk_dir(c, p->id);
    run(c, work_prepare, s);
}

/* ---- metadata ---- */

/* True: below `prefix`, and no step of the path leads up. */
static bool is_inside(const char *path, const char *prefix)
{
    const size_t n = strlen(prefix);
    return strncmp(path, prefix, n) == 0 && path[n] != '\0' && strstr(path, "..") == NULL && strstr(path, "//") == NULL;
}

bool jm_snapshot_paths_ok(const Wsl__Pb__TaskSnapshot *s, uint64_t checkpoint)
{
    char own[32];
    (void)snprintf(own, sizeof own, "chk-%" PRIu64 "/", checkpoint);
    for (size_t i = 0; i < s->n_files; i++) {
        const char *path = s->files[i]->path;
        if (path[0] != '\0' && !is_inside(path, own) && !is_inside(path, "shared/")) {
            return false;
        }
    }
    return true;
}

static Wsl__Pb__OperatorMeta *operator_meta(const jm_coordinator *c, uint32_t op)
{
    const wsl_job_plan *plan = c->options.plan;
    const Wsl__Pb__Operator *desc = plan->graph->operators[op];
    Wsl__Pb__OperatorMeta *m = wsl_alloc(sizeof *m);
    wsl__pb__operator_meta__init(m);
    wsl_pb_set(&m->uid, desc->uid);
    wsl_pb_set(&m->name, desc->name);
    wsl_pb_set(&m->kind, desc->kind);
    m->parallelism = desc->parallelism;
    m->max_parallelism = plan->vertices[plan->vertex_of[op]].max_parallelism;
    return m;
}

/* A state without sections. */
static Wsl__Pb__OperatorState *empty_state(uint32_t op, uint32_t subtask, bool finished)
{
    Wsl__Pb__OperatorState *state = wsl_alloc(sizeof *state);
    wsl__pb__operator_state__init(state);
    state->operator_ = op;
    state->subtask = subtask;
    state->watermark = INT64_MIN;
    state->finished = finished;
    return state;
}

/* Takes the operator's state out of the snapshot; NULL: it has none there. */
static Wsl__Pb__OperatorState *take_state(Wsl__Pb__TaskSnapshot *snapshot, uint32_t op)
{
    for (size_t i = 0; i < snapshot->n_operators; i++) {
        if (snapshot->operators[i]->operator_ == op) {
            Wsl__Pb__OperatorState *state = snapshot->operators[i];
            snapshot->operators[i] = snapshot->operators[--snapshot->n_operators];
            return state;
        }
    }
    return NULL;
}

/* Every operator of the task gets a state, in order of subtasks. snapshot (taken) NULL: the task had finished. */
static void add_task(jm_coordinator *c, Wsl__Pb__CheckpointMeta *meta, uint32_t v, uint32_t subtask,
                     Wsl__Pb__TaskSnapshot *snapshot)
{
    const wsl_vertex *vertex = &c->options.plan->vertices[v];
    const uint32_t first_file = (uint32_t)meta->n_files;
    for (size_t i = 0; snapshot != NULL && i < snapshot->n_files; i++) {
        meta->state_bytes += snapshot->files[i]->size;
        *WSL_PB_APPEND(meta->files, meta->n_files) = snapshot->files[i];
    }
    for (uint32_t k = 0; k < vertex->n_operators; k++) {
        const uint32_t op = vertex->operators[k];
        Wsl__Pb__OperatorState *state = snapshot == NULL ? NULL : take_state(snapshot, op);
        if (state == NULL) {
            state = empty_state(op, subtask, snapshot == NULL);
        }
        wsl_pb_set(&state->uid, c->options.plan->graph->operators[op]->uid);
        for (size_t i = 0; i < state->n_sections; i++) {
            state->sections[i]->file += first_file;
        }
        Wsl__Pb__OperatorMeta *m = meta->operators[op];
        *WSL_PB_APPEND(m->subtasks, m->n_subtasks) = state;
    }
    if (snapshot != NULL) {
        snapshot->n_files = 0; /* they are the metadata's */
        wsl__pb__task_snapshot__free_unpacked(snapshot, NULL);
    }
}

/* Does anything of it have to be remembered? */
static bool has_something(const Wsl__Pb__OperatorMeta *m)
{
    for (size_t i = 0; i < m->n_subtasks; i++) {
        const Wsl__Pb__OperatorState *s = m->subtasks[i];
        if (s->n_sections > 0 || s->finished || s->watermark != INT64_MIN) {
            return true;
        }
    }
    return m->has_enumerator;
}

static void drop_empty(Wsl__Pb__CheckpointMeta *meta)
{
    size_t kept = 0;
    for (size_t i = 0; i < meta->n_operators; i++) {
        if (has_something(meta->operators[i])) {
            meta->operators[kept++] = meta->operators[i];
        } else {
            wsl__pb__operator_meta__free_unpacked(meta->operators[i], NULL);
        }
    }
    meta->n_operators = kept;
}

static Wsl__Pb__CheckpointMeta *assemble(jm_coordinator *c, jm_pending *p)
{
    const wsl_job_plan *plan = c->options.plan;
    Wsl__Pb__CheckpointMeta *meta = wsl_alloc(sizeof *meta);
    wsl__pb__checkpoint_meta__init(meta);
    meta->checkpoint = p->id;
    meta->job.data = wsl_alloc(sizeof c->options.job.bytes);
    meta->job.len = sizeof c->options.job.bytes;
    memcpy(meta->job.data, c->options.job.bytes, meta->job.len);
    wsl_pb_set(&meta->job_name, c->options.job_name);
    meta->trigger_ms = p->trigger_ms;
    meta->complete_ms = wsl_wall_ms(c->options.clock);
    meta->savepoint = p->kind != WSL__PB__CHECKPOINT_KIND__CHECKPOINT;
    for (uint32_t op = 0; op < plan->graph->n_operators; op++) {
        Wsl__Pb__OperatorMeta *m = operator_meta(c, op);
        if (p->enumerators[op].data != NULL) {
            m->enumerator = p->enumerators[op];
            m->has_enumerator = true;
            p->enumerators[op] = (ProtobufCBinaryData){0};
        }
        *WSL_PB_APPEND(meta->operators, meta->n_operators) = m;
    }
    for (uint32_t v = 0; v < plan->n_vertices; v++) {
        for (uint32_t i = 0; i < plan->vertices[v].parallelism; i++) {
            add_task(c, meta, v, i, WSL_TAKE(p->tasks[jm_task_index(c, v, i)].snapshot));
        }
    }
    drop_empty(meta);
    meta->graph = (Wsl__Pb__JobGraph *)wsl_pb_copy(&plan->graph->base);
    return meta;
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
        (void)remove_tree(s->fs, s->target, TREE_DEPTH_MAX, NULL); /* a name of our own: nobody else's files are there */
    } else {
        (void)wsl_ckpt_discard(s->fs, s->dir, NULL); /* empty now */
    }
}

static void complete_savepoint(jm_coordinator *c, const jm_pending *p)
{
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
    jm_slow *s = slow_new(c, done_publish);
    s->id = p->id;
    s->dir = jm_chk_dir(c, p->id);
    s->target = p->target == NULL ? NULL : wsl_strdup(p->target);
    s->meta = assemble(c, p);
    wsl_pb_set(&s->meta->external_pointer, s->target != NULL ? s->target : s->dir);
    run(c, work_publish, s);
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
    jm_slow *s = slow_new(c, say_untidy);
    s->dir = wsl_strdup(dir);
    run(c, work_remove, s);
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
    jm_slow *s = slow_new(c, say_untidy);
    jm_registry_release(c->registry, oldest, &s->paths, &s->n_paths);
    for (uint32_t i = 0; i < s->n_paths; i++) {
        char *path = wsl_asprintf("%s/%s", c->dir, s->paths[i]);
        free(s->paths[i]);
        s->paths[i] = path;
    }
    if (s->n_paths == 0) {
        unlink_slow(c, s);
        slow_free(s);
        return;
    }
    run(c, work_remove, s);
}

void jm_retained_drop(jm_coordinator *c, uint32_t i)
{
    jm_retained gone = c->retained[i];
    c->n_retained--;
    memmove(&c->retained[i], &c->retained[i + 1], (c->n_retained - i) * sizeof gone);
    if (gone.owned) {
        jm_history_discarded(c, gone.id);
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

static void work_sweep(void *what)
{
    jm_slow *s = what;
    if (s->whole) {
        s->status = remove_tree(s->fs, s->dir, TREE_DEPTH_MAX, &s->error);
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
}

void jm_slow_sweep(jm_coordinator *c, bool whole)
{
    jm_slow *s = slow_new(c, say_untidy);
    uint32_t n = c->n_retained;
    for (const jm_pending *p = c->pending; p != NULL; p = p->next) {
        n++;
    }
    s->dir = wsl_strdup(c->dir);
    s->id = c->last_id;
    s->whole = whole;
    s->keep = wsl_calloc(n + 1, sizeof *s->keep);
    for (uint32_t i = 0; i < c->n_retained; i++) {
        if (c->retained[i].in_job) {
            s->keep[s->n_keep++] = c->retained[i].id;
        }
    }
    for (const jm_pending *p = c->pending; p != NULL; p = p->next) {
        s->keep[s->n_keep++] = p->id;
    }
    run(c, work_sweep, s);
}
