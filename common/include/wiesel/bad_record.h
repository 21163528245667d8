/*
 * bad_record - the row that a source emits to its side output "bad-records" for each record it could not read, when its
 * option "on-error" is "side-output".
 *
 *   reason  why, in a few words
 *   file    path of the file, or host:port
 *   offset  byte offset of the record in it
 *   raw     the record's text, at most WSL_BAD_RECORD_RAW_MAX bytes of it; bytes that are not UTF-8 became U+FFFD
 */
#pragma once
#include <wiesel/row.h>

#define WSL_BAD_RECORDS "bad-records"

enum { WSL_BAD_RECORD_RAW_MAX = 8 << 10 };

WSL_ROW(wsl_bad_record, (string, reason), (string, file), (int64, offset), (string, raw));
