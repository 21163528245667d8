/* A checkpoint with a bit flipped, a file cut off, removed or swapped with another: 1000 times, always noticed. */
#include "harness/ckpt_kit.h"
#include "harness/damage_kit.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/fs_mem.h"
#include "base/rng.h"

enum { FILES = 8, ROUNDS = 1000 };

static const char job_dir[] = "/ckpt/00000000000000000000000000000000";
static const char chk_dir[] = "/ckpt/00000000000000000000000000000000/chk-7";

/* Four subtasks of keyed state in a file each, one of all other kinds, content in the metadata, and the metadata. */
static void make(wsl_fs *fs)
{
    char shared[100];
    (void)snprintf(shared, sizeof shared, "%s/shared", job_dir);
    cr_assert_eq(fs->make_dirs(fs, shared, NULL), WSL_OK);

    ckpt_kit k;
    kit_room key, room;
    kit_init(&k, fs, job_dir, 7);
    for (uint32_t i = 0; i < 4; i++) {
        char path[64];
        (void)snprintf(path, sizeof path, "chk-7/1-%u-ab.state", i);
        kit_sums(&k, "sums", 4, 128, i, 500);
        kit_file(&k, path);
    }
    kit_sums_layer(&k, "sums", 4, 128, 0, 500, 1);
    kit_file(&k, "shared/6-1-0-cd.state");
    kit_sums_layer(&k, "sums", 4, 128, 0, 300, 2);
    kit_file(&k, "shared/7-1-0-ef.state");
    Wsl__Pb__Section *s = kit_section(&k, "all", 1, 128, 0, KIT_KIND(EVENT_TIMERS), "timers");
    s->key = wsl_schema_to_pb(&kit_long_schema);
    kit_group(&k, wsl_key_group(kit_long_hash(3), 128));
    kit_timer(&k, 99, 0, kit_long_row(&key, 3));
    kit_state(kit_section(&k, "all", 1, 128, 0, KIT_KIND(UNION), "union"), "u", WSL_STATE_LIST, &kit_text_schema, NULL);
    for (int i = 0; i < 20; i++) {
        kit_row(&k, WSL_RECORD_ELEMENT, 0, 0, kit_text_row(&room, "an element of some length", i));
    }
    kit_state(kit_section(&k, "all", 1, 128, 0, KIT_KIND(BROADCAST), "rules"), "r", WSL_STATE_MAP, &kit_long_schema,
              &kit_text_schema);
    kit_entry(&k, 0, 0, kit_text_row(&key, "k", 1), kit_long_row(&room, 1));
    (void)kit_section(&k, "all", 1, 128, 0, KIT_KIND(SUBTASK), "position");
    kit_bytes(&k, 0, 0, "here we are", 11);
    kit_file(&k, "shared-all.state");
    (void)kit_section(&k, "small", 1, 128, 0, KIT_KIND(SUBTASK), "position");
    kit_bytes(&k, 0, 0, "small", 5);
    kit_file(&k, NULL);
    kit_publish(&k);
    kit_fini(&k);
}

static void read_back(wsl_fs *fs, damage_file files[FILES])
{
    for (uint32_t i = 0; i < FILES; i++) {
        damage_file *f = &files[i];
        (void)(i < 4    ? snprintf(f->path, sizeof f->path, "%s/1-%u-ab.state", chk_dir, i)
               : i == 4 ? snprintf(f->path, sizeof f->path, "%s/shared-all.state", job_dir)
               : i == 5 ? snprintf(f->path, sizeof f->path, "%s/shared/6-1-0-cd.state", job_dir)
               : i == 6 ? snprintf(f->path, sizeof f->path, "%s/shared/7-1-0-ef.state", job_dir)
                        : snprintf(f->path, sizeof f->path, "%s/_metadata", chk_dir));
    }
    damage_read(fs, files, FILES);
}

/* As who restores looks at it. records: also as who verifies. */
static wsl_status look(wsl_fs *fs, bool records, wsl_error *err)
{
    Wsl__Pb__CheckpointMeta *meta = NULL;
    wsl_status status = wsl_ckpt_load(fs, chk_dir, &meta, err);
    if (status == WSL_OK) {
        status = records ? wsl_ckpt_verify_records(fs, job_dir, meta, err) : wsl_ckpt_verify(fs, job_dir, meta, err);
        wsl__pb__checkpoint_meta__free_unpacked(meta, NULL);
    }
    return status;
}

Test(damage, a_thousand_times_is_always_noticed_before_the_first_record)
{
    wsl_rng rng;
    wsl_error err = {0};
    damage_file files[FILES];
    wsl_mem_fs *m = wsl_mem_fs_new(wsl_clock_real());
    wsl_fs *fs = wsl_mem_fs_seam(m);
    const char *seed = getenv("DAMAGE_SEED");
    wsl_rng_seed(&rng, seed != NULL ? strtoull(seed, NULL, 10) : 5);
    make(fs);
    read_back(fs, files);
    for (int round = 0; round < ROUNDS; round++) {
        char what[DAMAGE_TEXT] = "";
        cr_assert_eq(look(fs, round % 10 == 0, &err), WSL_OK, "%s", err.text);
        damage_one(fs, files, FILES, &rng, what);
        const wsl_status status = look(fs, false, &err);
        cr_assert(status == WSL_CORRUPT || status == WSL_NOT_FOUND || status == WSL_UNSUPPORTED, "round %d, %s: %s", round,
                  what, wsl_status_name(status));
        cr_assert(has_text(err.text, "/ckpt/0000"), "it says where: %s", err.text);
        cr_assert_neq(look(fs, true, &err), WSL_OK);
        damage_mend(fs, files, FILES);
    }
    damage_free(files, FILES);
    wsl_mem_fs_free(m);
}

/* Bytes that were written wrong have the right checksums: only reading every record finds them. */
Test(damage, records_written_wrong_are_found_by_looking_at_each)
{
    wsl_mem_fs *m = wsl_mem_fs_new(wsl_clock_real());
    wsl_rng rng;
    wsl_error err = {0};
    uint32_t found = 0;
    wsl_rng_seed(&rng, 6);
    for (uint64_t round = 1; round <= 200; round++) {
        ckpt_kit k;
        kit_init(&k, wsl_mem_fs_seam(m), job_dir, round);
        kit_sums(&k, "sums", 1, 128, 0, 20);
        /* within the key rows and heads of records; values may be any number */
        const uint64_t at = wsl_rng_below(&rng, k.bytes.n);
        k.bytes.items[at] ^= (uint8_t)(1u << wsl_rng_below(&rng, 8));
        kit_file(&k, "chk-1/one.state");
        cr_assert_eq(wsl_ckpt_verify(k.fs, job_dir, k.meta, &err), WSL_OK, "%s", err.text);
        const wsl_status status = wsl_ckpt_verify_records(k.fs, job_dir, k.meta, &err);
        cr_assert(status == WSL_OK || status == WSL_CORRUPT);
        if (status == WSL_CORRUPT) {
            cr_assert(has_text(err.text, "operator 'the sums' (uid 'sums'), subtask 0: /ckpt/"), "%s", err.text);
            found++;
        }
        kit_fini(&k);
    }
    cr_assert_gt(found, 50, "%u of 200", found);
    wsl_mem_fs_free(m);
}
