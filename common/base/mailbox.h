/*
 * mailbox - letters from many threads to one loop, in order per sender.
 *
 * A lock-free stack of intrusive nodes that the owner takes whole and reverses (so a post is one compare-and-swap). The
 * owner's waker is called only when the box was empty.
 *
 * Ownership: a posted letter belongs to the mailbox until taken; the receiver frees it.
 */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>

#include "base/waker.h"

typedef struct wsl_letter {
    struct wsl_letter *next;
} wsl_letter;

typedef struct wsl_mailbox {
    _Atomic(wsl_letter *) head;
    wsl_waker waker;
} wsl_mailbox;

void wsl_mailbox_init(wsl_mailbox *box, wsl_waker waker);
void wsl_mailbox_post(wsl_mailbox *box, wsl_letter *letter); /* any thread */
wsl_letter *wsl_mailbox_take_all(wsl_mailbox *box);          /* owner: oldest first, NULL if empty */
bool wsl_mailbox_is_empty(const wsl_mailbox *box);
