/*
 * seams - everything a manager needs from outside, handed in at construction: clock, randomness, files, transport. Plus the
 * logger. The same code then runs on real sockets, inside one process, and in the simulator.
 */
#pragma once
#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/rng.h"
#include "net/transport.h"

typedef struct wsl_seams {
    wsl_clock *clock;
    wsl_rng *rng;
    wsl_fs *fs;
    wsl_transport *transport;
    const wsl_logger *log;
} wsl_seams;
