#include "harness/wsl_test.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/mailbox.h"

typedef struct letter {
    wsl_letter letter; /* first */
    int sender, number;
} letter;

static void count_wake(void *arg) { (*(int *)arg)++; }

Test(mailbox, letters_come_in_the_order_they_were_posted)
{
    int wakes = 0;
    wsl_mailbox box;
    wsl_mailbox_init(&box, (wsl_waker){count_wake, &wakes});
    cr_assert(wsl_mailbox_is_empty(&box));
    cr_assert_null(wsl_mailbox_take_all(&box));
    letter letters[5];
    for (int i = 0; i < 5; i++) {
        letters[i].number = i;
        wsl_mailbox_post(&box, &letters[i].letter);
    }
    cr_assert_not(wsl_mailbox_is_empty(&box));
    int expected = 0;
    for (wsl_letter *l = wsl_mailbox_take_all(&box); l != NULL; l = l->next) {
        cr_assert_eq(((letter *)l)->number, expected++);
    }
    cr_assert_eq(expected, 5);
    cr_assert(wsl_mailbox_is_empty(&box));
}

Test(mailbox, the_owner_is_woken_only_when_the_box_was_empty)
{
    int wakes = 0;
    wsl_mailbox box;
    wsl_mailbox_init(&box, (wsl_waker){count_wake, &wakes});
    letter letters[3];
    wsl_mailbox_post(&box, &letters[0].letter);
    wsl_mailbox_post(&box, &letters[1].letter);
    cr_assert_eq(wakes, 1);
    (void)wsl_mailbox_take_all(&box);
    wsl_mailbox_post(&box, &letters[2].letter);
    cr_assert_eq(wakes, 2);
}

Test(mailbox, a_box_without_a_waker_works)
{
    wsl_mailbox box;
    wsl_mailbox_init(&box, (wsl_waker){0});
    letter l;
    wsl_mailbox_post(&box, &l.letter);
    cr_assert_eq(wsl_mailbox_take_all(&box), &l.letter);
}

enum { SENDERS = 4, LETTERS = 20000 };

typedef struct sender {
    wsl_mailbox *box;
    int sender;
} sender;

static void *send_letters(void *arg)
{
    const sender *const s = arg;
    for (int i = 0; i < LETTERS; i++) {
        letter *const l = malloc(sizeof *l);
        *l = (letter){.sender = s->sender, .number = i};
        wsl_mailbox_post(s->box, &l->letter);
    }
    return NULL;
}

Test(mailbox, many_senders_lose_nothing_and_each_keeps_its_order)
{
    wsl_mailbox box;
    wsl_mailbox_init(&box, (wsl_waker){0});
    sender senders[SENDERS];
    pthread_t threads[SENDERS];
    for (int i = 0; i < SENDERS; i++) {
        senders[i] = (sender){&box, i};
        cr_assert_eq(pthread_create(&threads[i], NULL, send_letters, &senders[i]), 0);
    }
    int next[SENDERS] = {0}, got = 0;
    while (got < SENDERS * LETTERS) {
        for (wsl_letter *l = wsl_mailbox_take_all(&box); l != NULL; got++) {
            letter *const mine = (letter *)l;
            l = l->next;
            cr_assert_eq(mine->number, next[mine->sender]++);
            free(mine);
        }
    }
    for (int i = 0; i < SENDERS; i++) {
        (void)pthread_join(threads[i], NULL);
        cr_assert_eq(next[i], LETTERS);
    }
    cr_assert(wsl_mailbox_is_empty(&box));
}
