#include "taskmanager/async/helper_turns.h"

#include "base/alloc.h"
#include "base/assert.h"

void tm_helper_turns_init(tm_helper_turns *t) { *t = (tm_helper_turns){.last = &t->first}; }

/* ---- lines ---- */

static void append_owner(tm_helper_turns *t, tm_helper_owner *o)
{
    o->next = NULL;
    *t->last = o;
    t->last = &o->next;
}

static void append_group(tm_helper_owner *o, tm_helper_group *g)
{
    g->next = NULL;
    *o->last = g;
    o->last = &g->next;
}

/* Takes the owner at *at out of the line. */
static tm_helper_owner *unlink_owner(tm_helper_turns *t, tm_helper_owner **at)
{
    tm_helper_owner *o = *at;
    *at = o->next;
    t->last = o->next == NULL ? at : t->last;
    return o;
}

static tm_helper_group *unlink_group(tm_helper_owner *o, tm_helper_group **at)
{
    tm_helper_group *g = *at;
    *at = g->next;
    o->last = g->next == NULL ? at : o->last;
    return g;
}

/* An owner without a group in line is forgotten, others go on waiting at the end of the line. */
static void put_back(tm_helper_turns *t, tm_helper_owner *o)
{
    if (o->first == NULL) {
        free(o);
    } else {
        append_owner(t, o);
    }
}

/* ---- turns ---- */

static tm_helper_owner *owner_of(tm_helper_turns *t, const wsl_id *id)
{
    tm_helper_owner *o = t->first;
    while (o != NULL && !wsl_id_equal(&o->id, id)) {
        o = o->next;
    }
    if (o == NULL) {
        o = wsl_zalloc(sizeof *o);
        *o = (tm_helper_owner){.id = *id, .last = &o->first};
        append_owner(t, o);
    }
    return o;
}

void tm_helper_turns_add(tm_helper_turns *t, tm_helper_group *g, tm_helper_job *job)
{
    job->next = NULL;
    if (g->first == NULL) {
        g->last = &g->first;
        append_group(owner_of(t, &g->owner), g);
    }
    *g->last = job;
    g->last = &job->next;
}

static bool may_go(const tm_helper_group *g, bool only_waiting) { return !only_waiting || g->running == 0; }

tm_helper_job *tm_helper_turns_take(tm_helper_turns *t, bool only_waiting)
{
    for (tm_helper_owner **at = &t->first; *at != NULL; at = &(*at)->next) {
        tm_helper_group **group_at = &(*at)->first;
        while (*group_at != NULL && !may_go(*group_at, only_waiting)) {
            group_at = &(*group_at)->next;
        }
        if (*group_at == NULL) {
            continue;
        }
        tm_helper_owner *o = unlink_owner(t, at);
        tm_helper_group *g = unlink_group(o, group_at);
        tm_helper_job *job = g->first;
        g->first = job->next;
        if (g->first != NULL) {
            append_group(o, g);
        }
        put_back(t, o);
        return job;
    }
    return NULL;
}

bool tm_helper_turns_has(const tm_helper_turns *t, bool only_waiting)
{
    for (const tm_helper_owner *o = t->first; o != NULL; o = o->next) {
        for (const tm_helper_group *g = o->first; g != NULL; g = g->next) {
            if (may_go(g, only_waiting)) {
                return true;
            }
        }
    }
    return false;
}

tm_helper_job *tm_helper_turns_take_all(tm_helper_turns *t, tm_helper_group *group)
{
    tm_helper_job *jobs = group->first;
    if (jobs == NULL) {
        return NULL;
    }
    tm_helper_owner **at = &t->first;
    while (*at != NULL && !wsl_id_equal(&(*at)->id, &group->owner)) {
        at = &(*at)->next;
    }
    WSL_ASSERT(*at != NULL);
    tm_helper_group **group_at = &(*at)->first;
    while (*group_at != group) {
        group_at = &(*group_at)->next;
    }
    (void)unlink_group(*at, group_at);
    if ((*at)->first == NULL) {
        free(unlink_owner(t, at));
    }
    group->first = NULL;
    return jobs;
}
