/*
 * compat - see compat.h.
 *
 *     sections of all old subtasks -> one list of old states, each once
 *         each:  declared today, or was?  -> schemas compared
 *                the operator's own?      -> compared with its input or accumulator
 *                else                     -> orphaned
 *     declared today and not kept         -> new
 */
#include "ckpt/compat.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <wiesel/config.h>
#include <wiesel/state.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/strbuf.h"
#include "base/vec.h"
#include "data/evolution.h"
#include "graph/operator_options.h"
#include "graph/pb.h"

static const char second_suffix[] = " (second input)";

const char *wsl_compat_name(wsl_compat verdict)
{
    static const char *const names[] = {"KEPT", "CHANGED", "NEW", "ORPHANED", "INCOMPATIBLE"};
    return names[verdict];
}

/* ---- old states ---- */

typedef struct old_state {
    const Wsl__Pb__Section *section; /* the first that has it */
    const Wsl__Pb__StateDesc *desc;
} old_state;
typedef WSL_VEC(old_state) old_states;

/* Entries that changed while a snapshot was written lie in a section of the same name with a plus. */
static size_t base_size(const char *name)
{
    const size_t n = strlen(name);
    return n > 0 && name[n - 1] == '+' ? n - 1 : n;
}

static bool in_same_place(const Wsl__Pb__Section *a, const Wsl__Pb__Section *b)
{
    const size_t n = base_size(a->name);
    return a->kind == b->kind && n == base_size(b->name) && strncmp(a->name, b->name, n) == 0;
}

static bool same_desc(const Wsl__Pb__StateDesc *a, const Wsl__Pb__StateDesc *b)
{
    const size_t n = wsl__pb__state_desc__get_packed_size(a);
    if (strcmp(a->name, b->name) != 0 || n != wsl__pb__state_desc__get_packed_size(b)) {
        return false;
    }
    uint8_t *bytes = wsl_alloc(2 * n + 1);
    (void)wsl__pb__state_desc__pack(a, bytes);
    (void)wsl__pb__state_desc__pack(b, bytes + n);
    const bool same = memcmp(bytes, bytes + n, n) == 0;
    free(bytes);
    return same;
}

/* Layers of one state may have been written by different versions of a job: each schema counts. */
static bool is_known(const old_states *all, const Wsl__Pb__Section *section, const Wsl__Pb__StateDesc *desc)
{
    for (uint32_t i = 0; i < all->n; i++) {
        if (in_same_place(all->items[i].section, section) && same_desc(all->items[i].desc, desc)) {
            return true;
        }
    }
    return false;
}

static bool is_of_states(const Wsl__Pb__Section *s)
{
    return s->kind == WSL__PB__SECTION_KIND__SECTION_KEYED || s->kind == WSL__PB__SECTION_KIND__SECTION_BROADCAST ||
           s->kind == WSL__PB__SECTION_KIND__SECTION_LIST || s->kind == WSL__PB__SECTION_KIND__SECTION_UNION;
}

static void gather(const Wsl__Pb__OperatorMeta *old, old_states *out)
{
    for (size_t i = 0; i < old->n_subtasks; i++) {
        for (size_t k = 0; k < old->subtasks[i]->n_sections; k++) {
            const Wsl__Pb__Section *s = old->subtasks[i]->sections[k];
            for (size_t d = 0; s->length > 0 && is_of_states(s) && d < s->n_states; d++) {
                if (!is_known(out, s, s->states[d])) {
                    wsl_vec_push(out, ((old_state){s, s->states[d]}));
                }
            }
        }
    }
}

/* ---- today's ---- */

typedef struct declared {
    const Wsl__Pb__StateDesc *desc;
    Wsl__Pb__SectionKind kind;
    bool found; /* something was kept for it */
} declared;
typedef WSL_VEC(declared) declarations;

static void declare(declarations *out, Wsl__Pb__StateDesc *const *states, size_t n, Wsl__Pb__SectionKind kind)
{
    for (size_t i = 0; i < n; i++) {
        const bool is_union = kind == WSL__PB__SECTION_KIND__SECTION_LIST && states[i]->kind == WSL_STATE_OPERATOR_UNION;
        const Wsl__Pb__SectionKind own = is_union ? WSL__PB__SECTION_KIND__SECTION_UNION : kind;
        wsl_vec_push(out, ((declared){.desc = states[i], .kind = own}));
    }
}

/* States of a window's trigger have its name before theirs in the graph. */
static const char *name_in(const declared *d, const old_state *old)
{
    static const char prefix[] = "trigger.";
    const size_t n = sizeof prefix - 1;
    return strncmp(old->section->name, "trigger", n - 1) == 0 && strncmp(d->desc->name, prefix, n) == 0 ? d->desc->name + n
                                                                                                        : d->desc->name;
}

static declared *find_declared(declarations *all, const old_state *old)
{
    const bool keyed = old->section->kind == WSL__PB__SECTION_KIND__SECTION_KEYED;
    const bool broadcast = old->section->kind == WSL__PB__SECTION_KIND__SECTION_BROADCAST;
    declared *had = NULL;
    for (uint32_t i = 0; i < all->n; i++) {
        declared *d = &all->items[i];
        const bool same_place = (d->kind == WSL__PB__SECTION_KIND__SECTION_KEYED) == keyed &&
                                (d->kind == WSL__PB__SECTION_KIND__SECTION_BROADCAST) == broadcast;
        if (same_place && strcmp(name_in(d, old), old->desc->name) == 0) {
            return d;
        }
        if (same_place && had == NULL && wsl_pb_is_set(d->desc->was) && strcmp(d->desc->was, old->desc->name) == 0) {
            had = d;
        }
    }
    return had;
}

/* ---- comparing ---- */

typedef struct saying {
    wsl_strbuf text;
    wsl_compat verdict;
} saying;

static void worse(saying *s, wsl_compat verdict) { s->verdict = verdict > s->verdict ? verdict : s->verdict; }

static void say(saying *s, wsl_compat verdict, const char *sentence)
{
    wsl_strbuf_printf(&s->text, "%s%s", s->text.size > 0 ? "; " : "", sentence);
    worse(s, verdict);
}

static void say_change(void *arg, wsl_change_kind kind, const char *field, const char *sentence)
{
    (void)field;
    say(arg, kind == WSL_CHANGE_IMPOSSIBLE ? WSL_COMPAT_INCOMPATIBLE : WSL_COMPAT_CHANGED, sentence);
}

static void compare_rows(saying *s, const Wsl__Pb__Schema *old, const wsl_schema *to, const wsl_field_past *pasts)
{
    WSL_AUTO(wsl_schema) from = NULL;
    wsl_error why = {0};
    if (old == NULL) {
        say(s, WSL_COMPAT_INCOMPATIBLE, "it was stored without the schema of its rows");
    } else if (wsl_schema_from_pb(old, &from, &why) != WSL_OK) {
        say(s, WSL_COMPAT_INCOMPATIBLE, why.text);
    } else {
        wsl_evolution_each(from, to, pasts, say_change, s);
    }
}

static void compare_keys(saying *s, const Wsl__Pb__Schema *old, const Wsl__Pb__Schema *now)
{
    WSL_AUTO(wsl_schema) from = NULL;
    WSL_AUTO(wsl_schema) to = NULL;
    wsl_error why = {0};
    bool same = false;
    if (old == NULL || wsl_schema_from_pb(old, &from, &why) != WSL_OK || wsl_schema_from_pb(now, &to, &why) != WSL_OK ||
        wsl_evolution_check_key(from, to, &same, &why) != WSL_OK) {
        say(s, WSL_COMPAT_INCOMPATIBLE, old == NULL ? "it was stored without the schema of its entries' keys" : why.text);
    } else if (!same) {
        say(s, WSL_COMPAT_CHANGED, "the keys of its entries are widened");
    }
}

/* Of a section's description: who folds rows into a value is not told there. */
static uint32_t stored_kind(uint32_t kind)
{
    return kind == WSL_STATE_REDUCING || kind == WSL_STATE_AGGREGATING                ? WSL_STATE_VALUE
           : kind == WSL_STATE_OPERATOR_LIST || kind == WSL_STATE_OPERATOR_UNION ? WSL_STATE_LIST
                                                                                      : kind;
}

static void compare_declared(saying *s, const old_state *old, const declared *d)
{
    WSL_AUTO(wsl_schema) to = NULL;
    wsl_error why = {0};
    if (stored_kind(d->desc->kind) != stored_kind(old->desc->kind) || d->kind != old->section->kind) {
        say(s, WSL_COMPAT_INCOMPATIBLE, "it was of another kind when it was stored");
        return;
    }
    if (strcmp(name_in(d, old), old->desc->name) != 0) {
        wsl_strbuf sentence;
        wsl_strbuf_init(&sentence);
        wsl_strbuf_printf(&sentence, "it was called '%s'", old->desc->name);
        say(s, WSL_COMPAT_CHANGED, sentence.data);
        wsl_strbuf_fini(&sentence);
    }
    if (wsl_schema_from_pb(d->desc->value, &to, &why) != WSL_OK) {
        say(s, WSL_COMPAT_INCOMPATIBLE, why.text);
        return;
    }
    wsl_field_past *pasts = wsl_field_pasts_from_pb(d->desc);
    compare_rows(s, old->desc->value, to, pasts);
    free(pasts);
    if (d->desc->key != NULL) {
        compare_keys(s, old->desc->key, d->desc->key);
    }
}

/* ---- what operators keep by themselves ---- */

static bool is_windowed(const Wsl__Pb__Operator *op)
{
    return strncmp(op->kind, "window", 6) == 0 || strcmp(op->kind, "co_group") == 0;
}

static bool is_own(const Wsl__Pb__Operator *op, const old_state *old)
{
    const char *section = old->section->name;
    const size_t n = base_size(section);
    const char *own = is_windowed(op)                                                      ? "contents"
                      : strcmp(op->kind, "interval_join") == 0                             ? "rows"
                      : strcmp(op->kind, "reduce") == 0 || strcmp(op->kind, "aggregate") == 0 ? "state"
                                                                                           : NULL;
    return old->section->kind == WSL__PB__SECTION_KIND__SECTION_KEYED && own != NULL && strlen(own) == n &&
           strncmp(section, own, n) == 0;
}

static const Wsl__Pb__Schema *side_schema(const Wsl__Pb__Operator *from, const char *tag)
{
    for (size_t i = 0; i < from->n_sides; i++) {
        if (strcmp(from->sides[i]->tag, tag) == 0) {
            return from->sides[i]->schema;
        }
    }
    return NULL;
}

wsl_schema *wsl_compat_input(const wsl_job_plan *plan, const Wsl__Pb__Operator *op, uint32_t input)
{
    for (size_t e = 0; e < plan->graph->n_edges; e++) {
        const Wsl__Pb__Edge *edge = plan->graph->edges[e];
        if (edge->to != op->id || edge->input != input) {
            continue;
        }
        const Wsl__Pb__Schema *side =
            wsl_pb_is_set(edge->side) ? side_schema(plan->graph->operators[edge->from], edge->side) : NULL;
        wsl_schema *schema = NULL;
        if (side != NULL) {
            return wsl_schema_from_pb(side, &schema, NULL) == WSL_OK ? schema : NULL;
        }
        return plan->schemas[edge->from] == NULL ? NULL : wsl_schema_copy(plan->schemas[edge->from]);
    }
    return NULL;
}

static bool reduces(const Wsl__Pb__Operator *op)
{
    for (size_t i = 0; i < op->n_functions; i++) {
        if (strcmp(op->functions[i]->role, "reduce") == 0) {
            return true;
        }
    }
    return strcmp(op->kind, "reduce") == 0;
}

/* The schema that rows of one of the operator's own states have today; NULL: it never changes, or is not known. */
static wsl_schema *own_schema(const wsl_job_plan *plan, const Wsl__Pb__Operator *op, const old_state *old,
                              const wsl_compat_internals *internals)
{
    const char *name = old->desc->name;
    const size_t n = strlen(name), suffix = sizeof second_suffix - 1;
    const bool list = old->desc->kind == WSL_STATE_LIST;
    if ((n > suffix && strcmp(name + n - suffix, second_suffix) == 0) || (list && strcmp(name, "right") == 0)) {
        return wsl_compat_input(plan, op, 1);
    }
    if (list && (strcmp(name, "contents") == 0 || strcmp(name, "left") == 0)) {
        return wsl_compat_input(plan, op, 0);
    }
    if (old->desc->kind == WSL_STATE_VALUE && (strcmp(name, "window-contents") == 0 || strcmp(name, "contents") == 0 || strcmp(name, "value") == 0)) {
        return reduces(op)          ? wsl_compat_input(plan, op, 0)
               : internals != NULL ? internals->accumulator(internals->arg, plan, op)
                                    : NULL;
    }
    return NULL;
}

static void compare_own(saying *s, const wsl_job_plan *plan, const Wsl__Pb__Operator *op, const old_state *old,
                        const wsl_compat_internals *internals)
{
    WSL_AUTO(wsl_schema) to = own_schema(plan, op, old, internals);
    if (to != NULL) {
        compare_rows(s, old->desc->value, to, NULL);
    }
}

/* ---- the whole ---- */

static void give(const saying *s, const char *name, Wsl__Pb__SectionKind kind, wsl_compat_fn fn, void *arg)
{
    const wsl_compat_state state = {.name = name, .kind = kind, .verdict = s->verdict, .text = s->text.data};
    fn(arg, &state);
}

void wsl_compat_states(const Wsl__Pb__OperatorMeta *old, const wsl_job_plan *plan, const Wsl__Pb__Operator *op,
                       const wsl_compat_internals *internals, wsl_compat_fn fn, void *arg)
{
    old_states had = {0};
    declarations has = {0};
    saying s = {.verdict = WSL_COMPAT_KEPT};
    wsl_strbuf_init(&s.text);
    gather(old, &had);
    declare(&has, op->states, op->n_states, WSL__PB__SECTION_KIND__SECTION_KEYED);
    declare(&has, op->broadcast_states, op->n_broadcast_states, WSL__PB__SECTION_KIND__SECTION_BROADCAST);
    declare(&has, op->operator_states, op->n_operator_states, WSL__PB__SECTION_KIND__SECTION_LIST);
    for (uint32_t i = 0; i < had.n; i++) {
        const old_state *o = &had.items[i];
        const bool own = is_own(op, o);
        declared *d = own ? NULL : find_declared(&has, o);
        wsl_strbuf_clear(&s.text);
        s.verdict = WSL_COMPAT_KEPT;
        if (d != NULL) {
            d->found = true;
            compare_declared(&s, o, d);
        } else if (own) {
            compare_own(&s, plan, op, o, internals);
        } else {
            say(&s, WSL_COMPAT_ORPHANED, "the operator does not declare it any more");
        }
        give(&s, d != NULL ? d->desc->name : o->desc->name, o->section->kind, fn, arg);
    }
    wsl_strbuf_clear(&s.text);
    s.verdict = WSL_COMPAT_NEW;
    for (uint32_t i = 0; i < has.n; i++) {
        if (!has.items[i].found) {
            give(&s, has.items[i].desc->name, has.items[i].kind, fn, arg);
        }
    }
    wsl_strbuf_fini(&s.text);
    wsl_vec_fini(&had);
    wsl_vec_fini(&has);
}

/* ---- kinds of operators ---- */

/* Functions with keyed state lay it down in the same way. */
static bool same_family(const char *a, const char *b)
{
    static const char *const by_key[] = {"keyed_process", "keyed_co_process", "keyed_broadcast_process"};
    bool left = false, right = false;
    for (size_t i = 0; i < WSL_ARRAY_LEN(by_key); i++) {
        left = left || strcmp(a, by_key[i]) == 0;
        right = right || strcmp(b, by_key[i]) == 0;
    }
    return strcmp(a, b) == 0 || (left && right);
}

static bool has_bytes(const Wsl__Pb__OperatorMeta *old)
{
    bool has = old->enumerator.len > 0;
    for (size_t i = 0; i < old->n_subtasks && !has; i++) {
        for (size_t k = 0; k < old->subtasks[i]->n_sections && !has; k++) {
            has = old->subtasks[i]->sections[k]->length > 0;
        }
    }
    return has;
}

static const Wsl__Pb__Operator *as_it_ran(const Wsl__Pb__CheckpointMeta *meta, const char *uid)
{
    for (size_t i = 0; meta->graph != NULL && i < meta->graph->n_operators; i++) {
        if (strcmp(meta->graph->operators[i]->uid, uid) == 0) {
            return meta->graph->operators[i];
        }
    }
    return NULL;
}

/* "30 s" and "30000 ms" are the same. */
static int64_t ms_of(const wsl_config *config, const char *key)
{
    return wsl_config_is_set(config, key) ? wsl_config_duration_ns(config, key) / WSL_NS_PER_MS : 0;
}

static wsl_status windows_moved(const char *what, int64_t was, int64_t is, wsl_error *err)
{
    return was == is ? WSL_OK
                     : wsl_fail(err, WSL_INVALID,
                                "its windows had %s of %lld ms and have one of %lld ms: what is in them cannot be put into others; "
                                "give it another uid to begin empty",
                                what, (long long)was, (long long)is);
}

/* Windows lie where they did; a restore has the last word. */
static wsl_status check_windows(const Wsl__Pb__Operator *was, const Wsl__Pb__Operator *is, wsl_error *err)
{
    WSL_AUTO(wsl_config) a = NULL;
    WSL_AUTO(wsl_config) b = NULL;
    WSL_TRY(wsl_operator_config_new(was, NULL, &a, err));
    WSL_TRY(wsl_operator_config_new(is, NULL, &b, err));
    const char *assigner = wsl_config_str(b, "assigner");
    if (strcmp(wsl_config_str(a, "assigner"), assigner) != 0 || strcmp(wsl_config_str(a, "time"), wsl_config_str(b, "time")) != 0) {
        return wsl_fail(err, WSL_INVALID,
                        "its windows were %s in %s time and are %s in %s time: what is in them cannot be put into others; give it "
                        "another uid to begin empty",
                        wsl_config_str(a, "assigner"), wsl_config_str(a, "time"), assigner, wsl_config_str(b, "time"));
    }
    if (strcmp(assigner, "tumbling") != 0 && strcmp(assigner, "sliding") != 0) {
        return WSL_OK;
    }
    WSL_TRY(windows_moved("a size", ms_of(a, "size"), ms_of(b, "size"), err));
    WSL_TRY(windows_moved("a slide", ms_of(a, "slide"), ms_of(b, "slide"), err));
    return windows_moved("an offset", wsl_config_int(a, "offset"), wsl_config_int(b, "offset"), err);
}

wsl_status wsl_compat_operator(const Wsl__Pb__CheckpointMeta *meta, const Wsl__Pb__OperatorMeta *old,
                               const Wsl__Pb__Operator *op, wsl_error *err)
{
    const Wsl__Pb__Operator *was = as_it_ran(meta, old->uid);
    if (!has_bytes(old)) {
        return WSL_OK;
    }
    if (!same_family(old->kind, op->kind)) {
        return was == NULL ? WSL_OK
                           : wsl_fail(err, WSL_INVALID,
                                      "it was a %s and is a %s, which cannot read what was kept; give it another uid to begin empty",
                                      old->kind, op->kind);
    }
    if (was != NULL && strcmp(was->connector, op->connector) != 0) {
        return wsl_fail(err, WSL_INVALID,
                        "its connector was '%s' and is '%s', which cannot go on where the other one was; give it another uid to "
                        "begin anew",
                        was->connector, op->connector);
    }
    return was != NULL && is_windowed(op) ? check_windows(was, op, err) : WSL_OK;
}
