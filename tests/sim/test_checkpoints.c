/*
 * Jobs with checkpoints on simulated clusters in which things break: see sim_trial.h for what must hold.
 *
 *     WIESEL_SIM_SEEDS=10000    so many seeds instead of the usual number, which CMake says
 *     WIESEL_SIM_SEED=17        that one alone, for looking at it closely (with WIESEL_SIM_LOG=1)
 */
#include "harness/wsl_test.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "sim_trial.h"

enum { PARTS = 8 };

static void say_failed(uint64_t seed, const sim_trial_result *r)
{
    char self[500] = "sim.checkpoints";
    const ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    self[n > 0 ? n : 0] = '\0';
    cr_assert(false, "seed %" PRIu64 " (job %s): %s\nto see it again: WIESEL_SIM_SEED=%" PRIu64 " %s --filter '*/a_seed_alone'",
              seed, r->job, r->why, seed, self);
}

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text != NULL && text[0] != '\0' ? strtoull(text, NULL, 10) : otherwise;
}

static void run_part(uint64_t part)
{
    const uint64_t seeds = from_environment("WIESEL_SIM_SEEDS", SIM_SEEDS);
    uint64_t n = 0, restarts = 0, checkpoints = 0, steps = 0, faults[SIM_FAULTS] = {0};
    for (uint64_t seed = 1 + part; seed <= seeds; seed += PARTS, n++) {
        sim_trial_result r;
        sim_trial_run(seed, &r);
        if (!r.ok) {
            say_failed(seed, &r);
        }
        restarts += r.restarts;
        checkpoints += r.checkpoints;
        steps += r.steps;
        for (sim_fault f = 0; f < SIM_FAULTS; f++) {
            faults[f] += r.faults[f];
        }
    }
    sim_trial_end();
    cr_log_info("%" PRIu64 " seeds: %" PRIu64 " steps, %" PRIu64 " checkpoints, %" PRIu64 " restarts; killed %" PRIu64
                ", at the disk %" PRIu64 ", power %" PRIu64 ", frozen %" PRIu64 ", apart %" PRIu64 ", disks %" PRIu64,
                n, steps, checkpoints, restarts, faults[SIM_KILL], faults[SIM_KILL_AT_DISK], faults[SIM_POWER],
                faults[SIM_FREEZE], faults[SIM_PART], faults[SIM_DISK]);
    cr_assert_geq(restarts, n / 2, "too calm to prove anything");
    cr_assert_geq(checkpoints, 2 * n, "too few checkpoints to prove anything");
}

Test(checkpoints, what_breaks_changes_nothing_1) { run_part(0); }
Test(checkpoints, what_breaks_changes_nothing_2) { run_part(1); }
Test(checkpoints, what_breaks_changes_nothing_3) { run_part(2); }
Test(checkpoints, what_breaks_changes_nothing_4) { run_part(3); }
Test(checkpoints, what_breaks_changes_nothing_5) { run_part(4); }
Test(checkpoints, what_breaks_changes_nothing_6) { run_part(5); }
Test(checkpoints, what_breaks_changes_nothing_7) { run_part(6); }
Test(checkpoints, what_breaks_changes_nothing_8) { run_part(7); }

Test(checkpoints, the_same_seed_is_the_same_run)
{
    uint64_t last = 0;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        sim_trial_result a, b;
        sim_trial_run(seed, &a);
        sim_trial_run(seed, &b);
        cr_assert_eq(a.trace, b.trace, "seed %" PRIu64, seed);
        cr_assert_neq(a.trace, last);
        last = a.trace;
    }
    sim_trial_end();
}

Test(checkpoints, a_seed_alone)
{
    const uint64_t seed = from_environment("WIESEL_SIM_SEED", 0);
    sim_trial_result r;
    if (seed == 0) {
        return;
    }
    sim_trial_run(seed, &r);
    printf("seed %" PRIu64 ", job %s: %s; %" PRIu64 " steps, %.3f s, %" PRIu64 " checkpoints, %u restarts, %u cuts; killed %u, at the disk "
           "%u, power %u, frozen %u, apart %u, disks %u; trace %016" PRIx64 "\n",
           seed, r.job, r.ok ? "right" : r.why, r.steps, (double)r.virtual_ns / 1e9, r.checkpoints, r.restarts, r.cuts,
           r.faults[SIM_KILL], r.faults[SIM_KILL_AT_DISK], r.faults[SIM_POWER], r.faults[SIM_FREEZE], r.faults[SIM_PART],
           r.faults[SIM_DISK], r.trace);
    if (!r.ok) {
        say_failed(seed, &r);
    }
    sim_trial_end();
}
