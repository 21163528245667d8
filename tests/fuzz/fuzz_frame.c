/*
 * fuzz_frame - data frames: header, sections, rows. A broken checksum ends reading at once, so each input is also read
 * with the checksum put right (by writing its sections' bytes into a fresh frame).
 */
#include <xxhash.h>

#include "fuzz.h"
#include "net/frame.h"
#include <wiesel/row.h>

static void read_all(const uint8_t *data, size_t size)
{
    wsl_frame_reader r;
    wsl_error err = {0};
    wsl_frame_section s;
    if (wsl_frame_reader_init(&r, data, size, &err) != WSL_OK) {
        FUZZ_CHECK(err.text[0] != 0);
        return;
    }
    while (wsl_frame_next(&r, &s, &err) == WSL_OK) {
        volatile uint8_t sum = 0;
        for (uint32_t i = 0; i < s.length; i++) {
            sum ^= s.payload[i];
        }
        if (s.kind == WSL_FRAME_DATA && ((uintptr_t)s.payload & 7) == 0 && wsl_frame_rows_ok(s.payload, s.length)) {
            for (uint32_t at = 0; at < s.length;) {
                const wsl_row *row = (const wsl_row *)(const void *)(s.payload + at);
                FUZZ_CHECK(row->size >= sizeof(wsl_row) && row->size <= s.length - at);
                at += row->size;
            }
        }
        for (uint32_t i = 0; s.kind == WSL_FRAME_OPEN && i < s.open.identity_size; i++) {
            sum ^= (uint8_t)s.identity[i];
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    read_all(data, size);
    if (size >= WSL_FRAME_HEADER_SIZE && size < (1 << 20)) {
        uint64_t *copy = malloc(size + 8);
        uint8_t *bytes = (uint8_t *)copy;
        memcpy(bytes, data, size);
        uint64_t seed[2];
        memcpy(seed, bytes, 16);
        const uint32_t total = (uint32_t)size;
        memcpy(bytes + 8, &total, sizeof total);
        const uint64_t sum = XXH3_64bits_withSeed(bytes + WSL_FRAME_HEADER_SIZE, size - WSL_FRAME_HEADER_SIZE, seed[0] ^ (seed[1] << 32 | seed[1] >> 32));
        memcpy(bytes + 16, &sum, sizeof sum);
        read_all(bytes, size);
        free(copy);
    }
    return 0;
}

size_t fuzz_seeds(fuzz_seed *out, size_t max)
{
    static uint64_t memory[4][512];
    static wsl_frame_writer w[4];
    const wsl_frame_open open = {.job = 7, .edge = 1, .from = 2, .to = 3};
    static uint64_t rows[2][8];
    wsl_row_writer row;
    (void)wsl_row_writer_init(&row, rows[0], sizeof rows[0], 2);
    wsl_row_set_int64(&row, 0, 42);
    const wsl_row mark = {.size = 24, .kind = WSL_KIND_WATERMARK, .timestamp = 99};
    memcpy(rows[1], &mark, sizeof mark);
    size_t n = 0;
    for (int i = 0; i < 4 && n < max; i++) {
        wsl_frame_writer_init(&w[i], memory[i], sizeof memory[i]);
        bool ok = wsl_frame_add_open(&w[i], 1, 1, &open, "127.0.0.1-abcdef/0123456789abcdef");
        ok = ok && (i < 1 || wsl_frame_add_data(&w[i], 1, 1, 0, 3, rows[0], row.row->size));
        ok = ok && (i < 2 || wsl_frame_add_data(&w[i], 1, 1, 1, 0, rows[1], 24));
        ok = ok && (i < 3 || (wsl_frame_add_credit(&w[i], 1, 1, 5) && wsl_frame_add_fail(&w[i], 1, 1, "gone") &&
                              wsl_frame_add_close(&w[i], 1, 1, WSL_FRAME_CLOSE_ENDED)));
        FUZZ_CHECK(ok);
        out[n++] = (fuzz_seed){memory[i], wsl_frame_finish(&w[i])};
    }
    return n;
}
