/*
 * peers - which subtasks an edge connects, by partitioner.
 *
 *   forward   i - i
 *   rescale   neighbours: the wider side is cut into runs, one for each subtask of the narrower side
 *                 2 -> 4:  0 -> 0,1   1 -> 2,3          4 -> 2:  0,1 -> 0   2,3 -> 1
 *   others    every producer - every consumer
 *
 * Both directions agree: p is among the producers of c exactly if c is among the consumers of p. Peers are always a run
 * of consecutive subtasks.
 *
 * Threads: any.
 */
#pragma once
#include <stdint.h>

#include "job_graph.pb-c.h"

typedef struct jm_run {
    uint32_t first;
    uint32_t n;
} jm_run;

jm_run jm_consumers_of(Wsl__Pb__Partition partition, uint32_t producers, uint32_t consumers, uint32_t producer);
jm_run jm_producers_of(Wsl__Pb__Partition partition, uint32_t producers, uint32_t consumers, uint32_t consumer);
