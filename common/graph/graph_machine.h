/*
 * graph_machine - any of our protobuf messages as JSON and back, by its descriptor, without loss: fields under their
 * protobuf names, enums by name, bytes in base64. Fields at their default are left out.
 *
 * Threads: any.
 */
#pragma once
#include <jansson.h>
#include <protobuf-c/protobuf-c.h>

#include <wiesel/status.h>

/* A new reference. Texts are UTF-8 (check_shape sees to that). */
json_t *wsl_pb_to_json(const ProtobufCMessage *message);

/* Free the result with protobuf_c_message_free_unpacked. Errors begin with the place: "graph.operators[2].selct: ...".
 */
WSL_MUST_CHECK wsl_status wsl_pb_from_json(const ProtobufCMessageDescriptor *type, const json_t *json,
                                           const char *place, ProtobufCMessage **out_message, wsl_error *err);
