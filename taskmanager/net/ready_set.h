/*
 * ready_set - which of a loop's endpoints have news, with one system call for all of them, or none.
 *
 * Endpoints without a descriptor (inside the process, simulated) and polled ones (wsl_transport_ops.rest) are always ready:
 * asking them costs nothing. When all others are silent they are looked at only now and then, and after each rest.
 *
 * Threads: one owner.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "net/transport.h"

typedef struct tm_ready_entry {
    wsl_endpoint *endpoint;
    bool ready;
    bool polled;
    struct tm_ready_entry *next;
} tm_ready_entry;

typedef struct tm_ready_set {
    int epoll_fd; /* -1 until an endpoint with a descriptor is there */
    tm_ready_entry *entries;
    uint32_t n_polled;
    uint32_t not_looked; /* looks without a system call since the last with one */
    uint32_t silent;     /* looks in a row at which none that is not polled had news */
    bool rested;
} tm_ready_set;

void tm_ready_set_init(tm_ready_set *set);
void tm_ready_set_fini(tm_ready_set *set);
/* The entry is part of the owner's object. Remove it before the endpoint is closed. `polled`: it was opened as polled. */
void tm_ready_set_add(tm_ready_set *set, tm_ready_entry *entry, wsl_endpoint *endpoint, bool polled);
void tm_ready_set_remove(tm_ready_set *set, tm_ready_entry *entry);
void tm_ready_set_look(tm_ready_set *set); /* sets `ready` of those that are; the owner clears it when drained */
/* Before the owner sleeps on epoll_fd. False: there are news already. */
bool tm_ready_set_rest(tm_ready_set *set);
