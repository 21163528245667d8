/*
 * record - a file of the store: 32 bytes of header, then a message.
 *
 *     | "WIESELJM" | u32 format version | u32 kind | u64 length | u64 XXH3 (64 bits) of the length bytes that follow |
 *
 * Written beside its name, synced and renamed: the file is there whole or not at all. What is read is checked: header,
 * checksum, structure, ids of 16 bytes. What the texts and numbers mean is checked by who uses them.
 *
 * Threads: any; calls that touch files block on disk.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include <wiesel/status.h>

#include "base/fs.h"
#include "job_store.pb-c.h"

typedef enum jm_record_kind {
    JM_RECORD_LEADER = 1, /* parts of the format: numbers stay */
    JM_RECORD_JOB = 2,
    JM_RECORD_STATE = 3,
    JM_RECORD_OPERATIONS = 4,
} jm_record_kind;

enum {
    JM_RECORD_VERSION = 1,
    JM_RECORD_HEADER_SIZE = 32,
    JM_RECORD_SIZE_MAX = 64 << 20,
};

/* malloc'ed bytes; the message is of that kind. */
void jm_record_encode(jm_record_kind kind, const ProtobufCMessage *message, uint8_t **out_bytes, size_t *out_size);
/* WSL_CORRUPT: damaged; WSL_UNSUPPORTED: of a later version. `origin` is for the sentence. Free the message with
 * protobuf_c_message_free_unpacked. */
WSL_MUST_CHECK wsl_status jm_record_decode(jm_record_kind kind, const void *bytes, size_t size, const char *origin,
                                           ProtobufCMessage **out_message, wsl_error *err);

WSL_MUST_CHECK wsl_status jm_record_write(wsl_fs *fs, const char *path, jm_record_kind kind,
                                          const ProtobufCMessage *message, wsl_error *err);
/* Also WSL_NOT_FOUND. */
WSL_MUST_CHECK wsl_status jm_record_read(wsl_fs *fs, const char *path, jm_record_kind kind,
                                         ProtobufCMessage **out_message, wsl_error *err);
