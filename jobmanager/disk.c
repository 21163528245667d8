#include "jobmanager/disk.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/loop.h"
#include "base/mailbox.h"

typedef struct disk_letter {
    wsl_letter letter; /* first */
    void (*job)(void *);
    void (*done)(void *);
    void *what;
} disk_letter;

struct jm_disk {
    wsl_loop *loop;   /* NULL: no thread */
    bool stepped;
    wsl_letter *taken; /* stepped: out of todo, not done yet */
    wsl_mailbox todo; /* read by the thread, or by jm_disk_work */
    wsl_mailbox done; /* read by the JobManager's loop */
};

static int64_t work(void *self)
{
    jm_disk *disk = self;
    wsl_letter *next = NULL;
    for (wsl_letter *l = wsl_mailbox_take_all(&disk->todo); l != NULL; l = next) {
        disk_letter *d = (disk_letter *)(void *)l;
        next = l->next;
        d->job(d->what);
        wsl_mailbox_post(&disk->done, l);
    }
    return WSL_NEVER;
}

wsl_status jm_disk_new(wsl_clock *clock, wsl_waker waker, bool thread, jm_disk **out_disk, wsl_error *err)
{
    jm_disk *disk = wsl_zalloc(sizeof *disk);
    wsl_mailbox_init(&disk->done, waker);
    if (thread) {
        disk->loop = wsl_loop_new(clock, work, disk, 0);
        wsl_mailbox_init(&disk->todo, wsl_loop_waker(disk->loop));
        const wsl_status status = wsl_loop_start(disk->loop, "disk", err);
        if (status != WSL_OK) {
            wsl_loop_free(disk->loop);
            free(disk);
            return status;
        }
    }
    *out_disk = disk;
    return WSL_OK;
}

void jm_disk_free(jm_disk *disk)
{
    if (disk == NULL) {
        return;
    }
    if (disk->loop != NULL) {
        wsl_loop_stop(disk->loop);
        (void)work(disk); /* what it had not begun; its thread is gone */
        jm_disk_step(disk);
        wsl_loop_free(disk->loop);
    }
    while (disk->stepped && jm_disk_work(disk)) {
    }
    jm_disk_step(disk);
    free(disk);
}

void jm_disk_run(jm_disk *disk, void (*job)(void *), void (*done)(void *), void *what)
{
    if (disk->loop == NULL && !disk->stepped) {
        job(what);
        done(what);
        return;
    }
    disk_letter *d = wsl_zalloc(sizeof *d);
    d->job = job;
    d->done = done;
    d->what = what;
    wsl_mailbox_post(&disk->todo, &d->letter);
}

jm_disk *jm_disk_new_stepped(wsl_waker waker, wsl_waker worker)
{
    jm_disk *disk = wsl_zalloc(sizeof *disk);
    disk->stepped = true;
    wsl_mailbox_init(&disk->done, waker);
    wsl_mailbox_init(&disk->todo, worker);
    return disk;
}

bool jm_disk_work(jm_disk *disk)
{
    WSL_ASSERT(disk->stepped);
    if (disk->taken == NULL) {
        disk->taken = wsl_mailbox_take_all(&disk->todo);
    }
    disk_letter *d = (disk_letter *)(void *)disk->taken;
    if (d == NULL) {
        return false;
    }
    disk->taken = d->letter.next;
    d->job(d->what);
    wsl_mailbox_post(&disk->done, &d->letter);
    return true;
}

void jm_disk_step(jm_disk *disk)
{
    wsl_letter *next = NULL;
    for (wsl_letter *l = wsl_mailbox_take_all(&disk->done); l != NULL; l = next) {
        disk_letter *d = (disk_letter *)(void *)l;
        next = l->next;
        d->done(d->what);
        free(d);
    }
}
