/*
 * Reading an argument marks it as used, though the job holds its arguments as const: the marks lie behind pointers.
 */
#include "api/args.h"

#include <string.h>

#include <wiesel/config.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/number.h"
#include "base/suggest.h"

void wsl_args_init(wsl_args *args, wsl_env *env, const char *const *argv, uint32_t argc)
{
    *args = (wsl_args){
        .env = env,
        .argv = argv,
        .argc = argc,
        .used = wsl_calloc(argc + 1u, sizeof *args->used),
        .asked = wsl_calloc(WSL_ARGS_ASKED_MAX, sizeof *args->asked),
        .n_asked = wsl_zalloc(sizeof *args->n_asked),
        .raw = wsl_zalloc(sizeof *args->raw),
    };
}

void wsl_args_fini(wsl_args *args)
{
    for (uint32_t i = 0; i < *args->n_asked; i++) {
        free((void *)(uintptr_t)args->asked[i]);
    }
    free(args->used);
    free(args->asked);
    free(args->n_asked);
    free(args->raw);
}

static void remember(const wsl_args *args, const char *name)
{
    for (uint32_t i = 0; i < *args->n_asked; i++) {
        if (strcmp(args->asked[i], name) == 0) {
            return;
        }
    }
    if (*args->n_asked < WSL_ARGS_ASKED_MAX) {
        args->asked[(*args->n_asked)++] = wsl_strdup(name);
    }
}

/* "--name" gives "", "--name=value" gives "value"; NULL if argument i is something else. */
static const char *match(const wsl_args *args, uint32_t i, const char *name)
{
    const char *arg = args->argv[i];
    const size_t n = strlen(name);
    if (strncmp(arg, "--", 2) != 0 || strncmp(arg + 2, name, n) != 0) {
        return NULL;
    }
    if (arg[2 + n] == '=') {
        return arg + 2 + n + 1;
    }
    return arg[2 + n] == '\0' ? "" : NULL;
}

typedef struct found {
    bool given;
    const char *value; /* NULL: given without one */
} found;

/* The last one given counts. */
static found look(const wsl_args *args, const char *name, bool is_flag)
{
    found result = {0};
    remember(args, name);
    for (uint32_t i = 0; i < args->argc; i++) {
        const char *value = match(args, i, name);
        if (value == NULL) {
            continue;
        }
        args->used[i] = true;
        result = (found){true, strchr(args->argv[i], '=') != NULL ? value : NULL};
        if (result.value == NULL && !is_flag && i + 1 < args->argc && strncmp(args->argv[i + 1], "--", 2) != 0) {
            result.value = args->argv[++i];
            args->used[i] = true;
        }
    }
    return result;
}

const char *wsl_arg(const wsl_args *args, const char *name, const char *otherwise)
{
    const found f = look(args, name, false);
    if (f.given && f.value == NULL) {
        (void)wsl_env_fail(args->env, "argument --%s needs a value", name);
    }
    return f.value != NULL ? f.value : otherwise;
}

const char *wsl_arg_required(const wsl_args *args, const char *name)
{
    const char *value = wsl_arg(args, name, NULL);
    if (value == NULL) {
        (void)wsl_env_fail(args->env, "the job needs an argument --%s; give it after '--'", name);
        return "";
    }
    return value;
}

int64_t wsl_arg_int(const wsl_args *args, const char *name, int64_t otherwise)
{
    const char *text = wsl_arg(args, name, NULL);
    int64_t value = otherwise;
    if (text != NULL && !wsl_parse_whole_int64(text, strlen(text), &value)) {
        (void)wsl_env_fail(args->env, "argument --%s: '%s' is not a whole number", name, text);
    }
    return value;
}

double wsl_arg_double(const wsl_args *args, const char *name, double otherwise)
{
    const char *text = wsl_arg(args, name, NULL);
    double value = otherwise;
    if (text != NULL && !wsl_parse_whole_double(text, strlen(text), &value)) {
        (void)wsl_env_fail(args->env, "argument --%s: '%s' is not a number", name, text);
    }
    return value;
}

int64_t wsl_arg_duration(const wsl_args *args, const char *name, int64_t otherwise_ms)
{
    /* durations are written as in the configuration, and read by the same code */
    static const wsl_option table[] = {{.name = "duration", .type = WSL_OPT_DURATION}, {0}};
    const char *text = wsl_arg(args, name, NULL);
    if (text == NULL) {
        return otherwise_ms;
    }
    WSL_AUTO(wsl_config) config = wsl_config_new(&(const wsl_option *){table}, 1);
    if (wsl_config_set(config, "duration", text, name, NULL) != WSL_OK) {
        (void)wsl_env_fail(args->env, "argument --%s: '%s' is not a duration like 100ms, 10s or 5min", name, text);
        return otherwise_ms;
    }
    return wsl_config_duration_ns(config, "duration") / WSL_NS_PER_MS;
}

static bool is_one_of(const char *text, const char *const *words)
{
    for (; *words != NULL; words++) {
        if (strcmp(text, *words) == 0) {
            return true;
        }
    }
    return false;
}

bool wsl_arg_flag(const wsl_args *args, const char *name)
{
    static const char *const yes[] = {"true", "yes", "1", "on", NULL};
    static const char *const no[] = {"false", "no", "0", "off", NULL};
    const found f = look(args, name, true);
    if (!f.given || f.value == NULL) {
        return f.given;
    }
    if (!is_one_of(f.value, yes) && !is_one_of(f.value, no)) {
        (void)wsl_env_fail(args->env, "argument --%s: '%s' is neither true nor false", name, f.value);
    }
    return is_one_of(f.value, yes);
}

uint32_t wsl_args_count(const wsl_args *args) { return args->argc; }

const char *wsl_args_at(const wsl_args *args, uint32_t i)
{
    *args->raw = true;
    return i < args->argc ? args->argv[i] : NULL;
}

wsl_status wsl_args_check(const wsl_args *args, wsl_error *err)
{
    for (uint32_t i = 0; i < args->argc && !*args->raw; i++) {
        if (args->used[i]) {
            continue;
        }
        char name[64] = "";
        char hint[WSL_SUGGEST_TEXT_MAX];
        const char *arg = args->argv[i];
        if (strncmp(arg, "--", 2) == 0) {
            const size_t n = strcspn(arg + 2, "=");
            memcpy(name, arg + 2, n < sizeof name ? n : sizeof name - 1);
        }
        wsl_suggest near;
        wsl_suggest_init(&near, name);
        for (uint32_t a = 0; a < *args->n_asked; a++) {
            wsl_suggest_offer(&near, args->asked[a]);
        }
        return wsl_fail(err, WSL_INVALID, "the job does not use the argument '%.100s'%s", arg,
                        wsl_suggest_text(&near, hint));
    }
    return WSL_OK;
}
