/*
 * ledger - files -> an account per key -> files, in versions that remember different things: compile with -DVERSION=1 ... 4.
 *
 *     1  "account": amount INT32, rate FLOAT, note STRING; "last": the ids of the last rows of a key
 *     2  "balance", which was "account": cents INT64 (was amount), rate DOUBLE, currency, 'EUR' in old rows; no note
 *     3  as 1, but the amount is a text: cannot begin with what 1 kept
 *     4  no account any more, only "last"
 *
 *     --in DIR   JSON lines {"id": 1, "key": 2, "amount": 3}, watched    --out DIR
 */
#include <wiesel/wiesel.h>

#ifndef VERSION
#define VERSION 1
#endif

WSL_ROW(entry, (int64, id), (int64, key), (int64, amount));
WSL_ROW(result, (int64, key), (int64, sum), (double, rate), (string, currency), (int64, seen));
WSL_ROW(number, (int64, id));

WSL_LIST_STATE(last, "last", &number_schema);

#if VERSION == 1
WSL_ROW(account, (int32, amount), (float, rate), (string, note));
WSL_VALUE_STATE_OF(balance, "account", &account_schema);
#elif VERSION == 2
WSL_ROW(account, (string, currency), (int64, cents), (double, rate));
WSL_VALUE_STATE_OF(balance, "balance", &account_schema, .was = "account",
                   .pasts = WSL_PASTS({"cents", .was = "amount"}, {"currency", .value = "EUR"}));
#elif VERSION == 3
WSL_ROW(account, (string, amount), (float, rate), (string, note));
WSL_VALUE_STATE_OF(balance, "account", &account_schema);
#endif

#if VERSION == 1
static wsl_status add(wsl_keyed_ctx *k, const wsl_row *in, int64_t *out_sum, double *out_rate, wsl_str *out_currency)
{
    const wsl_row *before = wsl_value_get(k, &balance);
    *out_sum = entry_amount(in) + (before != NULL ? account_amount(before) : 0);
    *out_rate = 1.5;
    *out_currency = wsl_str_of("");
    wsl_row_writer w = wsl_begin(k, &account_schema, 16);
    account_set_amount(&w, (int32_t)*out_sum);
    account_set_rate(&w, 1.5f);
    account_set_note(&w, wsl_str_of("a note"));
    return wsl_value_put(k, &balance, w.row);
}
#elif VERSION == 2
static wsl_status add(wsl_keyed_ctx *k, const wsl_row *in, int64_t *out_sum, double *out_rate, wsl_str *out_currency)
{
    const wsl_row *before = wsl_value_get(k, &balance);
    *out_sum = entry_amount(in) + (before != NULL ? account_cents(before) : 0);
    *out_rate = before != NULL ? account_rate(before) : 2.5;
    const bool old = before != NULL && wsl_str_equal(account_currency(before), wsl_str_of("EUR"));
    *out_currency = wsl_str_of(old ? "EUR" : "USD");
    wsl_row_writer w = wsl_begin(k, &account_schema, 16);
    account_set_currency(&w, *out_currency);
    account_set_cents(&w, *out_sum);
    account_set_rate(&w, *out_rate);
    return wsl_value_put(k, &balance, w.row);
}
#else
static wsl_status add(wsl_keyed_ctx *k, const wsl_row *in, int64_t *out_sum, double *out_rate, wsl_str *out_currency)
{
    (void)k;
    *out_sum = entry_amount(in);
    *out_rate = 0;
    *out_currency = wsl_str_of("");
    return WSL_OK;
}
#endif

static wsl_status book(wsl_keyed_ctx *k, const wsl_row *in)
{
    int64_t sum = 0;
    double rate = 0;
    wsl_str currency;
    WSL_TRY(add(k, in, &sum, &rate, &currency));
    wsl_row_writer n = wsl_begin(k, &number_schema, 0);
    number_set_id(&n, entry_id(in));
    WSL_TRY(wsl_list_add(k, &last, n.row));
    wsl_row_writer w = wsl_begin(k, &result_schema, currency.size);
    result_set_key(&w, entry_key(in));
    result_set_sum(&w, sum);
    result_set_rate(&w, rate);
    result_set_currency(&w, currency);
    result_set_seen(&w, wsl_list_size(k, &last));
    return wsl_emit(k, &w);
}
#if VERSION == 4
WSL_KEYED_PROCESS(accounts, .in = &entry_schema, .out = &result_schema, .states = WSL_STATES(&last), .keyed_process = book);
#else
WSL_KEYED_PROCESS(accounts, .in = &entry_schema, .out = &result_schema, .states = WSL_STATES(&balance, &last),
                  .keyed_process = book);
#endif

WSL_JOB(env, args)
{
    wsl_env_set_name(env, "ledger");
    wsl_stream *entries = wsl_from(env, "entries", "file", &entry_schema,
                                   WSL_OPTIONS({"path", wsl_arg_required(args, "in")}, {"format", "json"}, {"watch", "50 ms"}));
    wsl_set_uid(entries, "entries");
    wsl_stream *results = wsl_keyed_process(wsl_key_by(entries, "key"), "accounts", &accounts);
    wsl_set_uid(results, wsl_arg(args, "uid", "accounts"));
    wsl_sink *out = wsl_to(results, "results", "file",
                           WSL_OPTIONS({"path", wsl_arg_required(args, "out")}, {"format", "json"}, {"roll-on-checkpoint", "true"}));
    wsl_set_uid(out, "results");
    return WSL_OK;
}
