/*
 * transport_sim - a network in virtual time, from a seed: messages take a random time, connections break.
 *
 *     wsl_sim_network  <-- transports, one for each simulated host
 *
 * Nothing moves by itself. What is sent becomes an event at a later time of the clock; the simulator asks when the next
 * one is due, moves the clock there, delivers, and steps whoever was woken:
 *
 *     manual clock ---> next_ns ---> advance ---> deliver ---> wakers ---> step functions ---> send ---> next_ns ...
 *
 * Messages of one direction of one connection arrive in order, with other ones in any. A broken connection loses what
 * is under way; each end hears of it after a time of its own, and what it sends until then is lost as well. The same
 * seed and the same calls give the same events at the same times, which `trace` proves.
 *
 * Threads: one. The network outlives its transports.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "net/transport.h"

typedef struct wsl_sim_network wsl_sim_network;

typedef struct wsl_sim_options {
    uint64_t seed;
    int64_t delay_min_ns, delay_max_ns; /* of each message */
    uint32_t slow_per_million;          /* so many messages take up to slow_max_ns longer */
    int64_t slow_max_ns;
    uint32_t cut_per_million;             /* so many messages break their connection */
    uint32_t cuts_max;                    /* but not more often than this */
    int64_t notice_min_ns, notice_max_ns; /* until an end notices */
} wsl_sim_options;

typedef struct wsl_sim_stats {
    uint64_t connections, messages, bytes, lost, cuts;
} wsl_sim_stats;

void wsl_sim_network_free(wsl_sim_network *net);
WSL_NEW_BY(wsl_sim_network_free) wsl_sim_network *wsl_sim_network_new(wsl_clock *clock, const wsl_sim_options *options);
WSL_DEFINE_AUTO(wsl_sim_network)

/* `host` names the machine that its endpoints are on. */
wsl_transport *wsl_transport_sim_new(wsl_sim_network *net, const char *host);

int64_t wsl_sim_network_next_ns(const wsl_sim_network *net); /* when the next event is due; WSL_NEVER */
uint32_t wsl_sim_network_deliver(wsl_sim_network *net);      /* all that are due by now; how many there were */

/* Breaks all connections between two hosts (NULL: any host); returns how many. */
uint32_t wsl_sim_network_cut(wsl_sim_network *net, const char *host_a, const char *host_b);
/* Apart: connections between these two hosts break and new ones wait until they are together again. */
void wsl_sim_network_part(wsl_sim_network *net, const char *host_a, const char *host_b, bool apart);

/* From now on. */
void wsl_sim_network_set_cuts(wsl_sim_network *net, uint32_t cut_per_million, uint32_t cuts_max);
/* Dead: what endpoints of this host send from now on is lost, as the process that would send it has ended; what is under way
 * arrives. Ends when the process is started anew (dead false). */
void wsl_sim_network_dead(wsl_sim_network *net, const char *host, bool dead);

uint64_t wsl_sim_network_trace(const wsl_sim_network *net); /* hash of every event so far: time, connection, content */
wsl_sim_stats wsl_sim_network_get_stats(const wsl_sim_network *net);
