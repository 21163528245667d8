/*
 * 128 bits where a sum might leave 64. Slice numbers themselves fit: a width of 2 ms or more makes them smaller than
 * timestamps, a width of 1 ms has offset 0.
 */
#include "taskmanager/window/slice.h"

#include "base/assert.h"

typedef __int128 wide;

static int64_t clamp(wide t) { return t > INT64_MAX ? INT64_MAX : t < INT64_MIN ? INT64_MIN : (int64_t)t; }

/* Rounded down; b > 0. */
static wide divide(wide a, int64_t b) { return a / b - (a % b < 0); }
static int64_t modulo(wide a, int64_t b) { return (int64_t)(a - divide(a, b) * b); }

static int64_t gcd(int64_t a, int64_t b)
{
    while (b != 0) {
        const int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

tm_slices tm_slices_of(int64_t size_ms, int64_t slide_ms, int64_t offset_ms, int64_t lateness_ms)
{
    WSL_ASSERT(size_ms > 0 && slide_ms > 0 && lateness_ms >= 0);
    const int64_t width = gcd(size_ms, slide_ms);
    tm_slices s = {.width = width, .size = size_ms / width, .slide = slide_ms / width, .lateness = lateness_ms};
    s.offset = modulo(offset_ms, width);
    s.first = modulo(divide((wide)offset_ms - s.offset, width), s.slide);
    return s;
}

int64_t tm_slice_at(const tm_slices *s, int64_t timestamp)
{
    return (int64_t)divide((wide)timestamp - s->offset, s->width);
}

static wide begin_of(const tm_slices *s, wide slice) { return slice * s->width + s->offset; }

int64_t tm_slice_first_time(const tm_slices *s, int64_t slice) { return clamp(begin_of(s, slice)); }
int64_t tm_slice_last_time(const tm_slices *s, int64_t slice) { return clamp(begin_of(s, (wide)slice + 1) - 1); }

bool tm_slices_windows(const tm_slices *s, int64_t slice, int64_t *out_oldest, int64_t *out_newest)
{
    /* windows begin at slices congruent to first */
    const wide newest_begin = (wide)slice - modulo((wide)slice - s->first, s->slide);
    const wide newest = newest_begin + s->size - 1;
    const wide oldest = newest - divide(newest - slice, s->slide) * s->slide;
    *out_newest = clamp(newest);
    *out_oldest = clamp(oldest);
    return newest >= slice;
}

bool tm_slices_window_from(const tm_slices *s, int64_t slice, int64_t *out_window)
{
    const wide last = (wide)s->first + s->size - 1;
    const wide window = (wide)slice + modulo(last - slice, s->slide);
    *out_window = clamp(window);
    return window <= INT64_MAX;
}

bool tm_slices_window_done(const tm_slices *s, int64_t watermark, int64_t *out_window)
{
    if (watermark == WSL_TIME_MAX) {
        *out_window = INT64_MAX; /* all there are */
        return true;
    }
    const wide slice = divide((wide)watermark + 1 - s->offset, s->width) - 1; /* the last that ends by then */
    const wide last = (wide)s->first + s->size - 1;
    const wide window = slice - modulo(slice - last, s->slide);
    *out_window = clamp(window);
    return window >= INT64_MIN;
}

wsl_window tm_slices_window(const tm_slices *s, int64_t window)
{
    return (wsl_window){.start = clamp(begin_of(s, (wide)window - (s->size - 1))),
                        .end = clamp(begin_of(s, (wide)window + 1))};
}

int64_t tm_slices_cleanup(const tm_slices *s, int64_t window)
{
    return clamp((wide)tm_slice_last_time(s, window) + s->lateness);
}
