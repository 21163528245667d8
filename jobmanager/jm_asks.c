/* Savepoints, stops, checkpoints and disposals that a client asks for. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "ckpt/storage.h"
#include "jobmanager/jm_core.h"

static const Wsl__Pb__CheckpointKind kinds[] = {
    [JM_ASK_CHECKPOINT] = WSL__PB__CHECKPOINT_KIND__CHECKPOINT,
    [JM_ASK_SAVEPOINT] = WSL__PB__CHECKPOINT_KIND__SAVEPOINT,
    [JM_ASK_STOP] = WSL__PB__CHECKPOINT_KIND__STOP_SAVEPOINT,
};

static const jm_operation_kind operation_kinds[] = {
    [JM_ASK_CHECKPOINT] = JM_OPERATION_CHECKPOINT,
    [JM_ASK_SAVEPOINT] = JM_OPERATION_SAVEPOINT,
    [JM_ASK_STOP] = JM_OPERATION_STOP,
};

static wsl_status ask_job(jm_job *job, const jm_ask *ask, uint64_t *out_checkpoint, wsl_error *err)
{
    if (job->state != JM_JOB_RUNNING) {
        return wsl_fail(err, WSL_STATE, "job %s is %s; only a running job can be asked for its state", job->id_text,
                        jm_job_state_name(job->state));
    }
    return jm_coordinator_trigger(job->coordinator, kinds[ask->what], ask->target, ask->drain, out_checkpoint, err);
}

wsl_status jm_ask_checkpoint(jm *self, const wsl_id *id, const jm_ask *ask, wsl_id *out_operation, wsl_error *err)
{
    jm_job *job = jm_find_job(self, id);
    if (job == NULL) {
        char text[WSL_ID_TEXT_SIZE];
        return wsl_fail(err, WSL_NOT_FOUND, "there is no job %s", wsl_id_text(id, text));
    }
    jm_operation op = {
        .id = wsl_id_random(self->seams.rng), .kind = operation_kinds[ask->what], .job = *id, .cancel = ask->cancel};
    wsl_error why = {0};
    if (ask_job(job, ask, &op.checkpoint, &why) != WSL_OK) {
        op.status = why.status;
        jm_operation_end(&op, NULL, why.text, wsl_now_ns(self->seams.clock));
    } else {
        const char *target = jm_coordinator_target(job->coordinator, op.checkpoint);
        op.target = target == NULL ? NULL : wsl_strdup(target);
        jm_job_keep(job); /* a stop is known before its savepoint can be complete: disks keep the order */
    }
    jm_operations_add(self->operations, &op);
    jm_keep_operations(self);
    *out_operation = op.id;
    wsl_wake(&self->options.waker);
    return WSL_OK;
}

/* ---- disposal ---- */

typedef struct disposal {
    jm *jm;
    wsl_id operation;
    char *path;
    wsl_status status;
    wsl_error error;
} disposal;

static void work_dispose(void *what)
{
    disposal *d = what;
    wsl_fs *fs = d->jm->seams.fs; /* constant since jm_new */
    Wsl__Pb__CheckpointMeta *meta = NULL;
    char *dir = NULL;
    d->status = wsl_ckpt_load(fs, d->path, &meta, &d->error); /* nothing else is removed by mistake */
    if (d->status != WSL_OK) {
        return;
    }
    const bool savepoint = meta->savepoint;
    wsl__pb__checkpoint_meta__free_unpacked(meta, NULL);
    d->status = savepoint ? wsl_ckpt_dir(d->path, &dir, &d->error)
                          : wsl_fail(&d->error, WSL_INVALID,
                                     "'%s' is a checkpoint, not a savepoint: it is removed with its job's directory",
                                     d->path);
    if (d->status == WSL_OK) {
        d->status = wsl_ckpt_discard(fs, dir, &d->error);
    }
    free(dir);
}

static void done_dispose(void *what)
{
    disposal *d = what;
    jm_operation *op = jm_operations_find(d->jm->operations, &d->operation);
    wsl_log(d->jm->seams.log, WSL_LOG_INFO, "savepoint.disposed", "path=%s result=%s", d->path,
            d->status == WSL_OK ? "removed" : d->error.text);
    if (op != NULL) {
        op->status = d->status;
        jm_operation_end(op, d->path, d->status == WSL_OK ? NULL : d->error.text, wsl_now_ns(d->jm->seams.clock));
        jm_keep_operations(d->jm);
    }
    free(d->path);
    free(d);
}

/* The job that would go back to it, or NULL. */
static const jm_job *job_that_needs(const jm *self, const char *path)
{
    char *dir = NULL;
    const jm_job *job = NULL;
    if (wsl_ckpt_dir(path, &dir, NULL) != WSL_OK) {
        return NULL; /* who reads it says so */
    }
    for (uint32_t i = 0; i < self->n_jobs && job == NULL; i++) {
        job = jm_coordinator_began_with(self->jobs[i]->coordinator, dir) ? self->jobs[i] : NULL;
    }
    free(dir);
    return job;
}

void jm_dispose_savepoint(jm *self, const char *path, wsl_id *out_operation)
{
    jm_operation op = {.id = wsl_id_random(self->seams.rng), .kind = JM_OPERATION_DISPOSAL};
    const jm_job *job = job_that_needs(self, path);
    *out_operation = op.id;
    if (job != NULL) {
        wsl_error why = {0};
        op.status = wsl_fail(&why, WSL_STATE,
                             "job %s began with it and would go back to it after a failure: wait for a checkpoint of its own "
                             "(wiesel checkpoint %.8s takes one), or end the job",
                             job->id_text, job->id_text);
        jm_operation_end(&op, NULL, why.text, wsl_now_ns(self->seams.clock));
        jm_operations_add(self->operations, &op);
        jm_keep_operations(self);
        return;
    }
    jm_operations_add(self->operations, &op);
    jm_keep_operations(self);
    disposal *d = wsl_zalloc(sizeof *d);
    d->jm = self;
    d->operation = op.id;
    d->path = wsl_strdup(path);
    jm_disk_run(self->disk, work_dispose, done_dispose, d);
}
