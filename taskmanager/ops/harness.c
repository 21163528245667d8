/*
 * The harness is a chain of one operator with a collector behind every output, a manual clock, and a host that
 * remembers when the operator wants to be woken.
 */
#include <wiesel/harness.h>

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fs.h"
#include "base/strbuf.h"
#include "data/row_text.h"
#include "graph/job_graph.h"
#include "graph/job_options.h"
#include "graph/operator_kind.h"
#include "graph/pb.h"
#include "graph/window_options.h"
#include "taskmanager/ops/chain.h"
#include "taskmanager/ops/collector.h"
#include "taskmanager/ops/harness_state.h"
#include "taskmanager/ops/op_async.h"
#include "taskmanager/ops/op_lists.h"
#include "taskmanager/ops/state_report.h"
#include "taskmanager/time/input_valves.h"

enum { ROW_ROOM = 64 << 10, OPTIONS_MAX = 64, TURNS_MAX = 1000000, ANSWER_WAIT_MS = 30000 };

struct wsl_harness {
    tm_op_host host; /* first */
    wsl_manual_clock clock;
    wsl_rng rng;
    wsl_error error;
    wsl_config *job_config;
    const wsl_function *function;
    wsl_window_functions windows; /* by role */
    const wsl_schema *in[2]; /* [1]: NULL with one input */
    tm_input_valves valves;  /* with two: a channel each */
    Wsl__Pb__Operator *desc;
    tm_chain *chain;
    tm_collector *collector;
    int64_t wake_ns;
    int answer_fd; /* readable: an async operator has an answer; made when there is one */
    wsl_row_writer writer;
    void *memory; /* of the writer and of pushed copies */
    wsl_strbuf text;
};

static wsl_harness *of_host(tm_op_host *host) { return (wsl_harness *)(void *)host; }

/* ---- host ---- */

static void host_wake_at(tm_op_host *host, tm_op *op, int64_t monotonic_ns)
{
    (void)op;
    of_host(host)->wake_ns = monotonic_ns;
}

static void host_wake_on_fd(tm_op_host *host, tm_op *op, int fd) { (void)host, (void)op, (void)fd; }

static void host_request_split(tm_op_host *host, tm_op *op, const char *finished)
{
    (void)host, (void)op, (void)finished;
}

static wsl_status host_write_stdout(tm_op_host *host, const char *data, size_t size)
{
    (void)host;
    return fwrite(data, 1, size, stdout) == size ? WSL_OK : WSL_IO;
}

static wsl_status host_send_to_client(tm_op_host *host, tm_op *op, const wsl_row *const *rows, uint32_t n)
{
    (void)host, (void)op, (void)rows, (void)n;
    return WSL_OK;
}

static void host_end_of_client_data(tm_op_host *host, tm_op *op) { (void)host, (void)op; }

static void answer_came(void *arg)
{
    const uint64_t one = 1;
    (void)!write(((const wsl_harness *)arg)->answer_fd, &one, sizeof one);
}

static wsl_waker host_waker(tm_op_host *host, tm_op *op)
{
    wsl_harness *h = of_host(host);
    (void)op;
    h->answer_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return (wsl_waker){answer_came, h};
}

static void init_host(wsl_harness *h)
{
    h->host = (tm_op_host){
        .wake_at = host_wake_at,
        .wake_on_fd = host_wake_on_fd,
        .request_split = host_request_split,
        .write_stdout = host_write_stdout,
        .send_to_client = host_send_to_client,
        .end_of_client_data = host_end_of_client_data,
        .waker = host_waker,
        .error = &h->error,
    };
}

/* ---- the descriptor ---- */

/* The kind of operator that runs such a function as its only one; NULL: there is none. */
static const char *kind_of(const wsl_function *fn)
{
    for (const wsl_operator_kind *k = wsl_operator_kinds(); k->name != NULL; k++) {
        if (k->function_kind == fn->kind && (k->takes_function || fn->kind == WSL_FN_WATERMARKS)) {
            return k->name;
        }
    }
    return NULL;
}

static wsl_status add_options(Wsl__Pb__Operator *desc, const char *const *pairs, wsl_error *err)
{
    for (size_t i = 0; pairs != NULL && pairs[i] != NULL; i += 2) {
        if (pairs[i + 1] == NULL || desc->n_options == OPTIONS_MAX) {
            return wsl_fail(err, WSL_INVALID, "options are pairs of key and value, at most %d; '%s' has no value",
                            OPTIONS_MAX, pairs[i]);
        }
        Wsl__Pb__Option *o = wsl_alloc(sizeof *o);
        wsl__pb__option__init(o);
        o->key = wsl_strdup(pairs[i]);
        o->value = wsl_strdup(pairs[i + 1]);
        desc->options[desc->n_options++] = o;
    }
    return WSL_OK;
}

static void add_sides(Wsl__Pb__Operator *desc, const wsl_side *sides)
{
    size_t n = 0;
    while (sides != NULL && sides[n].tag != NULL) {
        n++;
    }
    desc->sides = wsl_calloc(n + 1, sizeof(Wsl__Pb__SideOutput *));
    for (; desc->n_sides < n; desc->n_sides++) {
        Wsl__Pb__SideOutput *side = wsl_alloc(sizeof *side);
        wsl__pb__side_output__init(side);
        side->tag = wsl_strdup(sides[desc->n_sides].tag);
        side->schema = wsl_schema_to_pb(sides[desc->n_sides].schema);
        desc->sides[desc->n_sides] = side;
    }
}

static bool has_side(const Wsl__Pb__Operator *desc, const char *tag)
{
    bool found = false;
    for (size_t i = 0; i < desc->n_sides && !found; i++) {
        found = strcmp(desc->sides[i]->tag, tag) == 0;
    }
    return found;
}

/* Side outputs that the graph gives an operator because of an option: late rows, of the type of an input. */
static void add_option_side(wsl_harness *h, const char *option, const wsl_schema *schema)
{
    Wsl__Pb__Operator *desc = h->desc;
    const char *tag = wsl_pb_option(desc->options, desc->n_options, option);
    if (tag == NULL || schema == NULL || has_side(desc, tag)) {
        return;
    }
    Wsl__Pb__SideOutput *side = wsl_alloc(sizeof *side);
    wsl__pb__side_output__init(side);
    side->tag = wsl_strdup(tag);
    side->schema = wsl_schema_to_pb(schema);
    *WSL_PB_APPEND(desc->sides, desc->n_sides) = side;
}

static wsl_status find_inputs(wsl_harness *h, const wsl_harness_options *o, const char *kind, wsl_error *err)
{
    const wsl_function *fn = o->function != NULL    ? o->function
                             : o->reduce != NULL    ? o->reduce
                             : o->aggregate != NULL ? o->aggregate
                                                    : o->window;
    const wsl_operator_kind *k = wsl_operator_kind_find(kind);
    h->in[0] = o->in != NULL ? o->in : fn != NULL ? fn->in : NULL;
    h->in[1] = o->in2 != NULL ? o->in2 : fn != NULL ? fn->in2 : NULL;
    const bool two = k != NULL && k->two_inputs;
    if (h->in[0] == NULL || (two && h->in[1] == NULL)) {
        return wsl_fail(err, WSL_INVALID, "give the harness the schema of the input (%s), '%s' does not say it",
                        h->in[0] == NULL ? ".in" : ".in2", h->desc->name);
    }
    if (two) {
        tm_input_valves_init(&h->valves, (const uint32_t[]){0, 1}, 2);
    } else {
        h->in[1] = NULL;
    }
    return WSL_OK;
}

static wsl_status add_windows(wsl_harness *h, const wsl_harness_options *o, wsl_error *err)
{
    uint32_t n_keys = 0;
    wsl_windowing windows = *o->windows;
    h->windows = (wsl_window_functions){.reduce = o->reduce,
                                        .aggregate = o->aggregate,
                                        .window = o->window,
                                        .pair = o->function,
                                        .trigger = windows.trigger.function,
                                        .evictor = windows.evictor.function,
                                        .gap = windows.assigner.gap};
    while (o->keys != NULL && o->keys[n_keys] != NULL) {
        n_keys++;
    }
    wsl_schema *out = NULL;
    WSL_TRY(wsl_window_check_types(&windows, o->select, &h->windows, h->in[0], o->keys, n_keys, &out, err));
    h->desc->output = wsl_schema_to_pb(out);
    wsl_schema_free(out);
    wsl_window_to_options(&windows, o->select, h->desc);
    wsl_window_name_functions(&h->windows, h->desc);
    add_option_side(h, "late-tag", h->in[0]);
    return WSL_OK;
}

static const char *windows_kind(const wsl_harness_options *o)
{
    return o->function != NULL ? (o->function->kind == WSL_FN_JOIN ? "window_join" : "co_group")
           : o->keys != NULL   ? "window"
                               : "window_all";
}

static wsl_status make_desc(wsl_harness *h, const wsl_harness_options *o, wsl_error *err)
{
    const wsl_function *fn = o->function;
    const char *kind = o->windows != NULL              ? windows_kind(o)
                       : o->kind != NULL || fn == NULL ? o->kind
                                                       : kind_of(fn);
    if (kind == NULL) {
        return wsl_fail(err, WSL_INVALID,
                        "a harness needs a function (not a partitioner) or the kind of a built-in operator");
    }
    if (fn != NULL && fn->abi != WSL_ABI_VERSION) {
        return wsl_fail(err, WSL_INVALID, "function '%s' was compiled for ABI %u, this is %u", fn->name, fn->abi,
                        WSL_ABI_VERSION);
    }
    Wsl__Pb__Operator *desc = wsl_alloc(sizeof *desc);
    wsl__pb__operator__init(desc);
    h->desc = desc;
    desc->kind = wsl_strdup(kind);
    desc->name = wsl_strdup(fn != NULL ? fn->name : kind);
    desc->function = wsl_strdup(fn != NULL ? fn->name : "");
    desc->options = wsl_calloc(OPTIONS_MAX + 1, sizeof(Wsl__Pb__Option *));
    if (o->config_size != 0) {
        desc->config.data = wsl_memdup(o->config, o->config_size);
        desc->config.len = o->config_size;
    }
    desc->keyed = o->keys != NULL;
    add_sides(desc, fn != NULL ? fn->sides : o->windows != NULL && o->window != NULL ? o->window->sides : NULL);
    WSL_TRY(find_inputs(h, o, kind, err));
    if (o->windows != NULL) {
        WSL_TRY(add_options(desc, o->options, err));
        WSL_TRY(add_windows(h, o, err));
        add_option_side(h, "late-left", h->in[0]);
        add_option_side(h, "late-right", h->in[1]);
        return WSL_OK;
    }
    const wsl_schema *out = o->out != NULL ? o->out : fn != NULL && fn->out != NULL ? fn->out : NULL;
    const bool as_input = fn != NULL || strcmp(kind, "where") == 0 || strcmp(kind, "watermarks") == 0;
    if (out != NULL || as_input) {
        desc->output = wsl_schema_to_pb(out != NULL ? out : h->in[0]);
    }
    WSL_TRY(add_options(desc, o->options, err));
    add_option_side(h, "late-left", h->in[0]);
    add_option_side(h, "late-right", h->in[1]);
    return WSL_OK;
}

/* ---- life ---- */

static wsl_status make_job_config(wsl_harness *h, const char *const *pairs, wsl_error *err)
{
    const wsl_option *tables[] = {wsl_job_options};
    h->job_config = wsl_config_new(tables, 1);
    for (size_t i = 0; pairs != NULL && pairs[i] != NULL && pairs[i + 1] != NULL; i += 2) {
        WSL_TRY(wsl_config_set(h->job_config, pairs[i], pairs[i + 1], "job_options", err));
    }
    return WSL_OK;
}

static const wsl_function *find_function(void *arg, const char *symbol)
{
    const wsl_harness *h = arg;
    const wsl_window_functions *w = &h->windows;
    const wsl_function *const all[] = {w->reduce, w->aggregate, w->window, w->trigger, w->evictor, w->gap};
    for (size_t i = 0; i < WSL_ARRAY_LEN(all); i++) {
        if (all[i] != NULL && strcmp(all[i]->name, symbol) == 0) {
            return all[i];
        }
    }
    return h->function;
}

/* Copies: the graph's texts are not const. */
static size_t copy_keys(const char *const *from, char *to[WSL_KEY_FIELDS_MAX + 1])
{
    size_t n = 0;
    while (from != NULL && from[n] != NULL && n < WSL_KEY_FIELDS_MAX) {
        to[n] = wsl_strdup(from[n]);
        n++;
    }
    return n;
}

static bool is_keyed_twice(const wsl_harness *h)
{
    const wsl_operator_kind *kind = wsl_operator_kind_find(h->desc->kind);
    return kind != NULL && kind->keyed && kind->two_inputs && !kind->broadcast;
}

static wsl_status make_chain(wsl_harness *h, const wsl_harness_options *o, wsl_error *err)
{
    char *keys[WSL_KEY_FIELDS_MAX + 1] = {NULL};
    char *keys_1[WSL_KEY_FIELDS_MAX + 1] = {NULL};
    const size_t n_keys = copy_keys(o->keys, keys);
    const size_t n_keys_1 = is_keyed_twice(h) ? copy_keys(o->keys2 != NULL ? o->keys2 : o->keys, keys_1) : 0;
    const tm_chain_spec spec = {
        .operators = &h->desc,
        .n_operators = 1,
        .input = {h->in[0], h->in[1]},
        .keys = keys,
        .n_keys = n_keys,
        .keys_1 = keys_1,
        .n_keys_1 = n_keys_1,
        .subtask = o->subtask,
        .parallelism = o->parallelism == 0 ? 1 : o->parallelism,
        .max_parallelism = o->max_parallelism == 0 ? 128 : o->max_parallelism,
        .job_id = "00000000000000000000000000000000",
        .job_name = "harness",
        .find_function = find_function,
        .find_function_arg = h,
        .job_config = h->job_config,
        .clock = &h->clock.clock,
        .fs = wsl_fs_posix(),
        .rng = &h->rng,
        .host = &h->host,
    };
    const wsl_status status = tm_chain_new(&spec, &h->chain, err);
    for (size_t i = 0; i < n_keys; i++) {
        free(keys[i]);
    }
    for (size_t i = 0; i < n_keys_1; i++) {
        free(keys_1[i]);
    }
    return status;
}

static void add_collector(wsl_harness *h)
{
    tm_op *op = tm_chain_head(h->chain);
    tm_collector_add(h->collector, op, &op->main, 0, true);
    for (uint32_t i = 0; i < op->n_sides; i++) {
        tm_collector_add(h->collector, op, &op->sides[i], i + 1, false);
    }
}

wsl_status wsl_harness_new(const wsl_harness_options *options, wsl_harness **out_h, wsl_error *err)
{
    WSL_AUTO(wsl_harness) h = wsl_zalloc(sizeof *h);
    init_host(h);
    h->function = options->function;
    h->wake_ns = WSL_NEVER;
    h->answer_fd = -1;
    h->collector = tm_collector_new();
    wsl_strbuf_init(&h->text);
    wsl_rng_seed(&h->rng, 1);
    wsl_manual_clock_init(&h->clock, options->clock_ms);
    WSL_TRY(make_job_config(h, options->job_options, err));
    WSL_TRY(make_desc(h, options, err));
    WSL_TRY(make_chain(h, options, err));
    WSL_TRY(tm_harness_restore(tm_chain_head(h->chain)->lists, options, err));
    add_collector(h);
    WSL_TRY(tm_chain_open(h->chain, err));
    *out_h = WSL_TAKE(h);
    return WSL_OK;
}

void wsl_harness_free(wsl_harness *h)
{
    if (h == NULL) {
        return;
    }
    tm_chain_free(h->chain);
    tm_collector_free(h->collector);
    tm_input_valves_fini(&h->valves);
    if (h->desc != NULL) {
        wsl__pb__operator__free_unpacked(h->desc, NULL);
    }
    wsl_config_free(h->job_config);
    wsl_strbuf_fini(&h->text);
    if (h->answer_fd >= 0) {
        (void)close(h->answer_fd);
    }
    free(h->memory);
    free(h);
}

/* ---- in ---- */

wsl_row_writer *wsl_harness_row(wsl_harness *h, const wsl_schema *schema)
{
    if (h->memory == NULL) {
        h->memory = wsl_alloc(ROW_ROOM);
    }
    (void)wsl_row_writer_init(&h->writer, h->memory, ROW_ROOM, schema->n_fields);
    return &h->writer;
}

/* Works off what is pending: the clock does not move, but a function that asked to be called again is. */
static wsl_status settle(wsl_harness *h, wsl_status status)
{
    for (uint32_t turn = 0; status == WSL_OK && tm_chain_has_pending(h->chain); turn++) {
        if (turn == TURNS_MAX) {
            return wsl_fail(&h->error, WSL_STATE, "the function returned WSL_AGAIN %d times without coming to an end",
                            TURNS_MAX);
        }
        status = tm_chain_resume(h->chain);
    }
    return status == WSL_AGAIN ? WSL_OK : status;
}

static wsl_status can_push(wsl_harness *h, uint32_t input)
{
    if (h->error.status != WSL_OK) {
        return h->error.status;
    }
    if (input > 1 || h->in[input] == NULL) {
        return wsl_fail(&h->error, WSL_INVALID, "there is no input %" PRIu32, input);
    }
    if (tm_chain_head(h->chain)->input_ended[input]) {
        return wsl_fail(&h->error, WSL_STATE, "the harness's input has ended");
    }
    return WSL_OK;
}

wsl_status wsl_harness_push_batch_to(wsl_harness *h, uint32_t input, const wsl_row *const *rows, uint32_t n)
{
    WSL_TRY(can_push(h, input));
    if (n > TM_BATCH_ROWS) {
        return wsl_fail(&h->error, WSL_INVALID, "a batch has at most %d rows, not %" PRIu32, TM_BATCH_ROWS, n);
    }
    return settle(h, tm_op_deliver_rows(tm_chain_head(h->chain), input, rows, n));
}

wsl_status wsl_harness_push_batch(wsl_harness *h, const wsl_row *const *rows, uint32_t n)
{
    return wsl_harness_push_batch_to(h, 0, rows, n);
}

static wsl_status push(wsl_harness *h, uint32_t input, const wsl_row *row, bool has_timestamp, int64_t timestamp_ms)
{
    WSL_TRY(can_push(h, input));
    if (row == NULL) {
        return wsl_fail(&h->error, WSL_TOO_LARGE,
                        "the row's strings do not fit into %d bytes; push a row of your own memory", ROW_ROOM);
    }
    WSL_TRY(wsl_row_check(row, row->size, h->in[input], &h->error));
    wsl_row *copy = wsl_memdup(row, row->size);
    if (has_timestamp) {
        wsl_row_set_timestamp(copy, timestamp_ms);
    }
    const wsl_row *const batch[] = {copy};
    const wsl_status status = wsl_harness_push_batch_to(h, input, batch, 1);
    free(copy);
    return status;
}

wsl_status wsl_harness_push_row(wsl_harness *h, const wsl_row *row) { return push(h, 0, row, false, 0); }

wsl_status wsl_harness_push_row_at(wsl_harness *h, const wsl_row *row, int64_t timestamp_ms)
{
    return push(h, 0, row, true, timestamp_ms);
}

wsl_status wsl_harness_push_row_to(wsl_harness *h, uint32_t input, const wsl_row *row)
{
    return push(h, input, row, false, 0);
}

wsl_status wsl_harness_push_row_to_at(wsl_harness *h, uint32_t input, const wsl_row *row, int64_t timestamp_ms)
{
    return push(h, input, row, true, timestamp_ms);
}

/* ---- operator state ---- */

wsl_status wsl_harness_take(wsl_harness *h, wsl_harness_snapshot **out_snapshot)
{
    tm_op *op = tm_chain_head(h->chain);
    WSL_TRY(h->error.status);
    WSL_TRY(tm_op_lists_snapshot(op->lists, 1));
    *out_snapshot = tm_harness_snapshot_of(op->lists);
    return WSL_OK;
}

const char *wsl_harness_operator_state(wsl_harness *h, const char *name)
{
    const tm_op_list *list = tm_op_lists_find(tm_chain_head(h->chain)->lists, name);
    wsl_strbuf_clear(&h->text);
    if (list == NULL) {
        return NULL;
    }
    wsl_strbuf_puts(&h->text, "[");
    tm_op_list_walk walk = {0};
    for (const wsl_row *row; (row = tm_op_list_next(list, &walk)) != NULL;) {
        wsl_strbuf_puts(&h->text, h->text.size > 1 ? ", " : "");
        wsl_row_print(row, tm_op_list_schema(list), &h->text);
    }
    wsl_strbuf_puts(&h->text, "]");
    return h->text.data;
}

/* ---- marks ---- */

/* What the valves let out, as a task passes it on. */
static wsl_status pass_on(wsl_harness *h, const tm_valve_out *out)
{
    tm_op *head = tm_chain_head(h->chain);
    if (out->became_active) {
        WSL_TRY(settle(h, tm_op_deliver_idle(head, false)));
    }
    if (out->advanced) {
        WSL_TRY(settle(h, tm_op_deliver_watermark(head, out->watermark)));
    }
    return out->became_idle ? settle(h, tm_op_deliver_idle(head, true)) : WSL_OK;
}

wsl_status wsl_harness_watermark_to(wsl_harness *h, uint32_t input, int64_t timestamp_ms)
{
    tm_valve_out out;
    WSL_TRY(can_push(h, input));
    if (h->in[1] == NULL) {
        return settle(h, tm_op_deliver_watermark(tm_chain_head(h->chain), timestamp_ms));
    }
    tm_input_valves_watermark(&h->valves, input, timestamp_ms, &out);
    return pass_on(h, &out);
}

wsl_status wsl_harness_idle_to(wsl_harness *h, uint32_t input, bool idle)
{
    tm_valve_out out;
    WSL_TRY(can_push(h, input));
    if (h->in[1] == NULL) {
        return settle(h, tm_op_deliver_idle(tm_chain_head(h->chain), idle));
    }
    (idle ? tm_input_valves_idle : tm_input_valves_active)(&h->valves, input, &out);
    return pass_on(h, &out);
}

wsl_status wsl_harness_end_to(wsl_harness *h, uint32_t input)
{
    tm_valve_out out;
    WSL_TRY(wsl_harness_watermark_to(h, input, WSL_TIME_MAX));
    if (h->in[1] != NULL) {
        (void)tm_input_valves_end(&h->valves, input, &out);
        WSL_TRY(pass_on(h, &out));
    }
    return settle(h, tm_op_deliver_end(tm_chain_head(h->chain), input));
}

static bool is_open(const wsl_harness *h, uint32_t input)
{
    return h->in[input] != NULL && !tm_chain_head(h->chain)->input_ended[input];
}

wsl_status wsl_harness_watermark(wsl_harness *h, int64_t timestamp_ms)
{
    WSL_TRY(is_open(h, 1) && !is_open(h, 0) ? WSL_OK : wsl_harness_watermark_to(h, 0, timestamp_ms));
    return is_open(h, 1) ? wsl_harness_watermark_to(h, 1, timestamp_ms) : WSL_OK;
}

wsl_status wsl_harness_idle(wsl_harness *h, bool idle)
{
    WSL_TRY(is_open(h, 1) && !is_open(h, 0) ? WSL_OK : wsl_harness_idle_to(h, 0, idle));
    return is_open(h, 1) ? wsl_harness_idle_to(h, 1, idle) : WSL_OK;
}

wsl_status wsl_harness_advance(wsl_harness *h, int64_t ms)
{
    if (h->error.status != WSL_OK || tm_chain_head(h->chain)->ended) {
        return can_push(h, 0);
    }
    const int64_t until = h->clock.now_ns + ms * WSL_NS_PER_MS;
    if (h->answer_fd >= 0) { /* what has been answered by now was answered before time went on */
        const wsl_status status = tm_op_resume(tm_chain_head(h->chain));
        WSL_TRY(settle(h, status == WSL_AGAIN ? WSL_OK : status));
    }
    while (h->wake_ns <= until) {
        const int64_t at = h->wake_ns > h->clock.now_ns ? h->wake_ns : h->clock.now_ns;
        wsl_manual_clock_advance(&h->clock, at - h->clock.now_ns);
        h->wake_ns = WSL_NEVER;
        const wsl_status status = tm_op_resume(tm_chain_head(h->chain));
        WSL_TRY(settle(h, status == WSL_AGAIN ? WSL_OK : status));
    }
    wsl_manual_clock_advance(&h->clock, until - h->clock.now_ns);
    return WSL_OK;
}

/* ---- async operators ---- */

static wsl_status await_answers(wsl_harness *h)
{
    tm_op *op = tm_chain_head(h->chain);
    for (;;) {
        const wsl_status status = tm_op_resume(op);
        WSL_TRY(settle(h, status == WSL_AGAIN ? WSL_OK : status));
        const uint32_t asking = tm_op_async_asking(op);
        if (asking == 0) {
            return WSL_OK;
        }
        struct pollfd fd = {.fd = h->answer_fd, .events = POLLIN};
        uint64_t count = 0;
        if (poll(&fd, 1, ANSWER_WAIT_MS) == 0) {
            return wsl_fail(&h->error, WSL_TIMEOUT, "%" PRIu32 " requests were not answered within %d s", asking,
                            ANSWER_WAIT_MS / 1000);
        }
        (void)!read(h->answer_fd, &count, sizeof count);
    }
}

wsl_status wsl_harness_await(wsl_harness *h)
{
    WSL_TRY(can_push(h, 0));
    return await_answers(h);
}

/* An end that has to wait for requests: for their answers, and for the times of their next attempts. */
static wsl_status finish_requests(wsl_harness *h)
{
    const tm_op *op = tm_chain_head(h->chain);
    while (h->answer_fd >= 0 && !op->ended) {
        WSL_TRY(await_answers(h));
        if (op->ended || h->wake_ns == WSL_NEVER) {
            break;
        }
        const int64_t wait_ns = h->wake_ns - h->clock.now_ns;
        WSL_TRY(wsl_harness_advance(h, wait_ns > 0 ? (wait_ns + WSL_NS_PER_MS - 1) / WSL_NS_PER_MS : 0));
    }
    return WSL_OK;
}

wsl_status wsl_harness_end(wsl_harness *h)
{
    WSL_TRY(is_open(h, 1) && !is_open(h, 0) ? WSL_OK : wsl_harness_end_to(h, 0));
    WSL_TRY(is_open(h, 1) ? wsl_harness_end_to(h, 1) : WSL_OK);
    return finish_requests(h);
}

/* ---- out ---- */

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

const wsl_error *wsl_harness_error(const wsl_harness *h) { return &h->error; }
