/*
 * fs - what is built on the seam alone: whole files, read and written at once.
 */
#include "base/fs.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/alloc.h"

static wsl_status read_open_file(wsl_file *file, const char *path, size_t max, char **out_data, size_t *out_size,
                                 wsl_error *err)
{
    uint64_t size = 0;
    WSL_TRY(file->size(file, &size, err));
    if (size > max) {
        return wsl_fail(err, WSL_TOO_LARGE, "%s has %" PRIu64 " bytes, at most %zu are read", path, size, max);
    }
    /* One byte more than expected, to notice a file that grows under our hands. */
    char *const data = wsl_alloc((size_t)size + 1);
    size_t got = 0;
    wsl_status status = file->read_at(file, 0, data, (size_t)size + 1, &got, err);
    if (status == WSL_OK && got > size) {
        status = wsl_fail(err, WSL_IO, "%s grew while it was read; try again when nobody writes to it", path);
    }
    if (status != WSL_OK) {
        free(data);
        return status;
    }
    data[got] = '\0';
    *out_data = data;
    *out_size = got;
    return WSL_OK;
}

wsl_status wsl_fs_read_all(wsl_fs *fs, const char *path, size_t max, char **out_data, size_t *out_size, wsl_error *err)
{
    WSL_AUTO(wsl_file) file = NULL;
    WSL_TRY(fs->open(fs, path, WSL_OPEN_READ, &file, err));
    return read_open_file(file, path, max, out_data, out_size, err);
}

/* The directory part of path without the last '/', "." if it has none, "/" for the root. */
static char *dir_of(const char *path)
{
    const char *const slash = strrchr(path, '/');
    if (slash == NULL) {
        return wsl_strdup(".");
    }
    return slash == path ? wsl_strdup("/") : wsl_strndup(path, (size_t)(slash - path));
}

static wsl_status write_new_file(wsl_fs *fs, const char *path, const void *data, size_t size, wsl_error *err)
{
    WSL_AUTO(wsl_file) file = NULL;
    WSL_TRY(fs->open(fs, path, WSL_OPEN_CREATE, &file, err));
    wsl_status status = file->write(file, data, size, err);
    if (status == WSL_OK) {
        status = file->sync(file, err);
    }
    if (status != WSL_OK) {
        (void)fs->remove(fs, path, NULL);
    }
    return status;
}

/* The name comes from the content: no randomness needed, and two writers of the same path do not meet but by trying the
 * same content, when the later one finds the name taken and goes on to the next. */
static wsl_status write_temporary(wsl_fs *fs, const char *path, const void *data, size_t size, char **out_temporary,
                                  wsl_error *err)
{
    enum { TRIES = 100 };
    const char *const slash = strrchr(path, '/');
    const char *const name = slash != NULL ? slash + 1 : path;
    const uint64_t hash = XXH3_64bits(data, size);
    wsl_status status = WSL_EXISTS;
    for (uint64_t i = 0; i < TRIES && status == WSL_EXISTS; i++) {
        char *const temporary =
            wsl_asprintf("%.*s.%s.tmp-%08" PRIx32, (int)(name - path), path, name, (uint32_t)(hash + i));
        status = write_new_file(fs, temporary, data, size, err);
        if (status == WSL_OK) {
            *out_temporary = temporary;
        } else {
            free(temporary);
        }
    }
    return status;
}

wsl_status wsl_fs_write_atomic(wsl_fs *fs, const char *path, const void *data, size_t size, wsl_error *err)
{
    char *temporary = NULL;
    WSL_TRY(write_temporary(fs, path, data, size, &temporary, err));
    wsl_status status = fs->rename(fs, temporary, path, err);
    if (status == WSL_OK) {
        char *const dir = dir_of(path);
        status = fs->sync_dir(fs, dir, err);
        free(dir);
    } else {
        (void)fs->remove(fs, temporary, NULL);
    }
    free(temporary);
    return status;
}
