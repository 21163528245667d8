/*
 * datagen_source.c - makes rows by rule.
 *
 * Of P subtasks, subtask p makes rows p, p+P, p+2P, ... of one sequence that does not depend on P. With
 * rows-per-second, row n of the sequence is due n / rate seconds after the source was opened, whether or not the rows
 * before it got through (open loop): a pipeline that fell behind gets what is due at once, and latency measured from
 * the due time is honest.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "base/clock.h"
#include "connector/connectors.h"
#include "connector/datagen/rules.h"

typedef struct datagen_reader {
    wsl_rules *rules;
    uint64_t seed;
    uint64_t end;      /* rows of all subtasks */
    double ns_per_row; /* 0: as fast as it goes */
    int64_t start_ns;
    uint64_t next; /* row */
    bool started;
} datagen_reader;

/* clang-format off */
static const wsl_option options[] = {
    {.name = "fields", .type = WSL_OPT_STRING,
     .help = "Rules, separated by ';': FIELD random MIN MAX | sequence FIRST [LAST] [step N] | string LENGTH | list A,B,C | constant V | now. Fields without one: random numbers, 8 random letters, the current time."},
    {.name = "number-of-rows", .type = WSL_OPT_INT, .min = "0",
     .help = "Rows of all subtasks together; unset: no end (but where a sequence has one)."},
    {.name = "rows-per-second", .type = WSL_OPT_DOUBLE, .min = "0", .max = "1e12",
     .help = "Rate of all subtasks together; unset or 0: as fast as it goes."},
    {.name = "seed", .type = WSL_OPT_INT, .default_value = "1",
     .help = "The same seed gives the same rows, at any parallelism."},
    {0},
};
/* clang-format on */

static wsl_status reader_open(void *self, wsl_source_ctx *ctx, wsl_error *err)
{
    datagen_reader *r = (datagen_reader *)self;
    WSL_TRY(wsl_rules_new(ctx->schema, wsl_config_str(ctx->config, "fields"), &r->rules, err));
    r->seed = (uint64_t)wsl_config_int(ctx->config, "seed") * 0xD1342543DE82EF95u;
    r->end = r->rules->n_rows_max;
    if (wsl_config_is_set(ctx->config, "number-of-rows")) {
        const uint64_t n = (uint64_t)wsl_config_int(ctx->config, "number-of-rows");
        r->end = n < r->end ? n : r->end;
    }
    const double rate = wsl_config_double(ctx->config, "rows-per-second");
    r->ns_per_row = rate > 0 ? 1e9 / rate : 0;
    r->next = ctx->subtask;
    return WSL_OK;
}

/* The first row that is not due yet. */
static uint64_t due_end(const datagen_reader *r, int64_t now_ns)
{
    if (r->ns_per_row <= 0) {
        return r->end;
    }
    const double n = (double)(now_ns - r->start_ns) / r->ns_per_row + 1; /* row 0 is due at once */
    return n >= (double)r->end ? r->end : (uint64_t)n;
}

static wsl_status make_rows(datagen_reader *r, wsl_source_ctx *ctx, uint32_t max_rows, uint64_t due)
{
    const int64_t now_ms = wsl_wall_ms(ctx->clock);
    for (uint32_t i = 0; i < max_rows && r->next < due; i++) {
        if (WSL_UNLIKELY((size_t)(ctx->out_end - ctx->out_tip) < r->rules->row_room)) {
            WSL_TRY(ctx->ops->make_room(ctx, r->rules->row_room));
        }
        wsl_row_writer w;
        (void)wsl_row_writer_init(&w, ctx->out_tip, (uint32_t)(ctx->out_end - ctx->out_tip), ctx->schema->n_fields);
        wsl_rules_row(r->rules, r->seed, r->next, now_ms, &w);
        r->next += ctx->parallelism;
        WSL_TRY(ctx->ops->emit(ctx, w.row));
    }
    return WSL_OK;
}

static wsl_status poll(void *self, wsl_source_ctx *ctx, uint32_t max_rows, wsl_error *err)
{
    (void)err;
    datagen_reader *r = (datagen_reader *)self;
    if (!r->started) {
        r->started = true;
        r->start_ns = wsl_now_ns(ctx->clock);
    }
    const uint64_t due = r->ns_per_row > 0 ? due_end(r, wsl_now_ns(ctx->clock)) : r->end;
    WSL_TRY(make_rows(r, ctx, max_rows, due));
    if (r->next >= r->end) {
        return WSL_END;
    }
    if (r->next < due) {
        return WSL_OK;
    }
    ctx->ops->wake_at(ctx, r->start_ns + (int64_t)((double)r->next * r->ns_per_row) + 1);
    return WSL_AGAIN;
}

static void reader_close(void *self, wsl_source_ctx *ctx)
{
    (void)ctx;
    wsl_rules_free(((datagen_reader *)self)->rules);
}

static wsl_status validate(struct wsl_fs *fs, const wsl_config *config, const wsl_schema *schema, wsl_error *err)
{
    (void)fs;
    WSL_AUTO(wsl_rules) rules = NULL;
    return wsl_rules_new(schema, wsl_config_str(config, "fields"), &rules, err);
}

static const wsl_reader_class reader = {
    .size = sizeof(datagen_reader),
    .open = reader_open,
    .poll = poll,
    .close = reader_close,
};

const wsl_source_class wsl_datagen_source = {
    .name = "datagen",
    .help = "Makes rows by rule, at a rate.",
    .options = options,
    .reader = &reader,
    .validate = validate,
};
