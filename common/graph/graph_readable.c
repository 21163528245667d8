/*
 * Four steps: the document's own parts (name, schemas, config); a `node` per operator, in the order written; sorting
 * them so that producers come first; and the protobuf graph, which the checks of graph_check.h then go over. Their
 * errors get the place of the operator in the document put before them.
 */
#include "graph/graph_readable.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/number.h"
#include "base/strbuf.h"
#include "base/suggest.h"
#include "data/key.h"
#include "graph/graph_check.h"
#include "graph/job_options.h"
#include "graph/pb.h"
#include "graph/window_json.h"

enum { INPUTS_MAX = 64, PLACE_MAX = 200 };

typedef struct input {
    uint32_t node;
    const char *side; /* in the document; "" = main output */
} input;

typedef struct node {
    const json_t *json;
    const char *name;
    const char *kind; /* the key that says what it is; operator kinds have the same names */
    input *inputs;
    uint32_t n_inputs;
    uint32_t position; /* in the graph */
} node;

typedef struct reader {
    const json_t *root;
    wsl_job_graph *graph;
    node *nodes;
    uint32_t n_nodes;
    uint32_t *order; /* nodes, producers first */
    wsl_error *err;
} reader;

static const char *const kind_keys[] = {"source", "sink", "where", "select", "aggregate", "split", "watermarks", NULL};
static const char *const operator_keys[] = {
    "name",       "from",   "key_by",    "partition", "schema",     "options",     "source",          "sink",
    "where",      "select", "aggregate", "split",     "watermarks", "parallelism", "max_parallelism", "uid",
    "slot_group", "chain",  "comment",   "window",    NULL,
};
static const char *const root_keys[] = {
    "name", "comment", "parallelism", "max_parallelism", "chaining", "config", "schemas", "operators", NULL,
};

/* ---- small readers ---- */

static void place_of(const reader *r, const node *n, char out[PLACE_MAX])
{
    (void)snprintf(out, PLACE_MAX, "operators[%zu]", (size_t)(n - r->nodes));
}

static wsl_status check_keys(const reader *r, const json_t *object, const char *place, const char *const *known)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        wsl_suggest near;
        char hint[WSL_SUGGEST_TEXT_MAX];
        bool found = false;
        wsl_suggest_init(&near, key);
        for (const char *const *k = known; *k != NULL; k++) {
            found = found || strcmp(*k, key) == 0;
            wsl_suggest_offer(&near, *k);
        }
        if (!found) {
            return wsl_fail(r->err, WSL_NOT_FOUND, "%s%s%.60s: unknown key%s", place, place[0] != '\0' ? "." : "", key,
                            wsl_suggest_text(&near, hint));
        }
    }
    return WSL_OK;
}

static wsl_status wrong(const reader *r, const char *place, const char *key, const char *what)
{
    return wsl_fail(r->err, WSL_INVALID, "%s%s%s: %s is expected", place, place[0] != '\0' ? "." : "", key, what);
}

/* Left out: *out stays as it is. */
static wsl_status get_text(const reader *r, const json_t *object, const char *place, const char *key, const char **out)
{
    const json_t *json = json_object_get(object, key);
    if (json == NULL) {
        return WSL_OK;
    }
    if (!json_is_string(json) || json_string_length(json) == 0) {
        return wrong(r, place, key, "a text that is not empty");
    }
    *out = json_string_value(json);
    return WSL_OK;
}

static wsl_status get_number(const reader *r, const json_t *object, const char *place, const char *key, uint32_t max,
                             uint32_t *out)
{
    const json_t *json = json_object_get(object, key);
    if (json == NULL) {
        return WSL_OK;
    }
    if (!json_is_integer(json) || json_integer_value(json) < 1 || json_integer_value(json) > max) {
        char what[64];
        (void)snprintf(what, sizeof what, "a number from 1 to %u", max);
        return wrong(r, place, key, what);
    }
    *out = (uint32_t)json_integer_value(json);
    return WSL_OK;
}

/* The text of an option's value; malloc'ed, NULL if it is no plain value. */
static char *option_text(const json_t *json)
{
    char number[WSL_NUMBER_TEXT_MAX];
    switch (json_typeof(json)) {
    case JSON_STRING:
        return wsl_strdup(json_string_value(json));
    case JSON_INTEGER:
        return wsl_strndup(number, wsl_print_int64(json_integer_value(json), number));
    case JSON_REAL:
        return wsl_strndup(number, wsl_print_double(json_real_value(json), number));
    case JSON_TRUE:
        return wsl_strdup("true");
    case JSON_FALSE:
        return wsl_strdup("false");
    default:
        return NULL;
    }
}

/* ---- schemas ---- */

static wsl_status read_schema(const reader *r, const json_t *json, const char *name, const char *place,
                              Wsl__Pb__Schema **out_schema)
{
    const char *key;
    json_t *value;
    WSL_AUTO(wsl_schema_builder) b = wsl_schema_builder_new(name);
    WSL_AUTO(wsl_schema) schema = NULL;
    if (!json_is_object(json)) {
        return wsl_fail(r->err, WSL_INVALID, "%s: an object of field names and types is expected", place);
    }
    json_object_foreach((json_t *)(uintptr_t)json, key, value)
    {
        wsl_type type;
        if (!json_is_string(value)) {
            return wsl_fail(r->err, WSL_INVALID, "%s.%.60s: a type is expected, like \"BIGINT\" or \"STRING NOT NULL\"",
                            place, key);
        }
        const wsl_status status = wsl_type_parse(json_string_value(value), &type, r->err);
        if (status != WSL_OK) {
            return wsl_fail_prefix(r->err, status, "%s.%.60s", place, key);
        }
        wsl_schema_builder_add(b, key, &type);
        wsl_type_clear(&type);
    }
    const wsl_status status = wsl_schema_builder_finish(b, &schema, r->err);
    if (status != WSL_OK) {
        return wsl_fail_prefix(r->err, status, "%s", place);
    }
    *out_schema = wsl_schema_to_pb(schema);
    return WSL_OK;
}

/* A name among the document's schemas, or a schema in place. */
static wsl_status operator_schema(const reader *r, const node *n, const char *place, Wsl__Pb__Schema **out_schema)
{
    char inner[PLACE_MAX + 16];
    const json_t *json = json_object_get(n->json, "schema");
    (void)snprintf(inner, sizeof inner, "%s.schema", place);
    if (json_is_object(json)) {
        return read_schema(r, json, n->name, inner, out_schema);
    }
    if (!json_is_string(json)) {
        return wrong(r, place, "schema", "the name of one of the schemas, or a schema (a source needs one)");
    }
    const char *name = json_string_value(json);
    const json_t *schemas = json_object_get(r->root, "schemas");
    const json_t *found = json_object_get(schemas, name);
    if (found == NULL) {
        wsl_suggest near;
        char hint[WSL_SUGGEST_TEXT_MAX];
        const char *key;
        json_t *value;
        wsl_suggest_init(&near, name);
        json_object_foreach((json_t *)(uintptr_t)schemas, key, value) { wsl_suggest_offer(&near, key); }
        return wsl_fail(r->err, WSL_NOT_FOUND, "%s: there is no schema '%.60s'%s", inner, name,
                        wsl_suggest_text(&near, hint));
    }
    (void)snprintf(inner, sizeof inner, "schemas.%.60s", name);
    return read_schema(r, found, name, inner, out_schema);
}

/* ---- the document's own parts ---- */

static wsl_status read_config(reader *r)
{
    const json_t *config = json_object_get(r->root, "config");
    const char *key;
    json_t *value;
    if (config != NULL && !json_is_object(config)) {
        return wrong(r, "", "config", "an object");
    }
    json_object_foreach((json_t *)(uintptr_t)config, key, value)
    {
        char *text = option_text(value);
        if (text == NULL) {
            return wrong(r, "config", key, "a text, a number, true or false");
        }
        const wsl_status status = wsl_job_graph_set_option(r->graph, key, text, "job", r->err);
        free(text);
        if (status != WSL_OK) {
            return wsl_fail_prefix(r->err, status, "config");
        }
    }
    return WSL_OK;
}

/* All schemas, also those that no operator names: they are checked as well. */
static wsl_status check_schemas(const reader *r)
{
    const json_t *schemas = json_object_get(r->root, "schemas");
    const char *key;
    json_t *value;
    if (schemas != NULL && !json_is_object(schemas)) {
        return wrong(r, "", "schemas", "an object");
    }
    json_object_foreach((json_t *)(uintptr_t)schemas, key, value)
    {
        char place[PLACE_MAX];
        Wsl__Pb__Schema *schema = NULL;
        (void)snprintf(place, sizeof place, "schemas.%.60s", key);
        WSL_TRY(read_schema(r, value, key, place, &schema));
        wsl__pb__schema__free_unpacked(schema, NULL);
    }
    return WSL_OK;
}

static wsl_status read_root(reader *r)
{
    const char *name = NULL;
    const json_t *chaining = json_object_get(r->root, "chaining");
    if (!json_is_object(r->root)) {
        return wsl_fail(r->err, WSL_FORMAT, "a job is a JSON object with \"operators\"");
    }
    WSL_TRY(check_keys(r, r->root, "", root_keys));
    WSL_TRY(get_text(r, r->root, "", "name", &name));
    WSL_TRY(get_number(r, r->root, "", "parallelism", WSL_PARALLELISM_MAX, &r->graph->parallelism));
    WSL_TRY(get_number(r, r->root, "", "max_parallelism", WSL_MAX_PARALLELISM_MAX, &r->graph->max_parallelism));
    if (chaining != NULL && !json_is_boolean(chaining)) {
        return wrong(r, "", "chaining", "true or false");
    }
    r->graph->chaining = chaining == NULL || json_is_true(chaining);
    WSL_TRY(read_config(r));
    if (name != NULL) {
        wsl_pb_set(&r->graph->name, name);
    }
    wsl_pb_set(&r->graph->plan_version, WSL_VERSION);
    return check_schemas(r);
}

/* ---- nodes ---- */

static wsl_status read_kind(const reader *r, node *n, const char *place)
{
    for (const char *const *k = kind_keys; *k != NULL; k++) {
        if (json_object_get(n->json, *k) == NULL) {
            continue;
        }
        if (n->kind != NULL) {
            return wsl_fail(r->err, WSL_INVALID, "%s ('%s') has both \"%s\" and \"%s\"; make two operators of it",
                            place, n->name, n->kind, *k);
        }
        n->kind = *k;
    }
    if (n->kind == NULL) {
        return wsl_fail(r->err, WSL_INVALID,
                        "%s ('%s') does not say what it does: one of source, sink, where, select, aggregate, split, "
                        "watermarks is needed",
                        place, n->name);
    }
    if (json_object_get(n->json, "window") != NULL && strcmp(n->kind, "aggregate") != 0) {
        return wsl_fail(r->err, WSL_INVALID, "%s ('%s'): a \"window\" needs an \"aggregate\"", place, n->name);
    }
    return WSL_OK;
}

/* The operator kind: an aggregate in a window is one of its own. */
static const char *operator_kind(const node *n)
{
    if (json_object_get(n->json, "window") == NULL) {
        return n->kind;
    }
    return json_object_get(n->json, "key_by") != NULL ? "window" : "window_all";
}

static wsl_status read_node(reader *r, uint32_t i, const json_t *json)
{
    char place[PLACE_MAX];
    node *n = &r->nodes[i];
    n->json = json;
    n->name = NULL;
    place_of(r, n, place);
    if (!json_is_object(json)) {
        return wsl_fail(r->err, WSL_INVALID, "%s: an object is expected", place);
    }
    WSL_TRY(check_keys(r, json, place, operator_keys));
    WSL_TRY(get_text(r, json, place, "name", &n->name));
    if (n->name == NULL) {
        return wsl_fail(r->err, WSL_INVALID, "%s: a name is needed", place);
    }
    for (uint32_t j = 0; j < i; j++) {
        if (strcmp(r->nodes[j].name, n->name) == 0) {
            return wsl_fail(r->err, WSL_EXISTS, "%s: operators[%u] is called '%s' as well", place, j, n->name);
        }
    }
    return read_kind(r, n, place);
}

static wsl_status read_nodes(reader *r)
{
    const json_t *operators = json_object_get(r->root, "operators");
    const size_t n = json_array_size(operators);
    if (!json_is_array(operators) || n == 0 || n > WSL_GRAPH_OPERATORS_MAX) {
        return wsl_fail(r->err, WSL_INVALID, "operators: a list of 1 to %d operators is expected",
                        WSL_GRAPH_OPERATORS_MAX);
    }
    r->nodes = wsl_calloc(n, sizeof *r->nodes);
    r->order = wsl_calloc(n, sizeof *r->order);
    for (uint32_t i = 0; i < n; i++) {
        r->n_nodes = i + 1;
        WSL_TRY(read_node(r, i, json_array_get(operators, i)));
    }
    return WSL_OK;
}

/* ---- who reads whom ---- */

static bool find_node(const reader *r, const char *name, size_t size, uint32_t *out)
{
    for (uint32_t i = 0; i < r->n_nodes; i++) {
        if (strlen(r->nodes[i].name) == size && memcmp(r->nodes[i].name, name, size) == 0) {
            *out = i;
            return true;
        }
    }
    return false;
}

static wsl_status add_input(const reader *r, node *n, const char *place, const json_t *json)
{
    const char *text = json_string_value(json);
    input in = {.side = ""};
    if (text == NULL) {
        return wrong(r, place, "from", "the name of an operator, or a list of names");
    }
    const char *colon = strrchr(text, ':');
    if (!find_node(r, text, strlen(text), &in.node)) {
        if (colon == NULL || !find_node(r, text, (size_t)(colon - text), &in.node)) {
            wsl_suggest near;
            char hint[WSL_SUGGEST_TEXT_MAX];
            wsl_suggest_init(&near, text);
            for (uint32_t i = 0; i < r->n_nodes; i++) {
                wsl_suggest_offer(&near, r->nodes[i].name);
            }
            return wsl_fail(r->err, WSL_NOT_FOUND, "%s.from: there is no operator '%.60s'%s", place, text,
                            wsl_suggest_text(&near, hint));
        }
        in.side = colon + 1;
    }
    n->inputs[n->n_inputs++] = in;
    return WSL_OK;
}

static wsl_status previous_input(const reader *r, node *n, const char *place)
{
    const uint32_t i = (uint32_t)(n - r->nodes);
    if (i == 0 || strcmp(r->nodes[i - 1].kind, "sink") == 0) {
        return wsl_fail(r->err, WSL_INVALID, "%s ('%s'): say \"from\" which operator it reads; %s", place, n->name,
                        i == 0 ? "there is none before it" : "the one before it is a sink");
    }
    n->inputs[n->n_inputs++] = (input){i - 1, ""};
    return WSL_OK;
}

static wsl_status read_inputs(const reader *r, node *n)
{
    char place[PLACE_MAX];
    const json_t *from = json_object_get(n->json, "from");
    const size_t count = json_is_array(from) ? json_array_size(from) : 1;
    place_of(r, n, place);
    if (strcmp(n->kind, "source") == 0) {
        return from == NULL
                   ? WSL_OK
                   : wsl_fail(r->err, WSL_INVALID, "%s.from: '%s' is a source, it reads no operator", place, n->name);
    }
    if (count == 0 || count > INPUTS_MAX) {
        return wsl_fail(r->err, WSL_INVALID, "%s.from: 1 to %d operators are possible", place, INPUTS_MAX);
    }
    n->inputs = wsl_calloc(count, sizeof *n->inputs);
    if (from == NULL) {
        return previous_input(r, n, place);
    }
    for (size_t i = 0; i < count; i++) {
        WSL_TRY(add_input(r, n, place, json_is_array(from) ? json_array_get(from, i) : from));
    }
    return WSL_OK;
}

static bool is_ready(const node *n, const bool *placed)
{
    for (uint32_t i = 0; i < n->n_inputs; i++) {
        if (!placed[n->inputs[i].node]) {
            return false;
        }
    }
    return true;
}

/* The order written, but for operators that are written before what they read. */
static wsl_status sort_nodes(reader *r)
{
    bool *placed = wsl_calloc(r->n_nodes, sizeof *placed);
    uint32_t n = 0;
    bool progress = true;
    while (progress && n < r->n_nodes) {
        progress = false;
        for (uint32_t i = 0; i < r->n_nodes; i++) {
            if (!placed[i] && is_ready(&r->nodes[i], placed)) {
                placed[i] = true;
                progress = true;
                r->nodes[i].position = n;
                r->order[n++] = i;
            }
        }
    }
    wsl_status status = WSL_OK;
    for (uint32_t i = 0; i < r->n_nodes && status == WSL_OK; i++) {
        if (!placed[i]) {
            status = wsl_fail(r->err, WSL_INVALID,
                              "operators[%u] ('%s') reads itself in a circle through '%s': a job graph has no cycles",
                              i, r->nodes[i].name, r->nodes[r->nodes[i].inputs[0].node].name);
        }
    }
    free(placed);
    return status;
}

/* ---- the graph ---- */

static wsl_status read_partition(const reader *r, const node *n, const char *place, Wsl__Pb__Partition *out)
{
    static const struct {
        const char *name;
        Wsl__Pb__Partition partition;
    } names[] = {
        {"forward", WSL__PB__PARTITION__FORWARD},     {"rebalance", WSL__PB__PARTITION__REBALANCE},
        {"rescale", WSL__PB__PARTITION__RESCALE},     {"shuffle", WSL__PB__PARTITION__SHUFFLE},
        {"broadcast", WSL__PB__PARTITION__BROADCAST}, {"global", WSL__PB__PARTITION__GLOBAL},
    };
    const char *text = NULL;
    WSL_TRY(get_text(r, n->json, place, "partition", &text));
    *out = WSL__PB__PARTITION__UNSTATED;
    if (text == NULL) {
        return WSL_OK;
    }
    for (size_t i = 0; i < WSL_ARRAY_LEN(names); i++) {
        if (strcmp(names[i].name, text) == 0) {
            *out = names[i].partition;
            return WSL_OK;
        }
    }
    return wsl_fail(
        r->err, WSL_INVALID,
        "%s.partition: '%.60s' is none of forward, rebalance, rescale, shuffle, broadcast, global (for hash, "
        "use key_by)",
        place, text);
}

static wsl_status read_keys(const reader *r, const node *n, const char *place, Wsl__Pb__Edge *edge)
{
    const json_t *json = json_object_get(n->json, "key_by");
    const size_t count = json_is_array(json) ? json_array_size(json) : 1;
    if (json == NULL) {
        return WSL_OK;
    }
    if (edge->partition != WSL__PB__PARTITION__UNSTATED) {
        return wsl_fail(r->err, WSL_INVALID, "%s ('%s') has both \"key_by\" and \"partition\"; rows go one way only",
                        place, n->name);
    }
    if (count == 0 || count > WSL_KEY_FIELDS_MAX) {
        return wsl_fail(r->err, WSL_INVALID, "%s.key_by: 1 to %d fields are possible", place, WSL_KEY_FIELDS_MAX);
    }
    edge->partition = WSL__PB__PARTITION__HASH;
    for (size_t i = 0; i < count; i++) {
        const char *field = json_string_value(json_is_array(json) ? json_array_get(json, i) : json);
        if (field == NULL) {
            return wrong(r, place, "key_by", "a field or a list of fields");
        }
        wsl_pb_add_string(&edge->keys, &edge->n_keys, field);
    }
    return WSL_OK;
}

static wsl_status add_edge(reader *r, const node *n, const input *in, const char *place)
{
    Wsl__Pb__Edge *edge = wsl_alloc(sizeof *edge);
    wsl__pb__edge__init(edge);
    edge->id = (uint32_t)r->graph->n_edges;
    *WSL_PB_APPEND(r->graph->edges, r->graph->n_edges) = edge;
    edge->from = r->nodes[in->node].position;
    edge->to = n->position;
    wsl_pb_set(&edge->side, in->side);
    WSL_TRY(read_partition(r, n, place, &edge->partition));
    return read_keys(r, n, place, edge);
}

static wsl_status add_options(const reader *r, Wsl__Pb__Operator *op, const json_t *options, const char *place,
                              const char *key)
{
    const char *name;
    json_t *value;
    if (!json_is_object(options)) {
        return wrong(r, place, key, "an object of options");
    }
    json_object_foreach((json_t *)(uintptr_t)options, name, value)
    {
        char *text = option_text(value);
        if (text == NULL) {
            return wsl_fail(r->err, WSL_INVALID, "%s.%s.%.60s: a text, a number, true or false is expected", place, key,
                            name);
        }
        wsl_pb_add_option(&op->options, &op->n_options, name, text);
        free(text);
    }
    return WSL_OK;
}

/* The value of the key that says what the operator is. */
static wsl_status read_what(const reader *r, const node *n, const char *place, Wsl__Pb__Operator *op)
{
    const json_t *what = json_object_get(n->json, n->kind);
    const bool connects = strcmp(n->kind, "source") == 0 || strcmp(n->kind, "sink") == 0;
    const bool has_options = strcmp(n->kind, "split") == 0 || strcmp(n->kind, "watermarks") == 0;
    const char *text = NULL;
    if (!connects && json_object_get(n->json, "options") != NULL) {
        return wsl_fail(r->err, WSL_INVALID, "%s.options: only sources and sinks have options", place);
    }
    if (has_options && json_is_object(what)) {
        return add_options(r, op, what, place, n->kind);
    }
    if (has_options && !json_is_string(what)) {
        return wrong(r, place, n->kind, "a text, or an object of options");
    }
    WSL_TRY(get_text(r, n->json, place, n->kind, &text));
    if (connects) {
        wsl_pb_set(&op->connector, text);
        const json_t *options = json_object_get(n->json, "options");
        return options != NULL ? add_options(r, op, options, place, "options") : WSL_OK;
    }
    const json_t *window = json_object_get(n->json, "window");
    if (window != NULL) {
        char inner[PLACE_MAX + 16];
        (void)snprintf(inner, sizeof inner, "%s.window", place);
        WSL_TRY(wsl_window_from_json(window, inner, op, r->err));
    }
    const char *option = strcmp(n->kind, "split") == 0        ? "field"
                         : strcmp(n->kind, "watermarks") == 0 ? "timestamp"
                         : window != NULL                     ? "select"
                                                              : "expr";
    wsl_pb_add_option(&op->options, &op->n_options, option, text);
    return WSL_OK;
}

static wsl_status read_chain(const reader *r, const node *n, const char *place, Wsl__Pb__Operator *op)
{
    static const char *const names[] = {"always", "head", "never"};
    const char *text = names[0];
    WSL_TRY(get_text(r, n->json, place, "chain", &text));
    for (size_t i = 0; i < WSL_ARRAY_LEN(names); i++) {
        if (strcmp(names[i], text) == 0) {
            op->chain = (Wsl__Pb__ChainPolicy)i;
            return WSL_OK;
        }
    }
    return wrong(r, place, "chain", "always, head or never");
}

static wsl_status add_operator(reader *r, const node *n)
{
    char place[PLACE_MAX];
    const char *uid = "";
    const char *slot_group = "";
    Wsl__Pb__Operator *op = wsl_alloc(sizeof *op);
    wsl__pb__operator__init(op);
    op->id = n->position;
    *WSL_PB_APPEND(r->graph->operators, r->graph->n_operators) = op;
    place_of(r, n, place);
    wsl_pb_set(&op->name, n->name);
    wsl_pb_set(&op->kind, operator_kind(n));
    WSL_TRY(get_text(r, n->json, place, "uid", &uid));
    WSL_TRY(get_text(r, n->json, place, "slot_group", &slot_group));
    WSL_TRY(get_number(r, n->json, place, "parallelism", WSL_PARALLELISM_MAX, &op->parallelism));
    WSL_TRY(get_number(r, n->json, place, "max_parallelism", WSL_MAX_PARALLELISM_MAX, &op->max_parallelism));
    wsl_pb_set(&op->uid, uid);
    wsl_pb_set(&op->slot_group, slot_group);
    WSL_TRY(read_chain(r, n, place, op));
    WSL_TRY(read_what(r, n, place, op));
    if (strcmp(n->kind, "source") == 0) {
        if (json_object_get(n->json, "key_by") != NULL || json_object_get(n->json, "partition") != NULL) {
            return wsl_fail(r->err, WSL_INVALID, "%s: key_by and partition belong to the operator that reads '%s'",
                            place, n->name);
        }
        return operator_schema(r, n, place, &op->output);
    }
    if (json_object_get(n->json, "schema") != NULL) {
        return wsl_fail(r->err, WSL_INVALID, "%s.schema: only sources have one, all others follow from their input",
                        place);
    }
    for (uint32_t i = 0; i < n->n_inputs; i++) {
        WSL_TRY(add_edge(r, n, &n->inputs[i], place));
    }
    return WSL_OK;
}

static wsl_status check_graph(const reader *r)
{
    wsl_job_graph *graph = r->graph;
    wsl_schema **schemas = wsl_schemas_new(graph->n_operators);
    wsl_status status = WSL_OK;
    for (uint32_t i = 0; i < graph->n_operators && status == WSL_OK; i++) {
        status = wsl_graph_check_operator(graph, i, NULL, schemas, r->err);
        if (status != WSL_OK) {
            status = wsl_fail_prefix(r->err, status, "operators[%u]", r->order[i]);
        }
    }
    wsl_schemas_free(schemas, graph->n_operators);
    return status;
}

static wsl_status read_all(reader *r)
{
    WSL_TRY(read_root(r));
    WSL_TRY(read_nodes(r));
    for (uint32_t i = 0; i < r->n_nodes; i++) {
        WSL_TRY(read_inputs(r, &r->nodes[i]));
    }
    WSL_TRY(sort_nodes(r));
    for (uint32_t i = 0; i < r->n_nodes; i++) {
        WSL_TRY(add_operator(r, &r->nodes[r->order[i]]));
    }
    return WSL_OK;
}

wsl_status wsl_graph_from_readable(const json_t *root, wsl_job_graph **out_graph, wsl_error *err)
{
    wsl_error local;
    WSL_AUTO(wsl_job_graph) graph = wsl_alloc(sizeof *graph);
    wsl__pb__job_graph__init(graph);
    reader r = {.root = root, .graph = graph, .err = err != NULL ? err : &local};
    wsl_status status = read_all(&r);
    if (status == WSL_OK) {
        status = wsl_graph_check_shape(graph, r.err);
    }
    if (status == WSL_OK) {
        status = check_graph(&r);
    }
    for (uint32_t i = 0; i < r.n_nodes; i++) {
        free(r.nodes[i].inputs);
    }
    free(r.nodes);
    free(r.order);
    WSL_TRY(status);
    *out_graph = WSL_TAKE(graph);
    return WSL_OK;
}
