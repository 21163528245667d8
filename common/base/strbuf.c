/*
 * strbuf - growing text. While nothing is allocated, data points at a shared empty string with capacity 0; nothing is
 * ever written through it.
 */
#include "base/strbuf.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"

static char *nothing(void)
{
    static char empty[1] = ""; /* never written */
    return empty;
}

void wsl_strbuf_init(wsl_strbuf *s) { *s = (wsl_strbuf){.data = nothing()}; }

void wsl_strbuf_fini(wsl_strbuf *s)
{
    if (s->capacity != 0) {
        free(s->data);
    }
    wsl_strbuf_init(s);
}

void wsl_strbuf_clear(wsl_strbuf *s)
{
    s->size = 0;
    if (s->capacity != 0) {
        s->data[0] = '\0';
    }
}

void wsl_strbuf_reserve(wsl_strbuf *s, size_t more)
{
    size_t need = 0;
    WSL_ASSERT(!__builtin_add_overflow(s->size, more, &need) && need < SIZE_MAX / 2);
    if (need < s->capacity) {
        return;
    }
    size_t capacity = s->capacity < 64 ? 64 : s->capacity;
    while (capacity <= need) {
        capacity *= 2;
    }
    s->data = wsl_realloc(s->capacity != 0 ? s->data : NULL, capacity);
    s->capacity = capacity;
    s->data[s->size] = '\0';
}

void wsl_strbuf_add(wsl_strbuf *s, const void *data, size_t size)
{
    wsl_strbuf_reserve(s, size);
    if (size != 0) {
        memcpy(s->data + s->size, data, size);
    }
    s->size += size;
    s->data[s->size] = '\0';
}

void wsl_strbuf_puts(wsl_strbuf *s, const char *text) { wsl_strbuf_add(s, text, strlen(text)); }

void wsl_strbuf_putc(wsl_strbuf *s, char c) { wsl_strbuf_add(s, &c, 1); }

void wsl_strbuf_vprintf(wsl_strbuf *s, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    wsl_strbuf_reserve(s, 1);
    const size_t room = s->capacity - s->size;
    const int n = vsnprintf(s->data + s->size, room, format, args);
    WSL_ASSERT(n >= 0);
    if ((size_t)n >= room) {
        wsl_strbuf_reserve(s, (size_t)n);
        (void)vsnprintf(s->data + s->size, (size_t)n + 1, format, again);
    }
    va_end(again);
    s->size += (size_t)n;
}

void wsl_strbuf_printf(wsl_strbuf *s, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    wsl_strbuf_vprintf(s, format, args);
    va_end(args);
}

/* Bytes of the well-formed UTF-8 character at p (RFC 3629: no surrogates, nothing overlong), 0 if there is none. */
static size_t utf8_length(const unsigned char *p, size_t size)
{
    const unsigned char c = p[0];
    unsigned char low = 0x80, high = 0xBF;
    size_t n = 0;
    if (c < 0x80) {
        return 1;
    } else if (c >= 0xC2 && c <= 0xDF) {
        n = 2;
    } else if (c >= 0xE0 && c <= 0xEF) {
        n = 3;
        low = c == 0xE0 ? 0xA0 : 0x80;
        high = c == 0xED ? 0x9F : 0xBF;
    } else if (c >= 0xF0 && c <= 0xF4) {
        n = 4;
        low = c == 0xF0 ? 0x90 : 0x80;
        high = c == 0xF4 ? 0x8F : 0xBF;
    }
    if (n == 0 || size < n || p[1] < low || p[1] > high) {
        return 0;
    }
    for (size_t i = 2; i < n; i++) {
        if ((p[i] & 0xC0) != 0x80) {
            return 0;
        }
    }
    return n;
}

static void json_escape(wsl_strbuf *s, unsigned char c)
{
    static const char short_form[32] = {['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};
    if (c == '"' || c == '\\') {
        wsl_strbuf_putc(s, '\\');
        wsl_strbuf_putc(s, (char)c);
    } else if (short_form[c] != 0) {
        wsl_strbuf_putc(s, '\\');
        wsl_strbuf_putc(s, short_form[c]);
    } else {
        wsl_strbuf_printf(s, "\\u%04x", c);
    }
}

void wsl_strbuf_json(wsl_strbuf *s, const char *text, size_t size)
{
    const unsigned char *const p = (const unsigned char *)text;
    wsl_strbuf_reserve(s, size + 2);
    wsl_strbuf_putc(s, '"');
    size_t plain = 0; /* start of the run that can be copied as it is */
    for (size_t i = 0; i < size;) {
        const size_t n = utf8_length(p + i, size - i);
        if (n != 0 && p[i] >= 0x20 && p[i] != '"' && p[i] != '\\') {
            i += n;
            continue;
        }
        wsl_strbuf_add(s, p + plain, i - plain);
        if (n == 0) {
            wsl_strbuf_puts(s, "\xEF\xBF\xBD");
        } else {
            json_escape(s, p[i]);
        }
        plain = ++i;
    }
    wsl_strbuf_add(s, p + plain, size - plain);
    wsl_strbuf_putc(s, '"');
}

char *wsl_strbuf_take(wsl_strbuf *s)
{
    char *const text = s->capacity != 0 ? s->data : wsl_strdup("");
    wsl_strbuf_init(s);
    return text;
}
