/*
 * alloc - malloc that does not return when there is none.
 */
#include "base/alloc.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static _Noreturn void out_of_memory(size_t size)
{
    (void)fprintf(stderr, "wiesel: out of memory: %zu bytes could not be allocated\n", size);
    (void)fflush(stderr);
    abort();
}

void *wsl_alloc(size_t size)
{
    void *const p = malloc(size != 0 ? size : 1);
    if (p == NULL) {
        out_of_memory(size);
    }
    return p;
}

void *wsl_zalloc(size_t size) { return wsl_calloc(1, size); }

void *wsl_calloc(size_t n, size_t size)
{
    void *const p = n != 0 && size != 0 ? calloc(n, size) : calloc(1, 1);
    if (p == NULL) {
        size_t total = 0;
        out_of_memory(__builtin_mul_overflow(n, size, &total) ? SIZE_MAX : total);
    }
    return p;
}

void *wsl_realloc(void *p, size_t size)
{
    void *const q = realloc(p, size != 0 ? size : 1);
    if (q == NULL) {
        out_of_memory(size);
    }
    return q;
}

void *wsl_memdup(const void *from, size_t size)
{
    void *const p = wsl_alloc(size);
    if (size != 0) {
        memcpy(p, from, size);
    }
    return p;
}

char *wsl_strndup(const char *text, size_t size)
{
    const size_t n = strnlen(text, size);
    char *const p = wsl_alloc(n + 1);
    memcpy(p, text, n);
    p[n] = '\0';
    return p;
}

char *wsl_strdup(const char *text) { return wsl_memdup(text, strlen(text) + 1); }

char *wsl_asprintf(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = NULL;
    const int n = vasprintf(&text, format, args);
    va_end(args);
    if (n < 0 || text == NULL) {
        out_of_memory(0);
    }
    return text;
}
