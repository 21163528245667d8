/* Our own endpoints, below /wiesel/v1: submission, the CLI's live line and the page's job view, collected rows. */
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "format/format.h"
#include "graph/graph_json.h"
#include "jobmanager/repeating.h"
#include "jobmanager/rest/handlers.h"
#include "jobmanager/rest/views.h"

enum { COLLECT_BYTES_DEFAULT = 1 << 20, COLLECT_BYTES_MAX = 16 << 20 };

/* ---- submission ---- */

void jm_h_wiesel_put_artifact(const jm_rest *rest, const jm_request *request, jm_response *response)
{
    wsl_id hash;
    wsl_error err = {0};
    char text[WSL_ID_TEXT_SIZE];
    if (jm_put_artifact(rest->jm, request->body, request->body_size, &hash, &err) != WSL_OK) {
        jm_rest_error_of(response, &err);
        return;
    }
    jm_json j = jm_json_to(&response->body);
    jm_json_open(&j, NULL, '{');
    jm_json_str(&j, "hash", wsl_id_text(&hash, text));
    jm_json_close(&j);
}

static bool has_type(const jm_request *request, const char *type)
{
    const size_t n = strlen(type);
    return strncasecmp(request->content_type, type, n) == 0 && strchr("; ", request->content_type[n]) != NULL;
}

static wsl_status graph_of(const jm_request *request, wsl_job_graph **out_graph, wsl_error *err)
{
    if (request->body_size == 0) {
        return wsl_fail(err, WSL_INVALID, "the request has no body; send a job graph as protobuf or JSON");
    }
    if (has_type(request, "application/x-protobuf")) {
        return wsl_job_graph_decode(request->body, request->body_size, out_graph, err);
    }
    if (has_type(request, "application/json")) {
        return wsl_job_graph_from_json(request->body, request->body_size, out_graph, err);
    }
    return wsl_fail(err, WSL_INVALID,
                    "the content type is '%s'; a job graph is application/x-protobuf or application/json",
                    request->content_type);
}

void jm_h_wiesel_submit(const jm_rest *rest, const jm_request *request, jm_response *response)
{
    WSL_AUTO(wsl_job_graph) graph = NULL;
    wsl_id id;
    wsl_error err = {0};
    char text[WSL_ID_TEXT_SIZE];
    wsl_status status = graph_of(request, &graph, &err);
    if (status == WSL_OK) {
        status = jm_submit(rest->jm, graph, &id, &err);
    }
    if (status != WSL_OK) {
        /* a missing directory or library is a mistake in the request, not a missing resource of ours */
        jm_rest_error(response, status == WSL_NO_RESOURCE ? 503 : 400, "%s", err.text);
        return;
    }
    (void)WSL_TAKE(graph);
    response->status = 202;
    jm_json j = jm_json_to(&response->body);
    jm_json_open(&j, NULL, '{');
    jm_json_str(&j, "jobid", wsl_id_text(&id, text));
    jm_json_close(&j);
}

/* ---- one look at a job ---- */

static void add_watermark(jm_json *j, const char *key, int64_t watermark)
{
    if (watermark == INT64_MIN) {
        jm_json_null(j, key);
    } else {
        jm_json_int(j, key, watermark);
    }
}

/* Sums and rates over a vertex's subtasks; the watermark is that of the slowest. */
static void add_vertex(jm_json *j, const jm_vertex *v)
{
    jm_rates sum = {0};
    jm_io io = {0};
    double busiest = 0;
    int64_t watermark = INT64_MAX;
    const uint32_t n = v->plan->parallelism;
    for (uint32_t i = 0; i < n; i++) {
        const jm_task_metrics *m = &v->subtasks[i].metrics;
        const int64_t wm = jm_vertex_is_source(v) ? m->last->output_watermark : m->last->input_watermark;
        jm_io_add(&io, &v->subtasks[i]);
        sum.records_in += m->rates.records_in;
        sum.records_out += m->rates.records_out;
        sum.busy_ms += m->rates.busy_ms;
        sum.backpressured_ms += m->rates.backpressured_ms;
        sum.idle_ms += m->rates.idle_ms;
        busiest = m->rates.busy_ms > busiest ? m->rates.busy_ms : busiest;
        watermark = wm < watermark ? wm : watermark;
    }
    char id[WSL_ID_TEXT_SIZE];
    jm_json_open(j, NULL, '{');
    jm_json_str(j, "id", wsl_id_text(&v->plan->id, id));
    jm_json_str(j, "name", v->plan->name);
    jm_json_int(j, "parallelism", n);
    jm_json_str(j, "status", jm_task_state_name(jm_vertex_state(v)));
    jm_json_bool(j, "source", jm_vertex_is_source(v));
    jm_json_bool(j, "sink", jm_vertex_is_sink(v));
    jm_json_int(j, "records-in", io.read_records);
    jm_json_int(j, "records-out", io.write_records);
    jm_json_num(j, "records-in-per-second", sum.records_in);
    jm_json_num(j, "records-out-per-second", sum.records_out);
    jm_json_num(j, "busy", sum.busy_ms / 1000 / n);
    jm_json_num(j, "backpressured", sum.backpressured_ms / 1000 / n);
    jm_json_num(j, "idle", sum.idle_ms / 1000 / n);
    jm_json_num(j, "busiest-subtask", busiest / 1000);
    add_watermark(j, "watermark", watermark);
    jm_json_close(j);
}

static void add_numbers(jm_json *j, const jm_job_info *info)
{
    jm_json_open(j, "tasks", '{');
    jm_json_int(j, "total", info->tasks);
    jm_json_int(j, "running", info->tasks_running);
    jm_json_close(j);
    jm_json_uint(j, "records-in", info->records_in);
    jm_json_uint(j, "records-out", info->records_out);
    jm_json_num(j, "records-in-per-second", info->records_in_per_s);
    jm_json_num(j, "records-out-per-second", info->records_out_per_s);
    if (info->watermark_lag_ms < 0) {
        jm_json_null(j, "watermark-lag");
    } else {
        jm_json_int(j, "watermark-lag", info->watermark_lag_ms);
    }
    jm_json_open(j, "busiest", '{');
    jm_json_str(j, "name", info->busiest);
    jm_json_num(j, "ratio", info->busiest_ratio);
    jm_json_num(j, "busy-ms-per-second", info->busiest_ratio * 1000);
    jm_json_close(j);
}

void jm_h_wiesel_job(const jm_rest *rest, const jm_request *request, jm_response *response)
{
    jm_job *job = jm_rest_job(rest, request, response);
    jm_job_info info;
    if (job == NULL || jm_job_info_get(rest->jm, &job->id, &info, NULL) != WSL_OK) {
        return;
    }
    const int64_t now_ms = wsl_wall_ms(rest->jm->seams.clock);
    jm_json j = jm_json_to(&response->body);
    jm_json_open(&j, NULL, '{');
    jm_json_str(&j, "id", job->id_text);
    jm_json_str(&j, "name", info.name);
    jm_json_str(&j, "state", info.state);
    jm_json_bool(&j, "ended", info.ended);
    jm_json_str(&j, "waiting", info.waiting);
    jm_json_str(&j, "failure", info.failure);
    jm_json_span(&j, jm_job_span(job), now_ms);
    jm_json_int(&j, "now", now_ms);
    add_numbers(&j, &info);
    jm_json_open(&j, "vertices", '[');
    for (uint32_t v = 0; v < job->plan->n_vertices; v++) {
        add_vertex(&j, &job->graph.vertices[v]);
    }
    jm_json_close(&j);
    jm_json_open(&j, "collect", '[');
    for (uint32_t i = 0; i < job->n_collects; i++) {
        jm_json_int(&j, NULL, jm_collect_operator(job->collects[i]));
    }
    jm_json_close(&j);
    jm_json_open(&j, "repeating-sinks", '[');
    size_t at = 0;
    for (const Wsl__Pb__Operator *op; (op = jm_repeating_next(job, &at)) != NULL;) {
        jm_json_open(&j, NULL, '{');
        jm_json_str(&j, "name", op->name);
        jm_json_str(&j, "connector", op->connector);
        jm_json_close(&j);
    }
    jm_json_close(&j);
    jm_json_close(&j);
}

/* ---- collected rows ---- */

typedef struct json_rows {
    jm_json j;
    wsl_format *format;
    wsl_strbuf line;
} json_rows;

static void add_json_row(void *arg, const wsl_row *row)
{
    json_rows *rows = arg;
    wsl_strbuf_clear(&rows->line);
    wsl_format_encode(rows->format, row, &rows->line);
    const size_t size =
        rows->line.size > 0 && rows->line.data[rows->line.size - 1] == '\n' ? rows->line.size - 1 : rows->line.size;
    jm_json_raw(&rows->j, NULL, rows->line.data, size);
}

static void add_bytes_row(void *arg, const wsl_row *row)
{
    jm_response *response = arg;
    wsl_strbuf_add(&response->body, row, row->size);
}

typedef struct collect_request {
    jm_collect *collect;
    uint64_t from;
    uint64_t max_bytes;
} collect_request;

static bool collect_request_of(const jm_rest *rest, const jm_request *request, collect_request *out,
                               jm_response *response)
{
    const jm_job *job = jm_rest_job(rest, request, response);
    uint64_t op = UINT32_MAX;
    if (job == NULL || !jm_request_query_uint(request, "from", 0, INT64_MAX, &out->from, response) ||
        !jm_request_query_uint(request, "operator", UINT32_MAX, UINT32_MAX, &op, response) ||
        !jm_request_query_uint(request, "max-bytes", COLLECT_BYTES_DEFAULT, COLLECT_BYTES_MAX, &out->max_bytes,
                               response)) {
        return false;
    }
    out->collect = jm_job_collect(job, (uint32_t)op);
    if (out->collect == NULL) {
        jm_rest_error(response, 404, "Job %s has no such collect sink.", request->params[0]);
    }
    return out->collect != NULL;
}

static void collect_bytes(const collect_request *c, jm_response *response)
{
    wsl_error err = {0};
    response->content_type = "application/octet-stream";
    response->has_rows = true;
    if (jm_collect_read(c->collect, c->from, c->max_bytes, add_bytes_row, response, &response->next, &response->end,
                        &err) != WSL_OK) {
        jm_rest_error_of(response, &err);
    }
}

static wsl_status json_format_of(const jm_collect *collect, wsl_format **out_format, wsl_error *err)
{
    const wsl_option *const tables[] = {wsl_format_options};
    WSL_AUTO(wsl_config) config = wsl_config_new(tables, 1);
    return wsl_format_new("json", jm_collect_schema(collect), config, out_format, err);
}

static void collect_json(const collect_request *c, jm_response *response)
{
    WSL_AUTO(wsl_format) format = NULL;
    wsl_error err = {0};
    uint64_t next = 0;
    bool end = false;
    json_rows rows = {.j = jm_json_to(&response->body)};
    if (json_format_of(c->collect, &format, &err) != WSL_OK) {
        jm_rest_error_of(response, &err);
        return;
    }
    rows.format = format;
    wsl_strbuf_init(&rows.line);
    jm_json_open(&rows.j, NULL, '{');
    jm_json_int(&rows.j, "operator", jm_collect_operator(c->collect));
    jm_json_open(&rows.j, "rows", '[');
    const wsl_status status =
        jm_collect_read(c->collect, c->from, c->max_bytes, add_json_row, &rows, &next, &end, &err);
    jm_json_close(&rows.j);
    jm_json_uint(&rows.j, "next", next);
    jm_json_bool(&rows.j, "end", end);
    jm_json_close(&rows.j);
    wsl_strbuf_fini(&rows.line);
    if (status != WSL_OK) {
        jm_rest_error_of(response, &err);
    }
}

void jm_h_wiesel_collect(const jm_rest *rest, const jm_request *request, jm_response *response)
{
    collect_request c;
    if (!collect_request_of(rest, request, &c, response)) {
        return;
    }
    if (strncmp(request->accept, "application/octet-stream", 24) == 0) {
        collect_bytes(&c, response);
    } else {
        collect_json(&c, response);
    }
}
