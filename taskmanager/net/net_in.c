/*
 * net_in - who sends to us: listeners, peers, and the inbound channels they feed.
 *
 * An inbound channel says CREDIT (as the task grants it), CLOSE ENDED when the end of input has arrived, CLOSE ABORTED
 * when its task is gone, FAIL when something is wrong with what it heard.
 *
 * Credits are not announced one by one: the producer is told when what it has left is no more than what we have not
 * told it. So it has half of its window at least, as long as the consumer keeps up, and a message goes back for half a
 * window of buffers instead of for each. Nothing can get stuck: credits are withheld only while the producer has
 * others. From a producer whose buffers come full nothing is withheld: it is fast, half a window may be less than it fills
 * until a message is with it, and the message is small next to a buffer.
 *
 * A peer that breaks the rules for a channel fails that channel; one whose bytes are no frames fails all its channels,
 * and nothing of it is heard any more.
 */
#include <stdio.h>
#include <string.h>

#include <xxhash.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "taskmanager/net/net_internal.h"

/* ---- one channel ---- */

static uint64_t hash_of(const tm_channel_key *k)
{
    const uint64_t words[] = {k->job, (uint64_t)k->attempt << 32 | k->edge, (uint64_t)k->from << 32 | k->to};
    return XXH3_64bits(words, sizeof words);
}

static bool same_key(const tm_channel_key *a, const tm_channel_key *b)
{
    return a->job == b->job && a->attempt == b->attempt && a->edge == b->edge && a->from == b->from && a->to == b->to;
}

static void make_ready(net_in *in)
{
    net_peer *peer = in->peer;
    if (in->ready || peer == NULL) {
        return;
    }
    in->ready = true;
    in->next_ready = NULL;
    *peer->ready_end = in;
    peer->ready_end = &in->next_ready;
}

static net_in *in_new(tm_net *net, const tm_channel_key *key)
{
    net_in *in = wsl_zalloc(sizeof *in);
    in->net = net;
    in->key = *key;
    in->deadline_ns = WSL_NEVER;
    in->next = net->ins;
    in->at = &net->ins;
    if (net->ins != NULL) {
        net->ins->at = &in->next;
    }
    net->ins = in;
    return in;
}

static void stop_waiting(net_in *in)
{
    if (in->waiting) {
        in->waiting = false;
        (void)wsl_u64_map_remove(&in->net->waiting, hash_of(&in->key));
        in->net->n_pending -= in->ch == NULL;
    }
}

static void let_channel_go(net_in *in)
{
    if (in->ch != NULL) {
        in->ch->producer.owner = NULL;
        tm_channel_unref(WSL_TAKE(in->ch));
        in->pool = NULL;
        in->task = 0;
    }
}

static void in_free(net_in *in)
{
    stop_waiting(in);
    let_channel_go(in);
    if (in->peer != NULL) {
        (void)wsl_u64_map_remove(&in->peer->ins, in->number);
        in->peer = NULL;
    }
    *in->at = in->next;
    if (in->next != NULL) {
        in->next->at = in->at;
    }
    free(in->expected);
    free(in->fail_text);
    in->dead = true;
    if (!in->ready) {
        free(in);
    }
}

/* Tells the task and, if the peer still listens, the producer. */
static void in_fail(net_in *in, bool tell_peer, const char *format, ...) WSL_PRINTF(3, 4);
static void in_fail(net_in *in, bool tell_peer, const char *format, ...)
{
    if (in->failed || in->dead) {
        return;
    }
    in->failed = true;
    char reason[NET_REASON_MAX];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(reason, sizeof reason, format, args);
    va_end(args);
    if (tell_peer && in->peer != NULL) {
        in->fail_text = wsl_strdup(reason);
        make_ready(in);
    }
    if (in->ch != NULL && !in->ended) {
        const tm_net_options *o = &in->net->options;
        o->on_failure(o->on_failure_arg, &in->key, true, in->peer != NULL ? in->peer->tm : "", reason);
    }
}

static bool is_expected(const net_in *in) { return in->expected == NULL || strcmp(in->expected, in->peer->tm) == 0; }

/* Both are there: the task's channel and the peer that opened it. */
static void begin(net_in *in)
{
    stop_waiting(in);
    in->deadline_ns = WSL_NEVER;
    if (is_expected(in)) {
        make_ready(in); /* to announce the first credits */
    } else {
        in_fail(in, true, "the channel was opened by TaskManager %s, but its producer is on %s", in->peer->tm,
                in->expected);
    }
}

void net_in_open(tm_net *net, tm_channel *ch, wsl_buffer_pool *pool, const char *expected, uint64_t task)
{
    net_in *in = wsl_u64_map_get(&net->waiting, hash_of(&ch->key));
    const bool pending = in != NULL && in->ch == NULL && same_key(&in->key, &ch->key);
    if (pending) {
        stop_waiting(in);
    } else {
        in = in_new(net, &ch->key);
    }
    in->ch = ch;
    in->pool = pool;
    in->task = task;
    in->expected = expected != NULL ? wsl_strdup(expected) : NULL;
    ch->producer.owner = in;
    if (pending) {
        begin(in);
    } else {
        in->waiting = wsl_u64_map_put(&net->waiting, hash_of(&ch->key), in) == NULL;
        WSL_ASSERT(in->waiting && "a channel is registered once");
    }
    tm_channel_bind_producer(ch, &net->inbox);
}

void net_in_on_news(net_in *in) { make_ready(in); }

void net_in_close(net_in *in)
{
    if (in->peer == NULL) {
        in_free(in);
        return;
    }
    /* The producer may have sent more; its number stays taken until it says CLOSE. */
    in->say_aborted = !in->ended && !in->failed;
    in->stub = true;
    let_channel_go(in);
    make_ready(in);
}

/* ---- building frames ---- */

static uint32_t untold_credits(const net_in *in)
{
    return atomic_load_explicit(&in->ch->granted, memory_order_acquire) - in->announced;
}

/* Asks to hear of grants only when there are enough to be told. True: there are. */
static bool watch_credits(net_in *in)
{
    if (in->ch == NULL || in->failed) {
        return false;
    }
    const uint32_t left = in->announced - atomic_load_explicit(&in->ch->head, memory_order_relaxed);
    return tm_channel_notify_at(in->ch, in->announced + (left > 0 && !in->comes_full ? left : 1));
}

/* False: no room. */
static bool in_fill(net_in *in, wsl_frame_writer *w)
{
    if (in->peer == NULL) {
        return true;
    }
    const uint32_t attempt = in->key.attempt;
    while (watch_credits(in)) {
        const uint32_t credits = untold_credits(in);
        if (!wsl_frame_add_credit(w, in->number, attempt, credits)) {
            return false;
        }
        in->announced += credits;
    }
    if (in->fail_text != NULL) {
        if (!wsl_frame_add_fail(w, in->number, attempt, in->fail_text)) {
            return false;
        }
        free(in->fail_text);
        in->fail_text = NULL;
    }
    if (in->say_ended || in->say_aborted) {
        const wsl_frame_close why = in->say_ended ? WSL_FRAME_CLOSE_ENDED : WSL_FRAME_CLOSE_ABORTED;
        if (!wsl_frame_add_close(w, in->number, attempt, why)) {
            return false;
        }
        in->say_ended = in->say_aborted = false;
    }
    return true;
}

static void fill_frame(net_peer *peer, wsl_frame_writer *w)
{
    while (peer->replies != NULL) {
        net_reply *r = peer->replies;
        if (!wsl_frame_add_fail(w, r->number, r->attempt, r->text)) {
            return;
        }
        peer->replies = r->next;
        peer->n_replies--;
        free(r);
    }
    while (peer->ready != NULL) {
        net_in *in = peer->ready;
        if (!in->dead && !in_fill(in, w)) {
            return;
        }
        peer->ready = in->next_ready;
        if (peer->ready == NULL) {
            peer->ready_end = &peer->ready;
        }
        in->ready = false;
        if (in->dead) {
            free(in);
        }
    }
}

static void flush_peer(tm_net *net, net_peer *peer)
{
    while (net_send(net, peer->listener->endpoint, peer->id, &peer->unsent) &&
           (peer->ready != NULL || peer->replies != NULL)) {
        tm_frame_block *block = tm_frame_pool_take(net->frames, 0);
        if (block == NULL) {
            return;
        }
        wsl_frame_writer w;
        wsl_frame_writer_init(&w, block->data, block->capacity);
        fill_frame(peer, &w);
        if (wsl_frame_writer_is_empty(&w)) {
            tm_frame_block_drop(block);
        } else {
            peer->unsent = tm_frame_block_message(block, wsl_frame_finish(&w));
        }
    }
}

void net_listener_flush(net_listener *l)
{
    uint32_t at = 0;
    while (wsl_str_map_next(&l->peers, &at)) {
        net_peer *peer = wsl_str_map_value(&l->peers, at);
        if (peer->ready != NULL || peer->replies != NULL || peer->unsent.data != NULL) {
            flush_peer(l->net, peer);
        }
    }
}

/* ---- peers ---- */

static net_peer *peer_new(net_listener *l, const char *id)
{
    net_peer *peer = wsl_zalloc(sizeof *peer);
    peer->listener = l;
    peer->id = wsl_strdup(id);
    peer->tm = wsl_strndup(id, strcspn(id, "#"));
    peer->ready_end = &peer->ready;
    (void)wsl_str_map_put(&l->peers, id, peer);
    return peer;
}

static net_peer *peer_of(net_listener *l, const char *id)
{
    if (l->last == NULL || strcmp(l->last->id, id) != 0) {
        net_peer *peer = wsl_str_map_get(&l->peers, id);
        l->last = peer != NULL ? peer : peer_new(l, id);
    }
    return l->last;
}

static void peer_free(net_peer *peer)
{
    for (net_in *in = peer->ready, *next; in != NULL; in = next) {
        next = in->next_ready;
        in->ready = false;
        if (in->dead) {
            free(in);
        }
    }
    for (net_reply *r = peer->replies, *next; r != NULL; r = next) {
        next = r->next;
        free(r);
    }
    wsl_u64_map_fini(&peer->ins);
    wsl_message_release(&peer->unsent);
    free(peer->id);
    free(peer->tm);
    free(peer);
}

/* Fails or frees all channels of the peer. */
static void peer_lose_channels(net_peer *peer, const char *reason)
{
    wsl_u64_map ins = peer->ins;
    peer->ins = (wsl_u64_map){0};
    uint32_t at = 0;
    while (wsl_u64_map_next(&ins, &at)) {
        net_in *in = wsl_u64_map_value(&ins, at);
        if (in->ch == NULL) {
            in->peer = NULL;
            in_free(in);
        } else {
            in_fail(in, false, "%s", reason);
            in->peer = NULL;
        }
    }
    wsl_u64_map_fini(&ins);
}

static void peer_gone(net_peer *peer, const char *why)
{
    char reason[NET_REASON_MAX];
    (void)snprintf(reason, sizeof reason, "lost the connection from TaskManager %.140s: %.300s", peer->tm, why);
    net_listener *l = peer->listener;
    (void)wsl_str_map_remove(&l->peers, peer->id);
    if (l->last == peer) {
        l->last = NULL;
    }
    peer_lose_channels(peer, reason);
    peer_free(peer);
}

static void reply(net_peer *peer, const wsl_frame_section *s, const char *text)
{
    if (peer->n_replies >= NET_REPLIES_MAX) {
        return; /* it will hear enough */
    }
    net_reply *r = wsl_zalloc(sizeof *r);
    *r = (net_reply){.number = s->channel, .attempt = s->attempt, .text = text, .next = peer->replies};
    peer->replies = r;
    peer->n_replies++;
}

/* ---- what is heard ---- */

/* The identity in OPEN is the one that the connection's own begins with. */
static bool is_of_peer(const net_peer *peer, const wsl_frame_section *s)
{
    return strlen(peer->tm) == s->open.identity_size && memcmp(peer->tm, s->identity, s->open.identity_size) == 0;
}

static void on_open(net_peer *peer, const wsl_frame_section *s)
{
    tm_net *net = peer->listener->net;
    const tm_channel_key key = {
        .job = s->open.job, .attempt = s->attempt, .edge = s->open.edge, .from = s->open.from, .to = s->open.to};
    if (!is_of_peer(peer, s) || wsl_u64_map_get(&peer->ins, s->channel) != NULL) {
        reply(peer, s, "the channel was opened under another name, or its number is taken");
        return;
    }
    net_in *in = wsl_u64_map_get(&net->waiting, hash_of(&key));
    if (in != NULL && (in->peer != NULL || !same_key(&in->key, &key))) {
        reply(peer, s, "the channel was opened twice");
        return;
    }
    if (in == NULL) {
        if (net->n_pending >= TM_NET_PENDING_MAX) {
            reply(peer, s, "too many channels wait for their tasks already");
            return;
        }
        in = in_new(net, &key);
        in->waiting = true;
        net->n_pending++;
        (void)wsl_u64_map_put(&net->waiting, hash_of(&key), in);
        if (net->options.open_timeout_ms != 0) {
            /* The producer gives up first and says so. */
            in->deadline_ns = net_now(net) + (int64_t)net->options.open_timeout_ms * 2 * WSL_NS_PER_MS;
            net_set_deadline(net, in->deadline_ns);
        }
    }
    in->peer = peer;
    in->number = s->channel;
    (void)wsl_u64_map_put(&peer->ins, s->channel, in);
    if (in->ch != NULL) {
        begin(in);
    }
}

static wsl_buffer *take_buffer(net_in *in, uint32_t length)
{
    if (length > in->net->options.buffer_size) {
        return length <= TM_NET_LARGE_MAX ? wsl_buffer_new_large(length) : NULL;
    }
    return wsl_buffer_pool_take(in->pool);
}

/* May this buffer come now? If not, the channel fails. */
static bool is_good(net_in *in, const wsl_frame_section *s)
{
    const uint32_t expected = atomic_load_explicit(&in->ch->head, memory_order_relaxed);
    const char *tm = in->peer->tm;
    if (in->ended) {
        in_fail(in, true, "TaskManager %s sent data behind the end of input", tm);
    } else if (s->value != expected) {
        in_fail(in, true, "data is missing on the way from TaskManager %s: expected buffer %u, got %u", tm, expected,
                s->value);
    } else if (in->announced == expected) {
        in_fail(in, true, "TaskManager %s sent buffer %u without credit", tm, s->value);
    } else if (!wsl_frame_rows_ok(s->payload, s->length)) {
        in_fail(in, true, "buffer %u from TaskManager %s does not hold whole rows", s->value, tm);
    }
    return !in->failed;
}

static void on_data(net_in *in, const wsl_frame_section *s)
{
    if (in->stub || in->failed) {
        return;
    }
    if (in->ch == NULL) {
        in_fail(in, true, "data came before the channel was accepted");
        return;
    }
    if (!is_good(in, s)) {
        return;
    }
    wsl_buffer *b = take_buffer(in, s->length);
    if (b == NULL) {
        in_fail(in, true, "there is no room for a buffer of %u bytes from TaskManager %s", s->length, in->peer->tm);
        return;
    }
    memcpy(b->data, s->payload, s->length);
    b->used = s->length;
    b->backlog = s->extra;
    in->comes_full = b->used > b->capacity / 2;
    atomic_store_explicit(&in->ch->backlog, s->extra, memory_order_relaxed);
    if (net_ends_input(b->data, b->used)) {
        in->ended = true;
        in->say_ended = true;
    }
    tm_channel_put(in->ch, b);
    if (!in->touched) {
        in->touched = true;
        in->next_touched = in->net->touched;
        in->net->touched = in;
    }
    net_count(&in->net->buffers_in, 1);
    if (in->ended || watch_credits(in)) {
        make_ready(in);
    }
}

/* The producer has said all it will ever say under this number. */
static void on_producer_close(net_in *in)
{
    if (in->ch == NULL) {
        in_free(in);
        return;
    }
    (void)wsl_u64_map_remove(&in->peer->ins, in->number);
    in->peer = NULL; /* if it is in the ready list, it has nothing to say any more */
}

static void handle_section(net_peer *peer, const wsl_frame_section *s)
{
    if (s->kind == WSL_FRAME_OPEN) {
        on_open(peer, s);
        return;
    }
    net_in *in = wsl_u64_map_get(&peer->ins, s->channel);
    if (in == NULL) {
        if (s->kind == WSL_FRAME_DATA) {
            reply(peer, s, "data came on a channel that was never opened");
        }
        return;
    }
    if (s->attempt != in->key.attempt) {
        in_fail(in, true, "TaskManager %s sent data of attempt %u on a channel of attempt %u", peer->tm, s->attempt,
                in->key.attempt);
        return;
    }
    switch (s->kind) {
    case WSL_FRAME_DATA:
        on_data(in, s);
        break;
    case WSL_FRAME_CLOSE:
        on_producer_close(in);
        break;
    case WSL_FRAME_FAIL:
        in_fail(in, false, "TaskManager %s reports: %.*s", peer->tm, (int)s->length, (const char *)s->payload);
        break;
    default:
        in_fail(in, true, "TaskManager %s sent what only consumers send", peer->tm);
        break;
    }
}

/* Wakes each consumer once for a whole frame. */
static void announce_touched(tm_net *net)
{
    while (net->touched != NULL) {
        net_in *in = net->touched;
        net->touched = in->next_touched;
        in->touched = false;
        tm_channel_announce(in->ch);
    }
}

static void handle_frame(net_peer *peer, const wsl_message *m)
{
    tm_net *net = peer->listener->net;
    wsl_frame_reader r;
    wsl_frame_section s;
    wsl_error err;
    if (peer->banned) {
        return;
    }
    wsl_error_none(&err);
    net_count(&net->frames_in, 1);
    net_count(&net->bytes_in, m->size);
    wsl_status status = wsl_frame_reader_init(&r, m->data, m->size, &err);
    while (status == WSL_OK && (status = wsl_frame_next(&r, &s, &err)) == WSL_OK) {
        handle_section(peer, &s);
    }
    announce_touched(net); /* before anything can be closed */
    if (status != WSL_END) {
        char reason[NET_REASON_MAX];
        peer->banned = true;
        (void)snprintf(reason, sizeof reason, "cannot read what TaskManager %.140s sends: %.300s", peer->tm, err.text);
        peer_lose_channels(peer, reason);
    }
}

void net_listener_receive(net_listener *l)
{
    wsl_net_event event;
    for (int n = 0; n < NET_RECEIVE_MAX; n++) {
        if (wsl_endpoint_receive(l->endpoint, &event) != WSL_OK) {
            l->entry.ready = false;
            return;
        }
        net_peer *peer = peer_of(l, event.peer);
        if (event.kind == WSL_NET_GONE) {
            peer_gone(peer, event.reason);
        } else if (event.kind == WSL_NET_MESSAGE) {
            handle_frame(peer, &event.message);
            wsl_message_release(&event.message);
        }
    }
}

wsl_status net_listener_open(tm_net *net, const char *address, wsl_error *err)
{
    net_listener *l = &net->listeners[net->n_listeners];
    const wsl_endpoint_options options = {
        .heartbeat_ms = net->options.heartbeat_ms,
        .heartbeat_timeout_ms = net->options.heartbeat_timeout_ms,
        .high_water_mark = 2 * NET_FRAME_BLOCKS + NET_REPLIES_MAX,
        .insecure = net->options.insecure,
        .polled = net->options.polled,
        .waker = net->options.waker,
    };
    wsl_transport *t = net->seams.transport;
    WSL_TRY(t->ops->listen(t, address, &options, &l->endpoint, err));
    l->net = net;
    net->n_listeners++;
    tm_ready_set_add(&net->ready_set, &l->entry, l->endpoint, options.polled);
    return WSL_OK;
}

/* ---- time ---- */

void net_in_check_deadlines(tm_net *net, int64_t now_ns)
{
    net_in *next;
    for (net_in *in = net->ins; in != NULL; in = next) {
        next = in->next;
        if (in->deadline_ns > now_ns) {
            net_set_deadline(net, in->deadline_ns);
        } else {
            /* No task wants it. The number stays taken until the producer gives it back. */
            stop_waiting(in);
            in->deadline_ns = WSL_NEVER;
            in_fail(in, true,
                    "no task waits for this channel: it was never deployed, or belongs to an attempt that is over");
            in->stub = true;
        }
    }
}

void net_in_fini(tm_net *net)
{
    for (int i = 0; i < net->n_listeners; i++) {
        net_listener *l = &net->listeners[i];
        uint32_t at = 0;
        while (wsl_str_map_next(&l->peers, &at)) {
            net_peer *peer = wsl_str_map_value(&l->peers, at);
            wsl_u64_map ins = peer->ins;
            peer->ins = (wsl_u64_map){0};
            uint32_t k = 0;
            while (wsl_u64_map_next(&ins, &k)) {
                net_in *in = wsl_u64_map_value(&ins, k);
                in->peer = NULL;
                in_free(in);
            }
            wsl_u64_map_fini(&ins);
            peer_free(peer);
        }
        wsl_str_map_fini(&l->peers);
        tm_ready_set_remove(&net->ready_set, &l->entry);
        wsl_endpoint_close(l->endpoint);
    }
    while (net->ins != NULL) {
        in_free(net->ins);
    }
}
