/*
 * timer_model - timers against a bit per possible timer, in their order: the first one that is set is the first bit.
 *
 *     begin(kind); change(time, key, ns, set); ... pop(up_to) checks what fires; end();
 *
 * Threads: one.
 */
#pragma once
#include "harness/wsl_test.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "taskmanager/time/timer_service.h"

WSL_ROW(number, (int64, id));
WSL_ROW(pair, (int64, id), (int32, part));
WSL_ROW(text, (string, name));

enum { N_KEYS = 96, N_SPACES = 2, N_TIMES = 40000, BITS = N_TIMES * N_KEYS * N_SPACES };

typedef struct model_key {
    uint64_t row[24];
    uint32_t hash;
} model_key;

typedef struct model {
    tm_key_ctx kc;
    tm_timers timers;
    wsl_key_spec spec;
    model_key keys[N_KEYS]; /* in the order of timers */
    uint64_t *bits;
    uint32_t hint; /* no bit before this is set */
    uint32_t n;
} model;

static model m;

static const wsl_row *row_of(const model_key *key) { return (const wsl_row *)(const void *)key->row; }

static int by_group_and_bytes(const void *a, const void *b)
{
    const model_key *x = a, *y = b;
    const uint32_t gx = wsl_key_group(x->hash, 128), gy = wsl_key_group(y->hash, 128);
    if (gx != gy) {
        return gx < gy ? -1 : 1;
    }
    const uint32_t sx = row_of(x)->size, sy = row_of(y)->size;
    const int order =
        memcmp(row_of(x)->slot, row_of(y)->slot, (sx < sy ? sx : sy) - sizeof(wsl_row));
    return order != 0 ? order : sx < sy ? -1 : sx > sy;
}

static void make_key(model_key *key, int kind, int i)
{
    static const char *const long_name = "a key of more than sixteen bytes";
    wsl_row_writer w;
    char name[64];
    (void)wsl_row_writer_init(&w, key->row, sizeof key->row, kind == 1 ? 2 : 1);
    if (kind == 0) {
        number_set_id(&w, i * 77);
    } else if (kind == 1) {
        pair_set_id(&w, i / 8);
        pair_set_part(&w, i % 8);
    } else {
        (void)snprintf(name, sizeof name, "%s%d", i % 2 == 0 ? "" : long_name, i);
        text_set_name(&w, wsl_str_of(name));
    }
    key->hash = wsl_key_hash(&m.spec, w.row);
}

static void begin(int kind)
{
    static const wsl_schema *const schemas[] = {&number_schema, &pair_schema, &text_schema};
    static const char *const names[][2] = {{"id", NULL}, {"id", "part"}, {"name", NULL}};
    wsl_error err = {0};
    cr_assert_eq(wsl_key_spec_init(&m.spec, schemas[kind], names[kind], kind == 1 ? 2 : 1, &err), WSL_OK);
    tm_key_ctx_init(&m.kc, &m.spec, 0, 1, 128);
    tm_timers_init(&m.timers);
    memset(m.keys, 0, sizeof m.keys);
    for (int i = 0; i < N_KEYS; i++) {
        make_key(&m.keys[i], kind, i);
    }
    qsort(m.keys, N_KEYS, sizeof m.keys[0], by_group_and_bytes);
    m.bits = wsl_calloc(BITS / 64 + 1, sizeof *m.bits);
    m.hint = BITS;
    m.n = 0;
}

static void end(void)
{
    cr_assert_eq(m.timers.slab.used, 0, "no key is left");
    cr_assert_eq(m.timers.queue.n, 0);
    tm_timers_fini(&m.timers);
    tm_key_ctx_fini(&m.kc);
    free(m.bits);
}

static bool get(uint32_t i) { return (m.bits[i / 64] >> i % 64 & 1) != 0; }

static void put(uint32_t i, bool set)
{
    m.n += (uint32_t)set - (uint32_t)get(i);
    m.bits[i / 64] = (m.bits[i / 64] & ~(UINT64_C(1) << i % 64)) | (uint64_t)set << i % 64;
    m.hint = set && i < m.hint ? i : m.hint;
}

static bool first(uint32_t *out)
{
    while (m.n > 0 && m.bits[m.hint / 64] == 0) {
        m.hint = (m.hint / 64 + 1) * 64;
    }
    while (m.n > 0 && !get(m.hint)) {
        m.hint++;
    }
    *out = m.hint;
    return m.n > 0;
}

static void change(uint32_t time, uint32_t key, uint32_t ns, bool set)
{
    const wsl_row *row = row_of(&m.keys[key]);
    tm_key_ctx_restore(&m.kc, row->slot, row->size - (uint32_t)sizeof *row, row->nulls, m.keys[key].hash);
    (set ? tm_timers_set : tm_timers_delete)(&m.timers, &m.kc, ns, time);
    put((time * N_KEYS + key) * N_SPACES + ns, set);
}

/* Where it came from; UINT32_MAX: nothing was due. */
static uint32_t pop(uint32_t up_to)
{
    uint32_t i = 0;
    int64_t ns = 0, at = 0;
    const bool any = first(&i);
    const bool due = any && i / N_SPACES / N_KEYS <= up_to;
    cr_assert_eq(tm_timers_pop(&m.timers, up_to, &m.kc, &ns, &at), due);
    if (!due) {
        return UINT32_MAX;
    }
    const model_key *key = &m.keys[i / N_SPACES % N_KEYS];
    cr_assert_eq(at, i / N_SPACES / N_KEYS);
    cr_assert_eq(ns, i % N_SPACES);
    cr_assert_eq(m.kc.hash, key->hash);
    cr_assert_eq(m.kc.row->size, row_of(key)->size);
    cr_assert_eq(memcmp(m.kc.row->slot, row_of(key)->slot, row_of(key)->size - sizeof(wsl_row)), 0);
    put(i, false);
    return (uint32_t)at;
}
