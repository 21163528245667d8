#include "harness/wsl_test.h"
#include "base/suggest.h"

#include <stdio.h>
#include <string.h>

static const char *const words[] = {"parallelism.default", "taskmanager.numberOfTaskSlots", "where", "select",
                                    "schema",              "schemas",                       "from",  NULL};

static const char *nearest(const char *word)
{
    wsl_suggest s;
    wsl_suggest_init(&s, word);
    for (const char *const *w = words; *w != NULL; w++) {
        wsl_suggest_offer(&s, *w);
    }
    return s.best != NULL ? s.best : "";
}

Test(suggest, finds_words_with_a_letter_lost_added_replaced_or_swapped)
{
    cr_assert_str_eq(nearest("selct"), "select");
    cr_assert_str_eq(nearest("sellect"), "select");
    cr_assert_str_eq(nearest("sekect"), "select");
    cr_assert_str_eq(nearest("sleect"), "select");
    cr_assert_str_eq(nearest("form"), "from", "two letters swapped are one mistake");
}

Test(suggest, letters_of_the_other_case_cost_nothing)
{
    cr_assert_str_eq(nearest("WHERE"), "where");
    cr_assert_str_eq(nearest("taskmanager.numberoftaskslots"), "taskmanager.numberOfTaskSlots");
}

Test(suggest, prefers_the_nearest_and_the_first_of_equals)
{
    cr_assert_str_eq(nearest("schema"), "schema");
    cr_assert_str_eq(nearest("schemass"), "schemas");
}

Test(suggest, says_nothing_when_too_much_differs)
{
    char hint[WSL_SUGGEST_TEXT_MAX];
    wsl_suggest s;
    cr_assert_str_eq(nearest("teleport"), "");
    cr_assert_str_eq(nearest("form-it"), "");
    wsl_suggest_init(&s, "x");
    cr_assert_str_eq(wsl_suggest_text(&s, hint), "");
    wsl_suggest_init(&s, "wher");
    wsl_suggest_offer(&s, "where");
    cr_assert_str_eq(wsl_suggest_text(&s, hint), "; did you mean 'where'?");
}

Test(suggest, words_too_long_to_be_mistyped_are_left_alone)
{
    char longer[100];
    memset(longer, 'a', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    wsl_suggest s;
    wsl_suggest_init(&s, longer);
    wsl_suggest_offer(&s, longer);
    cr_assert_null(s.best);
    wsl_suggest_init(&s, "a");
    wsl_suggest_offer(&s, longer);
    cr_assert_null(s.best);
}
