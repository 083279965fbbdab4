/*
 * main - the one binary: a role when the parent starts one, else a command.
 */
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "daemon/daemon.h"

int main(int argc, char **argv)
{
    if (argc > 1 && strncmp(argv[1], "--role=", 7) == 0)
        return daemon_role(argc, argv);
    return command_main(argc, argv);
}
