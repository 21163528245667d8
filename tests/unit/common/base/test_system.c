/* What talks to the operating system besides files: sockets, signals, process numbers. */
#include "harness/wsl_test.h"

#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/proc.h"
#include "base/signal.h"
#include "base/sock.h"
#include "base/sock_mem.h"

/* ---- sockets ---- */

/* A listener on a free port of the loopback. */
static int listen_somewhere(uint16_t *out_port)
{
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    cr_assert_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    cr_assert_eq(listen(fd, 5), 0);
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    *out_port = ntohs(address.sin_port);
    return fd;
}

static void wait_readable(wsl_sock *sock)
{
    struct pollfd p = {.fd = sock->fd(sock), .events = POLLIN};
    cr_assert_eq(poll(&p, 1, 20000), 1, "nothing came");
}

/* Reads until something other than WSL_AGAIN is said. */
static wsl_status read_some(wsl_sock *sock, char *to, size_t size, size_t *out_got, wsl_error *err)
{
    for (;;) {
        const wsl_status status = sock->read(sock, to, size, out_got, err);
        if (status != WSL_AGAIN) {
            return status;
        }
        wait_readable(sock);
    }
}

Test(sock, reads_what_the_peer_sends_and_sees_it_close)
{
    uint16_t port;
    const int listener = listen_somewhere(&port);
    wsl_error err;
    WSL_AUTO(wsl_sock) sock = NULL;
    cr_assert_eq(wsl_dialer_posix()->connect(wsl_dialer_posix(), "127.0.0.1", port, &sock, &err), WSL_OK);
    const int peer = accept(listener, NULL, NULL);
    char to[16];
    size_t got = 0;
    cr_assert_eq(sock->read(sock, to, sizeof to, &got, &err), WSL_AGAIN, "nothing was sent yet");
    cr_assert_eq(write(peer, "hello", 5), 5);
    cr_assert_eq(read_some(sock, to, 3, &got, &err), WSL_OK);
    cr_assert(got == 3 && memcmp(to, "hel", 3) == 0);
    cr_assert_eq(read_some(sock, to, sizeof to, &got, &err), WSL_OK);
    cr_assert(got == 2 && memcmp(to, "lo", 2) == 0);
    cr_assert_eq(sock->read(sock, to, sizeof to, &got, &err), WSL_AGAIN);
    (void)close(peer);
    cr_assert_eq(read_some(sock, to, sizeof to, &got, &err), WSL_END);
    (void)close(listener);
}

Test(sock, a_port_where_nobody_listens_is_unreachable)
{
    uint16_t port;
    (void)close(listen_somewhere(&port));
    wsl_error err;
    WSL_AUTO(wsl_sock) sock = NULL;
    cr_assert_eq(wsl_dialer_posix()->connect(wsl_dialer_posix(), "127.0.0.1", port, &sock, &err), WSL_OK);
    char to[4], expected[64];
    size_t got;
    cr_assert_eq(read_some(sock, to, sizeof to, &got, &err), WSL_UNREACHABLE);
    (void)snprintf(expected, sizeof expected, "cannot connect to 127.0.0.1:%u: Connection refused", port);
    cr_assert_str_eq(err.text, expected);
    cr_assert_eq(sock->read(sock, to, sizeof to, &got, &err), WSL_UNREACHABLE, "and stays so");
}

Test(sock, all_addresses_of_a_name_are_tried)
{
    uint16_t port;
    const int listener = listen_somewhere(&port); /* on 127.0.0.1; localhost may be ::1 first */
    wsl_error err;
    WSL_AUTO(wsl_sock) sock = NULL;
    cr_assert_eq(wsl_dialer_posix()->connect(wsl_dialer_posix(), "localhost", port, &sock, &err), WSL_OK);
    char to[4];
    size_t got;
    const int fd = sock->fd(sock);
    struct pollfd p[2] = {{.fd = listener, .events = POLLIN}, {.fd = fd, .events = POLLIN}};
    int peer = -1;
    while (peer < 0) {
        cr_assert_eq(sock->read(sock, to, sizeof to, &got, &err), WSL_AGAIN, "%s", err.text);
        cr_assert_gt(poll(p, 2, 20000), 0);
        peer = (p[0].revents & POLLIN) != 0 ? accept(listener, NULL, NULL) : -1;
    }
    cr_assert_eq(write(peer, "x", 1), 1);
    cr_assert_eq(read_some(sock, to, sizeof to, &got, &err), WSL_OK);
    cr_assert_eq(sock->fd(sock), fd, "one descriptor for the whole life");
    (void)close(peer);
    (void)close(listener);
}

Test(sock, an_unknown_host_is_not_found)
{
    wsl_error err;
    wsl_sock *sock = NULL;
    cr_assert_eq(wsl_dialer_posix()->connect(wsl_dialer_posix(), "no such host!", 1, &sock, &err), WSL_NOT_FOUND);
    cr_assert_null(sock);
    cr_assert(has_text(err.text, "no such host!"));
}

Test(sock, a_reset_is_an_error_and_not_an_end)
{
    uint16_t port;
    const int listener = listen_somewhere(&port);
    wsl_error err;
    WSL_AUTO(wsl_sock) sock = NULL;
    cr_assert_eq(wsl_dialer_posix()->connect(wsl_dialer_posix(), "127.0.0.1", port, &sock, &err), WSL_OK);
    const int peer = accept(listener, NULL, NULL);
    const struct linger reset = {.l_onoff = 1, .l_linger = 0};
    cr_assert_eq(setsockopt(peer, SOL_SOCKET, SO_LINGER, &reset, sizeof reset), 0);
    char to[4];
    size_t got;
    cr_assert_eq(sock->read(sock, to, sizeof to, &got, &err), WSL_AGAIN);
    (void)close(peer);
    cr_assert_eq(read_some(sock, to, sizeof to, &got, &err), WSL_IO);
    cr_assert(has_text(err.text, "lost the connection"));
    (void)close(listener);
}

Test(sock_mem, plays_the_script)
{
    wsl_mem_dialer d;
    wsl_mem_dialer_init(&d);
    d.steps_to_connect = 1;
    d.max_read = 4;
    wsl_error err;
    wsl_sock *sock = NULL;
    cr_assert_eq(d.dialer.connect(&d.dialer, "host", 99, &sock, &err), WSL_OK);
    cr_assert_eq(d.n_open, 1);
    cr_assert_eq(sock->fd(sock), -1);
    char to[16];
    size_t got = 0;
    wsl_mem_dialer_send(&d, "abcdef", 6);
    cr_assert_eq(sock->read(sock, to, sizeof to, &got, &err), WSL_AGAIN);
    cr_assert_eq(sock->read(sock, to, sizeof to, &got, &err), WSL_OK);
    cr_assert(got == 4 && memcmp(to, "abcd", 4) == 0);
    cr_assert_eq(sock->read(sock, to, sizeof to, &got, &err), WSL_OK);
    cr_assert_eq(got, 2);
    cr_assert_eq(sock->read(sock, to, sizeof to, &got, &err), WSL_AGAIN);
    wsl_mem_dialer_hang_up(&d);
    cr_assert_eq(sock->read(sock, to, sizeof to, &got, &err), WSL_END);
    d.broken = true;
    cr_assert_eq(sock->read(sock, to, sizeof to, &got, &err), WSL_IO);
    d.refuse = true;
    cr_assert_eq(sock->read(sock, to, sizeof to, &got, &err), WSL_UNREACHABLE);
    sock->close(sock);
    cr_assert_eq(d.dialer.connect(&d.dialer, "", 99, &sock, &err), WSL_NOT_FOUND);
    wsl_mem_dialer_fini(&d);
}

/* ---- signals ---- */

Test(signal, sigint_and_sigterm_can_be_read)
{
    WSL_AUTO(wsl_signals) signals = wsl_signals_new();
    cr_assert_eq(wsl_signals_take(signals), 0);
    cr_assert_eq(wsl_signals_wait(signals, 0), 0);
    (void)kill(getpid(), SIGTERM);
    cr_assert_eq(wsl_signals_wait(signals, 20000), SIGTERM);
    (void)kill(getpid(), SIGINT);
    struct pollfd p = {.fd = wsl_signals_fd(signals), .events = POLLIN};
    cr_assert_eq(poll(&p, 1, 20000), 1);
    cr_assert_eq(wsl_signals_take(signals), SIGINT);
    cr_assert_eq(wsl_signals_take(signals), 0);
}

/* ---- process numbers ---- */

Test(proc, tells_what_the_process_uses)
{
    wsl_proc *const proc = wsl_proc_real();
    wsl_proc_stats before, after;
    proc->stats(proc, &before);
    cr_assert_gt(before.rss_bytes, 100 << 10);
    cr_assert_geq(before.peak_rss_bytes, before.rss_bytes);
    cr_assert_geq(before.threads, 1);
    cr_assert_gt(before.cpu_ns, 0);
    cr_assert_geq(before.max_files, before.open_files);
    int fds[2];
    cr_assert_eq(pipe(fds), 0);
    volatile uint64_t work = 0;
    for (int i = 0; i < 3000000; i++) {
        work = work + (uint64_t)i;
    }
    proc->stats(proc, &after);
    cr_assert_eq(after.open_files, before.open_files + 2);
    cr_assert_gt(after.cpu_ns, before.cpu_ns);
    (void)close(fds[0]);
    (void)close(fds[1]);
}

Test(proc, tells_what_the_machine_has)
{
    wsl_proc *const proc = wsl_proc_real();
    wsl_machine a, b;
    proc->machine(proc, &a);
    proc->machine(proc, &b);
    cr_assert_gt(a.memory_bytes, UINT64_C(64) << 20);
    cr_assert_geq(a.cores, 1);
    cr_assert_gt(strlen(a.host_name), 0);
    cr_assert_eq(strlen(a.host_id), 32);
    cr_assert_str_eq(a.host_id, b.host_id);
}

Test(proc, finds_the_programs_own_file)
{
    char path[4096], small[4];
    cr_assert(wsl_proc_program_path(path, sizeof path));
    cr_assert(path[0] == '/' && has_text(path, "system"), "%s", path);
    cr_assert_not(wsl_proc_program_path(small, sizeof small));
}
