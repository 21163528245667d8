/*
 * test_window_graphs - windows of jobs in JSON on clusters, at parallelism one and three: session, count and global windows over
 * rows 0 .. 2999 of 13 keys, with a pause behind each hundred; results as a set against loops in this file.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/mini_cluster.h"
#include "harness/wsl_test.h"

WSL_ROW(result, (int64, key), (int64, n), (int64, sum));

enum { SECONDS = 1000, ROWS = 3000, KEYS = 13, BLOCK = 100 };

static const char job[] =
    "{\"parallelism\": %u, \"operators\": ["
    "{\"name\": \"in\", \"source\": \"datagen\", \"parallelism\": 1, \"schema\": {\"id\": \"BIGINT\"},"
    " \"options\": {\"fields\": \"id sequence 0 1000000\", \"number-of-rows\": 3000}},"
    "{\"name\": \"shaped\", \"parallelism\": 1, \"select\": \"id, id % 13 AS key, id * 10 + (id - id % 100) * 10 AS at\"},"
    "{\"name\": \"on-time\", \"parallelism\": 1, \"watermarks\": {\"timestamp\": \"at\"}},"
    "{\"name\": \"windows\", \"key_by\": [\"key\"], \"window\": %s, \"aggregate\": \"key, COUNT(*) AS n, SUM(id) AS total\"},"
    "{\"name\": \"out\", \"sink\": \"collect\", \"parallelism\": 1}]}";

typedef struct tally {
    uint64_t n, sum;
} tally;

static void count_in(tally *t, int64_t key, int64_t n, int64_t sum)
{
    uint64_t h = (uint64_t)key * 31 + (uint64_t)n * 7919 + (uint64_t)sum * 1000003;
    h = (h ^ (h >> 31)) * UINT64_C(0x9E3779B97F4A7C15);
    t->n++;
    t->sum += h ^ (h >> 29);
}

typedef struct gathering {
    mini_cluster *c;
    wsl_id job;
    tally got;
} gathering;

static void take(void *arg, const wsl_row *row)
{
    gathering *g = arg;
    count_in(&g->got, result_key(row), result_n(row), result_sum(row));
}

static bool gathered(void *arg)
{
    gathering *g = arg;
    return mini_cluster_collect(g->c, &g->job, take, g);
}

static void run(uint32_t parallelism, const char *windows, tally wanted)
{
    char json[2048];
    wsl_error err = {0};
    gathering g = {.c = mini_cluster_start(parallelism, 1, NULL)};
    const char *percent = strchr(job, '%');
    int size = snprintf(json, sizeof json, "%.*s%u", (int)(percent - job), job, parallelism);
    const char *mark = strstr(job, "%s");
    size += snprintf(json + size, sizeof json - (size_t)size, "%.*s%s%s", (int)(mark - percent - 2), percent + 2, windows,
                     mark + 2);
    cr_assert_eq(mini_cluster_submit_json(g.c, json, &g.job, &err), WSL_OK, "%s: %s", windows, err.text);
    cr_assert(mini_cluster_run(g.c, gathered, &g, 100 * SECONDS), "rows did not end: %s", mini_cluster_failure(g.c, &g.job));
    cr_assert(mini_cluster_await(g.c, &g.job, "FINISHED", 30 * SECONDS), "%s", mini_cluster_failure(g.c, &g.job));
    cr_assert_eq(g.got.n, wanted.n, "%s: %llu results, not %llu", windows, (unsigned long long)g.got.n,
                 (unsigned long long)wanted.n);
    cr_assert_eq(g.got.sum, wanted.sum, "%s: other results than wanted", windows);
    mini_cluster_stop(g.c);
}

/* Groups of `each` rows of a key, in order, made anew behind each block of rows. */
static tally groups(int64_t block, int64_t each)
{
    tally t = {0};
    for (int64_t k = 0; k < KEYS; k++) {
        int64_t n = 0, sum = 0;
        for (int64_t i = 0; i < ROWS; i++) {
            n += i % KEYS == k;
            sum += i % KEYS == k ? i : 0;
            if ((block > 0 && (i + 1) % block == 0 && n > 0) || (each > 0 && n == each)) {
                count_in(&t, k, n, sum);
                n = sum = 0;
            }
        }
    }
    return t;
}

/* All rows of a key so far, at each `each` of them. */
static tally so_far(int64_t each)
{
    tally t = {0};
    for (int64_t k = 0; k < KEYS; k++) {
        int64_t n = 0, sum = 0;
        for (int64_t i = k; i < ROWS; i += KEYS) {
            n++;
            sum += i;
            if (n % each == 0) {
                count_in(&t, k, n, sum);
            }
        }
    }
    return t;
}

Test(window_graphs, sessions)
{
    run(1, "{\"session\": \"500 ms\"}", groups(BLOCK, 0));
    run(3, "{\"session\": \"500 ms\"}", groups(BLOCK, 0));
}

Test(window_graphs, count_windows)
{
    run(1, "{\"count\": 7}", groups(0, 7));
    run(3, "{\"count\": 7}", groups(0, 7));
}

Test(window_graphs, global_windows_with_a_count_trigger)
{
    run(1, "{\"global\": true, \"trigger\": \"count\", \"trigger-count\": 10}", so_far(10));
    run(3, "{\"global\": true, \"trigger\": \"count\", \"trigger-count\": 10}", so_far(10));
}
