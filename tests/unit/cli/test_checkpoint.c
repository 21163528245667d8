/* `wiesel checkpoint` and `wiesel state` on a directory, without a cluster. */
#include "harness/ckpt_kit.h"
#include "harness/cli_kit.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>


static void says(said s, int code, const char *text)
{
    cr_assert_eq(s.code, code, "%d: %s%s", s.code, s.out, s.err);
    const char *where = code == 0 ? s.out : s.err;
    cr_assert(has_text(where, text), "'%s' does not say '%s'", where, text);
    drop(&s);
}

/* A directory of checkpoints with those of one job: chk-7, and chk-8 whose metadata is damaged. */
typedef struct bench {
    char dir[64];
    char *job, *chk, *damaged;
} bench;

static void set_up(bench *b)
{
    wsl_fs *fs = wsl_fs_posix();
    ckpt_kit k;
    kit_room key, room;
    (void)snprintf(b->dir, sizeof b->dir, "/tmp/wiesel-ckpt-XXXXXX");
    cr_assert_not_null(mkdtemp(b->dir));
    b->job = wsl_asprintf("%s/0123456789abcdef0123456789abcdef", b->dir);
    b->chk = wsl_ckpt_path(b->job, 7);
    b->damaged = wsl_ckpt_path(b->job, 8);
    kit_init(&k, fs, b->job, 7);
    for (int i = 0; i < 8; i++) {
        k.meta->job.data[i] = k.meta->job.data[i + 8] = (uint8_t)(0x01 + 0x22 * i);
    }
    kit_sums(&k, "sums", 2, 128, 0, 3);
    kit_sums(&k, "sums", 2, 128, 1, 3);
    kit_file(&k, "chk-7/0.state");
    kit_operator(&k, "sums", 2, 128)->subtasks[0]->watermark = 1000;
    kit_operator(&k, "sums", 2, 128)->subtasks[1]->watermark = 2000;
    kit_state(kit_section(&k, "rules", 1, 128, 0, KIT_KIND(BROADCAST), "rules"), "limits", WSL_STATE_MAP, &kit_long_schema,
              &kit_text_schema);
    kit_entry(&k, 0, 0, kit_text_row(&key, "a \"limit\"", 1), kit_long_row(&room, 5));
    kit_section(&k, "rules", 1, 128, 0, KIT_KIND(EVENT_TIMERS), "timers")->key = wsl_schema_to_pb(&kit_long_schema);
    kit_group(&k, wsl_key_group(kit_long_hash(4), 128));
    kit_timer(&k, 60000, 9, kit_long_row(&key, 4));
    /* a namespace holds for the keys that follow; of one key group, so that any key fits */
    Wsl__Pb__Section *s = kit_section(&k, "windows", 1, 1, 0, KIT_KIND(KEYED), "panes");
    s->key = wsl_schema_to_pb(&kit_long_schema);
    kit_state(s, "count", WSL_STATE_VALUE, &kit_long_schema, NULL);
    kit_group(&k, 0);
    kit_space(&k, 77);
    for (int id = 5; id < 7; id++) {
        kit_key(&k, kit_long_hash(id), kit_long_row(&key, id));
        kit_row(&k, WSL_RECORD_VALUE, 0, 0, kit_long_row(&room, 1));
    }
    (void)kit_section(&k, "rules", 1, 128, 0, KIT_KIND(SUBTASK), "position");
    kit_bytes(&k, 2, 3, "abc", 3);
    kit_file(&k, NULL);
    kit_publish(&k);
    kit_fini(&k);
    kit_init(&k, fs, b->job, 8);
    kit_publish(&k);
    kit_fini(&k);
    char *path = wsl_asprintf("%s/_metadata", b->damaged);
    kit_write(fs, path, "WIESELCK", 8);
    free(path);
}

static void tear_down(bench *b)
{
    wsl_fs *fs = wsl_fs_posix();
    (void)wsl_ckpt_discard(fs, b->chk, NULL);
    (void)wsl_ckpt_discard(fs, b->damaged, NULL);
    (void)fs->remove(fs, b->job, NULL);
    cr_assert_eq(fs->remove(fs, b->dir, NULL), WSL_OK);
    free(b->job);
    free(b->chk);
    free(b->damaged);
}

Test(checkpoint, wrong_usage_is_one_sentence)
{
    says(RUN("checkpoint"), 2, "say list DIR, show PATH, verify PATH or the id of a job");
    says(RUN("checkpoint", "shwo", "x"), 2, "not 'shwo'");
    says(RUN("checkpoint", "show"), 2, "checkpoint show takes one argument: the directory of a checkpoint");
    says(RUN("checkpoint", "show", "/a", "/b"), 2, "checkpoint show takes one argument");
    says(RUN("checkpoint", "show", "/not/there"), 4, "there is no checkpoint: /not/there/_metadata does not exist");
    says(RUN("checkpoint", "list", "/not/there"), 4, "there is no directory /not/there");
    says(RUN("checkpoint", "list", "nonsense!"), 4, "'nonsense!' is no directory and no id of a job");
    says(RUN("checkpoint", "list", "abcdef"), 2, "execution.checkpointing.dir must be set");
    says(RUN("state"), 2, "say export PATH");
    says(RUN("state", "export"), 2, "state export takes one argument");
    says(RUN("state", "export", "/not/there"), 4, "there is no checkpoint");
    says(RUN("checkpoint", "--help"), 0, "checkpoint list DIR|JOBID | show PATH | verify PATH | JOBID");
    says(RUN("state", "--help"), 0, "--state NAME");
}

Test(checkpoint, list_shows_those_that_are_there_and_the_damaged)
{
    bench b;
    set_up(&b);
    char *option = wsl_asprintf("execution.checkpointing.dir=file://%s", b.dir);
    char *one = wsl_asprintf("%s/", b.job);
    const char *const wheres[] = {b.dir, b.job, one};
    for (size_t i = 0; i < WSL_ARRAY_LEN(wheres); i++) {
        says(RUN("checkpoint", "list", wheres[i]), 0, "       7  1970-01-01 00:00:00.000  checkpoint");
        says(RUN("checkpoint", "list", wheres[i]), 0, "DAMAGED");
    }
    says(RUN("checkpoint", "list", "0123", "-D", option), 0, b.chk);
    says(RUN("checkpoint", "list", "0123456789ABCDEF0123456789abcdef", "-D", option), 0, b.chk);
    says(RUN("checkpoint", "list", "f", "-D", option), 4, "no checkpoints of a job whose id begins with f");
    says(RUN("checkpoint", "list", b.chk), 0, b.chk);

    said s = RUN("checkpoint", "list", b.dir, "--json");
    json_t *document = json_loads(s.out, 0, NULL);
    const json_t *rows = json_object_get(document, "checkpoints");
    cr_assert_eq(json_array_size(rows), 2);
    cr_assert_eq(json_integer_value(json_object_get(json_array_get(rows, 0), "id")), 7);
    cr_assert_str_eq(json_string_value(json_object_get(json_array_get(rows, 0), "job-id")),
                     "0123456789abcdef" "0123456789abcdef");
    cr_assert_str_eq(json_string_value(json_object_get(json_array_get(rows, 1), "status")), "DAMAGED");
    json_decref(document);
    drop(&s);
    free(option);
    free(one);
    tear_down(&b);
}

Test(checkpoint, show_tells_what_is_in_it)
{
    bench b;
    set_up(&b);
    said s = RUN("checkpoint", "show", b.chk);
    cr_assert_eq(s.code, 0, "%s", s.err);
    static const char *const parts[] = {"Checkpoint 7 of job 0123456789abcdef0123456789abcdef (test)",
                                        "the sums (test)\n    uid sums, parallelism 2 of at most 128, watermark 1970-01-01 "
                                        "00:00:01.000\n    KEYED 'state': 6 records, ",
                                        "; states sum\n", "BROADCAST 'rules': 1 records", "EVENT_TIMERS 'timers': 1 records"};
    for (size_t i = 0; i < WSL_ARRAY_LEN(parts); i++) {
        cr_assert(has_text(s.out, parts[i]), "'%s' is not in: %s", parts[i], s.out);
    }
    drop(&s);
    s = RUN("checkpoint", "show", b.chk, "--json");
    json_t *document = json_loads(s.out, 0, NULL);
    const json_t *op = json_array_get(json_object_get(document, "operators"), 0);
    cr_assert_eq(json_integer_value(json_object_get(op, "watermark")), 1000);
    cr_assert_eq(json_integer_value(json_object_get(json_array_get(json_object_get(op, "sections"), 0), "records")), 6);
    json_decref(document);
    drop(&s);
    tear_down(&b);
}

Test(checkpoint, verify_says_damage_and_fails)
{
    bench b;
    set_up(&b);
    says(RUN("checkpoint", "verify", b.chk), 0, "Checkpoint 7 is whole: 2 files, ");
    says(RUN("checkpoint", "verify", b.chk, "--json"), 0, "\"verified\":true");
    char *inside = wsl_asprintf("%s/_metadata", b.chk);
    says(RUN("checkpoint", "verify", inside), 0, "is whole");
    free(inside);
    says(RUN("checkpoint", "verify", b.damaged), 1, "/chk-8/_metadata is damaged");
    char *path = wsl_asprintf("%s/0.state", b.chk), *data = NULL;
    size_t size = 0;
    wsl_fs *fs = wsl_fs_posix();
    cr_assert_eq(wsl_fs_read_all(fs, path, 1 << 20, &data, &size, NULL), WSL_OK);
    data[size - 1] ^= 1;
    kit_write(fs, path, data, size);
    says(RUN("checkpoint", "verify", b.chk), 1, "/chk-7/0.state is damaged: its checksum is wrong");
    said s = RUN("state", "export", b.chk);
    cr_assert_eq(s.code, 1);
    cr_assert_str_eq(s.out, "", "nothing of a damaged checkpoint is printed");
    drop(&s);
    s = RUN("checkpoint", "verify", b.chk, "--json");
    cr_assert(has_text(s.out, "\"exit_code\":1"), "%s", s.out);
    drop(&s);
    free(data);
    free(path);
    tear_down(&b);
}

Test(state, export_prints_a_line_for_each)
{
    bench b;
    set_up(&b);
    said s = RUN("state", "export", b.chk);
    cr_assert_eq(s.code, 0, "%s", s.err);
    static const char *const parts[] = {
        "\"section\":\"state\",\"state\":\"sum\",\"key\":{\"id\":2},\"namespace\":0,\"value\":{\"id\":20}}\n",
        "{\"operator\":\"rules\",\"subtask\":0,\"section\":\"rules\",\"state\":\"limits\",\"map_key\":{\"text\":\"a "
        "\\\"limit\\\"\",\"n\":1},\"value\":{\"id\":5}}\n",
        "{\"operator\":\"rules\",\"subtask\":0,\"section\":\"timers\",\"event_timer\":60000,\"key\":{\"id\":4},\"namespace\":9}"
        "\n",
        "\"state\":\"count\",\"key\":{\"id\":5},\"namespace\":77,\"value\":{\"id\":1}}\n",
        "\"state\":\"count\",\"key\":{\"id\":6},\"namespace\":77,\"value\":{\"id\":1}}\n",
        "{\"operator\":\"rules\",\"subtask\":0,\"section\":\"position\",\"number\":3,\"part\":2,\"bytes\":\"YWJj\"}\n"};
    for (size_t i = 0; i < WSL_ARRAY_LEN(parts); i++) {
        cr_assert(has_text(s.out, parts[i]), "'%s' is not in: %s", parts[i], s.out);
    }
    int lines = 0;
    for (char *line = strtok(s.out, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        json_t *object = json_loads(line, 0, NULL);
        cr_assert_not_null(object, "%s", line);
        json_decref(object);
        lines++;
    }
    cr_assert_eq(lines, 8);
    drop(&s);
    s = RUN("state", "export", b.chk, "--operator", "sums", "--state", "sum");
    cr_assert_eq(s.code, 0);
    lines = 0;
    for (const char *at = s.out; *at != '\0'; at++) {
        lines += *at == '\n';
    }
    cr_assert_eq(lines, 3);
    drop(&s);
    says(RUN("state", "export", b.chk, "--operator", "nobody"), 4, "no operator with uid 'nobody'");
    says(RUN("state", "export", b.chk, "--state", "nothing"), 4, "no state 'nothing'");
    tear_down(&b);
}

static bool has_value(const char *out, int id, int value)
{
    char text[100];
    (void)snprintf(text, sizeof text, "\"key\":{\"id\":%d},\"namespace\":0,\"value\":{\"id\":%d}}\n", id, value);
    return strstr(out, text) != NULL;
}

Test(state, export_prints_of_layers_what_counts)
{
    char dir[] = "/tmp/wiesel-layers-XXXXXX";
    wsl_fs *fs = wsl_fs_posix();
    wsl_error err = {0};
    ckpt_kit k;
    cr_assert_not_null(mkdtemp(dir));
    char *shared = wsl_asprintf("%s/shared", dir), *chk = wsl_ckpt_path(dir, 9);
    cr_assert_eq(fs->make_dirs(fs, shared, &err), WSL_OK);
    kit_init(&k, fs, dir, 9);
    kit_sums(&k, "sums", 1, 128, 0, 300);
    kit_file(&k, "shared/7-0-0-a.state");
    kit_sums_layer(&k, "sums", 1, 128, 0, 200, 1);
    kit_file(&k, "shared/8-0-0-b.state");
    kit_sums_layer(&k, "sums", 1, 128, 0, 100, 2);
    kit_file(&k, "shared/9-0-0-c.state");
    kit_publish(&k);
    kit_fini(&k);
    says(RUN("checkpoint", "verify", chk), 0, "Checkpoint 9 is whole: 3 files, ");
    says(RUN("checkpoint", "show", chk), 0, " in 3 layers");
    said s = RUN("state", "export", chk);
    cr_assert_eq(s.code, 0, "%s", s.err);
    uint32_t expected = 0, lines = 0, dropped = 0;
    for (int id = 0; id < 300; id++) {
        const bool group_0 = wsl_key_group(kit_long_hash(id), 128) == 0;
        const bool changed = id < 200 && id % 3 == 1, gone = id < 200 && id % 3 == 2;
        /* the second layer drops what the first one has of group 0 */
        const bool there = !gone && (!group_0 || (changed && id < 100));
        dropped += group_0;
        expected += there;
        cr_assert_eq(has_value(s.out, id, changed ? 1000 + id : 10 * id), there, "key %d", id);
    }
    for (const char *at = s.out; *at != '\0'; at++) {
        lines += *at == '\n';
    }
    cr_assert_gt(dropped, 0u);
    cr_assert_eq(lines, expected);
    drop(&s);
    static const char *const files[] = {"7-0-0-a", "8-0-0-b", "9-0-0-c"};
    for (size_t i = 0; i < WSL_ARRAY_LEN(files); i++) {
        char *path = wsl_asprintf("%s/%s.state", shared, files[i]);
        cr_assert_eq(fs->remove(fs, path, &err), WSL_OK);
        free(path);
    }
    (void)wsl_ckpt_discard(fs, chk, NULL);
    cr_assert_eq(fs->remove(fs, shared, &err), WSL_OK);
    cr_assert_eq(fs->remove(fs, dir, &err), WSL_OK);
    free(shared);
    free(chk);
}
