/* wiesel-gen: what the bytes are, and how they appear. */
#include "harness/wsl_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "examples/gen/kind.h"
#include "examples/gen/run.h"
#include "examples/gen/zipf.h"

enum { TEXT_MAX = 16 << 20 };

typedef struct sink {
    wsl_strbuf text;
    wsl_manual_clock clock;
    uint32_t waits;
    uint32_t stop_after; /* waits; 0: never */
    uint64_t seen_records_at_wait;
} sink;

static wsl_status take(void *arg, const char *data, size_t size, wsl_error *err)
{
    (void)err;
    wsl_strbuf_add(&((sink *)arg)->text, data, size);
    return WSL_OK;
}

/* Time passes only here. */
static bool wait(void *arg, int64_t until_ns)
{
    sink *s = arg;

    if (s->stop_after != 0 && s->waits == s->stop_after) {
        return false;
    }
    s->waits++;
    if (until_ns > s->clock.now_ns) {
        wsl_manual_clock_advance(&s->clock, until_ns - s->clock.now_ns);
    }
    return true;
}

static gen_options options(int argc, const char **argv)
{
    gen_options o = {0};
    wsl_error err = {0};
    const wsl_status status = gen_options_parse(argc, (char **)argv, &o, &err);

    cr_assert_eq(status, WSL_OK, "%s", err.text);
    return o;
}

#define OPTIONS(...)                                                                                                   \
    options((int)(sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *)), (const char *[]){__VA_ARGS__})

static gen_summary run_into(sink *s, const gen_options *o)
{
    wsl_error err = {0};
    gen_summary summary;
    const gen_seams seams = {wsl_fs_posix(), &s->clock.clock, wait, take, s};
    const wsl_status status = gen_run(o, &seams, &summary, &err);

    cr_assert_eq(status, WSL_OK, "%s", err.text);
    return summary;
}

/* The records of a run to "-", one text. */
static char *text_of(const gen_options *o, gen_summary *out_summary)
{
    sink s = {0};

    wsl_strbuf_init(&s.text);
    wsl_manual_clock_init(&s.clock, 1000000);
    const gen_summary summary = run_into(&s, o);
    if (out_summary != NULL) {
        *out_summary = summary;
    }
    return wsl_strbuf_take(&s.text);
}

static char *new_dir(void)
{
    char *dir = wsl_strdup("/tmp/wiesel-gen-test-XXXXXX");

    cr_assert_not_null(mkdtemp(dir));
    return dir;
}

static void drop_dir(char *dir)
{
    char *command = wsl_asprintf("rm -r '%s'", dir);

    cr_assert_eq(system(command), 0);
    free(command);
    free(dir);
}

static char *file_text(const char *dir, const char *name)
{
    char *path = wsl_asprintf("%s/%s", dir, name);
    char *data = NULL;
    size_t size = 0;
    wsl_error err = {0};

    cr_assert_eq(wsl_fs_read_all(wsl_fs_posix(), path, TEXT_MAX, &data, &size, &err), WSL_OK, "%s", err.text);
    free(path);
    return data;
}

static long field(const char *line, const char *name)
{
    char key[64];

    (void)snprintf(key, sizeof key, "\"%s\":", name);
    const char *at = strstr(line, key);
    cr_assert_not_null(at);
    return atol(at + strlen(key));
}

Test(gen, same_seed_gives_same_bytes_and_another_seed_gives_others)
{
    static const char *const names[] = {"trades", "prices", "transactions", "clicks", "iot", "text"};

    for (size_t i = 0; i < 6; i++) {
        const gen_options a = OPTIONS("gen", names[i], "--seed", "7", "--count", "500", "--out", "-");
        const gen_options b = OPTIONS("gen", names[i], "--seed", "8", "--count", "500", "--out", "-");
        char *one = text_of(&a, NULL), *two = text_of(&a, NULL), *other = text_of(&b, NULL);
        cr_assert_str_eq(one, two);
        cr_assert_str_neq(one, other);
        free(one);
        free(two);
        free(other);
    }
}

Test(gen, file_count_does_not_change_the_bytes)
{
    char *dir = new_dir();
    const gen_options whole = OPTIONS("gen", "trades", "--seed", "3", "--count", "1003", "--out", "-");
    const gen_options parts = OPTIONS("gen", "trades", "--seed", "3", "--count", "1003", "--files", "7", "--out", dir);
    char *expected = text_of(&whole, NULL);
    sink s = {0};
    wsl_strbuf joined;

    wsl_strbuf_init(&joined);
    wsl_manual_clock_init(&s.clock, 0);
    const gen_summary summary = run_into(&s, &parts);
    cr_assert_eq(summary.files, 7);
    cr_assert_eq(summary.records, 1003);
    for (int k = 0; k < 7; k++) {
        char name[40];
        (void)snprintf(name, sizeof name, "trades-%06d.json", k);
        char *text = file_text(dir, name);
        wsl_strbuf_puts(&joined, text);
        free(text);
    }
    cr_assert_str_eq(joined.data, expected);
    cr_assert_eq(summary.bytes, joined.size);
    wsl_strbuf_fini(&joined);
    free(expected);
    drop_dir(dir);
}

Test(gen, trades_have_their_fields_in_order_and_a_fifth_is_backdated_by_at_most_15_s)
{
    const gen_options o = OPTIONS("gen", "trades", "--count", "20000", "--rate", "100", "--out", "-");
    gen_summary summary;
    char *text = text_of(&o, &summary), *rest = text;
    long late = 0, n = 0;

    for (char *line = strtok_r(rest, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest), n++) {
        char symbol[20], side[20];
        long quantity, ts;
        double price;
        cr_assert_eq(sscanf(line,
                            "{\"symbol\":\"%19[A-Z]\",\"side\":\"%19[a-z]\",\"quantity\":%ld,\"price\":%lf,\"ts\":%ld}",
                            symbol, side, &quantity, &price, &ts),
                     5, "%s", line);
        cr_assert(strcmp(side, "buy") == 0 || strcmp(side, "sell") == 0);
        cr_assert(quantity >= 1 && quantity <= 500 && price >= 1.0);
        const long due = GEN_START_TS_DEFAULT + n * 10;
        cr_assert(ts <= due && ts >= due - 15000);
        late += ts < due;
    }
    cr_assert_eq(n, 20000);
    cr_assert_eq((uint64_t)late, summary.backdated);
    cr_assert(late > 3700 && late < 4300, "%ld of 20000", late);
    free(text);
}

Test(gen, iot_has_its_share_of_lines_that_are_not_readings)
{
    const gen_options o = OPTIONS("gen", "iot", "--count", "20000", "--malformed", "0.05", "--out", "-");
    const gen_options none = OPTIONS("gen", "iot", "--count", "2000", "--malformed", "0", "--out", "-");
    gen_summary summary;
    char *text = text_of(&o, &summary), *rest = text;
    uint64_t bad = 0;

    for (char *line = strtok_r(rest, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
        char device[20];
        double temperature, humidity, pressure;
        long ts;
        char end = 0;
        bad += sscanf(line,
                      "{\"device_id\":\"%19[d0-9]\",\"temperature\":%lf,\"humidity\":%lf,\"pressure\":%lf,"
                      "\"event_timestamp\":%ld%c",
                      device, &temperature, &humidity, &pressure, &ts, &end) != 6 ||
               end != '}';
    }
    cr_assert_eq(bad, summary.malformed, "%lu found, %lu told", (unsigned long)bad, (unsigned long)summary.malformed);
    cr_assert(bad > 850 && bad < 1150, "%lu of 20000", (unsigned long)bad);
    free(text);
    free(text_of(&none, &summary));
    cr_assert_eq(summary.malformed, 0);
}

Test(gen, two_users_burst_every_30_s_and_are_silent_between)
{
    const gen_options o = OPTIONS("gen", "transactions", "--count", "9000", "--rate", "100", "--out", "-");
    char *text = text_of(&o, NULL), *rest = text;
    long bursts[3] = {0};

    for (char *line = strtok_r(rest, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
        if (strstr(line, "\"u901\"") != NULL || strstr(line, "\"u902\"") != NULL) {
            const long offset = field(line, "ts") - GEN_START_TS_DEFAULT;
            cr_assert_lt(offset % 30000, 2000);
            cr_assert_geq(field(line, "amount"), 500);
            bursts[offset / 30000]++;
        } else {
            cr_assert_leq(field(line, "amount"), 200);
        }
    }
    cr_assert(bursts[0] == 100 && bursts[1] == 100 && bursts[2] == 100);
    free(text);
}

Test(gen, words_follow_zipf)
{
    gen_zipf *zipf = gen_zipf_new(1000);
    wsl_rng rng;
    double first = 0, second = 0, tenth = 0;

    wsl_rng_seed(&rng, 5);
    for (int i = 0; i < 200000; i++) {
        const uint64_t rank = gen_zipf_pick(zipf, &rng);
        cr_assert_lt(rank, 1000);
        first += rank == 0;
        second += rank == 1;
        tenth += rank == 9;
    }
    cr_assert_float_eq(first / second, 2.0, 0.1);
    cr_assert_float_eq(first / tenth, 10.0, 0.8);
    gen_zipf_free(zipf);
}

typedef struct listing {
    uint32_t n;
    bool hidden;
    int64_t mtimes[64];
} listing;

static bool list_one(void *arg, const char *name, const wsl_file_info *info)
{
    listing *l = arg;
    int k = -1;

    l->hidden = l->hidden || name[0] == '.';
    if (sscanf(name, "clicks-%d.json", &k) == 1 && k < 64) {
        l->mtimes[k] = info->mtime_ns;
        l->n++;
    }
    return true;
}

Test(gen, files_carry_increasing_times_and_no_hidden_one_stays)
{
    char *dir = new_dir();
    const gen_options o = OPTIONS("gen", "clicks", "--count", "640", "--files", "64", "--out", dir);
    sink s = {0};
    listing l = {0};

    wsl_manual_clock_init(&s.clock, 0);
    (void)run_into(&s, &o);
    cr_assert_eq(wsl_fs_posix()->list(wsl_fs_posix(), dir, list_one, &l, NULL), WSL_OK);
    cr_assert_eq(l.n, 64);
    cr_assert_not(l.hidden);
    for (int k = 1; k < 64; k++) {
        cr_assert_gt(l.mtimes[k], l.mtimes[k - 1], "file %d", k);
    }
    drop_dir(dir);
}

/* ---- a file system that remembers what happened in which order ---- */

typedef struct watched_fs {
    wsl_fs fs;
    wsl_strbuf events;
    char visible_opened[200];
} watched_fs;

static wsl_status watched_open(wsl_fs *fs, const char *path, wsl_open_mode mode, wsl_file **out_file, wsl_error *err)
{
    wsl_strbuf_printf(&((watched_fs *)fs)->events, "open %s\n", strrchr(path, '/') + 1);
    return wsl_fs_posix()->open(wsl_fs_posix(), path, mode, out_file, err);
}

static wsl_status watched_rename(wsl_fs *fs, const char *from, const char *to, wsl_error *err)
{
    wsl_strbuf_printf(&((watched_fs *)fs)->events, "rename %s %s\n", strrchr(from, '/') + 1, strrchr(to, '/') + 1);
    return wsl_fs_posix()->rename(wsl_fs_posix(), from, to, err);
}

Test(gen, files_are_written_hidden_and_appear_by_rename)
{
    char *dir = new_dir();
    const gen_options o = OPTIONS("gen", "text", "--count", "20", "--files", "2", "--out", dir);
    watched_fs w = {.fs = *wsl_fs_posix()};
    sink s = {0};
    gen_summary summary;
    wsl_error err = {0};

    w.fs.open = watched_open;
    w.fs.rename = watched_rename;
    wsl_strbuf_init(&w.events);
    wsl_manual_clock_init(&s.clock, 0);
    const gen_seams seams = {&w.fs, &s.clock.clock, wait, take, &s};
    cr_assert_eq(gen_run(&o, &seams, &summary, &err), WSL_OK, "%s", err.text);
    cr_assert_str_eq(w.events.data, "open .text-000000.txt.tmp\nrename .text-000000.txt.tmp text-000000.txt\n"
                                    "open .text-000001.txt.tmp\nrename .text-000001.txt.tmp text-000001.txt\n");
    wsl_strbuf_fini(&w.events);
    drop_dir(dir);
}

Test(gen, files_of_an_earlier_run_are_not_touched_without_force)
{
    char *dir = new_dir();
    const gen_options first = OPTIONS("gen", "text", "--count", "20", "--files", "3", "--out", dir);
    const gen_options force = OPTIONS("gen", "text", "--count", "20", "--force", "--seed", "2", "--out", dir);
    sink s = {0};
    gen_summary summary;
    wsl_error err = {0};
    const gen_seams seams = {wsl_fs_posix(), &s.clock.clock, wait, take, &s};
    listing l = {0};

    wsl_manual_clock_init(&s.clock, 0);
    (void)run_into(&s, &first);
    char *before = file_text(dir, "text-000000.txt");
    cr_assert_eq(gen_run(&first, &seams, &summary, &err), WSL_EXISTS);
    cr_assert(has_text(err.text, "--force"), "%s", err.text);
    (void)run_into(&s, &force);
    char *after = file_text(dir, "text-000000.txt");
    cr_assert_str_neq(before, after);
    cr_assert_eq(wsl_fs_posix()->list(wsl_fs_posix(), dir, list_one, &l, NULL), WSL_OK);
    char *stale = wsl_asprintf("%s/text-000002.txt", dir);
    wsl_file_info info;
    cr_assert_eq(wsl_fs_posix()->stat(wsl_fs_posix(), stale, &info, NULL), WSL_NOT_FOUND);
    free(stale);
    free(before);
    free(after);
    drop_dir(dir);
}

Test(gen, prices_come_with_a_baseline_that_watchers_ignore)
{
    char *dir = new_dir();
    const gen_options o = OPTIONS("gen", "prices", "--count", "100", "--symbols", "12", "--out", dir);
    sink s = {0};
    uint32_t lines = 0;

    wsl_manual_clock_init(&s.clock, 0);
    (void)run_into(&s, &o);
    char *text = file_text(dir, "_baseline.json");
    for (const char *c = text; *c != '\0'; c++) {
        lines += *c == '\n';
    }
    cr_assert_eq(lines, 12);
    cr_assert(has_text(text, "{\"symbol\":\"AAPL\",\"price\":"));
    cr_assert(has_text(text, ",\"ts\":1767225600000}"));
    free(text);
    drop_dir(dir);
}

Test(gen, live_records_do_not_appear_before_they_are_due)
{
    const gen_options o = OPTIONS("gen", "clicks", "--live", "--rate", "100", "--count", "1000", "--out", "-");
    sink s = {0};

    wsl_strbuf_init(&s.text);
    wsl_manual_clock_init(&s.clock, 5000000);
    const gen_summary summary = run_into(&s, &o);
    cr_assert_eq(summary.records, 1000);
    cr_assert_eq(s.waits, 40, "25 records in 250 ms");
    cr_assert_eq(s.clock.now_ns, 9990 * (int64_t)WSL_NS_PER_MS, "the last of 1000 at 100/s is due at 9.99 s");
    cr_assert_eq(summary.first_ts, 5000000, "time follows the clock");
    wsl_strbuf_fini(&s.text);
}

Test(gen, a_live_run_ends_whole_when_it_is_stopped)
{
    char *dir = new_dir();
    const gen_options o = OPTIONS("gen", "clicks", "--live", "--rate", "1000", "--out", dir);
    sink s = {.stop_after = 3};
    listing l = {0};

    wsl_manual_clock_init(&s.clock, 0);
    const gen_summary summary = run_into(&s, &o);
    cr_assert(summary.stopped);
    cr_assert_eq(summary.records, 750);
    cr_assert_eq(wsl_fs_posix()->list(wsl_fs_posix(), dir, list_one, &l, NULL), WSL_OK);
    cr_assert_eq(l.n, 3);
    cr_assert_not(l.hidden);
    drop_dir(dir);
}

Test(gen, wrong_options_are_named_in_one_sentence)
{
    static const struct {
        const char *argv[8];
        const char *says;
    } cases[] = {
        {{"gen"}, "say what to make"},
        {{"gen", "trade", "--out", "x"}, "unknown kind 'trade'"},
        {{"gen", "trades"}, "--out is missing"},
        {{"gen", "trades", "--out"}, "--out needs a value"},
        {{"gen", "trades", "--out", ""}, "--out takes a path"},
        {{"gen", "trades", "--out", "x", "--count", "many"}, "--count takes a whole number"},
        {{"gen", "trades", "--out", "x", "--count", "0"}, "--count must be at least 1"},
        {{"gen", "trades", "--out", "x", "--count", "-5"}, "--count takes a whole number"},
        {{"gen", "trades", "--out", "x", "--rate", "0"}, "--rate takes records per second"},
        {{"gen", "trades", "--out", "x", "--rate", "1e3"}, "--rate takes records per second"},
        {{"gen", "trades", "--out", "x", "--files", "0"}, "--files takes a whole number"},
        {{"gen", "trades", "--out", "x", "--files=2", "--records-per-file=5"}, "exclude each other"},
        {{"gen", "trades", "--out", "x", "--backdated", "1.5"}, "--backdated takes a share"},
        {{"gen", "trades", "--out", "x", "--live", "--files=3"}, "--files needs --count"},
        {{"gen", "trades", "--out", "x", "--live=yes"}, "--live takes no value"},
        {{"gen", "trades", "--out", "x", "--sed", "4"}, "unknown option '--sed'"},
        {{"gen", "trades", "prices", "--out", "x"}, "unexpected argument 'prices'"},
        {{"gen", "trades", "--out", "x", "--seed", "99999999999999999999"}, "--seed takes a whole number"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        gen_options o;
        wsl_error err = {0};
        int argc = 0;
        while (argc < 8 && cases[i].argv[argc] != NULL) {
            argc++;
        }
        cr_assert_eq(gen_options_parse(argc, (char **)cases[i].argv, &o, &err), WSL_INVALID, "%s", cases[i].says);
        cr_assert(has_text(err.text, cases[i].says), "'%s' does not say '%s'", err.text, cases[i].says);
        cr_assert_not(has_text(err.text, "\n"));
    }
}

Test(gen, rates_may_be_decimals_and_times_do_not_drift)
{
    const gen_options o = OPTIONS("gen", "text", "--rate", "0.5", "--out", "-");
    const gen_options fast = OPTIONS("gen", "text", "--rate", "3", "--out", "-");

    cr_assert_eq(gen_options_offset_ms(&o, 3), 6000);
    cr_assert_eq(gen_options_offset_ms(&fast, 3000000), 1000000000);
    cr_assert_eq(gen_options_offset_ms(&fast, 1), 333);
}
