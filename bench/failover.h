/*
 * failover - `wiesel-bench failover`: how long after a kill -9 of a TaskManager in use its job gives new rows.
 *
 * Threads: one.
 */
#pragma once

/* argv[0]: "failover". Prints one JSON line; returns the exit status. */
int bench_failover(int argc, char **argv);
