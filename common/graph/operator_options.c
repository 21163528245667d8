#include "graph/operator_options.h"

#include <string.h>

#include "base/strbuf.h"
#include "base/suggest.h"
#include "format/format.h"
#include "graph/operator_kind.h"
#include "plugin/registry.h"

/* clang-format off */
const wsl_option wsl_source_options[] = {
    {.name = "on-error", .type = WSL_OPT_ENUM, .default_value = "fail", .choices = "fail|skip|side-output",
     .help = "Records that cannot be decoded: fail the job, count and skip them, or send them to side output bad-records."},
    {.name = NULL},
};
const wsl_option wsl_function_options[] = {
    {.name = "on-error", .type = WSL_OPT_ENUM, .choices = "fail|skip|side-output",
     .help = "Rows for which the function returns an error: fail the job, count and skip them, or send them to side output poison-rows. "
             "Unset: as pipeline.on-error of the job."},
    {.name = NULL},
};
const wsl_option wsl_where_options[] = {
    {.name = "expr", .type = WSL_OPT_STRING, .required = true, .help = "The predicate; rows for which it is true are kept."},
    {.name = NULL},
};
const wsl_option wsl_select_options[] = {
    {.name = "expr", .type = WSL_OPT_STRING, .required = true, .help = "The projection: expr [AS name], ...; * stands for all fields."},
    {.name = NULL},
};
const wsl_option wsl_aggregate_options[] = {
    {.name = "expr", .type = WSL_OPT_STRING, .required = true, .help = "Key fields and aggregates: symbol, SUM(delta) AS net, ..."},
    {.name = NULL},
};
const wsl_option wsl_split_options[] = {
    {.name = "field", .type = WSL_OPT_STRING, .required = true, .help = "The STRING field to split."},
    {.name = "separator", .type = WSL_OPT_STRING, .help = "Literal text between the parts; unset: any run of white space."},
    {.name = "as", .type = WSL_OPT_STRING, .default_value = "word", .help = "Name of the one field of the output."},
    {.name = "lower", .type = WSL_OPT_BOOL, .default_value = "false", .help = "Turn ASCII letters into lower case."},
    {.name = "skip-empty", .type = WSL_OPT_BOOL, .default_value = "true", .help = "Drop empty parts."},
    {.name = NULL},
};
const wsl_option wsl_watermarks_options[] = {
    {.name = "timestamp", .type = WSL_OPT_STRING, .help = "Field or expression that is the row's timestamp; unset: rows keep theirs."},
    {.name = "strategy", .type = WSL_OPT_ENUM, .default_value = "bounded", .choices = "bounded|monotonous|none|custom",
     .help = "How the watermark follows the timestamps."},
    {.name = "bound", .type = WSL_OPT_DURATION, .default_value = "0", .min = "0", .help = "Strategy bounded: how late rows may be."},
    {.name = "idleness", .type = WSL_OPT_DURATION, .default_value = "0", .min = "0",
     .help = "Without rows for this long the split or subtask no longer holds others' watermarks back; 0: never."},
    {.name = "emit", .type = WSL_OPT_ENUM, .choices = "periodic|per-record", .help = "When to emit; unset: as watermark.emit of the job."},
    {.name = "alignment-group", .type = WSL_OPT_STRING, .help = "Sources of one group wait for the slowest; only right behind a source."},
    {.name = "max-drift", .type = WSL_OPT_DURATION, .default_value = "0", .min = "0", .help = "How far a split may be ahead of the slowest of its group."},
    {.name = NULL},
};
const wsl_option wsl_interval_join_options[] = {
    {.name = "lower", .type = WSL_OPT_INT, .required = true,
     .help = "Milliseconds: right rows match from left timestamp + lower ..."},
    {.name = "upper", .type = WSL_OPT_INT, .required = true, .help = "... to left timestamp + upper."},
    {.name = "bounds", .type = WSL_OPT_ENUM, .default_value = "inclusive",
     .choices = "inclusive|lower-exclusive|upper-exclusive|exclusive", .help = "Which of the two bounds match."},
    {.name = "late-left", .type = WSL_OPT_STRING, .help = "Side output of late rows of input 0; unset: counted and dropped."},
    {.name = "late-right", .type = WSL_OPT_STRING, .help = "Side output of late rows of input 1; unset: counted and dropped."},
    {.name = NULL},
};
/* clang-format on */

wsl_status wsl_interval_of(const wsl_config *config, wsl_interval *out, wsl_error *err)
{
    const char *bounds = wsl_config_str(config, "bounds");
    const bool open_lower = strcmp(bounds, "lower-exclusive") == 0 || strcmp(bounds, "exclusive") == 0;
    const bool open_upper = strcmp(bounds, "upper-exclusive") == 0 || strcmp(bounds, "exclusive") == 0;
    const int64_t lower = wsl_config_int(config, "lower");
    const int64_t upper = wsl_config_int(config, "upper");
    *out = (wsl_interval){lower, upper};
    if (__builtin_add_overflow(lower, open_lower, &out->lower) ||
        __builtin_sub_overflow(upper, open_upper, &out->upper) || out->lower > out->upper) {
        return wsl_fail(err, WSL_INVALID, "no time lies between %lld and %lld ms (%s); set lower below upper",
                        (long long)lower, (long long)upper, bounds);
    }
    return WSL_OK;
}

uint32_t wsl_source_option_tables(const wsl_source_class *cls,
                                  const wsl_option *out_tables[WSL_OPERATOR_OPTION_TABLES_MAX])
{
    uint32_t n = 0;
    if (cls->options != NULL) {
        out_tables[n++] = cls->options;
    }
    if (cls->has_format) {
        out_tables[n++] = wsl_format_options;
        out_tables[n++] = wsl_source_options;
    }
    return n;
}

uint32_t wsl_sink_option_tables(const wsl_sink_class *cls, const wsl_option *out_tables[WSL_OPERATOR_OPTION_TABLES_MAX])
{
    uint32_t n = 0;
    if (cls->options != NULL) {
        out_tables[n++] = cls->options;
    }
    if (cls->has_format) {
        out_tables[n++] = wsl_format_options;
    }
    return n;
}

/* ---- finding connectors ---- */

/* "there is no source connector 'fiel' (there are file, socket); did you mean 'file'?", name by name. */
typedef struct missing {
    wsl_strbuf known;
    wsl_suggest near;
} missing;

static void missing_init(missing *m, const char *name)
{
    wsl_strbuf_init(&m->known);
    wsl_suggest_init(&m->near, name);
}

static void missing_offer(missing *m, const char *known)
{
    wsl_strbuf_printf(&m->known, "%s%s", m->known.size > 0 ? ", " : "", known);
    wsl_suggest_offer(&m->near, known);
}

static void missing_say(missing *m, const char *what, wsl_error *err)
{
    char hint[WSL_SUGGEST_TEXT_MAX];
    (void)wsl_fail(err, WSL_NOT_FOUND, "there is no %s connector '%s' (there are %s)%s", what, m->near.word,
                   m->known.data, wsl_suggest_text(&m->near, hint));
    wsl_strbuf_fini(&m->known);
}

const wsl_source_class *wsl_find_source(const wsl_plugin *plugin, const char *name, wsl_error *err)
{
    const wsl_source_class *cls = wsl_source_class_find(name);
    if (cls == NULL && plugin != NULL) {
        cls = wsl_plugin_source(plugin, name);
    }
    if (cls == NULL) {
        missing m;
        missing_init(&m, name);
        for (const wsl_source_class *const *c = wsl_source_classes(); *c != NULL; c++) {
            missing_offer(&m, (*c)->name);
        }
        missing_say(&m, "source", err);
    }
    return cls;
}

const wsl_sink_class *wsl_find_sink(const wsl_plugin *plugin, const char *name, wsl_error *err)
{
    const wsl_sink_class *cls = wsl_sink_class_find(name);
    if (cls == NULL && plugin != NULL) {
        cls = wsl_plugin_sink(plugin, name);
    }
    if (cls == NULL) {
        missing m;
        missing_init(&m, name);
        for (const wsl_sink_class *const *c = wsl_sink_classes(); *c != NULL; c++) {
            missing_offer(&m, (*c)->name);
        }
        missing_say(&m, "sink", err);
    }
    return cls;
}

/* ---- one operator's configuration ---- */

static wsl_status tables_of(const Wsl__Pb__Operator *op, const wsl_operator_kind *kind, const wsl_plugin *plugin,
                            const wsl_option *tables[WSL_OPERATOR_OPTION_TABLES_MAX], uint32_t *out_n, wsl_error *err)
{
    *out_n = 0;
    if (kind->source) {
        const wsl_source_class *cls = wsl_find_source(plugin, op->connector, err);
        if (cls == NULL) {
            return wsl_fail_prefix(err, WSL_NOT_FOUND, "'%s'", op->name);
        }
        *out_n = wsl_source_option_tables(cls, tables);
    } else if (kind->sink) {
        const wsl_sink_class *cls = wsl_find_sink(plugin, op->connector, err);
        if (cls == NULL) {
            return wsl_fail_prefix(err, WSL_NOT_FOUND, "'%s'", op->name);
        }
        *out_n = wsl_sink_option_tables(cls, tables);
    } else if (kind->options != NULL) {
        tables[(*out_n)++] = kind->options;
    }
    return WSL_OK;
}

wsl_status wsl_operator_config_new(const Wsl__Pb__Operator *op, const wsl_plugin *plugin, wsl_config **out_config,
                                   wsl_error *err)
{
    const wsl_option *tables[WSL_OPERATOR_OPTION_TABLES_MAX];
    uint32_t n_tables = 0;
    const wsl_operator_kind *kind = wsl_operator_kind_find(op->kind);
    if (kind == NULL) {
        return wsl_fail(err, WSL_NOT_FOUND, "'%s': there is no operator kind '%s'", op->name, op->kind);
    }
    WSL_TRY(tables_of(op, kind, plugin, tables, &n_tables, err));
    WSL_AUTO(wsl_config) config = wsl_config_new(tables, n_tables);
    wsl_status status = WSL_OK;
    for (size_t i = 0; i < op->n_options && status == WSL_OK; i++) {
        status = wsl_config_set(config, op->options[i]->key, op->options[i]->value, "options", err);
    }
    if (status == WSL_OK) {
        status = wsl_config_check(config, err);
    }
    if (status != WSL_OK) {
        return wsl_fail_prefix(err, status, "'%s'", op->name);
    }
    *out_config = WSL_TAKE(config);
    return WSL_OK;
}
