/*
 * cmd_checkpoint - `wiesel checkpoint list DIR|JOBID`, `show PATH`, `verify PATH`: directories, without a cluster; and
 * `wiesel checkpoint JOBID`, which asks a running job for one.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/vec.h"
#include "ckpt/storage.h"
#include "cli/cmd.h"
#include "cli/event_text.h"
#include "cli/operation.h"

/* ---- what is common to them ---- */

static const char *when(int64_t ms, char out[CLI_TIME_TEXT])
{
    json_t *number = json_integer(ms);
    const char *text = cli_event_time_text(number, out);
    json_decref(number);
    return text;
}

static const char *job_text(const Wsl__Pb__CheckpointMeta *meta, char out[WSL_ID_TEXT_SIZE])
{
    wsl_id id;
    memcpy(id.bytes, meta->job.data, sizeof id.bytes); /* 16 bytes: checked with the metadata */
    return wsl_id_text(&id, out);
}

static json_t *summary_json(const Wsl__Pb__CheckpointMeta *meta, const char *path)
{
    char job[WSL_ID_TEXT_SIZE];
    return json_pack("{s:I, s:s, s:s, s:s, s:b, s:I, s:I, s:I, s:I, s:I, s:s}", "id", (json_int_t)meta->checkpoint, "job-id",
                     job_text(meta, job), "job-name", meta->job_name, "status", "COMPLETED", "is_savepoint",
                     (int)meta->savepoint, "trigger_timestamp", (json_int_t)meta->trigger_ms, "completed_timestamp",
                     (json_int_t)meta->complete_ms, "size", (json_int_t)meta->state_bytes, "files",
                     (json_int_t)meta->n_files, "operators", (json_int_t)meta->n_operators, "path", path);
}

/* ---- list ---- */

typedef struct listing {
    cli *c;
    json_t *rows; /* with --json */
    uint32_t n;
} listing;

static void print_row(listing *l, const char *path, const Wsl__Pb__CheckpointMeta *meta, const wsl_error *why)
{
    char job[WSL_ID_TEXT_SIZE], time[CLI_TIME_TEXT];
    FILE *out = l->c->out;
    if (l->n++ == 0) {
        (void)fprintf(out, "%-32s  %8s  %-23s  %-10s  %14s  %s\n", "JOB", "ID", "COMPLETED", "KIND", "BYTES", "PATH");
    }
    if (meta == NULL) {
        (void)fprintf(out, "%-32s  %8s  %-23s  %-10s  %14s  %s\n    %s\n", "-", "-", "-", "DAMAGED", "-", path, why->text);
        return;
    }
    (void)fprintf(out, "%-32s  %8llu  %-23s  %-10s  %14llu  %s\n", job_text(meta, job), (unsigned long long)meta->checkpoint,
                  when(meta->complete_ms, time), meta->savepoint ? "savepoint" : "checkpoint",
                  (unsigned long long)meta->state_bytes, path);
}

/* A damaged one is a row, too: who lists them wants to know. */
static void list_one(listing *l, const char *path)
{
    Wsl__Pb__CheckpointMeta *meta = NULL;
    wsl_error why = {0};
    const bool fine = wsl_ckpt_load(l->c->fs, path, &meta, &why) == WSL_OK;
    if (l->rows == NULL) {
        print_row(l, path, fine ? meta : NULL, &why);
    } else {
        (void)json_array_append_new(l->rows, fine ? summary_json(meta, path)
                                                  : json_pack("{s:s, s:s, s:s}", "status", "DAMAGED", "path", path,
                                                              "error", why.text));
    }
    if (fine) {
        wsl__pb__checkpoint_meta__free_unpacked(meta, NULL);
    }
}

static wsl_status list_job(listing *l, const char *job_dir, wsl_error *err)
{
    uint64_t *ids = NULL;
    uint32_t n = 0;
    WSL_TRY(wsl_ckpt_list(l->c->fs, job_dir, &ids, &n, err));
    for (uint32_t i = 0; i < n; i++) {
        char *path = wsl_ckpt_path(job_dir, ids[i]);
        list_one(l, path);
        free(path);
    }
    free(ids);
    return WSL_OK;
}

typedef struct names {
    WSL_VEC(char *) list;
    const char *prefix; /* only these */
} names;

static bool add_name(void *arg, const char *name, const wsl_file_info *info)
{
    names *all = arg;
    if (info->is_dir && strncmp(name, all->prefix, strlen(all->prefix)) == 0) {
        wsl_vec_push(&all->list, wsl_strdup(name));
    }
    return true;
}

static int compare_names(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static bool has_metadata(const cli *c, const char *dir)
{
    wsl_file_info info;
    char *path = wsl_asprintf("%s/_metadata", dir);
    const bool there = c->fs->stat(c->fs, path, &info, NULL) == WSL_OK;
    free(path);
    return there;
}

/* What is directly in it: checkpoints by number, then directories of jobs and savepoints that begin with prefix. */
static wsl_status list_dir(listing *l, const char *dir, const char *prefix, uint32_t *out_dirs, wsl_error *err)
{
    names all = {.prefix = prefix};
    wsl_id id;
    wsl_status status = prefix[0] == '\0' ? list_job(l, dir, err) : WSL_OK;
    if (status == WSL_OK) {
        status = l->c->fs->list(l->c->fs, dir, add_name, &all, err);
    }
    if (all.list.n > 1) {
        qsort(all.list.items, all.list.n, sizeof *all.list.items, compare_names);
    }
    for (uint32_t i = 0; i < all.list.n; i++) {
        const char *name = all.list.items[i];
        char *path = wsl_asprintf("%s/%s", strcmp(dir, "/") == 0 ? "" : dir, name);
        if (status == WSL_OK && wsl_id_parse(name, &id)) {
            (*out_dirs)++;
            status = list_job(l, path, err);
        } else if (status == WSL_OK && strncmp(name, "chk-", 4) != 0 && has_metadata(l->c, path)) {
            list_one(l, path);
        }
        free(path);
        free(all.list.items[i]);
    }
    wsl_vec_fini(&all.list);
    return status;
}

static bool is_dir(const cli *c, const char *path)
{
    wsl_file_info info;
    return c->fs->stat(c->fs, path, &info, NULL) == WSL_OK && info.is_dir;
}

/* Digits of a job's id: looked for where checkpoints are kept. */
static wsl_status list_of_job(listing *l, const char *job, wsl_error *err)
{
    cli *c = l->c;
    char *dir = NULL;
    uint32_t n = 0;
    char prefix[WSL_ID_TEXT_SIZE] = "";
    bool hex = strlen(job) < sizeof prefix;
    for (size_t i = 0; hex && job[i] != '\0'; i++) {
        hex = isxdigit((unsigned char)job[i]);
        prefix[i] = (char)tolower((unsigned char)job[i]);
        prefix[i + 1] = '\0';
    }
    if (!hex || prefix[0] == '\0') {
        return wsl_fail(err, WSL_NOT_FOUND, "'%.200s' is no directory and no id of a job", job);
    }
    WSL_TRY(cli_load_config(c, err));
    const char *value = wsl_config_str(c->config, "execution.checkpointing.dir");
    if (value == NULL || value[0] == '\0') {
        return wsl_fail(err, WSL_INVALID,
                        "'%.200s' is no directory; to find a job's checkpoints, execution.checkpointing.dir must be set", job);
    }
    WSL_TRY(wsl_ckpt_dir(value, &dir, err));
    wsl_status status = list_dir(l, dir, prefix, &n, err);
    if (status == WSL_OK && n == 0) {
        status = wsl_fail(err, WSL_NOT_FOUND, "%s has no checkpoints of a job whose id begins with %s", dir, prefix);
    }
    free(dir);
    return status;
}

static wsl_status list_what(listing *l, const char *what, wsl_error *err)
{
    char *dir = NULL;
    uint32_t n = 0;
    wsl_status status = WSL_OK;
    if (strncmp(what, "file:", 5) == 0) {
        WSL_TRY(wsl_ckpt_dir(what, &dir, err));
    } else if (is_dir(l->c, what)) {
        dir = wsl_strdup(what);
        for (size_t size = strlen(dir); size > 1 && dir[size - 1] == '/'; size--) {
            dir[size - 1] = '\0';
        }
    } else {
        return strchr(what, '/') != NULL ? wsl_fail(err, WSL_NOT_FOUND, "there is no directory %.300s", what)
                                         : list_of_job(l, what, err);
    }
    if (has_metadata(l->c, dir)) {
        list_one(l, dir);
    } else {
        status = list_dir(l, dir, "", &n, err);
    }
    free(dir);
    return status;
}

static wsl_status run_list(cli *c, const char *what, wsl_error *err)
{
    listing l = {.c = c, .rows = c->args.json ? json_array() : NULL};
    const wsl_status status = list_what(&l, what, err);
    if (status != WSL_OK) {
        json_decref(l.rows);
        return status;
    }
    if (c->args.json) {
        cli_print_json(c, json_pack("{s:o}", "checkpoints", l.rows));
    } else if (l.n == 0) {
        (void)fprintf(c->out, "No checkpoints in %s.\n", what);
    }
    return WSL_OK;
}

/* ---- show ---- */

static const char *kind_name(const Wsl__Pb__Section *s)
{
    const ProtobufCEnumValue *value =
        protobuf_c_enum_descriptor_get_value(&wsl__pb__section_kind__descriptor, (int)s->kind);
    return value != NULL ? value->name + strlen("SECTION_") : "?";
}

/* All sections of a kind and name in all subtasks are one line. */
typedef struct line {
    const Wsl__Pb__Section *first;
    uint32_t layers; /* at most, in one subtask */
    uint64_t records, bytes;
} line;
typedef WSL_VEC(line) lines;

static void gather(const Wsl__Pb__OperatorMeta *op, lines *out)
{
    for (size_t i = 0; i < op->n_subtasks; i++) {
        for (size_t k = 0; k < op->subtasks[i]->n_sections; k++) {
            const Wsl__Pb__Section *s = op->subtasks[i]->sections[k];
            uint32_t at = 0;
            while (at < out->n && (out->items[at].first->kind != s->kind || strcmp(out->items[at].first->name, s->name) != 0)) {
                at++;
            }
            if (at == out->n) {
                wsl_vec_push(out, ((line){.first = s}));
            }
            out->items[at].records += s->records;
            out->items[at].bytes += s->length;
            out->items[at].layers = s->layer + 1 > out->items[at].layers ? s->layer + 1 : out->items[at].layers;
        }
    }
}

static int64_t watermark_of(const Wsl__Pb__OperatorMeta *op)
{
    int64_t least = INT64_MAX;
    for (size_t i = 0; i < op->n_subtasks; i++) {
        least = op->subtasks[i]->watermark < least ? op->subtasks[i]->watermark : least;
    }
    return op->n_subtasks > 0 ? least : INT64_MIN;
}

static json_t *states_json(const Wsl__Pb__Section *s)
{
    json_t *states = json_array();
    for (size_t i = 0; i < s->n_states; i++) {
        (void)json_array_append_new(states, json_string(s->states[i]->name));
    }
    return states;
}

static json_t *operator_json(const Wsl__Pb__OperatorMeta *op)
{
    lines all = {.n = 0};
    json_t *sections = json_array();
    gather(op, &all);
    for (uint32_t i = 0; i < all.n; i++) {
        const line *l = &all.items[i];
        (void)json_array_append_new(sections, json_pack("{s:s, s:s, s:o, s:I, s:I, s:I}", "kind", kind_name(l->first),
                                                        "name", l->first->name, "states", states_json(l->first), "records",
                                                        (json_int_t)l->records, "size", (json_int_t)l->bytes, "layers",
                                                        (json_int_t)l->layers));
    }
    wsl_vec_fini(&all);
    const int64_t watermark = watermark_of(op);
    return json_pack("{s:s, s:s, s:s, s:I, s:I, s:o, s:I, s:o}", "uid", op->uid, "name", op->name, "kind", op->kind,
                     "parallelism", (json_int_t)op->parallelism, "max_parallelism", (json_int_t)op->max_parallelism,
                     "watermark", watermark == INT64_MIN ? json_null() : json_integer(watermark), "enumerator_size",
                     (json_int_t)op->enumerator.len, "sections", sections);
}

static void print_operator(cli *c, const Wsl__Pb__OperatorMeta *op)
{
    lines all = {.n = 0};
    char time[CLI_TIME_TEXT];
    const int64_t watermark = watermark_of(op);
    (void)fprintf(c->out, "\n%s (%s)\n    uid %s, parallelism %u of at most %u, watermark %s\n", op->name, op->kind, op->uid,
                  op->parallelism, op->max_parallelism, watermark == INT64_MIN ? "-" : when(watermark, time));
    if (op->has_enumerator) {
        (void)fprintf(c->out, "    enumerator: %zu bytes\n", op->enumerator.len);
    }
    gather(op, &all);
    for (uint32_t i = 0; i < all.n; i++) {
        const line *l = &all.items[i];
        (void)fprintf(c->out, "    %s '%s': %llu records, %llu bytes", kind_name(l->first), l->first->name,
                      (unsigned long long)l->records, (unsigned long long)l->bytes);
        if (l->layers > 1) {
            (void)fprintf(c->out, " in %u layers", l->layers);
        }
        for (size_t k = 0; k < l->first->n_states; k++) {
            (void)fprintf(c->out, "%s%s", k == 0 ? "; states " : ", ", l->first->states[k]->name);
        }
        (void)fputc('\n', c->out);
    }
    if (all.n == 0 && !op->has_enumerator) {
        (void)fprintf(c->out, "    no state\n");
    }
    wsl_vec_fini(&all);
}

static void run_show(cli *c, const char *path, const Wsl__Pb__CheckpointMeta *meta)
{
    char job[WSL_ID_TEXT_SIZE], begin[CLI_TIME_TEXT], end[CLI_TIME_TEXT];
    if (c->args.json) {
        json_t *document = summary_json(meta, path);
        json_t *operators = json_array();
        for (size_t i = 0; i < meta->n_operators; i++) {
            (void)json_array_append_new(operators, operator_json(meta->operators[i]));
        }
        (void)json_object_set_new(document, "operators", operators);
        cli_print_json(c, document);
        return;
    }
    (void)fprintf(c->out, "%s %llu of job %s (%s)\ntriggered %s, complete %s, %zu files, %llu bytes\n",
                  meta->savepoint ? "Savepoint" : "Checkpoint", (unsigned long long)meta->checkpoint,
                  job_text(meta, job), meta->job_name, when(meta->trigger_ms, begin), when(meta->complete_ms, end),
                  meta->n_files, (unsigned long long)meta->state_bytes);
    for (size_t i = 0; i < meta->n_operators; i++) {
        print_operator(c, meta->operators[i]);
    }
}

/* ---- verify ---- */

static wsl_status run_verify(cli *c, const char *path, const Wsl__Pb__CheckpointMeta *meta, wsl_error *err)
{
    char *base = wsl_ckpt_base(path, meta);
    const wsl_status status = wsl_ckpt_verify_records(c->fs, base, meta, err);
    free(base);
    WSL_TRY(status);
    if (c->args.json) {
        json_t *document = summary_json(meta, path);
        (void)json_object_set_new(document, "verified", json_true());
        cli_print_json(c, document);
        return WSL_OK;
    }
    (void)fprintf(c->out, "%s %llu is whole: %zu files, %llu bytes, every record read.\n",
                  meta->savepoint ? "Savepoint" : "Checkpoint", (unsigned long long)meta->checkpoint, meta->n_files,
                  (unsigned long long)meta->state_bytes);
    return WSL_OK;
}

/* ---- a new one ---- */

static wsl_status run_trigger(cli *c, const char *job, wsl_error *err)
{
    char id[WSL_ID_TEXT_SIZE], request[WSL_ID_TEXT_SIZE];
    json_t *result = NULL;
    WSL_TRY(cli_connect(c, err));
    WSL_TRY(cli_find_job(c, job, id, err));
    if (!c->args.json) {
        (void)fprintf(c->out, "Triggering checkpoint for job %s.\nWaiting for response...\n", id);
        (void)fflush(c->out);
    }
    char *path = wsl_asprintf("/jobs/%s/checkpoints", id);
    wsl_status status = cli_operation_begin(c, path, json_object(), request, err);
    if (status == WSL_OK) {
        status = cli_operation_await(c, path, request, &result, err);
    }
    free(path);
    if (status != WSL_OK) {
        return wsl_fail_prefix(err, status, "no checkpoint of job %s", id);
    }
    const json_int_t number = json_integer_value(json_object_get(result, "checkpointId"));
    json_decref(result);
    if (c->args.json) {
        cli_print_json(c, json_pack("{s:s, s:I}", "jobid", id, "checkpointId", number));
    } else {
        (void)fprintf(c->out,
                      "Checkpoint %lld for job %s completed.\nYou can resume your program from this checkpoint with the run command.\n",
                      (long long)number, id);
    }
    return WSL_OK;
}

/* ---- the verb ---- */

/* Digits of a job's id. */
static bool is_job(const char *text) { return text[0] != '\0' && text[strspn(text, "0123456789abcdefABCDEF")] == '\0'; }

wsl_status cmd_checkpoint(cli *c, int *out_exit, wsl_error *err)
{
    const char *what = c->args.n_positionals > 0 ? c->args.positionals[0] : "";
    const bool list = strcmp(what, "list") == 0, show = strcmp(what, "show") == 0;
    Wsl__Pb__CheckpointMeta *meta = NULL;

    (void)out_exit;
    if (!list && !show && strcmp(what, "verify") != 0) {
        return c->args.n_positionals == 1 && is_job(what)
                   ? run_trigger(c, what, err)
                   : wsl_fail(err, WSL_INVALID, "say list DIR, show PATH, verify PATH or the id of a job that is to take one%s%.60s%s",
                              what[0] != '\0' ? ", not '" : "", what, what[0] != '\0' ? "'" : "");
    }
    if (c->args.n_positionals != 2) {
        return wsl_fail(err, WSL_INVALID, "checkpoint %s takes one argument: %s", what,
                        list ? "a directory or the id of a job" : "the directory of a checkpoint");
    }
    const char *path = c->args.positionals[1];
    if (list) {
        return run_list(c, path, err);
    }
    WSL_TRY(wsl_ckpt_load(c->fs, path, &meta, err));
    wsl_status status = WSL_OK;
    if (show) {
        run_show(c, path, meta);
    } else {
        status = run_verify(c, path, meta, err);
    }
    wsl__pb__checkpoint_meta__free_unpacked(meta, NULL);
    return status;
}
