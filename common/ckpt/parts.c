#include "ckpt/parts.h"

#include "base/assert.h"

/* The elements [from, end) of all lists one behind the other. */
static uint32_t cut_out(const uint64_t *sizes, uint32_t n_old, uint64_t from, uint64_t end, wsl_part *out)
{
    uint32_t n = 0;
    uint64_t first = 0; /* of this old subtask, among all */
    for (uint32_t i = 0; i < n_old; first += sizes[i++]) {
        const uint64_t begin = from > first ? from : first;
        const uint64_t stop = end < first + sizes[i] ? end : first + sizes[i];
        if (begin < stop) {
            out[n++] = (wsl_part){.subtask = i, .from = begin - first, .n = stop - begin};
        }
    }
    return n;
}

uint32_t wsl_parts_of_list(const uint64_t *sizes, uint32_t n_old, uint32_t subtask, uint32_t n_new, wsl_part *out)
{
    uint64_t all = 0;
    uint64_t before = 0; /* elements of old subtasks with smaller numbers */
    WSL_ASSERT(subtask < n_new);
    for (uint32_t i = 0; i < n_old; i++) {
        before += i < subtask ? sizes[i] : 0;
        all += sizes[i];
    }
    if (n_old == n_new) {
        return cut_out(sizes, n_old, before, before + sizes[subtask], out);
    }
    const uint64_t part = all / n_new;
    const uint64_t more = all % n_new; /* so many get one more */
    const uint64_t from = subtask * part + (subtask < more ? subtask : more);
    return cut_out(sizes, n_old, from, from + part + (subtask < more), out);
}
