/*
 * A job's way to disk. What changes is noted (jm_job_keep), and the next step writes how the job stands as a whole, one write of a
 * job at a time:
 *
 *     keep --> wanted --step--> [ disk: <id>.state ] --> kept: a restart or an end that waited for it goes on
 *                ^                     |
 *                +---- 1 s ------------+ failed: said once, tried again for as long as it takes
 *
 * An end is written before it is entered (keep.end): entering it removes checkpoints, without which a job that came back would begin
 * anew, and a client that has seen it must not see the job run again.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "graph/pb.h"
#include "jobmanager/jm_core.h"
#include "jobmanager/store/record.h"
#include "jobmanager/store/store.h"

#define AGAIN_NS (1 * WSL_NS_PER_S)

/* ---- how it stands, as a message ---- */

static ProtobufCBinaryData copy_id(const wsl_id *id)
{
    return wsl_pb_bytes(wsl_memdup(id->bytes, sizeof id->bytes), sizeof id->bytes);
}

static void add_time(Wsl__Pb__StoredTime ***list, size_t *n, const char *state, int64_t at_ms)
{
    if (at_ms == 0) {
        return;
    }
    Wsl__Pb__StoredTime *t = wsl_alloc(sizeof *t);
    wsl__pb__stored_time__init(t);
    wsl_pb_set(&t->state, state);
    t->at_ms = at_ms;
    *WSL_PB_APPEND(*list, *n) = t;
}

static void set_if(char **field, const char *text)
{
    if (text != NULL) {
        wsl_pb_set(field, text);
    }
}

static void add_failures(const jm_job *job, Wsl__Pb__StoredJobState *s)
{
    for (uint32_t i = 0; i < job->n_failures; i++) {
        const jm_failure *from = &job->failures[i];
        Wsl__Pb__StoredFailure *to = wsl_alloc(sizeof *to);
        wsl__pb__stored_failure__init(to);
        wsl_pb_set(&to->kind, jm_failure_name(from->kind));
        to->at_ms = from->at_ms;
        wsl_pb_set(&to->text, from->text);
        set_if(&to->task_name, from->task_name);
        set_if(&to->tm_id, from->tm_id);
        set_if(&to->endpoint, from->endpoint);
        to->retriable = from->retriable;
        to->attempt = from->attempt;
        *WSL_PB_APPEND(s->failures, s->n_failures) = to;
    }
}

/* Monotonic times mean nothing to the next process: they become wall clock. */
static void add_restart(const jm_job *job, Wsl__Pb__StoredJobState *s)
{
    const jm_restart *from = &job->restart;
    const int64_t now_ns = wsl_now_ns(job->jm->seams.clock), now_ms = wsl_wall_ms(job->jm->seams.clock);
    Wsl__Pb__StoredRestart *to = wsl_alloc(sizeof *to);
    wsl__pb__stored_restart__init(to);
    to->attempts = from->attempts;
    to->current_ns = from->current_ns;
    to->last_failure_ms = from->last_failure_ns == 0 ? 0 : now_ms - (now_ns - from->last_failure_ns) / WSL_NS_PER_MS;
    const uint32_t ring = from->kind == JM_RESTART_RATE ? from->attempts_max : 0;
    const uint32_t n = from->n_failures < ring ? from->n_failures : ring;
    to->failures_ms = wsl_calloc((size_t)n + 1, sizeof *to->failures_ms);
    for (uint32_t i = 0; i < n; i++) { /* oldest first */
        const int64_t at_ns = from->failures[(from->n_failures - n + i) % ring];
        to->failures_ms[to->n_failures_ms++] = now_ms - (now_ns - at_ns) / WSL_NS_PER_MS;
    }
    s->restart = to;
}

/* Counters; what channels and late rows say is of no use when the task is over. */
static Wsl__Pb__TaskMetrics *counters_of(const Wsl__Pb__TaskMetrics *from)
{
    Wsl__Pb__TaskMetrics *to = wsl_alloc(sizeof *to);
    wsl__pb__task_metrics__init(to);
    to->records_in = from->records_in;
    to->records_out = from->records_out;
    to->bytes_in = from->bytes_in;
    to->bytes_out = from->bytes_out;
    to->buffers_in = from->buffers_in;
    to->buffers_out = from->buffers_out;
    to->busy_ns = from->busy_ns;
    to->backpressured_ns = from->backpressured_ns;
    to->idle_ns = from->idle_ns;
    to->input_watermark = from->input_watermark;
    to->output_watermark = from->output_watermark;
    to->input_since_ms = from->input_since_ms;
    to->output_since_ms = from->output_since_ms;
    to->records_in_errors = from->records_in_errors;
    return to;
}

static void add_task(Wsl__Pb__StoredJobState *s, uint32_t vertex, uint32_t subtask, const jm_subtask *from)
{
    Wsl__Pb__StoredTask *to = wsl_alloc(sizeof *to);
    wsl__pb__stored_task__init(to);
    to->vertex = vertex;
    to->subtask = subtask;
    wsl_pb_set(&to->state, jm_task_state_name(from->state));
    set_if(&to->tm_id, from->tm_id);
    set_if(&to->endpoint, from->endpoint);
    for (uint32_t i = 0; i < JM_TASK_STATE_COUNT; i++) {
        add_time(&to->times, &to->n_times, jm_task_state_name((jm_task_state)i), from->entered_ms[i]);
    }
    to->metrics = counters_of(from->metrics.last);
    *WSL_PB_APPEND(s->tasks, s->n_tasks) = to;
}

static void add_end(const jm_job *job, Wsl__Pb__StoredJobState *s)
{
    for (uint32_t v = 0; v < job->plan->n_vertices; v++) {
        for (uint32_t i = 0; i < job->plan->vertices[v].parallelism; i++) {
            add_task(s, v, i, &job->graph.vertices[v].subtasks[i]);
        }
    }
    for (uint32_t i = 0; i < job->n_collects; i++) {
        Wsl__Pb__StoredCollect *c = wsl_alloc(sizeof *c);
        wsl__pb__stored_collect__init(c);
        c->operator_ = jm_collect_operator(job->collects[i]);
        c->next = jm_collect_next(job->collects[i]);
        *WSL_PB_APPEND(s->collects, s->n_collects) = c;
    }
}

static void add_stop(const jm_job *job, Wsl__Pb__StoredJobState *s)
{
    uint64_t checkpoint = 0;
    bool drain = false;
    const char *target = jm_coordinator_stops_with(job->coordinator, &checkpoint, &drain);
    if (target == NULL) {
        return;
    }
    s->stop = wsl_alloc(sizeof *s->stop);
    wsl__pb__stored_stop__init(s->stop);
    s->stop->checkpoint = checkpoint;
    wsl_pb_set(&s->stop->target, target);
    s->stop->drain = drain;
}

static Wsl__Pb__StoredJobState *state_of(const jm_job *job)
{
    const bool ends = job->keep.end != JM_JOB_STATE_COUNT;
    const jm_job_state state = ends ? job->keep.end : job->state;
    Wsl__Pb__StoredJobState *s = wsl_alloc(sizeof *s);
    wsl__pb__stored_job_state__init(s);
    s->job = copy_id(&job->id);
    wsl_pb_set(&s->state, jm_job_state_name(state));
    s->epoch = jm_store_epoch(job->jm->store);
    s->attempt = job->attempt + (state == JM_JOB_RESTARTING);
    for (uint32_t i = 0; i < JM_JOB_STATE_COUNT; i++) {
        const int64_t at_ms = ends && i == (uint32_t)state ? job->keep.end_ms : job->entered_ms[i];
        add_time(&s->times, &s->n_times, jm_job_state_name((jm_job_state)i), at_ms);
    }
    s->last_checkpoint = jm_coordinator_last_id(job->coordinator);
    add_failures(job, s);
    add_restart(job, s);
    if (jm_job_state_is_final(state)) {
        add_end(job, s);
    } else {
        add_stop(job, s);
    }
    return s;
}

/* ---- writing ---- */

/* Lives until its `done`. */
typedef struct keeping {
    struct jm *jm;
    wsl_id job;
    jm_job_state end; /* what keep.end was */
    uint8_t *bytes;
    size_t size;
    wsl_status status;
    wsl_error error;
} keeping;

static void work_keep(void *what)
{
    keeping *k = what;
    k->status = jm_store_put_state(k->jm->store, &k->job, k->bytes, k->size, &k->error);
}

static void note_trouble(jm_job *job, const wsl_error *err)
{
    if (job->keep.trouble == NULL) {
        wsl_log(job->log, WSL_LOG_ERROR, "job.not_kept",
                "reason=%s what=\"how the job stands cannot be stored; it is tried again each second\"", err->text);
    }
    free(job->keep.trouble);
    job->keep.trouble = wsl_strdup(err->text);
    job->keep.wanted = true;
    job->keep.again_ns = wsl_now_ns(job->jm->seams.clock) + AGAIN_NS;
}

static void note_kept(jm_job *job, jm_job_state end)
{
    if (job->keep.trouble != NULL) {
        wsl_log(job->log, WSL_LOG_INFO, "job.kept", "state=%s", jm_job_state_name(job->state));
        free(job->keep.trouble);
        job->keep.trouble = NULL;
    }
    if (end != JM_JOB_STATE_COUNT && end == job->keep.end && !job->keep.end_kept) {
        job->keep.end_kept = true;
        jm_job_settle(job);
    }
}

static void done_keep(void *what)
{
    keeping *k = what;
    jm_job *job = jm_find_job(k->jm, &k->job);
    if (job != NULL) {
        job->keep.writing = false;
        if (k->status != WSL_OK) {
            note_trouble(job, &k->error);
        } else {
            note_kept(job, k->end);
        }
        job->jm->schedule_wanted = true; /* jobs are stepped once more: a restart may have waited */
        wsl_wake(&job->jm->options.waker); /* a client may wait, too */
    }
    free(k->bytes);
    free(k);
}

void jm_job_keep(jm_job *job) { job->keep.wanted = job->jm->store != NULL; }

bool jm_job_is_kept(const jm_job *job) { return !job->keep.wanted && !job->keep.writing; }

bool jm_job_keep_end(jm_job *job, jm_job_state end)
{
    if (job->jm->store == NULL) {
        return true;
    }
    if (job->keep.end != end) {
        job->keep.end = end;
        job->keep.end_ms = wsl_wall_ms(job->jm->seams.clock);
        job->keep.end_kept = false;
        jm_job_keep(job);
        wsl_wake(&job->jm->options.waker);
    }
    return job->keep.end_kept;
}

int64_t jm_job_step_keep(jm_job *job, int64_t now_ns)
{
    if (!job->keep.wanted || job->keep.writing) {
        return WSL_NEVER;
    }
    if (now_ns < job->keep.again_ns) {
        return job->keep.again_ns;
    }
    keeping *k = wsl_zalloc(sizeof *k);
    Wsl__Pb__StoredJobState *state = state_of(job);
    k->jm = job->jm;
    k->job = job->id;
    k->end = job->keep.end;
    jm_record_encode(JM_RECORD_STATE, &state->base, &k->bytes, &k->size);
    wsl__pb__stored_job_state__free_unpacked(state, NULL);
    job->keep.wanted = false;
    job->keep.writing = true;
    jm_disk_run(job->jm->disk, work_keep, done_keep, k);
    return WSL_NEVER;
}

/* ---- first and last ---- */

wsl_status jm_job_keep_new(jm_job *job, wsl_error *err)
{
    if (job->jm->store == NULL) {
        return WSL_OK;
    }
    Wsl__Pb__StoredJob stored = WSL__PB__STORED_JOB__INIT;
    stored.job = wsl_pb_bytes(job->id.bytes, sizeof job->id.bytes);
    stored.number = job->number;
    stored.submitted_ms = job->entered_ms[JM_JOB_INITIALIZING];
    stored.graph = job->plan->graph;
    stored.begins_with = wsl_pb_text(job->begins_with);
    const wsl_status status = jm_store_add_job(job->jm->store, &stored, err);
    if (status != WSL_OK) {
        return wsl_fail_prefix(err, status, "the job cannot be stored (high-availability.storageDir)");
    }
    job->keep.wanted = false; /* without a state it is as it was submitted */
    return WSL_OK;
}

static void work_forget(void *what)
{
    keeping *k = what;
    k->status = jm_store_remove_job(k->jm->store, &k->job, &k->error);
}

static void done_forget(void *what)
{
    keeping *k = what;
    if (k->status != WSL_OK) {
        wsl_log(k->jm->seams.log, WSL_LOG_WARN, "job.not_forgotten", "reason=%s", k->error.text);
    }
    free(k);
}

void jm_job_forget(const jm_job *job)
{
    if (job->jm->store == NULL) {
        return;
    }
    keeping *k = wsl_zalloc(sizeof *k);
    k->jm = job->jm;
    k->job = job->id;
    jm_disk_run(job->jm->disk, work_forget, done_forget, k);
}
