/*
 * operator_options - the option tables of the operator kinds, and the checked configuration of one operator.
 *
 * What the options mean is in README.md, "Operator kinds".
 *
 * Threads: tables are constants; a configuration belongs to whoever made it.
 */
#pragma once
#include <wiesel/config.h>
#include <wiesel/connector.h>

#include "job_graph.pb-c.h"
#include "plugin/plugin.h"

extern const wsl_option wsl_source_options[]; /* on-error; of sources with a format */
extern const wsl_option wsl_function_options[]; /* on-error; of functions that are called row by row */
extern const wsl_option wsl_where_options[];
extern const wsl_option wsl_select_options[];
extern const wsl_option wsl_aggregate_options[];
extern const wsl_option wsl_split_options[];
extern const wsl_option wsl_watermarks_options[];
extern const wsl_option wsl_interval_join_options[];
extern const wsl_option wsl_async_operator_options[];

enum { WSL_OPERATOR_OPTION_TABLES_MAX = 4 };

/* Both bounds inclusive, in milliseconds; lower <= upper. */
typedef struct wsl_interval {
    int64_t lower;
    int64_t upper;
} wsl_interval;

/* What the options of an interval_join say. WSL_INVALID: nothing can lie in it. */
WSL_MUST_CHECK wsl_status wsl_interval_of(const wsl_config *config, wsl_interval *out, wsl_error *err);

/* The tables that hold for operators of this connector; returns how many. */
uint32_t wsl_source_option_tables(const wsl_source_class *cls,
                                  const wsl_option *out_tables[WSL_OPERATOR_OPTION_TABLES_MAX]);
uint32_t wsl_sink_option_tables(const wsl_sink_class *cls,
                                const wsl_option *out_tables[WSL_OPERATOR_OPTION_TABLES_MAX]);

/* Built-in, else the plugin's (which may be NULL). NULL, with a sentence that lists what there is. */
const wsl_source_class *wsl_find_source(const wsl_plugin *plugin, const char *name, wsl_error *err);
const wsl_sink_class *wsl_find_sink(const wsl_plugin *plugin, const char *name, wsl_error *err);

/* The operator's options, checked and with defaults. Errors name the operator. plugin: NULL if the job has no library.
 */
WSL_MUST_CHECK wsl_status wsl_operator_config_new(const Wsl__Pb__Operator *op, const wsl_plugin *plugin,
                                                  wsl_config **out_config, wsl_error *err);
