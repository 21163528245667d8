/*
 * Topology uids: what an operator is to be known by when nobody gave it a uid. See README.md, "Uids and vertex ids".
 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/strbuf.h"
#include "graph/chain.h"
#include "graph/operator_kind.h"
#include "graph/pb.h"

typedef struct place {
    wsl_id id;        /* of what it is and what it reads, before numbering */
    uint32_t same;    /* operators before it with the same id */
    uint32_t twin;    /* one of them */
    bool ambiguous;   /* itself, or something it reads, has a twin: which is which depends on the order alone */
    uint32_t because; /* the operator that has the twin */
} place;

static void add(wsl_strbuf *text, const char *value) { wsl_strbuf_add(text, value, strlen(value) + 1); }

static void add_edge(wsl_strbuf *text, const wsl_job_graph *graph, const Wsl__Pb__Edge *edge)
{
    wsl_strbuf_printf(text, "<%u %d", edge->input, (int)edge->partition);
    add(text, graph->operators[edge->from]->uid);
    add(text, edge->side);
    add(text, edge->function);
    for (size_t k = 0; k < edge->n_keys; k++) {
        add(text, edge->keys[k]);
    }
}

static wsl_id place_id(const wsl_job_graph *graph, const Wsl__Pb__Operator *op)
{
    wsl_strbuf text;
    wsl_strbuf_init(&text);
    add(&text, op->name);
    add(&text, op->kind);
    add(&text, op->connector);
    add(&text, op->function);
    for (size_t e = 0; e < graph->n_edges; e++) {
        if (graph->edges[e]->to == op->id) {
            add_edge(&text, graph, graph->edges[e]);
        }
    }
    const wsl_id id = wsl_id_of_bytes(text.data, text.size);
    wsl_strbuf_fini(&text);
    return id;
}

/* Does what it reads depend on an ambiguous operator? */
static void inherit(const wsl_job_graph *graph, place *places, uint32_t i)
{
    for (size_t e = 0; e < graph->n_edges; e++) {
        const Wsl__Pb__Edge *edge = graph->edges[e];
        if (edge->to == i && places[edge->from].ambiguous) {
            places[i].ambiguous = true;
            places[i].because = places[edge->from].because;
            places[i].twin = places[edge->from].twin;
        }
    }
}

static void find_twins(place *places, const bool *given, uint32_t i)
{
    for (uint32_t j = 0; j < i; j++) {
        if (!given[j] && wsl_id_equal(&places[j].id, &places[i].id)) {
            places[i].same++;
            places[i].twin = j;
            places[i].because = i;
            places[i].ambiguous = true;
        }
    }
}

static void set_uid(Wsl__Pb__Operator *op, const place *p)
{
    char hex[WSL_ID_TEXT_SIZE];
    char uid[WSL_ID_TEXT_SIZE + 32];
    wsl_id id = p->id;
    if (p->same > 0) {
        char numbered[WSL_ID_TEXT_SIZE + 16];
        (void)snprintf(numbered, sizeof numbered, "%s#%u", wsl_id_text(&id, hex), p->same);
        id = wsl_id_of_bytes(numbered, strlen(numbered));
    }
    (void)snprintf(uid, sizeof uid, "topology-%s", wsl_id_text(&id, hex));
    wsl_pb_set(&op->uid, uid);
}

wsl_status wsl_graph_resolve_uids(wsl_job_graph *graph, wsl_error *err)
{
    const uint32_t n = (uint32_t)graph->n_operators;
    wsl_status status = WSL_OK;
    place *places = wsl_calloc(n, sizeof *places);
    bool *given = wsl_calloc(n, sizeof *given);
    for (uint32_t i = 0; i < n && status == WSL_OK; i++) {
        Wsl__Pb__Operator *op = graph->operators[i];
        given[i] = wsl_pb_is_set(op->uid);
        if (given[i]) {
            continue;
        }
        places[i].id = place_id(graph, op);
        inherit(graph, places, i);
        find_twins(places, given, i);
        if (places[i].ambiguous && (op->keyed || strcmp(op->kind, "source") == 0)) {
            status =
                wsl_fail(err, WSL_INVALID,
                         "'%s' keeps state, but its place in the job does not tell it apart ('%s' and '%s' are alike): "
                         "its state could not be restored; give it a uid",
                         op->name, graph->operators[places[i].twin]->name, graph->operators[places[i].because]->name);
        }
        set_uid(op, &places[i]);
    }
    free(places);
    free(given);
    return status;
}
