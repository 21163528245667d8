/*
 * assert - what must be true if our own code is right; stays on in release. What a peer, file or user can get wrong is a
 * wsl_status instead.
 */
#pragma once
#include <wiesel/macros.h>

_Noreturn void wsl_assert_failed(const char *expr, const char *file, int line, const char *function);

#define WSL_ASSERT(expr)                                                                           \
    (WSL_LIKELY(expr) ? (void)0 : wsl_assert_failed(#expr, __FILE__, __LINE__, __func__))

#ifdef WSL_DEBUG
#define WSL_DEBUG_ASSERT(expr) WSL_ASSERT(expr)
#else
#define WSL_DEBUG_ASSERT(expr) ((void)0)
#endif
