/*
 * tm_run - see tm_run.h.
 *
 * With one slot, network and slot share a thread unless taskmanager.network.thread says otherwise: a buffer then goes from
 * operator to socket without a wake-up.
 *
 * The loops are made first, so that their wakers can be handed to the TaskManager; each steps through the run, which knows
 * the TaskManager once it is made.
 */
#include "taskmanager/tm_run.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

typedef struct slot_thread {
    struct tm_run *run;
    tm_slot *slot;
    wsl_loop *loop;
} slot_thread;

struct tm_run {
    tm *tm;
    wsl_loop *control;
    wsl_loop *net; /* NULL: the first slot's loop steps the network too */
    slot_thread *slots;
    uint32_t n_slots;
    _Atomic(bool) registered;
    _Atomic(bool) fatal;
    wsl_waker on_fatal;
};

static int64_t control_step(void *arg)
{
    tm_run *r = arg;
    const int64_t deadline = tm_control_step(r->tm);
    atomic_store(&r->registered, tm_is_registered(r->tm));
    if (tm_fatal(r->tm) != NULL && !atomic_exchange(&r->fatal, true)) {
        wsl_wake(&r->on_fatal);
    }
    return deadline;
}

static void control_watch(void *arg, int fd) { wsl_loop_watch(((tm_run *)arg)->control, fd); }
static void control_unwatch(void *arg, int fd) { wsl_loop_unwatch(((tm_run *)arg)->control, fd); }

static int64_t net_step(void *arg) { return tm_net_step(tm_get_net(((tm_run *)arg)->tm)); }

static bool net_rest(void *arg) { return tm_net_rest(tm_get_net(((tm_run *)arg)->tm)); }
static bool slot_and_net_rest(void *arg) { return net_rest(((slot_thread *)arg)->run); }

static int64_t slot_step(void *arg) { return tm_slot_step(((slot_thread *)arg)->slot); }

/*
 * What the network takes in, the slot works on; what the slot makes of it goes out, in one step. Each wakes the loop for the
 * other; rearm forgets that, since the network's second half comes after it, and mail for the slot is looked for.
 */
static int64_t slot_and_net_step(void *arg)
{
    const slot_thread *s = arg;
    tm_net *net = tm_get_net(s->run->tm);
    tm_net_take(net);
    const int64_t slot = tm_slot_step(s->slot);
    wsl_loop_rearm(s->loop);
    const int64_t give = tm_net_give(net);
    if (tm_slot_has_mail(s->slot)) {
        return 0;
    }
    return give < slot ? give : slot;
}

static bool shares_thread(const wsl_config *config)
{
    const char *how = wsl_config_str(config, "taskmanager.network.thread");
    return strcmp(how, "slot") == 0 ||
           (strcmp(how, "auto") == 0 && wsl_config_int(config, "taskmanager.numberOfTaskSlots") == 1);
}

static void slot_watch(void *arg, int fd) { wsl_loop_watch(((slot_thread *)arg)->loop, fd); }
static void slot_unwatch(void *arg, int fd) { wsl_loop_unwatch(((slot_thread *)arg)->loop, fd); }

static wsl_status start_loops(tm_run *r, wsl_error *err)
{
    for (uint32_t i = 0; i < r->n_slots; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "slot-%u", i);
        WSL_TRY(wsl_loop_start(r->slots[i].loop, name, err));
    }
    if (r->net != NULL) {
        WSL_TRY(wsl_loop_start(r->net, "net", err));
    }
    return wsl_loop_start(r->control, "control", err);
}

static void make_loops(tm_run *r, const wsl_config *config, wsl_clock *clock)
{
    const uint32_t spin = (uint32_t)wsl_config_int(config, "taskmanager.loop.spin");
    const int64_t nap_ns = wsl_config_duration_ns(config, "taskmanager.loop.nap");
    const bool shared = shares_thread(config);
    r->control = wsl_loop_new(clock, control_step, r, 0);
    r->net = shared ? NULL : wsl_loop_new(clock, net_step, r, spin);
    if (r->net != NULL) {
        wsl_loop_set_rest(r->net, net_rest);
    }
    r->n_slots = (uint32_t)wsl_config_int(config, "taskmanager.numberOfTaskSlots");
    r->slots = wsl_calloc(r->n_slots, sizeof *r->slots);
    for (uint32_t i = 0; i < r->n_slots; i++) {
        r->slots[i].run = r;
        r->slots[i].loop =
            wsl_loop_new(clock, shared && i == 0 ? slot_and_net_step : slot_step, &r->slots[i], spin);
        wsl_loop_set_nap(r->slots[i].loop, nap_ns);
        if (shared && i == 0) {
            wsl_loop_set_rest(r->slots[i].loop, slot_and_net_rest);
        }
    }
}

wsl_status tm_run_start(const tm_options *options, tm_run **out_run, wsl_error *err)
{
    tm_run *r = wsl_zalloc(sizeof *r);
    make_loops(r, options->config, options->seams.clock);
    wsl_loop *net_loop = r->net != NULL ? r->net : r->slots[0].loop;
    tm_options with_wakers = *options;
    with_wakers.threads = true;
    with_wakers.control_waker = wsl_loop_waker(r->control);
    with_wakers.net_waker = wsl_loop_waker(net_loop);
    with_wakers.watch = control_watch;
    with_wakers.unwatch = control_unwatch;
    with_wakers.watch_arg = r;
    wsl_status status = tm_new(&with_wakers, &r->tm, err);
    if (status == WSL_OK) {
        int fd = -1;
        if (tm_net_fds(tm_get_net(r->tm), &fd, 1) == 1) {
            wsl_loop_watch(net_loop, fd);
        }
        for (uint32_t i = 0; i < r->n_slots; i++) {
            slot_thread *s = &r->slots[i];
            s->slot = tm_get_slot(r->tm, i);
            tm_slot_bind(s->slot, wsl_loop_waker(s->loop), slot_watch, slot_unwatch, s);
        }
        status = start_loops(r, err);
    }
    if (status != WSL_OK) {
        tm_run_stop(r);
        return status;
    }
    *out_run = r;
    return WSL_OK;
}

void tm_run_stop(tm_run *r)
{
    if (r == NULL) {
        return;
    }
    wsl_loop_stop(r->control);
    for (uint32_t i = 0; i < r->n_slots; i++) {
        wsl_loop_stop(r->slots[i].loop);
    }
    if (r->net != NULL) {
        wsl_loop_stop(r->net);
    }
    if (r->tm != NULL) {
        tm_say_goodbye(r->tm, "it was stopped");
        tm_free(r->tm);
    }
    for (uint32_t i = 0; i < r->n_slots; i++) {
        wsl_loop_free(r->slots[i].loop);
    }
    wsl_loop_free(r->control);
    wsl_loop_free(r->net);
    free(r->slots);
    free(r);
}

tm *tm_run_tm(tm_run *r) { return r->tm; }
const char *tm_run_fatal(tm_run *r) { return atomic_load(&r->fatal) ? tm_fatal(r->tm) : NULL; }
void tm_run_on_fatal(tm_run *r, wsl_waker notify) { r->on_fatal = notify; }
bool tm_run_is_registered(tm_run *r) { return atomic_load(&r->registered); }
