/*
 * error - a wsl_error that is made for every batch, frame or row.
 *
 * Threads: any.
 */
#pragma once
#include <wiesel/status.h>

/* No error; instead of `= {0}`, which would zero the kilobyte of its text. */
static inline void wsl_error_none(wsl_error *err)
{
    err->status = WSL_OK;
    err->retriable = false;
    err->text[0] = '\0';
}
