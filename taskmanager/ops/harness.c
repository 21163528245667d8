/*
 * The harness is a chain of one operator with a collector behind every output, a manual clock, and a host that
 * remembers when the operator wants to be woken.
 */
#include "taskmanager/ops/harness_internal.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/fs.h"
#include "graph/job_graph.h"
#include "graph/job_options.h"
#include "graph/operator_kind.h"
#include "taskmanager/ops/op_async.h"

enum { ROW_ROOM = 64 << 10, TURNS_MAX = 1000000, ANSWER_WAIT_MS = 30000 };

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
    h->answer_fd = h->answer_fd >= 0 ? h->answer_fd : eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
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

static bool is_keyed_twice(const wsl_harness *h)
{
    const wsl_operator_kind *kind = wsl_operator_kind_find(h->desc->kind);
    return kind != NULL && kind->keyed && kind->two_inputs && !kind->broadcast;
}

static void keep_keys(wsl_harness *h, uint32_t input, const char *const *keys)
{
    size_t *n = &h->n_keys[input];
    for (; keys != NULL && keys[*n] != NULL && *n < WSL_KEY_FIELDS_MAX; ++*n) {
        h->keys[input][*n] = wsl_strdup(keys[*n]);
    }
}

static void keep_place(wsl_harness *h, const wsl_harness_options *o)
{
    h->subtask = o->subtask;
    h->parallelism = o->parallelism == 0 ? 1 : o->parallelism;
    h->max_parallelism = o->max_parallelism == 0 ? 128 : o->max_parallelism;
    keep_keys(h, 0, o->keys);
    if (is_keyed_twice(h)) {
        keep_keys(h, 1, o->keys2 != NULL ? o->keys2 : o->keys);
    }
}

static void add_collector(wsl_harness *h)
{
    tm_op *op = tm_chain_head(h->chain);
    tm_collector_add(h->collector, op, &op->main, 0, true);
    for (uint32_t i = 0; i < op->n_sides; i++) {
        tm_collector_add(h->collector, op, &op->sides[i], i + 1, false);
    }
}

wsl_status tm_harness_make_chain(wsl_harness *h, wsl_error *err)
{
    const tm_chain_spec spec = {
        .operators = &h->desc,
        .n_operators = 1,
        .input = {h->in[0], h->in[1]},
        .keys = h->keys[0],
        .n_keys = h->n_keys[0],
        .keys_1 = h->keys[1],
        .n_keys_1 = h->n_keys[1],
        .subtask = h->subtask,
        .parallelism = h->parallelism,
        .max_parallelism = h->max_parallelism,
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
    WSL_TRY(tm_chain_new(&spec, &h->chain, err));
    add_collector(h);
    return WSL_OK;
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

wsl_status wsl_harness_new(const wsl_harness_options *options, wsl_harness **out_h, wsl_error *err)
{
    WSL_AUTO(wsl_harness) h = wsl_zalloc(sizeof *h);
    init_host(h);
    h->function = options->function;
    h->wake_ns = WSL_NEVER;
    h->answer_fd = -1;
    h->collector = tm_collector_new();
    tm_harness_steps_init(&h->steps);
    wsl_strbuf_init(&h->text);
    wsl_rng_seed(&h->rng, 1);
    wsl_manual_clock_init(&h->clock, options->clock_ms);
    WSL_TRY(make_job_config(h, options->job_options, err));
    WSL_TRY(tm_harness_make_desc(h, options, err));
    keep_place(h, options);
    WSL_TRY(tm_harness_make_chain(h, err));
    Wsl__Pb__TaskSnapshot *snapshot = NULL;
    WSL_TRY(tm_harness_deal_out(h, options, &snapshot, err));
    const wsl_status status = tm_harness_open(h, snapshot, err);
    if (snapshot != NULL) {
        wsl__pb__task_snapshot__free_unpacked(snapshot, NULL);
    }
    WSL_TRY(status);
    if (settle(h, WSL_OK) != WSL_OK) { /* requests that were under way */
        return wsl_fail(err, h->error.status, "%s", h->error.text);
    }
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
    for (uint32_t input = 0; input < 2; input++) {
        for (size_t i = 0; i < h->n_keys[input]; i++) {
            free(h->keys[input][i]);
        }
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
    return tm_harness_stepped(h, settle(h, tm_op_deliver_rows(tm_chain_head(h->chain), input, rows, n)));
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

/* ---- marks ---- */

static wsl_status tell_idle(wsl_harness *h, bool idle)
{
    h->head_idle = idle;
    return settle(h, tm_op_deliver_idle(tm_chain_head(h->chain), idle));
}

/* What the valves let out, as a task passes it on. */
static wsl_status pass_on(wsl_harness *h, const tm_valve_out *out)
{
    if (out->became_active) {
        WSL_TRY(tell_idle(h, false));
    }
    if (out->advanced) {
        WSL_TRY(settle(h, tm_op_deliver_watermark(tm_chain_head(h->chain), out->watermark)));
    }
    return out->became_idle ? tell_idle(h, true) : WSL_OK;
}

static wsl_status tell_watermark(wsl_harness *h, uint32_t input, int64_t timestamp_ms)
{
    tm_valve_out out;
    WSL_TRY(can_push(h, input));
    if (h->in[1] == NULL) {
        return settle(h, tm_op_deliver_watermark(tm_chain_head(h->chain), timestamp_ms));
    }
    tm_input_valves_watermark(&h->valves, input, timestamp_ms, &out);
    return pass_on(h, &out);
}

wsl_status wsl_harness_watermark_to(wsl_harness *h, uint32_t input, int64_t timestamp_ms)
{
    return tm_harness_stepped(h, tell_watermark(h, input, timestamp_ms));
}

wsl_status wsl_harness_idle_to(wsl_harness *h, uint32_t input, bool idle)
{
    tm_valve_out out;
    WSL_TRY(can_push(h, input));
    if (h->in[1] == NULL) {
        return tm_harness_stepped(h, tell_idle(h, idle));
    }
    (idle ? tm_input_valves_idle : tm_input_valves_active)(&h->valves, input, &out);
    return tm_harness_stepped(h, pass_on(h, &out));
}

wsl_status wsl_harness_end_to(wsl_harness *h, uint32_t input)
{
    tm_valve_out out;
    WSL_TRY(wsl_harness_watermark_to(h, input, WSL_TIME_MAX));
    if (h->in[1] != NULL) {
        (void)tm_input_valves_end(&h->valves, input, &out);
        WSL_TRY(pass_on(h, &out));
    }
    return tm_harness_stepped(h, settle(h, tm_op_deliver_end(tm_chain_head(h->chain), input)));
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
    while (h->wake_ns <= until && h->error.status == WSL_OK) {
        const int64_t at = h->wake_ns > h->clock.now_ns ? h->wake_ns : h->clock.now_ns;
        wsl_manual_clock_advance(&h->clock, at - h->clock.now_ns);
        h->wake_ns = WSL_NEVER;
        const wsl_status status = tm_op_resume(tm_chain_head(h->chain));
        WSL_TRY(tm_harness_stepped(h, settle(h, status == WSL_AGAIN ? WSL_OK : status)));
    }
    wsl_manual_clock_advance(&h->clock, until - h->clock.now_ns);
    return tm_harness_stepped(h, WSL_OK);
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

const wsl_error *wsl_harness_error(const wsl_harness *h) { return &h->error; }
