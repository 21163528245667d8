/* The REST client against a server of one canned answer per request. */
#include "harness/wsl_test.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/strbuf.h"
#include "cli/job_watch.h"
#include "cli/rest_client.h"

typedef struct server {
    int fd;
    uint16_t port;
    pthread_t thread;
    const char *const *answers; /* one connection, so many requests */
    int n_answers;
    wsl_strbuf seen;
} server;

static bool request_is_whole(const wsl_strbuf *in, size_t from)
{
    const char *end = strstr(in->data + from, "\r\n\r\n");
    const char *length = strcasestr(in->data + from, "content-length:");

    if (end == NULL) {
        return false;
    }
    const size_t body = length != NULL && length < end ? strtoul(length + 15, NULL, 10) : 0;
    return in->size >= (size_t)(end - in->data) + 4 + body;
}

static void *serve(void *arg)
{
    server *s = arg;
    const int fd = accept(s->fd, NULL, NULL);

    for (int i = 0; i < s->n_answers; i++) {
        const size_t from = s->seen.size;
        char block[4096];
        ssize_t got = 1;
        while (!request_is_whole(&s->seen, from) && got > 0) {
            got = read(fd, block, sizeof block);
            wsl_strbuf_add(&s->seen, block, got > 0 ? (size_t)got : 0);
        }
        const char *answer = s->answers[i];
        cr_assert_eq(write(fd, answer, strlen(answer)), (ssize_t)strlen(answer));
    }
    (void)close(fd);
    return NULL;
}

static void server_start(server *s, const char *const *answers, int n)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof at;

    *s = (server){.fd = socket(AF_INET, SOCK_STREAM, 0), .answers = answers, .n_answers = n};
    wsl_strbuf_init(&s->seen);
    cr_assert_eq(bind(s->fd, (struct sockaddr *)&at, sizeof at), 0);
    cr_assert_eq(listen(s->fd, 1), 0);
    cr_assert_eq(getsockname(s->fd, (struct sockaddr *)&at, &size), 0);
    s->port = ntohs(at.sin_port);
    cr_assert_eq(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void server_end(server *s)
{
    (void)pthread_join(s->thread, NULL);
    (void)close(s->fd);
}

static cli_rest *client(uint16_t port)
{
    char address[40];
    cli_rest *rest = NULL;
    wsl_error err = {0};

    (void)snprintf(address, sizeof address, "http://127.0.0.1:%u/", port);
    cr_assert_eq(cli_rest_new(address, 1000, 2000, &rest, &err), WSL_OK, "%s", err.text);
    return rest;
}

#define OK_JSON "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"

Test(rest_client, keeps_its_connection_and_sends_bodies_at_once)
{
    static const char *const answers[] = {OK_JSON "Content-Length: 8\r\n\r\n{\"a\": 1}",
                                          OK_JSON "Content-Length: 2\r\n\r\n[]"};
    server s;
    json_t *answer = NULL;
    wsl_error err = {0};
    const cli_body body = {"application/x-protobuf", "\0\1\2", 3};

    server_start(&s, answers, 2);
    cli_rest *rest = client(s.port);
    cr_assert_eq(cli_rest_call(rest, "GET", "/overview", NULL, &answer, &err), WSL_OK, "%s", err.text);
    cr_assert_eq(json_integer_value(json_object_get(answer, "a")), 1);
    json_decref(answer);
    cr_assert_eq(cli_rest_call(rest, "POST", "/wiesel/v1/jobs", &body, &answer, &err), WSL_OK, "%s", err.text);
    json_decref(answer);
    cli_rest_free(rest);
    server_end(&s);
    cr_assert(has_text(s.seen.data, "GET /overview HTTP/1.1\r\n"));
    cr_assert(has_text(s.seen.data, "POST /wiesel/v1/jobs HTTP/1.1\r\n"));
    cr_assert(has_text(s.seen.data, "Content-Type: application/x-protobuf\r\n"));
    cr_assert_not(has_text(s.seen.data, "Expect:"));
    cr_assert_arr_eq(s.seen.data + s.seen.size - 3, "\0\1\2", 3);
    wsl_strbuf_fini(&s.seen);
}

static void fails(const char *reply, wsl_status expected, const char *says)
{
    const char *const answers[] = {reply};
    server s;
    json_t *answer = NULL;
    wsl_error err = {0};

    server_start(&s, answers, 1);
    cli_rest *rest = client(s.port);
    cr_assert_eq(cli_rest_call(rest, "GET", "/jobs/1", NULL, &answer, &err), expected, "%s: %s", says, err.text);
    cr_assert(has_text(err.text, says), "'%s' does not say '%s'", err.text, says);
    cli_rest_free(rest);
    server_end(&s);
    wsl_strbuf_fini(&s.seen);
}

Test(rest_client, passes_on_what_the_jobmanager_says_is_wrong)
{
    fails("HTTP/1.1 404 Not Found\r\nContent-Length: 27\r\n\r\n{\"errors\": [\"no such job\"]}", WSL_NOT_FOUND,
          "no such job");
    fails("HTTP/1.1 400 Bad Request\r\nContent-Length: 19\r\n\r\n{\"errors\": [\"bad\"]}", WSL_INVALID, "bad");
    fails("HTTP/1.1 409 Conflict\r\nContent-Length: 20\r\n\r\n{\"errors\": [\"over\"]}", WSL_STATE, "over");
    fails("HTTP/1.1 500 Oops\r\nContent-Length: 2\r\n\r\n{}", WSL_INTERNAL, "with status 500 and no reason");
}

Test(rest_client, says_when_something_else_answers)
{
    fails("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>", WSL_UNREACHABLE, "is no JobManager");
    fails("SSH-2.0-OpenSSH_9.2\r\n", WSL_UNREACHABLE, "no JobManager");
}

Test(rest_client, says_when_nobody_answers)
{
    server s;
    json_t *answer = NULL;
    wsl_error err = {0};
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof at;

    /* bound but not listening: nobody else gets the port, and connections are refused */
    s.fd = socket(AF_INET, SOCK_STREAM, 0);
    cr_assert_eq(bind(s.fd, (struct sockaddr *)&at, sizeof at), 0);
    cr_assert_eq(getsockname(s.fd, (struct sockaddr *)&at, &size), 0);
    cli_rest *rest = client(ntohs(at.sin_port));
    cr_assert_eq(cli_rest_call(rest, "GET", "/overview", NULL, &answer, &err), WSL_UNREACHABLE);
    cr_assert(has_text(err.text, "(connection refused): start one with deploy/start-cluster.sh or name it with -m"),
              "%s", err.text);
    cli_rest_free(rest);
    (void)close(s.fd);
}

Test(rest_client, refuses_addresses_that_are_none)
{
    static const char *const wrong[] = {"",
                                        "localhost",
                                        ":8081",
                                        "localhost:",
                                        "localhost:0",
                                        "localhost:99999",
                                        "https://localhost:8081",
                                        "localhost:80x"};

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        cli_rest *rest = NULL;
        wsl_error err = {0};
        cr_assert_eq(cli_rest_new(wrong[i], 1, 1, &rest, &err), WSL_INVALID, "%s", wrong[i]);
    }
}

Test(rest_client, pauses_between_looks_grow_to_a_maximum)
{
    uint32_t pause = CLI_POLL_FIRST_MS;
    uint32_t total = 0;

    for (int i = 0; i < 20; i++) {
        total += pause;
        const uint32_t next = cli_next_pause_ms(pause);
        cr_assert(next > pause || next == CLI_POLL_MAX_MS);
        pause = next;
    }
    cr_assert_eq(pause, CLI_POLL_MAX_MS);
    cr_assert_lt(total, 1500);
}
