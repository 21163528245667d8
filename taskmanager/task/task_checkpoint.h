/*
 * task_checkpoint - a task's part in checkpoints: barriers in, snapshot, barrier out, acknowledgement. Part of tm_task.
 *
 *     IDLE --trigger, or the last barrier--> WANTED --nothing pending--> WALKING --all written out--> WRITING --result--> IDLE
 *
 * The snapshot of WANTED is taken before anything else is fed to the chain; what follows (walks, writing) goes on beside the
 * rows, at most a fifteenth of the time while there are rows to work on. A task that has nothing more to do ends only when its snapshot
 * was written. A barrier that comes while an older snapshot is still being written goes on, but its checkpoint is declined, so that
 * one that is nearly there is not lost to each that follows; unless the older one was given up, and the news is still on its way.
 *
 * Threads: one slot loop.
 */
#pragma once
#include "ckpt/record.h"
#include "taskmanager/ckpt/align.h"
#include "taskmanager/ckpt/snapshot.h"
#include "taskmanager/ckpt/writer.h"
#include "taskmanager/task/task.h"

/* What a barrier carries: slot 0 the checkpoint's id, slot 1 this, timestamp the time of its trigger. */
enum { TM_BARRIER_KIND = 0xff, TM_BARRIER_DRAIN = 1 << 8, TM_BARRIER_ALONE = 1 << 15 };

typedef struct tm_task_checkpoint {
    tm_align align;
    tm_writer_pool *writers; /* NULL: this task takes none */
    uint64_t wanted; /* id; 0: none */
    uint64_t options;
    int64_t trigger_ms;
    struct tm_restore *restore; /* between the lists and the rest of it */
    tm_snapshot *snapshot;
    tm_layers *layers;     /* NULL: checkpoints are not incremental */
    tm_writer *writer;
    bool written_out;      /* the writer has all of it */
    bool damaged;          /* what it was to begin with cannot be read */
    uint64_t stop;         /* the savepoint of a stop without drain, behind whose barrier we are (task_stop.c); 0: none */
    bool stop_complete;    /* ... and it is complete */
    int64_t aligning_since_ns;
    int64_t snapshot_ns;   /* when it was taken */
    int64_t next_walk_ns, idle_walk_ns; /* at the earliest; if the slot has nothing else to do */
    uint64_t alignment_ns, sync_ns, start_delay_ms;
    int64_t longest_step_ns; /* since the snapshot began */
} tm_task_checkpoint;

void tm_task_checkpoint_init(tm_task *t);
void tm_task_checkpoint_fini(tm_task *t);
/* Gives up what is under way. */
void tm_task_checkpoint_stop(tm_task *t);
/* A barrier on a channel. The channel may be blocked after it. */
WSL_MUST_CHECK wsl_status tm_task_on_barrier(tm_task *t, uint32_t channel, const wsl_row *row);
/* A channel has ended. */
void tm_task_checkpoint_on_end(tm_task *t, uint32_t channel);
/* Is a snapshot to be taken, and can it be? Takes it. */
WSL_MUST_CHECK wsl_status tm_task_take_snapshot(tm_task *t);
/* Goes on with a walk, if it is time. *now_ns becomes the time after. True: it did something. */
bool tm_task_walk(tm_task *t, bool idle, int64_t *now_ns);
/* When tm_task_walk is to be called again at the latest; WSL_NEVER: no walk. */
int64_t tm_task_walk_deadline(const tm_task *t);
static inline bool tm_task_checkpoint_waits(const tm_task_checkpoint *c) { return c->wanted != 0; }
static inline bool tm_task_checkpoint_active(const tm_task_checkpoint *c) { return c->snapshot != NULL; }
/* A step of the task took so long. */
static inline void tm_task_checkpoint_note_step(tm_task_checkpoint *c, int64_t took_ns)
{
    if (WSL_UNLIKELY(c->snapshot != NULL) && took_ns > c->longest_step_ns) {
        c->longest_step_ns = took_ns;
    }
}
