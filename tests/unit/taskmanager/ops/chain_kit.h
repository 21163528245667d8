/*
 * chain_kit - makes a chain of several operators for a test, with a collector behind the last one, a manual clock and a
 * host that remembers what it was asked for. For single operators there is <wiesel/harness.h>.
 */
#pragma once
#include <stdio.h>

#include <wiesel/function.h>

#include "harness/wsl_test.h"
#include "base/alloc.h"
#include "base/fs.h"
#include "base/strbuf.h"
#include "data/row_text.h"
#include "graph/job_graph.h"
#include "taskmanager/ops/chain.h"
#include "taskmanager/ops/collector.h"

enum { KIT_OPS = 8 };

typedef struct kit {
    tm_op_host host; /* first */
    wsl_manual_clock clock;
    wsl_rng rng;
    wsl_error error;
    Wsl__Pb__Operator *ops[KIT_OPS];
    Wsl__Pb__Edge *edges[KIT_OPS];
    size_t n_ops, n_edges;
    const wsl_function *functions[KIT_OPS];
    const wsl_function *more[4]; /* that operators name by role */
    const wsl_schema *in;
    char *keys[2];
    size_t n_keys;
    tm_chain *chain;
    tm_collector *out;
    int64_t wake_ns;
    int requests;      /* for splits */
    char finished[64]; /* named by the last one */
    int client_ends;
    wsl_strbuf text;
} kit;

static void kit_wake_at(tm_op_host *host, tm_op *op, int64_t at)
{
    (void)op;
    ((kit *)(void *)host)->wake_ns = at;
}
static void kit_wake_on_fd(tm_op_host *host, tm_op *op, int fd) { (void)host, (void)op, (void)fd; }
static void kit_request_split(tm_op_host *host, tm_op *op, const char *finished)
{
    (void)op;
    kit *k = (kit *)(void *)host;
    k->requests++;
    (void)snprintf(k->finished, sizeof k->finished, "%s", finished);
}
static wsl_status kit_write_stdout(tm_op_host *host, const char *data, size_t size)
{
    wsl_strbuf_add(&((kit *)(void *)host)->text, data, size);
    return WSL_OK;
}
static wsl_status kit_send_to_client(tm_op_host *host, tm_op *op, const wsl_row *const *rows, uint32_t n)
{
    (void)host, (void)op, (void)rows, (void)n;
    return WSL_AGAIN;
}
static void kit_end_of_client_data(tm_op_host *host, tm_op *op)
{
    (void)op;
    ((kit *)(void *)host)->client_ends++;
}

static inline void kit_init(kit *k, const wsl_schema *in)
{
    *k = (kit){.in = in, .wake_ns = WSL_NEVER};
    k->host = (tm_op_host){
        .wake_at = kit_wake_at,
        .wake_on_fd = kit_wake_on_fd,
        .request_split = kit_request_split,
        .write_stdout = kit_write_stdout,
        .send_to_client = kit_send_to_client,
        .end_of_client_data = kit_end_of_client_data,
        .error = &k->error,
    };
    k->out = tm_collector_new();
    wsl_strbuf_init(&k->text);
    wsl_rng_seed(&k->rng, 1);
    wsl_manual_clock_init(&k->clock, 0);
}

static inline void kit_fini(kit *k)
{
    tm_chain_free(k->chain);
    tm_collector_free(k->out);
    for (size_t i = 0; i < k->n_ops; i++) {
        wsl__pb__operator__free_unpacked(k->ops[i], NULL);
    }
    for (size_t i = 0; i < k->n_edges; i++) {
        wsl__pb__edge__free_unpacked(k->edges[i], NULL);
    }
    free(k->keys[0]);
    wsl_strbuf_fini(&k->text);
}

/* Returns the operator's id. */
static inline uint32_t kit_add(kit *k, const char *kind, const char *name, const wsl_function *fn,
                               const wsl_schema *out)
{
    Wsl__Pb__Operator *op = wsl_alloc(sizeof *op);
    wsl__pb__operator__init(op);
    op->id = (uint32_t)k->n_ops;
    op->kind = wsl_strdup(kind);
    op->name = wsl_strdup(name);
    op->function = wsl_strdup(name);
    op->output = out != NULL ? wsl_schema_to_pb(out) : NULL;
    op->options = wsl_calloc(8, sizeof(Wsl__Pb__Option *));
    size_t n_sides = 0;
    while (fn != NULL && fn->sides != NULL && fn->sides[n_sides].tag != NULL) {
        n_sides++;
    }
    op->sides = wsl_calloc(n_sides + 1, sizeof(Wsl__Pb__SideOutput *));
    for (; op->n_sides < n_sides; op->n_sides++) {
        Wsl__Pb__SideOutput *side = wsl_alloc(sizeof *side);
        wsl__pb__side_output__init(side);
        side->tag = wsl_strdup(fn->sides[op->n_sides].tag);
        side->schema = wsl_schema_to_pb(fn->sides[op->n_sides].schema);
        op->sides[op->n_sides] = side;
    }
    k->functions[k->n_ops] = fn;
    k->ops[k->n_ops++] = op;
    return op->id;
}

static inline void kit_option(kit *k, uint32_t op, const char *key, const char *value)
{
    Wsl__Pb__Option *o = wsl_alloc(sizeof *o);
    wsl__pb__option__init(o);
    o->key = wsl_strdup(key);
    o->value = wsl_strdup(value);
    k->ops[op]->options[k->ops[op]->n_options++] = o;
}

static inline void kit_connector(kit *k, uint32_t op, const char *name) { k->ops[op]->connector = wsl_strdup(name); }

static inline void kit_edge(kit *k, uint32_t from, uint32_t to, const char *side)
{
    Wsl__Pb__Edge *e = wsl_alloc(sizeof *e);
    wsl__pb__edge__init(e);
    e->id = (uint32_t)k->n_edges;
    e->from = from;
    e->to = to;
    e->side = wsl_strdup(side);
    k->edges[k->n_edges++] = e;
}

/* Adds an operator behind another one. */
static inline uint32_t kit_then(kit *k, uint32_t from, const char *kind, const char *name, const wsl_function *fn)
{
    const uint32_t to = kit_add(k, kind, name, fn, fn != NULL && fn->out != NULL ? fn->out : k->in);
    kit_edge(k, from, to, "");
    return to;
}

static inline void kit_key(kit *k, const char *field)
{
    k->keys[k->n_keys++] = wsl_strdup(field);
    k->ops[0]->keyed = true;
}

static const wsl_function *kit_find(void *arg, const char *symbol)
{
    const kit *k = arg;
    for (size_t i = 0; i < k->n_ops; i++) {
        if (k->functions[i] != NULL && strcmp(k->ops[i]->name, symbol) == 0) {
            return k->functions[i];
        }
    }
    for (size_t i = 0; i < WSL_ARRAY_LEN(k->more) && k->more[i] != NULL; i++) {
        if (strcmp(k->more[i]->name, symbol) == 0) {
            return k->more[i];
        }
    }
    return NULL;
}

/* Not opened yet. */
static inline wsl_status kit_make(kit *k, wsl_error *err)
{
    const tm_chain_spec spec = {
        .operators = k->ops,
        .n_operators = k->n_ops,
        .edges = k->edges,
        .n_edges = k->n_edges,
        .input = {k->in},
        .keys = k->keys,
        .n_keys = k->n_keys,
        .subtask = 1,
        .parallelism = 4,
        .max_parallelism = 128,
        .job_id = "00000000000000000000000000000000",
        .job_name = "test",
        .find_function = kit_find,
        .find_function_arg = k,
        .clock = &k->clock.clock,
        .fs = wsl_fs_posix(),
        .rng = &k->rng,
        .host = &k->host,
    };
    return tm_chain_new(&spec, &k->chain, err);
}

/* What comes out of this operator's main output is collected. */
static inline void kit_collect(kit *k, uint32_t op)
{
    tm_op *o = tm_chain_find(k->chain, op);
    tm_collector_add(k->out, o, &o->main, op, true);
}

static inline void kit_open(kit *k)
{
    wsl_error err = {0};
    cr_assert_eq(kit_make(k, &err), WSL_OK, "%s", err.text);
    kit_collect(k, (uint32_t)k->n_ops - 1);
    cr_assert_eq(tm_chain_open(k->chain, &err), WSL_OK, "%s", err.text);
}

static inline tm_op *kit_head(kit *k) { return tm_chain_head(k->chain); }

/* Works off what is pending, and gives a collector that is behind room for `room` more rows each time. */
static inline wsl_status kit_settle(kit *k, uint32_t room)
{
    for (int turn = 0; turn < 1000000; turn++) {
        tm_collector_limit(k->out, room);
        WSL_TRY(tm_collector_resume(k->out));
        if (!tm_chain_has_pending(k->chain)) {
            return WSL_OK;
        }
        const wsl_status status = tm_chain_resume(k->chain);
        if (status != WSL_OK && status != WSL_AGAIN) {
            return status;
        }
    }
    return WSL_TIMEOUT;
}

/* What came out, as the harness prints it: the first INT64 field of each row, marks by name. */
static inline const char *kit_text(kit *k)
{
    wsl_strbuf_clear(&k->text);
    for (uint32_t i = 0; i < tm_collector_count(k->out); i++) {
        const wsl_row *row = tm_collector_at(k->out, i)->row;
        wsl_strbuf_puts(&k->text, i > 0 ? " " : "");
        switch (row->kind) {
        case WSL_KIND_DATA:
            wsl_strbuf_printf(&k->text, "%lld", (long long)wsl_row_int64(row, 0));
            break;
        case WSL_KIND_WATERMARK:
            if (row->timestamp == WSL_TIME_MAX) {
                wsl_strbuf_puts(&k->text, "wMAX");
            } else {
                wsl_strbuf_printf(&k->text, "w%lld", (long long)row->timestamp);
            }
            break;
        case WSL_KIND_IDLE:
            wsl_strbuf_puts(&k->text, "idle");
            break;
        case WSL_KIND_ACTIVE:
            wsl_strbuf_puts(&k->text, "active");
            break;
        default:
            wsl_strbuf_puts(&k->text, "end");
            break;
        }
    }
    return k->text.data;
}

WSL_ROW(num, (int64, value), (int64, key));

/* A batch of numbers from..from+n-1, key = value % 10. */
typedef struct kit_batch {
    uint64_t memory[TM_BATCH_ROWS][5];
    const wsl_row *rows[TM_BATCH_ROWS];
    uint32_t n;
} kit_batch;

static inline void kit_fill(kit_batch *b, int64_t from, uint32_t n)
{
    b->n = n;
    for (uint32_t i = 0; i < n; i++) {
        wsl_row_writer w;
        (void)wsl_row_writer_init(&w, b->memory[i], sizeof b->memory[i], num_n_fields);
        num_set_value(&w, from + i);
        num_set_key(&w, (from + i) % 10);
        b->rows[i] = w.row;
    }
}

static inline wsl_status kit_push(kit *k, int64_t from, uint32_t n)
{
    static kit_batch b;
    kit_fill(&b, from, n);
    return tm_op_deliver_rows(kit_head(k), 0, b.rows, b.n);
}
