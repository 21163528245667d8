#include "taskmanager/window/sessions.h"

uint32_t tm_sessions_touching(tm_sessions *s, int64_t start, int64_t end)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < s->list.n; i++) {
        const tm_session at = s->list.items[i];
        if (at.start <= end && start <= at.end) {
            s->list.items[i] = s->list.items[n];
            s->list.items[n++] = at;
        }
    }
    return n;
}

/* A key has few sessions at a time, so trying one number after the other is short. */
uint32_t tm_sessions_free_slot(const tm_sessions *s)
{
    uint32_t slot = 0;
    for (uint32_t i = 0; i < s->list.n;) {
        const bool taken = s->list.items[i].slot == slot;
        slot += taken;
        i = taken ? 0 : i + 1;
    }
    return slot;
}

uint32_t tm_sessions_free_trigger_slot(const tm_sessions *s)
{
    uint32_t slot = 0;
    for (uint32_t i = 0; i < s->list.n;) {
        const bool taken = s->list.items[i].trigger_slot == slot;
        slot += taken;
        i = taken ? 0 : i + 1;
    }
    return slot;
}

tm_session *tm_sessions_find(const tm_sessions *s, int64_t serial)
{
    for (uint32_t i = 0; i < s->list.n; i++) {
        if (s->list.items[i].serial == serial) {
            return &s->list.items[i];
        }
    }
    return NULL;
}
