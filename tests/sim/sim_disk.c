/*
 * sim_disk - see sim_disk.h.
 */
#include "sim_disk.h"

#include <stdlib.h>

#include "base/alloc.h"

typedef struct disk_file {
    wsl_file file; /* first */
    sim_disk *disk;
    wsl_file *below;
} disk_file;

static sim_disk *disk_of(wsl_fs *fs) { return (sim_disk *)(void *)fs; }
static disk_file *file_of(wsl_file *file) { return (disk_file *)(void *)file; }

/* ---- what may happen ---- */

static wsl_status alive(const sim_disk *d, wsl_error *err)
{
    return d->dead ? wsl_fail(err, WSL_IO, "the process has ended") : WSL_OK;
}

static void maybe_die(sim_disk *d)
{
    if (!d->dead && d->die_per_million > 0 && wsl_rng_below(d->rng, 1000000) < d->die_per_million) {
        d->dead = true;
        d->died(d->arg);
    }
}

/* Before a call that changes something. */
static wsl_status before(sim_disk *d, bool takes_room, wsl_error *err)
{
    maybe_die(d);
    WSL_TRY(alive(d, err));
    const bool fails = takes_room || d->fail_status != WSL_NO_SPACE;
    if (fails && wsl_now_ns(d->clock) < d->fail_until_ns) {
        d->failed++;
        return wsl_fail(err, d->fail_status, "%s",
                        d->fail_status == WSL_NO_SPACE ? "No space left on device" : "Input/output error");
    }
    return WSL_OK;
}

/* After it. */
static wsl_status after(sim_disk *d, wsl_status status, wsl_error *err)
{
    maybe_die(d);
    return d->dead ? alive(d, err) : status;
}

/* ---- files ---- */

static wsl_status file_read_at(wsl_file *file, uint64_t offset, void *to, size_t size, size_t *out_got, wsl_error *err)
{
    disk_file *f = file_of(file);
    WSL_TRY(alive(f->disk, err));
    return f->below->read_at(f->below, offset, to, size, out_got, err);
}

static wsl_status file_write(wsl_file *file, const void *from, size_t size, wsl_error *err)
{
    disk_file *f = file_of(file);
    WSL_TRY(before(f->disk, true, err));
    return after(f->disk, f->below->write(f->below, from, size, err), err);
}

static wsl_status file_sync(wsl_file *file, wsl_error *err)
{
    disk_file *f = file_of(file);
    WSL_TRY(before(f->disk, true, err));
    return after(f->disk, f->below->sync(f->below, err), err);
}

static wsl_status file_truncate(wsl_file *file, uint64_t size, wsl_error *err)
{
    disk_file *f = file_of(file);
    WSL_TRY(before(f->disk, false, err));
    return after(f->disk, f->below->truncate(f->below, size, err), err);
}

static wsl_status file_size(wsl_file *file, uint64_t *out_size, wsl_error *err)
{
    disk_file *f = file_of(file);
    WSL_TRY(alive(f->disk, err));
    return f->below->size(f->below, out_size, err);
}

static void file_close(wsl_file *file)
{
    disk_file *f = file_of(file);
    f->below->close(f->below);
    free(f);
}

/* ---- the file system ---- */

static wsl_status disk_open(wsl_fs *fs, const char *path, wsl_open_mode mode, wsl_file **out_file, wsl_error *err)
{
    sim_disk *d = disk_of(fs);
    wsl_file *below = NULL;
    WSL_TRY(mode == WSL_OPEN_READ ? alive(d, err) : before(d, true, err));
    WSL_TRY(d->below->open(d->below, path, mode, &below, err));
    if (mode != WSL_OPEN_READ) {
        const wsl_status status = after(d, WSL_OK, err);
        if (status != WSL_OK) {
            below->close(below);
            return status;
        }
    }
    disk_file *f = wsl_zalloc(sizeof *f);
    f->file = (wsl_file){file_read_at, file_write, file_sync, file_truncate, file_size, file_close};
    f->disk = d;
    f->below = below;
    *out_file = &f->file;
    return WSL_OK;
}

static wsl_status disk_stat(wsl_fs *fs, const char *path, wsl_file_info *out_info, wsl_error *err)
{
    sim_disk *d = disk_of(fs);
    WSL_TRY(alive(d, err));
    return d->below->stat(d->below, path, out_info, err);
}

static wsl_status disk_list(wsl_fs *fs, const char *dir, wsl_dir_fn fn, void *arg, wsl_error *err)
{
    sim_disk *d = disk_of(fs);
    WSL_TRY(alive(d, err));
    return d->below->list(d->below, dir, fn, arg, err);
}

static wsl_status disk_make_dirs(wsl_fs *fs, const char *path, wsl_error *err)
{
    sim_disk *d = disk_of(fs);
    WSL_TRY(before(d, true, err));
    return after(d, d->below->make_dirs(d->below, path, err), err);
}

static wsl_status disk_rename(wsl_fs *fs, const char *from, const char *to, wsl_error *err)
{
    sim_disk *d = disk_of(fs);
    WSL_TRY(before(d, true, err));
    return after(d, d->below->rename(d->below, from, to, err), err);
}

static wsl_status disk_remove(wsl_fs *fs, const char *path, wsl_error *err)
{
    sim_disk *d = disk_of(fs);
    WSL_TRY(before(d, false, err));
    return after(d, d->below->remove(d->below, path, err), err);
}

static wsl_status disk_sync_dir(wsl_fs *fs, const char *dir, wsl_error *err)
{
    sim_disk *d = disk_of(fs);
    WSL_TRY(before(d, false, err));
    return after(d, d->below->sync_dir(d->below, dir, err), err);
}

void sim_disk_init(sim_disk *d, wsl_fs *below, wsl_clock *clock, wsl_rng *rng)
{
    *d = (sim_disk){
        .fs = {disk_open, disk_stat, disk_list, disk_make_dirs, disk_rename, disk_remove, disk_sync_dir},
        .below = below,
        .clock = clock,
        .rng = rng,
    };
}
