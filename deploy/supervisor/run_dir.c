/*
 * run_dir - the lock is a POSIX record lock: it ends with its process however that dies, and F_GETLK names the holder.
 * The file seam has no locks, so supervisor.pid is opened here directly; everything else goes through the seam.
 */
#include "deploy/supervisor/run_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/alloc.h"

struct sv_run_dir {
    wsl_fs *fs;
    char *path;
    int lock_fd;
};

void sv_run_dir_free(sv_run_dir *dir)
{
    if (dir == NULL) {
        return;
    }
    if (dir->lock_fd >= 0) {
        sv_run_dir_drop(dir, "supervisor.pid");
        (void)close(dir->lock_fd);
    }
    free(dir->path);
    free(dir);
}

static struct flock whole_file(void) { return (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET}; }

/* The process that holds the lock of this open file; 0: nobody. */
static pid_t holder_of(int fd)
{
    struct flock lock = whole_file();

    return fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK ? lock.l_pid : 0;
}

static wsl_status take_lock(sv_run_dir *dir, wsl_error *err)
{
    char *path = wsl_asprintf("%s/supervisor.pid", dir->path);
    struct flock lock = whole_file();
    wsl_status status = WSL_OK;
    char text[32];

    dir->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (dir->lock_fd < 0) {
        status = wsl_fail(err, WSL_IO, "cannot open '%s': %s", path, strerror(errno));
    } else if (fcntl(dir->lock_fd, F_SETLK, &lock) != 0) {
        status = wsl_fail(err, WSL_EXISTS,
                          "a cluster already runs from '%s' (supervisor %ld): stop it with "
                          "deploy/stop-cluster.sh --run-dir '%s', or name another --run-dir",
                          dir->path, (long)holder_of(dir->lock_fd), dir->path);
        (void)close(dir->lock_fd);
        dir->lock_fd = -1;
    } else {
        const int size = snprintf(text, sizeof text, "%ld\n", (long)getpid());
        if (ftruncate(dir->lock_fd, 0) != 0 || write(dir->lock_fd, text, (size_t)size) != size) {
            status = wsl_fail(err, WSL_IO, "cannot write '%s': %s", path, strerror(errno));
        }
    }
    free(path);
    return status;
}

wsl_status sv_run_dir_take(wsl_fs *fs, const char *path, sv_run_dir **out_dir, wsl_error *err)
{
    WSL_AUTO(sv_run_dir) dir = wsl_zalloc(sizeof *dir);

    dir->fs = fs;
    dir->path = wsl_strdup(path);
    dir->lock_fd = -1;
    WSL_TRY(fs->make_dirs(fs, path, err));
    WSL_TRY(take_lock(dir, err));
    sv_run_dir_drop(dir, "failure");
    *out_dir = WSL_TAKE(dir);
    return WSL_OK;
}

wsl_status sv_run_dir_put(sv_run_dir *dir, const char *name, const char *text, wsl_error *err)
{
    char *path = wsl_asprintf("%s/%s", dir->path, name);
    const wsl_status status = wsl_fs_write_atomic(dir->fs, path, text, strlen(text), err);

    free(path);
    return status;
}

void sv_run_dir_drop(sv_run_dir *dir, const char *name)
{
    char *path = wsl_asprintf("%s/%s", dir->path, name);

    (void)dir->fs->remove(dir->fs, path, NULL);
    free(path);
}

const char *sv_run_dir_path(const sv_run_dir *dir) { return dir->path; }

static wsl_status wait_for_end(int pid_fd, pid_t pid, int timeout_ms, wsl_error *err)
{
    struct pollfd p = {.fd = pid_fd, .events = POLLIN};
    int ready;

    do {
        ready = poll(&p, 1, timeout_ms);
    } while (ready < 0 && errno == EINTR);
    if (ready <= 0) {
        return wsl_fail(err, WSL_TIMEOUT, "supervisor %ld did not stop within %d ms", (long)pid, timeout_ms);
    }
    return WSL_OK;
}

wsl_status sv_run_dir_stop(const char *path, int timeout_ms, wsl_error *err)
{
    char *file = wsl_asprintf("%s/supervisor.pid", path);
    const int fd = open(file, O_RDWR | O_CLOEXEC);
    const pid_t pid = fd >= 0 ? holder_of(fd) : 0;

    free(file);
    if (fd >= 0) {
        (void)close(fd);
    }
    if (pid <= 0) {
        return wsl_fail(err, WSL_NOT_FOUND, "no cluster runs from '%s'", path);
    }
    const int pid_fd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (pid_fd < 0 || kill(pid, SIGTERM) != 0) {
        const int why = errno;
        if (pid_fd >= 0) {
            (void)close(pid_fd);
        }
        return why == ESRCH ? WSL_OK
                            : wsl_fail(err, WSL_IO, "cannot signal supervisor %ld: %s", (long)pid, strerror(why));
    }
    const wsl_status status = wait_for_end(pid_fd, pid, timeout_ms, err);
    (void)close(pid_fd);
    return status;
}
