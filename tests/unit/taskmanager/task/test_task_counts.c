/* User metrics, where other threads read them. */
#include "task_kit.h"

#include <pthread.h>

#include "taskmanager/task/task_counts.h"

static int64_t value_of(tm_task_counts *counts, const char *name, uint32_t *out_n, uint64_t *out_errors)
{
    int64_t value = -1;
    Wsl__Pb__TaskMetrics *m = wsl_alloc(sizeof *m);
    wsl__pb__task_metrics__init(m);
    tm_task_counts_fill(counts, m);
    for (size_t i = 0; i < m->n_counts; i++) {
        value = strcmp(m->counts[i]->name, name) == 0 ? m->counts[i]->value : value;
    }
    *out_n = (uint32_t)m->n_counts;
    *out_errors = m->records_in_errors;
    wsl__pb__task_metrics__free_unpacked(m, NULL);
    return value;
}

Test(task_counts, a_metric_appears_with_its_operator_once_it_was_published)
{
    task_kit k;
    uint32_t n;
    uint64_t errors;
    tm_task_counts counts = {0};
    kit_open(&k, 1, "n >= 0");
    tm_op *op = tm_chain_head(k.task->chain);
    cr_assert_eq(value_of(&counts, "keep.seen", &n, &errors), -1);
    tm_op_count_add(op, "seen", 3);
    cr_assert_eq(value_of(&counts, "keep.seen", &n, &errors), -1, "not before it is published");
    tm_task_counts_publish(&counts, k.task->chain);
    cr_assert_eq(value_of(&counts, "keep.seen", &n, &errors), 3);
    tm_op_count_add(op, "seen", 4);
    tm_op_count_add(op, "numRecordsInErrors", 2);
    tm_task_counts_publish(&counts, k.task->chain);
    cr_assert_eq(value_of(&counts, "keep.seen", &n, &errors), 7);
    cr_assert_eq(n, 2);
    cr_assert_eq(errors, 2);
    tm_task_counts_fini(&counts);
    kit_close(&k);
}

Test(task_counts, only_a_metric_has_dots_in_its_name)
{
    task_kit k;
    uint32_t n;
    uint64_t errors;
    tm_task_counts counts = {0};
    kit_open(&k, 1, "n >= 0");
    tm_op *op = tm_chain_head(k.task->chain);
    const char *was = op->name;
    op->name = "my op: a.b";
    tm_op_count_add(op, "state.sums.keys", 3);
    tm_task_counts_publish(&counts, k.task->chain);
    cr_assert_eq(value_of(&counts, "my_op__a_b.state.sums.keys", &n, &errors), 3);
    tm_task_counts_fini(&counts);
    op->name = was;
    kit_close(&k);
}

Test(task_counts, there_is_an_end_to_the_metrics_of_an_operator)
{
    task_kit k;
    uint32_t n;
    uint64_t errors;
    char name[32];
    tm_task_counts counts = {0};
    kit_open(&k, 1, "n >= 0");
    for (int i = 0; i < 2 * TM_OP_COUNTS_MAX; i++) {
        snprintf(name, sizeof name, "m%d", i);
        tm_op_count_add(tm_chain_head(k.task->chain), name, 1);
    }
    tm_task_counts_publish(&counts, k.task->chain);
    cr_assert_eq(value_of(&counts, "keep.m0", &n, &errors), 1);
    cr_assert_eq(n, TM_OP_COUNTS_MAX);
    tm_task_counts_fini(&counts);
    kit_close(&k);
}

typedef struct reader {
    tm_task_counts *counts;
    _Atomic(bool) stop;
    bool went_back;
} reader;

static void *read_all_the_time(void *arg)
{
    reader *r = arg;
    int64_t last = -1; /* not there yet */
    while (!atomic_load(&r->stop)) {
        uint32_t n;
        uint64_t errors;
        const int64_t value = value_of(r->counts, "keep.m0", &n, &errors);
        r->went_back |= value < last;
        last = value > last ? value : last;
    }
    return NULL;
}

Test(task_counts, readers_on_other_threads_see_values_that_only_grow)
{
    task_kit k;
    char name[32];
    pthread_t thread;
    tm_task_counts counts = {0};
    reader r = {.counts = &counts};
    kit_open(&k, 1, "n >= 0");
    cr_assert_eq(pthread_create(&thread, NULL, read_all_the_time, &r), 0);
    for (int i = 0; i < 3000; i++) {
        snprintf(name, sizeof name, "m%d", i % 100);
        tm_op_count_add(tm_chain_head(k.task->chain), name, 1);
        tm_task_counts_publish(&counts, k.task->chain);
    }
    atomic_store(&r.stop, true);
    (void)pthread_join(thread, NULL);
    cr_assert_not(r.went_back);
    tm_task_counts_fini(&counts);
    kit_close(&k);
}
