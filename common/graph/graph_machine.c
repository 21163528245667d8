/*
 * Covers the field types that proto/job_graph.proto uses: uint32, bool, string, bytes, enum, message; single or
 * repeated. A message that uses another is a mistake of ours and trips an assertion.
 */
#include "graph/graph_machine.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/strbuf.h"
#include "base/suggest.h"
#include "format/base64.h"

enum { DEPTH_MAX = 64 };

static size_t element_size(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_UINT32:
        return sizeof(uint32_t);
    case PROTOBUF_C_TYPE_BOOL:
        return sizeof(protobuf_c_boolean);
    case PROTOBUF_C_TYPE_ENUM:
        return sizeof(int);
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE:
        return sizeof(void *);
    default:
        WSL_ASSERT(type == PROTOBUF_C_TYPE_BYTES); /* job graphs have no other types */
        return sizeof(ProtobufCBinaryData);
    }
}

/* ---- out ---- */

static json_t *value_to_json(const ProtobufCFieldDescriptor *field, const void *at)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_UINT32:
        return json_integer(*(const uint32_t *)at);
    case PROTOBUF_C_TYPE_BOOL:
        return json_boolean(*(const protobuf_c_boolean *)at);
    case PROTOBUF_C_TYPE_ENUM: {
        const int value = *(const int *)at;
        const ProtobufCEnumValue *named = protobuf_c_enum_descriptor_get_value(field->descriptor, value);
        return named != NULL ? json_string(named->name) : json_integer(value);
    }
    case PROTOBUF_C_TYPE_STRING:
        return json_string(*(char *const *)at);
    case PROTOBUF_C_TYPE_BYTES: {
        const ProtobufCBinaryData *bytes = at;
        wsl_strbuf text;
        wsl_strbuf_init(&text);
        wsl_base64_encode(bytes->data, bytes->len, &text);
        json_t *json = json_stringn(text.data, text.size);
        wsl_strbuf_fini(&text);
        return json;
    }
    default:
        WSL_ASSERT(field->type == PROTOBUF_C_TYPE_MESSAGE);
        return wsl_pb_to_json(*(ProtobufCMessage *const *)at);
    }
}

static bool is_default(const ProtobufCFieldDescriptor *field, const void *at)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_ENUM:
    case PROTOBUF_C_TYPE_BOOL:
        return *(const int *)at == 0;
    case PROTOBUF_C_TYPE_STRING:
        return *(char *const *)at == NULL || **(char *const *)at == '\0';
    case PROTOBUF_C_TYPE_BYTES:
        return ((const ProtobufCBinaryData *)at)->len == 0;
    default:
        return *(ProtobufCMessage *const *)at == NULL;
    }
}

json_t *wsl_pb_to_json(const ProtobufCMessage *message)
{
    json_t *json = json_object();
    const char *base = (const char *)message;
    for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
        const char *at = base + field->offset;
        if (field->label != PROTOBUF_C_LABEL_REPEATED) {
            if (!is_default(field, at)) {
                (void)json_object_set_new(json, field->name, value_to_json(field, at));
            }
            continue;
        }
        size_t n;
        const char *list;
        memcpy(&n, base + field->quantifier_offset, sizeof n);
        memcpy(&list, at, sizeof list);
        if (n > 0) {
            json_t *array = json_array();
            for (size_t k = 0; k < n; k++) {
                (void)json_array_append_new(array, value_to_json(field, list + k * element_size(field->type)));
            }
            (void)json_object_set_new(json, field->name, array);
        }
    }
    return json;
}

/* ---- in ---- */

typedef struct reader {
    wsl_error *err;
    uint32_t depth;
    wsl_strbuf place; /* of what is being read; stays where an error was met */
} reader;

static size_t enter(reader *r, const char *key, size_t index)
{
    const size_t mark = r->place.size;
    if (key != NULL) {
        wsl_strbuf_printf(&r->place, ".%s", key);
    } else {
        wsl_strbuf_printf(&r->place, "[%zu]", index);
    }
    return mark;
}

static void leave(reader *r, size_t mark)
{
    r->place.size = mark;
    r->place.data[mark] = '\0';
}

static wsl_status read_message(reader *r, const ProtobufCMessageDescriptor *type, const json_t *json,
                               ProtobufCMessage **out_message);

static wsl_status read_enum(reader *r, const ProtobufCFieldDescriptor *field, const json_t *json, int *out)
{
    const ProtobufCEnumDescriptor *type = field->descriptor;
    if (json_is_integer(json) && json_integer_value(json) >= 0 && json_integer_value(json) <= INT32_MAX) {
        *out = (int)json_integer_value(json);
        return WSL_OK;
    }
    wsl_suggest near;
    char hint[WSL_SUGGEST_TEXT_MAX];
    const char *text = json_is_string(json) ? json_string_value(json) : "";
    wsl_suggest_init(&near, text);
    for (unsigned i = 0; i < type->n_values; i++) {
        if (strcmp(type->values[i].name, text) == 0) {
            *out = type->values[i].value;
            return WSL_OK;
        }
        wsl_suggest_offer(&near, type->values[i].name);
    }
    return wsl_fail(r->err, WSL_INVALID, "%s: '%.60s' is no %s%s", r->place.data, text, type->short_name,
                    wsl_suggest_text(&near, hint));
}

static wsl_status wrong(reader *r, const char *what)
{
    return wsl_fail(r->err, WSL_INVALID, "%s: %s is expected", r->place.data, what);
}

static wsl_status read_bytes(reader *r, const json_t *json, ProtobufCBinaryData *out)
{
    if (!json_is_string(json)) {
        return wrong(r, "base64 text");
    }
    const size_t size = json_string_length(json);
    uint8_t *data = wsl_alloc(wsl_base64_decoded_max(size) + 1);
    if (!wsl_base64_decode(json_string_value(json), size, data, &out->len)) {
        free(data);
        out->len = 0;
        return wrong(r, "base64 text");
    }
    out->data = data;
    return WSL_OK;
}

static wsl_status read_value(reader *r, const ProtobufCFieldDescriptor *field, const json_t *json, void *at)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_UINT32:
        if (!json_is_integer(json) || json_integer_value(json) < 0 || json_integer_value(json) > UINT32_MAX) {
            return wrong(r, "a number from 0 to 4294967295");
        }
        *(uint32_t *)at = (uint32_t)json_integer_value(json);
        return WSL_OK;
    case PROTOBUF_C_TYPE_BOOL:
        if (!json_is_boolean(json)) {
            return wrong(r, "true or false");
        }
        *(protobuf_c_boolean *)at = json_is_true(json);
        return WSL_OK;
    case PROTOBUF_C_TYPE_ENUM:
        return read_enum(r, field, json, at);
    case PROTOBUF_C_TYPE_STRING:
        if (!json_is_string(json)) {
            return wrong(r, "text");
        }
        *(char **)at = wsl_strdup(json_string_value(json));
        return WSL_OK;
    case PROTOBUF_C_TYPE_BYTES:
        return read_bytes(r, json, at);
    default:
        WSL_ASSERT(field->type == PROTOBUF_C_TYPE_MESSAGE);
        return read_message(r, field->descriptor, json, at);
    }
}

/* The count follows each element, so that what is there so far can be freed. */
static wsl_status read_list(reader *r, const ProtobufCFieldDescriptor *field, const json_t *json, char *message)
{
    if (!json_is_array(json)) {
        return wrong(r, "a list");
    }
    const size_t n = json_array_size(json);
    const size_t size = element_size(field->type);
    char *list = wsl_calloc(n + 1, size);
    memcpy(message + field->offset, &list, sizeof list);
    for (size_t i = 0; i < n; i++) {
        const size_t mark = enter(r, NULL, i);
        WSL_TRY(read_value(r, field, json_array_get(json, i), list + i * size));
        leave(r, mark);
        const size_t have = i + 1;
        memcpy(message + field->quantifier_offset, &have, sizeof have);
    }
    return WSL_OK;
}

static wsl_status unknown_key(reader *r, const ProtobufCMessageDescriptor *type, const char *key)
{
    wsl_suggest near;
    char hint[WSL_SUGGEST_TEXT_MAX];
    wsl_suggest_init(&near, key);
    for (unsigned i = 0; i < type->n_fields; i++) {
        wsl_suggest_offer(&near, type->fields[i].name);
    }
    return wsl_fail(r->err, WSL_NOT_FOUND, "%s.%.60s: unknown key%s", r->place.data, key,
                    wsl_suggest_text(&near, hint));
}

static wsl_status read_fields(reader *r, const json_t *json, ProtobufCMessage *message)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)json, key, value)
    {
        const ProtobufCFieldDescriptor *field =
            protobuf_c_message_descriptor_get_field_by_name(message->descriptor, key);
        if (field == NULL) {
            return unknown_key(r, message->descriptor, key);
        }
        const size_t mark = enter(r, key, 0);
        if (field->label == PROTOBUF_C_LABEL_REPEATED) {
            WSL_TRY(read_list(r, field, value, (char *)message));
        } else {
            WSL_TRY(read_value(r, field, value, (char *)message + field->offset));
        }
        leave(r, mark);
    }
    return WSL_OK;
}

static wsl_status read_message(reader *r, const ProtobufCMessageDescriptor *type, const json_t *json,
                               ProtobufCMessage **out_message)
{
    if (!json_is_object(json)) {
        return wrong(r, "an object");
    }
    if (++r->depth > DEPTH_MAX) {
        return wsl_fail(r->err, WSL_TOO_LARGE, "%s: nested more than %d deep", r->place.data, DEPTH_MAX);
    }
    ProtobufCMessage *message = wsl_alloc(type->sizeof_message);
    protobuf_c_message_init(type, message);
    const wsl_status status = read_fields(r, json, message);
    if (status != WSL_OK) {
        protobuf_c_message_free_unpacked(message, NULL);
        return status;
    }
    r->depth--;
    *out_message = message;
    return WSL_OK;
}

wsl_status wsl_pb_from_json(const ProtobufCMessageDescriptor *type, const json_t *json, const char *place,
                            ProtobufCMessage **out_message, wsl_error *err)
{
    reader r = {.err = err};
    wsl_strbuf_init(&r.place);
    wsl_strbuf_puts(&r.place, place);
    const wsl_status status = read_message(&r, type, json, out_message);
    wsl_strbuf_fini(&r.place);
    return status;
}
