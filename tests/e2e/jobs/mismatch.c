/*
 * mismatch - a function that takes other rows than the stream has.
 */
#include <wiesel/wiesel.h>

WSL_ROW(number, (int64, n));
WSL_ROW(name, (string, n));

static wsl_status pass(wsl_ctx *ctx, const wsl_row *in) { return wsl_emit(ctx, in); }
WSL_PROCESS(greet, .in = &name_schema, .process = pass);

WSL_JOB(env, args)
{
    (void)args;
    wsl_stream *numbers = wsl_from(env, "numbers", "datagen", &number_schema, WSL_OPTIONS({"number-of-rows", "10"}));
    wsl_collect(wsl_map(numbers, "greeter", &greet), "out");
    return WSL_OK;
}
