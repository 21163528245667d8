#include <stdio.h>

#include "harness/wsl_test.h"
#include "jobmanager/rest/rest.h"

static void nothing(const jm_rest *rest, const jm_request *request, jm_response *response)
{
    (void)rest;
    (void)request;
    (void)response;
}

static const jm_route table[] = {
    {"GET", "/jobs", nothing},
    {"GET", "/jobs/overview", nothing},
    {"GET", "/jobs/:jobid", nothing},
    {"PATCH", "/jobs/:jobid", nothing},
    {"GET", "/jobs/:jobid/vertices/:vertexid/subtasks/:i/metrics", nothing},
    {0},
};

static const char *find(const char *method, const char *path, const char **params)
{
    char copy[512];
    static char kept[512];
    char *segments[JM_REST_SEGMENTS_MAX];
    (void)snprintf(copy, sizeof copy, "%s", path);
    memcpy(kept, copy, sizeof kept);
    const uint32_t n = jm_path_split(kept, segments);
    if (n == UINT32_MAX) {
        return "too long";
    }
    const jm_route *r = jm_route_find(table, method, segments, n, params);
    return r == NULL ? "none" : r->pattern;
}

Test(router, the_first_pattern_that_fits_wins_and_names_become_parameters)
{
    const char *params[JM_REST_PARAMS_MAX] = {0};
    cr_assert_str_eq(find("GET", "/jobs", params), "/jobs");
    cr_assert_str_eq(find("GET", "/jobs/overview", params), "/jobs/overview");
    cr_assert_str_eq(find("GET", "/jobs/abc", params), "/jobs/:jobid");
    cr_assert_str_eq(params[0], "abc");
    cr_assert_str_eq(find("PATCH", "/jobs/x", params), "/jobs/:jobid");
    (void)find("GET", "/jobs/a/vertices/b/subtasks/3/metrics", params);
    cr_assert_str_eq(params[0], "a");
    cr_assert_str_eq(params[1], "b");
    cr_assert_str_eq(params[2], "3");
}

Test(router, slashes_at_the_end_and_doubled_ones_do_not_matter)
{
    const char *params[JM_REST_PARAMS_MAX] = {0};
    cr_assert_str_eq(find("GET", "/jobs/", params), "/jobs");
    cr_assert_str_eq(find("GET", "//jobs//overview//", params), "/jobs/overview");
}

Test(router, what_is_longer_shorter_or_of_another_method_does_not_fit)
{
    const char *params[JM_REST_PARAMS_MAX] = {0};
    cr_assert_str_eq(find("POST", "/jobs", params), "none");
    cr_assert_str_eq(find("GET", "/job", params), "none");
    cr_assert_str_eq(find("GET", "/jobsx", params), "none");
    cr_assert_str_eq(find("GET", "/", params), "none");
    cr_assert_str_eq(find("GET", "/jobs/a/vertices/b/subtasks/3", params), "none");
    cr_assert_str_eq(find("GET", "/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p", params), "none");
    cr_assert_str_eq(find("GET", "/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q", params), "too long");
}
