/*
 * sleepy - a function that blocks, and a chain beside it that does not.
 *
 *     --us N      how long it sleeps for each row (default 500000)
 *     --once      it sleeps for the first row only
 *     --rows N    of each source; 0 (the default): for ever
 */
#include <unistd.h>

#include <wiesel/wiesel.h>

WSL_ROW(number, (int64, n));

typedef struct nap {
    int64_t us;
    int64_t once;
} nap;

static wsl_status sleep_for_each(wsl_ctx *ctx, const wsl_row *in)
{
    const nap *p = ctx->config;
    int64_t *slept = ctx->local;

    if (!p->once || *slept == 0) {
        *slept += 1;
        (void)usleep((useconds_t)p->us);
    }
    wsl_count(ctx, "slept", 1);
    return wsl_emit(ctx, in);
}
WSL_PROCESS(sleeps, .in = &number_schema, .blocking = true, .local_size = sizeof(int64_t), .process = sleep_for_each);

static wsl_status pass_on(wsl_ctx *ctx, const wsl_row *in)
{
    wsl_count(ctx, "passed", 1);
    return wsl_emit(ctx, in);
}
WSL_PROCESS(passes, .in = &number_schema, .process = pass_on);

static wsl_stream *numbers(wsl_env *env, const wsl_args *args, const char *name)
{
    const char *rows = wsl_arg(args, "rows", NULL);

    return wsl_from(env, name, "datagen", &number_schema,
                    WSL_OPTIONS({"fields", "n sequence 0 1000000000000"}, {"number-of-rows", rows}));
}

WSL_JOB(env, args)
{
    const nap how = {.us = wsl_arg_int(args, "us", 500000), .once = wsl_arg_flag(args, "once")};
    wsl_stream *slow = wsl_map(numbers(env, args, "slow"), "sleeps", &sleeps);
    wsl_stream *quick = wsl_map(wsl_rebalance(numbers(env, args, "quick")), "passes", &passes);

    wsl_set_config(slow, &how, sizeof how);
    wsl_blackhole(slow, "slept");
    wsl_blackhole(quick, "passed");
    return WSL_OK;
}
