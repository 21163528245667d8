/*
 * strbuf - a growing, always terminated text. Embedded in its owner.
 */
#pragma once
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <wiesel/macros.h>

typedef struct wsl_strbuf {
    char *data; /* "" while empty; never NULL after init */
    size_t size;
    size_t capacity;
} wsl_strbuf;

void wsl_strbuf_init(wsl_strbuf *s);
void wsl_strbuf_fini(wsl_strbuf *s);
void wsl_strbuf_clear(wsl_strbuf *s);
void wsl_strbuf_reserve(wsl_strbuf *s, size_t more); /* room for `more` bytes beyond size */
void wsl_strbuf_add(wsl_strbuf *s, const void *data, size_t size);
void wsl_strbuf_puts(wsl_strbuf *s, const char *text);
void wsl_strbuf_putc(wsl_strbuf *s, char c);
void wsl_strbuf_printf(wsl_strbuf *s, const char *format, ...) WSL_PRINTF(2, 3);
void wsl_strbuf_vprintf(wsl_strbuf *s, const char *format, va_list args) WSL_PRINTF(2, 0);
/* JSON string with quotes and escapes; bad UTF-8 becomes U+FFFD. */
void wsl_strbuf_json(wsl_strbuf *s, const char *text, size_t size);
char *wsl_strbuf_take(wsl_strbuf *s); /* hands the text over (free it), leaves s empty */
