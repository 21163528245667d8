/*
 * pb - small helpers for the generated protobuf structs.
 *
 * Threads: any. Everything is on the heap and freed by the message's free_unpacked.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include <wiesel/status.h>

#include "job_graph.pb-c.h"

/* Replaces a string field by a copy of text. */
void wsl_pb_set(char **field, const char *text);
static inline bool wsl_pb_is_set(const char *field) { return field != NULL && field[0] != '\0'; }

/* Room for one more element in a repeated field of pointers: grows *list and counts. Returns the new element's place.
 */
#define WSL_PB_APPEND(list, n) ((list) = wsl_pb_grow((list), (n), sizeof *(list)), &(list)[(n)++])
void *wsl_pb_grow(void *list, size_t n, size_t element_size);

void wsl_pb_add_string(char ***list, size_t *n, const char *text);
void wsl_pb_add_option(Wsl__Pb__Option ***list, size_t *n, const char *key, const char *value);
/* The value of a key, or NULL. */
const char *wsl_pb_option(Wsl__Pb__Option *const *list, size_t n, const char *key);

/* A deep copy; free with protobuf_c_message_free_unpacked. */
ProtobufCMessage *wsl_pb_copy(const ProtobufCMessage *message);

/* Are all texts in the message, and the messages in it, valid UTF-8? */
WSL_MUST_CHECK wsl_status wsl_pb_check_texts(const ProtobufCMessage *message, wsl_error *err);
