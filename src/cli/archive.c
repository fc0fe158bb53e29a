/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/archive.h"

#include <string.h>

#include "base/diag.h"

static const struct sl_cli_command *const commands[] = {
    &sl_command_archive_list,
    &sl_command_archive_cat,
    &sl_command_archive_verify,
};

const struct sl_cli_command sl_command_archive = {
    .name = "archive",
    .summary = "archive objects in S3: list, cat, verify",
    .operands = "list|cat|verify [OPTIONS]",
    .description =
        "What S3 sinks have written, read back: by the index at the end of each object only the\n"
        "parts that a question needs.\n\n"
        "  list      objects: topic, partition, offsets, records, times, bytes\n"
        "  cat       the records, in the order of topic, partition and offset\n"
        "  verify    every object against its name, its checksums and its neighbours\n\n"
        "`sluice archive cat --help` explains one of them.",
    .example = "sluice archive list -c sluice.yaml --from 1d\n"
               "sluice archive cat --id 0198c0de-7a3b-7c11-9a44-0242ac120002\n"
               "sluice archive verify --topic logs",
    .run = sl_cmd_archive,
};

int sl_cmd_archive(int argc, char **argv)
{
    const char *names[SL_LENGTH(commands)], *near;
    const char *values[1]; /* of no option: for --help */
    struct sl_cli_args args = {.values = values};
    int status;

    for (size_t i = 0; i < SL_LENGTH(commands); i++) {
        names[i] = commands[i]->name + strlen("archive ");
        if (argc > 1 && !strcmp(argv[1], names[i]))
            return commands[i]->run(argc - 1, argv + 1);
    }
    if (argc > 1 && argv[1][0] == '-' &&
        !sl_cli_parse(&sl_command_archive, argc, argv, &args, &status))
        return status;
    if (argc < 2 || argv[1][0] == '-')
        return sl_cli_usage(&sl_command_archive, "list, cat or verify?");
    near = sl_nearest(argv[1], names, SL_LENGTH(names));
    return sl_cli_usage(&sl_command_archive, "there is no archive %s; did you mean %s?", argv[1],
                        near ? near : "list, cat or verify");
}
