/*
 * wordcount_socket - counts the words of lines that come over a TCP connection; prints the new count for every word.
 *
 *     wiesel run wordcount_socket.c -- --host 127.0.0.1 --port 9999
 */
#include "words.h"

WSL_VALUE_STATE(seen, "seen", (int64, count));

static wsl_status count_word(wsl_keyed_ctx *k, const wsl_row *in)
{
    int64_t count = 0;

    (void)wsl_value_get_int64(k, &seen, &count);
    count++;
    WSL_TRY(wsl_value_set_int64(k, &seen, count));

    const wsl_str text = word_word(in);
    wsl_row_writer w = wsl_begin(k, &word_count_schema, text.size);
    word_count_set_word(&w, text);
    word_count_set_count(&w, count);
    return wsl_emit(k, &w);
}

WSL_KEYED_PROCESS(count, .in = &word_schema, .out = &word_count_schema, .states = WSL_STATES(&seen),
                  .keyed_process = count_word);

WSL_JOB(env, args)
{
    wsl_env_set_name(env, "wordcount over a socket");

    wsl_stream *lines =
        wsl_from_socket(env, "lines", wsl_arg(args, "host", "127.0.0.1"), wsl_arg_int(args, "port", 9999));
    wsl_stream *words = wsl_flat_map(lines, "words", &split);
    wsl_stream *counts = wsl_keyed_process(wsl_key_by(words, "word"), "counts", &count);
    wsl_set_uid(counts, "counts");
    wsl_print(counts, "out");
    return WSL_OK;
}
