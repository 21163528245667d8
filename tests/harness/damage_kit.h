/*
 * damage_kit - damages files as disks and people do: a bit flipped, cut off, removed, two of them swapped.
 *
 *     damage_read(fs, files, n)               what they are, by files[i].path
 *     damage_one(fs, files, n, &rng, what)    one thing to one of them (or two); says what
 *     damage_mend(fs, files, n)               as they were
 *
 * Threads: one.
 */
#pragma once
#include "harness/wsl_test.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/fs.h"
#include "base/rng.h"

enum { DAMAGE_SIZE_MAX = 8 << 20, DAMAGE_TEXT = 256 };

typedef struct damage_file {
    char path[100];
    char *data;
    size_t size;
} damage_file;

#define DAMAGE_KIT __attribute__((unused)) static inline

DAMAGE_KIT void damage_write(wsl_fs *fs, const char *path, const void *bytes, size_t size)
{
    wsl_error err = {0};
    wsl_file *file = NULL;
    cr_assert_eq(fs->open(fs, path, WSL_OPEN_TRUNCATE, &file, &err), WSL_OK, "%s", err.text);
    cr_assert_eq(file->write(file, bytes, size, &err), WSL_OK, "%s", err.text);
    wsl_file_free(file);
}

DAMAGE_KIT void damage_read(wsl_fs *fs, damage_file *files, uint32_t n)
{
    wsl_error err = {0};
    for (uint32_t i = 0; i < n; i++) {
        cr_assert_eq(wsl_fs_read_all(fs, files[i].path, DAMAGE_SIZE_MAX, &files[i].data, &files[i].size, &err), WSL_OK, "%s",
                     err.text);
    }
}

DAMAGE_KIT void damage_mend(wsl_fs *fs, const damage_file *files, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        damage_write(fs, files[i].path, files[i].data, files[i].size);
    }
}

DAMAGE_KIT void damage_free(damage_file *files, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        free(files[i].data);
    }
}

DAMAGE_KIT void damage_flip(wsl_fs *fs, const damage_file *f, wsl_rng *rng, char what[DAMAGE_TEXT])
{
    char *data = wsl_memdup(f->data, f->size);
    const uint64_t bit = wsl_rng_below(rng, f->size * 8);
    data[bit / 8] = (char)(data[bit / 8] ^ (1 << bit % 8));
    damage_write(fs, f->path, data, f->size);
    free(data);
    (void)snprintf(what, DAMAGE_TEXT, "bit %llu of %s", (unsigned long long)bit, f->path);
}

/* n > 1; also between files of the same length: their bytes differ. */
DAMAGE_KIT void damage_swap(wsl_fs *fs, const damage_file *files, uint32_t n, const damage_file *f, wsl_rng *rng,
                            char what[DAMAGE_TEXT])
{
    const damage_file *other = f;
    while (other == f) {
        other = &files[wsl_rng_below(rng, n)];
    }
    damage_write(fs, other->path, f->data, f->size);
    damage_write(fs, f->path, other->data, other->size);
    (void)snprintf(what, DAMAGE_TEXT, "%s and %s swapped", f->path, other->path);
}

DAMAGE_KIT void damage_one(wsl_fs *fs, const damage_file *files, uint32_t n, wsl_rng *rng, char what[DAMAGE_TEXT])
{
    const damage_file *f = &files[wsl_rng_below(rng, n)];
    const uint64_t kind = wsl_rng_below(rng, 10);
    wsl_error err = {0};
    if (kind < 5) {
        damage_flip(fs, f, rng, what);
    } else if (kind < 7) {
        const size_t size = wsl_rng_below(rng, f->size);
        damage_write(fs, f->path, f->data, size);
        (void)snprintf(what, DAMAGE_TEXT, "%s cut to %zu", f->path, size);
    } else if (kind < 8) {
        cr_assert_eq(fs->remove(fs, f->path, &err), WSL_OK);
        (void)snprintf(what, DAMAGE_TEXT, "%s removed", f->path);
    } else {
        damage_swap(fs, files, n, f, rng, what);
    }
}
