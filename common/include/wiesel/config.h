/*
 * config - option tables and checked configurations.
 *
 * One table of wsl_option rows gives parser, range check, help text, reference documentation and the page's view.
 * Values are kept as text together with what they parse to; a wsl_config is made from a table, then changed key by
 * key, and never holds an unknown key or a bad value.
 *
 * Threads: a wsl_config belongs to whoever made it; read-only sharing is fine.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <wiesel/macros.h>
#include <wiesel/status.h>

typedef enum wsl_option_type {
    WSL_OPT_STRING,
    WSL_OPT_BOOL,
    WSL_OPT_INT,      /* int64 */
    WSL_OPT_DOUBLE,
    WSL_OPT_SIZE,     /* bytes: "32kb", "64 mb", "1g", plain number */
    WSL_OPT_DURATION, /* kept in ns: "100 ms", "1s", "5 min"; a plain number is milliseconds, as in Flink */
    WSL_OPT_ENUM,     /* one of `choices`, separated by '|' */
} wsl_option_type;

typedef struct wsl_option {
    const char *name;          /* "taskmanager.numberOfTaskSlots"; NULL ends a table */
    wsl_option_type type;
    const char *default_value; /* NULL: unset */
    const char *min, *max;     /* in the option's own notation; NULL: no bound */
    const char *choices;       /* WSL_OPT_ENUM */
    const char *help;
    bool required;             /* must be set (connectors) */
    const char *also;          /* an older or shorter spelling that is accepted too; may be NULL */
} wsl_option;

typedef struct wsl_config wsl_config;

void wsl_config_free(wsl_config *config);
/* Tables must outlive the config. All values at their defaults. */
wsl_config *wsl_config_new(const wsl_option *const *tables, uint32_t n_tables);
WSL_DEFINE_AUTO(wsl_config)

/* `origin` ("wiesel.yaml:12", "-D") is named in errors. Unknown key: WSL_NOT_FOUND with the nearest known key as a
 * suggestion; bad value: WSL_INVALID with what is accepted. */
WSL_MUST_CHECK wsl_status wsl_config_set(wsl_config *config, const char *key, const char *value, const char *origin,
                                         wsl_error *err);
/* "key=value", for -D. */
WSL_MUST_CHECK wsl_status wsl_config_set_pair(wsl_config *config, const char *pair, const char *origin, wsl_error *err);
/* Takes over what `from` was given explicitly, for the keys this one knows. */
void wsl_config_copy_set(wsl_config *config, const wsl_config *from);
/* Are all required options set? */
WSL_MUST_CHECK wsl_status wsl_config_check(const wsl_config *config, wsl_error *err);

/* Reading: the key must be in a table (asserted) and of the named type. Unset strings give NULL, unset numbers 0. */
bool wsl_config_is_set(const wsl_config *config, const char *key); /* given explicitly, not by default */
const char *wsl_config_str(const wsl_config *config, const char *key); /* also enums, as the table spells them */
bool wsl_config_bool(const wsl_config *config, const char *key);
int64_t wsl_config_int(const wsl_config *config, const char *key);
double wsl_config_double(const wsl_config *config, const char *key);
uint64_t wsl_config_size(const wsl_config *config, const char *key);
int64_t wsl_config_duration_ns(const wsl_config *config, const char *key);

/* Calls fn for every option in table order; value NULL if unset, origin NULL if it is the default. */
void wsl_config_each(const wsl_config *config,
                     void (*fn)(void *arg, const wsl_option *option, const char *value, const char *origin), void *arg);
