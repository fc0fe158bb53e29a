/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/hash.h"
#include "route/load.h"
#include "route/rules.h"
#include "route/table.h"

/* Have the files changed that rules are made of? Asked each second, so nothing is read: a file is
 * known by what the system says of it. The change time is part of that: it moves with a rename over
 * the file and with an edit that sets its times back, where size and modification time stay. */

struct seen {
    uint64_t device, inode, size, mode, changed_s, changed_ns, modified_s, modified_ns;
    uint64_t name; /* hash */
    uint64_t error;
};

/* Entries are added up: a folder gives them in any order. */
static void look_at(const char *path, struct sl_rules_look *ret)
{
    struct seen seen = {.name = sl_hash(path, strlen(path))};
    struct stat st;

    if (stat(path, &st) == 0) {
        seen.device = (uint64_t)st.st_dev;
        seen.inode = (uint64_t)st.st_ino;
        seen.size = (uint64_t)st.st_size;
        seen.mode = (uint64_t)st.st_mode;
        seen.changed_s = (uint64_t)st.st_ctim.tv_sec;
        seen.changed_ns = (uint64_t)st.st_ctim.tv_nsec;
        seen.modified_s = (uint64_t)st.st_mtim.tv_sec;
        seen.modified_ns = (uint64_t)st.st_mtim.tv_nsec;
        ret->n_files++;
    } else {
        seen.error = (uint64_t)errno;
        ret->missing++;
    }
    ret->signature += sl_hash(&seen, sizeof(seen));
}

static void look_into(const char *folder, struct sl_rules_look *ret)
{
    struct dirent *entry;
    DIR *dir = opendir(folder);

    if (!dir) {
        look_at(folder, ret); /* says why */
        return;
    }
    while ((entry = readdir(dir))) {
        if (sl_is_rule_file(entry->d_name)) {
            char *path = sl_rule_path(folder, entry->d_name);

            look_at(path, ret);
            free(path);
        }
    }
    closedir(dir);
}

bool sl_rules_look(const struct sl_strings *routes, const struct sl_rules *live,
                   struct sl_rules_look *ret)
{
    *ret = (struct sl_rules_look){0};
    for (size_t i = 0; i < routes->n; i++) {
        struct stat st;

        if (stat(routes->items[i], &st) == 0 && S_ISDIR(st.st_mode))
            look_into(routes->items[i], ret);
        else
            look_at(routes->items[i], ret);
    }
    for (size_t i = live ? live->n_files : 0; live && sl_rules_input(live, i); i++)
        look_at(sl_rules_input(live, i), ret);
    return ret->missing == 0;
}

const char *sl_rules_input(const struct sl_rules *r, size_t i)
{
    if (i < r->n_files)
        return r->files[i];
    i -= r->n_files;
    return i < r->n_tables ? sl_table_path(r->tables[i]) : NULL;
}
