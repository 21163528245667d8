/*
 * Checkpoints that come to nothing. Whatever calls the job's `fail` or `run_slow` may come back into the coordinator before it
 * returns (a failing job stops its coordinator; in the simulator slow work is done at once), so these calls stand last, and loops
 * over pending checkpoints begin again after them.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "jobmanager/ckpt/coordinator_core.h"

enum { REASON_MAX = 512 };

jm_pending *jm_pending_find(const jm_coordinator *c, uint64_t id)
{
    jm_pending *p = c->pending;
    while (p != NULL && p->id != id) {
        p = p->next;
    }
    return p;
}

bool jm_pending_has_older(const jm_coordinator *c, const jm_pending *p)
{
    for (const jm_pending *o = c->pending; o != p; o = o->next) {
        if (o->prepared && o->state == JM_CHECKPOINT_PENDING) {
            return true;
        }
    }
    return false;
}

static void unlink_pending(jm_coordinator *c, const jm_pending *p)
{
    jm_pending **at = &c->pending;
    while (*at != p) {
        at = &(*at)->next;
    }
    *at = p->next;
    c->counts.in_progress--;
}

void jm_tell_all(jm_coordinator *c, uint64_t checkpoint, bool complete)
{
    const wsl_job_plan *plan = c->options.plan;
    for (uint32_t v = 0; v < plan->n_vertices; v++) {
        for (uint32_t i = 0; i < plan->vertices[v].parallelism; i++) {
            if (jm_state_of(c, v, i) == WSL__PB__TASK_STATE__TASK_RUNNING) {
                c->job.tell_ended(c->job.arg, v, i, checkpoint, complete);
            }
        }
    }
}

/* Out of the list and out of the world. */
static void bury(jm_coordinator *c, jm_pending *p, const char *reason)
{
    unlink_pending(c, p);
    c->counts.failed++;
    jm_history_end(c, p->stats, JM_CHECKPOINT_FAILED, reason);
    wsl_log(c->options.log, WSL_LOG_WARN, "checkpoint.failed", "id=%" PRIu64 " reason=%s", p->id, reason);
    const bool asked = p->asked, begun = p->begun;
    const uint64_t id = p->id;
    jm_pending_free(c, p);
    if (begun) {
        char *dir = jm_chk_dir(c, id);
        jm_slow_discard(c, dir);
        free(dir);
    }
    if (asked) {
        c->job.asked_ended(c->job.arg, id, NULL, reason);
    }
}

void jm_pending_fail(jm_coordinator *c, jm_pending *p, bool counts, const char *format, ...)
{
    char reason[REASON_MAX], text[REASON_MAX + 128] = "";
    va_list args;
    va_start(args, format);
    (void)vsnprintf(reason, sizeof reason, format, args);
    va_end(args);
    if (p->kind == WSL__PB__CHECKPOINT_KIND__STOP_SAVEPOINT && p->prepared) {
        (void)snprintf(text, sizeof text, "stopping with savepoint %" PRIu64 " failed: %s", p->id, reason);
    } else if (counts && p->kind == WSL__PB__CHECKPOINT_KIND__CHECKPOINT && jm_policy_on_failed(&c->policy)) {
        (void)snprintf(text, sizeof text,
                       "checkpoint %" PRIu64 " failed, the %u. in a row, and at most %u may "
                       "(execution.checkpointing.tolerable-failed-checkpoints): %s",
                       p->id, c->policy.failed_in_row, c->policy.tolerable, reason);
    }
    if (p->prepared) {
        jm_tell_all(c, p->id, false);
    }
    bury(c, p, reason);
    if (text[0] != '\0') {
        c->job.fail(c->job.arg, text);
    }
}

void jm_coordinator_stop(jm_coordinator *c, const char *reason)
{
    c->running = false;
    jm_policy_on_stopped(&c->policy);
    for (jm_pending *p = c->pending; p != NULL;) {
        if (p->state == JM_CHECKPOINT_PENDING) {
            if (p->prepared) {
                jm_tell_all(c, p->id, false); /* some of them may go on as if nothing had been */
            }
            bury(c, p, reason);
            p = c->pending; /* others may have gone as well */
        } else {
            p = p->next;
        }
    }
}
