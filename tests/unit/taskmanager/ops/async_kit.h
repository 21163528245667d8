/*
 * async_kit - a service that answers when the test says so, and what came out of a harness in short: "2 1 w5 3".
 */
#pragma once
#include <wiesel/async.h>
#include <wiesel/harness.h>

#include <stdlib.h>

#include "chain_kit.h"

/* ---- a service that answers when the test says so ---- */

enum { ASKED_MAX = 4096 };

static struct {
    wsl_async *request[ASKED_MAX];
    int64_t value[ASKED_MAX];
    uint32_t n;
} asked;

static inline void forget_asked(void) { asked.n = 0; }

static wsl_status remember(wsl_ctx *ctx, const wsl_row *in, wsl_async *request)
{
    (void)ctx;
    cr_assert_lt(asked.n, ASKED_MAX);
    asked.request[asked.n] = request;
    asked.value[asked.n++] = num_value(in);
    return WSL_OK;
}
WSL_ASYNC(later, .in = &num_schema, .invoke = remember);

static inline void answer_with(wsl_async *request, int64_t value)
{
    uint64_t memory[8];
    wsl_row_writer w;
    (void)wsl_row_writer_init(&w, memory, sizeof memory, num_n_fields);
    num_set_value(&w, value);
    wsl_async_complete_row(request, &w);
}

/* Answers the i-th question with its number. */
static inline void answer(uint32_t i) { answer_with(asked.request[i], asked.value[i]); }

static inline wsl_harness *open_harness(const wsl_function *fn, const char *const *options)
{
    wsl_harness *h = NULL;
    wsl_error err = {0};
    forget_asked();
    cr_assert_eq(wsl_harness_new(&(wsl_harness_options){.function = fn, .options = options}, &h, &err), WSL_OK, "%s",
                 err.text);
    return h;
}

static inline void push(wsl_harness *h, int64_t value, int64_t timestamp)
{
    wsl_row_writer *w = wsl_harness_row(h, &num_schema);
    num_set_value(w, value);
    cr_assert_eq(wsl_harness_push_at(h, w, timestamp), WSL_OK, "%s", wsl_harness_error(h)->text);
}

/* Lets the operator see what has come. */
static inline void look(wsl_harness *h)
{
    cr_assert_eq(wsl_harness_advance(h, 0), WSL_OK, "%s", wsl_harness_error(h)->text);
}

/* Values and marks that came out: "2 1 w5 3". */
static inline const char *out(wsl_harness *h)
{
    static char text[65536];
    const char *at = wsl_harness_text(h);
    size_t n = 0;
    while (*at != '\0') {
        if (strncmp(at, "{value=", 7) == 0) {
            n += (size_t)snprintf(text + n, sizeof text - n, "%s%lld", n > 0 ? " " : "", strtoll(at + 7, NULL, 10));
        } else if (strncmp(at, "watermark ", 10) == 0) {
            n += (size_t)snprintf(text + n, sizeof text - n, "%sw%.*s", n > 0 ? " " : "", (int)strcspn(at + 10, ","),
                                  at + 10);
        } else {
            n += (size_t)snprintf(text + n, sizeof text - n, "%s%.*s", n > 0 ? " " : "", (int)strcspn(at, ","), at);
        }
        int depth = 0; /* the next item is behind a comma at the outermost level */
        for (; *at != '\0' && (*at != ',' || depth > 0); at++) {
            depth += *at == '{' ? 1 : *at == '}' ? -1 : 0;
        }
        at += *at == ',' ? 2 : 0;
    }
    text[n] = '\0';
    return text;
}
