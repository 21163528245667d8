/* Checkpoints, restarts and savepoints of a whole JobManager; TaskManagers only acknowledge. */
#include <jansson.h>

#include "recovery_kit.h"

#include "base/alloc.h"
#include "base/cluster_options.h"
#include "ckpt/metadata.h"
#include "ckpt/storage.h"
#include "graph/pb.h"
#include "jobmanager/jm_core.h"
#include "jobmanager/rest/rest.h"

/* ---- restarts ---- */

Test(recovery, a_failed_task_restarts_the_job_from_its_latest_checkpoint)
{
    kit k;
    fake_tm t;
    kit_init(&k);
    tm_join(&t, &k, "h:1-a", 2);
    const wsl_id job = submit(&k, 2, "");
    cr_assert_eq(run_all(&t, 1, 0), 4u);
    (void)complete_one(&t, &job, 1, 2);
    const uint64_t id = complete_one(&t, &job, 1, 2);

    report_at(&t, &job, 1, 1, 0, FAILED, "the disk is on fire");
    kit_expect_state(&k, &job, "RESTARTING");
    cr_assert(has_text(kit_info(&k, &job).failure, "the disk is on fire"));
    cr_assert(has_text(kit_info(&k, &job).waiting, "3 tasks to be canceled"), "%s", kit_info(&k, &job).waiting);
    cr_assert_eq(cancel_all(&t), 3u);
    cr_assert(has_text(kit_info(&k, &job).waiting, "restarts in 1.0 s"), "%s", kit_info(&k, &job).waiting);
    advance_to_restart(&t, 900);
    kit_expect_state(&k, &job, "RESTARTING");
    cr_assert_eq(jm_slots_available(k.jm), 0u, "held for the new attempt");
    advance_to_restart(&t, 100);
    kit_expect_state(&k, &job, "RUNNING");

    wsl_envelope *e = tm_take(&t, WSL__PB__ENVELOPE__BODY_DEPLOY);
    cr_assert_eq(e->deploy->task->attempt, 2u);
    cr_assert_eq(e->deploy->restored_checkpoint, id);
    cr_assert_not_null(e->deploy->restore);
    cr_assert_eq(e->deploy->restore->operators[0]->watermark, 100 + (int64_t)id);
    char dir[128], text[WSL_ID_TEXT_SIZE];
    (void)snprintf(dir, sizeof dir, "/ckpt/%s", wsl_id_text(&job, text));
    cr_assert_str_eq(e->deploy->checkpoint_dir, dir);
    report(&t, e->deploy->task, RUNNING, "", false);
    wsl_envelope_free(e);
    cr_assert_eq(run_all(&t, 2, id), 3u);
    cr_assert_eq(kit_info(&k, &job).restarts, 1u);
    cr_assert_str_eq(kit_info(&k, &job).failure, "", "it got over it");
    cr_assert_eq(complete_one(&t, &job, 2, 2), id + 1);
    for (uint32_t v = 0; v < 2; v++) {
        report_at(&t, &job, 2, v, 0, FINISHED, "");
        report_at(&t, &job, 2, v, 1, FINISHED, "");
    }
    kit_expect_state(&k, &job, "FINISHED");
    tm_fini(&t);
    kit_fini(&k);
}

Test(recovery, reports_and_acknowledgements_of_the_attempt_before_change_nothing)
{
    kit k;
    fake_tm t;
    kit_init(&k);
    tm_join(&t, &k, "h:1-a", 1);
    const wsl_id job = submit(&k, 1, "");
    (void)run_all(&t, 1, 0);
    const uint64_t id = next_trigger(&t);
    ack(&t, &job, 1, id, 0, 0);
    report_at(&t, &job, 1, 1, 0, FAILED, "x");
    (void)cancel_all(&t);
    (void)drop_all(&t, WSL__PB__ENVELOPE__BODY_CHECKPOINT_ENDED); /* given up */
    advance_to_restart(&t, 1000);
    cr_assert_eq(run_all(&t, 2, 0), 2u);
    ack(&t, &job, 1, id, 1, 0);
    report_at(&t, &job, 1, 0, 0, FAILED, "a zombie");
    kit_expect_state(&k, &job, "RUNNING");
    cr_assert_eq(complete_one(&t, &job, 2, 1), id + 1);
    tm_fini(&t);
    kit_fini(&k);
}

Test(recovery, a_lost_taskmanager_is_replaced_by_free_slots_or_waited_for)
{
    kit k;
    fake_tm a, b, c;
    kit_init(&k);
    tm_join(&a, &k, "h:1-a", 1);
    tm_join(&b, &k, "h:2-b", 1);
    const wsl_id job = submit(&k, 2, "");
    (void)run_all(&a, 1, 0);
    (void)run_all(&b, 1, 0);
    tm_fini(&a);
    kit_step(&k);
    kit_expect_state(&k, &job, "RESTARTING");
    cr_assert(has_text(kit_info(&k, &job).failure, "TaskManager h:1-a was lost"), "%s", kit_info(&k, &job).failure);
    (void)cancel_all(&b);
    advance_to_restart(&b, 2000);
    kit_expect_state(&k, &job, "RESTARTING");
    cr_assert(has_text(kit_info(&k, &job).waiting, "needs 2 slots, 1 free"), "%s", kit_info(&k, &job).waiting);
    for (uint32_t i = 0; i < 1000; i++) { /* longer than slot.request.timeout: it goes on waiting */
        advance_to_restart(&b, 500);
    }
    kit_expect_state(&k, &job, "RESTARTING");
    tm_join(&c, &k, "h:3-c", 1);
    kit_step(&k);
    kit_expect_state(&k, &job, "RUNNING");
    cr_assert_eq(run_all(&b, 2, 0), 2u);
    cr_assert_eq(run_all(&c, 2, 0), 2u);
    kit_expect_state(&k, &job, "RUNNING");
    tm_fini(&b);
    tm_fini(&c);
    kit_fini(&k);
}

Test(recovery, a_job_that_restarts_is_canceled_at_once)
{
    kit k;
    fake_tm t;
    wsl_error err = {0};
    kit_init(&k);
    tm_join(&t, &k, "h:1-a", 1);
    const wsl_id job = submit(&k, 1, "");
    (void)run_all(&t, 1, 0);
    report_at(&t, &job, 1, 1, 0, FAILED, "x");
    (void)cancel_all(&t);
    kit_expect_state(&k, &job, "RESTARTING");
    cr_assert_eq(jm_cancel(k.jm, &job, &err), WSL_OK);
    kit_expect_state(&k, &job, "CANCELED");
    advance_to_restart(&t, 5000);
    cr_assert_eq(run_all(&t, 2, 0), 0u);
    tm_fini(&t);
    kit_fini(&k);
}

Test(recovery, failures_beyond_the_strategy_end_the_job_with_the_last_root_cause)
{
    kit k;
    fake_tm t;
    kit_init(&k);
    tm_join(&t, &k, "h:1-a", 1);
    const wsl_id job = submit(&k, 1, ",\"restart-strategy.type\":\"fixed-delay\",\"restart-strategy.fixed-delay.attempts\":\"2\"");
    for (uint32_t attempt = 1; attempt <= 3; attempt++) {
        char text[32];
        cr_assert_eq(run_all(&t, attempt, 0), 2u);
        (void)snprintf(text, sizeof text, "failure %u", attempt);
        report_at(&t, &job, attempt, 1, 0, FAILED, text);
        (void)cancel_all(&t);
        advance_to_restart(&t, 1000);
    }
    kit_expect_state(&k, &job, "FAILED");
    cr_assert(has_text(kit_info(&k, &job).failure, "failure 3"), "%s", kit_info(&k, &job).failure);
    const jm_job *j = jm_find_job(k.jm, &job);
    cr_assert_eq(j->n_failures, 3u, "the history keeps all attempts");
    cr_assert(has_text(j->failures[0].text, "failure 1"));
    tm_fini(&t);
    kit_fini(&k);
}

Test(recovery, without_checkpoints_a_failure_ends_the_job_unless_it_is_told_to_restart)
{
    kit k;
    fake_tm t;
    kit_init(&k);
    tm_join(&t, &k, "h:1-a", 1);
    const wsl_id plain = kit_submit_counting(&k, 1);
    (void)run_all(&t, 1, 0);
    report_at(&t, &plain, 1, 0, 0, FAILED, "x");
    (void)cancel_all(&t);
    kit_expect_state(&k, &plain, "FAILED");
    const wsl_id again = kit_submit(&k, "{\"name\":\"c\",\"config\":{\"restart-strategy.type\":\"fixed-delay\"}," KIT_OPERATORS);
    (void)run_all(&t, 1, 0);
    report_at(&t, &again, 1, 0, 0, FAILED, "x");
    (void)cancel_all(&t);
    advance_to_restart(&t, 1000);
    cr_assert_eq(run_all(&t, 2, 0), 2u);
    kit_expect_state(&k, &again, "RUNNING");
    tm_fini(&t);
    kit_fini(&k);
}

Test(recovery, damage_goes_back_one_checkpoint_further_and_ends_the_job_when_none_is_left)
{
    kit k;
    fake_tm t;
    kit_init(&k);
    tm_join(&t, &k, "h:1-a", 1);
    const wsl_id job = submit(&k, 1, ",\"execution.checkpointing.num-retained\":\"2\"");
    (void)run_all(&t, 1, 0);
    const uint64_t a = complete_one(&t, &job, 1, 1), b = complete_one(&t, &job, 1, 1);
    report_at(&t, &job, 1, 1, 0, FAILED, "x");
    (void)cancel_all(&t);
    uint64_t expected = b;
    for (uint32_t attempt = 2; attempt <= 3; attempt++) {
        advance_to_restart(&t, 10000);
        wsl_envelope *e = tm_take(&t, WSL__PB__ENVELOPE__BODY_DEPLOY);
        cr_assert_not_null(e);
        cr_assert_eq(e->deploy->restored_checkpoint, expected);
        report(&t, e->deploy->task, FAILED, "chk: checksum is wrong", true);
        wsl_envelope_free(e);
        (void)drop_all(&t, WSL__PB__ENVELOPE__BODY_DEPLOY);
        (void)cancel_all(&t);
        expected = a;
    }
    advance_to_restart(&t, 10000);
    kit_expect_state(&k, &job, "FAILED");
    cr_assert(has_text(kit_info(&k, &job).failure, "every checkpoint that was kept is damaged"), "%s",
              kit_info(&k, &job).failure);
    tm_fini(&t);
    kit_fini(&k);
}

Test(recovery, too_many_failed_checkpoints_restart_the_job)
{
    kit k;
    fake_tm t;
    kit_init(&k);
    tm_join(&t, &k, "h:1-a", 1);
    const wsl_id job = submit(&k, 1, "");
    (void)run_all(&t, 1, 0);
    const uint64_t id = next_trigger(&t);
    Wsl__Pb__TaskId task;
    Wsl__Pb__CheckpointDeclined d = WSL__PB__CHECKPOINT_DECLINED__INIT;
    wsl_pb_task_id_init(&task, &job, 1, 0, 1);
    d.task = &task;
    d.checkpoint = id;
    d.reason = wsl_pb_text("no space left");
    tm_send(&t, WSL__PB__ENVELOPE__BODY_CHECKPOINT_DECLINED, &d);
    kit_expect_state(&k, &job, "RESTARTING");
    cr_assert(has_text(kit_info(&k, &job).failure, "no space left"), "%s", kit_info(&k, &job).failure);
    (void)cancel_all(&t);
    advance_to_restart(&t, 1000);
    cr_assert_eq(run_all(&t, 2, 0), 2u);
    tm_fini(&t);
    kit_fini(&k);
}

/* ---- savepoints ---- */

static jm_operation *ask(kit *k, const wsl_id *job, const jm_ask *a)
{
    wsl_id id;
    wsl_error err = {0};
    cr_assert_eq(jm_ask_checkpoint(k->jm, job, a, &id, &err), WSL_OK, "%s", err.text);
    kit_step(k);
    jm_operation *op = jm_operations_find(k->jm->operations, &id);
    cr_assert_not_null(op);
    return op;
}

Test(recovery, stop_with_savepoint_ends_the_job_when_the_savepoint_is_complete)
{
    kit k;
    fake_tm t;
    kit_init(&k);
    tm_join(&t, &k, "h:1-a", 1);
    const wsl_id job = submit(&k, 1, "");
    (void)run_all(&t, 1, 0);
    jm_operation *op = ask(&k, &job, &(jm_ask){.what = JM_ASK_STOP, .target = "/sp", .drain = true});
    cr_assert_not(op->done);
    wsl_envelope *e = tm_take(&t, WSL__PB__ENVELOPE__BODY_TRIGGER_CHECKPOINT);
    cr_assert_not_null(e);
    cr_assert_eq(e->trigger_checkpoint->kind, WSL__PB__CHECKPOINT_KIND__STOP_SAVEPOINT);
    cr_assert(e->trigger_checkpoint->drain);
    const uint64_t id = e->trigger_checkpoint->checkpoint;
    wsl_envelope_free(e);
    ack(&t, &job, 1, id, 0, 0);
    report_at(&t, &job, 1, 0, 0, FINISHED, "");
    ack(&t, &job, 1, id, 1, 0);
    cr_assert(op->done);
    cr_assert_null(op->failure);
    kit_expect_state(&k, &job, "RUNNING");
    report_at(&t, &job, 1, 1, 0, FINISHED, "");
    kit_expect_state(&k, &job, "FINISHED");

    /* and on from there */
    char more[200];
    (void)snprintf(more, sizeof more, ",\"execution.state-recovery.path\":\"%s\"", op->location);
    const wsl_id next = submit(&k, 1, more);
    cr_assert_eq(run_all(&t, 1, id), 2u);
    kit_expect_state(&k, &next, "RUNNING");
    tm_fini(&t);
    kit_fini(&k);
}

Test(recovery, a_stop_whose_tasks_finish_without_acknowledgement_still_ends)
{
    kit k;
    fake_tm t;
    kit_init(&k);
    tm_join(&t, &k, "h:1-a", 1);
    const wsl_id job = submit(&k, 1, "");
    (void)run_all(&t, 1, 0);
    jm_operation *op = ask(&k, &job, &(jm_ask){.what = JM_ASK_STOP, .target = "/sp"});
    report_at(&t, &job, 1, 0, 0, FINISHED, "");
    report_at(&t, &job, 1, 1, 0, FINISHED, "");
    cr_assert(op->done);
    kit_expect_state(&k, &job, "FINISHED");
    tm_fini(&t);
    kit_fini(&k);
}

/* Going back to a checkpoint would write once more what the stop has committed. */
Test(recovery, a_job_that_is_lost_behind_its_stop_does_not_restart_and_says_what_to_go_on_with)
{
    kit k;
    fake_tm t;
    kit_init(&k);
    tm_join(&t, &k, "h:1-a", 1);
    const wsl_id job = submit(&k, 1, "");
    (void)run_all(&t, 1, 0);
    (void)complete_one(&t, &job, 1, 1);
    jm_operation *op = ask(&k, &job, &(jm_ask){.what = JM_ASK_STOP, .target = "/sp"});
    const uint64_t id = next_trigger(&t);
    ack(&t, &job, 1, id, 0, 0);
    ack(&t, &job, 1, id, 1, 0);
    cr_assert(op->done && op->failure == NULL);
    tm_fini(&t);
    kit_step(&k);
    kit_expect_state(&k, &job, "FAILED");
    cr_assert(has_text(kit_info(&k, &job).failure, "was lost"), "%s", kit_info(&k, &job).failure);
    cr_assert(has_text(kit_info(&k, &job).failure, op->location), "%s", kit_info(&k, &job).failure);
    kit_fini(&k);
}

Test(recovery, a_savepoint_is_not_disposed_of_while_a_job_would_go_back_to_it)
{
    kit k;
    fake_tm t;
    wsl_id disposal;
    kit_init(&k);
    tm_join(&t, &k, "h:1-a", 2);
    const wsl_id job = submit(&k, 1, "");
    (void)run_all(&t, 1, 0);
    const jm_operation *op = ask(&k, &job, &(jm_ask){.what = JM_ASK_SAVEPOINT, .target = "/sp"});
    const uint64_t id = next_trigger(&t);
    ack(&t, &job, 1, id, 0, 0);
    ack(&t, &job, 1, id, 1, 0);
    cr_assert(op->done && op->failure == NULL);
    char *path = wsl_strdup(op->location), more[200];
    (void)snprintf(more, sizeof more, ",\"execution.state-recovery.path\":\"%s\"", path);
    (void)submit(&k, 1, more);
    (void)run_all(&t, 1, id);
    jm_dispose_savepoint(k.jm, path, &disposal);
    const jm_operation *d = jm_operations_find(k.jm->operations, &disposal);
    cr_assert(d->done && has_text(d->failure, "began with it"), "%s", d->failure);
    cr_assert_eq(d->status, WSL_STATE);
    free(path);
    tm_fini(&t);
    kit_fini(&k);
}

Test(recovery, a_savepoint_can_be_taken_and_disposed)
{
    kit k;
    fake_tm t;
    wsl_file_info info;
    kit_init(&k);
    tm_join(&t, &k, "h:1-a", 1);
    const wsl_id job = submit(&k, 1, "");
    (void)run_all(&t, 1, 0);
    jm_operation *op = ask(&k, &job, &(jm_ask){.what = JM_ASK_SAVEPOINT, .target = "/sp"});
    const uint64_t id = next_trigger(&t);
    ack(&t, &job, 1, id, 0, 0);
    ack(&t, &job, 1, id, 1, 0);
    cr_assert(op->done && op->failure == NULL, "%s", op->failure);
    wsl_fs *fs = wsl_mem_fs_seam(k.files);
    cr_assert_eq(fs->stat(fs, op->location, &info, NULL), WSL_OK);
    wsl_id disposal;
    jm_dispose_savepoint(k.jm, op->location, &disposal);
    const jm_operation *d = jm_operations_find(k.jm->operations, &disposal);
    cr_assert(d->done && d->failure == NULL, "%s", d->failure);
    cr_assert_eq(fs->stat(fs, op->location, &info, NULL), WSL_NOT_FOUND);
    jm_dispose_savepoint(k.jm, "/tmp", &disposal);
    cr_assert_not_null(jm_operations_find(k.jm->operations, &disposal)->failure);

    const jm_operation *refused = ask(&k, &job, &(jm_ask){.what = JM_ASK_SAVEPOINT});
    cr_assert(refused->done && has_text(refused->failure, "savepoint-dir"), "%s", refused->failure);
    tm_fini(&t);
    kit_fini(&k);
}

Test(recovery, the_latest_checkpoint_is_found_by_the_jobs_name)
{
    kit k;
    fake_tm t;
    wsl_error err = {0};
    kit_init(&k);
    tm_join(&t, &k, "h:1-a", 2);
    const wsl_id job = submit(&k, 1, retained);
    (void)run_all(&t, 1, 0);
    const uint64_t id = complete_one(&t, &job, 1, 1);
    char json[2048];
    (void)snprintf(json, sizeof json, job_text, 1, ",\"execution.state-recovery.path\":\"latest\"");
    wsl_id next;
    wsl_job_graph *graph = kit_graph(json);
    cr_assert_eq(jm_submit(k.jm, graph, &next, &err), WSL_NOT_FOUND);
    cr_assert(has_text(err.text, "still runs"), "%s", err.text);
    cr_assert_eq(jm_cancel(k.jm, &job, &err), WSL_OK);
    (void)cancel_all(&t);
    kit_expect_state(&k, &job, "CANCELED");
    cr_assert_eq(jm_submit(k.jm, graph, &next, &err), WSL_OK, "%s", err.text);
    kit_step(&k);
    cr_assert_eq(run_all(&t, 1, id), 2u);
    tm_fini(&t);
    kit_fini(&k);
}

Test(recovery, jobs_inherit_checkpoints_from_the_clusters_configuration)
{
    kit k;
    fake_tm t;
    jm_options o = kit_options();
    WSL_AUTO(wsl_config) cluster = wsl_cluster_config_new();
    cr_assert_eq(wsl_config_set(cluster, "execution.checkpointing.interval", "1 s", "wiesel.yaml:1", NULL), WSL_OK);
    cr_assert_eq(wsl_config_set(cluster, "state.checkpoints.dir", "/ckpt", "wiesel.yaml:2", NULL), WSL_OK);
    o.job_defaults = cluster;
    kit_init_with(&k, &o);
    tm_join(&t, &k, "h:1-a", 1);
    const wsl_id job = kit_submit_counting(&k, 1);
    (void)run_all(&t, 1, 0);
    (void)complete_one(&t, &job, 1, 1);
    tm_fini(&t);
    kit_fini(&k);
}

/* ---- REST ---- */

static const char *no_query(void *arg, const char *name)
{
    (void)arg;
    (void)name;
    return NULL;
}

static json_t *call(kit *k, const char *method, const char *path, const char *body, int status)
{
    const jm_rest rest = {.jm = k->jm};
    jm_request request = {.method = method,
                          .path = path,
                          .query = no_query,
                          .content_type = "application/json",
                          .accept = "",
                          .body = body,
                          .body_size = body == NULL ? 0 : strlen(body)};
    jm_response response;
    jm_response_init(&response);
    jm_rest_handle(&rest, &request, &response);
    cr_assert_eq(response.status, status, "%s: %d %s", path, response.status, response.body.data);
    json_t *answer = json_loads(response.body.data, 0, NULL);
    cr_assert_not_null(answer, "%s", response.body.data);
    jm_response_fini(&response);
    return answer;
}

static const char *text_at(const json_t *o, const char *a, const char *b)
{
    return json_string_value(json_object_get(json_object_get(o, a), b));
}

Test(recovery, rest_answers_about_checkpoints_and_savepoints_in_flinks_form)
{
    kit k;
    fake_tm t;
    char base[64], text[WSL_ID_TEXT_SIZE], path[256];
    kit_init(&k);
    tm_join(&t, &k, "h:1-a", 1);
    const wsl_id job = submit(&k, 1, "");
    (void)snprintf(base, sizeof base, "/jobs/%s", wsl_id_text(&job, text));
    (void)run_all(&t, 1, 0);
    const uint64_t id = complete_one(&t, &job, 1, 1);

    (void)snprintf(path, sizeof path, "%s/savepoints", base);
    json_decref(call(&k, "POST", path, "[]", 400));
    json_decref(call(&k, "POST", path, "{\"target-directory\": 5}", 400));
    json_t *o = call(&k, "POST", path, "{\"target-directory\": \"file:///sp\"}", 202);
    (void)snprintf(path, sizeof path, "%s/savepoints/%s", base, json_string_value(json_object_get(o, "request-id")));
    json_decref(o);
    o = call(&k, "GET", path, NULL, 200);
    cr_assert_str_eq(text_at(o, "status", "id"), "IN_PROGRESS");
    cr_assert(json_is_null(json_object_get(o, "operation")));
    json_decref(o);
    const uint64_t sp = next_trigger(&t);
    ack(&t, &job, 1, sp, 0, 0);
    ack(&t, &job, 1, sp, 1, 0);
    o = call(&k, "GET", path, NULL, 200);
    cr_assert_str_eq(text_at(o, "status", "id"), "COMPLETED");
    cr_assert(has_text(text_at(o, "operation", "location"), "file:/sp/savepoint-"));
    json_decref(o);
    (void)snprintf(path, sizeof path, "%s/savepoints/%032d", base, 7);
    json_decref(call(&k, "GET", path, NULL, 404));

    (void)snprintf(path, sizeof path, "%s/checkpoints", base);
    o = call(&k, "GET", path, NULL, 200);
    cr_assert_eq(json_integer_value(json_object_get(json_object_get(o, "counts"), "completed")), 2);
    cr_assert_eq(json_integer_value(json_object_get(json_object_get(o, "counts"), "total")), 2);
    const json_t *latest = json_object_get(o, "latest");
    cr_assert_eq(json_integer_value(json_object_get(json_object_get(latest, "completed"), "id")), (json_int_t)id);
    cr_assert_eq(json_integer_value(json_object_get(json_object_get(latest, "savepoint"), "id")), (json_int_t)sp);
    cr_assert_str_eq(text_at(latest, "savepoint", "checkpoint_type"), "SAVEPOINT");
    cr_assert(json_is_null(json_object_get(latest, "failed")));
    cr_assert_eq(json_array_size(json_object_get(o, "history")), 2u);
    json_decref(o);
    (void)snprintf(path, sizeof path, "%s/checkpoints/details/%d", base, (int)id);
    o = call(&k, "GET", path, NULL, 200);
    cr_assert_eq(json_object_size(json_object_get(o, "tasks")), 2u);
    cr_assert_str_eq(json_string_value(json_object_get(o, "className")), "completed");
    json_decref(o);
    (void)snprintf(path, sizeof path, "%s/checkpoints/details/77", base);
    json_decref(call(&k, "GET", path, NULL, 404));
    (void)snprintf(path, sizeof path, "%s/checkpoints/config", base);
    o = call(&k, "GET", path, NULL, 200);
    cr_assert_eq(json_integer_value(json_object_get(o, "interval")), 1000);
    cr_assert_str_eq(json_string_value(json_object_get(o, "mode")), "exactly_once");
    json_decref(o);

    (void)snprintf(path, sizeof path, "%s/stop", base);
    o = call(&k, "POST", path, "{\"drain\": true}", 202); /* no directory: the failure stands in the operation */
    (void)snprintf(path, sizeof path, "%s/savepoints/%s", base, json_string_value(json_object_get(o, "request-id")));
    json_decref(o);
    o = call(&k, "GET", path, NULL, 200);
    cr_assert_not_null(json_object_get(json_object_get(o, "operation"), "failure-cause"));
    json_decref(o);

    report_at(&t, &job, 1, 1, 0, FAILED, "first");
    (void)cancel_all(&t);
    advance_to_restart(&t, 1000);
    (void)run_all(&t, 2, id);
    report_at(&t, &job, 2, 1, 0, FAILED, "second");
    (void)snprintf(path, sizeof path, "%s/exceptions", base);
    o = call(&k, "GET", path, NULL, 200);
    const json_t *entries = json_object_get(json_object_get(o, "exceptionHistory"), "entries");
    cr_assert_eq(json_array_size(entries), 2u);
    cr_assert(has_text(json_string_value(json_object_get(json_array_get(entries, 0), "stacktrace")), "second"));
    cr_assert(has_text(json_string_value(json_object_get(json_array_get(entries, 1), "stacktrace")), "first"));
    json_decref(o);
    o = call(&k, "GET", base, NULL, 200);
    cr_assert_eq(json_integer_value(json_object_get(o, "restarts")), 1);
    json_decref(o);
    o = call(&k, "POST", "/savepoint-disposal", "{\"savepoint-path\": \"/nowhere\"}", 200);
    (void)snprintf(path, sizeof path, "/savepoint-disposal/%s", json_string_value(json_object_get(o, "request-id")));
    json_decref(o);
    o = call(&k, "GET", path, NULL, 200);
    cr_assert_not_null(json_object_get(json_object_get(o, "operation"), "failure-cause"));
    json_decref(o);
    tm_fini(&t);
    kit_fini(&k);
}
