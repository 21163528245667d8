#include "library_fs.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"

enum { LIBRARY_MAX = 64 << 20 };

static wsl_fs *memory(wsl_fs *fs) { return ((library_fs *)(void *)fs)->memory; }

static bool is_library(const char *path)
{
    const size_t n = strlen(path);
    return n > 3 && strcmp(path + n - 3, ".so") == 0;
}

static wsl_status fs_open(wsl_fs *fs, const char *path, wsl_open_mode mode, wsl_file **out_file, wsl_error *err)
{
    return memory(fs)->open(memory(fs), path, mode, out_file, err);
}
static wsl_status fs_stat(wsl_fs *fs, const char *path, wsl_file_info *out_info, wsl_error *err)
{
    return memory(fs)->stat(memory(fs), path, out_info, err);
}
static wsl_status fs_list(wsl_fs *fs, const char *dir, wsl_dir_fn fn, void *arg, wsl_error *err)
{
    return memory(fs)->list(memory(fs), dir, fn, arg, err);
}
static wsl_status fs_make_dirs(wsl_fs *fs, const char *path, wsl_error *err)
{
    return memory(fs)->make_dirs(memory(fs), path, err);
}

/* How a file that was written comes to its name. */
static wsl_status fs_rename(wsl_fs *fs, const char *from, const char *to, wsl_error *err)
{
    WSL_TRY(memory(fs)->rename(memory(fs), from, to, err));
    if (!is_library(to)) {
        return WSL_OK;
    }
    char *bytes = NULL;
    size_t size = 0;
    WSL_TRY(wsl_fs_read_all(memory(fs), to, LIBRARY_MAX, &bytes, &size, err));
    char *dir = wsl_strndup(to, (size_t)(strrchr(to, '/') - to));
    wsl_fs *disk = wsl_fs_posix();
    wsl_status status = disk->make_dirs(disk, dir, err);
    if (status == WSL_OK) {
        status = wsl_fs_write_atomic(disk, to, bytes, size, err);
    }
    free(dir);
    free(bytes);
    return status;
}

static wsl_status fs_remove(wsl_fs *fs, const char *path, wsl_error *err)
{
    if (is_library(path)) {
        (void)unlink(path);
        char *dir = wsl_strndup(path, (size_t)(strrchr(path, '/') - path));
        (void)rmdir(dir); /* if it was the last one */
        free(dir);
    }
    return memory(fs)->remove(memory(fs), path, err);
}
static wsl_status fs_sync_dir(wsl_fs *fs, const char *dir, wsl_error *err)
{
    return memory(fs)->sync_dir(memory(fs), dir, err);
}

void library_fs_init(library_fs *f, wsl_fs *mem)
{
    *f = (library_fs){.fs = {.open = fs_open,
                             .stat = fs_stat,
                             .list = fs_list,
                             .make_dirs = fs_make_dirs,
                             .rename = fs_rename,
                             .remove = fs_remove,
                             .sync_dir = fs_sync_dir},
                      .memory = mem};
}
