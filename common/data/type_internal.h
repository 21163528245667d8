/*
 * type_internal - what the data rooms need of types beyond the public header.
 *
 * Threads: any.
 */
#pragma once
#include <wiesel/type.h>

enum { WSL_TYPE_TEXT_MAX = 256 << 10 };

/* "INT64", without precision and parts. "UNKNOWN" for a number outside the list. */
const char *wsl_type_name(wsl_type_id id);

/* A deep copy; free its parts with wsl_type_clear. */
wsl_type wsl_type_copy(const wsl_type *type);
