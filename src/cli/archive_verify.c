/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>

#include "archive/check.h"
#include "base/alloc.h"
#include "base/list.h"
#include "cli/archive.h"
#include "cli/show.h"

/* Objects against themselves, and against their neighbours: the cuts of a partition follow one
 * another. Offsets between two cuts were either sent elsewhere by the rules, or an object is
 * missing. Where every cut holds a record for each of its offsets, the sink takes all of the
 * stream, and a gap is wrong; where it takes only a part, a gap is told and proves nothing. */

enum { OUTPUT_MAX = 256 << 20, PROBLEMS_MAX = 10000, TEXT_SHOWN = 2000 };

static const struct sl_cli_option options[] = {SL_ARCHIVE_OPTIONS};
const struct sl_cli_command sl_command_archive_verify = {
    .name = "archive verify",
    .summary = "checks archive objects, and that none is missing",
    .description =
        "Reads every object as a whole and checks its metadata against its name, the checksum of\n"
        "its bytes, its index, each member, and the number of records; and, for each partition,\n"
        "that the offsets of its objects neither overlap nor leave gaps. A gap is wrong where the\n"
        "sink gets every record of the topic; where rules send it only some, a gap may be records\n"
        "that went elsewhere, and is only told. With --from or --to gaps are not looked for.\n\n"
        "Exit status: 0 all is well, 1 something is wrong or the store could not be read, 2 the\n"
        "configuration is wrong.",
    .example = "sluice archive verify -c sluice.yaml\n"
               "sluice archive verify --topic logs --from 1d\n"
               "sluice archive verify --json | jq .problems",
    .options = options,
    .n_options = SL_LENGTH(options),
    .run = sl_cmd_archive_verify,
};

struct problem {
    const char *kind;
    bool wrong; /* or only to be told */
    char *key, *text;
};

struct verify {
    struct sl_archive_open open;
    bool gaps; /* are looked for */
    struct problem *problems;
    size_t n, wrong;
    uint64_t objects, records, raw, without_index, without_identity;

    /* The partition at hand; objects come in order. */
    const struct sl_archive_object *cut; /* the first object of the last cut; NULL: none yet */
    int64_t end;                         /* the last offset of all cuts so far */
    uint64_t cut_records;
    bool cut_known; /* all of the cut's objects could be counted */
    bool partial;   /* some cut has not just one record for each of its offsets */
    size_t first_problem;
};

static void __attribute__((format(printf, 5, 6)))
add(struct verify *v, const char *kind, bool wrong, const char *key, const char *format, ...)
{
    char text[1024];
    va_list args;

    v->wrong += wrong;
    if (v->n == PROBLEMS_MAX)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    v->problems = sl_reallocarray(v->problems, v->n + 1, sizeof(*v->problems));
    v->problems[v->n++] = (struct problem){kind, wrong, sl_strdup(key), sl_strdup(text)};
}

/* ---- the chain of cuts ---- */

static void end_cut(struct verify *v)
{
    const struct sl_archive_object *o = v->cut;

    if (o && v->cut_known && v->cut_records != (uint64_t)(o->name.last - o->name.first) + 1)
        v->partial = true;
}

/* Whether gaps are wrong is known when the partition has been seen to its end. */
static void end_partition(struct verify *v)
{
    end_cut(v);
    for (size_t i = v->first_problem; v->partial && i < v->n; i++)
        if (!strcmp(v->problems[i].kind, "gap")) {
            v->problems[i].wrong = false;
            v->wrong--;
        }
    v->first_problem = v->n;
    v->cut = NULL;
    v->partial = false;
}

static bool same_partition(const struct sl_archive_object *a, const struct sl_archive_object *b)
{
    return a->name.partition == b->name.partition && sl_slice_equal(a->name.topic, b->name.topic);
}

static void chain(struct verify *v, const struct sl_archive_object *o)
{
    const struct sl_s3_named *n = &o->name;

    if (v->cut && !same_partition(v->cut, o))
        end_partition(v);
    if (v->cut && v->cut->name.first == n->first && v->cut->name.last == n->last &&
        sl_slice_equal(v->cut->name.hash, n->hash)) {
        if (n->beside)
            add(v, "beside", false, o->key,
                "the same offsets once more, with other content: was the topic made anew?");
        return; /* another object of the same cut */
    }
    end_cut(v);
    if (v->cut && n->first <= v->end)
        add(v, "overlap", true, o->key,
            "offsets %" PRId64 "..%" PRId64 " are in another object too: %s", n->first,
            n->last < v->end ? n->last : v->end, v->cut->key);
    else if (v->cut && v->gaps && n->first > v->end + 1)
        add(v, "gap", true, o->key, "offsets %" PRId64 "..%" PRId64 " before it are in no object",
            v->end + 1, n->first - 1);
    v->end = v->cut && v->end > n->last ? v->end : n->last;
    v->cut = o;
    v->cut_records = 0;
    v->cut_known = true;
}

/* ---- one object ---- */

static void take(void *user, struct sl_archive_object *o, const struct sl_http_reply *reply,
                 const char *why)
{
    struct verify *v = sl_container_of(user, struct verify, open);
    struct sl_archive_checked checked = {0};
    struct sl_error err = {0};

    v->objects++;
    chain(v, o);
    if (!reply) {
        add(v, "unreadable", true, o->key, "%s", why);
        v->cut_known = false;
        return;
    }
    if (sl_archive_check(v->open.archive, o, reply, &checked, &err) != SL_OK) {
        add(v, "damaged", true, o->key, "%s", err.text);
        v->cut_known = false;
    }
    v->partial |= checked.many;
    v->records += checked.records;
    v->raw += checked.raw;
    v->cut_records += checked.records;
    v->without_index += !checked.indexed && o->name.compression != SL_COMPRESS_NONE;
    v->without_identity += checked.unnamed;
}

/* ---- showing ---- */

static void show_text(const struct verify *v)
{
    struct sl_buf out;

    sl_buf_init(&out, OUTPUT_MAX);
    for (size_t i = 0; i < v->n; i++) {
        const struct problem *p = &v->problems[i];

        sl_buf_printf(&out, "%s%s  ", p->kind, p->wrong ? "" : " (perhaps)");
        sl_show_text(sl_slice_str(p->key), TEXT_SHOWN, &out);
        SL_BUF_LITERAL(&out, "  ");
        sl_show_text(sl_slice_str(p->text), TEXT_SHOWN, &out);
        sl_buf_byte(&out, '\n');
    }
    sl_show_count(v->objects, &out);
    sl_buf_printf(&out, " object%s with ", v->objects == 1 ? "" : "s");
    sl_show_count(v->records, &out);
    sl_buf_printf(&out, " record%s", v->records == 1 ? "" : "s");
    if (v->without_index)
        sl_buf_printf(&out, ", %" PRIu64 " without an index", v->without_index);
    if (v->without_identity)
        sl_buf_printf(&out, ", %" PRIu64 " without an identity in the metadata",
                      v->without_identity);
    if (v->wrong)
        sl_buf_printf(&out, ": %zu thing%s wrong\n", v->wrong, v->wrong == 1 ? " is" : "s are");
    else
        SL_BUF_LITERAL(&out, ": all is well\n");
    sl_show_print(&out, stdout);
    sl_buf_release(&out);
}

static void show_json(const struct verify *v)
{
    struct sl_buf out;

    sl_buf_init(&out, OUTPUT_MAX);
    sl_buf_printf(&out,
                  "{\"objects\":%" PRIu64 ",\"records\":%" PRIu64 ",\"raw_bytes\":%" PRIu64
                  ",\"without_index\":%" PRIu64 ",\"without_identity\":%" PRIu64
                  ",\"wrong\":%zu,\"problems\":[",
                  v->objects, v->records, v->raw, v->without_index, v->without_identity, v->wrong);
    for (size_t i = 0; i < v->n; i++) {
        const struct problem *p = &v->problems[i];

        sl_buf_printf(&out, "%s{\"kind\":\"%s\",\"wrong\":%s,\"key\":", i ? "," : "", p->kind,
                      p->wrong ? "true" : "false");
        sl_show_string(sl_slice_str(p->key), &out);
        SL_BUF_LITERAL(&out, ",\"text\":");
        sl_show_string(sl_slice_str(p->text), &out);
        sl_buf_byte(&out, '}');
    }
    SL_BUF_LITERAL(&out, "],");
    sl_archive_reading_json(&v->open, &out);
    SL_BUF_LITERAL(&out, "}\n");
    sl_show_write(&out, stdout);
    sl_buf_release(&out);
}

/* ---- the command ---- */

static bool too_large(struct verify *v)
{
    struct sl_archive_object *objects;
    size_t n;

    objects = sl_archive_objects(v->open.archive, &n);
    for (size_t i = 0; i < n; i++)
        if (objects[i].size > SL_ARCHIVE_WHOLE_MAX) {
            sl_fail(&v->open.err, SL_ELIMIT, "%s is too large to be read whole", objects[i].key);
            return true;
        }
    return false;
}

static int run(struct verify *v, bool json)
{
    int status = sl_archive_find(&v->open);

    if (status)
        return status;
    if (too_large(v))
        return sl_archive_failed(&v->open);
    sl_archive_wholes(v->open.archive, take, sl_archive_on_done, &v->open);
    if (sl_archive_wait(&v->open))
        return sl_archive_failed(&v->open);
    end_partition(v);
    sl_dlq_progress_hide(&v->open.progress);
    if (json)
        show_json(v);
    else
        show_text(v);
    return v->wrong ? SL_EXIT_FAILED : SL_EXIT_DONE;
}

int sl_cmd_archive_verify(int argc, char **argv)
{
    const char *values[SL_LENGTH(options)];
    struct sl_cli_args args = {.values = values};
    struct verify v = {.n = 0};
    int status;

    if (!sl_cli_parse(&sl_command_archive_verify, argc, argv, &args, &status))
        return status;
    status = sl_archive_open(&sl_command_archive_verify, values, &v.open);
    v.gaps = !values[SL_ARCHIVE_OPT_FROM] && !values[SL_ARCHIVE_OPT_TO];
    if (!status)
        status = run(&v, values[SL_ARCHIVE_OPT_JSON] != NULL);
    for (size_t i = 0; i < v.n; i++) {
        free(v.problems[i].key);
        free(v.problems[i].text);
    }
    free(v.problems);
    sl_archive_open_release(&v.open);
    return status;
}
