/*
 * run - records are made in order and cut into files:
 *
 *     rng -> record 0 1 2 ... | 5 6 ...      | ...
 *            '-- file 0 ------' '-- file 1 --'
 *
 * A live run waits, before each file, until its last record is due, so that no record appears before its time.
 */
#include "examples/gen/run.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "base/strbuf.h"
#include "examples/gen/kind.h"
#include "examples/gen/publish.h"

enum { WRITE_BYTES = 256 << 10, KIND_STREAM = 0x57 };

typedef struct generator {
    const gen_options *o;
    const gen_seams *seams;
    gen_summary *summary;
    gen_publisher *publisher; /* NULL: standard output */
    void *state;
    wsl_rng rng;
    wsl_strbuf text;
    int64_t start_ts;
    int64_t start_ns;
} generator;

/* Each kind draws from a stream of its own, so that trades and prices of one seed are not the same numbers. */
static uint64_t stream_seed(const gen_options *o)
{
    uint64_t seed = o->seed ^ KIND_STREAM;

    for (const char *c = o->kind->name; *c != '\0'; c++) {
        seed = (seed ^ (uint64_t)*c) * UINT64_C(0x100000001b3);
    }
    return seed;
}

static wsl_status flush_text(generator *g, wsl_error *err)
{
    const size_t size = g->text.size;

    if (size == 0) {
        return WSL_OK;
    }
    if (g->publisher != NULL) {
        WSL_TRY(gen_publisher_write(g->publisher, g->text.data, size, err));
    } else {
        WSL_TRY(g->seams->write_stdout(g->seams->arg, g->text.data, size, err));
    }
    g->summary->bytes += size;
    wsl_strbuf_clear(&g->text);
    return WSL_OK;
}

static void add_record(generator *g, uint64_t index)
{
    const int64_t offset_ms = gen_options_offset_ms(g->o, index);
    gen_record record = {.index = index, .offset_ms = offset_ms, .ts = g->start_ts + offset_ms};
    gen_summary *s = g->summary;

    g->o->kind->record(g->state, &g->rng, &record, &g->text);
    s->first_ts = s->records == 0 || record.ts < s->first_ts ? record.ts : s->first_ts;
    s->last_ts = s->records == 0 || record.ts > s->last_ts ? record.ts : s->last_ts;
    s->backdated += record.backdated;
    s->malformed += record.malformed;
    s->records++;
}

/* Index of the first record behind file k; `count` for the last file. */
static uint64_t file_end(const gen_options *o, uint64_t k)
{
    if (o->files != 0) {
        return (uint64_t)((unsigned __int128)o->count * (k + 1) / o->files);
    }
    const uint64_t end = (k + 1) * o->records_per_file;
    return o->count != 0 && end > o->count ? o->count : end;
}

static bool wait_for_record(generator *g, uint64_t index)
{
    const __int128 ns = (__int128)index * 1000 * WSL_NS_PER_S / g->o->rate_milli;

    return !g->o->live || g->seams->wait(g->seams->arg, g->start_ns + (int64_t)ns);
}

static wsl_status make_file(generator *g, uint64_t from, uint64_t to, wsl_error *err)
{
    for (uint64_t i = from; i < to; i++) {
        add_record(g, i);
        if (g->text.size >= WRITE_BYTES) {
            WSL_TRY(flush_text(g, err));
        }
    }
    WSL_TRY(flush_text(g, err));
    if (g->publisher == NULL) {
        return WSL_OK;
    }
    WSL_TRY(gen_publisher_publish(g->publisher, err));
    g->summary->files = gen_publisher_files(g->publisher);
    return WSL_OK;
}

static wsl_status make_all(generator *g, wsl_error *err)
{
    const gen_options *o = g->o;
    const bool endless = o->live && o->count == 0;
    uint64_t from = 0;

    for (uint64_t k = 0; endless || (o->files != 0 ? k < o->files : from < o->count); k++) {
        const uint64_t to = file_end(o, k);
        if (!wait_for_record(g, to == 0 ? 0 : to - 1)) {
            g->summary->stopped = true;
            return WSL_OK;
        }
        WSL_TRY(make_file(g, from, to, err));
        from = to;
    }
    return WSL_OK;
}

static wsl_status write_baseline(generator *g, wsl_error *err)
{
    const gen_options *o = g->o;

    if (o->kind->baseline == NULL || (o->baseline == NULL && strcmp(o->out, "-") == 0)) {
        return WSL_OK;
    }
    char *path = o->baseline != NULL ? wsl_strdup(o->baseline) : wsl_asprintf("%s/_baseline.json", o->out);
    o->kind->baseline(g->state, g->start_ts, &g->text);
    const wsl_status status = wsl_fs_write_atomic(g->seams->fs, path, g->text.data, g->text.size, err);
    wsl_strbuf_clear(&g->text);
    free(path);
    return status;
}

static wsl_status run(generator *g, wsl_error *err)
{
    const gen_options *o = g->o;

    if (strcmp(o->out, "-") != 0) {
        WSL_TRY(
            gen_publisher_new(g->seams->fs, o->out, o->kind->name, o->kind->extension, o->force, &g->publisher, err));
    }
    WSL_TRY(write_baseline(g, err));
    return make_all(g, err);
}

wsl_status gen_run(const gen_options *o, const gen_seams *seams, gen_summary *out_summary, wsl_error *err)
{
    generator g = {.o = o, .seams = seams, .summary = out_summary, .start_ts = o->start_ts};

    *out_summary = (gen_summary){0};
    g.start_ns = wsl_now_ns(seams->clock);
    if (o->live && !o->start_ts_given) {
        g.start_ts = wsl_wall_ms(seams->clock);
    }
    wsl_rng_seed(&g.rng, stream_seed(o));
    wsl_strbuf_init(&g.text);
    g.state = wsl_zalloc(o->kind->state_size);
    o->kind->open(g.state, o, &g.rng);

    const wsl_status status = run(&g, err);

    out_summary->took_ns = wsl_now_ns(seams->clock) - g.start_ns;
    o->kind->close(g.state);
    free(g.state);
    gen_publisher_free(g.publisher);
    wsl_strbuf_fini(&g.text);
    return status;
}
