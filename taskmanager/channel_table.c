/*
 * channel_table - see channel_table.h. A list: entries live from the first deployment to the second.
 */
#include "taskmanager/channel_table.h"

#include <string.h>

#include "base/alloc.h"

typedef struct entry {
    struct entry *next;
    tm_channel *channel;
    bool producer_taken;
    bool consumer_taken;
} entry;

struct tm_channel_table {
    entry *first;
    uint32_t n;
};

tm_channel_table *tm_channel_table_new(void) { return wsl_zalloc(sizeof(tm_channel_table)); }

static void entry_free(tm_channel_table *table, entry **at)
{
    entry *e = *at;
    *at = e->next;
    if (!e->producer_taken) {
        tm_channel_unref(e->channel);
    }
    if (!e->consumer_taken) {
        tm_channel_unref(e->channel);
    }
    free(e);
    table->n--;
}

void tm_channel_table_free(tm_channel_table *table)
{
    if (table == NULL) {
        return;
    }
    while (table->first != NULL) {
        entry_free(table, &table->first);
    }
    free(table);
}

static bool same_key(const tm_channel_key *a, const tm_channel_key *b)
{
    return a->job == b->job && a->attempt == b->attempt && a->edge == b->edge && a->from == b->from && a->to == b->to;
}

static void bind_end(tm_channel *ch, bool producer, wsl_mailbox *inbox)
{
    if (producer) {
        tm_channel_bind_producer(ch, inbox);
    } else {
        tm_channel_bind_consumer(ch, inbox);
    }
}

tm_channel *tm_channel_table_take(tm_channel_table *table, const tm_channel_key *key, bool producer,
                                  uint32_t max_credits, wsl_mailbox *inbox)
{
    for (entry **at = &table->first; *at != NULL; at = &(*at)->next) {
        entry *e = *at;
        if (!same_key(&e->channel->key, key)) {
            continue;
        }
        bool *taken = producer ? &e->producer_taken : &e->consumer_taken;
        if (*taken) {
            return NULL;
        }
        *taken = true;
        tm_channel *ch = e->channel;
        bind_end(ch, producer, inbox);
        if (e->producer_taken && e->consumer_taken) {
            entry_free(table, at);
        }
        return ch;
    }
    entry *e = wsl_zalloc(sizeof *e);
    e->channel = tm_channel_new(key, max_credits);
    bind_end(e->channel, producer, inbox);
    e->producer_taken = producer;
    e->consumer_taken = !producer;
    e->next = table->first;
    table->first = e;
    table->n++;
    return e->channel;
}

void tm_channel_table_drop(tm_channel_table *table, uint64_t job, uint32_t attempt)
{
    for (entry **at = &table->first; *at != NULL;) {
        const tm_channel_key *key = &(*at)->channel->key;
        if (key->job == job && key->attempt == attempt) {
            entry_free(table, at);
        } else {
            at = &(*at)->next;
        }
    }
}

uint32_t tm_channel_table_size(const tm_channel_table *table) { return table->n; }
