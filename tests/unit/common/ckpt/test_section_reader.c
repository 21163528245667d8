/* Records of sections: in order, only those taken, nothing that is damaged. */
#include "harness/ckpt_kit.h"

#include "base/clock.h"
#include "base/fs_mem.h"
#include "ckpt/metadata.h"
#include "ckpt/section_reader.h"

static const char job_dir[] = "/ckpt/00000000000000000000000000000000";

typedef struct bench {
    wsl_mem_fs *m;
    ckpt_kit k;
    Wsl__Pb__Section *s;
    kit_room key, value;
} bench;

static void set_up(bench *b, Wsl__Pb__SectionKind kind)
{
    b->m = wsl_mem_fs_new(wsl_clock_real());
    kit_init(&b->k, wsl_mem_fs_seam(b->m), job_dir, 7);
    b->s = kit_section(&b->k, "op", 1, 128, 0, kind, "state");
}

static void tear_down(bench *b)
{
    kit_fini(&b->k);
    wsl_mem_fs_free(b->m);
}

static wsl_section_reader *reader_of(bench *b)
{
    wsl_section_reader *r = NULL;
    wsl_error err = {0};
    cr_assert_eq(wsl_section_reader_new(b->k.fs, job_dir, b->k.meta->files[0], b->s, &r, &err), WSL_OK, "%s", err.text);
    return r;
}

/* What reading all of it comes to; the sentence of an error is in *err. */
static wsl_status read_through(bench *b, wsl_error *err)
{
    wsl_section_reader *r = NULL;
    const wsl_record *record = NULL;
    uint32_t group = 0;
    wsl_status status = wsl_section_reader_new(b->k.fs, job_dir, b->k.meta->files[0], b->s, &r, err);
    while (status == WSL_OK) {
        status = wsl_section_reader_next(r, &record, &group, err);
    }
    wsl_section_reader_free(r);
    return status;
}

/* The bytes are as they are: checksums are made to fit. */
static void seal(bench *b)
{
    kit_file(&b->k, "chk-7/a.state");
}

static void fails(bench *b, const char *says)
{
    wsl_error err = {0};
    seal(b);
    cr_assert_eq(read_through(b, &err), WSL_CORRUPT, "not refused: %s", says);
    cr_assert(has_text(err.text, says), "'%s' does not say '%s'", err.text, says);
    cr_assert(has_text(err.text, "/chk-7/a.state is damaged at offset "), "%s", err.text);
    tear_down(b);
}

static void keyed(bench *b)
{
    set_up(b, KIT_KIND(KEYED));
    kit_state(b->s, "sum", WSL_STATE_VALUE, &kit_long_schema, NULL);
    kit_state(b->s, "list", WSL_STATE_LIST, &kit_text_schema, NULL);
    kit_state(b->s, "map", WSL_STATE_MAP, &kit_long_schema, &kit_text_schema);
    b->s->key = wsl_schema_to_pb(&kit_long_schema);
    b->s->max_parallelism = 128;
}

static uint32_t put_key(bench *b, int64_t id)
{
    const uint32_t group = wsl_key_group(kit_long_hash(id), 128);
    kit_group(&b->k, group);
    kit_key(&b->k, kit_long_hash(id), kit_long_row(&b->key, id));
    return group;
}

Test(section_reader, gives_keyed_state_back_record_by_record)
{
    bench b;
    kit_room room;
    keyed(&b);
    kit_group(&b.k, wsl_key_group(kit_long_hash(42), 128));
    kit_space(&b.k, 6); /* of the key that follows */
    const uint32_t group = put_key(&b, 42);
    kit_row(&b.k, WSL_RECORD_VALUE, 0, 17, kit_long_row(&b.value, 5));
    kit_space(&b.k, -3);
    kit_row(&b.k, WSL_RECORD_ELEMENT, 1, 0, kit_text_row(&b.value, "hello", 1));
    kit_entry(&b.k, 2, 9, kit_text_row(&room, "k", 0), kit_long_row(&b.value, 8));
    for (int file = 0; file < 2; file++) {
        if (file == 0) {
            seal(&b);
        }
        wsl_section_reader *r = reader_of(&b);
        const wsl_record *record = NULL;
        uint32_t at = 0;
        wsl_error err = {0};
        cr_assert_str_eq(wsl_section_key_schema(r)->fields[0].name, "id");
        cr_assert_str_eq(wsl_section_value_schema(r, 1)->fields[0].name, "text");
        cr_assert_str_eq(wsl_section_map_key_schema(r, 2)->fields[0].name, "text");
        cr_assert_null(wsl_section_map_key_schema(r, 0));
        cr_assert_null(wsl_section_value_schema(r, 3));

        cr_assert_eq(wsl_section_reader_next(r, &record, &at, &err), WSL_OK, "%s", err.text);
        cr_assert(record->tag == WSL_RECORD_SPACE && record->number == 6 && at == group);
        cr_assert_eq(wsl_section_reader_next(r, &record, &at, &err), WSL_OK, "%s", err.text);
        cr_assert(record->tag == WSL_RECORD_KEY && at == group && record->number == kit_long_hash(42));
        cr_assert_eq(kit_long_id(wsl_record_row(record)), 42);
        cr_assert_eq(wsl_section_reader_next(r, &record, &at, &err), WSL_OK);
        cr_assert(record->tag == WSL_RECORD_VALUE && record->number == 17 && kit_long_id(wsl_record_row(record)) == 5);
        cr_assert_eq(wsl_section_reader_next(r, &record, &at, &err), WSL_OK);
        cr_assert(record->tag == WSL_RECORD_SPACE && record->number == -3);
        cr_assert_eq(wsl_section_reader_next(r, &record, &at, &err), WSL_OK);
        cr_assert(record->tag == WSL_RECORD_ELEMENT && record->state == 1);
        cr_assert(wsl_str_equal(kit_text_text(wsl_record_row(record)), wsl_str_of("hello")));
        cr_assert_eq(wsl_section_reader_next(r, &record, &at, &err), WSL_OK);
        cr_assert(record->tag == WSL_RECORD_ENTRY && record->number == 9 && at == group);
        cr_assert(wsl_str_equal(kit_text_text(wsl_record_row(record)), wsl_str_of("k")));
        cr_assert_eq(kit_long_id(wsl_record_second_row(record)), 8);
        cr_assert_eq(wsl_section_reader_next(r, &record, &at, &err), WSL_END);
        cr_assert_eq(wsl_section_reader_next(r, &record, &at, &err), WSL_END, "again and again");
        wsl_section_reader_free(r);
        /* the same bytes as content */
        Wsl__Pb__StateFile *f = b.k.meta->files[0];
        char *data = NULL;
        size_t size = 0;
        cr_assert_eq(wsl_fs_read_all(b.k.fs, "/ckpt/00000000000000000000000000000000/chk-7/a.state", 1 << 20, &data, &size,
                                     &err),
                     WSL_OK);
        free(f->content.data);
        f->content.data = (uint8_t *)data;
        f->content.len = size;
        wsl_pb_set(&f->path, "");
        cr_assert_eq(wsl_state_file_check(b.k.fs, job_dir, f, &err), WSL_OK, "%s", err.text);
    }
    tear_down(&b);
}

Test(section_reader, timers_bytes_and_empty_sections)
{
    bench b;
    const wsl_record *record = NULL;
    uint32_t group = 0;
    wsl_error err = {0};
    set_up(&b, KIT_KIND(EVENT_TIMERS));
    b.s->key = wsl_schema_to_pb(&kit_long_schema);
    b.s->max_parallelism = 128;
    kit_group(&b.k, wsl_key_group(kit_long_hash(1), 128));
    kit_timer(&b.k, 1000, -7, kit_long_row(&b.key, 1));
    seal(&b);
    wsl_section_reader *r = reader_of(&b);
    cr_assert_eq(wsl_section_reader_next(r, &record, &group, &err), WSL_OK, "%s", err.text);
    cr_assert(record->number == 1000 && wsl_record_namespace(record) == -7);
    cr_assert_eq(kit_long_id(wsl_record_timer_key(record)), 1);
    wsl_section_reader_free(r);
    tear_down(&b);

    set_up(&b, KIT_KIND(SUBTASK));
    for (size_t size = 0; size <= 17; size++) {
        kit_bytes(&b.k, 1, 2, "seventeen letters", size);
    }
    seal(&b);
    r = reader_of(&b);
    for (size_t size = 0; size <= 17; size++) {
        cr_assert_eq(wsl_section_reader_next(r, &record, &group, &err), WSL_OK, "%s", err.text);
        cr_assert(wsl_str_equal(wsl_record_bytes(record), (wsl_str){"seventeen letters", (uint32_t)size}));
    }
    cr_assert_eq(wsl_section_reader_next(r, &record, &group, &err), WSL_END);
    wsl_section_reader_free(r);
    tear_down(&b);

    set_up(&b, KIT_KIND(SUBTASK));
    kit_end(&b.k);
    static const Wsl__Pb__StateFile none = WSL__PB__STATE_FILE__INIT;
    r = NULL;
    cr_assert_eq(wsl_section_reader_new(b.k.fs, job_dir, &none, b.s, &r, &err), WSL_OK, "%s", err.text);
    cr_assert_eq(wsl_section_reader_next(r, &record, &group, &err), WSL_END, "no bytes, no file");
    wsl_section_reader_free(r);
    tear_down(&b);
}

Test(section_reader, takes_key_groups_and_elements)
{
    bench b;
    const wsl_record *record = NULL;
    uint32_t group = 0;
    wsl_error err = {0};
    b.m = wsl_mem_fs_new(wsl_clock_real());
    kit_init(&b.k, wsl_mem_fs_seam(b.m), job_dir, 7);
    kit_sums(&b.k, "op", 1, 128, 0, 300);
    b.s = b.k.meta->operators[0]->subtasks[0]->sections[0];
    seal(&b);
    uint32_t keys_of[128] = {0}, sum = 0;
    for (int id = 0; id < 300; id++) {
        keys_of[wsl_key_group(kit_long_hash(id), 128)]++;
    }
    for (uint32_t first = 0; first < 128; first += 5) {
        for (uint32_t n = 1; first + n <= 128; n += 7) {
            uint32_t expected = 0, keys = 0;
            b.s->take_group = first;
            b.s->take_groups = n;
            for (uint32_t g = first; g < first + n; g++) {
                expected += keys_of[g];
            }
            wsl_section_reader *r = reader_of(&b);
            while (wsl_section_reader_next(r, &record, &group, &err) == WSL_OK) {
                cr_assert(group >= first && group < first + n);
                keys += record->tag == WSL_RECORD_KEY;
            }
            cr_assert_eq(keys, expected);
            sum += keys;
            wsl_section_reader_free(r);
        }
    }
    cr_assert_gt(sum, 300);
    b.s->take_group = 127;
    b.s->take_groups = 2;
    cr_assert_eq(read_through(&b, &err), WSL_CORRUPT);
    tear_down(&b);

    set_up(&b, KIT_KIND(LIST));
    kit_state(b.s, "list", WSL_STATE_LIST, &kit_long_schema, NULL);
    for (int i = 0; i < 10; i++) {
        kit_row(&b.k, WSL_RECORD_ELEMENT, 0, 0, kit_long_row(&b.value, i));
    }
    seal(&b);
    b.s->take_element = 3;
    b.s->take_elements = 4;
    wsl_section_reader *r = reader_of(&b);
    for (int i = 3; i < 7; i++) {
        cr_assert_eq(wsl_section_reader_next(r, &record, &group, &err), WSL_OK, "%s", err.text);
        cr_assert_eq(kit_long_id(wsl_record_row(record)), i);
    }
    cr_assert_eq(wsl_section_reader_next(r, &record, &group, &err), WSL_END);
    wsl_section_reader_free(r);
    tear_down(&b);
}

Test(section_reader, records_over_the_ends_of_pieces_and_larger_than_them)
{
    enum { LARGE = (5 << 20) + 3, MIDDLE = 333 * 1000 };
    bench b;
    const wsl_record *record = NULL;
    uint32_t group = 0;
    wsl_error err = {0};
    char *bytes = wsl_alloc(LARGE);
    for (size_t i = 0; i < LARGE; i++) {
        bytes[i] = (char)(i * 31 + (i >> 12));
    }
    set_up(&b, KIT_KIND(SUBTASK));
    for (int i = 0; i < 10; i++) {
        kit_bytes(&b.k, 0, i, bytes, i == 5 ? LARGE : MIDDLE + (size_t)i);
    }
    seal(&b);
    wsl_section_reader *r = reader_of(&b);
    for (int i = 0; i < 10; i++) {
        cr_assert_eq(wsl_section_reader_next(r, &record, &group, &err), WSL_OK, "%s", err.text);
        const wsl_str s = wsl_record_bytes(record);
        cr_assert(record->number == i && s.size == (i == 5 ? LARGE : MIDDLE + (uint32_t)i));
        cr_assert_eq(memcmp(s.data, bytes, s.size), 0);
    }
    cr_assert_eq(wsl_section_reader_next(r, &record, &group, &err), WSL_END);
    wsl_section_reader_free(r);
    free(bytes);
    tear_down(&b);
}

Test(section_reader, refuses_what_does_not_belong_there)
{
    static const wsl_row short_row = {.size = 16};
    bench b;
    keyed(&b);
    (void)put_key(&b, 1);
    kit_row(&b.k, WSL_RECORD_ELEMENT, 0, 0, kit_long_row(&b.value, 5));
    fails(&b, "a record with tag 4 of state 'sum' does not belong there");
    keyed(&b);
    (void)put_key(&b, 1);
    kit_row(&b.k, WSL_RECORD_VALUE, 3, 0, kit_long_row(&b.value, 5));
    fails(&b, "a record is of state 3 of 3");
    keyed(&b);
    kit_group(&b.k, 0);
    kit_row(&b.k, WSL_RECORD_VALUE, 0, 0, kit_long_row(&b.value, 5));
    fails(&b, "does not belong there");
    keyed(&b);
    kit_group(&b.k, 0);
    kit_space(&b.k, 1);
    kit_row(&b.k, WSL_RECORD_VALUE, 0, 0, kit_long_row(&b.value, 5));
    fails(&b, "does not belong there");
    keyed(&b);
    (void)put_key(&b, 1);
    kit_record(&b.k, WSL_RECORD_SPACE, 0, 1, "12345678", 8, NULL, 0);
    fails(&b, "bytes follow a namespace");
    keyed(&b);
    kit_group(&b.k, wsl_key_group(kit_long_hash(1), 128));
    kit_key(&b.k, kit_long_hash(1) + 1, kit_long_row(&b.key, 1));
    fails(&b, "the hash of a key is wrong");
    keyed(&b);
    kit_group(&b.k, (wsl_key_group(kit_long_hash(1), 128) + 1) % 128);
    kit_key(&b.k, kit_long_hash(1), kit_long_row(&b.key, 1));
    fails(&b, "a key of key group ");
    keyed(&b);
    (void)put_key(&b, 1);
    kit_record(&b.k, WSL_RECORD_VALUE, 0, 0, kit_long_row(&b.value, 5), 32, "more", 4);
    fails(&b, "bytes follow a row");
    keyed(&b);
    (void)put_key(&b, 1);
    kit_row(&b.k, WSL_RECORD_ELEMENT, 1, 0, kit_long_row(&b.value, 5));
    fails(&b, "fewer fields than its schema");
    keyed(&b);
    (void)put_key(&b, 1);
    kit_entry(&b.k, 2, 0, kit_text_row(&b.key, "x", 5), &short_row);
    fails(&b, "it ends within its header");
    keyed(&b);
    (void)put_key(&b, 1);
    kit_timer(&b.k, 1, 0, kit_long_row(&b.value, 1));
    fails(&b, "a record with tag 6 does not belong there");

    set_up(&b, KIT_KIND(LIST));
    kit_record(&b.k, WSL_RECORD_ELEMENT, 0, 0, NULL, 0, NULL, 0);
    fails(&b, "a record is of state 0 of 0");
    set_up(&b, KIT_KIND(SUBTASK));
    kit_record(&b.k, WSL_RECORD_BYTES, 0, 0, NULL, 0, NULL, 0);
    fails(&b, "bytes without a length");
    set_up(&b, KIT_KIND(SUBTASK));
    const uint64_t nine = 9;
    kit_record(&b.k, WSL_RECORD_BYTES, 0, 0, &nine, sizeof nine, &nine, sizeof nine);
    fails(&b, "9 bytes in a record with room for 8");
    set_up(&b, KIT_KIND(SUBTASK));
    kit_bytes(&b.k, 0, 0, "x", 1);
    b.s->records = 2;
    fails(&b, "it has 1 records and should have 2");
    set_up(&b, KIT_KIND(EVENT_TIMERS));
    kit_group(&b.k, 0);
    kit_record(&b.k, WSL_RECORD_TIMER, 0, 0, NULL, 0, NULL, 0);
    fails(&b, "a timer ends within its namespace");

    keyed(&b);
    (void)put_key(&b, 1);
    wsl_row *mark = (wsl_row *)(uintptr_t)kit_long_row(&b.value, 1);
    mark->kind = WSL_KIND_WATERMARK;
    kit_row(&b.k, WSL_RECORD_VALUE, 0, 0, mark);
    fails(&b, "a mark stands where a row should be");
}

Test(section_reader, refuses_sizes_that_are_not_possible)
{
    static const uint32_t sizes[] = {0, 8, 15, 25, 48, UINT32_MAX, UINT32_MAX - 7};
    for (size_t i = 0; i < WSL_ARRAY_LEN(sizes); i++) {
        bench b;
        set_up(&b, KIT_KIND(SUBTASK));
        kit_bytes(&b.k, 0, 0, "x", 1); /* 32 bytes */
        memcpy(b.k.bytes.items, &sizes[i], 4);
        fails(&b, "is not possible there");
    }
    bench b;
    set_up(&b, KIT_KIND(SUBTASK));
    kit_bytes(&b.k, 0, 0, "x", 1);
    b.k.bytes.items[6] = 1; /* reserved */
    fails(&b, "is not possible there");
    /* a record over the end of a key group */
    keyed(&b);
    (void)put_key(&b, 1);
    kit_end(&b.k);
    b.s->group_ends[0] -= 8;
    b.s->group_ends = wsl_realloc(b.s->group_ends, (b.s->n_group_ends + 1) * sizeof(uint64_t));
    b.s->group_ends[b.s->n_group_ends++] = b.s->length;
    fails(&b, "is not possible there");
}

Test(section_reader, sections_that_are_not_what_they_say_are_not_opened)
{
    bench b;
    wsl_error err = {0};
    keyed(&b);
    (void)put_key(&b, 1);
    seal(&b);
    b.s->checksum ^= 1;
    cr_assert_eq(read_through(&b, &err), WSL_CORRUPT);
    cr_assert(has_text(err.text, "its checksum is wrong"), "%s", err.text);
    b.s->checksum ^= 1;
    b.s->offset = 8;
    cr_assert_eq(read_through(&b, &err), WSL_CORRUPT);
    b.s->offset = UINT64_MAX - 7;
    cr_assert_eq(read_through(&b, &err), WSL_CORRUPT);
    b.s->offset = 0;
    b.s->group_ends[0] += 4;
    cr_assert_eq(read_through(&b, &err), WSL_CORRUPT);
    b.s->group_ends[0] -= 4;
    cr_assert_eq(read_through(&b, &err), WSL_END, "%s", err.text);
    tear_down(&b);
}

Test(section_reader, a_failing_disk_is_not_damage)
{
    bench b;
    wsl_error err = {0};
    keyed(&b);
    (void)put_key(&b, 1);
    seal(&b);
    for (uint64_t n = 1;; n++) {
        wsl_mem_fs_fail_at(b.m, n, WSL_IO, false);
        const wsl_status status = read_through(&b, &err);
        if (!wsl_mem_fs_failed(b.m)) {
            cr_assert_eq(status, WSL_END);
            cr_assert_geq(n, 4, "open, size, read");
            break;
        }
        cr_assert_eq(status, WSL_IO);
        cr_assert_eq(wsl_state_file_check(b.k.fs, job_dir, b.k.meta->files[0], &err), WSL_OK, "%s", err.text);
    }
    tear_down(&b);
}
