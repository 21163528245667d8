/* Three-valued logic, and what is not evaluated. */
#include "harness/wsl_test.h"

#include "expr_kit.h"

static const char *const values[3] = {"TRUE", "FALSE", "NULL"};
static const char *const answers[3] = {"true", "false", "NULL"};

/* The three values as literals and as what comes out of rows, which take other ways through the program. */
static const char *const forms[2][3] = {{"TRUE", "FALSE", "CAST(NULL AS BOOL)"}, {"b", "(NOT b)", "nb"}};

static void expect(const char *format, const char *a, const char *b, int want)
{
    char text[200];
    snprintf(text, sizeof text, format, a, b);
    is(text, answers[want]);
}

Test(logic, and_or_not_follow_their_truth_tables)
{
    static const int and_table[3][3] = {{0, 1, 2}, {1, 1, 1}, {2, 1, 2}};
    static const int or_table[3][3] = {{0, 0, 0}, {0, 1, 2}, {0, 2, 2}};
    static const int not_table[3] = {1, 0, 2};
    for (int i = 0; i < 3; i++) {
        for (int j = 0; j < 3; j++) {
            for (int f = 0; f < 4; f++) {
                expect("%s AND %s", forms[f / 2][i], forms[f % 2][j], and_table[i][j]);
                expect("%s OR %s", forms[f / 2][i], forms[f % 2][j], or_table[i][j]);
            }
        }
        for (int f = 0; f < 2; f++) {
            expect("NOT %s%s", forms[f][i], "", not_table[i]);
        }
    }
    (void)values;
}

Test(logic, is_tests_never_give_null)
{
    static const int tests[6][3] = {{1, 1, 0}, {0, 0, 1}, {0, 1, 1}, {1, 0, 0}, {1, 0, 1}, {0, 1, 0}};
    static const char *const forms_of[6] = {"%s IS NULL%s",     "%s IS NOT NULL%s", "%s IS TRUE%s",
                                            "%s IS NOT TRUE%s", "%s IS FALSE%s",    "%s IS NOT FALSE%s"};
    for (int t = 0; t < 6; t++) {
        for (int i = 0; i < 3; i++) {
            for (int f = 0; f < 2; f++) {
                expect(forms_of[t], forms[f][i], "", tests[t][i]);
            }
        }
    }
    is("b IS UNKNOWN, nb IS UNKNOWN, nb IS NOT UNKNOWN", "false, true, false");
}

Test(logic, comparison_with_null_is_null_but_distinct_knows)
{
    is("i64 = n, n = n, n <> 1, n < 1, s = ns, nd > 1e0, nb = b", "NULL, NULL, NULL, NULL, NULL, NULL, NULL");
    is("i64 IS DISTINCT FROM n, n IS DISTINCT FROM n, i64 IS DISTINCT FROM 64, i64 IS DISTINCT FROM 65",
       "true, false, false, true");
    is("i64 IS NOT DISTINCT FROM n, n IS NOT DISTINCT FROM NULL, s IS NOT DISTINCT FROM 'Hello'", "false, true, true");
}

Test(logic, comparisons_of_every_kind)
{
    is("i64 = 64, i64 <> 64, i64 != 1, i64 < 65, i64 <= 64, i64 > 64, i64 >= 64",
       "true, false, true, true, true, false, true");
    is("64 = i64, 63 < i64, 64 <= i64, 65 > i64, 64 >= i64, 64 > i64", "true, true, true, true, true, false");
    is("i64 > i32, i64 = i32 * 2, d < i64, f <= d, d = 2.5, 2 < d", "true, true, true, true, true, true");
    is("s = 'Hello', s <> 'Hello', s < 'Help', s > 'Hell', s >= 'Hello', 'a' < s, s = 'Hello, long one'",
       "true, false, true, true, true, false, false");
    is("s = '', '' < s, s = s, s < UPPER(s)", "false, true, true, false");
    is("b = TRUE, b <> FALSE, FALSE < b, raw = CAST('\n' AS BYTES)", "true, true, true, true");
}

Test(logic, in_lists)
{
    is("i64 IN (1, 64), i64 IN (1, 2), i64 NOT IN (1, 2), i64 IN (64), i64 IN (i32 * 2, 5)",
       "true, false, true, true, true");
    is("i64 IN (1, NULL), i64 IN (64, NULL), i64 NOT IN (1, NULL), i64 NOT IN (64, NULL), n IN (1, 2), n IN (1, NULL)",
       "NULL, true, NULL, false, NULL, NULL");
    is("s IN ('a', 'Hello'), s IN ('a', 'b'), s NOT IN ('a'), ns IN ('a', 'b'), s IN ('a', NULL), s IN ('Hello', NULL)",
       "true, false, true, NULL, NULL, true");
    is("s IN ('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'Hello'), s IN ('a long string', 'another one', 'Hello')",
       "true, true");
    is("i64 IN (1,2,3,4,5,6,7,8,9,10,11,12,13,64,70), i64 IN (1,2,3,4,5,6,7,8,9,10,11,12,13,63,70)", "true, false");
    is("d IN (2.5, 1), dec IN (1, 12.5), b IN (FALSE, TRUE), i8 IN (-8, 1000)", "true, true, true, true");
}

Test(logic, between)
{
    is("i64 BETWEEN 64 AND 70, i64 BETWEEN 70 AND 64, i64 NOT BETWEEN 1 AND 2, i64 BETWEEN SYMMETRIC 70 AND 60",
       "true, false, true, true");
    is("i64 BETWEEN n AND 70, i64 BETWEEN n AND 1, i64 NOT BETWEEN n AND 1, n BETWEEN 1 AND 2",
       "NULL, false, true, NULL");
    is("i64 BETWEEN 1 AND 100 AND b, s BETWEEN 'A' AND 'Z'", "true, true");
}

Test(logic, like)
{
    is("s LIKE 'Hello', s LIKE 'hello', s LIKE 'H%', s LIKE '%o', s LIKE '%ell%', s LIKE 'H_llo', s LIKE '_', s LIKE "
       "'%'",
       "true, false, true, true, true, true, false, true");
    is("s LIKE '', '' LIKE '', '' LIKE '%', s LIKE '%l%o%', s LIKE '%z%', s LIKE 'H%l_', s LIKE '%l_o', s LIKE '%%o'",
       "false, true, true, true, false, true, true, true");
    is("s NOT LIKE 'H%', ns LIKE 'x', s LIKE ns, '€uro' LIKE '_uro'", "false, NULL, NULL, true");
    is("'50%' LIKE '50!%' ESCAPE '!', '50x' LIKE '50!%' ESCAPE '!', 'a_b' LIKE 'a\\_b' ESCAPE '\\', 'a!' LIKE 'a!!' "
       "ESCAPE '!'",
       "true, false, true, true");
    is("s LIKE LEFT(s, 1) || '%', s LIKE REVERSE(s)", "true, false");
    cr_assert(has_text(kit_eval("s LIKE 'a!' ESCAPE '!'"), "ends with its escape character"));
    cr_assert(has_text(kit_eval("s LIKE 'a' ESCAPE 'xy'"), "must be one character"));
    cr_assert(has_text(kit_eval("s LIKE 'a!b' ESCAPE '!'"), "may stand before"));
}

Test(logic, like_with_many_wildcards_ends_in_time)
{
    char text[4000];
    strcpy(text, "REPEAT('a', 20000) LIKE '");
    for (int i = 0; i < 300; i++) {
        strcat(text, "%a_");
    }
    strcat(text, "b'");
    is(text, "false");
}

Test(choice, case_takes_the_first_true_branch)
{
    is("CASE WHEN i64 > 100 THEN 'big' WHEN i64 > 10 THEN 'middle' ELSE 'small' END", "middle");
    is("CASE i64 WHEN 1 THEN 'one' WHEN 64 THEN 'many' END, CASE i64 WHEN 1 THEN 'one' END", "many, NULL");
    is("CASE WHEN nb THEN 1 ELSE 2 END, CASE n WHEN NULL THEN 1 ELSE 2 END", "2, 2");
    is("CASE WHEN b THEN n ELSE 1 END, CASE WHEN NOT b THEN n ELSE 1 END", "NULL, 1");
    is("CASE WHEN b THEN 1 ELSE 2.5 END, CASE WHEN b THEN i8 ELSE i64 END, CASE WHEN b THEN tags END", "1.0, -8, [x]");
    has_type("CASE WHEN b THEN 1 ELSE 2.5 END", "DECIMAL(11,1) NOT NULL");
    has_type("CASE WHEN b THEN 1 END", "INT32");
    is("IF(b, 'y', 'n'), IF(nb, 'y', 'n'), COALESCE(n, NULL, 3), COALESCE(n, i64), IFNULL(ns, 'x'), NULLIF(i64, 64), "
       "NULLIF(i64, 1)",
       "y, n, 3, 64, x, NULL, 64");
    is("COALESCE(n, NULL)", "NULL");
}

Test(choice, a_branch_that_is_not_taken_cannot_fail)
{
    is("CASE WHEN i64 = 64 THEN 1 ELSE i64 / 0 END", "1");
    is("CASE WHEN i64 = 1 THEN i64 / 0 WHEN i64 = 64 THEN 2 ELSE i64 % 0 END", "2");
    is("CASE WHEN i64 = 64 THEN 1 WHEN i64 / 0 = 1 THEN 2 END", "1");
    is("IF(b, 1, CAST(s AS INT)), COALESCE(i64, i64 / 0), NULLIF(1, 1)", "1, 64, NULL");
    is("i64 = 1 AND i64 / 0 = 1, i64 = 64 OR i64 / 0 = 1", "false, true");
    is("b OR CAST(s AS INT) = 1, NOT b AND CAST(s AS INT) = 1", "true, false");
    is("CASE WHEN b THEN CASE WHEN NOT b THEN i64 / 0 ELSE 5 END ELSE i64 / 0 END", "5");
    is("i64 IN (64, i64 / 0), must <> 0 AND 100 / must > 10", "true, true");
    cr_assert(has_text(kit_eval("nb AND i64 / 0 = 1"), "division by zero"), "NULL does not decide");
    cr_assert(has_text(kit_eval("CASE WHEN b THEN i64 / 0 ELSE 1 END"), "division by zero"));
}
