#include "base/rng.h"
#include "harness/wsl_test.h"
#include "jobmanager/sched/slot_pool.h"

Test(slot_pool, a_job_spreads_over_taskmanagers_evenly)
{
    WSL_AUTO(jm_slot_pool) pool = jm_slot_pool_new();
    const uint64_t a = jm_slot_pool_add(pool, 2);
    const uint64_t b = jm_slot_pool_add(pool, 2);
    jm_slot s[2];
    cr_assert(jm_slot_pool_take(pool, 7, 2, s));
    cr_assert_eq(s[0].worker, a);
    cr_assert_eq(s[1].worker, b);
    cr_assert_eq(jm_slot_pool_available_at(pool, a), 1u);
    cr_assert_eq(jm_slot_pool_available_at(pool, b), 1u);
}

Test(slot_pool, the_worker_with_the_smaller_share_taken_comes_first)
{
    WSL_AUTO(jm_slot_pool) pool = jm_slot_pool_new();
    const uint64_t small = jm_slot_pool_add(pool, 1);
    const uint64_t large = jm_slot_pool_add(pool, 4);
    jm_slot s[5];
    cr_assert(jm_slot_pool_take(pool, 1, 5, s));
    cr_assert_eq(s[0].worker, small);
    for (int i = 1; i < 5; i++) {
        cr_assert_eq(s[i].worker, large);
        cr_assert_eq(s[i].index, (uint32_t)i - 1);
    }
}

Test(slot_pool, a_job_gets_all_its_slots_or_none)
{
    WSL_AUTO(jm_slot_pool) pool = jm_slot_pool_new();
    (void)jm_slot_pool_add(pool, 4);
    jm_slot s[5];
    cr_assert_not(jm_slot_pool_take(pool, 1, 5, s));
    cr_assert_eq(jm_slot_pool_available(pool), 4u);
    cr_assert(jm_slot_pool_take(pool, 1, 4, s));
    cr_assert_eq(jm_slot_pool_available(pool), 0u);
}

Test(slot_pool, a_certain_slot_can_be_taken_if_it_is_free)
{
    WSL_AUTO(jm_slot_pool) pool = jm_slot_pool_new();
    const uint64_t a = jm_slot_pool_add(pool, 2);
    cr_assert(jm_slot_pool_take_this(pool, 1, (jm_slot){a, 1}));
    cr_assert_not(jm_slot_pool_take_this(pool, 2, (jm_slot){a, 1}), "it is taken");
    cr_assert_not(jm_slot_pool_take_this(pool, 2, (jm_slot){a, 2}), "there is none");
    cr_assert_not(jm_slot_pool_take_this(pool, 2, (jm_slot){0, 0}), "nobody's");
    cr_assert_eq(jm_slot_pool_available(pool), 1u);
    jm_slot_pool_give_back(pool, 1, (jm_slot){a, 1});
    cr_assert(jm_slot_pool_take_this(pool, 2, (jm_slot){a, 1}));
}

Test(slot_pool, only_the_owner_gives_a_slot_back)
{
    WSL_AUTO(jm_slot_pool) pool = jm_slot_pool_new();
    (void)jm_slot_pool_add(pool, 1);
    jm_slot s;
    cr_assert(jm_slot_pool_take(pool, 1, 1, &s));
    jm_slot_pool_give_back(pool, 2, s);
    cr_assert_eq(jm_slot_pool_owner(pool, s), 1u);
    jm_slot_pool_give_back(pool, 1, s);
    jm_slot_pool_give_back(pool, 1, s);
    cr_assert_eq(jm_slot_pool_available(pool), 1u, "giving back twice counts once");
}

Test(slot_pool, slots_of_a_removed_worker_are_gone)
{
    WSL_AUTO(jm_slot_pool) pool = jm_slot_pool_new();
    const uint64_t a = jm_slot_pool_add(pool, 3);
    jm_slot s;
    cr_assert(jm_slot_pool_take(pool, 1, 1, &s));
    jm_slot_pool_remove(pool, a);
    jm_slot_pool_give_back(pool, 1, s);
    cr_assert_eq(jm_slot_pool_total(pool), 0u);
    cr_assert_eq(jm_slot_pool_available(pool), 0u);
    cr_assert_eq(jm_slot_pool_owner(pool, s), 0u);
    const uint64_t b = jm_slot_pool_add(pool, 1);
    cr_assert_neq(a, b, "numbers are never used again");
}

/* ---- model: a plain array of slots ---- */

enum { MODEL_WORKERS = 40, MODEL_SLOTS = 6 };

typedef struct model_worker {
    uint64_t number; /* 0: not there */
    uint32_t n;
    uint64_t owner[MODEL_SLOTS];
} model_worker;

typedef struct model {
    model_worker workers[MODEL_WORKERS];
} model;

static uint32_t taken(const model_worker *w)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < w->n; i++) {
        n += w->owner[i] != 0;
    }
    return n;
}

static void check_same(const jm_slot_pool *pool, const model *m)
{
    uint32_t total = 0;
    uint32_t used = 0;
    for (uint32_t w = 0; w < MODEL_WORKERS; w++) {
        if (m->workers[w].number == 0) {
            continue;
        }
        total += m->workers[w].n;
        used += taken(&m->workers[w]);
        for (uint32_t i = 0; i < m->workers[w].n; i++) {
            cr_assert_eq(jm_slot_pool_owner(pool, (jm_slot){m->workers[w].number, i}), m->workers[w].owner[i]);
        }
    }
    cr_assert_eq(jm_slot_pool_total(pool), total);
    cr_assert_eq(jm_slot_pool_available(pool), total - used);
}

/* The pool's choice must be a free slot of a worker of which no other free one has a smaller share taken. */
static void model_take(model *m, uint64_t owner, jm_slot s)
{
    model_worker *chosen = NULL;
    for (uint32_t w = 0; w < MODEL_WORKERS; w++) {
        chosen = m->workers[w].number == s.worker ? &m->workers[w] : chosen;
    }
    cr_assert_not_null(chosen);
    cr_assert_eq(chosen->owner[s.index], 0u);
    for (uint32_t w = 0; w < MODEL_WORKERS; w++) {
        const model_worker *other = &m->workers[w];
        if (other->number != 0 && taken(other) < other->n) {
            cr_assert_leq(taken(chosen) * other->n, taken(other) * chosen->n);
        }
    }
    chosen->owner[s.index] = owner;
}

Test(slot_pool, thousands_of_random_calls_match_a_plain_array)
{
    for (uint64_t seed = 1; seed <= 5; seed++) {
        WSL_AUTO(jm_slot_pool) pool = jm_slot_pool_new();
        model m = {0};
        wsl_rng rng;
        wsl_rng_seed(&rng, seed);
        for (uint32_t step = 0; step < 3000; step++) {
            model_worker *w = &m.workers[wsl_rng_below(&rng, MODEL_WORKERS)];
            const uint64_t what = wsl_rng_below(&rng, 10);
            if (what == 0 && w->number == 0) {
                w->n = 1 + (uint32_t)wsl_rng_below(&rng, MODEL_SLOTS);
                w->number = jm_slot_pool_add(pool, w->n);
            } else if (what == 1 && w->number != 0) {
                jm_slot_pool_remove(pool, w->number);
                *w = (model_worker){0};
            } else if (what < 6) {
                jm_slot slots[8];
                const uint32_t n = (uint32_t)wsl_rng_below(&rng, 8);
                const uint64_t owner = 1 + wsl_rng_below(&rng, 5);
                const bool fits = n <= jm_slot_pool_available(pool);
                cr_assert_eq(jm_slot_pool_take(pool, owner, n, slots), fits);
                for (uint32_t i = 0; fits && i < n; i++) {
                    model_take(&m, owner, slots[i]);
                }
            } else if (w->number != 0) {
                const uint32_t i = (uint32_t)wsl_rng_below(&rng, w->n);
                const uint64_t owner = 1 + wsl_rng_below(&rng, 5);
                jm_slot_pool_give_back(pool, owner, (jm_slot){w->number, i});
                w->owner[i] = w->owner[i] == owner ? 0 : w->owner[i];
            }
            check_same(pool, &m);
        }
    }
}
