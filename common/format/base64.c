/*
 * base64.c - four characters at a time through a table.
 */
#include "format/base64.h"

static const char digits[64] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int value_of(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool wsl_base64_decode(const char *text, size_t size, uint8_t *to, size_t *out_size)
{
    if (size % 4 != 0) {
        return false;
    }
    size_t pads = 0;
    if (size != 0 && text[size - 1] == '=') {
        pads = text[size - 2] == '=' ? 2 : 1;
    }
    size_t n = 0;
    for (size_t i = 0; i < size; i += 4) {
        const size_t have = i + 4 == size ? 4 - pads : 4;
        uint32_t bits = 0;
        for (size_t j = 0; j < 4; j++) {
            const int v = j < have ? value_of(text[i + j]) : 0;
            if (v < 0) {
                return false;
            }
            bits = bits << 6 | (uint32_t)v;
        }
        for (size_t j = 0; j < 3; j++) {
            const uint8_t byte = (uint8_t)(bits >> (16 - 8 * j));
            if (j < have - 1) {
                to[n++] = byte;
            } else if (byte != 0) {
                return false;
            }
        }
    }
    *out_size = n;
    return true;
}

void wsl_base64_encode(const void *data, size_t size, wsl_strbuf *out)
{
    const uint8_t *p = (const uint8_t *)data;
    wsl_strbuf_reserve(out, (size + 2) / 3 * 4);
    char *to = out->data + out->size;
    for (size_t i = 0; i < size; i += 3) {
        const size_t left = size - i;
        const uint32_t bits =
            (uint32_t)p[i] << 16 | (left > 1 ? (uint32_t)p[i + 1] << 8 : 0) | (left > 2 ? (uint32_t)p[i + 2] : 0);
        *to++ = digits[bits >> 18];
        *to++ = digits[bits >> 12 & 63];
        *to++ = left > 1 ? digits[bits >> 6 & 63] : '=';
        *to++ = left > 2 ? digits[bits & 63] : '=';
    }
    if (size != 0) {
        out->size = (size_t)(to - out->data);
        out->data[out->size] = '\0';
    }
}
