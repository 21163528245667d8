/*
 * iot - readings of devices, with a share of lines that no JSON decoder with this schema can take: cut short, plain
 * text, a word where a number belongs, a number broken in two.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "examples/gen/kind.h"

enum { DEVICES_DEFAULT = 100, BROKEN_WAYS = 4 };

typedef struct device {
    int32_t temperature; /* tenths of a degree */
    int32_t humidity;    /* tenths of a percent */
    int32_t pressure;    /* tenths of a hPa */
} device;

typedef struct iot {
    device *devices;
    uint64_t n;
    double malformed;
} iot;

static void iot_open(void *state, const gen_options *o, wsl_rng *rng)
{
    iot *s = state;

    s->n = o->keys != 0 ? o->keys : DEVICES_DEFAULT;
    s->malformed = o->malformed;
    s->devices = wsl_calloc(s->n, sizeof *s->devices);
    for (uint64_t i = 0; i < s->n; i++) {
        s->devices[i] = (device){.temperature = (int32_t)gen_between(rng, 150, 300),
                                 .humidity = (int32_t)gen_between(rng, 300, 700),
                                 .pressure = (int32_t)gen_between(rng, 9900, 10300)};
    }
}

static void iot_close(void *state)
{
    iot *s = state;

    free(s->devices);
}

static int32_t wander(wsl_rng *rng, int32_t value, int32_t low, int32_t high)
{
    const int32_t next = value + (int32_t)gen_between(rng, -3, 3);

    return next < low ? low : next > high ? high : next;
}

static void put_reading(wsl_strbuf *out, uint64_t number, const device *d, int64_t ts, uint64_t broken)
{
    const size_t start = out->size;

    wsl_strbuf_puts(out, "{\"device_id\":\"d");
    gen_put_padded(out, number, 4);
    wsl_strbuf_puts(out, "\",\"temperature\":");
    if (broken == 1) {
        wsl_strbuf_puts(out, "\"n/a\"");
    } else {
        gen_put_fixed(out, d->temperature, 1);
    }
    wsl_strbuf_puts(out, ",\"humidity\":");
    gen_put_fixed(out, d->humidity, 1);
    if (broken == 2) {
        wsl_strbuf_puts(out, " 7");
    }
    wsl_strbuf_puts(out, ",\"pressure\":");
    gen_put_fixed(out, d->pressure, 1);
    wsl_strbuf_puts(out, ",\"event_timestamp\":");
    gen_put_uint(out, (uint64_t)ts);
    wsl_strbuf_putc(out, '}');
    if (broken == 3) {
        out->size = start + (out->size - start) / 2;
    }
    wsl_strbuf_putc(out, '\n');
}

static void iot_record(void *state, wsl_rng *rng, gen_record *record, wsl_strbuf *out)
{
    iot *s = state;
    const uint64_t number = wsl_rng_below(rng, s->n);
    device *d = &s->devices[number];

    d->temperature = wander(rng, d->temperature, -200, 500);
    d->humidity = wander(rng, d->humidity, 0, 1000);
    d->pressure = wander(rng, d->pressure, 9500, 10800);
    record->malformed = wsl_rng_double(rng) < s->malformed;
    const uint64_t way = wsl_rng_below(rng, BROKEN_WAYS);
    if (record->malformed && way == 0) {
        wsl_strbuf_puts(out, "device d");
        gen_put_padded(out, number, 4);
        wsl_strbuf_puts(out, " restarted\n");
        return;
    }
    put_reading(out, number, d, record->ts, record->malformed ? way : 0);
}

const gen_kind gen_iot = {"iot", ".json", sizeof(iot), iot_open, iot_record, iot_close, NULL};
