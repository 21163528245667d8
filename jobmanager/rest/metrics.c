/*
 * The metrics endpoints, all of two forms: names only, or values of the names in ?get=a,b. Aggregating ones fold the
 * values of several subtasks, jobs or TaskManagers into min, max, avg, sum, skew.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/number.h"
#include "base/vec.h"
#include "jobmanager/rest/handlers.h"
#include "jobmanager/rest/json.h"
#include "jobmanager/rest/metric_names.h"

enum { WANTED_MAX = 4096 };

/* ---- a comma list of the query ---- */

typedef struct name_list {
    char *text;
    const char **names;
    uint32_t n;
    bool given;
} name_list;

static void name_list_fini(name_list *list)
{
    free(list->text);
    free(list->names);
}

static name_list name_list_of(const jm_request *request, const char *parameter)
{
    const char *value = jm_request_query(request, parameter);
    name_list list = {.given = value != NULL};
    if (value == NULL) {
        return list;
    }
    list.text = wsl_strdup(value);
    list.names = wsl_calloc(WANTED_MAX, sizeof *list.names);
    char *rest = list.text;
    for (char *name = strsep(&rest, ","); name != NULL && list.n < WANTED_MAX; name = strsep(&rest, ",")) {
        if (name[0] != '\0') {
            list.names[list.n++] = name;
        }
    }
    return list;
}

static bool name_list_has(const name_list *list, const char *name)
{
    for (uint32_t i = 0; i < list->n; i++) {
        if (strcmp(list->names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

/* ---- plain form ---- */

typedef struct plain {
    jm_json j;
    name_list wanted;
    int64_t subtask; /* prefix of the ids; -1: none */
} plain;

static void plain_add(void *arg, const char *name, jm_metric value)
{
    plain *p = arg;
    char id[1200];
    if (p->subtask >= 0) {
        (void)snprintf(id, sizeof id, "%lld.%s", (long long)p->subtask, name);
        name = id;
    }
    if (p->wanted.given && !name_list_has(&p->wanted, name)) {
        return;
    }
    jm_json_open(&p->j, NULL, '{');
    jm_json_str(&p->j, "id", name);
    if (p->wanted.given) {
        char text[64];
        jm_metric_text(value, text, sizeof text);
        jm_json_str(&p->j, "value", text);
    }
    jm_json_close(&p->j);
}

static plain plain_begin(const jm_request *request, jm_response *response)
{
    plain p = {.j = jm_json_to(&response->body), .wanted = name_list_of(request, "get"), .subtask = -1};
    jm_json_open(&p.j, NULL, '[');
    return p;
}

static void plain_end(plain *p)
{
    jm_json_close(&p->j);
    name_list_fini(&p->wanted);
}

void jm_h_jobmanager_metrics(const jm_rest *rest, const jm_request *request, jm_response *response)
{
    wsl_proc_stats stats = {0};
    rest->proc->stats(rest->proc, &stats);
    plain p = plain_begin(request, response);
    jm_metrics_of_jm(rest->jm, &stats, plain_add, &p);
    plain_end(&p);
}

void jm_h_job_metrics(const jm_rest *rest, const jm_request *request, jm_response *response)
{
    const jm_job *job = jm_rest_job(rest, request, response);
    if (job == NULL) {
        return;
    }
    plain p = plain_begin(request, response);
    jm_metrics_of_job(job, wsl_wall_ms(rest->jm->seams.clock), plain_add, &p);
    plain_end(&p);
}

void jm_h_vertex_metrics(const jm_rest *rest, const jm_request *request, jm_response *response)
{
    jm_job *job = NULL;
    const jm_vertex *v = jm_rest_vertex(rest, request, &job, response);
    if (v == NULL) {
        return;
    }
    plain p = plain_begin(request, response);
    for (uint32_t i = 0; i < v->plan->parallelism; i++) {
        p.subtask = i;
        jm_metrics_of_task(&v->subtasks[i], plain_add, &p);
    }
    plain_end(&p);
}

void jm_h_vertex_subtask_metrics(const jm_rest *rest, const jm_request *request, jm_response *response)
{
    jm_job *job = NULL;
    const jm_vertex *v = jm_rest_vertex(rest, request, &job, response);
    const uint32_t index = v == NULL ? UINT32_MAX : jm_rest_subtask(request, v, response);
    if (index == UINT32_MAX) {
        return;
    }
    plain p = plain_begin(request, response);
    jm_metrics_of_task(&v->subtasks[index], plain_add, &p);
    plain_end(&p);
}

static uint64_t segment_size(const jm_rest *rest)
{
    return wsl_config_size(rest->config, "taskmanager.memory.segment-size");
}

void jm_h_taskmanager_metrics(const jm_rest *rest, const jm_request *request, jm_response *response)
{
    const jm_worker *w = jm_workers_by_id(&rest->jm->workers, request->params[0]);
    if (w == NULL) {
        jm_rest_error(response, 404, "TaskManager %s not found.", request->params[0]);
        return;
    }
    plain p = plain_begin(request, response);
    jm_metrics_of_worker(w, segment_size(rest), plain_add, &p);
    plain_end(&p);
}

/* ---- aggregating form ---- */

typedef struct folded {
    char *name;
    double min, max, sum, squares;
    uint32_t n;
} folded;

typedef struct aggregate {
    name_list wanted;
    name_list functions; /* min, max, avg, sum, skew */
    WSL_VEC(folded) all;
} aggregate;

static folded *fold_of(aggregate *a, const char *name)
{
    for (uint32_t i = 0; i < a->all.n; i++) {
        if (strcmp(a->all.items[i].name, name) == 0) {
            return &a->all.items[i];
        }
    }
    const folded empty = {.name = wsl_strdup(name), .min = INFINITY, .max = -INFINITY};
    wsl_vec_push(&a->all, empty);
    return &a->all.items[a->all.n - 1];
}

static void aggregate_add(void *arg, const char *name, jm_metric value)
{
    aggregate *a = arg;
    if (a->wanted.given && !name_list_has(&a->wanted, name)) {
        return;
    }
    folded *f = fold_of(a, name);
    const double number = jm_metric_number(value);
    f->min = number < f->min ? number : f->min;
    f->max = number > f->max ? number : f->max;
    f->sum += number;
    f->squares += number * number;
    f->n++;
}

static void aggregate_fini(aggregate *a)
{
    for (uint32_t i = 0; i < a->all.n; i++) {
        free(a->all.items[i].name);
    }
    wsl_vec_fini(&a->all);
    name_list_fini(&a->wanted);
    name_list_fini(&a->functions);
}

/* False: the response says which function does not exist. */
static bool aggregate_begin(aggregate *a, const jm_request *request, jm_response *response)
{
    static const char *const known[] = {"min", "max", "sum", "avg", "skew"};
    *a = (aggregate){.wanted = name_list_of(request, "get"), .functions = name_list_of(request, "agg")};
    for (uint32_t i = 0; i < a->functions.n; i++) {
        bool found = false;
        for (size_t k = 0; k < WSL_ARRAY_LEN(known); k++) {
            found |= strcmp(known[k], a->functions.names[i]) == 0;
        }
        if (!found) {
            jm_rest_error(response, 400, "'%s' is not an aggregation; known are min, max, sum, avg, skew.",
                          a->functions.names[i]);
            aggregate_fini(a);
            return false;
        }
    }
    return true;
}

/* Standard deviation in percent of the mean. */
static double skew_of(const folded *f)
{
    const double mean = f->sum / f->n;
    const double variance = f->squares / f->n - mean * mean;
    return mean == 0 || variance <= 0 ? 0 : sqrt(variance) / fabs(mean) * 100;
}

static void add_folded(jm_json *j, const aggregate *a, const folded *f)
{
    const struct {
        const char *name;
        double value;
    } functions[] = {
        {"min", f->min}, {"max", f->max}, {"avg", f->sum / f->n}, {"sum", f->sum}, {"skew", skew_of(f)},
    };
    jm_json_open(j, NULL, '{');
    jm_json_str(j, "id", f->name);
    for (size_t i = 0; a->wanted.given && i < WSL_ARRAY_LEN(functions); i++) {
        if (!a->functions.given || name_list_has(&a->functions, functions[i].name)) {
            jm_json_num(j, functions[i].name, functions[i].value);
        }
    }
    jm_json_close(j);
}

static void aggregate_end(aggregate *a, jm_response *response)
{
    jm_json j = jm_json_to(&response->body);
    jm_json_open(&j, NULL, '[');
    for (uint32_t i = 0; i < a->all.n; i++) {
        add_folded(&j, a, &a->all.items[i]);
    }
    jm_json_close(&j);
    aggregate_fini(a);
}

/* Is index in "0-3,7"? -1: that is no such list. */
static int in_ranges(const name_list *ranges, uint32_t index)
{
    int found = 0;
    for (uint32_t i = 0; i < ranges->n; i++) {
        const char *text = ranges->names[i];
        const char *dash = strchr(text, '-');
        int64_t first = 0;
        int64_t last = 0;
        const size_t first_size = dash == NULL ? strlen(text) : (size_t)(dash - text);
        if (!wsl_parse_whole_int64(text, first_size, &first)) {
            return -1;
        }
        last = first;
        if (dash != NULL && !wsl_parse_whole_int64(dash + 1, strlen(dash + 1), &last)) {
            return -1;
        }
        found |= index >= first && index <= last;
    }
    return found;
}

void jm_h_vertex_subtasks_metrics(const jm_rest *rest, const jm_request *request, jm_response *response)
{
    jm_job *job = NULL;
    const jm_vertex *v = jm_rest_vertex(rest, request, &job, response);
    aggregate a;
    if (v == NULL || !aggregate_begin(&a, request, response)) {
        return;
    }
    name_list only = name_list_of(request, "subtasks");
    for (uint32_t i = 0; i < v->plan->parallelism; i++) {
        const int in = only.given ? in_ranges(&only, i) : 1;
        if (in < 0) {
            jm_rest_error(response, 400, "'subtasks' takes numbers and ranges, as in 0-3,7.");
            name_list_fini(&only);
            aggregate_fini(&a);
            return;
        }
        if (in > 0) {
            jm_metrics_of_task(&v->subtasks[i], aggregate_add, &a);
        }
    }
    name_list_fini(&only);
    aggregate_end(&a, response);
}

void jm_h_jobs_metrics(const jm_rest *rest, const jm_request *request, jm_response *response)
{
    aggregate a;
    if (!aggregate_begin(&a, request, response)) {
        return;
    }
    name_list only = name_list_of(request, "jobs");
    for (uint32_t i = 0; i < rest->jm->n_jobs; i++) {
        const jm_job *job = rest->jm->jobs[i];
        if (!only.given || name_list_has(&only, job->id_text)) {
            jm_metrics_of_job(job, wsl_wall_ms(rest->jm->seams.clock), aggregate_add, &a);
        }
    }
    name_list_fini(&only);
    aggregate_end(&a, response);
}

void jm_h_taskmanagers_metrics(const jm_rest *rest, const jm_request *request, jm_response *response)
{
    aggregate a;
    if (!aggregate_begin(&a, request, response)) {
        return;
    }
    name_list only = name_list_of(request, "taskmanagers");
    for (uint32_t i = 0; i < rest->jm->workers.n; i++) {
        const jm_worker *w = rest->jm->workers.all[i];
        if (!only.given || name_list_has(&only, w->info->tm_id)) {
            jm_metrics_of_worker(w, segment_size(rest), aggregate_add, &a);
        }
    }
    name_list_fini(&only);
    aggregate_end(&a, response);
}
