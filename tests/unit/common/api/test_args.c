#include "harness/wsl_test.h"
#include "api_fixture.h"

/* The entry point reads what each test wants; what it got is compared in it (the build runs in this process). */

static wsl_status build(wsl_job_entry entry, const char *const *args, uint32_t n, wsl_error *err)
{
    wsl_job_graph *graph = NULL;
    const wsl_job_build_options options = {.args = args, .n_args = n};
    *err = (wsl_error){0};
    const wsl_status status = wsl_job_build_entry(entry, "feed", &options, &graph, err);
    wsl_job_graph_free(graph);
    return status;
}

#define BUILD(entry, err, ...)                                                                                         \
    build(entry, (const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL},                                               \
          (uint32_t)(sizeof((const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL}) / sizeof(char *) - 1), err)

static void a_source(wsl_env *env) { wsl_from_int64s(env, "n", NULL, 0); }

static wsl_status every_way(wsl_env *env, const wsl_args *args)
{
    cr_assert_str_eq(wsl_arg(args, "host", "localhost"), "example.org");
    cr_assert_str_eq(wsl_arg(args, "path", "."), "/a=b");
    cr_assert_str_eq(wsl_arg(args, "missing", "otherwise"), "otherwise");
    cr_assert_null(wsl_arg(args, "missing", NULL));
    cr_assert_eq(wsl_arg_int(args, "port", 1), -42);
    cr_assert_eq(wsl_arg_int(args, "missing", 7), 7);
    cr_assert_float_eq(wsl_arg_double(args, "rate", 0), 2.5, 0);
    cr_assert_eq(wsl_arg_duration(args, "window", 1), 90000);
    cr_assert_eq(wsl_arg_duration(args, "bound", 1), 250);
    cr_assert_eq(wsl_arg_duration(args, "gap", 1), 600000);
    cr_assert_eq(wsl_arg_duration(args, "missing", 15000), 15000);
    cr_assert(wsl_arg_flag(args, "verbose"));
    cr_assert_not(wsl_arg_flag(args, "quiet"));
    cr_assert_not(wsl_arg_flag(args, "missing"));
    cr_assert_str_eq(wsl_arg_required(args, "host"), "example.org");
    a_source(env);
    return WSL_OK;
}

Test(args, values_come_as_two_words_as_one_or_as_flags)
{
    wsl_error err;
    cr_assert_eq(BUILD(every_way, &err, "--host", "example.org", "--path=/a=b", "--port", "-42", "--rate=2.5",
                       "--window", "90s", "--bound=250", "--gap", "10 min", "--verbose", "--quiet=no"),
                 WSL_OK, "%s", err.text);
}

static wsl_status last(wsl_env *env, const wsl_args *args)
{
    cr_assert_eq(wsl_arg_int(args, "n", 0), 3);
    a_source(env);
    return WSL_OK;
}

Test(args, the_last_one_of_a_name_counts)
{
    wsl_error err;
    cr_assert_eq(BUILD(last, &err, "--n", "1", "--n=2", "--n", "3"), WSL_OK, "%s", err.text);
}

static wsl_status flag_then_word(wsl_env *env, const wsl_args *args)
{
    cr_assert(wsl_arg_flag(args, "fast"));
    a_source(env);
    return WSL_OK;
}

Test(args, a_flag_does_not_eat_the_word_behind_it)
{
    wsl_error err;
    cr_assert_eq(BUILD(flag_then_word, &err, "--fast", "word"), WSL_INVALID);
    cr_assert_str_eq(err.text, "the job does not use the argument 'word'");
}

static wsl_status port(wsl_env *env, const wsl_args *args)
{
    (void)wsl_arg_int(args, "port", 9999);
    a_source(env);
    return WSL_OK;
}

static wsl_status rate(wsl_env *env, const wsl_args *args)
{
    (void)wsl_arg_double(args, "rate", 1);
    a_source(env);
    return WSL_OK;
}

static wsl_status window(wsl_env *env, const wsl_args *args)
{
    (void)wsl_arg_duration(args, "window", 1);
    a_source(env);
    return WSL_OK;
}

static wsl_status fast(wsl_env *env, const wsl_args *args)
{
    (void)wsl_arg_flag(args, "fast");
    a_source(env);
    return WSL_OK;
}

static wsl_status needs_input(wsl_env *env, const wsl_args *args)
{
    cr_assert_not_null(wsl_arg_required(args, "input"));
    a_source(env);
    return WSL_OK;
}

Test(args, mistakes_are_refused_in_words)
{
    wsl_error err;
    cr_assert_eq(BUILD(port, &err, "--port", "99x"), WSL_INVALID);
    cr_assert_str_eq(err.text, "argument --port: '99x' is not a whole number");
    cr_assert_eq(BUILD(port, &err, "--port", "99999999999999999999"), WSL_INVALID);
    cr_assert_eq(BUILD(port, &err, "--port"), WSL_INVALID);
    cr_assert_str_eq(err.text, "argument --port needs a value");
    cr_assert_eq(BUILD(port, &err, "--port", "--port=1"), WSL_OK, "%s", err.text);
    cr_assert_eq(BUILD(rate, &err, "--rate=fast"), WSL_INVALID);
    cr_assert_str_eq(err.text, "argument --rate: 'fast' is not a number");
    cr_assert_eq(BUILD(window, &err, "--window", "soon"), WSL_INVALID);
    cr_assert_str_eq(err.text, "argument --window: 'soon' is not a duration like 100ms, 10s or 5min");
    cr_assert_eq(BUILD(window, &err, "--window=-5s"), WSL_INVALID);
    cr_assert_eq(BUILD(fast, &err, "--fast=perhaps"), WSL_INVALID);
    cr_assert_str_eq(err.text, "argument --fast: 'perhaps' is neither true nor false");
    cr_assert_eq(BUILD(needs_input, &err), WSL_INVALID);
    cr_assert_str_eq(err.text, "the job needs an argument --input; give it after '--'");
}

Test(args, an_argument_nobody_asked_for_is_refused_with_the_nearest_one)
{
    wsl_error err;
    cr_assert_eq(BUILD(port, &err, "--prot", "9"), WSL_INVALID);
    cr_assert_str_eq(err.text, "the job does not use the argument '--prot'; did you mean 'port'?");
    cr_assert_eq(BUILD(port, &err, "--ports=9"), WSL_INVALID);
    cr_assert_str_eq(err.text, "the job does not use the argument '--ports=9'; did you mean 'port'?");
    cr_assert_eq(BUILD(port, &err, "x"), WSL_INVALID);
    cr_assert_str_eq(err.text, "the job does not use the argument 'x'");
}

static wsl_status raw(wsl_env *env, const wsl_args *args)
{
    cr_assert_eq(wsl_args_count(args), 2);
    cr_assert_str_eq(wsl_args_at(args, 0), "a");
    cr_assert_str_eq(wsl_args_at(args, 1), "--b");
    cr_assert_null(wsl_args_at(args, 2));
    a_source(env);
    return WSL_OK;
}

Test(args, a_job_may_read_its_arguments_by_itself)
{
    wsl_error err;
    cr_assert_eq(BUILD(raw, &err, "a", "--b"), WSL_OK, "%s", err.text);
}
