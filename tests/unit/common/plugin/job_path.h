/*
 * job_path - where the libraries of tests/jobs are.
 */
#pragma once
#include <stdio.h>
#include <stdlib.h>

/* <build>/tests/jobs/<name>.so, in a buffer that lives as long as the program; one at a time. */
static inline const char *job_path(const char *name)
{
    static char path[1024];
    (void)snprintf(path, sizeof path, "%s/../tests/jobs/%s.so", getenv("WIESEL_BIN_DIR"), name);
    return path;
}
