/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/hash.h"
#include "record/levels.h"
#include "record/unwrap_private.h"

/* Logs of OpenTelemetry's protocol in JSON, as collectors write them to Kafka:
 *
 *   {"resourceLogs":[{"resource":{"attributes":[...]},
 *     "scopeLogs":[{"scope":{"name":"..."},"logRecords":[{"timeUnixNano":"1769862896789000000",
 *       "severityNumber":9,"body":{"stringValue":"paid"},"attributes":[...],"traceId":"..."}]}]}]}
 *
 * Each log record is a record. What it shares with others, its resource and scope, comes in each,
 * and is made once for those that stand beside one another. Attributes keep their own names below
 * `attributes`, `resource` and `scope`, where they are in nobody's way; those that say what Sluice
 * calls service, stage, region, instance and version are these, too. */

enum { TRACE_BYTES = 32, SPAN_BYTES = 16 };

struct scope {
    struct sl_slice resource, scope; /* objects; p == NULL: none */
};

struct sl_otlp {
    struct sl_otlp_names *names;
    struct scope *scopes;
    size_t n, cap;
    /* Made for the scope at hand. */
    struct sl_buf resource, scope, attributes;
    const struct scope *made;
    bool made_whole;
};

struct sl_otlp *sl_otlp_new(void)
{
    struct sl_otlp *o = sl_zalloc(sizeof(*o));

    o->names = sl_otlp_names_new();
    sl_buf_init(&o->resource, SL_UNWRAP_TEXT_MAX);
    sl_buf_init(&o->scope, SL_UNWRAP_TEXT_MAX);
    sl_buf_init(&o->attributes, SL_UNWRAP_TEXT_MAX);
    return o;
}

void sl_otlp_free(struct sl_otlp *o)
{
    if (!o)
        return;
    sl_otlp_names_free(o->names);
    free(o->scopes);
    sl_buf_release(&o->resource);
    sl_buf_release(&o->scope);
    sl_buf_release(&o->attributes);
    free(o);
}

void sl_otlp_shrink(struct sl_otlp *o)
{
    if (!o)
        return;
    sl_buf_reset(&o->resource, SL_UNWRAP_KEEP);
    sl_buf_reset(&o->scope, SL_UNWRAP_KEEP);
    sl_buf_reset(&o->attributes, SL_UNWRAP_KEEP);
    o->n = 0;
    o->made = NULL;
    if (o->cap > SL_PIECES_KEEP) {
        free(o->scopes);
        o->scopes = NULL;
        o->cap = 0;
    }
}

/* ---- opening ---- */

static bool looks(struct sl_slice value)
{
    return sl_slice_is(sl_first_name(value), "resourceLogs");
}

struct finding {
    struct sl_unwrapped *u;
    enum sl_unwrap_outcome outcome;
    const char *why;
};

static bool stop(struct finding *f, enum sl_unwrap_outcome outcome, const char *why)
{
    f->outcome = outcome;
    f->why = why;
    return false;
}

static bool not_otlp(struct finding *f)
{
    return stop(f, SL_UNWRAP_NOT, "otlp_json: not built as OpenTelemetry's logs are");
}

/* Member `name` of an object, which may lack it, as the type it must have. */
static bool member(struct finding *f, struct sl_slice object, const char *name,
                   enum sl_value_type type, struct sl_value *ret)
{
    *ret = sl_object_member(object, name);
    return ret->type == SL_VALUE_ABSENT || ret->type == (uint8_t)type || not_otlp(f);
}

static uint32_t add_scope(struct sl_otlp *o, struct sl_value resource, struct sl_value scope)
{
    if (o->n == o->cap) {
        o->cap = o->cap ? o->cap * 2 : 16;
        o->scopes = sl_reallocarray(o->scopes, o->cap, sizeof(*o->scopes));
    }
    o->scopes[o->n] = (struct scope){sl_slice(resource.p, resource.n), sl_slice(scope.p, scope.n)};
    return (uint32_t)o->n++;
}

static bool find_records(struct finding *f, struct sl_slice object, struct sl_value resource)
{
    struct sl_unwrapped *u = f->u;
    struct sl_value scope, records, record;
    size_t at = 0, before = u->n;
    uint32_t shared;

    if (!member(f, object, "scope", SL_VALUE_OBJECT, &scope) ||
        !member(f, object, "logRecords", SL_VALUE_ARRAY, &records))
        return false;
    shared = add_scope(u->otlp, resource, scope);
    while (sl_value_element(&records, &at, &record)) {
        if (record.type != SL_VALUE_OBJECT)
            return not_otlp(f);
        if (!sl_unwrap_add(u, sl_slice(record.p, record.n), shared))
            return stop(f, SL_UNWRAP_REFUSED, "otlp_json: too many log records");
    }
    if (u->n == before)
        u->otlp->n--; /* so there are no more of them than pieces */
    return sl_unwrap_shared(u, u->n - before, (size_t)resource.n + scope.n) ||
           stop(f, SL_UNWRAP_REFUSED, "otlp_json: too many log records for so large a resource");
}

static bool find_scopes(struct finding *f, struct sl_slice object)
{
    struct sl_value resource, scopes, scope;
    size_t at = 0;

    if (!member(f, object, "resource", SL_VALUE_OBJECT, &resource) ||
        !member(f, object, "scopeLogs", SL_VALUE_ARRAY, &scopes))
        return false;
    while (sl_value_element(&scopes, &at, &scope))
        if (scope.type != SL_VALUE_OBJECT)
            return not_otlp(f);
        else if (!find_records(f, sl_slice(scope.p, scope.n), resource))
            return false;
    return true;
}

static enum sl_unwrap_outcome open_logs(struct sl_unwrapped *u, const struct sl_form_context *c,
                                        struct sl_slice value, size_t *ret_n, const char **ret_why)
{
    struct finding f = {.u = u};
    struct sl_value resources, resource;
    size_t at = 0;

    (void)c;
    if (!sl_unwrap_check(u, value, ret_why))
        return SL_UNWRAP_NOT;
    if (!u->otlp)
        u->otlp = sl_otlp_new();
    u->otlp->n = 0;
    u->otlp->made = NULL;
    resources = sl_unwrap_member(u, SL_OTLP_RESOURCES);
    if (resources.type != SL_VALUE_ARRAY)
        not_otlp(&f);
    while (!f.why && sl_value_element(&resources, &at, &resource))
        if (resource.type != SL_VALUE_OBJECT)
            not_otlp(&f);
        else
            find_scopes(&f, sl_slice(resource.p, resource.n));
    if (!f.why && u->n == 0)
        stop(&f, SL_UNWRAP_NOTHING, "an export of OpenTelemetry without log records");
    *ret_why = f.why;
    *ret_n = u->n;
    return f.why ? f.outcome : SL_UNWRAP_OK;
}

/* ---- what is shared ---- */

/* {"name":"...","version":"...","attributes":{...}} */
static bool make_scope(struct sl_otlp *o, struct sl_slice scope)
{
    static const char *const names[] = {"name", "version"};
    struct sl_value attributes = sl_object_member(scope, "attributes");
    bool whole = true;

    sl_buf_byte(&o->scope, '{');
    for (size_t i = 0; i < 2; i++) {
        struct sl_value v = sl_object_member(scope, names[i]);

        if (v.type != SL_VALUE_STRING || v.n == 0)
            continue;
        sl_buf_printf(&o->scope, "%s\"%s\":", o->scope.n > 1 ? "," : "", names[i]);
        sl_buf_slice(&o->scope, sl_json_whole(&v));
    }
    if (attributes.type == SL_VALUE_ARRAY && attributes.n > 2) {
        sl_buf_text(&o->scope, o->scope.n > 1 ? ",\"attributes\":" : "\"attributes\":");
        whole = sl_otlp_attributes(o->names, &attributes, &o->scope);
    }
    sl_buf_byte(&o->scope, '}');
    return whole;
}

static void make_shared(struct sl_otlp *o, const struct scope *s)
{
    if (o->made == s)
        return;
    sl_buf_clear(&o->resource);
    sl_buf_clear(&o->scope);
    o->made_whole = true;
    if (s->resource.p) {
        struct sl_value attributes = sl_object_member(s->resource, "attributes");

        o->made_whole = sl_otlp_attributes(o->names, &attributes, &o->resource);
    }
    if (s->scope.p)
        o->made_whole &= make_scope(o, s->scope);
    o->made = s;
}

/* Of several spellings the first that is there. */
static void add_service(const struct sl_otlp *o, struct sl_members *members)
{
    static const struct {
        const char *attribute, *member;
    } words[] = {{"service.name", "service"},         {"deployment.environment.name", "stage"},
                 {"deployment.environment", "stage"}, {"cloud.region", "region"},
                 {"service.instance.id", "instance"}, {"service.version", "version"}};
    struct sl_value found[sizeof(words) / sizeof(words[0])] = {0}, v;
    struct sl_object_walk w;
    struct sl_slice name;

    if (o->resource.n == 0)
        return;
    for (sl_object_begin(&w, sl_buf_as_slice(&o->resource)); sl_object_next(&w, &name, &v);)
        for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
            if (sl_slice_is(name, words[i].attribute) && v.type == SL_VALUE_STRING)
                found[i] = v;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        sl_unwrap_keep(members, words[i].member, &found[i]);
}

static void add_object(struct sl_members *members, const char *name, const struct sl_buf *object)
{
    if (object->n > 2)
        sl_members_json(members, sl_slice_str(name), sl_buf_as_slice(object));
}

/* ---- one log record ---- */

enum member {
    TIME,
    OBSERVED,
    NUMBER,
    TEXT,
    BODY,
    ATTRIBUTES,
    DROPPED,
    FLAGS,
    TRACE_ID,
    SPAN_ID,
    EVENT_NAME,
    MEMBERS
};

/* All in one walk; of one that is there twice the first counts. */
static void take_apart(struct sl_slice record, struct sl_value ret[MEMBERS])
{
    static const struct sl_slice names[MEMBERS] = {{"timeUnixNano", 12},
                                                   {"observedTimeUnixNano", 20},
                                                   {"severityNumber", 14},
                                                   {"severityText", 12},
                                                   {"body", 4},
                                                   {"attributes", 10},
                                                   {"droppedAttributesCount", 22},
                                                   {"flags", 5},
                                                   {"traceId", 7},
                                                   {"spanId", 6},
                                                   {"eventName", 9}};
    struct sl_object_walk w;
    struct sl_slice name;
    struct sl_value v;

    memset(ret, 0, MEMBERS * sizeof(*ret));
    for (sl_object_begin(&w, record); sl_object_next(&w, &name, &v);)
        for (size_t i = 0; i < MEMBERS; i++)
            if (sl_slice_equal(name, names[i]) && ret[i].type == SL_VALUE_ABSENT &&
                v.type != SL_VALUE_NULL)
                ret[i] = v;
}

/* By its number, 1 to 24, four of each level, or by the number's name, SEVERITY_NUMBER_WARN2. */
static int64_t severity_of(const struct sl_value *v)
{
    static const struct sl_slice prefix = {"SEVERITY_NUMBER_", 16};
    struct sl_slice name = sl_slice(v->p, v->n);
    enum sl_level level;
    int64_t n = 0;

    if (sl_unwrap_int(v, &n))
        return n;
    if (v->type != SL_VALUE_STRING || name.n <= prefix.n || memcmp(name.p, prefix.p, prefix.n) != 0)
        return 0;
    name = sl_slice(name.p + prefix.n, name.n - prefix.n);
    if (name.p[name.n - 1] >= '2' && name.p[name.n - 1] <= '4')
        n = name.p[--name.n] - '1';
    level = sl_level_of_word(name);
    return level == SL_LEVEL_NONE ? 0 : (level - 1) * 4 + 1 + n;
}

static enum sl_level add_severity(const struct sl_value v[MEMBERS], struct sl_members *members)
{
    const struct sl_value *text = &v[TEXT];
    int64_t n = severity_of(&v[NUMBER]);
    char digits[2] = {(char)('0' + n / 10), (char)('0' + n % 10)};

    sl_unwrap_keep(members, "severity_text", text);
    if (n < 1 || n > 24)
        return text->type == SL_VALUE_STRING ? sl_level_of_word(sl_slice(text->p, text->n))
                                             : SL_LEVEL_NONE;
    sl_members_number(members, SL_SLICE_LITERAL("severity_number"),
                      n < 10 ? sl_slice(digits + 1, 1) : sl_slice(digits, 2));
    return (enum sl_level)((n - 1) / 4 + 1);
}

/* The digits of an id, lower case as traceparent has them; false for what is none. Protobuf's own
 * JSON has bytes in base64, and some senders write that. */
static bool hex_of(const struct sl_value *v, size_t n, char ret[TRACE_BYTES + 1])
{
    char room[TRACE_BYTES];
    struct sl_buf bytes = {.p = room, .cap = sizeof(room), .max = sizeof(room)};

    if (v->n == (n / 2 + 2) / 3 * 4 && sl_base64_decode(sl_slice(v->p, v->n), &bytes) == SL_OK &&
        bytes.n == n / 2) {
        sl_hex((const uint8_t *)bytes.p, bytes.n, ret);
        return true;
    }
    ret[n] = '\0';
    for (size_t i = 0; i < n && v->n == n; i++) {
        ret[i] = v->p[i] >= 'A' && v->p[i] <= 'F' ? (char)(v->p[i] | 0x20) : v->p[i];
        if (!((ret[i] >= '0' && ret[i] <= '9') || (ret[i] >= 'a' && ret[i] <= 'f')))
            return false;
    }
    return v->n == n;
}

/* All zeros say that there is none. */
static void add_id(const struct sl_value *v, const char *to, size_t n, struct sl_members *members)
{
    char id[TRACE_BYTES + 1];

    if (v->type != SL_VALUE_STRING || !hex_of(v, n, id))
        sl_unwrap_keep(members, to, v);
    else if (strspn(id, "0") < n)
        sl_members_string(members, sl_slice_str(to), sl_slice(id, n));
}

/* A number that is 0 where nothing is known, kept as it is spelled. */
static int64_t add_number(const struct sl_value *v, const char *to, struct sl_members *members)
{
    int64_t n;

    if (!sl_unwrap_int(v, &n) || n == 0)
        return 0;
    sl_unwrap_keep(members, to, v);
    return n;
}

static bool add_attributes(struct sl_otlp *o, const struct sl_value *attributes,
                           struct sl_members *members)
{
    bool whole;

    if (attributes->type != SL_VALUE_ARRAY)
        return true;
    sl_buf_clear(&o->attributes);
    whole = sl_otlp_attributes(o->names, attributes, &o->attributes);
    add_object(members, "attributes", &o->attributes);
    return whole;
}

/* The log record as the only one of its resource, without its body. */
static void make_wrapper(struct sl_unwrapped *u, const struct scope *s, const struct sl_value *body,
                         struct sl_piece *ret)
{
    sl_buf_clear(&u->wrapper);
    SL_BUF_LITERAL(&u->wrapper, "{\"resource\":");
    sl_buf_slice(&u->wrapper, s->resource.p ? s->resource : SL_SLICE_LITERAL("{}"));
    SL_BUF_LITERAL(&u->wrapper, ",\"scopeLogs\":[{\"scope\":");
    sl_buf_slice(&u->wrapper, s->scope.p ? s->scope : SL_SLICE_LITERAL("{}"));
    SL_BUF_LITERAL(&u->wrapper, ",\"logRecords\":[");
    sl_unwrap_around(u, ret->raw, body, body->type == SL_VALUE_STRING ? "" : "null");
    SL_BUF_LITERAL(&u->wrapper, "]}]}");
    ret->wrapper = sl_buf_as_slice(&u->wrapper);
}

static bool take_body(struct sl_unwrapped *u, const struct scope *s, struct sl_value body,
                      struct sl_piece *ret)
{
    struct sl_value text = body;
    bool whole = true;

    ret->text = sl_slice("", 0);
    if (body.type == SL_VALUE_ABSENT)
        return true;
    if (body.type == SL_VALUE_OBJECT)
        text = sl_object_member(sl_slice(body.p, body.n), "stringValue");
    if (body.type == SL_VALUE_OBJECT && text.type == SL_VALUE_ABSENT)
        text = sl_object_member(sl_slice(body.p, body.n), "bytesValue");
    if (text.type == SL_VALUE_STRING) {
        ret->text = sl_unwrap_text(u, &text);
        body = text;
    } else {
        sl_buf_clear(&u->text);
        whole = sl_otlp_value(u->otlp->names, &body, &u->text);
        if (sl_slice_is(sl_buf_as_slice(&u->text), "null"))
            return true;
        ret->text = sl_buf_as_slice(&u->text);
        ret->is_object = *ret->text.p == '{';
    }
    if (sl_unwrap_inner(ret->text))
        make_wrapper(u, s, &body, ret);
    return whole;
}

static void piece(struct sl_unwrapped *u, size_t i, struct sl_members *members,
                  struct sl_piece *ret)
{
    const struct scope *s = &u->otlp->scopes[u->pieces[i].shared];
    struct sl_value v[MEMBERS];
    int64_t observed;
    bool whole;

    *ret = (struct sl_piece){.raw = sl_unwrap_piece(u, i)};
    take_apart(ret->raw, v);
    add_id(&v[TRACE_ID], "trace_id", TRACE_BYTES, members);
    add_id(&v[SPAN_ID], "span_id", SPAN_BYTES, members);
    add_number(&v[FLAGS], "trace_flags", members);
    ret->level = add_severity(v, members);
    sl_unwrap_keep(members, "event_name", &v[EVENT_NAME]);
    ret->time_ns = add_number(&v[TIME], "time_unix_nano", members);
    observed = add_number(&v[OBSERVED], "observed_time_unix_nano", members);
    ret->time_ns = ret->time_ns ? ret->time_ns : observed;
    ret->has_time = ret->time_ns > 0;
    whole = add_attributes(u->otlp, &v[ATTRIBUTES], members);
    add_number(&v[DROPPED], "dropped_attributes_count", members);
    make_shared(u->otlp, s);
    add_service(u->otlp, members);
    add_object(members, "resource", &u->otlp->resource);
    add_object(members, "scope", &u->otlp->scope);
    whole &= take_body(u, s, v[BODY], ret);
    if (!whole || !u->otlp->made_whole)
        sl_members_json(members, SL_SLICE_LITERAL("attributes_cut"), SL_SLICE_LITERAL("true"));
    if (!whole) /* nothing of the log record is lost */
        sl_members_string(members, SL_SLICE_LITERAL("wrapper"), ret->raw);
}

const struct sl_wrapper sl_wrapper_otlp_json = {
    .name = "otlp_json", .many = true, .looks = looks, .open = open_logs, .piece = piece};
