/*
 * net - the network loop: see net.h, and net_internal.h for how the parts fit.
 *
 * A step takes all that is there (commands, news of channels, messages), then builds frames from what has come
 * together, then looks at deadlines. It makes one system call to learn which endpoints have news, and none for those
 * that have not.
 */
#include "taskmanager/net/net.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "taskmanager/net/net_internal.h"

typedef enum command_kind { COMMAND_OUTBOUND, COMMAND_INBOUND, COMMAND_CLOSE } command_kind;

typedef struct net_command {
    wsl_letter letter; /* first */
    command_kind kind;
    tm_channel *ch;
    char *peer;
    wsl_buffer_pool *pool;
    uint64_t task;
    void (*done)(void *arg);
    void *arg;
} net_command;

/* ---- small things ---- */

int64_t net_now(const tm_net *net) { return wsl_now_ns(net->seams.clock); }

void net_set_deadline(tm_net *net, int64_t deadline_ns)
{
    if (deadline_ns < net->next_deadline_ns) {
        net->next_deadline_ns = deadline_ns;
    }
}

void net_closing_done_one(net_closing *closing)
{
    if (closing == NULL || --closing->pending > 0) {
        return;
    }
    if (closing->done != NULL) {
        closing->done(closing->arg);
    }
    free(closing);
}

bool net_send(tm_net *net, wsl_endpoint *endpoint, const char *peer, wsl_message *message)
{
    if (message->data == NULL) {
        return true;
    }
    const size_t size = message->size;
    switch (wsl_endpoint_send(endpoint, peer, message)) {
    case WSL_OK:
        net_count(&net->frames_out, 1);
        net_count(&net->bytes_out, size);
        return true;
    case WSL_AGAIN:
        net->retry_ns = net_now(net) + NET_RETRY_NS;
        return false;
    default:
        wsl_message_release(message); /* the peer is gone, as we shall hear soon */
        return true;
    }
}

bool net_ends_input(const uint8_t *rows, uint32_t used)
{
    wsl_row last;
    if (used < sizeof last) {
        return false;
    }
    memcpy(&last, rows + used - sizeof last, sizeof last);
    if (last.size != sizeof last || last.kind != WSL_KIND_END) {
        return false;
    }
    uint32_t at = 0; /* the bytes could be the tail of a data row: walk to be sure */
    while (at < used - sizeof last) {
        uint32_t size;
        memcpy(&size, rows + at, sizeof size);
        at += size;
    }
    return at == used - sizeof last;
}

/* ---- making and freeing ---- */

static wsl_status check_options(const tm_net_options *o, wsl_error *err)
{
    WSL_ASSERT(o->identity != NULL && o->buffer_size >= sizeof(wsl_row));
    const size_t size = strlen(o->identity);
    if (size == 0 || size > WSL_PEER_ID_MAX - 12 || strchr(o->identity, '#') != NULL) {
        return wsl_fail(err, WSL_INVALID, "'%.60s' cannot name a TaskManager to its peers: 1 to %d bytes without '#'",
                        o->identity, WSL_PEER_ID_MAX - 12);
    }
    return WSL_OK;
}

wsl_status tm_net_new(const wsl_seams *seams, const tm_net_options *options, tm_net **out_net, wsl_error *err)
{
    WSL_TRY(check_options(options, err));
    tm_net *net = wsl_zalloc(sizeof *net);
    net->seams = *seams;
    net->options = *options;
    net->identity = wsl_strdup(options->identity);
    net->options.identity = net->identity;
    net->options.listen_address = net->options.listen_address_local = NULL; /* not ours to keep */
    if (net->options.frame_bytes_max == 0) {
        net->options.frame_bytes_max = TM_NET_FRAME_BYTES_DEFAULT;
    }
    if (net->options.drain_timeout_ms == 0) {
        net->options.drain_timeout_ms = TM_NET_DRAIN_MS_DEFAULT;
    }
    /* Room for the sections' heads, so that a round number of full buffers fits. */
    const uint32_t block = net->options.frame_bytes_max + net->options.frame_bytes_max / 64 + 64;
    net->frames = tm_frame_pool_new(block, NET_FRAME_BLOCKS, options->waker);
    net->next_deadline_ns = net->retry_ns = WSL_NEVER;
    wsl_mailbox_init(&net->inbox, options->waker);
    wsl_mailbox_init(&net->commands, options->waker);
    tm_ready_set_init(&net->ready_set);
    wsl_status status = net_listener_open(net, options->listen_address, err);
    if (status == WSL_OK && options->listen_address_local != NULL) {
        status = net_listener_open(net, options->listen_address_local, err);
    }
    if (status != WSL_OK) {
        tm_net_free(net);
        return status;
    }
    *out_net = net;
    return WSL_OK;
}

static void drop_letters(tm_net *net)
{
    for (wsl_letter *l = wsl_mailbox_take_all(&net->inbox), *next; l != NULL; l = next) {
        next = l->next;
        tm_channel_unref(tm_channel_end_open(l)->channel);
    }
    for (wsl_letter *l = wsl_mailbox_take_all(&net->commands), *next; l != NULL; l = next) {
        next = l->next;
        net_command *c = (net_command *)(void *)l;
        tm_channel_unref(c->ch);
        free(c->peer);
        free(c);
    }
}

void tm_net_free(tm_net *net)
{
    if (net == NULL) {
        return;
    }
    drop_letters(net);
    net_out_fini(net);
    net_in_fini(net);
    drop_letters(net); /* of channels whose ends were bound to us until now */
    wsl_u64_map_fini(&net->waiting);
    tm_ready_set_fini(&net->ready_set);
    tm_frame_pool_free(net->frames);
    free(net->identity);
    free(net);
}

const char *tm_net_address(tm_net *net) { return wsl_endpoint_address(net->listeners[0].endpoint); }

const char *tm_net_address_local(tm_net *net)
{
    return net->n_listeners > 1 ? wsl_endpoint_address(net->listeners[1].endpoint) : NULL;
}

int tm_net_fds(tm_net *net, int *out_fds, int max)
{
    if (net->ready_set.epoll_fd < 0 || max < 1) {
        return 0;
    }
    out_fds[0] = net->ready_set.epoll_fd;
    return 1;
}

void tm_net_on_fds_changed(tm_net *net, void (*fn)(void *arg), void *arg)
{
    net->fds_changed = fn;
    net->fds_changed_arg = arg;
}

tm_net_stats tm_net_get_stats(const tm_net *net)
{
    return (tm_net_stats){
        .frames_out = atomic_load_explicit(&net->frames_out, memory_order_relaxed),
        .bytes_out = atomic_load_explicit(&net->bytes_out, memory_order_relaxed),
        .buffers_out = atomic_load_explicit(&net->buffers_out, memory_order_relaxed),
        .frames_in = atomic_load_explicit(&net->frames_in, memory_order_relaxed),
        .bytes_in = atomic_load_explicit(&net->bytes_in, memory_order_relaxed),
        .buffers_in = atomic_load_explicit(&net->buffers_in, memory_order_relaxed),
    };
}

/* ---- commands ---- */

static void post(tm_net *net, const net_command *c)
{
    net_command *copy = wsl_memdup(c, sizeof *c);
    wsl_mailbox_post(&net->commands, &copy->letter);
}

void tm_net_open_outbound(tm_net *net, tm_channel *ch, const char *peer_address, uint64_t task)
{
    WSL_ASSERT(task != 0);
    post(net, &(net_command){.kind = COMMAND_OUTBOUND, .ch = ch, .peer = wsl_strdup(peer_address), .task = task});
}

void tm_net_open_inbound(tm_net *net, tm_channel *ch, wsl_buffer_pool *pool, const char *peer_identity, uint64_t task)
{
    WSL_ASSERT(task != 0);
    post(net, &(net_command){.kind = COMMAND_INBOUND,
                             .ch = ch,
                             .pool = pool,
                             .peer = peer_identity != NULL ? wsl_strdup(peer_identity) : NULL,
                             .task = task});
}

void tm_net_close_task(tm_net *net, uint64_t task, void (*done)(void *arg), void *arg)
{
    post(net, &(net_command){.kind = COMMAND_CLOSE, .task = task, .done = done, .arg = arg});
}

static void close_task(tm_net *net, const net_command *c)
{
    net_closing *closing = wsl_zalloc(sizeof *closing);
    *closing = (net_closing){.pending = 1, .done = c->done, .arg = c->arg};
    net_out *next_out;
    for (net_out *out = net->outs; out != NULL; out = next_out) {
        next_out = out->next;
        if (c->task == 0 || out->task == c->task) {
            net_out_close(out, closing);
        }
    }
    net_in *next_in;
    for (net_in *in = net->ins; in != NULL; in = next_in) {
        next_in = in->next;
        if (in->task != 0 && (c->task == 0 || in->task == c->task)) {
            net_in_close(in);
        }
    }
    net_closing_done_one(closing);
}

static void take_commands(tm_net *net)
{
    for (wsl_letter *l = wsl_mailbox_take_all(&net->commands), *next; l != NULL; l = next) {
        next = l->next;
        net_command *c = (net_command *)(void *)l;
        switch (c->kind) {
        case COMMAND_OUTBOUND:
            net_out_open(net, c->ch, c->peer, c->task);
            break;
        case COMMAND_INBOUND:
            net_in_open(net, c->ch, c->pool, c->peer, c->task);
            break;
        case COMMAND_CLOSE:
            close_task(net, c);
            break;
        }
        free(c->peer);
        free(c);
    }
}

static void take_news(tm_net *net)
{
    for (wsl_letter *l = wsl_mailbox_take_all(&net->inbox), *next; l != NULL; l = next) {
        next = l->next;
        tm_channel_end *end = tm_channel_end_open(l);
        tm_channel *ch = end->channel;
        if (end->owner != NULL) {
            if (end == &ch->consumer) {
                net_out_on_news(end->owner);
            } else {
                net_in_on_news(end->owner);
            }
        }
        tm_channel_unref(ch);
    }
}

/* ---- the step ---- */

bool tm_net_rest(tm_net *net) { return tm_ready_set_rest(&net->ready_set); }

static void receive_all(tm_net *net)
{
    for (int i = 0; i < net->n_listeners; i++) {
        if (net->listeners[i].entry.ready) {
            net_listener_receive(&net->listeners[i]);
        }
    }
    net_conn *next;
    for (net_conn *conn = net->conns; conn != NULL; conn = next) {
        next = conn->next; /* it may be lost */
        if (conn->entry.ready) {
            net_conn_receive(conn);
        }
    }
}

/* An endpoint that was not drained? */
static bool has_more(const tm_net *net)
{
    for (const tm_ready_entry *e = net->ready_set.entries; e != NULL; e = e->next) {
        if (e->ready) {
            return true;
        }
    }
    return false;
}

void tm_net_take(tm_net *net)
{
    tm_ready_set_look(&net->ready_set);
    receive_all(net);
}

int64_t tm_net_give(tm_net *net)
{
    net->retry_ns = WSL_NEVER;
    take_commands(net);
    take_news(net);
    if (net->ready_set.epoll_fd < 0) { /* endpoints that only a waker speaks for */
        tm_net_take(net);
    }
    for (net_conn *conn = net->conns; conn != NULL; conn = conn->next) {
        net_conn_flush(conn);
    }
    for (int i = 0; i < net->n_listeners; i++) {
        net_listener_flush(&net->listeners[i]);
    }
    if (net->next_deadline_ns != WSL_NEVER) {
        const int64_t now_ns = net_now(net);
        if (now_ns >= net->next_deadline_ns) {
            net->next_deadline_ns = WSL_NEVER; /* the checks below set it again */
            net_out_check_deadlines(net, now_ns);
            net_in_check_deadlines(net, now_ns);
        }
    }
    if (has_more(net)) {
        return 0;
    }
    return net->retry_ns < net->next_deadline_ns ? net->retry_ns : net->next_deadline_ns;
}

int64_t tm_net_step(tm_net *net)
{
    take_commands(net); /* first: what comes may be for a channel that is opened by them */
    tm_net_take(net);
    return tm_net_give(net);
}
