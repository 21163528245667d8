/*
 * zmq_message - messages in and out of ZeroMQ without copying large ones.
 *
 * In: a zmq_msg_t must live somewhere until it is released, by whatever thread. A set of slots per endpoint holds them;
 * it is counted, because messages may outlive their endpoint. ZeroMQ decodes small messages inside its 8 KiB receive
 * buffer, where they have any alignment; those are copied to the scratch memory of a slot.
 *
 * Out: zmq_msg_init_data calls back when the bytes are no longer needed, from ZeroMQ's own thread. When a send fails
 * the message must stay the caller's, so the note that the callback gets can be disarmed.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "net/zmq_internal.h"

#ifdef WSL_TSAN /* ZeroMQ is not instrumented: tell the sanitizer what its queues guarantee */
void __tsan_acquire(void *address);
void __tsan_release(void *address);
#define HANDED_OVER(p) __tsan_release(p)
#define GOT(p) __tsan_acquire(p)
#else
#define HANDED_OVER(p) ((void)(p))
#define GOT(p) ((void)(p))
#endif

enum { COPY_BELOW = 4096 }; /* up to here a copy is cheaper than two allocations and a callback from another thread */

typedef struct held_slot {
    wsl_zmq_held_set *set; /* NULL: allocated alone */
    _Atomic(bool) busy;
    bool copied; /* data is in scratch, msg is empty */
    zmq_msg_t msg;
    uint8_t *scratch;
} held_slot;

struct wsl_zmq_held_set {
    _Atomic(uint32_t) references; /* 1 for the endpoint + 1 for each message out */
    held_slot slots[WSL_ZMQ_HELD_SLOTS];
};

wsl_zmq_held_set *wsl_zmq_held_set_new(void)
{
    wsl_zmq_held_set *set = wsl_zalloc(sizeof *set);
    atomic_store(&set->references, 1);
    for (uint32_t i = 0; i < WSL_ZMQ_HELD_SLOTS; i++) {
        set->slots[i].set = set;
    }
    return set;
}

void wsl_zmq_held_set_drop(wsl_zmq_held_set *set)
{
    if (set == NULL || atomic_fetch_sub_explicit(&set->references, 1, memory_order_acq_rel) != 1) {
        return;
    }
    for (uint32_t i = 0; i < WSL_ZMQ_HELD_SLOTS; i++) {
        free(set->slots[i].scratch);
    }
    free(set);
}

static void release_held(void *arg, const uint8_t *data)
{
    (void)data;
    held_slot *slot = arg;
    wsl_zmq_held_set *set = slot->set;
    if (!slot->copied) {
        (void)zmq_msg_close(&slot->msg);
    }
    if (set == NULL) {
        free(slot->scratch);
        free(slot);
        return;
    }
    atomic_store_explicit(&slot->busy, false, memory_order_release);
    wsl_zmq_held_set_drop(set);
}

/* NULL set: one of its own. */
static held_slot *slot_take(wsl_zmq_held_set *set)
{
    for (uint32_t i = 0; set != NULL && i < WSL_ZMQ_HELD_SLOTS; i++) {
        held_slot *slot = &set->slots[i];
        if (!atomic_load_explicit(&slot->busy, memory_order_acquire)) {
            atomic_store_explicit(&slot->busy, true, memory_order_relaxed); /* only the endpoint's loop takes */
            atomic_fetch_add_explicit(&set->references, 1, memory_order_relaxed);
            return slot;
        }
    }
    return wsl_zalloc(sizeof(held_slot));
}

static const uint8_t *copy_in(held_slot *slot, const void *data, size_t size)
{
    if (slot->scratch == NULL) {
        slot->scratch = wsl_alloc(slot->set != NULL ? WSL_ZMQ_SCRATCH_SIZE : size + 1);
    }
    memcpy(slot->scratch, data, size);
    slot->copied = true;
    return slot->scratch;
}

void wsl_zmq_held_set_take(wsl_zmq_held_set *set, zmq_msg_t *msg, wsl_message *out_message)
{
    const size_t size = zmq_msg_size(msg);
    const uint8_t *data = zmq_msg_data(msg);
    /* Tiny ones lie inside the zmq_msg_t itself and would move with it: copied as well. */
    const bool copy = size <= sizeof(zmq_msg_t) || (uintptr_t)data % 8 != 0;
    held_slot *slot = slot_take(copy && size > WSL_ZMQ_SCRATCH_SIZE ? NULL : set);
    if (copy) {
        data = copy_in(slot, data, size);
    } else {
        slot->copied = false;
        (void)zmq_msg_init(&slot->msg);
        (void)zmq_msg_move(&slot->msg, msg);
        data = zmq_msg_data(&slot->msg);
    }
    *out_message = (wsl_message){.data = data, .size = size, .release = release_held, .release_arg = slot};
}

/* ---- out ---- */

static void release_outgoing(void *data, void *hint)
{
    wsl_zmq_note *note = hint;
    GOT(data);
    if (note->release != NULL) {
        note->release(note->arg, data);
    }
    free(note);
}

void wsl_zmq_outgoing_init(wsl_zmq_outgoing *out, const wsl_message *message)
{
    if (message->size < COPY_BELOW) {
        out->note = NULL;
        WSL_ASSERT(zmq_msg_init_size(&out->msg, message->size) == 0);
        if (message->size > 0) {
            memcpy(zmq_msg_data(&out->msg), message->data, message->size);
        }
        return;
    }
    out->note = wsl_alloc(sizeof *out->note);
    *out->note = (wsl_zmq_note){message->release, message->release_arg};
    uint8_t *data = (uint8_t *)(uintptr_t)message->data; /* ZeroMQ only reads it */
    HANDED_OVER(data);
    WSL_ASSERT(zmq_msg_init_data(&out->msg, data, message->size, release_outgoing, out->note) == 0);
}

void wsl_zmq_outgoing_sent(wsl_zmq_outgoing *out, wsl_message *message)
{
    if (out->note == NULL) {
        wsl_message_release(message);
    } else {
        *message = (wsl_message){0};
    }
}

void wsl_zmq_outgoing_failed(wsl_zmq_outgoing *out)
{
    if (out->note != NULL) {
        out->note->release = NULL;
    }
    (void)zmq_msg_close(&out->msg); /* frees the note */
}
