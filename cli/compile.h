/*
 * compile - from job.c to job.so, with the C compiler of this machine and the headers of this Wiesel.
 *
 * Results are kept in a cache directory under the hash of source, compiler, flags and headers' place; a result is used
 * again while none of the headers that it read is newer. The compiler's messages go to the standard error output.
 *
 * A source says which libraries it needs in lines of its own, before its first line of code or anywhere else:
 *
 *     // wiesel: -lcurl
 *
 * The words are flags for the compiler, after the source; -l, -L, -I, -D and -pthread can be said that way.
 *
 * Threads: one.
 */
#pragma once
#include <wiesel/macros.h>
#include <wiesel/status.h>

#include "base/clock.h"
#include "base/fs.h"

typedef struct cli_compiler {
    wsl_fs *fs;
    const char *self;      /* path of the running program, from which the headers are found */
    const char *headers;   /* where else they may be: the source tree this was built from; may be NULL */
    const char *cc;        /* $CC, or cc */
    const char *cflags;    /* $CFLAGS, may be NULL: split at blanks, after our own */
    const char *cache_dir; /* made if missing */
} cli_compiler;

/* *out_library: malloc'ed path. WSL_NOT_FOUND: no such source, no headers or no compiler; WSL_INVALID: does not
 * compile. */
WSL_MUST_CHECK wsl_status cli_compile(const cli_compiler *compiler, const char *source, char **out_library,
                                      wsl_error *err);

/* Where <wiesel/wiesel.h> and the others are: ../include of an installation, common/include of the source tree around a
 * build directory, or `otherwise` (may be NULL). malloc'ed; NULL with a sentence if none is there. */
char *cli_find_headers(wsl_fs *fs, const char *self, const char *otherwise, wsl_error *err);

/* $XDG_CACHE_HOME/wiesel, ~/.cache/wiesel, /tmp/wiesel-cache-<uid>; malloc'ed. */
char *cli_cache_dir(void);
