/*
 * sim_trial - see sim_trial.h.
 */
#include "sim_trial.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/strbuf.h"
#include "ckpt/storage.h"
#include "jobmanager/ckpt/coordinator.h"
#include "jobmanager/jm_core.h"
#include "sim_job.h"
#include "sim_output.h"

enum { DATA_SETS = 4, CONFIG_MAX = 16, LOOK_EVERY = 16 };

typedef enum trial_job { WORDS, WINDOWS, UNION, TIMERS, CO, BROADCAST, TRIAL_JOBS } trial_job;

static const char *const job_names[TRIAL_JOBS] = {"words", "windows", "union", "timers", "co", "broadcast"};

/* Everything that the seed decides before the cluster starts. */
typedef struct plan {
    trial_job job;
    uint32_t data; /* which set of rows */
    uint32_t parallelism;
    bool roll;
    sim_cluster_options cluster;
    char config[CONFIG_MAX][96];
    const char *config_list[CONFIG_MAX + 1];
    uint32_t n_config;
} plan;

typedef struct trial {
    const plan *plan;
    sim_cluster *c;
    sim_job job;
    uint32_t asked;
    uint64_t verified; /* latest checkpoint that was read */
    uint32_t power_losses;
    sim_trial_result *out;
} trial;

static void fail(trial *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void fail(trial *t, const char *format, ...)
{
    if (t->out->ok) {
        va_list args;
        va_start(args, format);
        (void)vsnprintf(t->out->why, sizeof t->out->why, format, args);
        va_end(args);
        t->out->ok = false;
    }
}

/* ---- jobs ---- */

static const char words_graph[] =
    "{\"name\": \"words\", \"parallelism\": %u, \"config\": {%s}, \"schemas\": {\"line\": {\"line\": \"STRING\"}}, \"operators\": ["
    "{\"name\": \"lines\", \"uid\": \"lines\", \"source\": \"file\", \"schema\": \"line\", \"options\": {\"path\": \"/text\", "
    "\"format\": \"raw\"}},"
    "{\"name\": \"words\", \"split\": {\"field\": \"line\", \"as\": \"word\"}},"
    "{\"name\": \"counts\", \"uid\": \"counts\", \"key_by\": \"word\", \"aggregate\": \"word, COUNT(*) AS n\"},"
    "{\"name\": \"out\", \"uid\": \"out\", \"sink\": \"file\", \"options\": {\"path\": \"/out\", \"format\": \"json\", "
    "\"roll-on-checkpoint\": \"%s\", \"roll-size\": \"2kb\"}}]}";

static const char windows_graph[] =
    "{\"name\": \"windows\", \"parallelism\": %u, \"config\": {%s}, \"schemas\": {\"row\": {\"t\": \"BIGINT\", \"k\": \"BIGINT\"}}, "
    "\"operators\": ["
    "{\"name\": \"rows\", \"uid\": \"rows\", \"source\": \"datagen\", \"schema\": \"row\", \"options\": {\"fields\": \"t sequence 0; "
    "k random 0 6\", \"number-of-rows\": \"700\", \"rows-per-second\": \"5000\", \"seed\": \"%u\"}},"
    "{\"name\": \"timed\", \"uid\": \"timed\", \"watermarks\": {\"timestamp\": \"t\"}},"
    "{\"name\": \"windows\", \"uid\": \"windows\", \"key_by\": \"k\", \"window\": %s, \"aggregate\": \"k, WINDOW_START AS s, COUNT(*) "
    "AS n, SUM(t) AS total\"},"
    "{\"name\": \"out\", \"uid\": \"out\", \"sink\": \"file\", \"options\": {\"path\": \"/out\", \"format\": \"json\", "
    "\"roll-on-checkpoint\": \"%s\", \"roll-size\": \"2kb\"}}]}";

static const char *const window_kinds[DATA_SETS] = {"{\"tumbling\": \"50 ms\"}", "{\"sliding\": \"60 ms\", \"slide\": \"20 ms\"}",
                                                   "{\"session\": \"9 ms\"}",
                                                   "{\"tumbling\": \"50 ms\", \"lateness\": \"20 ms\"}"};

static void write_text(const plan *p, wsl_fs *fs)
{
    enum { FILES = 24, WORDS_PER_FILE = 30, VOCABULARY = 25 };
    wsl_rng rng;
    wsl_error err = {0};
    wsl_rng_seed(&rng, 99 + p->data);
    (void)fs->make_dirs(fs, "/text", &err);
    for (uint32_t f = 0; f < FILES; f++) {
        wsl_strbuf s;
        char path[32];
        wsl_strbuf_init(&s);
        for (uint32_t i = 0; i < WORDS_PER_FILE; i++) {
            wsl_strbuf_printf(&s, "w%u%c", (uint32_t)wsl_rng_below(&rng, VOCABULARY), wsl_rng_below(&rng, 8) == 0 ? '\n' : ' ');
        }
        snprintf(path, sizeof path, "/text/%02u.txt", f);
        if (wsl_fs_write_atomic(fs, path, s.data, s.size, &err) != WSL_OK) {
            abort();
        }
        wsl_strbuf_fini(&s);
    }
}

static void submit_graph(trial *t)
{
    const plan *p = t->plan;
    wsl_strbuf config;
    char text[4000];
    wsl_strbuf_init(&config);
    for (uint32_t i = 0; i < p->n_config; i++) {
        const char *value = strchr(p->config[i], '=');
        wsl_strbuf_printf(&config, "%s\"%.*s\": \"%s\"", i == 0 ? "" : ", ", (int)(value - p->config[i]), p->config[i], value + 1);
    }
    const char *roll = p->roll ? "true" : "false";
    if (p->job == WORDS) {
        write_text(p, sim_cluster_fs(t->c));
        snprintf(text, sizeof text, words_graph, p->parallelism, config.data, roll);
    } else {
        snprintf(text, sizeof text, windows_graph, p->parallelism, config.data, p->data + 1, window_kinds[p->data], roll);
    }
    wsl_strbuf_fini(&config);
    sim_job_submit_json(&t->job, text);
}

static void submit_library(trial *t)
{
    const plan *p = t->plan;
    char seed[16], more_seed[16];
    snprintf(seed, sizeof seed, "%u", 10 + p->data);
    snprintf(more_seed, sizeof more_seed, "%u", 20 + p->data);
    const char *const args[] = {"--job",  job_names[p->job], "--out",       "/out",    "--roll", p->roll ? "true" : "false",
                                "--seed", seed,              "--more-seed", more_seed, NULL};
    sim_job_submit_library(&t->job, &(sim_library_job){.library = SIM_OWN_JOBS,
                                                       .parallelism = p->parallelism,
                                                       .args = args,
                                                       .config = p->config_list});
}

/* ---- what the seed decides ---- */

static void add_config(plan *p, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add_config(plan *p, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(p->config[p->n_config], sizeof p->config[0], format, args);
    va_end(args);
    p->config_list[p->n_config] = p->config[p->n_config];
    p->n_config++;
    p->config_list[p->n_config] = NULL;
}

static const char *const *overrides(void)
{
    static const char *list[] = {"taskmanager.memory.segment-size=4kb", "taskmanager.memory.network.size=4mb",
                                 "pipeline.auto-watermark-interval=10 ms", NULL, NULL};
    list[3] = sim_job_temporary();
    return list;
}

static void add_checkpoints(plan *p, wsl_rng *rng)
{
    add_config(p, "execution.checkpointing.interval=%u ms", 10 + (uint32_t)wsl_rng_below(rng, 40));
    add_config(p, "execution.checkpointing.dir=file:///checkpoints");
    add_config(p, "execution.checkpointing.timeout=%u ms", 500 + (uint32_t)wsl_rng_below(rng, 5000));
    add_config(p, "execution.checkpointing.tolerable-failed-checkpoints=1000");
    add_config(p, "execution.checkpointing.num-retained=%u", 1 + (uint32_t)wsl_rng_below(rng, 3));
    add_config(p, "execution.checkpointing.data-inline-threshold=%s", wsl_rng_below(rng, 2) == 0 ? "0" : "20 kb");
    add_config(p, "execution.checkpointing.max-concurrent-checkpoints=%u", 1 + (uint32_t)wsl_rng_below(rng, 2));
    add_config(p, "restart-strategy.type=fixed-delay");
    add_config(p, "restart-strategy.fixed-delay.attempts=1000");
    add_config(p, "restart-strategy.fixed-delay.delay=%u ms", (uint32_t)wsl_rng_below(rng, 100));
}

static void set_fault(plan *p, wsl_rng *rng, sim_fault fault, uint32_t per_million, uint32_t max)
{
    if (wsl_rng_below(rng, 2) == 0) {
        p->cluster.faults[fault].per_million = per_million;
        p->cluster.faults[fault].max = 1 + (uint32_t)wsl_rng_below(rng, max);
    }
}

static void make_plan(plan *p, uint64_t seed)
{
    wsl_rng rng;
    wsl_rng_seed(&rng, seed * 7919 + 17);
    *p = (plan){.job = (trial_job)wsl_rng_below(&rng, TRIAL_JOBS), .data = (uint32_t)wsl_rng_below(&rng, DATA_SETS)};
    p->parallelism = 1 + (uint32_t)wsl_rng_below(&rng, 3);
    p->roll = wsl_rng_below(&rng, 2) == 0;
    p->cluster = (sim_cluster_options){
        .seed = seed,
        .task_managers = 2 + (uint32_t)wsl_rng_below(&rng, 2),
        .slots = 2,
        .fault_max_ns = (1 + (int64_t)wsl_rng_below(&rng, 8)) * WSL_NS_PER_S,
        .disk_max_ns = wsl_rng_below(&rng, 4) == 0 ? 0 : (1 + (int64_t)wsl_rng_below(&rng, 300)) * WSL_NS_PER_MS,
        .heartbeat_timeout_ns = 3 * WSL_NS_PER_S,
        .overrides = overrides(),
    };
    add_checkpoints(p, &rng);
    if (wsl_rng_below(&rng, 2) == 0) {
        p->cluster.cut_per_million = 3000;
        p->cluster.cuts_max = 1 + (uint32_t)wsl_rng_below(&rng, 3);
    }
    set_fault(p, &rng, SIM_KILL, 1000, 3);
    set_fault(p, &rng, SIM_KILL_AT_DISK, 20000, 3);
    set_fault(p, &rng, SIM_POWER, 500, 2);
    set_fault(p, &rng, SIM_FREEZE, 1000, 2);
    set_fault(p, &rng, SIM_PART, 500, 2);
    set_fault(p, &rng, SIM_DISK, 500, 2);
}

/* The same job, and nothing breaks. */
static void make_calm_plan(plan *p, trial_job job, uint32_t data)
{
    wsl_rng rng;
    wsl_rng_seed(&rng, 1);
    *p = (plan){.job = job, .data = data, .parallelism = 1, .roll = true};
    p->cluster = (sim_cluster_options){.seed = 1, .task_managers = 1, .slots = 2, .overrides = overrides()};
    add_checkpoints(p, &rng);
}

/* ---- checkpoints that are there ---- */

static void read_to_the_end(trial *t, const char *base, const Wsl__Pb__CheckpointMeta *meta)
{
    wsl_error err = {0};
    if (wsl_ckpt_verify_records(sim_cluster_fs(t->c), base, meta, &err) != WSL_OK) {
        fail(t, "checkpoint %" PRIu64 " is called complete and cannot be read: %s", meta->checkpoint, err.text);
    }
}

static void read_latest(trial *t, jm_job *job)
{
    const char *base = NULL;
    const Wsl__Pb__CheckpointMeta *meta = jm_coordinator_latest(job->coordinator, &base);
    if (meta != NULL && meta->checkpoint > t->verified) {
        t->verified = meta->checkpoint;
        t->out->checkpoints++;
        read_to_the_end(t, base, meta);
    }
}

static void read_all(trial *t, const jm_job *job)
{
    wsl_fs *fs = sim_cluster_fs(t->c);
    wsl_error err = {0};
    uint64_t *ids = NULL;
    uint32_t n = 0;
    char *dir = wsl_ckpt_job_dir("/checkpoints", &job->id);
    if (wsl_ckpt_list(fs, dir, &ids, &n, &err) != WSL_OK) {
        fail(t, "checkpoints cannot be listed: %s", err.text);
    }
    for (uint32_t i = 0; i < n; i++) {
        Wsl__Pb__CheckpointMeta *meta = NULL;
        char *path = wsl_ckpt_path(dir, ids[i]);
        if (wsl_ckpt_load(fs, path, &meta, &err) != WSL_OK) {
            fail(t, "after power was lost checkpoint %" PRIu64 " cannot be read: %s", ids[i], err.text);
        } else {
            read_to_the_end(t, dir, meta);
            wsl__pb__checkpoint_meta__free_unpacked(meta, NULL);
        }
        free(path);
    }
    free(ids);
    free(dir);
}

/* ---- a run ---- */

static bool is_over(void *arg)
{
    trial *t = arg;
    if (t->asked++ % LOOK_EVERY != 0) {
        return false;
    }
    jm_job *job = jm_find_job(sim_cluster_jm(t->c), &t->job.id);
    const bool ended = jm_job_state_is_final(job->state);
    if (!ended) {
        read_latest(t, job);
        if (sim_cluster_faults(t->c, SIM_POWER) != t->power_losses) {
            t->power_losses = sim_cluster_faults(t->c, SIM_POWER);
            read_all(t, job);
        }
    }
    return ended || !t->out->ok;
}

static sim_output *run_job(trial *t, bool faults)
{
    t->c = sim_cluster_new(&t->plan->cluster);
    sim_job_init(&t->job, t->c, t->plan->cluster.seed, NULL, NULL);
    sim_cluster_set_faults(t->c, false);
    if (!sim_cluster_settle(t->c, 60 * WSL_NS_PER_S)) {
        fail(t, "the cluster did not come up");
        return NULL;
    }
    if (t->plan->job == WORDS || t->plan->job == WINDOWS) {
        submit_graph(t);
    } else {
        submit_library(t);
    }
    sim_cluster_set_faults(t->c, faults);
    const bool over = sim_cluster_run(t->c, is_over, t, 600 * WSL_NS_PER_S);
    jm_job_info info;
    if (jm_job_info_get(sim_cluster_jm(t->c), &t->job.id, &info, NULL) != WSL_OK) {
        abort();
    }
    t->out->restarts = info.restarts;
    if (!over) {
        fail(t, "the job hangs in %s (%s) after %u restarts", info.state, info.failure, info.restarts);
    } else if (t->out->ok && strcmp(info.state, "FINISHED") != 0) {
        fail(t, "the job ended %s: %s", info.state, info.failure);
    }
    if (t->out->ok) { /* zombies come to know that they are */
        sim_cluster_set_faults(t->c, false);
        if (!sim_cluster_settle(t->c, 300 * WSL_NS_PER_S)) {
            fail(t, "the cluster does not recover");
        }
    }
    return sim_output_read(sim_cluster_fs(t->c), "/out");
}

static void end_run(trial *t)
{
    sim_trial_result *r = t->out;
    r->trace = sim_cluster_trace(t->c);
    r->steps = sim_cluster_steps(t->c);
    r->virtual_ns = sim_cluster_now_ns(t->c);
    r->cuts = (uint32_t)wsl_sim_network_get_stats(sim_cluster_network(t->c)).cuts;
    for (sim_fault f = 0; f < SIM_FAULTS; f++) {
        r->faults[f] = sim_cluster_faults(t->c, f);
    }
    if (sim_cluster_errors(t->c, "checkpoint.damaged") > 0) {
        fail(t, "a checkpoint that was called complete was found damaged");
    }
    sim_cluster_free(t->c);
    sim_job_remove_temporary();
}

/* ---- runs without faults, once each ---- */

static sim_output *expected_outputs[TRIAL_JOBS][DATA_SETS];

static const sim_output *expected(trial_job job, uint32_t data, sim_trial_result *out)
{
    if (expected_outputs[job][data] == NULL) {
        plan p;
        make_calm_plan(&p, job, data);
        trial t = {.plan = &p, .out = out};
        sim_output *o = run_job(&t, false);
        if (out->ok && (o->n == 0 || o->hidden > 0 || o->torn)) {
            fail(&t, "without faults: %u lines, %u hidden files", o->n, o->hidden);
        }
        end_run(&t);
        expected_outputs[job][data] = o;
    }
    return expected_outputs[job][data];
}

void sim_trial_end(void)
{
    for (uint32_t i = 0; i < TRIAL_JOBS; i++) {
        for (uint32_t d = 0; d < DATA_SETS; d++) {
            sim_output_free(expected_outputs[i][d]);
            expected_outputs[i][d] = NULL;
        }
    }
}

void sim_trial_run(uint64_t seed, sim_trial_result *out)
{
    plan p;
    *out = (sim_trial_result){.ok = true};
    make_plan(&p, seed);
    trial t = {.plan = &p, .out = out};
    const sim_output *right = expected(p.job, p.data, out);
    snprintf(out->job, sizeof out->job, "%s", job_names[p.job]);
    if (!out->ok) {
        return;
    }
    out->checkpoints = 0;
    char why[800];
    sim_output *o = run_job(&t, true);
    if (out->ok && o->torn) {
        fail(&t, "a line is torn");
    }
    if (out->ok && !sim_output_equal(right, o, why, sizeof why)) {
        fail(&t, "the output is not that of a run without faults: %s", why);
    }
    if (out->ok && o->hidden > 0) {
        fail(&t, "%u hidden files are left, among them %s", o->hidden, o->hidden_name);
    }
    sim_output_free(o);
    end_run(&t);
}
