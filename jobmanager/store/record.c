#include "jobmanager/store/record.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/id.h"
#include "ckpt/checksum.h"
#include "data/pb_check.h"

static const char magic[8] = {'W', 'I', 'E', 'S', 'E', 'L', 'J', 'M'};

typedef struct record_header {
    char magic[8];
    uint32_t version;
    uint32_t kind;
    uint64_t length;
    uint64_t checksum;
} record_header;

_Static_assert(sizeof(record_header) == JM_RECORD_HEADER_SIZE, "part of the format");

enum {
    DEPTH_MAX = 64,        /* a job's graph with types in types */
    MEMBERS_MAX = 4 << 20, /* the tasks of the largest job with their numbers have fewer */
};

static const ProtobufCMessageDescriptor *type_of(jm_record_kind kind)
{
    switch (kind) {
    case JM_RECORD_LEADER:
        return &wsl__pb__stored_leader__descriptor;
    case JM_RECORD_JOB:
        return &wsl__pb__stored_job__descriptor;
    case JM_RECORD_STATE:
        return &wsl__pb__stored_job_state__descriptor;
    case JM_RECORD_OPERATIONS:
        return &wsl__pb__stored_operations__descriptor;
    }
    WSL_ASSERT(!"a kind of record");
    return NULL;
}

void jm_record_encode(jm_record_kind kind, const ProtobufCMessage *message, uint8_t **out_bytes, size_t *out_size)
{
    WSL_ASSERT(message->descriptor == type_of(kind));
    const size_t length = protobuf_c_message_get_packed_size(message);
    uint8_t *bytes = wsl_alloc(sizeof(record_header) + length);
    uint8_t *body = bytes + sizeof(record_header);
    WSL_ASSERT(protobuf_c_message_pack(message, body) == length);
    record_header header = {
        .version = JM_RECORD_VERSION, .kind = kind, .length = length, .checksum = wsl_checksum_of(body, length)};
    memcpy(header.magic, magic, sizeof magic);
    memcpy(bytes, &header, sizeof header);
    *out_bytes = bytes;
    *out_size = sizeof header + length;
}

static wsl_status check_header(const record_header *h, jm_record_kind kind, const uint8_t *body, size_t size,
                               const char *origin, wsl_error *err)
{
    if (memcmp(h->magic, magic, sizeof magic) != 0) {
        return wsl_fail(err, WSL_CORRUPT, "%s is damaged, or no file of a JobManager: it does not begin as one", origin);
    }
    if (h->version > JM_RECORD_VERSION) {
        return wsl_fail(err, WSL_UNSUPPORTED, "%s is of format version %" PRIu32 "; this program knows up to %d", origin,
                        h->version, JM_RECORD_VERSION);
    }
    if (h->version == 0 || h->kind != (uint32_t)kind) {
        return wsl_fail(err, WSL_CORRUPT, "%s is damaged: its header is not right", origin);
    }
    if (h->length != size) {
        return wsl_fail(err, WSL_CORRUPT, "%s is damaged: %zu bytes follow its header, which says %" PRIu64, origin, size,
                        h->length);
    }
    if (wsl_checksum_of(body, size) != h->checksum) {
        return wsl_fail(err, WSL_CORRUPT, "%s is damaged: its checksum is wrong", origin);
    }
    return WSL_OK;
}

static bool is_id(ProtobufCBinaryData bytes) { return bytes.len == sizeof((wsl_id *)0)->bytes; }

/* What every user of the message counts on. */
static bool is_sound(jm_record_kind kind, const ProtobufCMessage *message)
{
    const void *m = message;
    switch (kind) {
    case JM_RECORD_LEADER:
        return is_id(((const Wsl__Pb__StoredLeader *)m)->cluster);
    case JM_RECORD_JOB:
        return is_id(((const Wsl__Pb__StoredJob *)m)->job) && ((const Wsl__Pb__StoredJob *)m)->graph != NULL;
    case JM_RECORD_STATE:
        return is_id(((const Wsl__Pb__StoredJobState *)m)->job);
    case JM_RECORD_OPERATIONS:
        break;
    }
    const Wsl__Pb__StoredOperations *all = m;
    for (size_t i = 0; i < all->n_operations; i++) {
        const Wsl__Pb__StoredOperation *op = all->operations[i];
        if (!is_id(op->id) || (op->job.len != 0 && !is_id(op->job))) {
            return false;
        }
    }
    return true;
}

wsl_status jm_record_decode(jm_record_kind kind, const void *bytes, size_t size, const char *origin,
                            ProtobufCMessage **out_message, wsl_error *err)
{
    static const wsl_pb_limits limits = {.depth = DEPTH_MAX, .members = MEMBERS_MAX};
    record_header header;
    wsl_error why = {0};
    if (size < sizeof header || size - sizeof header > JM_RECORD_SIZE_MAX) {
        return wsl_fail(err, WSL_CORRUPT, "%s is damaged: a file of %zu bytes is not possible", origin, size);
    }
    memcpy(&header, bytes, sizeof header);
    const uint8_t *body = (const uint8_t *)bytes + sizeof header;
    WSL_TRY(check_header(&header, kind, body, size - sizeof header, origin, err));
    if (wsl_pb_check(type_of(kind), body, size - sizeof header, &limits, &why) != WSL_OK) {
        return wsl_fail(err, WSL_CORRUPT, "%s is damaged: %s", origin, why.text);
    }
    ProtobufCMessage *message = protobuf_c_message_unpack(type_of(kind), NULL, size - sizeof header, body);
    if (message == NULL || !is_sound(kind, message)) {
        if (message != NULL) {
            protobuf_c_message_free_unpacked(message, NULL);
        }
        return wsl_fail(err, WSL_CORRUPT, "%s is damaged: it holds no %s", origin, type_of(kind)->short_name);
    }
    *out_message = message;
    return WSL_OK;
}

wsl_status jm_record_write(wsl_fs *fs, const char *path, jm_record_kind kind, const ProtobufCMessage *message,
                           wsl_error *err)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    jm_record_encode(kind, message, &bytes, &size);
    const wsl_status status = wsl_fs_write_atomic(fs, path, bytes, size, err);
    free(bytes);
    return status;
}

wsl_status jm_record_read(wsl_fs *fs, const char *path, jm_record_kind kind, ProtobufCMessage **out_message,
                          wsl_error *err)
{
    char *data = NULL;
    size_t size = 0;
    wsl_status status = wsl_fs_read_all(fs, path, (size_t)JM_RECORD_SIZE_MAX + JM_RECORD_HEADER_SIZE, &data, &size, err);
    if (status == WSL_TOO_LARGE) {
        return wsl_fail(err, WSL_CORRUPT, "%s is too large for what it should be", path);
    }
    WSL_TRY(status);
    status = jm_record_decode(kind, data, size, path, out_message, err);
    free(data);
    return status;
}
