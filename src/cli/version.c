/* SPDX-License-Identifier: Apache-2.0 */
#include <isa-l.h>
#include <jansson.h>
#include <uv.h>

#include "base/buf.h"
#include "cli/cli.h"
#include "kafka/client.h"
#include "net/versions.h"

/* The other libraries' headers have their home elsewhere (tests/lint/includes.py), and what is
 * wanted of them is one call each that never changes: the version that runs, which is not always
 * the one that was built against. */
extern const char *ZSTD_versionString(void);
extern const char *fy_library_version(void);
extern const char *OpenSSL_version(int what);
extern int pcre2_config_8(uint32_t what, void *to);
extern unsigned XXH_versionNumber(void);

enum { OPENSSL_VERSION_TEXT_ONLY = 6, PCRE2_VERSION = 11, VERSIONS_MAX_BYTES = 4096 };

struct part {
    const char *name, *version;
};

static void print_text(const struct part *parts, size_t n)
{
    printf("sluice %s\n\n", SLUICE_VERSION);
    for (size_t i = 0; i < n; i++)
        printf("%-14s %s\n", parts[i].name, parts[i].version);
}

static void print_json(const struct part *parts, size_t n)
{
    printf("{\"sluice\":\"%s\",\"libraries\":{", SLUICE_VERSION);
    for (size_t i = 0; i < n; i++)
        printf("%s\"%s\":\"%s\"", i ? "," : "", parts[i].name, parts[i].version);
    puts("}}");
}

static void print_versions(bool json)
{
    unsigned xxhash = XXH_versionNumber();
    char pcre2[64] = "?", isal[32], hash[32];
    const struct part parts[] = {
        {"librdkafka", rd_kafka_version_str()},
        {"libcurl", sl_net_curl_version()},
        {"libuv", uv_version_string()},
        {"libmicrohttpd", sl_net_microhttpd_version()},
        {"libfyaml", fy_library_version()},
        {"PCRE2", pcre2},
        {"jansson", jansson_version_str()},
        {"OpenSSL", OpenSSL_version(OPENSSL_VERSION_TEXT_ONLY)},
        {"zstd", ZSTD_versionString()},
        {"ISA-L", isal}, /* does not tell at run time */
        {"xxHash", hash},
    };

    pcre2_config_8(PCRE2_VERSION, pcre2); /* "10.42 2022-12-11": the date goes */
    pcre2[strcspn(pcre2, " ")] = '\0';
    snprintf(isal, sizeof(isal), "%d.%d.%d", ISAL_MAJOR_VERSION, ISAL_MINOR_VERSION,
             ISAL_PATCH_VERSION);
    snprintf(hash, sizeof(hash), "%u.%u.%u", xxhash / 10000, xxhash / 100 % 100, xxhash % 100);
    if (json)
        print_json(parts, SL_LENGTH(parts));
    else
        print_text(parts, SL_LENGTH(parts));
}

static const struct sl_cli_option options[] = {{"json", 0, NULL, "for machines"}};
const struct sl_cli_command sl_command_version = {
    .name = "version",
    .summary = "own version, and each linked library's",
    .example = "sluice version --json",
    .options = options,
    .n_options = SL_LENGTH(options),
    .run = sl_cmd_version,
};

int sl_cmd_version(int argc, char **argv)
{
    const char *values[SL_LENGTH(options)];
    struct sl_cli_args args = {.values = values};
    int status;

    if (!sl_cli_parse(&sl_command_version, argc, argv, &args, &status))
        return status;
    print_versions(values[0] != NULL);
    return SL_EXIT_DONE;
}
