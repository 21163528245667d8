/* Endpoints about the cluster as a whole and the JobManager's process. */
#include <string.h>
#include <strings.h>
#include <sys/utsname.h>
#include <time.h>

#include <wiesel/version.h>

#include "jobmanager/rest/handlers.h"
#include "jobmanager/rest/views.h"

enum { REFRESH_INTERVAL_MS = 3000 };

typedef struct outcome_counts {
    int64_t running, finished, canceled, failed;
} outcome_counts;

static outcome_counts count_outcomes(const jm *self)
{
    outcome_counts c = {0};
    for (uint32_t i = 0; i < self->n_jobs; i++) {
        const jm_job_state state = self->jobs[i]->state;
        c.finished += state == JM_JOB_FINISHED;
        c.canceled += state == JM_JOB_CANCELED;
        c.failed += state == JM_JOB_FAILED;
        c.running += !jm_job_state_is_final(state);
    }
    return c;
}

void jm_h_overview(const jm_rest *rest, const jm_request *request, jm_response *response)
{
    (void)request;
    const outcome_counts c = count_outcomes(rest->jm);
    jm_json j = jm_json_to(&response->body);
    jm_json_open(&j, NULL, '{');
    jm_json_int(&j, "taskmanagers", jm_task_managers(rest->jm));
    jm_json_int(&j, "slots-total", jm_slots_total(rest->jm));
    jm_json_int(&j, "slots-available", jm_slots_available(rest->jm));
    jm_json_int(&j, "jobs-running", c.running);
    jm_json_int(&j, "jobs-finished", c.finished);
    jm_json_int(&j, "jobs-cancelled", c.canceled);
    jm_json_int(&j, "jobs-failed", c.failed);
    jm_json_str(&j, "flink-version", WSL_VERSION);
    jm_json_str(&j, "flink-commit", "wiesel");
    jm_json_close(&j);
}

void jm_h_config(const jm_rest *rest, const jm_request *request, jm_response *response)
{
    (void)request;
    struct tm local = {0};
    const time_t now_s = (time_t)(wsl_wall_ms(rest->jm->seams.clock) / 1000);
    (void)localtime_r(&now_s, &local);
    jm_json j = jm_json_to(&response->body);
    jm_json_open(&j, NULL, '{');
    jm_json_int(&j, "refresh-interval", REFRESH_INTERVAL_MS);
    jm_json_str(&j, "timezone-name", local.tm_zone == NULL ? "UTC" : local.tm_zone);
    jm_json_int(&j, "timezone-offset", (int64_t)local.tm_gmtoff * 1000);
    jm_json_str(&j, "flink-version", WSL_VERSION);
    jm_json_str(&j, "flink-revision", "wiesel " WSL_VERSION);
    jm_json_open(&j, "features", '{');
    jm_json_bool(&j, "web-submit", false);
    jm_json_bool(&j, "web-cancel", true);
    jm_json_bool(&j, "web-rescale", false);
    jm_json_bool(&j, "web-history", false);
    jm_json_close(&j);
    jm_json_close(&j);
}

static bool is_secret(const char *key)
{
    static const char *const words[] = {"password", "secret",      "token",      "apikey",
                                        "api-key",  "auth-params", "private-key"};
    for (size_t i = 0; i < WSL_ARRAY_LEN(words); i++) {
        if (strcasestr(key, words[i]) != NULL) {
            return true;
        }
    }
    return false;
}

static void add_option(void *arg, const wsl_option *option, const char *value, const char *origin)
{
    (void)origin;
    jm_json *j = arg;
    if (value == NULL) {
        return;
    }
    jm_json_open(j, NULL, '{');
    jm_json_str(j, "key", option->name);
    jm_json_str(j, "value", is_secret(option->name) ? "******" : value);
    jm_json_close(j);
}

void jm_h_jobmanager_config(const jm_rest *rest, const jm_request *request, jm_response *response)
{
    (void)request;
    jm_json j = jm_json_to(&response->body);
    jm_json_open(&j, NULL, '[');
    wsl_config_each(rest->config, add_option, &j);
    jm_json_close(&j);
}

void jm_h_jobmanager_environment(const jm_rest *rest, const jm_request *request, jm_response *response)
{
    (void)request;
    struct utsname machine = {0};
    (void)uname(&machine);
    jm_json j = jm_json_to(&response->body);
    jm_json_open(&j, NULL, '{');
    jm_json_open(&j, "jvm", '{');
    jm_json_str(&j, "version", "Wiesel " WSL_VERSION " (compiled by " __VERSION__ ")");
    jm_json_str(&j, "arch", machine.machine);
    jm_json_open(&j, "options", '[');
    for (const char *const *a = rest->arguments; a != NULL && *a != NULL; a++) {
        jm_json_str(&j, NULL, *a);
    }
    jm_json_close(&j);
    jm_json_close(&j);
    jm_json_open(&j, "classpath", '[');
    jm_json_close(&j);
    jm_json_close(&j);
}

/* ---- applications: each job is one ---- */

static const char *application_state(jm_job_state state)
{
    switch (state) {
    case JM_JOB_INITIALIZING:
    case JM_JOB_CREATED:
        return "CREATED";
    case JM_JOB_CANCELLING:
        return "CANCELING";
    case JM_JOB_FAILING:
    case JM_JOB_FAILED:
    case JM_JOB_CANCELED:
    case JM_JOB_FINISHED:
        return jm_job_state_name(state);
    default:
        return "RUNNING";
    }
}

void jm_h_applications_overview(const jm_rest *rest, const jm_request *request, jm_response *response)
{
    (void)request;
    const int64_t now_ms = wsl_wall_ms(rest->jm->seams.clock);
    jm_json j = jm_json_to(&response->body);
    jm_json_open(&j, NULL, '{');
    jm_json_open(&j, "applications", '[');
    for (uint32_t i = 0; i < rest->jm->n_jobs; i++) {
        const jm_job *job = rest->jm->jobs[i];
        jm_json_open(&j, NULL, '{');
        jm_json_str(&j, "id", job->id_text);
        jm_json_str(&j, "name", jm_job_name(job));
        jm_json_span(&j, jm_job_span(job), now_ms);
        jm_json_str(&j, "status", application_state(job->state));
        jm_json_open(&j, "jobs", '{');
        jm_json_int(&j, jm_job_state_name(job->state), 1);
        jm_json_close(&j);
        jm_json_close(&j);
    }
    jm_json_close(&j);
    jm_json_close(&j);
}
