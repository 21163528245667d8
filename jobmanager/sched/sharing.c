#include "jobmanager/sched/sharing.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"

static const char *group_of(const wsl_vertex *v)
{
    return v->slot_group == NULL || v->slot_group[0] == '\0' ? "default" : v->slot_group;
}

void jm_sharing_init(jm_sharing *sharing, const wsl_job_plan *plan)
{
    *sharing = (jm_sharing){.first = wsl_calloc(plan->n_vertices, sizeof *sharing->first)};
    for (uint32_t i = 0; i < plan->n_vertices; i++) {
        const char *group = group_of(&plan->vertices[i]);
        uint32_t widest = 0;
        bool known = false;
        for (uint32_t j = 0; j < plan->n_vertices; j++) {
            if (strcmp(group_of(&plan->vertices[j]), group) != 0) {
                continue;
            }
            if (j < i) {
                sharing->first[i] = sharing->first[j];
                known = true;
                break;
            }
            widest = widest < plan->vertices[j].parallelism ? plan->vertices[j].parallelism : widest;
        }
        if (!known) {
            sharing->first[i] = sharing->n_slots;
            sharing->n_slots += widest;
        }
    }
    WSL_ASSERT(sharing->n_slots == plan->slots_needed);
}

void jm_sharing_fini(jm_sharing *sharing)
{
    free(sharing->first);
    *sharing = (jm_sharing){0};
}
