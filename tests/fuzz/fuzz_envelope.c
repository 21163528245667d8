/*
 * fuzz_envelope - control messages, in both directions. What is accepted can be packed again.
 */
#include "fuzz.h"
#include "net/control.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    for (int to = 0; to < 2; to++) {
        wsl_envelope *e = NULL;
        wsl_error err = {0};
        if (wsl_control_decode(data, size, to == 0 ? WSL_TO_JOBMANAGER : WSL_TO_TASKMANAGER, &e, &err) == WSL_OK) {
            FUZZ_CHECK(wsl_control_kind_name(e->body_case)[0] != 0);
            (void)wsl__pb__envelope__get_packed_size(e);
            wsl_envelope_free(e);
        } else {
            FUZZ_CHECK(err.text[0] != 0);
        }
    }
    return 0;
}

static fuzz_seed packed(wsl_control_kind kind, void *body)
{
    static const wsl_id token = {{1, 2, 3}};
    wsl_message m = {0};
    FUZZ_CHECK(wsl_control_encode(&token, 1, kind, body, &m) == WSL_OK);
    return (fuzz_seed){m.data, m.size};
}

size_t fuzz_seeds(fuzz_seed *out, size_t max)
{
    (void)max;
    static const wsl_id job = {{9}};
    static Wsl__Pb__TaskId task;
    wsl_pb_task_id_init(&task, &job, 1, 2, 3);

    Wsl__Pb__Register reg;
    wsl__pb__register__init(&reg);
    reg.tm_id = wsl_pb_text("tm-1");
    reg.incarnation = wsl_pb_text("abc");
    reg.data_address = wsl_pb_text("tcp://127.0.0.1:1");
    reg.slots = 2;
    reg.version = wsl_pb_text("0.1.0");
    out[0] = packed(WSL__PB__ENVELOPE__BODY_REGISTER, &reg);

    Wsl__Pb__TaskStateChanged state;
    wsl__pb__task_state_changed__init(&state);
    state.task = &task;
    state.state = WSL__PB__TASK_STATE__TASK_FAILED;
    state.error = wsl_pb_text("no");
    out[1] = packed(WSL__PB__ENVELOPE__BODY_TASK_STATE, &state);

    Wsl__Pb__CancelTask cancel;
    wsl__pb__cancel_task__init(&cancel);
    cancel.task = &task;
    out[2] = packed(WSL__PB__ENVELOPE__BODY_CANCEL, &cancel);

    Wsl__Pb__Operator op;
    wsl__pb__operator__init(&op);
    op.kind = wsl_pb_text("source");
    op.connector = wsl_pb_text("datagen");
    op.name = wsl_pb_text("numbers");
    Wsl__Pb__Operator *ops[] = {&op};
    Wsl__Pb__Edge edge;
    wsl__pb__edge__init(&edge);
    Wsl__Pb__Peer peer;
    wsl__pb__peer__init(&peer);
    peer.tm_id = wsl_pb_text("tm-2");
    Wsl__Pb__Peer *peers[] = {&peer};
    Wsl__Pb__OutputEdge output;
    wsl__pb__output_edge__init(&output);
    output.edge = &edge;
    output.n_consumers = 1;
    output.consumers = peers;
    Wsl__Pb__OutputEdge *outputs[] = {&output};
    Wsl__Pb__DeployTask deploy;
    wsl__pb__deploy_task__init(&deploy);
    deploy.task = &task;
    deploy.parallelism = 2;
    deploy.max_parallelism = 128;
    deploy.n_operators = 1;
    deploy.operators = ops;
    deploy.n_outputs = 1;
    deploy.outputs = outputs;
    out[3] = packed(WSL__PB__ENVELOPE__BODY_DEPLOY, &deploy);

    Wsl__Pb__SplitAssigned split;
    wsl__pb__split_assigned__init(&split);
    split.task = &task;
    split.name = wsl_pb_text("a[0..10)");
    split.split = wsl_pb_bytes("xyz", 3);
    out[4] = packed(WSL__PB__ENVELOPE__BODY_SPLIT_ASSIGNED, &split);
    return 5;
}
