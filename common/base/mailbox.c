/*
 * mailbox - a stack of letters, taken whole.
 *
 *     post: next = head; head = letter      (compare-and-swap, release)
 *     take: letters = head; head = NULL     (exchange, acquire), then reversed
 *
 * Nobody pops single nodes, so there is no ABA problem. Only the post that finds the box empty wakes the owner: the
 * owner takes all letters at once, and the first letter after that finds the box empty again.
 */
#include "base/mailbox.h"

void wsl_mailbox_init(wsl_mailbox *box, wsl_waker waker)
{
    atomic_init(&box->head, NULL);
    box->waker = waker;
}

void wsl_mailbox_post(wsl_mailbox *box, wsl_letter *letter)
{
    wsl_letter *head = atomic_load_explicit(&box->head, memory_order_relaxed);
    do {
        letter->next = head;
    } while (
        !atomic_compare_exchange_weak_explicit(&box->head, &head, letter, memory_order_release, memory_order_relaxed));
    if (head == NULL) {
        wsl_wake(&box->waker);
    }
}

wsl_letter *wsl_mailbox_take_all(wsl_mailbox *box)
{
    if (atomic_load_explicit(&box->head, memory_order_relaxed) == NULL) {
        return NULL; /* the usual answer, without taking the cache line away from the posters */
    }
    wsl_letter *newest = atomic_exchange_explicit(&box->head, NULL, memory_order_acquire);
    wsl_letter *oldest = NULL;
    while (newest != NULL) {
        wsl_letter *const next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    return oldest;
}

bool wsl_mailbox_is_empty(const wsl_mailbox *box)
{
    return atomic_load_explicit(&box->head, memory_order_acquire) == NULL;
}
