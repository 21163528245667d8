/*
 * A bug that was planted (see README.md) is found by the trials of sim_trial.h within PLANTED_SEEDS seeds.
 *
 *     WIESEL_SIM_SEEDS=10000    within so many
 *
 * Trials run in a child: a bug may also be found by an assertion, or by an end that does not come.
 */
#include "harness/wsl_test.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sim/sim_trial.h"

/* Shared with the child. */
typedef struct progress {
    uint64_t seed;
    sim_trial_result result;
} progress;

static void search(progress *p, uint64_t seeds)
{
    for (p->seed = 1; p->seed <= seeds; p->seed++) {
        sim_trial_run(p->seed, &p->result);
        if (!p->result.ok) {
            _exit(1);
        }
    }
    _exit(0);
}

Test(planted, is_found)
{
    const char *text = getenv("WIESEL_SIM_SEEDS");
    const uint64_t seeds = text != NULL && text[0] != '\0' ? strtoull(text, NULL, 10) : PLANTED_SEEDS;
    cr_assert(PLANTED_APPLIES, "the text that the bug '%s' replaces is not in %s (or there more than once): bring "
                               "tests/sim/planted/%s.bug up to date",
              PLANTED_NAME, PLANTED_IN, PLANTED_NAME);
    progress *p = mmap(NULL, sizeof *p, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    cr_assert_neq(p, MAP_FAILED);
    fflush(NULL);
    const pid_t child = fork();
    cr_assert_geq(child, 0);
    if (child == 0) {
        (void)signal(SIGABRT, SIG_DFL);
        search(p, seeds);
    }
    int status = 0;
    cr_assert_eq(waitpid(child, &status, 0), child);
    const bool crashed = WIFSIGNALED(status);
    cr_assert(crashed || WEXITSTATUS(status) != 0, "%s is not found within %" PRIu64 " seeds", PLANTED_NAME, seeds);
    printf("planted %s: found by seed %" PRIu64 ", job %s: %s\n", PLANTED_NAME, p->seed, p->result.job,
           crashed ? strsignal(WTERMSIG(status)) : p->result.why);
    (void)munmap(p, sizeof *p);
}
