/*
 * test_snapshot - sections one behind the other, with the places of groups and elements in them; walks in pieces; giving up.
 */
#include "harness/wsl_test.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/fs.h"
#include "ckpt/checksum.h"
#include "ckpt/section_reader.h"
#include "taskmanager/ckpt/snapshot.h"

WSL_ROW(number, (int64, id));

#define KIND(name) WSL__PB__SECTION_KIND__SECTION_##name

static Wsl__Pb__Operator desc;
static tm_op op;

static void begin(void)
{
    desc = (Wsl__Pb__Operator)WSL__PB__OPERATOR__INIT;
    desc.uid = (char *)"op";
    desc.id = 3;
    op = (tm_op){.env = {.desc = &desc, .key_schema = &number_schema, .subtask = 2}, .watermark = 77};
}

static const wsl_row *row_of(int64_t id)
{
    static uint64_t memory[8];
    wsl_row_writer w;
    (void)wsl_row_writer_init(&w, memory, sizeof memory, 1);
    number_set_id(&w, id);
    return w.row;
}

static tm_section *section(tm_snapshot *s, Wsl__Pb__SectionKind kind, const char *name)
{
    return tm_snapshot_section(s, &op, &(tm_section_spec){.kind = kind, .name = name, .version = 1});
}

static const Wsl__Pb__Section *nth(const Wsl__Pb__TaskSnapshot *t, size_t i)
{
    cr_assert_lt(i, t->operators[0]->n_sections);
    return t->operators[0]->sections[i];
}

/* Sections lie one behind the other in file 0, and each is what its checksum says. */
static void check_places(const Wsl__Pb__TaskSnapshot *t)
{
    uint64_t at = 0;
    const Wsl__Pb__StateFile *file = t->files[0];
    for (size_t i = 0; i < t->operators[0]->n_sections; i++) {
        const Wsl__Pb__Section *h = nth(t, i);
        cr_assert_eq(h->file, 0);
        cr_assert_eq(h->offset, at);
        cr_assert_eq(h->checksum, wsl_checksum_of(file->content.data + at, h->length));
        at += h->length;
    }
    cr_assert_eq(file->size, at);
    cr_assert_eq(file->content.len, at);
    cr_assert_eq(file->checksum, wsl_checksum_of(file->content.data, at));
}

static void free_handles(Wsl__Pb__TaskSnapshot *t) { wsl__pb__task_snapshot__free_unpacked(t, NULL); }

Test(snapshot, sections_that_are_filled_by_turns_lie_one_behind_the_other)
{
    begin();
    tm_memory_sink m = {0};
    const tm_snapshot_sink sink = tm_memory_sink_of(&m);
    tm_snapshot *s = tm_snapshot_new(7, &sink);
    cr_assert_eq(tm_snapshot_checkpoint(s), 7);
    tm_snapshot_operator(s, &op);
    tm_section *list = section(s, KIND(LIST), "list"), *own = section(s, KIND(SUBTASK), "own");
    for (int i = 0; i < 100; i++) {
        tm_section_row(list, WSL_RECORD_ELEMENT, 0, 0, row_of(i));
        tm_section_bytes(own, 1, i, "four", (size_t)i % 5);
    }
    Wsl__Pb__TaskSnapshot *t = tm_snapshot_finish_in_memory(s, &m);
    cr_assert_eq(t->n_operators, 1);
    cr_assert_eq(t->operators[0]->operator_, 3);
    cr_assert_eq(t->operators[0]->subtask, 2);
    cr_assert_eq(t->operators[0]->watermark, 77);
    check_places(t);
    const Wsl__Pb__Section *h = nth(t, 0);
    cr_assert_eq(h->records, 100);
    cr_assert_eq(h->n_element_ends, 100);
    for (uint32_t i = 0; i < 100; i++) {
        cr_assert_eq(h->element_ends[i], (i + 1) * h->length / 100, "elements of the same size");
    }
    cr_assert_eq(nth(t, 1)->records, 100);
    cr_assert_eq(nth(t, 1)->n_element_ends, 0, "only lists have them");
    cr_assert_eq(nth(t, 1)->n_group_ends, 0);
    free_handles(t);
}

Test(snapshot, groups_without_records_end_where_the_one_before_does)
{
    begin();
    tm_memory_sink m = {0};
    const tm_snapshot_sink sink = tm_memory_sink_of(&m);
    tm_snapshot *s = tm_snapshot_new(1, &sink);
    tm_snapshot_operator(s, &op);
    tm_section *timers = section(s, KIND(EVENT_TIMERS), "timers"), *empty = section(s, KIND(KEYED), "state");
    static const uint32_t groups[] = {5, 5, 8, 9, 9, 9};
    uint64_t ends[6];
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
        tm_section_group(timers, groups[i]);
        tm_section_timer(timers, (int64_t)i, 0, row_of((int64_t)i));
        ends[i] = tm_section_size(timers);
    }
    cr_assert_eq(tm_section_size(empty), 0);
    Wsl__Pb__TaskSnapshot *t = tm_snapshot_finish_in_memory(s, &m);
    check_places(t);
    const Wsl__Pb__Section *h = nth(t, 0);
    cr_assert_eq(h->first_group, 5);
    cr_assert_eq(h->n_group_ends, 5, "5, 6, 7, 8, 9: %zu", h->n_group_ends);
    cr_assert(h->group_ends[0] == ends[1] && h->group_ends[1] == ends[1] && h->group_ends[2] == ends[1]);
    cr_assert(h->group_ends[3] == ends[2] && h->group_ends[4] == ends[5] && h->length == ends[5]);
    cr_assert_eq(nth(t, 1)->n_group_ends, 0);
    cr_assert_eq(nth(t, 1)->length, 0);
    free_handles(t);
}

Test(snapshot, without_a_byte_there_is_no_file)
{
    begin();
    tm_memory_sink m = {0};
    const tm_snapshot_sink sink = tm_memory_sink_of(&m);
    tm_snapshot *s = tm_snapshot_new(1, &sink);
    tm_snapshot_operator(s, &op);
    (void)section(s, KIND(LIST), "list");
    Wsl__Pb__TaskSnapshot *t = tm_snapshot_finish_in_memory(s, &m);
    cr_assert_eq(t->n_files, 0);
    cr_assert_eq(t->operators[0]->n_sections, 1);
    free_handles(t);
}

/* ---- walks ---- */

typedef struct walker {
    int64_t next, end;
    uint32_t steps, done, cancelled;
    bool with_nothing; /* each second step puts nothing */
} walker;

static bool step(void *arg, tm_section *out, uint32_t max_bytes)
{
    walker *w = arg;
    const uint64_t before = tm_section_size(out);
    cr_assert(w->done == 0 && w->cancelled == 0, "a walk that ended is not stepped");
    if (w->with_nothing && w->steps++ % 2 == 0) {
        return false;
    }
    while (w->next < w->end && tm_section_size(out) - before < max_bytes) {
        tm_section_bytes(out, 0, w->next++, "some bytes", 10);
    }
    w->done = w->next == w->end;
    return w->done == 1;
}
static void cancel(void *arg) { ((walker *)arg)->cancelled++; }

typedef struct slow_sink {
    tm_memory_sink memory;
    bool full;
} slow_sink;

static bool is_full(void *arg) { return ((slow_sink *)arg)->full; }
static void write_there(void *arg, const void *bytes, size_t size)
{
    slow_sink *s = arg;
    const tm_snapshot_sink to = tm_memory_sink_of(&s->memory);
    cr_assert_not(s->full, "nothing is written while it is full");
    to.write(to.arg, bytes, size);
}

enum { WALKS = 3, BYTES = 50000 };

static tm_snapshot *with_walks(slow_sink *sink, walker *walks, tm_section **sections)
{
    static const char *const names[] = {"first", "second", "third"};
    begin();
    tm_snapshot *s =
        tm_snapshot_new(1, &(tm_snapshot_sink){.arg = sink, .full = is_full, .write = write_there});
    tm_snapshot_operator(s, &op);
    for (int i = 0; i < WALKS; i++) {
        walks[i] = (walker){.end = 10000 * (i + 1), .with_nothing = i == 1};
        sections[i] = section(s, KIND(SUBTASK), names[i]);
        tm_section_bytes(sections[i], 0, -1, "small and of this moment", 24);
        tm_snapshot_add_walk(s, sections[i], &(tm_snapshot_walk){.arg = &walks[i], .step = step, .cancel = cancel});
    }
    return s;
}

/* -1, 0, 1, ... of each section. */
static void check_records(const Wsl__Pb__TaskSnapshot *t, const walker *walks)
{
    wsl_error err = {0};
    for (int i = 0; i < WALKS; i++) {
        const Wsl__Pb__Section *h = nth(t, (size_t)i);
        WSL_AUTO(wsl_section_reader) reader = NULL;
        cr_assert_eq(wsl_section_reader_new(wsl_fs_posix(), "", t->files[h->file], h, &reader, &err), WSL_OK, "%s",
                     err.text);
        for (int64_t n = -1; n < walks[i].end; n++) {
            const wsl_record *record;
            uint32_t group;
            cr_assert_eq(wsl_section_reader_next(reader, &record, &group, &err), WSL_OK, "%s", err.text);
            cr_assert_eq(record->number, n);
        }
        const wsl_record *record;
        uint32_t group;
        cr_assert_eq(wsl_section_reader_next(reader, &record, &group, &err), WSL_END);
    }
}

Test(snapshot, walks_go_on_piece_by_piece_and_rest_while_the_sink_is_full)
{
    slow_sink sink = {.full = true};
    walker walks[WALKS];
    tm_section *sections[WALKS];
    tm_snapshot *s = with_walks(&sink, walks, sections);
    for (int i = 0; i < 5; i++) {
        cr_assert_not(tm_snapshot_step(s, BYTES));
    }
    cr_assert(walks[0].next == 0 && tm_snapshot_bytes(s) == 0, "it rests");
    uint32_t calls = 0;
    uint64_t put = 0;
    sink.full = false;
    while (!tm_snapshot_step(s, BYTES)) {
        uint64_t now = 0;
        for (int i = 0; i < WALKS; i++) {
            now += tm_section_size(sections[i]);
        }
        cr_assert_leq(now - put, 3 * BYTES, "a call puts about so much");
        cr_assert(walks[1].next == 0 || walks[0].done, "one after the other");
        cr_assert(walks[2].next == 0 || walks[1].done, "one after the other");
        cr_assert(!tm_snapshot_done(s));
        put = now;
        calls++;
        if (calls == 10) {
            const int64_t before = walks[0].next + walks[1].next + walks[2].next;
            sink.full = true;
            cr_assert_not(tm_snapshot_step(s, BYTES));
            cr_assert_eq(walks[0].next + walks[1].next + walks[2].next, before);
            sink.full = false;
        }
    }
    cr_assert_gt(calls, 30);
    cr_assert(tm_snapshot_done(s));
    cr_assert_eq(tm_snapshot_bytes(s), sink.memory.size);
    Wsl__Pb__StateFile file = WSL__PB__STATE_FILE__INIT;
    file.size = sink.memory.size;
    file.checksum = wsl_checksum_of(sink.memory.data, sink.memory.size);
    file.content = (ProtobufCBinaryData){.len = sink.memory.size, .data = sink.memory.data};
    Wsl__Pb__TaskSnapshot *t = tm_snapshot_handles(s, &file);
    tm_snapshot_free(s);
    check_places(t);
    check_records(t, walks);
    for (int i = 0; i < WALKS; i++) {
        cr_assert(walks[i].done == 1 && walks[i].cancelled == 0);
    }
    free_handles(t);
}

/* At every moment. */
Test(snapshot, given_up_it_cancels_each_walk_that_is_not_done_once)
{
    bool finished = false;
    for (uint32_t calls = 0; !finished; calls++) {
        slow_sink sink = {0};
        walker walks[WALKS];
        tm_section *sections[WALKS];
        tm_snapshot *s = with_walks(&sink, walks, sections);
        for (uint32_t i = 0; i < calls && !finished; i++) {
            finished = tm_snapshot_step(s, 5 * BYTES);
        }
        tm_snapshot_free(s);
        for (int i = 0; i < WALKS; i++) {
            cr_assert_eq(walks[i].done + walks[i].cancelled, 1, "after %u calls: walk %d", calls, i);
        }
        free(sink.memory.data);
    }
}
