/*
 * assert - says where and ends the process; the supervisor starts it again.
 */
#include "base/assert.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void wsl_assert_failed(const char *expr, const char *file, int line, const char *function)
{
    (void)fprintf(stderr, "wiesel: %s:%d: %s: must be true: %s\n", file, line, function, expr);
    (void)fflush(stderr);
    abort();
}
