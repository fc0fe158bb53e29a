/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/file.h"
#include "route/actions.h"
#include "route/index.h"
#include "route/load.h"
#include "route/operator.h"
#include "route/pack.h"
#include "route/parse.h"
#include "route/table.h"

/* From the paths of sluice.yaml, or from what was read there once, to compiled rules. */

enum { FILES_MAX = 10000 };

static bool ends_with(const char *name, const char *end)
{
    size_t n = strlen(name), n_end = strlen(end);

    return n > n_end && !memcmp(name + n - n_end, end, n_end);
}

static void file_problem(struct sl_rule_set *set, const char *path, const char *why)
{
    sl_diags_add(set->diags, SL_PROBLEM, path, sl_slice(NULL, 0), 0, 0, "%s", why);
}

/* What is wrong with a path is wrong in sluice.yaml: it is shown there. */
static void path_problem(struct sl_rule_set *set, const char *path, const char *why)
{
    sl_config_problem(set->config, path, 0, SL_PROBLEM, set->diags, "%s: %s", path, why);
}

/* Takes yaml or cells, whichever is there; neither: diags says why. */
static void add_source(struct sl_rule_set *set, const char *path, struct sl_yaml *yaml,
                       struct sl_rule_cells *cells)
{
    struct sl_rule_file *file;

    if (!yaml && !cells)
        return;
    file = sl_zalloc(sizeof(*file));
    file->path = sl_strdup(path);
    file->yaml = yaml;
    file->cells = cells;
    file->content = yaml ? sl_yaml_content(yaml) : sl_rule_cells_content(cells);
    if (set->n_files == set->cap_files) {
        set->cap_files = set->cap_files ? 2 * set->cap_files : 16;
        set->files = sl_reallocarray(set->files, set->cap_files, sizeof(*set->files));
    }
    set->files[set->n_files++] = file;
    if (set->keep)
        sl_rule_text_add(set->keep, &(struct sl_rule_text){.path = sl_slice_str(path),
                                                           .content = file->content});
    if (yaml)
        sl_parse_file(set, file);
    else
        sl_parse_table(set, file);
}

static struct sl_rule_cells *load_table(struct sl_rule_set *set, const char *path)
{
    struct sl_rule_cells *cells = NULL;
    struct sl_buf content;

    sl_buf_init(&content, SL_YAML_FILE_MAX);
    if (sl_file_load(&content, path, set->diags)) {
        sl_buf_shrink(&content);
        cells = sl_rule_cells_new(&content);
    }
    sl_buf_release(&content);
    return cells;
}

static void add_text(struct sl_rule_set *set, const char *name, struct sl_slice content)
{
    struct sl_buf copy;

    if (!ends_with(name, ".csv")) {
        add_source(set, name, sl_yaml_parse(name, content, set->diags), NULL);
        return;
    }
    sl_buf_init(&copy, content.n);
    sl_buf_slice(&copy, content);
    add_source(set, name, NULL, sl_rule_cells_new(&copy));
}

static void add_file(struct sl_rule_set *set, const char *path)
{
    if (set->n_files == FILES_MAX)
        file_problem(set, path, "too many rule files");
    else if (ends_with(path, ".csv"))
        add_source(set, path, NULL, load_table(set, path));
    else
        add_source(set, path, sl_yaml_load(path, set->diags), NULL);
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

bool sl_is_rule_file(const char *name)
{
    return *name != '.' && !ends_with(name, "~") &&
           (ends_with(name, ".yaml") || ends_with(name, ".yml") || ends_with(name, ".csv"));
}

char *sl_rule_path(const char *folder, const char *name)
{
    return sl_asprintf("%s%s%s", folder, ends_with(folder, "/") ? "" : "/", name);
}

static void add_folder(struct sl_rule_set *set, const char *folder)
{
    size_t n = 0, cap = 0;
    char **names = NULL;
    struct dirent *entry;
    DIR *dir = opendir(folder);

    if (!dir) {
        path_problem(set, folder, strerror(errno));
        return;
    }
    while ((entry = readdir(dir))) {
        if (!sl_is_rule_file(entry->d_name))
            continue;
        if (n == cap) {
            cap = cap ? 2 * cap : 16;
            names = sl_reallocarray(names, cap, sizeof(*names));
        }
        names[n++] = sl_strdup(entry->d_name);
    }
    closedir(dir);
    if (n)
        qsort(names, n, sizeof(*names), by_bytes);
    for (size_t i = 0; i < n; i++) {
        char *path = sl_rule_path(folder, names[i]);
        struct stat st;

        /* Through links: a ConfigMap's files are links into a folder that is swapped. */
        if (stat(path, &st) != 0)
            file_problem(set, path, strerror(errno));
        else if (!S_ISDIR(st.st_mode))
            add_file(set, path);
        free(path);
        free(names[i]);
    }
    free(names);
}

static void add_path(struct sl_rule_set *set, const char *path)
{
    struct stat st;

    if (stat(path, &st) != 0)
        path_problem(set, path, strerror(errno));
    else if (S_ISDIR(st.st_mode))
        add_folder(set, path);
    else
        add_file(set, path);
}

static void begin_set(struct sl_rule_set *set, const struct sl_config *config,
                      struct sl_diags *diags)
{
    *set = (struct sl_rule_set){.config = config, .diags = diags, .errors_before = diags->errors};
    for (size_t i = 0; i < config->n_sinks && i < SL_SINKS_MAX; i++)
        set->sinks[set->n_sinks++] = config->sinks[i].name;
}

static struct sl_rules *end_set(struct sl_rule_set *set, struct sl_fields *fields, const char *from)
{
    struct sl_rules *r;

    sl_parse_finish(set);
    if (set->n_defs == 0 && set->diags->errors == set->errors_before)
        path_problem(set, from,
                     "no rules; to send every record one way write a rule without `when`");
    r = sl_rules_compile(set, fields);
    for (size_t i = 0; i < set->n_defs; i++) {
        sl_cond_free(set->defs[i].when);
        sl_action_defs_free(set->defs[i].actions);
        free(set->defs[i].name);
    }
    free(set->defs);
    for (size_t i = 0; i < set->n_files; i++) {
        sl_yaml_free(set->files[i]->yaml);
        sl_rule_cells_free(set->files[i]->cells);
        free(set->files[i]->path);
        free(set->files[i]);
    }
    free(set->files);
    return r;
}

struct sl_rules *sl_rules_load_keeping(const struct sl_config *config,
                                       const struct sl_strings *routes, struct sl_fields *fields,
                                       struct sl_diags *diags, struct sl_buf *kept)
{
    struct sl_rule_set set;

    begin_set(&set, config, diags);
    set.keep = kept;
    for (size_t i = 0; i < routes->n; i++)
        add_path(&set, routes->items[i]);
    return end_set(&set, fields, routes->n ? routes->items[0] : NULL);
}

struct sl_rules *sl_rules_load_from(const struct sl_config *config, const struct sl_strings *routes,
                                    struct sl_fields *fields, struct sl_diags *diags)
{
    return sl_rules_load_keeping(config, routes, fields, diags, NULL);
}

struct sl_rules *sl_rules_load_kept(const struct sl_config *config, struct sl_slice kept,
                                    struct sl_fields *fields, struct sl_diags *diags)
{
    struct sl_unpack u = {.rest = kept};
    struct sl_rule_text text;
    struct sl_rule_set set;

    begin_set(&set, config, diags);
    set.kept = kept;
    while (set.n_files < FILES_MAX && sl_unpack_rule_text(&u, &text)) {
        char *path = sl_strndup(text.path.p, text.path.n);

        if (!text.table)
            add_text(&set, path, text.content);
        free(path);
    }
    if (u.bad || u.rest.n > 0)
        path_problem(&set, "", "what was kept of the rules is damaged");
    return end_set(&set, fields, "");
}

struct sl_rules *sl_rules_load(const struct sl_config *config, struct sl_fields *fields,
                               struct sl_diags *diags)
{
    return sl_rules_load_from(config, &config->routes, fields, diags);
}

struct sl_rules *sl_rules_load_text(const struct sl_config *config, const char *name,
                                    struct sl_slice content, struct sl_fields *fields,
                                    struct sl_diags *diags)
{
    struct sl_rule_set set;

    begin_set(&set, config, diags);
    add_text(&set, name, content);
    return end_set(&set, fields, name);
}

void sl_rules_free(struct sl_rules *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < r->n_rules; i++) {
        free(r->rules[i].name);
        free(r->rules[i].to);
        sl_actions_free(r->rules[i].actions);
    }
    for (size_t i = 0; i < r->n_tests; i++)
        sl_test_release(&r->tests[i]);
    for (size_t i = 0; i < r->n_tables; i++)
        sl_table_free(r->tables[i]);
    free(r->tables);
    for (size_t i = 0; i < r->n_files; i++)
        free(r->files[i]);
    sl_index_free(r->index);
    free(r->rules);
    free(r->tests);
    free(r->nodes);
    free(r->fields);
    free(r->files);
    sl_rules_version_unref(r->version);
    free(r);
}

size_t sl_rules_count(const struct sl_rules *r)
{
    return r->n_rules;
}

struct sl_rule_info sl_rules_info(const struct sl_rules *r, unsigned rule)
{
    const struct sl_rule *at = &r->rules[rule];
    const char *base;

    if (rule >= r->n_rules)
        return (struct sl_rule_info){"(unmatched)", NULL, 0, "(unmatched)"};
    base = strrchr(at->file, '/');
    return (struct sl_rule_info){at->name, at->file, at->line,
                                 !at->row ? at->name
                                 : base   ? base + 1
                                          : at->file};
}

struct sl_rules_version *sl_rules_version(const struct sl_rules *r)
{
    return r->version;
}

uint64_t sl_rules_sinks(const struct sl_rules *r)
{
    return r->sinks;
}

bool sl_rules_read(const struct sl_rules *r, unsigned field)
{
    for (size_t i = 0; i < r->n_fields; i++)
        if (r->fields[i] == field)
            return true;
    for (size_t i = 0; i < r->n_rules; i++)
        if (r->rules[i].actions && sl_actions_read(r->rules[i].actions, field))
            return true;
    return false;
}
