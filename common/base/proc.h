/*
 * proc - seam: what this process uses and what the machine has. Nobody else reads /proc.
 *
 * Threads: any.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct wsl_proc_stats {
    uint64_t rss_bytes;
    uint64_t peak_rss_bytes;
    int64_t cpu_ns; /* user and system, all threads, since the start */
    uint32_t threads;
    uint32_t open_files;
    uint32_t max_files;
} wsl_proc_stats;

enum { WSL_HOST_ID_SIZE = 33, WSL_HOST_NAME_SIZE = 256 };

typedef struct wsl_machine {
    uint64_t memory_bytes; /* physical, or the control group's limit if that is lower */
    uint32_t cores;        /* that this process may use */
    char host_name[WSL_HOST_NAME_SIZE];
    /* The same text for two processes that run under one kernel and see the same files, so that a socket file of one
     * can be opened by the other: boot id and mount namespace, hashed. "" if unknown: then nobody is on the same host.
     */
    char host_id[WSL_HOST_ID_SIZE];
} wsl_machine;

typedef struct wsl_proc {
    void (*stats)(struct wsl_proc *proc, wsl_proc_stats *out_stats); /* what cannot be read is 0 */
    void (*machine)(struct wsl_proc *proc, wsl_machine *out_machine);
} wsl_proc;

wsl_proc *wsl_proc_real(void); /* a constant object, never freed */

/* The path of the running program's file; false if it cannot be found or does not fit. */
bool wsl_proc_program_path(char *out, size_t capacity);
