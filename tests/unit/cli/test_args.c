#include "harness/wsl_test.h"

#include <string.h>

#include "cli/args.h"

#define ARGV(...)                                                                                                      \
    (sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *)), (char **)(const char *[]) { __VA_ARGS__ }

static cli_args parse(cli_verb_bit verb, size_t argc, char **argv)
{
    cli_args args;
    wsl_error err = {0};

    cr_assert_eq(cli_args_parse(verb, (int)argc, argv, &args, &err), WSL_OK, "%s", err.text);
    return args;
}

static void refused(cli_verb_bit verb, size_t argc, char **argv, const char *says)
{
    cli_args args;
    wsl_error err = {0};

    cr_assert_eq(cli_args_parse(verb, (int)argc, argv, &args, &err), WSL_INVALID, "%s", says);
    cr_assert(has_text(err.text, says), "'%s' does not say '%s'", err.text, says);
    cli_args_fini(&args);
}

Test(args, switches_come_in_all_spellings_before_and_behind_the_job)
{
    cli_args a = parse(CLI_RUN, ARGV("-p4", "-d", "job.so", "--name=demo", "-D", "a=1", "-Db=x=y", "-m", "h:1"));

    cr_assert_eq(a.parallelism, 4);
    cr_assert(a.detached);
    cr_assert_str_eq(a.name, "demo");
    cr_assert_eq(a.n_defines, 2);
    cr_assert_str_eq(a.defines[0], "a=1");
    cr_assert_str_eq(a.defines[1], "b=x=y");
    cr_assert_str_eq(a.jobmanager, "h:1");
    cr_assert_eq(a.n_positionals, 1);
    cr_assert_str_eq(a.positionals[0], "job.so");
    cli_args_fini(&a);
}

Test(args, what_stands_behind_two_dashes_is_the_jobs)
{
    cli_args a = parse(CLI_RUN, ARGV("job.so", "--", "-p", "9", "--", "x"));

    cr_assert_eq(a.parallelism, 0);
    cr_assert_eq(a.n_job_args, 4);
    cr_assert_str_eq(a.job_args[0], "-p");
    cr_assert_str_eq(a.job_args[2], "--");
    cli_args_fini(&a);
}

Test(args, a_verb_knows_only_its_own_switches)
{
    refused(CLI_LIST, ARGV("-p", "2"), "unknown option '-p'");
    refused(CLI_RUN, ARGV("--all"), "unknown option '--all'");
    refused(CLI_VERSION, ARGV("-m", "h:1"), "unknown option '-m'");
}

Test(args, mistakes_are_told_with_what_is_accepted)
{
    refused(CLI_RUN, ARGV("--paralelism", "2"), "did you mean '--parallelism'?");
    refused(CLI_RUN, ARGV("-p"), "--parallelism needs a value");
    refused(CLI_RUN, ARGV("-p", "0"), "--parallelism takes a whole number from 1 to 4096, not '0'");
    refused(CLI_RUN, ARGV("-p", "two"), "not 'two'");
    refused(CLI_RUN, ARGV("-p", "99999999999999999999"), "takes a whole number");
    refused(CLI_RUN, ARGV("-D", "novalue"), "-D takes key=value, not 'novalue'");
    refused(CLI_RUN, ARGV("-D", "=x"), "-D takes key=value");
    refused(CLI_RUN, ARGV("--detached=yes"), "--detached takes no value");
    refused(CLI_RUN, ARGV("--name", ""), "--name needs a value");
}

static void count_line(void *arg, const char *text)
{
    (void)text;
    (*(int *)arg)++;
}

Test(args, help_shows_the_switches_of_the_verb)
{
    int version = 0, list = 0;

    cli_args_help(CLI_VERSION, count_line, &version);
    cli_args_help(CLI_LIST, count_line, &list);
    cr_assert_eq(version, 2, "--json and --help");
    cr_assert_eq(list, 8);
}

Test(args, where_a_job_begins_is_another_spelling_of_options)
{
    cli_args a = parse(CLI_RUN, ARGV("-s", "/sp/1", "-n", "--claim-mode=claim", "job.so"));

    cr_assert_eq(a.n_defines, 3);
    cr_assert_str_eq(a.defines[0], "execution.state-recovery.path=/sp/1");
    cr_assert_str_eq(a.defines[1], "execution.state-recovery.ignore-unclaimed-state=true");
    cr_assert_str_eq(a.defines[2], "execution.state-recovery.claim-mode=claim");
    cli_args_fini(&a);
    a = parse(CLI_RUN, ARGV("--resume", "latest", "job.so"));
    cr_assert_str_eq(a.defines[0], "execution.state-recovery.path=latest");
    cli_args_fini(&a);
    a = parse(CLI_STOP, ARGV("abc", "-p", "/sp", "-d"));
    cr_assert_str_eq(a.savepoint_path, "/sp");
    cr_assert(a.drain);
    cli_args_fini(&a);
    refused(CLI_RUN, ARGV("job.so", "--allowNonRestoredState=1"), "takes no value");
}
