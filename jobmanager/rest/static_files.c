#include "jobmanager/rest/static_files.h"

#include <string.h>

#include "base/alloc.h"
#include "jobmanager/jm_core.h"

static const char *type_of(const char *path)
{
    static const struct {
        const char *ending;
        const char *type;
    } types[] = {
        {".html", "text/html; charset=UTF-8"},
        {".css", "text/css; charset=UTF-8"},
        {".js", "text/javascript; charset=UTF-8"},
        {".svg", "image/svg+xml"},
        {".json", "application/json; charset=UTF-8"},
        {".png", "image/png"},
        {".ico", "image/x-icon"},
        {".woff2", "font/woff2"},
    };
    const size_t size = strlen(path);
    for (size_t i = 0; i < WSL_ARRAY_LEN(types); i++) {
        const size_t n = strlen(types[i].ending);
        if (size >= n && strcmp(path + size - n, types[i].ending) == 0) {
            return types[i].type;
        }
    }
    return "application/octet-stream";
}

static bool is_safe(const char *path)
{
    return path[0] == '/' && strstr(path, "/.") == NULL && strchr(path, '\\') == NULL;
}

static wsl_status read_file(const jm_rest *rest, const char *path, jm_response *response)
{
    wsl_fs *fs = rest->jm->seams.fs;
    wsl_file_info info;
    char *data = NULL;
    size_t size = 0;
    WSL_TRY(fs->stat(fs, path, &info, NULL));
    if (!info.is_regular) {
        return WSL_NOT_FOUND;
    }
    WSL_TRY(wsl_fs_read_all(fs, path, JM_REST_FILE_MAX, &data, &size, NULL));
    wsl_strbuf_add(&response->body, data, size);
    free(data);
    response->modified_ms = info.mtime_ns / WSL_NS_PER_MS;
    response->content_type = type_of(path);
    return WSL_OK;
}

void jm_static_file(const jm_rest *rest, const char *path, jm_response *response)
{
    if (rest->web_dir != NULL && is_safe(path)) {
        const bool directory = path[strlen(path) - 1] == '/';
        char *full = wsl_asprintf("%s%s%s", rest->web_dir, path, directory ? "index.html" : "");
        const wsl_status status = read_file(rest, full, response);
        free(full);
        if (status == WSL_OK) {
            return;
        }
    }
    jm_rest_error(response, 404, "Unable to load requested file %s.", path);
}
