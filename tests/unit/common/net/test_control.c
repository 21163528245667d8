#include "net/control.h"

#include "base/rng.h"
#include "harness/wsl_test.h"

static const wsl_id token = {.bytes = {1, 2, 3}};
static const wsl_id job = {.bytes = {9, 8, 7}};

static wsl_status round_trip(wsl_control_kind kind, void *body, wsl_control_direction direction, wsl_envelope **out,
                             wsl_error *err)
{
    wsl_message m = {0};
    cr_assert_eq(wsl_control_encode(&token, 42, kind, body, &m), WSL_OK);
    const wsl_status status = wsl_control_decode(m.data, m.size, direction, out, err);
    wsl_message_release(&m);
    return status;
}

static Wsl__Pb__Register registration(void)
{
    Wsl__Pb__Register r = WSL__PB__REGISTER__INIT;
    r.tm_id = wsl_pb_text("h:1-abc");
    r.incarnation = wsl_pb_text("i1");
    r.data_address = wsl_pb_text("tcp://127.0.0.1:1");
    r.slots = 2;
    return r;
}

Test(control, an_envelope_comes_back_as_it_went)
{
    WSL_AUTO(wsl_envelope) e = NULL;
    Wsl__Pb__Register r = registration();
    cr_assert_eq(round_trip(WSL__PB__ENVELOPE__BODY_REGISTER, &r, WSL_TO_JOBMANAGER, &e, NULL), WSL_OK);
    cr_assert_eq(e->request, 42u);
    cr_assert(wsl_control_fenced(e, &token));
    cr_assert_not(wsl_control_fenced(e, &job));
    cr_assert_str_eq(e->register_->tm_id, "h:1-abc");
    cr_assert_eq(e->register_->slots, 2u);
}

Test(control, an_envelope_that_goes_the_wrong_way_is_refused)
{
    wsl_envelope *e = NULL;
    wsl_error err = {0};
    Wsl__Pb__Register r = registration();
    cr_assert_eq(round_trip(WSL__PB__ENVELOPE__BODY_REGISTER, &r, WSL_TO_TASKMANAGER, &e, &err), WSL_FORMAT);
    cr_assert(has_text(err.text, "register"), "%s", err.text);
    cr_assert_null(e);
}

Test(control, another_version_is_told_apart_from_broken_bytes)
{
    wsl_envelope *out = NULL;
    wsl_error err = {0};
    Wsl__Pb__Register r = registration();
    wsl_envelope e = WSL__PB__ENVELOPE__INIT;
    uint8_t bytes[256];
    e.version = WSL_CONTROL_VERSION + 1;
    e.body_case = WSL__PB__ENVELOPE__BODY_REGISTER;
    e.register_ = &r;
    cr_assert_eq(wsl_control_decode(bytes, wsl__pb__envelope__pack(&e, bytes), WSL_TO_JOBMANAGER, &out, &err),
                 WSL_UNSUPPORTED);
    cr_assert(has_text(err.text, "version 2"), "%s", err.text);
    cr_assert_eq(wsl_control_decode("\xff\xff", 2, WSL_TO_JOBMANAGER, &out, NULL), WSL_FORMAT);
    cr_assert_eq(wsl_control_decode("", 0, WSL_TO_JOBMANAGER, &out, NULL), WSL_UNSUPPORTED);
}

static void expect_refused(wsl_control_kind kind, void *body, wsl_control_direction direction, const char *words)
{
    wsl_envelope *e = NULL;
    wsl_error err = {0};
    cr_assert_eq(round_trip(kind, body, direction, &e, &err), WSL_FORMAT);
    cr_assert_null(e);
    cr_assert(has_text(err.text, words), "'%s' should say '%s'", err.text, words);
}

Test(control, every_rule_of_a_registration_is_checked)
{
    Wsl__Pb__Register r = registration();
    r.slots = 0;
    expect_refused(WSL__PB__ENVELOPE__BODY_REGISTER, &r, WSL_TO_JOBMANAGER, "1 to 1024 slots");
    r.slots = 1025;
    expect_refused(WSL__PB__ENVELOPE__BODY_REGISTER, &r, WSL_TO_JOBMANAGER, "1 to 1024 slots");
    r = registration();
    r.tm_id = wsl_pb_text("");
    expect_refused(WSL__PB__ENVELOPE__BODY_REGISTER, &r, WSL_TO_JOBMANAGER, "id is empty");
    r = registration();
    r.data_address = wsl_pb_text("");
    expect_refused(WSL__PB__ENVELOPE__BODY_REGISTER, &r, WSL_TO_JOBMANAGER, "data address is empty");
    char longer[WSL_CONTROL_NAME_MAX + 2];
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    r = registration();
    r.incarnation = longer;
    expect_refused(WSL__PB__ENVELOPE__BODY_REGISTER, &r, WSL_TO_JOBMANAGER, "longer than 1024");
}

Test(control, task_ids_must_be_there_and_name_a_job_of_16_bytes)
{
    Wsl__Pb__TaskStateChanged s = WSL__PB__TASK_STATE_CHANGED__INIT;
    expect_refused(WSL__PB__ENVELOPE__BODY_TASK_STATE, &s, WSL_TO_JOBMANAGER, "task id is missing");
    Wsl__Pb__TaskId id;
    wsl_pb_task_id_init(&id, &job, 1, 2, 3);
    id.job.len = 15;
    s.task = &id;
    expect_refused(WSL__PB__ENVELOPE__BODY_TASK_STATE, &s, WSL_TO_JOBMANAGER, "15 bytes instead of 16");
    id.job.len = 16;
    s.state = (Wsl__Pb__TaskState)99;
    expect_refused(WSL__PB__ENVELOPE__BODY_TASK_STATE, &s, WSL_TO_JOBMANAGER, "state 99");
    s.state = WSL__PB__TASK_STATE__TASK_RUNNING;
    WSL_AUTO(wsl_envelope) e = NULL;
    cr_assert_eq(round_trip(WSL__PB__ENVELOPE__BODY_TASK_STATE, &s, WSL_TO_JOBMANAGER, &e, NULL), WSL_OK);
    const wsl_id back = wsl_pb_task_job(e->task_state->task);
    cr_assert(wsl_id_equal(&back, &job));
    cr_assert_eq(e->task_state->task->attempt, 3u);
}

Test(control, a_heartbeat_with_a_metric_of_no_task_is_refused)
{
    Wsl__Pb__TmHeartbeat h = WSL__PB__TM_HEARTBEAT__INIT;
    Wsl__Pb__TaskMetrics m = WSL__PB__TASK_METRICS__INIT;
    Wsl__Pb__TaskMetrics *list[] = {&m};
    h.tasks = list;
    h.n_tasks = 1;
    expect_refused(WSL__PB__ENVELOPE__BODY_TM_HEARTBEAT, &h, WSL_TO_JOBMANAGER, "task id is missing");
}

Test(control, a_deployment_must_be_possible)
{
    Wsl__Pb__DeployTask d = WSL__PB__DEPLOY_TASK__INIT;
    Wsl__Pb__TaskId id;
    Wsl__Pb__Operator op = WSL__PB__OPERATOR__INIT;
    Wsl__Pb__Operator *ops[] = {&op};
    wsl_pb_task_id_init(&id, &job, 0, 2, 1);
    d.task = &id;
    expect_refused(WSL__PB__ENVELOPE__BODY_DEPLOY, &d, WSL_TO_TASKMANAGER, "without operators");
    d.operators = ops;
    d.n_operators = 1;
    d.parallelism = 2;
    d.max_parallelism = 2;
    expect_refused(WSL__PB__ENVELOPE__BODY_DEPLOY, &d, WSL_TO_TASKMANAGER, "subtask 2 of parallelism 2");
    id.subtask = 1;
    Wsl__Pb__InputGate gate = WSL__PB__INPUT_GATE__INIT;
    Wsl__Pb__InputGate *gates[] = {&gate};
    d.inputs = gates;
    d.n_inputs = 1;
    expect_refused(WSL__PB__ENVELOPE__BODY_DEPLOY, &d, WSL_TO_TASKMANAGER, "no edge or no peers");
    d.n_inputs = 0;
    d.artifact = wsl_pb_text("../../etc/passwd");
    expect_refused(WSL__PB__ENVELOPE__BODY_DEPLOY, &d, WSL_TO_TASKMANAGER, "32 hex digits");
    d.artifact = wsl_pb_text("");
    WSL_AUTO(wsl_envelope) e = NULL;
    cr_assert_eq(round_trip(WSL__PB__ENVELOPE__BODY_DEPLOY, &d, WSL_TO_TASKMANAGER, &e, NULL), WSL_OK);
}

Test(control, a_chunk_lies_inside_its_artifact)
{
    Wsl__Pb__ArtifactChunk c = WSL__PB__ARTIFACT_CHUNK__INIT;
    c.hash = wsl_pb_text("00112233445566778899aabbccddeeff");
    c.offset = 5;
    c.total = 8;
    c.data = wsl_pb_bytes("abcd", 4);
    expect_refused(WSL__PB__ENVELOPE__BODY_ARTIFACT_CHUNK, &c, WSL_TO_TASKMANAGER, "does not fit");
    c.offset = UINT64_MAX;
    expect_refused(WSL__PB__ENVELOPE__BODY_ARTIFACT_CHUNK, &c, WSL_TO_TASKMANAGER, "does not fit");
    c.offset = 4;
    WSL_AUTO(wsl_envelope) e = NULL;
    cr_assert_eq(round_trip(WSL__PB__ENVELOPE__BODY_ARTIFACT_CHUNK, &c, WSL_TO_TASKMANAGER, &e, NULL), WSL_OK);
}

Test(control, checkpoint_messages_name_a_task_and_a_checkpoint)
{
    Wsl__Pb__TaskId id;
    wsl_pb_task_id_init(&id, &job, 0, 0, 1);
    Wsl__Pb__CheckpointAck a = WSL__PB__CHECKPOINT_ACK__INIT;
    expect_refused(WSL__PB__ENVELOPE__BODY_CHECKPOINT_ACK, &a, WSL_TO_JOBMANAGER, "task id is missing");
    a.task = &id;
    expect_refused(WSL__PB__ENVELOPE__BODY_CHECKPOINT_ACK, &a, WSL_TO_JOBMANAGER, "no id");
    a.checkpoint = 7;
    expect_refused(WSL__PB__ENVELOPE__BODY_CHECKPOINT_ACK, &a, WSL_TO_JOBMANAGER, "no snapshot");
    Wsl__Pb__TaskSnapshot snapshot = WSL__PB__TASK_SNAPSHOT__INIT;
    a.snapshot = &snapshot;
    WSL_AUTO(wsl_envelope) e = NULL;
    cr_assert_eq(round_trip(WSL__PB__ENVELOPE__BODY_CHECKPOINT_ACK, &a, WSL_TO_JOBMANAGER, &e, NULL), WSL_OK);

    char longer[4 * WSL_CONTROL_NAME_MAX + 2];
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    Wsl__Pb__StateFile file = WSL__PB__STATE_FILE__INIT;
    Wsl__Pb__StateFile *files[] = {&file};
    file.path = longer;
    snapshot.files = files;
    snapshot.n_files = 1;
    expect_refused(WSL__PB__ENVELOPE__BODY_CHECKPOINT_ACK, &a, WSL_TO_JOBMANAGER, "state file's path is longer");

    Wsl__Pb__TriggerCheckpoint t = WSL__PB__TRIGGER_CHECKPOINT__INIT;
    t.task = &id;
    expect_refused(WSL__PB__ENVELOPE__BODY_TRIGGER_CHECKPOINT, &t, WSL_TO_TASKMANAGER, "no id");
    t.checkpoint = 1;
    t.kind = (Wsl__Pb__CheckpointKind)3;
    expect_refused(WSL__PB__ENVELOPE__BODY_TRIGGER_CHECKPOINT, &t, WSL_TO_TASKMANAGER, "kind 3 does not exist");
    t.kind = WSL__PB__CHECKPOINT_KIND__STOP_SAVEPOINT;
    WSL_AUTO(wsl_envelope) e2 = NULL;
    cr_assert_eq(round_trip(WSL__PB__ENVELOPE__BODY_TRIGGER_CHECKPOINT, &t, WSL_TO_TASKMANAGER, &e2, NULL), WSL_OK);

    Wsl__Pb__CheckpointEnded ended = WSL__PB__CHECKPOINT_ENDED__INIT;
    ended.task = &id;
    expect_refused(WSL__PB__ENVELOPE__BODY_CHECKPOINT_ENDED, &ended, WSL_TO_TASKMANAGER, "no id");
    Wsl__Pb__CheckpointDeclined declined = WSL__PB__CHECKPOINT_DECLINED__INIT;
    declined.checkpoint = 3;
    expect_refused(WSL__PB__ENVELOPE__BODY_CHECKPOINT_DECLINED, &declined, WSL_TO_JOBMANAGER, "task id is missing");
}

Test(control, damaged_envelopes_are_refused_or_harmless)
{
    Wsl__Pb__Register r = registration();
    wsl_message m = {0};
    wsl_rng rng;
    wsl_rng_seed(&rng, 11);
    cr_assert_eq(wsl_control_encode(&token, 1, WSL__PB__ENVELOPE__BODY_REGISTER, &r, &m), WSL_OK);
    for (uint32_t i = 0; i < 20000; i++) {
        uint8_t bytes[512];
        const size_t size = wsl_rng_below(&rng, m.size + 1);
        memcpy(bytes, m.data, m.size);
        for (uint32_t k = 0; k < 3; k++) {
            bytes[wsl_rng_below(&rng, m.size)] = (uint8_t)wsl_rng_next(&rng);
        }
        wsl_envelope *e = NULL;
        const size_t use = wsl_rng_below(&rng, 2) == 0 ? size : m.size;
        if (wsl_control_decode(bytes, use, WSL_TO_JOBMANAGER, &e, NULL) == WSL_OK) {
            cr_assert_neq(e->body_case, WSL__PB__ENVELOPE__BODY__NOT_SET);
            wsl_envelope_free(e);
        } else {
            cr_assert_null(e);
        }
    }
    wsl_message_release(&m);
}
