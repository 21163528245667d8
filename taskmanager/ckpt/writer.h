/*
 * writer - writes state files away from the slots: chunks in, one file per task and checkpoint out, synced.
 *
 *     slot: open, put chunk, put chunk, ..., finish  --mail-->  writer thread: append, checksum, sync  --letter-->  slot: done
 *
 * Small state (all sections together at most `inline_max`) makes no file: it is handed back as bytes. A file is named
 * "<vertex>-<subtask>-<random>.state" so that no two attempts write the same one.
 *
 * With threads == 0 (tests) everything happens inside the calls, in order; stepped (simulator) when tm_writer_pool_run_one is called.
 * Otherwise on helper threads of the pool's own (async/helpers.h).
 *
 * Errors (disk full, sync failed) end the file: it is removed, and the sentence comes with the letter.
 *
 * Threads: tm_writer_* of one file from one slot; the pool's threads inside.
 */
#pragma once
#include <wiesel/status.h>

#include "base/fs.h"
#include "base/mailbox.h"
#include "checkpoint.pb-c.h"
#include "taskmanager/ckpt/snapshot.h"

typedef struct tm_writer_pool tm_writer_pool;
typedef struct tm_writer tm_writer;

typedef struct tm_writer_pool_options {
    wsl_fs *fs;
    uint32_t threads;
    uint64_t in_flight_max;  /* bytes of chunks of one file that wait; then full() */
    bool stepped;            /* with threads == 0 */
    wsl_waker stepped_waker; /* there is something to run */
} tm_writer_pool_options;

tm_writer_pool *tm_writer_pool_new(const tm_writer_pool_options *options);
void tm_writer_pool_free(tm_writer_pool *pool); /* all writers are closed */
/* Stepped: the next piece of writing. False: there was none. */
bool tm_writer_pool_run_one(tm_writer_pool *pool);

typedef struct tm_writer_result {
    wsl_letter letter; /* first */
    uint64_t writer; /* its number */
    wsl_status status;
    wsl_error error;
    Wsl__Pb__StateFile file; /* status WSL_OK: path (or content), size, checksum; malloc'ed parts, taken by the receiver */
    uint64_t write_ns;       /* from the first chunk to durable */
} tm_writer_result;

void tm_writer_result_free(tm_writer_result *result);

/* dir is chk-N, which exists; the path in the result begins with its last part ("chk-7/<stem>.state"). done gets one result after
 * finish, unless the writer was closed before; it may still come after close if it was on its way: look at the number. */
tm_writer *tm_writer_open(tm_writer_pool *pool, const char *dir, const char *stem, uint32_t inline_max,
                          wsl_mailbox *done);
uint64_t tm_writer_number(const tm_writer *w); /* of this pool's writers, never used again */
tm_snapshot_sink tm_writer_sink(tm_writer *w);
void tm_writer_finish(tm_writer *w);
/* The slot lets go of it. Before the result was posted: what was written is removed, and nothing comes. */
void tm_writer_close(tm_writer *w);
