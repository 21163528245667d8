/*
 * control - envelopes of the control plane (proto/control.proto) as bytes: encode, decode, check.
 *
 * What decode hands out is safe to use: version and direction are right, sizes and nesting are bounded, every TaskId is
 * there with a job of 16 bytes, every message that a field of the schema always has is not NULL (the list is in
 * control.c), enums are in range, artifact hashes look like hashes. Texts may still be anything; ids of vertices,
 * subtasks and operators are checked by whoever knows the job.
 *
 *     receive -> wsl_control_decode -> wsl_control_fenced? -> switch (envelope->body_case)
 *
 * Collect window: a sink subtask keeps at most WSL_COLLECT_WINDOW bytes of rows unacknowledged (one message may start
 * below it and end above); the JobManager fails a job whose subtask sends more while twice that is unacknowledged.
 *
 * Threads: any.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <wiesel/status.h>

#include "base/id.h"
#include "control.pb-c.h"
#include "net/transport.h"

enum {
    WSL_CONTROL_VERSION = 1,
    WSL_CONTROL_SIZE_MAX = 16 << 20, /* bytes of one envelope */
    WSL_CONTROL_DEPTH_MAX = 48,      /* nested messages (types of rows in schemas in operators...) */
    WSL_CONTROL_MEMBERS_MAX = 1 << 20,
    WSL_CONTROL_NAME_MAX = 1024,      /* bytes of an id, address, operator name */
    WSL_CONTROL_TEXT_MAX = 16 << 10,  /* bytes of an error sentence */
    WSL_ARTIFACT_CHUNK_MAX = 1 << 20, /* bytes of an artifact in one message */
    WSL_COLLECT_WINDOW = 256 << 10,
    WSL_COLLECT_MESSAGE_MAX = 1 << 20, /* row bytes in one CollectData, unless it is a single row */
};

typedef Wsl__Pb__Envelope wsl_envelope;
typedef Wsl__Pb__Envelope__BodyCase wsl_control_kind;

typedef enum wsl_control_direction { WSL_TO_JOBMANAGER, WSL_TO_TASKMANAGER } wsl_control_direction;

void wsl_envelope_free(wsl_envelope *envelope);
WSL_DEFINE_AUTO(wsl_envelope)

/* WSL_FORMAT: not an envelope, or one that breaks a rule. WSL_UNSUPPORTED: another WSL_CONTROL_VERSION. */
WSL_MUST_CHECK wsl_status wsl_control_decode(const void *bytes, size_t size, wsl_control_direction direction,
                                             wsl_envelope **out_envelope, wsl_error *err);

/* Does it carry this token? */
bool wsl_control_fenced(const wsl_envelope *envelope, const wsl_id *token);

/* Sends one envelope. `fencing` NULL: empty (Register, Refused). `peer` NULL on a connection. `body` is the message of
 * that kind and stays the caller's. Answers of wsl_endpoint_send, or WSL_TOO_LARGE. */
WSL_MUST_CHECK wsl_status wsl_control_send(wsl_endpoint *endpoint, const char *peer, const wsl_id *fencing,
                                           uint64_t request, wsl_control_kind kind, void *body);
/* The same into a message, for tests and tools. */
WSL_MUST_CHECK wsl_status wsl_control_encode(const wsl_id *fencing, uint64_t request, wsl_control_kind kind, void *body,
                                             wsl_message *out_message);
const char *wsl_control_kind_name(wsl_control_kind kind); /* "register"; for logs */

/* ---- task ids ---- */

/* out->job borrows `job`. */
void wsl_pb_task_id_init(Wsl__Pb__TaskId *out, const wsl_id *job, uint32_t vertex, uint32_t subtask, uint32_t attempt);
wsl_id wsl_pb_task_job(const Wsl__Pb__TaskId *task); /* of a checked one */
static inline ProtobufCBinaryData wsl_pb_bytes(const void *data, size_t size)
{
    return (ProtobufCBinaryData){.len = size, .data = (uint8_t *)(uintptr_t)data};
}
/* protobuf-c wants char *; it does not write through it. NULL becomes "". */
static inline char *wsl_pb_text(const char *text) { return (char *)(uintptr_t)(text == NULL ? "" : text); }
