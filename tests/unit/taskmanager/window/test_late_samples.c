/* The ring of late rows, alone and with a reader on another thread. */
#include "harness/wsl_test.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "taskmanager/window/late_samples.h"

static void add(tm_late_samples *s, int64_t i)
{
    tm_late_sample sample;
    memset(&sample, 0, sizeof sample);
    sample.timestamp = i;
    sample.watermark = 2 * i;
    sample.lateness_ms = i;
    (void)snprintf(sample.key, sizeof sample.key, "{key=%lld}", (long long)i);
    tm_late_samples_add(s, &sample);
}

Test(late_samples, the_newest_come_first)
{
    WSL_AUTO(tm_late_samples) s = tm_late_samples_new();
    tm_late_sample out[TM_LATE_SAMPLES];
    cr_assert_eq(tm_late_samples_read(s, out, TM_LATE_SAMPLES), 0);
    for (int64_t i = 1; i <= 3; i++) {
        add(s, i);
    }
    cr_assert_eq(tm_late_samples_total(s), 3);
    cr_assert_eq(tm_late_samples_read(s, out, TM_LATE_SAMPLES), 3);
    cr_assert_eq(out[0].timestamp, 3);
    cr_assert_eq(out[2].timestamp, 1);
    cr_assert_eq(out[0].number, 3);
    cr_assert_str_eq(out[1].key, "{key=2}");
}

Test(late_samples, a_hundred_are_kept)
{
    WSL_AUTO(tm_late_samples) s = tm_late_samples_new();
    tm_late_sample out[TM_LATE_SAMPLES];
    for (int64_t i = 1; i <= 1000; i++) {
        add(s, i);
    }
    cr_assert_eq(tm_late_samples_total(s), 1000);
    cr_assert_eq(tm_late_samples_read(s, out, TM_LATE_SAMPLES), TM_LATE_SAMPLES);
    cr_assert_eq(out[0].timestamp, 1000);
    cr_assert_eq(out[TM_LATE_SAMPLES - 1].timestamp, 901);
    cr_assert_eq(tm_late_samples_read(s, out, 5), 5);
}

typedef struct shared {
    tm_late_samples *s;
    atomic_bool done;
} shared;

static void *write_many(void *arg)
{
    shared *sh = arg;
    for (int64_t i = 1; i <= 200000; i++) {
        add(sh->s, i);
    }
    atomic_store(&sh->done, true);
    return NULL;
}

Test(late_samples, a_reader_never_sees_half_a_sample)
{
    shared sh = {.s = tm_late_samples_new()};
    tm_late_sample out[TM_LATE_SAMPLES];
    pthread_t writer;
    cr_assert_eq(pthread_create(&writer, NULL, write_many, &sh), 0);
    while (!atomic_load(&sh.done)) {
        const uint32_t n = tm_late_samples_read(sh.s, out, TM_LATE_SAMPLES);
        for (uint32_t i = 0; i < n; i++) {
            char key[TM_LATE_KEY_TEXT];
            (void)snprintf(key, sizeof key, "{key=%lld}", (long long)out[i].timestamp);
            cr_assert_eq(out[i].watermark, 2 * out[i].timestamp);
            cr_assert_eq((int64_t)out[i].number, out[i].timestamp);
            cr_assert_str_eq(out[i].key, key);
        }
    }
    (void)pthread_join(writer, NULL);
    cr_assert_eq(tm_late_samples_read(sh.s, out, TM_LATE_SAMPLES), TM_LATE_SAMPLES);
    tm_late_samples_free(sh.s);
}
