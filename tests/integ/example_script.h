/*
 * example_script - window_examples.inc as a table, for the job library that runs them and the test that knows what must come out.
 */
#pragma once
#include <wiesel/row.h>
#include <wiesel/window.h>

enum { EXAMPLE_COPIES = 7 }; /* keys: "key-0" ... */

WSL_ROW(result, (string, key), (string, value), (bool, late), (int64, start), (int64, end), (int64, watermark));

typedef struct example_step {
    enum { EXAMPLE_ROW, EXAMPLE_WATERMARK, EXAMPLE_END, EXAMPLE_EXPECT } kind;
    int64_t at;
    int64_t value;
    const char *text; /* what must have come out since the last EXPECT */
} example_step;

typedef struct example_script {
    const char *name;
    enum { EXAMPLE_SUMS, EXAMPLE_COUNTS, EXAMPLE_LISTS } fold;
    wsl_windowing windows;
    uint32_t n;
    const example_step *steps;
} example_script;

#define SUMS EXAMPLE_SUMS
#define COUNTS EXAMPLE_COUNTS
#define LISTS EXAMPLE_LISTS
#define E(ts, v) {EXAMPLE_ROW, ts, v, NULL}
#define W(ts) {EXAMPLE_WATERMARK, ts, 0, NULL}
#define END {EXAMPLE_END, 0, 0, NULL}
#define X(text) {EXAMPLE_EXPECT, 0, 0, text}
#define EXAMPLE(name, fold, windowing, ...)                                                                            \
    {#name, fold, {WSL_UNPAREN windowing}, sizeof((const example_step[]){__VA_ARGS__}) / sizeof(example_step),         \
     (const example_step[]){__VA_ARGS__}},

static const example_script examples[] = {
#include "../unit/taskmanager/window/window_examples.inc"
};
enum { EXAMPLES_COUNT = sizeof examples / sizeof examples[0] };
