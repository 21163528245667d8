/* The same tests for files on disk and files in memory, then what only the latter can do. */
#include "harness/wsl_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/fs_mem.h"
#include "base/rng.h"

typedef struct fixture {
    wsl_manual_clock clock;
    wsl_mem_fs *memory; /* NULL: on disk */
    wsl_fs *fs;
    char root[64];
    char path[128];
    wsl_error err;
} fixture;

static void up(fixture *f, bool on_disk)
{
    memset(f, 0, sizeof *f);
    wsl_manual_clock_init(&f->clock, 5000);
    if (on_disk) {
        (void)snprintf(f->root, sizeof f->root, "/tmp/wsl-test-fs-XXXXXX");
        cr_assert_not_null(mkdtemp(f->root));
        f->fs = wsl_fs_posix();
    } else {
        f->memory = wsl_mem_fs_new(&f->clock.clock);
        f->fs = wsl_mem_fs_seam(f->memory);
        (void)snprintf(f->root, sizeof f->root, "/root");
        cr_assert_eq(f->fs->make_dirs(f->fs, f->root, &f->err), WSL_OK);
    }
}

static void down(fixture *f)
{
    if (f->memory == NULL) {
        char command[128];
        (void)snprintf(command, sizeof command, "rm -r %s", f->root);
        cr_assert_eq(system(command), 0);
    }
    wsl_mem_fs_free(f->memory);
}

static const char *at(fixture *f, const char *name)
{
    (void)snprintf(f->path, sizeof f->path, "%s/%s", f->root, name);
    return f->path;
}

static void put(fixture *f, const char *name, const char *content)
{
    WSL_AUTO(wsl_file) file = NULL;
    cr_assert_eq(f->fs->open(f->fs, at(f, name), WSL_OPEN_TRUNCATE, &file, &f->err), WSL_OK, "%s", f->err.text);
    cr_assert_eq(file->write(file, content, strlen(content), &f->err), WSL_OK);
}

static bool holds(fixture *f, const char *name, const char *expected)
{
    char *data = NULL;
    size_t size = 0;
    if (wsl_fs_read_all(f->fs, at(f, name), 1 << 20, &data, &size, &f->err) != WSL_OK) {
        return false;
    }
    const bool equal = size == strlen(expected) && memcmp(data, expected, size + 1) == 0;
    free(data);
    return equal;
}

#define BOTH(name, sentence)                                                                                           \
    static void name(fixture *f);                                                                                      \
    Test(fs_posix, sentence)                                                                                           \
    {                                                                                                                  \
        fixture f;                                                                                                     \
        up(&f, true);                                                                                                  \
        name(&f);                                                                                                      \
        down(&f);                                                                                                      \
    }                                                                                                                  \
    Test(fs_mem, sentence)                                                                                             \
    {                                                                                                                  \
        fixture f;                                                                                                     \
        up(&f, false);                                                                                                 \
        name(&f);                                                                                                      \
        down(&f);                                                                                                      \
    }                                                                                                                  \
    static void name(fixture *f)

BOTH(write_and_read, what_is_written_can_be_read_at_any_place)
{
    WSL_AUTO(wsl_file) file = NULL;
    cr_assert_eq(f->fs->open(f->fs, at(f, "a"), WSL_OPEN_CREATE, &file, &f->err), WSL_OK);
    cr_assert_eq(file->write(file, "hello", 5, &f->err), WSL_OK);
    cr_assert_eq(file->write(file, " world", 6, &f->err), WSL_OK);
    cr_assert_eq(file->sync(file, &f->err), WSL_OK);
    char to[32] = "";
    size_t got = 99;
    cr_assert_eq(file->read_at(file, 4, to, 4, &got, &f->err), WSL_OK);
    cr_assert_eq(got, 4);
    cr_assert_arr_eq(to, "o wo", 4);
    cr_assert_eq(file->read_at(file, 9, to, 20, &got, &f->err), WSL_OK);
    cr_assert_eq(got, 2, "less than asked only at the end");
    cr_assert_eq(file->read_at(file, 11, to, 20, &got, &f->err), WSL_OK);
    cr_assert_eq(got, 0, "0 at the end");
    cr_assert_eq(file->read_at(file, 1000, to, 20, &got, &f->err), WSL_OK);
    cr_assert_eq(got, 0, "and behind it");
    uint64_t size = 0;
    cr_assert_eq(file->size(file, &size, &f->err), WSL_OK);
    cr_assert_eq(size, 11);
}

BOTH(truncated, after_truncate_writing_goes_on_at_the_new_end)
{
    for (int i = 0; i < 2; i++) {
        put(f, "a", "0123456789");
        WSL_AUTO(wsl_file) file = NULL;
        cr_assert_eq(f->fs->open(f->fs, at(f, "a"), i == 0 ? WSL_OPEN_APPEND : WSL_OPEN_TRUNCATE, &file, &f->err),
                     WSL_OK);
        cr_assert_eq(file->write(file, "abc", 3, &f->err), WSL_OK);
        cr_assert_eq(file->truncate(file, 2, &f->err), WSL_OK);
        cr_assert_eq(file->write(file, "XY", 2, &f->err), WSL_OK);
        cr_assert(holds(f, "a", i == 0 ? "01XY" : "abXY"));
    }
}

BOTH(modes, each_mode_of_opening_does_what_it_says)
{
    WSL_AUTO(wsl_file) file = NULL;
    cr_assert_eq(f->fs->open(f->fs, at(f, "no"), WSL_OPEN_READ, &file, &f->err), WSL_NOT_FOUND);
    cr_assert_null(file);
    cr_assert(has_text(f->err.text, f->path), "the error names the file: %s", f->err.text);
    put(f, "a", "one");
    cr_assert_eq(f->fs->open(f->fs, at(f, "a"), WSL_OPEN_CREATE, &file, &f->err), WSL_EXISTS);
    cr_assert_eq(f->fs->open(f->fs, at(f, "no/a"), WSL_OPEN_CREATE, &file, &f->err), WSL_NOT_FOUND);
    cr_assert_eq(f->fs->open(f->fs, f->root, WSL_OPEN_READ, &file, &f->err), WSL_INVALID);
    cr_assert(has_text(f->err.text, "directory"));
    cr_assert_eq(f->fs->open(f->fs, at(f, "a"), WSL_OPEN_APPEND, &file, &f->err), WSL_OK);
    cr_assert_eq(file->write(file, "two", 3, &f->err), WSL_OK);
    file->close(WSL_TAKE(file));
    cr_assert(holds(f, "a", "onetwo"));
    cr_assert_eq(f->fs->open(f->fs, at(f, "new"), WSL_OPEN_APPEND, &file, &f->err), WSL_OK);
    file->close(WSL_TAKE(file));
    cr_assert(holds(f, "new", ""));
    cr_assert_eq(f->fs->open(f->fs, at(f, "a"), WSL_OPEN_READ, &file, &f->err), WSL_OK);
    cr_assert_eq(file->write(file, "x", 1, &f->err), WSL_IO, "not open for writing");
    cr_assert(holds(f, "a", "onetwo"));
}

static bool collect(void *arg, const char *name, const wsl_file_info *info)
{
    char *const all = arg;
    (void)snprintf(all + strlen(all), 256 - strlen(all), "%s%s:%d ", name, info->is_dir ? "/" : "", (int)info->size);
    return true;
}

static bool only_one(void *arg, const char *name, const wsl_file_info *info)
{
    (void)name;
    (void)info;
    (*(int *)arg)++;
    return false;
}

BOTH(directories, directories_are_made_listed_and_removed)
{
    cr_assert_eq(f->fs->make_dirs(f->fs, at(f, "d/e//f/"), &f->err), WSL_OK);
    cr_assert_eq(f->fs->make_dirs(f->fs, at(f, "d/e/f"), &f->err), WSL_OK, "again is fine");
    put(f, "d/one", "1");
    put(f, "d/.two", "22");
    put(f, "d/e/deeper", "333");
    char all[256] = "";
    cr_assert_eq(f->fs->list(f->fs, at(f, "d"), collect, all, &f->err), WSL_OK);
    cr_assert(has_text(all, "one:1 "), "%s", all);
    cr_assert(has_text(all, ".two:2 "));
    cr_assert(has_text(all, "e/:"));
    cr_assert_not(has_text(all, "deeper"));
    int n = 0;
    cr_assert_eq(f->fs->list(f->fs, at(f, "d"), only_one, &n, &f->err), WSL_OK);
    cr_assert_eq(n, 1, "false ends the walk");
    cr_assert_eq(f->fs->list(f->fs, at(f, "missing"), only_one, &n, &f->err), WSL_NOT_FOUND);
    cr_assert_eq(f->fs->make_dirs(f->fs, at(f, "d/one/x"), &f->err) == WSL_OK, false, "below a file");
    cr_assert_neq(f->fs->remove(f->fs, at(f, "d"), &f->err), WSL_OK, "not empty");
    cr_assert_eq(f->fs->remove(f->fs, at(f, "d/e/f"), &f->err), WSL_OK);
    cr_assert_eq(f->fs->remove(f->fs, at(f, "d/e/f"), &f->err), WSL_NOT_FOUND);
    wsl_file_info info;
    cr_assert_eq(f->fs->stat(f->fs, at(f, "d/e"), &info, &f->err), WSL_OK);
    cr_assert(info.is_dir && !info.is_regular);
    cr_assert_eq(f->fs->stat(f->fs, at(f, "d/one"), &info, &f->err), WSL_OK);
    cr_assert(!info.is_dir && info.is_regular && info.size == 1);
    cr_assert_eq(f->fs->sync_dir(f->fs, at(f, "d"), &f->err), WSL_OK);
    cr_assert_eq(f->fs->sync_dir(f->fs, at(f, "missing"), &f->err), WSL_NOT_FOUND);
}

BOTH(renaming, rename_replaces_and_an_open_file_goes_on)
{
    put(f, "old", "old content");
    put(f, "new", "new content");
    char old_path[128];
    (void)snprintf(old_path, sizeof old_path, "%s", at(f, "old"));
    WSL_AUTO(wsl_file) file = NULL;
    cr_assert_eq(f->fs->open(f->fs, at(f, "new"), WSL_OPEN_READ, &file, &f->err), WSL_OK);
    cr_assert_eq(f->fs->rename(f->fs, old_path, at(f, "new"), &f->err), WSL_OK);
    cr_assert(holds(f, "new", "old content"));
    cr_assert_not(holds(f, "old", "old content"));
    char to[32];
    size_t got;
    cr_assert_eq(file->read_at(file, 0, to, sizeof to, &got, &f->err), WSL_OK);
    cr_assert_eq(got, 11);
    cr_assert_arr_eq(to, "new content", 11);
    cr_assert_eq(f->fs->rename(f->fs, old_path, at(f, "x"), &f->err), WSL_NOT_FOUND);
    cr_assert_eq(f->fs->remove(f->fs, at(f, "new"), &f->err), WSL_OK);
    cr_assert_eq(file->read_at(file, 0, to, sizeof to, &got, &f->err), WSL_OK);
    cr_assert_eq(got, 11);
}

BOTH(whole, a_whole_file_is_read_up_to_a_maximum)
{
    put(f, "a", "12345");
    char *data = NULL;
    size_t size = 0;
    cr_assert_eq(wsl_fs_read_all(f->fs, at(f, "a"), 4, &data, &size, &f->err), WSL_TOO_LARGE);
    cr_assert_null(data);
    cr_assert(has_text(f->err.text, "5 bytes"));
    cr_assert_eq(wsl_fs_read_all(f->fs, at(f, "a"), 5, &data, &size, &f->err), WSL_OK);
    cr_assert_eq(size, 5);
    cr_assert_str_eq(data, "12345");
    free(data);
}

BOTH(atomic, an_atomic_write_replaces_and_leaves_nothing_else)
{
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(wsl_fs_write_atomic(f->fs, at(f, "a"), i == 0 ? "one" : "other", i == 0 ? 3 : 5, &f->err), WSL_OK);
        cr_assert(holds(f, "a", i == 0 ? "one" : "other"));
    }
    char all[256] = "";
    cr_assert_eq(f->fs->list(f->fs, f->root, collect, all, &f->err), WSL_OK);
    cr_assert_str_eq(all, "a:5 ");
    cr_assert_eq(wsl_fs_write_atomic(f->fs, at(f, "no/a"), "x", 1, &f->err), WSL_NOT_FOUND);
}

BOTH(model, random_files_behave_like_arrays)
{
    enum { FILES = 5, MAX = 3000 };
    static char model[FILES][MAX * 2];
    size_t size[FILES] = {0};
    wsl_rng rng;
    wsl_rng_seed(&rng, 31);
    for (int i = 0; i < FILES; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "file%d", i);
        put(f, name, "");
    }
    for (int i = 0; i < 2000; i++) {
        const int k = (int)wsl_rng_below(&rng, FILES);
        char name[16], piece[500];
        (void)snprintf(name, sizeof name, "file%d", k);
        WSL_AUTO(wsl_file) file = NULL;
        cr_assert_eq(f->fs->open(f->fs, at(f, name), WSL_OPEN_APPEND, &file, &f->err), WSL_OK);
        if (size[k] < MAX && wsl_rng_below(&rng, 3) != 0) {
            const size_t n = wsl_rng_below(&rng, sizeof piece);
            for (size_t b = 0; b < n; b++) {
                piece[b] = (char)wsl_rng_below(&rng, 256);
            }
            cr_assert_eq(file->write(file, piece, n, &f->err), WSL_OK);
            memcpy(model[k] + size[k], piece, n);
            size[k] += n;
        } else {
            const size_t to = wsl_rng_below(&rng, MAX);
            cr_assert_eq(file->truncate(file, to, &f->err), WSL_OK);
            if (to > size[k]) {
                memset(model[k] + size[k], 0, to - size[k]);
            }
            size[k] = to;
        }
        const size_t offset = wsl_rng_below(&rng, MAX * 2);
        size_t got;
        cr_assert_eq(file->read_at(file, offset, piece, sizeof piece, &got, &f->err), WSL_OK);
        const size_t left = offset < size[k] ? size[k] - offset : 0;
        cr_assert_eq(got, left < sizeof piece ? left : sizeof piece);
        cr_assert_arr_eq(piece, model[k] + offset, got);
    }
}

/* ---- on disk ---- */

Test(fs_posix, a_full_disk_is_no_space)
{
    wsl_fs *const fs = wsl_fs_posix();
    WSL_AUTO(wsl_file) file = NULL;
    wsl_error err;
    cr_assert_eq(fs->open(fs, "/dev/full", WSL_OPEN_APPEND, &file, &err), WSL_OK);
    cr_assert_eq(file->write(file, "x", 1, &err), WSL_NO_SPACE);
    cr_assert(has_text(err.text, "/dev/full") && has_text(err.text, "No space left"), "%s", err.text);
}

Test(fs_posix, what_is_no_regular_file_is_not_read)
{
    wsl_fs *const fs = wsl_fs_posix();
    wsl_file *file = NULL;
    wsl_error err;
    cr_assert_eq(fs->open(fs, "/dev/zero", WSL_OPEN_READ, &file, &err), WSL_INVALID);
    cr_assert(has_text(err.text, "not a regular file"));
    cr_assert_eq(fs->make_dirs(fs, "", &err), WSL_INVALID);
}

Test(fs_posix, a_link_to_nowhere_is_not_listed)
{
    fixture f;
    up(&f, true);
    cr_assert_eq(symlink("/nowhere/at/all", at(&f, "dangling")), 0);
    put(&f, "a", "1");
    char all[256] = "";
    cr_assert_eq(f.fs->list(f.fs, f.root, collect, all, &f.err), WSL_OK);
    cr_assert_str_eq(all, "a:1 ");
    down(&f);
}

/* ---- in memory ---- */

Test(fs_mem, times_come_from_the_clock)
{
    fixture f;
    up(&f, false);
    put(&f, "a", "1");
    wsl_file_info info;
    cr_assert_eq(f.fs->stat(f.fs, at(&f, "a"), &info, &f.err), WSL_OK);
    cr_assert_eq(info.mtime_ns, 5000 * (int64_t)WSL_NS_PER_MS);
    wsl_manual_clock_advance(&f.clock, 7 * WSL_NS_PER_MS);
    put(&f, "a", "2");
    cr_assert_eq(f.fs->stat(f.fs, at(&f, "a"), &info, &f.err), WSL_OK);
    cr_assert_eq(info.mtime_ns, 5007 * (int64_t)WSL_NS_PER_MS);
    down(&f);
}

Test(fs_mem, lists_in_order_of_names)
{
    fixture f;
    up(&f, false);
    put(&f, "b", "");
    put(&f, "c", "");
    put(&f, "a", "");
    char all[256] = "";
    cr_assert_eq(f.fs->list(f.fs, f.root, collect, all, &f.err), WSL_OK);
    cr_assert_str_eq(all, "a:0 b:0 c:0 ");
    all[0] = '\0';
    cr_assert_eq(f.fs->list(f.fs, "/", collect, all, &f.err), WSL_OK);
    cr_assert_str_eq(all, "root/:0 ");
    down(&f);
}

Test(fs_mem, a_disk_runs_full_and_has_room_again)
{
    fixture f;
    up(&f, false);
    wsl_mem_fs_set_capacity(f.memory, 10);
    put(&f, "a", "123456");
    WSL_AUTO(wsl_file) file = NULL;
    cr_assert_eq(f.fs->open(f.fs, at(&f, "b"), WSL_OPEN_APPEND, &file, &f.err), WSL_OK);
    cr_assert_eq(file->write(file, "abcdefgh", 8, &f.err), WSL_NO_SPACE);
    cr_assert(holds(&f, "b", "abcd"), "what fits is written");
    cr_assert_eq(wsl_mem_fs_used(f.memory), 10);
    cr_assert_eq(f.fs->remove(f.fs, at(&f, "a"), &f.err), WSL_OK);
    cr_assert_eq(wsl_mem_fs_used(f.memory), 4);
    cr_assert_eq(file->write(file, "efgh", 4, &f.err), WSL_OK);
    file->close(WSL_TAKE(file));
    down(&f);
}

Test(fs_mem, the_nth_operation_fails_and_an_atomic_write_is_there_whole_or_not_at_all)
{
    for (uint64_t n = 1;; n++) {
        fixture f;
        up(&f, false);
        put(&f, "a", "before");
        wsl_mem_fs_fail_at(f.memory, n, WSL_IO, n % 2 == 0);
        const wsl_status status = wsl_fs_write_atomic(f.fs, at(&f, "a"), "after!", 6, &f.err);
        const bool failed = wsl_mem_fs_failed(f.memory);
        wsl_mem_fs_fail_at(f.memory, 0, WSL_OK, false);
        cr_assert_eq(failed, status != WSL_OK);
        if (failed) {
            cr_assert_eq(status, WSL_IO);
            cr_assert(has_text(f.err.text, "injected fault"));
            cr_assert(holds(&f, "a", "before") || holds(&f, "a", "after!"));
        }
        down(&f);
        if (!failed) {
            cr_assert_geq(n, 5, "open, write, sync, rename and sync_dir can all fail");
            return;
        }
    }
}

Test(fs_mem, a_crash_keeps_what_was_synced_and_only_that)
{
    fixture f;
    up(&f, false);
    cr_assert_eq(f.fs->make_dirs(f.fs, at(&f, "d"), &f.err), WSL_OK);
    cr_assert_eq(wsl_fs_write_atomic(f.fs, at(&f, "d/safe"), "v1", 2, &f.err), WSL_OK);
    put(&f, "d/name-not-synced", "x");
    {
        WSL_AUTO(wsl_file) file = NULL;
        cr_assert_eq(f.fs->open(f.fs, at(&f, "d/safe"), WSL_OPEN_APPEND, &file, &f.err), WSL_OK);
        cr_assert_eq(file->write(file, "-more", 5, &f.err), WSL_OK);
    }
    wsl_mem_fs_crash(f.memory);
    cr_assert(holds(&f, "d/safe", "v1"));
    cr_assert_not(holds(&f, "d/name-not-synced", "x"));
    cr_assert_eq(wsl_mem_fs_used(f.memory), 2);

    /* A removed name comes back unless the directory was synced. */
    cr_assert_eq(f.fs->remove(f.fs, at(&f, "d/safe"), &f.err), WSL_OK);
    wsl_mem_fs_crash(f.memory);
    cr_assert(holds(&f, "d/safe", "v1"));
    cr_assert_eq(f.fs->remove(f.fs, at(&f, "d/safe"), &f.err), WSL_OK);
    cr_assert_eq(f.fs->sync_dir(f.fs, at(&f, "d"), &f.err), WSL_OK);
    wsl_mem_fs_crash(f.memory);
    cr_assert_not(holds(&f, "d/safe", "v1"));
    cr_assert_eq(wsl_mem_fs_used(f.memory), 0);
    down(&f);
}

Test(fs_mem, relative_paths_live_in_the_directory_dot)
{
    fixture f;
    up(&f, false);
    cr_assert_eq(wsl_fs_write_atomic(f.fs, "plain", "1", 1, &f.err), WSL_OK);
    cr_assert_eq(f.fs->make_dirs(f.fs, "sub/dir", &f.err), WSL_OK);
    char all[256] = "";
    cr_assert_eq(f.fs->list(f.fs, ".", collect, all, &f.err), WSL_OK);
    cr_assert_str_eq(all, "plain:1 sub/:0 ", "%s", all);
    down(&f);
}
