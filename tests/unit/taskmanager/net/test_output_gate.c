/*
 * test_output_gate - rows from outputs through channels into gates: where they go, in which order, and how credit holds
 * them back.
 */
#include "base/alloc.h"
#include "base/rng.h"
#include "harness/wsl_test.h"
#include "taskmanager/net/gate.h"
#include "taskmanager/net/output.h"

WSL_ROW(item, (int64, key), (int64, n), (string, text));

enum { CHANNELS_MAX = 8, SEGMENT = 4096 };

typedef struct bed {
    wsl_buffer_region *region;
    wsl_mailbox producer_box, consumer_box;
    tm_channel *channels[CHANNELS_MAX];
    tm_output *output;
    tm_gate *gates[CHANNELS_MAX];
    uint32_t n;
    int owner_out, owner_in;
} bed;

static const char *const key_names[] = {"key"};

static uint32_t third_channel(const wsl_row *row, uint32_t n)
{
    (void)row;
    return n - 1;
}
static const wsl_function to_last = {.kind = WSL_FN_PARTITION, .partition = third_channel};

static void bed_open(bed *b, Wsl__Pb__Partition partition, uint32_t n, uint32_t exclusive, uint32_t floating)
{
    *b = (bed){.n = n};
    wsl_error err = {0};
    cr_assert_eq(wsl_buffer_region_new(4 << 20, SEGMENT, &b->region, &err), WSL_OK);
    wsl_mailbox_init(&b->producer_box, (wsl_waker){0});
    wsl_mailbox_init(&b->consumer_box, (wsl_waker){0});
    wsl_key_spec key;
    cr_assert_eq(wsl_key_spec_init(&key, &item_schema, key_names, 1, &err), WSL_OK);
    wsl_rng rng;
    wsl_rng_seed(&rng, 1);
    for (uint32_t i = 0; i < n; i++) {
        b->channels[i] = tm_channel_new(&(tm_channel_key){.to = i}, exclusive + floating);
        tm_channel_bind_producer(b->channels[i], &b->producer_box);
        tm_channel_bind_consumer(b->channels[i], &b->consumer_box);
    }
    const tm_output_spec spec = {
        .partition = partition,
        .n_channels = n,
        .channels = b->channels,
        .key = &key,
        .max_parallelism = 128,
        .custom = &to_last,
        .rng = &rng,
        .region = b->region,
        .buffers_per_channel = exclusive,
        .floating_buffers = floating,
        .queue_max = 2,
        .overdraft_max = 64 << 10,
        .row_size_max = 32 << 10,
        .owner = &b->owner_out,
    };
    cr_assert_eq(tm_output_new(&spec, &b->output, &err), WSL_OK, "%s", err.text);
    for (uint32_t i = 0; i < n; i++) {
        const tm_gate_input in = {.channel = b->channels[i]};
        b->gates[i] = tm_gate_new(&in, 1, exclusive, floating, &b->owner_in);
    }
}

static void bed_grant(bed *b)
{
    for (uint32_t i = 0; i < b->n; i++) {
        tm_gate_open(b->gates[i]);
    }
}

static void bed_mail(bed *b)
{
    wsl_mailbox *boxes[] = {&b->producer_box, &b->consumer_box};
    for (int k = 0; k < 2; k++) {
        for (wsl_letter *l = wsl_mailbox_take_all(boxes[k]), *next; l != NULL; l = next) {
            next = l->next;
            tm_channel_end *end = tm_channel_end_open(l);
            if (end->owner == &b->owner_in) {
                tm_gate_on_news(b->gates[end->channel->key.to], end->channel);
            } else if (end->owner == &b->owner_out) {
                tm_output_send_queued(b->output);
            }
            tm_channel_unref(end->channel);
        }
    }
}

static void bed_close(bed *b)
{
    tm_output_free(b->output);
    for (uint32_t i = 0; i < b->n; i++) {
        tm_gate_free(b->gates[i]);
    }
    bed_mail(b);
    cr_assert_eq(wsl_buffer_region_free_count(b->region), wsl_buffer_region_total(b->region), "all buffers came home");
    wsl_buffer_region_free(b->region);
}

static wsl_status put(bed *b, int64_t key, int64_t n, uint32_t text_size)
{
    static _Thread_local uint64_t memory[8192];
    static const char text[65000];
    wsl_row_writer w;
    wsl_row_writer_init(&w, memory, sizeof memory, item_n_fields);
    item_set_key(&w, key);
    item_set_n(&w, n);
    item_set_text(&w, (wsl_str){text, text_size});
    cr_assert_not(w.overflow);
    const wsl_row *rows[] = {w.row};
    return tm_output_rows(b->output, rows, 1);
}

/* Takes everything there is at gate i; appends the `n`s of its rows. */
static uint32_t drain_gate(bed *b, uint32_t i, int64_t *out, uint32_t max)
{
    uint32_t got = 0;
    bed_mail(b);
    for (;;) {
        uint32_t channel = 0;
        wsl_buffer *buffer = tm_gate_next(b->gates[i], &channel);
        if (buffer == NULL) {
            bed_mail(b);
            (void)tm_output_flush(b->output);
            bed_mail(b);
            if (!tm_gate_has_input(b->gates[i])) {
                return got;
            }
            continue;
        }
        for (uint32_t at = 0; at < buffer->used; at += wsl_buffer_row_at(buffer, at)->size) {
            const wsl_row *row = wsl_buffer_row_at(buffer, at);
            if (row->kind == WSL_KIND_DATA && got < max) {
                out[got++] = item_n(row);
            }
        }
        tm_gate_done(b->gates[i], channel, buffer);
    }
}

Test(output, without_credit_nothing_is_sent_and_room_ends)
{
    bed b;
    bed_open(&b, WSL__PB__PARTITION__FORWARD, 1, 2, 0);
    int64_t rows = 0;
    while (tm_output_has_room(b.output)) {
        cr_assert_eq(put(&b, 1, rows++, 40), WSL_OK);
        cr_assert_lt(rows, 10000, "backpressure comes");
    }
    cr_assert_eq(tm_channel_queued(b.channels[0]), 0);
    (void)tm_output_flush(b.output);
    cr_assert_eq(tm_channel_queued(b.channels[0]), 0, "a flush does not send without credit either");

    bed_grant(&b);
    bed_mail(&b);
    cr_assert(tm_output_has_room(b.output), "credit makes room");
    int64_t got[10000];
    const uint32_t n = drain_gate(&b, 0, got, 10000);
    cr_assert_eq(n, (uint32_t)rows, "nothing was lost");
    for (uint32_t i = 0; i < n; i++) {
        cr_assert_eq(got[i], (int64_t)i, "in order");
    }
    cr_assert_not(tm_output_has_unsent(b.output));
    bed_close(&b);
}

Test(output, equal_keys_go_to_the_owner_of_their_key_group)
{
    bed b;
    bed_open(&b, WSL__PB__PARTITION__HASH, 3, 8, 0);
    bed_grant(&b);
    for (int64_t k = 0; k < 300; k++) {
        cr_assert_eq(put(&b, k, k, 0), WSL_OK);
    }
    uint32_t total = 0;
    for (uint32_t i = 0; i < 3; i++) {
        int64_t got[300];
        const uint32_t n = drain_gate(&b, i, got, 300);
        total += n;
        for (uint32_t r = 0; r < n; r++) {
            const uint32_t group = wsl_key_group(wsl_key_hash_slot((uint64_t)got[r]), 128);
            cr_assert_eq(wsl_key_group_owner(group, 128, 3), i);
        }
        cr_assert_gt(n, 50, "keys spread");
    }
    cr_assert_eq(total, 300);
    bed_close(&b);
}

/* Rows of any number of fields, some with a null key; of many sizes in one batch and of one. */
Test(output, keyed_rows_of_any_size_travel_whole_with_their_hash)
{
    enum { ROWS = 400, WORDS = 20 };
    static uint64_t memory[ROWS][WORDS];
    const wsl_row *rows[ROWS];
    wsl_rng rng;
    wsl_key_spec key;
    wsl_error err = {0};
    wsl_rng_seed(&rng, 7);
    cr_assert_eq(wsl_key_spec_init(&key, &item_schema, key_names, 1, &err), WSL_OK);
    for (uint32_t i = 0; i < ROWS; i++) {
        wsl_row *row = (wsl_row *)(void *)memory[i];
        const uint32_t n_slots = i < ROWS / 2 ? 1 + (uint32_t)wsl_rng_below(&rng, WORDS - 3) : 1 + i * 8 / ROWS;
        for (uint32_t k = 0; k < n_slots; k++) {
            row->slot[k] = wsl_rng_next(&rng);
        }
        row->size = (uint32_t)sizeof *row + 8 * n_slots;
        row->kind = WSL_KIND_DATA;
        row->op = i % 3 == 0 ? WSL_OP_DELETE : 0;
        row->flags = WSL_ROW_HAS_TIMESTAMP;
        row->key_hash = UINT32_MAX; /* of the key before this one */
        row->nulls = wsl_rng_below(&rng, 5) == 0 ? 1 : 4;
        row->timestamp = i;
        rows[i] = row;
    }
    bed b;
    bed_open(&b, WSL__PB__PARTITION__HASH, 3, 40, 0);
    bed_grant(&b);
    cr_assert_eq(tm_output_rows(b.output, rows, ROWS), WSL_OK);
    cr_assert(tm_output_flush(b.output));
    bed_mail(&b);
    uint32_t total = 0;
    for (uint32_t i = 0; i < 3; i++) {
        int64_t before = -1;
        uint32_t channel = 0;
        for (wsl_buffer *buffer; (buffer = tm_gate_next(b.gates[i], &channel)) != NULL;) {
            for (uint32_t at = 0; at < buffer->used; at += wsl_buffer_row_at(buffer, at)->size, total++) {
                const wsl_row *got = wsl_buffer_row_at(buffer, at);
                cr_assert(got->timestamp > before && got->timestamp < ROWS, "in order");
                before = got->timestamp;
                wsl_row *sent = (wsl_row *)(void *)memory[before];
                const uint32_t hash = wsl_key_hash(&key, sent);
                cr_assert_eq(wsl_key_group_owner(wsl_key_group(hash, 128), 128, 3), i);
                sent->key_hash = hash;
                sent->flags |= WSL_ROW_KEYED;
                cr_assert_eq(got->size, sent->size);
                cr_assert_eq(memcmp(got, sent, sent->size), 0, "row %lld of %u bytes", (long long)before, sent->size);
            }
            tm_gate_done(b.gates[i], channel, buffer);
        }
    }
    cr_assert_eq(total, ROWS);
    bed_close(&b);
}

Test(output, partitioners_send_where_they_say)
{
    const struct {
        Wsl__Pb__Partition partition;
        uint32_t expect[3];
    } cases[] = {
        {WSL__PB__PARTITION__REBALANCE, {30, 30, 30}}, {WSL__PB__PARTITION__RESCALE, {30, 30, 30}},
        {WSL__PB__PARTITION__BROADCAST, {90, 90, 90}}, {WSL__PB__PARTITION__GLOBAL, {90, 0, 0}},
        {WSL__PB__PARTITION__CUSTOM, {0, 0, 90}},
    };
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        bed b;
        bed_open(&b, cases[c].partition, 3, 8, 0);
        bed_grant(&b);
        for (int64_t i = 0; i < 90; i++) {
            cr_assert_eq(put(&b, i, i, 8), WSL_OK);
        }
        for (uint32_t i = 0; i < 3; i++) {
            int64_t got[100];
            cr_assert_eq(drain_gate(&b, i, got, 100), cases[c].expect[i], "case %zu channel %u", c, i);
        }
        bed_close(&b);
    }
}

Test(output, a_mark_reaches_every_channel_behind_the_rows_before_it)
{
    bed b;
    bed_open(&b, WSL__PB__PARTITION__HASH, 3, 8, 0);
    bed_grant(&b);
    for (int64_t k = 0; k < 30; k++) {
        cr_assert_eq(put(&b, k, k, 0), WSL_OK);
    }
    cr_assert_eq(tm_output_mark(b.output, WSL_KIND_WATERMARK, 77), WSL_OK);
    cr_assert(tm_output_flush(b.output));
    bed_mail(&b);
    for (uint32_t i = 0; i < 3; i++) {
        uint32_t channel = 0;
        wsl_buffer *buffer = tm_gate_next(b.gates[i], &channel);
        cr_assert_not_null(buffer);
        const wsl_row *last = NULL;
        for (uint32_t at = 0; at < buffer->used; at += last->size) {
            last = wsl_buffer_row_at(buffer, at);
        }
        cr_assert_eq(last->kind, WSL_KIND_WATERMARK);
        cr_assert_eq(last->timestamp, 77);
        tm_gate_done(b.gates[i], channel, buffer);
    }
    bed_close(&b);
}

Test(output, a_row_larger_than_a_buffer_travels_in_one_of_its_own)
{
    bed b;
    bed_open(&b, WSL__PB__PARTITION__FORWARD, 1, 4, 0);
    bed_grant(&b);
    cr_assert_eq(put(&b, 1, 1, 10), WSL_OK);
    cr_assert_eq(put(&b, 1, 2, 20000), WSL_OK);
    cr_assert_eq(put(&b, 1, 3, 10), WSL_OK);
    int64_t got[3];
    cr_assert_eq(drain_gate(&b, 0, got, 3), 3);
    cr_assert(got[0] == 1 && got[1] == 2 && got[2] == 3);
    cr_assert(tm_output_has_room(b.output), "the overdraft is paid back");
    cr_assert_eq(put(&b, 1, 4, 40000), WSL_TOO_LARGE);
    bed_close(&b);
}

Test(output, the_overdraft_has_an_end)
{
    bed b;
    bed_open(&b, WSL__PB__PARTITION__FORWARD, 1, 1, 0);
    wsl_status status = WSL_OK;
    int n = 0;
    while (status == WSL_OK && n++ < 100000) {
        status = put(&b, 1, n, 1000);
    }
    cr_assert_eq(status, WSL_NO_RESOURCE);
    bed_close(&b);
}

/* One gate over two channels, each with an output of its own. */
Test(gate, floating_credits_go_from_the_idle_channel_to_the_one_where_data_waits)
{
    bed quiet, busy;
    bed_open(&quiet, WSL__PB__PARTITION__FORWARD, 1, 2, 6);
    bed_open(&busy, WSL__PB__PARTITION__FORWARD, 1, 2, 6);
    tm_gate_free(quiet.gates[0]);
    tm_gate_free(busy.gates[0]);
    bed_mail(&quiet);
    bed_mail(&busy);
    quiet.channels[0] = tm_channel_new(&(tm_channel_key){.to = 0}, 8);
    busy.channels[0] = tm_channel_new(&(tm_channel_key){.to = 0}, 8);
    wsl_mailbox box;
    wsl_mailbox_init(&box, (wsl_waker){0});
    int owner;
    const tm_gate_input inputs[] = {{.channel = quiet.channels[0]}, {.channel = busy.channels[0]}};
    for (int i = 0; i < 2; i++) {
        tm_channel_bind_producer(inputs[i].channel, &box);
        tm_channel_bind_consumer(inputs[i].channel, &box);
    }
    tm_gate *g = tm_gate_new(inputs, 2, 2, 6, &owner);
    tm_gate_open(g);
    cr_assert_eq(tm_gate_credits(g, 0), 5, "exclusive and half of the floating ones");
    cr_assert_eq(tm_gate_credits(g, 1), 5);
    uint32_t most = 0;
    for (int round = 0; round < 60; round++) {
        /* the busy producer always has a backlog; the quiet one sends a buffer now and then */
        for (uint32_t k = 0; k < 2; k++) {
            tm_channel *ch = inputs[k].channel;
            while (tm_channel_credits(ch) > 0 && (k == 1 || (round % 3 == 0 && tm_channel_queued(ch) == 0))) {
                wsl_buffer *b = wsl_buffer_new_large(64);
                b->backlog = k == 1 ? 10 : 0;
                tm_channel_send(ch, b);
            }
            const uint32_t out = tm_channel_queued(ch) + tm_channel_credits(ch);
            cr_assert_leq(out, 8, "never more than exclusive and floating");
            most = k == 1 && out > most ? out : most;
        }
        for (wsl_letter *l = wsl_mailbox_take_all(&box), *next; l != NULL; l = next) {
            next = l->next;
            tm_channel_end *end = tm_channel_end_open(l);
            if (end == &end->channel->consumer) {
                tm_gate_on_news(g, end->channel);
            }
            tm_channel_unref(end->channel);
        }
        for (int k = 0; k < 2; k++) {
            uint32_t channel = 0;
            wsl_buffer *b = tm_gate_next(g, &channel);
            if (b != NULL) {
                tm_gate_done(g, channel, b);
            }
        }
        cr_assert_leq(tm_channel_queued(inputs[0].channel) + tm_channel_credits(inputs[0].channel) +
                          tm_channel_queued(inputs[1].channel) + tm_channel_credits(inputs[1].channel),
                      10, "never more than all there are");
    }
    cr_assert_gt(most, 5, "the busy channel drew floating credits");
    cr_assert_geq(tm_gate_credits(g, 0), 1, "the quiet one can still send");
    tm_gate_free(g);
    for (wsl_letter *l = wsl_mailbox_take_all(&box), *next; l != NULL; l = next) {
        next = l->next;
        tm_channel_unref(tm_channel_end_open(l)->channel);
    }
    tm_channel_unref(inputs[0].channel);
    tm_channel_unref(inputs[1].channel);
    tm_output_free(quiet.output);
    tm_output_free(busy.output);
    wsl_buffer_region_free(quiet.region);
    wsl_buffer_region_free(busy.region);
}

enum { LEFT_CHANNELS = 6, BUFFERS_EACH = 8 };

Test(gate, two_inputs_take_turns_however_many_channels_each_has)
{
    wsl_mailbox box;
    wsl_mailbox_init(&box, (wsl_waker){0});
    int owner;
    tm_gate_input inputs[LEFT_CHANNELS + 1];
    for (uint32_t i = 0; i <= LEFT_CHANNELS; i++) {
        inputs[i] = (tm_gate_input){.channel = tm_channel_new(&(tm_channel_key){.to = 0}, BUFFERS_EACH),
                                    .input = i == LEFT_CHANNELS ? 1 : 0};
        tm_channel_bind_producer(inputs[i].channel, &box);
        tm_channel_bind_consumer(inputs[i].channel, &box);
    }
    tm_gate *g = tm_gate_new(inputs, LEFT_CHANNELS + 1, BUFFERS_EACH, 0, &owner);
    tm_gate_open(g);
    for (uint32_t i = 0; i <= LEFT_CHANNELS; i++) {
        for (int k = 0; k < BUFFERS_EACH; k++) {
            tm_channel_send(inputs[i].channel, wsl_buffer_new_large(64));
        }
        tm_gate_on_news(g, inputs[i].channel);
    }
    uint32_t taken[LEFT_CHANNELS + 1] = {0};
    for (int turn = 0; turn < 2 * BUFFERS_EACH; turn++) {
        uint32_t channel = 0;
        wsl_buffer *b = tm_gate_next(g, &channel);
        cr_assert_eq(tm_gate_channel(g, channel)->input, turn % 2, "turn %d", turn);
        taken[channel]++;
        tm_gate_done(g, channel, b);
    }
    for (uint32_t i = 0; i < LEFT_CHANNELS; i++) {
        cr_assert_geq(taken[i], 1, "channels of one input take turns, too");
        cr_assert_leq(taken[i], 2);
    }
    uint32_t rest = 0, channel = 0;
    for (wsl_buffer *b; (b = tm_gate_next(g, &channel)) != NULL; rest++) {
        cr_assert_eq(tm_gate_channel(g, channel)->input, 0, "an input that is dry loses no turn of the other");
        tm_gate_done(g, channel, b);
    }
    cr_assert_eq(rest, (LEFT_CHANNELS - 1) * BUFFERS_EACH);
    tm_gate_free(g);
    for (wsl_letter *l = wsl_mailbox_take_all(&box), *next; l != NULL; l = next) {
        next = l->next;
        tm_channel_unref(tm_channel_end_open(l)->channel);
    }
    for (uint32_t i = 0; i <= LEFT_CHANNELS; i++) {
        tm_channel_unref(inputs[i].channel);
    }
}

Test(gate, credits_are_given_again_several_at_a_time_and_never_too_late)
{
    bed b;
    bed_open(&b, WSL__PB__PARTITION__FORWARD, 1, 2, 6);
    bed_grant(&b);
    cr_assert_eq(tm_channel_credits(b.channels[0]), 8);
    int64_t sent = 0, got[1];
    uint32_t grants = 0, last = 8;
    for (int i = 0; i < 100; i++) {
        cr_assert_eq(put(&b, 1, sent++, 8), WSL_OK);
        cr_assert(tm_output_flush(b.output), "credit never runs out");
        cr_assert_eq(drain_gate(&b, 0, got, 1), 1);
        const uint32_t now = tm_channel_credits(b.channels[0]);
        cr_assert_geq(now, 4);
        grants += now > last;
        last = now;
    }
    cr_assert_leq(grants, 25, "one grant for four buffers");
    bed_close(&b);
}

Test(gate, a_buffer_that_came_full_is_paid_for_at_once)
{
    bed b;
    bed_open(&b, WSL__PB__PARTITION__FORWARD, 1, 2, 6);
    bed_grant(&b);
    int64_t got[1];
    for (int64_t i = 0; i < 20; i++) {
        cr_assert_eq(put(&b, 1, i, SEGMENT / 2), WSL_OK);
        cr_assert(tm_output_flush(b.output));
        cr_assert_eq(drain_gate(&b, 0, got, 1), 1);
        cr_assert_eq(tm_channel_credits(b.channels[0]), 8);
    }
    bed_close(&b);
}

Test(channel, news_that_come_before_an_end_is_bound_are_not_lost)
{
    wsl_mailbox box;
    wsl_mailbox_init(&box, (wsl_waker){0});
    tm_channel *ch = tm_channel_new(&(tm_channel_key){0}, 4);
    tm_channel_grant(ch, 2);
    cr_assert(wsl_mailbox_is_empty(&box));
    tm_channel_bind_producer(ch, &box);
    wsl_letter *l = wsl_mailbox_take_all(&box);
    cr_assert_not_null(l);
    cr_assert_null(l->next, "one letter however many news");
    tm_channel_end *end = tm_channel_end_open(l);
    cr_assert_eq(end->channel, ch);
    tm_channel_unref(ch); /* the letter's */
    tm_channel_grant(ch, 1);
    tm_channel_grant(ch, 1);
    l = wsl_mailbox_take_all(&box);
    cr_assert(l != NULL && l->next == NULL);
    cr_assert_eq(tm_channel_credits(ch), 4);
    /* both ends go while the letter is still under way: it holds the channel */
    tm_channel_unref(ch);
    tm_channel_unref(ch);
    end = tm_channel_end_open(l);
    cr_assert_null(end->owner);
    tm_channel_unref(end->channel);
}
