/* Sources and sinks around connectors made for the test: what the operators promise readers and writers. */
#include "harness/wsl_test.h"

#include <wiesel/connector.h>

#include "chain_kit.h"

WSL_ROW(item, (int64, n), (string, text));

/* ---- a reader that does what the test says ---- */

static struct {
    int64_t next, end; /* numbers to emit */
    uint32_t per_poll;
    uint32_t text_size; /* of each row */
    int bad_at;         /* this number is a bad record; -1: none */
    int splits;         /* in hand */
    bool no_more;
    wsl_status fail_with;
    int opened, closed;
    bool names; /* says when it begins a split */
    bool waits; /* says WSL_AGAIN when it has nothing, else WSL_END */
} plan;

static wsl_status reader_open(void *self, wsl_source_ctx *ctx, wsl_error *err)
{
    (void)self, (void)ctx, (void)err;
    plan.opened++;
    return WSL_OK;
}

static wsl_status emit_item(wsl_source_ctx *ctx, int64_t n)
{
    static char text[1 << 20];
    const uint32_t need = wsl_row_fixed_size(item_n_fields) + plan.text_size + 8;
    if ((size_t)(ctx->out_end - ctx->out_tip) < need) {
        WSL_TRY(ctx->ops->make_room(ctx, need));
    }
    wsl_row_writer w;
    (void)wsl_row_writer_init(&w, ctx->out_tip, (uint32_t)(ctx->out_end - ctx->out_tip), item_n_fields);
    memset(text, 'a' + (int)(n % 26), plan.text_size);
    item_set_n(&w, n);
    item_set_text(&w, (wsl_str){text, plan.text_size});
    return ctx->ops->emit(ctx, w.row);
}

static wsl_status reader_poll(void *self, wsl_source_ctx *ctx, uint32_t max_rows, wsl_error *err)
{
    (void)self;
    if (plan.fail_with != WSL_OK) {
        (void)wsl_fail(err, plan.fail_with, "the well is dry");
        err->retriable = true;
        return plan.fail_with;
    }
    for (uint32_t i = 0; i < plan.per_poll && i < max_rows && plan.next < plan.end; i++, plan.next++) {
        if (plan.next == plan.bad_at) {
            WSL_TRY(ctx->ops->bad_record(ctx, "no number", "file.json", 42, wsl_str_of("{broken")));
        } else {
            WSL_TRY(emit_item(ctx, plan.next));
        }
    }
    if (plan.next < plan.end) {
        return WSL_OK;
    }
    if (plan.splits > 0 && plan.end > 0) {
        plan.splits--;
        plan.end = 0;
        ctx->ops->split_finished(ctx, "split-1");
        ctx->ops->request_split(ctx);
        return WSL_OK;
    }
    ctx->ops->wake_at(ctx, 777);
    return plan.no_more || !plan.waits ? WSL_END : WSL_AGAIN;
}

static wsl_status reader_add_split(void *self, wsl_source_ctx *ctx, const wsl_split *split, wsl_error *err)
{
    (void)self;
    if (plan.names) {
        (void)ctx->ops->split_started(ctx, split->name);
    }
    if (split->size == 0) {
        return wsl_fail(err, WSL_FORMAT, "split '%s' is empty", split->name);
    }
    plan.splits++;
    plan.next = 100;
    plan.end = 103;
    return WSL_OK;
}

static void reader_no_more(void *self, wsl_source_ctx *ctx)
{
    (void)self, (void)ctx;
    plan.no_more = true;
}

static void reader_close(void *self, wsl_source_ctx *ctx)
{
    (void)self, (void)ctx;
    plan.closed++;
}

static const wsl_reader_class test_reader = {
    .size = 16,
    .open = reader_open,
    .add_split = reader_add_split,
    .no_more_splits = reader_no_more,
    .poll = reader_poll,
    .close = reader_close,
};
static const wsl_enumerator_class test_enumerator = {.size = 1};
static const wsl_source_class plain_source = {.name = "test", .has_format = true, .reader = &test_reader};
static const wsl_source_class split_source = {
    .name = "test", .has_format = true, .enumerator = &test_enumerator, .reader = &test_reader};

/* The options are those of the file source, the reader is ours. */
static void open_source(kit *k, const wsl_source_class *cls, const char *on_error)
{
    wsl_error err = {0};
    kit_init(k, NULL);
    const uint32_t source = kit_add(k, "source", "numbers", NULL, &item_schema);
    kit_connector(k, source, "file");
    kit_option(k, source, "path", "/nowhere");
    kit_option(k, source, "format", "json");
    kit_option(k, source, "on-error", on_error);
    Wsl__Pb__SideOutput *side = wsl_alloc(sizeof *side);
    wsl__pb__side_output__init(side);
    side->tag = wsl_strdup(WSL_BAD_RECORDS);
    side->schema = wsl_schema_to_pb(&wsl_bad_record_schema);
    free(k->ops[source]->sides);
    k->ops[source]->sides = wsl_calloc(1, sizeof(Wsl__Pb__SideOutput *));
    k->ops[source]->sides[0] = side;
    k->ops[source]->n_sides = 1;
    cr_assert_eq(kit_make(k, &err), WSL_OK, "%s", err.text);
    kit_head(k)->env.source = cls;
    kit_collect(k, 0);
    cr_assert_eq(tm_chain_open(k->chain, &err), WSL_OK, "%s", err.text);
}

static void reset_plan(int64_t end, uint32_t per_poll)
{
    memset(&plan, 0, sizeof plan);
    plan.end = end;
    plan.per_poll = per_poll;
    plan.bad_at = -1;
}

Test(source_sink, source_polls_until_the_end_and_closes_time)
{
    kit k;
    reset_plan(5, 2);
    open_source(&k, &plain_source, "fail");
    cr_assert_eq(tm_op_resume(kit_head(&k)), WSL_OK);
    cr_assert_str_eq(kit_text(&k), "0 1", "rows go on at the end of each poll");
    cr_assert_eq(tm_op_resume(kit_head(&k)), WSL_OK);
    cr_assert_eq(tm_op_resume(kit_head(&k)), WSL_END);
    cr_assert_str_eq(kit_text(&k), "0 1 2 3 4 wMAX end");
    cr_assert_eq(tm_op_resume(kit_head(&k)), WSL_END, "and stays so");
    cr_assert_str_eq(kit_text(&k), "0 1 2 3 4 wMAX end");
    kit_fini(&k);
    cr_assert_eq(plan.opened, 1);
    cr_assert_eq(plan.closed, 1);
}

Test(source_sink, source_passes_on_wishes_to_be_woken)
{
    kit k;
    reset_plan(1, 10);
    plan.waits = true;
    open_source(&k, &plain_source, "fail");
    cr_assert_eq(tm_op_resume(kit_head(&k)), WSL_AGAIN);
    cr_assert_eq(k.wake_ns, 777);
    cr_assert_str_eq(kit_text(&k), "0");
    kit_fini(&k);
}

Test(source_sink, source_takes_more_rows_than_its_arena_holds_and_rows_larger_than_it)
{
    kit k;
    reset_plan(300, 512);
    plan.text_size = 1000;
    open_source(&k, &plain_source, "fail");
    cr_assert_eq(tm_op_resume(kit_head(&k)), WSL_END);
    cr_assert_eq(tm_collector_count(k.out), 302);
    kit_fini(&k);

    reset_plan(3, 1);
    plan.text_size = 900000;
    open_source(&k, &plain_source, "fail");
    while (tm_op_resume(kit_head(&k)) == WSL_OK) {
    }
    cr_assert_eq(tm_collector_count(k.out), 5);
    const wsl_str text = item_text(tm_collector_at(k.out, 2)->row);
    cr_assert(text.size == 900000 && text.data[899999] == 'c');
    kit_fini(&k);
}

Test(source_sink, source_with_splits_is_idle_while_it_has_none)
{
    kit k;
    reset_plan(0, 10);
    plan.waits = true;
    open_source(&k, &split_source, "fail");
    cr_assert_eq(tm_op_resume(kit_head(&k)), WSL_AGAIN);
    cr_assert_str_eq(kit_text(&k), "idle", "from the start");
    const wsl_split split = {.name = "split-1", .bytes = "x", .size = 1};
    cr_assert_eq(kit_head(&k)->cls->on_split(kit_head(&k), &split, 0, false), WSL_OK);
    cr_assert_str_eq(kit_text(&k), "idle active");
    cr_assert_eq(tm_op_resume(kit_head(&k)), WSL_OK);
    cr_assert_str_eq(kit_text(&k), "idle active 100 101 102", "the next one may be on its way");
    cr_assert_eq(k.requests, 1);
    cr_assert_eq(kit_head(&k)->cls->on_split(kit_head(&k), NULL, 0, false), WSL_OK);
    cr_assert_str_eq(kit_text(&k), "idle active 100 101 102 idle", "it is not: until there is one");
    cr_assert_str_eq(k.finished, "split-1");
    cr_assert_eq(kit_head(&k)->cls->on_split(kit_head(&k), NULL, 0, true), WSL_OK);
    cr_assert_eq(tm_op_resume(kit_head(&k)), WSL_END);
    cr_assert_str_eq(kit_text(&k), "idle active 100 101 102 idle wMAX end");
    kit_fini(&k);
}

static uint32_t split_at(const kit *k, uint32_t i) { return tm_collector_at(k->out, i)->row->flags >> WSL_ROW_SPLIT_SHIFT; }

/* The reader names no split of its own, so the subtask's number holds; the one given with a split is for split_started. */
Test(source_sink, rows_carry_the_number_of_the_subtask_or_of_the_split_they_are_read_from)
{
    kit k;
    reset_plan(0, 10);
    open_source(&k, &plain_source, "fail");
    kit_head(&k)->env.split_number = 7;
    reset_plan(2, 10);
    while (tm_op_resume(kit_head(&k)) == WSL_OK) {
    }
    cr_assert_eq(split_at(&k, 0), 7);
    cr_assert_eq(split_at(&k, 1), 7);
    kit_fini(&k);

    reset_plan(0, 10);
    plan.waits = plan.names = true;
    open_source(&k, &split_source, "fail");
    kit_head(&k)->env.split_number = 7;
    const wsl_split split = {.name = "split-1", .bytes = "x", .size = 1};
    cr_assert_eq(kit_head(&k)->cls->on_split(kit_head(&k), &split, WSL_ROW_SPLITS - 1, false), WSL_OK);
    cr_assert_eq(tm_op_resume(kit_head(&k)), WSL_OK);
    const uint32_t n = tm_collector_count(k.out);
    cr_assert_eq(tm_collector_at(k.out, n - 1)->row->kind, WSL_KIND_DATA);
    cr_assert_eq(split_at(&k, n - 1), WSL_ROW_SPLITS - 1);
    kit_fini(&k);
}

Test(source_sink, source_fails_with_the_readers_words)
{
    kit k;
    reset_plan(1, 1);
    plan.fail_with = WSL_IO;
    open_source(&k, &plain_source, "fail");
    cr_assert_eq(tm_op_resume(kit_head(&k)), WSL_IO);
    cr_assert_str_eq(k.error.text, "operator 'numbers' (subtask 2 of 4): the well is dry");
    cr_assert(k.error.retriable);
    kit_fini(&k);

    reset_plan(1, 1);
    open_source(&k, &split_source, "fail");
    const wsl_split split = {.name = "nothing", .bytes = "", .size = 0};
    cr_assert_eq(kit_head(&k)->cls->on_split(kit_head(&k), &split, 0, false), WSL_FORMAT);
    cr_assert(has_text(k.error.text, "operator 'numbers'") && has_text(k.error.text, "split 'nothing' is empty"));
    kit_fini(&k);
}

Test(source_sink, a_bad_record_fails_the_job_by_default)
{
    kit k;
    reset_plan(5, 5);
    plan.bad_at = 2;
    open_source(&k, &plain_source, "fail");
    cr_assert_eq(tm_op_resume(kit_head(&k)), WSL_FORMAT);
    cr_assert(has_text(k.error.text, "operator 'numbers'"));
    cr_assert(has_text(k.error.text, "no number") && has_text(k.error.text, "file.json") &&
                  has_text(k.error.text, "42"),
              "%s", k.error.text);
    kit_fini(&k);
}

static int64_t errors_of(const tm_op *op)
{
    for (uint32_t i = 0; i < op->n_counts; i++) {
        if (strcmp(op->counts[i].name, "numRecordsInErrors") == 0) {
            return op->counts[i].value;
        }
    }
    return 0;
}

Test(source_sink, a_bad_record_can_be_skipped_and_is_counted)
{
    kit k;
    reset_plan(5, 5);
    plan.bad_at = 2;
    open_source(&k, &plain_source, "skip");
    cr_assert_eq(tm_op_resume(kit_head(&k)), WSL_END);
    cr_assert_str_eq(kit_text(&k), "0 1 3 4 wMAX end");
    cr_assert_eq(errors_of(kit_head(&k)), 1);
    kit_fini(&k);
}

Test(source_sink, a_bad_record_can_go_to_a_side_output_in_its_place)
{
    kit k;
    reset_plan(4, 5);
    plan.bad_at = 2;
    open_source(&k, &plain_source, "side-output");
    tm_collector_add(k.out, kit_head(&k), &kit_head(&k)->sides[0], 9, false);
    cr_assert_eq(tm_op_resume(kit_head(&k)), WSL_END);
    cr_assert_eq(tm_collector_count(k.out), 6);
    cr_assert_eq(tm_collector_at(k.out, 2)->stream, 9, "rows before it were sent before it");
    const wsl_row *bad = tm_collector_at(k.out, 2)->row;
    cr_assert(wsl_str_equal(wsl_bad_record_reason(bad), wsl_str_of("no number")));
    cr_assert_eq(wsl_bad_record_offset(bad), 42);
    cr_assert(wsl_str_equal(wsl_bad_record_raw(bad), wsl_str_of("{broken")));
    cr_assert_eq(errors_of(kit_head(&k)), 1);
    kit_fini(&k);
}

/* ---- a writer that does what the test says ---- */

static struct {
    wsl_strbuf got;
    uint32_t room; /* rows it takes before it is behind */
    int writes, flushes, finishes, closes;
    int finish_again; /* how often finish says WSL_AGAIN */
    wsl_status fail_with;
    bool use_client, use_stdout;
    int64_t flush_at_ns; /* asks for a flush then */
} sunk;

static wsl_status writer_write(void *self, wsl_sink_ctx *ctx, const wsl_row *const *rows, uint32_t n,
                               uint32_t *out_taken, wsl_error *err)
{
    (void)self;
    sunk.writes++;
    if (sunk.flush_at_ns != 0) {
        ctx->wake_at(ctx, sunk.flush_at_ns);
    }
    if (sunk.fail_with != WSL_OK) {
        return wsl_fail(err, sunk.fail_with, "no space left on '/data'");
    }
    if (sunk.use_client) {
        return ctx->send_to_client(ctx, rows, n);
    }
    for (*out_taken = 0; *out_taken < n; (*out_taken)++) {
        if (sunk.room == 0) {
            return WSL_AGAIN;
        }
        sunk.room -= sunk.room != UINT32_MAX;
        wsl_strbuf_printf(&sunk.got, "%lld ", (long long)num_value(rows[*out_taken]));
    }
    return sunk.use_stdout ? ctx->write_stdout(ctx, "hello\n", 6) : WSL_OK;
}

static wsl_status writer_flush(void *self, wsl_sink_ctx *ctx, wsl_error *err)
{
    (void)self, (void)ctx, (void)err;
    sunk.flushes++;
    return WSL_OK;
}

static wsl_status writer_finish(void *self, wsl_sink_ctx *ctx, wsl_error *err)
{
    (void)self, (void)ctx, (void)err;
    if (sunk.finish_again > 0) {
        sunk.finish_again--;
        return WSL_AGAIN;
    }
    sunk.finishes++;
    wsl_strbuf_puts(&sunk.got, "finished");
    return WSL_OK;
}

static void writer_close(void *self, wsl_sink_ctx *ctx)
{
    (void)self, (void)ctx;
    sunk.closes++;
}

static const wsl_writer_class test_writer = {
    .size = 8, .write = writer_write, .flush = writer_flush, .finish = writer_finish, .close = writer_close};
static const wsl_sink_class test_sink = {.name = "test", .writer = &test_writer};
static const wsl_sink_class client_sink = {.name = "collect", .writer = &test_writer};

static void open_sink(kit *k, const wsl_sink_class *cls)
{
    wsl_error err = {0};
    memset(&sunk, 0, sizeof sunk);
    wsl_strbuf_init(&sunk.got);
    sunk.room = UINT32_MAX;
    kit_init(k, &num_schema);
    const uint32_t sink = kit_add(k, "sink", "drain", NULL, NULL);
    kit_connector(k, sink, "blackhole");
    cr_assert_eq(kit_make(k, &err), WSL_OK, "%s", err.text);
    kit_head(k)->env.sink = cls;
    cr_assert_eq(tm_chain_open(k->chain, &err), WSL_OK, "%s", err.text);
}

static void close_sink(kit *k)
{
    kit_fini(k);
    cr_assert_eq(sunk.closes, 1);
    wsl_strbuf_fini(&sunk.got);
}

Test(source_sink, sink_writes_flushes_when_idle_and_finishes_at_the_end)
{
    kit k;
    open_sink(&k, &test_sink);
    cr_assert_eq(tm_chain_flush(k.chain), WSL_OK);
    cr_assert_eq(sunk.flushes, 0, "nothing was written");
    cr_assert_eq(kit_push(&k, 1, 3), WSL_OK);
    cr_assert_eq(tm_chain_flush(k.chain), WSL_OK);
    cr_assert_eq(tm_chain_flush(k.chain), WSL_OK);
    cr_assert_eq(sunk.flushes, 1);
    cr_assert_eq(tm_op_deliver_watermark(kit_head(&k), WSL_TIME_MAX), WSL_OK);
    cr_assert_eq(tm_op_deliver_end(kit_head(&k), 0), WSL_OK);
    cr_assert_str_eq(sunk.got.data, "1 2 3 finished");
    close_sink(&k);
}

Test(source_sink, a_sink_that_is_behind_keeps_its_rows_and_the_end_waits)
{
    kit k;
    open_sink(&k, &test_sink);
    sunk.room = 2;
    cr_assert_eq(kit_push(&k, 1, 5), WSL_OK);
    cr_assert(tm_chain_has_pending(k.chain));
    cr_assert_eq(k.wake_ns, 1000000, "it will be tried again in 1 ms");
    cr_assert_eq(kit_push(&k, 6, 1), WSL_OK);
    cr_assert_eq(tm_op_deliver_end(kit_head(&k), 0), WSL_OK);
    cr_assert_eq(tm_chain_resume(k.chain), WSL_AGAIN);
    cr_assert_eq(k.wake_ns, 2000000, "then in 2 ms");
    for (int i = 0; i < 10; i++) {
        cr_assert_eq(tm_chain_resume(k.chain), WSL_AGAIN);
    }
    cr_assert_eq(k.wake_ns, 16000000, "but at most in 16 ms");
    sunk.room = 1;
    (void)tm_chain_resume(k.chain);
    cr_assert_str_eq(sunk.got.data, "1 2 3 ");
    cr_assert_eq(k.wake_ns, 1000000, "progress makes it try earlier again");
    sunk.room = UINT32_MAX;
    while (tm_chain_has_pending(k.chain)) {
        cr_assert_eq(tm_chain_resume(k.chain), WSL_OK);
    }
    cr_assert_str_eq(sunk.got.data, "1 2 3 4 5 6 finished");
    cr_assert(kit_head(&k)->ended);
    close_sink(&k);
}

Test(source_sink, a_sink_that_asks_for_a_flush_gets_it_then_even_if_it_was_behind)
{
    kit k;
    open_sink(&k, &test_sink);
    sunk.flush_at_ns = 5000000;
    sunk.room = 2;
    cr_assert_eq(kit_push(&k, 1, 3), WSL_OK);
    cr_assert_eq(k.wake_ns, 1000000, "the pause ends earlier");
    sunk.flush_at_ns = 0;
    sunk.room = UINT32_MAX;
    wsl_manual_clock_advance(&k.clock, 1000000);
    while (tm_chain_has_pending(k.chain)) {
        cr_assert_eq(tm_op_resume(kit_head(&k)), WSL_OK);
    }
    cr_assert_eq(k.wake_ns, 5000000, "then it is the flush's turn");
    cr_assert_eq(tm_chain_flush(k.chain), WSL_OK);
    const int before = sunk.flushes;
    wsl_manual_clock_advance(&k.clock, 3999999);
    (void)tm_op_resume(kit_head(&k));
    cr_assert_eq(sunk.flushes, before, "not before its time");
    wsl_manual_clock_advance(&k.clock, 1);
    (void)tm_op_resume(kit_head(&k));
    cr_assert_eq(sunk.flushes, before + 1);
    (void)tm_op_resume(kit_head(&k));
    cr_assert_eq(sunk.flushes, before + 1, "once");
    close_sink(&k);
}

Test(source_sink, finish_is_called_until_it_is_done)
{
    kit k;
    open_sink(&k, &test_sink);
    sunk.finish_again = 3;
    cr_assert_eq(tm_op_deliver_end(kit_head(&k), 0), WSL_OK);
    cr_assert(tm_chain_has_pending(k.chain));
    cr_assert_not(kit_head(&k)->ended);
    cr_assert_eq(tm_chain_resume(k.chain), WSL_AGAIN);
    cr_assert_eq(tm_chain_resume(k.chain), WSL_AGAIN);
    cr_assert_eq(tm_chain_resume(k.chain), WSL_OK);
    cr_assert_not(tm_chain_has_pending(k.chain));
    cr_assert(kit_head(&k)->ended);
    cr_assert_eq(sunk.finishes, 1);
    close_sink(&k);
}

Test(source_sink, sink_fails_with_the_writers_words)
{
    kit k;
    open_sink(&k, &test_sink);
    sunk.fail_with = WSL_NO_SPACE;
    cr_assert_eq(kit_push(&k, 1, 5), WSL_NO_SPACE);
    cr_assert_str_eq(k.error.text, "operator 'drain' (subtask 2 of 4): no space left on '/data'");
    close_sink(&k);
}

Test(source_sink, a_client_that_is_behind_holds_rows_back_and_hears_of_the_end)
{
    kit k;
    open_sink(&k, &client_sink);
    sunk.use_client = true; /* the kit's client always says WSL_AGAIN */
    cr_assert_eq(kit_push(&k, 1, 5), WSL_OK);
    cr_assert(tm_chain_has_pending(k.chain));
    cr_assert_eq(k.client_ends, 0);
    sunk.use_client = false;
    cr_assert_eq(tm_chain_resume(k.chain), WSL_OK);
    cr_assert_eq(tm_op_deliver_end(kit_head(&k), 0), WSL_OK);
    cr_assert_eq(k.client_ends, 1);
    close_sink(&k);
}

Test(source_sink, a_sink_can_write_to_standard_output)
{
    kit k;
    open_sink(&k, &test_sink);
    sunk.use_stdout = true;
    cr_assert_eq(kit_push(&k, 1, 5), WSL_OK);
    cr_assert_str_eq(k.text.data, "hello\n");
    close_sink(&k);
}
