#include "harness/wsl_test.h"

#include <string.h>

#include "base/arena.h"
#include "base/rng.h"

Test(arena, pieces_are_aligned_and_do_not_overlap)
{
    enum { N = 2000 };
    WSL_AUTO(wsl_arena) arena = wsl_arena_new(1024);
    static unsigned char *piece[N];
    static size_t size[N];
    wsl_rng rng;
    wsl_rng_seed(&rng, 3);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < N; i++) {
            size[i] = wsl_rng_below(&rng, i % 50 == 0 ? 5000 : 60);
            piece[i] = wsl_arena_alloc(arena, size[i]);
            cr_assert_eq((uintptr_t)piece[i] % 8, 0);
            cr_assert(size[i] == 0 || size[i] % 16 != 0 || (uintptr_t)piece[i] % 16 == 0);
            memset(piece[i], i & 0xFF, size[i]);
        }
        for (int i = 0; i < N; i++) {
            for (size_t k = 0; k < size[i]; k++) {
                cr_assert_eq(piece[i][k], (unsigned char)(i & 0xFF));
            }
        }
        cr_assert_gt(wsl_arena_used(arena), 0);
        wsl_arena_reset(arena);
        cr_assert_eq(wsl_arena_used(arena), 0);
    }
}

Test(arena, texts_are_copied_and_formatted)
{
    WSL_AUTO(wsl_arena) arena = wsl_arena_new(0);
    char from[] = "hello";
    char *const copy = wsl_arena_strdup(arena, from);
    from[0] = 'j';
    cr_assert_str_eq(copy, "hello");
    cr_assert_str_eq(wsl_arena_strndup(arena, "hello", 2), "he");
    cr_assert_str_eq(wsl_arena_strndup(arena, "he", 20), "he");
    cr_assert_str_eq(wsl_arena_printf(arena, "%s-%d-%0300d", "x", 5, 7) + 2, wsl_arena_printf(arena, "5-%0300d", 7));
    const unsigned char *const zeros = wsl_arena_zalloc(arena, 4000);
    for (int i = 0; i < 4000; i++) {
        cr_assert_eq(zeros[i], 0);
    }
}

Test(arena, reset_gives_the_first_chunk_again)
{
    WSL_AUTO(wsl_arena) arena = wsl_arena_new(4096);
    void *const first = wsl_arena_alloc(arena, 32);
    for (int i = 0; i < 1000; i++) {
        (void)wsl_arena_alloc(arena, 100);
    }
    wsl_arena_reset(arena);
    cr_assert_eq(wsl_arena_alloc(arena, 32), first);
}
