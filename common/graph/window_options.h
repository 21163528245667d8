/*
 * window_options - a wsl_windowing as options of an operator, and back, and what is checked about it: numbers when they
 * are read, functions and fields when the input is known.
 *
 * Who checks: the API when a job is built, the graph's type check (with the functions of the job's library), the
 * TaskManager when it opens the operator.
 *
 * Threads: any.
 */
#pragma once
#include <wiesel/config.h>
#include <wiesel/window.h>

#include "job_graph.pb-c.h"
#include "plugin/plugin.h"

extern const wsl_option wsl_window_options[];

/* The functions of a window operator, by role. Those that are not there are NULL. */
typedef struct wsl_window_functions {
    const wsl_function *reduce;
    const wsl_function *aggregate;
    const wsl_function *window;
    const wsl_function *trigger;
    const wsl_function *evictor;
    const wsl_function *gap;
    const wsl_function *pair; /* two inputs: the operator's own function, a WSL_JOIN or WSL_CO_GROUP */
} wsl_window_functions;

/* Adds options for all that is not at its default. select: NULL, or the aggregate list. */
void wsl_window_to_options(const wsl_windowing *windows, const char *select, Wsl__Pb__Operator *op);

/* Names the functions by role in op->functions. */
void wsl_window_name_functions(const wsl_window_functions *functions, Wsl__Pb__Operator *op);

/* Reads them again; texts are the configuration's, functions stay NULL. *out_select: the aggregate list, NULL if there
 * is none. Checks numbers and combinations. */
WSL_MUST_CHECK wsl_status wsl_window_from_config(const wsl_config *config, wsl_windowing *out_windows,
                                                 const char **out_select, wsl_error *err);

/* The same checks for a windowing that was not read from options. */
WSL_MUST_CHECK wsl_status wsl_window_check(const wsl_windowing *windows, wsl_error *err);

/* Puts the functions for which a role is named into windows->...function and checks that all fits: kinds, inputs and
 * outputs, merging for sessions, fields. *out_schema: what the operator gives, to be freed by the caller. keys: fields
 * of the key; none for a window over all rows. */
WSL_MUST_CHECK wsl_status wsl_window_check_types(wsl_windowing *windows, const char *select,
                                                 const wsl_window_functions *functions, const wsl_schema *input,
                                                 const char *const *keys, uint32_t n_keys, wsl_schema **out_schema,
                                                 wsl_error *err);

/* Where to put the function of that role; NULL: it is no role of windows. */
const wsl_function **wsl_window_function_at(wsl_window_functions *functions, const char *role);

/* All of the above for an operator of a graph. Adds the side output of late rows if the operator does not have it yet.
 * *out_schema is NULL if that depends on functions and there is no library (plugin NULL) to look at. */
WSL_MUST_CHECK wsl_status wsl_window_check_operator(Wsl__Pb__Operator *op, const wsl_config *config,
                                                    const wsl_plugin *plugin, const wsl_schema *input,
                                                    const char *const *keys, uint32_t n_keys, wsl_schema **out_schema,
                                                    wsl_error *err);
