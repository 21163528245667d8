/*
 * ready_set - see ready_set.h.
 */
#include "taskmanager/net/ready_set.h"

#include <sys/epoll.h>
#include <unistd.h>

#include "base/assert.h"

enum { EVENTS_MAX = 32 }; /* of more, the rest is still ready at the next look */

void tm_ready_set_init(tm_ready_set *set) { *set = (tm_ready_set){.epoll_fd = -1}; }

void tm_ready_set_fini(tm_ready_set *set)
{
    WSL_ASSERT(set->entries == NULL);
    if (set->epoll_fd >= 0) {
        (void)close(set->epoll_fd);
        set->epoll_fd = -1;
    }
}

void tm_ready_set_add(tm_ready_set *set, tm_ready_entry *entry, wsl_endpoint *endpoint)
{
    entry->endpoint = endpoint;
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
    entry->endpoint = NULL;
}

void tm_ready_set_look(tm_ready_set *set)
{
    if (set->epoll_fd < 0) {
        for (tm_ready_entry *e = set->entries; e != NULL; e = e->next) {
            e->ready = true;
        }
        return;
    }
    struct epoll_event events[EVENTS_MAX];
    const int n = epoll_wait(set->epoll_fd, events, EVENTS_MAX, 0);
    for (int i = 0; i < n; i++) {
        ((tm_ready_entry *)events[i].data.ptr)->ready = true;
    }
}
