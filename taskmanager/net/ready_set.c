/*
 * ready_set - see ready_set.h.
 */
#include "taskmanager/net/ready_set.h"

#include <sys/epoll.h>
#include <unistd.h>

#include "base/assert.h"

enum {
    EVENTS_MAX = 32,  /* of more, the rest is still ready at the next look */
    LOOK_EVERY = 32,  /* when only polled endpoints have news */
    SILENT_FROM = 64, /* looks */
};

void tm_ready_set_init(tm_ready_set *set) { *set = (tm_ready_set){.epoll_fd = -1}; }

void tm_ready_set_fini(tm_ready_set *set)
{
    WSL_ASSERT(set->entries == NULL);
    if (set->epoll_fd >= 0) {
        (void)close(set->epoll_fd);
        set->epoll_fd = -1;
    }
}

void tm_ready_set_add(tm_ready_set *set, tm_ready_entry *entry, wsl_endpoint *endpoint, bool polled)
{
    entry->endpoint = endpoint;
    entry->polled = polled && endpoint->transport->ops->rest != NULL;
    set->n_polled += entry->polled;
    entry->ready = true; /* whatever came before we watched */
    entry->next = set->entries;
    set->entries = entry;
    const int fd = wsl_endpoint_fd(endpoint);
    if (fd < 0) {
        return;
    }
    if (set->epoll_fd < 0) {
        set->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
        WSL_ASSERT(set->epoll_fd >= 0);
    }
    struct epoll_event event = {.events = EPOLLIN, .data = {.ptr = entry}};
    WSL_ASSERT(epoll_ctl(set->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0);
}

void tm_ready_set_remove(tm_ready_set *set, tm_ready_entry *entry)
{
    tm_ready_entry **at = &set->entries;
    while (*at != entry) {
        at = &(*at)->next;
    }
    *at = entry->next;
    const int fd = wsl_endpoint_fd(entry->endpoint);
    if (fd >= 0) {
        WSL_ASSERT(epoll_ctl(set->epoll_fd, EPOLL_CTL_DEL, fd, NULL) == 0);
    }
    set->n_polled -= entry->polled;
    entry->endpoint = NULL;
}

static void ask_all(tm_ready_set *set)
{
    struct epoll_event events[EVENTS_MAX];
    const int n = epoll_wait(set->epoll_fd, events, EVENTS_MAX, 0);
    set->not_looked = 0;
    set->rested = false;
    set->silent += set->silent < SILENT_FROM;
    for (int i = 0; i < n; i++) {
        tm_ready_entry *entry = events[i].data.ptr;
        entry->ready = true;
        if (!entry->polled) {
            set->silent = 0;
        }
    }
}

void tm_ready_set_look(tm_ready_set *set)
{
    for (tm_ready_entry *e = set->entries; e != NULL; e = e->next) {
        e->ready |= e->polled || set->epoll_fd < 0;
    }
    if (set->epoll_fd < 0) {
        return;
    }
    if (set->n_polled == 0 || set->silent < SILENT_FROM || set->rested || ++set->not_looked >= LOOK_EVERY) {
        ask_all(set);
    }
}

bool tm_ready_set_rest(tm_ready_set *set)
{
    bool rests = true;
    for (tm_ready_entry *e = set->entries; e != NULL; e = e->next) {
        rests &= !e->polled || wsl_endpoint_rest(e->endpoint);
    }
    set->rested = true;
    return rests;
}
