/*
 * fuzz_graph - job graphs of strangers: as protobuf bytes and as JSON. What decodes is planned; what is planned can be
 * shown.
 */
#include "fuzz.h"
#include "graph/graph_json.h"
#include "graph/graph_text.h"
#include "graph/job_graph.h"

static void plan(wsl_job_graph *graph)
{
    wsl_job_plan *p = NULL;
    wsl_error err = {0};
    if (wsl_job_plan_new(graph, 1, &p, &err) == WSL_OK) {
        FUZZ_CHECK(p->n_vertices > 0 && p->slots_needed > 0);
        wsl_job_plan_free(p);
    } else {
        FUZZ_CHECK(err.text[0] != 0);
        wsl_job_graph_free(graph);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    wsl_job_graph *graph = NULL;
    wsl_error err = {0};
    if (wsl_job_graph_decode(data, size, &graph, &err) == WSL_OK) {
        plan(graph);
    }
    graph = NULL;
    if (wsl_job_graph_from_json((const char *)data, size, &graph, &err) == WSL_OK) {
        plan(graph);
    } else {
        FUZZ_CHECK(err.text[0] != 0);
    }
    return 0;
}

static const char count[] =
    "{\"name\": \"wordcount\", \"operators\": ["
    "{\"name\": \"lines\", \"source\": \"datagen\", \"schema\": {\"line\": \"STRING\", \"n\": \"INT64\"}, \"options\": {}},"
    "{\"name\": \"words\", \"from\": \"lines\", \"split\": \"line\"},"
    "{\"name\": \"some\", \"from\": \"words\", \"where\": \"word <> ''\"},"
    "{\"name\": \"up\", \"from\": \"some\", \"select\": \"UPPER(word) AS word\"},"
    "{\"name\": \"counts\", \"from\": \"up\", \"key_by\": [\"word\"], \"aggregate\": \"word, COUNT(*) AS n\"},"
    "{\"name\": \"out\", \"from\": \"counts\", \"sink\": \"print\"}]}";

size_t fuzz_seeds(fuzz_seed *out, size_t max)
{
    (void)max;
    static uint8_t *bytes;
    size_t size = 0, n = 0;
    out[n++] = (fuzz_seed){count, sizeof count - 1};
    Wsl__Pb__JobGraph g;
    wsl__pb__job_graph__init(&g);
    Wsl__Pb__Type type;
    wsl__pb__type__init(&type);
    type.id = WSL_T_INT64;
    Wsl__Pb__Field field;
    wsl__pb__field__init(&field);
    field.name = (char *)(uintptr_t)"n";
    field.type = &type;
    Wsl__Pb__Field *list[] = {&field};
    Wsl__Pb__Schema schema;
    wsl__pb__schema__init(&schema);
    schema.n_fields = 1;
    schema.fields = list;
    Wsl__Pb__Operator source, sink;
    wsl__pb__operator__init(&source);
    wsl__pb__operator__init(&sink);
    source.kind = (char *)(uintptr_t)"source";
    source.connector = (char *)(uintptr_t)"datagen";
    source.name = (char *)(uintptr_t)"numbers";
    source.output = &schema;
    sink.id = 1;
    sink.kind = (char *)(uintptr_t)"sink";
    sink.connector = (char *)(uintptr_t)"blackhole";
    sink.name = (char *)(uintptr_t)"nothing";
    Wsl__Pb__Operator *ops[] = {&source, &sink};
    Wsl__Pb__Edge edge;
    wsl__pb__edge__init(&edge);
    edge.to = 1;
    edge.partition = WSL__PB__PARTITION__UNSTATED;
    Wsl__Pb__Edge *edges[] = {&edge};
    g.name = (char *)(uintptr_t)"tiny";
    g.n_operators = 2;
    g.operators = ops;
    g.n_edges = 1;
    g.edges = edges;
    g.chaining = true;
    wsl_job_graph_encode(&g, &bytes, &size);
    out[n++] = (fuzz_seed){bytes, size};
    return n;
}
