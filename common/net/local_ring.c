/*
 * local_ring - bytes from one process to another through memory that both have mapped.
 *
 *     one memory file:   | marks | bytes of connection -> listener | marks | bytes of listener -> connection |
 *
 *     marks, each on a cache line of its own, since two processors write them:
 *       head    bytes ever written; by the writer
 *       tail    bytes ever read; by the reader
 *       asleep  the reader wants to be rung when there is something; set by it, cleared by whoever rings
 *       stuck   the writer wants to be rung when there is room; set by it, cleared by whoever rings
 *
 * Each side keeps its own count in memory of its own and only publishes it. What the other side says is believed as far
 * as head - tail <= capacity; else the ring is broken. Bytes are copied out before anybody looks at them, so that they
 * cannot change under a reader's eyes. The file is sealed: it cannot shrink under a mapping.
 *
 * No ring is lost. The reader sets `asleep`, then looks at `head`; the writer publishes `head`, then looks at `asleep`.
 * With full fences in between one of them sees what the other did. `stuck` and `tail` are the same the other way round.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "net/local_internal.h"

enum { PAGE = 4096 };

struct wsl_local_marks {
    _Alignas(64) _Atomic(uint64_t) head;
    _Alignas(64) _Atomic(uint64_t) tail;
    _Alignas(64) _Atomic(uint32_t) asleep;
    _Alignas(64) _Atomic(uint32_t) stuck;
};

_Static_assert(sizeof(struct wsl_local_marks) <= PAGE, "bytes begin on a page of their own");

static size_t file_bytes(uint32_t capacity) { return 2 * ((size_t)PAGE + capacity); }

static wsl_local_ring ring_at(uint8_t *memory, uint32_t capacity)
{
    return (wsl_local_ring){.marks = (wsl_local_marks *)(void *)memory, .bytes = memory + PAGE, .capacity = capacity};
}

/* False: no memory to map. */
static bool map(wsl_local_rings *rings, int fd, uint32_t capacity, bool connecting)
{
    void *memory = mmap(NULL, file_bytes(capacity), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED) {
        return false;
    }
    const wsl_local_ring there = ring_at(memory, capacity);
    const wsl_local_ring back = ring_at((uint8_t *)memory + file_bytes(capacity) / 2, capacity);
    *rings = (wsl_local_rings){
        .memory = memory, .size = file_bytes(capacity), .out = connecting ? there : back, .in = connecting ? back : there};
    return true;
}

int wsl_local_rings_make(wsl_local_rings *rings)
{
    const int fd = memfd_create("wiesel-ring", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0) {
        return -1;
    }
    if (ftruncate(fd, (off_t)file_bytes(WSL_LOCAL_RING_BYTES)) != 0 ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0 ||
        !map(rings, fd, WSL_LOCAL_RING_BYTES, true)) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

bool wsl_local_rings_join(wsl_local_rings *rings, int fd, uint32_t capacity)
{
    struct stat st;
    const int seals = fcntl(fd, F_GET_SEALS);
    return capacity >= PAGE && capacity <= WSL_LOCAL_RING_BYTES_MAX && (capacity & (capacity - 1)) == 0 && seals >= 0 &&
           (seals & F_SEAL_SHRINK) != 0 && fstat(fd, &st) == 0 && (uint64_t)st.st_size == file_bytes(capacity) &&
           map(rings, fd, capacity, false);
}

void wsl_local_rings_fini(wsl_local_rings *rings)
{
    if (rings->memory != NULL) {
        WSL_ASSERT(munmap(rings->memory, rings->size) == 0);
    }
    *rings = (wsl_local_rings){0};
}

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

/* ---- writer ---- */

static size_t room(wsl_local_ring *r)
{
    const uint64_t used = r->at - atomic_load_explicit(&r->marks->tail, memory_order_acquire);
    if (used > r->capacity) {
        r->broken = true;
        return 0;
    }
    return r->capacity - (size_t)used;
}

static void put(wsl_local_ring *r, uint64_t at, const uint8_t *from, size_t n)
{
    const size_t begin = (size_t)at & (r->capacity - 1);
    const size_t first = least(n, r->capacity - begin);
    memcpy(r->bytes + begin, from, first);
    memcpy(r->bytes, from + first, n - first);
}

size_t wsl_local_ring_write(wsl_local_ring *r, const struct iovec *parts, int n_parts)
{
    size_t left = room(r);
    const uint64_t before = r->at;
    for (int i = 0; i < n_parts && left > 0; i++) {
        const size_t n = least(parts[i].iov_len, left);
        put(r, r->at, parts[i].iov_base, n);
        r->at += n;
        left -= n;
    }
    if (r->at != before) {
        atomic_store_explicit(&r->marks->head, r->at, memory_order_seq_cst);
    }
    return (size_t)(r->at - before);
}

bool wsl_local_ring_reader_sleeps(wsl_local_ring *r)
{
    return atomic_load_explicit(&r->marks->asleep, memory_order_seq_cst) != 0 &&
           atomic_exchange_explicit(&r->marks->asleep, 0, memory_order_seq_cst) != 0;
}

bool wsl_local_ring_wait_for_room(wsl_local_ring *r)
{
    atomic_store_explicit(&r->marks->stuck, 1, memory_order_seq_cst);
    atomic_thread_fence(memory_order_seq_cst);
    if (room(r) >= r->capacity / 2) {
        atomic_store_explicit(&r->marks->stuck, 0, memory_order_relaxed);
        return false;
    }
    return true;
}

/* ---- reader ---- */

static size_t waiting(wsl_local_ring *r)
{
    const uint64_t n = atomic_load_explicit(&r->marks->head, memory_order_seq_cst) - r->at;
    if (n > r->capacity) {
        r->broken = true;
        return 0;
    }
    return (size_t)n;
}

bool wsl_local_ring_has_bytes(wsl_local_ring *r) { return waiting(r) > 0 || r->broken; }

static void get(const wsl_local_ring *r, uint64_t at, uint8_t *to, size_t n)
{
    const size_t begin = (size_t)at & (r->capacity - 1);
    const size_t first = least(n, r->capacity - begin);
    memcpy(to, r->bytes + begin, first);
    memcpy(to + first, r->bytes, n - first);
}

size_t wsl_local_ring_read(wsl_local_ring *r, const struct iovec *places, int n_places)
{
    size_t left = waiting(r);
    const uint64_t before = r->at;
    for (int i = 0; i < n_places && left > 0; i++) {
        const size_t n = least(places[i].iov_len, left);
        get(r, r->at, places[i].iov_base, n);
        r->at += n;
        left -= n;
    }
    if (r->at != before) {
        atomic_store_explicit(&r->marks->tail, r->at, memory_order_seq_cst);
    }
    return (size_t)(r->at - before);
}

bool wsl_local_ring_writer_is_stuck(wsl_local_ring *r)
{
    return atomic_load_explicit(&r->marks->stuck, memory_order_seq_cst) != 0 && waiting(r) <= r->capacity / 2 &&
           atomic_exchange_explicit(&r->marks->stuck, 0, memory_order_seq_cst) != 0;
}

bool wsl_local_ring_fall_asleep(wsl_local_ring *r)
{
    atomic_store_explicit(&r->marks->asleep, 1, memory_order_seq_cst);
    atomic_thread_fence(memory_order_seq_cst);
    return !wsl_local_ring_has_bytes(r);
}

bool wsl_local_ring_wake_up(wsl_local_ring *r)
{
    return atomic_exchange_explicit(&r->marks->asleep, 0, memory_order_seq_cst) == 0;
}
