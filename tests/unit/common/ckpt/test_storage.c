/* Checkpoints in directories, with a file system that fails and loses power at every step. */
#include "harness/ckpt_kit.h"

#include "base/clock.h"
#include "base/fs_mem.h"
#include "ckpt/metadata.h"

static const char job_dir[] = "/ckpt/00000000000000000000000000000000";

/* Metadata with one file of state, which is written and synced, chk-id prepared; not published. */
static void make(ckpt_kit *k, wsl_fs *fs, uint64_t id)
{
    char *path = wsl_asprintf("chk-%llu/0-0-aa.state", (unsigned long long)id);
    kit_init(k, fs, job_dir, id);
    kit_sums(k, "sums", 1, 128, 0, 50);
    kit_file(k, path);
    free(path);
}

static uint32_t count(wsl_fs *fs)
{
    uint64_t *ids = NULL;
    uint32_t n = 0;
    wsl_error err = {0};
    cr_assert_eq(wsl_ckpt_list(fs, job_dir, &ids, &n, &err), WSL_OK, "%s", err.text);
    free(ids);
    return n;
}

static bool is_there(wsl_fs *fs, const char *path)
{
    wsl_file_info info;
    return fs->stat(fs, path, &info, NULL) == WSL_OK;
}

/* Every checkpoint that is listed can be loaded and is whole; gives how many there are. */
static uint32_t count_whole(wsl_fs *fs)
{
    uint64_t *ids = NULL;
    uint32_t n = 0;
    wsl_error err = {0};
    cr_assert_eq(wsl_ckpt_list(fs, job_dir, &ids, &n, &err), WSL_OK, "%s", err.text);
    for (uint32_t i = 0; i < n; i++) {
        Wsl__Pb__CheckpointMeta *meta = NULL;
        char *dir = wsl_ckpt_path(job_dir, ids[i]);
        cr_assert_eq(wsl_ckpt_load(fs, dir, &meta, &err), WSL_OK, "%s", err.text);
        cr_assert_eq(wsl_ckpt_verify_records(fs, job_dir, meta, &err), WSL_OK, "%s", err.text);
        wsl__pb__checkpoint_meta__free_unpacked(meta, NULL);
        free(dir);
    }
    free(ids);
    return n;
}

Test(storage, directories_are_absolute_and_of_the_file_scheme)
{
    static const struct {
        const char *value, *dir;
    } fine[] = {{"file:///data/ckpt", "/data/ckpt"}, {"/data/ckpt/", "/data/ckpt"}, {"/", "/"}, {"file:///", "/"},
                {"file:/data/x", "/data/x"}};
    static const char *const wrong[] = {"", "data", "./x", "file://data", "s3://bucket/x", "hdfs:///x", "file:"};
    wsl_error err = {0};
    char *dir = NULL;
    for (size_t i = 0; i < WSL_ARRAY_LEN(fine); i++) {
        cr_assert_eq(wsl_ckpt_dir(fine[i].value, &dir, &err), WSL_OK);
        cr_assert_str_eq(dir, fine[i].dir);
        free(dir);
    }
    for (size_t i = 0; i < WSL_ARRAY_LEN(wrong); i++) {
        dir = NULL;
        cr_assert_eq(wsl_ckpt_dir(wrong[i], &dir, &err), WSL_INVALID);
        cr_assert_null(dir);
        cr_assert_not_null(strstr(err.text, "say file:///dir or /dir"));
    }
    const wsl_id job = {.bytes = {0xab}};
    char *in_root = wsl_ckpt_job_dir("/", &job);
    char *chk = wsl_ckpt_path(in_root, 7);
    cr_assert_str_eq(chk, "/ab000000000000000000000000000000/chk-7");
    free(in_root);
    free(chk);
}

Test(storage, a_published_checkpoint_is_listed_and_loaded_as_it_was)
{
    wsl_mem_fs *m = wsl_mem_fs_new(wsl_clock_real());
    wsl_fs *fs = wsl_mem_fs_seam(m);
    ckpt_kit k;
    wsl_error err = {0};
    Wsl__Pb__CheckpointMeta *meta = NULL;
    uint64_t *ids = NULL;
    uint32_t n = 99;

    cr_assert_eq(wsl_ckpt_list(fs, job_dir, &ids, &n, &err), WSL_OK, "no directory: nothing there");
    cr_assert_eq(n, 0);
    free(ids);
    static const uint64_t made[] = {10, 9, 2};
    for (size_t i = 0; i < WSL_ARRAY_LEN(made); i++) {
        make(&k, fs, made[i]);
        if (made[i] != 2) { /* 2 is never published */
            kit_publish(&k);
        }
        kit_fini(&k);
    }
    cr_assert_eq(fs->make_dirs(fs, "/ckpt/00000000000000000000000000000000/chk-07", &err), WSL_OK);
    kit_write(fs, "/ckpt/00000000000000000000000000000000/chk-07/_metadata", "x", 1);
    kit_write(fs, "/ckpt/00000000000000000000000000000000/chk-8", "a file", 6);
    cr_assert_eq(wsl_ckpt_list(fs, job_dir, &ids, &n, &err), WSL_OK);
    cr_assert_eq(n, 2);
    cr_assert(ids[0] == 9 && ids[1] == 10, "ascending, by number");
    free(ids);

    static const char *const names[] = {"/chk-10", "/chk-10/", "/chk-10/_metadata"};
    for (size_t i = 0; i < WSL_ARRAY_LEN(names); i++) {
        char *path = wsl_asprintf("%s%s%s", i == 0 ? "file://" : "", job_dir, names[i]);
        cr_assert_eq(wsl_ckpt_load(fs, path, &meta, &err), WSL_OK, "%s", err.text);
        cr_assert_eq(meta->checkpoint, 10);
        wsl__pb__checkpoint_meta__free_unpacked(meta, NULL);
        free(path);
    }
    char *path = wsl_ckpt_path(job_dir, 2);
    cr_assert_eq(wsl_ckpt_load(fs, path, &meta, &err), WSL_NOT_FOUND);
    cr_assert_not_null(strstr(err.text, "/chk-2/_metadata does not exist"));
    free(path);
    wsl_mem_fs_free(m);
}

Test(storage, relative_paths_begin_at_the_jobs_directory_of_a_savepoint_at_its_own)
{
    static const struct {
        const char *path, *job, *own;
    } cases[] = {{"/c/job/chk-7", "/c/job", "/c/job/chk-7"},
                 {"file:///c/job/chk-7/", "/c/job", "/c/job/chk-7"},
                 {"/c/job/chk-7/_metadata", "/c/job", "/c/job/chk-7"},
                 {"chk-7", ".", "chk-7"},
                 {".", "./..", "."},
                 {"_metadata", "./..", "."}};
    for (size_t i = 0; i < WSL_ARRAY_LEN(cases); i++) {
        Wsl__Pb__CheckpointMeta meta = WSL__PB__CHECKPOINT_META__INIT;
        for (int savepoint = 0; savepoint < 2; savepoint++) {
            meta.savepoint = savepoint;
            char *base = wsl_ckpt_base(cases[i].path, &meta);
            cr_assert_str_eq(base, savepoint ? cases[i].own : cases[i].job);
            free(base);
        }
    }
}

Test(storage, a_number_is_given_once)
{
    wsl_mem_fs *m = wsl_mem_fs_new(wsl_clock_real());
    wsl_fs *fs = wsl_mem_fs_seam(m);
    ckpt_kit k;
    wsl_error err = {0};
    make(&k, fs, 3);
    char *dir = wsl_ckpt_path(job_dir, 3);
    cr_assert_eq(wsl_ckpt_prepare(fs, dir, &err), WSL_OK, "an attempt that was not completed is no obstacle");
    kit_publish(&k);
    cr_assert_eq(wsl_ckpt_prepare(fs, dir, &err), WSL_EXISTS);
    cr_assert_eq(wsl_ckpt_publish(fs, dir, k.meta, &err), WSL_EXISTS);
    cr_assert_not_null(strstr(err.text, "holds a checkpoint already"));
    cr_assert_eq(count_whole(fs), 1);
    free(dir);
    kit_fini(&k);
    wsl_mem_fs_free(m);
}

Test(storage, nonsense_is_not_published)
{
    wsl_mem_fs *m = wsl_mem_fs_new(wsl_clock_real());
    ckpt_kit k;
    wsl_error err = {0};
    make(&k, wsl_mem_fs_seam(m), 3);
    char *dir = wsl_ckpt_path(job_dir, 3);
    k.meta->operators[0]->subtasks[0]->sections[0]->file = 5;
    cr_assert_eq(wsl_ckpt_publish(k.fs, dir, k.meta, &err), WSL_INTERNAL);
    cr_assert_not_null(strstr(err.text, "uid 'sums', subtask 0, section 'state': it is in file 5 of 1"), "%s", err.text);
    cr_assert_eq(count(k.fs), 0);
    free(dir);
    kit_fini(&k);
    wsl_mem_fs_free(m);
}

/* The n-th operation of publishing fails, or all from it on (the disk is gone); then the power goes, or does not. */
static bool publish_fails_at(uint64_t n, wsl_status with, bool for_ever, bool power)
{
    wsl_mem_fs *m = wsl_mem_fs_new(wsl_clock_real());
    wsl_fs *fs = wsl_mem_fs_seam(m);
    ckpt_kit k;
    wsl_error err = {0};
    make(&k, fs, 5);
    char *dir = wsl_ckpt_path(job_dir, 5);
    wsl_mem_fs_fail_at(m, n, with, for_ever);
    const wsl_status status = wsl_ckpt_publish(fs, dir, k.meta, &err);
    const bool failed = wsl_mem_fs_failed(m);
    wsl_mem_fs_fail_at(m, 0, WSL_OK, false);
    if (power) {
        wsl_mem_fs_crash(m);
    }
    const uint32_t there = count_whole(fs);
    if (status == WSL_OK) {
        cr_assert_eq(there, 1, "said done at operation %d", (int)n);
    } else if (!for_ever) {
        cr_assert_eq(there, 0, "said failed at operation %d", (int)n);
    }
    /* what failed can be thrown away, whatever is left of it */
    cr_assert_eq(wsl_ckpt_discard(fs, dir, &err), WSL_OK, "%s", err.text);
    cr_assert_eq(count(fs), 0);
    cr_assert_not(is_there(fs, dir));
    free(dir);
    kit_fini(&k);
    wsl_mem_fs_free(m);
    return failed;
}

Test(storage, publish_that_fails_at_any_step_leaves_a_whole_checkpoint_or_none)
{
    for (int mode = 0; mode < 8; mode++) {
        uint64_t n = 1;
        while (publish_fails_at(n, mode & 1 ? WSL_NO_SPACE : WSL_IO, mode & 2, mode & 4)) {
            n++;
        }
        cr_assert_geq(n, 7, "look, sync, create, write, sync, rename, sync");
    }
}

Test(storage, power_that_goes_after_publish_takes_nothing)
{
    wsl_mem_fs *m = wsl_mem_fs_new(wsl_clock_real());
    ckpt_kit k;
    make(&k, wsl_mem_fs_seam(m), 5);
    kit_publish(&k);
    wsl_mem_fs_crash(m);
    cr_assert_eq(count_whole(k.fs), 1, "its state files are there, too");
    kit_fini(&k);
    wsl_mem_fs_free(m);
}

static bool discard_fails_at(uint64_t n, bool for_ever, bool power)
{
    wsl_mem_fs *m = wsl_mem_fs_new(wsl_clock_real());
    wsl_fs *fs = wsl_mem_fs_seam(m);
    ckpt_kit k;
    wsl_error err = {0};
    make(&k, fs, 5);
    kit_publish(&k);
    kit_write(fs, "/ckpt/00000000000000000000000000000000/chk-5/left-over", "x", 1);
    char *dir = wsl_ckpt_path(job_dir, 5);
    wsl_mem_fs_fail_at(m, n, WSL_IO, for_ever);
    const wsl_status status = wsl_ckpt_discard(fs, dir, &err);
    const bool failed = wsl_mem_fs_failed(m);
    wsl_mem_fs_fail_at(m, 0, WSL_OK, false);
    if (power) {
        wsl_mem_fs_crash(m);
    }
    cr_assert_eq(status != WSL_OK, failed);
    (void)count_whole(fs); /* what is listed is whole */
    cr_assert_eq(wsl_ckpt_discard(fs, dir, &err), WSL_OK, "%s", err.text);
    cr_assert_not(is_there(fs, dir));
    cr_assert_eq(wsl_ckpt_discard(fs, dir, &err), WSL_OK, "nothing there is fine");
    free(dir);
    kit_fini(&k);
    wsl_mem_fs_free(m);
    return failed;
}

Test(storage, discard_that_fails_at_any_step_leaves_a_whole_checkpoint_or_none)
{
    for (int mode = 0; mode < 4; mode++) {
        uint64_t n = 1;
        while (discard_fails_at(n, mode & 1, mode & 2)) {
            n++;
        }
        cr_assert_geq(n, 6, "look, remove, sync, list, remove, remove, remove");
    }
}

Test(storage, prepare_that_fails_can_be_tried_again)
{
    for (uint64_t n = 1;; n++) {
        wsl_mem_fs *m = wsl_mem_fs_new(wsl_clock_real());
        wsl_fs *fs = wsl_mem_fs_seam(m);
        wsl_error err = {0};
        char *dir = wsl_ckpt_path(job_dir, 1);
        wsl_mem_fs_fail_at(m, n, WSL_NO_SPACE, false);
        const wsl_status status = wsl_ckpt_prepare(fs, dir, &err);
        const bool failed = wsl_mem_fs_failed(m);
        cr_assert_eq(status, failed ? WSL_NO_SPACE : WSL_OK);
        wsl_mem_fs_fail_at(m, 0, WSL_OK, false);
        cr_assert_eq(wsl_ckpt_prepare(fs, dir, &err), WSL_OK, "%s", err.text);
        free(dir);
        wsl_mem_fs_free(m);
        if (!failed) {
            break;
        }
    }
}

Test(storage, only_checkpoints_are_discarded)
{
    wsl_mem_fs *m = wsl_mem_fs_new(wsl_clock_real());
    wsl_fs *fs = wsl_mem_fs_seam(m);
    wsl_error err = {0};
    cr_assert_eq(fs->make_dirs(fs, "/home/somebody", &err), WSL_OK);
    kit_write(fs, "/home/somebody/letters", "x", 1);
    cr_assert_eq(wsl_ckpt_discard(fs, "/home/somebody", &err), WSL_INVALID);
    cr_assert_not_null(strstr(err.text, "/home/somebody is not removed"), "%s", err.text);
    cr_assert(is_there(fs, "/home/somebody/letters"));

    /* a savepoint, wherever it was moved to */
    ckpt_kit k;
    make(&k, fs, 5);
    kit_publish(&k);
    cr_assert_eq(fs->make_dirs(fs, "/backup/mine/more", &err), WSL_OK);
    cr_assert_eq(fs->rename(fs, "/ckpt/00000000000000000000000000000000/chk-5/_metadata", "/backup/mine/_metadata", &err),
                 WSL_OK);
    cr_assert_eq(wsl_ckpt_discard(fs, "/backup/mine", &err), WSL_OK, "%s", err.text);
    cr_assert_not(is_there(fs, "/backup/mine"));
    kit_fini(&k);
    wsl_mem_fs_free(m);
}

Test(storage, verify_names_the_file_that_is_damaged)
{
    wsl_mem_fs *m = wsl_mem_fs_new(wsl_clock_real());
    wsl_fs *fs = wsl_mem_fs_seam(m);
    static const char state[] = "/ckpt/00000000000000000000000000000000/chk-5/0-0-aa.state";
    ckpt_kit k;
    wsl_error err = {0};
    make(&k, fs, 5);
    kit_publish(&k);
    char *data = NULL;
    size_t size = 0;
    cr_assert_eq(wsl_fs_read_all(fs, state, 1 << 20, &data, &size, &err), WSL_OK);

    data[size / 2] ^= 16;
    kit_write(fs, state, data, size);
    cr_assert_eq(wsl_ckpt_verify(fs, job_dir, k.meta, &err), WSL_CORRUPT);
    cr_assert_not_null(strstr(err.text, "chk-5/0-0-aa.state is damaged: its checksum is wrong"), "%s", err.text);

    kit_write(fs, state, data, size - 8);
    cr_assert_eq(wsl_ckpt_verify(fs, job_dir, k.meta, &err), WSL_CORRUPT);
    cr_assert_not_null(strstr(err.text, "and should have"), "%s", err.text);

    cr_assert_eq(fs->remove(fs, state, &err), WSL_OK);
    cr_assert_eq(wsl_ckpt_verify(fs, job_dir, k.meta, &err), WSL_CORRUPT);
    cr_assert_not_null(strstr(err.text, "0-0-aa.state is missing"), "%s", err.text);

    cr_assert_eq(fs->make_dirs(fs, state, &err), WSL_OK);
    cr_assert_neq(wsl_ckpt_verify(fs, job_dir, k.meta, &err), WSL_OK, "a directory is no file");
    free(data);
    kit_fini(&k);
    wsl_mem_fs_free(m);
}
