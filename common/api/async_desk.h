/*
 * async_desk - where the answers to the requests of one async operator arrive, and what a wsl_async * is.
 *
 *     operator --issue(place)--> handle --> any thread: complete, fail --> mailbox --take--> operator
 *         `----revoke(place)--> the handle is worth nothing from now on
 *
 * A handle is no pointer but three numbers: which desk, which place at it, and a generation that no request of that
 * desk's number has had before (2^28 of them go by before one comes again). So it can be judged at any time: while the
 * request is open, after it was answered, after the operator is gone, even after all of the TaskManager is. That takes
 * a table which belongs to no object, the only one of its kind; all else about a desk is the operator's.
 *
 * At most one answer is taken for each handle: the thread that changes the place's open generation to 0 has it.
 *
 * Threads: new, issue, revoke, take and free on the operator's; answers from any.
 */
#pragma once
#include <wiesel/async.h>

#include "base/mailbox.h"

typedef struct wsl_async_desk wsl_async_desk;

enum { WSL_ASYNC_PLACES_MAX = 1 << 20, WSL_ASYNC_DESKS_MAX = 1 << 16, WSL_ASYNC_ANSWER_MAX = 1 << 30 };

/* One answer; free with free(). */
typedef struct wsl_async_answer {
    wsl_letter letter; /* first */
    uint32_t place;
    uint32_t n_rows;
    uint32_t size; /* of data */
    bool failed;
    _Alignas(8) uint8_t data[]; /* n_rows rows one behind the other; failed: the text, ended by 0 */
} wsl_async_answer;

typedef struct wsl_async_desk_options {
    uint32_t places; /* requests open at once; at most WSL_ASYNC_PLACES_MAX */
    wsl_waker waker; /* of the operator: an answer has come */
    /* What wsl_async_run is to do with an open request; on the operator's thread. */
    wsl_status (*run)(void *arg, uint32_t place, wsl_async *request, wsl_async_work work);
    void *arg;
} wsl_async_desk_options;

/* When it returns no thread is inside any more, and none will come; answers that were not taken are dropped. */
void wsl_async_desk_free(wsl_async_desk *desk);
/* WSL_NO_RESOURCE: there are WSL_ASYNC_DESKS_MAX desks in this process. */
WSL_MUST_CHECK wsl_status wsl_async_desk_new(const wsl_async_desk_options *options, wsl_async_desk **out_desk,
                                             wsl_error *err);
WSL_DEFINE_AUTO(wsl_async_desk)

/* A handle for the request at that place, which has none that is open. */
wsl_async *wsl_async_desk_issue(wsl_async_desk *desk, uint32_t place);
/* False: too late, an answer is under way or has come. */
bool wsl_async_desk_revoke(wsl_async_desk *desk, uint32_t place);
bool wsl_async_desk_is_open(const wsl_async_desk *desk, uint32_t place);
/* Answers in the order they came, as letters that are the first member of a wsl_async_answer. NULL: none. */
wsl_letter *wsl_async_desk_take(wsl_async_desk *desk);
