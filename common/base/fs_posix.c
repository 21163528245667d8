/*
 * fs_posix - the seam `fs` on the operating system's files.
 *
 * Everything is opened with O_NONBLOCK so that a pipe or a device with nobody at its other end cannot hang a loop; for
 * regular files the flag means nothing. Reading needs a regular file (positions), writing also takes devices.
 */
#include "base/fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/clock.h"

typedef struct posix_file {
    wsl_file file; /* first */
    int fd;
    char *path;
} posix_file;

static wsl_status status_of_errno(int error)
{
    switch (error) {
    case ENOENT:
    case ENOTDIR:
        return WSL_NOT_FOUND;
    case EEXIST:
        return WSL_EXISTS;
    case ENOSPC:
    case EDQUOT:
        return WSL_NO_SPACE;
    case EFBIG:
        return WSL_TOO_LARGE;
    default:
        return WSL_IO;
    }
}

static wsl_status fail_errno(wsl_error *err, const char *doing, const char *path)
{
    const int error = errno;
    char words[128];
    return wsl_fail(err, status_of_errno(error), "cannot %s %s: %s", doing, path,
                    strerror_r(error, words, sizeof words));
}

static posix_file *posix_file_of(wsl_file *file) { return (posix_file *)file; }

static wsl_status posix_read_at(wsl_file *file, uint64_t offset, void *to, size_t size, size_t *out_got, wsl_error *err)
{
    posix_file *const f = posix_file_of(file);
    size_t got = 0;
    if (offset > (uint64_t)INT64_MAX - size) {
        return wsl_fail(err, WSL_INVALID, "cannot read %s: the offset %" PRIu64 " is beyond any file", f->path, offset);
    }
    while (got < size) {
        const ssize_t n = pread(f->fd, (char *)to + got, size - got, (off_t)(offset + got));
        if (n == 0) {
            break;
        }
        if (n > 0) {
            got += (size_t)n;
        } else if (errno != EINTR) {
            return fail_errno(err, "read", f->path);
        }
    }
    *out_got = got;
    return WSL_OK;
}

static wsl_status posix_write(wsl_file *file, const void *from, size_t size, wsl_error *err)
{
    posix_file *const f = posix_file_of(file);
    for (size_t done = 0; done < size;) {
        const ssize_t n = write(f->fd, (const char *)from + done, size - done);
        if (n >= 0) {
            done += (size_t)n;
        } else if (errno != EINTR) {
            return fail_errno(err, "write to", f->path);
        }
    }
    return WSL_OK;
}

static wsl_status posix_sync(wsl_file *file, wsl_error *err)
{
    posix_file *const f = posix_file_of(file);
    while (fsync(f->fd) != 0) {
        if (errno != EINTR) {
            return fail_errno(err, "sync", f->path);
        }
    }
    return WSL_OK;
}

static wsl_status posix_truncate(wsl_file *file, uint64_t size, wsl_error *err)
{
    posix_file *const f = posix_file_of(file);
    /* What is written next goes to the new end, also when the file was not opened for appending. */
    if (size > INT64_MAX || ftruncate(f->fd, (off_t)size) != 0 || lseek(f->fd, (off_t)size, SEEK_SET) < 0) {
        errno = size > INT64_MAX ? EFBIG : errno;
        return fail_errno(err, "truncate", f->path);
    }
    return WSL_OK;
}

static wsl_status posix_size(wsl_file *file, uint64_t *out_size, wsl_error *err)
{
    posix_file *const f = posix_file_of(file);
    struct stat st;
    if (fstat(f->fd, &st) != 0) {
        return fail_errno(err, "look at", f->path);
    }
    *out_size = (uint64_t)st.st_size;
    return WSL_OK;
}

static void posix_close(wsl_file *file)
{
    posix_file *const f = posix_file_of(file);
    (void)close(f->fd); /* who needs to know that the data is safe has called sync */
    free(f->path);
    free(f);
}

static const wsl_file posix_file_ops = {
    .read_at = posix_read_at,
    .write = posix_write,
    .sync = posix_sync,
    .truncate = posix_truncate,
    .size = posix_size,
    .close = posix_close,
};

static int open_flags(wsl_open_mode mode)
{
    switch (mode) {
    case WSL_OPEN_READ:
        return O_RDONLY;
    case WSL_OPEN_CREATE:
        return O_RDWR | O_CREAT | O_EXCL;
    case WSL_OPEN_TRUNCATE:
        return O_RDWR | O_CREAT | O_TRUNC;
    case WSL_OPEN_APPEND:
        return O_RDWR | O_CREAT | O_APPEND;
    }
    wsl_assert_failed("mode is a wsl_open_mode", __FILE__, __LINE__, __func__);
}

static wsl_status check_kind(int fd, const char *path, wsl_open_mode mode, wsl_error *err)
{
    struct stat st;
    if (fstat(fd, &st) != 0) {
        return fail_errno(err, "look at", path);
    }
    if (S_ISDIR(st.st_mode)) {
        return wsl_fail(err, WSL_INVALID, "cannot open %s as a file: it is a directory", path);
    }
    if (mode == WSL_OPEN_READ && !S_ISREG(st.st_mode)) {
        return wsl_fail(err, WSL_INVALID, "cannot read %s: it is not a regular file", path);
    }
    return WSL_OK;
}

static wsl_status posix_open(wsl_fs *fs, const char *path, wsl_open_mode mode, wsl_file **out_file, wsl_error *err)
{
    (void)fs;
    const int fd = open(path, open_flags(mode) | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0666);
    if (fd < 0) {
        return fail_errno(err, mode == WSL_OPEN_READ ? "open" : "open for writing", path);
    }
    const wsl_status status = check_kind(fd, path, mode, err);
    if (status != WSL_OK) {
        (void)close(fd);
        return status;
    }
    posix_file *const f = wsl_zalloc(sizeof *f);
    f->file = posix_file_ops;
    f->fd = fd;
    f->path = wsl_strdup(path);
    *out_file = &f->file;
    return WSL_OK;
}

static wsl_file_info info_of(const struct stat *st)
{
    return (wsl_file_info){
        .size = (uint64_t)st->st_size,
        .mtime_ns = (int64_t)st->st_mtim.tv_sec * WSL_NS_PER_S + st->st_mtim.tv_nsec,
        .is_dir = S_ISDIR(st->st_mode),
        .is_regular = S_ISREG(st->st_mode),
    };
}

static wsl_status posix_stat(wsl_fs *fs, const char *path, wsl_file_info *out_info, wsl_error *err)
{
    (void)fs;
    struct stat st;
    if (stat(path, &st) != 0) {
        return fail_errno(err, "look at", path);
    }
    *out_info = info_of(&st);
    return WSL_OK;
}

static wsl_status list_open_dir(DIR *d, const char *dir, wsl_dir_fn fn, void *arg, wsl_error *err)
{
    for (;;) {
        errno = 0;
        const struct dirent *const entry = readdir(d);
        if (entry == NULL) {
            return errno == 0 ? WSL_OK : fail_errno(err, "list", dir);
        }
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) {
            continue;
        }
        struct stat st;
        if (fstatat(dirfd(d), entry->d_name, &st, 0) != 0) {
            continue; /* removed since, or a link to nowhere */
        }
        const wsl_file_info info = info_of(&st);
        if (!fn(arg, entry->d_name, &info)) {
            return WSL_OK;
        }
    }
}

static wsl_status posix_list(wsl_fs *fs, const char *dir, wsl_dir_fn fn, void *arg, wsl_error *err)
{
    (void)fs;
    DIR *const d = opendir(dir);
    if (d == NULL) {
        return fail_errno(err, "list the directory", dir);
    }
    const wsl_status status = list_open_dir(d, dir, fn, arg, err);
    (void)closedir(d);
    return status;
}

static wsl_status make_one_dir(const char *path, wsl_error *err)
{
    struct stat st;
    if (mkdir(path, 0777) == 0 || (errno == EEXIST && stat(path, &st) == 0 && S_ISDIR(st.st_mode))) {
        return WSL_OK;
    }
    return fail_errno(err, "make the directory", path);
}

static wsl_status posix_make_dirs(wsl_fs *fs, const char *path, wsl_error *err)
{
    (void)fs;
    if (path[0] == '\0' || strlen(path) >= PATH_MAX) {
        return wsl_fail(err, WSL_INVALID, "cannot make the directory \"%.64s\": a path has 1 to %d bytes", path,
                        PATH_MAX - 1);
    }
    char *const part = wsl_strdup(path);
    wsl_status status = WSL_OK;
    for (char *p = part + 1; status == WSL_OK && *p != '\0'; p++) {
        if (*p == '/' && p[-1] != '/') {
            *p = '\0';
            status = make_one_dir(part, err);
            *p = '/';
        }
    }
    if (status == WSL_OK) {
        status = make_one_dir(part, err);
    }
    free(part);
    return status;
}

static wsl_status posix_rename(wsl_fs *fs, const char *from, const char *to, wsl_error *err)
{
    (void)fs;
    if (rename(from, to) != 0) {
        const int error = errno;
        char words[128];
        return wsl_fail(err, status_of_errno(error), "cannot rename %s to %s: %s", from, to,
                        strerror_r(error, words, sizeof words));
    }
    return WSL_OK;
}

static wsl_status posix_remove(wsl_fs *fs, const char *path, wsl_error *err)
{
    (void)fs;
    return remove(path) == 0 ? WSL_OK : fail_errno(err, "remove", path);
}

static wsl_status posix_sync_dir(wsl_fs *fs, const char *dir, wsl_error *err)
{
    (void)fs;
    const int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return fail_errno(err, "open the directory", dir);
    }
    /* Some file systems cannot sync a directory and say so with EINVAL; they need no sync. */
    const wsl_status status = fsync(fd) == 0 || errno == EINVAL ? WSL_OK : fail_errno(err, "sync the directory", dir);
    (void)close(fd);
    return status;
}

wsl_fs *wsl_fs_posix(void)
{
    static wsl_fs posix = {
        .open = posix_open,
        .stat = posix_stat,
        .list = posix_list,
        .make_dirs = posix_make_dirs,
        .rename = posix_rename,
        .remove = posix_remove,
        .sync_dir = posix_sync_dir,
    }; /* never written */
    return &posix;
}
