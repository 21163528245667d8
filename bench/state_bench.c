/*
 * state_bench - what one record costs in a keyed operator: lookup and update of its state, the user function and the
 * emit, without partitioner, channel and network.
 *
 *     state_bench                prints ns per record for several numbers of keys, the best of rounds of half a million
 *     state_bench keys K N       one case, for perf and callgrind
 *     state_bench timers         only timers: ns to register and to fire one of a million, and the longest single call; then
 *                                the same with all that belongs to it: row, state, user function
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <wiesel/function.h>
#include <wiesel/row.h>

#include "base/alloc.h"
#include "base/fs.h"
#include "data/key.h"
#include "graph/job_graph.h"
#include "taskmanager/ops/chain.h"
#include "taskmanager/time/timer_service.h"

WSL_ROW(event, (int64, key), (int64, value));
WSL_ROW(running, (int64, key), (int64, count), (int64, sum));
WSL_ROW(word, (string, word), (int64, one));
WSL_VALUE_STATE(totals, "totals", (int64, count), (int64, sum));

/* ---- the functions under test ---- */

static wsl_status count_and_sum(wsl_keyed_ctx *k, const wsl_row *in)
{
    wsl_row *total = wsl_value_update(k, &totals);
    total->slot[totals_value_f_count]++;
    total->slot[totals_value_f_sum] += (uint64_t)event_value(in);
    wsl_row_writer w = wsl_begin(k, &running_schema, 0);
    running_set_key(&w, event_key(in));
    running_set_count(&w, totals_value_count(total));
    running_set_sum(&w, totals_value_sum(total));
    return wsl_emit(k, &w);
}
WSL_KEYED_PROCESS(bench_keyed, .in = &event_schema, .out = &running_schema, .states = WSL_STATES(&totals),
                  .keyed_process = count_and_sum);

static wsl_status add_up(wsl_ctx *ctx, const wsl_row *acc, const wsl_row *in)
{
    wsl_row_writer w = wsl_begin(ctx, &event_schema, 0);
    event_set_key(&w, event_key(in));
    event_set_value(&w, event_value(acc) + event_value(in));
    return wsl_emit(ctx, &w);
}
WSL_REDUCE(bench_reduce, .in = &event_schema, .reduce = add_up);

static wsl_status count_word(wsl_keyed_ctx *k, const wsl_row *in)
{
    wsl_row *total = wsl_value_update(k, &totals);
    total->slot[totals_value_f_count]++;
    wsl_row_writer w = wsl_begin(k, &word_schema, word_word(in).size);
    word_set_word(&w, word_word(in));
    word_set_one(&w, totals_value_count(total));
    return wsl_emit(k, &w);
}
WSL_KEYED_PROCESS(bench_word, .in = &word_schema, .out = &word_schema, .states = WSL_STATES(&totals),
                  .keyed_process = count_word);

static wsl_status double_it(wsl_ctx *ctx, const wsl_row *in)
{
    wsl_row_writer w = wsl_begin(ctx, &event_schema, 0);
    event_set_key(&w, event_key(in));
    event_set_value(&w, event_value(in) * 2 + 1);
    return wsl_emit(ctx, &w);
}
WSL_PROCESS(bench_map, .in = &event_schema, .process = double_it);

/* A timer per key, whose callback looks at the key's state. */
static wsl_status remember(wsl_keyed_ctx *k, const wsl_row *in)
{
    wsl_row *total = wsl_value_update(k, &totals);
    total->slot[totals_value_f_count]++;
    total->slot[totals_value_f_sum] += (uint64_t)event_value(in);
    return wsl_timer_event(k, event_value(in) % 3600000);
}

static wsl_status alert(wsl_keyed_ctx *k, int64_t timestamp, bool event_time)
{
    (void)event_time;
    wsl_row *total = wsl_value_update(k, &totals);
    total->slot[totals_value_f_count]--;
    wsl_row_writer w = wsl_begin(k, &running_schema, 0);
    running_set_key(&w, timestamp);
    running_set_count(&w, totals_value_count(total));
    running_set_sum(&w, totals_value_sum(total));
    return wsl_emit(k, &w);
}
WSL_KEYED_PROCESS(bench_alert, .in = &event_schema, .out = &running_schema, .states = WSL_STATES(&totals),
                  .keyed_process = remember, .on_timer = alert);

/* ---- a chain of one operator that ends in nothing ---- */

static const wsl_function *const functions[] = {&bench_keyed, &bench_reduce, &bench_word, &bench_map, &bench_alert};

static const wsl_function *find(void *arg, const char *symbol)
{
    (void)arg;
    for (size_t i = 0; i < WSL_ARRAY_LEN(functions); i++) {
        if (strcmp(functions[i]->name, symbol) == 0) {
            return functions[i];
        }
    }
    return NULL;
}

static tm_chain *make_chain(const wsl_function *fn, const char *kind, const char *key, tm_op_host *host, wsl_rng *rng)
{
    Wsl__Pb__Operator *desc = wsl_alloc(sizeof *desc); /* lives as long as the program */
    char *keys[] = {wsl_strdup(key)};
    wsl_error err = {0};
    wsl__pb__operator__init(desc);
    desc->kind = wsl_strdup(kind);
    desc->name = desc->function = wsl_strdup(fn->name);
    desc->output = wsl_schema_to_pb(fn->out != NULL ? fn->out : fn->in);
    const tm_chain_spec spec = {
        .operators = &desc,
        .n_operators = 1,
        .input = {fn->in},
        .keys = keys,
        .n_keys = 1,
        .parallelism = 1,
        .max_parallelism = 128,
        .find_function = find,
        .clock = wsl_clock_real(),
        .fs = wsl_fs_posix(),
        .rng = rng,
        .host = host,
    };
    tm_chain *chain = NULL;
    if (tm_chain_new(&spec, &chain, &err) != WSL_OK || tm_chain_open(chain, &err) != WSL_OK) {
        fprintf(stderr, "%s\n", err.text);
        exit(1);
    }
    return chain;
}

static uint64_t mix(uint64_t i)
{
    uint64_t z = i + UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

enum { BUFFER_BYTES = 32 << 10, WORD_ROW_BYTES = 64, ROUND = 500000 };

/* Builds the rows of one buffer, as a producer would have: hash in the header. Returns how many. */
static uint32_t fill(uint8_t *buffer, const wsl_row **rows, uint64_t *io_i, uint64_t n_keys, bool words)
{
    uint32_t n = 0;
    uint32_t at = 0;
    while (n < TM_BATCH_ROWS && at + WORD_ROW_BYTES <= BUFFER_BYTES) {
        const uint64_t m = mix((*io_i)++);
        wsl_row_writer w;
        (void)wsl_row_writer_init(&w, buffer + at, BUFFER_BYTES - at, 2);
        if (words) {
            char text[24];
            const int size = snprintf(text, sizeof text, "w%" PRIu64, m % n_keys);
            word_set_word(&w, (wsl_str){text, (uint32_t)size});
            word_set_one(&w, 1);
        } else {
            event_set_key(&w, (int64_t)(m % n_keys));
            event_set_value(&w, (int64_t)(m >> 40));
            w.row->key_hash = wsl_key_hash_slot(m % n_keys);
            w.row->flags |= WSL_ROW_KEYED;
        }
        rows[n++] = w.row;
        at += w.row->size;
    }
    return n;
}

static void run(const wsl_function *fn, const char *kind, uint64_t n_keys, uint64_t n)
{
    wsl_error error = {0};
    wsl_rng rng;
    wsl_rng_seed(&rng, 1);
    tm_op_host host = {.error = &error};
    const bool words = fn->in == &word_schema;
    tm_chain *chain = make_chain(fn, kind, words ? "word" : "key", &host, &rng);
    uint8_t *buffer = wsl_alloc(BUFFER_BYTES);
    const wsl_row *rows[TM_BATCH_ROWS];
    wsl_clock *clock = wsl_clock_real();
    wsl_key_spec spec;
    const char *const key_names[] = {words ? "word" : "key"};
    if (wsl_key_spec_init(&spec, fn->in, key_names, 1, &error) != WSL_OK) {
        exit(1);
    }
    int64_t ns = 0;
    double best = 1e9;
    uint64_t i = 0, done = 0;
    const uint64_t warm_up = 7 * n_keys; /* nearly every key has been seen then */
    while (i < n + warm_up) {
        const uint32_t k = fill(buffer, rows, &i, n_keys, words);
        for (uint32_t r = 0; words && r < k; r++) {
            wsl_row *row = (wsl_row *)(uintptr_t)rows[r];
            row->key_hash = wsl_key_hash(&spec, row);
            row->flags |= WSL_ROW_KEYED;
        }
        const int64_t begin = wsl_now_ns(clock);
        if (tm_op_deliver_rows(tm_chain_head(chain), 0, rows, k) != WSL_OK) {
            fprintf(stderr, "%s\n", error.text);
            exit(1);
        }
        if (i > warm_up) {
            ns += wsl_now_ns(clock) - begin;
            done += k;
        }
        if (done >= ROUND) {
            const double cost = (double)ns / (double)done;
            best = cost < best ? cost : best;
            ns = 0;
            done = 0;
        }
    }
    printf("%-13s %8" PRIu64 " keys %6.1f ns per record\n", fn->name, n_keys, best);
    tm_chain_free(chain);
    free(buffer);
}

/* ---- timers ---- */

static void make_key(tm_key_ctx *kc, uint64_t id)
{
    tm_key_ctx_restore(kc, &id, sizeof id, 0, wsl_key_hash_slot(id));
}

/* Of this thread alone: what is measured are single calls, too, which others on the machine would seem to make long. */
static int64_t cpu_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* A timer per key at random times of an hour, all due at once, as an inactivity alert has them. */
static void run_timers(uint32_t n)
{
    static const char *const names[] = {"key"};
    wsl_key_spec spec;
    wsl_error error = {0};
    static tm_key_ctx kc;
    static tm_timers timers;
    if (wsl_key_spec_init(&spec, &event_schema, names, 1, &error) != WSL_OK) {
        exit(1);
    }
    double best_set = 1e9, best_fire = 1e9;
    int64_t longest_set = 0, longest_fire = 0;
    for (int round = 0; round < 3; round++) {
        tm_key_ctx_init(&kc, &spec, 0, 1, 128);
        tm_timers_init(&timers);
        int64_t longest[2] = {0, 0};
        const int64_t begin = cpu_ns();
        int64_t last = begin;
        for (uint32_t i = 0; i < n; i++) {
            make_key(&kc, i);
            tm_timers_set(&timers, &kc, 0, (int64_t)(mix(i) % 3600000));
            if (i % 64 == 63) {
                const int64_t now = cpu_ns();
                longest[0] = now - last > longest[0] ? now - last : longest[0];
                last = now;
            }
        }
        const int64_t middle = cpu_ns();
        last = middle;
        int64_t ns = 0, at = 0;
        for (uint32_t i = 0; tm_timers_pop(&timers, INT64_MAX, &kc, &ns, &at); i++) {
            if (i % 64 == 63) {
                const int64_t now = cpu_ns();
                longest[1] = now - last > longest[1] ? now - last : longest[1];
                last = now;
            }
        }
        const int64_t end = cpu_ns();
        const double set = (double)(middle - begin) / n, fire = (double)(end - middle) / n;
        longest_set = set < best_set ? longest[0] : longest_set;
        longest_fire = fire < best_fire ? longest[1] : longest_fire;
        best_set = set < best_set ? set : best_set;
        best_fire = fire < best_fire ? fire : best_fire;
        tm_timers_fini(&timers);
        tm_key_ctx_fini(&kc);
    }
    printf("timers       %9" PRIu32 " timers %5.1f ns to register, %5.1f ns to fire; longest 64: %.2f ms, %.2f ms\n", n,
           best_set, best_fire, (double)longest_set / 1e6, (double)longest_fire / 1e6);
}

/* The same through an operator: n keys that have state get a timer each, then all of them are due at once. */
static void run_alerts(uint32_t n)
{
    wsl_error error = {0};
    wsl_rng rng;
    wsl_rng_seed(&rng, 1);
    tm_op_host host = {.error = &error};
    tm_chain *chain = make_chain(&bench_alert, "keyed_process", "key", &host, &rng);
    uint8_t *buffer = wsl_alloc(BUFFER_BYTES);
    const wsl_row *rows[TM_BATCH_ROWS];
    double best_set = 1e9, best_fire = 1e9;
    for (int64_t round = 0; round < 4; round++) {
        uint64_t i = 0;
        int64_t set = 0;
        while (i < n) {
            const uint32_t k = fill(buffer, rows, &i, n, false);
            const int64_t begin = cpu_ns();
            if (tm_op_deliver_rows(tm_chain_head(chain), 0, rows, k) != WSL_OK) {
                fprintf(stderr, "%s\n", error.text);
                exit(1);
            }
            set += cpu_ns() - begin;
        }
        const int64_t begin = cpu_ns();
        wsl_status status = tm_op_deliver_watermark(tm_chain_head(chain), 3600000 + round);
        while (status == WSL_OK && tm_chain_has_pending(chain)) {
            status = tm_chain_resume(chain);
        }
        const int64_t fire = cpu_ns() - begin;
        if (status != WSL_OK) {
            fprintf(stderr, "%s\n", error.text);
            exit(1);
        }
        if (round > 0) { /* the first one makes the keys' entries */
            best_set = (double)set / (double)i < best_set ? (double)set / (double)i : best_set;
            best_fire = (double)fire / (double)i < best_fire ? (double)fire / (double)i : best_fire;
        }
    }
    printf("%-13s %8" PRIu32 " keys %6.1f ns per record that sets a timer, %6.1f ns per timer that fires\n",
           bench_alert.name, n, best_set, best_fire);
    tm_chain_free(chain);
    free(buffer);
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "timers") == 0) {
        run_timers(1000000);
        run_alerts(1000000);
        return 0;
    }
    if (argc == 4 && strcmp(argv[1], "keys") == 0) {
        run(&bench_keyed, "keyed_process", strtoull(argv[2], NULL, 10), strtoull(argv[3], NULL, 10));
        return 0;
    }
    const uint64_t n = 10 * UINT64_C(1000000);
    run(&bench_map, "process", 1000, n);
    for (uint64_t keys = 1000; keys <= 1000000; keys *= 10) {
        run(&bench_keyed, "keyed_process", keys, n);
    }
    for (uint64_t keys = 1000; keys <= 1000000; keys *= 10) {
        run(&bench_reduce, "reduce", keys, n);
    }
    for (uint64_t keys = 1000; keys <= 1000000; keys *= 10) {
        run(&bench_word, "keyed_process", keys, n);
    }
    run_timers(1000000);
    run_alerts(1000000);
    return 0;
}
