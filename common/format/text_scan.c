/*
 * text_scan.c - see the header.
 */
#include "format/text_scan.h"

#ifdef __SSE2__
#define SIXTEEN(c) {(c) * 0x0101010101010101, (c) * 0x0101010101010101}

const wsl_scan_bytes wsl_scan_byte = {
    .space = SIXTEEN(0x20),
    .quote = SIXTEEN('"'),
    .escape = SIXTEEN('\\'),
    .zero = SIXTEEN('0'),
    .nine = SIXTEEN(9),
};
#else
extern const int wsl_scan_needs_nothing; /* no empty file */
const int wsl_scan_needs_nothing = 0;
#endif
