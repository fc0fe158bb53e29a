/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/file_write.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"

enum { FILE_MODE = 0640 };

static bool is_stdout(const char *path)
{
    return strcmp(path, "-") == 0;
}

/* An earlier process may have been cut off in the middle of a line: what comes next must not be
 * glued to it. What cannot be looked at counts as whole. */
static bool ends_torn(const char *path)
{
    struct stat at;
    char last = '\n';
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

    if (fd < 0)
        return false;
    if (fstat(fd, &at) == 0 && S_ISREG(at.st_mode) && at.st_size > 0 &&
        pread(fd, &last, 1, at.st_size - 1) != 1)
        last = '\n';
    close(fd);
    return last != '\n';
}

int sl_file_open(struct sl_file_target *t, bool anew)
{
    int fd;

    if (t->fd >= 0 && !anew)
        return 0;
    if (is_stdout(t->path)) {
        t->fd = STDOUT_FILENO;
        return 0;
    }
    /* A pipe that nobody reads is said so (ENXIO) instead of waited for; once open, write_all()
     * waits. */
    fd =
        open(t->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, FILE_MODE);
    if (fd < 0)
        return errno;
    if (t->fd >= 0)
        close(t->fd);
    t->fd = fd;
    t->torn = ends_torn(t->path);
    return 0;
}

void sl_file_close(struct sl_file_target *t)
{
    if (t->fd >= 0 && !is_stdout(t->path))
        close(t->fd);
    free(t->path);
    free(t);
}

/* Pipes are opened so, and standard output may have been made so by who started us. */
static int wait_writable(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLOUT};

    return poll(&p, 1, -1) < 0 && errno != EINTR ? errno : 0;
}

static int write_all(int fd, struct sl_slice bytes, size_t *done)
{
    int error = 0;

    while (error == 0 && *done < bytes.n) {
        ssize_t w = write(fd, bytes.p + *done, bytes.n - *done);

        if (w > 0)
            *done += (size_t)w;
        else if (w == 0)
            error = EIO;
        else if (errno == EAGAIN)
            error = wait_writable(fd);
        else if (errno != EINTR)
            error = errno;
    }
    return error;
}

int sl_file_write(struct sl_file_target *t, struct sl_slice bytes, size_t *done)
{
    if (t->torn) {
        size_t ended = 0;
        int error = write_all(t->fd, SL_SLICE_LITERAL("\n"), &ended);

        if (error)
            return error;
        t->torn = false;
    }
    return write_all(t->fd, bytes, done);
}

int sl_file_look(const char *path)
{
    char *folder, *slash;
    struct stat at;
    int error;

    if (!is_stdout(path) && stat(path, &at) == 0 && S_ISDIR(at.st_mode))
        return EISDIR;
    if (is_stdout(path) || access(path, W_OK) == 0)
        return 0;
    if (errno != ENOENT)
        return errno;
    folder = sl_strdup(path);
    slash = strrchr(folder, '/');
    if (slash)
        slash[slash == folder] = '\0'; /* keeps the slash of the root */
    error = access(slash ? folder : ".", W_OK | X_OK) == 0 ? 0 : errno;
    free(folder);
    return error;
}

void sl_file_explain(const char *path, int error, char *text, size_t max, struct sl_result *ret)
{
    const char *name = is_stdout(path) ? "standard output" : path, *hint = "";

    ret->outcome = SL_STALL;
    ret->reason = text;
    switch (error) {
    case EIO: /* may pass by itself */
    case EMFILE:
    case ENFILE:
    case ENOMEM:
        ret->outcome = SL_AGAIN;
        break;
    case ENOENT:
    case ENOTDIR:
        hint = ": its directory does not exist";
        break;
    case ENXIO:
    case EPIPE:
        hint = ": nobody reads it";
        break;
    default:
        break;
    }
    snprintf(text, max, "cannot write %.300s%s (%s)", name, hint, strerror(error));
}
