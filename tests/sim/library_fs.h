/*
 * library_fs - files in memory, but for job libraries (*.so), which are on the disk as well: the loader of the system knows no
 * other place.
 *
 * Threads: as those of the files in memory.
 */
#pragma once
#include "base/fs.h"
#include "base/vec.h"

typedef struct library_fs {
    wsl_fs fs; /* first */
    wsl_fs *memory;
    WSL_VEC(char *) on_disk;
} library_fs;

void library_fs_init(library_fs *f, wsl_fs *memory);
/* Removes from the disk what is still there (of processes that died). */
void library_fs_fini(library_fs *f);
