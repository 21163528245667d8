#include "format_fixture.h"

#include "base/rng.h"

WSL_ROW(abc, (string, a), (int64, b), (double, c));
WSL_ROW(ss, (string, a), (string, b));

#define ONE(schema, options, text, expected)                                                                           \
    do {                                                                                                               \
        fx one_;                                                                                                       \
        fx_init(&one_, "csv", schema, options);                                                                        \
        FX_EXPECT(&one_, text, expected);                                                                              \
        fx_fini(&one_);                                                                                                \
    } while (0)

Test(csv, takes_cells_by_position)
{
    ONE(&abc_schema, NULL, "x,1,2.5\r\ny,-2,1e3\nz,007, 4 ",
        "{a=x, b=1, c=2.5}\n{a=y, b=-2, c=1000}\n{a=z, b=7, c=4}\n");
    ONE(&abc_schema, NULL, "\xEF\xBB\xBFx,1,2\n\n\r\n", "{a=x, b=1, c=2}\n");
    ONE(&abc_schema, NULL, "", "");
}

Test(csv, quotes_hold_delimiters_line_ends_and_doubled_quotes)
{
    ONE(&abc_schema, NULL, "\"a,b\",1,2\n\"line\r\none\n\",\"2\",\"3\"\n\"say \"\"hi\"\"\",1,2\n\"\"\"\",1,2\n\"\",1,2",
        "{a=a,b, b=1, c=2}\n{a=line\r\none\n, b=2, c=3}\n{a=say \"hi\", b=1, c=2}\n{a=\", b=1, c=2}\n{a=, b=1, c=2}\n");
}

Test(csv, an_unquoted_empty_cell_is_null_and_a_quoted_one_is_empty)
{
    ONE(&ss_schema, NULL, ",\n\"\",\n,\"\"\n", "{a=NULL, b=NULL}\n{a=, b=NULL}\n{a=NULL, b=}\n");
    ONE(&ss_schema, FX_OPTIONS("csv.null=NULL"), "NULL,\n\"NULL\",x\n", "{a=NULL, b=}\n{a=NULL, b=x}\n");
    ONE(&abc_schema, FX_OPTIONS("csv.null=-"), "-,-,-\nx,,1\n",
        "{a=NULL, b=NULL, c=NULL}\nBAD field 'b' expects INT64, found \"\"\n");
}

Test(csv, a_header_names_columns_in_any_order_once_per_file)
{
    ONE(&abc_schema, FX_OPTIONS("csv.header=true"), "\xEF\xBB\xBFq,\"c\",a,b\n\nignored,2.5,x,1\n1,2\n",
        "{a=x, b=1, c=2.5}\nBAD the record has 2 cells instead of 4\n");
    ONE(&abc_schema, FX_OPTIONS("csv.header=true"), "a\nx\n\"y\"\n", "{a=x, b=NULL, c=NULL}\n{a=y, b=NULL, c=NULL}\n");
    ONE(&abc_schema, FX_OPTIONS("csv.header=skip"), "one,\"two\nlines\"\nx,1,2\n", "{a=x, b=1, c=2}\n");
}

Test(csv, a_bad_header_makes_all_records_of_its_file_bad)
{
    ONE(&abc_schema, FX_OPTIONS("csv.header=true"), "x,y\n1,2\n",
        "BAD the header names no field of the schema (first field: 'a')\n"
        "BAD the header names no field of the schema (first field: 'a')\n");
    ONE(&abc_schema, FX_OPTIONS("csv.header=true"), "a,b,a\n", "BAD the header names column 'a' twice\n");
    static const wsl_field fields[] = {{"id", {.id = WSL_T_INT64, .not_null = true}}, {"x", {.id = WSL_T_STRING}}};
    static const wsl_schema schema = {"strict", 2, fields};
    ONE(&schema, FX_OPTIONS("csv.header=true"), "x\n1\n",
        "BAD the header has no column 'id', which is NOT NULL\nBAD the header has no column 'id', which is NOT NULL\n");
    ONE(&schema, NULL, ",x\n1,\n", "BAD field 'id' is NOT NULL\n{id=1, x=NULL}\n");
}

Test(csv, the_number_of_cells_must_be_right)
{
    ONE(&abc_schema, NULL, "x,1\nx,1,2,3\nx,1,2\nx\n",
        "BAD the record has 2 cells instead of 3\nBAD the record has more than 3 cells\n{a=x, b=1, c=2}\n"
        "BAD the record has 1 cells instead of 3\n");
}

Test(csv, bad_values_name_field_type_and_text)
{
    ONE(&abc_schema, NULL, "x,one,2\nx,1.5,2\nx,9223372036854775808,2\nx,1,1e999\nx,1,\n\xFF,1,2\n",
        "BAD field 'b' expects INT64, found \"one\"\nBAD field 'b' expects INT64, found \"1.5\"\n"
        "BAD field 'b' expects INT64, found \"9223372036854775808\"\nBAD field 'c' expects DOUBLE, found \"1e999\"\n"
        "{a=x, b=1, c=NULL}\nBAD field 'a' is not UTF-8\n");
}

Test(csv, a_stray_quote_costs_one_line)
{
    ONE(&ss_schema, NULL, "5\" pipe,x\nfine,1\n\"a\"b,x\nfine,2\n\"never closed,x\nfine,3\nfine,4\n",
        "BAD a quote inside the unquoted cell 1\n{a=fine, b=1}\nBAD text behind the closing quote of cell 1\n{a=fine, "
        "b=2}\n"
        "BAD a quoted cell has no closing quote\n{a=fine, b=3}\n{a=fine, b=4}\n");
    ONE(&ss_schema, NULL, "\"open,1\nnext,\"2\"\nlast,3\n",
        "BAD text behind the closing quote of cell 1\n{a=next, b=2}\n{a=last, b=3}\n");
}

Test(csv, delimiter_and_quote_can_be_chosen)
{
    ONE(&ss_schema, FX_OPTIONS("csv.delimiter=\\t", "csv.quote='"), "a\tb\n'x\ty'\t'it''s'\n\"\t,\n",
        "{a=a, b=b}\n{a=x\ty, b=it's}\n{a=\", b=,}\n");
    ONE(&ss_schema, FX_OPTIONS("csv.delimiter=;", "csv.quote=none"), "\"a;b\"\nx;y\n", "{a=\"a, b=b\"}\n{a=x, b=y}\n");
    static const char *const bad[] = {"csv.delimiter=ab", "csv.delimiter=1", "csv.delimiter=\"", "csv.quote=,",
                                      "csv.quote=no",     "csv.delimiter=-", "csv.delimiter=."};
    for (size_t i = 0; i < WSL_ARRAY_LEN(bad); i++) {
        wsl_config *config = fx_config(FX_OPTIONS(bad[i]));
        wsl_error err = {0};
        cr_assert_eq(wsl_format_check("csv", &ss_schema, config, &err), WSL_INVALID, "%s", bad[i]);
        wsl_config_free(config);
    }
}

Test(csv, holds_flat_types_only)
{
    wsl_type type;
    wsl_error err = {0};
    cr_assert_eq(wsl_type_parse("ROW<tags ARRAY<STRING>>", &type, &err), WSL_OK);
    wsl_config *config = fx_config(NULL);
    cr_assert_eq(wsl_format_check("csv", type.row, config, &err), WSL_TYPE);
    cr_assert(has_text(err.text, "'tags'") && has_text(err.text, "json"), "%s", err.text);
    wsl_config_free(config);
    wsl_type_clear(&type);
}

Test(csv, a_record_beyond_the_maximum_costs_its_first_line)
{
    wsl_strbuf text;
    wsl_strbuf_init(&text);
    wsl_strbuf_puts(&text, "a,\"open\n");
    for (int i = 0; i < 40; i++) {
        wsl_strbuf_printf(&text, "row,%d\n", i);
    }
    fx x;
    fx_init(&x, "csv", &ss_schema, FX_OPTIONS("max-line=64"));
    static const size_t pieces[] = {0, 1, 5};
    for (size_t i = 0; i < WSL_ARRAY_LEN(pieces); i++) {
        (void)fx_decode_in_pieces(&x, text.data, text.size, pieces[i]);
        cr_assert_eq(x.n_rows, 40);
        cr_assert_eq(x.n_bad, 1);
    }
    cr_assert_leq(x.largest_wait, 64);
    fx_fini(&x);
    wsl_strbuf_fini(&text);
}

Test(csv, a_long_quoted_record_in_small_pieces_is_looked_at_once)
{
    /* 4 MB in pieces of 4 KB: with a new look from its start for every piece this takes minutes */
    wsl_strbuf text;
    wsl_strbuf_init(&text);
    wsl_strbuf_putc(&text, '"');
    for (int i = 0; i < 400000; i++) {
        wsl_strbuf_puts(&text, "\"\"a line\n,");
    }
    wsl_strbuf_puts(&text, "\",b\n");
    fx x;
    fx_init(&x, "csv", &ss_schema, NULL);
    wsl_decoded d;
    uint64_t memory[8];
    for (size_t have = 4096; have < text.size; have += 4096) {
        cr_assert_eq(wsl_format_decode(x.format, text.data, have, false, memory, sizeof memory, &d), WSL_AGAIN);
    }
    wsl_row *row;
    cr_assert_eq(fx_decode_one(&x, text.data, text.size, true, 0, &d, &row), WSL_OK);
    cr_assert_not_null(row);
    cr_assert_eq(ss_a(row).size, 400000 * 9);
    free(row);
    fx_fini(&x);
    wsl_strbuf_fini(&text);
}

/* ---- model: random records, written by rule, read back; and the dullest reader of RFC 4180 ---- */

static void random_cell(wsl_rng *rng, wsl_strbuf *out)
{
    static const char alphabet[] = "ab,\"\n\r 1";
    const uint64_t n = wsl_rng_below(rng, 6);
    for (uint64_t i = 0; i < n; i++) {
        wsl_strbuf_putc(out, alphabet[wsl_rng_below(rng, sizeof alphabet - 1)]);
    }
}

static void write_cell(wsl_rng *rng, const wsl_strbuf *cell, wsl_strbuf *out)
{
    const bool must = cell->size == 0 || strpbrk(cell->data, ",\"\n\r") != NULL;
    if (!must && wsl_rng_below(rng, 2)) {
        wsl_strbuf_add(out, cell->data, cell->size);
        return;
    }
    wsl_strbuf_putc(out, '"');
    for (size_t i = 0; i < cell->size; i++) {
        wsl_strbuf_puts(out, cell->data[i] == '"' ? "\"\"" : (char[]){cell->data[i], 0});
    }
    wsl_strbuf_putc(out, '"');
}

Test(csv, reads_what_a_plain_writer_writes_for_thousands_of_random_files)
{
    fx x;
    fx_init(&x, "csv", &ss_schema, NULL);
    wsl_strbuf text, expected, cell;
    wsl_strbuf_init(&text);
    wsl_strbuf_init(&expected);
    wsl_strbuf_init(&cell);
    for (uint64_t seed = 0; seed < 3000; seed++) {
        wsl_rng rng;
        wsl_rng_seed(&rng, seed);
        wsl_strbuf_clear(&text);
        wsl_strbuf_clear(&expected);
        const uint64_t records = wsl_rng_below(&rng, 6);
        for (uint64_t i = 0; i < records; i++) {
            for (int column = 0; column < 2; column++) {
                wsl_strbuf_clear(&cell);
                random_cell(&rng, &cell);
                wsl_strbuf_printf(&expected, column == 0 ? "{a=%s, b=" : "%s}\n", cell.data);
                write_cell(&rng, &cell, &text);
                if (column == 0) {
                    wsl_strbuf_putc(&text, ',');
                }
            }
            if (i + 1 < records || wsl_rng_below(&rng, 2)) {
                wsl_strbuf_puts(&text, wsl_rng_below(&rng, 2) ? "\n" : "\r\n");
            }
        }
        const char *got = fx_decode_in_pieces(&x, text.data, text.size, wsl_rng_below(&rng, 9));
        cr_assert_str_eq(got, expected.data, "seed %llu: '%s' gave\n%sinstead of\n%s", (unsigned long long)seed,
                         text.data, got, expected.data);
    }
    wsl_strbuf_fini(&text);
    wsl_strbuf_fini(&expected);
    wsl_strbuf_fini(&cell);
    fx_fini(&x);
}

Test(csv, any_bytes_are_decoded_the_same_in_pieces_as_at_once)
{
    static const char alphabet[] = "\"\",,\n\n\r1ax";
    fx x;
    fx_init(&x, "csv", &ss_schema, FX_OPTIONS("max-line=24"));
    for (uint64_t seed = 0; seed < 20000; seed++) {
        wsl_rng rng;
        wsl_rng_seed(&rng, seed);
        char text[64];
        const size_t n = wsl_rng_below(&rng, sizeof text);
        for (size_t i = 0; i < n; i++) {
            text[i] = alphabet[wsl_rng_below(&rng, sizeof alphabet - 1)];
        }
        if (n > 24) { /* where a record is cut off for its length depends on how much is there */
            (void)fx_decode_in_pieces(&x, text, n, 1);
            continue;
        }
        char *whole = wsl_strdup(fx_decode_in_pieces(&x, text, n, 0));
        cr_assert_str_eq(fx_decode_in_pieces(&x, text, n, 1), whole, "seed %llu", (unsigned long long)seed);
        free(whole);
    }
    fx_fini(&x);
}
