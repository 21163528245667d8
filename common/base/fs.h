/*
 * fs - seam: files and directories. Nobody else calls open, read, rename...
 *
 * wsl_fs_posix is the real one; fs_mem.h is one in memory that can fail or run full on demand.
 * Errors carry the path and the operating system's words. A full disk is WSL_NO_SPACE, a missing path WSL_NOT_FOUND.
 *
 * An open file can be read whatever its mode; writes go to its end (all modes but WSL_OPEN_READ), also after truncate.
 *
 * Threads: a wsl_fs from any; a wsl_file from one at a time.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <wiesel/macros.h>
#include <wiesel/status.h>

typedef struct wsl_fs wsl_fs;
typedef struct wsl_file wsl_file;

typedef enum wsl_open_mode {
    WSL_OPEN_READ,
    WSL_OPEN_CREATE, /* must not exist */
    WSL_OPEN_TRUNCATE,
    WSL_OPEN_APPEND, /* made if missing */
} wsl_open_mode;

typedef struct wsl_file_info {
    uint64_t size;
    int64_t mtime_ns; /* since 1970 */
    bool is_dir;
    bool is_regular;
} wsl_file_info;

/* Called for each entry of a directory but "." and ".."; return false to stop. */
typedef bool (*wsl_dir_fn)(void *arg, const char *name, const wsl_file_info *info);

struct wsl_fs {
    wsl_status (*open)(wsl_fs *fs, const char *path, wsl_open_mode mode, wsl_file **out_file, wsl_error *err);
    wsl_status (*stat)(wsl_fs *fs, const char *path, wsl_file_info *out_info, wsl_error *err);
    wsl_status (*list)(wsl_fs *fs, const char *dir, wsl_dir_fn fn, void *arg, wsl_error *err);
    wsl_status (*make_dirs)(wsl_fs *fs, const char *path, wsl_error *err); /* like mkdir -p */
    wsl_status (*rename)(wsl_fs *fs, const char *from, const char *to, wsl_error *err);
    wsl_status (*remove)(wsl_fs *fs, const char *path, wsl_error *err);   /* a file or an empty directory */
    wsl_status (*sync_dir)(wsl_fs *fs, const char *dir, wsl_error *err);  /* makes renames in it durable */
};

struct wsl_file {
    /* *out_got < size only at the end of the file; 0 = end. */
    wsl_status (*read_at)(wsl_file *file, uint64_t offset, void *to, size_t size, size_t *out_got, wsl_error *err);
    wsl_status (*write)(wsl_file *file, const void *from, size_t size, wsl_error *err); /* all or an error */
    wsl_status (*sync)(wsl_file *file, wsl_error *err);
    wsl_status (*truncate)(wsl_file *file, uint64_t size, wsl_error *err);
    wsl_status (*size)(wsl_file *file, uint64_t *out_size, wsl_error *err);
    void (*close)(wsl_file *file); /* and frees */
};

static inline void wsl_file_free(wsl_file *file)
{
    if (file != NULL) {
        file->close(file);
    }
}
WSL_DEFINE_AUTO(wsl_file)

wsl_fs *wsl_fs_posix(void); /* a constant object, never freed */

/* Whole file into a malloc'ed block with a 0 byte behind it (not counted). WSL_TOO_LARGE beyond max. */
WSL_MUST_CHECK wsl_status wsl_fs_read_all(wsl_fs *fs, const char *path, size_t max, char **out_data, size_t *out_size,
                                          wsl_error *err);
/* Write to .<name>.tmp-<hex> beside it, sync, rename, sync the directory: the file is there whole or not at all. Directory
 * watchers ignore names that begin with a dot. */
WSL_MUST_CHECK wsl_status wsl_fs_write_atomic(wsl_fs *fs, const char *path, const void *data, size_t size,
                                              wsl_error *err);
