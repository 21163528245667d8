/* The numbered examples of the semantics that are about windows, each by its number: window_examples.inc. */
#include "unit/taskmanager/window/window_kit.h"

#define EXAMPLE(name, fold, windowing, ...)                                                                            \
    Test(windows, name)                                                                                                \
    {                                                                                                                  \
        wsl_harness_options o = {fold, .windows = &(const wsl_windowing){WSL_UNPAREN windowing}};                      \
        run_both(&o, STEPS(__VA_ARGS__));                                                                              \
    }
#include "unit/taskmanager/window/window_examples.inc"

#define OF(...) .windows = &(const wsl_windowing){__VA_ARGS__}

Test(windows, ex55_windows_in_processing_time_go_by_the_clock)
{
    wsl_harness_options o = {
        COUNTS, OF(.assigner = {.kind = WSL_WINDOWS_TUMBLING, .size_ms = 5000, .processing_time = true})};
    run_both(&o, STEPS(CLOCK(1000), E(999999, 1), CLOCK(4999), E(0, 1), X(""), CLOCK(5000), X("[0,5000)=2"), E(1, 1),
                       CLOCK(7000), X(""), END, X("")));
}
