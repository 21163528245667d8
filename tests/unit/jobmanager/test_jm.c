#include "jm_kit.h"

#include "base/alloc.h"
#include "graph/pb.h"

/* ---- registration ---- */

Test(jm, a_taskmanager_registers_and_brings_its_slots)
{
    kit k;
    fake_tm t;
    kit_init(&k);
    tm_join(&t, &k, "h:1-a", 3);
    cr_assert_eq(jm_task_managers(k.jm), 1u);
    cr_assert_eq(jm_slots_total(k.jm), 3u);
    cr_assert_eq(jm_slots_available(k.jm), 3u);
    tm_fini(&t);
    kit_fini(&k);
}

Test(jm, registering_again_on_the_same_connection_is_accepted_again_and_adds_nothing)
{
    kit k;
    fake_tm t;
    kit_init(&k);
    tm_join(&t, &k, "h:1-a", 3);
    const wsl_id first = t.fencing;
    t.registered = false;
    tm_send_register(&t, "i1", 3);
    cr_assert(t.registered);
    cr_assert(wsl_id_equal(&first, &t.fencing));
    cr_assert_eq(jm_slots_total(k.jm), 3u);
    tm_fini(&t);
    kit_fini(&k);
}

static void expect_refusal(fake_tm *t, bool fatal, const char *words)
{
    wsl_envelope *e = tm_take(t, WSL__PB__ENVELOPE__BODY_REFUSED);
    cr_assert_not_null(e, "a refusal with '%s' is expected", words);
    cr_assert_eq((bool)e->refused->fatal, fatal);
    cr_assert(has_text(e->refused->reason, words), "%s", e->refused->reason);
    wsl_envelope_free(e);
}

Test(jm, a_second_taskmanager_with_the_same_id_is_refused_until_the_first_is_gone)
{
    kit k;
    fake_tm a, b;
    kit_init(&k);
    tm_join(&a, &k, "h:1-a", 1);
    tm_connect(&b, &k, "h:1-a", "i2");
    tm_send_register(&b, "i2", 1);
    cr_assert_not(b.registered);
    expect_refusal(&b, false, "this id is registered");
    tm_fini(&a);
    kit_step(&k);
    tm_send_register(&b, "i2", 1);
    cr_assert(b.registered);
    cr_assert_eq(jm_task_managers(k.jm), 1u);
    tm_fini(&b);
    kit_fini(&k);
}

Test(jm, strangers_are_told_to_register)
{
    kit k;
    fake_tm t;
    kit_init(&k);
    tm_connect(&t, &k, "h:1-a", "i1");
    tm_heartbeat(&t);
    expect_refusal(&t, false, "not registered");
    tm_fini(&t);
    kit_fini(&k);
}

Test(jm, messages_with_another_fencing_token_are_refused_and_change_nothing)
{
    kit k;
    fake_tm t;
    kit_init(&k);
    tm_join(&t, &k, "h:1-a", 1);
    const wsl_id job = kit_submit_counting(&k, 1);
    t.fencing.bytes[0] ^= 1;
    tm_report(&t, &job, 0, 0, WSL__PB__TASK_STATE__TASK_FAILED, "not me");
    expect_refusal(&t, false, "fencing token");
    kit_expect_state(&k, &job, "RUNNING");
    tm_fini(&t);
    kit_fini(&k);
}

Test(jm, another_protocol_version_is_refused_for_good_and_broken_bytes_are_not)
{
    kit k;
    fake_tm t;
    kit_init(&k);
    tm_connect(&t, &k, "h:1-a", "i1");
    wsl_message m = {.data = (const uint8_t *)"\x08\x63", .size = 2}; /* version 99 */
    cr_assert_eq(wsl_endpoint_send(t.endpoint, NULL, &m), WSL_OK);
    expect_refusal(&t, true, "version 99");
    m = (wsl_message){.data = (const uint8_t *)"\xff", .size = 1};
    cr_assert_eq(wsl_endpoint_send(t.endpoint, NULL, &m), WSL_OK);
    expect_refusal(&t, false, "protobuf");
    tm_fini(&t);
    kit_fini(&k);
}

/* ---- deployment ---- */

Test(jm, a_job_is_deployed_consumers_first_and_spread_evenly)
{
    kit k;
    fake_tm a, b;
    kit_init(&k);
    tm_join(&a, &k, "h:1-a", 2);
    tm_join(&b, &k, "h:2-b", 2);
    const wsl_id job = kit_submit_counting(&k, 2);
    kit_expect_state(&k, &job, "RUNNING");
    cr_assert_eq(tm_count(&a, WSL__PB__ENVELOPE__BODY_DEPLOY), 2u);
    cr_assert_eq(tm_count(&b, WSL__PB__ENVELOPE__BODY_DEPLOY), 2u);
    cr_assert_eq(jm_slots_available(k.jm), 2u);

    wsl_envelope *sink = tm_take(&a, WSL__PB__ENVELOPE__BODY_DEPLOY);
    const Wsl__Pb__DeployTask *d = sink->deploy;
    cr_assert_eq(d->task->vertex, 1u);
    cr_assert_eq(d->task->subtask, 0u);
    cr_assert_eq(d->task->attempt, 1u);
    cr_assert_eq(d->parallelism, 2u);
    cr_assert_eq(d->n_operators, 2u, "the aggregate and the sink are one chain");
    cr_assert_eq(d->n_chained_edges, 1u);
    cr_assert_eq(d->n_outputs, 0u);
    cr_assert_eq(d->n_inputs, 1u);
    cr_assert_eq(d->inputs[0]->n_producers, 2u);
    cr_assert_str_eq(d->inputs[0]->producers[0]->tm_id, "h:1-a");
    cr_assert_str_eq(d->inputs[0]->producers[1]->tm_id, "h:2-b");
    cr_assert_str_eq(d->inputs[0]->producers[1]->data_address, "ipc://local", "both are on one host");
    cr_assert_eq(d->inputs[0]->producers[1]->subtask, 1u);
    cr_assert_eq(d->n_keys, 1u);
    cr_assert_str_eq(d->keys[0], "k");
    cr_assert_eq(d->input_schema->n_fields, 2u);
    wsl_envelope_free(sink);

    wsl_envelope *source = tm_take(&a, WSL__PB__ENVELOPE__BODY_DEPLOY);
    cr_assert_eq(source->deploy->task->vertex, 0u);
    cr_assert_eq(source->deploy->n_inputs, 0u);
    cr_assert_eq(source->deploy->n_outputs, 1u);
    cr_assert_eq(source->deploy->outputs[0]->n_consumers, 2u);
    cr_assert_eq(source->deploy->slot, 0u, "subtask 0 of both vertices shares a slot");
    cr_assert_null(source->deploy->input_schema);
    wsl_envelope_free(source);
    tm_fini(&a);
    tm_fini(&b);
    kit_fini(&k);
}

Test(jm, a_job_whose_tasks_all_finish_is_finished_and_its_slots_are_free)
{
    kit k;
    fake_tm t;
    kit_init(&k);
    tm_join(&t, &k, "h:1-a", 2);
    const wsl_id job = kit_submit_counting(&k, 2);
    tm_report(&t, &job, 0, 0, WSL__PB__TASK_STATE__TASK_INITIALIZING, "");
    cr_assert_eq(tm_answer_deployments(&t, WSL__PB__TASK_STATE__TASK_RUNNING), 4u);
    cr_assert_eq(kit_info(&k, &job).tasks_running, 4u);
    for (uint32_t v = 0; v < 2; v++) {
        for (uint32_t i = 0; i < 2; i++) {
            kit_expect_state(&k, &job, "RUNNING");
            tm_report(&t, &job, v, i, WSL__PB__TASK_STATE__TASK_FINISHED, "");
        }
    }
    kit_expect_state(&k, &job, "FINISHED");
    cr_assert_eq(jm_slots_available(k.jm), 2u);
    cr_assert_eq(kit_info(&k, &job).end_ms, wsl_wall_ms(&k.clock.clock));
    tm_fini(&t);
    kit_fini(&k);
}

Test(jm, a_slot_is_free_as_soon_as_the_last_task_in_it_ended)
{
    kit k;
    fake_tm t;
    kit_init(&k);
    tm_join(&t, &k, "h:1-a", 2);
    const wsl_id job = kit_submit_counting(&k, 2);
    tm_report(&t, &job, 0, 1, WSL__PB__TASK_STATE__TASK_FINISHED, "");
    cr_assert_eq(jm_slots_available(k.jm), 0u);
    tm_report(&t, &job, 1, 1, WSL__PB__TASK_STATE__TASK_FINISHED, "");
    cr_assert_eq(jm_slots_available(k.jm), 1u);
    kit_expect_state(&k, &job, "RUNNING");
    tm_fini(&t);
    kit_fini(&k);
}

/* ---- waiting for slots ---- */

Test(jm, a_job_without_enough_slots_waits_and_says_so)
{
    kit k;
    fake_tm a, b;
    kit_init(&k);
    tm_join(&a, &k, "h:1-a", 4);
    const wsl_id job = kit_submit_counting(&k, 5);
    kit_expect_state(&k, &job, "CREATED");
    cr_assert_str_eq(kit_info(&k, &job).waiting, "needs 5 slots, 4 free");
    cr_assert_eq(tm_count(&a, WSL__PB__ENVELOPE__BODY_DEPLOY), 0u, "nothing is deployed in part");
    tm_join(&b, &k, "h:2-b", 1);
    kit_expect_state(&k, &job, "RUNNING");
    cr_assert_str_eq(kit_info(&k, &job).waiting, "");
    cr_assert_eq(tm_count(&a, WSL__PB__ENVELOPE__BODY_DEPLOY) + tm_count(&b, WSL__PB__ENVELOPE__BODY_DEPLOY), 10u);
    tm_fini(&a);
    tm_fini(&b);
    kit_fini(&k);
}

Test(jm, a_job_that_waited_too_long_for_slots_fails_with_what_to_do)
{
    kit k;
    kit_init(&k);
    const wsl_id job = kit_submit_counting(&k, 2);
    kit_expect_state(&k, &job, "CREATED");
    cr_assert_leq(k.deadline, wsl_now_ns(&k.clock.clock) + 300 * WSL_NS_PER_S);
    kit_advance(&k, 299999);
    kit_expect_state(&k, &job, "CREATED");
    kit_advance(&k, 1);
    kit_expect_state(&k, &job, "FAILED");
    const char *why = kit_info(&k, &job).failure;
    cr_assert(has_text(why, "needs 2 slots, 0 free") && has_text(why, "300 s") && has_text(why, "start more"), "%s",
              why);
    kit_fini(&k);
}

Test(jm, freed_slots_wake_waiting_jobs_in_order_and_small_ones_pass_large_ones)
{
    kit k;
    fake_tm t;
    kit_init(&k);
    tm_join(&t, &k, "h:1-a", 2);
    const wsl_id first = kit_submit_counting(&k, 2);
    const wsl_id large = kit_submit_counting(&k, 3);
    const wsl_id second = kit_submit_counting(&k, 1);
    const wsl_id third = kit_submit_counting(&k, 1);
    const wsl_id fourth = kit_submit_counting(&k, 1);
    cr_assert_eq(jm_cancel(k.jm, &first, NULL), WSL_OK);
    tm_pump(&t);
    kit_expect_state(&k, &second, "CREATED");
    cr_assert_eq(tm_answer_cancels(&t), 4u);
    kit_expect_state(&k, &first, "CANCELED");
    kit_expect_state(&k, &large, "CREATED");
    kit_expect_state(&k, &second, "RUNNING");
    kit_expect_state(&k, &third, "RUNNING");
    kit_expect_state(&k, &fourth, "CREATED");
    tm_fini(&t);
    kit_fini(&k);
}

/* ---- failure ---- */

Test(jm, a_failed_task_fails_the_job_with_task_taskmanager_and_reason)
{
    kit k;
    fake_tm t;
    kit_init(&k);
    tm_join(&t, &k, "h:1-a", 2);
    const wsl_id job = kit_submit_counting(&k, 2);
    (void)tm_answer_deployments(&t, WSL__PB__TASK_STATE__TASK_RUNNING);
    tm_report(&t, &job, 1, 1, WSL__PB__TASK_STATE__TASK_FAILED, "row 7: division by zero");
    kit_expect_state(&k, &job, "FAILING");
    cr_assert_eq(tm_answer_cancels(&t), 3u, "all the others are canceled");
    kit_expect_state(&k, &job, "FAILED");
    const char *why = kit_info(&k, &job).failure;
    cr_assert(has_text(why, "(2/2)") && has_text(why, "h:1-a") && has_text(why, "row 7: division by zero"), "%s", why);
    cr_assert_eq(jm_slots_available(k.jm), 2u);
    tm_fini(&t);
    kit_fini(&k);
}

Test(jm, reports_of_a_wrong_attempt_worker_or_task_are_ignored)
{
    kit k;
    fake_tm a, b;
    kit_init(&k);
    tm_join(&a, &k, "h:1-a", 1);
    tm_join(&b, &k, "h:2-b", 1);
    const wsl_id job = kit_submit_counting(&k, 1);
    const wsl_id other = {.bytes = {1}};
    tm_report(&b, &job, 0, 0, WSL__PB__TASK_STATE__TASK_FAILED, "it does not run here");
    tm_report(&a, &job, 9, 0, WSL__PB__TASK_STATE__TASK_FAILED, "no such vertex");
    tm_report(&a, &job, 0, 1, WSL__PB__TASK_STATE__TASK_FAILED, "no such subtask");
    tm_report(&a, &other, 0, 0, WSL__PB__TASK_STATE__TASK_FAILED, "no such job");
    Wsl__Pb__TaskId id;
    Wsl__Pb__TaskStateChanged s = WSL__PB__TASK_STATE_CHANGED__INIT;
    wsl_pb_task_id_init(&id, &job, 0, 0, 2);
    s.task = &id;
    s.state = WSL__PB__TASK_STATE__TASK_FAILED;
    tm_send(&a, WSL__PB__ENVELOPE__BODY_TASK_STATE, &s);
    kit_expect_state(&k, &job, "RUNNING");
    tm_fini(&a);
    tm_fini(&b);
    kit_fini(&k);
}

Test(jm, a_report_that_cannot_be_fails_the_job_with_a_sentence)
{
    kit k;
    fake_tm t;
    kit_init(&k);
    tm_join(&t, &k, "h:1-a", 1);
    const wsl_id job = kit_submit_counting(&k, 1);
    (void)tm_answer_deployments(&t, WSL__PB__TASK_STATE__TASK_RUNNING);
    tm_report(&t, &job, 0, 0, WSL__PB__TASK_STATE__TASK_CANCELED, "");
    (void)tm_answer_cancels(&t);
    kit_expect_state(&k, &job, "FAILED");
    cr_assert(has_text(kit_info(&k, &job).failure, "reported CANCELED"), "%s", kit_info(&k, &job).failure);
    tm_fini(&t);
    kit_fini(&k);
}

/* ---- lost TaskManagers ---- */

Test(jm, a_broken_connection_loses_the_taskmanager_at_once_and_fails_its_jobs)
{
    kit k;
    fake_tm a, b;
    kit_init(&k);
    tm_join(&a, &k, "h:1-a", 1);
    tm_join(&b, &k, "h:2-b", 1);
    const wsl_id job = kit_submit_counting(&k, 2);
    (void)tm_answer_deployments(&a, WSL__PB__TASK_STATE__TASK_RUNNING);
    (void)tm_answer_deployments(&b, WSL__PB__TASK_STATE__TASK_RUNNING);
    tm_fini(&b);
    kit_step(&k);
    cr_assert_eq(jm_task_managers(k.jm), 1u);
    cr_assert_eq(jm_slots_total(k.jm), 1u);
    kit_expect_state(&k, &job, "FAILING");
    cr_assert_eq(tm_answer_cancels(&a), 2u);
    kit_expect_state(&k, &job, "FAILED");
    const char *why = kit_info(&k, &job).failure;
    cr_assert(has_text(why, "TaskManager h:2-b was lost"), "%s", why);
    cr_assert(has_text(why, "2 of the job's 4 tasks"), "%s", why);
    tm_fini(&a);
    kit_fini(&k);
}

Test(jm, the_loss_is_the_root_cause_even_if_a_peer_reported_its_consequence_first)
{
    kit k;
    fake_tm a, b;
    kit_init(&k);
    tm_join(&a, &k, "h:1-a", 1);
    tm_join(&b, &k, "h:2-b", 1);
    const wsl_id job = kit_submit_counting(&k, 2);
    Wsl__Pb__TaskId id;
    Wsl__Pb__TaskStateChanged s = WSL__PB__TASK_STATE_CHANGED__INIT;
    wsl_pb_task_id_init(&id, &job, 0, 0, 1);
    s.task = &id;
    s.state = WSL__PB__TASK_STATE__TASK_FAILED;
    s.error = wsl_pb_text("the connection to h:2-b broke");
    s.retriable = true;
    tm_send(&a, WSL__PB__ENVELOPE__BODY_TASK_STATE, &s);
    kit_expect_state(&k, &job, "FAILING");
    tm_fini(&b);
    kit_step(&k);
    (void)tm_answer_cancels(&a);
    kit_expect_state(&k, &job, "FAILED");
    cr_assert(has_text(kit_info(&k, &job).failure, "TaskManager h:2-b was lost"), "%s", kit_info(&k, &job).failure);
    tm_fini(&a);
    kit_fini(&k);
}

Test(jm, silence_beyond_the_heartbeat_timeout_loses_a_taskmanager_and_heartbeats_prevent_it)
{
    kit k;
    fake_tm quiet, lively;
    kit_init(&k);
    tm_join(&quiet, &k, "h:1-a", 1);
    tm_join(&lively, &k, "h:2-b", 1);
    for (int i = 0; i < 4; i++) {
        kit_advance(&k, 10000);
        tm_heartbeat(&lively);
    }
    kit_advance(&k, 9999);
    cr_assert_eq(jm_task_managers(k.jm), 2u);
    kit_advance(&k, 1);
    cr_assert_eq(jm_task_managers(k.jm), 1u);
    tm_heartbeat(&quiet);
    expect_refusal(&quiet, false, "not registered");
    tm_fini(&quiet);
    tm_fini(&lively);
    kit_fini(&k);
}

Test(jm, heartbeats_go_to_taskmanagers_at_their_interval_and_nobody_wakes_for_none)
{
    kit k;
    fake_tm t;
    kit_init(&k);
    kit_step(&k);
    cr_assert_eq(k.deadline, WSL_NEVER, "without TaskManagers and jobs there is nothing to wake for");
    tm_join(&t, &k, "h:1-a", 1);
    cr_assert_eq(k.deadline, wsl_now_ns(&k.clock.clock) + 10 * WSL_NS_PER_S);
    kit_advance(&k, 9999);
    cr_assert_eq(tm_count(&t, WSL__PB__ENVELOPE__BODY_JM_HEARTBEAT), 0u);
    kit_advance(&k, 1);
    cr_assert_eq(tm_count(&t, WSL__PB__ENVELOPE__BODY_JM_HEARTBEAT), 1u);
    tm_fini(&t);
    kit_fini(&k);
}

Test(jm, a_goodbye_is_a_loss_with_a_reason)
{
    kit k;
    fake_tm t;
    kit_init(&k);
    tm_join(&t, &k, "h:1-a", 1);
    const wsl_id job = kit_submit_counting(&k, 1);
    Wsl__Pb__Goodbye bye = WSL__PB__GOODBYE__INIT;
    bye.reason = wsl_pb_text("it was asked to stop");
    tm_send(&t, WSL__PB__ENVELOPE__BODY_GOODBYE, &bye);
    cr_assert_eq(jm_task_managers(k.jm), 0u);
    kit_expect_state(&k, &job, "FAILED");
    cr_assert(has_text(kit_info(&k, &job).failure, "it was asked to stop"), "%s", kit_info(&k, &job).failure);
    tm_fini(&t);
    kit_fini(&k);
}

/* ---- cancel ---- */

Test(jm, cancel_ends_when_every_task_did)
{
    kit k;
    fake_tm t;
    kit_init(&k);
    tm_join(&t, &k, "h:1-a", 1);
    const wsl_id job = kit_submit_counting(&k, 1);
    (void)tm_answer_deployments(&t, WSL__PB__TASK_STATE__TASK_RUNNING);
    cr_assert_eq(jm_cancel(k.jm, &job, NULL), WSL_OK);
    kit_expect_state(&k, &job, "CANCELLING");
    cr_assert_eq(jm_cancel(k.jm, &job, NULL), WSL_OK, "asking twice is fine");
    cr_assert_eq(tm_answer_cancels(&t), 2u, "and sends nothing twice");
    kit_expect_state(&k, &job, "CANCELED");
    cr_assert_eq(jm_cancel(k.jm, &job, NULL), WSL_OK, "canceled is what was asked for");
    tm_fini(&t);
    kit_fini(&k);
}

Test(jm, a_task_that_fails_while_it_is_canceled_does_not_fail_the_job)
{
    kit k;
    fake_tm t;
    kit_init(&k);
    tm_join(&t, &k, "h:1-a", 1);
    const wsl_id job = kit_submit_counting(&k, 1);
    (void)tm_answer_deployments(&t, WSL__PB__TASK_STATE__TASK_RUNNING);
    cr_assert_eq(jm_cancel(k.jm, &job, NULL), WSL_OK);
    tm_report(&t, &job, 0, 0, WSL__PB__TASK_STATE__TASK_FAILED, "close failed");
    tm_report(&t, &job, 1, 0, WSL__PB__TASK_STATE__TASK_CANCELED, "");
    kit_expect_state(&k, &job, "CANCELED");
    cr_assert_str_eq(kit_info(&k, &job).failure, "");
    tm_fini(&t);
    kit_fini(&k);
}

Test(jm, a_taskmanager_that_falls_silent_does_not_hold_a_cancel_up_for_ever)
{
    kit k;
    fake_tm t;
    kit_init(&k);
    tm_join(&t, &k, "h:1-a", 1);
    const wsl_id job = kit_submit_counting(&k, 1);
    (void)tm_answer_deployments(&t, WSL__PB__TASK_STATE__TASK_RUNNING);
    cr_assert_eq(jm_cancel(k.jm, &job, NULL), WSL_OK);
    kit_advance(&k, 49999);
    kit_expect_state(&k, &job, "CANCELLING");
    kit_advance(&k, 1);
    kit_expect_state(&k, &job, "CANCELED");
    tm_fini(&t);
    kit_fini(&k);
}

Test(jm, a_waiting_job_is_canceled_at_once)
{
    kit k;
    kit_init(&k);
    const wsl_id job = kit_submit_counting(&k, 1);
    cr_assert_eq(jm_cancel(k.jm, &job, NULL), WSL_OK);
    kit_expect_state(&k, &job, "CANCELED");
    kit_fini(&k);
}

Test(jm, cancel_of_nobody_and_of_the_dead_says_so)
{
    kit k;
    fake_tm t;
    kit_init(&k);
    tm_join(&t, &k, "h:1-a", 1);
    const wsl_id nobody = {.bytes = {5}};
    wsl_error err = {0};
    cr_assert_eq(jm_cancel(k.jm, &nobody, &err), WSL_NOT_FOUND);
    const wsl_id job = kit_submit_counting(&k, 1);
    cr_assert_eq(tm_answer_deployments(&t, WSL__PB__TASK_STATE__TASK_FINISHED), 2u);
    cr_assert_eq(jm_cancel(k.jm, &job, &err), WSL_STATE);
    cr_assert(has_text(err.text, "already ended as FINISHED"), "%s", err.text);
    tm_fini(&t);
    kit_fini(&k);
}

/* ---- submission ---- */

Test(jm, a_graph_that_cannot_run_is_refused_and_stays_the_callers)
{
    kit k;
    kit_init(&k);
    wsl_id id;
    wsl_error err = {0};
    wsl_job_graph *graph = kit_graph("{\"name\":\"x\"," KIT_OPERATORS);
    free(graph->artifact != NULL && graph->artifact[0] != '\0' ? graph->artifact : NULL);
    graph->artifact = wsl_strdup("00112233445566778899aabbccddeeff");
    cr_assert_eq(jm_submit(k.jm, graph, &id, &err), WSL_NOT_FOUND);
    cr_assert(has_text(err.text, "upload it first"), "%s", err.text);
    wsl_job_graph_free(graph);

    graph = kit_graph("{\"name\":\"x\"," KIT_OPERATORS);
    wsl_pb_add_option(&graph->config, &graph->n_config, "jobmanager.rpc.port", "1");
    cr_assert_neq(jm_submit(k.jm, graph, &id, &err), WSL_OK);
    cr_assert(has_text(err.text, "jobmanager.rpc.port"), "%s", err.text);
    wsl_job_graph_free(graph);
    kit_fini(&k);
}

Test(jm, a_missing_input_directory_is_refused_at_submission_with_the_operators_name)
{
    kit k;
    kit_init(&k);
    wsl_id id;
    wsl_error err = {0};
    wsl_job_graph *graph = kit_graph("{\"name\":\"x\",\"schemas\":{\"s\":{\"k\":\"STRING\"}},\"operators\":["
                                     "{\"name\":\"files\",\"source\":\"file\",\"schema\":\"s\",\"options\":{\"path\":"
                                     "\"/none\",\"format\":\"json\"}},"
                                     "{\"name\":\"out\",\"sink\":\"blackhole\"}]}");
    cr_assert_neq(jm_submit(k.jm, graph, &id, &err), WSL_OK);
    cr_assert(has_text(err.text, "files") && has_text(err.text, "/none"), "%s", err.text);
    wsl_job_graph_free(graph);
    kit_fini(&k);
}

Test(jm, ended_jobs_are_remembered_up_to_the_maximum)
{
    kit k;
    kit_init(&k);
    wsl_id first = {0};
    wsl_id last = {0};
    for (uint32_t i = 0; i <= JM_TERMINAL_JOBS_MAX; i++) {
        last = kit_submit_counting(&k, 1);
        cr_assert_eq(jm_cancel(k.jm, &last, NULL), WSL_OK);
        kit_step(&k);
        first = i == 0 ? last : first;
    }
    jm_job_info info;
    cr_assert_eq(jm_job_info_get(k.jm, &first, &info, NULL), WSL_NOT_FOUND);
    kit_expect_state(&k, &last, "CANCELED");
    kit_fini(&k);
}

/* ---- artifacts ---- */

Test(jm, artifacts_travel_in_chunks_and_missing_ones_are_said_to_be)
{
    kit k;
    fake_tm t;
    kit_init(&k);
    tm_join(&t, &k, "h:1-a", 1);
    const size_t size = WSL_ARTIFACT_CHUNK_MAX + 1000;
    uint8_t *bytes = wsl_alloc(size);
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)(i * 7);
    }
    wsl_id hash;
    char text[WSL_ID_TEXT_SIZE];
    cr_assert_eq(jm_put_artifact(k.jm, bytes, size, &hash, NULL), WSL_OK);
    Wsl__Pb__ArtifactRequest r = WSL__PB__ARTIFACT_REQUEST__INIT;
    r.hash = wsl_pb_text(wsl_id_text(&hash, text));
    uint64_t got = 0;
    while (got < size) {
        r.offset = got;
        tm_send(&t, WSL__PB__ENVELOPE__BODY_ARTIFACT_REQUEST, &r);
        wsl_envelope *e = tm_take(&t, WSL__PB__ENVELOPE__BODY_ARTIFACT_CHUNK);
        const Wsl__Pb__ArtifactChunk *c = e->artifact_chunk;
        cr_assert_not(c->missing);
        cr_assert_eq(c->offset, got);
        cr_assert_eq(c->total, size);
        cr_assert_gt(c->data.len, 0u);
        cr_assert_arr_eq(c->data.data, bytes + got, c->data.len);
        got += c->data.len;
        wsl_envelope_free(e);
    }
    r.hash = wsl_pb_text("00112233445566778899aabbccddeeff");
    tm_send(&t, WSL__PB__ENVELOPE__BODY_ARTIFACT_REQUEST, &r);
    wsl_envelope *e = tm_take(&t, WSL__PB__ENVELOPE__BODY_ARTIFACT_CHUNK);
    cr_assert(e->artifact_chunk->missing);
    wsl_envelope_free(e);
    free(bytes);
    tm_fini(&t);
    kit_fini(&k);
}

/* ---- metrics ---- */

Test(jm, rates_come_from_successive_heartbeats_and_vanish_with_the_task)
{
    kit k;
    fake_tm t;
    kit_init(&k);
    tm_join(&t, &k, "h:1-a", 1);
    const wsl_id job = kit_submit_counting(&k, 1);
    (void)tm_answer_deployments(&t, WSL__PB__TASK_STATE__TASK_RUNNING);
    for (uint64_t s = 1; s <= 2; s++) {
        Wsl__Pb__TaskId id[2];
        Wsl__Pb__TaskMetrics m[2] = {WSL__PB__TASK_METRICS__INIT, WSL__PB__TASK_METRICS__INIT};
        Wsl__Pb__TaskMetrics *list[] = {&m[0], &m[1]};
        Wsl__Pb__TmHeartbeat h = WSL__PB__TM_HEARTBEAT__INIT;
        for (uint32_t v = 0; v < 2; v++) {
            wsl_pb_task_id_init(&id[v], &job, v, 0, 1);
            m[v].task = &id[v];
            m[v].input_watermark = wsl_wall_ms(&k.clock.clock) - 2000;
            m[v].busy_ns = s * (v == 1 ? 700 : 100) * WSL_NS_PER_MS;
        }
        m[0].records_out = 1000 * s;
        m[1].records_in = 900 * s;
        h.tasks = list;
        h.n_tasks = 2;
        wsl_manual_clock_advance(&k.clock, WSL_NS_PER_S);
        tm_send(&t, WSL__PB__ENVELOPE__BODY_TM_HEARTBEAT, &h);
    }
    jm_job_info info = kit_info(&k, &job);
    cr_assert_eq(info.records_in, 2000u);
    cr_assert_eq(info.records_out, 1800u);
    cr_assert_float_eq(info.records_in_per_s, 1000, 1e-6);
    cr_assert_float_eq(info.records_out_per_s, 900, 1e-6);
    cr_assert_eq(info.watermark_lag_ms, 3000);
    cr_assert(has_text(info.busiest, "count"), "%s", info.busiest);
    cr_assert_float_eq(info.busiest_ratio, 0.7, 1e-6);
    tm_report(&t, &job, 0, 0, WSL__PB__TASK_STATE__TASK_FINISHED, "");
    cr_assert_float_eq(kit_info(&k, &job).records_in_per_s, 0, 1e-9);
    tm_fini(&t);
    kit_fini(&k);
}
