/*
 * log - formats a line and hands it to a sink.
 *
 * To quote a value that holds blanks one has to know where it begins and ends, which the formatted text no longer
 * shows. So the format is walked conversion by conversion: a blank or a quote in the FORMAT separates tokens, one that
 * comes out of an ARGUMENT is part of a value.
 *
 *     "job=%s why=\"%s\" n=%d"   ->   job=bb88b0 why="no room" n=3
 */
#include "base/log.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/log_sink.h"
#include "base/strbuf.h"

enum { ARGUMENT_MAX = 4096, SPEC_MAX = 31 };

struct wsl_logger {
    wsl_log_sink *sink;
    wsl_clock *clock;
    wsl_log_level level;
    char *fields; /* " job=.. task=..", ready to be copied; "" if none */
};

/* ---- one value ---- */

static bool needs_quotes(const char *value, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        const unsigned char c = (unsigned char)value[i];
        if (c <= ' ' || c == '"' || c == '\\' || c == '=' || c == 0x7F) {
            return true;
        }
    }
    return size == 0;
}

static void add_quoted(wsl_strbuf *line, const char *value, size_t size)
{
    wsl_strbuf_putc(line, '"');
    for (size_t i = 0; i < size; i++) {
        const unsigned char c = (unsigned char)value[i];
        if (c == '"' || c == '\\') {
            wsl_strbuf_putc(line, '\\');
            wsl_strbuf_putc(line, (char)c);
        } else if (c == '\n') {
            wsl_strbuf_puts(line, "\\n");
        } else if (c == '\r') {
            wsl_strbuf_puts(line, "\\r");
        } else if (c == '\t') {
            wsl_strbuf_puts(line, "\\t");
        } else if (c < ' ' || c == 0x7F) {
            wsl_strbuf_printf(line, "\\x%02x", c);
        } else {
            wsl_strbuf_putc(line, (char)c);
        }
    }
    wsl_strbuf_putc(line, '"');
}

/* ---- a token: key=value, or a word ---- */

typedef struct token {
    wsl_strbuf text;
    size_t value_at; /* where the value begins: behind the first '=' of the format, 0 for a word */
    bool in_quotes;  /* between two quotes of the format */
    bool begun;
} token;

static void token_flush(token *t, wsl_strbuf *line)
{
    if (t->begun) {
        const char *const value = t->text.data + t->value_at;
        const size_t size = t->text.size - t->value_at;
        wsl_strbuf_putc(line, ' ');
        wsl_strbuf_add(line, t->text.data, t->value_at);
        if (needs_quotes(value, size)) {
            add_quoted(line, value, size);
        } else {
            wsl_strbuf_add(line, value, size);
        }
    }
    wsl_strbuf_clear(&t->text);
    t->value_at = 0;
    t->in_quotes = t->begun = false;
}

static void token_literal(token *t, wsl_strbuf *line, char c)
{
    if (c == '"') {
        t->in_quotes = !t->in_quotes;
        t->begun = true;
    } else if (c == ' ' && !t->in_quotes) {
        token_flush(t, line);
    } else {
        wsl_strbuf_putc(&t->text, c);
        t->begun = true;
        if (c == '=' && t->value_at == 0) {
            t->value_at = t->text.size;
        }
    }
}

/* ---- one conversion ---- */

typedef enum length { LENGTH_INT, LENGTH_LONG, LENGTH_LONG_LONG, LENGTH_SIZE, LENGTH_MAX, LENGTH_PTRDIFF } length;

typedef struct spec {
    char text[SPEC_MAX + 1]; /* "%-5.3f" with the length replaced by what fits the argument we pass */
    size_t size;
    length length;
    char conversion;
    int precision; /* of %s; -1 if none */
} spec;

static void spec_add(spec *s, char c)
{
    WSL_ASSERT(s->size < SPEC_MAX);
    s->text[s->size++] = c;
    s->text[s->size] = '\0';
}

static void spec_add_number(spec *s, int n)
{
    char digits[16];
    (void)snprintf(digits, sizeof digits, "%d", n);
    for (const char *p = digits; *p != '\0'; p++) {
        spec_add(s, *p);
    }
}

/* The argument list must be walked in one function: a va_list handed on has no defined state afterwards, so it travels
 * by pointer inside this struct. */
typedef struct arguments {
    va_list list;
} arguments;

static const char *parse_length(spec *s, const char *p)
{
    s->length = LENGTH_INT;
    for (;; p++) {
        switch (*p) {
        case 'h':
            break; /* char and short arrive as int; the value is printed unnarrowed */
        case 'l':
            s->length = s->length == LENGTH_LONG ? LENGTH_LONG_LONG : LENGTH_LONG;
            break;
        case 'z':
            s->length = LENGTH_SIZE;
            break;
        case 'j':
            s->length = LENGTH_MAX;
            break;
        case 't':
            s->length = LENGTH_PTRDIFF;
            break;
        default:
            return p;
        }
    }
}

/* p is behind the '%'; returns the place behind the conversion. */
static const char *parse_spec(spec *s, const char *p, arguments *args)
{
    *s = (spec){.precision = -1};
    spec_add(s, '%');
    bool in_precision = false;
    for (; strchr("-+ #0123456789.*", *p) != NULL && *p != '\0'; p++) {
        if (*p == '.') {
            in_precision = true;
            s->precision = 0;
            spec_add(s, '.');
        } else if (*p == '*') {
            const int n = va_arg(args->list, int);
            s->precision = in_precision ? n : s->precision;
            spec_add_number(s, in_precision && n < 0 ? ARGUMENT_MAX : n);
        } else {
            if (in_precision && *p >= '0' && *p <= '9') {
                s->precision = s->precision * 10 + (*p - '0');
            }
            spec_add(s, *p);
        }
    }
    p = parse_length(s, p);
    s->conversion = *p;
    return *p != '\0' ? p + 1 : p;
}

static int64_t signed_argument(const spec *s, arguments *args)
{
    switch (s->length) {
    case LENGTH_INT:
        return va_arg(args->list, int);
    case LENGTH_LONG:
        return va_arg(args->list, long);
    case LENGTH_LONG_LONG:
        return va_arg(args->list, long long);
    case LENGTH_SIZE:
        return va_arg(args->list, ssize_t);
    case LENGTH_MAX:
        return va_arg(args->list, intmax_t);
    case LENGTH_PTRDIFF:
        return va_arg(args->list, ptrdiff_t);
    }
    return 0;
}

static uint64_t unsigned_argument(const spec *s, arguments *args)
{
    switch (s->length) {
    case LENGTH_INT:
        return va_arg(args->list, unsigned);
    case LENGTH_LONG:
        return va_arg(args->list, unsigned long);
    case LENGTH_LONG_LONG:
        return va_arg(args->list, unsigned long long);
    case LENGTH_SIZE:
        return va_arg(args->list, size_t);
    case LENGTH_MAX:
        return va_arg(args->list, uintmax_t);
    case LENGTH_PTRDIFF:
        return (uint64_t)va_arg(args->list, ptrdiff_t);
    }
    return 0;
}

static void add_text_argument(wsl_strbuf *to, const spec *s, arguments *args)
{
    const char *text = va_arg(args->list, const char *);
    if (text == NULL) {
        text = "(null)";
    }
    const size_t limit = s->precision >= 0 && s->precision < ARGUMENT_MAX ? (size_t)s->precision : ARGUMENT_MAX;
    const size_t size = strnlen(text, limit);
    wsl_strbuf_add(to, text, size);
    if (size == ARGUMENT_MAX) {
        wsl_strbuf_puts(to, "...");
    }
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral" /* the pieces come from a format that the compiler has checked */
static void add_argument(wsl_strbuf *to, spec *s, arguments *args)
{
    switch (s->conversion) {
    case 's':
        add_text_argument(to, s, args);
        break;
    case 'd':
    case 'i':
        spec_add(s, 'l');
        spec_add(s, 'd');
        wsl_strbuf_printf(to, s->text, (long)signed_argument(s, args));
        break;
    case 'u':
    case 'x':
    case 'X':
    case 'o':
        spec_add(s, 'l');
        spec_add(s, s->conversion);
        wsl_strbuf_printf(to, s->text, (unsigned long)unsigned_argument(s, args));
        break;
    case 'c':
        wsl_strbuf_putc(to, (char)va_arg(args->list, int));
        break;
    case 'p':
        wsl_strbuf_printf(to, "%p", va_arg(args->list, void *));
        break;
    case 'e':
    case 'E':
    case 'f':
    case 'F':
    case 'g':
    case 'G':
        spec_add(s, s->conversion);
        wsl_strbuf_printf(to, s->text, va_arg(args->list, double));
        break;
    default:
        wsl_assert_failed("the conversion is one that log knows", __FILE__, __LINE__, __func__);
    }
}
#pragma GCC diagnostic pop

static void add_fields(wsl_strbuf *line, const char *format, arguments *args)
{
    token t = {.value_at = 0};
    wsl_strbuf_init(&t.text);
    for (const char *p = format; *p != '\0';) {
        if (*p != '%') {
            token_literal(&t, line, *p++);
        } else if (p[1] == '%') {
            token_literal(&t, line, '%');
            p += 2;
        } else {
            spec s;
            p = parse_spec(&s, p + 1, args);
            add_argument(&t.text, &s, args);
            t.begun = true;
        }
    }
    token_flush(&t, line);
    wsl_strbuf_fini(&t.text);
}

/* ---- loggers ---- */

wsl_logger *wsl_logger_new(wsl_log_sink *sink, wsl_clock *clock, wsl_log_level level)
{
    wsl_logger *const logger = wsl_zalloc(sizeof *logger);
    logger->sink = sink;
    logger->clock = clock;
    logger->level = level;
    logger->fields = wsl_strdup("");
    return logger;
}

wsl_logger *wsl_logger_with(const wsl_logger *parent, const char *format, ...)
{
    if (parent == NULL) {
        return NULL;
    }
    wsl_strbuf fields;
    wsl_strbuf_init(&fields);
    wsl_strbuf_puts(&fields, parent->fields);
    arguments args;
    va_start(args.list, format);
    add_fields(&fields, format, &args);
    va_end(args.list);
    wsl_logger *const logger = wsl_zalloc(sizeof *logger);
    *logger = *parent;
    logger->fields = wsl_strbuf_take(&fields);
    return logger;
}

void wsl_logger_free(wsl_logger *logger)
{
    if (logger != NULL) {
        free(logger->fields);
        free(logger);
    }
}

bool wsl_log_level_parse(const char *text, wsl_log_level *out_level)
{
    static const char *const names[] = {"DEBUG", "INFO", "WARN", "ERROR"};
    for (size_t i = 0; i < WSL_ARRAY_LEN(names); i++) {
        if (strcasecmp(text, names[i]) == 0) {
            *out_level = (wsl_log_level)i;
            return true;
        }
    }
    return false;
}

static void add_head(wsl_strbuf *line, int64_t wall_ms, wsl_log_level level, const char *event)
{
    static const char names[][6] = {"DEBUG", "INFO ", "WARN ", "ERROR"};
    time_t seconds = wall_ms / 1000;
    int64_t ms = wall_ms % 1000;
    if (ms < 0) {
        ms += 1000;
        seconds--;
    }
    struct tm tm;
    gmtime_r(&seconds, &tm);
    char time_text[32];
    (void)strftime(time_text, sizeof time_text, "%Y-%m-%dT%H:%M:%S", &tm);
    wsl_strbuf_printf(line, "%s.%03" PRId64 "Z %s %s", time_text, ms, names[level], event);
}

void wsl_log(const wsl_logger *logger, wsl_log_level level, const char *event, const char *format, ...)
{
    if (logger == NULL || level < logger->level) {
        return;
    }
    wsl_strbuf line;
    wsl_strbuf_init(&line);
    add_head(&line, wsl_wall_ms(logger->clock), level, event);
    wsl_strbuf_puts(&line, logger->fields);
    arguments args;
    va_start(args.list, format);
    add_fields(&line, format, &args);
    va_end(args.list);
    wsl_log_sink_write(logger->sink, line.data, line.size);
    wsl_strbuf_fini(&line);
}
