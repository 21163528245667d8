/*
 * trap - numbers through a function that goes wrong at one of them.
 *
 *     --how WHAT   error, segv, abort, exit (_exit(7)), quit (exit(0)), loop (never returns) or none (the default)
 *     --at N       at this number, default 100
 *     --rate R     numbers per second, default 1000
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <wiesel/wiesel.h>

WSL_ROW(number, (int64, n));

typedef struct trap_config {
    int64_t at;
    char how[16];
} trap_config;

static wsl_status step_on(wsl_ctx *ctx, const wsl_row *in)
{
    const trap_config *trap = ctx->config;

    if (number_n(in) != trap->at || strcmp(trap->how, "none") == 0) {
        return wsl_emit(ctx, in);
    }
    if (strcmp(trap->how, "segv") == 0) {
        (void)raise(SIGSEGV);
    }
    if (strcmp(trap->how, "abort") == 0) {
        abort();
    }
    if (strcmp(trap->how, "exit") == 0) {
        _exit(7);
    }
    if (strcmp(trap->how, "quit") == 0) {
        exit(0);
    }
    while (strcmp(trap->how, "loop") == 0) {
        (void)pause();
    }
    return wsl_error_here(ctx, "number %lld is a trap", (long long)trap->at);
}

WSL_PROCESS(trapped, .in = &number_schema, .process = step_on);

WSL_JOB(env, args)
{
    trap_config trap = {.at = wsl_arg_int(args, "at", 100)};

    strncpy(trap.how, wsl_arg(args, "how", "none"), sizeof trap.how - 1);
    wsl_env_set_name(env, "trap");
    wsl_stream *numbers =
        wsl_from(env, "numbers", "datagen", &number_schema,
                 WSL_OPTIONS({"fields", "n sequence 0"}, {"rows-per-second", wsl_arg(args, "rate", "1000")}));
    wsl_stream *kept = wsl_map(wsl_rebalance(numbers), "careless", &trapped);
    wsl_set_config(kept, &trap, sizeof trap);
    wsl_blackhole(kept, "out");
    return WSL_OK;
}
