/*
 * A job of an earlier JobManager, from disk. What it was decides what becomes of it:
 *
 *     not stored, CREATED, RUNNING, RESTARTING   goes on: RESTARTING, then a new attempt from its last checkpoint. If it ran and has no
 *                                                restart strategy (so neither checkpoints): FAILED, as after any other failure
 *     RUNNING, a stop-with-savepoint under way   FINISHED if the savepoint is complete, else it goes on
 *     CANCELLING, FAILING                        CANCELED, FAILED: its tasks were canceled with their JobManager
 *     FINISHED, CANCELED, FAILED                 as it was
 *
 * Whoever cannot go on (a library or a directory is gone) is FAILED and says why. Ends that are new go the way of every end: on disk
 * first, then entered.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "ckpt/storage.h"
#include "graph/pb.h"
#include "jobmanager/jm_core.h"
#include "jobmanager/store/store.h"

enum { COLLECT_EPOCH_SHIFT = 36 }; /* rows that one JobManager may see of a sink before numbers of the next one are met */

/* ---- names ---- */

/* JM_JOB_STATE_COUNT: none of them. */
static jm_job_state job_state_of(const char *name)
{
    uint32_t s = 0;
    while (s < JM_JOB_STATE_COUNT && strcmp(jm_job_state_name((jm_job_state)s), name) != 0) {
        s++;
    }
    return (jm_job_state)s;
}

static jm_task_state task_state_of(const char *name)
{
    uint32_t s = 0;
    while (s < JM_TASK_STATE_COUNT && strcmp(jm_task_state_name((jm_task_state)s), name) != 0) {
        s++;
    }
    return (jm_task_state)s;
}

/* ---- what is read back ---- */

static char *text_or_null(const char *text) { return text[0] == '\0' ? NULL : wsl_strdup(text); }

static void read_failures(jm_job *job, const Wsl__Pb__StoredJobState *s)
{
    job->failures = wsl_calloc(s->n_failures + 1, sizeof *job->failures);
    for (size_t i = 0; i < s->n_failures && job->n_failures < JM_FAILURES_MAX; i++) {
        const Wsl__Pb__StoredFailure *from = s->failures[i];
        if (i > 0 && from->attempt < s->failures[i - 1]->attempt) {
            continue; /* they ascend */
        }
        job->failures[job->n_failures++] = (jm_failure){
            .kind = jm_failure_kind_of(from->kind),
            .at_ms = from->at_ms,
            .text = wsl_strdup(from->text),
            .task_name = text_or_null(from->task_name),
            .tm_id = text_or_null(from->tm_id),
            .endpoint = text_or_null(from->endpoint),
            .retriable = from->retriable,
            .attempt = from->attempt,
        };
    }
}

static void read_state(jm_job *job, const Wsl__Pb__StoredJob *stored, const Wsl__Pb__StoredJobState *s)
{
    job->entered_ms[JM_JOB_INITIALIZING] = stored->submitted_ms;
    job->entered_ms[JM_JOB_CREATED] = stored->submitted_ms;
    if (s == NULL) {
        return;
    }
    for (size_t i = 0; i < s->n_times; i++) {
        const jm_job_state state = job_state_of(s->times[i]->state);
        if (state != JM_JOB_STATE_COUNT) {
            job->entered_ms[state] = s->times[i]->at_ms;
        }
    }
    job->attempt = s->attempt > 0 && s->attempt < UINT32_MAX ? s->attempt : 1;
    read_failures(job, s);
}

/* A wall-clock time as a monotonic one; never in the future. */
static int64_t monotonic(const jm_job *job, int64_t ms)
{
    const int64_t passed_ms = wsl_wall_ms(job->jm->seams.clock) - ms;
    const int64_t now_ns = wsl_now_ns(job->jm->seams.clock);
    return passed_ms <= 0 ? now_ns : passed_ms > INT64_MAX / (4 * WSL_NS_PER_MS) ? INT64_MIN / 4 : now_ns - passed_ms * WSL_NS_PER_MS;
}

static void read_restart(jm_job *job, const Wsl__Pb__StoredRestart *from)
{
    jm_restart *to = &job->restart;
    if (from == NULL) {
        return;
    }
    to->attempts = from->attempts;
    if (from->current_ns > 0 && from->current_ns <= to->max_ns) {
        to->current_ns = from->current_ns;
    }
    to->last_failure_ns = from->last_failure_ms == 0 ? 0 : monotonic(job, from->last_failure_ms);
    for (size_t i = 0; to->kind == JM_RESTART_RATE && i < from->n_failures_ms && to->n_failures < to->attempts_max; i++) {
        to->failures[to->n_failures++] = monotonic(job, from->failures_ms[i]);
    }
}

/* ---- one that has ended ---- */

static void read_task(jm_job *job, Wsl__Pb__StoredTask *from)
{
    jm_subtask *t = jm_exec_graph_find(&job->graph, from->vertex, from->subtask);
    const jm_task_state state = task_state_of(from->state);
    if (t == NULL || state == JM_TASK_STATE_COUNT || !jm_task_state_is_final(state) || jm_task_state_is_final(t->state)) {
        return;
    }
    jm_exec_graph_recall(&job->graph, from->vertex, from->subtask, state);
    for (size_t i = 0; i < from->n_times; i++) {
        const jm_task_state entered = task_state_of(from->times[i]->state);
        if (entered != JM_TASK_STATE_COUNT) {
            t->entered_ms[entered] = from->times[i]->at_ms;
        }
    }
    t->tm_id = text_or_null(from->tm_id);
    t->endpoint = text_or_null(from->endpoint);
    if (from->metrics != NULL) {
        jm_task_metrics_update(&t->metrics, WSL_TAKE(from->metrics), wsl_now_ns(job->jm->seams.clock));
        jm_task_metrics_end(&t->metrics);
    }
}

static wsl_status as_it_ended(jm_job *job, jm_job_state end, const Wsl__Pb__StoredJobState *s, wsl_error *err)
{
    WSL_TRY(jm_job_add_collects(job, err));
    WSL_TRY(jm_job_make_coordinator(job, err));
    for (size_t i = 0; i < s->n_tasks; i++) {
        read_task(job, s->tasks[i]);
    }
    for (uint32_t i = 0; i < job->n_collects; i++) {
        for (size_t k = 0; k < s->n_collects; k++) {
            if (s->collects[k]->operator_ == jm_collect_operator(job->collects[i])) {
                jm_collect_begin_at(job->collects[i], s->collects[k]->next, false);
            }
        }
    }
    job->state = end;
    job->keep = (jm_keep){.end = end, .end_ms = job->entered_ms[end], .end_kept = true};
    jm_job_on_ended(job); /* what it did not come to remove, goes now */
    return WSL_OK;
}

/* ---- one that goes on ---- */

/* Its parts but the coordinator, which is there. */
static wsl_status go_on(jm_job *job, wsl_error *err)
{
    wsl_id hash;
    const char *artifact = job->plan->graph->artifact;
    if (artifact[0] != '\0' && (!wsl_id_parse(artifact, &hash) || !jm_artifacts_has(job->jm->artifacts, &hash))) {
        return wsl_fail(err, WSL_NOT_FOUND, "its library %s is not in the store any more", artifact);
    }
    WSL_TRY(jm_job_add_sources(job, err));
    WSL_TRY(jm_job_new_alignment(job, err));
    return jm_job_begin(job, err);
}

static void cancel_tasks(jm_job *job)
{
    for (uint32_t v = 0; v < job->plan->n_vertices; v++) {
        for (uint32_t i = 0; i < job->plan->vertices[v].parallelism; i++) {
            jm_job_move_task(job, v, i, JM_TASK_CANCEL); /* nobody runs them any more */
        }
    }
}

static void finish_tasks(jm_job *job)
{
    for (uint32_t v = 0; v < job->plan->n_vertices; v++) {
        for (uint32_t i = 0; i < job->plan->vertices[v].parallelism; i++) {
            jm_exec_graph_recall(&job->graph, v, i, JM_TASK_FINISHED);
        }
    }
}

static void remember(jm_job *job, const char *text, bool retriable)
{
    jm_failure failure = {
        .kind = JM_FAILURE_JOBMANAGER,
        .at_ms = wsl_wall_ms(job->jm->seams.clock),
        .text = wsl_strdup(text),
        .retriable = retriable,
        .attempt = job->attempt,
    };
    jm_job_remember(job, &failure);
}

/* Why it must not run again; NULL: it may. */
static const char *forbids(const jm_job *job, jm_job_state was)
{
    return was != JM_JOB_CREATED && job->restart.kind == JM_RESTART_NONE
               ? "the JobManager was restarted while the job ran, and the job has no restart strategy: run it again, or with "
                 "execution.checkpointing.interval, which lets it go on where it was"
               : NULL;
}

static bool was_stopped(const jm_job *job, const Wsl__Pb__StoredJobState *s)
{
    return s != NULL && s->stop != NULL &&
           jm_savepoint_is_there(job->jm->seams.fs, s->stop->target, &job->id, s->stop->checkpoint);
}

static void decide(jm_job *job, jm_job_state was, const Wsl__Pb__StoredJobState *s)
{
    wsl_error why = {0};
    char text[2 * WSL_ERROR_TEXT_MAX];
    if (was == JM_JOB_CANCELLING) {
        jm_job_move(job, JM_JOB_CANCEL);
        cancel_tasks(job);
    } else if (was == JM_JOB_FAILING) {
        jm_job_move(job, JM_JOB_FAIL);
        cancel_tasks(job);
    } else if (was_stopped(job, s)) {
        wsl_log(job->log, WSL_LOG_INFO, "job.stopped_before",
                "savepoint=%s what=\"what its sinks had not shown yet, shows who begins with the savepoint\"", s->stop->target);
        jm_job_move(job, JM_JOB_RECOVER);
        finish_tasks(job);
        jm_job_move(job, JM_JOB_START);
    } else if (forbids(job, was) != NULL || go_on(job, &why) != WSL_OK) {
        (void)snprintf(text, sizeof text, "%s%s",
                       forbids(job, was) != NULL ? forbids(job, was) : "the job cannot go on after the JobManager was restarted: ",
                       forbids(job, was) != NULL ? "" : why.text);
        remember(job, text, false);
        jm_job_move(job, JM_JOB_FAIL);
        cancel_tasks(job);
    } else {
        const uint64_t epoch = jm_store_epoch(job->jm->store);
        (void)snprintf(text, sizeof text, "the JobManager was restarted (epoch %" PRIu64 ")", epoch);
        remember(job, text, true);
        for (uint32_t i = 0; i < job->n_collects; i++) {
            jm_collect_begin_at(job->collects[i], (epoch - 1) << COLLECT_EPOCH_SHIFT, true);
        }
        (void)jm_job_mark_restart(job, true, UINT32_MAX, 0);
        job->waits_until_ns = WSL_NEVER;
        jm_job_move(job, JM_JOB_RECOVER);
        cancel_tasks(job);
        job->restart_at_ns = wsl_now_ns(job->jm->seams.clock);
        return;
    }
    jm_job_settle(job);
}

wsl_status jm_job_recover(struct jm *self, const Wsl__Pb__StoredJob *stored, Wsl__Pb__StoredJobState *state,
                          wsl_job_plan *plan, wsl_config *config, jm_job **out_job, wsl_error *err)
{
    wsl_id id;
    memcpy(id.bytes, stored->job.data, sizeof id.bytes);
    jm_job *job = jm_job_make(self, &id, plan, config);
    job->number = stored->number;
    self->last_job_number = stored->number > self->last_job_number ? stored->number : self->last_job_number;
    job->recovered = true;
    job->begins_with = text_or_null(stored->begins_with);
    read_state(job, stored, state);
    const jm_job_state was = state == NULL ? JM_JOB_CREATED : job_state_of(state->state);
    wsl_status status;
    if (was == JM_JOB_STATE_COUNT) {
        status = wsl_fail(err, WSL_CORRUPT, "it was in state '%.40s', which there is not", state->state);
    } else if (jm_job_state_is_final(was)) {
        status = as_it_ended(job, was, state, err);
    } else {
        status = jm_job_add_collects(job, err);
        status = status == WSL_OK ? jm_job_make_coordinator(job, err) : status;
    }
    if (status != WSL_OK) {
        jm_job_unmake(job);
        return status;
    }
    if (!jm_job_state_is_final(was)) {
        jm_coordinator_go_on_behind(job->coordinator, state == NULL ? 0 : state->last_checkpoint);
        read_restart(job, state == NULL ? NULL : state->restart);
        decide(job, was, state);
    }
    *out_job = job;
    return WSL_OK;
}
