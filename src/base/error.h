/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_BASE_ERROR_H
#define SL_BASE_ERROR_H

#include <stddef.h>

/* One list makes the codes, their names and their texts. Functions that can fail return one of
 * these (0 is success) and, where the reason matters to a person, fill a struct sl_error. */
#define SL_ERROR_MAP(X)                                                                            \
    X(SL_OK, 0, "ok")                                                                              \
    X(SL_EINVAL, -1, "not valid")                                                                  \
    X(SL_EIO, -2, "input or output failed")                                                        \
    X(SL_EFULL, -3, "no room within the limit")                                                    \
    X(SL_EAGAIN, -4, "not now, try again")                                                         \
    X(SL_ENOENT, -5, "not found")                                                                  \
    X(SL_EDENIED, -6, "not allowed")                                                               \
    X(SL_ELIMIT, -7, "a limit was reached")                                                        \
    X(SL_ETIMEDOUT, -8, "took too long")                                                           \
    X(SL_ECONFIG, -9, "the configuration is wrong")                                                \
    X(SL_EKAFKA, -10, "Kafka answered with an error")

enum sl_code {
#define SL_ERROR_ENUM(name, value, text) name = (value),
    SL_ERROR_MAP(SL_ERROR_ENUM)
#undef SL_ERROR_ENUM
};

/* Untouched on success; sl_fail() sets code and text only. `file` is borrowed and may be NULL; line
 * and column count from 1, 0 is unknown. */
struct sl_error {
    int code;
    const char *file;
    unsigned line, column;
    const char *about; /* borrowed: the text that `column` counts in, where that is the column of a
                          value; NULL: unknown */
    char text[512];
};

const char *sl_code_name(int code);
const char *sl_code_text(int code);

/* Sets the error and returns the code, so that a caller can write `return sl_fail(err, ...)`.
 * err may be NULL. */
int sl_fail(struct sl_error *err, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
