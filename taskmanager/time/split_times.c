/*
 * Minima are searched: splits being read at once are few, and watermarks rare compared to rows.
 */
#include "taskmanager/time/split_times.h"

#include <stdlib.h>
#include <string.h>

#include <wiesel/row.h>

#include "base/alloc.h"
#include "base/assert.h"

void tm_split_times_init(tm_split_times *st, const tm_split_rule *rule) { *st = (tm_split_times){.rule = *rule}; }

void tm_split_times_fini(tm_split_times *st)
{
    for (uint32_t i = 0; i < st->capacity; i++) {
        if (st->split[i] != NULL) {
            free(st->split[i]->name);
            free(st->split[i]->local);
            free(st->split[i]);
        }
    }
    free(st->split);
    *st = (tm_split_times){0};
}

static void make_room(tm_split_times *st, uint32_t number)
{
    if (number < st->capacity) {
        return;
    }
    const uint32_t old = st->capacity;
    st->capacity = number < 4 ? 4 : 2 * number;
    st->split = wsl_realloc(st->split, st->capacity * sizeof(tm_split_time *));
    memset(st->split + old, 0, (st->capacity - old) * sizeof(tm_split_time *));
}

tm_split_time *tm_split_times_start(tm_split_times *st, uint32_t number, const char *name, int64_t now_ns)
{
    make_room(st, number);
    WSL_ASSERT(tm_split_times_get(st, number) == NULL);
    if (st->split[number] == NULL) {
        st->split[number] = wsl_alloc(sizeof(tm_split_time));
    }
    tm_split_time *s = st->split[number];
    *s = (tm_split_time){.used = true, .name = wsl_strdup(name), .seen = WSL_TIME_MIN};
    s->local = st->rule.local_size > 0 ? wsl_zalloc(st->rule.local_size) : NULL;
    tm_watermark_gen_init(&s->gen, st->rule.bound_ms, st->rule.idleness_ns, st->rule.interval_ns, now_ns);
    st->n_used++;
    return s;
}

void tm_split_times_finish(tm_split_times *st, uint32_t number)
{
    tm_split_time *s = tm_split_times_get(st, number);
    WSL_ASSERT(s != NULL);
    free(s->name);
    free(s->local);
    *s = (tm_split_time){0};
    st->n_used--;
}

int64_t tm_split_times_min(const tm_split_times *st, const tm_split_time *except)
{
    int64_t min = WSL_TIME_MAX;
    for (uint32_t i = 0; i < st->capacity; i++) {
        const tm_split_time *s = tm_split_times_get(st, i);
        if (s != NULL && s != except && !s->gen.idle && tm_split_time_watermark(s) < min) {
            min = tm_split_time_watermark(s);
        }
    }
    return min;
}

bool tm_split_times_any_active(const tm_split_times *st)
{
    for (uint32_t i = 0; i < st->capacity; i++) {
        const tm_split_time *s = tm_split_times_get(st, i);
        if (s != NULL && !s->gen.idle) {
            return true;
        }
    }
    return false;
}
