/*
 * zmq_connection - the connecting side (DEALER).
 *
 *     WAITING --timer--> CONNECTING --handshake--> LIVE --disconnected--> GONE
 *        ^                   |
 *        +-- failed, or too long
 *
 * Each attempt has a socket of its own, so nothing of a failed one is left: no message queued for it, no reconnect
 * under way. IMMEDIATE = 1: messages go to a connection that exists, or nowhere.
 */
#include <errno.h>
#include <string.h>
#include <sys/timerfd.h>

#include "base/assert.h"
#include "net/zmq_internal.h"

static void set_timer(wsl_zmq_endpoint *e, uint32_t ms)
{
    const struct itimerspec when = {.it_value = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000}};
    WSL_ASSERT(timerfd_settime(e->timer_fd, 0, &when, NULL) == 0);
}

static void wait_for_next_attempt(wsl_zmq_endpoint *e)
{
    wsl_zmq_endpoint_close_socket(e);
    e->state = WSL_ZMQ_CONNECTION_WAITING;
    set_timer(e, e->retry_ms);
    e->retry_ms = e->retry_ms * 2 < WSL_ZMQ_RETRY_MS_MAX ? e->retry_ms * 2 : WSL_ZMQ_RETRY_MS_MAX;
}

static wsl_status attempt(wsl_zmq_endpoint *e, wsl_error *err)
{
    WSL_TRY(wsl_zmq_endpoint_open_socket(e, ZMQ_DEALER, err));
    wsl_zmq_endpoint_set(e, ZMQ_IMMEDIATE, 1);
    WSL_ASSERT(zmq_setsockopt(e->socket, ZMQ_ROUTING_ID, e->identity, strlen(e->identity)) == 0);
    e->state = WSL_ZMQ_CONNECTION_CONNECTING;
    set_timer(e, WSL_ZMQ_ATTEMPT_MS);
    if (zmq_connect(e->socket, e->address) != 0) {
        const int error = errno;
        wsl_zmq_endpoint_close_socket(e);
        return wsl_fail(err, WSL_INVALID, "cannot connect to %s: %s", e->address, zmq_strerror(error));
    }
    return WSL_OK;
}

wsl_status wsl_zmq_connection_start(wsl_zmq_endpoint *e, wsl_error *err)
{
    e->retry_ms = WSL_ZMQ_RETRY_MS_MIN;
    return attempt(e, err);
}

static void connection_on_timer(wsl_zmq_endpoint *e)
{
    if (e->state == WSL_ZMQ_CONNECTION_CONNECTING) {
        wait_for_next_attempt(e);
    } else if (e->state == WSL_ZMQ_CONNECTION_WAITING && attempt(e, NULL) != WSL_OK) {
        wait_for_next_attempt(e); /* out of descriptors; there may be some later */
    }
}

static void connection_on_monitor(wsl_zmq_endpoint *e, uint16_t event, int value)
{
    (void)value;
    if (e->state == WSL_ZMQ_CONNECTION_CONNECTING && event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED) {
        e->state = WSL_ZMQ_CONNECTION_LIVE;
        e->announce = true;
        e->readable = true;
        set_timer(e, 0); /* disarmed */
    } else if (e->state == WSL_ZMQ_CONNECTION_CONNECTING) {
        wait_for_next_attempt(e);
    } else if (e->state == WSL_ZMQ_CONNECTION_LIVE && event == ZMQ_EVENT_DISCONNECTED) {
        e->lost = true;
        e->readable = true; /* what came before is delivered before */
    }
}

static wsl_status take_message(wsl_zmq_endpoint *e, wsl_net_event *out_event)
{
    zmq_msg_t msg;
    for (;;) {
        (void)zmq_msg_init(&msg);
        if (zmq_msg_recv(&msg, e->socket, ZMQ_DONTWAIT) < 0) {
            (void)zmq_msg_close(&msg);
            wsl_zmq_endpoint_drained(e);
            return WSL_AGAIN;
        }
        if (!zmq_msg_more(&msg)) {
            break;
        }
        while (zmq_msg_more(&msg)) { /* not one of ours: our messages have one part */
            (void)zmq_msg_recv(&msg, e->socket, ZMQ_DONTWAIT);
        }
        (void)zmq_msg_close(&msg);
    }
    *out_event = (wsl_net_event){.kind = WSL_NET_MESSAGE, .peer = ""};
    wsl_zmq_held_set_take(e->held, &msg, &out_event->message);
    (void)zmq_msg_close(&msg);
    return WSL_OK;
}

static wsl_status connection_receive(wsl_zmq_endpoint *e, wsl_net_event *out_event)
{
    if (e->state == WSL_ZMQ_CONNECTION_GONE) {
        return WSL_AGAIN;
    }
    if (!e->readable || e->taken_since_look >= WSL_ZMQ_LOOK_EVERY) {
        wsl_zmq_endpoint_look(e);
    }
    if (e->state == WSL_ZMQ_CONNECTION_CONNECTING && e->readable) {
        wsl_zmq_endpoint_swallow(e);
    }
    if (e->announce) {
        e->announce = false;
        *out_event = (wsl_net_event){.kind = WSL_NET_CONNECTED, .peer = ""};
        return WSL_OK;
    }
    if (e->state == WSL_ZMQ_CONNECTION_LIVE && e->readable && take_message(e, out_event) == WSL_OK) {
        e->taken_since_look++;
        return WSL_OK;
    }
    if (e->lost) {
        e->state = WSL_ZMQ_CONNECTION_GONE;
        wsl_zmq_endpoint_close_socket(e);
        *out_event = (wsl_net_event){.kind = WSL_NET_GONE, .peer = "", .reason = "the connection was lost"};
        return WSL_OK;
    }
    return WSL_AGAIN;
}

static wsl_status connection_send(wsl_zmq_endpoint *e, const char *peer, wsl_message *message)
{
    (void)peer;
    if (e->state == WSL_ZMQ_CONNECTION_GONE || e->lost) {
        return WSL_UNREACHABLE;
    }
    if (e->state != WSL_ZMQ_CONNECTION_LIVE || e->announce) {
        return WSL_AGAIN;
    }
    wsl_zmq_outgoing out;
    wsl_zmq_outgoing_init(&out, message);
    if (zmq_msg_send(&out.msg, e->socket, ZMQ_DONTWAIT) < 0) {
        const wsl_status status = errno == EAGAIN || errno == EINTR ? WSL_AGAIN : WSL_UNREACHABLE;
        wsl_zmq_outgoing_failed(&out);
        return status;
    }
    wsl_zmq_outgoing_sent(&out, message);
    wsl_zmq_endpoint_recheck(e);
    return WSL_OK;
}

static void connection_fini(wsl_zmq_endpoint *e) { (void)e; }

const wsl_zmq_role wsl_zmq_connection_role = {
    .receive = connection_receive,
    .send = connection_send,
    .on_monitor = connection_on_monitor,
    .on_timer = connection_on_timer,
    .fini = connection_fini,
};
