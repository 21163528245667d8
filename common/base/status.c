/*
 * status - names of codes and the text of errors.
 *
 * A new message is formatted into a local buffer first, because callers may pass err->text itself as an argument.
 */
#include <wiesel/status.h>

#include <stdio.h>
#include <string.h>

const char *wsl_status_name(wsl_status status)
{
    switch (status) {
#define WSL_STATUS_NAME(name, text)                                                                                    \
    case WSL_##name:                                                                                                   \
        return #name;
        WSL_STATUS_LIST(WSL_STATUS_NAME)
#undef WSL_STATUS_NAME
    }
    return "UNKNOWN";
}

const char *wsl_status_text(wsl_status status)
{
    switch (status) {
#define WSL_STATUS_TEXT(name, text)                                                                                    \
    case WSL_##name:                                                                                                   \
        return text;
        WSL_STATUS_LIST(WSL_STATUS_TEXT)
#undef WSL_STATUS_TEXT
    }
    return "unknown status";
}

/* Ends a text that vsnprintf cut off with "..." and never inside a UTF-8 character. */
static void mark_cut(char *text, size_t capacity)
{
    size_t end = capacity - 4;
    while (end > 0 && ((unsigned char)text[end] & 0xC0) == 0x80) {
        end--;
    }
    memcpy(text + end, "...", 4);
}

static void format_text(char *to, size_t capacity, const char *format, va_list args) WSL_PRINTF(3, 0);
static void format_text(char *to, size_t capacity, const char *format, va_list args)
{
    const int n = vsnprintf(to, capacity, format, args);
    if (n < 0) {
        to[0] = '\0';
    } else if ((size_t)n >= capacity) {
        mark_cut(to, capacity);
    }
}

wsl_status wsl_vfail(wsl_error *err, wsl_status status, const char *format, va_list args)
{
    if (err == NULL) {
        return status;
    }
    char text[WSL_ERROR_TEXT_MAX];
    format_text(text, sizeof text, format, args);
    err->status = status;
    err->retriable = false;
    memcpy(err->text, text, strlen(text) + 1);
    return status;
}

wsl_status wsl_fail(wsl_error *err, wsl_status status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    wsl_vfail(err, status, format, args);
    va_end(args);
    return status;
}

wsl_status wsl_fail_prefix(wsl_error *err, wsl_status status, const char *format, ...)
{
    if (err == NULL) {
        return status;
    }
    char prefix[WSL_ERROR_TEXT_MAX];
    va_list args;
    va_start(args, format);
    format_text(prefix, sizeof prefix, format, args);
    va_end(args);

    char text[2 * WSL_ERROR_TEXT_MAX + 2];
    const size_t prefix_size = strlen(prefix), rest_size = strnlen(err->text, sizeof err->text - 1);
    memcpy(text, prefix, prefix_size);
    memcpy(text + prefix_size, ": ", 2);
    memcpy(text + prefix_size + 2, err->text, rest_size);
    const size_t size = prefix_size + 2 + rest_size;
    text[size] = '\0';
    if (size >= sizeof err->text) {
        mark_cut(text, sizeof err->text);
    }
    memcpy(err->text, text, strlen(text) + 1);
    return err->status;
}
