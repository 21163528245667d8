/*
 * sim_cluster - see sim_cluster.h.
 */
#include "sim_cluster.h"

#include "library_fs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/cluster_options.h"
#include "base/fs_mem.h"
#include "base/proc.h"
#include "taskmanager/tm.h"

enum { TASK_MANAGERS_MAX = 8, SLOTS_MAX = 8, ACTORS_MAX = 1 + TASK_MANAGERS_MAX * (2 + SLOTS_MAX) };
enum { IDLE_STEPS_MAX = 20000000 }; /* steps of one run; more means that somebody never sleeps */

typedef struct sim_actor {
    int64_t (*step)(void *self);
    void *self;
    int64_t deadline_ns;
    bool woken;
} sim_actor;

typedef struct sim_tm {
    tm *tm;          /* NULL: dead */
    int64_t back_ns; /* when it starts again */
    uint32_t lives;
    wsl_transport *transport;
    wsl_rng rng;
    sim_actor *actors; /* control, network, slots */
} sim_tm;

struct sim_cluster {
    sim_cluster_options options;
    wsl_manual_clock clock;
    wsl_rng rng;      /* of the simulator's own choices */
    wsl_rng seam_rng; /* of the JobManager */
    wsl_config *config;
    wsl_mem_fs *fs;
    library_fs libraries; /* the same for TaskManagers, with job libraries on the disk, too */
    wsl_sim_network *network;
    wsl_transport *jm_transport;
    jm *jm;
    sim_tm tms[TASK_MANAGERS_MAX];
    sim_actor actors[ACTORS_MAX];
    uint32_t n_actors;
    uint32_t crashes;
    uint64_t steps;
    uint64_t trace;
};

/* ---- what a process would read from the machine: always the same ---- */

static void sim_proc_stats(wsl_proc *proc, wsl_proc_stats *out_stats)
{
    (void)proc;
    *out_stats = (wsl_proc_stats){.rss_bytes = 10 << 20, .cpu_ns = 1000000, .threads = 4, .open_files = 10};
}

static void sim_proc_machine(wsl_proc *proc, wsl_machine *out_machine)
{
    (void)proc;
    *out_machine = (wsl_machine){.memory_bytes = 1 << 30, .cores = 2};
    (void)snprintf(out_machine->host_name, sizeof out_machine->host_name, "simulated");
}

static wsl_proc sim_proc = {.stats = sim_proc_stats, .machine = sim_proc_machine};

static wsl_status sim_stdout(void *arg, const char *data, size_t size)
{
    (void)arg;
    (void)data;
    (void)size;
    return WSL_OK;
}

/* ---- actors ---- */

static void wake_actor(void *arg) { ((sim_actor *)arg)->woken = true; }
static wsl_waker waker_of(sim_actor *a) { return (wsl_waker){.wake = wake_actor, .arg = a}; }

static int64_t step_jm(void *self) { return jm_step(self); }
static int64_t step_control(void *self) { return tm_control_step(self); }
static int64_t step_net(void *self) { return tm_net_step(self); }
static int64_t step_slot(void *self) { return tm_slot_step(self); }

static void must(wsl_status status, const wsl_error *err)
{
    if (status != WSL_OK) {
        fprintf(stderr, "sim_cluster: %s\n", err->text);
        abort();
    }
}

static void set_actor(sim_actor *a, int64_t (*step)(void *self), void *self)
{
    *a = (sim_actor){.step = step, .self = self, .deadline_ns = WSL_NEVER, .woken = true};
}

static void start_tm(sim_cluster *c, uint32_t i)
{
    sim_tm *t = &c->tms[i];
    wsl_error err = {0};
    char data[64], host[32];
    /* Each life is a process of its own: other randomness, another address, as if the port were chosen by the system.
     */
    snprintf(host, sizeof host, "host-%u", i);
    snprintf(data, sizeof data, "sim://taskmanager-%u-%u", i, t->lives);
    if (t->transport == NULL) {
        t->transport = wsl_transport_sim_new(c->network, host);
    }
    wsl_rng_seed(&t->rng, c->options.seed * 1000 + i * 100 + t->lives++);
    const tm_options options = {
        .config = c->config,
        .seams = {.clock = &c->clock.clock, .rng = &t->rng, .fs = &c->libraries.fs, .transport = t->transport},
        .proc = &sim_proc,
        .pid = 100 + i,
        .jobmanager = "sim://jobmanager",
        .data_address = data,
        .write_stdout = sim_stdout,
        .control_waker = waker_of(&t->actors[0]),
        .net_waker = waker_of(&t->actors[1]),
    };
    must(tm_new(&options, &t->tm, &err), &err);
    set_actor(&t->actors[0], step_control, t->tm);
    set_actor(&t->actors[1], step_net, tm_get_net(t->tm));
    for (uint32_t s = 0; s < c->options.slots; s++) {
        sim_actor *a = &t->actors[2 + s];
        set_actor(a, step_slot, tm_get_slot(t->tm, s));
        tm_slot_bind(tm_get_slot(t->tm, s), waker_of(a), NULL, NULL, NULL);
    }
}

/* As SIGKILL does: sockets close, nothing is said. */
static void crash_tm(sim_cluster *c, uint32_t i)
{
    sim_tm *t = &c->tms[i];
    for (uint32_t a = 0; a < 2 + c->options.slots; a++) {
        t->actors[a] = (sim_actor){.deadline_ns = WSL_NEVER};
    }
    tm_free(t->tm);
    t->tm = NULL;
    t->back_ns = c->clock.now_ns + 1000000 + (int64_t)wsl_rng_below(&c->rng, 2000) * WSL_NS_PER_MS;
    c->crashes++;
}

/* ---- making and freeing ---- */

static void set(sim_cluster *c, const char *pair)
{
    wsl_error err = {0};
    must(wsl_config_set_pair(c->config, pair, "simulator", &err), &err);
}

static void make_config(sim_cluster *c)
{
    char slots[64];
    c->config = wsl_cluster_config_new();
    snprintf(slots, sizeof slots, "taskmanager.numberOfTaskSlots=%u", c->options.slots);
    set(c, slots);
    for (const char *const *o = c->options.overrides; o != NULL && *o != NULL; o++) {
        set(c, *o);
    }
}

static void make_network(sim_cluster *c)
{
    const wsl_sim_options options = {
        .seed = c->options.seed,
        .delay_min_ns = 20000,
        .delay_max_ns = 20000 + (int64_t)wsl_rng_below(&c->rng, 3000000),
        .slow_per_million = (uint32_t)wsl_rng_below(&c->rng, 20000),
        .slow_max_ns = 500 * WSL_NS_PER_MS,
        .cut_per_million = c->options.cut_per_million,
        .cuts_max = c->options.cuts_max,
        .notice_min_ns = 100000,
        .notice_max_ns = 300 * WSL_NS_PER_MS,
    };
    c->network = wsl_sim_network_new(&c->clock.clock, &options);
    c->jm_transport = wsl_transport_sim_new(c->network, "host-jm");
}

static void start_jm(sim_cluster *c)
{
    wsl_error err = {0};
    jm_options options = jm_options_default();
    options.listen_address = "sim://jobmanager";
    options.artifact_dir = "/artifacts";
    options.waker = waker_of(&c->actors[0]);
    wsl_rng_seed(&c->seam_rng, c->options.seed + 77);
    const wsl_seams seams = {
        .clock = &c->clock.clock, .rng = &c->seam_rng, .fs = wsl_mem_fs_seam(c->fs), .transport = c->jm_transport};
    must(jm_new(&options, &seams, &c->jm, &err), &err);
    set_actor(&c->actors[0], step_jm, c->jm);
}

sim_cluster *sim_cluster_new(const sim_cluster_options *options)
{
    WSL_ASSERT(options->task_managers <= TASK_MANAGERS_MAX && options->slots <= SLOTS_MAX);
    sim_cluster *c = wsl_zalloc(sizeof *c);
    c->options = *options;
    wsl_manual_clock_init(&c->clock, INT64_C(1700000000000));
    wsl_rng_seed(&c->rng, options->seed ^ UINT64_C(0x5151));
    c->fs = wsl_mem_fs_new(&c->clock.clock);
    library_fs_init(&c->libraries, wsl_mem_fs_seam(c->fs));
    make_config(c);
    make_network(c);
    start_jm(c);
    c->n_actors = 1;
    for (uint32_t i = 0; i < options->task_managers; i++) {
        c->tms[i].actors = &c->actors[c->n_actors];
        c->n_actors += 2 + options->slots;
        start_tm(c, i);
    }
    return c;
}

void sim_cluster_free(sim_cluster *c)
{
    for (uint32_t i = 0; i < c->options.task_managers; i++) {
        tm_free(c->tms[i].tm);
    }
    jm_free(c->jm);
    for (uint32_t i = 0; i < c->options.task_managers; i++) {
        wsl_transport_free(c->tms[i].transport);
    }
    wsl_transport_free(c->jm_transport);
    wsl_sim_network_free(c->network);
    wsl_mem_fs_free(c->fs);
    wsl_config_free(c->config);
    free(c);
}

/* ---- running ---- */

static void note(sim_cluster *c, uint64_t what)
{
    uint64_t x = c->trace ^ (what + UINT64_C(0x9E3779B97F4A7C15) + (c->trace << 6) + (c->trace >> 2));
    x ^= x >> 31;
    c->trace = x * UINT64_C(0x94D049BB133111EB);
}

/* A random actor that has something to do; NULL: none. */
static sim_actor *choose(sim_cluster *c)
{
    sim_actor *ready[ACTORS_MAX];
    uint32_t n = 0;
    for (uint32_t i = 0; i < c->n_actors; i++) {
        sim_actor *a = &c->actors[i];
        if (a->step != NULL && (a->woken || a->deadline_ns <= c->clock.now_ns)) {
            ready[n++] = a;
        }
    }
    return n == 0 ? NULL : ready[wsl_rng_below(&c->rng, n)];
}

static void step_actor(sim_cluster *c, sim_actor *a)
{
    note(c, (uint64_t)(a - c->actors) << 56 ^ (uint64_t)c->clock.now_ns);
    a->woken = false;
    a->deadline_ns = a->step(a->self);
    c->steps++;
    /* Work takes time, so that other things can happen meanwhile. */
    wsl_manual_clock_advance(&c->clock, (int64_t)wsl_rng_below(&c->rng, 20000));
}

static void maybe_crash(sim_cluster *c)
{
    if (c->crashes >= c->options.crashes_max || wsl_rng_below(&c->rng, 1000000) >= c->options.crash_per_million) {
        return;
    }
    const uint32_t i = (uint32_t)wsl_rng_below(&c->rng, c->options.task_managers);
    if (c->tms[i].tm != NULL) {
        crash_tm(c, i);
    }
}

static void restart_dead(sim_cluster *c)
{
    for (uint32_t i = 0; i < c->options.task_managers; i++) {
        if (c->tms[i].tm == NULL && c->tms[i].back_ns <= c->clock.now_ns) {
            start_tm(c, i);
        }
    }
}

static int64_t next_event(const sim_cluster *c)
{
    int64_t next_ns = wsl_sim_network_next_ns(c->network);
    for (uint32_t i = 0; i < c->n_actors; i++) {
        if (c->actors[i].deadline_ns < next_ns) {
            next_ns = c->actors[i].deadline_ns;
        }
    }
    for (uint32_t i = 0; i < c->options.task_managers; i++) {
        if (c->tms[i].tm == NULL && c->tms[i].back_ns < next_ns) {
            next_ns = c->tms[i].back_ns;
        }
    }
    return next_ns;
}

bool sim_cluster_run(sim_cluster *c, bool (*until)(void *arg), void *arg, int64_t limit_ns)
{
    const int64_t end_ns = c->clock.now_ns + limit_ns;
    const uint64_t last_step = c->steps + IDLE_STEPS_MAX;
    while (!until(arg)) {
        if (c->clock.now_ns > end_ns || c->steps > last_step) {
            return false;
        }
        (void)wsl_sim_network_deliver(c->network);
        restart_dead(c);
        sim_actor *a = choose(c);
        if (a != NULL) {
            step_actor(c, a);
            maybe_crash(c);
            continue;
        }
        const int64_t next_ns = next_event(c);
        if (next_ns == WSL_NEVER) {
            return false;
        }
        wsl_manual_clock_advance(&c->clock, next_ns > c->clock.now_ns ? next_ns - c->clock.now_ns : 0);
    }
    return true;
}

static bool is_settled(void *arg)
{
    const sim_cluster *c = arg;
    return jm_task_managers(c->jm) == c->options.task_managers && jm_jobs_live(c->jm) == 0 &&
           jm_slots_available(c->jm) == c->options.task_managers * c->options.slots;
}

bool sim_cluster_settle(sim_cluster *c, int64_t limit_ns) { return sim_cluster_run(c, is_settled, c, limit_ns); }

/* ---- questions ---- */

wsl_fs *sim_cluster_fs(sim_cluster *c) { return wsl_mem_fs_seam(c->fs); }
jm *sim_cluster_jm(sim_cluster *c) { return c->jm; }
wsl_sim_network *sim_cluster_network(sim_cluster *c) { return c->network; }
wsl_rng *sim_cluster_rng(sim_cluster *c) { return &c->rng; }
uint32_t sim_cluster_crashes(const sim_cluster *c) { return c->crashes; }
uint64_t sim_cluster_steps(const sim_cluster *c) { return c->steps; }
int64_t sim_cluster_now_ns(const sim_cluster *c) { return c->clock.now_ns; }

uint64_t sim_cluster_trace(const sim_cluster *c)
{
    const uint64_t network = wsl_sim_network_trace(c->network);
    return c->trace ^ (network << 1 | network >> 63);
}
