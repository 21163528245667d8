/*
 * transport_sockets - whatever the address says: unix:// by local sockets, tcp:// and ipc:// by ZeroMQ.
 *
 * Endpoints are the other transports' own, so this one is in the way of opening only.
 */
#include <string.h>

#include "base/alloc.h"
#include "net/transport.h"

typedef struct sockets {
    wsl_transport base;
    wsl_transport *zmq, *local;
} sockets;

static wsl_transport *transport_for(wsl_transport *base, const char *address)
{
    sockets *t = (sockets *)(void *)base;
    return strncmp(address, "unix://", 7) == 0 ? t->local : t->zmq;
}

static wsl_status wsl_sockets_listen(wsl_transport *base, const char *address, const wsl_endpoint_options *options,
                                     wsl_endpoint **out_endpoint, wsl_error *err)
{
    wsl_transport *t = transport_for(base, address);
    return t->ops->listen(t, address, options, out_endpoint, err);
}

static wsl_status wsl_sockets_connect(wsl_transport *base, const char *address, const wsl_endpoint_options *options,
                                      wsl_endpoint **out_endpoint, wsl_error *err)
{
    wsl_transport *t = transport_for(base, address);
    return t->ops->connect(t, address, options, out_endpoint, err);
}

static void wsl_sockets_free(wsl_transport *base)
{
    sockets *t = (sockets *)(void *)base;
    wsl_transport_free(t->zmq);
    wsl_transport_free(t->local);
    free(t);
}

static const wsl_transport_ops wsl_sockets_ops = {
    .listen = wsl_sockets_listen,
    .connect = wsl_sockets_connect,
    .free = wsl_sockets_free,
};

wsl_status wsl_transport_sockets_new(wsl_transport **out_transport, wsl_error *err)
{
    wsl_transport *zmq;
    WSL_TRY(wsl_transport_zmq_new(&zmq, err));
    sockets *t = wsl_zalloc(sizeof *t);
    t->base.ops = &wsl_sockets_ops;
    t->zmq = zmq;
    t->local = wsl_transport_local_new();
    *out_transport = &t->base;
    return WSL_OK;
}
