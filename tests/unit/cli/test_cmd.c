/* The program as a whole, where it needs no cluster. */
#include "harness/wsl_test.h"
#include "harness/cli_kit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

static void fails(said s, int code, const char *says)
{
    cr_assert_eq(s.code, code, "%d: %s", s.code, s.err);
    cr_assert(has_text(s.err, says), "'%s' does not say '%s'", s.err, says);
    cr_assert_eq(strchr(s.err, '\n'), s.err + strlen(s.err) - 1, "one line: '%s'", s.err);
    drop(&s);
}

Test(cmd, wrong_usage_is_one_sentence_and_exit_code_2)
{
    fails(RUN("cancle", "x"), 2, "\"cancle\" is not a valid verb; did you mean 'cancel'?");
    fails(RUN("run"), 2, "what is missing is a job (.so, .c or .json)");
    fails(RUN("cancel"), 2, "what is missing is the id of the job to cancel");
    fails(RUN("late"), 2, "what is missing is the id of the job");
    fails(RUN("watermarks", "a", "b"), 2, "unexpected argument 'b'");
    fails(RUN("late", "a", "--operator", ""), 2, "--operator needs a value that is not empty");
    fails(RUN("run", "a.so", "b"), 2, "unexpected argument 'b': arguments of a job stand behind --");
    fails(RUN("list", "--runing"), 2, "did you mean '--running'?");
    fails(RUN("list", "-m", "nowhere"), 2, "'nowhere' is not the address of a JobManager");
    fails(RUN("run", "--local", "-d", "x.so"), 2, "--local runs in this process");
    fails(RUN("list", "-D", "rest.prot=1"), 2, "rest.port");
}

Test(cmd, a_missing_job_is_exit_code_4)
{
    fails(RUN("run", "/no/such/job.so"), 4, "there is no file '/no/such/job.so'");
    fails(RUN("info", "/no/such/graph.json"), 4, "there is no file '/no/such/graph.json'");
}

Test(cmd, what_is_no_job_is_refused)
{
    fails(RUN("run", "/etc/passwd"), 2, "must end in .so, .c or .json");
    fails(RUN("run", "/tmp"), 2, "'/tmp' is not a file");
}

Test(cmd, nobody_there_is_exit_code_3)
{
    fails(RUN("list", "-m", "127.0.0.1:1"), 3, "no JobManager answers at http://127.0.0.1:1 (connection refused)");
    fails(RUN("cancel", "ab", "-m", "127.0.0.1:1"), 3, "deploy/start-cluster.sh");
    fails(RUN("watermarks", "ab", "-m", "127.0.0.1:1"), 3, "no JobManager answers");
    fails(RUN("late", "ab", "-m", "127.0.0.1:1"), 3, "no JobManager answers");
    fails(RUN("wait", "-m", "127.0.0.1:1", "--timeout", "20"), 3, "waited 20 ms");
}

Test(cmd, errors_come_as_json_too)
{
    said s = RUN("list", "--json", "-m", "127.0.0.1:1");

    cr_assert_eq(s.code, 3);
    cr_assert(has_text(s.out, "{\"error\":\"no JobManager answers"), "%s", s.out);
    cr_assert(has_text(s.out, "\"exit_code\":3}"), "%s", s.out);
    drop(&s);
}

Test(cmd, help_tells_verbs_switches_and_exit_codes)
{
    said all = RUN("--help"), one = RUN("run", "--help"), none = run((const char *const[]){NULL});

    cr_assert_eq(all.code, 0);
    cr_assert(has_text(all.out, "cancel") && has_text(all.out, "Exit codes: 0 done"));
    cr_assert_eq(one.code, 0);
    cr_assert(has_text(one.out, "--detached") && has_text(one.out, "Exit codes: 0 done"));
    cr_assert_not(has_text(one.out, "--running"));
    cr_assert_eq(none.code, 2);
    drop(&all);
    drop(&one);
    drop(&none);
}

Test(cmd, version_is_printed_for_people_and_programs)
{
    said text = RUN("--version"), json = RUN("version", "--json");

    cr_assert_str_eq(text.out, "Version: 0.1.0, ABI: 5\n");
    cr_assert_str_eq(json.out, "{\"version\":\"0.1.0\",\"abi\":5}\n");
    drop(&text);
    drop(&json);
}

Test(cmd, a_broken_configuration_names_its_line)
{
    char dir[] = "/tmp/wiesel-cmd-test-XXXXXX";

    cr_assert_not_null(mkdtemp(dir));
    char *path = wsl_asprintf("%s/wiesel.yaml", dir);
    cr_assert_eq(wsl_fs_write_atomic(wsl_fs_posix(), path, "rest.port: 1\nrest.prt: 2\n", 25, NULL), WSL_OK);
    fails(RUN("list", "--conf", dir), 2, "wiesel.yaml:2");
    (void)remove(path);
    fails(RUN("list", "--conf", dir), 4, "wiesel.yaml");
    (void)remove(dir);
    free(path);
}
