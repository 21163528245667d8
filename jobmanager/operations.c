#include "jobmanager/operations.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

struct jm_operations {
    jm_operation **all; /* oldest first */
    uint32_t n;
};

jm_operations *jm_operations_new(void) { return wsl_zalloc(sizeof(jm_operations)); }

static void operation_free(jm_operation *op)
{
    free(op->target);
    free(op->location);
    free(op->failure);
    free(op);
}

void jm_operations_free(jm_operations *o)
{
    if (o == NULL) {
        return;
    }
    for (uint32_t i = 0; i < o->n; i++) {
        operation_free(o->all[i]);
    }
    free(o->all);
    free(o);
}

static void remove_at(jm_operations *o, uint32_t i)
{
    operation_free(o->all[i]);
    o->n--;
    memmove(&o->all[i], &o->all[i + 1], (o->n - i) * sizeof(jm_operation *));
}

/* now: the time at which the newest was done is near enough. */
static void forget(jm_operations *o)
{
    int64_t latest = INT64_MIN;
    for (uint32_t i = 0; i < o->n; i++) {
        latest = o->all[i]->done && o->all[i]->done_ns > latest ? o->all[i]->done_ns : latest;
    }
    for (uint32_t i = 0; i < o->n;) {
        const bool old = o->all[i]->done && latest - o->all[i]->done_ns > JM_OPERATION_KEEP_NS;
        if (old || (o->n >= JM_OPERATIONS_MAX && o->all[i]->done)) {
            remove_at(o, i);
        } else {
            i++;
        }
    }
    if (o->n >= JM_OPERATIONS_MAX) {
        remove_at(o, 0);
    }
}

void jm_operations_add(jm_operations *o, const jm_operation *op)
{
    forget(o);
    jm_operation *copy = wsl_zalloc(sizeof *copy);
    *copy = *op;
    o->all = wsl_realloc(o->all, (o->n + 1) * sizeof(jm_operation *));
    o->all[o->n++] = copy;
}

const jm_operation *jm_operations_at(const jm_operations *o, uint32_t i) { return i < o->n ? o->all[i] : NULL; }

jm_operation *jm_operations_find(const jm_operations *o, const wsl_id *id)
{
    for (uint32_t i = 0; i < o->n; i++) {
        if (wsl_id_equal(&o->all[i]->id, id)) {
            return o->all[i];
        }
    }
    return NULL;
}

void jm_operation_end(jm_operation *op, const char *location, const char *failure, int64_t now_ns)
{
    op->done = true;
    op->done_ns = now_ns;
    op->location = location == NULL ? NULL : wsl_strdup(location);
    op->failure = failure == NULL ? NULL : wsl_strdup(failure);
}

bool jm_operations_end_checkpoint(jm_operations *o, const wsl_id *job, uint64_t checkpoint, const char *location,
                                  const char *failure, int64_t now_ns)
{
    for (uint32_t i = 0; i < o->n; i++) {
        jm_operation *op = o->all[i];
        if (!op->done && op->kind != JM_OPERATION_DISPOSAL && op->checkpoint == checkpoint && wsl_id_equal(&op->job, job)) {
            jm_operation_end(op, location, failure, now_ns);
            return op->cancel && failure == NULL;
        }
    }
    return false;
}
