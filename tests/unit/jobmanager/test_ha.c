/* A JobManager dies and the next one goes on with its jobs; TaskManagers only acknowledge. Disks lose what was not synced. */
#include "jm_kit.h"

#include "base/alloc.h"
#include "ckpt/storage.h"
#include "graph/pb.h"
#include "jobmanager/jm_core.h"

#define RUNNING WSL__PB__TASK_STATE__TASK_RUNNING
#define FINISHED WSL__PB__TASK_STATE__TASK_FINISHED
#define FAILED WSL__PB__TASK_STATE__TASK_FAILED

static const char checkpointed[] =
    "{\"name\":\"counting\",\"parallelism\":1,\"config\":{\"execution.checkpointing.interval\":\"1 s\","
    "\"execution.checkpointing.dir\":\"file:///ckpt\",\"execution.checkpointing.savepoint-dir\":\"/sp\","
    "\"restart-strategy.exponential-delay.jitter-factor\":\"0\"}," KIT_OPERATORS;
static const char plain[] = "{\"name\":\"plain\",\"parallelism\":1," KIT_OPERATORS;

static jm_options options(void)
{
    jm_options o = kit_options();
    o.store_dir = "/data/jobmanager";
    return o;
}

static void start(kit *k)
{
    const jm_options o = options();
    kit_init_with(k, &o);
}

static jm *new_jm(kit *k)
{
    const jm_options o = options();
    const wsl_seams seams = {&k->clock.clock, &k->rng, wsl_mem_fs_seam(k->files), k->transport, k->log};
    jm *next = NULL;
    wsl_error err = {0};
    cr_assert_eq(jm_new(&o, &seams, &next, &err), WSL_OK, "%s", err.text);
    return next;
}

/* As kill -9 and a power cut: what is not synced is gone. */
static void kill_jm(kit *k)
{
    jm_free(k->jm);
    wsl_mem_fs_fail_at(k->files, 0, WSL_OK, false);
    wsl_mem_fs_crash(k->files);
    k->jm = new_jm(k);
    kit_step(k);
}

static void rejoin(fake_tm *t, kit *k)
{
    tm_fini(t);
    tm_join(t, k, "a-1", 2);
}

static void report_at(fake_tm *t, const wsl_id *job, uint32_t attempt, uint32_t v, Wsl__Pb__TaskState state, const char *error)
{
    Wsl__Pb__TaskId id;
    Wsl__Pb__TaskStateChanged s = WSL__PB__TASK_STATE_CHANGED__INIT;
    wsl_pb_task_id_init(&id, job, v, 0, attempt);
    s.task = &id;
    s.state = state;
    s.retriable = true;
    s.error = wsl_pb_text(error);
    tm_send(t, WSL__PB__ENVELOPE__BODY_TASK_STATE, &s);
}

/* All deployments in the inbox, of which there are two, are RUNNING. */
static void run_all(fake_tm *t, const wsl_id *job, uint32_t attempt, uint64_t restored)
{
    uint32_t n = 0;
    for (wsl_envelope *e = tm_take(t, WSL__PB__ENVELOPE__BODY_DEPLOY); e != NULL;
         e = tm_take(t, WSL__PB__ENVELOPE__BODY_DEPLOY), n++) {
        cr_assert_eq(e->deploy->task->attempt, attempt, "%u, not %u", e->deploy->task->attempt, attempt);
        cr_assert_eq(e->deploy->restored_checkpoint, restored);
        report_at(t, job, attempt, e->deploy->task->vertex, RUNNING, "");
        wsl_envelope_free(e);
    }
    cr_assert_eq(n, 2, "%u deployments of attempt %u; %s, %s", n, attempt, kit_info(t->kit, job).state, kit_info(t->kit, job).waiting);
    kit_expect_state(t->kit, job, "RUNNING");
}

static uint32_t drop_all(fake_tm *t, wsl_control_kind kind)
{
    uint32_t n = 0;
    for (wsl_envelope *e = tm_take(t, kind); e != NULL; e = tm_take(t, kind), n++) {
        wsl_envelope_free(e);
    }
    return n;
}

static void ack(fake_tm *t, const wsl_id *job, uint32_t attempt, uint64_t checkpoint, uint32_t v)
{
    Wsl__Pb__TaskId id;
    Wsl__Pb__CheckpointAck a = WSL__PB__CHECKPOINT_ACK__INIT;
    Wsl__Pb__TaskSnapshot s = WSL__PB__TASK_SNAPSHOT__INIT;
    Wsl__Pb__OperatorState op = WSL__PB__OPERATOR_STATE__INIT;
    Wsl__Pb__OperatorState *ops[] = {&op};
    wsl_pb_task_id_init(&id, job, v, 0, attempt);
    op.operator_ = v;
    op.uid = jm_find_job(t->kit->jm, job)->plan->graph->operators[v]->uid;
    op.watermark = 100 + (int64_t)checkpoint;
    s.operators = ops;
    s.n_operators = 1;
    a.task = &id;
    a.checkpoint = checkpoint;
    a.snapshot = &s;
    tm_send(t, WSL__PB__ENVELOPE__BODY_CHECKPOINT_ACK, &a);
}

static uint64_t next_trigger(fake_tm *t)
{
    for (uint32_t i = 0; i < 100; i++) {
        wsl_envelope *e = tm_take(t, WSL__PB__ENVELOPE__BODY_TRIGGER_CHECKPOINT);
        if (e != NULL) {
            const uint64_t id = e->trigger_checkpoint->checkpoint;
            wsl_envelope_free(e);
            (void)drop_all(t, WSL__PB__ENVELOPE__BODY_TRIGGER_CHECKPOINT);
            return id;
        }
        kit_advance(t->kit, 100);
        tm_heartbeat(t);
    }
    cr_assert_fail("no checkpoint is triggered");
    return 0;
}

static uint64_t complete_one(fake_tm *t, const wsl_id *job, uint32_t attempt)
{
    const uint64_t id = next_trigger(t);
    ack(t, job, attempt, id, 0);
    ack(t, job, attempt, id, 1);
    cr_assert_eq(drop_all(t, WSL__PB__ENVELOPE__BODY_CHECKPOINT_ENDED), 2);
    return id;
}

static void finish(fake_tm *t, const wsl_id *job, uint32_t attempt)
{
    report_at(t, job, attempt, 0, FINISHED, "");
    report_at(t, job, attempt, 1, FINISHED, "");
    kit_step(t->kit);
}

static void answer_cancels(fake_tm *t)
{
    for (wsl_envelope *e = tm_take(t, WSL__PB__ENVELOPE__BODY_CANCEL); e != NULL;
         e = tm_take(t, WSL__PB__ENVELOPE__BODY_CANCEL)) {
        const wsl_id job = wsl_pb_task_job(e->cancel->task);
        report_at(t, &job, e->cancel->task->attempt, e->cancel->task->vertex, WSL__PB__TASK_STATE__TASK_CANCELED, "");
        wsl_envelope_free(e);
    }
}

static bool is_there(kit *k, const char *path)
{
    wsl_file_info info;
    wsl_fs *fs = wsl_mem_fs_seam(k->files);
    return fs->stat(fs, path, &info, NULL) == WSL_OK;
}

Test(ha, a_running_job_goes_on_from_its_last_checkpoint_as_the_next_attempt)
{
    kit k;
    fake_tm t;
    start(&k);
    tm_join(&t, &k, "a-1", 2);
    const wsl_id job = kit_submit(&k, checkpointed);
    run_all(&t, &job, 1, 0);
    (void)complete_one(&t, &job, 1);
    const uint64_t last = complete_one(&t, &job, 1);
    const wsl_id old_token = t.fencing;
    kill_jm(&k);
    kit_expect_state(&k, &job, "RESTARTING");
    cr_assert_str_eq(kit_info(&k, &job).waiting, "needs 1 slot, 0 free");
    rejoin(&t, &k);
    cr_assert_neq(memcmp(&old_token, &t.fencing, sizeof old_token), 0, "the old token opens nothing");
    run_all(&t, &job, 2, last);
    cr_assert_eq(kit_info(&k, &job).restarts, 1);
    const jm_job *j = jm_find_job(k.jm, &job);
    cr_assert_eq(j->n_failures, 1);
    cr_assert_str_eq(jm_failure_name(j->failures[0].kind), "JobManagerLost");
    cr_assert_gt(complete_one(&t, &job, 2), last);

    kill_jm(&k); /* and again */
    rejoin(&t, &k);
    run_all(&t, &job, 3, last + 1);
    cr_assert_eq(jm_epoch(k.jm), 3);
    tm_fini(&t);
    kit_fini(&k);
}

Test(ha, a_message_for_the_old_leader_is_refused_and_its_sender_registers_again)
{
    kit k;
    fake_tm t;
    start(&k);
    tm_join(&t, &k, "a-1", 2);
    const wsl_id old_token = t.fencing;
    kill_jm(&k);
    tm_fini(&t);
    tm_join(&t, &k, "a-1", 2);
    Wsl__Pb__TmHeartbeat h = WSL__PB__TM_HEARTBEAT__INIT;
    tm_send_with(&t, &old_token, WSL__PB__ENVELOPE__BODY_TM_HEARTBEAT, &h);
    wsl_envelope *e = tm_take(&t, WSL__PB__ENVELOPE__BODY_REFUSED);
    cr_assert_not_null(e);
    cr_assert_not(e->refused->fatal);
    wsl_envelope_free(e);
    tm_fini(&t);
    kit_fini(&k);
}

Test(ha, an_ended_job_stays_as_it_ended_and_does_not_run_again)
{
    kit k;
    fake_tm t;
    start(&k);
    tm_join(&t, &k, "a-1", 2);
    const wsl_id finished = kit_submit(&k, checkpointed);
    run_all(&t, &finished, 1, 0);
    (void)complete_one(&t, &finished, 1);
    finish(&t, &finished, 1);
    kit_expect_state(&k, &finished, "FINISHED");
    const wsl_id failed = kit_submit(&k, plain);
    run_all(&t, &failed, 1, 0);
    report_at(&t, &failed, 1, 1, FAILED, "a brick in the works");
    answer_cancels(&t);
    kit_expect_state(&k, &failed, "FAILED");
    const jm_job_info before = kit_info(&k, &failed);
    const int64_t end_ms = before.end_ms;
    wsl_manual_clock_advance(&k.clock, 3 * WSL_NS_PER_S);

    kill_jm(&k);
    kit_expect_state(&k, &finished, "FINISHED");
    kit_expect_state(&k, &failed, "FAILED");
    cr_assert_eq(kit_info(&k, &failed).end_ms, end_ms);
    cr_assert_not_null(strstr(kit_info(&k, &failed).failure, "a brick in the works"));
    const jm_job *j = jm_find_job(k.jm, &finished);
    cr_assert_eq(j->graph.vertices[0].in_state[JM_TASK_FINISHED], 1);
    cr_assert_str_eq(j->graph.vertices[0].subtasks[0].tm_id, "a-1");
    rejoin(&t, &k);
    cr_assert_eq(tm_count(&t, WSL__PB__ENVELOPE__BODY_DEPLOY), 0);
    cr_assert_eq(jm_jobs_live(k.jm), 0);
    tm_fini(&t);
    kit_fini(&k);
}

Test(ha, a_job_that_was_being_canceled_is_canceled)
{
    kit k;
    fake_tm t;
    wsl_error err = {0};
    start(&k);
    tm_join(&t, &k, "a-1", 2);
    const wsl_id job = kit_submit(&k, checkpointed);
    run_all(&t, &job, 1, 0);
    (void)complete_one(&t, &job, 1);
    cr_assert_eq(jm_cancel(k.jm, &job, &err), WSL_OK);
    kit_step(&k);
    kit_expect_state(&k, &job, "CANCELLING");
    kill_jm(&k);
    kit_expect_state(&k, &job, "CANCELED");
    rejoin(&t, &k);
    cr_assert_eq(tm_count(&t, WSL__PB__ENVELOPE__BODY_DEPLOY), 0);
    kill_jm(&k);
    kit_expect_state(&k, &job, "CANCELED");
    tm_fini(&t);
    kit_fini(&k);
}

Test(ha, a_job_that_was_failing_is_failed)
{
    kit k;
    fake_tm t;
    start(&k);
    tm_join(&t, &k, "a-1", 2);
    const wsl_id job = kit_submit(&k, plain);
    run_all(&t, &job, 1, 0);
    report_at(&t, &job, 1, 0, FAILED, "no");
    kit_expect_state(&k, &job, "FAILING");
    kill_jm(&k);
    kit_expect_state(&k, &job, "FAILED");
    cr_assert_not_null(strstr(kit_info(&k, &job).failure, "no"));
    tm_fini(&t);
    kit_fini(&k);
}

Test(ha, without_a_restart_strategy_a_job_that_ran_is_failed_and_one_that_waited_goes_on)
{
    kit k;
    fake_tm t;
    start(&k);
    tm_join(&t, &k, "a-1", 1);
    const wsl_id ran = kit_submit(&k, plain);
    run_all(&t, &ran, 1, 0);
    const wsl_id waited = kit_submit(&k, plain);
    kit_expect_state(&k, &waited, "CREATED");
    kill_jm(&k);
    kit_expect_state(&k, &ran, "FAILED");
    cr_assert_not_null(strstr(kit_info(&k, &ran).failure, "no restart strategy"));
    kit_expect_state(&k, &waited, "RESTARTING");
    rejoin(&t, &k);
    run_all(&t, &waited, 2, 0);
    tm_fini(&t);
    kit_fini(&k);
}

Test(ha, restart_strategies_go_on_counting)
{
    kit k;
    fake_tm t;
    start(&k);
    tm_join(&t, &k, "a-1", 2);
    const wsl_id job = kit_submit(&k, "{\"name\":\"f\",\"parallelism\":1,\"config\":{\"restart-strategy.type\":\"fixed-delay\","
                                      "\"restart-strategy.fixed-delay.attempts\":\"2\",\"restart-strategy.fixed-delay.delay\":\"0\"}," KIT_OPERATORS);
    run_all(&t, &job, 1, 0);
    report_at(&t, &job, 1, 0, FAILED, "one");
    answer_cancels(&t);
    run_all(&t, &job, 2, 0);
    kill_jm(&k); /* counts for nothing */
    rejoin(&t, &k);
    run_all(&t, &job, 3, 0);
    report_at(&t, &job, 3, 0, FAILED, "two");
    answer_cancels(&t);
    run_all(&t, &job, 4, 0);
    report_at(&t, &job, 4, 0, FAILED, "three");
    answer_cancels(&t);
    kit_expect_state(&k, &job, "FAILED");
    cr_assert_eq(jm_find_job(k.jm, &job)->n_failures, 4);
    tm_fini(&t);
    kit_fini(&k);
}

Test(ha, a_new_attempt_waits_until_its_number_is_on_disk)
{
    kit k;
    fake_tm t;
    start(&k);
    tm_join(&t, &k, "a-1", 2);
    const wsl_id job = kit_submit(&k, checkpointed);
    run_all(&t, &job, 1, 0);
    wsl_mem_fs_fail_at(k.files, 1, WSL_NO_SPACE, true);
    report_at(&t, &job, 1, 0, FAILED, "x");
    answer_cancels(&t);
    for (int i = 0; i < 10; i++) {
        kit_advance(&k, 500);
        tm_heartbeat(&t);
    }
    kit_expect_state(&k, &job, "RESTARTING");
    cr_assert_eq(tm_count(&t, WSL__PB__ENVELOPE__BODY_DEPLOY), 0);
    cr_assert_not_null(strstr(kit_info(&k, &job).waiting, "waits until its state can be stored"), "%s", kit_info(&k, &job).waiting);
    wsl_mem_fs_fail_at(k.files, 0, WSL_OK, false);
    kit_advance(&k, 1000);
    kit_step(&k);
    run_all(&t, &job, 2, 0);
    tm_fini(&t);
    kit_fini(&k);
}

Test(ha, an_end_waits_for_the_disk_and_its_checkpoints_stay_until_then)
{
    kit k;
    fake_tm t;
    start(&k);
    tm_join(&t, &k, "a-1", 2);
    const wsl_id job = kit_submit(&k, checkpointed);
    char text[WSL_ID_TEXT_SIZE], dir[64];
    (void)snprintf(dir, sizeof dir, "/ckpt/%s", wsl_id_text(&job, text));
    run_all(&t, &job, 1, 0);
    const uint64_t last = complete_one(&t, &job, 1);
    wsl_mem_fs_fail_at(k.files, 1, WSL_IO, true);
    report_at(&t, &job, 1, 1, FINISHED, ""); /* the source last, so that no checkpoint is taken for its end */
    report_at(&t, &job, 1, 0, FINISHED, "");
    kit_step(&k);
    kit_expect_state(&k, &job, "RUNNING");
    cr_assert_not_null(strstr(kit_info(&k, &job).waiting, "waits until its state can be stored"));
    wsl_mem_fs_fail_at(k.files, 0, WSL_OK, false);
    cr_assert(is_there(&k, dir));
    kill_jm(&k); /* it never ended: what was visible only as RUNNING runs again */
    rejoin(&t, &k);
    run_all(&t, &job, 2, last);
    finish(&t, &job, 2);
    kit_expect_state(&k, &job, "FINISHED");
    cr_assert_not(is_there(&k, dir));
    tm_fini(&t);
    kit_fini(&k);
}

Test(ha, what_cannot_be_stored_is_not_taken)
{
    kit k;
    wsl_id job;
    wsl_error err = {0};
    start(&k);
    wsl_mem_fs_fail_at(k.files, 1, WSL_NO_SPACE, true);
    wsl_job_graph *graph = kit_graph(plain);
    cr_assert_eq(jm_submit(k.jm, graph, &job, &err), WSL_NO_SPACE);
    cr_assert_not_null(strstr(err.text, "cannot be stored"), "%s", err.text);
    wsl_job_graph_free(graph);
    cr_assert_eq(jm_jobs_live(k.jm), 0);
    kill_jm(&k);
    cr_assert_eq(jm_jobs_live(k.jm), 0);
    kit_fini(&k);
}

/* ---- stopping ---- */

static wsl_id stop(kit *k, const wsl_id *job, bool drain)
{
    const jm_ask ask = {.what = JM_ASK_STOP, .drain = drain};
    wsl_id op;
    wsl_error err = {0};
    cr_assert_eq(jm_ask_checkpoint(k->jm, job, &ask, &op, &err), WSL_OK, "%s", err.text);
    kit_step(k);
    return op;
}

Test(ha, a_stop_whose_savepoint_is_complete_is_the_end)
{
    kit k;
    fake_tm t;
    start(&k);
    tm_join(&t, &k, "a-1", 2);
    const wsl_id job = kit_submit(&k, checkpointed);
    run_all(&t, &job, 1, 0);
    (void)complete_one(&t, &job, 1);
    const wsl_id op = stop(&k, &job, false);
    const uint64_t id = next_trigger(&t);
    ack(&t, &job, 1, id, 0);
    ack(&t, &job, 1, id, 1); /* complete, but its tasks have not finished */
    kit_expect_state(&k, &job, "RUNNING");
    kill_jm(&k);
    kit_expect_state(&k, &job, "FINISHED");
    const jm_operation *done = jm_operations_find(k.jm->operations, &op);
    cr_assert(done != NULL && done->done && done->failure == NULL);
    cr_assert_eq(strncmp(done->location, "/sp/savepoint-", 14), 0);
    tm_fini(&t);
    kit_fini(&k);
}

Test(ha, a_stop_whose_savepoint_is_not_complete_is_none)
{
    kit k;
    fake_tm t;
    start(&k);
    tm_join(&t, &k, "a-1", 2);
    const wsl_id job = kit_submit(&k, checkpointed);
    run_all(&t, &job, 1, 0);
    const uint64_t last = complete_one(&t, &job, 1);
    const wsl_id op = stop(&k, &job, true);
    ack(&t, &job, 1, next_trigger(&t), 0);
    kill_jm(&k);
    const jm_operation *done = jm_operations_find(k.jm->operations, &op);
    cr_assert(done != NULL && done->done);
    cr_assert_not_null(strstr(done->failure, "ask again"));
    rejoin(&t, &k);
    run_all(&t, &job, 2, last);
    tm_fini(&t);
    kit_fini(&k);
}

Test(ha, results_of_savepoints_are_kept)
{
    kit k;
    fake_tm t;
    start(&k);
    tm_join(&t, &k, "a-1", 2);
    const wsl_id job = kit_submit(&k, checkpointed);
    run_all(&t, &job, 1, 0);
    const jm_ask ask = {.what = JM_ASK_SAVEPOINT};
    wsl_id op;
    wsl_error err = {0};
    cr_assert_eq(jm_ask_checkpoint(k.jm, &job, &ask, &op, &err), WSL_OK);
    kit_step(&k);
    const uint64_t id = next_trigger(&t);
    ack(&t, &job, 1, id, 0);
    ack(&t, &job, 1, id, 1);
    char *location = wsl_strdup(jm_operations_find(k.jm->operations, &op)->location);
    kill_jm(&k);
    const jm_operation *done = jm_operations_find(k.jm->operations, &op);
    cr_assert(done != NULL && done->done);
    cr_assert_str_eq(done->location, location);
    free(location);
    tm_fini(&t);
    kit_fini(&k);
}

/* ---- libraries, damage ---- */

Test(ha, libraries_of_jobs_stay_and_others_go)
{
    kit k;
    fake_tm t;
    wsl_id used, needless, job;
    wsl_error err = {0};
    char text[WSL_ID_TEXT_SIZE];
    start(&k);
    tm_join(&t, &k, "a-1", 2);
    cr_assert_eq(jm_put_artifact(k.jm, "library", 7, &used, &err), WSL_OK);
    cr_assert_eq(jm_put_artifact(k.jm, "another", 7, &needless, &err), WSL_OK);
    wsl_job_graph *graph = kit_graph(checkpointed);
    wsl_pb_set(&graph->artifact, wsl_id_text(&used, text));
    cr_assert_eq(jm_submit(k.jm, graph, &job, &err), WSL_OK, "%s", err.text);
    kit_step(&k);
    run_all(&t, &job, 1, 0);
    kill_jm(&k);
    kit_expect_state(&k, &job, "RESTARTING");
    cr_assert(jm_artifacts_has(k.jm->artifacts, &used));
    cr_assert_not(jm_artifacts_has(k.jm->artifacts, &needless));
    char bytes[16];
    size_t got = 0;
    uint64_t total = 0;
    cr_assert_eq(jm_artifacts_read(k.jm->artifacts, &used, 0, bytes, sizeof bytes, &got, &total, &err), WSL_OK);
    cr_assert(got == 7 && memcmp(bytes, "library", 7) == 0);

    char *path = wsl_asprintf("/data/jobmanager/artifacts/%s.so", wsl_id_text(&used, text));
    wsl_fs *fs = wsl_mem_fs_seam(k.files);
    cr_assert_eq(fs->remove(fs, path, NULL), WSL_OK);
    cr_assert_eq(fs->sync_dir(fs, "/data/jobmanager/artifacts", NULL), WSL_OK);
    free(path);
    kill_jm(&k);
    kit_expect_state(&k, &job, "FAILED");
    cr_assert_not_null(strstr(kit_info(&k, &job).failure, "its library"), "%s", kit_info(&k, &job).failure);
    tm_fini(&t);
    kit_fini(&k);
}

Test(ha, a_job_whose_last_checkpoint_is_damaged_does_not_begin_empty)
{
    kit k;
    fake_tm t;
    start(&k);
    tm_join(&t, &k, "a-1", 2);
    const wsl_id job = kit_submit(&k, checkpointed);
    char text[WSL_ID_TEXT_SIZE];
    run_all(&t, &job, 1, 0);
    const uint64_t last = complete_one(&t, &job, 1);
    char *path = wsl_asprintf("/ckpt/%s/chk-%llu/_metadata", wsl_id_text(&job, text), (unsigned long long)last);
    wsl_fs *fs = wsl_mem_fs_seam(k.files);
    cr_assert_eq(wsl_fs_write_atomic(fs, path, "rubbish", 7, NULL), WSL_OK);
    free(path);
    kill_jm(&k);
    rejoin(&t, &k);
    kit_expect_state(&k, &job, "FAILED");
    cr_assert_not_null(strstr(kit_info(&k, &job).failure, "damaged"), "%s", kit_info(&k, &job).failure);
    tm_fini(&t);
    kit_fini(&k);
}

Test(ha, only_so_many_ended_jobs_are_kept)
{
    kit k;
    wsl_error err = {0};
    wsl_id first = {0}, last = {0};
    start(&k);
    for (int i = 0; i < JM_TERMINAL_JOBS_MAX + 5; i++) {
        last = kit_submit(&k, plain);
        first = i == 0 ? last : first;
        cr_assert_eq(jm_cancel(k.jm, &last, &err), WSL_OK);
        kit_step(&k);
    }
    kill_jm(&k);
    cr_assert_eq(k.jm->n_jobs, JM_TERMINAL_JOBS_MAX);
    cr_assert_null(jm_find_job(k.jm, &first));
    cr_assert_not_null(jm_find_job(k.jm, &last));
    kit_fini(&k);
}

/* ---- a crash at every operation ---- */

typedef struct life {
    wsl_id job;
    bool taken, ended;
    uint32_t attempt; /* the highest deployed */
    uint64_t complete; /* the newest checkpoint whose tasks were told to commit */
} life;

/* Everything that is deployed is answered RUNNING; the highest attempt is noted. */
static void answer(fake_tm *t, life *l)
{
    for (wsl_envelope *e = tm_take(t, WSL__PB__ENVELOPE__BODY_DEPLOY); e != NULL; e = tm_take(t, WSL__PB__ENVELOPE__BODY_DEPLOY)) {
        const uint32_t attempt = e->deploy->task->attempt;
        l->attempt = attempt > l->attempt ? attempt : l->attempt;
        report_at(t, &l->job, attempt, e->deploy->task->vertex, RUNNING, "");
        wsl_envelope_free(e);
    }
    for (wsl_envelope *e = tm_take(t, WSL__PB__ENVELOPE__BODY_TRIGGER_CHECKPOINT); e != NULL;
         e = tm_take(t, WSL__PB__ENVELOPE__BODY_TRIGGER_CHECKPOINT)) {
        ack(t, &l->job, e->trigger_checkpoint->task->attempt, e->trigger_checkpoint->checkpoint, 0);
        ack(t, &l->job, e->trigger_checkpoint->task->attempt, e->trigger_checkpoint->checkpoint, 1);
        wsl_envelope_free(e);
    }
    for (wsl_envelope *e = tm_take(t, WSL__PB__ENVELOPE__BODY_CHECKPOINT_ENDED); e != NULL;
         e = tm_take(t, WSL__PB__ENVELOPE__BODY_CHECKPOINT_ENDED)) {
        if (e->checkpoint_ended->complete && e->checkpoint_ended->checkpoint > l->complete) {
            l->complete = e->checkpoint_ended->checkpoint;
        }
        wsl_envelope_free(e);
    }
    answer_cancels(t);
}

static void live(kit *k, fake_tm *t, life *l)
{
    wsl_error err = {0};
    wsl_job_graph *graph = kit_graph(checkpointed);
    l->taken = jm_submit(k->jm, graph, &l->job, &err) == WSL_OK;
    if (!l->taken) {
        wsl_job_graph_free(graph);
        return;
    }
    for (int i = 0; i < 45; i++) {
        answer(t, l);
        if (i == 15) {
            report_at(t, &l->job, l->attempt, 0, FAILED, "x"); /* it restarts */
        }
        kit_advance(k, 200);
        tm_heartbeat(t);
    }
    finish(t, &l->job, l->attempt);
    kit_step(k);
    l->ended = kit_info(k, &l->job).ended;
}

Test(ha, a_crash_at_any_operation_loses_no_job_no_checkpoint_no_end_and_uses_no_attempt_twice, .timeout = 300)
{
    bool reached = true;
    for (uint64_t n = 1; reached; n++) {
        kit k;
        fake_tm t;
        life l = {0};
        start(&k);
        tm_join(&t, &k, "a-1", 2);
        wsl_mem_fs_fail_at(k.files, n, WSL_IO, true);
        live(&k, &t, &l);
        reached = wsl_mem_fs_failed(k.files);
        kill_jm(&k);
        const jm_job *job = l.taken ? jm_find_job(k.jm, &l.job) : NULL;
        if (!l.taken) {
            cr_assert_eq(jm_jobs_live(k.jm), 0, "operation %llu", (unsigned long long)n);
        } else if (l.ended) {
            cr_assert_not_null(job);
            cr_assert(jm_job_ended(job), "operation %llu: it had ended", (unsigned long long)n);
        } else if (!jm_job_ended(job)) {
            const uint32_t before = l.attempt;
            l.attempt = 0;
            rejoin(&t, &k);
            kit_step(&k);
            wsl_envelope *e = tm_take(&t, WSL__PB__ENVELOPE__BODY_DEPLOY);
            cr_assert_not_null(e, "operation %llu: %s", (unsigned long long)n, kit_info(&k, &l.job).waiting);
            cr_assert_gt(e->deploy->task->attempt, before, "operation %llu", (unsigned long long)n);
            cr_assert_geq(e->deploy->restored_checkpoint, l.complete, "operation %llu: what was committed is gone back behind",
                          (unsigned long long)n);
            wsl_envelope_free(e);
        }
        tm_fini(&t);
        kit_fini(&k);
        cr_assert_lt(n, 5000u);
    }
}
