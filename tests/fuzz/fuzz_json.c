/*
 * fuzz_json - JSON lines into rows. Every row that comes out is well-formed, and is the same when it went through text.
 */
#include "format/format.h"
#include "fuzz.h"

static const wsl_type int_type = {.id = WSL_T_INT64}, string_type = {.id = WSL_T_STRING};
static const wsl_field inner_fields[] = {{"a", {.id = WSL_T_INT32}}, {"b", {.id = WSL_T_STRING}}};
static const wsl_schema inner = {"inner", 2, inner_fields};
static const wsl_field fields[] = {
    {"symbol", {.id = WSL_T_STRING}},
    {"quantity", {.id = WSL_T_INT64}},
    {"price", {.id = WSL_T_DOUBLE}},
    {"small", {.id = WSL_T_INT8}},
    {"flag", {.id = WSL_T_BOOL}},
    {"ratio", {.id = WSL_T_FLOAT}},
    {"amount", {.id = WSL_T_DECIMAL, .precision = 10, .scale = 2}},
    {"huge", {.id = WSL_T_DECIMAL, .precision = 30, .scale = 5}},
    {"raw", {.id = WSL_T_BYTES}},
    {"day", {.id = WSL_T_DATE}},
    {"ts", {.id = WSL_T_TIMESTAMP}},
    {"list", {.id = WSL_T_ARRAY, .element = &int_type}},
    {"map", {.id = WSL_T_MAP, .key = &string_type, .element = &int_type}},
    {"row", {.id = WSL_T_ROW, .row = &inner}},
};
static const wsl_schema schema = {"all", WSL_ARRAY_LEN(fields), fields};

#ifndef FUZZ_FORMAT
#define FUZZ_FORMAT "json"
#define FUZZ_SCHEMA schema
#endif

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint64_t memory[1 << 14], again[1 << 14];
    wsl_format *format = NULL;
    wsl_error err = {0};
    const wsl_option *const tables[] = {wsl_format_options};
    wsl_config *config = wsl_config_new(tables, 1);
    FUZZ_CHECK(wsl_format_new(FUZZ_FORMAT, &FUZZ_SCHEMA, config, &format, &err) == WSL_OK);
    wsl_strbuf text;
    wsl_strbuf_init(&text);
    size_t at = 0;
    while (at < size) {
        wsl_decoded out = {0};
        const wsl_status status =
            wsl_format_decode(format, (const char *)data + at, size - at, true, memory, sizeof memory, &out);
        if (status != WSL_OK) {
            FUZZ_CHECK(status == WSL_NO_RESOURCE);
            break;
        }
        FUZZ_CHECK(out.consumed > 0 && out.consumed <= size - at);
        at += out.consumed;
        if (out.row == NULL) {
            continue;
        }
        FUZZ_CHECK(wsl_row_check(out.row, out.row->size, &FUZZ_SCHEMA, &err) == WSL_OK);
        wsl_strbuf_clear(&text);
        wsl_format_encode(format, out.row, &text);
        wsl_decoded back = {0};
        if (wsl_format_decode(format, text.data, text.size, true, again, sizeof again, &back) == WSL_OK &&
            back.row != NULL) {
            FUZZ_CHECK(back.row->size == out.row->size && memcmp(back.row, out.row, out.row->size) == 0);
        }
    }
    wsl_strbuf_fini(&text);
    wsl_format_free(format);
    wsl_config_free(config);
    return 0;
}

#ifndef FUZZ_CSV
size_t fuzz_seeds(fuzz_seed *out, size_t max)
{
    const fuzz_seed seeds[] = {
        FUZZ_TEXT("{\"symbol\":\"ACME\",\"quantity\":5,\"price\":10.25,\"ts\":1700000000000}\n"
                  "{\"symbol\":\"W\\u00e4\\ud83d\\ude00\",\"quantity\":-9223372036854775808,\"price\":1e-300}\r\n"),
        FUZZ_TEXT("{\"small\":127,\"flag\":true,\"ratio\":0.1,\"amount\":12345678.90,\"huge\":\"1234567890123456789.5\"}\n"),
        FUZZ_TEXT("{\"raw\":\"aGVsbG8=\",\"day\":\"2024-02-29\",\"list\":[1,null,3],\"map\":{\"a\":1,\"b\":null}}\n"),
        FUZZ_TEXT("{\"row\":{\"a\":1,\"b\":\"x\"},\"unknown\":{\"deep\":[[[{}]]]},\"symbol\":null}"),
        FUZZ_TEXT("\xef\xbb\xbf{}\n\n  \n{\"quantity\": 12345678901234567890}\n[1]\n"),
    };
    for (size_t i = 0; i < WSL_ARRAY_LEN(seeds) && i < max; i++) {
        out[i] = seeds[i];
    }
    return WSL_ARRAY_LEN(seeds);
}
#endif
