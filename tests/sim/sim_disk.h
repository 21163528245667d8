/*
 * sim_disk - the disk as one simulated process sees it: where it may die, and what may fail.
 *
 *     process --calls--> sim_disk --calls--> files in memory (one disk for all)
 *
 * A process can die before or after each call that changes something. What it does from then on, to the end of the step that it was
 * in, changes nothing any more: all its calls fail, and `died` has been called, so that nothing it sends leaves. To the others it has
 * ended exactly there.
 *
 * Until fail_until_ns calls that change something fail with fail_status: WSL_IO, or WSL_NO_SPACE if they need room.
 *
 * Threads: one.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/rng.h"

typedef struct sim_disk {
    wsl_fs fs; /* first: what the process gets */
    wsl_fs *below;
    wsl_clock *clock;
    wsl_rng *rng;
    uint32_t die_per_million; /* calls that change something, each with two such moments */
    void (*died)(void *arg);
    void *arg;
    int64_t fail_until_ns;
    wsl_status fail_status;
    bool dead;
    uint32_t failed; /* calls that failed because of fail_status */
} sim_disk;

/* The rest is set by the caller, at any time. */
void sim_disk_init(sim_disk *d, wsl_fs *below, wsl_clock *clock, wsl_rng *rng);
