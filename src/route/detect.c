/* SPDX-License-Identifier: Apache-2.0 */
#include "route/detect.h"

#include "route/detect_private.h"
#include "route/networks.h"

/* ---- escapes ---- */

static bool all_hex(const char *p, size_t n)
{
    while (n > 0 && sl_is_hex(p[n - 1]))
        n--;
    return n == 0;
}

/* ESC [ 1 ; 31 m */
static size_t colour_before(struct sl_slice text, size_t at)
{
    enum { COLOUR_MAX = 20 };
    size_t i = at - 1;

    while (i > 0 && at - i < COLOUR_MAX && (sl_is_digit(text.p[i - 1]) || text.p[i - 1] == ';'))
        i--;
    return i > 1 && text.p[i - 1] == '[' && text.p[i - 2] == '\x1b' ? at - i + 2 : 0;
}

size_t sl_escape_before(struct sl_slice text, size_t at)
{
    const char *p = text.p + at;

    if (at >= 2 && p[-2] == '\\' && memchr("bfnrt", p[-1], 5))
        return 2;
    if (at >= 3 && p[-3] == '%' && all_hex(p - 2, 2))
        return 3;
    if (at >= 6 && p[-6] == '\\' && p[-5] == 'u' && all_hex(p - 4, 4))
        return 6;
    return at >= 3 && p[-1] == 'm' ? colour_before(text, at) : 0;
}

/* ---- e-mail addresses ---- */

enum { LOCAL_MAX = 128, DOMAIN_MAX = 253 };

/* A letter of two bytes, U+00C0 to U+07FF: names in Latin, Greek and Cyrillic. Scripts that write
 * no blanks between words are left out: half a sentence would go with the address. */
static bool is_wide_before(struct sl_slice text, size_t from, size_t at)
{
    return at >= from + 2 && ((unsigned char)text.p[at - 1] & 0xc0) == 0x80 &&
           (unsigned char)text.p[at - 2] >= 0xc3 && (unsigned char)text.p[at - 2] <= 0xdf;
}

static bool is_wide_at(struct sl_slice text, size_t at)
{
    return at + 1 < text.n && (unsigned char)text.p[at] >= 0xc3 &&
           (unsigned char)text.p[at] <= 0xdf && ((unsigned char)text.p[at + 1] & 0xc0) == 0x80;
}

static bool is_local(char c)
{
    return sl_is_alnum(c) || c == '.' || c == '_' || c == '%' || c == '+' || c == '-' || c == '\'';
}

static char hex_value(char c)
{
    return (char)(sl_is_digit(c) ? c - '0' : (c | 0x20) - 'a' + 10);
}

/* Does an escape end here, of what is not part of a name? \n is not asked for: behind a backslash
 * it could be the begin of one, CORP\nick. */
static bool is_bounded(struct sl_slice text, size_t at)
{
    size_t n = sl_escape_before(text, at);

    if (n != 3 || text.p[at - 3] != '%')
        return n > 2;
    return !is_local((char)(hex_value(text.p[at - 2]) << 4 | hex_value(text.p[at - 1])));
}

/* No further back than a name can be long: what stands before it is none of it. */
static size_t local_begin(struct sl_slice text, size_t from, size_t at)
{
    size_t begin = at;

    while (begin > from && at - begin < LOCAL_MAX && !is_bounded(text, begin)) {
        if (is_local(text.p[begin - 1]))
            begin--;
        else if (is_wide_before(text, from, begin))
            begin -= 2;
        else
            break;
    }
    /* Quotes, the end of a sentence and dashes stand before an address, not in front of a name. */
    while (begin < at && (text.p[begin] == '.' || text.p[begin] == '\'' || text.p[begin] == '-'))
        begin++;
    return begin;
}

static bool is_picture(struct sl_slice last)
{
    static const char *const kinds[] = {"png", "jpg", "jpeg", "gif", "svg", "webp", "avif"};

    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
        if (sl_slice_is(last, kinds[i]))
            return true;
    return false;
}

/* Where the domain that begins at `at` ends, after its last label that can be a top-level domain;
 * `at` when it is none. */
static size_t domain_end(struct sl_slice text, size_t at)
{
    size_t end = at, label = at, i = at, labels = 0;

    while (i - at <= DOMAIN_MAX) {
        size_t wide = is_wide_at(text, i) ? 2 : 0;

        if (i < text.n && (sl_is_alnum(text.p[i]) || text.p[i] == '-' || wide)) {
            i += wide ? wide : 1;
            continue;
        }
        if (i == label || text.p[label] == '-')
            break;
        if (labels++ && i - label >= 2 && (sl_is_alpha(text.p[label]) || is_wide_at(text, label)) &&
            (sl_is_alpha(text.p[label + 1]) || is_wide_at(text, label)))
            end = i;
        if (i == text.n || text.p[i] != '.')
            break;
        label = ++i;
    }
    while (end > at && text.p[end - 1] == '-')
        end--;
    /* icon@2x.png */
    if (labels == 2 && end > at + 3 && text.p[at] >= '1' && text.p[at] <= '9' &&
        text.p[at + 1] == 'x' && text.p[at + 2] == '.' &&
        is_picture(sl_slice(text.p + at + 3, end - at - 3)))
        return at;
    return end;
}

/* sign: what stands between name and domain. */
static bool find_email(struct sl_slice text, size_t from, struct sl_slice sign,
                       struct sl_found *ret)
{
    const char *p;

    for (size_t at = from; (p = sl_find_byte(text, at, *sign.p)); at = ret->end + 1) {
        size_t domain, end;

        ret->end = (size_t)(p - text.p);
        domain = ret->end + sign.n;
        if (domain > text.n || memcmp(p, sign.p, sign.n) != 0)
            continue;
        ret->begin = local_begin(text, from, ret->end);
        end = ret->begin < ret->end ? domain_end(text, domain) : domain;
        if (end > domain) {
            ret->end = end;
            return true;
        }
    }
    return false;
}

/* ---- IP addresses ---- */

/* Behind a word and a dot it is part of something longer: iso.3.6.1.4 */
static bool glued_before(struct sl_slice text, size_t begin)
{
    return sl_is_glued(text, begin) ||
           (begin > 1 && text.p[begin - 1] == '.' && sl_is_word(text.p[begin - 2]));
}

static bool find_ipv4(struct sl_slice text, size_t from, struct sl_found *ret)
{
    enum { QUAD_MAX = 17 };
    const char *dot;
    struct sl_ip ip;

    for (size_t at = from; (dot = sl_find_byte(text, at, '.'));) {
        size_t begin = (size_t)(dot - text.p), end;

        at = begin + 1;
        while (begin > from && at - begin <= 3 && sl_is_digit(text.p[begin - 1]) &&
               !sl_escape_before(text, begin))
            begin--;
        if (begin + 1 == at || glued_before(text, begin))
            continue;
        for (end = begin;
             end < text.n && end - begin < QUAD_MAX &&
             (sl_is_digit(text.p[end]) || (text.p[end] == '.' && text.p[end - 1] != '.'));)
            end++;
        if (text.p[end - 1] == '.') /* the end of a sentence */
            end--;
        if ((end < text.n && sl_is_word(text.p[end])) ||
            !sl_ip_parse_form(sl_slice(text.p + begin, end - begin), &ip) || ip.v6)
            continue;
        *ret = (struct sl_found){begin, end};
        return true;
    }
    return false;
}

/* Words of programs look like short addresses (a::b), and eight octets are an EUI-64 or a
 * fingerprint. */
static bool is_likely_ipv6(struct sl_slice text)
{
    size_t groups = 0, pairs = 0, n = 0;
    bool digit = false;

    for (size_t i = 0; i <= text.n; i++) {
        if (i < text.n && text.p[i] != ':') {
            digit |= sl_is_digit(text.p[i]);
            n++;
            continue;
        }
        groups += n > 0;
        pairs += n == 2;
        n = 0;
    }
    return groups > 0 && (digit || groups >= 3) && pairs < 8;
}

static bool is_address_char(char c)
{
    return sl_is_hex(c) || c == ':' || c == '.';
}

/* Punctuation around an address is none of it; the two colons at either end may be. */
static void trim_ipv6(struct sl_slice text, struct sl_found *f)
{
    while (f->end > f->begin && text.p[f->end - 1] == '.')
        f->end--;
    if (f->end - f->begin >= 2 && text.p[f->end - 1] == ':' && text.p[f->end - 2] != ':')
        f->end--;
    if (f->end - f->begin >= 2 && text.p[f->begin] == ':' &&
        (text.p[f->begin + 1] != ':' || (f->end - f->begin >= 3 && text.p[f->begin + 2] == ':')))
        f->begin++;
}

static bool find_ipv6(struct sl_slice text, size_t from, struct sl_found *ret)
{
    enum { TEXT_MAX = 48 };
    const char *colon;
    struct sl_ip ip;

    for (size_t at = from; (colon = sl_find_byte(text, at, ':'));) {
        struct sl_found f = {.begin = (size_t)(colon - text.p)};
        struct sl_slice found;

        for (at = f.begin; at < text.n && is_address_char(text.p[at]);)
            at++;
        f.end = at;
        while (f.begin > from && (size_t)(colon - text.p) - f.begin < 5 &&
               sl_is_hex(text.p[f.begin - 1]) && !sl_escape_before(text, f.begin))
            f.begin--;
        if (f.end - f.begin > TEXT_MAX || (f.end < text.n && sl_is_word(text.p[f.end])))
            continue;
        trim_ipv6(text, &f);
        if (sl_is_glued(text, f.begin))
            continue;
        found = sl_slice(text.p + f.begin, f.end - f.begin);
        if (!sl_ip_parse_form(found, &ip) || !ip.v6 || !is_likely_ipv6(found))
            continue;
        *ret = f;
        return true;
    }
    return false;
}

/* ---- card numbers ---- */

enum { CARD_MIN = 13, CARD_MAX = 19 };

static bool luhn(const char *digits, size_t n)
{
    unsigned sum = 0;

    for (size_t i = 0; i < n; i++) {
        unsigned d = (unsigned)(digits[n - 1 - i] - '0');

        sum += i % 2 == 0 ? d : d < 5 ? 2 * d : 2 * d - 9;
    }
    return sum % 10 == 0;
}

/* Number ranges of the brands, by their first four digits, and the lengths they issue. */
static bool known_brand(const char *digits, size_t n)
{
    static const struct {
        unsigned short first, last;
        unsigned lengths; /* bit n: n digits */
    } brands[] = {
#define LONG (1u << 16 | 1u << 17 | 1u << 18 | 1u << 19)
        {2200, 2204, LONG},                           /* Mir */
        {2221, 2720, 1u << 16},                       /* Mastercard */
        {3000, 3059, 1u << 14 | 1u << 16},            /* Diners Club */
        {3095, 3095, 1u << 14 | 1u << 16},            /* Diners Club */
        {3400, 3499, 1u << 15},                       /* American Express */
        {3528, 3589, LONG},                           /* JCB */
        {3600, 3699, 1u << 14 | 1u << 16},            /* Diners Club */
        {3700, 3799, 1u << 15},                       /* American Express */
        {3800, 3999, 1u << 14 | 1u << 16},            /* Diners Club */
        {4000, 4999, 1u << 13 | 1u << 16 | 1u << 19}, /* Visa */
        {5018, 5018, 1u << 13 | 1u << 15 | LONG},     /* Maestro, as are the next two */
        {5020, 5020, 1u << 13 | 1u << 15 | LONG},
        {5038, 5038, 1u << 13 | 1u << 15 | LONG},
        {5100, 5599, 1u << 16},                   /* Mastercard */
        {5893, 5893, 1u << 13 | 1u << 15 | LONG}, /* Maestro */
        {6011, 6011, LONG},                       /* Discover */
        {6200, 6299, LONG},                       /* UnionPay */
        {6304, 6304, 1u << 13 | 1u << 15 | LONG}, /* Maestro */
        {6440, 6599, LONG},                       /* Discover */
        {6759, 6763, 1u << 13 | 1u << 15 | LONG}, /* Maestro */
        {8100, 8199, LONG},                       /* UnionPay */
#undef LONG
    };
    unsigned head = 0;

    for (int i = 0; i < 4; i++)
        head = 10 * head + (unsigned)(digits[i] - '0');
    for (size_t i = 0; i < sizeof(brands) / sizeof(*brands); i++)
        if (head >= brands[i].first && head <= brands[i].last)
            return brands[i].lengths >> n & 1;
    return false;
}

static bool is_card(const char *digits, size_t n)
{
    return n >= CARD_MIN && n <= CARD_MAX && known_brand(digits, n) && luhn(digits, n);
}

static size_t digits_end(struct sl_slice text, size_t at)
{
    while (at < text.n && sl_is_digit(text.p[at]))
        at++;
    return at;
}

/* Is nothing glued to a run of digits? A decimal point with digits behind it is, but for the .0
 * that programs print which hold all numbers as real ones. */
static bool ends_well(struct sl_slice text, size_t end)
{
    if (end + 1 < text.n && text.p[end] == '.' && sl_is_digit(text.p[end + 1]))
        return text.p[end + 1] == '0' && (end + 2 == text.n || !sl_is_word(text.p[end + 2]));
    return end == text.n || !sl_is_word(text.p[end]);
}

static bool is_grouping(const size_t *lengths, size_t n)
{
    if (n == 3)
        return lengths[1] == 4   ? lengths[2] == 5 /* 13 digits */
               : lengths[1] == 6 ? lengths[2] == 5 || lengths[2] == 4
                                 : false;
    for (size_t i = 1; i < 4; i++)
        if (lengths[i] != 4)
            return false;
    return n == 4 || lengths[4] < 4;
}

/* A number in groups, the first of four digits at `begin`; the longest that is one. */
static bool grouped_card(struct sl_slice text, size_t begin, size_t *ret_end)
{
    enum { GROUPS_MAX = 5 };
    char digits[CARD_MAX + 1], separator = begin + 4 < text.n ? text.p[begin + 4] : 0;
    size_t lengths[GROUPS_MAX], ends[GROUPS_MAX], totals[GROUPS_MAX], n = 0, total = 0;

    if (separator != ' ' && separator != '-')
        return false;
    for (size_t at = begin; n < GROUPS_MAX; at = ends[n++] + 1) {
        size_t end = at;

        while (end < text.n && end - at < 8 && sl_is_digit(text.p[end]))
            end++;
        if (end == at || total + (end - at) > CARD_MAX)
            break;
        memcpy(digits + total, text.p + at, end - at);
        lengths[n] = end - at;
        ends[n] = end;
        totals[n] = total += end - at;
        if (end == text.n || text.p[end] != separator) {
            n++;
            break;
        }
    }
    for (; n >= 3; n--) {
        if (!is_grouping(lengths, n) || !ends_well(text, ends[n - 1]) ||
            !is_card(digits, totals[n - 1]))
            continue;
        *ret_end = ends[n - 1];
        return true;
    }
    return false;
}

static bool begins_well(struct sl_slice text, size_t begin)
{
    return !sl_is_glued(text, begin) &&
           !(begin > 1 && text.p[begin - 1] == '.' && sl_is_digit(text.p[begin - 2]));
}

static bool card_at(struct sl_slice text, size_t at, size_t end, struct sl_found *ret)
{
    *ret = (struct sl_found){at, end};
    if (!begins_well(text, at))
        return false;
    if (end - at == 4 && grouped_card(text, at, &ret->end))
        return true;
    return ends_well(text, end) && is_card(text.p + at, end - at);
}

static bool find_card(struct sl_slice text, size_t from, struct sl_found *ret)
{
    enum { ESCAPED_MAX = 4 }; /* of \u0020 and %20, what looks like digits of the number */

    for (size_t at = from, end; at < text.n; at = end + 1) {
        end = at;
        if (!sl_is_digit(text.p[at]))
            continue;
        end = digits_end(text, at);
        for (size_t begin = at; begin < end && begin <= at + ESCAPED_MAX; begin++)
            if ((begin == at || sl_escape_before(text, begin)) && card_at(text, begin, end, ret))
                return true;
    }
    return false;
}

bool sl_detect(enum sl_detector d, struct sl_slice text, size_t from, struct sl_found *ret)
{
    switch (d) {
    case SL_DETECT_EMAIL:
        return find_email(text, from, SL_SLICE_LITERAL("@"), ret);
    case SL_DETECT_EMAIL_URL:
        return find_email(text, from, SL_SLICE_LITERAL("%40"), ret);
    case SL_DETECT_IPV4:
        return find_ipv4(text, from, ret);
    case SL_DETECT_IPV6:
        return find_ipv6(text, from, ret);
    case SL_DETECT_CARD:
        return find_card(text, from, ret);
    case SL_DETECT_AWS_KEY:
        return sl_detect_aws_key(text, from, ret);
    case SL_DETECT_AWS_SECRET:
        return sl_detect_aws_secret(text, from, ret);
    default:
        return sl_detect_jwt(text, from, ret);
    }
}
