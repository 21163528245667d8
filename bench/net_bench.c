/*
 * net_bench - the network loop alone: two processes with a net loop and a task loop each, no operators.
 *
 *     net_bench full  ADDRESS [SECONDS [WINDOW]]   full 32 KiB buffers one way: GB/s, CPU per buffer, frames
 *     net_bench ping  ADDRESS [SECONDS]            one small row forth and back: round trip, CPU
 *     net_bench paced ADDRESS [SECONDS [RATE]]     rows at a rate, sent when there is nothing else to do: latency one
 * way
 *
 * ADDRESS: tcp or ipc. CPU is of both processes together. A tool for developers: no part of the product.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/clock.h"
#include "base/loop.h"
#include "taskmanager/net/buffer_pool.h"
#include "taskmanager/net/net.h"

enum { BUFFER = 32 << 10, ROW = 48, LATENCIES_MAX = 8 << 20 };

typedef struct bench bench;

/* One process: its network loop and its task. */
struct bench {
    const char *mode;
    bool first; /* the one that begins */
    double seconds;
    uint32_t window;
    uint32_t rate;
    wsl_transport *transport;
    tm_net *net;
    wsl_loop *net_loop, *task_loop;
    wsl_buffer_region *region;
    wsl_buffer_pool *out_pool, *in_pool;
    wsl_mailbox inbox;
    tm_channel *out, *in;
    int64_t start_ns, end_ns;
    uint64_t sent, got, bytes;
    bool ended;
    wsl_buffer *filling;
    int64_t *latencies;
    uint64_t n_latencies;
};

static int64_t now(void) { return wsl_now_ns(wsl_clock_real()); }

static void fail(void *arg, const tm_channel_key *key, bool inbound, const char *peer, const char *reason)
{
    (void)arg;
    (void)key;
    (void)fprintf(stderr, "net_bench: %s %s: %s\n", inbound ? "from" : "to", peer, reason);
    _exit(1);
}

static void add_row(wsl_buffer *b, wsl_row_kind kind, uint64_t value)
{
    wsl_row *row = (wsl_row *)(void *)(b->data + b->used);
    const uint32_t size = kind == WSL_KIND_END ? (uint32_t)sizeof *row : ROW;
    memset(row, 0, size);
    row->size = size;
    row->kind = (uint8_t)kind;
    if (kind == WSL_KIND_DATA) {
        row->slot[0] = value;
    }
    b->used += size;
}

static void take_letters(bench *b)
{
    for (wsl_letter *l = wsl_mailbox_take_all(&b->inbox), *next; l != NULL; l = next) {
        next = l->next;
        tm_channel_unref(tm_channel_end_open(l)->channel);
    }
}

static void note_latency(bench *b, int64_t ns)
{
    if (b->n_latencies < LATENCIES_MAX && now() > b->start_ns + 500000000) { /* not the first half second */
        b->latencies[b->n_latencies++] = ns;
    }
}

/* ---- what the tasks do; each returns when it wants to be called ---- */

static int64_t full_send(bench *b)
{
    while (!b->ended && tm_channel_credits(b->out) > 0) {
        wsl_buffer *buffer = wsl_buffer_pool_take(b->out_pool);
        if (buffer == NULL) {
            break;
        }
        if (now() > b->end_ns) {
            add_row(buffer, WSL_KIND_END, 0);
            b->ended = true;
        } else if (wsl_buffer_row_at(buffer, 0)->size == ROW) {
            buffer->used = BUFFER / ROW * ROW; /* filled before */
        } else {
            while (buffer->used + ROW <= BUFFER) {
                add_row(buffer, WSL_KIND_DATA, 0);
            }
        }
        tm_channel_send(b->out, buffer);
        b->sent++;
    }
    if (b->ended) {
        wsl_loop_ask_stop(b->task_loop);
    }
    return WSL_NEVER;
}

static void receive(bench *b, void (*on_row)(bench *b, const wsl_row *row))
{
    wsl_buffer *buffer;
    while ((buffer = tm_channel_receive(b->in)) != NULL) {
        b->got++;
        b->bytes += buffer->used;
        const wsl_row *last = wsl_buffer_row_at(buffer, buffer->used - (uint32_t)sizeof(wsl_row));
        b->ended = last->kind == WSL_KIND_END && last->size == sizeof *last;
        for (uint32_t at = 0; on_row != NULL && !b->ended && at < buffer->used; at += ROW) {
            on_row(b, wsl_buffer_row_at(buffer, at));
        }
        wsl_buffer_release(buffer);
        if (b->ended) {
            wsl_loop_ask_stop(b->task_loop);
        } else {
            tm_channel_grant(b->in, 1);
        }
    }
}

static void send_one(bench *b, wsl_row_kind kind, uint64_t value)
{
    wsl_buffer *buffer = wsl_buffer_pool_take(b->out_pool);
    WSL_ASSERT(buffer != NULL && tm_channel_credits(b->out) > 0);
    add_row(buffer, kind, value);
    tm_channel_send(b->out, buffer);
    b->sent++;
}

static void ping_on_row(bench *b, const wsl_row *row)
{
    if (b->first) {
        note_latency(b, now() - (int64_t)row->slot[0]);
    }
    if (!b->first) {
        send_one(b, WSL_KIND_DATA, row->slot[0]);
    } else if (now() < b->end_ns) {
        send_one(b, WSL_KIND_DATA, (uint64_t)now());
    } else {
        send_one(b, WSL_KIND_END, 0);
        b->ended = true;
        wsl_loop_ask_stop(b->task_loop);
    }
}

static int64_t ping_step(bench *b)
{
    if (b->first && b->sent == 0 && tm_channel_credits(b->out) > 0) {
        send_one(b, WSL_KIND_DATA, (uint64_t)now());
    }
    if (tm_channel_credits(b->out) > 0) { /* the answer can be sent at once; else we are called again with credit */
        receive(b, ping_on_row);
    }
    return WSL_NEVER;
}

static void paced_on_row(bench *b, const wsl_row *row) { note_latency(b, now() - (int64_t)row->slot[0]); }

static int64_t paced_send(bench *b)
{
    const int64_t period_ns = WSL_NS_PER_S / b->rate;
    const int64_t t = now();
    if (b->ended || tm_channel_credits(b->out) == 0) {
        return WSL_NEVER;
    }
    wsl_buffer *buffer = wsl_buffer_pool_take(b->out_pool);
    int64_t due_ns = b->start_ns + (int64_t)b->got * period_ns; /* `got` counts the rows made here */
    while (buffer != NULL && due_ns <= t && buffer->used + ROW <= BUFFER) {
        add_row(buffer, WSL_KIND_DATA, (uint64_t)due_ns);
        b->got++;
        due_ns += period_ns;
    }
    if (buffer == NULL || buffer->used == 0) {
        wsl_buffer_release(buffer);
    } else {
        tm_channel_send(b->out, buffer);
        b->sent++;
    }
    if (t > b->end_ns && tm_channel_credits(b->out) > 0) {
        send_one(b, WSL_KIND_END, 0);
        b->ended = true;
        wsl_loop_ask_stop(b->task_loop);
    }
    return due_ns;
}

static int64_t task_step(void *arg)
{
    bench *b = arg;
    take_letters(b);
    if (strcmp(b->mode, "ping") == 0) {
        return ping_step(b);
    }
    if (!b->first) {
        receive(b, strcmp(b->mode, "paced") == 0 ? paced_on_row : NULL);
        return WSL_NEVER;
    }
    return strcmp(b->mode, "full") == 0 ? full_send(b) : paced_send(b);
}

static int64_t net_step(void *arg) { return tm_net_step(((bench *)arg)->net); }

/* ---- setup ---- */

static void exchange_address(int from, int to, const char *mine, char *theirs, size_t size)
{
    WSL_ASSERT(write(to, mine, strlen(mine) + 1) > 0);
    const ssize_t n = read(from, theirs, size - 1);
    WSL_ASSERT(n > 0);
    theirs[n] = '\0';
}

static void set_up(bench *b, bool ipc, int from, int to)
{
    wsl_error err = {0};
    char address[128], peer[256];
    (void)snprintf(address, sizeof address, ipc ? "ipc:///tmp/net-bench-%d" : "tcp://127.0.0.1:*", (int)getpid());
    const bool ok = wsl_transport_zmq_new(&b->transport, &err) == WSL_OK;
    b->task_loop = wsl_loop_new(wsl_clock_real(), task_step, b, 200);
    b->net_loop = wsl_loop_new(wsl_clock_real(), net_step, b, 200);
    const wsl_seams seams = {.clock = wsl_clock_real(), .transport = b->transport};
    const tm_net_options options = {.listen_address = address,
                                    .identity = b->first ? "one" : "two",
                                    .open_timeout_ms = 5000,
                                    .buffer_size = BUFFER,
                                    .on_failure = fail,
                                    .waker = wsl_loop_waker(b->net_loop)};
    if (!ok || tm_net_new(&seams, &options, &b->net, &err) != WSL_OK) {
        (void)fprintf(stderr, "net_bench: %s\n", err.text);
        _exit(1);
    }
    WSL_ASSERT(wsl_buffer_region_new((size_t)4 * b->window * BUFFER, BUFFER, &b->region, &err) == WSL_OK);
    WSL_ASSERT(wsl_buffer_pool_new(b->region, 2 * b->window, &b->out_pool, &err) == WSL_OK);
    WSL_ASSERT(wsl_buffer_pool_new(b->region, b->window, &b->in_pool, &err) == WSL_OK);
    wsl_buffer_pool_on_available(b->out_pool, wsl_loop_waker(b->task_loop));
    wsl_mailbox_init(&b->inbox, wsl_loop_waker(b->task_loop));
    int fd;
    WSL_ASSERT(tm_net_fds(b->net, &fd, 1) == 1);
    wsl_loop_watch(b->net_loop, fd);
    exchange_address(from, to, tm_net_address(b->net), peer, sizeof peer);

    const tm_channel_key forth = {.job = 1, .to = 1}, back = {.job = 1, .from = 1};
    const bool two_ways = strcmp(b->mode, "ping") == 0;
    if (b->first || two_ways) {
        b->out = tm_channel_new(b->first ? &forth : &back, b->window);
        tm_channel_bind_producer(b->out, &b->inbox);
        tm_net_open_outbound(b->net, b->out, peer, 1);
    }
    if (!b->first || two_ways) {
        b->in = tm_channel_new(b->first ? &back : &forth, b->window);
        tm_channel_bind_consumer(b->in, &b->inbox);
        tm_channel_grant(b->in, b->window);
        tm_net_open_inbound(b->net, b->in, b->in_pool, NULL, 1);
    }
}

static int compare(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static double cpu_of(int who)
{
    struct rusage r;
    (void)getrusage(who, &r);
    return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) + (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6;
}

static void print_latencies(bench *b)
{
    if (b->n_latencies == 0) {
        return;
    }
    qsort(b->latencies, b->n_latencies, sizeof *b->latencies, compare);
    printf("n=%" PRIu64 " p50=%.1fus p99=%.1fus p99.9=%.1fus max=%.1fus\n", b->n_latencies,
           (double)b->latencies[b->n_latencies / 2] / 1e3, (double)b->latencies[b->n_latencies * 99 / 100] / 1e3,
           (double)b->latencies[b->n_latencies * 999 / 1000] / 1e3, (double)b->latencies[b->n_latencies - 1] / 1e3);
}

static void run(bench *b, bool ipc, int from, int to)
{
    wsl_error err = {0};
    set_up(b, ipc, from, to);
    b->start_ns = now() + 10000000;
    b->end_ns = b->start_ns + (int64_t)(b->seconds * 1e9);
    WSL_ASSERT(wsl_loop_start(b->net_loop, "net", &err) == WSL_OK);
    wsl_loop_run(b->task_loop);
    /* what was said last has to arrive: the consumer leaves when END came, the producer when that is acknowledged */
    char byte = 0;
    if (b->first) {
        (void)!read(from, &byte, 1);
    } else {
        (void)!write(to, &byte, 1);
    }
    wsl_loop_stop(b->net_loop);
}

int main(int argc, char **argv)
{
    if (argc < 3 || (strcmp(argv[2], "tcp") != 0 && strcmp(argv[2], "ipc") != 0)) {
        (void)fprintf(stderr, "usage: net_bench full|ping|paced tcp|ipc [SECONDS [WINDOW|RATE]]\n");
        return 2;
    }
    bench *b = wsl_zalloc(sizeof *b);
    b->mode = argv[1];
    b->seconds = argc > 3 ? strtod(argv[3], NULL) : 2;
    const uint32_t last = argc > 4 ? (uint32_t)strtoul(argv[4], NULL, 10) : 0;
    const bool paced = strcmp(b->mode, "paced") == 0;
    b->rate = paced && last > 0 ? last : 50000;
    b->window = !paced && last > 0 ? last : 16;
    int forth[2], back[2];
    WSL_ASSERT(pipe(forth) == 0 && pipe(back) == 0);
    (void)fflush(stdout);
    const pid_t child = fork();
    b->first = child != 0;
    b->latencies = wsl_calloc(LATENCIES_MAX, sizeof *b->latencies);
    run(b, strcmp(argv[2], "ipc") == 0, b->first ? back[0] : forth[0], b->first ? forth[1] : back[1]);
    const tm_net_stats stats = tm_net_get_stats(b->net);
    if (!b->first) {
        if (strcmp(b->mode, "full") == 0) {
            printf("got %" PRIu64 " buffers, %.2f GB/s, %.1f M rows of %d bytes/s; %" PRIu64 " frames in, %" PRIu64
                   " out\n",
                   b->got, (double)b->bytes / b->seconds / 1e9, (double)b->bytes / ROW / b->seconds / 1e6, ROW,
                   stats.frames_in, stats.frames_out);
        }
        if (strcmp(b->mode, "paced") == 0) {
            printf("%" PRIu64 " frames in, %" PRIu64 " out; one way ", stats.frames_in, stats.frames_out);
            print_latencies(b);
        }
        (void)fflush(stdout);
        _exit(0);
    }
    (void)waitpid(child, NULL, 0);
    const double cpu = cpu_of(RUSAGE_SELF) + cpu_of(RUSAGE_CHILDREN);
    if (strcmp(b->mode, "ping") == 0) {
        printf("round trip ");
        print_latencies(b);
    }
    const uint64_t n = paced ? b->got : b->sent;
    printf("cpu %.2f s: %.2f us per %s; %.1f buffers per frame\n", cpu, cpu / (double)n * 1e6,
           paced                          ? "event"
           : strcmp(b->mode, "ping") == 0 ? "round trip"
                                          : "buffer",
           (double)stats.buffers_out / (double)stats.frames_out);
    return 0;
}
