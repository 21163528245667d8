/*
 * number_text - floats as SQL writes them: the shortest digits that read back as the same number (base/number.h), and
 * words for what is not a number.
 *
 * Threads: any.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/number.h"

/* "1.5", "100", "1e+30", "NaN", "Infinity", "-Infinity". Terminated; returns the length. */
size_t wsl_double_text(double v, char out[WSL_NUMBER_TEXT_MAX]);
size_t wsl_float_text(float v, char out[WSL_NUMBER_TEXT_MAX]);

/* The whole text is one number with an optional sign, blanks around it are skipped; "NaN" and "Infinity" in any case
 * are numbers too. Correctly rounded; false if it is none or too large. */
bool wsl_double_of_text(const char *text, size_t size, double *out);
bool wsl_float_of_text(const char *text, size_t size, float *out);
