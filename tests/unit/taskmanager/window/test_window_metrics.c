/* What windows keep is counted like any other state. */
#include "unit/taskmanager/window/window_kit.h"

#include <stdio.h>

enum { N_KEYS = 50 };

static void check(const wsl_harness_options *options, const char *name, int64_t entries)
{
    WSL_AUTO(wsl_harness) h = NULL;
    wsl_error err = {0};
    char metric[64], key[16];
    cr_assert_eq(wsl_harness_new(options, &h, &err), WSL_OK, "%s", err.text);
    (void)snprintf(metric, sizeof metric, "state.%s.keys", name);
    for (int i = 0; i < N_KEYS; i++) {
        (void)snprintf(key, sizeof key, "key-%d", i);
        for (int64_t ts = 0; ts < 20; ts += 10) {
            wsl_row *row = kit_row(key, ts, i);
            cr_assert_eq(wsl_harness_push_row(h, row), WSL_OK, "%s", wsl_harness_error(h)->text);
            free(row);
        }
    }
    cr_assert_eq(wsl_harness_metric(h, "stateKeys"), entries, "%lld", (long long)wsl_harness_metric(h, "stateKeys"));
    cr_assert_eq(wsl_harness_metric(h, metric), entries);
    cr_assert_gt(wsl_harness_metric(h, "stateBytes"), entries * 16);
    cr_assert_eq(wsl_harness_watermark(h, 1000), WSL_OK);
    cr_assert_eq(wsl_harness_metric(h, "stateKeys"), 0, "windows that are gone keep nothing");
    cr_assert_eq(wsl_harness_metric(h, metric), 0);
}

#define OF(...) .windows = &(const wsl_windowing){__VA_ARGS__}

Test(window_metrics, of_slices)
{
    check(&(wsl_harness_options){SUMS, OF(.assigner = wsl_tumbling(10))}, "window-contents", 2 * N_KEYS);
}
Test(window_metrics, of_windows_with_all_their_rows)
{
    check(&(wsl_harness_options){LISTS, OF(.assigner = wsl_tumbling(10))}, "contents", 2 * N_KEYS);
}
