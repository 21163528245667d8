/*
 * other_abi - a job of a Wiesel that never was: as if compiled against other headers.
 */
#include <wiesel/version.h>
#undef WSL_ABI_VERSION
#define WSL_ABI_VERSION 999u
#include <wiesel/wiesel.h>

WSL_JOB(env, args)
{
    (void)args;
    wsl_env_set_name(env, "from the future");
    return WSL_OK;
}
