#include "taskmanager/task/task_counts.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "taskmanager/ops/state_report.h"

struct tm_task_count {
    tm_task_count *next; /* does not change once the entry can be found */
    char *name;
    bool is_error;
    _Atomic(int64_t) value;
};

void tm_task_counts_fini(tm_task_counts *counts)
{
    for (tm_task_count *c = atomic_load(&counts->first), *next; c != NULL; c = next) {
        next = c->next;
        free(c->name);
        free(c);
    }
    for (uint32_t i = 0; i < counts->n_operators; i++) {
        free(counts->operators[i].entries);
    }
    free(counts->operators);
    *counts = (tm_task_counts){0};
}

/* "<operator>.<metric>". Metrics have dots of their own ("state.sums.keys"), so the operator's name has none: blanks, colons, dots and
 * commas in it become "_". */
static char *full_name(const char *operator_name, const char *metric)
{
    char *name = wsl_asprintf("%s.%s", operator_name, metric);
    for (size_t i = 0; operator_name[i] != '\0'; i++) {
        name[i] = strchr(" :.,", name[i]) != NULL ? '_' : name[i];
    }
    return name;
}

static void add_entry(tm_task_counts *counts, uint32_t i, const tm_op *op)
{
    struct tm_task_counts_of *of = &counts->operators[i];
    const char *metric = op->counts[of->n].name;
    tm_task_count *c = wsl_zalloc(sizeof *c);

    c->name = full_name(op->name, metric);
    c->is_error = strcmp(metric, "numRecordsInErrors") == 0;
    c->next = atomic_load_explicit(&counts->first, memory_order_relaxed);
    of->entries = wsl_realloc(of->entries, (of->n + 1) * sizeof(tm_task_count *));
    of->entries[of->n++] = c;
    atomic_store_explicit(&counts->first, c, memory_order_release);
}

void tm_task_counts_publish(tm_task_counts *counts, tm_chain *chain)
{
    const uint32_t n = tm_chain_size(chain);

    if (counts->operators == NULL) {
        counts->operators = wsl_calloc(n, sizeof *counts->operators);
        counts->n_operators = n;
    }
    for (uint32_t i = 0; i < n; i++) {
        tm_op *op = tm_chain_op(chain, i);
        if (op->opened) {
            tm_state_report_update(op);
        }
        while (counts->operators[i].n < op->n_counts) {
            add_entry(counts, i, op);
        }
        for (uint32_t k = 0; k < op->n_counts; k++) {
            atomic_store_explicit(&counts->operators[i].entries[k]->value, op->counts[k].value, memory_order_relaxed);
        }
    }
}

void tm_task_counts_fill(tm_task_counts *counts, Wsl__Pb__TaskMetrics *m)
{
    tm_task_count *first = atomic_load_explicit(&counts->first, memory_order_acquire);
    size_t n = 0;

    for (const tm_task_count *c = first; c != NULL; c = c->next) {
        n++;
    }
    m->counts = wsl_calloc(n + 1, sizeof *m->counts);
    m->n_counts = n;
    for (tm_task_count *c = first; c != NULL; c = c->next) {
        Wsl__Pb__NamedCount *out = wsl_zalloc(sizeof *out);
        wsl__pb__named_count__init(out);
        out->name = wsl_strdup(c->name);
        out->value = atomic_load_explicit(&c->value, memory_order_relaxed);
        m->counts[--n] = out; /* the oldest first */
        m->records_in_errors += c->is_error ? (uint64_t)out->value : 0;
    }
}
