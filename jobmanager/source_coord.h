/*
 * source_coord - the JobManager's half of one source operator: runs the connector's enumerator and hands its splits to
 * readers.
 *
 *     discover (at its times) --> [ ready splits, in order of discovery ] --request--> assigned --finished--> done
 *                                        ^                                                |                      | a checkpoint
 *                                        +-- the reader goes back to a checkpoint from ---+----------------------+ that knows
 *                                            before it had the split                                             v
 *                                                                                                              gone
 *
 * A reader asks; the answer is a split, "none yet" (it is remembered and gets the next one by itself) or "no more" (the
 * enumerator has ended and nothing is left). Splits that come back are put to the front in their old order.
 *
 * A split is in its reader's state from the first checkpoint on whose snapshot was taken after it was assigned. A reader that goes
 * back to an older one does not know of it, so it is ready again, even if it had been finished; hence finished ones are remembered
 * until such a checkpoint is complete (`remember_finished`). A job that starts again as a whole makes a new jm_source instead,
 * restored from the checkpoint.
 *
 * Threads: the JobManager's loop.
 */
#pragma once
#include <stdint.h>

#include <wiesel/connector.h>

#include "net/seams.h"

typedef struct jm_source jm_source;

enum { JM_SOURCE_WAITING_MAX = 1 << 16, JM_SPLITS_MAX = 4 << 20 };

typedef enum jm_split_answer { JM_SPLIT_ASSIGNED, JM_SPLIT_NONE_YET, JM_SPLIT_NO_MORE } jm_split_answer;

typedef struct jm_source_options {
    uint32_t operator_id;
    const char *operator_name;   /* outlives the source */
    const wsl_source_class *cls; /* with an enumerator */
    wsl_config *config;          /* taken; checked against the class's tables */
    uint32_t parallelism;
    bool remember_finished; /* readers may go back one by one: jm_source_reader_back will be called */
    /* Called from request and step. split: JM_SPLIT_ASSIGNED only, valid during the call. */
    void (*answer)(void *arg, uint32_t operator_id, uint32_t subtask, jm_split_answer what, const wsl_split *split);
    void *answer_arg;
} jm_source_options;

void jm_source_free(jm_source *source);
/* seams and logger outlive the source. */
WSL_NEW_BY(jm_source_free) jm_source *jm_source_new(const jm_source_options *options, const wsl_seams *seams);

/* Opens the enumerator; errors name the operator. Once, before anything else. */
WSL_MUST_CHECK wsl_status jm_source_open(jm_source *source, wsl_error *err);
/* What a checkpoint keeps: the connector's pieces, splits that nobody has, whether more will come. Splits that readers have are in
 * the readers' own state. malloc'ed. Numbers of checkpoints grow. */
void jm_source_snapshot(jm_source *source, uint64_t checkpoint, uint8_t **out_bytes, size_t *out_size);
/* Readers never go back further than this one. Once it was opened: the one that they begin with. */
void jm_source_on_complete(jm_source *source, uint64_t checkpoint);
/* After open, before the first step. From then on readers may be done with splits that we never gave them. */
WSL_MUST_CHECK wsl_status jm_source_restore(jm_source *source, const void *bytes, size_t size, wsl_error *err);
/* Looks for splits if it is time, and answers readers that wait. A passing error is logged and tried again later. */
WSL_MUST_CHECK wsl_status jm_source_step(jm_source *source, wsl_error *err);
int64_t jm_source_due_ms(const jm_source *source); /* wall clock; INT64_MAX: never */

/* finished: name of a split this reader is done with, "" for none. WSL_INVALID: it never had that split (not looked at after
 * a restore: it may have it from before). */
WSL_MUST_CHECK wsl_status jm_source_request(jm_source *source, uint32_t subtask, const char *finished, wsl_error *err);
/* The reader starts again with its state of that checkpoint (0: empty). From then on it may be done with splits that it was not
 * given by this source. */
void jm_source_reader_back(jm_source *source, uint32_t subtask, uint64_t checkpoint);

uint32_t jm_source_operator(const jm_source *source);
uint64_t jm_source_ready(const jm_source *source);    /* splits nobody has yet */
uint64_t jm_source_assigned(const jm_source *source); /* splits with readers, not finished */
uint64_t jm_source_done(const jm_source *source);     /* finished ones that are remembered */
