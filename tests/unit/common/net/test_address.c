#include "harness/wsl_test.h"

#include <string.h>

#include "net/address.h"

static wsl_address parsed(const char *text)
{
    wsl_address a;
    wsl_error err = {0};
    cr_assert_eq(wsl_address_parse(text, &a, &err), WSL_OK, "%s: %s", text, err.text);
    return a;
}

Test(address, tcp_is_host_and_port)
{
    wsl_address a = parsed("tcp://127.0.0.1:6123");
    cr_assert(a.kind == WSL_ADDRESS_TCP && a.port == 6123 && a.is_local);
    cr_assert_str_eq(a.host, "127.0.0.1");
    cr_assert_eq(parsed("tcp://127.0.0.1:*").port, 0);
    cr_assert_eq(parsed("tcp://127.0.0.1:65535").port, 65535);
    a = parsed("tcp://[::1]:80");
    cr_assert_str_eq(a.host, "::1");
    cr_assert(a.is_local);
}

Test(address, only_loopback_counts_as_local)
{
    cr_assert(parsed("tcp://localhost:1").is_local);
    cr_assert(parsed("tcp://127.8.9.10:1").is_local);
    cr_assert(parsed("ipc:///tmp/x").is_local);
    cr_assert(parsed("inproc://x").is_local);
    cr_assert_not(parsed("tcp://0.0.0.0:1").is_local);
    cr_assert_not(parsed("tcp://*:1").is_local);
    cr_assert_not(parsed("tcp://10.1.2.3:1").is_local);
    cr_assert_not(parsed("tcp://127.evil.example:1").is_local);
    cr_assert_not(parsed("tcp://localhost.evil.example:1").is_local);
    cr_assert_not(parsed("tcp://[::]:1").is_local);
}

Test(address, other_kinds_are_names)
{
    cr_assert_str_eq(parsed("ipc:///run/wiesel/data").name, "/run/wiesel/data");
    cr_assert_eq(parsed("sim://a").kind, WSL_ADDRESS_SIM);
    cr_assert_eq(parsed("inproc://a").kind, WSL_ADDRESS_INPROC);
}

Test(address, mistakes_are_named)
{
    static const struct {
        const char *text, *says;
    } bad[] = {{"", "tcp://HOST:PORT"},          {"127.0.0.1:6123", "tcp://HOST:PORT"},
               {"http://x:1", "not an address"}, {"tcp://127.0.0.1", "tcp://HOST:PORT"},
               {"tcp://:6123", "HOST"},          {"tcp://a:65536", "port"},
               {"tcp://a:99999999999", "port"},  {"tcp://a:", "port"},
               {"tcp://a:12x", "port"},          {"tcp://a:-1", "port"},
               {"tcp://::1:80", "brackets"},     {"ipc://", "name"}};
    for (size_t i = 0; i < WSL_ARRAY_LEN(bad); i++) {
        wsl_address a;
        wsl_error err = {0};
        cr_assert_eq(wsl_address_parse(bad[i].text, &a, &err), WSL_INVALID, "%s", bad[i].text);
        cr_assert(has_text(err.text, bad[i].says), "%s: %s", bad[i].text, err.text);
    }
    char text[3000] = "tcp://";
    memset(text + 6, 'a', 2000);
    memcpy(text + 2006, ":1", 3);
    wsl_address a;
    cr_assert_eq(wsl_address_parse(text, &a, NULL), WSL_INVALID);
    memcpy(text, "ipc://", 6);
    cr_assert_eq(wsl_address_parse(text, &a, NULL), WSL_INVALID);
}
