/*
 * failover_job - the job of `wiesel-bench failover`: events -> (by key) state of some 100 bytes per key -> watched.
 *
 *     --board FILE     failover_board.h
 *     --keys K         the first K events give every key its state, as fast as possible
 *     --rate R         those after them come at R per second
 *
 * Event i: key i for i < K, else mix(i) mod K. Subtask p of P makes i = p, p+P, p+2P...
 */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <wiesel/wiesel.h>

#include "bench/failover_board.h"

WSL_ROW(event, (int64, id), (int64, key));

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* splitmix64's finalizer (Steele, Lea, Flood 2014). */
static inline uint64_t mix(uint64_t i)
{
    uint64_t z = i + UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

static board *map_board(const char *path, wsl_error *err)
{
    const int fd = open(path, O_RDWR | O_CLOEXEC);
    void *at = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof(board), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (fd >= 0) {
        close(fd);
    }
    if (at == MAP_FAILED) {
        (void)wsl_fail(err, WSL_IO, "cannot map the board '%s'", path);
        return NULL;
    }
    return at;
}

/* ---- source ---- */

typedef struct paced {
    board *board;
    uint64_t next, keys, rate;
} paced;

static const wsl_option paced_options[] = {
    {.name = "board", .type = WSL_OPT_STRING, .required = true, .help = "File to write times into."},
    {.name = "keys", .type = WSL_OPT_INT, .default_value = "1000", .min = "1", .help = "Number of keys."},
    {.name = "rate", .type = WSL_OPT_INT, .default_value = "10000", .min = "1", .max = "100000000", .help = "Events per second."},
    {0},
};

static wsl_status paced_open(void *self, wsl_source_ctx *ctx, wsl_error *err)
{
    paced *p = self;
    p->board = map_board(wsl_config_str(ctx->config, "board"), err);
    p->keys = (uint64_t)wsl_config_int(ctx->config, "keys");
    p->rate = (uint64_t)wsl_config_int(ctx->config, "rate");
    p->next = ctx->subtask;
    return p->board == NULL ? WSL_IO : WSL_OK;
}

static wsl_status paced_poll(void *self, wsl_source_ctx *ctx, uint32_t max_rows, wsl_error *err)
{
    (void)err;
    paced *p = self;
    const uint32_t size = wsl_row_fixed_size(event_n_fields);
    uint64_t until = p->keys;
    int64_t since = 0;
    if (p->next >= p->keys) {
        const int64_t now = now_ns();
        int64_t unset = 0;
        (void)atomic_compare_exchange_strong(&p->board->paced_since_ns, &unset, now);
        since = atomic_load(&p->board->paced_since_ns);
        until = p->keys + (uint64_t)((double)(now - since) * (double)p->rate / 1e9) + 1;
    }
    for (uint32_t k = 0; k < max_rows && p->next < until; k++, p->next += ctx->parallelism) {
        if ((size_t)(ctx->out_end - ctx->out_tip) < size) {
            const wsl_status status = ctx->ops->make_room(ctx, size);
            if (status != WSL_OK) {
                return status;
            }
        }
        wsl_row *row = (wsl_row *)(void *)ctx->out_tip;
        *row = (wsl_row){.size = size, .flags = WSL_ROW_HAS_TIMESTAMP, .timestamp = (int64_t)p->next};
        row->slot[event_f_id] = p->next;
        row->slot[event_f_key] = p->next < p->keys ? p->next : mix(p->next) % p->keys;
        const wsl_status status = ctx->ops->emit(ctx, row);
        if (status != WSL_OK) {
            p->next += ctx->parallelism;
            return status;
        }
    }
    if (since == 0 || p->next < until) {
        return WSL_OK;
    }
    ctx->ops->wake_at(ctx, since + (int64_t)((double)(p->next - p->keys) * 1e9 / (double)p->rate));
    return WSL_AGAIN;
}

static void paced_close(void *self, wsl_source_ctx *ctx)
{
    (void)ctx;
    const paced *p = self;
    if (p->board != NULL) {
        (void)munmap(p->board, sizeof *p->board);
    }
}

static wsl_status paced_snapshot(void *self, wsl_source_ctx *ctx, wsl_saver *save, wsl_error *err)
{
    (void)ctx;
    (void)err;
    const paced *p = self;
    save->add(save, &(wsl_split){.name = "events", .bytes = &p->next, .size = sizeof p->next});
    return WSL_OK;
}

static wsl_status paced_restore(void *self, wsl_source_ctx *ctx, const wsl_split *pieces, uint32_t n, wsl_error *err)
{
    (void)ctx;
    paced *p = self;
    if (n != 1 || pieces[0].size != sizeof p->next) {
        return wsl_fail(err, WSL_UNSUPPORTED, "bench_paced goes on with the parallelism it had only");
    }
    memcpy(&p->next, pieces[0].bytes, sizeof p->next);
    return WSL_OK;
}

static const wsl_reader_class paced_reader = {
    .size = sizeof(paced),
    .open = paced_open,
    .poll = paced_poll,
    .snapshot = paced_snapshot,
    .restore = paced_restore,
    .close = paced_close,
};
WSL_SOURCE_CONNECTOR(bench_paced, .help = "Events of the failover benchmark.", .options = paced_options, .reader = &paced_reader);

/* ---- state ---- */

WSL_VALUE_STATE(seen_state, "seen", (int64, n), (int64, a), (int64, b), (int64, c), (int64, d), (int64, e), (int64, f), (int64, g),
                (int64, h), (int64, last));

static wsl_status count_event(wsl_keyed_ctx *k, const wsl_row *in)
{
    wsl_row *seen = wsl_value_update(k, &seen_state);
    if (seen == NULL) {
        return WSL_NO_RESOURCE;
    }
    seen->slot[seen_state_value_f_n]++;
    seen->slot[seen_state_value_f_last] = (uint64_t)event_id(in);
    return wsl_emit(k, in);
}
WSL_KEYED_PROCESS(count, .in = &event_schema, .out = &event_schema, .states = WSL_STATES(&seen_state), .keyed_process = count_event);

/* ---- the last operator ---- */

typedef struct watch_config {
    char board[256];
} watch_config;

typedef struct watcher {
    board *board;
    board_subtask *mine;
    uint64_t known; /* ids below were written by instances before */
    uint64_t through;
    bool any, any_new;
} watcher;

static wsl_status watch_open(wsl_ctx *ctx, wsl_error *err)
{
    watcher *w = ctx->local;
    w->board = map_board(((const watch_config *)ctx->config)->board, err);
    if (w->board == NULL) {
        return WSL_IO;
    }
    if (ctx->subtask >= BOARD_SUBTASKS_MAX) {
        return wsl_fail(err, WSL_INVALID, "at most %d subtasks", BOARD_SUBTASKS_MAX);
    }
    w->mine = &w->board->subtasks[ctx->subtask];
    w->known = w->through = atomic_load(&w->mine->rows_through);
    atomic_store(&w->mine->first_ns, 0);
    atomic_store(&w->mine->first_new_ns, 0);
    atomic_store(&w->mine->pid, getpid());
    atomic_store(&w->mine->opened_ns, now_ns());
    return WSL_OK;
}

static wsl_status watch_row(wsl_ctx *ctx, const wsl_row *in)
{
    watcher *w = ctx->local;
    const uint64_t id = (uint64_t)event_id(in);
    if (!w->any) {
        w->any = true;
        atomic_store(&w->mine->first_ns, now_ns());
    }
    if (!w->any_new && id >= w->known) {
        w->any_new = true;
        atomic_store(&w->mine->first_new_ns, now_ns());
    }
    if (id >= w->through) {
        w->through = id + 1;
        atomic_store_explicit(&w->mine->rows_through, w->through, memory_order_relaxed);
    }
    return WSL_OK;
}

static void watch_close(wsl_ctx *ctx)
{
    const watcher *w = ctx->local;
    if (w->board != NULL) {
        (void)munmap(w->board, sizeof *w->board);
    }
}
WSL_PROCESS(watch, .in = &event_schema, .local_size = sizeof(watcher), .open = watch_open, .process = watch_row, .close = watch_close);

WSL_JOB(env, args)
{
    watch_config config = {0};
    const char *path = wsl_arg_required(args, "board");
    strncpy(config.board, path, sizeof config.board - 1);
    wsl_env_set_name(env, "failover");
    wsl_stream *events = wsl_from(env, "events", "bench_paced", &event_schema,
                                  WSL_OPTIONS({"board", path}, {"keys", wsl_arg(args, "keys", "1000")}, {"rate", wsl_arg(args, "rate", "10000")}));
    wsl_stream *counts = wsl_keyed_process(wsl_key_by(events, "key"), "count", &count);
    wsl_set_uid(counts, "count");
    wsl_stream *watched = wsl_set_config(wsl_process(counts, "watch", &watch), &config, sizeof config);
    wsl_to(watched, "nothing", "blackhole", NULL);
    return WSL_OK;
}
