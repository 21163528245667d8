#include "plugin/plugin.h"

#include <ctype.h>
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/id.h"
#include "plugin/elf.h"

struct wsl_plugin {
    void *handle;
    char *path;
    char hash[WSL_ID_TEXT_SIZE];
};

void wsl_plugin_free(wsl_plugin *plugin)
{
    if (plugin == NULL) {
        return;
    }
    if (plugin->handle != NULL) {
        (void)dlclose(plugin->handle);
    }
    free(plugin->path);
    free(plugin);
}

const char *wsl_plugin_path(const wsl_plugin *plugin) { return plugin->path; }
const char *wsl_plugin_hash(const wsl_plugin *plugin) { return plugin->hash; }

/* Everything that can be said about the library before any of it runs. */
static wsl_status inspect(wsl_fs *fs, const char *path, wsl_id *out_id, wsl_error *err)
{
    char *bytes = NULL;
    size_t size = 0;
    WSL_TRY(wsl_fs_read_all(fs, path, WSL_PLUGIN_SIZE_MAX, &bytes, &size, err));
    wsl_elf_symbol abi = {.name = WSL_ABI_SYMBOL};
    const wsl_status status = wsl_elf_inspect(path, bytes, size, &abi, 1, err);
    *out_id = wsl_id_of_bytes(bytes, size);
    free(bytes);
    WSL_TRY(status);
    if (!abi.found || !abi.has_value) {
        return wsl_fail(err, WSL_FORMAT,
                        "'%s' is a shared object but not a Wiesel job: it has no entry point; "
                        "write one with WSL_JOB from <wiesel/wiesel.h>",
                        path);
    }
    if (abi.value != WSL_ABI_VERSION) {
        return wsl_fail(err, WSL_UNSUPPORTED,
                        "'%s' was built for ABI version %u of Wiesel, this is version %u; "
                        "compile it again against the headers of Wiesel " WSL_VERSION,
                        path, abi.value, WSL_ABI_VERSION);
    }
    return WSL_OK;
}

/* dlerror's "path: undefined symbol: name" as a sentence that says what to do; else its own words. */
static wsl_status load_failed(const char *path, const char *reason, wsl_error *err)
{
    static const char undefined[] = "undefined symbol: ";
    const char *at = strstr(reason, undefined);
    if (at != NULL) {
        const char *name = at + sizeof undefined - 1;
        return wsl_fail(err, WSL_FORMAT,
                        "cannot load '%s': it uses '%.*s', which neither it nor Wiesel defines; "
                        "link what defines it into the job",
                        path, (int)strcspn(name, ", \n"), name);
    }
    return wsl_fail(err, WSL_FORMAT, "cannot load '%s': %s", path, reason);
}

wsl_status wsl_plugin_open(wsl_fs *fs, const char *path, wsl_plugin **out_plugin, wsl_error *err)
{
    wsl_id id;
    WSL_TRY(inspect(fs, path, &id, err));
    /* A name without a slash would be searched for in the system's library folders. */
    char *real = strchr(path, '/') != NULL ? wsl_strdup(path) : wsl_asprintf("./%s", path);
    void *handle = dlopen(real, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL) {
        const char *reason = dlerror();
        free(real);
        return load_failed(path, reason != NULL ? reason : "the loader gives no reason", err);
    }
    wsl_plugin *plugin = wsl_zalloc(sizeof *plugin);
    plugin->handle = handle;
    plugin->path = real;
    (void)wsl_id_text(&id, plugin->hash);
    *out_plugin = plugin;
    return WSL_OK;
}

static bool is_symbol(const char *name)
{
    size_t n = 0;
    for (; name[n] != '\0'; n++) {
        if (n == WSL_SYMBOL_NAME_MAX || (!isalnum((unsigned char)name[n]) && name[n] != '_')) {
            return false;
        }
    }
    return n > 0;
}

const char *wsl_function_kind_text(wsl_function_kind kind)
{
    switch (kind) {
    case WSL_FN_PROCESS:
        return "WSL_PROCESS";
    case WSL_FN_FILTER:
        return "WSL_FILTER";
    case WSL_FN_KEYED_PROCESS:
        return "WSL_KEYED_PROCESS";
    case WSL_FN_REDUCE:
        return "WSL_REDUCE";
    case WSL_FN_PARTITION:
        return "WSL_PARTITION";
    case WSL_FN_AGGREGATE:
        return "WSL_AGGREGATE";
    case WSL_FN_WINDOW:
        return "WSL_WINDOW";
    case WSL_FN_TRIGGER:
        return "WSL_TRIGGER";
    case WSL_FN_EVICTOR:
        return "WSL_EVICTOR";
    case WSL_FN_SESSION_GAP:
        return "WSL_SESSION_GAP";
    case WSL_FN_CO_PROCESS:
        return "WSL_CO_PROCESS";
    case WSL_FN_KEYED_CO_PROCESS:
        return "WSL_KEYED_CO_PROCESS";
    case WSL_FN_BROADCAST_PROCESS:
        return "WSL_BROADCAST_PROCESS";
    case WSL_FN_KEYED_BROADCAST_PROCESS:
        return "WSL_KEYED_BROADCAST_PROCESS";
    case WSL_FN_JOIN:
        return "WSL_JOIN";
    case WSL_FN_CO_GROUP:
        return "WSL_CO_GROUP";
    case WSL_FN_ASYNC:
        return "WSL_ASYNC";
    case WSL_FN_WATERMARKS:
        return "WSL_WATERMARKS";
    }
    return "a function of unknown kind";
}

/* Is the callback there that the kind is about? */
static bool has_callback(const wsl_function *fn)
{
    switch (fn->kind) {
    case WSL_FN_PROCESS:
        return fn->process != NULL;
    case WSL_FN_FILTER:
        return fn->filter != NULL;
    case WSL_FN_KEYED_PROCESS:
        return fn->keyed_process != NULL;
    case WSL_FN_REDUCE:
        return fn->reduce != NULL;
    case WSL_FN_PARTITION:
        return fn->partition != NULL;
    case WSL_FN_AGGREGATE:
        return (fn->add != NULL) != (fn->update != NULL) && fn->acc != NULL;
    case WSL_FN_WINDOW:
        return fn->window != NULL;
    case WSL_FN_TRIGGER:
        return fn->on_element != NULL;
    case WSL_FN_EVICTOR:
        return fn->evict != NULL;
    case WSL_FN_SESSION_GAP:
        return fn->session_gap != NULL;
    case WSL_FN_CO_PROCESS:
        return fn->co_process != NULL;
    case WSL_FN_KEYED_CO_PROCESS:
        return fn->keyed_co_process != NULL;
    case WSL_FN_BROADCAST_PROCESS:
        return fn->element != NULL && fn->broadcast != NULL;
    case WSL_FN_KEYED_BROADCAST_PROCESS:
        return fn->keyed_element != NULL && fn->broadcast != NULL;
    case WSL_FN_JOIN:
        return fn->join != NULL;
    case WSL_FN_CO_GROUP:
        return fn->co_group != NULL;
    case WSL_FN_ASYNC:
        return fn->invoke != NULL;
    case WSL_FN_WATERMARKS:
        return fn->on_event != NULL;
    }
    return false;
}

const wsl_function *wsl_plugin_function(const wsl_plugin *plugin, const char *symbol, wsl_function_kind kind,
                                        wsl_error *err)
{
    const wsl_function *fn = is_symbol(symbol) ? dlsym(plugin->handle, symbol) : NULL;
    if (fn == NULL) {
        (void)wsl_fail(err, WSL_NOT_FOUND,
                       "'%s' exports no function '%.*s'; declare it at file scope with %s(%.*s, ...)", plugin->path,
                       WSL_SYMBOL_NAME_MAX, symbol, wsl_function_kind_text(kind), WSL_SYMBOL_NAME_MAX, symbol);
        return NULL;
    }
    if (fn->abi != WSL_ABI_VERSION) {
        (void)wsl_fail(err, WSL_UNSUPPORTED,
                       "'%s' in '%s' is no Wiesel function of ABI version %u; declare it with %s and compile it again",
                       symbol, plugin->path, WSL_ABI_VERSION, wsl_function_kind_text(kind));
        return NULL;
    }
    if (fn->kind != kind) {
        (void)wsl_fail(err, WSL_TYPE, "function '%s' in '%s' is a %s, but is used as a %s", symbol, plugin->path,
                       wsl_function_kind_text(fn->kind), wsl_function_kind_text(kind));
        return NULL;
    }
    if (!has_callback(fn)) {
        (void)wsl_fail(err, WSL_INVALID, "function '%s' in '%s' is a %s without the callback that makes it one", symbol,
                       plugin->path, wsl_function_kind_text(kind));
        return NULL;
    }
    return fn;
}

static const void *connector(const wsl_plugin *plugin, const char *prefix, const char *name)
{
    char symbol[WSL_SYMBOL_NAME_MAX + 1];
    if (!is_symbol(name) || (size_t)snprintf(symbol, sizeof symbol, "%s%s", prefix, name) >= sizeof symbol) {
        return NULL;
    }
    return dlsym(plugin->handle, symbol);
}

const wsl_source_class *wsl_plugin_source(const wsl_plugin *plugin, const char *name)
{
    return connector(plugin, "wiesel_source_", name);
}

const wsl_sink_class *wsl_plugin_sink(const wsl_plugin *plugin, const char *name)
{
    return connector(plugin, "wiesel_sink_", name);
}

wsl_job_entry wsl_plugin_entry(const wsl_plugin *plugin, wsl_error *err)
{
    void *symbol = dlsym(plugin->handle, WSL_JOB_ENTRY_SYMBOL);
    if (symbol == NULL) {
        (void)wsl_fail(err, WSL_NOT_FOUND, "'%s' has no entry point; write one with WSL_JOB from <wiesel/wiesel.h>",
                       plugin->path);
        return NULL;
    }
    wsl_job_entry entry;
    memcpy(&entry, &symbol, sizeof entry); /* POSIX gives functions as object pointers */
    return entry;
}
