/*
 * cmd_wait - `wiesel wait`: returns as soon as the cluster answers and its TaskManagers are there. start-cluster.sh
 * ends with it.
 */
#include <poll.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#include "cli/cmd.h"

enum { PAUSE_MS = 2 };

typedef struct overview {
    int64_t taskmanagers, slots;
} overview;

static wsl_status ask(cli *c, overview *out, wsl_error *err)
{
    json_t *answer = NULL;

    WSL_TRY(cli_rest_call(c->rest, "GET", "/overview", NULL, &answer, err));
    out->taskmanagers = json_integer_value(json_object_get(answer, "taskmanagers"));
    out->slots = json_integer_value(json_object_get(answer, "slots-total"));
    json_decref(answer);
    return WSL_OK;
}

/* A descriptor that becomes readable when the process has ended, also if nobody has waited for it; -1: none. */
static int watch_process(uint64_t pid) { return pid != 0 ? (int)syscall(SYS_pidfd_open, (pid_t)pid, 0) : -1; }

static bool is_gone(uint64_t pid, int pid_fd)
{
    struct pollfd p = {.fd = pid_fd, .events = POLLIN};

    return pid != 0 && (pid_fd < 0 || poll(&p, 1, 0) > 0);
}

static void pause_briefly(void)
{
    const struct timespec pause = {.tv_nsec = PAUSE_MS * WSL_NS_PER_MS};

    (void)nanosleep(&pause, NULL);
}

static wsl_status give_up(const cli *c, const overview *seen, bool answered, wsl_error *err)
{
    if (!answered) {
        return wsl_fail_prefix(err, WSL_UNREACHABLE, "waited %llu ms", (unsigned long long)c->args.timeout_ms);
    }
    return wsl_fail(
        err, WSL_TIMEOUT,
        "waited %llu ms: there are %lld TaskManagers with %lld slots, wanted were %llu with %llu; the logs of the "
        "missing ones say why",
        (unsigned long long)c->args.timeout_ms, (long long)seen->taskmanagers, (long long)seen->slots,
        (unsigned long long)c->args.taskmanagers, (unsigned long long)c->args.slots);
}

static wsl_status wait_for_cluster(cli *c, overview *seen, wsl_error *err)
{
    const int64_t until = wsl_now_ns(c->clock) + (int64_t)c->args.timeout_ms * WSL_NS_PER_MS;
    const int pid_fd = watch_process(c->args.pid);
    wsl_status status;

    for (;;) {
        status = ask(c, seen, err);
        if ((status == WSL_OK && seen->taskmanagers >= (int64_t)c->args.taskmanagers &&
             seen->slots >= (int64_t)c->args.slots) ||
            (status != WSL_OK && status != WSL_UNREACHABLE)) {
            break;
        }
        if (is_gone(c->args.pid, pid_fd)) {
            status = wsl_fail(err, WSL_UNREACHABLE, "the cluster ended before it was ready");
            break;
        }
        if (wsl_now_ns(c->clock) >= until) {
            status = give_up(c, seen, status == WSL_OK, err);
            break;
        }
        pause_briefly();
    }
    if (pid_fd >= 0) {
        (void)close(pid_fd);
    }
    return status;
}

wsl_status cmd_wait(cli *c, int *out_exit, wsl_error *err)
{
    overview seen = {0};

    (void)out_exit;
    WSL_TRY(cli_connect(c, err));
    WSL_TRY(wait_for_cluster(c, &seen, err));
    if (c->args.json) {
        cli_print_json(c, json_pack("{s:s, s:I, s:I}", "address", cli_rest_address(c->rest), "taskmanagers",
                                    (json_int_t)seen.taskmanagers, "slots", (json_int_t)seen.slots));
    } else {
        (void)fprintf(c->out, "%lld TaskManager%s with %lld slots at %s\n", (long long)seen.taskmanagers,
                      seen.taskmanagers == 1 ? "" : "s", (long long)seen.slots, cli_rest_address(c->rest));
    }
    return WSL_OK;
}
