/*
 * publish - files that appear whole: written under a name that starts with '.', renamed when complete, each with a
 * modification time later than the one before, so that a reader that orders by time keeps the order of the records.
 *
 * Threads: one. The fs outlives the publisher.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <wiesel/status.h>

#include "base/fs.h"

typedef struct gen_publisher gen_publisher;

/* Removes an unpublished file. */
void gen_publisher_free(gen_publisher *p);
WSL_DEFINE_AUTO(gen_publisher)
/* Files are dir/<prefix>-000000<extension> and on. Those already there: WSL_EXISTS, or removed if `force`. */
WSL_MUST_CHECK wsl_status gen_publisher_new(wsl_fs *fs, const char *dir, const char *prefix, const char *extension,
                                            bool force, gen_publisher **out_publisher, wsl_error *err);
/* Adds to the file being written, which is begun if there is none. */
WSL_MUST_CHECK wsl_status gen_publisher_write(gen_publisher *p, const void *data, size_t size, wsl_error *err);
/* The file being written becomes visible; an empty one if nothing was written. */
WSL_MUST_CHECK wsl_status gen_publisher_publish(gen_publisher *p, wsl_error *err);

uint64_t gen_publisher_files(const gen_publisher *p);
