/*
 * What came out of the operator in a harness.
 */
#include <inttypes.h>
#include <string.h>

#include "data/row_text.h"
#include "taskmanager/ops/harness_internal.h"
#include "taskmanager/ops/state_report.h"

static uint32_t count_of(const wsl_harness *h, uint32_t stream, uint32_t stop_at, const wsl_row **out_row)
{
    uint32_t n = 0;
    const uint32_t total = tm_collector_count(h->collector);
    for (uint32_t i = 0; i < total; i++) {
        const tm_collected *item = tm_collector_at(h->collector, i);
        if (item->stream == stream && item->row->kind == WSL_KIND_DATA) {
            if (n == stop_at) {
                *out_row = item->row;
                return n;
            }
            n++;
        }
    }
    return n;
}

/* 0 if there is no such side output: the stream of the main one, which is never asked for by tag. */
static uint32_t stream_of(const wsl_harness *h, const char *tag)
{
    for (size_t i = 0; i < h->desc->n_sides; i++) {
        if (strcmp(h->desc->sides[i]->tag, tag) == 0) {
            return (uint32_t)i + 1;
        }
    }
    return 0;
}

uint32_t wsl_harness_count(const wsl_harness *h)
{
    const wsl_row *row = NULL;
    return count_of(h, 0, UINT32_MAX, &row);
}

const wsl_row *wsl_harness_out(const wsl_harness *h, uint32_t i)
{
    const wsl_row *row = NULL;
    (void)count_of(h, 0, i, &row);
    return row;
}

uint32_t wsl_harness_side_count(const wsl_harness *h, const char *tag)
{
    const uint32_t stream = stream_of(h, tag);
    const wsl_row *row = NULL;
    return stream == 0 ? 0 : count_of(h, stream, UINT32_MAX, &row);
}

const wsl_row *wsl_harness_side(const wsl_harness *h, const char *tag, uint32_t i)
{
    const uint32_t stream = stream_of(h, tag);
    const wsl_row *row = NULL;
    if (stream != 0) {
        (void)count_of(h, stream, i, &row);
    }
    return row;
}

int64_t wsl_harness_out_watermark(const wsl_harness *h) { return tm_chain_head(h->chain)->out_watermark; }

static void add_row_text(wsl_harness *h, const tm_collected *item)
{
    const tm_op *op = tm_chain_head(h->chain);
    const wsl_schema *schema = op->env.output;
    if (item->stream != 0) {
        wsl_strbuf_printf(&h->text, "%s: ", h->desc->sides[item->stream - 1]->tag);
        schema = op->env.sides[item->stream - 1];
    }
    if (schema == NULL) {
        wsl_strbuf_puts(&h->text, "{...}"); /* a built-in operator, and the test did not say .out */
    } else {
        wsl_row_print(item->row, schema, &h->text);
    }
    if (wsl_row_has_timestamp(item->row)) {
        wsl_strbuf_printf(&h->text, "@%" PRId64, item->row->timestamp);
    }
}

static void add_mark_text(wsl_harness *h, const wsl_row *mark)
{
    if (mark->kind == WSL_KIND_WATERMARK && mark->timestamp == WSL_TIME_MAX) {
        wsl_strbuf_puts(&h->text, "watermark MAX");
    } else if (mark->kind == WSL_KIND_WATERMARK) {
        wsl_strbuf_printf(&h->text, "watermark %" PRId64, mark->timestamp);
    } else {
        wsl_strbuf_puts(&h->text, mark->kind == WSL_KIND_IDLE     ? "idle"
                                  : mark->kind == WSL_KIND_ACTIVE ? "active"
                                                                  : "end");
    }
}

const char *wsl_harness_text(wsl_harness *h)
{
    wsl_strbuf_clear(&h->text);
    for (uint32_t i = 0; i < tm_collector_count(h->collector); i++) {
        const tm_collected *item = tm_collector_at(h->collector, i);
        if (i > 0) {
            wsl_strbuf_puts(&h->text, ", ");
        }
        if (item->row->kind == WSL_KIND_DATA) {
            add_row_text(h, item);
        } else {
            add_mark_text(h, item->row);
        }
    }
    return h->text.data;
}

void wsl_harness_clear(wsl_harness *h) { tm_collector_clear(h->collector); }

int64_t wsl_harness_metric(const wsl_harness *h, const char *name)
{
    tm_op *op = tm_chain_head(h->chain);
    tm_state_report_update(op);
    for (uint32_t i = 0; i < op->n_counts; i++) {
        if (strcmp(op->counts[i].name, name) == 0) {
            return op->counts[i].value;
        }
    }
    return 0;
}
