/*
 * macros - attributes and the few helpers that public headers need.
 */
#pragma once
#include <stddef.h>

#define WSL_PRINTF(format_index, first_arg) __attribute__((format(printf, format_index, first_arg)))

#if defined(__clang__)
#define WSL_MUST_CHECK __attribute__((warn_unused_result))
#define WSL_NEW_BY(free_function) __attribute__((malloc))
#else
#define WSL_MUST_CHECK [[nodiscard]]
#define WSL_NEW_BY(free_function) __attribute__((malloc, malloc(free_function, 1)))
#endif

/* Marks a parameter whose ownership moves to the callee when it returns WSL_OK. */
#define WSL_TAKES

/* Names the loop whose thread a function needs; documentation that grep can find. */
#define WSL_ON(loop)

#define WSL_LIKELY(x) __builtin_expect(!!(x), 1)
#define WSL_UNLIKELY(x) __builtin_expect(!!(x), 0)
#define WSL_ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define WSL_EXPORT __attribute__((visibility("default")))

/* `WSL_AUTO(thing) t = ...;` frees t with thing_free on every way out of the scope. */
#define WSL_AUTO(type) __attribute__((cleanup(type##_auto))) type *
#define WSL_DEFINE_AUTO(type)                                                                      \
    static inline void type##_auto(type **p) { type##_free(*p); }

/* Hands the pointer over and disarms its cleanup. */
#define WSL_TAKE(p)                                                                                \
    ({                                                                                             \
        __typeof__(p) taken_ = (p);                                                                \
        (p) = NULL;                                                                                \
        taken_;                                                                                    \
    })

/* The only macro that returns for you. */
#define WSL_TRY(expr)                                                                              \
    do {                                                                                           \
        wsl_status status_ = (expr);                                                               \
        if (WSL_UNLIKELY(status_ != WSL_OK)) {                                                     \
            return status_;                                                                        \
        }                                                                                          \
    } while (0)

/* WSL_EACH(M, a, x, y, ...) expands to M(a, x) M(a, y) ...; up to about 250 items. */
#define WSL_UNPAREN(...) __VA_ARGS__
#define WSL_EXPAND(...) WSL_EXPAND4_(WSL_EXPAND4_(WSL_EXPAND4_(WSL_EXPAND4_(__VA_ARGS__))))
#define WSL_EXPAND4_(...) WSL_EXPAND3_(WSL_EXPAND3_(WSL_EXPAND3_(WSL_EXPAND3_(__VA_ARGS__))))
#define WSL_EXPAND3_(...) WSL_EXPAND2_(WSL_EXPAND2_(WSL_EXPAND2_(WSL_EXPAND2_(__VA_ARGS__))))
#define WSL_EXPAND2_(...) WSL_EXPAND1_(WSL_EXPAND1_(WSL_EXPAND1_(WSL_EXPAND1_(__VA_ARGS__))))
#define WSL_EXPAND1_(...) __VA_ARGS__
#define WSL_EACH(macro, a, ...) __VA_OPT__(WSL_EXPAND(WSL_EACH_STEP_(macro, a, __VA_ARGS__)))
#define WSL_EACH_STEP_(macro, a, x, ...)                                                           \
    macro(a, x) __VA_OPT__(WSL_EACH_AGAIN_ WSL_PARENS_(macro, a, __VA_ARGS__))
#define WSL_EACH_AGAIN_() WSL_EACH_STEP_
#define WSL_PARENS_ ()
