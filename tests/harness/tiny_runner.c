/*
 * tiny_runner - runs the tests of one binary one after the other, each in a child process so that a crash counts as a
 * failure and goes no further. Only for builds in which Criterion does not start.
 */
#include "harness/wsl_test.h"

#include <stdarg.h>
#include <sys/wait.h>

static tiny_test *tests, **tests_end = &tests;

void tiny_register(tiny_test *test)
{
    *tests_end = test;
    tests_end = &test->next;
}

_Noreturn void tiny_fail(const char *file, int line, const char *what, const char *format, ...)
{
    va_list args;
    fprintf(stderr, "%s:%d: assertion failed: %s ", file, line, what);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(1);
}

int main(void)
{
    int passed = 0, failed = 0;
    for (tiny_test *t = tests; t != NULL; t = t->next) {
        const pid_t child = fork();
        if (child == 0) {
            if (t->init != NULL) {
                t->init();
            }
            t->run();
            if (t->fini != NULL) {
                t->fini();
            }
            exit(0);
        }
        int status = 0;
        waitpid(child, &status, 0);
        const bool ok = WIFEXITED(status) && WEXITSTATUS(status) == 0;
        ok ? passed++ : failed++;
        if (!ok) {
            fprintf(stderr, "FAILED %s::%s (status %d)\n", t->suite, t->name, status);
        }
    }
    fprintf(stderr, "[====] Tested: %d | Passing: %d | Failing: %d\n", passed + failed, passed, failed);
    return failed != 0;
}
