/* What people are told: the sentence, the column, the line with a caret. */
#include "harness/wsl_test.h"

#include "expr_kit.h"

static const char trade_type[] = "ROW<symbol STRING, side STRING, quantity INT64, price DOUBLE, ts TIMESTAMP>";

static const char *predicate_error(const char *text)
{
    static wsl_error err;
    WSL_AUTO(wsl_schema) schema = kit_schema(trade_type);
    WSL_AUTO(wsl_expr) e = NULL;
    err = (wsl_error){0};
    return wsl_expr_predicate(text, schema, &e, &err) == WSL_OK ? "fine" : err.text;
}

static const char *projection_error(const char *text)
{
    static wsl_error err;
    WSL_AUTO(wsl_schema) schema = kit_schema(trade_type);
    WSL_AUTO(wsl_expr) e = NULL;
    err = (wsl_error){0};
    return wsl_expr_projection(text, schema, &e, &err) == WSL_OK ? "fine" : err.text;
}

#define golden(got, want)                                                                                              \
    do {                                                                                                               \
        const char *g_ = got;                                                                                          \
        cr_assert(strcmp(g_, want) == 0, "%s", g_);                                                                    \
    } while (0)

Test(errors, an_unknown_column_suggests_the_nearest_or_lists_all)
{
    golden(predicate_error("quantty > 5"), "there is no column 'quantty'; did you mean 'quantity'? (column 1)\n"
                                           "    quantty > 5\n"
                                           "    ^");
    golden(predicate_error("price > 1 AND Symbol = 'x'"),
           "there is no column 'Symbol'; did you mean 'symbol'? (column 15)\n"
           "    price > 1 AND Symbol = 'x'\n"
           "                  ^");
    golden(predicate_error("xyzzy = 1"),
           "there is no column 'xyzzy'; there are: symbol, side, quantity, price, ts (column 1)\n"
           "    xyzzy = 1\n"
           "    ^");
}

Test(errors, types_that_do_not_fit_are_both_named)
{
    golden(predicate_error("quantity + symbol > 1"),
           "'+' cannot be applied to INT64 and STRING; join strings with || (column 1)\n"
           "    quantity + symbol > 1\n"
           "    ^");
    golden(predicate_error("quantity = symbol"), "'=' cannot compare INT64 with STRING; CAST one of them (column 1)\n"
                                                 "    quantity = symbol\n"
                                                 "    ^");
    golden(predicate_error("price > 1 AND quantity"), "what AND joins must be BOOL, but this is INT64 (column 15)\n"
                                                      "    price > 1 AND quantity\n"
                                                      "                  ^");
    golden(predicate_error("price + 1"), "a condition must be BOOL, but this is DOUBLE (column 1)\n"
                                         "    price + 1\n"
                                         "    ^");
    golden(predicate_error("quantity IN (1, 'x')"),
           "IN cannot compare INT64 with STRING; CAST one of them (column 17)\n"
           "    quantity IN (1, 'x')\n"
           "                    ^");
    golden(predicate_error("-symbol = 1"), "'-' cannot be applied to STRING (column 1)\n"
                                           "    -symbol = 1\n"
                                           "    ^");
    golden(projection_error("CASE WHEN price > 1 THEN 1 ELSE symbol END"),
           "the results of CASE do not go together: INT32 and STRING; CAST one of them (column 33)\n"
           "    CASE WHEN price > 1 THEN 1 ELSE symbol END\n"
           "                                    ^");
    golden(projection_error("UPPER(quantity)"), "UPPER cannot be called with (INT64); it takes (STRING) (column 1)\n"
                                                "    UPPER(quantity)\n"
                                                "    ^");
    golden(projection_error("SUBSTRING(symbol)"), "SUBSTRING cannot be called with (STRING); it takes (STRING, "
                                                  "integer) or (STRING, integer, integer) (column 1)\n"
                                                  "    SUBSTRING(symbol)\n"
                                                  "    ^");
    golden(projection_error("ts + 1"), "'+' cannot be applied to TIMESTAMP and INT32 (column 1)\n"
                                       "    ts + 1\n"
                                       "    ^");
}

Test(errors, unknown_functions_suggest_and_aggregates_say_where_they_belong)
{
    golden(projection_error("UPER(symbol)"), "there is no function 'UPER'; did you mean 'UPPER'? (column 1)\n"
                                             "    UPER(symbol)\n"
                                             "    ^");
    golden(projection_error("1 + SUM(quantity)"),
           "SUM is an aggregate; it works in an \"aggregate\" operator only (column 5)\n"
           "    1 + SUM(quantity)\n"
           "        ^");
    golden(projection_error("UPPER(*)"), "'*' is no value; only COUNT takes it (column 7)\n"
                                         "    UPPER(*)\n"
                                         "          ^");
    golden(projection_error("COALESCE()"), "COALESCE takes at least one argument, but there are 0 (column 1)\n"
                                           "    COALESCE()\n"
                                           "    ^");
}

Test(errors, grammar_says_what_was_expected)
{
    golden(predicate_error(""), "the expression ends where a value is expected (column 1)\n"
                                "    \n"
                                "    ^");
    golden(predicate_error("price >"), "the expression ends where a value is expected (column 8)\n"
                                       "    price >\n"
                                       "           ^");
    golden(predicate_error("(price > 1"), "the expression ends where ')' is expected (column 11)\n"
                                          "    (price > 1\n"
                                          "              ^");
    golden(predicate_error("price > 1 price"), "an operator or the end is expected, but there is price (column 11)\n"
                                               "    price > 1 price\n"
                                               "              ^");
    golden(predicate_error("price > 1, symbol"), "one expression, not a list, is expected, but there is , (column 10)\n"
                                                 "    price > 1, symbol\n"
                                                 "             ^");
    golden(predicate_error("symbol = 'x"), "a string does not end; close it with ' (column 10)\n"
                                           "    symbol = 'x\n"
                                           "             ^");
    golden(predicate_error("a && b"), "the character '&' has no meaning here; use NOT, AND, OR (column 3)\n"
                                      "    a && b\n"
                                      "      ^");
    golden(predicate_error("CASE price END"), "WHEN is expected, but there is END (column 12)\n"
                                              "    CASE price END\n"
                                              "               ^");
    golden(predicate_error("CAST(price AS FOO) = 1"),
           "type \"FOO\": \"FOO\" at column 1 is not a type; known are BOOL, INT8, INT16, INT32, INT64, FLOAT, DOUBLE, "
           "DECIMAL(p,s), STRING, BYTES, DATE, TIME, TIMESTAMP, ARRAY<t>, MAP<k, v>, ROW<name t, ...> (column 15)\n"
           "    CAST(price AS FOO) = 1\n"
           "                  ^");
    golden(predicate_error("ts > DATE '2024-13-01'"),
           "'2024-13-01' is not a DATE; write it like DATE '2024-01-31' (column 11)\n"
           "    ts > DATE '2024-13-01'\n"
           "              ^");
    golden(predicate_error("ts > ts - INTERVAL '5' PARSEC"),
           "a unit (MILLISECOND, SECOND, MINUTE, HOUR, DAY, WEEK, MONTH, QUARTER, YEAR) is expected, but there is "
           "PARSEC (column "
           "24)\n"
           "    ts > ts - INTERVAL '5' PARSEC\n"
           "                           ^");
    golden(predicate_error("12abc = 1"), "a number cannot run into a name (column 1)\n"
                                         "    12abc = 1\n"
                                         "    ^");
    golden(projection_error("price AS"), "the expression ends where a name behind AS is expected (column 9)\n"
                                         "    price AS\n"
                                         "            ^");
    golden(projection_error("NULL"), "a field cannot be NULL; CAST(NULL AS type) gives it one (column 1)\n"
                                     "    NULL\n"
                                     "    ^");
}

Test(errors, several_lines_and_wide_characters_are_counted)
{
    golden(predicate_error("symbol = '€€'\n  AND prize > 1"),
           "there is no column 'prize'; did you mean 'price'? (line 2, column 7)\n"
           "      AND prize > 1\n"
           "          ^");
    golden(predicate_error("'€€' = symbl"), "there is no column 'symbl'; did you mean 'symbol'? (column 8)\n"
                                            "    '€€' = symbl\n"
                                            "           ^");
}

Test(errors, long_lines_show_the_part_around_the_place)
{
    char text[400] = "price > 1";
    for (int i = 0; i < 20; i++) {
        strcat(text, " AND price > 1");
    }
    strcat(text, " AND prize > 1 AND price > 2 AND price > 3 AND price > 4 AND price > 5");
    const char *got = predicate_error(text);
    cr_assert(has_text(got, "(column 295)"), "%s", got);
    cr_assert(has_text(got, "AND prize > 1 AND price > 2"), "%s", got);
    cr_assert_lt(strlen(got), 260);
}

Test(errors, nesting_and_length_are_limited)
{
    char *text = malloc(200000);
    memset(text, '(', 100000);
    text[60000] = '\0';
    cr_assert(has_text(predicate_error(text), "nested more than 200 deep"));
    memset(text, '-', 60000);
    for (int i = 1; i < 60000; i += 2) {
        text[i] = ' ';
    }
    cr_assert(has_text(predicate_error(text), "nested more than 200 deep"));
    memset(text, ' ', 70000);
    text[70000] = '\0';
    cr_assert(has_text(predicate_error(text), "70000 bytes, at most 65536"));
    strcpy(text, "1");
    for (int i = 0; i < 5000; i++) {
        strcat(text + 3 * (size_t)i, " +1");
    }
    cr_assert(has_text(predicate_error(text), "more than 1000 operators"));
    strcpy(text, "quantity = 1");
    for (size_t i = 0, at = 12; i < 3000; i++, at += 14) {
        strcpy(text + at, " OR quantity=2");
    }
    golden(predicate_error(text), "fine");
    strcpy(text, "NOT ");
    for (size_t i = 0; i < 1000; i++) {
        strcpy(text + 4 * i, "NOT ");
    }
    cr_assert(has_text(predicate_error(text), "nested more than 200 deep"));
    /* shared operands must not be walked twice at every level */
    strcpy(text, "quantity");
    for (int i = 0; i < 40; i++) {
        char more[5000];
        snprintf(more, sizeof more, "(CASE %s BETWEEN 1 AND 2 WHEN TRUE THEN 1 ELSE 2 END)", text);
        strcpy(text, more);
    }
    strcat(text, " = 2");
    golden(predicate_error(text), "fine");
    free(text);
}

Test(errors, random_texts_never_crash_the_compiler)
{
    static const char *const words[] = {
        "(",         ")",         ",",        "quantity", "symbol",   "price", "ts",   "1",    "'x'",  "+",      "-",
        "*",         "/",         "=",        "<",        "AND",      "OR",    "NOT",  "IN",   "CASE", "WHEN",   "THEN",
        "ELSE",      "END",       "IS",       "NULL",     "LIKE",     "||",    "CAST", "AS",   "INT",  "TRIM",   "FROM",
        "DATE",      "1.5",       "1e5",      "BETWEEN",  "UPPER",    "FLOOR", "TO",   "HOUR", "%",    "ROUND(", "IF(",
        "GREATEST(", "COALESCE(", "EXTRACT(", "YEAR",     "INTERVAL", "'5'",   "TRUE", ".",    "[",    "\""};
    uint64_t seed = 12345;
    int fine = 0;
    for (int round = 0; round < 30000; round++) {
        char text[400] = "";
        for (int k = 0; k < 12; k++) {
            seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
            if ((seed >> 60) == 0) {
                break;
            }
            strcat(text, words[(seed >> 33) % WSL_ARRAY_LEN(words)]);
            strcat(text, " ");
        }
        fine += strcmp(projection_error(text), "fine") == 0;
    }
    cr_assert_gt(fine, 20);
}
