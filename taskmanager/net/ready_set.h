/*
 * ready_set - which of a loop's endpoints have news, with one system call for all of them.
 *
 * Endpoints without a descriptor (inside the process, simulated) are always ready: asking them costs nothing.
 *
 * Threads: one owner.
 */
#pragma once
#include <stdbool.h>

#include "net/transport.h"

typedef struct tm_ready_entry {
    wsl_endpoint *endpoint;
    bool ready;
    struct tm_ready_entry *next;
} tm_ready_entry;

typedef struct tm_ready_set {
    int epoll_fd; /* -1 until an endpoint with a descriptor is there */
    tm_ready_entry *entries;
} tm_ready_set;

void tm_ready_set_init(tm_ready_set *set);
void tm_ready_set_fini(tm_ready_set *set);
/* The entry is part of the owner's object. Remove it before the endpoint is closed. */
void tm_ready_set_add(tm_ready_set *set, tm_ready_entry *entry, wsl_endpoint *endpoint);
void tm_ready_set_remove(tm_ready_set *set, tm_ready_entry *entry);
void tm_ready_set_look(tm_ready_set *set); /* sets `ready` of those that are; the owner clears it when drained */
