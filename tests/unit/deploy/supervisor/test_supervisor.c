/* The supervisor with real children: /bin/sh and what it runs. */
#include "harness/wsl_test.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/alloc.h"
#include "deploy/supervisor/supervisor.h"

enum { TEXT_MAX = 1 << 20 };

typedef struct room {
    char *path;
    sv_run_dir *dir;
    wsl_log_sink *sink;
    wsl_logger *logger;
    sv_supervisor *sv;
} room;

static void block_signals(void)
{
    static const int numbers[] = {SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGUSR1};
    sigset_t signals;

    (void)sigemptyset(&signals);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        (void)sigaddset(&signals, numbers[i]);
    }
    (void)sigprocmask(SIG_BLOCK, &signals, NULL);
}

static room room_new(void)
{
    room r = {.path = wsl_strdup("/tmp/wiesel-sv-test-XXXXXX")};
    wsl_error err = {0};

    block_signals();
    cr_assert_not_null(mkdtemp(r.path));
    cr_assert_eq(sv_run_dir_take(wsl_fs_posix(), r.path, &r.dir, &err), WSL_OK, "%s", err.text);
    r.sink = wsl_log_sink_memory(100);
    r.logger = wsl_logger_new(r.sink, wsl_clock_real(), WSL_LOG_INFO);
    r.sv = sv_supervisor_new(r.dir, wsl_fs_posix(), wsl_clock_real(), r.logger, r.path);
    return r;
}

static void room_drop(room *r)
{
    char *command = wsl_asprintf("rm -r '%s'", r->path);

    sv_supervisor_free(r->sv);
    sv_run_dir_free(r->dir);
    wsl_logger_free(r->logger);
    wsl_log_sink_free(r->sink);
    (void)system(command);
    free(command);
    free(r->path);
}

static bool exists(const room *r, const char *name)
{
    char *path = wsl_asprintf("%s/%s", r->path, name);
    wsl_file_info info;
    const bool is = wsl_fs_posix()->stat(wsl_fs_posix(), path, &info, NULL) == WSL_OK;

    free(path);
    return is;
}

static char *text_of(const room *r, const char *name)
{
    char *path = wsl_asprintf("%s/%s", r->path, name), *data = NULL;
    size_t size = 0;
    wsl_error err = {0};

    cr_assert_eq(wsl_fs_read_all(wsl_fs_posix(), path, TEXT_MAX, &data, &size, &err), WSL_OK, "%s", err.text);
    free(path);
    return data;
}

Test(supervisor, ends_when_all_children_ended_well)
{
    room r = room_new();
    wsl_error err = {0};
    char *const argv[] = {"/bin/sh", "-c", "echo said; echo wrong >&2", NULL};

    cr_assert_eq(sv_supervisor_add(r.sv, "speaker", argv, &err), WSL_OK);
    cr_assert_eq(sv_supervisor_run(r.sv, &err), WSL_OK, "%s", err.text);
    char *text = text_of(&r, "speaker.out");
    cr_assert_str_eq(text, "said\nwrong\n");
    cr_assert_not(exists(&r, "speaker.pid"));
    free(text);
    room_drop(&r);
}

Test(supervisor, starts_a_killed_child_again)
{
    room r = room_new();
    wsl_error err = {0};
    char *script =
        wsl_asprintf("cd '%s'; echo $$ >> starts; [ $(wc -l < starts) -ge 3 ] && exit 0; kill -9 $$", r.path);
    char *const argv[] = {"/bin/sh", "-c", script, NULL};
    int lines = 0;

    cr_assert_eq(sv_supervisor_add(r.sv, "mortal", argv, &err), WSL_OK);
    cr_assert_eq(sv_supervisor_run(r.sv, &err), WSL_OK, "%s", err.text);
    char *text = text_of(&r, "starts");
    for (const char *c = text; *c != '\0'; c++) {
        lines += *c == '\n';
    }
    cr_assert_eq(lines, 3);
    free(text);
    free(script);
    room_drop(&r);
}

Test(supervisor, a_child_that_does_not_start_stops_the_cluster_and_gives_the_reason)
{
    room r = room_new();
    wsl_error err = {0};
    char *script = wsl_asprintf("echo $$ > '%s/sleeper'; exec sleep 1000", r.path);
    char *const sleeper[] = {"/bin/sh", "-c", script, NULL};
    char *wait_script =
        wsl_asprintf("until [ -s '%s/sleeper' ]; do :; done; echo first; echo the port is taken >&2; exit 1", r.path);
    char *const refuser[] = {"/bin/sh", "-c", wait_script, NULL};

    cr_assert_eq(sv_supervisor_add(r.sv, "sleeper", sleeper, &err), WSL_OK);
    cr_assert_eq(sv_supervisor_add(r.sv, "refuser", refuser, &err), WSL_OK);
    cr_assert_eq(sv_supervisor_run(r.sv, &err), WSL_REFUSED);
    cr_assert_str_eq(err.text, "refuser did not start (exit code 1): the port is taken");
    char *failure = text_of(&r, "failure"), *pid = text_of(&r, "sleeper");
    cr_assert_str_eq(failure, err.text);
    cr_assert_eq(kill(atoi(pid), 0), -1, "the other child is gone, too");
    cr_assert_eq(errno, ESRCH);
    free(failure);
    free(pid);
    free(script);
    free(wait_script);
    room_drop(&r);
}

Test(supervisor, a_missing_program_is_a_refusal_that_names_it)
{
    room r = room_new();
    wsl_error err = {0};
    char *const argv[] = {"/no/such/program", NULL};

    cr_assert_eq(sv_supervisor_add(r.sv, "ghost", argv, &err), WSL_OK);
    cr_assert_eq(sv_supervisor_run(r.sv, &err), WSL_REFUSED);
    cr_assert(has_text(err.text, "cannot run '/no/such/program': No such file"), "%s", err.text);
    room_drop(&r);
}

Test(supervisor, stops_its_children_when_asked_to)
{
    room r = room_new();
    wsl_error err = {0};
    char *script = wsl_asprintf(
        "trap 'echo polite > \"%s/last\"; exit 0' TERM; kill -TERM $PPID; while :; do sleep 0.01; done", r.path);
    char *const argv[] = {"/bin/sh", "-c", script, NULL};

    cr_assert_eq(sv_supervisor_add(r.sv, "polite", argv, &err), WSL_OK);
    cr_assert_eq(sv_supervisor_run(r.sv, &err), WSL_OK, "%s", err.text);
    char *last = text_of(&r, "last");
    cr_assert_str_eq(last, "polite\n");
    free(last);
    free(script);
    room_drop(&r);
}

Test(supervisor, names_of_children_become_files_and_are_checked)
{
    room r = room_new();
    wsl_error err = {0};
    char *const argv[] = {"/bin/true", NULL};

    cr_assert_eq(sv_supervisor_add(r.sv, "../evil", argv, &err), WSL_INVALID);
    cr_assert_eq(sv_supervisor_add(r.sv, "", argv, &err), WSL_INVALID);
    room_drop(&r);
}

/* ---- the program ---- */

static int run(const char *format, const char *path)
{
    char *arguments = wsl_asprintf(format, path, path);
    char *command =
        wsl_asprintf("'%s/wiesel-supervisor' %s >> '%s/said' 2>&1", getenv("WIESEL_BIN_DIR"), arguments, path);
    const int status = system(command);

    free(arguments);
    free(command);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

Test(supervisor, one_run_directory_holds_one_cluster_and_stop_ends_it)
{
    room r = {.path = wsl_strdup("/tmp/wiesel-sv-test-XXXXXX")};

    cr_assert_not_null(mkdtemp(r.path));
    cr_assert_eq(run("--run-dir '%s/run' --stop", r.path), 4, "nothing runs yet");
    cr_assert_eq(run("--run-dir '%s/run' --log-dir '%s/log' --daemonize --child one /bin/sleep 1000 -- --child two "
                     "/bin/sleep 1000",
                     r.path),
                 0);
    cr_assert_eq(run("--run-dir '%s/run' --log-dir '%s/log' --daemonize --child one /bin/sleep 1000", r.path), 1);
    char *said = text_of(&r, "said");
    cr_assert(has_text(said, "a cluster already runs from"), "%s", said);
    cr_assert_eq(run("--run-dir '%s/run' --stop", r.path), 0);
    cr_assert_not(exists(&r, "run/supervisor.pid"));
    cr_assert_not(exists(&r, "run/one.pid"));
    cr_assert_not(exists(&r, "run/two.pid"));
    free(said);
    char *command = wsl_asprintf("rm -r '%s'", r.path);
    cr_assert_eq(system(command), 0);
    free(command);
    free(r.path);
}
