/*
 * number_text - floats as the shortest text that reads back as the same number, and back.
 *
 * Threads: any.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

enum { WSL_NUMBER_TEXT_MAX = 40 };

/* "1.5", "100.0", "1e+30", "NaN", "Infinity". Terminated; returns the length. */
size_t wsl_double_text(double v, char out[WSL_NUMBER_TEXT_MAX]);
size_t wsl_float_text(float v, char out[WSL_NUMBER_TEXT_MAX]);

/* The whole text is one number, blanks around it are skipped; "NaN" and "Infinity" in any case, too. Correctly rounded.
 */
bool wsl_double_of_text(const char *text, size_t size, double *out);
bool wsl_float_of_text(const char *text, size_t size, float *out);
