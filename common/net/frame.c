/*
 * frame - see frame.h.
 *
 * Numbers are stored byte for byte as they lie in memory: Wiesel runs on little-endian machines only, which the
 * assertion below holds.
 */
#include "net/frame.h"

#include <string.h>

#define XXH_INLINE_ALL /* compiled for the machine, with its vector instructions */
#include <xxhash.h>

#include <wiesel/row.h>

#include "base/assert.h"
#include "net/transport.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "rows and frames are little-endian");

typedef struct frame_header {
    uint32_t magic;
    uint16_t version;
    uint16_t sections;
    uint32_t size;
    uint32_t reserved;
    uint64_t checksum;
} frame_header;

typedef struct section_header {
    uint16_t kind;
    uint16_t flags;
    uint32_t channel;
    uint32_t length;
    uint32_t value;
    uint32_t extra;
    uint32_t attempt;
} section_header;

_Static_assert(sizeof(frame_header) == WSL_FRAME_HEADER_SIZE, "part of the wire format");
_Static_assert(offsetof(frame_header, checksum) == 16, "part of the wire format");
_Static_assert(sizeof(section_header) == WSL_FRAME_SECTION_SIZE, "part of the wire format");
_Static_assert(offsetof(section_header, attempt) == 20, "part of the wire format");

static uint64_t checksum_of(const uint8_t *data, size_t size)
{
    uint64_t seed[2];
    memcpy(seed, data, sizeof seed);
    return XXH3_64bits_withSeed(data + WSL_FRAME_HEADER_SIZE, size - WSL_FRAME_HEADER_SIZE,
                                seed[0] ^ (seed[1] << 32 | seed[1] >> 32));
}

/* ---- writing ---- */

void wsl_frame_writer_init(wsl_frame_writer *w, void *memory, uint32_t capacity)
{
    WSL_ASSERT(capacity >= WSL_FRAME_HEADER_SIZE && (uintptr_t)memory % 8 == 0);
    *w = (wsl_frame_writer){memory, capacity, WSL_FRAME_HEADER_SIZE, 0};
}

bool wsl_frame_writer_has_room(const wsl_frame_writer *w, uint32_t length)
{
    return w->sections < WSL_FRAME_SECTIONS_MAX && length <= WSL_MESSAGE_SIZE_MAX &&
           wsl_frame_section_bytes(length) <= w->capacity - w->size;
}

/* Returns where the payload goes, NULL without room; the padding is zeroed. */
static uint8_t *add_section(wsl_frame_writer *w, const section_header *h)
{
    if (!wsl_frame_writer_has_room(w, h->length)) {
        return NULL;
    }
    uint8_t *at = w->data + w->size;
    const uint32_t bytes = wsl_frame_section_bytes(h->length);
    memcpy(at, h, sizeof *h);
    if (h->length % 8 != 0) {
        memset(at + bytes - 8, 0, 8);
    }
    w->size += bytes;
    w->sections++;
    return at + sizeof *h;
}

bool wsl_frame_add_open(wsl_frame_writer *w, uint32_t channel, uint32_t attempt, const wsl_frame_open *open,
                        const char *identity)
{
    wsl_frame_open o = *open;
    o.identity_size = (uint32_t)strlen(identity);
    WSL_ASSERT(o.identity_size > 0 && o.identity_size <= WSL_FRAME_IDENTITY_MAX);
    const section_header h = {
        .kind = WSL_FRAME_OPEN, .channel = channel, .length = (uint32_t)sizeof o + o.identity_size, .attempt = attempt};
    uint8_t *to = add_section(w, &h);
    if (to == NULL) {
        return false;
    }
    memcpy(to, &o, sizeof o);
    memcpy(to + sizeof o, identity, o.identity_size);
    return true;
}

bool wsl_frame_add_data(wsl_frame_writer *w, uint32_t channel, uint32_t attempt, uint32_t sequence, uint32_t backlog,
                        const void *rows, uint32_t length)
{
    const section_header h = {.kind = WSL_FRAME_DATA,
                              .channel = channel,
                              .length = length,
                              .value = sequence,
                              .extra = backlog,
                              .attempt = attempt};
    uint8_t *to = add_section(w, &h);
    if (to == NULL) {
        return false;
    }
    memcpy(to, rows, length);
    return true;
}

bool wsl_frame_add_credit(wsl_frame_writer *w, uint32_t channel, uint32_t attempt, uint32_t credits)
{
    const section_header h = {.kind = WSL_FRAME_CREDIT, .channel = channel, .value = credits, .attempt = attempt};
    return add_section(w, &h) != NULL;
}

bool wsl_frame_add_close(wsl_frame_writer *w, uint32_t channel, uint32_t attempt, wsl_frame_close why)
{
    const section_header h = {.kind = WSL_FRAME_CLOSE, .channel = channel, .value = why, .attempt = attempt};
    return add_section(w, &h) != NULL;
}

bool wsl_frame_add_fail(wsl_frame_writer *w, uint32_t channel, uint32_t attempt, const char *reason)
{
    const section_header h = {.kind = WSL_FRAME_FAIL,
                              .channel = channel,
                              .length = (uint32_t)strnlen(reason, WSL_FRAME_REASON_MAX),
                              .attempt = attempt};
    uint8_t *to = add_section(w, &h);
    if (to == NULL) {
        return false;
    }
    memcpy(to, reason, h.length);
    return true;
}

uint32_t wsl_frame_finish(wsl_frame_writer *w)
{
    frame_header h = {
        .magic = WSL_FRAME_MAGIC, .version = WSL_FRAME_VERSION, .sections = (uint16_t)w->sections, .size = w->size};
    memcpy(w->data, &h, sizeof h);
    h.checksum = checksum_of(w->data, w->size);
    memcpy(w->data + offsetof(frame_header, checksum), &h.checksum, sizeof h.checksum);
    return w->size;
}

/* ---- reading ---- */

wsl_status wsl_frame_reader_init(wsl_frame_reader *r, const void *data, size_t size, wsl_error *err)
{
    frame_header h;
    if (size < sizeof h || size > WSL_MESSAGE_SIZE_MAX) {
        return wsl_fail(err, WSL_FORMAT, "a frame of %zu bytes is %s", size,
                        size < sizeof h ? "too short" : "too long");
    }
    memcpy(&h, data, sizeof h);
    if (h.magic != WSL_FRAME_MAGIC) {
        return wsl_fail(err, WSL_FORMAT, "a message does not begin like a frame; is the peer really a TaskManager?");
    }
    if (h.version != WSL_FRAME_VERSION) {
        return wsl_fail(err, WSL_FORMAT,
                        "a frame has version %u, this build speaks %d; run the same release on all TaskManagers",
                        h.version, WSL_FRAME_VERSION);
    }
    if (h.size != size || h.reserved != 0) {
        return wsl_fail(err, WSL_FORMAT, "a frame says it has %u bytes but %zu arrived", h.size, size);
    }
    if (checksum_of(data, size) != h.checksum) {
        return wsl_fail(err, WSL_FORMAT, "a frame of %zu bytes has a wrong checksum: bytes changed on the way", size);
    }
    *r = (wsl_frame_reader){data, h.size, sizeof h, h.sections};
    return WSL_OK;
}

static wsl_status read_open(wsl_frame_section *s, wsl_error *err)
{
    if (s->length < sizeof s->open) {
        return wsl_fail(err, WSL_FORMAT, "an OPEN section of %u bytes is too short", s->length);
    }
    memcpy(&s->open, s->payload, sizeof s->open);
    const uint32_t n = s->open.identity_size;
    if (n == 0 || n > WSL_FRAME_IDENTITY_MAX || n != s->length - sizeof s->open) {
        return wsl_fail(err, WSL_FORMAT, "an OPEN section has an identity of %u bytes", n);
    }
    s->identity = (const char *)s->payload + sizeof s->open;
    return WSL_OK;
}

/* What must hold for each kind beyond lying inside the frame. */
static wsl_status check_section(wsl_frame_section *s, wsl_error *err)
{
    switch (s->kind) {
    case WSL_FRAME_OPEN:
        return read_open(s, err);
    case WSL_FRAME_DATA:
        if (s->length == 0 || s->length % 8 != 0) {
            return wsl_fail(err, WSL_FORMAT, "a DATA section of %u bytes does not hold whole rows", s->length);
        }
        return WSL_OK;
    case WSL_FRAME_CREDIT:
        if (s->length != 0 || s->value == 0) {
            return wsl_fail(err, WSL_FORMAT, "a CREDIT section has %u credits and %u bytes", s->value, s->length);
        }
        return WSL_OK;
    case WSL_FRAME_CLOSE:
        if (s->length != 0 || (s->value != WSL_FRAME_CLOSE_ABORTED && s->value != WSL_FRAME_CLOSE_ENDED)) {
            return wsl_fail(err, WSL_FORMAT, "a CLOSE section has reason %u and %u bytes", s->value, s->length);
        }
        return WSL_OK;
    case WSL_FRAME_FAIL:
        if (s->length > WSL_FRAME_REASON_MAX) {
            return wsl_fail(err, WSL_FORMAT, "a FAIL section has a reason of %u bytes", s->length);
        }
        return WSL_OK;
    }
    return wsl_fail(err, WSL_FORMAT, "a frame has a section of unknown kind %u", (unsigned)s->kind);
}

wsl_status wsl_frame_next(wsl_frame_reader *r, wsl_frame_section *out_section, wsl_error *err)
{
    if (r->left == 0) {
        return r->at == r->size
                   ? WSL_END
                   : wsl_fail(err, WSL_FORMAT, "a frame has %u bytes behind its last section", r->size - r->at);
    }
    section_header h;
    if (r->size - r->at < sizeof h) {
        return wsl_fail(err, WSL_FORMAT, "a frame ends inside the head of a section");
    }
    memcpy(&h, r->data + r->at, sizeof h);
    const uint32_t room = r->size - r->at - (uint32_t)sizeof h;
    if (h.length > room || ((uint64_t)h.length + 7) / 8 * 8 > room || h.flags != 0) {
        return wsl_fail(err, WSL_FORMAT, "a section of %u bytes (flags %u) does not fit into its frame", h.length,
                        h.flags);
    }
    wsl_frame_section s = {.kind = (wsl_frame_kind)h.kind,
                           .channel = h.channel,
                           .attempt = h.attempt,
                           .value = h.value,
                           .extra = h.extra,
                           .payload = r->data + r->at + sizeof h,
                           .length = h.length};
    WSL_TRY(check_section(&s, err));
    r->at += wsl_frame_section_bytes(h.length);
    r->left--;
    *out_section = s;
    return WSL_OK;
}

/* Smallest size of a row of each kind: marks with slots are read without looking at a schema. */
static const uint8_t row_size_min[8] = {
    [WSL_KIND_DATA] = 24,   [WSL_KIND_WATERMARK] = 24, [WSL_KIND_IDLE] = 24, [WSL_KIND_ACTIVE] = 24,
    [WSL_KIND_MARKER] = 40, [WSL_KIND_BARRIER] = 40,   [WSL_KIND_END] = 24,  [7] = 255,
};

/* Size, kind and op of a row: its first 8 bytes without the flags. */
static bool row_begins_well(uint64_t begin)
{
    const uint32_t size = (uint32_t)begin;
    const uint8_t kind = (uint8_t)(begin >> 32);
    const uint8_t op = (uint8_t)(begin >> 40);
    return (size & 7) == 0 && kind <= WSL_KIND_END && op <= WSL_OP_DELETE && size >= row_size_min[kind & 7];
}

_Static_assert(offsetof(wsl_row, size) == 0 && offsetof(wsl_row, kind) == 4 && offsetof(wsl_row, op) == 5 &&
                   offsetof(wsl_row, flags) == 6,
               "what row_begins_well takes apart");

bool wsl_frame_rows_ok(const uint8_t *rows, uint32_t length)
{
    uint32_t at = 0;
    uint64_t good = UINT64_MAX; /* how the row before began, which was looked at (none does so); most begin like it */
    while (at < length) {
        const uint32_t left = length - at;
        if (left < sizeof(wsl_row)) {
            return false;
        }
        uint64_t begin;
        memcpy(&begin, rows + at, sizeof begin);
        begin &= UINT64_MAX >> 16;
        uint64_t guess = good;
        __asm__("" : "+r"(guess)); /* as wsl_row_size_guessed: where the next row begins does not wait for this one */
        if (WSL_UNLIKELY(begin != good)) {
            if (!row_begins_well(begin)) {
                return false;
            }
            guess = begin;
            __asm__ volatile("" : "+r"(guess));
        }
        good = guess;
        if ((uint32_t)good > left) {
            return false;
        }
        at += (uint32_t)good;
    }
    return length != 0;
}
