#include "graph/pb.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "format/utf8.h"

void wsl_pb_set(char **field, const char *text)
{
    char *copy = wsl_strdup(text);
    if (*field != NULL && (const char *)*field != protobuf_c_empty_string) {
        free(*field);
    }
    *field = copy;
}

void *wsl_pb_grow(void *list, size_t n, size_t element_size) { return wsl_realloc(list, (n + 1) * element_size); }

void wsl_pb_add_string(char ***list, size_t *n, const char *text) { *WSL_PB_APPEND(*list, *n) = wsl_strdup(text); }

void wsl_pb_add_option(Wsl__Pb__Option ***list, size_t *n, const char *key, const char *value)
{
    Wsl__Pb__Option *option = wsl_alloc(sizeof *option);
    wsl__pb__option__init(option);
    wsl_pb_set(&option->key, key);
    wsl_pb_set(&option->value, value);
    *WSL_PB_APPEND(*list, *n) = option;
}

const char *wsl_pb_option(Wsl__Pb__Option *const *list, size_t n, const char *key)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(list[i]->key, key) == 0) {
            return list[i]->value;
        }
    }
    return NULL;
}

ProtobufCMessage *wsl_pb_copy(const ProtobufCMessage *message)
{
    const size_t size = protobuf_c_message_get_packed_size(message);
    uint8_t *bytes = wsl_alloc(size + 1);
    (void)protobuf_c_message_pack(message, bytes);
    ProtobufCMessage *copy = protobuf_c_message_unpack(message->descriptor, NULL, size, bytes);
    WSL_ASSERT(copy != NULL);
    free(bytes);
    return copy;
}

/* One value of a field of pointers: a text or a message. */
static wsl_status check_value(const ProtobufCMessage *owner, const ProtobufCFieldDescriptor *field, const void *value,
                              wsl_error *err)
{
    if (value == NULL) {
        return WSL_OK;
    }
    if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
        return wsl_pb_check_texts(value, err);
    }
    if (!wsl_utf8_valid(value, strlen(value))) {
        return wsl_fail(err, WSL_FORMAT, "a text of the job graph (%s.%s) is not valid UTF-8",
                        owner->descriptor->short_name, field->name);
    }
    return WSL_OK;
}

wsl_status wsl_pb_check_texts(const ProtobufCMessage *message, wsl_error *err)
{
    for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
        const char *at = (const char *)message + field->offset;
        if (field->type != PROTOBUF_C_TYPE_STRING && field->type != PROTOBUF_C_TYPE_MESSAGE) {
            continue;
        }
        if (field->label != PROTOBUF_C_LABEL_REPEATED) {
            WSL_TRY(check_value(message, field, *(void *const *)(const void *)at, err));
            continue;
        }
        size_t n;
        memcpy(&n, (const char *)message + field->quantifier_offset, sizeof n);
        void *const *list = *(void *const *const *)(const void *)at;
        for (size_t k = 0; k < n; k++) {
            WSL_TRY(check_value(message, field, list[k], err));
        }
    }
    return WSL_OK;
}
