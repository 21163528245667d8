/*
 * records.c - see the header.
 */
#include "format/records.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "format/codec.h"

void wsl_records_fini(wsl_records *r)
{
    free(r->data);
    *r = (wsl_records){0};
}

void wsl_records_start(wsl_records *r, wsl_source_ctx *ctx, const char *where, uint64_t offset, uint64_t stop,
                       bool in_the_middle)
{
    wsl_format_reset(ctx->format);
    r->begin = r->end = 0;
    r->offset = offset;
    r->stop = stop;
    r->where = where;
    r->ended = false;
    r->in_the_middle = in_the_middle;
}

void wsl_records_jump(wsl_records *r, uint64_t offset, bool in_the_middle)
{
    r->begin = r->end = 0;
    r->offset = offset;
    r->ended = false;
    r->in_the_middle = in_the_middle;
}

static void resize(wsl_records *r, size_t capacity)
{
    r->data = (char *)wsl_realloc(r->data, capacity);
    r->capacity = capacity;
}

char *wsl_records_space(wsl_records *r, wsl_source_ctx *ctx, size_t *out_size)
{
    const size_t most = wsl_format_max_line(ctx->format) + WSL_RECORDS_BLOCK;
    if (r->begin == r->end) {
        r->begin = r->end = 0;
        if (r->capacity != WSL_RECORDS_BLOCK) {
            resize(r, WSL_RECORDS_BLOCK);
        }
    } else if (r->begin > 0) {
        memmove(r->data, r->data + r->begin, r->end - r->begin);
        r->end -= r->begin;
        r->begin = 0;
    }
    if (r->end == r->capacity) {
        resize(r, r->capacity * 2 < most ? r->capacity * 2 : most);
        WSL_ASSERT(r->end < r->capacity); /* with more than max-line bytes the decoder takes some */
    }
    *out_size = r->capacity - r->end;
    return r->data + r->end;
}

void wsl_records_filled(wsl_records *r, size_t size)
{
    WSL_ASSERT(size <= r->capacity - r->end);
    r->end += size;
}

void wsl_records_ended(wsl_records *r) { r->ended = true; }

static void consume(wsl_records *r, size_t size)
{
    r->begin += size;
    r->offset += size;
}

/* Up to the first line end. False: it has not come yet. */
static bool leave_the_middle(wsl_records *r)
{
    const char *from = r->data + r->begin;
    const size_t size = r->end - r->begin;
    const char *end = size != 0 ? (const char *)memchr(from, '\n', size) : NULL;
    consume(r, end != NULL ? (size_t)(end - from) + 1 : size);
    r->in_the_middle = end == NULL && !r->ended;
    return !r->in_the_middle;
}

static wsl_status bad(wsl_records *r, wsl_source_ctx *ctx, const char *reason, size_t size)
{
    const char *raw = r->data + r->begin;
    size_t shown = size;
    while (shown > 0 && (raw[shown - 1] == '\n' || raw[shown - 1] == '\r')) {
        shown--;
    }
    const uint64_t offset = r->offset;
    consume(r, size);
    return ctx->ops->bad_record(ctx, reason, r->where, offset,
                                (wsl_str){raw, shown < UINT32_MAX ? (uint32_t)shown : UINT32_MAX});
}

/* The row needs more memory than there is at out_tip. */
static wsl_status more_room(wsl_records *r, wsl_source_ctx *ctx, const wsl_decoded *d)
{
    const size_t have = (size_t)(ctx->out_end - ctx->out_tip);
    if (have >= WSL_ROW_SIZE_MAX_DEFAULT) {
        return bad(r, ctx, "the row is larger than the maximum of 16 MiB", d->consumed);
    }
    return ctx->ops->make_room(ctx, d->needed < WSL_ROW_SIZE_MAX_DEFAULT ? d->needed : WSL_ROW_SIZE_MAX_DEFAULT);
}

static uint32_t room(const wsl_source_ctx *ctx)
{
    const size_t size = (size_t)(ctx->out_end - ctx->out_tip);
    return size < UINT32_MAX ? (uint32_t)size : UINT32_MAX;
}

wsl_status wsl_records_run(wsl_records *r, wsl_source_ctx *ctx, uint32_t max_rows, wsl_error *err)
{
    (void)err; /* what can fail is told to the ctx */
    wsl_format *format = ctx->format;
    if (r->in_the_middle && !leave_the_middle(r)) {
        return WSL_AGAIN;
    }
    for (uint32_t n = 0; n < max_rows; n++) {
        if (WSL_UNLIKELY(r->offset >= r->stop)) {
            return WSL_END;
        }
        wsl_decoded d;
        wsl_status s =
            wsl_format_decode_next(format, r->data + r->begin, r->end - r->begin, r->ended, ctx->out_tip, room(ctx), &d);
        if (WSL_LIKELY(s == WSL_OK && d.row != NULL)) {
            consume(r, d.consumed);
            s = ctx->ops->emit(ctx, d.row);
        } else if (s == WSL_OK && d.reason != NULL) {
            s = bad(r, ctx, d.reason, d.consumed);
        } else if (s == WSL_OK) {
            consume(r, d.consumed);
        } else if (s == WSL_NO_RESOURCE) {
            s = more_room(r, ctx, &d);
        }
        if (WSL_UNLIKELY(s != WSL_OK)) {
            return s;
        }
    }
    return WSL_OK;
}
