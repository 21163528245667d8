#include "jobmanager/rest/json.h"

#include <math.h>

#include "harness/wsl_test.h"

Test(json, commas_and_nesting_come_by_themselves)
{
    wsl_strbuf s;
    wsl_strbuf_init(&s);
    jm_json j = jm_json_to(&s);
    jm_json_open(&j, NULL, '{');
    jm_json_str(&j, "name", "a \"b\"\n");
    jm_json_open(&j, "empty", '[');
    jm_json_close(&j);
    jm_json_open(&j, "list", '[');
    jm_json_int(&j, NULL, -1);
    jm_json_open(&j, NULL, '{');
    jm_json_close(&j);
    jm_json_null(&j, NULL);
    jm_json_close(&j);
    jm_json_bool(&j, "yes", true);
    jm_json_raw(&j, "raw", "[1]", 3);
    jm_json_str_or_null(&j, "none", NULL);
    jm_json_uint(&j, "big", UINT64_MAX);
    jm_json_close(&j);
    cr_assert_str_eq(s.data, "{\"name\":\"a \\\"b\\\"\\n\",\"empty\":[],\"list\":[-1,{},null],\"yes\":true,\"raw\":[1],"
                             "\"none\":null,\"big\":18446744073709551615}");
    wsl_strbuf_fini(&s);
}

Test(json, what_is_no_json_number_becomes_the_text_nan)
{
    wsl_strbuf s;
    wsl_strbuf_init(&s);
    jm_json j = jm_json_to(&s);
    jm_json_open(&j, NULL, '[');
    jm_json_num(&j, NULL, 0.5);
    jm_json_num(&j, NULL, (double)NAN);
    jm_json_num(&j, NULL, (double)INFINITY);
    jm_json_close(&j);
    cr_assert_str_eq(s.data, "[0.5,\"NaN\",\"NaN\"]");
    wsl_strbuf_fini(&s);
}
