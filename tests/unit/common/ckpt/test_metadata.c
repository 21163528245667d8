/* What _metadata may say, and what it may not. */
#include "harness/ckpt_kit.h"

#include "base/clock.h"
#include "base/fs_mem.h"
#include "ckpt/metadata.h"

typedef struct bench {
    wsl_mem_fs *m;
    ckpt_kit k;
    Wsl__Pb__CheckpointMeta *meta;
    Wsl__Pb__OperatorMeta *op;
    Wsl__Pb__Section *keyed, *list;
} bench;

static void set_up(bench *b)
{
    kit_room room;
    b->m = wsl_mem_fs_new(wsl_clock_real());
    kit_init(&b->k, wsl_mem_fs_seam(b->m), "/ckpt/x", 7);
    kit_sums(&b->k, "sums", 2, 128, 0, 100);
    kit_state(kit_section(&b->k, "sums", 2, 128, 0, KIT_KIND(LIST), "list"), "list", WSL_STATE_LIST, &kit_long_schema,
              NULL);
    kit_row(&b->k, WSL_RECORD_ELEMENT, 0, 0, kit_long_row(&room, 1));
    kit_row(&b->k, WSL_RECORD_ELEMENT, 0, 0, kit_long_row(&room, 2));
    kit_file(&b->k, "chk-7/a.state");
    kit_sums(&b->k, "sums", 2, 128, 1, 100);
    kit_file(&b->k, NULL);
    b->meta = b->k.meta;
    b->op = b->meta->operators[0];
    b->keyed = b->op->subtasks[0]->sections[0];
    b->list = b->op->subtasks[0]->sections[1];
}

static void tear_down(bench *b)
{
    kit_fini(&b->k);
    wsl_mem_fs_free(b->m);
}

Test(metadata, comes_back_as_it_was)
{
    bench b;
    set_up(&b);
    uint8_t *bytes = NULL, *again = NULL;
    size_t size = 0, again_size = 0;
    Wsl__Pb__CheckpointMeta *meta = NULL;
    wsl_error err = {0};
    b.op->has_enumerator = true;
    b.meta->savepoint = true;
    wsl_metadata_encode(b.meta, &bytes, &size);
    cr_assert_eq(memcmp(bytes, "WIESELCK\1\0\0\0\0\0\0\0", 16), 0);
    cr_assert_eq(wsl_metadata_decode(bytes, size, "here", &meta, &err), WSL_OK, "%s", err.text);
    wsl_metadata_encode(meta, &again, &again_size);
    cr_assert_eq(size, again_size);
    cr_assert_eq(memcmp(bytes, again, size), 0);
    wsl__pb__checkpoint_meta__free_unpacked(meta, NULL);
    free(bytes);
    free(again);
    tear_down(&b);
}

Test(metadata, every_flipped_bit_and_every_cut_is_noticed)
{
    bench b;
    set_up(&b);
    uint8_t *bytes = NULL;
    size_t size = 0;
    Wsl__Pb__CheckpointMeta *meta = NULL;
    wsl_error err = {0};
    wsl_metadata_encode(b.meta, &bytes, &size);
    for (size_t bit = 0; bit < size * 8; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        const wsl_status status = wsl_metadata_decode(bytes, size, "here", &meta, &err);
        cr_assert(status == WSL_CORRUPT || (status == WSL_UNSUPPORTED && bit / 8 >= 8 && bit / 8 < 12), "bit %zu: %s", bit,
                  wsl_status_name(status));
        cr_assert_eq(strncmp(err.text, "here is ", 8), 0, "%s", err.text);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t n = 0; n < size; n++) {
        cr_assert_eq(wsl_metadata_decode(bytes, n, "here", &meta, &err), WSL_CORRUPT);
    }
    cr_assert_null(meta);
    free(bytes);
    tear_down(&b);
}

/* Breaks one rule; the sentence names it. Both readers of metadata refuse it. */
#define REFUSED(says, ...)                                                                                                       \
    do {                                                                                                               \
        bench b;                                                                                                       \
        wsl_error err = {0};                                                                                           \
        Wsl__Pb__CheckpointMeta *meta = NULL;                                                                          \
        uint8_t *bytes = NULL;                                                                                         \
        size_t size = 0;                                                                                               \
        set_up(&b);                                                                                                    \
        cr_assert_eq(wsl_metadata_check(b.meta, &err), WSL_OK, "%s", err.text);                                        \
        __VA_ARGS__;                                                                                                       \
        cr_assert_eq(wsl_metadata_check(b.meta, &err), WSL_CORRUPT, "not refused: " #__VA_ARGS__);                          \
        cr_assert(has_text(err.text, says), "'%s' does not say '%s'", err.text, says);                                 \
        wsl_metadata_encode(b.meta, &bytes, &size);                                                                    \
        cr_assert_eq(wsl_metadata_decode(bytes, size, "here", &meta, &err), WSL_CORRUPT);                              \
        free(bytes);                                                                                                   \
        tear_down(&b);                                                                                                 \
    } while (0)

Test(metadata, each_rule_is_looked_after)
{
    REFUSED("the number of the checkpoint is 0", b.meta->checkpoint = 0);
    REFUSED("the job's id has 15 bytes", b.meta->job.len = 15);
    REFUSED("its files have", b.meta->state_bytes++);
    REFUSED("file 0 has the path '../x'", wsl_pb_set(&b.meta->files[0]->path, "../x"));
    REFUSED("file 0 has the path 'a//x'", wsl_pb_set(&b.meta->files[0]->path, "a//x"));
    REFUSED("file 0 has the path '/'", wsl_pb_set(&b.meta->files[0]->path, "/"));
    REFUSED("file 0 has the path '/a/..'", wsl_pb_set(&b.meta->files[0]->path, "/a/.."));
    REFUSED("file 1 has a path and content", wsl_pb_set(&b.meta->files[1]->path, "x"));
    REFUSED("bytes of content and says", b.meta->files[1]->size++);
    REFUSED("is too large", b.meta->files[0]->size = UINT64_MAX - 100);
    REFUSED("an operator has no uid", wsl_pb_set(&b.op->uid, ""));
    REFUSED("operator 'sums' has parallelism 2 of at most 1", b.op->max_parallelism = 1);
    REFUSED("operator 'sums' has parallelism 2 of at most 32769", b.op->max_parallelism = 32769);
    REFUSED("operator 'sums' has 2 subtasks of 3", b.op->parallelism = 3);
    REFUSED("where its subtask 1 should be", b.op->subtasks[1]->subtask = 0);
    REFUSED("where its subtask 1 should be", wsl_pb_set(&b.op->subtasks[1]->uid, "other"));
    REFUSED("it has ended, but has state", b.op->subtasks[1]->finished = true);
    REFUSED("two operators have the uid 'x'", wsl_pb_set(&kit_operator(&b.k, "y", 1, 1)->uid, "x");
            wsl_pb_set(&b.meta->operators[1]->subtasks[0]->uid, "x"); (void)kit_operator(&b.k, "z", 1, 1);
            wsl_pb_set(&b.meta->operators[2]->uid, "x"));
    REFUSED("section 'list': it is in file 2 of 2", b.list->file = 2);
    REFUSED("are not all within its file", b.list->offset += 8);
    REFUSED("are not all within its file", b.list->offset -= 4);
    REFUSED("are not all within its file", b.list->offset = UINT64_MAX - 7);
    REFUSED("records in", b.list->records = 1000);
    REFUSED("it has 2 elements in 1 records", b.list->records = 1);
    REFUSED("element 1 ends at", b.list->element_ends[1] = b.list->element_ends[0]);
    REFUSED("its elements end at", b.list->element_ends[1] += 8);
    REFUSED("1 states are not possible there", b.list->kind = KIT_KIND(SUBTASK));
    REFUSED("key groups or elements where there are none", b.list->kind = KIT_KIND(KEYED));
    REFUSED("it has a key, but is not by key", b.list->key = wsl_schema_to_pb(&kit_long_schema));
    REFUSED("kind 9 is not known", b.list->kind = (Wsl__Pb__SectionKind)9);
    REFUSED("kind 0 is not known", b.list->kind = KIT_KIND(NONE));
    REFUSED("its name is empty", wsl_pb_set(&b.list->name, ""));
    REFUSED("two sections 'list' of one kind", b.list->kind = KIT_KIND(KEYED); b.list->n_element_ends = 0;
            b.list->length = b.list->records = 0; wsl_pb_set(&b.keyed->name, "list"));
    REFUSED("it has 64 key groups from 1 on; those of the subtask are from 0 to before 64", b.keyed->first_group = 1);
    REFUSED("key group 1 ends at", b.keyed->group_ends[0] = b.keyed->group_ends[1] + 8);
    REFUSED("its key groups end at", b.keyed->n_group_ends -= 8);
    REFUSED("no name or type", b.keyed->states[0]->kind = 6);
    REFUSED("no name or type", b.keyed->states[0]->kind = WSL_STATE_MAP);
    REFUSED("no name or type", wsl_pb_set(&b.keyed->states[0]->name, ""));
    REFUSED("the schema of sum", b.keyed->states[0]->value->fields[0]->type->id = 99);
    REFUSED("the schema of the key", b.keyed->key->fields[0]->type->id = 99);
    REFUSED("it says what a task takes", b.keyed->take_groups = 1);
    REFUSED("it says what a task takes", b.keyed->max_parallelism = 128);
    REFUSED("not UTF-8", wsl_pb_set(&b.meta->job_name, "\xff"));
    REFUSED("says it has none", b.op->enumerator.data = (uint8_t *)wsl_strdup("x"); b.op->enumerator.len = 1);
}

Test(metadata, what_a_task_says_is_under_the_same_rules)
{
    bench b;
    wsl_error err = {0};
    set_up(&b);
    Wsl__Pb__TaskSnapshot t = WSL__PB__TASK_SNAPSHOT__INIT;
    t.files = b.meta->files;
    t.n_files = b.meta->n_files;
    t.operators = b.op->subtasks;
    t.n_operators = 1;
    cr_assert_eq(wsl_task_snapshot_check(&t, &err), WSL_OK, "%s", err.text);
    t.n_operators = 2;
    cr_assert_eq(wsl_task_snapshot_check(&t, &err), WSL_FORMAT);
    cr_assert(has_text(err.text, "of subtasks 0 and 1"), "%s", err.text);
    cr_assert_eq(wsl_task_snapshot_check_dealt(&t, &err), WSL_OK, "%s", err.text);
    b.op->subtasks[1]->subtask = 0;
    cr_assert_eq(wsl_task_snapshot_check_dealt(&t, &err), WSL_FORMAT);
    cr_assert(has_text(err.text, "'sums' is there twice in subtask 0"), "%s", err.text);
    b.op->subtasks[1]->subtask = 1;
    t.n_operators = 1;

    wsl_pb_set(&b.meta->files[0]->path, "/etc/passwd");
    cr_assert_eq(wsl_task_snapshot_check(&t, &err), WSL_FORMAT);
    cr_assert(has_text(err.text, "file 0 has the path '/etc/passwd', which is not possible here"), "%s", err.text);
    cr_assert_eq(wsl_task_snapshot_check_dealt(&t, &err), WSL_OK);
    wsl_pb_set(&b.meta->files[0]->path, "chk-7/a.state");

    b.keyed->take_group = 60;
    b.keyed->take_groups = 4;
    cr_assert_eq(wsl_task_snapshot_check(&t, &err), WSL_FORMAT);
    cr_assert_eq(wsl_task_snapshot_check_dealt(&t, &err), WSL_OK, "%s", err.text);
    b.keyed->take_groups = 5;
    cr_assert_eq(wsl_task_snapshot_check_dealt(&t, &err), WSL_FORMAT);
    cr_assert(has_text(err.text, "it has no key groups 60 to 64"), "%s", err.text);
    b.keyed->take_group = b.keyed->take_groups = 0;
    b.list->take_element = 1;
    b.list->take_elements = 2;
    cr_assert_eq(wsl_task_snapshot_check_dealt(&t, &err), WSL_FORMAT);
    cr_assert(has_text(err.text, "it has no 2 elements from 1 on"), "%s", err.text);
    b.list->take_element = b.list->take_elements = 0;

    b.keyed->first_group = UINT32_MAX - 3;
    cr_assert_eq(wsl_task_snapshot_check(&t, &err), WSL_FORMAT);
    b.keyed->first_group = 32768 - 64;
    cr_assert_eq(wsl_task_snapshot_check(&t, &err), WSL_OK, "%s", err.text);
    tear_down(&b);
}
