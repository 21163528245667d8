/*
 * fuzz_csv - CSV into rows, by the same function as JSON.
 */
#define FUZZ_CSV 1
#define FUZZ_FORMAT "csv"
#define FUZZ_SCHEMA flat
#include <wiesel/type.h>

static const wsl_field flat_fields[] = {
    {"symbol", {.id = WSL_T_STRING}},   {"quantity", {.id = WSL_T_INT64}}, {"price", {.id = WSL_T_DOUBLE}},
    {"small", {.id = WSL_T_INT16}},     {"flag", {.id = WSL_T_BOOL}},      {"day", {.id = WSL_T_DATE}},
    {"ts", {.id = WSL_T_TIMESTAMP}},
};
static const wsl_schema flat = {"flat", sizeof flat_fields / sizeof flat_fields[0], flat_fields};

#pragma GCC diagnostic ignored "-Wunused-const-variable"
#include "fuzz_json.c"

size_t fuzz_seeds(fuzz_seed *out, size_t max)
{
    const fuzz_seed seeds[] = {
        FUZZ_TEXT("ACME,5,10.25,1,true,2024-02-29,1700000000000\r\n\"a \"\"quoted\"\" one\",-1,1e9,,,,\n"),
        FUZZ_TEXT("\"two\nlines\",1,2,3,false,1970-01-01,0\n\n,,,,,,\n"),
        FUZZ_TEXT("too,few\ntoo,1,2,3,true,1970-01-01,0,many\n\"open"),
    };
    for (size_t i = 0; i < WSL_ARRAY_LEN(seeds) && i < max; i++) {
        out[i] = seeds[i];
    }
    return WSL_ARRAY_LEN(seeds);
}
