/* Word count over a socket: what the public headers show. */
#include <wiesel/wiesel.h>

WSL_ROW(line, (string, line));
WSL_ROW(word, (string, word));
WSL_ROW(word_count, (string, word), (int64, n));
WSL_VALUE_STATE(seen, "seen", (int64, n));

static wsl_status do_split(wsl_ctx *ctx, const wsl_row *in)
{
    const wsl_str text = line_line(in);
    for (uint32_t i = 0; i < text.size;) {
        uint32_t end = i;
        while (end < text.size && text.data[end] != ' ') {
            end++;
        }
        if (end > i) {
            wsl_row_writer w = wsl_begin(ctx, &word_schema, end - i);
            word_set_word(&w, (wsl_str){text.data + i, end - i});
            WSL_TRY(wsl_emit(ctx, &w));
        }
        i = end + 1;
    }
    return WSL_OK;
}
WSL_PROCESS(split, .in = &line_schema, .out = &word_schema, .process = do_split);

static wsl_status do_count(wsl_keyed_ctx *k, const wsl_row *in)
{
    int64_t n = 0;
    (void)wsl_value_get_int64(k, &seen, &n);
    WSL_TRY(wsl_value_set_int64(k, &seen, ++n));
    wsl_row_writer w = wsl_begin(k, &word_count_schema, word_word(in).size);
    word_count_set_word(&w, word_word(in));
    word_count_set_n(&w, n);
    return wsl_emit(k, &w);
}
WSL_KEYED_PROCESS(count, .in = &word_schema, .out = &word_count_schema, .states = WSL_STATES(&seen),
                  .keyed_process = do_count);

WSL_JOB(env, args)
{
    wsl_env_set_name(env, "wordcount");
    wsl_stream *lines = wsl_from_socket(env, "lines", wsl_arg(args, "host", "127.0.0.1"), wsl_arg_int(args, "port", 9999));
    wsl_stream *words = wsl_flat_map(lines, "split", &split);
    wsl_stream *counts = wsl_keyed_process(wsl_key_by(words, "word"), "count", &count);
    wsl_set_uid(counts, "count");
    wsl_print(counts, "out");
    return WSL_OK;
}
