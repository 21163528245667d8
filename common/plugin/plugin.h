/*
 * plugin - a job library: a shared object with a job's functions, its own connectors, and the entry point that builds
 * the graph (WSL_JOB in <wiesel/env.h>).
 *
 * Before anything of a library runs its bytes are inspected (elf.h): a file that is no shared object, is for another
 * kind of machine, has no `wiesel_abi_version`, or another number in it is refused with a sentence that says what to
 * do. Only then it is opened, with all symbols resolved at once and none given to other libraries.
 *
 * Threads: open and free anywhere; lookups from any thread. Functions and connectors found live as long as the plugin.
 */
#pragma once
#include <wiesel/connector.h>
#include <wiesel/function.h>
#include <wiesel/macros.h>
#include <wiesel/status.h>

#include "base/fs.h"

typedef struct wsl_plugin wsl_plugin;
struct wsl_env;
struct wsl_args;

typedef wsl_status (*wsl_job_entry)(struct wsl_env *env, const struct wsl_args *args);

enum {
    WSL_PLUGIN_SIZE_MAX = 256 << 20,
    WSL_SYMBOL_NAME_MAX = 255,
};
#define WSL_ABI_SYMBOL "wiesel_abi_version"
#define WSL_JOB_ENTRY_SYMBOL "wiesel_job_main"

void wsl_plugin_free(wsl_plugin *plugin); /* unloads it: nothing of it may be in use */
/* The file is opened by the system's loader; `fs` is used to look at it first. */
WSL_MUST_CHECK wsl_status wsl_plugin_open(wsl_fs *fs, const char *path, wsl_plugin **out_plugin, wsl_error *err);
WSL_DEFINE_AUTO(wsl_plugin)

const char *wsl_plugin_path(const wsl_plugin *plugin);
/* Hash of the file's bytes, as 32 hex digits: the artifact's name in job graphs and transfers. */
const char *wsl_plugin_hash(const wsl_plugin *plugin);

/* The function exported as `symbol`; NULL, with the reason in err, if there is none, or it is of another kind or ABI.
 */
const wsl_function *wsl_plugin_function(const wsl_plugin *plugin, const char *symbol, wsl_function_kind kind,
                                        wsl_error *err);
/* Connectors the library exports (WSL_SOURCE_CONNECTOR, WSL_SINK_CONNECTOR); NULL if it has none of that name. */
const wsl_source_class *wsl_plugin_source(const wsl_plugin *plugin, const char *name);
const wsl_sink_class *wsl_plugin_sink(const wsl_plugin *plugin, const char *name);
/* NULL, with the reason in err, if the library has functions but no WSL_JOB. */
wsl_job_entry wsl_plugin_entry(const wsl_plugin *plugin, wsl_error *err);

const char *wsl_function_kind_text(wsl_function_kind kind); /* "WSL_PROCESS" */
