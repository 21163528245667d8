/*
 * sim_output - what a job has written to a directory: the lines of all files that are visible, sorted, and what is hidden.
 *
 * Threads: one.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <wiesel/macros.h>

#include "base/fs.h"

typedef struct sim_output {
    char *text;
    char **lines; /* sorted; into text */
    uint32_t n;
    bool torn; /* a file does not end with the end of a line */
    uint32_t hidden;
    char hidden_name[256]; /* of the last one */
} sim_output;

void sim_output_free(sim_output *o);
/* A directory that is not there has nothing in it. */
WSL_NEW_BY(sim_output_free) sim_output *sim_output_read(wsl_fs *fs, const char *dir);
/* The same lines, each as often. Else why says what is missing or too much. */
bool sim_output_equal(const sim_output *expected, const sim_output *o, char *why, size_t why_size);
