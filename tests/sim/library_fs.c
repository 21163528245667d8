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

/* ---- on the disk ---- */

/* Not for long, and written again when it is lost: nothing is synced. */
static wsl_status put_on_disk(library_fs *f, const char *path, const char *bytes, size_t size, wsl_error *err)
{
    wsl_fs *disk = wsl_fs_posix();
    WSL_AUTO(wsl_file) file = NULL;
    char *dir = wsl_strndup(path, (size_t)(strrchr(path, '/') - path));
    const wsl_status status = disk->make_dirs(disk, dir, err);
    free(dir);
    WSL_TRY(status);
    WSL_TRY(disk->open(disk, path, WSL_OPEN_TRUNCATE, &file, err));
    char *copy = wsl_strdup(path);
    wsl_vec_push(&f->on_disk, copy);
    return file->write(file, bytes, size, err);
}

static void take_off_disk(const char *path)
{
    (void)unlink(path);
    char *dir = wsl_strndup(path, (size_t)(strrchr(path, '/') - path));
    (void)rmdir(dir); /* if it was the last one */
    free(dir);
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
    const wsl_status status = put_on_disk((library_fs *)(void *)fs, to, bytes, size, err);
    free(bytes);
    return status;
}

static wsl_status fs_remove(wsl_fs *fs, const char *path, wsl_error *err)
{
    if (is_library(path)) {
        take_off_disk(path);
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

void library_fs_fini(library_fs *f)
{
    for (uint32_t i = 0; i < f->on_disk.n; i++) {
        take_off_disk(f->on_disk.items[i]);
        free(f->on_disk.items[i]);
    }
    wsl_vec_fini(&f->on_disk);
}
