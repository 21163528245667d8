#include "cli/compile.h"

#include <errno.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/id.h"
#include "base/strbuf.h"

enum { SOURCE_SIZE_MAX = 16 << 20, DEPS_SIZE_MAX = 1 << 20, PARENTS_MAX = 6, CC_ARGS_MAX = 64 };

static const char *const our_flags[] = {"-std=gnu17", "-O2", "-g", "-fPIC", "-shared", "-Wall"};

static bool has_headers(wsl_fs *fs, const char *dir)
{
    wsl_file_info info;
    char *header = wsl_asprintf("%s/wiesel/version.h", dir);
    const bool found = fs->stat(fs, header, &info, NULL) == WSL_OK && info.is_regular;

    free(header);
    return found;
}

/* Cuts the last component; false when there is none left. */
static bool to_parent(char *path)
{
    char *slash = strrchr(path, '/');

    if (slash == NULL || slash == path) {
        return false;
    }
    *slash = '\0';
    return true;
}

char *cli_find_headers(wsl_fs *fs, const char *self, const char *otherwise, wsl_error *err)
{
    static const char *const places[] = {"include", "common/include"};
    char *base = wsl_strdup(self);
    char *found = NULL;

    for (int i = 0; i < PARENTS_MAX && found == NULL && to_parent(base); i++) {
        for (size_t k = 0; k < WSL_ARRAY_LEN(places) && found == NULL; k++) {
            char *dir = wsl_asprintf("%s/%s", base, places[k]);
            if (has_headers(fs, dir)) {
                found = dir;
            } else {
                free(dir);
            }
        }
    }
    free(base);
    if (found == NULL && otherwise != NULL && has_headers(fs, otherwise)) {
        found = wsl_strdup(otherwise);
    }
    if (found == NULL) {
        (void)wsl_fail(err, WSL_NOT_FOUND,
                       "the headers <wiesel/...> are not found beside '%s': compile the job yourself and run the .so",
                       self);
    }
    return found;
}

char *cli_cache_dir(void)
{
    const char *cache = getenv("XDG_CACHE_HOME");
    const char *home = getenv("HOME");

    if (cache != NULL && cache[0] == '/') {
        return wsl_asprintf("%s/wiesel", cache);
    }
    if (home != NULL && home[0] == '/') {
        return wsl_asprintf("%s/.cache/wiesel", home);
    }
    return wsl_asprintf("/tmp/wiesel-cache-%ld", (long)getuid());
}

/* ---- is the cached result still good? ---- */

/* The next path of a make rule; blanks inside are written "\ ". False at the end. *at moves on. */
static bool next_dependency(const char **at, wsl_strbuf *out)
{
    const char *c = *at;

    wsl_strbuf_clear(out);
    while (*c == ' ' || *c == '\n' || (*c == '\\' && c[1] == '\n')) {
        c++;
    }
    for (; *c != '\0' && *c != ' ' && *c != '\n'; c++) {
        if (*c == '\\' && (c[1] == ' ' || c[1] == '#' || c[1] == '\\')) {
            c++;
        } else if (*c == '\\' && c[1] == '\n') {
            break;
        }
        wsl_strbuf_putc(out, *c);
    }
    *at = c;
    return out->size > 0;
}

/* Every file of the rule is there and older than the library. */
static bool is_fresh(wsl_fs *fs, const char *library, const char *deps_path)
{
    wsl_file_info made, dep;
    char *deps = NULL;
    size_t size = 0;
    bool fresh = true;
    wsl_strbuf path;

    if (fs->stat(fs, library, &made, NULL) != WSL_OK ||
        wsl_fs_read_all(fs, deps_path, DEPS_SIZE_MAX, &deps, &size, NULL) != WSL_OK) {
        return false;
    }
    const char *at = strchr(deps, ':');
    wsl_strbuf_init(&path);
    for (at = at != NULL ? at + 1 : deps + size; fresh && next_dependency(&at, &path);) {
        fresh = fs->stat(fs, path.data, &dep, NULL) == WSL_OK && dep.mtime_ns < made.mtime_ns;
    }
    wsl_strbuf_fini(&path);
    free(deps);
    return fresh;
}

/* ---- the compiler ---- */

typedef struct command {
    char *argv[CC_ARGS_MAX + 1];
    int n;
    bool too_long;
} command;

static void command_add(command *c, const char *text)
{
    if (c->n == CC_ARGS_MAX) {
        c->too_long = true;
        return;
    }
    c->argv[c->n++] = wsl_strdup(text);
}

static void command_add_words(command *c, const char *text)
{
    char *words = wsl_strdup(text != NULL ? text : ""), *rest = words;

    for (char *word = strtok_r(rest, " \t", &rest); word != NULL; word = strtok_r(NULL, " \t", &rest)) {
        command_add(c, word);
    }
    free(words);
}

static void command_fini(command *c)
{
    for (int i = 0; i < c->n; i++) {
        free(c->argv[i]);
    }
}

/* Appends the flags that the source's "// wiesel:" lines ask for, one behind the other, to `out`. */
static wsl_status flags_of(const char *source, const char *text, wsl_strbuf *out, wsl_error *err)
{
    static const char marker[] = "// wiesel:";
    static const char *const allowed[] = {"-l", "-L", "-I", "-D", "-pthread"};

    for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, marker, sizeof marker - 1) != 0) {
            continue;
        }
        const char *at = line + sizeof marker - 1;
        for (;;) {
            at += strspn(at, " \t\r");
            const size_t n = strcspn(at, " \t\r\n");
            bool known = false;
            if (n == 0) {
                break;
            }
            for (size_t i = 0; i < WSL_ARRAY_LEN(allowed) && !known; i++) {
                known = strncmp(at, allowed[i], strlen(allowed[i])) == 0;
            }
            if (!known) {
                return wsl_fail(
                    err, WSL_INVALID,
                    "'%s': '%.*s' in a line '// wiesel:' is none of the flags that can stand there (-l, -L, "
                    "-I, -D, -pthread); set $CFLAGS for others",
                    source, n < 60 ? (int)n : 60, at);
            }
            wsl_strbuf_printf(out, "%.*s ", (int)n, at);
            at += n;
        }
    }
    return WSL_OK;
}

static command make_command(const cli_compiler *cc, const char *source, const char *include, const char *library,
                            const char *deps, const char *flags)
{
    command c = {0};

    command_add_words(&c, cc->cc);
    for (size_t i = 0; i < WSL_ARRAY_LEN(our_flags); i++) {
        command_add(&c, our_flags[i]);
    }
    command_add_words(&c, cc->cflags);
    command_add(&c, "-I");
    command_add(&c, include);
    command_add(&c, "-MMD");
    command_add(&c, "-MF");
    command_add(&c, deps);
    command_add(&c, "-o");
    command_add(&c, library);
    command_add(&c, source);
    command_add_words(&c, flags);
    command_add(&c, "-lm");
    return c;
}

/* The compiler's standard output is sent to ours for errors: what `wiesel` prints stays its own. */
static wsl_status run_compiler(command *c, const char *source, wsl_error *err)
{
    posix_spawn_file_actions_t actions;
    pid_t pid = 0;
    int wait_status = 0;

    if (c->n == 0 || c->too_long) {
        return wsl_fail(err, WSL_INVALID, "$CC, $CFLAGS and the flags in the source must be 1 to %d words in all",
                        CC_ARGS_MAX);
    }
    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
    const int failed = posix_spawnp(&pid, c->argv[0], &actions, NULL, c->argv, environ);
    (void)posix_spawn_file_actions_destroy(&actions);
    if (failed != 0) {
        return wsl_fail(err, WSL_NOT_FOUND, "cannot run the C compiler '%s' (%s): install gcc, or name another in $CC",
                        c->argv[0], strerror(failed));
    }
    while (waitpid(pid, &wait_status, 0) < 0 && errno == EINTR) {
    }
    if (!WIFEXITED(wait_status) || WEXITSTATUS(wait_status) != 0) {
        return wsl_fail(err, WSL_INVALID, "'%s' does not compile: see the compiler's messages above", source);
    }
    return WSL_OK;
}

/* A hash of all that decides about the result, and the flags that the source asks for. */
static wsl_status cache_key(const cli_compiler *cc, const char *source, const char *include, char out[WSL_ID_TEXT_SIZE],
                            wsl_strbuf *out_flags, wsl_error *err)
{
    char *text = NULL;
    size_t size = 0;
    wsl_strbuf all;

    if (wsl_fs_read_all(cc->fs, source, SOURCE_SIZE_MAX, &text, &size, err) != WSL_OK) {
        return wsl_fail_prefix(err, WSL_IO, "cannot read the job");
    }
    wsl_strbuf_init(&all);
    wsl_strbuf_printf(&all, "%s\n%s\n%s\n%s\n", cc->cc, cc->cflags != NULL ? cc->cflags : "", include, source);
    for (size_t i = 0; i < WSL_ARRAY_LEN(our_flags); i++) {
        wsl_strbuf_puts(&all, our_flags[i]);
    }
    wsl_strbuf_add(&all, text, size);
    const wsl_id id = wsl_id_of_bytes(all.data, all.size);
    (void)wsl_id_text(&id, out);
    const wsl_status status = flags_of(source, text, out_flags, err);
    wsl_strbuf_fini(&all);
    free(text);
    return status;
}

/* Into a name of our own first: two runs at once do not see each other's half. */
static wsl_status compile_to(const cli_compiler *cc, const char *source, const char *include, const char *library,
                             const char *deps, const char *flags, wsl_error *err)
{
    char *half = wsl_asprintf("%s.%ld", library, (long)getpid());
    char *half_deps = wsl_asprintf("%s.d", half);
    command c = make_command(cc, source, include, half, half_deps, flags);
    wsl_status status = run_compiler(&c, source, err);

    if (status == WSL_OK) {
        status = cc->fs->rename(cc->fs, half_deps, deps, err);
    }
    if (status == WSL_OK) {
        status = cc->fs->rename(cc->fs, half, library, err);
    }
    if (status != WSL_OK) {
        (void)cc->fs->remove(cc->fs, half_deps, NULL);
        (void)cc->fs->remove(cc->fs, half, NULL);
    }
    command_fini(&c);
    free(half);
    free(half_deps);
    return status;
}

wsl_status cli_compile(const cli_compiler *cc, const char *source, char **out_library, wsl_error *err)
{
    char key[WSL_ID_TEXT_SIZE];
    char *include = cli_find_headers(cc->fs, cc->self, cc->headers, err);

    if (include == NULL) {
        return WSL_NOT_FOUND;
    }
    char *library = NULL, *deps = NULL;
    wsl_strbuf flags;
    wsl_strbuf_init(&flags);
    wsl_status status = cache_key(cc, source, include, key, &flags, err);
    if (status == WSL_OK) {
        status = cc->fs->make_dirs(cc->fs, cc->cache_dir, err);
    }
    if (status == WSL_OK) {
        library = wsl_asprintf("%s/%s.so", cc->cache_dir, key);
        deps = wsl_asprintf("%s/%s.d", cc->cache_dir, key);
        if (!is_fresh(cc->fs, library, deps)) {
            status = compile_to(cc, source, include, library, deps, flags.data, err);
        }
    }
    wsl_strbuf_fini(&flags);
    free(include);
    free(deps);
    if (status != WSL_OK) {
        free(library);
        return status;
    }
    *out_library = library;
    return WSL_OK;
}
