/*
 * json_decode - one JSON object per line into rows; see json_decode.c.
 */
#pragma once
#include "format/codec.h"
#include "format/json_plan.h"

typedef struct wsl_json_format {
    wsl_format format;
    wsl_json_plan *plan;
    bool ignore_unknown;
} wsl_json_format;

wsl_status wsl_json_decode(wsl_format *format, const char *data, size_t size, bool last, void *memory,
                           uint32_t capacity, wsl_decoded *out);
