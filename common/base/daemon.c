#include "base/daemon.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <wiesel/version.h>

#include "base/alloc.h"
#include "base/cluster_options.h"
#include "base/config_file.h"
#include "base/fs.h"
#include "base/option_doc.h"
#include "base/strbuf.h"

static void print_help(const wsl_daemon *d)
{
    wsl_strbuf text;
    wsl_strbuf_init(&text);
    wsl_strbuf_printf(&text, "usage: %s [-c FILE] [-D key=value]...", d->program);
    for (const wsl_daemon_option *o = d->options; o != NULL && o->name != NULL; o++) {
        wsl_strbuf_printf(&text, " [%s %s]", o->name, o->argument);
    }
    wsl_strbuf_printf(&text, "\n\n%s\n\n", d->what_it_does);
    wsl_strbuf_puts(&text, "  -c, --config FILE   configuration (YAML); without it all options have their defaults\n"
                           "  -D key=value        one option, goes before the file\n");
    for (const wsl_daemon_option *o = d->options; o != NULL && o->name != NULL; o++) {
        wsl_strbuf_printf(&text, "  %s %-*s %s\n", o->name, (int)(18 - strlen(o->name)), o->argument, o->help);
    }
    wsl_strbuf_puts(&text, "  -h, --help          this text\n"
                           "  -V, --version       the version\n\nOptions of the configuration:\n\n");
    wsl_options_help(wsl_cluster_options, &text);
    (void)fputs(text.data, stdout);
    wsl_strbuf_fini(&text);
}

bool wsl_daemon_only_asked(const wsl_daemon *d, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "-h") == 0 || strcmp(argv[i], "--help") == 0) {
            print_help(d);
            return true;
        }
        if (strcmp(argv[i], "-V") == 0 || strcmp(argv[i], "--version") == 0) {
            (void)printf("wiesel %s\n", WSL_VERSION);
            return true;
        }
    }
    return false;
}

/* Where an option with a value puts it; NULL: no such option. */
static const char **place_of(const wsl_daemon *d, const char **config_file, const char *arg)
{
    if (strcmp(arg, "-c") == 0 || strcmp(arg, "--config") == 0) {
        return config_file;
    }
    for (const wsl_daemon_option *o = d->options; o != NULL && o->name != NULL; o++) {
        if (strcmp(arg, o->name) == 0) {
            return o->value;
        }
    }
    return NULL;
}

/* With `define`, -D is put into the configuration; without, everything else is read. */
static wsl_status walk(wsl_daemon *d, int argc, char **argv, bool define, const char **config_file, wsl_error *err)
{
    for (int i = 1; i < argc; i++) {
        const bool is_define = strncmp(argv[i], "-D", 2) == 0;
        const bool joined = is_define && argv[i][2] != '\0';
        const char **place = is_define ? NULL : place_of(d, config_file, argv[i]);
        if (!is_define && place == NULL) {
            return wsl_fail(err, WSL_INVALID, "'%s' is not an option; see %s --help", argv[i], d->program);
        }
        if (!joined && i + 1 == argc) {
            return wsl_fail(err, WSL_INVALID, "%s needs a value", argv[i]);
        }
        const char *value = joined ? argv[i] + 2 : argv[++i];
        if (is_define && define) {
            WSL_TRY(wsl_config_set_pair(d->config, value, "-D", err));
        } else if (!is_define) {
            *place = value;
        }
    }
    return WSL_OK;
}

wsl_status wsl_daemon_arguments(wsl_daemon *d, int argc, char **argv, wsl_error *err)
{
    const char *config_file = NULL;
    d->config = wsl_cluster_config_new();
    WSL_TRY(walk(d, argc, argv, false, &config_file, err));
    if (config_file != NULL) {
        WSL_TRY(wsl_config_read_file(d->config, wsl_fs_posix(), config_file, err));
    }
    WSL_TRY(walk(d, argc, argv, true, &config_file, err));
    return wsl_config_check(d->config, err);
}

wsl_status wsl_daemon_open_log(wsl_daemon *d, const char *name, wsl_error *err)
{
    const char *dir = wsl_config_str(d->config, "env.log.dir");
    wsl_log_level level = WSL_LOG_INFO;
    (void)wsl_log_level_parse(wsl_config_str(d->config, "log.level"), &level);
    if (dir == NULL) {
        d->sink = wsl_log_sink_stderr();
    } else {
        WSL_TRY(wsl_fs_posix()->make_dirs(wsl_fs_posix(), dir, err));
        char *path = wsl_asprintf("%s/%s-%d.log", dir, name, (int)getpid());
        const wsl_status status =
            wsl_log_sink_file(wsl_fs_posix(), path, wsl_config_size(d->config, "log.rotate.size"),
                              (uint32_t)wsl_config_int(d->config, "log.rotate.keep"), &d->sink, err);
        free(path);
        WSL_TRY(status);
    }
    d->log = wsl_logger_new(d->sink, wsl_clock_real(), level);
    return WSL_OK;
}

void wsl_daemon_fini(wsl_daemon *d)
{
    wsl_logger_free(d->log);
    wsl_log_sink_free(d->sink);
    wsl_config_free(d->config);
    d->log = NULL;
    d->sink = NULL;
    d->config = NULL;
}
