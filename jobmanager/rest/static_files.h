/*
 * static_files - the web page's files from web.dir.
 *
 * Threads: the JobManager's loop.
 */
#pragma once
#include "jobmanager/rest/rest.h"

/* "/" is index.html. Names that start with a dot (and so "..") are never served. */
void jm_static_file(const jm_rest *rest, const char *path, jm_response *response);
