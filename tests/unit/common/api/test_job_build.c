#include "harness/wsl_test.h"
#include "tests/unit/common/plugin/job_path.h"
#include "api_fixture.h"

#include "base/fs.h"

static wsl_plugin *open_job(const char *name)
{
    wsl_error err = {0};
    wsl_plugin *plugin = NULL;
    cr_assert_eq(wsl_plugin_open(wsl_fs_posix(), job_path(name), &plugin, &err), WSL_OK, "%s", err.text);
    return plugin;
}

Test(job_build, a_job_library_becomes_a_graph_that_names_the_library)
{
    wsl_error err = {0};
    wsl_job_plan *made = NULL;
    wsl_job_graph *graph = NULL;
    WSL_AUTO(wsl_plugin) plugin = open_job("wordcount");
    const wsl_job_build_options options = {.args = (const char *const[]){"--port", "7"}, .n_args = 2};
    cr_assert_eq(wsl_job_build(plugin, &options, &graph, &err), WSL_OK, "%s", err.text);
    cr_assert_str_eq(graph->name, "wordcount");
    cr_assert_str_eq(graph->artifact, wsl_plugin_hash(plugin));
    cr_assert_str_eq(option_of(graph, 0, "port"), "7");
    cr_assert_eq(graph->n_arguments, 2);
    cr_assert_str_eq(graph->arguments[1]->value, "7");
    cr_assert_eq(wsl_job_plan_new(graph, 2, &made, &err), WSL_OK, "%s", err.text);
    WSL_AUTO(wsl_job_plan) plan = made;
    static const char *const names[] = {"Source: lines", "split", "count -> Sink: out"};
    cr_assert_eq(plan->n_vertices, 3);
    for (uint32_t i = 0; i < 3; i++) {
        cr_assert_str_eq(plan->vertices[i].name, names[i]);
    }
    cr_assert_eq(plan->vertices[0].parallelism, 1, "a socket has one reader");
    cr_assert_eq(plan->slots_needed, 2);
}

Test(job_build, connectors_and_functions_of_the_library_are_found_and_checked)
{
    wsl_error err = {0};
    WSL_AUTO(wsl_job_graph) graph = NULL;
    WSL_AUTO(wsl_plugin) plugin = open_job("own_connectors");
    const wsl_job_build_options options = {.fs = wsl_fs_posix(), .fallback_name = "own_connectors.so"};
    cr_assert_eq(wsl_job_build(plugin, &options, &graph, &err), WSL_OK, "%s", err.text);
    cr_assert_str_eq(graph->name, "own_connectors.so", "the job gave itself no name");
    cr_assert_str_eq(graph->operators[0]->connector, "ticker");
    cr_assert_eq(graph->operators[1]->config.len, 4);
    cr_assert_str_eq(graph->edges[0]->function, "spread");
}

static void refused(const char *mistake, const char *count, const char *sentence)
{
    wsl_error err = {0};
    wsl_job_graph *graph = NULL;
    char whole[2048];
    WSL_AUTO(wsl_plugin) plugin = open_job("own_connectors");
    const wsl_job_build_options options = {
        .args = (const char *const[]){"--case", mistake, "--count", count}, .n_args = 4, .fs = wsl_fs_posix()};
    cr_assert_neq(wsl_job_build(plugin, &options, &graph, &err), WSL_OK, "%s", mistake);
    cr_assert_null(graph);
    (void)snprintf(whole, sizeof whole, sentence, wsl_plugin_path(plugin));
    cr_assert_str_eq(err.text, whole, "%s", err.text);
}

Test(job_build, mistakes_that_need_the_library_are_refused)
{
    refused("hidden", "1",
            "'hide': '%s' exports no function 'hidden'; declare it at file scope with WSL_PROCESS(hidden, ...)");
    refused("no-callback", "1",
            "'empty': function 'no_callback' in '%s' is a WSL_PROCESS without the callback that makes it one");
    refused("connector", "1",
            "'tocks': there is no source connector 'metronome' (there are file, socket, datagen, collection)");
    refused("gives-up", "1", "the job's entry point gave up: not supported");
    refused("words", "1", "no job on a Sunday");
    refused("none", "13", "'ticks': 13 ticks bring bad luck");
}

Test(job_build, options_of_the_librarys_connectors_are_checked)
{
    wsl_error err = {0};
    wsl_job_graph *graph = NULL;
    WSL_AUTO(wsl_plugin) plugin = open_job("own_connectors");
    const wsl_job_build_options options = {.args = (const char *const[]){"--count=-1"}, .n_args = 1};
    cr_assert_eq(wsl_job_build(plugin, &options, &graph, &err), WSL_INVALID);
    cr_assert(has_text(err.text, "'ticks': ") && has_text(err.text, "count"), "%s", err.text);
}

Test(job_build, a_library_without_entry_point_is_refused)
{
    wsl_error err = {0};
    wsl_job_graph *graph = NULL;
    WSL_AUTO(wsl_plugin) plugin = open_job("abi_only");
    const wsl_job_build_options options = {0};
    cr_assert_eq(wsl_job_build(plugin, &options, &graph, &err), WSL_NOT_FOUND);
    cr_assert(has_text(err.text, "has no entry point"), "%s", err.text);
}

/* ---- what is given at submission ---- */

static wsl_status own_settings(wsl_env *env, const wsl_args *args)
{
    (void)args;
    wsl_env_set_name(env, "by code");
    wsl_env_set_parallelism(env, 2);
    wsl_env_set(env, "watermark.emit", "per-record");
    wsl_from_int64s(env, "n", NULL, 0);
    return WSL_OK;
}

Test(job_build, what_is_given_at_submission_goes_before_what_the_code_says)
{
    wsl_error err = {0};
    WSL_AUTO(wsl_job_graph) graph = NULL;
    const wsl_job_build_options options = {
        .name = "by hand",
        .fallback_name = "unused",
        .parallelism = 7,
        .config = (const char *const[]){"watermark.emit=periodic", "pipeline.max-parallelism=77",
                                        "pipeline.operator-chaining.enabled=false", "parallelism.default=5"},
        .n_config = 4,
    };
    cr_assert_eq(wsl_job_build_entry(own_settings, "", &options, &graph, &err), WSL_OK, "%s", err.text);
    cr_assert_str_eq(graph->name, "by hand");
    cr_assert_eq(graph->parallelism, 7, "-p goes before -D");
    cr_assert_eq(graph->max_parallelism, 77);
    cr_assert_not(graph->chaining);
    cr_assert_str_eq(wsl_pb_option(graph->config, graph->n_config, "watermark.emit"), "periodic");
    uint32_t n = 0;
    for (size_t i = 0; i < graph->n_config; i++) {
        n += strcmp(graph->config[i]->key, "watermark.emit") == 0;
    }
    cr_assert_eq(n, 1, "replaced, not added");
}

Test(job_build, a_setting_that_does_not_exist_is_refused)
{
    wsl_error err = {0};
    wsl_job_graph *graph = NULL;
    wsl_job_build_options options = {.config = (const char *const[]){"watermark.emti=periodic"}, .n_config = 1};
    cr_assert_eq(wsl_job_build_entry(own_settings, "", &options, &graph, &err), WSL_NOT_FOUND);
    cr_assert(has_text(err.text, "watermark.emit'"), "%s", err.text);
    options.config = (const char *const[]){"watermark.emit"};
    cr_assert_eq(wsl_job_build_entry(own_settings, "", &options, &graph, &err), WSL_INVALID);
    cr_assert_str_eq(err.text, "-D watermark.emit: write it as key=value");
    options.config = (const char *const[]){"watermark.emit=sometimes"};
    cr_assert_eq(wsl_job_build_entry(own_settings, "", &options, &graph, &err), WSL_INVALID);
    cr_assert_null(graph);
}

WSL_ROW(text, (string, text));

static wsl_status missing_directory(wsl_env *env, const wsl_args *args)
{
    (void)args;
    wsl_from_files(env, "trades", "/no/such/directory", "json", &text_schema);
    return WSL_OK;
}

Test(job_build, connectors_are_asked_before_anything_starts)
{
    wsl_error err = {0};
    wsl_job_graph *graph = NULL;
    const wsl_job_build_options options = {.fs = wsl_fs_posix()};
    cr_assert_neq(wsl_job_build_entry(missing_directory, "", &options, &graph, &err), WSL_OK);
    cr_assert(strncmp(err.text, "'trades': ", 10) == 0, "%s", err.text);
    cr_assert(has_text(err.text, "/no/such/directory"), "%s", err.text);
    cr_assert_null(graph);
}

static wsl_status nothing(wsl_env *env, const wsl_args *args)
{
    (void)env;
    (void)args;
    return WSL_OK;
}

Test(job_build, a_job_without_operators_is_refused)
{
    wsl_error err;
    cr_assert_str_eq(not_built(nothing, &err), "the job has no operators; it needs a source at least");
}
