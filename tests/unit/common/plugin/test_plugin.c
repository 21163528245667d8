#include "harness/wsl_test.h"
#include "job_path.h"

#include <string.h>

#include "base/fs.h"
#include "base/id.h"
#include "plugin/plugin.h"

static wsl_plugin *open_job(const char *name)
{
    wsl_error err = {0};
    wsl_plugin *plugin = NULL;
    cr_assert_eq(wsl_plugin_open(wsl_fs_posix(), job_path(name), &plugin, &err), WSL_OK, "%s", err.text);
    return plugin;
}

/* The sentence, without the path in it. */
static const char *refused(const char *name, wsl_status expected, wsl_error *err)
{
    wsl_plugin *plugin = NULL;
    const char *path = job_path(name);
    cr_assert_eq(wsl_plugin_open(wsl_fs_posix(), path, &plugin, err), expected, "%s", err->text);
    cr_assert_null(plugin);
    cr_assert(has_text(err->text, path), "%s", err->text);
    return err->text;
}

Test(plugin, a_job_library_gives_its_functions_connectors_and_entry_point)
{
    wsl_error err = {0};
    WSL_AUTO(wsl_plugin) plugin = open_job("own_connectors");
    const wsl_function *fn = wsl_plugin_function(plugin, "even", WSL_FN_FILTER, &err);
    cr_assert_not_null(fn, "%s", err.text);
    cr_assert_str_eq(fn->name, "even");
    cr_assert_not_null(wsl_plugin_function(plugin, "passing", WSL_FN_PROCESS, &err));
    cr_assert_not_null(wsl_plugin_function(plugin, "largest", WSL_FN_REDUCE, &err));
    cr_assert_not_null(wsl_plugin_function(plugin, "spread", WSL_FN_PARTITION, &err));
    cr_assert_str_eq(wsl_plugin_source(plugin, "ticker")->name, "ticker");
    cr_assert_str_eq(wsl_plugin_sink(plugin, "nowhere")->name, "nowhere");
    cr_assert(wsl_plugin_entry(plugin, &err) != NULL);
    WSL_AUTO(wsl_plugin) other = open_job("wordcount");
    cr_assert_not_null(wsl_plugin_function(other, "count", WSL_FN_KEYED_PROCESS, &err), "%s", err.text);
    cr_assert_null(wsl_plugin_function(other, "even", WSL_FN_FILTER, &err), "libraries do not see each other");
}

Test(plugin, a_function_that_is_missing_or_of_another_kind_is_refused_in_words)
{
    wsl_error err = {0};
    char expected[2048];
    WSL_AUTO(wsl_plugin) plugin = open_job("own_connectors");
    const char *path = wsl_plugin_path(plugin);
    cr_assert_null(wsl_plugin_function(plugin, "evn", WSL_FN_FILTER, &err));
    (void)snprintf(expected, sizeof expected,
                   "'%s' exports no function 'evn'; declare it at file scope with WSL_FILTER(evn, ...)", path);
    cr_assert_str_eq(err.text, expected);
    cr_assert_null(wsl_plugin_function(plugin, "even", WSL_FN_PROCESS, &err));
    (void)snprintf(expected, sizeof expected, "function 'even' in '%s' is a WSL_FILTER, but is used as a WSL_PROCESS",
                   path);
    cr_assert_str_eq(err.text, expected);
    cr_assert_null(wsl_plugin_function(plugin, "wiesel_abi_version", WSL_FN_FILTER, &err), "any symbol but a function");
    cr_assert_null(wsl_plugin_function(plugin, "hidden", WSL_FN_PROCESS, &err), "static, so not exported");
    cr_assert_null(wsl_plugin_function(plugin, "", WSL_FN_PROCESS, &err));
    cr_assert_null(wsl_plugin_function(plugin, "even\n; rm", WSL_FN_FILTER, &err));
    cr_assert_null(wsl_plugin_function(plugin, "no_callback", WSL_FN_PROCESS, &err));
    cr_assert(has_text(err.text, "is a WSL_PROCESS without the callback that makes it one"), "%s", err.text);
    cr_assert_null(wsl_plugin_source(plugin, "nowhere"), "a sink is no source");
    cr_assert_null(wsl_plugin_source(plugin, "tick/er"));
    cr_assert_null(wsl_plugin_sink(plugin, ""));
}

Test(plugin, its_hash_is_that_of_the_files_bytes)
{
    wsl_error err = {0};
    char *bytes = NULL;
    size_t size = 0;
    char hex[WSL_ID_TEXT_SIZE];
    WSL_AUTO(wsl_plugin) plugin = open_job("wordcount");
    cr_assert_eq(wsl_fs_read_all(wsl_fs_posix(), job_path("wordcount"), 1 << 24, &bytes, &size, &err), WSL_OK);
    const wsl_id id = wsl_id_of_bytes(bytes, size);
    cr_assert_str_eq(wsl_plugin_hash(plugin), wsl_id_text(&id, hex));
    free(bytes);
}

Test(plugin, a_library_without_entry_point_is_refused)
{
    wsl_error err = {0};
    cr_assert(has_text(refused("no_entry", WSL_FORMAT, &err),
                       "is a shared object but not a Wiesel job: it has no entry point; write one with WSL_JOB from "
                       "<wiesel/wiesel.h>"),
              "%s", err.text);
    cr_assert(has_text(refused("plain", WSL_FORMAT, &err), "it has no entry point"), "%s", err.text);
}

Test(plugin, a_library_with_the_number_but_without_the_function_has_no_entry_point)
{
    wsl_error err = {0};
    WSL_AUTO(wsl_plugin) plugin = open_job("abi_only");
    cr_assert(wsl_plugin_entry(plugin, &err) == NULL);
    cr_assert(has_text(err.text, "has no entry point; write one with WSL_JOB"), "%s", err.text);
}

/* Its constructor would abort this test. */
Test(plugin, a_library_for_another_abi_is_refused_before_anything_of_it_runs)
{
    wsl_error err = {0};
    cr_assert(
        has_text(refused("other_abi", WSL_UNSUPPORTED, &err),
                 "was built for ABI version 999 of Wiesel, this is version 5; compile it again against the headers of "
                 "Wiesel " WSL_VERSION),
        "%s", err.text);
}

Test(plugin, a_library_that_needs_what_nobody_defines_is_refused_and_names_it)
{
    wsl_error err = {0};
    cr_assert(
        has_text(
            refused("undefined", WSL_FORMAT, &err),
            "it uses 'launch_the_missiles', which neither it nor Wiesel defines; link what defines it into the job"),
        "%s", err.text);
}

Test(plugin, files_that_are_missing_or_something_else_are_refused)
{
    wsl_error err = {0};
    wsl_plugin *plugin = NULL;
    cr_assert_eq(wsl_plugin_open(wsl_fs_posix(), "/no/such/job.so", &plugin, &err), WSL_NOT_FOUND);
    cr_assert(has_text(err.text, "/no/such/job.so"), "%s", err.text);
    cr_assert_eq(wsl_plugin_open(wsl_fs_posix(), "/etc/passwd", &plugin, &err), WSL_FORMAT);
    cr_assert(has_text(err.text, "'/etc/passwd' is not a shared object (not an ELF file)"), "%s", err.text);
    cr_assert_neq(wsl_plugin_open(wsl_fs_posix(), "/tmp", &plugin, &err), WSL_OK);
    cr_assert_null(plugin);
}
