/*
 * cluster_options - THE tables of configuration: what wiesel.yaml and -D may say. Keys, defaults and units are Flink's
 * where the thing is the same.
 *
 *     wsl_cluster_options   one process or the cluster as a whole: addresses, slots, memory, logs
 *     wsl_job_options       what a job may set for itself (`wiesel run -D`, "config" of a JSON graph, wsl_env_set)
 *
 * A process' configuration is made of both tables: its file gives cluster options and the defaults of jobs. A job's
 * configuration is made of wsl_job_options alone, so that a job cannot move a port; wsl_config_copy_set lays the
 * cluster's defaults under it.
 *
 * Parser, range check, `--help` and the reference in the documentation read these tables (option_doc.h).
 *
 * Threads: any, constants.
 */
#pragma once
#include <wiesel/config.h>

extern const wsl_option wsl_cluster_options[];
extern const wsl_option wsl_job_options[];

/* All at their defaults: the configuration of a JobManager, TaskManager or client before its file and -D are read. */
wsl_config *wsl_cluster_config_new(void);
