/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int sl_file_read(struct sl_buf *to, const char *path)
{
    enum { PIECE = 64 << 10 };
    size_t before = to->n;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY), code = SL_EIO, saved;
    char piece[4096];
    ssize_t got;

    if (fd < 0)
        return SL_EIO;
    for (;;) {
        size_t room = to->max - to->n < PIECE ? to->max - to->n : PIECE;
        /* At the maximum one more read tells a file that just fits from one that does not. */
        char *at = room ? sl_buf_reserve(to, room) : piece;

        got = read(fd, at, room ? room : sizeof(piece));
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        if (!room) {
            code = SL_EFULL;
            break;
        }
        to->n += (size_t)got;
    }
    saved = errno;
    if (got == 0)
        code = SL_OK;
    else
        sl_buf_truncate(to, before);
    close(fd);
    errno = saved;
    return code;
}

bool sl_file_load(struct sl_buf *to, const char *path, struct sl_diags *diags)
{
    const struct sl_slice none = {NULL, 0};
    int code = sl_file_read(to, path);

    if (code == SL_EFULL)
        sl_diags_add(diags, SL_PROBLEM, path, none, 0, 0,
                     "larger than %zu MiB, the most that is read", to->max >> 20);
    else if (code != SL_OK)
        sl_diags_add(diags, SL_PROBLEM, path, none, 0, 0, "cannot be read: %s", strerror(errno));
    return code == SL_OK;
}
