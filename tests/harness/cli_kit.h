/*
 * cli_kit - the command line as a function: words in, exit code and what was said out.
 *
 *     said s = RUN("checkpoint", "list", dir);
 *     ... s.code, s.out, s.err ...
 *     drop(&s);
 *
 * Threads: one.
 */
#pragma once
#include <stdio.h>
#include <stdlib.h>

#include "cli/cmd.h"

typedef struct said {
    char *out, *err;
    int code;
} said;

enum { CLI_KIT_WORDS_MAX = 15 };

__attribute__((unused)) static inline said run(const char *const *words)
{
    char *argv[CLI_KIT_WORDS_MAX + 1] = {"wiesel"};
    int argc = 1;
    said s = {0};
    size_t out_size = 0, err_size = 0;
    FILE *out = open_memstream(&s.out, &out_size), *err = open_memstream(&s.err, &err_size);

    for (; words[argc - 1] != NULL; argc++) {
        argv[argc] = (char *)words[argc - 1];
    }
    s.code = cli_main(argc, argv, out, err);
    (void)fclose(out);
    (void)fclose(err);
    return s;
}

#define RUN(...) run((const char *const[]){__VA_ARGS__, NULL})

__attribute__((unused)) static inline void drop(said *s)
{
    free(s->out);
    free(s->err);
}
