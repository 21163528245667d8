/*
 * fuzz_local - the reader of local connections: bytes in any pieces must give the same messages as in one.
 *
 * The first byte says how large the pieces are; the rest is what comes.
 */
#include "fuzz.h"
#include "net/local_internal.h"

typedef struct digest {
    uint64_t messages, bytes, sum;
    int status;
} digest;

static digest read_in_pieces(const uint8_t *data, size_t size, size_t piece)
{
    wsl_local_reader r = {0};
    digest d = {0};
    d.status = WSL_AGAIN;
    wsl_message held = {0};
    for (size_t at = 0; d.status == WSL_AGAIN && at < size;) {
        struct iovec room[2];
        const int n = wsl_local_reader_room(&r, room);
        size_t came = 0;
        for (int i = 0; i < n && came < piece && at < size; i++) {
            size_t part = room[i].iov_len;
            part = part < piece - came ? part : piece - came;
            part = part < size - at ? part : size - at;
            memcpy(room[i].iov_base, data + at, part);
            at += part;
            came += part;
        }
        wsl_local_reader_came(&r, came);
        wsl_message m;
        while ((d.status = wsl_local_reader_next(&r, &m)) == WSL_OK) {
            FUZZ_CHECK(((uintptr_t)m.data & 7) == 0 && m.size <= WSL_MESSAGE_SIZE_MAX);
            for (size_t i = 0; i < m.size; i++) {
                d.sum = d.sum * 31 + m.data[i];
            }
            d.messages++;
            d.bytes += m.size;
            wsl_message_release(&held); /* one stays out, so that blocks are used while they are held */
            held = m;
        }
    }
    wsl_local_reader_fini(&r);
    wsl_message_release(&held);
    return d;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) {
        return 0;
    }
    const digest whole = read_in_pieces(data + 1, size - 1, SIZE_MAX);
    const digest pieces = read_in_pieces(data + 1, size - 1, 1 + (size_t)data[0] * 5);
    FUZZ_CHECK(whole.messages == pieces.messages && whole.bytes == pieces.bytes && whole.sum == pieces.sum &&
               whole.status == pieces.status);
    return 0;
}

size_t fuzz_seeds(fuzz_seed *out, size_t max)
{
    static uint8_t memory[3][70000];
    static const uint32_t sizes[3][4] = {{1, 8, 0, 15}, {100, 20000, 3, 30000}, {60000, 1, 1, 1}};
    size_t n = 0;
    for (; n < 3 && n < max; n++) {
        size_t at = 0;
        memory[n][at++] = (uint8_t)(n * 50);
        for (int k = 0; k < 4; k++) {
            const wsl_local_head head = {WSL_LOCAL_MESSAGE, sizes[n][k]};
            memcpy(memory[n] + at, &head, sizeof head);
            memset(memory[n] + at + sizeof head, 'a' + k, head.size);
            at += sizeof head + wsl_local_padded(head.size);
        }
        out[n] = (fuzz_seed){memory[n], at};
    }
    return n;
}
