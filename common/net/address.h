/*
 * address - where an endpoint listens or connects: "tcp://127.0.0.1:6123", "tcp://[::1]:0", "ipc:///run/wiesel/data" (ZeroMQ),
 * "unix:///run/wiesel/data" (local sockets), "inproc://name", "sim://name".
 *
 * Threads: any.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <wiesel/macros.h>
#include <wiesel/status.h>

typedef enum wsl_address_kind {
    WSL_ADDRESS_TCP,
    WSL_ADDRESS_IPC,
    WSL_ADDRESS_UNIX,
    WSL_ADDRESS_INPROC,
    WSL_ADDRESS_SIM
} wsl_address_kind;

enum { WSL_ADDRESS_HOST_MAX = 255, WSL_ADDRESS_NAME_MAX = 1023 };

typedef struct wsl_address {
    wsl_address_kind kind;
    char host[WSL_ADDRESS_HOST_MAX + 1]; /* tcp; without brackets */
    uint16_t port;                       /* tcp; 0: any ("*" or 0) */
    char name[WSL_ADDRESS_NAME_MAX + 1]; /* the others: what stands behind "://" */
    bool is_local;                       /* cannot be reached from another host */
} wsl_address;

/* WSL_INVALID with a sentence that names the text. */
WSL_MUST_CHECK wsl_status wsl_address_parse(const char *text, wsl_address *out_address, wsl_error *err);
