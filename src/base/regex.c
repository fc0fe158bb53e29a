/* SPDX-License-Identifier: Apache-2.0 */
#include "base/regex.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/alloc.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

/* The copy with callouts has five times the machine code, and most patterns never see a long
 * subject, so it gets there with its first. The code is then always the same, and so are the limits
 * it meets. */
enum jit_state { JIT_NOT_YET, JIT_AT_WORK, JIT_DONE };

struct sl_regex {
    pcre2_code *plain, *counted;
    _Atomic int counted_jit; /* enum jit_state */
    char *pattern;
    size_t n;
    unsigned groups;
    const char **names; /* by group; in the plain code's table, or NULL */
};

struct sl_regex_scratch {
    pcre2_match_data *data;  /* of one pair: whether it matches */
    pcre2_match_data *spans; /* where */
    pcre2_match_context *plain, *counted;
    pcre2_jit_stack *stack;
    size_t steps;
    size_t at; /* where in the subject the last step was taken */
};

/* PCRE2 reports running out of memory like any other error; the program's habit is to end. */
static void *must(void *p)
{
    if (!p)
        abort();
    return p;
}

/* Where the processor or a hardened system has no JIT, or the pattern is beyond it, the interpreter
 * gives the same answers, slower. */
static void compile_jit(pcre2_code *code)
{
    (void)pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
}

static pcre2_code *compile(struct sl_slice pattern, uint32_t more, size_t *ret_offset,
                           struct sl_error *err)
{
    const uint32_t options = PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C | more;
    PCRE2_SIZE at = 0;
    PCRE2_UCHAR text[256];
    int error;
    pcre2_code *code = pcre2_compile((PCRE2_SPTR)(pattern.n ? pattern.p : ""), pattern.n, options,
                                     &error, &at, NULL);

    if (!code) {
        pcre2_get_error_message(error, text, sizeof(text));
        *ret_offset = at < pattern.n ? at : pattern.n;
        sl_fail(err, SL_EINVAL, "%s%s", (const char *)text,
                error == PCRE2_ERROR_PATTERN_TOO_LARGE
                    ? "; many words belong in a list of values, or in a table (`in_table`)"
                    : "");
    }
    return code;
}

static void read_groups(struct sl_regex *r)
{
    uint32_t groups = 0, names = 0, size = 0;
    PCRE2_SPTR table = NULL;

    pcre2_pattern_info(r->plain, PCRE2_INFO_CAPTURECOUNT, &groups);
    pcre2_pattern_info(r->plain, PCRE2_INFO_NAMECOUNT, &names);
    pcre2_pattern_info(r->plain, PCRE2_INFO_NAMEENTRYSIZE, &size);
    pcre2_pattern_info(r->plain, PCRE2_INFO_NAMETABLE, &table);
    r->groups = groups;
    r->names = sl_calloc(groups + 1, sizeof(*r->names));
    /* An entry: the group in two bytes, then its name, NUL-ended. */
    for (uint32_t i = 0; i < names; i++, table += size)
        r->names[(unsigned)table[0] << 8 | table[1]] = (const char *)table + 2;
}

struct sl_regex *sl_regex_new(struct sl_slice pattern, bool fold, size_t *ret_offset,
                              struct sl_error *err)
{
    const uint32_t more = fold ? PCRE2_CASELESS : 0;
    struct sl_regex *r = NULL;

    *ret_offset = 0;
    if (pattern.n > SL_REGEX_PATTERN_MAX) {
        sl_fail(err, SL_ELIMIT, "longer than %d KiB", SL_REGEX_PATTERN_MAX >> 10);
        return NULL;
    }
    r = sl_zalloc(sizeof(*r));
    r->pattern = sl_strndup(pattern.n ? pattern.p : "", pattern.n);
    r->n = pattern.n;
    r->plain = compile(pattern, more, ret_offset, err);
    if (r->plain)
        r->counted = compile(pattern, PCRE2_AUTO_CALLOUT | more, ret_offset, err);
    if (!r->counted) {
        sl_regex_free(r);
        return NULL;
    }
    compile_jit(r->plain);
    read_groups(r);
    return r;
}

void sl_regex_free(struct sl_regex *r)
{
    if (!r)
        return;
    pcre2_code_free(r->plain);
    pcre2_code_free(r->counted);
    free(r->names);
    free(r->pattern);
    free(r);
}

/* Called before each item of the pattern. Bytes passed count too: a repeat is one item however far
 * it reaches. */
static int count_step(pcre2_callout_block *block, void *user)
{
    struct sl_regex_scratch *s = user;
    size_t passed = block->current_position > s->at ? block->current_position - s->at : 0;

    s->at = block->current_position;
    s->steps += 1 + passed / SL_REGEX_BYTES_PER_STEP;
    return s->steps > SL_REGEX_STEPS_MAX ? PCRE2_ERROR_CALLOUT : 0;
}

static pcre2_match_context *new_context(const struct sl_regex_scratch *s, uint32_t limit)
{
    pcre2_match_context *c = must(pcre2_match_context_create(NULL));

    pcre2_set_match_limit(c, limit);
    pcre2_set_depth_limit(c, SL_REGEX_DEPTH_LIMIT);
    pcre2_set_heap_limit(c, SL_REGEX_HEAP_KIB_MAX);
    if (s->stack)
        pcre2_jit_stack_assign(c, NULL, s->stack);
    return c;
}

struct sl_regex_scratch *sl_regex_scratch_new(void)
{
    struct sl_regex_scratch *s = sl_zalloc(sizeof(*s));

    s->data = must(pcre2_match_data_create(1, NULL));
    s->spans = must(pcre2_match_data_create(SL_REGEX_GROUPS_MAX + 1, NULL));
    s->stack = pcre2_jit_stack_create(32 << 10, SL_REGEX_STACK_MAX, NULL); /* NULL without JIT */
    s->plain = new_context(s, SL_REGEX_MATCH_LIMIT);
    s->counted = new_context(s, SL_REGEX_LONG_LIMIT);
    pcre2_set_callout(s->counted, count_step, s);
    return s;
}

void sl_regex_scratch_free(struct sl_regex_scratch *s)
{
    if (!s)
        return;
    pcre2_jit_stack_free(s->stack);
    pcre2_match_context_free(s->plain);
    pcre2_match_context_free(s->counted);
    pcre2_match_data_free(s->data);
    pcre2_match_data_free(s->spans);
    free(s);
}

void sl_regex_begin(struct sl_regex_scratch *s)
{
    s->steps = 0;
}

static const pcre2_code *counted(const struct sl_regex *r)
{
    struct sl_regex *own = (struct sl_regex *)r; /* a pattern is immutable but for this */
    int state = JIT_NOT_YET;

    if (atomic_load_explicit(&own->counted_jit, memory_order_acquire) == JIT_DONE)
        return r->counted;
    if (atomic_compare_exchange_strong(&own->counted_jit, &state, JIT_AT_WORK)) {
        compile_jit(own->counted);
        atomic_store_explicit(&own->counted_jit, JIT_DONE, memory_order_release);
    }
    while (atomic_load_explicit(&own->counted_jit, memory_order_acquire) != JIT_DONE)
        sched_yield(); /* another thread's first long subject */
    return r->counted;
}

static int run(const struct sl_regex *r, struct sl_regex_scratch *s, struct sl_slice subject,
               size_t from, pcre2_match_data *data)
{
    bool plain = subject.n <= SL_REGEX_PLAIN_MAX;
    int got;

    s->at = from;
    got = pcre2_match(plain ? r->plain : counted(r), (PCRE2_SPTR)(subject.n ? subject.p : ""),
                      subject.n, from, 0, data, plain ? s->plain : s->counted);
    if (got >= 0)
        return 1;
    /* Every other answer is a bound that was met (steps, depth, heap, JIT stack) or an error inside
     * PCRE2; in both cases the pattern has not been judged. */
    return got == PCRE2_ERROR_NOMATCH ? 0 : SL_ELIMIT;
}

int sl_regex_match(const struct sl_regex *r, struct sl_regex_scratch *s, struct sl_slice subject)
{
    return run(r, s, subject, 0, s->data);
}

int sl_regex_search(const struct sl_regex *r, struct sl_regex_scratch *s, struct sl_slice subject,
                    size_t from, struct sl_regex_span *ret_spans, unsigned n_spans)
{
    int found = run(r, s, subject, from, s->spans);
    const PCRE2_SIZE *at = pcre2_get_ovector_pointer(s->spans);

    for (unsigned i = 0; found == 1 && i < n_spans; i++)
        ret_spans[i] = i <= r->groups && at[2 * i] != PCRE2_UNSET
                           ? (struct sl_regex_span){at[2 * i], at[2 * i + 1]}
                           : (struct sl_regex_span){1, 0};
    return found;
}

struct sl_slice sl_regex_pattern(const struct sl_regex *r)
{
    return sl_slice(r->pattern, r->n);
}

unsigned sl_regex_groups(const struct sl_regex *r)
{
    return r->groups;
}

const char *sl_regex_group_name(const struct sl_regex *r, unsigned group)
{
    return group <= r->groups ? r->names[group] : NULL;
}
