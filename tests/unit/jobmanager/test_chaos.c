#include "jobmanager/jm_core.h"
#include "unit/jobmanager/jm_kit.h"

/*
 * TaskManagers that come, go, lie and fall silent, clients that submit and cancel, from a seed. Whatever they do: no
 * assertion of ours fails, slots are never lost or counted twice, a job with a failed task does not go on, and once
 * everybody is gone every job has ended. All three ends do occur.
 */

enum { TMS = 4, JOBS = 60, STEPS = 1500 };

typedef struct world {
    kit k;
    wsl_rng rng;
    fake_tm tms[TMS];
    wsl_id jobs[JOBS];
    uint32_t n_jobs;
    uint32_t incarnations;
    uint32_t *ends; /* by job state */
} world;

static uint32_t pick(world *w, uint32_t below) { return (uint32_t)wsl_rng_below(&w->rng, below); }

static void come(world *w, fake_tm *t)
{
    char id[32];
    char incarnation[32];
    (void)snprintf(id, sizeof id, "h:%u-x", pick(w, TMS)); /* ids may collide: then it is refused */
    (void)snprintf(incarnation, sizeof incarnation, "i%u", w->incarnations++);
    tm_connect(t, &w->k, id, incarnation);
    tm_send_register(t, incarnation, 1 + pick(w, 3));
}

static void submit(world *w)
{
    if (w->n_jobs < JOBS) {
        w->jobs[w->n_jobs] = kit_submit_counting(&w->k, 1 + pick(w, 3));
        w->n_jobs++;
    }
}

/* An honest TaskManager works off one message; forgetting some is part of the game. */
static void work(world *w, fake_tm *t)
{
    static const Wsl__Pb__TaskState answers[] = {WSL__PB__TASK_STATE__TASK_INITIALIZING,
                                                 WSL__PB__TASK_STATE__TASK_RUNNING, WSL__PB__TASK_STATE__TASK_FINISHED,
                                                 WSL__PB__TASK_STATE__TASK_FAILED};
    wsl_envelope *e = tm_take(t, WSL__PB__ENVELOPE__BODY_DEPLOY);
    if (e != NULL) {
        const wsl_id job = wsl_pb_task_job(e->deploy->task);
        tm_report(t, &job, e->deploy->task->vertex, e->deploy->task->subtask, answers[pick(w, 4)], "chance");
        wsl_envelope_free(e);
    }
    e = pick(w, 4) == 0 ? NULL : tm_take(t, WSL__PB__ENVELOPE__BODY_CANCEL);
    if (e != NULL) {
        const wsl_id job = wsl_pb_task_job(e->cancel->task);
        tm_report(t, &job, e->cancel->task->vertex, e->cancel->task->subtask, WSL__PB__TASK_STATE__TASK_CANCELED, "");
        wsl_envelope_free(e);
    }
}

/* Any state for any task, whether it runs there or not; splits and rows nobody asked for. */
static void lie(world *w, fake_tm *t)
{
    if (w->n_jobs == 0) {
        return;
    }
    const wsl_id job = w->jobs[pick(w, w->n_jobs)];
    Wsl__Pb__TaskId id;
    wsl_pb_task_id_init(&id, &job, pick(w, 3), pick(w, 4), pick(w, 3));
    if (pick(w, 3) > 0) {
        Wsl__Pb__TaskStateChanged s = WSL__PB__TASK_STATE_CHANGED__INIT;
        Wsl__Pb__TaskMetrics m = WSL__PB__TASK_METRICS__INIT;
        m.task = &id;
        s.task = &id;
        s.state = (Wsl__Pb__TaskState)pick(w, 9);
        s.retriable = pick(w, 2) == 0;
        s.final_metrics = pick(w, 2) == 0 ? &m : NULL;
        tm_send(t, WSL__PB__ENVELOPE__BODY_TASK_STATE, &s);
    } else if (pick(w, 2) == 0) {
        Wsl__Pb__SplitRequest r = WSL__PB__SPLIT_REQUEST__INIT;
        r.task = &id;
        r.operator_ = pick(w, 5);
        tm_send(t, WSL__PB__ENVELOPE__BODY_SPLIT_REQUEST, &r);
    } else {
        Wsl__Pb__CollectData d = WSL__PB__COLLECT_DATA__INIT;
        d.task = &id;
        d.operator_ = pick(w, 5);
        tm_send(t, WSL__PB__ENVELOPE__BODY_COLLECT_DATA, &d);
    }
}

static void act(world *w)
{
    fake_tm *t = &w->tms[pick(w, TMS)];
    switch (pick(w, 12)) {
    case 0:
        submit(w);
        break;
    case 1:
        if (w->n_jobs > 0) {
            (void)jm_cancel(w->k.jm, &w->jobs[pick(w, w->n_jobs)], NULL);
        }
        break;
    case 2:
        if (t->endpoint != NULL && pick(w, 4) == 0) {
            tm_fini(t);
            kit_step(&w->k);
        }
        break;
    case 3:
        kit_advance(&w->k, pick(w, 3) == 0 ? 30000 : pick(w, 1000));
        break;
    case 4:
    case 5:
        if (t->endpoint != NULL) {
            lie(w, t);
        }
        break;
    default:
        if (t->endpoint == NULL) {
            come(w, t);
        } else if (t->registered) {
            tm_heartbeat(t);
            work(w, t);
        }
        break;
    }
    if (t->endpoint != NULL) {
        tm_pump(t);
    }
    for (; t->n > 0 && t->n > KIT_INBOX_MAX / 2; t->n--) {
        wsl_envelope_free(t->inbox[t->n - 1]); /* it sleeps too much */
    }
}

static void check(const world *w)
{
    cr_assert_leq(jm_slots_available(w->k.jm), jm_slots_total(w->k.jm));
    cr_assert_leq(jm_task_managers(w->k.jm), (uint32_t)TMS);
    if (jm_jobs_live(w->k.jm) == 0) {
        cr_assert_eq(jm_slots_available(w->k.jm), jm_slots_total(w->k.jm), "no job, no slot taken");
    }
    for (uint32_t i = 0; i < w->k.jm->n_jobs; i++) {
        const jm_job *job = w->k.jm->jobs[i];
        w->ends[job->state] += job->state != JM_JOB_RUNNING;
        for (uint32_t v = 0; v < job->plan->n_vertices; v++) {
            const bool failed = job->graph.vertices[v].in_state[JM_TASK_FAILED] > 0;
            cr_assert_not(failed && (job->state == JM_JOB_CREATED || job->state == JM_JOB_RUNNING));
        }
    }
}

static void play(uint64_t seed, uint32_t *ends)
{
    world w = {.ends = ends};
    kit_init(&w.k);
    wsl_rng_seed(&w.rng, seed);
    for (uint32_t i = 0; i < STEPS; i++) {
        act(&w);
        check(&w);
    }
    for (uint32_t i = 0; i < TMS; i++) {
        tm_fini(&w.tms[i]);
    }
    kit_advance(&w.k, 1);
    kit_advance(&w.k, 300000);
    cr_assert_eq(jm_task_managers(w.k.jm), 0u);
    cr_assert_eq(jm_slots_total(w.k.jm), 0u);
    cr_assert_eq(jm_jobs_live(w.k.jm), 0u, "seed %llu", (unsigned long long)seed);
    kit_fini(&w.k);
}

Test(chaos, slots_and_jobs_stay_sound_whatever_taskmanagers_and_clients_do)
{
    uint32_t ends[JM_JOB_STATE_COUNT] = {0};
    for (uint64_t seed = 1; seed <= 30; seed++) {
        play(seed, ends);
    }
    cr_assert_gt(ends[JM_JOB_FINISHED], 0u);
    cr_assert_gt(ends[JM_JOB_FAILED], 0u);
    cr_assert_gt(ends[JM_JOB_CANCELED], 0u);
}
