/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/process.h"

#include <dirent.h>
#include <inttypes.h>
#include <sys/resource.h>
#include <unistd.h>

static void put(struct sl_buf *out, const char *name, const char *type, const char *help,
                double value)
{
    sl_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n%s %.15g\n", name, help, name, type, name,
                  value);
}

/* Reads a small file of /proc; false where it is not there. */
static bool slurp(const char *path, char *to, size_t size)
{
    FILE *f = fopen(path, "re");
    size_t n;

    if (!f)
        return false;
    n = fread(to, 1, size - 1, f);
    to[n] = '\0';
    fclose(f);
    return n > 0;
}

/* Field `number` of /proc/self/stat, counted from 1 as proc(5) has it. The second, the program's
 * name, may hold spaces and brackets: counting begins after its last bracket. */
static bool stat_field(int number, double *ret)
{
    char text[4096];
    const char *at;

    if (!slurp("/proc/self/stat", text, sizeof(text)) || !(at = strrchr(text, ')')))
        return false;
    for (int field = 2; field < number && at; field++)
        at = strchr(at + 1, ' ');
    if (!at)
        return false;
    *ret = strtod(at, NULL);
    return true;
}

static bool boot_time(double *ret)
{
    char line[256];
    bool found = false;
    FILE *f = fopen("/proc/stat", "re"); /* long on machines with many cores: read by line */

    while (f && !found && fgets(line, sizeof(line), f)) {
        if (strncmp(line, "btime ", 6) == 0) {
            *ret = strtod(line + 6, NULL);
            found = true;
        }
    }
    if (f)
        fclose(f);
    return found;
}

static bool open_files(double *ret)
{
    DIR *dir = opendir("/proc/self/fd");
    const struct dirent *entry;

    if (!dir)
        return false;
    *ret = -1; /* the one that reads the folder */
    while ((entry = readdir(dir)))
        if (entry->d_name[0] != '.')
            *ret += 1;
    closedir(dir);
    return true;
}

void sl_process_render(struct sl_buf *out)
{
    double value, boot;
    struct rusage usage;
    struct rlimit limit;

    if (getrusage(RUSAGE_SELF, &usage) == 0) {
        value = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
        put(out, "process_cpu_seconds_total", "counter", "User and system CPU time.", value);
    }
    if (stat_field(24, &value))
        put(out, "process_resident_memory_bytes", "gauge", "Resident memory.",
            value * (double)sysconf(_SC_PAGESIZE));
    if (stat_field(23, &value))
        put(out, "process_virtual_memory_bytes", "gauge", "Virtual memory.", value);
    if (open_files(&value))
        put(out, "process_open_fds", "gauge", "Open file descriptors.", value);
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        put(out, "process_max_fds", "gauge", "Most file descriptors allowed.",
            (double)limit.rlim_cur);
    if (stat_field(22, &value) && boot_time(&boot))
        put(out, "process_start_time_seconds", "gauge", "Start of the process, Unix time.",
            boot + value / (double)sysconf(_SC_CLK_TCK));
}
