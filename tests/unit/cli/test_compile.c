/* From a source to a library, with a compiler that counts its runs. */
#include "harness/wsl_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "cli/compile.h"

typedef struct room {
    char *dir, *cc, *source, *cache, *self;
} room;

static void put(const char *dir, const char *name, const char *text)
{
    char *path = wsl_asprintf("%s/%s", dir, name);
    wsl_error err = {0};

    cr_assert_eq(wsl_fs_write_atomic(wsl_fs_posix(), path, text, strlen(text), &err), WSL_OK, "%s", err.text);
    free(path);
}

static void shell(const char *format, const char *dir)
{
    char *command = wsl_asprintf(format, dir, dir);

    cr_assert_eq(system(command), 0, "%s", command);
    free(command);
}

/* A place that looks like an installation, and a compiler that leaves a mark per run. */
static room room_new(void)
{
    room r = {.dir = wsl_strdup("/tmp/wiesel-compile-test-XXXXXX")};

    cr_assert_not_null(mkdtemp(r.dir));
    shell("mkdir -p '%s/include/wiesel' '%s/bin'", r.dir);
    put(r.dir, "include/wiesel/version.h", "#define WSL_VERSION \"test\"\n");
    put(r.dir, "helper.h", "#define ANSWER 42\n");
    put(r.dir, "job.c",
        "#include <wiesel/version.h>\n#include \"helper.h\"\nint answer(void) { return ANSWER; }\nint answer(void);\n");
    char *script = wsl_asprintf("#!/bin/sh\necho x >> '%s/runs'\nexec cc \"$@\"\n", r.dir);
    put(r.dir, "mycc", script);
    free(script);
    shell("chmod +x '%s/mycc'", r.dir);
    r.cc = wsl_asprintf("%s/mycc", r.dir);
    r.source = wsl_asprintf("%s/job.c", r.dir);
    r.cache = wsl_asprintf("%s/cache", r.dir);
    r.self = wsl_asprintf("%s/bin/wiesel", r.dir);
    return r;
}

static void room_drop(room *r)
{
    shell("rm -r '%s'", r->dir);
    free(r->dir);
    free(r->cc);
    free(r->source);
    free(r->cache);
    free(r->self);
}

static int runs(const room *r)
{
    char *path = wsl_asprintf("%s/runs", r->dir), *data = NULL;
    size_t size = 0;
    const wsl_status status = wsl_fs_read_all(wsl_fs_posix(), path, 10000, &data, &size, NULL);

    free(path);
    free(data);
    return status == WSL_OK ? (int)size / 2 : 0;
}

static wsl_status compile(const room *r, const char *cflags, char **out, wsl_error *err)
{
    const cli_compiler cc = {wsl_fs_posix(), r->self, NULL, r->cc, cflags, r->cache};

    return cli_compile(&cc, r->source, out, err);
}

static void must_compile(const room *r, const char *cflags)
{
    char *library = NULL;
    wsl_error err = {0};
    wsl_file_info info;

    cr_assert_eq(compile(r, cflags, &library, &err), WSL_OK, "%s", err.text);
    cr_assert_eq(wsl_fs_posix()->stat(wsl_fs_posix(), library, &info, NULL), WSL_OK);
    free(library);
}

/* Files of one clock tick count as changed: move everything that was written so far into the past. */
static void age(const room *r)
{
    shell("find '%s' -type f ! -path '*/cache/*' -exec touch -d '1 hour ago' {} +; find '%s/cache' -type f -exec touch "
          "-d '30 min ago' {} +",
          r->dir);
}

Test(compile, runs_the_compiler_once_for_the_same_content)
{
    room r = room_new();

    must_compile(&r, NULL);
    age(&r);
    must_compile(&r, NULL);
    cr_assert_eq(runs(&r), 1);
    room_drop(&r);
}

Test(compile, runs_again_when_source_header_or_flags_change)
{
    room r = room_new();

    must_compile(&r, NULL);
    age(&r);
    put(r.dir, "helper.h", "#define ANSWER 43\n");
    must_compile(&r, NULL);
    cr_assert_eq(runs(&r), 2, "a header changed");
    put(r.dir, "job.c", "int answer(void);\nint answer(void) { return 1; }\n");
    must_compile(&r, NULL);
    cr_assert_eq(runs(&r), 3, "the source changed");
    must_compile(&r, "-O0 -DX=1");
    cr_assert_eq(runs(&r), 4, "the flags changed");
    room_drop(&r);
}

Test(compile, a_source_that_does_not_compile_is_refused_and_leaves_nothing)
{
    room r = room_new();
    char *library = NULL;
    wsl_error err = {0};

    put(r.dir, "job.c", "this is no C\n");
    (void)freopen("/dev/null", "w", stderr);
    cr_assert_eq(compile(&r, NULL, &library, &err), WSL_INVALID);
    cr_assert(has_text(err.text, "does not compile"), "%s", err.text);
    shell("[ -z \"$(ls -A '%s/cache')\" ]", r.dir);
    room_drop(&r);
}

Test(compile, a_source_names_the_libraries_it_needs)
{
    room r = room_new();
    wsl_error err = {0};
    char *library = NULL;

    put(r.dir, "job.c",
        "/* a job */\n// wiesel: -lpthread  -DANSWER=42\n#include <wiesel/version.h>\n// wiesel:\n"
        "int answer(void);\nint answer(void) { return ANSWER; }\n");
    cr_assert_eq(compile(&r, NULL, &library, &err), WSL_OK, "%s", err.text);
    free(library);
    put(r.dir, "job.c", "#include <wiesel/version.h>\n// wiesel: -o/tmp/elsewhere\n");
    cr_assert_eq(compile(&r, NULL, &library, &err), WSL_INVALID);
    cr_assert(has_text(err.text, "-o/tmp/elsewhere") && has_text(err.text, "CFLAGS"), "%s", err.text);
    room_drop(&r);
}

Test(compile, missing_compiler_source_or_headers_are_named)
{
    room r = room_new();
    char *library = NULL;
    wsl_error err = {0};

    free(r.cc);
    r.cc = wsl_strdup("/no/such/cc");
    cr_assert_eq(compile(&r, NULL, &library, &err), WSL_NOT_FOUND);
    cr_assert(has_text(err.text, "cannot run the C compiler '/no/such/cc'"), "%s", err.text);

    free(r.self);
    r.self = wsl_strdup("/no/where/bin/wiesel");
    cr_assert_eq(compile(&r, NULL, &library, &err), WSL_NOT_FOUND);
    cr_assert(has_text(err.text, "headers <wiesel/...> are not found"), "%s", err.text);
    room_drop(&r);
}

Test(compile, headers_are_found_from_a_build_inside_the_source_tree)
{
    room r = room_new();
    wsl_error err = {0};

    shell("mkdir -p '%s/src/common/include/wiesel' '%s/src/build/release/bin'", r.dir);
    put(r.dir, "src/common/include/wiesel/version.h", "");
    char *self = wsl_asprintf("%s/src/build/release/bin/wiesel", r.dir),
         *expected = wsl_asprintf("%s/src/common/include", r.dir);
    char *found = cli_find_headers(wsl_fs_posix(), self, "/no/where", &err);
    cr_assert_not_null(found);
    cr_assert_str_eq(found, expected);
    free(found);
    free(self);
    free(expected);
    room_drop(&r);
}
