#include "jobmanager/rest/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cluster_options.h"
#include "unit/jobmanager/jm_kit.h"

/* A real socket to a real server, both on this thread: the server is stepped until the client has its answer. */
typedef struct scene {
    kit k;
    wsl_config *config;
    jm_rest rest;
    jm_server *server;
} scene;

static void fake_stats(wsl_proc *proc, wsl_proc_stats *out)
{
    (void)proc;
    *out = (wsl_proc_stats){0};
}

static wsl_proc fake_proc = {.stats = fake_stats};

static void setup(scene *s)
{
    wsl_error err = {0};
    kit_init(&s->k);
    s->config = wsl_cluster_config_new();
    s->rest = (jm_rest){.jm = s->k.jm, .config = s->config, .proc = &fake_proc};
    cr_assert_eq(jm_server_new(&s->rest, "127.0.0.1", 0, &s->server, &err), WSL_OK, "%s", err.text);
}

static void teardown(scene *s)
{
    jm_server_free(s->server);
    kit_fini(&s->k);
    wsl_config_free(s->config);
}

static int dial(const scene *s)
{
    const struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_port = htons(jm_server_port(s->server)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    cr_assert_eq(connect(fd, (const struct sockaddr *)&at, sizeof at), 0);
    return fd;
}

/* Sends, steps the server, and gives what came back once a whole head and `body_words` are in it. */
static char *exchange(scene *s, int fd, const char *request, size_t size, const char *words)
{
    wsl_strbuf answer;
    wsl_strbuf_init(&answer);
    size_t sent = 0;
    for (int turn = 0; turn < 100000; turn++) {
        char piece[4096];
        if (sent < size) {
            const ssize_t n = send(fd, request + sent, size - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
            sent += n > 0 ? (size_t)n : 0;
        }
        (void)jm_server_step(s->server, 0);
        const ssize_t n = recv(fd, piece, sizeof piece, MSG_DONTWAIT);
        if (n > 0) {
            wsl_strbuf_add(&answer, piece, (size_t)n);
        }
        if (strstr(answer.data, "\r\n\r\n") != NULL && strstr(answer.data, words) != NULL) {
            return wsl_strbuf_take(&answer);
        }
    }
    cr_assert(false, "no '%s' in '%s'", words, answer.data);
    return NULL;
}

static void expect(scene *s, int fd, const char *request, const char *status, const char *words)
{
    char *answer = exchange(s, fd, request, strlen(request), words);
    cr_assert(strncmp(answer, "HTTP/1.1 ", 9) == 0 && strncmp(answer + 9, status, 3) == 0, "%s", answer);
    free(answer);
}

Test(server, answers_carry_type_origin_and_length_and_the_connection_stays)
{
    scene s;
    setup(&s);
    const int fd = dial(&s);
    const char *request = "GET /overview HTTP/1.1\r\nHost: x\r\n\r\n";
    for (int i = 0; i < 2; i++) {
        char *answer = exchange(&s, fd, request, strlen(request), "\"slots-total\":0");
        cr_assert(has_text(answer, "HTTP/1.1 200"), "%s", answer);
        cr_assert(has_text(answer, "Content-Type: application/json; charset=UTF-8"), "%s", answer);
        cr_assert(has_text(answer, "Access-Control-Allow-Origin: *"), "%s", answer);
        cr_assert(has_text(answer, "Content-Length: "), "%s", answer);
        free(answer);
    }
    (void)close(fd);
    teardown(&s);
}

Test(server, queries_are_decoded_and_other_methods_are_not_found)
{
    scene s;
    setup(&s);
    const int fd = dial(&s);
    expect(&s, fd, "GET /jobmanager/metrics?get=task%53lotsTotal HTTP/1.1\r\nHost: x\r\n\r\n", "200", "taskSlotsTotal");
    expect(&s, fd, "OPTIONS /overview HTTP/1.1\r\nHost: x\r\n\r\n", "404", "Not found: /overview");
    expect(&s, fd, "HEAD /overview HTTP/1.1\r\nHost: x\r\n\r\n", "404", "Content-Length");
    (void)close(fd);
    teardown(&s);
}

Test(server, a_body_may_come_in_chunks_without_a_length)
{
    scene s;
    setup(&s);
    const int fd = dial(&s);
    expect(&s, fd,
           "POST /wiesel/v1/artifacts HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: "
           "chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n",
           "200", "\"hash\"");
    (void)close(fd);
    teardown(&s);
}

Test(server, a_body_that_is_announced_too_large_is_refused_before_it_comes)
{
    scene s;
    setup(&s);
    const int fd = dial(&s);
    expect(&s, fd, "POST /wiesel/v1/artifacts HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n", "413",
           "larger than");
    (void)close(fd);
    teardown(&s);
}

Test(server, bytes_that_are_no_http_end_the_connection_and_nothing_else)
{
    scene s;
    setup(&s);
    int fd = dial(&s);
    cr_assert_eq(send(fd, "NONSENSE\r\n\r\n", 12, MSG_NOSIGNAL), 12);
    ssize_t n = -1;
    for (int turn = 0; turn < 100000 && n < 0; turn++) {
        char piece[256];
        (void)jm_server_step(s.server, 0);
        n = recv(fd, piece, sizeof piece, MSG_DONTWAIT);
    }
    cr_assert_geq(n, 0, "it is closed, with or without an answer");
    (void)close(fd);
    fd = dial(&s);
    expect(&s, fd, "GET /overview HTTP/1.1\r\nHost: x\r\n\r\n", "200", "slots-total");
    (void)close(fd);
    teardown(&s);
}

Test(server, a_busy_port_is_one_sentence_with_the_key_to_change)
{
    scene s;
    jm_server *second = NULL;
    wsl_error err = {0};
    setup(&s);
    cr_assert_eq(jm_server_new(&s.rest, "127.0.0.1", jm_server_port(s.server), &second, &err), WSL_EXISTS);
    cr_assert_null(second);
    cr_assert(has_text(err.text, "in use") && has_text(err.text, "rest.port"), "%s", err.text);
    cr_assert_eq(jm_server_new(&s.rest, "example.org", 0, &second, &err), WSL_INVALID);
    cr_assert(has_text(err.text, "rest.bind-address"), "%s", err.text);
    teardown(&s);
}

Test(server, it_asks_to_be_called_only_while_there_are_connections)
{
    scene s;
    setup(&s);
    cr_assert_eq(jm_server_step(s.server, 0), WSL_NEVER);
    const int fd = dial(&s);
    expect(&s, fd, "GET /overview HTTP/1.1\r\nHost: x\r\n\r\n", "200", "slots-total");
    cr_assert_gt(jm_server_step(s.server, 0), 10 * WSL_NS_PER_S, "an idle connection is no reason to hurry");
    (void)close(fd);
    teardown(&s);
}

/* ---- answers that wait for the store ---- */

static void setup_kept(scene *s)
{
    wsl_error err = {0};
    jm_options o = kit_options();
    o.store_dir = "/data/jobmanager";
    kit_init_with(&s->k, &o);
    s->config = wsl_cluster_config_new();
    s->rest = (jm_rest){.jm = s->k.jm, .config = s->config, .proc = &fake_proc};
    cr_assert_eq(jm_server_new(&s->rest, "127.0.0.1", 0, &s->server, &err), WSL_OK, "%s", err.text);
}

/* Asks for the job's cancel; the JobManager does not step, so its store does not know of it. */
static int ask_cancel(scene *s, const wsl_id *job)
{
    char id[WSL_ID_TEXT_SIZE], request[200], piece[16];
    const int fd = dial(s);
    const int size = snprintf(request, sizeof request, "PATCH /jobs/%s?mode=cancel HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
                              wsl_id_text(job, id));
    cr_assert_eq(send(fd, request, (size_t)size, MSG_NOSIGNAL), size);
    for (int turn = 0; turn < 2000; turn++) {
        (void)jm_server_step(s->server, 0);
        cr_assert_eq(recv(fd, piece, sizeof piece, MSG_DONTWAIT), -1, "it was answered too early");
    }
    return fd;
}

Test(server, a_cancel_is_answered_when_the_store_knows_of_it)
{
    scene s;
    setup_kept(&s);
    const wsl_id job = kit_submit_counting(&s.k, 1);
    const int fd = ask_cancel(&s, &job);
    kit_step(&s.k);
    char *answer = exchange(&s, fd, "", 0, "{}");
    cr_assert_eq(strncmp(answer, "HTTP/1.1 202", 12), 0, "%s", answer);
    free(answer);
    (void)close(fd);
    teardown(&s);
}

Test(server, a_store_that_fails_does_not_keep_clients_waiting)
{
    scene s;
    setup_kept(&s);
    const wsl_id job = kit_submit_counting(&s.k, 1);
    wsl_mem_fs_fail_at(s.k.files, 1, WSL_NO_SPACE, true);
    const int fd = ask_cancel(&s, &job);
    kit_step(&s.k);
    char *answer = exchange(&s, fd, "", 0, "{}");
    cr_assert_eq(strncmp(answer, "HTTP/1.1 202", 12), 0, "%s", answer);
    free(answer);
    (void)close(fd);
    teardown(&s);
}

Test(server, ends_while_answers_wait_and_clients_have_gone)
{
    scene s;
    setup_kept(&s);
    const wsl_id job = kit_submit_counting(&s.k, 1);
    const int gone = ask_cancel(&s, &job), waits = ask_cancel(&s, &job);
    (void)close(gone);
    (void)jm_server_step(s.server, 0);
    jm_server_free(s.server);
    s.server = NULL;
    (void)close(waits);
    teardown(&s);
}
