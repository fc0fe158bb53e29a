/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <unistd.h>

#include "base/diag.h"

enum { NAMES_MAX = 64, HELP_COLUMN = 26 };

int sl_cli_usage(const struct sl_cli_command *command, const char *format, ...)
{
    va_list args;

    fprintf(stderr, "sluice %s: ", command->name);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\nTry: sluice %s --help\n", command->name);
    return SL_EXIT_USAGE;
}

/* ---- help ---- */

static void print_option(const struct sl_cli_option *o)
{
    char left[80];
    int n = snprintf(left, sizeof(left), "  %c%c%s--%s%s%s", o->short_name ? '-' : ' ',
                     o->short_name ? o->short_name : ' ', o->short_name ? ", " : "  ", o->name,
                     o->value ? " " : "", o->value ? o->value : "");

    if (n >= HELP_COLUMN)
        printf("%s\n%*s%s\n", left, HELP_COLUMN, "", o->help);
    else
        printf("%-*s%s\n", HELP_COLUMN, left, o->help);
}

static void print_example(const char *example)
{
    puts("\nExample:");
    while (*example) {
        size_t n = strcspn(example, "\n");

        printf("  %.*s\n", (int)n, example);
        example += n + (example[n] == '\n');
    }
}

static void print_help(const struct sl_cli_command *c)
{
    static const struct sl_cli_option help = {"help", 'h', NULL, "this text"};

    printf("sluice %s - %s\n\nUsage: sluice %s%s%s%s\n", c->name, c->summary, c->name,
           c->n_options ? " [OPTIONS]" : "", c->operands ? " " : "",
           c->operands ? c->operands : "");
    if (c->description)
        printf("\n%s\n", c->description);
    puts("\nOptions:");
    for (size_t i = 0; i < c->n_options; i++)
        print_option(&c->options[i]);
    print_option(&help);
    if (c->example)
        print_example(c->example);
}

/* ---- options ---- */

struct reader {
    const struct sl_cli_command *command;
    int argc, at;
    char **argv;
    struct sl_cli_args *args;
    int status;
    bool stop; /* status is the answer */
};

static void end(struct reader *r, int status)
{
    r->status = status;
    r->stop = true;
}

static void unknown(struct reader *r, const char *name, size_t n)
{
    const char *names[NAMES_MAX] = {"help"}, *near;
    char word[64];
    size_t count = 1;

    for (size_t i = 0; i < r->command->n_options && count < NAMES_MAX; i++)
        names[count++] = r->command->options[i].name;
    snprintf(word, sizeof(word), "%.*s", (int)n, name);
    near = sl_nearest(word, names, count);
    if (near)
        end(r, sl_cli_usage(r->command, "unknown option --%s; did you mean --%s?", word, near));
    else
        end(r, sl_cli_usage(r->command, "unknown option --%s", word));
}

static void take(struct reader *r, const struct sl_cli_option *o, const char *joined)
{
    const char *value = "";

    if (o->value && joined) {
        value = joined;
    } else if (o->value) {
        if (r->at + 1 >= r->argc) {
            end(r, sl_cli_usage(r->command, "--%s needs a value: %s", o->name, o->value));
            return;
        }
        value = r->argv[++r->at];
    } else if (joined) {
        end(r, sl_cli_usage(r->command, "--%s takes no value", o->name));
        return;
    }
    r->args->values[o - r->command->options] = value;
}

static void read_long(struct reader *r, const char *text)
{
    size_t n = strcspn(text, "=");
    const char *joined = text[n] ? text + n + 1 : NULL;

    if (n == 4 && strcmp(text, "help") == 0) {
        print_help(r->command);
        end(r, SL_EXIT_DONE);
        return;
    }
    for (size_t i = 0; i < r->command->n_options; i++) {
        const struct sl_cli_option *o = &r->command->options[i];

        if (strlen(o->name) == n && strncmp(o->name, text, n) == 0) {
            take(r, o, joined);
            return;
        }
    }
    unknown(r, text, n);
}

static const struct sl_cli_option *find_short(const struct sl_cli_command *c, char name)
{
    for (size_t i = 0; i < c->n_options; i++)
        if (c->options[i].short_name == name)
            return &c->options[i];
    return NULL;
}

static void read_short(struct reader *r, const char *text)
{
    for (; *text && !r->stop; text++) {
        const struct sl_cli_option *o = find_short(r->command, *text);

        if (!o && *text == 'h') {
            print_help(r->command);
            end(r, SL_EXIT_DONE);
        } else if (!o) {
            end(r, sl_cli_usage(r->command, "unknown option -%c", *text));
        } else if (o->value) {
            take(r, o, text[1] ? text + 1 : NULL);
            return;
        } else {
            take(r, o, NULL);
        }
    }
}

/* Operands are moved together at the front of argv, behind the name, so that they may stand between
 * options. */
static void operand(struct reader *r, char *text)
{
    if (!r->command->operands) {
        end(r, sl_cli_usage(r->command, "takes no argument, but there is: %s", text));
        return;
    }
    r->argv[1 + r->args->n_operands++] = text;
}

bool sl_cli_parse(const struct sl_cli_command *command, int argc, char **argv,
                  struct sl_cli_args *ret_args, int *ret_status)
{
    struct reader r = {.command = command, .argc = argc, .argv = argv, .args = ret_args};
    bool options = true;

    for (size_t i = 0; i < command->n_options; i++)
        ret_args->values[i] = NULL;
    ret_args->n_operands = 0;
    ret_args->operands = argv + 1;
    for (r.at = 1; r.at < argc && !r.stop; r.at++) {
        char *text = argv[r.at];

        if (options && strcmp(text, "--") == 0)
            options = false;
        else if (options && text[0] == '-' && text[1] == '-')
            read_long(&r, text + 2);
        else if (options && text[0] == '-' && text[1])
            read_short(&r, text + 1);
        else
            operand(&r, text);
    }
    if (r.stop)
        *ret_status = r.status;
    return !r.stop;
}

/* ---- commands ---- */

static void print_commands(const struct sl_cli_command *const *commands, size_t n)
{
    puts("sluice - reads logs from Kafka and routes them by rules to Elasticsearch, S3 and "
         "webhooks\n"
         "\nUsage: sluice COMMAND [OPTIONS]\n\nCommands:");
    for (size_t i = 0; i < n; i++)
        if (commands[i]->run)
            printf("  %-10s %s\n", commands[i]->name, commands[i]->summary);
    puts("\n`sluice COMMAND --help` explains a command. Exit status: 0 done, 1 the work failed,\n"
         "2 the command line or the configuration is wrong, 3 `plan` found changes.");
    print_example("sluice check -c sluice.yaml\nsluice run -c sluice.yaml");
}

static int unknown_command(const struct sl_cli_command *const *commands, size_t n, const char *word)
{
    const char *names[NAMES_MAX], *near;
    size_t count = 0;

    for (size_t i = 0; i < n && count < NAMES_MAX; i++)
        if (commands[i]->run)
            names[count++] = commands[i]->name;
    near = sl_nearest(word, names, count);
    fprintf(stderr, "sluice: unknown command %s", word);
    if (near)
        fprintf(stderr, "; did you mean %s?", near);
    fputs("\nTry: sluice --help\n", stderr);
    return SL_EXIT_USAGE;
}

static const struct sl_cli_command *find(const struct sl_cli_command *const *commands, size_t n,
                                         const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    return NULL;
}

/* Descriptors 0 to 2 are open from here on, if only to nothing: started with one of them closed,
 * the next file or socket would get its number, and the messages. */
static void hold_standard_files(void)
{
    int fd = open("/dev/null", O_RDWR);

    while (fd >= 0 && fd <= STDERR_FILENO)
        fd = open("/dev/null", O_RDWR);
    if (fd >= 0)
        close(fd);
}

/* What was printed is whole only when the last byte is out: a full disk is a failure. A reader that
 * has seen enough (`| head`) is none. */
static int finish(const char *name, int status)
{
    struct pollfd out = {.fd = STDOUT_FILENO};

    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    if (errno == EPIPE || (poll(&out, 1, 0) > 0 && (out.revents & (POLLERR | POLLHUP))))
        return status;
    fprintf(stderr, "sluice %s: standard output: %s\n", name,
            errno ? strerror(errno) : "not everything could be written");
    return status == SL_EXIT_DONE ? SL_EXIT_FAILED : status;
}

int sl_cli_main(const struct sl_cli_command *const *commands, size_t n, int argc, char **argv)
{
    const struct sl_cli_command *command;
    const char *word = argc > 1 ? argv[1] : NULL;
    char help[] = "--help", *asked[] = {NULL, NULL, help, NULL};

    hold_standard_files();
    if (!word) {
        fputs("sluice: a command is missing\nTry: sluice --help\n", stderr);
        return SL_EXIT_USAGE;
    }
    if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0)
        word = "version";
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 ||
        (strcmp(word, "help") == 0 && argc == 2)) {
        print_commands(commands, n);
        return SL_EXIT_DONE;
    }
    if (strcmp(word, "help") == 0) { /* sluice help run */
        word = asked[1] = argv[2];
        argc = 3;
        argv = asked;
    }
    command = find(commands, n, word);
    if (!command)
        return unknown_command(commands, n, word);
    if (!command->run) {
        fprintf(stderr, "sluice: %s is not available in this version\n", word);
        return SL_EXIT_USAGE;
    }
    return finish(command->name, command->run(argc - 1, argv + 1));
}
