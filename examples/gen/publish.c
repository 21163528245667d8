#include "examples/gen/publish.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/clock.h"

struct gen_publisher {
    wsl_fs *fs;
    char *dir, *prefix, *extension;
    wsl_file *file; /* NULL: none begun */
    char *hidden, *visible;
    uint64_t published;
    int64_t last_mtime_ns;
};

static void forget_file(gen_publisher *p)
{
    wsl_file_free(p->file);
    p->file = NULL;
    free(p->hidden);
    free(p->visible);
    p->hidden = p->visible = NULL;
}

void gen_publisher_free(gen_publisher *p)
{
    if (p == NULL) {
        return;
    }
    if (p->hidden != NULL) {
        (void)p->fs->remove(p->fs, p->hidden, NULL);
    }
    forget_file(p);
    free(p->dir);
    free(p->prefix);
    free(p->extension);
    free(p);
}

typedef struct leftovers {
    const gen_publisher *p;
    char *first;
    uint64_t n;
} leftovers;

static bool is_ours(const gen_publisher *p, const char *name)
{
    const size_t prefix = strlen(p->prefix), size = strlen(name), extension = strlen(p->extension);

    return size == prefix + 1 + 6 + extension && strncmp(name, p->prefix, prefix) == 0 && name[prefix] == '-' &&
           strspn(name + prefix + 1, "0123456789") == 6 && strcmp(name + size - extension, p->extension) == 0;
}

static bool find_leftover(void *arg, const char *name, const wsl_file_info *info)
{
    leftovers *l = arg;

    if (info->is_regular && is_ours(l->p, name)) {
        l->first = wsl_strdup(name);
        return false;
    }
    return true;
}

static wsl_status clear_leftovers(gen_publisher *p, bool force, wsl_error *err)
{
    for (;;) {
        leftovers l = {.p = p};
        WSL_TRY(p->fs->list(p->fs, p->dir, find_leftover, &l, err));
        if (l.first == NULL) {
            return WSL_OK;
        }
        char *path = wsl_asprintf("%s/%s", p->dir, l.first);
        free(l.first);
        const wsl_status status =
            force ? p->fs->remove(p->fs, path, err)
                  : wsl_fail(err, WSL_EXISTS, "'%s' is already there: name another --out, or add --force to replace it",
                             path);
        free(path);
        WSL_TRY(status);
    }
}

wsl_status gen_publisher_new(wsl_fs *fs, const char *dir, const char *prefix, const char *extension, bool force,
                             gen_publisher **out_publisher, wsl_error *err)
{
    WSL_AUTO(gen_publisher) p = wsl_zalloc(sizeof *p);

    p->fs = fs;
    p->dir = wsl_strdup(dir);
    p->prefix = wsl_strdup(prefix);
    p->extension = wsl_strdup(extension);
    WSL_TRY(fs->make_dirs(fs, dir, err));
    WSL_TRY(clear_leftovers(p, force, err));
    *out_publisher = WSL_TAKE(p);
    return WSL_OK;
}

static wsl_status begin_file(gen_publisher *p, wsl_error *err)
{
    p->hidden = wsl_asprintf("%s/.%s-%06llu%s.tmp", p->dir, p->prefix, (unsigned long long)p->published, p->extension);
    p->visible = wsl_asprintf("%s/%s-%06llu%s", p->dir, p->prefix, (unsigned long long)p->published, p->extension);
    return p->fs->open(p->fs, p->hidden, WSL_OPEN_TRUNCATE, &p->file, err);
}

wsl_status gen_publisher_write(gen_publisher *p, const void *data, size_t size, wsl_error *err)
{
    if (p->file == NULL) {
        WSL_TRY(begin_file(p, err));
    }
    return p->file->write(p->file, data, size, err);
}

/* The kernel stamps files with a clock that ticks every few milliseconds: move a stamp that did not advance. */
static wsl_status advance_mtime(gen_publisher *p, wsl_error *err)
{
    wsl_file_info info;

    WSL_TRY(p->fs->stat(p->fs, p->hidden, &info, err));
    if (info.mtime_ns <= p->last_mtime_ns) {
        info.mtime_ns = p->last_mtime_ns + WSL_NS_PER_MS;
        const struct timespec stamps[2] = {
            {.tv_nsec = UTIME_OMIT}, {.tv_sec = info.mtime_ns / WSL_NS_PER_S, .tv_nsec = info.mtime_ns % WSL_NS_PER_S}};
        if (utimensat(AT_FDCWD, p->hidden, stamps, 0) != 0) {
            return wsl_fail(err, WSL_IO, "cannot set the time of '%s': %s", p->hidden, strerror(errno));
        }
    }
    p->last_mtime_ns = info.mtime_ns;
    return WSL_OK;
}

wsl_status gen_publisher_publish(gen_publisher *p, wsl_error *err)
{
    if (p->file == NULL) {
        WSL_TRY(begin_file(p, err));
    }
    wsl_file_free(p->file);
    p->file = NULL;
    WSL_TRY(advance_mtime(p, err));
    WSL_TRY(p->fs->rename(p->fs, p->hidden, p->visible, err));
    forget_file(p);
    p->published++;
    return WSL_OK;
}

uint64_t gen_publisher_files(const gen_publisher *p) { return p->published; }
