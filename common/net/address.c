/*
 * address - see address.h.
 */
#include "net/address.h"

#include <string.h>

static wsl_status parse_port(const char *text, const char *port, uint16_t *out_port, wsl_error *err)
{
    if (strcmp(port, "*") == 0) {
        *out_port = 0;
        return WSL_OK;
    }
    uint32_t v = 0;
    const char *p = port;
    while (*p >= '0' && *p <= '9' && v <= UINT16_MAX) {
        v = v * 10 + (uint32_t)(*p++ - '0');
    }
    if (p == port || *p != '\0' || v > UINT16_MAX) {
        return wsl_fail(err, WSL_INVALID,
                        "'%s' has no valid port: write a number from 0 to 65535 behind the last colon", text);
    }
    *out_port = (uint16_t)v;
    return WSL_OK;
}

static bool is_loopback(const char *host)
{
    if (strcmp(host, "localhost") == 0 || strcmp(host, "::1") == 0) {
        return true;
    }
    /* 127.a.b.c, and not a name that only begins like it */
    return strncmp(host, "127.", 4) == 0 && strspn(host, "0123456789.") == strlen(host);
}

static wsl_status parse_tcp(const char *text, const char *rest, wsl_address *a, wsl_error *err)
{
    const char *colon = strrchr(rest, ':');
    if (colon == NULL || colon == rest) {
        return wsl_fail(err, WSL_INVALID, "'%s' is not an address: write tcp://HOST:PORT", text);
    }
    const char *host = rest;
    size_t size = (size_t)(colon - rest);
    if (host[0] == '[' && size > 2 && host[size - 1] == ']') {
        host++;
        size -= 2;
    } else if (memchr(host, ':', size) != NULL) {
        return wsl_fail(err, WSL_INVALID, "'%s' is ambiguous: write an IPv6 host in brackets, tcp://[::1]:6123", text);
    }
    if (size > WSL_ADDRESS_HOST_MAX) {
        return wsl_fail(err, WSL_INVALID, "the host in '%.40s...' is longer than %d bytes", text, WSL_ADDRESS_HOST_MAX);
    }
    memcpy(a->host, host, size);
    a->host[size] = '\0';
    a->is_local = is_loopback(a->host);
    return parse_port(text, colon + 1, &a->port, err);
}

wsl_status wsl_address_parse(const char *text, wsl_address *out_address, wsl_error *err)
{
    static const struct {
        const char *prefix;
        wsl_address_kind kind;
    } kinds[] = {{"tcp://", WSL_ADDRESS_TCP},
                 {"ipc://", WSL_ADDRESS_IPC},
                 {"unix://", WSL_ADDRESS_UNIX},
                 {"inproc://", WSL_ADDRESS_INPROC},
                 {"sim://", WSL_ADDRESS_SIM}};

    for (size_t i = 0; i < WSL_ARRAY_LEN(kinds); i++) {
        const size_t n = strlen(kinds[i].prefix);
        if (strncmp(text, kinds[i].prefix, n) != 0) {
            continue;
        }
        wsl_address a = {.kind = kinds[i].kind, .is_local = true};
        const char *rest = text + n;
        if (a.kind == WSL_ADDRESS_TCP) {
            WSL_TRY(parse_tcp(text, rest, &a, err));
        } else {
            const size_t size = strlen(rest);
            if (size == 0 || size > WSL_ADDRESS_NAME_MAX) {
                return wsl_fail(err, WSL_INVALID, "'%.100s' has no usable name behind %s (1 to %d bytes)", text,
                                kinds[i].prefix, WSL_ADDRESS_NAME_MAX);
            }
            memcpy(a.name, rest, size + 1);
        }
        *out_address = a;
        return WSL_OK;
    }
    return wsl_fail(err, WSL_INVALID, "'%.100s' is not an address: write tcp://HOST:PORT or ipc:///PATH", text);
}
