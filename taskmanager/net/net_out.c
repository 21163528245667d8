/*
 * net_out - connections to other TaskManagers and the outbound channels on them.
 *
 * An outbound channel says, in this order: OPEN, its buffers, CLOSE. What it hears: CREDIT, and at the end CLOSE ENDED
 * (everything has arrived) or CLOSE ABORTED (nobody listens any more) or FAIL.
 *
 * The task can send only what the remote consumer has credit for, so whatever lies in a channel's ring may go at once.
 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "taskmanager/net/net_internal.h"

/* ---- one channel ---- */

static void make_ready(net_out *out)
{
    net_conn *conn = out->conn;
    if (out->ready || conn == NULL) {
        return;
    }
    out->ready = true;
    out->next_ready = NULL;
    *conn->ready_end = out;
    conn->ready_end = &out->next_ready;
}

static void drop_buffers(net_out *out)
{
    wsl_buffer_release(out->held);
    out->held = NULL;
    wsl_buffer *buffer;
    while (out->ch != NULL && (buffer = tm_channel_receive(out->ch)) != NULL) {
        wsl_buffer_release(buffer);
    }
}

/* Gives the channel back; the task's side sees to the rest. */
static void let_channel_go(net_out *out)
{
    if (out->ch != NULL) {
        drop_buffers(out);
        out->ch->consumer.owner = NULL;
        tm_channel_unref(WSL_TAKE(out->ch));
    }
}

static void out_free(net_out *out)
{
    let_channel_go(out);
    if (out->conn != NULL) {
        (void)wsl_u64_map_remove(&out->conn->outs, out->number);
        if (wsl_u64_map_size(&out->conn->outs) == 0) {
            out->conn->idle_ns = net_now(out->net) + (int64_t)TM_NET_IDLE_MS * WSL_NS_PER_MS;
            net_set_deadline(out->net, out->conn->idle_ns);
        }
        out->conn = NULL;
    }
    *out->at = out->next;
    if (out->next != NULL) {
        out->next->at = out->at;
    }
    net_closing_done_one(WSL_TAKE(out->closing));
    free(out->address);
    out->dead = true;
    if (!out->ready) {
        free(out);
    }
}

static void out_fail(net_out *out, const char *reason)
{
    tm_net *net = out->net;
    if (out->failed || out->dead || out->ch == NULL) {
        return;
    }
    out->failed = true;
    out->deadline_ns = WSL_NEVER;
    drop_buffers(out);
    if (out->closing != NULL) { /* the task has said all it had to say; that it did not arrive, the consumer reports */
        out_free(out);
    } else if (!out->ended) {
        net->options.on_failure(net->options.on_failure_arg, &out->ch->key, false, out->address, reason);
    }
}

static bool has_ended(const net_out *out)
{
    const tm_channel *ch = out->ch;
    const uint32_t head = atomic_load_explicit(&ch->head, memory_order_acquire);
    if (out->ended || head == 0) {
        return out->ended;
    }
    if (head != atomic_load_explicit(&ch->tail, memory_order_relaxed)) {
        const wsl_buffer *last = ch->ring[(head - 1) & ch->mask];
        return net_ends_input(last->data, last->used);
    }
    return out->held != NULL && net_ends_input(out->held->data, out->held->used);
}

void net_out_on_news(net_out *out)
{
    if (out->failed || out->muted || out->conn == NULL) {
        drop_buffers(out);
    } else {
        make_ready(out);
    }
}

void net_out_close(net_out *out, net_closing *closing)
{
    if (out->ch == NULL || out->closing != NULL) {
        return;
    }
    tm_net *net = out->net;
    out->task = UINT64_MAX; /* nobody's any more */
    const bool speaks = out->conn != NULL && !out->failed && !out->muted;
    if (speaks && !out->acknowledged && has_ended(out)) {
        out->closing = closing;
        closing->pending++;
        out->deadline_ns = net_now(net) + (int64_t)net->options.drain_timeout_ms * WSL_NS_PER_MS;
        net_set_deadline(net, out->deadline_ns);
        make_ready(out);
    } else if (out->conn != NULL && out->open_sent && out->conn->connected) {
        let_channel_go(out);
        make_ready(out); /* to say CLOSE */
    } else {
        out_free(out);
    }
}

/* ---- failures of a connection ---- */

static void conn_free(net_conn *conn)
{
    tm_net *net = conn->net;
    net_conn **at = &net->conns;
    while (*at != conn) {
        at = &(*at)->next;
    }
    *at = conn->next;
    for (net_out *out = conn->ready, *next; out != NULL; out = next) {
        next = out->next_ready;
        out->ready = false;
        if (out->dead) {
            free(out);
        }
    }
    wsl_u64_map_fini(&conn->outs);
    wsl_message_release(&conn->unsent);
    tm_ready_set_remove(&net->ready_set, &conn->entry);
    wsl_endpoint_close(conn->endpoint);
    free(conn->address);
    free(conn->identity);
    free(conn);
}

static void conn_lost(net_conn *conn, const char *reason)
{
    wsl_u64_map outs = conn->outs;
    conn->outs = (wsl_u64_map){0};
    uint32_t at = 0;
    while (wsl_u64_map_next(&outs, &at)) {
        net_out *out = wsl_u64_map_value(&outs, at);
        out->conn = NULL;
        if (out->ch == NULL) {
            out_free(out); /* it only wanted to say CLOSE */
        } else {
            out_fail(out, reason);
        }
    }
    wsl_u64_map_fini(&outs);
    conn_free(conn);
}

/* ---- connections ---- */

static net_conn *conn_new(tm_net *net, const char *address, wsl_error *err)
{
    char identity[WSL_PEER_ID_MAX + 1];
    (void)snprintf(identity, sizeof identity, "%s#%u", net->identity, net->conns_made + 1);
    const wsl_endpoint_options options = {
        .identity = identity,
        .heartbeat_ms = net->options.heartbeat_ms,
        .heartbeat_timeout_ms = net->options.heartbeat_timeout_ms,
        .high_water_mark = 2 * NET_FRAME_BLOCKS + NET_REPLIES_MAX,
        .insecure = net->options.insecure,
        .polled = net->options.polled,
        .waker = net->options.waker,
    };
    wsl_endpoint *endpoint;
    wsl_transport *t = net->seams.transport;
    if (t->ops->connect(t, address, &options, &endpoint, err) != WSL_OK) {
        return NULL;
    }
    net->conns_made++;
    net_conn *conn = wsl_zalloc(sizeof *conn);
    conn->net = net;
    conn->endpoint = endpoint;
    conn->address = wsl_strdup(address);
    conn->identity = wsl_strdup(identity);
    conn->ready_end = &conn->ready;
    conn->idle_ns = WSL_NEVER;
    conn->next = net->conns;
    net->conns = conn;
    tm_ready_set_add(&net->ready_set, &conn->entry, endpoint, options.polled);
    if (net->fds_changed != NULL) {
        net->fds_changed(net->fds_changed_arg);
    }
    return conn;
}

static net_conn *conn_to(tm_net *net, const char *address, wsl_error *err)
{
    for (net_conn *conn = net->conns; conn != NULL; conn = conn->next) {
        if (strcmp(conn->address, address) == 0) {
            return conn;
        }
    }
    return conn_new(net, address, err);
}

void net_out_open(tm_net *net, tm_channel *ch, const char *address, uint64_t task)
{
    wsl_error err = {0};
    net_out *out = wsl_zalloc(sizeof *out);
    out->net = net;
    out->ch = ch;
    out->address = wsl_strdup(address);
    out->task = task;
    out->attempt = ch->key.attempt;
    out->deadline_ns = WSL_NEVER;
    out->next = net->outs;
    out->at = &net->outs;
    if (net->outs != NULL) {
        net->outs->at = &out->next;
    }
    net->outs = out;
    ch->consumer.owner = out;
    out->conn = conn_to(net, address, &err);
    if (out->conn == NULL) {
        out_fail(out, err.text);
    } else {
        out->number = ++out->conn->next_number;
        out->conn->idle_ns = WSL_NEVER;
        (void)wsl_u64_map_put(&out->conn->outs, out->number, out);
        if (net->options.open_timeout_ms != 0) {
            out->deadline_ns = net_now(net) + (int64_t)net->options.open_timeout_ms * WSL_NS_PER_MS;
            net_set_deadline(net, out->deadline_ns);
        }
        make_ready(out);
    }
    tm_channel_bind_consumer(ch, &net->inbox);
}

/* ---- building frames ---- */

static bool add_open(net_out *out, wsl_frame_writer *w)
{
    const tm_channel_key *k = &out->ch->key;
    const wsl_frame_open open = {.job = k->job, .edge = k->edge, .from = k->from, .to = k->to};
    out->open_sent = wsl_frame_add_open(w, out->number, out->attempt, &open, out->net->identity);
    return out->open_sent;
}

static bool add_buffers(net_out *out, wsl_frame_writer *w)
{
    tm_channel *ch = out->ch;
    for (;;) {
        wsl_buffer *b = out->held != NULL ? out->held : tm_channel_receive(ch);
        if (b == NULL) {
            return true;
        }
        out->held = b;
        if (!wsl_frame_add_data(w, out->number, out->attempt, b->sequence, b->backlog, b->data, b->used)) {
            return false;
        }
        out->held = NULL;
        out->ended = out->ended || net_ends_input(b->data, b->used);
        net_count(&out->net->buffers_out, 1);
        wsl_buffer_release(b);
    }
}

/* False: the frame is full, there is more. */
static bool out_fill(net_out *out, wsl_frame_writer *w)
{
    if (out->fail_text != NULL) {
        if (!wsl_frame_add_fail(w, out->number, out->attempt, out->fail_text)) {
            return false;
        }
        out->fail_text = NULL;
    }
    if (out->ch == NULL || (out->closing != NULL && out->acknowledged)) {
        const wsl_frame_close why = out->acknowledged ? WSL_FRAME_CLOSE_ENDED : WSL_FRAME_CLOSE_ABORTED;
        if (!wsl_frame_add_close(w, out->number, out->attempt, why)) {
            return false;
        }
        out_free(out);
        return true;
    }
    if (out->failed || out->muted) {
        drop_buffers(out);
        return true;
    }
    return (out->open_sent || add_open(out, w)) && add_buffers(out, w);
}

static uint32_t size_for(const net_out *out)
{
    return out->held == NULL ? 0 : WSL_FRAME_HEADER_SIZE + wsl_frame_section_bytes(out->held->used);
}

static void fill_frame(net_conn *conn, wsl_frame_writer *w)
{
    while (conn->ready != NULL) {
        net_out *out = conn->ready;
        if (!out->dead && !out_fill(out, w)) {
            return;
        }
        conn->ready = out->next_ready;
        if (conn->ready == NULL) {
            conn->ready_end = &conn->ready;
        }
        out->ready = false;
        if (out->dead) {
            free(out);
        }
    }
}

void net_conn_flush(net_conn *conn)
{
    tm_net *net = conn->net;
    if (!conn->connected) {
        return;
    }
    while (net_send(net, conn->endpoint, NULL, &conn->unsent) && conn->ready != NULL) {
        tm_frame_block *block = tm_frame_pool_take(net->frames, size_for(conn->ready));
        if (block == NULL) {
            return; /* we are woken when one comes home */
        }
        wsl_frame_writer w;
        wsl_frame_writer_init(&w, block->data, block->capacity);
        fill_frame(conn, &w);
        if (wsl_frame_writer_is_empty(&w)) { /* nothing to say, or a buffer that needs a larger block */
            WSL_ASSERT(conn->ready == NULL || size_for(conn->ready) > block->capacity);
            tm_frame_block_drop(block);
        } else {
            conn->unsent = tm_frame_block_message(block, wsl_frame_finish(&w));
        }
    }
}

/* ---- what comes back ---- */

static void tell_failure(net_out *out, const char *text)
{
    out->fail_text = text;
    make_ready(out); /* first: what is listed is not freed under our hands */
    out_fail(out, text);
}

static void on_credit(net_out *out, uint32_t credits)
{
    tm_channel *ch = out->ch;
    if (ch == NULL || out->failed || out->muted || out->closing != NULL) {
        return;
    }
    const uint32_t unused = atomic_load_explicit(&ch->granted, memory_order_relaxed) -
                            atomic_load_explicit(&ch->tail, memory_order_relaxed);
    if (credits > ch->mask + 1 || unused > ch->mask + 1 - credits) {
        tell_failure(out, "the consumer gave more credits than the channel holds");
        return;
    }
    if (!out->credited) {
        out->credited = true;
        out->deadline_ns = WSL_NEVER;
    }
    tm_channel_grant(ch, credits);
}

/* Before everything has arrived: the task does not wait any longer. */
static void end_drain(net_out *out)
{
    net_closing_done_one(WSL_TAKE(out->closing));
    out->deadline_ns = WSL_NEVER;
    let_channel_go(out);
    make_ready(out); /* to say CLOSE */
}

static void on_close(net_out *out, uint32_t why)
{
    out->credited = true;
    if (why == WSL_FRAME_CLOSE_ENDED && out->ended) {
        out->acknowledged = true;
        if (out->closing != NULL) {
            make_ready(out); /* to say CLOSE; then it is done */
        }
        return;
    }
    out->muted = true;
    out->deadline_ns = WSL_NEVER;
    drop_buffers(out);
    if (out->closing != NULL) {
        end_drain(out);
    }
}

static void on_fail(net_out *out, const wsl_frame_section *s)
{
    char reason[NET_REASON_MAX + 64];
    (void)snprintf(reason, sizeof reason, "the consumer's TaskManager at %s reports: %.*s", out->address,
                   (int)s->length, (const char *)s->payload);
    out_fail(out, reason);
}

static void handle_section(net_conn *conn, const wsl_frame_section *s)
{
    net_out *out = wsl_u64_map_get(&conn->outs, s->channel);
    if (out == NULL) {
        return; /* closed here, and the other side did not know yet */
    }
    if (s->attempt != out->attempt) {
        tell_failure(out, "an answer names another attempt");
        return;
    }
    switch (s->kind) {
    case WSL_FRAME_CREDIT:
        on_credit(out, s->value);
        break;
    case WSL_FRAME_CLOSE:
        on_close(out, s->value);
        break;
    case WSL_FRAME_FAIL:
        on_fail(out, s);
        break;
    default:
        tell_failure(out, "a consumer sent what only producers send");
        break;
    }
}

static wsl_status handle_frame(net_conn *conn, const wsl_message *m, wsl_error *err)
{
    wsl_frame_reader r;
    wsl_frame_section s;
    wsl_status status = wsl_frame_reader_init(&r, m->data, m->size, err);
    net_count(&conn->net->frames_in, 1);
    net_count(&conn->net->bytes_in, m->size);
    while (status == WSL_OK && (status = wsl_frame_next(&r, &s, err)) == WSL_OK) {
        handle_section(conn, &s);
    }
    return status == WSL_END ? WSL_OK : status;
}

static void lost_with(net_conn *conn, const char *why)
{
    char reason[NET_REASON_MAX];
    (void)snprintf(reason, sizeof reason, "lost the connection to the TaskManager at %.200s: %.300s", conn->address,
                   why);
    conn_lost(conn, reason);
}

void net_conn_receive(net_conn *conn)
{
    wsl_net_event event;
    wsl_error err;
    wsl_error_none(&err);
    for (int n = 0; n < NET_RECEIVE_MAX; n++) {
        if (wsl_endpoint_receive(conn->endpoint, &event) != WSL_OK) {
            conn->entry.ready = false;
            return;
        }
        if (event.kind == WSL_NET_CONNECTED) {
            conn->connected = true;
        } else if (event.kind == WSL_NET_GONE) {
            lost_with(conn, event.reason);
            return;
        } else {
            const wsl_status status = handle_frame(conn, &event.message, &err);
            wsl_message_release(&event.message);
            if (status != WSL_OK) {
                lost_with(conn, err.text);
                return;
            }
        }
    }
}

/* ---- time ---- */

static void out_timed_out(net_out *out)
{
    char reason[NET_REASON_MAX];
    if (out->closing != NULL) {
        end_drain(out);
        return;
    }
    const bool connected = out->conn != NULL && out->conn->connected;
    (void)snprintf(reason, sizeof reason,
                   connected
                       ? "the TaskManager at %.200s did not open the channel within %u ms: its task was not deployed"
                       : "cannot connect to the TaskManager at %.200s within %u ms: is it running, and is the address "
                         "reachable from here?",
                   out->address, out->net->options.open_timeout_ms);
    out_fail(out, reason);
}

void net_out_check_deadlines(tm_net *net, int64_t now_ns)
{
    net_out *next_out;
    for (net_out *out = net->outs; out != NULL; out = next_out) {
        next_out = out->next;
        if (out->deadline_ns <= now_ns) {
            out_timed_out(out);
        } else {
            net_set_deadline(net, out->deadline_ns);
        }
    }
    net_conn *next;
    for (net_conn *conn = net->conns; conn != NULL; conn = next) {
        next = conn->next;
        if (conn->idle_ns > now_ns) {
            net_set_deadline(net, conn->idle_ns);
        } else if (conn->ready == NULL && conn->unsent.data == NULL) {
            conn_free(conn);
        }
    }
}

void net_out_fini(tm_net *net)
{
    while (net->outs != NULL) {
        out_free(net->outs);
    }
    while (net->conns != NULL) {
        conn_free(net->conns);
    }
}
