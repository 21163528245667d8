/*
 * lane - a slot's loop and thread for one task with an operator that may block.
 *
 *     slot-0's thread:  src -> map ==ring==> lane-3's thread:  blocking map ==ring==> slot-0's thread: sink
 *
 * Such a task belongs to its slot as all do, but steps on a loop of its own, so that what it holds up is itself and, by
 * backpressure, what is before it.
 *
 * Threads: start, ask_stop and free on the control loop.
 */
#pragma once
#include "taskmanager/task/slot.h"

typedef struct tm_lane tm_lane;

void tm_lane_free(tm_lane *lane); /* stops it first; tasks that still run are closed and freed */
/* number: for the thread's name. */
WSL_MUST_CHECK wsl_status tm_lane_start(const tm_slot_options *options, uint32_t number, tm_lane **out_lane,
                                        wsl_error *err);
WSL_DEFINE_AUTO(tm_lane)

tm_slot *tm_lane_slot(tm_lane *lane);
/* Joins its thread: waits for what runs there. */
void tm_lane_stop(tm_lane *lane);
