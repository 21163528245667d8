/*
 * channel_table - the channels between tasks of one TaskManager, and who has taken which end.
 *
 * The two tasks of a local channel are deployed by separate messages in any order: whoever comes first makes the channel,
 * the other finds it. An entry goes when both ends were taken, or with the job attempt.
 *
 * Threads: control loop.
 */
#pragma once
#include "taskmanager/net/channel.h"

typedef struct tm_channel_table tm_channel_table;

void tm_channel_table_free(tm_channel_table *table);
tm_channel_table *tm_channel_table_new(void);

/* The end's reference is the caller's, and its news go to `inbox` (of the loop that runs the task). NULL: that end of that
 * channel was taken already. */
tm_channel *tm_channel_table_take(tm_channel_table *table, const tm_channel_key *key, bool producer,
                                  uint32_t max_credits, wsl_mailbox *inbox);
/* Ends that nobody took are given back. */
void tm_channel_table_drop(tm_channel_table *table, uint64_t job, uint32_t attempt);
uint32_t tm_channel_table_size(const tm_channel_table *table);
