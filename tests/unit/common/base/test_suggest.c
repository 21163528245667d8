#include "harness/wsl_test.h"

#include "base/suggest.h"

static const char *best_of(const char *word)
{
    static const char *const known[] = {"taskmanager.numberOfTaskSlots", "taskmanager.memory.segment-size", "rest.port",
                                        "rest.address", "pipeline.name"};
    wsl_suggest s;
    wsl_suggest_init(&s, word);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        wsl_suggest_offer(&s, known[i]);
    }
    return s.best;
}

Test(suggest, the_nearest_known_word)
{
    cr_assert_str_eq(best_of("taskmanager.numberOfTaskSlot"), "taskmanager.numberOfTaskSlots");
    cr_assert_str_eq(best_of("taskmanager.numberoftaskslots"), "taskmanager.numberOfTaskSlots");
    cr_assert_str_eq(best_of("rest.prot"), "rest.port");
    cr_assert_str_eq(best_of("rest.adress"), "rest.address");
}

Test(suggest, the_end_of_a_dotted_name)
{
    cr_assert_str_eq(best_of("segment-size"), "taskmanager.memory.segment-size");
    cr_assert_str_eq(best_of("memory.Segment-Size"), "taskmanager.memory.segment-size");
    cr_assert_str_eq(best_of("port"), "rest.port");
}

Test(suggest, nothing_if_nothing_is_near)
{
    cr_assert_null(best_of("checkpoint.interval"));
    cr_assert_null(best_of(""));
    char text[WSL_SUGGEST_TEXT_MAX];
    wsl_suggest s;
    wsl_suggest_init(&s, "zzz");
    cr_assert_str_eq(wsl_suggest_text(&s, text), "");
}
