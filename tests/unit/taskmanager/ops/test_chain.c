#include "harness/wsl_test.h"

#include "chain_kit.h"

/* ---- functions ---- */

static wsl_status emit_num(wsl_ctx *ctx, int64_t value, int64_t key)
{
    wsl_row_writer w = wsl_begin(ctx, &num_schema, 0);
    num_set_value(&w, value);
    num_set_key(&w, key);
    return wsl_emit(ctx, &w);
}

static wsl_status pass_on(wsl_ctx *ctx, const wsl_row *in) { return emit_num(ctx, num_value(in), num_key(in)); }
WSL_PROCESS(copy, .in = &num_schema, .process = pass_on);

static wsl_status keep_even(wsl_ctx *ctx, const wsl_row *in, bool *out_keep)
{
    (void)ctx;
    *out_keep = num_value(in) % 2 == 0;
    return WSL_OK;
}
WSL_FILTER(even, .in = &num_schema, .filter = keep_even);

/* Each row value times over: value*1000, value*1000+1, ... */
static wsl_status repeat_all(wsl_ctx *ctx, const wsl_row *in)
{
    for (int64_t i = 0; i < num_value(in); i++) {
        WSL_TRY(emit_num(ctx, num_value(in) * 1000 + i, 0));
    }
    return WSL_OK;
}
WSL_PROCESS(repeat, .in = &num_schema, .process = repeat_all);

typedef struct position {
    int64_t at;
} position;

/* The same, but a few at a time. */
static wsl_status repeat_few(wsl_ctx *ctx, const wsl_row *in)
{
    position *p = ctx->local;
    for (int i = 0; i < 3 && p->at < num_value(in); i++) {
        WSL_TRY(emit_num(ctx, num_value(in) * 1000 + p->at, 0));
        p->at++;
    }
    if (p->at < num_value(in)) {
        return WSL_AGAIN;
    }
    p->at = 0;
    return WSL_OK;
}
WSL_PROCESS(repeat_slowly, .in = &num_schema, .local_size = sizeof(position), .process = repeat_few);

static wsl_status flood_all(wsl_ctx *ctx, const wsl_row *in)
{
    for (int64_t i = 0; i < 1000000; i++) {
        WSL_TRY(emit_num(ctx, num_value(in), 0));
    }
    return WSL_OK;
}
WSL_PROCESS(flood, .in = &num_schema, .process = flood_all);

static wsl_status refuse_seven(wsl_ctx *ctx, const wsl_row *in)
{
    if (num_value(in) == 7) {
        return wsl_error_here(ctx, "seven is %s", "not wanted");
    }
    return pass_on(ctx, in);
}
WSL_PROCESS(no_seven, .in = &num_schema, .process = refuse_seven);

static wsl_status ignore_failure(wsl_ctx *ctx, const wsl_row *in)
{
    (void)refuse_seven(ctx, in);
    return WSL_OK;
}
WSL_PROCESS(forgetful, .in = &num_schema, .process = ignore_failure);

static wsl_status return_io(wsl_ctx *ctx, const wsl_row *in)
{
    (void)ctx, (void)in;
    return WSL_IO;
}
WSL_PROCESS(silent, .in = &num_schema, .process = return_io);

static wsl_status odd_aside(wsl_ctx *ctx, const wsl_row *in)
{
    return num_value(in) % 2 == 0 ? wsl_emit(ctx, in) : wsl_emit_side(ctx, "odd", in);
}
WSL_PROCESS(sort_out, .in = &num_schema, .sides = WSL_SIDES({"odd", &num_schema}), .process = odd_aside);

static wsl_status unknown_side(wsl_ctx *ctx, const wsl_row *in) { return wsl_emit_side(ctx, "lost", in); }
WSL_PROCESS(wrong_side, .in = &num_schema, .process = unknown_side);

static wsl_status say_goodbye(wsl_ctx *ctx) { return emit_num(ctx, 99, 0); }
WSL_PROCESS(polite, .in = &num_schema, .process = pass_on, .finish = say_goodbye);

static wsl_status stamp_me(wsl_ctx *ctx, const wsl_row *in)
{
    WSL_TRY(pass_on(ctx, in));
    wsl_row_writer w = wsl_begin(ctx, &num_schema, 0);
    num_set_value(&w, 1);
    wsl_row_set_timestamp(w.row, 4321);
    return wsl_emit(ctx, &w);
}
WSL_PROCESS(stamping, .in = &num_schema, .process = stamp_me);

static wsl_status failing_open(wsl_ctx *ctx, wsl_error *err)
{
    (void)ctx;
    return wsl_fail(err, WSL_INVALID, "no idea what to do");
}
WSL_PROCESS(unopened, .in = &num_schema, .open = failing_open, .process = pass_on);

/* ---- building ---- */

Test(chain, runs_operators_one_behind_the_other)
{
    kit k;
    kit_init(&k, &num_schema);
    (void)kit_then(&k, kit_add(&k, "process", "copy", &copy, &num_schema), "filter", "even", &even);
    kit_open(&k);
    cr_assert_eq(kit_push(&k, 1, 6), WSL_OK);
    cr_assert_eq(tm_op_deliver_watermark(kit_head(&k), 10), WSL_OK);
    cr_assert_eq(tm_op_deliver_idle(kit_head(&k), true), WSL_OK);
    cr_assert_eq(tm_op_deliver_idle(kit_head(&k), true), WSL_OK);
    cr_assert_eq(tm_op_deliver_idle(kit_head(&k), false), WSL_OK);
    cr_assert_eq(tm_op_deliver_watermark(kit_head(&k), 9), WSL_OK);
    cr_assert_eq(tm_op_deliver_watermark(kit_head(&k), WSL_TIME_MAX), WSL_OK);
    cr_assert_eq(tm_op_deliver_end(kit_head(&k), 0), WSL_OK);
    cr_assert_str_eq(kit_text(&k), "2 4 6 w10 idle active wMAX end");
    cr_assert_eq(tm_chain_op(k.chain, 1)->rows_in, 6);
    cr_assert_eq(tm_chain_op(k.chain, 1)->rows_out, 3);
    cr_assert(tm_chain_op(k.chain, 1)->ended);
    kit_fini(&k);
}

Test(chain, feeds_everyone_who_reads_an_output)
{
    kit k;
    kit_init(&k, &num_schema);
    const uint32_t head = kit_add(&k, "process", "copy", &copy, &num_schema);
    const uint32_t a = kit_add(&k, "filter", "even", &even, &num_schema);
    const uint32_t b = kit_add(&k, "process", "no_seven", &no_seven, &num_schema);
    kit_edge(&k, head, a, "");
    kit_edge(&k, head, b, "");
    wsl_error err = {0};
    cr_assert_eq(kit_make(&k, &err), WSL_OK);
    kit_collect(&k, a);
    kit_collect(&k, b);
    cr_assert_eq(tm_chain_open(k.chain, &err), WSL_OK);
    cr_assert_eq(kit_push(&k, 1, 4), WSL_OK);
    cr_assert_eq(tm_op_deliver_watermark(kit_head(&k), 5), WSL_OK);
    cr_assert_str_eq(kit_text(&k), "2 4 1 2 3 4 w5 w5");
    kit_fini(&k);
}

Test(chain, sends_side_outputs_their_own_way_and_marks_both_ways)
{
    kit k;
    kit_init(&k, &num_schema);
    const uint32_t head = kit_add(&k, "process", "sort_out", &sort_out, &num_schema);
    const uint32_t odd = kit_add(&k, "process", "copy", &copy, &num_schema);
    kit_edge(&k, head, odd, "odd");
    kit_open(&k);
    cr_assert_eq(kit_push(&k, 0, 200), WSL_OK);
    cr_assert_eq(tm_op_deliver_watermark(kit_head(&k), 3), WSL_OK);
    cr_assert_eq(tm_collector_count(k.out), 101);
    for (uint32_t i = 0; i < 100; i++) {
        cr_assert_eq(num_value(tm_collector_at(k.out, i)->row), 2 * i + 1);
    }
    cr_assert_eq(tm_collector_at(k.out, 100)->row->kind, WSL_KIND_WATERMARK);
    kit_fini(&k);
}

static void refuses(kit *k, const char *needle)
{
    wsl_error err = {0};
    cr_assert_neq(kit_make(k, &err), WSL_OK);
    cr_assert(has_text(err.text, needle), "'%s' lacks '%s'", err.text, needle);
    kit_fini(k);
}

Test(chain, refuses_descriptors_that_make_no_sense)
{
    kit k;
    kit_init(&k, &num_schema);
    (void)kit_add(&k, "teleport", "beam", NULL, &num_schema);
    refuses(&k, "'beam' is of kind 'teleport'");

    kit_init(&k, &num_schema);
    (void)kit_add(&k, "process", "missing", NULL, &num_schema);
    refuses(&k, "operator 'missing' needs a function 'missing'");

    kit_init(&k, &num_schema);
    (void)kit_add(&k, "filter", "copy", &copy, &num_schema);
    refuses(&k, "WSL_FILTER");

    kit_init(&k, NULL);
    (void)kit_add(&k, "process", "copy", &copy, &num_schema);
    refuses(&k, "operator 'copy' has no input");

    kit_init(&k, &num_schema);
    (void)kit_add(&k, "process", "copy", &copy, &num_schema);
    (void)kit_add(&k, "filter", "even", &even, &num_schema);
    refuses(&k, "nothing in its chain leads to operator 'even'");

    kit_init(&k, &num_schema);
    (void)kit_add(&k, "process", "copy", &copy, &num_schema);
    (void)kit_add(&k, "filter", "even", &even, &num_schema);
    kit_edge(&k, 1, 0, "");
    refuses(&k, "does not lead to a later operator");

    kit_init(&k, &num_schema);
    const uint32_t head = kit_add(&k, "process", "copy", &copy, &num_schema);
    kit_edge(&k, head, kit_add(&k, "filter", "even", &even, &num_schema), "late");
    refuses(&k, "'copy' has no side output 'late'");

    kit_init(&k, &num_schema);
    (void)kit_add(&k, "sink", "out", NULL, NULL);
    kit_connector(&k, 0, "nowhere");
    refuses(&k, "nowhere");

    kit_init(&k, &num_schema);
    (void)kit_add(&k, "process", "copy", &copy, &num_schema);
    kit_key(&k, "nothing");
    refuses(&k, "nothing");
}

Test(chain, names_the_operator_that_cannot_be_opened)
{
    kit k;
    wsl_error err = {0};
    kit_init(&k, &num_schema);
    (void)kit_add(&k, "process", "unopened", &unopened, &num_schema);
    cr_assert_eq(kit_make(&k, &err), WSL_OK);
    cr_assert_eq(tm_chain_open(k.chain, &err), WSL_INVALID);
    cr_assert_str_eq(err.text, "operator 'unopened' (subtask 2 of 4) cannot be opened: no idea what to do");
    kit_fini(&k);
}

/* ---- failing ---- */

Test(chain, says_operator_subtask_row_and_reason_when_user_code_fails)
{
    kit k;
    kit_init(&k, &num_schema);
    (void)kit_then(&k, kit_add(&k, "process", "copy", &copy, &num_schema), "process", "no_seven", &no_seven);
    kit_open(&k);
    cr_assert_eq(kit_push(&k, 5, 5), WSL_USER);
    cr_assert_eq(k.error.status, WSL_USER);
    cr_assert_str_eq(k.error.text, "operator 'no_seven' (subtask 2 of 4): seven is not wanted; row: {value=7, key=7}");
    kit_fini(&k);
}

Test(chain, fails_even_if_the_function_ignores_the_failure)
{
    kit k;
    kit_init(&k, &num_schema);
    (void)kit_add(&k, "process", "forgetful", &forgetful, &num_schema);
    kit_open(&k);
    cr_assert_eq(kit_push(&k, 7, 1), WSL_USER);
    cr_assert(has_text(k.error.text, "seven is not wanted; row: {value=7"));
    kit_fini(&k);
}

Test(chain, makes_a_sentence_of_a_bare_status)
{
    kit k;
    kit_init(&k, &num_schema);
    (void)kit_add(&k, "process", "silent", &silent, &num_schema);
    kit_open(&k);
    cr_assert_eq(kit_push(&k, 3, 1), WSL_IO);
    cr_assert(has_text(k.error.text,
                       "operator 'silent' (subtask 2 of 4): its function returned IO (input or output failed)"));
    cr_assert(has_text(k.error.text, "{value=3"));
    kit_fini(&k);
}

Test(chain, refuses_an_undeclared_side_output)
{
    kit k;
    kit_init(&k, &num_schema);
    (void)kit_add(&k, "process", "wrong_side", &wrong_side, &num_schema);
    kit_open(&k);
    cr_assert_eq(kit_push(&k, 3, 1), WSL_INVALID);
    cr_assert(has_text(k.error.text, "side output 'lost', which is not in its .sides"));
    kit_fini(&k);
}

/* ---- timestamps, finish ---- */

Test(chain, output_keeps_the_inputs_timestamp_unless_it_has_one)
{
    kit k;
    kit_batch b;
    kit_init(&k, &num_schema);
    (void)kit_add(&k, "process", "stamping", &stamping, &num_schema);
    kit_open(&k);
    kit_fill(&b, 5, 2);
    wsl_row_set_timestamp((wsl_row *)(uintptr_t)b.rows[0], 1000);
    cr_assert_eq(tm_op_deliver_rows(kit_head(&k), 0, b.rows, b.n), WSL_OK);
    cr_assert_eq(tm_collector_at(k.out, 0)->row->timestamp, 1000);
    cr_assert_eq(tm_collector_at(k.out, 1)->row->timestamp, 4321);
    cr_assert_not(wsl_row_has_timestamp(tm_collector_at(k.out, 2)->row), "the input had none");
    cr_assert_eq(tm_collector_at(k.out, 3)->row->timestamp, 4321);
    kit_fini(&k);
}

Test(chain, finish_may_emit_before_the_end)
{
    kit k;
    kit_init(&k, &num_schema);
    (void)kit_add(&k, "process", "polite", &polite, &num_schema);
    kit_open(&k);
    cr_assert_eq(kit_push(&k, 1, 1), WSL_OK);
    cr_assert_eq(tm_op_deliver_watermark(kit_head(&k), WSL_TIME_MAX), WSL_OK);
    cr_assert_eq(tm_op_deliver_end(kit_head(&k), 0), WSL_OK);
    cr_assert_str_eq(kit_text(&k), "1 wMAX 99 end");
    kit_fini(&k);
}

/* ---- pending ---- */

Test(chain, resumes_a_function_that_said_again_with_the_same_row)
{
    kit k;
    kit_init(&k, &num_schema);
    (void)kit_add(&k, "process", "repeat_slowly", &repeat_slowly, &num_schema);
    kit_open(&k);
    cr_assert_eq(kit_push(&k, 4, 2), WSL_OK);
    cr_assert(tm_chain_has_pending(k.chain));
    cr_assert_eq(tm_op_deliver_watermark(kit_head(&k), 8), WSL_OK);
    cr_assert_str_eq(kit_text(&k), "4000 4001 4002");
    cr_assert_eq(tm_chain_resume(k.chain), WSL_OK);
    cr_assert_str_eq(kit_text(&k), "4000 4001 4002 4003 5000 5001 5002");
    cr_assert_eq(kit_settle(&k, UINT32_MAX), WSL_OK);
    cr_assert_str_eq(kit_text(&k), "4000 4001 4002 4003 5000 5001 5002 5003 5004 w8");
    cr_assert_not(tm_chain_has_pending(k.chain));
    kit_fini(&k);
}

Test(chain, stops_a_multiplying_function_between_rows_when_who_reads_it_is_behind)
{
    kit k;
    kit_init(&k, &num_schema);
    (void)kit_add(&k, "process", "repeat", &repeat, &num_schema);
    kit_open(&k);
    tm_collector_limit(k.out, 10);
    cr_assert_eq(kit_push(&k, 500, 100), WSL_OK);
    cr_assert(tm_chain_has_pending(k.chain));
    cr_assert_lt(kit_head(&k)->rows_out, 3000, "one row gives 500, a batch of output is 512: it saw that soon");
    cr_assert_eq(tm_chain_resume(k.chain), WSL_AGAIN, "nothing goes on before the reader does");
    const uint64_t so_far = kit_head(&k)->rows_out;
    cr_assert_eq(tm_chain_resume(k.chain), WSL_AGAIN);
    cr_assert_eq(kit_head(&k)->rows_out, so_far);
    cr_assert_eq(kit_settle(&k, 1000), WSL_OK);
    cr_assert_eq(tm_collector_count(k.out), 100 * 500 + 99 * 100 / 2);
    kit_fini(&k);
}

Test(chain, fails_when_one_row_gives_more_than_the_overdraft)
{
    kit k;
    kit_init(&k, &num_schema);
    (void)kit_then(&k, kit_add(&k, "process", "flood", &flood, &num_schema), "process", "repeat_slowly",
                   &repeat_slowly);
    kit_open(&k);
    cr_assert_eq(kit_push(&k, 5, 1), WSL_NO_RESOURCE);
    cr_assert(has_text(k.error.text, "operator 'repeat_slowly'"));
    cr_assert(has_text(k.error.text, "task.overdraft.max"));
    kit_fini(&k);
}

/* Whatever is slow in a chain, what comes out is what would have come out: rows and marks in order, none lost. */
Test(chain, keeps_the_order_of_rows_and_marks_whoever_is_behind)
{
    wsl_rng rng;
    wsl_rng_seed(&rng, 21);
    for (int round = 0; round < 300; round++) {
        kit k;
        kit_init(&k, &num_schema);
        const uint32_t first = kit_add(&k, "process", "copy", &copy, &num_schema);
        const uint32_t middle = round % 3 == 0   ? kit_add(&k, "process", "repeat", &repeat, &num_schema)
                                : round % 3 == 1 ? kit_add(&k, "process", "repeat_slowly", &repeat_slowly, &num_schema)
                                                 : kit_add(&k, "process", "no_seven", &no_seven, &num_schema);
        const uint32_t last = kit_add(&k, "process", "polite", &polite, &num_schema);
        kit_edge(&k, first, middle, "");
        kit_edge(&k, middle, last, "");
        kit_open(&k);
        wsl_strbuf expected;
        wsl_strbuf_init(&expected);
        int64_t watermark = 0;
        for (int step = 0; step < 12; step++) {
            tm_collector_limit(k.out, (uint32_t)wsl_rng_below(&rng, 40));
            if (wsl_rng_below(&rng, 3) == 0) {
                watermark += 1 + (int64_t)wsl_rng_below(&rng, 5);
                cr_assert_eq(tm_op_deliver_watermark(kit_head(&k), watermark), WSL_OK);
                wsl_strbuf_printf(&expected, "w%lld ", (long long)watermark);
                continue;
            }
            const int64_t from = 8 + (int64_t)wsl_rng_below(&rng, 30);
            const uint32_t n = 1 + (uint32_t)wsl_rng_below(&rng, 20);
            cr_assert_eq(kit_push(&k, from, n), WSL_OK);
            for (int64_t v = from; v < from + n; v++) {
                for (int64_t i = 0; i < (round % 3 == 2 ? 1 : v); i++) {
                    wsl_strbuf_printf(&expected, "%lld ", (long long)(round % 3 == 2 ? v : v * 1000 + i));
                }
            }
            /* a task goes on only when nothing is pending */
            cr_assert_eq(kit_settle(&k, 1 + (uint32_t)wsl_rng_below(&rng, 50)), WSL_OK);
        }
        cr_assert_eq(tm_op_deliver_watermark(kit_head(&k), WSL_TIME_MAX), WSL_OK);
        cr_assert_eq(tm_op_deliver_end(kit_head(&k), 0), WSL_OK);
        cr_assert_eq(kit_settle(&k, 7), WSL_OK);
        wsl_strbuf_puts(&expected, "wMAX 99 end");
        cr_assert_str_eq(kit_text(&k), expected.data);
        wsl_strbuf_fini(&expected);
        kit_fini(&k);
    }
}

Test(chain, counts_metrics_by_name)
{
    kit k;
    kit_init(&k, &num_schema);
    (void)kit_add(&k, "process", "copy", &copy, &num_schema);
    kit_open(&k);
    tm_op *op = kit_head(&k);
    tm_op_count_add(op, "a", 2);
    tm_op_count_add(op, "b", 1);
    tm_op_count_add(op, "a", -5);
    cr_assert_eq(op->n_counts, 2);
    cr_assert_eq(op->counts[0].value, -3);
    for (int i = 0; i < 2 * TM_OP_COUNTS_MAX; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "m%d", i);
        tm_op_count_add(op, name, 1);
    }
    cr_assert_eq(op->n_counts, TM_OP_COUNTS_MAX);
    kit_fini(&k);
}
