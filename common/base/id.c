/*
 * id - random and content ids, and their hex text.
 */
#include "base/id.h"

#include <xxhash.h>

wsl_id wsl_id_random(wsl_rng *rng)
{
    const uint64_t words[2] = {wsl_rng_next(rng), wsl_rng_next(rng)};
    wsl_id id;
    memcpy(id.bytes, words, sizeof id.bytes);
    return id;
}

wsl_id wsl_id_of_bytes(const void *data, size_t size)
{
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits(data, size));
    wsl_id id;
    memcpy(id.bytes, canonical.digest, sizeof id.bytes);
    return id;
}

const char *wsl_id_text(const wsl_id *id, char out[WSL_ID_TEXT_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < sizeof id->bytes; i++) {
        out[2 * i] = digits[id->bytes[i] >> 4];
        out[2 * i + 1] = digits[id->bytes[i] & 15];
    }
    out[WSL_ID_TEXT_SIZE - 1] = '\0';
    return out;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return -1;
}

bool wsl_id_parse(const char *text, wsl_id *out_id)
{
    wsl_id id;
    for (size_t i = 0; i < sizeof id.bytes; i++) {
        const int high = hex_value(text[2 * i]);
        const int low = high >= 0 ? hex_value(text[2 * i + 1]) : -1;
        if (low < 0) {
            return false;
        }
        id.bytes[i] = (uint8_t)(high << 4 | low);
    }
    if (text[WSL_ID_TEXT_SIZE - 1] != '\0') {
        return false;
    }
    *out_id = id;
    return true;
}
