/*
 * list - intrusive, doubly linked, circular around its head.
 *
 *     typedef struct job { ...; wsl_link in_queue; } job;
 *
 *     wsl_list_push_back(&queue, &job->in_queue);
 *     WSL_LIST_EACH(job, j, &queue, in_queue) { ... }     j may be removed (and freed) inside
 *
 * A link knows whether it is in a list: zeroed memory and a removed link are in none.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/assert.h"

typedef struct wsl_link {
    struct wsl_link *next, *previous;
} wsl_link;

typedef struct wsl_list {
    wsl_link head; /* next: first item, previous: last */
} wsl_list;

#define WSL_CONTAINER(link, type, member) ((type *)(void *)((char *)(link)-offsetof(type, member)))

static inline void wsl_list_init(wsl_list *list) { list->head = (wsl_link){&list->head, &list->head}; }
static inline bool wsl_list_is_empty(const wsl_list *list) { return list->head.next == &list->head; }
static inline bool wsl_link_is_linked(const wsl_link *link) { return link->next != NULL; }

static inline void wsl_link_insert_after_(wsl_link *where, wsl_link *link)
{
    WSL_ASSERT(!wsl_link_is_linked(link));
    link->next = where->next;
    link->previous = where;
    where->next->previous = link;
    where->next = link;
}
static inline void wsl_list_push_back(wsl_list *list, wsl_link *link)
{
    wsl_link_insert_after_(list->head.previous, link);
}
static inline void wsl_list_push_front(wsl_list *list, wsl_link *link) { wsl_link_insert_after_(&list->head, link); }

/* Of whatever list it is in; nothing if in none. */
static inline void wsl_link_remove(wsl_link *link)
{
    if (wsl_link_is_linked(link)) {
        link->previous->next = link->next;
        link->next->previous = link->previous;
        *link = (wsl_link){NULL, NULL};
    }
}

/* NULL if empty. */
static inline wsl_link *wsl_list_first(const wsl_list *list)
{
    return wsl_list_is_empty(list) ? NULL : list->head.next;
}
static inline wsl_link *wsl_list_pop_front(wsl_list *list)
{
    wsl_link *const link = wsl_list_first(list);
    if (link != NULL) {
        wsl_link_remove(link);
    }
    return link;
}

#define WSL_LIST_EACH(type, item, list, member)                                                                        \
    for (type *item = WSL_CONTAINER((list)->head.next, type, member),                                                  \
              *next_##item = WSL_CONTAINER(item->member.next, type, member);                                           \
         &item->member != &(list)->head;                                                                               \
         item = next_##item, next_##item = WSL_CONTAINER(item->member.next, type, member))
