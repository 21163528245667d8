/*
 * sim_cluster - see sim_cluster.h.
 */
#include "sim_cluster.h"

#include "library_fs.h"
#include "sim_disk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/cluster_options.h"
#include "base/fs_mem.h"
#include "base/log.h"
#include "base/proc.h"
#include "taskmanager/tm.h"

enum { TASK_MANAGERS_MAX = 8, SLOTS_MAX = 8, OWN_ACTORS = 3, ACTORS_MAX = 2 + TASK_MANAGERS_MAX * (OWN_ACTORS + SLOTS_MAX) };
enum { IDLE_STEPS_MAX = 20000000 }; /* steps of one run; more means that somebody never sleeps */
enum { ERRORS_KEPT = 64, JM_ACTORS = 2 };

typedef struct sim_actor {
    sim_cluster *cluster;
    int64_t (*step)(void *self);
    void *self;
    int64_t deadline_ns;
    bool woken;
} sim_actor;

/* One operating-system process, over all its lives. */
typedef struct sim_process {
    sim_cluster *cluster;
    char host[32];
    wsl_transport *transport;
    wsl_rng rng; /* of this life */
    sim_disk disk;
    sim_actor *actors;
    uint32_t n_actors;
    uint32_t lives;
    bool dying;        /* in the middle of a step */
    int64_t back_ns;   /* dead: when it starts again */
    int64_t frozen_ns; /* stands still until then */
} sim_process;

typedef struct sim_tm {
    sim_process process;
    tm *tm; /* NULL: dead */
} sim_tm;

struct sim_cluster {
    sim_cluster_options options;
    wsl_manual_clock clock;
    wsl_rng rng; /* of the simulator's own choices */
    wsl_config *config;
    wsl_mem_fs *fs;
    library_fs libraries; /* the same for TaskManagers, with job libraries on the disk, too */
    wsl_sim_network *network;
    wsl_log_sink *sink, *errors; /* the latter is part of the former */
    wsl_logger *log;
    sim_process jm_process;
    jm *jm;
    sim_tm tms[TASK_MANAGERS_MAX];
    sim_actor actors[ACTORS_MAX];
    uint32_t n_actors;
    bool faults_on;
    uint32_t faults[SIM_FAULTS];
    uint32_t crashes;
    char apart[2][32]; /* hosts */
    int64_t apart_ns;  /* until then; 0: none are */
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

static void must(wsl_status status, const wsl_error *err)
{
    if (status != WSL_OK) {
        fprintf(stderr, "sim_cluster: %s\n", err->text);
        abort();
    }
}

/* ---- actors ---- */

static void wake_actor(void *arg) { ((sim_actor *)arg)->woken = true; }
static wsl_waker waker_of(sim_actor *a) { return (wsl_waker){.wake = wake_actor, .arg = a}; }

/* When a disk has done what was given to it: soon, and now and then late. */
static int64_t disk_done_ns(sim_cluster *c)
{
    const uint64_t range = (uint64_t)c->options.disk_max_ns / (wsl_rng_below(&c->rng, 10) == 0 ? 1 : 100) + 1;
    return c->clock.now_ns + (int64_t)wsl_rng_below(&c->rng, range);
}

static void wake_disk(void *arg)
{
    sim_actor *a = arg;
    if (a->deadline_ns == WSL_NEVER) {
        a->deadline_ns = disk_done_ns(a->cluster);
    }
}
static wsl_waker disk_waker_of(sim_actor *a) { return (wsl_waker){.wake = wake_disk, .arg = a}; }

static int64_t step_jm(void *self) { return jm_step(self); }
static int64_t step_control(void *self) { return tm_control_step(self); }
static int64_t step_net(void *self) { return tm_net_step(self); }
static int64_t step_slot(void *self) { return tm_slot_step(self); }

static int64_t step_jm_disk(void *self)
{
    sim_cluster *c = self;
    return jm_step_disk(c->jm) ? disk_done_ns(c) : WSL_NEVER;
}

static int64_t step_tm_disk(void *self)
{
    sim_tm *t = self;
    return tm_step_disk(t->tm) ? disk_done_ns(t->process.cluster) : WSL_NEVER;
}

static void set_actor(sim_actor *a, sim_cluster *c, int64_t (*step)(void *self), void *self)
{
    *a = (sim_actor){.cluster = c, .step = step, .self = self, .deadline_ns = WSL_NEVER, .woken = true};
}

/* A disk's is woken only when there is work. */
static void set_disk_actor(sim_actor *a, sim_cluster *c, int64_t (*step)(void *self), void *self)
{
    set_actor(a, c, step, self);
    a->woken = false;
}

/* ---- processes ---- */

static void on_died(void *arg)
{
    sim_process *p = arg;
    p->dying = true;
    p->cluster->faults[SIM_KILL_AT_DISK]++;
    wsl_sim_network_dead(p->cluster->network, p->host, true);
}

static void process_init(sim_process *p, sim_cluster *c, const char *host, uint32_t n_actors)
{
    p->cluster = c;
    (void)snprintf(p->host, sizeof p->host, "%s", host);
    p->actors = &c->actors[c->n_actors];
    p->n_actors = n_actors;
    for (uint32_t i = 0; i < n_actors; i++) {
        p->actors[i].deadline_ns = WSL_NEVER;
    }
    c->n_actors += n_actors;
    p->transport = wsl_transport_sim_new(c->network, p->host);
}

static bool may_break(const sim_cluster *c, sim_fault fault)
{
    return c->faults_on && c->faults[fault] < c->options.faults[fault].max;
}

static bool breaks(sim_cluster *c, sim_fault fault)
{
    const uint32_t per_million = c->options.faults[fault].per_million;
    return per_million > 0 && may_break(c, fault) && wsl_rng_below(&c->rng, 1000000) < per_million;
}

static void set_death_at_disk(sim_cluster *c, sim_process *p)
{
    p->disk.die_per_million = may_break(c, SIM_KILL_AT_DISK) ? c->options.faults[SIM_KILL_AT_DISK].per_million : 0;
}

/* Each life is a process of its own: other randomness, another address, as if the port were chosen by the system. */
static void begin_life(sim_process *p, wsl_fs *below, uint64_t seed)
{
    sim_cluster *c = p->cluster;
    sim_disk_init(&p->disk, below, &c->clock.clock, &c->rng);
    p->disk.died = on_died;
    p->disk.arg = p;
    p->dying = false;
    p->frozen_ns = 0;
    wsl_rng_seed(&p->rng, seed);
    p->lives++;
}

static void start_tm(sim_cluster *c, uint32_t i)
{
    sim_tm *t = &c->tms[i];
    sim_process *p = &t->process;
    wsl_error err = {0};
    char data[64];
    snprintf(data, sizeof data, "sim://taskmanager-%u-%u", i, p->lives);
    begin_life(p, &c->libraries.fs, c->options.seed * 1000 + i * 100 + p->lives);
    const tm_options options = {
        .config = c->config,
        .seams = {.clock = &c->clock.clock, .rng = &p->rng, .fs = &p->disk.fs, .transport = p->transport, .log = c->log},
        .proc = &sim_proc,
        .pid = 100 + i,
        .jobmanager = "sim://jobmanager",
        .data_address = data,
        .write_stdout = sim_stdout,
        .control_waker = waker_of(&p->actors[0]),
        .net_waker = waker_of(&p->actors[1]),
        .stepped_disk = c->options.disk_max_ns > 0,
        .disk_waker = disk_waker_of(&p->actors[2]),
    };
    must(tm_new(&options, &t->tm, &err), &err);
    set_actor(&p->actors[0], c, step_control, t->tm);
    set_actor(&p->actors[1], c, step_net, tm_get_net(t->tm));
    if (options.stepped_disk) {
        set_disk_actor(&p->actors[2], c, step_tm_disk, t);
    }
    for (uint32_t s = 0; s < c->options.slots; s++) {
        sim_actor *a = &p->actors[OWN_ACTORS + s];
        set_actor(a, c, step_slot, tm_get_slot(t->tm, s));
        tm_slot_bind(tm_get_slot(t->tm, s), waker_of(a), NULL, NULL, NULL);
    }
}

/* As SIGKILL does: sockets close, nothing is said, nothing is tidied up. What it had sent arrives, or is lost with its machine. */
static void bury_tm(sim_cluster *c, uint32_t i, bool machine)
{
    sim_tm *t = &c->tms[i];
    sim_process *p = &t->process;
    for (uint32_t a = 0; a < p->n_actors; a++) {
        p->actors[a] = (sim_actor){.deadline_ns = WSL_NEVER};
    }
    p->disk.dead = true;
    wsl_sim_network_dead(c->network, p->host, true);
    if (machine) {
        (void)wsl_sim_network_cut(c->network, p->host, NULL);
    }
    tm_free(t->tm);
    t->tm = NULL;
    wsl_sim_network_dead(c->network, p->host, false);
    p->back_ns = c->clock.now_ns + 1000000 + (int64_t)wsl_rng_below(&c->rng, 2000) * WSL_NS_PER_MS;
    c->crashes++;
}

static void start_jm(sim_cluster *c)
{
    sim_process *p = &c->jm_process;
    wsl_error err = {0};
    jm_options options = jm_options_default();
    options.listen_address = "sim://jobmanager";
    options.artifact_dir = "/artifacts";
    options.waker = waker_of(&p->actors[0]);
    options.disk_stepped = c->options.disk_max_ns > 0;
    options.disk_waker = disk_waker_of(&p->actors[1]);
    if (c->options.heartbeat_timeout_ns > 0) {
        options.heartbeat_timeout_ns = c->options.heartbeat_timeout_ns;
        options.heartbeat_interval_ns = c->options.heartbeat_timeout_ns / 5;
    }
    begin_life(p, wsl_mem_fs_seam(c->fs), c->options.seed + 77);
    const wsl_seams seams = {.clock = &c->clock.clock,
                             .rng = &p->rng,
                             .fs = &p->disk.fs,
                             .transport = p->transport,
                             .log = c->log};
    must(jm_new(&options, &seams, &c->jm, &err), &err);
    set_actor(&p->actors[0], c, step_jm, c->jm);
    if (options.disk_stepped) {
        set_disk_actor(&p->actors[1], c, step_jm_disk, c);
    }
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
}

static void make_log(sim_cluster *c)
{
    const char *wanted = getenv("WIESEL_SIM_LOG");
    const bool all = wanted != NULL && wanted[0] != '\0' && wanted[0] != '0';
    c->errors = wsl_log_sink_memory(ERRORS_KEPT);
    c->sink = all ? wsl_log_sink_pair(c->errors, wsl_log_sink_stderr()) : c->errors;
    c->log = wsl_logger_new(c->sink, &c->clock.clock, all ? WSL_LOG_DEBUG : WSL_LOG_ERROR);
}

sim_cluster *sim_cluster_new(const sim_cluster_options *options)
{
    WSL_ASSERT(options->task_managers <= TASK_MANAGERS_MAX && options->slots <= SLOTS_MAX);
    sim_cluster *c = wsl_zalloc(sizeof *c);
    c->options = *options;
    c->options.fault_max_ns = options->fault_max_ns > 0 ? options->fault_max_ns : WSL_NS_PER_S;
    c->faults_on = true;
    wsl_manual_clock_init(&c->clock, INT64_C(1700000000000));
    wsl_rng_seed(&c->rng, options->seed ^ UINT64_C(0x5151));
    c->fs = wsl_mem_fs_new(&c->clock.clock);
    library_fs_init(&c->libraries, wsl_mem_fs_seam(c->fs));
    make_log(c);
    make_config(c);
    make_network(c);
    process_init(&c->jm_process, c, "host-jm", JM_ACTORS);
    start_jm(c);
    for (uint32_t i = 0; i < options->task_managers; i++) {
        char host[32];
        snprintf(host, sizeof host, "host-%u", i);
        process_init(&c->tms[i].process, c, host, OWN_ACTORS + options->slots);
        start_tm(c, i);
        set_death_at_disk(c, &c->tms[i].process);
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
        wsl_transport_free(c->tms[i].process.transport);
    }
    wsl_transport_free(c->jm_process.transport);
    wsl_sim_network_free(c->network);
    library_fs_fini(&c->libraries);
    wsl_mem_fs_free(c->fs);
    wsl_config_free(c->config);
    wsl_logger_free(c->log);
    wsl_log_sink_free(c->sink);
    free(c);
}

/* ---- what breaks ---- */

/* A TaskManager that lives, or UINT32_MAX: the one that chance points at does not. */
static uint32_t some_tm(sim_cluster *c)
{
    const uint32_t i = (uint32_t)wsl_rng_below(&c->rng, c->options.task_managers);
    return c->tms[i].tm != NULL ? i : UINT32_MAX;
}

static int64_t some_time_ns(sim_cluster *c)
{
    const uint64_t range = (uint64_t)c->options.fault_max_ns / (wsl_rng_below(&c->rng, 2) == 0 ? 1 : 20) + 1;
    return c->clock.now_ns + 1 + (int64_t)wsl_rng_below(&c->rng, range);
}

static void lose_power(sim_cluster *c)
{
    for (uint32_t i = 0; i < c->options.task_managers; i++) {
        if (c->tms[i].tm != NULL) {
            bury_tm(c, i, true);
        }
    }
    wsl_mem_fs_crash(c->fs);
}

static const char *some_host(sim_cluster *c, const char *but)
{
    const char *host = but;
    while (host == but) {
        const uint32_t i = (uint32_t)wsl_rng_below(&c->rng, c->options.task_managers + 1);
        host = i == c->options.task_managers ? c->jm_process.host : c->tms[i].process.host;
    }
    return host;
}

static void join_hosts(sim_cluster *c)
{
    if (c->apart_ns != 0) {
        wsl_sim_network_part(c->network, c->apart[0], c->apart[1], false);
        c->apart_ns = 0;
    }
}

static void part_hosts(sim_cluster *c)
{
    if (c->apart_ns != 0) {
        return;
    }
    const char *a = some_host(c, NULL), *b = some_host(c, a);
    snprintf(c->apart[0], sizeof c->apart[0], "%s", a);
    snprintf(c->apart[1], sizeof c->apart[1], "%s", b);
    c->apart_ns = some_time_ns(c);
    wsl_sim_network_part(c->network, a, b, true);
}

static void break_disk(sim_cluster *c)
{
    const uint32_t i = (uint32_t)wsl_rng_below(&c->rng, c->options.task_managers + 1);
    sim_disk *d = i == c->options.task_managers ? &c->jm_process.disk : &c->tms[i].process.disk;
    d->fail_status = wsl_rng_below(&c->rng, 2) == 0 ? WSL_NO_SPACE : WSL_IO;
    d->fail_until_ns = some_time_ns(c);
}

static void break_one(sim_cluster *c, sim_fault fault)
{
    const uint32_t i = fault == SIM_KILL || fault == SIM_FREEZE ? some_tm(c) : 0;
    if (i == UINT32_MAX) {
        return;
    }
    c->faults[fault]++;
    switch (fault) {
    case SIM_KILL:
        bury_tm(c, i, wsl_rng_below(&c->rng, 2) == 0);
        return;
    case SIM_POWER:
        lose_power(c);
        return;
    case SIM_FREEZE:
        c->tms[i].process.frozen_ns = some_time_ns(c);
        return;
    case SIM_PART:
        part_hosts(c);
        return;
    case SIM_DISK:
        break_disk(c);
        return;
    default:
        return;
    }
}

static void break_things(sim_cluster *c)
{
    for (sim_fault f = 0; f < SIM_FAULTS; f++) {
        if (f != SIM_KILL_AT_DISK && breaks(c, f)) {
            break_one(c, f);
        }
    }
    for (uint32_t i = 0; i < c->options.task_managers; i++) {
        sim_process *p = &c->tms[i].process;
        if (p->dying) {
            bury_tm(c, i, wsl_rng_below(&c->rng, 2) == 0);
            p->dying = false;
        }
        set_death_at_disk(c, p);
    }
}

/* What lasted its time. */
static void mend_things(sim_cluster *c)
{
    if (c->apart_ns != 0 && c->apart_ns <= c->clock.now_ns) {
        join_hosts(c);
    }
    for (uint32_t i = 0; i < c->options.task_managers; i++) {
        sim_process *p = &c->tms[i].process;
        if (c->tms[i].tm == NULL && p->back_ns <= c->clock.now_ns) {
            start_tm(c, i);
            set_death_at_disk(c, p);
        }
        if (p->frozen_ns <= c->clock.now_ns) {
            p->frozen_ns = 0;
        }
    }
}

void sim_cluster_set_faults(sim_cluster *c, bool on)
{
    c->faults_on = on;
    if (!on) {
        wsl_sim_network_set_cuts(c->network, 0, 0);
        join_hosts(c);
        c->jm_process.disk.fail_until_ns = 0;
    } else {
        wsl_sim_network_set_cuts(c->network, c->options.cut_per_million, c->options.cuts_max);
    }
    for (uint32_t i = 0; i < c->options.task_managers; i++) {
        sim_process *p = &c->tms[i].process;
        set_death_at_disk(c, p);
        if (!on) {
            p->frozen_ns = 0;
            p->disk.fail_until_ns = 0;
        }
    }
}

/* ---- running ---- */

static void note(sim_cluster *c, uint64_t what)
{
    uint64_t x = c->trace ^ (what + UINT64_C(0x9E3779B97F4A7C15) + (c->trace << 6) + (c->trace >> 2));
    x ^= x >> 31;
    c->trace = x * UINT64_C(0x94D049BB133111EB);
}

static void add_ready(const sim_cluster *c, const sim_process *p, sim_actor **ready, uint32_t *n)
{
    for (uint32_t i = 0; i < p->n_actors && p->frozen_ns == 0; i++) {
        sim_actor *a = &p->actors[i];
        if (a->step != NULL && (a->woken || a->deadline_ns <= c->clock.now_ns)) {
            ready[(*n)++] = a;
        }
    }
}

/* A random actor that has something to do; NULL: none. */
static sim_actor *choose(sim_cluster *c)
{
    sim_actor *ready[ACTORS_MAX];
    uint32_t n = 0;
    add_ready(c, &c->jm_process, ready, &n);
    for (uint32_t i = 0; i < c->options.task_managers; i++) {
        add_ready(c, &c->tms[i].process, ready, &n);
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

static int64_t earlier(int64_t a, int64_t b) { return a < b ? a : b; }

static int64_t next_event(const sim_cluster *c)
{
    int64_t next_ns = wsl_sim_network_next_ns(c->network);
    for (uint32_t i = 0; i < JM_ACTORS; i++) {
        next_ns = earlier(next_ns, c->jm_process.actors[i].deadline_ns);
    }
    for (uint32_t i = 0; i < c->options.task_managers; i++) {
        const sim_process *p = &c->tms[i].process;
        if (c->tms[i].tm == NULL) {
            next_ns = earlier(next_ns, p->back_ns);
        } else if (p->frozen_ns != 0) {
            next_ns = earlier(next_ns, p->frozen_ns);
        } else {
            for (uint32_t a = 0; a < p->n_actors; a++) {
                next_ns = earlier(next_ns, p->actors[a].deadline_ns);
            }
        }
    }
    return c->apart_ns != 0 ? earlier(next_ns, c->apart_ns) : next_ns;
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
        mend_things(c);
        sim_actor *a = choose(c);
        if (a != NULL) {
            step_actor(c, a);
            break_things(c);
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
wsl_manual_clock *sim_cluster_clock(sim_cluster *c) { return &c->clock; }
uint32_t sim_cluster_crashes(const sim_cluster *c) { return c->crashes; }
uint32_t sim_cluster_faults(const sim_cluster *c, sim_fault fault) { return c->faults[fault]; }
uint64_t sim_cluster_steps(const sim_cluster *c) { return c->steps; }
int64_t sim_cluster_now_ns(const sim_cluster *c) { return c->clock.now_ns; }

typedef struct search {
    const char *text;
    uint32_t n;
} search;

static void look_at(void *arg, const char *line)
{
    search *s = arg;
    s->n += strstr(line, s->text) != NULL;
}

uint32_t sim_cluster_errors(sim_cluster *c, const char *text)
{
    search s = {.text = text};
    wsl_log_sink_each(c->errors, look_at, &s);
    return s.n;
}

uint64_t sim_cluster_trace(const sim_cluster *c)
{
    const uint64_t network = wsl_sim_network_trace(c->network);
    return c->trace ^ (network << 1 | network >> 63);
}
