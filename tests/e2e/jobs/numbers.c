/*
 * numbers - 0, 1, 2, ... into a sink.
 *
 *     --n N        how many; 0 (the default): for ever
 *     --rate R     per second; 0: as fast as it goes
 *     --sink WHAT  collect (the default), print, blackhole, or the path of a file to append to
 */
#include <stdio.h>
#include <string.h>

#include <wiesel/wiesel.h>

WSL_ROW(number, (int64, n));

WSL_JOB(env, args)
{
    const char *sink = wsl_arg(args, "sink", "collect");
    const char *rate = wsl_arg(args, "rate", "0");
    const int64_t n = wsl_arg_int(args, "n", 0);
    char rows[32];

    (void)snprintf(rows, sizeof rows, "%lld", (long long)n);
    wsl_env_set_name(env, "numbers");
    wsl_stream *numbers = wsl_from(
        env, "numbers", "datagen", &number_schema,
        WSL_OPTIONS({"fields", "n sequence 0"}, {"rows-per-second", rate}, {"number-of-rows", n > 0 ? rows : NULL}));
    if (sink[0] == '/') {
        wsl_set_parallelism(
            wsl_to(numbers, "out", "file", WSL_OPTIONS({"path", sink}, {"single-file", "true"}, {"format", "json"})),
            1);
    } else {
        wsl_to(numbers, "out", sink, WSL_NO_OPTIONS);
    }
    return WSL_OK;
}
