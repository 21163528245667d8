/*
 * tm - a TaskManager: registers with the JobManager, runs deployed tasks in its slots, reports.
 *
 *     control loop: tm_control_step   connection to the JobManager, deployments, artifacts, reports, metrics
 *     network loop: tm_net_step       data sockets (taskmanager/net/net.h)
 *     slot loops:   tm_slot_step      one per slot (taskmanager/task/slot.h)
 *
 * The object has no threads of its own unless options.threads says so: tm_run.h puts the steps on threads, tests and the
 * simulator call them themselves.
 *
 * Life of the connection: connect -> Register -> accepted (fencing token) -> heartbeats. When the JobManager is lost every
 * task is canceled and a new connection with a new identity begins.
 *
 * Threads: tm_control_step, tm_new and tm_free on the control loop.
 */
#pragma once
#include <wiesel/config.h>
#include <wiesel/status.h>

#include "base/proc.h"
#include "net/seams.h"
#include "taskmanager/net/net.h"
#include "taskmanager/task/slot.h"

typedef struct tm tm;

typedef struct tm_options {
    const wsl_config *config;     /* table wsl_cluster_options; outlives the tm */
    wsl_seams seams;
    wsl_proc *proc;               /* what this process uses; NULL: wsl_proc_real() */
    int64_t pid;                  /* for people and supervisors */
    const char *jobmanager;       /* control address; NULL: tcp://<jobmanager.rpc.address>:<port> */
    const char *data_address;     /* where the data listener binds; NULL: tcp://<taskmanager.host>:<data.port> */
    const char *data_address_local; /* unix:// or ipc://, for peers on this host; NULL: none */
    const char *log_dir;          /* for people; may be NULL */
    /* Where print sinks write; NULL: the file <log_dir>/taskmanager-<id>.out, or nowhere without log_dir. Any slot loop. */
    wsl_status (*write_stdout)(void *arg, const char *data, size_t size);
    void *stdout_arg;
    /* There may be threads beyond those of the loops: helper threads (taskmanager.async.threads) and a lane for each task that
     * may block; see async/README.md. false (simulator): all runs on whose steps are called. */
    bool threads;
    /* Without threads: state files are written when tm_step_disk is called, not inside the slots' steps; disk_waker tells of work. */
    bool stepped_disk;
    wsl_waker disk_waker;
    wsl_waker control_waker;      /* wake the control loop and the network loop; slots: tm_slot_bind, before they start */
    wsl_waker net_waker;
    /* Descriptors of the control loop: one of each connection to the JobManager, watched while it is open. NULL: no loop. */
    void (*watch)(void *arg, int fd);
    void (*unwatch)(void *arg, int fd);
    void *watch_arg;
} tm_options;

/* taskmanager.resource-id, or "<host>-<6 hex digits>". */
const char *tm_id(const tm *t);

void tm_free(tm *t); /* after its loops have stopped */
WSL_MUST_CHECK wsl_status tm_new(const tm_options *options, tm **out_tm, wsl_error *err);
WSL_DEFINE_AUTO(tm)

int64_t tm_control_step(tm *t);
uint32_t tm_slots(const tm *t);
tm_slot *tm_get_slot(tm *t, uint32_t i);
tm_net *tm_get_net(tm *t);
/* options.stepped_disk: one piece of what waits for the disk. False: nothing waited. */
bool tm_step_disk(tm *t);

bool tm_is_registered(const tm *t);
/* Something that only a new process can mend (the JobManager speaks another version, a task does not react to cancel);
 * NULL: nothing. */
const char *tm_fatal(const tm *t);
/* Tells the JobManager that we go; the loops are stopped by the caller. */
void tm_say_goodbye(tm *t, const char *reason);
