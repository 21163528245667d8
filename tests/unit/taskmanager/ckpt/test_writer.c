/*
 * test_writer - state files: what comes back is what was put, errors leave no file, and nobody gets a result he gave up.
 */
#include "harness/wsl_test.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/fs_mem.h"
#include "base/rng.h"
#include "ckpt/checksum.h"
#include "taskmanager/ckpt/writer.h"

#define DIR "/job/chk-7"
enum { INLINE_MAX = 1000, BYTES_MAX = 8 << 20, FILE_MAX = 64 << 20, WAIT_S = 30 };

/* ---- a mailbox that is waited for ---- */

typedef struct desk {
    wsl_mailbox box;
    sem_t woken;
} desk;

static void ring(void *arg) { (void)sem_post(&((desk *)arg)->woken); }

static void desk_init(desk *d)
{
    (void)sem_init(&d->woken, 0, 0);
    wsl_mailbox_init(&d->box, (wsl_waker){ring, d});
}

static void wait_for(sem_t *what)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += WAIT_S;
    int rc;
    while ((rc = sem_timedwait(what, &until)) != 0 && errno == EINTR) {
    }
    cr_assert_eq(rc, 0, "nothing has come");
}

/* The letters there are, oldest first; waits for at least one. */
static wsl_letter *take_all(desk *d)
{
    wsl_letter *letters;
    while ((letters = wsl_mailbox_take_all(&d->box)) == NULL) {
        wait_for(&d->woken);
    }
    return letters;
}

static tm_writer_result *take_one(desk *d)
{
    wsl_letter *letter = take_all(d);
    cr_assert_null(letter->next);
    return (tm_writer_result *)(void *)letter;
}

/* ---- files whose doors can be shut ---- */

/* Every call of `open` and `sync_dir` says that it has come and waits to be let in, while the door is shut. */
typedef struct gated_fs {
    wsl_fs fs; /* first */
    wsl_mem_fs *mem;
    wsl_fs *inner;
    atomic_bool open_shut, sync_shut;
    sem_t arrived, enter;
} gated_fs;

static void pass_door(gated_fs *g, atomic_bool *shut)
{
    if (atomic_load(shut)) {
        (void)sem_post(&g->arrived);
        wait_for(&g->enter);
    }
}
static wsl_status gated_open(wsl_fs *fs, const char *path, wsl_open_mode mode, wsl_file **out, wsl_error *err)
{
    gated_fs *g = (gated_fs *)fs;
    pass_door(g, &g->open_shut);
    return g->inner->open(g->inner, path, mode, out, err);
}
static wsl_status gated_remove(wsl_fs *fs, const char *path, wsl_error *err)
{
    gated_fs *g = (gated_fs *)fs;
    return g->inner->remove(g->inner, path, err);
}
static wsl_status gated_sync_dir(wsl_fs *fs, const char *dir, wsl_error *err)
{
    gated_fs *g = (gated_fs *)fs;
    pass_door(g, &g->sync_shut);
    return g->inner->sync_dir(g->inner, dir, err);
}

static void gated_init(gated_fs *g)
{
    wsl_error err = {0};
    *g = (gated_fs){.fs = {.open = gated_open, .remove = gated_remove, .sync_dir = gated_sync_dir}};
    g->mem = wsl_mem_fs_new(wsl_clock_real());
    g->inner = wsl_mem_fs_seam(g->mem);
    (void)sem_init(&g->arrived, 0, 0);
    (void)sem_init(&g->enter, 0, 0);
    cr_assert_eq(g->inner->make_dirs(g->inner, DIR, &err), WSL_OK);
}

static void gated_fini(gated_fs *g)
{
    wsl_mem_fs_free(g->mem);
    (void)sem_destroy(&g->arrived);
    (void)sem_destroy(&g->enter);
}

static bool count_one(void *arg, const char *name, const wsl_file_info *info)
{
    (void)name;
    (void)info;
    ++*(uint32_t *)arg;
    return true;
}

static uint32_t files_in(gated_fs *g)
{
    uint32_t n = 0;
    wsl_error err = {0};
    cr_assert_eq(g->inner->list(g->inner, DIR, count_one, &n, &err), WSL_OK);
    return n;
}

static tm_writer_pool *pool_of(gated_fs *g, uint32_t threads, uint64_t in_flight_max)
{
    return tm_writer_pool_new(
        &(tm_writer_pool_options){.fs = &g->fs, .threads = threads, .in_flight_max = in_flight_max});
}

/* ---- bytes ---- */

static void fill(uint8_t *bytes, size_t size, uint64_t seed)
{
    wsl_rng rng;
    wsl_rng_seed(&rng, seed);
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)wsl_rng_next(&rng);
    }
}

/* In pieces of at most `piece` bytes. */
static void put(tm_writer *w, const uint8_t *bytes, size_t size, size_t piece)
{
    const tm_snapshot_sink sink = tm_writer_sink(w);
    for (size_t at = 0; at < size; at += piece) {
        sink.write(sink.arg, bytes + at, size - at < piece ? size - at : piece);
    }
}

static void expect_bytes(gated_fs *g, const tm_writer_result *r, const uint8_t *bytes, size_t size)
{
    cr_assert_eq(r->status, WSL_OK, "%s", r->error.text);
    cr_assert_eq(r->file.size, size);
    cr_assert_eq(r->file.checksum, wsl_checksum_of(bytes, size));
    if (size <= INLINE_MAX) {
        cr_assert_eq(r->file.content.len, size);
        cr_assert(size == 0 || memcmp(r->file.content.data, bytes, size) == 0);
        cr_assert_str_eq(r->file.path, "", "bytes that go along have no file");
        return;
    }
    char path[128];
    char *data = NULL;
    size_t got = 0;
    wsl_error err = {0};
    cr_assert_eq(r->file.content.len, 0);
    (void)snprintf(path, sizeof path, "/job/%s", r->file.path);
    cr_assert_eq(wsl_fs_read_all(g->inner, path, FILE_MAX, &data, &got, &err), WSL_OK, "%s", err.text);
    cr_assert_eq(got, size);
    cr_assert_eq(memcmp(data, bytes, size), 0);
    free(data);
}

static void check_size(uint32_t threads, size_t size, size_t piece)
{
    gated_fs g;
    desk d;
    gated_init(&g);
    desk_init(&d);
    uint8_t *bytes = wsl_alloc(size + 1);
    fill(bytes, size, size);
    tm_writer_pool *pool = pool_of(&g, threads, UINT64_MAX);
    tm_writer *w = tm_writer_open(pool, DIR, "v-0-1", INLINE_MAX, &d.box);
    put(w, bytes, size, piece);
    tm_writer_finish(w);
    tm_writer_result *r = take_one(&d);
    cr_assert_eq(r->writer, tm_writer_number(w));
    expect_bytes(&g, r, bytes, size);
    if (size > INLINE_MAX) {
        cr_assert_str_eq(r->file.path, "chk-7/v-0-1.state");
    }
    cr_assert_eq(files_in(&g), size > INLINE_MAX);
    tm_writer_result_free(r);
    tm_writer_close(w);
    tm_writer_pool_free(pool);
    cr_assert_eq(files_in(&g), size > INLINE_MAX, "whose result was given stays");
    cr_assert(wsl_mailbox_is_empty(&d.box));
    gated_fini(&g);
    free(bytes);
}

static void check_sizes(uint32_t threads)
{
    static const size_t sizes[] = {0, 1, 999, INLINE_MAX, INLINE_MAX + 1, 4096, 4097, 100000, 1 << 20, (1 << 20) + 1};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        check_size(threads, sizes[i], 333);
        check_size(threads, sizes[i], 1 << 21);
    }
    check_size(threads, 3500000, 256 << 10);
    check_size(threads, BYTES_MAX, 3 << 20);
}

Test(writer, small_state_comes_back_as_bytes_and_larger_in_a_file) { check_sizes(2); }
Test(writer, without_threads_all_happens_in_the_calls) { check_sizes(0); }

/* ---- the disk is behind ---- */

Test(writer, is_full_while_more_waits_than_it_may)
{
    enum { MAX = 3 << 20, SIZE = 6 << 20 };
    gated_fs g;
    desk d;
    gated_init(&g);
    desk_init(&d);
    uint8_t *bytes = wsl_alloc(SIZE);
    fill(bytes, SIZE, 1);
    atomic_store(&g.open_shut, true);
    tm_writer_pool *pool = pool_of(&g, 1, MAX);
    tm_writer *w = tm_writer_open(pool, DIR, "slow", INLINE_MAX, &d.box);
    const tm_snapshot_sink sink = tm_writer_sink(w);
    size_t at = 0;
    for (; at < SIZE && !sink.full(sink.arg); at += 1 << 16) {
        sink.write(sink.arg, bytes + at, 1 << 16);
    }
    cr_assert_gt(at, MAX, "so much may wait");
    cr_assert_lt(at, MAX + (3 << 20), "and little more: a chunk in hand, one being gathered");
    wait_for(&g.arrived);
    cr_assert(sink.full(sink.arg), "not one chunk was written yet");
    atomic_store(&g.open_shut, false);
    (void)sem_post(&g.enter);
    tm_writer_finish(w);
    tm_writer_result *r = take_one(&d);
    cr_assert_not(sink.full(sink.arg));
    expect_bytes(&g, r, bytes, at);
    tm_writer_result_free(r);
    tm_writer_close(w);
    tm_writer_pool_free(pool);
    gated_fini(&g);
    free(bytes);
}

/* ---- errors ---- */

/* The n-th operation on the files fails. False: there were fewer. */
static bool check_failing(uint32_t threads, uint64_t n)
{
    enum { SIZE = 3 << 20 };
    static uint8_t bytes[SIZE];
    gated_fs g;
    desk d;
    gated_init(&g);
    desk_init(&d);
    tm_writer_pool *pool = pool_of(&g, threads, UINT64_MAX);
    tm_writer *w = tm_writer_open(pool, DIR, "v-0-1", INLINE_MAX, &d.box);
    wsl_mem_fs_fail_at(g.mem, n, WSL_NO_SPACE, false);
    put(w, bytes, SIZE, 1 << 18);
    tm_writer_finish(w);
    tm_writer_result *r = take_one(&d);
    const bool failed = wsl_mem_fs_failed(g.mem);
    wsl_mem_fs_fail_at(g.mem, 0, WSL_OK, false);
    if (failed) {
        cr_assert_eq(r->status, WSL_NO_SPACE, "operation %d", (int)n);
        cr_assert(has_text(r->error.text, DIR), "'%s' does not say where", r->error.text);
    } else {
        expect_bytes(&g, r, bytes, SIZE);
    }
    tm_writer_result_free(r);
    tm_writer_close(w);
    tm_writer_pool_free(pool);
    cr_assert_eq(files_in(&g), !failed, "operation %d", (int)n);
    gated_fini(&g);
    return failed;
}

static void check_each_failing(uint32_t threads)
{
    uint64_t n = 1;
    while (check_failing(threads, n)) {
        n++;
    }
    cr_assert_gt(n, 5, "open, writes, sync, sync of the directory");
}

Test(writer, whatever_operation_fails_says_so_and_leaves_no_file) { check_each_failing(2); }
Test(writer, whatever_operation_fails_without_threads) { check_each_failing(0); }

Test(writer, a_full_disk_is_an_error_with_a_sentence)
{
    gated_fs g;
    desk d;
    gated_init(&g);
    desk_init(&d);
    uint8_t *bytes = wsl_zalloc(BYTES_MAX);
    tm_writer_pool *pool = pool_of(&g, 1, UINT64_MAX);
    tm_writer *w = tm_writer_open(pool, DIR, "v-0-1", INLINE_MAX, &d.box);
    wsl_mem_fs_set_capacity(g.mem, 5 << 20);
    put(w, bytes, BYTES_MAX, 1 << 20);
    tm_writer_finish(w);
    tm_writer_result *r = take_one(&d);
    cr_assert_eq(r->status, WSL_NO_SPACE);
    cr_assert_gt(strlen(r->error.text), 10);
    tm_writer_result_free(r);
    tm_writer_close(w);
    tm_writer_pool_free(pool);
    cr_assert_eq(files_in(&g), 0);
    cr_assert_eq(wsl_mem_fs_used(g.mem), 0, "its room is free again");
    gated_fini(&g);
    free(bytes);
}

/* ---- given up ---- */

typedef enum moment { BEFORE_A_CHUNK, WHILE_OPENING, WHILE_IT_BECOMES_DURABLE } moment;

static void check_closed(moment when, bool finish)
{
    gated_fs g;
    desk d;
    gated_init(&g);
    desk_init(&d);
    uint8_t *bytes = wsl_zalloc(BYTES_MAX);
    tm_writer_pool *pool = pool_of(&g, 1, UINT64_MAX);
    tm_writer *w = tm_writer_open(pool, DIR, "v-0-1", INLINE_MAX, &d.box);
    atomic_store(&g.open_shut, when == WHILE_OPENING);
    atomic_store(&g.sync_shut, when == WHILE_IT_BECOMES_DURABLE);
    put(w, bytes, when == BEFORE_A_CHUNK ? INLINE_MAX / 2 : BYTES_MAX, 1 << 20);
    if (finish) {
        tm_writer_finish(w);
    }
    if (when != BEFORE_A_CHUNK) {
        wait_for(&g.arrived);
    }
    tm_writer_close(w);
    atomic_store(&g.open_shut, false);
    atomic_store(&g.sync_shut, false);
    (void)sem_post(&g.enter);
    tm_writer_pool_free(pool);
    cr_assert(wsl_mailbox_is_empty(&d.box), "nothing comes to who has let go");
    cr_assert_eq(files_in(&g), 0);
    gated_fini(&g);
    free(bytes);
}

Test(writer, closed_before_anything_was_written) { check_closed(BEFORE_A_CHUNK, false); }
Test(writer, closed_half_written_leaves_no_file) { check_closed(WHILE_OPENING, false); }
Test(writer, closed_after_finish_and_before_the_result_leaves_no_file) { check_closed(WHILE_OPENING, true); }
Test(writer, closed_while_it_becomes_durable_leaves_no_file) { check_closed(WHILE_IT_BECOMES_DURABLE, true); }

/* ---- many at once ---- */

enum { SLOTS = 4, WRITERS = 24, OPEN = 6 };

typedef struct slot {
    pthread_t thread;
    gated_fs *fs;
    tm_writer_pool *pool;
    uint32_t index;
    uint32_t given_up;
} slot;

typedef struct job {
    tm_writer *w;
    size_t size, at;
    uint8_t *bytes;
    bool give_up;
} job;

static job job_begin(const slot *s, wsl_rng *rng, desk *d, uint32_t number)
{
    static const uint32_t sizes[] = {10, 2 * INLINE_MAX, 50000, 3 << 20};
    char stem[32];
    (void)snprintf(stem, sizeof stem, "v-%u-%u", s->index, number);
    job j = {.size = wsl_rng_below(rng, sizes[wsl_rng_below(rng, 4)]) + 1, .give_up = wsl_rng_below(rng, 5) == 0};
    j.bytes = wsl_alloc(j.size);
    fill(j.bytes, j.size, number);
    j.w = tm_writer_open(s->pool, DIR, stem, INLINE_MAX, &d->box);
    return j;
}

/* True: all was put, or it was given up. */
static bool job_go_on(job *j, wsl_rng *rng)
{
    const tm_snapshot_sink sink = tm_writer_sink(j->w);
    if (sink.full(sink.arg)) {
        return false;
    }
    const size_t n = 1 + wsl_rng_below(rng, 400000);
    const size_t left = j->size - j->at;
    sink.write(sink.arg, j->bytes + j->at, n < left ? n : left);
    j->at += n < left ? n : left;
    return j->at == j->size;
}

static void job_end(slot *s, job *j)
{
    tm_writer_close(j->w);
    free(j->bytes);
    s->given_up += j->give_up;
    j->w = NULL;
}

static void *slot_main(void *arg)
{
    slot *s = arg;
    desk d;
    wsl_rng rng;
    job jobs[OPEN] = {0};
    uint32_t begun = 0, running = 0;
    desk_init(&d);
    wsl_rng_seed(&rng, s->index);
    while (begun < WRITERS || running > 0) {
        uint32_t moved = 0;
        for (uint32_t i = 0; i < OPEN; i++) {
            job *j = &jobs[i];
            if (j->w == NULL && begun < WRITERS) {
                *j = job_begin(s, &rng, &d, begun++);
                running++;
            }
            if (j->w != NULL && j->at < j->size) {
                moved++;
                if (job_go_on(j, &rng)) {
                    if (!j->give_up || wsl_rng_below(&rng, 2) == 0) {
                        tm_writer_finish(j->w);
                    }
                    if (j->give_up) {
                        job_end(s, j);
                        running--;
                    }
                }
            }
        }
        wsl_letter *next = moved == 0 && running > 0 ? take_all(&d) : wsl_mailbox_take_all(&d.box);
        while (next != NULL) {
            tm_writer_result *r = (tm_writer_result *)(void *)next;
            next = next->next;
            for (uint32_t i = 0; i < OPEN; i++) {
                if (jobs[i].w != NULL && tm_writer_number(jobs[i].w) == r->writer) {
                    expect_bytes(s->fs, r, jobs[i].bytes, jobs[i].size);
                    job_end(s, &jobs[i]);
                    running--;
                }
            }
            tm_writer_result_free(r);
        }
    }
    return NULL;
}

Test(writer, many_writers_of_several_slots_do_not_get_in_each_others_way)
{
    gated_fs g;
    slot slots[SLOTS];
    uint32_t given_up = 0;
    gated_init(&g);
    tm_writer_pool *pool = pool_of(&g, 3, 1 << 20);
    for (uint32_t i = 0; i < SLOTS; i++) {
        slots[i] = (slot){.fs = &g, .pool = pool, .index = i};
        cr_assert_eq(pthread_create(&slots[i].thread, NULL, slot_main, &slots[i]), 0);
    }
    for (uint32_t i = 0; i < SLOTS; i++) {
        cr_assert_eq(pthread_join(slots[i].thread, NULL), 0);
        given_up += slots[i].given_up;
    }
    tm_writer_pool_free(pool);
    cr_assert_gt(given_up, 0);
    cr_assert_leq(files_in(&g), SLOTS * WRITERS);
    gated_fini(&g);
}
