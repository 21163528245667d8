/*
 * lexer - the text of an expression as tokens.
 *
 * Words keep their case; whether a word is a keyword is the parser's business. Comments (-- to the end of the line and
 * slash-star) are blanks.
 *
 * Threads: any.
 */
#pragma once
#include <wiesel/row.h>

#include "expr/source.h"

typedef enum wsl_token_kind {
    WSL_TOK_END,
    WSL_TOK_WORD,   /* name or keyword, text as written */
    WSL_TOK_QUOTED, /* "name" or `name`, text without quotes */
    WSL_TOK_INTEGER,
    WSL_TOK_DECIMAL, /* with a point */
    WSL_TOK_FLOAT,   /* with an exponent */
    WSL_TOK_STRING,  /* '...', text without quotes */
    WSL_TOK_SYMBOL,  /* text is one of ( ) , . * / + - % = < > <= >= <> != || [ ] */
} wsl_token_kind;

typedef struct wsl_token {
    wsl_token_kind kind;
    uint32_t at;  /* first byte in the source */
    uint32_t end; /* behind the last one */
    wsl_str text;
} wsl_token;

typedef struct wsl_lexer {
    const wsl_expr_source *src;
    wsl_arena *arena; /* for quoted text with doubled quotes */
    uint32_t at;
} wsl_lexer;

WSL_MUST_CHECK wsl_status wsl_lexer_next(wsl_lexer *lx, wsl_token *out_token, wsl_error *err);
