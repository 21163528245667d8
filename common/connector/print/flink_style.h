/*
 * flink_style - a row as Flink's print shows it: +I[ACME, 5, null, [1, 2], {a=1}].
 */
#pragma once
#include <wiesel/row.h>

#include "base/strbuf.h"

/* Appends the row without line end. Line ends in strings stay as they are. */
void wsl_flink_style_row(const wsl_row *row, const wsl_schema *schema, wsl_strbuf *out);
