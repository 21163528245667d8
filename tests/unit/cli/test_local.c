/* `wiesel run --local`: a whole cluster in this process. */
#include "harness/wsl_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "cli/cmd.h"

static void put(const char *dir, const char *name, const char *text)
{
    char *path = wsl_asprintf("%s/%s", dir, name);
    wsl_error err = {0};

    cr_assert_eq(wsl_fs_write_atomic(wsl_fs_posix(), path, text, strlen(text), &err), WSL_OK, "%s", err.text);
    free(path);
}

typedef struct said {
    char *out, *err;
    int code;
} said;

static said run_local(const char *dir, const char *parallelism, const char *more)
{
    said s = {0};
    size_t out_size = 0, err_size = 0;
    FILE *out = open_memstream(&s.out, &out_size), *err = open_memstream(&s.err, &err_size);
    char *path = wsl_asprintf("%s/job.json", dir);
    const char *argv[] = {"wiesel", "run", "--local", "-p", parallelism, path, more};

    s.code = cli_main(more != NULL ? 7 : 6, (char **)argv, out, err);
    (void)fclose(out);
    (void)fclose(err);
    free(path);
    return s;
}

static char *room(const char *source_options)
{
    char *dir = wsl_strdup("/tmp/wiesel-local-test-XXXXXX");

    cr_assert_not_null(mkdtemp(dir));
    char *job = wsl_asprintf(
        "{\"name\":\"sums\",\"operators\":[{\"name\":\"in\",\"source\":\"file\",\"schema\":{\"k\":\"STRING\","
        "\"v\":\"BIGINT\"},\"options\":{\"path\":\"%s/in\",\"format\":\"json\"%s}},"
        "{\"name\":\"sums\",\"key_by\":\"k\",\"aggregate\":\"k, SUM(v) AS s\"},"
        "{\"name\":\"out\",\"sink\":\"collect\"}]}",
        dir, source_options);
    put(dir, "job.json", job);
    free(job);
    return dir;
}

static void drop(char *dir, said *s)
{
    char *command = wsl_asprintf("rm -r '%s'", dir);

    cr_assert_eq(system(command), 0);
    free(command);
    free(dir);
    free(s->out);
    free(s->err);
}

Test(local, runs_a_job_to_its_end_and_gives_its_rows)
{
    char *dir = room("");

    put(dir, "in", "{\"k\":\"a\",\"v\":1}\n{\"k\":\"b\",\"v\":5}\n{\"k\":\"a\",\"v\":2}\n");
    said s = run_local(dir, "1", NULL);
    cr_assert_eq(s.code, CLI_EXIT_OK, "%s", s.err);
    cr_assert_str_eq(s.out, "{\"k\":\"a\",\"s\":1}\n{\"k\":\"b\",\"s\":5}\n{\"k\":\"a\",\"s\":3}\n");
    cr_assert(has_text(s.err, "has finished."), "%s", s.err);
    drop(dir, &s);
}

Test(local, has_as_many_slots_as_the_job_needs)
{
    char *dir = room("");

    put(dir, "in", "{\"k\":\"a\",\"v\":1}\n{\"k\":\"a\",\"v\":2}\n");
    said s = run_local(dir, "3", NULL);
    cr_assert_eq(s.code, CLI_EXIT_OK, "%s", s.err);
    cr_assert_str_eq(s.out, "{\"k\":\"a\",\"s\":1}\n{\"k\":\"a\",\"s\":3}\n");
    drop(dir, &s);
}

Test(local, tells_why_a_job_failed)
{
    char *dir = room("");

    put(dir, "in", "{\"k\":\"a\",\"v\":1}\nnonsense\n");
    said s = run_local(dir, "1", "--json");
    cr_assert_eq(s.code, CLI_EXIT_FAILED, "%s", s.err);
    cr_assert(has_text(s.err, " failed: "), "%s", s.err);
    cr_assert(has_text(s.err, "/in"), "names the file: %s", s.err);
    cr_assert(has_text(s.out, "\"state\":\"FAILED\""), "%s", s.out);
    drop(dir, &s);
}

Test(local, refuses_a_job_whose_input_is_missing)
{
    char *dir = room("");
    said s = run_local(dir, "1", NULL);

    cr_assert_eq(s.code, CLI_EXIT_USAGE, "%s", s.err);
    cr_assert(has_text(s.err, "there is no file or directory"), "%s", s.err);
    drop(dir, &s);
}
