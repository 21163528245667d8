/*
 * source.c - places in a text as people count them: lines and columns from 1, columns in characters of UTF-8.
 */
#include "expr/source.h"

#include <stdio.h>
#include <string.h>

#include "expr/expr.h"

enum { SHOWN_BEFORE = 60, SHOWN_AFTER = 40, INDENT = 4 };

wsl_status wsl_expr_source_init(wsl_expr_source *src, wsl_arena *arena, const char *text, wsl_error *err)
{
    const size_t size = strlen(text);
    if (size > WSL_EXPR_TEXT_MAX) {
        return wsl_fail(err, WSL_TOO_LARGE, "the expression has %zu bytes, at most %d are allowed", size,
                        WSL_EXPR_TEXT_MAX);
    }
    *src = (wsl_expr_source){wsl_arena_strndup(arena, text, size), (uint32_t)size};
    return WSL_OK;
}

static bool is_continuation(char c) { return ((unsigned char)c & 0xC0) == 0x80; }

static uint32_t count_chars(const char *from, const char *to)
{
    uint32_t n = 0;
    for (; from < to; from++) {
        n += !is_continuation(*from);
    }
    return n;
}

/* The part of the line around `at`, and the column of the caret below it. */
static void show_line(const char *line, const char *at, const char *end, wsl_error *err)
{
    const char *from = at - line > SHOWN_BEFORE ? at - SHOWN_BEFORE : line;
    const char *to = end - at > SHOWN_AFTER ? at + SHOWN_AFTER : end;
    while (from > line && is_continuation(*from)) {
        from--;
    }
    while (to < end && is_continuation(*to)) {
        to++;
    }
    const size_t used = strlen(err->text);
    char *out = err->text + used;
    const size_t room = sizeof err->text - used;
    const char *dots = from > line ? "..." : "";
    const int n = snprintf(out, room, "\n%*s%s%.*s%s\n%*s^", INDENT, "", dots, (int)(to - from), from,
                           to < end ? "..." : "", INDENT + (int)strlen(dots) + (int)count_chars(from, at), "");
    if (n < 0 || (size_t)n >= room) {
        *out = '\0'; /* better no picture than half of one */
    }
    for (char *c = out; *c != '\0'; c++) {
        *c = *c == '\t' ? ' ' : *c;
    }
}

wsl_status wsl_expr_fail_at(const wsl_expr_source *src, uint32_t at, wsl_error *err, wsl_status status,
                            const char *format, ...)
{
    va_list args;
    if (err == NULL) {
        return status;
    }
    va_start(args, format);
    (void)wsl_vfail(err, status, format, args);
    va_end(args);
    const char *place = src->text + (at < src->size ? at : src->size);
    const char *line = place;
    while (line > src->text && line[-1] != '\n') {
        line--;
    }
    const char *end = place + strcspn(place, "\n");
    uint32_t line_number = 1;
    for (const char *c = src->text; c < line; c++) {
        line_number += *c == '\n';
    }
    const size_t used = strlen(err->text);
    const uint32_t column = count_chars(line, place) + 1;
    if (memchr(src->text, '\n', src->size) == NULL) {
        (void)snprintf(err->text + used, sizeof err->text - used, " (column %u)", column);
    } else {
        (void)snprintf(err->text + used, sizeof err->text - used, " (line %u, column %u)", line_number, column);
    }
    show_line(line, place, end, err);
    return status;
}
