#include "harness/wsl_test.h"

#include <stdio.h>
#include <string.h>

#include <wiesel/config.h>

#include "base/cluster_options.h"
#include "base/config_file.h"
#include "base/fs_mem.h"
#include "base/option_doc.h"

static const wsl_option first_table[] = {
    {.name = "a.text", .type = WSL_OPT_STRING, .help = "Any text."},
    {.name = "a.flag", .type = WSL_OPT_BOOL, .default_value = "false"},
    {.name = "a.int", .type = WSL_OPT_INT, .default_value = "5", .min = "1", .max = "10", .also = "an.int"},
    {.name = "a.double", .type = WSL_OPT_DOUBLE, .default_value = "0.5", .min = "0"},
    {.name = "a.size", .type = WSL_OPT_SIZE, .default_value = "32 kb", .min = "4kb", .max = "1 mb"},
    {.name = "a.time", .type = WSL_OPT_DURATION, .default_value = "10 s", .max = "1h"},
    {.name = "a.enum", .type = WSL_OPT_ENUM, .default_value = "Fail", .choices = "Fail|Skip|SideOutput"},
    {.name = NULL},
};
static const wsl_option second_table[] = {
    {.name = "b.path", .type = WSL_OPT_STRING, .required = true, .help = "Where the files are."},
    {.name = NULL},
};

static wsl_config *new_config(void)
{
    const wsl_option *const tables[] = {first_table, second_table};
    return wsl_config_new(tables, 2);
}

static wsl_status set(wsl_config *c, const char *key, const char *value, wsl_error *err)
{
    return wsl_config_set(c, key, value, "test:1", err);
}

Test(config, starts_with_its_defaults)
{
    WSL_AUTO(wsl_config) c = new_config();
    cr_assert_null(wsl_config_str(c, "a.text"));
    cr_assert_not(wsl_config_bool(c, "a.flag"));
    cr_assert_eq(wsl_config_int(c, "a.int"), 5);
    cr_assert_eq(wsl_config_double(c, "a.double"), 0.5);
    cr_assert_eq(wsl_config_size(c, "a.size"), 32768);
    cr_assert_eq(wsl_config_duration_ns(c, "a.time"), INT64_C(10000000000));
    cr_assert_str_eq(wsl_config_str(c, "a.enum"), "Fail");
    cr_assert_not(wsl_config_is_set(c, "a.int"));
}

Test(config, every_type_is_parsed)
{
    WSL_AUTO(wsl_config) c = new_config();
    wsl_error err;
    cr_assert_eq(set(c, "a.text", "  as it is ", &err), WSL_OK);
    cr_assert_str_eq(wsl_config_str(c, "a.text"), "  as it is ");
    cr_assert_eq(set(c, "a.flag", " TRUE ", &err), WSL_OK);
    cr_assert(wsl_config_bool(c, "a.flag"));
    cr_assert_eq(set(c, "a.int", "10", &err), WSL_OK);
    cr_assert_eq(wsl_config_int(c, "a.int"), 10);
    cr_assert(wsl_config_is_set(c, "a.int"));
    cr_assert_eq(set(c, "an.int", "7", &err), WSL_OK, "the other spelling");
    cr_assert_eq(wsl_config_int(c, "a.int"), 7);
    cr_assert_eq(wsl_config_int(c, "an.int"), 7);
    cr_assert_eq(set(c, "a.double", "1e-3", &err), WSL_OK);
    cr_assert_eq(wsl_config_double(c, "a.double"), 0.001);
    cr_assert_eq(set(c, "a.enum", "sideoutput", &err), WSL_OK);
    cr_assert_str_eq(wsl_config_str(c, "a.enum"), "SideOutput", "as the table spells it");
}

static void check_size(const char *text, uint64_t expected)
{
    static const wsl_option table[] = {{.name = "s", .type = WSL_OPT_SIZE}, {.name = NULL}};
    const wsl_option *const tables[] = {table};
    WSL_AUTO(wsl_config) c = wsl_config_new(tables, 1);
    wsl_error err;
    cr_assert_eq(set(c, "s", text, &err), WSL_OK, "%s", text);
    cr_assert_eq(wsl_config_size(c, "s"), expected, "%s", text);
}

static void check_duration(const char *text, int64_t expected_ns)
{
    static const wsl_option table[] = {{.name = "t", .type = WSL_OPT_DURATION}, {.name = NULL}};
    const wsl_option *const tables[] = {table};
    WSL_AUTO(wsl_config) c = wsl_config_new(tables, 1);
    wsl_error err;
    cr_assert_eq(set(c, "t", text, &err), WSL_OK, "%s", text);
    cr_assert_eq(wsl_config_duration_ns(c, "t"), expected_ns, "%s", text);
}

Test(config, sizes_and_durations_take_flinks_units)
{
    check_size("5", 5);
    check_size("5b", 5);
    check_size("32kb", 32768);
    check_size("32 KB", 32768);
    check_size("64 mb", UINT64_C(64) << 20);
    check_size("1g", UINT64_C(1) << 30);
    check_size("2 tebibytes", UINT64_C(2) << 40);
    check_duration("100", 100000000);
    check_duration("100 ms", 100000000);
    check_duration("0", 0);
    check_duration("250us", 250000);
    check_duration("7ns", 7);
    check_duration("1s", 1000000000);
    check_duration("5 min", INT64_C(300000000000));
    check_duration("5m", INT64_C(300000000000));
    check_duration("2 hours", INT64_C(7200000000000));
    check_duration("1 d", INT64_C(86400000000000));
}

Test(config, a_bad_value_says_what_is_accepted_and_changes_nothing)
{
    static const struct {
        const char *key, *value, *says;
    } bad[] = {
        {"a.flag", "yes", "give true or false"},
        {"a.int", "0", "a whole number from 1 to 10"},
        {"a.int", "11", "from 1 to 10"},
        {"a.int", "5x", "a whole number"},
        {"a.int", "", "a whole number"},
        {"a.int", "99999999999999999999", "a whole number"},
        {"a.double", "-1", "a number of at least 0"},
        {"a.double", "nan", "a number"},
        {"a.size", "2kb", "a size like 32kb, 64mb or 1g from 4kb to 1 mb"},
        {"a.size", "-5kb", "a size"},
        {"a.size", "5 lb", "a size"},
        {"a.size", "99999999999 tb", "a size"},
        {"a.time", "2h", "of at most 1h"},
        {"a.time", "1.5s", "a duration like"},
        {"a.time", "fast", "a duration like"},
        {"a.enum", "explode", "one of Fail|Skip|SideOutput"},
        {"a.enum", "Fail|Skip", "one of"},
        {"a.enum", "", "one of"},
    };
    WSL_AUTO(wsl_config) c = new_config();
    wsl_error err;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        cr_assert_eq(set(c, bad[i].key, bad[i].value, &err), WSL_INVALID, "%s=%s", bad[i].key, bad[i].value);
        cr_assert(has_text(err.text, bad[i].key) && has_text(err.text, bad[i].says) && has_text(err.text, "test:1"),
                  "%s", err.text);
        cr_assert_not(wsl_config_is_set(c, bad[i].key));
    }
    cr_assert_eq(wsl_config_int(c, "a.int"), 5);
}

Test(config, an_unknown_key_is_an_error_with_a_suggestion)
{
    WSL_AUTO(wsl_config) c = new_config();
    wsl_error err;
    cr_assert_eq(set(c, "a.flagg", "true", &err), WSL_NOT_FOUND);
    cr_assert_str_eq(err.text, "unknown option 'a.flagg' (test:1); did you mean 'a.flag'?");
    cr_assert_eq(set(c, "something.else", "true", &err), WSL_NOT_FOUND);
    cr_assert_str_eq(err.text, "unknown option 'something.else' (test:1)");
}

Test(config, pairs_and_required_options)
{
    WSL_AUTO(wsl_config) c = new_config();
    wsl_error err;
    cr_assert_eq(wsl_config_check(c, &err), WSL_INVALID);
    cr_assert(has_text(err.text, "b.path") && has_text(err.text, "Where the files are"));
    cr_assert_eq(wsl_config_set_pair(c, "b.path=/a=b", "-D", &err), WSL_OK);
    cr_assert_str_eq(wsl_config_str(c, "b.path"), "/a=b");
    cr_assert_eq(wsl_config_check(c, &err), WSL_OK);
    cr_assert_eq(wsl_config_set_pair(c, "b.path", "-D", &err), WSL_INVALID);
    cr_assert(has_text(err.text, "key=value"));
    cr_assert_eq(wsl_config_set_pair(c, "=x", "-D", &err), WSL_INVALID);
    cr_assert_eq(wsl_config_set_pair(c, "a.in=3", "-D", &err), WSL_NOT_FOUND);
    cr_assert(has_text(err.text, "(-D); did you mean 'a.int'?"));
}

Test(config, what_another_was_given_is_taken_over)
{
    const wsl_option *const tables[] = {first_table};
    WSL_AUTO(wsl_config) from = new_config();
    WSL_AUTO(wsl_config) to = wsl_config_new(tables, 1);
    wsl_error err;
    cr_assert_eq(set(from, "a.int", "9", &err), WSL_OK);
    cr_assert_eq(set(from, "b.path", "/x", &err), WSL_OK);
    cr_assert_eq(set(to, "a.flag", "true", &err), WSL_OK);
    wsl_config_copy_set(to, from);
    cr_assert_eq(wsl_config_int(to, "a.int"), 9);
    cr_assert(wsl_config_is_set(to, "a.int"));
    cr_assert(wsl_config_bool(to, "a.flag"), "what only the target was given stays");
}

static void list_option(void *arg, const wsl_option *option, const char *value, const char *origin)
{
    char *const all = arg;
    (void)snprintf(all + strlen(all), 1024 - strlen(all), "%s=%s(%s) ", option->name, value != NULL ? value : "-",
                   origin != NULL ? origin : "default");
}

Test(config, each_shows_options_in_table_order_with_their_origin)
{
    WSL_AUTO(wsl_config) c = new_config();
    wsl_error err;
    cr_assert_eq(set(c, "a.int", " 9 ", &err), WSL_OK);
    char all[1024] = "";
    wsl_config_each(c, list_option, all);
    cr_assert_str_eq(all, "a.text=-(default) a.flag=false(default) a.int=9(test:1) a.double=0.5(default) "
                          "a.size=32 kb(default) a.time=10 s(default) a.enum=Fail(default) b.path=-(default) ");
}

/* ---- files ---- */

static wsl_status read_text(wsl_config *c, const char *text, wsl_error *err)
{
    return wsl_config_read_text(c, "wiesel.yaml", text, strlen(text), err);
}

Test(config_file, nested_and_dotted_keys_mean_the_same)
{
    WSL_AUTO(wsl_config) c = wsl_cluster_config_new();
    wsl_error err;
    const wsl_status status = read_text(c,
                                        "# a comment\n"
                                        "taskmanager:\n"
                                        "  numberOfTaskSlots: 2\n"
                                        "  memory:\n"
                                        "    segment-size: 64 kb   # behind it\n"
                                        "    network.size: '128mb'\n"
                                        "rest.port: 9000\n"
                                        "io.tmp.dirs: [/a, \"/b c\"]\n"
                                        "security: {insecure: true}\n"
                                        "parallelism.default: 4\n",
                                        &err);
    cr_assert_eq(status, WSL_OK, "%s", err.text);
    cr_assert_eq(wsl_config_int(c, "taskmanager.numberOfTaskSlots"), 2);
    cr_assert_eq(wsl_config_size(c, "taskmanager.memory.segment-size"), 65536);
    cr_assert_eq(wsl_config_size(c, "taskmanager.memory.network.size"), 128 << 20);
    cr_assert_eq(wsl_config_int(c, "rest.port"), 9000);
    cr_assert_str_eq(wsl_config_str(c, "io.tmp.dirs"), "/a;/b c");
    cr_assert(wsl_config_bool(c, "security.insecure"));
    cr_assert_eq(wsl_config_int(c, "parallelism.default"), 4);
}

Test(config_file, empty_files_change_nothing)
{
    static const char *const empty[] = {"", "\n\n", "# nothing\n", "---\n", "{}\n", "--- {}\n"};
    for (size_t i = 0; i < sizeof empty / sizeof *empty; i++) {
        WSL_AUTO(wsl_config) c = wsl_cluster_config_new();
        wsl_error err;
        cr_assert_eq(read_text(c, empty[i], &err), WSL_OK, "'%s': %s", empty[i], err.text);
    }
}

Test(config_file, errors_name_the_line)
{
    static const struct {
        const char *text;
        wsl_status status;
        const char *says;
    } bad[] = {
        {"rest.port: 1\n\ntaskmanager:\n  numberOfTaskSlot: 2\n", WSL_NOT_FOUND,
         "unknown option 'taskmanager.numberOfTaskSlot' (wiesel.yaml:4); did you mean "
         "'taskmanager.numberOfTaskSlots'?"},
        {"rest:\n  port: many\n", WSL_INVALID, "'many' for rest.port (wiesel.yaml:2)"},
        {"rest:\n  port: [1, 2]\n", WSL_INVALID, "'1;2' for rest.port (wiesel.yaml:2)"},
        {"rest.port: 1\nrest:\n  port: 2\n", WSL_FORMAT,
         "wiesel.yaml:3: 'rest.port' is given a second time, first in line 1"},
        {"rest.port:\n", WSL_FORMAT, "wiesel.yaml:1: 'rest.port' has no value"},
        {"\nrest.port: ~\n", WSL_FORMAT, "wiesel.yaml:2: 'rest.port' has no value"},
        {"rest.port: &a 1\n", WSL_FORMAT, "wiesel.yaml:1: anchors"},
        {"rest.port: *a\n", WSL_FORMAT, "wiesel.yaml:1:"},
        {"rest.port: !!int 1\n", WSL_FORMAT, "wiesel.yaml:1: tags"},
        {"rest.port: [1, [2]]\n", WSL_FORMAT, "wiesel.yaml:1: a list may hold plain values only"},
        {"[a, b]: 1\n", WSL_FORMAT, "wiesel.yaml:1: a key must be a plain word"},
        {"just words\n", WSL_FORMAT, "wiesel.yaml:1: expected lines of the form"},
        {"- a\n- b\n", WSL_FORMAT, "wiesel.yaml:1: expected lines of the form"},
        {"rest.port: 1\n---\nrest.port: 2\n", WSL_FORMAT, "second document"},
        {"rest.port: 1\n  bad: 2\n", WSL_INVALID, "'1 bad' for rest.port (wiesel.yaml:1)"},
        {"io.tmp.dirs: [1, 2\nrest.port: 1\n", WSL_FORMAT, "wiesel.yaml:2: did not find expected"},
        {"rest.port: \"1\n", WSL_FORMAT, "wiesel.yaml:"},
        {"rest.port: \"1\\0\"\n", WSL_FORMAT, "0 character"},
        {"\trest.port: 1\n", WSL_FORMAT, "wiesel.yaml:1"},
        {"a: {b: {c: {d: {e: {f: {g: {h: {i: {j: {k: {l: {m: {n: {o: {p: {q: {r: 1}}}}}}}}}}}}}}}}}\n", WSL_FORMAT,
         "nested too deeply"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        WSL_AUTO(wsl_config) c = wsl_cluster_config_new();
        wsl_error err;
        cr_assert_eq(read_text(c, bad[i].text, &err), bad[i].status, "'%s'", bad[i].text);
        cr_assert(has_text(err.text, bad[i].says), "'%s' gave: %s", bad[i].text, err.text);
    }
}

Test(config_file, reads_through_the_file_seam)
{
    wsl_manual_clock clock;
    wsl_manual_clock_init(&clock, 0);
    WSL_AUTO(wsl_mem_fs) m = wsl_mem_fs_new(&clock.clock);
    WSL_AUTO(wsl_config) c = wsl_cluster_config_new();
    wsl_error err;
    cr_assert_eq(wsl_config_read_file(c, wsl_mem_fs_seam(m), "conf.yaml", &err), WSL_NOT_FOUND);
    cr_assert(has_text(err.text, "conf.yaml"));
    cr_assert_eq(wsl_fs_write_atomic(wsl_mem_fs_seam(m), "conf.yaml", "rest.port: 77\nx: 1\n", 19, &err), WSL_OK);
    cr_assert_eq(wsl_config_read_file(c, wsl_mem_fs_seam(m), "conf.yaml", &err), WSL_NOT_FOUND);
    cr_assert(has_text(err.text, "conf.yaml:2"));
    cr_assert_eq(wsl_config_int(c, "rest.port"), 77);
}

/* ---- the tables ---- */

Test(cluster_options, defaults_are_those_people_expect)
{
    WSL_AUTO(wsl_config) c = wsl_cluster_config_new();
    cr_assert_eq(wsl_config_int(c, "rest.port"), 8081);
    cr_assert_eq(wsl_config_int(c, "jobmanager.rpc.port"), 6123);
    cr_assert_eq(wsl_config_int(c, "taskmanager.numberOfTaskSlots"), 1);
    cr_assert_eq(wsl_config_int(c, "parallelism.default"), 1);
    cr_assert_eq(wsl_config_duration_ns(c, "heartbeat.interval"), INT64_C(10000000000));
    cr_assert_eq(wsl_config_duration_ns(c, "heartbeat.timeout"), INT64_C(50000000000));
    cr_assert_eq(wsl_config_duration_ns(c, "task.cancellation.timeout"), INT64_C(180000000000));
    cr_assert_eq(wsl_config_size(c, "taskmanager.memory.segment-size"), 32768);
    cr_assert_eq(wsl_config_int(c, "taskmanager.network.memory.buffers-per-channel"), 2);
    cr_assert_eq(wsl_config_int(c, "taskmanager.network.memory.floating-buffers-per-gate"), 8);
    cr_assert_eq(wsl_config_int(c, "taskmanager.network.memory.max-buffers-per-channel"), 10);
    cr_assert_eq(wsl_config_duration_ns(c, "execution.buffer-timeout"), 0);
    cr_assert(wsl_config_bool(c, "pipeline.operator-chaining.enabled"));
    cr_assert_str_eq(wsl_config_str(c, "rest.bind-address"), "127.0.0.1");
    cr_assert_not(wsl_config_bool(c, "security.insecure"));
}

Test(cluster_options, a_job_cannot_set_what_belongs_to_the_cluster)
{
    const wsl_option *const tables[] = {wsl_job_options};
    WSL_AUTO(wsl_config) c = wsl_config_new(tables, 1);
    wsl_error err;
    cr_assert_eq(wsl_config_set_pair(c, "execution.buffer-timeout=1ms", "-D", &err), WSL_OK);
    cr_assert_eq(wsl_config_set_pair(c, "rest.port=1", "-D", &err), WSL_NOT_FOUND);
}

Test(cluster_options, every_option_has_a_help_sentence)
{
    const wsl_option *const tables[] = {wsl_cluster_options, wsl_job_options};
    for (int t = 0; t < 2; t++) {
        for (const wsl_option *o = tables[t]; o->name != NULL; o++) {
            cr_assert_not_null(o->help, "%s", o->name);
            cr_assert_eq(o->help[strlen(o->help) - 1], '.', "%s", o->name);
        }
    }
}

Test(option_doc, help_shows_every_option_with_its_default_in_lines_that_fit)
{
    wsl_strbuf s;
    wsl_strbuf_init(&s);
    wsl_options_help(wsl_job_options, &s);
    cr_assert(has_text(s.data, "  parallelism.default (integer, 1 to 4096; default 1)\n"), "%s", s.data);
    cr_assert(has_text(s.data, "  watermark.emit (periodic|per-record; default periodic)\n"));
    cr_assert(has_text(s.data, "  pipeline.name (text)\n"));
    for (const char *line = s.data; *line != '\0';) {
        const size_t n = strcspn(line, "\n");
        cr_assert_leq(n, 100, "%.*s", (int)n, line);
        line += n + 1;
    }
    wsl_strbuf_fini(&s);
}

Test(option_doc, markdown_is_one_row_per_option)
{
    wsl_strbuf s;
    wsl_strbuf_init(&s);
    wsl_options_markdown(first_table, &s);
    cr_assert(has_text(s.data, "| Key | Default | Type | Description |\n|---|---|---|---|\n"));
    cr_assert(has_text(s.data, "| `a.size` | 32 kb | size, 4kb to 1 mb |  |\n"), "%s", s.data);
    cr_assert(has_text(s.data, "| `a.enum` | Fail | Fail\\|Skip\\|SideOutput |"));
    cr_assert(has_text(s.data, "| `a.text` | (none) | text | Any text. |"));
    cr_assert(has_text(s.data, "Also `an.int`."));
    wsl_strbuf_clear(&s);
    wsl_options_markdown(second_table, &s);
    cr_assert(has_text(s.data, "| `b.path` | (required) | text |"));
    wsl_strbuf_fini(&s);
}
