/*
 * Jobs with checkpoints on TaskManagers that die, come back, fail tasks and are slow, from a seed: connected jobs and such of many
 * regions, adaptive or not; somebody asks for savepoints now and then. Whatever happens: no assertion of ours fails; a task that runs has its slot to itself and its job; tasks of
 * one region have one attempt; nobody is canceled whose region did not fail, but for a job that starts again as a whole. When trouble
 * ends, every job runs at its full parallelism and completes a checkpoint.
 */
#include "recovery_kit.h"

#include "base/alloc.h"

enum { TMS = 4, JOBS = 4, STEPS = 600, TASKS_MAX = 64 };

/* A TaskManager that does its work, sometimes late. */
typedef struct honest_tm {
    fake_tm t;
    Wsl__Pb__TaskId tasks[TASKS_MAX]; /* that it runs; `job` points into ids */
    wsl_id ids[TASKS_MAX];
    uint32_t n;
} honest_tm;

typedef struct world {
    kit k;
    wsl_rng rng;
    honest_tm tms[TMS];
    wsl_id jobs[JOBS];
    uint32_t n_jobs, names;
    uint32_t restarts, shrunk, partial; /* that something happened at all */
} world;

static uint32_t pick(world *w, uint32_t below) { return (uint32_t)wsl_rng_below(&w->rng, below); }

static void come(world *w, honest_tm *h)
{
    char id[32], incarnation[32];
    (void)snprintf(id, sizeof id, "h:%u-x", w->names);
    (void)snprintf(incarnation, sizeof incarnation, "i%u", w->names++);
    h->n = 0;
    tm_connect(&h->t, &w->k, id, incarnation);
    tm_send_register(&h->t, incarnation, 2);
    cr_assert(h->t.registered);
}

static void submit_one(world *w)
{
    static const char *const options[] = {"", ",\"jobmanager.scheduler\":\"adaptive\"",
                                          ",\"jobmanager.execution.failover-strategy\":\"full\"",
                                          ",\"jobmanager.scheduler\":\"adaptive\",\"execution.checkpointing.num-retained\":\"2\""};
    char more[512]; /* acknowledgements get lost: that gives up a checkpoint, no more */
    (void)snprintf(more, sizeof more,
                   "%s,\"execution.checkpointing.timeout\":\"3 s\",\"execution.checkpointing.tolerable-failed-checkpoints\":\"100000\","
                   "\"restart-strategy.exponential-delay.max-backoff\":\"2 s\"",
                   options[pick(w, 4)]);
    const uint32_t parallelism = 1 + pick(w, 2);
    w->jobs[w->n_jobs++] = pick(w, 2) == 0 ? submit(&w->k, parallelism, more) : submit_apart(&w->k, parallelism, more);
}

static void forget(honest_tm *h, uint32_t i)
{
    h->n--;
    h->tasks[i] = h->tasks[h->n];
    h->ids[i] = h->ids[h->n];
}

static Wsl__Pb__TaskId task_at(honest_tm *h, uint32_t i)
{
    Wsl__Pb__TaskId id = h->tasks[i];
    id.job = wsl_pb_bytes(h->ids[i].bytes, sizeof h->ids[i].bytes);
    return id;
}

/* False: there is none. */
static bool take_deployment(world *w, honest_tm *h, bool calm)
{
    wsl_envelope *e = tm_take(&h->t, WSL__PB__ENVELOPE__BODY_DEPLOY);
    if (e == NULL) {
        return false;
    }
    if (!calm && pick(w, 12) == 0) {
        report(&h->t, e->deploy->task, FAILED, "chance", false);
    } else {
        cr_assert_lt(h->n, (uint32_t)TASKS_MAX);
        h->tasks[h->n] = *e->deploy->task;
        h->ids[h->n] = wsl_pb_task_job(e->deploy->task);
        h->n++;
        report(&h->t, e->deploy->task, RUNNING, "", false);
    }
    wsl_envelope_free(e);
    return true;
}

static void take_cancel(honest_tm *h)
{
    wsl_envelope *e = tm_take(&h->t, WSL__PB__ENVELOPE__BODY_CANCEL);
    if (e == NULL) {
        return;
    }
    const wsl_id job = wsl_pb_task_job(e->cancel->task);
    for (uint32_t i = 0; i < h->n; i++) {
        const Wsl__Pb__TaskId *t = &h->tasks[i];
        if (wsl_id_equal(&h->ids[i], &job) && t->vertex == e->cancel->task->vertex && t->subtask == e->cancel->task->subtask &&
            t->attempt == e->cancel->task->attempt) {
            report(&h->t, e->cancel->task, WSL__PB__TASK_STATE__TASK_CANCELED, "", false);
            forget(h, i);
            break;
        }
    }
    wsl_envelope_free(e);
}

/* Barriers reach all tasks of the job. */
static void take_trigger(world *w, honest_tm *h, bool calm)
{
    wsl_envelope *e = tm_take(&h->t, WSL__PB__ENVELOPE__BODY_TRIGGER_CHECKPOINT);
    if (e == NULL) {
        return;
    }
    const wsl_id job = wsl_pb_task_job(e->trigger_checkpoint->task);
    for (uint32_t k = 0; k < TMS; k++) {
        honest_tm *other = &w->tms[k];
        for (uint32_t i = 0; other->t.endpoint != NULL && i < other->n; i++) {
            const Wsl__Pb__TaskId t = task_at(other, i);
            if (wsl_id_equal(&other->ids[i], &job) && (calm || pick(w, 30) > 0)) {
                ack(&other->t, &job, t.attempt, e->trigger_checkpoint->checkpoint, t.vertex, t.subtask);
            }
        }
    }
    wsl_envelope_free(e);
}

static void work(world *w, honest_tm *h, bool calm)
{
    if (h->t.endpoint == NULL) {
        return;
    }
    tm_heartbeat(&h->t);
    for (uint32_t i = 0; i < 8; i++) {
        while (take_deployment(w, h, calm)) { /* they were sent before their cancels */
        }
        if (calm || pick(w, 3) > 0) {
            take_cancel(h);
        }
        take_trigger(w, h, calm);
    }
    (void)drop_all(&h->t, WSL__PB__ENVELOPE__BODY_CHECKPOINT_ENDED);
    (void)drop_all(&h->t, WSL__PB__ENVELOPE__BODY_JM_HEARTBEAT);
    (void)drop_all(&h->t, WSL__PB__ENVELOPE__BODY_SPLIT_ASSIGNED);
}

static void act(world *w)
{
    honest_tm *h = &w->tms[pick(w, TMS)];
    const uint32_t what = pick(w, 40);
    if (what == 0 && w->n_jobs < JOBS) {
        submit_one(w);
    } else if (what == 1 && h->t.endpoint != NULL) {
        tm_fini(&h->t);
        kit_step(&w->k);
    } else if (what == 2 && h->t.endpoint != NULL && h->n > 0) {
        const uint32_t i = pick(w, h->n);
        const Wsl__Pb__TaskId id = task_at(h, i);
        report(&h->t, &id, FAILED, "chance", false);
        forget(h, i); /* id points into it */
    } else if (what == 3 && w->n_jobs > 0) {
        wsl_id operation;
        wsl_error err = {0};
        const jm_ask ask = {.what = pick(w, 2) == 0 ? JM_ASK_SAVEPOINT : JM_ASK_CHECKPOINT, .target = "/sp"};
        cr_assert_eq(jm_ask_checkpoint(w->k.jm, &w->jobs[pick(w, w->n_jobs)], &ask, &operation, &err), WSL_OK, "%s", err.text);
    } else if (what < 12) {
        kit_advance(&w->k, pick(w, 400));
    } else if (h->t.endpoint == NULL) {
        if (pick(w, 8) == 0) {
            come(w, h);
        }
    } else {
        work(w, h, false);
    }
}

/* ---- what must hold ---- */

static void check_job(world *w, const jm_job *job)
{
    uint32_t live = 0, stopping = 0;
    uint32_t *attempts = wsl_calloc(job->graph.n_regions, sizeof *attempts);
    uint32_t *in_slot = wsl_calloc(job->sharing.n_slots, sizeof *in_slot);
    cr_assert_leq(job->rescale.cap, job->rescale.widest);
    for (uint32_t v = 0; v < job->plan->n_vertices; v++) {
        for (uint32_t i = 0; i < job->plan->vertices[v].parallelism; i++) {
            const jm_subtask *t = &job->graph.vertices[v].subtasks[i];
            const bool runs = !jm_task_state_is_final(t->state) && t->state != JM_TASK_CREATED;
            cr_assert_lt(t->region, job->graph.n_regions);
            live += !jm_task_state_is_final(t->state);
            stopping += t->restarting;
            if (t->attempt != 0 && !t->restarting) {
                uint32_t *attempt = &attempts[t->region];
                cr_assert(*attempt == 0 || *attempt == t->attempt, "tasks of one region have different attempts");
                *attempt = t->attempt;
            }
            if (runs) {
                const jm_slot slot = job->slots[t->slot];
                in_slot[t->slot]++;
                cr_assert_eq(slot.worker, t->worker);
                cr_assert_eq(jm_slot_pool_owner(w->k.jm->pool, slot), job->number, "a task runs in a slot that is not its job's");
            }
            cr_assert_not(t->state == JM_TASK_FAILED && job->state == JM_JOB_RUNNING);
            cr_assert_not(t->restarting && job->state == JM_JOB_RUNNING);
        }
    }
    for (uint32_t s = 0; s < job->sharing.n_slots; s++) {
        cr_assert_eq(in_slot[s], job->slot_live[s]);
    }
    cr_assert_eq(live, job->graph.n_live);
    w->partial += job->state == JM_JOB_RESTARTING && stopping < job->graph.n_tasks;
    w->restarts += job->state == JM_JOB_RESTARTING;
    w->shrunk += job->rescale.cap < job->rescale.widest && job->state == JM_JOB_RUNNING;
    free(attempts);
    free(in_slot);
}

static void check(world *w)
{
    for (uint32_t i = 0; i < w->k.jm->n_jobs; i++) {
        const jm_job *job = w->k.jm->jobs[i];
        cr_assert(job->state != JM_JOB_FAILED && job->state != JM_JOB_FINISHED, "%s", jm_job_failure_text(job));
        check_job(w, job);
    }
}

static bool is_well(world *w, uint32_t i)
{
    const jm_job *job = jm_find_job(w->k.jm, &w->jobs[i]);
    const jm_job_info info = kit_info(&w->k, &w->jobs[i]);
    return job->state == JM_JOB_RUNNING && info.tasks_running == info.tasks && job->rescale.cap == job->rescale.widest;
}

static void expect_calm(world *w, uint64_t seed)
{
    for (uint32_t i = 0; i < TMS; i++) {
        if (w->tms[i].t.endpoint == NULL) {
            come(w, &w->tms[i]);
        }
    }
    uint32_t well = 0;
    for (uint32_t step = 0; step < 3000 && well < w->n_jobs; step++) {
        for (uint32_t i = 0; i < TMS; i++) {
            work(w, &w->tms[i], true);
        }
        kit_advance(&w->k, 100);
        check(w);
        for (well = 0; well < w->n_jobs && is_well(w, well);) {
            well++;
        }
    }
    cr_assert_eq(well, w->n_jobs, "seed %llu: '%s' %s", (unsigned long long)seed, kit_info(&w->k, &w->jobs[well]).state,
                 kit_info(&w->k, &w->jobs[well]).waiting);
    uint64_t before[JOBS];
    for (uint32_t i = 0; i < w->n_jobs; i++) {
        before[i] = jm_coordinator_counts(jm_find_job(w->k.jm, &w->jobs[i])->coordinator).completed;
    }
    for (uint32_t step = 0; step < 100; step++) {
        for (uint32_t i = 0; i < TMS; i++) {
            work(w, &w->tms[i], true);
        }
        kit_advance(&w->k, 100);
    }
    for (uint32_t i = 0; i < w->n_jobs; i++) {
        cr_assert_gt(jm_coordinator_counts(jm_find_job(w->k.jm, &w->jobs[i])->coordinator).completed, before[i], "seed %llu: no checkpoint",
                     (unsigned long long)seed);
    }
}

static void play(uint64_t seed, world *sums)
{
    world *w = wsl_zalloc(sizeof *w);
    kit_init(&w->k);
    wsl_rng_seed(&w->rng, seed);
    for (uint32_t i = 0; i < TMS; i++) {
        come(w, &w->tms[i]);
    }
    submit_one(w);
    for (uint32_t i = 0; i < STEPS; i++) {
        act(w);
        check(w);
    }
    expect_calm(w, seed);
    sums->restarts += w->restarts;
    sums->shrunk += w->shrunk;
    sums->partial += w->partial;
    for (uint32_t i = 0; i < TMS; i++) {
        tm_fini(&w->tms[i].t);
    }
    kit_fini(&w->k);
    free(w);
}

Test(failover_chaos, jobs_go_on_whatever_dies_and_run_in_full_when_trouble_ends)
{
    world *sums = wsl_zalloc(sizeof *sums);
    for (uint64_t seed = 1; seed <= 60; seed++) {
        play(seed, sums);
    }
    cr_assert_gt(sums->restarts, 0u);
    cr_assert_gt(sums->shrunk, 0u, "no job ever shrank");
    cr_assert_gt(sums->partial, 0u, "no job ever restarted in part");
    free(sums);
}
