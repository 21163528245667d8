/*
 * async_desk - see async_desk.h.
 *
 *     handle: | desk 16 | place 20 | generation 28 |     generation 0 is never issued, so no handle is NULL
 *
 * Entering a desk. An entry of the table counts the threads that are inside, with a bit above the count that says
 * whether there is a desk. Who wants in counts itself first and looks at the bit of the value it found; free clears the
 * bit and then waits for the count to become 0. Both are read-modify-writes of one atomic, so either the visitor came
 * first, and is waited for, or it finds the bit cleared and goes away. A visitor stays for one compare-and-swap and one
 * post.
 */
#include "api/async_desk.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"

enum { DESK_BITS = 16, PLACE_BITS = 20, GENERATION_BITS = 28 };
_Static_assert(DESK_BITS + PLACE_BITS + GENERATION_BITS == 64 && sizeof(void *) == 8, "a handle is a pointer's width");
_Static_assert(WSL_ASYNC_DESKS_MAX == 1 << DESK_BITS && WSL_ASYNC_PLACES_MAX == 1 << PLACE_BITS,
               "the limits are those of the bits");

#define GENERATION_MASK ((1u << GENERATION_BITS) - 1)
#define OPEN (1ull << 32)

struct wsl_async_desk {
    wsl_async_desk_options options;
    uint32_t number; /* in the table */
    wsl_mailbox box;
    _Atomic(uint32_t) open[]; /* by place: generation of the handle that may still be answered; 0: none */
};

typedef struct entry {
    _Atomic(uint64_t) visitors; /* and OPEN */
    wsl_async_desk *desk;       /* while OPEN */
    uint32_t generation;        /* the last one issued; stays when the desk goes */
    bool taken;                 /* under table_lock */
} entry;

static entry table[WSL_ASYNC_DESKS_MAX];
static uint32_t
    table_next; /* where to look for a free one: the one that has been free longest, so that generations last */
static pthread_mutex_t table_lock = PTHREAD_MUTEX_INITIALIZER;

static wsl_async *make_handle(uint32_t desk, uint32_t place, uint32_t generation)
{
    return (wsl_async *)(uintptr_t)((uint64_t)desk << (PLACE_BITS + GENERATION_BITS) |
                                    (uint64_t)place << GENERATION_BITS | generation);
}

static uint32_t handle_desk(const wsl_async *h) { return (uint32_t)((uintptr_t)h >> (PLACE_BITS + GENERATION_BITS)); }
static uint32_t handle_place(const wsl_async *h)
{
    return (uint32_t)((uintptr_t)h >> GENERATION_BITS) & (WSL_ASYNC_PLACES_MAX - 1);
}
static uint32_t handle_generation(const wsl_async *h) { return (uint32_t)(uintptr_t)h & GENERATION_MASK; }

/* ---- the table ---- */

static entry *entry_take(uint32_t *out_number)
{
    entry *found = NULL;
    (void)pthread_mutex_lock(&table_lock);
    for (uint32_t i = 0; i < WSL_ASYNC_DESKS_MAX && found == NULL; i++) {
        entry *e = &table[table_next];
        if (!e->taken) {
            e->taken = true;
            found = e;
            *out_number = table_next;
        }
        table_next = (table_next + 1) % WSL_ASYNC_DESKS_MAX;
    }
    (void)pthread_mutex_unlock(&table_lock);
    return found;
}

static void entry_give_back(entry *e)
{
    (void)pthread_mutex_lock(&table_lock);
    e->taken = false;
    (void)pthread_mutex_unlock(&table_lock);
}

/* NULL: the desk is gone. */
static wsl_async_desk *enter(uint32_t number)
{
    entry *e = &table[number];
    if (atomic_fetch_add_explicit(&e->visitors, 1, memory_order_acquire) & OPEN) {
        return e->desk;
    }
    atomic_fetch_sub_explicit(&e->visitors, 1, memory_order_release);
    return NULL;
}

static void leave(uint32_t number) { atomic_fetch_sub_explicit(&table[number].visitors, 1, memory_order_release); }

/* ---- the operator's side ---- */

wsl_status wsl_async_desk_new(const wsl_async_desk_options *options, wsl_async_desk **out_desk, wsl_error *err)
{
    WSL_ASSERT(options->places > 0 && options->places <= WSL_ASYNC_PLACES_MAX);
    uint32_t number = 0;
    entry *e = entry_take(&number);
    if (e == NULL) {
        return wsl_fail(err, WSL_NO_RESOURCE, "there are %d async operators in this process already",
                        WSL_ASYNC_DESKS_MAX);
    }
    wsl_async_desk *desk = wsl_zalloc(sizeof *desk + options->places * sizeof desk->open[0]);
    desk->options = *options;
    desk->number = number;
    wsl_mailbox_init(&desk->box, options->waker);
    e->desk = desk;
    atomic_fetch_or_explicit(&e->visitors, OPEN, memory_order_release);
    *out_desk = desk;
    return WSL_OK;
}

void wsl_async_desk_free(wsl_async_desk *desk)
{
    if (desk == NULL) {
        return;
    }
    entry *e = &table[desk->number];
    atomic_fetch_and_explicit(&e->visitors, ~OPEN, memory_order_acq_rel);
    while (atomic_load_explicit(&e->visitors, memory_order_acquire) != 0) {
        (void)sched_yield();
    }
    for (wsl_letter *l = wsl_mailbox_take_all(&desk->box), *next; l != NULL; l = next) {
        next = l->next;
        free(l);
    }
    free(desk);
    entry_give_back(e);
}

wsl_async *wsl_async_desk_issue(wsl_async_desk *desk, uint32_t place)
{
    entry *e = &table[desk->number];
    WSL_ASSERT(place < desk->options.places && !wsl_async_desk_is_open(desk, place));
    e->generation = (e->generation + 1) & GENERATION_MASK;
    e->generation = e->generation == 0 ? 1 : e->generation;
    atomic_store_explicit(&desk->open[place], e->generation, memory_order_release);
    return make_handle(desk->number, place, e->generation);
}

bool wsl_async_desk_revoke(wsl_async_desk *desk, uint32_t place)
{
    return atomic_exchange_explicit(&desk->open[place], 0, memory_order_acq_rel) != 0;
}

bool wsl_async_desk_is_open(const wsl_async_desk *desk, uint32_t place)
{
    return atomic_load_explicit(&desk->open[place], memory_order_acquire) != 0;
}

wsl_letter *wsl_async_desk_take(wsl_async_desk *desk) { return wsl_mailbox_take_all(&desk->box); }

/* ---- any thread ---- */

/* Takes the answer. */
static void give(wsl_async *request, wsl_async_answer *answer)
{
    const uint32_t number = handle_desk(request), place = handle_place(request);
    uint32_t generation = handle_generation(request);
    wsl_async_desk *desk = generation != 0 ? enter(number) : NULL;
    if (desk != NULL) {
        if (place < desk->options.places &&
            atomic_compare_exchange_strong_explicit(&desk->open[place], &generation, 0, memory_order_acq_rel,
                                                    memory_order_acquire)) {
            answer->place = place;
            wsl_mailbox_post(&desk->box, &answer->letter);
            answer = NULL;
        }
        leave(number);
    }
    free(answer);
}

static wsl_async_answer *answer_new(uint32_t size)
{
    wsl_async_answer *a = wsl_alloc(sizeof *a + size);
    *a = (wsl_async_answer){.size = size};
    return a;
}

void wsl_async_complete(wsl_async *request, const wsl_row *const *rows, uint32_t n)
{
    uint64_t size = 0;
    for (uint32_t i = 0; i < n; i++) {
        size += rows[i]->size;
    }
    if (size > WSL_ASYNC_ANSWER_MAX) {
        wsl_async_fail(request, "an answer of %llu bytes is larger than the maximum of %d", (unsigned long long)size,
                       WSL_ASYNC_ANSWER_MAX);
        return;
    }
    wsl_async_answer *a = answer_new((uint32_t)size);
    a->n_rows = n;
    uint32_t at = 0;
    for (uint32_t i = 0; i < n; i++) {
        memcpy(a->data + at, rows[i], rows[i]->size);
        at += rows[i]->size;
    }
    give(request, a);
}

void wsl_async_fail(wsl_async *request, const char *format, ...)
{
    wsl_async_answer *a = answer_new(WSL_ERROR_TEXT_MAX);
    va_list args;
    a->failed = true;
    va_start(args, format);
    (void)vsnprintf((char *)a->data, WSL_ERROR_TEXT_MAX, format, args);
    va_end(args);
    give(request, a);
}

wsl_status wsl_async_run(wsl_ctx *ctx, wsl_async *request, wsl_async_work work)
{
    const uint32_t number = handle_desk(request), place = handle_place(request);
    wsl_async_desk *desk = handle_generation(request) != 0 ? enter(number) : NULL;
    wsl_status status = WSL_STATE;
    if (desk != NULL) {
        if (place < desk->options.places &&
            atomic_load_explicit(&desk->open[place], memory_order_acquire) == handle_generation(request)) {
            status = desk->options.run(desk->options.arg, place, request, work);
        }
        leave(number);
    }
    return status != WSL_STATE ? status : wsl_ctx_fail(ctx, "wsl_async_run: that request is over already");
}
