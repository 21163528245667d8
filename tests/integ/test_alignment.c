/*
 * test_alignment - sources of one alignment group on a cluster: the fast one waits for the slow one, and only as long as it must.
 */
#include "integ/driven_run.h"

enum { DRIFT = 1000 };

typedef struct fast_state {
    int64_t limit, watermark;
    bool paused;
} fast_state;

static bool fast_is(driven_run *r, const void *arg)
{
    const fast_state *want = arg;
    const Wsl__Pb__GeneratorMetrics *g = driven_generator(r, "a");
    return g != NULL && g->n_splits == 1 && g->limit == want->limit && g->splits[0]->watermark == want->watermark &&
           g->splits[0]->paused == want->paused;
}

static void await_fast(driven_run *r, int64_t limit, int64_t watermark, bool paused, uint32_t taken)
{
    char what[128];
    const fast_state want = {limit, watermark, paused};
    (void)snprintf(what, sizeof what, "the fast source at %lld with limit %lld%s", (long long)watermark, (long long)limit,
                   paused ? ", paused" : "");
    driven_await(r, fast_is, &want, what);
    cr_assert_eq(driven_taken(&r->a), taken, "%s: it has read %u rows, not %u", what, driven_taken(&r->a), taken);
    const Wsl__Pb__GeneratorMetrics *slow = driven_generator(r, "b");
    cr_assert(slow == NULL || slow->n_splits == 0 || !slow->splits[0]->paused, "the slowest waits for nobody");
}

static void row(driven_source *s, int64_t ts) { driven_post(s, DRIVEN_ROW, ts, 1); }

static bool has_taken_6(driven_run *r, const void *arg)
{
    (void)arg;
    return driven_taken(&r->a) == 6;
}

/* A row goes out as long as the watermark before it is within the limit: one row is what may be too far. */
static void check(uint32_t parallelism, const char *batches)
{
    static driven_run r;
    const char *const args[] = {"--job", "aligned", "--drift", "1000", "--batches", batches, NULL};
    driven_begin(&r, parallelism, INTEG_DRIVEN_JOBS, args);
    row(&r.a, 0);
    row(&r.b, 0);
    await_fast(&r, -1 + DRIFT, -1, false, 1);

    static const int64_t ahead[] = {500, 1000, 1500};
    for (size_t i = 0; i < sizeof ahead / sizeof ahead[0]; i++) {
        row(&r.a, ahead[i]);
        driven_await_rows(&r, 3 + (uint32_t)i); /* one at a time, so that a batch cannot take more than the limit allows */
    }
    await_fast(&r, 999, 1499, true, 4);
    row(&r.a, 3000);
    row(&r.a, 3100);

    row(&r.b, 400); /* not far enough */
    await_fast(&r, 399 + DRIFT, 1499, true, 4);
    row(&r.b, 500); /* just far enough for it to go on: its watermark is what the limit says */
    if (strcmp(batches, "false") == 0) {
        await_fast(&r, 499 + DRIFT, 2999, true, 5);
    } else { /* both rows wait and go out together: a batch is not cut */
        await_fast(&r, 499 + DRIFT, 3099, true, 6);
    }
    driven_post(&r.b, DRIVEN_END, 0, 0); /* who has ended holds nobody back */
    driven_await(&r, has_taken_6, NULL, "all rows of the fast source");
    driven_end(&r, false);
    for (uint32_t i = 0; i < DRIVEN_KEYS; i++) {
        cr_assert_eq(r.n_of[i], 9, "no row is lost by waiting: %u", r.n_of[i]);
    }
    driven_stop(&r);
}

Test(alignment, a_source_that_is_too_far_ahead_waits_at_parallelism_1) { check(1, "false"); }
Test(alignment, a_source_that_is_too_far_ahead_waits_at_parallelism_3) { check(3, "false"); }
Test(alignment, a_batch_that_is_read_goes_out_whole) { check(1, "true"); }

Test(alignment, an_idle_source_holds_nobody_back)
{
    static driven_run r;
    const char *const args[] = {"--job", "aligned", "--drift", "1000", NULL};
    driven_begin(&r, 1, INTEG_DRIVEN_JOBS, args);
    row(&r.a, 0);
    row(&r.b, 0);
    await_fast(&r, -1 + DRIFT, -1, false, 1);
    row(&r.a, 5000);
    row(&r.a, 5001);
    await_fast(&r, 999, 4999, true, 2);
    driven_post(&r.b, DRIVEN_QUIET, 0, 0);
    await_fast(&r, 5000 + DRIFT, 5000, false, 3); /* it is the slowest now */
    row(&r.b, 4000);
    await_fast(&r, 3999 + DRIFT, 5000, true, 3); /* the slow one is back */
    row(&r.a, 5002);
    driven_end(&r, true);
    cr_assert_eq(r.n_of[0], 6);
    driven_stop(&r);
}
