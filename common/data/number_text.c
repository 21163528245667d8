/*
 * number_text.c - signs, blanks and words around the exact conversions of base/number.h.
 */
#include "data/number_text.h"

#include <math.h>
#include <string.h>
#include <strings.h>

static size_t finish(char *out, size_t n)
{
    out[n] = '\0';
    return n;
}

static size_t special(double v, char *out)
{
    const char *word = isnan(v) ? "NaN" : v < 0 ? "-Infinity" : "Infinity";
    const size_t n = strlen(word);
    memcpy(out, word, n);
    return finish(out, n);
}

size_t wsl_double_text(double v, char out[WSL_NUMBER_TEXT_MAX])
{
    return isfinite(v) ? finish(out, wsl_print_double(v, out)) : special(v, out);
}

size_t wsl_float_text(float v, char out[WSL_NUMBER_TEXT_MAX])
{
    return isfinite(v) ? finish(out, wsl_print_float(v, out)) : special((double)v, out);
}

typedef struct trimmed {
    const char *text;
    size_t size;
} trimmed;

/* Without the blanks around it and without a plus sign. */
static trimmed trim(const char *text, size_t size)
{
    while (size > 0 && (*text == ' ' || *text == '\t')) {
        text++;
        size--;
    }
    while (size > 0 && (text[size - 1] == ' ' || text[size - 1] == '\t')) {
        size--;
    }
    if (size > 1 && text[0] == '+' && text[1] != '-') {
        text++;
        size--;
    }
    return (trimmed){text, size};
}

static bool is_word(trimmed t, const char *word)
{
    return t.size == strlen(word) && strncasecmp(t.text, word, t.size) == 0;
}

static bool special_of_text(trimmed t, double *out)
{
    if (is_word(t, "nan")) {
        *out = NAN;
    } else if (is_word(t, "infinity")) {
        *out = INFINITY;
    } else if (is_word(t, "-infinity")) {
        *out = -INFINITY;
    } else {
        return false;
    }
    return true;
}

bool wsl_double_of_text(const char *text, size_t size, double *out)
{
    const trimmed t = trim(text, size);
    return wsl_parse_whole_double(t.text, t.size, out) || special_of_text(t, out);
}

bool wsl_float_of_text(const char *text, size_t size, float *out)
{
    const trimmed t = trim(text, size);
    double word;
    float v;
    size_t used;
    if (wsl_parse_float(t.text, t.size, &v, &used) && used == t.size) {
        *out = v;
        return true;
    }
    if (special_of_text(t, &word)) {
        *out = (float)word;
        return true;
    }
    return false;
}
