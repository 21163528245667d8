/*
 * env - the job that is being built: its entry point, its arguments, its settings.
 *
 *     #include <wiesel/wiesel.h>
 *
 *     WSL_JOB(env, args)
 *     {
 *         wsl_env_set_name(env, "wordcount");
 *         wsl_stream *lines = wsl_from_socket(env, "lines", wsl_arg(args, "host", "127.0.0.1"), wsl_arg_int(args, "port", 9999));
 *         ...
 *         return WSL_OK;
 *     }
 *
 * compiled with -shared -fPIC is a job: `wiesel run job.so -- --port 9998`. The entry point only describes the job; it runs
 * in the client (and for `wiesel info`), never where rows flow.
 *
 * Errors: the environment keeps the first one, with the operator's name; every later call does nothing and returns something
 * harmless, so job code needs no checks. The job is refused with that error after the entry point has returned. A status
 * other than WSL_OK returned by the entry point refuses the job as well; wsl_env_fail gives it words.
 *
 * Ownership: environment, arguments and streams belong to Wiesel and live until the job is built. Texts and rows handed in
 * are copied.
 *
 * Threads: the one that calls the entry point.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <wiesel/macros.h>
#include <wiesel/status.h>
#include <wiesel/version.h>

typedef struct wsl_env wsl_env;
typedef struct wsl_args wsl_args;

/* Defines the entry point; once in a library. A body in braces follows. */
#define WSL_JOB(env_name, args_name)                                                               \
    extern const uint32_t wiesel_abi_version;                                                      \
    WSL_EXPORT const uint32_t wiesel_abi_version = WSL_ABI_VERSION;                                \
    WSL_EXPORT wsl_status wiesel_job_main(wsl_env *env_name, const wsl_args *args_name);           \
    wsl_status wiesel_job_main(__attribute__((unused)) wsl_env *env_name,                          \
                               __attribute__((unused)) const wsl_args *args_name)

/* ---- settings of the whole job; what is given at submission (-p, --name, -D) goes before what is set here ---- */

void wsl_env_set_name(wsl_env *env, const char *name);
void wsl_env_set_parallelism(wsl_env *env, uint32_t parallelism);         /* of operators that do not set their own */
void wsl_env_set_max_parallelism(wsl_env *env, uint32_t max_parallelism); /* number of key groups */
void wsl_env_disable_chaining(wsl_env *env);
/* Any job option: wsl_env_set(env, "watermark.emit", "per-record"). */
void wsl_env_set(wsl_env *env, const char *key, const char *value);

/* Refuses the job with this sentence, unless it is refused already. Returns WSL_INVALID, or the earlier status. */
wsl_status wsl_env_fail(wsl_env *env, const char *format, ...) WSL_PRINTF(2, 3);
/* WSL_OK as long as nothing was wrong. */
wsl_status wsl_env_status(const wsl_env *env);

/* ---- arguments: what follows `--` on the command line, as `--name value`, `--name=value`, or `--name` for a flag ---- */

/* The value, or `otherwise` (which may be NULL). */
const char *wsl_arg(const wsl_args *args, const char *name, const char *otherwise);
/* Not a number: the job is refused. */
int64_t wsl_arg_int(const wsl_args *args, const char *name, int64_t otherwise);
double wsl_arg_double(const wsl_args *args, const char *name, double otherwise);
/* "15s", "200 ms", "5 min", "1h"; a number alone is milliseconds. The result is in milliseconds. */
int64_t wsl_arg_duration(const wsl_args *args, const char *name, int64_t otherwise_ms);
/* Given without a value or as true/yes/1; false/no/0 is false. */
bool wsl_arg_flag(const wsl_args *args, const char *name);
/* Missing: the job is refused, and "" returned. */
const char *wsl_arg_required(const wsl_args *args, const char *name);

/* The arguments as they came, for jobs that read them by themselves. An argument that nothing asked for is an error (most
 * often it is mistyped), unless wsl_args_at was used. */
uint32_t wsl_args_count(const wsl_args *args);
const char *wsl_args_at(const wsl_args *args, uint32_t i);
