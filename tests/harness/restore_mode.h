/*
 * restore_mode - are operators in harnesses taken away and restored after each step (taskmanager/ops/harness_steps.c)?
 *
 * Tests of what is no state (ctx->local, how often a function's open or .snapshot is called) make no sense then.
 */
#pragma once
#include <stdbool.h>
#include <stdlib.h>

static inline bool restores_each_step(void) { return getenv("WIESEL_HARNESS_RESTORE") != NULL; }
