#include "jobmanager/rest/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/number.h"
#include "jobmanager/jm_core.h"

enum {
    CONNECTIONS_MAX = 256,
    CONNECTIONS_PER_ADDRESS_MAX = 128,
    CONNECTION_MEMORY = 16 << 10, /* request line and headers */
    IDLE_TIMEOUT_S = 60,
    FILE_MAX_AGE_S = 300,
};

typedef struct exchange exchange;

struct jm_server {
    const jm_rest *rest;
    exchange *held; /* answers that wait for the store */
    struct MHD_Daemon *daemon;
    int fd;
    uint16_t port;
};

/* One request while its body arrives, and while its answer waits until the next JobManager would know of it, too. */
struct exchange {
    wsl_strbuf body;
    bool too_large;
    bool answered; /* response is there */
    jm_response response;
    struct MHD_Connection *connection;
    exchange *next; /* in held */
};

/* ---- answers ---- */

static void add_header(struct MHD_Response *r, const char *name, const char *value)
{
    const enum MHD_Result done = MHD_add_response_header(r, name, value);
    WSL_ASSERT(done == MHD_YES);
}

static void http_date(int64_t ms, char *out, size_t size)
{
    struct tm utc;
    const time_t s = (time_t)(ms / 1000);
    (void)gmtime_r(&s, &utc);
    (void)strftime(out, size, "%a, %d %b %Y %H:%M:%S GMT", &utc);
}

static void add_file_headers(const jm_server *server, const jm_response *response, struct MHD_Response *r)
{
    char text[64];
    (void)snprintf(text, sizeof text, "private, max-age=%d", FILE_MAX_AGE_S);
    add_header(r, "Cache-Control", text);
    http_date(response->modified_ms, text, sizeof text);
    add_header(r, "Last-Modified", text);
    http_date(wsl_wall_ms(server->rest->jm->seams.clock) + (int64_t)FILE_MAX_AGE_S * 1000, text, sizeof text);
    add_header(r, "Expires", text);
}

static enum MHD_Result reply(const jm_server *server, struct MHD_Connection *connection, jm_response *response)
{
    const size_t size = response->body.size;
    const int status = response->status;
    struct MHD_Response *r =
        MHD_create_response_from_buffer(size, wsl_strbuf_take(&response->body), MHD_RESPMEM_MUST_FREE);
    WSL_ASSERT(r != NULL);
    add_header(r, "Content-Type", response->content_type);
    add_header(r, "Access-Control-Allow-Origin", "*");
    if (response->modified_ms != 0) {
        add_file_headers(server, response, r);
    }
    if (response->has_rows) {
        char next[WSL_NUMBER_TEXT_MAX + 1];
        next[wsl_print_uint64(response->next, next)] = '\0';
        add_header(r, "Wiesel-Next", next);
        add_header(r, "Wiesel-End", response->end ? "true" : "false");
    }
    const enum MHD_Result result = MHD_queue_response(connection, (unsigned)status, r);
    MHD_destroy_response(r);
    return result;
}

static enum MHD_Result reply_error(const jm_server *server, struct MHD_Connection *connection, int status,
                                   const char *text)
{
    jm_response response;
    jm_response_init(&response);
    jm_rest_error(&response, status, "%s", text);
    const enum MHD_Result result = reply(server, connection, &response);
    jm_response_fini(&response);
    return result;
}

static enum MHD_Result reply_too_large(const jm_server *server, struct MHD_Connection *connection)
{
    char text[80];
    (void)snprintf(text, sizeof text, "The request's body is larger than %d bytes.", JM_REST_BODY_MAX);
    return reply_error(server, connection, 413, text);
}

/* ---- requests ---- */

static const char *query(void *arg, const char *name)
{
    return MHD_lookup_connection_value(arg, MHD_GET_ARGUMENT_KIND, name);
}

static const char *header(struct MHD_Connection *connection, const char *name)
{
    const char *value = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
    return value == NULL ? "" : value;
}

/* Whoever has waited, and is asked for once more by libmicrohttpd. */
static enum MHD_Result reply_held(const jm_server *server, struct MHD_Connection *connection, exchange *x)
{
    const enum MHD_Result result = reply(server, connection, &x->response);
    jm_response_fini(&x->response);
    x->answered = false;
    return result;
}

static void let_go(jm_server *server, const exchange *x)
{
    exchange **at = &server->held;
    while (*at != NULL && *at != x) {
        at = &(*at)->next;
    }
    if (*at != NULL) {
        *at = x->next;
    }
}

static void resume_kept(jm_server *server, bool all)
{
    for (exchange *x = server->held, *next; x != NULL; x = next) {
        next = x->next;
        if (all || jm_is_kept(server->rest->jm, &x->response.holds_for)) {
            let_go(server, x);
            MHD_resume_connection(x->connection);
        }
    }
}

static enum MHD_Result answer(jm_server *server, struct MHD_Connection *connection, const char *url, const char *method,
                              exchange *x)
{
    jm_request request = {
        .method = method,
        .path = url,
        .query = query,
        .query_arg = connection,
        .content_type = header(connection, "Content-Type"),
        .accept = header(connection, "Accept"),
        .body = x->body.data,
        .body_size = x->body.size,
    };
    jm_response response;
    jm_response_init(&response);
    jm_rest_handle(server->rest, &request, &response);
    if (response.holds && !jm_is_kept(server->rest->jm, &response.holds_for)) {
        x->response = response;
        x->answered = true;
        x->connection = connection;
        x->next = server->held;
        server->held = x;
        MHD_suspend_connection(connection);
        return MHD_YES;
    }
    const enum MHD_Result result = reply(server, connection, &response);
    jm_response_fini(&response);
    return result;
}

static bool announces_too_much(struct MHD_Connection *connection)
{
    const char *text = header(connection, "Content-Length");
    int64_t size = 0;
    return text[0] != '\0' && (!wsl_parse_whole_int64(text, strlen(text), &size) || size > JM_REST_BODY_MAX);
}

/* Called first with the headers, then with each piece of the body, then once more with none left. */
static enum MHD_Result on_request(void *arg, struct MHD_Connection *connection, const char *url, const char *method,
                                  const char *version, const char *data, size_t *data_size, void **state)
{
    jm_server *server = arg;
    exchange *x = *state;
    (void)version;
    if (x == NULL) {
        if (announces_too_much(connection)) {
            return reply_too_large(server, connection);
        }
        x = wsl_zalloc(sizeof *x);
        wsl_strbuf_init(&x->body);
        *state = x;
        return MHD_YES;
    }
    if (x->answered) {
        return reply_held(server, connection, x);
    }
    if (*data_size > 0) {
        x->too_large |= *data_size > JM_REST_BODY_MAX - x->body.size;
        if (!x->too_large) {
            wsl_strbuf_add(&x->body, data, *data_size);
        }
        *data_size = 0;
        return MHD_YES;
    }
    return x->too_large ? reply_too_large(server, connection) : answer(server, connection, url, method, x);
}

static void on_completed(void *arg, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode code)
{
    (void)connection;
    (void)code;
    exchange *x = *state;
    if (x != NULL) {
        let_go(arg, x);
        if (x->answered) {
            jm_response_fini(&x->response);
        }
        wsl_strbuf_fini(&x->body);
        free(x);
    }
    *state = NULL;
}

/* ---- the server ---- */

void jm_server_free(jm_server *server)
{
    if (server == NULL) {
        return;
    }
    if (server->daemon != NULL) {
        resume_kept(server, true); /* it cannot be stopped while connections wait */
        MHD_stop_daemon(server->daemon);
    }
    free(server);
}

typedef union any_address {
    struct sockaddr base;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
} any_address;

static wsl_status parse_address(const char *text, uint16_t port, any_address *out, bool *out_v6, wsl_error *err)
{
    const char *numeric = strcmp(text, "localhost") == 0 ? "127.0.0.1" : text;
    *out = (any_address){0};
    if (inet_pton(AF_INET, numeric, &out->v4.sin_addr) == 1) {
        out->v4.sin_family = AF_INET;
        out->v4.sin_port = htons(port);
        *out_v6 = false;
        return WSL_OK;
    }
    if (inet_pton(AF_INET6, numeric, &out->v6.sin6_addr) == 1) {
        out->v6.sin6_family = AF_INET6;
        out->v6.sin6_port = htons(port);
        *out_v6 = true;
        return WSL_OK;
    }
    return wsl_fail(err, WSL_INVALID, "rest.bind-address is '%s'; it has to be a numeric address such as 127.0.0.1",
                    text);
}

static wsl_status start(jm_server *server, const char *address, uint16_t port, wsl_error *err)
{
    any_address at;
    bool v6 = false;
    WSL_TRY(parse_address(address, port, &at, &v6, err));
    errno = 0;
    server->daemon = MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | (v6 ? MHD_USE_IPv6 : MHD_NO_FLAG), port, NULL, NULL, on_request,
                                      server, MHD_OPTION_SOCK_ADDR, &at.base, MHD_OPTION_NOTIFY_COMPLETED, on_completed,
                                      server, MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX,
                                      MHD_OPTION_PER_IP_CONNECTION_LIMIT, (unsigned)CONNECTIONS_PER_ADDRESS_MAX,
                                      MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
                                      MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_TIMEOUT_S, MHD_OPTION_END);
    if (server->daemon != NULL) {
        return WSL_OK;
    }
    const int error = errno;
    if (error == EADDRINUSE) {
        return wsl_fail(
            err, WSL_EXISTS,
            "port %u on %s is in use: set rest.port to another one (0 takes any free port), or stop the program "
            "that listens there",
            port, address);
    }
    return wsl_fail(err, WSL_IO, "cannot listen for REST on %s port %u: %s; check rest.bind-address and rest.port",
                    address, port, strerror(error));
}

wsl_status jm_server_new(const jm_rest *rest, const char *address, uint16_t port, jm_server **out_server,
                         wsl_error *err)
{
    WSL_AUTO(jm_server) server = wsl_zalloc(sizeof *server);
    server->rest = rest;
    WSL_TRY(start(server, address, port, err));
    const union MHD_DaemonInfo *fd = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    const union MHD_DaemonInfo *bound = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_BIND_PORT);
    if (fd == NULL || bound == NULL) {
        return wsl_fail(err, WSL_INTERNAL, "libmicrohttpd tells neither its descriptor nor its port");
    }
    server->fd = fd->epoll_fd;
    server->port = bound->port;
    *out_server = WSL_TAKE(server);
    return WSL_OK;
}

int jm_server_fd(const jm_server *server) { return server->fd; }

uint16_t jm_server_port(const jm_server *server) { return server->port; }

int64_t jm_server_step(jm_server *server, int64_t now_ns)
{
    MHD_UNSIGNED_LONG_LONG wait_ms = 0;
    resume_kept(server, false);
    (void)MHD_run(server->daemon);
    if (MHD_get_timeout(server->daemon, &wait_ms) != MHD_YES) {
        return WSL_NEVER;
    }
    return wait_ms > (MHD_UNSIGNED_LONG_LONG)IDLE_TIMEOUT_S * 2000 ? WSL_NEVER
                                                                   : now_ns + (int64_t)wait_ms * WSL_NS_PER_MS;
}
