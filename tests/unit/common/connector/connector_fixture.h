/*
 * connector_fixture - runs a connector's halves without a cluster: a context that writes down rows, bad records, wakes
 * and split requests; files in memory; a manual clock.
 */
#pragma once
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/wsl_test.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/fs_mem.h"
#include "base/strbuf.h"
#include "base/vec.h"
#include "connector/connectors.h"
#include "data/row_text.h"
#include "format/bad_record.h"
#include "format/format.h"

#define OPTIONS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* What the source operator adds. */
static const wsl_option fx_source_options[] = {
    {.name = "on-error", .type = WSL_OPT_ENUM, .default_value = "fail", .choices = "fail|skip|side-output", .help = ""},
    {0},
};

static inline wsl_config *fx_options(const wsl_option *own, bool has_format, const char *const *options)
{
    const wsl_option *tables[3] = {own, wsl_format_options, fx_source_options};
    wsl_config *config = wsl_config_new(tables, has_format ? 3 : 1);
    wsl_error err = {0};
    for (uint32_t i = 0; options[i] != NULL; i++) {
        cr_assert_eq(wsl_config_set_pair(config, options[i], "test", &err), WSL_OK, "%s", err.text);
    }
    return config;
}

/* ---- a world of its own ---- */

typedef struct world {
    wsl_manual_clock clock;
    wsl_mem_fs *mem;
    wsl_fs *fs;
} world;

static inline void world_init(world *w)
{
    wsl_manual_clock_init(&w->clock, 1700000000000);
    w->mem = wsl_mem_fs_new(&w->clock.clock);
    w->fs = wsl_mem_fs_seam(w->mem);
}
static inline void world_fini(world *w) { wsl_mem_fs_free(w->mem); }

/* Each file is a millisecond younger than the one before. */
static inline void put_file(world *w, const char *path, const char *text, size_t size)
{
    wsl_error err = {0};
    wsl_file *file = NULL;
    wsl_manual_clock_advance(&w->clock, WSL_NS_PER_MS);
    cr_assert_eq(w->fs->open(w->fs, path, WSL_OPEN_TRUNCATE, &file, &err), WSL_OK, "%s", err.text);
    cr_assert_eq(file->write(file, text, size, &err), WSL_OK, "%s", err.text);
    wsl_file_free(file);
}
static inline void put_text(world *w, const char *path, const char *text) { put_file(w, path, text, strlen(text)); }
static inline void put_dir(world *w, const char *path)
{
    wsl_error err = {0};
    cr_assert_eq(w->fs->make_dirs(w->fs, path, &err), WSL_OK, "%s", err.text);
}
static inline char *file_text(world *w, const char *path)
{
    char *data = NULL;
    size_t size;
    wsl_error err = {0};
    cr_assert_eq(wsl_fs_read_all(w->fs, path, 1 << 30, &data, &size, &err), WSL_OK, "%s", err.text);
    return data;
}

static inline bool add_name(void *arg, const char *name, const wsl_file_info *info)
{
    wsl_strbuf_printf((wsl_strbuf *)arg, "%s:%llu ", name, (unsigned long long)info->size);
    return true;
}
/* "a:12 b:3 ", by name; malloc'ed. */
static inline char *dir_text(world *w, const char *dir)
{
    wsl_strbuf text;
    wsl_strbuf_init(&text);
    wsl_error err = {0};
    cr_assert_eq(w->fs->list(w->fs, dir, add_name, &text, &err), WSL_OK, "%s", err.text);
    wsl_strbuf_reserve(&text, 1);
    return wsl_strbuf_take(&text);
}

/* ---- a source ---- */

typedef struct source {
    wsl_source_ctx ctx; /* first */
    const wsl_source_class *cls;
    wsl_config *config;
    void *reader;
    wsl_strbuf log; /* one line per row ("{...}") and bad record ("BAD where@offset reason: raw") */
    uint32_t n_rows, n_bad, n_finished, n_requests;
    uint32_t n_started;
    char started[WSL_SPLIT_NAME_MAX]; /* the last one */
    int fd;
    int64_t wake_at_ns;
    uint8_t memory[4096] __attribute__((aligned(8)));
    uint8_t *large; /* after a row that needed more */
    wsl_status emit_status;
} source;

static inline source *of_ctx(wsl_source_ctx *ctx) { return (source *)(void *)ctx; }

static inline wsl_status src_make_room(wsl_source_ctx *ctx, uint32_t bytes)
{
    source *s = of_ctx(ctx);
    cr_assert_leq(bytes, WSL_ROW_SIZE_MAX_DEFAULT);
    if (bytes > sizeof s->memory) {
        free(s->large);
        s->large = (uint8_t *)malloc(bytes);
        ctx->out_tip = s->large;
        ctx->out_end = s->large + bytes;
    } else {
        ctx->out_tip = s->memory;
        ctx->out_end = s->memory + sizeof s->memory;
    }
    return WSL_OK;
}

static inline wsl_status src_emit(wsl_source_ctx *ctx, wsl_row *row)
{
    source *s = of_ctx(ctx);
    wsl_error err = {0};
    cr_assert_eq((void *)row, (void *)ctx->out_tip);
    cr_assert_leq((size_t)row->size, (size_t)(ctx->out_end - ctx->out_tip));
    cr_assert_eq(wsl_row_check(row, row->size, ctx->schema, &err), WSL_OK, "%s", err.text);
    if (s->log.size < 1 << 20) {
        wsl_row_print(row, ctx->schema, &s->log);
        wsl_strbuf_putc(&s->log, '\n');
    }
    ctx->out_tip += row->size;
    s->n_rows++;
    return s->emit_status;
}

static inline wsl_status src_bad(wsl_source_ctx *ctx, const char *reason, const char *where, uint64_t offset,
                                 wsl_str raw)
{
    source *s = of_ctx(ctx);
    wsl_strbuf_printf(&s->log, "BAD %s@%llu %s: %.*s\n", where, (unsigned long long)offset, reason,
                      raw.size < 40 ? (int)raw.size : 40, raw.data);
    s->n_bad++;
    return WSL_OK;
}
static inline void src_wake_on_fd(wsl_source_ctx *ctx, int fd) { of_ctx(ctx)->fd = fd; }
static inline void src_wake_at(wsl_source_ctx *ctx, int64_t at) { of_ctx(ctx)->wake_at_ns = at; }
static inline void src_request(wsl_source_ctx *ctx) { of_ctx(ctx)->n_requests++; }
static inline void src_finished(wsl_source_ctx *ctx, const char *name)
{
    (void)name;
    of_ctx(ctx)->n_finished++;
}
static inline uint32_t src_started(wsl_source_ctx *ctx, const char *name)
{
    source *s = of_ctx(ctx);
    (void)snprintf(s->started, sizeof s->started, "%s", name);
    return s->n_started++;
}
static inline void src_from(wsl_source_ctx *ctx, uint32_t split)
{
    cr_assert_lt(split, of_ctx(ctx)->n_started);
}
static inline void src_count(wsl_source_ctx *ctx, const char *metric, int64_t delta)
{
    (void)ctx;
    (void)metric;
    (void)delta;
}

static const wsl_source_ctx_ops src_ops = {
    .make_room = src_make_room,
    .emit = src_emit,
    .bad_record = src_bad,
    .wake_on_fd = src_wake_on_fd,
    .wake_at = src_wake_at,
    .request_split = src_request,
    .split_finished = src_finished,
    .count = src_count,
    .split_started = src_started,
    .from_split = src_from,
};

static inline void source_init(source *s, world *w, const wsl_source_class *cls, const wsl_schema *schema,
                               const char *const *options)
{
    *s = (source){.cls = cls, .fd = -1, .wake_at_ns = WSL_NEVER};
    s->config = fx_options(cls->options, cls->has_format, options);
    wsl_strbuf_init(&s->log);
    s->ctx = (wsl_source_ctx){
        .ops = &src_ops,
        .fs = w->fs,
        .clock = &w->clock.clock,
        .config = s->config,
        .schema = schema,
        .operator_name = "source",
        .parallelism = 1,
        .out_tip = s->memory,
        .out_end = s->memory + sizeof s->memory,
    };
    wsl_error err = {0};
    if (cls->has_format) {
        cr_assert_eq(wsl_format_new(wsl_config_str(s->config, "format"), schema, s->config, &s->ctx.format, &err),
                     WSL_OK, "%s", err.text);
    }
    s->reader = wsl_zalloc(cls->reader->size);
}

static inline void source_open(source *s)
{
    wsl_error err = {0};
    cr_assert_eq(s->cls->reader->open(s->reader, &s->ctx, &err), WSL_OK, "%s", err.text);
}

static inline wsl_status source_poll(source *s, uint32_t max_rows, wsl_error *err)
{
    return s->cls->reader->poll(s->reader, &s->ctx, max_rows, err);
}

/* Until it says something else than WSL_OK. */
static inline wsl_status source_run(source *s, wsl_error *err)
{
    for (;;) {
        const uint32_t before = s->n_rows;
        const wsl_status status = source_poll(s, 7, err);
        cr_assert_leq(s->n_rows - before, 7, "no more rows than asked for");
        if (status != WSL_OK) {
            return status;
        }
    }
}

static inline void source_fini(source *s)
{
    s->cls->reader->close(s->reader, &s->ctx);
    free(s->reader);
    free(s->large);
    wsl_format_free(s->ctx.format);
    wsl_config_free(s->config);
    wsl_strbuf_fini(&s->log);
}

static inline wsl_status source_validate(world *w, const wsl_source_class *cls, const wsl_schema *schema,
                                         const char *const *options, wsl_error *err)
{
    wsl_config *config = fx_options(cls->options, cls->has_format, options);
    const wsl_status s = cls->validate(w->fs, config, schema, err);
    wsl_config_free(config);
    return s;
}

/* ---- an enumerator ---- */

typedef struct splits {
    wsl_enum_ctx ctx; /* first */
    const wsl_source_class *cls;
    wsl_config *config;
    void *enumerator;
    WSL_VEC(wsl_split) list;
    uint32_t limit; /* more are refused */
} splits;

static inline wsl_status take_split(wsl_enum_ctx *ctx, const wsl_split *split)
{
    splits *s = (splits *)(void *)ctx;
    if (s->list.n >= s->limit) {
        return WSL_TOO_LARGE;
    }
    const wsl_split copy = {wsl_strdup(split->name), wsl_memdup(split->bytes, split->size), split->size};
    wsl_vec_push(&s->list, copy);
    return WSL_OK;
}

static inline void splits_init(splits *s, world *w, const wsl_source_class *cls, const char *const *options)
{
    *s = (splits){.cls = cls, .limit = UINT32_MAX};
    s->config = fx_options(cls->options, cls->has_format, options);
    s->ctx = (wsl_enum_ctx){
        .fs = w->fs, .clock = &w->clock.clock, .config = s->config, .parallelism = 1, .add_split = take_split};
    s->enumerator = wsl_zalloc(cls->enumerator->size);
    wsl_error err = {0};
    cr_assert_eq(cls->enumerator->open(s->enumerator, &s->ctx, &err), WSL_OK);
}

static inline wsl_status discover(splits *s, int64_t *next_ms, wsl_error *err)
{
    return s->cls->enumerator->discover(s->enumerator, &s->ctx, next_ms, err);
}

static inline void splits_clear(splits *s)
{
    for (uint32_t i = 0; i < s->list.n; i++) {
        free((void *)(uintptr_t)s->list.items[i].name);
        free((void *)(uintptr_t)s->list.items[i].bytes);
    }
    wsl_vec_clear(&s->list);
}

static inline void splits_fini(splits *s)
{
    s->cls->enumerator->close(s->enumerator);
    free(s->enumerator);
    splits_clear(s);
    wsl_vec_fini(&s->list);
    wsl_config_free(s->config);
}

/* Names of the splits, each with a blank behind; malloc'ed. */
static inline char *split_names(const splits *s)
{
    wsl_strbuf text;
    wsl_strbuf_init(&text);
    for (uint32_t i = 0; i < s->list.n; i++) {
        wsl_strbuf_printf(&text, "%s ", s->list.items[i].name);
    }
    wsl_strbuf_reserve(&text, 1);
    return wsl_strbuf_take(&text);
}

#define EXPECT_TEXT(call, expected)                                                                                    \
    do {                                                                                                               \
        char *got_ = (call);                                                                                           \
        cr_assert_str_eq(got_, expected);                                                                              \
        free(got_);                                                                                                    \
    } while (0)

/* ---- a sink ---- */

typedef struct sink {
    wsl_sink_ctx ctx; /* first */
    const wsl_sink_class *cls;
    wsl_config *config;
    void *writer;
    wsl_strbuf out;  /* standard output */
    uint32_t n_sent; /* rows to the client */
    uint32_t client_room;
    int64_t wake_at_ns;
} sink;

static inline wsl_status sink_stdout(wsl_sink_ctx *ctx, const char *data, size_t size)
{
    wsl_strbuf_add(&((sink *)(void *)ctx)->out, data, size);
    return WSL_OK;
}
static inline wsl_status sink_client(wsl_sink_ctx *ctx, const wsl_row *const *rows, uint32_t n)
{
    (void)rows;
    sink *s = (sink *)(void *)ctx;
    if (s->client_room < n) {
        return WSL_AGAIN;
    }
    s->client_room -= n;
    s->n_sent += n;
    return WSL_OK;
}

static inline void sink_wake_at(wsl_sink_ctx *ctx, int64_t at) { ((sink *)(void *)ctx)->wake_at_ns = at; }

static inline void sink_init(sink *s, world *w, const wsl_sink_class *cls, const wsl_schema *schema,
                             const char *const *options)
{
    *s = (sink){.cls = cls, .wake_at_ns = WSL_NEVER};
    s->config = fx_options(cls->options, cls->has_format, options);
    wsl_strbuf_init(&s->out);
    s->ctx = (wsl_sink_ctx){
        .fs = w->fs,
        .clock = &w->clock.clock,
        .config = s->config,
        .schema = schema,
        .operator_name = "sink",
        .job_id = "0123456789abcdef0123456789abcdef",
        .parallelism = 1,
        .write_stdout = sink_stdout,
        .send_to_client = sink_client,
        .wake_at = sink_wake_at,
    };
    wsl_error err = {0};
    if (cls->has_format) {
        cr_assert_eq(wsl_format_new(wsl_config_str(s->config, "format"), schema, s->config, &s->ctx.format, &err),
                     WSL_OK, "%s", err.text);
    }
    s->writer = wsl_zalloc(cls->writer->size == 0 ? 1 : cls->writer->size);
}

static inline wsl_status sink_open(sink *s, wsl_error *err)
{
    return s->cls->writer->open != NULL ? s->cls->writer->open(s->writer, &s->ctx, err) : WSL_OK;
}

static inline wsl_status sink_write(sink *s, const wsl_row *row, wsl_error *err)
{
    uint32_t taken = 0;
    const wsl_status status = s->cls->writer->write(s->writer, &s->ctx, &row, 1, &taken, err);
    cr_assert(status != WSL_OK || taken == 1);
    return status;
}

static inline void sink_fini(sink *s)
{
    if (s->cls->writer->close != NULL) {
        s->cls->writer->close(s->writer, &s->ctx);
    }
    free(s->writer);
    wsl_format_free(s->ctx.format);
    wsl_config_free(s->config);
    wsl_strbuf_fini(&s->out);
}
