/* Rescaling and mapping by uid: what the subtasks of a new plan begin with. */
#include "harness/ckpt_kit.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/fs_mem.h"
#include "base/rng.h"
#include "base/strbuf.h"
#include "ckpt/deal_out.h"
#include "ckpt/metadata.h"
#include "ckpt/parts.h"
#include "ckpt/section_reader.h"
#include "graph/graph_json.h"

static const char job_dir[] = "/ckpt/00000000000000000000000000000000";

typedef struct bench {
    wsl_mem_fs *m;
    ckpt_kit k;
} bench;

static void set_up(bench *b)
{
    b->m = wsl_mem_fs_new(wsl_clock_real());
    kit_init(&b->k, wsl_mem_fs_seam(b->m), job_dir, 7);
}

static void tear_down(bench *b)
{
    kit_fini(&b->k);
    wsl_mem_fs_free(b->m);
}

/* Numbers by id are summed up; key and parallelism as said. */
static wsl_job_plan *plan_of(const char *key, uint32_t parallelism, uint32_t max_parallelism, const char *uid)
{
    wsl_job_graph *graph = NULL;
    wsl_job_plan *plan = NULL;
    wsl_error err = {0};
    char max[64] = "";
    if (max_parallelism != 0) {
        (void)snprintf(max, sizeof max, ", \"max_parallelism\": %u", max_parallelism);
    }
    char *json = wsl_asprintf("{\"name\": \"job\", \"operators\": ["
                              "{\"name\": \"numbers\", \"uid\": \"src\", \"source\": \"datagen\", \"parallelism\": %u,"
                              " \"schema\": {\"id\": \"INT64\", \"text\": \"STRING\", \"n\": \"INT64\"}, \"options\": {}},"
                              "{\"name\": \"totals\", \"uid\": \"%s\", \"from\": \"numbers\", \"key_by\": [\"%s\"],"
                              " \"aggregate\": \"%s, COUNT(*) AS c\", \"parallelism\": %u%s},"
                              "{\"name\": \"out\", \"from\": \"totals\", \"sink\": \"blackhole\", \"parallelism\": 1}]}",
                              parallelism, uid, key, key, parallelism, max);
    cr_assert_eq(wsl_job_graph_from_json(json, strlen(json), &graph, &err), WSL_OK, "%s", err.text);
    cr_assert_eq(wsl_job_plan_new(graph, 1, &plan, &err), WSL_OK, "%s", err.text);
    free(json);
    return plan;
}

static uint32_t vertex_of(const wsl_job_plan *plan, const char *uid)
{
    for (uint32_t i = 0; i < plan->graph->n_operators; i++) {
        if (strcmp(plan->graph->operators[i]->uid, uid) == 0) {
            return plan->vertex_of[i];
        }
    }
    cr_assert_fail("no operator %s", uid);
    return 0;
}

/* What a subtask begins with, as text: of each section its name, of each record what is in it. */
static char *read_all(const bench *b, const wsl_job_plan *plan, uint32_t vertex, uint32_t subtask)
{
    wsl_error err = {0};
    wsl_strbuf text;
    wsl_strbuf_init(&text);
    Wsl__Pb__TaskSnapshot *t = wsl_deal_out(b->k.meta, job_dir, plan, vertex, subtask);
    if (t == NULL) {
        wsl_strbuf_puts(&text, "empty");
        return wsl_strbuf_take(&text);
    }
    cr_assert_eq(wsl_task_snapshot_check_dealt(t, &err), WSL_OK, "%s", err.text);
    for (size_t i = 0; i < t->n_operators; i++) {
        for (size_t k = 0; k < t->operators[i]->n_sections; k++) {
            const Wsl__Pb__Section *s = t->operators[i]->sections[k];
            const wsl_record *r = NULL;
            uint32_t group = 0;
            wsl_section_reader *reader = NULL;
            wsl_status status =
                wsl_section_reader_new(b->k.fs, "/nowhere", t->files[s->file], s, &reader, &err);
            cr_assert_eq(status, WSL_OK, "%s", err.text);
            while ((status = wsl_section_reader_next(reader, &r, &group, &err)) == WSL_OK) {
                if (r->tag == WSL_RECORD_ELEMENT) {
                    wsl_strbuf_add(&text, wsl_row_str(wsl_record_row(r), 0).data, wsl_row_str(wsl_record_row(r), 0).size);
                } else if (r->tag == WSL_RECORD_BYTES) {
                    wsl_strbuf_add(&text, wsl_record_bytes(r).data, wsl_record_bytes(r).size);
                } else if (r->tag == WSL_RECORD_KEY) {
                    wsl_strbuf_printf(&text, " %lld", (long long)wsl_row_int64(wsl_record_row(r), 0));
                } else if (r->tag == WSL_RECORD_ENTRY) {
                    wsl_strbuf_printf(&text, "%lld;", (long long)wsl_row_int64(wsl_record_second_row(r), 0));
                }
            }
            cr_assert_eq(status, WSL_END, "%s", err.text);
            wsl_section_reader_free(reader);
        }
    }
    wsl__pb__task_snapshot__free_unpacked(t, NULL);
    return wsl_strbuf_take(&text);
}

static void begins_with(const bench *b, const wsl_job_plan *plan, const char *uid, uint32_t subtask, const char *expected)
{
    char *text = read_all(b, plan, vertex_of(plan, uid), subtask);
    cr_assert_str_eq(text, expected, "%s, subtask %u: '%s'", uid, subtask, text);
    free(text);
}

/* A list of one-letter elements in an old subtask of the source. */
static void put_list(bench *b, uint32_t p, uint32_t subtask, Wsl__Pb__SectionKind kind, const char *letters)
{
    kit_room room;
    kit_state(kit_section(&b->k, "src", p, 128, subtask, kind, "list"), "list", WSL_STATE_LIST, &kit_text_schema, NULL);
    for (; *letters != '\0'; letters++) {
        const char text[] = {*letters, '\0'};
        kit_row(&b->k, WSL_RECORD_ELEMENT, 0, 0, kit_text_row(&room, text, 1));
    }
}

/* ---- the arithmetic of lists ---- */

enum { MOST = 64 };

Test(parts, every_element_goes_to_exactly_one_in_order_and_parts_are_even)
{
    wsl_rng rng;
    wsl_rng_seed(&rng, 36);
    for (int round = 0; round < 2000; round++) {
        uint64_t sizes[MOST];
        wsl_part p[MOST];
        const uint32_t n_old = 1 + (uint32_t)wsl_rng_below(&rng, MOST);
        const uint32_t n_new = 1 + (uint32_t)wsl_rng_below(&rng, MOST);
        uint64_t all = 0, done = 0, old_done = 0;
        for (uint32_t i = 0; i < n_old; i++) {
            sizes[i] = wsl_rng_below(&rng, 20);
            all += sizes[i];
        }
        uint32_t old = 0;
        for (uint32_t i = 0; i < n_new; i++) {
            uint64_t mine = 0;
            const uint32_t n = wsl_parts_of_list(sizes, n_old, i, n_new, p);
            for (uint32_t k = 0; k < n; k++) {
                while (old_done == sizes[old]) {
                    old++;
                    old_done = 0;
                }
                cr_assert(p[k].subtask == old && p[k].from == old_done && p[k].n > 0);
                old_done += p[k].n;
                mine += p[k].n;
            }
            if (n_old == n_new) {
                cr_assert_eq(mine, sizes[i]);
            } else {
                cr_assert_eq(mine, all / n_new + (i < all % n_new));
            }
            done += mine;
        }
        cr_assert_eq(done, all);
    }
}

/* ---- the examples ---- */

Test(deal_out, ex36_key_groups_from_three_to_two)
{
    bench b;
    wsl_error err = {0};
    set_up(&b);
    for (uint32_t i = 0; i < 3; i++) {
        kit_sums(&b.k, "sums", 3, 128, i, 1000);
    }
    kit_file(&b.k, "chk-7/a.state");
    wsl_job_plan *plan = plan_of("id", 2, 0, "sums");
    cr_assert_eq(wsl_deal_out_check(b.k.meta, plan, false, &err), WSL_OK, "%s", err.text);
    static const struct {
        uint32_t old, take_group, take_groups;
    } expected[2][2] = {{{0, 0, 0}, {1, 43, 21}}, {{1, 64, 22}, {2, 0, 0}}};
    bool seen[1000] = {false};
    for (uint32_t subtask = 0; subtask < 2; subtask++) {
        Wsl__Pb__TaskSnapshot *t = wsl_deal_out(b.k.meta, job_dir, plan, vertex_of(plan, "sums"), subtask);
        cr_assert_eq(t->n_operators, 2);
        for (uint32_t i = 0; i < 2; i++) {
            cr_assert_eq(t->operators[i]->subtask, expected[subtask][i].old);
            cr_assert_eq(t->operators[i]->sections[0]->take_group, expected[subtask][i].take_group);
            cr_assert_eq(t->operators[i]->sections[0]->take_groups, expected[subtask][i].take_groups);
            cr_assert_eq(t->operators[i]->sections[0]->max_parallelism, 128);
        }
        wsl__pb__task_snapshot__free_unpacked(t, NULL);
        char *keys = read_all(&b, plan, vertex_of(plan, "sums"), subtask);
        char *at = keys;
        while (*at != '\0') {
            const long id = strtol(at, &at, 10);
            const uint32_t group = wsl_key_group(kit_long_hash(id), 128);
            cr_assert(subtask == 0 ? group <= 63 : group >= 64 && group <= 127);
            cr_assert_not(seen[id]);
            seen[id] = true;
        }
        free(keys);
    }
    for (int i = 0; i < 1000; i++) {
        cr_assert(seen[i], "key %d is lost", i);
    }
    cr_assert_eq(wsl_default_max_parallelism(85), 128);
    cr_assert_eq(wsl_default_max_parallelism(86), 256);
    wsl_job_plan_free(plan);
    tear_down(&b);
}

Test(deal_out, ex37_a_list_from_two_to_three)
{
    for (int whole = 0; whole < 2; whole++) {
        bench b;
        set_up(&b);
        put_list(&b, 2, 0, whole ? KIT_KIND(UNION) : KIT_KIND(LIST), "abc");
        kit_file(&b.k, "chk-7/a.state");
        put_list(&b, 2, 1, whole ? KIT_KIND(UNION) : KIT_KIND(LIST), "de");
        kit_file(&b.k, NULL);
        wsl_job_plan *plan = plan_of("id", 3, 0, "sums");
        begins_with(&b, plan, "src", 0, whole ? "abcde" : "ab");
        begins_with(&b, plan, "src", 1, whole ? "abcde" : "cd");
        begins_with(&b, plan, "src", 2, whole ? "abcde" : "e");
        wsl_job_plan_free(plan);
        plan = plan_of("id", 2, 0, "sums");
        begins_with(&b, plan, "src", 0, whole ? "abcde" : "abc");
        begins_with(&b, plan, "src", 1, whole ? "abcde" : "de");
        wsl_job_plan_free(plan);
        tear_down(&b);
    }
}

Test(deal_out, ex46_a_list_from_two_to_one)
{
    bench b;
    set_up(&b);
    put_list(&b, 2, 0, KIT_KIND(LIST), "abc");
    put_list(&b, 2, 1, KIT_KIND(LIST), "de");
    kit_file(&b.k, "chk-7/a.state");
    wsl_job_plan *plan = plan_of("id", 1, 0, "sums");
    begins_with(&b, plan, "src", 0, "abcde");
    wsl_job_plan_free(plan);
    plan = plan_of("id", 7, 0, "sums");
    static const char *const more[] = {"a", "b", "c", "d", "e", "", ""};
    for (uint32_t i = 0; i < 7; i++) {
        begins_with(&b, plan, "src", i, more[i]);
    }
    wsl_job_plan_free(plan);
    tear_down(&b);
}

Test(deal_out, ex53_state_without_operator)
{
    bench b;
    wsl_error err = {0};
    set_up(&b);
    kit_sums(&b.k, "a", 1, 128, 0, 10);
    kit_file(&b.k, "chk-7/a.state");
    wsl_job_plan *plan = plan_of("id", 1, 0, "b");
    cr_assert_eq(wsl_deal_out_check(b.k.meta, plan, false, &err), WSL_INVALID);
    cr_assert(has_text(err.text, "checkpoint 7 has state of operator 'the a' (uid 'a'), which the job does not have"), "%s",
              err.text);
    cr_assert_eq(wsl_deal_out_check(b.k.meta, plan, true, &err), WSL_OK);
    begins_with(&b, plan, "b", 0, "empty");
    cr_assert_null(wsl_deal_out_enumerator(b.k.meta, "b"));
    wsl_job_plan_free(plan);
    tear_down(&b);
}

/* ---- the other rules ---- */

Test(deal_out, an_operator_without_state_may_go_but_an_enumerator_is_state)
{
    bench b;
    wsl_error err = {0};
    set_up(&b);
    wsl_job_plan *plan = plan_of("id", 1, 0, "sums");
    Wsl__Pb__OperatorMeta *gone = kit_operator(&b.k, "gone", 2, 128);
    cr_assert_eq(wsl_deal_out_check(b.k.meta, plan, false, &err), WSL_OK, "%s", err.text);
    gone->has_enumerator = true;
    gone->enumerator.data = (uint8_t *)wsl_strdup("abc");
    gone->enumerator.len = 3;
    cr_assert_eq(wsl_deal_out_check(b.k.meta, plan, false, &err), WSL_INVALID);
    const ProtobufCBinaryData *bytes = wsl_deal_out_enumerator(b.k.meta, "gone");
    cr_assert(bytes != NULL && bytes->len == 3 && memcmp(bytes->data, "abc", 3) == 0);
    wsl_job_plan_free(plan);
    tear_down(&b);
}

Test(deal_out, key_groups_are_fixed_once_there_is_state)
{
    bench b;
    wsl_error err = {0};
    set_up(&b);
    kit_sums(&b.k, "sums", 2, 64, 0, 10);
    kit_sums(&b.k, "sums", 2, 64, 1, 10);
    kit_file(&b.k, "chk-7/a.state");

    wsl_job_plan *plan = plan_of("id", 3, 0, "sums");
    cr_assert_eq(wsl_deal_out_check(b.k.meta, plan, false, &err), WSL_INVALID);
    cr_assert(has_text(err.text, "'totals' (uid 'sums') cannot have a maximum parallelism of 128: its state was written "
                                 "with 64"),
              "%s", err.text);
    wsl_deal_out_adopt(b.k.meta, plan);
    cr_assert_eq(wsl_deal_out_check(b.k.meta, plan, false, &err), WSL_OK, "nobody chose 128: %s", err.text);
    cr_assert_eq(plan->vertices[vertex_of(plan, "sums")].max_parallelism, 64);
    wsl_job_plan_free(plan);

    plan = plan_of("id", 3, 256, "sums");
    wsl_deal_out_adopt(b.k.meta, plan);
    cr_assert_eq(wsl_deal_out_check(b.k.meta, plan, false, &err), WSL_INVALID, "256 was chosen");
    wsl_job_plan_free(plan);

    plan = plan_of("id", 65, 0, "sums");
    wsl_deal_out_adopt(b.k.meta, plan);
    cr_assert_eq(wsl_deal_out_check(b.k.meta, plan, false, &err), WSL_INVALID);
    cr_assert(has_text(err.text, "'totals' (uid 'sums') cannot have parallelism 65: its state is in 64 key groups"), "%s",
              err.text);
    wsl_job_plan_free(plan);
    tear_down(&b);
}

Test(deal_out, a_key_of_another_type_is_refused_another_name_is_not)
{
    bench b;
    wsl_error err = {0};
    set_up(&b);
    kit_sums(&b.k, "sums", 1, 128, 0, 10);
    kit_file(&b.k, "chk-7/a.state");
    wsl_job_plan *plan = plan_of("text", 1, 0, "sums");
    cr_assert_eq(wsl_deal_out_check(b.k.meta, plan, false, &err), WSL_TYPE);
    cr_assert(has_text(err.text, "'totals' (uid 'sums') has state by id INT64 and now reads by text STRING"), "%s", err.text);
    wsl_job_plan_free(plan);
    plan = plan_of("n", 1, 0, "sums");
    cr_assert_eq(wsl_deal_out_check(b.k.meta, plan, false, &err), WSL_OK, "%s", err.text);
    wsl_job_plan_free(plan);
    /* keyed state for what has no key */
    plan = plan_of("id", 1, 0, "other");
    wsl_pb_set(&b.k.meta->operators[0]->uid, "src");
    cr_assert_eq(wsl_deal_out_check(b.k.meta, plan, false, &err), WSL_TYPE);
    cr_assert(has_text(err.text, "now reads by no key"), "%s", err.text);
    wsl_job_plan_free(plan);
    tear_down(&b);
}

static void put_broadcast(bench *b, uint32_t p, uint32_t subtask, int64_t value)
{
    kit_room key, room;
    kit_state(kit_section(&b->k, "src", p, 128, subtask, KIT_KIND(BROADCAST), "rules"), "rules", WSL_STATE_MAP,
              &kit_long_schema, &kit_text_schema);
    kit_entry(&b->k, 0, 0, kit_text_row(&key, "k", 1), kit_long_row(&room, value));
}

Test(deal_out, broadcast_state_comes_from_the_same_number_or_around)
{
    bench b;
    set_up(&b);
    for (uint32_t i = 0; i < 3; i++) {
        put_broadcast(&b, 3, i, i);
    }
    kit_file(&b.k, "chk-7/a.state");
    static const struct {
        uint32_t p;
        const char *from[5];
    } expected[] = {{5, {"0;", "1;", "2;", "0;", "1;"}}, {2, {"0;", "1;"}}, {3, {"0;", "1;", "2;"}}};
    for (size_t i = 0; i < WSL_ARRAY_LEN(expected); i++) {
        wsl_job_plan *plan = plan_of("id", expected[i].p, 0, "sums");
        for (uint32_t k = 0; k < expected[i].p; k++) {
            begins_with(&b, plan, "src", k, expected[i].from[k]);
        }
        wsl_job_plan_free(plan);
    }
    tear_down(&b);
}

Test(deal_out, broadcast_state_of_a_subtask_that_had_ended_is_not_missed)
{
    bench b;
    set_up(&b);
    put_broadcast(&b, 2, 1, 9);
    b.k.meta->operators[0]->subtasks[0]->finished = true;
    kit_file(&b.k, "chk-7/a.state");
    wsl_job_plan *plan = plan_of("id", 3, 0, "sums");
    for (uint32_t k = 0; k < 3; k++) {
        begins_with(&b, plan, "src", k, "9;");
    }
    wsl_job_plan_free(plan);
    tear_down(&b);
}

static void put_piece(bench *b, uint32_t p, uint32_t subtask, Wsl__Pb__SectionKind kind, const char *bytes)
{
    (void)kit_section(&b->k, "src", p, 128, subtask, kind, "piece");
    kit_bytes(&b->k, 0, 0, bytes, strlen(bytes));
}

Test(deal_out, pieces_of_subtasks_go_to_those_that_take_over)
{
    bench b;
    set_up(&b);
    for (uint32_t i = 0; i < 5; i++) {
        const char name[] = {(char)('A' + i), '\0'};
        put_piece(&b, 5, i, KIT_KIND(SUBTASK), name);
    }
    kit_file(&b.k, "chk-7/a.state");
    static const struct {
        uint32_t p;
        const char *from[7];
    } expected[] = {{2, {"ACE", "BD"}}, {5, {"A", "B", "C", "D", "E"}}, {7, {"A", "B", "C", "D", "E", "", ""}}};
    for (size_t i = 0; i < WSL_ARRAY_LEN(expected); i++) {
        wsl_job_plan *plan = plan_of("id", expected[i].p, 0, "sums");
        for (uint32_t k = 0; k < expected[i].p; k++) {
            begins_with(&b, plan, "src", k, expected[i].from[k]);
        }
        wsl_job_plan_free(plan);
    }
    tear_down(&b);
}

Test(deal_out, rows_in_flight_stay_with_their_channels)
{
    bench b;
    wsl_error err = {0};
    set_up(&b);
    put_piece(&b, 2, 0, KIT_KIND(CHANNEL), "x");
    put_piece(&b, 2, 1, KIT_KIND(CHANNEL), "y");
    kit_file(&b.k, "chk-7/a.state");
    wsl_job_plan *plan = plan_of("id", 2, 0, "sums");
    cr_assert_eq(wsl_deal_out_check(b.k.meta, plan, false, &err), WSL_OK, "%s", err.text);
    begins_with(&b, plan, "src", 0, "x");
    begins_with(&b, plan, "src", 1, "y");
    wsl_job_plan_free(plan);
    plan = plan_of("id", 3, 0, "sums");
    cr_assert_eq(wsl_deal_out_check(b.k.meta, plan, false, &err), WSL_INVALID);
    cr_assert(has_text(err.text, "'numbers' (uid 'src') cannot go from parallelism 2 to 3"), "%s", err.text);
    wsl_job_plan_free(plan);
    tear_down(&b);
}

Test(deal_out, watermarks_and_ends_are_those_of_the_subtask_or_of_all)
{
    bench b;
    set_up(&b);
    Wsl__Pb__OperatorMeta *op = kit_operator(&b.k, "sums", 3, 128);
    op->subtasks[0]->watermark = 500;
    op->subtasks[1]->watermark = 300;
    op->subtasks[2]->watermark = 100;
    op->subtasks[2]->finished = true;
    for (uint32_t p = 2; p < 5; p++) {
        wsl_job_plan *plan = plan_of("id", p, 0, "sums");
        for (uint32_t i = 0; i < p; i++) {
            Wsl__Pb__TaskSnapshot *t = wsl_deal_out(b.k.meta, job_dir, plan, vertex_of(plan, "sums"), i);
            cr_assert_eq(t->n_operators, 1);
            cr_assert_eq(t->operators[0]->operator_, 1, "its number in the new graph");
            cr_assert_eq(t->operators[0]->watermark, p != 3 ? 300 : op->subtasks[i]->watermark);
            cr_assert_eq(t->operators[0]->finished, p == 3 && i == 2);
            wsl__pb__task_snapshot__free_unpacked(t, NULL);
        }
        wsl_job_plan_free(plan);
    }
    tear_down(&b);
}

Test(deal_out, what_comes_out_shares_nothing_and_names_only_its_files_absolutely)
{
    bench b;
    set_up(&b);
    kit_sums(&b.k, "sums", 2, 128, 0, 100);
    kit_file(&b.k, "chk-7/0.state");
    kit_sums(&b.k, "sums", 2, 128, 1, 100);
    kit_file(&b.k, "chk-7/1.state");
    kit_file(&b.k, "chk-7/nobodys");
    wsl_job_plan *plan = plan_of("id", 2, 0, "sums");
    Wsl__Pb__TaskSnapshot *t = wsl_deal_out(b.k.meta, job_dir, plan, vertex_of(plan, "sums"), 1);
    kit_fini(&b.k);
    cr_assert_eq(t->n_files, 1);
    cr_assert_str_eq(t->files[0]->path, "/ckpt/00000000000000000000000000000000/chk-7/1.state");
    cr_assert_eq(t->operators[0]->sections[0]->file, 0);
    wsl__pb__task_snapshot__free_unpacked(t, NULL);
    wsl_job_plan_free(plan);
    wsl_mem_fs_free(b.m);
}
