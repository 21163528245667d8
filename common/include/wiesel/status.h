/*
 * status - how every Wiesel function says what happened.
 *
 * A function returns a wsl_status. Functions off the per-record path also take a
 * wsl_error as their last argument and put one sentence for a human in it. WSL_AGAIN
 * and WSL_END are ordinary answers, not failures.
 *
 * Threads: any. Ownership: a wsl_error is plain memory of the caller, nothing to free.
 */
#pragma once
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#include <wiesel/macros.h>

/* clang-format off */
#define WSL_STATUS_LIST(X)                                                          \
    X(OK,          "ok")                                                            \
    X(AGAIN,       "nothing to do now, ask again later")                            \
    X(END,         "end of data")                                                   \
    X(INVALID,     "an argument or option is not acceptable")                       \
    X(FORMAT,      "bytes are not in the expected format")                          \
    X(TYPE,        "types do not fit together")                                     \
    X(NOT_FOUND,   "no such thing")                                                 \
    X(EXISTS,      "already there")                                                 \
    X(IO,          "input or output failed")                                        \
    X(NO_SPACE,    "no space left on the device")                                   \
    X(TIMEOUT,     "took too long")                                                 \
    X(UNREACHABLE, "the peer cannot be reached")                                    \
    X(REFUSED,     "the peer refused")                                              \
    X(CANCELED,    "canceled")                                                      \
    X(TOO_LARGE,   "larger than the configured maximum")                            \
    X(NO_RESOURCE, "a configured budget is used up")                                \
    X(STATE,       "not possible in the current state")                             \
    X(USER,        "user code failed")                                              \
    X(UNSUPPORTED, "not supported")                                                 \
    X(INTERNAL,    "a bug in Wiesel")                                                  \
    X(CORRUPT,     "stored bytes are damaged")
/* clang-format on */

typedef enum wsl_status {
#define WSL_STATUS_ENUM(name, text) WSL_##name,
    WSL_STATUS_LIST(WSL_STATUS_ENUM)
#undef WSL_STATUS_ENUM
} wsl_status;

enum { WSL_ERROR_TEXT_MAX = 1024 };

typedef struct wsl_error {
    wsl_status status;
    bool retriable; /* restarting the job may help (a lost peer); a bug or bad input will not go away */
    char text[WSL_ERROR_TEXT_MAX];
} wsl_error;

/* The name in capitals without prefix, "NOT_FOUND"; "UNKNOWN" for a number outside the list. */
const char *wsl_status_name(wsl_status status);

/* What the status means, in a few words. */
const char *wsl_status_text(wsl_status status);

/* Fills err (which may be NULL) and returns status, so that a caller can write `return wsl_fail(...)`. */
wsl_status wsl_fail(wsl_error *err, wsl_status status, const char *format, ...) WSL_PRINTF(3, 4);
wsl_status wsl_vfail(wsl_error *err, wsl_status status, const char *format, va_list args) WSL_PRINTF(3, 0);

/* Puts "text: " before what err already says and returns err's status (`status` if err is NULL). */
wsl_status wsl_fail_prefix(wsl_error *err, wsl_status status, const char *format, ...) WSL_PRINTF(3, 4);
