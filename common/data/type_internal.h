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

/* Can a field written with one type be read as another? WSL_TYPE, with the field's name. */
WSL_MUST_CHECK wsl_status wsl_type_check_readable(const char *name, const wsl_type *from, const wsl_type *to, wsl_error *err);

/* A deep copy; free its parts with wsl_type_clear. */
wsl_type wsl_type_copy(const wsl_type *type);
