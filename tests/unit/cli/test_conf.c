/* deploy/conf/wiesel.yaml says what the tables of options say. */
#include "harness/wsl_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cluster_options.h"
#include "base/config_file.h"
#include "cli/cmd.h"

static char *conf_text(void)
{
    char *path = wsl_asprintf("%s/deploy/conf/wiesel.yaml", getenv("WIESEL_SOURCE_DIR")), *data = NULL;
    size_t size = 0;
    wsl_error err = {0};

    cr_assert_eq(wsl_fs_read_all(wsl_fs_posix(), path, WSL_CONFIG_FILE_MAX, &data, &size, &err), WSL_OK, "%s",
                 err.text);
    free(path);
    return data;
}

static void check_table(const char *text, const wsl_option *table)
{
    for (const wsl_option *o = table; o->name != NULL; o++) {
        char *line = o->default_value != NULL ? wsl_asprintf("\n#%s: %s\n", o->name, o->default_value)
                                              : wsl_asprintf("\n#%s:\n", o->name);
        cr_assert(has_text(text, line), "wiesel.yaml lacks '%s' with its default", o->name);
        free(line);
    }
}

Test(conf, the_file_lists_every_option_with_its_default)
{
    char *text = conf_text();

    check_table(text, wsl_cluster_options);
    check_table(text, wsl_job_options);
    free(text);
}

Test(conf, every_key_in_the_file_is_an_option_and_its_default_is_accepted)
{
    char *text = conf_text(), *rest = text;
    WSL_AUTO(wsl_config) config = wsl_cluster_config_new();
    wsl_error err = {0};
    int keys = 0;

    for (char *line = strtok_r(rest, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
        char *colon = strstr(line, ": ");
        if (line[0] == '#' && line[1] != ' ' && line[1] != '\0' && colon != NULL) {
            *colon = '\0';
            cr_assert_eq(wsl_config_set(config, line + 1, colon + 2, "wiesel.yaml", &err), WSL_OK, "%s", err.text);
            keys++;
        }
    }
    cr_assert_gt(keys, 30);
    free(text);
}

Test(conf, the_file_as_it_is_changes_nothing)
{
    char *text = conf_text();
    WSL_AUTO(wsl_config) config = wsl_cluster_config_new();
    wsl_error err = {0};

    cr_assert_eq(wsl_config_read_text(config, "wiesel.yaml", text, strlen(text), &err), WSL_OK, "%s", err.text);
    cr_assert_not(wsl_config_is_set(config, "rest.port"));
    free(text);
}

Test(conf, ports_are_the_clients_and_pipelines_the_jobs)
{
    cr_assert(cli_is_client_option("rest.port"));
    cr_assert_not(cli_is_client_option("pipeline.max-parallelism"));
    cr_assert_not(cli_is_client_option("no.such.key"));
}
