/*
 * fuzz_rest - REST requests: line one is "METHOD path?query", the rest is the body. Every request gets an answer of valid
 * JSON.
 */
#include <jansson.h>
#include <stdio.h>

#include "base/cluster_options.h"
#include "base/fs_mem.h"
#include "fuzz.h"
#include "jobmanager/rest/rest.h"

static const char *query_of(void *arg, const char *name)
{
    const char *query = arg;
    static char value[256];
    const size_t n = strlen(name);
    for (const char *p = query; p != NULL && *p != 0; p = strchr(p, '&'), p = p != NULL ? p + 1 : NULL) {
        if (strncmp(p, name, n) == 0 && p[n] == '=') {
            snprintf(value, sizeof value, "%.*s", (int)strcspn(p + n + 1, "&"), p + n + 1);
            return value;
        }
    }
    return NULL;
}

static jm_rest *rest(void)
{
    static jm_rest r;
    static wsl_manual_clock clock;
    static wsl_rng rng;
    if (r.jm == NULL) {
        static const char *const arguments[] = {"fuzz", NULL};
        wsl_error err = {0};
        jm_options options = jm_options_default();
        options.listen_address = "inproc://jm";
        options.artifact_dir = "/artifacts";
        wsl_manual_clock_init(&clock, 1700000000000);
        wsl_rng_seed(&rng, 1);
        static wsl_seams seams;
        seams = (wsl_seams){.clock = &clock.clock,
                            .rng = &rng,
                            .fs = wsl_mem_fs_seam(wsl_mem_fs_new(&clock.clock)),
                            .transport = wsl_transport_inproc_new(wsl_inproc_hub_new())};
        FUZZ_CHECK(jm_new(&options, &seams, &r.jm, &err) == WSL_OK);
        r.config = wsl_cluster_config_new();
        r.proc = wsl_proc_real();
        r.arguments = arguments;
    }
    return &r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char line[512] = {0};
    size_t end = 0;
    while (end < size && end < sizeof line - 1 && data[end] != '\n') {
        line[end] = data[end] == 0 ? ' ' : (char)data[end];
        end++;
    }
    char *path = strchr(line, ' ');
    if (path == NULL) {
        return 0;
    }
    *path++ = 0;
    char *query = strchr(path, '?');
    if (query != NULL) {
        *query++ = 0;
    }
    jm_request request = {
        .method = line,
        .path = path,
        .query = query_of,
        .query_arg = query,
        .content_type = strstr(path, "jobs") != NULL && size % 2 == 0 ? "application/x-protobuf" : "application/json",
        .accept = "",
        .body = data + (end < size ? end + 1 : size),
        .body_size = end < size ? size - end - 1 : 0,
    };
    jm_response response;
    jm_response_init(&response);
    jm_rest_handle(rest(), &request, &response);
    FUZZ_CHECK(response.status >= 200 && response.status < 600);
    if (response.content_type != NULL && strstr(response.content_type, "json") != NULL) {
        json_error_t error;
        json_t *answer = json_loadb(response.body.data, response.body.size, JSON_DECODE_ANY, &error);
        FUZZ_CHECK(answer != NULL);
        json_decref(answer);
    }
    jm_response_fini(&response);
    (void)jm_step(rest()->jm);
    return 0;
}

size_t fuzz_seeds(fuzz_seed *out, size_t max)
{
    const fuzz_seed seeds[] = {
        FUZZ_TEXT("GET /overview\n"),
        FUZZ_TEXT("GET /v1/jobs/overview/\n"),
        FUZZ_TEXT("GET /jobs/00000000000000000000000000000000/vertices/00000000000000000000000000000000/metrics?get=a,b\n"),
        FUZZ_TEXT("GET /taskmanagers/metrics?get=x&agg=sum,max&taskmanagers=a\n"),
        FUZZ_TEXT("PATCH /jobs/00000000000000000000000000000000?mode=cancel\n{}"),
        FUZZ_TEXT("POST /wiesel/v1/artifacts\n\x7f" "ELF not really"),
        FUZZ_TEXT("POST /wiesel/v1/jobs\n{\"name\": \"x\", \"operators\": [{\"name\": \"n\", \"source\": \"datagen\", "
                  "\"schema\": {\"n\": \"INT64\"}}, {\"name\": \"p\", \"from\": \"n\", \"sink\": \"print\"}]}"),
        FUZZ_TEXT("GET /wiesel/v1/jobs/00000000000000000000000000000000/collect?from=18446744073709551615\n"),
        FUZZ_TEXT("GET /jobmanager/metrics?get=taskSlotsTotal\n"),
        FUZZ_TEXT("GET /../../etc/passwd\n"),
    };
    for (size_t i = 0; i < WSL_ARRAY_LEN(seeds) && i < max; i++) {
        out[i] = seeds[i];
    }
    return WSL_ARRAY_LEN(seeds);
}
