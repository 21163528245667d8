/*
 * cmd_plan - `wiesel plan JOB --against PATH|JOBID`: what becomes of each state that was kept if this version of a job begins with
 * it. By metadata alone, so it can be asked while the old job runs; the words and verdicts are those of ckpt/compat.h.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/strbuf.h"
#include "ckpt/compat.h"
#include "ckpt/deal_out.h"
#include "ckpt/storage.h"
#include "cli/accumulator.h"
#include "cli/cmd.h"
#include "cli/job_file.h"
#include "cli/operation.h"
#include "graph/job_options.h"

/* ---- with what ---- */

static int64_t time_of(const json_t *checkpoint)
{
    return json_is_object(checkpoint) ? json_integer_value(json_object_get(checkpoint, "trigger_timestamp")) : -1;
}

/* The newest checkpoint or savepoint of a job, as REST tells of it. */
static wsl_status newest_of(cli *c, const char *prefix, char **out_path, wsl_error *err)
{
    char id[WSL_ID_TEXT_SIZE];
    json_t *answer = NULL;
    WSL_TRY(cli_connect(c, err));
    WSL_TRY(cli_find_job(c, prefix, id, err));
    char *url = wsl_asprintf("/jobs/%s/checkpoints", id);
    const wsl_status status = cli_rest_call(c->rest, "GET", url, NULL, &answer, err);
    free(url);
    WSL_TRY(status);
    const json_t *latest = json_object_get(answer, "latest");
    const json_t *checkpoint = json_object_get(latest, "completed"), *savepoint = json_object_get(latest, "savepoint");
    const json_t *newest = time_of(savepoint) > time_of(checkpoint) ? savepoint : checkpoint;
    const char *path = json_string_value(json_object_get(newest, "external_path"));
    *out_path = path == NULL ? NULL : wsl_strdup(path);
    json_decref(answer);
    return *out_path != NULL ? WSL_OK
                             : wsl_fail(err, WSL_NOT_FOUND,
                                        "job %s has no complete checkpoint; take one with: wiesel savepoint %s DIR", id, id);
}

static bool is_there(const cli *c, const char *path)
{
    wsl_file_info info;
    return c->fs->stat(c->fs, path, &info, NULL) == WSL_OK;
}

static wsl_status find_against(cli *c, char **out_path, wsl_error *err)
{
    const char *text = c->args.against;
    if (text == NULL) {
        return wsl_fail(err, WSL_INVALID, "say --against a savepoint, a checkpoint or the id of a running job");
    }
    const bool hex = text[strspn(text, "0123456789abcdefABCDEF")] == '\0';
    return hex && !is_there(c, text) ? newest_of(c, text, out_path, err) : cli_whole_directory(text, out_path, err);
}

/* ---- one line after the other ---- */

typedef struct report {
    cli *c;
    const Wsl__Pb__CheckpointMeta *meta;
    const wsl_job_plan *plan;
    wsl_compat_internals internals;
    bool may_leave_out;
    json_t *operators; /* with --json */
    json_t *states;    /* ... of the operator in hand */
    wsl_strbuf lines;  /* ... of its states, without --json */
    wsl_compat worst;
    uint32_t n_orphaned, n_incompatible;
} report;

static void add_state(void *arg, const wsl_compat_state *state)
{
    report *r = arg;
    r->n_orphaned += state->verdict == WSL_COMPAT_ORPHANED;
    if (state->verdict != WSL_COMPAT_NEW && state->verdict != WSL_COMPAT_ORPHANED && state->verdict > r->worst) {
        r->worst = state->verdict;
    }
    if (r->operators != NULL) {
        (void)json_array_append_new(r->states, json_pack("{s:s, s:s, s:s}", "name", state->name, "verdict",
                                                         wsl_compat_name(state->verdict), "text", state->text));
        return;
    }
    wsl_strbuf_printf(&r->lines, "    %-12s  %s%s%s\n", wsl_compat_name(state->verdict), state->name,
                      state->text[0] != '\0' ? ": " : "", state->text);
}

static void begin_operator(report *r)
{
    r->worst = WSL_COMPAT_KEPT;
    r->states = r->operators != NULL ? json_array() : NULL;
    wsl_strbuf_clear(&r->lines);
}

/* n_old, n_new: parallelism, 0: there is none. */
static void end_operator(report *r, const char *uid, const char *name, const char *kind, wsl_compat verdict, uint32_t n_old,
                         uint32_t n_new, const char *text)
{
    if (r->operators != NULL) {
        (void)json_array_append_new(
            r->operators,
            json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:s, s:o}", "uid", uid, "name", name, "kind", kind, "verdict",
                      wsl_compat_name(verdict), "old_parallelism", (json_int_t)n_old, "parallelism", (json_int_t)n_new, "text",
                      text, "states", r->states));
        return;
    }
    (void)fprintf(r->c->out, "%-12s  %s (%s)", wsl_compat_name(verdict), name, kind);
    if (strncmp(uid, "topology-", 9) != 0) {
        (void)fprintf(r->c->out, ", uid %s", uid);
    }
    if (n_old != 0 && n_new != 0 && n_old != n_new) {
        (void)fprintf(r->c->out, ", parallelism %u -> %u", n_old, n_new);
    }
    (void)fprintf(r->c->out, "%s%s\n%s", text[0] != '\0' ? ": " : "", text, r->lines.data);
}

static const Wsl__Pb__Operator *operator_of(const wsl_job_plan *plan, const char *uid)
{
    for (size_t i = 0; i < plan->graph->n_operators; i++) {
        if (strcmp(plan->graph->operators[i]->uid, uid) == 0) {
            return plan->graph->operators[i];
        }
    }
    return NULL;
}

static uint64_t bytes_of(const Wsl__Pb__OperatorMeta *old)
{
    uint64_t bytes = old->enumerator.len;
    for (size_t i = 0; i < old->n_subtasks; i++) {
        for (size_t k = 0; k < old->subtasks[i]->n_sections; k++) {
            bytes += old->subtasks[i]->sections[k]->length;
        }
    }
    return bytes;
}

static void add_kept(report *r, const Wsl__Pb__OperatorMeta *old, const Wsl__Pb__Operator *op)
{
    wsl_error why = {0};
    const uint32_t parallelism = r->plan->vertices[r->plan->vertex_of[op->id]].parallelism;
    begin_operator(r);
    const bool fits = wsl_deal_out_check_operator(r->meta, r->plan, old, op, &why) == WSL_OK;
    if (fits) {
        wsl_compat_states(old, r->plan, op, &r->internals, add_state, r);
    }
    const wsl_compat verdict = fits ? r->worst : WSL_COMPAT_INCOMPATIBLE;
    r->n_incompatible += verdict == WSL_COMPAT_INCOMPATIBLE;
    end_operator(r, old->uid, op->name, op->kind, verdict, old->parallelism, parallelism, fits ? "" : why.text);
}

static void add_orphan(report *r, const Wsl__Pb__OperatorMeta *old)
{
    char text[120];
    const uint64_t bytes = bytes_of(old);
    if (bytes == 0) {
        return; /* nothing is lost */
    }
    (void)snprintf(text, sizeof text, "%llu bytes of state, and the job has no operator of that uid", (unsigned long long)bytes);
    begin_operator(r);
    r->n_orphaned++;
    end_operator(r, old->uid, old->name, old->kind, WSL_COMPAT_ORPHANED, old->parallelism, 0, text);
}

/* Does it keep anything for a checkpoint? */
static bool keeps_state(const Wsl__Pb__Operator *op)
{
    static const char *const none[] = {"process", "filter", "where", "select", "split", "co_process"};
    for (size_t i = 0; i < WSL_ARRAY_LEN(none); i++) {
        if (strcmp(op->kind, none[i]) == 0) {
            return op->n_operator_states > 0;
        }
    }
    return true;
}

static void add_new(report *r, const Wsl__Pb__Operator *op)
{
    if (wsl_deal_out_find(r->meta, op->uid) != NULL || !keeps_state(op)) {
        return;
    }
    begin_operator(r);
    end_operator(r, op->uid, op->name, op->kind, WSL_COMPAT_NEW, 0, r->plan->vertices[r->plan->vertex_of[op->id]].parallelism, "");
}

static void add_all(report *r)
{
    for (size_t i = 0; i < r->meta->n_operators; i++) {
        const Wsl__Pb__OperatorMeta *old = r->meta->operators[i];
        const Wsl__Pb__Operator *op = operator_of(r->plan, old->uid);
        if (op != NULL) {
            add_kept(r, old, op);
        } else {
            add_orphan(r, old);
        }
    }
    for (size_t i = 0; i < r->plan->graph->n_operators; i++) {
        add_new(r, r->plan->graph->operators[i]);
    }
}

/* ---- the whole ---- */

static bool can_begin(const report *r) { return r->n_incompatible == 0 && (r->n_orphaned == 0 || r->may_leave_out); }

static void say_head(const report *r, const char *path)
{
    (void)fprintf(r->c->out, "%s %llu of job '%s', and job '%s' as it would begin with it\n%s\n\n",
                  r->meta->savepoint ? "Savepoint" : "Checkpoint", (unsigned long long)r->meta->checkpoint, r->meta->job_name,
                  r->plan->graph->name, path);
}

static void say_end(const report *r, const char *path)
{
    if (r->operators != NULL) {
        cli_print_json(r->c, json_pack("{s:s, s:I, s:b, s:s, s:s, s:b, s:I, s:I, s:o}", "path", path, "checkpoint",
                                       (json_int_t)r->meta->checkpoint, "is_savepoint", (int)r->meta->savepoint, "old_job",
                                       r->meta->job_name, "job", r->plan->graph->name, "can_begin", (int)can_begin(r), "orphaned",
                                       (json_int_t)r->n_orphaned, "incompatible", (json_int_t)r->n_incompatible, "operators",
                                       r->operators));
    } else if (can_begin(r)) {
        (void)fprintf(r->c->out, "\nThe job can begin with it%s.\n", r->n_orphaned > 0 ? "; what is orphaned is left out" : "");
    } else {
        (void)fprintf(r->c->out, "\nThe job cannot begin with it: %u incompatible, %u orphaned%s.\n", r->n_incompatible, r->n_orphaned,
                      r->n_orphaned > 0 ? " (-n leaves those out)" : "");
    }
}

static wsl_status compare(cli *c, cli_job_file *job, const char *path, const Wsl__Pb__CheckpointMeta *meta, int *out_exit,
                          wsl_error *err)
{
    WSL_AUTO(wsl_job_plan) plan = NULL;
    WSL_AUTO(wsl_config) config = NULL;
    WSL_TRY(wsl_job_config_new(job->graph, &config, err));
    WSL_TRY(wsl_job_plan_new(job->graph, (uint32_t)wsl_config_int(c->config, "parallelism.default"), &plan, err));
    job->graph = NULL;
    wsl_deal_out_adopt(meta, plan);
    report r = {
        .c = c,
        .meta = meta,
        .plan = plan,
        .internals = {.arg = job->plugin, .accumulator = cli_accumulator},
        .may_leave_out = wsl_config_bool(config, "execution.state-recovery.ignore-unclaimed-state"),
        .operators = c->args.json ? json_array() : NULL,
    };
    wsl_strbuf_init(&r.lines);
    if (!c->args.json) {
        say_head(&r, path);
    }
    add_all(&r);
    say_end(&r, path);
    wsl_strbuf_fini(&r.lines);
    *out_exit = can_begin(&r) ? CLI_EXIT_OK : CLI_EXIT_FAILED;
    return WSL_OK;
}

wsl_status cmd_plan(cli *c, int *out_exit, wsl_error *err)
{
    const char *job_path = NULL;
    char *path = NULL;
    cli_job_file job = {0};
    Wsl__Pb__CheckpointMeta *meta = NULL;

    WSL_TRY(cli_one_argument(c, "a job (.so, .c or .json)", &job_path, err));
    WSL_TRY(cli_load_config(c, err));
    WSL_TRY(find_against(c, &path, err));
    wsl_status status = wsl_ckpt_load(c->fs, path, &meta, err);
    if (status == WSL_OK) {
        status = cli_job_file_load(c, job_path, &job, err);
    }
    if (status == WSL_OK) {
        status = compare(c, &job, path, meta, out_exit, err);
    }
    cli_job_file_fini(&job);
    if (meta != NULL) {
        wsl__pb__checkpoint_meta__free_unpacked(meta, NULL);
    }
    free(path);
    return status;
}
