/*
 * format_fixture - decodes text and writes down what came of it, one line per record:
 *
 *     {symbol=ACME, quantity=5}        a row (wsl_row_print), checked with wsl_row_check
 *     BAD reason
 *
 * Input is copied to memory of its exact size, so that a read behind its end is caught by the address sanitizer.
 */
#pragma once
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/wsl_test.h"

#include "base/alloc.h"
#include "base/strbuf.h"
#include "data/row_text.h"
#include "format/format.h"

typedef struct fx {
    wsl_config *config;
    wsl_format *format;
    const wsl_schema *schema;
    wsl_strbuf log;
    uint32_t n_rows, n_bad;
    size_t largest_wait; /* most bytes of an unfinished record */
} fx;

/* Options as "key=value" strings, ended by NULL. */
static inline wsl_config *fx_config(const char *const *options)
{
    static const wsl_option *const tables[] = {wsl_format_options};
    wsl_config *config = wsl_config_new(tables, 1);
    wsl_error err = {0};
    for (uint32_t i = 0; options != NULL && options[i] != NULL; i++) {
        cr_assert_eq(wsl_config_set_pair(config, options[i], "test", &err), WSL_OK, "%s", err.text);
    }
    return config;
}

#define FX_OPTIONS(...) ((const char *const[]){__VA_ARGS__, NULL})

static inline void fx_init(fx *x, const char *name, const wsl_schema *schema, const char *const *options)
{
    *x = (fx){.config = fx_config(options), .schema = schema};
    wsl_error err = {0};
    cr_assert_eq(wsl_format_new(name, schema, x->config, &x->format, &err), WSL_OK, "%s", err.text);
    wsl_strbuf_init(&x->log);
}

static inline void fx_fini(fx *x)
{
    wsl_format_free(x->format);
    wsl_config_free(x->config);
    wsl_strbuf_fini(&x->log);
}

/* Decodes one record from an exact copy of [data, data+size). The row (if any) goes to *out_row, malloc'ed. */
static inline wsl_status fx_decode_one(fx *x, const char *data, size_t size, bool last, uint32_t capacity,
                                       wsl_decoded *out, wsl_row **out_row)
{
    char *copy = (char *)malloc(size + (size == 0));
    memcpy(copy, data, size);
    wsl_status s;
    void *memory = NULL;
    for (int round = 0;; round++) {
        memory = realloc(memory, capacity + (capacity == 0));
        s = wsl_format_decode(x->format, copy, size, last, memory, capacity, out);
        if (s != WSL_NO_RESOURCE) {
            break;
        }
        cr_assert_gt(out->needed, capacity, "a larger room is asked for each time");
        cr_assert_lt(round, 40);
        capacity = out->needed;
    }
    if (s == WSL_OK && out->row != NULL) {
        cr_assert_eq((void *)out->row, memory);
        *out_row = out->row;
    } else {
        free(memory);
        *out_row = NULL;
    }
    free(copy);
    return s;
}

static inline void fx_note(fx *x, const wsl_decoded *d, wsl_row *row)
{
    if (row != NULL) {
        wsl_error err = {0};
        cr_assert_eq(wsl_row_check(row, row->size, x->schema, &err), WSL_OK, "%s", err.text);
        wsl_row_print(row, x->schema, &x->log);
        wsl_strbuf_putc(&x->log, '\n');
        x->n_rows++;
        free(row);
    } else if (d->reason != NULL) {
        wsl_strbuf_printf(&x->log, "BAD %s\n", d->reason);
        x->n_bad++;
    }
}

/* The whole text, arriving in pieces of `piece` bytes (0: at once). */
static inline const char *fx_decode_in_pieces(fx *x, const char *text, size_t size, size_t piece)
{
    size_t at = 0, have = piece == 0 || piece > size ? size : piece;
    wsl_strbuf_clear(&x->log);
    x->n_rows = x->n_bad = 0;
    wsl_format_reset(x->format);
    for (;;) {
        wsl_decoded d;
        wsl_row *row;
        const wsl_status s = fx_decode_one(x, text + at, have - at, have == size, 0, &d, &row);
        if (s == WSL_AGAIN) {
            cr_assert_lt(have, size);
            x->largest_wait = have - at > x->largest_wait ? have - at : x->largest_wait;
            have = have + piece < size ? have + piece : size;
            continue;
        }
        if (s == WSL_END) {
            cr_assert_eq(at, size);
            return x->log.data;
        }
        cr_assert_eq(s, WSL_OK);
        cr_assert_gt(d.consumed, 0);
        cr_assert_leq(d.consumed, have - at);
        fx_note(x, &d, row);
        at += d.consumed;
    }
}

static inline const char *fx_decode(fx *x, const char *text) { return fx_decode_in_pieces(x, text, strlen(text), 0); }

/* What becomes of `text` as a file of one format; it must be the same in pieces of any size. */
static inline void fx_expect(fx *x, const char *text, size_t size, const char *expected)
{
    static const size_t pieces[] = {0, 1, 2, 3, 7, 17, 64};
    for (size_t i = 0; i < WSL_ARRAY_LEN(pieces); i++) {
        const char *got = fx_decode_in_pieces(x, text, size, pieces[i]);
        cr_assert_str_eq(got, expected, "in pieces of %zu: '%s' gave\n%sinstead of\n%s", pieces[i], text, got,
                         expected);
    }
}

#define FX_EXPECT(x, text, expected) fx_expect(x, text, sizeof(text) - 1, expected)
