/*
 * rest_client - libcurl's easy interface. The handle is kept, so its connection is, too. Only plain HTTP is spoken,
 * hence no TLS library is initialized: a detached submission is over in milliseconds.
 */
#include "cli/rest_client.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/number.h"
#include "base/strbuf.h"

struct cli_rest {
    CURL *curl;
    char *address;
    wsl_strbuf answer;
    bool too_large;
    char curl_error[CURL_ERROR_SIZE];
};

void cli_rest_free(cli_rest *rest)
{
    if (rest == NULL) {
        return;
    }
    if (rest->curl != NULL) {
        curl_easy_cleanup(rest->curl);
    }
    wsl_strbuf_fini(&rest->answer);
    free(rest->address);
    free(rest);
}

static size_t take_answer(char *data, size_t size, size_t n, void *arg)
{
    cli_rest *rest = arg;

    if (size * n > CLI_REST_ANSWER_MAX - rest->answer.size) {
        rest->too_large = true;
        return 0;
    }
    wsl_strbuf_add(&rest->answer, data, size * n);
    return size * n;
}

static wsl_status check_address(const char *address, const char **out_host, wsl_error *err)
{
    const char *host = strncmp(address, "http://", 7) == 0 ? address + 7 : address;
    const char *colon = strrchr(host, ':');
    int64_t port = 0;
    size_t port_size = colon != NULL ? strlen(colon + 1) : 0;

    if (port_size > 0 && colon[port_size] == '/') {
        port_size--;
    }
    if (colon == NULL || colon == host || strstr(host, "://") != NULL ||
        !wsl_parse_whole_int64(colon + 1, port_size, &port) || port < 1 || port > 65535) {
        return wsl_fail(err, WSL_INVALID,
                        "'%.100s' is not the address of a JobManager: give it as host:port, such as "
                        "127.0.0.1:8081",
                        address);
    }
    *out_host = host;
    return WSL_OK;
}

static void set_options(cli_rest *rest, uint32_t connect_timeout_ms, uint32_t timeout_ms)
{
    CURL *c = rest->curl;

    (void)curl_easy_setopt(c, CURLOPT_ERRORBUFFER, rest->curl_error);
    (void)curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take_answer);
    (void)curl_easy_setopt(c, CURLOPT_WRITEDATA, rest);
    (void)curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)connect_timeout_ms);
    (void)curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
    (void)curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(c, CURLOPT_NOPROXY, "*");
    (void)curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http");
    (void)curl_easy_setopt(c, CURLOPT_USERAGENT, "wiesel");
}

wsl_status cli_rest_new(const char *address, uint32_t connect_timeout_ms, uint32_t timeout_ms, cli_rest **out_rest,
                        wsl_error *err)
{
    const char *host = NULL;

    WSL_TRY(check_address(address, &host, err));
    WSL_AUTO(cli_rest) rest = wsl_zalloc(sizeof *rest);
    wsl_strbuf_init(&rest->answer);
    rest->address = wsl_asprintf("http://%s", host);
    const size_t size = strlen(rest->address);
    if (rest->address[size - 1] == '/') {
        rest->address[size - 1] = '\0';
    }
    if (curl_global_init(CURL_GLOBAL_NOTHING) != CURLE_OK || (rest->curl = curl_easy_init()) == NULL) {
        return wsl_fail(err, WSL_INTERNAL, "libcurl does not start");
    }
    set_options(rest, connect_timeout_ms, timeout_ms);
    *out_rest = WSL_TAKE(rest);
    return WSL_OK;
}

const char *cli_rest_address(const cli_rest *rest) { return rest->address; }

const char *cli_rest_error_text(const json_t *answer)
{
    return json_string_value(json_array_get(json_object_get(answer, "errors"), 0));
}

static wsl_status no_answer(const cli_rest *rest, CURLcode code, wsl_error *err)
{
    switch (code) {
    case CURLE_COULDNT_CONNECT:
        return wsl_fail(
            err, WSL_UNREACHABLE,
            "no JobManager answers at %s (connection refused): start one with deploy/start-cluster.sh or name "
            "it with -m",
            rest->address);
    case CURLE_COULDNT_RESOLVE_HOST:
        return wsl_fail(err, WSL_UNREACHABLE, "no JobManager answers at %s (unknown host): name it with -m host:port",
                        rest->address);
    case CURLE_OPERATION_TIMEDOUT:
        return wsl_fail(err, WSL_TIMEOUT,
                        "the JobManager at %s gives no answer: look into its log, or name another with -m",
                        rest->address);
    case CURLE_WRITE_ERROR:
        if (rest->too_large) {
            return wsl_fail(err, WSL_TOO_LARGE, "the answer of %s is larger than %d bytes", rest->address,
                            CLI_REST_ANSWER_MAX);
        }
        break;
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_HTTP2:
        return wsl_fail(err, WSL_UNREACHABLE, "what answers at %s is no JobManager: name the right port with -m",
                        rest->address);
    default:
        break;
    }
    return wsl_fail(err, WSL_UNREACHABLE, "no answer from the JobManager at %s: %s", rest->address,
                    rest->curl_error[0] != '\0' ? rest->curl_error : curl_easy_strerror(code));
}

static wsl_status status_of_http(long http)
{
    switch (http) {
    case 400:
        return WSL_INVALID;
    case 404:
        return WSL_NOT_FOUND;
    case 409:
        return WSL_STATE;
    case 413:
        return WSL_TOO_LARGE;
    default:
        return WSL_INTERNAL;
    }
}

static CURLcode perform(cli_rest *rest, const char *method, const char *path, const char *accept, const cli_body *body)
{
    CURL *c = rest->curl;
    char *url = wsl_asprintf("%s%s", rest->address, path);
    struct curl_slist *headers = curl_slist_append(NULL, accept);

    rest->too_large = false;
    rest->curl_error[0] = '\0';
    wsl_strbuf_clear(&rest->answer);
    if (body != NULL) {
        char *type = wsl_asprintf("Content-Type: %s", body->type);
        headers = curl_slist_append(headers, type);
        headers = curl_slist_append(headers, "Expect:"); /* no extra round trip before a large body */
        free(type);
        (void)curl_easy_setopt(c, CURLOPT_POST, 1L);
        (void)curl_easy_setopt(c, CURLOPT_POSTFIELDS, body->data);
        (void)curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body->size);
    } else {
        (void)curl_easy_setopt(c, CURLOPT_HTTPGET, 1L);
    }
    (void)curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, method);
    (void)curl_easy_setopt(c, CURLOPT_URL, url);
    (void)curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
    const CURLcode code = curl_easy_perform(c);
    (void)curl_easy_setopt(c, CURLOPT_HTTPHEADER, NULL);
    curl_slist_free_all(headers);
    free(url);
    return code;
}

/* An answer that says what is wrong, or that nobody of ours gave. */
static wsl_status refused(const cli_rest *rest, const char *method, const char *path, long http, wsl_error *err)
{
    json_error_t where;
    json_t *answer = json_loadb(rest->answer.data, rest->answer.size, JSON_DECODE_ANY, &where);
    const char *text = cli_rest_error_text(answer);
    wsl_status status;

    if (answer == NULL) {
        status =
            wsl_fail(err, WSL_UNREACHABLE,
                     "what answers at %s is no JobManager (%s %s: status %ld, not JSON): name the right port with -m",
                     rest->address, method, path, http);
    } else if (text != NULL) {
        status = wsl_fail(err, status_of_http(http), "%s", text);
    } else {
        status = wsl_fail(err, status_of_http(http), "%s answers %s %s with status %ld and no reason", rest->address,
                          method, path, http);
    }
    json_decref(answer);
    return status;
}

/* The answer is in rest->answer. */
static wsl_status call(cli_rest *rest, const char *method, const char *path, const char *accept, const cli_body *body,
                       wsl_error *err)
{
    long http = 0;
    const CURLcode code = perform(rest, method, path, accept, body);

    if (code != CURLE_OK) {
        return no_answer(rest, code, err);
    }
    (void)curl_easy_getinfo(rest->curl, CURLINFO_RESPONSE_CODE, &http);
    return http >= 200 && http <= 299 ? WSL_OK : refused(rest, method, path, http, err);
}

wsl_status cli_rest_call(cli_rest *rest, const char *method, const char *path, const cli_body *body,
                         json_t **out_answer, wsl_error *err)
{
    json_error_t where;

    WSL_TRY(call(rest, method, path, "Accept: application/json", body, err));
    json_t *answer = json_loadb(rest->answer.data, rest->answer.size, JSON_DECODE_ANY, &where);
    if (answer == NULL) {
        return refused(rest, method, path, 200, err);
    }
    *out_answer = answer;
    return WSL_OK;
}

bool cli_rest_header_number(cli_rest *rest, const char *name, uint64_t *out_number)
{
    struct curl_header *header = NULL;
    int64_t number = 0;

    if (curl_easy_header(rest->curl, name, 0, CURLH_HEADER, -1, &header) != CURLHE_OK ||
        !wsl_parse_whole_int64(header->value, strlen(header->value), &number) || number < 0) {
        return false;
    }
    *out_number = (uint64_t)number;
    return true;
}

wsl_status cli_rest_get_bytes(cli_rest *rest, const char *path, const uint8_t **out_bytes, size_t *out_size,
                              wsl_error *err)
{
    WSL_TRY(call(rest, "GET", path, "Accept: application/octet-stream", NULL, err));
    *out_bytes = (const uint8_t *)rest->answer.data;
    *out_size = rest->answer.size;
    return WSL_OK;
}
