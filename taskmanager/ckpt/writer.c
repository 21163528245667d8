/*
 * writer - see writer.h.
 *
 *     slot: gathers bytes into a chunk; a full one is handed over  |  helper thread: appends to the file, sums up; at the end
 *                                                                   |  syncs and posts the result
 *
 * One helper works on a writer at a time (`queued`: it is in the helpers' queue or in hand). Until inline_max bytes have come
 * there is no file. A writer lives until both the slot and the helper have let go of it.
 */
#include "taskmanager/ckpt/writer.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "ckpt/checksum.h"
#include "taskmanager/async/helpers.h"

enum { CHUNK = 1 << 20 };

typedef struct chunk {
    struct chunk *next;
    size_t size, capacity;
    uint8_t data[];
} chunk;

struct tm_writer_pool {
    tm_writer_pool_options options;
    tm_helpers *helpers;
    tm_helper_group *group;
    _Atomic(uint64_t) last_number;
};

struct tm_writer {
    tm_helper_job job; /* first */
    tm_writer_pool *pool;
    uint64_t number;
    char *dir, *path;
    char *shown; /* path in the handle */
    wsl_mailbox *done;
    tm_writer_result *result;
    _Atomic(uint32_t) references;

    /* the slot's */
    chunk *collecting;
    uint64_t total;
    uint32_t inline_max;
    bool finished;

    /* under the mutex */
    pthread_mutex_t mutex;
    chunk *head, **tail;
    bool queued, ending;
    bool closed; /* the slot has let go of it: nothing is posted any more */

    _Atomic(uint64_t) waiting; /* bytes of chunks not written yet */

    /* the helper's */
    wsl_file *file;
    wsl_checksum *checksum;
    uint64_t written;
    wsl_status status;
};

tm_writer_pool *tm_writer_pool_new(const tm_writer_pool_options *options)
{
    tm_writer_pool *pool = wsl_zalloc(sizeof *pool);
    pool->options = *options;
    WSL_ASSERT(!options->stepped || options->threads == 0);
    pool->helpers = options->stepped ? tm_helpers_new_stepped(options->stepped_waker) : tm_helpers_new(options->threads);
    pool->group = tm_helper_group_new(pool->helpers, &(wsl_id){0});
    return pool;
}

void tm_writer_pool_free(tm_writer_pool *pool)
{
    if (pool != NULL) {
        tm_helpers_free(pool->helpers);
        tm_helper_group_free(pool->group);
        free(pool);
    }
}

bool tm_writer_pool_run_one(tm_writer_pool *pool) { return tm_helpers_run_one(pool->helpers); }

/* ---- the file ---- */

static void append(tm_writer *w, const void *data, size_t size)
{
    wsl_fs *fs = w->pool->options.fs;
    wsl_error *err = &w->result->error;
    if (w->status == WSL_OK && w->file == NULL) {
        w->status = fs->open(fs, w->path, WSL_OPEN_CREATE, &w->file, err);
    }
    if (w->status == WSL_OK) {
        w->status = w->file->write(w->file, data, size, err);
    }
    if (w->status == WSL_OK) {
        wsl_checksum_add(w->checksum, data, size);
        w->written += size;
    }
}

static void remove_file(tm_writer *w)
{
    if (w->file != NULL) {
        wsl_file_free(w->file);
        w->file = NULL;
        (void)w->pool->options.fs->remove(w->pool->options.fs, w->path, NULL);
    }
}

/* All was written: durable, with its name. The file is open until somebody has its result: as long as it is, it goes with the
 * writer. */
static void conclude(tm_writer *w)
{
    wsl_fs *fs = w->pool->options.fs;
    if (w->status == WSL_OK && w->file != NULL) {
        w->status = w->file->sync(w->file, &w->result->error);
    }
    if (w->status == WSL_OK && w->file != NULL) {
        w->status = fs->sync_dir(fs, w->dir, &w->result->error);
    }
    if (w->status != WSL_OK) {
        remove_file(w);
    } else if (w->file != NULL) {
        w->result->file.size = w->written;
        w->result->file.checksum = wsl_checksum_value(w->checksum);
        w->result->file.path = WSL_TAKE(w->shown);
    }
}

/* ---- letting go ---- */

static void free_chunks(chunk *c)
{
    while (c != NULL) {
        chunk *next = c->next;
        free(c);
        c = next;
    }
}

static void unref(tm_writer *w)
{
    if (atomic_fetch_sub_explicit(&w->references, 1, memory_order_acq_rel) > 1) {
        return;
    }
    remove_file(w); /* what was given up half written */
    free_chunks(w->collecting);
    free_chunks(w->head);
    wsl_checksum_free(w->checksum);
    (void)pthread_mutex_destroy(&w->mutex);
    tm_writer_result_free(w->result);
    free(w->dir);
    free(w->path);
    free(w->shown);
    free(w);
}

/* Under the mutex, so that nothing comes once close has returned: the mailbox may be gone then. */
static void post_result(tm_writer *w)
{
    (void)pthread_mutex_lock(&w->mutex);
    if (!w->closed) {
        tm_writer_result *result = WSL_TAKE(w->result);
        result->writer = w->number;
        result->status = w->status;
        wsl_mailbox_post(w->done, &result->letter);
        wsl_file_free(w->file);
        w->file = NULL;
    }
    (void)pthread_mutex_unlock(&w->mutex);
}

/* ---- the helper ---- */

/* False: there is nothing more to do for now, and nobody is in charge of the writer any more. */
static bool take_chunks(tm_writer *w, chunk **out_chunks, bool *out_ending, bool *out_closed)
{
    (void)pthread_mutex_lock(&w->mutex);
    *out_chunks = w->head;
    w->head = NULL;
    w->tail = &w->head;
    *out_ending = w->ending;
    *out_closed = w->closed;
    w->ending = false;
    const bool more = *out_chunks != NULL || *out_ending;
    w->queued = more;
    (void)pthread_mutex_unlock(&w->mutex);
    return more;
}

static void work(tm_helper_job *job)
{
    tm_writer *w = (tm_writer *)(void *)job;
    chunk *chunks;
    for (bool ending, closed; take_chunks(w, &chunks, &ending, &closed);) {
        while (chunks != NULL) {
            chunk *c = chunks;
            chunks = c->next;
            if (!closed) {
                append(w, c->data, c->size);
            }
            atomic_fetch_sub_explicit(&w->waiting, c->size, memory_order_relaxed);
            free(c);
        }
        if (ending && !closed) {
            conclude(w);
            post_result(w);
        }
    }
    unref(w);
}

static void drop(tm_helper_job *job) { unref((tm_writer *)(void *)job); }

/* Hands a chunk over; NULL with `ending`: that was all. */
static void hand_over(tm_writer *w, chunk *c, bool ending)
{
    if (c != NULL) {
        c->next = NULL;
        atomic_fetch_add_explicit(&w->waiting, c->size, memory_order_relaxed);
    }
    (void)pthread_mutex_lock(&w->mutex);
    if (c != NULL) {
        *w->tail = c;
        w->tail = &c->next;
    }
    w->ending |= ending;
    const bool submit = !w->queued;
    w->queued = true;
    (void)pthread_mutex_unlock(&w->mutex);
    if (submit) {
        atomic_fetch_add_explicit(&w->references, 1, memory_order_relaxed);
        wsl_error err = {0};
        if (tm_helpers_submit(w->pool->group, &w->job, &err) != WSL_OK) { /* not one thread can be had: then here */
            atomic_fetch_add_explicit(&w->references, 1, memory_order_relaxed); /* drop took the other one */
            work(&w->job);
        }
    }
}

/* ---- the slot ---- */

static bool sink_full(void *arg)
{
    const tm_writer *w = arg;
    return atomic_load_explicit(&w->waiting, memory_order_relaxed) > w->pool->options.in_flight_max;
}

static chunk *chunk_new(size_t capacity)
{
    chunk *c = wsl_alloc(sizeof *c + capacity);
    c->next = NULL;
    c->size = 0;
    c->capacity = capacity;
    return c;
}

static void sink_write(void *arg, const void *bytes, size_t size)
{
    tm_writer *w = arg;
    WSL_ASSERT(!w->finished);
    w->total += size;
    if (w->collecting != NULL && w->collecting->size + size > w->collecting->capacity) {
        if (w->total <= w->inline_max) {
            w->collecting = wsl_realloc(w->collecting, sizeof(chunk) + w->inline_max);
            w->collecting->capacity = w->inline_max;
        } else {
            hand_over(w, WSL_TAKE(w->collecting), false);
        }
    }
    if (w->collecting == NULL) {
        const size_t least = w->total <= 4096 ? 4096 : CHUNK;
        w->collecting = chunk_new(size > least ? size : least);
    }
    memcpy(w->collecting->data + w->collecting->size, bytes, size);
    w->collecting->size += size;
}

uint64_t tm_writer_number(const tm_writer *w) { return w->number; }

tm_snapshot_sink tm_writer_sink(tm_writer *w)
{
    return (tm_snapshot_sink){.arg = w, .full = sink_full, .write = sink_write};
}

tm_writer *tm_writer_open(tm_writer_pool *pool, const char *dir, const char *stem, uint32_t inline_max,
                          wsl_mailbox *done)
{
    tm_writer *w = wsl_zalloc(sizeof *w);
    w->job = (tm_helper_job){.run = work, .drop = drop};
    w->pool = pool;
    w->number = 1 + atomic_fetch_add_explicit(&pool->last_number, 1, memory_order_relaxed);
    w->dir = wsl_strdup(dir);
    const size_t room = strlen(dir) + strlen(stem) + 16;
    w->path = wsl_alloc(room);
    (void)snprintf(w->path, room, "%s/%s.state", dir, stem);
    const char *last = strrchr(dir, '/');
    w->shown = wsl_strdup(last != NULL ? w->path + (last + 1 - dir) : w->path);
    w->inline_max = inline_max;
    w->done = done;
    w->result = wsl_zalloc(sizeof *w->result);
    w->result->file = (Wsl__Pb__StateFile)WSL__PB__STATE_FILE__INIT;
    atomic_init(&w->references, 1);
    (void)pthread_mutex_init(&w->mutex, NULL);
    w->tail = &w->head;
    w->checksum = wsl_checksum_new();
    return w;
}

/* Small enough to go along with the acknowledgement. */
static void finish_inline(tm_writer *w)
{
    Wsl__Pb__StateFile *file = &w->result->file;
    const chunk *c = w->collecting;
    if (c != NULL) {
        file->content.len = c->size;
        file->content.data = wsl_memdup(c->data, c->size);
        file->size = c->size;
    }
    file->checksum = wsl_checksum_of(file->content.data, file->content.len);
    post_result(w);
}

void tm_writer_finish(tm_writer *w)
{
    WSL_ASSERT(!w->finished);
    w->finished = true;
    if (w->total <= w->inline_max) {
        finish_inline(w);
    } else {
        hand_over(w, WSL_TAKE(w->collecting), true);
    }
}

void tm_writer_close(tm_writer *w)
{
    if (w != NULL) {
        (void)pthread_mutex_lock(&w->mutex);
        w->closed = true;
        (void)pthread_mutex_unlock(&w->mutex);
        unref(w);
    }
}

void tm_writer_result_free(tm_writer_result *result)
{
    if (result == NULL) {
        return;
    }
    if (result->file.path != (const char *)protobuf_c_empty_string) {
        free(result->file.path);
    }
    free(result->file.content.data);
    free(result);
}
