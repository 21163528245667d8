/*
 * number_text.c - tries the few precisions that can be the shortest one and keeps the first that reads back.
 */
#include "data/number_text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { NUMBER_READ_MAX = 1100 }; /* more digits than any double needs */

static size_t special(double v, char *out)
{
    (void)strcpy(out, isnan(v) ? "NaN" : v < 0 ? "-Infinity" : "Infinity");
    return strlen(out);
}

/* Whole numbers get ".0", so that they still look like floats. */
static size_t with_point(char *out)
{
    if (strpbrk(out, ".e") == NULL) {
        (void)strcat(out, ".0");
    }
    return strlen(out);
}

size_t wsl_double_text(double v, char out[WSL_NUMBER_TEXT_MAX])
{
    if (!isfinite(v)) {
        return special(v, out);
    }
    for (int n = 15; n <= 17; n++) {
        (void)snprintf(out, WSL_NUMBER_TEXT_MAX, "%.*g", n, v);
        if (strtod(out, NULL) == v) {
            break;
        }
    }
    return with_point(out);
}

size_t wsl_float_text(float v, char out[WSL_NUMBER_TEXT_MAX])
{
    if (!isfinite(v)) {
        return special((double)v, out);
    }
    for (int n = 6; n <= 9; n++) {
        (void)snprintf(out, WSL_NUMBER_TEXT_MAX, "%.*g", n, (double)v);
        if (strtof(out, NULL) == v) {
            break;
        }
    }
    return with_point(out);
}

/* Copies a trimmed decimal number or one of the special words to `copy`; hexadecimal and the like are not numbers here.
 */
static bool is_number(const char *text, size_t size, char copy[NUMBER_READ_MAX])
{
    while (size > 0 && (*text == ' ' || *text == '\t')) {
        text++;
        size--;
    }
    while (size > 0 && (text[size - 1] == ' ' || text[size - 1] == '\t')) {
        size--;
    }
    if (size == 0 || size >= NUMBER_READ_MAX) {
        return false;
    }
    memcpy(copy, text, size);
    copy[size] = '\0';
    const char *word = copy + (*copy == '-' || *copy == '+');
    return strcasecmp(word, "nan") == 0 || strcasecmp(word, "infinity") == 0 || strspn(copy, "0123456789+-.eE") == size;
}

bool wsl_double_of_text(const char *text, size_t size, double *out)
{
    char copy[NUMBER_READ_MAX];
    char *end = copy;
    if (!is_number(text, size, copy)) {
        return false;
    }
    const double v = strtod(copy, &end);
    if (*end != '\0' || end == copy) {
        return false;
    }
    *out = v;
    return true;
}

bool wsl_float_of_text(const char *text, size_t size, float *out)
{
    char copy[NUMBER_READ_MAX];
    char *end = copy;
    if (!is_number(text, size, copy)) {
        return false;
    }
    const float v = strtof(copy, &end);
    if (*end != '\0' || end == copy) {
        return false;
    }
    *out = v;
    return true;
}
