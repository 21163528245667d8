/*
 * sock_mem - a scripted peer.
 */
#include "base/sock_mem.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"

typedef struct mem_sock {
    wsl_sock sock; /* first */
    wsl_mem_dialer *dialer;
    uint32_t steps_left;
} mem_sock;

static wsl_status mem_read(wsl_sock *sock, void *to, size_t size, size_t *out_got, wsl_error *err)
{
    mem_sock *const s = (mem_sock *)sock;
    wsl_mem_dialer *const d = s->dialer;
    if (s->steps_left > 0) {
        s->steps_left--;
        return WSL_AGAIN;
    }
    if (d->refuse) {
        return wsl_fail(err, WSL_UNREACHABLE, "cannot connect: refused");
    }
    size_t n = d->to_read.size - d->read_at;
    n = n > size ? size : n;
    n = d->max_read != 0 && n > d->max_read ? d->max_read : n;
    if (n != 0) {
        memcpy(to, d->to_read.data + d->read_at, n);
        d->read_at += n;
        *out_got = n;
        return WSL_OK;
    }
    if (size != 0 && d->broken) {
        return wsl_fail(err, WSL_IO, "lost the connection");
    }
    return size != 0 && d->hung_up ? WSL_END : WSL_AGAIN;
}

static int mem_fd(wsl_sock *sock)
{
    (void)sock;
    return -1;
}

static void mem_close(wsl_sock *sock)
{
    mem_sock *const s = (mem_sock *)sock;
    s->dialer->n_open--;
    free(s);
}

static wsl_status mem_connect(wsl_dialer *dialer, const char *host, uint16_t port, wsl_sock **out_sock, wsl_error *err)
{
    wsl_mem_dialer *const d = (wsl_mem_dialer *)dialer;
    if (host[0] == '\0' || port == 0) {
        return wsl_fail(err, WSL_NOT_FOUND, "cannot find the host '%s'", host);
    }
    mem_sock *const s = wsl_zalloc(sizeof *s);
    s->sock = (wsl_sock){.read = mem_read, .fd = mem_fd, .close = mem_close};
    s->dialer = d;
    s->steps_left = d->steps_to_connect;
    d->n_connects++;
    d->n_open++;
    *out_sock = &s->sock;
    return WSL_OK;
}

void wsl_mem_dialer_init(wsl_mem_dialer *d)
{
    *d = (wsl_mem_dialer){.dialer = {.connect = mem_connect}};
    wsl_strbuf_init(&d->to_read);
}

void wsl_mem_dialer_fini(wsl_mem_dialer *d)
{
    WSL_ASSERT(d->n_open == 0);
    wsl_strbuf_fini(&d->to_read);
}

void wsl_mem_dialer_send(wsl_mem_dialer *d, const void *data, size_t size) { wsl_strbuf_add(&d->to_read, data, size); }

void wsl_mem_dialer_hang_up(wsl_mem_dialer *d) { d->hung_up = true; }
