/*
 * wsl_test - what test files include. Criterion everywhere but under ThreadSanitizer, where Criterion does not start and a
 * small runner of our own (tiny_runner.c) gives the same macros: one process, tests in order, the first failed assertion
 * ends the test.
 */
#pragma once
#ifndef WSL_TSAN
#include <criterion/criterion.h>
#else
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct tiny_test {
    const char *suite;
    const char *name;
    void (*run)(void);
    void (*init)(void);
    void (*fini)(void);
    struct tiny_test *next;
} tiny_test;

void tiny_register(tiny_test *test);
_Noreturn void tiny_fail(const char *file, int line, const char *what, const char *format, ...);

#define Test(suite_, name_, ...)                                                                   \
    static void tiny_run_##suite_##_##name_(void);                                                 \
    static tiny_test tiny_test_##suite_##_##name_ = {                                              \
        .suite = #suite_, .name = #name_, .run = tiny_run_##suite_##_##name_, ##__VA_ARGS__};      \
    __attribute__((constructor)) static void tiny_add_##suite_##_##name_(void)                     \
    {                                                                                              \
        tiny_register(&tiny_test_##suite_##_##name_);                                              \
    }                                                                                              \
    static void tiny_run_##suite_##_##name_(void)

#define TINY_CHECK(cond, what, ...) ((cond) ? (void)0 : tiny_fail(__FILE__, __LINE__, what, "" __VA_ARGS__))
#define cr_assert(c, ...) TINY_CHECK(c, #c, __VA_ARGS__)
#define cr_expect(c, ...) TINY_CHECK(c, #c, __VA_ARGS__)
#define cr_assert_not(c, ...) TINY_CHECK(!(c), "not " #c, __VA_ARGS__)
#define cr_assert_eq(a, b, ...) TINY_CHECK((a) == (b), #a " == " #b, __VA_ARGS__)
#define cr_assert_neq(a, b, ...) TINY_CHECK((a) != (b), #a " != " #b, __VA_ARGS__)
#define cr_assert_lt(a, b, ...) TINY_CHECK((a) < (b), #a " < " #b, __VA_ARGS__)
#define cr_assert_leq(a, b, ...) TINY_CHECK((a) <= (b), #a " <= " #b, __VA_ARGS__)
#define cr_assert_gt(a, b, ...) TINY_CHECK((a) > (b), #a " > " #b, __VA_ARGS__)
#define cr_assert_geq(a, b, ...) TINY_CHECK((a) >= (b), #a " >= " #b, __VA_ARGS__)
#define cr_assert_null(a, ...) TINY_CHECK((a) == NULL, #a " is NULL", __VA_ARGS__)
#define cr_assert_not_null(a, ...) TINY_CHECK((a) != NULL, #a " is not NULL", __VA_ARGS__)
#define cr_assert_str_eq(a, b, ...) TINY_CHECK(strcmp((a), (b)) == 0, #a " == " #b, __VA_ARGS__)
#define cr_assert_str_neq(a, b, ...) TINY_CHECK(strcmp((a), (b)) != 0, #a " != " #b, __VA_ARGS__)
#define cr_assert_arr_eq(a, b, n, ...) TINY_CHECK(memcmp((a), (b), (n)) == 0, #a " == " #b, __VA_ARGS__)
#define cr_assert_float_eq(a, b, eps, ...) TINY_CHECK(fabs((double)(a) - (double)(b)) <= (eps), #a " ~ " #b, __VA_ARGS__)
#define cr_assert_fail(...) tiny_fail(__FILE__, __LINE__, "reached", "" __VA_ARGS__)
#define cr_log_info(...) ((void)fprintf(stderr, __VA_ARGS__), (void)fputc('\n', stderr))
#endif

/* True if `needle` is in `text`; for error sentences. */
#define has_text(text, needle) (strstr((text), (needle)) != NULL)
