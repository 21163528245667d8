/* What a JobManager keeps, on a file system that fails and loses power at every step. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/wsl_test.h"

#include "base/alloc.h"
#include "base/fs_mem.h"
#include "jobmanager/store/record.h"
#include "jobmanager/store/store.h"
#include "net/control.h"

static const char dir[] = "/data/jobmanager";

typedef struct fixture {
    wsl_mem_fs *mem;
    wsl_fs *fs;
    wsl_rng rng;
    wsl_log_sink *sink;
    wsl_logger *log;
} fixture;

static void init(fixture *f)
{
    f->mem = wsl_mem_fs_new(wsl_clock_real());
    f->fs = wsl_mem_fs_seam(f->mem);
    wsl_rng_seed(&f->rng, 7);
    f->sink = wsl_log_sink_memory(100);
    f->log = wsl_logger_new(f->sink, wsl_clock_real(), WSL_LOG_DEBUG);
}

static void fini(fixture *f)
{
    wsl_mem_fs_free(f->mem);
    wsl_logger_free(f->log);
    wsl_log_sink_free(f->sink);
}

static jm_store *open_store(fixture *f)
{
    jm_store *s = NULL;
    wsl_error err = {0};
    cr_assert_eq(jm_store_open(f->fs, dir, 1000, &f->rng, f->log, &s, &err), WSL_OK, "%s", err.text);
    return s;
}

static wsl_id id_of(uint8_t n) { return (wsl_id){.bytes = {n, 0xfe}}; }

static wsl_status add(const jm_store *s, uint8_t n, uint64_t number)
{
    const wsl_id id = id_of(n);
    char name[16];
    wsl_error err = {0};
    Wsl__Pb__JobGraph graph = WSL__PB__JOB_GRAPH__INIT;
    Wsl__Pb__StoredJob job = WSL__PB__STORED_JOB__INIT;
    (void)snprintf(name, sizeof name, "job-%u", n);
    graph.name = name;
    job.job = wsl_pb_bytes(id.bytes, sizeof id.bytes);
    job.number = number;
    job.graph = &graph;
    return jm_store_add_job(s, &job, &err);
}

static wsl_status put(const jm_store *s, uint8_t n, const char *state, uint32_t attempt)
{
    const wsl_id id = id_of(n);
    uint8_t *bytes = NULL;
    size_t size = 0;
    Wsl__Pb__StoredJobState st = WSL__PB__STORED_JOB_STATE__INIT;
    st.job = wsl_pb_bytes(id.bytes, sizeof id.bytes);
    st.state = wsl_pb_text(state);
    st.attempt = attempt;
    st.epoch = jm_store_epoch(s);
    jm_record_encode(JM_RECORD_STATE, &st.base, &bytes, &size);
    const wsl_status status = jm_store_put_state(s, &id, bytes, size, NULL);
    free(bytes);
    return status;
}

typedef struct loaded {
    jm_stored_job *jobs;
    uint32_t n;
} loaded;

static loaded load(const jm_store *s)
{
    loaded l = {0};
    wsl_error err = {0};
    cr_assert_eq(jm_store_load_jobs(s, &l.jobs, &l.n, &err), WSL_OK, "%s", err.text);
    return l;
}

static void drop(loaded *l) { jm_stored_jobs_free(l->jobs, l->n); }

static void look_for(void *arg, const char *line)
{
    const char **what = arg;
    if (*what != NULL && strstr(line, *what) != NULL) {
        *what = NULL;
    }
}

static bool was_said(fixture *f, const char *what)
{
    wsl_log_sink_each(f->sink, look_for, &what);
    return what == NULL;
}

/* Turns a bit of a file, or cuts it off. */
static void damage(fixture *f, const char *path, bool cut)
{
    char *data = NULL;
    size_t size = 0;
    wsl_file *file = NULL;
    cr_assert_eq(wsl_fs_read_all(f->fs, path, 1 << 20, &data, &size, NULL), WSL_OK, "%s", path);
    data[size / 2] ^= 4;
    cr_assert_eq(f->fs->open(f->fs, path, WSL_OPEN_TRUNCATE, &file, NULL), WSL_OK);
    cr_assert_eq(file->write(file, data, cut ? size / 2 : size, NULL), WSL_OK);
    cr_assert_eq(file->sync(file, NULL), WSL_OK);
    wsl_file_free(file);
    free(data);
}

static char *path_of(uint8_t n, const char *ending)
{
    const wsl_id id = id_of(n);
    char text[WSL_ID_TEXT_SIZE];
    return wsl_asprintf("%s/jobs/%s%s", dir, wsl_id_text(&id, text), ending);
}

Test(store, every_one_that_begins_counts_the_epoch_up_in_the_same_cluster)
{
    fixture f;
    init(&f);
    jm_store *s = open_store(&f);
    const wsl_id cluster = *jm_store_cluster(s);
    cr_assert_eq(jm_store_epoch(s), 1);
    jm_store_free(s);
    s = open_store(&f);
    cr_assert_eq(jm_store_epoch(s), 2);
    cr_assert(wsl_id_equal(&cluster, jm_store_cluster(s)));
    jm_store_free(s);
    wsl_mem_fs_crash(f.mem);
    s = open_store(&f);
    cr_assert_eq(jm_store_epoch(s), 3);
    jm_store_free(s);
    fini(&f);
}

Test(store, jobs_come_back_in_order_of_submission)
{
    fixture f;
    init(&f);
    jm_store *s = open_store(&f);
    cr_assert_eq(add(s, 9, 1), WSL_OK);
    cr_assert_eq(add(s, 3, 2), WSL_OK);
    cr_assert_eq(add(s, 5, 10), WSL_OK);
    cr_assert_eq(put(s, 3, "RUNNING", 4), WSL_OK);
    jm_store_free(s);
    wsl_mem_fs_crash(f.mem);
    s = open_store(&f);
    loaded l = load(s);
    cr_assert_eq(l.n, 3);
    cr_assert_str_eq(l.jobs[0].job->graph->name, "job-9");
    cr_assert_str_eq(l.jobs[1].job->graph->name, "job-3");
    cr_assert_str_eq(l.jobs[2].job->graph->name, "job-5");
    cr_assert_null(l.jobs[0].state);
    cr_assert_str_eq(l.jobs[1].state->state, "RUNNING");
    cr_assert_eq(l.jobs[1].state->attempt, 4);
    drop(&l);
    jm_store_free(s);
    fini(&f);
}

Test(store, what_is_damaged_is_told_and_left_out)
{
    static const char *const endings[] = {".job", ".state"};
    for (int i = 0; i < 4; i++) {
        fixture f;
        init(&f);
        jm_store *s = open_store(&f);
        cr_assert_eq(add(s, 1, 1), WSL_OK);
        cr_assert_eq(add(s, 2, 2), WSL_OK);
        cr_assert_eq(put(s, 1, "RUNNING", 1), WSL_OK);
        char *path = path_of(1, endings[i % 2]);
        damage(&f, path, i >= 2);
        loaded l = load(s);
        cr_assert_eq(l.n, 1);
        cr_assert_str_eq(l.jobs[0].job->graph->name, "job-2");
        cr_assert(was_said(&f, "job.not_recovered"));
        cr_assert(was_said(&f, path));
        drop(&l);
        wsl_file_info info;
        cr_assert_eq(f.fs->stat(f.fs, path, &info, NULL), WSL_OK, "it stays for a look");
        free(path);
        jm_store_free(s);
        fini(&f);
    }
}

Test(store, a_damaged_leader_file_is_told_and_epochs_go_on_behind_the_jobs)
{
    fixture f;
    init(&f);
    for (int i = 0; i < 6; i++) {
        jm_store_free(open_store(&f));
    }
    jm_store *s = open_store(&f); /* the 7th */
    cr_assert_eq(add(s, 1, 1), WSL_OK);
    cr_assert_eq(put(s, 1, "RUNNING", 1), WSL_OK);
    jm_store_free(s);
    damage(&f, "/data/jobmanager/leader", false);
    s = open_store(&f);
    cr_assert_eq(jm_store_epoch(s), 8);
    cr_assert(was_said(&f, "store.damaged"));
    jm_store_free(s);
    fini(&f);
}

Test(store, a_removed_job_is_gone_and_a_state_without_its_job_goes)
{
    fixture f;
    init(&f);
    jm_store *s = open_store(&f);
    const wsl_id id = id_of(1);
    cr_assert_eq(add(s, 1, 1), WSL_OK);
    cr_assert_eq(put(s, 1, "FINISHED", 1), WSL_OK);
    cr_assert_eq(put(s, 2, "FINISHED", 1), WSL_OK); /* its .job has gone */
    cr_assert_eq(jm_store_remove_job(s, &id, NULL), WSL_OK);
    cr_assert_eq(jm_store_remove_job(s, &id, NULL), WSL_OK, "once more is fine");
    loaded l = load(s);
    cr_assert_eq(l.n, 0);
    drop(&l);
    char *path = path_of(2, ".state");
    wsl_file_info info;
    cr_assert_eq(f.fs->stat(f.fs, path, &info, NULL), WSL_NOT_FOUND);
    free(path);
    jm_store_free(s);
    fini(&f);
}

Test(store, a_later_format_is_not_touched)
{
    fixture f;
    init(&f);
    jm_store_free(open_store(&f));
    char *data = NULL;
    size_t size = 0;
    wsl_file *file = NULL;
    cr_assert_eq(wsl_fs_read_all(f.fs, "/data/jobmanager/leader", 1000, &data, &size, NULL), WSL_OK);
    data[8] = 9; /* the version */
    cr_assert_eq(f.fs->open(f.fs, "/data/jobmanager/leader", WSL_OPEN_TRUNCATE, &file, NULL), WSL_OK);
    cr_assert_eq(file->write(file, data, size, NULL), WSL_OK);
    wsl_file_free(file);
    free(data);
    jm_store *s = NULL;
    wsl_error err = {0};
    cr_assert_eq(jm_store_open(f.fs, dir, 1, &f.rng, f.log, &s, &err), WSL_UNSUPPORTED);
    cr_assert_not_null(strstr(err.text, "format version 9"));
    fini(&f);
}

/* ---- crashes ---- */

/* What a JobManager does in its life; said: what it has heard to be done, -1: it was removed. */
typedef struct life {
    int said[4]; /* 0: nothing; n: state n is stored; -1: removed */
    int tried[4];
} life;

static const char *const states[] = {"", "CREATED", "RUNNING", "RESTARTING", "FINISHED"};

static void live(fixture *f, life *l)
{
    jm_store *s = NULL;
    if (jm_store_open(f->fs, dir, 1, &f->rng, f->log, &s, NULL) != WSL_OK) {
        return;
    }
    for (uint8_t n = 1; n <= 3; n++) {
        l->tried[n] = 1;
        if (add(s, n, n) == WSL_OK) {
            l->said[n] = 1;
        }
    }
    for (int state = 2; state <= 4; state++) {
        for (uint8_t n = 1; n <= 3; n++) {
            if (l->said[n] == 0) {
                continue;
            }
            l->tried[n] = state;
            if (put(s, n, states[state], (uint32_t)state) == WSL_OK) {
                l->said[n] = state;
            }
        }
    }
    const wsl_id id = id_of(2);
    if (l->said[2] != 0) {
        l->tried[2] = -1;
        if (jm_store_remove_job(s, &id, NULL) == WSL_OK) {
            l->said[2] = -1;
        }
    }
    jm_store_free(s);
}

static int state_number(const jm_stored_job *job)
{
    if (job->state == NULL) {
        return 1;
    }
    for (int i = 2; i <= 4; i++) {
        if (strcmp(states[i], job->state->state) == 0) {
            return i;
        }
    }
    cr_assert_fail("%s", job->state->state);
    return 0;
}

static const jm_stored_job *find(const loaded *l, uint8_t n)
{
    const wsl_id id = id_of(n);
    for (uint32_t i = 0; i < l->n; i++) {
        if (memcmp(l->jobs[i].job->job.data, id.bytes, sizeof id.bytes) == 0) {
            return &l->jobs[i];
        }
    }
    return NULL;
}

/* Each job is as it was last said to be, or as the write that was under way would have it; never as before, never half. */
static void check_life(const loaded *l, const life *life, uint64_t n_op)
{
    for (uint8_t n = 1; n <= 3; n++) {
        const jm_stored_job *job = find(l, n);
        const int said = life->said[n], tried = life->tried[n];
        if (said == -1) {
            cr_assert_null(job, "operation %llu: job %u was removed", (unsigned long long)n_op, n);
        } else if (job == NULL) {
            cr_assert(said == 0 || tried == -1, "operation %llu: job %u is lost", (unsigned long long)n_op, n);
        } else {
            const int is = state_number(job);
            cr_assert(is >= said && (is <= tried || tried == -1), "operation %llu: job %u is %d, said %d, tried %d",
                      (unsigned long long)n_op, n, is, said, tried);
            cr_assert_str_eq(job->job->graph->name, n == 1 ? "job-1" : n == 2 ? "job-2" : "job-3");
        }
    }
}

Test(store, a_crash_at_any_operation_leaves_every_job_whole_and_no_older_than_said)
{
    uint64_t epoch_before = 0;
    bool reached = true;
    for (uint64_t n = 1; reached; n++) {
        fixture f;
        life l = {0};
        init(&f);
        wsl_mem_fs_fail_at(f.mem, n, WSL_IO, true);
        live(&f, &l);
        reached = wsl_mem_fs_failed(f.mem);
        wsl_mem_fs_fail_at(f.mem, 0, WSL_OK, false);
        wsl_mem_fs_crash(f.mem);
        jm_store *s = open_store(&f);
        cr_assert(!was_said(&f, "store.damaged") && !was_said(&f, "job.not_recovered"), "operation %llu", (unsigned long long)n);
        loaded all = load(s);
        check_life(&all, &l, n);
        epoch_before = jm_store_epoch(s);
        cr_assert(epoch_before == 1 || epoch_before == 2);
        drop(&all);
        jm_store_free(s);
        fini(&f);
        cr_assert_lt(n, 10000u);
    }
    cr_assert_eq(epoch_before, 2);
}

Test(store, an_operation_that_fails_alone_loses_nothing_that_was_said)
{
    bool reached = true;
    for (uint64_t n = 1; reached; n++) {
        fixture f;
        life l = {0};
        init(&f);
        wsl_mem_fs_fail_at(f.mem, n, WSL_NO_SPACE, false);
        live(&f, &l);
        reached = wsl_mem_fs_failed(f.mem);
        wsl_mem_fs_fail_at(f.mem, 0, WSL_OK, false);
        wsl_mem_fs_crash(f.mem);
        jm_store *s = open_store(&f);
        loaded all = load(s);
        for (uint8_t job = 1; job <= 3; job++) {
            const jm_stored_job *found = find(&all, job);
            cr_assert(l.said[job] == -1 ? found == NULL : l.said[job] == 0 || found != NULL || l.tried[job] == -1,
                      "operation %llu: job %u, said %d", (unsigned long long)n, job, l.said[job]);
        }
        drop(&all);
        jm_store_free(s);
        fini(&f);
    }
}

Test(record, any_flipped_bit_and_any_cut_is_noticed)
{
    Wsl__Pb__StoredLeader leader = WSL__PB__STORED_LEADER__INIT;
    uint8_t *bytes = NULL;
    size_t size = 0;
    ProtobufCMessage *m = NULL;
    wsl_error err = {0};
    uint8_t cluster[16] = {1, 2, 3};
    leader.epoch = 77;
    leader.cluster = wsl_pb_bytes(cluster, sizeof cluster);
    jm_record_encode(JM_RECORD_LEADER, &leader.base, &bytes, &size);
    for (size_t bit = 0; bit < 8 * size; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        const wsl_status status = jm_record_decode(JM_RECORD_LEADER, bytes, size, "x", &m, &err);
        cr_assert(status == WSL_CORRUPT || status == WSL_UNSUPPORTED, "bit %zu", bit);
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t n = 0; n < size; n++) {
        uint8_t *cut = wsl_memdup(bytes, n + 1); /* exactly so large, for the sanitizer */
        cr_assert_eq(jm_record_decode(JM_RECORD_LEADER, cut, n, "x", &m, &err), WSL_CORRUPT);
        free(cut);
    }
    cr_assert_eq(jm_record_decode(JM_RECORD_JOB, bytes, size, "x", &m, &err), WSL_CORRUPT, "another kind");
    cr_assert_eq(jm_record_decode(JM_RECORD_LEADER, bytes, size, "x", &m, &err), WSL_OK, "%s", err.text);
    cr_assert_eq(((Wsl__Pb__StoredLeader *)(void *)m)->epoch, 77);
    protobuf_c_message_free_unpacked(m, NULL);
    free(bytes);
}
