/* SPDX-License-Identifier: Apache-2.0 */
#include <locale.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/sanitized.h"
#include "route/chance.h"
#include "route/help.h"
#include "route/naive.h"

/* Random rules, in YAML and in tables, and random records: the router must decide as naive.c does,
 * and what leaves must be what naive_act.c makes of the record, byte for byte where no rule changed
 * it. SLUICE_SEED takes another seed, SLUICE_PAIRS makes it longer. Unasked it is always the
 * same: one seed in twenty meets a mistake of PCRE2 10.42, whose JIT code does not find
 * `(t|uth) *hx?` in "auth" although its interpreter does. Where the two part, rules,
 * conditions and actions are taken away for as long as they still part; what is left is shown. */

enum {
    FIRST_SEED = 20261123,
    RECORDS = 600, /* for one set of rules */
};

struct world {
    char folder[64];
    json_t *rules, *tables;
    struct box box;
    struct naive_set naive;
    struct sl_header header;
    struct sl_buf as_it_came, out;
};

static bool keeps(const char *text, double percent)
{
    return (double)(sl_hash(text, strlen(text)) >> 32) < percent / 100 * 4294967296.0;
}

/* ---- files ---- */

static FILE *open_in(const struct world *w, const char *name)
{
    char path[160];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", w->folder, name);
    file = fopen(path, "w");
    assert_non_null(file);
    return file;
}

static void write_cell(FILE *file, const char *text)
{
    size_t n = strlen(text);

    if (!strpbrk(text, ",\"\r\n") && !(n && (text[0] == ' ' || text[n - 1] == ' '))) {
        fputs(text, file);
        return;
    }
    fputc('"', file);
    for (; *text; text++)
        fprintf(file, *text == '"' ? "\"\"" : "%c", *text);
    fputc('"', file);
}

static void write_operand(FILE *file, const json_t *value)
{
    struct sl_buf text;
    const json_t *one;
    char *plain;
    size_t i;

    sl_buf_init(&text, 1 << 16);
    json_array_foreach(value, i, one)
    {
        sl_buf_text(&text, i ? " | " : "");
        sl_buf_text(&text, json_string_value(one));
    }
    if (json_is_boolean(value))
        sl_buf_text(&text, json_is_true(value) ? "TRUE" : "false");
    if (!json_is_array(value) && !json_is_boolean(value)) {
        plain = naive_text(value);
        sl_buf_text(&text, plain);
        free(plain);
    }
    write_cell(file, sl_buf_str(&text));
    sl_buf_release(&text);
}

/* The columns that the rows of the file need: {"path op": {"path", "op"}}. */
static json_t *columns_of(const json_t *rows)
{
    json_t *columns = json_object();
    const json_t *row, *operators, *operand;
    const char *path, *op;
    size_t i;

    json_array_foreach(rows, i, row)
        json_object_foreach(json_object_get(row, "when"), path, operators)
            json_object_foreach((json_t *)operators, op, operand)
    {
        const char *word = strcmp(op, "not") != 0 ? op : json_is_object(operand) ? "!~" : "!=";
        char title[160];

        snprintf(title, sizeof(title), "%s %s", path, word);
        json_object_set_new(columns, title, json_pack("{ssss}", "path", path, "op", word));
    }
    return columns;
}

static const json_t *operand_of(const json_t *row, const json_t *column)
{
    const char *op = json_string_value(json_object_get(column, "op"));
    const json_t *operators = json_object_get(json_object_get(row, "when"),
                                              json_string_value(json_object_get(column, "path"))),
                 *not_op = json_object_get(operators, "not");

    if (!strcmp(op, "!~"))
        return json_object_get(not_op, "regex");
    if (!strcmp(op, "!="))
        return json_is_array(not_op) ? not_op : NULL;
    return json_object_get(operators, op);
}

static void write_csv(struct world *w, const char *name, const json_t *rows)
{
    json_t *columns = columns_of(rows);
    const json_t *row, *column, *sink;
    FILE *file = open_in(w, name);
    const char *title;
    size_t i, k;

    fputs("name", file);
    json_object_foreach(columns, title, column)
    {
        size_t n = strlen(title);
        bool is_equal = n > 6 && !strcmp(title + n - 6, " equal");

        fprintf(file, ",%.*s", (int)(is_equal && n % 2 ? n - 6 : n), title);
    }
    fputs(",to,drop,continue\n", file);
    json_array_foreach(rows, i, row)
    {
        fputs(json_string_value(json_object_get(row, "name")), file);
        json_object_foreach(columns, title, column)
        {
            fputc(',', file);
            if (operand_of(row, column))
                write_operand(file, operand_of(row, column));
        }
        fputc(',', file);
        json_array_foreach(json_object_get(row, "to"), k, sink)
            fprintf(file, k ? " %s" : "%s", json_string_value(sink));
        fprintf(file, ",%s,%s\n", json_is_true(json_object_get(row, "drop")) ? "TRUE" : "",
                json_is_true(json_object_get(row, "continue")) ? "true" : "");
    }
    json_decref(columns);
    fclose(file);
}

static void write_yaml(struct world *w, const char *name, json_t *rows)
{
    json_t *copy = json_deep_copy(rows), *file = json_pack("{so}", "rules", copy), *row;
    FILE *to = open_in(w, name);
    size_t i;

    json_array_foreach(copy, i, row) json_object_del(row, "#file");
    json_dumpf(file, to, json_array_size(rows) % 2 ? JSON_INDENT(2) : 0);
    json_decref(file);
    fclose(to);
}

static void write_rules(struct world *w)
{
    size_t i = 0, n = json_array_size(w->rules);

    while (i < n) {
        json_t *part = json_array(), *first = json_array_get(w->rules, i);
        json_int_t number = json_integer_value(json_object_get(first, "#file"));
        char name[32];

        while (i < n &&
               json_integer_value(json_object_get(json_array_get(w->rules, i), "#file")) == number)
            json_array_append(part, json_array_get(w->rules, i++));
        snprintf(name, sizeof(name), "%04d.%s", (int)number,
                 json_object_get(first, "#row") ? "csv" : "yaml");
        if (json_object_get(first, "#row"))
            write_csv(w, name, part);
        else
            write_yaml(w, name, part);
        json_decref(part);
    }
}

static void write_tables(struct world *w)
{
    const json_t *table, *row, *one;
    const char *name;
    size_t i, k;

    json_object_foreach(w->tables, name, table)
    {
        bool csv = strstr(name, ".csv") != NULL;
        FILE *file = open_in(w, name);

        json_array_foreach(table, i, row)
        {
            if (i == 0 && !csv) {
                fputs("# a file without a byte would be refused\n", file);
                continue;
            }
            json_array_foreach(row, k, one)
            {
                fputs(k ? "," : "", file);
                if (csv)
                    write_cell(file, json_string_value(one));
                else
                    fputs(json_string_value(one), file);
            }
            fputc('\n', file);
        }
        fclose(file);
    }
}

static void remove_files(struct world *w)
{
    char command[200];

    snprintf(command, sizeof(command), "rm -rf %s", w->folder);
    assert_int_equal(system(command), 0);
}

/* ---- a world: rules in files, loaded, and the naive beside them ---- */

static bool world_begin(struct world *w, json_t *rules, json_t *tables)
{
    static const char template[] = "/tmp/sluice-pairs-XXXXXX";
    const char *path = w->folder;
    char below[100];

    memcpy(w->folder, template, sizeof(template));
    assert_non_null(mkdtemp(w->folder));
    snprintf(below, sizeof(below), "%s/tables", w->folder);
    assert_int_equal(mkdir(below, 0700), 0);
    w->rules = rules;
    w->tables = tables;
    write_rules(w);
    write_tables(w);
    box_config(&w->box);
    w->box.config.routes = (struct sl_strings){&path, 1};
    if (json_array_size(rules) % 2)
        w->box.rules = sl_rules_load(&w->box.config, w->box.fields, &w->box.diags);
    else
        box_load_kept(&w->box, w->folder);
    if (w->box.rules) {
        w->box.matcher =
            sl_matcher_new(w->box.rules, &(struct sl_matcher_config){.fields = w->box.fields});
        w->box.decoder = sl_decoder_new(&(struct sl_decoder_config){.fields = w->box.fields}, NULL);
        sl_fields_compile(w->box.fields);
    }
    w->naive = (struct naive_set){.rules = rules,
                                  .tables = tables,
                                  .sinks = chance_sinks,
                                  .n_sinks = N_SINKS,
                                  .unmatched = ARCHIVE,
                                  .keeps = keeps};
    naive_begin(&w->naive);
    sl_buf_init(&w->as_it_came, 1 << 20);
    sl_buf_init(&w->out, 1 << 20);
    return w->box.rules != NULL;
}

static void world_end(struct world *w)
{
    remove_files(w);
    naive_end(&w->naive);
    box_release(&w->box);
    sl_buf_release(&w->as_it_came);
    sl_buf_release(&w->out);
}

/* ---- the same? ---- */

/* Members at the top of an object, as they are spelled. False past the last. */
static bool next_member(struct sl_slice object, size_t *at, struct sl_slice *ret)
{
    bool quoted = false;
    int depth = 0;
    size_t i = *at + 1;

    if (*at + 1 >= object.n)
        return false;
    for (; i < object.n && !(depth == 0 && !quoted && (object.p[i] == ',' || object.p[i] == '}'));
         i++) {
        if (quoted && object.p[i] == '\\')
            i++;
        else if (object.p[i] == '"')
            quoted = !quoted;
        else if (!quoted)
            depth += strchr("[{", object.p[i]) ? 1 : strchr("]}", object.p[i]) ? -1 : 0;
    }
    *ret = sl_slice(object.p + *at + 1, i - *at - 1);
    while (ret->n && *ret->p == ' ') /* belongs to the comma */
        *ret = sl_slice(ret->p + 1, ret->n - 1);
    *at = i;
    return ret->n > 0;
}

/* What no rule named stands in the output as it came, and in its order. */
static bool untouched_stay(struct sl_slice before, struct sl_slice after, const json_t *named)
{
    struct sl_slice member;
    size_t at = 0, from = 0;

    if (json_object_get(named, "*"))
        return true;
    while (next_member(before, &at, &member)) {
        json_t *one = NULL;
        const char *found;
        char *text = sl_asprintf("{%.*s}", (int)member.n, member.p);

        one = json_loads(text, 0, NULL);
        free(text);
        if (!one)
            return false;
        if (!json_object_get(named, json_object_iter_key(json_object_iter(one)))) {
            found = memmem(after.p + from, after.n - from, member.p, member.n);
            if (found)
                from = (size_t)(found - after.p) + member.n;
            else
                member.p = NULL;
        }
        json_decref(one);
        if (!member.p)
            return false;
    }
    return true;
}

static const char *other_record(struct world *w, const struct sl_choice *choice,
                                const struct naive *want, int i)
{
    const char *why = NULL;
    json_t *got;

    sl_buf_clear(&w->out);
    sl_record_json(choice->record, false, sl_slice("", 0), &w->out, NULL);
    if (json_object_size(want->named) == 0)
        return sl_slice_equal(sl_buf_as_slice(&w->out), sl_buf_as_slice(&w->as_it_came))
                   ? NULL
                   : "bytes of an unchanged record";
    got = json_loadb(w->out.p, w->out.n, 0, NULL);
    if (!got)
        why = "not JSON";
    else if (want->records[i] && !json_equal(got, want->records[i]))
        why = "record";
    else if (!untouched_stay(sl_buf_as_slice(&w->as_it_came), sl_buf_as_slice(&w->out),
                             want->named))
        why = "bytes of members that no rule names";
    json_decref(got);
    return why;
}

static unsigned rule_of(int naive)
{
    return naive == NAIVE_NONE        ? SL_RULE_NONE
           : naive == NAIVE_UNMATCHED ? SL_RULE_UNMATCHED
                                      : (unsigned)naive;
}

static const char *other_decision(struct world *w, const struct naive *want)
{
    static const enum sl_drop_reason reasons[] = {
        [NAIVE_RULE] = SL_DROP_RULE,
        [NAIVE_NO_RULE] = SL_DROP_UNMATCHED,
        [NAIVE_SAMPLE] = SL_DROP_SAMPLE,
        [NAIVE_RATE_LIMIT] = SL_DROP_RATE_LIMIT,
    };
    const struct sl_decision *d = &w->box.decision;
    const unsigned *matched;
    size_t n;

    matched = sl_matcher_matched(w->box.matcher, &n);
    if (d->error_rule != SL_RULE_NONE)
        return "a limit";
    if (n != (size_t)want->n_matched)
        return "number of rules that matched";
    for (size_t i = 0; i < n; i++)
        if (matched[i] != (unsigned)want->matched[i])
            return "rules that matched";
    if (d->n != (size_t)want->n)
        return "number of sinks";
    if (d->dropped_by != rule_of(want->dropped_by))
        return "rule that drops";
    if (want->dropped_by != NAIVE_NONE && d->drop_reason != reasons[want->reason])
        return "reason of the drop";
    for (int i = 0; i < want->n; i++) {
        const char *other = NULL;

        if (d->chosen[i].sink != (unsigned)want->sinks[i] || !(d->sinks >> want->sinks[i] & 1))
            return "sink";
        if (d->chosen[i].rule != rule_of(want->rules[i]))
            return "rule of a sink";
        if ((other = other_record(w, &d->chosen[i], want, i)))
            return other;
    }
    return NULL;
}

/* What differs, or NULL. record: [record, names, flags]. */
static const char *compare(struct world *w, const json_t *record, bool *ret_unmatched)
{
    const json_t *names = json_array_get(record, 1);
    size_t flags = (size_t)json_integer_value(json_array_get(record, 2));
    char *text = json_dumps(json_array_get(record, 0), flags);
    struct sl_message *m = &w->box.message;
    struct naive want;
    const char *why;

    w->header.name = sl_slice_str("trace");
    w->header.value = sl_slice_str(json_string_value(json_object_get(names, "@headers.trace")));
    m->key = sl_slice_str(json_string_value(json_object_get(names, "@key")));
    m->headers = &w->header;
    m->n_headers = 1;
    m->value = sl_slice_str(text);
    sl_decode(w->box.decoder, m, &w->box.record);
    sl_buf_clear(&w->as_it_came);
    sl_record_json(&w->box.record, false, sl_slice("", 0), &w->as_it_came, NULL);
    sl_route(w->box.matcher, &w->box.record, &w->box.decision);
    naive_route(&w->naive, json_array_get(record, 0), names, &want);
    why = other_decision(w, &want);
    if (ret_unmatched)
        *ret_unmatched = want.n == 1 && want.rules[0] == NAIVE_UNMATCHED;
    naive_release(&want);
    free(text);
    return why;
}

/* ---- where they part ---- */

/* Records are all that came so far, as a rule may count them. */
static const char *part(json_t *rules, json_t *tables, const json_t *records)
{
    const char *why = NULL;
    struct world w;
    const json_t *one;
    size_t i;

    if (world_begin(&w, rules, tables))
        json_array_foreach(records, i, one)
        {
            why = compare(&w, one, NULL);
            if (why)
                break;
        }
    world_end(&w);
    return why && i + 1 == json_array_size(records) ? why : NULL;
}

/* Without kind and level they are added to the record (naive_route()); without the others the
 * naive does not know what to do. */
static bool needed(const char *key)
{
    static const char *const keys[] = {"name", "kind", "level",   "request", "#file", "by",
                                       "keep", "mask", "records", "per",     "regex"};

    for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
        if (!strcmp(key, keys[i]))
            return true;
    return false;
}

/* Takes members and elements away, deepest last, as long as the two still part. */
static void shrink(json_t *at, json_t *rules, json_t *tables, json_t *records)
{
    json_t *kept, *copy;
    const char *key;
    void *tmp;

    for (size_t i = json_array_size(at); i-- > 0;) {
        kept = json_incref(json_array_get(at, i));
        json_array_remove(at, i);
        if (!part(rules, tables, records)) {
            json_array_insert(at, i, kept);
            shrink(kept, rules, tables, records);
        }
        json_decref(kept);
    }
    copy = json_copy(at);
    json_object_foreach_safe(copy, tmp, key, kept)
    {
        if (needed(key))
            continue;
        json_t *whole = json_copy(at);

        json_object_del(at, key);
        if (!part(rules, tables, records)) { /* back, and in its order */
            json_object_clear(at);
            json_object_update(at, whole);
            shrink(kept, rules, tables, records);
        }
        json_decref(whole);
    }
    json_decref(copy);
}

static void show(const char *title, const json_t *value)
{
    char *text = json_dumps(value, JSON_ENCODE_ANY);

    print_message("%s: %s\n", title, text);
    free(text);
}

static void parted(json_t *rules, json_t *tables, json_t *records, const char *why)
{
    json_t *last = json_array_get(records, json_array_size(records) - 1),
           *alone = json_pack("[O]", last), *record;

    if (!part(rules, tables, alone)) {
        json_decref(alone);
        alone = json_incref(records);
    }
    print_message("they part: %s; in less:\n", why);
    if (part(rules, tables, alone)) {
        shrink(rules, rules, tables, alone);
        record = json_array_get(json_array_get(alone, json_array_size(alone) - 1), 0);
        shrink(record, rules, tables, alone);
        why = part(rules, tables, alone);
    }
    show("rules", rules);
    show("tables", tables);
    show("record", json_array_get(alone, json_array_size(alone) - 1));
    fail_msg("they part: %s (after %zu records)", why, json_array_size(alone));
}

/* ---- pairs ---- */

static void one_set(struct chance *c, size_t *done, size_t *unmatched)
{
    bool dense = c->dense = chance_below(c, 3) == 0;
    unsigned n = 1 + chance_below(c, chance_below(c, 4) && !dense ? 12
                                     : chance_below(c, 3)         ? 80
                                                                  : 300);
    bool actions = chance_below(c, 2), is_unmatched;
    json_t *tables = chance_tables(c), *rules = chance_rules(c, n, actions, tables),
           *records = json_array();
    const char *why = NULL;
    struct world w;

    if (!world_begin(&w, rules, tables)) {
        sl_diags_sort(&w.box.diags);
        sl_diags_print(&w.box.diags, stderr);
        fail_msg("rules that are right were refused");
    }
    for (unsigned i = 0; i < RECORDS && !why; i++) {
        unsigned flags = (chance_below(c, 2) ? JSON_ENSURE_ASCII : 0) |
                         (chance_below(c, 2) ? JSON_ESCAPE_SLASH : 0);
        json_t *record = json_pack("[ooi]", chance_record(c, actions), chance_names(c), flags);

        why = compare(&w, record, &is_unmatched);
        *unmatched += is_unmatched;
        json_array_append_new(records, record);
    }
    world_end(&w);
    if (why)
        parted(rules, tables, records, why);
    *done += RECORDS;
    json_decref(records);
    json_decref(rules);
    json_decref(tables);
}

static void the_router_decides_as_the_naive_evaluator(void **state)
{
    const size_t usual = SL_SANITIZED ? 60000 : 1000000;
    const char *seed = getenv("SLUICE_SEED"), *wanted = getenv("SLUICE_PAIRS");
    size_t pairs = wanted ? strtoul(wanted, NULL, 10) : usual, done = 0, unmatched = 0;
    struct chance c = {0};

    (void)state;
    c.state = seed ? strtoull(seed, NULL, 10) : FIRST_SEED;
    print_message("SLUICE_SEED=%llu\n", (unsigned long long)c.state);
    c.state |= 1ULL << 63; /* the generator never leaves 0 */
    while (done < pairs)
        one_set(&c, &done, &unmatched);
    /* Random rules must be worth something: neither all records nor none match. */
    assert_in_range(unmatched, done / 100, done * 9 / 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_router_decides_as_the_naive_evaluator)};

    setlocale(LC_ALL, "C.UTF-8"); /* for POSIX regular expressions */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
