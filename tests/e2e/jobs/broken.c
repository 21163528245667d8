/*
 * broken - does not compile.
 */
#include <wiesel/wiesel.h>

WSL_JOB(env, args)
{
    (void)args;
    wsl_env_set_nmae(env, "misspelled")
}
