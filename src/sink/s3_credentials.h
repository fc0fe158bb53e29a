/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_SINK_S3_CREDENTIALS_H
#define SL_SINK_S3_CREDENTIALS_H

#include "base/buf.h"
#include "base/error.h"
#include "base/slice.h"
#include "sluice/config.h"

/* Where the keys come from: the first provider that is configured decides, and when what it gives
 * is incomplete that is an error, never a reason to go on to the next one (half a configuration
 * must not become somebody else's account).
 *
 *   1. access_key, secret_key, session_token of sluice.yaml
 *   2. AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN
 *   3. the shared credentials file: AWS_SHARED_CREDENTIALS_FILE or ~/.aws/credentials, AWS_PROFILE
 *
 * Web identity, container and instance providers follow in the table of s3_credentials.c: they ask
 * a server, so theirs will be entries that answer from what was fetched last, and SL_EAGAIN until
 * then. */

struct sl_credentials {
    char *access_key, *secret_key;
    char *session_token; /* "" for none */
};

struct sl_credential_chain;

/* getenv_: the environment, for tests; NULL is getenv. Reads nothing yet. `config` is borrowed. */
struct sl_credential_chain *sl_credentials_new(const struct sl_s3_config *config,
                                               const char *(*getenv_)(const char *name));
void sl_credentials_free(struct sl_credential_chain *c);

/* The credentials for the next request: what was read last, unless the file has changed since.
 * Borrowed until the next call. SL_ENOENT: there are none anywhere; SL_EINVAL, SL_EIO: what there
 * is cannot be used. The error says it in words and holds no secret. */
int sl_credentials_get(struct sl_credential_chain *c, const struct sl_credentials **ret,
                       struct sl_error *err);
/* Reads everything anew at the next sl_credentials_get(). What cannot be read then leaves the
 * earlier credentials in use. */
void sl_credentials_refresh(struct sl_credential_chain *c);

/* Finds a profile in the text of a shared credentials file. Sets what the profile has (new memory)
 * in ret; false when there is no such profile. */
bool sl_credentials_parse(struct sl_slice text, const char *profile, struct sl_credentials *ret);
void sl_credentials_clear(struct sl_credentials *c); /* wipes and frees */

#endif
