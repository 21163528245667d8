#include "ckpt/metadata.h"

#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "ckpt/checksum.h"
#include "data/pb_check.h"

static const char magic[8] = {'W', 'I', 'E', 'S', 'E', 'L', 'C', 'K'};

typedef struct metadata_header {
    char magic[8];
    uint32_t version;
    uint32_t zero;
    uint64_t length;
    uint64_t checksum;
} metadata_header;

_Static_assert(sizeof(metadata_header) == WSL_METADATA_HEADER_SIZE, "part of the format");

enum {
    DEPTH_MAX = 64,         /* meta, operator, subtask, section, state, schema, field, type, and types in types */
    MEMBERS_MAX = 16 << 20, /* 1000 operators in 1000 subtasks have fewer */
};

void wsl_metadata_encode(const Wsl__Pb__CheckpointMeta *meta, uint8_t **out_bytes, size_t *out_size)
{
    const size_t length = wsl__pb__checkpoint_meta__get_packed_size(meta);
    uint8_t *bytes = wsl_alloc(sizeof(metadata_header) + length);
    uint8_t *body = bytes + sizeof(metadata_header);
    WSL_ASSERT(wsl__pb__checkpoint_meta__pack(meta, body) == length);
    metadata_header header = {
        .version = WSL_METADATA_VERSION, .length = length, .checksum = wsl_checksum_of(body, length)};
    memcpy(header.magic, magic, sizeof magic);
    memcpy(bytes, &header, sizeof header);
    *out_bytes = bytes;
    *out_size = sizeof header + length;
}

static wsl_status check_header(const metadata_header *h, const uint8_t *body, size_t size, const char *origin,
                               wsl_error *err)
{
    if (memcmp(h->magic, magic, sizeof magic) != 0) {
        return wsl_fail(err, WSL_CORRUPT, "%s is damaged, or not the metadata of a checkpoint: it does not begin as one",
                        origin);
    }
    if (h->version > WSL_METADATA_VERSION) {
        return wsl_fail(err, WSL_UNSUPPORTED, "%s is of format version %u; this program knows up to %d", origin,
                        h->version, WSL_METADATA_VERSION);
    }
    if (h->version == 0 || h->zero != 0) {
        return wsl_fail(err, WSL_CORRUPT, "%s is damaged: its header is not right", origin);
    }
    if (h->length != size) {
        return wsl_fail(err, WSL_CORRUPT, "%s is damaged: %zu bytes follow its header, which says %" PRIu64, origin,
                        size, h->length);
    }
    if (wsl_checksum_of(body, size) != h->checksum) {
        return wsl_fail(err, WSL_CORRUPT, "%s is damaged: its checksum is wrong", origin);
    }
    return WSL_OK;
}

/* What has the right checksum was written by somebody, not damaged; it may still be nonsense. */
static wsl_status decode_body(const uint8_t *body, size_t size, Wsl__Pb__CheckpointMeta **out_meta, wsl_error *err)
{
    static const wsl_pb_limits limits = {.depth = DEPTH_MAX, .members = MEMBERS_MAX};
    WSL_TRY(wsl_pb_check(&wsl__pb__checkpoint_meta__descriptor, body, size, &limits, err));
    Wsl__Pb__CheckpointMeta *meta = wsl__pb__checkpoint_meta__unpack(NULL, size, body);
    if (meta == NULL) {
        return wsl_fail(err, WSL_CORRUPT, "it holds no CheckpointMeta");
    }
    const wsl_status status = wsl_metadata_check(meta, err);
    if (status != WSL_OK) {
        wsl__pb__checkpoint_meta__free_unpacked(meta, NULL);
        return status;
    }
    *out_meta = meta;
    return WSL_OK;
}

wsl_status wsl_metadata_decode(const void *bytes, size_t size, const char *origin, Wsl__Pb__CheckpointMeta **out_meta,
                               wsl_error *err)
{
    metadata_header header;
    if (size < sizeof header || size - sizeof header > WSL_METADATA_SIZE_MAX) {
        return wsl_fail(err, WSL_CORRUPT, "%s is damaged: metadata of %zu bytes is not possible", origin, size);
    }
    memcpy(&header, bytes, sizeof header);
    const uint8_t *body = (const uint8_t *)bytes + sizeof header;
    WSL_TRY(check_header(&header, body, size - sizeof header, origin, err));
    wsl_error why = {0};
    return decode_body(body, size - sizeof header, out_meta, &why) == WSL_OK
               ? WSL_OK
               : wsl_fail(err, WSL_CORRUPT, "%s is damaged: %s", origin, why.text);
}
