#include "harness/wsl_test.h"

#include <string.h>

#include "cli/sinks.h"
#include "graph/graph_json.h"

static const char two_sinks[] = "{\"name\":\"two\",\"operators\":["
                                "{\"name\":\"in\",\"source\":\"socket\",\"schema\":{\"a\":\"BIGINT\",\"b\":\"DOUBLE\"},"
                                "\"options\":{\"host\":\"127.0.0.1\",\"port\":1,"
                                "\"format\":\"json\",\"on-error\":\"side-output\"}},"
                                "{\"name\":\"all \\\"rows\\\"\",\"sink\":\"collect\"},"
                                "{\"name\":\"log\",\"from\":\"in\",\"sink\":\"print\"},"
                                "{\"name\":\"bad\",\"from\":\"in:bad-records\",\"sink\":\"collect\"}]}";

static cli_sinks sinks_of(const char *json)
{
    WSL_AUTO(wsl_job_graph) graph = NULL;
    cli_sinks sinks;
    wsl_error err = {0};

    cr_assert_eq(wsl_job_graph_from_json(json, strlen(json), &graph, &err), WSL_OK, "%s", err.text);
    cr_assert_eq(cli_sinks_init(&sinks, graph, 1, &err), WSL_OK, "%s", err.text);
    return sinks;
}

Test(sinks, finds_the_collect_sinks_and_what_their_rows_look_like)
{
    cli_sinks sinks = sinks_of(two_sinks);

    cr_assert_eq(sinks.n, 2);
    cr_assert_str_eq(sinks.sinks[0].name, "all \"rows\"");
    cr_assert_eq(sinks.sinks[0].schema->n_fields, 2);
    cr_assert_str_eq(sinks.sinks[1].name, "bad");
    cr_assert_str_eq(sinks.sinks[1].schema->fields[0].name, "reason", "rows of the side output");
    cr_assert_not(cli_sinks_ended(&sinks));
    sinks.sinks[0].ended = true;
    cr_assert_not(cli_sinks_ended(&sinks));
    sinks.sinks[1].ended = true;
    cr_assert(cli_sinks_ended(&sinks));
    cli_sinks_fini(&sinks);
}

Test(sinks, lines_name_their_sink_if_there_are_several_and_numbers_stay_exact)
{
    cli_sinks sinks = sinks_of(two_sinks);
    uint64_t memory[16];
    wsl_row_writer w;
    wsl_strbuf out;

    wsl_strbuf_init(&out);
    cr_assert(wsl_row_writer_init(&w, memory, sizeof memory, 2));
    wsl_row_set_int64(&w, 0, INT64_MAX);
    wsl_row_set_double(&w, 1, 0.1);
    cli_sinks_put_row(&sinks, &sinks.sinks[0], w.row, &out);
    cr_assert_str_eq(out.data, "{\"all \\\"rows\\\"\":{\"a\":9223372036854775807,\"b\":0.1}}\n");
    wsl_strbuf_fini(&out);
    cli_sinks_fini(&sinks);
}

Test(sinks, a_graph_that_is_no_job_is_refused_before_anything_starts)
{
    cli_sinks sinks;
    wsl_error err = {0};
    wsl_job_graph empty;

    wsl__pb__job_graph__init(&empty);
    cr_assert_neq(cli_sinks_init(&sinks, &empty, 1, &err), WSL_OK);
    cr_assert_neq(err.text[0], '\0');
    cli_sinks_fini(&sinks);
}
