/*
 * failing_fs - a disk that is full or broken for a while, by LD_PRELOAD: calls that change files below a directory fail with the errno
 * that a control file holds, and do what they always do otherwise.
 *
 *     WIESEL_FAILING_FS=/path/of/control  LD_PRELOAD=libfailing_fs.so  wiesel-taskmanager ...
 *
 * The control file is mapped, so that a test changes it while processes run: see struct control (tests/e2e/failing_fs.py writes
 * it). Where it is all zeros, or the variable is not set, nothing fails. With write_error set every other write of more than a byte first
 * takes half of what it was given, as a disk does that is about to be full.
 *
 * Threads: any; the control is only read.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CONTROL_SIZE = 4096, DIRECTORY_MAX = 4000 };

typedef struct control {
    int32_t write_error, sync_error, open_error, rename_error; /* 0: works; open: of files to be written, and mkdir */
    int32_t reserved[4];
    char directory[DIRECTORY_MAX]; /* absolute, ends with '/' */
} control;

_Static_assert(sizeof(control) <= CONTROL_SIZE, "it is one page");
_Static_assert(offsetof(control, directory) == 32, "as failing_fs.py writes it");

static const volatile control *shared;
static _Atomic uint32_t n_writes;

__attribute__((constructor)) static void map_control(void)
{
    const char *path = getenv("WIESEL_FAILING_FS");
    const int fd = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);

    if (fd >= 0) {
        void *const page = mmap(NULL, CONTROL_SIZE, PROT_READ, MAP_SHARED, fd, 0);
        shared = page == MAP_FAILED ? NULL : page;
        close(fd);
    }
}

/* The next definition of that function. A pointer to a function does not convert from void *; its bytes do. */
#define NEXT(name)                                                                                                     \
    ({                                                                                                                 \
        static _Atomic(void *) found_;                                                                                 \
        void *at_ = atomic_load(&found_);                                                                              \
        if (at_ == NULL) {                                                                                             \
            at_ = dlsym(RTLD_NEXT, #name);                                                                             \
            atomic_store(&found_, at_);                                                                                \
        }                                                                                                              \
        __typeof__(&name) next_;                                                                                       \
        memcpy(&next_, &at_, sizeof next_);                                                                            \
        next_;                                                                                                         \
    })

static int is_below(const char *path)
{
    char directory[DIRECTORY_MAX];

    for (size_t i = 0; i < sizeof directory; i++) {
        directory[i] = shared->directory[i];
        if (directory[i] == '\0') {
            return i > 0 && strncmp(path, directory, i) == 0;
        }
    }
    return 0;
}

static int fd_is_below(int fd)
{
    char link[64], path[DIRECTORY_MAX];

    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    const ssize_t n = readlink(link, path, sizeof path - 1);
    if (n <= 0) {
        return 0;
    }
    path[n] = '\0';
    return is_below(path);
}

/* The errno to fail with; 0: go on. */
static int trouble_of_fd(int32_t error, int fd)
{
    const int before = errno;
    const int trouble = error != 0 && fd_is_below(fd) ? error : 0;

    errno = before;
    return trouble;
}

static int32_t write_error(void) { return shared == NULL ? 0 : shared->write_error; }
static int32_t sync_error(void) { return shared == NULL ? 0 : shared->sync_error; }
static int32_t open_error(void) { return shared == NULL ? 0 : shared->open_error; }
static int32_t rename_error(void) { return shared == NULL ? 0 : shared->rename_error; }

static int takes_half(size_t size) { return size > 1 && atomic_fetch_add(&n_writes, 1) % 2 == 0; }

ssize_t write(int fd, const void *from, size_t size)
{
    const int trouble = trouble_of_fd(write_error(), fd);

    if (trouble != 0) {
        if (takes_half(size)) {
            return NEXT(write)(fd, from, size / 2);
        }
        errno = trouble;
        return -1;
    }
    return NEXT(write)(fd, from, size);
}

ssize_t pwrite(int fd, const void *from, size_t size, off_t at)
{
    const int trouble = trouble_of_fd(write_error(), fd);

    if (trouble != 0) {
        if (takes_half(size)) {
            return NEXT(pwrite)(fd, from, size / 2, at);
        }
        errno = trouble;
        return -1;
    }
    return NEXT(pwrite)(fd, from, size, at);
}

int fsync(int fd)
{
    const int trouble = trouble_of_fd(sync_error(), fd);

    if (trouble != 0) {
        errno = trouble;
        return -1;
    }
    return NEXT(fsync)(fd);
}

int fdatasync(int fd)
{
    const int trouble = trouble_of_fd(sync_error(), fd);

    if (trouble != 0) {
        errno = trouble;
        return -1;
    }
    return NEXT(fdatasync)(fd);
}

static int refuses_open(const char *path, int flags)
{
    const int32_t error = (flags & O_ACCMODE) == O_RDONLY ? 0 : open_error();

    if (error != 0 && is_below(path)) {
        errno = error;
        return 1;
    }
    return 0;
}

int open(const char *path, int flags, ...)
{
    va_list more;
    va_start(more, flags);
    const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(more, mode_t) : 0;
    va_end(more);
    return refuses_open(path, flags) ? -1 : NEXT(open)(path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    va_list more;
    va_start(more, flags);
    const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(more, mode_t) : 0;
    va_end(more);
    return refuses_open(path, flags) ? -1 : NEXT(open64)(path, flags, mode);
}

int mkdir(const char *path, mode_t mode)
{
    const int32_t error = open_error();

    if (error != 0 && is_below(path)) {
        struct stat st;
        errno = stat(path, &st) == 0 ? EEXIST : error;
        return -1;
    }
    return NEXT(mkdir)(path, mode);
}

int rename(const char *from, const char *to)
{
    const int32_t error = rename_error();

    if (error != 0 && is_below(to)) {
        errno = error;
        return -1;
    }
    return NEXT(rename)(from, to);
}

int link(const char *from, const char *to)
{
    const int32_t error = rename_error();

    if (error != 0 && is_below(to)) {
        errno = error;
        return -1;
    }
    return NEXT(link)(from, to);
}
