/* What became of a job's checkpoints: counts, history, details, settings. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/number.h"
#include "jobmanager/jm_core.h"
#include "jobmanager/rest/handlers.h"
#include "jobmanager/rest/json.h"

/* ---- numbers ---- */

typedef struct numbers {
    int64_t *values;
    uint32_t n;
} numbers;

static int by_value(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static void add_percentile(jm_json *j, const char *key, const numbers *s, double part)
{
    if (s->n == 0) {
        jm_json_str(j, key, "NaN");
        return;
    }
    const double at = part * (double)(s->n - 1);
    const uint32_t low = (uint32_t)at, high = low + 1 < s->n ? low + 1 : low;
    const double a = (double)s->values[low], b = (double)s->values[high];
    jm_json_num(j, key, a + (b - a) * (at - (double)low));
}

static void add_stats(jm_json *j, const char *key, numbers *s)
{
    int64_t sum = 0;
    if (s->n > 0) {
        qsort(s->values, s->n, sizeof *s->values, by_value);
    }
    for (uint32_t i = 0; i < s->n; i++) {
        sum += s->values[i];
    }
    jm_json_open(j, key, '{');
    jm_json_int(j, "min", s->n == 0 ? 0 : s->values[0]);
    jm_json_int(j, "max", s->n == 0 ? 0 : s->values[s->n - 1]);
    jm_json_int(j, "avg", s->n == 0 ? 0 : sum / (int64_t)s->n);
    add_percentile(j, "p50", s, 0.5);
    add_percentile(j, "p90", s, 0.9);
    add_percentile(j, "p95", s, 0.95);
    add_percentile(j, "p99", s, 0.99);
    add_percentile(j, "p999", s, 0.999);
    jm_json_close(j);
}

/* Sums over a range of tasks; of the longest step the longest. */
typedef struct sums {
    int64_t last_ack_ms, checkpointed, state, in_flight, longest_step_us;
    uint32_t n, acked;
} sums;

static sums sum_tasks(const jm_checkpoint_stats *c, uint32_t first, uint32_t n)
{
    sums s = {.last_ack_ms = -1, .n = n};
    for (uint32_t i = first; i < first + n; i++) {
        const jm_checkpoint_task_stats *t = &c->tasks[i];
        if (t->acked) {
            s.acked++;
            s.last_ack_ms = t->ack_ms > s.last_ack_ms ? t->ack_ms : s.last_ack_ms;
            s.checkpointed += (int64_t)t->bytes;
            s.state += (int64_t)t->state_bytes;
            s.in_flight += (int64_t)t->in_flight_bytes;
            s.longest_step_us =
                (int64_t)(t->longest_step_ns / 1000) > s.longest_step_us ? (int64_t)(t->longest_step_ns / 1000) : s.longest_step_us;
        }
    }
    return s;
}

static void add_sums(jm_json *j, const jm_checkpoint_stats *c, const sums *s, int64_t end_ms)
{
    jm_json_int(j, "latest_ack_timestamp", s->last_ack_ms);
    jm_json_int(j, "checkpointed_size", s->checkpointed);
    jm_json_int(j, "state_size", s->state);
    jm_json_int(j, "end_to_end_duration", end_ms < 0 ? 0 : end_ms - c->trigger_ms);
    jm_json_int(j, "alignment_buffered", 0);
    jm_json_int(j, "processed_data", 0);
    jm_json_int(j, "persisted_data", s->in_flight);
    jm_json_int(j, "longest_step_us", s->longest_step_us);
    jm_json_int(j, "num_subtasks", s->n);
    jm_json_int(j, "num_acknowledged_subtasks", s->acked);
}

/* ---- one checkpoint ---- */

static const char *status_of(const jm_checkpoint_stats *c)
{
    return c->state == JM_CHECKPOINT_COMPLETED ? "COMPLETED" : c->state == JM_CHECKPOINT_FAILED ? "FAILED" : "IN_PROGRESS";
}

static bool is_savepoint(const jm_checkpoint_stats *c) { return c->kind != WSL__PB__CHECKPOINT_KIND__CHECKPOINT; }

static int64_t end_of(const jm_checkpoint_stats *c, int64_t now_ms) { return c->end_ms < 0 ? now_ms : c->end_ms; }

static void add_vertices(jm_json *j, const jm_job *job, const jm_checkpoint_stats *c)
{
    for (uint32_t v = 0; v < job->plan->n_vertices && jm_coordinator_knows_tasks(job->coordinator, c); v++) {
        char id[WSL_ID_TEXT_SIZE];
        const sums s =
            sum_tasks(c, jm_coordinator_first_task(job->coordinator, v), job->plan->vertices[v].parallelism);
        jm_json_open(j, wsl_id_text(&job->plan->vertices[v].id, id), '{');
        jm_json_uint(j, "id", c->id);
        jm_json_str(j, "status", status_of(c));
        add_sums(j, c, &s, s.last_ack_ms);
        jm_json_close(j);
    }
}

/* The members of a CKPT. */
static void add_checkpoint(jm_json *j, const jm_job *job, const jm_checkpoint_stats *c, bool tasks)
{
    static const char *const types[] = {"CHECKPOINT", "SAVEPOINT", "SYNC_SAVEPOINT"};
    const char *class_name = c->state == JM_CHECKPOINT_COMPLETED ? "completed"
                             : c->state == JM_CHECKPOINT_FAILED  ? "failed"
                                                                 : "in_progress";
    const sums s = sum_tasks(c, 0, c->n_tasks);
    jm_json_str(j, "className", class_name);
    jm_json_uint(j, "id", c->id);
    jm_json_str(j, "status", status_of(c));
    jm_json_bool(j, "is_savepoint", is_savepoint(c));
    jm_json_str_or_null(j, "savepointFormat", is_savepoint(c) ? "CANONICAL" : NULL);
    jm_json_int(j, "trigger_timestamp", c->trigger_ms);
    add_sums(j, c, &s, end_of(c, wsl_wall_ms(job->jm->seams.clock)));
    jm_json_str(j, "checkpoint_type", types[c->kind]);
    jm_json_open(j, "tasks", '{');
    if (tasks) {
        add_vertices(j, job, c);
    }
    jm_json_close(j);
    if (c->state == JM_CHECKPOINT_COMPLETED) {
        jm_json_str_or_null(j, "external_path", c->directory);
        jm_json_bool(j, "discarded", c->discarded);
    } else if (c->state == JM_CHECKPOINT_FAILED) {
        jm_json_int(j, "failure_timestamp", c->end_ms);
        jm_json_str_or_null(j, "failure_message", c->reason);
    }
}

/* ---- GET /jobs/:jobid/checkpoints ---- */

static void add_latest(jm_json *j, const jm_job *job, const char *key, jm_checkpoint_state state, bool any, bool savepoint)
{
    for (uint32_t i = 0;; i++) {
        const jm_checkpoint_stats *c = jm_coordinator_history(job->coordinator, i);
        if (c == NULL) {
            jm_json_null(j, key);
            return;
        }
        if (c->state == state && (any || is_savepoint(c) == savepoint)) {
            jm_json_open(j, key, '{');
            add_checkpoint(j, job, c, false);
            jm_json_close(j);
            return;
        }
    }
}

static void add_restored(jm_json *j, const jm_job *job)
{
    const jm_checkpoint_restored r = jm_coordinator_restored(job->coordinator);
    if (r.id == 0) {
        jm_json_null(j, "restored");
        return;
    }
    jm_json_open(j, "restored", '{');
    jm_json_uint(j, "id", r.id);
    jm_json_int(j, "restore_timestamp", r.at_ms);
    jm_json_bool(j, "is_savepoint", r.savepoint);
    jm_json_str_or_null(j, "external_path", r.path);
    jm_json_close(j);
}

static void add_summary(jm_json *j, const jm_job *job)
{
    uint32_t n = 0;
    while (jm_coordinator_history(job->coordinator, n) != NULL) {
        n++;
    }
    int64_t *room = wsl_calloc(4 * (size_t)n + 1, sizeof *room);
    numbers written = {.values = room}, state = {.values = room + n}, time = {.values = room + 2 * (size_t)n};
    numbers none = {.values = room + 3 * (size_t)n}, in_flight = none;
    for (uint32_t i = 0; i < n; i++) {
        const jm_checkpoint_stats *c = jm_coordinator_history(job->coordinator, i);
        if (c->state == JM_CHECKPOINT_COMPLETED) {
            const sums s = sum_tasks(c, 0, c->n_tasks);
            written.values[written.n++] = s.checkpointed;
            state.values[state.n++] = s.state;
            time.values[time.n++] = c->end_ms - c->trigger_ms;
            in_flight.values[in_flight.n++] = s.in_flight;
        }
    }
    jm_json_open(j, "summary", '{');
    add_stats(j, "checkpointed_size", &written);
    add_stats(j, "state_size", &state);
    add_stats(j, "end_to_end_duration", &time);
    add_stats(j, "alignment_buffered", &none);
    add_stats(j, "processed_data", &none);
    add_stats(j, "persisted_data", &in_flight);
    jm_json_close(j);
    free(room);
}

void jm_h_job_checkpoints(const jm_rest *rest, const jm_request *request, jm_response *response)
{
    const jm_job *job = jm_rest_job(rest, request, response);
    if (job == NULL) {
        return;
    }
    const jm_checkpoint_counts counts = jm_coordinator_counts(job->coordinator);
    jm_json j = jm_json_to(&response->body);
    jm_json_open(&j, NULL, '{');
    jm_json_open(&j, "counts", '{');
    jm_json_uint(&j, "restored", counts.restored);
    jm_json_uint(&j, "total", counts.triggered);
    jm_json_uint(&j, "in_progress", counts.in_progress);
    jm_json_uint(&j, "completed", counts.completed);
    jm_json_uint(&j, "failed", counts.failed);
    jm_json_close(&j);
    add_summary(&j, job);
    jm_json_open(&j, "latest", '{');
    add_latest(&j, job, "completed", JM_CHECKPOINT_COMPLETED, false, false);
    add_latest(&j, job, "savepoint", JM_CHECKPOINT_COMPLETED, false, true);
    add_latest(&j, job, "failed", JM_CHECKPOINT_FAILED, true, false);
    add_restored(&j, job);
    jm_json_close(&j);
    jm_json_open(&j, "history", '[');
    for (uint32_t i = 0; jm_coordinator_history(job->coordinator, i) != NULL; i++) {
        jm_json_open(&j, NULL, '{');
        add_checkpoint(&j, job, jm_coordinator_history(job->coordinator, i), false);
        jm_json_close(&j);
    }
    jm_json_close(&j);
    jm_json_close(&j);
}

/* ---- details ---- */

static const jm_checkpoint_stats *checkpoint_of(const jm_job *job, const char *text, jm_response *response)
{
    int64_t id = 0;
    if (!wsl_parse_whole_int64(text, strlen(text), &id) || id < 0) {
        jm_rest_error(response, 400, "'%s' is not the number of a checkpoint.", text);
        return NULL;
    }
    const jm_checkpoint_stats *c = jm_coordinator_find_stats(job->coordinator, (uint64_t)id);
    if (c == NULL) {
        jm_rest_error(response, 404, "Checkpoint %s is not known (any more).", text);
    }
    return c;
}

void jm_h_job_checkpoint_details(const jm_rest *rest, const jm_request *request, jm_response *response)
{
    const jm_job *job = jm_rest_job(rest, request, response);
    const jm_checkpoint_stats *c = job == NULL ? NULL : checkpoint_of(job, request->params[1], response);
    if (c == NULL) {
        return;
    }
    jm_json j = jm_json_to(&response->body);
    jm_json_open(&j, NULL, '{');
    add_checkpoint(&j, job, c, true);
    jm_json_close(&j);
}

/* ---- settings ---- */

static int64_t ms_of(const jm_job *job, const char *key) { return wsl_config_duration_ns(job->config, key) / WSL_NS_PER_MS; }

void jm_h_job_checkpoints_config(const jm_rest *rest, const jm_request *request, jm_response *response)
{
    const jm_job *job = jm_rest_job(rest, request, response);
    if (job == NULL) {
        return;
    }
    const wsl_config *c = job->config;
    const bool on = jm_coordinator_is_on(job->coordinator);
    const char *retention = wsl_config_str(c, "execution.checkpointing.externalized-checkpoint-retention");
    jm_json j = jm_json_to(&response->body);
    jm_json_open(&j, NULL, '{');
    jm_json_str(&j, "mode",
                strcmp(wsl_config_str(c, "execution.checkpointing.mode"), "EXACTLY_ONCE") == 0 ? "exactly_once"
                                                                                              : "at_least_once");
    jm_json_int(&j, "interval", on ? ms_of(job, "execution.checkpointing.interval") : INT64_MAX);
    jm_json_int(&j, "timeout", ms_of(job, "execution.checkpointing.timeout"));
    jm_json_int(&j, "min_pause", ms_of(job, "execution.checkpointing.min-pause"));
    jm_json_int(&j, "max_concurrent", wsl_config_int(c, "execution.checkpointing.max-concurrent-checkpoints"));
    jm_json_open(&j, "externalization", '{');
    jm_json_bool(&j, "enabled", strcmp(retention, "NO_EXTERNALIZED_CHECKPOINTS") != 0);
    jm_json_bool(&j, "delete_on_cancellation", strcmp(retention, "RETAIN_ON_CANCELLATION") != 0);
    jm_json_close(&j);
    jm_json_str(&j, "state_backend", "hashmap");
    jm_json_str(&j, "checkpoint_storage", "filesystem");
    jm_json_bool(&j, "unaligned_checkpoints", wsl_config_bool(c, "execution.checkpointing.unaligned.enabled"));
    jm_json_int(&j, "tolerable_failed_checkpoints",
                wsl_config_int(c, "execution.checkpointing.tolerable-failed-checkpoints"));
    jm_json_int(&j, "aligned_checkpoint_timeout", ms_of(job, "execution.checkpointing.aligned-checkpoint-timeout"));
    jm_json_bool(&j, "checkpoints_after_tasks_finish",
                 wsl_config_bool(c, "execution.checkpointing.checkpoints-after-tasks-finish.enabled"));
    jm_json_bool(&j, "state_changelog_enabled", false);
    jm_json_int(&j, "changelog_periodic_materialization_interval", 0);
    jm_json_str(&j, "changelog_storage", "none");
    jm_json_close(&j);
}
