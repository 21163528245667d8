/*
 * option_doc - an option table for people: `--help` and the reference pages.
 */
#pragma once
#include <wiesel/config.h>

#include "base/strbuf.h"

/* One paragraph per option: name, type, default and range, help; lines of at most 100 columns. */
void wsl_options_help(const wsl_option *table, wsl_strbuf *out);
/* A Markdown table: Key, Default, Type, Description. */
void wsl_options_markdown(const wsl_option *table, wsl_strbuf *out);
