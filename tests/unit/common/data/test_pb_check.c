#include "data/pb_check.h"

#include "base/alloc.h"
#include "base/rng.h"
#include "control.pb-c.h"
#include "harness/wsl_test.h"

static const wsl_pb_limits limits = {.depth = 8, .members = 1000};

static wsl_status check(const void *bytes, size_t size, wsl_error *err)
{
    return wsl_pb_check(&wsl__pb__type__descriptor, bytes, size, &limits, err);
}

/* Type.element (field 5) inside itself, `depth` times. */
static size_t nested(uint8_t *out, uint32_t depth)
{
    size_t size = 0;
    for (uint32_t i = 1; i < depth; i++) {
        memmove(out + 2, out, size);
        out[0] = 5 << 3 | 2;
        out[1] = (uint8_t)size;
        size += 2;
    }
    return size;
}

Test(pb_check, messages_may_nest_up_to_the_limit_and_no_deeper)
{
    uint8_t bytes[64];
    wsl_error err = {0};
    cr_assert_eq(check(bytes, nested(bytes, 8), NULL), WSL_OK);
    cr_assert_eq(check(bytes, nested(bytes, 9), &err), WSL_TOO_LARGE);
    cr_assert(has_text(err.text, "deeper than 8"), "%s", err.text);
}

Test(pb_check, members_are_counted_over_all_messages)
{
    uint8_t *bytes = wsl_alloc(4000);
    wsl_error err = {0};
    for (size_t i = 0; i < 4000; i += 2) {
        bytes[i] = 1 << 3;
        bytes[i + 1] = 1;
    }
    cr_assert_eq(check(bytes, 2000, NULL), WSL_OK);
    cr_assert_eq(check(bytes, 2002, &err), WSL_TOO_LARGE);
    cr_assert(has_text(err.text, "more than 1000"), "%s", err.text);
    free(bytes);
}

Test(pb_check, cut_off_bytes_are_refused)
{
    Wsl__Pb__Type inner = WSL__PB__TYPE__INIT;
    Wsl__Pb__Type outer = WSL__PB__TYPE__INIT;
    uint8_t bytes[64];
    inner.id = 300;
    outer.element = &inner;
    const size_t size = wsl__pb__type__pack(&outer, bytes);
    cr_assert_eq(check(bytes, size, NULL), WSL_OK);
    for (size_t cut = 1; cut < size; cut++) {
        cr_assert_eq(check(bytes, cut, NULL), WSL_FORMAT, "cut at %zu of %zu", cut, size);
    }
}

Test(pb_check, tag_zero_groups_and_endless_numbers_are_refused)
{
    const uint8_t tag_zero[] = {0, 1};
    const uint8_t group[] = {1 << 3 | 3};
    const uint8_t endless[] = {1 << 3, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1};
    cr_assert_eq(check(tag_zero, sizeof tag_zero, NULL), WSL_FORMAT);
    cr_assert_eq(check(group, sizeof group, NULL), WSL_FORMAT);
    cr_assert_eq(check(endless, sizeof endless, NULL), WSL_FORMAT);
    cr_assert_eq(check(NULL, 0, NULL), WSL_OK, "an empty message is one");
}

Test(pb_check, random_bytes_never_break_it_and_what_passes_can_be_unpacked)
{
    wsl_rng rng;
    wsl_rng_seed(&rng, 3);
    for (uint32_t i = 0; i < 20000; i++) {
        uint8_t bytes[40];
        const size_t size = wsl_rng_below(&rng, sizeof bytes);
        for (size_t k = 0; k < size; k++) {
            bytes[k] = (uint8_t)wsl_rng_below(&rng, wsl_rng_below(&rng, 2) == 0 ? 256 : 48);
        }
        if (check(bytes, size, NULL) == WSL_OK) {
            Wsl__Pb__Type *t = wsl__pb__type__unpack(NULL, size, bytes);
            wsl__pb__type__free_unpacked(t, NULL);
        }
    }
}
