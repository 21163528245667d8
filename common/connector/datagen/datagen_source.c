/*
 * datagen_source.c - makes rows by rule.
 *
 * Of P subtasks, subtask p makes rows p, p+P, p+2P, ... of one sequence that does not depend on P. With
 * rows-per-second, row n of the sequence is due n / rate seconds after the source was opened, whether or not the rows
 * before it got through (open loop): a pipeline that fell behind gets what is due at once, and latency measured from
 * the due time is honest.
 *
 * A checkpoint gets, per subtask, its next row, the step to the one after (P) and how far its schedule was. With another
 * parallelism a subtask goes on with the sequences of several old ones, by turns, or has none and ends. The time from failure
 * to restore is no part of the schedule: rows go on at their rate.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "connector/connectors.h"
#include "connector/datagen/rules.h"

/* Rows next, next + step, ... of the one sequence there is. */
typedef struct sequence {
    uint64_t next, step;
} sequence;

typedef struct datagen_reader {
    wsl_rules *rules;
    uint64_t seed;
    uint64_t end;      /* rows of all subtasks */
    double ns_per_row; /* 0: as fast as it goes */
    int64_t start_ns;
    int64_t elapsed_ns; /* of the schedule, before the first poll */
    sequence *sequences;
    uint32_t n_sequences;
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
    r->sequences = (sequence *)wsl_alloc(sizeof *r->sequences);
    r->sequences[0] = (sequence){ctx->subtask, ctx->parallelism};
    r->n_sequences = 1;
    return WSL_OK;
}

/* The sequence with the least next row; there is one. */
static sequence *least(const datagen_reader *r)
{
    sequence *found = r->sequences;
    for (uint32_t i = 1; i < r->n_sequences; i++) {
        found = r->sequences[i].next < found->next ? &r->sequences[i] : found;
    }
    return found;
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
    sequence *s = least(r);
    for (uint32_t i = 0; i < max_rows && s->next < due; i++) {
        if (WSL_UNLIKELY((size_t)(ctx->out_end - ctx->out_tip) < r->rules->row_room)) {
            WSL_TRY(ctx->ops->make_room(ctx, r->rules->row_room));
        }
        wsl_row_writer w;
        (void)wsl_row_writer_init(&w, ctx->out_tip, (uint32_t)(ctx->out_end - ctx->out_tip), ctx->schema->n_fields);
        wsl_rules_row(r->rules, r->seed, s->next, now_ms, &w);
        s->next += s->step;
        s = WSL_LIKELY(r->n_sequences == 1) ? s : least(r);
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
        r->start_ns = wsl_now_ns(ctx->clock) - r->elapsed_ns;
    }
    if (r->n_sequences == 0) {
        return WSL_END;
    }
    const uint64_t due = r->ns_per_row > 0 ? due_end(r, wsl_now_ns(ctx->clock)) : r->end;
    WSL_TRY(make_rows(r, ctx, max_rows, due));
    const uint64_t next = least(r)->next;
    if (next >= r->end) {
        return WSL_END;
    }
    if (next < due) {
        return WSL_OK;
    }
    ctx->ops->wake_at(ctx, r->start_ns + (int64_t)((double)next * r->ns_per_row) + 1);
    return WSL_AGAIN;
}

/* ---- checkpoints ---- */

enum { PIECE_VERSION = 1 };

/* What a checkpoint has of a sequence. */
typedef struct saved_sequence {
    uint64_t version, next, step;
    int64_t elapsed_ns;
} saved_sequence;

_Static_assert(sizeof(saved_sequence) == 32, "part of the format");

static wsl_status snapshot(void *self, wsl_source_ctx *ctx, wsl_saver *save, wsl_error *err)
{
    (void)err;
    const datagen_reader *r = (const datagen_reader *)self;
    const int64_t elapsed_ns = r->started ? wsl_now_ns(ctx->clock) - r->start_ns : r->elapsed_ns;
    for (uint32_t i = 0; i < r->n_sequences; i++) {
        const saved_sequence saved = {PIECE_VERSION, r->sequences[i].next, r->sequences[i].step, elapsed_ns};
        const wsl_split piece = {.name = "rows", .bytes = &saved, .size = sizeof saved};
        save->add(save, &piece);
    }
    return WSL_OK;
}

static wsl_status restore(void *self, wsl_source_ctx *ctx, const wsl_split *pieces, uint32_t n, wsl_error *err)
{
    (void)ctx;
    datagen_reader *r = (datagen_reader *)self;
    r->sequences = (sequence *)wsl_realloc(r->sequences, (n + 1) * sizeof *r->sequences);
    r->n_sequences = 0;
    for (uint32_t i = 0; i < n; i++) {
        saved_sequence saved = {0};
        if (pieces[i].size == sizeof saved) {
            memcpy(&saved, pieces[i].bytes, sizeof saved);
        }
        if (saved.version != PIECE_VERSION || saved.step == 0 || saved.elapsed_ns < 0) {
            return wsl_fail(err, WSL_FORMAT, "where the datagen source is to go on cannot be read");
        }
        r->sequences[r->n_sequences++] = (sequence){saved.next, saved.step};
        r->elapsed_ns = saved.elapsed_ns > r->elapsed_ns ? saved.elapsed_ns : r->elapsed_ns;
    }
    return WSL_OK;
}

static void reader_close(void *self, wsl_source_ctx *ctx)
{
    (void)ctx;
    wsl_rules_free(((datagen_reader *)self)->rules);
    free(((datagen_reader *)self)->sequences);
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
    .snapshot = snapshot,
    .restore = restore,
};

const wsl_source_class wsl_datagen_source = {
    .name = "datagen",
    .help = "Makes rows by rule, at a rate.",
    .options = options,
    .reader = &reader,
    .validate = validate,
};
