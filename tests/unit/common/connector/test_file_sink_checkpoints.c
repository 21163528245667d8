/* The file sink in a job with checkpoints: whatever fails, and wherever, each row is visible once. */
#include "connector_fixture.h"

#include "base/rng.h"

WSL_ROW(row, (int64, n));

/* ---- what a checkpoint has ---- */

typedef struct saved {
    wsl_saver saver; /* first */
    WSL_VEC(wsl_split) pieces;
} saved;

static void save_piece(wsl_saver *saver, const wsl_split *piece)
{
    saved *s = (saved *)(void *)saver;
    const wsl_split copy = {wsl_strdup(piece->name), wsl_memdup(piece->bytes, piece->size), piece->size};
    wsl_vec_push(&s->pieces, copy);
}

static void saved_clear(saved *s)
{
    for (uint32_t i = 0; i < s->pieces.n; i++) {
        free((void *)(uintptr_t)s->pieces.items[i].name);
        free((void *)(uintptr_t)s->pieces.items[i].bytes);
    }
    wsl_vec_fini(&s->pieces);
    s->saver.add = save_piece;
}

static const wsl_row *number(int64_t n)
{
    static uint64_t memory[16];
    wsl_row_writer w;
    (void)wsl_row_writer_init(&w, memory, sizeof memory, row_n_fields);
    row_set_n(&w, n);
    return w.row;
}

static void begin_sink(sink *s, world *w, const char *const *options, uint32_t attempt, uint32_t subtask, uint32_t parallelism)
{
    sink_init(s, w, &wsl_file_sink, &row_schema, options);
    s->ctx.checkpoints = true;
    s->ctx.operator_uid = "out";
    s->ctx.attempt = attempt;
    s->ctx.subtask = subtask;
    s->ctx.parallelism = parallelism;
}

static wsl_status prepare(sink *s, uint64_t checkpoint, saved *into, wsl_error *err)
{
    saved_clear(into);
    return s->cls->writer->prepare(s->writer, &s->ctx, checkpoint, &into->saver, err);
}
static wsl_status commit(sink *s, uint64_t checkpoint, wsl_error *err)
{
    return s->cls->writer->commit(s->writer, &s->ctx, checkpoint, err);
}
static wsl_status restore(sink *s, const saved *from, wsl_error *err)
{
    return s->cls->writer->restore(s->writer, &s->ctx, from->pieces.items, from->pieces.n, err);
}
static wsl_status flush(sink *s, wsl_error *err) { return s->cls->writer->flush(s->writer, &s->ctx, err); }
static wsl_status finish(sink *s, wsl_error *err) { return s->cls->writer->finish(s->writer, &s->ctx, err); }

/* ---- what readers see ---- */

enum { ROWS_MAX = 256 };

typedef struct seen {
    world *w;
    const char *dir;
    uint32_t times[ROWS_MAX];
    uint32_t n, hidden;
} seen;

static bool see_file(void *arg, const char *name, const wsl_file_info *info)
{
    seen *s = (seen *)arg;
    (void)info;
    s->hidden += name[0] == '.';
    return true;
}

typedef struct name_list {
    WSL_VEC(char *) names;
} name_list;

static bool see_name(void *arg, const char *name, const wsl_file_info *info)
{
    (void)info;
    if (name[0] != '.') {
        wsl_vec_push(&((name_list *)arg)->names, wsl_strdup(name));
    }
    return true;
}

/* Counts rows of visible files; lines are whole. */
static void look(seen *s, world *w, const char *dir)
{
    *s = (seen){.w = w, .dir = dir};
    name_list list = {0};
    wsl_file_info info;
    if (w->fs->stat(w->fs, dir, &info, NULL) != WSL_OK) {
        return;
    }
    cr_assert_eq(w->fs->list(w->fs, dir, see_file, s, NULL), WSL_OK);
    cr_assert_eq(w->fs->list(w->fs, dir, see_name, &list, NULL), WSL_OK);
    for (uint32_t i = 0; i < list.names.n; i++) {
        char *path = wsl_asprintf("%s/%s", dir, list.names.items[i]);
        char *text = file_text(w, path);
        for (char *line = text; *line != '\0';) {
            char *end = strchr(line, '\n');
            cr_assert_not_null(end, "'%s' ends with a torn line", path);
            *end = '\0';
            int64_t n = -1;
            cr_assert(sscanf(line, "{\"n\":%ld}", &n) == 1 && n >= 0 && n < ROWS_MAX, "'%s' in %s", line, path);
            s->times[n]++;
            s->n++;
            line = end + 1;
        }
        free(text);
        free(path);
        free(list.names.items[i]);
    }
    wsl_vec_fini(&list.names);
}

/* Rows [0, n) are seen, each once, and no others. */
static void expect_rows(world *w, const char *dir, uint32_t n, const char *why)
{
    seen s;
    look(&s, w, dir);
    for (uint32_t i = 0; i < ROWS_MAX; i++) {
        cr_assert_eq(s.times[i], (uint32_t)(i < n), "%s: row %u is there %u times", why, i, s.times[i]);
    }
}

/* ---- the examples ---- */

static void example_40(bool roll)
{
    world w;
    world_init(&w);
    wsl_error err = {0};
    saved cp = {0};
    sink s;
    const char *const *options = roll ? OPTIONS("path=/out", "roll-on-checkpoint=true") : OPTIONS("path=/out");
    begin_sink(&s, &w, options, 1, 0, 1);
    cr_assert_eq(sink_open(&s, &err), WSL_OK, "%s", err.text);
    cr_assert_eq(sink_write(&s, number(0), &err), WSL_OK);
    cr_assert_eq(sink_write(&s, number(1), &err), WSL_OK);
    cr_assert_eq(prepare(&s, 1, &cp, &err), WSL_OK, "%s", err.text);
    expect_rows(&w, "/out", 0, "a barrier shows nothing");
    cr_assert_eq(commit(&s, 1, &err), WSL_OK, "%s", err.text);
    expect_rows(&w, "/out", roll ? 2 : 0, "after the checkpoint");
    cr_assert_eq(sink_write(&s, number(2), &err), WSL_OK);
    cr_assert_eq(flush(&s, &err), WSL_OK);
    sink_fini(&s);
    wsl_mem_fs_crash(w.mem);
    expect_rows(&w, "/out", roll ? 2 : 0, "after the crash");

    begin_sink(&s, &w, options, 2, 0, 1);
    cr_assert_eq(sink_open(&s, &err), WSL_OK, "%s", err.text);
    cr_assert_eq(restore(&s, &cp, &err), WSL_OK, "%s", err.text);
    cr_assert_eq(sink_write(&s, number(2), &err), WSL_OK);
    cr_assert_eq(finish(&s, &err), WSL_OK, "%s", err.text);
    expect_rows(&w, "/out", roll ? 2 : 0, "the end alone shows nothing: a failure could take it back");
    cr_assert_eq(prepare(&s, 2, &cp, &err), WSL_OK);
    cr_assert_eq(commit(&s, 2, &err), WSL_OK);
    expect_rows(&w, "/out", 3, "after recovery and end");
    sink_fini(&s);
    seen all;
    look(&all, &w, "/out");
    cr_assert_eq(all.hidden, 0, "nothing is left behind");
    saved_clear(&cp);
    world_fini(&w);
}

Test(file_sink_checkpoints, example_40_roll_on_checkpoint) { example_40(true); }
Test(file_sink_checkpoints, example_40_default_policy) { example_40(false); }

Test(file_sink_checkpoints, example_52_killed_between_metadata_and_notice)
{
    world w;
    world_init(&w);
    wsl_error err = {0};
    saved cp = {0};
    sink s;
    const char *const *options = OPTIONS("path=/out", "roll-on-checkpoint=true");
    begin_sink(&s, &w, options, 1, 0, 1);
    cr_assert_eq(sink_open(&s, &err), WSL_OK, "%s", err.text);
    cr_assert_eq(sink_write(&s, number(0), &err), WSL_OK);
    cr_assert_eq(prepare(&s, 7, &cp, &err), WSL_OK);
    sink_fini(&s);
    wsl_mem_fs_crash(w.mem);
    expect_rows(&w, "/out", 0, "before");
    for (uint32_t attempt = 2; attempt < 4; attempt++) { /* the second time they have been finished already */
        begin_sink(&s, &w, options, attempt, 0, 1);
        cr_assert_eq(sink_open(&s, &err), WSL_OK);
        cr_assert_eq(restore(&s, &cp, &err), WSL_OK, "%s", err.text);
        expect_rows(&w, "/out", 1, "finished on restore");
        cr_assert_eq(commit(&s, 7, &err), WSL_OK, "a late notice");
        sink_fini(&s);
        wsl_mem_fs_crash(w.mem);
        expect_rows(&w, "/out", 1, "once");
    }
    saved_clear(&cp);
    world_fini(&w);
}

/* It was frozen, taken for dead, and takes part in one more checkpoint, which is given up, before it hears of that. */
Test(file_sink_checkpoints, what_a_frozen_writer_leaves_goes_at_the_end)
{
    world w;
    world_init(&w);
    wsl_error err = {0};
    saved cp = {0}, given_up = {0};
    sink frozen, s;
    const char *const *options = OPTIONS("path=/out", "roll-on-checkpoint=true");
    begin_sink(&frozen, &w, options, 1, 0, 1);
    cr_assert_eq(sink_open(&frozen, &err), WSL_OK, "%s", err.text);
    cr_assert_eq(sink_write(&frozen, number(0), &err), WSL_OK);
    cr_assert_eq(prepare(&frozen, 1, &cp, &err), WSL_OK);

    begin_sink(&s, &w, options, 2, 0, 1);
    cr_assert_eq(sink_open(&s, &err), WSL_OK);
    cr_assert_eq(restore(&s, &cp, &err), WSL_OK, "%s", err.text);
    cr_assert_eq(sink_write(&frozen, number(1), &err), WSL_OK);
    cr_assert_eq(prepare(&frozen, 2, &given_up, &err), WSL_OK);
    sink_fini(&frozen);

    cr_assert_eq(sink_write(&s, number(1), &err), WSL_OK);
    cr_assert_eq(finish(&s, &err), WSL_OK);
    cr_assert_eq(prepare(&s, 3, &cp, &err), WSL_OK);
    cr_assert_eq(commit(&s, 3, &err), WSL_OK, "%s", err.text);
    expect_rows(&w, "/out", 2, "at the end");
    seen all;
    look(&all, &w, "/out");
    cr_assert_eq(all.hidden, 0, "nothing is left behind");
    sink_fini(&s);
    saved_clear(&cp);
    saved_clear(&given_up);
    world_fini(&w);
}

Test(file_sink_checkpoints, rolls_when_nothing_comes)
{
    world w;
    world_init(&w);
    wsl_error err = {0};
    saved cp = {0};
    sink s;
    begin_sink(&s, &w, OPTIONS("path=/out", "roll-inactivity=10s", "roll-interval=1h"), 1, 0, 1);
    cr_assert_eq(sink_open(&s, &err), WSL_OK);
    cr_assert_eq(sink_write(&s, number(0), &err), WSL_OK);
    cr_assert_eq(flush(&s, &err), WSL_OK);
    wsl_manual_clock_advance(&w.clock, 9 * WSL_NS_PER_S);
    cr_assert_eq(sink_write(&s, number(1), &err), WSL_OK);
    cr_assert_eq(flush(&s, &err), WSL_OK);
    cr_assert_eq(s.wake_at_ns, wsl_now_ns(&w.clock.clock) + 10 * WSL_NS_PER_S);
    wsl_manual_clock_advance(&w.clock, 9 * WSL_NS_PER_S);
    cr_assert_eq(prepare(&s, 1, &cp, &err), WSL_OK);
    cr_assert_eq(commit(&s, 1, &err), WSL_OK);
    expect_rows(&w, "/out", 0, "nine seconds after the last row");
    wsl_manual_clock_advance(&w.clock, WSL_NS_PER_S);
    cr_assert_eq(flush(&s, &err), WSL_OK);
    cr_assert_eq(prepare(&s, 2, &cp, &err), WSL_OK);
    expect_rows(&w, "/out", 0, "closed is not visible");
    cr_assert_eq(commit(&s, 2, &err), WSL_OK);
    expect_rows(&w, "/out", 2, "ten seconds after the last row");
    sink_fini(&s);
    saved_clear(&cp);
    world_fini(&w);
}

Test(file_sink_checkpoints, one_file_is_cut_back_to_the_checkpoint)
{
    world w;
    world_init(&w);
    wsl_error err = {0};
    saved cp = {0};
    sink s;
    put_dir(&w, "/out");
    const char *const *options = OPTIONS("path=/out/all", "single-file=true", "overwrite=true");
    begin_sink(&s, &w, options, 1, 0, 1);
    cr_assert_eq(sink_open(&s, &err), WSL_OK);
    cr_assert_eq(sink_write(&s, number(0), &err), WSL_OK);
    cr_assert_eq(prepare(&s, 1, &cp, &err), WSL_OK);
    cr_assert_eq(sink_write(&s, number(1), &err), WSL_OK);
    cr_assert_eq(flush(&s, &err), WSL_OK);
    expect_rows(&w, "/out", 2, "visible while it grows");
    sink_fini(&s);

    begin_sink(&s, &w, options, 2, 0, 1);
    wsl_operator_states restored = {.restored = true};
    s.ctx.operator_states = &restored;
    cr_assert_eq(sink_open(&s, &err), WSL_OK);
    cr_assert_eq(restore(&s, &cp, &err), WSL_OK, "%s", err.text);
    expect_rows(&w, "/out", 1, "as the checkpoint was");
    cr_assert_eq(sink_write(&s, number(1), &err), WSL_OK);
    cr_assert_eq(finish(&s, &err), WSL_OK);
    sink_fini(&s);
    expect_rows(&w, "/out", 2, "at the end");
    saved_clear(&cp);
    world_fini(&w);
}

/* ---- a job around it ---- */

enum { ROWS = 24, SUBTASKS_MAX = 4, STEPS_MAX = 100000 };

typedef struct job {
    world w;
    wsl_rng rng;
    const char *const *options;
    uint32_t attempt, parallelism;
    sink sinks[SUBTASKS_MAX];
    sink old[SUBTASKS_MAX]; /* of the attempt before, which does not know yet that it has failed */
    uint32_t n_sinks, n_old;
    uint64_t old_checkpoint; /* of which they may be told late */
    uint32_t position; /* of the source */
    bool ended;
    uint64_t next_checkpoint;
    saved done[SUBTASKS_MAX]; /* the last complete checkpoint */
    uint32_t done_parallelism, done_position;
    uint64_t done_id;
    bool rescales, zombies, power_fails;
} job;

static void close_old(job *j)
{
    for (uint32_t i = 0; i < j->n_old; i++) {
        sink_fini(&j->old[i]);
    }
    j->n_old = 0;
}

/* The attempt is over. */
static void stop_attempt(job *j)
{
    close_old(j);
    memcpy(j->old, j->sinks, sizeof j->old);
    j->n_old = j->n_sinks;
    j->old_checkpoint = j->done_id;
    j->n_sinks = 0;
    if (!j->zombies) {
        close_old(j);
    }
}

static wsl_status start_attempt(job *j, wsl_error *err)
{
    j->attempt++;
    j->parallelism = j->rescales ? 1 + (uint32_t)wsl_rng_below(&j->rng, SUBTASKS_MAX) : 2;
    j->position = j->done_position;
    j->ended = false;
    for (uint32_t i = 0; i < j->parallelism; i++) {
        begin_sink(&j->sinks[i], &j->w, j->options, j->attempt, i, j->parallelism);
        j->n_sinks++;
        WSL_TRY(sink_open(&j->sinks[i], err));
        if (j->done_id == 0) {
            continue;
        }
        saved pieces = {0}; /* as they are dealt out */
        for (uint32_t k = i; k < j->done_parallelism; k += j->parallelism) {
            for (uint32_t p = 0; p < j->done[k].pieces.n; p++) {
                wsl_vec_push(&pieces.pieces, j->done[k].pieces.items[p]);
            }
        }
        const wsl_status status = restore(&j->sinks[i], &pieces, err);
        wsl_vec_fini(&pieces.pieces);
        WSL_TRY(status);
    }
    return WSL_OK;
}

/* Prepares all; when all have, it is complete. Then notices, which may be lost, late or come twice. */
static wsl_status checkpoint(job *j, bool sure, wsl_error *err)
{
    saved now[SUBTASKS_MAX] = {0};
    const uint64_t id = ++j->next_checkpoint;
    wsl_status status = WSL_OK;
    for (uint32_t i = 0; i < j->parallelism && status == WSL_OK; i++) {
        status = prepare(&j->sinks[i], id, &now[i], err);
    }
    const bool complete = status == WSL_OK && (sure || wsl_rng_below(&j->rng, 5) > 0); /* else another task declined */
    for (uint32_t i = 0; i < SUBTASKS_MAX; i++) {
        if (complete) {
            saved_clear(&j->done[i]);
            j->done[i] = now[i];
        } else {
            saved_clear(&now[i]);
        }
    }
    if (!complete) {
        return status;
    }
    j->done_parallelism = j->parallelism;
    j->done_position = j->position;
    j->done_id = id;
    for (uint32_t i = 0; i < j->parallelism; i++) {
        for (uint64_t notices = sure ? 1 : wsl_rng_below(&j->rng, 3); notices > 0; notices--) {
            WSL_TRY(commit(&j->sinks[i], id, err));
        }
    }
    return WSL_OK;
}

/* What a stopped process does when it goes on. */
static void haunt(job *j)
{
    if (j->n_old == 0) {
        return;
    }
    sink *s = &j->old[wsl_rng_below(&j->rng, j->n_old)];
    saved nowhere = {0};
    switch (wsl_rng_below(&j->rng, 6)) {
    case 0:
        (void)sink_write(s, number(ROWS_MAX - 1), NULL);
        (void)flush(s, NULL);
        break;
    case 1:
        (void)prepare(s, j->next_checkpoint + 100, &nowhere, NULL);
        saved_clear(&nowhere);
        break;
    case 2:
        (void)commit(s, j->old_checkpoint, NULL);
        break;
    case 3:
        (void)finish(s, NULL);
        break;
    case 4:
        close_old(j);
        break;
    default:
        break;
    }
}

static wsl_status one_step(job *j, wsl_error *err)
{
    haunt(j);
    const uint64_t what = wsl_rng_below(&j->rng, 10);
    if (what == 0) {
        return checkpoint(j, false, err);
    }
    if (what == 1) {
        wsl_manual_clock_advance(&j->w.clock, WSL_NS_PER_S);
        return flush(&j->sinks[wsl_rng_below(&j->rng, j->parallelism)], err);
    }
    if (j->position < ROWS) {
        const uint32_t n = j->position++;
        return sink_write(&j->sinks[n % j->parallelism], number(n), err);
    }
    if (!j->ended) {
        j->ended = true;
        for (uint32_t i = 0; i < j->parallelism; i++) {
            WSL_TRY(finish(&j->sinks[i], err));
        }
        return WSL_OK;
    }
    return checkpoint(j, true, err);
}

/* Visible is what is in a complete checkpoint, or nothing; never a row twice. */
static void check_visible(job *j)
{
    seen s;
    look(&s, &j->w, "/out");
    for (uint32_t i = 0; i < ROWS_MAX; i++) {
        cr_assert_leq(s.times[i], (uint32_t)(i < j->done_position), "row %u is there %u times, the checkpoint is at %u", i,
                      s.times[i], j->done_position);
    }
}

static void fail_over(job *j)
{
    stop_attempt(j);
    wsl_mem_fs_fail_at(j->w.mem, 0, WSL_OK, false);
    if (j->power_fails) {
        close_old(j);
        wsl_mem_fs_crash(j->w.mem);
    }
    check_visible(j);
}

/* Returns the number of file operations. fail_at 0: none fails. */
static uint64_t run_job(uint64_t seed, uint64_t fail_at, bool for_ever, uint64_t fail_one_of, job settings)
{
    job *j = wsl_zalloc(sizeof *j);
    *j = settings;
    wsl_error err = {0};
    world_init(&j->w);
    put_dir(&j->w, "/out");
    wsl_rng_seed(&j->rng, seed);
    const char *sizes[] = {"roll-size=1", "roll-size=30", "roll-size=1mb"};
    const char *rolls[] = {"roll-on-checkpoint=true", "roll-on-checkpoint=false"};
    const char *const options[] = {"path=/out", sizes[wsl_rng_below(&j->rng, 3)], rolls[wsl_rng_below(&j->rng, 2)],
                                   "roll-interval=20s", "roll-inactivity=3s", NULL};
    j->options = options;
    wsl_mem_fs_fail_at(j->w.mem, fail_at, WSL_IO, for_ever);
    wsl_status status = start_attempt(j, &err);
    uint64_t operations = 0;
    for (uint32_t step = 0;; step++) {
        cr_assert_lt(step, STEPS_MAX);
        operations = fail_at == 0 ? wsl_mem_fs_operations(j->w.mem) : 0;
        if (status == WSL_OK && j->ended && j->done_position == ROWS && j->position == ROWS && j->done_id == j->next_checkpoint) {
            bool all = true; /* the task waits for the notice of a checkpoint taken behind the end */
            for (uint32_t i = 0; i < j->parallelism && all; i++) {
                all = commit(&j->sinks[i], j->done_id, &err) == WSL_OK;
            }
            seen s;
            look(&s, &j->w, "/out");
            if (all && s.n == ROWS) {
                break;
            }
        }
        if (status != WSL_OK || (fail_one_of > 0 && wsl_rng_below(&j->rng, fail_one_of) == 0)) {
            fail_over(j);
            err = (wsl_error){0};
            status = start_attempt(j, &err);
            cr_assert(fail_at == 0 ? status == WSL_OK : true, "seed %lu: %s", (unsigned long)seed, err.text);
            continue;
        }
        status = one_step(j, &err);
        cr_assert(status == WSL_OK || fail_at > 0, "seed %lu: %s", (unsigned long)seed, err.text);
    }
    fail_over(j);
    expect_rows(&j->w, "/out", ROWS, "at the end");
    close_old(j);
    for (uint32_t i = 0; i < SUBTASKS_MAX; i++) {
        saved_clear(&j->done[i]);
    }
    world_fini(&j->w);
    free(j);
    return operations;
}

Test(file_sink_checkpoints, each_row_is_visible_once_whatever_operation_fails)
{
    for (uint64_t seed = 1; seed <= 6; seed++) {
        const uint64_t operations = run_job(seed, 0, false, 0, (job){0});
        cr_assert_gt(operations, 20);
        for (uint64_t k = 1; k <= operations; k++) {
            run_job(seed, k, false, 0, (job){0});
            run_job(seed, k, true, 0, (job){.power_fails = true});
        }
    }
}

Test(file_sink_checkpoints, each_row_is_visible_once_after_failures_at_any_moment)
{
    for (uint64_t seed = 1; seed <= 300; seed++) {
        run_job(seed, 0, false, 30, (job){.rescales = seed % 2 == 0, .power_fails = seed % 3 == 0});
    }
}

Test(file_sink_checkpoints, a_writer_that_was_stopped_and_goes_on_changes_nothing)
{
    for (uint64_t seed = 1; seed <= 300; seed++) {
        run_job(seed, 0, false, 20, (job){.rescales = seed % 2 == 0, .zombies = true});
    }
}
