/*
 * dir_lock - see dir_lock.h. A POSIX record lock: F_GETLK names its holder. The file seam has no locks, so the file is opened here.
 */
#include "jobmanager/store/dir_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"

struct jm_dir_lock {
    int fd;
};

void jm_dir_lock_free(jm_dir_lock *lock)
{
    if (lock != NULL) {
        (void)close(lock->fd);
        free(lock);
    }
}

wsl_status jm_dir_lock_take(const char *dir, jm_dir_lock **out_lock, wsl_error *err)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    char *path = wsl_asprintf("%s/lock", dir);
    const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    const int error = errno;
    free(path);
    if (fd < 0) {
        return wsl_fail(err, WSL_IO, "cannot open '%s/lock': %s", dir, strerror(error));
    }
    if (fcntl(fd, F_SETLK, &whole) == 0) {
        *out_lock = wsl_zalloc(sizeof **out_lock);
        (*out_lock)->fd = fd;
        return WSL_OK;
    }
    const bool known = fcntl(fd, F_GETLK, &whole) == 0 && whole.l_type != F_UNLCK;
    (void)close(fd);
    return wsl_fail(err, WSL_EXISTS,
                    "the JobManager of process %ld keeps its jobs in '%s': stop it, or give this one a directory of its own "
                    "(high-availability.storageDir, --data-dir)",
                    known ? (long)whole.l_pid : 0L, dir);
}
