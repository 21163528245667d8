/*
 * row_text - a row as people read it in messages and by print: {symbol=ACME, quantity=5, note=NULL}.
 *
 * Strings stand as they are, bytes as x'0aff', times in ISO form, arrays [1, 2], maps {a: 1}, nested rows {x=1}. It is
 * for eyes, not for reading back.
 *
 * Threads: any.
 */
#pragma once
#include <wiesel/row.h>

#include "base/strbuf.h"

/* Like snprintf: always terminated, returns the length it would need. A text that does not fit ends with "...". */
size_t wsl_row_text(const wsl_row *row, const wsl_schema *schema, char *out, size_t out_size);
/* The whole text, however long. */
void wsl_row_print(const wsl_row *row, const wsl_schema *schema, wsl_strbuf *out);
/* One field, "NULL" if it is null. */
void wsl_row_print_field(const wsl_row *row, const wsl_schema *schema, uint32_t i, wsl_strbuf *out);
