/*
 * slice - the arithmetic of windows that begin and end together for all keys: which slices they are made of.
 *
 *     time      ---|-----|-----|-----|-----|-----|-----|-----|---     a slice is gcd(size, slide) long
 *     slice           -1    0     1     2     3     4     5
 *     window  4         |<------- size ------->|                     a window is named by its last slice
 *     window  5               |<------- size ------->|
 *
 * Every slice lies in the same windows with all its timestamps. Slices and windows are numbers, exact for all timestamps;
 * times that would be beyond the limits are the limits.
 *
 * Threads: values.
 */
#pragma once
#include <wiesel/window.h>

typedef struct tm_slices {
    int64_t width;    /* of a slice, ms */
    int64_t offset;   /* slice 0 begins here, in [0, width) */
    int64_t size;     /* slices of a window */
    int64_t slide;    /* ... from one window's beginning to the next one's */
    int64_t first;    /* a slice with which a window begins, in [0, slide) */
    int64_t lateness; /* ms */
} tm_slices;

/* size_ms > 0, slide_ms > 0, |offset_ms| < slide_ms, lateness_ms >= 0. */
tm_slices tm_slices_of(int64_t size_ms, int64_t slide_ms, int64_t offset_ms, int64_t lateness_ms);

int64_t tm_slice_at(const tm_slices *s, int64_t timestamp);
int64_t tm_slice_first_time(const tm_slices *s, int64_t slice); /* its first timestamp */
int64_t tm_slice_last_time(const tm_slices *s, int64_t slice);  /* its last one */

/* The oldest and the newest window that slice lies in; false: it lies between windows. Windows are `slide` apart. */
bool tm_slices_windows(const tm_slices *s, int64_t slice, int64_t *out_oldest, int64_t *out_newest);

/* The smallest window that is not below `slice`; false: there is no number for it. */
bool tm_slices_window_from(const tm_slices *s, int64_t slice, int64_t *out_window);
/* The last window that ends when no more rows up to `watermark` come; false: there is none. */
bool tm_slices_window_done(const tm_slices *s, int64_t watermark, int64_t *out_window);

wsl_window tm_slices_window(const tm_slices *s, int64_t window);
static inline int64_t tm_slices_window_begin(const tm_slices *s, int64_t window)
{
    return window < INT64_MIN + (s->size - 1) ? INT64_MIN : window - (s->size - 1);
}
/* The watermark at which it is given up. */
int64_t tm_slices_cleanup(const tm_slices *s, int64_t window);
