#include "jobmanager/store/store.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/vec.h"
#include "jobmanager/store/record.h"
#include "net/control.h"

struct jm_store {
    wsl_fs *fs;
    const wsl_logger *log;
    char *dir, *jobs_dir;
    uint64_t epoch;
    wsl_id cluster;
};

void jm_store_free(jm_store *s)
{
    if (s == NULL) {
        return;
    }
    free(s->jobs_dir);
    free(s->dir);
    free(s);
}

const char *jm_store_dir(const jm_store *s) { return s->dir; }
uint64_t jm_store_epoch(const jm_store *s) { return s->epoch; }
const wsl_id *jm_store_cluster(const jm_store *s) { return &s->cluster; }

/* ---- directories ---- */

static char *parent_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL) {
        return wsl_strdup(".");
    }
    return slash == path ? wsl_strdup("/") : wsl_strndup(path, (size_t)(slash - path));
}

/* Like make_dirs; the names are durable. */
static wsl_status make_durable(wsl_fs *fs, const char *path, wsl_error *err)
{
    wsl_file_info info;
    wsl_status status = fs->stat(fs, path, &info, err);
    if (status != WSL_NOT_FOUND) {
        return status; /* there, or nobody can tell */
    }
    char *parent = parent_of(path);
    status = make_durable(fs, parent, err);
    if (status == WSL_OK) {
        status = fs->make_dirs(fs, path, err);
    }
    if (status == WSL_OK) {
        status = fs->sync_dir(fs, parent, err);
    }
    free(parent);
    return status;
}

/* ---- names ---- */

static char *path_of(const jm_store *s, const wsl_id *job, const char *ending)
{
    char text[WSL_ID_TEXT_SIZE];
    return wsl_asprintf("%s/%s%s", s->jobs_dir, wsl_id_text(job, text), ending);
}

static bool ends_with(const char *name, const char *ending)
{
    const size_t size = strlen(name), n = strlen(ending);
    return size >= n && strcmp(name + size - n, ending) == 0;
}

/* Is it "<id><ending>"? */
static bool names_job(const char *name, const char *ending, wsl_id *out_id)
{
    char text[WSL_ID_TEXT_SIZE];
    if (strlen(name) != WSL_ID_TEXT_SIZE - 1 + strlen(ending) || !ends_with(name, ending)) {
        return false;
    }
    memcpy(text, name, WSL_ID_TEXT_SIZE - 1);
    text[WSL_ID_TEXT_SIZE - 1] = '\0';
    return wsl_id_parse(text, out_id);
}

typedef struct names {
    WSL_VEC(wsl_id) jobs;
    WSL_VEC(wsl_id) states;
    WSL_VEC(char *) left; /* files that a crash left half written */
} names;

static bool note_name(void *arg, const char *name, const wsl_file_info *info)
{
    names *n = arg;
    wsl_id id;
    if (!info->is_regular) {
        return true;
    }
    if (names_job(name, ".job", &id)) {
        wsl_vec_push(&n->jobs, id);
    } else if (names_job(name, ".state", &id)) {
        wsl_vec_push(&n->states, id);
    } else if (name[0] == '.' && strstr(name, ".tmp-") != NULL) {
        char *copy = wsl_strdup(name);
        wsl_vec_push(&n->left, copy);
    }
    return true;
}

static void names_fini(names *n)
{
    for (uint32_t i = 0; i < n->left.n; i++) {
        free(n->left.items[i]);
    }
    wsl_vec_fini(&n->jobs);
    wsl_vec_fini(&n->states);
    wsl_vec_fini(&n->left);
}

static bool holds(const wsl_id *ids, uint32_t n, const wsl_id *id)
{
    for (uint32_t i = 0; i < n; i++) {
        if (wsl_id_equal(&ids[i], id)) {
            return true;
        }
    }
    return false;
}

/* ---- the lead ---- */

/* The highest epoch that any job was written in: what stands in for a leader file that is gone or damaged. */
static uint64_t highest_epoch(const jm_store *s)
{
    names n = {0};
    uint64_t highest = 0;
    (void)s->fs->list(s->fs, s->jobs_dir, note_name, &n, NULL);
    for (uint32_t i = 0; i < n.states.n; i++) {
        ProtobufCMessage *m = NULL;
        char *path = path_of(s, &n.states.items[i], ".state");
        if (jm_record_read(s->fs, path, JM_RECORD_STATE, &m, NULL) == WSL_OK) {
            const uint64_t epoch = ((const Wsl__Pb__StoredJobState *)(const void *)m)->epoch;
            highest = epoch > highest ? epoch : highest;
            protobuf_c_message_free_unpacked(m, NULL);
        }
        free(path);
    }
    names_fini(&n);
    return highest;
}

static wsl_status take_lead(jm_store *s, int64_t now_ms, wsl_rng *rng, wsl_error *err)
{
    ProtobufCMessage *m = NULL;
    wsl_error why = {0};
    char *path = wsl_asprintf("%s/leader", s->dir);
    wsl_status status = jm_record_read(s->fs, path, JM_RECORD_LEADER, &m, &why);
    if (status == WSL_OK) {
        const Wsl__Pb__StoredLeader *before = (const Wsl__Pb__StoredLeader *)(const void *)m;
        s->epoch = before->epoch + 1;
        memcpy(s->cluster.bytes, before->cluster.data, sizeof s->cluster.bytes);
        protobuf_c_message_free_unpacked(m, NULL);
    } else if (status == WSL_NOT_FOUND || status == WSL_CORRUPT) {
        if (status == WSL_CORRUPT) {
            wsl_log(s->log, WSL_LOG_ERROR, "store.damaged", "reason=%s what=\"epochs go on behind those of the jobs\"",
                    why.text);
        }
        s->epoch = highest_epoch(s) + 1;
        s->cluster = wsl_id_random(rng);
    } else {
        free(path);
        return wsl_fail(err, status, "%s", why.text);
    }
    Wsl__Pb__StoredLeader leader = WSL__PB__STORED_LEADER__INIT;
    leader.epoch = s->epoch;
    leader.cluster = wsl_pb_bytes(s->cluster.bytes, sizeof s->cluster.bytes);
    leader.since_ms = now_ms;
    status = jm_record_write(s->fs, path, JM_RECORD_LEADER, &leader.base, err);
    free(path);
    return status;
}

wsl_status jm_store_open(wsl_fs *fs, const char *dir, int64_t now_ms, wsl_rng *rng, const wsl_logger *log,
                         jm_store **out_store, wsl_error *err)
{
    WSL_AUTO(jm_store) s = wsl_zalloc(sizeof *s);
    s->fs = fs;
    s->log = log;
    s->dir = wsl_strdup(dir);
    s->jobs_dir = wsl_asprintf("%s/jobs", dir);
    WSL_TRY(make_durable(fs, s->jobs_dir, err));
    WSL_TRY(take_lead(s, now_ms, rng, err));
    *out_store = WSL_TAKE(s);
    return WSL_OK;
}

/* ---- jobs ---- */

wsl_status jm_store_add_job(const jm_store *s, const Wsl__Pb__StoredJob *job, wsl_error *err)
{
    wsl_id id;
    memcpy(id.bytes, job->job.data, sizeof id.bytes);
    char *path = path_of(s, &id, ".job");
    const wsl_status status = jm_record_write(s->fs, path, JM_RECORD_JOB, &job->base, err);
    free(path);
    if (status != WSL_OK) {
        (void)jm_store_remove_job(s, &id, NULL); /* it may have been renamed: what failed must not come to be */
    }
    return status;
}

wsl_status jm_store_put_state(const jm_store *s, const wsl_id *job, const void *bytes, size_t size, wsl_error *err)
{
    char *path = path_of(s, job, ".state");
    const wsl_status status = wsl_fs_write_atomic(s->fs, path, bytes, size, err);
    free(path);
    return status;
}

static wsl_status remove_file(const jm_store *s, const wsl_id *job, const char *ending, wsl_error *err)
{
    char *path = path_of(s, job, ending);
    const wsl_status status = s->fs->remove(s->fs, path, err);
    free(path);
    return status == WSL_NOT_FOUND ? WSL_OK : status;
}

wsl_status jm_store_remove_job(const jm_store *s, const wsl_id *job, wsl_error *err)
{
    WSL_TRY(remove_file(s, job, ".job", err));
    WSL_TRY(s->fs->sync_dir(s->fs, s->jobs_dir, err)); /* a job without its state would begin again */
    return remove_file(s, job, ".state", err);
}

static void stored_fini(jm_stored_job *stored)
{
    if (stored->job != NULL) {
        wsl__pb__stored_job__free_unpacked(stored->job, NULL);
    }
    if (stored->state != NULL) {
        wsl__pb__stored_job_state__free_unpacked(stored->state, NULL);
    }
}

void jm_stored_jobs_free(jm_stored_job *jobs, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        stored_fini(&jobs[i]);
    }
    free(jobs);
}

static wsl_status load_one(const jm_store *s, const wsl_id *id, bool has_state, jm_stored_job *out, wsl_error *err)
{
    ProtobufCMessage *m = NULL;
    char *path = path_of(s, id, ".job");
    wsl_status status = jm_record_read(s->fs, path, JM_RECORD_JOB, &m, err);
    free(path);
    WSL_TRY(status);
    out->job = (Wsl__Pb__StoredJob *)(void *)m;
    if (has_state) {
        path = path_of(s, id, ".state");
        status = jm_record_read(s->fs, path, JM_RECORD_STATE, &m, err);
        free(path);
        WSL_TRY(status);
        out->state = (Wsl__Pb__StoredJobState *)(void *)m;
    }
    const bool same = memcmp(out->job->job.data, id->bytes, sizeof id->bytes) == 0 &&
                      (out->state == NULL || memcmp(out->state->job.data, id->bytes, sizeof id->bytes) == 0);
    return same ? WSL_OK : wsl_fail(err, WSL_CORRUPT, "a file of the job belongs to another one");
}

static int by_number(const void *a, const void *b)
{
    const uint64_t x = ((const jm_stored_job *)a)->job->number, y = ((const jm_stored_job *)b)->job->number;
    return x < y ? -1 : x > y;
}

/* Half-written files, and states of jobs that were being removed. */
static void tidy_up(const jm_store *s, const names *n)
{
    for (uint32_t i = 0; i < n->left.n; i++) {
        char *path = wsl_asprintf("%s/%s", s->jobs_dir, n->left.items[i]);
        (void)s->fs->remove(s->fs, path, NULL);
        free(path);
    }
    for (uint32_t i = 0; i < n->states.n; i++) {
        if (!holds(n->jobs.items, n->jobs.n, &n->states.items[i])) {
            (void)remove_file(s, &n->states.items[i], ".state", NULL);
        }
    }
}

wsl_status jm_store_load_jobs(const jm_store *s, jm_stored_job **out_jobs, uint32_t *out_n, wsl_error *err)
{
    names n = {0};
    const wsl_status status = s->fs->list(s->fs, s->jobs_dir, note_name, &n, err);
    if (status != WSL_OK) {
        names_fini(&n);
        return status;
    }
    jm_stored_job *jobs = wsl_calloc((size_t)n.jobs.n + 1, sizeof *jobs);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < n.jobs.n; i++) {
        const wsl_id *id = &n.jobs.items[i];
        wsl_error why = {0};
        jobs[kept] = (jm_stored_job){0};
        if (load_one(s, id, holds(n.states.items, n.states.n, id), &jobs[kept], &why) == WSL_OK) {
            kept++;
            continue;
        }
        char text[WSL_ID_TEXT_SIZE];
        stored_fini(&jobs[kept]);
        wsl_log(s->log, WSL_LOG_ERROR, "job.not_recovered",
                "job=%s reason=%s what=\"it is left out, its files stay; run it again from its last checkpoint (wiesel run -s)\"",
                wsl_id_text(id, text), why.text);
    }
    qsort(jobs, kept, sizeof *jobs, by_number);
    tidy_up(s, &n);
    names_fini(&n);
    *out_jobs = jobs;
    *out_n = kept;
    return WSL_OK;
}

/* ---- operations ---- */

wsl_status jm_store_put_operations(const jm_store *s, const void *bytes, size_t size, wsl_error *err)
{
    char *path = wsl_asprintf("%s/operations", s->dir);
    const wsl_status status = wsl_fs_write_atomic(s->fs, path, bytes, size, err);
    free(path);
    return status;
}

Wsl__Pb__StoredOperations *jm_store_load_operations(const jm_store *s)
{
    ProtobufCMessage *m = NULL;
    wsl_error why = {0};
    char *path = wsl_asprintf("%s/operations", s->dir);
    const wsl_status status = jm_record_read(s->fs, path, JM_RECORD_OPERATIONS, &m, &why);
    free(path);
    if (status == WSL_OK) {
        return (Wsl__Pb__StoredOperations *)(void *)m;
    }
    if (status != WSL_NOT_FOUND) {
        wsl_log(s->log, WSL_LOG_ERROR, "store.damaged", "reason=%s what=\"savepoints asked for before are forgotten\"",
                why.text);
    }
    return NULL;
}
