#include "data/pb_check.h"

#include <stdbool.h>

typedef struct pb_cursor {
    const uint8_t *at;
    const uint8_t *end;
} pb_cursor;

typedef struct pb_walk {
    const wsl_pb_limits *limits;
    uint32_t members;
    wsl_error *err;
} pb_walk;

enum { PB_VARINT = 0, PB_FIXED64 = 1, PB_BYTES = 2, PB_FIXED32 = 5, PB_VARINT_BYTES_MAX = 10 };

static bool read_varint(pb_cursor *c, uint64_t *out_value)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < PB_VARINT_BYTES_MAX && c->at < c->end; i++) {
        const uint8_t byte = *c->at++;
        value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte < 0x80) {
            *out_value = value;
            return true;
        }
    }
    return false;
}

static bool skip(pb_cursor *c, uint64_t n)
{
    if (n > (uint64_t)(c->end - c->at)) {
        return false;
    }
    c->at += n;
    return true;
}

static const ProtobufCFieldDescriptor *field_of(const ProtobufCMessageDescriptor *type, uint64_t tag)
{
    if (tag > UINT32_MAX) {
        return NULL;
    }
    return protobuf_c_message_descriptor_get_field(type, (unsigned)tag);
}

static wsl_status walk(pb_walk *w, const ProtobufCMessageDescriptor *type, pb_cursor c, uint32_t depth);

static wsl_status broken(pb_walk *w, const ProtobufCMessageDescriptor *type)
{
    return wsl_fail(w->err, WSL_FORMAT, "the bytes are not a whole protobuf message of type %s", type->name);
}

/* A length-delimited field: goes into messages, counts packed values, passes over strings. */
static wsl_status walk_bytes(pb_walk *w, const ProtobufCMessageDescriptor *type, uint64_t tag, pb_cursor *c,
                             uint32_t depth)
{
    uint64_t size = 0;
    if (!read_varint(c, &size) || size > (uint64_t)(c->end - c->at)) {
        return broken(w, type);
    }
    const pb_cursor inner = {c->at, c->at + size};
    c->at += size;
    const ProtobufCFieldDescriptor *field = field_of(type, tag);
    if (field == NULL || field->type != PROTOBUF_C_TYPE_MESSAGE) {
        return WSL_OK;
    }
    return walk(w, (const ProtobufCMessageDescriptor *)field->descriptor, inner, depth + 1);
}

static wsl_status walk(pb_walk *w, const ProtobufCMessageDescriptor *type, pb_cursor c, uint32_t depth)
{
    if (depth > w->limits->depth) {
        return wsl_fail(w->err, WSL_TOO_LARGE, "messages nest deeper than %u at type %s", w->limits->depth, type->name);
    }
    while (c.at < c.end) {
        uint64_t key = 0;
        uint64_t ignored = 0;
        bool fine = true;
        if (++w->members > w->limits->members) {
            return wsl_fail(w->err, WSL_TOO_LARGE, "more than %u members in one message", w->limits->members);
        }
        if (!read_varint(&c, &key) || key >> 3 == 0) {
            return broken(w, type);
        }
        switch (key & 7) {
        case PB_VARINT:
            fine = read_varint(&c, &ignored);
            break;
        case PB_FIXED64:
            fine = skip(&c, 8);
            break;
        case PB_FIXED32:
            fine = skip(&c, 4);
            break;
        case PB_BYTES:
            WSL_TRY(walk_bytes(w, type, key >> 3, &c, depth));
            break;
        default: /* groups are not used */
            fine = false;
            break;
        }
        if (!fine) {
            return broken(w, type);
        }
    }
    return WSL_OK;
}

wsl_status wsl_pb_check(const ProtobufCMessageDescriptor *type, const void *bytes, size_t size,
                        const wsl_pb_limits *limits, wsl_error *err)
{
    pb_walk w = {.limits = limits, .err = err};
    const uint8_t *start = bytes;
    const pb_cursor all = {start, size == 0 ? start : start + size};
    return walk(&w, type, all, 1);
}
