/*
 * transport_inproc - endpoints of one process: an exchange under a mutex. Events are delivered where they are posted;
 * the receiver's waker is called under the lock, so that the receiver cannot be closed meanwhile.
 *
 * Control messages and tests go here. Data inside a process never does: rings pass buffers.
 */
#include <pthread.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "net/exchange.h"
#include "net/transport.h"

struct wsl_inproc_hub {
    wsl_exchange exchange; /* first */
    pthread_mutex_t mutex;
};

static void hub_lock(wsl_exchange *x) { (void)pthread_mutex_lock(&((wsl_inproc_hub *)(void *)x)->mutex); }
static void hub_unlock(wsl_exchange *x) { (void)pthread_mutex_unlock(&((wsl_inproc_hub *)(void *)x)->mutex); }

static bool hub_reachable(wsl_exchange *x, const char *host_a, const char *host_b)
{
    (void)x;
    (void)host_a;
    (void)host_b;
    return true;
}

static const wsl_exchange_policy hub_policy = {
    .lock = hub_lock,
    .unlock = hub_unlock,
    .post = wsl_exchange_deliver,
    .reachable = hub_reachable,
};

wsl_inproc_hub *wsl_inproc_hub_new(void)
{
    wsl_inproc_hub *hub = wsl_zalloc(sizeof *hub);
    wsl_exchange_init(&hub->exchange, &hub_policy);
    (void)pthread_mutex_init(&hub->mutex, NULL);
    return hub;
}

void wsl_inproc_hub_free(wsl_inproc_hub *hub)
{
    if (hub == NULL) {
        return;
    }
    wsl_exchange_fini(&hub->exchange);
    (void)pthread_mutex_destroy(&hub->mutex);
    free(hub);
}

wsl_transport *wsl_transport_inproc_new(wsl_inproc_hub *hub) { return wsl_exchange_transport_new(&hub->exchange, ""); }
