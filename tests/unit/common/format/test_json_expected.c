/*
 * Lines that look like the ones before take a short way through the decoder. Whatever a line is, the short way gives what
 * the long one gives: the same row to the byte, or the same reason. The long way is had by a format that has just learned
 * to expect keys that never come.
 */
#include "format_fixture.h"

#include "base/rng.h"

enum { ROUNDS = 12000 };

WSL_ROW(thing, (string, symbol), (string, a_name_of_more_than_thirty_two_bytes), (int64, n), (double, price), (int8, tiny),
        (int32, middle), (bool, yes), (timestamp, ts), (float, f), (date, day), (string, last));

static const wsl_field strict_fields[] = {{"symbol", {.id = WSL_T_STRING, .not_null = true}},
                                          {"n", {.id = WSL_T_INT64, .not_null = true}},
                                          {"price", {.id = WSL_T_DOUBLE}}};
static const wsl_schema strict_schema = {"strict", 3, strict_fields};

static wsl_schema *wide_schema(uint32_t n)
{
    static const wsl_type_id types[] = {WSL_T_INT64, WSL_T_STRING, WSL_T_DOUBLE, WSL_T_BOOL, WSL_T_INT16};
    wsl_field *fields = (wsl_field *)wsl_calloc(n, sizeof *fields);
    for (uint32_t i = 0; i < n; i++) {
        fields[i] = (wsl_field){.name = wsl_asprintf("f%u", i), .type = {.id = types[i % WSL_ARRAY_LEN(types)]}};
    }
    wsl_schema *s = (wsl_schema *)wsl_zalloc(sizeof *s);
    *s = (wsl_schema){"wide", n, fields};
    return s;
}

static void wide_schema_free(wsl_schema *s)
{
    wsl_field *fields = (wsl_field *)(uintptr_t)s->fields;
    for (uint32_t i = 0; i < s->n_fields; i++) {
        free((char *)(uintptr_t)fields[i].name);
    }
    free(fields);
    free(s);
}

/* ---- random lines, of a kind for a while ---- */

typedef struct style {
    const char *before_key, *before_colon, *after_colon, *after_value;
    uint32_t order[96];
    uint32_t n;
} style;

static const char *pick(wsl_rng *rng, const char *const *from, size_t n) { return from[wsl_rng_below(rng, n)]; }
#define PICK(rng, ...)                                                                                                 \
    pick(rng, (const char *const[]){__VA_ARGS__}, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

static void new_style(wsl_rng *rng, const wsl_schema *schema, style *s)
{
    s->before_key = PICK(rng, "", "", "", " ", "  \t");
    s->before_colon = PICK(rng, "", "", "", " ");
    s->after_colon = PICK(rng, "", "", " ", "   ");
    s->after_value = PICK(rng, "", "", "", " ", "\r");
    s->n = schema->n_fields;
    for (uint32_t i = 0; i < s->n; i++) {
        s->order[i] = i;
    }
    for (uint32_t i = s->n - 1; i > 0 && wsl_rng_below(rng, 3) != 0; i--) {
        const uint32_t j = (uint32_t)wsl_rng_below(rng, i + 1);
        const uint32_t t = s->order[i];
        s->order[i] = s->order[j];
        s->order[j] = t;
    }
}

static void digits(wsl_rng *rng, uint64_t most, wsl_strbuf *out)
{
    for (uint64_t n = 1 + wsl_rng_below(rng, most); n > 0; n--) {
        wsl_strbuf_putc(out, (char)('0' + wsl_rng_below(rng, 10)));
    }
}

static void number(wsl_rng *rng, wsl_strbuf *out)
{
    wsl_strbuf_puts(out, PICK(rng, "", "", "", "", "-", "+"));
    digits(rng, wsl_rng_below(rng, 8) == 0 ? 25 : 6, out);
    if (wsl_rng_below(rng, 3) == 0) {
        wsl_strbuf_putc(out, '.');
        if (wsl_rng_below(rng, 16) != 0) {
            digits(rng, wsl_rng_below(rng, 8) == 0 ? 25 : 4, out);
        }
    }
    if (wsl_rng_below(rng, 12) == 0) {
        wsl_strbuf_puts(out, PICK(rng, "e", "E", "e+", "e-"));
        digits(rng, 2, out);
    }
}

static void text(wsl_rng *rng, wsl_strbuf *out)
{
    wsl_strbuf_putc(out, '"');
    for (uint64_t n = wsl_rng_below(rng, 5); n > 0; n--) {
        wsl_strbuf_puts(out, PICK(rng, "a", "bcd", "S0", ",", "}", "\\\"", "\\u00e9", "\xC3\xA9", "efghij",
                                  "{\\\"symbol\\\":1}", "sixteen bytes .."));
        if (wsl_rng_below(rng, 3) != 0) {
            break;
        }
    }
    wsl_strbuf_putc(out, '"');
}

static void value_of(wsl_rng *rng, const wsl_type *type, uint32_t n_fields, wsl_strbuf *out)
{
    const uint64_t kind = wsl_rng_below(rng, 4 * n_fields); /* a bad value in every other line or so */
    if (kind == 0) {
        wsl_strbuf_puts(out, PICK(rng, "null", "true", "false", "nul", "tru", "fals", "truefalse", "\"12\"", "\"1.5\"",
                                  "[1,2]", "{\"x\":[]}", "-", "1.", ".5", "007", "\"", "", "\"\xFF\"", "\"\x01\""));
    } else if (kind == 1) {
        number(rng, out);
    } else if (type->id == WSL_T_STRING) {
        text(rng, out);
    } else if (type->id == WSL_T_BOOL) {
        wsl_strbuf_puts(out, PICK(rng, "true", "false", "null"));
    } else if (type->id == WSL_T_DOUBLE || type->id == WSL_T_FLOAT) {
        wsl_strbuf_printf(out, "%llu.%02llu", (unsigned long long)wsl_rng_below(rng, 2000),
                          (unsigned long long)wsl_rng_below(rng, 100));
    } else if (type->id == WSL_T_DATE) {
        wsl_strbuf_puts(out, PICK(rng, "\"2024-02-29\"", "19000"));
    } else {
        wsl_strbuf_printf(out, "%lld", (long long)wsl_rng_below(rng, 300) - 150);
    }
}

static void random_line(wsl_rng *rng, const wsl_schema *schema, const style *s, wsl_strbuf *out)
{
    wsl_strbuf_clear(out);
    char separator = '{';
    for (uint32_t k = 0; k < s->n; k++) {
        const wsl_field *field = &schema->fields[s->order[k]];
        const uint64_t what = wsl_rng_below(rng, 8 * s->n);
        if (what == 0) {
            continue; /* left out */
        }
        wsl_strbuf_putc(out, separator);
        separator = ',';
        const char *name = what == 1 ? "unknown" : what == 2 ? schema->fields[0].name : field->name;
        wsl_strbuf_printf(out, "%s\"%s\"%s:%s", what == 3 ? " " : s->before_key, name, s->before_colon,
                          what == 4 ? "" : s->after_colon);
        value_of(rng, &field->type, s->n, out);
        wsl_strbuf_puts(out, s->after_value);
    }
    if (separator == '{') {
        wsl_strbuf_putc(out, '{');
    }
    wsl_strbuf_puts(out, wsl_rng_below(rng, 50) == 0 ? PICK(rng, ",}", "", "}}", "} x", "]") : "}");
    if (wsl_rng_below(rng, 30) == 0 && out->size > 1) {
        out->data[wsl_rng_below(rng, out->size)] = "{}[]\",:\\ 09-.enu\x80"[wsl_rng_below(rng, 18)];
    }
    if (wsl_rng_below(rng, 60) == 0) {
        out->size = wsl_rng_below(rng, out->size); /* cut short */
    }
}

/* ---- both ways ---- */

/* Fills all that a format expects with keys that no line has. */
static void expect_nothing(fx *x)
{
    wsl_strbuf line;
    wsl_strbuf_init(&line);
    for (uint32_t i = 0; i < x->schema->n_fields + 40; i++) {
        wsl_strbuf_printf(&line, "%c\"~%u\":0", i == 0 ? '{' : ',', i);
    }
    wsl_strbuf_puts(&line, "}\n");
    wsl_decoded d;
    wsl_row *row;
    cr_assert_eq(fx_decode_one(x, line.data, line.size, false, 0, &d, &row), WSL_OK);
    free(row);
    wsl_strbuf_fini(&line);
}

typedef struct outcome {
    wsl_status status;
    size_t consumed;
    wsl_row *row;
    char reason[600];
} outcome;

static outcome decode(fx *x, const wsl_strbuf *all, uint32_t capacity)
{
    outcome o = {0};
    wsl_decoded d;
    o.status = fx_decode_one(x, all->data, all->size, false, capacity, &d, &o.row);
    o.consumed = d.consumed;
    (void)snprintf(o.reason, sizeof o.reason, "%s", d.reason != NULL ? d.reason : "");
    return o;
}

static void both_ways(const wsl_schema *schema, uint64_t seed, uint32_t rounds)
{
    fx usual, longer;
    wsl_strbuf all, line;
    style s;
    wsl_rng rng;
    wsl_rng_seed(&rng, seed);
    wsl_strbuf_init(&all);
    wsl_strbuf_init(&line);
    fx_init(&usual, "json", schema, NULL);
    uint32_t n_rows = 0, n_bad = 0;
    for (uint32_t round = 0; round < rounds; round++) {
        if (round % 16 == 0) {
            new_style(&rng, schema, &s);
        }
        random_line(&rng, schema, &s, &line);
        wsl_strbuf_clear(&all);
        wsl_strbuf_add(&all, line.data, line.size);
        wsl_strbuf_putc(&all, '\n');
        for (uint64_t behind = wsl_rng_below(&rng, 100); behind > 0; behind--) {
            wsl_strbuf_putc(&all, "7,}\n"[wsl_rng_below(&rng, 4)]);
        }
        fx_init(&longer, "json", schema, NULL);
        expect_nothing(&longer);
        const uint32_t capacity = (uint32_t)wsl_rng_below(&rng, 2) * 4096;
        outcome a = decode(&usual, &all, capacity);
        outcome b = decode(&longer, &all, 0);
        cr_assert_eq(a.status, b.status, "%s", all.data);
        cr_assert_eq(a.consumed, b.consumed, "%s", all.data);
        cr_assert_str_eq(a.reason, b.reason, "%s", all.data);
        cr_assert_eq(a.row == NULL, b.row == NULL, "%s", all.data);
        if (a.row != NULL) {
            wsl_error err = {0};
            cr_assert_eq(wsl_row_check(a.row, a.row->size, schema, &err), WSL_OK, "%s: %s", all.data, err.text);
            cr_assert_eq(a.row->size, b.row->size, "%s", all.data);
            cr_assert_arr_eq(a.row, b.row, a.row->size, "%s", all.data);
        }
        n_rows += a.row != NULL;
        n_bad += a.reason[0] != '\0';
        free(a.row);
        free(b.row);
        fx_fini(&longer);
    }
    cr_assert_gt(n_rows, rounds / 10, "only %u rows", n_rows);
    cr_assert_gt(n_bad, rounds / 20, "only %u bad lines", n_bad);
    wsl_strbuf_fini(&all);
    wsl_strbuf_fini(&line);
    fx_fini(&usual);
}

Test(json_expected, gives_what_the_long_way_gives) { both_ways(&thing_schema, 1, ROUNDS); }

Test(json_expected, so_it_does_with_fields_that_must_be_there) { both_ways(&strict_schema, 2, ROUNDS); }

Test(json_expected, so_it_does_with_more_than_32_and_more_than_64_fields)
{
    for (uint32_t n = 31; n <= 80; n += 7) {
        wsl_schema *s = wide_schema(n);
        both_ways(s, n, 300);
        wide_schema_free(s);
    }
}

/* ---- what is remembered ---- */

Test(json_expected, a_field_twice_is_found_however_the_lines_before_were)
{
    fx x;
    fx_init(&x, "json", &strict_schema, NULL);
    FX_EXPECT(&x,
              "{\"symbol\":\"a\",\"n\":1}                                                  \n"
              "{\"q\":0,\"symbol\":\"b\",\"n\":2}                                          \n"
              "{\"symbol\":\"c\",\"symbol\":\"c\",\"n\":3}                                 \n"
              "{\"n\":1,\"n\":1,\"symbol\":\"d\"}                                          \n"
              "{\"symbol\":\"e\",\"n\":5}                                                  \n",
              "{symbol=a, n=1, price=NULL}\n{symbol=b, n=2, price=NULL}\nBAD field 'symbol' is there twice\n"
              "BAD field 'n' is there twice\n{symbol=e, n=5, price=NULL}\n");
    fx_fini(&x);
}

Test(json_expected, a_key_is_never_matched_across_a_line_end)
{
    fx x;
    fx_init(&x, "json", &strict_schema, NULL);
    FX_EXPECT(&x, "{\"symbol\":\"a\",\n\"n\":1}\n{\"symbol\":\"a\",\"n\":\n1}\n",
              "BAD expected a key in quotes at byte 14, but the line ends\nBAD expected an object at byte 0, found "
              "\"\"n\":1}\"\nBAD expected a value at byte 18, but the line ends\nBAD expected an object at byte 0, found "
              "\"1}\"\n");
    fx_fini(&x);
}
