/* What becomes of the states of an operator when a new version of a job takes over. */
#include "harness/ckpt_kit.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/fs_mem.h"
#include "base/strbuf.h"
#include "ckpt/compat.h"
#include "ckpt/deal_out.h"
#include "graph/graph_json.h"

typedef struct bench {
    wsl_mem_fs *m;
    ckpt_kit k;
    wsl_job_plan *plan;
    wsl_strbuf text;
} bench;

/* Numbers by id are added up over windows. */
static wsl_job_plan *plan_of(const char *window, const char *source)
{
    wsl_job_graph *graph = NULL;
    wsl_job_plan *plan = NULL;
    wsl_error err = {0};
    char *json = wsl_asprintf("{\"name\": \"job\", \"operators\": ["
                              "{\"name\": \"numbers\", \"uid\": \"src\", \"source\": \"%s\", \"parallelism\": 1,"
                              " \"schema\": {\"id\": \"INT64\", \"n\": \"INT64\"}, \"options\": {%s}},"
                              "{\"name\": \"totals\", \"uid\": \"sums\", \"from\": \"numbers\", \"key_by\": [\"id\"],"
                              " \"window\": {%s}, \"aggregate\": \"id, SUM(n) AS s\", \"parallelism\": 1},"
                              "{\"name\": \"out\", \"from\": \"totals\", \"sink\": \"blackhole\", \"parallelism\": 1}]}",
                              source, strcmp(source, "file") == 0 ? "\"path\": \"/tmp\", \"format\": \"json\"" : "", window);
    cr_assert_eq(wsl_job_graph_from_json(json, strlen(json), &graph, &err), WSL_OK, "%s", err.text);
    cr_assert_eq(wsl_job_plan_new(graph, 1, &plan, &err), WSL_OK, "%s", err.text);
    free(json);
    return plan;
}

static const char tumbling[] = "\"tumbling\": \"30 s\"";

static void set_up(bench *b)
{
    *b = (bench){.m = wsl_mem_fs_new(wsl_clock_real()), .plan = plan_of(tumbling, "datagen")};
    kit_init(&b->k, wsl_mem_fs_seam(b->m), "/ckpt/00000000000000000000000000000000", 7);
    wsl_strbuf_init(&b->text);
}

static void tear_down(bench *b)
{
    kit_fini(&b->k);
    wsl_job_plan_free(b->plan);
    wsl_strbuf_fini(&b->text);
    wsl_mem_fs_free(b->m);
}

static Wsl__Pb__Operator *operator_of(const wsl_job_plan *plan, const char *uid)
{
    for (size_t i = 0; i < plan->graph->n_operators; i++) {
        if (strcmp(plan->graph->operators[i]->uid, uid) == 0) {
            return plan->graph->operators[i];
        }
    }
    cr_assert_fail("no operator %s", uid);
    return NULL;
}

/* The operator declares a state of its own besides: of kit_long_schema (n INT64). */
static Wsl__Pb__StateDesc *declare(const bench *b, const char *name, wsl_state_kind kind, const wsl_schema *value)
{
    Wsl__Pb__Operator *op = operator_of(b->plan, "sums");
    Wsl__Pb__StateDesc *state = wsl_alloc(sizeof *state);
    wsl__pb__state_desc__init(state);
    wsl_pb_set(&state->name, name);
    state->kind = (uint32_t)kind;
    state->value = wsl_schema_to_pb(value);
    *WSL_PB_APPEND(op->states, op->n_states) = state;
    return state;
}

/* A state of a function, in a section of its own with one key. */
static void keep(bench *b, const char *section, const char *name, wsl_state_kind kind, const wsl_schema *value)
{
    kit_room key, room;
    Wsl__Pb__Section *s = kit_section(&b->k, "sums", 1, 1, 0, KIT_KIND(KEYED), section);
    s->key = wsl_schema_to_pb(&kit_long_schema);
    kit_state(s, name, kind, value, NULL);
    kit_group(&b->k, 0);
    kit_key(&b->k, kit_long_hash(5), kit_long_row(&key, 5));
    kit_row(&b->k, kind == WSL_STATE_LIST ? WSL_RECORD_ELEMENT : WSL_RECORD_VALUE, 0, 0, kit_long_row(&room, 1));
}

static void add_line(void *arg, const wsl_compat_state *state)
{
    wsl_strbuf_printf(arg, "%s %s %s\n", wsl_compat_name(state->verdict), state->name, state->text);
}

static void gives(bench *b, const char *expected)
{
    kit_end(&b->k);
    wsl_strbuf_clear(&b->text);
    wsl_compat_states(kit_operator(&b->k, "sums", 1, 1), b->plan, operator_of(b->plan, "sums"), NULL, add_line, &b->text);
    cr_assert_str_eq(b->text.data, expected);
}

Test(compat, states_are_matched_by_name_and_compared_by_schema)
{
    bench b;
    set_up(&b);
    static const wsl_field fields[] = {{"id", {.id = WSL_T_INT64}}, {"more", {.id = WSL_T_STRING}}};
    static const wsl_schema wider = {"wider", 2, fields};
    keep(&b, "function", "same", WSL_STATE_VALUE, &kit_long_schema);
    keep(&b, "function+", "same", WSL_STATE_VALUE, &kit_long_schema); /* what changed meanwhile: not another state */
    keep(&b, "function", "grows", WSL_STATE_LIST, &kit_long_schema);
    keep(&b, "function", "other", WSL_STATE_VALUE, &kit_long_schema);
    keep(&b, "function", "gone", WSL_STATE_VALUE, &kit_long_schema);
    keep(&b, "trigger", "count", WSL_STATE_VALUE, &kit_long_schema);
    (void)declare(&b, "same", WSL_STATE_VALUE, &kit_long_schema);
    (void)declare(&b, "grows", WSL_STATE_LIST, &wider);
    (void)declare(&b, "other", WSL_STATE_LIST, &kit_long_schema);
    (void)declare(&b, "fresh", WSL_STATE_VALUE, &kit_long_schema);
    (void)declare(&b, "trigger.count", WSL_STATE_AGGREGATING, &kit_long_schema); /* who folds is not kept */
    gives(&b, "KEPT same \nCHANGED grows field 'more' is new: null in what was kept\n"
              "INCOMPATIBLE other it was of another kind when it was stored\n"
              "ORPHANED gone the operator does not declare it any more\nKEPT trigger.count \nNEW fresh \n");
    tear_down(&b);
}

Test(compat, a_state_takes_over_what_it_was_called_before_but_not_from_one_that_still_is)
{
    bench b;
    set_up(&b);
    keep(&b, "function", "old", WSL_STATE_VALUE, &kit_long_schema);
    wsl_pb_set(&declare(&b, "new", WSL_STATE_VALUE, &kit_long_schema)->was, "old");
    gives(&b, "CHANGED new it was called 'old'\n");
    (void)declare(&b, "old", WSL_STATE_VALUE, &kit_long_schema);
    gives(&b, "KEPT old \nNEW new \n");
    tear_down(&b);
}

Test(compat, sections_without_bytes_keep_nothing)
{
    bench b;
    set_up(&b);
    kit_state(kit_section(&b.k, "sums", 1, 1, 0, KIT_KIND(KEYED), "function"), "gone", WSL_STATE_VALUE, &kit_long_schema, NULL);
    gives(&b, "");
    tear_down(&b);
}

static void operator_says(const bench *b, const char *window, const char *source, const char *uid, const char *expected)
{
    WSL_AUTO(wsl_job_plan) now = plan_of(window, source);
    wsl_error err = {0};
    const Wsl__Pb__OperatorMeta *old = wsl_deal_out_find(b->k.meta, uid);
    const wsl_status status = wsl_compat_operator(b->k.meta, old, operator_of(now, uid), &err);
    cr_assert_eq(status, expected == NULL ? WSL_OK : WSL_INVALID, "%s", err.text);
    cr_assert(expected == NULL || has_text(err.text, expected), "%s", err.text);
}

Test(compat, windows_lie_where_they_did_and_connectors_stay)
{
    bench b;
    set_up(&b);
    keep(&b, "contents", "window-contents", WSL_STATE_VALUE, &kit_long_schema);
    (void)kit_section(&b.k, "src", 1, 1, 0, KIT_KIND(SUBTASK), "splits");
    kit_bytes(&b.k, 0, 0, "x", 1);
    kit_end(&b.k);
    b.k.meta->graph = (Wsl__Pb__JobGraph *)(void *)wsl_pb_copy(&b.plan->graph->base);
    for (size_t i = 0; i < b.k.meta->n_operators; i++) {
        Wsl__Pb__OperatorMeta *op = b.k.meta->operators[i];
        wsl_pb_set(&op->kind, operator_of(b.plan, op->uid)->kind);
    }
    operator_says(&b, tumbling, "datagen", "sums", NULL);
    operator_says(&b, "\"tumbling\": \"30000 ms\"", "datagen", "sums", NULL);
    operator_says(&b, "\"tumbling\": \"1 min\"", "datagen", "sums",
                  "its windows had a size of 30000 ms and have one of 60000 ms");
    operator_says(&b, "\"session\": \"30 s\"", "datagen", "sums",
                  "were tumbling in event time and are session in event time");
    operator_says(&b, tumbling, "datagen", "src", NULL);
    operator_says(&b, tumbling, "file", "src", "its connector was 'datagen' and is 'file'");
    tear_down(&b);
}
