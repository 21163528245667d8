/*
 * source - the text of an expression and how mistakes in it are shown:
 *
 *     column 'quantty' does not exist; did you mean 'quantity'? (column 5)
 *         a > quantty + 1
 *             ^
 *
 * Threads: any; a source does not change after it was made.
 */
#pragma once
#include <wiesel/status.h>

#include "base/arena.h"

typedef struct wsl_expr_source {
    const char *text; /* terminated copy */
    uint32_t size;
} wsl_expr_source;

/* Copies the text into the arena; too long or with a zero byte is an error of the caller's making. */
wsl_status wsl_expr_source_init(wsl_expr_source *src, wsl_arena *arena, const char *text, wsl_error *err);

/* The sentence, then where (byte `at` of the text), then the line with a caret. */
wsl_status wsl_expr_fail_at(const wsl_expr_source *src, uint32_t at, wsl_error *err, wsl_status status,
                            const char *format, ...) WSL_PRINTF(5, 6);
