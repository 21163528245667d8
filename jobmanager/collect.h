/*
 * collect - rows on their way from a collect sink to the client.
 *
 *     sink subtask --CollectData--> [ chunk | chunk | chunk ] --read(from)--> client
 *          ^                                                                    |
 *          +----------- CollectAck when the client has read past a chunk -------+
 *
 * Rows get numbers 0, 1, 2... in order of arrival. A client reads from a number on; that says it has everything before,
 * which is forgotten and acknowledged. A read that was lost on its way can so be repeated. Memory is bounded by the
 * sinks' windows (WSL_COLLECT_WINDOW, net/control.h): a subtask that sends on without acknowledgement is an error.
 *
 * Threads: the JobManager's loop.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <wiesel/row.h>

typedef struct jm_collect jm_collect;

typedef void (*jm_collect_ack_fn)(void *arg, uint32_t operator_id, uint32_t subtask, uint64_t sequence);

void jm_collect_free(jm_collect *collect);
/* Takes the schema. */
WSL_NEW_BY(jm_collect_free)
jm_collect *jm_collect_new(uint32_t operator_id, wsl_schema *schema, uint32_t parallelism, jm_collect_ack_fn ack,
                           void *ack_arg);

/* Copies the rows. Errors: a sequence that does not grow, bytes that are not rows of the schema, more than the window.
 */
WSL_MUST_CHECK wsl_status jm_collect_add(jm_collect *collect, uint32_t subtask, uint64_t sequence, const void *rows,
                                         size_t size, bool end, wsl_error *err);
/* That subtask starts again and counts from the beginning. Rows that came are kept for the client, and some of them come once
 * more. */
void jm_collect_restart(jm_collect *collect, uint32_t subtask);
/* All subtasks start again, and there are that many now; at most as many as at first. */
void jm_collect_set_parallelism(jm_collect *collect, uint32_t parallelism);
/* The job has ended: nothing more will come. */
void jm_collect_close(jm_collect *collect);
/* Of a job of an earlier JobManager, before any row: rows are numbered from here. What that one had and nobody took is gone with
 * it. skip: who reads before `first` reads from there on, as what came behind the last checkpoint comes again; else that is an error. */
void jm_collect_begin_at(jm_collect *collect, uint64_t first, bool skip);
uint64_t jm_collect_next(const jm_collect *collect); /* number of the next row to arrive */

/* Forgets and acknowledges rows before `from`, then calls fn (may be NULL) for each row from there on until max_bytes
 * of rows were seen (at least one row if there is one). *out_next: the number to read from next; *out_end: nothing is
 * left and nothing will come. WSL_INVALID: rows before `from` are missing (already taken), or it lies in the future. */
WSL_MUST_CHECK wsl_status jm_collect_read(jm_collect *collect, uint64_t from, uint64_t max_bytes,
                                          void (*fn)(void *arg, const wsl_row *row), void *arg, uint64_t *out_next,
                                          bool *out_end, wsl_error *err);

uint32_t jm_collect_operator(const jm_collect *collect);
const wsl_schema *jm_collect_schema(const jm_collect *collect);
uint64_t jm_collect_kept_bytes(const jm_collect *collect);
