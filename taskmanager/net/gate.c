/*
 * gate - see gate.h.
 */
#include "taskmanager/net/gate.h"

#include "base/alloc.h"
#include "base/assert.h"

typedef struct in_channel {
    tm_gate_input in;
    uint32_t outstanding;  /* credits given and not yet used up by a received buffer */
    uint32_t owed;         /* credits of buffers we are done with, not given again yet */
    uint32_t floating;     /* how many of the gate's floating buffers this channel holds */
    uint32_t backlog;      /* as announced with its last buffer */
    bool ready;            /* in the ready list */
    bool blocked;          /* never in it */
    struct in_channel *next_ready;
} in_channel;

typedef struct ready_list {
    in_channel *head;
    in_channel *tail;
} ready_list;

struct tm_gate {
    uint32_t n;
    uint32_t exclusive;
    uint32_t floating_free;
    bool floating_wanted;  /* a channel with a backlog found none free */
    in_channel *channels;
    ready_list ready[2];   /* by input */
    uint32_t turn;         /* the input that is asked first */
    tm_gate_stats stats;
};

tm_gate *tm_gate_new(const tm_gate_input *inputs, uint32_t n, uint32_t exclusive, uint32_t floating, void *owner)
{
    WSL_ASSERT(n > 0 && exclusive > 0);
    tm_gate *g = wsl_zalloc(sizeof *g);
    g->n = n;
    g->exclusive = exclusive;
    g->floating_free = floating;
    g->channels = wsl_calloc(n, sizeof *g->channels);
    for (uint32_t i = 0; i < n; i++) {
        WSL_ASSERT(inputs[i].input <= 1);
        g->channels[i].in = inputs[i];
        inputs[i].channel->consumer.owner = owner;
        inputs[i].channel->consumer.index = i;
    }
    return g;
}

void tm_gate_free(tm_gate *g)
{
    if (g == NULL) {
        return;
    }
    for (uint32_t i = 0; i < g->n; i++) {
        tm_channel *ch = g->channels[i].in.channel;
        ch->consumer.owner = NULL;
        tm_channel_unref(ch);
    }
    free(g->channels);
    free(g);
}

static void make_ready(tm_gate *g, in_channel *c)
{
    if (c->ready || c->blocked) {
        return;
    }
    ready_list *list = &g->ready[c->in.input];
    c->ready = true;
    c->next_ready = NULL;
    if (list->tail != NULL) {
        list->tail->next_ready = c;
    } else {
        list->head = c;
    }
    list->tail = c;
}

/* The first channel of the input whose turn it is, else of the other one. */
static in_channel *take_ready(tm_gate *g)
{
    const uint32_t input = g->ready[g->turn].head != NULL ? g->turn : 1 - g->turn;
    ready_list *list = &g->ready[input];
    in_channel *c = list->head;
    if (c != NULL) {
        list->head = c->next_ready;
        list->tail = list->head != NULL ? list->tail : NULL;
        c->ready = false;
    }
    return c;
}

void tm_gate_open(tm_gate *g)
{
    /* nobody waits yet: everyone may have an equal part of the floating share */
    const uint32_t share = g->floating_free / g->n;
    for (uint32_t i = 0; i < g->n; i++) {
        in_channel *c = &g->channels[i];
        c->floating = share;
        c->outstanding = g->exclusive + share;
        g->floating_free -= share;
        tm_channel_grant(c->in.channel, c->outstanding);
    }
}

void tm_gate_on_news(tm_gate *g, tm_channel *ch)
{
    in_channel *c = &g->channels[ch->consumer.index];
    WSL_ASSERT(c->in.channel == ch);
    if (tm_channel_queued(ch) > 0) {
        make_ready(g, c);
    }
}

bool tm_gate_has_input(const tm_gate *g) { return g->ready[0].head != NULL || g->ready[1].head != NULL; }

wsl_buffer *tm_gate_next(tm_gate *g, uint32_t *out_channel)
{
    in_channel *c;
    while ((c = take_ready(g)) != NULL) {
        wsl_buffer *b = tm_channel_receive(c->in.channel);
        if (b == NULL) {
            continue;
        }
        WSL_ASSERT(c->outstanding > 0);
        c->outstanding--;
        c->backlog = b->backlog;
        g->stats.buffers++;
        g->stats.bytes += b->used;
        if (tm_channel_queued(c->in.channel) > 0) {
            make_ready(g, c);
        }
        g->turn = 1 - c->in.input;
        *out_channel = (uint32_t)(c - g->channels);
        return b;
    }
    return NULL;
}

void tm_gate_done(tm_gate *g, uint32_t channel, wsl_buffer *buffer)
{
    in_channel *c = &g->channels[channel];
    const bool came_full = buffer->used > buffer->capacity / 2;
    wsl_buffer_release(buffer);

    c->owed++; /* outstanding + owed = exclusive + floating, but for the buffer just received */
    if (g->floating_wanted && c->backlog == 0 && c->floating > 0) {
        c->owed--;
        c->floating--;
        g->floating_free++;
        g->floating_wanted = false;
    }
    const uint32_t unused = c->outstanding - tm_channel_queued(c->in.channel);
    while (c->backlog > 0 && unused + c->owed < c->backlog + g->exclusive) {
        if (g->floating_free == 0) {
            g->floating_wanted = true;
            break;
        }
        g->floating_free--;
        c->floating++;
        c->owed++;
    }
    /*
     * A grant may cost a message: several at once, but never so late that a producer without backlog could run dry. Next to
     * a buffer that came full a message costs nothing, and its producer is fast: it gets all it can have.
     */
    const uint32_t window = g->exclusive + c->floating;
    if (c->owed > 0 && (came_full || c->backlog > 0 || unused <= window / 2)) {
        c->outstanding += c->owed;
        tm_channel_grant(c->in.channel, c->owed);
        c->owed = 0;
    }
}

void tm_gate_block(tm_gate *g, uint32_t channel)
{
    in_channel *c = &g->channels[channel];
    c->blocked = true;
    if (!c->ready) {
        return;
    }
    ready_list *list = &g->ready[c->in.input];
    in_channel *before = NULL;
    in_channel *at = list->head;
    while (at != c) {
        before = at;
        at = at->next_ready;
    }
    *(before != NULL ? &before->next_ready : &list->head) = c->next_ready;
    list->tail = list->tail == c ? before : list->tail;
    c->ready = false;
}

void tm_gate_unblock_all(tm_gate *g)
{
    for (uint32_t i = 0; i < g->n; i++) {
        in_channel *c = &g->channels[i];
        if (c->blocked) {
            c->blocked = false;
            if (tm_channel_queued(c->in.channel) > 0) {
                make_ready(g, c);
            }
        }
    }
}

uint32_t tm_gate_channels(const tm_gate *g) { return g->n; }
const tm_gate_input *tm_gate_channel(const tm_gate *g, uint32_t i) { return &g->channels[i].in; }
uint32_t tm_gate_credits(const tm_gate *g, uint32_t i) { return tm_channel_credits(g->channels[i].in.channel); }
tm_gate_stats tm_gate_get_stats(const tm_gate *g) { return g->stats; }
