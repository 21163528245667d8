/*
 * words - what both word counts share: lines into words.
 */
#pragma once
#include <wiesel/wiesel.h>

WSL_ROW(line, (string, line));
WSL_ROW(word, (string, word));
WSL_ROW(word_count, (string, word), (int64, count));

/* Words emitted by one call. A line of 16 MB has millions: the rest comes when these have left. */
enum { WORDS_PER_CALL = 1000 };

typedef struct split_position {
    uint32_t at; /* in the line that is being split */
} split_position;

static inline bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

static wsl_status split_line(wsl_ctx *ctx, const wsl_row *in)
{
    split_position *position = ctx->local;
    const wsl_str text = line_line(in);
    uint32_t at = position->at;

    for (int n = 0; n < WORDS_PER_CALL; n++) {
        while (at < text.size && is_blank(text.data[at])) {
            at++;
        }
        const uint32_t from = at;
        while (at < text.size && !is_blank(text.data[at])) {
            at++;
        }
        if (at == from) {
            position->at = 0;
            return WSL_OK;
        }
        wsl_row_writer w = wsl_begin(ctx, &word_schema, at - from);
        word_set_word(&w, (wsl_str){text.data + from, at - from});
        WSL_TRY(wsl_emit(ctx, &w));
    }
    position->at = at;
    return WSL_AGAIN;
}

WSL_PROCESS(split, .in = &line_schema, .out = &word_schema, .local_size = sizeof(split_position),
            .process = split_line);
