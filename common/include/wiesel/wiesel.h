/*
 * wiesel - all a job needs: #include <wiesel/wiesel.h>.
 *
 *     env.h       the entry point WSL_JOB, arguments, job settings
 *     stream.h    sources, transformations, partitioners, sinks
 *     time.h      timestamps and watermarks
 *     window.h    windows, triggers, evictors
 *     connect.h   two inputs: co-process, broadcast, joins
 *     async.h     asking others without waiting
 *     row.h       declaring rows, reading and building them
 *     function.h  user functions;  context.h  what they may call;  state.h  keyed state and timers
 *     connector.h sources and sinks of your own;  config.h  their options
 */
#pragma once
#include <wiesel/async.h>
#include <wiesel/bad_record.h>
#include <wiesel/config.h>
#include <wiesel/connect.h>
#include <wiesel/connector.h>
#include <wiesel/context.h>
#include <wiesel/env.h>
#include <wiesel/function.h>
#include <wiesel/macros.h>
#include <wiesel/poison_row.h>
#include <wiesel/row.h>
#include <wiesel/state.h>
#include <wiesel/status.h>
#include <wiesel/stream.h>
#include <wiesel/time.h>
#include <wiesel/type.h>
#include <wiesel/version.h>
#include <wiesel/window.h>
