/* What expressions compute, by example: each line is an expression over the standard row and its value. */
#include "harness/wsl_test.h"

#include "expr_kit.h"

Test(literals, have_the_types_of_sql)
{
    has_type("1", "INT32 NOT NULL");
    has_type("-2147483648", "INT32 NOT NULL");
    has_type("2147483648", "INT64 NOT NULL");
    has_type("-9223372036854775808", "INT64 NOT NULL");
    has_type("9223372036854775808", "DECIMAL(19,0) NOT NULL");
    has_type("1.50", "DECIMAL(3,2) NOT NULL");
    has_type(".5", "DECIMAL(1,1) NOT NULL");
    has_type("1e3", "DOUBLE NOT NULL");
    has_type("'x'", "STRING NOT NULL");
    has_type("TRUE", "BOOL NOT NULL");
    has_type("DATE '2024-02-29'", "DATE NOT NULL");
    has_type("TIME '01:02:03'", "TIME NOT NULL");
    has_type("TIMESTAMP '2024-02-29 01:02:03.004'", "TIMESTAMP NOT NULL");
    is("-9223372036854775808", "-9223372036854775808");
    is("1.50, 1e3, 'it''s', FALSE", "1.50, 1000, it's, false");
    is("DATE '2024-02-29', TIME '01:02:03', TIMESTAMP '2024-02-29 01:02:03.004'",
       "2024-02-29, 01:02:03, 2024-02-29 01:02:03.004");
    is("'' || 'x' -- a comment\n", "x");
    is("1 /* two */ + 2", "3");
}

Test(columns, are_found_by_name_quoted_or_not)
{
    is("i64, \"i64\", `i64`, \"odd name\", `odd name` + 1",
       "two fields would be called 'i64', number 1 and number 2; give one "
       "another name with AS (column 6)\n    i64, \"i64\", `i64`, \"odd "
       "name\", `odd name` + 1\n         ^");
    is("\"odd name\", `odd name` + 1", "9, 10");
    is("tags, raw, big, f, b, must", "[x], x'0a', -3.1415, 1.5, true, 7");
}

Test(columns, star_stands_for_all)
{
    is("*", "true, -8, 16, 32, 64, 1.5, 2.5, Hello, x'0a', 2024-02-29, 13:14:15.016, 2024-02-29 13:14:15.016, 12.50, "
            "-3.1415, "
            "NULL, NULL, NULL, 7, [x], 9, NULL, NULL");
    is("*, i64 + 1 AS more",
       "true, -8, 16, 32, 64, 1.5, 2.5, Hello, x'0a', 2024-02-29, 13:14:15.016, 2024-02-29 13:14:15.016, "
       "12.50, -3.1415, NULL, NULL, NULL, 7, [x], 9, NULL, NULL, 65");
}

Test(arithmetic, binds_as_in_sql)
{
    is("1 + 2 * 3", "7");
    is("(1 + 2) * 3", "9");
    is("10 - 4 - 3", "3");
    is("100 / 10 / 5", "2");
    is("-2 * -3", "6");
    is("- -5", "5");
    is("+i64", "64");
    is("7 % 3 * 2", "2");
    is("1 + 1 || 'x'", "2x");
    is("1 + 1 = 2 AND NOT 1 = 2 OR FALSE", "true");
    is("NOT FALSE = FALSE", "false");
}

Test(arithmetic, gives_the_wider_type)
{
    has_type("i8 + i8", "INT8");
    has_type("i8 + i16", "INT16");
    has_type("i8 + 1", "INT32");
    has_type("i32 * i64", "INT64");
    has_type("i64 + f", "FLOAT");
    has_type("f * f", "FLOAT");
    has_type("f + d", "DOUBLE");
    has_type("dec + d", "DOUBLE");
    has_type("f + dec", "DOUBLE");
    has_type("must + must", "INT64 NOT NULL");
    has_type("must + i64", "INT64");
    has_type("dec + dec", "DECIMAL(11,2)");
    has_type("dec * dec", "DECIMAL(21,4)");
    has_type("dec / dec", "DECIMAL(23,13)");
    has_type("dec % dec", "DECIMAL(10,2)");
    has_type("big * big", "DECIMAL(38,6)");
    has_type("dec + i32", "DECIMAL(13,2)");
    has_type("dec * 2", "DECIMAL(12,2)");
}

Test(arithmetic, of_integers_truncates_and_keeps_the_sign_of_the_dividend)
{
    is("7 / 2, -7 / 2, 7 / -2, -7 / -2", "3, -3, -3, 3");
    is("7 % 2, -7 % 2, 7 % -2, -7 % -2", "1, -1, 1, -1");
    is("i64 / 7, -i64 / 7, i64 / -7, i64 % 7, -i64 % 7, i64 % -7", "9, -9, -9, 1, -1, 1");
    is("i64 / i32, i64 % i32, i64 / i8, i64 % (i8 + 1)", "2, 0, -8, 1");
    is("MOD(i64, 10)", "4");
    is("i64 / 1, i64 % 1, i64 / 8, i64 % 8, i64 / -1", "64, 0, 8, 0, -64");
}

Test(arithmetic, of_doubles_follows_ieee)
{
    is("d / 0, -d / 0, (d - d) / 0e0", "Infinity, -Infinity, NaN");
    is("d % 2, -d % 2", "0.5, -0.5");
    is("1e308 * 10", "Infinity");
    is("f + 0.1e0", "1.6");
    is("CAST(16777217 AS FLOAT)", "16777216");
    is("f * CAST(0.1 AS FLOAT)", "0.15");
    is("(0e0 / 0e0) = (0e0 / 0e0), (0e0 / 0e0) <> 1", "false, true");
}

Test(arithmetic, of_decimals_is_exact)
{
    is("0.1 + 0.2", "0.3");
    is("dec * 1.1", "13.750");
    is("dec / 3", "4.166667");
    is("dec % 5", "2.50");
    is("-dec, dec - 12.5, +dec", "-12.50, 0.00, 12.50");
    is("big + 0.0001", "-3.1414");
    is("dec > 12.499, dec = 12.5, dec < big", "true, true, false");
    is("CAST(99999999.99 AS DECIMAL(10,2)) + dec", "100000012.49");
}

Test(arithmetic, overflow_and_division_by_zero_are_errors)
{
    is("i8 * CAST(100 AS INT8)",
       "overflow in \"i8 * CAST(100 AS INT8)\" (column 1)\n    i8 * CAST(100 AS INT8)\n    ^");
    cr_assert(has_text(kit_eval("i64 + 9223372036854775807"), "overflow in \"i64 + 9223372036854775807\""));
    cr_assert(has_text(kit_eval("-9223372036854775807 - i64"), "overflow"));
    cr_assert(has_text(kit_eval("i64 * 9223372036854775807"), "overflow"));
    cr_assert(has_text(kit_eval("i32 * 2147483647"), "overflow"));
    cr_assert(has_text(kit_eval("i64 / 0"), "division by zero"));
    cr_assert(has_text(kit_eval("i64 % (i64 - 64)"), "division by zero"));
    cr_assert(has_text(kit_eval("dec / (dec - dec)"), "division by zero"));
    cr_assert(has_text(kit_eval("(i64 - 65 - 9223372036854775807) / -1"), "overflow"));
    cr_assert(has_text(kit_eval("(i64 - 65 - 9223372036854775807) / (must - 8)"), "overflow"));
    cr_assert(has_text(kit_eval("-(i64 - 65 - 9223372036854775807)"), "overflow"));
    is("(i64 - 65 - 9223372036854775807) % -1", "0");
    cr_assert(has_text(kit_eval("CAST(99999999999999999999999999999999999999 AS DECIMAL(38,0)) * i64"), "overflow"));
}

Test(arithmetic, with_null_is_null_and_cannot_fail)
{
    is("n + 1, n / 0, 0 / n, n % 0, -n, nd * 2, NULL + 1", "NULL, NULL, NULL, NULL, NULL, NULL, NULL");
    is("n + 9223372036854775807 + i64", "NULL");
}

Test(strings, are_made_of_characters)
{
    is("UPPER('aé'), LOWER('AÉ'), UPPER('straße'), LOWER('ΣЖ')", "AÉ, aé, STRAßE, σж");
    is("INITCAP('heLLo wORLD é')", "Hello World É");
    is("CHAR_LENGTH('aé€😀'), OCTET_LENGTH('aé€😀')", "4, 10");
    is("REVERSE('aé€😀')", "😀€éa");
    is("SUBSTRING('aé€😀' FROM 2 FOR 2), SUBSTRING(s, 2), SUBSTRING(s FROM 2)", "é€, ello, ello");
    is("SUBSTRING(s, 0, 3), SUBSTRING(s, -3), SUBSTRING(s, -3, 2), SUBSTRING(s, 9), SUBSTRING(s, 2, 99)",
       "He, llo, ll, , ello");
    is("LEFT(s, 2), RIGHT(s, 2), LEFT(s, 99), RIGHT(s, -1), LEFT('€😀', 1)", "He, lo, Hello, , €");
    is("'[' || LPAD(s, 7, 'xy') || RPAD(s, 8, '€') || LPAD(s, 2, 'x') || ']'", "[xyHelloHello€€€He]");
    is("LPAD(s, 9, ''), LPAD(s, -1, 'x')", "NULL, NULL");
    is("REPEAT('ab', 3), REPEAT('ab', 0)", "ababab, ");
    is("REPLACE('banana', 'an', 'AN'), REPLACE(s, 'x', 'y'), REPLACE(s, '', 'y')", "bANANa, Hello, Hello");
}

Test(strings, are_trimmed_searched_and_split)
{
    is("'[' || TRIM('  a ') || ']', '[' || LTRIM('  a ') || ']', '[' || RTRIM('  a ') || ']'", "[a], [a ], [  a]");
    is("TRIM(BOTH 'x' FROM 'xxaxx'), TRIM(LEADING 'x' FROM 'xxaxx'), TRIM(TRAILING 'x' FROM 'xxaxx')", "a, axx, xxa");
    cr_assert(has_text(kit_eval("TRIM('', 'x')"), "',' or ')' is expected, but there is , (column 8)"));
    is("TRIM('€' FROM '€a€'), TRIM(LEADING FROM '  a'), BTRIM('xyax', 'xy')", "a, a, a");
    is("POSITION('l' IN s), POSITION('z' IN s), LOCATE('l', s, 4), INSTR(s, 'lo'), POSITION('€' IN 'é€')",
       "3, 0, 4, 4, 2");
    is("STARTS_WITH(s, 'He'), ENDS_WITH(s, 'lo'), CONTAINS(s, 'ell'), STARTS_WITH(s, 'Hello!')",
       "true, true, true, false");
    is("SPLIT_INDEX('a,b,,c', ',', 0), SPLIT_INDEX('a,b,,c', ',', 2), SPLIT_INDEX('a,b', ',', 5), SPLIT_INDEX('a,b', "
       "',', -1)",
       "a, , NULL, NULL");
    is("CONCAT(s, '-', i64, ns)", "NULL");
    is("CONCAT(s, '-', i64), CONCAT_WS(',', s, ns, 'x'), CONCAT_WS(ns, 'a', 'b')", "Hello-64, Hello,x, NULL");
    is("s || ns, s || i64 || d || b || day || dec", "NULL, Hello642.5TRUE2024-02-2912.50");
}

Test(strings, that_are_no_utf8_do_no_harm)
{
    is("CHAR_LENGTH(CAST(raw AS STRING)), CHAR_LENGTH(SUBSTRING('€', 1, 1))", "1, 1");
    uint64_t memory[64];
    wsl_error err;
    uint32_t n;
    uint32_t fail_row;
    const wsl_row *out;
    WSL_AUTO(wsl_schema) schema = kit_schema("ROW<s STRING>");
    WSL_AUTO(wsl_expr) e = NULL;
    wsl_row_writer w;
    wsl_row_writer_init(&w, memory, sizeof memory, 1);
    wsl_row_set_str(&w, 0, (wsl_str){"\xe2\x82\xf0\xff\xc3", 5});
    const wsl_row *row = w.row;
    cr_assert_eq(wsl_expr_predicate(
                     "CHAR_LENGTH(s) = 5 AND REVERSE(REVERSE(s)) = s AND UPPER(s) = s AND RIGHT(s, 1) LIKE '_' AND "
                     "TRIM(s) = s AND LPAD(s, 6, s) <> s",
                     schema, &e, &err),
                 WSL_OK, "%s", err.text);
    cr_assert_eq(wsl_expr_filter(e, &row, 1, &out, &n, &fail_row, &err), WSL_OK, "%s", err.text);
    cr_assert_eq(n, 1);
}

Test(numbers, round_and_the_like)
{
    is("ABS(i8), ABS(d), ABS(-dec), ABS(n)", "8, 2.5, 12.50, NULL");
    is("SIGN(i8), SIGN(d), SIGN(-dec), SIGN(0)", "-1, 1, -1.00, 0");
    is("FLOOR(-2.5e0), CEIL(-2.5e0), FLOOR(-2.5), CEIL(2.1), FLOOR(i64)", "-3, -2, -3.0, 3.0, 64");
    is("ROUND(2.5e0), ROUND(-2.5e0), ROUND(2.675e0, 2), ROUND(2.345, 2), ROUND(1250, -2), ROUND(12.34, -1)",
       "3, -3, 2.68, 2.350, 1300, 10.00");
    is("TRUNCATE(2.99e0), TRUNCATE(-2.99e0), TRUNCATE(2.999, 1), TRUNCATE(-1299, -2)", "2, -2, 2.900, -1200");
    is("POWER(2, 10), SQRT(i64), EXP(0), LN(1), LOG10(1000), LOG2(8), LOG(2, 8)", "1024, 8, 1, 0, 3, 3, 3");
    is("SQRT(-1), LN(0), LN(-1)", "NaN, -Infinity, NaN");
    is("GREATEST(1, i64, 2.5), LEAST(i64, 3), GREATEST('b', 'a'), GREATEST(1, n), LEAST(n)", "64.0, 3, b, NULL, NULL");
    is("GREATEST(ts, DATE '2024-03-01')", "2024-03-01 00:00:00");
    is("ROUND(PI(), 4)", "3.1416");
    cr_assert(has_text(kit_eval("ABS(CAST(-128 AS INT8))"), "overflow"));
}

Test(casts, convert_and_say_what_they_cannot)
{
    is("CAST(d AS INT), CAST(-d AS INT), CAST(dec AS INT), CAST('  42 ' AS INT8), CAST('+7' AS INT64)",
       "2, -2, 12, 42, 7");
    is("CAST(i64 AS STRING), CAST(d AS STRING), CAST(f AS STRING), CAST(dec AS STRING), CAST(b AS STRING)",
       "64, 2.5, 1.5, 12.50, TRUE");
    is("CAST(day AS STRING), CAST(clock AS STRING), CAST(ts AS STRING)",
       "2024-02-29, 13:14:15.016, 2024-02-29 13:14:15.016");
    is("CAST('1.005' AS DECIMAL(5,2)), CAST(2.675e0 AS DECIMAL(5,2)), CAST(i64 AS DECIMAL(5,1)), CAST(dec AS "
       "DECIMAL(4,1))",
       "1.01, 2.68, 64.0, 12.5");
    is("CAST('true' AS BOOL), CAST('F' AS BOOL), CAST(0 AS BOOL), CAST(b AS INT)", "true, false, false, 1");
    is("CAST(ts AS DATE), CAST(ts AS TIME), CAST(day AS TIMESTAMP), CAST('2024-02-29' AS DATE)",
       "2024-02-29, 13:14:15.016, 2024-02-29 00:00:00, 2024-02-29");
    is("CAST(1700000000123 AS TIMESTAMP), CAST(ts AS BIGINT)", "2023-11-14 22:13:20.123, 1709212455016");
    is("CAST('1e2' AS DOUBLE), CAST('NaN' AS DOUBLE), CAST(' -Infinity ' AS FLOAT)", "100, NaN, -Infinity");
    is("CAST(NULL AS INT), CAST(n AS STRING), CAST(ns AS INT)", "NULL, NULL, NULL");
    is("CAST(raw AS STRING) = '\n', CAST('A' AS BYTES)", "true, x'41'");
    cr_assert(has_text(kit_eval("CAST('12x' AS INT)"), "'12x' is no INT32"));
    cr_assert(has_text(kit_eval("CAST(300 AS INT8)"), "a value out of range"));
    cr_assert(has_text(kit_eval("CAST(1e30 AS INT)"), "out of the range of INT32"));
    cr_assert(has_text(kit_eval("CAST(0e0/0e0 AS BIGINT)"), "out of the range of INT64"));
    cr_assert(has_text(kit_eval("CAST(12345 AS DECIMAL(4,0))"), "out of the range of DECIMAL(4,0)"));
    cr_assert(has_text(kit_eval("CAST('2024-02-30' AS DATE)"), "'2024-02-30' is no DATE"));
    cr_assert(has_text(kit_eval("CAST(tags AS STRING)"), "ARRAY<STRING> cannot be cast to STRING"));
    cr_assert(has_text(kit_eval("CAST(b AS DATE)"), "BOOL cannot be cast to DATE"));
}

Test(casts, try_cast_gives_null_for_whatever_fails_inside)
{
    is("TRY_CAST('12x' AS INT), TRY_CAST(300 AS INT8), TRY_CAST('5' AS INT), TRY_CAST(i64 / 0 AS INT)",
       "NULL, NULL, 5, NULL");
    is("TRY_CAST(i64 + 9223372036854775807 AS BIGINT), TRY_CAST(CAST('x' AS DOUBLE) AS INT)", "NULL, NULL");
    is("COALESCE(TRY_CAST(s AS INT), -1)", "-1");
    has_type("TRY_CAST(must AS INT8)", "INT8");
}

Test(time, parts_are_extracted)
{
    is("EXTRACT(YEAR FROM ts), EXTRACT(QUARTER FROM ts), EXTRACT(MONTH FROM ts), EXTRACT(DAY FROM ts), EXTRACT(HOUR "
       "FROM ts)",
       "2024, 1, 2, 29, 13");
    is("EXTRACT(MINUTE FROM ts), EXTRACT(SECOND FROM ts), EXTRACT(MILLISECOND FROM ts), EXTRACT(EPOCH FROM ts)",
       "14, 15, 16, 1709212455");
    is("EXTRACT(DOW FROM ts), EXTRACT(ISODOW FROM ts), EXTRACT(DOY FROM ts), EXTRACT(WEEK FROM ts)", "5, 4, 60, 9");
    is("YEAR(ts), MONTH(day), DAYOFMONTH(day), HOUR(clock), MINUTE(clock), SECOND(ts), DAYOFWEEK(ts), QUARTER(nt)",
       "2024, 2, 29, 13, 14, 15, 5, NULL");
    is("EXTRACT(HOUR FROM TIMESTAMP '1969-12-31 23:59:59.999'), EXTRACT(EPOCH FROM TIMESTAMP '1969-12-31 "
       "23:59:59.999')",
       "23, -1");
    is("EXTRACT(DAY FROM ts - TIMESTAMP '2024-02-20 00:00:00'), EXTRACT(HOUR FROM ts - TIMESTAMP '2024-02-20 "
       "00:00:00')",
       "9, 13");
}

Test(time, is_cut_to_units)
{
    is("FLOOR(ts TO HOUR), CEIL(ts TO HOUR), FLOOR(ts TO DAY), FLOOR(ts TO WEEK)",
       "2024-02-29 13:00:00, 2024-02-29 14:00:00, 2024-02-29 00:00:00, 2024-02-26 00:00:00");
    is("FLOOR(ts TO MONTH), CEIL(ts TO MONTH), FLOOR(ts TO QUARTER), CEIL(ts TO YEAR), FLOOR(day TO MONTH), CEIL(day "
       "TO DAY)",
       "2024-02-01 00:00:00, 2024-03-01 00:00:00, 2024-01-01 00:00:00, 2025-01-01 00:00:00, 2024-02-01, 2024-02-29");
    is("DATE_TRUNC('minute', ts), DATE_TRUNC(hour, ts)", "2024-02-29 13:14:00, 2024-02-29 13:00:00");
    is("FLOOR(TIMESTAMP '1969-12-31 23:59:59.999' TO MINUTE)", "1969-12-31 23:59:00");
}

Test(time, is_added_and_subtracted)
{
    is("ts + INTERVAL '90' MINUTE, INTERVAL '1' DAY + ts, ts - INTERVAL 1 SECOND",
       "2024-02-29 14:44:15.016, 2024-03-01 13:14:15.016, 2024-02-29 13:14:14.016");
    is("ts + INTERVAL '1' YEAR, ts + INTERVAL '1' MONTH, DATE '2024-01-31' + INTERVAL '1' MONTH, day - INTERVAL '1' "
       "WEEK",
       "2025-02-28 13:14:15.016, 2024-03-29 13:14:15.016, 2024-02-29, 2024-02-22");
    is("day + INTERVAL '1' HOUR, clock + INTERVAL '11' HOUR", "2024-02-29 01:00:00, 00:14:15.016");
    is("CAST(ts - TIMESTAMP '2024-02-29 13:14:15.000' AS BIGINT), CAST(day - DATE '2024-02-28' AS BIGINT)",
       "16, 86400000");
    is("ts - TIMESTAMP '2024-02-29 13:00:00' > INTERVAL '10' MINUTE, ts > day, day = ts", "true, true, false");
    is("ts + 2 * INTERVAL '1' DAY, ts + INTERVAL '1.5' SECOND", "2024-03-02 13:14:15.016, 2024-02-29 13:14:16.516");
    is("TIMESTAMPADD(DAY, 1, ts), TIMESTAMPADD(MONTH, -1, day), TIMESTAMPADD(HOUR, i8, ts)",
       "2024-03-01 13:14:15.016, 2024-01-29, 2024-02-29 05:14:15.016");
    is("TIMESTAMPDIFF(DAY, DATE '2024-02-01', ts), TIMESTAMPDIFF(MONTH, DATE '2023-12-31', ts), TIMESTAMPDIFF(YEAR, "
       "ts, "
       "TIMESTAMP '2020-03-01 00:00:00'), TIMESTAMPDIFF(SECOND, ts, ts)",
       "28, 1, -3, 0");
    cr_assert(has_text(kit_eval("CAST(9223372036854775807 AS TIMESTAMP) + INTERVAL '1' DAY"), "a time out of range"));
    cr_assert(has_text(kit_eval("FLOOR(CAST(-9223372036854775807 AS TIMESTAMP) TO YEAR)"), "a time out of range"));
    cr_assert(has_text(kit_eval("TIMESTAMPADD(YEAR, 9223372036854775807, ts)"), "a time out of range"));
}

Test(time, is_read_and_written_by_format)
{
    is("DATE_FORMAT(ts, 'yyyy-MM-dd HH:mm:ss.SSS'), DATE_FORMAT(ts, 'd.M.yy h:mm a'), DATE_FORMAT(ts, 'EEE, dd MMM "
       "yyyy')",
       "2024-02-29 13:14:15.016, 29.2.24 1:14 PM, Thu, 29 Feb 2024");
    is("DATE_FORMAT(day, 'yyyyMMdd''T''HHmm'), DATE_FORMAT(ts, '''at'' HH')", "20240229T0000, at 13");
    is("TO_TIMESTAMP('2024-02-29 13:14:15'), TO_TIMESTAMP('29.02.2024 1:05 PM', 'dd.MM.yyyy h:mm a'), "
       "TO_DATE('20240229', "
       "'yyyyMMdd')",
       "2024-02-29 13:14:15, 2024-02-29 13:05:00, 2024-02-29");
    is("TO_TIMESTAMP_LTZ(1709212455016, 3), TO_TIMESTAMP_LTZ(1709212455, 0), TO_TIMESTAMP_LTZ(0)",
       "2024-02-29 13:14:15.016, 2024-02-29 13:14:15, 1970-01-01 00:00:00");
    is("FROM_UNIXTIME(1709212455), FROM_UNIXTIME(0, 'yyyy'), UNIX_TIMESTAMP(ts), UNIX_TIMESTAMP('1970-01-02 00:00:00')",
       "2024-02-29 13:14:15, 1970, 1709212455, 86400");
    cr_assert(has_text(kit_eval("DATE_FORMAT(ts, 'Q')"), "'Q' in a time format has no meaning"));
    cr_assert(has_text(kit_eval("TO_TIMESTAMP('yesterday')"), "'yesterday' is not a time"));
    cr_assert(has_text(kit_eval("TO_DATE('2023-02-29', 'yyyy-MM-dd')"), "is not a time"));
}

Test(time, literals_next_to_strings_are_read_as_times)
{
    is("ts > '2024-01-01', day = '2024-02-29', '13:00:00' < clock, ts BETWEEN '2024-02-29' AND '2024-03-01'",
       "true, true, true, true");
    is("day IN ('2024-02-28', '2024-02-29'), CASE WHEN b THEN day ELSE '2000-01-01' END", "true, 2024-02-29");
    cr_assert(has_text(kit_eval("ts > 'soon'"), "'soon' is no TIMESTAMP in \"'soon'\" (column 6)"));
}
