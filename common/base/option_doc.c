/*
 * option_doc - prints option tables.
 */
#include "base/option_doc.h"

#include <string.h>

enum { HELP_COLUMNS = 100, HELP_INDENT = 6 };

static const char *type_name(wsl_option_type type)
{
    switch (type) {
    case WSL_OPT_STRING:
        return "text";
    case WSL_OPT_BOOL:
        return "true|false";
    case WSL_OPT_INT:
        return "integer";
    case WSL_OPT_DOUBLE:
        return "number";
    case WSL_OPT_SIZE:
        return "size";
    case WSL_OPT_DURATION:
        return "duration";
    case WSL_OPT_ENUM:
        return "choice";
    }
    return "";
}

static void add_range(const wsl_option *option, wsl_strbuf *out)
{
    if (option->min != NULL && option->max != NULL) {
        wsl_strbuf_printf(out, ", %s to %s", option->min, option->max);
    } else if (option->min != NULL) {
        wsl_strbuf_printf(out, ", at least %s", option->min);
    } else if (option->max != NULL) {
        wsl_strbuf_printf(out, ", at most %s", option->max);
    }
}

/* Breaks text at blanks so that no line, indent included, is longer than HELP_COLUMNS. */
static void add_wrapped(const char *text, wsl_strbuf *out)
{
    size_t column = 0;
    while (*text != '\0') {
        const size_t word = strcspn(text, " ");
        if (column != 0 && column + 1 + word > HELP_COLUMNS) {
            wsl_strbuf_putc(out, '\n');
            column = 0;
        }
        if (column == 0) {
            wsl_strbuf_printf(out, "%*s", HELP_INDENT, "");
            column = HELP_INDENT;
        } else {
            wsl_strbuf_putc(out, ' ');
            column++;
        }
        wsl_strbuf_add(out, text, word);
        column += word;
        text += word;
        while (*text == ' ') {
            text++;
        }
    }
    wsl_strbuf_putc(out, '\n');
}

/* Many long choices do not fit beside the name: they go below it, with blanks to break at. */
static void add_head(const wsl_option *o, const wsl_strbuf *about, wsl_strbuf *out)
{
    if (strlen(o->name) + about->size + 5 <= HELP_COLUMNS) {
        wsl_strbuf_printf(out, "  %s (%s)\n", o->name, about->data);
        return;
    }
    wsl_strbuf spaced;
    wsl_strbuf_init(&spaced);
    for (const char *c = about->data; *c != '\0'; c++) {
        if (*c == '|') {
            wsl_strbuf_puts(&spaced, " | ");
        } else {
            wsl_strbuf_putc(&spaced, *c);
        }
    }
    wsl_strbuf_printf(out, "  %s\n", o->name);
    add_wrapped(spaced.data, out);
    wsl_strbuf_fini(&spaced);
}

void wsl_options_help(const wsl_option *table, wsl_strbuf *out)
{
    for (const wsl_option *o = table; o->name != NULL; o++) {
        wsl_strbuf about;
        wsl_strbuf_init(&about);
        wsl_strbuf_puts(&about, o->type == WSL_OPT_ENUM ? o->choices : type_name(o->type));
        add_range(o, &about);
        if (o->default_value != NULL) {
            wsl_strbuf_printf(&about, "; default %s", o->default_value);
        } else if (o->required) {
            wsl_strbuf_puts(&about, "; required");
        }
        add_head(o, &about, out);
        wsl_strbuf_fini(&about);
        if (o->help != NULL) {
            add_wrapped(o->help, out);
        }
    }
}

/* A '|' would end the cell. */
static void add_cell(const char *text, wsl_strbuf *out)
{
    for (; *text != '\0'; text++) {
        if (*text == '|') {
            wsl_strbuf_putc(out, '\\');
        }
        wsl_strbuf_putc(out, *text);
    }
}

void wsl_options_markdown(const wsl_option *table, wsl_strbuf *out)
{
    wsl_strbuf_puts(out, "| Key | Default | Type | Description |\n|---|---|---|---|\n");
    for (const wsl_option *o = table; o->name != NULL; o++) {
        wsl_strbuf_printf(out, "| `%s` | %s | ", o->name,
                          o->default_value != NULL ? o->default_value
                          : o->required            ? "(required)"
                                                   : "(none)");
        add_cell(o->type == WSL_OPT_ENUM ? o->choices : type_name(o->type), out);
        add_range(o, out);
        wsl_strbuf_puts(out, " | ");
        add_cell(o->help != NULL ? o->help : "", out);
        if (o->also != NULL) {
            wsl_strbuf_printf(out, " Also `%s`.", o->also);
        }
        wsl_strbuf_puts(out, " |\n");
    }
}
