#include "harness/wsl_test.h"
#include "api_fixture.h"

#include <wiesel/async.h>

WSL_ROW(word, (string, word));
WSL_ROW(counted, (string, word), (int64, n));

static wsl_status ask(wsl_ctx *ctx, const wsl_row *in, wsl_async *request)
{
    (void)ctx, (void)in, (void)request;
    return WSL_OK;
}
WSL_ASYNC(lookup, .in = &word_schema, .out = &counted_schema, .invoke = ask);
WSL_ASYNC(slow_lookup, .in = &word_schema, .invoke = ask, .blocking = true);
WSL_ASYNC(with_side, .in = &word_schema, .invoke = ask, .sides = WSL_SIDES({"odd", &word_schema}));
static wsl_status pass(wsl_ctx *ctx, const wsl_row *in) { return wsl_emit(ctx, in); }
WSL_PROCESS(plain, .process = pass);

static wsl_stream *words(wsl_env *env) { return wsl_from_files(env, "words", "data/words", "json", &word_schema); }

static wsl_status two(wsl_env *env, const wsl_args *args)
{
    (void)args;
    wsl_stream *first = wsl_async_unordered(words(env), "first", &slow_lookup,
                                            &(wsl_async_options){.capacity = 7,
                                                                 .timeout_ms = 1500,
                                                                 .retry = WSL_RETRY_EXPONENTIAL,
                                                                 .attempts = 4,
                                                                 .delay_ms = 20,
                                                                 .max_delay_ms = 300,
                                                                 .multiplier = 1.5,
                                                                 .retry_empty = true});
    (void)wsl_blackhole(wsl_async_ordered(first, "second", &lookup, NULL), "out");
    return WSL_OK;
}

Test(async, options_become_those_of_the_operator)
{
    WSL_AUTO(wsl_job_graph) g = built(two);
    static const char *const options[][2] = {{"mode", "unordered"},    {"capacity", "7"},     {"timeout", "1500 ms"},
                                             {"retry", "exponential"}, {"attempts", "4"},     {"delay", "20 ms"},
                                             {"max-delay", "300 ms"},  {"multiplier", "1.5"}, {"retry-empty", "true"}};
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        cr_assert_str_eq(option_of(g, 1, options[i][0]), options[i][1]);
        cr_assert(i == 0 || strcmp(option_of(g, 2, options[i][0]), "(unset)") == 0, "%s", options[i][0]);
    }
    cr_assert_str_eq(option_of(g, 2, "mode"), "ordered");
    cr_assert_str_eq(g->operators[1]->kind, "async");
    cr_assert_str_eq(g->operators[1]->function, "slow_lookup");
    cr_assert(g->operators[1]->blocking && !g->operators[2]->blocking);
    cr_assert_eq(g->operators[1]->output->n_fields, 1, "without .out what goes in comes out");
    cr_assert_eq(g->operators[2]->output->n_fields, 2);
}

Test(async, each_heads_a_chain)
{
    WSL_AUTO(wsl_job_plan) plan = planned(two, 2);
    cr_assert_eq(plan->n_vertices, 3);
    cr_assert_str_eq(plan->vertices[2].name, "second -> Sink: out");
}

/* ---- mistakes ---- */

static wsl_async_options wrong;
static const wsl_function *function;

static wsl_status mistaken(wsl_env *env, const wsl_args *args)
{
    (void)args;
    (void)wsl_blackhole(wsl_async_ordered(words(env), "ask", function, &wrong), "out");
    return WSL_OK;
}

Test(async, mistakes_are_refused_with_a_sentence)
{
    const struct {
        const wsl_function *fn;
        wsl_async_options options;
        const char *text;
    } table[] = {
        {&lookup, {.capacity = 1u << 21}, "capacity of 2097152"},
        {&lookup, {.timeout_ms = -1}, "not below 0"},
        {&lookup, {.retry = WSL_RETRY_FIXED}, ".attempts"},
        {&lookup, {.attempts = 3}, ".retry = WSL_RETRY_FIXED"},
        {&lookup, {.retry_empty = true}, ".retry = WSL_RETRY_FIXED"},
        {&lookup, {.retry = (wsl_async_retry)7, .attempts = 2}, "no retry 7"},
        {&lookup, {.retry = WSL_RETRY_EXPONENTIAL, .attempts = 2, .multiplier = 0.5}, "multiplier of 0.5"},
        {&with_side, {0}, "no side outputs"},
        {&plain, {0}, "WSL_ASYNC is needed"},
        {NULL, {0}, "WSL_ASYNC"},
    };
    wsl_error err;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        wrong = table[i].options;
        function = table[i].fn;
        const char *text = not_built(mistaken, &err);
        cr_assert(has_text(text, table[i].text) && has_text(text, "'ask'"), "%s", text);
    }
}
