// millrace up: the whole mesh on this machine, until Ctrl-C.
#ifndef MILLRACE_CLI_CMD_UP_H
#define MILLRACE_CLI_CMD_UP_H

// argv[0] is "up". Returns the exit code.
int cmd_up(int argc, char **argv);

#endif
