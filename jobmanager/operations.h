/*
 * operations - what clients asked for and come back to ask about: savepoints, stops, checkpoints, disposals.
 *
 *     POST -> an id -> GET: in progress ... done: a directory, a checkpoint's id, or why it failed
 *
 * What is done is forgotten after JM_OPERATION_KEEP_NS, or when there are JM_OPERATIONS_MAX.
 *
 * Threads: the JobManager's loop.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <wiesel/status.h>

#include "base/id.h"

enum { JM_OPERATIONS_MAX = 1000 };
#define JM_OPERATION_KEEP_NS (INT64_C(300) * 1000000000)

typedef enum jm_operation_kind { JM_OPERATION_SAVEPOINT, JM_OPERATION_STOP, JM_OPERATION_CHECKPOINT, JM_OPERATION_DISPOSAL } jm_operation_kind;

typedef struct jm_operation {
    wsl_id id;
    jm_operation_kind kind;
    wsl_id job;          /* DISPOSAL: none */
    uint64_t checkpoint; /* 0: it never began */
    bool cancel;         /* when it is complete, the job is canceled */
    bool done;
    int64_t done_ns;
    char *target;   /* of a savepoint that is under way: its directory; NULL: none */
    char *location; /* done and good */
    char *failure;  /* done and not */
    wsl_status status; /* ... of what kind; WSL_OK: nothing is known of that */
} jm_operation;

typedef struct jm_operations jm_operations;

void jm_operations_free(jm_operations *o);
jm_operations *jm_operations_new(void);

/* A copy of *op, whose texts are taken, is kept. */
void jm_operations_add(jm_operations *o, const jm_operation *op);
const jm_operation *jm_operations_at(const jm_operations *o, uint32_t i); /* oldest first; NULL: no more */
jm_operation *jm_operations_find(const jm_operations *o, const wsl_id *id); /* NULL: unknown, or forgotten */
/* failure NULL: it went well. */
void jm_operation_end(jm_operation *op, const char *location, const char *failure, int64_t now_ns);
/* That checkpoint has ended; true: the job is to be canceled. */
bool jm_operations_end_checkpoint(jm_operations *o, const wsl_id *job, uint64_t checkpoint, const char *location,
                                  const char *failure, int64_t now_ns);
