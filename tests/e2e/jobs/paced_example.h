/*
 * paced_example - makes a job of examples/ last: its source named PACED_SOURCE is paced (paced.h), by field "ts", and its files
 * roll as --roll-on-checkpoint (false) and --roll-size (100kb) say.
 *
 *     #define PACED_SOURCE "trades"
 *     #include "paced_example.h"
 *     #include "../../../examples/portfolio/portfolio.c"
 *
 * The example itself is what it is: only two functions of examples/files.h are replaced.
 */
#pragma once
#include "../../../examples/files.h"
#include "paced.h"

#ifndef PACED_SOURCE
#define PACED_SOURCE "" /* none */
#endif

static inline wsl_stream *read_files_paced(wsl_env *env, const wsl_args *args, const char *name, const char *dir,
                                           const wsl_schema *schema, const char *on_error)
{
    wsl_stream *rows = read_files(env, args, name, dir, schema, on_error);

    return strcmp(name, PACED_SOURCE) == 0 ? wsl_set_parallelism(paced(rows, args, "ts"), source_parallelism(args)) : rows;
}

static inline void write_rows_rolled(wsl_stream *rows, const wsl_args *args, const char *name)
{
    char path[OUT_PATH_SIZE];

    (void)snprintf(path, sizeof path, "%s/%s", wsl_arg_required(args, "out"), name);
    wsl_to(rows, name, "file",
           WSL_OPTIONS({"path", path}, {"format", "json"}, {"suffix", ".jsonl"},
                       {"roll-on-checkpoint", wsl_arg(args, "roll-on-checkpoint", "false")},
                       {"roll-size", wsl_arg(args, "roll-size", "100kb")}));
}

#define read_files read_files_paced
#define write_rows write_rows_rolled
