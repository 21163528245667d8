#include "graph/parallelism.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"

static uint32_t min(uint32_t a, uint32_t b) { return a < b ? a : b; }

uint32_t *wsl_parallelism_of(const wsl_job_plan *plan)
{
    uint32_t *list = wsl_calloc(plan->graph->n_operators, sizeof *list);
    for (size_t i = 0; i < plan->graph->n_operators; i++) {
        list[i] = plan->graph->operators[i]->parallelism;
    }
    return list;
}

uint32_t wsl_parallelism_widest(const wsl_job_plan *plan, const uint32_t *made_with)
{
    uint32_t most = 0;
    for (size_t i = 0; i < plan->graph->n_operators; i++) {
        most = made_with[i] > most ? made_with[i] : most;
    }
    return most;
}

static bool is_first_of_group(const wsl_job_plan *plan, uint32_t vertex)
{
    for (uint32_t v = 0; v < vertex; v++) {
        if (strcmp(plan->vertices[v].slot_group, plan->vertices[vertex].slot_group) == 0) {
            return false;
        }
    }
    return true;
}

/* Sum over slot groups of the largest parallelism. */
static uint64_t slots_with(const wsl_job_plan *plan, const uint32_t *made_with, uint32_t cap)
{
    uint64_t slots = 0;
    for (uint32_t v = 0; v < plan->n_vertices; v++) {
        uint32_t most = 0;
        for (uint32_t w = v; w < plan->n_vertices && is_first_of_group(plan, v); w++) {
            if (strcmp(plan->vertices[v].slot_group, plan->vertices[w].slot_group) == 0) {
                const uint32_t p = min(made_with[plan->vertices[w].operators[0]], cap);
                most = p > most ? p : most;
            }
        }
        slots += most;
    }
    return slots;
}

uint32_t wsl_parallelism_fit(const wsl_job_plan *plan, const uint32_t *made_with, uint32_t slots)
{
    uint32_t fits = 0, too_much = wsl_parallelism_widest(plan, made_with) + 1;
    while (too_much - fits > 1) {
        const uint32_t cap = fits + (too_much - fits) / 2;
        if (slots_with(plan, made_with, cap) <= slots) {
            fits = cap;
        } else {
            too_much = cap;
        }
    }
    return fits;
}

void wsl_parallelism_cap(wsl_job_plan *plan, const uint32_t *made_with, uint32_t cap)
{
    WSL_ASSERT(cap > 0);
    for (size_t i = 0; i < plan->graph->n_operators; i++) {
        plan->graph->operators[i]->parallelism = min(made_with[i], cap);
    }
    for (uint32_t v = 0; v < plan->n_vertices; v++) {
        plan->vertices[v].parallelism = plan->graph->operators[plan->vertices[v].operators[0]]->parallelism;
    }
    plan->slots_needed = (uint32_t)slots_with(plan, made_with, cap);
}
