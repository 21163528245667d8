#include <jansson.h>

#include "unit/jobmanager/jm_kit.h"
#include "base/alloc.h"
#include "base/cluster_options.h"
#include "jobmanager/rest/rest.h"

/* ---- a cluster with a job in it, and requests ---- */

typedef struct scene {
    kit k;
    fake_tm a, b;
    wsl_config *config;
    jm_rest rest;
    wsl_id job;
    char job_text[WSL_ID_TEXT_SIZE];
} scene;

static void fake_stats(wsl_proc *proc, wsl_proc_stats *out)
{
    (void)proc;
    *out = (wsl_proc_stats){.rss_bytes = 1000, .cpu_ns = 5, .threads = 1, .open_files = 9};
}

static wsl_proc fake_proc = {.stats = fake_stats};

static void setup(scene *s)
{
    static const char *const arguments[] = {"wiesel-jobmanager", NULL};
    kit_init(&s->k);
    s->config = wsl_cluster_config_new();
    s->rest =
        (jm_rest){.jm = s->k.jm, .config = s->config, .web_dir = "/web", .proc = &fake_proc, .arguments = arguments};
    tm_join(&s->a, &s->k, "10.0.0.1:5000-abcdef", 2);
    tm_join(&s->b, &s->k, "10.0.0.2:5000-123456", 2);
    s->job = kit_submit_counting(&s->k, 2);
    (void)wsl_id_text(&s->job, s->job_text);
    (void)tm_answer_deployments(&s->a, WSL__PB__TASK_STATE__TASK_RUNNING);
    (void)tm_answer_deployments(&s->b, WSL__PB__TASK_STATE__TASK_RUNNING);
}

static void teardown(scene *s)
{
    tm_fini(&s->a);
    tm_fini(&s->b);
    kit_fini(&s->k);
    wsl_config_free(s->config);
}

/* "a=1&b=2" */
static const char *query(void *arg, const char *name)
{
    static char value[512];
    const char *at = arg;
    const size_t n = strlen(name);
    while (at != NULL && *at != '\0') {
        if (strncmp(at, name, n) == 0 && at[n] == '=') {
            const size_t size = strcspn(at + n + 1, "&");
            memcpy(value, at + n + 1, size);
            value[size] = '\0';
            return value;
        }
        at = strchr(at, '&');
        at = at == NULL ? NULL : at + 1;
    }
    return NULL;
}

static void ask(scene *s, const char *method, const char *target, const char *type, const void *body, size_t size,
                jm_response *response)
{
    char path[512];
    char parameters[512] = "";
    (void)snprintf(path, sizeof path, "%s", target);
    char *mark = strchr(path, '?');
    if (mark != NULL) {
        *mark = '\0';
        (void)snprintf(parameters, sizeof parameters, "%s", mark + 1);
    }
    jm_request request = {.method = method,
                          .path = path,
                          .query = query,
                          .query_arg = parameters,
                          .content_type = type,
                          .accept = "",
                          .body = body,
                          .body_size = size};
    jm_response_init(response);
    jm_rest_handle(&s->rest, &request, response);
}

static json_t *parse(const jm_response *response)
{
    json_error_t error;
    json_t *j = json_loadb(response->body.data, response->body.size, JSON_REJECT_DUPLICATES, &error);
    cr_assert_not_null(j, "%s in %s", error.text, response->body.data);
    return j;
}

/* In the target, $J is the job's id and $V that of its vertex number `vertex`. */
static char *expand(scene *s, const char *target, uint32_t vertex)
{
    wsl_strbuf out;
    wsl_strbuf_init(&out);
    for (const char *at = target; *at != '\0'; at++) {
        if (strncmp(at, "$J", 2) == 0) {
            wsl_strbuf_puts(&out, s->job_text);
            at++;
        } else if (strncmp(at, "$V", 2) == 0) {
            jm_response r;
            char job[128];
            (void)snprintf(job, sizeof job, "/jobs/%s", s->job_text);
            ask(s, "GET", job, "", NULL, 0, &r);
            json_t *j = parse(&r);
            wsl_strbuf_puts(
                &out, json_string_value(json_object_get(json_array_get(json_object_get(j, "vertices"), vertex), "id")));
            json_decref(j);
            jm_response_fini(&r);
            at++;
        } else {
            wsl_strbuf_putc(&out, *at);
        }
    }
    return wsl_strbuf_take(&out);
}

static json_t *call(scene *s, const char *method, const char *target, uint32_t vertex, int status)
{
    jm_response r;
    char *full = expand(s, target, vertex);
    ask(s, method, full, "", NULL, 0, &r);
    cr_assert_eq(r.status, status, "%s: %d %s", full, r.status, r.body.data);
    cr_assert_str_eq(r.content_type, "application/json; charset=UTF-8");
    json_t *j = parse(&r);
    jm_response_fini(&r);
    free(full);
    return j;
}

static json_t *get(scene *s, const char *target) { return call(s, "GET", target, 1, 200); }

/* Every key of "name:type ..." must be there: i integer, n number, s text, b boolean, o object, a array, z null or any.
 */
static void expect_keys(const json_t *j, const char *keys)
{
    char copy[2048];
    (void)snprintf(copy, sizeof copy, "%s", keys);
    char *rest = copy;
    for (char *key = strsep(&rest, " "); key != NULL; key = strsep(&rest, " ")) {
        char *colon = strrchr(key, ':');
        *colon = '\0';
        const json_t *v = json_object_get(j, key);
        cr_assert_not_null(v, "key '%s' is missing", key);
        const char type = colon[1];
        const bool fits = type == 'i'   ? json_is_integer(v)
                          : type == 'n' ? json_is_number(v)
                          : type == 's' ? json_is_string(v)
                          : type == 'b' ? json_is_boolean(v)
                          : type == 'o' ? json_is_object(v)
                          : type == 'a' ? json_is_array(v)
                                        : true;
        cr_assert(fits, "key '%s' is not of type %c", key, type);
    }
}

static int64_t int_of(const json_t *j, const char *key) { return json_integer_value(json_object_get(j, key)); }
static const char *str_of(const json_t *j, const char *key) { return json_string_value(json_object_get(j, key)); }
static json_t *item(const json_t *j, const char *key, size_t i) { return json_array_get(json_object_get(j, key), i); }

static const char io_keys[] =
    "read-bytes:i read-bytes-complete:b write-bytes:i write-bytes-complete:b read-records:i read-records-complete:b "
    "write-records:i write-records-complete:b accumulated-backpressured-time:i accumulated-idle-time:i "
    "accumulated-busy-time:n";
static const char tasks_keys[] = "CREATED:i SCHEDULED:i DEPLOYING:i INITIALIZING:i RUNNING:i FINISHED:i CANCELING:i "
                                 "CANCELED:i FAILED:i RECONCILING:i";
static const char times_keys[] =
    "INITIALIZING:i CREATED:i RUNNING:i FAILING:i FAILED:i CANCELLING:i CANCELED:i FINISHED:i "
    "RESTARTING:i SUSPENDED:i RECONCILING:i";
static const char dist_keys[] = "min:i avg:i max:i sum:i median:i p25:i p75:i p95:i";

/* ---- the cluster ---- */

Test(answers, overview_counts_taskmanagers_slots_and_jobs)
{
    scene s;
    setup(&s);
    json_t *j = get(&s, "/overview");
    expect_keys(j, "taskmanagers:i slots-total:i slots-available:i jobs-running:i jobs-finished:i jobs-cancelled:i "
                   "jobs-failed:i flink-version:s flink-commit:s");
    cr_assert_eq(int_of(j, "taskmanagers"), 2);
    cr_assert_eq(int_of(j, "slots-total"), 4);
    cr_assert_eq(int_of(j, "slots-available"), 2);
    cr_assert_eq(int_of(j, "jobs-running"), 1);
    json_decref(j);
    teardown(&s);
}

Test(answers, every_path_answers_below_v1_and_with_a_slash_at_the_end)
{
    scene s;
    setup(&s);
    static const char *const same[] = {"/overview", "/v1/overview", "/overview/", "/v1/overview/"};
    for (size_t i = 0; i < WSL_ARRAY_LEN(same); i++) {
        json_decref(get(&s, same[i]));
    }
    teardown(&s);
}

Test(answers, config_environment_and_applications_have_their_keys)
{
    scene s;
    setup(&s);
    json_t *j = get(&s, "/config");
    expect_keys(j, "refresh-interval:i timezone-name:s timezone-offset:i flink-version:s flink-revision:s features:o");
    expect_keys(json_object_get(j, "features"), "web-submit:b web-cancel:b web-rescale:b web-history:b");
    json_decref(j);
    j = get(&s, "/jobmanager/environment");
    expect_keys(j, "jvm:o classpath:a");
    expect_keys(json_object_get(j, "jvm"), "version:s arch:s options:a");
    json_decref(j);
    j = get(&s, "/jobmanager/config");
    cr_assert_gt(json_array_size(j), 10u);
    expect_keys(json_array_get(j, 0), "key:s value:s");
    json_decref(j);
    j = get(&s, "/applications/overview");
    expect_keys(item(j, "applications", 0), "id:s name:s start-time:i end-time:i duration:i status:s jobs:o");
    cr_assert_str_eq(str_of(item(j, "applications", 0), "status"), "RUNNING");
    cr_assert_eq(int_of(json_object_get(item(j, "applications", 0), "jobs"), "RUNNING"), 1);
    json_decref(j);
    teardown(&s);
}

/* ---- jobs ---- */

Test(answers, the_job_table_has_flinks_columns_and_sums_its_tasks)
{
    scene s;
    setup(&s);
    json_t *j = get(&s, "/jobs/overview");
    const json_t *row = item(j, "jobs", 0);
    expect_keys(row,
                "jid:s name:s jobType:s schedulerType:s start-time:i end-time:i duration:i state:s last-modification:i "
                "tasks:o pending-operators:i waiting:s");
    expect_keys(json_object_get(row, "tasks"),
                "total:i created:i scheduled:i deploying:i initializing:i running:i finished:i "
                "canceling:i canceled:i failed:i reconciling:i");
    cr_assert_eq(int_of(json_object_get(row, "tasks"), "total"), 4);
    cr_assert_eq(int_of(json_object_get(row, "tasks"), "running"), 4);
    cr_assert_eq(int_of(row, "end-time"), -1);
    json_decref(j);
    j = get(&s, "/jobs");
    cr_assert_str_eq(str_of(item(j, "jobs", 0), "id"), s.job_text);
    cr_assert_str_eq(str_of(item(j, "jobs", 0), "status"), "RUNNING");
    json_decref(j);
    teardown(&s);
}

Test(answers, a_job_has_vertices_counts_times_and_plan_that_agree)
{
    scene s;
    setup(&s);
    kit_advance(&s.k, 1234);
    json_t *j = get(&s, "/jobs/$J");
    expect_keys(
        j, "jid:s application-id:z name:s isStoppable:b state:s job-type:s schedulerType:z start-time:i end-time:i "
           "duration:i maxParallelism:i now:i timestamps:o vertices:a status-counts:o plan:o pending-operators:i");
    cr_assert_eq(int_of(j, "now") - int_of(j, "start-time"), int_of(j, "duration"));
    expect_keys(json_object_get(j, "timestamps"), times_keys);
    cr_assert_eq(int_of(json_object_get(j, "timestamps"), "FAILED"), 0);
    expect_keys(json_object_get(j, "status-counts"), tasks_keys);
    cr_assert_eq(int_of(json_object_get(j, "status-counts"), "RUNNING"), 2);
    cr_assert_eq(json_array_size(json_object_get(j, "vertices")), 2u);
    for (size_t i = 0; i < 2; i++) {
        const json_t *v = item(j, "vertices", i);
        expect_keys(v,
                    "id:s slotSharingGroupId:s name:s maxParallelism:i parallelism:i status:s start-time:i end-time:i "
                    "duration:i tasks:o metrics:o");
        expect_keys(json_object_get(v, "metrics"), io_keys);
        expect_keys(json_object_get(v, "tasks"), tasks_keys);
        cr_assert_eq(int_of(v, "duration"), 1234);
    }
    const json_t *plan = json_object_get(j, "plan");
    expect_keys(plan, "jid:s name:s type:s nodes:a");
    cr_assert_str_eq(str_of(plan, "jid"), s.job_text);
    expect_keys(item(plan, "nodes", 0), "id:s operator:s parallelism:i operator_strategy:s description:s "
                                        "optimizer_properties:o inputs:a");
    cr_assert_str_eq(str_of(item(plan, "nodes", 0), "id"), str_of(item(j, "vertices", 1), "id"), "sinks first");
    cr_assert_null(json_object_get(item(plan, "nodes", 1), "inputs"), "a source has none");
    json_decref(j);
    teardown(&s);
}

Test(answers, status_plan_config_and_result_of_a_running_job)
{
    scene s;
    setup(&s);
    json_t *j = get(&s, "/jobs/$J/status");
    cr_assert_str_eq(str_of(j, "status"), "RUNNING");
    json_decref(j);
    j = get(&s, "/jobs/$J/plan");
    expect_keys(j, "plan:o");
    json_decref(j);
    j = get(&s, "/jobs/$J/config");
    expect_keys(j, "jid:s name:s execution-config:o");
    expect_keys(json_object_get(j, "execution-config"),
                "restart-strategy:s job-parallelism:i object-reuse-mode:b user-config:o");
    json_decref(j);
    j = get(&s, "/jobs/$J/execution-result");
    cr_assert_str_eq(str_of(json_object_get(j, "status"), "id"), "IN_PROGRESS");
    cr_assert_null(json_object_get(j, "job-execution-result"));
    json_decref(j);
    j = get(&s, "/jobs/$J/exceptions");
    cr_assert_eq(json_array_size(json_object_get(json_object_get(j, "exceptionHistory"), "entries")), 0u);
    json_decref(j);
    teardown(&s);
}

Test(answers, a_failed_job_tells_why_in_exceptions_and_result)
{
    scene s;
    setup(&s);
    tm_report(&s.a, &s.job, 1, 0, WSL__PB__TASK_STATE__TASK_FAILED, "row 3: bad");
    tm_report(&s.b, &s.job, 1, 1, WSL__PB__TASK_STATE__TASK_FAILED, "also bad");
    (void)tm_answer_cancels(&s.a);
    (void)tm_answer_cancels(&s.b);
    json_t *j = get(&s, "/jobs/$J/exceptions?maxExceptions=10");
    const json_t *history = json_object_get(j, "exceptionHistory");
    expect_keys(history, "entries:a truncated:b");
    const json_t *entry = item(history, "entries", 0);
    expect_keys(entry, "exceptionName:s stacktrace:s timestamp:i failureLabels:o taskName:s endpoint:s taskManagerId:s "
                       "concurrentExceptions:a");
    cr_assert(has_text(str_of(entry, "stacktrace"), "row 3: bad"));
    cr_assert_str_eq(str_of(entry, "endpoint"), "10.0.0.1:5000");
    cr_assert(has_text(str_of(item(entry, "concurrentExceptions", 0), "stacktrace"), "also bad"));
    json_decref(j);
    j = get(&s, "/jobs/$J/execution-result");
    const json_t *result = json_object_get(j, "job-execution-result");
    expect_keys(result,
                "id:s name:s application-id:s application-status:s accumulator-results:o net-runtime:i start-time:i "
                "end-time:i failure-cause:o");
    cr_assert_str_eq(str_of(result, "application-status"), "FAILED");
    expect_keys(json_object_get(result, "failure-cause"), "class:s stack-trace:s serialized-throwable:s");
    json_decref(j);
    json_decref(call(&s, "PATCH", "/jobs/$J?mode=cancel", 0, 409));
    teardown(&s);
}

Test(answers, cancel_answers_202_until_the_job_is_over)
{
    scene s;
    setup(&s);
    json_t *j = call(&s, "PATCH", "/jobs/$J?mode=cancel", 0, 202);
    cr_assert_eq(json_object_size(j), 0u);
    json_decref(j);
    kit_expect_state(&s.k, &s.job, "CANCELLING");
    json_decref(call(&s, "GET", "/jobs/$J/yarn-cancel", 0, 202));
    (void)tm_answer_cancels(&s.a);
    (void)tm_answer_cancels(&s.b);
    kit_expect_state(&s.k, &s.job, "CANCELED");
    json_decref(call(&s, "PATCH", "/jobs/$J", 0, 202));
    json_decref(call(&s, "PATCH", "/jobs/$J?mode=stop", 0, 308));
    json_decref(call(&s, "PATCH", "/jobs/$J?mode=explode", 0, 400));
    teardown(&s);
}

/* ---- errors ---- */

static void expect_error(scene *s, const char *method, const char *target, int status, const char *words)
{
    json_t *j = call(s, method, target, 1, status);
    const char *text = json_string_value(item(j, "errors", 0));
    cr_assert_not_null(text);
    cr_assert(has_text(text, words), "%s", text);
    json_decref(j);
}

Test(answers, errors_have_flinks_statuses_and_one_sentence)
{
    scene s;
    setup(&s);
    expect_error(&s, "GET", "/jobs/xyz", 400, "32 hex digits");
    expect_error(&s, "GET", "/jobs/00000000000000000000000000000000", 404, "not found");
    expect_error(&s, "GET", "/jobs/$J/vertices/zz", 400, "vertex id");
    expect_error(&s, "GET", "/jobs/$J/vertices/00000000000000000000000000000000", 404, "not found");
    expect_error(&s, "GET", "/jobs/$J/vertices/$V/subtasks/9/metrics", 404, "has 2");
    expect_error(&s, "GET", "/jobs/$J/vertices/$V/subtasks/-1/metrics", 400, "subtask number");
    expect_error(&s, "GET", "/jobs/$J/vertices/$V/subtasks/metrics?agg=median", 400, "median");
    expect_error(&s, "GET", "/jobs/$J/vertices/$V/subtasks/metrics?subtasks=a-b", 400, "0-3,7");
    expect_error(&s, "GET", "/jobs/$J/exceptions?maxExceptions=x", 400, "maxExceptions");
    expect_error(&s, "GET", "/taskmanagers/nobody", 404, "not found");
    expect_error(&s, "POST", "/overview", 404, "Not found: /overview");
    expect_error(&s, "HEAD", "/overview", 404, "Not found");
    expect_error(&s, "GET", "/no/such/path", 404, "Unable to load requested file /no/such/path.");
    teardown(&s);
}

/* ---- vertices ---- */

Test(answers, a_vertex_lists_its_subtasks_and_distributions)
{
    scene s;
    setup(&s);
    json_t *j = get(&s, "/jobs/$J/vertices/$V");
    expect_keys(j, "id:s name:s parallelism:i maxParallelism:i now:i subtasks:a aggregated:o");
    const json_t *t = item(j, "subtasks", 1);
    expect_keys(t, "subtask:i status:s attempt:i endpoint:s start-time:i start_time:i end-time:i duration:i metrics:o "
                   "taskmanager-id:s status-duration:o");
    cr_assert_eq(int_of(t, "subtask"), 1);
    cr_assert_str_eq(str_of(t, "taskmanager-id"), "10.0.0.2:5000-123456");
    cr_assert_str_eq(str_of(t, "endpoint"), "10.0.0.2:5000");
    expect_keys(json_object_get(t, "metrics"), io_keys);
    const json_t *aggregated = json_object_get(j, "aggregated");
    expect_keys(aggregated, "metrics:o status-duration:o");
    expect_keys(json_object_get(json_object_get(aggregated, "metrics"), "read-records"), dist_keys);
    expect_keys(json_object_get(json_object_get(aggregated, "status-duration"), "RUNNING"), dist_keys);
    json_decref(j);
    teardown(&s);
}

Test(answers, times_taskmanagers_backpressure_and_watermarks_of_a_vertex)
{
    scene s;
    setup(&s);
    json_t *j = get(&s, "/jobs/$J/vertices/$V/subtasktimes");
    expect_keys(j, "id:s name:s now:i subtasks:a");
    expect_keys(item(j, "subtasks", 0), "subtask:i endpoint:s duration:i timestamps:o");
    expect_keys(json_object_get(item(j, "subtasks", 0), "timestamps"), tasks_keys);
    json_decref(j);
    j = get(&s, "/jobs/$J/vertices/$V/taskmanagers");
    expect_keys(j, "id:s name:s now:i taskmanagers:a");
    cr_assert_eq(json_array_size(json_object_get(j, "taskmanagers")), 2u);
    const json_t *tm = item(j, "taskmanagers", 0);
    expect_keys(tm, "endpoint:s status:s start-time:i end-time:i duration:i metrics:o status-counts:o taskmanager-id:s "
                    "aggregated:o");
    cr_assert_str_eq(str_of(tm, "status"), "RUNNING");
    cr_assert_eq(int_of(json_object_get(tm, "status-counts"), "RUNNING"), 1);
    json_decref(j);
    j = get(&s, "/jobs/$J/vertices/$V/backpressure");
    expect_keys(j, "status:s backpressureLevel:s backpressure-level:s end-timestamp:i subtasks:a");
    expect_keys(item(j, "subtasks", 0),
                "subtask:i backpressureLevel:s backpressure-level:s ratio:n idleRatio:n busyRatio:n "
                "attempt-number:i");
    json_decref(j);
    j = get(&s, "/jobs/$J/vertices/$V/watermarks");
    cr_assert_eq(json_array_size(j), 2u);
    cr_assert_str_eq(str_of(json_array_get(j, 1), "id"), "1.currentInputWatermark");
    cr_assert_str_eq(str_of(json_array_get(j, 1), "value"), "-9223372036854775808");
    json_decref(j);
    j = call(&s, "GET", "/jobs/$J/vertices/$V/watermarks", 0, 200);
    cr_assert_eq(json_array_size(j), 0u, "a source has no input watermark");
    json_decref(j);
    teardown(&s);
}

/* ---- metrics ---- */

static void send_metrics(scene *s, fake_tm *t, uint32_t subtask, uint64_t records)
{
    Wsl__Pb__TaskId id;
    Wsl__Pb__TaskMetrics m = WSL__PB__TASK_METRICS__INIT;
    Wsl__Pb__TaskMetrics *list[] = {&m};
    Wsl__Pb__NamedCount count = {.base = PROTOBUF_C_MESSAGE_INIT(&wsl__pb__named_count__descriptor),
                                 .name = wsl_pb_text("my_op__a_b.late"),
                                 .value = 4};
    Wsl__Pb__NamedCount *counts[] = {&count};
    Wsl__Pb__ChannelMetrics channel = WSL__PB__CHANNEL_METRICS__INIT;
    Wsl__Pb__ChannelMetrics *channels[] = {&channel};
    Wsl__Pb__TmHeartbeat h = WSL__PB__TM_HEARTBEAT__INIT;
    wsl_pb_task_id_init(&id, &s->job, 1, subtask, 1);
    channel.peer_subtask = 1;
    channel.credits = 3;
    channel.queue = 2;
    m.task = &id;
    m.records_in = records;
    m.counts = counts;
    m.n_counts = 1;
    m.inputs = channels;
    m.n_inputs = 1;
    h.tasks = list;
    h.n_tasks = 1;
    tm_send(t, WSL__PB__ENVELOPE__BODY_TM_HEARTBEAT, &h);
}

static const char *value_of(const json_t *list, const char *id)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (strcmp(str_of(json_array_get(list, i), "id"), id) == 0) {
            return str_of(json_array_get(list, i), "value");
        }
    }
    return "missing";
}

Test(answers, metrics_are_names_without_get_and_texts_with_it)
{
    scene s;
    setup(&s);
    send_metrics(&s, &s.a, 0, 100);
    send_metrics(&s, &s.b, 1, 300);
    json_t *j = get(&s, "/jobs/$J/vertices/$V/metrics");
    cr_assert_gt(json_array_size(j), 40u);
    cr_assert_eq(json_object_size(json_array_get(j, 0)), 1u, "an id and nothing else");
    json_decref(j);
    j = get(&s, "/jobs/$J/vertices/$V/metrics?get=0.numRecordsIn,1.numRecordsIn,0.nonsense,0.my_op__a_b.late,"
                "0.channel.input.0.1.queue,0.isBackPressured");
    cr_assert_eq(json_array_size(j), 5u);
    cr_assert_str_eq(value_of(j, "0.numRecordsIn"), "100");
    cr_assert_str_eq(value_of(j, "1.numRecordsIn"), "300");
    cr_assert_str_eq(value_of(j, "0.my_op__a_b.late"), "4");
    cr_assert_str_eq(value_of(j, "0.channel.input.0.1.queue"), "2");
    cr_assert_str_eq(value_of(j, "0.isBackPressured"), "false");
    json_decref(j);
    j = get(&s, "/jobs/$J/vertices/$V/subtasks/1/metrics?get=numRecordsIn");
    cr_assert_str_eq(value_of(j, "numRecordsIn"), "300");
    json_decref(j);
    j = get(&s, "/jobs/$J/vertices/$V/metrics?get=nothing");
    cr_assert_eq(json_array_size(j), 0u);
    json_decref(j);
    teardown(&s);
}

Test(answers, aggregated_metrics_fold_what_was_asked)
{
    scene s;
    setup(&s);
    send_metrics(&s, &s.a, 0, 100);
    send_metrics(&s, &s.b, 1, 300);
    json_t *j = get(&s, "/jobs/$J/vertices/$V/subtasks/metrics?get=numRecordsIn");
    const json_t *m = json_array_get(j, 0);
    cr_assert_float_eq(json_number_value(json_object_get(m, "min")), 100, 1e-9);
    cr_assert_float_eq(json_number_value(json_object_get(m, "max")), 300, 1e-9);
    cr_assert_float_eq(json_number_value(json_object_get(m, "avg")), 200, 1e-9);
    cr_assert_float_eq(json_number_value(json_object_get(m, "sum")), 400, 1e-9);
    cr_assert_float_eq(json_number_value(json_object_get(m, "skew")), 50, 1e-9);
    json_decref(j);
    j = get(&s, "/jobs/$J/vertices/$V/subtasks/metrics?get=numRecordsIn&agg=sum,max&subtasks=1");
    cr_assert_eq(json_object_size(json_array_get(j, 0)), 3u);
    cr_assert_float_eq(json_number_value(json_object_get(json_array_get(j, 0), "sum")), 300, 1e-9);
    json_decref(j);
    j = get(&s, "/jobs/metrics?get=numRestarts");
    cr_assert_float_eq(json_number_value(json_object_get(json_array_get(j, 0), "max")), 0, 1e-9);
    json_decref(j);
    j = get(&s, "/taskmanagers/metrics?get=Status.JVM.Memory.Heap.Max&agg=sum");
    cr_assert_float_eq(json_number_value(json_object_get(json_array_get(j, 0), "sum")), 17179869184.0, 1);
    json_decref(j);
    teardown(&s);
}

Test(answers, process_and_job_metrics_have_flinks_names)
{
    scene s;
    setup(&s);
    json_t *j =
        get(&s, "/jobmanager/metrics?get=taskSlotsTotal,taskSlotsAvailable,numRunningJobs,Status.JVM.Memory.Heap.Used");
    cr_assert_str_eq(value_of(j, "taskSlotsTotal"), "4");
    cr_assert_str_eq(value_of(j, "taskSlotsAvailable"), "2");
    cr_assert_str_eq(value_of(j, "numRunningJobs"), "1");
    cr_assert_str_eq(value_of(j, "Status.JVM.Memory.Heap.Used"), "1000");
    json_decref(j);
    kit_advance(&s.k, 500);
    j = get(&s, "/jobs/$J/metrics?get=uptime,runningTime,createdTime,fullRestarts");
    cr_assert_str_eq(value_of(j, "uptime"), "500");
    cr_assert_str_eq(value_of(j, "runningTime"), "500");
    cr_assert_str_eq(value_of(j, "createdTime"), "0");
    cr_assert_str_eq(value_of(j, "fullRestarts"), "0");
    json_decref(j);
    teardown(&s);
}

/* ---- TaskManagers ---- */

Test(answers, taskmanagers_show_slots_memory_and_what_runs_there)
{
    scene s;
    setup(&s);
    json_t *j = get(&s, "/taskmanagers");
    static const char worker[] = "id:s path:s dataPort:i jmxPort:i timeSinceLastHeartbeat:i slotsNumber:i freeSlots:i "
                                 "assignedTasks:i totalResource:o freeResource:o hardware:o memoryConfiguration:o";
    const json_t *w = item(j, "taskmanagers", 0);
    expect_keys(w, worker);
    expect_keys(json_object_get(w, "totalResource"),
                "cpuCores:n taskHeapMemory:i taskOffHeapMemory:i managedMemory:i networkMemory:i extendedResources:o");
    expect_keys(json_object_get(w, "hardware"), "cpuCores:i physicalMemory:i freeMemory:i managedMemory:i");
    expect_keys(
        json_object_get(w, "memoryConfiguration"),
        "frameworkHeap:z taskHeap:z frameworkOffHeap:z taskOffHeap:z networkMemory:i managedMemory:z jvmMetaspace:z "
        "jvmOverhead:z totalFlinkMemory:z totalProcessMemory:z");
    cr_assert_eq(int_of(w, "slotsNumber"), 2);
    cr_assert_eq(int_of(w, "freeSlots"), 1);
    cr_assert_eq(int_of(w, "assignedTasks"), 2);
    cr_assert_eq(int_of(w, "dataPort"), 5000);
    json_decref(j);
    j = get(&s, "/taskmanagers/10.0.0.1:5000-abcdef");
    expect_keys(j, worker);
    expect_keys(j, "allocatedSlots:a metrics:o");
    expect_keys(item(j, "allocatedSlots", 0), "jobId:s resource:o assignedTasks:i");
    cr_assert_str_eq(str_of(item(j, "allocatedSlots", 0), "jobId"), s.job_text);
    cr_assert_eq(int_of(item(j, "allocatedSlots", 0), "assignedTasks"), 2);
    expect_keys(json_object_get(j, "metrics"),
                "heapUsed:i heapCommitted:i heapMax:i nonHeapUsed:i nonHeapCommitted:i nonHeapMax:i directCount:i "
                "directUsed:i directMax:i mappedCount:i mappedUsed:i mappedMax:i nettyShuffleMemorySegmentsAvailable:i "
                "nettyShuffleMemorySegmentsUsed:i nettyShuffleMemorySegmentsTotal:i nettyShuffleMemoryAvailable:i "
                "nettyShuffleMemoryUsed:i nettyShuffleMemoryTotal:i garbageCollectors:a");
    json_decref(j);
    teardown(&s);
}

/* ---- our own ---- */

Test(answers, one_request_has_all_the_live_line_needs)
{
    scene s;
    setup(&s);
    json_t *j = get(&s, "/wiesel/v1/jobs/$J");
    expect_keys(j,
                "id:s name:s state:s ended:b waiting:s failure:s start-time:i end-time:i duration:i now:i tasks:o "
                "records-in:i records-out:i records-in-per-second:n records-out-per-second:n watermark-lag:z busiest:o "
                "vertices:a collect:a repeating-sinks:a");
    expect_keys(item(j, "vertices", 0),
                "id:s name:s parallelism:i status:s records-in:i records-out:i "
                "records-in-per-second:n records-out-per-second:n busy:n backpressured:n idle:n "
                "watermark:z");
    cr_assert(json_is_null(json_object_get(j, "watermark-lag")));
    json_decref(j);
    teardown(&s);
}

Test(answers, a_graph_is_submitted_as_json_or_protobuf_and_nothing_else)
{
    scene s;
    jm_response r;
    setup(&s);
    const char *json = "{\"name\":\"second\"," KIT_OPERATORS;
    ask(&s, "POST", "/wiesel/v1/jobs", "application/json; charset=UTF-8", json, strlen(json), &r);
    cr_assert_eq(r.status, 202, "%s", r.body.data);
    json_t *j = parse(&r);
    cr_assert_eq(strlen(str_of(j, "jobid")), 32u);
    json_decref(j);
    jm_response_fini(&r);

    uint8_t *bytes = NULL;
    size_t size = 0;
    wsl_job_graph *graph = kit_graph(json);
    wsl_job_graph_encode(graph, &bytes, &size);
    wsl_job_graph_free(graph);
    ask(&s, "POST", "/wiesel/v1/jobs", "application/x-protobuf", bytes, size, &r);
    cr_assert_eq(r.status, 202, "%s", r.body.data);
    jm_response_fini(&r);
    free(bytes);

    ask(&s, "POST", "/wiesel/v1/jobs", "text/plain", json, strlen(json), &r);
    cr_assert_eq(r.status, 400);
    cr_assert(has_text(r.body.data, "application/x-protobuf or application/json"), "%s", r.body.data);
    jm_response_fini(&r);
    ask(&s, "POST", "/wiesel/v1/jobs", "application/json", "{\"nam\":1}", 9, &r);
    cr_assert_eq(r.status, 400);
    jm_response_fini(&r);
    ask(&s, "POST", "/wiesel/v1/jobs", "application/json", NULL, 0, &r);
    cr_assert_eq(r.status, 400);
    cr_assert(has_text(r.body.data, "no body"), "%s", r.body.data);
    jm_response_fini(&r);
    teardown(&s);
}

Test(answers, an_artifact_is_put_and_named_by_its_hash)
{
    scene s;
    jm_response r;
    char text[WSL_ID_TEXT_SIZE];
    const wsl_id hash = wsl_id_of_bytes("abc", 3);
    setup(&s);
    ask(&s, "POST", "/wiesel/v1/artifacts", "application/octet-stream", "abc", 3, &r);
    cr_assert_eq(r.status, 200);
    json_t *j = parse(&r);
    cr_assert_str_eq(str_of(j, "hash"), wsl_id_text(&hash, text));
    json_decref(j);
    jm_response_fini(&r);
    ask(&s, "POST", "/wiesel/v1/artifacts", "application/octet-stream", "", 0, &r);
    cr_assert_eq(r.status, 400);
    jm_response_fini(&r);
    teardown(&s);
}

Test(answers, collected_rows_are_read_as_json_and_acknowledged)
{
    scene s;
    jm_response r;
    setup(&s);
    const wsl_id job =
        kit_submit(&s.k, "{\"name\":\"c\",\"schemas\":{\"s\":{\"k\":\"STRING\",\"v\":\"BIGINT\"}},\"operators\":["
                         "{\"name\":\"in\",\"source\":\"datagen\",\"schema\":\"s\"},"
                         "{\"name\":\"out\",\"sink\":\"collect\"}]}");
    uint64_t memory[64];
    wsl_row_writer w;
    cr_assert(wsl_row_writer_init(&w, memory, sizeof memory, 2));
    wsl_row_set_str(&w, 0, wsl_str_of("a\"b"));
    wsl_row_set_int64(&w, 1, 7);
    cr_assert_not(w.overflow);
    fake_tm *t = tm_count(&s.a, WSL__PB__ENVELOPE__BODY_DEPLOY) > 0 ? &s.a : &s.b;
    wsl_envelope *e = tm_take(t, WSL__PB__ENVELOPE__BODY_DEPLOY);
    Wsl__Pb__CollectData d = WSL__PB__COLLECT_DATA__INIT;
    d.task = e->deploy->task;
    d.operator_ = 1;
    d.sequence = 1;
    d.rows = wsl_pb_bytes(memory, w.row->size);
    tm_send(t, WSL__PB__ENVELOPE__BODY_COLLECT_DATA, &d);
    char target[128];
    char text[WSL_ID_TEXT_SIZE];
    (void)snprintf(target, sizeof target, "/wiesel/v1/jobs/%s/collect?from=0", wsl_id_text(&job, text));
    ask(&s, "GET", target, "", NULL, 0, &r);
    json_t *j = parse(&r);
    cr_assert_eq(int_of(j, "next"), 1);
    cr_assert(json_is_false(json_object_get(j, "end")));
    cr_assert_str_eq(str_of(item(j, "rows", 0), "k"), "a\"b");
    cr_assert_eq(int_of(item(j, "rows", 0), "v"), 7);
    json_decref(j);
    jm_response_fini(&r);
    cr_assert_eq(tm_count(t, WSL__PB__ENVELOPE__BODY_COLLECT_ACK), 0u);
    (void)snprintf(target, sizeof target, "/wiesel/v1/jobs/%s/collect?from=1", text);
    ask(&s, "GET", target, "", NULL, 0, &r);
    jm_response_fini(&r);
    cr_assert_eq(tm_count(t, WSL__PB__ENVELOPE__BODY_COLLECT_ACK), 1u);
    d.sequence = 2;
    d.rows = wsl_pb_bytes("12345678", 8);
    tm_send(t, WSL__PB__ENVELOPE__BODY_COLLECT_DATA, &d);
    cr_assert(has_text(kit_info(&s.k, &job).failure, "broken"), "%s", kit_info(&s.k, &job).failure);
    wsl_envelope_free(e);
    teardown(&s);
}

/* ---- files ---- */

Test(answers, the_page_is_served_and_nothing_outside_of_it)
{
    scene s;
    jm_response r;
    setup(&s);
    wsl_fs *fs = wsl_mem_fs_seam(s.k.files);
    cr_assert_eq(fs->make_dirs(fs, "/web/sub", NULL), WSL_OK);
    cr_assert_eq(wsl_fs_write_atomic(fs, "/web/index.html", "<p>", 3, NULL), WSL_OK);
    cr_assert_eq(wsl_fs_write_atomic(fs, "/web/app.js", "1", 1, NULL), WSL_OK);
    cr_assert_eq(wsl_fs_write_atomic(fs, "/web/.secret", "s", 1, NULL), WSL_OK);
    cr_assert_eq(wsl_fs_write_atomic(fs, "/outside", "s", 1, NULL), WSL_OK);
    ask(&s, "GET", "/", "", NULL, 0, &r);
    cr_assert_eq(r.status, 200);
    cr_assert_str_eq(r.content_type, "text/html; charset=UTF-8");
    cr_assert_str_eq(r.body.data, "<p>");
    jm_response_fini(&r);
    ask(&s, "GET", "/app.js", "", NULL, 0, &r);
    cr_assert_str_eq(r.content_type, "text/javascript; charset=UTF-8");
    jm_response_fini(&r);
    static const char *const refused[] = {"/.secret",           "/../outside",  "/sub",
                                          "/sub/../../outside", "/..\\outside", "/x"};
    for (size_t i = 0; i < WSL_ARRAY_LEN(refused); i++) {
        ask(&s, "GET", refused[i], "", NULL, 0, &r);
        cr_assert_eq(r.status, 404, "%s", refused[i]);
        jm_response_fini(&r);
    }
    teardown(&s);
}
