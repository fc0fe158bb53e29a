/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_CLI_CLI_H
#define SL_CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>

/* The command line: one table of commands in main.c, and for each command one struct sl_cli_command
 * in its own file, from which options are read and help is printed. What a command reads is thereby
 * what its help shows.
 *
 * A command's run() gets argv[0] = its own name, then what followed it, and returns an exit status.
 * It begins with sl_cli_parse(); cli/version.c is the shortest example. */

/* interface.md, "Commands" */
enum sl_exit {
    SL_EXIT_DONE = 0,
    SL_EXIT_FAILED = 1,  /* the work failed */
    SL_EXIT_USAGE = 2,   /* the command line or the configuration is wrong */
    SL_EXIT_CHANGES = 3, /* plan found changes */
};

#define SL_LENGTH(array) (sizeof(array) / sizeof((array)[0]))

struct sl_cli_option {
    const char *name;  /* long, without the dashes */
    char short_name;   /* 0: none */
    const char *value; /* what it takes, as help shows it ("FILE"); NULL: nothing */
    const char *help;
};

/* The one option that every command on a configuration has. Its value may be NULL:
 * sl_config_load() knows the defaults. */
#define SL_CLI_CONFIG                                                                              \
    {                                                                                              \
        "config", 'c', "FILE", "the configuration (sluice.yaml, then /etc/sluice/sluice.yaml)"     \
    }

struct sl_cli_command {
    const char *name;
    const char *summary;     /* one line, lower case, no full stop */
    const char *operands;    /* as help shows them: "[FILE...]"; NULL: none are taken */
    const char *description; /* paragraphs, or NULL */
    const char *example;     /* whole command lines, one a line */
    const struct sl_cli_option *options;
    size_t n_options;
    /* NULL: a command of a later version, which help does not list. */
    int (*run)(int argc, char **argv);
};

struct sl_cli_args {
    const char *
        *values; /* per option; NULL: not given; a flag that is given is "". The last one wins */
    char *const *operands; /* borrowed from argv */
    size_t n_operands;
};

/* True: go on. False: end with *ret_status; help has been printed or the mistake explained. Takes
 * -c FILE, -cFILE, --config FILE, --config=FILE, clustered flags, and -- before operands. */
bool sl_cli_parse(const struct sl_cli_command *command, int argc, char **argv,
                  struct sl_cli_args *ret_args, int *ret_status);

/* "sluice CMD: text" and where to read more, on standard error; returns SL_EXIT_USAGE. */
int sl_cli_usage(const struct sl_cli_command *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Finds argv[1] in the table and runs it. */
int sl_cli_main(const struct sl_cli_command *const *commands, size_t n, int argc, char **argv);

/* cli/version.c */
int sl_cmd_version(int argc, char **argv);
extern const struct sl_cli_command sl_command_version;

#endif
