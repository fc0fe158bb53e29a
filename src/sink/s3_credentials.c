/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/s3_credentials.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/file.h"

enum { FILE_MAX = 256 * 1024, KEY_MAX = 256, TOKEN_MAX = 16 * 1024 };

struct sl_credential_chain {
    const struct sl_s3_config *config;
    const char *(*getenv_)(const char *name);
    struct sl_credentials now;
    bool loaded; /* `now` is set */
    bool stale;  /* to be read, or read again */
    char *path;  /* of the shared file, when that is where `now` is from */
    struct stat seen;
};

static const char *environment(const char *name)
{
    return getenv(name);
}

struct sl_credential_chain *sl_credentials_new(const struct sl_s3_config *config,
                                               const char *(*getenv_)(const char *name))
{
    struct sl_credential_chain *c = sl_zalloc(sizeof(*c));

    c->config = config;
    c->getenv_ = getenv_ ? getenv_ : environment;
    c->stale = true;
    return c;
}

static void wipe(char **text)
{
    if (*text)
        explicit_bzero(*text, strlen(*text));
    free(*text);
    *text = NULL;
}

void sl_credentials_clear(struct sl_credentials *c)
{
    wipe(&c->access_key);
    wipe(&c->secret_key);
    wipe(&c->session_token);
}

static void forget(struct sl_credential_chain *c)
{
    sl_credentials_clear(&c->now);
    free(c->path);
    c->path = NULL;
    c->loaded = false;
}

void sl_credentials_free(struct sl_credential_chain *c)
{
    if (!c)
        return;
    forget(c);
    free(c);
}

/* A variable that is set to nothing counts as unset, as everywhere in the AWS tools. */
static const char *variable(struct sl_credential_chain *c, const char *name)
{
    const char *value = c->getenv_(name);

    return value && *value ? value : NULL;
}

/* ---- the shared file ---- */

static struct sl_slice trim(struct sl_slice s)
{
    while (s.n > 0 && strchr(" \t\r", s.p[0])) {
        s.p++;
        s.n--;
    }
    while (s.n > 0 && strchr(" \t\r", s.p[s.n - 1]))
        s.n--;
    return s;
}

static void set(char **to, struct sl_slice value)
{
    wipe(to);
    *to = sl_strndup(value.p, value.n);
}

static void take_setting(struct sl_credentials *ret, struct sl_slice line)
{
    const char *equals = memchr(line.p, '=', line.n);
    struct sl_slice name, value;

    if (!equals)
        return;
    name = trim(sl_slice(line.p, (size_t)(equals - line.p)));
    value = trim(sl_slice(equals + 1, line.n - (size_t)(equals - line.p) - 1));
    if (sl_slice_is(name, "aws_access_key_id"))
        set(&ret->access_key, value);
    else if (sl_slice_is(name, "aws_secret_access_key"))
        set(&ret->secret_key, value);
    else if (sl_slice_is(name, "aws_session_token"))
        set(&ret->session_token, value);
}

static bool section_is(struct sl_slice line, const char *profile)
{
    const char *close = memchr(line.p, ']', line.n);

    return close && sl_slice_is(trim(sl_slice(line.p + 1, (size_t)(close - line.p) - 1)), profile);
}

bool sl_credentials_parse(struct sl_slice text, const char *profile, struct sl_credentials *ret)
{
    bool inside = false, found = false;

    while (text.n > 0) {
        const char *stop = memchr(text.p, '\n', text.n);
        size_t n = stop ? (size_t)(stop - text.p) : text.n;
        struct sl_slice line = trim(sl_slice(text.p, n));

        n += stop != NULL;
        text.p += n;
        text.n -= n;
        if (line.n == 0 || line.p[0] == '#' || line.p[0] == ';')
            continue;
        if (line.p[0] == '[') {
            inside = section_is(line, profile);
            found = found || inside;
        } else if (inside) {
            take_setting(ret, line);
        }
    }
    return found;
}

/* ---- providers: SL_OK, SL_ENOENT (not configured: ask the next), or an error ---- */

static int from_config(struct sl_credential_chain *c, struct sl_error *err)
{
    const struct sl_s3_config *k = c->config;

    if (!k->access_key && !k->secret_key)
        return SL_ENOENT;
    if (!k->access_key || !k->secret_key)
        return sl_fail(err, SL_EINVAL, "access_key and secret_key are needed together");
    c->now.access_key = sl_strdup(sl_secret_value(k->access_key));
    c->now.secret_key = sl_strdup(sl_secret_value(k->secret_key));
    c->now.session_token = sl_strdup(sl_secret_value(k->session_token));
    if (!*c->now.access_key || !*c->now.secret_key)
        return sl_fail(err, SL_EINVAL, "access_key or secret_key is empty");
    return SL_OK;
}

static int from_environment(struct sl_credential_chain *c, struct sl_error *err)
{
    const char *access = variable(c, "AWS_ACCESS_KEY_ID");
    const char *secret = variable(c, "AWS_SECRET_ACCESS_KEY");
    const char *token = variable(c, "AWS_SESSION_TOKEN");

    if (!access && !secret)
        return SL_ENOENT;
    if (!access || !secret)
        return sl_fail(err, SL_EINVAL, "%s is set and %s is not",
                       access ? "AWS_ACCESS_KEY_ID" : "AWS_SECRET_ACCESS_KEY",
                       access ? "AWS_SECRET_ACCESS_KEY" : "AWS_ACCESS_KEY_ID");
    c->now.access_key = sl_strdup(access);
    c->now.secret_key = sl_strdup(secret);
    c->now.session_token = sl_strdup(token ? token : "");
    return SL_OK;
}

static char *shared_path(struct sl_credential_chain *c, bool *ret_named)
{
    const char *named = variable(c, "AWS_SHARED_CREDENTIALS_FILE");
    const char *home = variable(c, "HOME");

    *ret_named = named != NULL;
    if (named)
        return sl_strdup(named);
    return home ? sl_asprintf("%s/.aws/credentials", home) : NULL;
}

static int read_shared(struct sl_credential_chain *c, const char *path, bool named,
                       struct sl_error *err)
{
    const char *wanted = variable(c, "AWS_PROFILE");
    const char *profile = wanted ? wanted : "default";
    struct sl_buf text;
    int rc;

    sl_buf_init(&text, FILE_MAX);
    rc = sl_file_read(&text, path);
    if (rc == SL_EIO && errno == ENOENT && !named && !wanted)
        rc = SL_ENOENT;
    else if (rc != SL_OK)
        rc = sl_fail(err, SL_EIO, "the credentials file %s cannot be read: %s", path,
                     rc == SL_EFULL ? "it is too large" : strerror(errno));
    else if (!sl_credentials_parse(sl_buf_as_slice(&text), profile, &c->now))
        rc = named || wanted ? sl_fail(err, SL_EINVAL,
                                       "the credentials file %s has no profile [%s]", path, profile)
                             : SL_ENOENT;
    else if (!c->now.access_key || !*c->now.access_key || !c->now.secret_key || !*c->now.secret_key)
        rc = sl_fail(err, SL_EINVAL,
                     "profile [%s] of %s needs aws_access_key_id and aws_secret_access_key",
                     profile, path);
    else if (!c->now.session_token)
        c->now.session_token = sl_strdup("");
    if (text.p)
        explicit_bzero(text.p, text.n);
    sl_buf_release(&text);
    return rc;
}

static int from_shared_file(struct sl_credential_chain *c, struct sl_error *err)
{
    bool named;
    char *path = shared_path(c, &named);
    int rc;

    if (!path)
        return SL_ENOENT;
    /* Looked at before it is read: a change between the two is then seen as one the next time. */
    memset(&c->seen, 0, sizeof(c->seen));
    (void)stat(path, &c->seen);
    rc = read_shared(c, path, named, err);
    if (rc == SL_OK)
        c->path = path;
    else
        free(path);
    return rc;
}

static const struct {
    const char *name;
    int (*load)(struct sl_credential_chain *c, struct sl_error *err);
} providers[] = {
    {"sluice.yaml", from_config},
    {"environment", from_environment},
    {"shared credentials file", from_shared_file},
    /* web identity, container, instance metadata */
};

/* ---- the chain ---- */

static bool changed(struct sl_credential_chain *c)
{
    struct stat now;

    if (!c->path)
        return false;
    if (stat(c->path, &now) != 0)
        return false; /* gone for a moment while it is replaced: what was read stays good */
    return now.st_mtim.tv_sec != c->seen.st_mtim.tv_sec ||
           now.st_mtim.tv_nsec != c->seen.st_mtim.tv_nsec || now.st_size != c->seen.st_size ||
           now.st_ino != c->seen.st_ino;
}

/* They become parts of header lines: nothing may end a line there. */
static bool printable(const char *text, size_t max)
{
    size_t n = strlen(text);

    for (size_t i = 0; i < n; i++)
        if ((unsigned char)text[i] <= ' ' || (unsigned char)text[i] >= 127)
            return false;
    return n <= max;
}

static int load(struct sl_credential_chain *c, struct sl_error *err)
{
    int rc = SL_ENOENT;

    for (size_t i = 0; i < sizeof(providers) / sizeof(providers[0]) && rc == SL_ENOENT; i++) {
        rc = providers[i].load(c, err);
        if (rc == SL_OK &&
            !(printable(c->now.access_key, KEY_MAX) && printable(c->now.secret_key, KEY_MAX) &&
              printable(c->now.session_token, TOKEN_MAX)))
            rc = sl_fail(err, SL_EINVAL,
                         "the credentials from the %s hold blanks or control characters",
                         providers[i].name);
    }
    if (rc == SL_ENOENT)
        sl_fail(err, rc,
                "no AWS credentials: set access_key and secret_key, or AWS_ACCESS_KEY_ID and "
                "AWS_SECRET_ACCESS_KEY, or a profile in ~/.aws/credentials");
    return rc;
}

int sl_credentials_get(struct sl_credential_chain *c, const struct sl_credentials **ret,
                       struct sl_error *err)
{
    struct sl_credential_chain before;
    int rc = SL_OK;

    if (!c->stale && !changed(c))
        goto out;
    before = *c;
    c->now = (struct sl_credentials){0};
    c->path = NULL;
    rc = load(c, before.loaded ? NULL : err);
    c->stale = rc != SL_OK && !before.loaded;
    if (rc == SL_OK) {
        c->loaded = true;
        forget(&before);
    } else {
        /* A file that is being replaced, or was damaged: what was read before may still be good,
         * and the store will say so if it is not. */
        forget(c);
        c->now = before.now;
        c->path = before.path;
        c->loaded = before.loaded;
        rc = c->loaded ? SL_OK : rc;
    }
out:
    if (rc == SL_OK)
        *ret = &c->now;
    return rc;
}

void sl_credentials_refresh(struct sl_credential_chain *c)
{
    struct sl_secret *const secrets[] = {c->config->access_key, c->config->secret_key,
                                         c->config->session_token};

    for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++)
        if (secrets[i])
            sl_secret_refresh(secrets[i]);
    c->stale = true;
}
