/*
 * checksum - XXH3 (64 bits) of bytes that come in pieces: what files and sections of checkpoints are known by.
 *
 * Threads: one.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

typedef struct wsl_checksum wsl_checksum;

void wsl_checksum_free(wsl_checksum *c);
wsl_checksum *wsl_checksum_new(void); /* of nothing yet */
void wsl_checksum_add(wsl_checksum *c, const void *bytes, size_t size);
uint64_t wsl_checksum_value(const wsl_checksum *c); /* of all that was added so far */
uint64_t wsl_checksum_of(const void *bytes, size_t size);
