/*
 * campaign_state - many keys: numbers visit keys, first each once as fast as they can, then again (--fast-until K: paced).
 *
 *     --keys K       even; the first K numbers make a key each
 *     --numbers N    all of them
 *     --out DIR      {"id", "key", "visits", "sum", "listed"} of each visit behind the first K
 *                    and what paced.h names
 *
 * Number id visits key (id * 7919) mod K. A key has a text whose length and letters follow from its number and how often it was visited:
 * it is looked at at each visit, so a state that was restored wrong fails the job. `sum` adds up the ids of a key's visits (with
 * their order: sum * 3 + id), kept in a map entry of its own; every 16th key also has a list of the ids, which is added up again.
 */
#include "paced.h"

WSL_ROW(number, (int64, id));
WSL_ROW(visit, (int64, id), (int64, key));
WSL_ROW(result, (int64, id), (int64, key), (int64, visits), (int64, sum), (int64, listed));
WSL_ROW(part_key, (int64, k));
WSL_ROW(part, (int64, sum));

enum { TEXT_MIN = 20, TEXT_SPREAD = 80, LISTED = 16, STEP = 7919 };

WSL_VALUE_STATE(seen, "seen", (int64, visits), (string, text));
WSL_MAP_STATE(sums, "sums", &part_key_schema, &part_schema);
WSL_LIST_STATE(ids, "ids", &number_schema);

typedef struct settings {
    int64_t keys;
} settings;

static wsl_status to_visit(wsl_ctx *ctx, const wsl_row *in)
{
    const settings *s = ctx->config;
    wsl_row_writer w = wsl_begin(ctx, &visit_schema, 0);

    visit_set_id(&w, number_id(in));
    visit_set_key(&w, number_id(in) * STEP % s->keys);
    return wsl_emit(ctx, &w);
}
WSL_PROCESS(spread, .in = &number_schema, .out = &visit_schema, .process = to_visit);

/* What a key's text is after so many visits; its length is the result. */
static uint32_t text_of(int64_t key, int64_t visits, char text[TEXT_MIN + TEXT_SPREAD])
{
    const uint32_t size = TEXT_MIN + (uint32_t)((key * 13 + visits * 7) % TEXT_SPREAD);

    for (uint32_t i = 0; i < size; i++) {
        text[i] = (char)('a' + (key + visits * 5 + i) % 26);
    }
    return size;
}

static wsl_status add_visit(wsl_keyed_ctx *k, int64_t key, int64_t *out_visits)
{
    const settings *s = k->ctx.config;
    char text[TEXT_MIN + TEXT_SPREAD];
    const wsl_row *was = wsl_value_get(k, &seen);
    int64_t visits = 0;

    if (was != NULL) {
        visits = seen_value_visits(was);
        const wsl_str is = {text, text_of(key, visits, text)};
        if (!wsl_str_equal(seen_value_text(was), is)) {
            return wsl_error_here(&k->ctx, "key %lld of %lld: its text is '%.*s' after %lld visits", (long long)key,
                                  (long long)s->keys, (int)seen_value_text(was).size, seen_value_text(was).data,
                                  (long long)visits);
        }
    }
    const uint32_t size = text_of(key, ++visits, text);
    wsl_row_writer w = wsl_begin(k, &seen_value_schema, size);
    seen_value_set_visits(&w, visits);
    seen_value_set_text(&w, (wsl_str){text, size});
    *out_visits = visits;
    return wsl_value_put(k, &seen, w.row);
}

/* A row of one INT64 in memory of its own. */
typedef struct small_row {
    _Alignas(8) uint8_t memory[64];
    wsl_row_writer w;
} small_row;

static const wsl_row *make_small(small_row *r, int64_t value)
{
    (void)wsl_row_writer_init(&r->w, r->memory, sizeof r->memory, 1);
    wsl_row_set_int64(&r->w, 0, value);
    return r->w.row;
}

static wsl_status add_sum(wsl_keyed_ctx *k, int64_t key, int64_t id, int64_t *out_sum)
{
    small_row at, sum;
    const wsl_row *was = wsl_map_get(k, &sums, make_small(&at, key % 3));

    *out_sum = (was == NULL ? 0 : part_sum(was) * 3) + id;
    return wsl_map_put(k, &sums, at.w.row, make_small(&sum, *out_sum));
}

static wsl_status add_to_list(wsl_keyed_ctx *k, int64_t id, int64_t *out_listed)
{
    wsl_state_iter it;
    small_row w;

    WSL_TRY(wsl_list_add(k, &ids, make_small(&w, id)));
    for (wsl_state_each(k, &ids, &it); wsl_state_next(&it);) {
        *out_listed += number_id(it.value);
    }
    return WSL_OK;
}

static wsl_status on_visit(wsl_keyed_ctx *k, const wsl_row *in)
{
    const settings *s = k->ctx.config;
    const int64_t id = visit_id(in), key = visit_key(in);
    int64_t visits = 0, sum = 0, listed = 0;

    WSL_TRY(add_visit(k, key, &visits));
    WSL_TRY(add_sum(k, key, id, &sum));
    WSL_TRY(key % LISTED == 0 ? add_to_list(k, id, &listed) : WSL_OK);
    if (id < s->keys) {
        return WSL_OK;
    }
    wsl_row_writer w = wsl_begin(k, &result_schema, 0);
    result_set_id(&w, id);
    result_set_key(&w, key);
    result_set_visits(&w, visits);
    result_set_sum(&w, sum);
    result_set_listed(&w, listed);
    return wsl_emit(k, &w);
}
WSL_KEYED_PROCESS(visits, .in = &visit_schema, .out = &result_schema, .states = WSL_STATES(&seen, &sums, &ids),
                  .keyed_process = on_visit);

WSL_JOB(env, args)
{
    const settings s = {.keys = wsl_arg_int(args, "keys", 1000)};

    wsl_env_set_name(env, "large state");
    if (s.keys < 2 || s.keys % 2 != 0 || s.keys % STEP == 0) {
        return wsl_env_fail(env, "argument --keys: an even number that is no multiple of %d", STEP);
    }
    wsl_stream *numbers = wsl_from(env, "numbers", "datagen", &number_schema,
                                   WSL_OPTIONS({"fields", "id sequence 0"}, {"number-of-rows", wsl_arg_required(args, "numbers")}));
    wsl_stream *spread_out = wsl_set_config(wsl_process(paced(numbers, args, "id"), "spread", &spread), &s, sizeof s);
    wsl_stream *results = wsl_keyed_process(wsl_key_by(spread_out, "key"), "visits", &visits);
    wsl_set_uid(wsl_set_config(results, &s, sizeof s), "visits");
    wsl_to(results, "results", "file",
           WSL_OPTIONS({"path", wsl_arg_required(args, "out")}, {"format", "json"},
                       {"roll-on-checkpoint", wsl_arg(args, "roll-on-checkpoint", "false")},
                       {"roll-size", wsl_arg(args, "roll-size", "100kb")}));
    return WSL_OK;
}
