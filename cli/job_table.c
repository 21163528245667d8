#include "cli/job_table.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/id.h"

enum { LINE_WIDTH = 62 };

void cli_job_table_fini(cli_job_table *table)
{
    free(table->jobs);
    json_decref(table->document);
    *table = (cli_job_table){0};
}

bool cli_is_terminal(const char *state)
{
    return strcmp(state, "FINISHED") == 0 || strcmp(state, "FAILED") == 0 || strcmp(state, "CANCELED") == 0;
}

/* A job that waits for slots is CREATED; all that is neither that nor over counts as running. */
static cli_job_group group_of(const char *state)
{
    if (cli_is_terminal(state)) {
        return CLI_JOB_TERMINATED;
    }
    return strcmp(state, "CREATED") == 0 || strcmp(state, "INITIALIZING") == 0 ? CLI_JOB_SCHEDULED : CLI_JOB_RUNNING;
}

static int by_start(const void *a, const void *b)
{
    const cli_job *x = a, *y = b;

    if (x->start_ms != y->start_ms) {
        return x->start_ms < y->start_ms ? -1 : 1;
    }
    return strcmp(x->id, y->id);
}

static bool read_job(const json_t *from, cli_job *job)
{
    *job = (cli_job){.id = json_string_value(json_object_get(from, "jid")),
                     .name = json_string_value(json_object_get(from, "name")),
                     .state = json_string_value(json_object_get(from, "state")),
                     .waiting = json_string_value(json_object_get(from, "waiting")),
                     .start_ms = json_integer_value(json_object_get(from, "start-time"))};
    if (job->id == NULL || job->name == NULL || job->state == NULL) {
        return false;
    }
    job->group = group_of(job->state);
    return true;
}

wsl_status cli_job_table_init(cli_job_table *table, json_t *document, wsl_error *err)
{
    const json_t *list = json_object_get(document, "jobs");
    const size_t n = json_array_size(list);

    *table = (cli_job_table){.document = document};
    if (!json_is_array(list) || n > CLI_JOBS_MAX) {
        cli_job_table_fini(table);
        return wsl_fail(err, WSL_FORMAT, "the answer of /jobs/overview is not a list of jobs");
    }
    table->jobs = wsl_calloc(n + 1, sizeof *table->jobs);
    for (size_t i = 0; i < n; i++) {
        if (!read_job(json_array_get(list, i), &table->jobs[i])) {
            cli_job_table_fini(table);
            return wsl_fail(err, WSL_FORMAT, "the answer of /jobs/overview has a job without jid, name or state");
        }
        table->n++;
    }
    qsort(table->jobs, table->n, sizeof *table->jobs, by_start);
    return WSL_OK;
}

/* ---- printing ---- */

static void print_rule(wsl_strbuf *out, const char *title)
{
    const size_t size = strlen(title);
    const size_t left = (LINE_WIDTH - size) / 2;

    for (size_t i = 0; i < LINE_WIDTH - size; i++) {
        if (i == left) {
            wsl_strbuf_puts(out, title);
        }
        wsl_strbuf_putc(out, '-');
    }
    wsl_strbuf_putc(out, '\n');
}

static void print_job(wsl_strbuf *out, const cli_job *job)
{
    char when[32];
    struct tm local;
    const time_t seconds = (time_t)(job->start_ms / 1000);

    if (localtime_r(&seconds, &local) == NULL || strftime(when, sizeof when, "%d.%m.%Y %H:%M:%S", &local) == 0) {
        (void)memcpy(when, "?", 2);
    }
    wsl_strbuf_printf(out, "%s : %s : %s (%s)\n", when, job->id, job->name, job->state);
    if (job->waiting != NULL && job->waiting[0] != '\0') {
        wsl_strbuf_printf(out, "    waits: %s\n", job->waiting);
    }
}

static void print_group(const cli_job_table *table, cli_job_group group, const char *title, const char *none,
                        wsl_strbuf *out)
{
    bool any = false;

    for (uint32_t i = 0; i < table->n; i++) {
        if (table->jobs[i].group != group) {
            continue;
        }
        if (!any) {
            print_rule(out, title);
        }
        any = true;
        print_job(out, &table->jobs[i]);
    }
    if (any) {
        print_rule(out, "");
    } else {
        wsl_strbuf_puts(out, none);
    }
}

void cli_job_table_print(const cli_job_table *table, uint32_t which, wsl_strbuf *out)
{
    if (which & 1u << CLI_JOB_RUNNING) {
        print_group(table, CLI_JOB_RUNNING, " Running/Restarting Jobs ", "No running jobs.\n", out);
    }
    if (which & 1u << CLI_JOB_SCHEDULED) {
        print_group(table, CLI_JOB_SCHEDULED, " Scheduled Jobs ", "No scheduled jobs.\n", out);
    }
    if (which & 1u << CLI_JOB_TERMINATED) {
        print_group(table, CLI_JOB_TERMINATED, " Terminated Jobs ", "No terminated jobs.\n", out);
    }
}

/* ---- finding ---- */

wsl_status cli_job_table_find(const cli_job_table *table, const char *prefix, const cli_job **out_job, wsl_error *err)
{
    const size_t size = strlen(prefix);
    const cli_job *found = NULL;

    if (size == 0 || size >= WSL_ID_TEXT_SIZE || strspn(prefix, "0123456789abcdefABCDEF") != size) {
        return wsl_fail(err, WSL_INVALID,
                        "'%.60s' is not the id of a job: give its 32 hex digits, or as many of the first as are unique",
                        prefix);
    }
    for (uint32_t i = 0; i < table->n; i++) {
        if (strncasecmp(table->jobs[i].id, prefix, size) != 0) {
            continue;
        }
        if (found != NULL) {
            return wsl_fail(err, WSL_INVALID, "'%s' is the beginning of more than one job's id: give more digits",
                            prefix);
        }
        found = &table->jobs[i];
    }
    if (found == NULL) {
        return wsl_fail(err, WSL_NOT_FOUND, "there is no job with id '%s': see wiesel list -a", prefix);
    }
    *out_job = found;
    return WSL_OK;
}
