#include "harness/wsl_test.h"

#include <stdlib.h>
#include <string.h>

#include <wiesel/row.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "net/frame.h"

enum { CAPACITY = 4096 };

static _Alignas(8) uint8_t memory[CAPACITY];

static wsl_frame_writer writer(uint32_t capacity)
{
    wsl_frame_writer w;
    memset(memory, 0xEE, sizeof memory); /* so that forgotten padding shows */
    wsl_frame_writer_init(&w, memory, capacity);
    return w;
}

/* A row of one slot. */
static uint32_t put_row(uint8_t *to, int64_t value)
{
    wsl_row_writer w;
    cr_assert(wsl_row_writer_init(&w, to, 64, 1));
    wsl_row_set_int64(&w, 0, value);
    return w.row->size;
}

static const wsl_frame_open open_1 = {.job = 0x0102030405060708, .edge = 9, .from = 10, .to = 11};

/* One section of each kind. */
static uint32_t sample(wsl_frame_writer *w)
{
    _Alignas(8) uint8_t row[64];
    const uint32_t size = put_row(row, -1);
    cr_assert(wsl_frame_add_open(w, 1, 7, &open_1, "tm-1/a"));
    cr_assert(wsl_frame_add_data(w, 1, 7, 0, 3, row, size));
    cr_assert(wsl_frame_add_credit(w, 2, 7, 5));
    cr_assert(wsl_frame_add_close(w, 3, 7, WSL_FRAME_CLOSE_ENDED));
    cr_assert(wsl_frame_add_fail(w, 4, 7, "no"));
    return wsl_frame_finish(w);
}

Test(frame, every_section_comes_back_as_it_was_written)
{
    wsl_frame_writer w = writer(CAPACITY);
    wsl_frame_reader r;
    wsl_frame_section s;
    wsl_error err = {0};
    const uint32_t size = sample(&w);
    cr_assert_eq(wsl_frame_reader_init(&r, memory, size, &err), WSL_OK, "%s", err.text);

    cr_assert_eq(wsl_frame_next(&r, &s, &err), WSL_OK);
    cr_assert(s.kind == WSL_FRAME_OPEN && s.channel == 1 && s.attempt == 7);
    cr_assert(s.open.job == open_1.job && s.open.edge == 9 && s.open.from == 10 && s.open.to == 11);
    cr_assert(s.open.identity_size == 6 && memcmp(s.identity, "tm-1/a", 6) == 0);

    cr_assert_eq(wsl_frame_next(&r, &s, &err), WSL_OK);
    cr_assert(s.kind == WSL_FRAME_DATA && s.channel == 1 && s.value == 0 && s.extra == 3 && s.length == 32);
    cr_assert_eq((uintptr_t)s.payload % 8, 0);
    cr_assert_eq(wsl_row_int64((const wsl_row *)(const void *)s.payload, 0), -1);
    cr_assert(wsl_frame_rows_ok(s.payload, s.length));

    cr_assert_eq(wsl_frame_next(&r, &s, &err), WSL_OK);
    cr_assert(s.kind == WSL_FRAME_CREDIT && s.channel == 2 && s.value == 5 && s.length == 0);
    cr_assert_eq(wsl_frame_next(&r, &s, &err), WSL_OK);
    cr_assert(s.kind == WSL_FRAME_CLOSE && s.channel == 3 && s.value == WSL_FRAME_CLOSE_ENDED);
    cr_assert_eq(wsl_frame_next(&r, &s, &err), WSL_OK);
    cr_assert(s.kind == WSL_FRAME_FAIL && s.channel == 4 && s.length == 2 && memcmp(s.payload, "no", 2) == 0);
    cr_assert_eq(wsl_frame_next(&r, &s, &err), WSL_END);
}

/* The wire format is a promise: these bytes may change only together with WSL_FRAME_VERSION. */
Test(frame, the_bytes_are_these)
{
    static const uint8_t golden[] = {/* header: magic, version 1, 2 sections, 112 bytes, reserved, checksum */
                                     0x57, 0x53, 0x4c, 0x46, 0x01, 0x00, 0x02, 0x00, 0x70, 0x00, 0x00, 0x00, 0x00, 0x00,
                                     0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
                                     /* CREDIT: kind 3, flags, channel 2, length 0, 5 credits, 0, attempt 7 */
                                     0x03, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x05, 0x00,
                                     0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x07, 0x00, 0x00, 0x00,
                                     /* DATA: kind 2, flags, channel 1, length 40, sequence 258, backlog 3, attempt 7 */
                                     0x02, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x28, 0x00, 0x00, 0x00, 0x02, 0x01,
                                     0x00, 0x00, 0x03, 0x00, 0x00, 0x00, 0x07, 0x00, 0x00, 0x00,
                                     /* 40 bytes */
                                     1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23,
                                     24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40};
    uint8_t bytes[40];
    for (uint8_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = i + 1;
    }
    wsl_frame_writer w = writer(CAPACITY);
    cr_assert(wsl_frame_add_credit(&w, 2, 7, 5));
    cr_assert(wsl_frame_add_data(&w, 1, 7, 258, 3, bytes, sizeof bytes));
    cr_assert_eq(wsl_frame_finish(&w), sizeof golden);
    uint64_t checksum;
    memcpy(&checksum, memory + 16, sizeof checksum);
    memset(memory + 16, 0, 8);
    cr_assert_arr_eq(memory, golden, sizeof golden);
    cr_assert_eq(checksum, UINT64_C(0x8ba5dbfd2459b3b0), "0x%016llx", (unsigned long long)checksum);
}

Test(frame, no_single_bit_can_change_unnoticed)
{
    wsl_frame_writer w = writer(CAPACITY);
    const uint32_t size = sample(&w);
    for (uint32_t bit = 0; bit < size * 8; bit++) {
        wsl_frame_reader r;
        memory[bit / 8] ^= (uint8_t)(1 << bit % 8);
        cr_assert_neq(wsl_frame_reader_init(&r, memory, size, NULL), WSL_OK, "bit %u", bit);
        memory[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

Test(frame, a_frame_cut_short_or_grown_is_refused)
{
    wsl_frame_writer w = writer(CAPACITY);
    const uint32_t size = sample(&w);
    wsl_frame_reader r;
    for (uint32_t n = 0; n < size; n++) {
        cr_assert_eq(wsl_frame_reader_init(&r, memory, n, NULL), WSL_FORMAT);
    }
    cr_assert_eq(wsl_frame_reader_init(&r, memory, size + 8, NULL), WSL_FORMAT);
}

Test(frame, the_errors_say_what_is_wrong)
{
    wsl_error err = {0};
    wsl_frame_reader r;
    wsl_frame_writer w = writer(CAPACITY);
    const uint32_t size = sample(&w);
    memory[size - 1] ^= 1;
    cr_assert_eq(wsl_frame_reader_init(&r, memory, size, &err), WSL_FORMAT);
    cr_assert(has_text(err.text, "checksum"), "%s", err.text);
    memory[4] = 9;
    cr_assert_eq(wsl_frame_reader_init(&r, memory, size, &err), WSL_FORMAT);
    cr_assert(has_text(err.text, "version 9"), "%s", err.text);
    memory[0] = 'G';
    cr_assert_eq(wsl_frame_reader_init(&r, memory, size, &err), WSL_FORMAT);
    cr_assert(has_text(err.text, "TaskManager"), "%s", err.text);
}

Test(frame, a_full_frame_takes_no_more_and_stays_as_it_was)
{
    _Alignas(8) uint8_t rows[64];
    const uint32_t size = put_row(rows, 1);
    const uint32_t section = wsl_frame_section_bytes(size);
    wsl_frame_writer w = writer(WSL_FRAME_HEADER_SIZE + 2 * section + WSL_FRAME_SECTION_SIZE - 8);
    cr_assert(wsl_frame_writer_is_empty(&w));
    cr_assert(wsl_frame_add_data(&w, 1, 1, 0, 0, rows, size));
    cr_assert(wsl_frame_add_data(&w, 1, 1, 1, 0, rows, size));
    cr_assert_not(wsl_frame_add_credit(&w, 1, 1, 1));
    cr_assert_not(wsl_frame_add_open(&w, 1, 1, &open_1, "me"));
    cr_assert_not(wsl_frame_add_close(&w, 1, 1, WSL_FRAME_CLOSE_ABORTED));
    cr_assert_not(wsl_frame_add_fail(&w, 1, 1, "reason"));
    cr_assert_not(wsl_frame_add_data(&w, 1, 1, 2, 0, rows, size));
    wsl_frame_reader r;
    wsl_frame_section s;
    cr_assert_eq(wsl_frame_reader_init(&r, memory, wsl_frame_finish(&w), NULL), WSL_OK);
    cr_assert_eq(wsl_frame_next(&r, &s, NULL), WSL_OK);
    cr_assert_eq(wsl_frame_next(&r, &s, NULL), WSL_OK);
    cr_assert_eq(s.value, 1);
    cr_assert_eq(wsl_frame_next(&r, &s, NULL), WSL_END);
}

/* Sections that lie, in a frame whose checksum is right: the writer is used to make the frame, then the section is
 * changed and the frame finished again. */
static wsl_status read_all(uint32_t size)
{
    wsl_frame_reader r;
    wsl_frame_section s;
    wsl_status status = wsl_frame_reader_init(&r, memory, size, NULL);
    uint64_t sum = 0;
    while (status == WSL_OK && (status = wsl_frame_next(&r, &s, NULL)) == WSL_OK) {
        for (uint32_t i = 0; i < s.length; i++) {
            sum += s.payload[i]; /* the address sanitizer sees reads beyond the frame */
        }
        if (s.kind == WSL_FRAME_OPEN) {
            sum += (uint8_t)s.identity[s.open.identity_size - 1];
        }
    }
    return sum == UINT64_MAX ? WSL_OK : status;
}

static wsl_status with_section(uint32_t offset, uint32_t value, uint32_t bytes)
{
    wsl_frame_writer w = writer(CAPACITY);
    cr_assert(wsl_frame_add_open(&w, 1, 7, &open_1, "tm-1/abc"));
    memcpy(memory + WSL_FRAME_HEADER_SIZE + offset, &value, bytes);
    return read_all(wsl_frame_finish(&w));
}

Test(frame, sections_that_lie_are_refused)
{
    cr_assert_eq(with_section(4, 1, 4), WSL_END, "unchanged it is fine");
    cr_assert_eq(with_section(0, 0, 2), WSL_FORMAT, "unknown kind");
    cr_assert_eq(with_section(0, 6, 2), WSL_FORMAT, "unknown kind");
    cr_assert_eq(with_section(2, 1, 2), WSL_FORMAT, "unknown flag");
    cr_assert_eq(with_section(8, 33, 4), WSL_FORMAT, "length one too much");
    cr_assert_eq(with_section(8, UINT32_MAX, 4), WSL_FORMAT, "length that wraps when it is padded");
    cr_assert_eq(with_section(8, UINT32_MAX - 7, 4), WSL_FORMAT);
    cr_assert_eq(with_section(8, 8, 4), WSL_FORMAT, "too short for OPEN");
    cr_assert_eq(with_section(24 + 20, 9, 4), WSL_FORMAT, "identity longer than the section");
    cr_assert_eq(with_section(24 + 20, 0, 4), WSL_FORMAT, "no identity");
    cr_assert_eq(with_section(24 + 20, UINT32_MAX, 4), WSL_FORMAT);
    cr_assert_eq(with_section(0, WSL_FRAME_CREDIT, 2), WSL_FORMAT, "credits have no payload");
    cr_assert_eq(with_section(0, WSL_FRAME_CLOSE, 2), WSL_FORMAT, "nor has close");
}

Test(frame, counts_that_lie_are_refused)
{
    wsl_frame_writer w = writer(CAPACITY);
    cr_assert(wsl_frame_add_credit(&w, 1, 1, 1));
    w.sections = 2;
    cr_assert_eq(read_all(wsl_frame_finish(&w)), WSL_FORMAT, "a section that is not there");
    w.sections = 0;
    cr_assert_eq(read_all(wsl_frame_finish(&w)), WSL_FORMAT, "bytes behind the last section");
    w = writer(CAPACITY);
    cr_assert(wsl_frame_add_credit(&w, 1, 1, 0));
    cr_assert_eq(read_all(wsl_frame_finish(&w)), WSL_FORMAT, "no credits");
    w = writer(CAPACITY);
    cr_assert(wsl_frame_add_close(&w, 1, 1, (wsl_frame_close)3));
    cr_assert_eq(read_all(wsl_frame_finish(&w)), WSL_FORMAT, "unknown reason");
    w = writer(CAPACITY);
    cr_assert(wsl_frame_add_data(&w, 1, 1, 0, 0, "", 0));
    cr_assert_eq(read_all(wsl_frame_finish(&w)), WSL_FORMAT, "no rows");
    w = writer(CAPACITY);
    cr_assert(wsl_frame_add_data(&w, 1, 1, 0, 0, "1234567", 7));
    cr_assert_eq(read_all(wsl_frame_finish(&w)), WSL_FORMAT, "half a row");
}

/* Random damage behind a right checksum never makes the reader leave the frame (ASan watches: the frame lies at the end
 * of its own allocation). */
Test(frame, random_damage_is_survived)
{
    wsl_rng rng;
    wsl_rng_seed(&rng, 20260101);
    uint32_t refused = 0;
    for (int round = 0; round < 20000; round++) {
        wsl_frame_writer w = writer(CAPACITY);
        (void)sample(&w);
        const uint32_t changes = 1 + (uint32_t)wsl_rng_below(&rng, 4);
        for (uint32_t i = 0; i < changes; i++) {
            const uint64_t at = WSL_FRAME_HEADER_SIZE + wsl_rng_below(&rng, w.size - WSL_FRAME_HEADER_SIZE);
            memory[at] = (uint8_t)wsl_rng_next(&rng);
        }
        const uint32_t size = wsl_frame_finish(&w);
        uint8_t *copy = wsl_memdup(memory, size);
        wsl_frame_reader r;
        wsl_frame_section s;
        wsl_status status = wsl_frame_reader_init(&r, copy, size, NULL);
        cr_assert_eq(status, WSL_OK);
        while ((status = wsl_frame_next(&r, &s, NULL)) == WSL_OK) {
            cr_assert(s.payload >= copy && s.payload + s.length <= copy + size);
            if (s.kind == WSL_FRAME_DATA) {
                (void)wsl_frame_rows_ok(s.payload, s.length);
            }
        }
        refused += status == WSL_FORMAT;
        free(copy);
    }
    cr_assert(refused > 1000 && refused < 19000, "%u of 20000", refused);
}

Test(frame, a_reason_that_is_too_long_is_cut)
{
    wsl_frame_writer w = writer(CAPACITY);
    char text[WSL_FRAME_REASON_MAX + 100];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    cr_assert(wsl_frame_add_fail(&w, 1, 1, text));
    wsl_frame_reader r;
    wsl_frame_section s;
    cr_assert_eq(wsl_frame_reader_init(&r, memory, wsl_frame_finish(&w), NULL), WSL_OK);
    cr_assert_eq(wsl_frame_next(&r, &s, NULL), WSL_OK);
    cr_assert_eq(s.length, WSL_FRAME_REASON_MAX);
}

static bool rows_ok_with(uint32_t size, uint8_t kind, uint8_t op, uint32_t length)
{
    _Alignas(8) uint8_t rows[128] = {0};
    wsl_row *first = (wsl_row *)(void *)rows;
    first->size = size;
    first->kind = kind;
    first->op = op;
    if (size < sizeof rows && size >= 8) {
        ((wsl_row *)(void *)(rows + size / 8 * 8))->size = 24;
    }
    return wsl_frame_rows_ok(rows, length);
}

Test(frame, rows_are_whole_and_of_known_kinds)
{
    cr_assert(rows_ok_with(32, WSL_KIND_DATA, WSL_OP_DELETE, 32 + 24));
    cr_assert(rows_ok_with(24, WSL_KIND_WATERMARK, 0, 24));
    cr_assert(rows_ok_with(40, WSL_KIND_BARRIER, 0, 40));
    cr_assert_not(rows_ok_with(32, WSL_KIND_BARRIER, 0, 32), "a barrier has two slots");
    cr_assert_not(rows_ok_with(24, WSL_KIND_MARKER, 0, 24), "a marker has two slots");
    cr_assert_not(rows_ok_with(32, WSL_KIND_END + 1, 0, 32), "unknown kind");
    cr_assert_not(rows_ok_with(32, WSL_KIND_DATA, WSL_OP_DELETE + 1, 32), "unknown operation");
    cr_assert_not(rows_ok_with(16, WSL_KIND_DATA, 0, 40), "smaller than a row's head");
    cr_assert_not(rows_ok_with(0, WSL_KIND_DATA, 0, 24), "no size: would never end");
    cr_assert_not(rows_ok_with(28, WSL_KIND_DATA, 0, 56), "not a multiple of 8");
    cr_assert_not(rows_ok_with(40, WSL_KIND_DATA, 0, 32), "beyond the buffer");
    cr_assert_not(rows_ok_with(24, WSL_KIND_DATA, 0, 40), "half a row at the end");
    cr_assert_not(rows_ok_with(UINT32_MAX - 7, WSL_KIND_DATA, 0, 32));
    cr_assert_not(wsl_frame_rows_ok((const uint8_t *)"", 0));
}

/* What a row may be does not depend on the rows before it, however many were alike. */
Test(frame, a_bad_row_behind_good_ones_is_found)
{
    enum { ROWS = 10, SIZE = 32 };
    _Alignas(8) uint8_t good[ROWS * SIZE] = {0}, rows[ROWS * SIZE];
    for (int i = 0; i < ROWS; i++) {
        wsl_row *row = (wsl_row *)(void *)(good + i * SIZE);
        row->size = SIZE;
        row->flags = (uint16_t)i;
        row->op = i >= 5 ? WSL_OP_DELETE : 0;
        row->key_hash = (uint32_t)i;
    }
    cr_assert(wsl_frame_rows_ok(good, sizeof good));
    for (uint32_t length = 8; length < sizeof good; length += 8) {
        cr_assert_eq(wsl_frame_rows_ok(good, length), length % SIZE == 0, "%u bytes", length);
    }
    for (int i = 0; i < ROWS; i++) {
        wsl_row *row = (wsl_row *)(void *)(rows + i * SIZE);
        const uint32_t sizes[] = {0, 8, 16, 28, 36, (ROWS - (uint32_t)i) * SIZE + 8, UINT32_MAX - 7};
        for (size_t k = 0; k < WSL_ARRAY_LEN(sizes); k++) {
            memcpy(rows, good, sizeof rows);
            row->size = sizes[k];
            cr_assert_not(wsl_frame_rows_ok(rows, sizeof rows), "row %d of %u bytes", i, sizes[k]);
        }
        memcpy(rows, good, sizeof rows);
        row->kind = WSL_KIND_END + 1;
        cr_assert_not(wsl_frame_rows_ok(rows, sizeof rows), "row %d: kind", i);
        row->kind = WSL_KIND_BARRIER;
        cr_assert_not(wsl_frame_rows_ok(rows, sizeof rows), "row %d: a barrier has two slots", i);
        row->kind = 0;
        row->op = WSL_OP_DELETE + 1;
        cr_assert_not(wsl_frame_rows_ok(rows, sizeof rows), "row %d: op", i);
    }
}
