/* Numbers for people. */
#include <stdlib.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "jobmanager/ckpt/coordinator_core.h"

static void stats_free(jm_checkpoint_stats *s)
{
    free(s->reason);
    free(s->directory);
    free(s->tasks);
    free(s);
}

static bool is_over(const jm_checkpoint_stats *s)
{
    return s->state == JM_CHECKPOINT_COMPLETED || s->state == JM_CHECKPOINT_FAILED;
}

/* The oldest that is over goes; those under way are pointed to. */
static void make_room(jm_coordinator *c)
{
    uint32_t i = 0;
    while (i < c->n_history && !is_over(c->history[i])) {
        i++;
    }
    if (c->n_history < c->history_max || i == c->n_history) {
        return;
    }
    stats_free(c->history[i]);
    for (c->n_history--; i < c->n_history; i++) {
        c->history[i] = c->history[i + 1];
    }
}

jm_checkpoint_stats *jm_history_add(jm_coordinator *c, const jm_pending *p)
{
    make_room(c);
    jm_checkpoint_stats *s = wsl_zalloc(sizeof *s);
    s->id = p->id;
    s->state = JM_CHECKPOINT_PENDING;
    s->kind = p->kind;
    s->trigger_ms = p->trigger_ms;
    s->end_ms = -1;
    s->last_ack_ms = -1;
    s->n_tasks = c->n_tasks;
    s->tasks = wsl_calloc(c->n_tasks, sizeof *s->tasks);
    c->history = wsl_realloc(c->history, (c->n_history + 1) * sizeof(jm_checkpoint_stats *));
    c->history[c->n_history++] = s;
    return s;
}

void jm_history_end(jm_coordinator *c, jm_checkpoint_stats *s, jm_checkpoint_state state, const char *text)
{
    s->state = state;
    s->end_ms = wsl_wall_ms(c->options.clock);
    *(state == JM_CHECKPOINT_COMPLETED ? &s->directory : &s->reason) = wsl_strdup(text);
    s->discarded = state == JM_CHECKPOINT_FAILED;
}

void jm_history_discarded(jm_coordinator *c, uint64_t id)
{
    for (uint32_t i = 0; i < c->n_history; i++) {
        if (c->history[i]->id == id) {
            c->history[i]->discarded = true;
        }
    }
}

void jm_history_fini(jm_coordinator *c)
{
    for (uint32_t i = 0; i < c->n_history; i++) {
        stats_free(c->history[i]);
    }
    free(c->history);
}

jm_checkpoint_counts jm_coordinator_counts(const jm_coordinator *c) { return c->counts; }

void jm_coordinator_note_restored(jm_coordinator *c, uint64_t checkpoint)
{
    for (uint32_t i = 0; i < c->n_retained; i++) {
        const jm_retained *r = &c->retained[i];
        if (r->id != checkpoint) {
            continue;
        }
        free(c->restored_path);
        c->restored_path = wsl_strdup(r->dir);
        c->restored = (jm_checkpoint_restored){
            .id = checkpoint,
            .at_ms = wsl_wall_ms(c->options.clock),
            .savepoint = r->meta->savepoint,
            .path = c->restored_path,
        };
        c->counts.restored++;
    }
}

jm_checkpoint_restored jm_coordinator_restored(const jm_coordinator *c) { return c->restored; }

const jm_checkpoint_stats *jm_coordinator_history(const jm_coordinator *c, uint32_t i)
{
    return i < c->n_history ? c->history[c->n_history - 1 - i] : NULL;
}

const jm_checkpoint_stats *jm_coordinator_find_stats(const jm_coordinator *c, uint64_t id)
{
    for (uint32_t i = 0; i < c->n_history; i++) {
        if (c->history[i]->id == id) {
            return c->history[i];
        }
    }
    return NULL;
}

bool jm_coordinator_knows_tasks(const jm_coordinator *c, const jm_checkpoint_stats *stats)
{
    return stats->n_tasks == c->n_tasks;
}

uint32_t jm_coordinator_first_task(const jm_coordinator *c, uint32_t vertex)
{
    WSL_ASSERT(vertex < c->options.plan->n_vertices);
    return c->first[vertex];
}
