#include "jobmanager/artifacts.h"

#include "base/fs_mem.h"
#include "harness/wsl_test.h"

typedef struct fixture {
    wsl_manual_clock clock;
    wsl_mem_fs *files;
    wsl_fs *fs;
    jm_artifacts *artifacts;
} fixture;

static void setup(fixture *f)
{
    wsl_manual_clock_init(&f->clock, 0);
    f->files = wsl_mem_fs_new(&f->clock.clock);
    f->fs = wsl_mem_fs_seam(f->files);
    f->artifacts = jm_artifacts_new(f->fs, "/tmp/jm", false);
}

static bool exists(fixture *f, const char *path)
{
    wsl_file_info info;
    return f->fs->stat(f->fs, path, &info, NULL) == WSL_OK;
}

static void teardown(fixture *f)
{
    jm_artifacts_free(f->artifacts);
    wsl_mem_fs_free(f->files);
}

Test(artifacts, bytes_are_kept_by_hash_once_and_read_back_in_pieces)
{
    fixture f;
    wsl_id a, b, c;
    char piece[4];
    size_t got = 0;
    uint64_t total = 0;
    setup(&f);
    cr_assert_not(exists(&f, "/tmp/jm"), "no directory before the first artifact");
    cr_assert_eq(jm_artifacts_put(f.artifacts, "0123456789", 10, &a, NULL), WSL_OK);
    cr_assert_eq(jm_artifacts_put(f.artifacts, "0123456789", 10, &b, NULL), WSL_OK);
    cr_assert_eq(jm_artifacts_put(f.artifacts, "x", 1, &c, NULL), WSL_OK);
    cr_assert(wsl_id_equal(&a, &b));
    cr_assert_not(wsl_id_equal(&a, &c));
    cr_assert_eq(jm_artifacts_read(f.artifacts, &a, 8, piece, 4, &got, &total, NULL), WSL_OK);
    cr_assert_eq(got, 2u);
    cr_assert_eq(total, 10u);
    cr_assert_arr_eq(piece, "89", 2);
    cr_assert_eq(jm_artifacts_read(f.artifacts, &a, UINT64_MAX, piece, 4, &got, &total, NULL), WSL_OK);
    cr_assert_eq(got, 0u);
    teardown(&f);
}

Test(artifacts, they_go_with_their_jobmanager)
{
    fixture f;
    wsl_id a;
    setup(&f);
    cr_assert_eq(jm_artifacts_put(f.artifacts, "abc", 3, &a, NULL), WSL_OK);
    cr_assert(exists(&f, "/tmp/jm"));
    jm_artifacts_free(f.artifacts);
    f.artifacts = NULL;
    cr_assert_not(exists(&f, "/tmp/jm"));
    teardown(&f);
}

Test(artifacts, nothing_too_much_and_nobody_knows_are_told_apart)
{
    fixture f;
    wsl_id a = {0};
    char piece[4];
    size_t got = 0;
    uint64_t total = 0;
    wsl_error err = {0};
    setup(&f);
    cr_assert_eq(jm_artifacts_put(f.artifacts, "", 0, &a, &err), WSL_INVALID);
    cr_assert_eq(jm_artifacts_put(f.artifacts, "x", (size_t)JM_ARTIFACT_SIZE_MAX + 1, &a, &err), WSL_TOO_LARGE);
    cr_assert(has_text(err.text, "the maximum is 67108864"), "%s", err.text);
    cr_assert_eq(jm_artifacts_read(f.artifacts, &a, 0, piece, 4, &got, &total, &err), WSL_NOT_FOUND);
    teardown(&f);
}

Test(artifacts, a_full_disk_is_a_sentence_and_keeps_nothing)
{
    fixture f;
    wsl_id a;
    wsl_error err = {0};
    setup(&f);
    wsl_mem_fs_set_capacity(f.files, 5);
    cr_assert_eq(jm_artifacts_put(f.artifacts, "0123456789", 10, &a, &err), WSL_NO_SPACE);
    cr_assert(has_text(err.text, "cannot keep the artifact"), "%s", err.text);
    a = wsl_id_of_bytes("0123456789", 10);
    cr_assert_not(jm_artifacts_has(f.artifacts, &a));
    wsl_mem_fs_set_capacity(f.files, 1000);
    cr_assert_eq(jm_artifacts_put(f.artifacts, "0123456789", 10, &a, &err), WSL_OK);
    teardown(&f);
}
