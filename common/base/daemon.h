/*
 * daemon - what the long-running programs have in common: how they are started and where they log.
 *
 *     PROGRAM [-c FILE] [-D key=value]... [-h] [-V] [options of its own, each with a value]
 *
 * Options on the command line go before the file wherever they stand.
 *
 * Threads: the main thread, at start and at the end.
 */
#pragma once
#include <wiesel/config.h>
#include <wiesel/status.h>

#include "base/log.h"

/* An option of one program: "--pid-file" and where its value goes (borrowed from argv). */
typedef struct wsl_daemon_option {
    const char *name;
    const char *argument; /* "FILE" */
    const char *help;
    const char **value;
} wsl_daemon_option;

typedef struct wsl_daemon {
    const char *program;              /* "wiesel-jobmanager" */
    const char *what_it_does;         /* one sentence for --help */
    const wsl_daemon_option *options; /* ended by a NULL name; NULL: none */
    wsl_config *config;               /* the cluster's options; set by wsl_daemon_arguments */
    wsl_log_sink *sink;
    wsl_logger *log;                  /* set by wsl_daemon_open_log */
} wsl_daemon;

/* Prints what -h and -V ask for, wherever they stand; true: that was all. */
bool wsl_daemon_only_asked(const wsl_daemon *d, int argc, char **argv);
/* Reads and checks the command line and the configuration file. */
WSL_MUST_CHECK wsl_status wsl_daemon_arguments(wsl_daemon *d, int argc, char **argv, wsl_error *err);
/* Into env.log.dir, as `name`-PID.log, or to standard error. */
WSL_MUST_CHECK wsl_status wsl_daemon_open_log(wsl_daemon *d, const char *name, wsl_error *err);
void wsl_daemon_fini(wsl_daemon *d); /* of what was opened */
