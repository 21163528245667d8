#include "harness/wsl_test.h"

#include <stdlib.h>
#include <string.h>

#include "cli/job_table.h"

static const char overview[] =
    "{\"jobs\":["
    "{\"jid\":\"bb88b0105002155c0f80734df5a769aa\",\"name\":\"CarTopSpeed\",\"state\":\"RUNNING\",\"start-time\":2000},"
    "{\"jid\":\"bb99b0105002155c0f80734df5a769aa\",\"name\":\"big\",\"state\":\"CREATED\",\"start-time\":3000,"
    "\"waiting\":\"needs 5 slots, 4 free\"},"
    "{\"jid\":\"6776c5bdb7e831dbe3a01aa96848ba20\",\"name\":\"demo\",\"state\":\"FAILED\",\"start-time\":1000},"
    "{\"jid\":\"0076c5bdb7e831dbe3a01aa96848ba20\",\"name\":\"early\",\"state\":\"RESTARTING\",\"start-time\":500}]}";

static cli_job_table table_of(const char *text)
{
    cli_job_table table;
    wsl_error err = {0};

    cr_assert_eq(cli_job_table_init(&table, json_loads(text, 0, NULL), &err), WSL_OK, "%s", err.text);
    return table;
}

Test(job_table, prints_flinks_layout_ordered_by_start)
{
    cli_job_table table = table_of(overview);
    wsl_strbuf out;

    (void)setenv("TZ", "UTC", 1);
    wsl_strbuf_init(&out);
    cli_job_table_print(&table, 7, &out);
    cr_assert_str_eq(out.data, "------------------ Running/Restarting Jobs -------------------\n"
                               "01.01.1970 00:00:00 : 0076c5bdb7e831dbe3a01aa96848ba20 : early (RESTARTING)\n"
                               "01.01.1970 00:00:02 : bb88b0105002155c0f80734df5a769aa : CarTopSpeed (RUNNING)\n"
                               "--------------------------------------------------------------\n"
                               "----------------------- Scheduled Jobs -----------------------\n"
                               "01.01.1970 00:00:03 : bb99b0105002155c0f80734df5a769aa : big (CREATED)\n"
                               "    waits: needs 5 slots, 4 free\n"
                               "--------------------------------------------------------------\n"
                               "---------------------- Terminated Jobs -----------------------\n"
                               "01.01.1970 00:00:01 : 6776c5bdb7e831dbe3a01aa96848ba20 : demo (FAILED)\n"
                               "--------------------------------------------------------------\n");
    wsl_strbuf_fini(&out);
    cli_job_table_fini(&table);
}

Test(job_table, says_when_there_is_none)
{
    cli_job_table table = table_of("{\"jobs\":[]}");
    wsl_strbuf out;

    wsl_strbuf_init(&out);
    cli_job_table_print(&table, 3, &out);
    cr_assert_str_eq(out.data, "No running jobs.\nNo scheduled jobs.\n");
    wsl_strbuf_fini(&out);
    cli_job_table_fini(&table);
}

Test(job_table, a_unique_prefix_names_a_job)
{
    cli_job_table table = table_of(overview);
    const cli_job *job = NULL;
    wsl_error err = {0};

    cr_assert_eq(cli_job_table_find(&table, "BB8", &job, &err), WSL_OK);
    cr_assert_str_eq(job->name, "CarTopSpeed");
    cr_assert_eq(cli_job_table_find(&table, "6776c5bdb7e831dbe3a01aa96848ba20", &job, &err), WSL_OK);
    cr_assert_str_eq(job->name, "demo");
    cr_assert_eq(cli_job_table_find(&table, "bb", &job, &err), WSL_INVALID);
    cr_assert(has_text(err.text, "more than one job"), "%s", err.text);
    cr_assert_eq(cli_job_table_find(&table, "ff", &job, &err), WSL_NOT_FOUND);
    cr_assert(has_text(err.text, "no job with id 'ff'"), "%s", err.text);
    cr_assert_eq(cli_job_table_find(&table, "notanid", &job, &err), WSL_INVALID);
    cr_assert_eq(cli_job_table_find(&table, "", &job, &err), WSL_INVALID);
    cr_assert_eq(cli_job_table_find(&table, "6776c5bdb7e831dbe3a01aa96848ba200", &job, &err), WSL_INVALID, "33 digits");
    cli_job_table_fini(&table);
}

Test(job_table, refuses_what_is_no_list_of_jobs)
{
    static const char *const wrong[] = {"{}", "[]", "{\"jobs\":7}", "{\"jobs\":[{}]}",
                                        "{\"jobs\":[{\"jid\":1,\"name\":\"x\",\"state\":\"y\"}]}"};

    for (size_t i = 0; i < 5; i++) {
        cli_job_table table;
        wsl_error err = {0};
        cr_assert_eq(cli_job_table_init(&table, json_loads(wrong[i], 0, NULL), &err), WSL_FORMAT, "%s", wrong[i]);
    }
}
