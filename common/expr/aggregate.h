/*
 * aggregate - rolling aggregates over the rows of one key: `symbol, SUM(delta) AS net, COUNT(*) AS n`.
 *
 * Items of the list are key fields, and SUM, COUNT, MIN, MAX, AVG of expressions over the input, each with an optional AS.
 *
 * Threads: compile anywhere; one subtask runs it.
 */
#pragma once
#include <wiesel/status.h>
#include <wiesel/type.h>

typedef struct wsl_aggregate wsl_aggregate;

void wsl_aggregate_free(wsl_aggregate *aggregate);
WSL_DEFINE_AUTO(wsl_aggregate)

/* keys: the fields the stream is keyed by. */
WSL_MUST_CHECK wsl_status wsl_aggregate_new(const char *text, const wsl_schema *input, const char *const *keys,
                                            uint32_t n_keys, wsl_aggregate **out_aggregate, wsl_error *err);
/* The type of the rows it emits; owned by the aggregate. */
const wsl_schema *wsl_aggregate_schema(const wsl_aggregate *aggregate);
