#include "jobmanager/split_names.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <wiesel/row.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/strbuf.h"

enum { SUBTASKS_MAX = WSL_ROW_SPLITS / 2 }; /* the other half is for splits, however many subtasks there are */

static void set(jm_split_names *s, uint32_t number, char *name)
{
    if (number >= s->room) {
        const uint32_t room = number < 32 ? 64 : 2 * number;
        s->names = wsl_realloc(s->names, room * sizeof *s->names);
        memset(s->names + s->room, 0, (room - s->room) * sizeof *s->names);
        s->room = room;
    }
    free(s->names[number]);
    s->names[number] = name;
}

void jm_split_names_init(jm_split_names *s, const wsl_job_plan *plan)
{
    *s = (jm_split_names){.subtasks = wsl_calloc(plan->n_vertices + 1, sizeof *s->subtasks), .next = 1};
    for (uint32_t v = 0; v < plan->n_vertices; v++) {
        const wsl_vertex *vertex = &plan->vertices[v];
        const Wsl__Pb__Operator *head = plan->graph->operators[vertex->operators[0]];
        if (strcmp(head->kind, "source") != 0 || vertex->parallelism > SUBTASKS_MAX - s->next) {
            continue;
        }
        s->subtasks[v] = s->next;
        for (uint32_t i = 0; i < vertex->parallelism; i++) {
            set(s, s->next++, wsl_asprintf("%s, subtask %" PRIu32, head->name, i));
        }
    }
    s->first_split = s->next;
}

void jm_split_names_fini(jm_split_names *s)
{
    for (uint32_t i = 0; i < s->room; i++) {
        free(s->names[i]);
    }
    free(s->names);
    free(s->subtasks);
    *s = (jm_split_names){0};
}

uint32_t jm_split_names_give(jm_split_names *s, const char *name)
{
    const uint32_t number = s->next;
    WSL_ASSERT(number >= s->first_split && number < WSL_ROW_SPLITS);
    set(s, number, wsl_strdup(name));
    s->next = number + 1 < WSL_ROW_SPLITS ? number + 1 : s->first_split;
    return number;
}

uint32_t jm_split_names_subtask(const jm_split_names *s, const wsl_job_plan *plan, uint32_t vertex, uint32_t subtask)
{
    WSL_ASSERT(vertex < plan->n_vertices && subtask < plan->vertices[vertex].parallelism);
    return s->subtasks[vertex] == 0 ? 0 : s->subtasks[vertex] + subtask;
}

const char *jm_split_names_get(const jm_split_names *s, uint32_t number)
{
    return number < s->room && s->names[number] != NULL ? s->names[number] : "";
}
