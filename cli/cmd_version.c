/*
 * cmd_version - `wiesel version`.
 */
#include <wiesel/version.h>

#include "cli/cmd.h"

wsl_status cmd_version(cli *c, int *out_exit, wsl_error *err)
{
    (void)out_exit;
    (void)err;
    if (c->args.json) {
        cli_print_json(c, json_pack("{s:s, s:i}", "version", WSL_VERSION, "abi", (int)WSL_ABI_VERSION));
    } else {
        (void)fprintf(c->out, "Version: %s, ABI: %u\n", WSL_VERSION, WSL_ABI_VERSION);
    }
    return WSL_OK;
}
