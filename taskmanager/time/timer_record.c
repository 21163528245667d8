#include "taskmanager/time/timer_record.h"

bool tm_timer_same_key(const tm_timer *a, const tm_timer *b)
{
    if (a->hash != b->hash || ((a->bits ^ b->bits) & ~(uint32_t)TM_TIMER_DELETED) != 0 || a->key[0] != b->key[0]) {
        return false;
    }
    if (!tm_timer_has_long_key(a)) {
        return a->key[1] == b->key[1];
    }
    const tm_timer_key *x = tm_timer_long_key(a);
    const tm_timer_key *y = tm_timer_long_key(b);
    return x->size == y->size && x->nulls == y->nulls && memcmp(x->bytes, y->bytes, x->size) == 0;
}

static int order_of(uint64_t a, uint64_t b) { return a < b ? -1 : a > b; }

static int compare_keys(const tm_timer *a, const tm_timer *b)
{
    if (((a->bits | b->bits) & TM_TIMER_LONG_KEY) == 0) {
        const uint64_t x = __builtin_bswap64(a->key[1]), y = __builtin_bswap64(b->key[1]);
        const uint32_t low = (1u << TM_TIMER_GROUP_SHIFT) - 1 - TM_TIMER_DELETED; /* size, then null bits */
        return x != y ? order_of(x, y) : order_of(a->bits & low, b->bits & low);
    }
    const uint32_t x = tm_timer_key_size(a), y = tm_timer_key_size(b);
    const int order = memcmp(tm_timer_key_bytes(a), tm_timer_key_bytes(b), x < y ? x : y);
    if (order != 0) {
        return order;
    }
    return x != y ? order_of(x, y) : order_of(tm_timer_key_nulls(a), tm_timer_key_nulls(b));
}

int tm_timer_compare_rest(const tm_timer *a, const tm_timer *b)
{
    const int order = compare_keys(a, b);
    if (order != 0) {
        return order;
    }
    return a->ns < b->ns ? -1 : a->ns > b->ns;
}
