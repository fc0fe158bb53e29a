/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates, against a real TLS server: openssl's, with an authority that is made for the test.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "net/client_fixture.h"

static char folder[] = "/tmp/sluice-tls-XXXXXX";

/* ca.pem signs good.pem, other.pem (another name) and expired.pem; nobody signs self.pem. */
static const char make[] =
    "cd %s && new='-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes' &&"
    "here='subjectAltName=DNS:localhost,IP:127.0.0.1' &&"
    "openssl req -x509 $new -keyout ca.key -out ca.pem -subj /CN=authority -days 2 &&"
    "openssl req -x509 $new -keyout self.key -out self.pem -subj /CN=localhost -addext $here &&"
    "openssl req $new -keyout key -out request -subj /CN=localhost &&"
    "sign() { openssl x509 -req -in request -CA ca.pem -CAkey ca.key -CAcreateserial -extfile ext "
    "-out $1.pem -days $2 && cp key $1.key; } &&"
    "echo $here >ext && sign good 2 && sign expired -1 &&"
    "echo subjectAltName=DNS:other.example >ext && sign other 2";

static int make_certificates(void **state)
{
    char *command, *all;
    int status;

    (void)state;
    assert_non_null(mkdtemp(folder));
    command = sl_asprintf(make, folder);
    all = sl_asprintf("{ %s; } >%s/log 2>&1 || { cat %s/log; exit 1; }", command, folder, folder);
    status = system(all);
    free(all);
    free(command);
    return status;
}

static int remove_certificates(void **state)
{
    char *command = sl_asprintf("rm -r %s", folder);
    int status = system(command);

    (void)state;
    free(command);
    return status;
}

static char *file_of(const char *name, const char *ending)
{
    return sl_asprintf("%s/%s.%s", folder, name, ending);
}

struct server {
    pid_t pid;
    int port;
};

/* It takes a free port and says which. */
static struct server serve(const char *name)
{
    char *cert = file_of(name, "pem"), *key = file_of(name, "key"), line[256];
    struct server s = {0};
    int out[2];
    FILE *f;

    assert_int_equal(pipe(out), 0);
    s.pid = fork();
    if (s.pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(open("/dev/null", O_RDWR), 0);
        dup2(out[1], 1);
        dup2(0, 2);
        close(out[0]);
        execlp("openssl", "openssl", "s_server", "-accept", "127.0.0.1:0", "-www", "-cert", cert,
               "-key", key, (char *)NULL);
        _exit(127);
    }
    close(out[1]);
    f = fdopen(out[0], "r");
    while (!s.port && fgets(line, sizeof(line), f))
        sscanf(line, "ACCEPT 127.0.0.1:%d", &s.port);
    fclose(f);
    free(cert);
    free(key);
    assert_int_not_equal(s.port, 0);
    return s;
}

static void end(const struct server *s)
{
    kill(s->pid, SIGKILL);
    waitpid(s->pid, NULL, 0);
}

/* One exchange with it; words: NULL for a good one, else what the operator is told. */
static void expect(struct fixture *f, const struct server *s, const struct sl_http_tls *tls,
                   const char *words)
{
    struct exchange e;

    exchange_init(&e, f, "GET", "/");
    snprintf(e.url, sizeof(e.url), "https://127.0.0.1:%d/", s->port);
    e.r.tls = tls;
    exchange_run(&e);
    if (e.result != (words ? SL_HTTP_TLS : SL_HTTP_OK) || (words && !strstr(e.error, words)))
        fail_msg("result %d: %s", (int)e.result, e.error);
    assert_int_equal(e.status, words ? 0 : 200);
    assert_true(words ? e.body_n == 0 : e.body_n > 0);
    exchange_release(&e);
}

static void expect_of(struct fixture *f, const char *name, const char *words)
{
    char *ca = file_of("ca", "pem");
    const struct sl_http_tls tls = {.ca = ca, .verify = true};
    struct server s = serve(name);

    expect(f, &s, &tls, words);
    end(&s);
    free(ca);
}

static void f50_tls_bad_name(void **state)
{
    expect_of(*state, "good", NULL);
    expect_of(*state, "other", "127.0.0.1");
}

static void f50_tls_expired(void **state)
{
    expect_of(*state, "expired", "expired");
}

static void f50_tls_self_signed(void **state)
{
    expect_of(*state, "self", "self");
}

/* What one sink trusts, or does not look at, is nothing to another. */
static void f50_tls_trust_is_the_sinks_own(void **state)
{
    char *ca = file_of("ca", "pem");
    const struct sl_http_tls ours = {.ca = ca, .verify = true}, any = {.verify = false};
    struct server s = serve("good");

    expect(*state, &s, NULL, "certificate");
    expect(*state, &s, &any, NULL);
    expect(*state, &s, NULL, "certificate");
    expect(*state, &s, &ours, NULL);
    expect(*state, &s, NULL, "certificate");
    end(&s);
    free(ca);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_CLIENT(f50_tls_bad_name),
        WITH_CLIENT(f50_tls_expired),
        WITH_CLIENT(f50_tls_self_signed),
        WITH_CLIENT(f50_tls_trust_is_the_sinks_own),
    };

    return cmocka_run_group_tests(tests, make_certificates, remove_certificates);
}
