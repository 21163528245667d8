/*
 * test_restore_damage - what a task is given to begin with is looked at whole before its first record: state files damaged 1000 times
 * after the writer wrote them and the JobManager dealt them out.
 */
#include "harness/ckpt_kit.h"
#include "harness/damage_kit.h"

#include "base/clock.h"
#include "base/fs_mem.h"
#include "taskmanager/ckpt/restore.h"
#include "taskmanager/ckpt/writer.h"

enum { FILES = 5, ROUNDS = 1000, BYTES_MAX = 6000, IN_FLIGHT_MAX = 1 << 20 };

static const char dir[] = "/ckpt/chk-7";

/* A file of the writer's, as it stands in a deployment: with an absolute path. */
static Wsl__Pb__StateFile *write_state(tm_writer_pool *pool, wsl_rng *rng, uint32_t i)
{
    wsl_mailbox box;
    char stem[16];
    uint8_t *bytes = wsl_alloc(BYTES_MAX);
    const size_t size = 8 + wsl_rng_below(rng, BYTES_MAX - 8);
    for (size_t k = 0; k < size; k++) {
        bytes[k] = (uint8_t)wsl_rng_next(rng);
    }
    (void)snprintf(stem, sizeof stem, "1-%u", i);
    wsl_mailbox_init(&box, (wsl_waker){0});
    tm_writer *w = tm_writer_open(pool, dir, stem, 0, &box);
    const tm_snapshot_sink sink = tm_writer_sink(w);
    sink.write(sink.arg, bytes, size);
    tm_writer_finish(w);
    tm_writer_result *result = (tm_writer_result *)(void *)wsl_mailbox_take_all(&box);
    cr_assert_not_null(result);
    cr_assert_eq(result->status, WSL_OK, "%s", result->error.text);
    Wsl__Pb__StateFile *file = wsl_alloc(sizeof *file);
    wsl__pb__state_file__init(file);
    file->size = result->file.size;
    file->checksum = result->file.checksum;
    char *path = wsl_asprintf("/ckpt/%s", result->file.path);
    wsl_pb_set(&file->path, path);
    free(path);
    tm_writer_result_free(result);
    tm_writer_close(w);
    free(bytes);
    return file;
}

static wsl_status begin_with(wsl_fs *fs, const Wsl__Pb__TaskSnapshot *snapshot, wsl_error *err)
{
    tm_restore *r = NULL;
    const wsl_status status = tm_restore_new(fs, snapshot, &r, err);
    tm_restore_free(r);
    return status;
}

Test(restore_damage, a_thousand_times_is_always_noticed_before_the_first_record)
{
    wsl_rng rng;
    wsl_error err = {0};
    damage_file files[FILES];
    Wsl__Pb__TaskSnapshot snapshot = WSL__PB__TASK_SNAPSHOT__INIT;
    wsl_mem_fs *m = wsl_mem_fs_new(wsl_clock_real());
    wsl_fs *fs = wsl_mem_fs_seam(m);
    tm_writer_pool *pool = tm_writer_pool_new(&(tm_writer_pool_options){.fs = fs, .in_flight_max = IN_FLIGHT_MAX});
    const char *seed = getenv("DAMAGE_SEED");
    wsl_rng_seed(&rng, seed != NULL ? strtoull(seed, NULL, 10) : 5);
    cr_assert_eq(fs->make_dirs(fs, dir, &err), WSL_OK);
    for (uint32_t i = 0; i < FILES; i++) {
        Wsl__Pb__StateFile *file = write_state(pool, &rng, i);
        *WSL_PB_APPEND(snapshot.files, snapshot.n_files) = file;
        (void)snprintf(files[i].path, sizeof files[i].path, "%s", file->path);
    }
    damage_read(fs, files, FILES);
    for (int round = 0; round < ROUNDS; round++) {
        char what[DAMAGE_TEXT] = "";
        cr_assert_eq(begin_with(fs, &snapshot, &err), WSL_OK, "%s", err.text);
        damage_one(fs, files, FILES, &rng, what);
        const wsl_status status = begin_with(fs, &snapshot, &err);
        cr_assert_eq(status, WSL_CORRUPT, "round %d, %s: %s", round, what, wsl_status_name(status));
        cr_assert_not_null(strstr(err.text, "/ckpt/chk-7/1-"), "it says where: %s", err.text);
        damage_mend(fs, files, FILES);
    }
    damage_free(files, FILES);
    for (size_t i = 0; i < snapshot.n_files; i++) {
        wsl__pb__state_file__free_unpacked(snapshot.files[i], NULL);
    }
    free(snapshot.files);
    tm_writer_pool_free(pool);
    wsl_mem_fs_free(m);
}
