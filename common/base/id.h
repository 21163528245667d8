/*
 * id - 128-bit identifiers (jobs, vertices, artifacts) and their text: 32 lower-case hex digits.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/rng.h"

typedef struct wsl_id {
    uint8_t bytes[16];
} wsl_id;

enum { WSL_ID_TEXT_SIZE = 33 };

wsl_id wsl_id_random(wsl_rng *rng);
wsl_id wsl_id_of_bytes(const void *data, size_t size); /* XXH3 128 of the content */
const char *wsl_id_text(const wsl_id *id, char out[WSL_ID_TEXT_SIZE]); /* returns out */
bool wsl_id_parse(const char *text, wsl_id *out_id);   /* exactly 32 hex digits, either case */
static inline bool wsl_id_equal(const wsl_id *a, const wsl_id *b) { return memcmp(a, b, sizeof *a) == 0; }
