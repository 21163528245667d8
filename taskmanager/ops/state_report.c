#include "taskmanager/ops/state_report.h"

#include "base/alloc.h"
#include "taskmanager/ops/op_lists.h"

typedef struct one_state {
    tm_state *state;
    uint32_t n;
    char **metrics; /* "state.<name>.keys" */
} one_state;

struct tm_state_report {
    uint32_t n;
    one_state *states;
};

void tm_state_report_add(tm_op *op, tm_state *state, const tm_state_spec *specs, uint32_t n)
{
    if (op->state_report == NULL) {
        op->state_report = wsl_zalloc(sizeof *op->state_report);
    }
    struct tm_state_report *r = op->state_report;
    r->states = wsl_realloc(r->states, (r->n + 1) * sizeof *r->states);
    one_state *one = &r->states[r->n++];
    *one = (one_state){.state = state, .n = n, .metrics = wsl_calloc(n + 1, sizeof *one->metrics)};
    for (uint32_t i = 0; i < n; i++) {
        one->metrics[i] = wsl_asprintf("state.%s.keys", specs[i].name);
    }
}

void tm_state_report_fini(tm_op *op)
{
    struct tm_state_report *r = op->state_report;
    if (r == NULL) {
        return;
    }
    for (uint32_t i = 0; i < r->n; i++) {
        for (uint32_t k = 0; k < r->states[i].n; k++) {
            free(r->states[i].metrics[k]);
        }
        free(r->states[i].metrics);
    }
    free(r->states);
    free(r);
    op->state_report = NULL;
}

static uint64_t update_lists(tm_op *op)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; op->lists != NULL && i < tm_op_lists_count(op->lists); i++) {
        const tm_op_list *l = tm_op_lists_at(op->lists, i);
        char *metric = wsl_asprintf("state.%s.elements", tm_op_list_name(l));
        tm_op_count_set(op, metric, tm_op_list_size(l));
        free(metric);
        bytes += tm_op_list_bytes(l);
    }
    return bytes;
}

void tm_state_report_update(tm_op *op)
{
    const struct tm_state_report *r = op->state_report;
    uint64_t keys = 0;
    uint64_t bytes = update_lists(op);
    for (uint32_t i = 0; r != NULL && i < r->n; i++) {
        const one_state *one = &r->states[i];
        const tm_state_ops *ops = one->state->ops;
        keys += ops->keys(one->state);
        bytes += ops->bytes(one->state);
        for (uint32_t k = 0; k < one->n; k++) {
            tm_op_count_set(op, one->metrics[k], (int64_t)ops->keys_of(one->state, k));
        }
    }
    if (r != NULL || bytes != 0) {
        tm_op_count_set(op, "stateKeys", (int64_t)keys);
        tm_op_count_set(op, "stateBytes", (int64_t)bytes);
    }
}
