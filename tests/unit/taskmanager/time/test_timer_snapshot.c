/*
 * test_timer_snapshot - a snapshot of timers at any moment holds what was set then, whatever is set, deleted and fires while it is
 * walked; what is restored fires in the same order.
 */
#include "unit/taskmanager/time/timer_model.h"

#include "base/fs.h"
#include "taskmanager/ckpt/restore.h"
#include "taskmanager/ckpt/snapshot.h"
#include "taskmanager/time/timer_snapshot.h"

enum { WORDS = BITS / 64 + 1 };

static const wsl_schema *const key_schemas[] = {&number_schema, &pair_schema, &text_schema};

/* Sets, deletes and fires around `now`. */
static void churn(wsl_rng *rng, uint32_t *now, uint32_t width, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t time = *now + (uint32_t)wsl_rng_below(rng, width);
        change(time < N_TIMES ? time : N_TIMES - 1, (uint32_t)wsl_rng_below(rng, N_KEYS),
               (uint32_t)wsl_rng_below(rng, N_SPACES), wsl_rng_below(rng, 100) >= 30);
        if (wsl_rng_below(rng, 2000) == 0) {
            *now += (uint32_t)wsl_rng_below(rng, width / 4 + 1);
        }
        if (wsl_rng_below(rng, 3) == 0) { /* often half way through what is due */
            (void)pop(*now);
        }
    }
}

/* The sections go into new timers, of which all fire: the model is what it was at the snapshot. */
static void check_restored(const Wsl__Pb__TaskSnapshot *t)
{
    wsl_error err = {0};
    tm_timers_fini(&m.timers);
    tm_timers_init(&m.timers);
    for (size_t i = 0; i < t->operators[0]->n_sections; i++) {
        const Wsl__Pb__Section *section = t->operators[0]->sections[i];
        WSL_AUTO(wsl_section_reader) reader = NULL;
        cr_assert_eq(wsl_section_reader_new(wsl_fs_posix(), "", t->files[section->file], section, &reader, &err), WSL_OK,
                     "%s", err.text);
        const tm_restore_piece piece = {.section = section, .reader = reader};
        cr_assert_eq(tm_timers_restore(&m.timers, &m.kc, &piece, &err), WSL_OK, "%s", err.text);
    }
    while (pop(N_TIMES) != UINT32_MAX) {
    }
}

static void run_once(int kind, uint32_t width, uint32_t n, uint64_t seed)
{
    wsl_rng rng;
    wsl_rng_seed(&rng, seed);
    begin(kind);
    uint32_t now = 0;
    churn(&rng, &now, width, (uint32_t)wsl_rng_below(&rng, n));
    uint64_t *bits = wsl_memdup(m.bits, WORDS * sizeof *m.bits);
    const uint32_t set = m.n;

    Wsl__Pb__Operator desc = WSL__PB__OPERATOR__INIT;
    desc.uid = (char *)"op";
    tm_op op = {.env = {.desc = &desc, .key_schema = key_schemas[kind]}};
    tm_memory_sink memory = {0};
    const tm_snapshot_sink sink = tm_memory_sink_of(&memory);
    tm_snapshot *s = tm_snapshot_new(1, &sink);
    tm_snapshot_operator(s, &op);
    tm_timers_snapshot(&m.timers, &m.kc, true, s, &op, "timers");
    if (wsl_rng_below(&rng, 4) == 0) {
        tm_snapshot_free(s); /* given up */
        s = NULL;
    }
    while (s != NULL && !tm_snapshot_step(s, 1 + (uint32_t)wsl_rng_below(&rng, 20000))) {
        churn(&rng, &now, width, 1 + (uint32_t)wsl_rng_below(&rng, 100));
    }
    churn(&rng, &now, width, n / 4);
    if (s != NULL) {
        Wsl__Pb__TaskSnapshot *t = tm_snapshot_finish_in_memory(s, &memory);
        uint64_t records = 0;
        for (size_t i = 0; i < t->operators[0]->n_sections; i++) {
            records += t->operators[0]->sections[i]->records;
        }
        cr_assert_eq(records, set, "each timer that is set, once: %lu, %u", (unsigned long)records, set);
        memcpy(m.bits, bits, WORDS * sizeof *m.bits);
        m.n = set;
        m.hint = 0;
        check_restored(t);
        wsl__pb__task_snapshot__free_unpacked(t, NULL);
    } else {
        while (pop(N_TIMES) != UINT32_MAX) {
        }
    }
    free(bits);
    end();
}

static void run(int kind, uint32_t width, uint32_t n)
{
    for (uint64_t seed = 1; seed <= 12; seed++) {
        run_once(kind, width, n, seed);
    }
}

Test(timer_snapshot, of_much_time) { run(0, 9000, 40000); }
Test(timer_snapshot, of_a_moment) { run(0, 2, 20000); }
Test(timer_snapshot, of_few) { run(0, 60, 30); }
Test(timer_snapshot, of_keys_of_two_fields) { run(1, 3000, 20000); }
Test(timer_snapshot, of_texts) { run(2, 3000, 20000); }
