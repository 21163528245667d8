/*
 * alloc - memory for small control objects; aborts when memory is gone (recovery from a dead process is the path we test
 * most). Sizes that come from outside are checked against a named maximum before they get here.
 *
 * Free with plain free().
 */
#pragma once
#include <stdlib.h>

#include <wiesel/macros.h>

__attribute__((malloc, alloc_size(1), returns_nonnull)) void *wsl_alloc(size_t size);
__attribute__((malloc, alloc_size(1), returns_nonnull)) void *wsl_zalloc(size_t size);
__attribute__((malloc, alloc_size(1, 2), returns_nonnull)) void *wsl_calloc(size_t n, size_t size);
__attribute__((alloc_size(2), returns_nonnull)) void *wsl_realloc(void *p, size_t size);
__attribute__((malloc, returns_nonnull)) char *wsl_strdup(const char *text);
__attribute__((malloc, returns_nonnull)) char *wsl_strndup(const char *text, size_t size);
__attribute__((malloc, returns_nonnull)) char *wsl_asprintf(const char *format, ...) WSL_PRINTF(1, 2);
__attribute__((malloc, returns_nonnull)) void *wsl_memdup(const void *from, size_t size);
