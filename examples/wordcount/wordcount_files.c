/*
 * wordcount_files - counts the words of all files of a directory; gives each word once, when the input has ended.
 *
 *     wiesel run wordcount_files.c -p 2 -- --in /tmp/text --out /tmp/counts
 *
 * A timer at the end of time fires with the final watermark, which says that nothing will follow.
 */
#include "words.h"

WSL_VALUE_STATE(seen, "seen", (int64, count));

static wsl_status count_word(wsl_keyed_ctx *k, const wsl_row *in)
{
    int64_t count = 0;

    (void)in;
    if (!wsl_value_get_int64(k, &seen, &count)) {
        WSL_TRY(wsl_timer_event(k, WSL_TIME_MAX));
    }
    return wsl_value_set_int64(k, &seen, count + 1);
}

static wsl_status give_count(wsl_keyed_ctx *k, int64_t timestamp_ms, bool event_time)
{
    int64_t count = 0;
    const wsl_str text = word_word(k->key);

    (void)timestamp_ms;
    (void)event_time;
    (void)wsl_value_get_int64(k, &seen, &count);
    wsl_row_writer w = wsl_begin(k, &word_count_schema, text.size);
    word_count_set_word(&w, text);
    word_count_set_count(&w, count);
    return wsl_emit(k, &w);
}

WSL_KEYED_PROCESS(count, .in = &word_schema, .out = &word_count_schema, .states = WSL_STATES(&seen),
                  .keyed_process = count_word, .on_timer = give_count);

WSL_JOB(env, args)
{
    const char *out = wsl_arg(args, "out", NULL);

    wsl_env_set_name(env, "wordcount over files");

    wsl_stream *lines = wsl_from(env, "lines", "file", &line_schema,
                                 WSL_OPTIONS({"path", wsl_arg_required(args, "in")}, {"format", "raw"}));
    wsl_stream *words = wsl_flat_map(lines, "words", &split);
    wsl_stream *counts = wsl_keyed_process(wsl_key_by(words, "word"), "counts", &count);
    wsl_set_uid(counts, "counts");
    if (out != NULL) {
        wsl_to_files(counts, "out", out, "json");
    } else {
        wsl_collect(counts, "out");
    }
    return WSL_OK;
}
