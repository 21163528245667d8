#include "ckpt/checksum.h"

#define XXH_INLINE_ALL /* compiled for the machine, with its vector instructions */
#include <xxhash.h>

#include "base/alloc.h"
#include "base/assert.h"

struct wsl_checksum {
    XXH3_state_t *state;
};

wsl_checksum *wsl_checksum_new(void)
{
    wsl_checksum *c = wsl_zalloc(sizeof *c);
    c->state = XXH3_createState();
    WSL_ASSERT(c->state != NULL && XXH3_64bits_reset(c->state) == XXH_OK);
    return c;
}

void wsl_checksum_free(wsl_checksum *c)
{
    if (c != NULL) {
        (void)XXH3_freeState(c->state);
        free(c);
    }
}

void wsl_checksum_add(wsl_checksum *c, const void *bytes, size_t size)
{
    WSL_ASSERT(size == 0 || XXH3_64bits_update(c->state, bytes, size) == XXH_OK);
}

uint64_t wsl_checksum_value(const wsl_checksum *c) { return XXH3_64bits_digest(c->state); }

uint64_t wsl_checksum_of(const void *bytes, size_t size) { return XXH3_64bits(bytes, size); }
