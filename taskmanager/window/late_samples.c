/*
 * A ring of slots, each a sequence number and a sample as 64-bit words: a sequence lock. Words are atomics; who reads a new one
 * (acquire) of what was written (release) sees that the sequence number was changed before, so he will not take it for the old
 * sample's.
 */
#include "taskmanager/window/late_samples.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

enum { WORDS = sizeof(tm_late_sample) / 8 };
_Static_assert(sizeof(tm_late_sample) % 8 == 0, "a sample is whole words");

typedef struct slot {
    _Atomic(uint64_t) sequence; /* odd: being written */
    _Atomic(uint64_t) word[WORDS];
} slot;

struct tm_late_samples {
    _Atomic(uint64_t) total;
    slot slots[TM_LATE_SAMPLES];
};

tm_late_samples *tm_late_samples_new(void) { return wsl_zalloc(sizeof(tm_late_samples)); }
void tm_late_samples_free(tm_late_samples *s) { free(s); }

void tm_late_samples_add(tm_late_samples *s, const tm_late_sample *sample)
{
    const uint64_t total = atomic_load_explicit(&s->total, memory_order_relaxed);
    slot *at = &s->slots[total % TM_LATE_SAMPLES];
    const uint64_t sequence = atomic_load_explicit(&at->sequence, memory_order_relaxed);
    tm_late_sample copy = *sample;
    uint64_t word[WORDS];
    copy.number = total + 1;
    memcpy(word, &copy, sizeof word);
    atomic_store_explicit(&at->sequence, sequence + 1, memory_order_relaxed);
    for (uint32_t i = 0; i < WORDS; i++) {
        atomic_store_explicit(&at->word[i], word[i], memory_order_release);
    }
    atomic_store_explicit(&at->sequence, sequence + 2, memory_order_release);
    atomic_store_explicit(&s->total, total + 1, memory_order_release);
}

uint64_t tm_late_samples_total(const tm_late_samples *s)
{
    return atomic_load_explicit(&s->total, memory_order_acquire);
}

static bool read_slot(const slot *at, tm_late_sample *out)
{
    uint64_t word[WORDS];
    const uint64_t before = atomic_load_explicit(&at->sequence, memory_order_acquire);
    for (uint32_t i = 0; i < WORDS; i++) {
        word[i] = atomic_load_explicit(&at->word[i], memory_order_acquire);
    }
    if (before % 2 != 0 || atomic_load_explicit(&at->sequence, memory_order_relaxed) != before) {
        return false;
    }
    memcpy(out, word, sizeof *out);
    return true;
}

uint32_t tm_late_samples_read(const tm_late_samples *s, tm_late_sample *out, uint32_t max)
{
    const uint64_t total = tm_late_samples_total(s);
    uint32_t n = 0;
    for (uint64_t back = 0; back < total && back < TM_LATE_SAMPLES && n < max; back++) {
        const uint64_t number = total - back;
        n += read_slot(&s->slots[(number - 1) % TM_LATE_SAMPLES], &out[n]) && out[n].number == number;
    }
    return n;
}
