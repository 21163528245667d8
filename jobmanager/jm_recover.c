/* What an earlier JobManager left in the store, and what the next one will find there of what clients asked for. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "graph/job_options.h"
#include "graph/pb.h"
#include "jobmanager/jm_core.h"
#include "jobmanager/store/record.h"

/* ---- jobs ---- */

static wsl_status recover_job(jm *self, jm_stored_job *stored, jm_job **out_job, wsl_error *err)
{
    WSL_AUTO(wsl_job_graph) graph = WSL_TAKE(stored->job->graph);
    WSL_AUTO(wsl_config) config = NULL;
    WSL_AUTO(wsl_job_plan) plan = NULL;
    wsl_id hash;
    if (graph->artifact[0] != '\0' && wsl_id_parse(graph->artifact, &hash)) {
        (void)jm_artifacts_take_over(self->artifacts, &hash); /* a job that needs it and has it not says so */
    }
    WSL_TRY(wsl_job_config_new(graph, &config, err));
    WSL_TRY(wsl_job_plan_new(graph, self->options.default_parallelism, &plan, err));
    (void)WSL_TAKE(graph);
    WSL_TRY(jm_job_recover(self, stored->job, stored->state, plan, config, out_job, err));
    (void)WSL_TAKE(plan);
    (void)WSL_TAKE(config);
    return WSL_OK;
}

static void recover_jobs(jm *self, jm_stored_job *stored, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        char text[WSL_ID_TEXT_SIZE];
        wsl_id id;
        wsl_error why = {0};
        jm_job *job = NULL;
        memcpy(id.bytes, stored[i].job->job.data, sizeof id.bytes);
        (void)wsl_id_text(&id, text);
        if (recover_job(self, &stored[i], &job, &why) != WSL_OK) {
            wsl_log(self->seams.log, WSL_LOG_ERROR, "job.not_recovered",
                    "job=%s reason=%s what=\"it is left out, its files stay; run it again from its last checkpoint (wiesel run -s)\"",
                    text, why.text);
            continue;
        }
        jm_add_job(self, job);
        wsl_log(job->log, WSL_LOG_INFO, "job.recovered", "name=%s state=%s attempt=%u", jm_job_name(job),
                jm_job_state_name(job->state), job->attempt);
    }
}

/* ---- operations ---- */

static const char *const operation_kinds[] = {
    [JM_OPERATION_SAVEPOINT] = "savepoint",
    [JM_OPERATION_STOP] = "stop",
    [JM_OPERATION_CHECKPOINT] = "checkpoint",
    [JM_OPERATION_DISPOSAL] = "disposal",
};

static void store_operation(const jm *self, const jm_operation *from, Wsl__Pb__StoredOperations *all)
{
    const int64_t now_ns = wsl_now_ns(self->seams.clock);
    Wsl__Pb__StoredOperation *to = wsl_alloc(sizeof *to);
    wsl__pb__stored_operation__init(to);
    to->id = wsl_pb_bytes(wsl_memdup(from->id.bytes, sizeof from->id.bytes), sizeof from->id.bytes);
    wsl_pb_set(&to->kind, operation_kinds[from->kind]);
    to->job = wsl_pb_bytes(wsl_memdup(from->job.bytes, sizeof from->job.bytes), sizeof from->job.bytes);
    to->checkpoint = from->checkpoint;
    to->cancel = from->cancel;
    to->done = from->done;
    to->done_ms = from->done ? wsl_wall_ms(self->seams.clock) - (now_ns - from->done_ns) / WSL_NS_PER_MS : 0;
    wsl_pb_set(&to->target, from->target == NULL ? "" : from->target);
    wsl_pb_set(&to->location, from->location == NULL ? "" : from->location);
    wsl_pb_set(&to->failure, from->failure == NULL ? "" : from->failure);
    *WSL_PB_APPEND(all->operations, all->n_operations) = to;
}

typedef struct keeping {
    jm *jm;
    uint8_t *bytes;
    size_t size;
    wsl_status status;
    wsl_error error;
} keeping;

static void work_keep(void *what)
{
    keeping *k = what;
    k->status = jm_store_put_operations(k->jm->store, k->bytes, k->size, &k->error);
}

static void done_keep(void *what)
{
    keeping *k = what;
    k->jm->operations_writing = false;
    wsl_wake(&k->jm->options.waker); /* a client may wait for it */
    if (k->status != WSL_OK) { /* the next change writes all of them again */
        wsl_log(k->jm->seams.log, WSL_LOG_WARN, "operations.not_kept", "reason=%s", k->error.text);
    }
    free(k->bytes);
    free(k);
}

void jm_keep_operations(jm *self)
{
    self->operations_changed = self->store != NULL;
    if (self->operations_changed) {
        wsl_wake(&self->options.waker);
    }
}

bool jm_is_kept(const jm *self, const wsl_id *id)
{
    const jm_job *job = jm_find_job(self, id);
    const bool keeps = job != NULL && !jm_job_is_kept(job) && job->keep.trouble == NULL;
    return !keeps && !self->operations_changed && !self->operations_writing;
}

void jm_step_keep_operations(jm *self)
{
    if (!self->operations_changed || self->operations_writing) {
        return;
    }
    Wsl__Pb__StoredOperations *all = wsl_alloc(sizeof *all);
    wsl__pb__stored_operations__init(all);
    for (uint32_t i = 0; jm_operations_at(self->operations, i) != NULL; i++) {
        store_operation(self, jm_operations_at(self->operations, i), all);
    }
    keeping *k = wsl_zalloc(sizeof *k);
    k->jm = self;
    jm_record_encode(JM_RECORD_OPERATIONS, &all->base, &k->bytes, &k->size);
    wsl__pb__stored_operations__free_unpacked(all, NULL);
    self->operations_changed = false;
    self->operations_writing = true;
    jm_disk_run(self->disk, work_keep, done_keep, k);
}

/* What was under way when the JobManager ended: a savepoint may be complete. */
static void end_operation(jm *self, jm_operation *op)
{
    static const char why[] = "the JobManager was restarted while it was under way; ask again";
    const bool savepoint = op->kind == JM_OPERATION_SAVEPOINT || op->kind == JM_OPERATION_STOP;
    const bool there = savepoint && op->target != NULL &&
                       jm_savepoint_is_there(self->seams.fs, op->target, &op->job, op->checkpoint);
    jm_operation_end(op, there ? op->target : NULL, there ? NULL : why, wsl_now_ns(self->seams.clock));
    jm_job *job = jm_find_job(self, &op->job);
    if (there && op->cancel && job != NULL && !jm_job_ended(job)) {
        (void)jm_job_cancel(job);
    }
}

static void recover_operation(jm *self, const Wsl__Pb__StoredOperation *from)
{
    uint32_t kind = 0;
    while (kind < WSL_ARRAY_LEN(operation_kinds) && strcmp(operation_kinds[kind], from->kind) != 0) {
        kind++;
    }
    if (kind == WSL_ARRAY_LEN(operation_kinds)) {
        return; /* of a later version */
    }
    jm_operation op = {.kind = (jm_operation_kind)kind, .checkpoint = from->checkpoint, .cancel = from->cancel};
    memcpy(op.id.bytes, from->id.data, sizeof op.id.bytes);
    if (from->job.len == sizeof op.job.bytes) {
        memcpy(op.job.bytes, from->job.data, sizeof op.job.bytes);
    }
    op.target = from->target[0] == '\0' ? NULL : wsl_strdup(from->target);
    if (from->done) {
        const int64_t passed_ms = wsl_wall_ms(self->seams.clock) - from->done_ms;
        const int64_t passed_ns = passed_ms < 0 ? 0 : passed_ms > JM_OPERATION_KEEP_NS / WSL_NS_PER_MS ? JM_OPERATION_KEEP_NS : passed_ms * WSL_NS_PER_MS;
        jm_operation_end(&op, from->location[0] == '\0' ? NULL : from->location,
                         from->failure[0] == '\0' ? NULL : from->failure, wsl_now_ns(self->seams.clock) - passed_ns);
    } else {
        end_operation(self, &op);
    }
    jm_operations_add(self->operations, &op);
}

/* ---- all of it ---- */

wsl_status jm_recover(jm *self, wsl_error *err)
{
    const jm_options *o = &self->options;
    if (o->store_dir == NULL) {
        self->artifacts = jm_artifacts_new(self->seams.fs, o->artifact_dir, false);
        return WSL_OK;
    }
    jm_stored_job *stored = NULL;
    uint32_t n = 0;
    WSL_TRY(jm_store_open(self->seams.fs, o->store_dir, self->started_ms, self->seams.rng, self->seams.log, &self->store, err));
    char *dir = wsl_asprintf("%s/artifacts", o->store_dir);
    self->artifacts = jm_artifacts_new(self->seams.fs, dir, true);
    free(dir);
    WSL_TRY(jm_store_load_jobs(self->store, &stored, &n, err));
    recover_jobs(self, stored, n);
    jm_stored_jobs_free(stored, n);
    jm_artifacts_sweep(self->artifacts);
    Wsl__Pb__StoredOperations *operations = jm_store_load_operations(self->store);
    for (size_t i = 0; operations != NULL && i < operations->n_operations; i++) {
        recover_operation(self, operations->operations[i]);
    }
    if (operations != NULL) {
        wsl__pb__stored_operations__free_unpacked(operations, NULL);
    }
    self->schedule_wanted = true;
    wsl_log(self->seams.log, WSL_LOG_INFO, "store.opened", "directory=%s epoch=%" PRIu64 " jobs=%u live=%u", o->store_dir,
            jm_store_epoch(self->store), self->n_jobs, jm_jobs_live(self));
    return WSL_OK;
}
