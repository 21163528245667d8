#include "graph/operator_options.h"

/* clang-format off */
const wsl_option wsl_async_operator_options[] = {
    {.name = "mode", .type = WSL_OPT_ENUM, .default_value = "ordered", .choices = "ordered|unordered",
     .help = "Results leave in the order of the rows, or as they come (but never across a watermark)."},
    {.name = "capacity", .type = WSL_OPT_INT, .default_value = "100", .min = "1", .max = "1048576",
     .help = "Requests under way at once; then the stream waits."},
    {.name = "timeout", .type = WSL_OPT_DURATION, .default_value = "0", .min = "0",
     .help = "For a row, all its attempts together; 0: none."},
    {.name = "retry", .type = WSL_OPT_ENUM, .default_value = "none", .choices = "none|fixed|exponential",
     .help = "Whether a request that failed is made again, after a delay that stays or grows."},
    {.name = "attempts", .type = WSL_OPT_INT, .default_value = "3", .min = "1", .max = "1000000",
     .help = "With retry: requests for one row at most, the first one included."},
    {.name = "delay", .type = WSL_OPT_DURATION, .default_value = "100 ms", .min = "0", .help = "Before the second attempt."},
    {.name = "max-delay", .type = WSL_OPT_DURATION, .default_value = "0", .min = "0",
     .help = "What a delay grows to at most; 0: no limit."},
    {.name = "multiplier", .type = WSL_OPT_DOUBLE, .default_value = "2", .min = "1", .max = "1000",
     .help = "With retry exponential: how much longer each delay is than the one before."},
    {.name = "retry-empty", .type = WSL_OPT_BOOL, .default_value = "false",
     .help = "With retry: an answer without rows is asked for again too."},
    {.name = NULL},
};
/* clang-format on */
