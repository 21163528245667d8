/*
 * lexer.c - one token at a time, straight from the text.
 */
#include "expr/lexer.h"

static char peek(const wsl_lexer *lx, uint32_t ahead)
{
    return lx->at + ahead < lx->src->size ? lx->src->text[lx->at + ahead] : '\0';
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

/* Letters, underscore and everything beyond ASCII start a name. */
static bool is_word_start(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80;
}

static bool is_word(char c) { return is_word_start(c) || is_digit(c) || c == '$'; }

static wsl_status skip_blanks(wsl_lexer *lx, wsl_error *err)
{
    for (;;) {
        const char c = peek(lx, 0);
        if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
            lx->at++;
        } else if (c == '-' && peek(lx, 1) == '-') {
            while (lx->at < lx->src->size && peek(lx, 0) != '\n') {
                lx->at++;
            }
        } else if (c == '/' && peek(lx, 1) == '*') {
            const uint32_t start = lx->at;
            lx->at += 2;
            while (!(peek(lx, 0) == '*' && peek(lx, 1) == '/')) {
                if (lx->at >= lx->src->size) {
                    return wsl_expr_fail_at(lx->src, start, err, WSL_INVALID,
                                            "a comment does not end; close it with */");
                }
                lx->at++;
            }
            lx->at += 2;
        } else {
            return WSL_OK;
        }
    }
}

/* From one quote to the next that is not doubled. */
static wsl_status quoted(wsl_lexer *lx, wsl_token *tok, wsl_error *err)
{
    const char quote = peek(lx, 0);
    const uint32_t start = lx->at++;
    uint32_t n = 0;
    for (;; lx->at++, n++) {
        if (lx->at >= lx->src->size) {
            return wsl_expr_fail_at(lx->src, start, err, WSL_INVALID,
                                    quote == '\''
                                        ? "a string does not end; close it with '"
                                        : "a quoted name does not end; close it with the quote it began with");
        }
        if (peek(lx, 0) == quote) {
            if (peek(lx, 1) != quote) {
                break;
            }
            lx->at++;
        }
    }
    char *out = wsl_arena_alloc(lx->arena, n + 1);
    const char *from = lx->src->text + start + 1;
    for (uint32_t i = 0; i < n; i++, from++) {
        from += *from == quote; /* the first of two */
        out[i] = *from;
    }
    out[n] = '\0';
    lx->at++;
    if (quote != '\'' && n == 0) {
        return wsl_expr_fail_at(lx->src, start, err, WSL_INVALID, "a name cannot be empty");
    }
    tok->kind = quote == '\'' ? WSL_TOK_STRING : WSL_TOK_QUOTED;
    tok->text = (wsl_str){out, n};
    return WSL_OK;
}

static void number(wsl_lexer *lx, wsl_token *tok)
{
    tok->kind = WSL_TOK_INTEGER;
    while (is_digit(peek(lx, 0))) {
        lx->at++;
    }
    if (peek(lx, 0) == '.') {
        tok->kind = WSL_TOK_DECIMAL;
        lx->at++;
        while (is_digit(peek(lx, 0))) {
            lx->at++;
        }
    }
    const char c = peek(lx, 0);
    const char sign = peek(lx, 1);
    const bool signed_exponent = (sign == '+' || sign == '-') && is_digit(peek(lx, 2));
    if ((c == 'e' || c == 'E') && (is_digit(sign) || signed_exponent)) {
        tok->kind = WSL_TOK_FLOAT;
        lx->at += 2;
        while (is_digit(peek(lx, 0))) {
            lx->at++;
        }
    }
}

static wsl_status symbol(wsl_lexer *lx, wsl_token *tok, wsl_error *err)
{
    static const char two[][3] = {"<=", ">=", "<>", "!=", "||"};
    const char c = peek(lx, 0);
    tok->kind = WSL_TOK_SYMBOL;
    for (size_t i = 0; i < WSL_ARRAY_LEN(two); i++) {
        if (c == two[i][0] && peek(lx, 1) == two[i][1]) {
            lx->at += 2;
            return WSL_OK;
        }
    }
    if (c == '\0' || strchr("(),.*/+-%=<>[]", c) == NULL) {
        const unsigned char u = (unsigned char)c;
        return u < 0x20 || u >= 0x7f
                   ? wsl_expr_fail_at(lx->src, lx->at, err, WSL_INVALID, "the byte 0x%02x has no meaning here", u)
                   : wsl_expr_fail_at(lx->src, lx->at, err, WSL_INVALID, "the character '%c' has no meaning here%s", c,
                                      c == '!' || c == '&' || c == '|' ? "; use NOT, AND, OR" : "");
    }
    lx->at++;
    return WSL_OK;
}

wsl_status wsl_lexer_next(wsl_lexer *lx, wsl_token *out_token, wsl_error *err)
{
    wsl_token tok = {0};
    WSL_TRY(skip_blanks(lx, err));
    tok.at = lx->at;
    const char c = peek(lx, 0);
    if (lx->at >= lx->src->size) {
        tok.kind = WSL_TOK_END;
    } else if (c == '\'' || c == '"' || c == '`') {
        WSL_TRY(quoted(lx, &tok, err));
        tok.end = lx->at;
        *out_token = tok;
        return WSL_OK;
    } else if (is_digit(c) || (c == '.' && is_digit(peek(lx, 1)))) {
        number(lx, &tok);
        if (is_word_start(peek(lx, 0))) {
            return wsl_expr_fail_at(lx->src, tok.at, err, WSL_INVALID, "a number cannot run into a name");
        }
    } else if (is_word_start(c)) {
        tok.kind = WSL_TOK_WORD;
        while (is_word(peek(lx, 0))) {
            lx->at++;
        }
    } else {
        WSL_TRY(symbol(lx, &tok, err));
    }
    tok.end = lx->at;
    tok.text = (wsl_str){lx->src->text + tok.at, tok.end - tok.at};
    *out_token = tok;
    return WSL_OK;
}
