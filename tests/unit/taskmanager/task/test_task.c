/* How much a task takes at a time, and how it books time. */
#include "task_kit.h"

enum { MS = WSL_NS_PER_MS };

Test(task, a_step_begins_with_one_row_and_doubles_while_steps_are_short)
{
    task_kit k;
    tm_step step;
    kit_open(&k, 1, "n >= 0");
    kit_send(&k, 0, 1000, 0);
    uint64_t want = 1;
    for (uint64_t done = 0; done < 1000;) {
        const uint64_t took = kit_step(&k, &step);
        cr_assert_eq(took, want < 1000 - done ? want : 1000 - done, "after %llu rows", (unsigned long long)done);
        done += took;
        want *= 2;
    }
    (void)kit_step(&k, &step);
    cr_assert_eq(step, TM_STEP_IDLE);
    kit_close(&k);
}

Test(task, a_step_takes_as_many_rows_as_fit_into_a_short_time)
{
    task_kit k;
    tm_step step;
    kit_open(&k, 1, "n >= 0");
    k.row_ns = MS;
    uint64_t most = 0, done = 0;
    kit_send(&k, 0, 500, 0);
    while (done < 500) {
        const uint64_t took = kit_step(&k, &step);
        most = took > most ? took : most;
        done += took;
    }
    cr_assert(most >= 4 && most <= 20, "a row of 1 ms: %llu rows at a time", (unsigned long long)most);
    kit_close(&k);
}

Test(task, a_task_whose_rows_become_expensive_takes_fewer_at_once)
{
    task_kit k;
    tm_step step;
    kit_open(&k, 1, "n >= 0");
    for (int i = 0; i < 12; i++) {
        kit_send(&k, 0, 512, 0);
        while (kit_step(&k, &step) > 0) {
        }
    }
    cr_assert_geq(k.task->rows_per_step, 512);
    k.row_ns = 3 * MS;
    kit_send(&k, 0, 512, 0);
    kit_send(&k, 0, 512, 0);
    cr_assert_gt(kit_step(&k, &step), 100, "it could not know");
    uint64_t took = kit_step(&k, &step);
    cr_assert(took >= 1 && took <= 7, "%llu rows of 3 ms", (unsigned long long)took);
    k.row_ns = 100 * MS;
    (void)kit_step(&k, &step);
    cr_assert_eq(kit_step(&k, &step), 1, "one row that takes long is one step");
    k.row_ns = 0;
    for (int i = 0; i < 3; i++) {
        (void)kit_step(&k, &step);
    }
    cr_assert_geq(kit_step(&k, &step), 4, "and it recovers");
    kit_close(&k);
}

Test(task, time_in_steps_is_busy_and_time_without_input_is_idle)
{
    task_kit k;
    tm_step step;
    Wsl__Pb__TaskMetrics m;
    kit_open(&k, 1, "n >= 0");
    k.row_ns = 2 * MS;
    (void)kit_step(&k, &step);
    k.now_ns += 30 * MS; /* nothing came */
    kit_send(&k, 0, 10, 0);
    while (kit_step(&k, &step) > 0) {
    }
    cr_assert_eq(step, TM_STEP_IDLE);
    tm_task_publish(k.task);
    tm_task_fill_metrics(k.task, k.now_ns, &m);
    cr_assert_eq(m.records_in, 10);
    cr_assert_eq(m.busy_ns, 20 * MS);
    cr_assert_eq(m.idle_ns, 30 * MS);
    cr_assert_eq(m.backpressured_ns, 0);
    cr_assert_eq(m.n_inputs, 1);
    wsl__pb__task_metrics__free_unpacked((Wsl__Pb__TaskMetrics *)(void *)wsl_memdup(&m, sizeof m), NULL);
    kit_close(&k);
}

Test(task, watermarks_of_channels_become_one_and_the_end_of_all_ends_it)
{
    task_kit k;
    tm_step step;
    kit_open(&k, 2, "n >= 0");
    kit_send_mark(&k, 0, WSL_KIND_WATERMARK, 50);
    kit_send_mark(&k, 1, WSL_KIND_WATERMARK, 20);
    (void)kit_step(&k, &step);
    (void)kit_step(&k, &step);
    tm_task_publish(k.task);
    int64_t watermark = atomic_load(&tm_task_get_shared(k.task)->input_watermark);
    cr_assert_eq(watermark, 20, "%lld", (long long)watermark);
    kit_send_mark(&k, 1, WSL_KIND_IDLE, 0);
    (void)kit_step(&k, &step);
    tm_task_publish(k.task);
    watermark = atomic_load(&tm_task_get_shared(k.task)->input_watermark);
    cr_assert_eq(watermark, 50, "%lld", (long long)watermark);
    kit_send_mark(&k, 0, WSL_KIND_END, 0);
    kit_send_mark(&k, 1, WSL_KIND_END, 0);
    for (int i = 0; i < 4 && step != TM_STEP_ENDED; i++) {
        (void)kit_step(&k, &step);
    }
    cr_assert_eq(step, TM_STEP_ENDED);
    cr_assert_eq(tm_task_state(k.task), WSL__PB__TASK_STATE__TASK_FINISHED);
    kit_close(&k);
}

Test(task, a_channel_that_ends_twice_fails_the_task)
{
    task_kit k;
    tm_step step;
    kit_open(&k, 2, "n >= 0");
    kit_send_mark(&k, 0, WSL_KIND_END, 0);
    kit_send_mark(&k, 0, WSL_KIND_END, 0);
    (void)kit_step(&k, &step);
    (void)kit_step(&k, &step);
    cr_assert_eq(tm_task_state(k.task), WSL__PB__TASK_STATE__TASK_FAILED);
    cr_assert(has_text(tm_task_error(k.task)->text, "an input channel ended twice"));
    kit_close(&k);
}

Test(task, a_row_that_fails_names_operator_and_row)
{
    task_kit k;
    tm_step step;
    kit_open(&k, 1, "10 / n > 0");
    kit_send(&k, 0, 1, 0);
    (void)kit_step(&k, &step);
    cr_assert_eq(tm_task_state(k.task), WSL__PB__TASK_STATE__TASK_FAILED);
    cr_assert(has_text(tm_task_error(k.task)->text, "operator 'keep'"), "%s", tm_task_error(k.task)->text);
    cr_assert(has_text(tm_task_error(k.task)->text, "{n=0}"), "%s", tm_task_error(k.task)->text);
    kit_close(&k);
}
