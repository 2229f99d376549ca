/* hd_main.c - the command `heddle`: finds the command that is asked for. */
#include <stdio.h>
#include <string.h>

#include "cli/hd_cmd.h"

#ifndef HD_VERSION
#define HD_VERSION "0.1.0"
#endif

static const struct {
    const char *name;
    int (*fn)(int argc, char **argv);
    const char *text;
} commands[] = {
#define HD_X(name, fn, text) {name, fn, text},
    HD_COMMANDS(HD_X)
#undef HD_X
};

#define COMMAND_CNT (sizeof commands / sizeof commands[0])

static void print_help(void) {
    fputs(
        "Usage: heddle COMMAND [OPTION...] [ARGUMENT...]\n"
        "An Ethereum Virtual Machine that runs transactions in bulk on CPU cores and on a GPU.\n\n",
        stdout);
    for (size_t i = 0; i < COMMAND_CNT; i++)
        printf("  %-16s %s\n", commands[i].name, commands[i].text);
    fputs("\n  --help           print this and stop\n"
          "  --version        print the version and stop\n\n"
          "heddle COMMAND --help tells about one command.\n"
          "Example: heddle run --code 600160020160005260206000f3 --fork Cancun\n",
          stdout);
}

int main(int argc, char **argv) {
    if (argc < 2) {
        fputs("heddle: a command is expected (see heddle --help)\n", stderr);
        return 2;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        print_help();
        return 0;
    }
    if (strcmp(argv[1], "--version") == 0) {
        puts("heddle " HD_VERSION);
        return 0;
    }
    for (size_t i = 0; i < COMMAND_CNT; i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].fn(argc - 1, argv + 1);
    fprintf(stderr, "heddle: unknown %s \"%.80s\" (see heddle --help)\n",
            argv[1][0] == '-' ? "option" : "command", argv[1]);
    return 2;
}
