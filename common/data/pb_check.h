/*
 * pb_check - a look at protobuf bytes of a stranger before they are unpacked.
 *
 * protobuf-c recurses once per nested message without a limit and allocates a struct for each, however few bytes it
 * came in. This walks the bytes by the descriptor, without allocating, and refuses what nests too deeply or holds too
 * many members; after it, unpacking needs bounded stack and memory. Wire errors it meets on the way are refused as
 * well.
 *
 * Threads: any.
 */
#pragma once
#include <protobuf-c/protobuf-c.h>
#include <stddef.h>
#include <stdint.h>

#include <wiesel/macros.h>
#include <wiesel/status.h>

typedef struct wsl_pb_limits {
    uint32_t depth;   /* messages inside messages; the outermost is 1 */
    uint32_t members; /* fields of all messages together, repeated ones counted each time */
} wsl_pb_limits;

/* WSL_OK, WSL_FORMAT (not protobuf, or cut off) or WSL_TOO_LARGE; the sentence names the message type. */
WSL_MUST_CHECK wsl_status wsl_pb_check(const ProtobufCMessageDescriptor *type, const void *bytes, size_t size,
                                       const wsl_pb_limits *limits, wsl_error *err);
