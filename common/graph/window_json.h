/*
 * window_json - the "window" of an operator of a job in JSON, as options of the operator.
 *
 *     {"tumbling": "30 s", "lateness": "15 s", "late": "late-trades"}
 *     {"sliding": "1 h", "slide": "1 min", "offset": "15 min", "time": "processing"}
 *     {"session": "10 min"}      {"count": 100, "slide": 10}      {"global": true, "trigger": "count", "trigger-count":
 * 5}
 *
 * Further keys are options of window_options.h by their names.
 *
 * Threads: any.
 */
#pragma once
#include <jansson.h>

#include <wiesel/status.h>

#include "job_graph.pb-c.h"

/* place: for messages, "operators[2].window". Values are checked later, with the options. */
WSL_MUST_CHECK wsl_status wsl_window_from_json(const json_t *window, const char *place, Wsl__Pb__Operator *op,
                                               wsl_error *err);
