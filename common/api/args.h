/*
 * args - a job's own arguments, and which of them it asked for.
 *
 * Threads: one, the entry point's.
 */
#pragma once
#include <wiesel/env.h>

enum { WSL_ARGS_ASKED_MAX = 100 };

struct wsl_args {
    wsl_env *env; /* gets the errors */
    const char *const *argv;
    uint32_t argc;
    bool *used;         /* by position */
    const char **asked; /* names, for suggestions */
    uint32_t *n_asked;
    bool *raw; /* wsl_args_at was called: the job reads them by itself */
};

void wsl_args_init(wsl_args *args, wsl_env *env, const char *const *argv, uint32_t argc);
void wsl_args_fini(wsl_args *args);
/* Arguments that nobody asked for. */
WSL_MUST_CHECK wsl_status wsl_args_check(const wsl_args *args, wsl_error *err);
