/*
 * server - HTTP for rest.h, by libmicrohttpd without threads of its own: its epoll descriptor is watched by the loop,
 * and jm_server_step handles what is ready.
 *
 * Bodies are bounded (JM_REST_BODY_MAX), idle connections end after a while, their number is limited.
 *
 * Threads: the JobManager's loop.
 */
#pragma once
#include <stdint.h>

#include <wiesel/status.h>

#include "jobmanager/rest/rest.h"

typedef struct jm_server jm_server;

void jm_server_free(jm_server *server);
WSL_DEFINE_AUTO(jm_server)
/* address: a numeric IPv4 or IPv6 address, or "localhost". port 0: any free one. `rest` outlives the server. A busy
 * port is WSL_EXISTS. */
WSL_MUST_CHECK wsl_status jm_server_new(const jm_rest *rest, const char *address, uint16_t port, jm_server **out_server,
                                        wsl_error *err);
int jm_server_fd(const jm_server *server);
uint16_t jm_server_port(const jm_server *server);
int64_t jm_server_step(jm_server *server, int64_t now_ns); /* see base/loop.h */
