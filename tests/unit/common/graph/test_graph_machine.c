#include "harness/wsl_test.h"
#include "graph_fixture.h"

#include "base/rng.h"
#include "graph/graph_json.h"
#include "graph/graph_machine.h"

/* ---- random graphs: any field of any message may be set to anything ---- */

static void fill(ProtobufCMessage *message, wsl_rng *rng, uint32_t depth);

static void fill_value(const ProtobufCFieldDescriptor *field, void *at, wsl_rng *rng, uint32_t depth)
{
    static const char *const texts[] = {"a", "text with \"quotes\" and \\", "line\nbreak",
                                        "Wiesel \xC3\xA4\xE2\x82\xAC", "0"};
    switch (field->type) {
    case PROTOBUF_C_TYPE_UINT32:
        *(uint32_t *)at = (uint32_t)(wsl_rng_next(rng) >> wsl_rng_below(rng, 64));
        break;
    case PROTOBUF_C_TYPE_BOOL:
        *(protobuf_c_boolean *)at = wsl_rng_below(rng, 2) == 1;
        break;
    case PROTOBUF_C_TYPE_ENUM:
        *(int *)at = (int)wsl_rng_below(rng, 12); /* beyond the named ones, too */
        break;
    case PROTOBUF_C_TYPE_STRING:
        *(char **)at = wsl_strdup(texts[wsl_rng_below(rng, sizeof texts / sizeof texts[0])]);
        break;
    case PROTOBUF_C_TYPE_BYTES: {
        ProtobufCBinaryData *bytes = at;
        bytes->len = 1 + wsl_rng_below(rng, 40);
        bytes->data = wsl_alloc(bytes->len);
        for (size_t i = 0; i < bytes->len; i++) {
            bytes->data[i] = (uint8_t)wsl_rng_next(rng);
        }
        break;
    }
    default: {
        ProtobufCMessage *inner = wsl_alloc(((const ProtobufCMessageDescriptor *)field->descriptor)->sizeof_message);
        protobuf_c_message_init(field->descriptor, inner);
        fill(inner, rng, depth + 1);
        *(ProtobufCMessage **)at = inner;
    }
    }
}

static size_t size_of(ProtobufCType type)
{
    return type == PROTOBUF_C_TYPE_STRING || type == PROTOBUF_C_TYPE_MESSAGE ? sizeof(void *) : sizeof(int);
}

static void fill(ProtobufCMessage *message, wsl_rng *rng, uint32_t depth)
{
    for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
        char *at = (char *)message + field->offset;
        if (wsl_rng_below(rng, 3) == 0 || (depth > 6 && field->type == PROTOBUF_C_TYPE_MESSAGE)) {
            continue;
        }
        if (field->label != PROTOBUF_C_LABEL_REPEATED) {
            fill_value(field, at, rng, depth);
            continue;
        }
        const size_t n = wsl_rng_below(rng, depth > 3 ? 2 : 4);
        char *list = n > 0 ? wsl_calloc(n, size_of(field->type)) : NULL;
        for (size_t k = 0; k < n; k++) {
            fill_value(field, list + k * size_of(field->type), rng, depth);
        }
        *(char **)at = list;
        *(size_t *)((char *)message + field->quantifier_offset) = n;
    }
}

Test(graph_machine, every_graph_survives_the_way_through_json_text)
{
    wsl_rng rng;
    wsl_rng_seed(&rng, 11);
    size_t largest = 0;
    for (int round = 0; round < 300; round++) {
        wsl_error err;
        wsl_job_graph *g = wsl_alloc(sizeof *g);
        wsl__pb__job_graph__init(g);
        fill(&g->base, &rng, 0);
        json_t *json = wsl_job_graph_to_json(g);
        char *text = json_dumps(json, JSON_COMPACT);
        json_decref(json);
        json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
        cr_assert_not_null(json);
        cr_assert_eq(json_integer_value(json_object_get(json, "wiesel_job_graph")), 1);
        ProtobufCMessage *back = NULL;
        cr_assert_eq(
            wsl_pb_from_json(&wsl__pb__job_graph__descriptor, json_object_get(json, "graph"), "graph", &back, &err),
            WSL_OK, "%s", err.text);
        uint8_t *a = NULL;
        uint8_t *b = NULL;
        size_t n_a = 0;
        size_t n_b = 0;
        wsl_job_graph_encode(g, &a, &n_a);
        wsl_job_graph_encode((wsl_job_graph *)back, &b, &n_b);
        cr_assert_eq(n_a, n_b);
        cr_assert_arr_eq(a, b, n_a);
        largest = n_a > largest ? n_a : largest;
        free(a);
        free(b);
        free(text);
        json_decref(json);
        wsl_job_graph_free(g);
        wsl_job_graph_free((wsl_job_graph *)back);
    }
    cr_assert_gt(largest, 1000, "the graphs were not empty");
}

Test(graph_machine, a_planned_graph_in_the_machine_form_is_read_as_a_job)
{
    wsl_error err;
    WSL_AUTO(wsl_job_plan) plan = gf_plan(gf_keyed(), 2);
    json_t *json = wsl_job_graph_to_json(plan->graph);
    char *text = json_dumps(json, JSON_INDENT(2));
    WSL_AUTO(wsl_job_graph) back = NULL;
    cr_assert_eq(wsl_job_graph_from_json(text, strlen(text), &back, &err), WSL_OK, "%s", err.text);
    cr_assert_eq(back->n_operators, 4);
    cr_assert_str_eq(back->operators[2]->name, "count");
    free(text);
    json_decref(json);
}

Test(graph_machine, mistakes_are_refused_with_their_place)
{
    static const struct {
        const char *json;
        const char *sentence;
    } table[] = {
        {"{\"nmae\": \"x\"}", "graph.nmae: unknown key; did you mean 'name'?"},
        {"{\"operators\": [{}, {\"knid\": \"x\"}]}", "graph.operators[1].knid: unknown key; did you mean 'kind'?"},
        {"{\"operators\": {}}", "graph.operators: a list is expected"},
        {"{\"operators\": [7]}", "graph.operators[0]: an object is expected"},
        {"{\"parallelism\": -1}", "graph.parallelism: a number from 0 to 4294967295 is expected"},
        {"{\"parallelism\": 4294967296}", "graph.parallelism: a number from 0 to 4294967295 is expected"},
        {"{\"parallelism\": 1.5}", "graph.parallelism: a number from 0 to 4294967295 is expected"},
        {"{\"chaining\": 1}", "graph.chaining: true or false is expected"},
        {"{\"name\": 1}", "graph.name: text is expected"},
        {"{\"operators\": [{\"config\": \"?\"}]}", "graph.operators[0].config: base64 text is expected"},
        {"{\"edges\": [{\"partition\": \"HSAH\"}]}",
         "graph.edges[0].partition: 'HSAH' is no Partition; did you mean 'HASH'?"},
        {"{\"edges\": [{\"keys\": [\"a\", 2]}]}", "graph.edges[0].keys[1]: text is expected"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        wsl_error err;
        ProtobufCMessage *back = NULL;
        json_t *json = json_loads(table[i].json, 0, NULL);
        cr_assert_not_null(json, "%s", table[i].json);
        cr_assert_neq(wsl_pb_from_json(&wsl__pb__job_graph__descriptor, json, "graph", &back, &err), WSL_OK);
        cr_assert_str_eq(err.text, table[i].sentence, "%s", err.text);
        cr_assert_null(back);
        json_decref(json);
    }
}

Test(graph_machine, json_nested_without_end_is_refused)
{
    wsl_error err;
    ProtobufCMessage *back = NULL;
    json_t *json = json_object();
    for (int depth = 0; depth < 200; depth++) {
        json = json_pack("{s:o}", "element", json);
    }
    cr_assert_eq(wsl_pb_from_json(&wsl__pb__type__descriptor, json, "type", &back, &err), WSL_TOO_LARGE);
    json_decref(json);
}

Test(graph_machine, another_version_of_the_envelope_is_refused)
{
    wsl_error err;
    wsl_job_graph *back = NULL;
    static const char text[] = "{\"wiesel_job_graph\": 2, \"graph\": {}}";
    cr_assert_eq(wsl_job_graph_from_json(text, sizeof text - 1, &back, &err), WSL_UNSUPPORTED);
    cr_assert(has_text(err.text, "{\"wiesel_job_graph\": 1, \"graph\": {...}}"), "%s", err.text);
}
