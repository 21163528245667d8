/*
 * options - a table of switches; each knows its bounds, so that every complaint names what is accepted.
 */
#include "examples/gen/options.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "examples/gen/kind.h"

typedef enum switch_type { SWITCH_FLAG, SWITCH_TEXT, SWITCH_COUNT, SWITCH_TIME, SWITCH_SHARE, SWITCH_RATE } switch_type;

typedef struct switch_row {
    const char *name;
    switch_type type;
    size_t at;
    uint64_t min, max;
} switch_row;

#define AT(field) offsetof(gen_options, field)

/* clang-format off */
static const switch_row switches[] = {
    {"--seed",             SWITCH_COUNT, AT(seed),             0, UINT64_MAX},
    {"--count",            SWITCH_COUNT, AT(count),            0, GEN_COUNT_MAX},
    {"--rate",             SWITCH_RATE,  AT(rate_milli),       1, UINT64_C(1000000000000)},
    {"--out",              SWITCH_TEXT,  AT(out),              0, 0},
    {"--files",            SWITCH_COUNT, AT(files),            1, GEN_FILES_MAX},
    {"--records-per-file", SWITCH_COUNT, AT(records_per_file), 1, GEN_COUNT_MAX},
    {"--start-ts",         SWITCH_TIME,  AT(start_ts),         0, UINT64_C(4102444800000)},
    {"--live",             SWITCH_FLAG,  AT(live),             0, 0},
    {"--force",            SWITCH_FLAG,  AT(force),            0, 0},
    {"--json",             SWITCH_FLAG,  AT(json),             0, 0},
    {"--help",             SWITCH_FLAG,  AT(help),             0, 0},
    {"-h",                 SWITCH_FLAG,  AT(help),             0, 0},
    {"--backdated",        SWITCH_SHARE, AT(backdated),        0, 0},
    {"--backdate-max-ms",  SWITCH_COUNT, AT(backdate_max_ms),  1, 86400000},
    {"--malformed",        SWITCH_SHARE, AT(malformed),        0, 0},
    {"--symbols",          SWITCH_COUNT, AT(symbols),          1, GEN_SYMBOLS_MAX},
    {"--keys",             SWITCH_COUNT, AT(keys),             1, GEN_KEYS_MAX},
    {"--baseline",         SWITCH_TEXT,  AT(baseline),         0, 0},
    {0},
};
/* clang-format on */

const char *gen_options_help(void)
{
    return "usage: wiesel-gen KIND --out DIR [options]\n"
           "\n"
           "Writes seeded example data. The same seed and options give the same bytes, in however many files.\n"
           "\n"
           "kinds\n"
           "  trades        {\"symbol\",\"side\",\"quantity\",\"price\",\"ts\"}, 20 % backdated by up to 15 s\n"
           "  prices        {\"symbol\",\"price\",\"ts\"}, and a baseline file with one first price per symbol\n"
           "  transactions  {\"user_id\",\"amount\",\"merchant\",\"ts\"}, users u901 and u902 burst every 30 s\n"
           "  clicks        {\"user_id\",\"page\",\"ts\"}\n"
           "  iot           {\"device_id\",\"temperature\",\"humidity\",\"pressure\",\"event_timestamp\"}, some lines "
           "malformed\n"
           "  text          lines of words, their frequencies by Zipf's law\n"
           "\n"
           "options\n"
           "  --out DIR             where files appear, each whole, by rename; made if missing; - is the standard "
           "output\n"
           "  --seed S              default 1\n"
           "  --count N             records; default 10000, with --live until stopped\n"
           "  --rate R              records per second of event time, decimals allowed; default 1000\n"
           "  --files K             spread the records over K files; default 1\n"
           "  --records-per-file N  instead of --files; with --live the default is what comes in 250 ms\n"
           "  --start-ts MS         time of the first record; default 2026-01-01T00:00:00Z, with --live the clock\n"
           "  --live                write records when they are due; ends cleanly on SIGINT and SIGTERM\n"
           "  --force               replace files of the same kind that are already there\n"
           "  --backdated SHARE     trades: share of records with an earlier ts; default 0.2\n"
           "  --backdate-max-ms MS  trades: by how much at most; default 15000\n"
           "  --symbols N           trades, prices: default 10\n"
           "  --baseline FILE       prices: default DIR/_baseline.json (names with _ are not read by watched "
           "directories)\n"
           "  --keys N              users, devices or words; default 900 users, 100 devices, 10000 words\n"
           "  --malformed SHARE     iot: default 0.02\n"
           "  --json                print the summary as JSON\n"
           "  --help\n"
           "\n"
           "Exit code 0: all written; 1: could not write; 2: wrong options.\n";
}

static bool is_digits(const char *text) { return text[0] != '\0' && text[strspn(text, "0123456789")] == '\0'; }

static wsl_status parse_count(const switch_row *row, const char *text, uint64_t *out_value, wsl_error *err)
{
    errno = 0;
    const uint64_t value = is_digits(text) ? strtoull(text, NULL, 10) : 0;
    if (!is_digits(text) || errno != 0 || value < row->min || value > row->max) {
        return wsl_fail(err, WSL_INVALID, "%s takes a whole number from %llu to %llu, not '%.40s'", row->name,
                        (unsigned long long)row->min, (unsigned long long)row->max, text);
    }
    *out_value = value;
    return WSL_OK;
}

/* A decimal number with up to `decimals` digits behind the point, scaled to a whole one. */
static bool parse_scaled(const char *text, uint32_t decimals, uint64_t *out_value)
{
    uint64_t value = 0;
    uint32_t behind = 0;
    bool point = false, any = false;
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '.' && !point) {
            point = true;
            continue;
        }
        if (*c < '0' || *c > '9' || (point && behind == decimals) || value > UINT64_MAX / 100) {
            return false;
        }
        value = value * 10 + (uint64_t)(*c - '0');
        behind += point;
        any = true;
    }
    for (; behind < decimals; behind++) {
        if (value > UINT64_MAX / 100) {
            return false;
        }
        value *= 10;
    }
    *out_value = value;
    return any;
}

static wsl_status set_value(gen_options *o, const switch_row *row, const char *text, wsl_error *err)
{
    void *at = (char *)o + row->at;
    uint64_t number = 0;

    switch (row->type) {
    case SWITCH_FLAG:
        *(bool *)at = true;
        return WSL_OK;
    case SWITCH_TEXT:
        if (text[0] == '\0') {
            return wsl_fail(err, WSL_INVALID, "%s takes a path, not an empty text", row->name);
        }
        *(const char **)at = text;
        return WSL_OK;
    case SWITCH_COUNT:
        return parse_count(row, text, (uint64_t *)at, err);
    case SWITCH_TIME:
        WSL_TRY(parse_count(row, text, &number, err));
        *(int64_t *)at = (int64_t)number;
        o->start_ts_given = true;
        return WSL_OK;
    case SWITCH_SHARE:
        if (!parse_scaled(text, 6, &number) || number > 1000000) {
            return wsl_fail(err, WSL_INVALID, "%s takes a share from 0 to 1, such as 0.2, not '%.40s'", row->name,
                            text);
        }
        *(double *)at = (double)number / 1e6;
        return WSL_OK;
    case SWITCH_RATE:
        if (!parse_scaled(text, 3, &number) || number < row->min || number > row->max) {
            return wsl_fail(err, WSL_INVALID, "%s takes records per second from 0.001 to 1000000000, not '%.40s'",
                            row->name, text);
        }
        *(uint64_t *)at = number;
        return WSL_OK;
    }
    return WSL_OK;
}

static const switch_row *switch_find(const char *name, size_t size)
{
    for (const switch_row *row = switches; row->name != NULL; row++) {
        if (strlen(row->name) == size && memcmp(row->name, name, size) == 0) {
            return row;
        }
    }
    return NULL;
}

/* One switch at argv[*i]: "--name value" or "--name=value"; moves *i past what it used. */
static wsl_status take_switch(int argc, char **argv, int *i, gen_options *o, wsl_error *err)
{
    const char *arg = argv[*i];
    const char *equals = strchr(arg, '=');
    const switch_row *row = switch_find(arg, equals != NULL ? (size_t)(equals - arg) : strlen(arg));
    const char *value = equals != NULL ? equals + 1 : NULL;

    if (row == NULL) {
        return wsl_fail(err, WSL_INVALID, "unknown option '%.60s': see wiesel-gen --help", arg);
    }
    if (row->type == SWITCH_FLAG) {
        if (value != NULL) {
            return wsl_fail(err, WSL_INVALID, "%s takes no value", row->name);
        }
    } else if (value == NULL) {
        if (*i + 1 >= argc) {
            return wsl_fail(err, WSL_INVALID, "%s needs a value: see wiesel-gen --help", row->name);
        }
        value = argv[++*i];
    }
    return set_value(o, row, value, err);
}

static wsl_status check_together(gen_options *o, bool count_given, wsl_error *err)
{
    if (o->kind == NULL) {
        return wsl_fail(err, WSL_INVALID, "say what to make: one of %s", gen_kind_names());
    }
    if (o->out == NULL) {
        return wsl_fail(err, WSL_INVALID, "--out is missing: name the directory that the files go to");
    }
    if (o->files != 0 && o->records_per_file != 0) {
        return wsl_fail(err, WSL_INVALID, "--files and --records-per-file exclude each other");
    }
    if (!count_given) {
        o->count = o->live ? 0 : 10000;
    }
    if (o->count == 0 && !o->live) {
        return wsl_fail(err, WSL_INVALID, "--count must be at least 1");
    }
    if (o->count == 0 && o->files != 0 && o->live) {
        return wsl_fail(err, WSL_INVALID, "--files needs --count: a run without end has no fixed number of files");
    }
    if (o->files == 0 && o->records_per_file == 0) {
        if (o->live) {
            const uint64_t due = o->rate_milli * GEN_LIVE_FILE_MS / 1000000;
            o->records_per_file = due > 0 ? due : 1;
        } else {
            o->files = 1;
        }
    }
    return WSL_OK;
}

wsl_status gen_options_parse(int argc, char **argv, gen_options *out_options, wsl_error *err)
{
    gen_options o = {.seed = 1,
                     .count = GEN_COUNT_MAX + 1,
                     .rate_milli = 1000000,
                     .start_ts = GEN_START_TS_DEFAULT,
                     .backdated = 0.2,
                     .backdate_max_ms = 15000,
                     .malformed = 0.02,
                     .symbols = 10};

    for (int i = 1; i < argc; i++) {
        if (argv[i][0] == '-' && argv[i][1] != '\0') {
            WSL_TRY(take_switch(argc, argv, &i, &o, err));
            continue;
        }
        if (o.kind != NULL) {
            return wsl_fail(err, WSL_INVALID, "unexpected argument '%.60s': one kind is made at a time", argv[i]);
        }
        o.kind = gen_kind_find(argv[i]);
        if (o.kind == NULL) {
            return wsl_fail(err, WSL_INVALID, "unknown kind '%.60s': one of %s", argv[i], gen_kind_names());
        }
    }
    if (!o.help) {
        WSL_TRY(check_together(&o, o.count <= GEN_COUNT_MAX, err));
    }
    *out_options = o;
    return WSL_OK;
}

int64_t gen_options_offset_ms(const gen_options *o, uint64_t index)
{
    return (int64_t)((unsigned __int128)index * 1000000 / o->rate_milli);
}
