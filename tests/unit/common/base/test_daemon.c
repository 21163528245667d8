/* How the long-running programs read their command line. */
#include "harness/wsl_test.h"

#include <stdio.h>
#include <unistd.h>

#include "base/daemon.h"

static const char *pid_file;
static const wsl_daemon_option own[] = {{"--pid-file", "FILE", "where to write the process id", &pid_file},
                                        {NULL, NULL, NULL, NULL}};

static wsl_status read_arguments(wsl_daemon *d, wsl_error *err, const char *const *args)
{
    char *argv[16] = {(char *)(uintptr_t)"program"};
    int argc = 1;
    for (; *args != NULL; args++) {
        argv[argc++] = (char *)(uintptr_t)*args;
    }
    *d = (wsl_daemon){.program = "program", .what_it_does = "Nothing.", .options = own};
    return wsl_daemon_arguments(d, argc, argv, err);
}
#define READ(d, err, ...) read_arguments(d, err, (const char *const[]){__VA_ARGS__, NULL})

static void expect_refused(const char *says, const char *const *args)
{
    wsl_daemon d;
    wsl_error err = {0};
    cr_assert_eq(read_arguments(&d, &err, args), WSL_INVALID);
    cr_assert(has_text(err.text, says), "%s", err.text);
    wsl_daemon_fini(&d);
}

Test(daemon, the_command_line_goes_before_the_file_wherever_it_stands)
{
    char path[] = "/tmp/wsl-daemon-XXXXXX";
    const int fd = mkstemp(path);
    cr_assert(fd >= 0 && write(fd, "rest.port: 1234\nlog.level: debug\n", 33) == 33);
    wsl_daemon d;
    wsl_error err = {0};
    cr_assert_eq(READ(&d, &err, "-Drest.port=99", "--config", path, "--pid-file", "p"), WSL_OK, "%s", err.text);
    cr_assert_eq(wsl_config_int(d.config, "rest.port"), 99);
    cr_assert_str_eq(wsl_config_str(d.config, "log.level"), "debug");
    cr_assert_str_eq(pid_file, "p");
    cr_assert_eq(wsl_daemon_open_log(&d, "name", &err), WSL_OK);
    cr_assert_not_null(d.log);
    wsl_daemon_fini(&d);
    close(fd);
    unlink(path);
}

Test(daemon, mistakes_are_named)
{
    expect_refused("'--prot' is not an option; see program --help", (const char *const[]){"--prot", "1", NULL});
    expect_refused("--pid-file needs a value", (const char *const[]){"--pid-file", NULL});
    expect_refused("-D needs a value", (const char *const[]){"-D", NULL});
    wsl_daemon d;
    wsl_error err = {0};
    cr_assert_neq(READ(&d, &err, "-D", "rest.prot=1"), WSL_OK);
    cr_assert(has_text(err.text, "rest.port"), "%s", err.text); /* a suggestion */
    wsl_daemon_fini(&d);
    cr_assert_neq(READ(&d, &err, "-c", "/nowhere/at/all.yaml"), WSL_OK);
    wsl_daemon_fini(&d);
}

Test(daemon, help_and_version_need_no_configuration)
{
    wsl_daemon d = {.program = "program", .what_it_does = "Nothing.", .options = own};
    char *help[] = {(char *)(uintptr_t)"program", (char *)(uintptr_t)"--pid-file", (char *)(uintptr_t)"-h"};
    char *none[] = {(char *)(uintptr_t)"program", (char *)(uintptr_t)"-c"};
    cr_assert(wsl_daemon_only_asked(&d, 3, help));
    cr_assert_not(wsl_daemon_only_asked(&d, 2, none));
}
