/*
 * results - where the single steps put their only result: to --out DIR, or to the console.
 */
#pragma once
#include <wiesel/wiesel.h>

static inline void write_results(wsl_stream *results, const wsl_args *args)
{
    const char *out = wsl_arg(args, "out", NULL);

    if (out != NULL) {
        wsl_to_files(results, "out", out, "json");
    } else {
        wsl_print(results, "out");
    }
}
