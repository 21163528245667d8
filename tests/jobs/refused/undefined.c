/* Calls what nobody defines. */
#include <wiesel/wiesel.h>

void launch_the_missiles(void);

WSL_JOB(env, args)
{
    launch_the_missiles();
    return WSL_OK;
}
