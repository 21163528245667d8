#include "harness/wsl_test.h"
#include "plugin/registry.h"

Test(registry, every_listed_connector_is_found_by_its_name_and_has_what_it_needs)
{
    size_t n = 0;
    for (const wsl_source_class *const *s = wsl_source_classes(); *s != NULL; s++, n++) {
        cr_assert_eq(wsl_source_class_find((*s)->name), *s);
        cr_assert_not_null((*s)->reader);
        cr_assert_not_null((*s)->options);
        cr_assert_not_null((*s)->help);
    }
    cr_assert_eq(n, 4);
    n = 0;
    for (const wsl_sink_class *const *s = wsl_sink_classes(); *s != NULL; s++, n++) {
        cr_assert_eq(wsl_sink_class_find((*s)->name), *s);
        cr_assert_not_null((*s)->writer);
        cr_assert_not_null((*s)->options);
        cr_assert_not_null((*s)->help);
    }
    cr_assert_eq(n, 4);
}

Test(registry, an_unknown_name_gives_nothing)
{
    cr_assert_null(wsl_source_class_find("print"));
    cr_assert_null(wsl_source_class_find(""));
    cr_assert_null(wsl_sink_class_find("socket"));
    cr_assert_null(wsl_sink_class_find("Print"));
}
