/*
 * wiesel - the command line.
 */
#include <signal.h>
#include <stdio.h>

#include "cli/cmd.h"

int main(int argc, char **argv)
{
    (void)signal(SIGPIPE, SIG_IGN);
    return cli_main(argc, argv, stdout, stderr);
}
