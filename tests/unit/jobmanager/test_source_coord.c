#include "jobmanager/source_coord.h"

#include <stdio.h>

#include "base/alloc.h"
#include "harness/wsl_test.h"

/* An enumerator that does what the test's script says at each discover. */
typedef struct script {
    wsl_status status;
    bool retriable;
    int64_t next_in_ms;
    uint32_t n_splits;
} script;

static script steps[16];
static uint32_t n_discovered;
static uint32_t n_named;
static bool open_fails;

static wsl_status fake_open(void *self, wsl_enum_ctx *ctx, wsl_error *err)
{
    (void)self;
    (void)ctx;
    return open_fails ? wsl_fail(err, WSL_NOT_FOUND, "the directory is not there") : WSL_OK;
}

static wsl_status fake_discover(void *self, wsl_enum_ctx *ctx, int64_t *out_next_ms, wsl_error *err)
{
    (void)self;
    const script *s = &steps[n_discovered++];
    for (uint32_t i = 0; i < s->n_splits; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "split-%u", n_named++);
        const wsl_split split = {.name = name, .bytes = name, .size = 7};
        cr_assert_eq(ctx->add_split(ctx, &split), WSL_OK);
    }
    *out_next_ms = wsl_wall_ms(ctx->clock) + s->next_in_ms;
    if (s->status != WSL_OK && s->status != WSL_END) {
        (void)wsl_fail(err, s->status, "the disk is tired");
        err->retriable = s->retriable;
    }
    return s->status;
}

static void fake_close(void *self) { (void)self; }

static const wsl_enumerator_class enumerator = {
    .size = 1, .open = fake_open, .discover = fake_discover, .close = fake_close};
static const wsl_option no_options[] = {{0}};
static const wsl_source_class source_class = {.name = "fake", .options = no_options, .enumerator = &enumerator};

typedef struct answers {
    char log[2048];
} answers;

static void on_answer(void *arg, uint32_t op, uint32_t subtask, jm_split_answer what, const wsl_split *split)
{
    answers *a = arg;
    char line[64];
    cr_assert_eq(op, 3u);
    (void)snprintf(line, sizeof line, "%u:%s ", subtask,
                   what == JM_SPLIT_ASSIGNED   ? split->name
                   : what == JM_SPLIT_NONE_YET ? "none-yet"
                                               : "no-more");
    strcat(a->log, line);
}

typedef struct fixture {
    wsl_manual_clock clock;
    answers answers;
    jm_source *source;
} fixture;

static void setup(fixture *f)
{
    *f = (fixture){0};
    memset(steps, 0, sizeof steps);
    n_discovered = 0;
    n_named = 0;
    open_fails = false;
    wsl_manual_clock_init(&f->clock, 1000000);
    const wsl_option *const tables[] = {no_options};
    const jm_source_options o = {.operator_id = 3,
                                 .operator_name = "files",
                                 .cls = &source_class,
                                 .config = wsl_config_new(tables, 1),
                                 .parallelism = 4,
                                 .remember_finished = true,
                                 .answer = on_answer,
                                 .answer_arg = &f->answers};
    const wsl_seams seams = {.clock = &f->clock.clock};
    f->source = jm_source_new(&o, &seams);
}

static void request(fixture *f, uint32_t subtask, const char *finished)
{
    wsl_error err = {0};
    cr_assert_eq(jm_source_request(f->source, subtask, finished, &err), WSL_OK, "%s", err.text);
}

static void expect(fixture *f, const char *log)
{
    cr_assert_str_eq(f->answers.log, log, "'%s' is not '%s'", f->answers.log, log);
    f->answers.log[0] = '\0';
}

static void open_and_step(fixture *f)
{
    cr_assert_eq(jm_source_open(f->source, NULL), WSL_OK);
    cr_assert_eq(jm_source_step(f->source, NULL), WSL_OK);
}

static void snapshot(fixture *f, uint64_t checkpoint)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    jm_source_snapshot(f->source, checkpoint, &bytes, &size);
    free(bytes);
}

Test(source_coord, splits_are_handed_out_in_order_and_then_there_are_no_more)
{
    fixture f;
    setup(&f);
    steps[0] = (script){.status = WSL_END, .n_splits = 3};
    open_and_step(&f);
    cr_assert_eq(jm_source_due_ms(f.source), INT64_MAX);
    request(&f, 2, "");
    request(&f, 0, "");
    request(&f, 2, "split-0");
    request(&f, 0, "split-1");
    request(&f, 2, "split-2");
    expect(&f, "2:split-0 0:split-1 2:split-2 0:no-more 2:no-more ");
    cr_assert_eq(jm_source_assigned(f.source), 0u);
    jm_source_free(f.source);
}

Test(source_coord, a_reader_that_waits_gets_the_next_split_by_itself_first_come_first_served)
{
    fixture f;
    setup(&f);
    steps[0] = (script){.status = WSL_OK, .next_in_ms = 100};
    steps[1] = (script){.status = WSL_OK, .next_in_ms = 100, .n_splits = 1};
    steps[2] = (script){.status = WSL_END, .n_splits = 1};
    open_and_step(&f);
    request(&f, 1, "");
    request(&f, 3, "");
    request(&f, 0, "");
    expect(&f, "1:none-yet 3:none-yet 0:none-yet ");
    wsl_manual_clock_advance(&f.clock, 99 * WSL_NS_PER_MS);
    cr_assert_eq(jm_source_step(f.source, NULL), WSL_OK);
    expect(&f, "");
    wsl_manual_clock_advance(&f.clock, WSL_NS_PER_MS);
    cr_assert_eq(jm_source_step(f.source, NULL), WSL_OK);
    expect(&f, "1:split-0 ");
    wsl_manual_clock_advance(&f.clock, 100 * WSL_NS_PER_MS);
    cr_assert_eq(jm_source_step(f.source, NULL), WSL_OK);
    expect(&f, "3:split-1 0:no-more ");
    jm_source_free(f.source);
}

Test(source_coord, splits_of_a_reader_that_begins_again_come_back_in_their_old_place)
{
    fixture f;
    setup(&f);
    steps[0] = (script){.status = WSL_END, .n_splits = 5};
    open_and_step(&f);
    request(&f, 0, "");
    request(&f, 1, "");
    request(&f, 0, "");
    request(&f, 1, "split-1");
    expect(&f, "0:split-0 1:split-1 0:split-2 1:split-3 ");
    jm_source_reader_back(f.source, 0, 0);
    cr_assert_eq(jm_source_ready(f.source), 3u);
    cr_assert_eq(jm_source_assigned(f.source), 1u);
    request(&f, 2, "");
    request(&f, 2, "");
    request(&f, 2, "");
    request(&f, 2, "");
    expect(&f, "2:split-0 2:split-2 2:split-4 2:no-more ");
    jm_source_free(f.source);
}

Test(source_coord, a_reader_that_begins_again_waits_no_more)
{
    fixture f;
    setup(&f);
    steps[0] = (script){.status = WSL_OK, .next_in_ms = 10};
    steps[1] = (script){.status = WSL_OK, .next_in_ms = 10, .n_splits = 1};
    open_and_step(&f);
    request(&f, 0, "");
    request(&f, 1, "");
    jm_source_reader_back(f.source, 0, 0);
    f.answers.log[0] = '\0';
    wsl_manual_clock_advance(&f.clock, 10 * WSL_NS_PER_MS);
    cr_assert_eq(jm_source_step(f.source, NULL), WSL_OK);
    expect(&f, "1:split-0 ");
    jm_source_free(f.source);
}

Test(source_coord, a_reader_that_goes_back_gets_what_it_was_given_after_that_checkpoint_even_if_it_had_finished_it)
{
    fixture f;
    setup(&f);
    steps[0] = (script){.status = WSL_END, .n_splits = 8};
    open_and_step(&f);
    request(&f, 0, ""); /* 0: before the snapshot */
    request(&f, 1, ""); /* 1 */
    snapshot(&f, 5);
    request(&f, 0, "split-0"); /* 2: after it */
    jm_source_on_complete(f.source, 5);
    snapshot(&f, 6);           /* is given up */
    request(&f, 0, "split-2"); /* 3 */
    request(&f, 0, "split-3"); /* 4 */
    cr_assert_eq(jm_source_done(f.source), 2u);
    expect(&f, "0:split-0 1:split-1 0:split-2 0:split-3 0:split-4 ");

    jm_source_reader_back(f.source, 0, 5);
    cr_assert_eq(jm_source_assigned(f.source), 1u, "the other reader keeps its own");
    cr_assert_eq(jm_source_done(f.source), 0u);
    request(&f, 0, "split-0"); /* from its state */
    request(&f, 0, "split-2");
    request(&f, 1, "split-1");
    expect(&f, "0:split-2 0:split-3 1:split-4 ");
    jm_source_free(f.source);
}

Test(source_coord, finished_splits_are_forgotten_when_a_checkpoint_knows_of_them)
{
    fixture f;
    setup(&f);
    steps[0] = (script){.status = WSL_END, .n_splits = 4};
    open_and_step(&f);
    request(&f, 0, "");
    request(&f, 0, "split-0");
    cr_assert_eq(jm_source_done(f.source), 1u);
    snapshot(&f, 1);
    cr_assert_eq(jm_source_done(f.source), 1u, "it is not complete yet");
    request(&f, 0, "split-1");
    cr_assert_eq(jm_source_done(f.source), 2u);
    request(&f, 0, "split-2");
    cr_assert_eq(jm_source_done(f.source), 3u);
    jm_source_on_complete(f.source, 1);
    cr_assert_eq(jm_source_done(f.source), 1u, "split 2, which was given out behind the snapshot");
    jm_source_reader_back(f.source, 0, 1);
    cr_assert_eq(jm_source_ready(f.source), 2u);
    jm_source_free(f.source);
}

Test(source_coord, a_split_nobody_gave_it_cannot_be_finished)
{
    fixture f;
    wsl_error err = {0};
    setup(&f);
    steps[0] = (script){.status = WSL_END, .n_splits = 1};
    open_and_step(&f);
    request(&f, 0, "");
    cr_assert_eq(jm_source_request(f.source, 1, "split-0", &err), WSL_INVALID);
    cr_assert(has_text(err.text, "files") && has_text(err.text, "split-0"), "%s", err.text);
    jm_source_free(f.source);
}

Test(source_coord, passing_trouble_is_tried_again_with_growing_pauses_and_real_trouble_is_told)
{
    fixture f;
    wsl_error err = {0};
    setup(&f);
    steps[0] = (script){.status = WSL_IO, .retriable = true};
    steps[1] = (script){.status = WSL_IO, .retriable = true};
    steps[2] = (script){.status = WSL_IO, .retriable = false};
    open_and_step(&f);
    cr_assert_eq(jm_source_due_ms(f.source), 1001000);
    wsl_manual_clock_advance(&f.clock, WSL_NS_PER_S);
    cr_assert_eq(jm_source_step(f.source, NULL), WSL_OK);
    cr_assert_eq(jm_source_due_ms(f.source), 1003000);
    wsl_manual_clock_advance(&f.clock, 2 * WSL_NS_PER_S);
    cr_assert_eq(jm_source_step(f.source, &err), WSL_IO);
    cr_assert(has_text(err.text, "files") && has_text(err.text, "fake") && has_text(err.text, "the disk is tired"),
              "%s", err.text);
    jm_source_free(f.source);
}

Test(source_coord, an_enumerator_that_does_not_open_names_its_operator)
{
    fixture f;
    wsl_error err = {0};
    setup(&f);
    open_fails = true;
    cr_assert_eq(jm_source_open(f.source, &err), WSL_NOT_FOUND);
    cr_assert(has_text(err.text, "'files'") && has_text(err.text, "the directory is not there"), "%s", err.text);
    jm_source_free(f.source);
}

Test(source_coord, an_enumerator_that_wants_to_be_called_in_the_past_does_not_spin)
{
    fixture f;
    setup(&f);
    steps[0] = (script){.status = WSL_OK, .next_in_ms = -500};
    open_and_step(&f);
    cr_assert_gt(jm_source_due_ms(f.source), wsl_wall_ms(&f.clock.clock));
    jm_source_free(f.source);
}

Test(source_coord, a_restored_source_has_what_nobody_had_and_knows_that_there_is_no_more)
{
    fixture f, g;
    uint8_t *bytes = NULL;
    size_t size = 0;
    wsl_error err = {0};
    setup(&f);
    steps[0] = (script){.status = WSL_END, .n_splits = 4};
    open_and_step(&f);
    request(&f, 0, "");
    jm_source_snapshot(f.source, 1, &bytes, &size);
    request(&f, 1, ""); /* after it: comes back */
    expect(&f, "0:split-0 1:split-1 ");
    jm_source_free(f.source);

    setup(&g);
    steps[0] = (script){.status = WSL_END, .n_splits = 9};
    cr_assert_eq(jm_source_open(g.source, NULL), WSL_OK);
    cr_assert_eq(jm_source_restore(g.source, bytes, size, &err), WSL_OK, "%s", err.text);
    cr_assert_eq(jm_source_step(g.source, NULL), WSL_OK);
    cr_assert_eq(n_discovered, 0u, "the enumerator had ended");
    request(&g, 0, "split-0"); /* it had that from before */
    request(&g, 1, "");
    request(&g, 1, "split-2");
    request(&g, 1, "split-3");
    expect(&g, "0:split-1 1:split-2 1:split-3 1:no-more ");
    jm_source_free(g.source);

    setup(&g);
    cr_assert_eq(jm_source_open(g.source, NULL), WSL_OK);
    cr_assert_neq(jm_source_restore(g.source, bytes, size - 1, &err), WSL_OK);
    jm_source_free(g.source);
    free(bytes);
}
